//! What goes to the person besides the chat.

use std::io::{self, Write};

/// `eprintln!` would panic where nobody reads.
pub(crate) fn complain(text: &str) {
    let _nobody_reads = writeln!(io::stderr(), "{text}");
}
