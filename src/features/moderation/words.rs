//! The answers to an operator that mutes, bans, kicks, or makes another operator.

use crate::features::moderation::ban::in_words;
use crate::features::moderation::moderated::{Effect, Moderated};
use crate::model::event::Words;
use crate::model::names::RoomName;

/// The answer to the operator. `target` is a name, or an address, which others are not told.
pub(super) fn done(told: &Moderated, target: &str) -> Words {
    let room = told.room.as_ref();
    let scope = room.map_or("*", RoomName::as_str);
    let place = room.map_or("this server", RoomName::as_str);
    let inside = room.map_or_else(|| "anywhere".into(), |room| format!("in {room}"));
    let time = told.seconds.map_or_else(String::new, |seconds| format!(" for {}", in_words(seconds)));
    let words = match told.effect {
        Effect::Op => format!("{target} is an operator of {place}."),
        Effect::Deop => format!("{target} is no operator of {place} any more."),
        Effect::Voice => format!("{target} has voice in {place}, until they leave."),
        Effect::Devoice => format!("{target} has voice in {place} no more."),
        Effect::Kicked => format!("{target} is out of {place}, and may come again. /ban keeps a user out."),
        Effect::Muted => format!("{target} cannot speak {inside}{time}. /unmute {scope} {target} lifts it."),
        Effect::Unmuted => format!("{target} can speak {inside} again."),
        Effect::Banned => format!("{target} is banned from {place}{time}. /unban {scope} {target} lifts it."),
        Effect::Unbanned => format!("{target} may come to {place} again."),
    };
    let words = Words::new(words).with("to", target).with("room", scope);
    told.seconds.into_iter().fold(words, |words, seconds| words.with("for", seconds))
}
