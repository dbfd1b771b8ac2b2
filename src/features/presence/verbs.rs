//! The verbs of presence: who is there, away, ignored, typing, and the answer to a whisper.

use crate::model::command::Command;
use crate::model::verb::{Verb, verb};

/// `/reply <message>`
pub static REPLY: Verb = verb("REPLY", &["reply", "r"], "/reply <message>", "answer the last whisper", |args| {
    Ok(Command::Reply(args.text()?))
})
.loud();

/// `/who <name>`
pub static WHO: Verb =
    verb("WHO", &["who"], "/who <name>", "show one person", |args| Ok(Command::Who(args.last_name()?))).long();

/// `/away [why]`
pub static AWAY: Verb =
    verb("AWAY", &["away"], "/away [why]", "say that you are away; /away alone: you are back", |args| {
        Ok(Command::Away(args.rest()))
    })
    .loud();

/// `/ignore <name>`
pub static IGNORE: Verb = verb("IGNORE", &["ignore"], "/ignore <name>", "hear nothing more from somebody", |args| {
    Ok(Command::Ignore(args.last_name()?))
});

/// `/unignore <name>`
pub static UNIGNORE: Verb = verb("UNIGNORE", &["unignore"], "/unignore <name>", "hear somebody again", |args| {
    Ok(Command::Unignore(args.last_name()?))
});

/// `TYPING:[#room] [off]`
pub static TYPING: Verb = verb(
    "TYPING",
    &["typing"],
    "TYPING:[#room] [off]",
    "tell those who want to know that you are typing, or not any more",
    |mut args| Ok(Command::Typing { room: args.room()?, on: args.on_or_off()?.unwrap_or(true) }),
)
.lines();
