//! Lines that the user has said and the server has not confirmed: they are sent again after a new connection.

use crate::line::Line;

/// Something said that the server has not said yet that it has.
pub(super) struct Speech {
    pub(super) tag: String,
    pub(super) from: String,
    pub(super) room: Option<String>,
    pub(super) lines: Vec<String>,
    pub(super) act: bool,
}

impl Speech {
    /// Whether this line in a room's history is what was said here.
    pub(super) fn is_line(&self, line: &Line) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let words = self.lines.last().map_or("", String::as_str);
        same(&self.from, line.field(2))
            && self.room.as_deref().is_some_and(|room| same(room, line.field(0)))
            && words.trim() == line.text.trim()
            && self.act == (line.kind == "ACT")
    }
}
