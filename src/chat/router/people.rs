//! The names of clients, which connections are one user, and the list of users.

use std::collections::BTreeSet;

use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::chat::message::Client;
use crate::chat::room::Room;
use crate::model::code::Code;
use crate::model::event::{Block, Envelope, Event};
use crate::model::looks::reserved;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::rows::User;

impl<F: Hooks> Turn<'_, F> {
    pub(super) fn list(&self, id: ClientId, room: Option<RoomName>) -> Result<Answer<F>, Refusal> {
        let mut users: Vec<User> = match &room {
            None => self.clients.iter().filter_map(|client| self.user(id, client)).collect(),
            Some(name) => {
                let room = self.room_to_read(id, name)?;
                room.members.iter().filter_map(|member| self.user(id, self.clients.get(*member)?)).collect()
            }
        };
        // One row for a user, however many the connections: that of the least idle one.
        users.sort_by(|a, b| a.name.cmp(&b.name).then(a.idle.cmp(&b.idle)));
        users.dedup_by(|next, first| next.account.is_some() && next.name == first.name);
        Ok(Answer::Block(Block::list(room, users)))
    }

    /// A user as `asker` may see them: without the rooms in which the asker may not read.
    pub(crate) fn user(&self, asker: ClientId, client: &Client) -> Option<User> {
        let rooms = client.state.rooms.iter().filter_map(|name| self.router.rooms.get(name));
        let rooms: Vec<_> = rooms.filter(|room| F::may_read(self, asker, room).is_ok()).collect();
        let idle = client.state.last_line.map_or(0, |at| self.now.mono.saturating_duration_since(at).as_secs());
        Some(User {
            name: client.name.clone()?,
            rooms: rooms.iter().map(|room| room.name.clone()).collect(),
            idle,
            door: client.door,
            account: F::account_role(self, client),
            away: client.state.away.clone(),
            ranks: rooms.iter().map(|room| F::rank(client.id, room)).collect(),
        })
    }

    /// Whether a client has shown that its name is its own.
    pub(crate) fn is_signed_in(&self, id: ClientId) -> bool {
        self.clients.get(id).is_some_and(|client| client.state.signed_in)
    }

    pub(crate) fn name_of(&self, id: ClientId) -> Result<Name, Refusal> {
        self.clients.get(id).and_then(|client| client.name.clone()).ok_or(Refusal::NOT_SIGNED_ON)
    }

    /// The number by which others know the user of a connection: that of the user's first connection.
    pub(crate) fn person(&self, id: ClientId) -> ClientId {
        self.clients.get(id).map_or(id, Client::person)
    }

    /// Whether a client is the author of a line, which was said by the number `by` under the name `from`, and was
    /// `signed` if the author had signed in.
    pub(crate) fn is_same(&self, id: ClientId, by: ClientId, signed: bool, from: &Name) -> bool {
        self.person(id) == by
            || signed
                && self.is_signed_in(id)
                && self.clients.get(id).is_some_and(|client| client.name.as_ref() == Some(from))
    }

    /// All connections of the user who has this one, this one first.
    pub(crate) fn connections(&self, id: ClientId) -> Vec<ClientId> {
        let name = self.clients.get(id).and_then(|client| client.name.clone());
        let others = name.iter().flat_map(|name| self.clients.all_named(name)).filter(|other| *other != id);
        std::iter::once(id).chain(others).collect()
    }

    /// The other members of a client's rooms, each once; only of rooms for which `is_meant` holds.
    pub(crate) fn members_near(&self, id: ClientId, is_meant: impl Fn(&Room<F::Room>) -> bool) -> BTreeSet<ClientId> {
        let rooms = self.clients.get(id).into_iter().flat_map(|client| &client.state.rooms);
        let rooms = rooms.filter_map(|name| self.router.rooms.get(name)).filter(|room| is_meant(room));
        rooms.flat_map(|room| &room.members).copied().filter(|member| *member != id).collect()
    }

    /// Gives a client another name that no other client has, and tells the clients that it concerns.
    pub(crate) fn rename(&mut self, id: ClientId, new: Name) -> Result<(), Refusal> {
        let old = self.name_of(id)?;
        if !self.clients.rename(id, new.clone()) {
            return Err(self.taken(new));
        }
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        log::info!("{client} was {old}");
        let renamed = Event::Renamed { by: self.person(id), old: old.clone(), new: new.clone() };
        let renamed = Envelope::new(self.now.wall, renamed);
        self.router.publish(&renamed);
        F::renamed(self, id, &renamed);
        Ok(())
    }

    pub(crate) fn taken(&self, name: Name) -> Refusal {
        let free = self.free_name(&name);
        Refusal::new(Code::NameInUse, format!("\"{name}\" is taken. Try {free}.")).with("try", free.as_str())
    }

    /// This name with a number behind it, so that no client and no account has it, or one that looks like it.
    pub(crate) fn free_name(&self, name: &Name) -> Name {
        let is_free = |free: &Name| self.clients.named(free).is_none() && F::is_free(self, free, name);
        (2..).map(|number| name.numbered(number)).find(is_free).unwrap_or_else(|| name.clone())
    }

    /// Whether a name would not be taken for the server, for a name that looks like it, or for another client. `own` is the name
    /// that the client has now, `like` another name that looks like the new one, as a feature knows it.
    ///
    /// # Errors
    /// For which name it would be taken.
    pub(crate) fn is_distinct(&self, name: &Name, own: Option<&Name>, like: Option<&Name>) -> Result<(), Refusal> {
        if let Some(reserved) = reserved(name, &self.router.greeting.name) {
            return Err(Refusal::reserved(&reserved));
        }
        let alike = like.or_else(|| self.clients.looks.like(name).find(|other| Some(*other) != own));
        alike.map_or(Ok(()), |other| Err(Refusal::looks_like(other)))
    }
}
