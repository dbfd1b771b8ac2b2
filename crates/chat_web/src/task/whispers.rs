//! What was said last to the user of a session alone: whispers, and the lines of direct talks. A room's lines are asked for by number;
//! of these no socket knows before it comes that they are there.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use chat_server::model::names::{ClientId, RoomName};
use chat_server::model::text::Text;

/// The most bytes that a session keeps of them; the oldest go first.
const BYTES: usize = 32 * 1024;

/// The last of a session.
#[derive(Default)]
pub(super) struct Whispers {
    whispers: VecDeque<Whisper>,
    bytes: usize,
}

/// One of them.
pub(super) struct Whisper {
    /// Its author.
    pub by: ClientId,
    /// When it came, as frames write it.
    pub at: String,
    /// What it says; `None` for a change of what was said.
    pub text: Option<Text>,
    /// The talk that it stands in, with its number there.
    pub place: Option<(RoomName, u64)>,
    /// Its frame.
    pub frame: Utf8Bytes,
    /// Whether no socket was there when it came, nor since.
    pub is_unread: bool,
}

impl Whispers {
    /// Adds a whisper. Returns those that had to go and that no socket has got.
    pub(super) fn push(&mut self, whisper: Whisper) -> Vec<Whisper> {
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

    /// Whether one by this author waits for a socket.
    pub(super) fn has_unread_of(&self, author: ClientId) -> bool {
        self.whispers.iter().any(|whisper| whisper.is_unread && whisper.by == author)
    }

    /// Takes out those that wait for a socket, and forgets the others.
    pub(super) fn take_unread(&mut self) -> Vec<Whisper> {
        std::mem::take(self).whispers.into_iter().filter(|whisper| whisper.is_unread).collect()
    }

    /// What a socket lacks whose last whisper is of that time: that one as well, as two may be of one millisecond.
    pub(super) fn since(&mut self, last: Option<&str>) -> Vec<Utf8Bytes> {
        let lacks = |whisper: &&mut Whisper| whisper.is_unread || last.is_some_and(|last| whisper.at.as_str() >= last);
        let read = |whisper: &mut Whisper| {
            whisper.is_unread = false;
            whisper.frame.clone()
        };
        self.whispers.iter_mut().filter(lacks).map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whisper(at: &str, bytes: usize, is_unread: bool) -> Whisper {
        let frame = Utf8Bytes::from("x".repeat(bytes));
        Whisper { by: ClientId(1), at: at.into(), text: Text::new("psst").ok(), place: None, frame, is_unread }
    }

    #[test]
    fn they_are_bounded_and_what_goes_unread_is_handed_back() {
        let mut whispers = Whispers::default();
        assert!(whispers.push(whisper("1", BYTES / 2, false)).is_empty());
        assert!(whispers.push(whisper("2", BYTES / 2, true)).is_empty());
        assert!(whispers.push(whisper("3", BYTES / 2, true)).is_empty(), "the first had been read");
        assert_eq!(whispers.push(whisper("4", BYTES / 2, true)).len(), 1, "the second had not");
        assert!(whispers.bytes <= BYTES);
        assert_eq!(
            whispers.push(whisper("5", 2 * BYTES, true)).len(),
            3,
            "one that is too long goes at once, and is told"
        );
        assert_eq!((whispers.bytes, whispers.whispers.len()), (0, 0));
    }

    #[test]
    fn a_socket_gets_what_it_lacks_and_what_is_unread_once() {
        let mut whispers = Whispers::default();
        for (at, is_unread) in [("1", false), ("2", false), ("3", true)] {
            whispers.push(whisper(at, 10, is_unread));
        }
        assert_eq!(whispers.since(Some("2")).len(), 2);
        assert_eq!(whispers.since(None).len(), 0);
        assert_eq!(whispers.since(Some("1")).len(), 3, "another socket may lack more");
    }
}
