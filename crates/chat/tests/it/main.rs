//! Tests of the client from outside: in a pipe, and at a terminal.

mod program;
#[cfg(target_os = "linux")]
mod terminal;
