//! A line of a log as a row of the table, and back.

use std::sync::Arc;

use chat_server::model::body::Body;
use chat_server::model::event::{Change, Envelope, Event, SharedFile, Speech, Version, What};
use chat_server::model::file::Token;
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::text::Text;
use chrono::DateTime;
use rusqlite::Row;
use rusqlite::types::Type;

/// The columns that [`line`] reads, of `log`.
pub(crate) const COLUMNS: &str = "log.id, log.at, log.kind, log.author, log.signed, log.cid, log.act, log.re, log.target, log.whose, log.version, log.text, log.bytes, log.token, log.width, log.height";

/// The number of the first column behind those.
pub(crate) const BEHIND: usize = 16;

/// `log.kind`.
pub(crate) const SAID: i64 = 0;
pub(crate) const EDITED: i64 = 1;
pub(crate) const DELETED: i64 = 2;
pub(crate) const REACTED: i64 = 3;
pub(crate) const UNREACTED: i64 = 4;

/// `log.version`.
pub(crate) fn version(version: Version) -> i64 {
    match version {
        Version::First => 0,
        Version::Edited => 1,
        Version::Deleted => 2,
    }
}

/// The line of a row that has [`COLUMNS`], and its id.
pub(crate) fn line(room: &RoomName, row: &Row<'_>) -> rusqlite::Result<(u64, Arc<Envelope>)> {
    let id = row.get(0)?;
    let at = DateTime::from_timestamp_millis(row.get(1)?).ok_or_else(|| wrong(1, "no time"))?;
    let room = room.clone();
    let from = name(row, 3)?;
    let signed = row.get(4)?;
    let by = ClientId(0);
    let text = body(row, 11)?;
    let what = match row.get(2)? {
        SAID => {
            let version = match row.get(10)? {
                0 => Version::First,
                1 => Version::Edited,
                2 => Version::Deleted,
                _ => return Err(wrong(10, "no version of a line")),
            };
            let cid = row.get_ref(5)?.as_str_or_null()?.map(|cid| Text::new(cid).unwrap_or_default());
            let (act, re) = (row.get(6)?, row.get(7)?);
            let token = row.get_ref(13)?.as_str_or_null()?.and_then(Token::parse);
            let file = match (row.get(12)?, token) {
                (Some(bytes), Some(token)) => Some(SharedFile { bytes, token, pixels: pixels(row)? }),
                _ => None,
            };
            let speech = Speech { room, id, by, from, act, re, version, signed, cid, file, text };
            return Ok((id, Envelope::new(at, Event::Said(speech))));
        }
        EDITED => What::Edited(text),
        DELETED => What::Deleted,
        REACTED => What::Reacted(one(&text)?),
        UNREACTED => What::Unreacted(one(&text)?),
        _ => return Err(wrong(2, "no kind of line")),
    };
    let (target, author) = (row.get(8)?, name(row, 9)?);
    Ok((id, Envelope::new(at, Event::Changed(Change { room, id, by, from, target, author, signed, what }))))
}

pub(crate) fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    Name::parse(row.get_ref(column)?.as_str()?).map_err(|_| wrong(column, "no name"))
}

pub(crate) fn room_name(row: &Row<'_>, column: usize) -> rusqlite::Result<RoomName> {
    RoomName::any(row.get_ref(column)?.as_str()?).map_err(|_| wrong(column, "no name of a room"))
}

/// It was a text when it was written, so it is one.
/// The words of a message, with its line feeds.
pub(crate) fn body(row: &Row<'_>, column: usize) -> rusqlite::Result<Body> {
    Body::new(row.get_ref(column)?.as_str()?).map_err(|_| wrong(column, "no text"))
}

/// The width and height of the picture that a line passes on.
fn pixels(row: &Row<'_>) -> rusqlite::Result<Option<(u16, u16)>> {
    let (width, height): (Option<u16>, _) = (row.get(14)?, row.get(15)?);
    Ok(width.zip(height))
}

/// A reaction, which is one line.
fn one(text: &Body) -> rusqlite::Result<Text> {
    text.single().cloned().ok_or_else(|| wrong(11, "no reaction"))
}

pub(crate) fn wrong(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}
