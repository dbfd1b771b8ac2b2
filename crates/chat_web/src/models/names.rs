//! Names and times as frames and REST write them.

use chat_server::model::names::RoomName;
use chat_server::model::refusal::Refusal;
use chrono::{DateTime, SecondsFormat, Utc};

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A room's name without its `#`.
pub(crate) fn bare(room: &RoomName) -> String {
    room.as_str().trim_start_matches('#').to_string()
}

/// What a room is looked up by: its name without `#` and in small letters.
pub(crate) fn room_key(room: &RoomName) -> String {
    bare(room).to_ascii_lowercase()
}

/// The room of that name, with or without its `#`.
///
/// # Errors
/// As [`RoomName::parse`].
pub(crate) fn room_name(name: &str) -> Result<RoomName, Refusal> {
    RoomName::parse(&format!("#{}", without_sign(name)))
}

/// A room's name as a call wrote it, without the `#` that it may have.
pub(crate) fn without_sign(name: &str) -> &str {
    name.strip_prefix('#').unwrap_or(name)
}
