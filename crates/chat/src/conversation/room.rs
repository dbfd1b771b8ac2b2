//! A room as it was seen: which lines stand on the screen, and the hole that is being filled.

use std::collections::BTreeSet;

use crate::line::Line;

/// Ids that are remembered for each room, so that nothing is shown twice.
const MOST_IDS: usize = 2_000;

pub(super) struct Room {
    pub(super) name: String,
    pub(super) last: Option<Line>,
    pub(super) shown: BTreeSet<u64>,
    pub(super) fill: Option<Fill>,
    pub(super) held: Vec<Line>,
    /// How far the server knows it to be read.
    pub(super) read: u64,
    /// Up to here more was unread at sign-in than was shown, so it is not read by being on the screen.
    pub(super) unshown: u64,
}

/// A hole that is being filled.
pub(super) struct Fill {
    /// The last line seen before the cut. If the server does not have it, it has started anew and counts from 1.
    pub(super) anchor: Option<Line>,
    /// Whether to go on page by page to the present.
    pub(super) to_the_end: bool,
}

impl Room {
    /// A room of which nothing is known yet.
    pub(super) fn new(name: &str) -> Room {
        Room {
            name: name.into(),
            last: None,
            shown: BTreeSet::new(),
            fill: None,
            held: Vec::new(),
            read: 0,
            unshown: 0,
        }
    }

    /// Remembers a line; says whether it was new.
    pub(super) fn saw(&mut self, line: &Line) -> bool {
        let Some(id) = line.number(1) else { return true };
        let is_new = self.shown.insert(id);
        if self.shown.len() > MOST_IDS {
            self.shown.pop_first();
        }
        if self.last.as_ref().and_then(|last| last.number(1)).is_none_or(|last| last < id) {
            self.last = Some(line.clone());
        }
        is_new
    }
}

/// Whether two lines are one and the same: ids alone begin anew with the server.
pub(super) fn is_same(a: &Line, b: &Line) -> bool {
    let second = |line: &Line| line.at.map(|at| at.timestamp());
    a.number(1) == b.number(1) && second(a) == second(b) && a.field(2) == b.field(2) && a.text.trim() == b.text.trim()
}
