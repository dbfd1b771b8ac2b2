//! Whispers that no socket was there for: they wait for the next socket, and their author is told where none comes.

use axum::extract::ws::Utf8Bytes;
use chat_server::chat::message::Message as ToRouter;
use chat_server::model::event::{Envelope, Event};
use chat_server::model::names::ClientId;
use chat_server::model::text::Text;

use super::Task;
use super::whispers::Whisper;
use crate::models::names::timestamp;
use crate::session::SocketId;
use crate::session::queue::Out;

/// How much of a whisper its author is reminded of, in bytes.
const REMINDER: usize = 200;

impl Task {
    /// Keeps a whisper, and tells its author where no socket is there to read it.
    pub(super) async fn keep_whisper(&mut self, envelope: &Envelope, frame: &Utf8Bytes) {
        let Event::Whispered { by, text, .. } = &envelope.event else { return };
        let connections = self.state.handle.registry().connections_of(self.session.person());
        // Another connection of the user has it too, or the user is its author.
        let is_read_elsewhere = connections.len() > 1 || connections.contains(by);
        let is_unread = self.sockets.is_empty() && !is_read_elsewhere;
        let is_first = is_unread && !self.whispers.has_unread_of(*by);
        let at = timestamp(envelope.at);
        let lost = self.whispers.push(Whisper { by: *by, at, text: text.clone(), frame: frame.clone(), is_unread });
        if is_first {
            self.remark(*by, "is not connected at the moment. Your whisper waits; you are told if it cannot be read.")
                .await;
        }
        self.tell_not_read(lost).await;
    }

    /// Gives a socket the whispers that it lacks.
    pub(super) fn give_whispers(&mut self, socket: SocketId, last: Option<&str>) {
        for frame in self.whispers.since(last) {
            self.push(socket, Out::Frame(frame));
        }
    }

    /// Tells the authors of whispers that still wait that they will not be read.
    pub(super) async fn lose_unread(&mut self) {
        let unread = self.whispers.take_unread();
        self.tell_not_read(unread).await;
    }

    async fn tell_not_read(&self, whispers: Vec<Whisper>) {
        for Whisper { by, text, .. } in whispers {
            let first = text.first();
            let cut = first.floor_char_boundary(REMINDER);
            let dots = if cut < text.len() { "…" } else { "" };
            self.remark(by, &format!("was not there to read your whisper: {}{dots}", &first[..cut])).await;
        }
    }

    /// Sends a user a sentence that begins with the name of this session's user.
    async fn remark(&self, to: ClientId, what: &str) {
        let Some(name) = self.session.name() else { return };
        // A name and a whisper are texts already, so that this is one.
        let Ok(text) = Text::new(&format!("{name} {what}")) else { return };
        self.state.tell_router(ToRouter::Tell(to, text)).await;
    }
}
