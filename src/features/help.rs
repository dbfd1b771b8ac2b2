//! A user finds a command: `/help` is ten lines by subject, `/help all` the whole table, and `/help <subject>` and
//! `/help <command>` a part of it. What only operators of the server can do is shown to them alone.

use crate::chat::hooks::Hooks;
use crate::chat::router::Turn;
use crate::features::state::{Answer, Features};
use crate::features::{
    accounts, archive, dice, files, lab, line_editing, membership, messages, moderation, operators, preferences,
    presence, programs, rooms,
};
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
use crate::model::verb::{Needs, Verb, verb};
use crate::model::verbs as kernel;
use crate::model::zone::Zone;

/// `/help [subject|command|all]`
pub static HELP: Verb = verb(
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

/// Commands that belong together. Each command has one subject.
pub struct Subject {
    /// What stands behind `/help`.
    pub word: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its commands.
    pub verbs: &'static [&'static Verb],
    /// Whether only operators of the server are shown it.
    pub for_operators: bool,
}

const fn subject(word: &'static str, about: &'static str, verbs: &'static [&'static Verb]) -> Subject {
    Subject { word, about, verbs, for_operators: false }
}

/// All subjects, in the order of `/help`: a command that is new has its place here.
pub static SUBJECTS: &[Subject] = &[
    subject(
        "talk",
        "say something",
        &[
            &kernel::MSG,
            &kernel::SAY,
            &kernel::ACT,
            &kernel::PASTE,
            &kernel::WHISPER,
            &presence::verbs::REPLY,
            &presence::verbs::TYPING,
            &dice::ROLL,
        ],
    ),
    subject(
        "lines",
        "answer and change lines",
        &[
            &messages::verbs::ANSWER,
            &messages::verbs::EDIT,
            &messages::verbs::DELETE,
            &messages::verbs::REACT,
            &messages::verbs::UNREACT,
        ],
    ),
    subject(
        "people",
        "names, and who is here",
        &[
            &kernel::NICK,
            &kernel::LIST,
            &presence::verbs::WHO,
            &presence::verbs::AWAY,
            &presence::verbs::IGNORE,
            &presence::verbs::UNIGNORE,
        ],
    ),
    subject(
        "rooms",
        "come in, enter, leave",
        &[
            &kernel::JOIN,
            &kernel::ROOMS,
            &kernel::PART,
            &kernel::ROOM,
            &rooms::verbs::TOPIC,
            &rooms::verbs::INVITE,
            &rooms::verbs::MODE,
            &membership::verbs::FOLLOW,
        ],
    ),
    subject(
        "history",
        "what was said",
        &[
            &kernel::HISTORY,
            &membership::verbs::UNREAD,
            &membership::verbs::READ,
            &membership::verbs::MENTIONS,
            &membership::verbs::NOTIFY,
            &archive::verbs::SEARCH,
            &archive::verbs::EXPORT,
        ],
    ),
    subject("files", "send and find files", &[&files::verbs::SEND, &files::verbs::FILES]),
    subject(
        "account",
        "a name of your own",
        &[
            &accounts::verbs::REGISTER,
            &accounts::verbs::LOGIN,
            &accounts::verbs::LOGOUT,
            &accounts::verbs::PASSWD,
            &accounts::verbs::RESET,
            &accounts::verbs::ROLE,
            &preferences::verbs::PREF,
            &operators::verbs::OPER,
        ],
    ),
    subject(
        "order",
        "keep it",
        &[
            &moderation::verbs::OP,
            &moderation::verbs::DEOP,
            &moderation::verbs::KICK,
            &moderation::verbs::MUTE,
            &moderation::verbs::UNMUTE,
            &moderation::verbs::BAN,
            &moderation::verbs::UNBAN,
            &moderation::verbs::BANS,
            &programs::verbs::HOOK,
            &programs::verbs::UNHOOK,
            &programs::verbs::WEBHOOK,
        ],
    ),
    subject(
        "settings",
        "how you see the chat",
        &[
            &kernel::OPT,
            &line_editing::verbs::TELNET,
            &kernel::PING,
            &kernel::WHY,
            &HELP,
            &kernel::STATS,
            &lab::verbs::INSPECT,
            &kernel::QUIT,
        ],
    ),
    Subject {
        for_operators: true,
        ..subject(
            "operators",
            "run the server",
            &[
                &operators::verbs::FORGET,
                &accounts::verbs::INVITECODE,
                &accounts::verbs::RESETCODE,
                &programs::verbs::BOT,
                &programs::verbs::UNBOT,
                &operators::verbs::ANNOUNCE,
                &operators::verbs::LOCKDOWN,
                &operators::verbs::REHASH,
                &operators::verbs::SHUTDOWN,
                &operators::verbs::AUDIT,
            ],
        )
    },
];

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
        let subjects = SUBJECTS.iter().filter(|subject| is_operator || !subject.for_operators);
        let is_shown = |verb: &&'static Verb| (verb.early || !is_early) && Features::offers(self, verb);
        let all = || {
            let hidden = |verb: &&'static Verb| {
                SUBJECTS.iter().any(|subject| subject.for_operators && subject.verbs.contains(verb))
            };
            Block::help(
                <Features as Hooks>::VERBS
                    .iter()
                    .filter(is_shown)
                    .filter(|verb| is_operator || !hidden(verb))
                    .collect(),
            )
        };
        match word.map(Text::as_str) {
            // Before sign-on only what can be done then, which is not much.
            None if is_early => Ok(all()),
            None => Ok(Block::new("HELP", lines(subjects, is_shown))),
            Some("all" | "/") => Ok(all()),
            Some(word) => {
                let subject = SUBJECTS.iter().find(|subject| subject.word.eq_ignore_ascii_case(word));
                if let Some(subject) = subject {
                    return Ok(Block::help(subject.verbs.iter().copied().filter(is_shown).collect()));
                }
                let verb = <Features as Hooks>::VERBS.meant(word);
                let verb = verb.ok_or_else(|| wrong(word, "/help shows the subjects, /help all every command."))?;
                Ok(Block::help(vec![verb]))
            }
        }
    }
}

/// A line for each subject of which something is shown, and one that says how to see more.
fn lines<'a>(subjects: impl Iterator<Item = &'a Subject>, is_shown: impl Fn(&&'static Verb) -> bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for subject in subjects {
        let verbs = subject.verbs.iter().filter(|verb| is_shown(verb));
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

    /// A command without a subject would be found by nothing but `/help all`.
    #[test]
    fn each_command_has_one_subject() {
        for verb in <Features as Hooks>::VERBS.iter().filter(|verb| !verb.name.starts_with("CRASH")) {
            let count = SUBJECTS.iter().filter(|subject| subject.verbs.contains(&verb)).count();
            assert_eq!(count, 1, "{}: its place is in SUBJECTS in src/features/help.rs", verb.name);
        }
    }

    #[test]
    fn a_user_gets_ten_lines_that_a_terminal_has_room_for() {
        let all = lines(SUBJECTS.iter().filter(|subject| !subject.for_operators), |_| true);
        assert_eq!(all.len(), 10);
        for line in all {
            assert!(line.words.len() + "10:00 ".len() <= 100, "{}", line.words);
        }
    }
}
