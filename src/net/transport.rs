//! The traits of an engine, [`Transport`] and [`Link`], and a connection that has a place in the server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::Scope;
use std::time::{Duration, Instant};

use crate::chat::ticket::Credits;
use crate::model::event::{Envelope, Event, Leave, Wire};
use crate::model::names::ClientId;
use crate::model::now::Now;
use crate::net::connections::{Permit, TurnedAway};
use crate::net::handle::ServerHandle;
use crate::protocol::render::render;
use crate::sync::Arc;

/// A blocked write comes back this often to look at the time.
const WRITE_TICK: Duration = Duration::from_millis(500);

/// An engine: it carries the bytes of clients. That of this package has two threads for each, crates beside it have
/// others.
pub trait Transport: Sync {
    /// Starts to serve a connection until its client is gone, and returns at once. Threads are started in the scope, or
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

/// What a client's bytes go over: a socket, or something on top of one. One thread reads it and another writes to it.
pub trait Link: Send + Sync {
    /// The socket below, for its address, its options and its end.
    fn socket(&self) -> &TcpStream;

    /// Reads some bytes; 0 is the end of what the peer sends.
    ///
    /// # Errors
    /// As a socket's: a timeout when the socket's own has passed, and [`io::ErrorKind::Interrupted`] where something came that
    /// is nothing yet. In both cases the reader looks at the time.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes some of the bytes and says how many. After an error that was a timeout the same bytes are offered again, for
    /// some of them may be on their way already.
    ///
    /// # Errors
    /// As a socket's.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes a few bytes for the reader, past what the writer is writing.
    ///
    /// # Errors
    /// As a socket's.
    fn answer(&self, bytes: &[u8]) -> io::Result<()>;

    /// Closes the writing side: the peer learns that all is written. It is still read.
    ///
    /// # Errors
    /// As a socket's.
    fn finish(&self) -> io::Result<()>;

    /// Ends the connection in both directions. That it is over already is no error.
    fn close(&self) {
        let _closed_already = self.socket().shutdown(Shutdown::Both);
    }

    /// Whether the bytes are encrypted on their way.
    fn is_encrypted(&self) -> bool;

    /// The tickets of the client behind this link, for one that shows how many are out.
    fn show_credits(&self, _credits: &Credits) {}
}

impl Link for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buffer)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(bytes)
    }

    fn answer(&self, bytes: &[u8]) -> io::Result<()> {
        (&mut &*self).write_all(bytes)
    }

    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn is_encrypted(&self) -> bool {
        false
    }
}

/// A connection that has a place in the server until this is dropped.
pub struct Arrival {
    /// The client's number.
    pub id: ClientId,
    /// The socket of the connection.
    pub socket: Arc<TcpStream>,
    /// When it was taken: the sign-on limit counts from there.
    pub accepted: Instant,
    pub(super) _permit: Permit,
}

/// Sets the options of a new socket, and returns the peer's address for the log.
pub fn prepare(socket: &TcpStream, id: ClientId) -> String {
    let origin = socket.peer_addr().map_or("gone".into(), |peer| peer.to_string());
    // Without this a line waits for the acknowledgement of the one before it, 40 ms and more.
    if let Err(error) = socket.set_nodelay(true).and_then(|()| socket.set_write_timeout(Some(WRITE_TICK))) {
        log::debug!("{id} ({origin}): {error}");
    }
    origin
}

/// The last line to a client that the router does not know.
pub(crate) fn bye(why: Leave) -> Vec<u8> {
    render(&Envelope::new(Now::read().wall, Event::Bye { why, name: None }), Wire::Line)
}
