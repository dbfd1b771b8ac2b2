//! What the page sends and gets: the frames of docs/protocol.md, and the objects of the REST calls.

use chat_server::model::audit::Entry;
use chat_server::model::command::Verb;
use chat_server::model::event::{RoomInfo, SharedFile, Stat, User as Listed};
use chat_server::model::names::RoomName;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A person as others see them in an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Author {
    /// Stays the same as long as the person is connected, also under a new name.
    pub id: Uuid,
    /// The name.
    #[schema(example = "ana")]
    pub name: String,
}

/// One message, as REST shows it and as the frame `Message` carries it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Message {
    /// The room, without its `#`.
    #[schema(example = "lobby")]
    pub room: String,
    /// The number in the room's log.
    pub seq: u64,
    /// A UUIDv7, made from time, room and `seq`.
    pub id: Uuid,
    /// What the author's program called it; only the author sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cid: Option<String>,
    /// Who said it.
    pub from: Author,
    /// Whether the author had signed in: the name is theirs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub account: bool,
    /// When, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-11-22T10:47:03.120Z")]
    pub at: String,
    /// The words; empty if it was deleted.
    pub text: String,
    /// The file that it passes on; `text` is its name then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileInfo>,
    /// Whether it is `* ana waves`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub act: bool,
    /// The message that this one answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// Whether its author corrected it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    /// Whether it was deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Who reacted, by what they reacted with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<String, Vec<String>>,
    /// Their connections, in the same order.
    #[serde(skip)]
    #[schema(ignore)]
    pub reactors: BTreeMap<String, Vec<Uuid>>,
}

/// A file that a message passes on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FileInfo {
    /// How many bytes it has.
    #[schema(example = 18_234)]
    pub bytes: u64,
    /// What it is fetched by: `GET /files/<token>`, or `GET <token>` at the file port.
    #[schema(example = "9f2c41d0000000000000000000000007")]
    pub token: String,
}

impl From<SharedFile> for FileInfo {
    fn from(file: SharedFile) -> FileInfo {
        FileInfo { bytes: file.bytes, token: file.token.to_string() }
    }
}

/// One person who is on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct User {
    /// The id.
    pub id: Uuid,
    /// The name.
    #[schema(example = "ana")]
    pub name: String,
    /// By which door: `line`, `web`.
    #[schema(example = "web")]
    pub door: &'static str,
    /// `online`, `idle`, `away` or `offline`.
    pub state: Presence,
    /// The away message, if away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<String>,
    /// The rooms that the asker may know of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// Seconds since the last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<u64>,
}

/// Whether somebody is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Heard within five minutes.
    Online,
    /// Silent for five minutes.
    Idle,
    /// Said to be away.
    Away,
    /// Gone.
    Offline,
}

/// One room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Room {
    /// The name without its `#`.
    #[schema(example = "lobby")]
    pub id: String,
    /// The topic.
    pub topic: String,
    /// The modes: `+it`.
    #[schema(example = "+")]
    pub modes: String,
    /// How many are in it.
    pub users: usize,
    /// The number of the last event in its log.
    pub last_seq: u64,
}

/// A room as a session is in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct OwnRoom {
    /// The name without its `#`.
    #[schema(example = "lobby")]
    pub id: String,
    /// The number of the last event in its log.
    pub last_seq: u64,
    /// How far this person has read.
    pub read_seq: u64,
    /// The topic.
    pub topic: String,
    /// The modes.
    pub modes: String,
    /// Whether this person keeps order in it: its operators do, and those of the server.
    pub op: bool,
}

// ---- frames from the server ----

/// A frame from the server (docs/protocol.md, 2.1).
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
        at: String,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        cid: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<FileInfo>,
    },
    /// What this person may do is something else now.
    Rights {
        /// `member`, `op` or `admin`, on the whole server.
        role: &'static str,
        /// Those of their rooms in which they keep order.
        rooms: Vec<String>,
    },
    /// A room is open or closed by other modes now.
    Modes {
        room: String,
        modes: String,
    },
    Topic {
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
    /// Somebody kept order.
    Moderated {
        /// `null` is everywhere.
        room: Option<String>,
        /// `op`, `deop`, `kicked`, `muted`, `unmuted`, `banned` or `unbanned`.
        what: &'static str,
        /// Whom; `null` is whoever comes from an address.
        user: Option<Author>,
        /// Who did it; `null` where a time is over.
        by: Option<String>,
        /// For how long, in seconds, if it has an end.
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
    /// What it does.
    pub help: &'static str,
    /// Whether a password or a key stands behind it: what is typed is to be kept nowhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

impl CommandInfo {
    /// A row as frames show it.
    pub fn of(verb: &'static Verb) -> CommandInfo {
        let Verb { name, slashes, usage, help, secret, .. } = *verb;
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

// ---- frames from the client ----

/// A frame from a client (docs/protocol.md, 2.2).
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs, reason = "docs/protocol.md explains each frame and field")]
pub enum ClientFrame {
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

// ---- from the core's words to these ----

/// The time as frames and REST write it.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A room's name without its `#`.
pub fn bare(room: &RoomName) -> String {
    room.as_str().trim_start_matches('#').to_string()
}

/// The room of that bare name.
///
/// # Errors
/// As [`RoomName::parse`].
pub fn room_name(bare: &str) -> Result<RoomName, chat_server::model::refusal::Refusal> {
    RoomName::parse(&format!("#{bare}"))
}

impl Room {
    /// One item of `ROOMS`.
    pub fn listed(room: &RoomInfo, last_seq: u64) -> Room {
        Room {
            id: bare(&room.name),
            topic: room.topic.to_string(),
            modes: room.modes.to_string(),
            users: room.users,
            last_seq,
        }
    }
}

/// One item of `STATS`.
pub fn figure(stat: &Stat) -> serde_json::Value {
    serde_json::json!({ "key": stat.key, "value": stat.value, "text": stat.text })
}

impl Presence {
    /// What the core knows of somebody, in one word.
    pub fn of(away: bool, idle_secs: u64) -> Presence {
        match (away, idle_secs) {
            (true, _) => Presence::Away,
            (false, 300..) => Presence::Idle,
            (false, _) => Presence::Online,
        }
    }
}

impl User {
    /// One item of `LIST`, whose id the caller knows.
    pub fn listed(user: &Listed, id: Uuid) -> User {
        User {
            id,
            name: user.name.to_string(),
            door: user.door,
            state: Presence::of(user.away.is_some(), user.idle),
            away: user.away.as_ref().map(ToString::to_string),
            rooms: user.rooms.iter().map(bare).collect(),
            idle: Some(user.idle),
        }
    }
}

/// Something that was done by power.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its number in the audit, always rising.
    #[schema(example = 17)]
    number: u64,
    /// When, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-11-22T10:47:03.120Z")]
    at: String,
    /// By whom: a name, `-` for somebody without one, `(page)` for an operator at the dashboard.
    #[schema(example = "ana")]
    by: String,
    /// What: a stable word.
    #[schema(example = "kick")]
    what: String,
    /// In which room, without its `#`; none on the whole server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "dapur")]
    room: Option<String>,
    /// To whom, or to what.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "budi")]
    target: String,
    /// The rest, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "be kind")]
    detail: String,
}

impl AuditEntry {
    /// An act as it is shown.
    pub fn of(entry: &Entry) -> AuditEntry {
        let Entry { number, act } = entry;
        AuditEntry {
            number: *number,
            at: timestamp(act.at),
            by: act.by.to_string(),
            what: act.what.to_string(),
            room: act.room.as_ref().map(bare),
            target: act.target.to_string(),
            detail: act.detail.to_string(),
        }
    }
}
