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

/// A length of time for people, in its two largest units: `2 h 5 min`.
pub fn in_words(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut words = Vec::new();
    for (size, unit) in units {
        if rest >= size && words.len() < 2 {
            words.push(format!("{} {unit}", rest / size));
            rest %= size;
        } else if !words.is_empty() {
            // Two units that are not neighbours say more than is meant.
            break;
        }
    }
    if words.is_empty() { "0 s".into() } else { words.join(" ") }
}
