//! Which rooms an account has, how far each is read, and which lines mention an account: as rows.

use chat_server::features::archive::store::Answer;
use chat_server::features::membership::state::{MENTIONS, Mark, Membership, Mention, Notify};
use chat_server::model::names::Name;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use crate::fitting::{Fitting, fitting};
use crate::lines::{BEHIND, COLUMNS, line, name, room_name};

/// What makes the tables. Rooms stand here by name: a member may come back to a room in which nothing was said, of which the store
/// knows nothing else.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE membership (
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        room    TEXT NOT NULL COLLATE NOCASE,
        read    INTEGER NOT NULL,        -- the number of the last line that is read
        notify  INTEGER NOT NULL,        -- 0 all lines, 1 mentions, 2 none
        muted   INTEGER NOT NULL,
        PRIMARY KEY (account, room)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX membership_by_room ON membership (room);
    CREATE TABLE mentions (
        mention INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        room    TEXT NOT NULL COLLATE NOCASE,
        id      INTEGER NOT NULL         -- the number of the line in its room
    ) STRICT;
    CREATE INDEX mentions_by_account ON mentions (account, mention);
    CREATE INDEX mentions_by_line ON mentions (room, id);";

/// What tells an invitation to an account that was away from a membership.
pub(crate) const INVITED: &str = "
    ALTER TABLE membership ADD COLUMN invited_by TEXT;";

/// The most mentions of one account that are kept. The oldest make way.
const KEPT: i64 = 1_000;

/// Makes a membership what it is now.
pub(crate) fn write(db: &Connection, membership: &Membership) -> rusqlite::Result<()> {
    let Membership { account, room, mark, invited_by } = membership;
    let (account, room, by) = (account.as_str(), room.as_str(), invited_by.as_ref().map(Name::as_str));
    if mark.is_none() && by.is_none() {
        let own = "account = (SELECT account FROM accounts WHERE name = ?1) AND room = ?2";
        for table in ["membership", "mentions"] {
            db.prepare_cached(&format!("DELETE FROM {table} WHERE {own}"))?.execute([account, room])?;
        }
        db.prepare_cached("DELETE FROM bot_rooms WHERE bot = ?1 AND room = ?2")?.execute([account, room])?;
        return Ok(());
    }
    let is_member = mark.is_some();
    let Mark { read, notify, muted } = mark.unwrap_or_default();
    // Of an account that was removed meanwhile nothing is written.
    let mut add = db.prepare_cached(
        "INSERT INTO membership (account, room, read, notify, muted, invited_by)
         SELECT account, ?2, ?3, ?4, ?5, ?6 FROM accounts WHERE name = ?1
         ON CONFLICT (account, room) DO UPDATE SET read = ?3, notify = ?4, muted = ?5, invited_by = ?6",
    )?;
    let notify = Notify::ALL.iter().position(|one| *one == notify).unwrap_or_default();
    if add.execute(params![account, room, read, notify, muted, by])? == 0 && is_member {
        // A bot is no account.
        let mut add = db.prepare_cached(
            "INSERT INTO bot_rooms (bot, room, read, notify, muted)
             SELECT name, ?2, ?3, ?4, ?5 FROM programs WHERE programs.room = '' AND name = ?1
             ON CONFLICT (bot, room) DO UPDATE SET read = ?3, notify = ?4, muted = ?5",
        )?;
        add.execute(params![account, room, read, notify, muted])?;
    }
    Ok(())
}

/// A bot is ended, and the next one of its name is another one.
pub(crate) fn forget_bot(db: &Connection, bot: &Name) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM bot_rooms WHERE bot = ?1")?.execute([bot.as_str()]).map(drop)
}

/// A line mentions an account.
pub(crate) fn mention(db: &Connection, mention: &Mention) -> rusqlite::Result<()> {
    let Mention { account, room, id } = mention;
    let mut add = db.prepare_cached(
        "INSERT INTO mentions (account, room, id) SELECT account, ?2, ?3 FROM accounts WHERE name = ?1",
    )?;
    add.execute(params![account.as_str(), room.as_str(), id])?;
    let own = "account = (SELECT account FROM accounts WHERE name = ?1)";
    let sql = format!(
        "DELETE FROM mentions WHERE {own} AND mention <= (
             SELECT mention FROM mentions WHERE {own} ORDER BY mention DESC LIMIT 1 OFFSET ?2)"
    );
    db.prepare_cached(&sql)?.execute(params![account.as_str(), KEPT])?;
    Ok(())
}

/// A room is no more, and no account is a member of it. `folded` is its name without case.
pub(crate) fn forget_room(db: &Connection, folded: &str) -> rusqlite::Result<()> {
    for table in ["membership", "mentions", "bot_rooms"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE room = ?1"))?.execute([folded])?;
    }
    Ok(())
}

/// A line is thrown away. `room` is the number of its room.
pub(crate) fn forget_line(db: &Connection, room: i64, id: u64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM mentions WHERE id = ?2 AND room = (SELECT folded FROM rooms WHERE room = ?1)";
    db.prepare_cached(sql)?.execute(params![room, id])?;
    Ok(())
}

/// All memberships, and the newest unread mentions of each.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<(Vec<Membership>, Vec<Mention>)> {
    let mut find = db.prepare(
        "SELECT name, room, read, notify, muted, invited_by FROM membership JOIN accounts USING (account)
         UNION ALL SELECT bot, room, read, notify, muted, NULL FROM bot_rooms
         ORDER BY name, room",
    )?;
    let found = find.query_map([], |row| {
        let notify = Notify::ALL.get(row.get::<_, usize>(3)?).copied().unwrap_or_default();
        let mark = Mark { read: row.get(2)?, notify, muted: row.get(4)? };
        let is_invited = row.get_ref(5)? != ValueRef::Null;
        let invited_by = if is_invited { Some(name(row, 5)?) } else { None };
        let mark = (!is_invited).then_some(mark);
        Ok(Membership { account: name(row, 0)?, room: room_name(row, 1)?, mark, invited_by })
    })?;
    let memberships = found.collect::<rusqlite::Result<_>>()?;
    let mut find = db.prepare(
        "SELECT accounts.name, mentions.room, id FROM mentions JOIN accounts USING (account)
         JOIN membership ON membership.account = mentions.account AND membership.room = mentions.room
         WHERE id > read AND ?1 > (SELECT count(*) FROM mentions AS newer WHERE newer.account = mentions.account
             AND newer.room = mentions.room AND newer.mention > mentions.mention)
         ORDER BY mention",
    )?;
    let found = find.query_map([MENTIONS], |row| {
        Ok(Mention { account: name(row, 0)?, room: room_name(row, 1)?, id: row.get(2)? })
    })?;
    Ok((memberships, found.collect::<rusqlite::Result<_>>()?))
}

/// The newest lines that mention an account and are not deleted, the oldest first, with the number to ask on from.
pub(crate) fn mentions(db: &Connection, account: &Name, before: Option<u64>, limit: usize) -> rusqlite::Result<Answer> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let sql = format!(
        "SELECT {COLUMNS}, rooms.name, mention FROM mentions CROSS JOIN rooms ON rooms.folded = lower(mentions.room)
         CROSS JOIN log ON log.room = rooms.room AND log.id = mentions.id
         WHERE account = (SELECT account FROM accounts WHERE name = ?1) AND mention < ?2 AND kind = 0 AND version < 2
         ORDER BY mention DESC"
    );
    let mut find = db.prepare_cached(&sql)?;
    let rows = find.query_map(params![account.as_str(), before], |row| {
        let (_, line) = line(&room_name(row, BEHIND)?, row)?;
        Ok((row.get(BEHIND + 1)?, line))
    })?;
    let Fitting { lines: found, has_more, .. } = fitting(rows, limit)?;
    let more = found.last().filter(|_| has_more).map(|(number, _)| *number);
    Ok(Answer::Lines { lines: found.into_iter().rev().map(|(_, line)| line).collect(), more })
}
