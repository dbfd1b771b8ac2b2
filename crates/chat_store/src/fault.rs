//! What is wrong when nothing can be written, in words for people.

use std::path::Path;

use chat_server::text::Text;
use rusqlite::{Error, ErrorCode};

/// Why nothing can be written, and what can be done. One line.
pub(crate) fn why(error: &Error, dir: &Path) -> Text {
    let dir = dir.display();
    let text = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            format!(
                "The disk with {dir} is full. What is said stays in memory until there is room. Try: free some space there"
            )
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            format!(
                "The data in {dir} cannot be written ({error}). What is said stays in memory. Try: make it writable again"
            )
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("Another program has locked the data in {dir}. What is said stays in memory. Try: end that program")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("The database in {dir} is damaged. What is said stays in memory. Try: chatd check, and a backup")
        }
        Some(ErrorCode::SystemIoFailure) => {
            format!("The disk with {dir} fails ({error}). What is said stays in memory. Try: look at the system's log")
        }
        _ => format!(
            "The store cannot write to {dir} ({error}). What is said stays in memory. Try: look at the server's log"
        ),
    };
    // A path may hold anything, but is not that long.
    Text::new(&text).unwrap_or_default()
}
