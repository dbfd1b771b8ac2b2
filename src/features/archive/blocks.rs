//! What `SEARCH` and `EXPORT` answer: old lines as they were heard, or each as one JSON object, for programs that take the history
//! away (PROTOCOL.md section 12, "With a store").

use std::fmt::Write;
use std::sync::Arc;

use chrono::SecondsFormat;

use crate::model::event::{Block, Change, Envelope, Event, Speech, Version, What};
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::rows::counted;
use crate::model::zone::Zone;

/// A line of a room as `EXPORT` shows it.
#[derive(Clone, Debug)]
pub struct Exported(pub Arc<Envelope>);

impl Row for Exported {
    fn line(&self) -> Parts {
        let line = Parts::new("EXPORT").field(self.0.room().map_or("*", RoomName::as_str));
        line.field(self.0.id().unwrap_or_default()).text(self.sentence(Zone::UTC))
    }

    fn sentence(&self, _: Zone) -> String {
        json(&self.0).unwrap_or_default()
    }

    fn cost(&self) -> usize {
        2 * self.0.cost()
    }
}

/// `SEARCH`: old lines of any room, the oldest first. There are more: ask with `before=` that id.
pub fn found(room: Option<RoomName>, lines: Vec<Arc<Envelope>>, more: Option<u64>) -> Block {
    let head = match lines.len() {
        0 => "No line was found.".into(),
        count => format!("{} found:", counted(count, "line")),
    };
    Block { room, more, head: head.into(), ..Block::of_lines("SEARCH", lines) }
}

/// `MENTIONS`: old lines of any room, the oldest first. There are more: ask with `before=` that number.
pub fn mentioned(lines: Vec<Arc<Envelope>>, more: Option<u64>) -> Block {
    let head = if lines.is_empty() { "No line has mentioned you." } else { "These lines mentioned you:" };
    Block { more, head: head.into(), ..Block::of_lines("MENTIONS", lines) }
}

/// `EXPORT`: old lines, the oldest first, each as a JSON object. There are more: ask with `after=` that id.
pub fn exported(room: RoomName, lines: Vec<Arc<Envelope>>, more: Option<u64>) -> Block {
    let rows: Vec<Exported> = lines.into_iter().map(Exported).collect();
    Block { room: Some(room), more, ..Block::new("EXPORT", rows) }
}

/// One line, without its end; `None` for anything that has no number in a room.
///
/// ```
/// # use chat_server::{model::event::{Envelope, Event, Speech, Version}, features::archive::blocks::json, model::names::*, model::text::Text};
/// # let speech = Speech { room: RoomName::lobby(), id: 7, by: ClientId(0), from: Name::parse("ani").unwrap(), act: false,
/// #     re: None, version: Version::First, signed: true, cid: None, file: None, text: Text::new("say \"hi\"").unwrap().into() };
/// let line = Envelope::new(chrono::DateTime::UNIX_EPOCH, Event::Said(speech));
/// assert_eq!(
///     json(&line).unwrap(),
///     r##"{"room":"#lobby","id":7,"at":"1970-01-01T00:00:00.000Z","kind":"message","from":"ani","account":true,"text":"say \"hi\""}"##
/// );
/// ```
pub fn json(line: &Envelope) -> Option<String> {
    let (room, id) = (line.room()?, line.id()?);
    let at = line.at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (kind, from, signed, text) = match &line.event {
        Event::Said(Speech { file: Some(_), from, signed, text, .. }) => ("file", from, signed, Some(text.as_str())),
        Event::Said(Speech { act: true, from, signed, text, .. }) => ("action", from, signed, Some(text.as_str())),
        Event::Said(Speech { from, signed, text, .. }) => ("message", from, signed, Some(text.as_str())),
        Event::Changed(Change { what, from, signed, .. }) => match what {
            What::Edited(text) => ("edit", from, signed, Some(text.as_str())),
            What::Deleted => ("delete", from, signed, None),
            What::Reacted(emoji) => ("reaction", from, signed, Some(emoji.as_str())),
            What::Unreacted(emoji) => ("reaction-taken-back", from, signed, Some(emoji.as_str())),
        },
        _ => return None,
    };
    let mut out = String::from("{\"room\":");
    quote(&mut out, room.as_str());
    let _infallible = write!(out, ",\"id\":{id},\"at\":\"{at}\",\"kind\":\"{kind}\",\"from\":");
    quote(&mut out, from.as_str());
    if *signed {
        out.push_str(",\"account\":true");
    }
    match &line.event {
        Event::Said(Speech { re, version, file, .. }) => {
            if let Some(re) = re {
                let _infallible = write!(out, ",\"re\":{re}");
            }
            match version {
                Version::First => {}
                Version::Edited => out.push_str(",\"edited\":true"),
                Version::Deleted => out.push_str(",\"deleted\":true"),
            }
            if let Some(file) = file {
                let _infallible = write!(out, ",\"bytes\":{},\"token\":\"{}\"", file.bytes, file.token);
            }
        }
        Event::Changed(Change { target, .. }) => {
            let _infallible = write!(out, ",\"re\":{target}");
        }
        _ => {}
    }
    if let Some(text) = text {
        out.push_str(",\"text\":");
        quote(&mut out, text);
    }
    out.push('}');
    Some(out)
}

/// RFC 8259, section 7. A `Text` holds no control characters, but what comes here may be anything.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
