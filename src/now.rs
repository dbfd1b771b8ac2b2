//! The time, read once for a turn and then handed on as an argument.

use std::time::Instant;

use chrono::{DateTime, Utc};

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For limits and waits: never jumps.
    pub mono: Instant,
    /// For people: the time on the wall, in UTC.
    pub wall: DateTime<Utc>,
}

impl Now {
    /// Asks both clocks. The only place of the core that does.
    pub fn read() -> Now {
        Now { mono: Instant::now(), wall: Utc::now() }
    }
}
