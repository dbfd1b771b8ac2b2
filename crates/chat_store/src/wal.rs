//! The write-ahead log: when it is written back into the database, and how long it is.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::db::{BUSY, WAL_BYTES};
use crate::errors::FILE;
use crate::figures::Figures;

/// It is written back when there is time, this long after the last time; sooner if deleted words are in it, or if it is long; at
/// once if so many of its pages wait for that.
const WRITE_BACK: Duration = Duration::from_secs(30);
const WIPE: Duration = Duration::from_secs(1);
const PAGES: i64 = 4_096;

/// What the writer knows of it.
pub(crate) struct Wal {
    dir: PathBuf,
    /// Something was written since it was written back, and when that was.
    pub(crate) is_dirty: bool,
    written_back: Instant,
    /// How long its file was then.
    bytes: u64,
}

impl Wal {
    pub(crate) fn new(dir: PathBuf) -> Wal {
        Wal { dir, is_dirty: true, written_back: Instant::now(), bytes: 0 }
    }

    /// When it is to be written back, if there is anything in it. `has_wiped`: deleted words are in it.
    pub(crate) fn due(&self, has_wiped: bool) -> Option<Instant> {
        let after = if has_wiped || self.bytes > WAL_BYTES { WIPE } else { WRITE_BACK };
        self.is_dirty.then(|| self.written_back + after)
    }

    /// Writes it back into the database: all of it when there is time and it is due, a part when it is long. Returns whether no
    /// deleted words are in it any more.
    pub(crate) fn write_back(&mut self, db: &Connection, has_wiped: bool, is_quiet: bool, figures: &Figures) -> bool {
        let is_due = is_quiet && self.due(has_wiped).is_some_and(|due| Instant::now() >= due);
        if !self.is_dirty || !is_due && pages(db) < PAGES {
            return false;
        }
        let checkpoint = checkpoint(db, if is_due { "TRUNCATE" } else { "PASSIVE" });
        match &checkpoint {
            // Of what was written back in a hurry the words, and the file's length, are still to go.
            Ok(true) => self.is_dirty = !is_due,
            Ok(false) => log::debug!("another process reads what is in the write-ahead log; it stays a while"),
            Err(error) => log::warn!("the write-ahead log stays as it is for now: {error}"),
        }
        self.written_back = Instant::now();
        self.measure(figures);
        is_due && checkpoint.is_ok_and(|is_whole| is_whole)
    }

    /// Notes how long the files are.
    pub(crate) fn measure(&mut self, figures: &Figures) {
        let size = |name: &str| fs::metadata(self.dir.join(name)).map_or(0, |file| file.len());
        self.bytes = size(&format!("{FILE}-wal"));
        figures.set_sizes(size(FILE), self.bytes);
    }
}

/// How many pages stand in the write-ahead log that the database does not have.
fn pages(db: &Connection) -> i64 {
    let pages = db
        .prepare_cached("PRAGMA wal_checkpoint(NOOP)")
        .and_then(|mut noop| noop.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)));
    pages.unwrap_or(0)
}

/// Writes it back in one of SQLite's ways; returns whether all of it was written.
///
/// # Errors
/// What SQLite says.
pub(crate) fn checkpoint(db: &Connection, how: &str) -> rusqlite::Result<bool> {
    // A reader is not waited for: the chat would have to wait as well.
    db.busy_timeout(Duration::ZERO)?;
    let done = db.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
        Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    });
    db.busy_timeout(BUSY)?;
    done
}
