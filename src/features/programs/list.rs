//! What `HOOK` and `BOT` without a name show.

use crate::features::programs::{Kind, Program};
use crate::model::event::Block;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::zone::Zone;

impl Row for Program {
    fn line(&self) -> Parts {
        let day = |at: &chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d").to_string();
        let room = match &self.kind {
            Kind::Hook(room) => Some(room.as_str()),
            Kind::Bot => None,
        };
        let line = Parts::new("PROGRAM").field(&self.name).maybe("room", room).pair("by", self.by.as_str());
        line.pair("since", day(&self.since)).maybe("used", self.used.as_ref().map(day))
    }

    fn sentence(&self, zone: Zone) -> String {
        let day = |at| zone.shows(at).format("%Y-%m-%d");
        let used = self.used.map_or("not used yet".into(), |used| format!("used {}", day(used)));
        format!("{}, made by {} on {}, {used}", self.name, self.by, day(self.since))
    }

    fn cost(&self) -> usize {
        192
    }
}

/// The hooks of a room, or the bots.
pub(super) fn list(kind: &Kind, programs: Vec<Program>) -> Block {
    let head = match (kind, programs.is_empty()) {
        (Kind::Hook(room), true) => format!("No program posts to {room}. One that may: HOOK:{room} <name>"),
        (Kind::Hook(room), false) => format!("Programs that post to {room}:"),
        (Kind::Bot, true) => "There are no bots. To make one: BOT:<name>".into(),
        (Kind::Bot, false) => "Bots:".into(),
    };
    let room = match kind {
        Kind::Hook(room) => Some(room.clone()),
        Kind::Bot => None,
    };
    Block { room, head: head.into(), ..Block::new("PROGRAMS", programs) }
}
