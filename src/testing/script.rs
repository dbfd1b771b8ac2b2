//! A client of the file door, without a socket.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::time::Duration;

use crate::features::files::door::Peer;

/// What a client sends to the file door, and then what it got: there is no socket, so all of it is sent before any of it
/// is read.
#[derive(Default)]
pub(super) struct Script {
    pub(super) sent: VecDeque<u8>,
    pub(super) has_hung_up: bool,
    pub(super) is_over: bool,
    /// How often more was waited for.
    waits: usize,
    pub(super) got: Vec<u8>,
}

impl Peer for Script {
    fn read(&mut self, buffer: &mut [u8], _: Duration) -> io::Result<usize> {
        let count = self.sent.read(buffer)?;
        if count == 0 && !self.has_hung_up {
            self.waits += 1;
            assert!(self.waits < 3, "the file door waits for more: say what comes, or hang up");
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.got.extend_from_slice(bytes);
        Ok(bytes.len())
    }
}
