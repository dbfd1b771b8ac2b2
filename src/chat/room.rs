//! A room: who is in it, what it is about, who may come in, and what was said.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::history::History;
use crate::chat::news::News;
use crate::model::address::Neighbourhood;
use crate::model::command::CROWD;
use crate::model::event::{Envelope, Event, Speech, Version};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;

/// The most bytes one room's history may cost in memory.
const HISTORY_BYTES: usize = 1024 * 1024;

fn speech(envelope: &Arc<Envelope>) -> Option<&Speech> {
    if let Event::Said(speech) = &envelope.event { Some(speech) } else { None }
}

/// Who opened a room, for the limits of new ones.
pub struct Opener {
    /// The person, as long as they are there.
    pub person: Option<ClientId>,
    /// Their account, if they had one.
    pub account: Option<Name>,
    /// From which neighbourhood of addresses.
    pub near: Option<Neighbourhood>,
    /// The wall clock's time of the act.
    pub at: Moment,
}

/// One room. Only the router changes it.
pub struct Room<R> {
    /// The name, as its first visitor wrote it.
    pub name: RoomName,
    /// Who is in it.
    pub members: BTreeSet<ClientId>,
    /// How many of the members are a person's second connection, or third.
    pub doubles: usize,
    /// Those whose coming the others were not told of yet: quiet visitors, and those who came when too many did. Of one person
    /// all connections or none.
    pub unannounced: BTreeSet<ClientId>,
    /// Who opened it, since the start.
    pub opener: Option<Opener>,
    /// What was said.
    pub history: History,
    /// What was said in this turn.
    pub news: News,
    /// Whether so many are in it that coming and going is told to few ([`CROWD`]).
    pub is_crowded: bool,
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
            doubles: 0,
            unannounced: BTreeSet::new(),
            opener: None,
            history: History::new(history_lines, HISTORY_BYTES),
            news: News::default(),
            is_crowded: false,
            features,
            next_id: last_id + 1,
        }
    }

    /// How many people are in it.
    pub fn people(&self) -> usize {
        self.members.len() - self.doubles
    }

    /// Looks whether it is a crowd. Returns true if it has just become one; to be none again takes fewer people, so that it
    /// does not go to and fro.
    pub fn count_heads(&mut self) -> bool {
        let before = self.is_crowded;
        self.is_crowded = self.members.len() > if before { CROWD * 4 / 5 } else { CROWD };
        self.is_crowded && !before
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
