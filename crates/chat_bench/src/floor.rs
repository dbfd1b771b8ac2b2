//! The floor: the least that a server can do. Lines go to every other socket as they came, one write for each receiver and
//! turn of the loop, on one thread: no names, no parsing, no history. It is what a chat can hope for.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

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

    /// Where.
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
        let mut peers: BTreeMap<usize, Peer> = BTreeMap::new();
        let (mut next, mut reads) = (0, 0);
        let mut buffer = vec![0; BUFFER];
        let (mut said, mut pieces): (Vec<u8>, Vec<Piece>) = (Vec::new(), Vec::new());
        while go_on() {
            match poll.poll(&mut events, Some(Duration::from_millis(100))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Err(_) | Ok(()) => {}
            }
            let mut gone = Vec::new();
            for event in &events {
                if event.token() == LISTENER {
                    loop {
                        match self.listener.accept() {
                            Ok((mut stream, _)) => {
                                stream.set_nodelay(true)?;
                                let interest = Interest::READABLE | Interest::WRITABLE;
                                poll.registry().register(&mut stream, Token(next), interest)?;
                                let mut peer = Peer { stream, held: Vec::new(), out: b"HELLO\n".to_vec() };
                                if peer.flush() {
                                    peers.insert(next, peer);
                                }
                                next += 1;
                            }
                            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                            Err(error) => return Err(error),
                        }
                    }
                    continue;
                }
                let Token(author) = event.token();
                let Some(peer) = peers.get_mut(&author) else { continue };
                let start = said.len();
                if !peer.read(&mut buffer, &mut said) || (event.is_writable() && !peer.flush()) {
                    gone.push(author);
                }
                if said.len() > start {
                    reads += 1;
                    pieces.push(Piece { author, start, end: said.len() });
                }
            }
            if let Some(mischief) = self.mischief.filter(|_| reads > SPARED)
                && let Some(piece) = pieces.first_mut()
                && let Some(spoilt) = spoil(mischief, &said[piece.start..piece.end])
            {
                self.mischief = None;
                said.splice(piece.start..piece.end, spoilt.iter().copied());
                let (old, new) = (piece.end, piece.start + spoilt.len());
                pieces.iter_mut().for_each(|piece| {
                    if piece.start >= old {
                        piece.start = piece.start + new - old;
                    }
                    if piece.end >= old {
                        piece.end = piece.end + new - old;
                    }
                });
            }
            if !said.is_empty() {
                for (id, peer) in &mut peers {
                    if !peer.deliver(*id, &said, &pieces) {
                        gone.push(*id);
                    }
                }
                said.clear();
                pieces.clear();
            }
            for id in gone {
                if let Some(mut peer) = peers.remove(&id) {
                    poll.registry().deregister(&mut peer.stream)?;
                }
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
