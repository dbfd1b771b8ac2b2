//! By how much a text is too long: in characters for people, in bytes for programs.

use crate::model::code::Code;
use crate::model::refusal::Refusal;

/// By how much a message is over a bound: its lines, or its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Excess {
    pub(crate) max: usize,
    pub(crate) got: usize,
    /// The characters that are too many, where bytes are.
    pub(crate) over: Option<usize>,
}

impl Excess {
    pub(crate) fn of(max: usize, text: &str) -> Excess {
        Excess::with(max, text.len(), text)
    }

    /// Of `got` bytes, the last of which are this line.
    pub(crate) fn with(max: usize, got: usize, line: &str) -> Excess {
        let fits = (line.len() + max).saturating_sub(got);
        let over = line.char_indices().filter(|(at, c)| at + c.len_utf8() > fits).count();
        Excess { max, got, over: Some(over) }
    }

    /// One line more.
    pub(crate) fn add(&mut self, line: &str) {
        self.got += self.over.map_or(1, |_| line.len() + 1);
        self.over = self.over.map(|over| over + line.chars().count() + 1);
    }

    /// For people.
    pub(crate) fn words(&self) -> String {
        match (self.over, self.got - self.max) {
            (Some(over), _) => about(over),
            (None, 1) => "about 1 line".into(),
            (None, lines) => format!("about {lines} lines"),
        }
    }
}

fn about(over: usize) -> String {
    if over == 1 { "about 1 character".into() } else { format!("about {over} characters") }
}

impl Refusal {
    /// The refusal of a line, or of a part of one, that has more than `max` bytes.
    pub fn text_too_long(max: usize, text: &str) -> Refusal {
        Refusal::line_too_long(max, text.len(), Excess::of(max, text).over.unwrap_or_default())
    }

    /// The same of a line with `got` bytes. Programs count bytes; a user reads how many characters, `over`, are too many.
    pub fn line_too_long(max: usize, got: usize, over: usize) -> Refusal {
        let over = about(over);
        let words = format!("Your line is too long by {over}. Nothing was sent; send it in pieces.");
        Refusal::new(Code::LineTooLong, words).with("max", max).with("got", got)
    }

    pub(crate) fn message_too_long(excess: &Excess) -> Refusal {
        let over = excess.words();
        let words = format!("Your message is too long by {over}. Nothing was sent; send it in pieces.");
        Refusal::new(Code::LineTooLong, words).with("max", excess.max).with("got", excess.got)
    }
}
