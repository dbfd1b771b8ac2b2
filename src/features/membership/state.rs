//! The memberships: which rooms an account has, how far each is read, and which unread lines mention the user.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;

/// The most unread mentions of one room that are counted.
pub const MENTIONS: usize = 100;
/// The most rooms of one account.
pub const ROOMS: usize = 20;

/// Of which lines of a room a user wants to be told.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Notify {
    /// Of all.
    #[default]
    All,
    /// Of those that mention the user.
    Mentions,
    /// Of none.
    Nothing,
}

impl Notify {
    /// All of them, in the order of their numbers in a store.
    pub const ALL: [Notify; 3] = [Notify::All, Notify::Mentions, Notify::Nothing];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Notify::All => "all",
            Notify::Mentions => "mentions",
            Notify::Nothing => "none",
        }
    }
}

/// How far an account has read a room, and what it wants to hear of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Mark {
    /// The number of the last line that is read.
    pub read: u64,
    /// Of which lines the user wants to be told.
    pub notify: Notify,
    /// Whether the room stands back in lists.
    pub muted: bool,
}

/// A membership as a store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The account.
    pub account: Name,
    /// The room.
    pub room: RoomName,
    /// Its mark; `None`: the account is no member.
    pub mark: Option<Mark>,
    /// Of no member: the user who invited the account while it was away. In a record a membership with neither is over.
    pub invited_by: Option<Name>,
}

/// A line that mentions an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// The account.
    pub account: Name,
    /// The room of the line.
    pub room: RoomName,
    /// The number of the line.
    pub id: u64,
}

/// One room of one account.
#[derive(Clone, Default, Debug)]
pub(crate) struct Member {
    pub(crate) mark: Mark,
    /// The unread lines that mention the user, the newest [`MENTIONS`].
    pub(crate) mentions: BTreeSet<u64>,
    /// The mark has moved since it was written.
    is_moved: bool,
}

/// All memberships.
#[derive(Clone, Default, Debug)]
pub(crate) struct Members {
    accounts: BTreeMap<Name, BTreeMap<RoomName, Member>>,
    /// The accounts of each room that has any: what is said there looks at these alone.
    by_room: BTreeMap<RoomName, BTreeSet<Name>>,
    /// Rooms that an account was invited to while it was away, and by which user, the oldest first.
    invited: BTreeMap<Name, Vec<(RoomName, Name)>>,
    /// Connections that follow their account (`FOLLOW`).
    pub(crate) followers: BTreeSet<ClientId>,
    /// Connections that have just signed in.
    pub(crate) arriving: BTreeSet<ClientId>,
    /// Rooms that a connection came into while more was unread than it was shown, and the last number then: until all of that is
    /// read, what the user types says nothing of what was read.
    pub(crate) behind: BTreeMap<(ClientId, RoomName), u64>,
    /// Rooms and talks in which something was said that is not handed out yet, and the number before that.
    fresh: BTreeMap<RoomName, u64>,
    /// Lines of direct talks that are not handed out yet, and the connections that get them.
    to_show: Vec<(ClientId, RoomName, u64)>,
    /// Lines of direct talks that a connection was shown since its user has last typed: the first and the last number.
    shown: BTreeMap<ClientId, BTreeMap<RoomName, (u64, u64)>>,
    moved: Vec<(Name, RoomName)>,
    pub(crate) next_write: Option<Moment>,
}

impl Members {
    /// The memberships as a store kept them, with the mentions that are not read.
    pub(crate) fn restored(memberships: Vec<Membership>, mentions: Vec<Mention>) -> Members {
        let mut members = Members::default();
        for Membership { account, room, mark, invited_by } in memberships {
            if let Some(by) = invited_by {
                members.invite(&account, &room, by);
                continue;
            }
            members.insert(&account, &room, mark.unwrap_or_default());
        }
        for Mention { account, room, id } in mentions {
            members.mention(&account, &room, id);
        }
        members
    }

    pub(crate) fn get(&self, account: &Name, room: &RoomName) -> Option<&Member> {
        self.accounts.get(account)?.get(room)
    }

    pub(crate) fn get_mut(&mut self, account: &Name, room: &RoomName) -> Option<&mut Member> {
        self.accounts.get_mut(account)?.get_mut(room)
    }

    /// How many rooms an account is a member of. Direct talks do not count.
    pub(crate) fn count(&self, account: &Name) -> usize {
        self.rooms_of(account).filter(|(room, _)| !room.is_talk()).count()
    }

    /// The rooms and direct talks of an account, in the order of their names.
    pub(crate) fn rooms_of(&self, account: &Name) -> impl Iterator<Item = (&RoomName, &Member)> {
        self.accounts.get(account).into_iter().flatten()
    }

    /// The members of a room, in the order of their names.
    pub(crate) fn of_room(&self, room: &RoomName) -> impl Iterator<Item = &Name> {
        self.by_room.get(room).into_iter().flatten()
    }

    /// Whether any account is a member of a room.
    pub(crate) fn has_members(&self, room: &RoomName) -> bool {
        self.by_room.contains_key(room)
    }

    /// Those of some accounts that are members of a room. It takes the time of the smaller of the two.
    pub(crate) fn among<'a>(&'a self, room: &RoomName, accounts: &'a BTreeSet<Name>) -> impl Iterator<Item = &'a Name> {
        self.by_room.get(room).into_iter().flat_map(|members| members.intersection(accounts))
    }

    /// An account is a member of a room, which is read so far. Returns whether it was none.
    pub(crate) fn add(&mut self, account: &Name, room: &RoomName, read: u64) -> bool {
        let is_new = self.get(account, room).is_none();
        if is_new {
            self.insert(account, room, Mark { read, ..Mark::default() });
            self.uninvite(account, room);
        }
        is_new
    }

    fn insert(&mut self, account: &Name, room: &RoomName, mark: Mark) {
        let rooms = self.accounts.entry(account.clone()).or_default();
        rooms.insert(room.clone(), Member { mark, ..Member::default() });
        self.by_room.entry(room.clone()).or_default().insert(account.clone());
    }

    /// An account that is away is invited to a room. Returns a room whose invitation makes way for it.
    pub(crate) fn invite(&mut self, account: &Name, room: &RoomName, by: Name) -> Option<RoomName> {
        let invited = self.invited.entry(account.clone()).or_default();
        invited.retain(|(other, _)| other != room);
        invited.push((room.clone(), by));
        (invited.len() > ROOMS).then(|| invited.remove(0).0)
    }

    /// The rooms that an account was invited to while it was away, each with the user who did that.
    pub(crate) fn invitations(&self, account: &Name) -> &[(RoomName, Name)] {
        self.invited.get(account).map_or(&[], Vec::as_slice)
    }

    /// An account is not invited to a room any more. Returns whether it was.
    pub(crate) fn uninvite(&mut self, account: &Name, room: &RoomName) -> bool {
        let Some(invited) = self.invited.get_mut(account) else { return false };
        let before = invited.len();
        invited.retain(|(other, _)| other != room);
        let was_invited = invited.len() < before;
        if invited.is_empty() {
            self.invited.remove(account);
        }
        was_invited
    }

    /// Something was said, or changed, under that number, and will be handed out with its turn.
    pub(crate) fn hold_back(&mut self, room: &RoomName, number: u64) {
        if !self.fresh.contains_key(room) {
            self.fresh.insert(room.clone(), number.saturating_sub(1));
        }
    }

    /// The number of the last line of a room that clients were shown; `last` is that of the room.
    pub(crate) fn handed_out(&self, room: &RoomName, last: u64) -> u64 {
        self.fresh.get(room).copied().unwrap_or(last)
    }

    /// A connection will be shown a line of a direct talk.
    pub(crate) fn show(&mut self, id: ClientId, talk: &RoomName, number: u64) {
        self.to_show.push((id, talk.clone(), number));
    }

    /// Clients get all that was said.
    pub(crate) fn hand_out(&mut self) {
        self.fresh.clear();
        for (id, talk, number) in self.to_show.drain(..) {
            self.shown.entry(id).or_default().entry(talk).or_insert((number, number)).1 = number;
        }
    }

    /// Takes what a connection was shown of direct talks, each with the first and the last number.
    pub(crate) fn take_shown(&mut self, id: ClientId) -> BTreeMap<RoomName, (u64, u64)> {
        self.shown.remove(&id).unwrap_or_default()
    }

    /// A membership is to be written with the marks that move, and not at once.
    pub(crate) fn write_later(&mut self, account: &Name, room: &RoomName) {
        let Some(member) = self.get_mut(account, room) else { return };
        if !std::mem::replace(&mut member.is_moved, true) {
            self.moved.push((account.clone(), room.clone()));
        }
    }

    /// An account is a member of a room no more. Returns whether it was one.
    pub(crate) fn end(&mut self, account: &Name, room: &RoomName) -> bool {
        let Some(rooms) = self.accounts.get_mut(account) else { return false };
        let was_member = rooms.remove(room).is_some();
        if rooms.is_empty() {
            self.accounts.remove(account);
        }
        self.is_out(account, room);
        was_member
    }

    /// Takes an account out of the list of a room.
    fn is_out(&mut self, account: &Name, room: &RoomName) {
        let Some(accounts) = self.by_room.get_mut(room) else { return };
        accounts.remove(account);
        if accounts.is_empty() {
            self.by_room.remove(room);
        }
    }

    /// A room is read up to a line. A mark moves forward only; returns whether it did.
    pub(crate) fn read(&mut self, account: &Name, room: &RoomName, id: u64) -> bool {
        let Some(member) = self.get_mut(account, room).filter(|member| member.mark.read < id) else { return false };
        member.mark.read = id;
        member.mentions = member.mentions.split_off(&(id + 1));
        self.write_later(account, room);
        true
    }

    /// A line mentions the user of an account. Returns whether that account is a member of the room.
    pub(crate) fn mention(&mut self, account: &Name, room: &RoomName, id: u64) -> bool {
        let Some(member) = self.get_mut(account, room) else { return false };
        if id > member.mark.read {
            member.mentions.insert(id);
            if member.mentions.len() > MENTIONS {
                member.mentions.pop_first();
            }
        }
        true
    }

    /// A line is deleted, and mentions no user any more.
    pub(crate) fn unmention(&mut self, room: &RoomName, id: u64) {
        for account in self.by_room.get(room).into_iter().flatten() {
            if let Some(member) = self.accounts.get_mut(account).and_then(|rooms| rooms.get_mut(room)) {
                member.mentions.remove(&id);
            }
        }
    }

    /// Takes the marks that have moved since they were written: those of one account, or all.
    pub(crate) fn take_moved(&mut self, of: Option<&Name>) -> Vec<Membership> {
        let is_meant = |moved: &mut (Name, RoomName)| of.is_none_or(|of| *of == moved.0);
        let moved: Vec<_> = self.moved.extract_if(.., is_meant).collect();
        let taken = moved.into_iter().filter_map(|(account, room)| {
            let member = self.get_mut(&account, &room).filter(|member| member.is_moved)?;
            member.is_moved = false;
            let mark = Some(member.mark);
            Some(Membership { account, room, mark, invited_by: None })
        });
        taken.collect()
    }

    /// Whether a mark has moved since it was written.
    pub(crate) fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// A room is no more.
    pub(crate) fn forget_room(&mut self, room: &RoomName) {
        for account in self.by_room.remove(room).into_iter().flatten() {
            self.end(&account, room);
        }
        self.invited.retain(|_, invited| {
            invited.retain(|(other, _)| other != room);
            !invited.is_empty()
        });
    }

    /// An account is removed.
    pub(crate) fn forget_account(&mut self, account: &Name) {
        for room in self.accounts.remove(account).into_iter().flat_map(BTreeMap::into_keys) {
            self.is_out(account, &room);
        }
        self.invited.remove(account);
    }

    /// A connection is gone.
    pub(crate) fn forget_client(&mut self, id: ClientId) {
        self.followers.remove(&id);
        self.arriving.remove(&id);
        self.behind.retain(|(client, _), _| *client != id);
        self.shown.remove(&id);
        self.to_show.retain(|(client, ..)| *client != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ani() -> (Name, RoomName) {
        (Name::parse("ani").unwrap(), RoomName::lobby())
    }

    #[test]
    fn a_mark_moves_forward_and_is_written_once() {
        let (ani, lobby) = ani();
        let mut members = Members::default();
        assert!(!members.read(&ani, &lobby, 3), "there is no such member");
        assert!(members.add(&ani, &lobby, 2) && !members.add(&ani, &lobby, 9));
        assert!(members.read(&ani, &lobby, 5) && members.read(&ani, &lobby, 7));
        assert!(!members.read(&ani, &lobby, 6) && !members.read(&ani, &lobby, 7));
        let written = members.take_moved(None);
        assert_eq!(written.len(), 1);
        assert_eq!(written[0].mark.map(|mark| mark.read), Some(7));
        assert!(members.take_moved(None).is_empty() && !members.has_moved());
    }

    #[test]
    fn the_list_of_a_room_is_what_its_accounts_say_whatever_happens() {
        let names = ["ani", "budi", "citra", "dewi"].map(|name| Name::parse(name).unwrap());
        let rooms = ["#a", "#b", "@ani+budi"].map(|room| RoomName::any(room).unwrap());
        let all: BTreeSet<Name> = names.iter().cloned().collect();
        let mark = Some(Mark::default());
        let kept = Membership { account: names[3].clone(), room: rooms[0].clone(), mark, invited_by: None };
        let mut members = Members::restored(vec![kept], Vec::new());
        let mut draw = 1_u64;
        for step in 0..2_000 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (name, room) = (&names[(draw >> 40) as usize % 4], &rooms[(draw >> 50) as usize % 3]);
            match (draw >> 33) % 8 {
                0..=3 => drop(members.add(name, room, step)),
                4 | 5 => drop(members.end(name, room)),
                6 => members.forget_room(room),
                _ => members.forget_account(name),
            }
            for room in &rooms {
                let right: Vec<&Name> = names.iter().filter(|name| members.get(name, room).is_some()).collect();
                assert_eq!(members.among(room, &all).collect::<Vec<_>>(), right, "{step}: {room}");
                assert_eq!(members.has_members(room), !right.is_empty());
            }
        }
    }

    #[test]
    fn what_is_not_handed_out_was_not_shown() {
        let (_, lobby) = ani();
        let (talk, id) = (RoomName::any("@ani+budi").unwrap(), ClientId(7));
        let mut members = Members::default();
        members.hold_back(&lobby, 5);
        members.hold_back(&lobby, 6);
        members.show(id, &talk, 3);
        assert_eq!((members.handed_out(&lobby, 6), members.handed_out(&talk, 3)), (4, 3));
        assert!(members.take_shown(id).is_empty());
        members.hand_out();
        members.show(id, &talk, 4);
        members.hand_out();
        assert_eq!(members.handed_out(&lobby, 6), 6);
        assert_eq!(members.take_shown(id).into_iter().collect::<Vec<_>>(), [(talk.clone(), (3, 4))]);
        members.show(id, &talk, 5);
        members.forget_client(id);
        members.hand_out();
        assert!(members.take_shown(id).is_empty());
    }

    #[test]
    fn what_is_read_mentions_the_user_no_more_and_the_count_is_bounded() {
        let (ani, lobby) = ani();
        let mut members = Members::default();
        assert!(!members.mention(&ani, &lobby, 1));
        members.add(&ani, &lobby, 0);
        for id in 1..=150 {
            assert!(members.mention(&ani, &lobby, id));
        }
        let count = |members: &Members| members.get(&ani, &lobby).unwrap().mentions.len();
        assert_eq!(count(&members), MENTIONS);
        members.unmention(&lobby, 150);
        assert_eq!(count(&members), MENTIONS - 1);
        members.read(&ani, &lobby, 148);
        assert_eq!(count(&members), 1);
        assert!(members.end(&ani, &lobby) && !members.end(&ani, &lobby));
    }
}
