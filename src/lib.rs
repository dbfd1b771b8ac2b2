//! A chat server on the standard library: a reading thread for each client, one that writes, and one router thread. What the router
//! gives out depends on its input alone: the same messages at the same times come to the same bytes, in any process
//! (tests/it/replay.rs).
//!
//! A line becomes a [`Command`](model::command::Command), the router turns commands into [`Event`](model::event::Event)s, and an event
//! becomes bytes again at the edge. The folders are layers, and each imports only those above it in this list: `model` (words),
//! `config` (settings), `metrics` (figures), `chat` (state), `protocol` (bytes), `net` (sockets and threads), `features`.
//! docs/phases.md (in Indonesian docs/fase.md) lists the files of the core in reading order, with a question for each: read a file until you can answer it, and then
//! the next; where the answer stands is beside it.
//!
//! ```no_run
//! use chat_server::{config::Config, features::Server};
//! Server::bind(Config { addr: "127.0.0.1:0".into(), ..Config::default() })?.run()?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![warn(missing_docs)]
// A closed pipe makes println panic, so the library writes to the log and nowhere else.
#![deny(clippy::print_stdout, clippy::print_stderr)]
// The same messages at the same times come to the same bytes, so nothing is done in the order of a random state.
#![warn(clippy::iter_over_hash_type)]
// The schedules use a part of what is there for the unit tests.
#![cfg_attr(shuttle, allow(dead_code))]

mod sync;

pub mod model;
pub mod config;
pub mod metrics;
pub mod chat;
pub mod protocol;
pub mod net;
pub mod features;

pub mod machine;
pub mod program;

// For tests, here and in every crate that builds on this one.
pub mod testing;
#[cfg(all(test, shuttle))]
mod shuttled;
