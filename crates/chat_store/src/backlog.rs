//! Turns that are not written yet: a queue that cannot grow without end, whatever the disk does.

use std::collections::{HashMap, VecDeque};

use chat_server::features::archive::store::Record;
use chat_server::model::body::Body;
use chat_server::model::event::{Event, What};
use chat_server::model::names::RoomName;

/// What one record costs besides its lines.
const RECORD: usize = 256;

/// About how many bytes a record takes while it waits.
pub(crate) fn cost(record: &Record) -> usize {
    let lines: usize = record.lines.iter().map(|line| 160 + line.cost()).sum();
    let others = record.rooms.len() + record.forgotten.len() + record.acts.len();
    let values = record.preferences.iter().filter_map(|preference| preference.value.as_ref());
    let preferences = RECORD * record.preferences.len() + values.map(Body::len).sum::<usize>();
    RECORD * (1 + others + record.memberships.len() + record.mentions.len()) + preferences + lines
}

/// A record that waits.
pub(crate) struct Entry {
    pub(crate) record: Record,
    /// Of rooms that lost lines: the last id each had given.
    pub(crate) last_ids: HashMap<RoomName, u64>,
    bytes: usize,
}

/// Records in order, with bounds in lines and bytes. What comes past them, while nothing can be written, is boiled down to
/// what must not be forgotten: which rooms there are, which ids were given, what was deleted, and who is banned.
pub(crate) struct Backlog {
    entries: VecDeque<Entry>,
    /// The last of `entries` is what was boiled down.
    overflows: bool,
    max_rows: usize,
    max_bytes: usize,
    records: usize,
    rows: usize,
    bytes: usize,
}

impl Backlog {
    pub(crate) fn new(max_rows: usize, max_bytes: usize) -> Backlog {
        Backlog { entries: VecDeque::new(), overflows: false, max_rows, max_bytes, records: 0, rows: 0, bytes: 0 }
    }

    /// Records that are not settled, those that were taken included.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// Lines in them.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// What they cost.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits, and nothing is being written.
    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_taken(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a record. With `bounded` its lines may fall away; how many of them did is returned.
    pub(crate) fn push(&mut self, record: Record, bytes: usize, bounded: bool) -> usize {
        let fits = self.rows + record.lines.len() <= self.max_rows && self.bytes + bytes <= self.max_bytes;
        if !bounded || fits && !self.overflows {
            self.add(Entry { record, last_ids: HashMap::new(), bytes });
            return 0;
        }
        if !self.overflows {
            self.overflows = true;
            let record = Record { turn: record.turn, ..Record::default() };
            self.add(Entry { record, last_ids: HashMap::new(), bytes: RECORD });
        }
        self.boil_down(record)
    }

    fn add(&mut self, entry: Entry) {
        self.records += 1;
        self.rows += entry.record.lines.len();
        self.bytes += entry.bytes;
        self.entries.push_back(entry);
    }

    /// Adds what is essential in a record to the last entry.
    fn boil_down(&mut self, new: Record) -> usize {
        let Some(entry) = self.entries.back_mut() else { return 0 };
        // By name, so that a field that is new cannot be forgotten here.
        let Record {
            turn,
            lines,
            rooms,
            forgotten,
            acts,
            bans,
            memberships,
            mentions: _,
            preferences,
            wiped,
            disowned,
        } = new;
        let (rows_before, bytes_before) = (entry.record.lines.len(), entry.bytes);
        let kept = &mut entry.record;
        kept.turn = turn;
        for (room, last_id) in forgotten {
            kept.rooms.retain(|state| state.name != room);
            kept.lines.retain(|line| line.room() != Some(&room));
            entry.last_ids.remove(&room);
            kept.forgotten.retain(|(other, _)| *other != room);
            kept.memberships.retain(|membership| membership.room != room);
            kept.mentions.retain(|mention| mention.room != room);
            kept.forgotten.push((room, last_id));
        }
        for state in rooms {
            kept.rooms.retain(|other| other.name != state.name);
            kept.rooms.push(state);
        }
        let mut lost = 0;
        for line in lines {
            if let (Some(room), Some(id)) = (line.room(), line.id()) {
                entry.last_ids.insert(room.clone(), id);
            }
            match &line.event {
                Event::Changed(change) if change.what == What::Deleted => kept.lines.push(line),
                _ => lost += 1,
            }
        }
        for new in memberships {
            kept.memberships.retain(|old| old.account != new.account || old.room != new.room);
            kept.memberships.push(new);
        }
        for new in preferences {
            kept.preferences.retain(|old| old.account != new.account || old.key != new.key);
            kept.preferences.push(new);
        }
        // What mentions an account is lost with its line.
        kept.wiped.extend(wiped);
        kept.disowned.extend(disowned);
        kept.acts.extend(acts);
        kept.bans = bans.or(kept.bans.take());
        entry.bytes = cost(kept);
        self.rows = self.rows + kept.lines.len() - rows_before;
        self.bytes = self.bytes + entry.bytes - bytes_before;
        lost
    }

    /// Takes records to be written, the oldest first: all if they have no more than so many lines together, and at least one.
    pub(crate) fn take(&mut self, max_rows: usize) -> Vec<Entry> {
        let mut rows = 0;
        let count = self.entries.iter().take_while(|entry| {
            let is_first = rows == 0;
            rows += entry.record.lines.len().max(1);
            is_first || rows <= max_rows
        });
        let count = count.count();
        let taken = self.entries.drain(..count).collect();
        self.overflows &= !self.entries.is_empty();
        taken
    }

    /// These were taken, and are written.
    pub(crate) fn settle(&mut self, written: &[Entry]) {
        self.records -= written.len();
        self.rows -= written.iter().map(|entry| entry.record.lines.len()).sum::<usize>();
        self.bytes -= written.iter().map(|entry| entry.bytes).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_outlast_a_queue_that_is_full() {
        let mut backlog = Backlog::new(0, 0);
        let changed = Record { turn: 1, bans: Some(Box::default()), ..Record::default() };
        assert_eq!(backlog.push(changed, RECORD, true), 0);
        assert_eq!(backlog.push(Record { turn: 2, ..Record::default() }, RECORD, true), 0);
        let taken = backlog.take(1);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].record.turn, 2);
        assert!(taken[0].record.bans.is_some(), "the next record without a change does not undo it");
    }
}
