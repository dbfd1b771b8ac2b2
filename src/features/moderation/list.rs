//! What `BANS` shows: who is banned and who is muted, for how long, by whom and why.

use chrono::{DateTime, Utc};

use crate::features::moderation::sanction::{Kind, Told};
use crate::model::event::Block;
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::text::Text;
use crate::model::zone::Zone;

/// One ban or mute, as `BANS` shows it.
#[derive(Clone, Debug)]
pub struct BanInfo {
    /// Which of the two.
    pub kind: Kind,
    /// Whom; `None` where it is an address that the asker may not see.
    pub whom: Option<Text>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who said so, for how long yet, and why.
    pub told: Box<Told>,
}

impl Row for BanInfo {
    fn line(&self) -> Parts {
        let BanInfo { kind, whom, since, told } = self;
        let line = Parts::new("BAN").field(whom.as_deref().unwrap_or("*")).field(&told.by);
        let line = line.maybe("mute", (*kind == Kind::Mute).then_some(1_u64)).maybe("for", told.retry);
        // To the minute, without a colon, which no field can hold.
        let line = line.pair("since", since.format("%Y-%m-%dT%H%MZ").to_string());
        match &told.why {
            Some(why) => line.text(why),
            None => line,
        }
    }

    fn sentence(&self, _: Zone) -> String {
        let whom = self.whom.as_deref().unwrap_or("an address");
        let what = if self.kind == Kind::Mute { "muted" } else { "banned" };
        format!("{whom}, {what} {}", self.told)
    }

    fn cost(&self) -> usize {
        192 + self.told.why.as_ref().map_or(0, |why| why.len())
    }
}

/// `BANS`: the bans and mutes of a room; `None` is the whole server.
pub fn bans(room: Option<RoomName>, bans: Vec<BanInfo>) -> Block {
    let place = room.as_ref().map_or("the whole server", RoomName::as_str);
    let head = match bans.len() {
        0 => format!("Nobody is banned or muted: {place}."),
        _ => format!("Banned or muted, {place}:"),
    };
    Block { room, head: head.into(), ..Block::new("BANS", bans) }
}
