//! A ban or a mute: its target, its time, and what a user under it is told.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::features::moderation::network::Network;
use crate::model::code::Code;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most bytes of a reason.
pub const MAX_REASON: usize = 200;
/// The longest time for which a user can be banned or muted; without a time it is until it is lifted.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// The target of a ban or a mute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// The user with that name, and the connections that had it at that time, also under a later name.
    Name(Name),
    /// All connections from these addresses.
    Network(Network),
}

impl Target {
    /// The name, if it holds one.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Target::Name(name) => Some(name),
            Target::Network(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Name(name) => name.fmt(f),
            Target::Network(network) => network.fmt(f),
        }
    }
}

/// What it keeps a user from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// From speaking.
    Mute,
    /// From being there at all.
    Ban,
}

/// A ban or a mute, as it is shown and stored. Its times are those of the wall clock: they are for people, and for the
/// next run of the server. While the server runs, `InForce` has the end that counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ban {
    /// Which of the two.
    pub kind: Kind,
    /// The user, or all users from an address.
    pub target: Target,
    /// The name of the operator.
    pub by: Name,
    /// The reason given, if any.
    pub why: Option<Text>,
    /// The start, by the wall clock.
    pub since: DateTime<Utc>,
    /// The end; `None` is until it is lifted.
    pub until: Option<DateTime<Utc>>,
}

/// What a user under a ban or a mute is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Seconds until it is over; `None` is until it is lifted.
    pub retry: Option<u64>,
    /// The name of the operator.
    pub by: Name,
    /// The reason given, if any.
    pub why: Option<Text>,
}

/// `by ani, for 9 min more: spam`
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}", self.by)?;
        if let Some(seconds) = self.retry {
            write!(f, ", for {} more", in_words(seconds))?;
        }
        match &self.why {
            Some(why) => write!(f, ": {}", why.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

impl Notice {
    fn refusal(&self, code: Code, words: String) -> Refusal {
        let refusal = Refusal::new(code, words);
        match self.retry {
            Some(retry) => refusal.with("retry", retry),
            None => refusal,
        }
    }

    /// What a user is told who is muted: in a room, or everywhere.
    pub fn muted(&self, room: Option<&RoomName>) -> Refusal {
        let words = match room {
            Some(room) => format!("You are muted in {room} {self}."),
            None => format!("You are muted everywhere {self}."),
        };
        self.refusal(Code::CannotSpeak, words)
    }

    /// What a user is told who may not come to the server; `name` is what is banned, where it is not the user.
    pub fn banned(&self, name: Option<&Name>) -> Refusal {
        let words = match name {
            Some(name) => format!("The name {name} is banned {self}."),
            None => format!("You are banned from this server {self}."),
        };
        self.refusal(Code::Banned, words)
    }

    /// The same for a room.
    pub fn banned_from(&self, room: &RoomName, name: Option<&Name>) -> Refusal {
        let words = match name {
            Some(name) => {
                format!("{name} is banned from {room} {self}. Its operators can lift that: /unban {room} {name}.")
            }
            None => format!("You are banned from {room} {self}. Its operators can lift that."),
        };
        self.refusal(Code::BannedFromRoom, words)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_two_units_at_most() {
        for (seconds, words) in
            [(0, "0 s"), (59, "59 s"), (600, "10 min"), (7_500, "2 h 5 min"), (86_405, "1 d"), (90_000, "1 d 1 h")]
        {
            assert_eq!(in_words(seconds), words);
        }
    }
}
