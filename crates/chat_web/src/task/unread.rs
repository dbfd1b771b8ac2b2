//! What was said to the user alone while no socket was there: it waits for the next socket. Where none comes, it waits in its talk for
//! the user's next sign-in, or its author is told.

use axum::extract::ws::Utf8Bytes;
use chat_server::chat::message::Message as ToRouter;
use chat_server::features::calls::{Call, NotRead};
use chat_server::model::event::{Change, Envelope, Event, Speech};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::text::Text;

use super::Task;
use super::whispers::{NotGiven, Whisper};
use crate::models::frames::ServerFrame;
use crate::models::names::{bare, timestamp};
use crate::session::SocketId;
use crate::session::queue::Out;

/// How much of a whisper its author is reminded of, in bytes.
const REMINDER: usize = 200;

/// What is said to the user alone: by whom, how it begins, and its place in a talk.
type Private = (ClientId, Option<Text>, Option<(RoomName, u64)>);

fn private(event: &Event) -> Option<Private> {
    match event {
        Event::Whispered { by, from, to, id, text, .. } => {
            let talk = id.and_then(|id| Some((RoomName::talk([from.clone(), to.clone()]).ok()?, id)));
            Some((*by, reminder(text.first()), talk))
        }
        Event::Said(Speech { room, id, by, text, .. }) if room.is_talk() => {
            Some((*by, reminder(text.first()), Some((room.clone(), *id))))
        }
        Event::Changed(Change { room, id, by, .. }) if room.is_talk() => Some((*by, None, Some((room.clone(), *id)))),
        _ => None,
    }
}

/// The beginning of what is said.
fn reminder(line: &str) -> Option<Text> {
    let cut = line.floor_char_boundary(REMINDER);
    let dots = if cut < line.len() { "…" } else { "" };
    Text::new(&format!("{}{dots}", &line[..cut])).ok()
}

impl Task {
    /// Keeps what is said to the user alone, sends it to every socket, and tells the author of a whisper where there is none. False:
    /// the event is of another kind.
    pub(super) async fn keep_whisper(&mut self, envelope: &Envelope, frame: &Utf8Bytes) -> bool {
        let Some((by, text, place)) = private(&envelope.event) else { return false };
        let connections = self.state.handle.registry().connections_of(self.session.person());
        // Another connection of the user has it too, or the user is its author.
        let is_read_elsewhere = connections.len() > 1 || connections.contains(&by);
        let is_whisper = matches!(envelope.event, Event::Whispered { .. });
        let waits = self.sockets.is_empty() && !is_read_elsewhere && is_whisper;
        let is_first = waits && !self.whispers.is_told(by);
        let own = Whisper::new(by, timestamp(envelope.at), frame.clone());
        self.keep_private(Whisper { text, place, is_unread: !is_read_elsewhere, is_told: waits, ..own }).await;
        let sockets: Vec<SocketId> = self.sockets.keys().copied().collect();
        for socket in sockets {
            self.give(socket, self.whispers.last());
        }
        if is_first {
            let say = |name: &Name| {
                format!("{name} is not connected at the moment. Your whisper waits; you are told if it cannot be read.")
            };
            self.remark(by, say).await;
        }
        true
    }

    /// Keeps a frame that only this user's sockets get, as long as there is place for it.
    pub(super) async fn keep_private(&mut self, whisper: Whisper) {
        let lost = self.whispers.push(whisper);
        self.not_given(lost).await;
    }

    /// What had to make way while it was on its way to a socket is lost where that socket is gone.
    pub(super) async fn lose_on_its_way(&mut self) {
        let lost = self.whispers.take_lost();
        self.not_given(lost).await;
    }

    async fn not_given(&mut self, whispers: Vec<Whisper>) {
        for lost in whispers {
            match &lost.place {
                // The next socket is told of the gap, and what is missing is read in the talk.
                Some((talk, number)) => {
                    let first = NotGiven { first: *number, last: *number, by: lost.by, count: 0 };
                    let not_given = self.not_read.entry(talk.clone()).or_insert(first);
                    (not_given.last, not_given.by) = (*number, lost.by);
                    not_given.count += 1;
                }
                None => self.tell_not_read(lost).await,
            }
        }
    }

    /// Gives a socket what it lacks of what was said to the user alone.
    pub(super) fn give_whispers(&mut self, socket: SocketId, last: Option<&str>) {
        for (talk, NotGiven { first, last, .. }) in std::mem::take(&mut self.not_read) {
            self.tell_socket(socket, &ServerFrame::Gap { room: bare(&talk), missing_from: first, to: last });
        }
        for place in self.whispers.since(last) {
            self.give(socket, Some(place));
        }
    }

    /// Sends a socket the private frame at that place. It is unread until the socket's client has it for sure: what is written to a
    /// connection that is cut, and does not show it yet, is lost.
    fn give(&mut self, socket: SocketId, place: Option<usize>) {
        if let Some((frame, number)) = place.and_then(|place| self.whispers.give(place, socket)) {
            self.push(socket, Out::Private { frame, number });
        }
    }

    /// The session is over: what still waits will not be read here.
    pub(super) async fn lose_unread(&mut self) {
        let lost = std::mem::take(&mut self.not_read);
        for (talk, NotGiven { first, by, count, .. }) in lost {
            self.wait_in_talk(talk, first, by, Text::new(&format!("… (×{count})")).ok()).await;
        }
        for unread in self.whispers.take_unread() {
            self.tell_not_read(unread).await;
        }
    }

    async fn tell_not_read(&self, Whisper { by, text, place, .. }: Whisper) {
        match (place, text) {
            (Some((talk, number)), text) => self.wait_in_talk(talk, number, by, text).await,
            (None, Some(text)) => {
                let say = |name: &Name| format!("{name} was not there to read your whisper: {text}");
                self.remark(by, say).await;
            }
            (None, None) => {}
        }
    }

    async fn wait_in_talk(&self, talk: RoomName, first: u64, by: ClientId, text: Option<Text>) {
        let Some(name) = self.session.name() else { return };
        let call = Call::NotRead(Box::new(NotRead { name, talk, first, by, text }));
        self.state.tell_router(call.into()).await;
    }

    /// Sends a user a sentence that begins with the name of this session's user.
    async fn remark(&self, to: ClientId, say: impl FnOnce(&Name) -> String) {
        let Some(name) = self.session.name() else { return };
        // A name and a whisper are texts already, so that this is one.
        let Ok(text) = Text::new(&say(&name)) else { return };
        self.state.tell_router(ToRouter::Tell(to, text)).await;
    }
}
