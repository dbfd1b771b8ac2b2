//! The views for people: one line for each event, without fields (PROTOCOL.md section 5, "Options").
//!
//! **Nobody can forge a line.** How a line begins says what it is, and names and rooms, which stand there, have no space,
//! colon or sign in them. What somebody wrote stands behind that, and nowhere else:
//!
//! | | `short`, behind the time | `plain` |
//! | --- | --- | --- |
//! | said | `budi: …` | `budi: …` |
//! | said in the third person | `~ budi …` | `Action, budi …` |
//! | whispered | `-budi- …` | `budi whispers: …` |
//! | what happened | `* …` | words |
//! | a refusal or a warning | `! …` | `Attention! …` |
//! | an answer | words | words |
//!
//! Behind the mark stands the room, if it is not the lobby: `#rust budi: …`. With `ids=on` the number comes first: `[12] budi: …`,
//! and `12, budi: …`. No words of ours begin as a line that somebody wrote, nor does one of them begin another.

use std::fmt::{Display, Write};

use chrono::{DateTime, Utc};

use super::{
    Entry, Lines, answer_to, clock, counted, everywhere, json, last_words, option_of, people, rooms_of, rule, size,
    words_of, words_of_prompt,
};
use crate::model::command::What;
use crate::model::event::{Block, Change, Done, Envelope, Event, Items, Leave, Speech, Stat, User, Version, Wire};
use crate::model::names::{Name, RoomName};
use crate::model::text::Text;
use crate::model::verb::Verb;

impl Lines {
    pub(super) fn say(&mut self, words: impl Display) {
        if self.wire.is_short() {
            let _infallible = write!(self.out, "{} ", clock(self.clock.zone, self.at));
        }
        let _infallible = write!(self.out, "{words}\r\n");
    }

    /// Something that happened.
    pub(super) fn happened(&mut self, words: impl Display) {
        let mark = if self.wire.is_short() { "* " } else { "" };
        self.say(format_args!("{mark}{words}"));
    }

    /// A refusal or a warning.
    fn attention(&mut self, words: impl Display) {
        let mark = if self.wire.is_short() { "!" } else { "Attention!" };
        self.say(format_args!("{mark} {words}"));
    }

    pub(super) fn for_people(&mut self, event: &Event) {
        match event {
            Event::Said(speech) => self.speech(speech),
            Event::Changed(change) => self.change(change),
            Event::Whispered { from, to, file: Some(file), text, .. } => {
                let (bytes, token) = (size(file.bytes), file.token);
                self.happened(format_args!("{from} sends {to} alone {bytes}, GET {token}: {text}"));
            }
            Event::Whispered { from, text, .. } if self.wire.is_short() => self.say(format_args!("-{from}- {text}")),
            Event::Whispered { from, text, .. } => self.say(format_args!("{from} whispers: {text}")),
            Event::Joined { room, name, .. } => self.happened(format_args!("{name} joined {room}")),
            Event::Left { room, name, why, .. } => {
                self.happened(format_args!("{name} left {room}: {}", reason(why)));
            }
            Event::Renamed { old, new, .. } => self.happened(format_args!("{old} is now {new}")),
            Event::Topic { room, by, text } if text.is_empty() => {
                self.happened(format_args!("{by} cleared the topic of {room}"));
            }
            Event::Topic { room, by, text } => self.happened(format_args!("{by} set the topic of {room}: {text}")),
            Event::Typing { room, name, on: true, .. } => self.happened(format_args!("{name} is typing in {room}")),
            Event::Typing { room, name, on: false, .. } => {
                self.happened(format_args!("{name} stopped typing in {room}"))
            }
            Event::Mode { room, by, did, modes } => self.happened(format_args!("{room}: {by} {did} ({modes}).")),
            Event::SignedOn { .. } | Event::SignedOff { .. } | Event::Forgotten(_) | Event::Emptied { .. } => {}
            Event::Operator { room, name, .. } => {
                self.happened(format_args!("{room}: {name} is the operator of {room} now."));
            }
            Event::Moderated { room, by, what } => self.measure_for_people(room, by, what),
            Event::Feature(event) => {
                let room = event.room().map_or_else(String::new, elsewhere);
                self.happened(format_args!("{room}{}", event.sentence()));
            }
            Event::Note { room: Some(room), text } => self.happened(format_args!("{room}: {text}")),
            Event::Note { room: None, text } | Event::Role { text, .. } => {
                self.happened(format_args!("The server says: {text}"));
            }
            Event::Warn(warning) => self.attention(words_of(*warning)),
            Event::Refused { error, .. } => self.attention(error),
            Event::Terminal(_) => {}
            Event::Pong(token) => self.say(format!("PONG {token}").trim_end()),
            Event::Prompt { what, is_hidden } => self.say(words_of_prompt(what, *is_hidden)),
            Event::PasteBegins => self.say("Lines until a single dot (.) go out as one block."),
            Event::Gap { room, first, count, .. } => self.attention(format_args!(
                "{count} {} of {room} not shown. /history {room} after={} shows more.",
                if *count == 1 { "line" } else { "lines" },
                first.saturating_sub(1)
            )),
            Event::Done { verb, done, .. } => self.done_for_people(event, verb, done),
            Event::Block(block) => self.block_for_people(block),
            Event::Bye { why: Leave::Foreign(foreign), .. } => self.out.push_str(answer_to(*foreign)),
            Event::Bye { why, name } => self.say(last_words(why, name.as_ref().map(|n| n.as_str()))),
            Event::Hello(_) => self.words_of_the_protocol(event),
        }
    }

    fn done_for_people(&mut self, event: &Event, verb: &str, done: &Done) {
        match done {
            Done::Said { room, id, .. } => {
                let number = self.number(*id);
                self.say(format_args!("{number}said{}", inside(room)));
            }
            Done::Modes { room, modes } => self.say(format_args!("{room} has the modes {modes}")),
            Done::Topic { room, topic: Some((by, text)) } => {
                self.say(format_args!("The topic of {room}, by {by}: {text}"));
            }
            Done::Whispered { to, away: None } => self.say(format_args!("whispered to {to}")),
            Done::Options(choices) => {
                let all: Vec<String> = choices.iter().map(|c| option_of(*c)).map(|(k, v)| format!("{k}={v}")).collect();
                self.say(all.join(" "));
            }
            Done::Nothing => self.say(format_args!("{verb} done")),
            _ => self.words_of_the_protocol(event),
        }
    }

    /// Some lines say in the protocol's own text what a person wants to read.
    fn words_of_the_protocol(&mut self, event: &Event) {
        let mut full = Lines { out: String::new(), wire: Wire::Line, ..*self };
        full.event(event);
        let words = full.out.split_once(": ").map_or("", |(_, words)| words.trim_end());
        self.say(words);
    }

    fn speech(&mut self, speech: &Speech) {
        let Speech { room, id, from, act, re, version, file, text, .. } = speech;
        let (number, room) = (self.number_of_answer(*id, *re), elsewhere(room));
        let is_short = self.wire.is_short();
        let star = if is_short { "* " } else { "" };
        match (version, file) {
            (Version::Deleted, _) => self.say(format_args!("{number}{star}{room}a line of {from}, deleted")),
            (_, Some(file)) => {
                let (bytes, token) = (size(file.bytes), file.token);
                self.say(format_args!("{number}{star}{room}{from} sends {bytes}, GET {token}: {text}"));
            }
            (_, None) if !act => self.say(format_args!("{number}{room}{from}: {text}")),
            (_, None) if is_short => self.say(format_args!("{number}~ {room}{from} {text}")),
            (_, None) => self.say(format_args!("{number}Action, {room}{from} {text}")),
        }
    }

    fn change(&mut self, change: &Change) {
        let Change { room, from, target, author, what, .. } = change;
        let room = elsewhere(room);
        let line = if self.wire.has_ids() { format!("line {target}") } else { "a line".into() };
        match what {
            What::Edited(text) => self.happened(format_args!("{room}{from} corrects {line}: {text}")),
            What::Deleted => self.happened(format_args!("{room}{from} deleted {line} of {author}")),
            What::Reacted(emoji) => self.happened(format_args!("{room}{from} reacts {emoji} to {line} of {author}")),
            What::Unreacted(emoji) => {
                self.happened(format_args!("{room}{from} takes {emoji} back from {line} of {author}"))
            }
        }
    }

    /// What was done to which line, in words for who did it.
    pub(super) fn done_changing(
        room: &RoomName,
        id: u64,
        author: &Name,
        text: &Text,
        what: &What,
        is_new: bool,
    ) -> String {
        let line = format!("{id} of {author}{}", inside(room));
        let old = excerpt(text);
        match (what, is_new) {
            (What::Edited(new), true) => format!("Line {line} says now: {}", excerpt(new)),
            (What::Edited(_), false) => format!("Line {line} says already: {old}"),
            (What::Deleted, _) => format!("Deleted line {line}, which said: {old}"),
            (What::Reacted(emoji), true) => format!("You react {emoji} to line {line}: {old}"),
            (What::Reacted(emoji), false) => format!("You have reacted {emoji} already to line {line}: {old}"),
            (What::Unreacted(emoji), true) => format!("You take {emoji} back from line {line}: {old}"),
            (What::Unreacted(emoji), false) => format!("You have no {emoji} on line {line}: {old}"),
        }
    }

    /// What a line begins with that has a number.
    fn number(&self, id: u64) -> String {
        self.number_of_answer(id, None)
    }

    fn number_of_answer(&self, id: u64, re: Option<u64>) -> String {
        let answers = re.map_or_else(String::new, |re| format!(" answers {re}"));
        match self.wire {
            Wire::ShortIds => format!("[{id}{answers}] "),
            Wire::PlainIds => format!("{id}{answers}, "),
            _ => String::new(),
        }
    }

    fn block_for_people(&mut self, block: &Block) {
        match &block.items {
            Items::List(users) => {
                self.say(format_args!("{} here:", people(users.len())));
                users.iter().for_each(|user| self.user_for_people(user));
            }
            Items::Who(user) => self.user_for_people(user),
            Items::Rooms(rooms) => {
                for room in rooms {
                    let colon = if room.topic.is_empty() { "" } else { ": " };
                    self.say(format_args!("{} ({}){colon}{}", room.name, people(room.users), room.topic));
                }
            }
            Items::History { lines, .. } if lines.is_empty() => {
                self.say(format_args!("There are no earlier lines of {}.", everywhere(&block.room)));
            }
            Items::History { lines, .. } => {
                self.say(format_args!("{} of {}:", counted(lines.len(), "earlier line"), everywhere(&block.room)));
                self.old_lines(lines);
                self.say("End of the earlier lines.");
            }
            Items::Found { lines, .. } if lines.is_empty() => self.say("No line was found."),
            Items::Found { lines, .. } => {
                self.say(format_args!("{} found:", counted(lines.len(), "line")));
                self.old_lines(lines);
            }
            Items::Files(lines) if lines.is_empty() => {
                self.say(format_args!("There are no files in {}. /send puts one there.", everywhere(&block.room)));
            }
            Items::Files(lines) => {
                self.say(format_args!("{} in {}:", counted(lines.len(), "file"), everywhere(&block.room)));
                self.old_lines(lines);
            }
            Items::Export { lines, .. } => lines.iter().filter_map(|line| json(line)).for_each(|line| self.say(line)),
            Items::Help(verbs) => {
                for Verb { usage, help, .. } in verbs {
                    self.say(format_args!("{usage}  - {help}"));
                }
            }
            Items::Stats(stats) => {
                for Stat { value, text, .. } in stats {
                    self.say(format_args!("{text}: {value}"));
                }
            }
            Items::Bans(bans) => self.bans_for_people(&block.room, bans),
            Items::Settings(changes) => {
                self.say(match changes.len() {
                    0 => "The settings were read again: none has changed.".into(),
                    n => format!("{} changed:", counted(n, "setting")),
                });
                changes.iter().for_each(|change| self.say(change));
            }
            Items::Audit { acts, .. } if acts.is_empty() => self.say("There are no acts by power."),
            Items::Audit { acts, .. } => {
                self.say(format_args!("{} by power:", counted(acts.len(), "act")));
                for Entry { act, .. } in acts {
                    let at = self.clock.zone.shows(act.at);
                    let mut words = format!("{} {} {}", at.format("%Y-%m-%d %H:%M"), act.by, act.what);
                    let room = act.room.as_ref().map(|room| room.as_str());
                    for word in [act.target.as_str(), room.unwrap_or_default()] {
                        words.push_str(if word.is_empty() { "" } else { " " });
                        words.push_str(word);
                    }
                    let colon = if act.detail.is_empty() { "" } else { ": " };
                    self.say(format_args!("{words}{colon}{}", act.detail));
                }
            }
            Items::Inspection(inspection) => self.inspection_for_people(inspection),
        }
    }

    /// Lines of other times, with a rule wherever the day changes, and one behind them if they are not of the day of this block.
    fn old_lines(&mut self, lines: &[std::sync::Arc<Envelope>]) {
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
            self.out.push_str(&rule(self.clock.zone, below, self.wire));
        }
    }

    fn user_for_people(&mut self, user: &User) {
        let away = user.away.as_ref().map_or(String::new(), |why| format!(", away: {why}"));
        self.say(format_args!("{} in {}, idle {} s, by {}{away}", user.name, rooms_of(user), user.idle, user.door));
    }
}

/// The beginning of a text, to know it by.
fn excerpt(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// Why somebody left. Their own words, and an operator's, cannot be taken for the server's.
fn reason(why: &Leave) -> String {
    match why {
        Leave::Quit(Some(words)) => format!("\"{words}\""),
        Leave::Kicked(Some(words)) | Leave::Banned(Some(words)) => format!("sent away, {words}"),
        why => why.reason().to_string(),
    }
}

fn elsewhere(room: &RoomName) -> String {
    if *room == RoomName::lobby() { String::new() } else { format!("{room} ") }
}

fn inside(room: &RoomName) -> String {
    if *room == RoomName::lobby() { String::new() } else { format!(" in {room}") }
}
