//! What each command does: one function for each, in the order of the command table.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{ROOMS_EACH, UNANNOUNCED};
use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::chat::message::{Client, Message};
use crate::chat::room::{Opener, Room};
use crate::metrics::Metrics;
use crate::model::address::neighbourhood;
use crate::model::args::wrong;
use crate::model::code::Code;
use crate::model::command::{CROWD, Choice, Command, HistoryQuery, Line, Presence};
use crate::model::event::{Block, Change, Done, Envelope, Event, Leave, Speech, Version, Words};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::rows::{RoomInfo, Stat, User};
use crate::model::text::Text;

/// How long a room counts as new to who opened it.
const NEW_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// What is opened from one address is at most this part of all rooms.
const SHARE_OF_ROOMS: usize = 2;

impl<F: Hooks> Turn<'_, F> {
    pub(crate) fn command(&mut self, id: ClientId, command: Command) -> Result<Answer<F>, Refusal> {
        match command {
            Command::Join(name) => self.join(id, name),
            Command::Enter { room, key } => self.enter(id, room, key),
            Command::Say { room, re, cid, act, text } => self.say(id, room, vec![text], act, re, cid),
            Command::Paste(lines) => self.paste(id, lines),
            Command::PasteBegins => {
                let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
                client.state.pasting_in = client.state.current.clone();
                Ok(Answer::Event(Event::PasteBegins))
            }
            Command::Whisper { to, text } => {
                let found = self.clients.named(&to);
                self.whisper(id, found, to.as_str(), text)
            }
            Command::Nick(name) => self.nick(id, name),
            Command::List(room) => self.list(id, room),
            Command::Rooms => Ok(Answer::Block(Block::rooms(self.rooms(id)))),
            Command::Part(room) => self.part(id, room),
            Command::Room(room) => self.room(id, room),
            Command::History(query) => self.history(id, query),
            Command::Options(choices) => self.options(id, choices),
            Command::Telnet(wanted) => {
                let is_on = self.clients.get(id).is_some_and(|client| client.state.is_edited);
                let is_asked = wanted == Some(true) && !is_on;
                Ok(Answer::Done(line_editing(if is_asked { None } else { Some(is_on) }).into()))
            }
            Command::Terminal(_) => Err(Refusal::NO_TEXT),
            Command::Ping(token) => Ok(Answer::Event(Event::Pong(token))),
            Command::Why => {
                let refusal = self.clients.get(id).and_then(|client| client.state.refusal.clone());
                Ok(Answer::Done(match refusal {
                    Some((at, refusal)) => Done::Why(at, refusal),
                    None => Words::fixed("Nothing was refused.").into(),
                }))
            }
            Command::Help(word) => self.help(id, word),
            Command::Stats => Ok(Answer::Block(Block::stats(self.stats()))),
            // Last words are words, too.
            Command::Quit(words) => {
                Ok(Answer::Leave(Leave::Quit(words.filter(|_| F::may_speak_everywhere(self, id).is_ok()))))
            }
            #[cfg(test)]
            Command::Crash => panic!("the test asked for it"),
            command => F::carry_out(self, id, command),
        }
    }

    fn join(&mut self, id: ClientId, name: Name) -> Result<Answer<F>, Refusal> {
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if let Some(already) = &client.name {
            let words = format!(
                "You are {already} already. For a room put # in front: /join #{name}. For another name: /nick {name}."
            );
            return Err(Refusal::new(Code::AlreadySignedOn, words));
        }
        // First, so that a private server does not tell which names there are.
        F::may_sign_on(self, id)?;
        F::may_be_called(self, id, &name)?;
        if !self.clients.rename(id, name.clone()) {
            return Err(self.taken(name));
        }
        let room = RoomName::lobby();
        let users = self.come_in(id, &room)?;
        Ok(Answer::In(Done::Welcome { name, room: room.clone(), users }, room))
    }

    /// A client has a name now, and goes into its first room. Returns how many are in it.
    pub(crate) fn come_in(&mut self, id: ClientId, room: &RoomName) -> Result<usize, Refusal> {
        let name = self.name_of(id)?;
        if let Some(client) = self.clients.get_mut(id) {
            let quiet = client.state.options.presence == Presence::Off;
            client.state.announce_at = quiet.then(|| self.now.mono + UNANNOUNCED);
            log::info!("{client} signed on");
            let signed_on = Event::SignedOn { by: id, name, door: client.door };
            self.router.publish(&Envelope::new(self.now.wall, signed_on));
        }
        self.go_in(id, room)
    }

    fn enter(&mut self, id: ClientId, name: RoomName, key: Option<Text>) -> Result<Answer<F>, Refusal> {
        let client = self.clients.get(id).filter(|client| client.name.is_some()).ok_or(Refusal::NOT_SIGNED_ON)?;
        if client.state.rooms.contains(&name) {
            return Err(already_there(&name));
        }
        if client.state.rooms.len() >= ROOMS_EACH {
            let words = format!("That would be more than {ROOMS_EACH} rooms. Leave one with /part first.");
            return Err(Refusal::new(Code::TooManyRooms, words).with("max", ROOMS_EACH));
        }
        if let Some(room) = self.router.rooms.get(&name) {
            F::may_enter(self, id, room, key.as_ref())?;
        }
        self.open_room(id, &name)?;
        let mut users = 0;
        // One person goes in by all their connections.
        for connection in self.connections(id).into_iter().rev() {
            // But not by one that comes from a banned address.
            let room = self.router.rooms.get(&name);
            if connection != id && !room.is_some_and(|room| F::may_follow(self, connection, room)) {
                continue;
            }
            users = self.go_in(connection, &name)?;
            if connection != id {
                let joined = Event::Joined { room: name.clone(), by: self.person(id), name: self.name_of(id)? };
                self.tell(connection, joined);
            }
        }
        let (room, op) = match self.router.rooms.get(&name) {
            Some(room) => (room.name.clone(), F::is_op(id, room)),
            None => (name, false),
        };
        Ok(Answer::In(Done::Entered { room: room.clone(), users, op }, room))
    }

    /// Makes sure that a room exists, making place for it where there are too many.
    fn open_room(&mut self, id: ClientId, name: &RoomName) -> Result<(), Refusal> {
        let rooms = &self.router.rooms;
        if rooms.contains_key(name) {
            return Ok(());
        }
        let opener = self.may_open(id)?;
        if rooms.len() >= self.router.max_rooms {
            // What is kept is not given up for a room that is new.
            let is_empty = |room: &&Room<F::Room>| room.members.is_empty() && room.name != RoomName::lobby();
            let empty = rooms.values().filter(is_empty).filter(|room| !F::is_lasting(self, room));
            let oldest = empty.min_by_key(|room| room.last_id()).map(|room| (room.name.clone(), room.last_id()));
            let (oldest, last_id) = oldest.ok_or_else(|| no_place_for_rooms(self.router.max_rooms))?;
            self.forget_room(&oldest, last_id);
        }
        let mut room =
            Room::new(name.clone(), self.router.history, self.router.forgotten_id, F::room(self.router.forgotten_id));
        room.opener = Some(opener);
        self.router.rooms.insert(name.clone(), room);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.is_listed = true;
        }
        Ok(())
    }

    /// Whether a user may open one more room: of those that are there, so many may have been opened within a day by one person,
    /// and so many from one address. The server's operators may always.
    fn may_open(&self, id: ClientId) -> Result<Opener, Refusal> {
        let (person, now) = (self.person(id), self.now.mono);
        let account = if self.is_signed_in(id) { Some(self.name_of(id)?) } else { None };
        let near = self.clients.get(id).and_then(Client::address).map(neighbourhood);
        let router = &*self.router;
        let openers = router.rooms.values().filter_map(|room| room.opener.as_ref());
        let (mut own, mut from_here) = (0, 0);
        for opener in openers.filter(|opener| now.saturating_duration_since(opener.at) < NEW_FOR) {
            let is_own = opener.person == Some(person) || account.is_some() && opener.account == account;
            own += usize::from(is_own);
            from_here += usize::from(near.is_some() && opener.near == near);
        }
        let (each, address) = (router.rooms_each, router.rooms_each_address);
        let share = address.min(router.max_rooms / SHARE_OF_ROOMS).max(1);
        if !F::may_open_many(self, id) {
            if each > 0 && own >= each {
                return Err(too_many_new_rooms(each, "of yours"));
            }
            if address > 0 && from_here >= share {
                return Err(too_many_new_rooms(share, "opened from where you are"));
            }
        }
        Ok(Opener { person: Some(person), account, near, at: now })
    }

    /// Puts a client into a room that exists, makes it current, and tells the others. Returns how many are in it.
    pub(crate) fn go_in(&mut self, id: ClientId, name: &RoomName) -> Result<usize, Refusal> {
        let who = self.name_of(id)?;
        let (person, now) = (self.person(id), self.now.mono);
        let client = self.clients.get(id);
        let is_quiet = client.is_some_and(|client| client.state.announce_at.is_some());
        let near = client.and_then(Client::address).map(neighbourhood);
        let others: Vec<ClientId> = self.clients.all_named(&who).filter(|other| *other != id).collect();
        let Some(room) = self.router.rooms.get_mut(name) else {
            return Err(Refusal::no_such_room(name));
        };
        let name = room.name.clone();
        let is_double = others.iter().any(|other| room.members.contains(other));
        let is_hidden = if is_double {
            others.iter().any(|other| room.unannounced.contains(other))
        } else {
            is_quiet || !self.router.arrivals.take(near, now)
        };
        if is_hidden {
            room.unannounced.insert(id);
        }
        room.doubles += usize::from(is_double);
        room.members.insert(id);
        // What was said before is history for those who come in now.
        let _unheard = room.news.take_rest(id);
        let is_new_crowd = room.count_heads();
        let users = room.people();
        F::entered(self, id, &name);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.rooms.push(name.clone());
            client.state.current = Some(name.clone());
            if is_hidden {
                client.state.announce_at.get_or_insert(now + UNANNOUNCED);
            }
        }
        if !is_double && !is_hidden {
            self.tell_presence(&name, id, Event::Joined { room: name.clone(), by: person, name: who });
        }
        if is_new_crowd {
            self.tell_room(&name, Some(id), Event::Note { room: Some(name.clone()), text: crowd() });
        }
        Ok(users)
    }

    /// What a client sees that has just come in: the topic, and what was said.
    pub(crate) fn show_room(&mut self, id: ClientId, name: &RoomName) {
        let (Some(room), Some(client)) = (self.router.rooms.get(name), self.clients.get(id)) else { return };
        let lines = client.state.options.history.unwrap_or(self.router.history_on_join);
        let (lines, more) = room.history.page(None, None, lines);
        let older = || lines.first().and_then(|line| line.id()).filter(|first| F::first_id(room) < *first);
        let more = more.or_else(older);
        let in_crowd = room.is_crowded && client.state.options.presence == Presence::Auto;
        F::show_room(self, id, name);
        if !lines.is_empty() {
            self.tell(id, Event::Block(Block::history(Some(name.clone()), lines, more)));
        }
        if in_crowd {
            self.tell(id, Event::Note { room: Some(name.clone()), text: crowd() });
        }
    }

    fn say(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        lines: Vec<Text>,
        act: bool,
        re: Option<Line>,
        cid: Option<Text>,
    ) -> Result<Answer<F>, Refusal> {
        let from = self.name_of(id)?;
        if lines.iter().all(|line| line.is_blank()) {
            return Err(Refusal::NO_TEXT);
        }
        let name = self.room_or_current(id, room)?;
        let room = self.speakable(id, &name)?;
        let re = match re {
            Some(Line::Id(re)) if re == 0 || re > room.last_id() => {
                return Err(Refusal::no_such_id(Some(re), &name));
            }
            Some(Line::Id(re)) => Some(re),
            Some(Line::Last) => Some(room.last_line(|_| true).ok_or_else(|| Refusal::no_such_id(None, &name))?.id),
            None => None,
        };
        let name = room.name.clone();
        self.show_speaker(id);
        let (signed, person, kept) = (self.is_signed_in(id), self.person(id), F::keeps(self.router));
        let mut last = 0;
        for text in lines {
            let (from, room, cid) = (from.clone(), name.clone(), cid.clone());
            (last, _) = self.log(Some(id), &name, |id| {
                let (by, version) = (person, Version::First);
                Event::Said(Speech { room, id, by, from, act, re, version, signed, cid, file: None, text })
            });
            Metrics::count(&self.router.metrics.messages);
        }
        Ok(Answer::Said(Done::Said { room: name, id: last, kept }))
    }

    /// Says a paste in the room in which it was begun: what was meant for that one is not said in another.
    fn paste(&mut self, id: ClientId, lines: Vec<Text>) -> Result<Answer<F>, Refusal> {
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let room = client.state.pasting_in.take();
        if let Some(room) = room.as_ref().filter(|room| !client.state.rooms.contains(room)) {
            return Err(Refusal::not_in_room(room));
        }
        self.say(id, room, lines, false, None, None)
    }

    /// A room into which a user may speak.
    pub(crate) fn speakable(&self, id: ClientId, name: &RoomName) -> Result<&Room<F::Room>, Refusal> {
        let room = self.readable(id, name)?;
        F::may_speak(self, id, room)?;
        Ok(room)
    }

    /// Puts something into a room's log under the next id, which it returns with it, and hands it to all members but
    /// the one who did it: their own words need no echo. `None` where there is no such room.
    pub(crate) fn log(
        &mut self,
        speaker: Option<ClientId>,
        name: &RoomName,
        event: impl FnOnce(u64) -> Event,
    ) -> (u64, Option<Arc<Envelope>>) {
        let Some(room) = self.router.rooms.get_mut(name) else { return (0, None) };
        let id = room.take_id();
        let envelope = Envelope::new(self.now.wall, event(id));
        room.history.push(id, envelope.clone());
        let from = match &envelope.event {
            Event::Said(Speech { from, .. }) | Event::Changed(Change { from, .. }) => from.clone(),
            // Nothing else has an id.
            _ => return (id, Some(envelope)),
        };
        F::said(self, name, &envelope);
        self.spread(name, speaker, Some(&from), envelope.clone());
        (id, Some(envelope))
    }

    /// `WHISPER` and `REPLY`. `shown` is the name as typed, for the case that no user has it.
    pub(crate) fn whisper(
        &mut self,
        id: ClientId,
        to: Option<ClientId>,
        shown: &str,
        text: Text,
    ) -> Result<Answer<F>, Refusal> {
        if text.is_blank() {
            return Err(Refusal::NO_TEXT);
        }
        let Some(to) = to else {
            F::may_whisper(self, id, None)?;
            return Err(Refusal::no_such_user(shown));
        };
        let (name, away) = self.may_whisper(id, to, shown)?;
        self.take(Message::DirectMessage { from: id, to, content: text });
        Ok(Answer::Done(Done::Whispered { to: name, away }))
    }

    /// Carries [`Message::DirectMessage`] out.
    pub(crate) fn direct_message(&mut self, from: ClientId, to: ClientId, content: Text) -> Result<(), Refusal> {
        let (name, _) = self.may_whisper(from, to, "")?;
        let (by, own) = (self.person(from), self.name_of(from)?);
        let whisper = Event::Whispered { by, from: own, to: name.clone(), file: None, text: content };
        let envelope = Envelope::new(self.now.wall, whisper);
        self.hand_whisper(from, &name, &envelope, false);
        Metrics::count(&self.router.metrics.messages);
        Ok(())
    }

    /// Whether one may whisper to the other; their name, and why they are away.
    pub(crate) fn may_whisper(
        &self,
        from: ClientId,
        to: ClientId,
        shown: &str,
    ) -> Result<(Name, Option<Text>), Refusal> {
        self.name_of(from)?;
        F::may_whisper(self, from, Some(to))?;
        let client = self.clients.get(to);
        let found = client.and_then(|client| Some((client.name.clone()?, client.state.away.clone())));
        found.ok_or_else(|| Refusal::no_such_user(shown))
    }

    /// Hands a whisper to all connections of both people. The one that it came by gets it only where it was not typed there.
    pub(crate) fn hand_whisper(&mut self, id: ClientId, to: &Name, whisper: &Arc<Envelope>, untyped: bool) {
        let Some(from) = self.clients.get(id).and_then(|client| client.name.clone()) else { return };
        // A user who ignores the sender does not get it, and the sender does not learn it: it looks delivered.
        let is_ignored = self.clients.named(to).and_then(|to| self.clients.get(to)).is_some_and(|to| to.ignores(&from));
        let mut hearing = Vec::new();
        if !is_ignored {
            hearing.extend(self.clients.all_named(to));
        }
        for to in &hearing {
            if let Some(client) = self.clients.get_mut(*to) {
                client.state.whisperer = Some((id, from.clone()));
            }
            self.push(*to, whisper);
        }
        let own = self.connections(id).into_iter().filter(|own| untyped || !is_ignored && *own != id);
        for other in own.filter(|other| !hearing.contains(other)) {
            self.push(other, whisper);
        }
    }

    fn nick(&mut self, id: ClientId, new: Name) -> Result<Answer<F>, Refusal> {
        let old = self.name_of(id)?;
        if old.as_str() == new.as_str() {
            return Ok(Answer::Done(Done::Renamed(new)));
        }
        F::may_be_called(self, id, &new)?;
        // All rooms would read it, also those in which the client may not speak.
        F::may_speak_everywhere(self, id)?;
        if self.is_signed_in(id) {
            // The account's own spelling stays.
            return Ok(Answer::Done(Done::Renamed(old)));
        }
        self.rename(id, new.clone())?;
        Ok(Answer::Done(Done::Renamed(new)))
    }

    /// Gives a user another name, and tells the clients that it concerns.
    pub(crate) fn rename(&mut self, id: ClientId, new: Name) -> Result<(), Refusal> {
        let old = self.name_of(id)?;
        if !self.clients.rename(id, new.clone()) {
            return Err(self.taken(new));
        }
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        log::info!("{client} was {old}");
        let mut told = BTreeSet::new();
        let rooms = client.state.rooms.clone();
        let envelope =
            Envelope::new(self.now.wall, Event::Renamed { by: self.person(id), old: old.clone(), new: new.clone() });
        self.router.publish(&envelope);
        let knows = |name: &&RoomName| self.router.rooms.get(name).is_some_and(|room| !room.unannounced.contains(&id));
        for name in rooms.iter().filter(knows) {
            told.extend(self.wanting_presence(name));
        }
        told.remove(&id);
        told.iter().for_each(|id| self.push(*id, &envelope));
        // A new name is no way out of being ignored.
        for ignorer in &self.router.ignorers {
            let Some(client) = self.clients.get_mut(*ignorer) else { continue };
            client.state.ignored.iter_mut().filter(|ignored| **ignored == old).for_each(|name| *name = new.clone());
        }
        Ok(())
    }

    pub(crate) fn taken(&self, name: Name) -> Refusal {
        let free = self.free_name(&name);
        Refusal::new(Code::NameInUse, format!("\"{name}\" is taken. Try {free}.")).with("try", free.as_str())
    }

    fn list(&self, id: ClientId, room: Option<RoomName>) -> Result<Answer<F>, Refusal> {
        let mut users: Vec<User> = match &room {
            None => self.clients.iter().filter_map(|client| self.user(id, client)).collect(),
            Some(name) => {
                let room = self.readable(id, name)?;
                room.members.iter().filter_map(|member| self.user(id, self.clients.get(*member)?)).collect()
            }
        };
        // One person, by however many connections: the least idle of them counts.
        users.sort_by_key(|user| user.idle);
        let mut seen = HashSet::new();
        users.retain(|user| user.account.is_none() || seen.insert(user.name.clone()));
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Answer::Block(Block::list(room, users)))
    }

    /// A person as `asker` may see them: without the closed rooms that the asker is not in.
    pub(crate) fn user(&self, asker: ClientId, client: &Client) -> Option<User> {
        let visible =
            |name: &&RoomName| self.router.rooms.get(name).is_some_and(|room| F::may_read(self, asker, room).is_ok());
        let idle = client.state.last_line.map_or(0, |at| self.now.mono.saturating_duration_since(at).as_secs());
        Some(User {
            name: client.name.clone()?,
            rooms: client.state.rooms.iter().filter(visible).cloned().collect(),
            idle,
            door: client.door,
            account: F::account_role(self, client),
            away: client.state.away.clone(),
        })
    }

    fn rooms(&self, id: ClientId) -> Vec<RoomInfo> {
        let known = self.router.rooms.values().filter(|room| F::may_know_of(self, id, room));
        let mut rooms: Vec<RoomInfo> = known
            .map(|room| RoomInfo {
                name: room.name.clone(),
                users: room.people(),
                modes: F::modes(room),
                topic: F::topic(self, id, room),
            })
            .collect();
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        rooms
    }

    fn part(&mut self, id: ClientId, room: Option<RoomName>) -> Result<Answer<F>, Refusal> {
        let name = self.room_or_current(id, room)?;
        // What was said there is still for them.
        self.catch_up(id);
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let Some(name) = client.state.rooms.iter().find(|room| **room == name).cloned() else {
            return Err(Refusal::not_in_room(&name));
        };
        // One person leaves by all their connections, and this one, which is answered, last.
        self.put_out(&self.connections(id), &name, &Leave::Parted, Some(id));
        let current = self.clients.get(id).and_then(|client| client.state.current.clone());
        Ok(Answer::Done(Done::Parted { room: name, current }))
    }

    /// Connections leave a room. They are told as the others are, but for the one that asked for it.
    pub(crate) fn put_out(&mut self, all: &[ClientId], name: &RoomName, why: &Leave, asked: Option<ClientId>) {
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
                let left = Event::Left { room: name.clone(), by: person, name: who, why: why.clone() };
                self.tell(id, left);
            }
            self.leave_room(id, person, who, name, why);
        }
    }

    fn room(&mut self, id: ClientId, room: Option<RoomName>) -> Result<Answer<F>, Refusal> {
        let name = self.room_or_current(id, room)?;
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let Some(found) = client.state.rooms.iter().find(|room| **room == name).cloned() else {
            return Err(Refusal::not_in_room(&name));
        };
        client.state.current = Some(found.clone());
        Ok(Answer::Done(Words::new(format!("What you say goes to {found}.")).with("room", &found).into()))
    }

    fn history(&self, id: ClientId, query: HistoryQuery) -> Result<Answer<F>, Refusal> {
        let name = self.room_or_current(id, query.room.clone())?;
        let room = self.readable(id, &name)?;
        Ok(F::history(self, room, &query))
    }

    /// A room whose talk a user may know of.
    pub(crate) fn readable(&self, id: ClientId, name: &RoomName) -> Result<&Room<F::Room>, Refusal> {
        let room = self.router.rooms.get(name).ok_or_else(|| Refusal::no_such_room(name))?;
        F::may_read(self, id, room)?;
        Ok(room)
    }

    fn options(&mut self, id: ClientId, choices: Vec<Choice>) -> Result<Answer<F>, Refusal> {
        let now = self.now.mono;
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        for choice in &choices {
            client.state.options.choose(*choice, now);
        }
        if client.state.options.presence == Presence::Full {
            self.router.watchers.insert(id);
        } else {
            self.router.watchers.remove(&id);
        }
        Ok(Answer::Done(Done::Options(choices)))
    }

    fn help(&self, id: ClientId, word: Option<Text>) -> Result<Answer<F>, Refusal> {
        let early = self.clients.get(id).is_none_or(|client| client.name.is_none());
        let verbs = match word.filter(|word| word.as_str() != "/") {
            Some(word) => {
                vec![F::VERBS.meant(&word).ok_or_else(|| wrong(&word, "/help alone shows every command."))?]
            }
            // Before sign-on only what can be done then.
            None => F::VERBS.iter().filter(|verb| (verb.early || !early) && F::offers(self, verb)).collect(),
        };
        Ok(Answer::Block(Block::help(verbs)))
    }

    fn stats(&self) -> Vec<Stat> {
        let mut stats = self.router.metrics.stats(self.clients.snapshot(), self.now.mono);
        F::stats(self, &mut stats);
        stats.extend(self.router.limits.iter().map(|(key, value, text)| Stat { key, value: *value, text }));
        stats
    }
}

pub(crate) fn already_there(room: &RoomName) -> Refusal {
    Refusal::new(Code::AlreadyThere, format!("Already in {room}."))
}

/// The server has `max` rooms, and each of them is needed.
fn no_place_for_rooms(max: usize) -> Refusal {
    let words = format!(
        "This server has as many rooms as it may: {max}. Enter one that is there: /rooms; or ask its operators, who can /forget one."
    );
    Refusal::new(Code::TooManyRooms, words).with("max", max)
}

/// One user, or one address, has opened `max` rooms within a day.
fn too_many_new_rooms(max: usize, whose: &str) -> Refusal {
    let words = format!(
        "There are {max} rooms {whose} that are not a day old, and more are not opened. Enter one that is there: /rooms; or try again tomorrow."
    );
    Refusal::new(Code::TooManyRooms, words).with("max", max)
}

impl Refusal {
    /// No line has that id, or it is not kept any more; without an id `last` found none.
    pub fn no_such_id(id: Option<u64>, room: &RoomName) -> Refusal {
        let words = match id {
            Some(id) => {
                format!("{room} has no line {id}, or does not keep it any more. /history {room} shows what there is.")
            }
            None => format!("There is no such line in {room}. /history {room} shows what there is, with numbers."),
        };
        Refusal::new(Code::NoSuchId, words)
    }
}

/// What a user is told in a room with so many members that coming and going is not shown.
fn crowd() -> Text {
    Text::own(format!(
        "More than {CROWD} people are here: who comes and goes is not shown. OPT:presence=full shows it."
    ))
}

impl Client {
    pub(crate) fn ignores(&self, name: &Name) -> bool {
        self.state.ignored.contains(name)
    }
}

/// Whether lines are edited here (comfort mode); `None`: the client's telnet is asked for it.
fn line_editing(is_on: Option<bool>) -> Words {
    let (state, words) = match is_on {
        Some(true) => ("on", "Lines are edited here; /telnet off ends it."),
        Some(false) => ("off", "Lines are edited by your own client; /telnet on changes that, in telnet."),
        None => {
            ("asked", "Asked your telnet for character mode. A > prompt means it worked; without one nothing changes.")
        }
    };
    Words::fixed(words).with("telnet", state)
}
