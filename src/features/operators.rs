//! Operators of the server: they announce, lock down, reload and stop it.

pub mod audit;
pub mod command;
pub mod reload;
pub(crate) mod rules;
mod settings;
pub(crate) mod state;
pub mod verbs;
