//! The chat: rooms, clients, limits and the router that changes them. No socket, no thread, no clock; the same input gives the same
//! output.

pub mod ticket;
pub mod history;
pub mod limit;
pub mod errors;
pub mod options;
pub mod outbox;
pub mod news;
pub mod room;
pub mod message;
pub mod registry;
pub mod roster;
pub mod router;
pub mod hooks;
