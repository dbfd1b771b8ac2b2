//! Lines that were said elsewhere, put into the data of a server that does not run: all of an import or nothing of it.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::path::Path;

use chat_server::features::archive::store::{Record, RoomState};
use chat_server::features::operators::audit::Act;
use chat_server::model::event::{Change, Envelope, Event, Speech, What};
use chat_server::model::looks;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use crate::accounts::New;
use crate::db;
use crate::errors::OpenError;
use crate::keep::{Keeper, audit, folded};
use crate::lines::{DELETED, EDITED, REACTED, SAID, UNREACTED};
use crate::lock::Lock;
use crate::offline::OfflineError;
use crate::passwords::{Hasher, Password, Strength};

/// The most numbers that are tried behind a name that another account looks like.
const NUMBERS: usize = 1_000;

/// An import under way, in one transaction. Dropped without [`Import::finish`], it leaves nothing behind.
pub struct Import {
    db: Connection,
    keeper: Keeper,
    /// Of a password that is known to no user: an account has one.
    hash: String,
    /// What is there of the rooms that were asked for.
    rooms: HashMap<RoomName, Known>,
    now: DateTime<Utc>,
    _lock: Lock,
}

/// What an import knows of a room.
#[derive(Default)]
struct Known {
    /// The numbers of the lines that stood there before, by time, author and kind: each is matched once.
    lines: HashMap<(i64, String, i64), VecDeque<Line>>,
    /// The import has made it, so a line keeps the number that it had elsewhere.
    is_new: bool,
}

/// A line that stood there before.
struct Line {
    id: u64,
    /// It has several lines.
    is_long: bool,
    /// Of its words; none, where it is deleted.
    words: Option<u64>,
}

/// Takes the line out that a message was taken as: one, or as many as the message has lines. Before messages had several, an import
/// made a line of each of them, one behind the other. A line that is deleted here has no other words than the message.
fn double(known: &mut VecDeque<Line>, text: &str) -> Option<Placed> {
    let Line { id, is_long, words } = known.pop_front()?;
    let mut lines = text.split('\n').filter(|line| !line.is_empty());
    let is_one = is_long || lines.clone().nth(1).is_none();
    let is_same = |here: Option<u64>, text: &str| here.is_none_or(|here| here == hashed(text));
    let mut same = is_same(words, if is_one { text } else { lines.next().unwrap_or_default() });
    for (id, text) in (id + 1..).zip(lines).take(if is_one { 0 } else { usize::MAX }) {
        let next = known.pop_front_if(|line| !line.is_long && line.id == id)?;
        same &= is_same(next.words, text);
    }
    Some(if same { Placed::Double(id) } else { Placed::Other(id) })
}

fn hashed(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Where a line of an import is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placed {
    /// It is new, with this number.
    New(u64),
    /// It stood there before, with this number.
    Double(u64),
    /// It stood there before, with this number and other words.
    Other(u64),
}

impl Placed {
    /// The line's number.
    pub fn id(self) -> u64 {
        let (Placed::New(id) | Placed::Double(id) | Placed::Other(id)) = self;
        id
    }
}

/// A room, as an import finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// It is made by the import.
    New,
    /// It is there, for all or by invitation.
    There {
        /// `+i`.
        invite_only: bool,
    },
}

impl Import {
    /// Opens the data in a directory, or makes it.
    ///
    /// # Errors
    /// A server has it, or whatever else [`OpenError`] knows.
    pub fn open(dir: &Path, strength: Strength) -> Result<Import, ImportError> {
        let lock = Lock::make(dir).map_err(ImportError::Open)?;
        let db = db::open(dir).map_err(ImportError::Open)?;
        let begun = || -> Result<(Keeper, String), OfflineError> {
            let mut random = [0; 32];
            getrandom::fill(&mut random).map_err(|error| OfflineError::Failed(error.to_string()))?;
            let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            let password = Password::new(&Secret::new(random))?;
            let hashed = Hasher::new(strength).hash(&password);
            let hash = hashed.map_err(|error| OfflineError::Failed(error.to_string()))?;
            db.execute_batch("BEGIN IMMEDIATE")?;
            Ok((Keeper::new(&db)?, hash))
        };
        let (keeper, hash) = begun().map_err(ImportError::Failed)?;
        Ok(Import { db, keeper, hash, rooms: HashMap::new(), now: Utc::now(), _lock: lock })
    }

    /// When the import began.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// An account for a person, which is made where there is none of that name. Where another account looks like it, or the name is
    /// one of the server's own, it gets a number. Returns its name, and whether it is new.
    ///
    /// No user knows the password of a new one: the operator gives it one.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn person(&self, wanted: &Name) -> Result<(Name, bool), OfflineError> {
        let mut candidates = std::iter::once(wanted.clone()).chain((2..NUMBERS).map(|number| wanted.numbered(number)));
        let sql = "SELECT name FROM accounts WHERE name = ?1 OR skeleton = ?2 ORDER BY name = ?1 DESC";
        let mut find = self.db.prepare_cached(sql)?;
        loop {
            let name =
                candidates.next().ok_or_else(|| OfflineError::Failed(format!("too many names like {wanted}")))?;
            let is_reserved = looks::reserved(&name, "").is_some();
            let look = looks::look(name.as_str());
            let owner: Option<String> = find.query_row([name.as_str(), &look], |row| row.get(0)).optional()?;
            match owner {
                Some(owner) if owner.eq_ignore_ascii_case(name.as_str()) => return Ok((name, false)),
                None if !is_reserved => {
                    let new = New { name: &name, role: Role::Member, invite: None, needs_invite: false };
                    let account = new.insert(&self.db, &self.hash, self.now.timestamp_millis())?;
                    // No user has signed in to it.
                    self.db.execute("UPDATE accounts SET seen = 0 WHERE account = ?1", [account])?;
                    return Ok((name, true));
                }
                _ => {}
            }
        }
    }

    /// How a room of that name is here.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn find(&self, name: &RoomName) -> Result<Found, OfflineError> {
        let find = "SELECT instr(modes, 'i') > 0 FROM rooms WHERE folded = ?1";
        let modes = self.db.query_row(find, [folded(name)], |row| row.get(0)).optional()?;
        Ok(modes.map_or(Found::New, |invite_only| Found::There { invite_only }))
    }

    /// Makes a room.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn make(&mut self, room: RoomState) -> Result<(), OfflineError> {
        let name = room.name.clone();
        self.write(Record { rooms: vec![room], ..Record::default() })?;
        self.rooms.insert(name, Known { is_new: true, ..Known::default() });
        Ok(())
    }

    /// Takes a line in, unless it is here: of the same author, in the same room, of the same millisecond and kind. In a room that
    /// the import has made, it keeps its number; elsewhere it gets the next one.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn line(&mut self, at: DateTime<Utc>, event: Event) -> Result<Placed, OfflineError> {
        let (room, from, kind, wanted) = match &event {
            Event::Said(Speech { room, from, id, .. }) => (room, from, SAID, *id),
            Event::Changed(Change { room, from, id, what, .. }) => (room, from, kind(what), *id),
            _ => return Err(OfflineError::Failed("an import has lines alone".into())),
        };
        let (room, from) = (room.clone(), from.as_str().to_ascii_lowercase());
        if !self.rooms.contains_key(&room) {
            let known = self.known(&room)?;
            self.rooms.insert(room.clone(), known);
        }
        let known = self.rooms.entry(room.clone()).or_default();
        let text = match &event {
            Event::Said(speech) => speech.text.as_str(),
            Event::Changed(Change { what: What::Edited(text), .. }) => text.as_str(),
            _ => "",
        };
        let there = known.lines.get_mut(&(at.timestamp_millis(), from, kind));
        if let Some(placed) = there.and_then(|there| double(there, text)) {
            return Ok(placed);
        }
        let next = self.keeper.last_id(&self.db, &room)? + 1;
        let id = if known.is_new { wanted.max(next) } else { next };
        let event = match event {
            Event::Said(speech) => Event::Said(Speech { id, ..speech }),
            Event::Changed(change) => Event::Changed(Change { id, ..change }),
            other => other,
        };
        self.write(Record { lines: vec![Envelope::new(at, event)], ..Record::default() })?;
        Ok(Placed::New(id))
    }

    /// Writes all of it, with a line in the audit that says from where; or, as a trial, nothing.
    ///
    /// # Errors
    /// What SQLite says: a full disk, for instance. Nothing is written then.
    pub fn finish(self, from: &str, detail: &str, is_trial: bool) -> Result<(), OfflineError> {
        if is_trial {
            return Ok(self.db.execute_batch("ROLLBACK")?);
        }
        let text = |text| Text::new(text).unwrap_or_default();
        let (what, target) = (text("import"), text(from));
        audit(&self.db, &Act { at: self.now, by: text("chatd"), what, room: None, target, detail: text(detail) })?;
        Ok(self.db.execute_batch("COMMIT")?)
    }

    fn write(&mut self, record: Record) -> rusqlite::Result<()> {
        self.keeper.add(&self.db, &record)
    }

    /// What stands in a room.
    fn known(&self, room: &RoomName) -> rusqlite::Result<Known> {
        let mut known = Known::default();
        let sql =
            "SELECT log.at, log.author, log.kind, log.id, log.text, log.version = 2 FROM log JOIN rooms USING (room)
                   WHERE rooms.folded = ?1 ORDER BY log.id";
        let mut find = self.db.prepare_cached(sql)?;
        let mut rows = find.query(params![folded(room)])?;
        while let Some(row) = rows.next()? {
            let author: String = row.get(1)?;
            let key = (row.get(0)?, author.to_ascii_lowercase(), row.get(2)?);
            let (text, is_deleted): (String, bool) = (row.get(4)?, row.get(5)?);
            let words = (!is_deleted).then(|| hashed(&text));
            known.lines.entry(key).or_default().push_back(Line {
                id: row.get(3)?,
                is_long: text.contains('\n'),
                words,
            });
        }
        Ok(known)
    }
}

fn kind(what: &What) -> i64 {
    match what {
        What::Edited(_) => EDITED,
        What::Deleted => DELETED,
        What::Reacted(_) => REACTED,
        What::Unreacted(_) => UNREACTED,
    }
}

/// Why an import cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The data cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// It is open, and fails.
    #[error(transparent)]
    Failed(OfflineError),
}
