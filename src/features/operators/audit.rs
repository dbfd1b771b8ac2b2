//! What was done with an operator's rights, as the audit shows it.

use chrono::{DateTime, Utc};

use crate::model::event::Block;
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::text::Text;
use crate::model::zone::Zone;

/// One act with an operator's rights, for the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Act {
    /// The wall clock's time of the act.
    pub at: DateTime<Utc>,
    /// The name of the actor.
    pub by: Text,
    /// The action, as a word that stays the same: `mode`, `delete`, `grant`.
    pub what: Text,
    /// In which room; `None` on the whole server.
    pub room: Option<RoomName>,
    /// To whom or to what; empty where the room is all there is to name.
    pub target: Text,
    /// The rest, for people.
    pub detail: Text,
}

/// An act in the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number there, always rising.
    pub number: u64,
    /// What was done.
    pub act: Act,
}

impl Entry {
    /// The newest of these, which are the oldest first: so many at most, and no more than fits into an answer. The number to
    /// ask on from, if that is not all of them.
    pub fn page(mut acts: Vec<Entry>, limit: usize) -> (Vec<Entry>, Option<u64>) {
        let mut room = AUDIT_BYTES;
        let fits = |entry: &&Entry| {
            room = room.saturating_sub(entry.cost());
            room > 0
        };
        let count = acts.iter().rev().take(limit).take_while(fits).count();
        let rest = acts.len() - count;
        acts.drain(..rest);
        let more = acts.first().filter(|_| rest > 0).map(|entry| entry.number);
        (acts, more)
    }
}

impl Entry {
    /// `AUDIT`: acts, the oldest first. There are more: ask with `before=` that number.
    pub fn block(acts: Vec<Entry>, more: Option<u64>) -> Block {
        let head = match acts.len() {
            0 => "There are no acts of operators.".into(),
            1 => "1 act of an operator:".into(),
            count => format!("{count} acts of operators:"),
        };
        Block { more, head: head.into(), ..Block::new("AUDIT", acts) }
    }
}

impl Row for Entry {
    fn line(&self) -> Parts {
        let Entry { number, act } = self;
        let line = Parts::new("AUDIT").field(number).field(&act.by).field(&act.what);
        let line = line.maybe("room", act.room.as_ref());
        let line = line.maybe("target", (!act.target.is_empty()).then_some(&act.target));
        if act.detail.is_empty() { line } else { line.text(&act.detail) }
    }

    fn sentence(&self, zone: Zone) -> String {
        let act = &self.act;
        let mut words = format!("{} {} {}", zone.shows(act.at).format("%Y-%m-%d %H:%M"), act.by, act.what);
        let room = act.room.as_ref().map(|room| room.as_str());
        for word in [act.target.as_str(), room.unwrap_or_default()] {
            words.push_str(if word.is_empty() { "" } else { " " });
            words.push_str(word);
        }
        let colon = if act.detail.is_empty() { "" } else { ": " };
        format!("{words}{colon}{}", act.detail)
    }

    fn at(&self) -> Option<DateTime<Utc>> {
        Some(self.act.at)
    }

    fn cost(&self) -> usize {
        160 + self.act.detail.len()
    }
}

/// The most bytes of one answer to `AUDIT`.
const AUDIT_BYTES: usize = 128 * 1024;
