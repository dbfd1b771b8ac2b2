//! What a client can ask for.

use crate::model::feature::{Asked, FeatureCommand};
use crate::model::names::{Name, RoomName};
use crate::model::text::Text;
use crate::model::zone::Zone;

/// A request that was understood. It holds names, rooms and texts that were looked at already; whether the chat
/// allows it is for the router to say.
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
        /// Where; `None` is the current room.
        room: Option<RoomName>,
        /// The line that this one answers.
        re: Option<Line>,
        /// What becomes [`Speech::cid`](crate::model::event::Speech::cid).
        cid: Option<Text>,
        /// Whether it is `/me waves`: speech in the third person.
        act: bool,
        /// The text, without control characters.
        text: Text,
    },
    /// Several lines as one block.
    Paste(Vec<Text>),
    /// The first line of a paste was read; its lines follow.
    PasteBegins,
    /// Private words for one person.
    Whisper {
        /// The recipient.
        to: Name,
        /// The text, without control characters.
        text: Text,
    },
    /// Change one's own name.
    Nick(Name),
    /// Who is on, everywhere or in one room.
    List(Option<RoomName>),
    /// All rooms one may know of.
    Rooms,
    /// Leave a room, the current one if none is named.
    Part(Option<RoomName>),
    /// Make a room the current one; without a room, ask which it is.
    Room(Option<RoomName>),
    /// A page of what was said.
    History(HistoryQuery),
    /// Change options of this connection.
    Options(Vec<Choice>),
    /// Something for the client's own terminal. It stays in the kernel: keys stand in order among all that a client sends and is told.
    /// No line can ask for it.
    Terminal(Terminal),
    /// Are you there? The token comes back.
    Ping(Text),
    /// The last refusal, with its numbers.
    Why,
    /// The table of verbs, or the row that the word means.
    Help(Option<Text>),
    /// The server's figures.
    Stats,
    /// What a feature can do; it opens its own.
    Feature(FeatureCommand),
    /// Goodbye.
    Quit(Option<Text>),
    /// Panics where it is told to: the tests' way to show what a panic costs.
    #[cfg(test)]
    Crash,
}

impl Command {
    /// A command of a feature.
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
    /// The client is asked whether lines may be edited here.
    Offer,
    /// It has agreed.
    On,
    /// It has not, or it is over.
    Off,
    /// Its window has so many columns and rows.
    Size(u16, u16),
    /// This is typed now, and the cursor stands behind so many bytes of it.
    Typed(Text, usize),
    /// This was typed, and Enter.
    Entered(Text),
    /// All is to be drawn again.
    Clear,
    /// The line takes nothing more.
    Full,
    /// The next line is a secret, and is not shown.
    Hide,
    /// And now it is again.
    Show,
}

/// One line of a room, as a person names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// By its number.
    Id(u64),
    /// `last`: the last one of one's own where it is to be changed, else the last one in the room.
    Last,
}

/// Which page of a room's history.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct HistoryQuery {
    /// Where; `None` is the current room.
    pub room: Option<RoomName>,
    /// Only lines with a smaller id.
    pub before: Option<u64>,
    /// Only lines with a greater id; the page then starts right behind it.
    pub after: Option<u64>,
    /// How many at most, 1 to 500; 50 if not said.
    pub limit: Option<usize>,
}

/// One option of a connection (PROTOCOL.md section 5, "Options").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// `history=off|n`: how many old lines one gets on entering a room.
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
    /// `echo=on|off`: whether one's own speech is answered with `OK`.
    Echo(bool),
    /// `presence=off|brief|auto|full`: joins, leaves and new names.
    Presence(Presence),
    /// `typing=on|off`: whether to hear who types.
    Typing(bool),
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

/// How much a person wants to know of the coming and going.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Nothing.
    Off,
    /// Only in rooms of up to [`BRIEF_ROOM`] people.
    Brief,
    /// Where it is not too much: in rooms of up to [`CROWD`] people.
    #[default]
    Auto,
    /// Everything.
    Full,
}

/// The largest room whose coming and going is told to people with `presence=brief`.
pub const BRIEF_ROOM: usize = 20;
/// In a room of more people than this, coming and going is told only to those who asked for all of it: a thousand people
/// who come would be half a million lines.
pub const CROWD: usize = 250;

/// The most lines `HISTORY` gives at once.
pub const MAX_PAGE: usize = 500;

/// What is said where a page has no line, or too many.
pub(crate) const PAGE: &str = "It is 1 to 500 lines.";
