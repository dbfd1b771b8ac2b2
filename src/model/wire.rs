//! The forms in which an event can be written: the protocol, the views for people, frames; and the language of its sentences.

use std::fmt;

/// The forms that bytes can have. An event is rendered at most once for each, however many hear it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// The line protocol.
    Line,
    /// The line protocol with milliseconds.
    LineMillis,
    /// `view=short`.
    Short,
    /// `view=short ids=on`.
    ShortIds,
    /// `view=plain`.
    Plain,
    /// `view=plain ids=on`.
    PlainIds,
    /// Frames for browsers; `chat_web` renders them.
    Json,
}

impl Wire {
    /// How many there are.
    pub const COUNT: usize = 7;
}

/// What a sentence of the server is in another language; `None`: it has none there.
#[derive(Clone, Copy)]
pub struct Translate(pub fn(&str) -> Option<String>);

impl fmt::Debug for Translate {
    // Without the function's address, which is another one in each process.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Translate")
    }
}
