//! A room: its members, what was said in it, and what features know of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::history::History;
use crate::chat::news::News;
use crate::model::event::{Envelope, Event, Speech, Version};
use crate::model::names::{ClientId, RoomName};

/// The most bytes one room's history may cost in memory.
const HISTORY_BYTES: usize = 1024 * 1024;

fn speech(envelope: &Arc<Envelope>) -> Option<&Speech> {
    if let Event::Said(speech) = &envelope.event { Some(speech) } else { None }
}

/// One room. Only the router changes it.
pub struct Room<R> {
    /// The name, as its first visitor wrote it.
    pub name: RoomName,
    /// The connections that are in it.
    pub members: BTreeSet<ClientId>,
    /// How many of the members are further connections of a user who is in it already; [`people`](Room::people) subtracts them.
    pub further: usize,
    /// The last lines that were said in it.
    pub history: History,
    /// What was said in it in this turn.
    pub news: News,
    /// What features know of it.
    pub features: R,
    pub(crate) next_id: u64,
}

impl<R> Room<R> {
    /// An empty room whose ids begin behind `last_id`.
    pub fn new(name: RoomName, history_lines: usize, last_id: u64, features: R) -> Room<R> {
        Room {
            name,
            members: BTreeSet::new(),
            further: 0,
            history: History::new(history_lines, HISTORY_BYTES),
            news: News::default(),
            features,
            next_id: last_id + 1,
        }
    }

    /// How many users are in it.
    pub fn people(&self) -> usize {
        self.members.len() - self.further
    }

    /// The number for the next line. It never gives one twice.
    pub fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// The number of the last line, 0 if there was none.
    pub fn last_id(&self) -> u64 {
        self.next_id - 1
    }

    /// The line of that id, if it is in memory and is speech: a change to a line has an id as well.
    pub fn line(&self, id: u64) -> Option<&Speech> {
        self.history.get(id).and_then(speech)
    }

    /// The last line that is not deleted and for which `is_meant` holds.
    pub fn last_line(&self, is_meant: impl Fn(&Speech) -> bool) -> Option<&Speech> {
        let mut lines = self.history.newest_first().filter_map(speech);
        lines.find(|line| line.version != Version::Deleted && is_meant(line))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::names::Name;
    use crate::model::text::Text;

    fn room() -> Room<()> {
        Room::new(RoomName::lobby(), 10, 0, ())
    }

    fn say(room: &mut Room<()>, by: u64, version: Version) -> u64 {
        let id = room.take_id();
        let speech = Speech {
            room: room.name.clone(),
            id,
            by: ClientId(by),
            from: Name::parse("ani").unwrap(),
            act: false,
            re: None,
            version,
            signed: false,
            cid: None,
            file: None,
            text: Text::default().into(),
        };
        room.history.push(id, Envelope::new(DateTime::UNIX_EPOCH, Event::Said(speech)));
        id
    }

    #[test]
    fn ids_go_on_behind_those_of_an_earlier_room_of_that_name() {
        let mut room = Room::new(RoomName::lobby(), 10, 41, ());
        assert_eq!((room.last_id(), room.take_id(), room.take_id(), room.last_id()), (41, 42, 43, 43));
    }

    #[test]
    fn the_last_line_is_one_that_is_meant_and_not_deleted() {
        let mut room = room();
        let first = say(&mut room, 1, Version::First);
        let second = say(&mut room, 2, Version::Edited);
        say(&mut room, 1, Version::Deleted);
        assert_eq!(room.last_line(|_| true).map(|line| line.id), Some(second));
        assert_eq!(room.last_line(|line| line.by == ClientId(1)).map(|line| line.id), Some(first));
        assert!(room.last_line(|line| line.by == ClientId(3)).is_none());
    }
}
