//! Throwing away: lines past their age or number, and those of rooms that are forgotten; little by little.

use std::time::Instant;

/// What is to be thrown away, and when that is looked at next.
pub(crate) struct Purge {}

impl Purge {
    pub(crate) fn new() -> Purge {
        Purge {}
    }

    /// Whether a pass is not finished.
    pub(crate) fn is_at_work(&self) -> bool {
        false
    }

    /// When the next pass begins, if one ever does.
    pub(crate) fn due(&self) -> Option<Instant> {
        None
    }
}
