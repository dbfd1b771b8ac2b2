//! The pool: a few workers, a queue for each of them and one for all; an idle worker steals from the others.
//!
//! With one queue for all, every worker would wait for its lock. Here a worker takes a handful from the common queue
//! into its own, works through that without meeting another worker, and when it is through, takes from the others what
//! they have not come to: so none is idle while another has more than it can do at once.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};

use crossbeam_deque::{Injector, Stealer, Worker};

/// Something that a worker can do.
pub(crate) trait Job: Send + Sync + 'static {
    /// Does a share of it. Returns whether there is more to do: then it goes to the back of the common queue.
    fn run(self: &Arc<Self>) -> bool;
}

/// The workers. They are joined when this is dropped; what is queued then is not done any more.
pub(crate) struct Workers<J: Job> {
    shared: Arc<Shared<J>>,
    threads: Vec<JoinHandle<()>>,
}

/// What the workers share with those who have something for them.
pub(crate) struct Shared<J> {
    common: Injector<Arc<J>>,
    stealers: Vec<Stealer<Arc<J>>>,
    /// Those who sleep, or are about to.
    asleep: Mutex<Vec<(usize, Thread)>>,
    stop: AtomicBool,
}

impl<J: Job> Workers<J> {
    /// So many workers, called `pool-0` and so on.
    ///
    /// # Errors
    /// If the system has no threads for them.
    pub(crate) fn start(count: usize) -> io::Result<Workers<J>> {
        let own: Vec<Worker<Arc<J>>> = (0..count).map(|_| Worker::new_fifo()).collect();
        let shared = Arc::new(Shared {
            common: Injector::new(),
            stealers: own.iter().map(Worker::stealer).collect(),
            asleep: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let mut workers = Workers { shared, threads: Vec::new() };
        for (number, own) in own.into_iter().enumerate() {
            let shared = workers.shared.clone();
            let work = move || shared.work(number, &own);
            workers.threads.push(thread::Builder::new().name(format!("pool-{number}")).spawn(work)?);
        }
        Ok(workers)
    }

    /// For those who have something to do.
    pub(crate) fn shared(&self) -> &Arc<Shared<J>> {
        &self.shared
    }
}

impl<J: Job> Shared<J> {
    /// Puts a job into the common queue, and wakes one worker if one sleeps.
    pub(crate) fn push(&self, job: Arc<J>) {
        self.common.push(job);
        let sleeper = self.asleep().pop();
        if let Some((_, thread)) = sleeper {
            thread.unpark();
        }
    }

    fn work(&self, number: usize, own: &Worker<Arc<J>>) {
        while !self.stop.load(Ordering::Acquire) {
            if let Some(job) = self.find(number, own) {
                if job.run() {
                    // Behind all that waits anywhere, and not into the own queue: that would never become empty, and the
                    // common one would wait for ever. No worker is woken for it, since this one looks there next.
                    self.common.push(job);
                }
                continue;
            }
            // First on the list, then a last look, then to sleep: a job that comes before the look is found by it, and
            // a thread that brings one later finds us on the list.
            self.asleep().push((number, thread::current()));
            if !self.stop.load(Ordering::Acquire) && !self.has_work() {
                thread::park();
            }
            self.asleep().retain(|(other, _)| *other != number);
        }
    }

    /// The next job: from the own queue, from the common one (with a handful more for later), or from another worker.
    fn find(&self, number: usize, own: &Worker<Arc<J>>) -> Option<Arc<J>> {
        own.pop().or_else(|| {
            std::iter::repeat_with(|| {
                let others = self.stealers.iter().enumerate().filter(|(other, _)| *other != number);
                self.common
                    .steal_batch_and_pop(own)
                    .or_else(|| others.map(|(_, stealer)| stealer.steal_batch_and_pop(own)).collect())
            })
            // Another worker was in the way: once more.
            .find(|stolen| !stolen.is_retry())
            .and_then(|stolen| stolen.success())
        })
    }

    fn has_work(&self) -> bool {
        !self.common.is_empty() || self.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    fn asleep(&self) -> MutexGuard<'_, Vec<(usize, Thread)>> {
        // A list of names: nothing in here can panic half-way.
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Job> Drop for Workers<J> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            let _did_not_panic = thread.join();
        }
        // Jobs may hold the way back to here; without this both would stay for ever.
        while !self.shared.common.is_empty() {
            drop(self.shared.common.steal());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;

    /// A job in several shares, which says when it is done and by whom.
    struct Shares {
        left: AtomicUsize,
        done: Mutex<Sender<String>>,
    }

    impl Job for Shares {
        fn run(self: &Arc<Self>) -> bool {
            if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
                return true;
            }
            let name = thread::current().name().unwrap_or_default().to_string();
            self.done.lock().unwrap().send(name).unwrap();
            false
        }
    }

    #[test]
    fn every_job_is_done_by_a_worker_share_by_share() {
        const JOBS: usize = 2_000;
        let workers = Workers::start(3).unwrap();
        let (sender, done) = channel();
        for job in 0..JOBS {
            let left = AtomicUsize::new(1 + job % 5);
            workers.shared().push(Arc::new(Shares { left, done: Mutex::new(sender.clone()) }));
        }
        for _ in 0..JOBS {
            let by = done.recv_timeout(Duration::from_secs(20)).expect("all are done");
            assert!(by.starts_with("pool-"), "{by}");
        }
    }

    /// As many as there are workers never come to an end, until one that stands behind them has been done.
    #[test]
    fn jobs_that_never_end_do_not_hold_up_the_others() {
        const WORKERS: usize = 2;
        struct Endless(Arc<AtomicBool>);
        enum Either {
            Endless(Endless),
            Short(Mutex<Sender<()>>),
        }
        impl Job for Either {
            fn run(self: &Arc<Self>) -> bool {
                match &**self {
                    Either::Endless(Endless(over)) => !over.load(Ordering::Acquire),
                    Either::Short(done) => {
                        done.lock().unwrap().send(()).unwrap();
                        false
                    }
                }
            }
        }
        let workers = Workers::start(WORKERS).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let endless = || Arc::new(Either::Endless(Endless(over.clone())));
        (0..2 * WORKERS).for_each(|_| workers.shared().push(endless()));
        for _ in 0..100 {
            let (sender, done) = channel();
            workers.shared().push(Arc::new(Either::Short(Mutex::new(sender))));
            done.recv_timeout(Duration::from_secs(20)).expect("its turn comes");
        }
        over.store(true, Ordering::Release);
    }

    /// One that does not end until another is done: with one worker stuck in it, the other is done by a worker that stole it
    /// or took it.
    #[test]
    fn what_stands_behind_a_long_job_is_done_by_others() {
        struct Long(Mutex<Option<std::sync::mpsc::Receiver<String>>>);
        enum Either {
            Long(Long),
            Short(Mutex<Sender<String>>, Mutex<Sender<String>>),
        }
        impl Job for Either {
            fn run(self: &Arc<Self>) -> bool {
                match &**self {
                    Either::Long(long) => {
                        let waits = long.0.lock().unwrap().take().unwrap();
                        waits.recv_timeout(Duration::from_secs(20)).expect("another worker does the other");
                    }
                    Either::Short(first, second) => {
                        first.lock().unwrap().send("done".into()).unwrap();
                        second.lock().unwrap().send("done".into()).unwrap();
                    }
                }
                false
            }
        }
        let workers = Workers::start(2).unwrap();
        let (to_long, long) = channel();
        let (to_us, us) = channel();
        workers.shared().push(Arc::new(Either::Long(Long(Mutex::new(Some(long))))));
        workers.shared().push(Arc::new(Either::Short(Mutex::new(to_long), Mutex::new(to_us))));
        assert_eq!(us.recv_timeout(Duration::from_secs(20)).unwrap(), "done");
    }
}
