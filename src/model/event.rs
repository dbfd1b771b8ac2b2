//! What clients get to know: events, and the envelope that lets one event go to many and be written only once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::audit::Entry;
use crate::model::code::Code;
pub use crate::model::command::What;
use crate::model::command::{Choice, Prompt, Terminal};
use crate::model::feature::FeatureEvent;
use crate::model::file::{Granted, Token};
use crate::model::inspection::Inspection;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::reload;
use crate::model::roles::Role;
use crate::model::sanction;
use crate::model::text::Text;
use crate::model::verb::Verb;
use crate::model::zone::Zone;

/// A word that a program puts behind a verb, as in `SAY=42:…`, to know its answer by.
pub type Tag = Text;

/// Something that a client is told. Dialects turn it into bytes; the router never does.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first line: who we are and what the limits are.
    Hello(Arc<Greeting>),
    /// A request was carried out.
    Done {
        /// The request's verb.
        verb: &'static str,
        /// The request's tag.
        tag: Option<Tag>,
        /// What came of it.
        done: Done,
    },
    /// A request was refused.
    Refused {
        /// The verb, as far as one was read.
        verb: Option<Text>,
        /// The request's tag.
        tag: Option<Tag>,
        /// Why.
        error: Refusal,
    },
    /// Several lines that nothing may come between.
    Block(Block),
    /// Somebody spoke in a room.
    Said(Speech),
    /// Somebody changed a line that was said: corrected it, deleted it, or put a reaction to it.
    Changed(Change),
    /// Private words.
    Whispered {
        /// By which connection.
        by: ClientId,
        /// Who spoke.
        from: Name,
        /// To whom.
        to: Name,
        /// The file that is passed on by this, if it is one.
        file: Option<SharedFile>,
        /// The words; of a file its name.
        text: Text,
    },
    /// Somebody came into a room.
    Joined {
        /// Where.
        room: RoomName,
        /// By which connection.
        by: ClientId,
        /// Who.
        name: Name,
    },
    /// Somebody left a room.
    Left {
        /// Where.
        room: RoomName,
        /// By which connection.
        by: ClientId,
        /// Who.
        name: Name,
        /// Why.
        why: Leave,
    },
    /// Somebody has a new name.
    Renamed {
        /// By which connection.
        by: ClientId,
        /// The name until now.
        old: Name,
        /// The name from now on.
        new: Name,
    },
    /// A room's topic, as it is or as it was just set.
    Topic {
        /// Where.
        room: RoomName,
        /// Who set it.
        by: Name,
        /// The topic; empty when it was cleared.
        text: Text,
    },
    /// Somebody is typing, or has stopped without saying anything.
    Typing {
        /// Where.
        room: RoomName,
        /// By which connection.
        by: ClientId,
        /// Who.
        name: Name,
        /// Whether.
        on: bool,
    },
    /// A room's modes were changed.
    Mode {
        /// Where.
        room: RoomName,
        /// Who did it.
        by: Name,
        /// What was done, in words: `gave the room a key`.
        did: &'static str,
        /// The modes as they are now: `+it`.
        modes: Text,
    },
    /// For taps only: somebody has a name from now on.
    SignedOn {
        /// The connection.
        by: ClientId,
        /// The name.
        name: Name,
        /// By which door.
        door: &'static str,
    },
    /// For taps only: somebody who had a name is gone.
    SignedOff {
        /// The connection.
        by: ClientId,
        /// The name.
        name: Name,
    },
    /// For taps only: a closed room is empty, and what was said in it is forgotten.
    Forgotten(RoomName),
    /// For taps only: the last one has left an open room, and with them went what only operators could change: its modes now.
    Emptied {
        /// Which.
        room: RoomName,
        /// Its modes: `+`.
        modes: Text,
    },
    /// A room had no operator left; somebody in it is one from now on.
    Operator {
        /// Where.
        room: RoomName,
        /// The connection.
        by: ClientId,
        /// The name.
        name: Name,
    },
    /// Somebody kept order.
    Moderated {
        /// Where; `None` is everywhere.
        room: Option<RoomName>,
        /// Who; `None` where a time is over.
        by: Option<Name>,
        /// What was done.
        what: Measure,
    },
    /// What this client may do on the whole server is something else from now on.
    Role {
        /// What.
        role: Role,
        /// The same in words.
        text: Text,
    },
    /// Something of a feature, which has no variant of its own here.
    Feature(FeatureEvent),
    /// The server has something to say, in one room or to all.
    Note {
        /// Where; `None` is everywhere.
        room: Option<RoomName>,
        /// The words.
        text: Text,
    },
    /// The server warns this client.
    Warn(Warning),
    /// The lines of a paste come now.
    PasteBegins,
    /// The next line is a password, and is shown to nobody else.
    Prompt {
        /// Which.
        what: Prompt,
        /// Whether their own terminal does not show it either.
        is_hidden: bool,
    },
    /// Something for this client's terminal, in its place among all that it is told. Only a terminal sees anything of it.
    Terminal(Terminal),
    /// The answer to a ping, or an unasked sign of life with the token `*`.
    Pong(Text),
    /// Lines of a room that this client did not get, because it read too slowly.
    Gap {
        /// Where.
        room: RoomName,
        /// The first id that was left out.
        first: u64,
        /// The last id that was left out.
        last: u64,
        /// How many lines were left out.
        count: u64,
    },
    /// The last line on this connection.
    Bye {
        /// Why it ends.
        why: Leave,
        /// Whose connection it was.
        name: Option<Name>,
    },
}

/// One line of a room.
#[derive(Clone, Debug)]
pub struct Speech {
    /// Where.
    pub room: RoomName,
    /// The line's number in that room, always rising.
    pub id: u64,
    /// By which connection: its owner, and nobody else who may have that name later, can change it.
    pub by: ClientId,
    /// Who.
    pub from: Name,
    /// Whether it is `* ani waves` rather than `ani: hello`.
    pub act: bool,
    /// The line that this one answers.
    pub re: Option<u64>,
    /// Whether it still is what was said first.
    pub version: Version,
    /// Whether its author had signed in: the name is theirs, by whatever connection they come.
    pub signed: bool,
    /// The author's own word for this line, if the door has any, by which a line that is sent twice is known. Dialects show
    /// it to nobody else.
    pub cid: Option<Text>,
    /// The file that is passed on by this line, if it is one.
    pub file: Option<SharedFile>,
    /// The words, of a file its name; none if it was deleted.
    pub text: Text,
}

/// A file that somebody passes on by a line. It is fetched by its token, and goes when the line is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharedFile {
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is fetched by.
    pub token: Token,
}

/// What was done to keep order. Who is banned by an address is not said: nobody learns where others are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Somebody is an operator.
    Op {
        /// As whom others know them.
        person: ClientId,
        /// Who.
        name: Name,
    },
    /// Somebody is an operator no more.
    Deop {
        /// As whom others know them; `None` if they are not here.
        person: Option<ClientId>,
        /// Who.
        name: Name,
    },
    /// Somebody has to go.
    Kicked {
        /// As whom others know them.
        person: ClientId,
        /// Who.
        name: Name,
        /// Why.
        why: Option<Text>,
    },
    /// Somebody may not speak.
    Muted {
        /// Who.
        name: Name,
        /// For so many seconds; `None` is until it is lifted.
        seconds: Option<u64>,
        /// Why.
        why: Option<Text>,
    },
    /// Somebody may speak again.
    Unmuted(Name),
    /// Somebody has to go and may not come again.
    Banned {
        /// Who; `None` is whoever comes from an address.
        name: Option<Name>,
        /// For so many seconds; `None` is until it is lifted.
        seconds: Option<u64>,
        /// Why.
        why: Option<Text>,
    },
    /// Somebody may come again; `None` as in `Banned`.
    Unbanned(Option<Name>),
}

/// What became of a line after it was said.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Version {
    /// Nothing.
    #[default]
    First,
    /// Its author corrected it.
    Edited,
    /// It was deleted. Its number stays, so that ids have no hole.
    Deleted,
}

/// A change to a line. It has a number in the room's log like any line.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where.
    pub room: RoomName,
    /// The change's own number in that room.
    pub id: u64,
    /// By which connection.
    pub by: ClientId,
    /// Who changed it.
    pub from: Name,
    /// The line that is changed.
    pub target: u64,
    /// Who said that line.
    pub author: Name,
    /// Whether whoever changed it had signed in.
    pub signed: bool,
    /// What is done to it.
    pub what: What,
}

/// What the server says of itself in its first line.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// The server's name, from the settings.
    pub name: Text,
    /// The most bytes a client's line can have.
    pub max_line: usize,
    /// Whether it keeps what is said, and knows accounts.
    pub stored: bool,
    /// The port by which files come and go, if they do.
    pub files: Option<u16>,
    /// Whose clock the views for people show.
    pub zone: Zone,
}

/// What came of a request, for the `OK` line.
#[derive(Clone, Debug)]
pub enum Done {
    /// Signed on.
    Welcome {
        /// The name one has now.
        name: Name,
        /// The room one is in.
        room: RoomName,
        /// How many are in it, oneself included.
        users: usize,
    },
    /// In a room.
    Entered {
        /// Which.
        room: RoomName,
        /// How many are in it, oneself included.
        users: usize,
        /// Whether one is its operator.
        op: bool,
    },
    /// Out of a room.
    Parted {
        /// Which.
        room: RoomName,
        /// The room that is current now.
        current: Option<RoomName>,
    },
    /// This is the current room.
    Current(RoomName),
    /// Signed on, or named anew, as somebody with an account.
    SignedIn {
        /// The name one has now.
        name: Name,
        /// What one may do.
        role: Role,
        /// As whom the others know one: the first connection of this account that is still there counts for all.
        person: ClientId,
        /// The room one is in.
        room: RoomName,
        /// How many are in it, oneself included.
        users: usize,
    },
    /// The name one has is one's own from now on.
    Registered {
        /// The name.
        name: Name,
    },
    /// Not signed in any more.
    SignedOut {
        /// The name one has now.
        name: Name,
    },
    /// The password is another.
    PasswordChanged,
    /// An operator of the server by its key, until the connection ends.
    Operator,
    /// Nobody new is let in from now on, or everybody again.
    Lockdown(bool),
    /// A room is no more.
    Forgotten(RoomName),
    /// The server stops in so many seconds; `None`: it does not.
    Stopping(Option<u64>),
    /// What an account may do.
    Role {
        /// Whose.
        name: Name,
        /// What.
        role: Role,
    },
    /// A code with which one person can register.
    Code {
        /// The code.
        code: Text,
        /// Until when it is good.
        until: DateTime<Utc>,
    },
    /// Said, with its id. Of a paste: the last of its lines.
    Said {
        /// Where.
        room: RoomName,
        /// The number it got.
        id: u64,
        /// Whether it is kept, where anything is.
        kept: bool,
    },
    /// A file may come.
    Offered {
        /// By which token, where, and how much.
        granted: Granted,
        /// How long it is waited for.
        expires: Duration,
    },
    /// A line is as it was to be.
    Changed {
        /// Where.
        room: RoomName,
        /// The number that the change got; the line's own where there was nothing to change.
        id: u64,
        /// The line.
        target: u64,
        /// Who said it.
        author: Name,
        /// What it said until now.
        text: Text,
        /// What was to be done to it.
        what: What,
    },
    /// Whispered.
    Whispered {
        /// To whom.
        to: Name,
        /// Their away message, if they are away.
        away: Option<Text>,
    },
    /// One's name is another.
    Renamed(Name),
    /// The topic, as it is or as it was just set; no author means that there is none.
    Topic {
        /// Where.
        room: RoomName,
        /// Who set it, and what it is.
        topic: Option<(Name, Text)>,
    },
    /// Somebody was invited.
    Invited {
        /// Whom.
        name: Name,
        /// Where to.
        room: RoomName,
    },
    /// The modes of a room, as they are now: `+it`.
    Modes {
        /// Where.
        room: RoomName,
        /// A plus and the letters, or a plus alone.
        modes: Text,
    },
    /// Order is kept.
    Moderated {
        /// Where; `None` is everywhere.
        room: Option<RoomName>,
        /// Who, or what address.
        whom: Text,
        /// For so many seconds; `None` where there is no time, or no end.
        seconds: Option<u64>,
    },
    /// Away, or back.
    Away(Option<Text>),
    /// Somebody is ignored from now on, or not any more.
    Ignoring {
        /// Whom.
        name: Name,
        /// Whether.
        ignored: bool,
    },
    /// The options that were changed.
    Options(Vec<Choice>),
    /// Whether lines are edited here (comfort mode); `None`: the client is asked for it.
    Telnet(Option<bool>),
    /// Whether one gets a picture of the server each second from now on.
    Inspecting(bool),
    /// The last refusal and the time it was given at.
    Why(Option<(DateTime<Utc>, Refusal)>),
    /// Nothing more to say.
    Nothing,
}

/// A block: one item of a queue, several lines on the wire.
#[derive(Clone, Debug)]
pub struct Block {
    /// The request's tag.
    pub tag: Option<Tag>,
    /// The room it is about, if it is about one.
    pub room: Option<RoomName>,
    /// Its lines.
    pub items: Items,
}

/// The lines of a block.
#[derive(Clone, Debug)]
pub enum Items {
    /// `LIST`: people.
    List(Vec<User>),
    /// `WHO`: one person.
    Who(User),
    /// `ROOMS`: rooms.
    Rooms(Vec<RoomInfo>),
    /// `HISTORY`: old lines, each with its own time and id.
    History {
        /// The lines, oldest first.
        lines: Vec<Arc<Envelope>>,
        /// There is more: ask with `before=` this id (or `after=` it, when that was asked for).
        more: Option<u64>,
    },
    /// `SEARCH`: old lines of any room, each with its own time and id.
    Found {
        /// The lines, oldest first.
        lines: Vec<Arc<Envelope>>,
        /// There is more: ask with `before=` this id.
        more: Option<u64>,
    },
    /// `EXPORT`: old lines, each as a JSON object.
    Export {
        /// The lines, oldest first.
        lines: Vec<Arc<Envelope>>,
        /// There is more: ask with `after=` this id.
        more: Option<u64>,
    },
    /// `FILES`: the lines of a room that pass files on, each with its own time and id.
    Files(Vec<Arc<Envelope>>),
    /// `BANS`: who is banned, and who is muted.
    Bans(Vec<BanInfo>),
    /// `HELP`: rows of the command table.
    Help(Vec<&'static Verb>),
    /// `STATS`: figures.
    Stats(Vec<Stat>),
    /// `REHASH`: the settings that are not what they were.
    Settings(Vec<reload::Change>),
    /// `AUDIT`: what was done by power.
    Audit {
        /// The acts, oldest first.
        acts: Vec<Entry>,
        /// There is more: ask with `before=` this number.
        more: Option<u64>,
    },
    /// `INSPECT`: the server from inside.
    Inspection(Box<Inspection>),
}

/// One person, as `LIST` and `WHO` show them.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: Name,
    /// Those of the rooms that the asker may know of.
    pub rooms: Vec<RoomName>,
    /// Seconds since the last line.
    pub idle: u64,
    /// By which door: `line`, `web`.
    pub door: &'static str,
    /// What they may do, if the name is theirs.
    pub account: Option<Role>,
    /// The away message, if away.
    pub away: Option<Text>,
}

/// One room, as `ROOMS` shows it.
#[derive(Clone, Debug)]
pub struct RoomInfo {
    /// The name.
    pub name: RoomName,
    /// How many are in it.
    pub users: usize,
    /// Its modes: `+it`.
    pub modes: Text,
    /// The topic, as far as the asker may know it.
    pub topic: Text,
}

/// One ban or mute, as `BANS` shows it.
#[derive(Clone, Debug)]
pub struct BanInfo {
    /// Which of the two.
    pub kind: sanction::Kind,
    /// Whom; `None` where it is an address that the asker may not see.
    pub whom: Option<Text>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who said so, for how long yet, and why.
    pub told: Box<sanction::Told>,
}

/// One figure of `STATS`.
#[derive(Clone, Debug)]
pub struct Stat {
    /// A word for programs.
    pub key: &'static str,
    /// The figure.
    pub value: u64,
    /// What it counts, and its unit.
    pub text: &'static str,
}

/// What a client is warned of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Warning {
    /// Lines come faster than the pace; the server reads them more slowly. Nothing is lost.
    Pace,
    /// Nothing was heard for long; the connection ends in so many seconds.
    Idle(u64),
    /// Many lines are refused, so the next are taken more slowly.
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

/// Why a connection ends, or why somebody left a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Leave {
    /// `QUIT`, perhaps with words.
    Quit(Option<Text>),
    /// The peer closed its side.
    Closed,
    /// The connection broke.
    Lost,
    /// Only left the room.
    Parted,
    /// Nothing was heard for the idle limit.
    Idle,
    /// No name within the sign-on limit.
    SignOn,
    /// What was sent was not read.
    TooSlow,
    /// 64 KiB without a line end.
    Endless,
    /// Too much, too often, or before having a name.
    Flood,
    /// Their account was signed out everywhere, or its password is another.
    SignedOut,
    /// Only members may be here, and they are signed in no more, or never were.
    MembersOnly,
    /// An operator sent them away, perhaps with words.
    Kicked(Option<Text>),
    /// An operator sent them away for good, perhaps with words.
    Banned(Option<Text>),
    /// Another protocol on this port.
    Foreign(Foreign),
    /// A bug of ours struck.
    Crashed,
    /// The server stops.
    Shutdown,
    /// There is no room for one more.
    Full,
    /// There is a place, but not for one more from its address.
    AddressFull,
}

/// Protocols that knock at the wrong door.
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
            Leave::Quit(_) | Leave::Closed | Leave::Lost | Leave::Parted => Code::Quit,
            Leave::Foreign(_) => Code::WrongProtocol,
            Leave::Idle => Code::Idle,
            Leave::SignOn => Code::SignOnTimeout,
            Leave::TooSlow => Code::SlowReader,
            Leave::Endless => Code::LineTooLong,
            Leave::Flood => Code::Flood,
            Leave::Banned(_) => Code::Banned,
            Leave::Kicked(_) => Code::Kicked,
            Leave::MembersOnly => Code::MembersOnly,
            Leave::SignedOut => Code::SignedOut,
            Leave::Crashed => Code::InternalError,
            Leave::Shutdown => Code::ShuttingDown,
            Leave::Full | Leave::AddressFull => Code::ServerFull,
        }
    }

    /// A few words for people in the room and for the log.
    pub fn reason(&self) -> &str {
        match self {
            Leave::Quit(Some(words)) => words,
            Leave::Quit(None) => "quit",
            Leave::Closed => "connection closed",
            Leave::Lost => "connection lost",
            Leave::Parted => "left the room",
            Leave::Idle => "idle",
            Leave::SignOn => "gave no name in time",
            Leave::TooSlow => "read too slowly",
            Leave::Endless => "sent a line without an end",
            Leave::Flood => "sent too much",
            Leave::Kicked(Some(words)) => words,
            Leave::Kicked(None) => "kicked",
            Leave::Banned(Some(words)) => words,
            Leave::Banned(None) => "banned",
            Leave::Foreign(Foreign::Http) => "spoke HTTP",
            Leave::Foreign(Foreign::Tls) => "spoke TLS",
            Leave::Foreign(Foreign::Ssh) => "spoke SSH",
            Leave::Foreign(Foreign::Irc) => "spoke IRC",
            Leave::Foreign(Foreign::Socks) => "spoke SOCKS",
            Leave::SignedOut | Leave::MembersOnly => "signed out",
            Leave::Crashed => "our fault",
            Leave::Shutdown => "server is stopping",
            Leave::Full => "server is full",
            Leave::AddressFull => "too many from its address",
        }
    }
}

/// The forms that bytes can have. An event is rendered at most once for each, however many hear it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// The line protocol.
    Line,
    /// The line protocol with milliseconds.
    LineMillis,
    /// `view=short`.
    Short,
    /// `view=short ids=on`.
    ShortIds,
    /// `view=plain`.
    Plain,
    /// `view=plain ids=on`.
    PlainIds,
    /// Frames for browsers; `chat_web` renders them.
    Json,
}

impl Wire {
    /// How many there are.
    pub const COUNT: usize = 7;
}

/// About what a line costs besides its words, in bytes.
const LINE: usize = 96;

impl User {
    /// About how many bytes its line has.
    fn cost(&self) -> usize {
        let rooms: usize = self.rooms.iter().map(|room| room.as_str().len() + 1).sum();
        LINE + rooms + self.away.as_ref().map_or(0, |away| away.len())
    }
}

impl BanInfo {
    /// About how many bytes its line has.
    fn cost(&self) -> usize {
        2 * LINE + self.told.why.as_ref().map_or(0, |why| why.len())
    }
}

/// An event with its time, shared by all who hear it, and its bytes once somebody needed them.
#[derive(Debug)]
pub struct Envelope {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: Event,
    wires: [OnceLock<Box<[u8]>>; Wire::COUNT],
}

impl Envelope {
    /// Puts an event into an envelope.
    pub fn new(at: DateTime<Utc>, event: Event) -> Arc<Envelope> {
        Arc::new(Envelope { at, event, wires: Default::default() })
    }

    /// The room's number of it, if it is a line, or a change to one.
    pub fn id(&self) -> Option<u64> {
        match &self.event {
            Event::Said(Speech { id, .. }) | Event::Changed(Change { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// The room it stands in, if it is a line, or a change to one.
    pub fn room(&self) -> Option<&RoomName> {
        match &self.event {
            Event::Said(Speech { room, .. }) | Event::Changed(Change { room, .. }) => Some(room),
            _ => None,
        }
    }

    /// The bytes on a wire: rendered by the first who asks, shared by the others.
    pub fn on(&self, wire: Wire, render: impl FnOnce(&Envelope) -> Vec<u8>) -> &[u8] {
        self.wires[wire as usize].get_or_init(|| render(self).into_boxed_slice())
    }

    /// About how many bytes this takes while it waits, for the limits of the queues.
    pub fn cost(&self) -> usize {
        match &self.event {
            Event::Said(Speech { text, .. })
            | Event::Changed(Change {
                what: What::Edited(text) | What::Reacted(text) | What::Unreacted(text), ..
            })
            | Event::Whispered { text, .. }
            | Event::Topic { text, .. }
            | Event::Role { text, .. }
            | Event::Note { text, .. } => LINE + text.len(),
            Event::Terminal(Terminal::Typed(text, _) | Terminal::Entered(text)) => LINE + text.len(),
            Event::Pong(token) => LINE + 3 * token.len(),
            Event::Feature(event) => LINE + event.cost(),
            Event::Block(block) => {
                LINE + match &block.items {
                    Items::List(users) => users.iter().map(User::cost).sum(),
                    Items::Who(user) => user.cost(),
                    Items::Rooms(rooms) => rooms.iter().map(|room| LINE + room.topic.len()).sum(),
                    Items::History { lines, .. } | Items::Found { lines, .. } | Items::Files(lines) => {
                        lines.iter().map(|line| line.cost()).sum()
                    }
                    Items::Export { lines, .. } => lines.iter().map(|line| 2 * line.cost()).sum(),
                    Items::Bans(bans) => bans.iter().map(BanInfo::cost).sum(),
                    Items::Help(verbs) => 2 * LINE * verbs.len(),
                    Items::Stats(stats) => LINE * stats.len(),
                    Items::Settings(changes) => 3 * LINE * changes.len(),
                    Items::Audit { acts, .. } => acts.iter().map(Entry::cost).sum(),
                    Items::Inspection(inspection) => LINE * inspection.rows(),
                }
            }
            Event::Hello(_) | Event::Refused { .. } => 2 * LINE,
            Event::Done { .. }
            | Event::Joined { .. }
            | Event::Left { .. }
            | Event::Renamed { .. }
            | Event::Typing { .. }
            | Event::Changed(_)
            | Event::Mode { .. }
            | Event::SignedOn { .. }
            | Event::SignedOff { .. }
            | Event::Forgotten(_)
            | Event::Emptied { .. }
            | Event::Operator { .. }
            | Event::Moderated { .. }
            | Event::Warn(_)
            | Event::PasteBegins
            | Event::Prompt { .. }
            | Event::Terminal(_)
            | Event::Gap { .. }
            | Event::Bye { .. } => LINE,
        }
    }
}
