//! What a load is to do, and the bounds of that.

use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Failure, failure};
use crate::protocol::Dialect;
use crate::stamp::STAMP_BYTES;

/// The most clients.
pub const MAX_CLIENTS: usize = 10_000;
/// How many connections `std`'s listener holds while none is accepted.
pub const BACKLOG: usize = 128;

/// How fast is sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// Nothing.
    Silent,
    /// So many messages of each sender under way, always.
    Window(usize),
    /// So many messages a second, of all senders together.
    Rate(f64),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In which language.
    pub dialect: Dialect,
    /// Where: an address of this machine.
    pub addr: SocketAddr,
    /// How many connections may wait for the server's first byte at once: those that its listener holds. Past that the
    /// system drops them, and tries again a second later, and a time of joining would be one of trying again.
    pub knocking: usize,
    /// How many clients join, at most [`MAX_CLIENTS`].
    pub clients: usize,
    /// How many of them send.
    pub senders: usize,
    /// How fast.
    pub pace: Pace,
    /// Bytes of a message, at least [`STAMP_BYTES`].
    pub bytes: usize,
    /// How many never read once they are in.
    pub stalled: usize,
    /// Whether the last one sends as much as it can.
    pub flooder: bool,
}

impl Plan {
    /// Looks a plan over, and makes its messages long enough for what stands in them.
    ///
    /// # Errors
    /// If the address is not of this machine, the numbers make no sense, or the system does not give enough descriptors.
    pub(super) fn checked(self) -> Result<Plan, Failure> {
        if !self.addr.ip().is_loopback() {
            return failure(format!("{} is not on this machine: a load is for one's own loopback only", self.addr));
        }
        let Plan { clients, senders, .. } = self;
        let special = self.stalled + usize::from(self.flooder);
        if clients == 0 || clients > MAX_CLIENTS || senders + special > clients {
            return failure(format!(
                "{clients} clients with {senders} senders and {special} that misbehave: at most {MAX_CLIENTS}, and each is one of them"
            ));
        }
        if senders > 0 && clients - special < 2 {
            return failure("no client would hear the sender: take more clients".into());
        }
        descriptors(clients)?;
        Ok(Plan { bytes: self.bytes.max(STAMP_BYTES), ..self })
    }

    /// How many clients are expected to get every message.
    pub(super) fn listening(&self) -> usize {
        self.clients - self.stalled - usize::from(self.flooder)
    }

    /// Whether a client sends as much as it can.
    pub(super) fn is_flooder(&self, index: usize) -> bool {
        self.flooder && index == self.clients - 1
    }

    /// Whether a client reads nothing once it is in.
    pub(super) fn is_stalled(&self, index: usize) -> bool {
        (self.listening()..self.listening() + self.stalled).contains(&index)
    }
}

/// Raises the soft limit of open files as far as the system allows.
fn descriptors(clients: usize) -> Result<(), Failure> {
    let needed = clients as u64 + 100;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|soft| soft >= needed) {
        return Ok(());
    }
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match getrlimit(Resource::Nofile).current {
        Some(soft) if soft < needed => failure(format!(
            "{clients} clients need {needed} open files, and this system allows {soft}: raise the hard limit (ulimit -Hn {needed})"
        )),
        _ => Ok(()),
    }
}
