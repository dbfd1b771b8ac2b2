//! Lets one worker at a time at a connection, and makes sure that nobody's call is missed.

use std::sync::atomic::{AtomicU8, Ordering};

/// Nothing is to be done.
const IDLE: u8 = 0;
/// It stands in a queue.
const QUEUED: u8 = 1;
/// A worker is at it.
const RUNNING: u8 = 2;
/// A worker is at it, and somebody called since it began: what it found may be old.
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
#[derive(Default)]
pub(crate) struct Turnstile(AtomicU8);

impl Turnstile {
    /// Somebody wants it looked at. Returns whether the caller has to put it into a queue.
    pub(crate) fn call(&self) -> bool {
        let step = |state| match state {
            IDLE => Some(QUEUED),
            RUNNING => Some(CALLED),
            // It is waiting already, and whoever takes it will see all that was done before this.
            _ => None,
        };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step) == Ok(IDLE)
    }

    /// A worker takes it from the queue.
    pub(crate) fn begin(&self) {
        self.0.store(RUNNING, Ordering::Release);
    }

    /// The worker is done, and wants it looked at again if `again`. Returns whether it has to be put into a queue.
    pub(crate) fn end(&self, again: bool) -> bool {
        let rest = if again { QUEUED } else { IDLE };
        match self.0.compare_exchange(RUNNING, rest, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => again,
            // Somebody called meanwhile.
            Err(_) => {
                self.0.store(QUEUED, Ordering::Release);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::thread;

    use super::*;

    #[test]
    fn it_is_queued_once_however_often_it_is_called() {
        let turnstile = Turnstile::default();
        assert!(turnstile.call());
        assert!(!turnstile.call());
        turnstile.begin();
        assert!(!turnstile.call(), "whoever is at it queues it");
        assert!(!turnstile.call());
        assert!(turnstile.end(false), "since somebody called");
        turnstile.begin();
        assert!(!turnstile.end(false));
        assert!(turnstile.call());
        turnstile.begin();
        assert!(turnstile.end(true));
    }

    /// Four threads put something down and call; whoever is told to queue it runs it at once. Two must never run it at
    /// the same time, and what was put down before a call must be seen by a run after it.
    #[test]
    fn nobody_is_missed_and_nobody_meets() {
        const EACH: usize = 20_000;
        let turnstile = Turnstile::default();
        let (put, seen, inside) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let run = || loop {
            turnstile.begin();
            assert!(!inside.swap(true, Ordering::AcqRel), "two at once");
            seen.store(put.load(Ordering::Acquire), Ordering::Release);
            inside.store(false, Ordering::Release);
            if !turnstile.end(false) {
                break;
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        put.fetch_add(1, Ordering::AcqRel);
                        if turnstile.call() {
                            run();
                        }
                    }
                });
            }
        });
        assert_eq!(seen.load(Ordering::Acquire), 4 * EACH);
    }
}
