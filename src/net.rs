//! Sockets and threads: accepts clients, reads their lines, writes their batches, and ends them in time.

pub(crate) mod accepting;
pub(crate) mod turning_away;
pub mod bucket;
pub mod queue;
pub mod waking;
pub mod connections;
pub mod intake;
pub mod outgoing;
mod elsewhere;
pub mod parting;
pub mod connection;
pub mod live;
pub mod handle;
mod parts;
pub mod transport;
pub mod part;
pub mod server;
