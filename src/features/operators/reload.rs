//! `REHASH` reads the settings again for an operator. The router reads no files, so the program does it, on a
//! thread of its own, and says what has changed.

use crate::chat::router::Router;
use crate::config::{ChangedSetting, ConfigError};
use crate::features::calls::Call;
use crate::features::state::Features;
use crate::model::text::Text;
use crate::net::server::{Part, Server, ServerHandle};
use crate::sync::mpsc::{self, Receiver, SyncSender};

/// The most operators who wait for it at once.
pub(crate) const WAITING: usize = 8;

/// The requests of operators to read the settings again, in order. It ends with the server.
pub struct ReloadRequests {
    numbers: Receiver<u64>,
    handle: ServerHandle,
}

/// An operator waits for the settings to be read again. Dropped without an answer, it says that they were not.
pub struct ReloadRequest {
    number: u64,
    handle: ServerHandle,
    outcome: Option<Result<Vec<ChangedSetting>, Text>>,
}

/// Without this part `REHASH` says that there is nothing to read.
struct Asking(Option<SyncSender<u64>>);

impl Part<Features> for Asking {
    fn prepare(&mut self, router: &mut Router<Features>, _: &ServerHandle) {
        // It is the only sender, so that the other end sees the end of the router.
        if let Some(ask) = self.0.take() {
            router.reload_by(ask);
        }
    }
}

impl ReloadRequests {
    /// Lets the operators of a server have its settings read again. The caller takes what comes here, on a thread of its own.
    pub fn of(server: &mut Server<Features>) -> ReloadRequests {
        let (ask, numbers) = mpsc::sync_channel(WAITING);
        server.with(Asking(Some(ask)));
        ReloadRequests { numbers, handle: server.handle() }
    }
}

impl Iterator for ReloadRequests {
    type Item = ReloadRequest;

    /// Waits for the next one; `None` when the server has ended.
    fn next(&mut self) -> Option<ReloadRequest> {
        let number = self.numbers.recv().ok()?;
        Some(ReloadRequest { number, handle: self.handle.clone(), outcome: None })
    }
}

impl ReloadRequest {
    /// They were read, and these are in force or wait for a restart; or nothing has changed, and this is why. An operator of the
    /// chat need not be one of the machine, and is told no path of it.
    pub fn done(mut self, outcome: Result<Vec<ChangedSetting>, ConfigError>) {
        let one_line = |why: ConfigError| why.told().replace("\n  ", "; ").replace('\n', " ");
        let changes = outcome.map(|changes| changes.into_iter().map(ChangedSetting::told).collect());
        self.outcome = Some(changes.map_err(|why| Text::new(&one_line(why)).unwrap_or_default()));
    }
}

impl Drop for ReloadRequest {
    fn drop(&mut self) {
        let broken = || Err(Text::own("reading them broke down; the log has the details"));
        self.handle.send(Call::Reloaded(self.number, self.outcome.take().unwrap_or_else(broken)).into());
    }
}
