//! The server: accepts, starts each client on its transport and the router on a thread, and joins all threads at the end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::thread::{self, Scope};
use std::time::Instant;

use crate::chat::hooks::Hooks;
use crate::chat::message::{INBOX, Message};
use crate::chat::router::{Router, TURN};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::model::now::Now;
use crate::net::accepting::{self, failed};
pub use crate::net::accepting::{Pause, is_peers_fault};
use crate::net::connection::Threads;
use crate::net::connections::TurnedAway;
pub use crate::net::handle::ServerHandle;
use crate::net::part::Taken;
pub use crate::net::part::{Door, Part, Starting};
pub use crate::net::transport::{Arrival, Transport};
use crate::net::turning_away::{Goodbyes, goodbyes, see_off};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::sync::mpsc::{self, Receiver, RecvTimeoutError};

/// The most connections that are taken and not yet started.
const WAITING: usize = 1_024;

/// A server that is bound and not yet running, with the features `F`. That with all of them is [`features::Server`](crate::features::Server).
///
/// ```no_run
/// use chat_server::{config::Config, features::Server};
/// let server = Server::bind(Config::default())?;
/// let handle = server.handle();
/// std::thread::spawn(move || handle.shutdown()); // from anywhere, at any time
/// server.run()?; // every thread has ended when it returns
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Server<F> {
    listener: TcpListener,
    inbox: Receiver<Message>,
    handle: ServerHandle,
    parts: Vec<Box<dyn Part<F>>>,
}

impl<F: Hooks + Send + 'static> Server<F> {
    /// Binds the line door's address. The other doors of the settings are parts ([`with`](Self::with)).
    ///
    /// # Errors
    /// What the system says to the address.
    pub fn bind(config: Config) -> io::Result<Server<F>> {
        Server::on(TcpListener::bind(&config.addr)?, config)
    }

    /// The same on a listener that the caller has bound.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn on(listener: TcpListener, config: Config) -> io::Result<Server<F>> {
        let (sender, inbox) = mpsc::sync_channel(INBOX);
        let handle = ServerHandle::new(sender, listener.local_addr()?, config, F::VERBS);
        Ok(Server { listener, inbox, handle, parts: Vec::new() })
    }

    /// Puts a part into the server. Parts are asked in the order in which they are put in.
    pub fn with(&mut self, mut part: impl Part<F> + 'static) {
        part.join(&self.handle);
        self.parts.push(Box::new(part));
    }

    /// A handle, before or while it runs.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves with two threads for each client until [`ServerHandle::shutdown`]. Every thread has ended when it returns.
    ///
    /// # Errors
    /// The system has no thread for the router or for a part, or the router itself broke down.
    pub fn run(self) -> io::Result<()> {
        self.run_on(&Threads)
    }

    /// The same with another transport.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_on(self, transport: &dyn Transport) -> io::Result<()> {
        let Server { listener, inbox, handle, mut parts } = self;
        let mut router = Router::<F>::new(&handle.config(), handle.registry().clone(), handle.metrics().clone());
        parts.iter_mut().for_each(|part| part.prepare(&mut router, &handle));
        let (all, listener, handle) = (&mut parts, &listener, &handle);
        let ended = thread::scope(|scope| {
            let guard = StopAccepting(handle);
            let route = move || {
                let _guard = guard;
                run_router(router, &inbox, handle.metrics());
            };
            let router = thread::Builder::new().name("router".into()).spawn_scoped(scope, route)?;
            let (away, refused) = goodbyes();
            let (taken, waiting) = mpsc::sync_channel(WAITING);
            let starting = Starting { scope, handle, away: away.clone(), taken };
            let started = starting
                .thread("turned-away", move || see_off(&refused, || handle.is_stopping()))
                .and_then(|()| all.iter_mut().try_for_each(|part| part.start(&starting)))
                .and_then(|()| starting.accept("accept", listener, transport));
            // Without this the scope would wait for the router for ever.
            started.inspect_err(|_| handle.shutdown())?;
            drop(starting);
            start_all(waiting, scope, handle, &away);
            end_all(handle);
            router.join().map_err(|_| io::Error::other("the router broke down; the log has its last words"))
        });
        parts.iter_mut().for_each(|part| part.end());
        ended
    }
}

/// Runs on every exit of the router thread, also after a panic: it stops all accept loops.
struct StopAccepting<'a>(&'a ServerHandle);

impl Drop for StopAccepting<'_> {
    fn drop(&mut self) {
        self.0.stop_accepting();
    }
}

/// The router's thread: one message is waited for, all that are there by then come along, and that is a turn.
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

/// Lets threads that are about to send a message send it, so that it goes along in the same turn: a turn costs a wake-up or a
/// send for each client that hears it, however much there is to hear. Costs next to nothing where no thread is about to.
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

/// Starts all connections that are taken, until no thread accepts any more.
fn start_all<'scope, 'env>(
    taken: Receiver<Taken<'env>>,
    scope: &'scope Scope<'scope, 'env>,
    handle: &'env ServerHandle,
    away: &Goodbyes,
) {
    let each = taken.into_iter().map(|taken| (taken.peer, start(taken, scope, handle, away)));
    let look = |(peer, started): (SocketAddr, io::Result<()>)| {
        started.map_err(|error| failed(&format!("({peer}) no thread for it"), &error))?;
        Ok(ControlFlow::Continue(()))
    };
    accepting::each(each, look, thread::sleep);
}

fn start<'scope, 'env>(
    taken: Taken<'env>,
    scope: &'scope Scope<'scope, 'env>,
    handle: &'env ServerHandle,
    away: &Goodbyes,
) -> io::Result<()> {
    let Taken { socket, peer, at, transport } = taken;
    let turn_away = |socket: Arc<_>, why| {
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
    let arrival = Arrival { id, socket: socket.clone(), accepted: at, _permit: permit };
    transport.start(arrival, scope, handle).inspect_err(|_| turn_away(socket, TurnedAway::ServerFull))
}

/// Waits until all clients are gone, and cuts those that are not gone in time.
fn end_all(handle: &ServerHandle) {
    let deadline = Instant::now() + handle.config().shutdown_secs;
    if !handle.connections().wait_until_closed(deadline) {
        // Not inside the macro, which does nothing at all where the log is quieter than that.
        let cut = handle.connections().cut_all();
        log::warn!("{cut} connections did not end in time and are cut");
    }
}
