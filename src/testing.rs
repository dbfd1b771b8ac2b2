//! The kit that tests are written with: a server on a free port, a client with a deadline, and the router alone. The suites that
//! every engine runs, and the player of transcripts, are in the crate `chat_conformance`.

mod bare;
mod client;
mod entry;
mod meant;
mod memory;
mod node;
mod scrape;
mod script;
mod server;
mod setup;
mod shelf;
mod stage;
mod state;

pub use bare::Bare;
pub use client::{Bytes, Dial, Plain, TestClient};
pub use memory::MemoryStore;
pub use scrape::Scrape;
pub use server::{Engine, TestServer};
pub use setup::{DEADLINE, Setup, quick};
pub use shelf::Shelf;
pub use stage::{Stage, matches};
pub use state::state;
