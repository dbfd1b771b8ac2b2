//! The TLS handshake of a client, with a deadline, and the answer to a peer that speaks something else.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_server::net::parting::see_off;
use rustls::{ServerConfig, ServerConnection};

/// The most time there is for a handshake.
const LONGEST: Duration = Duration::from_secs(10);
/// A wait comes back this often to look whether the server stops.
const TICK: Duration = Duration::from_millis(200);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// A fatal alert, `internal_error`: what those get for whom there is no place. Nothing is read of them before.
const NO_PLACE: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 80];

/// Why a client did not come in.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What came first is no TLS.
    Plain,
    /// Nothing came.
    Silent,
    /// It took too long.
    Slow,
    /// The connection ended.
    Gone(io::Error),
    /// TLS says no.
    Refused(rustls::Error),
    /// The server stops.
    Stopping,
    /// There is no place.
    Full,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Plain => write!(f, "it speaks no TLS"),
            Failure::Silent => write!(f, "it said nothing, where TLS speaks first"),
            Failure::Slow => write!(f, "its TLS handshake took too long"),
            Failure::Gone(error) => write!(f, "gone in the middle of its TLS handshake: {error}"),
            Failure::Refused(error) => write!(f, "its TLS handshake failed: {error}"),
            Failure::Stopping => write!(f, "the server stops"),
            Failure::Full => write!(f, "there is no place"),
        }
    }
}

/// How long a handshake may take where signing on may take so long; zero is no limit.
pub(crate) fn limit(sign_on: Duration) -> Duration {
    if sign_on.is_zero() { LONGEST } else { LONGEST.min(sign_on) }
}

/// Makes the handshake on this thread.
pub(crate) fn shake(
    socket: &TcpStream,
    config: Arc<ServerConfig>,
    deadline: Instant,
    is_stopping: &dyn Fn() -> bool,
) -> Result<ServerConnection, Failure> {
    let mut wait = Wait { socket, deadline, is_stopping, heard: false };
    let mut first = [0];
    if wait.until(|| socket.peek(&mut first))? == 0 {
        return Err(Failure::Gone(ErrorKind::UnexpectedEof.into()));
    }
    if first != [HANDSHAKE] {
        return Err(Failure::Plain);
    }
    wait.heard = true;
    let mut conn = ServerConnection::new(config).map_err(Failure::Refused)?;
    loop {
        while conn.wants_write() {
            wait.until(|| conn.write_tls(&mut &*socket))?;
        }
        if !conn.is_handshaking() {
            // Where no limit is set, nothing else would take our own away.
            return socket.set_read_timeout(None).map(|()| conn).map_err(Failure::Gone);
        }
        if wait.until(|| conn.read_tls(&mut &*socket))? == 0 {
            return Err(Failure::Gone(ErrorKind::UnexpectedEof.into()));
        }
        if let Err(error) = conn.process_new_packets() {
            // The alert, which says to the other side what is wrong.
            while conn.wants_write() {
                wait.until(|| conn.write_tls(&mut &*socket))?;
            }
            return Err(Failure::Refused(error));
        }
    }
}

/// Calls of the socket that wait for the peer, all of them together not longer than the deadline.
struct Wait<'a> {
    socket: &'a TcpStream,
    deadline: Instant,
    is_stopping: &'a dyn Fn() -> bool,
    heard: bool,
}

impl Wait<'_> {
    fn until(&self, mut call: impl FnMut() -> io::Result<usize>) -> Result<usize, Failure> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(if self.heard { Failure::Slow } else { Failure::Silent });
            }
            if (self.is_stopping)() {
                return Err(Failure::Stopping);
            }
            let tick = Some(left.clamp(Duration::from_millis(1), TICK));
            self.socket
                .set_read_timeout(tick)
                .and_then(|()| self.socket.set_write_timeout(tick))
                .map_err(Failure::Gone)?;
            match call() {
                Ok(count) => return Ok(count),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                }
                Err(error) => return Err(Failure::Gone(error)),
            }
        }
    }
}

/// The last words to a client that did not come in: one without TLS learns what this door wants.
pub(crate) fn part(mut socket: &TcpStream, failure: &Failure) {
    let port = socket.local_addr().map_or(0, |addr| addr.port());
    if matches!(failure, Failure::Plain | Failure::Silent) {
        let words = format!(
            "This door speaks TLS. Try: ncat --ssl HOST {port}, or openssl s_client -quiet -connect HOST:{port}\r\n"
        );
        if let Err(error) = socket.write_all(words.as_bytes()) {
            log::trace!("it did not wait for a word: {error}");
        }
    }
    let _gone_already = socket.shutdown(Shutdown::Write);
    see_off(socket, false, || true);
}

/// Tells a client for which there is no place, before its first byte.
pub(crate) fn refuse(mut socket: &TcpStream) {
    if let Err(error) = socket.write_all(&NO_PLACE) {
        log::debug!("gone before it was turned away: {error}");
    }
}
