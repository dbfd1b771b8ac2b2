//! The end of connections for which the server has no place: one thread lets their peers read why.
//!
//! A reset must not throw them away before the peer has read them ([`parting`](crate::net::parting)). So what it sends is read, by one
//! thread for all of them, until it has closed its side, or for [`LONGEST`].

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::net::parting::{LONGEST, MOST_BYTES};
use crate::sync::Arc;
use crate::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};

/// How many sockets are waited for at a time, and how many may be on their way here: the descriptors besides those of
/// clients. When more come, the oldest is closed.
const WAITING: usize = 32;
const COMING: usize = 64;
/// How often they are looked at.
const TICK: Duration = Duration::from_millis(10);

/// The way to the thread. The last one that is dropped ends it.
#[derive(Clone)]
pub(crate) struct Goodbyes(SyncSender<Arc<TcpStream>>);

/// A socket with its last words written.
struct Leaving {
    socket: Arc<TcpStream>,
    until: Instant,
    left: usize,
}

/// A way to the thread, and what it is to be given to [`see_off`].
pub(crate) fn goodbyes() -> (Goodbyes, Receiver<Arc<TcpStream>>) {
    let (sender, receiver) = sync_channel(COMING);
    (Goodbyes(sender), receiver)
}

impl Goodbyes {
    /// Hands over a socket with its last words written. Does not wait: when too many come at a time, a peer may miss
    /// them.
    pub(crate) fn close(&self, socket: Arc<TcpStream>) {
        let _closed_already = socket.shutdown(Shutdown::Write);
        let _closes_at_once = self.0.try_send(socket);
    }
}

/// Sees them off until there is no way to here any more, or the server stops: then no peer is waited for.
pub(crate) fn see_off(coming: &Receiver<Arc<TcpStream>>, is_stopping: impl Fn() -> bool) {
    let mut leaving: Vec<Leaving> = Vec::new();
    while !is_stopping() {
        let next = if leaving.is_empty() { coming.recv().map_err(Into::into) } else { coming.recv_timeout(TICK) };
        match next {
            Ok(socket) => leaving.extend(taken(socket)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        leaving.retain_mut(|leaving| leaving.is_there(now));
        let surplus = leaving.len().saturating_sub(WAITING);
        leaving.drain(..surplus);
    }
}

fn taken(socket: Arc<TcpStream>) -> Option<Leaving> {
    socket.set_nonblocking(true).ok()?;
    Some(Leaving { socket, until: Instant::now() + LONGEST, left: MOST_BYTES })
}

impl Leaving {
    /// Reads away what has come. Returns false if the peer has closed its side, or its time is over.
    fn is_there(&mut self, now: Instant) -> bool {
        let mut buffer = [0; 4096];
        while self.left > 0 && now < self.until {
            match (&*self.socket).read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.left = self.left.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        // Of one that has sent so much the rest is not read, but to close at once would be the reset.
        now < self.until
    }
}
