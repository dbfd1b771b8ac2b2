//! A paste: the lines between `PASTE:` and a dot. It is said whole or not at all.

use crate::model::body::Lines;
use crate::model::code::Code;
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::text::Text;

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
    /// Those that are said.
    lines: Lines,
    /// How many lines came.
    pub(super) number: usize,
    /// The first line at fault, and why.
    fault: Option<(usize, Fault)>,
}

/// What is the matter with a line of a paste.
enum Fault {
    /// It is the first too many. How many there are is known at the end.
    TooMany {
        /// Of which, and how many are allowed.
        unit: &'static str,
        max: usize,
        /// How many there were up to this line.
        got: usize,
    },
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
        match &mut self.fault {
            Some((_, Fault::TooMany { unit: "lines", got, .. })) => *got += 1,
            Some((_, Fault::TooMany { got, .. })) => *got += text.len() + 1,
            Some(_) => {}
            None => {
                let added = self.lines.add(&text, |max, unit, got| Fault::TooMany { unit, max, got });
                if let Err(fault) = added {
                    self.is_at_fault(fault);
                }
            }
        }
    }

    /// One more line, which cannot be said.
    pub(super) fn fail(&mut self, why: Refusal) {
        self.number += 1;
        self.is_at_fault(Fault::Line(why));
    }

    fn is_at_fault(&mut self, why: Fault) {
        // Nothing of it is wanted any more.
        self.lines = Lines::default();
        self.fault.get_or_insert((self.number, why));
    }

    /// It is over.
    pub(super) fn command(self) -> Result<Command, Refusal> {
        let Some((line, fault)) = self.fault else {
            let text = self.lines.body();
            return if text.is_empty() { Err(Refusal::NO_TEXT) } else { Ok(Command::Paste(text)) };
        };
        let why = match fault {
            Fault::TooMany { unit, max, got } => paste_too_long(unit, max, got),
            Fault::Line(why) => why,
        };
        Err(bad_paste(line, why))
    }
}
