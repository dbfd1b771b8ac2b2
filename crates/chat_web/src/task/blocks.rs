//! The answers that are lists.

use std::sync::Arc;

use chat_server::features::moderation::sanction::Kind;
use chat_server::model::event::{BanInfo, Block, Envelope, Event, Items, RoomInfo, User as Listed};
use chat_server::model::names::Name;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Task;
use super::pending::{Pending, Wanted};
use crate::models::frames::{Ack, CommandInfo, ServerFrame};
use crate::models::names::{bare, timestamp};
use crate::models::objects::{AuditEntry, Room, User, figure};
use crate::models::render::{message, plain};
use crate::session::queue::Out;

impl Task {
    pub(super) async fn block(&mut self, envelope: &Envelope, block: &Block, pending: Pending) {
        let Pending { asker, what, .. } = pending;
        match (&block.items, what) {
            (Items::List(users), Wanted::Roster(room)) => {
                let users = users.iter().map(|user| User::listed(user, self.id_of(&user.name))).collect();
                let people = ServerFrame::People { room: bare(&room), users }.bytes();
                match asker.socket {
                    Some(socket) => self.push(socket, Out::Frame(people)),
                    None => self.push_all(&people),
                }
            }
            (Items::History { lines, more }, Wanted::Resumed { resume, missed }) => {
                self.resume_page(resume, missed, lines, *more).await;
            }
            (items, _) => {
                let (what, items) = self.items(items);
                let ack = Ack { what: Some(what.into()), text: Some(plain(envelope)), items, ..Ack::default() };
                self.ack(asker, ack);
            }
        }
    }

    /// The command that asked for a list, and the list for programs. Some lists have only a text.
    fn items(&self, items: &Items) -> (&'static str, Vec<Value>) {
        let user = |user: &Listed| json(&User::listed(user, self.id_of(&user.name)));
        match items {
            Items::List(users) => ("LIST", users.iter().map(user).collect()),
            Items::Who(one) => ("WHO", vec![user(one)]),
            Items::Rooms(rooms) => {
                let room = |room: &RoomInfo| json(&Room::listed(room, self.state.rooms.last_seq(&room.name)));
                ("ROOMS", rooms.iter().map(room).collect())
            }
            Items::Help(verbs) => ("HELP", verbs.iter().map(|verb| json(&CommandInfo::of(verb))).collect()),
            Items::Stats(stats) => ("STATS", stats.iter().map(figure).collect()),
            Items::Audit { acts, .. } => ("AUDIT", acts.iter().map(|act| json(&AuditEntry::of(act))).collect()),
            Items::Settings(_) => ("REHASH", Vec::new()),
            Items::History { .. } => ("HISTORY", Vec::new()),
            Items::Found { .. } => ("SEARCH", Vec::new()),
            Items::Export { .. } => ("EXPORT", Vec::new()),
            Items::Files(lines) => ("FILES", self.files(lines)),
            Items::Bans(bans) => ("BANS", bans.iter().map(ban).collect()),
            Items::Inspection(_) => ("INSPECT", Vec::new()),
        }
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

/// A row of `BANS`.
fn ban(ban: &BanInfo) -> Value {
    serde_json::json!({
        "whom": ban.whom.as_deref(),
        "what": if ban.kind == Kind::Mute { "muted" } else { "banned" },
        "by": ban.told.by.as_str(),
        "since": timestamp(ban.since),
        "seconds": ban.told.retry,
        "reason": ban.told.why.as_deref(),
    })
}

/// Strings and numbers in plain structs: serde_json cannot fail on them.
fn json(item: &impl Serialize) -> Value {
    serde_json::to_value(item).unwrap_or_default()
}
