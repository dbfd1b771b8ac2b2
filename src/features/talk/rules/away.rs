//! Members of a talk who are away: what waits for them, and how they learn of it.

use crate::chat::router::Turn;
use crate::features::calls::{Access, Caller, NotRead, OwnTalk};
use crate::features::state::{Features, Room};
use crate::model::event::Event;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::rows::counted;
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// The talks of a user, in order.
    pub(crate) fn own_talks(&self, id: ClientId) -> Result<Vec<OwnTalk>, Refusal> {
        let own = self.name_of(id)?;
        let talks = self.router.features.talks.of(&own).filter(|talk| self.is_in_talk(id, talk));
        Ok(talks.map(|talk| OwnTalk { name: talk.name.clone(), last_id: talk.last_id() }).collect())
    }

    /// The same for a call, which counts as a page that is read.
    pub(crate) fn talks_by_call(&mut self, who: Caller) -> Result<Vec<OwnTalk>, Refusal> {
        self.charged_access(who, &Access::Everything)?;
        self.own_talks(who.client.ok_or(Refusal::NOT_SIGNED_ON)?)
    }

    /// A user's session has ended before it could show what was said. In a talk that is kept the words wait for the user's next
    /// sign-in; else their author is told that they were not read.
    pub(crate) fn not_read(&mut self, not_read: NotRead) {
        let NotRead { name, talk, first, by, text } = not_read;
        let is_kept = |talk: &&mut Room| talk.features.is_kept && talk.features.guests.is_empty();
        if let Some(found) = self.router.features.talks.get_mut(&talk).filter(is_kept) {
            let since = found.features.waiting.entry(name.clone()).or_insert(first);
            *since = first.min(*since);
            self.record_room(&talk);
            // They may be here again by now.
            if let Some(id) = self.clients.named(&name) {
                self.tell_of_talks(id);
            }
        } else if let Some(text) = text {
            let text = Text::own(format!("{name} was not there to read your whisper: {text}"));
            self.tell(by, Event::Note { room: None, text });
        }
    }

    /// Notes which members are away: they are told when they come.
    pub(super) fn let_wait(&mut self, talk: &RoomName, number: u64) {
        let Some(room) = self.router.features.talks.get_mut(talk).filter(|room| room.features.is_kept) else { return };
        let waiting = &mut room.features.waiting;
        let before = waiting.len();
        for member in talk.members().filter(|member| self.clients.named(member).is_none()) {
            waiting.entry(member).or_insert(number);
        }
        if waiting.len() > before {
            self.record_room(talk);
        }
    }

    /// Whether the next connection of an account is told of a talk by [`Turn::tell_of_talks`].
    pub(crate) fn is_waited_for(&self, account: &Name, talk: &RoomName) -> bool {
        self.router.features.talks.get(talk).is_some_and(|talk| talk.features.waiting.contains_key(account))
    }

    /// Tells a user who has signed in where something was said while none of the user's connections was here.
    pub(crate) fn tell_of_talks(&mut self, id: ClientId) {
        // Words wait for accounts only.
        let Some(own) = self.name_of(id).ok().filter(|_| self.is_signed_in(id)) else { return };
        for name in self.talks_of(&own, |talk| talk.features.waiting.contains_key(&own) && self.is_in_talk(id, talk)) {
            let Some(talk) = self.router.features.talks.get_mut(&name) else { continue };
            let Some(first) = talk.features.waiting.remove(&own) else { continue };
            let lines = counted((talk.last_id() + 1).saturating_sub(first) as usize, "line");
            let others: Vec<String> =
                name.members().filter(|member| *member != own).map(|member| member.to_string()).collect();
            let (others, after) = (others.join("+"), first.saturating_sub(1));
            self.record_room(&name);
            let text = format!(
                "While you were away: {lines} in {name}. /history @{others} after={after} shows what was said."
            );
            self.tell(id, Event::Note { room: None, text: Text::own(text) });
        }
    }
}
