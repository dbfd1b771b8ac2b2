//! Direct talks: what is whispered between two users, or said among a few, has numbers, an order and a history that only they read
//! (PROTOCOL.md section 6, "History, and what was missed").

pub(crate) mod limits;
pub(crate) mod rules;
pub(crate) mod state;
pub mod verbs;
