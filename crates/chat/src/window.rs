//! What the two threads of a pipe have to know of each other: how many answers have not come yet, and whether a
//! password is asked for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_server::features::VERBS;

use crate::line::Line;
use crate::output::complain;

/// Requests that may be under way: the server slows a fast talker down, and what waits, waits in the pipe.
const UNDER_WAY: usize = 64;
/// How long the server may take for the next answer while one is owed.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);

/// How many answers are owed, shared by the thread that sends and the one that hears.
#[derive(Default)]
pub(crate) struct Window {
    state: Mutex<Owed>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct Owed {
    pub(crate) under_way: usize,
    pub(crate) refused: bool,
    pub(crate) closed: bool,
    pub(crate) asking: Asking,
}

/// How far the server is with asking for a password; until then nothing else may be sent.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Asking {
    #[default]
    No,
    Wanted,
    Open,
}

impl Window {
    pub(crate) fn look(&self) -> MutexGuard<'_, Owed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more request may be under way; `false` when nothing more will be heard.
    pub(crate) fn open(&self) -> bool {
        // The end of the wait is the hearing thread's: it closes the window when the server stays silent.
        let full = |owed: &mut Owed| owed.under_way >= UNDER_WAY && !owed.closed;
        let waited = self.changed.wait_timeout_while(self.look(), 2 * ANSWER, full);
        let (mut owed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        owed.under_way += 1;
        !owed.closed && !waited.timed_out()
    }

    /// Waits until nothing is owed; `false` when something was refused, or nothing more will be heard.
    pub(crate) fn settled(&self) -> bool {
        self.settles() && !self.look().refused
    }

    /// The same, whatever was refused.
    pub(crate) fn settles(&self) -> bool {
        let owes = |owed: &mut Owed| owed.under_way > 0 && !owed.closed;
        let waited = self.changed.wait_timeout_while(self.look(), 2 * ANSWER, owes);
        let (owed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !owed.closed && !waited.timed_out()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Owed)) {
        change(&mut self.look());
        self.changed.notify_all();
    }

    pub(crate) fn answered(&self, line: &Line) {
        let refused = line.kind == "ERR";
        self.change(|owed| {
            owed.under_way = owed.under_way.saturating_sub(1);
            owed.refused |= refused;
            // Everything before it was answered, so this is the question's own refusal.
            if refused && VERBS.named(line.field(2)).is_some_and(|verb| verb.secret) {
                owed.asking = Asking::No;
            }
        });
    }

    /// Waits until the server has asked for a password; `false` when it does not.
    pub(crate) fn is_asked(&self) -> bool {
        let waits = |owed: &mut Owed| owed.asking == Asking::Wanted && !owed.closed;
        let waited = self.changed.wait_timeout_while(self.look(), 2 * ANSWER, waits);
        let (owed, _) = waited.unwrap_or_else(PoisonError::into_inner);
        owed.asking == Asking::Open && !owed.closed
    }

    pub(crate) fn refuse(&self, why: &str) {
        complain(&format!("refused: {why}"));
        self.look().refused = true;
    }

    pub(crate) fn close(&self) {
        self.look().closed = true;
        self.changed.notify_all();
    }
}
