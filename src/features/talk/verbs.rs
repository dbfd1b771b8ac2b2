//! The verb by which a user acts in a direct talk, or in another room.

use crate::model::command::Command;
use crate::model::names::RoomName;
use crate::model::verb::{Subject, Verb, verb};

/// `/do <#room|@user> <what you do>`
pub static DO: Verb = verb(
    Subject::Talk,
    "DO",
    &["do"],
    "/do <#room|@user> <what you do>",
    "say it in the third person elsewhere: /do @budi waves",
    |mut args| {
        let room = Some(RoomName::any(&args.word()?)?);
        Ok(Command::Say { room, re: None, cid: None, act: true, text: args.text()?.into() })
    },
)
.loud();
