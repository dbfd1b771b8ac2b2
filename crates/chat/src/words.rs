//! What Tab can complete: the names and rooms that the chat spoke of.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::line::Line;

/// What Tab can complete. The editor reads it while the conversation learns.
#[derive(Default)]
pub(crate) struct Words {
    names: Mutex<BTreeSet<String>>,
    rooms: Mutex<BTreeSet<String>>,
}

impl Words {
    /// More than this no Tab needs.
    const MOST: usize = 2_000;

    pub(crate) fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rooms(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn learn(&self, line: &Line) {
        let (name, room) = match line.kind.as_str() {
            "MSG" | "ACT" | "FILE" => (line.field(2), line.field(0)),
            "JOINED" | "LEFT" | "TOPIC" | "TYPING" => (line.field(1), line.field(0)),
            "WHISPER" | "USER" => (line.field(0), ""),
            "NICK" => {
                self.names().remove(line.field(0));
                (line.field(1), "")
            }
            "ROOM" => ("", line.field(0)),
            "OK" => ("", line.pair("room").unwrap_or_default()),
            _ => return,
        };
        let (mut names, mut rooms) = (self.names(), self.rooms());
        if !name.is_empty() && names.len() < Words::MOST {
            names.insert(name.to_string());
        }
        if room.starts_with('#') && rooms.len() < Words::MOST {
            rooms.insert(room.to_string());
        }
    }
}
