//! Reads what a server needs at its start to go on where the one before it ended.

use std::sync::Arc;

use chat_server::features::archive::store::{Contents, RoomState, StoredRoom};
use chat_server::model::event::Envelope;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::text::Text;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::bans;
use crate::keep::Keeper;
use crate::lines::{BEHIND, COLUMNS, line, name, room_name};

/// The most lines of one room that are loaded, of all rooms, and of each room however many there are.
const LINES: usize = 1_000;
const ALL_LINES: usize = 10_000;
const LINES_EACH: usize = 20;

/// Reads the rooms and the ends of their logs.
pub(crate) fn contents(db: &Connection) -> rusqlite::Result<Contents> {
    forget_unreachable(db)?;
    let mut find = db.prepare(
        "SELECT room, name, topic, topic_by, modes, key, ops, first_id, last_id, waiting, keep_days, user_limit FROM rooms
         WHERE folded IS NOT NULL
         ORDER BY (SELECT seq FROM log WHERE log.room = rooms.room ORDER BY id DESC LIMIT 1) DESC",
    )?;
    let mut found = find.query([])?;
    let mut rooms: Vec<(i64, StoredRoom)> = Vec::new();
    while let Some(row) = found.next()? {
        let (first_id, last_id): (u64, u64) = (row.get(7)?, row.get(8)?);
        let topic = match (row.get_ref(2)?.as_str_or_null()?, row.get_ref(3)?.as_str_or_null()?) {
            (Some(topic), Some(_)) => Some((name(row, 3)?, Text::new(topic).unwrap_or_default())),
            _ => None,
        };
        let key = row.get_ref(5)?.as_str_or_null()?.map(|key| Text::new(key).unwrap_or_default());
        let ops: Vec<Name> =
            row.get_ref(6)?.as_str()?.split_whitespace().filter_map(|op| Name::parse(op).ok()).collect();
        // What only operators can change goes with the last of them, as when a room empties.
        let modes = row.get_ref(4)?.as_str()?;
        let is_on = |letter| modes.contains(letter) && (matches!(letter, 'i' | 's') || !ops.is_empty());
        let state = RoomState {
            name: room_name(row, 1)?,
            topic,
            invite_only: is_on('i'),
            key,
            limit: row.get::<_, Option<u32>>(11)?.filter(|_| !ops.is_empty()),
            moderated: is_on('m'),
            inside_only: is_on('n'),
            secret: is_on('s'),
            topic_lock: is_on('t'),
            keep_days: row.get(10)?,
            ops,
            bans: bans::of(db, &row.get_ref(1)?.as_str()?.to_ascii_lowercase())?,
            waiting: row.get_ref(9)?.as_str()?.split_whitespace().filter_map(who_waits).collect(),
        };
        let first_id = if first_id == 0 { last_id + 1 } else { first_id };
        rooms.push((row.get(0)?, StoredRoom { state, last_id, first_id, lines: Vec::new() }));
    }
    // The rooms that spoke last come first, and leave a little for all the others.
    let (mut left, mut to_come) = (ALL_LINES, rooms.len());
    for (room, stored) in &mut rooms {
        to_come -= 1;
        // Of direct talks there may be very many, and what is older than memory is read here.
        let most = if stored.state.name.is_talk() { LINES_EACH } else { LINES };
        let count = left.saturating_sub(to_come * LINES_EACH).clamp(LINES_EACH, most);
        stored.lines = last_lines(db, *room, &stored.state.name, count)?;
        left = left.saturating_sub(stored.lines.len());
    }
    let (memberships, mentions) = crate::members::all(db)?;
    Ok(Contents {
        preferences: crate::preferences::all(db)?,
        memberships,
        mentions,
        rooms: rooms.into_iter().map(|(_, stored)| stored).collect(),
        forgotten_id: db.query_row("SELECT forgotten_id FROM state", [], |row| row.get(0))?,
        accounts: crate::accounts::all(db)?,
        files: files(db)?,
        bans: bans::of(db, bans::SERVER)?,
        time: None,
    })
}

/// The lines that pass files on, of all rooms, however old.
fn files(db: &Connection) -> rusqlite::Result<Vec<Arc<Envelope>>> {
    let sql = format!(
        "SELECT {COLUMNS}, rooms.name FROM log JOIN rooms USING (room) WHERE token IS NOT NULL AND folded IS NOT NULL"
    );
    let mut find = db.prepare(&sql)?;
    let found = find.query_map([], |row| Ok(line(&room_name(row, BEHIND)?, row)?.1))?;
    found.collect()
}

/// An account and a number, as [`crate::keep`] writes them.
fn who_waits(pair: &str) -> Option<(Name, u64)> {
    let (name, first) = pair.split_once('=')?;
    Some((Name::parse(name).ok()?, first.parse().ok()?))
}

fn last_lines(
    db: &Connection,
    room: i64,
    name: &RoomName,
    count: usize,
) -> rusqlite::Result<Vec<(u64, Arc<Envelope>)>> {
    let sql = format!("SELECT {COLUMNS} FROM log WHERE room = ?1 ORDER BY id DESC LIMIT ?2");
    let mut find = db.prepare_cached(&sql)?;
    let mut lines = find.query_map(params![room, count], |row| line(name, row))?.collect::<Result<Vec<_>, _>>()?;
    lines.reverse();
    Ok(lines)
}

/// No user is in any room when a server starts, so none could ever enter one that takes invitations only and has no
/// operator or member who comes back.
fn forget_unreachable(db: &Connection) -> rusqlite::Result<()> {
    let mut find = db.prepare(
        "SELECT name, last_id FROM rooms WHERE folded IS NOT NULL AND modes LIKE '%i%' AND ops = ''
         AND NOT EXISTS (SELECT 1 FROM membership WHERE membership.room = folded AND invited_by IS NULL)
         AND NOT EXISTS (SELECT 1 FROM bot_rooms WHERE bot_rooms.room = folded)",
    )?;
    let found = find.query_map([], |row| Ok((room_name(row, 0)?, row.get(1)?)))?.collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let mut keeper = Keeper::new(&transaction)?;
    for (name, last_id) in found {
        log::info!("{name} is forgotten: it took invited users only, and no user is left who could invite");
        keeper.forget(&transaction, &name, last_id)?;
    }
    transaction.commit()
}
