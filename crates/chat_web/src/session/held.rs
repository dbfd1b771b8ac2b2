//! Private words that may not have been read: kept for the person's next socket, and told to their author when none comes.
//!
//! Nothing else keeps them: a room's lines are asked for by number, a whisper has none.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use chat_server::chat::message::Message as ToRouter;
use chat_server::model::event::{Envelope, Event};
use chat_server::model::names::ClientId;
use chat_server::model::text::Text;

use super::SocketId;
use super::task::Task;
use crate::models::timestamp;

/// The most bytes of whispers that a session keeps; the oldest go first.
const BYTES: usize = 32 * 1024;
/// How much of a whisper its author is reminded of, in bytes.
const REMINDER: usize = 200;

/// The last whispers of a session.
#[derive(Default)]
pub(super) struct Held {
    whispers: VecDeque<Whisper>,
    bytes: usize,
}

struct Whisper {
    by: ClientId,
    at: String,
    words: Text,
    frame: Utf8Bytes,
    /// Whether no socket was there when it came, nor since.
    is_unread: bool,
}

impl Held {
    /// Keeps one. Returns those that had to go and that nobody has read.
    fn keep(&mut self, whisper: Whisper) -> Vec<Whisper> {
        self.bytes += whisper.frame.len();
        self.whispers.push_back(whisper);
        let mut lost = Vec::new();
        while self.bytes > BYTES {
            let Some(oldest) = self.whispers.pop_front() else { break };
            self.bytes -= oldest.frame.len();
            lost.extend(Some(oldest).filter(|whisper| whisper.is_unread));
        }
        lost
    }

    /// What a socket lacks whose last whisper is of that time: that one as well, as two may be of one millisecond.
    fn since(&mut self, last: Option<&str>) -> Vec<Utf8Bytes> {
        let lacks = |whisper: &&mut Whisper| whisper.is_unread || last.is_some_and(|last| whisper.at.as_str() >= last);
        let read = |whisper: &mut Whisper| {
            whisper.is_unread = false;
            whisper.frame.clone()
        };
        self.whispers.iter_mut().filter(lacks).map(read).collect()
    }
}

impl Task {
    /// Keeps a whisper, and tells its author where nobody is there to read it.
    pub(super) async fn hold(&mut self, envelope: &Envelope, frame: &Utf8Bytes) {
        let Event::Whispered { by, text, .. } = &envelope.event else { return };
        let connections = self.state.handle.registry().connections_of(self.session.person());
        // Another connection of this person has it too, or it is their own.
        let is_theirs = connections.len() > 1 || connections.contains(by);
        let is_unread = self.sockets.is_empty() && !is_theirs;
        let is_first = is_unread && !self.held.whispers.iter().any(|held| held.is_unread && held.by == *by);
        let at = timestamp(envelope.at);
        let whisper = Whisper { by: *by, at, words: text.clone(), frame: frame.clone(), is_unread };
        let lost = self.held.keep(whisper);
        if is_first {
            self.remark(*by, "is not connected at the moment. Your whisper waits; you are told if it cannot be read.")
                .await;
        }
        self.not_read(lost).await;
    }

    /// Gives a socket the whispers that it lacks.
    pub(super) fn give_whispers(&mut self, socket: SocketId, last: Option<&str>) {
        for frame in self.held.since(last) {
            self.put(socket, super::Out::Frame(frame));
        }
    }

    /// Tells the authors of what nobody has read that it will not be.
    pub(super) async fn unread_is_lost(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.not_read(held.whispers.into_iter().filter(|whisper| whisper.is_unread).collect()).await;
    }

    async fn not_read(&self, whispers: Vec<Whisper>) {
        for Whisper { by, words, .. } in whispers {
            let cut = words.floor_char_boundary(REMINDER);
            let dots = if cut < words.len() { "…" } else { "" };
            self.remark(by, &format!("was not there to read your whisper: {}{dots}", &words[..cut])).await;
        }
    }

    async fn remark(&self, to: ClientId, what: &str) {
        let Some(name) = self.session.name() else { return };
        // A name and a whisper are texts already, so that this is one.
        let Ok(text) = Text::new(&format!("{name} {what}")) else { return };
        self.state.tell_router(ToRouter::Tell(to, text)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whisper(at: &str, bytes: usize, is_unread: bool) -> Whisper {
        let frame = Utf8Bytes::from("x".repeat(bytes));
        Whisper { by: ClientId(1), at: at.into(), words: Text::new("psst").expect("a text"), frame, is_unread }
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_goes_unread_is_handed_back() {
        let mut held = Held::default();
        assert!(held.keep(whisper("1", BYTES / 2, false)).is_empty());
        assert!(held.keep(whisper("2", BYTES / 2, true)).is_empty());
        assert!(held.keep(whisper("3", BYTES / 2, true)).is_empty(), "the first had been read");
        assert_eq!(held.keep(whisper("4", BYTES / 2, true)).len(), 1, "the second had not");
        assert!(held.bytes <= BYTES);
        assert_eq!(held.keep(whisper("5", 2 * BYTES, true)).len(), 3, "one that is too long goes at once, and is told");
        assert_eq!((held.bytes, held.whispers.len()), (0, 0));
    }

    #[test]
    fn a_socket_gets_what_it_lacks_and_what_nobody_has_read_once() {
        let mut held = Held::default();
        for (at, is_unread) in [("1", false), ("2", false), ("3", true)] {
            held.keep(whisper(at, 10, is_unread));
        }
        assert_eq!(held.since(Some("2")).len(), 2);
        assert_eq!(held.since(None).len(), 0);
        assert_eq!(held.since(Some("1")).len(), 3, "another socket may lack more");
    }
}
