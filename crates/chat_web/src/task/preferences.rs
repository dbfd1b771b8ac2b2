//! What the user's account prefers, and the language in which the user reads.

use chat_server::features::preferences::state::Key;
use chat_server::features::preferences::{self, Preferred};
use chat_server::model::body::Body;
use chat_server::model::command::{Choice, Command};
use chat_server::model::event::Envelope;
use chat_server::model::text::Text;

use super::Task;
use super::pending::Wanted;
use crate::models::frames::ServerFrame;
use crate::models::names::meant;
use crate::models::render::{plain, plain_indonesian};
use crate::session::{Asker, SocketId};

impl Task {
    /// A socket sets a preference: the router knows it for all connections of the account.
    pub(super) async fn prefer(&mut self, asker: Asker, key: Key, value: Option<Body>) {
        let key = match key {
            Key::Draft(room) => Key::Draft(meant(room, self.session.name())),
            key => key,
        };
        let preferred = Preferred { key: key.clone(), value: value.clone().filter(|value| !value.is_empty()) };
        let command = Command::feature(preferences::Command::Set(key, value));
        self.request(asker, "PREF", command, Wanted::Preferred(preferred)).await;
    }

    /// A socket says in which language its user reads. Of an account the router keeps it.
    pub(super) async fn choose_language(&mut self, asker: Asker, is_indonesian: bool) {
        let word = Text::new(if is_indonesian { "id" } else { "en" }).unwrap_or_default();
        let preferred = Preferred { key: Key::Language, value: Some(word.into()) };
        let command = Command::Options(vec![Choice::Indonesian(is_indonesian)]);
        self.request(asker, "OPT", command, Wanted::Preferred(preferred)).await;
    }

    /// Something is preferred from now on: the sockets are told, but the one that has said it.
    pub(super) fn is_preferred(&mut self, preferred: &Preferred, but: Option<SocketId>) {
        self.session.follow_language(preferred);
        let value = preferred.value.as_ref().map(|value| value.as_str().to_string());
        let frame = ServerFrame::Preference { key: preferred.key.to_string(), value };
        let others: Vec<SocketId> = self.sockets.keys().copied().filter(|other| Some(*other) != but).collect();
        others.into_iter().for_each(|other| self.tell_socket(other, &frame));
    }

    /// The user has signed in, and the account prefers this language.
    pub(super) fn know_language(&self, choices: &[Choice]) {
        for choice in choices {
            if let Choice::Indonesian(on) = choice {
                self.session.update(|profile| profile.language.account = Some(*on));
            }
        }
    }

    /// An answer as a line for people, in the language of the user.
    pub(super) fn words(&self, envelope: &Envelope) -> String {
        if self.session.is_indonesian() { plain_indonesian(envelope) } else { plain(envelope) }
    }
}
