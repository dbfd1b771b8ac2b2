//! The core's events as frames of the page, and its refusals.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use chat_server::model::command::{Command, Unfit, VERBS, Verb};
use chat_server::model::event::{Change, Envelope, Event, Measure, Warning, What, Wire};
use chat_server::model::feature::FeatureEvent;
use chat_server::model::names::{ClientId, Name};
use chat_server::model::parts::Parts;
use chat_server::model::refusal::Refusal;
use chat_server::protocol::render::render;

use crate::models::{Author, CommandInfo, FileInfo, ServerFrame, bare, timestamp};
use crate::state::AppState;

/// The frame of an event that looks the same to everybody, rendered by the first session that needs it; the others share its bytes.
pub fn rendered(state: &AppState, envelope: &Arc<Envelope>) -> Option<Utf8Bytes> {
    let bytes = envelope.on(Wire::Json, |envelope| match public_frame(state, envelope) {
        Some(frame) => serde_json::to_vec(&frame).unwrap_or_default(),
        None => Vec::new(),
    });
    if bytes.is_empty() {
        return None;
    }
    // serde_json writes UTF-8.
    Utf8Bytes::try_from(Bytes::from_owner(Rendered(envelope.clone()))).ok()
}

/// An envelope as its frame's bytes, once they are made.
struct Rendered(Arc<Envelope>);

impl AsRef<[u8]> for Rendered {
    fn as_ref(&self) -> &[u8] {
        self.0.on(Wire::Json, |_| Vec::new())
    }
}

fn public_frame(state: &AppState, envelope: &Envelope) -> Option<ServerFrame> {
    let at = timestamp(envelope.at);
    let author = |by: ClientId, name: &Name| state.author(by, name);
    Some(match &envelope.event {
        Event::Said(speech) => ServerFrame::Message(state.message(envelope, speech)),
        Event::Changed(change) => changed_frame(change, author(change.by, &change.from), at),
        Event::Whispered { by, from, to, file, text } => ServerFrame::Whisper {
            from: author(*by, from),
            to: state.author_named(to),
            at,
            text: text.to_string(),
            cid: None,
            file: file.map(FileInfo::from),
        },
        Event::Joined { room, by, name } => ServerFrame::UserJoined { room: bare(room), user: author(*by, name), at },
        Event::Left { room, by, name, why } => {
            ServerFrame::UserLeft { room: bare(room), user: author(*by, name), at, reason: why.reason().into() }
        }
        Event::Renamed { by, old, new } => {
            ServerFrame::UserRenamed { user: author(*by, new), old: old.to_string(), at }
        }
        Event::Topic { room, by, text } => {
            let from = state.author_named(by);
            ServerFrame::Topic { room: bare(room), from, at, text: text.to_string() }
        }
        Event::Typing { room, by, name, on: true } => {
            ServerFrame::UserTyping { room: bare(room), user: author(*by, name) }
        }
        Event::Typing { room, by, name, on: false } => {
            ServerFrame::UserStoppedTyping { room: bare(room), user: author(*by, name) }
        }
        Event::Mode { room, by, did, modes } => {
            ServerFrame::Notice { room: Some(bare(room)), at, text: format!("{by} {did} ({modes}).") }
        }
        Event::Operator { room, by, name } => ServerFrame::Operator { room: bare(room), user: author(*by, name), at },
        Event::Moderated { room, by, what } => {
            let named = |name: &Name| state.author_named(name);
            let (word, user, seconds, reason) = match what {
                Measure::Op { person, name } => ("op", Some(author(*person, name)), &None, &None),
                Measure::Deop { person, name } => {
                    ("deop", Some(person.map_or_else(|| named(name), |person| author(person, name))), &None, &None)
                }
                Measure::Kicked { person, name, why } => ("kicked", Some(author(*person, name)), &None, why),
                Measure::Muted { name, seconds, why } => ("muted", Some(named(name)), seconds, why),
                Measure::Unmuted(name) => ("unmuted", Some(named(name)), &None, &None),
                Measure::Banned { name, seconds, why } => ("banned", name.as_ref().map(named), seconds, why),
                Measure::Unbanned(name) => ("unbanned", name.as_ref().map(named), &None, &None),
            };
            ServerFrame::Moderated {
                room: room.as_ref().map(bare),
                what: word,
                user,
                by: by.as_ref().map(Name::to_string),
                seconds: *seconds,
                reason: reason.as_ref().map(|why| why.to_string()),
                at,
                text: plain(envelope),
            }
        }
        Event::Feature(event) => feature_frame(event, at),
        Event::Role { text, .. } => ServerFrame::Notice { room: None, at, text: text.to_string() },
        Event::Note { room, text } => ServerFrame::Notice { room: room.as_ref().map(bare), at, text: text.to_string() },
        Event::Warn(warning) => ServerFrame::Warning { code: warning_code(*warning), text: plain(envelope) },
        Event::Gap { room, first, last, .. } => ServerFrame::Gap { room: bare(room), missing_from: *first, to: *last },
        // Answers are made for one socket, and the rest is for other doors.
        Event::Hello(_)
        | Event::Done { .. }
        | Event::Refused { .. }
        | Event::Block(_)
        | Event::SignedOn { .. }
        | Event::SignedOff { .. }
        | Event::Forgotten(_)
        | Event::Emptied { .. }
        | Event::PasteBegins
        | Event::Prompt { .. }
        | Event::Terminal(_)
        | Event::Pong(_)
        | Event::Bye { .. } => return None,
    })
}

/// An event of a feature that has no frame of its own.
fn feature_frame(event: &FeatureEvent, at: String) -> ServerFrame {
    let Parts { kind, fields, pairs, text } = event.line().clone();
    ServerFrame::Feature {
        kind,
        room: event.room().map(bare),
        at,
        fields,
        pairs: pairs.into_iter().map(|(key, value)| (key, value.to_string())).collect(),
        text: text.unwrap_or_default(),
        sentence: event.sentence().to_string(),
    }
}

/// A change to a line as a frame.
pub fn changed_frame(change: &Change, from: Author, at: String) -> ServerFrame {
    let (room, seq, target) = (bare(&change.room), change.id, change.target);
    match &change.what {
        What::Edited(text) => ServerFrame::MessageEdited { room, seq, target, from, at, text: text.to_string() },
        What::Deleted => ServerFrame::MessageDeleted { room, seq, target, from, at },
        What::Reacted(emoji) => {
            ServerFrame::Reaction { room, seq, target, from, at, emoji: emoji.to_string(), on: true }
        }
        What::Unreacted(emoji) => {
            ServerFrame::Reaction { room, seq, target, from, at, emoji: emoji.to_string(), on: false }
        }
    }
}

/// A refusal as a frame.
pub fn error_frame(reference: Option<u64>, error: &Refusal) -> ServerFrame {
    let retry_after_ms = crate::error::retry_of(error).map(|retry| retry * 1_000);
    ServerFrame::Error {
        reference,
        code: error.code().slug().into(),
        status: error.code().status(),
        title: error.to_string(),
        retry_after_ms,
    }
}

/// The refusal of a command that a frame cannot carry, which says how the same is done here. `None` if one can.
pub fn unfit(verb: &'static Verb, command: &Command) -> Option<Refusal> {
    let unfit = verb.unfit_for_frames(command)?;
    let right = match (unfit, verb.name) {
        (Unfit::SecretMissing, "LOGIN") => "Here the password stands in the same line, or comes by POST /api/session.",
        (Unfit::SecretMissing, "REGISTER") => {
            "Here the password stands in the same line, or comes by POST /api/accounts."
        }
        (Unfit::SecretMissing, "PASSWD") => "Here both stand in the same line, or come by PUT /api/account/password.",
        (Unfit::SecretMissing, _) => "Here the key stands in the same line.",
        (Unfit::NeedsLines, "PASTE") => "Send several lines as several messages.",
        (Unfit::NeedsLines, "PING") => "Send the frame Ping.",
        (Unfit::NeedsLines, "TYPING") => "Send the frame UserTyping or UserStoppedTyping.",
        (Unfit::NeedsLines, "QUIT") => "Leave by DELETE /api/me; the page has a button for it.",
        (Unfit::NeedsLines, "INSPECT") => "Look inside by the line door.",
        (Unfit::NeedsLines, _) => "This is for the line door.",
    };
    Some(Refusal::bad_argument(verb.name, right))
}

/// The number in its room, if the event has one.
pub fn id_in_room(envelope: &Envelope) -> Option<u64> {
    match &envelope.event {
        Event::Said(speech) => Some(speech.id),
        Event::Changed(change) => Some(change.id),
        _ => None,
    }
}

fn warning_code(warning: Warning) -> &'static str {
    match warning {
        Warning::Pace => "pace",
        Warning::Idle(_) => "idle",
        Warning::Errors => "errors",
        Warning::Reads(_) => "reads",
        Warning::PasteLeft => "paste-left",
        Warning::Interrupt => "interrupt",
        Warning::LineMode => "line-mode",
    }
}

/// What somebody in telnet would read.
pub fn plain(envelope: &Envelope) -> String {
    String::from_utf8_lossy(&render(envelope, Wire::Plain)).replace("\r\n", "\n").trim_end().to_string()
}

/// The command table, for the page's completion.
pub fn commands() -> &'static [CommandInfo] {
    static COMMANDS: std::sync::LazyLock<Vec<CommandInfo>> = std::sync::LazyLock::new(|| {
        let shown = VERBS.iter().filter(|verb| !verb.slashes.is_empty() && !verb.lines);
        shown.map(CommandInfo::of).collect()
    });
    &COMMANDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_server::model::feature::Told;
    use chat_server::model::names::RoomName;

    #[derive(Debug)]
    struct Waved(RoomName);

    impl Told for Waved {
        fn room(&self) -> Option<&RoomName> {
            Some(&self.0)
        }

        fn line(&self) -> Parts {
            Parts::new("WAVE").field("ani").pair("times", 2_u64).text("hello")
        }

        fn sentence(&self) -> String {
            "ani waves twice: hello".into()
        }
    }

    #[test]
    fn an_event_of_a_feature_has_a_frame_of_its_own() {
        let frame = feature_frame(&FeatureEvent::new(Waved(RoomName::lobby())), "now".into());
        assert_eq!(
            serde_json::to_value(frame).unwrap(),
            serde_json::json!({
                "type": "Feature", "kind": "WAVE", "room": "lobby", "at": "now", "fields": ["ani"],
                "pairs": { "times": "2" }, "text": "hello", "sentence": "ani waves twice: hello",
            })
        );
    }
}
