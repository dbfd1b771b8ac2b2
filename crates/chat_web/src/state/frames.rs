//! Events as frames, as far as ids have to be looked up for them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use chat_server::features::accounts::RoleChanged;
use chat_server::features::moderation::moderated::Moderated;
use chat_server::features::presence::typing::Typing;
use chat_server::features::rooms::told::{Invited, Modes, NewOperator, Topic};
use chat_server::model::event::{Envelope, Event, FeatureEvent, Wire};
use chat_server::model::names::{ClientId, Name};

use super::AppState;
use crate::models::frames::ServerFrame;
use crate::models::names::{bare, talk_of, timestamp};
use crate::models::objects::FileInfo;
use crate::models::render::{changed_frame, feature_frame, message, plain, warning_code};

/// The frame of an event that looks the same to all users, rendered by the first session that needs it; the others share its bytes.
///
/// For a user who reads Indonesian the few that have a sentence of the server are made anew.
pub(crate) fn rendered(state: &AppState, envelope: &Arc<Envelope>, is_indonesian: bool) -> Option<Utf8Bytes> {
    if is_indonesian && matches!(envelope.event, Event::Note { .. } | Event::Warn(_) | Event::Feature(_)) {
        return Some(public_frame(state, envelope)?.in_indonesian().bytes());
    }
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
    let author = |by: ClientId, name: &Name| state.ids.author(by, name);
    Some(match &envelope.event {
        Event::Said(speech) => ServerFrame::Message(message(state.ids, envelope, speech)),
        Event::Changed(change) => changed_frame(change, author(change.by, &change.from), at),
        Event::Whispered { by, from, to, id, file, text } => ServerFrame::Whisper {
            from: author(*by, from),
            to: state.author_named(to),
            room: id.and_then(|_| talk_of(from, to)),
            seq: *id,
            at,
            text: text.as_str().to_string(),
            cid: None,
            file: file.map(FileInfo::from),
        },
        Event::Joined { room, by, name, .. } => {
            ServerFrame::UserJoined { room: bare(room), user: author(*by, name), at }
        }
        Event::Left { room, by, name, why, .. } => {
            ServerFrame::UserLeft { room: bare(room), user: author(*by, name), at, reason: why.reason().into() }
        }
        Event::Renamed { by, old, new } => {
            ServerFrame::UserRenamed { user: author(*by, new), old: old.to_string(), at }
        }
        Event::Feature(event) => own_frame(state, envelope, event).unwrap_or_else(|| feature_frame(event, at)),
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

/// The frame of a feature's event that has one of its own.
fn own_frame(state: &AppState, envelope: &Envelope, event: &FeatureEvent) -> Option<ServerFrame> {
    let moderated = event.open().map(|told| moderated(state, envelope, told));
    let typing = || event.open().map(|told| typing(state, told));
    moderated.or_else(typing).or_else(|| room_frame(state, timestamp(envelope.at), event))
}

fn room_frame(state: &AppState, at: String, event: &FeatureEvent) -> Option<ServerFrame> {
    if let Some(RoleChanged { text }) = event.open() {
        return Some(ServerFrame::Notice { room: None, at, text: (*text).into() });
    }
    if let Some(Topic { room, by, text }) = event.open() {
        return Some(ServerFrame::Topic { room: bare(room), from: state.author_named(by), at, text: text.to_string() });
    }
    if let Some(Invited { room, by, name }) = event.open() {
        let from = by.map_or_else(|| state.author_named(name), |by| state.ids.author(by, name));
        return Some(ServerFrame::Invited { room: bare(room), from, at, text: event.sentence().into() });
    }
    if let Some(NewOperator { room, by, name }) = event.open() {
        return Some(ServerFrame::Operator { room: bare(room), user: state.ids.author(*by, name), at });
    }
    let modes: &Modes = event.open()?;
    Some(ServerFrame::Notice { room: Some(bare(&modes.room)), at, text: modes.words() })
}

fn typing(state: &AppState, told: &Typing) -> ServerFrame {
    let (room, user) = (bare(&told.room), state.ids.author(told.by, &told.name));
    if told.on { ServerFrame::UserTyping { room, user } } else { ServerFrame::UserStoppedTyping { room, user } }
}

fn moderated(state: &AppState, envelope: &Envelope, told: &Moderated) -> ServerFrame {
    let author = |name: &Name| match told.person {
        Some(person) => state.ids.author(person, name),
        None => state.author_named(name),
    };
    ServerFrame::Moderated {
        room: told.room.as_ref().map(bare),
        what: told.effect.word(),
        user: told.target.as_ref().map(author),
        by: told.by.as_ref().map(Name::to_string),
        seconds: told.seconds,
        reason: told.why.as_ref().map(|why| why.to_string()),
        at: timestamp(envelope.at),
        text: plain(envelope),
    }
}
