//! What the program prints besides the chat.

use std::io::{self, Write};

/// `eprintln!` would panic where stderr is closed.
pub(crate) fn complain(text: &str) {
    let _nobody_reads = writeln!(io::stderr(), "{text}");
}

/// Whether the terminal knows no escape sequences: the editor leaves the line to it, as rustyline documents, and hides nothing.
pub(crate) fn is_dumb() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    ["dumb", "cons25", "emacs"].iter().any(|plain| plain.eq_ignore_ascii_case(&term))
}
