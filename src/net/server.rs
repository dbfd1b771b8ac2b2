//! The server: accepts, starts each client on its transport and the router on a thread, and joins all threads at the end.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{OnceLock, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crate::chat::hooks::Hooks;
use crate::chat::message::Message;
use crate::chat::registry::Registry;
use crate::chat::router::{Router, TURN};
use crate::config::Config;
use crate::features::Features;
use crate::features::archive::store::{Contents, Store};
use crate::features::figures::Exporter;
use crate::features::files::Files;
use crate::features::files::door::FileDoor;
use crate::features::lab::Lab;
use crate::features::operators::rehash::{Rehashes, WAITING as WAITING_REHASHES};
use crate::metrics::Metrics;
use crate::model::command::Command;
use crate::model::event::Leave;
use crate::model::names::ClientId;
use crate::model::now::{Moment, Now};
use crate::model::roles::Policy;
use crate::model::text::Text;
use crate::model::verb::Verbs;
use crate::net::accepting::{self, failed};
pub use crate::net::accepting::{Pause, is_peers_fault};
use crate::net::connection::{STACK, Threads, bye};
use crate::net::connections::{Connections, Permit, TurnedAway};
use crate::net::live::{Follower, Live};
use crate::net::turning_away::{Goodbyes, goodbyes, see_off};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use crate::sync::{Mutex, MutexGuard};

/// The most messages that wait for the router. Readers wait there, and so TCP holds their peers back.
pub(crate) const INBOX: usize = 1_024;
/// The most connections that are taken and not yet started.
const WAITING: usize = 1_024;

/// A server that is bound and not yet running.
///
/// ```no_run
/// use chat_server::{config::Config, net::server::Server};
/// let server = Server::bind(Config::default())?;
/// let handle = server.handle();
/// std::thread::spawn(move || handle.shutdown()); // from anywhere, at any time
/// server.run()?; // every thread has ended when it returns
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Server {
    listener: TcpListener,
    /// Listeners besides the first, each with the name of the thread that accepts there, and what carries their clients.
    others: Vec<(String, TcpListener)>,
    transports: Vec<Box<dyn Transport + Send>>,
    exporter: Option<Exporter>,
    files: Option<FileDoor>,
    inbox: Receiver<Message>,
    handle: ServerHandle,
    kept: Option<Kept>,
    rehash: Option<SyncSender<u64>>,
}

/// A connection that was taken and is not yet started.
type Taken<'env> = (Arc<TcpStream>, SocketAddr, Instant, &'env dyn Transport);

/// A store, what is in it, and the rules for accounts.
type Kept = (Box<dyn Store>, Contents, Policy);

/// A way to talk to a running server from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    inbox: SyncSender<Message>,
    shared: Arc<Shared>,
}

/// What carries the bytes of clients: two threads for each in this package, other ways in crates that build on it.
pub trait Transport: Sync {
    /// Takes a connection over and serves it until it is gone; must not wait for it. Threads are started in the scope, or
    /// else belong to the transport, which has to join them itself.
    ///
    /// # Errors
    /// The system has no more threads, or whatever else it needs. The peer is told that the server is full.
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        scope: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()>;

    /// Tells somebody that there is no place for them. A new socket has room for a line, so this does not wait.
    fn turn_away(&self, mut socket: &TcpStream, why: TurnedAway) {
        let why = match why {
            TurnedAway::ServerFull => Leave::Full,
            TurnedAway::AddressFull => Leave::AddressFull,
        };
        if let Err(error) = socket.write_all(&bye(why)) {
            log::debug!("gone before it was turned away: {error}");
        }
    }
}

/// A connection that was let in. It has its place in the server until this is dropped.
pub struct Arrival {
    /// The client's number.
    pub id: ClientId,
    /// The connection.
    pub socket: Arc<TcpStream>,
    /// When it was taken: the sign-on limit counts from there.
    pub accepted: Instant,
    _permit: Permit,
}

struct Shared {
    live: Arc<Live>,
    addr: SocketAddr,
    /// Of the other listeners, which have to be woken at the end.
    others: Mutex<Vec<SocketAddr>>,
    metrics_addr: Option<SocketAddr>,
    files: OnceLock<(SocketAddr, Arc<Files>)>,
    registry: Registry,
    metrics: Arc<Metrics>,
    connections: Arc<Connections>,
    next_id: AtomicUsize,
    stop: AtomicBool,
    /// The glass wall, where there is one.
    lab: Option<std::sync::Arc<Lab>>,
    /// What other parts add to the figures.
    figures: Mutex<Vec<Box<Figures>>>,
}

/// Writes figures behind a text.
type Figures = dyn Fn(&mut String) + Send + Sync;

impl Server {
    /// Binds the addresses of the settings: the line door's, and that of the figures if they are served.
    ///
    /// # Errors
    /// What the system says to the address, or to that of the figures.
    pub fn bind(config: Config) -> io::Result<Server> {
        let listener = TcpListener::bind(&config.addr)?;
        let figures = match config.metrics.as_str() {
            "off" | "" => None,
            addr => Some(TcpListener::bind(addr)?),
        };
        Server::on(listener, figures, config)
    }

    /// The same on listeners that the caller has bound: for clients, and for the figures if they are served.
    ///
    /// # Errors
    /// A listener has no address.
    pub fn on(listener: TcpListener, figures: Option<TcpListener>, config: Config) -> io::Result<Server> {
        let exporter = figures.map(Exporter::on).transpose()?;
        let (sender, inbox) = mpsc::sync_channel(INBOX);
        let shared = Arc::new(Shared {
            addr: listener.local_addr()?,
            others: Mutex::default(),
            metrics_addr: exporter.as_ref().map(Exporter::addr),
            files: OnceLock::new(),
            registry: Registry::new(),
            metrics: Arc::new(Metrics::new(Moment::now())),
            connections: Connections::new(config.max_clients, config.max_per_address),
            next_id: AtomicUsize::new(1),
            stop: AtomicBool::new(false),
            lab: config.lab.then(|| std::sync::Arc::new(Lab::new(config.chaos, Instant::now()))),
            figures: Mutex::default(),
            live: Live::new(config),
        });
        let handle = ServerHandle { inbox: sender, shared };
        Ok(Server {
            listener,
            others: Vec::new(),
            transports: Vec::new(),
            exporter,
            files: None,
            inbox,
            handle,
            kept: None,
            rehash: None,
        })
    }

    /// Takes clients from another listener as well, such as a TLS port beside the plain one: they have a transport of their
    /// own, and share all else, from the limits to the end. `door` is for the name of the thread that accepts there.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn also(
        &mut self,
        door: &str,
        listener: TcpListener,
        transport: impl Transport + Send + 'static,
    ) -> io::Result<()> {
        self.handle.shared.others().push(listener.local_addr()?);
        self.others.push((format!("accept-{door}"), listener));
        self.transports.push(Box::new(transport));
        Ok(())
    }

    /// Lets operators have the settings read again, by whoever takes what comes here on a thread of their own. Without it
    /// `REHASH` says that there is nothing to read.
    pub fn rehashes(&mut self) -> Rehashes {
        let (sender, numbers) = mpsc::sync_channel(WAITING_REHASHES);
        self.rehash = Some(sender);
        Rehashes::new(numbers, self.handle())
    }

    /// Gives the server a store: what is in it is there when people come, and what they say is kept.
    pub fn keep_in(&mut self, store: Box<dyn Store>, contents: Contents, policy: Policy) {
        self.kept = Some((store, contents, policy));
    }

    /// Lets people send files: they come and go by this listener, and lie in the directory of the settings. What is in it from
    /// before is there again as far as a store knows of it, and else removed.
    ///
    /// # Errors
    /// The listener has no address, the directory cannot be used, or there is no random source.
    pub fn pass_files(&mut self, listener: TcpListener) -> io::Result<()> {
        let files = Files::open(&self.handle.config(), listener.local_addr()?.port())?;
        let door = FileDoor::new(listener, files)?;
        let _first = self.handle.shared.files.set((door.addr(), door.files().clone()));
        self.files = Some(door);
        Ok(())
    }

    /// A handle, before or while it runs.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves with two threads for each client until [`ServerHandle::shutdown`]. Every thread has ended when it returns.
    ///
    /// # Errors
    /// Only if the system has no thread for the router, or if the router itself broke down.
    pub fn run(self) -> io::Result<()> {
        self.run_on(&Threads)
    }

    /// The same with another transport.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_on(self, transport: &dyn Transport) -> io::Result<()> {
        let Server { listener, others, transports, exporter, files, inbox, handle, kept, rehash } = self;
        let shared = &*handle.shared;
        let mut router = Router::<Features>::new(&shared.live.get(), shared.registry.clone(), shared.metrics.clone());
        if let Some(door) = &files {
            let known = kept.as_ref().map_or(&[][..], |(_, contents, _)| &contents.files);
            let (now, time) = (Now::read(), kept.as_ref().and_then(|(_, contents, _)| contents.time));
            door.files().restore(known, now.mono, time.unwrap_or(now.wall));
            router.pass_files(door.files().clone(), &shared.live.get());
        }
        if let Some((store, contents, policy)) = kept {
            router.keep_in(store, contents, policy, Now::read());
        }
        if let Some(rehash) = rehash {
            router.rehash_by(rehash);
        }
        let lab = shared.lab.clone().map(|lab| (router.show(lab.clone()), lab));
        let ended = thread::scope(|scope| {
            let guard = StopAccepting(&handle);
            let route = move || {
                // However the router ends, nobody is let into a house without it.
                let _guard = guard;
                run_router(router, &inbox, &_guard.0.shared.metrics);
            };
            let router = thread::Builder::new().name("router".into()).spawn_scoped(scope, route)?;
            // Without this the scope would wait for the router for ever.
            let give_up = |_: &io::Error| handle.shutdown();
            let (away, coming) = goodbyes();
            let stopping = &handle;
            aside(scope, "turned-away", move || see_off(&coming, || stopping.is_stopping())).inspect_err(give_up)?;
            if let Some(exporter) = &exporter {
                aside(scope, "metrics", || exporter.run(&handle)).inspect_err(give_up)?;
            }
            if let Some(door) = &files {
                let (handle, away) = (&handle, away.clone());
                aside(scope, "accept-files", move || door.run(handle, &away)).inspect_err(give_up)?;
            }
            if let Some((wake, lab)) = lab {
                let handle = &handle;
                let watch = move || lab.run(&wake, || handle.send(Message::Sampled));
                aside(scope, "lab", watch).inspect_err(give_up)?;
            }
            let (line, waiting) = mpsc::sync_channel(WAITING);
            let others = others.into_iter().zip(transports.iter().map(|transport| &**transport as &dyn Transport));
            let doors = std::iter::once((("accept".into(), listener), transport)).chain(others);
            for ((name, listener), transport) in doors {
                let (line, handle) = (line.clone(), &handle);
                let taking = move || take(listener, transport, line, handle);
                thread::Builder::new().name(name).stack_size(STACK).spawn_scoped(scope, taking).inspect_err(give_up)?;
            }
            // The line ends with the last of those who accept.
            drop(line);
            let each = waiting.into_iter().map(|taken| (taken.1, start(taken, scope, &handle, &away)));
            let look = |(peer, started): (SocketAddr, io::Result<()>)| {
                started.map_err(|error| failed(&format!("({peer}) no thread for it"), &error))?;
                Ok(ControlFlow::Continue(()))
            };
            accepting::each(each, look, thread::sleep);
            let deadline = Instant::now() + shared.live.get().shutdown_secs;
            if !shared.connections.wait_until_closed(deadline) {
                // Not inside the macro, which does nothing at all where the log is quieter than that.
                let cut = shared.connections.cut_all();
                log::warn!("{cut} connections did not end in time and are cut");
            }
            router.join().map_err(|_| io::Error::other("the router broke down; the log has its last words"))
        });
        if let Some(door) = &files {
            door.files().end();
        }
        ended
    }
}

impl ServerHandle {
    /// All verbs of this server.
    pub fn verbs(&self) -> &'static Verbs {
        <Features as Hooks>::VERBS
    }

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

    /// A number that no other client has or will have.
    pub fn next_id(&self) -> ClientId {
        ClientId(self.shared.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// A place for a client of a door that moves its clients' bytes itself. It counts as those of all other doors do, and is
    /// to be taken before anything is waited for.
    ///
    /// # Errors
    /// The server, or the neighbourhood of the address, has as many clients as it may.
    pub fn admit(&self, peer: SocketAddr) -> Result<Permit, TurnedAway> {
        self.place(self.next_id(), None, peer)
    }

    fn place(&self, id: ClientId, socket: Option<&Arc<TcpStream>>, peer: SocketAddr) -> Result<Permit, TurnedAway> {
        self.shared.connections.admit(id, socket, peer.ip()).inspect_err(|why| {
            Metrics::count(&self.metrics().turned_away);
            log::warn!("{id} ({peer}) turned away: {} is reached", why.setting());
        })
    }

    /// Whether the server has as many clients as it may.
    pub fn is_full(&self) -> bool {
        self.shared.connections.is_full()
    }

    /// How many sockets of clients the core has open: those of the line door and of listeners beside it.
    pub fn open_sockets(&self) -> usize {
        self.shared.connections.sockets()
    }

    /// The address that is really listened on.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The address of the metrics, if they are served.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.shared.metrics_addr
    }

    /// The address of the file door, if files are passed on.
    pub fn files_addr(&self) -> Option<SocketAddr> {
        self.shared.files.get().map(|(addr, _)| *addr)
    }

    /// What is known of files, for doors that move their bytes themselves.
    pub fn files(&self) -> Option<&Arc<Files>> {
        self.shared.files.get().map(|(_, files)| files)
    }

    /// Who is connected.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// Asks the system for what a command wants to know of it. Whoever reads a client does this before the router gets the
    /// command, for the router reads no files.
    pub fn sample_for(&self, command: &Command) {
        if *command == Command::Stats {
            self.metrics().sample_process();
        }
        if let (Command::Inspect { .. }, Some(lab)) = (command, self.lab()) {
            lab.look(Instant::now());
        }
    }

    /// The server's counters.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The glass wall, if this server was started as a lab.
    pub fn lab(&self) -> Option<&Lab> {
        self.shared.lab.as_deref()
    }

    /// Adds to the figures for Prometheus: `figures` is called whenever somebody asks for them, on a thread that does nothing
    /// else, and writes behind what is there ([`Exposition`](crate::metrics::exposition::Exposition) knows how). It must be quick,
    /// and use other names than those before it. It lives as long as the server, so it should not hold a handle to it.
    pub fn add_figures(&self, figures: impl Fn(&mut String) + Send + Sync + 'static) {
        self.shared.figures().push(Box::new(figures));
    }

    /// All figures, for Prometheus: the server's own and those that were added.
    pub fn figures(&self) -> String {
        let mut text = String::new();
        self.shared.metrics.append(&mut text);
        for add in self.shared.figures().iter() {
            let mut own = String::new();
            if catch_unwind(AssertUnwindSafe(|| add(&mut own))).is_ok() {
                text.push_str(&own);
            } else {
                Metrics::count(&self.shared.metrics.panics);
                log::error!("a part's figures panicked and are left out; the panic's own message stands above");
            }
        }
        text
    }

    /// The settings it runs with.
    pub fn config(&self) -> Arc<Config> {
        self.shared.live.get()
    }

    /// The same, for those who need them for each line.
    pub fn follow(&self) -> Follower {
        self.shared.live.follow()
    }

    /// Puts other settings in force, and nobody is disconnected by that. Limits on lines and time hold for everybody from
    /// their next line, those on connections for the next who comes; the size of lines and queues (`line_bytes`,
    /// `outbox_bytes`, `slow_secs`) stays what it was for those who are connected. The addresses are not looked at.
    pub fn reload(&self, config: Config) {
        let config = Arc::new(config);
        self.shared.connections.set_limits(config.max_clients, config.max_per_address);
        self.shared.live.set(config.clone());
        self.send(Message::Reload(config));
    }

    /// Says something to everybody.
    pub fn announce(&self, text: Text) {
        self.send(Message::Broadcast(text));
    }

    /// Whether the server was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Stops the server: everybody is told, last words are delivered, and `run` returns. Saying it twice does no harm.
    pub fn shutdown(&self) {
        if !self.shared.stop.swap(true, Ordering::AcqRel) {
            self.send(Message::Shutdown);
            self.shared.wake_all();
        }
    }

    /// Counts and logs a panic that was caught while serving a client: `doing` is what was done, as in `reading it`.
    pub fn caught_panic(&self, id: ClientId, doing: &str) {
        Metrics::count(&self.shared.metrics.panics);
        log::error!("{id}: {doing} panicked; the panic's own message stands above");
    }
}

impl Shared {
    /// Nothing behind this lock can be half done: it is only ever added to.
    fn figures(&self) -> MutexGuard<'_, Vec<Box<Figures>>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn others(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        // A push cannot be left half done.
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody who accepts see that the server stops.
    fn wake_all(&self) {
        let others = self.others().clone();
        let files = self.files.get().map(|(addr, _)| *addr);
        std::iter::once(self.addr).chain(others).chain(self.metrics_addr).chain(files).for_each(wake);
    }
}

/// Stops the server when the router ends, also if it ends by a panic.
struct StopAccepting<'a>(&'a ServerHandle);

impl Drop for StopAccepting<'_> {
    fn drop(&mut self) {
        self.0.shared.stop.store(true, Ordering::Release);
        self.0.shared.wake_all();
    }
}

/// The router's thread: one message is waited for, what else is there comes along, and that is a turn.
pub(crate) fn run_router<F: Hooks>(mut router: Router<F>, inbox: &Receiver<Message>, metrics: &Metrics) {
    while router.is_open() {
        let first = match inbox.recv_timeout(router.patience()) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if first.is_some() {
            gather(metrics);
        }
        let waiting = first.into_iter().chain(inbox.try_iter()).take(TURN);
        let mut count = 0;
        let counted = waiting.inspect(|_| {
            metrics.inbox.fetch_sub(1, Ordering::Relaxed);
            count += 1;
        });
        let began = Instant::now();
        router.turn(counted, Now::read());
        if count > 0 {
            let took = began.elapsed();
            metrics.turned(count, took);
            F::turned(&router, count, took);
        }
    }
}

/// Lets those who are about to say something say it, so that it goes along in the same turn: a turn costs a wake-up or a
/// send for each who hears it, however much there is to hear. Costs next to nothing where nobody is about to.
fn gather(metrics: &Metrics) {
    let mut waiting = 0;
    loop {
        let now = metrics.inbox.load(Ordering::Relaxed);
        if now <= waiting || now >= TURN as u64 {
            return;
        }
        waiting = now;
        thread::yield_now();
    }
}

/// Takes connections until the server stops, and does nothing else, for the system keeps only 128 of them for us: whoever
/// comes while there are as many has to wait a second before the system tries it again.
fn take<'env>(
    listener: TcpListener,
    transport: &'env dyn Transport,
    line: SyncSender<Taken<'env>>,
    handle: &ServerHandle,
) {
    let take = |accepted: io::Result<(TcpStream, SocketAddr)>| {
        let (socket, peer) = accepted.map_err(|error| failed("cannot take connections", &error))?;
        let sent = line.send((Arc::new(socket), peer, Instant::now(), transport));
        Ok(if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    accepting::each(accepting::connections(&listener, || handle.is_stopping()), take, thread::sleep);
}

fn start<'scope, 'env>(
    (socket, peer, accepted, transport): Taken<'env>,
    scope: &'scope Scope<'scope, 'env>,
    handle: &'env ServerHandle,
    away: &Goodbyes,
) -> io::Result<()> {
    let turn_away = |socket: Arc<TcpStream>, why| {
        transport.turn_away(&socket, why);
        away.close(socket);
    };
    let id = handle.next_id();
    let permit = match handle.place(id, Some(&socket), peer) {
        Ok(permit) => permit,
        Err(why) => {
            turn_away(socket, why);
            return Ok(());
        }
    };
    Metrics::count(&handle.metrics().accepted);
    let arrival = Arrival { id, socket: socket.clone(), accepted, _permit: permit };
    transport.start(arrival, scope, handle).inspect_err(|_| turn_away(socket, TurnedAway::ServerFull))
}

/// Starts a thread that needs little, and ends before the scope does.
fn aside<'scope>(scope: &'scope Scope<'scope, '_>, name: &str, work: impl FnOnce() + Send + 'scope) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.into()).stack_size(STACK);
    thread.spawn_scoped(scope, work).map(|_joined_by_the_scope| ())
}

/// Makes a blocked accept return, by connecting to it. The standard library has no other way.
fn wake(addr: SocketAddr) {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    if let Err(error) = TcpStream::connect_timeout(&SocketAddr::new(ip, addr.port()), Duration::from_secs(1)) {
        // Either nobody accepts any more, or accept is failing and looks at the flag by itself.
        log::debug!("could not wake the listener on {addr}: {error}");
    }
}
