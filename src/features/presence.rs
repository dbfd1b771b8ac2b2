//! Presence: who is away, who is typing, and whom a user ignores.

use crate::model::body::Body;
use crate::model::feature::{Asked, FeatureCommand};
use crate::model::names::{Name, RoomName};
use crate::model::text::Text;
use crate::protocol::coded::coded;

pub mod away;
pub(crate) mod rules;
pub(crate) mod state;
pub mod typing;
pub mod verbs;

/// What a user asks of this feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// `WHO`: one user.
    Who(Name),
    /// `REPLY`: a private line to the user who whispered last.
    Reply(Body),
    /// `AWAY`, with a reason, or back (`None`).
    Away(Option<Text>),
    /// `IGNORE`: hear nothing more from a user.
    Ignore(Name),
    /// `UNIGNORE`: hear a user again.
    Unignore(Name),
    /// `TYPING`, for the clients that set `typing=on`.
    Typing {
        /// `None` is the current room.
        room: Option<RoomName>,
        /// `true` where it begins, `false` where it ends.
        on: bool,
    },
}

coded!(enum Command {
    1 Who(name), 2 Reply(text), 3 Away(text), 4 Ignore(name), 5 Unignore(name), 6 Typing { room, on },
});

impl Asked for Command {
    fn with_text(&self, text: Body) -> Option<FeatureCommand> {
        matches!(self, Command::Reply(_)).then(|| FeatureCommand::new(Command::Reply(text)))
    }

    fn words(&self) -> Option<(&str, &str)> {
        if let Command::Reply(text) = self { Some(("", text.as_str())) } else { None }
    }
}
