//! A paste: the lines between `PASTE:` and a dot. It is said whole or not at all.

use crate::model::body::{Body, Lines};
use crate::model::code::Code;
use crate::model::command::Command;
use crate::model::excess::Excess;
use crate::model::refusal::Refusal;
use crate::model::text::Text;
use crate::model::verb::Verbs;

/// Its author took a paste back.
pub(super) const PASTE_LEFT: Refusal =
    Refusal::fixed(Code::NoText, "There you pressed Ctrl-C. Send it again if you want it said.");
/// The end of a paste never came.
pub(super) const PASTE_UNFINISHED: Refusal = Refusal::fixed(
    Code::MissingArgument,
    "Here its end is missing, a line with a single dot. Send all of it again, with the dot.",
);

/// There are more lines or bytes in a paste than there may be.
pub(super) fn paste_too_long(excess: &Excess) -> Refusal {
    let over = excess.words();
    let words = format!("It is too long by {over}, and this line is the first too many. Send it in pieces.");
    Refusal::new(Code::LineTooLong, words).with("max", excess.max).with("got", excess.got)
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
    /// Whose text they are; `None` is a message.
    command: Option<Command>,
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
    TooMany(Excess),
    Line(Refusal),
}

impl Paste {
    /// The paste that a line begins: `PASTE:`, or `PASTE:EDIT 12` with the command whose text the lines are. One whose beginning is
    /// wrong is read to its end, or its lines would be taken for others.
    pub(super) fn begun_by(line: &Text, verbs: &Verbs) -> Paste {
        let behind = line.as_str().split_once([':', ' ']).map_or("", |(_, behind)| behind.trim());
        match command_of(behind, verbs) {
            Ok(command) => Paste { command, ..Paste::default() },
            Err(why) => Paste { fault: Some((0, Fault::Line(why))), ..Paste::default() },
        }
    }

    /// One more line.
    pub(super) fn add(&mut self, text: Text) {
        self.number += 1;
        match &mut self.fault {
            Some((_, Fault::TooMany(excess))) => excess.add(&text),
            Some(_) => {}
            None => {
                if let Err(excess) = self.lines.add(&text) {
                    self.is_at_fault(Fault::TooMany(excess));
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
            if text.is_empty() {
                return Err(Refusal::NO_TEXT);
            }
            let command = match self.command {
                Some(command) => with_text(command, text).ok_or(Refusal::NO_TEXT)?,
                None => Command::Say { room: None, re: None, cid: None, act: false, text },
            };
            return Ok(Command::Paste(Box::new(command)));
        };
        let why = match fault {
            Fault::TooMany(excess) => paste_too_long(&excess),
            Fault::Line(why) => why,
        };
        Err(bad_paste(line, why))
    }
}

/// Stands for the lines while the command is read that they belong to.
const LINES: &str = "…";

/// The command that stands behind `PASTE:`, if one does.
///
/// # Errors
/// What stands there is no command, or one that takes no lines (PROTOCOL.md section 4, "Verbs").
pub fn command_of(behind: &str, verbs: &Verbs) -> Result<Option<Command>, Refusal> {
    const RIGHT: &str = "Behind /paste stands nothing, or a command without its text: say, me, do, answer, edit, whisper or reply, as in /paste edit 12.";
    if behind.is_empty() {
        return Ok(None);
    }
    let wrong = || Refusal::bad_argument(behind, RIGHT);
    let (word, args) = behind.split_once([' ', ':']).unwrap_or((behind, ""));
    let word = word.trim_start_matches('/');
    let verb = verbs.named(&word.to_ascii_uppercase()).or_else(|| verbs.slashed(word)).ok_or_else(wrong)?;
    let command = verb.read(Text::new(format!("{} {LINES}", args.trim()).trim())?)?;
    let is_whole = with_text(command.clone(), Text::own(LINES).into()).as_ref() == Some(&command);
    if is_whole { Ok(Some(command)) } else { Err(wrong()) }
}

/// A command with the lines as its text.
fn with_text(command: Command, text: Body) -> Option<Command> {
    Some(match command {
        Command::Say { room, re, cid, act, .. } => Command::Say { room, re, cid, act, text },
        Command::Whisper { to, .. } => Command::Whisper { to, text },
        Command::Feature(command) => Command::Feature(command.with_text(text)?),
        _ => return None,
    })
}
