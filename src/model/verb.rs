//! A row of the table of verbs, and the table: what the parser, `/help`, the limits and the doors know of each command.

use std::fmt;

use crate::model::args::Args;
use crate::model::command::Command;
use crate::model::looks::edits;
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// One row of the table of verbs. It stands beside its parser.
#[must_use]
pub struct Verb {
    /// Under which word of `/help` it is found.
    pub subject: Subject,
    /// The word in a program's line: `JOIN` in `JOIN:ani`.
    pub name: &'static str,
    /// What a user types behind a slash; the first is shown in the help.
    pub slashes: &'static [&'static str],
    /// How a line with it is written: `/kick [#room|*] <name> [why]`.
    pub usage: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Whether a client without a name may use it.
    pub early: bool,
    /// Whether other users hear it, so that the spam window counts it.
    pub loud: bool,
    /// What the server must have been started with.
    pub needs: Needs,
    /// Whether a password or a key may stand behind it.
    pub secret: bool,
    /// Whether its answer is a block, or is followed by one. A client gets one such answer at a time, and what waits of it
    /// counts towards the bound of its outbox.
    pub long: bool,
    /// Whether doors of frames hide it: it is about a connection of lines, or what it brings stands outside its answer (a `PONG`,
    /// a paste, snapshots, the end). Such a door has a way of its own for that, or none.
    pub lines: bool,
    /// Whether its answer has figures of the process, which the reader of the client asks the system for: the router reads no files.
    pub sampled: bool,
    parse: fn(Args) -> Result<Command, Refusal>,
}

/// What a command is about. `/help` shows the commands by subject, and its words for them stand in `features/help.rs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// Saying something.
    Talk,
    /// Answering and changing lines.
    Lines,
    /// Names, and who is here.
    People,
    /// Coming in, entering, leaving.
    Rooms,
    /// What was said.
    History,
    /// Sending and finding files.
    Files,
    /// A name of one's own.
    Account,
    /// Keeping order in a room.
    Order,
    /// How a user sees the chat.
    Settings,
    /// Running the server. Only its operators are shown these commands.
    Operators,
}

/// What a verb needs of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Nothing that some servers lack.
    Nothing,
    /// A store.
    Store,
    /// The file door.
    Files,
    /// That it is a lab.
    Lab,
}

/// Why a command cannot be carried out by a door of frames ([`Verb::unfit_for_frames`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It is about a connection of lines ([`Verb::lines`]).
    NeedsLines,
    /// Its password or key would be asked for and come in the next line.
    SecretMissing,
}

/// A row for a command that needs a name, is seen by its sender alone, exists on every server and at every door, and is
/// answered in one line. What is different is said behind it: `verb(…).loud().long()`.
pub const fn verb(
    subject: Subject,
    name: &'static str,
    slashes: &'static [&'static str],
    usage: &'static str,
    help: &'static str,
    parse: fn(Args) -> Result<Command, Refusal>,
) -> Verb {
    let (early, loud, secret, long, lines, sampled) = (false, false, false, false, false, false);
    Verb {
        subject,
        name,
        slashes,
        usage,
        help,
        early,
        loud,
        needs: Needs::Nothing,
        secret,
        long,
        lines,
        sampled,
        parse,
    }
}

impl Verb {
    /// See [`Verb::early`].
    pub const fn early(self) -> Verb {
        Verb { early: true, ..self }
    }

    /// See [`Verb::loud`].
    pub const fn loud(self) -> Verb {
        Verb { loud: true, ..self }
    }

    /// See [`Verb::needs`].
    pub const fn needs(self, needs: Needs) -> Verb {
        Verb { needs, ..self }
    }

    /// See [`Verb::secret`].
    pub const fn secret(self) -> Verb {
        Verb { secret: true, ..self }
    }

    /// See [`Verb::long`].
    pub const fn long(self) -> Verb {
        Verb { long: true, ..self }
    }

    /// See [`Verb::lines`].
    pub const fn lines(self) -> Verb {
        Verb { lines: true, ..self }
    }

    /// See [`Verb::sampled`].
    pub const fn sampled(self) -> Verb {
        Verb { sampled: true, ..self }
    }

    /// Reads the arguments, that is, all that stands behind the colon or the slash word.
    ///
    /// # Errors
    /// What the table in PROTOCOL.md (section 8, "Malformed lines") says: a missing argument, a bad name, and so on.
    pub fn read(&self, args: Text) -> Result<Command, Refusal> {
        (self.parse)(Args::new(args, self.usage))
    }

    /// What keeps a door of frames from carrying out a command of this verb. Such a door gives each request one answer, and
    /// no line of a client belongs to the one before it.
    pub fn unfit_for_frames(&self, command: &Command) -> Option<Unfit> {
        if command.asks_for_secret() {
            return Some(Unfit::SecretMissing);
        }
        self.lines.then_some(Unfit::NeedsLines)
    }
}

impl PartialEq for Verb {
    fn eq(&self, other: &Verb) -> bool {
        self.name == other.name
    }
}

impl Eq for Verb {}

impl fmt::Debug for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The verbs of a server, in the order in which `/help` shows them.
pub struct Verbs(&'static [&'static Verb]);

impl Verbs {
    /// A table of these rows.
    pub const fn new(rows: &'static [&'static Verb]) -> Verbs {
        Verbs(rows)
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = &'static Verb> + use<> {
        self.0.iter().copied()
    }

    /// The verb of that name, or `None`. Names are upper case.
    pub fn named(&self, name: &str) -> Option<&'static Verb> {
        self.iter().find(|verb| verb.name == name)
    }

    /// The verb that a user means with `/word`, in any case.
    pub fn slashed(&self, word: &str) -> Option<&'static Verb> {
        self.iter().find(|verb| verb.slashes.iter().any(|slash| slash.eq_ignore_ascii_case(word)))
    }

    /// The verb that `/help word` asks for: `join`, `/join`, `JOIN`, `JOIN:`.
    pub fn meant(&self, word: &str) -> Option<&'static Verb> {
        let word = word.trim_start_matches('/').trim_end_matches(':');
        self.slashed(word).or_else(|| self.named(&word.to_ascii_uppercase()))
    }

    /// The verb whose name is nearest to a mistyped one, if one is near.
    pub fn near(&self, typed: &str) -> Option<&'static Verb> {
        let typed = typed.to_ascii_uppercase();
        let far = if typed.len() < 6 { 1 } else { 2 };
        self.iter()
            .flat_map(|verb| {
                let slashes = verb.slashes.iter().filter(|slash| slash.len() > 2);
                slashes.map(|slash| slash.to_ascii_uppercase()).chain([verb.name.to_string()]).map(move |w| (w, verb))
            })
            .map(|(word, verb)| (edits(&typed, &word), verb))
            .filter(|(distance, _)| *distance <= far)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, verb)| verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static WAIT: Verb =
        verb(Subject::Talk, "WAIT", &["wait", "w"], "/wait [why]", "do nothing", |args| Ok(Command::Quit(args.rest())));
    static LOGIN: Verb =
        verb(Subject::Account, "LOGIN", &["login"], "/login <name>", "sign in", |args| Err(args.missing())).secret();
    static TABLE: Verbs = Verbs::new(&[&WAIT, &LOGIN]);

    #[test]
    fn a_verb_is_found_by_its_name_and_its_slashes() {
        assert_eq!(TABLE.named("WAIT"), Some(&WAIT));
        assert_eq!(TABLE.named("wait"), None);
        assert_eq!((TABLE.slashed("W"), TABLE.slashed("x")), (Some(&WAIT), None));
        for word in ["wait", "/w", "WAIT:", "Wait"] {
            assert_eq!(TABLE.meant(word), Some(&WAIT), "{word}");
        }
        assert_eq!(TABLE.meant(""), None);
    }

    #[test]
    fn the_nearest_verb_is_named() {
        let near = |typed| TABLE.near(typed).map(|verb| verb.name);
        assert_eq!(near("LOGN"), Some("LOGIN"));
        assert_eq!(near("wiat"), Some("WAIT"));
        assert_eq!(near("OPERSERV"), None);
    }

    #[test]
    fn a_row_says_what_is_different() {
        assert!(LOGIN.secret && !LOGIN.early && !WAIT.secret && WAIT.needs == Needs::Nothing);
        let words = LOGIN.read(Text::default()).unwrap_err().to_string();
        assert_eq!(words, "Something is missing. It is written /login <name>.");
    }
}
