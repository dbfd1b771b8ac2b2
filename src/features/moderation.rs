//! Moderation: who is muted, who is banned, and for how long.

mod rules;
pub mod sanction;
pub mod verbs;
