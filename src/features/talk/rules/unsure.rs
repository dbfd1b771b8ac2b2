//! Whispers that nothing keeps, and of which nothing shows yet that they were read: where the connection breaks off, their authors are
//! told.

use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::state::Features;
use crate::model::event::{Envelope, Event, Leave, Speech};
use crate::model::names::{ClientId, RoomName};
use crate::model::text::Text;

/// How much of a whisper its author is reminded of, in bytes.
const REMINDER: usize = 200;
/// The door that asks its connections itself what they have (`Call::NotRead`).
const WEB: &str = "web";

impl Turn<'_, Features> {
    /// Something is said to a user alone, by this connection. Where it is kept the user's mark says whether it was read.
    pub(crate) fn is_unsure(&mut self, to: ClientId, said: &Envelope) {
        let (by, talk, text) = match &said.event {
            Event::Whispered { by, from, to, text, .. } => (*by, RoomName::talk([from.clone(), to.clone()]).ok(), text),
            Event::Said(Speech { room, by, text, .. }) => (*by, Some(room.clone()), text),
            _ => return,
        };
        let talk = talk.and_then(|talk| self.router.features.talks.get(&talk));
        let is_kept = talk.is_some_and(|talk| talk.features.is_kept && talk.features.guests.is_empty());
        let Ok(name) = self.name_of(to) else { return };
        // Each line counts once, whatever the number of connections.
        let is_asked = |id: &ClientId| self.clients.get(*id).is_some_and(|client| client.door != WEB);
        let user = self.person(to);
        if is_kept || user == by || self.clients.all_named(&name).find(is_asked) != Some(to) {
            return;
        }
        let first = text.first();
        let cut = first.floor_char_boundary(REMINDER);
        let dots = if cut < first.len() { "…" } else { "" };
        self.router.features.unsure.note(user, by, Text::own(format!("{}{dots}", &first[..cut])));
    }

    /// A user has typed a line, and has seen what came before it.
    pub(crate) fn is_sure(&mut self, id: ClientId) {
        let user = self.person(id);
        self.router.features.unsure.take(user);
    }

    /// A connection is gone. If it was the last one of its user, and was not ended by the user, the authors of what the user has not
    /// answered with any line are told.
    pub(crate) fn tell_unsure_authors(&mut self, client: &Client, why: &Leave) {
        let (Some(name), user) = (&client.name, client.person()) else { return };
        if self.clients.named(name).is_some_and(|other| self.person(other) == user) {
            return;
        }
        let authors = self.router.features.unsure.take(user);
        if matches!(why, Leave::Quit(_) | Leave::Closed) {
            return;
        }
        for (by, count, last) in authors {
            let text = if count == 1 {
                format!("{name} was cut off, and may not have read your whisper: {last}")
            } else {
                format!("{name} was cut off, and may not have read your last {count} whispers. The last one: {last}")
            };
            self.remark(by, text);
        }
    }

    /// Tells a user what became of a whisper, by whichever connection is here.
    pub(crate) fn remark(&mut self, by: ClientId, text: String) {
        let found = self.clients.iter().find(|client| client.person() == by).map(|client| client.id);
        if let Some(author) = found {
            self.tell(author, Event::Note { room: None, text: Text::own(text) });
        }
    }
}
