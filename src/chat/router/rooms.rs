//! Entering, opening, leaving and forgetting rooms, and the list of them.

use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::chat::room::Room;
use crate::model::code::Code;
use crate::model::event::{Block, Done, Envelope, Event, Leave};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::rows::RoomInfo;
use crate::model::text::Text;

/// The refusal of a command that means the current room, where there is none.
pub(crate) const IN_NO_ROOM: Refusal =
    Refusal::fixed(Code::NotInRoom, "You are in no room. /join #lobby takes you to the lobby.");
/// The most rooms that a user can be in.
pub(super) const ROOMS_EACH: usize = 20;

impl<F: Hooks> Turn<'_, F> {
    pub(super) fn rooms(&self, id: ClientId) -> Vec<RoomInfo> {
        let known = self.router.rooms.values().filter(|room| F::may_know_of(self, id, room));
        known
            .map(|room| RoomInfo {
                name: room.name.clone(),
                users: room.people(),
                modes: F::modes(room),
                topic: F::topic(self, id, room),
            })
            .collect()
    }

    /// The room that a command means: the named one, or the current one.
    pub(crate) fn room_or_current(&self, id: ClientId, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        let current = || self.clients.get(id).and_then(|client| client.state.current.clone());
        room.or_else(current).ok_or(IN_NO_ROOM)
    }

    pub(crate) fn enter(&mut self, id: ClientId, name: RoomName, key: Option<Text>) -> Result<Answer<F>, Refusal> {
        let client = self.clients.get(id).filter(|client| client.name.is_some()).ok_or(Refusal::NOT_SIGNED_ON)?;
        if client.state.rooms.contains(&name) {
            return Err(already_there(&name));
        }
        if client.state.rooms.len() >= ROOMS_EACH {
            let words = format!("That would be more than {ROOMS_EACH} rooms. Leave one with /part first.");
            return Err(Refusal::new(Code::TooManyRooms, words).with("max", ROOMS_EACH));
        }
        self.router.rooms.get(&name).map_or(Ok(()), |room| F::may_enter(self, id, room, key.as_ref()))?;
        self.open_room(id, &name)?;
        let mut users = 0;
        // A user enters with all connections.
        for connection in self.connections(id).into_iter().rev() {
            // But not with one that comes from a banned address.
            let room = self.router.rooms.get(&name);
            if connection != id && !room.is_some_and(|room| F::may_follow(self, connection, room)) {
                continue;
            }
            users = self.go_in(connection, &name)?;
            if connection != id {
                let (by, who) = (self.person(id), self.name_of(id)?);
                let joined = Event::Joined { room: name.clone(), by, name: who, signed: self.is_signed_in(id) };
                self.tell(connection, joined);
            }
        }
        let (room, op) = match self.router.rooms.get(&name) {
            Some(room) => (room.name.clone(), F::rank(id, room).op),
            None => (name, false),
        };
        Ok(Answer::In(Done::Entered { room: room.clone(), users, op }, Some(room)))
    }

    /// Opens a room, if it does not exist yet.
    fn open_room(&mut self, id: ClientId, name: &RoomName) -> Result<(), Refusal> {
        if !self.router.rooms.contains_key(name) {
            let features = F::open_room(self, id)?;
            let room = Room::new(name.clone(), self.router.history, self.router.forgotten_id, features);
            self.router.rooms.insert(name.clone(), room);
        }
        Ok(())
    }

    /// Takes a client that has a name now into its first room, if it wants one. Returns how many users are in it.
    pub(crate) fn come_in(&mut self, id: ClientId, room: Option<&RoomName>) -> Result<usize, Refusal> {
        let name = self.name_of(id)?;
        if let Some(client) = self.clients.get(id) {
            log::info!("{client} signed on");
            let signed_on = Event::SignedOn { by: id, name, door: client.door };
            self.router.publish(&Envelope::new(self.now.wall, signed_on));
        }
        F::signed_on(self, id);
        room.map_or(Ok(0), |room| self.go_in(id, room))
    }

    /// The lobby, unless the client wants to be in no room that it has not asked for.
    pub(crate) fn lobby(&self, id: ClientId) -> Option<RoomName> {
        self.clients.get(id).is_none_or(|client| !client.state.options.no_lobby).then(RoomName::lobby)
    }

    /// Puts a client into a room that exists, makes it current, and tells the others. Returns how many users are in it.
    pub(crate) fn go_in(&mut self, id: ClientId, name: &RoomName) -> Result<usize, Refusal> {
        let (who, by) = (self.name_of(id)?, self.person(id));
        let room = self.router.rooms.get_mut(name).ok_or_else(|| Refusal::no_such_room(name))?;
        let name = room.name.clone();
        let is_further = self.clients.all_named(&who).any(|other| other != id && room.members.contains(&other));
        room.further += usize::from(is_further);
        room.members.insert(id);
        // What was said before is history for a client that comes in now.
        let _unheard = room.news.take_rest(id);
        let users = room.people();
        if let Some(client) = self.clients.get_mut(id) {
            client.state.rooms.push(name.clone());
            client.state.current = Some(name.clone());
        }
        let joined = Event::Joined { room: name.clone(), by, name: who, signed: self.is_signed_in(id) };
        F::entered(self, id, &name, Some(joined).filter(|_| !is_further));
        Ok(users)
    }

    /// Shows a client that has just come into a room what was said there.
    pub(crate) fn show_history(&mut self, id: ClientId, name: &RoomName) {
        let (Some(room), Some(client)) = (self.router.rooms.get(name), self.clients.get(id)) else { return };
        let lines = client.state.options.history.unwrap_or(self.router.history_on_join);
        let (lines, more) = room.history.page(None, None, lines);
        let older = || lines.first().and_then(|line| line.id()).filter(|first| F::first_id(room) < *first);
        let more = more.or_else(older);
        if !lines.is_empty() {
            self.tell(id, Event::Block(Block::history(Some(name.clone()), lines, more)));
        }
    }

    pub(super) fn part(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        words: Option<Text>,
    ) -> Result<Answer<F>, Refusal> {
        let name = self.room_or_current(id, room)?;
        // The client still gets what was said before it left.
        self.catch_up(id);
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let Some(name) = client.state.rooms.iter().find(|room| **room == name).cloned() else {
            return Err(Refusal::not_in_room(&name));
        };
        // Who may not speak there has no last words either.
        let words = words.filter(|_| self.speakable(id, &name).is_ok());
        // A user leaves with all connections; this one, which is answered, goes last.
        self.remove_from_room(&self.connections(id), &name, &Leave::Parted(words), Some(id));
        let current = self.clients.get(id).and_then(|client| client.state.current.clone());
        Ok(Answer::Done(Done::Parted { room: name, current }))
    }

    /// Takes connections out of a room. Each is told so, except the one that `asked` for it, which gets an answer.
    pub(crate) fn remove_from_room(&mut self, all: &[ClientId], name: &RoomName, why: &Leave, asked: Option<ClientId>) {
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
                let left = Event::Left { room: name.clone(), by: person, name: who, why: why.clone(), gone: false };
                self.tell(id, left);
            }
            self.leave_room(id, person, who, name, why);
        }
    }

    /// Takes a client out of a room's lists. The others are told, unless the user is still there by another connection,
    /// or they were not told of the arrival.
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
        let stays =
            who.as_ref().is_some_and(|who| self.clients.all_named(who).any(|other| room.members.contains(&other)));
        room.further -= usize::from(stays);
        let (room, gone) = (room.name.clone(), self.clients.get(id).is_none());
        let left = who.filter(|_| !stays).map(|name| Event::Left { room, by: person, name, why: why.clone(), gone });
        F::exited(self, id, name, left);
        F::keep_or_close(self, name);
    }

    /// Keeps an empty room if something was said in it, or it is the lobby, and forgets it otherwise.
    pub(crate) fn close_empty(&mut self, name: &RoomName) {
        let Some(room) = self.router.rooms.get(name).filter(|room| room.members.is_empty()) else { return };
        if room.history.is_empty() && *name != RoomName::lobby() {
            return self.forget_room(name, room.last_id());
        }
        let emptied = Event::Emptied { room: room.name.clone(), modes: F::modes(room) };
        self.router.publish(&Envelope::new(self.now.wall, emptied));
    }

    /// Forgets a room. A room that is opened later counts on behind `last_id`.
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
