//! The name of a direct talk: `@`, and its members in order with `+` between, as in `@ani+budi` (PROTOCOL.md section 6, "History, and what was missed");
//! and what is said where a name finds no user and no room.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::args::user;
use crate::model::code::Code;
use crate::model::names::{Name, RoomName, shown};
use crate::model::refusal::Refusal;

/// The most users of one talk.
pub const MAX_MEMBERS: usize = 8;

impl RoomName {
    /// The talk of these users.
    ///
    /// # Errors
    /// [`Code::NoSuchRoom`] for none, or more than [`MAX_MEMBERS`].
    pub fn talk(members: impl IntoIterator<Item = Name>) -> Result<RoomName, Refusal> {
        // Not by `collect`, which keeps the last of two spellings of one name.
        let mut spelled = BTreeSet::new();
        spelled.extend(members);
        if spelled.is_empty() || spelled.len() > MAX_MEMBERS {
            let words = format!(
                "A direct talk has 2 to {MAX_MEMBERS} users, as in @ani+budi. More meet in a room: /join #name."
            );
            return Err(Refusal::new(Code::NoSuchRoom, words));
        }
        let members: Vec<&str> = spelled.iter().map(Name::as_str).collect();
        Ok(RoomName(format!("@{}", members.join("+")).into()))
    }

    /// The name of a room or of a talk. Where a user names a talk its own name may be missing: [`RoomName::with`] adds it.
    ///
    /// # Errors
    /// As [`RoomName::parse`] and [`RoomName::talk`]; [`Code::NoSuchUser`] for a member that cannot be one.
    pub fn any(name: &str) -> Result<RoomName, Refusal> {
        match name.strip_prefix('@') {
            Some("") => RoomName::talk([]),
            Some(members) => RoomName::talk(members.split('+').map(user).collect::<Result<Vec<_>, _>>()?),
            None => RoomName::parse(name),
        }
    }

    /// Whether it is a direct talk.
    pub fn is_talk(&self) -> bool {
        self.as_str().starts_with('@')
    }

    /// The members of a talk, in order; of a room none, for those are not in its name.
    pub fn members(&self) -> impl Iterator<Item = Name> {
        let members = self.as_str().strip_prefix('@').into_iter().flat_map(|members| members.split('+'));
        members.filter_map(|name| Name::parse(name).ok())
    }

    /// The talk of its members and this one.
    ///
    /// # Errors
    /// As [`RoomName::talk`].
    pub fn with(&self, member: Name) -> Result<RoomName, Refusal> {
        RoomName::talk(self.members().chain([member]))
    }
}

impl Refusal {
    /// No user has that name. Of what cannot be a name at most its first 40 characters are shown.
    pub fn no_such_user(name: impl fmt::Display) -> Refusal {
        let words = format!("No user here is called \"{}\". LIST shows who is on.", shown(&name.to_string()));
        Refusal::new(Code::NoSuchUser, words)
    }

    /// No room has that name.
    pub fn no_such_room(room: &RoomName) -> Refusal {
        if room.is_talk() {
            return Refusal::no_such_talk(room);
        }
        let words = format!("There is no room {room}. /rooms shows them, /join #name opens a new one.");
        Refusal::new(Code::NoSuchRoom, words)
    }

    /// The client has to be in the room for this.
    pub fn not_in_room(room: &RoomName) -> Refusal {
        Refusal::new(Code::NotInRoom, format!("You are not in {room}. /join {room} takes you there."))
    }

    /// There is no talk of that name, or the client is not in it: which of both is not told.
    pub(crate) fn no_such_talk(talk: &RoomName) -> Refusal {
        let words = format!("Nothing was said in {talk} yet. /whisper <user> <message> begins a direct talk.");
        Refusal::new(Code::NoSuchRoom, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(name: &str) -> RoomName {
        RoomName::any(name).unwrap()
    }

    #[test]
    fn a_talk_has_one_name_however_it_is_written() {
        assert_eq!(any("@budi+ani+Budi").as_str(), "@ani+budi");
        assert_eq!(any("@Budi+ani"), any("@ani+budi"));
        assert_eq!(any("@budi").with(Name::parse("ani").unwrap()).unwrap(), any("@ani+budi"));
        assert_eq!(
            any("@budi+ani").members().collect::<Vec<_>>(),
            ["ani", "budi"].map(|name| Name::parse(name).unwrap())
        );
        assert!(any("@ani+budi").is_talk() && !any("#ani").is_talk());
        assert_eq!(any("#tea").members().count(), 0);
    }

    #[test]
    fn no_room_is_a_talk_and_what_cannot_be_a_user_is_in_none() {
        assert!(RoomName::parse("@ani+budi").is_err());
        for bad in ["", "@", "@ani+", "@1+2", "@ani budi", "@a+b+c+d+e+f+g+h+i", "ani+budi"] {
            assert!(RoomName::any(bad).is_err(), "{bad}");
        }
    }
}
