//! What comes of requests that the router carried out.

use std::sync::Arc;

use chat_server::model::body::Body;
use chat_server::model::command::Command;
use chat_server::model::event::{Change, Done, Envelope, Event, Speech, Version, What};
use chat_server::model::names::{Name, RoomName};
use chat_server::model::text::Text;

use super::Task;
use super::pending::{Pending, Wanted};
use super::whispers::Whisper;
use crate::models::frames::{Ack, ServerFrame};
use crate::models::names::{bare, room_key, talk_of, timestamp};
use crate::models::objects::Message;
use crate::models::render::{changed_frame, message};
use crate::session::Asker;
use crate::session::ask::Outcome;
use crate::state::receipts::Receipt;

impl Task {
    pub(super) async fn done(&mut self, envelope: &Arc<Envelope>, done: &Done, pending: Pending) {
        let Pending { asker, what, repeats } = pending;
        match (done, what) {
            (Done::Welcome { name, room, .. } | Done::SignedIn { name, room, .. }, Wanted::SignOn) => {
                self.signed_on(done, name, room.as_ref()).await;
            }
            (Done::Said { room, id, .. }, Wanted::Said { cid, text, re, act, .. }) => {
                let Some(name) = self.session.name() else { return };
                let (room, by) = (room.clone(), self.session.person());
                let (version, signed) = (Version::First, self.session.is_signed_in());
                let own_cid = cid.as_deref().and_then(|cid| Text::new(cid).ok());
                let speech =
                    Speech { room, id: *id, by, from: name, act, re, version, signed, cid: own_cid, file: None, text };
                self.said(envelope, &speech, cid, asker, repeats).await;
            }
            (Done::Changed { room, id, target, .. }, Wanted::Changed(what)) => {
                self.changed(envelope, room, *id, *target, what).await;
                self.ack(asker, Ack { room: Some(bare(room)), seq: Some(*id), ..Ack::default() });
            }
            (Done::Whispered { to, id, .. }, Wanted::Whispered { cid, text, .. }) => {
                let room = id.and_then(|_| talk_of(&self.session.name()?, to));
                self.whispered(envelope, (to, room.clone(), *id), cid.clone(), &text).await;
                let words = Some(self.words(envelope));
                self.ack(asker, Ack { cid: cid.clone(), room, seq: *id, text: words, ..Ack::default() });
                let receipt = Receipt::Whispered { to: to.clone(), text: text.as_str().to_string() };
                self.remember(cid.as_deref(), &receipt, repeats);
            }
            (Done::Offered { granted, .. }, Wanted::Offered) => {
                if let Some(answer) = asker.answer {
                    let _gone = answer.send(Ok(Outcome::Offered(granted.token)));
                }
            }
            (_, Wanted::Preferred(preferred)) => {
                self.is_preferred(&preferred, asker.socket);
                self.ack(asker, Ack { what: Some("PREF".into()), ..Ack::default() });
            }
            (done, what) => {
                self.follow(envelope, done, &what, &asker).await;
                let verb =
                    if let Event::Done { verb, .. } = &envelope.event { Some((*verb).to_string()) } else { None };
                self.ack(asker, Ack { what: verb, text: Some(self.words(envelope)), ..Ack::default() });
            }
        }
    }

    /// What a command of this session changes for the session itself and its sockets.
    async fn follow(&mut self, envelope: &Envelope, done: &Done, what: &Wanted, asker: &Asker) {
        match done {
            Done::Entered { room, .. } => self.entered(room).await,
            Done::Parted { room, current } => self.parted(room, current.clone()),
            Done::Renamed(name) => self.rename(name.clone(), timestamp(envelope.at)),
            // By `/login`, `/register` or `/logout`.
            Done::Registered { .. } => {
                self.session.update(|profile| profile.is_signed_in = true);
                self.renew_token(asker.socket);
            }
            Done::SignedIn { name, .. } | Done::SignedOut { name } => {
                self.renew_token(asker.socket);
                self.know_person(done);
                self.change_identity(name.clone(), timestamp(envelope.at)).await;
                self.refresh_rights().await;
            }
            Done::PasswordChanged => self.renew_token(asker.socket),
            Done::Operator => {
                self.renew_token(asker.socket);
                self.refresh_rights().await;
            }
            Done::Role { .. } => self.refresh_rights().await,
            Done::Topic { room, topic } if matches!(what, Wanted::TopicSet) => {
                let text = topic.as_ref().map_or_else(String::new, |(_, text)| text.to_string());
                let (at, from) = (timestamp(envelope.at), self.session.author());
                self.tell_all(&ServerFrame::Topic { room: bare(room), from, at, text });
            }
            // A client that is told that a room is closed finds it closed: the tap may be a moment behind.
            Done::Modes { room, modes, limit } => {
                self.state.rooms.change(room, |log| log.modes = modes.to_string());
                self.tell_all(&ServerFrame::Modes { room: bare(room), modes: modes.to_string(), limit: *limit });
            }
            _ => {}
        }
    }

    async fn signed_on(&mut self, done: &Done, name: &Name, room: Option<&RoomName>) {
        // A user with an account comes into the rooms that its other connections are in.
        let rooms = self.state.handle.registry().rooms_of(self.session.client);
        self.session.update(|profile| {
            profile.name = Some(name.clone());
            profile.rooms = rooms.unwrap_or_else(|| room.into_iter().cloned().collect());
        });
        self.know_person(done);
        self.current = room.cloned();
        self.read_rights().await;
        self.state.sessions.insert(self.session.token(), self.session.clone());
        if let Some(signed_on) = self.signed_on.take()
            && signed_on.send(Ok(())).is_err()
        {
            // The caller went away before the answer, so that no client has the token.
            self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
        }
    }

    async fn entered(&mut self, room: &RoomName) {
        self.session.update(|profile| profile.rooms.push(room.clone()));
        self.current = Some(room.clone());
        self.read_rights().await;
        self.tell_all(&ServerFrame::RoomEntered { room: self.own_room(room) });
        self.roster(None, room.clone()).await;
    }

    fn parted(&mut self, room: &RoomName, current: Option<RoomName>) {
        self.session.update(|profile| profile.rooms.retain(|name| name != room));
        self.rights.rooms.retain(|name| name != room);
        self.read.remove(&room_key(room));
        self.seen.remove(&room_key(room));
        self.current = current;
        self.tell_all(&ServerFrame::RoomLeft { room: bare(room) });
    }

    async fn changed(&mut self, envelope: &Envelope, room: &RoomName, id: u64, target: u64, what: What) {
        self.note_seq(room, id);
        let Some(name) = self.session.name().filter(|_| id != target) else { return };
        let change = Change {
            room: room.clone(),
            id,
            by: self.session.person(),
            from: name.clone(),
            target,
            author: name,
            signed: self.session.is_signed_in(),
            what,
        };
        let changed = changed_frame(&change, self.session.author(), timestamp(envelope.at));
        if room.is_talk() {
            self.tell_own(envelope, &changed).await;
        } else {
            self.tell_all(&changed);
        }
    }

    async fn whispered(
        &mut self,
        envelope: &Envelope,
        (to, room, seq): (&Name, Option<String>, Option<u64>),
        cid: Option<String>,
        text: &Body,
    ) {
        let whisper = ServerFrame::Whisper {
            from: self.session.author(),
            to: self.state.author_named(to),
            room,
            seq,
            at: timestamp(envelope.at),
            text: text.as_str().to_string(),
            cid,
            file: None,
        };
        self.tell_own(envelope, &whisper).await;
    }

    /// Sends the user's sockets a frame of what the user did in a talk, and keeps it for those that are cut.
    async fn tell_own(&mut self, envelope: &Envelope, frame: &ServerFrame) {
        let (at, frame) = (timestamp(envelope.at), frame.bytes());
        self.push_all(&frame);
        let own = Whisper::new(self.session.client, at, frame);
        self.keep_private(own).await;
    }

    async fn said(
        &mut self,
        envelope: &Envelope,
        speech: &Speech,
        cid: Option<String>,
        asker: Asker,
        repeats: Vec<(Asker, bool)>,
    ) {
        let message = message(self.state.ids, envelope, speech);
        self.note_seq(&speech.room, speech.id);
        // A client that is told that it is said finds it: the tap may be a moment behind. Talks are not in the read model.
        if !speech.room.is_talk() {
            self.state.rooms.keep(message.clone());
        }
        let receipt = Receipt::Said {
            room: message.room.clone(),
            seq: message.seq,
            id: message.id,
            text: speech.text.as_str().to_string(),
        };
        let own = ServerFrame::Message(Message { cid: cid.clone(), ..message.clone() });
        if speech.room.is_talk() {
            self.tell_own(envelope, &own).await;
        } else {
            self.tell_all(&own);
        }
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
            let _gone = answer.send(Ok(Outcome::Said { message: Box::new(message), duplicate: false }));
        }
        self.remember(cid.as_deref(), &receipt, repeats);
    }

    /// Notes the number of an event that went to the sockets.
    pub(super) fn note_seq(&mut self, room: &RoomName, seq: u64) {
        let last = self.seen.entry(room_key(room)).or_default();
        *last = seq.max(*last);
    }
}
