//! Commands: what a client can ask for.

use crate::model::body::Body;
use crate::model::feature::{Asked, FeatureCommand};
use crate::model::names::{Name, RoomName};
use crate::model::text::Text;
use crate::model::zone::Zone;

/// A line that was understood. Its names, rooms and texts are valid by their types; whether the chat allows it is
/// decided by the router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Sign on.
    Join(Name),
    /// Enter a room and make it the current one.
    Enter {
        /// The room's name.
        room: RoomName,
        /// The room's key, if it has one.
        key: Option<Text>,
    },
    /// Speak, in the current room if none is named.
    Say {
        /// The room; `None` is the current one.
        room: Option<RoomName>,
        /// The line that this one answers.
        re: Option<Line>,
        /// The client's own id for the line: [`Speech::cid`](crate::model::event::Speech::cid).
        cid: Option<Text>,
        /// Whether it is `/me waves`: speech in the third person.
        act: bool,
        /// The words.
        text: Body,
    },
    /// A command whose words came in lines. Where it names no room, it is for the room that was current when they began.
    Paste(Box<Command>),
    /// The first line of a paste was read; its lines follow.
    PasteBegins,
    /// Say something to one user alone.
    Whisper {
        /// The recipient.
        to: Name,
        /// The words.
        text: Body,
    },
    /// Change the client's name.
    Nick(Name),
    /// List the users, everywhere or in one room.
    List(Option<RoomName>),
    /// List the rooms that the client may know of.
    Rooms,
    /// Leave a room, the current one if none is named; perhaps with words.
    Part(Option<RoomName>, Option<Text>),
    /// Make a room the current one; without a room, ask which it is.
    Room(Option<RoomName>),
    /// A page of what was said.
    History(HistoryQuery),
    /// Change options of this connection.
    Options(Vec<Choice>),
    /// A step of line editing on the client's own terminal, which no line can ask for. It goes through the router, so
    /// that it keeps its place among all that the client sends and is told.
    Terminal(Terminal),
    /// Ask for a sign of life: the token comes back.
    Ping(Text),
    /// Show the last refusal again, with its code and pairs.
    Why,
    /// The table of verbs, or the row that the word means.
    Help(Option<Text>),
    /// The server's figures.
    Stats,
    /// A command of a feature, sealed: only that feature knows the type inside.
    Feature(FeatureCommand),
    /// Leave the server, perhaps with last words.
    Quit(Option<Text>),
    /// Panic in the router, for tests that show what a panic costs.
    #[cfg(test)]
    Crash,
}

impl Command {
    /// Seals a command of a feature.
    pub fn feature(command: impl Asked) -> Command {
        Command::Feature(FeatureCommand::new(command))
    }

    /// Whether the next line is a password or a key, which this command lacks.
    pub fn asks_for_secret(&self) -> bool {
        matches!(self, Command::Feature(command) if command.prompt().is_some())
    }
}

/// What happens on the terminal of a client that is a telnet (PROTOCOL.md section 10, "Telnet").
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Terminal {
    /// A person types: the client gets the views for people, and a greeting.
    ByHand,
    /// The client's telnet is asked whether the server may edit its lines.
    Offer,
    /// The telnet has agreed: the server edits its lines from now on.
    On,
    /// The telnet has refused, or line editing has ended.
    Off,
    /// The columns and rows of the client's window.
    Size(u16, u16),
    /// The line as it is typed so far, and the place of the cursor in it, in bytes.
    Typed(Text, usize),
    /// The line that Enter has ended.
    Entered(Text),
    /// Draw everything again.
    Clear,
    /// A key was not taken: the line has as many bytes as it may.
    Full,
    /// What is typed is not shown from now on: the next line is a secret.
    Hide,
    /// What is typed is shown again.
    Show,
}

/// One line of a room, as a user names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// By its number.
    Id(u64),
    /// `last`: where a line is to be changed, the user's own last one; else the last one in the room.
    Last,
}

/// Which page of a room's history.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct HistoryQuery {
    /// The room; `None` is the current one.
    pub room: Option<RoomName>,
    /// Only lines with a smaller id.
    pub before: Option<u64>,
    /// Only lines with a greater id; the page then starts right behind it.
    pub after: Option<u64>,
    /// How many lines at most, 1 to 500; `None` is 50.
    pub limit: Option<usize>,
}

/// One option of a connection (PROTOCOL.md section 5, "Options").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// `history=off|n`: how many old lines the client gets when it enters a room.
    History(usize),
    /// `time=s|ms`: how fine the times are.
    Millis(bool),
    /// `view=full|short|plain`: the form of every line.
    View(View),
    /// `ids=on|off`: whether the views for people show the numbers of lines.
    Ids(bool),
    /// `tz=server|utc|+07:00`: whose clock the views for people show; `None` is the server's.
    Zone(Option<Zone>),
    /// `lang=en|id`: whether the server's sentences are in Indonesian.
    Indonesian(bool),
    /// `echo=on|off`: whether the client's own speech is answered with `OK`.
    Echo(bool),
    /// `presence=off|brief|auto|full`: joins, leaves and new names.
    Presence(Presence),
    /// `typing=on|off`: whether to hear who types.
    Typing(bool),
    /// `lobby=on|off`: whether signing on enters the lobby.
    Lobby(bool),
    /// `away=on|off`: whether to hear who is away.
    Away(bool),
    /// `ping=n|off`: seconds between unasked `PONG *` lines.
    Ping(u64),
}

/// The form in which a person reads the chat.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum View {
    /// The protocol, as programs read it.
    #[default]
    Full,
    /// `10:00 budi: halo`, for people in telnet.
    Short,
    /// `budi: halo`, for screen readers.
    Plain,
}

/// How much a user wants to read of joins, leaves and new names.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Nothing of it.
    Off,
    /// Only in rooms of up to [`BRIEF_ROOM`] people.
    Brief,
    /// Where it is not too much: in rooms of up to [`CROWD`] people.
    #[default]
    Auto,
    /// All of it.
    Full,
}

/// The largest room whose coming and going is told to people with `presence=brief`.
pub const BRIEF_ROOM: usize = 20;
/// In a room of more people than this, coming and going is told only to users with `presence=full`: a thousand people
/// who come would be half a million lines.
pub const CROWD: usize = 250;

/// The most lines `HISTORY` gives at once.
pub const MAX_PAGE: usize = 500;
/// The words of the refusal of a page of 0 lines, or of more than `MAX_PAGE`.
pub(crate) const PAGE: &str = "It is 1 to 500 lines.";
