//! The frames that the server sends (docs/protocol.md, section 2.1).

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::ws::Utf8Bytes;
use chat_server::model::verb::Verb;
use serde::Serialize;
use uuid::Uuid;

use crate::words::indonesian;

use super::objects::{Author, FileInfo, Message, OwnRoom, Presence, User};

/// A frame from the server.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type")]
#[allow(missing_docs, reason = "docs/protocol.md explains each frame and field")]
pub enum ServerFrame {
    Hello {
        v: u32,
        session: Uuid,
        you: Author,
        /// `member`, `op` or `admin`, on the whole server.
        role: &'static str,
        heartbeat_ms: u64,
        limits: Limits,
        rooms: Vec<OwnRoom>,
        commands: &'static [CommandInfo],
        server: ServerInfo,
    },
    People {
        room: String,
        users: Vec<User>,
    },
    Message(Message),
    Token {
        token: String,
    },
    MessageEdited {
        room: String,
        seq: u64,
        target: u64,
        from: Author,
        at: String,
        text: String,
    },
    MessageDeleted {
        room: String,
        seq: u64,
        target: u64,
        from: Author,
        at: String,
    },
    Reaction {
        room: String,
        seq: u64,
        target: u64,
        from: Author,
        at: String,
        emoji: String,
        on: bool,
    },
    UserJoined {
        room: String,
        user: Author,
        at: String,
    },
    UserLeft {
        room: String,
        user: Author,
        at: String,
        reason: String,
    },
    UserRenamed {
        user: Author,
        old: String,
        at: String,
    },
    UserTyping {
        room: String,
        user: Author,
    },
    UserStoppedTyping {
        room: String,
        user: Author,
    },
    Presence {
        user: Author,
        state: Presence,
        #[serde(skip_serializing_if = "Option::is_none")]
        away: Option<String>,
    },
    Whisper {
        from: Author,
        to: Author,
        /// The direct talk that it stands in, if it does.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        /// Its number there.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        at: String,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        cid: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<FileInfo>,
    },
    /// What the user may do has changed.
    Rights {
        /// `member`, `op` or `admin`, on the whole server.
        role: &'static str,
        /// The rooms in which the user is an operator.
        rooms: Vec<String>,
    },
    /// The modes of a room have changed.
    Modes {
        room: String,
        modes: String,
        /// How many users may be in it, if that has a limit.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    Topic {
        room: String,
        from: Author,
        at: String,
        text: String,
    },
    /// A user invites this one to a room. The text is the sentence of the other doors.
    Invited {
        room: String,
        from: Author,
        at: String,
        text: String,
    },
    Operator {
        room: String,
        user: Author,
        at: String,
    },
    /// A moderation action.
    Moderated {
        /// `null` is everywhere.
        room: Option<String>,
        /// `op`, `deop`, `kicked`, `muted`, `unmuted`, `banned` or `unbanned`.
        what: &'static str,
        /// The target; `null` where the action is on an address.
        user: Option<Author>,
        /// The actor; `null` where an action ended by itself.
        by: Option<String>,
        /// Seconds until it ends, if it does.
        seconds: Option<u64>,
        reason: Option<String>,
        at: String,
        /// The same in words.
        text: String,
    },
    /// Something of a feature, which has no frame of its own.
    Feature {
        /// As the kind of the server line: `ROLL`.
        kind: &'static str,
        /// `null` is everywhere.
        room: Option<String>,
        at: String,
        /// The fields behind the room.
        fields: Vec<String>,
        pairs: BTreeMap<&'static str, String>,
        text: String,
        /// The same as a sentence for people, which begins with a name.
        sentence: String,
    },
    Notice {
        room: Option<String>,
        at: String,
        text: String,
    },
    Warning {
        code: &'static str,
        text: String,
    },
    RoomEntered {
        room: OwnRoom,
    },
    RoomLeft {
        room: String,
    },
    Read {
        room: String,
        seq: u64,
    },
    /// The account prefers something from now on.
    Preference {
        key: String,
        /// `null`: it is not set.
        value: Option<String>,
    },
    Ack(Ack),
    Error {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        code: String,
        status: u16,
        title: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    Resumed {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        rooms: BTreeMap<String, Span>,
    },
    Gap {
        room: String,
        missing_from: u64,
        to: u64,
    },
    Pong {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
    },
    Goodbye {
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reconnect_in_ms: Option<u64>,
    },
}

impl ServerFrame {
    /// The frame with the chat's own sentences in Indonesian.
    pub fn in_indonesian(&self) -> ServerFrame {
        let mut frame = self.clone();
        let words = match &mut frame {
            ServerFrame::Error { title, .. } => Some(title),
            ServerFrame::Notice { text, .. }
            | ServerFrame::Invited { text, .. }
            | ServerFrame::Warning { text, .. } => Some(text),
            ServerFrame::Moderated { text, .. } => Some(text),
            ServerFrame::Feature { sentence, .. } => Some(sentence),
            _ => None,
        };
        if let Some(words) = words
            && let Some(other) = indonesian(words)
        {
            *words = other;
        }
        frame
    }

    /// The frame as it goes over the socket.
    pub fn bytes(&self) -> Utf8Bytes {
        // Maps with string keys and plain values: serde_json cannot fail on them.
        serde_json::to_string(self).unwrap_or_else(|_| String::from("{}")).into()
    }
}

/// The answer to a frame that was carried out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ack {
    /// The `ref` of the frame.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<u64>,
    /// The `cid` of what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cid: Option<String>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The number it got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The message's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Whether it had been sent before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// The command that was carried out: `NICK`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// What telnet would see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The items of a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<serde_json::Value>,
}

/// What a client may send.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    /// The most bytes of a message's text.
    pub text_bytes: usize,
    /// The most bytes of all lines of a message of several.
    pub message_bytes: usize,
    /// The most bytes of a frame.
    pub frame_bytes: usize,
    /// How fast.
    pub rate: Rate,
    /// How much of it within a minute.
    pub minute: Minute,
}

/// A client that sends more within 60 seconds is muted for 30 seconds. 0 is no limit.
#[derive(Clone, Debug, Serialize)]
pub struct Minute {
    /// Lines.
    pub lines: u32,
    /// Times the same line.
    pub same: u32,
}

/// So many at once, then so many a second.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// A second, after that.
    pub per_s: f64,
}

/// One row of the command table.
#[derive(Clone, Debug, Serialize)]
pub struct CommandInfo {
    /// The verb.
    pub name: &'static str,
    /// What is typed behind a slash.
    pub slashes: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does, in the user's language.
    pub help: Cow<'static, str>,
    /// Whether a password or a key stands behind it: what is typed is to be kept nowhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

impl CommandInfo {
    /// A row as frames show it.
    pub fn of(verb: &'static Verb, is_indonesian: bool) -> CommandInfo {
        let Verb { name, slashes, usage, help, secret, .. } = *verb;
        let translated = if is_indonesian { indonesian(help) } else { None };
        let help = translated.map_or(Cow::Borrowed(help), Cow::Owned);
        CommandInfo { name, slashes, usage, help, secret }
    }
}

/// What the server says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct ServerInfo {
    /// Its name, from the settings.
    pub name: String,
    /// Its version.
    pub version: &'static str,
    /// Another one after each start: what was numbered before is not comparable.
    pub instance: Uuid,
    /// Its clock, in milliseconds since 1970.
    pub time_ms: i64,
}

/// The numbers that a resume brought.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Span {
    /// The first that was asked for.
    pub from: u64,
    /// The last that came.
    pub to: u64,
}
