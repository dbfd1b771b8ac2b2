//! Moderation: who is muted, who is banned, and for how long.

pub mod list;
mod rules;
pub mod sanction;
pub mod verbs;
mod words;
