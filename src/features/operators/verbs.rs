//! The verbs of operators of the server.

use std::time::Duration;

use crate::features::args::duration;
use crate::features::operators;
use crate::model::args::{Args, wrong};
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::secrets::Secret;
use crate::model::verb::{Subject, Verb, verb};

/// The time until the server stops, where no time is given.
const STOPS_AFTER: Duration = Duration::from_secs(30);
/// The longest time until it stops.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// `/forget #room`
pub static FORGET: Verb = verb(
    Subject::Operators,
    "FORGET",
    &["forget"],
    "/forget #room",
    "operators: forget a room, with all that was said in it",
    |args| {
        let missing = args.missing();
        sealed(operators::Command::Forget(args.last_room()?.ok_or(missing)?))
    },
);

/// `/oper [key]`
pub static OPER: Verb = verb(
    Subject::Account,
    "OPER",
    &["oper"],
    "/oper [key]",
    "be an operator of this server, by its operator key",
    |args| {
        sealed(match args.as_str() {
            "" => operators::Command::AskKey,
            key => operators::Command::Oper(Secret::new(key)),
        })
    },
)
.early()
.secret();

/// `/announce <text>`
pub static ANNOUNCE: Verb = verb(
    Subject::Operators,
    "ANNOUNCE",
    &["announce"],
    "/announce <text>",
    "operators: tell all users something",
    |args| sealed(operators::Command::Announce(args.text()?.trimmed())),
);

/// `/lockdown on|off`
pub static LOCKDOWN: Verb = verb(
    Subject::Operators,
    "LOCKDOWN",
    &["lockdown"],
    "/lockdown on|off",
    "operators: refuse new users, or let them in again",
    |args| {
        let missing = args.missing();
        sealed(operators::Command::Lockdown(args.on_or_off()?.ok_or(missing)?))
    },
);

/// `/rehash`
pub static REHASH: Verb =
    verb(Subject::Operators, "REHASH", &["rehash"], "/rehash", "operators: read the settings again", |_| {
        sealed(operators::Command::Reload)
    })
    .long();

/// `/shutdown [30s|5m|cancel]`
pub static SHUTDOWN: Verb = verb(
    Subject::Operators,
    "SHUTDOWN",
    &["shutdown"],
    "/shutdown [30s|5m|cancel]",
    "operators: stop the server after a while, half a minute if not said",
    |args| match args.as_str() {
        "" => sealed(operators::Command::Shutdown(Some(STOPS_AFTER))),
        "cancel" => sealed(operators::Command::Shutdown(None)),
        word => match duration(word).filter(|time| *time <= LONGEST) {
            Some(time) => sealed(operators::Command::Shutdown(Some(time))),
            None => Err(wrong(word, "It is a time up to a day, as 30s, 5m or 1h, or cancel.")),
        },
    },
);

/// `/audit [n] [before=number]`
pub static AUDIT: Verb = verb(
    Subject::Operators,
    "AUDIT",
    &["audit"],
    "/audit [n] [before=number]",
    "operators: show what operators did",
    audit,
)
.long();

fn sealed(command: operators::Command) -> Result<Command, Refusal> {
    Ok(Command::feature(command))
}

fn audit(args: Args) -> Result<Command, Refusal> {
    let (before, limit) = args.page()?;
    sealed(operators::Command::Audit { before, limit })
}
