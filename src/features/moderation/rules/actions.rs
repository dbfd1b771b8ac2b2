//! The moderation actions: an operator makes other operators, kicks, mutes and bans, and lifts what holds.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::chat::router::Turn;
use crate::chat::router::rooms::IN_NO_ROOM;
use crate::features::moderation::action::{Action, Scope};
use crate::features::moderation::ban::{Ban, Kind, Target};
use crate::features::moderation::bans::MAX_BANS;
use crate::features::moderation::moderated::{Effect, Moderated};
use crate::features::moderation::words::done;
use crate::features::operators::state::Actor;
use crate::features::state::{Answer, Features};
use crate::model::code::Code;
use crate::model::event::{Envelope, Event, FeatureEvent, Leave};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::text::Text;

impl Turn<'_, Features> {
    pub(super) fn moderate(&mut self, id: ClientId, scope: Scope, action: Action) -> Result<Answer, Refusal> {
        let room = self.ruled(id, scope)?;
        match action {
            Action::Op(name) => self.op(id, of_one_room(room, &name)?, name),
            Action::Deop(name) => self.deop(id, of_one_room(room, &name)?, name),
            Action::Voice(name) => self.set_voice(id, room, &name, Effect::Voice),
            Action::Devoice(name) => self.set_voice(id, room, &name, Effect::Devoice),
            Action::Kick { name, why } => self.kick(id, room, name, why),
            Action::Mute { name, time, why } => self.mute(id, room, name, time, why),
            Action::Ban { target, time, why } => self.ban(id, room, target, time, why),
            Action::Unmute(name) => self.lift(id, room, Kind::Mute, &Target::Name(name)),
            Action::Unban(target) => self.lift(id, room, Kind::Ban, &target),
        }
    }

    /// Checks whether an action may have this user as its target. Returns the name as its owner writes it.
    pub(super) fn may_target(&self, id: ClientId, name: &Name) -> Result<Name, Refusal> {
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
        let Some(target) = self.member_here(&name, &room) else { return self.op_away(id, room, &name) };
        let name = self.name_of(target)?;
        let Some(there) = self.router.rooms.get(&room) else { return Err(Refusal::not_in_room(&room)) };
        let is_new = !there.features.rooms.ops.contains(&target);
        self.make_op(target, &room);
        let mut action = Moderated::new(Effect::Op, Some(room), Some(name.clone()));
        action.person = Some(self.person(target));
        let answer = Answer::Done(done(&action, name.as_str()).into());
        if is_new {
            self.tell_action(id, name.as_str(), action);
        }
        Ok(answer)
    }

    fn deop(&mut self, id: ClientId, room: RoomName, name: Name) -> Result<Answer, Refusal> {
        let target = self.clients.named(&name);
        let name = target.map_or_else(|| Ok(name.clone()), |target| self.name_of(target))?;
        let all: Vec<ClientId> = self.clients.all_named(&name).collect();
        let Some(there) = self.router.rooms.get_mut(&room) else { return Err(Refusal::not_in_room(&room)) };
        let is_op = all.iter().any(|id| there.features.rooms.ops.contains(id))
            || there.features.rooms.op_accounts.contains(&name);
        if !is_op {
            return Err(not_listed(&name, Some(&room), "an operator"));
        }
        let others = there.features.rooms.ops.iter().any(|op| !all.contains(op))
            || there.features.rooms.op_accounts.iter().any(|op| *op != name);
        if !others {
            let words = format!("{room} would have no operator then. Make another user one first: /op <name>.");
            return Err(Refusal::new(Code::Protected, words));
        }
        there.features.rooms.ops.retain(|op| !all.contains(op));
        if there.features.rooms.op_accounts.remove(&name) {
            self.record_room(&room);
        }
        let mut action = Moderated::new(Effect::Deop, Some(room), Some(name.clone()));
        action.person = target.map(|target| self.person(target));
        Ok(self.tell_and_answer(id, name.as_str(), action))
    }

    /// Gives voice to a user in a room, by all connections that are in it, or takes it back.
    fn set_voice(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        name: &Name,
        effect: Effect,
    ) -> Result<Answer, Refusal> {
        let right = "Voice is given in a room: /voice #room <name>.";
        let room = room.ok_or_else(|| Refusal::bad_argument("*", right))?;
        let target = self.present(name)?;
        let target = self.member_here(name, &room).ok_or_else(|| not_there(name, &room)).map(|_| target)?;
        let (name, all) = (self.name_of(target)?, self.connections(target));
        let Some(there) = self.router.rooms.get_mut(&room) else { return Err(Refusal::not_in_room(&room)) };
        let voices = &mut there.features.rooms.voices;
        let before = voices.len();
        match effect {
            Effect::Voice => voices.extend(all.iter().filter(|id| there.members.contains(id))),
            _ => voices.retain(|voice| !all.contains(voice)),
        }
        let is_new = before != voices.len();
        let mut action = Moderated::new(effect, Some(room), Some(name.clone()));
        action.person = Some(self.person(target));
        let answer = Answer::Done(done(&action, name.as_str()).into());
        if is_new {
            self.tell_action(id, name.as_str(), action);
        }
        Ok(answer)
    }

    fn kick(&mut self, id: ClientId, room: Option<RoomName>, name: Name, why: Option<Text>) -> Result<Answer, Refusal> {
        if let Some(room) = &room
            && self.member_here(&name, room).is_none()
        {
            return self.kick_away(id, room, &name, why);
        }
        let target = self.present(&name)?;
        let name = self.may_target(id, &name)?;
        let all = self.connections(target);
        let words = self.words_of_leaving(id, "kicked", why.as_ref());
        let mut action = Moderated::new(Effect::Kicked, room.clone(), Some(name.clone()));
        (action.person, action.why) = (Some(self.person(target)), why);
        let answer = self.tell_and_answer(id, name.as_str(), action);
        match &room {
            Some(room) => self.remove_from_room(&all, room, &Leave::Kicked(Some(words)), None),
            None => all.into_iter().for_each(|id| self.remove(id, Leave::Kicked(Some(words.clone())))),
        }
        Ok(answer)
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
        let name = self.may_target(id, &name)?;
        let all: Vec<ClientId> = self.clients.all_named(&name).collect();
        let ban = self.new_ban(id, Kind::Mute, Target::Name(name.clone()), why.clone())?;
        self.put_in_force(room.as_ref(), ban, time, &all)?;
        let mut action = Moderated::new(Effect::Muted, room, Some(name.clone()));
        (action.seconds, action.why) = (time.map(|time| time.as_secs()), why);
        Ok(self.tell_and_answer(id, name.as_str(), action))
    }

    fn ban(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        target: Target,
        time: Option<Duration>,
        why: Option<Text>,
    ) -> Result<Answer, Refusal> {
        let (target, all) = match target {
            Target::Name(name) => {
                let name = self.may_target(id, &name)?;
                let all = self.clients.all_named(&name).collect();
                (Target::Name(name), all)
            }
            Target::Network(network) => {
                let own = self.clients.get(id).and_then(|client| client.address());
                if own.is_some_and(|own| network.holds(own)) {
                    let right = "That is where you are yourself.";
                    return Err(Refusal::bad_argument(network, right));
                }
                (Target::Network(network), Vec::new())
            }
        };
        let ban = self.new_ban(id, Kind::Ban, target.clone(), why.clone())?;
        self.put_in_force(room.as_ref(), ban, time, &all)?;
        let words = self.words_of_leaving(id, "banned", why.as_ref());
        let mut action = Moderated::new(Effect::Banned, room.clone(), target.name().cloned());
        (action.seconds, action.why) = (time.map(|time| time.as_secs()), why);
        let answer = self.tell_and_answer(id, &target.to_string(), action);
        match &room {
            Some(room) => self.put_banned_out(room, &target, &all, words),
            None => {
                for id in self.clients.ids() {
                    if self.ban_on(id, &self.router.features.bans).is_some() {
                        self.remove(id, Leave::Banned(Some(words.clone())));
                    }
                }
            }
        }
        Ok(answer)
    }

    /// Ends the rights of a banned target in a room, and takes the members out that a ban holds now. `all` are the
    /// connections of the target's name.
    fn put_banned_out(&mut self, name: &RoomName, target: &Target, all: &[ClientId], words: Text) {
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        if let Some(who) = target.name() {
            room.features.rooms.op_accounts.remove(who);
            room.features.rooms.invited.retain(|id| !all.contains(id));
            self.end_membership(who.clone(), name.clone());
        }
        let Some(room) = self.router.rooms.get(name) else { return };
        let banned = room.members.iter().filter(|id| self.ban_on(**id, &room.features.bans).is_some());
        // A user has to go by all connections, from wherever each of them comes.
        let all: BTreeSet<ClientId> = banned.flat_map(|id| self.connections(*id)).collect();
        let all: Vec<ClientId> = all.into_iter().collect();
        self.remove_from_room(&all, name, &Leave::Banned(Some(words)), None);
    }

    fn lift(&mut self, id: ClientId, room: Option<RoomName>, kind: Kind, target: &Target) -> Result<Answer, Refusal> {
        let lifted = self.take_off(room.as_ref(), kind, target)?;
        let effect = Effect::lifted(kind);
        for ban in lifted {
            let action = Moderated::new(effect, room.clone(), ban.target.name().cloned());
            self.tell_action(id, &ban.target.to_string(), action);
        }
        Ok(Answer::Done(done(&Moderated::new(effect, room, None), &target.to_string()).into()))
    }

    /// The same by the dashboard, where the operator need not be a user.
    pub(crate) fn lift_by(
        &mut self,
        by: &Actor,
        room: Option<&RoomName>,
        kind: Kind,
        target: &Target,
    ) -> Result<(), Refusal> {
        let effect = Effect::lifted(kind);
        for ban in self.take_off(room, kind, target)? {
            let mut action = Moderated::new(effect, room.cloned(), ban.target.name().cloned());
            action.by = Name::parse(&by.name).ok();
            let target = ban.target.to_string();
            self.act(by, effect.action(), room, &target, "");
            let event = Event::Feature(FeatureEvent::new(action));
            match room {
                Some(room) => self.tell_room(room, None, event),
                None => self.tell_those_around(&target, None, event),
            }
        }
        Ok(())
    }

    /// Takes what holds a target out of a list, and has the store keep that.
    fn take_off(&mut self, room: Option<&RoomName>, kind: Kind, target: &Target) -> Result<Vec<Ban>, Refusal> {
        let all: Vec<ClientId> = target.name().map_or_else(Vec::new, |name| self.clients.all_named(name).collect());
        let lifted = self.router.bans_of(room).map_or_else(Vec::new, |bans| bans.lift(kind, target, &all));
        if lifted.is_empty() {
            let what = if kind == Kind::Mute { "muted" } else { "banned" };
            return Err(not_listed(target, room, what));
        }
        self.record_bans_of(room);
        Ok(lifted)
    }

    // ---- how it is done ----

    fn new_ban(&self, id: ClientId, kind: Kind, target: Target, why: Option<Text>) -> Result<Ban, Refusal> {
        Ok(Ban { kind, target, by: self.name_of(id)?, why, since: self.now.wall, until: None })
    }

    /// Puts a ban or a mute into force: of a name also on the connections that have it now.
    fn put_in_force(
        &mut self,
        room: Option<&RoomName>,
        ban: Ban,
        time: Option<Duration>,
        connections: &[ClientId],
    ) -> Result<(), Refusal> {
        let now = self.now.mono;
        let Some(bans) = self.router.bans_of(room) else {
            return Err(room.map_or(IN_NO_ROOM, Refusal::not_in_room));
        };
        let full = |_| {
            let words = format!("So many are banned or muted already: {MAX_BANS}. /bans shows them; lift one first.");
            Refusal::new(Code::ListFull, words).with("max", MAX_BANS)
        };
        bans.add(ban, time, connections.iter().copied(), now).map_err(full)?;
        for connection in connections {
            if let Some(client) = self.clients.get_mut(*connection) {
                client.state.is_listed = true;
            }
        }
        self.record_bans_of(room);
        Ok(())
    }

    /// Tells an action, and returns the answer to the operator. `target` is a name, or an address, which others are not told.
    pub(super) fn tell_and_answer(&mut self, id: ClientId, target: &str, action: Moderated) -> Answer {
        let answer = Answer::Done(done(&action, target).into());
        self.tell_action(id, target, action);
        answer
    }

    /// Tells the room of an action, or, where it is on the whole server, those who are in a room with the target; and writes it
    /// into the audit.
    pub(super) fn tell_action(&mut self, id: ClientId, target: &str, mut action: Moderated) {
        self.show_speaker(id);
        let actor = self.actor(id);
        self.act(&actor, action.effect.action(), action.room.as_ref(), target, &action.detail());
        action.by = self.name_of(id).ok();
        let room = action.room.clone();
        let event = Event::Feature(FeatureEvent::new(action));
        match &room {
            Some(room) => self.tell_room(room, Some(id), event),
            None => self.tell_those_around(target, Some(id), event),
        }
    }

    /// Tells a user, and all who are in a room with that user. An address is told to taps alone.
    pub(crate) fn tell_those_around(&mut self, target: &str, but: Option<ClientId>, event: Event) {
        let envelope = Envelope::new(self.now.wall, event);
        self.router.publish(&envelope);
        let Ok(name) = Name::parse(target) else { return };
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
}

pub(super) fn not_there(name: &Name, room: &RoomName) -> Refusal {
    Refusal::new(Code::UserNotInRoom, format!("{name} is not in {room}. /list {room} shows who is."))
}

/// There is nothing to lift. `what` the target is not: `muted`, `banned`, `an operator`.
fn not_listed(target: &impl std::fmt::Display, room: Option<&RoomName>, what: &str) -> Refusal {
    let words = match room {
        Some(room) => format!("{target} is not {what} in {room}. /bans {room} shows who is."),
        None => format!("{target} is not {what} everywhere. /bans * shows who is."),
    };
    Refusal::new(Code::NotListed, words)
}

/// The operators of a room are its own; those of the server, and so of the lobby, have an account or the key.
fn of_one_room(room: Option<RoomName>, name: &Name) -> Result<RoomName, Refusal> {
    let right = "Operators of the whole server, and so of the lobby, are made by /role, or have the operator key.";
    let own = room.filter(|room| *room != RoomName::lobby());
    own.ok_or_else(|| Refusal::bad_argument(name, right))
}
