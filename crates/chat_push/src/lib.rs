//! Tells users by push what was said to them while no page of theirs was in sight (docs/push.md): sealed for the browser, tried again, and
//! to no address inside.
//!
//! # What happens to a push
//!
//! The router decides whom it tells, and says so when the turn is kept. Of each room the newest message waits for each browser of the
//! account, and stands for those before it. A browser gets ten pushes at once and then one in ten seconds; of rooms where no message speaks to
//! its user, one a minute. A service that fails is called again in 5 and 30 seconds, 2 and 10 minutes, or when it says so; then what waits
//! is given up. The unread marks hold what was said, so nothing of this is kept over a restart.
//!
//! # Threads
//!
//! `push` has all that waits (`desk`), and waits for nothing but its queue. The `push-N` seal and call, each call with ten seconds from
//! the look-up of the name to the end of the answer.
#![warn(missing_docs)]

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chat_server::features::calls::{Call, PushCall};
use chat_server::features::push::{self, Notice};
use chat_server::model::now::{Moment, Now};
use chat_server::net::server::ServerHandle;

mod body;
mod call;
mod desk;
mod figures;
mod seal;
mod vapid;

use call::{Job, Outcome, Services, caller};
use desk::Desk;
use figures::Figures;

pub use vapid::Vapid;

/// How many services are called at a time.
const THREADS: usize = 4;
/// What of the router may wait, in bytes.
const BYTES: usize = 1024 * 1024;

/// How pushes are sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether there are pushes at all.
    pub is_on: bool,
    /// How a push service reaches the owner of this server: `mailto:` or `https://`. Apple's takes nothing without.
    pub contact: Option<String>,
    /// Whether addresses of this machine and its network are called as well, and by `http://`.
    pub inside: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { is_on: true, contact: None, inside: false }
    }
}

/// The sender of pushes at work. Dropping it stops it.
pub struct Pusher {
    to_desk: Sender<In>,
    desk: Option<JoinHandle<()>>,
    callers: Vec<JoinHandle<()>>,
    /// Closed when all threads have ended.
    ended: Receiver<()>,
}

/// What comes to the desk.
enum In {
    Notice(Notice, usize),
    Called(u64, Outcome),
    Stop,
}

impl Pusher {
    /// Starts the sender for a server with a store.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(handle: ServerHandle, vapid: Vapid, settings: &Settings) -> io::Result<Pusher> {
        let (to_desk, inbox) = mpsc::channel();
        let (to_callers, jobs) = mpsc::channel::<Job>();
        let (alive, ended) = mpsc::channel();
        let (figures, load, key) = (Arc::new(Figures::default()), Arc::new(AtomicUsize::new(0)), vapid.public().into());
        let services = Services { caller: caller(settings.inside), vapid, contact: settings.contact.clone() };
        let (jobs, services) = (Arc::new(Mutex::new(jobs)), Arc::new(services));
        let mut callers = Vec::new();
        for number in 1..=THREADS {
            let (jobs, services, to_desk, alive) = (jobs.clone(), services.clone(), to_desk.clone(), alive.clone());
            let work = move || {
                call_services(&jobs, &services, &to_desk);
                drop(alive);
            };
            callers.push(thread::Builder::new().name(format!("push-{number}")).spawn(work)?);
        }
        let counted = figures.clone();
        handle.add_figures(move |text| counted.append(text));
        let courier = courier(to_desk.clone(), load.clone(), figures.clone());
        let hands = (handle.clone(), to_callers);
        let work = move || {
            run(&hands, &inbox, Desk::new(figures, THREADS), &load);
            drop(alive);
        };
        let desk = Some(thread::Builder::new().name("push".into()).spawn(work)?);
        let sender = push::Sender { courier, key, inside: settings.inside };
        handle.send(Call::Push(PushCall::Attach(sender)).into());
        Ok(Pusher { to_desk, desk, callers, ended })
    }

    /// Stops it. What is not sent is not sent any more.
    ///
    /// # Errors
    /// A service is still being called after `patience`; its thread is left behind.
    pub fn stop(mut self, patience: Duration) -> io::Result<()> {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> io::Result<()> {
        let Some(desk) = self.desk.take() else { return Ok(()) };
        let _ended_by_itself = self.to_desk.send(In::Stop);
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a push service is still being called"));
        }
        for thread in [desk].into_iter().chain(self.callers.drain(..)) {
            if thread.join().is_err() {
                log::error!("a thread of the pushes panicked; the panic's own message stands above");
            }
        }
        Ok(())
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        let _left_behind = self.end(Duration::from_secs(1));
    }
}

/// The router's end. Where too much waits a push is dropped; who is subscribed is always taken.
fn courier(to_desk: Sender<In>, load: Arc<AtomicUsize>, figures: Arc<Figures>) -> push::Courier {
    Box::new(move |notice| {
        let bytes = if let Notice::Push(push) = &notice { 256 + push.text.len() } else { 0 };
        if bytes > 0 && load.load(Ordering::Relaxed) + bytes > BYTES {
            return Figures::count(&figures.dropped);
        }
        load.fetch_add(bytes, Ordering::Relaxed);
        let _ended = to_desk.send(In::Notice(notice, bytes));
    })
}

/// Calls services until the desk has ended.
fn call_services(jobs: &Mutex<Receiver<Job>>, services: &Services, to_desk: &Sender<In>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let outcome = services.call(&job, Now::read().wall.timestamp());
        if to_desk.send(In::Called(job.subscription.number, outcome)).is_err() {
            return;
        }
    }
}

fn run((handle, to_callers): &(ServerHandle, Sender<Job>), inbox: &Receiver<In>, mut desk: Desk, load: &AtomicUsize) {
    loop {
        let now = Moment::now();
        // The callers end after this thread.
        while let Some(job) = desk.next(now) {
            let _they_are_there = to_callers.send(job);
        }
        desk.count();
        let received = match desk.wakes(now) {
            Some(at) => inbox.recv_timeout(at - now),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(In::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(In::Notice(notice, bytes)) => {
                load.fetch_sub(bytes, Ordering::Relaxed);
                desk.noticed(notice, Moment::now());
            }
            Ok(In::Called(number, outcome)) => {
                if desk.called(number, outcome, Moment::now()) {
                    handle.send(Call::Push(PushCall::Gone(number)).into());
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
