//! What is sent of an event: the frames `Message`, `MessageEdited` and `MessageDeleted` of docs/protocol.md, section 2.1, without what only
//! a client of the page could use.

use std::sync::Arc;

use chat_server::features::programs::is_program;
use chat_server::model::event::{Envelope, Event, Version, What};
use chat_server::model::names::{Name, RoomName};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// What one event says to a receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Body {
    /// Its number in the room.
    pub(crate) event: u64,
    /// As JSON.
    pub(crate) json: Arc<str>,
    /// The line whose words this takes away.
    pub(crate) deletes: Option<u64>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Frame<'a> {
    Message {
        room: &'a str,
        seq: u64,
        from: Author<'a>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        account: bool,
        at: String,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<File>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        act: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<u64>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        edited: bool,
    },
    MessageEdited {
        room: &'a str,
        seq: u64,
        target: u64,
        from: Author<'a>,
        at: String,
        text: &'a str,
    },
    MessageDeleted {
        room: &'a str,
        seq: u64,
        target: u64,
        from: Author<'a>,
        at: String,
    },
}

#[derive(Serialize)]
struct Author<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bot: bool,
}

#[derive(Serialize)]
struct File {
    bytes: u64,
    token: String,
}

impl Body {
    /// What an event says, with its room. `None`: it is none that is sent, or a line without words by now.
    pub(crate) fn of(envelope: &Envelope) -> Option<(&RoomName, Body)> {
        let at = time(envelope.at);
        let (room, event, deletes, frame) = match &envelope.event {
            Event::Said(said) if said.version != Version::Deleted => {
                let file = said.file.map(|file| File { bytes: file.bytes, token: file.token.to_string() });
                let frame = Frame::Message {
                    room: bare(&said.room),
                    seq: said.id,
                    from: author(&said.from),
                    account: said.signed,
                    at,
                    text: said.text.as_str(),
                    file,
                    act: said.act,
                    reply_to: said.re,
                    edited: said.version == Version::Edited,
                };
                (&said.room, said.id, None, frame)
            }
            Event::Changed(change) => {
                let (room, seq, target, from) = (bare(&change.room), change.id, change.target, author(&change.from));
                let (deletes, frame) = match &change.what {
                    What::Edited(text) => {
                        (None, Frame::MessageEdited { room, seq, target, from, at, text: text.as_str() })
                    }
                    What::Deleted => (Some(target), Frame::MessageDeleted { room, seq, target, from, at }),
                    What::Reacted(_) | What::Unreacted(_) => return None,
                };
                (&change.room, change.id, deletes, frame)
            }
            _ => return None,
        };
        // Plain values: serde_json cannot fail on them.
        let json = serde_json::to_string(&frame).ok()?.into();
        Some((room, Body { event, json, deletes }))
    }

    /// What it costs while it waits, in bytes.
    pub(crate) fn cost(&self) -> usize {
        128 + self.json.len()
    }
}

fn author(name: &Name) -> Author<'_> {
    Author { name: name.as_str(), bot: is_program(name.as_str()) }
}

fn bare(room: &RoomName) -> &str {
    room.as_str().trim_start_matches('#')
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
