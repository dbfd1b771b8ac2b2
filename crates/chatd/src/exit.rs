//! The end of the program after a failure: a message, and an exit code.

use std::process::ExitCode;

use chat_server::program::complain;

/// The settings are wrong (sysexits.h, EX_CONFIG), and: an address cannot be had (EX_UNAVAILABLE).
pub(crate) const WRONG_CONFIG: u8 = 78;
pub(crate) const UNAVAILABLE: u8 = 69;

/// Says what is wrong, and ends with a code.
pub(crate) fn fail(code: u8, text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(code)
}
