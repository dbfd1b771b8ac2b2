//! What the bench writes: figures on stdout, and how it gets on on stderr. `println!` and `eprintln!` panic where stdout or stderr is closed.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Figures that were asked for.
///
/// # Errors
/// They could not be written. A reader that has gone is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure(format!("cannot write to stdout: {error}"))),
        _ => Ok(()),
    }
}

/// How it gets on.
pub fn note(words: fmt::Arguments<'_>) {
    let _no_other_place = io::stderr().write_fmt(words);
}
