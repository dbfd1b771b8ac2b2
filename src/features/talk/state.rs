//! All direct talks, by their names and by their members.

use std::collections::{BTreeMap, BTreeSet};

use crate::features::state::Room;
use crate::model::names::{Name, RoomName};

/// All direct talks. They have no members as rooms have, for those are in the name, and no list of rooms has them.
#[derive(Default)]
pub(crate) struct Talks {
    by_name: BTreeMap<RoomName, Room>,
    /// The talks of each member, as [`Talks::insert`] and [`Talks::remove`] have put them there.
    by_member: BTreeMap<Name, BTreeSet<RoomName>>,
    /// Talks that began with a guest. One whose guests have registered may still be among them.
    with_guests: BTreeSet<RoomName>,
}

impl Talks {
    pub(crate) fn get(&self, name: &RoomName) -> Option<&Room> {
        self.by_name.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.by_name.get_mut(name)
    }

    pub(crate) fn insert(&mut self, talk: Room) {
        let name = talk.name.clone();
        for member in name.members() {
            self.by_member.entry(member).or_default().insert(name.clone());
        }
        if !talk.features.guests.is_empty() {
            self.with_guests.insert(name.clone());
        }
        self.by_name.insert(name, talk);
    }

    pub(crate) fn remove(&mut self, name: &RoomName) -> Option<Room> {
        let talk = self.by_name.remove(name)?;
        self.with_guests.remove(name);
        for member in name.members() {
            if let Some(talks) = self.by_member.get_mut(&member) {
                talks.remove(name);
                if talks.is_empty() {
                    self.by_member.remove(&member);
                }
            }
        }
        Some(talk)
    }

    /// The talks of a user of that name, in order.
    pub(crate) fn of(&self, member: &Name) -> impl Iterator<Item = &Room> {
        self.by_member.get(member).into_iter().flatten().filter_map(|name| self.by_name.get(name))
    }

    /// The talks that began with a guest, those that are kept by now among them.
    pub(crate) fn with_guests(&self) -> impl ExactSizeIterator<Item = &RoomName> {
        self.with_guests.iter()
    }

    /// How many talks are kept nowhere.
    pub(crate) fn count_unkept(&mut self) -> usize {
        self.with_guests.retain(|name| self.by_name.get(name).is_some_and(|talk| !talk.features.is_kept));
        self.with_guests.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::state::RoomState;

    #[test]
    fn a_talk_is_found_by_each_member_until_it_is_removed() {
        let talk = |name: &str| Room::new(RoomName::any(name).unwrap(), 0, 0, RoomState::default());
        let mut talks = Talks::default();
        for name in ["@ani+budi", "@ani+citra", "@ani+budi"] {
            talks.insert(talk(name));
        }
        let of = |talks: &Talks, member: &str| {
            talks.of(&Name::parse(member).unwrap()).map(|talk| talk.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of(&talks, "Ani"), ["@ani+budi", "@ani+citra"]);
        assert!(talks.remove(&RoomName::any("@Budi+ani").unwrap()).is_some());
        assert_eq!(of(&talks, "ani"), ["@ani+citra"]);
        assert!(of(&talks, "budi").is_empty() && talks.by_member.len() == 2);
    }
}
