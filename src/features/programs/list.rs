//! What `HOOK` and `BOT` without a name show, and what there is of webhooks.

use crate::features::programs::webhooks::{Letter, Webhook};
use crate::features::programs::{Kind, Program};
use crate::model::event::Block;
use crate::model::names::RoomName;
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

impl Row for Webhook {
    fn line(&self) -> Parts {
        let day = |at: &chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d").to_string();
        let line = Parts::new("WEBHOOK").field(self.number).text(self.address.origin());
        let line = line.pair("room", self.room.as_str()).pair("by", self.by.as_str());
        line.pair("since", day(&self.since)).maybe("used", self.used.as_ref().map(day))
    }

    fn sentence(&self, zone: Zone) -> String {
        let (number, room, origin, by) = (self.number, &self.room, self.address.origin(), &self.by);
        let day = |at| zone.shows(at).format("%Y-%m-%d");
        let used = self.used.map_or("nothing delivered yet".into(), |used| format!("delivered {}", day(used)));
        format!("{number}: {room} to {origin}, made by {by} on {}, {used}", day(self.since))
    }

    fn cost(&self) -> usize {
        192 + self.address.origin().len()
    }
}

impl Row for Letter {
    fn line(&self) -> Parts {
        let line = Parts::new("LETTER").field(self.number).pair("webhook", self.webhook);
        let line = line.pair("room", self.room.as_str()).pair("id", self.event);
        line.pair("tries", u64::from(self.tries)).text(&self.why)
    }

    fn sentence(&self, zone: Zone) -> String {
        let Letter { number, webhook, room, event, tries, why, .. } = self;
        let at = zone.shows(self.at).format("%Y-%m-%d %H:%M");
        format!("{number}: {room} {event} by webhook {webhook}, tried {tries} times until {at}: {why}")
    }

    fn at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        Some(self.at)
    }

    fn cost(&self) -> usize {
        192 + self.why.len()
    }
}

/// The webhooks of a room, or all.
pub(super) fn webhooks(room: Option<&RoomName>, webhooks: Vec<Webhook>) -> Block {
    let head = match (room, webhooks.is_empty()) {
        (Some(room), true) => {
            format!("What is said in {room} is sent nowhere. To send it on: WEBHOOK:{room} https://<address>")
        }
        (Some(room), false) => format!("What is said in {room} is sent to:"),
        (None, true) => "There are no webhooks.".into(),
        (None, false) => "Webhooks:".into(),
    };
    Block { room: room.cloned(), head: head.into(), ..Block::new("WEBHOOKS", webhooks) }
}

/// What could not be delivered.
pub(super) fn dead_letters(letters: Vec<Letter>) -> Block {
    let head = match letters.is_empty() {
        true => "There are no dead letters: all is delivered, or is still tried.",
        false => "Dead letters. To try one again: WEBHOOK:again <number>",
    };
    Block { head: head.into(), ..Block::new("LETTERS", letters) }
}
