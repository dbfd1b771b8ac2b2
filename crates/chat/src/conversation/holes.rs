//! Lines of a room that were missed: asks for them, puts them in their place, and shows them once.

use super::room::{Fill, is_same};
use super::speech::Speech;
use super::{Ask, Conversation};
use crate::line::{Block, Line};

impl Conversation {
    /// Asks for what was said in a room since the last line that was seen there.
    pub(super) fn catch_up(&mut self, room: &str) {
        let anchor = self.room(room).and_then(|room| room.last.clone());
        let after = anchor.as_ref().and_then(|line| line.number(1)).map_or(0, |id| id.saturating_sub(1));
        self.fill(room, Some(after), anchor);
    }

    pub(super) fn fill(&mut self, room: &str, after: Option<u64>, anchor: Option<Line>) {
        let with_history = self.with_history;
        let Some(known) = self.room(room) else { return };
        known.fill = Some(Fill { anchor, to_the_end: after.is_some() });
        let page = match after {
            Some(id) => format!("{room} after={id} limit=500"),
            // Even who wants no history needs the last line, to know where to go on after a cut.
            None => format!("{room} limit={}", if with_history { 20 } else { 1 }),
        };
        self.ask("HISTORY", &page, Ask::Fill(room.to_string()));
    }

    pub(super) fn filled(&mut self, name: &str, block: Block) {
        let Some(place) = self.rooms.iter().position(|room| room.name.eq_ignore_ascii_case(name)) else { return };
        let room = &mut self.rooms[place];
        let Some(fill) = room.fill.take() else { return };
        let first = block.lines.first();
        if let Some(anchor) = &fill.anchor
            && !first.is_some_and(|first| first.number(1) > anchor.number(1) || is_same(first, anchor))
        {
            // The server was started anew: its ids are others, and everything in it was said since then.
            room.shown.clear();
            room.last = None;
            return self.fill(name, Some(0), None);
        }
        let unacknowledged = &mut self.unacknowledged;
        let mut fresh = Vec::new();
        for line in block.lines.into_iter().filter(Line::is_logged) {
            let is_new = room.saw(&line);
            let own = |speech: &Speech| speech.is_line(&line);
            match unacknowledged.iter().position(own) {
                // It had arrived after all, and stands on the screen as it was typed.
                Some(place) if is_new && fill.to_the_end => drop(unacknowledged.remove(place)),
                _ if is_new => fresh.push(line),
                _ => {}
            }
        }
        if !fresh.is_empty() && (self.with_history || fill.to_the_end) {
            self.view.me.clone_from(&self.name);
            // What was missed calls as it would have then.
            self.rings |= self.has_bell && fill.to_the_end && fresh.iter().any(|line| self.view.is_called_by(line));
            let drawn = self.view.earlier(name, &fresh);
            self.show += &drawn;
        }
        match block.more {
            Some(more) if fill.to_the_end => self.fill(name, Some(more), None),
            _ => self.end_fill(name),
        }
    }

    pub(super) fn end_fill(&mut self, name: &str) {
        let Some(room) = self.room(name) else { return };
        room.fill = None;
        for line in std::mem::take(&mut room.held) {
            if self.room(name).is_some_and(|room| room.saw(&line)) {
                self.draw(&line);
            }
        }
    }
}
