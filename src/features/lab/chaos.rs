//! Clients that misbehave from inside, on purpose: a link that stalls, panics, splits, is reset or dribbles (`--chaos`).
//!
//! Nobody needs a bad network to see what one does. What happens here happens below the server's own code, between it and the
//! socket, so that all above is as it always is: the same threads, limits and patience.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::str::FromStr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::chat::message::Message;
use crate::model::names::ClientId;
use crate::model::text::Text;
use crate::net::connection::Link;
use crate::net::handle::ServerHandle;

/// What stalls, panics or is reset does so behind this many lines, so that there was somebody with a name.
const LINES: usize = 3;
/// A stalled write comes back this often, to see whether its connection is still there.
const TICK: Duration = Duration::from_millis(100);
/// Who is slow gets and sends so many bytes, then pauses: some three thousand a second, more than the limit of `slow_secs`.
const SIP: usize = 32;
const PAUSE: Duration = Duration::from_millis(10);

/// What can go wrong with a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// From some moment on it takes nothing, as if its peer did not read.
    Stall,
    /// The thread that reads it panics.
    Panic,
    /// Each byte comes and goes alone.
    Split,
    /// Its connection is reset, with bytes unread.
    Reset,
    /// It reads and writes a few bytes at a time, with pauses.
    Slow,
}

/// How many of a hundred clients misbehave, and how.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Chaos {
    percent: [usize; Fault::ALL.len()],
}

impl Fault {
    /// All there are, in the order in which they are handed out.
    pub const ALL: [Fault; 5] = [Fault::Stall, Fault::Panic, Fault::Split, Fault::Reset, Fault::Slow];

    /// Its word in the setting.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Stall => "stall",
            Fault::Panic => "panic",
            Fault::Split => "split",
            Fault::Reset => "rst",
            Fault::Slow => "slow",
        }
    }

    /// What will happen, as its client is told.
    fn prophecy(self) -> &'static str {
        match self {
            Fault::Stall => "will stall: behind your third line nothing comes to you any more",
            Fault::Panic => "will panic: behind your third line the thread that reads you breaks down",
            Fault::Split => "is split: each byte comes and goes alone",
            Fault::Reset => "will be reset: what you send behind your third line is left unread",
            Fault::Slow => "is slow: a few bytes at a time",
        }
    }
}

impl Chaos {
    /// Whether nobody misbehaves.
    pub fn is_off(&self) -> bool {
        *self == Chaos::default()
    }

    /// What will go wrong with a client. Of each hundred, by their numbers, those that stall come first, then those that
    /// panic, and so on in the order of [`Fault::ALL`]; the rest is well. No dice, so that anybody can foretell it.
    pub fn fault_of(&self, id: ClientId) -> Option<Fault> {
        let mut place = id.0.wrapping_sub(1) % 100;
        for (fault, percent) in Fault::ALL.into_iter().zip(self.percent) {
            if place < percent {
                return Some(fault);
            }
            place -= percent;
        }
        None
    }
}

impl FromStr for Chaos {
    type Err = String;

    /// `off`, or `stall=1,panic=1`.
    fn from_str(value: &str) -> Result<Chaos, String> {
        let right = || {
            let words = Fault::ALL.map(Fault::word).join(", ");
            format!("should be off, or percentages such as stall=1,panic=1, of {words}, together at most 100")
        };
        let mut chaos = Chaos::default();
        if matches!(value, "off" | "") {
            return Ok(chaos);
        }
        let mut seen = Vec::new();
        for part in value.split(',') {
            let (word, percent) = part.trim().split_once('=').ok_or_else(right)?;
            let place = Fault::ALL.iter().position(|fault| fault.word() == word).ok_or_else(right)?;
            if seen.contains(&place) {
                return Err(format!("has {word} twice; it {}", right()));
            }
            seen.push(place);
            chaos.percent[place] = percent.parse().ok().filter(|percent| *percent <= 100).ok_or_else(right)?;
        }
        if chaos.percent.iter().sum::<usize>() > 100 {
            return Err(right());
        }
        Ok(chaos)
    }
}

impl fmt::Display for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return f.write_str("off");
        }
        let parts = Fault::ALL.into_iter().zip(self.percent).filter(|(_, percent)| *percent > 0);
        let parts: Vec<String> = parts.map(|(fault, percent)| format!("{}={percent}", fault.word())).collect();
        f.write_str(&parts.join(","))
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
        let words = self.fault.prophecy();
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

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn anybody_can_foretell_who_misbehaves() {
        let chaos: Chaos = "stall=1,slow=20,panic=2".parse().unwrap();
        let fault = |id| chaos.fault_of(ClientId(id)).map(Fault::word);
        assert_eq!([1, 2, 3, 4].map(fault), [Some("stall"), Some("panic"), Some("panic"), Some("slow")]);
        assert_eq!([23, 24, 100].map(fault), [Some("slow"), None, None]);
        assert_eq!([101, 102, 123, 124].map(fault), [Some("stall"), Some("panic"), Some("slow"), None]);
        assert_eq!(Chaos::default().fault_of(ClientId(1)), None);
        assert_eq!("rst=100".parse::<Chaos>().unwrap().fault_of(ClientId(100)), Some(Fault::Reset));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for (written, means) in [
            ("off", "off"),
            ("", "off"),
            ("stall=0", "off"),
            ("slow=5, stall=10", "stall=10,slow=5"),
            ("stall=20,panic=20,split=20,rst=20,slow=20", "stall=20,panic=20,split=20,rst=20,slow=20"),
        ] {
            let chaos: Chaos = written.parse().unwrap();
            assert_eq!(chaos.to_string(), means);
            assert_eq!(means.parse(), Ok(chaos));
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_allowed() {
        for wrong in
            ["on", "stall", "stall=", "stall=-1", "stall=101", "stall=60,slow=41", "crash=1", "stall=1,,slow=1"]
        {
            let right = wrong.parse::<Chaos>().unwrap_err();
            assert_eq!(
                right,
                "should be off, or percentages such as stall=1,panic=1, of stall, panic, split, rst, slow, together at most 100",
                "{wrong}"
            );
        }
        assert!("rst=1,rst=2".parse::<Chaos>().unwrap_err().starts_with("has rst twice; it should be off, or "));
    }
}
