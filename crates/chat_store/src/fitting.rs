//! An answer has a bound in lines and in bytes.

use std::sync::Arc;

use chat_server::model::event::Envelope;
use rusqlite::ErrorCode;

/// The most bytes that the lines of one answer cost, so that they cannot fill a client's queue.
const BYTES: usize = 128 * 1024;
/// The most lines of one answer.
pub(crate) const LINES: usize = 1_000;

/// As many lines as are wanted and fit into an answer.
pub(crate) struct Fitting {
    pub(crate) lines: Vec<(u64, Arc<Envelope>)>,
    pub(crate) has_more: bool,
    /// It took too long, so it is not known whether there are more.
    pub(crate) is_cut: bool,
}

/// Takes lines of rows, each with its number.
pub(crate) fn fitting(
    rows: impl Iterator<Item = rusqlite::Result<(u64, Arc<Envelope>)>>,
    limit: usize,
) -> rusqlite::Result<Fitting> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    for row in rows {
        let (id, line) = match row {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                return Ok(Fitting { lines, has_more: true, is_cut: true });
            }
            row => row?,
        };
        bytes += line.cost();
        if lines.len() >= limit.min(LINES) || bytes > BYTES && !lines.is_empty() {
            return Ok(Fitting { lines, has_more: true, is_cut: false });
        }
        lines.push((id, line));
    }
    Ok(Fitting { lines, has_more: false, is_cut: false })
}
