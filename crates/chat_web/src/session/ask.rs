//! What a client asks of its session, and what comes of it.

use std::collections::BTreeMap;

use chat_server::features::files::Recipient;
use chat_server::features::preferences::state::Key;
use chat_server::model::body::Body;
use chat_server::model::command::Line;
use chat_server::model::event::What;
use chat_server::model::file::Token;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;

use crate::models::objects::Message;

/// A frame, or a REST call, in the core's words.
#[derive(Debug)]
pub enum Ask {
    /// Say something.
    Say {
        /// In which room.
        room: RoomName,
        /// By which a repeated send is known.
        cid: Option<String>,
        /// What is said.
        text: Body,
        /// The line that is answered.
        re: Option<Line>,
        /// Whether it is third person.
        act: bool,
    },
    /// Change a line.
    Change {
        /// In which room.
        room: RoomName,
        /// Which line.
        line: Line,
        /// What is changed.
        what: What,
    },
    /// Whisper.
    Whisper {
        /// By which a repeated send is known.
        cid: Option<String>,
        /// The recipient.
        to: Name,
        /// What is whispered.
        text: Body,
    },
    /// A line of the line protocol.
    Line {
        /// The room it is meant in.
        room: Option<RoomName>,
        /// The line.
        line: Text,
    },
    /// Offer a file.
    Offer {
        /// The recipient.
        to: Recipient,
        /// Its size.
        bytes: u64,
        /// Its name.
        name: Text,
    },
    /// Typing, or not any more.
    Typing(RoomName, bool),
    /// The user has read up to this number.
    Read(RoomName, u64),
    /// The account prefers something from now on.
    Prefer(Key, Option<Body>),
    /// The user reads Indonesian from now on, or English.
    Language(bool),
    /// Send everything after these numbers, and the whispers since that time.
    Resume(BTreeMap<String, u64>, Option<String>),
}

/// What came of an [`Ask`].
pub(crate) type Answer = Result<Outcome, Refusal>;

/// What came of an [`Ask`] that was carried out.
#[derive(Debug)]
pub enum Outcome {
    /// A message was said, now or before.
    Said {
        /// The message.
        message: Box<Message>,
        /// Whether it had been said before.
        duplicate: bool,
    },
    /// The `cid` was used for another message.
    Conflict,
    /// It had been said before, in a room that is forgotten.
    Forgotten,
    /// It had been said before, in this talk, under this number.
    InTalk(RoomName, u64),
    /// The file may be uploaded, with this token.
    Offered(Token),
    /// Everything else.
    Done,
}
