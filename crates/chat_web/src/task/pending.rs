//! The answers that a session's task waits for.

use std::collections::BTreeMap;

use chat_server::features::preferences::Preferred;
use chat_server::model::body::Body;
use chat_server::model::event::What;
use chat_server::model::names::{Name, RoomName};

use crate::models::frames::Span;
use crate::models::names::bare;
use crate::session::{Asker, SocketId};
use crate::state::receipts::Receipt;

/// A request under way.
pub(super) struct Pending {
    pub asker: Asker,
    pub what: Wanted,
    /// The askers that sent the same `cid` again meanwhile, and whether the message was the same.
    pub repeats: Vec<(Asker, bool)>,
}

/// What a request under way is to bring.
pub(super) enum Wanted {
    SignOn,
    Said { room: RoomName, cid: Option<String>, text: Body, re: Option<u64>, act: bool },
    Changed(What),
    Whispered { to: Option<Name>, cid: Option<String>, text: Body },
    TopicSet,
    Offered,
    Answered,
    Preferred(Preferred),
    Roster(RoomName),
    Resumed { resume: u64, missed: Missed },
    Nothing,
}

impl Wanted {
    /// The client's own word for what is sent.
    pub(super) fn cid(&self) -> Option<&str> {
        match self {
            Wanted::Said { cid, .. } | Wanted::Whispered { cid, .. } => cid.as_deref(),
            _ => None,
        }
    }

    /// Whether a request with the same `cid` is for the same.
    pub(super) fn is_same(&self, other: &Wanted) -> bool {
        match (self, other) {
            (Wanted::Said { room: a, text: x, .. }, Wanted::Said { room: b, text: y, .. }) => {
                a == b && x.as_str() == y.as_str()
            }
            (Wanted::Whispered { to: a, text: x, .. }, Wanted::Whispered { to: b, text: y, .. }) => {
                a == b && x.as_str() == y.as_str()
            }
            _ => false,
        }
    }

    /// Whether this is what a receipt is for.
    pub(super) fn is_of(&self, receipt: &Receipt) -> bool {
        match (self, receipt) {
            (Wanted::Said { room, text, .. }, Receipt::Said { room: other, text: said, .. }) => {
                bare(room).eq_ignore_ascii_case(other) && text.as_str() == said
            }
            (Wanted::Whispered { to, text, .. }, Receipt::Whispered { to: other, text: said }) => {
                to.as_ref() == Some(other) && text.as_str() == said
            }
            _ => false,
        }
    }
}

/// A resume of one socket: what is still to come, and what came. It goes page by page, each when the one before is
/// written: what a socket missed must not fill the socket's queue.
pub(super) struct Resume {
    pub socket: SocketId,
    pub reference: Option<u64>,
    pub left: Vec<Missed>,
    pub rooms: BTreeMap<String, Span>,
}

/// What a socket missed of one room.
pub(super) struct Missed {
    pub room: RoomName,
    /// The number it asked from.
    pub asked: u64,
    /// The number it has by now.
    pub after: u64,
    /// A number that was surely reached when the router was asked.
    pub end: u64,
}
