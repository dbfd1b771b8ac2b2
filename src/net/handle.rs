//! A way to talk to a server from any thread, before it runs and while it runs.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::PoisonError;
use std::time::Duration;

use crate::chat::message::Message;
use crate::chat::registry::Registry;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::model::names::ClientId;
use crate::model::now::Moment;
use crate::model::text::Text;
use crate::model::verb::{Verb, Verbs};
use crate::net::connections::{Connections, Permit, TurnedAway};
use crate::net::live::{Follower, Live};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::mpsc::{SyncSender, TrySendError};
use crate::sync::{Arc, Mutex, MutexGuard};

/// A way to talk to a server from any thread. A clone is another way to the same server.
#[derive(Clone)]
pub struct ServerHandle {
    inbox: SyncSender<Message>,
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    live: Arc<Live>,
    addr: SocketAddr,
    verbs: &'static Verbs,
    registry: Registry,
    pub(super) metrics: Arc<Metrics>,
    connections: Arc<Connections>,
    next_id: AtomicU64,
    stop: AtomicBool,
    parts: Mutex<Parts>,
    figures: Mutex<Vec<Box<Figures>>>,
}

/// What the parts of the server have left here.
pub(super) struct Parts {
    /// Of all listeners: a thread that is blocked in accept is woken at the end.
    pub(super) listeners: Vec<SocketAddr>,
    /// What parts share with doors, at most one of each type.
    pub(super) shares: Vec<std::sync::Arc<Share>>,
    pub(super) samplers: Vec<std::sync::Arc<Sampler>>,
}

pub(super) type Share = dyn Any + Send + Sync;
/// Asks the system for what a command of this verb needs, before the router gets the command.
pub(super) type Sampler = dyn Fn(&Verb) + Send + Sync;
/// Appends the figures of a part to the text of all figures.
pub(super) type Figures = dyn Fn(&mut String) + Send + Sync;

impl ServerHandle {
    /// A handle to a server that listens on `addr`, and whose router reads the other end of `inbox`.
    pub(super) fn new(
        inbox: SyncSender<Message>,
        addr: SocketAddr,
        config: Config,
        verbs: &'static Verbs,
    ) -> ServerHandle {
        let shared = Shared {
            addr,
            verbs,
            registry: Registry::new(),
            metrics: Arc::new(Metrics::new(Moment::now())),
            connections: Connections::new(config.max_clients, config.max_per_address),
            next_id: AtomicU64::new(1),
            stop: AtomicBool::new(false),
            parts: Mutex::new(Parts { listeners: vec![addr], shares: Vec::new(), samplers: Vec::new() }),
            figures: Mutex::default(),
            live: Live::new(config),
        };
        ServerHandle { inbox, shared: Arc::new(shared) }
    }

    // ---- to the router ----

    /// Sends to the router, waiting while its inbox is full. After the router's end it does nothing: the message is
    /// dropped, and a client in it is disconnected by that.
    pub fn send(&self, message: Message) {
        self.shared.metrics.inbox.fetch_add(1, Ordering::Relaxed);
        if self.inbox.send(message).is_err() {
            self.shared.metrics.inbox.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The same without waiting, for doors that must not block a thread which others share.
    ///
    /// # Errors
    /// Gives the message back while the inbox is full. After the router's end it is dropped, as by [`send`](Self::send).
    pub fn try_send(&self, message: Message) -> Result<(), Message> {
        self.shared.metrics.inbox.fetch_add(1, Ordering::Relaxed);
        let sent = self.inbox.try_send(message);
        if sent.is_err() {
            self.shared.metrics.inbox.fetch_sub(1, Ordering::Relaxed);
        }
        match sent {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(message)) => Err(message),
        }
    }

    /// Sends a text to all clients.
    pub fn announce(&self, text: Text) {
        self.send(Message::Broadcast(text));
    }

    /// Asks the system for what a command of this verb needs. The reader of a client calls this before the router gets
    /// the command, since the router reads no files.
    pub fn sample_for(&self, verb: &Verb) {
        // Each line of chat ends here, without a lock.
        if !verb.sampled {
            return;
        }
        self.metrics().sample_process();
        let samplers = self.shared.parts().samplers.clone();
        samplers.iter().for_each(|sample| sample(verb));
    }

    /// The clients that are connected.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// All verbs of this server.
    pub fn verbs(&self) -> &'static Verbs {
        self.shared.verbs
    }

    // ---- places ----

    /// A number that no other client has or will have.
    pub fn next_id(&self) -> ClientId {
        ClientId::of_node(0, self.shared.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes a place for a client of a door that moves its clients' bytes itself. Places are counted for all doors
    /// together; the door has to take one before it waits for anything.
    ///
    /// # Errors
    /// The server, or the neighbourhood of the address, has as many clients as it may.
    pub fn admit(&self, peer: SocketAddr) -> Result<Permit, TurnedAway> {
        self.place(self.next_id(), None, peer)
    }

    pub(super) fn place(
        &self,
        id: ClientId,
        socket: Option<&Arc<TcpStream>>,
        peer: SocketAddr,
    ) -> Result<Permit, TurnedAway> {
        self.shared.connections.admit(id, socket, peer.ip()).inspect_err(|why| {
            Metrics::count(&self.metrics().turned_away);
            log::warn!("{id} ({peer}) turned away: {} is reached", why.setting());
        })
    }

    /// All connections that have a place.
    pub(super) fn connections(&self) -> &Connections {
        &self.shared.connections
    }

    /// Whether all places are taken.
    pub fn is_full(&self) -> bool {
        self.shared.connections.is_full()
    }

    /// How many sockets of clients the core has open: those of the line door and of listeners beside it.
    pub fn open_sockets(&self) -> usize {
        self.shared.connections.sockets()
    }

    // ---- figures ----

    /// The server's counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// Counts and logs a panic that was caught while serving a client: `doing` is what was done, as in `reading it`.
    pub fn caught_panic(&self, id: ClientId, doing: &str) {
        Metrics::count(&self.shared.metrics.panics);
        log::error!("{id}: {doing} panicked; the panic's own message stands above");
    }

    // ---- settings ----

    /// The address that the server listens on, with the real port where the settings say 0.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The settings in force.
    pub fn config(&self) -> Arc<Config> {
        self.shared.live.get()
    }

    /// The same, for a reader that needs them for each line.
    pub fn follow(&self) -> Follower {
        self.shared.live.follow()
    }

    /// Puts other settings in force, and disconnects no client by that. Limits on lines and time hold for each client from
    /// its next line, those on connections for the next one that comes; the size of lines and queues (`line_bytes`,
    /// `outbox_bytes`, `slow_secs`) stays what it was for clients that are connected. Other addresses to listen on have
    /// no effect.
    pub fn reload(&self, config: Config) {
        let config = Arc::new(config);
        self.shared.connections.set_limits(config.max_clients, config.max_per_address);
        self.shared.live.set(config.clone());
        self.send(Message::Reload(config));
    }

    // ---- the end ----

    /// Whether the server was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Stops the server: all clients are told, last words are delivered, and `run` returns. A second call does nothing.
    pub fn shutdown(&self) {
        if !self.shared.stop.swap(true, Ordering::AcqRel) {
            self.send(Message::Shutdown);
            self.wake_all();
        }
    }

    /// Ends all accept loops, and tells the router nothing.
    pub(super) fn stop_accepting(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake_all();
    }

    fn wake_all(&self) {
        let listeners = self.shared.parts().listeners.clone();
        listeners.into_iter().for_each(wake);
    }
}

impl Shared {
    // Nothing behind either lock can be half done: the lists are only ever added to.

    pub(super) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn figures(&self) -> MutexGuard<'_, Vec<Box<Figures>>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a blocked accept return, by connecting to it. The standard library has no other way.
fn wake(addr: SocketAddr) {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    if let Err(error) = TcpStream::connect_timeout(&SocketAddr::new(ip, addr.port()), Duration::from_secs(1)) {
        // Either the accept loop has ended, or accept is failing and looks at the flag by itself.
        log::debug!("could not wake the listener on {addr}: {error}");
    }
}
