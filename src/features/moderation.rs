//! Moderation: operators of a room; who is kicked, muted or banned, and for how long.

pub mod action;
pub mod ban;
pub mod bans;
pub mod list;
pub mod moderated;
pub mod network;
pub(crate) mod rules;
pub mod verbs;
mod words;
