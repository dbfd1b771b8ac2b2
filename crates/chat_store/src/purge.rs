//! Deletes lines past their age or number, and those of rooms that are forgotten, a few at a time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chat_server::model::names::RoomName;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use crate::calendar::Calendar;
use crate::index;
use crate::keep::Keeper;
use crate::lines::room_name;
use crate::members;

/// How often old lines are looked for.
const EVERY: Duration = Duration::from_secs(3_600);
/// The most lines between two looks at the clock.
const ROWS: usize = 16;

/// How long lines are kept. By default for ever.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Retention {
    /// So many days.
    pub days: Option<u32>,
    /// So many lines of each room, the changes to them included.
    pub lines: Option<u64>,
}

/// What is to be thrown away, and when that is looked at next. It is looked at also where the server keeps all: a room may have a time of
/// its own.
#[derive(Default)]
pub(crate) struct Purge {
    retention: Retention,
    due: Option<Instant>,
    rooms: VecDeque<Old>,
}

/// A room with lines that may be too old.
struct Old {
    room: i64,
    name: RoomName,
    /// Up to here there are too many.
    last: u64,
    /// What is older than this is too old.
    before: Option<DateTime<Utc>>,
    /// Anything was thrown away.
    is_touched: bool,
}

/// What a step threw away.
#[derive(Default)]
pub(crate) struct Purged {
    pub(crate) rows: usize,
    /// Rooms that are done, with the smallest ids they have left.
    pub(crate) rooms: Vec<(RoomName, u64)>,
}

impl Purge {
    pub(crate) fn new(retention: Retention, now: Instant) -> Purge {
        Purge { retention, due: Some(now), rooms: VecDeque::new() }
    }

    /// Whether a pass is not finished.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.rooms.is_empty()
    }

    /// When the next pass begins.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Throws away for a while, inside a transaction.
    pub(crate) fn step(
        &mut self,
        db: &Connection,
        keeper: &mut Keeper,
        calendar: &mut Calendar,
        deadline: Instant,
    ) -> rusqlite::Result<Purged> {
        if keeper.has_forgotten {
            return bury(db, keeper, deadline);
        }
        let now = Instant::now();
        if self.rooms.is_empty() && self.due.is_some_and(|due| now >= due) {
            self.due = Some(now + EVERY);
            self.look(db, calendar.time(Utc::now(), now))?;
        }
        let mut purged = Purged::default();
        while let Some(old) = self.rooms.front_mut() {
            let is_done = old.shorten(db, keeper, deadline, &mut purged.rows)?;
            if is_done && let Some(old) = self.rooms.pop_front().filter(|old| old.is_touched) {
                let first_id = db
                    .query_row("SELECT first_id FROM rooms WHERE room = ?1", [old.room], |row| row.get(0))
                    .optional()?;
                purged.rooms.extend(first_id.map(|first_id| (old.name, first_id)));
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Ok(purged)
    }

    /// Finds the rooms that may have something to throw away: all, or those that set a time themselves.
    fn look(&mut self, db: &Connection, time: DateTime<Utc>) -> rusqlite::Result<()> {
        let Retention { days, lines } = self.retention;
        let before = |days: Option<u32>| days.and_then(|days| time.checked_sub_signed(TimeDelta::days(days.into())));
        if let Some(before) = before(days) {
            // By then the lines themselves are too old, whatever they say: a room keeps no line for longer.
            db.prepare_cached("DELETE FROM late WHERE at < ?1")?.execute([before.timestamp_millis()])?;
        }
        let mut find = db.prepare_cached(
            "SELECT room, name, last_id, keep_days FROM rooms
             WHERE folded IS NOT NULL AND first_id <= last_id AND (?1 OR keep_days IS NOT NULL)",
        )?;
        let found = find.query_map([self.retention != Retention::default()], |row| {
            Ok((row.get(0)?, room_name(row, 1)?, row.get::<_, u64>(2)?, row.get::<_, Option<u32>>(3)?))
        })?;
        for found in found {
            let (room, name, last_id, own_days) = found?;
            let last = lines.map_or(0, |lines| last_id.saturating_sub(lines));
            let before = before(own_days.into_iter().chain(days).min());
            self.rooms.push_back(Old { room, name, last, before, is_touched: false });
        }
        Ok(())
    }
}

impl Old {
    /// Throws the oldest lines away. Whether none are left that are too old, or too many.
    fn shorten(
        &mut self,
        db: &Connection,
        keeper: &mut Keeper,
        deadline: Instant,
        count: &mut usize,
    ) -> rusqlite::Result<bool> {
        // The room may have been forgotten in the meantime.
        let before = self.before.map_or(i64::MIN, |at| at.timestamp_millis());
        loop {
            let rows = rows(db, self.room)?;
            let too_old = rows.iter().take_while(|row| row.id <= self.last || row.at < before).count();
            let Some(last) = rows[..too_old].last().map(|row| row.id) else { return Ok(true) };
            for row in &rows[..too_old] {
                row.delete(db, keeper.indexed)?;
            }
            db.prepare_cached("UPDATE rooms SET first_id = ?2 WHERE room = ?1")?
                .execute(params![self.room, last + 1])?;
            db.prepare_cached("DELETE FROM lost WHERE room = ?1 AND last <= ?2")?.execute(params![self.room, last])?;
            keeper.has_wiped = true;
            self.is_touched = true;
            *count += too_old;
            if too_old < ROWS {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }
}

/// Throws away lines of forgotten rooms, and these rooms.
fn bury(db: &Connection, keeper: &mut Keeper, deadline: Instant) -> rusqlite::Result<Purged> {
    let mut purged = Purged::default();
    loop {
        let room = db
            .prepare_cached("SELECT room FROM rooms WHERE folded IS NULL LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let Some(room) = room else {
            keeper.has_forgotten = false;
            return Ok(purged);
        };
        let rows = rows(db, room)?;
        for row in &rows {
            row.delete(db, keeper.indexed)?;
        }
        purged.rows += rows.len();
        keeper.has_wiped = true;
        if rows.len() < ROWS {
            db.prepare_cached("DELETE FROM lost WHERE room = ?1")?.execute([room])?;
            db.prepare_cached("DELETE FROM rooms WHERE room = ?1")?.execute([room])?;
        }
        if Instant::now() >= deadline {
            return Ok(purged);
        }
    }
}

/// What has to be known of a line to take every trace of it away.
struct Row {
    seq: i64,
    room: i64,
    id: u64,
    at: i64,
    is_word: bool,
    author: String,
    cid: Option<String>,
    text: String,
}

/// The oldest lines of a room.
fn rows(db: &Connection, room: i64) -> rusqlite::Result<Vec<Row>> {
    db.prepare_cached(
        "SELECT seq, id, coalesce((SELECT max(late.at, log.at) FROM late WHERE first <= seq AND last >= seq), at), kind = 0 AND version < 2, author, cid, text FROM log WHERE room = ?1 ORDER BY id LIMIT ?2",
    )?
    .query_map(params![room, ROWS], |row| {
        Ok(Row {
            seq: row.get(0)?,
            room,
            id: row.get(1)?,
            at: row.get(2)?,
            is_word: row.get(3)?,
            author: row.get(4)?,
            cid: row.get(5)?,
            text: row.get(6)?,
        })
    })?
    .collect()
}

impl Row {
    fn delete(&self, db: &Connection, indexed: i64) -> rusqlite::Result<()> {
        if self.seq <= indexed && self.is_word {
            index::remove(db, self.seq, self.room, &self.text)?;
        }
        if let Some(cid) = &self.cid {
            let mut forget = db.prepare_cached("DELETE FROM cids WHERE author = ?1 AND cid = ?2 AND seq = ?3")?;
            forget.execute(params![self.author, cid, self.seq])?;
        }
        members::forget_line(db, self.room, self.id)?;
        db.prepare_cached("DELETE FROM log WHERE seq = ?1")?.execute([self.seq]).map(|_| ())
    }
}
