//! The verb of the lab: look inside the server.

use crate::model::command::Command;
use crate::model::feature::Asked;
use crate::model::verb::{Needs, Subject, Verb, verb};
use crate::protocol::coded::coded;

/// `/inspect [on|off]`
pub static INSPECT: Verb = verb(
    Subject::Settings,
    "INSPECT",
    &["inspect"],
    "/inspect [on|off]",
    "look inside a server that was started with --lab; on: each second",
    |args| Ok(Command::feature(Inspect { watch: args.on_or_off()? })),
)
.lines()
.long()
.needs(Needs::Lab)
.sampled();

/// The server from inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inspect {
    /// `None` is once; else each second, or not any more.
    pub watch: Option<bool>,
}

impl Asked for Inspect {}

coded!(struct Inspect { watch });
