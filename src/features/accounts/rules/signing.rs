//! Signing in and out: the connections of a user share its name and its rooms, and a name that belongs to an account is given up.

use crate::chat::router::Turn;
use crate::features::archive::store::Account;
use crate::features::state::{Answer, Features, Room};
use crate::model::event::{Done, Envelope, Event, Leave};
use crate::model::looks::reserved;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// The name of a user is registered as theirs from now on.
    pub(super) fn mark_signed_in(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.state.signed_in = true;
        let (rooms, name) = (client.state.rooms.clone(), client.name.clone());
        for room in rooms {
            self.become_member(id, &room);
            let Some(room) = self.router.rooms.get_mut(&room).filter(|room| room.features.rooms.ops.contains(&id))
            else {
                continue;
            };
            if name.clone().is_some_and(|name| room.features.rooms.op_accounts.insert(name)) {
                let room = room.name.clone();
                self.record_room(&room);
            }
        }
    }

    /// A user has signed in: they get their name, and share it and its rooms with their other connections.
    pub(super) fn sign_in(&mut self, id: ClientId, account: &Account) -> Result<Answer, Refusal> {
        let name = account.name.clone();
        if self.name_of(id).is_ok() {
            self.may_have_account(&name, self.address(id)?, false)?;
        } else if account.role < Role::Op {
            self.not_banned_as(id, &name)?;
        }
        let before = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?.name.clone();
        let done = |turn: &Turn<'_, Features>, room: Option<RoomName>| {
            let users = room.as_ref().and_then(|room| turn.router.rooms.get(room)).map_or(0, Room::people);
            Done::SignedIn { name: account.name.clone(), role: account.role, person: turn.person(id), room, users }
        };
        if before.as_ref() == Some(&name) {
            self.mark_signed_in(id);
            let room = self.room_or_current(id, None).ok().or_else(|| self.lobby(id));
            return Ok(Answer::Done(done(self, room)));
        }
        if self.is_signed_in(id) {
            self.sign_out(id)?;
        }
        let holder = self.clients.named(&name);
        if let Some(holder) = holder.filter(|holder| !self.is_signed_in(*holder)) {
            // Another user took the name while it was being registered.
            self.rename_away(holder)?;
        }
        let holder = self.clients.named(&name);
        let Some(holder) = holder else {
            if self.name_of(id).is_ok() {
                self.rename(id, name)?;
                self.mark_signed_in(id);
                self.leave_rooms_of_bans(id);
                let room = self.room_or_current(id, None).ok().or_else(|| self.lobby(id));
                return Ok(Answer::Done(done(self, room)));
            }
            self.clients.rename(id, name);
            self.mark_signed_in(id);
            let room = self.first_room(id);
            self.come_in(id, room.as_ref())?;
            return Ok(Answer::In(done(self, room.clone()), room));
        };
        // A client that had another name until now leaves under that, and joins the connections of the account.
        if before.is_some() {
            self.leave_all(id, &Leave::Parted(None));
        }
        let (rooms, current, person, away) = match self.clients.get(holder) {
            Some(first) => {
                let state = &first.state;
                (state.rooms.clone(), state.current.clone(), first.person(), state.away.clone())
            }
            None => return Err(Refusal::NOT_SIGNED_ON),
        };
        if let Some(old) = before {
            self.router.publish(&Envelope::new(self.now.wall, Event::SignedOff { by: self.person(id), name: old }));
        }
        self.clients.share(id, name);
        self.router.features.presence.announce_at.remove(&id);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.signed_in = true;
            client.state.person = Some(person);
            client.state.away = away;
        }
        for name in rooms {
            // They may come from an address that the room bans.
            if self.router.rooms.get(&name).is_some_and(|room| self.not_banned_from(id, room).is_ok()) {
                self.go_in(id, &name)?;
            }
        }
        let room = current.or_else(|| self.lobby(id));
        if let Some(client) = self.clients.get_mut(id) {
            client.state.current = room.clone().filter(|room| client.state.rooms.contains(room));
        }
        Ok(Answer::In(done(self, room.clone()), room))
    }

    /// The connection belongs to no account any more: it gets a name that is free.
    pub(super) fn sign_out(&mut self, id: ClientId) -> Result<Name, Refusal> {
        let name = self.name_of(id)?;
        let is_alone = self.connections(id).len() == 1;
        if let Some(client) = self.clients.get_mut(id) {
            client.state.signed_in = false;
        }
        if is_alone {
            return self.rename_away(id);
        }
        self.leave_all(id, &Leave::Parted(None));
        let free = self.free_name(&name);
        self.clients.rename(id, free.clone());
        // Others know the account's connections by the number of the first one. If this is the first, it needs another
        // number.
        let person = (self.person(id) == id).then(|| self.router.spare_person());
        if let Some(client) = self.clients.get_mut(id) {
            client.state.person = person;
            let signed_on = Event::SignedOn { by: client.person(), name: free.clone(), door: client.door };
            self.router.publish(&Envelope::new(self.now.wall, signed_on));
        }
        if let Some(lobby) = self.lobby(id) {
            self.go_in(id, &lobby)?;
        }
        Ok(free)
    }

    /// Gives another name to guests who could be taken for a new account, and to a guest who has its name.
    pub(super) fn rename_those_like(&mut self, account: &Name) {
        let alike: Vec<Name> = self.clients.looks.like(account).cloned().collect();
        for name in alike {
            self.rename_guest(&name, format!("looks like {account}, which belongs to an account"));
        }
    }

    /// Gives another name to guests who could be taken for the server, whose own name is new.
    pub(crate) fn rename_those_like_the_server(&mut self) {
        let is_reserved = |name: &&Name| reserved(name, &self.router.greeting.name).is_some();
        let names = self.clients.iter().filter_map(|client| client.name.as_ref());
        let names: Vec<Name> = names.filter(is_reserved).cloned().collect();
        for name in names {
            self.rename_guest(&name, "is one of the server".into());
        }
    }

    pub(super) fn rename_guest(&mut self, name: &Name, why: String) {
        let holder = self.clients.named(name).filter(|holder| !self.is_signed_in(*holder));
        if let Some(holder) = holder
            && let Err(error) = self.rename_for(holder, &why)
        {
            log::error!("{holder} keeps a name that is not for it: {error}");
        }
    }

    /// Gives a client a name that is free, since its own belongs to another, or to it no more.
    pub(super) fn rename_away(&mut self, id: ClientId) -> Result<Name, Refusal> {
        self.rename_for(id, "belongs to an account")
    }

    pub(super) fn rename_for(&mut self, id: ClientId, why: &str) -> Result<Name, Refusal> {
        let name = self.name_of(id)?;
        let free = self.free_name(&name);
        self.rename(id, free.clone())?;
        let text = Text::own(format!("You are {free} now: the name {name} {why}."));
        self.tell(id, Event::Note { room: None, text });
        // What the account may do in rooms, the name that is left may not.
        let rooms = self.clients.get(id).map_or_else(Vec::new, |client| client.state.rooms.clone());
        for room in rooms {
            if let Some(room) = self.router.rooms.get_mut(&room)
                && room.features.rooms.op_accounts.contains(&name)
            {
                room.features.rooms.ops.remove(&id);
            }
        }
        Ok(free)
    }

    /// Takes one connection out of all its rooms.
    pub(super) fn leave_all(&mut self, id: ClientId, why: &Leave) {
        self.catch_up(id);
        let Some(client) = self.clients.get_mut(id) else { return };
        let (rooms, name, person) = (std::mem::take(&mut client.state.rooms), client.name.clone(), client.person());
        client.state.current = None;
        for room in rooms {
            self.leave_room(id, person, name.clone(), &room, why);
        }
    }
}
