//! Why a file does not come or go: one line for the file's connection, and words for the chat.

use std::fmt;
use std::io;

use crate::model::code::Code;
use crate::model::refusal::Refusal;

/// A transfer that is refused or ends half-way. The numbers and slugs are those of PROTOCOL.md section 14, "Files".
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileError {
    /// 404 and others: the chat does not want it, for instance because the room is moderated by now.
    Refused(Refusal),
    /// 408: the peer took too long for what it had to do.
    TooSlow,
    /// 417: more than a line before the first line end.
    LineTooLong,
    /// 421: the first line is neither `PUT` nor `GET`.
    UnknownVerb,
    /// 429: too many tokens that are none.
    Guesses {
        /// Seconds to wait.
        retry: u64,
    },
    /// 494: there is nothing under that token, or not any more.
    BadToken,
    /// 494: the user who offered it has left, or may not send it any more.
    Withdrawn,
    /// 495: it has another size than was said.
    WrongSize {
        /// How many bytes came; `None` if they were more than was said.
        got: Option<u64>,
        /// How many were to come.
        wanted: u64,
    },
    /// 500: the disk cannot be used. The log has more.
    Disk,
    /// 503: the server stops, or the chat does not answer.
    Stopping,
    /// 508: the disk is full.
    NoSpace,
    /// 511: as many transfers are under way as there may be, or as one address may have.
    Full,
    /// Never sent: the connection is broken.
    Lost,
}

impl FileError {
    /// What an error of the disk means.
    pub(super) fn of_disk(error: &io::Error) -> FileError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                log::warn!("files: {error}");
                FileError::NoSpace
            }
            _ => {
                log::error!("files: {error}");
                FileError::Disk
            }
        }
    }

    /// The code of the `ERR` line.
    pub fn code(&self) -> Code {
        match self {
            FileError::Refused(error) => error.code(),
            FileError::TooSlow => Code::TooSlow,
            FileError::LineTooLong => Code::LineTooLong,
            FileError::UnknownVerb => Code::UnknownVerb,
            FileError::Guesses { .. } => Code::TooFast,
            FileError::BadToken | FileError::Withdrawn => Code::BadToken,
            FileError::WrongSize { .. } => Code::WrongSize,
            FileError::Disk => Code::InternalError,
            FileError::Stopping => Code::ShuttingDown,
            FileError::NoSpace => Code::NoSpace,
            FileError::Full => Code::ServerFull,
            FileError::Lost => Code::Lost,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Refused(error) => write!(f, "{error}"),
            FileError::TooSlow => write!(f, "Too little came or went for too long."),
            FileError::LineTooLong => write!(f, "The first line is too long. It is PUT or GET and the token."),
            FileError::UnknownVerb => {
                write!(
                    f,
                    "The first line is PUT <token> and then comes the file, or GET <token>. /send in the chat gives tokens."
                )
            }
            FileError::Guesses { retry } => {
                write!(f, "Too many tokens that are none from where you are. Try again in {retry} s.")
            }
            FileError::BadToken => {
                write!(f, "There is nothing under that token, or not any more. /files in the chat shows what there is.")
            }
            FileError::Withdrawn => write!(f, "The user who offered it has left, or may not send it any more."),
            FileError::WrongSize { got: Some(got), wanted } => write!(f, "{got} of {wanted} bytes came."),
            FileError::WrongSize { got: None, wanted } => {
                write!(f, "More than the {wanted} bytes came that were offered.")
            }
            FileError::Disk => write!(f, "The server cannot use its disk for files; its log says why."),
            FileError::Stopping => write!(f, "The server is stopping."),
            FileError::NoSpace => write!(f, "The server's disk is full."),
            FileError::Full => write!(f, "Too many files are on their way at the moment. Try again in a while."),
            FileError::Lost => write!(f, "The connection broke."),
        }
    }
}

impl std::error::Error for FileError {}
