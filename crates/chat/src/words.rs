//! What Tab can complete: the names and rooms that the chat spoke of.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::latest::Latest;
use crate::line::Line;

/// What Tab can complete. The editor reads it while the conversation learns.
pub(crate) struct Words {
    names: Mutex<Latest<()>>,
    rooms: Mutex<Latest<()>>,
}

/// More names, or rooms, than this no Tab needs.
const MOST: usize = 2_000;

impl Default for Words {
    fn default() -> Words {
        Words { names: Mutex::new(Latest::new(MOST)), rooms: Mutex::new(Latest::new(MOST)) }
    }
}

impl Words {
    pub(crate) fn names(&self) -> MutexGuard<'_, Latest<()>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rooms(&self) -> MutexGuard<'_, Latest<()>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn learn(&self, line: &Line) {
        let (name, room) = match line.kind.as_str() {
            "MSG" | "ACT" | "FILE" => (line.field(2), line.field(0)),
            "JOINED" | "LEFT" | "TOPIC" | "TYPING" => (line.field(1), line.field(0)),
            "WHISPER" | "USER" => (line.field(0), ""),
            "NICK" => {
                self.names().forget(line.field(0));
                (line.field(1), "")
            }
            "ROOM" => ("", line.field(0)),
            "OK" => ("", line.pair("room").unwrap_or_default()),
            _ => return,
        };
        if !name.is_empty() {
            self.names().learn(name, ());
        }
        if room.starts_with('#') {
            self.rooms().learn(room, ());
        }
    }

    /// A room, or a direct talk, which is completed without the own name.
    pub(crate) fn learn_place(&self, name: &str, own: &str) {
        self.rooms().learn(&short(name, own), ());
    }
}

/// A direct talk as its member reads it: `@budi` is `@ani+budi` to ani. A room is what it is.
pub(crate) fn short(name: &str, own: &str) -> String {
    let Some(members) = name.strip_prefix('@') else { return name.into() };
    let others: Vec<&str> = members.split('+').filter(|member| !member.eq_ignore_ascii_case(own)).collect();
    if others.is_empty() { name.into() } else { format!("@{}", others.join("+")) }
}
