//! Why there is no store, in words for the operator who starts a server.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// The database file's name in its directory.
pub const FILE: &str = "chat.db";

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server, or another program, has the data.
    #[error(
        "the data in {} is in use{}\n  try: stop that server, or give this one a directory of its own: --data DIR",
        .dir.display(),
        .pid.map_or(String::new(), |pid| format!(" by process {pid}"))
    )]
    InUse {
        /// Which directory.
        dir: PathBuf,
        /// By which process, as far as that is known.
        pid: Option<u32>,
    },
    /// The file is not what it was.
    #[error(
        "the database {} is damaged: {what}\n  try: chatd check, to see how much; then put a backup in its place (with the server stopped; {FILE}-wal and {FILE}-shm have to go)",
        .file.display()
    )]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// A newer chatd made it.
    #[error(
        "the database {} is of version {found}, and this chatd knows versions up to {known}: a newer one made it\n  try: that newer chatd, or a backup from before it",
        .file.display()
    )]
    Newer {
        /// Which file.
        file: PathBuf,
        /// Its version.
        found: usize,
        /// The last that is known here.
        known: usize,
    },
    /// It is a database, but not ours.
    #[error("{} is a database of another program\n  try: another directory: --data DIR", .0.display())]
    Foreign(PathBuf),
    /// It may not be written.
    #[error("cannot write to {}: {what}\n  try: as the user of the server, or as root (sudo); or another directory: --data DIR; --data off keeps nothing", .path.display())]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        what: String,
    },
    /// Anything else.
    #[error("cannot open the data in {}: {what}\n  try: another directory: --data DIR; --data off keeps nothing", .path.display())]
    Other {
        /// The file or directory.
        path: PathBuf,
        /// What the system, or SQLite, says.
        what: String,
    },
}

/// What an error of the system means for the operator who starts a server.
pub(crate) fn from_io(path: &Path, error: &std::io::Error) -> OpenError {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let (path, what) = (path.to_path_buf(), error.to_string());
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => OpenError::ReadOnly { path, what },
        _ => OpenError::Other { path, what },
    }
}

/// What an error of SQLite means for the operator who starts a server.
pub(crate) fn from_sqlite(file: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, what) = (file.to_path_buf(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Damaged { file: path, what },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            OpenError::InUse { dir: file.parent().unwrap_or(file).to_path_buf(), pid: None }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { path, what },
        // It could be read, but makes no sense.
        None => OpenError::Damaged { file: path, what },
        _ => OpenError::Other { path, what },
    }
}
