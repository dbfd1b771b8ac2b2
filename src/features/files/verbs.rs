//! The verbs of files: offer one, and list them.

use crate::features::files::{self, Recipient, file_name};
use crate::model::args::{Args, user, wrong};
use crate::model::command::Command;
use crate::model::names::RoomName;
use crate::model::refusal::Refusal;
use crate::model::verb::{Needs, Subject, Verb, verb};

/// `/send <#room|@user|user> <bytes> <filename>`
pub static SEND: Verb = verb(
    Subject::Files,
    "SEND",
    &["send"],
    "/send <#room|@user|user> <bytes> <filename>",
    "get a token to send a file by: PUT and the token, then the file, to the file port",
    send_file,
)
.loud()
.needs(Needs::Files);

/// `/files [#room|@user]`
pub static FILES: Verb =
    verb(Subject::Files, "FILES", &["files"], "/files [#room|@user]", "show the files that can be fetched", list_files)
        .needs(Needs::Files)
        .long();

fn list_files(mut args: Args) -> Result<Command, Refusal> {
    let talk = if args.as_str().starts_with('@') { args.place()? } else { None };
    let room = if talk.is_some() { args.finish().map(|()| talk) } else { args.last_room() };
    Ok(Command::feature(files::Command::List(room?)))
}

fn send_file(mut args: Args) -> Result<Command, Refusal> {
    let (to, bytes) = (args.word()?, args.word()?);
    if args.is_empty() {
        return Err(args.missing());
    }
    let is_place = to.starts_with(['#', '@']);
    let to = if is_place { Recipient::Room(RoomName::any(&to)?) } else { Recipient::Person(user(&to)?) };
    match bytes.parse() {
        Ok(bytes @ 1..) => Ok(Command::feature(files::Command::Send { to, bytes, name: file_name(&args.all()) })),
        _ => Err(wrong(&bytes, "It is how many bytes the file has, 1 or more.")),
    }
}
