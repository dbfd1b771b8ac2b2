//! The database file: how it is opened, and how one that an older version made becomes what this one needs.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::errors::{FILE, OpenError, from_io, from_sqlite};
use crate::lock::hand_over;

/// What stands in the file's header: "chat" in ASCII.
const APPLICATION: i32 = 0x6368_6174;
/// How long a connection waits for another process's lock, for instance that of an operator with the `sqlite3` shell.
pub(crate) const BUSY: Duration = Duration::from_secs(1);
/// The most bytes that the write-ahead log keeps on the disk when nothing in it is needed any more.
pub(crate) const WAL_BYTES: u64 = 16 * 1024 * 1024;
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// What makes a database of version n one of version n + 1: the first makes an empty file one of version 1. Only ever
/// added to, at the end: a released one is never changed.
pub(crate) const MIGRATIONS: &[&str] = &[
    // 1: rooms, their logs and the audit.
    "CREATE TABLE rooms (
         room     INTEGER PRIMARY KEY,
         name     TEXT NOT NULL,
         folded   TEXT UNIQUE,           -- the name without case; NULL once it is forgotten and its lines still go
         topic    TEXT,
         topic_by TEXT,
         modes    TEXT NOT NULL,         -- letters of i, m and t
         key      TEXT,
         ops      TEXT NOT NULL,         -- accounts, with spaces between
         first_id INTEGER NOT NULL,      -- the smallest id that is still here; behind last_id if there is none; 0 if none ever was
         last_id  INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE log (
         seq     INTEGER PRIMARY KEY,    -- the order of all rooms, never given twice
         room    INTEGER NOT NULL REFERENCES rooms,
         id      INTEGER NOT NULL,
         at      INTEGER NOT NULL,       -- milliseconds since 1970, UTC
         kind    INTEGER NOT NULL,       -- 0 said; a change: 1 edited, 2 deleted, 3 reacted, 4 unreacted
         author  TEXT NOT NULL,
         signed  INTEGER NOT NULL,
         cid     TEXT,
         act     INTEGER NOT NULL,
         re      INTEGER,
         target  INTEGER,                -- of a change: the line
         whose   TEXT,                   -- of a change: the line's author
         version INTEGER NOT NULL,       -- of a line: 0 first, 1 edited, 2 deleted
         text    TEXT NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX log_by_id ON log (room, id);
     CREATE INDEX log_by_edit ON log (room, target) WHERE kind = 1;
     CREATE TABLE audit (
         at     INTEGER NOT NULL,
         by     TEXT NOT NULL,
         what   TEXT NOT NULL,
         target TEXT NOT NULL,
         detail TEXT NOT NULL
     ) STRICT;
     CREATE TABLE state (
         one          INTEGER PRIMARY KEY CHECK (one = 1),
         forgotten_id INTEGER NOT NULL   -- the greatest id that a forgotten room had given
     ) STRICT;
     INSERT INTO state VALUES (1, 0);",
    // 2: search, doubles, and what was lost. The index follows the log when there is time; `state.indexed` says how far it
    // is. It has a word of its own for each room, so that a search in one room reads no other. Lines that the index got
    // are those of `said`, which is what it can be checked against.
    r#"ALTER TABLE state ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
     CREATE VIEW said AS
         SELECT seq, 'r' || room AS room, text FROM log, state WHERE kind = 0 AND version < 2 AND seq <= indexed;
     CREATE VIRTUAL TABLE words USING fts5 (
         room, text, content = 'said', content_rowid = 'seq', columnsize = 0, tokenize = "unicode61 remove_diacritics 2"
     );
     INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
     CREATE TABLE cids (
         author TEXT NOT NULL COLLATE NOCASE,
         cid    TEXT NOT NULL,
         seq    INTEGER NOT NULL,
         PRIMARY KEY (author, cid)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE lost (
         room  INTEGER NOT NULL REFERENCES rooms,
         first INTEGER NOT NULL,
         last  INTEGER NOT NULL,
         at    INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX lost_by_room ON lost (room);"#,
    // 3: accounts.
    crate::accounts::SCHEMA,
    // 4: files. They lie elsewhere; the log knows which line is one.
    "ALTER TABLE log ADD COLUMN bytes INTEGER;
     ALTER TABLE log ADD COLUMN token TEXT;
     CREATE INDEX log_by_token ON log (token) WHERE token IS NOT NULL;",
    // 5: in the audit each act has a number, and its room a place of its own.
    "ALTER TABLE audit RENAME TO acts;
     CREATE TABLE audit (
         act    INTEGER PRIMARY KEY,
         at     INTEGER NOT NULL,
         by     TEXT NOT NULL,
         what   TEXT NOT NULL,
         room   TEXT NOT NULL,           -- empty: on the whole server
         target TEXT NOT NULL,
         detail TEXT NOT NULL
     ) STRICT;
     INSERT INTO audit (at, by, what, room, target, detail)
         SELECT at, by, what, iif(target GLOB '#*', target, ''), iif(target GLOB '#*', '', target), detail
         FROM acts ORDER BY rowid;
     DROP TABLE acts;",
    // 6: who is banned and who is muted.
    "CREATE TABLE sanctions (
         room  TEXT NOT NULL,            -- the name without case; empty: on the whole server
         kind  INTEGER NOT NULL,         -- 0 muted, 1 banned
         whom  TEXT NOT NULL,            -- a name, or an address and its bits
         by    TEXT NOT NULL,
         why   TEXT,
         since INTEGER NOT NULL,         -- milliseconds since 1970, UTC
         until INTEGER                   -- likewise; NULL: until it is lifted
     ) STRICT;
     CREATE INDEX sanctions_by_room ON sanctions (room);",
    // 7: what the time was when the server last ran.
    "ALTER TABLE state ADD COLUMN clock INTEGER;                      -- milliseconds since 1970, UTC; NULL: never written
     ALTER TABLE state ADD COLUMN doubt INTEGER;                      -- what the clock shows instead, and is not believed
     ALTER TABLE state ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0; -- for so many milliseconds of running time",
    // 8: the index knows the beginnings of words, so that no search has to look at all words that begin so. It is made anew in
    // quiet moments, as if everything had just been said.
    r#"DROP TABLE words;
     CREATE VIRTUAL TABLE words USING fts5 (
         room, text, content = 'said', content_rowid = 'seq', columnsize = 0, prefix = '2 3',
         tokenize = "unicode61 remove_diacritics 2"
     );
     INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
     UPDATE state SET indexed = 0;"#,
    // 9: each character of a script without spaces is a word of the index (`index::as_words`), and a mark is a part of its word. Made
    // anew like 8.
    r#"DROP TABLE words;
     DROP VIEW said;
     CREATE VIEW said AS
         SELECT seq, 'r' || room AS room, as_words(text) AS text FROM log, state WHERE kind = 0 AND version < 2 AND seq <= indexed;
     CREATE VIRTUAL TABLE words USING fts5 (
         room, text, content = 'said', content_rowid = 'seq', columnsize = 0, prefix = '2 3',
         tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co Mc Mn'"
     );
     INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
     UPDATE state SET indexed = 0;"#,
    // 10: lines that were said while the clock was behind, and when that really was: by their own time they would be thrown away
    // too early.
    "CREATE TABLE late (
         first INTEGER PRIMARY KEY,      -- log.seq, from here
         last  INTEGER NOT NULL,         -- to here
         at    INTEGER NOT NULL          -- milliseconds since 1970, UTC
     ) STRICT;",
    // 11: invitations for several people, with a number that operators see.
    crate::invitations::SCHEMA,
    // 12: direct talks are rooms whose names begin with @. Accounts that were away when something was said there, each with the first
    // number that it was not told of: `budi=5 citra=7`.
    "ALTER TABLE rooms ADD COLUMN waiting TEXT NOT NULL DEFAULT '';",
    // 13: programs that take part.
    crate::programs::SCHEMA,
    // 14: the rooms of each account, and the lines that mention it.
    crate::members::SCHEMA,
    // 15: accounts that were invited to a room while they were away.
    crate::members::INVITED,
    // 16: links with which users set a new password.
    crate::resets::SCHEMA,
    // 17: webhooks, and what their receivers do not have yet.
    crate::webhooks::SCHEMA,
    // 18: what was said under the names of accounts and programs that are no more is signed by no one; how long a room keeps its lines,
    // where that is not what the settings say; and the rooms of bots.
    "UPDATE log SET signed = 0 WHERE signed AND author COLLATE NOCASE NOT IN (SELECT name FROM accounts)
         AND author COLLATE NOCASE NOT IN (SELECT name FROM programs);
     ALTER TABLE rooms ADD COLUMN keep_days INTEGER;   -- NULL: as the settings say
     CREATE TABLE bot_rooms (
         bot    TEXT NOT NULL COLLATE NOCASE,
         room   TEXT NOT NULL COLLATE NOCASE,
         read   INTEGER NOT NULL,        -- as in membership
         notify INTEGER NOT NULL,
         muted  INTEGER NOT NULL,
         PRIMARY KEY (bot, room)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX bot_rooms_by_room ON bot_rooms (room);",
    // 19: what accounts prefer.
    crate::preferences::SCHEMA,
    // 20: which browsers are told by push.
    crate::pushes::SCHEMA,
    // 21: how many users may be in a room.
    "ALTER TABLE rooms ADD COLUMN user_limit INTEGER;   -- NULL: any number",
    // 22: how large the picture is that a line passes on.
    "ALTER TABLE log ADD COLUMN width INTEGER;
     ALTER TABLE log ADD COLUMN height INTEGER;",
];

/// An empty database with all tables.
#[cfg(test)]
pub(crate) fn in_memory() -> Connection {
    let db = Connection::open_in_memory().expect("memory");
    MIGRATIONS.iter().for_each(|step| db.execute_batch(step).expect("the tables"));
    db.execute_batch("PRAGMA foreign_keys = ON").expect("a setting");
    db
}

/// Opens the database for writing, with everything that has to be set, and makes it one of this version. The caller
/// this has the lock.
pub(crate) fn open(dir: &Path) -> Result<Connection, OpenError> {
    let file = dir.join(FILE);
    let wal = dir.join(format!("{FILE}-wal"));
    if !file.exists() {
        if fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0) {
            let what = format!("it is not there, but {} is", wal.display());
            return Err(OpenError::Damaged { file, what });
        }
        // Made here, for SQLite would let others read it.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        made.and_then(|made| {
            hand_over(&made, dir)?;
            made.sync_all()
        })
        .map_err(|error| from_io(&file, &error))?;
    }
    // SQLite opens for reading what it cannot open for writing, and would say so only later.
    File::options().append(true).open(&file).map_err(|error| from_io(&file, &error))?;
    let wrong = |error: rusqlite::Error| from_sqlite(&file, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(&file, flags).map_err(wrong)?;
    prepare(&db).map_err(wrong)?;
    let found = known(&db, &file)?;
    // What is deleted is overwritten. In the journal it stays until that is begun anew; the writer sees to it.
    db.execute_batch("PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON;")
        .map_err(wrong)?;
    // What it grew to during a long read is given back when it is begun anew.
    db.pragma_update(None, "journal_size_limit", WAL_BYTES).map_err(wrong)?;
    let journal: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(wrong)?;
    if !journal.eq_ignore_ascii_case("wal") {
        let what = format!("its file system cannot do write-ahead logging (journal_mode is {journal})");
        return Err(OpenError::Other { path: file, what });
    }
    migrate(&mut db, &file, found)?;
    Ok(db)
}

/// Opens it for reading only.
pub(crate) fn open_to_read(dir: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(dir.join(FILE), flags)?;
    prepare(&db)?;
    Ok(db)
}

/// What every connection needs.
fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Words must not lie around in temporary files. The cache is counted in KiB.
    db.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;")
}

/// The version of a database: how many of [`MIGRATIONS`] it has seen.
pub(crate) fn version(db: &Connection) -> rusqlite::Result<usize> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Looks whether it is ours, and not of a newer version. Returns its version.
pub(crate) fn known(db: &Connection, file: &Path) -> Result<usize, OpenError> {
    let wrong = |error: rusqlite::Error| from_sqlite(file, &error);
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(wrong)?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(wrong)?;
    if application != APPLICATION && (application != 0 || tables != 0) {
        return Err(OpenError::Foreign(file.into()));
    }
    let (found, known) = (version(db).map_err(wrong)?, MIGRATIONS.len());
    if found > known {
        return Err(OpenError::Newer { file: file.into(), found, known });
    }
    Ok(found)
}

fn migrate(db: &mut Connection, file: &Path, found: usize) -> Result<(), OpenError> {
    let wrong = |error: rusqlite::Error| from_sqlite(file, &error);
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        let step_to = step + 1;
        // All of a step or nothing: a crash in between leaves the version before it.
        let step = db.transaction().map_err(wrong)?;
        step.execute_batch(sql).map_err(wrong)?;
        step.pragma_update(None, "application_id", APPLICATION).map_err(wrong)?;
        step.pragma_update(None, "user_version", step_to).map_err(wrong)?;
        step.commit().map_err(wrong)?;
        if found > 0 {
            log::info!("{} is of version {step_to} now", file.display());
        }
    }
    Ok(())
}
