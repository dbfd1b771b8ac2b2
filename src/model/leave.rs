//! Why a client is warned, and why a connection ends.

use crate::model::code::Code;
use crate::model::text::Text;

/// What a client is warned of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Warning {
    /// Lines come faster than the pace; the server reads them more slowly. Nothing is lost.
    Pace,
    /// Nothing was heard for long; the connection ends in so many seconds.
    Idle(u64),
    /// Many lines were refused, so the next ones are read more slowly.
    Errors,
    /// Much is read from the client's address, so the answer comes in so many seconds.
    Reads(u64),
    /// Ctrl-C came from a telnet client. It does not leave.
    Interrupt,
    /// Ctrl-C came in the middle of a paste. Its lines are read up to its end, and none is said.
    PasteLeft,
    /// A telnet client does not let the server edit lines.
    LineMode,
}

impl Warning {
    /// One of each kind, in the order of the manual (PROTOCOL.md section 7, "Codes").
    pub const EXAMPLES: [Warning; 7] = [
        Warning::Pace,
        Warning::Idle(60),
        Warning::Errors,
        Warning::Reads(3),
        Warning::Interrupt,
        Warning::PasteLeft,
        Warning::LineMode,
    ];
}

/// Why a connection ends, or why a user left a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Leave {
    /// `QUIT`, perhaps with words.
    Quit(Option<Text>),
    /// The peer closed its side.
    Closed,
    /// The connection broke.
    Lost,
    /// Only left the room, perhaps with words.
    Parted(Option<Text>),
    /// Nothing was heard for the idle limit.
    Idle,
    /// No name within the sign-on limit.
    SignOn,
    /// The client did not read what it was sent.
    TooSlow,
    /// 64 KiB without a line end.
    Endless,
    /// The client sent too much, too often, or too much before it had a name.
    Flood,
    /// The account signed them out: why, and what to do, in a sentence for them.
    SignedOut(&'static str),
    /// Only members may be here, and they are signed in no more, or never were.
    MembersOnly,
    /// An operator sent them away, perhaps with words.
    Kicked(Option<Text>),
    /// An operator sent them away for good, perhaps with words.
    Banned(Option<Text>),
    /// Another protocol on this port.
    Foreign(Foreign),
    /// A bug in the server.
    Crashed,
    /// The server stops.
    Shutdown,
    /// There is no room for one more.
    Full,
    /// There is a place, but not for one more from its address.
    AddressFull,
}

/// Protocols of clients that have come to the wrong port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// A browser, or curl.
    Http,
    /// A TLS hello.
    Tls,
    /// An SSH banner.
    Ssh,
    /// An IRC client.
    Irc,
    /// Something that takes us for a proxy.
    Socks,
}

impl Foreign {
    /// All there are.
    pub const ALL: [Foreign; 5] = [Foreign::Http, Foreign::Tls, Foreign::Ssh, Foreign::Irc, Foreign::Socks];

    /// Its name, in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Foreign::Http => "http",
            Foreign::Tls => "tls",
            Foreign::Ssh => "ssh",
            Foreign::Irc => "irc",
            Foreign::Socks => "socks",
        }
    }
}

impl Leave {
    /// The code of the `BYE` line.
    pub fn code(&self) -> Code {
        match self {
            Leave::Quit(_) | Leave::Closed | Leave::Lost | Leave::Parted(_) => Code::Quit,
            Leave::Foreign(_) => Code::WrongProtocol,
            Leave::Idle => Code::Idle,
            Leave::SignOn => Code::SignOnTimeout,
            Leave::TooSlow => Code::SlowReader,
            Leave::Endless => Code::LineTooLong,
            Leave::Flood => Code::Flood,
            Leave::Banned(_) => Code::Banned,
            Leave::Kicked(_) => Code::Kicked,
            Leave::MembersOnly => Code::MembersOnly,
            Leave::SignedOut(_) => Code::SignedOut,
            Leave::Crashed => Code::InternalError,
            Leave::Shutdown => Code::ShuttingDown,
            Leave::Full | Leave::AddressFull => Code::ServerFull,
        }
    }

    /// A few words for people in the room and for the log.
    pub fn reason(&self) -> &str {
        match self {
            Leave::Quit(Some(words))
            | Leave::Parted(Some(words))
            | Leave::Kicked(Some(words))
            | Leave::Banned(Some(words)) => words,
            Leave::Quit(None) => "quit",
            Leave::Closed => "connection closed",
            Leave::Lost => "connection lost",
            Leave::Parted(None) => "left the room",
            Leave::Idle => "idle",
            Leave::SignOn => "gave no name in time",
            Leave::TooSlow => "read too slowly",
            Leave::Endless => "sent a line without an end",
            Leave::Flood => "sent too much",
            Leave::Kicked(None) => "kicked",
            Leave::Banned(None) => "banned",
            Leave::Foreign(Foreign::Http) => "spoke HTTP",
            Leave::Foreign(Foreign::Tls) => "spoke TLS",
            Leave::Foreign(Foreign::Ssh) => "spoke SSH",
            Leave::Foreign(Foreign::Irc) => "spoke IRC",
            Leave::Foreign(Foreign::Socks) => "spoke SOCKS",
            Leave::SignedOut(_) | Leave::MembersOnly => "signed out",
            Leave::Crashed => "our fault",
            Leave::Shutdown => "server is stopping",
            Leave::Full => "server is full",
            Leave::AddressFull => "too many from its address",
        }
    }
}
