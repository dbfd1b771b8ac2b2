//! The core's words as frames, as far as nothing has to be looked up for it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chat_server::chat::hooks::Hooks;
use chat_server::features::{Features, VERBS};
use chat_server::model::command::Command;
use chat_server::model::event::{Change, Envelope, Event, Speech, Version, Warning, What, Wire};
use chat_server::model::feature::FeatureEvent;
use chat_server::model::parts::Parts;
use chat_server::model::refusal::Refusal;
use chat_server::model::verb::{Unfit, Verb};
use chat_server::protocol::render::{render, render_in};
use uuid::Uuid;

use super::frames::{CommandInfo, ServerFrame};
use super::ids::{Ids, message_id};
use super::names::{bare, timestamp};
use super::objects::{Author, FileInfo, Message};
use crate::error::retry_of;

/// A message of a room as REST shows it.
pub(crate) fn message(ids: Ids, envelope: &Envelope, speech: &Speech) -> Message {
    Message {
        room: bare(&speech.room),
        seq: speech.id,
        id: message_id(envelope.at.timestamp_millis(), &speech.room, speech.id),
        cid: None,
        from: ids.author(speech.by, &speech.from),
        account: speech.signed,
        at: timestamp(envelope.at),
        text: speech.text.as_str().to_string(),
        file: speech.file.map(FileInfo::from),
        act: speech.act,
        reply_to: speech.re,
        edited: speech.version == Version::Edited,
        deleted: speech.version == Version::Deleted,
        reactions: BTreeMap::new(),
        reactors: BTreeMap::new(),
    }
}

/// Lines of a store as messages, with the reactions among them. Corrections are in the messages already.
pub(crate) fn messages(ids: Ids, lines: &[Arc<Envelope>]) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for line in lines {
        match &line.event {
            Event::Said(speech) => messages.push(message(ids, line, speech)),
            Event::Changed(change) if matches!(change.what, What::Reacted(_) | What::Unreacted(_)) => {
                let room = bare(&change.room);
                let is_target =
                    |message: &&mut Message| message.seq == change.target && message.room.eq_ignore_ascii_case(&room);
                if let Some(message) = messages.iter_mut().find(is_target) {
                    apply(message, change, ids.author(change.by, &change.from).id);
                }
            }
            _ => {}
        }
    }
    messages
}

/// Takes away what a message said.
pub(crate) fn delete(message: &mut Message) {
    message.text.clear();
    message.file = None;
    message.deleted = true;
    message.reactions.clear();
    message.reactors.clear();
}

/// Applies a change to a message. `who` is the public id of the user who did it.
pub(crate) fn apply(message: &mut Message, change: &Change, who: Uuid) {
    match &change.what {
        What::Edited(text) => {
            message.text = text.as_str().to_string();
            message.edited = true;
        }
        What::Deleted => delete(message),
        What::Reacted(emoji) => {
            let ids = message.reactors.entry(emoji.to_string()).or_default();
            if !ids.contains(&who) {
                ids.push(who);
                message.reactions.entry(emoji.to_string()).or_default().push(change.from.to_string());
            }
        }
        // Found by the connection: its name may be another one by now.
        What::Unreacted(emoji) => {
            let Some(ids) = message.reactors.get_mut(emoji.as_str()) else { return };
            let Some(place) = ids.iter().position(|id| *id == who) else { return };
            ids.remove(place);
            if let Some(names) = message.reactions.get_mut(emoji.as_str()) {
                names.remove(place);
            }
            if ids.is_empty() {
                message.reactors.remove(emoji.as_str());
                message.reactions.remove(emoji.as_str());
            }
        }
    }
}

/// An event of a feature that has no frame of its own.
pub(crate) fn feature_frame(event: &FeatureEvent, at: String) -> ServerFrame {
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
pub(crate) fn changed_frame(change: &Change, from: Author, at: String) -> ServerFrame {
    let (room, seq, target) = (bare(&change.room), change.id, change.target);
    match &change.what {
        What::Edited(text) => {
            ServerFrame::MessageEdited { room, seq, target, from, at, text: text.as_str().to_string() }
        }
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
pub(crate) fn error_frame(reference: Option<u64>, error: &Refusal) -> ServerFrame {
    let retry_after_ms = retry_of(error).map(|retry| retry * 1_000);
    ServerFrame::Error {
        reference,
        code: error.code().slug().into(),
        status: error.code().status(),
        title: error.to_string(),
        retry_after_ms,
    }
}

/// The refusal of a command that a frame cannot carry, which says how the same is done here. `None` if one can.
pub(crate) fn unfit(verb: &'static Verb, command: &Command) -> Option<Refusal> {
    let unfit = verb.unfit_for_frames(command)?;
    let right = match (unfit, verb.name) {
        (Unfit::SecretMissing, "LOGIN") => "Here the password stands in the same line, or comes by POST /api/session.",
        (Unfit::SecretMissing, "REGISTER") => {
            "Here the password stands in the same line, or comes by POST /api/accounts."
        }
        (Unfit::SecretMissing, "PASSWD") => "Here both stand in the same line, or come by PUT /api/account/password.",
        (Unfit::SecretMissing, _) => "Here the key stands in the same line.",
        (Unfit::NeedsLines, "PASTE") => "The text of a message may have several lines.",
        (Unfit::NeedsLines, "PING") => "Send the frame Ping.",
        (Unfit::NeedsLines, "TYPING") => "Send the frame UserTyping or UserStoppedTyping.",
        (Unfit::NeedsLines, "QUIT") => "Leave by DELETE /api/me; the page has a button for it.",
        (Unfit::NeedsLines, "INSPECT") => "Look inside by the line door.",
        (Unfit::NeedsLines, _) => "This is for the line door.",
    };
    Some(Refusal::bad_argument(verb.name, right))
}

/// The number in its room, if the event has one.
pub(crate) fn id_in_room(envelope: &Envelope) -> Option<u64> {
    match &envelope.event {
        Event::Said(speech) => Some(speech.id),
        Event::Changed(change) => Some(change.id),
        _ => None,
    }
}

pub(crate) fn warning_code(warning: Warning) -> &'static str {
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

/// The event as a line for people, as telnet shows it.
pub(crate) fn plain(envelope: &Envelope) -> String {
    String::from_utf8_lossy(&render(envelope, Wire::Plain)).replace("\r\n", "\n").trim_end().to_string()
}

/// The same with the server's sentences in Indonesian.
pub(crate) fn plain_indonesian(envelope: &Envelope) -> String {
    let lines = render_in(envelope, Wire::Plain, Features::INDONESIAN);
    String::from_utf8_lossy(&lines).replace("\r\n", "\n").trim_end().to_string()
}

/// The command table, for the page's completion, in the user's language.
pub(crate) fn commands(is_indonesian: bool) -> &'static [CommandInfo] {
    static COMMANDS: LazyLock<[Vec<CommandInfo>; 2]> = LazyLock::new(|| {
        let shown = || VERBS.iter().filter(|verb| !verb.slashes.is_empty() && !verb.lines);
        [false, true].map(|language| shown().map(|verb| CommandInfo::of(verb, language)).collect())
    });
    let [english, indonesian] = &*COMMANDS;
    if is_indonesian { indonesian } else { english }
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
