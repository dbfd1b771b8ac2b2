//! The threads of a sender: the desk, which knows what is to be done and when, and those that call.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the threads are called, and whom they call.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// The desk, as the log says it: `webhooks`.
    pub desk: &'static str,
    /// The others, each with its number behind: `webhook`.
    pub caller: &'static str,
    /// Whom they call, as an error says it: `a receiver of a webhook`.
    pub called: &'static str,
}

/// What the desk works with.
#[derive(Debug)]
pub struct Ends<I, J> {
    /// What comes to it.
    pub inbox: Receiver<I>,
    /// Where the answers go that it waits for.
    pub to_desk: Sender<I>,
    /// The jobs for those that call. They end after the desk.
    pub to_callers: Sender<J>,
}

/// A sender at work. Dropping it stops it.
#[derive(Debug)]
pub struct Crew<I> {
    names: Names,
    to_desk: Sender<I>,
    stop: fn() -> I,
    desk: Option<JoinHandle<()>>,
    callers: Vec<JoinHandle<()>>,
    /// Closed when all threads have ended.
    ended: Receiver<()>,
}

impl<I: Send + 'static> Crew<I> {
    /// Starts the desk, and so many threads that do its jobs by `call`; what comes of each goes to the desk, as does `stop` at the end.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start<J: Send + 'static>(
        names: Names,
        threads: usize,
        stop: fn() -> I,
        call: impl Fn(J) -> I + Send + Sync + 'static,
        desk: impl FnOnce(Ends<I, J>) + Send + 'static,
    ) -> io::Result<Crew<I>> {
        let (to_desk, inbox) = mpsc::channel();
        let (to_callers, jobs) = mpsc::channel::<J>();
        let (alive, ended) = mpsc::channel();
        let (jobs, call) = (Arc::new(Mutex::new(jobs)), Arc::new(call));
        let mut callers = Vec::new();
        for number in 1..=threads {
            let (jobs, call, to_desk, alive) = (jobs.clone(), call.clone(), to_desk.clone(), alive.clone());
            let work = move || {
                do_jobs(&jobs, &*call, &to_desk);
                drop(alive);
            };
            callers.push(thread::Builder::new().name(format!("{}-{number}", names.caller)).spawn(work)?);
        }
        let ends = Ends { inbox, to_desk: to_desk.clone(), to_callers };
        let work = move || {
            desk(ends);
            drop(alive);
        };
        let desk = Some(thread::Builder::new().name(names.desk.into()).spawn(work)?);
        Ok(Crew { names, to_desk, stop, desk, callers, ended })
    }

    /// What leads to the desk.
    pub fn to_desk(&self) -> Sender<I> {
        self.to_desk.clone()
    }

    /// Stops it.
    ///
    /// # Errors
    /// A call is not over after `patience`; its thread is left behind.
    pub fn stop(mut self, patience: Duration) -> io::Result<()> {
        self.end(patience)
    }
}

impl<I> Crew<I> {
    fn end(&mut self, patience: Duration) -> io::Result<()> {
        let Some(desk) = self.desk.take() else { return Ok(()) };
        let Names { desk: whose, called, .. } = self.names;
        let _ended_by_itself = self.to_desk.send((self.stop)());
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{called} is still being called")));
        }
        for thread in [desk].into_iter().chain(self.callers.drain(..)) {
            if thread.join().is_err() {
                log::error!("a thread of {whose} panicked; the panic's own message stands above");
            }
        }
        Ok(())
    }
}

impl<I> Drop for Crew<I> {
    fn drop(&mut self) {
        let _left_behind = self.end(Duration::from_secs(1));
    }
}

/// Calls until the desk has ended.
fn do_jobs<I, J>(jobs: &Mutex<Receiver<J>>, call: &impl Fn(J) -> I, to_desk: &Sender<I>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if to_desk.send(call(job)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names { desk: "adders", caller: "adder", called: "an adder" };

    /// A crew that adds one to each number that comes, and hands it out; 0 ends it.
    fn adders(call: impl Fn(u32) -> u32 + Send + Sync + 'static) -> (Crew<u32>, Receiver<u32>) {
        let (out, results) = mpsc::channel();
        let desk = move |ends: Ends<u32, u32>| {
            while let Ok(number @ 1..) = ends.inbox.recv() {
                let to = if number > 100 { &out } else { &ends.to_callers };
                let _the_test_is_over = to.send(number);
            }
        };
        (Crew::start(NAMES, 2, || 0, call, desk).unwrap(), results)
    }

    #[test]
    fn what_comes_of_each_job_is_told_and_all_threads_end() {
        let (crew, results) = adders(|number| number + 100);
        let to_desk = crew.to_desk();
        (1..=20).for_each(|number| to_desk.send(number).unwrap());
        let mut found: Vec<u32> = results.iter().take(20).collect();
        found.sort_unstable();
        assert_eq!(found, (101..=120).collect::<Vec<_>>());
        crew.stop(Duration::from_secs(20)).unwrap();
        assert!(to_desk.send(1).is_err(), "the desk has ended");
    }

    #[test]
    fn a_call_that_does_not_end_is_left_behind() {
        let (begun, waits) = mpsc::channel();
        let (crew, _results) = adders(move |_| {
            begun.send(()).unwrap();
            loop {
                thread::park();
            }
        });
        crew.to_desk().send(1).unwrap();
        waits.recv().unwrap();
        let left = crew.stop(Duration::from_millis(10)).unwrap_err();
        assert_eq!(left.to_string(), "an adder is still being called");
    }
}
