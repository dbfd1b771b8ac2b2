//! What operators do to clients, as events tell it.

use crate::model::names::{ClientId, Name};
use crate::model::text::Text;

/// What was done to keep order. Users banned by address are not named: no user learns where others are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Measure {
    /// A user is an operator.
    Op {
        /// As whom others know them.
        person: ClientId,
        /// The user's name.
        name: Name,
    },
    /// A user is an operator no more.
    Deop {
        /// As whom others know them; `None` if they are not here.
        person: Option<ClientId>,
        /// The user's name.
        name: Name,
    },
    /// A user has to leave.
    Kicked {
        /// As whom others know them.
        person: ClientId,
        /// The user's name.
        name: Name,
        /// The reason given, if any.
        why: Option<Text>,
    },
    /// A user may not speak.
    Muted {
        /// The user's name.
        name: Name,
        /// For so many seconds; `None` is until it is lifted.
        seconds: Option<u64>,
        /// The reason given, if any.
        why: Option<Text>,
    },
    /// A user may speak again.
    Unmuted(Name),
    /// A user has to leave and may not come again.
    Banned {
        /// The user; `None` for all users from an address.
        name: Option<Name>,
        /// For so many seconds; `None` is until it is lifted.
        seconds: Option<u64>,
        /// The reason given, if any.
        why: Option<Text>,
    },
    /// A user may come again; `None` as in `Banned`.
    Unbanned(Option<Name>),
}
