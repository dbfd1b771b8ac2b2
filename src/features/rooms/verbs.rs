//! The verbs of rooms: topic, invitations and modes.

use std::time::Duration;

use crate::features::rooms;
use crate::features::rooms::{KeepFor, ModeChange};
use crate::model::args::{Args, wrong};
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::verb::{Needs, Subject, Verb, verb};

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

/// `/retain [#room] [30d|off]`
pub static RETAIN: Verb = verb(
    Subject::History,
    "RETAIN",
    &["retain"],
    "/retain [#room] [30d|off]",
    "show or change how long a room keeps what is said",
    retain,
)
.needs(Needs::Store);

/// What `RETAIN` takes as a time.
const DAYS: &str = "Whole days, from 1d to 36500d, or off: as long as the server keeps it.";

fn retain(mut args: Args) -> Result<Command, Refusal> {
    let room = args.room()?;
    let word = args.clone().next_word();
    let day = Duration::from_secs(24 * 60 * 60);
    let change = match word.as_str() {
        "" => None,
        "off" => {
            args.next_word();
            Some(KeepFor::Server)
        }
        word => {
            let time = args.duration(day..=day * KeepFor::MOST, DAYS)?;
            let time = time.filter(|time| time.as_secs().is_multiple_of(day.as_secs()));
            let days = time.and_then(|time| u32::try_from(time.as_secs() / day.as_secs()).ok());
            Some(KeepFor::Days(days.ok_or_else(|| wrong(word, DAYS))?))
        }
    };
    args.explained(DAYS).finish()?;
    Ok(Command::feature(rooms::Command::Retain { room, change }))
}

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
