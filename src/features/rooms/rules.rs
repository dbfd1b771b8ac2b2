//! What the commands of rooms do (`TOPIC`, `INVITE`, `MODE`), who is an operator of a room, and who may enter, read and speak in it.

use crate::chat::hooks::Hooks;
use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::chat::router::rooms::already_there;
use crate::features::rooms;
use crate::features::rooms::ModeChange;
use crate::features::rooms::state::Settings;
use crate::features::rooms::told::{Invited, Modes, NewOperator, Topic};
use crate::features::state::{Answer, Features, Room, RoomState};
use crate::model::code::Code;
use crate::model::event::{Done, Envelope, Event, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::text::{MAX_SHORT, Text};

mod opening;
mod retention;

/// The most connections that are invited to one room.
const MAX_INVITED: usize = 200;

/// Carries out a command of this feature; `None` if it is one of another feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    let command: &rooms::Command = command.open()?;
    Some(match command.clone() {
        rooms::Command::Topic { room, text } => turn.topic(id, room, text),
        rooms::Command::Invite { name, room } => turn.invite(id, name, room),
        rooms::Command::Mode { room, changes } => turn.mode(id, room, changes),
        rooms::Command::Retain { room, change } => turn.retain(id, room, change),
    })
}

impl Turn<'_, Features> {
    /// `TOPIC`.
    pub(crate) fn topic(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        text: Option<Text>,
    ) -> Result<Answer, Refusal> {
        let by = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let room = self.room_to_read(id, &name)?;
        let name = room.name.clone();
        let Some(text) = text else {
            return Ok(Answer::Done(Done::Topic { room: name, topic: room.features.rooms.topic.clone() }));
        };
        if text.is_blank() {
            return Err(Refusal::NO_TEXT);
        }
        if text.len() > MAX_SHORT {
            return Err(Refusal::text_too_long(MAX_SHORT, &text));
        }
        if !room.members.contains(&id) {
            return Err(Refusal::not_in_room(&name));
        }
        self.not_muted(id, Some(room))?;
        if room.features.rooms.topic_lock && !self.may_rule(id, room) {
            return Err(not_room_op(&name));
        }
        self.show_speaker(id);
        let topic = (text.as_str() != "-").then(|| (by.clone(), text));
        let shown = topic.as_ref().map_or_else(Text::default, |(_, text)| text.clone());
        if let Some(room) = self.router.rooms.get_mut(&name) {
            room.features.rooms.topic = topic.clone();
        }
        self.record_room(&name);
        self.tell_room(&name, Some(id), Event::feature(Topic { room: name.clone(), by, text: shown }));
        Ok(Answer::Done(Done::Topic { room: name, topic }))
    }

    /// `INVITE`.
    pub(crate) fn invite(&mut self, id: ClientId, whom: Name, room: Option<RoomName>) -> Result<Answer, Refusal> {
        let by = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let guest = self.clients.named(&whom);
        if guest.is_none() && self.account_name(&whom).is_none() {
            return Err(Refusal::no_such_user(&whom));
        }
        let room = match self.router.rooms.get(&name) {
            Some(room) if room.members.contains(&id) => room,
            _ => return Err(Refusal::not_in_room(&self.room_to_read(id, &name)?.name)),
        };
        let name = room.name.clone();
        if !room.features.rooms.lets_all_in() && !self.may_rule(id, room) {
            return Err(not_room_op(&name));
        }
        if guest.is_some_and(|guest| room.members.contains(&guest)) {
            return Err(already_there(&name));
        }
        self.not_muted(id, Some(room))?;
        let Some(guest) = guest else { return self.invite_away(by, &whom, &name) };
        // An invitation is no way around a ban.
        if let Some(notice) = self.ban_on(guest, &room.features.bans) {
            return Err(notice.banned_from(&room.name, Some(&whom)));
        }
        // That of an account lasts until it is used, that of a guest as long as the connection.
        if self.is_signed_in(guest) {
            self.invite_account(by.clone(), &self.name_of(guest)?, &name);
        } else {
            self.invite_guest(guest, &name);
        }
        if self.hears(guest, &by) {
            let by = Invited { room: name.clone(), by: Some(self.person(id)), name: by };
            self.tell(guest, Event::feature(by));
        }
        let guest = self.name_of(guest)?;
        let words = Words::new(format!("{guest} may come into {name} now.")).with("to", &guest).with("room", &name);
        Ok(Answer::Done(words.into()))
    }

    /// Lets a user without an account into a room, once.
    fn invite_guest(&mut self, guest: ClientId, name: &RoomName) {
        if let Some(client) = self.clients.get_mut(guest) {
            client.state.is_listed = true;
        }
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        let invited = &mut room.features.rooms.invited;
        invited.retain(|other| *other != guest);
        invited.push(guest);
        // Invited users may never come. The oldest invitations make way, so that the list is bounded.
        let over = invited.len().saturating_sub(MAX_INVITED);
        invited.drain(..over);
    }

    /// `MODE`.
    pub(crate) fn mode(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        mut changes: Vec<ModeChange>,
    ) -> Result<Answer, Refusal> {
        let by = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let room = self.room_to_read(id, &name)?;
        let name = room.name.clone();
        if changes.is_empty() {
            return Ok(modes_of(room));
        }
        if !room.members.contains(&id) {
            return Err(Refusal::not_in_room(&name));
        }
        if !self.may_rule(id, room) {
            return Err(not_room_op(&name));
        }
        if changes.iter().any(ModeChange::closes) && !self.may_close(id, room) {
            return Err(not_the_opener(&name));
        }
        let Some(room) = self.router.rooms.get_mut(&name) else { return Err(Refusal::not_in_room(&name)) };
        changes.retain(|change| room.features.rooms.set(change));
        let answer = modes_of(room);
        if changes.is_empty() {
            return Ok(answer);
        }
        let (modes, limit) = (room.features.rooms.modes(), room.features.rooms.limit);
        self.show_speaker(id);
        self.record_room(&name);
        let actor = self.actor(id);
        self.act(&actor, "mode", Some(&name), "", &modes);
        self.tell_room(&name, Some(id), Event::feature(Modes { room: name.clone(), by, changes, modes, limit }));
        Ok(answer)
    }

    /// Whether a client may close a room. Of a closed one all is forgotten when its last guest leaves, so a guest who came into a room
    /// of others does not decide on what they said.
    fn may_close(&self, id: ClientId, room: &Room) -> bool {
        let is_opener = room.features.opener.as_ref().and_then(|opener| opener.person).is_some_and(|person| {
            person == id || self.name_of(person).is_ok_and(|name| self.clients.all_named(&name).any(|own| own == id))
        });
        let lasts = !room.features.rooms.op_accounts.is_empty();
        !room.is_open() || !room.is_worth_keeping() || is_opener || lasts || self.role(id) >= Role::Op
    }

    /// A client has left a room. An empty room that operators with an account may come back to stays as it is; another one is open
    /// again if something was said in it, and is forgotten else, or if it was closed. A room without an operator gets the member
    /// that has been connected longest.
    pub(crate) fn after_leaving(&mut self, name: &RoomName) {
        let has_members = self.router.features.members.has_members(name);
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        if room.members.is_empty() {
            if !room.features.rooms.op_accounts.is_empty() || has_members && !room.is_open() {
                // It stays as its operators closed it.
            } else if room.is_open() && (room.is_worth_keeping() || room.features.bans.has_bans())
                || *name == RoomName::lobby()
            {
                let had_modes = room.features.rooms.end_order();
                room.features.rooms.invited.clear();
                let emptied = Event::Emptied { room: room.name.clone(), modes: room.features.rooms.modes() };
                self.router.publish(&Envelope::new(self.now.wall, emptied));
                if had_modes {
                    self.record_room(name);
                }
            } else {
                let last_id = room.last_id();
                let bans = std::mem::take(&mut room.features.bans);
                self.forget_room(name, last_id);
                if bans.has_bans() {
                    // A banned user is not to be the first in a new one, either.
                    let features = RoomState { bans, first_id: last_id + 1, ..RoomState::default() };
                    let again = Room::new(name.clone(), self.router.history, last_id, features);
                    self.router.rooms.insert(name.clone(), again);
                    self.record_room(name);
                }
            }
        } else if room.features.rooms.ops.is_empty()
            && room.features.rooms.op_accounts.is_empty()
            && *name != RoomName::lobby()
        {
            let Some(&next) = room.members.first() else { return };
            self.make_op(next, name);
            if let Some(who) = self.clients.get(next).and_then(|client| client.name.clone()) {
                let told = NewOperator { room: name.clone(), by: self.person(next), name: who };
                self.tell_room(name, None, Event::feature(told));
            }
        }
    }

    /// Makes a member an operator of the room, by all connections of the user; and whenever the user comes, if it has an account.
    pub(crate) fn make_op(&mut self, id: ClientId, name: &RoomName) {
        let account =
            self.clients.get(id).filter(|client| client.state.signed_in).and_then(|client| client.name.clone());
        let all = self.connections(id);
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        room.features.rooms.ops.extend(all.into_iter().filter(|id| room.members.contains(id)));
        if account.is_some_and(|account| room.features.rooms.op_accounts.insert(account)) {
            self.record_room(name);
        }
    }

    /// A client has come into a room: it is an operator there if its account is, or if it is the first.
    pub(crate) fn give_ops(&mut self, id: ClientId, name: &RoomName) {
        let Ok(who) = self.name_of(id) else { return };
        let signed_in = self.is_signed_in(id);
        let others: Vec<ClientId> = self.clients.all_named(&who).filter(|other| *other != id).collect();
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        room.features.rooms.invited.retain(|invited| *invited != id);
        let is_own = signed_in && room.features.rooms.op_accounts.contains(&who);
        if is_own || others.iter().any(|other| room.features.rooms.ops.contains(other)) {
            room.features.rooms.ops.insert(id);
        }
        if others.iter().any(|other| room.features.rooms.voices.contains(other)) {
            room.features.rooms.voices.insert(id);
        }
        if room.members.len() == 1 && room.features.rooms.op_accounts.is_empty() && *name != RoomName::lobby() {
            self.make_op(id, name);
        }
    }

    /// A client leaves a room: it is no operator there, and not invited any more.
    pub(crate) fn take_ops(&mut self, id: ClientId, name: &RoomName) {
        if let Some(room) = self.router.rooms.get_mut(name) {
            room.features.rooms.forget(id);
        }
    }

    /// A client is gone: no room has it as invited, or as the connection of the user who opened it.
    pub(crate) fn forget_in_rooms(&mut self, id: ClientId) {
        for room in self.router.rooms.values_mut() {
            room.features.rooms.invited.retain(|invited| *invited != id);
            if let Some(opener) = room.features.opener.as_mut().filter(|opener| opener.person == Some(id)) {
                opener.person = None;
            }
        }
    }

    /// After a panic: only members are operators of a room, and only for members its arrivals are held back.
    pub(crate) fn mend_rooms(&mut self) {
        for room in self.router.rooms.values_mut() {
            room.features.rooms.ops.retain(|op| room.members.contains(op));
            room.features.rooms.voices.retain(|voice| room.members.contains(voice));
            room.features.unannounced.retain(|hidden| room.members.contains(hidden));
        }
    }

    /// Tells a client that has just come into a room the topic.
    pub(crate) fn show_topic(&mut self, id: ClientId, name: &RoomName) {
        if let Some((by, text)) = self.router.rooms.get(name).and_then(|room| room.features.rooms.topic.clone()) {
            self.tell(id, Event::feature(Topic { room: name.clone(), by, text }));
        }
    }

    /// Whether a user may read what is said in a room, as far as its settings allow it. A user without a connection is in no room.
    ///
    /// # Errors
    /// What [`refusal_outside`](Self::refusal_outside) says.
    pub(crate) fn may_read_from_outside(&self, id: Option<ClientId>, room: &Room) -> Result<(), Refusal> {
        if room.name.is_talk() {
            let is_in = id.is_some_and(|id| self.is_in_talk(id, room));
            return if is_in { Ok(()) } else { Err(Refusal::no_such_talk(&room.name)) };
        }
        let may_read = id.map_or(room.is_open(), |id| room.is_open_to(id));
        if may_read { Ok(()) } else { Err(self.refusal_outside(id, room)) }
    }

    /// Whether a user may read what is said in a room.
    pub(crate) fn can_read(&self, id: ClientId, room: &Room) -> bool {
        Features::may_read(self, id, room).is_ok()
    }

    /// The refusal for a user outside of a closed room, of whatever command and by whatever door: a room by invitation stands in no
    /// list, and a user who names it learns that it is by invitation and nothing more. `JOIN` has to say that much, so other commands
    /// do not deny that the room exists.
    pub(crate) fn refusal_outside(&self, id: Option<ClientId>, room: &Room) -> Refusal {
        if room.features.rooms.invite_only && !id.is_some_and(|id| self.is_expected(id, room)) {
            Refusal::new(
                Code::InviteOnly,
                format!("{0} is by invitation. Ask a member for /invite <your-name> {0}.", room.name),
            )
        } else {
            Refusal::not_in_room(&room.name)
        }
    }

    /// Whether a user may come into a room however it is closed: an invited user, or an operator of the room with an account.
    pub(crate) fn is_expected(&self, id: ClientId, room: &Room) -> bool {
        let is_own = |client: &Client| {
            client.state.signed_in
                && client.name.as_ref().is_some_and(|name| room.features.rooms.op_accounts.contains(name))
        };
        room.features.rooms.invited.contains(&id)
            || self.clients.get(id).is_some_and(is_own)
            || self.is_member(id, &room.name)
            || self.is_invited_account(id, room)
    }

    /// Whether a client may come into a room, as far as its operators have closed it.
    ///
    /// # Errors
    /// The room is by invitation, has a key, or is full.
    pub(crate) fn may_enter_closed(&self, id: ClientId, room: &Room, key: Option<&Text>) -> Result<(), Refusal> {
        if self.is_expected(id, room) {
            return Ok(());
        }
        if room.features.rooms.invite_only {
            return Err(self.refusal_outside(Some(id), room));
        }
        if room.features.rooms.key.is_some() && room.features.rooms.key.as_ref() != key {
            let words = format!("{0} has a key. /join {0} <key> opens it.", room.name);
            return Err(Refusal::new(Code::BadKey, words));
        }
        if let Some(limit) = room.features.rooms.limit.filter(|limit| room.people() >= *limit as usize) {
            let words = format!("{0} is full: {limit} users at most. Who is invited comes in all the same.", room.name);
            return Err(Refusal::new(Code::RoomFull, words).with("max", limit as usize));
        }
        Ok(())
    }

    /// Whether a client may speak in a room, as far as its modes go.
    ///
    /// # Errors
    /// Only users in it may, or only its operators and users with voice.
    pub(crate) fn may_speak_in(&self, id: ClientId, room: &Room) -> Result<(), Refusal> {
        if room.features.rooms.inside_only && !room.members.contains(&id) {
            let words = format!("Only users in {0} speak there. /join {0} takes you in.", room.name);
            return Err(Refusal::new(Code::CannotSpeak, words));
        }
        if room.features.rooms.moderated && !room.features.rooms.voices.contains(&id) && !self.may_rule(id, room) {
            let words = format!(
                "{} is moderated: only its operators and users with voice speak. Ask an operator for /voice, or /join another room.",
                room.name
            );
            return Err(Refusal::new(Code::CannotSpeak, words));
        }
        Ok(())
    }
}

impl Room {
    /// Whether anything that was said in it is kept.
    pub(crate) fn has_log(&self) -> bool {
        !self.history.is_empty() || self.features.is_kept && self.features.first_id <= self.last_id()
    }

    /// Whether an empty room has something for the next users: what was said, or a topic.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        self.has_log() || self.features.rooms.topic.is_some()
    }

    /// Whether all users may come in and read.
    pub(crate) fn is_open(&self) -> bool {
        !self.name.is_talk() && self.features.rooms.is_open()
    }

    /// Whether the room's settings let a user read: it is open to all, or the user is a member.
    pub(crate) fn is_open_to(&self, id: ClientId) -> bool {
        self.is_open() || self.members.contains(&id)
    }
}

/// The answer to `MODE`.
fn modes_of(room: &Room) -> Answer {
    let Settings { limit, .. } = room.features.rooms;
    Answer::Done(Done::Modes { room: room.name.clone(), modes: room.features.rooms.modes(), limit })
}

/// The refusal of what only operators of the room may do.
pub(crate) fn not_room_op(room: &RoomName) -> Refusal {
    let words = format!("Only the operators of {room} may do that. Ask one of them; who opens a room is its first.");
    Refusal::new(Code::NotRoomOp, words)
}

/// The refusal of what a guest may do in a room of its own only.
fn not_the_opener(room: &RoomName) -> Refusal {
    let words = format!(
        "A guest can close only a room that it opened: {room} has words of others. Keep your name with /register, or open a new room."
    );
    Refusal::new(Code::NotRoomOp, words)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use crate::testing::{Bare, Stage, matches, quick};

    #[test]
    fn the_oldest_invitation_makes_way() {
        let mut stage = Bare::new(quick());
        for number in 0..=201 {
            let who = format!("p{number}");
            stage.connect(&who);
            stage.send(&who, format!("OPT:presence=off history=off\nJOIN:{who}\n").as_bytes());
        }
        stage.send("p0", b"/join #tea\n/mode +i\n");
        for number in 1..=201 {
            stage.send("p0", format!("/invite p{number}\n").as_bytes());
        }
        // It is the last one now, however long p1 is connected.
        stage.send("p0", b"/invite p1\n");
        while stage.next("p0").is_some() {}
        for (who, answer) in
            [("p2", "* ERR 473 invite-only JOIN: ..."), ("p3", "* OK JOIN ..."), ("p1", "* OK JOIN ...")]
        {
            while stage.next(who).is_some() {}
            stage.send(who, b"/join #tea\n");
            let line = stage.next(who);
            assert!(line.as_deref().is_some_and(|line| matches(answer, line)), "{who}: {line:?}");
        }
    }

    #[test]
    fn a_room_without_an_operator_gets_the_member_that_was_there_first() {
        let mut stage = Bare::new(quick());
        for who in ["ani", "budi", "citra"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n/join #tea\n").as_bytes());
        }
        while stage.next("citra").is_some() {}
        stage.send("ani", b"/part #tea\n");
        let lines: Vec<String> = std::iter::from_fn(|| stage.next("citra")).collect();
        let expected = ["* LEFT #tea ani: ...", "* NOTE #tea: budi is the operator of #tea now."];
        let fit = lines.len() == expected.len() && expected.iter().zip(&lines).all(|(p, line)| matches(p, line));
        assert!(fit, "{lines:?}");
    }
}
