//! What carries the bytes of clients, and a connection that it is given.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread::Scope;
use std::time::Instant;

use crate::model::event::{Envelope, Event, Leave, Wire};
use crate::model::names::ClientId;
use crate::model::now::Now;
use crate::net::connections::{Permit, TurnedAway};
use crate::net::handle::ServerHandle;
use crate::protocol::render::render;
use crate::sync::Arc;

/// What carries the bytes of clients: two threads for each in this package, other ways in crates that build on it.
pub trait Transport: Sync {
    /// Takes a connection over and serves it until it is gone; must not wait for it. Threads are started in the scope, or
    /// else belong to the transport, which has to join them itself.
    ///
    /// # Errors
    /// The system has no more threads, or what else it needs. The peer is told that the server is full.
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        scope: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()>;

    /// Tells a peer that there is no place for it. A new socket has room for a line, so this does not wait.
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
    pub(super) _permit: Permit,
}

/// The last line to a client that the router does not know.
pub(crate) fn bye(why: Leave) -> Vec<u8> {
    render(&Envelope::new(Now::read().wall, Event::Bye { why, name: None }), Wire::Line)
}
