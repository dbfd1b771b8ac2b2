//! The rows and blocks of the kernel: users, rooms, verbs, figures, and lines that were said before.

use std::any::Any;
use std::sync::Arc;

use crate::model::body::LINE;
use crate::model::event::{Block, Change, Envelope, Event, Rows, Speech, What};
use crate::model::names::{Name, RoomName};
use crate::model::parts::Parts;
use crate::model::roles::Role;
use crate::model::row::{Row, Table};
use crate::model::text::Text;
use crate::model::verb::Verb;
use crate::model::zone::Zone;

/// One person, as `LIST` and `WHO` show them.
#[derive(Clone, Debug)]
pub struct User {
    /// The name the client has then.
    pub name: Name,
    /// Those of the rooms that the asker may know of.
    pub rooms: Vec<RoomName>,
    /// Seconds since the last line.
    pub idle: u64,
    /// The door by which the user came: `line`, `web`.
    pub door: &'static str,
    /// What they may do, if the name is theirs.
    pub account: Option<Role>,
    /// The away message, if away.
    pub away: Option<Text>,
    /// What they are in each of these rooms, in the same order.
    pub ranks: Vec<Rank>,
}

/// What a user is in a room.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Rank {
    /// Whether it is an operator.
    pub op: bool,
    /// Whether it speaks where the room is moderated.
    pub voice: bool,
}

/// One room, as `ROOMS` shows it.
#[derive(Clone, Debug)]
pub struct RoomInfo {
    /// The name the client has then.
    pub name: RoomName,
    /// How many are in it.
    pub users: usize,
    /// Its modes: `+it`.
    pub modes: Text,
    /// The topic, as far as the asker may know it.
    pub topic: Text,
}

/// One figure of `STATS`.
#[derive(Clone, Debug)]
pub struct Stat {
    /// A word for programs.
    pub key: &'static str,
    /// The figure.
    pub value: u64,
    /// What it counts, and its unit.
    pub text: &'static str,
}

impl User {
    fn all_rooms(&self) -> String {
        if self.rooms.is_empty() {
            return "-".into();
        }
        self.rooms.iter().map(|room| room.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl Row for User {
    fn line(&self) -> Parts {
        let line = Parts::new("USER")
            .field(&self.name)
            .pair("rooms", self.all_rooms())
            .pair("idle", self.idle)
            .pair("door", self.door)
            .maybe("account", self.account.map(Role::word));
        match &self.away {
            Some(why) => line.pair("away", 1_u64).text(why),
            None => line,
        }
    }

    fn sentence(&self, _: Zone) -> String {
        let away = self.away.as_ref().map_or(String::new(), |why| format!(", away: {why}"));
        format!("{} in {}, idle {} s, by {}{away}", self.name, self.all_rooms(), self.idle, self.door)
    }

    fn cost(&self) -> usize {
        let rooms: usize = self.rooms.iter().map(|room| room.as_str().len() + 1).sum();
        LINE + rooms + self.away.as_ref().map_or(0, |away| away.len())
    }
}

impl Row for RoomInfo {
    fn line(&self) -> Parts {
        let line = Parts::new("ROOM").field(&self.name).pair("users", self.users).pair("modes", &self.modes);
        if self.topic.is_empty() { line } else { line.text(&self.topic) }
    }

    fn sentence(&self, _: Zone) -> String {
        let colon = if self.topic.is_empty() { "" } else { ": " };
        format!("{} ({}){colon}{}", self.name, people(self.users), self.topic)
    }

    fn cost(&self) -> usize {
        LINE + self.topic.len()
    }
}

impl Row for &'static Verb {
    fn line(&self) -> Parts {
        Parts::new("HELP").field(self.name).text(format_args!("{}  - {}", self.usage, self.help))
    }

    fn sentence(&self, _: Zone) -> String {
        format!("{}  - {}", self.usage, self.help)
    }

    fn cost(&self) -> usize {
        2 * LINE
    }
}

impl Row for Stat {
    fn line(&self) -> Parts {
        Parts::new("STAT").field(self.key).field(self.value).text(self.text)
    }

    fn sentence(&self, _: Zone) -> String {
        format!("{}: {}", self.text, self.value)
    }

    fn cost(&self) -> usize {
        LINE
    }
}

impl Block {
    /// Rows about no room, and nothing more.
    pub fn new(kind: &'static str, rows: impl Table) -> Block {
        Block::of(kind, Rows::Made(Arc::new(rows)))
    }

    /// Old lines about no room, and nothing more.
    pub fn of_lines(kind: &'static str, lines: Vec<Arc<Envelope>>) -> Block {
        Block::of(kind, Rows::Lines(lines))
    }

    fn of(kind: &'static str, rows: Rows) -> Block {
        Block { tag: None, kind, room: None, rows, more: None, head: "".into(), foot: "", is_update: false }
    }
}

impl Rows {
    /// The rows, if they are of this type.
    pub fn open<R: Row>(&self) -> Option<&[R]> {
        let Rows::Made(table) = self else { return None };
        let table: &dyn Any = &**table;
        table.downcast_ref::<Vec<R>>().map(Vec::as_slice)
    }

    /// How many server lines they are.
    pub fn count(&self) -> usize {
        match self {
            Rows::Lines(lines) => lines.iter().map(|line| line.count()).sum(),
            Rows::Made(table) => table.count(),
        }
    }

    /// About how many bytes they have.
    pub fn cost(&self) -> usize {
        match self {
            Rows::Lines(lines) => lines.iter().map(|line| line.cost()).sum(),
            Rows::Made(table) => table.cost(),
        }
    }
}

impl Envelope {
    /// How many server lines it is.
    pub fn count(&self) -> usize {
        match &self.event {
            Event::Said(Speech { text, .. })
            | Event::Whispered { text, .. }
            | Event::Changed(Change { what: What::Edited(text), .. }) => text.count(),
            _ => 1,
        }
    }
}

impl Block {
    /// `LIST`: users, of one room or all.
    pub fn list(room: Option<RoomName>, users: Vec<User>) -> Block {
        let head = format!("{} here:", people(users.len()));
        Block { room, head: head.into(), ..Block::new("LIST", users) }
    }

    /// `HISTORY`: old lines, the oldest first. There are more: ask with `before=` that id, or with `after=` it, where that was asked for.
    pub fn history(room: Option<RoomName>, lines: Vec<Arc<Envelope>>, more: Option<u64>) -> Block {
        let place = room.as_ref().map_or("*", RoomName::as_str);
        let (head, foot) = match lines.len() {
            0 => (format!("There are no earlier lines of {place}."), ""),
            count => (format!("{} of {place}:", counted(count, "earlier line")), "End of the earlier lines."),
        };
        Block { room, more, head: head.into(), foot, ..Block::of_lines("HISTORY", lines) }
    }
}

/// `1 line`, `3 lines`.
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".into() } else { format!("{count} people") }
}
