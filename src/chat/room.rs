//! A room: who is in it, what it is about, who may come in, and what was said.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::chat::history::History;
use crate::chat::news::News;
use crate::features::archive::store::{RoomState, StoredRoom};
use crate::features::moderation::sanction::Sanctions;
use crate::model::address::Neighbourhood;
use crate::model::command::CROWD;
use crate::model::event::{Change, Envelope, Event, Speech, Version, What};
use crate::model::glyph::without_selectors;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::{Moment, Now};
use crate::model::text::Text;

/// The most bytes one room's history may cost in memory.
const HISTORY_BYTES: usize = 1024 * 1024;

fn speech(envelope: &Arc<Envelope>) -> Option<&Speech> {
    if let Event::Said(speech) = &envelope.event { Some(speech) } else { None }
}

/// One emoji on a line.
pub struct Reaction<'a> {
    /// As who came first wrote it.
    pub emoji: &'a Text,
    /// The changes by which it stands, one for each person.
    pub by: Vec<&'a Change>,
}

/// Who opened a room, for the limits of new ones.
pub struct Opener {
    /// The person, as long as they are there.
    pub person: Option<ClientId>,
    /// Their account, if they had one.
    pub account: Option<Name>,
    /// From which neighbourhood of addresses.
    pub near: Option<Neighbourhood>,
    /// When.
    pub at: Moment,
}

/// One room. Only the router changes it.
pub struct Room {
    /// The name, as its first visitor wrote it.
    pub name: RoomName,
    /// Who is in it.
    pub members: BTreeSet<ClientId>,
    /// Those of them who may change it.
    pub ops: BTreeSet<ClientId>,
    /// The accounts that may change it whenever they come.
    pub op_accounts: BTreeSet<Name>,
    /// How many of the members are a person's second connection, or third.
    pub doubles: usize,
    /// Those whose coming the others were not told of yet: quiet visitors, and those who came when too many did. Of one person
    /// all connections or none.
    pub unannounced: BTreeSet<ClientId>,
    /// Who opened it, since the start.
    pub opener: Option<Opener>,
    /// Who may come in although it is closed.
    pub invited: Vec<ClientId>,
    /// Who may not come in, and who may not speak.
    pub sanctions: Sanctions,
    /// Who set the topic, and the topic.
    pub topic: Option<(Name, Text)>,
    /// What was said.
    pub history: History,
    /// What was said in this turn.
    pub news: News,
    /// Whether so many are in it that coming and going is told to few ([`CROWD`]).
    pub is_crowded: bool,
    /// `+i`: only the invited may enter.
    pub invite_only: bool,
    /// `+k`: only who knows this may enter.
    pub key: Option<Text>,
    /// `+m`: only operators speak.
    pub moderated: bool,
    /// `+t`: only operators set the topic.
    pub topic_lock: bool,
    /// The smallest id that is kept anywhere.
    pub first_id: u64,
    /// Whether the store knows it.
    pub is_kept: bool,
    next_id: u64,
}

impl Room {
    /// An empty room whose ids begin behind `last_id`.
    pub fn new(name: RoomName, history_lines: usize, last_id: u64) -> Room {
        Room {
            name,
            members: BTreeSet::new(),
            ops: BTreeSet::new(),
            op_accounts: BTreeSet::new(),
            doubles: 0,
            unannounced: BTreeSet::new(),
            opener: None,
            invited: Vec::new(),
            sanctions: Sanctions::default(),
            topic: None,
            history: History::new(history_lines, HISTORY_BYTES),
            news: News::default(),
            is_crowded: false,
            invite_only: false,
            key: None,
            moderated: false,
            topic_lock: false,
            first_id: last_id + 1,
            is_kept: false,
            next_id: last_id + 1,
        }
    }

    /// A room as a store kept it.
    pub fn restored(stored: StoredRoom, history_lines: usize, now: Now, trusted: DateTime<Utc>) -> Room {
        let StoredRoom { state, last_id, first_id, lines } = stored;
        let mut room = Room::new(state.name, history_lines, last_id);
        (room.topic, room.key, room.op_accounts) = (state.topic, state.key, state.ops.into_iter().collect());
        room.invite_only = state.invite_only;
        room.sanctions = Sanctions::restored(state.sanctions, now, trusted);
        // What only operators can change went with the last of them, unless some come again.
        let has_ops = !room.op_accounts.is_empty();
        (room.moderated, room.topic_lock) = (state.moderated && has_ops, state.topic_lock && has_ops);
        (room.first_id, room.is_kept) = (first_id, true);
        lines.into_iter().for_each(|(id, line)| room.history.push(id, line));
        room
    }

    /// What a store keeps of it, besides what was said.
    pub fn state(&self) -> RoomState {
        RoomState {
            name: self.name.clone(),
            topic: self.topic.clone(),
            invite_only: self.invite_only,
            key: self.key.clone(),
            moderated: self.moderated,
            topic_lock: self.topic_lock,
            ops: self.op_accounts.iter().cloned().collect(),
            sanctions: self.sanctions.kept(),
        }
    }

    /// How many people are in it.
    pub fn people(&self) -> usize {
        self.members.len() - self.doubles
    }

    /// Whether anything that was said in it is kept.
    pub fn has_log(&self) -> bool {
        !self.history.is_empty() || self.is_kept && self.first_id <= self.last_id()
    }

    /// Whether an empty room has something for the next users: what was said, or a topic.
    pub fn is_worth_keeping(&self) -> bool {
        self.has_log() || self.topic.is_some()
    }

    /// Looks whether it is a crowd. Returns true if it has just become one; to be none again takes fewer people, so that it
    /// does not go to and fro.
    pub fn count_heads(&mut self) -> bool {
        let before = self.is_crowded;
        self.is_crowded = self.members.len() > if before { CROWD * 4 / 5 } else { CROWD };
        self.is_crowded && !before
    }

    /// The number for the next line. It never gives one twice.
    pub fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// The number of the last line, 0 if there was none.
    pub fn last_id(&self) -> u64 {
        self.next_id - 1
    }

    /// The line of that id, if it is kept and is a line.
    pub fn line(&self, id: u64) -> Option<&Speech> {
        self.history.get(id).and_then(speech)
    }

    /// The last line that is not deleted and is one that is meant.
    pub fn last_line(&self, is_meant: impl Fn(&Speech) -> bool) -> Option<&Speech> {
        let mut lines = self.history.newest_first().filter_map(speech);
        lines.find(|line| line.version != Version::Deleted && is_meant(line))
    }

    /// The reactions to a line that stand: each emoji as who came first wrote it, and who reacted so. The log is the only record
    /// of them, so those to a line that is older than memory are not known.
    pub fn reactions(&self, target: u64) -> Vec<Reaction<'_>> {
        let mut found: Vec<Reaction<'_>> = Vec::new();
        for line in self.history.oldest_first() {
            let Event::Changed(change) = &line.event else { continue };
            let (What::Reacted(emoji) | What::Unreacted(emoji)) = &change.what else { continue };
            if change.target != target {
                continue;
            }
            let kind = without_selectors(emoji);
            let place = found.iter().position(|known| without_selectors(known.emoji) == kind);
            let is_same = |by: &&Change| by.by == change.by || by.signed && change.signed && by.from == change.from;
            match (&change.what, place) {
                (What::Reacted(_), Some(place)) => {
                    found[place].by.retain(|by| !is_same(by));
                    found[place].by.push(change);
                }
                (What::Reacted(_), None) => found.push(Reaction { emoji, by: vec![change] }),
                (_, Some(place)) => {
                    found[place].by.retain(|by| !is_same(by));
                    if found[place].by.is_empty() {
                        found.remove(place);
                    }
                }
                (_, None) => {}
            }
        }
        found
    }

    /// Puts what becomes of a line into its place. What was deleted is nowhere in the history any more.
    pub fn apply(&mut self, old: &Speech, what: &What) {
        let (version, text) = match what {
            What::Edited(text) => (Version::Edited, text.clone()),
            What::Deleted => (Version::Deleted, Text::default()),
            What::Reacted(_) | What::Unreacted(_) => return,
        };
        let Some(at) = self.history.get(old.id).map(|line| line.at) else { return };
        let file = old.file.filter(|_| version != Version::Deleted);
        self.history.replace(old.id, Envelope::new(at, Event::Said(Speech { version, file, text, ..old.clone() })));
        if version == Version::Deleted {
            let edits: Vec<(DateTime<Utc>, Change)> = self
                .history
                .newest_first()
                .filter_map(|line| match &line.event {
                    Event::Changed(c) if c.target == old.id && matches!(c.what, What::Edited(_)) => {
                        Some((line.at, Change { what: What::Edited(Text::default()), ..c.clone() }))
                    }
                    _ => None,
                })
                .collect();
            for (at, edit) in edits {
                self.history.replace(edit.id, Envelope::new(at, Event::Changed(edit)));
            }
        }
    }

    /// Whether all users may come in. What is said in an open room is no secret, so all users may also read it,
    /// and speak into it from outside.
    pub fn is_open(&self) -> bool {
        !self.invite_only && self.key.is_none()
    }

    /// Whether a user may read what is said here, unless they are banned.
    pub fn may_read(&self, id: ClientId) -> bool {
        self.is_open() || self.members.contains(&id)
    }

    /// The modes for people: `+` and a letter for each.
    pub fn modes(&self) -> Text {
        let mut modes = String::from("+");
        let on = [(self.invite_only, 'i'), (self.key.is_some(), 'k'), (self.moderated, 'm'), (self.topic_lock, 't')];
        modes.extend(on.into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter));
        Text::own(modes)
    }
}
