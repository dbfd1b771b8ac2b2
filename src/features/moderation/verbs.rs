//! The verbs of moderation: operators of a room, kicks, mutes and bans.

use std::time::Duration;

use crate::features::moderation::action::{Action, Moderate, Scope, ShowBans};
use crate::features::moderation::ban::{LONGEST, MAX_REASON, Target};
use crate::features::moderation::network::Network;
use crate::model::args::{Args, user, wrong};
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::text::Text;
use crate::model::verb::{Subject, Verb, verb};

/// `/op [#room] <name>`
pub static OP: Verb =
    verb(Subject::Order, "OP", &["op"], "/op [#room] <name>", "make a user an operator of the room", |mut args| {
        let (scope, name) = (scope(&mut args)?, last_word(args)?);
        moderate(scope, Action::Op(user(&name)?))
    });

/// `/deop [#room] <name>`
pub static DEOP: Verb =
    verb(Subject::Order, "DEOP", &["deop"], "/deop [#room] <name>", "make a user an operator no more", |mut args| {
        let (scope, name) = (scope(&mut args)?, last_word(args)?);
        moderate(scope, Action::Deop(user(&name)?))
    });

/// `/voice [#room] <name>`
pub static VOICE: Verb = verb(
    Subject::Order,
    "VOICE",
    &["voice"],
    "/voice [#room] <name>",
    "let a user speak while the room is moderated",
    |mut args| {
        let (scope, name) = (scope(&mut args)?, last_word(args)?);
        moderate(scope, Action::Voice(user(&name)?))
    },
);

/// `/devoice [#room] <name>`
pub static DEVOICE: Verb =
    verb(Subject::Order, "DEVOICE", &["devoice"], "/devoice [#room] <name>", "take a user's voice back", |mut args| {
        let (scope, name) = (scope(&mut args)?, last_word(args)?);
        moderate(scope, Action::Devoice(user(&name)?))
    });

/// `/kick [#room|*] <name> [why]`
pub static KICK: Verb = verb(
    Subject::Order,
    "KICK",
    &["kick"],
    "/kick [#room|*] <name> [why]",
    "send a user out of the room",
    |mut args| {
        let (scope, name) = (scope(&mut args)?, args.name()?);
        moderate(scope, Action::Kick { name, why: reason(args)? })
    },
);

/// `/mute [#room|*] <name> [10m] [why]`
pub static MUTE: Verb = verb(
    Subject::Order,
    "MUTE",
    &["mute"],
    "/mute [#room|*] <name> [10m] [why]",
    "keep a user from speaking, for a time or until UNMUTE",
    |mut args| {
        let (scope, name) = (scope(&mut args)?, args.word()?);
        let (time, why) = (time(&mut args)?, reason(args)?);
        moderate(scope, Action::Mute { name: user(&name)?, time, why })
    },
);

/// `/unmute [#room|*] <name>`
pub static UNMUTE: Verb =
    verb(Subject::Order, "UNMUTE", &["unmute"], "/unmute [#room|*] <name>", "let a user speak again", |mut args| {
        let (scope, name) = (scope(&mut args)?, last_word(args)?);
        moderate(scope, Action::Unmute(user(&name)?))
    });

/// `/ban [#room|*] <name|address/bits> [1d] [why]`
pub static BAN: Verb = verb(
    Subject::Order,
    "BAN",
    &["ban"],
    "/ban [#room|*] <name|address/bits> [1d] [why]",
    "send a user out and keep them out, for a time or until UNBAN",
    |mut args| {
        let (scope, word) = (scope(&mut args)?, args.word()?);
        let (time, why) = (time(&mut args)?, reason(args)?);
        moderate(scope, Action::Ban { target: target(&word)?, time, why })
    },
);

/// `/unban [#room|*] <name|address/bits>`
pub static UNBAN: Verb = verb(
    Subject::Order,
    "UNBAN",
    &["unban"],
    "/unban [#room|*] <name|address/bits>",
    "let a user come again",
    |mut args| {
        let (scope, word) = (scope(&mut args)?, last_word(args)?);
        moderate(scope, Action::Unban(target(&word)?))
    },
);

/// `/bans [#room|*]`
pub static BANS: Verb =
    verb(Subject::Order, "BANS", &["bans"], "/bans [#room|*]", "show who is banned and who is muted", |mut args| {
        let scope = scope(&mut args)?;
        args.finish()?;
        Ok(Command::feature(ShowBans(scope)))
    })
    .long();

fn moderate(scope: Scope, action: Action) -> Result<Command, Refusal> {
    Ok(Command::feature(Moderate { scope, action }))
}

/// Where the action holds: `[#room|*]`.
fn scope(args: &mut Args) -> Result<Scope, Refusal> {
    if args.as_str().split(' ').next() == Some("*") {
        args.next_word();
        return Ok(Scope::Server);
    }
    Ok(args.room()?.map_or(Scope::Current, Scope::Room))
}

/// A word, and nothing behind it.
fn last_word(mut args: Args) -> Result<Text, Refusal> {
    let word = args.word()?;
    args.finish()?;
    Ok(word)
}

/// A name, or what can only be an address.
fn target(word: &str) -> Result<Target, Refusal> {
    if !word.contains(['.', ':', '/']) {
        return user(word).map(Target::Name);
    }
    let right = "An address is written 192.0.2.7, 192.0.2.0/24 (8 to 32 bits) or 2001:db8::/48 (16 to 128).";
    Network::parse(word).map(Target::Network).ok_or_else(|| wrong(word, right))
}

/// `[10m]`.
fn time(args: &mut Args) -> Result<Option<Duration>, Refusal> {
    let right = "A time is written 30s, 10m, 2h, 1d or 2w, and is a year at most.";
    args.duration(Duration::from_secs(1)..=LONGEST, right)
}

/// `[why]`.
fn reason(args: Args) -> Result<Option<Text>, Refusal> {
    match args.rest() {
        Some(why) if why.len() > MAX_REASON => Err(Refusal::text_too_long(MAX_REASON, &why)),
        why => Ok(why),
    }
}
