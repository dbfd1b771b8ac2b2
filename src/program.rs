//! What the caller of a program expects: output that did not arrive is a failure, a signal that was ignored stays
//! ignored, and colours are for terminals that have them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes to stdout. `println!` panics where that cannot be done, and what is only buffered may fail unseen.
///
/// # Errors
/// A sentence for stderr: what was not written is not there. A reader that has gone is no error; it has what it wanted, as
/// `head -1` does.
pub fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    to_the_end_of_the_pipe(written).map_err(|error| not_written(&error))
}

/// Writes a line to stderr. Where that fails there is no place left to say so.
pub fn complain(text: &str) {
    let _no_other_place = writeln!(io::stderr(), "{text}");
}

/// A closed pipe is the end of the output, and no error.
///
/// # Errors
/// Every other one.
pub fn to_the_end_of_the_pipe(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says that stdout did not take what was written.
pub fn not_written(error: &io::Error) -> String {
    format!("cannot write to stdout: {error}")
}

/// Whether this process ignores a signal, by its number. `nohup` starts a program so with SIGHUP (1), and a script's `&` with
/// SIGINT (2). Asked before a handler is there. Only Linux tells (`SigIgn`, proc_pid_status(5)); elsewhere it is `false`.
pub fn ignores(signal: i32) -> bool {
    ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default(), signal)
}

fn ignored(status: &str, signal: i32) -> bool {
    let row = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let set = row.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default();
    let bit = u32::try_from(signal - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    bit.is_some_and(|bit| set & bit != 0)
}

/// Whether a stream may have colours: it is a terminal that knows escape sequences (TERM), and `NO_COLOR` does not forbid them
/// (<https://no-color.org>).
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    let variable = |name: &str| std::env::var_os(name).unwrap_or_default();
    stream.is_terminal() && are_wanted(&variable("TERM"), &variable("NO_COLOR"))
}

fn are_wanted(term: &OsStr, no_color: &OsStr) -> bool {
    no_color.is_empty() && !term.is_empty() && term != "dumb"
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_set() {
        let status = "Name:\tchat\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001003\nSigCgt:\t0\n";
        let those = |status: &str| (0..=65).filter(|signal| ignored(status, *signal)).collect::<Vec<_>>();
        assert_eq!(those(status), [1, 2, 13]);
        assert!(those("Name:\tchat\n").is_empty() && those("SigIgn:\tnone\n").is_empty());
        assert_eq!(those("SigIgn:\t8000000000000000\n"), [64]);
    }

    #[test]
    fn a_dumb_terminal_has_no_colours() {
        let wanted = |term: &str, no_color: &str| are_wanted(term.as_ref(), no_color.as_ref());
        assert!(wanted("xterm-256color", ""));
        assert!(!wanted("xterm-256color", "1") && !wanted("dumb", "") && !wanted("", ""));
    }

    #[test]
    fn a_closed_pipe_is_the_end_and_a_full_disk_an_error() {
        let end = |kind: ErrorKind| to_the_end_of_the_pipe(Err(kind.into())).is_ok();
        assert!(end(ErrorKind::BrokenPipe) && !end(ErrorKind::StorageFull));
    }
}
