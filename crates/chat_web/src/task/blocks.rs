//! The answers that are lists.

use std::sync::Arc;

use chat_server::features::devices::Device;
use chat_server::features::membership::OwnRoom;
use chat_server::features::membership::list::Listed as Member;
use chat_server::features::moderation::ban::Kind;
use chat_server::features::moderation::list::BanRow;
use chat_server::features::operators::audit::Entry;
use chat_server::features::profile::Profile;
use chat_server::features::programs::Program;
use chat_server::model::event::{Block, Envelope, Event, Rows};
use chat_server::model::names::Name;
use chat_server::model::row::Row;
use chat_server::model::rows::{RoomInfo, User as Listed};
use chat_server::model::verb::Verb;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Task;
use super::pending::{Pending, Wanted};
use crate::models::frames::{Ack, CommandInfo, ServerFrame};
use crate::models::names::{bare, timestamp};
use crate::models::objects::{AuditEntry, Room, RoomMember, User, figure};
use crate::models::render::message;
use crate::session::queue::Out;

impl Task {
    pub(super) async fn block(&mut self, envelope: &Envelope, block: &Block, pending: Pending) {
        let Pending { asker, what, .. } = pending;
        match (&block.rows, what) {
            (rows, Wanted::Roster(room)) if let Some(users) = rows.open::<Listed>() => {
                let users = users.iter().map(|user| User::listed(user, self.id_of(&user.name))).collect();
                let people = ServerFrame::People { room: bare(&room), users }.bytes();
                match asker.socket {
                    Some(socket) => self.push(socket, Out::Frame(people)),
                    None => self.push_all(&people),
                }
            }
            (Rows::Lines(lines), Wanted::Resumed { resume, missed }) => {
                self.resume_page(resume, missed, lines, block.more).await;
            }
            _ => {
                let (what, items) = (Some(block.kind.into()), self.items(block));
                self.ack(asker, Ack { what, text: Some(self.words(envelope)), items, ..Ack::default() });
            }
        }
    }

    /// The list for programs. Some lists have only a text.
    fn items(&self, block: &Block) -> Vec<Value> {
        let rows = &block.rows;
        let user = |user: &Listed| json(&User::listed(user, self.id_of(&user.name)));
        let room = |room: &RoomInfo| json(&Room::listed(room, self.state.rooms.last_seq(&room.name)));
        if let Rows::Lines(lines) = rows {
            return if block.kind == "FILES" { self.files(lines) } else { Vec::new() };
        }
        let items =
            all(rows, user).or_else(|| all(rows, room)).or_else(|| all(rows, figure)).or_else(|| all(rows, ban));
        let items = items.or_else(|| all(rows, unread)).or_else(|| all(rows, device)).or_else(|| all(rows, profile));
        let items = items.or_else(|| all(rows, |member: &Member| json(&RoomMember::of(member))));
        let items = items.or_else(|| all(rows, program));
        let language = self.session.is_indonesian();
        let items = items.or_else(|| all(rows, |verb: &&'static Verb| json(&CommandInfo::of(verb, language))));
        items.or_else(|| all(rows, |act: &Entry| json(&AuditEntry::of(act)))).unwrap_or_default()
    }

    fn files(&self, lines: &[Arc<Envelope>]) -> Vec<Value> {
        let as_message = |line: &Arc<Envelope>| match &line.event {
            Event::Said(speech) => Some(json(&message(self.state.ids, line, speech))),
            _ => None,
        };
        lines.iter().filter_map(as_message).collect()
    }

    pub(super) fn id_of(&self, name: &Name) -> Uuid {
        if self.session.name().as_ref() == Some(name) {
            self.session.author().id
        } else {
            self.state.author_named(name).id
        }
    }
}

/// Rows of one type, as values.
fn all<R: Row>(rows: &Rows, value: impl Fn(&R) -> Value) -> Option<Vec<Value>> {
    Some(rows.open()?.iter().map(value).collect())
}

/// A row of `BANS`.
fn ban(ban: &BanRow) -> Value {
    serde_json::json!({
        "whom": ban.target.as_deref(),
        "what": if ban.kind == Kind::Mute { "muted" } else { "banned" },
        "by": ban.notice.by.as_str(),
        "since": timestamp(ban.since),
        "seconds": ban.notice.retry,
        "reason": ban.notice.why.as_deref(),
    })
}

/// A row of `DEVICES`.
fn device(device: &Device) -> Value {
    let (key, label) = device.key_and_label();
    serde_json::json!({ "account": device.account.as_str(), "id": &*device.id, "key": key, "label": label })
}

/// A row of `PROFILE`.
fn profile(profile: &Profile) -> Value {
    serde_json::json!({
        "account": profile.account.as_str(),
        "name": profile.name.as_deref(),
        "status": profile.status.as_deref(),
        "picture": profile.picture,
    })
}

/// A row of `UNREAD`.
fn unread(own: &OwnRoom) -> Value {
    serde_json::json!({
        "id": bare(&own.room),
        "unread": own.unread,
        "read_seq": own.read,
        "last_seq": own.last,
        "mentions": own.mentions,
        "notify": own.notify.word(),
        "muted": own.muted,
    })
}

/// A row of `HOOK` or `BOT` without a name.
fn program(program: &Program) -> Value {
    serde_json::json!({
        "name": program.name.as_str(),
        "by": program.by.as_str(),
        "since": timestamp(program.since),
        "used": program.used.map(timestamp),
    })
}

/// Strings and numbers in plain structs: serde_json cannot fail on them.
fn json(item: &impl Serialize) -> Value {
    serde_json::to_value(item).unwrap_or_default()
}
