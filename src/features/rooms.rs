//! Rooms: a topic, modes that close a room or keep order in it, and invitations.

use crate::model::feature::Asked;
use crate::model::names::{Name, RoomName};
use crate::model::text::Text;

pub(crate) mod limits;
pub(crate) mod rules;
pub(crate) mod state;
pub mod told;
pub mod verbs;

/// What a user asks of this feature. Without a room it is the current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// `TOPIC`: read a topic (no text), clear it (`-`) or set it.
    Topic {
        /// The room it belongs to.
        room: Option<RoomName>,
        /// The new topic.
        text: Option<Text>,
    },
    /// `INVITE`: let a user into a room that is closed.
    Invite {
        /// The user.
        name: Name,
        /// The room.
        room: Option<RoomName>,
    },
    /// `MODE`: read or change a room's modes.
    Mode {
        /// The room.
        room: Option<RoomName>,
        /// What to change; `None` only asks.
        change: Option<ModeChange>,
    },
}

impl Asked for Command {}

/// One room mode, on or off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModeChange {
    /// `+i`: only invited users may enter.
    InviteOnly(bool),
    /// `+k key`: only users who know the key may enter; `None` is `-k`.
    Key(Option<Text>),
    /// `+m`: only operators speak.
    Moderated(bool),
    /// `+t`: only operators set the topic.
    TopicLock(bool),
}
