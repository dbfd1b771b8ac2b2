//! The verbs of rooms: topic, invitations and modes.

use crate::features::rooms;
use crate::features::rooms::ModeChange;
use crate::model::args::Args;
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::verb::{Subject, Verb, verb};

/// `/topic [#room] [text]`
pub static TOPIC: Verb = verb(
    Subject::Rooms,
    "TOPIC",
    &["topic"],
    "/topic [#room] [text]",
    "read the topic, set it, or clear it with -",
    |mut args| Ok(Command::feature(rooms::Command::Topic { room: args.room()?, text: args.rest() })),
)
.loud();

/// `/invite <name> [#room]`
pub static INVITE: Verb = verb(
    Subject::Rooms,
    "INVITE",
    &["invite"],
    "/invite <name> [#room]",
    "let a user into a closed room",
    |mut args| Ok(Command::feature(rooms::Command::Invite { name: args.name()?, room: args.last_room()? })),
)
.loud();

/// `/mode [#room] [+i|+k key|+m|+t]`
pub static MODE: Verb =
    verb(Subject::Rooms, "MODE", &["mode"], "/mode [#room] [+i|+k key|+m|+t]", "show or change a room's modes", mode)
        .loud();

fn mode(mut args: Args) -> Result<Command, Refusal> {
    let room = args.room()?;
    let mut left = args.clone();
    let (flag, key) = (left.next_word(), left.next_word());
    let change = match (flag.as_str(), key.is_empty()) {
        ("", _) => None,
        ("+i", true) => Some(ModeChange::InviteOnly(true)),
        ("-i", true) => Some(ModeChange::InviteOnly(false)),
        ("+m", true) => Some(ModeChange::Moderated(true)),
        ("-m", true) => Some(ModeChange::Moderated(false)),
        ("+t", true) => Some(ModeChange::TopicLock(true)),
        ("-t", true) => Some(ModeChange::TopicLock(false)),
        ("+k", false) if left.is_empty() => Some(ModeChange::Key(Some(key))),
        ("+k", true) => return Err(args.missing()),
        ("-k", _) if left.is_empty() => Some(ModeChange::Key(None)),
        _ => return Err(args.explained("One of +i, +k <key>, +m, +t, or the same with a minus.").unfit()),
    };
    Ok(Command::feature(rooms::Command::Mode { room, change }))
}
