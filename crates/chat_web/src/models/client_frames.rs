//! The frames that a client sends (docs/protocol.md, section 2.2).

use std::collections::BTreeMap;

use serde::Deserialize;

/// The most bytes of one of them.
pub(crate) const FRAME_BYTES: usize = 64 * 1024;

/// A frame from a client.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type")]
#[allow(dead_code, reason = "a `ref` is read before the frame, and is here so that one of another type is refused")]
pub(crate) enum ClientFrame {
    Resume {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        rooms: BTreeMap<String, u64>,
        #[serde(default)]
        whispers: Option<String>,
    },
    Send {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        room: String,
        cid: Option<String>,
        text: String,
        reply_to: Option<u64>,
        #[serde(default)]
        act: bool,
    },
    Edit {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        room: String,
        target: u64,
        text: String,
    },
    Delete {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        room: String,
        target: u64,
    },
    React {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        room: String,
        target: u64,
        emoji: String,
        on: bool,
    },
    Whisper {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        cid: Option<String>,
        to: String,
        text: String,
    },
    UserTyping {
        room: String,
    },
    UserStoppedTyping {
        room: String,
    },
    Read {
        room: String,
        seq: u64,
    },
    SetPreference {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        key: String,
        value: Option<String>,
    },
    SetLanguage {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        lang: String,
    },
    Command {
        #[serde(rename = "ref")]
        reference: Option<u64>,
        line: String,
        room: Option<String>,
    },
    Ping {
        #[serde(rename = "ref")]
        reference: Option<u64>,
    },
    #[serde(other)]
    Unknown,
}
