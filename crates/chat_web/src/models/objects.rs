//! What the REST calls show, and frames carry: people, messages, rooms.

use std::collections::BTreeMap;

use chat_server::features::membership::list::Listed as Member;
use chat_server::features::operators::audit::Entry;
use chat_server::features::programs::is_program;
use chat_server::model::event::SharedFile;
use chat_server::model::rows::{RoomInfo, Stat, User as Listed};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::names::{bare, timestamp};

/// A person as others see them in an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Author {
    /// Stays the same as long as the person is connected, also under a new name.
    pub id: Uuid,
    /// The name.
    #[schema(example = "ana")]
    pub name: String,
    /// Whether it is a program: a bot, or what posts to a hook.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bot: bool,
}

impl Author {
    /// A user, or a program, which is known by its name.
    pub fn new(id: Uuid, name: impl Into<String>) -> Author {
        let name = name.into();
        Author { id, bot: is_program(&name), name }
    }
}

/// An account that is a member of a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct RoomMember {
    /// The name.
    #[schema(example = "ana")]
    pub name: String,
    /// Whether its user is connected, in whatever room.
    pub online: bool,
}

impl RoomMember {
    /// A row of `MEMBERS`.
    pub(crate) fn of(member: &Member) -> RoomMember {
        RoomMember { name: member.name.to_string(), online: member.is_online }
    }
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
    /// Of a picture: how wide it is, in pixels, as it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 640)]
    pub width: Option<u16>,
    /// Of a picture: how high it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 480)]
    pub height: Option<u16>,
}

impl From<SharedFile> for FileInfo {
    fn from(SharedFile { bytes, token, pixels }: SharedFile) -> FileInfo {
        let (width, height) = pixels.unzip();
        FileInfo { bytes, token: token.to_string(), width, height }
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
    /// Whether it is a program.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bot: bool,
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

/// Whether the user is there.
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

/// A direct talk, as a member of it sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct Talk {
    /// Its name: `@`, and the names of its members in order with `+` between.
    #[schema(example = "@ana+budi")]
    pub id: String,
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
pub(crate) fn figure(stat: &Stat) -> serde_json::Value {
    serde_json::json!({ "key": stat.key, "value": stat.value, "text": stat.text })
}

impl Presence {
    /// The presence of a user who is away or not, and idle for so many seconds.
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
            bot: is_program(user.name.as_str()),
            door: user.door,
            state: Presence::of(user.away.is_some(), user.idle),
            away: user.away.as_ref().map(ToString::to_string),
            rooms: user.rooms.iter().map(bare).collect(),
            idle: Some(user.idle),
        }
    }
}

/// Something that an operator did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its number in the audit, always rising.
    #[schema(example = 17)]
    number: u64,
    /// When, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-11-22T10:47:03.120Z")]
    at: String,
    /// By whom: a name, `-` for an actor without one, `(page)` for an operator at the dashboard.
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
    pub(crate) fn of(entry: &Entry) -> AuditEntry {
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
