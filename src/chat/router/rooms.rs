//! Entering, opening, leaving and forgetting rooms.

use std::time::Duration;

use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::chat::message::Client;
use crate::chat::room::{Opener, Room};
use crate::chat::router::presence::{UNANNOUNCED, crowd};
use crate::model::address::neighbourhood;
use crate::model::code::Code;
use crate::model::command::Presence;
use crate::model::event::{Block, Done, Envelope, Event, Leave};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// There is no current room.
pub(crate) const IN_NO_ROOM: Refusal =
    Refusal::fixed(Code::NotInRoom, "You are in no room. /join #lobby takes you to the lobby.");
/// The most rooms one person can be in.
pub(super) const ROOMS_EACH: usize = 20;
/// How long a room counts as new to who opened it.
const NEW_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// What is opened from one address is at most this part of all rooms.
const SHARE_OF_ROOMS: usize = 2;

impl<F: Hooks> Turn<'_, F> {
    /// The room that a command means: the named one, or the current one.
    pub(crate) fn room_or_current(&self, id: ClientId, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        let current = || self.clients.get(id).and_then(|client| client.state.current.clone());
        room.or_else(current).ok_or(IN_NO_ROOM)
    }

    pub(super) fn enter(&mut self, id: ClientId, name: RoomName, key: Option<Text>) -> Result<Answer<F>, Refusal> {
        let client = self.clients.get(id).filter(|client| client.name.is_some()).ok_or(Refusal::NOT_SIGNED_ON)?;
        if client.state.rooms.contains(&name) {
            return Err(already_there(&name));
        }
        if client.state.rooms.len() >= ROOMS_EACH {
            let words = format!("That would be more than {ROOMS_EACH} rooms. Leave one with /part first.");
            return Err(Refusal::new(Code::TooManyRooms, words).with("max", ROOMS_EACH));
        }
        if let Some(room) = self.router.rooms.get(&name) {
            F::may_enter(self, id, room, key.as_ref())?;
        }
        self.open_room(id, &name)?;
        let mut users = 0;
        // One person goes in by all their connections.
        for connection in self.connections(id).into_iter().rev() {
            // But not by one that comes from a banned address.
            let room = self.router.rooms.get(&name);
            if connection != id && !room.is_some_and(|room| F::may_follow(self, connection, room)) {
                continue;
            }
            users = self.go_in(connection, &name)?;
            if connection != id {
                let joined = Event::Joined { room: name.clone(), by: self.person(id), name: self.name_of(id)? };
                self.tell(connection, joined);
            }
        }
        let (room, op) = match self.router.rooms.get(&name) {
            Some(room) => (room.name.clone(), F::is_op(id, room)),
            None => (name, false),
        };
        Ok(Answer::In(Done::Entered { room: room.clone(), users, op }, room))
    }

    /// Makes sure that a room exists, making place for it where there are too many.
    fn open_room(&mut self, id: ClientId, name: &RoomName) -> Result<(), Refusal> {
        let rooms = &self.router.rooms;
        if rooms.contains_key(name) {
            return Ok(());
        }
        let opener = self.may_open(id)?;
        if rooms.len() >= self.router.max_rooms {
            // What is kept is not given up for a room that is new.
            let is_empty = |room: &&Room<F::Room>| room.members.is_empty() && room.name != RoomName::lobby();
            let empty = rooms.values().filter(is_empty).filter(|room| !F::is_lasting(self, room));
            let oldest = empty.min_by_key(|room| room.last_id()).map(|room| (room.name.clone(), room.last_id()));
            let (oldest, last_id) = oldest.ok_or_else(|| no_place_for_rooms(self.router.max_rooms))?;
            self.forget_room(&oldest, last_id);
        }
        let mut room =
            Room::new(name.clone(), self.router.history, self.router.forgotten_id, F::room(self.router.forgotten_id));
        room.opener = Some(opener);
        self.router.rooms.insert(name.clone(), room);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.is_listed = true;
        }
        Ok(())
    }

    /// Whether a user may open one more room: of those that are there, so many may have been opened within a day by one person,
    /// and so many from one address. The server's operators may always.
    fn may_open(&self, id: ClientId) -> Result<Opener, Refusal> {
        let (person, now) = (self.person(id), self.now.mono);
        let account = if self.is_signed_in(id) { Some(self.name_of(id)?) } else { None };
        let near = self.clients.get(id).and_then(Client::address).map(neighbourhood);
        let router = &*self.router;
        let openers = router.rooms.values().filter_map(|room| room.opener.as_ref());
        let (mut own, mut from_here) = (0, 0);
        for opener in openers.filter(|opener| now.saturating_duration_since(opener.at) < NEW_FOR) {
            let is_own = opener.person == Some(person) || account.is_some() && opener.account == account;
            own += usize::from(is_own);
            from_here += usize::from(near.is_some() && opener.near == near);
        }
        let (each, address) = (router.rooms_each, router.rooms_each_address);
        let share = address.min(router.max_rooms / SHARE_OF_ROOMS).max(1);
        if !F::may_open_many(self, id) {
            if each > 0 && own >= each {
                return Err(too_many_new_rooms(each, "of yours"));
            }
            if address > 0 && from_here >= share {
                return Err(too_many_new_rooms(share, "opened from where you are"));
            }
        }
        Ok(Opener { person: Some(person), account, near, at: now })
    }

    /// A client has a name now, and goes into its first room. Returns how many are in it.
    pub(crate) fn come_in(&mut self, id: ClientId, room: &RoomName) -> Result<usize, Refusal> {
        let name = self.name_of(id)?;
        if let Some(client) = self.clients.get_mut(id) {
            let quiet = client.state.options.presence == Presence::Off;
            client.state.announce_at = quiet.then(|| self.now.mono + UNANNOUNCED);
            log::info!("{client} signed on");
            let signed_on = Event::SignedOn { by: id, name, door: client.door };
            self.router.publish(&Envelope::new(self.now.wall, signed_on));
        }
        self.go_in(id, room)
    }

    /// Puts a client into a room that exists, makes it current, and tells the others. Returns how many are in it.
    pub(crate) fn go_in(&mut self, id: ClientId, name: &RoomName) -> Result<usize, Refusal> {
        let who = self.name_of(id)?;
        let (person, now) = (self.person(id), self.now.mono);
        let client = self.clients.get(id);
        let is_quiet = client.is_some_and(|client| client.state.announce_at.is_some());
        let near = client.and_then(Client::address).map(neighbourhood);
        let others: Vec<ClientId> = self.clients.all_named(&who).filter(|other| *other != id).collect();
        let Some(room) = self.router.rooms.get_mut(name) else {
            return Err(Refusal::no_such_room(name));
        };
        let name = room.name.clone();
        let is_double = others.iter().any(|other| room.members.contains(other));
        let is_hidden = if is_double {
            others.iter().any(|other| room.unannounced.contains(other))
        } else {
            is_quiet || !self.router.arrivals.take(near, now)
        };
        if is_hidden {
            room.unannounced.insert(id);
        }
        room.doubles += usize::from(is_double);
        room.members.insert(id);
        // What was said before is history for those who come in now.
        let _unheard = room.news.take_rest(id);
        let is_new_crowd = room.count_heads();
        let users = room.people();
        F::entered(self, id, &name);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.rooms.push(name.clone());
            client.state.current = Some(name.clone());
            if is_hidden {
                client.state.announce_at.get_or_insert(now + UNANNOUNCED);
            }
        }
        if !is_double && !is_hidden {
            self.tell_presence(&name, id, Event::Joined { room: name.clone(), by: person, name: who });
        }
        if is_new_crowd {
            self.tell_room(&name, Some(id), Event::Note { room: Some(name.clone()), text: crowd() });
        }
        Ok(users)
    }

    /// What a client sees that has just come in: the topic, and what was said.
    pub(crate) fn show_room(&mut self, id: ClientId, name: &RoomName) {
        let (Some(room), Some(client)) = (self.router.rooms.get(name), self.clients.get(id)) else { return };
        let lines = client.state.options.history.unwrap_or(self.router.history_on_join);
        let (lines, more) = room.history.page(None, None, lines);
        let older = || lines.first().and_then(|line| line.id()).filter(|first| F::first_id(room) < *first);
        let more = more.or_else(older);
        let in_crowd = room.is_crowded && client.state.options.presence == Presence::Auto;
        F::show_room(self, id, name);
        if !lines.is_empty() {
            self.tell(id, Event::Block(Block::history(Some(name.clone()), lines, more)));
        }
        if in_crowd {
            self.tell(id, Event::Note { room: Some(name.clone()), text: crowd() });
        }
    }

    pub(super) fn part(&mut self, id: ClientId, room: Option<RoomName>) -> Result<Answer<F>, Refusal> {
        let name = self.room_or_current(id, room)?;
        // What was said there is still for them.
        self.catch_up(id);
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let Some(name) = client.state.rooms.iter().find(|room| **room == name).cloned() else {
            return Err(Refusal::not_in_room(&name));
        };
        // One person leaves by all their connections, and this one, which is answered, last.
        self.put_out(&self.connections(id), &name, &Leave::Parted, Some(id));
        let current = self.clients.get(id).and_then(|client| client.state.current.clone());
        Ok(Answer::Done(Done::Parted { room: name, current }))
    }

    /// Connections leave a room. They are told as the others are, but for the one that asked for it.
    pub(crate) fn put_out(&mut self, all: &[ClientId], name: &RoomName, why: &Leave, asked: Option<ClientId>) {
        for id in all.iter().copied().rev() {
            self.catch_up(id);
            let Some(client) = self.clients.get_mut(id).filter(|client| client.state.rooms.contains(name)) else {
                continue;
            };
            client.state.rooms.retain(|room| room != name);
            if client.state.current.as_ref() == Some(name) {
                client.state.current = client.state.rooms.last().cloned();
            }
            let (person, who) = (client.person(), client.name.clone());
            if let Some(who) = who.clone().filter(|_| asked != Some(id)) {
                let left = Event::Left { room: name.clone(), by: person, name: who, why: why.clone() };
                self.tell(id, left);
            }
            self.leave_room(id, person, who, name, why);
        }
    }

    /// Takes a client out of a room's lists and tells the others, if they were told of the coming, and unless the same person is
    /// there by another connection.
    pub(crate) fn leave_room(
        &mut self,
        id: ClientId,
        person: ClientId,
        who: Option<Name>,
        name: &RoomName,
        why: &Leave,
    ) {
        F::leaving(self, id, Some(name));
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        room.members.remove(&id);
        let is_hidden = room.unannounced.remove(&id);
        let stays =
            who.as_ref().is_some_and(|who| self.clients.all_named(who).any(|other| room.members.contains(&other)));
        room.doubles -= usize::from(stays);
        room.count_heads();
        if let Some(who) = who.filter(|_| !stays && !is_hidden) {
            let left = Event::Left { room: room.name.clone(), by: person, name: who, why: why.clone() };
            self.tell_presence(name, id, left);
        }
        F::settle(self, name);
    }

    /// A room in which no client is goes on if something was said in it, and is forgotten else.
    pub(crate) fn close_empty(&mut self, name: &RoomName) {
        let Some(room) = self.router.rooms.get(name).filter(|room| room.members.is_empty()) else { return };
        if room.history.is_empty() && *name != RoomName::lobby() {
            return self.forget_room(name, room.last_id());
        }
        let emptied = Event::Emptied { room: room.name.clone(), modes: F::modes(room) };
        self.router.publish(&Envelope::new(self.now.wall, emptied));
    }

    /// A room of that name that is opened later counts on from here.
    pub(crate) fn forget_room(&mut self, name: &RoomName, last_id: u64) {
        self.router.forgotten_id = self.router.forgotten_id.max(last_id);
        if let Some(room) = self.router.rooms.remove(name) {
            F::room_forgotten(self, &room, last_id);
        }
        self.router.publish(&Envelope::new(self.now.wall, Event::Forgotten(name.clone())));
    }
}

pub(crate) fn already_there(room: &RoomName) -> Refusal {
    Refusal::new(Code::AlreadyThere, format!("Already in {room}."))
}

/// The server has `max` rooms, and each of them is needed.
fn no_place_for_rooms(max: usize) -> Refusal {
    let words = format!(
        "This server has as many rooms as it may: {max}. Enter one that is there: /rooms; or ask its operators, who can /forget one."
    );
    Refusal::new(Code::TooManyRooms, words).with("max", max)
}

/// One user, or one address, has opened `max` rooms within a day.
fn too_many_new_rooms(max: usize, whose: &str) -> Refusal {
    let words = format!(
        "There are {max} rooms {whose} that are not a day old, and more are not opened. Enter one that is there: /rooms; or try again tomorrow."
    );
    Refusal::new(Code::TooManyRooms, words).with("max", max)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::ROOMS_EACH;

    use crate::chat::router::kit::{ani_and_budi, hears};
    use crate::config::Config;

    use crate::testing::{Bare, Stage, quick};

    #[test]
    fn a_room_that_makes_way_is_an_empty_one_and_its_numbers_are_not_given_again() {
        let mut stage = Bare::new(Config { max_rooms: 3, ..quick() });
        stage.connect("ani");
        stage.send("ani", b"JOIN:ani\n/join #a\nx\nx\nPART:\n/join #b\nx\n/join #c\n");
        while let Some(line) = stage.next("ani") {
            assert!(!line.contains(" ERR "), "#a had to make way: {line}");
        }
        // Now three rooms have people in them.
        stage.send("ani", b"/join #d\nPART:#c\n/join #a\nMSG=1:x\n");
        hears(&mut stage, "ani", "* ERR 405 too-many-rooms JOIN max=3: ...");
        hears(&mut stage, "ani", "* OK PART room=#c: ...");
        hears(&mut stage, "ani", "* OK JOIN room=#a users=1 op=yes: ...");
        hears(&mut stage, "ani", "* OK MSG tag=1 room=#a id=3");
    }

    #[test]
    fn one_person_can_be_in_twenty_rooms() {
        let (mut stage, ..) = ani_and_budi();
        for room in 1..ROOMS_EACH {
            stage.send("ani", format!("/join #r{room}\n").as_bytes());
            hears(&mut stage, "ani", "* OK JOIN ...");
        }
        stage.send("ani", b"/join #more\n");
        hears(&mut stage, "ani", "* ERR 405 too-many-rooms JOIN max=20: ...");
    }
}
