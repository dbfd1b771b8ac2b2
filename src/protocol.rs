//! Bytes to commands and events to bytes: the parser, the renderings, and the dialects of a wire.

pub mod parse;
pub mod typed;
pub mod foreign;
pub mod render;
pub mod dialect;
pub mod telnet;
pub mod editor;
pub mod screen;
pub mod sealed;
pub mod coded;
