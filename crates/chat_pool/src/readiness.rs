//! The one thread that waits for all sockets and all deadlines, and calls the clients for whom something has come.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use chat_server::names::ClientId;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::client::Client;

/// The most events of one wait.
const EVENTS: usize = 1_024;
/// What wakes the thread itself. Clients count from 1.
const SELF: Token = Token(0);

/// The thread. It is joined when this is dropped.
pub(crate) struct Readiness {
    watch: Watch,
    thread: Option<JoinHandle<()>>,
}

/// A way to it.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Watched>);

struct Watched {
    registry: Registry,
    waker: Waker,
    state: Mutex<State>,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    clients: HashMap<usize, Arc<Client>>,
    /// Who is to be called when, the earliest on top. An alarm of a client that is gone finds nobody.
    alarms: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Readiness {
    /// Starts the thread, which is called `poll`.
    ///
    /// # Errors
    /// If the system has no thread or no way to wait for sockets.
    pub(crate) fn start() -> io::Result<Readiness> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), SELF)?;
        let registry = poll.registry().try_clone()?;
        let (state, stop) = (Mutex::default(), AtomicBool::new(false));
        let watch = Watch(Arc::new(Watched { registry, waker, state, stop }));
        let watched = watch.0.clone();
        let thread = thread::Builder::new().name("poll".into()).spawn(move || watched.run(poll))?;
        Ok(Readiness { watch, thread: Some(thread) })
    }

    /// A way to it.
    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }
}

impl Watch {
    /// Watches a socket from now on. It is told once of each change (edge-triggered), so a reader has to go on until it
    /// finds nothing.
    pub(crate) fn begin(&self, id: ClientId, socket: &TcpStream, client: &Arc<Client>) -> io::Result<()> {
        self.0.state().clients.insert(id.0, client.clone());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.0.registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(id.0), interest).inspect_err(|_| {
            self.0.state().clients.remove(&id.0);
        })
    }

    /// Watches it no more, and forgets the client.
    pub(crate) fn end(&self, id: ClientId, socket: &TcpStream) {
        if let Err(error) = self.0.registry.deregister(&mut SourceFd(&socket.as_raw_fd())) {
            log::debug!("{id}: {error}");
        }
        // Dropped behind the lock, for it may be the last that holds it.
        let _client = self.0.state().clients.remove(&id.0);
    }

    /// Calls a client at that time.
    pub(crate) fn wake_at(&self, time: Instant, id: ClientId) {
        let mut state = self.0.state();
        let is_next = state.alarms.peek().is_none_or(|Reverse((next, _))| time < *next);
        state.alarms.push(Reverse((time, id.0)));
        drop(state);
        if is_next && let Err(error) = self.0.waker.wake() {
            log::error!("cannot wake the thread that waits for sockets: {error}");
        }
    }
}

impl Watched {
    fn run(&self, mut poll: Poll) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.stop.load(Ordering::Acquire) {
            let next = self.state().alarms.peek().map(|Reverse((time, _))| *time);
            let wait = next.map(|time| time.saturating_duration_since(Instant::now()));
            if let Err(error) = poll.poll(&mut events, wait)
                && error.kind() != ErrorKind::Interrupted
            {
                log::error!("cannot wait for sockets: {error}");
                return;
            }
            for event in events.iter().filter(|event| event.token() != SELF) {
                let client = self.state().clients.get(&event.token().0).cloned();
                if let Some(client) = client {
                    client.is_ready(event.is_readable() || event.is_error());
                }
            }
            let now = Instant::now();
            while let Some(client) = self.due(now) {
                if let Some(client) = client {
                    client.call();
                }
            }
        }
    }

    /// The next whose time has come; none inside if that one is gone.
    fn due(&self, now: Instant) -> Option<Option<Arc<Client>>> {
        let mut state = self.state();
        let Reverse((time, id)) = *state.alarms.peek()?;
        if time > now {
            return None;
        }
        state.alarms.pop();
        Some(state.clients.get(&id).cloned())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A map and a heap: nothing in here can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.watch.0.stop.store(true, Ordering::Release);
        if let Err(error) = self.watch.0.waker.wake() {
            log::error!("cannot wake the thread that waits for sockets: {error}");
        } else if let Some(thread) = self.thread.take() {
            let _did_not_panic = thread.join();
        }
        // Whoever is left holds a way to here; without this both would stay for ever.
        let left = std::mem::take(&mut self.watch.0.state().clients);
        drop(left);
    }
}
