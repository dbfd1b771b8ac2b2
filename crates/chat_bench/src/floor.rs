//! The floor, the server that does the least a chat server can do: the others are measured against it. Lines go to
//! every other socket as they came, one write for each receiver and turn of the loop, on one thread: no names, no
//! parsing, no history.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

const LISTENER: Token = Token(usize::MAX);
const BUFFER: usize = 64 * 1024;

/// What a faulty floor does to one line, so that the checks can be tested on something that is really wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mischief {
    /// It is left out.
    Drop,
    /// It goes out twice.
    Double,
    /// It goes out behind the next one.
    Swap,
}

/// After how many reads mischief may strike.
const SPARED: u64 = 20;

/// The floor, on a port of loopback.
pub struct Floor {
    listener: TcpListener,
    mischief: Option<Mischief>,
}

struct Peer {
    stream: TcpStream,
    held: Vec<u8>,
    out: Vec<u8>,
}

/// Who said which bytes of a turn.
struct Piece {
    author: usize,
    start: usize,
    end: usize,
}

impl Floor {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// If the system has none.
    pub fn bind(mischief: Option<Mischief>) -> io::Result<Floor> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Floor { listener, mischief })
    }

    /// The address on which it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Runs as long as `go_on` says so; it is asked at least ten times a second.
    ///
    /// # Errors
    /// If the system refuses to wait or to accept.
    pub fn run(mut self, mut go_on: impl FnMut() -> bool) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1_024);
        poll.registry().register(&mut self.listener, LISTENER, Interest::READABLE)?;
        let mut room = Room::default();
        let (mut reads, mut buffer) = (0, vec![0; BUFFER]);
        while go_on() {
            match poll.poll(&mut events, Some(Duration::from_millis(100))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Err(_) | Ok(()) => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => room.accept(&self.listener, poll.registry())?,
                    Token(author) => reads += u64::from(room.hear(author, event.is_writable(), &mut buffer)),
                }
            }
            if reads > SPARED && self.mischief.is_some_and(|mischief| room.spoil_first(mischief)) {
                self.mischief = None;
            }
            room.deliver(poll.registry())?;
        }
        Ok(())
    }
}

/// Those who are connected, and what they said in this turn of the loop.
#[derive(Default)]
struct Room {
    peers: BTreeMap<usize, Peer>,
    next: usize,
    said: Vec<u8>,
    pieces: Vec<Piece>,
    gone: Vec<usize>,
}

impl Room {
    /// Takes all connections that wait.
    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> io::Result<()> {
        loop {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nodelay(true)?;
                    registry.register(&mut stream, Token(self.next), Interest::READABLE | Interest::WRITABLE)?;
                    let mut peer = Peer { stream, held: Vec::new(), out: b"HELLO\n".to_vec() };
                    if peer.flush() {
                        self.peers.insert(self.next, peer);
                    }
                    self.next += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what a peer said, and sends it what waits where it can be written to. Returns whether it said a whole line.
    fn hear(&mut self, author: usize, is_writable: bool, buffer: &mut [u8]) -> bool {
        let Some(peer) = self.peers.get_mut(&author) else { return false };
        let start = self.said.len();
        if !peer.read(buffer, &mut self.said) || (is_writable && !peer.flush()) {
            self.gone.push(author);
        }
        let end = self.said.len();
        if end > start {
            self.pieces.push(Piece { author, start, end });
        }
        end > start
    }

    /// Does something wrong with the first piece, if it has enough lines for that.
    fn spoil_first(&mut self, mischief: Mischief) -> bool {
        let Some(piece) = self.pieces.first() else { return false };
        let Some(spoilt) = spoil(mischief, &self.said[piece.start..piece.end]) else { return false };
        let (old, new) = (piece.end, piece.start + spoilt.len());
        self.said.splice(piece.start..piece.end, spoilt);
        for piece in &mut self.pieces {
            if piece.start >= old {
                piece.start = piece.start + new - old;
            }
            if piece.end >= old {
                piece.end = piece.end + new - old;
            }
        }
        true
    }

    /// Sends what was said to all others, and parts with those who are gone.
    fn deliver(&mut self, registry: &Registry) -> io::Result<()> {
        if !self.said.is_empty() {
            for (id, peer) in &mut self.peers {
                if !peer.deliver(*id, &self.said, &self.pieces) {
                    self.gone.push(*id);
                }
            }
            self.said.clear();
            self.pieces.clear();
        }
        for id in self.gone.drain(..) {
            if let Some(mut peer) = self.peers.remove(&id) {
                registry.deregister(&mut peer.stream)?;
            }
        }
        Ok(())
    }
}

impl Peer {
    /// Reads all that is there; whole lines go to `said`. Returns whether the peer is still there.
    fn read(&mut self, buffer: &mut [u8], said: &mut Vec<u8>) -> bool {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    let new = &buffer[..count];
                    match memchr::memrchr(b'\n', new) {
                        Some(end) => {
                            said.append(&mut self.held);
                            said.extend_from_slice(&new[..=end]);
                            self.held.extend_from_slice(&new[end + 1..]);
                        }
                        None => self.held.extend_from_slice(new),
                    }
                    if count < buffer.len() {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// Sends what others said in one write. What does not fit waits, without a bound: a floor has no manners.
    fn deliver(&mut self, id: usize, said: &[u8], pieces: &[Piece]) -> bool {
        if self.out.is_empty() && pieces.iter().all(|piece| piece.author != id) {
            // The way of nearly all receivers: the shared bytes as they are.
            let written = match self.stream.write(said) {
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
                Err(_) => return false,
            };
            self.out.extend_from_slice(&said[written..]);
            return true;
        }
        let waited = !self.out.is_empty();
        for piece in pieces.iter().filter(|piece| piece.author != id) {
            self.out.extend_from_slice(&said[piece.start..piece.end]);
        }
        waited || self.flush()
    }

    fn flush(&mut self) -> bool {
        if self.out.is_empty() {
            return true;
        }
        match self.stream.write(&self.out) {
            Ok(count) => {
                self.out.drain(..count);
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
}

/// The lines of one author in one turn, with something wrong; `None` where they are too few for that.
fn spoil(mischief: Mischief, said: &[u8]) -> Option<Vec<u8>> {
    let mut lines: Vec<&[u8]> = said.split_inclusive(|byte| *byte == b'\n').collect();
    match mischief {
        Mischief::Drop => drop(lines.remove(0)),
        Mischief::Double => lines.insert(0, lines[0]),
        Mischief::Swap if lines.len() < 2 => return None,
        Mischief::Swap => lines.swap(0, 1),
    }
    Some(lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mischief_does() {
        assert_eq!(spoil(Mischief::Drop, b"a\nb\n").unwrap(), b"b\n");
        assert_eq!(spoil(Mischief::Double, b"a\nb\n").unwrap(), b"a\na\nb\n");
        assert_eq!(spoil(Mischief::Swap, b"a\nb\nc\n").unwrap(), b"b\na\nc\n");
        assert_eq!(spoil(Mischief::Swap, b"a\n"), None);
    }
}
