//! What an `OK` says: a variant for each result that programs act upon, and words for all others.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::body::Body;
use crate::model::command::Choice;
use crate::model::file::Granted;
use crate::model::glyph::harmless;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::parts::Value;
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::speech::What;
use crate::model::text::Text;

/// What came of a request, for the `OK` line.
#[derive(Clone, Debug)]
pub enum Done {
    /// Signed on.
    Welcome {
        /// The client's name now.
        name: Name,
        /// The room that the client is in; none with `lobby=off`.
        room: Option<RoomName>,
        /// How many users are in it, this one included.
        users: usize,
    },
    /// In a room.
    Entered {
        /// The room's name.
        room: RoomName,
        /// How many users are in it, this one included.
        users: usize,
        /// Whether the client is an operator of it.
        op: bool,
    },
    /// Out of a room.
    Parted {
        /// The room's name.
        room: RoomName,
        /// The room that is current now.
        current: Option<RoomName>,
    },
    /// Signed on, or renamed, as a user with an account.
    SignedIn {
        /// The client's name now.
        name: Name,
        /// The role of the account.
        role: Role,
        /// The number by which others know the user: that of the first connection of this account that is still there.
        person: ClientId,
        /// The room that the client is in; none with `lobby=off`.
        room: Option<RoomName>,
        /// How many users are in it, this one included.
        users: usize,
    },
    /// The client's name is registered as its own from now on.
    Registered {
        /// The client's name.
        name: Name,
    },
    /// Not signed in any more.
    SignedOut {
        /// The client's name now.
        name: Name,
    },
    /// The password was changed.
    PasswordChanged,
    /// An operator of the server by its key, until the connection ends.
    Operator,
    /// What an account may do.
    Role {
        /// The name of the account.
        name: Name,
        /// The role of the account.
        role: Role,
    },
    /// Said, with its id.
    Said {
        /// The room it happens in.
        room: RoomName,
        /// The number it got.
        id: u64,
        /// Whether it is kept, where anything is.
        kept: bool,
    },
    /// A file was offered, and may be sent now.
    Offered {
        /// By which token, where, and how much.
        granted: Granted,
        /// How long it is waited for.
        expires: Duration,
    },
    /// A line is as it was to be.
    Changed {
        /// The room it happens in.
        room: RoomName,
        /// The number that the change got; the line's own where there was nothing to change.
        id: u64,
        /// The number of the line in its room.
        target: u64,
        /// The name of its author.
        author: Name,
        /// Its words until now.
        text: Body,
        /// The change that was asked for.
        what: What,
    },
    /// Whispered.
    Whispered {
        /// The recipient.
        to: Name,
        /// Its number in the direct talk of both, if it has one.
        id: Option<u64>,
        /// Their away message, if they are away.
        away: Option<Text>,
    },
    /// The client has another name.
    Renamed(Name),
    /// The topic, as it is or as it was just set; no author means that there is none.
    Topic {
        /// The room it happens in.
        room: RoomName,
        /// The name of the user who set it, and its text.
        topic: Option<(Name, Text)>,
    },
    /// The modes of a room, as they are now: `+it`.
    Modes {
        /// The room it happens in.
        room: RoomName,
        /// A plus and the letters, or a plus alone.
        modes: Text,
        /// How many users may be in it, if that has a limit.
        limit: Option<u32>,
    },
    /// Away, or back.
    Away(Option<Text>),
    /// The options that were changed.
    Options(Vec<Choice>),
    /// The last refusal and the time it was given at, which the client reads by its own clock.
    Why(DateTime<Utc>, Refusal),
    /// What no program acts upon.
    Words(Words),
    /// Nothing more to say.
    Nothing,
}

/// An answer that is read and not acted upon: pairs for programs, and words for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    pairs: Vec<(&'static str, Value)>,
    words: Cow<'static, str>,
}

impl Words {
    /// Words that are always the same.
    pub const fn fixed(words: &'static str) -> Words {
        Words { pairs: Vec::new(), words: Cow::Borrowed(words) }
    }

    /// Words of this moment, of which none can move a terminal's cursor or begin a line.
    pub fn new(words: impl Into<String>) -> Words {
        Words { pairs: Vec::new(), words: Cow::Owned(harmless(words.into())) }
    }

    /// With a pair more.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Words {
        self.pairs.push((key, value.into()));
        self
    }

    /// What programs may want to know: `room=#rust`.
    pub fn pairs(&self) -> &[(&'static str, Value)] {
        &self.pairs
    }

    /// What people read.
    pub fn as_str(&self) -> &str {
        &self.words
    }
}

impl From<Words> for Done {
    fn from(words: Words) -> Done {
        Done::Words(words)
    }
}
