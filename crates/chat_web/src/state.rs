//! What the page's door remembers: the sessions, and a read model of the chat that a tap keeps up to date.
//!
//! The read model is never a second truth. The router decides; what it did in public comes here, and REST reads it
//! without asking the router.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use chat_server::chat::message::{Message as ToRouter, Onlooker, Reply, Sought};
use chat_server::features::archive::store::{Answer as StoreAnswer, Question};
use chat_server::model::code::Code;
use chat_server::model::event::{Change, Envelope, Event, Speech, Version, What};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::now::Moment;
use chat_server::net::server::ServerHandle;
use dashmap::DashMap;
use tokio::sync::{broadcast, oneshot, watch};
use uuid::Uuid;

use crate::WebConfig;
use crate::error::AppError;
use crate::figures::Figures;
use crate::listener::Places;
use crate::models::{Author, FileInfo, Message, Presence, Room, ServerFrame, User, bare, timestamp};
use crate::session::Session;

/// The most messages that are kept of one room, and of all; and the most bytes that those of all cost.
const ROOM_MESSAGES: usize = 20_000;
const ALL_MESSAGES: usize = 100_000;
const ALL_BYTES: usize = 64 * 1024 * 1024;
/// What a message costs besides its words.
const MESSAGE: usize = 384;
/// Who said what a store brought from before the start.
const BEFORE: ClientId = ClientId(0);
/// The most receipts that are kept, by which a repeated send is known; the most bytes that they cost, and what one costs besides
/// its words.
const RECEIPTS: usize = 20_000;
const RECEIPT_BYTES: usize = 32 * 1024 * 1024;
const RECEIPT: usize = 256;

/// Everything the handlers share.
pub struct AppState {
    /// The way to the router.
    pub handle: ServerHandle,
    /// The settings of this door.
    pub config: WebConfig,
    /// Another one after each start.
    pub instance: Uuid,
    /// When this door was opened.
    pub started: Instant,
    /// Who is on, by whatever door.
    pub users: DashMap<Uuid, Online>,
    /// What was said in rooms, by id.
    pub messages: DashMap<Uuid, Message>,
    /// The rooms' logs, by their names in small letters and without `#`.
    pub rooms: DashMap<String, RoomLog>,
    /// The sessions by their tokens.
    pub sessions: DashMap<String, Arc<Session>>,
    /// Tokens that sessions had until a moment ago.
    pub renewed: Renewed,
    /// Frames that every socket may have, and may miss.
    pub tx: broadcast::Sender<Utf8Bytes>,
    /// Set when this door goes away: sockets that are still open then are closed.
    pub closing: watch::Sender<bool>,
    /// What is counted here.
    pub figures: Figures,
    /// The open connections.
    pub(crate) places: Places,
    /// Whether the log has heard of a proxy that is not known.
    pub(crate) warned_of_proxy: AtomicBool,
    /// The highest number of a room that was forgotten: rooms that are opened later count on from here, as at the router.
    forgotten: AtomicU64,
    /// How many events the tap had missed when the read model was mended last.
    mended_at: AtomicU64,
    kept: Mutex<Kept>,
    receipts: Mutex<Receipts>,
}

/// Tokens that are worth nothing any more. The other tabs of a browser may still show one, until the tab that got the new one has
/// made it the browser's cookie: they are told to connect again, and not that there is no session.
#[derive(Debug, Default)]
pub struct Renewed(Mutex<VecDeque<(String, Instant)>>);

impl Renewed {
    /// How long one is remembered, and how many are.
    const TIME: Duration = Duration::from_secs(60);
    const MOST: usize = 1_000;

    /// Remembers a token.
    pub fn note(&self, token: String) {
        let mut known = lock(&self.0);
        while known.front().is_some_and(|(_, at)| at.elapsed() > Self::TIME) || known.len() >= Self::MOST {
            known.pop_front();
        }
        known.push_back((token, Instant::now()));
    }

    /// Whether a session had this token until a moment ago.
    pub fn has(&self, token: &str) -> bool {
        lock(&self.0).iter().any(|(known, at)| known == token && at.elapsed() <= Self::TIME)
    }
}

/// One person who is on.
#[derive(Clone, Debug)]
pub struct Online {
    /// The connection.
    pub client: ClientId,
    /// The name.
    pub name: Name,
    /// By which door.
    pub door: &'static str,
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

/// What came of something that was sent with a `cid`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// It was said in a room.
    Said {
        /// Where.
        room: String,
        /// The number it got.
        seq: u64,
        /// Its id.
        id: Uuid,
        /// The words that were sent.
        text: String,
    },
    /// It was whispered.
    Whispered {
        /// To whom.
        to: Name,
        /// The words that were sent.
        text: String,
    },
}

/// Whose `cid` it is: a connection's, which may change its name, or a name's, which may come back by another connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Owner {
    Client(ClientId),
    Name(Name),
}

#[derive(Default)]
struct Receipts {
    by_cid: HashMap<(Owner, String), Arc<Receipt>>,
    oldest_first: VecDeque<(Owner, String)>,
    /// What they cost, in bytes.
    bytes: usize,
}

impl Receipt {
    fn cost(&self) -> usize {
        let (Receipt::Said { text, .. } | Receipt::Whispered { text, .. }) = self;
        RECEIPT + text.len()
    }
}

/// The messages that are kept, oldest first: the room, the number, the id, and the bytes that it was counted for.
#[derive(Default)]
struct Kept {
    oldest_first: VecDeque<(String, u64, Uuid, usize)>,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, room: String, seq: u64, id: Uuid, bytes: usize) {
        self.oldest_first.push_back((room, seq, id, bytes));
        self.bytes += bytes;
    }

    /// The oldest one, if there are too many.
    fn pop(&mut self) -> Option<(String, u64, Uuid)> {
        if self.oldest_first.len() <= ALL_MESSAGES && self.bytes <= ALL_BYTES {
            return None;
        }
        let (room, seq, id, bytes) = self.oldest_first.pop_front()?;
        self.bytes -= bytes;
        Some((room, seq, id))
    }
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

impl AppState {
    /// An empty state.
    pub fn new(handle: ServerHandle, config: WebConfig) -> AppState {
        let lobby = RoomLog { name: bare(&RoomName::lobby()), modes: "+".into(), ..RoomLog::default() };
        AppState {
            handle,
            config,
            instance: random_uuid(),
            started: Instant::now(),
            users: DashMap::new(),
            messages: DashMap::new(),
            rooms: DashMap::from_iter([(lobby.name.clone(), lobby)]),
            sessions: DashMap::new(),
            renewed: Renewed::default(),
            tx: broadcast::channel(1_024).0,
            closing: watch::channel(false).0,
            figures: Figures::default(),
            places: Places::default(),
            warned_of_proxy: AtomicBool::new(false),
            forgotten: AtomicU64::new(0),
            mended_at: AtomicU64::new(0),
            kept: Mutex::default(),
            receipts: Mutex::default(),
        }
    }

    /// Hands a message to the router. Its inbox is for all: where it is full, this task waits and nobody else.
    pub async fn tell_router(&self, message: ToRouter) {
        let mut message = message;
        while let Err(back) = self.handle.try_send(message) {
            message = back;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The public id of a connection. It is made from the number, so every part of the door finds the same one.
    pub fn user_id(&self, client: ClientId) -> Uuid {
        let mut seed = self.instance.as_bytes().to_vec();
        seed.extend((client.0 as u64).to_be_bytes());
        let millis = self.instance.get_timestamp().map_or(0, |at| at.to_unix().0 * 1_000);
        uuid::Builder::from_unix_timestamp_millis(millis, &ten_bytes(&seed)).into_uuid()
    }

    /// A person as events name them. Whoever spoke before the start has no connection any more, and is known by the name.
    pub fn author(&self, client: ClientId, name: &Name) -> Author {
        let id = if client == BEFORE { self.id_before(name) } else { self.user_id(client) };
        Author { id, name: name.to_string() }
    }

    /// The public id of somebody who spoke before the start: the same for the same name.
    fn id_before(&self, name: &Name) -> Uuid {
        let mut seed = self.instance.as_bytes().to_vec();
        seed.extend(name.as_str().to_ascii_lowercase().bytes());
        let millis = self.instance.get_timestamp().map_or(0, |at| at.to_unix().0 * 1_000);
        uuid::Builder::from_unix_timestamp_millis(millis, &ten_bytes(&seed)).into_uuid()
    }

    /// A person of whom only the name is known. Nil is nobody who is on.
    pub fn author_named(&self, name: &Name) -> Author {
        let known = self.users.iter().find(|user| user.name == *name).map(|user| *user.key());
        // The tap may not have brought somebody yet who has just come.
        let found = known.or_else(|| {
            let people = self.handle.registry().people();
            people.iter().find(|person| person.name == *name).map(|person| self.user_id(person.id))
        });
        Author { id: found.unwrap_or_default(), name: name.to_string() }
    }

    /// A line of a room as a message.
    pub fn message(&self, envelope: &Envelope, speech: &Speech) -> Message {
        Message {
            room: bare(&speech.room),
            seq: speech.id,
            id: message_id(envelope.at.timestamp_millis(), &speech.room, speech.id),
            cid: None,
            from: self.author(speech.by, &speech.from),
            account: speech.signed,
            at: timestamp(envelope.at),
            text: speech.text.to_string(),
            file: speech.file.map(FileInfo::from),
            act: speech.act,
            reply_to: speech.re,
            edited: speech.version == Version::Edited,
            deleted: speech.version == Version::Deleted,
            reactions: BTreeMap::new(),
            reactors: BTreeMap::new(),
        }
    }

    // ---- what the tap brings ----

    /// Takes in what happened in public.
    pub fn take(&self, envelope: &Envelope) {
        match &envelope.event {
            Event::Said(speech) => {
                self.room(&speech.room, |_| {});
                let message = self.message(envelope, speech);
                if let Some(cid) = &speech.cid {
                    // Also of what was said before the start: who had no answer then sends it again.
                    let Message { room, seq, id, text, .. } = message.clone();
                    self.remember(speech.by, &speech.from, cid, &Receipt::Said { room, seq, id, text });
                }
                self.keep(message);
            }
            Event::Changed(change) => self.change(change),
            Event::Topic { room, text, .. } => self.room(room, |log| log.topic = text.to_string()),
            Event::Mode { room, modes, .. } | Event::Emptied { room, modes } => {
                self.room(room, |log| log.modes = modes.to_string())
            }
            Event::Joined { room, .. } => self.room(room, |_| {}),
            Event::Forgotten(room) => self.forget(room),
            Event::SignedOn { by, name, door } => {
                let id = self.user_id(*by);
                self.users.insert(id, Online { client: *by, name: name.clone(), door });
                self.presence(self.author(*by, name), Presence::Online, None);
            }
            Event::SignedOff { by, name } => {
                self.users.remove(&self.user_id(*by));
                self.presence(self.author(*by, name), Presence::Offline, None);
            }
            Event::Renamed { by, new, .. } => {
                if let Some(mut user) = self.users.get_mut(&self.user_id(*by)) {
                    user.name = new.clone();
                }
            }
            // The rest is of the moment, or not public.
            _ => {}
        }
    }

    /// How many events the tap missed, because this door was too slow for it. Not 0 means that what REST reads of rooms may
    /// lack lines; what sockets get does not come from the tap, and lacks nothing.
    pub fn missed(&self) -> u64 {
        self.handle.metrics().tap_missed.load(Ordering::Relaxed)
    }

    /// Makes good what can be made good, if the tap missed something since the last time: who is on comes from the registry;
    /// by which modes rooms are closed meanwhile nobody knows, so those that are hidden from somebody are not even named to
    /// them until the router says anew how they are.
    pub fn mend(&self) {
        let missed = self.missed();
        if self.mended_at.swap(missed, Ordering::AcqRel) == missed {
            return;
        }
        tracing::error!(missed, "the read model lacks events");
        let people = self.handle.registry().people();
        self.users.retain(|_, user| people.iter().any(|person| person.id == user.client));
        for person in people {
            let online = Online { client: person.id, name: person.name, door: person.door };
            self.users.insert(self.user_id(person.id), online);
        }
        let lobby = key(&RoomName::lobby());
        self.rooms.iter_mut().filter(|log| *log.key() != lobby).for_each(|mut log| log.modes = "+i".into());
    }

    /// Keeps a message, if it is new. The author's own session may be quicker than the tap, or so late that the room is
    /// forgotten: what was said in a closed room must not come back.
    pub fn keep(&self, message: Message) {
        let (key, seq, id) = (message.room.to_ascii_lowercase(), message.seq, message.id);
        // Whoever reads the room's last number finds the message: both change under the room's lock.
        let Some(mut log) = self.rooms.get_mut(&key) else { return };
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
        lock(&self.kept).push(key, seq, id, bytes);
        // Taken out of its lock one by one: a room's lock is never waited for under it.
        while let Some((key, seq, id)) = { lock(&self.kept).pop() } {
            self.messages.remove(&id);
            if let Some(mut log) = self.rooms.get_mut(&key)
                && log.messages.get(&seq) == Some(&id)
            {
                log.messages.remove(&seq);
            }
        }
    }

    fn change(&self, change: &Change) {
        let Some(mut log) = self.rooms.get_mut(&key(&change.room)) else { return };
        if let Some(id) = log.messages.get(&change.target)
            && let Some(mut message) = self.messages.get_mut(id)
        {
            let who = self.author(change.by, &change.from).id;
            apply(&mut message, change, who);
        }
        log.last_seq = log.last_seq.max(change.id);
    }

    /// Changes what is known of a room, which may be new.
    pub fn room(&self, room: &RoomName, change: impl FnOnce(&mut RoomLog)) {
        let mut log = self.rooms.entry(key(room)).or_default();
        if log.name.is_empty() {
            log.name = bare(room);
            log.modes = "+".into();
            log.base = self.forgotten.load(Ordering::Acquire);
            log.last_seq = log.base;
        }
        change(&mut log);
    }

    fn forget(&self, room: &RoomName) {
        if let Some((_, log)) = self.rooms.remove(&key(room)) {
            self.forgotten.fetch_max(log.last_seq, Ordering::AcqRel);
            for id in log.messages.values() {
                self.messages.remove(id);
            }
        }
    }

    /// Tells every socket whether somebody is there.
    pub fn presence(&self, user: Author, state: Presence, away: Option<String>) {
        // Nobody listening is no error.
        let _listeners = self.tx.send(frame(&ServerFrame::Presence { user, state, away }));
    }

    // ---- what REST reads ----

    /// A page of a room's messages. There is nothing in a room that the tap has not brought yet: whoever has just opened it hears
    /// so by their session, which may be quicker.
    pub fn page(&self, room: &str, query: PageQuery) -> Page {
        let Some(log) = self.rooms.get(&room.to_ascii_lowercase()) else {
            let last_seq = self.forgotten.load(Ordering::Acquire);
            return Page { prev: None, next: None, last_seq, messages: Vec::new() };
        };
        let (mut after, before) = (query.after, query.before.unwrap_or(u64::MAX));
        if let Some(around) = query.around {
            let older = log.messages.range(..around).rev().take(query.limit / 2).last();
            after = Some(older.map_or(around, |(seq, _)| *seq).saturating_sub(1));
        }
        let from = after.map_or(0, |seq| seq.saturating_add(1));
        let range = || log.messages.range(from.min(before)..before);
        let ids: Vec<(u64, Uuid)> = if after.is_some() {
            range().take(query.limit).map(|(seq, id)| (*seq, *id)).collect()
        } else {
            let mut newest: Vec<_> = range().rev().take(query.limit).map(|(seq, id)| (*seq, *id)).collect();
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

    /// What is not in memory any more: the lines before a page, from the router's store, and where there is still more. Nothing
    /// if there is no store.
    ///
    /// # Errors
    /// As [`AppState::read`].
    pub async fn older(
        &self,
        who: Onlooker,
        room: &RoomName,
        before: u64,
        limit: usize,
    ) -> Result<(Vec<Message>, Option<u64>), AppError> {
        match self.read(who, Question::Page { room: room.clone(), before, after: None, limit, export: false }).await {
            Ok((lines, more)) => Ok((self.messages_of(&lines), more)),
            Err(AppError::Chat(refusal)) if refusal.code() == Code::NoStore => Ok((Vec::new(), None)),
            Err(error) => Err(error),
        }
    }

    /// What was said, of the router's store: lines, and where to go on.
    ///
    /// # Errors
    /// Why somebody may not read that, or has to wait.
    pub async fn read(&self, who: Onlooker, question: Question) -> Result<(Vec<Arc<Envelope>>, Option<u64>), AppError> {
        match self
            .answer(|reply| ToRouter::Read { who, question: Box::new(question), reply })
            .await
            .ok_or(AppError::Stopping)?
        {
            StoreAnswer::Lines { lines, more } => Ok((lines, more)),
            StoreAnswer::Refused(refused) => Err(AppError::of_look(refused.into())),
            _ => Err(AppError::Internal),
        }
    }

    /// Asks the router's store. `is_private` matters for passwords only. `None` if there is no answer.
    pub async fn ask(&self, question: Question, is_private: bool) -> Option<StoreAnswer> {
        self.answer(|reply| ToRouter::Ask { question, is_private, reply }).await
    }

    /// Tells the router something that it answers; `None` where it has ended.
    pub async fn answer(&self, message: impl FnOnce(Reply) -> ToRouter) -> Option<StoreAnswer> {
        let (reply, answer) = oneshot::channel();
        self.tell_router(message(Box::new(move |said| drop(reply.send(said))))).await;
        answer.await.ok()
    }

    /// Lines of a store as messages, with the reactions among them. Corrections are in the messages already.
    pub fn messages_of(&self, lines: &[Arc<Envelope>]) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        for line in lines {
            match &line.event {
                Event::Said(speech) => messages.push(self.message(line, speech)),
                Event::Changed(change) if matches!(change.what, What::Reacted(_) | What::Unreacted(_)) => {
                    let of = |message: &&mut Message| {
                        message.seq == change.target && message.room.eq_ignore_ascii_case(&bare(&change.room))
                    };
                    if let Some(message) = messages.iter_mut().find(of) {
                        apply(message, change, self.author(change.by, &change.from).id);
                    }
                }
                _ => {}
            }
        }
        messages
    }

    /// The number of a room's last event, as far as the tap has come.
    pub fn last_seq(&self, room: &RoomName) -> u64 {
        self.rooms.get(&key(room)).map_or_else(|| self.forgotten.load(Ordering::Acquire), |log| log.last_seq)
    }

    /// The number of a room's last message that is not deleted.
    pub fn last_message(&self, room: &RoomName) -> Option<u64> {
        let log = self.rooms.get(&key(room))?;
        let stands = |id: &Uuid| self.messages.get(id).is_some_and(|message| !message.deleted);
        log.messages.iter().rev().find(|(_, id)| stands(id)).map(|(seq, _)| *seq)
    }

    /// Asks the router whether somebody may read that. Returns the rooms that are hidden from them, where it is everything.
    ///
    /// # Errors
    /// Why they may not: there is no such room, it is closed, or they are kept out.
    pub async fn look(&self, who: Onlooker, what: Sought) -> Result<Vec<RoomName>, AppError> {
        let (reply, answer) = oneshot::channel();
        self.tell_router(ToRouter::Look { who, what, reply: Box::new(move |said| drop(reply.send(said))) }).await;
        answer.await.map_err(|_| AppError::Stopping)?.map_err(AppError::of_look)
    }

    /// All who are on, by name, with those of their rooms that are not hidden.
    pub fn people(&self, hidden: &[RoomName]) -> Vec<User> {
        let now = Moment::now();
        let mut people: Vec<User> = self
            .handle
            .registry()
            .people()
            .into_iter()
            .map(|person| {
                let idle = person.last_line.map_or(0, |at| now.saturating_duration_since(at).as_secs());
                let rooms = person.rooms.iter().filter(|room| !hidden.contains(room)).map(bare);
                User {
                    id: self.user_id(person.id),
                    name: person.name.to_string(),
                    door: person.door,
                    state: Presence::of(person.away.is_some(), idle),
                    away: person.away.map(|why| why.to_string()),
                    rooms: rooms.collect(),
                    idle: Some(idle),
                }
            })
            .collect();
        people.sort_by_key(|user| user.name.to_ascii_lowercase());
        people
    }

    /// The rooms that somebody may know of, by name, with how many are in them. Of those that are hidden from them only that
    /// they are there, and not even that if one comes in by invitation.
    pub fn open_rooms(&self, hidden: &[RoomName]) -> Vec<Room> {
        let mut rooms = self.all_rooms();
        let is_hidden = |room: &Room| hidden.iter().any(|name| bare(name).eq_ignore_ascii_case(&room.id));
        rooms.retain(|room| !room.modes.contains('i') || !is_hidden(room));
        rooms.iter_mut().filter(|room| is_hidden(room)).for_each(|room| room.topic.clear());
        rooms
    }

    /// All rooms, by name, for operators.
    pub fn all_rooms(&self) -> Vec<Room> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for room in self.handle.registry().people().iter().flat_map(|person| &person.rooms) {
            *counts.entry(key(room)).or_default() += 1;
        }
        let mut rooms: Vec<Room> = self
            .rooms
            .iter()
            .map(|log| Room {
                id: log.name.clone(),
                topic: log.topic.clone(),
                modes: log.modes.clone(),
                users: counts.get(log.key()).copied().unwrap_or(0),
                last_seq: log.last_seq,
            })
            .collect();
        rooms.sort_by(|a, b| a.id.cmp(&b.id));
        rooms
    }

    // ---- receipts ----

    /// What came of what this person sent before with this `cid`.
    pub fn receipt(&self, client: ClientId, name: &Name, cid: &str) -> Option<Receipt> {
        let receipts = lock(&self.receipts);
        let of = |owner| receipts.by_cid.get(&(owner, cid.to_string())).map(|receipt| Receipt::clone(receipt));
        of(Owner::Client(client)).or_else(|| of(Owner::Name(name.clone())))
    }

    /// Remembers what came of something.
    pub fn remember(&self, client: ClientId, name: &Name, cid: &str, receipt: &Receipt) {
        let mut receipts = lock(&self.receipts);
        let receipt = Arc::new(receipt.clone());
        for owner in [Owner::Client(client), Owner::Name(name.clone())] {
            let key = (owner, cid.to_string());
            receipts.bytes += receipt.cost();
            match receipts.by_cid.insert(key.clone(), receipt.clone()) {
                Some(before) => receipts.bytes -= before.cost(),
                None => receipts.oldest_first.push_back(key),
            }
        }
        while receipts.oldest_first.len() > 2 * RECEIPTS || receipts.bytes > RECEIPT_BYTES {
            let Some(oldest) = receipts.oldest_first.pop_front() else { break };
            if let Some(gone) = receipts.by_cid.remove(&oldest) {
                receipts.bytes -= gone.cost();
            }
        }
    }
}

impl RoomLog {
    /// Whether everybody may come in and read.
    pub fn is_open(&self) -> bool {
        !self.modes.contains(['i', 'k'])
    }
}

/// Does to a message what happened to it.
fn apply(message: &mut Message, change: &Change, who: Uuid) {
    match &change.what {
        What::Edited(text) => {
            message.text = text.to_string();
            message.edited = true;
        }
        What::Deleted => {
            message.text.clear();
            message.file = None;
            message.deleted = true;
            message.reactions.clear();
            message.reactors.clear();
        }
        What::Reacted(emoji) => {
            let ids = message.reactors.entry(emoji.to_string()).or_default();
            if !ids.contains(&who) {
                ids.push(who);
                message.reactions.entry(emoji.to_string()).or_default().push(change.from.to_string());
            }
        }
        // Found by the connection: its name may be another one by now.
        What::Unreacted(emoji) => {
            let Some(ids) = message.reactors.get_mut(emoji.as_str()) else { return };
            let Some(place) = ids.iter().position(|id| *id == who) else { return };
            ids.remove(place);
            if let Some(names) = message.reactions.get_mut(emoji.as_str()) {
                names.remove(place);
            }
            if ids.is_empty() {
                message.reactors.remove(emoji.as_str());
                message.reactions.remove(emoji.as_str());
            }
        }
    }
}

/// The key of a room in [`AppState::rooms`].
pub fn key(room: &RoomName) -> String {
    bare(room).to_ascii_lowercase()
}

/// A frame as it goes over the socket.
pub fn frame(frame: &ServerFrame) -> Utf8Bytes {
    // Maps with string keys and plain values: serde_json cannot fail on them.
    serde_json::to_string(frame).unwrap_or_else(|_| String::from("{}")).into()
}

/// A message's id: the same wherever and whenever it is made from the same line.
pub fn message_id(millis: i64, room: &RoomName, seq: u64) -> Uuid {
    let mut seed = key(room).into_bytes();
    seed.extend(seq.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(millis.max(0) as u64, &ten_bytes(&seed)).into_uuid()
}

/// A UUIDv7 of this moment.
pub fn random_uuid() -> Uuid {
    let millis =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let mut bytes = [0; 10];
    fill_random(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(millis as u64, &bytes).into_uuid()
}

/// 128 random bits in hexadecimal digits.
pub fn random_token() -> String {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random bytes from the system.
///
/// # Panics
/// If the system has none. A token that can be guessed would be worse.
fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system gives random bytes");
}

/// FNV-1a, 128 bits of it, folded to ten bytes: ids have to differ, not to be secret.
fn ten_bytes(seed: &[u8]) -> [u8; 10] {
    let hash = seed.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    let mixed = hash ^ (hash >> 61);
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&mixed.to_be_bytes()[6..]);
    bytes
}

/// Nothing behind these locks can panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
