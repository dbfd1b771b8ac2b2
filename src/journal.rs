//! Writes the log by a queue and a thread, so that a full disk or a stopped pager holds up the log alone.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use chat_server::program::has_colours;
use env_logger::{Env, Target, WriteStyle};

/// How many lines wait for a log that does not move. Those behind are counted and left out.
const LINES: usize = 1_024;
/// How long the end waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// The running log. [`Journal::finish`] writes what is left.
pub(crate) struct Journal {
    lines: SyncSender<Vec<u8>>,
    finished: Receiver<()>,
}

/// What `env_logger` writes into: one call, one line.
struct Pen {
    lines: SyncSender<Vec<u8>>,
    left_out: usize,
}

impl Journal {
    /// Starts the log. `level` is what the settings say; RUST_LOG wins over it.
    ///
    /// # Errors
    /// If there is no thread to be had, or the program has a logger already.
    pub(crate) fn start(level: &str) -> io::Result<Journal> {
        let (lines, waiting) = mpsc::sync_channel(LINES);
        let (finish, finished) = mpsc::sync_channel(1);
        thread::Builder::new().name("log".into()).spawn(move || {
            write_all(&waiting);
            // The other end waits for this, or has lost its patience.
            let _impatient = finish.send(());
        })?;
        env_logger::Builder::from_env(Env::new().filter_or("RUST_LOG", level))
            .write_style(if has_colours(&io::stderr()) { WriteStyle::Always } else { WriteStyle::Never })
            .target(Target::Pipe(Box::new(Pen { lines: lines.clone(), left_out: 0 })))
            .try_init()
            .map_err(io::Error::other)?;
        Ok(Journal { lines, finished })
    }

    /// Waits a little until all is written.
    pub(crate) fn finish(self) {
        // An empty line is the end. Where the queue is full the log does not move, and there is nothing to wait for.
        if self.lines.try_send(Vec::new()).is_ok() {
            let _in_time = self.finished.recv_timeout(PATIENCE);
        }
    }
}

fn write_all(waiting: &Receiver<Vec<u8>>) {
    for line in waiting {
        if line.is_empty() {
            return;
        }
        let _full_disk_or_closed_pipe = io::stderr().write_all(&line);
    }
}

impl Write for Pen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.left_out > 0 {
            let note = format!("({} lines of the log were left out here: it did not move)\n", self.left_out);
            if self.lines.try_send(note.into_bytes()).is_ok() {
                self.left_out = 0;
            }
        }
        match self.lines.try_send(line.to_vec()) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.left_out += 1,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
