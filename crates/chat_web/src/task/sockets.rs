//! What goes to the sockets of a session.

use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use chat_server::features::calls::{Call, PushCall};
use chat_server::model::names::RoomName;

use super::Task;
use crate::models::client_frames::FRAME_BYTES;
use crate::models::frames::{Limits, Minute, Rate, ServerFrame, ServerInfo};
use crate::models::ids::random_token;
use crate::models::names::{bare, room_key};
use crate::models::objects::OwnRoom;
use crate::models::render::commands;
use crate::session::queue::Out;
use crate::session::{RENEWED, SocketId};
use crate::words::reason;

impl Task {
    pub(super) fn hello(&self) -> ServerFrame {
        let config = self.state.handle.config();
        ServerFrame::Hello {
            v: 1,
            session: self.session.id,
            you: self.session.author(),
            role: self.rights.role.word(),
            heartbeat_ms: self.state.config.times.heartbeat.as_millis() as u64,
            limits: Limits {
                text_bytes: config.line_bytes,
                message_bytes: config.message_bytes,
                frame_bytes: FRAME_BYTES,
                rate: Rate { burst: config.burst, per_s: config.per_second },
                minute: Minute { lines: config.spam_lines, same: config.spam_repeats },
            },
            rooms: self.session.rooms().iter().map(|room| self.own_room(room)).collect(),
            commands: commands(self.session.is_indonesian()),
            server: ServerInfo {
                name: config.name.to_string(),
                version: env!("CARGO_PKG_VERSION"),
                instance: self.state.ids.instance(),
                time_ms: chrono::Utc::now().timestamp_millis(),
            },
        }
    }

    pub(super) fn own_room(&self, room: &RoomName) -> OwnRoom {
        let log = self.state.rooms.logs.get(&room_key(room)).map(|log| log.clone()).unwrap_or_default();
        OwnRoom {
            id: bare(room),
            last_seq: self.seen.get(&room_key(room)).copied().unwrap_or(0).max(self.state.rooms.last_seq(room)),
            read_seq: self.read.get(&room_key(room)).copied().unwrap_or(0),
            topic: log.topic,
            modes: if log.modes.is_empty() { "+".into() } else { log.modes },
            op: self.rights.rooms.contains(room),
        }
    }

    /// Gives the session another token, now that it may do other things: a client that knows only the old one must not. The asker is
    /// told the new one; the other sockets came by the old one, and have to connect by the new one.
    pub(super) fn renew_token(&mut self, asker: Option<SocketId>) {
        let token = random_token();
        let mut old = String::new();
        self.session.update(|profile| old = std::mem::replace(&mut profile.token, token.clone()));
        self.state.sessions.replace(&old, token.clone(), self.session.clone());
        let others: Vec<SocketId> = self.sockets.keys().copied().filter(|socket| Some(*socket) != asker).collect();
        let why = reason(RENEWED.1, self.session.is_indonesian());
        for socket in others {
            let goodbye = ServerFrame::Goodbye { reason: "renewed", reconnect_in_ms: Some(500) };
            self.end_socket(socket, Some(goodbye.bytes()), RENEWED.0, &why);
        }
        if let Some(asker) = asker {
            self.tell_socket(asker, &ServerFrame::Token { token });
        }
    }

    pub(super) fn tell_socket(&mut self, socket: SocketId, what: &ServerFrame) {
        let bytes = if self.session.is_indonesian() { what.in_indonesian().bytes() } else { what.bytes() };
        self.push(socket, Out::Frame(bytes));
    }

    pub(super) fn tell_all(&mut self, what: &ServerFrame) {
        self.push_all(&what.bytes());
    }

    /// Adds a frame to the queue of every socket.
    pub(super) fn push_all(&mut self, bytes: &Utf8Bytes) {
        let sockets: Vec<SocketId> = self.sockets.keys().copied().collect();
        for socket in sockets {
            self.push(socket, Out::Frame(bytes.clone()));
        }
    }

    /// Adds an item to a socket's queue. A socket that does not keep up is dropped; it connects again and resumes. Events wait until
    /// every queue has space ([`Task::has_space`]); what the session itself has to say does not.
    pub(super) fn push(&mut self, socket: SocketId, out: Out) {
        let Some(frames) = self.sockets.get(&socket) else { return };
        if frames.waiting() >= 2 * self.max_bytes || !frames.push(out) {
            // With the sender the queue ends: the socket's task sees an end without a close, and says 4009.
            self.drop_socket(socket);
        }
    }

    /// Sends a socket its last frame and its close, however much waits for it, and drops it.
    pub(super) fn end_socket(&mut self, socket: SocketId, goodbye: Option<Utf8Bytes>, code: u16, reason: &str) {
        if let Some(frames) = self.sockets.get(&socket) {
            frames.push(Out::End { goodbye, code, reason: reason.into() });
        }
        self.drop_socket(socket);
    }

    /// A socket says whether the user sees its page.
    pub(super) fn note_sight(&mut self, socket: Option<SocketId>, is_in_sight: bool) {
        let socket = socket.filter(|socket| self.sockets.contains_key(socket));
        match socket {
            Some(socket) if is_in_sight => drop(self.in_sight.insert(socket)),
            Some(socket) => drop(self.in_sight.remove(&socket)),
            None => {}
        }
    }

    /// Tells the router whether the user sees a page of this session, where that is news: who does is not told by push.
    pub(super) async fn tell_sight(&mut self) {
        let is_in_sight = !self.in_sight.is_empty();
        if std::mem::replace(&mut self.told_in_sight, is_in_sight) != is_in_sight {
            let client = self.session.client;
            self.state.tell_router(Call::Push(PushCall::Sight { client, is_in_sight }).into()).await;
        }
    }

    pub(super) fn drop_socket(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.in_sight.remove(&socket);
        self.whispers.socket_gone(socket);
        self.resumes.retain(|_, resume| resume.socket != socket);
        if self.sockets.is_empty() {
            self.empty_since = Some(Instant::now());
        }
    }
}
