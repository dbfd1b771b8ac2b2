//! Operators of the server: they announce, lock down, reload and stop it.

pub mod rehash;
mod rules;
pub(crate) mod state;
pub mod verbs;
