//! What was done with an operator's rights, as the audit shows it.

use chrono::{DateTime, Utc};

use crate::model::names::RoomName;
use crate::model::text::Text;

/// One act with an operator's rights, for the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Act {
    /// The wall clock's time of the act.
    pub at: DateTime<Utc>,
    /// The name of the actor.
    pub by: Text,
    /// What: `mode`, `delete`, `grant`; a stable word.
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
    /// About how many bytes it is, for the limits of the queues.
    pub fn cost(&self) -> usize {
        160 + self.act.detail.len()
    }

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

/// The most bytes of one answer to `AUDIT`.
const AUDIT_BYTES: usize = 128 * 1024;
