//! What `MEMBERS` shows: the accounts that are members of a room, and which of them are offline.

use crate::model::event::Block;
use crate::model::names::{Name, RoomName};
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::zone::Zone;

/// The most members of one list.
pub const LISTED: usize = 1_000;

/// An account that is a member of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The account.
    pub name: Name,
    /// Whether its user is connected, in whatever room.
    pub is_online: bool,
}

impl Row for Listed {
    fn line(&self) -> Parts {
        Parts::new("MEMBER").field(&self.name).maybe("offline", (!self.is_online).then_some("yes"))
    }

    fn sentence(&self, _: Zone) -> String {
        if self.is_online { self.name.to_string() } else { format!("{}, offline", self.name) }
    }

    fn cost(&self) -> usize {
        96
    }
}

/// `MEMBERS`. `is_cut`: there are more than are listed.
pub(crate) fn members(room: RoomName, members: Vec<Listed>, is_cut: bool) -> Block {
    let head = format!("Accounts in {room} ({}):", members.len());
    let foot = if is_cut { "There are more; the list ends here." } else { "" };
    Block { room: Some(room), head: head.into(), foot, ..Block::new("MEMBERS", members) }
}
