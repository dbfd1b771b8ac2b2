//! `REHASH`: an operator wants the settings read again. The router reads no files, so the program does it, on a
//! thread of their own, and says what has changed.

use crate::chat::message::Message;
use crate::config::{Change, ConfigError};
use crate::model::text::Text;
use crate::net::server::ServerHandle;
use crate::sync::mpsc::Receiver;

/// The most operators who wait for it at once.
pub(crate) const WAITING: usize = 8;

/// Those who want the settings read again, in order. It ends with the server.
pub struct Rehashes {
    numbers: Receiver<u64>,
    handle: ServerHandle,
}

/// A client that waits for the settings to be read again. Dropped without an answer, it says that they were not.
pub struct Rehash {
    number: u64,
    handle: ServerHandle,
    outcome: Option<Result<Vec<Change>, Text>>,
}

impl Rehashes {
    pub(crate) fn new(numbers: Receiver<u64>, handle: ServerHandle) -> Rehashes {
        Rehashes { numbers, handle }
    }
}

impl Iterator for Rehashes {
    type Item = Rehash;

    /// Waits for the next one; `None` when the server has ended.
    fn next(&mut self) -> Option<Rehash> {
        let number = self.numbers.recv().ok()?;
        Some(Rehash { number, handle: self.handle.clone(), outcome: None })
    }
}

impl Rehash {
    /// They were read, and these are in force or wait for a restart; or nothing has changed, and this is why. An operator of the
    /// chat need not be one of the machine, and is told no path of it.
    pub fn done(mut self, outcome: Result<Vec<Change>, ConfigError>) {
        let one_line = |why: ConfigError| why.told().replace("\n  ", "; ").replace('\n', " ");
        let changes = outcome.map(|changes| changes.into_iter().map(Change::told).collect());
        self.outcome = Some(changes.map_err(|why| Text::new(&one_line(why)).unwrap_or_default()));
    }
}

impl Drop for Rehash {
    fn drop(&mut self) {
        let broken = || Err(Text::own("reading them broke down; the log has the details"));
        self.handle.send(Message::Rehashed(self.number, self.outcome.take().unwrap_or_else(broken)));
    }
}
