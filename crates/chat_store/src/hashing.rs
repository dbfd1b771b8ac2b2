//! The threads that hash passwords, and the bounded queue of what waits for them.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_server::features::archive::store::Busy;
use rusqlite::Connection;

use crate::db;
use crate::desk::Desk;
use crate::passwords::{Hasher, Strength};

/// How many are hashed at once: each takes 19 MiB and all of a core for some hundredths of a second.
const THREADS: usize = 2;
/// The most that wait for that; half of the places are kept for those who are known where they come from.
const WAITING: usize = 32;
const STRANGERS: usize = WAITING / 2;
/// How often a thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);

/// Something that a hashing thread does. It has a connection that only reads.
type Work = Box<dyn FnOnce(&mut Hasher, &Connection) + Send>;

/// Who brings a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// The account was signed in to from there before.
    Known,
    /// It was not, or there is none. All of these together cannot keep out the others.
    Stranger,
}

/// The way to the hashing threads.
#[derive(Clone)]
pub(crate) struct Hashing(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    works: Mutex<VecDeque<(u64, Caller, Work)>>,
    /// Something has come, or the threads have to end.
    more: Condvar,
    /// Set with `works` locked, so that no thread goes to sleep just then.
    is_stopping: AtomicBool,
}

impl Hashing {
    /// Starts the threads. [`stop`](Hashing::stop) ends them.
    ///
    /// # Errors
    /// There is no thread, or no file descriptor, to be had.
    pub(crate) fn start(dir: &Path, desk: &Desk, strength: Strength) -> io::Result<(Hashing, Vec<JoinHandle<()>>)> {
        let hashing = Hashing(Arc::default());
        let mut threads = Vec::new();
        for number in 1..=THREADS {
            let db = db::open_to_read(dir).map_err(io::Error::other)?;
            let (hashing, desk) = (hashing.clone(), desk.clone());
            let work = move || run(Hasher::new(strength), &db, &hashing, &desk);
            threads.push(thread::Builder::new().name(format!("hash-{number}")).spawn(work)?);
        }
        Ok((hashing, threads))
    }

    /// Lets a thread do this for a question as soon as one has time. If it panics, the question has failed.
    ///
    /// # Errors
    /// As many wait as may.
    pub(crate) fn submit(
        &self,
        number: u64,
        caller: Caller,
        work: impl FnOnce(&mut Hasher, &Connection) + Send + 'static,
    ) -> Result<(), Busy> {
        let mut works = self.works();
        let strangers = works.iter().filter(|(_, caller, _)| *caller == Caller::Stranger).count();
        if works.len() >= WAITING || caller == Caller::Stranger && strangers >= STRANGERS {
            return Err(Busy);
        }
        works.push_back((number, caller, Box::new(work)));
        self.0.more.notify_one();
        Ok(())
    }

    /// Ends the threads; what still waits is not done.
    pub(crate) fn stop(&self) {
        let _works = self.works();
        self.0.is_stopping.store(true, Ordering::Relaxed);
        self.0.more.notify_all();
    }

    fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Relaxed)
    }

    /// What waited longest; `None` if nothing has come for a while, or the threads have to end.
    fn next(&self) -> Option<(u64, Caller, Work)> {
        let waited =
            self.0.more.wait_timeout_while(self.works(), TICK, |works| works.is_empty() && !self.is_stopping());
        waited.unwrap_or_else(PoisonError::into_inner).0.pop_front()
    }

    /// A queue cannot be left half changed.
    fn works(&self) -> MutexGuard<'_, VecDeque<(u64, Caller, Work)>> {
        self.0.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(mut hasher: Hasher, db: &Connection, hashing: &Hashing, desk: &Desk) {
    while !hashing.is_stopping() {
        let Some((number, _, work)) = hashing.next() else {
            hasher.rest();
            continue;
        };
        let began = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| work(&mut hasher, db))).is_err() {
            log::error!("a question made a hashing thread panic; the panic's own message stands above");
            desk.fail(number);
        }
        desk.0.figures.hashed(began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use chat_server::features::archive::store::{Answer, Refused, Report};

    use super::*;
    use crate::backlog::Backlog;
    use crate::durability::Durability;

    #[test]
    fn half_of_the_places_are_kept_for_those_who_are_known_there() {
        let hashing = Hashing(Arc::default());
        let comes = |caller| hashing.submit(1, caller, |_, _| {}).is_ok();
        let admitted = (0..100).filter(|_| comes(Caller::Stranger)).count();
        assert_eq!(admitted, STRANGERS);
        assert_eq!((0..100).filter(|_| comes(Caller::Known)).count(), WAITING - STRANGERS);
        // The first come, first served, and a place that is free again is for the next one.
        assert!(hashing.next().is_some_and(|(_, caller, _)| caller == Caller::Stranger));
        assert!(comes(Caller::Stranger) && !comes(Caller::Stranger) && !comes(Caller::Known));
    }

    #[test]
    fn a_panic_costs_one_question_and_not_a_thread() {
        let dir = tempfile::tempdir().unwrap();
        let _db = db::open(dir.path()).unwrap();
        let (said, reports) = mpsc::channel();
        let report = Box::new(move |report| drop(said.send(report)));
        let desk = Desk::new(Durability::Commit, Backlog::new(1, 1), Arc::default(), report);
        let (hashing, threads) = Hashing::start(dir.path(), &desk, Strength::none()).unwrap();
        for number in 0..8 {
            hashing.submit(number, Caller::Known, |_, _| panic!("a fault of ours, in a test")).unwrap();
        }
        let last = desk.clone();
        hashing.submit(8, Caller::Stranger, move |_, _| last.answer(8, Answer::Done)).unwrap();
        let mut answered: Vec<u64> = (0..9)
            .map(|_| match reports.recv_timeout(Duration::from_secs(60)).expect("an answer") {
                Report::Answer(8, Answer::Done) => 8,
                Report::Answer(number, Answer::Refused(Refused::Busy)) => number,
                other => panic!("{other:?}"),
            })
            .collect();
        answered.sort_unstable();
        assert_eq!(answered, (0..9).collect::<Vec<_>>());
        hashing.stop();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends by itself"));
    }
}
