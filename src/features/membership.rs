//! Membership: a user with an account finds their rooms again, what is unread in each, and who mentioned them.

use std::borrow::Cow;

use crate::features::membership::state::Notify;
use crate::model::event::Block;
use crate::model::feature::{Asked, Told};
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::rows::counted;
use crate::model::zone::Zone;
use crate::protocol::coded::coded;

pub mod list;
pub mod mention;
pub(crate) mod rules;
pub mod state;
pub mod verbs;

/// What a client can ask of its memberships.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Whether this connection comes into all rooms of its account, hears of read marks, and moves them itself.
    Follow(bool),
    /// A room is read up to a line.
    Read {
        /// Which; `None` is the current room.
        room: Option<RoomName>,
        /// Up to which line; `None` is the last.
        id: Option<u64>,
    },
    /// All rooms are read.
    ReadAll,
    /// What is not read.
    Unread {
        /// Also the rooms in which all is read.
        all: bool,
    },
    /// The lines that mentioned the user.
    Mentions {
        /// Only mentions with a smaller number.
        before: Option<u64>,
        /// The most of them.
        limit: usize,
    },
    /// The accounts that are members of a room, also those whose users are away.
    Members(Option<RoomName>),
    /// What the user wants to hear of a room.
    Notify {
        /// Which; `None` is the current room.
        room: Option<RoomName>,
        /// What, from now on; `None` asks what it is.
        wish: Option<Wish>,
    },
}

/// Another wish for a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Of which lines the user wants to be told.
    Notify(Notify),
    /// Whether the room stands back in lists of what is unread.
    Muted(bool),
}

impl Asked for Command {}

coded!(enum Command {
    1 Follow(on), 2 Read { room, id }, 3 ReadAll, 4 Unread { all }, 5 Mentions { before, limit }, 6 Members(room),
    7 Notify { room, wish },
});
coded!(enum Wish { 1 Notify(wish), 2 Muted(on) });
coded!(enum Notify { 1 All, 2 Mentions, 3 Nothing });

/// A room is read up to a line, by another connection of the same account.
#[derive(Debug)]
pub struct Read {
    /// The room.
    pub room: RoomName,
    /// The number of the last line that is read.
    pub id: u64,
}

impl Told for Read {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("READ").field(self.id)
    }

    fn sentence(&self) -> String {
        format!("{} is read up to {}, elsewhere.", self.room, self.id)
    }

    fn place(&self) -> String {
        String::new()
    }

    fn is_passing(&self) -> bool {
        true
    }
}

/// A room of an account, as `UNREAD` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnRoom {
    /// The room.
    pub room: RoomName,
    /// How many numbers of the room stand behind the read mark: lines, and changes to lines.
    pub unread: u64,
    /// The number of the last line that is read.
    pub read: u64,
    /// The last number of the room.
    pub last: u64,
    /// How many of the unread lines mention the user, up to [`MENTIONS`](state::MENTIONS).
    pub mentions: usize,
    /// Of which lines the user wants to be told.
    pub notify: Notify,
    /// Whether the room stands back.
    pub muted: bool,
}

impl OwnRoom {
    /// Whether the user wants to know of it.
    fn is_news(&self) -> bool {
        self.mentions > 0 || self.unread > 0 && !self.muted
    }

    /// `#rust (12 unread, 2 mentions)`
    fn short(&self) -> Cow<'_, str> {
        match (self.unread, self.mentions) {
            (0, 0) => self.room.as_str().into(),
            (unread, 0) => format!("{} ({unread} unread)", self.room).into(),
            (unread, mentions) => format!("{} ({unread} unread, {})", self.room, counted(mentions, "mention")).into(),
        }
    }
}

impl Row for OwnRoom {
    fn line(&self) -> Parts {
        let line = Parts::new("UNREAD").field(&self.room).field(self.unread);
        let line = line.pair("read", self.read).pair("last", self.last);
        let line = line.maybe("mentions", (self.mentions > 0).then_some(self.mentions));
        let line = line.maybe("notify", (self.notify != Notify::All).then_some(self.notify.word()));
        line.maybe("muted", self.muted.then_some("yes"))
    }

    fn sentence(&self, _: Zone) -> String {
        let muted = if self.muted { ", muted" } else { "" };
        if self.unread == 0 {
            return format!("{}: all is read{muted}", self.room);
        }
        let mentions =
            if self.mentions > 0 { format!(", {}", counted(self.mentions, "mention")) } else { String::new() };
        format!("{0}: {1} unread{mentions}{muted} (/history {0} after={2})", self.room, self.unread, self.read)
    }

    fn cost(&self) -> usize {
        160
    }
}

/// `UNREAD`.
pub(crate) fn unread(rooms: Vec<OwnRoom>) -> Block {
    let head = if rooms.is_empty() { "All is read." } else { "" };
    let foot =
        if rooms.iter().any(|room| room.unread > 0) { "/read #room marks a room as read, /read all each." } else { "" };
    Block { head: head.into(), foot, ..Block::new("UNREAD", rooms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_says_what_is_unread_for_programs_and_for_people() {
        let room = RoomName::parse("#rust").unwrap();
        let mut own =
            OwnRoom { room, unread: 12, read: 30, last: 42, mentions: 1, notify: Notify::Mentions, muted: true };
        assert_eq!(own.short(), "#rust (12 unread, 1 mention)");
        assert_eq!(own.sentence(Zone::UTC), "#rust: 12 unread, 1 mention, muted (/history #rust after=30)");
        let line = own.line();
        assert_eq!((line.kind, line.fields), ("UNREAD", vec!["#rust".to_string(), "12".to_string()]));
        let pairs: Vec<String> = line.pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(pairs.join(" "), "read=30 last=42 mentions=1 notify=mentions muted=yes");
        assert!(own.is_news());
        own.mentions = 0;
        assert!(!own.is_news(), "a muted room stands back");
        (own.unread, own.muted) = (0, false);
        assert_eq!((own.short().into_owned(), own.is_news()), ("#rust".into(), false));
    }
}
