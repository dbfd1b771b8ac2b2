//! What the chat can do beyond joining, speaking, listing and leaving: the table of the features. Each has a folder, or a
//! file if it is small; `hooks` is the order in which they are asked, and `state`, `calls`, `args` and `limits` are common to them.

use crate::chat::router::{Answer, Turn};
use crate::model::feature::FeatureCommand;
use crate::model::names::ClientId;
use crate::model::refusal::Refusal;
use crate::model::verb::Verbs;
use crate::model::verbs as kernel;
use crate::protocol::coded::Kind;

pub use state::{Features, Server};

/// All verbs, in the order in which `/help` shows them: a verb that is new has its row here.
pub static VERBS: Verbs = Verbs::new(&[
    &kernel::JOIN,
    &kernel::MSG,
    &kernel::SAY,
    &kernel::ACT,
    &talk::verbs::DO,
    &messages::verbs::ANSWER,
    &messages::verbs::EDIT,
    &messages::verbs::DELETE,
    &messages::verbs::REACT,
    &messages::verbs::UNREACT,
    &kernel::PASTE,
    &kernel::WHISPER,
    &presence::verbs::REPLY,
    &kernel::NICK,
    &kernel::LIST,
    &presence::verbs::WHO,
    &membership::verbs::MEMBERS,
    &profile::verbs::STATUS,
    &profile::verbs::PROFILE,
    &kernel::ROOMS,
    &kernel::PART,
    &kernel::ROOM,
    &rooms::verbs::TOPIC,
    &rooms::verbs::INVITE,
    &rooms::verbs::MODE,
    &moderation::verbs::OP,
    &moderation::verbs::DEOP,
    &moderation::verbs::VOICE,
    &moderation::verbs::DEVOICE,
    &moderation::verbs::KICK,
    &moderation::verbs::MUTE,
    &moderation::verbs::UNMUTE,
    &moderation::verbs::BAN,
    &moderation::verbs::UNBAN,
    &moderation::verbs::BANS,
    &operators::verbs::FORGET,
    &kernel::HISTORY,
    &membership::verbs::UNREAD,
    &membership::verbs::READ,
    &membership::verbs::MENTIONS,
    &membership::verbs::NOTIFY,
    &membership::verbs::FOLLOW,
    &archive::verbs::SEARCH,
    &archive::verbs::EXPORT,
    &rooms::verbs::RETAIN,
    &accounts::verbs::REGISTER,
    &accounts::verbs::LOGIN,
    &accounts::verbs::LOGOUT,
    &accounts::verbs::PASSWD,
    &accounts::verbs::RESET,
    &accounts::verbs::ROLE,
    &preferences::verbs::PREF,
    &devices::verbs::DEVICES,
    &accounts::verbs::INVITECODE,
    &accounts::verbs::RESETCODE,
    &programs::verbs::HOOK,
    &programs::verbs::UNHOOK,
    &programs::verbs::BOT,
    &programs::verbs::UNBOT,
    &programs::verbs::WEBHOOK,
    &operators::verbs::OPER,
    &operators::verbs::ANNOUNCE,
    &operators::verbs::LOCKDOWN,
    &operators::verbs::REHASH,
    &operators::verbs::SHUTDOWN,
    &operators::verbs::AUDIT,
    &presence::verbs::AWAY,
    &presence::verbs::IGNORE,
    &presence::verbs::UNIGNORE,
    &kernel::OPT,
    &line_editing::verbs::TELNET,
    &presence::verbs::TYPING,
    &dice::ROLL,
    &kernel::PING,
    &kernel::WHY,
    &help::HELP,
    &files::verbs::SEND,
    &files::verbs::FILES,
    &kernel::STATS,
    &lab::verbs::INSPECT,
    &kernel::QUIT,
    #[cfg(test)]
    &kernel::CRASH,
    #[cfg(test)]
    &kernel::CRASH_CLIENT,
]);

pub mod accounts;
pub mod archive;
pub mod args;
pub mod calls;
pub mod devices;
pub mod dice;
pub mod figures;
pub mod files;
pub mod help;
pub mod lab;
pub mod language;
pub mod line_editing;
pub mod membership;
pub mod messages;
pub mod moderation;
pub mod operators;
pub mod preferences;
pub mod presence;
pub mod profile;
pub mod programs;
pub mod push;
pub mod rooms;
pub mod limits;
mod pictures;
pub mod talk;
pub(crate) mod state;
pub mod asks;
pub mod entry;
pub mod image;
mod hooks;
mod stats;
#[cfg(all(test, not(shuttle)))]
mod together;

/// What carries out the commands of the features.
const COMMANDS: &[CarryOut] = &[
    // Each takes those of its own types.
    accounts::rules::carry_out,
    archive::rules::carry_out,
    devices::rules::carry_out,
    dice::carry_out,
    files::rules::carry_out,
    help::carry_out,
    lab::rules::carry_out,
    line_editing::carry_out,
    membership::rules::carry_out,
    messages::rules::carry_out,
    moderation::rules::carry_out,
    operators::rules::carry_out,
    preferences::rules::carry_out,
    presence::rules::carry_out,
    profile::rules::carry_out,
    programs::rules::carry_out,
    rooms::rules::carry_out,
];

/// The commands of the features in the log of several nodes. A type that is new takes the next number, and no number is given twice.
pub const KINDS: &[Kind] = &[
    Kind::of::<accounts::Command>(1),
    Kind::of::<archive::verbs::Search>(2),
    Kind::of::<archive::verbs::Export>(3),
    Kind::of::<devices::Command>(4),
    Kind::of::<dice::Roll>(5),
    Kind::of::<files::Command>(6),
    Kind::of::<help::Help>(7),
    Kind::of::<lab::verbs::Inspect>(8),
    Kind::of::<line_editing::Telnet>(9),
    Kind::of::<membership::Command>(10),
    Kind::of::<messages::ChangeLine>(11),
    Kind::of::<moderation::action::Moderate>(12),
    Kind::of::<moderation::action::ShowBans>(13),
    Kind::of::<operators::Command>(14),
    Kind::of::<preferences::Command>(15),
    Kind::of::<presence::Command>(16),
    Kind::of::<profile::Command>(17),
    Kind::of::<programs::Command>(18),
    Kind::of::<rooms::Command>(19),
];

type CarryOut = fn(&mut Turn<'_, Features>, ClientId, &FeatureCommand) -> Option<Result<Answer<Features>, Refusal>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::{Choice, Command, HistoryQuery, View};
    use crate::model::names::{Name, RoomName};
    use crate::model::text::Text;

    fn read(name: &str, args: &str) -> Result<Command, Refusal> {
        VERBS.named(name).unwrap().read(Text::new(args).unwrap())
    }

    #[test]
    fn every_verb_and_slash_is_there_once() {
        let mut words: Vec<&str> = VERBS.iter().flat_map(|v| v.slashes.iter().copied()).collect();
        let mut names: Vec<&str> = VERBS.iter().map(|v| v.name).collect();
        for list in [&mut words, &mut names] {
            let count = list.len();
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), count);
        }
    }

    #[test]
    fn arguments_become_types() {
        let ani = Name::parse("ani").unwrap();
        let rust = RoomName::parse("#rust").unwrap();
        assert_eq!(read("JOIN", "ani"), Ok(Command::Join(ani.clone())));
        assert_eq!(read("JOIN", "#rust"), Ok(Command::Enter { room: rust.clone(), key: None }));
        assert_eq!(
            read("WHISPER", "ani  psst: hey"),
            Ok(Command::Whisper { to: ani, text: Text::new("psst: hey").unwrap().into() })
        );
        assert_eq!(
            read("HISTORY", "#rust after=7 limit=3"),
            Ok(Command::History(HistoryQuery { room: Some(rust), before: None, after: Some(7), limit: Some(3) }))
        );
        assert_eq!(
            read("MODE", "+k secret"),
            Ok(Command::feature(rooms::Command::Mode {
                room: None,
                changes: vec![rooms::ModeChange::Key(Some(Text::new("secret").unwrap()))]
            }))
        );
        assert_eq!(
            read("OPT", "view=short ping=60"),
            Ok(Command::Options(vec![Choice::View(View::Short), Choice::Ping(60)]))
        );
    }

    #[test]
    fn the_nearest_verb_is_named() {
        let near = |typed| VERBS.near(typed).map(|verb| verb.name);
        assert_eq!(near("JION"), Some("JOIN"));
        assert_eq!(near("whsper"), Some("WHISPER"));
        assert_eq!(near("EXITT"), Some("QUIT"));
        assert_eq!(near("LOGN"), Some("LOGIN"));
        assert_eq!(near("OPERSERV"), None);
    }
}
