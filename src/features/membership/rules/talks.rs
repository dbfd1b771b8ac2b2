//! Direct talks among the rooms of an account: what is unread in them, and what is read.

use crate::chat::router::Turn;
use crate::features::membership::OwnRoom;
use crate::features::state::{Features, Room};
use crate::model::event::{Envelope, Event};
use crate::model::names::{ClientId, Name, RoomName};

/// The most direct talks that one list shows: those with something unread, and then those in which was spoken last.
const LISTED: usize = 200;

impl Features {
    /// A room or talk comes from the store, with the marks that were written. A member of a talk of whom the store has no mark has read
    /// what was said while it was here. Who spoke has read so far: the mark of that may not have been written before a crash.
    pub(crate) fn restore_marks(&mut self, room: &Room) {
        for member in room.name.members() {
            let first_unread = room.features.waiting.get(&member).copied();
            let read = first_unread.map_or(room.last_id(), |first| first.saturating_sub(1));
            self.members.add(&member, &room.name, read);
        }
        for line in room.history.newest_first() {
            if let Event::Said(speech) = &line.event
                && speech.signed
            {
                self.members.read(&speech.from, &room.name, speech.id);
            }
        }
    }
}

impl Turn<'_, Features> {
    /// Something was said or changed in a talk. Where it is kept it is unread for the other members, and read by those who type
    /// when they were shown it.
    pub(crate) fn note_talk_line(&mut self, talk: &RoomName, number: u64, line: &Envelope) {
        let is_kept = |room: &Room| room.features.is_kept && room.features.guests.is_empty();
        if !self.router.features.talks.get(talk).is_some_and(is_kept) {
            return;
        }
        for member in talk.members() {
            if self.router.features.members.add(&member, talk, number - 1) {
                self.record_membership(member, talk.clone());
            }
        }
        for listener in self.listeners(talk) {
            if !self.router.features.members.followers.contains(&listener) {
                self.router.features.members.show(listener, talk, number);
            }
        }
        self.note_line(talk, line);
    }

    /// What a connection was shown of talks since its user has last typed, up to which number each; but not where something before
    /// that is unread.
    pub(super) fn take_shown_of_talks(&mut self, id: ClientId, account: &Name) -> Vec<(RoomName, u64)> {
        let mut shown = self.router.features.members.take_shown(id);
        let members = &self.router.features.members;
        shown
            .retain(|talk, (first, _)| members.get(account, talk).is_some_and(|member| member.mark.read + 1 >= *first));
        shown.into_iter().map(|(talk, (_, last))| (talk, last)).collect()
    }

    /// The rooms and talks of an account, in the order of their names: `all`, or those that tell something new.
    pub(super) fn listed_rooms(&self, account: &Name, all: bool) -> Vec<OwnRoom> {
        let mut rooms = self.own_rooms(account);
        rooms.retain(|room| all || room.is_news());
        let mut talks: Vec<OwnRoom> = rooms.extract_if(.., |own| own.room.is_talk()).collect();
        if talks.len() > LISTED {
            let spoke = |own: &OwnRoom| {
                let talk = self.router.features.talks.get(&own.room);
                talk.and_then(|talk| talk.history.newest_first().next()).map(|line| line.at)
            };
            talks.sort_by_cached_key(|own| std::cmp::Reverse((own.unread > 0, spoke(own))));
            talks.truncate(LISTED);
            talks.sort_by(|a, b| a.room.cmp(&b.room));
        }
        rooms.extend(talks);
        rooms
    }
}
