//! Accounts: names that belong to users, who may have which, and who may do what.

pub(crate) mod rules;
pub(crate) mod state;
pub mod verbs;
