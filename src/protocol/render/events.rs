//! Events as lines for programs: one line each, and of a block one for each row.

use std::fmt;

use super::words::{PASTE_BEGINS, WELCOME, answer_to, gap_words, last_words, words_of, words_of_prompt};
use super::{Lines, everywhere};
use crate::model::body::Body;
use crate::model::event::{
    Block, Change, Event, FeatureEvent, Greeting, Leave, Rows, SharedFile, Speech, Tag, Version, What,
};
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// What a server can do; and what more with a store, and with a file door.
const CAPS: &str = "rooms,history,paste,opt,typing,edit,react";
const STORED_CAPS: &str = ",store,search,login";
const FILE_CAPS: &str = ",file";

impl Lines {
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Hello(greeting) => self.hello(greeting),
            Event::Done { verb, tag, done } => self.done(verb, tag.as_deref(), done),
            Event::Refused { verb, tag, error } => self.refused(verb, tag, error),
            Event::Block(block) => self.block(block),
            Event::Said(speech) => self.said(speech),
            Event::Changed(change) => self.changed(change),
            Event::Whispered { from, to, id, file, text, .. } => {
                self.whispered(from, to, id.filter(|_| self.has_numbers), *file, text);
            }
            Event::Joined { room, name, .. } => self.line("JOINED").field(room).field(name).end(),
            Event::Left { room, name, why, .. } => self.line("LEFT").field(room).field(name).text(why.reason()),
            Event::Renamed { old, new, .. } => self.line("NICK").field(old).field(new).end(),
            Event::SignedOn { .. } | Event::SignedOff { .. } | Event::Forgotten(_) | Event::Emptied { .. } => {}
            Event::Feature(event) => self.feature(event),
            Event::Note { room, text } => {
                let words = self.sentence(text);
                self.line("NOTE").field(everywhere(room)).text(words);
            }
            Event::Warn(warning) => {
                let words = self.sentence(words_of(*warning));
                self.line("WARN").field("*").text(words);
            }
            Event::PasteBegins => {
                let words = self.sentence(PASTE_BEGINS);
                self.line("PROMPT").field("paste").text(words);
            }
            Event::Prompt { what, is_hidden } => {
                let words = self.sentence(words_of_prompt(what, *is_hidden));
                self.line("PROMPT").field("password").text(words);
            }
            // The encoder writes it; it is no line.
            Event::Terminal(_) => {}
            Event::Pong(token) => {
                let line = self.line("PONG");
                if token.is_empty() { line.end() } else { line.field(token).end() }
            }
            Event::Gap { room, first, last, count } => {
                let words = self.sentence(gap_words(room, *first, *count));
                self.line("GAP").field(room).field(first).field(last).text(words);
            }
            Event::Bye { why: Leave::Foreign(foreign), .. } => self.out.push_str(answer_to(*foreign)),
            Event::Bye { why, name } => {
                let (code, words) = (why.code(), self.sentence(last_words(why, name.as_ref().map(Name::as_str))));
                self.line("BYE").field(code.number()).field(code.slug()).text(words);
            }
        }
    }

    fn hello(&mut self, greeting: &Greeting) {
        let stored = if greeting.stored { STORED_CAPS } else { "" };
        let files = if greeting.files.is_some() { FILE_CAPS } else { "" };
        self.line("HELLO")
            .field(1)
            .pair("server", concat!("chat/", env!("CARGO_PKG_VERSION")))
            .pair("name", &greeting.name)
            .pair("maxline", greeting.max_line)
            .pair("maxmessage", greeting.max_message)
            .pair("names", crate::model::names::MAX_NAME)
            .pair("caps", [CAPS, stored, files].concat())
            .pair("door", "line")
            .maybe("files", greeting.files)
            .text(WELCOME);
    }

    fn refused(&mut self, verb: &Option<Text>, tag: &Option<Tag>, error: &Refusal) {
        let (code, words) = (error.code(), self.sentence(error));
        let mut line = self.line("ERR").field(code.number()).field(code.slug());
        if let Some(verb) = verb {
            line = line.field(verb);
        }
        line = line.maybe("tag", tag.as_deref());
        for (key, value) in error.pairs() {
            line = line.pair(key, value);
        }
        line.text(words);
    }

    fn said(&mut self, speech: &Speech) {
        let Speech { room, id, from, act, re, version, file, text, .. } = speech;
        let kind = match (file, act) {
            (Some(_), _) => "FILE",
            (None, true) => "ACT",
            (None, false) => "MSG",
        };
        each_part(text, |part, words| {
            let mut line = self.line(kind).field(room).field(id).field(from);
            if let Some(SharedFile { bytes, token, .. }) = file {
                line = line.field(bytes).field(token);
            }
            let line = line.maybe("re", *re);
            match version {
                Version::First => line.maybe("part", part).text(words),
                Version::Edited => line.pair("edited", 1).maybe("part", part).text(words),
                // What is deleted is no file any more.
                Version::Deleted => line.pair("deleted", 1).text("(deleted)"),
            }
        });
    }

    fn changed(&mut self, change: &Change) {
        let Change { room, id, from, target, what, .. } = change;
        let (kind, text) = match what {
            What::Edited(text) => {
                return each_part(text, |part, words| {
                    let line = self.line("EDITED").field(room).field(id).field(from).pair("re", target);
                    line.maybe("part", part).text(words);
                });
            }
            What::Deleted => ("DELETED", None),
            What::Reacted(emoji) => ("REACTED", Some(emoji)),
            What::Unreacted(emoji) => ("UNREACTED", Some(emoji)),
        };
        let line = self.line(kind).field(room).field(id).field(from).pair("re", target);
        match text {
            Some(text) => line.text(text),
            None => line.end(),
        }
    }

    fn whispered(&mut self, from: &Name, to: &Name, id: Option<u64>, file: Option<SharedFile>, text: &Body) {
        each_part(text, |part, words| {
            let line = match file {
                // To one user alone a file has no number.
                Some(SharedFile { bytes, token, .. }) => {
                    self.line("FILE").field(to).field(0).field(from).field(bytes).field(token)
                }
                None => self.line("WHISPER").field(from).field(to),
            };
            line.maybe("part", part).maybe("id", id).text(words);
        });
    }

    fn feature(&mut self, event: &FeatureEvent) {
        self.parts(event.line(), Some(event.room().map_or("*", RoomName::as_str)), None);
    }

    fn block(&mut self, block: &Block) {
        let Block { tag, kind, room, rows, more, .. } = block;
        self.line("BEGIN").field(kind).field(everywhere(room)).field(rows.count()).end();
        match rows {
            Rows::Lines(lines) => lines.iter().for_each(|line| self.old(line)),
            Rows::Made(table) => {
                // The words of the other rows are a user's.
                let is_table = matches!(*kind, "HELP" | "STATS") && self.language.is_some();
                let now = self.at;
                table.lines(&mut |at, parts| {
                    self.at = at.unwrap_or(now);
                    let words = is_table.then(|| parts.text.as_ref().map(|text| self.sentence(text)));
                    self.parts(parts, None, words.flatten());
                });
                self.at = now;
            }
        }
        self.line("END").field(kind).field(everywhere(room)).maybe("tag", tag.as_deref()).maybe("more", *more).end();
    }
}

/// Which line of how many: `2/3`.
struct Part(usize, usize);

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

/// Each line of a message, with its place where there are several.
fn each_part(text: &Body, mut show: impl FnMut(Option<Part>, &str)) {
    match text.single() {
        Some(text) => show(None, text),
        None => {
            for (place, words) in text.lines().enumerate() {
                show(Some(Part(place + 1, text.count())), words);
            }
        }
    }
}
