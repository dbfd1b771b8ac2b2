//! A room: who is in it, what it is about, who may come in, and what was said.

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
    /// Who is in it.
    pub members: BTreeSet<ClientId>,
    /// How many of the members are further connections of a user who is in it already; [`people`](Room::people) subtracts them.
    pub further: usize,
    /// What was said.
    pub history: History,
    /// What was said in this turn.
    pub news: News,
    /// What features know of it.
    pub features: R,
    next_id: u64,
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

    /// The line of that id, if it is kept and is a line.
    pub fn line(&self, id: u64) -> Option<&Speech> {
        self.history.get(id).and_then(speech)
    }

    /// The last line that is not deleted and is one that is meant.
    pub fn last_line(&self, is_meant: impl Fn(&Speech) -> bool) -> Option<&Speech> {
        let mut lines = self.history.newest_first().filter_map(speech);
        lines.find(|line| line.version != Version::Deleted && is_meant(line))
    }
}
