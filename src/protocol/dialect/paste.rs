//! A paste: the lines between `PASTE:` and a dot. It is said whole or not at all.

use crate::model::code::Code;
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most lines of one paste that are said.
pub const PASTE_LINES: usize = 200;
/// The most bytes of one paste.
pub const PASTE_BYTES: usize = 32 * 1024;

/// Its author took a paste back.
pub(super) const PASTE_LEFT: Refusal =
    Refusal::fixed(Code::NoText, "There you pressed Ctrl-C. Send it again if you want it said.");
/// The end of a paste never came.
pub(super) const PASTE_UNFINISHED: Refusal = Refusal::fixed(
    Code::MissingArgument,
    "Here its end is missing, a line with a single dot. Send all of it again, with the dot.",
);

/// There are more lines or bytes in a paste than there may be.
pub(super) fn paste_too_long(unit: &str, max: usize, got: usize) -> Refusal {
    let words =
        format!("You sent {got} {unit}, {max} are allowed, and this line is the first too many. Send it in pieces.");
    Refusal::new(Code::LineTooLong, words).with("max", max).with("got", got)
}

/// Nothing of a paste is said, because of one of its lines: the first one is 1, and empty ones count.
/// At 0 it is the line above them, which begins it.
pub(super) fn bad_paste(line: usize, why: Refusal) -> Refusal {
    if line == 0 {
        let words = format!("Nothing of your paste was said: {why}");
        return why.reworded(words);
    }
    let words = format!("Nothing of your paste was said, for its line {line}: {why}");
    why.reworded(words).with("line", line)
}

/// The lines of a paste up to its end.
#[derive(Default)]
pub(super) struct Paste {
    /// Those that are said: what is blank is left out.
    lines: Vec<Text>,
    /// How many lines came, how many of them are not blank, and the bytes of those.
    pub(super) number: usize,
    count: usize,
    bytes: usize,
    /// The first line at fault, and why.
    fault: Option<(usize, Fault)>,
}

/// What is the matter with a line of a paste. How much is too much is known at the end.
enum Fault {
    TooManyLines,
    TooManyBytes,
    Line(Refusal),
}

impl Paste {
    /// A paste whose beginning is wrong. It is read to its end, or its lines would be taken for others.
    pub(super) fn wrong(why: Refusal) -> Paste {
        Paste { fault: Some((0, Fault::Line(why))), ..Paste::default() }
    }

    /// One more line.
    pub(super) fn add(&mut self, text: Text) {
        self.number += 1;
        if text.is_blank() {
            return;
        }
        self.count += 1;
        self.bytes += text.len();
        if self.count > PASTE_LINES {
            self.is_at_fault(Fault::TooManyLines);
        } else if self.bytes > PASTE_BYTES {
            self.is_at_fault(Fault::TooManyBytes);
        } else if self.fault.is_none() {
            self.lines.push(text);
        }
    }

    /// One more line, which cannot be said.
    pub(super) fn fail(&mut self, why: Refusal) {
        self.number += 1;
        self.is_at_fault(Fault::Line(why));
    }

    fn is_at_fault(&mut self, why: Fault) {
        // Nothing of it is wanted any more.
        self.lines = Vec::new();
        self.fault.get_or_insert((self.number, why));
    }

    /// It is over.
    pub(super) fn command(self) -> Result<Command, Refusal> {
        let Some((line, fault)) = self.fault else {
            return if self.lines.is_empty() { Err(Refusal::NO_TEXT) } else { Ok(Command::Paste(self.lines)) };
        };
        let why = match fault {
            Fault::TooManyLines => paste_too_long("lines", PASTE_LINES, self.count),
            Fault::TooManyBytes => paste_too_long("bytes", PASTE_BYTES, self.bytes),
            Fault::Line(why) => why,
        };
        Err(bad_paste(line, why))
    }
}
