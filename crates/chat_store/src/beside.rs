//! What lies beside the database and belongs to it, the name and the picture of the place: a backup is one file, and has it in a table,
//! from which a server puts it back into its folder when it starts with such a file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::errors::{FILE, OpenError, from_io, from_sqlite};

/// The folder, in the directory of the data.
const FOLDER: &str = "place";
/// The most bytes of a file that a backup takes: a picture has 60 KiB at most.
const MOST: u64 = 1024 * 1024;

/// Puts the files of the folder into a copy of the database. One that has them already was not put back yet, and keeps them.
///
/// # Errors
/// A file cannot be read, or the copy cannot be written.
pub(crate) fn put_into(copy: &Connection, dir: &Path) -> Result<(), OpenError> {
    let wrong = |error: rusqlite::Error| from_sqlite(&dir.join(FILE), &error);
    if has_table(copy).map_err(wrong)? {
        return Ok(());
    }
    copy.execute_batch("CREATE TABLE beside (file TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT").map_err(wrong)?;
    let folder = dir.join(FOLDER);
    for name in files(&folder).map_err(|error| from_io(&folder, &error))? {
        let path = folder.join(&name);
        match fs::read(&path) {
            Ok(bytes) => copy.execute("INSERT INTO beside VALUES (?1, ?2)", (&name, bytes)).map_err(wrong)?,
            // Taken away meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(from_io(&path, &error)),
        };
    }
    Ok(())
}

/// Puts the folder back as it was when the backup was made, if the database is one.
///
/// # Errors
/// The folder cannot be written. The next start tries again.
pub(crate) fn put_back(db: &Connection, dir: &Path) -> Result<(), OpenError> {
    let wrong = |error: rusqlite::Error| from_sqlite(&dir.join(FILE), &error);
    if !has_table(db).map_err(wrong)? {
        return Ok(());
    }
    let mut read = db.prepare("SELECT file, bytes FROM beside").map_err(wrong)?;
    let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(wrong)?;
    let kept: Vec<(String, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>().map_err(wrong)?;
    drop(read);
    let folder = dir.join(FOLDER);
    replace(&folder, &kept).map_err(|error| from_io(&folder, &error))?;
    db.execute_batch("DROP TABLE beside").map_err(wrong)?;
    log::info!("{} is a backup: {} is as it was then", dir.join(FILE).display(), folder.display());
    Ok(())
}

fn has_table(db: &Connection) -> rusqlite::Result<bool> {
    let found = db.query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'beside'", [], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

/// The names of the files, without those that are being written, are too large or lead elsewhere.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_whole = entry.metadata().is_ok_and(|found| found.is_file() && found.len() <= MOST);
        names.extend(Some(name).filter(|name| is_whole && !name.ends_with(".new")));
    }
    Ok(names)
}

fn replace(folder: &Path, kept: &[(String, Vec<u8>)]) -> io::Result<()> {
    // A name that is a path would lead elsewhere.
    let is_name = |name: &str| Path::new(name).file_name().is_some_and(|own| own == name);
    for name in files(folder)?.iter().filter(|name| !kept.iter().any(|(kept, _)| kept == *name)) {
        fs::remove_file(folder.join(name))?;
    }
    for (name, bytes) in kept.iter().filter(|(name, _)| is_name(name)) {
        fs::create_dir_all(folder)?;
        let new = folder.join(format!("{name}.new"));
        let mut made = File::create(&new)?;
        made.write_all(bytes)?;
        made.sync_all()?;
        fs::rename(&new, folder.join(name))?;
    }
    Ok(())
}
