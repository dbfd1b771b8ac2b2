//! Several nodes, one chat: each node puts what its clients want into one log, and carries out the log.
//!
//! An [`Engine`] keeps the log. [`Members`] says which nodes live, as the log says. A [`Node`] has a router, which it gives the entries in
//! their order; no node leads, and none talks to another.

mod body;
mod engine;
mod members;
mod memory;
mod node;
mod reading;

pub use engine::{Engine, EngineError, Head, Place, Stamped};
pub use members::{Members, Seen, Verdict};
pub use memory::MemoryEngine;
pub use node::{Begin, Node};
pub use reading::{NodeError, Reading, Step};
