//! Lets one worker at a time work on a connection, and makes sure that no call to work on it is missed.

#[cfg(not(test))]
use std::sync::atomic::{AtomicU8, Ordering};

// The tests of this file try out all that threads may do to each other here, also what only another processor would do.
#[cfg(test)]
use loom::sync::atomic::{AtomicU8, Ordering};

/// Nothing is to be done.
const IDLE: u8 = 0;
/// It stands in a queue.
const QUEUED: u8 = 1;
/// A worker is at it.
const RUNNING: u8 = 2;
/// A worker is at it, and there was a call since it began: what it found may be old.
const CALLED: u8 = 3;

/// What stands between a connection and those who want something done for it.
///
/// ```text
///          call (queue it)        begin               end: nothing new
///   IDLE ──────────────► QUEUED ────────► RUNNING ──────────────────────► IDLE
///                          ▲                 │ call
///                          │                 ▼
///                          └───────────── CALLED
///                      end: queue it again
/// ```
///
/// Every step writes, also a call that changes nothing. A processor may let a thread look at the state before others see
/// what that thread has written: a call that only looked, and saw `QUEUED`, could leave news behind that the worker who
/// begins right then does not see. Between two steps that both write one is first, and the second sees all that was done
/// before the first.
#[derive(Default)]
pub(crate) struct Turnstile(AtomicU8);

impl Turnstile {
    /// Asks for a look at it. Returns whether the caller has to put it into a queue.
    pub(crate) fn call(&self) -> bool {
        let step = |state| {
            Some(match state {
                IDLE => QUEUED,
                RUNNING => CALLED,
                waiting_already => waiting_already,
            })
        };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step) == Ok(IDLE)
    }

    /// A worker takes it from the queue.
    pub(crate) fn begin(&self) {
        self.0.swap(RUNNING, Ordering::AcqRel);
    }

    /// The worker is done, and wants it looked at again if `again`. Returns whether it has to be put into a queue.
    pub(crate) fn end(&self, again: bool) -> bool {
        let rest = if again { QUEUED } else { IDLE };
        match self.0.compare_exchange(RUNNING, rest, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => again,
            // There was a call meanwhile.
            Err(_) => {
                self.0.swap(QUEUED, Ordering::AcqRel);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    use super::*;

    #[test]
    fn it_is_queued_once_however_often_it_is_called() {
        loom::model(|| {
            let turnstile = Turnstile::default();
            assert!(turnstile.call());
            assert!(!turnstile.call());
            turnstile.begin();
            assert!(!turnstile.call(), "the worker at it queues it");
            assert!(!turnstile.call());
            assert!(turnstile.end(false), "since there was a call");
            turnstile.begin();
            assert!(!turnstile.end(false));
            assert!(turnstile.call());
            turnstile.begin();
            assert!(turnstile.end(true));
        });
    }

    /// What stands behind a turnstile: news that have no order of their own, and whether a worker has seen them.
    struct Desk {
        turnstile: Turnstile,
        news: [AtomicBool; 3],
        seen: [AtomicBool; 3],
        /// Loom fails if two are at this at once, or one does not see what the one before has done.
        hand: UnsafeCell<()>,
    }

    impl Desk {
        fn new() -> Desk {
            let none = || [(); 3].map(|()| AtomicBool::new(false));
            Desk { turnstile: Turnstile::default(), news: none(), seen: none(), hand: UnsafeCell::new(()) }
        }

        /// Puts something down and calls. The caller that has to queue it runs it at once.
        fn bring(&self, which: usize) {
            self.news[which].store(true, Ordering::Relaxed);
            if self.turnstile.call() {
                self.run();
            }
        }

        fn run(&self) {
            loop {
                self.turnstile.begin();
                self.hand.with_mut(|_| ());
                for (news, seen) in self.news.iter().zip(&self.seen) {
                    if news.load(Ordering::Relaxed) {
                        seen.store(true, Ordering::Relaxed);
                    }
                }
                if !self.turnstile.end(false) {
                    break;
                }
            }
        }
    }

    /// Three threads bring news, in every order and with all that a processor may reorder: no two workers meet, and when
    /// all is quiet nothing that was brought is unseen.
    #[test]
    fn nobody_is_missed_and_nobody_meets() {
        let mut model = loom::model::Builder::new();
        // All orders with more would take hours.
        model.preemption_bound = Some(2);
        model.check(|| {
            let desk = Arc::new(Desk::new());
            let others = [1, 2].map(|which| {
                let desk = desk.clone();
                thread::spawn(move || desk.bring(which))
            });
            desk.bring(0);
            others.into_iter().for_each(|other| other.join().unwrap());
            let missed: Vec<usize> = (0..3).filter(|which| !desk.seen[*which].load(Ordering::Relaxed)).collect();
            assert!(missed.is_empty(), "never seen: {missed:?}");
        });
    }
}
