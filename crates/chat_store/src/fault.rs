//! What is wrong when nothing can be written, in words for people.

use std::path::Path;

use chat_server::text::Text;
use rusqlite::{Error, ErrorCode};

/// Why nothing can be written, and what can be done: part of a sentence of the router's.
pub(crate) fn why(error: &Error, dir: &Path) -> Text {
    let dir = dir.display();
    let text = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => format!("the disk with {dir} is full; free some space there"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            format!("the data in {dir} cannot be written ({error}); make it writable again")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another program has locked the data in {dir}; end that program")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("the database in {dir} is damaged; look at it with chatd check, and put a backup in its place")
        }
        Some(ErrorCode::SystemIoFailure) => format!("the disk with {dir} fails ({error}); look at the system's log"),
        _ => format!("the store cannot write to {dir} ({error}); look at the server's log"),
    };
    // A path may hold anything, but is not that long.
    Text::new(&text).unwrap_or_default()
}
