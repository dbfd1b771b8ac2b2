//! A chat server on the standard library: a reading thread for each client, one that writes, and one router thread.
//!
//! A line becomes a [`command::Command`], the router turns commands into [`event::Event`]s, and an event becomes bytes
//! again at the edge. The modules stand in the order in which they are best read.
//!
//! ```no_run
//! use chat_server::{config::Config, server::Server};
//! Server::bind(Config { addr: "127.0.0.1:0".into(), ..Config::default() })?.run()?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![warn(missing_docs)]
// A closed pipe makes println panic, so the library writes to the log and nowhere else.
#![deny(clippy::print_stdout, clippy::print_stderr)]
// The same messages at the same times come to the same bytes, so nothing is done in the order of a random state.
#![warn(clippy::iter_over_hash_type)]

// ---- words ----
pub mod names;
pub mod address;
pub mod looks;
pub mod text;
pub mod zone;
pub mod code;
pub mod refusal;
pub mod spam;
pub mod roles;
pub mod secrets;
pub mod audit;
pub mod command;
pub mod event;
pub mod store;
pub mod operator_key;

// ---- pure logic ----
pub mod protocol;
pub mod render;
pub mod export;
pub mod dialect;
pub mod glyph;
pub mod editor;
pub mod screen;
pub mod telnet;
pub mod history;
pub mod limit;
pub mod sanction;

// ---- state ----
pub mod now;
pub mod ticket;
pub mod outbox;
pub mod news;
pub mod room;
pub mod message;
pub mod registry;
pub mod router;

// ---- the outside ----
mod sync;
pub mod queue;
pub mod connections;
pub mod intake;
pub mod outgoing;
pub mod connection;
pub mod chaos;
pub mod lab;
pub mod live;
pub mod rehash;
pub mod files;
mod accepting;
mod turning_away;
pub mod server;
mod setting;
pub mod config;
pub mod hosts;
pub mod exposition;
mod process;
pub mod program;
pub mod metrics;
mod exporter;
pub mod machine;

// ---- for tests, here and in every crate that builds on this one ----
pub mod testing;
#[cfg(all(test, shuttle))]
mod shuttled;
