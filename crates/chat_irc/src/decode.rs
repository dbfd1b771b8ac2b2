//! The reading half: a line becomes requests, and an entry in the ledger for each.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chat_server::model::event::{Foreign, Leave};
use chat_server::model::request::Request;
use chat_server::protocol::dialect::{Decoded, Decoder};
use chat_server::protocol::foreign::foreign;

use crate::commands::find;
use crate::desk::Desk;
use crate::door::Door;
use crate::ledger::{Link, Local};
use crate::message::{MAX_LINE, MAX_TAGS, Message, tags_length};
use crate::numeric as n;
use crate::text::shown;

/// The most bytes of a label; a longer one is none.
const MAX_LABEL: usize = 64;

/// Reads a client.
pub struct IrcDecoder {
    desk: Desk,
    lines: usize,
    /// What is left of the line.
    rest: VecDeque<Request>,
}

impl IrcDecoder {
    pub(crate) fn new(door: Arc<Door>, link: Arc<Link>, number: u64) -> IrcDecoder {
        IrcDecoder { desk: Desk::new(door, link, number), lines: 0, rest: VecDeque::new() }
    }

    fn hand_over(&mut self, label: Option<Box<str>>) -> Decoded {
        self.desk.take(label, &mut self.rest);
        self.more().map_or(Decoded::Nothing, Decoded::Request)
    }

    fn line(&mut self, line: &[u8]) -> Decoded {
        let tags = tags_length(line);
        if tags > MAX_TAGS || line.len() - tags > MAX_LINE {
            self.desk.says(n::TOO_LONG, &[]);
            return self.hand_over(None);
        }
        let text = String::from_utf8_lossy(line);
        let Some(message) = Message::parse(&text) else { return Decoded::Nothing };
        let label = message.tag("label").filter(|label| !label.is_empty() && label.len() <= MAX_LABEL).map(Box::from);
        if matches!(text, Cow::Owned(_)) {
            let (command, code) = (message.command.to_ascii_uppercase(), "INVALID_UTF8");
            self.desk.local(Local::Fail { command, code, words: "Your line is not UTF-8, so it was not taken" });
        } else {
            self.command(&message);
        }
        self.hand_over(label)
    }

    fn command(&mut self, message: &Message) {
        match find(&message.command) {
            Some(row) if !row.early && !self.desk.greeting.has_asked => self.desk.says(n::NOT_REGISTERED, &[]),
            None if !self.desk.greeting.has_asked => self.desk.says(n::NOT_REGISTERED, &[]),
            None => self.desk.says(n::UNKNOWN_COMMAND, &[shown(&message.command)]),
            Some(row) if message.params.len() < row.least => self.desk.says(n::NEED_MORE, &[row.word]),
            Some(row) => (row.run)(&mut self.desk, message),
        }
    }
}

impl Decoder for IrcDecoder {
    fn door(&self) -> &'static str {
        self.desk.door.options.door
    }

    fn decode(&mut self, line: &[u8]) -> Decoded {
        self.lines += 1;
        let other = (self.lines == 1).then(|| foreign(line)).flatten();
        match other {
            Some(other) if other != Foreign::Irc => Decoded::Leave(Leave::Foreign(other)),
            _ => self.line(line),
        }
    }

    fn too_long(&mut self, _: usize, _: usize, _: usize) -> Decoded {
        self.desk.says(n::TOO_LONG, &[]);
        self.hand_over(None)
    }

    fn glance(&self, begun: &[u8]) -> Option<Leave> {
        let foreign = (self.lines == 0).then(|| foreign(begun)).flatten()?;
        matches!(foreign, Foreign::Tls | Foreign::Socks).then_some(Leave::Foreign(foreign))
    }

    fn more(&mut self) -> Option<Request> {
        self.rest.pop_front()
    }

    fn has_telnet(&self) -> bool {
        false
    }

    fn max_line(&self) -> Option<usize> {
        Some(MAX_TAGS + MAX_LINE)
    }

    fn idle(&self) -> Option<Duration> {
        Some(self.desk.door.options.idle)
    }
}
