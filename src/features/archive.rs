//! The archive: a store keeps what is said, and clients search and export it.

pub mod export;
pub mod kept;
pub mod store;
