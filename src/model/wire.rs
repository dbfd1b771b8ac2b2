//! The forms in which an event can be written: the protocol, the views for people, frames; and the language of its sentences.

use std::fmt;
use std::sync::OnceLock;

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
    /// IRC; `chat_irc` renders it. The number is its form, by what its readers can do.
    Irc(u8),
}

/// Bytes in each form that was asked for: a list that only grows, so that a reader takes no lock. The form that nearly all read is
/// asked for first, and stands first.
#[derive(Debug, Default)]
pub(crate) struct Cells(OnceLock<Box<Cell>>);

/// A form, the bytes in it, and the other forms.
type Cell = (Wire, Box<[u8]>, Cells);

impl Cells {
    /// The bytes in this form, which the first caller makes.
    pub(crate) fn on(&self, wire: Wire, make: impl FnOnce() -> Vec<u8>) -> &[u8] {
        let mut make = Some(make);
        let mut made = || make.take().map(|make| make().into_boxed_slice()).unwrap_or_default();
        let (first, bytes, others) = &**self.0.get_or_init(|| Box::new((wire, made(), Cells::default())));
        make.filter(|_| *first != wire).map_or(bytes, |make| others.on(wire, make))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_made_once_for_each_form() {
        let cells = Cells::default();
        for (wire, made, bytes) in [
            (Wire::Line, "a", "a"),
            (Wire::Irc(0), "b", "b"),
            (Wire::Line, "c", "a"),
            (Wire::Irc(7), "d", "d"),
            (Wire::Irc(0), "e", "b"),
        ] {
            assert_eq!(cells.on(wire, || made.into()), bytes.as_bytes());
        }
    }
}
