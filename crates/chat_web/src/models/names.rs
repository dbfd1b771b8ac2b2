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

/// The room of that bare name.
///
/// # Errors
/// As [`RoomName::parse`].
pub(crate) fn room_name(bare: &str) -> Result<RoomName, Refusal> {
    RoomName::parse(&format!("#{bare}"))
}
