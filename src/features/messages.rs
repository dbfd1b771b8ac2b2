//! Messages: a line is corrected or deleted, and users react to it.

pub(crate) mod rules;
pub mod verbs;
