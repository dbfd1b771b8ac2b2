//! Names and times as frames and REST write them.

use chat_server::model::names::{Name, RoomName};
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

/// The room of that name, with or without its `#`; or the direct talk, whose name begins with `@`. In a query a `+` stands for a
/// space, which is in no name.
///
/// # Errors
/// As [`RoomName::any`].
pub(crate) fn room_name(name: &str) -> Result<RoomName, Refusal> {
    match name.strip_prefix('@') {
        Some(_) => RoomName::any(&name.replace(' ', "+")),
        None => RoomName::parse(&format!("#{}", name.strip_prefix('#').unwrap_or(name))),
    }
}

/// The direct talk of two users.
pub(crate) fn talk_of(one: &Name, other: &Name) -> Option<String> {
    RoomName::talk([one.clone(), other.clone()]).ok().map(|talk| bare(&talk))
}

/// The talk that a user means, who may leave the own name out; a room as it is.
pub(crate) fn meant(room: RoomName, own: Option<Name>) -> RoomName {
    own.filter(|_| room.is_talk()).and_then(|own| room.with(own).ok()).unwrap_or(room)
}
