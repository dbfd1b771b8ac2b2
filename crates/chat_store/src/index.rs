//! What a search looks in. It follows the log whenever the writer has nothing better to do, so that a turn is committed
//! without waiting for it; the words of lines that change are taken out, and put in, with the change itself.

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};

use crate::figures::Figures;

/// Puts a line in.
pub(crate) fn add(db: &Connection, seq: i64, room: i64, text: &str) -> rusqlite::Result<()> {
    let mut add = db.prepare_cached("INSERT INTO words (rowid, room, text) VALUES (?1, 'r' || ?2, ?3)")?;
    add.execute(params![seq, room, text]).map(|_| ())
}

/// Takes a line out. It has to be given the words that were put in.
pub(crate) fn remove(db: &Connection, seq: i64, room: i64, text: &str) -> rusqlite::Result<()> {
    let mut remove =
        db.prepare_cached("INSERT INTO words (words, rowid, room, text) VALUES ('delete', ?1, 'r' || ?2, ?3)")?;
    remove.execute(params![seq, room, text]).map(|_| ())
}

/// Brings the index forward from `indexed`, until it has all rows below `next_seq` or it is `deadline`. Says how far it is.
pub(crate) fn follow(
    db: &Connection,
    mut indexed: i64,
    next_seq: i64,
    deadline: Instant,
    figures: &Figures,
) -> rusqlite::Result<i64> {
    let mut rows = db.prepare_cached(
        "SELECT seq, room, id, author, cid, text, kind = 0 AND version < 2 FROM log WHERE seq > ?1 ORDER BY seq",
    )?;
    let mut rows = rows.query([indexed])?;
    let mut doubles = Vec::new();
    // Looking at the clock costs about as much as a line.
    let mut count = 0_u32;
    let is_done = loop {
        let Some(row) = rows.next()? else { break true };
        let (seq, room): (i64, i64) = (row.get(0)?, row.get(1)?);
        if row.get(6)? {
            add(db, seq, room, row.get_ref(5)?.as_str()?)?;
        }
        if let Some(cid) = row.get_ref(4)?.as_str_or_null()? {
            let author = row.get_ref(3)?.as_str()?;
            let mut own = db.prepare_cached("INSERT OR IGNORE INTO cids (author, cid, seq) VALUES (?1, ?2, ?3)")?;
            if own.execute(params![author, cid, seq])? == 0 && !is_own(db, author, cid, seq)? {
                doubles.push((seq, room, row.get::<_, u64>(2)?, author.to_string(), cid.to_string()));
            }
        }
        indexed = seq;
        count += 1;
        if count.is_multiple_of(16) && Instant::now() >= deadline {
            break false;
        }
    };
    if is_done {
        // Rows that were thrown away before they came here.
        indexed = indexed.max(next_seq - 1);
    }
    db.prepare_cached("UPDATE state SET indexed = ?1")?.execute([indexed])?;
    for (seq, room, id, author, cid) in doubles {
        double(db, seq, room, id, &author, &cid)?;
        figures.doubled();
    }
    Ok(indexed)
}

/// Whether a word is known as that line's: the index may be made anew.
fn is_own(db: &Connection, author: &str, cid: &str, seq: i64) -> rusqlite::Result<bool> {
    let mut find = db.prepare_cached("SELECT seq FROM cids WHERE author = ?1 AND cid = ?2")?;
    find.query_row(params![author, cid], |row| Ok(row.get::<_, i64>(0)? == seq))
}

/// The same line was sent twice and nobody noticed in time. Others have seen both, and ids have no holes: so it stays, but
/// the author's word is the first one's alone, and the audit has it.
fn double(db: &Connection, seq: i64, room: i64, id: u64, author: &str, cid: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE log SET cid = NULL WHERE seq = ?1")?.execute([seq])?;
    let room: String = db.query_row("SELECT name FROM rooms WHERE room = ?1", [room], |row| row.get(0))?;
    let first: Option<(String, u64)> = db
        .prepare_cached(
            "SELECT rooms.name, log.id FROM cids JOIN log USING (seq) JOIN rooms USING (room)
             WHERE cids.author = ?1 AND cids.cid = ?2",
        )?
        .query_row([author, cid], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let first = first.map_or("an older line".into(), |(room, id)| format!("line {id} of {room}"));
    log::warn!("line {id} of {room} has the cid of {first}: {author} said the same twice");
    db.prepare_cached("INSERT INTO audit (at, by, what, room, target, detail) VALUES (?1, ?2, 'double', ?3, '', ?4)")?
        .execute(params![
            chrono::Utc::now().timestamp_millis(),
            author,
            room,
            format!("line {id} has the cid of {first}")
        ])
        .map(|_| ())
}
