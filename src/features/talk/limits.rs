//! What direct talks cost at most.

/// The most lines of one talk in memory. The store has the others.
pub(crate) const TALK_LINES: usize = 100;
/// The most bytes of them.
pub(crate) const TALK_BYTES: usize = 256 * 1024;
/// The most talks with a guest, which lie in memory only. A whisper beyond that is heard, and has no number.
pub(crate) const MAX_UNKEPT: usize = 1_000;
