//! What an operator does with the data from another process, whether the server runs or not: back it up, check it,
//! export it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chat_server::model::names::RoomName;
use chrono::{DateTime, Utc};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params};

use crate::beside;
use crate::db::{self, MIGRATIONS};
use crate::errors::{FILE, OpenError, from_io, from_sqlite};
use crate::index;
use crate::keep::folded;
use crate::lines::{COLUMNS, line, room_name};
use crate::lock::Lock;

/// How long a backup waits for the lock of another process.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most problems of one kind that a report lists.
const PROBLEMS: u32 = 20;

/// Why a tool could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The data cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is none.
    #[error("there is no {FILE} in {}\n  try: the directory of the server: --data DIR", .0.display())]
    NoData(PathBuf),
    /// A backup overwrites nothing.
    #[error("{} is there already, and a backup overwrites nothing\n  try: another name", .0.display())]
    Exists(PathBuf),
    /// No room has that name.
    #[error("no room {0} is kept here\n  try: chatd export without --room, which takes all")]
    NoRoom(RoomName),
    /// What was copied cannot be used.
    #[error("the copy is not sound, and was thrown away: {0}\n  try: chatd check, for the data may be damaged")]
    BadCopy(String),
    /// The result cannot be written.
    #[error("cannot write {}: {error}\n  try: another place", .path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// What [`check`] found.
#[derive(Debug)]
pub struct Findings {
    /// One line for each thing that was looked at, and for each problem.
    pub text: String,
    /// Whether there is no problem.
    pub is_sound: bool,
}

/// Copies the data into one new file, as it is at this moment, and looks whether the copy is sound. A server that runs goes
/// on. The file is there when all of it is, and not before.
///
/// # Errors
/// The file is there already, there is nothing to copy, or one of the two cannot be read or written.
pub fn backup(dir: &Path, file: &Path) -> Result<u64, ToolError> {
    if file.symlink_metadata().is_ok() {
        return Err(ToolError::Exists(file.into()));
    }
    let source = open(dir)?;
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let copied = copy(&source, dir, file, &partial);
    // After a success it is a second name of the file.
    if !matches!(&copied, Err(ToolError::Exists(path)) if *path == partial) {
        let _was_never_made = fs::remove_file(&partial);
    }
    copied
}

fn copy(source: &Connection, dir: &Path, file: &Path, partial: &Path) -> Result<u64, ToolError> {
    let failed = |error: io::Error| ToolError::Write { path: partial.into(), error };
    // Made here, for SQLite would let others read it.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(partial).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ToolError::Exists(partial.into()),
        _ => failed(error),
    })?;
    let wrong = |error: rusqlite::Error| match from_sqlite(&dir.join(FILE), &error) {
        damaged @ OpenError::Damaged { .. } => ToolError::Open(damaged),
        _ => failed(io::Error::other(error)),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(partial, flags).map_err(wrong)?;
    {
        // All in one step: in several, each line that is said in between would make it begin anew.
        let backup = Backup::new(source, &mut target).map_err(wrong)?;
        let began = Instant::now();
        loop {
            match backup.step(-1).map_err(wrong)? {
                StepResult::Done => break,
                _ if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
                _ => return Err(ToolError::Open(OpenError::InUse { dir: dir.into(), pid: None })),
            }
        }
    }
    beside::put_into(&target, dir)?;
    // One file, without a write-ahead log beside it.
    let problems = target
        .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .and_then(|()| integrity(&target))
        .map_err(|error| ToolError::BadCopy(error.to_string()))?;
    if let Some(problem) = problems.into_iter().next() {
        return Err(ToolError::BadCopy(problem));
    }
    drop(target);
    let bytes = File::open(partial)
        .and_then(|copy| {
            copy.sync_all()?;
            copy.metadata()
        })
        .map_err(failed)?
        .len();
    // Unlike renaming, this replaces nothing.
    fs::hard_link(partial, file).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ToolError::Exists(file.into()),
        _ => ToolError::Write { path: file.into(), error },
    })?;
    if let Some(dir) = file.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        let _as_safe_as_the_system_allows = File::open(dir).and_then(|dir| dir.sync_all());
    }
    Ok(bytes)
}

/// Looks whether the data is sound: the file's structure, what refers to what, the ids of each room, and the search index;
/// the last only where no server runs, for that would have to wait.
///
/// # Errors
/// It cannot even be opened.
pub fn check(dir: &Path) -> Result<Findings, ToolError> {
    let db = open(dir)?;
    let mut findings = Findings { text: String::new(), is_sound: true };
    let wrong = |error: rusqlite::Error| ToolError::Open(from_sqlite(&dir.join(FILE), &error));
    let version = db::version(&db).map_err(wrong)?;
    findings.note(&format!("{}: version {version}", dir.join(FILE).display()));
    findings.looked_at("structure", integrity(&db));
    findings.looked_at("references", references(&db));
    findings.looked_at("ids", ids(&db, version));
    if version == MIGRATIONS.len() {
        drop(db);
        match Lock::make(dir) {
            // No other process writes, so this may.
            Ok(_lock) => findings.looked_at("search index", compared(dir)),
            Err(OpenError::InUse { .. }) => {
                findings.note("search index: not compared with the lines, for a server runs; its structure is above");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(findings)
}

impl Findings {
    fn note(&mut self, text: &str) {
        let _infallible = writeln!(self.text, "{text}");
    }

    fn looked_at(&mut self, what: &str, problems: rusqlite::Result<Vec<String>>) {
        // What cannot be read to its end is not sound.
        let problems = problems.unwrap_or_else(|error| vec![error.to_string()]);
        if problems.is_empty() {
            return self.note(&format!("{what}: good"));
        }
        self.is_sound = false;
        for problem in problems {
            self.note(&format!("{what}: {problem}"));
        }
    }
}

fn integrity(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = db.prepare(&format!("PRAGMA integrity_check({PROBLEMS})"))?;
    let said = check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

fn references(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = db.prepare("PRAGMA foreign_key_check")?;
    let text = |row: &rusqlite::Row<'_>| {
        Ok(format!("a row of {} refers to nothing in {}", row.get::<_, String>(0)?, row.get::<_, String>(2)?))
    };
    check.query_map([], text)?.take(PROBLEMS as usize).collect()
}

/// Every number from the first to the last is there, or known to be lost.
fn ids(db: &Connection, version: usize) -> rusqlite::Result<Vec<String>> {
    let lost = match version {
        0 | 1 => "0",
        _ => "(SELECT coalesce(sum(last - max(first, first_id) + 1), 0) FROM lost WHERE lost.room = rooms.room)",
    };
    let mut find = db.prepare(&format!(
        "SELECT name, first_id, last_id, count(id), min(id), max(id), {lost} FROM rooms LEFT JOIN log USING (room)
         WHERE folded IS NOT NULL GROUP BY room ORDER BY folded"
    ))?;
    let mut rows = find.query([])?;
    let mut problems = Vec::new();
    while let Some(row) = rows.next()? {
        // What the check says may land in a log or a letter, and no direct talk is named there.
        let name: String = row.get(0)?;
        let name = if name.starts_with('@') { "a direct talk".into() } else { name };
        let (first, last, count): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (least, most): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
        let lost: i64 = row.get(6)?;
        let should = if first == 0 { 0 } else { last - first + 1 };
        if count + lost != should {
            problems.push(format!(
                "{name} should have {should} lines, {first} to {last}, and has {count}; {lost} are known to be lost"
            ));
        }
        if least.is_some_and(|least| least < first) || most.is_some_and(|most| most > last) {
            problems.push(format!("{name} has lines outside of {first} to {last}"));
        }
    }
    Ok(problems)
}

fn compared(dir: &Path) -> rusqlite::Result<Vec<String>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let compared = index::compare(&Connection::open_with_flags(dir.join(FILE), flags)?);
    Ok(compared.err().map(|error| format!("not what the lines say: {error}")).into_iter().collect())
}

/// Writes what was said as JSON lines, one object for each line, room by room; of one room if it is named, and from a time
/// on if there is one. Returns how many.
///
/// # Errors
/// There is no such room, no data, or `out` cannot be written.
pub fn export(
    dir: &Path,
    room: Option<&RoomName>,
    since: Option<DateTime<Utc>>,
    out: &mut dyn Write,
) -> Result<u64, ToolError> {
    let db = open(dir)?;
    let wrong = |error: rusqlite::Error| ToolError::Open(from_sqlite(&dir.join(FILE), &error));
    // All of it is of one moment.
    db.execute_batch("BEGIN").map_err(wrong)?;
    let rooms = rooms(&db, room).map_err(wrong)?;
    if let (Some(room), true) = (room, rooms.is_empty()) {
        return Err(ToolError::NoRoom(room.clone()));
    }
    let mut count = 0;
    let since = since.map_or(i64::MIN, |since| since.timestamp_millis());
    let sql = format!("SELECT {COLUMNS} FROM log WHERE room = ?1 AND at >= ?2 ORDER BY id");
    for (number, name) in rooms {
        let mut find = db.prepare_cached(&sql).map_err(wrong)?;
        let mut rows = find.query(params![number, since]).map_err(wrong)?;
        while let Some(row) = rows.next().map_err(wrong)? {
            let (_, line) = line(&name, row).map_err(wrong)?;
            if let Some(json) = chat_server::features::archive::blocks::json(&line) {
                writeln!(out, "{json}").map_err(|error| ToolError::Write { path: "the export".into(), error })?;
                count += 1;
            }
        }
    }
    out.flush().map_err(|error| ToolError::Write { path: "the export".into(), error })?;
    Ok(count)
}

/// The rooms to be exported: direct talks are for their members.
fn rooms(db: &Connection, room: Option<&RoomName>) -> rusqlite::Result<Vec<(i64, RoomName)>> {
    let mut find = db.prepare(
        "SELECT room, name FROM rooms WHERE folded IS NOT NULL AND folded NOT LIKE '@%' AND (?1 IS NULL OR folded = ?1)
         ORDER BY folded",
    )?;
    find.query_map([room.map(folded)], |row| Ok((row.get(0)?, room_name(row, 1)?)))?.collect()
}

/// Opens the data for reading, if there is any and this version knows it.
pub(crate) fn open(dir: &Path) -> Result<Connection, ToolError> {
    let file = dir.join(FILE);
    match fs::metadata(&file) {
        Ok(found) if found.is_file() => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(ToolError::Open(from_io(&file, &error)));
        }
        _ => return Err(ToolError::NoData(dir.into())),
    }
    let wrong = |error: rusqlite::Error| ToolError::Open(from_sqlite(&file, &error));
    let db = db::open_to_read(dir).map_err(wrong)?;
    db::known(&db, &file)?;
    Ok(db)
}
