//! What was said in rooms, in memory: the read model behind REST. It is bounded, and never a second truth: the router decides.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_server::model::event::Change;
use chat_server::model::names::{Name, RoomName};
use dashmap::DashMap;
use uuid::Uuid;

use crate::lock::lock;
use crate::models::names::{bare, room_key};
use crate::models::objects::Message;
use crate::models::render::{apply, delete};

/// The most messages that are kept of one room, and of all; and the most bytes that those of all cost.
const ROOM_MESSAGES: usize = 20_000;
const ALL_MESSAGES: usize = 100_000;
const ALL_BYTES: usize = 64 * 1024 * 1024;
/// What a message costs besides its words.
const MESSAGE: usize = 384;

/// The most bytes that the messages of one page cost, as at the router: long messages make it shorter, and it says where it goes on.
const PAGE_BYTES: usize = 128 * 1024;

/// The rooms and their messages.
pub struct Rooms {
    /// The rooms' logs, by `room_key`.
    pub logs: DashMap<String, RoomLog>,
    /// The messages, by id.
    pub messages: DashMap<Uuid, Message>,
    /// The highest number of a room that was forgotten: rooms that are opened later count on from here, as at the router.
    forgotten: AtomicU64,
    by_age: Mutex<ByAge>,
}

/// What is known of one room.
#[derive(Clone, Debug, Default)]
pub struct RoomLog {
    /// The name without `#`, as its first visitor wrote it.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// The modes: `+it`.
    pub modes: String,
    /// The number of the last event.
    pub last_seq: u64,
    /// The number before the first event.
    pub base: u64,
    /// The messages that are kept, by their numbers.
    pub messages: BTreeMap<u64, Uuid>,
}

/// Which messages of a room.
#[derive(Clone, Copy, Default, Debug)]
pub struct PageQuery {
    /// Only those with a smaller number.
    pub before: Option<u64>,
    /// Only those with a greater number; the page then starts right behind it.
    pub after: Option<u64>,
    /// Those around this one.
    pub around: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A page of messages, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// There are older ones: ask with `before=` this.
    pub prev: Option<u64>,
    /// There are newer ones: ask with `after=` this.
    pub next: Option<u64>,
    /// The number of the room's last event.
    pub last_seq: u64,
}

/// The messages that are kept, oldest first: the room, the number, the id, and the bytes that it was counted for.
#[derive(Default)]
struct ByAge {
    oldest_first: VecDeque<(String, u64, Uuid, usize)>,
    bytes: usize,
}

impl ByAge {
    fn push(&mut self, room: String, seq: u64, id: Uuid, bytes: usize) {
        self.oldest_first.push_back((room, seq, id, bytes));
        self.bytes += bytes;
    }

    /// The oldest one, if there are too many.
    fn pop_surplus(&mut self) -> Option<(String, u64, Uuid)> {
        if self.oldest_first.len() <= ALL_MESSAGES && self.bytes <= ALL_BYTES {
            return None;
        }
        let (room, seq, id, bytes) = self.oldest_first.pop_front()?;
        self.bytes -= bytes;
        Some((room, seq, id))
    }
}

impl Default for Rooms {
    /// The lobby alone, which is always there.
    fn default() -> Rooms {
        let lobby = RoomLog { name: bare(&RoomName::lobby()), modes: "+".into(), ..RoomLog::default() };
        Rooms {
            logs: DashMap::from_iter([(lobby.name.clone(), lobby)]),
            messages: DashMap::new(),
            forgotten: AtomicU64::new(0),
            by_age: Mutex::default(),
        }
    }
}

impl Rooms {
    /// Keeps a message, if it is new. The author's own session may be quicker than the tap, or so late that the room is
    /// forgotten: what was said in a closed room must not come back.
    pub fn keep(&self, message: Message) {
        let (key, seq, id) = (message.room.to_ascii_lowercase(), message.seq, message.id);
        // A reader of the room's last number finds the message: both change under the room's lock.
        let Some(mut log) = self.logs.get_mut(&key) else { return };
        if seq <= log.base || log.messages.insert(seq, id).is_some() {
            return;
        }
        let bytes = MESSAGE + message.text.len();
        self.messages.insert(id, message);
        log.last_seq = log.last_seq.max(seq);
        let gone = if log.messages.len() > ROOM_MESSAGES { log.messages.pop_first() } else { None };
        drop(log);
        if let Some((_, old)) = gone {
            self.messages.remove(&old);
        }
        lock(&self.by_age).push(key, seq, id, bytes);
        // Taken out of its lock one by one: a room's lock is never waited for under it.
        while let Some((key, seq, id)) = { lock(&self.by_age).pop_surplus() } {
            self.messages.remove(&id);
            if let Some(mut log) = self.logs.get_mut(&key)
                && log.messages.get(&seq) == Some(&id)
            {
                log.messages.remove(&seq);
            }
        }
    }

    /// Changes a message. `who` is the public id of the user who did it.
    pub fn change_message(&self, change: &Change, who: Uuid) {
        let Some(mut log) = self.logs.get_mut(&room_key(&change.room)) else { return };
        if let Some(id) = log.messages.get(&change.target)
            && let Some(mut message) = self.messages.get_mut(id)
        {
            apply(&mut message, change, who);
        }
        log.last_seq = log.last_seq.max(change.id);
    }

    /// Deletes what an account has said.
    pub fn wipe(&self, account: &Name) {
        let is_own = |message: &Message| message.account && message.from.name.eq_ignore_ascii_case(account.as_str());
        for mut message in self.messages.iter_mut().filter(|message| is_own(message)) {
            delete(&mut message);
        }
    }

    /// What was said under a name, in all rooms or in one, is no account's any more.
    pub fn disown(&self, name: &Name, room: Option<&RoomName>) {
        let room = room.map(bare);
        let is_meant = |message: &Message| {
            message.account
                && message.from.name.eq_ignore_ascii_case(name.as_str())
                && room.as_ref().is_none_or(|room| message.room.eq_ignore_ascii_case(room))
        };
        for mut message in self.messages.iter_mut().filter(|message| is_meant(message)) {
            message.account = false;
        }
    }

    /// What was said in a room before a number is deleted.
    pub fn forget_before(&self, room: &RoomName, first: u64) {
        let Some(mut log) = self.logs.get_mut(&room_key(room)) else { return };
        let left = log.messages.split_off(&first);
        let gone = std::mem::replace(&mut log.messages, left);
        drop(log);
        for id in gone.values() {
            self.messages.remove(id);
        }
    }

    /// Changes what is known of a room, which may be new.
    pub fn change(&self, room: &RoomName, change: impl FnOnce(&mut RoomLog)) {
        let mut log = self.logs.entry(room_key(room)).or_default();
        if log.name.is_empty() {
            log.name = bare(room);
            log.modes = "+".into();
            log.base = self.forgotten.load(Ordering::Acquire);
            log.last_seq = log.base;
        }
        change(&mut log);
    }

    /// Forgets a room and its messages.
    pub fn forget(&self, room: &RoomName) {
        if let Some((_, log)) = self.logs.remove(&room_key(room)) {
            self.forgotten.fetch_max(log.last_seq, Ordering::AcqRel);
            for id in log.messages.values() {
                self.messages.remove(id);
            }
        }
    }

    /// A page of a room's messages. A room that the tap has not brought yet is empty: the session of a user who has just opened it
    /// may be quicker than the tap.
    pub fn page(&self, room: &str, query: PageQuery) -> Page {
        let Some(log) = self.logs.get(&room.to_ascii_lowercase()) else {
            let last_seq = self.forgotten.load(Ordering::Acquire);
            return Page { prev: None, next: None, last_seq, messages: Vec::new() };
        };
        let (mut after, before) = (query.after, query.before.unwrap_or(u64::MAX));
        if let Some(around) = query.around {
            let older = log.messages.range(..around).rev().take(query.limit / 2);
            // Half of the page, so that the message itself is in it.
            let older = older.take_while(self.fitting(PAGE_BYTES / 2)).last();
            after = Some(older.map_or(around, |(seq, _)| *seq).saturating_sub(1));
        }
        let from = after.map_or(0, |seq| seq.saturating_add(1));
        let range = || log.messages.range(from.min(before)..before);
        let ids: Vec<(u64, Uuid)> = if after.is_some() {
            range().take(query.limit).take_while(self.fitting(PAGE_BYTES)).map(|(seq, id)| (*seq, *id)).collect()
        } else {
            let newest = range().rev().take(query.limit).take_while(self.fitting(PAGE_BYTES));
            let mut newest: Vec<_> = newest.map(|(seq, id)| (*seq, *id)).collect();
            newest.reverse();
            newest
        };
        let (first, last) = (ids.first().map(|(seq, _)| *seq), ids.last().map(|(seq, _)| *seq));
        let page = Page {
            prev: first.filter(|first| log.messages.range(..first).next().is_some()),
            next: last.filter(|last| log.messages.range(last + 1..).next().is_some()),
            last_seq: log.last_seq,
            messages: Vec::new(),
        };
        drop(log);
        let messages = ids.iter().filter_map(|(_, id)| self.messages.get(id).map(|message| message.clone())).collect();
        Page { messages, ..page }
    }

    /// Whether a message fits into so many bytes behind those that were asked for before; the first one always does.
    fn fitting(&self, bytes: usize) -> impl FnMut(&(&u64, &Uuid)) -> bool {
        let mut taken = 0;
        move |(_, id)| {
            let is_first = taken == 0;
            taken += MESSAGE + self.messages.get(*id).map_or(0, |message| message.text.len());
            is_first || taken <= bytes
        }
    }

    /// The number of a room's last event, as far as the tap has come.
    pub fn last_seq(&self, room: &RoomName) -> u64 {
        self.logs.get(&room_key(room)).map_or_else(|| self.forgotten.load(Ordering::Acquire), |log| log.last_seq)
    }

    /// The number of a room's last message that is not deleted.
    pub fn last_message(&self, room: &RoomName) -> Option<u64> {
        let log = self.logs.get(&room_key(room))?;
        let stands = |id: &Uuid| self.messages.get(id).is_some_and(|message| !message.deleted);
        log.messages.iter().rev().find(|(_, id)| stands(id)).map(|(seq, _)| *seq)
    }
}
