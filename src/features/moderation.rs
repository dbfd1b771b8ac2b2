//! Moderation: who is muted, who is banned, and for how long.

pub mod list;
pub mod sanction;
