//! The reasons why a client is too fast, and their words. The limits themselves are in [`limit`](crate::chat::limit).

use std::time::Duration;

use crate::model::code::Code;
use crate::model::refusal::Refusal;

/// How many lines of a paste count as one line for the pace and for the limit of lines in a minute.
pub const PASTE_UNIT: usize = 10;

/// What made a limit say no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spam {
    /// More lines in a minute than the limit.
    Lines {
        /// How many lines are allowed in a minute.
        max: u32,
    },
    /// With a paste there would have been more lines in a minute than the limit. Its author is not muted.
    Paste {
        /// How many lines are allowed in a minute.
        max: u32,
    },
    /// The same line too often in a minute.
    Repeats {
        /// How often the same line is allowed in a minute.
        max: u32,
    },
    /// Still muted for what was done before.
    Muted,
    /// Too many wrong passwords or codes.
    Guesses,
    /// More was read from one address than the limit.
    Reads,
    /// Too many accounts were made.
    Registrations,
}

/// The refusal of what is done too fast: it may be tried again after `retry` seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFast {
    /// Seconds until then.
    pub retry: u64,
    /// What was counted.
    pub why: Spam,
}

impl From<TooFast> for Refusal {
    fn from(TooFast { retry, why }: TooFast) -> Refusal {
        let again = "You can speak again in";
        let words = match why {
            Spam::Lines { max } => format!("More than {max} lines in a minute. {again} {retry} s."),
            Spam::Repeats { max } => format!("The same line more than {max} times in a minute. {again} {retry} s."),
            Spam::Muted => format!("You sent too much a moment ago. {again} {retry} s."),
            Spam::Paste { max } => format!(
                "Nothing of your paste was said: with it you would have pasted more than {max} times {PASTE_UNIT} lines in a minute. Send it again in {retry} s."
            ),
            Spam::Guesses => format!("Too many wrong passwords or codes from where you are. Try again in {retry} s."),
            Spam::Reads => format!("Too much is read and searched from your address. Try again in {retry} s."),
            Spam::Registrations => format!(
                "So many names were registered from where you are that the next has to wait {retry} s; with an invitation it need not."
            ),
        };
        Refusal::new(Code::TooFast, words).with("retry", retry)
    }
}

/// Whole seconds, rounded up.
pub(crate) fn seconds_up(rest: Duration) -> u64 {
    rest.as_secs() + u64::from(rest.subsec_nanos() > 0)
}
