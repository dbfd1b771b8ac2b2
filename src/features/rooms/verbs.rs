//! The verbs of rooms: topic, invitations and modes.

use std::time::Duration;

use crate::features::rooms;
use crate::features::rooms::{KeepFor, ModeChange};
use crate::model::args::{Args, wrong};
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::text::Text;
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

/// `/mode [#room] [+imnst|+k key|+l n]`
pub static MODE: Verb = verb(
    Subject::Rooms,
    "MODE",
    &["mode"],
    "/mode [#room] [+imnst|+k key|+l n]",
    "show or change a room's modes",
    mode,
)
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

/// What `MODE` takes.
const MODES: &str = "Modes are +i, +k <key>, +l <users>, +m, +n, +s, +t, the same with a minus, or several: +nt-i.";

fn mode(mut args: Args) -> Result<Command, Refusal> {
    let room = args.room()?;
    let mut left = args.clone();
    let letters = left.next_word();
    let wrong = || args.clone().explained(MODES).unfit();
    let (mut changes, mut on) = (Vec::new(), None);
    for letter in letters.chars() {
        if matches!(letter, '+' | '-') {
            on = Some(letter == '+');
            continue;
        }
        let on = on.ok_or_else(wrong)?;
        let word = if letter == 'k' || letter == 'l' && on { left.next_word() } else { Text::default() };
        if on && matches!(letter, 'k' | 'l') && word.is_empty() {
            return Err(args.missing());
        }
        changes.push(match letter {
            'i' => ModeChange::InviteOnly(on),
            'k' => ModeChange::Key(on.then_some(word)),
            'l' if !on => ModeChange::Limit(None),
            'l' => {
                let limit = word.parse().ok().filter(|limit| (1..=ModeChange::MOST_USERS).contains(limit));
                ModeChange::Limit(Some(limit.ok_or_else(wrong)?))
            }
            'm' => ModeChange::Moderated(on),
            'n' => ModeChange::InsideOnly(on),
            's' => ModeChange::Secret(on),
            't' => ModeChange::TopicLock(on),
            _ => return Err(wrong()),
        });
    }
    if !left.is_empty() || changes.is_empty() && !letters.is_empty() {
        return Err(wrong());
    }
    Ok(Command::feature(rooms::Command::Mode { room, changes }))
}
