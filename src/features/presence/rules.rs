//! Presence: who is away, who is ignored, who is typing, and the answer to the last whisper.

use std::time::Duration;

use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::state::{Answer, Features};
use crate::model::code::Code;
use crate::model::event::{Block, Done, Envelope, Event, Words};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::{MAX_SHORT, Text};

/// The most users whom one user ignores.
const MAX_IGNORED: usize = 200;
/// How many seconds lie at least between two `TYPING` of one user.
const TYPING_EVERY: Duration = Duration::from_secs(3);

impl Turn<'_, Features> {
    /// `WHO`.
    pub(crate) fn who(&self, id: ClientId, name: &Name) -> Result<Answer, Refusal> {
        let found = self.clients.named(name).and_then(|found| self.clients.get(found));
        let user = found.and_then(|client| self.user(id, client));
        let user = user.ok_or_else(|| Refusal::no_such_user(name))?;
        Ok(Answer::Block(Block::who(user)))
    }

    /// `REPLY`.
    pub(crate) fn reply(&mut self, id: ClientId, text: Text) -> Result<Answer, Refusal> {
        match self.clients.get(id).and_then(|client| client.state.whisperer.clone()) {
            Some((whisperer, name)) => self.whisper(id, Some(whisperer), name.as_str(), text),
            None => Err(NOBODY_TO_ANSWER),
        }
    }

    /// `AWAY`.
    pub(crate) fn away(&mut self, id: ClientId, why: Option<Text>) -> Result<Answer, Refusal> {
        if let Some(why) = &why {
            self.not_muted_anywhere(id)?;
            if why.is_blank() {
                return Err(Refusal::NO_TEXT);
            }
            if why.len() > MAX_SHORT {
                return Err(Refusal::line_too_long(MAX_SHORT, why.len()));
            }
        }
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        client.state.away = why.clone();
        Ok(Answer::Done(Done::Away(why)))
    }

    /// `UNIGNORE`.
    pub(crate) fn unignore(&mut self, id: ClientId, name: Name) -> Result<Answer, Refusal> {
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if !client.state.ignored.contains(&name) {
            return Err(Refusal::no_such_user(&name));
        }
        client.state.ignored.retain(|ignored| *ignored != name);
        if client.state.ignored.is_empty() {
            self.router.ignorers.remove(&id);
        }
        Ok(Answer::Done(Words::new(format!("You hear {name} again.")).with("name", &name).into()))
    }

    /// `IGNORE`.
    pub(crate) fn ignore(&mut self, id: ClientId, name: Name) -> Result<Answer, Refusal> {
        if self.clients.named(&name).is_none() {
            return Err(Refusal::no_such_user(&name));
        }
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if !client.state.ignored.contains(&name) {
            // The oldest makes way, so that the list is bounded.
            if client.state.ignored.len() >= MAX_IGNORED {
                client.state.ignored.remove(0);
            }
            client.state.ignored.push(name.clone());
            self.router.ignorers.insert(id);
        }
        let words = Words::new(format!("You hear nothing more from {name}."));
        Ok(Answer::Done(words.with("name", &name).into()))
    }

    /// `TYPING`.
    pub(crate) fn typing(&mut self, id: ClientId, room: Option<RoomName>, on: bool) -> Result<Answer, Refusal> {
        let who = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let room = self.readable(id, &name)?;
        if !room.members.contains(&id) {
            return Err(Refusal::not_in_room(&name));
        }
        self.not_muted(id, Some(room))?;
        let name = room.name.clone();
        let now = self.now.mono;
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let soon = |at| now.saturating_duration_since(at) < TYPING_EVERY;
        // To begin again has to wait; a user who was said to type may stop at any time.
        let news = if on { !client.state.last_typing.is_some_and(soon) } else { client.state.is_typing };
        if news {
            self.show_speaker(id);
            let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
            client.state.is_typing = on;
            client.state.last_typing = if on { Some(now) } else { client.state.last_typing };
            let typing = Event::Typing { room: name.clone(), by: self.person(id), name: who.clone(), on };
            let envelope = Envelope::new(self.now.wall, typing);
            let hears = |client: &Client| client.state.options.typing && !client.ignores(&who);
            let room = self.router.rooms.get(&name).into_iter().flat_map(|room| &room.members);
            let hearing = room.filter(|member| **member != id && self.clients.get(**member).is_some_and(hears));
            let hearing: Vec<ClientId> = hearing.copied().collect();
            self.router.publish(&envelope);
            hearing.into_iter().for_each(|id| self.push(id, &envelope));
        }
        Ok(Answer::Said(Done::Nothing))
    }
}

/// The client has not been whispered to.
const NOBODY_TO_ANSWER: Refusal =
    Refusal::fixed(Code::NoSuchUser, "Nobody has whispered to you yet. /whisper <user> <message> begins.");
