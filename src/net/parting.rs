//! The end of a connection: how long a client that has to go is still read, so that it can read why.
//!
//! A socket that is closed while bytes of its peer are unread, or on their way, resets the connection, and a reset throws the last
//! words away before the peer has read them (RFC 1122, 4.2.2.13). `printf '...' | nc` sends lines that it did not wait with. So
//! when all is said our side is closed, and what still comes is read away for a while. Every transport asks a [`Parting`] how long.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use crate::model::event::Leave;
use crate::model::names::ClientId;
use crate::net::transport::{Link, bye};

/// After this long without a byte of a peer that knows of the end, nothing is on its way any more.
pub const LINGER: Duration = Duration::from_millis(200);
/// A peer that goes on sending is read no longer than this after our side is closed.
pub const LONGEST: Duration = Duration::from_secs(2);
/// So many bytes are read away at most: more than a system keeps in its buffers for one connection. What comes beyond waits there.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How often a thread that waits for a peer's end looks at the time.
const LEAVING_TICK: Duration = Duration::from_millis(20);
/// The most bytes of one read of what is thrown away.
const READ: usize = 16 * 1024;

/// The end of one connection. It knows no socket and no clock.
#[derive(Clone, Copy, Default)]
pub struct Parting {
    bytes: usize,
    heard: Option<Instant>,
    closed: Option<Instant>,
    ended: bool,
}

impl Parting {
    /// The peer has sent so many bytes more.
    pub fn heard(&mut self, bytes: usize, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.heard = Some(now);
    }

    /// The peer has closed its side, or the connection is broken: there is nothing to wait for.
    pub fn ended(&mut self) {
        self.ended = true;
    }

    /// All is written, and our side is closed. The first call counts.
    pub fn closed(&mut self, now: Instant) {
        self.closed.get_or_insert(now);
    }

    /// Whether our side is closed.
    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether what the peer sends is to be read.
    pub fn reads(&self) -> bool {
        !self.ended && self.bytes < MOST_BYTES
    }

    /// When the connection is to be closed for good; `None` while our side is open.
    pub fn until(&self) -> Option<Instant> {
        let closed = self.closed?;
        let quiet = self.heard.map_or(closed, |heard| heard.max(closed)) + LINGER;
        Some(if self.ended { closed } else { quiet.min(closed + LONGEST) })
    }

    /// Whether that time has come.
    pub fn is_over(&self, now: Instant) -> bool {
        self.until().is_some_and(|until| now >= until)
    }
}

/// Turns away a client for which there is no writer thread, from the thread that would have read it.
pub(super) fn turn_away(link: &impl Link, id: ClientId) {
    if let Err(error) = link.answer(&bye(Leave::Full)).and_then(|()| link.finish()) {
        log::debug!("{id}: gone before it was turned away: {error}");
    }
    see_off(link, false, || true);
}

/// Reads away what the peer still sends, so that closing does not turn into a reset that eats our last words. `is_closed` says
/// whether all of those are written and our side is closed. The connection is to be closed when this and the writing has ended.
pub fn see_off(link: &impl Link, at_end: bool, is_closed: impl Fn() -> bool) {
    if at_end || link.socket().set_read_timeout(Some(LEAVING_TICK)).is_err() {
        return;
    }
    let (mut parting, mut buffer) = (Parting::default(), vec![0; READ]);
    loop {
        if !parting.is_closed() && is_closed() {
            parting.closed(Instant::now());
        }
        if parting.reads() {
            match link.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => parting.heard(count, Instant::now()),
                // Something has come that makes no bytes yet, as a part of a TLS record.
                Err(error) if error.kind() == ErrorKind::Interrupted => parting.heard(0, Instant::now()),
                Err(error) if is_timeout(&error) => {}
                Err(_) => return,
            }
        } else {
            thread::sleep(LEAVING_TICK);
        }
        // Not before the read: what came while this thread did not get to run counts.
        if parting.is_over(Instant::now()) {
            return;
        }
    }
}

/// Whether a socket's own timeout has passed, and no more than that.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_read_until_it_is_quiet_and_no_longer_than_there_is_patience() {
        let (start, mut parting) = (Instant::now(), Parting::default());
        parting.heard(10, start);
        assert_eq!(
            (parting.until(), parting.is_over(start + LONGEST)),
            (None, false),
            "there is still something to write"
        );
        let closed = start + LONGEST;
        parting.closed(closed);
        parting.closed(closed + LONGEST);
        assert_eq!(parting.until(), Some(closed + LINGER));
        for tick in 1..=20 {
            let now = closed + LINGER / 2 * tick;
            assert_eq!(parting.is_over(now), now >= closed + LONGEST, "{tick}");
            parting.heard(10, now);
        }
        assert_eq!(parting.until(), Some(closed + LONGEST));
    }

    #[test]
    fn one_that_has_closed_its_side_is_not_waited_for() {
        let (now, mut parting) = (Instant::now(), Parting::default());
        parting.ended();
        assert!(!parting.reads() && !parting.is_over(now));
        parting.closed(now);
        assert!(parting.is_over(now));
    }

    /// To close at once would be the reset.
    #[test]
    fn one_that_sends_too_much_is_not_read_and_has_its_moment_all_the_same() {
        let (now, mut parting) = (Instant::now(), Parting::default());
        parting.closed(now);
        parting.heard(MOST_BYTES, now);
        assert!(!parting.reads() && !parting.is_over(now) && parting.is_over(now + LINGER));
    }
}
