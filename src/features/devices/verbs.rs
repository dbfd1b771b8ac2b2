//! The verb of devices.

use crate::features::devices::Command as Wish;
use crate::model::command::Command;
use crate::model::verb::{Needs, Subject, Verb, verb};

/// `/devices [user]`
pub static DEVICES: Verb = verb(
    Subject::Talk,
    "DEVICES",
    &["devices"],
    "/devices [user]",
    "the devices by whose keys a direct talk is sealed: yours, and those of the user you talk with",
    |args| {
        let user = if args.is_empty() { None } else { Some(args.last_name()?) };
        Ok(Command::feature(Wish::Show(user)))
    },
)
.needs(Needs::Store)
.long();
