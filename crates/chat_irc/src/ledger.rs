//! What the two halves of a connection share: for each request that is under way, what it was in IRC's terms.
//!
//! The router gives each request exactly one ending, in order. So the decoder puts an entry behind the others before it hands a request
//! over, and the encoder takes the first one at each ending.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, PoisonError};

use chat_server::model::names::{Name, RoomName};
use chat_server::model::text::Text;

use crate::directory::Profile;
use crate::numeric::Numeric;

/// What both halves know.
#[derive(Default)]
pub(crate) struct Link {
    asked: Mutex<VecDeque<Asked>>,
    /// The rooms that the client is in, as its encoder has said it.
    pub(crate) rooms: Mutex<Vec<RoomName>>,
    /// Whether the client was welcomed.
    pub(crate) is_in: AtomicBool,
    /// How many bytes the source of its lines has.
    pub(crate) prefix: AtomicUsize,
}

impl Link {
    pub(crate) fn push(&self, asked: Asked) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push_back(asked);
    }

    pub(crate) fn take(&self) -> Option<Asked> {
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let first = all.pop_front();
        if all.is_empty() && all.capacity() > 32 {
            all.shrink_to_fit();
        }
        first
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The label of its line.
    pub(crate) label: Option<Box<str>>,
    /// Whether it is the last request of its line.
    pub(crate) ends: bool,
    /// What it was.
    pub(crate) what: Ask,
}

/// What a request was.
#[derive(Debug)]
pub(crate) enum Ask {
    /// The door answers it by itself, when the ping comes back that keeps its place.
    Local(Local),
    Options,
    Welcome {
        name: Name,
        profile: Box<Profile>,
    },
    Nick {
        name: Name,
        profile: Box<Profile>,
    },
    /// The figures, behind a welcome or by `LUSERS`.
    Stats {
        asked: bool,
    },
    Say {
        target: String,
        act: bool,
        text: Text,
        is_notice: bool,
        re: Option<u64>,
    },
    Enter(RoomName),
    Names {
        room: RoomName,
        entering: bool,
    },
    Part {
        room: RoomName,
        words: Option<Text>,
    },
    Topic {
        room: RoomName,
        is_set: bool,
    },
    Invite {
        name: Name,
        room: RoomName,
    },
    Modes {
        room: RoomName,
        letter: Option<char>,
        sign: char,
        value: Option<Text>,
    },
    Moderate {
        room: Option<RoomName>,
        name: String,
        why: Option<Text>,
        letter: char,
        sign: char,
    },
    Bans {
        room: RoomName,
        letter: char,
    },
    Who(Box<Mask>),
    Userhost(Vec<String>),
    Whois(Name),
    Ison(Vec<String>),
    List(Vec<String>),
    Away(bool),
    /// Showing who the client is.
    Prove(Way),
    /// The rooms that the client is in, behind that.
    Mine,
    Oper,
    Typing,
    React {
        room: RoomName,
    },
    Quit,
}

/// Whom a `WHO` asks for, and what it wants to know of them.
#[derive(Debug)]
pub(crate) struct Mask {
    /// As it was typed.
    pub(crate) typed: String,
    /// The room, if it is one.
    pub(crate) room: Option<RoomName>,
    /// Whether only operators of the server are meant.
    pub(crate) is_power: bool,
    /// The letters of the fields; `None` for the usual ones.
    pub(crate) fields: Option<String>,
    /// The token that is one of them.
    pub(crate) token: String,
}

/// How a client shows who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// `AUTHENTICATE`.
    Sasl,
    /// `PASS`.
    Pass,
    /// Words to `NickServ`.
    Service,
}

/// What the door says by itself.
#[derive(Debug)]
pub(crate) enum Local {
    Silent,
    CapLs {
        is_302: bool,
    },
    CapList,
    /// The way to show who the client is was named; a client that has done so is told that.
    SaslBegins,
    CapReq(String, bool),
    Pong(String),
    /// Numerics with their parameters; the last one may have blanks.
    Says(Vec<(Numeric, Vec<String>)>),
    Fail {
        command: String,
        code: &'static str,
        words: &'static str,
    },
    Notice {
        from: &'static str,
        words: &'static str,
    },
    Motd,
    Version,
    Whowas(String, usize),
    /// `MODE` of a user, with the changes.
    Umode(Name, String),
}
