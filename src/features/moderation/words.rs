//! What a user is answered who mutes, bans, sends away or makes an operator.

use crate::model::event::Words;
use crate::model::names::RoomName;
use crate::model::sanction::in_words;

/// The answer to who has changed what a client, or an address, may do.
pub(super) fn done(act: &str, room: Option<RoomName>, whom: &str, seconds: Option<u64>) -> Words {
    let scope = room.as_ref().map_or("*", RoomName::as_str);
    let place = room.as_ref().map_or("this server", RoomName::as_str);
    let inside = room.as_ref().map_or_else(|| "anywhere".into(), |room| format!("in {room}"));
    let time = seconds.map_or_else(String::new, |seconds| format!(" for {}", in_words(seconds)));
    let words = match act {
        "op" => format!("{whom} is an operator of {place}."),
        "deop" => format!("{whom} is no operator of {place} any more."),
        "kick" => format!("{whom} is out of {place}, and may come again. /ban keeps somebody out."),
        "mute" => format!("{whom} cannot speak {inside}{time}. /unmute {scope} {whom} lifts it."),
        "unmute" => format!("{whom} can speak {inside} again."),
        "ban" => format!("{whom} is banned from {place}{time}. /unban {scope} {whom} lifts it."),
        _ => format!("{whom} may come to {place} again."),
    };
    let words = Words::new(words).with("to", whom).with("room", scope);
    seconds.into_iter().fold(words, |words, seconds| words.with("for", seconds))
}
