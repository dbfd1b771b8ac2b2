//! What came of a request: the `OK` line, and the words in it, which people read without the line around them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::words::{company, option_of, with_article};
use super::{Line, Lines, clock};
use crate::model::body::Body;
use crate::model::event::{Done, What};
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::zone::Zone;

impl Lines {
    pub(super) fn done(&mut self, verb: &str, tag: Option<&str>, done: &Done) {
        let words = words(done, self.clock.zone).map(|words| self.of_done(done, &words));
        let id = if let Done::Whispered { id, .. } = done { id.filter(|_| self.has_numbers) } else { None };
        let line = pairs(self.line("OK").field(verb).maybe("tag", tag), done).maybe("id", id);
        match words {
            Some(words) => line.text(words),
            None => line.end(),
        }
    }

    /// What a user wrote, as the topic, is no sentence of the server.
    fn of_done(&self, done: &Done, words: &str) -> String {
        if matches!(done, Done::Topic { topic: Some(_), .. }) { words.into() } else { self.sentence(words) }
    }

    pub(super) fn done_for_people(&mut self, verb: &str, done: &Done) {
        match done {
            Done::Said { room, id, .. } => {
                let number = self.number(*id);
                let said = self.sentence(format_args!("said{}", inside(room)));
                self.say(format_args!("{number}{said}"));
            }
            Done::Modes { room, modes, limit: None } => self.tell(format_args!("{room} has the modes {modes}")),
            Done::Modes { room, modes, limit: Some(limit) } => {
                self.tell(format_args!("{room} has the modes {modes}, for {limit} users at most"));
            }
            Done::Topic { room, topic: Some((by, text)) } => {
                self.tell(format_args!("The topic of {room}, by {by}: {text}"));
            }
            Done::Whispered { to, away: None, .. } => self.tell(format_args!("whispered to {to}")),
            Done::Options(choices) => {
                let all: Vec<String> = choices.iter().map(|c| option_of(*c)).map(|(k, v)| format!("{k}={v}")).collect();
                self.say(all.join(" "));
            }
            Done::Nothing => self.tell(format_args!("{verb} done")),
            done => self.tell(words(done, self.clock.zone).unwrap_or_default()),
        }
    }
}

/// What a program may want to know of it.
fn pairs<'a>(line: Line<'a>, done: &Done) -> Line<'a> {
    match done {
        Done::Welcome { room, users, .. } => where_they_are(line, room, *users),
        Done::Entered { room, users, op } => {
            line.pair("room", room).pair("users", users).maybe("op", op.then_some("yes"))
        }
        Done::Parted { room, .. } => line.pair("room", room),
        Done::Said { room, id, kept } => line.pair("room", room).pair("id", id).maybe("kept", (!kept).then_some("no")),
        Done::Changed { room, id, target, .. } => line.pair("room", room).pair("id", id).pair("re", target),
        Done::Offered { granted, expires } => line
            .pair("port", granted.port)
            .pair("token", granted.token)
            .pair("expires", expires.as_secs())
            .pair("max", granted.max),
        Done::SignedIn { name, role, room, users, .. } => {
            where_they_are(line.pair("name", name).pair("role", role.word()), room, *users)
        }
        Done::Registered { name } | Done::SignedOut { name } | Done::Renamed(name) => line.pair("name", name),
        Done::Operator => line.pair("role", Role::Admin.word()),
        Done::Role { name, role } => line.pair("name", name).pair("role", role.word()),
        Done::Whispered { to, .. } => line.pair("to", to),
        Done::Topic { room, topic } => line.pair("room", room).maybe("by", topic.as_ref().map(|(by, _)| by)),
        Done::Modes { room, modes, limit } => {
            line.pair("room", room).pair("modes", modes).maybe("limit", limit.as_ref())
        }
        Done::Options(choices) => choices.iter().fold(line, |line, choice| {
            let (key, value) = option_of(*choice);
            line.pair(key, value)
        }),
        Done::Why(_, error) => {
            let line = line.pair("code", error.code().number()).pair("slug", error.code().slug());
            error.pairs().iter().fold(line, |line, (key, value)| line.pair(key, value))
        }
        Done::Words(words) => words.pairs().iter().fold(line, |line, (key, value)| line.pair(key, value)),
        Done::PasswordChanged | Done::Away(_) | Done::Nothing => line,
    }
}

/// The room of a client that has come in, if it wanted one.
fn where_they_are<'a>(line: Line<'a>, room: &Option<RoomName>, users: usize) -> Line<'a> {
    line.maybe("room", room.as_ref()).maybe("users", room.as_ref().map(|_| users))
}

/// What a person is told; nothing where programs alone ask.
fn words(done: &Done, zone: Zone) -> Option<Cow<'_, str>> {
    let words = match done {
        Done::Words(words) => return Some(words.as_str().into()),
        Done::Topic { topic: Some((_, text)), .. } => return Some(text.as_str().into()),
        Done::Said { .. }
        | Done::Whispered { away: None, .. }
        | Done::Modes { .. }
        | Done::Options(_)
        | Done::Nothing => return None,
        Done::Welcome { name, room, users } => format!("You are {name}, {}", company(room.as_ref(), *users)),
        Done::Entered { room, users, .. } => format!("You are {}", company(Some(room), *users)),
        Done::Parted { room, current: Some(current) } => format!("You left {room}. You are in {current} now."),
        Done::Parted { room, current: None } => {
            format!("You left {room}. You are in no room now; /join takes you to one.")
        }
        Done::Changed { room, id, target, author, text, what } => {
            changed(room, *target, author, text, what, id != target)
        }
        Done::Offered { granted, .. } => {
            let (token, port) = (granted.token, granted.port);
            format!("Now send it: {{ echo \"PUT {token}\"; cat FILE; }} | nc HOST {port}")
        }
        Done::SignedIn { name, room, users, .. } => {
            format!("You are {name}, signed in, {}", company(room.as_ref(), *users))
        }
        Done::Registered { name } => format!("The name {name} is yours. Next time: LOGIN:{name} <password>."),
        Done::SignedOut { name } => format!("You are signed out, and {name} from now on."),
        Done::PasswordChanged => {
            return Some("That is your password now. Every other connection of yours has to sign in again.".into());
        }
        Done::Operator => {
            return Some(
                "You are an operator of this server, as long as this connection lasts. What you do by that is written down."
                    .into(),
            );
        }
        Done::Role { name, role } => format!("{name} is {} here.", with_article(*role)),
        Done::Whispered { to, away: Some(why), .. } => format!("{to} is away: {why}"),
        Done::Renamed(name) => format!("You are {name} now."),
        Done::Topic { room, topic: None } => format!("{room} has no topic."),
        Done::Away(Some(why)) => format!("You are away: {why}"),
        Done::Away(None) => return Some("You are back.".into()),
        Done::Why(at, error) => why(*at, error, zone),
    };
    Some(words.into())
}

fn why(at: DateTime<Utc>, error: &Refusal, zone: Zone) -> String {
    format!("At {}: {error}", clock(zone, at))
}

/// What was done to which line.
fn changed(room: &RoomName, id: u64, author: &Name, text: &Body, what: &What, is_new: bool) -> String {
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

/// The beginning of a text, to know it by.
fn excerpt(text: &Body) -> String {
    const MOST: usize = 60;
    let first = text.first();
    match first.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &first[..end]),
        None if text.count() > 1 => format!("{first} …"),
        None => first.to_string(),
    }
}

fn inside(room: &RoomName) -> String {
    if *room == RoomName::lobby() { String::new() } else { format!(" in {room}") }
}
