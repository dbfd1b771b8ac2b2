//! The verbs of memberships: what is unread, how far one has read, who mentioned one.

use crate::features::membership::state::Notify;
use crate::features::membership::{self, Wish};
use crate::model::args::Args;
use crate::model::command::Command;
use crate::model::refusal::Refusal;
use crate::model::verb::{Needs, Subject, Verb, verb};

/// `/unread [all]`
pub static UNREAD: Verb = verb(
    Subject::History,
    "UNREAD",
    &["unread"],
    "/unread [all]",
    "what is unread in your rooms; with all: each of them",
    |args| match args.as_str() {
        "" => sealed(membership::Command::Unread { all: false }),
        "all" => sealed(membership::Command::Unread { all: true }),
        _ => Err(args.unfit()),
    },
)
.needs(Needs::Store)
.long();

/// `/read [#room|@user|all] [id]`
pub static READ: Verb = verb(
    Subject::History,
    "READ",
    &["read"],
    "/read [#room|@user|all] [id]",
    "mark a room as read, up to a line or to its end",
    |mut args| {
        if args.as_str() == "all" {
            return sealed(membership::Command::ReadAll);
        }
        let room = args.place()?;
        let id = args.option().map(|option| option.number()).transpose()?;
        args.finish()?;
        sealed(membership::Command::Read { room, id })
    },
)
.needs(Needs::Store);

/// `/mentions [n] [before=number]`
pub static MENTIONS: Verb = verb(
    Subject::History,
    "MENTIONS",
    &["mentions"],
    "/mentions [n] [before=number]",
    "show the lines that mentioned you",
    mentions,
)
.needs(Needs::Store)
.long();

/// `/members [#room]`
pub static MEMBERS: Verb = verb(
    Subject::People,
    "MEMBERS",
    &["members"],
    "/members [#room]",
    "show the accounts of a room, also those that are offline",
    |args| sealed(membership::Command::Members(args.last_room()?)),
)
.needs(Needs::Store)
.long();

/// `/notify [#room|@user] [all|mentions|none|mute|unmute]`
pub static NOTIFY: Verb = verb(
    Subject::History,
    "NOTIFY",
    &["notify"],
    "/notify [#room|@user] [all|mentions|none|mute|unmute]",
    "choose what you are told of a room",
    |mut args| {
        let room = args.place()?;
        let wish = match args.as_str() {
            "" => None,
            "mute" => Some(Wish::Muted(true)),
            "unmute" => Some(Wish::Muted(false)),
            word => {
                let notify = Notify::ALL.into_iter().find(|notify| notify.word() == word);
                Some(Wish::Notify(notify.ok_or_else(|| args.unfit())?))
            }
        };
        sealed(membership::Command::Notify { room, wish })
    },
)
.needs(Needs::Store);

/// `/follow [on|off]`
pub static FOLLOW: Verb = verb(
    Subject::Rooms,
    "FOLLOW",
    &["follow"],
    "/follow [on|off]",
    "come into all rooms of your account, now and at sign-in",
    |args| sealed(membership::Command::Follow(args.on_or_off()?.unwrap_or(true))),
)
.needs(Needs::Store)
.early()
.long()
.lines();

fn sealed(command: membership::Command) -> Result<Command, Refusal> {
    Ok(Command::feature(command))
}

fn mentions(args: Args) -> Result<Command, Refusal> {
    let (before, limit) = args.page()?;
    sealed(membership::Command::Mentions { before, limit })
}
