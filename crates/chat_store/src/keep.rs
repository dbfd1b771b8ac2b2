//! Writes turns as rows. Everything in here happens inside a transaction that the caller begins and ends.

use std::collections::HashMap;

use chat_server::features::archive::store::{Record, RoomState};
use chat_server::features::operators::audit::Act;
use chat_server::model::event::{Change, Event, Speech, What};
use chat_server::model::names::{Name, RoomName};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use crate::accounts;
use crate::backlog::Entry;
use crate::bans;
use crate::disown;
use crate::index;
use crate::lines::{DELETED, EDITED, REACTED, SAID, UNREACTED, room_name, version};
use crate::members;
use crate::preferences;

/// What the writer knows of the database without asking it, and what it has to write at the end of the transaction.
pub(crate) struct Keeper {
    places: HashMap<RoomName, Place>,
    /// Rooms whose last id is not that of their row.
    grown: Vec<RoomName>,
    pub(crate) next_seq: i64,
    pub(crate) indexed: i64,
    forgotten_id: u64,
    /// Words were deleted, which the journal still has.
    pub(crate) has_wiped: bool,
    /// Rooms were forgotten, whose lines are to go.
    pub(crate) has_forgotten: bool,
}

struct Place {
    room: i64,
    last_id: u64,
    /// No line was ever written, so the first one may have any id: a room may have been opened long before.
    is_new: bool,
}

impl Keeper {
    pub(crate) fn new(db: &Connection) -> rusqlite::Result<Keeper> {
        let (indexed, forgotten_id) =
            db.query_row("SELECT indexed, forgotten_id FROM state", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let last_seq: i64 = db.query_row("SELECT coalesce(max(seq), 0) FROM log", [], |row| row.get(0))?;
        Ok(Keeper {
            places: HashMap::new(),
            grown: Vec::new(),
            // Numbers of rows that are gone must not come back: the index would take the new ones for known.
            next_seq: last_seq.max(indexed) + 1,
            indexed,
            forgotten_id,
            has_wiped: false,
            has_forgotten: db
                .query_row("SELECT EXISTS (SELECT 1 FROM rooms WHERE folded IS NULL)", [], |row| row.get(0))?,
        })
    }

    /// The same after a transaction that failed: what it was to do besides is still to be done.
    pub(crate) fn anew(&self, db: &Connection) -> rusqlite::Result<Keeper> {
        Ok(Keeper { has_wiped: self.has_wiped, ..Keeper::new(db)? })
    }

    /// Writes some turns. If it fails nothing that this knows is true any more, and there has to be a new one.
    pub(crate) fn keep(&mut self, db: &Connection, entries: &[Entry]) -> rusqlite::Result<()> {
        for Entry { record, last_ids, .. } in entries {
            self.record(db, record)?;
            for (room, last_id) in last_ids {
                self.skip_to(db, room, *last_id + 1)?;
            }
        }
        self.grow(db)
    }

    /// Writes what was said elsewhere, likewise.
    pub(crate) fn add(&mut self, db: &Connection, record: &Record) -> rusqlite::Result<()> {
        self.record(db, record)?;
        self.grow(db)
    }

    /// The last number that a room has given. The room is made if there is none.
    pub(crate) fn last_id(&mut self, db: &Connection, room: &RoomName) -> rusqlite::Result<u64> {
        Ok(self.place(db, room)?.last_id)
    }

    /// Writes the last ids of rooms that have grown.
    fn grow(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut grow = db.prepare_cached("UPDATE rooms SET last_id = ?2 WHERE room = ?1")?;
        for name in self.grown.drain(..) {
            if let Some(place) = self.places.get(&name) {
                grow.execute(params![place.room, place.last_id])?;
            }
        }
        Ok(())
    }

    /// Lines from `first` on were said while the clock was behind. Those of one hour have one row.
    pub(crate) fn note_late(&self, db: &Connection, first: i64, at: DateTime<Utc>) -> rusqlite::Result<()> {
        let (last, at) = (self.next_seq - 1, at.timestamp_millis());
        if last < first {
            return Ok(());
        }
        let mut go_on = db.prepare_cached("UPDATE late SET last = ?2 WHERE last = ?1 - 1 AND at > ?3 - 3600000")?;
        if go_on.execute(params![first, last, at])? == 0 {
            db.prepare_cached("INSERT INTO late (first, last, at) VALUES (?1, ?2, ?3)")?
                .execute(params![first, last, at])?;
        }
        Ok(())
    }

    fn record(&mut self, db: &Connection, record: &Record) -> rusqlite::Result<()> {
        for (room, last_id) in &record.forgotten {
            self.forget(db, room, *last_id)?;
            crate::programs::forget_room(db, room)?;
            crate::webhooks::forget_room(db, room)?;
        }
        for state in &record.rooms {
            self.write_room(db, state)?;
        }
        for line in &record.lines {
            let (Some(room), Some(id)) = (line.room(), line.id()) else { continue };
            // Said in the room that was forgotten later in this turn.
            if record.forgotten.iter().any(|(gone, last_id)| gone == room && id <= *last_id) {
                continue;
            }
            if !self.take_id(db, room, id)? {
                continue;
            }
            let at = line.at.timestamp_millis();
            match &line.event {
                Event::Said(speech) => self.said(db, at, speech)?,
                Event::Changed(change) => self.changed(db, at, change)?,
                _ => {}
            }
        }
        for act in &record.acts {
            audit(db, act)?;
        }
        if let Some(held) = &record.bans {
            bans::write(db, bans::SERVER, held)?;
        }
        record.wiped.iter().try_for_each(|account| self.wipe(db, account))?;
        record.disowned.iter().try_for_each(|gone| disown::disown(db, &gone.name, gone.room.as_ref()))?;
        record.memberships.iter().try_for_each(|membership| members::write(db, membership))?;
        record.mentions.iter().try_for_each(|mention| members::mention(db, mention))?;
        record.preferences.iter().try_for_each(|preference| preferences::write(db, preference))
    }

    /// The row of a room. There is one for each room in which a user spoke.
    fn place(&mut self, db: &Connection, name: &RoomName) -> rusqlite::Result<&mut Place> {
        if !self.places.contains_key(name) {
            let found = db
                .prepare_cached("SELECT room, first_id, last_id FROM rooms WHERE folded = ?1")?
                .query_row([folded(name)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let (room, first_id, last_id): (i64, u64, u64) = match found {
                Some(found) => found,
                None => {
                    self.write_room(db, &RoomState::new(name.clone()))?;
                    (db.last_insert_rowid(), 0, self.forgotten_id)
                }
            };
            let place = Place { room, last_id, is_new: first_id == 0 };
            self.places.insert(name.clone(), place);
        }
        self.places.get_mut(name).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// A line has this id. False if another has it already, which is an error of ours.
    fn take_id(&mut self, db: &Connection, name: &RoomName, id: u64) -> rusqlite::Result<bool> {
        let place = self.place(db, name)?;
        if id <= place.last_id && !place.is_new {
            // No log names a direct talk.
            let room = if name.is_talk() { "a direct talk" } else { name.as_str() };
            log::error!(
                "{room}: there is a line {id} already, the last one is {}; the new one is not kept",
                place.last_id
            );
            return Ok(false);
        }
        self.skip_to(db, name, id)?;
        self.place(db, name)?.last_id = id;
        if self.grown.last() != Some(name) {
            self.grown.push(name.clone());
        }
        Ok(true)
    }

    /// The next line of a room will have this id. What is before it and not here is lost, which is written down.
    fn skip_to(&mut self, db: &Connection, name: &RoomName, id: u64) -> rusqlite::Result<()> {
        let place = self.place(db, name)?;
        if place.is_new {
            place.is_new = false;
            db.prepare_cached("UPDATE rooms SET first_id = ?2 WHERE room = ?1")?.execute(params![place.room, id])?;
        } else if id <= place.last_id + 1 {
            return Ok(());
        } else {
            db.prepare_cached("INSERT INTO lost (room, first, last, at) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                place.room,
                place.last_id + 1,
                id - 1,
                Utc::now().timestamp_millis()
            ])?;
        }
        place.last_id = id - 1;
        self.grown.push(name.clone());
        Ok(())
    }

    fn said(&mut self, db: &Connection, at: i64, speech: &Speech) -> rusqlite::Result<()> {
        let Speech { room, id, by: _, from, act, re, version: state, signed, cid, file, text } = speech;
        let room = self.place(db, room)?.room;
        let mut add = db.prepare_cached(
            "INSERT INTO log (seq, room, id, at, kind, author, signed, cid, act, re, version, text, bytes, token, width, height)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?;
        let (width, height) = file.and_then(|file| file.pixels).unzip();
        add.execute(params![
            self.next_seq,
            room,
            id,
            at,
            SAID,
            from.as_str(),
            signed,
            cid.as_ref().map(|cid| cid.as_str()),
            act,
            re,
            version(*state),
            text.as_str(),
            file.map(|file| file.bytes),
            file.map(|file| file.token.to_string()),
            width,
            height
        ])?;
        self.next_seq += 1;
        Ok(())
    }

    fn changed(&mut self, db: &Connection, at: i64, change: &Change) -> rusqlite::Result<()> {
        let Change { room, id, by: _, from, target, author, signed, what } = change;
        let room = self.place(db, room)?.room;
        let (kind, text) = match what {
            What::Edited(text) => (EDITED, text.as_str()),
            What::Deleted => (DELETED, ""),
            What::Reacted(text) => (REACTED, text.as_str()),
            What::Unreacted(text) => (UNREACTED, text.as_str()),
        };
        let mut add = db.prepare_cached(
            "INSERT INTO log (seq, room, id, at, kind, author, signed, act, target, whose, version, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, 0, ?10)",
        )?;
        let (from, author) = (from.as_str(), author.as_str());
        add.execute(params![self.next_seq, room, id, at, kind, from, signed, target, author, text])?;
        self.next_seq += 1;
        match what {
            What::Edited(_) => self.replace(db, room, *target, Some(text)),
            What::Deleted => self.delete(db, room, *target),
            What::Reacted(_) | What::Unreacted(_) => Ok(()),
        }
    }

    /// Takes the words of a line away, and those of its corrections.
    fn delete(&mut self, db: &Connection, room: i64, id: u64) -> rusqlite::Result<()> {
        self.replace(db, room, id, None)?;
        db.prepare_cached("UPDATE log SET text = '' WHERE room = ?1 AND target = ?2 AND kind = 1")?
            .execute(params![room, id])?;
        self.has_wiped = true;
        Ok(())
    }

    /// Takes the words of all lines away that an account said in rooms. Its direct talks go as a whole ([`forget_talks`]).
    pub(crate) fn wipe(&mut self, db: &Connection, account: &Name) -> rusqlite::Result<()> {
        let mut find = db.prepare(
            "SELECT room, id FROM log JOIN rooms USING (room)
             WHERE author = ?1 COLLATE NOCASE AND signed AND kind = 0 AND version < 2 AND name NOT LIKE '@%'",
        )?;
        let found = find.query_map([account.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let found: Vec<(i64, u64)> = found.collect::<rusqlite::Result<_>>()?;
        // Its words may be gone already, and stand in the journal still.
        self.has_wiped = true;
        found.into_iter().try_for_each(|(room, id)| self.delete(db, room, id))
    }

    /// Gives a line other words, or none.
    fn replace(&mut self, db: &Connection, room: i64, id: u64, text: Option<&str>) -> rusqlite::Result<()> {
        let found = db
            .prepare_cached("SELECT seq, text FROM log WHERE room = ?1 AND id = ?2 AND kind = 0 AND version < 2")?
            .query_row(params![room, id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        // What is gone stays gone, and what was thrown away for its age is not missed.
        let Some((seq, old)): Option<(i64, String)> = found else { return Ok(()) };
        let is_indexed = seq <= self.indexed;
        if is_indexed {
            index::remove(db, seq, room, &old)?;
        }
        // What was deleted is no file any more.
        let sql =
            "UPDATE log SET text = ?2, version = ?3, bytes = iif(?3 = 2, NULL, bytes), token = iif(?3 = 2, NULL, token)
                   WHERE seq = ?1";
        db.prepare_cached(sql)?.execute(params![seq, text.unwrap_or_default(), if text.is_some() { 1 } else { 2 }])?;
        if let Some(text) = text.filter(|_| is_indexed) {
            index::add(db, seq, room, text)?;
        }
        Ok(())
    }

    /// Makes a room, or makes it what it is now. A new one counts on from the greatest id of those that are forgotten.
    fn write_room(&self, db: &Connection, state: &RoomState) -> rusqlite::Result<()> {
        let RoomState { name, topic, key, limit, keep_days, ops, bans, waiting, .. } = state;
        let waiting = waiting.iter().map(|(name, first)| format!("{name}={first}")).collect::<Vec<_>>().join(" ");
        let letters = [
            (state.invite_only, 'i'),
            (state.moderated, 'm'),
            (state.inside_only, 'n'),
            (state.secret, 's'),
            (state.topic_lock, 't'),
        ];
        let modes: String = letters.into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
        let ops = ops.iter().map(|op| op.as_str()).collect::<Vec<_>>().join(" ");
        db.prepare_cached(
            "INSERT INTO rooms (name, folded, topic, topic_by, modes, key, ops, first_id, last_id, waiting, keep_days,
                 user_limit)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11)
             ON CONFLICT (folded) DO UPDATE SET
                 name = ?1, topic = ?3, topic_by = ?4, modes = ?5, key = ?6, ops = ?7, waiting = ?9, keep_days = ?10,
                 user_limit = ?11",
        )?
        .execute(params![
            name.as_str(),
            folded(name),
            topic.as_ref().map(|(_, text)| text.as_str()),
            topic.as_ref().map(|(by, _)| by.as_str()),
            modes,
            key.as_ref().map(|key| key.as_str()),
            ops,
            self.forgotten_id,
            waiting,
            keep_days,
            limit
        ])?;
        bans::write(db, &folded(name), bans)
    }

    /// A room is not found any more. Its lines go little by little.
    pub(crate) fn forget(&mut self, db: &Connection, name: &RoomName, last_id: u64) -> rusqlite::Result<()> {
        self.places.remove(name);
        self.grown.retain(|other| other != name);
        db.prepare_cached(
            "UPDATE rooms SET folded = NULL, name = '#forgotten', topic = NULL, topic_by = NULL, key = NULL, ops = '',
                 waiting = ''
             WHERE folded = ?1",
        )?
        .execute([folded(name)])?;
        bans::write(db, &folded(name), &[])?;
        members::forget_room(db, &folded(name))?;
        self.forgotten_id = self.forgotten_id.max(last_id);
        db.prepare_cached("UPDATE state SET forgotten_id = ?1")?.execute([self.forgotten_id])?;
        self.has_wiped = true;
        self.has_forgotten = true;
        Ok(())
    }
}

/// Takes an account away, with what it may do in rooms, with its direct talks, and perhaps with what it said in rooms: a router that runs forgets them with its next turn,
/// before which the server may be killed.
pub(crate) fn remove_account(db: &Connection, name: &Name, messages: bool) -> rusqlite::Result<bool> {
    let is_there = accounts::remove(db, name)?;
    if is_there {
        forget_talks(db, name)?;
        if messages {
            Keeper::new(db)?.wipe(db, name)?;
        }
        disown::disown(db, name, None)?;
    }
    Ok(is_there)
}

/// Forgets all direct talks of an account.
fn forget_talks(db: &Connection, account: &Name) -> rusqlite::Result<()> {
    let mut find = db.prepare("SELECT name, last_id FROM rooms WHERE folded LIKE '@%'")?;
    let talks = find.query_map([], |row| Ok((room_name(row, 0)?, row.get(1)?)))?.collect::<Result<Vec<_>, _>>()?;
    let mut keeper = Keeper::new(db)?;
    for (talk, last_id) in talks {
        if talk.members().any(|member| member == *account) {
            keeper.forget(db, &talk, last_id)?;
        }
    }
    Ok(())
}

/// A name as it is compared.
pub(crate) fn folded(name: &RoomName) -> String {
    name.as_str().to_ascii_lowercase()
}

/// Writes down an act with an operator's rights.
pub(crate) fn audit(db: &Connection, act: &Act) -> rusqlite::Result<()> {
    let Act { at, by, what, room, target, detail } = act;
    let room = room.as_ref().map_or("", RoomName::as_str);
    db.prepare_cached("INSERT INTO audit (at, by, what, room, target, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![at.timestamp_millis(), by.as_str(), what.as_str(), room, target.as_str(), detail.as_str()])?;
    Ok(())
}
