//! Programs take part: what another program posts to a hook becomes lines of a room, what is said in a room goes to the addresses of its
//! webhooks, and a bot signs on with a token (docs/programs.md).
//!
//! Their names end in `-bot`, and no user can have such a name: each door and each history shows that a program said it.

use chrono::{DateTime, Utc};

use self::address::Address;
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::feature::Asked;
use crate::model::looks::look;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::secrets::Secret;
use crate::protocol::coded::coded;

pub mod address;
mod list;
pub mod purpose;
pub(crate) mod rules;
pub(crate) mod state;
pub mod verbs;
pub mod webhooks;

/// What the name of each program ends in.
pub const ENDING: &str = "-bot";

/// What the token of a hook, and that of a bot, begins with: so a token that got into a repository is found there.
pub const HOOK_TOKEN: &str = "chat_hook_";
/// See [`HOOK_TOKEN`].
pub const BOT_TOKEN: &str = "chat_bot_";

/// The most hooks of one room, and the most bots.
pub const MOST: usize = 100;

/// A command of this feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// The hooks of a room.
    Hooks(Option<RoomName>),
    /// A new hook.
    Hook(Option<RoomName>, Name),
    /// The end of a hook.
    Unhook(Option<RoomName>, Name),
    /// All bots.
    Bots,
    /// A new bot.
    Bot(Name),
    /// The end of a bot.
    Unbot(Name),
    /// The webhooks of a room.
    Webhooks(Option<RoomName>),
    /// A new webhook.
    Webhook(Option<RoomName>, Address),
    /// The end of a webhook.
    Unwebhook(Option<RoomName>, u64),
    /// The webhooks of all rooms.
    AllWebhooks,
    /// What could not be delivered.
    DeadLetters,
    /// A dead letter is to be tried again.
    Again(u64),
}

impl Asked for Command {}

coded!(enum Command {
    1 Hooks(room), 2 Hook(room, name), 3 Unhook(room, name), 4 Bots, 5 Bot(name), 6 Unbot(name), 7 Webhooks(room),
    8 Webhook(room, address), 9 Unwebhook(room, number), 10 AllWebhooks, 11 DeadLetters, 12 Again(number),
});

/// What a program may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Post to this room.
    Hook(RoomName),
    /// Sign on, as a member.
    Bot,
}

/// A program that takes part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// What it may do.
    pub kind: Kind,
    /// Its name, with [`ENDING`].
    pub name: Name,
    /// Who made it.
    pub by: Name,
    /// The wall clock's time of that.
    pub since: DateTime<Utc>,
    /// When its token was used last, to the store's own accuracy.
    pub used: Option<DateTime<Utc>>,
}

/// What the store is asked about programs.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Make one, with a token.
    Make {
        /// What it may do.
        kind: Kind,
        /// Its name.
        name: Name,
        /// Who makes it.
        by: Name,
    },
    /// All of that kind: the hooks of that room, or the bots.
    List(Kind),
    /// End one: its token is worth nothing from then on.
    End(Kind, Name),
    /// The hook that has this token.
    Find(Secret),
    /// Something about webhooks.
    Webhooks(webhooks::Ask),
}

/// What came by a hook.
#[derive(Clone, Debug)]
pub struct Post {
    /// What it says; not blank.
    pub text: Body,
    /// From where, for the count of wrong tokens.
    pub from: std::net::IpAddr,
}

/// Whether a name is a program's, or could be taken for one.
pub fn is_program(name: &str) -> bool {
    look(name).ends_with(&look(ENDING))
}

/// Whether a user may have a name.
///
/// # Errors
/// It is a program's.
pub fn for_users(name: &Name) -> Result<(), Refusal> {
    if !is_program(name.as_str()) {
        return Ok(());
    }
    let words = format!("\"{name}\" ends as the names of programs do ({ENDING}). Take a name that ends otherwise.");
    Err(Refusal::new(Code::NameRegistered, words))
}

/// The name of a program, as it was typed or without its ending.
fn named(typed: &Name) -> Result<Name, Refusal> {
    let typed = typed.as_str();
    let bare = typed
        .get(..typed.len().saturating_sub(ENDING.len()))
        .filter(|bare| typed[bare.len()..].eq_ignore_ascii_case(ENDING) && !bare.is_empty());
    Name::parse(&format!("{}{ENDING}", bare.unwrap_or(typed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_name() {
        for name in ["ci-bot", "ci-BOT", "ci-b0t", "Ci-Bot", "_-bot"] {
            assert!(for_users(&Name::parse(name).unwrap()).is_err(), "{name}");
        }
        for name in ["bot", "robot", "ci-bots", "bot-ci", "ci_bot"] {
            assert!(for_users(&Name::parse(name).unwrap()).is_ok(), "{name}");
        }
        for (typed, is) in [("ci", "ci-bot"), ("ci-bot", "ci-bot"), ("ci-BOT", "ci-bot"), ("bot", "bot-bot")] {
            assert_eq!(named(&Name::parse(typed).unwrap()).unwrap().as_str(), is);
        }
        assert!(named(&Name::parse(&"x".repeat(30)).unwrap()).is_err(), "too long with its ending");
    }
}
