//! Keeping order: who may send whom away, silence or keep out, and what holds until it is lifted or over.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::chat::router::rooms::IN_NO_ROOM;
use crate::chat::router::{Router, Turn};
use crate::features::moderation::list::{self, BanInfo};
use crate::features::moderation::sanction::{Held, Kind, MAX_SANCTIONS, Sanction, Sanctions, Suspect, Told};
use crate::features::moderation::words::done;
use crate::features::rooms::rules::not_room_op;
use crate::features::state::{Answer, Features, Room};
use crate::model::code::Code;
use crate::model::command::{Deed, Scope};
use crate::model::event::{Envelope, Event, Leave, Measure};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::sanction::Whom;
use crate::model::sanction::in_words;
use crate::model::text::Text;

mod look;

impl Router<Features> {
    /// The bans and mutes of a room, or of the server.
    fn sanctions_of(&mut self, room: Option<&RoomName>) -> Option<&mut Sanctions> {
        match room {
            Some(room) => self.rooms.get_mut(room).map(|room| &mut room.features.sanctions),
            None => Some(&mut self.features.sanctions),
        }
    }

    /// A connection is gone: no ban or mute needs its number any more.
    pub(crate) fn forget_sanctioned(&mut self, id: ClientId) {
        self.features.sanctions.forget(id);
        self.rooms.values_mut().for_each(|room| room.features.sanctions.forget(id));
    }

    /// When the first of all bans and mutes is over.
    fn find_next_lift(&mut self) {
        let all =
            std::iter::once(&self.features.sanctions).chain(self.rooms.values().map(|room| &room.features.sanctions));
        self.features.next_lift = all.filter_map(Sanctions::next_end).min();
    }
}

impl Turn<'_, Features> {
    /// Bans or mutes changed, and are to be kept.
    fn record_sanctions_of(&mut self, room: Option<&RoomName>) {
        self.router.find_next_lift();
        match room {
            Some(room) => self.record_room(room),
            None => self.record_sanctions(),
        }
    }

    // ---- what holds ----

    fn suspect(&self, id: ClientId) -> Suspect<'_> {
        let client = self.clients.get(id);
        let name = client.and_then(|client| client.name.as_ref());
        Suspect { id, name, address: client.and_then(|client| client.address()) }
    }

    /// What keeps a user out of a room, or off the server. Nothing keeps the server's operators out.
    pub(crate) fn ban_on(&self, id: ClientId, sanctions: &Sanctions) -> Option<Box<Told>> {
        if sanctions.is_empty() || self.role(id) >= Role::Op {
            return None;
        }
        sanctions.on(Kind::Ban, self.suspect(id), self.now.mono).map(|held| held.told(self.now.mono))
    }

    /// Whether a user is let into a room, as far as bans go.
    pub(crate) fn not_banned_from(&self, id: ClientId, room: &Room) -> Result<(), Refusal> {
        match self.ban_on(id, &room.features.sanctions) {
            Some(told) => Err(told.banned_from(&room.name, None)),
            None => Ok(()),
        }
    }

    /// Whether a user may read what is said in a room.
    pub(crate) fn can_read(&self, id: ClientId, room: &Room) -> bool {
        room.may_read(id) && self.ban_on(id, &room.features.sanctions).is_none()
    }

    /// Whether a user may have that name, here and in the rooms they are in.
    pub(crate) fn not_banned_as(&self, id: ClientId, name: &Name) -> Result<(), Refusal> {
        if self.role(id) >= Role::Op {
            return Ok(());
        }
        let address = self.clients.get(id).and_then(|client| client.address());
        let suspect = Suspect { id, name: Some(name), address };
        let is_named = |held: &Held| held.sanction.whom.name() == Some(name);
        if let Some(held) = self.router.features.sanctions.on(Kind::Ban, suspect, self.now.mono) {
            return Err(held.told(self.now.mono).banned(is_named(held).then_some(name)));
        }
        // A client without a name will be in the lobby.
        let client = self.clients.get(id);
        let rooms = client.map_or_else(Vec::new, |client| match client.name {
            Some(_) => client.state.rooms.clone(),
            None => vec![RoomName::lobby()],
        });
        for room in rooms.iter().filter_map(|room| self.router.rooms.get(room)) {
            if let Some(held) = room.features.sanctions.on(Kind::Ban, suspect, self.now.mono) {
                return Err(held.told(self.now.mono).banned_from(&room.name, is_named(held).then_some(name)));
            }
        }
        Ok(())
    }

    /// Whether a client may use that account, as far as the whole server goes. Where it is `hidden` which names there are, a ban
    /// on the name is told only behind the right password.
    pub(crate) fn may_have_account(&self, name: &Name, from: Option<IpAddr>, hidden: bool) -> Result<(), Refusal> {
        if self.role_of_name(name) >= Role::Op {
            return Ok(());
        }
        let suspect = Suspect { id: ClientId::NONE, name: (!hidden).then_some(name), address: from };
        let Some(held) = self.router.features.sanctions.on(Kind::Ban, suspect, self.now.mono) else { return Ok(()) };
        let is_named = held.sanction.whom.name() == Some(name);
        Err(held.told(self.now.mono).banned(is_named.then_some(name)))
    }

    /// What keeps a user from speaking: in a room, or in private.
    pub(crate) fn not_muted(&self, id: ClientId, room: Option<&Room>) -> Result<(), Refusal> {
        if self.router.features.sanctions.is_empty() && room.is_none_or(|room| room.features.sanctions.is_empty()) {
            return Ok(());
        }
        if self.role(id) >= Role::Op {
            return Ok(());
        }
        let on = |sanctions: &Sanctions| {
            sanctions.on(Kind::Mute, self.suspect(id), self.now.mono).map(|held| held.told(self.now.mono))
        };
        let here = room.and_then(|room| Some(on(&room.features.sanctions)?.muted(Some(&room.name))));
        let found = here.or_else(|| Some(on(&self.router.features.sanctions)?.muted(None)));
        found.map_or(Ok(()), Err)
    }

    /// What keeps a user from words that all their rooms would read: a name, why they are away, the last ones.
    pub(crate) fn not_muted_anywhere(&self, id: ClientId) -> Result<(), Refusal> {
        self.not_muted(id, None)?;
        let rooms = self.clients.get(id).into_iter().flat_map(|client| &client.state.rooms);
        rooms.filter_map(|room| self.router.rooms.get(room)).try_for_each(|room| self.not_muted(id, Some(room)))
    }

    /// A user has another name now, under which they may not be in all of their rooms.
    pub(crate) fn leave_forbidden(&mut self, id: ClientId) {
        let rooms = self.clients.get(id).map_or_else(Vec::new, |client| client.state.rooms.clone());
        for name in rooms {
            let Some(room) = self.router.rooms.get(&name) else { continue };
            if let Some(told) = self.ban_on(id, &room.features.sanctions) {
                self.put_out(&[id], &name, &Leave::Banned(told.why), None);
            }
        }
    }

    // ---- what is done ----

    pub(crate) fn moderate(&mut self, id: ClientId, scope: Scope, deed: Deed) -> Result<Answer, Refusal> {
        let room = self.ruled(id, scope)?;
        match deed {
            Deed::Op(name) => self.op(id, some_room(room, &name)?, name),
            Deed::Deop(name) => self.deop(id, some_room(room, &name)?, name),
            Deed::Kick { name, why } => self.kick(id, room, name, why),
            Deed::Mute { name, time, why } => self.mute(id, room, name, time, why),
            Deed::Ban { whom, time, why } => self.ban(id, room, whom, time, why),
            Deed::Unmute(name) => self.lift(id, room, Kind::Mute, Whom::Name(name)),
            Deed::Unban(whom) => self.lift(id, room, Kind::Ban, whom),
        }
    }

    /// `BANS`. Addresses are shown to those who can lift what stands there.
    pub(crate) fn bans(&self, id: ClientId, scope: Scope) -> Result<Answer, Refusal> {
        let (room, sanctions, rules) = match scope {
            Scope::Server => (self.ruled(id, Scope::Server)?, &self.router.features.sanctions, true),
            Scope::Current | Scope::Room(_) => {
                let named = if let Scope::Room(room) = scope { Some(room) } else { None };
                let name = self.room_or_current(id, named)?;
                let room = match self.router.rooms.get(&name) {
                    Some(room) if self.may_rule(id, room) => room,
                    _ => self.readable(id, &name)?,
                };
                (Some(room.name.clone()), &room.features.sanctions, self.may_rule(id, room))
            }
        };
        let shown = sanctions.iter().map(|held| {
            let Sanction { kind, whom, since, .. } = &held.sanction;
            let whom = (rules || whom.name().is_some()).then(|| Text::own(whom.to_string()));
            BanInfo { kind: *kind, whom, since: *since, told: held.told(self.now.mono) }
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
            _ => Err(not_room_op(&self.readable(id, &name)?.name)),
        }
    }

    /// Checks whether that can be done to a user. Returns the name as its owner writes it.
    fn subject(&self, id: ClientId, name: &Name) -> Result<Name, Refusal> {
        if self.name_of(id)? == *name {
            let right = "That is you. /part leaves a room, /quit the server.";
            return Err(Refusal::bad_argument(name, right));
        }
        let target = self.clients.named(name);
        let role = target.map_or_else(|| self.role_of_name(name), |target| self.role(target));
        let name = target.map_or_else(|| Ok(name.clone()), |target| self.name_of(target))?;
        if role >= Role::Op {
            let words = format!("{name} is an operator of this server: that cannot be done to them.");
            return Err(Refusal::new(Code::Protected, words));
        }
        Ok(name)
    }

    fn present(&self, name: &Name) -> Result<ClientId, Refusal> {
        self.clients.named(name).ok_or_else(|| Refusal::no_such_user(name))
    }

    fn op(&mut self, id: ClientId, room: RoomName, name: Name) -> Result<Answer, Refusal> {
        let target = self.present(&name)?;
        let name = self.name_of(target)?;
        let Some(there) = self.router.rooms.get(&room) else { return Err(Refusal::not_in_room(&room)) };
        if !there.members.contains(&target) {
            return Err(not_there(&name, &room));
        }
        let is_new = !there.features.ops.contains(&target);
        self.make_op(target, &room);
        if is_new {
            let what = Measure::Op { person: self.person(target), name: name.clone() };
            self.tell_measure(id, Some(&room), "op", name.as_str(), "", what);
        }
        Ok(Answer::Done(done("op", Some(room), name.as_str(), None).into()))
    }

    fn deop(&mut self, id: ClientId, room: RoomName, name: Name) -> Result<Answer, Refusal> {
        let target = self.clients.named(&name);
        let name = target.map_or_else(|| Ok(name.clone()), |target| self.name_of(target))?;
        let all: Vec<ClientId> = self.clients.all_named(&name).collect();
        let Some(there) = self.router.rooms.get_mut(&room) else { return Err(Refusal::not_in_room(&room)) };
        let is_op = all.iter().any(|id| there.features.ops.contains(id)) || there.features.op_accounts.contains(&name);
        if !is_op {
            return Err(not_listed(&name, Some(&room), "an operator"));
        }
        let others = there.features.ops.iter().any(|op| !all.contains(op))
            || there.features.op_accounts.iter().any(|op| *op != name);
        if !others {
            let words = format!("{room} would have no operator then. Make another user one first: /op <name>.");
            return Err(Refusal::new(Code::Protected, words));
        }
        there.features.ops.retain(|op| !all.contains(op));
        if there.features.op_accounts.remove(&name) {
            self.record_room(&room);
        }
        let what = Measure::Deop { person: target.map(|target| self.person(target)), name: name.clone() };
        self.tell_measure(id, Some(&room), "deop", name.as_str(), "", what);
        Ok(Answer::Done(done("deop", Some(room), name.as_str(), None).into()))
    }

    fn kick(&mut self, id: ClientId, room: Option<RoomName>, name: Name, why: Option<Text>) -> Result<Answer, Refusal> {
        let target = self.present(&name)?;
        let name = self.subject(id, &name)?;
        let all = self.connections(target);
        if let Some(room) = &room
            && !self.router.rooms.get(room).is_some_and(|room| room.members.contains(&target))
        {
            return Err(not_there(&name, room));
        }
        let words = self.words_of_leaving(id, "kicked", why.as_ref());
        let what = Measure::Kicked { person: self.person(target), name: name.clone(), why: why.clone() };
        let detail = why.as_ref().map_or("", Text::as_str);
        self.tell_measure(id, room.as_ref(), "kick", name.as_str(), detail, what);
        match &room {
            Some(room) => self.put_out(&all, room, &Leave::Kicked(Some(words)), None),
            None => all.into_iter().for_each(|id| self.remove(id, Leave::Kicked(Some(words.clone())))),
        }
        Ok(Answer::Done(done("kick", room, name.as_str(), None).into()))
    }

    fn mute(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        name: Name,
        time: Option<Duration>,
        why: Option<Text>,
    ) -> Result<Answer, Refusal> {
        // A name that no user has may be a slip; but a user who has just gone must not come back to speak.
        if self.clients.named(&name).is_none() && !self.is_registered(&name) && !self.was_heard(room.as_ref(), &name) {
            return Err(Refusal::no_such_user(&name));
        }
        let name = self.subject(id, &name)?;
        let all: Vec<ClientId> = self.clients.all_named(&name).collect();
        self.sentence(id, room.as_ref(), Kind::Mute, Whom::Name(name.clone()), time, why.clone(), &all)?;
        let seconds = time.map(|time| time.as_secs());
        let what = Measure::Muted { name: name.clone(), seconds, why: why.clone() };
        self.tell_measure(id, room.as_ref(), "mute", name.as_str(), &details(seconds, why.as_ref()), what);
        Ok(Answer::Done(done("mute", room, name.as_str(), seconds).into()))
    }

    fn ban(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        whom: Whom,
        time: Option<Duration>,
        why: Option<Text>,
    ) -> Result<Answer, Refusal> {
        let (whom, all) = match whom {
            Whom::Name(name) => {
                let name = self.subject(id, &name)?;
                let all = self.clients.all_named(&name).collect();
                (Whom::Name(name), all)
            }
            Whom::Network(network) => {
                let own = self.clients.get(id).and_then(|client| client.address());
                if own.is_some_and(|own| network.holds(own)) {
                    let right = "That is where you are yourself.";
                    return Err(Refusal::bad_argument(network, right));
                }
                (Whom::Network(network), Vec::new())
            }
        };
        self.sentence(id, room.as_ref(), Kind::Ban, whom.clone(), time, why.clone(), &all)?;
        let seconds = time.map(|time| time.as_secs());
        let shown = whom.to_string();
        let what = Measure::Banned { name: whom.name().cloned(), seconds, why: why.clone() };
        self.tell_measure(id, room.as_ref(), "ban", &shown, &details(seconds, why.as_ref()), what);
        let words = self.words_of_leaving(id, "banned", why.as_ref());
        match &room {
            Some(name) => {
                if let (Some(room), Some(who)) = (self.router.rooms.get_mut(name), whom.name()) {
                    room.features.op_accounts.remove(who);
                    room.features.invited.retain(|id| !all.contains(id));
                }
                let Some(room) = self.router.rooms.get(name) else {
                    return Ok(Answer::Done(done("ban", None, &shown, seconds).into()));
                };
                let members: Vec<ClientId> = room.members.iter().copied().collect();
                let out: Vec<ClientId> =
                    members.into_iter().filter(|id| self.ban_on(*id, &room.features.sanctions).is_some()).collect();
                // A person has to go by all their connections, wherever those come from.
                let mut all: Vec<ClientId> = out.iter().flat_map(|id| self.connections(*id)).collect();
                all.sort_unstable();
                all.dedup();
                self.put_out(&all, name, &Leave::Banned(Some(words)), None);
            }
            None => {
                for id in self.clients.ids() {
                    if self.ban_on(id, &self.router.features.sanctions).is_some() {
                        self.remove(id, Leave::Banned(Some(words.clone())));
                    }
                }
            }
        }
        Ok(Answer::Done(done("ban", room, &shown, seconds).into()))
    }

    fn lift(&mut self, id: ClientId, room: Option<RoomName>, kind: Kind, whom: Whom) -> Result<Answer, Refusal> {
        let all: Vec<ClientId> = whom.name().map_or_else(Vec::new, |name| self.clients.all_named(name).collect());
        let sanctions = self.router.sanctions_of(room.as_ref());
        let lifted = sanctions.map_or_else(Vec::new, |sanctions| sanctions.lift(kind, &whom, &all));
        if lifted.is_empty() {
            let what = if kind == Kind::Mute { "muted" } else { "banned" };
            return Err(not_listed(&whom, room.as_ref(), what));
        }
        self.record_sanctions_of(room.as_ref());
        for sanction in lifted {
            let (act, what) = match (kind, sanction.whom.name()) {
                (Kind::Mute, Some(name)) => ("unmute", Measure::Unmuted(name.clone())),
                (Kind::Mute, None) => continue,
                (Kind::Ban, name) => ("unban", Measure::Unbanned(name.cloned())),
            };
            self.tell_measure(id, room.as_ref(), act, &sanction.whom.to_string(), "", what);
        }
        let act = if kind == Kind::Mute { "unmute" } else { "unban" };
        Ok(Answer::Done(done(act, room, &whom.to_string(), None).into()))
    }

    // ---- how it is done ----

    /// Puts a ban or a mute into force, for a name also on the connections that have it now.
    #[expect(clippy::too_many_arguments, reason = "each of them is a part of the sentence")]
    fn sentence(
        &mut self,
        id: ClientId,
        room: Option<&RoomName>,
        kind: Kind,
        whom: Whom,
        time: Option<Duration>,
        why: Option<Text>,
        connections: &[ClientId],
    ) -> Result<(), Refusal> {
        let by = self.name_of(id)?;
        let sanction = Sanction { kind, whom, by, why, since: self.now.wall, until: None };
        let now = self.now.mono;
        let Some(sanctions) = self.router.sanctions_of(room) else {
            return Err(room.map_or(IN_NO_ROOM, Refusal::not_in_room));
        };
        let full = |_| {
            let words =
                format!("So many are banned or muted already: {MAX_SANCTIONS}. /bans shows them; lift one first.");
            Refusal::new(Code::ListFull, words).with("max", MAX_SANCTIONS)
        };
        sanctions.add(sanction, time, connections.iter().copied(), now).map_err(full)?;
        for connection in connections {
            if let Some(client) = self.clients.get_mut(*connection) {
                client.state.is_listed = true;
            }
        }
        self.record_sanctions_of(room);
        Ok(())
    }

    /// Tells the room what was done, or, where it is about the whole server, those who are in a room with them; and writes it
    /// down.
    fn tell_measure(
        &mut self,
        id: ClientId,
        room: Option<&RoomName>,
        act: &'static str,
        target: &str,
        detail: &str,
        what: Measure,
    ) {
        self.show_speaker(id);
        let by = self.doer(id);
        self.act(&by, act, room, target, detail);
        let by = self.name_of(id).ok();
        let event = Event::Moderated { room: room.cloned(), by, what };
        match room {
            Some(room) => self.tell_room(room, Some(id), event),
            None => self.tell_those_around(target, Some(id), event),
        }
    }

    /// Tells a user, and all who are in a room with them.
    pub(crate) fn tell_those_around(&mut self, whom: &str, but: Option<ClientId>, event: Event) {
        let envelope = Envelope::new(self.now.wall, event);
        self.router.publish(&envelope);
        let Ok(name) = Name::parse(whom) else { return };
        let all: Vec<ClientId> = self.clients.all_named(&name).collect();
        let rooms = all.iter().filter_map(|id| self.clients.get(*id)).flat_map(|client| &client.state.rooms);
        let around = rooms.filter_map(|room| self.router.rooms.get(room)).flat_map(|room| &room.members);
        let around: BTreeSet<ClientId> =
            around.copied().chain(all.iter().copied()).filter(|id| but != Some(*id)).collect();
        around.into_iter().for_each(|id| self.push(id, &envelope));
    }

    /// `kicked by ani: spam`
    fn words_of_leaving(&self, id: ClientId, what: &str, why: Option<&Text>) -> Text {
        let by = self.name_of(id).map_or_else(|_| String::new(), |by| format!(" by {by}"));
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        Text::own(format!("{what}{by}{why}"))
    }

    /// Whether a user of that name spoke there, as far as memory goes.
    fn was_heard(&self, room: Option<&RoomName>, name: &Name) -> bool {
        let mut rooms = self.router.rooms.values().filter(|at| room.is_none_or(|room| at.name == *room));
        rooms.any(|room| room.last_line(|line| line.from == *name).is_some())
    }

    /// Lifts what is over.
    pub(crate) fn lift_what_is_over(&mut self) {
        let now = self.now.mono;
        if self.router.features.next_lift.take_if(|at| *at <= now).is_none() {
            return;
        }
        let mut over: Vec<(Option<RoomName>, Sanction)> =
            self.router.features.sanctions.expire(now).into_iter().map(|sanction| (None, sanction)).collect();
        for room in self.router.rooms.values_mut() {
            let name = room.name.clone();
            over.extend(room.features.sanctions.expire(now).into_iter().map(|sanction| (Some(name.clone()), sanction)));
        }
        self.router.find_next_lift();
        for (room, sanction) in over {
            self.record_sanctions_of(room.as_ref());
            let what = match (sanction.kind, sanction.whom.name()) {
                (Kind::Mute, Some(name)) => Measure::Unmuted(name.clone()),
                // Only names are muted.
                (Kind::Mute, None) => continue,
                (Kind::Ban, name) => Measure::Unbanned(name.cloned()),
            };
            let event = Event::Moderated { room: room.clone(), by: None, what };
            match &room {
                Some(room) => self.tell_room(room, None, event),
                None => self.tell_those_around(&sanction.whom.to_string(), None, event),
            }
            if let Some(room) = &room {
                // It may have been kept only for that.
                self.settle_room(room);
            }
        }
    }
}

/// `for 10 min: spam`, for the log and the audit.
fn details(seconds: Option<u64>, why: Option<&Text>) -> String {
    let time = seconds.map_or_else(|| "until lifted".into(), |seconds| format!("for {}", in_words(seconds)));
    why.map_or_else(|| time.clone(), |why| format!("{time}: {why}"))
}

fn not_there(name: &Name, room: &RoomName) -> Refusal {
    Refusal::new(Code::UserNotInRoom, format!("{name} is not in {room}. /list {room} shows who is."))
}

/// There is nothing to lift. `what` they are not: `muted`, `banned`, `an operator`.
fn not_listed(whom: &impl std::fmt::Display, room: Option<&RoomName>, what: &str) -> Refusal {
    let words = match room {
        Some(room) => format!("{whom} is not {what} in {room}. /bans {room} shows who is."),
        None => format!("{whom} is not {what} everywhere. /bans * shows who is."),
    };
    Refusal::new(Code::NotListed, words)
}

/// The operators of a room are its own; those of the server have an account or the key.
fn some_room(room: Option<RoomName>, name: &Name) -> Result<RoomName, Refusal> {
    let right = "Operators of the whole server, and so of the lobby, are made by /role, or have the operator key.";
    let own = room.filter(|room| *room != RoomName::lobby());
    own.ok_or_else(|| Refusal::bad_argument(name, right))
}
