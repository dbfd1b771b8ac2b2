//! What the threads of a terminal session share: the events that go to the session, and a board with what the editor
//! needs.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::stream::Stream;

/// What the session is told. Connections carry a number, so that the last words of an old one do no harm.
pub(crate) enum Event {
    /// A line, and whether it was hidden as it was typed.
    Typed(String, bool),
    /// Say goodbye, with the line that asked for it.
    Leave(String),
    Connected(u32, Stream),
    Heard(u32, String),
    Cut(u32, String),
    /// How far a file is, drawn as a bar.
    Moving(u64, String),
    /// A file is where it should be, or not, and why.
    Moved(u64, Result<String, String>),
    /// No file any more.
    Cancel,
    /// The program was stopped and goes on: the line being typed is not on the screen any more.
    Continued,
}

/// What the editor has to know of the session.
#[derive(Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) prompt: String,
    /// Whether what is typed must not be shown.
    pub(crate) hides: bool,
    /// Counts the typed lines that the session has taken.
    pub(crate) taken: u64,
    /// Counts the answers to commands.
    pub(crate) answers: u64,
    /// Signed on at least once.
    pub(crate) begun: bool,
    pub(crate) over: bool,
    /// How many files are on their way.
    pub(crate) transfers: usize,
    /// The terminal's columns, as the editor knows them.
    pub(crate) width: usize,
}

impl Board {
    pub(crate) fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something, but not longer than that.
    pub(crate) fn wait(&self, longest: Duration, until: impl Fn(&State) -> bool) {
        let waited = self.changed.wait_timeout_while(self.look(), longest, |state| !until(state));
        drop(waited);
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.look());
        self.changed.notify_all();
    }
}
