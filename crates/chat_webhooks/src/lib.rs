//! Sends what is said in a room to the addresses of its webhooks (docs/webhooks.md): signed, tried again, and to no address inside.
//!
//! # What happens to an event
//!
//! A tap hears it when it is kept. A webhook of its room has it among its new ones, and its receiver is called: one call at a time
//! for each webhook, four for all. What the receiver does not take becomes a letter in the store, with the next try in 5 seconds,
//! 30 seconds, 2 and 10 minutes, 1 and 6 hours; then it is dead, until an operator has it tried again. The store also knows up to which
//! number of the room everything was tried: what lies behind that is read again at the start, and where the tap had no room. So nothing
//! is lost by a restart or a crash, and an event may come twice, with the same `webhook-id`.
//!
//! # Threads
//!
//! `webhooks` has all that is to be done (`desk`), and waits for nothing but its queue. The `webhook-N` call receivers, each call
//! with ten seconds from the look-up of the name to the end of the answer.
#![warn(missing_docs)]

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chat_server::chat::message::Message;
use chat_server::chat::outbox::{Batch, Deliver, Undelivered};
use chat_server::features::archive::store::Answer;
use chat_server::features::calls::{Call, Reply, WebhookCall};
use chat_server::features::programs::webhooks::{Ask, Notice};
use chat_server::model::now::{Moment, Now};
use chat_server::net::server::ServerHandle;

mod body;
mod call;
mod desk;
mod figures;
mod signature;
#[cfg(test)]
#[path = "../tests/it/receiver.rs"]
mod receiver;

use call::{CALL, Caller, Job, Outcome};
use desk::{Desk, Do};
use figures::Figures;

/// How many receivers are called at a time.
const THREADS: usize = 4;
/// What of the tap may wait, in bytes. What finds no room is read again.
const TAP_BYTES: usize = 4 * 1024 * 1024;

/// How webhooks are sent.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether addresses of this machine and its network are called as well, and by `http://`.
    pub inside: bool,
}

/// The sender of webhooks at work. Dropping it stops it.
pub struct Webhooks {
    to_desk: Sender<In>,
    desk: Option<JoinHandle<()>>,
    callers: Vec<JoinHandle<()>>,
    /// Closed when all threads have ended.
    ended: Receiver<()>,
}

/// What comes to the desk.
enum In {
    Batch(Batch),
    Notice(Notice),
    Loaded(Answer),
    Told(Answer),
    Page(u64, (u64, u64), Answer),
    Called(u64, u64, Outcome),
    Stop,
}

/// What waits of the tap.
#[derive(Default)]
struct Load {
    bytes: AtomicUsize,
    missed: AtomicBool,
}

/// The router's end of the tap.
struct Tap {
    to_desk: Sender<In>,
    load: Arc<Load>,
}

impl Deliver for Tap {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        let (bytes, waiting) = (batch.bytes, self.load.bytes.load(Ordering::Relaxed));
        if waiting > 0 && waiting + bytes > TAP_BYTES {
            self.load.missed.store(true, Ordering::Relaxed);
            return Err(Undelivered::Full(batch));
        }
        self.load.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.to_desk.send(In::Batch(batch)).map_err(|_| Undelivered::Gone)
    }

    fn waiting(&self) -> usize {
        self.load.bytes.load(Ordering::Relaxed)
    }
}

impl Webhooks {
    /// Starts the sender for a server with a store.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(handle: ServerHandle, settings: Settings) -> io::Result<Webhooks> {
        let (to_desk, inbox) = mpsc::channel();
        let (to_callers, jobs) = mpsc::channel::<Job>();
        let (alive, ended) = mpsc::channel();
        let (jobs, caller) = (Arc::new(Mutex::new(jobs)), Caller::new(settings.inside, CALL));
        let mut callers = Vec::new();
        for number in 1..=THREADS {
            let (jobs, caller, to_desk, alive) = (jobs.clone(), caller.clone(), to_desk.clone(), alive.clone());
            let work = move || {
                call_receivers(&jobs, &caller, &to_desk);
                drop(alive);
            };
            callers.push(thread::Builder::new().name(format!("webhook-{number}")).spawn(work)?);
        }
        let (figures, load) = (Arc::new(Figures::default()), Arc::new(Load::default()));
        let counted = figures.clone();
        handle.add_figures(move |text| counted.append(text));
        let courier = to_desk.clone();
        let courier = Box::new(move |notice| drop(courier.send(In::Notice(notice))));
        handle.send(Call::Webhooks(WebhookCall::Attach(courier, settings.inside)).into());
        handle.send(Message::Tap(Box::new(Tap { to_desk: to_desk.clone(), load: load.clone() })));
        let hands = Hands { handle, to_desk: to_desk.clone(), to_callers };
        let work = move || {
            hands.run(&inbox, Desk::new(figures, THREADS, Moment::now()), &load);
            drop(alive);
        };
        let desk = Some(thread::Builder::new().name("webhooks".into()).spawn(work)?);
        Ok(Webhooks { to_desk, desk, callers, ended })
    }

    /// Stops it. What is not delivered is in the store, and is sent after the next start.
    ///
    /// # Errors
    /// A receiver is still being called after `patience`; its thread is left behind.
    pub fn stop(mut self, patience: Duration) -> io::Result<()> {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> io::Result<()> {
        let Some(desk) = self.desk.take() else { return Ok(()) };
        let _ended_by_itself = self.to_desk.send(In::Stop);
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a receiver of a webhook is still being called"));
        }
        for thread in [desk].into_iter().chain(self.callers.drain(..)) {
            if thread.join().is_err() {
                log::error!("a thread of the webhooks panicked; the panic's own message stands above");
            }
        }
        Ok(())
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        let _left_behind = self.end(Duration::from_secs(1));
    }
}

/// Calls receivers until the desk has ended.
fn call_receivers(jobs: &Mutex<Receiver<Job>>, caller: &Caller, to_desk: &Sender<In>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let outcome = caller.call(&job);
        if to_desk.send(In::Called(job.webhook, job.event, outcome)).is_err() {
            return;
        }
    }
}

/// What the desk has done by others.
struct Hands {
    handle: ServerHandle,
    to_desk: Sender<In>,
    to_callers: Sender<Job>,
}

impl Hands {
    fn run(&self, inbox: &Receiver<In>, mut desk: Desk, load: &Load) {
        loop {
            while let Some(what) = desk.next(Now::read()) {
                self.carry_out(what);
            }
            desk.count();
            let now = Moment::now();
            let received = match desk.wakes(now) {
                Some(at) => inbox.recv_timeout(at - now),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(In::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(what) => take(&mut desk, what, load),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if load.missed.swap(false, Ordering::Relaxed) {
                desk.missed();
            }
        }
    }

    fn carry_out(&self, what: Do) {
        match what {
            Do::Ask(ask) => {
                let is_load = matches!(ask, Ask::Load);
                let reply = self.reply(move |answer| if is_load { In::Loaded(answer) } else { In::Told(answer) });
                self.handle.send(Call::Webhooks(WebhookCall::Ask(ask, reply)).into());
            }
            Do::Page { webhook, room, after, before, limit } => {
                let reply = self.reply(move |answer| In::Page(webhook, (after, before), answer));
                self.handle.send(Call::Webhooks(WebhookCall::Page { room, after, before, limit, reply }).into());
            }
            // They end after this thread.
            Do::Call(job) => drop(self.to_callers.send(job)),
            Do::Gone(number) => self.handle.send(Call::Webhooks(WebhookCall::Gone(number)).into()),
        }
    }

    fn reply(&self, comes: impl FnOnce(Answer) -> In + Send + 'static) -> Reply {
        let to_desk = self.to_desk.clone();
        Box::new(move |answer| drop(to_desk.send(comes(answer))))
    }
}

fn take(desk: &mut Desk, what: In, load: &Load) {
    let now = Now::read();
    match what {
        In::Batch(batch) => {
            batch.envelopes.iter().for_each(|envelope| desk.heard(envelope, now));
            load.bytes.fetch_sub(batch.bytes, Ordering::Relaxed);
        }
        In::Notice(notice) => desk.noticed(notice, now),
        In::Loaded(answer) => desk.loaded(answer, now),
        In::Told(answer) => desk.told(answer, now),
        In::Page(number, which, answer) => desk.paged(number, which, answer, now),
        In::Called(number, event, outcome) => desk.called(number, event, outcome, now),
        In::Stop => {}
    }
}
