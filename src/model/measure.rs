//! What operators do to clients, as events tell it.

use crate::model::names::{ClientId, Name};
use crate::model::text::Text;

/// What was done to keep order. Who is banned by an address is not said: nobody learns where others are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Somebody is an operator.
    Op {
        /// As whom others know them.
        person: ClientId,
        /// Who.
        name: Name,
    },
    /// Somebody is an operator no more.
    Deop {
        /// As whom others know them; `None` if they are not here.
        person: Option<ClientId>,
        /// Who.
        name: Name,
    },
    /// Somebody has to go.
    Kicked {
        /// As whom others know them.
        person: ClientId,
        /// Who.
        name: Name,
        /// Why.
        why: Option<Text>,
    },
    /// Somebody may not speak.
    Muted {
        /// Who.
        name: Name,
        /// For so many seconds; `None` is until it is lifted.
        seconds: Option<u64>,
        /// Why.
        why: Option<Text>,
    },
    /// Somebody may speak again.
    Unmuted(Name),
    /// Somebody has to go and may not come again.
    Banned {
        /// Who; `None` is whoever comes from an address.
        name: Option<Name>,
        /// For so many seconds; `None` is until it is lifted.
        seconds: Option<u64>,
        /// Why.
        why: Option<Text>,
    },
    /// Somebody may come again; `None` as in `Banned`.
    Unbanned(Option<Name>),
}
