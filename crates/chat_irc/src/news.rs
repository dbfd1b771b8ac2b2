//! News: what others did, as one line of IRC or several. It depends on the form and on what is told, and on nothing of its reader, so that
//! it is rendered once for all who read that form.

use chat_server::features::moderation::moderated::{Effect, Moderated};
use chat_server::features::presence::typing::Typing;
use chat_server::features::rooms::told::{Modes, NewOperator, Topic};
use chat_server::model::body::Body;
use chat_server::model::event::{Change, Envelope, Event, FeatureEvent, Leave, Speech, What};
use chat_server::model::names::{Name, RoomName};
use chrono::{DateTime, Utc};

use crate::caps::Form;
use crate::door::Door;
use crate::message::{MAX_LINE, escape};
use crate::page::{put, time};
use crate::text::{cut, split};

/// The lines of an event; none for what is told to no client of this door.
pub(crate) fn render(door: &Door, envelope: &Envelope, form: Form) -> Vec<u8> {
    let mut news = News { door, at: envelope.at, form, out: Vec::new() };
    news.event(&envelope.event);
    news.out
}

struct News<'a> {
    door: &'a Door,
    at: DateTime<Utc>,
    form: Form,
    out: Vec<u8>,
}

impl News<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Said(speech) => self.said(speech),
            Event::Changed(change) => self.changed(change),
            Event::Whispered { from, to, text, file, .. } => {
                let text =
                    file.as_ref().map_or_else(|| text.as_str().to_string(), |_| format!("(file) {}", text.as_str()));
                let tags = self.account(from, false);
                self.spoken(from, to.as_str(), &text, false, &tags);
            }
            Event::Joined { room, name, signed, .. } => self.joined(room, name, *signed),
            Event::Left { room, name, why, gone, .. } => self.left(room, name, why, *gone),
            Event::Renamed { old, new, .. } => self.renamed(old, new),
            Event::Feature(event) => self.feature(event),
            Event::Note { room: Some(room), text } => self.notice(room, text),
            Event::Gap { room, first, last, count } => {
                self.notice(room, &format!("{count} lines are missing here ({first}-{last}): you read too slowly"));
            }
            _ => {}
        }
    }

    /// The tags that every line has in this form.
    fn tags(&self) -> String {
        if self.form.has_time() { time(self.at) } else { String::new() }
    }

    fn line(&mut self, tags: &[String], line: &str) {
        let first = self.tags();
        let tags: Vec<&str> = [&first].into_iter().chain(tags).map(String::as_str).collect();
        put(&mut self.out, &tags, cut(line, MAX_LINE));
    }

    /// A line by a user.
    fn by(&mut self, name: &Name, line: &str) {
        let line = format!(":{} {line}", self.door.directory.prefix(name));
        self.line(&[], &line);
    }

    /// A line by the server.
    fn server(&mut self, line: &str) {
        let line = format!(":{} {line}", self.door.options.name);
        self.line(&[], &line);
    }

    fn notice(&mut self, room: &RoomName, words: &str) {
        self.server(&format!("NOTICE {room} :{words}"));
    }

    fn said(&mut self, speech: &Speech) {
        let Speech { room, id, from, act, re, signed, file, text, .. } = speech;
        if room.is_talk() {
            return;
        }
        let mut tags = self.account(from, *signed);
        let mut first = self.ids(room, *id, *re);
        first.append(&mut tags);
        let text = match file {
            Some(_) => format!("(file) {}", text.as_str()),
            None => text.as_str().to_string(),
        };
        self.spoken(from, room.as_str(), &text, *act, &first);
    }

    fn account(&self, name: &Name, signed: bool) -> Vec<String> {
        let mut tags = Vec::new();
        if self.form.has_account() && signed {
            tags.push(format!("account={name}"));
        }
        if self.form.has_tags() && self.door.directory.find(name).is_some_and(|profile| profile.has('B')) {
            tags.push("bot".into());
        }
        tags
    }

    /// The number of a line, and of the one that it answers.
    fn ids(&self, room: &RoomName, id: u64, re: Option<u64>) -> Vec<String> {
        if !self.form.has_tags() {
            return Vec::new();
        }
        let mut tags = vec![format!("msgid={}", msgid(room, id))];
        if let Some(re) = re {
            let re = msgid(room, re);
            tags.extend([format!("+reply={re}"), format!("+draft/reply={re}")]);
        }
        tags
    }

    /// Words of a user to a target, in as many lines as it takes. What is `first` stands on the first one only.
    fn spoken(&mut self, from: &Name, target: &str, text: &str, act: bool, first: &[String]) {
        let head = format!(":{} PRIVMSG {target} :", self.door.directory.prefix(from));
        let (begin, end) = if act { ("\x01ACTION ", "\x01") } else { ("", "") };
        let most = MAX_LINE.saturating_sub(head.len() + begin.len() + end.len()).max(64);
        let mut tags = first;
        for piece in text.split('\n').filter(|line| !line.is_empty()).flat_map(|line| split(line, most)) {
            self.line(tags, &format!("{head}{begin}{piece}{end}"));
            tags = &[];
        }
    }

    fn changed(&mut self, change: &Change) {
        let Change { room, id, from, target, signed, what, .. } = change;
        if room.is_talk() {
            return;
        }
        match what {
            What::Edited(text) => {
                let mut tags = self.ids(room, *id, Some(*target));
                tags.append(&mut self.account(from, *signed));
                self.spoken(from, room.as_str(), &format!("(edited) {}", first_lines(text)), false, &tags);
            }
            // A line "deleted" would repeat what was to go.
            What::Deleted => {}
            What::Reacted(emoji) => self.reacted(change, "react", emoji),
            What::Unreacted(emoji) => self.reacted(change, "unreact", emoji),
        }
    }

    fn reacted(&mut self, change: &Change, word: &str, emoji: &str) {
        if !self.form.has_tags() {
            return;
        }
        let re = msgid(&change.room, change.target);
        let tags = [
            format!("msgid={}", msgid(&change.room, change.id)),
            format!("+draft/reply={re}"),
            format!("+draft/{word}={}", escape(emoji)),
        ];
        let line = format!(":{} TAGMSG {}", self.door.directory.prefix(&change.from), change.room);
        self.line(&tags, &line);
    }

    fn joined(&mut self, room: &RoomName, name: &Name, signed: bool) {
        let tags = self.account(name, signed);
        let known = self.door.directory.find(name);
        let behind = match &known {
            _ if !self.form.is_extended() => String::new(),
            known => {
                let account = if signed { name.as_str() } else { "*" };
                format!(" {account} :{}", known.as_ref().map_or(name.as_str(), |profile| &profile.real))
            }
        };
        let user = known.as_ref().map_or("~", |profile| &profile.user);
        self.line(&tags, &format!(":{} JOIN {room}{behind}", crate::directory::prefix(name, user)));
    }

    fn left(&mut self, room: &RoomName, name: &Name, why: &Leave, gone: bool) {
        match why {
            _ if gone => self.by(name, &format!("QUIT :{}", why.reason())),
            // The line that tells of the kick was it.
            Leave::Kicked(_) => {}
            Leave::Banned(_) => self.server(&format!("KICK {room} {name} :{}", why.reason())),
            Leave::Parted(Some(words)) => self.by(name, &format!("PART {room} :{words}")),
            _ => self.by(name, &format!("PART {room}")),
        }
    }

    fn renamed(&mut self, old: &Name, new: &Name) {
        // The profile may have moved already.
        let profile = self.door.directory.find(old).or_else(|| self.door.directory.find(new));
        let user = profile.map_or_else(|| "~".to_string(), |profile| profile.user);
        self.line(&[], &format!(":{} NICK {new}", crate::directory::prefix(old, &user)));
    }

    fn feature(&mut self, event: &FeatureEvent) {
        if let Some(Topic { room, by, text }) = event.open() {
            self.by(by, &format!("TOPIC {room} :{text}"));
        } else if let Some(Typing { room, name, on, .. }) = event.open() {
            if self.form.has_tags() && !room.is_talk() {
                let state = if *on { "active" } else { "done" };
                let line = format!(":{} TAGMSG {room}", self.door.directory.prefix(name));
                self.line(&[format!("+typing={state}")], &line);
            }
        } else if let Some(modes) = event.open::<Modes>() {
            self.notice(&modes.room, &modes.words());
        } else if let Some(NewOperator { room, name, .. }) = event.open() {
            self.server(&format!("MODE {room} +o {name}"));
        } else if let Some(moderated) = event.open::<Moderated>() {
            self.moderated(moderated);
        } else if let Some(room) = event.room().filter(|room| !room.is_talk()) {
            self.notice(room, event.sentence());
        }
    }

    fn moderated(&mut self, moderated: &Moderated) {
        let Moderated { effect, room: Some(room), by, target, why, .. } = moderated else { return };
        let by = by.as_ref().map_or_else(|| self.door.options.name.clone(), |by| self.door.directory.prefix(by));
        let Some(target) = target else { return };
        let mode = |change: &str| format!(":{by} MODE {room} {change}");
        let line = match effect {
            Effect::Op => mode(&format!("+o {target}")),
            Effect::Deop => mode(&format!("-o {target}")),
            Effect::Voice => mode(&format!("+v {target}")),
            Effect::Devoice => mode(&format!("-v {target}")),
            Effect::Kicked => {
                let doer = moderated.by.as_ref().map_or("*", Name::as_str);
                format!(":{by} KICK {room} {target} :{}", why.as_deref().unwrap_or(doer))
            }
            Effect::Muted => mode(&format!("+q {target}!*@*")),
            Effect::Unmuted => mode(&format!("-q {target}!*@*")),
            Effect::Banned => mode(&format!("+b {target}!*@*")),
            Effect::Unbanned => mode(&format!("-b {target}!*@*")),
        };
        self.line(&[], &line);
        if moderated.seconds.is_some() || *effect == Effect::Muted && why.is_some() {
            self.notice(room, &format!("{}.", FeatureEvent::new(moderated.clone()).sentence()));
        }
    }
}

fn first_lines(text: &Body) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

/// The id of a line: the same for all readers, live and in history, and what an answer to the line names.
pub(crate) fn msgid(room: &RoomName, id: u64) -> String {
    format!("{id}.{}", room.as_str().trim_start_matches('#').to_ascii_lowercase())
}
