//! The one thread that waits for all sockets and all deadlines, and calls the clients for whom something has come.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use chat_server::model::names::ClientId;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

/// The most events of one wait.
const EVENTS: usize = 1_024;
/// What wakes the thread itself. Clients count from 1.
const SELF: Token = Token(0);

/// What readiness calls.
pub(crate) trait Ready: Send + Sync + 'static {
    /// Something has happened, so a worker is to look at it.
    fn call(self: &Arc<Self>);

    /// The socket has something to read, or has room again.
    fn is_ready(self: &Arc<Self>, readable: bool);
}

/// The thread. It is joined when this is dropped.
pub(crate) struct Readiness<C: Ready> {
    watch: Watch<C>,
    thread: Option<JoinHandle<()>>,
}

/// A way to it.
pub(crate) struct Watch<C>(Arc<Watched<C>>);

struct Watched<C> {
    registry: Registry,
    waker: Waker,
    state: Mutex<State<C>>,
    stop: AtomicBool,
}

struct State<C> {
    clients: HashMap<usize, Entry<C>>,
    /// Who is to be called when, the earliest first: at most one time for each client, so that it holds no more than are
    /// here however often they change their minds.
    alarms: BTreeSet<(Instant, usize)>,
}

struct Entry<C> {
    client: Arc<C>,
    /// Its place in `alarms`.
    alarm: Option<Instant>,
}

impl<C: Ready> Readiness<C> {
    /// Starts the thread, which is called `poll`.
    ///
    /// # Errors
    /// If the system has no thread or no way to wait for sockets.
    pub(crate) fn start() -> io::Result<Readiness<C>> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), SELF)?;
        let registry = poll.registry().try_clone()?;
        let state = Mutex::new(State { clients: HashMap::new(), alarms: BTreeSet::new() });
        let stop = AtomicBool::new(false);
        let watch = Watch(Arc::new(Watched { registry, waker, state, stop }));
        let watched = watch.0.clone();
        let thread = thread::Builder::new().name("poll".into()).spawn(move || watched.run(poll))?;
        Ok(Readiness { watch, thread: Some(thread) })
    }

    /// A way to it.
    pub(crate) fn watch(&self) -> Watch<C> {
        Watch(self.watch.0.clone())
    }
}

impl<C: Ready> Watch<C> {
    /// Knows a client from now on. It comes before the router is told of the client: the router's greeting makes a worker look at
    /// it, and the alarm that the worker sets for a client that is not known would be lost.
    pub(crate) fn know(&self, id: ClientId, client: &Arc<C>) {
        self.0.state().clients.insert(key(id), Entry { client: client.clone(), alarm: None });
    }

    /// Watches the socket of a known client from now on. It is told once of each change (edge-triggered), so a reader has to go
    /// on until it finds nothing.
    ///
    /// # Errors
    /// The system cannot watch it; then the client is forgotten.
    pub(crate) fn begin(&self, id: ClientId, socket: &TcpStream) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.0.registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(key(id)), interest).inspect_err(|_| {
            drop(self.0.state().remove(key(id)));
        })
    }

    /// Watches it no more, and forgets the client.
    pub(crate) fn end(&self, id: ClientId, socket: &TcpStream) {
        if let Err(error) = self.0.registry.deregister(&mut SourceFd(&socket.as_raw_fd())) {
            log::debug!("{id}: {error}");
        }
        // Dropped behind the lock, for it may be the last that holds it.
        let _client = self.0.state().remove(key(id));
    }

    /// Calls a client at that time, and no more at the time that was said before.
    pub(crate) fn wake_at(&self, time: Instant, id: ClientId) {
        let is_first = self.0.state().set_alarm(time, key(id));
        if is_first && let Err(error) = self.0.waker.wake() {
            log::error!("cannot wake the thread that waits for sockets: {error}");
        }
    }
}

/// A client's key among the sockets: what is watched here is this node's, so its place of the number is enough.
fn key(id: ClientId) -> usize {
    id.0 as usize
}

impl<C> State<C> {
    /// Returns whether it is the first of all.
    fn set_alarm(&mut self, time: Instant, id: usize) -> bool {
        let Some(entry) = self.clients.get_mut(&id) else { return false };
        if let Some(before) = entry.alarm.replace(time) {
            self.alarms.remove(&(before, id));
        }
        self.alarms.insert((time, id));
        self.alarms.first() == Some(&(time, id))
    }

    /// Takes the next whose time has come.
    fn due(&mut self, now: Instant) -> Option<Arc<C>> {
        let (_, id) = self.alarms.first().copied().filter(|(time, _)| *time <= now)?;
        self.alarms.pop_first();
        let entry = self.clients.get_mut(&id)?;
        entry.alarm = None;
        Some(entry.client.clone())
    }

    fn remove(&mut self, id: usize) -> Option<Arc<C>> {
        let entry = self.clients.remove(&id)?;
        if let Some(time) = entry.alarm {
            self.alarms.remove(&(time, id));
        }
        Some(entry.client)
    }
}

impl<C: Ready> Watched<C> {
    fn run(&self, mut poll: Poll) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.stop.load(Ordering::Acquire) {
            let next = self.state().alarms.first().map(|(time, _)| *time);
            let wait = next.map(|time| time.saturating_duration_since(Instant::now()));
            if let Err(error) = poll.poll(&mut events, wait)
                && error.kind() != ErrorKind::Interrupted
            {
                log::error!("cannot wait for sockets: {error}");
                return;
            }
            for event in events.iter().filter(|event| event.token() != SELF) {
                let client = self.state().clients.get(&event.token().0).map(|entry| entry.client.clone());
                if let Some(client) = client {
                    client.is_ready(event.is_readable() || event.is_error());
                }
            }
            let now = Instant::now();
            while let Some(client) = self.due(now) {
                client.call();
            }
        }
    }

    /// A function of its own, so that no client is called while the lock is held.
    fn due(&self, now: Instant) -> Option<Arc<C>> {
        self.state().due(now)
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        // A map and a set: nothing in here can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Ready> Drop for Readiness<C> {
    fn drop(&mut self) {
        self.watch.0.stop.store(true, Ordering::Release);
        if let Err(error) = self.watch.0.waker.wake() {
            log::error!("cannot wake the thread that waits for sockets: {error}");
        } else if let Some(thread) = self.thread.take() {
            let _did_not_panic = thread.join();
        }
        // A client that is left holds a way to here; without this both would stay for ever.
        let left = std::mem::take(&mut self.watch.0.state().clients);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn state(clients: usize) -> State<usize> {
        let entry = |id| (id, Entry { client: Arc::new(id), alarm: None });
        State { clients: (1..=clients).map(entry).collect(), alarms: BTreeSet::new() }
    }

    #[test]
    fn alarms_come_in_their_order_and_each_client_has_one() {
        let (mut state, start) = (state(3), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(state.set_alarm(at(900), 1));
        assert!(state.set_alarm(at(5), 2), "the thread has to wake earlier now");
        assert!(!state.set_alarm(at(7), 3));
        // A client that is slowed down again and again, with a far deadline in between each time.
        for round in 0..1_000 {
            state.set_alarm(at(round % 3), 1);
            state.set_alarm(at(900), 1);
        }
        assert_eq!(state.alarms.len(), 3);
        let mut due = |seconds| state.due(at(seconds)).map(|client| *client);
        assert_eq!(
            (due(4), due(6), due(6), due(7), due(899), due(900), due(900)),
            (None, Some(2), None, Some(3), None, Some(1), None)
        );
    }

    #[test]
    fn whoever_is_gone_leaves_no_alarm_behind() {
        let (mut state, now) = (state(2), Instant::now());
        state.set_alarm(now, 1);
        state.set_alarm(now, 2);
        assert_eq!(state.remove(1).map(|client| *client), Some(1));
        assert!(!state.set_alarm(now, 1), "nor can one be set for it");
        assert_eq!(state.due(now).map(|client| *client), Some(2));
        assert!(state.due(now).is_none() && state.alarms.is_empty());
    }

    struct Rings(std::sync::mpsc::Sender<()>);

    impl Ready for Rings {
        fn is_ready(self: &Arc<Rings>, _: bool) {}

        fn call(self: &Arc<Rings>) {
            let _ended = self.0.send(());
        }
    }

    /// The greeting may be handed over, and the sign-on deadline be set, before the socket is watched.
    #[test]
    fn an_alarm_comes_though_the_socket_is_not_watched_yet() {
        let readiness = Readiness::start().unwrap();
        let (ring, rung) = std::sync::mpsc::channel();
        let (watch, client) = (readiness.watch(), Arc::new(Rings(ring)));
        watch.know(ClientId(7), &client);
        watch.wake_at(Instant::now() + Duration::from_millis(5), ClientId(7));
        rung.recv_timeout(Duration::from_secs(20)).expect("the alarm comes");
    }
}
