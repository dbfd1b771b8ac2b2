//! The verbs of programs: hooks and webhooks of a room, and bots.

use crate::features::programs;
use crate::features::programs::address::Address;
use crate::model::args::{Args, wrong};
use crate::model::command::Command;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::verb::{Needs, Subject, Verb, verb};

/// `/hook [#room] [name]`
pub static HOOK: Verb = verb(
    Subject::Files,
    "HOOK",
    &["hook"],
    "/hook [#room] [name]",
    "operators of a room: let a program post there; without a name: show those that do",
    |mut args| {
        let room = args.room()?;
        Ok(Command::feature(match maybe_name(args)? {
            Some(name) => programs::Command::Hook(room, name),
            None => programs::Command::Hooks(room),
        }))
    },
)
.needs(Needs::Store)
.long();

/// `/unhook [#room] <name>`
pub static UNHOOK: Verb = verb(
    Subject::Files,
    "UNHOOK",
    &["unhook"],
    "/unhook [#room] <name>",
    "let a program post there no more",
    |mut args| {
        let (room, name) = room_and_name(&mut args)?;
        args.finish()?;
        Ok(Command::feature(programs::Command::Unhook(room, name)))
    },
)
.needs(Needs::Store);

/// `/bot [name]`
pub static BOT: Verb = verb(
    Subject::Operators,
    "BOT",
    &["bot"],
    "/bot [name]",
    "administrators: let a program sign on by a token; without a name: show all bots",
    |args| {
        Ok(Command::feature(match maybe_name(args)? {
            Some(name) => programs::Command::Bot(name),
            None => programs::Command::Bots,
        }))
    },
)
.needs(Needs::Store)
.long();

/// `/unbot <name>`
pub static UNBOT: Verb =
    verb(Subject::Operators, "UNBOT", &["unbot"], "/unbot <name>", "end a bot and its token", |args| {
        Ok(Command::feature(programs::Command::Unbot(args.last_name()?)))
    })
    .needs(Needs::Store);

/// `/webhook [#room] [https://...]`, `/webhook [#room] end <number>`, `/webhooks [dead | again <number>]`
pub static WEBHOOK: Verb = verb(
    Subject::Files, "WEBHOOK",
    &["webhook", "webhooks"],
    "/webhook [#room] [https://...|end <number>|all|dead|again <number>]",
    "operators of a room: send what is said there to an address; without one: show where it goes. Operators: all, dead letters, try again",
    |mut args| {
        let room = args.room()?;
        let word = args.next_word();
        let command = match (&room, word.to_ascii_lowercase().as_str()) {
            (_, "") => programs::Command::Webhooks(room),
            (_, "end") => programs::Command::Unwebhook(room, number(&args.word()?)?),
            (None, "all") => programs::Command::AllWebhooks,
            (None, "dead") => programs::Command::DeadLetters,
            (None, "again") => programs::Command::Again(number(&args.word()?)?),
            _ => programs::Command::Webhook(room, Address::parse(&word)?),
        };
        args.finish()?;
        Ok(Command::feature(command))
    },
)
.needs(Needs::Store)
.long();

fn number(word: &str) -> Result<u64, Refusal> {
    word.parse().map_err(|_| wrong(word, "It is the number that the list shows."))
}

fn maybe_name(args: Args) -> Result<Option<Name>, Refusal> {
    if args.is_empty() { Ok(None) } else { args.last_name().map(Some) }
}

fn room_and_name(args: &mut Args) -> Result<(Option<RoomName>, Name), Refusal> {
    Ok((args.room()?, args.name()?))
}
