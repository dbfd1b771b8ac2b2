//! Clients that misbehave from inside, on purpose: a link that stalls, panics, splits, is reset or dribbles (`--chaos`).
//!
//! Shows without a bad network what one does. What happens here happens below the server's own code, between it and the
//! socket, so that all above is as it always is: the same threads, limits and patience.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::chat::message::Message;
use crate::config::chaos::Fault;
use crate::model::names::ClientId;
use crate::model::text::Text;
use crate::net::handle::ServerHandle;
use crate::net::transport::Link;

/// What stalls, panics or is reset does so behind this many lines, so that the client has a name by then.
const LINES: usize = 3;
/// A stalled write comes back this often, to see whether its connection is still there.
const TICK: Duration = Duration::from_millis(100);
/// Who is slow gets and sends so many bytes, then pauses: some three thousand a second, more than the limit of `slow_secs`.
const SIP: usize = 32;
const PAUSE: Duration = Duration::from_millis(10);

/// What will happen, as its client is told.
fn notice(fault: Fault) -> &'static str {
    match fault {
        Fault::Stall => "will stall: behind your third line nothing comes to you any more",
        Fault::Panic => "will panic: behind your third line the thread that reads you breaks down",
        Fault::Split => "is split: each byte comes and goes alone",
        Fault::Reset => "will be reset: what you send behind your third line is left unread",
        Fault::Slow => "is slow: a few bytes at a time",
    }
}

/// A connection on which something goes wrong.
pub(crate) struct Faulty<'a> {
    socket: &'a TcpStream,
    fault: Fault,
    id: ClientId,
    handle: &'a ServerHandle,
    announced: Once,
    lines: AtomicUsize,
    /// It has panicked, or is to be closed as it is, so that the system sends a reset.
    struck: AtomicBool,
}

impl<'a> Faulty<'a> {
    pub(crate) fn new(socket: &'a TcpStream, fault: Fault, id: ClientId, handle: &'a ServerHandle) -> Faulty<'a> {
        let (announced, lines, struck) = (Once::new(), AtomicUsize::new(0), AtomicBool::new(false));
        Faulty { socket, fault, id, handle, announced, lines, struck }
    }

    /// When the first bytes are read the router knows this client, so that it can be told.
    fn announce(&self) {
        let words = notice(self.fault);
        log::warn!("chaos: {} {words}", self.id);
        self.handle.send(Message::Tell(self.id, Text::own(format!("Chaos: this connection {words}."))));
    }

    fn is_due(&self) -> bool {
        self.lines.load(Relaxed) >= LINES
    }

    fn read_some(&self, buffer: &mut [u8], most: usize) -> io::Result<usize> {
        let most = most.min(buffer.len());
        let count = self.socket.read(&mut buffer[..most])?;
        let lines = buffer[..count].iter().filter(|byte| **byte == b'\n').count();
        self.lines.fetch_add(lines, Relaxed);
        Ok(count)
    }

    fn write_some(&self, bytes: &[u8], most: usize) -> io::Result<usize> {
        self.socket.write(&bytes[..most.min(bytes.len())])
    }
}

impl Link for Faulty<'_> {
    fn socket(&self) -> &TcpStream {
        self.socket
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.announced.call_once(|| self.announce());
        match self.fault {
            // Once: what comes after it reads on, to let the peer go in peace.
            Fault::Panic if self.is_due() && !self.struck.swap(true, Relaxed) => {
                panic!("chaos: this is the panic that was asked for")
            }
            Fault::Reset if self.is_due() => {
                if self.socket.peek(&mut [0])? == 0 {
                    return Ok(0);
                }
                self.struck.store(true, Relaxed);
                Err(ErrorKind::ConnectionReset.into())
            }
            Fault::Split => self.read_some(buffer, 1),
            Fault::Slow => {
                thread::sleep(PAUSE);
                self.read_some(buffer, SIP)
            }
            Fault::Stall | Fault::Panic | Fault::Reset => self.read_some(buffer, usize::MAX),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.fault {
            Fault::Reset if self.struck.load(Relaxed) => Err(ErrorKind::ConnectionReset.into()),
            Fault::Stall if self.is_due() => {
                thread::sleep(TICK);
                // Nothing is written, but an end of the connection is seen.
                self.socket.write(&[])?;
                Err(ErrorKind::TimedOut.into())
            }
            Fault::Split => self.write_some(bytes, 1),
            Fault::Slow => {
                thread::sleep(PAUSE);
                self.write_some(bytes, SIP)
            }
            Fault::Stall | Fault::Panic | Fault::Reset => self.write_some(bytes, usize::MAX),
        }
    }

    fn answer(&self, bytes: &[u8]) -> io::Result<()> {
        self.socket.answer(bytes)
    }

    fn finish(&self) -> io::Result<()> {
        self.socket.finish()
    }

    fn close(&self) {
        // Shut down in order it would end well. Closed with bytes unread, the system sends a reset.
        let is_reset = self.fault == Fault::Reset && self.struck.load(Relaxed);
        if !is_reset {
            self.socket.close();
        }
    }

    fn is_encrypted(&self) -> bool {
        false
    }
}
