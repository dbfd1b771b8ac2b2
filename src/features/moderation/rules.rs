//! Moderation: what bans and mutes keep a user from, until they are lifted or over.

use std::net::IpAddr;

use crate::chat::router::{Router, Turn};
use crate::features::moderation::action::{Moderate, Scope, ShowBans};
use crate::features::moderation::ban::{Ban, Kind, Notice};
use crate::features::moderation::bans::{Bans, InForce, Suspect};
use crate::features::moderation::list::{self, BanRow};
use crate::features::moderation::moderated::{Effect, Moderated};
use crate::features::rooms::rules::not_room_op;
use crate::features::state::{Answer, Features, Room};
use crate::model::event::{Event, FeatureEvent, Leave};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::text::Text;

mod access;
mod actions;
mod away;

/// Carries out a command of this feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    if let Some(Moderate { scope, action }) = command.open() {
        return Some(turn.moderate(id, scope.clone(), action.clone()));
    }
    command.open().map(|ShowBans(scope)| turn.bans(id, scope.clone()))
}

impl Router<Features> {
    /// The bans and mutes of a room, or of the server.
    fn bans_of(&mut self, room: Option<&RoomName>) -> Option<&mut Bans> {
        match room {
            Some(room) => self.rooms.get_mut(room).map(|room| &mut room.features.bans),
            None => Some(&mut self.features.bans),
        }
    }

    /// A connection is gone: no ban or mute needs its number any more.
    pub(crate) fn forget_banned(&mut self, id: ClientId) {
        self.features.bans.forget(id);
        self.rooms.values_mut().for_each(|room| room.features.bans.forget(id));
    }

    /// Finds out when the next of all bans and mutes ends.
    fn find_next_lift(&mut self) {
        let all = std::iter::once(&self.features.bans).chain(self.rooms.values().map(|room| &room.features.bans));
        self.features.next_lift = all.filter_map(Bans::next_end).min();
    }
}

impl Turn<'_, Features> {
    /// Has the store keep the bans and mutes of a room, or of the server, after a change.
    fn record_bans_of(&mut self, room: Option<&RoomName>) {
        self.router.find_next_lift();
        match room {
            Some(room) => self.record_room(room),
            None => self.record_bans(),
        }
    }

    // ---- what holds ----

    fn suspect(&self, id: ClientId) -> Suspect<'_> {
        let client = self.clients.get(id);
        let name = client.and_then(|client| client.name.as_ref());
        Suspect { id, name, address: client.and_then(|client| client.address()) }
    }

    /// The ban that keeps a user out of a room, or off the server. No ban holds the server's operators.
    pub(crate) fn ban_on(&self, id: ClientId, bans: &Bans) -> Option<Box<Notice>> {
        if bans.is_empty() || self.role(id) >= Role::Op {
            return None;
        }
        bans.on(Kind::Ban, self.suspect(id), self.now.mono).map(|held| held.notice(self.now.mono))
    }

    /// The ban that keeps an account out of a room, whose user is not here.
    pub(crate) fn ban_on_account(&self, account: &Name, room: &Room) -> Option<Box<Notice>> {
        if self.role_of_name(account) >= Role::Op {
            return None;
        }
        let suspect = Suspect { id: ClientId::NONE, name: Some(account), address: None };
        room.features.bans.on(Kind::Ban, suspect, self.now.mono).map(|held| held.notice(self.now.mono))
    }

    /// Whether an account is banned from the server, or from a room.
    pub(crate) fn is_banned_account(&self, account: &Name, room: &Room) -> bool {
        let suspect = Suspect { id: ClientId::NONE, name: Some(account), address: None };
        self.role_of_name(account) < Role::Op
            && self.router.features.bans.on(Kind::Ban, suspect, self.now.mono).is_some()
            || self.ban_on_account(account, room).is_some()
    }

    /// Whether a user is let into a room, as far as bans go.
    pub(crate) fn not_banned_from(&self, id: ClientId, room: &Room) -> Result<(), Refusal> {
        match self.ban_on(id, &room.features.bans) {
            Some(notice) => Err(notice.banned_from(&room.name, None)),
            None => Ok(()),
        }
    }

    /// Whether a user may have that name, on the server and in the rooms that the user is in.
    pub(crate) fn not_banned_as(&self, id: ClientId, name: &Name) -> Result<(), Refusal> {
        if self.role(id) >= Role::Op {
            return Ok(());
        }
        let address = self.clients.get(id).and_then(|client| client.address());
        let suspect = Suspect { id, name: Some(name), address };
        let is_named = |held: &InForce| held.ban.target.name() == Some(name);
        if let Some(held) = self.router.features.bans.on(Kind::Ban, suspect, self.now.mono) {
            return Err(held.notice(self.now.mono).banned(is_named(held).then_some(name)));
        }
        // A client without a name will be in the lobby.
        let client = self.clients.get(id);
        let rooms = client.map_or_else(Vec::new, |client| match client.name {
            Some(_) => client.state.rooms.clone(),
            None => vec![RoomName::lobby()],
        });
        for room in rooms.iter().filter_map(|room| self.router.rooms.get(room)) {
            if let Some(held) = room.features.bans.on(Kind::Ban, suspect, self.now.mono) {
                return Err(held.notice(self.now.mono).banned_from(&room.name, is_named(held).then_some(name)));
            }
        }
        Ok(())
    }

    /// Whether the server's bans let a client sign in to that account. Where names are `hidden` from guests, a ban on
    /// the name is told only after the right password.
    pub(crate) fn may_have_account(&self, name: &Name, from: Option<IpAddr>, hidden: bool) -> Result<(), Refusal> {
        if self.role_of_name(name) >= Role::Op {
            return Ok(());
        }
        let suspect = Suspect { id: ClientId::NONE, name: (!hidden).then_some(name), address: from };
        let Some(held) = self.router.features.bans.on(Kind::Ban, suspect, self.now.mono) else { return Ok(()) };
        let is_named = held.ban.target.name() == Some(name);
        Err(held.notice(self.now.mono).banned(is_named.then_some(name)))
    }

    /// Whether no mute keeps a user from speaking in a room, or, without one, in private.
    pub(crate) fn not_muted(&self, id: ClientId, room: Option<&Room>) -> Result<(), Refusal> {
        if self.router.features.bans.is_empty() && room.is_none_or(|room| room.features.bans.is_empty()) {
            return Ok(());
        }
        if self.role(id) >= Role::Op {
            return Ok(());
        }
        let on =
            |bans: &Bans| bans.on(Kind::Mute, self.suspect(id), self.now.mono).map(|held| held.notice(self.now.mono));
        let here = room.and_then(|room| Some(on(&room.features.bans)?.muted(Some(&room.name))));
        let found = here.or_else(|| Some(on(&self.router.features.bans)?.muted(None)));
        found.map_or(Ok(()), Err)
    }

    /// Whether a program that has no connection may speak in a room: it is banned and muted by its name.
    pub(crate) fn program_may_speak(&self, name: &Name, room: &Room) -> Result<(), Refusal> {
        let suspect = Suspect { id: ClientId::NONE, name: Some(name), address: None };
        let held = [&room.features.bans, &self.router.features.bans].into_iter().find_map(|bans| {
            [Kind::Mute, Kind::Ban].into_iter().find_map(|kind| bans.on(kind, suspect, self.now.mono))
        });
        held.map_or(Ok(()), |held| Err(held.notice(self.now.mono).muted(Some(&room.name))))
    }

    /// Whether no mute keeps a user from words that all rooms of the user would read: a new name, a reason to be away,
    /// last words.
    pub(crate) fn not_muted_anywhere(&self, id: ClientId) -> Result<(), Refusal> {
        self.not_muted(id, None)?;
        let rooms = self.clients.get(id).into_iter().flat_map(|client| &client.state.rooms);
        rooms.filter_map(|room| self.router.rooms.get(room)).try_for_each(|room| self.not_muted(id, Some(room)))
    }

    /// Takes a user with a new name out of the rooms where that name is banned.
    pub(crate) fn leave_rooms_of_bans(&mut self, id: ClientId) {
        let rooms = self.clients.get(id).map_or_else(Vec::new, |client| client.state.rooms.clone());
        for name in rooms {
            let Some(room) = self.router.rooms.get(&name) else { continue };
            if let Some(notice) = self.ban_on(id, &room.features.bans) {
                self.remove_from_room(&[id], &name, &Leave::Banned(notice.why), None);
            }
        }
    }

    /// `BANS`. Addresses are shown to operators that can lift the bans in the list, and to no other client.
    pub(crate) fn bans(&self, id: ClientId, scope: Scope) -> Result<Answer, Refusal> {
        let (room, bans, rules) = match scope {
            Scope::Server => (self.ruled(id, Scope::Server)?, &self.router.features.bans, true),
            Scope::Current | Scope::Room(_) => {
                let named = if let Scope::Room(room) = scope { Some(room) } else { None };
                let name = self.room_or_current(id, named)?;
                let room = match self.router.rooms.get(&name) {
                    Some(room) if self.may_rule(id, room) => room,
                    _ => self.room_to_read(id, &name)?,
                };
                (Some(room.name.clone()), &room.features.bans, self.may_rule(id, room))
            }
        };
        let shown = bans.iter().map(|held| {
            let Ban { kind, target, since, .. } = &held.ban;
            let target = (rules || target.name().is_some()).then(|| Text::own(target.to_string()));
            BanRow { kind: *kind, target, since: *since, notice: held.notice(self.now.mono) }
        });
        Ok(Answer::Block(list::bans(room, shown.collect())))
    }

    /// The room that a user may moderate, or `None` for the whole server.
    fn ruled(&self, id: ClientId, scope: Scope) -> Result<Option<RoomName>, Refusal> {
        let name = match scope {
            Scope::Server if self.role(id) >= Role::Op => return Ok(None),
            Scope::Server => return Err(Refusal::not_allowed(Role::Op)),
            Scope::Room(name) => name,
            Scope::Current => self.room_or_current(id, None)?,
        };
        match self.router.rooms.get(&name) {
            Some(room) if self.may_rule(id, room) => Ok(Some(room.name.clone())),
            _ => Err(not_room_op(&self.room_to_read(id, &name)?.name)),
        }
    }

    /// Lifts the bans and mutes that are over, and tells so.
    pub(crate) fn lift_what_is_over(&mut self) {
        let now = self.now.mono;
        if self.router.features.next_lift.take_if(|at| *at <= now).is_none() {
            return;
        }
        let mut over: Vec<(Option<RoomName>, Ban)> =
            self.router.features.bans.expire(now).into_iter().map(|ban| (None, ban)).collect();
        for room in self.router.rooms.values_mut() {
            let name = room.name.clone();
            over.extend(room.features.bans.expire(now).into_iter().map(|ban| (Some(name.clone()), ban)));
        }
        self.router.find_next_lift();
        for (room, ban) in over {
            self.record_bans_of(room.as_ref());
            let lifted = Moderated::new(Effect::lifted(ban.kind), room.clone(), ban.target.name().cloned());
            let event = Event::Feature(FeatureEvent::new(lifted));
            match &room {
                Some(room) => self.tell_room(room, None, event),
                None => self.tell_those_around(&ban.target.to_string(), None, event),
            }
            if let Some(room) = &room {
                // An empty room may have been kept for its bans alone.
                self.after_leaving(room);
            }
        }
    }
}
