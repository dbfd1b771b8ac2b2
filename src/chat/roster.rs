//! What doors and the metrics read from the registry: names, rooms, connections, counts.

use std::collections::BTreeMap;

use crate::chat::message::Client;
use crate::chat::registry::{Clients, Registry};
use crate::metrics::Snapshot;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::roles::Policy;
use crate::model::text::Text;

/// One user at one moment, for doors that list the users.
#[derive(Clone, Debug)]
pub struct Person {
    /// The number that others know them by: their connection's, or their first one's.
    pub id: ClientId,
    /// The user's name.
    pub name: Name,
    /// The door by which the user came.
    pub door: &'static str,
    /// The peer's address, which operators alone are shown.
    pub origin: String,
    /// In which rooms, the last one entered last.
    pub rooms: Vec<RoomName>,
    /// The away message, if away.
    pub away: Option<Text>,
    /// When something was last heard.
    pub last_line: Option<Moment>,
}

impl Registry {
    /// Whether a client has signed on.
    pub fn is_signed_on(&self, id: ClientId) -> bool {
        self.lock().get(id).is_some_and(|client| client.name.is_some())
    }

    /// Whether a client was asked for a password or a key last, and not refused.
    pub fn is_prompted(&self, id: ClientId) -> bool {
        self.lock().get(id).is_some_and(|client| client.state.is_prompted)
    }

    /// The names of all who signed on, in their order.
    pub fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.lock().by_name.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// The rooms of one connection; `None` if there is none of that number.
    pub fn rooms_of(&self, id: ClientId) -> Option<Vec<RoomName>> {
        self.lock().get(id).map(|client| client.state.rooms.clone())
    }

    /// The connections of one person, by the number that others know them by.
    pub fn connections_of(&self, person: ClientId) -> Vec<ClientId> {
        self.lock().iter().filter(|client| client.person() == person).map(|client| client.id).collect()
    }

    /// All who signed on, in the order of their numbers, each once: of several connections of one account the one that was heard of
    /// last.
    pub fn people(&self) -> Vec<Person> {
        let person = |client: &Client| {
            Some(Person {
                id: client.person(),
                name: client.name.clone()?,
                door: client.door,
                origin: client.origin.clone(),
                rooms: client.state.rooms.clone(),
                away: client.state.away.clone(),
                last_line: client.state.last_line,
            })
        };
        let mut people: BTreeMap<ClientId, Person> = BTreeMap::new();
        for person in self.lock().iter().filter_map(person) {
            let known = people.get(&person.id).is_some_and(|known| known.last_line >= person.last_line);
            if !known {
                people.insert(person.id, person);
            }
        }
        people.into_values().collect()
    }

    /// The rules for accounts. `None` where there are none, since nothing is kept.
    pub fn policy(&self) -> Option<Policy> {
        self.lock().policy
    }

    /// The counts.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }
}

impl Clients {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut seen = Snapshot { clients: self.by_id.len(), people: self.by_name.len(), ..Snapshot::default() };
        #[expect(clippy::iter_over_hash_type, reason = "sums come out the same in any order, and the doors are sorted")]
        for client in self.by_id.values() {
            let waiting = client.sender.waiting();
            seen.waiting += waiting;
            seen.behind += usize::from(waiting > 0);
            match seen.doors.iter_mut().find(|(door, _)| *door == client.door) {
                Some((_, count)) => *count += 1,
                None => seen.doors.push((client.door, 1)),
            }
        }
        seen.doors.sort_unstable();
        seen
    }
}
