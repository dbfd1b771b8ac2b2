//! Who may do what: random histories of people with and without accounts, on the bare router with a store, against a plain
//! model of the rules. Every request has a tag, and its answer must have the code that the model says.

use std::collections::{BTreeMap, BTreeSet};

use chat_server::features::moderation::ban::Kind;
use chat_server::model::names::Name;
use chat_server::model::roles::{Policy, Role};
use chat_server::testing::{Bare, MemoryStore, Setup, Stage, quick};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

mod talks;

const SEATS: usize = 5;
const NAMES: [&str; 4] = ["ani", "budi", "citra", "root"];
const ROOMS: [&str; 3] = ["#lobby", "#tea", "#rust"];
const PASSWORDS: [&str; 2] = ["correct-horse", "battery-staple"];

/// What stands for the whole server.
const SERVER: &str = "*";

#[derive(Clone, Debug)]
enum Act {
    Join(&'static str),
    Register(&'static str),
    Login(&'static str, &'static str),
    Logout {
        everywhere: bool,
    },
    Passwd(&'static str, &'static str),
    Nick(&'static str),
    Enter(&'static str, Option<&'static str>),
    Part(&'static str),
    Say(&'static str),
    Edit(&'static str, u64),
    Delete(&'static str, u64),
    Mode(&'static str, &'static str),
    Topic(&'static str),
    Invite(&'static str, &'static str),
    Grant(&'static str, Role),
    /// A code for one person, into a room.
    InviteCode(&'static str),
    InviteCodes,
    EndInviteCode(u64),
    Op(&'static str, &'static str),
    Deop(&'static str, &'static str),
    Kick(&'static str, &'static str),
    /// A ban, or a mute.
    Hold(Kind, &'static str, &'static str),
    Lift(Kind, &'static str, &'static str),
    HangUp,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let name = || select(&NAMES[..]);
    let room = || select(&ROOMS[..]);
    let password = || select(&PASSWORDS[..]);
    let scope = || prop_oneof![4 => room(), 1 => Just(SERVER)];
    let kind = || select(vec![Kind::Mute, Kind::Ban]);
    let id = || 1u64..5;
    prop_oneof![
        8 => name().prop_map(Act::Join),
        4 => password().prop_map(Act::Register),
        10 => (name(), password()).prop_map(|(name, password)| Act::Login(name, password)),
        2 => any::<bool>().prop_map(|everywhere| Act::Logout { everywhere }),
        1 => (password(), password()).prop_map(|(old, new)| Act::Passwd(old, new)),
        3 => name().prop_map(Act::Nick),
        10 => (room(), option::weighted(0.3, Just("k1"))).prop_map(|(room, key)| Act::Enter(room, key)),
        4 => room().prop_map(Act::Part),
        10 => room().prop_map(Act::Say),
        6 => (room(), id()).prop_map(|(room, id)| Act::Edit(room, id)),
        6 => (room(), id()).prop_map(|(room, id)| Act::Delete(room, id)),
        6 => (room(), select(&["+i", "-i", "+k k1", "-k", "+m", "-m", "+t", "-t", "+n", "-n", "+s", "-s"][..]))
            .prop_map(|(room, change)| Act::Mode(room, change)),
        2 => room().prop_map(Act::Topic),
        3 => (name(), room()).prop_map(|(name, room)| Act::Invite(name, room)),
        2 => (name(), select(Role::ALL.to_vec())).prop_map(|(name, role)| Act::Grant(name, role)),
        3 => room().prop_map(Act::InviteCode),
        2 => Just(Act::InviteCodes),
        2 => id().prop_map(Act::EndInviteCode),
        3 => (scope(), name()).prop_map(|(scope, name)| Act::Op(scope, name)),
        3 => (scope(), name()).prop_map(|(scope, name)| Act::Deop(scope, name)),
        3 => (scope(), name()).prop_map(|(scope, name)| Act::Kick(scope, name)),
        5 => (kind(), scope(), name()).prop_map(|(kind, scope, name)| Act::Hold(kind, scope, name)),
        4 => (kind(), scope(), name()).prop_map(|(kind, scope, name)| Act::Lift(kind, scope, name)),
        5 => Just(Act::HangUp),
        1 => Just(Act::Restart),
    ]
}

// ---- the model ----

/// A connection.
#[derive(Clone, Debug)]
struct Seat {
    number: usize,
    /// As whom others know it.
    person: usize,
    name: Option<String>,
    signed: bool,
    rooms: Vec<String>,
    bad_lines: usize,
}

#[derive(Clone, Default, Debug)]
struct Chamber {
    members: BTreeSet<usize>,
    ops: BTreeSet<usize>,
    invited: BTreeSet<usize>,
    accounts: BTreeSet<String>,
    lines: BTreeMap<u64, Line>,
    last_id: u64,
    invite_only: bool,
    key: bool,
    moderated: bool,
    inside_only: bool,
    secret: bool,
    topic_lock: bool,
    has_topic: bool,
    is_kept: bool,
}

#[derive(Clone, Debug)]
struct Line {
    person: usize,
    signed: bool,
    name: String,
    deleted: bool,
}

impl Chamber {
    fn lets_all_in(&self) -> bool {
        !self.invite_only && !self.key
    }

    fn is_open(&self) -> bool {
        self.lets_all_in() && !self.secret
    }

    fn modes(&self) -> [bool; 6] {
        [self.invite_only, self.key, self.moderated, self.inside_only, self.secret, self.topic_lock]
    }
}

#[derive(Default)]
struct Model {
    seats: BTreeMap<usize, Seat>,
    rooms: BTreeMap<String, Chamber>,
    forgotten_id: u64,
    accounts: BTreeMap<String, (String, Role)>,
    /// Which account is a member of which room, here or not.
    memberships: BTreeSet<(String, String)>,
    /// Which account was invited to which room, and has not come in yet.
    invited: BTreeSet<(String, String)>,
    /// Bans and mutes: where, of which kind and of whom, and the connections that they hold whatever those are called.
    held: BTreeMap<(String, Kind, String), BTreeSet<usize>>,
    guests: usize,
    /// How many invitations there were. Each has the next number.
    invitations: u64,
}

/// What an answer must be: `Ok`, or the code of a refusal. And who is let go by it.
type Verdict = Result<Vec<usize>, u16>;

impl Model {
    fn seat(&self, id: usize) -> &Seat {
        &self.seats[&id]
    }

    fn holders(&self, name: &str) -> Vec<usize> {
        self.seats.values().filter(|seat| seat.name.as_deref() == Some(name)).map(|seat| seat.number).collect()
    }

    /// All connections of one person, this one last.
    fn connections(&self, id: usize) -> Vec<usize> {
        let name = self.seat(id).name.clone();
        let mut all: Vec<usize> = name.map_or(Vec::new(), |name| self.holders(&name));
        all.retain(|other| *other != id);
        all.push(id);
        all
    }

    fn role(&self, id: usize) -> Role {
        let seat = self.seat(id);
        let account = seat.name.as_ref().filter(|_| seat.signed).and_then(|name| self.accounts.get(name));
        account.map_or(Role::Member, |(_, role)| *role)
    }

    fn rules(&self, id: usize, room: &Chamber) -> bool {
        room.ops.contains(&id) || self.role(id) >= Role::Op
    }

    fn room_to_read(&self, id: usize, room: &str) -> Result<&Chamber, u16> {
        let chamber = self.rooms.get(room).ok_or(403u16)?;
        if self.is_held(id, Kind::Ban, room) {
            return Err(474);
        }
        if chamber.is_open() || chamber.members.contains(&id) {
            return Ok(chamber);
        }
        let seat = self.seat(id);
        let is_own = seat.signed && seat.name.as_ref().is_some_and(|name| self.belongs(name, room, chamber));
        let is_expected = chamber.invited.contains(&id) || is_own;
        Err(if chamber.invite_only && !is_expected { 473 } else { 442 })
    }

    /// Whether an account may come into a room however it is closed: an operator of it, a member, or one that was invited.
    fn belongs(&self, name: &str, room: &str, chamber: &Chamber) -> bool {
        let is_in = |all: &BTreeSet<_>| all.contains(&(name.into(), room.into()));
        chamber.accounts.contains(name) || is_in(&self.memberships) || is_in(&self.invited)
    }

    fn speakable(&self, id: usize, room: &str) -> Result<&Chamber, u16> {
        let chamber = self.room_to_read(id, room)?;
        self.not_muted(id, room)?;
        if chamber.inside_only && !chamber.members.contains(&id) {
            return Err(404);
        }
        if chamber.moderated && !self.rules(id, chamber) { Err(404) } else { Ok(chamber) }
    }

    fn holds(&self, scope: &str, kind: Kind, id: usize, name: Option<&str>) -> bool {
        let of = self.held.iter().filter(|((place, what, _), _)| place == scope && *what == kind);
        let mut of = of.map(|((_, _, whom), connections)| (whom, connections));
        of.any(|(whom, connections)| connections.contains(&id) || name == Some(whom))
    }

    fn is_held(&self, id: usize, kind: Kind, scope: &str) -> bool {
        self.role(id) < Role::Op && self.holds(scope, kind, id, self.seat(id).name.as_deref())
    }

    fn not_muted(&self, id: usize, room: &str) -> Result<(), u16> {
        let is_muted = self.is_held(id, Kind::Mute, room) || self.is_held(id, Kind::Mute, SERVER);
        if is_muted { Err(404) } else { Ok(()) }
    }

    /// Whether a user may be called that, here and in the rooms they are in; without a name they will be in the lobby.
    fn may_be_called(&self, id: usize, name: &str) -> Result<(), u16> {
        if self.role(id) >= Role::Op {
            return Ok(());
        }
        if self.holds(SERVER, Kind::Ban, id, Some(name)) {
            return Err(465);
        }
        let seat = self.seat(id);
        let lobby = vec!["#lobby".to_string()];
        let rooms = if seat.name.is_some() { &seat.rooms } else { &lobby };
        if rooms.iter().any(|room| self.holds(room, Kind::Ban, id, Some(name))) { Err(474) } else { Ok(()) }
    }

    /// Whether a user keeps order there.
    fn ruled(&self, id: usize, scope: &str) -> Result<(), u16> {
        if scope == SERVER {
            return if self.role(id) >= Role::Op { Ok(()) } else { Err(481) };
        }
        match self.rooms.get(scope) {
            Some(chamber) if self.rules(id, chamber) => Ok(()),
            _ => Err(self.room_to_read(id, scope).err().unwrap_or(482)),
        }
    }

    /// Whether that can be done to a user.
    fn subject(&self, id: usize, name: &str) -> Result<(), u16> {
        if self.seat(id).name.as_deref() == Some(name) {
            return Err(490);
        }
        let of_account = || self.accounts.get(name).map_or(Role::Member, |(_, role)| *role);
        let role = self.holders(name).first().map_or_else(of_account, |id| self.role(*id));
        if role >= Role::Op { Err(484) } else { Ok(()) }
    }

    fn remove_from_room(&mut self, all: &[usize], room: &str) {
        for id in all.iter().rev() {
            if self.seat(*id).rooms.iter().any(|other| other == room) {
                self.leave(*id, room, true);
            }
        }
    }

    /// Puts a connection into a room.
    fn go_in(&mut self, id: usize, room: &str) {
        let (signed, name) = (self.seat(id).signed, self.seat(id).name.clone().unwrap());
        let others = self.connections(id);
        let forgotten_id = self.forgotten_id;
        let chamber =
            self.rooms.entry(room.into()).or_insert_with(|| Chamber { last_id: forgotten_id, ..Chamber::default() });
        let is_first = chamber.members.is_empty() && chamber.accounts.is_empty() && room != "#lobby";
        let is_op = signed && chamber.accounts.contains(&name)
            || others.iter().any(|other| *other != id && chamber.ops.contains(other));
        if is_op || is_first {
            chamber.ops.insert(id);
        }
        chamber.members.insert(id);
        chamber.invited.remove(&id);
        if is_first && signed {
            chamber.accounts.insert(name.clone());
            chamber.is_kept = true;
        }
        if signed {
            self.become_member(&name, room);
        }
        self.seats.get_mut(&id).unwrap().rooms.push(room.into());
    }

    fn become_member(&mut self, account: &str, room: &str) {
        self.memberships.insert((account.into(), room.into()));
        self.invited.remove(&(account.into(), room.into()));
    }

    fn end_membership(&mut self, account: &str, room: &str) {
        self.memberships.remove(&(account.into(), room.into()));
        self.invited.remove(&(account.into(), room.into()));
    }

    /// An account of that name, whose user is in the room or is a member of it.
    fn member_away(&self, name: &str, room: &str) -> Result<(), u16> {
        if self.holders(name).is_empty() && !self.accounts.contains_key(name) {
            return Err(401);
        }
        let is_member = self.accounts.contains_key(name) && self.memberships.contains(&(name.into(), room.into()));
        if is_member { Ok(()) } else { Err(441) }
    }

    /// Takes a connection out of a room. With its last connection the account is no member any more, if that `ends` it.
    fn leave(&mut self, id: usize, room: &str, ends: bool) {
        let mut account = None;
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.rooms.retain(|other| other != room);
            account = seat.name.clone().filter(|_| ends && seat.signed);
        }
        let stays =
            |name: &String| self.holders(name).iter().any(|id| self.seat(*id).rooms.iter().any(|in_it| in_it == room));
        if let Some(account) = account.filter(|name| !stays(name)) {
            self.end_membership(&account, room);
        }
        let has_members = self.memberships.iter().any(|(_, of)| of == room);
        let chamber = self.rooms.get_mut(room).unwrap();
        chamber.members.remove(&id);
        chamber.ops.remove(&id);
        chamber.invited.remove(&id);
        if chamber.members.is_empty() {
            let has_bans = self.held.keys().any(|(place, kind, _)| place == room && *kind == Kind::Ban);
            let has_log = chamber.last_id > 0 && !chamber.lines.is_empty();
            if !chamber.accounts.is_empty() || has_members && !chamber.is_open() {
            } else if chamber.is_open() && (has_log || has_bans || chamber.has_topic) || room == "#lobby" {
                (chamber.moderated, chamber.inside_only, chamber.topic_lock) = (false, false, false);
                chamber.invited.clear();
            } else {
                self.forgotten_id = self.forgotten_id.max(chamber.last_id);
                let last_id = chamber.last_id;
                if chamber.is_kept {
                    self.memberships.retain(|(_, of)| of != room);
                    self.invited.retain(|(_, of)| of != room);
                }
                self.rooms.remove(room);
                if has_bans {
                    self.rooms.insert(room.into(), Chamber { last_id, is_kept: true, ..Chamber::default() });
                } else {
                    self.held.retain(|(place, _, _), _| place != room);
                }
            }
        } else if chamber.ops.is_empty() && chamber.accounts.is_empty() && room != "#lobby" {
            let next = *chamber.members.first().unwrap();
            let all = self.connections(next);
            let seat = self.seat(next).clone();
            let chamber = self.rooms.get_mut(room).unwrap();
            chamber.ops.extend(all.into_iter().filter(|id| chamber.members.contains(id)));
            if seat.signed {
                chamber.accounts.insert(seat.name.unwrap());
                chamber.is_kept = true;
            }
        }
    }

    fn leave_all(&mut self, id: usize) {
        for room in self.seat(id).rooms.clone() {
            self.leave(id, &room, false);
        }
    }

    /// A connection is gone.
    fn remove(&mut self, id: usize) {
        let rooms = self.seats.remove(&id).unwrap().rooms;
        for room in rooms {
            self.leave(id, &room, false);
        }
    }

    /// The name is its own from now on.
    fn own(&mut self, id: usize) {
        let seat = self.seats.get_mut(&id).unwrap();
        seat.signed = true;
        let (name, rooms) = (seat.name.clone().unwrap(), seat.rooms.clone());
        for room in rooms {
            self.become_member(&name, &room);
            let chamber = self.rooms.get_mut(&room).unwrap();
            if chamber.ops.contains(&id) {
                chamber.accounts.insert(name.clone());
                chamber.is_kept = true;
            }
        }
    }

    fn sign_out(&mut self, id: usize) {
        let is_alone = self.connections(id).len() == 1;
        let name = self.seat(id).name.clone().unwrap();
        self.guests += 1;
        let guest = format!("guest {}", self.guests);
        if !is_alone {
            self.leave_all(id);
        }
        let seat = self.seats.get_mut(&id).unwrap();
        seat.signed = false;
        seat.name = Some(guest);
        if is_alone {
            for room in seat.rooms.clone() {
                let chamber = self.rooms.get_mut(&room).unwrap();
                if chamber.accounts.contains(&name) {
                    chamber.ops.remove(&id);
                }
            }
        } else {
            // The others keep the number of the first.
            seat.person = if seat.person == id { usize::MAX - self.guests } else { id };
            self.go_in(id, "#lobby");
        }
    }

    /// All others who came by this account.
    fn others(&self, id: usize) -> Vec<usize> {
        let mut others = self.connections(id);
        others.pop();
        others
    }

    /// What comes of an act, and what it changes.
    fn act(&mut self, id: usize, act: &Act) -> Verdict {
        let seat = self.seat(id).clone();
        let Some(own_name) = seat.name.clone() else {
            return match act {
                Act::Join(name) => {
                    if self.accounts.contains_key(*name) {
                        return Err(486);
                    }
                    self.may_be_called(id, name)?;
                    if !self.holders(name).is_empty() {
                        return Err(433);
                    }
                    self.seats.get_mut(&id).unwrap().name = Some(name.to_string());
                    self.go_in(id, "#lobby");
                    Ok(Vec::new())
                }
                Act::Login(name, password) => self.login(id, name, password),
                Act::Register(_) => Err(461),
                // As a room it is no sign-on.
                _ => Err(451),
            };
        };
        match act {
            Act::Join(_) => Err(462),
            Act::Register(password) => {
                if seat.signed {
                    return Err(484);
                }
                self.accounts.insert(own_name, (password.to_string(), Role::Member));
                self.own(id);
                Ok(Vec::new())
            }
            Act::Login(name, password) => self.login(id, name, password),
            Act::Logout { everywhere } => {
                if !seat.signed {
                    return Err(498);
                }
                let others = if *everywhere { self.others(id) } else { Vec::new() };
                others.iter().for_each(|other| self.remove(*other));
                self.sign_out(id);
                Ok(others)
            }
            Act::Passwd(old, new) => {
                if !seat.signed {
                    return Err(498);
                }
                let account = self.accounts.get_mut(&own_name).unwrap();
                if account.0 != *old {
                    return Err(464);
                }
                account.0 = new.to_string();
                let others = self.others(id);
                others.iter().for_each(|other| self.remove(*other));
                Ok(others)
            }
            Act::Nick(name) => {
                if own_name == *name {
                    return Ok(Vec::new());
                }
                if self.accounts.contains_key(*name) {
                    return Err(486);
                }
                if seat.signed {
                    return Err(484);
                }
                self.may_be_called(id, name)?;
                self.not_muted(id, SERVER)?;
                seat.rooms.iter().try_for_each(|room| self.not_muted(id, room))?;
                if !self.holders(name).is_empty() {
                    return Err(433);
                }
                self.seats.get_mut(&id).unwrap().name = Some(name.to_string());
                Ok(Vec::new())
            }
            Act::Enter(room, key) => {
                if seat.rooms.iter().any(|other| other == room) {
                    return Err(443);
                }
                if self.rooms.contains_key(*room) && self.is_held(id, Kind::Ban, room) {
                    return Err(474);
                }
                if let Some(chamber) = self.rooms.get(*room)
                    && !chamber.invited.contains(&id)
                    && !(seat.signed && self.belongs(&own_name, room, chamber))
                {
                    if chamber.invite_only {
                        return Err(473);
                    }
                    if chamber.key && key.is_none() {
                        return Err(475);
                    }
                }
                for connection in self.connections(id) {
                    if connection == id || !self.is_held(connection, Kind::Ban, room) {
                        self.go_in(connection, room);
                    }
                }
                Ok(Vec::new())
            }
            Act::Part(room) => {
                if !seat.rooms.iter().any(|other| other == room) {
                    return Err(442);
                }
                self.connections(id).into_iter().for_each(|connection| self.leave(connection, room, true));
                Ok(Vec::new())
            }
            Act::Say(room) => {
                self.speakable(id, room)?;
                let chamber = self.rooms.get_mut(*room).unwrap();
                chamber.last_id += 1;
                chamber.is_kept = true;
                let line = Line { person: seat.person, signed: seat.signed, name: own_name, deleted: false };
                chamber.lines.insert(chamber.last_id, line);
                Ok(Vec::new())
            }
            Act::Edit(room, target) | Act::Delete(room, target) => {
                let chamber = self.speakable(id, room)?;
                let line = chamber.lines.get(target).filter(|line| !line.deleted).ok_or(491u16)?;
                let is_own = line.person == seat.person || line.signed && seat.signed && line.name == own_name;
                let deletes = matches!(act, Act::Delete(..));
                if !(is_own || deletes && self.rules(id, chamber)) {
                    return Err(484);
                }
                let chamber = self.rooms.get_mut(*room).unwrap();
                chamber.last_id += 1;
                chamber.lines.get_mut(target).unwrap().deleted |= deletes;
                Ok(Vec::new())
            }
            Act::Mode(room, change) => {
                let chamber = self.room_to_read(id, room)?;
                if !chamber.members.contains(&id) {
                    return Err(442);
                }
                if !self.rules(id, chamber) {
                    return Err(482);
                }
                let chamber = self.rooms.get_mut(*room).unwrap();
                let on = change.starts_with('+');
                let before = chamber.clone();
                match &change[1..2] {
                    "i" => chamber.invite_only = on,
                    "k" => chamber.key = on,
                    "m" => chamber.moderated = on,
                    "n" => chamber.inside_only = on,
                    "s" => chamber.secret = on,
                    _ => chamber.topic_lock = on,
                }
                chamber.is_kept |= chamber.modes() != before.modes();
                Ok(Vec::new())
            }
            Act::Topic(room) => {
                let chamber = self.room_to_read(id, room)?;
                if !chamber.members.contains(&id) {
                    return Err(442);
                }
                self.not_muted(id, room)?;
                if chamber.topic_lock && !self.rules(id, chamber) {
                    return Err(482);
                }
                let chamber = self.rooms.get_mut(*room).unwrap();
                (chamber.has_topic, chamber.is_kept) = (true, true);
                Ok(Vec::new())
            }
            Act::Invite(name, room) => {
                let guests = self.holders(name);
                let guest = guests.first().copied();
                if guest.is_none() && !self.accounts.contains_key(*name) {
                    return Err(401);
                }
                if !self.rooms.get(*room).is_some_and(|chamber| chamber.members.contains(&id)) {
                    return Err(self.room_to_read(id, room).err().unwrap_or(442));
                }
                let chamber = &self.rooms[*room];
                if !chamber.lets_all_in() && !self.rules(id, chamber) {
                    return Err(482);
                }
                if guest.is_some_and(|guest| chamber.members.contains(&guest)) {
                    return Err(443);
                }
                self.not_muted(id, room)?;
                let Some(guest) = guest else {
                    if self.memberships.contains(&(name.to_string(), room.to_string())) {
                        return Err(443);
                    }
                    if self.accounts[*name].1 < Role::Op && self.holds(room, Kind::Ban, usize::MAX, Some(name)) {
                        return Err(474);
                    }
                    self.invited.insert((name.to_string(), room.to_string()));
                    self.rooms.get_mut(*room).unwrap().is_kept = true;
                    return Ok(Vec::new());
                };
                if self.is_held(guest, Kind::Ban, room) {
                    return Err(474);
                }
                if self.accounts.contains_key(*name) {
                    // No other client has that name: it is signed in.
                    if !self.memberships.contains(&(name.to_string(), room.to_string())) {
                        self.invited.insert((name.to_string(), room.to_string()));
                        self.rooms.get_mut(*room).unwrap().is_kept = true;
                    }
                } else {
                    self.rooms.get_mut(*room).unwrap().invited.extend(guests);
                }
                Ok(Vec::new())
            }
            Act::Grant(name, role) => {
                if !self.accounts.contains_key(*name) {
                    return Err(401);
                }
                if self.role(id) < Role::Admin {
                    return Err(481);
                }
                self.accounts.get_mut(*name).unwrap().1 = *role;
                Ok(Vec::new())
            }
            Act::InviteCode(_) | Act::InviteCodes | Act::EndInviteCode(_) if self.role(id) < Role::Op => Err(481),
            Act::InviteCode(room) if !self.rooms.contains_key(*room) => Err(403),
            Act::InviteCode(_) => {
                self.invitations += 1;
                Ok(Vec::new())
            }
            Act::EndInviteCode(number) if *number > self.invitations => Err(490),
            Act::InviteCodes | Act::EndInviteCode(_) => Ok(Vec::new()),
            Act::Op(scope, name) => {
                self.ruled(id, scope)?;
                if matches!(*scope, SERVER | "#lobby") {
                    return Err(490);
                }
                let here = self.holders(name).first().copied();
                let Some(target) = here.filter(|id| self.rooms[*scope].members.contains(id)) else {
                    self.member_away(name, scope)?;
                    let chamber = self.rooms.get_mut(*scope).unwrap();
                    chamber.accounts.insert(name.to_string());
                    chamber.is_kept = true;
                    return Ok(Vec::new());
                };
                let (all, seat) = (self.holders(name), self.seat(target).clone());
                let chamber = self.rooms.get_mut(*scope).unwrap();
                chamber.ops.extend(all.into_iter().filter(|id| chamber.members.contains(id)));
                if seat.signed {
                    chamber.accounts.insert(name.to_string());
                    chamber.is_kept = true;
                }
                Ok(Vec::new())
            }
            Act::Deop(scope, name) => {
                self.ruled(id, scope)?;
                if matches!(*scope, SERVER | "#lobby") {
                    return Err(490);
                }
                let all = self.holders(name);
                let chamber = self.rooms.get_mut(*scope).unwrap();
                if !all.iter().any(|id| chamber.ops.contains(id)) && !chamber.accounts.contains(*name) {
                    return Err(494);
                }
                let others = chamber.ops.iter().any(|op| !all.contains(op));
                if !others && !chamber.accounts.iter().any(|account| account != name) {
                    return Err(484);
                }
                chamber.ops.retain(|op| !all.contains(op));
                chamber.accounts.remove(*name);
                Ok(Vec::new())
            }
            Act::Kick(scope, name) => {
                self.ruled(id, scope)?;
                let here = self.holders(name).first().copied();
                if here.is_none() && (*scope == SERVER || !self.accounts.contains_key(*name)) {
                    return Err(401);
                }
                self.subject(id, name)?;
                let mut all = self.holders(name);
                if *scope == SERVER {
                    all.iter().for_each(|id| self.remove(*id));
                    return Ok(all);
                }
                if !here.is_some_and(|id| self.rooms[*scope].members.contains(&id)) {
                    self.member_away(name, scope)?;
                    self.end_membership(name, scope);
                    return Ok(Vec::new());
                }
                all.sort_unstable();
                self.remove_from_room(&all, scope);
                Ok(Vec::new())
            }
            Act::Hold(kind, scope, name) => {
                self.ruled(id, scope)?;
                self.subject(id, name)?;
                let holders = self.holders(name);
                self.held.entry((scope.to_string(), *kind, name.to_string())).or_default().extend(&holders);
                if *scope == SERVER {
                    if *kind == Kind::Mute {
                        return Ok(Vec::new());
                    }
                    let ids: Vec<usize> = self.seats.keys().copied().collect();
                    let out: Vec<usize> = ids.into_iter().filter(|id| self.is_held(*id, Kind::Ban, SERVER)).collect();
                    out.iter().for_each(|id| self.remove(*id));
                    return Ok(out);
                }
                let chamber = self.rooms.get_mut(*scope).unwrap();
                chamber.is_kept = true;
                if *kind == Kind::Ban {
                    chamber.accounts.remove(*name);
                    self.end_membership(name, scope);
                    let chamber = self.rooms.get_mut(*scope).unwrap();
                    chamber.invited.retain(|id| !holders.contains(id));
                    let members: Vec<usize> = chamber.members.iter().copied().collect();
                    let out = members.into_iter().filter(|id| self.is_held(*id, Kind::Ban, scope));
                    let mut all: Vec<usize> = out.flat_map(|id| self.connections(id)).collect();
                    all.sort_unstable();
                    all.dedup();
                    self.remove_from_room(&all, scope);
                }
                Ok(Vec::new())
            }
            Act::Lift(kind, scope, name) => {
                self.ruled(id, scope)?;
                let holders = self.holders(name);
                let count = self.held.len();
                self.held.retain(|(place, what, whom), connections| {
                    let is_meant = whom == name || holders.iter().any(|id| connections.contains(id));
                    place != scope || what != kind || !is_meant
                });
                if self.held.len() == count {
                    return Err(494);
                }
                if let Some(chamber) = self.rooms.get_mut(*scope) {
                    chamber.is_kept = true;
                }
                Ok(Vec::new())
            }
            Act::HangUp | Act::Restart => unreachable!("no request"),
        }
    }

    fn login(&mut self, id: usize, name: &str, password: &str) -> Verdict {
        // Looked at before the password, but for the server's operators.
        let role = self.accounts.get(name).map_or(Role::Member, |(_, role)| *role);
        if role < Role::Op && self.holds(SERVER, Kind::Ban, usize::MAX, Some(name)) {
            return Err(465);
        }
        if self.accounts.get(name).is_none_or(|(right, _)| right != password) {
            return Err(464);
        }
        let seat = self.seat(id).clone();
        if seat.name.is_none() && role < Role::Op {
            self.may_be_called(id, name)?;
        }
        if seat.name.as_deref() == Some(name) {
            self.own(id);
            return Ok(Vec::new());
        }
        if seat.signed {
            self.sign_out(id);
        }
        let Some(first) = self.holders(name).first().copied() else {
            let is_new = seat.name.is_none();
            self.seats.get_mut(&id).unwrap().name = Some(name.into());
            self.own(id);
            if is_new {
                self.go_in(id, "#lobby");
            } else {
                for room in self.seat(id).rooms.clone() {
                    if self.is_held(id, Kind::Ban, &room) {
                        self.remove_from_room(&[id], &room);
                    }
                }
            }
            return Ok(Vec::new());
        };
        self.leave_all(id);
        let (rooms, person) = (self.seat(first).rooms.clone(), self.seat(first).person);
        let seat = self.seats.get_mut(&id).unwrap();
        (seat.name, seat.signed, seat.person) = (Some(name.into()), true, person);
        for room in rooms {
            if !self.is_held(id, Kind::Ban, &room) {
                self.go_in(id, &room);
            }
        }
        Ok(Vec::new())
    }

    /// Each user is gone at once, and what is kept comes back.
    fn restart(&mut self) {
        self.seats.clear();
        let memberships = &self.memberships;
        let has_members = |name: &String| memberships.iter().any(|(_, of)| of == name);
        self.rooms
            .retain(|name, room| room.is_kept && (!room.invite_only || !room.accounts.is_empty() || has_members(name)));
        self.invited.retain(|(_, room)| self.rooms.contains_key(room));
        let rooms: BTreeSet<String> = self.rooms.keys().cloned().collect();
        self.held.retain(|(place, _, _), _| place == SERVER || rooms.contains(place));
        self.held.values_mut().for_each(BTreeSet::clear);
        for room in self.rooms.values_mut() {
            room.members.clear();
            room.ops.clear();
            room.invited.clear();
            let has_ops = !room.accounts.is_empty();
            room.moderated &= has_ops;
            room.inside_only &= has_ops;
            room.topic_lock &= has_ops;
            // The connections that said them are gone now.
            room.lines.values_mut().for_each(|line| line.person = 0);
        }
        self.rooms.entry("#lobby".into()).or_default();
    }
}

// ---- the real one ----

fn line_of(act: &Act, tag: usize) -> String {
    let (verb, args) = match act {
        Act::Join(name) => ("JOIN", name.to_string()),
        Act::Register(password) => ("REGISTER", password.to_string()),
        Act::Login(name, password) => ("LOGIN", format!("{name} {password}")),
        Act::Logout { everywhere } => ("LOGOUT", if *everywhere { "all".into() } else { String::new() }),
        Act::Passwd(old, new) => ("PASSWD", format!("{old} {new}")),
        Act::Nick(name) => ("NICK", name.to_string()),
        Act::Enter(room, key) => ("JOIN", format!("{room} {}", key.unwrap_or_default())),
        Act::Part(room) => ("PART", room.to_string()),
        Act::Say(room) => ("SAY", format!("{room} line {tag}")),
        Act::Edit(room, id) => ("EDIT", format!("{room} {id} edited {tag}")),
        Act::Delete(room, id) => ("DELETE", format!("{room} {id}")),
        Act::Mode(room, change) => ("MODE", format!("{room} {change}")),
        Act::Topic(room) => ("TOPIC", format!("{room} topic {tag}")),
        Act::Invite(name, room) => ("INVITE", format!("{name} {room}")),
        Act::Grant(name, role) => ("ROLE", format!("{name} {}", role.word())),
        Act::InviteCode(room) => ("INVITECODE", format!("2h {room}")),
        Act::InviteCodes => ("INVITECODE", "list".into()),
        Act::EndInviteCode(number) => ("INVITECODE", format!("end {number}")),
        Act::Op(scope, name) => ("OP", format!("{scope} {name}")),
        Act::Deop(scope, name) => ("DEOP", format!("{scope} {name}")),
        Act::Kick(scope, name) => ("KICK", format!("{scope} {name}")),
        Act::Hold(Kind::Mute, scope, name) => ("MUTE", format!("{scope} {name}")),
        Act::Hold(Kind::Ban, scope, name) => ("BAN", format!("{scope} {name}")),
        Act::Lift(Kind::Mute, scope, name) => ("UNMUTE", format!("{scope} {name}")),
        Act::Lift(Kind::Ban, scope, name) => ("UNBAN", format!("{scope} {name}")),
        Act::HangUp | Act::Restart => unreachable!("no request"),
    };
    format!("{verb}={tag}:{args}\n")
}

/// The answer with this tag: `None` for `OK`, or a code.
fn answer(stage: &mut Bare, who: &str, tag: usize) -> Option<Option<u16>> {
    let mark = format!(" tag={tag}");
    while let Some(line) = stage.next(who) {
        let head = line.split(": ").next().unwrap_or_default();
        if !format!("{head} ").contains(&format!("{mark} ")) {
            continue;
        }
        return match head.split(' ').collect::<Vec<_>>()[1..] {
            ["OK" | "END", ..] => Some(None),
            ["ERR", code, ..] => Some(code.parse().ok()),
            _ => continue,
        };
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1_000), ..ProptestConfig::default() })]

    #[test]
    fn who_may_do_what(steps in vec((0..SEATS, act()), 1..80)) {
        let memory = MemoryStore::default();
        memory.add(&Name::parse("root").unwrap(), PASSWORDS[0], Role::Admin);
        let mut model = Model::default();
        model.accounts.insert("root".into(), (PASSWORDS[0].into(), Role::Admin));
        model.rooms.insert("#lobby".into(), Chamber::default());
        let mut config = quick();
        config.history = 6;
        let mut stage = Bare::new(Setup { kept: Some((memory, Policy::default())), ..config.into() });
        // Which connection sits where. Numbers count up, as the router's do.
        let (mut seats, mut count) = ([0; SEATS], 0);
        let mut done = String::new();
        for (tag, (place, act)) in steps.into_iter().enumerate() {
            done.push_str(&format!("{place} {act:?}\n"));
            if !model.seats.contains_key(&seats[place]) {
                count += 1;
                seats[place] = count;
                stage.connect(&count.to_string());
                let seat = Seat { number: count, person: count, name: None, signed: false, rooms: Vec::new(), bad_lines: 0 };
                model.seats.insert(count, seat);
            }
            let id = seats[place];
            let who = id.to_string();
            match act {
                Act::HangUp => {
                    stage.hang_up(&who);
                    model.remove(id);
                    continue;
                }
                Act::Restart => {
                    stage.restart();
                    model.restart();
                    count = 0;
                    seats = [0; SEATS];
                    continue;
                }
                // Whether a user of that name was heard is another test's.
                Act::Hold(Kind::Mute, _, name) if model.holders(name).is_empty() && !model.accounts.contains_key(name) => {
                    continue;
                }
                _ => {}
            }
            let expected = model.act(id, &act);
            stage.send(&who, line_of(&act, tag).as_bytes());
            let got = answer(&mut stage, &who, tag);
            let code = expected.as_ref().err().copied();
            prop_assert_eq!(got, Some(code), "{}", &done);
            // Before there is a name ten lines that are no good are enough.
            if let Some(seat) = model.seats.get_mut(&id).filter(|seat| seat.name.is_none()) {
                seat.bad_lines += 1;
                if seat.bad_lines == 10 {
                    model.remove(id);
                }
            }
            if code == Some(464) {
                // A minute later a wrong guess is forgotten; how long one has to wait is another test's.
                stage.wait(61);
            }
        }
        // Who is in which room, and who rules there, as each user can see.
        for seat in model.seats.values().filter(|seat| seat.name.is_some()) {
            stage.send(&seat.number.to_string(), b"MODE=ops:#tea +t\n");
            let tea = model.rooms.get("#tea");
            let rules = tea.is_some_and(|room| room.members.contains(&seat.number) && model.rules(seat.number, room));
            let mut said = false;
            while let Some(line) = stage.next(&seat.number.to_string()) {
                said |= line.contains(" OK MODE tag=ops ");
            }
            prop_assert_eq!(said, rules, "{}", &done);
        }
    }
}
