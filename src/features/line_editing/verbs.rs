//! The verb of line editing in a telnet.

use crate::features::line_editing::Telnet;
use crate::model::command::Command;
use crate::model::verb::{Subject, Verb, verb};

/// `/telnet [on|off]`
pub static TELNET: Verb = verb(
    Subject::Settings,
    "TELNET",
    &["telnet"],
    "/telnet [on|off]",
    "telnet only: what comes in does not break the line you type, and has a number",
    |args| Ok(Command::feature(Telnet(args.on_or_off()?))),
)
.early()
.lines();
