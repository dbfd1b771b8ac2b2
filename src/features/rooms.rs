//! Rooms: a topic, modes that close a room or keep order in it, and invitations.

use std::borrow::Cow;

use crate::model::feature::Asked;
use crate::model::names::{Name, RoomName};
use crate::model::text::Text;
use crate::protocol::coded::coded;

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
        /// What to change, in order; nothing only asks.
        changes: Vec<ModeChange>,
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

coded!(enum Command {
    1 Topic { room, text }, 2 Invite { name, room }, 3 Mode { room, changes }, 4 Retain { room, change },
});
coded!(enum ModeChange {
    1 InviteOnly(on), 2 Key(key), 3 Limit(limit), 4 Moderated(on), 5 InsideOnly(on), 6 Secret(on), 7 TopicLock(on),
});
coded!(enum KeepFor { 1 Days(days), 2 Server });

/// One room mode, on or off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModeChange {
    /// `+i`: only invited users may enter.
    InviteOnly(bool),
    /// `+k key`: only users who know the key may enter; `None` is `-k`.
    Key(Option<Text>),
    /// `+l 20`: so many users at most; `None` is `-l`.
    Limit(Option<u32>),
    /// `+m`: only operators, and users with voice, speak.
    Moderated(bool),
    /// `+n`: only users in the room speak.
    InsideOnly(bool),
    /// `+s`: the room is in no list, and is read only inside.
    Secret(bool),
    /// `+t`: only operators set the topic.
    TopicLock(bool),
}

impl ModeChange {
    /// The most users that `+l` takes.
    pub const MOST_USERS: u32 = 100_000;

    /// Whether it closes a room that was open.
    pub fn closes(&self) -> bool {
        matches!(self.letter(), (true, 'i' | 'k' | 's'))
    }

    /// Whether it sets the mode, and the letter.
    pub fn letter(&self) -> (bool, char) {
        match self {
            ModeChange::InviteOnly(on) => (*on, 'i'),
            ModeChange::Key(key) => (key.is_some(), 'k'),
            ModeChange::Limit(limit) => (limit.is_some(), 'l'),
            ModeChange::Moderated(on) => (*on, 'm'),
            ModeChange::InsideOnly(on) => (*on, 'n'),
            ModeChange::Secret(on) => (*on, 's'),
            ModeChange::TopicLock(on) => (*on, 't'),
        }
    }

    /// What was done, in words: `gave the room a key`.
    pub fn did(&self) -> Cow<'static, str> {
        let words = match self {
            ModeChange::InviteOnly(true) => "made the room invite-only",
            ModeChange::InviteOnly(false) => "opened the room to all users",
            ModeChange::Key(Some(_)) => "gave the room a key",
            ModeChange::Key(None) => "took the key away",
            ModeChange::Limit(Some(limit)) => return format!("lets at most {limit} users in").into(),
            ModeChange::Limit(None) => "lets any number of users in",
            ModeChange::Moderated(true) => "lets only operators and users with voice speak",
            ModeChange::Moderated(false) => "lets all members speak",
            ModeChange::InsideOnly(true) => "lets only users in the room speak",
            ModeChange::InsideOnly(false) => "lets users outside the room speak",
            ModeChange::Secret(true) => "took the room off all lists",
            ModeChange::Secret(false) => "put the room on the lists",
            ModeChange::TopicLock(true) => "lets only operators set the topic",
            ModeChange::TopicLock(false) => "lets all members set the topic",
        };
        words.into()
    }
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
