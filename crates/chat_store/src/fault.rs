//! Why nothing can be written to the store, in words for users.

use chat_server::model::text::Text;
use rusqlite::{Error, ErrorCode};

/// Why nothing can be written, and what can be done: part of a sentence of the router's. All users read it, so it names no path
/// and repeats nothing that SQLite says; the log has both.
pub(crate) fn why(error: &Error) -> Text {
    let words = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk with the data is full; free some space there",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "the data cannot be written; make it writable again"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has locked the data; end that program"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the database is damaged; look at it with chatd check, and put a backup in its place"
        }
        Some(ErrorCode::SystemIoFailure) => "the disk with the data fails; look at the system's log",
        _ => "the store cannot write; look at the server's log",
    };
    Text::new(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_told_to_everybody() {
        for code in 0..=101 {
            let said = Some("unable to open database file: /var/lib/chatd/chat.db".to_string());
            let words = why(&Error::SqliteFailure(rusqlite::ffi::Error::new(code), said));
            assert!(!words.contains('/') && words.contains("; "), "{words}");
        }
    }
}
