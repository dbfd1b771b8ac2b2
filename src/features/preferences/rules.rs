//! What an account prefers: the router decides and tells the user's other connections, and the store follows.

use crate::chat::router::Turn;
use crate::features::preferences::state::{Key, Preference, Shown};
use crate::features::preferences::{self, Command, Preferred};
use crate::features::state::{Answer, Features};
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::command::Choice;
use crate::model::event::{Done, Event, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// Carries out the commands of preferences.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    Some(match command.open::<Command>()?.clone() {
        Command::Show(key) => turn.show_preferences(id, key),
        Command::Set(key, value) => turn.set_preference(id, key, value),
    })
}

impl Turn<'_, Features> {
    /// `PREF` and `PREF:key`.
    fn show_preferences(&self, id: ClientId, key: Option<Key>) -> Result<Answer, Refusal> {
        let mut all = self.preferences_of(id)?;
        if let Some(key) = key {
            let key = self.own_key(id, key)?;
            all.retain(|preferred| preferred.key == key);
            if all.is_empty() {
                all.push(Preferred { key, value: None });
            }
        }
        Ok(Answer::Block(preferences::shown(all)))
    }

    /// `PREF:key value`.
    fn set_preference(&mut self, id: ClientId, key: Key, value: Option<Body>) -> Result<Answer, Refusal> {
        let Preferred { key, value } = self.prefer(id, Some(id), key, value)?;
        let words = match &value {
            Some(_) if key == Key::Profile(Shown::Picture) => {
                "Your account shows another picture from now on.".to_string()
            }
            Some(value) => format!("{key} is {} now, for all your devices.", value.first()),
            None => format!("{key} is as if it had never been set."),
        };
        Ok(Answer::Done(Words::new(words).with("key", key.to_string()).into()))
    }

    /// The account of a client.
    ///
    /// # Errors
    /// There are no accounts here, or the client is a guest or a bot.
    fn account_that_prefers(&self, id: ClientId) -> Result<Name, Refusal> {
        let name = self.account_with(id, "preferences")?;
        self.account_name(&name).ok_or(Refusal::fixed(
            Code::NotSignedIn,
            "A bot has no preferences here: its program keeps what it needs itself.",
        ))
    }

    /// What the account of a client prefers.
    ///
    /// # Errors
    /// There are no accounts here, or the client is signed in to none.
    pub(crate) fn preferences_of(&self, id: ClientId) -> Result<Vec<Preferred>, Refusal> {
        let account = self.account_that_prefers(id)?;
        let all = self.router.features.preferences.of(&account);
        Ok(all.map(|(key, value)| Preferred { key: key.clone(), value: Some(value.clone()) }).collect())
    }

    /// The account of a client prefers something from now on. Its other connections that follow it are told; `by` is the one that need
    /// not be.
    ///
    /// # Errors
    /// There is no account, no place for it, or it is no such value.
    pub(crate) fn prefer(
        &mut self,
        id: ClientId,
        by: Option<ClientId>,
        key: Key,
        value: Option<Body>,
    ) -> Result<Preferred, Refusal> {
        let account = self.account_that_prefers(id)?;
        let key = self.own_key(id, key)?;
        let value = value.filter(|value| !value.is_empty());
        if let Some(value) = &value {
            if key.is_shown() {
                self.not_muted_anywhere(id)?;
            }
            key.admits(value)?;
            self.router.features.preferences.have_place(&account, &key, value)?;
        }
        let preferred = Preferred { key, value };
        if self.router.features.preferences.set(&account, &preferred.key, preferred.value.clone()) {
            self.record_preference(account.clone(), &preferred);
            self.tell_preference(by, &account, &preferred);
            if preferred.key.is_shown() {
                self.tell_profile(&account);
            }
        }
        Ok(preferred)
    }

    /// The key with the user's own name in that of a direct talk: `draft.@budi` is `draft.@ani+budi`.
    fn own_key(&self, id: ClientId, key: Key) -> Result<Key, Refusal> {
        match key {
            Key::Draft(talk) if talk.is_talk() => Ok(Key::Draft(talk.with(self.name_of(id)?)?)),
            key => Ok(key),
        }
    }

    fn record_preference(&mut self, account: Name, preferred: &Preferred) {
        let Preferred { key, value } = preferred.clone();
        if let Some(archive) = &mut self.router.features.archive {
            archive.preferences.push(Preference { account, key, value });
        }
    }

    /// Tells the connections that follow their account. Of drafts only those hear that hear who types: they come as often.
    fn tell_preference(&mut self, by: Option<ClientId>, account: &Name, preferred: &Preferred) {
        let followers = &self.router.features.members.followers;
        let wants = |id: &ClientId| {
            let hears_typing = || self.clients.get(*id).is_some_and(|client| client.state.options.typing);
            followers.contains(id) && (!preferred.key.is_draft() || hears_typing())
        };
        let others: Vec<ClientId> = self.clients.all_named(account).filter(|id| Some(*id) != by && wants(id)).collect();
        if others.is_empty() {
            return;
        }
        let told = Event::feature(preferred.clone());
        for other in others {
            self.tell(other, told.clone());
        }
    }

    /// A room is no more, and nor are the drafts for it.
    pub(crate) fn forget_drafts(&mut self, room: &RoomName) {
        let gone = Preferred { key: Key::Draft(room.clone()), value: None };
        for account in self.router.features.preferences.forget_room(room) {
            self.record_preference(account, &gone);
        }
    }

    /// An account has left a room, and sends nothing there any more.
    pub(crate) fn drop_draft(&mut self, account: &Name, room: &RoomName) {
        let gone = Preferred { key: Key::Draft(room.clone()), value: None };
        if self.router.features.preferences.set(account, &gone.key, None) {
            self.record_preference(account.clone(), &gone);
            self.tell_preference(None, account, &gone);
        }
    }

    // ---- the language ----

    /// A client has set options: its language is that of its account from now on.
    pub(crate) fn note_language(&mut self, id: ClientId, choices: &[Choice]) {
        let chosen = choices.iter().rev().find_map(|choice| match choice {
            Choice::Indonesian(on) => Some(*on),
            _ => None,
        });
        let Some(is_indonesian) = chosen else { return };
        self.router.features.preferences.speak(id, is_indonesian);
        if self.is_signed_in(id) {
            self.keep_language(id, is_indonesian);
        }
    }

    /// A client has signed in. Where it has said nothing of its language, the server speaks that of the account to it; where the
    /// account has none, it gets the client's.
    pub(crate) fn speak_own_language(&mut self, id: ClientId) {
        let Ok(account) = self.account_that_prefers(id) else { return };
        let preferences = &self.router.features.preferences;
        match (preferences.spoken(id), preferences.is_indonesian(&account)) {
            (None, Some(is_indonesian)) => {
                let done = Done::Options(vec![Choice::Indonesian(is_indonesian)]);
                self.tell(id, Event::Done { verb: "OPT", tag: None, done });
            }
            (Some(is_indonesian), None) => self.keep_language(id, is_indonesian),
            _ => {}
        }
    }

    fn keep_language(&mut self, id: ClientId, is_indonesian: bool) {
        let word = Text::own(if is_indonesian { "id" } else { "en" });
        // It has a place of its own, and the client is signed in.
        if let Err(refusal) = self.prefer(id, Some(id), Key::Language, Some(word.into())) {
            log::error!("the language of {id} is not kept: {refusal}");
        }
    }
}
