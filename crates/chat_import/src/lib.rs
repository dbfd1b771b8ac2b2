//! Puts what was said elsewhere into the data of a server that does not run: our own export, and the export archives of Slack and
//! Mattermost. docs/import.md says what is taken and what is not.
//!
//! An archive is read as a stream, one message at a time, whatever its size; nothing of it is unpacked onto the disk, and no path of
//! it is ever opened. All of an import is one transaction, so an error leaves the data as it was. What is there already, is known by
//! its room, author and millisecond, and is not taken twice.
#![warn(missing_docs)]

use std::path::{Path, PathBuf};

use chat_store::{ImportError, OfflineError, Strength};

mod desk;
mod export;
mod mattermost;
mod read;
mod report;
mod slack;
mod words;

pub use report::Report;

/// What made the archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `chatd export`, or `/export`.
    Chat,
    /// Slack: a `.zip`.
    Slack,
    /// Mattermost: a bulk export, as JSON lines or as a `.zip` with them.
    Mattermost,
}

/// Where from, and where to.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// What made the archive.
    pub format: Format,
    /// The archive.
    pub file: &'a Path,
    /// The directory of the data.
    pub dir: &'a Path,
    /// How much work it is to try a password of the accounts that are made.
    pub strength: Strength,
    /// For how many days the server keeps lines, if not for ever.
    pub keep_days: Option<u32>,
    /// Count what would be taken, and take nothing.
    pub is_trial: bool,
}

/// Why an import took nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data cannot be opened or written.
    #[error(transparent)]
    Data(#[from] ImportError),
    /// The archive cannot be read.
    #[error("cannot read {}: {what}\n  try: {next}", .file.display())]
    Archive {
        /// Which one.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// A message of it is not what it should be.
    #[error("{place}: {what}\n  nothing was taken; try: a new export, or look at that line")]
    Place {
        /// The file in the archive, the line and the column.
        place: String,
        /// What is wrong there.
        what: String,
    },
}

impl From<OfflineError> for Error {
    fn from(error: OfflineError) -> Error {
        Error::Data(ImportError::Failed(error))
    }
}

/// Carries an import out.
///
/// # Errors
/// A server has the data, or the archive is not what it should be. Nothing is taken then.
pub fn import(order: &Order<'_>) -> Result<Report, Error> {
    let mut desk = desk::Desk::open(order)?;
    match order.format {
        Format::Chat => export::take(order.file, &mut desk)?,
        Format::Slack => slack::take(order.file, &mut desk)?,
        Format::Mattermost => mattermost::take(order.file, &mut desk)?,
    }
    desk.finish(order)
}

impl Format {
    /// Its word on the command line and in the audit.
    pub fn word(self) -> &'static str {
        match self {
            Format::Chat => "chat",
            Format::Slack => "slack",
            Format::Mattermost => "mattermost",
        }
    }
}
