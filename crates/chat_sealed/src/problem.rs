//! Why something cannot be sealed or opened.

use std::fmt;

/// Why something cannot be sealed or opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// It is no key.
    NoKey,
    /// It is no sealed message, or it was cut.
    NoEnvelope,
    /// It was sealed for other devices.
    NotForThisDevice,
    /// It was changed, or is from another talk or another device than it says.
    NotGenuine,
    /// It has more readers than a message can have.
    TooManyDevices,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Problem::NoKey => "it is no key",
            Problem::NoEnvelope => "it is no sealed message, or only a part of one",
            Problem::NotForThisDevice => "it is sealed for other devices",
            Problem::NotGenuine => "it was changed on its way, or is not from where it says",
            Problem::TooManyDevices => "it has too many readers",
        })
    }
}

impl std::error::Error for Problem {}
