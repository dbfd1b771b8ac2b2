//! The verbs about a line: answer, correct, delete, react.

use crate::features::messages::ChangeLine;
use crate::features::messages::emoji::{MAX_EMOJI, NO_EMOJI, is_reaction};
use crate::model::args::{Args, wrong};
use crate::model::command::{Command, Line};
use crate::model::refusal::Refusal;
use crate::model::speech::What;
use crate::model::text::Text;
use crate::model::verb::{Subject, Verb, verb};

/// `/answer [#room|@user] <id|last> <text>`
pub static ANSWER: Verb = verb(
    Subject::Lines,
    "ANSWER",
    &["answer", "re"],
    "/answer [#room|@user] <id|last> <text>",
    "say it as an answer to a line",
    |mut args| {
        let (room, re) = (args.place()?, line(&mut args)?);
        Ok(Command::Say { room, re: Some(re), cid: None, act: false, text: args.text()?.into() })
    },
)
.loud();

/// `/edit [#room|@user] <id|last> <text>`
pub static EDIT: Verb = verb(
    Subject::Lines,
    "EDIT",
    &["edit"],
    "/edit [#room|@user] <id|last> <text>",
    "correct a line of yours",
    |mut args| {
        let (room, line) = (args.place()?, line(&mut args)?);
        Ok(Command::feature(ChangeLine { room, line, what: What::Edited(args.text()?.into()) }))
    },
)
.loud();

/// `/delete [#room|@user] <id|last>`
pub static DELETE: Verb = verb(
    Subject::Lines,
    "DELETE",
    &["delete"],
    "/delete [#room|@user] <id|last>",
    "delete a line of yours",
    |mut args| {
        let (room, line) = (args.place()?, line(&mut args)?);
        args.finish()?;
        Ok(Command::feature(ChangeLine { room, line, what: What::Deleted }))
    },
)
.loud();

/// `/react [#room|@user] <id|last> <emoji>`
pub static REACT: Verb = verb(
    Subject::Lines,
    "REACT",
    &["react"],
    "/react [#room|@user] <id|last> <emoji>",
    "react to a line: /react last 👍",
    |mut args| {
        let (room, line) = (args.place()?, line(&mut args)?);
        Ok(Command::feature(ChangeLine { room, line, what: What::Reacted(emoji(args)?) }))
    },
)
.loud();

/// `/unreact [#room|@user] <id|last> <emoji>`
pub static UNREACT: Verb = verb(
    Subject::Lines,
    "UNREACT",
    &["unreact"],
    "/unreact [#room|@user] <id|last> <emoji>",
    "take a reaction back",
    |mut args| {
        let (room, line) = (args.place()?, line(&mut args)?);
        Ok(Command::feature(ChangeLine { room, line, what: What::Unreacted(symbol(args)?) }))
    },
)
.loud();

/// A line of a room: its number, or `last`.
fn line(args: &mut Args) -> Result<Line, Refusal> {
    match args.word()?.as_str() {
        "last" => Ok(Line::Last),
        digits => digits.parse().map(Line::Id).map_err(|_| args.misread(digits)),
    }
}

/// One emoji.
fn emoji(args: Args) -> Result<Text, Refusal> {
    let emoji = symbol(args.clone())?;
    if is_reaction(&emoji) { Ok(emoji) } else { Err(args.explained(NO_EMOJI).unfit()) }
}

/// One word, emoji or not: a user may take back a reaction that the store kept from a version in which it could be a
/// word.
fn symbol(args: Args) -> Result<Text, Refusal> {
    match args.as_str() {
        "" => Err(args.missing()),
        symbol if symbol.len() > MAX_EMOJI || symbol.contains(char::is_whitespace) => Err(wrong(symbol, NO_EMOJI)),
        _ => Ok(args.all().trimmed()),
    }
}
