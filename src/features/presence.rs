//! Presence: who is away, who is typing, and whom a user ignores.

pub(crate) mod rules;
pub mod verbs;
