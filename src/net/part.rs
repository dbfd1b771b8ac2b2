//! The parts of a server besides its clients and its router, such as other doors or a store: a [`Part`] for each.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::thread::{self, Scope};
use std::time::Instant;

use crate::chat::hooks::Hooks;
use crate::chat::router::Router;
use crate::net::accepting::{self, failed};
use crate::net::connection::STACK;
use crate::net::handle::ServerHandle;
use crate::net::transport::Transport;
use crate::net::turning_away::Goodbyes;
use crate::sync::Arc;
use crate::sync::mpsc::SyncSender;

/// A part of a server, such as the files' door or a store: [`Server::with`](crate::net::server::Server::with) puts it in, and each
/// hook is called once, in this order.
pub trait Part<F: Hooks>: Send {
    /// It is put into a server that does not run yet: its listener, what it shares with doors, and its figures are left with the
    /// handle here.
    fn join(&mut self, _handle: &ServerHandle) {}

    /// Gives the router what it has for it, before the first turn.
    fn prepare(&mut self, _router: &mut Router<F>, _handle: &ServerHandle) {}

    /// Starts its threads. They have to end when the server stops.
    ///
    /// # Errors
    /// The system has no thread for it. The server does not run then.
    fn start<'scope, 'env>(&'env mut self, _starting: &Starting<'scope, 'env>) -> io::Result<()> {
        Ok(())
    }

    /// All threads of the server have ended.
    fn end(&mut self) {}
}

/// A server that is starting, as its parts see it.
pub struct Starting<'scope, 'env> {
    pub(super) scope: &'scope Scope<'scope, 'env>,
    pub(super) handle: &'env ServerHandle,
    pub(super) away: Goodbyes,
    /// Ends with the last thread that accepts, for that is what the server waits for.
    pub(super) taken: SyncSender<Taken<'env>>,
}

/// A connection that was taken and is not yet started.
pub(super) struct Taken<'env> {
    pub(super) socket: Arc<TcpStream>,
    pub(super) peer: SocketAddr,
    pub(super) at: Instant,
    pub(super) transport: &'env dyn Transport,
}

impl<'scope, 'env> Starting<'scope, 'env> {
    /// The server's handle.
    pub fn handle(&self) -> &'env ServerHandle {
        self.handle
    }

    /// Starts a thread that needs little stack. It is joined before the server's `run` returns.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn thread(&self, name: &str, work: impl FnOnce() + Send + 'scope) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.into()).stack_size(STACK);
        thread.spawn_scoped(self.scope, work).map(|_joined_by_the_scope| ())
    }

    /// Takes clients from a listener until the server stops, on a thread of that name.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn accept(&self, name: &str, listener: &'env TcpListener, transport: &'env dyn Transport) -> io::Result<()> {
        let (taken, handle) = (self.taken.clone(), self.handle);
        self.thread(name, move || take(listener, transport, &taken, handle))
    }

    /// Where a peer that was refused is left, so that it can read why.
    pub(crate) fn away(&self) -> Goodbyes {
        self.away.clone()
    }
}

/// Takes connections and does nothing else, for the system keeps only 128 of them for this thread: one more that comes has to wait a
/// second before the system tries it again.
fn take<'env>(
    listener: &TcpListener,
    transport: &'env dyn Transport,
    taken: &SyncSender<Taken<'env>>,
    handle: &ServerHandle,
) {
    let hand_on = |accepted: io::Result<(TcpStream, SocketAddr)>| {
        let (socket, peer) = accepted.map_err(|error| failed("cannot take connections", &error))?;
        let sent = taken.send(Taken { socket: Arc::new(socket), peer, at: Instant::now(), transport });
        Ok(if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    accepting::each(accepting::connections(listener, || handle.is_stopping()), hand_on, thread::sleep);
}

/// Another listener for clients, such as a TLS port beside the plain one: they have a transport of their own, and share all else,
/// from the limits to the end.
pub struct Door<T> {
    thread: String,
    listener: TcpListener,
    addr: SocketAddr,
    transport: T,
}

impl<T: Transport + Send> Door<T> {
    /// A door of that name: its accept thread is called by it.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn new(name: &str, listener: TcpListener, transport: T) -> io::Result<Door<T>> {
        Ok(Door { thread: format!("accept-{name}"), addr: listener.local_addr()?, listener, transport })
    }

    /// The address that is really listened on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl<F: Hooks, T: Transport + Send> Part<F> for Door<T> {
    fn join(&mut self, handle: &ServerHandle) {
        handle.wake_at_the_end(self.addr);
    }

    fn start<'scope, 'env>(&'env mut self, starting: &Starting<'scope, 'env>) -> io::Result<()> {
        starting.accept(&self.thread, &self.listener, &self.transport)
    }
}
