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
    /// The system cannot listen on the address.
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
        self.run_on(&Threads::default())
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
            let guard = RouterEnd(handle);
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

/// Runs on every exit of the router thread, also after a panic: it stops all accept loops, and the clients that are left, if any are,
/// hear that the server broke.
struct RouterEnd<'a>(&'a ServerHandle);

impl Drop for RouterEnd<'_> {
    fn drop(&mut self) {
        self.0.stop_accepting();
        self.0.registry().abandon(Now::read().wall);
    }
}

/// The router's thread: it waits for a message, and takes it, and all others that are there by then, in one turn.
pub(crate) fn run_router<F: Hooks>(mut router: Router<F>, inbox: &Receiver<Message>, metrics: &Metrics) {
    while router.is_open() {
        let first = match inbox.recv_timeout(router.next_turn_in()) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if first.is_some() {
            gather(metrics);
        }
        let losses = router.take_losses();
        let waiting = first.into_iter().chain(inbox.try_iter()).take(TURN);
        let mut count = 0;
        let counted = waiting.inspect(|_| {
            metrics.inbox.fetch_sub(1, Ordering::Relaxed);
            count += 1;
        });
        let began = Instant::now();
        router.turn(losses.into_iter().chain(counted), Now::read());
        if count > 0 {
            let took = began.elapsed();
            metrics.turned(count, took);
            F::turned(&router, count, took);
        }
    }
}

/// Yields while threads are about to send messages, so that these are taken in the same turn: a turn wakes up, or sends
/// to, each client once, however much there is for it. It costs next to nothing when no thread is about to send.
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

/// Starts a client for each connection that is taken, until no thread accepts any more.
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
        // Not inside the macro, which does not evaluate its arguments where warnings are not logged.
        let cut = handle.connections().cut_all();
        log::warn!("{cut} connections did not end in time and are cut");
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::convert::Infallible;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::chat::hooks::NoFeatures;
    use crate::chat::router::Turn;
    use crate::model::event::Tag;
    use crate::model::names::ClientId;
    use crate::model::verb::Verbs;
    use crate::model::verbs::KERNEL;
    use crate::testing::quick;

    type Calls = Arc<Mutex<Vec<&'static str>>>;

    /// Notes what it is asked for; it may have no thread.
    struct Noting(Calls, &'static [&'static str], bool);

    impl Noting {
        fn note(&self, call: usize) {
            self.0.lock().unwrap().push(self.1[call]);
        }
    }

    impl<F: Hooks> Part<F> for Noting {
        fn join(&mut self, _: &ServerHandle) {
            self.note(0);
        }

        fn prepare(&mut self, _: &mut Router<F>, _: &ServerHandle) {
            self.note(1);
        }

        fn start<'scope, 'env>(&'env mut self, _: &Starting<'scope, 'env>) -> io::Result<()> {
            self.note(2);
            if self.2 { Err(io::Error::other("no thread for the part")) } else { Ok(()) }
        }

        fn end(&mut self) {
            self.note(3);
        }
    }

    fn connect(handle: &ServerHandle) -> BufReader<TcpStream> {
        let socket = TcpStream::connect(handle.addr()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        BufReader::new(socket)
    }

    fn line(client: &mut BufReader<TcpStream>) -> String {
        let mut line = String::new();
        client.read_line(&mut line).unwrap();
        line
    }

    #[test]
    fn a_client_joins_and_the_end_tells_it() {
        let server = Server::<NoFeatures>::bind(quick()).unwrap();
        let handle = server.handle();
        let running = thread::spawn(move || server.run());
        let mut ani = connect(&handle);
        assert!(line(&mut ani).contains(" HELLO "));
        ani.get_mut().write_all(b"JOIN:ani\n").unwrap();
        let joined = line(&mut ani);
        assert!(joined.contains(" OK JOIN room=#lobby"), "{joined}");
        handle.shutdown();
        let mut told = Vec::new();
        while let Some(line) = Some(line(&mut ani)).filter(|line| !line.is_empty()) {
            told.push(line);
        }
        assert!(told.last().unwrap().contains(" BYE 503 shutting-down"), "{told:?}");
        running.join().unwrap().unwrap();
        assert!(TcpStream::connect(handle.addr()).is_err(), "no listener is left");
    }

    #[test]
    fn parts_are_asked_in_their_order_and_ended_at_the_end() {
        let calls = Calls::default();
        let mut server = Server::<NoFeatures>::bind(quick()).unwrap();
        server.with(Noting(calls.clone(), &["join 1", "prepare 1", "start 1", "end 1"], false));
        server.with(Noting(calls.clone(), &["join 2", "prepare 2", "start 2", "end 2"], false));
        assert_eq!(*calls.lock().unwrap(), ["join 1", "join 2"]);
        // A server that is to stop before it runs starts, and ends at once.
        server.handle().shutdown();
        server.run().unwrap();
        let then = ["prepare 1", "prepare 2", "start 1", "start 2", "end 1", "end 2"];
        assert_eq!(calls.lock().unwrap()[2..], then);
    }

    #[test]
    fn a_part_that_cannot_start_stops_the_server() {
        let calls = Calls::default();
        let mut server = Server::<NoFeatures>::bind(quick()).unwrap();
        server.with(Noting(calls.clone(), &["join 1", "prepare 1", "start 1", "end 1"], false));
        server.with(Noting(calls.clone(), &["join 2", "prepare 2", "start 2", "end 2"], true));
        server.with(Noting(calls.clone(), &["join 3", "prepare 3", "start 3", "end 3"], false));
        let error = server.run().unwrap_err();
        assert_eq!(error.to_string(), "no thread for the part");
        let calls = calls.lock().unwrap();
        assert!(!calls.contains(&"start 3") && calls.ends_with(&["end 1", "end 2", "end 3"]), "{calls:?}");
    }

    /// A feature that breaks where no request of a client is to blame.
    struct Broken;

    impl Hooks for Broken {
        type Later = Infallible;
        const VERBS: &'static Verbs = &KERNEL;
        type Room = ();

        fn room(_: u64) {}

        fn new(_: &Config) -> Broken {
            Broken
        }

        fn later(_: &mut Turn<'_, Broken>, _: ClientId, _: &'static str, _: Option<Tag>, later: Infallible) {
            match later {}
        }

        fn tick(_: &mut Turn<'_, Broken>) {
            panic!("meant to, for a test");
        }
    }

    #[test]
    fn a_router_that_breaks_down_ends_the_server_with_an_error() {
        let server = Server::<Broken>::bind(quick()).unwrap();
        let handle = server.handle();
        let mut waiting = connect(&handle);
        let error = server.run().unwrap_err();
        assert!(error.to_string().starts_with("the router broke down"), "{error}");
        let mut told = String::new();
        waiting.read_to_string(&mut told).unwrap();
        assert!(told.lines().last().is_some_and(|last| last.contains(" BYE 500 ")), "{told}");
        assert!(TcpStream::connect(handle.addr()).is_err(), "no listener is left");
    }

    #[test]
    fn a_full_server_says_so_and_has_a_place_again() {
        let server = Server::<NoFeatures>::bind(Config { max_clients: 1, ..quick() }).unwrap();
        let handle = server.handle();
        let running = thread::spawn(move || server.run());
        let mut first = connect(&handle);
        assert!(line(&mut first).contains(" HELLO "));
        let refused = line(&mut connect(&handle));
        assert!(refused.contains(" server-full: "), "{refused}");
        first.get_mut().write_all(b"QUIT\n").unwrap();
        while !line(&mut first).is_empty() {}
        // The place is free when the threads of the first are gone.
        assert!(handle.connections().wait_until_closed(Instant::now() + Duration::from_secs(20)));
        let mut third = connect(&handle);
        assert!(line(&mut third).contains(" HELLO "));
        handle.shutdown();
        running.join().unwrap().unwrap();
    }
}
