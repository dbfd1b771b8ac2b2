//! What comes from the router: answers to the session's requests, and events, as frames for its sockets.

use std::sync::Arc;

use chat_server::chat::message::Message as ToRouter;
use chat_server::features::moderation::list::BanInfo;
use chat_server::features::moderation::sanction::Kind;
use chat_server::model::audit::Entry;
use chat_server::model::command::Command;
use chat_server::model::event::{Block, Change, Done, Envelope, Event, Leave, Measure, Rows, Speech, Version};
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::rows::{RoomInfo, Stat, User as Listed};
use chat_server::model::text::Text;
use chat_server::model::verb::Verb;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::task::{Pending, Task, Wanted};
use super::{Asker, Out, SocketId, Told};
use crate::frames::{changed_frame, error_frame, plain, rendered};
use crate::models::{
    Ack, AuditEntry, CommandInfo, Message, Presence, Room, ServerFrame, User, bare, figure, timestamp,
};
use crate::state::{Receipt, frame, key};

impl Task {
    pub(super) async fn event(&mut self, envelope: &Arc<Envelope>) {
        match &envelope.event {
            Event::Done { tag, done, .. } => {
                if let Some(pending) = tag.as_ref().and_then(|tag| self.pending.remove(tag.as_str())) {
                    self.done(envelope, done, pending).await;
                }
            }
            Event::Refused { tag, error, .. } => {
                if let Some(pending) = tag.as_ref().and_then(|tag| self.pending.remove(tag.as_str())) {
                    self.refusal(pending, error).await;
                }
            }
            Event::Block(block) => {
                if let Some(pending) = block.tag.as_ref().and_then(|tag| self.pending.remove(tag.as_str())) {
                    self.block(envelope, block, pending).await;
                }
            }
            Event::Bye { why, .. } => self.goodbye(why),
            _ => {
                if let Event::Said(Speech { room, id, .. }) | Event::Changed(Change { room, id, .. }) = &envelope.event
                {
                    self.saw(room, *id);
                }
                self.follow_order(&envelope.event).await;
                if let Some(bytes) = rendered(&self.state, envelope) {
                    self.hold(envelope, &bytes).await;
                    self.tell_all(bytes);
                }
            }
        }
    }

    /// What others decide about this person: an operator or not, or out of a room; and how a room is closed.
    async fn follow_order(&mut self, event: &Event) {
        let own = self.session.person();
        match event {
            Event::Operator { by, .. } if *by == own => self.look_at_rights().await,
            Event::Moderated { what: Measure::Op { person, .. }, .. } if *person == own => self.look_at_rights().await,
            Event::Moderated { what: Measure::Deop { person: Some(person), .. }, .. } if *person == own => {
                self.look_at_rights().await;
            }
            Event::Role { .. } => self.look_at_rights().await,
            Event::Mode { room, modes, .. } => {
                self.tell_all(frame(&ServerFrame::Modes { room: bare(room), modes: modes.to_string() }));
            }
            Event::Left { room, by, .. } if *by == own => {
                self.session.know(|known| known.rooms.retain(|name| name != room));
                self.rights.rooms.retain(|name| name != room);
                self.seen.remove(&key(room));
                if self.current.as_ref() == Some(room) {
                    self.current = self.session.rooms().last().cloned();
                }
                self.tell_all(frame(&ServerFrame::RoomLeft { room: bare(room) }));
            }
            _ => {}
        }
    }

    pub(super) fn saw(&mut self, room: &RoomName, seq: u64) {
        let last = self.seen.entry(key(room)).or_default();
        *last = seq.max(*last);
    }

    pub(super) async fn done(&mut self, envelope: &Arc<Envelope>, done: &Done, pending: Pending) {
        let Pending { asker, what, again } = pending;
        match (done, what) {
            (Done::Welcome { name, room, .. } | Done::SignedIn { name, room, .. }, Wanted::SignOn) => {
                // Who comes by an account comes into the rooms that their other connections are in.
                let rooms = self.state.handle.registry().rooms_of(self.session.client);
                self.session.know(|known| {
                    known.name = Some(name.clone());
                    known.rooms = rooms.unwrap_or_else(|| vec![room.clone()]);
                });
                self.know_person(done);
                self.current = Some(room.clone());
                self.has_other_rights().await;
                self.state.sessions.insert(self.session.token(), self.session.clone());
                if let Some(signed_on) = self.signed_on.take()
                    && signed_on.send(Ok(())).is_err()
                {
                    // Whoever asked went away before the answer: nobody has the token.
                    self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
                }
                return;
            }
            (Done::Said { room, id, .. }, Wanted::Said { cid, text, re, act, .. }) => {
                let Some(name) = self.session.name() else { return };
                let (room, by) = (room.clone(), self.session.person());
                let (version, signed) = (Version::First, self.session.is_signed_in());
                let own = cid.as_deref().and_then(|cid| Text::new(cid).ok());
                let speech =
                    Speech { room, id: *id, by, from: name, act, re, version, signed, cid: own, file: None, text };
                return self.said(envelope, &speech, cid, asker, again);
            }
            (Done::Changed { room, id, target, .. }, Wanted::Changed(what)) => {
                self.saw(room, *id);
                if id != target
                    && let Some(name) = self.session.name()
                {
                    let change = Change {
                        room: room.clone(),
                        id: *id,
                        by: self.session.person(),
                        from: name.clone(),
                        target: *target,
                        author: name,
                        signed: self.session.is_signed_in(),
                        what,
                    };
                    let changed = changed_frame(&change, self.session.author(), timestamp(envelope.at));
                    self.tell_all(frame(&changed));
                }
                let ack = Ack { room: Some(bare(room)), seq: Some(*id), ..Ack::default() };
                return self.ack(asker, ack);
            }
            (Done::Whispered { to, .. }, Wanted::Whispered { cid, text, .. }) => {
                let whisper = ServerFrame::Whisper {
                    from: self.session.author(),
                    to: self.state.author_named(to),
                    at: timestamp(envelope.at),
                    text: text.to_string(),
                    cid: cid.clone(),
                    file: None,
                };
                self.tell_all(frame(&whisper));
                let ack = Ack { cid: cid.clone(), text: Some(plain(envelope)), ..Ack::default() };
                self.ack(asker, ack);
                let receipt = Receipt::Whispered { to: to.clone(), text: text.to_string() };
                return self.remember(cid.as_deref(), &receipt, again);
            }
            (Done::Offered { granted, .. }, Wanted::Offered) => {
                if let Some(answer) = asker.answer {
                    let _gone = answer.send(Ok(Told::Offered(granted.token)));
                }
                return;
            }
            (Done::Entered { room, .. }, _) => {
                self.session.know(|known| known.rooms.push(room.clone()));
                self.current = Some(room.clone());
                self.has_other_rights().await;
                let entered = ServerFrame::RoomEntered { room: self.own_room(room) };
                self.tell_all(frame(&entered));
                self.roster(None, room.clone()).await;
            }
            (Done::Parted { room, current }, _) => {
                self.session.know(|known| known.rooms.retain(|name| name != room));
                self.rights.rooms.retain(|name| name != room);
                self.read.remove(&key(room));
                self.seen.remove(&key(room));
                self.current = current.clone();
                self.tell_all(frame(&ServerFrame::RoomLeft { room: bare(room) }));
            }
            (Done::Renamed(name), _) => {
                let old = self.session.name().map_or_else(String::new, |name| name.to_string());
                self.session.know(|known| known.name = Some(name.clone()));
                let at = timestamp(envelope.at);
                self.tell_all(frame(&ServerFrame::UserRenamed { user: self.session.author(), old, at }));
            }
            // By `/login`, `/register` or `/logout`.
            (Done::Registered { .. }, _) => {
                self.session.know(|known| known.is_signed_in = true);
                self.renew_token(asker.socket);
            }
            (Done::SignedIn { name, .. } | Done::SignedOut { name }, _) => {
                self.renew_token(asker.socket);
                self.know_person(done);
                self.is_now(name.clone(), timestamp(envelope.at)).await;
                self.look_at_rights().await;
            }
            (Done::PasswordChanged, _) => self.renew_token(asker.socket),
            (Done::Operator, _) => {
                self.renew_token(asker.socket);
                self.look_at_rights().await;
            }
            (Done::Role { .. }, _) => self.look_at_rights().await,
            (Done::Away(why), _) => {
                let state = if why.is_some() { Presence::Away } else { Presence::Online };
                self.state.presence(self.session.author(), state, why.as_ref().map(ToString::to_string));
            }
            (Done::Topic { room, topic }, Wanted::TopicSet) => {
                let text = topic.as_ref().map_or_else(String::new, |(_, text)| text.to_string());
                let (at, from) = (timestamp(envelope.at), self.session.author());
                self.tell_all(frame(&ServerFrame::Topic { room: bare(room), from, at, text }));
            }
            // Whoever is told that a room is closed finds it closed: the tap may be a moment behind.
            (Done::Modes { room, modes }, _) => {
                self.state.room(room, |log| log.modes = modes.to_string());
                self.tell_all(frame(&ServerFrame::Modes { room: bare(room), modes: modes.to_string() }));
            }
            _ => {}
        }
        let what = if let Event::Done { verb, .. } = &envelope.event { Some((*verb).to_string()) } else { None };
        self.ack(asker, Ack { what, text: Some(plain(envelope)), ..Ack::default() });
    }

    /// As whom the others know this person.
    fn know_person(&self, done: &Done) {
        let person = match done {
            Done::SignedIn { person, .. } => Some((*person, self.state.user_id(*person))),
            _ => None,
        };
        self.session.know(|known| {
            known.is_signed_in = person.is_some();
            known.person = person.filter(|(person, _)| *person != self.session.client);
        });
    }

    /// This person is somebody else, and may be in other rooms: those of their other connections, or the lobby alone.
    async fn is_now(&mut self, name: Name, at: String) {
        let old = self.session.name().map_or_else(String::new, |name| name.to_string());
        if old != name.as_str() {
            self.session.know(|known| known.name = Some(name));
            self.tell_all(frame(&ServerFrame::UserRenamed { user: self.session.author(), old, at }));
        }
        let Some(rooms) = self.state.handle.registry().rooms_of(self.session.client) else { return };
        let before = self.session.rooms();
        for room in before.iter().filter(|room| !rooms.contains(room)) {
            self.session.know(|known| known.rooms.retain(|name| name != room));
            self.tell_all(frame(&ServerFrame::RoomLeft { room: bare(room) }));
        }
        for room in rooms.into_iter().filter(|room| !before.contains(room)) {
            self.session.know(|known| known.rooms.push(room.clone()));
            self.tell_all(frame(&ServerFrame::RoomEntered { room: self.own_room(&room) }));
            self.roster(None, room).await;
        }
    }

    pub(super) fn said(
        &mut self,
        envelope: &Envelope,
        speech: &Speech,
        cid: Option<String>,
        asker: Asker,
        again: Vec<(Asker, bool)>,
    ) {
        let message = self.state.message(envelope, speech);
        self.saw(&speech.room, speech.id);
        // Whoever was told that it is said finds it: the tap may be a moment behind.
        self.state.keep(message.clone());
        let receipt = Receipt::Said {
            room: message.room.clone(),
            seq: message.seq,
            id: message.id,
            text: speech.text.to_string(),
        };
        self.tell_all(frame(&ServerFrame::Message(Message { cid: cid.clone(), ..message.clone() })));
        if let Some(socket) = asker.socket {
            let ack = Ack {
                reference: asker.reference,
                cid: cid.clone(),
                room: Some(message.room.clone()),
                seq: Some(message.seq),
                id: Some(message.id),
                ..Ack::default()
            };
            self.tell_socket(socket, &ServerFrame::Ack(ack));
        }
        if let Some(answer) = asker.answer {
            let _gone = answer.send(Ok(Told::Said { message: Box::new(message), duplicate: false }));
        }
        self.remember(cid.as_deref(), &receipt, again);
    }

    pub(super) async fn block(&mut self, envelope: &Envelope, block: &Block, pending: Pending) {
        let Pending { asker, what, .. } = pending;
        match (&block.rows, what) {
            (rows, Wanted::Roster(room)) if let Some(users) = rows.open::<Listed>() => {
                let users = users.iter().map(|user| User::listed(user, self.id_of(&user.name))).collect();
                let people = frame(&ServerFrame::People { room: bare(&room), users });
                match asker.socket {
                    Some(socket) => self.put(socket, Out::Frame(people)),
                    None => self.tell_all(people),
                }
            }
            (Rows::Lines(lines), Wanted::Resumed { resume, missed }) => {
                self.resume_page(resume, missed, lines, block.more).await;
            }
            (rows, _) => {
                let items = self.items(rows, block.kind);
                let ack = Ack { what: Some(block.kind.into()), text: Some(plain(envelope)), items, ..Ack::default() };
                self.ack(asker, ack);
            }
        }
    }

    /// The rows that have a form here. Others are in the answer's text.
    fn items(&self, rows: &Rows, kind: &str) -> Vec<Value> {
        if let Some(users) = rows.open::<Listed>() {
            return json(users.iter().map(|user| User::listed(user, self.id_of(&user.name))));
        }
        if let Some(rooms) = rows.open::<RoomInfo>() {
            return json(rooms.iter().map(|room| Room::listed(room, self.state.last_seq(&room.name))));
        }
        if let Some(verbs) = rows.open::<&'static Verb>() {
            return json(verbs.iter().map(|verb| CommandInfo::of(verb)));
        }
        if let Some(stats) = rows.open::<Stat>() {
            return stats.iter().map(figure).collect();
        }
        if let Some(acts) = rows.open::<Entry>() {
            return json(acts.iter().map(AuditEntry::of));
        }
        if let Some(bans) = rows.open::<BanInfo>() {
            return bans.iter().map(ban).collect();
        }
        match rows {
            Rows::Lines(lines) if kind == "FILES" => self.files(lines),
            _ => Vec::new(),
        }
    }

    fn files(&self, lines: &[Arc<Envelope>]) -> Vec<Value> {
        let message = |line: &Arc<Envelope>| match &line.event {
            Event::Said(speech) => serde_json::to_value(self.state.message(line, speech)).ok(),
            _ => None,
        };
        lines.iter().filter_map(message).collect()
    }

    pub(super) fn id_of(&self, name: &Name) -> Uuid {
        if self.session.name().as_ref() == Some(name) {
            self.session.author().id
        } else {
            self.state.author_named(name).id
        }
    }

    pub(super) async fn refusal(&mut self, pending: Pending, error: &Refusal) {
        let Pending { asker, what, again } = pending;
        match what {
            Wanted::SignOn => {
                // At the limit the next try, with another name, needs this place.
                self.place = None;
                if let Some(signed_on) = self.signed_on.take() {
                    let _gone = signed_on.send(Err(error.clone()));
                }
                // Nobody came in, so nothing has to be said goodbye to but the connection.
                self.batches.close();
                let gone = ToRouter::ClientLeft(self.session.client, Leave::Closed);
                let state = self.state.clone();
                tokio::spawn(async move { state.tell_router(gone).await });
            }
            // The room is gone, or closed to this person by now.
            Wanted::Resumed { resume, .. } => self.resume_on(resume).await,
            Wanted::Nothing | Wanted::Roster(_) => {}
            Wanted::Said { .. }
            | Wanted::Changed(_)
            | Wanted::Whispered { .. }
            | Wanted::Offered
            | Wanted::TopicSet
            | Wanted::Answered => {
                self.refused(asker, error);
                again.into_iter().for_each(|(asker, _)| self.refused(asker, error));
            }
        }
    }

    pub(super) fn refused(&mut self, asker: Asker, error: &Refusal) {
        if let Some(socket) = asker.socket {
            self.tell_socket(socket, &error_frame(asker.reference, error));
        }
        if let Some(answer) = asker.answer {
            let _gone = answer.send(Err(error.clone()));
        }
    }

    pub(super) fn ack(&mut self, asker: Asker, ack: Ack) {
        let Asker { socket, reference, answer } = asker;
        if let Some(socket) = socket
            && (reference.is_some() || ack.text.is_some())
        {
            self.tell_socket(socket, &ServerFrame::Ack(Ack { reference, ..ack }));
        }
        if let Some(answer) = answer {
            let _gone = answer.send(Ok(Told::Done));
        }
    }

    pub(super) fn goodbye(&mut self, why: &Leave) {
        let (code, reason, reconnect_in_ms) = match why {
            Leave::Quit(_) | Leave::Parted | Leave::Closed | Leave::Idle => (1000, "quit", None),
            Leave::SignedOut | Leave::MembersOnly => (4001, "signed-out", None),
            Leave::Kicked(_) => (4002, "kicked", None),
            Leave::Banned(_) => (4003, "banned", None),
            Leave::Shutdown => (1012, "restart", Some(1_500)),
            Leave::Flood => (4008, "flood", Some(10_000)),
            Leave::TooSlow => (4009, "slow-reader", Some(300)),
            Leave::Full | Leave::AddressFull => (1013, "server-full", Some(5_000)),
            Leave::Lost | Leave::Crashed | Leave::SignOn | Leave::Endless | Leave::Foreign(_) => {
                (1011, "internal-error", Some(1_000))
            }
        };
        let goodbye = frame(&ServerFrame::Goodbye { reason, reconnect_in_ms });
        let mut words = why.reason().to_string();
        // A close frame has room for 123 bytes (RFC 6455, 5.5).
        words.truncate(words.floor_char_boundary(120));
        for socket in self.sockets.keys().copied().collect::<Vec<SocketId>>() {
            self.end_socket(socket, Some(goodbye.clone()), code, &words);
        }
        self.place = None;
        if let Some(signed_on) = self.signed_on.take() {
            drop(signed_on);
        }
        self.state.sessions.remove(&self.session.token());
    }
}

fn json(rows: impl Iterator<Item = impl Serialize>) -> Vec<Value> {
    rows.map(|row| serde_json::to_value(row).unwrap_or_default()).collect()
}

/// A row of `BANS`.
fn ban(ban: &BanInfo) -> Value {
    serde_json::json!({
        "whom": ban.whom.as_deref(),
        "what": if ban.kind == Kind::Mute { "muted" } else { "banned" },
        "by": ban.told.by.as_str(),
        "since": timestamp(ban.since),
        "seconds": ban.told.retry,
        "reason": ban.told.why.as_deref(),
    })
}
