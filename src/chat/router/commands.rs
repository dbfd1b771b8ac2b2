//! What each command does: one function for each, in the order of the command table.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::archive::Then;
use super::{ROOMS_EACH, Turn, UNANNOUNCED};
use crate::chat::history::Page;
use crate::chat::limit::Verdict;
use crate::chat::message::{Client, Message};
use crate::chat::room::{Opener, Room};
use crate::features::archive::store::{Question, Refused};
use crate::features::files::file_name;
use crate::metrics::Metrics;
use crate::model::address::neighbourhood;
use crate::model::code::Code;
use crate::model::command::{
    CROWD, Choice, Command, HistoryQuery, Line, ModeChange, NO_EMOJI, Presence, Prompt, VERBS, Verb, is_reaction,
};
use crate::model::event::{
    Block, Change, Done, Envelope, Event, Items, Leave, RoomInfo, Speech, Stat, Tag, User, Version, What,
};
use crate::model::glyph::without_selectors;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::text::Text;
use crate::protocol::parse::Request;

/// What a command answers.
pub(super) enum Answer {
    /// `OK`.
    Done(Done),
    /// `OK` only to those who asked for it by a tag or `OPT:echo=on`: one's own words need no answer.
    Said(Done),
    /// A block.
    Block(Option<RoomName>, Items),
    /// Another line first, and `OK` only for a tag.
    Event(Event),
    /// `OK`, and then what there is to see in the room one has come into.
    In(Done, RoomName),
    /// Goodbye.
    Leave(Leave),
    /// The store knows. The answer comes later, and whoever asked waits for it.
    Ask(Question, Then),
    /// The settings are being read again, under this number. The answer comes later, and whoever asked waits for it.
    Rehash(u64),
}

/// Where a page of history is.
enum Older {
    /// In memory.
    Here(Page),
    /// In the store, who is to be asked this, and the end of it in memory.
    InStore(Question, Vec<Arc<Envelope>>),
}

/// The most people whom one person ignores, and who are invited to one room.
const MAX_IGNORED: usize = 200;
const MAX_INVITED: usize = 200;
/// The most different emoji on one line, and the most of one person.
const MAX_REACTIONS: usize = 20;
const MAX_REACTIONS_EACH: usize = 5;
/// How long a room counts as new to who opened it.
const NEW_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// What is opened from one address is at most this part of all rooms.
const SHARE_OF_ROOMS: usize = 2;
/// The most bytes of what stands in a line beside many fields: a topic, and why one is away.
const MAX_SHORT: usize = 1_024;
/// How many seconds lie at least between two `TYPING` of one person.
const TYPING_EVERY: Duration = Duration::from_secs(3);

impl Turn<'_> {
    /// Carries one request out and answers it, exactly once.
    pub(super) fn carry_out(&mut self, id: ClientId, request: Request) {
        let shown = request.shown_verb();
        let Request { tag, verb, what, .. } = request;
        let answer = match (what, verb) {
            (Ok(command), Some(verb)) => match self.spam(id, verb, &command) {
                Verdict::Pass => self.command(id, command),
                Verdict::Refuse(too_fast) => Err(too_fast.into()),
                Verdict::GiveUp => return self.remove(id, Leave::Flood),
            },
            // The parser names the verb of everything it understood.
            (Ok(_), None) => return,
            (Err(error), _) => Err(error),
        };
        let verb = verb.map_or("", |verb| verb.name);
        match answer {
            Ok(Answer::Ask(question, then)) => self.ask(id, verb, tag, question, then),
            Ok(Answer::Rehash(number)) => self.wait_for_rehash(id, number, tag),
            Err(error) => self.refuse(id, shown, tag, error),
            told => self.answer(id, verb, tag, told),
        }
    }

    /// Tells somebody what came of a request.
    pub(super) fn answer(
        &mut self,
        id: ClientId,
        verb: &'static str,
        tag: Option<Tag>,
        answer: Result<Answer, Refusal>,
    ) {
        match answer {
            Ok(Answer::Done(done)) => self.done(id, verb, tag, done),
            Ok(Answer::Said(done)) => {
                if tag.is_some() || self.clients.get(id).is_some_and(|client| client.state.wants_echo()) {
                    self.done(id, verb, tag, done);
                }
            }
            Ok(Answer::Block(room, items)) => {
                debug_assert!(Verb::named(verb).is_none_or(|verb| verb.long), "{verb} answers with a block");
                self.tell(id, Event::Block(Block { tag, room, items }));
            }
            Ok(Answer::Event(event)) => {
                // The answer to a request that needs a password, or lines, comes behind those.
                let is_question = matches!(event, Event::Prompt { .. } | Event::PasteBegins);
                self.tell(id, event);
                if tag.is_some() && !is_question {
                    self.done(id, verb, tag, Done::Nothing);
                }
            }
            Ok(Answer::In(done, room)) => {
                debug_assert!(Verb::named(verb).is_none_or(|verb| verb.long), "{verb} shows a room");
                let signed_on = matches!(done, Done::Welcome { .. } | Done::SignedIn { .. });
                self.done(id, verb, tag, done);
                for text in self.router.motd.clone().into_iter().filter(|_| signed_on) {
                    self.tell(id, Event::Note { room: None, text });
                }
                self.show_room(id, &room);
            }
            Ok(Answer::Leave(why)) => {
                if tag.is_some() {
                    self.done(id, verb, tag, Done::Nothing);
                }
                self.remove(id, why);
            }
            Ok(Answer::Ask(question, then)) => self.ask(id, verb, tag, question, then),
            Ok(Answer::Rehash(number)) => self.wait_for_rehash(id, number, tag),
            Err(error) => self.refuse(id, Some(Text::own(verb)), tag, error),
        }
    }

    /// Asks the rate limiter about what other people would hear.
    fn spam(&mut self, id: ClientId, verb: &Verb, command: &Command) -> Verdict {
        if !verb.loud || matches!(command, Command::Join(_) | Command::PasteBegins) {
            return Verdict::Pass;
        }
        if let Command::Paste(lines) = command {
            return self.router.limiter.take_paste(id, lines.len(), self.now.mono);
        }
        let words = match command {
            Command::Say { room, text, .. } => Some((room.as_ref().map_or("", RoomName::as_str), text.as_str())),
            Command::Reply(text) => Some(("", text.as_str())),
            Command::Whisper { to, text } => Some((to.as_str(), text.as_str())),
            // Anything else is counted, but is not the same line again.
            _ => None,
        };
        let words = words.map(|(to, words)| hash(to, words));
        self.router.limiter.take(id, words, self.now.mono)
    }

    fn command(&mut self, id: ClientId, command: Command) -> Result<Answer, Refusal> {
        match command {
            Command::Join(name) => self.join(id, name),
            Command::Enter { room, key } => self.enter(id, room, key),
            Command::Say { room, re, cid, act, text } => self.say(id, room, vec![text], act, re, cid),
            Command::Paste(lines) => self.paste(id, lines),
            Command::Change { room, line, what } => self.change(id, room, line, what),
            Command::PasteBegins => {
                let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
                client.state.pasting_in = client.state.current.clone();
                Ok(Answer::Event(Event::PasteBegins))
            }
            Command::Whisper { to, text } => {
                let found = self.clients.named(&to);
                self.whisper(id, found, to.as_str(), text)
            }
            Command::Reply(text) => match self.clients.get(id).and_then(|client| client.state.whisperer.clone()) {
                Some((whisperer, name)) => self.whisper(id, Some(whisperer), name.as_str(), text),
                None => Err(NOBODY_TO_ANSWER),
            },
            Command::Nick(name) => self.nick(id, name),
            Command::List(room) => self.list(id, room),
            Command::Who(name) => {
                let found = self.clients.named(&name).and_then(|found| self.clients.get(found));
                let user = found.and_then(|client| self.user(id, client));
                let user = user.ok_or_else(|| Refusal::no_such_user(&name))?;
                Ok(Answer::Block(None, Items::Who(user)))
            }
            Command::Rooms => Ok(Answer::Block(None, Items::Rooms(self.rooms(id)))),
            Command::Part(room) => self.part(id, room),
            Command::Room(room) => self.room(id, room),
            Command::Topic { room, text } => self.topic(id, room, text),
            Command::Invite { name, room } => self.invite(id, name, room),
            Command::Mode { room, change } => self.mode(id, room, change),
            Command::Moderate { scope, deed } => self.moderate(id, scope, deed),
            Command::Bans(scope) => self.bans(id, scope),
            Command::History(query) => self.history(id, query),
            Command::Away(why) => {
                if let Some(why) = &why {
                    self.not_muted_anywhere(id)?;
                    if why.is_blank() {
                        return Err(Refusal::NO_TEXT);
                    }
                }
                if let Some(why) = why.as_ref().filter(|why| why.len() > MAX_SHORT) {
                    return Err(Refusal::line_too_long(MAX_SHORT, why.len()));
                }
                let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
                client.state.away = why.clone();
                Ok(Answer::Done(Done::Away(why)))
            }
            Command::Ignore(name) => self.ignore(id, name),
            Command::Unignore(name) => {
                let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
                if !client.state.ignored.contains(&name) {
                    return Err(Refusal::no_such_user(&name));
                }
                client.state.ignored.retain(|ignored| *ignored != name);
                if client.state.ignored.is_empty() {
                    self.router.ignorers.remove(&id);
                }
                Ok(Answer::Done(Done::Ignoring { name, ignored: false }))
            }
            Command::Options(choices) => self.options(id, choices),
            Command::Telnet(wanted) => {
                let is_on = self.clients.get(id).is_some_and(|client| client.state.is_edited);
                Ok(Answer::Done(Done::Telnet(if wanted == Some(true) && !is_on { None } else { Some(is_on) })))
            }
            Command::Terminal(_) => Err(Refusal::NO_TEXT),
            Command::Typing { room, on } => self.typing(id, room, on),
            Command::Ping(token) => Ok(Answer::Event(Event::Pong(token))),
            Command::Why => {
                let client = self.clients.get(id);
                Ok(Answer::Done(Done::Why(client.and_then(|client| client.state.refusal.clone()))))
            }
            Command::Prompt(Prompt::OperatorKey) => {
                self.has_operator_key()?;
                self.prompt(id, Prompt::OperatorKey)
            }
            Command::Prompt(prompt) => {
                if self.router.archive.is_none() {
                    return Err(Refusal::no_store("accounts"));
                }
                self.prompt(id, prompt)
            }
            Command::Register(words) => self.register(id, &words),
            Command::Login(proof) => self.login(id, proof),
            Command::Logout { everywhere } => self.logout(id, everywhere),
            Command::Passwd { old, new } => self.change_password(id, old, new),
            Command::Role { name, role } => self.grant(id, name, role),
            Command::InviteCode => self.invite_code(id),
            Command::Oper(key) => self.oper(id, &key),
            Command::Announce(text) => self.announce(id, text),
            Command::Forget(room) => self.forget_by_order(id, &room),
            Command::Lockdown(on) => self.lockdown(id, on),
            Command::Rehash => self.rehash(id),
            Command::Shutdown(Some(after)) => self.stop_after(id, after),
            Command::Shutdown(None) => self.stop_no_more(id),
            Command::Audit { before, limit } => self.audit(id, before, limit),
            Command::Search { room, words, before, limit } => self.search(id, room, words, before, limit),
            Command::Export { room, after, limit } => self.export(id, room, after, limit),
            Command::SendFile { to, bytes, name } => self.send_file(id, to, bytes, name),
            Command::Files(room) => self.list_files(id, room),
            Command::Help(verb) => Ok(Answer::Block(None, Items::Help(self.help(id, verb)))),
            Command::Stats => Ok(Answer::Block(None, Items::Stats(self.stats()))),
            Command::Inspect { watch } => self.inspect(id, watch),
            Command::Feature(_) => Err(Refusal::fixed(Code::UnknownVerb, "This server does not know that feature.")),
            // Last words are words, too.
            Command::Quit(words) => {
                Ok(Answer::Leave(Leave::Quit(words.filter(|_| self.not_muted_anywhere(id).is_ok()))))
            }
            #[cfg(test)]
            Command::Crash => panic!("the test asked for it"),
        }
    }

    /// Asks for a password, where it would be looked at: else it would be on its way, for others to read, before it is refused.
    fn prompt(&mut self, id: ClientId, what: Prompt) -> Result<Answer, Refusal> {
        let takes_plain = self.clients.policy.is_some_and(|policy| policy.plain_passwords);
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if !client.is_private() && !takes_plain {
            return Err(Refusal::NEEDS_TLS);
        }
        client.state.is_prompted = true;
        let is_hidden = client.state.is_edited || client.state.is_hidden;
        Ok(Answer::Event(Event::Prompt { what, is_hidden }))
    }

    fn join(&mut self, id: ClientId, name: Name) -> Result<Answer, Refusal> {
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if let Some(already) = &client.name {
            let words = format!(
                "You are {already} already. For a room put # in front: /join #{name}. For another name: /nick {name}."
            );
            return Err(Refusal::new(Code::AlreadySignedOn, words));
        }
        // First, so that a private server tells nobody which names there are.
        self.may_visit(id)?;
        self.may_take(id, &name)?;
        self.may_be_called(id, &name)?;
        if !self.clients.rename(id, name.clone()) {
            return Err(self.taken(name));
        }
        let room = RoomName::lobby();
        let users = self.come_in(id, &room)?;
        Ok(Answer::In(Done::Welcome { name, room: room.clone(), users }, room))
    }

    /// Somebody has a name now, and goes into their first room. Returns how many are in it.
    pub(super) fn come_in(&mut self, id: ClientId, room: &RoomName) -> Result<usize, Refusal> {
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

    fn enter(&mut self, id: ClientId, name: RoomName, key: Option<Text>) -> Result<Answer, Refusal> {
        let client = self.clients.get(id).filter(|client| client.name.is_some()).ok_or(Refusal::NOT_SIGNED_ON)?;
        if client.state.rooms.contains(&name) {
            return Err(already_there(&name));
        }
        if client.state.rooms.len() >= ROOMS_EACH {
            let words = format!("That would be more than {ROOMS_EACH} rooms. Leave one with /part first.");
            return Err(Refusal::new(Code::TooManyRooms, words).with("max", ROOMS_EACH));
        }
        if let Some(room) = self.router.rooms.get(&name) {
            self.not_banned_from(id, room)?;
        }
        if let Some(room) = self.router.rooms.get(&name)
            && !self.is_expected(id, room)
        {
            if room.invite_only {
                return Err(self.outside(Some(id), room));
            }
            if room.key.is_some() && room.key != key {
                let words = format!("{0} has a key. /join {0} <key> opens it.", room.name);
                return Err(Refusal::new(Code::BadKey, words));
            }
        }
        self.open_room(id, &name)?;
        let mut users = 0;
        // One person goes in by all their connections.
        for connection in self.connections(id).into_iter().rev() {
            // But not by one that comes from where nobody may come from.
            let room = self.router.rooms.get(&name);
            if connection != id && room.is_some_and(|room| self.not_banned_from(connection, room).is_err()) {
                continue;
            }
            users = self.go_in(connection, &name)?;
            if connection != id {
                let joined = Event::Joined { room: name.clone(), by: self.person(id), name: self.name_of(id)? };
                self.tell(connection, joined);
            }
        }
        let (room, op) = match self.router.rooms.get(&name) {
            Some(room) => (room.name.clone(), room.ops.contains(&id)),
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
        let is_worth_it = |room: &Room| room.is_worth_keeping() || !room.op_accounts.is_empty();
        let is_lasting = |room: &Room| room.is_kept && self.router.archive.is_some() && is_worth_it(room);
        if rooms.len() >= self.router.max_rooms {
            // What is kept is not given up for a room that is new.
            let empty = rooms
                .values()
                .filter(|room| room.members.is_empty() && room.name != RoomName::lobby() && !is_lasting(room));
            let oldest = empty.min_by_key(|room| room.last_id()).map(|room| (room.name.clone(), room.last_id()));
            let (oldest, last_id) = oldest.ok_or_else(|| no_place_for_rooms(self.router.max_rooms))?;
            self.forget_room(&oldest, last_id);
        }
        let mut room = Room::new(name.clone(), self.router.history, self.router.forgotten_id);
        room.opener = Some(opener);
        self.router.rooms.insert(name.clone(), room);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.is_listed = true;
        }
        Ok(())
    }

    /// Whether somebody may open one more room: of those that are there, so many may have been opened within a day by one person,
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
        if self.role(id) < Role::Op {
            if each > 0 && own >= each {
                return Err(too_many_new_rooms(each, "of yours"));
            }
            if address > 0 && from_here >= share {
                return Err(too_many_new_rooms(share, "opened from where you are"));
            }
        }
        Ok(Opener { person: Some(person), account, near, at: now })
    }

    /// Puts somebody into a room that exists, makes it current, and tells the others. Returns how many are in it.
    pub(super) fn go_in(&mut self, id: ClientId, name: &RoomName) -> Result<usize, Refusal> {
        let who = self.name_of(id)?;
        let (signed_in, person, now) = (self.is_signed_in(id), self.person(id), self.now.mono);
        let client = self.clients.get(id);
        let is_quiet = client.is_some_and(|client| client.state.announce_at.is_some());
        let near = client.and_then(Client::address).map(neighbourhood);
        let others: Vec<ClientId> = self.clients.all_named(&who).filter(|other| *other != id).collect();
        let Some(room) = self.router.rooms.get_mut(name) else {
            return Err(Refusal::no_such_room(name));
        };
        let name = room.name.clone();
        let is_first = room.members.is_empty() && room.op_accounts.is_empty() && name != RoomName::lobby();
        let is_op = signed_in && room.op_accounts.contains(&who) || others.iter().any(|other| room.ops.contains(other));
        if is_op {
            room.ops.insert(id);
        }
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
        room.invited.retain(|invited| *invited != id);
        // What was said before is history for those who come in now.
        let _unheard = room.news.take_rest(id);
        let is_new_crowd = room.count_heads();
        let users = room.people();
        if is_first {
            self.make_op(id, &name);
        }
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

    /// What somebody sees who has just come in: the topic, and what was said.
    fn show_room(&mut self, id: ClientId, name: &RoomName) {
        let (Some(room), Some(client)) = (self.router.rooms.get(name), self.clients.get(id)) else { return };
        let lines = client.state.options.history.unwrap_or(self.router.history_on_join);
        let (lines, more) = room.history.page(None, None, lines);
        let older = || lines.first().and_then(|line| line.id()).filter(|first| room.is_kept && room.first_id < *first);
        let more = more.or_else(older);
        let in_crowd = room.is_crowded && client.state.options.presence == Presence::Auto;
        if let Some((by, text)) = &room.topic {
            let topic = Event::Topic { room: name.clone(), by: by.clone(), text: text.clone() };
            self.tell(id, topic);
        }
        if !lines.is_empty() {
            let items = Items::History { lines, more };
            self.tell(id, Event::Block(Block { tag: None, room: Some(name.clone()), items }));
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
    ) -> Result<Answer, Refusal> {
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
        let (signed, person, kept) = (self.is_signed_in(id), self.person(id), self.router.keeps());
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
    fn paste(&mut self, id: ClientId, lines: Vec<Text>) -> Result<Answer, Refusal> {
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let room = client.state.pasting_in.take();
        if let Some(room) = room.as_ref().filter(|room| !client.state.rooms.contains(room)) {
            return Err(Refusal::not_in_room(room));
        }
        self.say(id, room, lines, false, None, None)
    }

    /// Corrects or deletes a line, or puts a reaction to it. Whoever has the line on the screen hears of it, and whoever
    /// comes later finds it changed.
    fn change(&mut self, id: ClientId, room: Option<RoomName>, line: Line, what: What) -> Result<Answer, Refusal> {
        self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let room = self.speakable(id, &name)?;
        let own = matches!(what, What::Edited(_) | What::Deleted);
        let is_own = |line: &Speech| self.is_same(id, line.by, line.signed, &line.from);
        let found = match line {
            Line::Id(target) => room.line(target),
            Line::Last => room.last_line(|line| !own || is_own(line)),
        };
        let name = room.name.clone();
        if let Line::Id(target) = line
            && self.router.archive.is_some()
            && (room.first_id..room.history.first_id().unwrap_or(room.last_id() + 1)).contains(&target)
        {
            // Older than memory.
            let (before, after) = (target + 1, Some(target - 1));
            let question = Question::Page { room: name.clone(), before, after, limit: 1, export: false };
            return Ok(Answer::Ask(question, Then::Change { room: name, target, what }));
        }
        let missing = || Refusal::no_such_id(if let Line::Id(id) = line { Some(id) } else { None }, &name);
        let old = found.ok_or_else(missing)?.clone();
        self.change_line(id, &old, what)
    }

    /// The same, where it is known what the line is.
    pub(super) fn change_line(&mut self, id: ClientId, old: &Speech, mut what: What) -> Result<Answer, Refusal> {
        let from = self.name_of(id)?;
        let room = self.speakable(id, &old.room)?;
        if old.version == Version::Deleted {
            return Err(Refusal::no_such_id(Some(old.id), &room.name));
        }
        let is_own = self.is_same(id, old.by, old.signed, &old.from);
        let may = match what {
            What::Edited(_) => is_own,
            What::Deleted => is_own || self.may_rule(id, room),
            What::Reacted(_) | What::Unreacted(_) => true,
        };
        if !may {
            let words = format!("Only {}, who said it, can change that line.", old.from);
            return Err(Refusal::new(Code::Protected, words));
        }
        if let (What::Edited(text), Some(_)) = (&mut what, old.file) {
            *text = file_name(text);
        }
        let is_new = match &mut what {
            What::Edited(text) if text.is_blank() => return Err(Refusal::NO_TEXT),
            What::Edited(text) => *text != old.text,
            What::Deleted => true,
            What::Reacted(emoji) => self.may_react(id, room, old.id, emoji)?,
            What::Unreacted(emoji) => self.has_reacted(id, room, old.id, emoji),
        };
        let name = room.name.clone();
        if !is_new {
            let (id, target, author, text) = (old.id, old.id, old.from.clone(), old.text.clone());
            return Ok(Answer::Done(Done::Changed { room: name, id, target, author, text, what }));
        }
        self.show_speaker(id);
        if let Some(room) = self.router.rooms.get_mut(&name) {
            room.apply(old, &what);
        }
        if let (Some(file), Some(files)) = (old.file, &self.router.files) {
            match &what {
                What::Edited(name) => files.rename(file.token, name),
                What::Deleted => files.remove(file.token),
                What::Reacted(_) | What::Unreacted(_) => {}
            }
        }
        if what == What::Deleted && !is_own {
            let (by, detail) = (self.doer(id), format!("line {}", old.id));
            self.act(&by, "delete", Some(&name), old.from.as_str(), &detail);
        }
        let (room, target, author, text) = (name.clone(), old.id, old.from.clone(), old.text.clone());
        let (signed, by) = (self.is_signed_in(id), self.person(id));
        let change = Change { room, id: 0, by, from, target, author: author.clone(), signed, what: what.clone() };
        let (last, _) = self.log(Some(id), &name, |id| Event::Changed(Change { id, ..change }));
        Ok(Answer::Done(Done::Changed { room: name, id: last, target, author, text, what }))
    }

    /// Whether a reaction is a new one. It is written as it stands there already, if it does.
    fn may_react(&self, id: ClientId, room: &Room, target: u64, emoji: &mut Text) -> Result<bool, Refusal> {
        if !is_reaction(emoji) {
            return Err(Refusal::bad_argument(&emoji, NO_EMOJI));
        }
        if self.has_reacted(id, room, target, emoji) {
            return Ok(false);
        }
        let reactions = room.reactions(target);
        let is_own = |by: &&Change| self.is_same(id, by.by, by.signed, &by.from);
        if reactions.iter().filter(|reaction| reaction.by.iter().any(is_own)).count() >= MAX_REACTIONS_EACH {
            return Err(too_many_reactions(true));
        }
        let is_known = reactions.iter().any(|reaction| reaction.emoji == emoji);
        if !is_known && reactions.len() >= MAX_REACTIONS {
            return Err(too_many_reactions(false));
        }
        Ok(true)
    }

    /// Whether somebody has that reaction on a line; two that differ only in their style are one.
    fn has_reacted(&self, id: ClientId, room: &Room, target: u64, emoji: &mut Text) -> bool {
        let kind = without_selectors(emoji);
        let reactions = room.reactions(target);
        let Some(standing) = reactions.iter().find(|known| without_selectors(known.emoji) == kind) else {
            return false;
        };
        *emoji = standing.emoji.clone();
        standing.by.iter().any(|by| self.is_same(id, by.by, by.signed, &by.from))
    }

    /// A room into which somebody may speak.
    pub(super) fn speakable(&self, id: ClientId, name: &RoomName) -> Result<&Room, Refusal> {
        let room = self.readable(id, name)?;
        self.not_muted(id, Some(room))?;
        if room.moderated && !self.may_rule(id, room) {
            let words = format!(
                "{} is moderated: only its operators speak. Whisper to one of them, or /join another room.",
                room.name
            );
            return Err(Refusal::new(Code::CannotSpeak, words));
        }
        Ok(room)
    }

    /// Puts something into a room's log under the next id, which it returns with it, and hands it to everybody in the room but
    /// the one who did it: their own words need no echo. `None` where there is no such room.
    pub(super) fn log(
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
        self.router.record_line(name, &envelope);
        self.router.publish(&envelope);
        self.spread(name, speaker, Some(&from), envelope.clone());
        (id, Some(envelope))
    }

    /// `WHISPER` and `REPLY`. `shown` is the name as typed, for the case that no user has it.
    fn whisper(&mut self, id: ClientId, to: Option<ClientId>, shown: &str, text: Text) -> Result<Answer, Refusal> {
        if text.is_blank() {
            return Err(Refusal::NO_TEXT);
        }
        let Some(to) = to else {
            self.not_muted(id, None)?;
            return Err(Refusal::no_such_user(shown));
        };
        let (name, away) = self.may_whisper(id, to, shown)?;
        self.take(Message::DirectMessage { from: id, to, content: text });
        Ok(Answer::Done(Done::Whispered { to: name, away }))
    }

    /// Carries [`Message::DirectMessage`] out.
    pub(super) fn direct_message(&mut self, from: ClientId, to: ClientId, content: Text) -> Result<(), Refusal> {
        let (name, _) = self.may_whisper(from, to, "")?;
        let (by, own) = (self.person(from), self.name_of(from)?);
        let whisper = Event::Whispered { by, from: own, to: name.clone(), file: None, text: content };
        let envelope = Envelope::new(self.now.wall, whisper);
        self.hand_whisper(from, &name, &envelope, false);
        Metrics::count(&self.router.metrics.messages);
        Ok(())
    }

    /// Whether one may whisper to the other; their name, and why they are away.
    fn may_whisper(&self, from: ClientId, to: ClientId, shown: &str) -> Result<(Name, Option<Text>), Refusal> {
        self.name_of(from)?;
        // Who is muted everywhere can still ask an operator why.
        if self.role(to) < Role::Op {
            self.not_muted(from, None)?;
        }
        let client = self.clients.get(to);
        let found = client.and_then(|client| Some((client.name.clone()?, client.state.away.clone())));
        found.ok_or_else(|| Refusal::no_such_user(shown))
    }

    /// Hands a whisper to all connections of both people. The one that it came by gets it only where it was not typed there.
    pub(super) fn hand_whisper(&mut self, id: ClientId, to: &Name, whisper: &Arc<Envelope>, untyped: bool) {
        let Some(from) = self.clients.get(id).and_then(|client| client.name.clone()) else { return };
        // Whoever ignores somebody does not get it, and whoever is ignored does not learn it: it looks delivered.
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

    fn nick(&mut self, id: ClientId, new: Name) -> Result<Answer, Refusal> {
        let old = self.name_of(id)?;
        if old.as_str() == new.as_str() {
            return Ok(Answer::Done(Done::Renamed(new)));
        }
        self.may_take(id, &new)?;
        self.may_be_called(id, &new)?;
        // All rooms would read it, also those in which it is somebody's turn to be silent.
        self.not_muted_anywhere(id)?;
        if self.is_signed_in(id) {
            // The account's own spelling stays.
            return Ok(Answer::Done(Done::Renamed(old)));
        }
        self.rename(id, new.clone())?;
        Ok(Answer::Done(Done::Renamed(new)))
    }

    /// Gives somebody another name, and tells whom it concerns.
    pub(super) fn rename(&mut self, id: ClientId, new: Name) -> Result<(), Refusal> {
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

    pub(super) fn taken(&self, name: Name) -> Refusal {
        let free = self.free_name(&name);
        Refusal::new(Code::NameInUse, format!("\"{name}\" is taken. Try {free}.")).with("try", free.as_str())
    }

    fn list(&self, id: ClientId, room: Option<RoomName>) -> Result<Answer, Refusal> {
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
        Ok(Answer::Block(room, Items::List(users)))
    }

    /// A person as `asker` may see them: without the closed rooms that the asker is not in.
    fn user(&self, asker: ClientId, client: &Client) -> Option<User> {
        let visible = |name: &&RoomName| self.router.rooms.get(name).is_some_and(|room| self.may_read(asker, room));
        let idle = client.state.last_line.map_or(0, |at| self.now.mono.saturating_duration_since(at).as_secs());
        Some(User {
            name: client.name.clone()?,
            rooms: client.state.rooms.iter().filter(visible).cloned().collect(),
            idle,
            door: client.door,
            account: client.state.signed_in.then(|| self.role_of_account(client.id)),
            away: client.state.away.clone(),
        })
    }

    fn rooms(&self, id: ClientId) -> Vec<RoomInfo> {
        // A room with a key may be known by those who have none; one by invitation may not.
        let known = self.router.rooms.values().filter(|room| !room.invite_only || room.members.contains(&id));
        let mut rooms: Vec<RoomInfo> = known
            .map(|room| RoomInfo {
                name: room.name.clone(),
                users: room.people(),
                modes: room.modes(),
                topic: match &room.topic {
                    Some((_, text)) if self.may_read(id, room) => text.clone(),
                    _ => Text::default(),
                },
            })
            .collect();
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        rooms
    }

    fn part(&mut self, id: ClientId, room: Option<RoomName>) -> Result<Answer, Refusal> {
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

    fn room(&mut self, id: ClientId, room: Option<RoomName>) -> Result<Answer, Refusal> {
        let name = self.room_or_current(id, room)?;
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let Some(found) = client.state.rooms.iter().find(|room| **room == name).cloned() else {
            return Err(Refusal::not_in_room(&name));
        };
        client.state.current = Some(found.clone());
        Ok(Answer::Done(Done::Current(found)))
    }

    fn topic(&mut self, id: ClientId, room: Option<RoomName>, text: Option<Text>) -> Result<Answer, Refusal> {
        let by = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let room = self.readable(id, &name)?;
        let name = room.name.clone();
        let Some(text) = text else {
            return Ok(Answer::Done(Done::Topic { room: name, topic: room.topic.clone() }));
        };
        if text.is_blank() {
            return Err(Refusal::NO_TEXT);
        }
        if text.len() > MAX_SHORT {
            return Err(Refusal::line_too_long(MAX_SHORT, text.len()));
        }
        if !room.members.contains(&id) {
            return Err(Refusal::not_in_room(&name));
        }
        self.not_muted(id, Some(room))?;
        if room.topic_lock && !self.may_rule(id, room) {
            return Err(not_room_op(&name));
        }
        self.show_speaker(id);
        let topic = (text.as_str() != "-").then(|| (by.clone(), text));
        let shown = topic.as_ref().map_or_else(Text::default, |(_, text)| text.clone());
        if let Some(room) = self.router.rooms.get_mut(&name) {
            room.topic = topic.clone();
        }
        self.router.record_room(&name);
        self.tell_room(&name, Some(id), Event::Topic { room: name.clone(), by, text: shown });
        Ok(Answer::Done(Done::Topic { room: name, topic }))
    }

    fn invite(&mut self, id: ClientId, whom: Name, room: Option<RoomName>) -> Result<Answer, Refusal> {
        let by = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let guest = self.clients.named(&whom).ok_or_else(|| Refusal::no_such_user(&whom))?;
        let room = match self.router.rooms.get(&name) {
            Some(room) if room.members.contains(&id) => room,
            _ => return Err(Refusal::not_in_room(&self.readable(id, &name)?.name)),
        };
        let name = room.name.clone();
        if !room.is_open() && !self.may_rule(id, room) {
            return Err(not_room_op(&name));
        }
        if room.members.contains(&guest) {
            return Err(already_there(&name));
        }
        self.not_muted(id, Some(room))?;
        // An invitation is no way around a ban.
        if let Some(told) = self.ban_on(guest, &room.sanctions) {
            return Err(told.banned_from(&room.name, Some(&whom)));
        }
        let guests: Vec<ClientId> = self.clients.all_named(&whom).collect();
        for guest in &guests {
            if let Some(client) = self.clients.get_mut(*guest) {
                client.state.is_listed = true;
            }
        }
        let Some(room) = self.router.rooms.get_mut(&name) else { return Err(Refusal::not_in_room(&name)) };
        room.invited.retain(|invited| !guests.contains(invited));
        room.invited.extend(guests);
        // Who is invited may never come. The oldest invitations make way, so that the list is bounded.
        let over = room.invited.len().saturating_sub(MAX_INVITED);
        room.invited.drain(..over);
        if self.clients.get(guest).is_some_and(|client| !client.ignores(&by)) {
            let text = Text::own(format!("{by} invites you to {name}. /join {name} takes you there."));
            self.tell(guest, Event::Note { room: Some(name.clone()), text });
        }
        Ok(Answer::Done(Done::Invited { name: self.name_of(guest)?, room: name }))
    }

    fn mode(&mut self, id: ClientId, room: Option<RoomName>, change: Option<ModeChange>) -> Result<Answer, Refusal> {
        let by = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let room = self.readable(id, &name)?;
        let name = room.name.clone();
        let Some(change) = change else {
            return Ok(Answer::Done(Done::Modes { room: name, modes: room.modes() }));
        };
        if !room.members.contains(&id) {
            return Err(Refusal::not_in_room(&name));
        }
        if !self.may_rule(id, room) {
            return Err(not_room_op(&name));
        }
        let Some(room) = self.router.rooms.get_mut(&name) else { return Err(Refusal::not_in_room(&name)) };
        let did = match change {
            ModeChange::InviteOnly(on) => {
                room.invite_only = on;
                if on { "made the room invite-only" } else { "opened the room to everybody" }
            }
            ModeChange::Key(key) => {
                room.key = key;
                if room.key.is_some() { "gave the room a key" } else { "took the key away" }
            }
            ModeChange::Moderated(on) => {
                room.moderated = on;
                if on { "lets only operators speak" } else { "lets everybody speak" }
            }
            ModeChange::TopicLock(on) => {
                room.topic_lock = on;
                if on { "lets only operators set the topic" } else { "lets everybody set the topic" }
            }
        };
        let modes = room.modes();
        self.show_speaker(id);
        self.router.record_room(&name);
        let doer = self.doer(id);
        self.act(&doer, "mode", Some(&name), "", &modes);
        self.tell_room(&name, Some(id), Event::Mode { room: name.clone(), by, did, modes: modes.clone() });
        Ok(Answer::Done(Done::Modes { room: name, modes }))
    }

    fn history(&self, id: ClientId, query: HistoryQuery) -> Result<Answer, Refusal> {
        let name = self.room_or_current(id, query.room)?;
        let room = self.readable(id, &name)?;
        let (before, after, limit) = (query.before, query.after, query.limit.unwrap_or(50));
        match self.older(room, before, after, limit, false) {
            Older::Here((lines, more)) => Ok(Answer::Block(Some(room.name.clone()), Items::History { lines, more })),
            Older::InStore(question, behind) => {
                let then = Then::Page { room: room.name.clone(), limit, after, behind, export: false };
                Ok(Answer::Ask(question, then))
            }
        }
    }

    /// A page, or, where memory does not have all of it, what to ask the store for, and what memory has behind that.
    fn older(&self, room: &Room, before: Option<u64>, after: Option<u64>, limit: usize, export: bool) -> Older {
        let (lines, more) = room.history.page(before, after, limit);
        let in_memory = room.history.first_id().unwrap_or(room.last_id() + 1);
        let end = before.unwrap_or(u64::MAX).min(in_memory);
        let is_kept = self.router.archive.is_some() && room.first_id < end && after.is_none_or(|after| after + 1 < end);
        if !is_kept || (after.is_none() && more.is_some()) {
            return Older::Here((lines, more));
        }
        let left = limit - lines.len();
        if after.is_none() && left == 0 {
            return Older::Here((lines, (room.first_id < in_memory).then_some(in_memory)));
        }
        let limit = if after.is_some() { limit } else { left };
        Older::InStore(Question::Page { room: room.name.clone(), before: end, after, limit, export }, lines)
    }

    fn search(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        words: Text,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Answer, Refusal> {
        if self.router.archive.is_none() {
            return Err(Refusal::no_store("history to search in"));
        }
        let room = match room {
            Some(name) => Some(self.readable(id, &name)?.name.clone()),
            None => None,
        };
        let unreadable = self.router.rooms.values().filter(|room| !self.may_read(id, room));
        let hidden = unreadable.map(|room| room.name.clone()).collect();
        let question = Question::Search { room: room.clone(), hidden, words, before, limit };
        Ok(Answer::Ask(question, Then::Found { room }))
    }

    fn export(&mut self, id: ClientId, room: Option<RoomName>, after: u64, limit: usize) -> Result<Answer, Refusal> {
        let name = self.room_or_current(id, room)?;
        let room = self.readable(id, &name)?;
        let name = room.name.clone();
        match self.older(room, None, Some(after), limit, true) {
            Older::Here((lines, more)) => Ok(Answer::Block(Some(name), Items::Export { lines, more })),
            Older::InStore(question, behind) => {
                let then = Then::Page { room: name, limit, after: Some(after), behind, export: true };
                Ok(Answer::Ask(question, then))
            }
        }
    }

    /// What the store's answer means for whoever asked.
    pub(super) fn with_answer(
        &mut self,
        id: ClientId,
        then: Then,
        answer: crate::features::archive::store::Answer,
    ) -> Result<Answer, Refusal> {
        match (then, answer) {
            (Then::Account(then), answer) => self.with_account(id, then, answer),
            (Then::Audit, crate::features::archive::store::Answer::Acts { acts, more }) => {
                Ok(Answer::Block(None, Items::Audit { acts, more }))
            }
            // Looked at again: a room may have been closed in the meantime.
            (
                Then::Page { room, limit, after, behind, export },
                crate::features::archive::store::Answer::Lines { mut lines, mut more },
            ) => {
                let room = self.readable(id, &room)?.name.clone();
                if after.is_none() || more.is_none() {
                    let place = if after.is_some() { limit.saturating_sub(lines.len()) } else { behind.len() };
                    lines.extend(behind.iter().take(place).cloned());
                    if after.is_some() && place < behind.len() {
                        more = lines.last().and_then(|line| line.id());
                    }
                }
                let items = if export { Items::Export { lines, more } } else { Items::History { lines, more } };
                Ok(Answer::Block(Some(room), items))
            }
            (Then::Found { room }, crate::features::archive::store::Answer::Lines { mut lines, more }) => {
                let may_read = |line: &Arc<Envelope>| {
                    line.room().and_then(|room| self.router.rooms.get(room)).is_some_and(|room| self.may_read(id, room))
                };
                lines.retain(may_read);
                Ok(Answer::Block(room, Items::Found { lines, more }))
            }
            (Then::Change { room, target, what }, crate::features::archive::store::Answer::Lines { lines, .. }) => {
                match lines.first().map(|line| &line.event) {
                    Some(Event::Said(old)) if old.id == target => self.change_line(id, &old.clone(), what),
                    _ => Err(Refusal::no_such_id(Some(target), &room)),
                }
            }
            _ => {
                log::error!("the store answered something else than it was asked");
                Err(Refused::Busy.into())
            }
        }
    }

    /// A room whose talk somebody may know of.
    pub(super) fn readable(&self, id: ClientId, name: &RoomName) -> Result<&Room, Refusal> {
        let room = self.router.rooms.get(name).ok_or_else(|| Refusal::no_such_room(name))?;
        self.not_banned_from(id, room)?;
        self.not_outside(Some(id), room)?;
        Ok(room)
    }

    fn ignore(&mut self, id: ClientId, name: Name) -> Result<Answer, Refusal> {
        if self.clients.named(&name).is_none() {
            return Err(Refusal::no_such_user(&name));
        }
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if !client.state.ignored.contains(&name) {
            // The oldest makes way, so that the list is bounded.
            if client.state.ignored.len() >= MAX_IGNORED {
                client.state.ignored.remove(0);
            }
            client.state.ignored.push(name.clone());
            self.router.ignorers.insert(id);
        }
        Ok(Answer::Done(Done::Ignoring { name, ignored: true }))
    }

    fn options(&mut self, id: ClientId, choices: Vec<Choice>) -> Result<Answer, Refusal> {
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

    fn typing(&mut self, id: ClientId, room: Option<RoomName>, on: bool) -> Result<Answer, Refusal> {
        let who = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let room = self.readable(id, &name)?;
        if !room.members.contains(&id) {
            return Err(Refusal::not_in_room(&name));
        }
        self.not_muted(id, Some(room))?;
        let name = room.name.clone();
        let now = self.now.mono;
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let soon = |at| now.saturating_duration_since(at) < TYPING_EVERY;
        // To begin again has to wait; whoever was said to type may stop at any time.
        let news = if on { !client.state.last_typing.is_some_and(soon) } else { client.state.is_typing };
        if news {
            self.show_speaker(id);
            let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
            client.state.is_typing = on;
            client.state.last_typing = if on { Some(now) } else { client.state.last_typing };
            let typing = Event::Typing { room: name.clone(), by: self.person(id), name: who.clone(), on };
            let envelope = Envelope::new(self.now.wall, typing);
            let hears = |client: &Client| client.state.options.typing && !client.ignores(&who);
            let room = self.router.rooms.get(&name).into_iter().flat_map(|room| &room.members);
            let hearing = room.filter(|member| **member != id && self.clients.get(**member).is_some_and(hears));
            let hearing: Vec<ClientId> = hearing.copied().collect();
            self.router.publish(&envelope);
            hearing.into_iter().for_each(|id| self.push(id, &envelope));
        }
        Ok(Answer::Said(Done::Nothing))
    }

    fn help(&self, id: ClientId, verb: Option<&'static Verb>) -> Vec<&'static Verb> {
        let early = self.clients.get(id).is_none_or(|client| client.name.is_none());
        match verb {
            Some(verb) => vec![verb],
            // Before sign-on only what can be done then.
            None => {
                let has_store = self.router.archive.is_some();
                let has_files = self.router.files.is_some();
                let is_there = |verb: &&Verb| (has_store || !verb.stored) && (has_files || !verb.files);
                VERBS.iter().filter(|verb| verb.early || !early).filter(is_there).collect()
            }
        }
    }

    fn stats(&self) -> Vec<Stat> {
        let mut stats = self.router.metrics.stats(self.clients.snapshot(), self.now.mono);
        if let Some(files) = &self.router.files {
            files.count(&self.router.metrics);
            stats.extend(self.router.metrics.file_stats());
        }
        if self.router.archive.is_some() {
            let text = "1: what is said is kept; 0: it would be gone after a restart";
            stats.push(Stat { key: "kept", value: u64::from(self.router.keeps()), text });
        }
        let text = "1: nobody new is let in; 0: everybody is";
        stats.push(Stat { key: "lockdown", value: u64::from(self.router.operators.is_locked_down()), text });
        stats.extend(self.router.limits.iter().map(|(key, value, text)| Stat { key, value: *value, text }));
        stats
    }
}

/// The client has not been whispered to.
const NOBODY_TO_ANSWER: Refusal =
    Refusal::fixed(Code::NoSuchUser, "Nobody has whispered to you yet. /whisper <user> <message> begins.");

fn already_there(room: &RoomName) -> Refusal {
    Refusal::new(Code::AlreadyThere, format!("Already in {room}."))
}

/// Only the operators of the room may do this.
pub(super) fn not_room_op(room: &RoomName) -> Refusal {
    let words = format!("Only the operators of {room} may do that. Ask one of them; who opens a room is its first.");
    Refusal::new(Code::NotRoomOp, words)
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

/// A line has as many reactions as it may: of one user, or different ones.
fn too_many_reactions(own: bool) -> Refusal {
    let (max, words) = if own {
        let words = "reactions on that line already. Take one back first: /unreact.";
        (MAX_REACTIONS_EACH, format!("You have {MAX_REACTIONS_EACH} {words}"))
    } else {
        let words = "different reactions already. Use one of those that are there.";
        (MAX_REACTIONS, format!("That line has {MAX_REACTIONS} {words}"))
    };
    Refusal::new(Code::ListFull, words).with("max", max)
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

/// What somebody is told in a room with so many people that coming and going is not shown.
fn crowd() -> Text {
    Text::own(format!(
        "More than {CROWD} people are here: who comes and goes is not shown. OPT:presence=full shows it."
    ))
}

impl Client {
    pub(super) fn ignores(&self, name: &Name) -> bool {
        self.state.ignored.contains(name)
    }
}

/// FNV-1a, which is the same in every version of Rust: the window of spam outlives a process where another one takes over.
fn hash(to: &str, words: &str) -> u64 {
    let bytes = to.bytes().chain([0]).chain(words.bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
