//! All direct talks, by their names and by their members; and the whispers of which nothing shows yet that they were read.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::names::{ClientId, Name, RoomName};
use crate::model::text::Text;

/// The most authors that are remembered for one user; the first one makes way.
const AUTHORS: usize = 64;

/// All direct talks. They have no members as rooms have, for those are in the name, and no list of rooms has them.
pub(crate) struct Talks<R> {
    by_name: BTreeMap<RoomName, R>,
    /// The talks of each member, as [`Talks::insert`] and [`Talks::remove`] have put them there.
    by_member: BTreeMap<Name, BTreeSet<RoomName>>,
    /// Talks that began with a guest. One whose guests have registered may still be among them.
    with_guests: BTreeSet<RoomName>,
}

impl<R> Default for Talks<R> {
    fn default() -> Talks<R> {
        Talks { by_name: BTreeMap::new(), by_member: BTreeMap::new(), with_guests: BTreeSet::new() }
    }
}

impl<R> Talks<R> {
    pub(crate) fn get(&self, name: &RoomName) -> Option<&R> {
        self.by_name.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &R> {
        self.by_name.values()
    }

    pub(crate) fn get_mut(&mut self, name: &RoomName) -> Option<&mut R> {
        self.by_name.get_mut(name)
    }

    pub(crate) fn insert(&mut self, name: RoomName, has_guests: bool, talk: R) {
        for member in name.members() {
            self.by_member.entry(member).or_default().insert(name.clone());
        }
        if has_guests {
            self.with_guests.insert(name.clone());
        }
        self.by_name.insert(name, talk);
    }

    pub(crate) fn remove(&mut self, name: &RoomName) -> Option<R> {
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
    pub(crate) fn of(&self, member: &Name) -> impl Iterator<Item = &R> {
        self.by_member.get(member).into_iter().flatten().filter_map(|name| self.by_name.get(name))
    }

    /// The talks that began with a guest, those that are kept by now among them.
    pub(crate) fn with_guests(&self) -> impl ExactSizeIterator<Item = &RoomName> {
        self.with_guests.iter()
    }

    /// How many talks are kept nowhere.
    pub(crate) fn count_unkept(&mut self, is_kept: impl Fn(&R) -> bool) -> usize {
        self.with_guests.retain(|name| self.by_name.get(name).is_some_and(|talk| !is_kept(talk)));
        self.with_guests.len()
    }
}

/// By the number of the user who may not have read them: of each author how many, and the beginning of the last.
#[derive(Clone, Default, Debug)]
pub(crate) struct Unsure(BTreeMap<ClientId, Vec<(ClientId, usize, Text)>>);

impl Unsure {
    /// Something was said to a user, by this one.
    pub(super) fn note(&mut self, user: ClientId, by: ClientId, text: Text) {
        let authors = self.0.entry(user).or_default();
        let before = authors.iter().position(|(author, ..)| *author == by).map(|place| authors.remove(place));
        authors.push((by, before.map_or(0, |(_, count, _)| count) + 1, text));
        if authors.len() > AUTHORS {
            authors.remove(0);
        }
    }

    /// Takes out what is noted of a user.
    pub(super) fn take(&mut self, user: ClientId) -> Vec<(ClientId, usize, Text)> {
        self.0.remove(&user).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talk_is_found_by_each_member_until_it_is_removed() {
        let name = |name: &str| RoomName::any(name).unwrap();
        let mut talks = Talks::default();
        for talk in ["@ani+budi", "@ani+citra", "@ani+budi"] {
            talks.insert(name(talk), false, talk);
        }
        let of = |talks: &Talks<&'static str>, member: &str| {
            talks.of(&Name::parse(member).unwrap()).copied().collect::<Vec<_>>()
        };
        assert_eq!(of(&talks, "Ani"), ["@ani+budi", "@ani+citra"]);
        assert!(talks.remove(&name("@Budi+ani")).is_some());
        assert_eq!(of(&talks, "ani"), ["@ani+citra"]);
        assert!(of(&talks, "budi").is_empty() && talks.by_member.len() == 2);
    }
}
