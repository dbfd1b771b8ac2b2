//! Files that people pass on: what was offered, what has come, who may fetch it and for how long (PROTOCOL.md section 14, "Files").

use crate::model::code::Code;
use crate::model::feature::Asked;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;
use crate::protocol::coded::coded;

mod disk;
pub mod door;
mod offer;
mod refusal;
pub(crate) mod rules;
mod shelf;
mod table;
mod transfer;
pub mod verbs;

pub(crate) use offer::OFFER_FOR;
pub use offer::{Offer, Owner, To};
pub use refusal::FileError;
pub use table::Files;
pub use transfer::{Fetched, Place, Reader, Upload};

/// The most bytes of a file's name.
pub const MAX_FILE_NAME: usize = 200;

impl Refusal {
    /// The server passes no files on.
    pub const NO_FILES: Refusal = Refusal::fixed(
        Code::NoFiles,
        "This server passes no files on. One that does is started with --files 127.0.0.1:7879.",
    );
}

/// What a client can ask of files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Send a file, which comes by the file door.
    Send {
        /// The recipient.
        to: Recipient,
        /// How many bytes it has.
        bytes: u64,
        /// How it is called, for people.
        name: Text,
    },
    /// The files that can be fetched, in the current room if none is named.
    List(Option<RoomName>),
}

impl Asked for Command {}

coded!(enum Command { 1 Send { to, bytes, name }, 2 List(room) });
coded!(enum Recipient { 1 Room(room), 2 Person(name) });

/// The recipient of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recipient {
    /// All in a room.
    Room(RoomName),
    /// One person.
    Person(Name),
}

/// A name to show, from what a user typed: the last part of a path, of a length that fits into a line. What is left of
/// it does no harm, for nothing is ever stored under it.
///
/// ```
/// use chat_server::{features::files::file_name, model::text::Text};
/// let name = |typed: &str| file_name(&Text::new(typed).unwrap()).to_string();
/// assert_eq!(name("/home/ani/laporan akhir.pdf"), "laporan akhir.pdf");
/// assert_eq!(name(r"..\..\x.txt"), "x.txt");
/// assert_eq!(name("../.."), "file");
/// ```
pub fn file_name(typed: &Text) -> Text {
    let start = typed.rfind(['/', '\\']).map_or(0, |at| at + 1);
    let mut name = typed.slice(start..typed.len()).trimmed();
    if name.len() > MAX_FILE_NAME {
        let end = (0..=MAX_FILE_NAME).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        name = name.slice(0..end);
    }
    if name.is_blank() || matches!(name.as_str(), "." | "..") { Text::own("file") } else { name }
}
