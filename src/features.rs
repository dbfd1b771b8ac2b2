//! What the chat can do beyond joining, speaking, listing and leaving. Each feature has a folder.

pub mod archive;
pub mod figures;
pub mod files;
pub mod lab;
pub mod line_editing;
pub mod moderation;
pub mod operators;
