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

use chat_server::model::verb::Verbs;
use chat_server::net::server::{Arrival, ServerHandle, Transport};
use chat_server::net::transport;
use chat_server::protocol::dialect::{Decoder, Encoder, LineDecoder, LineEncoder};

mod client;
mod readiness;
mod turnstile;
mod workers;

use client::Client;
use readiness::Readiness;
use workers::Workers;

/// The transport of the line door. Its threads are joined when it is dropped.
pub type Pool = PoolOf<LineDecoder, LineEncoder>;

/// The same for any dialect that has the verbs of the server.
pub struct PoolOf<D: Decoder + 'static, E: Encoder + 'static> {
    // In this order: when it is dropped no client is called any more before the workers end.
    readiness: Readiness<Client<D, E>>,
    workers: Workers<Client<D, E>>,
}

impl<D: Decoder + 'static, E: Encoder + 'static> Default for PoolOf<D, E> {
    /// As many workers as the machine has cores, and at least two, so that there is another worker to steal from.
    ///
    /// # Panics
    /// If the system has no threads for it.
    fn default() -> PoolOf<D, E> {
        let count = thread::available_parallelism().map_or(2, NonZeroUsize::get).max(2);
        PoolOf {
            readiness: Readiness::start().expect("a thread, at the start"),
            workers: Workers::start(count).expect("threads, at the start"),
        }
    }
}

impl Pool {
    /// How many threads a client has to itself.
    pub const PER_CLIENT: u64 = 0;
}

impl<D: Decoder + From<&'static Verbs> + 'static, E: Encoder + Default + 'static> Transport for PoolOf<D, E> {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        _: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let origin = transport::prepare(&arrival.socket, arrival.id);
        arrival.socket.set_nonblocking(true)?;
        let dialect = (D::from(handle.verbs()), E::default());
        Client::start(arrival, origin, dialect, self.workers.shared(), self.readiness.watch(), handle)
    }
}
