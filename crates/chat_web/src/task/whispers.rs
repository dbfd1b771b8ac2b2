//! What was said last to the user of a session alone: whispers, and the lines of direct talks. A room's lines are asked for by number;
//! of these no socket knows before it comes that they are there.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use chat_server::model::names::{ClientId, RoomName};
use chat_server::model::text::Text;

use crate::session::SocketId;

/// The most bytes that a session keeps of them, but for the newest, which may be longer alone; the oldest go first.
const BYTES: usize = 32 * 1024;
/// So many that had to go while they were on their way to a socket are remembered without their frames.
const WITHOUT_FRAME: usize = 256;

/// The last of a session.
#[derive(Default)]
pub(super) struct Whispers {
    whispers: VecDeque<Whisper>,
    bytes: usize,
    /// What had to go while it was on its way: the client may have it or not.
    gone: VecDeque<Whisper>,
    /// The number under which the last one was given to a socket.
    given: u64,
}

/// One of them.
pub(super) struct Whisper {
    /// Its author.
    pub by: ClientId,
    /// When it came, as frames write it.
    pub at: String,
    /// How it begins, for a reminder; `None` for a change of what was said.
    pub text: Option<Text>,
    /// The talk that it stands in, with its number there.
    pub place: Option<(RoomName, u64)>,
    /// Its frame.
    pub frame: Utf8Bytes,
    /// Whether no client has it for sure.
    pub is_unread: bool,
    /// Whether its author was told that it waits.
    pub is_told: bool,
    /// The sockets that it is on its way to, and the numbers under which it was given to them.
    pub on_its_way: Vec<(SocketId, u64)>,
}

/// What of a talk had to make way before a socket came for it.
pub(super) struct NotGiven {
    /// The first and the last number.
    pub first: u64,
    pub last: u64,
    /// The author of the last.
    pub by: ClientId,
    /// How many there are.
    pub count: u64,
}

impl Whisper {
    /// What the user has done: only other sockets of the same user may lack it.
    pub(super) fn new(by: ClientId, at: String, frame: Utf8Bytes) -> Whisper {
        let (is_unread, is_told, on_its_way) = (false, false, Vec::new());
        Whisper { by, at, text: None, place: None, frame, is_unread, is_told, on_its_way }
    }
}

impl Whispers {
    /// Adds a whisper. Returns those that had to go and that no socket has got.
    pub(super) fn push(&mut self, whisper: Whisper) -> Vec<Whisper> {
        self.bytes += whisper.frame.len();
        self.whispers.push_back(whisper);
        let mut lost = Vec::new();
        while self.bytes > BYTES && self.whispers.len() > 1 {
            let Some(oldest) = self.whispers.pop_front() else { break };
            self.bytes -= oldest.frame.len();
            if oldest.is_unread && oldest.on_its_way.is_empty() {
                lost.push(oldest);
            } else if oldest.is_unread {
                self.gone.push_back(Whisper { frame: Utf8Bytes::default(), ..oldest });
            }
        }
        while self.gone.len() > WITHOUT_FRAME {
            lost.extend(self.gone.pop_front());
        }
        lost
    }

    /// Whether this author was told that one waits for a socket, and it still does.
    pub(super) fn is_told(&self, author: ClientId) -> bool {
        self.whispers.iter().any(|whisper| whisper.is_unread && whisper.is_told && whisper.by == author)
    }

    /// Takes out those that no client has for sure, and forgets the others.
    pub(super) fn take_unread(&mut self) -> Vec<Whisper> {
        let Whispers { whispers, gone, .. } = std::mem::take(self);
        gone.into_iter().chain(whispers).filter(|whisper| whisper.is_unread).collect()
    }

    /// The place of the newest.
    pub(super) fn last(&self) -> Option<usize> {
        self.whispers.len().checked_sub(1)
    }

    /// The places of what a socket lacks whose last whisper is of that time: that one as well, as two may be of one millisecond.
    pub(super) fn since(&self, last: Option<&str>) -> Vec<usize> {
        let lacks = |whisper: &Whisper| whisper.is_unread || last.is_some_and(|last| whisper.at.as_str() >= last);
        self.whispers.iter().enumerate().filter(|(_, whisper)| lacks(whisper)).map(|(place, _)| place).collect()
    }

    /// What a socket is sent of the one at that place, and the number under which it is received.
    pub(super) fn give(&mut self, place: usize, socket: SocketId) -> Option<(Utf8Bytes, u64)> {
        let whisper = self.whispers.get_mut(place)?;
        self.given += 1;
        // The first answer of a socket is proof enough, so one number of each is.
        if whisper.is_unread && whisper.on_its_way.iter().all(|(to, _)| *to != socket) {
            whisper.on_its_way.push((socket, self.given));
        }
        Some((whisper.frame.clone(), self.given))
    }

    /// A socket's client has what was given to it up to that number.
    pub(super) fn received(&mut self, socket: SocketId, number: u64) {
        let has = |(to, given): &(SocketId, u64)| *to == socket && *given <= number;
        for whisper in self.whispers.iter_mut().filter(|whisper| whisper.on_its_way.iter().any(has)) {
            whisper.is_unread = false;
            whisper.on_its_way.clear();
        }
        self.gone.retain(|whisper| !whisper.on_its_way.iter().any(has));
    }

    /// A socket is gone: what is on its way to it may be lost.
    pub(super) fn socket_gone(&mut self, socket: SocketId) {
        for whisper in self.whispers.iter_mut().chain(&mut self.gone) {
            whisper.on_its_way.retain(|(to, _)| *to != socket);
        }
    }

    /// Takes out those that went with their sockets, and cannot be given again.
    pub(super) fn take_lost(&mut self) -> Vec<Whisper> {
        let (lost, gone) = std::mem::take(&mut self.gone).into_iter().partition(|gone| gone.on_its_way.is_empty());
        self.gone = gone;
        Vec::from(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: SocketId = 1;

    fn whisper(at: &str, bytes: usize, is_unread: bool) -> Whisper {
        let own = Whisper::new(ClientId(1), at.into(), Utf8Bytes::from("x".repeat(bytes)));
        Whisper { text: Text::new("psst").ok(), is_unread, ..own }
    }

    #[test]
    fn they_are_bounded_and_what_goes_unread_is_handed_back() {
        let mut whispers = Whispers::default();
        assert!(whispers.push(whisper("1", BYTES / 2, false)).is_empty());
        assert!(whispers.push(whisper("2", BYTES / 2, true)).is_empty());
        assert!(whispers.push(whisper("3", BYTES / 2, true)).is_empty(), "the first had been read");
        assert_eq!(whispers.push(whisper("4", BYTES / 2, true)).len(), 1, "the second had not");
        assert!(whispers.bytes <= BYTES);
        assert_eq!(whispers.push(whisper("5", 2 * BYTES, true)).len(), 2);
        assert_eq!(whispers.since(None), [0], "one that is longer than all may be stays alone");
    }

    #[test]
    fn what_made_way_while_it_was_on_its_way_is_lost_with_its_socket() {
        let mut whispers = Whispers::default();
        for at in ["1", "2"] {
            whispers.push(whisper(at, BYTES / 2, true));
            whispers.give(whispers.whispers.len() - 1, SOCKET);
        }
        assert!(whispers.push(whisper("3", BYTES, true)).is_empty());
        whispers.received(SOCKET, 1);
        assert!(whispers.take_lost().is_empty(), "the second may yet be answered");
        whispers.socket_gone(SOCKET);
        let lost: Vec<String> = whispers.take_lost().into_iter().map(|whisper| whisper.at).collect();
        assert_eq!(lost, ["2"], "the first was answered");
        assert!(whispers.take_lost().is_empty(), "it is told once");
    }

    #[test]
    fn what_is_on_its_way_is_bounded() {
        let mut whispers = Whispers::default();
        whispers.push(whisper("0", 10, true));
        for _ in 0..100 {
            whispers.give(0, SOCKET);
        }
        assert_eq!(whispers.whispers[0].on_its_way, [(SOCKET, 1)], "however often it is given again");
        for n in 0..2 * WITHOUT_FRAME {
            let lost = whispers.push(whisper(&n.to_string(), BYTES, true)).len();
            assert_eq!(lost, usize::from(n > WITHOUT_FRAME - 1), "{n}");
            whispers.give(0, SOCKET);
        }
        assert_eq!(whispers.gone.len(), WITHOUT_FRAME);
    }

    #[test]
    fn a_socket_gets_what_it_lacks_and_what_no_client_has() {
        let mut whispers = Whispers::default();
        for (at, is_unread) in [("1", false), ("2", false), ("3", true)] {
            whispers.push(whisper(at, 10, is_unread));
        }
        assert_eq!(whispers.since(Some("2")), [1, 2]);
        let number = whispers.give(2, SOCKET).map_or(0, |(_, number)| number);
        assert_eq!(whispers.since(None), [2], "it may be lost on its way");
        whispers.received(SOCKET, number);
        assert!(whispers.since(None).is_empty());
        assert_eq!(whispers.since(Some("1")), [0, 1, 2], "another socket may lack more");
    }

    #[test]
    fn one_answer_stands_for_all_that_was_given_to_the_same_socket_before() {
        let mut whispers = Whispers::default();
        for at in ["1", "2", "3"] {
            whispers.push(whisper(at, 10, true));
        }
        whispers.give(0, 2);
        whispers.give(1, SOCKET);
        let number = whispers.give(2, SOCKET).map_or(0, |(_, number)| number);
        whispers.socket_gone(2);
        whispers.received(SOCKET, number);
        let unread: Vec<String> = whispers.take_unread().into_iter().map(|whisper| whisper.at).collect();
        assert_eq!(unread, ["1"], "the other socket had not answered");
    }
}
