//! The engine of tests: a log in memory. Clones are connections to the same log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::{Engine, EngineError, Head, Place, Stamped};

/// A log in memory, with a clock that moves only when told.
#[derive(Clone, Default)]
pub struct MemoryEngine(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    entries: Vec<Stamped>,
    /// How many were thrown away.
    trimmed: u64,
    now: i64,
}

impl MemoryEngine {
    /// Its clock shows this from now on, in milliseconds UTC.
    pub fn set_clock(&self, now: i64) {
        self.lock().now = now;
    }

    /// Where the log ends.
    pub fn end(&self) -> Place {
        let log = self.lock();
        Place(log.trimmed + log.entries.len() as u64)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for MemoryEngine {
    fn append(&mut self, head: Head, body: &[u8]) -> Result<(), EngineError> {
        let mut log = self.lock();
        let (place, at) = (Place(log.trimmed + log.entries.len() as u64 + 1), log.now);
        log.entries.push(Stamped { place, at, head, body: body.to_vec() });
        Ok(())
    }

    fn read(&mut self, after: Place, most: usize) -> Result<Vec<Stamped>, EngineError> {
        let log = self.lock();
        let Some(behind) = after.0.checked_sub(log.trimmed) else {
            return Err(EngineError(format!("the entries up to {} were thrown away", log.trimmed)));
        };
        let behind = usize::try_from(behind).unwrap_or(usize::MAX);
        Ok(log.entries.iter().skip(behind).take(most).cloned().collect())
    }

    fn trim(&mut self, before: Place) -> Result<u64, EngineError> {
        let mut log = self.lock();
        let old = before.0.saturating_sub(log.trimmed + 1).min(log.entries.len() as u64);
        log.entries.drain(..usize::try_from(old).unwrap_or(0));
        log.trimmed += old;
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_read_one_order_and_what_was_thrown_away_is_an_error() {
        let (mut one, mut other) = (MemoryEngine::default(), MemoryEngine::default());
        let head = |seq| Head { node: 1, boot: 1, seq };
        for seq in 1..=4 {
            one.set_clock(seq as i64 * 10);
            one.append(head(seq), &[seq as u8]).expect("it is there");
        }
        let read = one.clone().read(Place(1), 2).expect("it is there");
        let read: Vec<_> = read.iter().map(|entry| (entry.place.0, entry.at, entry.body[0])).collect();
        assert_eq!(read, [(2, 20, 2), (3, 30, 3)]);
        assert_eq!(one.trim(Place(3)), Ok(2));
        assert_eq!(one.end(), Place(4));
        assert_eq!(one.read(Place(2), 9).map(|read| read.len()), Ok(2));
        let words = one.read(Place(1), 9).map_err(|error| error.to_string());
        assert_eq!(words, Err("the log of the cluster: the entries up to 2 were thrown away".into()));
        assert_eq!(other.read(Place(0), 9), Ok(vec![]));
    }
}
