//! Conversations across doors: one client speaks IRC, another one the line protocol, on every engine.

mod across;
mod bytes;
mod kit;
mod transcripts;
