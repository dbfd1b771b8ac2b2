//! The verbs of presence: who is there, away, ignored, typing, and the answer to a whisper.

use crate::features::presence;
use crate::model::command::Command;
use crate::model::verb::{Subject, Verb, verb};

/// `/reply <message>`
pub static REPLY: Verb =
    verb(Subject::Talk, "REPLY", &["reply", "r"], "/reply <message>", "answer the last whisper", |args| {
        Ok(Command::feature(presence::Command::Reply(args.text()?.into())))
    })
    .loud();

/// `/who <name>`
pub static WHO: Verb = verb(Subject::People, "WHO", &["who"], "/who <name>", "show one person", |args| {
    Ok(Command::feature(presence::Command::Who(args.last_name()?)))
})
.long();

/// `/away [why]`
pub static AWAY: Verb = verb(
    Subject::People,
    "AWAY",
    &["away"],
    "/away [why]",
    "say that you are away; /away alone: you are back",
    |args| Ok(Command::feature(presence::Command::Away(args.rest()))),
)
.loud();

/// `/ignore <name>`
pub static IGNORE: Verb =
    verb(Subject::People, "IGNORE", &["ignore"], "/ignore <name>", "hear nothing more from a user", |args| {
        Ok(Command::feature(presence::Command::Ignore(args.last_name()?)))
    });

/// `/unignore <name>`
pub static UNIGNORE: Verb =
    verb(Subject::People, "UNIGNORE", &["unignore"], "/unignore <name>", "hear a user again", |args| {
        Ok(Command::feature(presence::Command::Unignore(args.last_name()?)))
    });

/// `TYPING:[#room|@user] [off]`
pub static TYPING: Verb = verb(
    Subject::Talk,
    "TYPING",
    &["typing"],
    "TYPING:[#room|@user] [off]",
    "tell those who want to know that you are typing, or not any more",
    |mut args| {
        let (room, on) = (args.place()?, args.on_or_off()?.unwrap_or(true));
        Ok(Command::feature(presence::Command::Typing { room, on }))
    },
)
.lines();
