//! What an import is asked for, and why it may take nothing.

use std::path::{Path, PathBuf};

use chat_store::{ImportError, OfflineError, Strength};

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
