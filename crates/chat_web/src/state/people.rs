//! Who is on and which rooms there are, as the registry of the router and the read model have it.

use std::collections::HashMap;

use chat_server::chat::roster::Person;
use chat_server::features::programs::is_program;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::now::Moment;

use super::AppState;
use crate::models::names::{bare, room_key};
use crate::models::objects::{Author, Presence, Room, User};

impl AppState {
    /// A user of whom only the name is known. The id is nil where no such user is on.
    pub fn author_named(&self, name: &Name) -> Author {
        let known = self.users.iter().find(|user| user.name == *name).map(|user| *user.key());
        // The tap may not have brought a user yet who has just come.
        let found = known.or_else(|| {
            let people = self.handle.registry().people();
            people.iter().find(|person| person.name == *name).map(|person| self.ids.user(person.id))
        });
        Author::new(found.unwrap_or_default(), name.as_str())
    }

    /// A user of the registry as REST shows it, with those of its rooms that are not hidden.
    pub fn user(&self, person: &Person, hidden: &[RoomName], now: Moment) -> User {
        let idle = person.last_line.map_or(0, |at| now.saturating_duration_since(at).as_secs());
        User {
            id: self.ids.user(person.id),
            name: person.name.to_string(),
            bot: is_program(person.name.as_str()),
            door: person.door,
            state: Presence::of(person.away.is_some(), idle),
            away: person.away.as_ref().map(ToString::to_string),
            rooms: person.rooms.iter().filter(|room| !hidden.contains(room)).map(bare).collect(),
            idle: Some(idle),
        }
    }

    /// All users, by name, with those of their rooms that are not hidden.
    pub fn people(&self, hidden: &[RoomName]) -> Vec<User> {
        let now = Moment::now();
        let people = self.handle.registry().people();
        let mut users: Vec<User> = people.iter().map(|person| self.user(person, hidden, now)).collect();
        users.sort_by_key(|user| user.name.to_ascii_lowercase());
        users
    }

    /// The rooms that a user may know of, by name, with how many are in them. Of those that are hidden from the user the topic is
    /// left out, and secret rooms and those by invitation are left out whole.
    pub fn open_rooms(&self, hidden: &[RoomName]) -> Vec<Room> {
        let mut rooms = self.all_rooms();
        let is_hidden = |room: &Room| hidden.iter().any(|name| bare(name).eq_ignore_ascii_case(&room.id));
        rooms.retain(|room| !room.modes.contains(['i', 's']) || !is_hidden(room));
        rooms.iter_mut().filter(|room| is_hidden(room)).for_each(|room| room.topic.clear());
        rooms
    }

    /// All rooms, by name, for operators.
    pub fn all_rooms(&self) -> Vec<Room> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for room in self.handle.registry().people().iter().flat_map(|person| &person.rooms) {
            *counts.entry(room_key(room)).or_default() += 1;
        }
        let mut rooms: Vec<Room> = self
            .rooms
            .logs
            .iter()
            .map(|log| Room {
                id: log.name.clone(),
                topic: log.topic.clone(),
                modes: log.modes.clone(),
                users: counts.get(log.key()).copied().unwrap_or(0),
                last_seq: log.last_seq,
            })
            .collect();
        rooms.sort_by(|a, b| a.id.cmp(&b.id));
        rooms
    }
}
