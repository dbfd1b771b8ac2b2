//! The verbs of profiles.

use crate::features::profile::Command as Wish;
use crate::model::command::Command;
use crate::model::verb::{Needs, Subject, Verb, verb};

/// `/status [words]`
pub static STATUS: Verb = verb(
    Subject::People,
    "STATUS",
    &["status"],
    "/status [words]",
    "show a line of words beside your name, or none",
    |args| Ok(Command::feature(Wish::Status(args.rest()))),
)
.needs(Needs::Store)
.loud();

/// `/profile [user]`
pub static PROFILE: Verb = verb(
    Subject::People,
    "PROFILE",
    &["profile"],
    "/profile [user]",
    "show full name and status: of one user, or of all in your room",
    |args| {
        let user = if args.is_empty() { None } else { Some(args.last_name()?) };
        Ok(Command::feature(Wish::Show(user)))
    },
)
.needs(Needs::Store)
.long();
