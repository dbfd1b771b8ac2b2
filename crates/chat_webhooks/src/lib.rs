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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
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
#[path = "../../chat_calls/tests/receiver/mod.rs"]
mod receiver;

use call::{Job, Outcome, call, caller};
use chat_calls::{Crew, Ends, Names};
use desk::{Desk, Do};
use figures::Figures;

/// How many receivers are called at a time.
const THREADS: usize = 4;
const NAMES: Names = Names { desk: "webhooks", caller: "webhook", called: "a receiver of a webhook" };
/// What of the tap may wait, in bytes. What finds no room is read again.
const TAP_BYTES: usize = 4 * 1024 * 1024;

/// How webhooks are sent.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether addresses of this machine and its network are called as well, and by `http://`.
    pub inside: bool,
}

/// The sender of webhooks at work. Dropping it stops it.
pub struct Webhooks(Crew<In>);

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
        let (figures, load, caller) =
            (Arc::new(Figures::default()), Arc::new(Load::default()), caller(settings.inside));
        let call = move |job: Job| In::Called(job.webhook, job.event, call(&caller, &job));
        let (counted, taken, router) = (figures.clone(), load.clone(), handle.clone());
        let work = move |ends: Ends<In, Job>| {
            let Ends { inbox, to_desk, to_callers } = ends;
            let hands = Hands { handle: router, to_desk, to_callers };
            hands.run(&inbox, Desk::new(figures, THREADS, Moment::now()), &taken);
        };
        let crew = Crew::start(NAMES, THREADS, || In::Stop, call, work)?;
        handle.add_figures(move |text| counted.append(text));
        let courier = crew.to_desk();
        let courier = Box::new(move |notice| drop(courier.send(In::Notice(notice))));
        handle.send(Call::Webhooks(WebhookCall::Attach(courier, settings.inside)).into());
        handle.send(Message::Tap(Box::new(Tap { to_desk: crew.to_desk(), load })));
        Ok(Webhooks(crew))
    }

    /// Stops it. What is not delivered is in the store, and is sent after the next start.
    ///
    /// # Errors
    /// A receiver is still being called after `patience`; its thread is left behind.
    pub fn stop(self, patience: Duration) -> io::Result<()> {
        self.0.stop(patience)
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
