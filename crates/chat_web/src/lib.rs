//! The browser door: WebSocket, REST and the page, on axum, beside the line door of `chat_server`.
//!
//! A browser is a client of the router like any other. docs/protocol.md is the manual. The modules are layers: each imports only
//! those above it in this list.
//!
//! - `lock`: how this crate takes a lock.
//! - `words`: the sentences of this door, in two languages.
//! - `error`: what a call is refused with, and a page for each kind of problem.
//! - `models`: what goes over the wire. Objects, frames, ids; no state.
//! - `http`: what every call says of itself. Address, cookies, encodings.
//! - `place`: the name and the picture that the owner gives the place.
//! - `config`: the settings.
//! - `session`: a session as handlers and sockets see it, and its queues.
//! - `state`: the sessions by token, and the read model that a tap of the router keeps up to date.
//! - `task`: the task of a session, between its sockets and the router.
//! - `handlers`: the REST calls, files, the operators' calls, the page.
//! - `websocket`: one WebSocket, its reader and its writer.
//! - `events`: one stream of server-sent events.
//! - `server`: routes, the gate before them, the listener, and the thread of it all: [`Web`].
#![warn(missing_docs)]

mod lock;
mod words;
mod error;
mod models;
mod http;
pub mod place;
mod config;
mod session;
mod state;
mod task;
mod handlers;
mod websocket;
mod events;
mod server;

pub use config::{Handshakes, Times, WebConfig};
pub use error::problems::PROBLEMS;
pub use server::Web;
pub use server::openapi::openapi;
pub use state::AppState;
pub use state::receipts::{Receipt, Receipts};
pub use state::rooms::{Page, PageQuery, RoomLog, Rooms};
pub use state::sockets::OpenSockets;
pub use words::indonesian;
