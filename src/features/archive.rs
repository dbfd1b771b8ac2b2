//! The archive: a store keeps what is said, and clients search and export it.

pub mod blocks;
pub mod kept;
pub(crate) mod reads;
pub(crate) mod rules;
pub(crate) mod state;
pub mod store;
pub mod verbs;
