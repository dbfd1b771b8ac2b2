//! Our own export: JSON lines, as `chatd export` and `/export` write them. A room that is made keeps its numbers.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::Path;

use chat_server::model::body::Body;
use chat_server::model::event::{Change, Event, SharedFile, Speech, Version, What};
use chat_server::model::file::Token;
use chat_server::model::names::{ClientId, RoomName};
use chat_server::model::text::Text;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::desk::{Author, Desk, Message, NewRoom, speech};
use crate::order::Error;
use crate::read::{at_place, json_lines, open};

#[derive(Deserialize)]
struct Line {
    room: String,
    id: u64,
    at: String,
    kind: String,
    from: String,
    #[serde(default)]
    account: bool,
    re: Option<u64>,
    #[serde(default)]
    edited: bool,
    #[serde(default)]
    deleted: bool,
    bytes: Option<u64>,
    token: Option<String>,
    #[serde(default)]
    text: String,
}

/// What of the export is known while it is read.
#[derive(Default)]
struct Archive {
    people: HashMap<String, Author>,
    rooms: HashMap<String, RoomName>,
    /// The line that a number of the export is here, and its author, by room.
    lines: HashMap<(RoomName, u64), (u64, Author)>,
}

/// Takes all of an export.
pub(crate) fn take(file: &Path, desk: &mut Desk) -> Result<(), Error> {
    let mut archive = Archive::default();
    json_lines(&mut BufReader::new(open(file)?), &file.display().to_string(), |line: Line, place| {
        archive.line(&line, desk).map_err(|error| at_place(error, place))
    })
}

impl Archive {
    fn line(&mut self, line: &Line, desk: &mut Desk) -> Result<(), Error> {
        // The name of a direct talk is none of a room, and its lines are for its members.
        if line.room.starts_with('@') {
            desk.report.leave_out("lines of direct talks, which are private");
            return Ok(());
        }
        let at = DateTime::parse_from_rfc3339(&line.at).map(|at| at.to_utc());
        let at =
            at.map_err(|_| wrong(format!("at should be a time such as 2026-11-30T08:00:00.000Z: {:?}", line.at)))?;
        let (from, room) = (self.author(line, desk)?, self.room(line, desk)?);
        let text = Body::new(&line.text).map_err(|wrong| self::wrong(wrong.to_string()))?;
        let event = match line.kind.as_str() {
            "message" | "action" | "file" => self.said(line, at, &room, &from, text),
            "edit" => self.changed(line, &room, &from, What::Edited(text)),
            "delete" => self.changed(line, &room, &from, What::Deleted),
            "reaction" => self.changed(line, &room, &from, What::Reacted(one(&text)?)),
            "reaction-taken-back" => self.changed(line, &room, &from, What::Unreacted(one(&text)?)),
            kind => return Err(wrong(format!("a line of an export is of no kind {kind:?}"))),
        };
        let Some(event) = event else {
            desk.report.leave_out("changes of lines that are not in the export");
            return Ok(());
        };
        let is_said = matches!(event, Event::Said(_));
        let id = desk.line(at, event)?;
        if is_said {
            self.lines.insert((room, line.id), (id, from));
        }
        Ok(())
    }

    fn said(&self, line: &Line, at: DateTime<Utc>, room: &RoomName, from: &Author, text: Body) -> Option<Event> {
        let file = match (line.bytes, line.token.as_deref().and_then(Token::parse)) {
            (Some(bytes), Some(token)) if !line.deleted => Some(SharedFile { bytes, token, pixels: None }),
            _ => None,
        };
        let version = match (line.deleted, line.edited) {
            (true, _) => Version::Deleted,
            (false, true) => Version::Edited,
            (false, false) => Version::First,
        };
        let re = line.re.and_then(|re| Some(self.lines.get(&(room.clone(), re))?.0));
        let message = Message { room, from, at, re, act: line.kind == "action", version, text: "" };
        match speech(&message, text, file) {
            Event::Said(speech) => Some(Event::Said(Speech { id: line.id, ..speech })),
            event => Some(event),
        }
    }

    fn changed(&self, line: &Line, room: &RoomName, from: &Author, what: What) -> Option<Event> {
        let (target, author) = self.lines.get(&(room.clone(), line.re?))?;
        Some(Event::Changed(Change {
            room: room.clone(),
            id: line.id,
            by: ClientId(0),
            from: from.name.clone(),
            target: *target,
            author: author.name.clone(),
            signed: from.has_account,
            what,
        }))
    }

    fn author(&mut self, line: &Line, desk: &mut Desk) -> Result<Author, Error> {
        // A name that got an account in between is the name of both.
        let key = line.from.to_ascii_lowercase();
        match self.people.get(&key) {
            Some(author) if author.has_account || !line.account => {
                Ok(Author { has_account: line.account, ..author.clone() })
            }
            known => {
                let author = match (known, line.account) {
                    (None, true) => desk.person(&line.from)?,
                    (None, false) => desk.stranger(&line.from)?,
                    (Some(author), _) => desk.own(author)?,
                };
                self.people.insert(key, author.clone());
                Ok(author)
            }
        }
    }

    fn room(&mut self, line: &Line, desk: &mut Desk) -> Result<RoomName, Error> {
        let key = line.room.to_ascii_lowercase();
        if let Some(room) = self.rooms.get(&key) {
            return Ok(room.clone());
        }
        RoomName::parse(&line.room).map_err(|wrong| self::wrong(wrong.to_string()))?;
        // Whether it was private is not in an export.
        let room = desk.room(NewRoom { name: &line.room, topic: "", is_private: false, ops: Vec::new() })?;
        self.rooms.insert(key, room.clone());
        Ok(room)
    }
}

/// A reaction.
fn one(text: &Body) -> Result<Text, Error> {
    text.single().cloned().ok_or_else(|| wrong("a reaction has one line".into()))
}

fn wrong(what: String) -> Error {
    Error::Place { place: String::new(), what }
}
