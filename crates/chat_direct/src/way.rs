//! The way from the router to one socket: by a direct write, or by a thread for as long as the socket is full.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use chat_server::chat::message::Message;
use chat_server::chat::outbox::{Batch, Deliver, Undelivered};
use chat_server::model::event::Leave;
use chat_server::model::names::ClientId;
use chat_server::net::connection::{self, STACK};
use chat_server::net::outgoing::Outgoing;
use chat_server::net::queue::{Hangup, QueueReceiver, QueueSender, queue};
use chat_server::net::server::ServerHandle;
use chat_server::protocol::dialect::Encoder;
use rustix::net::SendFlags;

use crate::linger::{Asleep, LingerHandle};

/// What the scratch buffer may keep after a turn that was larger.
const SCRATCH: usize = 256 * 1024;

thread_local! {
    /// The bytes of one client's batch: the router's thread makes them here and sends them from here.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes the way to a client: the router's end, the reader's end, and what tells the reader that the router has let go.
pub(crate) fn way<E: Encoder + 'static>(
    id: ClientId,
    socket: &Arc<TcpStream>,
    encoder: E,
    linger: LingerHandle,
    handle: &ServerHandle,
) -> (Sender<E>, Exit<E>, Hangup) {
    let config = handle.config();
    let (queue, receiver) = queue(config.outbox_bytes);
    let hangup = receiver.hangup();
    let outgoing = Outgoing::new(encoder, config.slow_secs);
    let state = State { outgoing: Some(outgoing), receiver: Some(receiver), behind: false, over: false, writer: None };
    let asleep = Arc::new(Asleep(socket.clone()));
    let way = Arc::new(Way {
        id,
        socket: socket.clone(),
        reader: Arc::downgrade(&asleep),
        linger,
        handle: handle.clone(),
        state: Mutex::new(state),
        changed: Condvar::new(),
    });
    (Sender { queue: Some(queue), way: way.clone() }, Exit { way, asleep: Some(asleep) }, hangup)
}

/// What the router, the reader and perhaps a writer know of one client.
struct Way<E> {
    id: ClientId,
    socket: Arc<TcpStream>,
    reader: Weak<Asleep>,
    linger: LingerHandle,
    handle: ServerHandle,
    state: Mutex<State<E>>,
    changed: Condvar,
}

struct State<E> {
    /// Here while no thread writes; a writer has it while it does.
    outgoing: Option<Outgoing<E>>,
    /// Here until there is a writer.
    receiver: Option<QueueReceiver>,
    /// Something is to be written by the writer, so the router must not write past it.
    behind: bool,
    /// Our side is closed.
    over: bool,
    /// Started when the socket is full for the first time; it stays as long as the client.
    writer: Option<JoinHandle<()>>,
}

/// The router's end. Dropping it ends the connection, after what was delivered is written.
pub(crate) struct Sender<E: Encoder + 'static> {
    /// For what comes while the writer is behind. None only while this is dropped.
    queue: Option<QueueSender>,
    way: Arc<Way<E>>,
}

/// The reader's end.
pub(crate) struct Exit<E> {
    way: Arc<Way<E>>,
    asleep: Option<Arc<Asleep>>,
}

impl<E: Encoder + 'static> Deliver for Sender<E> {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        let mut state = self.way.lock();
        if state.over {
            return Err(Undelivered::Gone);
        }
        if state.behind {
            return self.queue.as_mut().map_or(Err(Undelivered::Gone), |queue| queue.deliver(batch));
        }
        // An encoder with a bug must cost its own client and not the router.
        let sent = catch_unwind(AssertUnwindSafe(|| self.way.send(&mut state, batch)));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                log::debug!("{}: cannot write to it: {error}", self.way.id);
                self.way.close(&mut state, Shutdown::Both);
                Err(Undelivered::Gone)
            }
            Err(_) => {
                self.way.handle.caught_panic(self.way.id, "writing to it");
                self.way.close(&mut state, Shutdown::Both);
                Err(Undelivered::Broken)
            }
        }
    }

    fn last_words(&mut self, batch: Batch) {
        let behind = self.way.lock().behind;
        match &mut self.queue {
            // The queue keeps a place for them.
            Some(queue) if behind => queue.last_words(batch),
            _ => drop(self.deliver(batch)),
        }
    }

    fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, Deliver::waiting)
    }
}

impl<E: Encoder + 'static> Drop for Sender<E> {
    fn drop(&mut self) {
        // First this, for a thread that looks whether it is over must find that it is.
        drop(self.queue.take());
        let mut state = self.way.lock();
        if !state.behind {
            self.way.close(&mut state, Shutdown::Write);
        }
    }
}

impl<E: Encoder + 'static> Way<E> {
    /// Writes what the socket takes at once; the rest is left to a writer.
    fn send(self: &Arc<Self>, state: &mut State<E>, batch: Batch) -> io::Result<()> {
        let Some(outgoing) = &mut state.outgoing else { return Err(ErrorKind::NotConnected.into()) };
        let all = BYTES.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.shrink_to(SCRATCH);
            let bytes = outgoing.encode(&batch.envelopes, scratch);
            let sent = send_now(&self.socket, bytes)?;
            if sent < bytes.len() {
                outgoing.keep(&bytes[sent..], batch.tickets);
            }
            Ok::<bool, io::Error>(sent == bytes.len())
        })?;
        if all {
            return Ok(());
        }
        state.behind = true;
        match state.receiver.take() {
            Some(receiver) => {
                let way = self.clone();
                let thread = thread::Builder::new().name(format!("write-{}", self.id.0)).stack_size(STACK);
                state.writer = Some(thread.spawn(move || way.write(&receiver))?);
            }
            None => self.changed.notify_all(),
        }
        Ok(())
    }

    /// The writer: writes whenever the router was not able to, until it is over.
    fn write(self: Arc<Self>, queue: &QueueReceiver) {
        while let Some(mut outgoing) = self.wait_for_work() {
            let mut next = None;
            loop {
                let written = catch_unwind(AssertUnwindSafe(|| self.catch_up(&mut outgoing, next.take(), queue)));
                // Before the lock, which the router may wait for, while its inbox may be full.
                let failed = match written {
                    Ok(Ok(())) => false,
                    Ok(Err(error)) => {
                        log::debug!("{}: cannot write to it: {error}", self.id);
                        true
                    }
                    Err(_) => {
                        self.handle.caught_panic(self.id, "writing to it");
                        self.handle.send(Message::ClientLeft(self.id, Leave::Crashed));
                        true
                    }
                };
                let mut state = self.lock();
                if failed {
                    self.close(&mut state, Shutdown::Both);
                }
                // Under the lock that the router takes before it writes past the queue, so nothing can be overtaken.
                next = if state.over { None } else { queue.try_recv() };
                if next.is_none() {
                    state.behind = false;
                    state.outgoing = Some(outgoing);
                    if queue.hangup().is_over() {
                        self.close(&mut state, Shutdown::Write);
                    }
                    break;
                }
            }
        }
    }

    fn wait_for_work(&self) -> Option<Outgoing<E>> {
        let mut state = self.lock();
        while !state.behind && !state.over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.over { None } else { state.outgoing.take() }
    }

    fn catch_up(&self, outgoing: &mut Outgoing<E>, next: Option<Batch>, queue: &QueueReceiver) -> io::Result<()> {
        if let Some(batch) = next {
            outgoing.add(batch);
        }
        loop {
            connection::write(&*self.socket, self.id, outgoing, queue, &self.handle)?;
            if !outgoing.add_all(queue) {
                return Ok(());
            }
        }
    }

    /// Ends our side. The reader wakes when the peer ends its own, or in a moment without.
    fn close(&self, state: &mut State<E>, how: Shutdown) {
        if !std::mem::replace(&mut state.over, true) {
            let _closed_already = self.socket.shutdown(how);
            self.linger.wake_soon(&self.reader);
            self.changed.notify_all();
        }
        state.behind = false;
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // What can panic while it is locked is caught inside, so a poisoned lock is as good as a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Exit<E> {
    /// The reader reads no more words, and is not to be woken.
    pub(crate) fn awake(&mut self) {
        self.asleep = None;
    }

    /// Whether our side is closed.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // As in the way itself.
        self.way.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is to be written any more. That ends: a router that has let go leaves only what a writer may
    /// take its last seconds for.
    pub(crate) fn wait(&self) {
        let mut state = self.lock();
        while !state.over {
            state = self.way.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            let _caught_inside = writer.join();
        }
    }
}

/// Writes as much as the socket takes without waiting.
fn send_now(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match rustix::net::send(socket, &bytes[sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(count) => sent += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}
