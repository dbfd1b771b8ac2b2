//! What keeps the log: one order for all readers, durable before it is visible.

use std::fmt;

/// A place in the log. Places rise; whether they have holes is the engine's affair.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Place(pub u64);

/// Who wrote an entry, and its number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Head {
    /// The number of the node, which its operator gives it.
    pub node: u8,
    /// In which of its lives.
    pub boot: u32,
    /// How many entries of this life were before it, and this one.
    pub seq: u64,
}

/// An entry that stands in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamped {
    /// Where it stands.
    pub place: Place,
    /// When the engine took it, in milliseconds UTC: the only clock of the chat.
    pub at: i64,
    /// By whom it is.
    pub head: Head,
    /// What it says.
    pub body: Vec<u8>,
}

/// Why an engine does not do what it was asked, in its own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineError(pub String);

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the log of the cluster: {}", self.0)
    }
}

impl std::error::Error for EngineError {}

/// A connection to what keeps the log.
///
/// There is no lease, and no place is expected: what stands in the log counts, an entry that is sent twice is known by its [`Head`], and
/// [`Members`](crate::Members) skips what does not count.
pub trait Engine: Send {
    /// Returns when the entry is as durable as it will ever be. It may be read by all from then on, and not before. The same entry may
    /// be sent again.
    ///
    /// # Errors
    /// It is not known whether the entry stands in the log.
    fn append(&mut self, head: Head, body: &[u8]) -> Result<(), EngineError>;

    /// What stands behind that place, in order, so many entries at most.
    ///
    /// # Errors
    /// The engine is away, or what stands there was thrown away.
    fn read(&mut self, after: Place, most: usize) -> Result<Vec<Stamped>, EngineError>;

    /// Throws away what stands before that place. Returns how many entries.
    ///
    /// # Errors
    /// The engine is away.
    fn trim(&mut self, before: Place) -> Result<u64, EngineError>;
}
