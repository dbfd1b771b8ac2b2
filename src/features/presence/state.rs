//! What is known of each client's presence. Why a user is away lies in the registry ([`Person`](crate::chat::roster::Person)), for
//! doors read it there without asking the router.

use std::collections::{BTreeMap, BTreeSet};

use crate::features::limits::Paces;
use crate::model::address::Neighbourhood;
use crate::model::names::{ClientId, Name};
use crate::model::now::Moment;

/// The most users whom one user ignores.
const MAX_IGNORED: usize = 200;

/// The presence of all clients. A client of which nothing is known has no place in these maps.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    /// Arrivals in rooms, by neighbourhood of addresses; `None` are the clients without an address.
    pub(super) arrivals: Paces<Option<Neighbourhood>>,
    /// Clients that set `presence=full`: they hear of coming and going in crowds as well.
    pub(super) watchers: BTreeSet<ClientId>,
    /// Clients that set `away=on`: they hear who is away.
    pub(super) away_watchers: BTreeSet<ClientId>,
    /// When those rooms are told of a client that do not know of it yet ([`RoomState::unannounced`](crate::features::state::RoomState)).
    pub(crate) announce_at: BTreeMap<ClientId, Moment>,
    /// The names that a client ignores, the oldest first.
    ignored: BTreeMap<ClientId, Vec<Name>>,
    /// The connection that whispered to a client last, with the name that its user had then.
    pub(super) whisperers: BTreeMap<ClientId, (ClientId, Name)>,
    /// Clients that were said to type at least once.
    pub(super) typing: BTreeMap<ClientId, Typist>,
}

/// How a client was said to type last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typist {
    pub(super) since: Moment,
    pub(super) is_typing: bool,
}

impl Presence {
    /// Nothing is known of any client. `arrivals`: so many at once from one neighbourhood are announced, and as many more each minute.
    pub(crate) fn new(arrivals: u32) -> Presence {
        let arrivals = Paces::new(arrivals);
        let (watchers, away_watchers, announce_at) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let (ignored, whisperers, typing) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Presence { arrivals, watchers, away_watchers, announce_at, ignored, whisperers, typing }
    }

    /// Other settings are in force.
    pub(crate) fn set_arrivals(&mut self, arrivals: u32) {
        self.arrivals.set(arrivals);
    }

    /// Whether a client ignores a user of that name.
    pub(super) fn ignores(&self, id: ClientId, name: &Name) -> bool {
        self.ignored.get(&id).is_some_and(|names| names.contains(name))
    }

    /// The clients that ignore a user of that name.
    pub(super) fn ignorers(&self, name: &Name) -> impl Iterator<Item = ClientId> {
        self.ignored.iter().filter(|(_, names)| names.contains(name)).map(|(id, _)| *id)
    }

    /// A client ignores a user from now on. The name that it ignored first makes way where there are too many.
    pub(super) fn ignore(&mut self, id: ClientId, name: Name) {
        let names = self.ignored.entry(id).or_default();
        if names.contains(&name) {
            return;
        }
        if names.len() >= MAX_IGNORED {
            names.remove(0);
        }
        names.push(name);
    }

    /// A client hears a user again. Returns whether it ignored the user.
    pub(super) fn unignore(&mut self, id: ClientId, name: &Name) -> bool {
        let Some(names) = self.ignored.get_mut(&id) else { return false };
        let before = names.len();
        names.retain(|ignored| ignored != name);
        let is_less = names.len() < before;
        if names.is_empty() {
            self.ignored.remove(&id);
        }
        is_less
    }

    /// A user has another name, which is no way out of being ignored.
    pub(crate) fn rename(&mut self, old: &Name, new: &Name) {
        let names = self.ignored.values_mut().flatten();
        names.filter(|name| *name == old).for_each(|name| *name = new.clone());
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, id: ClientId) {
        self.ignored.remove(&id);
        self.whisperers.remove(&id);
        self.typing.remove(&id);
        self.watchers.remove(&id);
        self.away_watchers.remove(&id);
        self.announce_at.remove(&id);
    }

    /// Whether anything is known of a client.
    #[cfg(test)]
    pub(crate) fn knows(&self, id: ClientId) -> bool {
        let is_in_a_map = self.ignored.contains_key(&id) || self.whisperers.contains_key(&id);
        let is_announced_later = self.announce_at.contains_key(&id) || self.watchers.contains(&id);
        let is_in_a_map = is_in_a_map || self.away_watchers.contains(&id);
        is_in_a_map || is_announced_later || self.typing.contains_key(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    #[test]
    fn the_name_that_was_ignored_first_makes_way() {
        let (mut presence, id) = (Presence::new(0), ClientId(1));
        (0..=MAX_IGNORED).for_each(|number| presence.ignore(id, name(&format!("p{number}"))));
        presence.ignore(id, name("p2"));
        assert!(!presence.ignores(id, &name("p0")));
        assert!(presence.ignores(id, &name("p1")) && presence.ignores(id, &name("P200")));
    }

    #[test]
    fn who_is_ignored_stays_so_by_another_name() {
        let (mut presence, id) = (Presence::new(0), ClientId(1));
        presence.ignore(id, name("budi"));
        presence.rename(&name("budi"), &name("citra"));
        assert_eq!(presence.ignorers(&name("citra")).collect::<Vec<_>>(), [id]);
        assert_eq!(presence.ignorers(&name("budi")).count(), 0);
        assert!(!presence.unignore(id, &name("budi")) && presence.unignore(id, &name("citra")));
        assert!(!presence.knows(id), "an empty list is no list");
    }
}
