//! A transport in which each client is a task: a few threads of tokio's carry them all.
//!
//! [`serve`] takes any stream and any dialect; [`TokioOf`] uses it for the sockets of a door, and [`Tokio`] is that of the line door. A task waits for four things
//! at once (bytes that came, room to write, news from the router, a deadline), and never holds a thread while it does.
//!
//! ```no_run
//! use chat_server::{config::Config, features::Server};
//! Server::bind(Config::default())?.run_on(&chat_tokio::Tokio::default())?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![warn(missing_docs)]

use std::io;
use std::thread::Scope;
use std::time::Duration;

use chat_server::net::server::{Arrival, ServerHandle, Transport};
use chat_server::net::transport;
use chat_server::protocol::dialect::{Dialect, Lines};
use tokio::runtime::{Builder, Runtime};

mod client;
mod socket;

pub use client::{Taken, serve};
use socket::Socket;

/// How long the runtime may take to end. Its tasks have ended by then, or were cut.
const END: Duration = Duration::from_secs(5);

/// The transport of the line door.
pub type Tokio = TokioOf<Lines>;

/// The transport for any dialect: a runtime with as many threads as the machine has cores. They are joined when it is dropped.
pub struct TokioOf<D> {
    dialect: D,
    runtime: Option<Runtime>,
}

impl<D> From<D> for TokioOf<D> {
    /// # Panics
    /// If the system has no threads for it.
    fn from(dialect: D) -> TokioOf<D> {
        let runtime = Builder::new_multi_thread().thread_name("tokio-worker").enable_all().build();
        TokioOf { dialect, runtime: Some(runtime.expect("threads, at the start")) }
    }
}

impl<D: Default> Default for TokioOf<D> {
    /// # Panics
    /// If the system has no threads for it.
    fn default() -> TokioOf<D> {
        TokioOf::from(D::default())
    }
}

impl<D: Dialect> Transport for TokioOf<D> {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        _: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let Some(runtime) = &self.runtime else { return Err(io::ErrorKind::NotConnected.into()) };
        let origin = transport::prepare(&arrival.socket, arrival.id);
        arrival.socket.set_nonblocking(true)?;
        let _in_it = runtime.enter();
        let socket = Socket::new(arrival.socket.clone())?;
        let (decoder, encoder) = self.dialect.speak(handle.verbs());
        // The arrival as a whole, for its place in the server ends with it.
        let taken = Taken { id: arrival.id, at: arrival.accepted, origin, place: arrival };
        let client = serve(socket, taken, decoder, encoder, handle.clone());
        runtime.spawn(client);
        Ok(())
    }
}

impl<D> TokioOf<D> {
    /// How many threads a client has to itself.
    pub const PER_CLIENT: u64 = 0;
}

impl<D> Drop for TokioOf<D> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(END);
        }
    }
}
