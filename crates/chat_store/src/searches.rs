//! Searches that wait for the index to have all that was said before them.

use std::time::{Duration, Instant};

use crate::desk::Ask;

/// A search waits no longer than this for the index. It goes on without what the index lacks, unless that is more than so many
/// lines: while the index is made anew after an upgrade it would find next to nothing, and no user would know.
const PATIENCE: Duration = Duration::from_secs(2);
const BEHIND: i64 = 1_000;

/// A search, and the last row that it is to find.
struct Waiting {
    row: i64,
    until: Instant,
    number: u64,
    ask: Ask,
}

/// What becomes of a search that has waited.
pub(crate) enum Outcome {
    /// It can be done.
    Ready(Ask),
    /// The index lacks so many lines.
    Behind(u64),
}

/// Those that wait, in order.
#[derive(Default)]
pub(crate) struct Searches(Vec<Waiting>);

impl Searches {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets a search wait until the index has a row.
    pub(crate) fn push(&mut self, row: i64, number: u64, ask: Ask) {
        self.0.push(Waiting { row, until: Instant::now() + PATIENCE, number, ask });
    }

    /// Takes out those that the index is ready for, or that have waited long enough, with their questions' numbers. `indexed`: the
    /// last row of the index; `rests`: the index makes no progress for now.
    pub(crate) fn take(&mut self, indexed: i64, rests: bool) -> Vec<(u64, Outcome)> {
        let now = Instant::now();
        let done = self.0.extract_if(.., |search| rests || search.row <= indexed || now >= search.until);
        let outcome = |Waiting { row, number, ask, .. }: Waiting| match row - indexed {
            left if rests || left <= BEHIND => (number, Outcome::Ready(ask)),
            left => (number, Outcome::Behind(left.unsigned_abs())),
        };
        done.map(outcome).collect()
    }
}
