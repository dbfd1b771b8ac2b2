//! A user finds a command: `/help` is ten lines by subject, `/help all` the whole table, and `/help <subject>` and
//! `/help <command>` a part of it. What only operators of the server can do is shown to them alone.

use crate::chat::hooks::Hooks;
use crate::chat::router::Turn;
use crate::features::state::{Answer, Features};
use crate::model::args::wrong;
use crate::model::command::Command;
use crate::model::event::Block;
use crate::model::feature::{Asked, FeatureCommand};
use crate::model::names::ClientId;
use crate::model::parts::Parts;
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::row::Row;
use crate::model::text::Text;
use crate::model::verb::{Needs, Subject, Verb, verb};
use crate::model::zone::Zone;
use crate::protocol::coded::coded;

/// `/help [subject|command|all]`
pub static HELP: Verb = verb(
    Subject::Settings,
    "HELP",
    &["help", "h", "?"],
    "/help [subject|command|all]",
    "show the subjects, the commands of one, one command, or all",
    |args| Ok(Command::feature(Help(args.rest()))),
)
.early()
.long();

/// What is asked for; nothing is the list of subjects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Help(pub Option<Text>);

impl Asked for Help {}

coded!(struct Help(word));

/// The words of a subject, which belong to all commands that name it in their row.
pub struct SubjectWords {
    /// The subject.
    pub subject: Subject,
    /// What stands behind `/help`.
    pub word: &'static str,
    /// What it is about.
    pub about: &'static str,
}

const fn words(subject: Subject, word: &'static str, about: &'static str) -> SubjectWords {
    SubjectWords { subject, word, about }
}

/// All subjects, in the order of `/help`. A command that is new names its subject in its own row.
pub static SUBJECTS: &[SubjectWords] = &[
    words(Subject::Talk, "talk", "say something"),
    words(Subject::Lines, "lines", "answer and change lines"),
    words(Subject::People, "people", "who is who"),
    words(Subject::Rooms, "rooms", "come in, enter, leave"),
    words(Subject::History, "history", "the record"),
    words(Subject::Files, "files", "files, and programs that speak here"),
    words(Subject::Account, "account", "a name of your own"),
    words(Subject::Order, "order", "keep it"),
    words(Subject::Settings, "settings", "how you see the chat"),
    words(Subject::Operators, "operators", "run the server"),
];

impl SubjectWords {
    /// Its commands, in the order of the table of verbs.
    fn verbs(&self) -> impl Iterator<Item = &'static Verb> + use<> {
        let subject = self.subject;
        <Features as Hooks>::VERBS.iter().filter(move |verb| verb.subject == subject)
    }
}

/// One line of `/help`.
#[derive(Clone, Debug)]
struct Line {
    word: &'static str,
    words: String,
}

impl Line {
    fn new(word: &'static str, about: &str, slashes: &[String]) -> Line {
        let colon = if slashes.is_empty() { "" } else { ": " };
        Line { word, words: format!("/help {word}  - {about}{colon}{}", slashes.join(" ")) }
    }
}

impl Row for Line {
    fn line(&self) -> Parts {
        Parts::new("HELP").field(self.word).text(&self.words)
    }

    fn sentence(&self, _: Zone) -> String {
        self.words.clone()
    }

    fn cost(&self) -> usize {
        self.words.len()
    }
}

/// Answers `HELP`, if the command is one of this feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    command.open().map(|Help(word)| turn.show_help(id, word.as_ref()).map(Answer::Block))
}

impl Turn<'_, Features> {
    /// Whether a verb does something here.
    pub(super) fn offers(&self, verb: &Verb) -> bool {
        match verb.needs {
            Needs::Store => self.router.features.archive.is_some(),
            Needs::Files => self.router.features.files.is_some(),
            // The help of such a verb says how a lab is started.
            Needs::Nothing | Needs::Lab => true,
        }
    }

    fn show_help(&self, id: ClientId, word: Option<&Text>) -> Result<Block, Refusal> {
        let is_early = self.clients.get(id).is_none_or(|client| client.name.is_none());
        let is_operator = self.role(id) >= Role::Op;
        let is_told = |subject: Subject| is_operator || subject != Subject::Operators;
        let subjects = SUBJECTS.iter().filter(|words| is_told(words.subject));
        let is_shown = |verb: &&'static Verb| (verb.early || !is_early) && Features::offers(self, verb);
        let all = || {
            let verbs = <Features as Hooks>::VERBS.iter();
            Block::new("HELP", verbs.filter(is_shown).filter(|verb| is_told(verb.subject)).collect::<Vec<_>>())
        };
        match word.map(Text::as_str) {
            // Before sign-on only what can be done then, which is not much.
            None if is_early => Ok(all()),
            None => Ok(Block::new("HELP", lines(subjects, is_shown))),
            Some("all" | "/") => Ok(all()),
            Some(word) => {
                if let Some(subject) = SUBJECTS.iter().find(|subject| subject.word.eq_ignore_ascii_case(word)) {
                    return Ok(Block::new("HELP", subject.verbs().filter(is_shown).collect::<Vec<_>>()));
                }
                let verb = <Features as Hooks>::VERBS.meant(word);
                let verb = verb.ok_or_else(|| wrong(word, "/help shows the subjects, /help all every command."))?;
                Ok(Block::new("HELP", vec![verb]))
            }
        }
    }
}

/// A line for each subject of which something is shown, and one that says how to see more.
fn lines<'a>(subjects: impl Iterator<Item = &'a SubjectWords>, is_shown: impl Fn(&&'static Verb) -> bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for subject in subjects {
        let verbs = subject.verbs().filter(&is_shown);
        let slashes: Vec<String> =
            verbs.filter_map(|verb| verb.slashes.first()).map(|slash| format!("/{slash}")).collect();
        if !slashes.is_empty() {
            lines.push(Line::new(subject.word, subject.about, &slashes));
        }
    }
    lines.push(Line::new("all", "every command; /help <subject> or /help <command> shows those alone", &[]));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A subject without words would hide its commands from all but `/help all`.
    #[test]
    fn each_subject_has_words_and_commands() {
        for verb in <Features as Hooks>::VERBS.iter() {
            let count = SUBJECTS.iter().filter(|words| words.subject == verb.subject).count();
            assert_eq!(count, 1, "{:?} has its words in SUBJECTS in src/features/help.rs", verb.subject);
        }
        assert!(SUBJECTS.iter().all(|subject| subject.verbs().next().is_some()));
    }

    #[test]
    fn a_user_gets_ten_lines_that_a_terminal_has_room_for() {
        let all = lines(SUBJECTS.iter().filter(|words| words.subject != Subject::Operators), |verb| {
            !verb.name.starts_with("CRASH")
        });
        assert_eq!(all.len(), 10);
        for line in all {
            assert!(line.words.len() + "10:00 ".len() <= 100, "{}", line.words);
        }
    }
}
