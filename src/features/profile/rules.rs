//! Who sees the profile of an account, and who is told that it has changed.

use std::collections::BTreeSet;

use crate::chat::router::Turn;
use crate::features::preferences::state::{Key, Shown};
use crate::features::profile::{self, Command, Profile};
use crate::features::state::{Answer, Features};
use crate::model::body::Body;
use crate::model::event::{Event, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// Carries out the commands of profiles.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    Some(match command.open::<Command>()?.clone() {
        Command::Status(words) => turn.set_status(id, words),
        Command::Show(name) => turn.show_profiles(id, name),
    })
}

impl Turn<'_, Features> {
    /// `STATUS`.
    fn set_status(&mut self, id: ClientId, words: Option<Text>) -> Result<Answer, Refusal> {
        let status = self.prefer(id, Some(id), Key::Profile(Shown::Status), words.map(Body::from))?.value;
        let words = match &status {
            Some(status) => format!("Your status is: {}", status.first()),
            None => "You show no status.".to_string(),
        };
        Ok(Answer::Done(Words::new(words).into()))
    }

    /// `PROFILE`.
    fn show_profiles(&self, id: ClientId, name: Option<Name>) -> Result<Answer, Refusal> {
        if self.router.features.archive.is_none() {
            return Err(Refusal::no_store("profiles"));
        }
        let names = match name {
            Some(name) => BTreeSet::from([name]),
            None => {
                let room = self.room_or_current(id, None)?;
                let members = self.room_to_read(id, &room)?.members.iter();
                members.filter(|member| self.is_signed_in(**member)).filter_map(|id| self.name_of(*id).ok()).collect()
            }
        };
        let all = names.iter().filter_map(|name| self.profile_of(name)).filter(|profile| !profile.is_empty());
        Ok(Answer::Block(profile::shown(all.collect())))
    }

    /// What an account shows; `None`: there is no such account.
    pub(crate) fn profile_of(&self, name: &Name) -> Option<Profile> {
        let account = self.account_name(name)?;
        let value = |shown| self.router.features.preferences.get(&account, &Key::Profile(shown));
        let line = |shown| value(shown).and_then(Body::single).cloned();
        let (name, status) = (line(Shown::Name), line(Shown::Status));
        let picture = value(Shown::Picture).map(profile::tag);
        Some(Profile { account, name, status, picture })
    }

    /// The picture of an account, for who is signed on.
    pub(crate) fn picture_by_call(&self, id: ClientId, name: &Name) -> Result<Option<Body>, Refusal> {
        self.name_of(id)?;
        let preferences = &self.router.features.preferences;
        Ok(self.account_name(name).and_then(|name| preferences.get(&name, &Key::Profile(Shown::Picture)).cloned()))
    }

    /// The profile of an account has changed. Clients that want to know of passing things, who typing is one of, are told where they
    /// share a room with its user.
    pub(crate) fn tell_profile(&mut self, account: &Name) {
        let Some(profile) = self.profile_of(account) else { return };
        let wants = |id: &ClientId| self.clients.get(*id).is_some_and(|client| client.state.options.typing);
        let rooms =
            self.clients.all_named(account).filter_map(|id| self.clients.get(id)).flat_map(|it| &it.state.rooms);
        let near = rooms.flat_map(|room| self.listeners(room)).filter(|id| wants(id) && self.hears(*id, account));
        let near: BTreeSet<ClientId> = near.collect();
        let told = Event::feature(profile);
        near.into_iter().for_each(|id| self.tell(id, told.clone()));
    }
}
