//! Tells users by push what was said to them while no page of theirs was in sight (docs/push.md): sealed for the browser, tried again, and
//! to no address inside.
//!
//! # What happens to a push
//!
//! The router decides whom it tells, and says so when the turn is kept. Of each room the newest message waits for each browser of the
//! account, and stands for those before it. A browser gets ten pushes at once and then one in ten seconds; of rooms where no message speaks to
//! its user, one a minute. A service that fails is called again in 5 and 30 seconds, 2 and 10 minutes, or when it says so; then what waits
//! is given up. A line that is edited or deleted while it waits is told as it is then, or not at all. The unread marks hold what was
//! said, so nothing of this is kept over a restart.
//!
//! # Threads
//!
//! `push` has all that waits (`desk`), and waits for nothing but its queue. The `push-N` seal and call, each call with ten seconds from
//! the look-up of the name to the end of the answer.
#![warn(missing_docs)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::Duration;

use chat_calls::{Crew, Ends, Names};
use chat_server::features::calls::{Call, PushCall};
use chat_server::features::push::{self, Notice, Push};
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
const NAMES: Names = Names { desk: "push", caller: "push", called: "a push service" };
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
pub struct Pusher(Crew<In>);

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
        let (figures, load, key) = (Arc::new(Figures::default()), Arc::new(AtomicUsize::new(0)), vapid.public().into());
        let services = Services { caller: caller(settings.inside), vapid, contact: settings.contact.clone() };
        let call = move |job: Job| {
            let outcome = services.call(&job, Now::read().wall.timestamp());
            In::Called(job.subscription.number, outcome)
        };
        let (counted, desk, taken, router) = (figures.clone(), figures.clone(), load.clone(), handle.clone());
        let work = move |ends: Ends<In, Job>| run(&router, &ends, Desk::new(desk, THREADS), &taken);
        let crew = Crew::start(NAMES, THREADS, || In::Stop, call, work)?;
        handle.add_figures(move |text| counted.append(text));
        let courier = courier(crew.to_desk(), load, figures);
        let sender = push::Sender { courier, key, inside: settings.inside };
        handle.send(Call::Push(PushCall::Attach(sender)).into());
        Ok(Pusher(crew))
    }

    /// Stops it. What is not sent is not sent any more.
    ///
    /// # Errors
    /// A service is still being called after `patience`; its thread is left behind.
    pub fn stop(self, patience: Duration) -> io::Result<()> {
        self.0.stop(patience)
    }
}

/// The router's end. Where too much waits a push is dropped; who is subscribed, and what of lines is changed, is always taken.
fn courier(to_desk: Sender<In>, load: Arc<AtomicUsize>, figures: Arc<Figures>) -> push::Courier {
    Box::new(move |notice| {
        let is_push = matches!(notice, Notice::Push(_));
        let bytes = match &notice {
            Notice::Push(Push { text, .. }) | Notice::Changed(_, Some(text)) => 256 + text.len(),
            _ => 0,
        };
        if is_push && load.load(Ordering::Relaxed) + bytes > BYTES {
            return Figures::count(&figures.dropped);
        }
        load.fetch_add(bytes, Ordering::Relaxed);
        let _ended = to_desk.send(In::Notice(notice, bytes));
    })
}

fn run(handle: &ServerHandle, ends: &Ends<In, Job>, mut desk: Desk, load: &AtomicUsize) {
    let Ends { inbox, to_callers, .. } = ends;
    loop {
        let now = Moment::now();
        // They end after this thread.
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
