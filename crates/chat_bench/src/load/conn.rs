//! One client of a load: its socket, what waits to be sent, and the beginning of a line whose end has not come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::protocol::{Dialect, Session};
use crate::seen::Seen;

/// More room than this is given back when all is sent.
const SPARE: usize = 1024 * 1024;

/// A connection. Its errors are words for the report.
pub(super) struct Conn {
    pub(super) stream: TcpStream,
    pub(super) session: Session,
    /// Something came by it.
    pub(super) heard: bool,
    pub(super) joined: bool,
    pub(super) open: bool,
    /// What is to be sent, and how much of it has been.
    pub(super) out: Vec<u8>,
    written: usize,
    connected: bool,
    held: Vec<u8>,
}

impl Conn {
    /// Begins to connect.
    pub(super) fn connect(addr: SocketAddr, dialect: Dialect, registry: &Registry, token: Token) -> io::Result<Conn> {
        let mut stream = TcpStream::connect(addr)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Conn {
            stream,
            session: Session::new(dialect),
            heard: false,
            joined: false,
            open: true,
            out: Vec::new(),
            written: 0,
            connected: false,
            held: Vec::new(),
        })
    }

    /// Sends what waits. With the first call that finds a connection the conversation begins.
    pub(super) fn writable(&mut self, name: &str) -> Result<(), String> {
        if !self.connected {
            match self.stream.take_error() {
                Ok(None) if self.stream.peer_addr().is_ok() => {}
                Ok(None) => return Ok(()), // not yet
                Ok(Some(error)) | Err(error) => return Err(format!("no connection: {error}")),
            }
            self.connected = true;
            // A client that waits for more to send would measure itself.
            let _refused = self.stream.set_nodelay(true);
            self.session.open(name, &mut self.out);
        }
        self.flush()
    }

    /// Sends as much as the system takes.
    pub(super) fn flush(&mut self) -> Result<(), String> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("cannot write: {error}")),
            }
        }
        self.forget_sent();
        if self.out.capacity() > SPARE {
            self.out = Vec::new();
        }
        Ok(())
    }

    /// Nothing waits to be sent any more.
    pub(super) fn forget_sent(&mut self) {
        self.out.clear();
        self.written = 0;
    }

    /// Reads once, behind the beginning of a line that is held. Returns how much of the buffer is filled; `None`: nothing has come.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, String> {
        let held = self.held.len();
        if held == buffer.len() {
            return Err("it got a line without an end".into());
        }
        buffer[..held].copy_from_slice(&self.held);
        loop {
            match self.stream.read(&mut buffer[held..]) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(count) => return Ok(Some(held + count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Understands what [`fill`](Conn::fill) read, and holds what is no whole line. `saw` is also told whether this client is in.
    pub(super) fn take(&mut self, bytes: &[u8], mut saw: impl FnMut(Seen<'_>, bool)) {
        let Conn { session, out, held, joined, .. } = self;
        let used = session.read(bytes, out, &mut |seen| {
            *joined |= seen == Seen::Joined;
            saw(seen, *joined);
        });
        held.clear();
        held.extend_from_slice(&bytes[used..]);
    }
}
