//! What a user may read by calls, without being in a room: decided once for all doors.

use std::net::IpAddr;
use std::time::Duration;

use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::archive::reads;
use crate::features::calls::{Access, Caller, Rights};
use crate::features::moderation::ban::{Kind, Notice};
use crate::features::moderation::bans::Bans;
use crate::features::state::{Features, Room};
use crate::model::address::neighbourhood;
use crate::model::names::{ClientId, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;

impl Turn<'_, Features> {
    /// Whether a user may read this: the one place where that is decided for all doors that take calls. Returns the rooms that
    /// are hidden from the user, of [`Access::Everything`]; else none.
    pub(crate) fn access(&self, who: Caller, what: &Access) -> Result<Vec<RoomName>, Refusal> {
        if let Some(notice) = self.ban_on_caller(who, &self.router.features.bans) {
            return Err(notice.banned(None));
        }
        let banned_from = |room: &Room| {
            let notice = self.ban_on_caller(who, &room.features.bans)?;
            Some(notice.banned_from(&room.name, None))
        };
        let (by_token, room) = match what {
            Access::FileByToken(room) => (true, room.as_ref()),
            Access::File(room) => (false, room.as_ref()),
            Access::Room(room) => (false, Some(room)),
            Access::Entry => (false, None),
            Access::Everything => {
                let is_hidden =
                    |room: &&Room| self.may_read_from_outside(who.client, room).is_err() || banned_from(room).is_some();
                if who.client.is_none() {
                    self.may_visit(ClientId::NONE)?;
                }
                return Ok(self.router.rooms.values().filter(is_hidden).map(|room| room.name.clone()).collect());
            }
        };
        let is_vouched_for = |room| by_token && self.has_company(who.address, room);
        if who.client.is_none() && !is_vouched_for(None) {
            self.may_visit(ClientId::NONE)?;
        }
        let Some(name) = room else { return Ok(Vec::new()) };
        let name = &self.meant_by(who, name)?;
        let room = self.router.place(name).ok_or_else(|| Refusal::no_such_room(name))?;
        banned_from(room).map_or(Ok(()), Err)?;
        if !is_vouched_for(Some(room)) {
            self.may_read_from_outside(who.client, room)?;
        }
        Ok(Vec::new())
    }

    /// Whether a client with a name, in a room or anywhere, is connected from the same network. Beside a token the file door takes
    /// that for belonging there, since it knows no session.
    fn has_company(&self, from: IpAddr, room: Option<&Room>) -> bool {
        let is_in = |client: &&Client| match room {
            Some(talk) if talk.name.is_talk() => self.is_in_talk(client.id, talk),
            Some(room) => room.members.contains(&client.id),
            None => true,
        };
        let mut inside = self.clients.iter().filter(|client| client.name.is_some()).filter(is_in);
        inside.any(|client| client.address().map(neighbourhood) == Some(neighbourhood(from)))
    }

    /// The same for a call, which counts as a page that is read.
    pub(crate) fn charged_access(&mut self, who: Caller, what: &Access) -> Result<Vec<RoomName>, Refusal> {
        if matches!(what, Access::Everything | Access::Room(_)) {
            let reads = &mut self.router.features.reads;
            let place = reads.place(Some(who.address));
            reads.charge(place, reads::PAGE, Duration::ZERO, self.now.mono)?;
        }
        self.access(who, what)
    }

    /// A call that asks for what a user has of their own, or for what is set in a room, counts as a page that is read.
    pub(crate) fn charge_call(&mut self, client: ClientId) -> Result<(), Refusal> {
        let reads = &mut self.router.features.reads;
        let place = reads.place(self.clients.get(client).and_then(Client::address));
        reads.charge(place, reads::PAGE, Duration::ZERO, self.now.mono).map(drop)
    }

    /// The ban on the connection of the caller, or on the address of the call.
    fn ban_on_caller(&self, who: Caller, bans: &Bans) -> Option<Box<Notice>> {
        if bans.is_empty() || who.client.is_some_and(|id| self.role(id) >= Role::Op) {
            return None;
        }
        let mut suspect = self.suspect(who.client.unwrap_or(ClientId::NONE));
        let on_connection = bans.on(Kind::Ban, suspect, self.now.mono);
        suspect.address = Some(who.address);
        let held = on_connection.or_else(|| bans.on(Kind::Ban, suspect, self.now.mono))?;
        Some(held.notice(self.now.mono))
    }

    /// The rights of a user beyond those of all users.
    pub(crate) fn rights(&self, id: ClientId) -> Rights {
        let rooms = self.clients.get(id).into_iter().flat_map(|client| &client.state.rooms);
        let is_ruled = |name: &&RoomName| self.router.rooms.get(name).is_some_and(|room| self.may_rule(id, room));
        Rights { role: self.role(id), rooms: rooms.filter(is_ruled).cloned().collect() }
    }
}
