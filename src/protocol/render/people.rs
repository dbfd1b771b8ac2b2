//! The views for people: one line for each event, without fields (PROTOCOL.md section 5, "Options").
//!
//! **No user can forge a line.** How a line begins says what it is, and names and rooms, which stand there, have no space,
//! colon or sign in them. What a user wrote stands behind that, and nowhere else:
//!
//! | | `short`, behind the time | `plain` |
//! | --- | --- | --- |
//! | said | `budi: …` | `budi: …` |
//! | said in the third person | `~ budi …` | `Action, budi …` |
//! | whispered | `-budi- …` | `budi whispers: …` |
//! | what happened | `* …` | words |
//! | a refusal or a warning | `! …` | `Attention! …` |
//! | an answer | words | words |
//! | the further lines of what was said | six spaces | six spaces |
//!
//! Behind the mark stands the room, if it is not the lobby: `#rust budi: …`. With `ids=on` the number comes first: `[12] budi: …`,
//! and `12, budi: …`. No words of ours begin as a line that a user wrote, nor does one of them begin another.

use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::look::rule;
use super::words::{GREETING, PASTE_BEGINS, WELCOME, answer_to, last_words, size, words_of, words_of_prompt};
use super::{Lines, clock};
use crate::model::body::Body;
use crate::model::command::Terminal;
use crate::model::event::{Block, Change, Envelope, Event, Leave, Rows, Speech, Version, What, Wire};
use crate::model::names::RoomName;
use crate::model::row::Reader;
use crate::model::text::Text;
use crate::protocol::sealed::{WORDS, is_sealed};

/// What the second line of a message begins with, and each one behind it: as wide as the time of day.
const INDENT: &str = "      ";

impl Lines {
    pub(super) fn say(&mut self, words: impl Display) {
        if self.wire.is_short() {
            let _infallible = write!(self.out, "{} ", clock(self.clock.zone, self.at));
        }
        let _infallible = write!(self.out, "{words}\r\n");
    }

    /// The further lines of what a user wrote, indented as no other line is.
    fn further(&mut self, text: &Body) {
        for line in text.lines().skip(1) {
            let _infallible = write!(self.out, "{INDENT}{line}\r\n");
        }
    }

    /// The words as a person sees them: what is sealed shows that alone.
    fn seen<'a>(&self, text: &'a Body) -> Cow<'a, Body> {
        if !is_sealed(text.as_str()) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(Text::own(self.sentence(WORDS)).into())
    }

    /// A sentence of the server, in the client's language.
    pub(super) fn tell(&mut self, words: impl Display) {
        self.marked("", "", words);
    }

    /// Something that happened.
    pub(super) fn happened(&mut self, words: impl Display) {
        self.happened_in("", words);
    }

    /// Something that happened, with what stands before the sentence: a room.
    fn happened_in(&mut self, place: &str, words: impl Display) {
        self.marked(if self.wire.is_short() { "* " } else { "" }, place, words);
    }

    /// A refusal or a warning.
    fn attention(&mut self, words: impl Display) {
        let mark = if self.wire.is_short() { "!".into() } else { self.sentence("Attention!") };
        self.marked(&(mark + " "), "", words);
    }

    fn marked(&mut self, mark: &str, place: &str, words: impl Display) {
        match self.language {
            None => self.say(format_args!("{mark}{place}{words}")),
            Some(_) => self.say(format_args!("{mark}{place}{}", self.sentence(words))),
        }
    }

    // A function of its own also in the program: a writer whose clients are all programs needs no stack for it, and that is a page of
    // memory for each client.
    #[inline(never)]
    pub(super) fn for_people(&mut self, event: &Event) {
        match event {
            Event::Said(speech) => self.speech(speech),
            Event::Changed(change) => self.change(change),
            Event::Whispered { from, to, file: Some(file), text, .. } => {
                let (bytes, token, first) = (size(file.bytes), file.token, text.first());
                self.happened(format_args!("{from} sends {to} alone {bytes}, GET {token}: {first}"));
            }
            Event::Whispered { from, text, .. } => {
                let text = self.seen(text);
                let first = text.first();
                match self.wire.is_short() {
                    true => self.say(format_args!("-{from}- {first}")),
                    false => self.say(format_args!("{from} whispers: {first}")),
                }
                self.further(&text);
            }
            Event::Joined { room, name, .. } => self.happened(format_args!("{name} joined {room}")),
            Event::Left { room, name, why, .. } => {
                self.happened(format_args!("{name} left {room}: {}", reason(why)));
            }
            Event::Renamed { old, new, .. } => self.happened(format_args!("{old} is now {new}")),
            Event::SignedOn { .. } | Event::SignedOff { .. } | Event::Forgotten(_) | Event::Emptied { .. } => {}
            Event::Feature(event) => {
                self.happened_in(&event.place(), event.sentence());
            }
            Event::Note { room: Some(room), text } => {
                self.happened_in(&format!("{room}: "), text);
            }
            Event::Note { room: None, text } => {
                self.happened(format_args!("The server says: {text}"));
            }
            Event::Warn(warning) => self.attention(words_of(*warning)),
            Event::Refused { error, .. } => self.attention(error),
            Event::Terminal(Terminal::ByHand) => GREETING.iter().for_each(|words| self.tell(words)),
            Event::Terminal(_) => {}
            Event::Pong(token) => self.say(format!("PONG {token}").trim_end()),
            Event::Prompt { what, is_hidden } => self.tell(words_of_prompt(what, *is_hidden)),
            Event::PasteBegins => self.tell(PASTE_BEGINS),
            Event::Gap { room, first, count, .. } => self.attention(format_args!(
                "{count} {} of {room} not shown. /history {room} after={} shows more.",
                if *count == 1 { "line" } else { "lines" },
                first.saturating_sub(1)
            )),
            Event::Done { verb, done, .. } => self.done_for_people(verb, done),
            Event::Block(block) => self.block_for_people(block),
            Event::Bye { why: Leave::Foreign(foreign), .. } => self.out.push_str(answer_to(*foreign)),
            Event::Bye { why, name } => self.tell(last_words(why, name.as_ref().map(|n| n.as_str()))),
            Event::Hello(_) => self.tell(WELCOME),
        }
    }

    fn speech(&mut self, speech: &Speech) {
        let Speech { room, id, from, act, re, version, file, text, .. } = speech;
        let (number, room, text) = (self.number_of_answer(*id, *re), elsewhere(room), self.seen(text));
        let is_short = self.wire.is_short();
        let (star, first) = (if is_short { "* " } else { "" }, text.first());
        match (version, file) {
            (Version::Deleted, _) => {
                let words = self.sentence(format_args!("a line of {from}, deleted"));
                self.say(format_args!("{number}{star}{room}{words}"));
            }
            (_, Some(file)) => {
                let (bytes, token) = (size(file.bytes), file.token);
                let words = self.sentence(format_args!("{from} sends {bytes}, GET {token}: {first}"));
                self.say(format_args!("{number}{star}{room}{words}"));
            }
            (_, None) if !act => self.say(format_args!("{number}{room}{from}: {first}")),
            (_, None) if is_short => self.say(format_args!("{number}~ {room}{from} {first}")),
            (_, None) => self.say(format_args!("{number}Action, {room}{from} {first}")),
        }
        self.further(&text);
    }

    fn change(&mut self, change: &Change) {
        let Change { room, from, target, author, what, .. } = change;
        let room = elsewhere(room);
        let line = if self.wire.has_ids() { format!("line {target}") } else { "a line".into() };
        let words = match what {
            What::Edited(text) => {
                let text = self.seen(text);
                let first = text.first();
                format!("{from} corrects {line}: {first}")
            }
            What::Deleted => format!("{from} deleted {line} of {author}"),
            What::Reacted(emoji) => format!("{from} reacts {emoji} to {line} of {author}"),
            What::Unreacted(emoji) => format!("{from} takes {emoji} back from {line} of {author}"),
        };
        self.happened_in(&room, words);
        if let What::Edited(text) = what {
            self.further(&self.seen(text));
        }
    }

    /// What a line begins with that has a number.
    pub(super) fn number(&self, id: u64) -> String {
        self.number_of_answer(id, None)
    }

    fn number_of_answer(&self, id: u64, re: Option<u64>) -> String {
        let word = if re.is_some() { self.sentence("answers") } else { String::new() };
        let answers = re.map_or_else(String::new, |re| format!(" {word} {re}"));
        match self.wire {
            Wire::ShortIds => format!("[{id}{answers}] "),
            Wire::PlainIds => format!("{id}{answers}, "),
            _ => String::new(),
        }
    }

    fn block_for_people(&mut self, block: &Block) {
        if !block.head.is_empty() {
            self.tell(&block.head);
        }
        match &block.rows {
            Rows::Lines(lines) => self.old_lines(lines),
            Rows::Made(table) => {
                let reader = Reader { zone: self.clock.zone, is_short: self.wire.is_short() };
                table.sentences(reader, &mut |words| self.tell(words));
            }
        }
        if !block.foot.is_empty() {
            self.tell(block.foot);
        }
    }

    /// Lines of other times, with a rule wherever the day changes, and one behind them if they are not of the day of this block.
    fn old_lines(&mut self, lines: &[Arc<Envelope>]) {
        let now = self.at;
        let mut above = now;
        for line in lines {
            self.rule_between(above, line.at);
            self.old(line);
            above = line.at;
        }
        self.rule_between(above, now);
    }

    fn rule_between(&mut self, above: DateTime<Utc>, below: DateTime<Utc>) {
        let day = |at| self.clock.zone.shows(at).date();
        if day(above) != day(below) {
            self.out.push_str(&rule(self.clock.zone, below, self.wire, self.language));
        }
    }
}

/// Why a user left. Their own words, and an operator's, cannot be taken for the server's.
fn reason(why: &Leave) -> String {
    match why {
        Leave::Quit(Some(words)) => format!("\"{words}\""),
        Leave::Parted(Some(words)) => format!("saying \"{words}\""),
        Leave::Kicked(Some(words)) | Leave::Banned(Some(words)) => format!("sent away, {words}"),
        why => why.reason().to_string(),
    }
}

fn elsewhere(room: &RoomName) -> String {
    if *room == RoomName::lobby() { String::new() } else { format!("{room} ") }
}
