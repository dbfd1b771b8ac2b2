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
    /// `RETAIN`: read or change how long a room keeps what is said.
    Retain {
        /// The room.
        room: Option<RoomName>,
        /// What to change; `None` only asks.
        change: Option<KeepFor>,
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

/// How long a room keeps what is said. The settings of the store are the most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepFor {
    /// So many days.
    Days(u32),
    /// As long as the server does.
    Server,
}

impl KeepFor {
    /// The most days.
    pub const MOST: u32 = 36_500;

    /// The days of a room's own, if it has any.
    pub fn of(days: Option<u32>) -> KeepFor {
        days.map_or(KeepFor::Server, KeepFor::Days)
    }

    /// The days, if they are a room's own.
    pub fn days(self) -> Option<u32> {
        match self {
            KeepFor::Days(days) => Some(days),
            KeepFor::Server => None,
        }
    }

    /// As it is typed: `30d` or `off`.
    pub fn word(self) -> String {
        self.days().map_or_else(|| "off".into(), |days| format!("{days}d"))
    }

    /// For people: `for 30 days`, or `as long as the server does`.
    pub fn time(self) -> String {
        match self {
            KeepFor::Server => "as long as the server does".into(),
            KeepFor::Days(1) => "for one day".into(),
            KeepFor::Days(days) => format!("for {days} days"),
        }
    }
}
