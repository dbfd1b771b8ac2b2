//! What this door knows of its clients besides the core: user, real name, since when; and of the last who went.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError, RwLock};

use chat_server::model::names::Name;
use chrono::{DateTime, Utc};

/// So many of those who went are remembered.
const GONE: usize = 100;

/// What a client said of itself with `USER`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Profile {
    /// With `~` in front.
    pub(crate) user: String,
    pub(crate) real: String,
    pub(crate) since: DateTime<Utc>,
    /// The connection that said it.
    pub(crate) number: u64,
    /// The user's own modes: `i` hides it from masks, `B` marks a program, `o` an operator of the server; `w` means nothing.
    pub(crate) modes: String,
}

impl Profile {
    /// Whether it has this mode.
    pub(crate) fn has(&self, mode: char) -> bool {
        self.modes.contains(mode)
    }

    /// Sets or clears one of its modes. Whether that changed anything.
    pub(crate) fn set(&mut self, mode: char, on: bool) -> bool {
        let had = self.has(mode);
        match on {
            true if !had => self.modes.push(mode),
            false => self.modes.retain(|other| other != mode),
            true => {}
        }
        had != on
    }
}

/// All profiles by name. A user of another door has none.
#[derive(Default)]
pub(crate) struct Directory {
    here: RwLock<HashMap<Name, Profile>>,
    gone: Mutex<VecDeque<(Name, Profile)>>,
}

impl Directory {
    pub(crate) fn find(&self, name: &Name) -> Option<Profile> {
        self.here.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn add(&self, name: Name, profile: Profile) {
        self.here.write().unwrap_or_else(PoisonError::into_inner).insert(name, profile);
    }

    /// A client has another name.
    pub(crate) fn rename(&self, old: &Name, new: Name, number: u64) {
        let mut here = self.here.write().unwrap_or_else(PoisonError::into_inner);
        if here.get(old).is_some_and(|profile| profile.number == number)
            && let Some(profile) = here.remove(old)
        {
            here.insert(new, profile);
        }
    }

    /// A client sets or clears a mode of its own.
    pub(crate) fn set(&self, name: &Name, mode: char, on: bool) -> bool {
        let mut here = self.here.write().unwrap_or_else(PoisonError::into_inner);
        here.get_mut(name).is_some_and(|profile| profile.set(mode, on))
    }

    /// A client is gone.
    pub(crate) fn remove(&self, name: &Name, number: u64) {
        let mut here = self.here.write().unwrap_or_else(PoisonError::into_inner);
        if here.get(name).is_none_or(|profile| profile.number != number) {
            return;
        }
        if let Some(profile) = here.remove(name) {
            let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
            gone.push_front((name.clone(), profile));
            gone.truncate(GONE);
        }
    }

    /// Those of that name who went, the last one first.
    pub(crate) fn gone(&self, name: &str) -> Vec<(Name, Profile)> {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.iter().filter(|(known, _)| known.as_str().eq_ignore_ascii_case(name)).cloned().collect()
    }

    /// `budi!~b@budi.user`: an address is never shown.
    pub(crate) fn prefix(&self, name: &Name) -> String {
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(profile) = here.get(name) {
            return prefix(name, &profile.user);
        }
        drop(here);
        // Of a client that has just gone, its end may be told a moment later.
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let user = gone.iter().take(8).find(|(known, _)| known == name).map_or("~", |(_, profile)| &profile.user);
        prefix(name, user)
    }
}

/// The source of a line.
pub(crate) fn prefix(name: &Name, user: &str) -> String {
    format!("{name}!{user}@{name}.user")
}
