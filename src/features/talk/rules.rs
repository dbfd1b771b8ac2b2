//! Who is in a talk, how it begins and ends, and who hears what is said there. Its name is the list of its members, so there is none
//! to keep; where a name belongs to no account the user who had it when the talk began is meant, and no later one of that name.

use std::sync::Arc;

use crate::chat::history::History;
use crate::chat::message::Client;
use crate::chat::router::{Router, Turn};
use crate::features::calls::Caller;
use crate::features::state::{Features, Room, RoomState};
use crate::features::talk::limits::{MAX_UNKEPT, TALK_BYTES, TALK_LINES};
use crate::model::code::Code;
use crate::model::event::{Change, Envelope, Event, Speech};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;

mod away;
mod saying;
mod unsure;

impl Router<Features> {
    /// The room, or the talk, of that name.
    pub(crate) fn place(&self, name: &RoomName) -> Option<&Room> {
        if name.is_talk() { self.features.talks.get(name) } else { self.rooms.get(name) }
    }

    /// The same, to be changed.
    pub(crate) fn place_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        if name.is_talk() { self.features.talks.get_mut(name) } else { self.rooms.get_mut(name) }
    }
}

impl Turn<'_, Features> {
    /// Whether a client is a member of a talk: the one gate for all that reads it.
    pub(crate) fn is_in_talk(&self, id: ClientId, talk: &Room) -> bool {
        let Ok(own) = self.name_of(id) else { return false };
        let is_known = self.is_signed_in(id) || talk.features.guests.iter().any(|(name, _)| *name == own);
        is_known && talk.name.members().any(|member| member == own) && self.is_whole(talk)
    }

    /// Whether each guest among the members is still here, and is the same user.
    fn is_whole(&self, talk: &Room) -> bool {
        let is_here = |(name, person): &(Name, ClientId)| {
            self.clients.named(name).is_some_and(|holder| self.person(holder) == *person)
        };
        talk.features.guests.iter().all(is_here)
    }

    /// The room that a client means, or the talk: to the name of one its own is added.
    ///
    /// # Errors
    /// There can be no such talk; or no room is named, and there is no current one.
    pub(crate) fn meant(&self, id: ClientId, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        match room {
            Some(talk) if talk.is_talk() => talk.with(self.name_of(id)?),
            room => self.room_or_current(id, room),
        }
    }

    /// The same for a call: by one without a session the name is meant as it is.
    pub(crate) fn meant_by(&self, who: Caller, room: &RoomName) -> Result<RoomName, Refusal> {
        match who.client {
            Some(id) if room.is_talk() => self.meant(id, Some(room.clone())),
            _ => Ok(room.clone()),
        }
    }

    /// A room, or a talk, whose lines a client may read.
    ///
    /// # Errors
    /// As for a room. Of a talk that the client is not in nothing is told.
    pub(crate) fn may_read_at(&self, id: ClientId, name: &RoomName) -> Result<&Room, Refusal> {
        if !name.is_talk() {
            return self.room_to_read(id, name);
        }
        let talk = self.router.features.talks.get(name).filter(|talk| self.is_in_talk(id, talk));
        talk.ok_or_else(|| Refusal::no_such_talk(name))
    }

    /// A room, or a talk, into which a client may speak. As to whispers, a user who is muted everywhere still reaches an operator.
    ///
    /// # Errors
    /// As for a room.
    pub(crate) fn may_speak_at(&self, id: ClientId, name: &RoomName) -> Result<&Room, Refusal> {
        if !name.is_talk() {
            return self.speakable(id, name);
        }
        let talk = self.may_read_at(id, name)?;
        let is_op = |other: ClientId| self.person(other) != self.person(id) && self.role(other) >= Role::Op;
        if !self.listeners(name).into_iter().any(is_op) {
            self.not_muted(id, None)?;
        }
        Ok(talk)
    }

    /// The connections that hear what is said in a room, or in a talk.
    pub(crate) fn listeners(&self, name: &RoomName) -> Vec<ClientId> {
        let Some(room) = self.router.place(name) else { return Vec::new() };
        if !name.is_talk() {
            return room.members.iter().copied().collect();
        }
        let here = room.name.members().flat_map(|member| self.clients.all_named(&member).collect::<Vec<_>>());
        here.filter(|id| self.is_in_talk(*id, room)).collect()
    }

    /// Makes sure that there is a talk of that name, which has all its members, and that each finds what `author` says there.
    ///
    /// # Errors
    /// One of them has no account and is not here, or is away while another is a guest; or there would be fewer than two.
    pub(crate) fn open_talk(&mut self, author: ClientId, name: &RoomName) -> Result<(), Refusal> {
        if name.members().count() < 2 {
            return RoomName::talk([]).map(drop);
        }
        let mut guests = Vec::new();
        for member in name.members().filter(|member| !self.is_registered(member)) {
            let holder = self.clients.named(&member).ok_or_else(|| Refusal::no_such_user(&member))?;
            guests.push((member, self.person(holder)));
        }
        self.needs_no_waiting(author, name, !guests.is_empty())?;
        // A later guest of the same name is another user.
        if self.router.features.talks.get(name).is_some_and(|talk| !self.is_whole(talk)) {
            self.end_talk(name);
        }
        if let Some(talk) = self.router.features.talks.get_mut(name) {
            // They may have registered since.
            talk.features.guests = guests;
            return Ok(());
        }
        let has_guests = !guests.is_empty();
        if has_guests {
            self.has_place_for_guests()?;
        }
        let mut talk = Room::new(name.clone(), 0, 0, RoomState { first_id: 1, guests, ..RoomState::default() });
        talk.history = History::new(self.router.history.min(TALK_LINES), TALK_BYTES);
        self.router.features.talks.insert(name.clone(), has_guests, talk);
        Ok(())
    }

    /// Makes sure that nothing waits in a talk with guests, which is not kept: each of its members is here.
    fn needs_no_waiting(&self, author: ClientId, name: &RoomName, has_guests: bool) -> Result<(), Refusal> {
        if !has_guests {
            return Ok(());
        }
        let away = name.members().find(|member| self.clients.named(member).is_none());
        away.map_or(Ok(()), |away| Err(self.cannot_wait(author, &away)))
    }

    /// The same of a talk that is there, for what is no line of its own: a correction, a reaction, a roll of dice. In a room all may.
    pub(crate) fn all_are_told(&self, author: ClientId, room: &Room) -> Result<(), Refusal> {
        self.needs_no_waiting(author, &room.name, !room.features.guests.is_empty())
    }

    /// Where there seem to be too many talks with guests, those are let go of that no member finds any more, and those that are kept
    /// are not counted.
    fn has_place_for_guests(&mut self) -> Result<(), Refusal> {
        let talks = &self.router.features.talks;
        if talks.with_guests().len() < MAX_UNKEPT {
            return Ok(());
        }
        let is_over = |talk: &&Room| !talk.features.is_kept && !self.is_whole(talk);
        let over = talks.with_guests().filter_map(|name| talks.get(name)).filter(is_over);
        for name in over.map(|talk| talk.name.clone()).collect::<Vec<_>>() {
            self.end_talk(&name);
        }
        if self.router.features.talks.count_unkept(|talk| talk.features.is_kept) < MAX_UNKEPT {
            Ok(())
        } else {
            Err(TOO_MANY_TALKS)
        }
    }

    /// An account is removed: the next user of its name does not find its talks.
    pub(crate) fn forget_talks_of(&mut self, account: &Name) {
        for name in self.talks_of(account, |_| true) {
            let Some(talk) = self.end_talk(&name) else { continue };
            self.record_forgotten(&name, talk.last_id());
        }
    }

    /// A user is gone: with a guest its talks end.
    pub(crate) fn end_talks_of(&mut self, client: &Client) {
        let (Some(name), person) = (&client.name, client.person()) else { return };
        let is_of = |talk: &Room| talk.features.guests.iter().any(|(_, guest)| *guest == person);
        for name in self.talks_of(name, is_of) {
            self.end_talk(&name);
        }
    }

    fn end_talk(&mut self, name: &RoomName) -> Option<Room> {
        if let Some(files) = &self.router.features.files {
            files.end_talk(name);
        }
        self.router.features.talks.remove(name)
    }

    /// The names of those talks of a member.
    pub(super) fn talks_of(&self, member: &Name, which: impl Fn(&Room) -> bool) -> Vec<RoomName> {
        let talks = self.router.features.talks.of(member).filter(|talk| which(talk));
        talks.map(|talk| talk.name.clone()).collect()
    }

    /// A guest has another name, and its talks have it, too. One that would become a talk that is there already ends.
    pub(crate) fn rename_in_talks(&mut self, id: ClientId, renamed: &Arc<Envelope>) {
        let Event::Renamed { old, new, .. } = &renamed.event else { return };
        let person = self.person(id);
        let is_of = |talk: &Room| talk.features.guests.iter().any(|(name, guest)| name == old && *guest == person);
        for name in self.talks_of(old, is_of) {
            let others = name.members().filter(|member| member != old);
            let renamed = RoomName::talk(others.chain([new.clone()])).ok();
            let renamed = renamed.filter(|renamed| self.router.features.talks.get(renamed).is_none());
            let Some(renamed) = renamed else {
                self.end_talk(&name);
                continue;
            };
            if let Some(files) = &self.router.features.files {
                files.rename_talk(&name, &renamed);
            }
            let talks = &mut self.router.features.talks;
            let Some(mut talk) = talks.remove(&name) else { continue };
            for (guest, _) in talk.features.guests.iter_mut().filter(|(guest, _)| guest == old) {
                *guest = new.clone();
            }
            talk.rename(&renamed);
            talks.insert(renamed, true, talk);
        }
    }
}

impl Room {
    /// Gives a talk another name, on each of its lines as well.
    fn rename(&mut self, name: &RoomName) {
        let lines: Vec<Arc<Envelope>> = self.history.oldest_first().cloned().collect();
        for line in lines {
            let room = name.clone();
            let (id, event) = match &line.event {
                Event::Said(speech) => (speech.id, Event::Said(Speech { room, ..speech.clone() })),
                Event::Changed(change) => (change.id, Event::Changed(Change { room, ..change.clone() })),
                _ => continue,
            };
            self.history.replace(id, Envelope::new(line.at, event));
        }
        self.name = name.clone();
    }
}

/// There are [`MAX_UNKEPT`] talks with guests.
const TOO_MANY_TALKS: Refusal = Refusal::fixed(
    Code::TooManyRooms,
    "So many direct talks with guests are there that this one would have no numbers. /whisper <user> <message> works.",
);
