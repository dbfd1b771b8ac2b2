//! Client numbers, user names and room names. A name is checked once, where it is made, and is valid from then on.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::model::code::Code;
use crate::model::parts::Value;
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most characters a name, or a room name with its `#`, can have.
pub const MAX_NAME: usize = 32;

/// The number of one connection. It is never given twice, so a late report about it cannot concern another connection.
///
/// | bits | a connection | a user without a connection of that number |
/// | --- | --- | --- |
/// | 63 | 0 | 1 |
/// | 40 to 62 | the incarnation of its node: how many nodes of the chat started before; 0 for a server alone | 0 |
/// | 0 to 39 | its number on that node, from 1 | its number, from 1 |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u64);

impl ClientId {
    /// No connection and no user has this number.
    pub const NONE: ClientId = ClientId(u64::MAX);

    /// The number of a connection, of which there were `number - 1` before on the same node.
    pub const fn of_node(incarnation: u32, number: u64) -> ClientId {
        ClientId((incarnation as u64) << 40 | number)
    }

    /// A number that no connection has, for a client that signs out while others of its account keep its own number.
    pub(crate) const fn synthetic(number: u64) -> ClientId {
        ClientId(1 << 63 | number)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.0)
    }
}

/// A user's name: a letter or `_`, then letters, digits, `_` and `-`; 1 to 32 characters; compared without case.
///
/// ```
/// use chat_server::model::names::Name;
/// let ani = Name::parse("ani").unwrap();
/// assert_eq!(ani, Name::parse("Ani").unwrap());
/// assert!(Name::parse("two words").is_err());
/// ```
#[derive(Clone, Eq)]
pub struct Name(Arc<str>);

impl Name {
    /// The name under which the server itself does something.
    pub(crate) fn server() -> Name {
        Name("server".into())
    }

    /// Checks a name against the rule above.
    ///
    /// # Errors
    /// [`Code::NoName`] if it is empty, [`Code::BadName`] if it breaks the rule.
    pub fn parse(name: &str) -> Result<Name, Refusal> {
        if name.is_empty() {
            return Err(Refusal::fixed(Code::NoName, "A name is missing. JOIN:ani makes you ani."));
        }
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if starts_well && name.len() <= MAX_NAME && name.bytes().all(is_name_byte) {
            Ok(Name(name.into()))
        } else {
            let shown = shown(name);
            let words = format!(
                "\"{shown}\" cannot be a name. A name is 1 to 32 letters, digits, _ or -, and starts with a letter or _."
            );
            Err(Refusal::new(Code::BadName, words))
        }
    }

    /// The name as its owner wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name with a number behind it, shortened where it would be too long: `ani` → `ani2`.
    pub fn numbered(&self, number: usize) -> Name {
        let number = number.to_string();
        let kept = self.0.len().min(MAX_NAME - number.len());
        Name(format!("{}{number}", &self.0[..kept]).into())
    }
}

/// A room's name: `#`, then 1 to 31 letters, digits, `_` and `-`; compared without case. Or that of a direct talk
/// ([`RoomName::talk`]).
#[derive(Clone, Eq)]
pub struct RoomName(pub(super) Arc<str>);

impl RoomName {
    /// Checks a room name against the rule above.
    ///
    /// # Errors
    /// [`Code::NoSuchRoom`] if it breaks the rule, with a hint where only the `#` is missing.
    pub fn parse(name: &str) -> Result<RoomName, Refusal> {
        match name.strip_prefix('#') {
            Some(rest) if can_be_room(rest) => Ok(RoomName(name.into())),
            _ => Err(no_room(&shown(name))),
        }
    }

    /// The room all users start in.
    pub fn lobby() -> RoomName {
        RoomName("#lobby".into())
    }

    /// The name as the room's first visitor wrote it, with its `#`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a word can be a room's name behind the `#`.
fn can_be_room(rest: &str) -> bool {
    (1..MAX_NAME).contains(&rest.len()) && rest.bytes().all(is_name_byte)
}

/// The refusal of a word that is no room's name.
fn no_room(shown: &str) -> Refusal {
    let words = if shown.is_empty() {
        "Which room? Rooms start with #, as in #rust. /rooms shows them.".into()
    } else if can_be_room(shown) {
        format!("Rooms start with #. Did you mean #{shown}?")
    } else {
        format!("\"{shown}\" cannot be a room. A room is # and then 1 to 31 letters, digits, _ or -.")
    };
    Refusal::new(Code::NoSuchRoom, words)
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

/// What a user typed, cut to 40 characters for the answer.
pub(super) fn shown(typed: &str) -> Text {
    Text::new(&typed.chars().take(40).collect::<String>()).unwrap_or_default()
}

macro_rules! compared_without_case {
    ($($name:ident),*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &$name) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                for byte in self.0.bytes() {
                    state.write_u8(byte.to_ascii_lowercase());
                }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &$name) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &$name) -> std::cmp::Ordering {
                let (own, other) = (self.0.bytes(), other.0.bytes());
                own.map(|b| b.to_ascii_lowercase()).cmp(other.map(|b| b.to_ascii_lowercase()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

compared_without_case!(Name, RoomName);

impl From<&Name> for Value {
    fn from(name: &Name) -> Value {
        Value::from(name.as_str())
    }
}

impl From<&RoomName> for Value {
    fn from(room: &RoomName) -> Value {
        Value::from(room.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_follow_the_rule() {
        for good in ["a", "_", "ani", "Ani-2_x", &"n".repeat(32)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["1abc", "-a", "two words", "bob:x", "é", "#ani", "a.b", &"n".repeat(33)] {
            assert_eq!(Name::parse(bad).unwrap_err().code(), Code::BadName, "{bad}");
        }
        assert_eq!(Name::parse("").unwrap_err().code(), Code::NoName);
    }

    #[test]
    fn rooms_follow_the_rule() {
        for good in ["#a", "#1", "#rust-id_2", &format!("#{}", "r".repeat(31))] {
            assert!(RoomName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "#", "rust", "#a b", "#a:b", "##", &format!("#{}", "r".repeat(32))] {
            assert_eq!(RoomName::parse(bad).unwrap_err().code(), Code::NoSuchRoom, "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_a_room_is_not_proposed_as_one() {
        let said = |room: &str| RoomName::parse(room).map_or_else(|e| e.to_string(), |_| "a room".into());
        assert_eq!(said("rust"), "Rooms start with #. Did you mean #rust?");
        for none in ["#", "#café", "#no:where", "café", "#rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"] {
            assert!(said(none).contains("cannot be a room. A room is # and then"), "{none}: {}", said(none));
        }
    }

    #[test]
    fn case_does_not_make_another_name() {
        let seen: HashSet<Name> = ["Ani", "ANI", "ani"].iter().map(|n| Name::parse(n).unwrap()).collect();
        assert_eq!(seen.len(), 1);
        assert_eq!(RoomName::parse("#Lobby").unwrap(), RoomName::lobby());
    }

    #[test]
    fn a_numbered_name_is_a_name() {
        let long = Name::parse(&"n".repeat(32)).unwrap();
        assert!(Name::parse(long.numbered(17).as_str()).is_ok());
        assert_eq!(Name::parse("ani").unwrap().numbered(2).as_str(), "ani2");
    }
}
