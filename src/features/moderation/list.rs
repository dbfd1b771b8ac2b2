//! What `BANS` shows: who is banned and who is muted, for how long, by target and why.

use chrono::{DateTime, Utc};

use crate::features::moderation::ban::{Kind, Notice};
use crate::model::event::Block;
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::text::Text;
use crate::model::zone::Zone;

/// One ban or mute, as `BANS` shows it.
#[derive(Clone, Debug)]
pub struct BanRow {
    /// Which of the two.
    pub kind: Kind,
    /// A name or an address; `None` where it is an address that the reader may not see.
    pub target: Option<Text>,
    /// The start, by the wall clock.
    pub since: DateTime<Utc>,
    /// By whom, for how much longer, and why.
    pub notice: Box<Notice>,
}

impl Row for BanRow {
    fn line(&self) -> Parts {
        let BanRow { kind, target, since, notice } = self;
        let line = Parts::new("BAN").field(target.as_deref().unwrap_or("*")).field(&notice.by);
        let line = line.maybe("mute", (*kind == Kind::Mute).then_some(1_u64)).maybe("for", notice.retry);
        // To the minute, without a colon, which no field can hold.
        let line = line.pair("since", since.format("%Y-%m-%dT%H%MZ").to_string());
        match &notice.why {
            Some(why) => line.text(why),
            None => line,
        }
    }

    fn sentence(&self, _: Zone) -> String {
        let target = self.target.as_deref().unwrap_or("an address");
        let what = if self.kind == Kind::Mute { "muted" } else { "banned" };
        format!("{target}, {what} {}", self.notice)
    }

    fn cost(&self) -> usize {
        192 + self.notice.why.as_ref().map_or(0, |why| why.len())
    }
}

/// `BANS`: the bans and mutes of a room; `None` is the whole server.
pub fn bans(room: Option<RoomName>, bans: Vec<BanRow>) -> Block {
    let place = room.as_ref().map_or("the whole server", RoomName::as_str);
    let head = match bans.len() {
        0 => format!("No user is banned or muted: {place}."),
        _ => format!("Banned or muted, {place}:"),
    };
    Block { room, head: head.into(), ..Block::new("BANS", bans) }
}
