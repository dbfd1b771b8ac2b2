//! A transport by readiness: one thread waits for all sockets, and a pool of workers serves the clients that are ready.
//!
//! It is the hand-made half of what tokio does (compare `chat_tokio`), in four files to be read in this order: the rule
//! that lets one worker at a time at a client (`turnstile.rs`), the workers, who steal from each other (`workers.rs`), the
//! thread that waits (`readiness.rs`), and what is to be done for a client (`client.rs`).
//!
//! ```no_run
//! use chat_server::{config::Config, features::Server};
//! Server::bind(Config::default())?.run_on(&chat_pool::Pool::default())?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![warn(missing_docs)]

use std::io;
use std::num::NonZeroUsize;
use std::thread::{self, Scope};

use chat_server::net::server::{Arrival, ServerHandle, Transport};
use chat_server::net::transport;
use chat_server::protocol::dialect::{Dialect, Lines};

mod client;
mod readiness;
mod turnstile;
mod workers;

use client::Client;
use readiness::Readiness;
use workers::Workers;

/// The transport of the line door. Its threads are joined when it is dropped.
pub type Pool = PoolOf<Lines>;

/// The same for any dialect.
pub struct PoolOf<D: Dialect> {
    dialect: D,
    // In this order: when it is dropped no client is called any more before the workers end.
    readiness: Readiness<Client<D::Decoder, D::Encoder>>,
    workers: Workers<Client<D::Decoder, D::Encoder>>,
}

impl<D: Dialect> From<D> for PoolOf<D> {
    /// As many workers as the machine has cores, and at least two, so that there is another worker to steal from.
    ///
    /// # Panics
    /// If the system has no threads for it.
    fn from(dialect: D) -> PoolOf<D> {
        let count = thread::available_parallelism().map_or(2, NonZeroUsize::get).max(2);
        PoolOf {
            dialect,
            readiness: Readiness::start().expect("a thread, at the start"),
            workers: Workers::start(count).expect("threads, at the start"),
        }
    }
}

impl<D: Dialect + Default> Default for PoolOf<D> {
    /// # Panics
    /// If the system has no threads for it.
    fn default() -> PoolOf<D> {
        PoolOf::from(D::default())
    }
}

impl<D: Dialect> PoolOf<D> {
    /// How many threads a client has to itself.
    pub const PER_CLIENT: u64 = 0;
}

impl<D: Dialect> Transport for PoolOf<D> {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        _: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let origin = transport::prepare(&arrival.socket, arrival.id);
        arrival.socket.set_nonblocking(true)?;
        let dialect = self.dialect.speak(handle.verbs());
        Client::start(arrival, origin, dialect, self.workers.shared(), self.readiness.watch(), handle)
    }
}
