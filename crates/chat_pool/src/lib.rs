//! A transport by readiness: one thread waits for all sockets, and a pool of workers does what has come up.
//!
//! It is the hand-made half of what tokio does (compare `chat_tokio`), in four files to be read in this order: the rule
//! that lets one worker at a time at a client (`turnstile.rs`), the workers, who steal from each other (`workers.rs`), the
//! thread that waits (`readiness.rs`), and what is to be done for a client (`client.rs`).
//!
//! ```no_run
//! use chat_server::{config::Config, server::Server};
//! Server::bind(Config::default())?.run_on(&chat_pool::Pool::default())?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![warn(missing_docs)]

use std::io;
use std::num::NonZeroUsize;
use std::thread::{self, Scope};

use chat_server::connection;
use chat_server::server::{Arrival, ServerHandle, Transport};

mod client;
mod readiness;
mod turnstile;
mod workers;

use client::Client;
use readiness::Readiness;
use workers::Workers;

/// The transport. Its threads are joined when it is dropped.
pub struct Pool {
    // In this order: when it is dropped nobody is called any more before the workers end.
    readiness: Readiness,
    workers: Workers<Client>,
}

impl Default for Pool {
    /// As many workers as the machine has cores, and at least two, so that there is somebody to steal from.
    ///
    /// # Panics
    /// If the system has no threads for it.
    fn default() -> Pool {
        let count = thread::available_parallelism().map_or(2, NonZeroUsize::get).max(2);
        Pool {
            readiness: Readiness::start().expect("a thread, at the start"),
            workers: Workers::start(count).expect("threads, at the start"),
        }
    }
}

impl Pool {
    /// How many threads a client has to itself.
    pub const PER_CLIENT: u64 = 0;
}

impl Transport for Pool {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        _: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let origin = connection::prepare(&arrival.socket, arrival.id);
        arrival.socket.set_nonblocking(true)?;
        Client::start(arrival, origin, self.workers.shared(), self.readiness.watch(), handle)
    }
}
