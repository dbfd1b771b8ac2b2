//! One client, from hello to goodbye, as a job for the pool: it does what can be done at once, and says what it waits for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use chat_server::chat::message::{Client as Joined, Message};
use chat_server::chat::outbox::Outbox;
use chat_server::chat::ticket::Credits;
use chat_server::model::event::Leave;
use chat_server::net::intake::{Intake, MESSAGES, Next};
use chat_server::net::outgoing::{Outgoing, Patience};
use chat_server::net::parting::Parting;
use chat_server::net::queue::{QueueReceiver, queue};
use chat_server::net::server::{Arrival, ServerHandle};
use chat_server::net::waking::WakingSender;
use chat_server::protocol::dialect::{Decoder, Encoder};

use crate::readiness::{Ready, Watch};
use crate::turnstile::Turnstile;
use crate::workers::{Job, Shared};

/// The most bytes of one read: of a client that says a line now and then, and of one that sends much.
const QUIET: usize = 512;
const BUSY: usize = 16 * 1024;
/// So many reads are one share of the work; a client with more to read goes to the back of the queue.
const SHARE: usize = 4;
/// So many bytes of answers to telnet wait at most; a client that takes none is not read from.
const ANSWERS: usize = 1_024;
/// How soon it is tried again where the router's inbox is full.
const RETRY: Duration = Duration::from_millis(1);

/// One client.
pub(crate) struct Client<D, E> {
    arrival: Arrival,
    handle: ServerHandle,
    turnstile: Turnstile,
    workers: Arc<Shared<Client<D, E>>>,
    watch: Watch<Client<D, E>>,
    /// The socket has said that there is something to read, and no read has found the end of it.
    readable: AtomicBool,
    /// What only the current worker has; the turnstile sees to that, so no thread ever waits for this lock.
    work: Mutex<Work<D, E>>,
}

struct Work<D, E> {
    intake: Intake<D>,
    outgoing: Outgoing<E>,
    queue: QueueReceiver,
    /// What was read; between `from` and `to` is what was not looked at.
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    busy: bool,
    /// For the router, whose inbox was full.
    unsent: Option<Message>,
    /// For its telnet, past the queue.
    answers: Vec<u8>,
    /// Its encoder has panicked: whatever it would make now is not to be trusted.
    broken: bool,
    phase: Phase,
    /// When it is to be looked at without a reason, as far as that was asked for.
    alarm: Option<Instant>,
}

enum Phase {
    /// It is in the chat.
    Talking,
    /// The router is told that it leaves. What is for it is written, and what it still sends is read away.
    Leaving(Parting),
    /// It is gone.
    Gone,
}

/// What a look at a client comes to.
enum Wait {
    /// There is more to do at once.
    Again,
    /// Something has to happen, or this time has to come.
    For(Option<Instant>),
    /// The end.
    Gone,
}

impl<D: Decoder + 'static, E: Encoder + 'static> Client<D, E> {
    /// Takes a connection over: tells the router, and watches the socket.
    ///
    /// # Errors
    /// If the socket cannot be watched.
    pub(crate) fn start(
        arrival: Arrival,
        origin: String,
        (decoder, encoder): (D, E),
        workers: &Arc<Shared<Client<D, E>>>,
        watch: Watch<Client<D, E>>,
        handle: &ServerHandle,
    ) -> io::Result<()> {
        let config = handle.config();
        let (id, accepted, door) = (arrival.id, arrival.accepted, decoder.door());
        let (sender, receiver) = queue(config.outbox_bytes);
        // The client is made of what wakes it, so it gets to know of itself at the end.
        let itself: Arc<OnceLock<Weak<Client<D, E>>>> = Arc::default();
        let call = |itself: Arc<OnceLock<Weak<Client<D, E>>>>| {
            move || {
                if let Some(client) = itself.get().and_then(Weak::upgrade) {
                    client.call();
                }
            }
        };
        let sender = WakingSender::new(sender, call(itself.clone()));
        let credits = Credits::waking(MESSAGES, call(itself.clone()));
        let hangup = receiver.hangup();
        let work = Work {
            intake: Intake::new(id, accepted, decoder, credits, hangup, handle),
            outgoing: Outgoing::new(encoder, config.slow_secs),
            queue: receiver,
            buffer: Vec::new(),
            from: 0,
            to: 0,
            busy: false,
            unsent: None,
            answers: Vec::new(),
            broken: false,
            phase: Phase::Talking,
            alarm: None,
        };
        let client = Arc::new(Client {
            arrival,
            handle: handle.clone(),
            turnstile: Turnstile::default(),
            workers: workers.clone(),
            watch,
            readable: AtomicBool::new(true),
            work: Mutex::new(work),
        });
        let _first = itself.set(Arc::downgrade(&client));
        client.watch.know(id, &client);
        // Before the socket is watched: the router must know a client of whom it hears.
        let outbox = Outbox::new(Box::new(sender), config.outbox_bytes);
        handle.send(Message::ClientJoined(Joined::new(id, outbox, origin, door)));
        let watched = client.watch.begin(id, &client.arrival.socket);
        if watched.is_err() {
            handle.send(Message::ClientLeft(id, Leave::Full));
        }
        watched
    }

    fn leave(&self, work: &mut Work<D, E>, why: Leave) {
        work.phase = Phase::Leaving(Parting::default());
        // Behind what is still unsent, of which there is nothing: a client that leaves has handed over what it said.
        work.unsent = Some(Message::ClientLeft(self.arrival.id, why));
    }

    /// Does what can be done at once.
    fn look(&self, work: &mut Work<D, E>) -> Wait {
        for _ in 0..SHARE {
            if !self.send(work) {
                return Wait::For(Some(Instant::now() + RETRY));
            }
            let wait = match work.phase {
                Phase::Talking => self.talk(work),
                Phase::Leaving(_) => self.take_leave(work),
                Phase::Gone => return Wait::Gone,
            };
            match wait {
                Wait::Again => {}
                wait => return wait,
            }
        }
        Wait::Again
    }

    /// Sends what the router could not take before. Returns whether it has.
    fn send(&self, work: &mut Work<D, E>) -> bool {
        work.unsent = work.unsent.take().and_then(|message| self.handle.try_send(message).err());
        work.unsent.is_none()
    }

    fn talk(&self, work: &mut Work<D, E>) -> Wait {
        // What the intake wants done.
        let (reads, until) = loop {
            // They come past the queue, so tickets do not hold them back. A disconnected client leaves all the same.
            if work.answers.len() >= ANSWERS && !work.queue.hangup().is_over() {
                break (false, None);
            }
            let mut bytes = &work.buffer[work.from..work.to];
            let next = catch_unwind(AssertUnwindSafe(|| work.intake.next(&mut bytes, Instant::now())));
            work.from = work.to - bytes.len();
            let Ok(next) = next else {
                self.handle.caught_panic(self.arrival.id, "reading it");
                self.leave(work, Leave::Crashed);
                return Wait::Again;
            };
            match next {
                Next::Send(message) => {
                    work.unsent = Some(message);
                    if !self.send(work) {
                        return Wait::For(Some(Instant::now() + RETRY));
                    }
                }
                Next::Answer(answer) => work.answers.extend_from_slice(&answer),
                Next::Pause(until) => break (false, Some(until)),
                Next::Tickets(count) if work.intake.credits().are_back(count) => {}
                Next::Tickets(_) => break (false, None),
                Next::Leave(why) => {
                    self.leave(work, why);
                    return Wait::Again;
                }
                Next::Read(until) => break (true, until),
            }
        };
        let held_back = work.answers.len() >= ANSWERS;
        let late = match self.write(work) {
            Ok(late) => late,
            Err(why) => {
                self.leave(work, why);
                return Wait::Again;
            }
        };
        if held_back && work.answers.is_empty() {
            return Wait::Again;
        }
        if work.unsent.is_some() {
            return Wait::Again;
        }
        if reads && self.readable.swap(false, Ordering::AcqRel) {
            return self.read(work);
        }
        Wait::For([until, late].into_iter().flatten().min())
    }

    /// Reads once. That there is no more is known only when a read finds nothing.
    fn read(&self, work: &mut Work<D, E>) -> Wait {
        let wanted = if work.busy { BUSY } else { QUIET };
        work.buffer.resize(wanted, 0);
        work.buffer.shrink_to(wanted);
        (work.from, work.to) = (0, 0);
        match (&mut &*self.arrival.socket).read(&mut work.buffer) {
            Ok(0) => {
                work.intake.end();
                // The next read finds the end again.
                self.readable.store(true, Ordering::Release);
                Wait::Again
            }
            Ok(count) => {
                // A client that sends much is read in large pieces, as long as it lasts.
                work.busy = count == work.buffer.len() || work.busy && count > QUIET;
                work.to = count;
                self.readable.store(true, Ordering::Release);
                Wait::Again
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Wait::Again,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.readable.store(true, Ordering::Release);
                Wait::Again
            }
            Err(error) => {
                log::debug!("{}: cannot read it: {error}", self.arrival.id);
                self.leave(work, Leave::Lost);
                Wait::Again
            }
        }
    }

    /// Writes what the socket takes. Returns when to look again whether a peer that takes nothing is too slow.
    fn write(&self, work: &mut Work<D, E>) -> Result<Option<Instant>, Leave> {
        loop {
            let (outgoing, queue) = (&mut work.outgoing, &work.queue);
            if catch_unwind(AssertUnwindSafe(|| outgoing.add_all(queue))).is_err() {
                self.handle.caught_panic(self.arrival.id, "writing to it");
                work.broken = true;
                return Err(Leave::Crashed);
            }
            let answers = !work.answers.is_empty();
            let pending = if answers { &work.answers } else { work.outgoing.piece() };
            if pending.is_empty() {
                return Ok(None);
            }
            match (&mut &*self.arrival.socket).write(pending) {
                Ok(0) => return Err(Leave::Lost),
                Ok(count) if answers => {
                    work.answers.drain(..count);
                    if work.outgoing.piece().is_empty() {
                        // The patience with it begins anew.
                        work.outgoing.wrote(0, &work.queue);
                    }
                }
                Ok(count) => work.outgoing.wrote(count, &work.queue),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    log::debug!("{}: cannot write to it: {error}", self.arrival.id);
                    return Err(Leave::Lost);
                }
            }
        }
        loop {
            match work.outgoing.patience(Instant::now(), work.queue.hangup().is_over()) {
                Patience::Until(until) => return Ok(until),
                Patience::TooSlow => {
                    work.unsent = Some(Message::ClientLeft(self.arrival.id, Leave::TooSlow));
                }
                Patience::Over => return Err(Leave::Lost),
            }
        }
    }

    /// Writes what the router still has for the client, closes our side, and gives the peer a moment to close its own.
    fn take_leave(&self, work: &mut Work<D, E>) -> Wait {
        let Phase::Leaving(mut parting) = work.phase else { return Wait::Gone };
        // In this order: what was put in before the router let go is there to be taken.
        let over = work.queue.hangup().is_over();
        work.answers.clear();
        let late = match work.broken {
            true => None,
            false => match self.write(work) {
                Ok(late) => late,
                Err(_) => {
                    work.phase = Phase::Gone;
                    return Wait::Gone;
                }
            },
        };
        if !parting.is_closed() && (work.broken || over && work.outgoing.piece().is_empty()) {
            let _closed_already = self.arrival.socket.shutdown(Shutdown::Write);
            parting.closed(Instant::now());
        }
        let mut again = work.unsent.is_some();
        // Before the end in any case: it may have come and not be told yet.
        let ends = parting.is_over(Instant::now());
        if parting.reads() && (self.readable.swap(false, Ordering::AcqRel) || ends) {
            work.buffer.resize(BUSY, 0);
            match (&mut &*self.arrival.socket).read(&mut work.buffer) {
                Ok(0) => parting.ended(),
                Ok(count) => {
                    parting.heard(count, Instant::now());
                    self.readable.store(true, Ordering::Release);
                    again = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.readable.store(true, Ordering::Release);
                    again = true;
                }
                Err(_) => parting.ended(),
            }
        }
        work.phase = Phase::Leaving(parting);
        if parting.is_over(Instant::now()) {
            work.phase = Phase::Gone;
            return Wait::Gone;
        }
        if again { Wait::Again } else { Wait::For([parting.until(), late].into_iter().flatten().min()) }
    }
}

impl<D: Decoder + 'static, E: Encoder + 'static> Ready for Client<D, E> {
    fn call(self: &Arc<Self>) {
        if self.turnstile.call() {
            self.workers.push(self.clone());
        }
    }

    fn is_ready(self: &Arc<Self>, readable: bool) {
        if readable {
            self.readable.store(true, Ordering::Release);
        }
        self.call();
    }
}

impl<D: Decoder + 'static, E: Encoder + 'static> Job for Client<D, E> {
    fn run(self: &Arc<Self>) -> bool {
        self.turnstile.begin();
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.look(&mut work);
        match wait {
            Wait::Again => {}
            Wait::For(until) => {
                // An alarm that comes too early does no harm, so a later time does not move it.
                if let Some(until) = until
                    && work.alarm.is_none_or(|alarm| alarm <= Instant::now() || until < alarm)
                {
                    work.alarm = Some(until);
                    self.watch.wake_at(until, self.arrival.id);
                }
            }
            Wait::Gone => {
                self.watch.end(self.arrival.id, &self.arrival.socket);
                let _closed_already = self.arrival.socket.shutdown(Shutdown::Both);
            }
        }
        drop(work);
        self.turnstile.end(matches!(wait, Wait::Again))
    }
}
