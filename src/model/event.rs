//! Events, which clients are told, and the envelope, in which one event goes to many clients and is rendered once for
//! all.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::body::{Body, LINE};
use crate::model::command::Terminal;
pub use crate::model::done::{Done, Words};
pub use crate::model::feature::FeatureEvent;
use crate::model::feature::Told;
pub use crate::model::file::SharedFile;
pub use crate::model::leave::{Foreign, Leave, Warning};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::row::Table;
pub use crate::model::speech::{Change, Speech, Version, What};
use crate::model::text::Text;
pub(crate) use crate::model::wire::Cells;
pub use crate::model::wire::{Translate, Wire};
use crate::model::zone::Zone;

/// A word that a program puts behind a verb, as in `SAY=42:…`; the answer has it too, so that the program finds its
/// answer.
pub type Tag = Text;

/// Something that a client is told. Dialects turn it into bytes; the router never does.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first line on a connection: the server's name and its limits.
    Hello(Arc<Greeting>),
    /// A request was carried out.
    Done {
        /// The request's verb.
        verb: &'static str,
        /// The request's tag.
        tag: Option<Tag>,
        /// The result.
        done: Done,
    },
    /// A request was refused.
    Refused {
        /// The verb, as far as one was read.
        verb: Option<Text>,
        /// The request's tag.
        tag: Option<Tag>,
        /// The refusal, with its code and words.
        error: Refusal,
    },
    /// Several lines that stand together: nothing comes between them.
    Block(Block),
    /// A user spoke in a room.
    Said(Speech),
    /// A user changed a line: corrected it, deleted it, or put a reaction to it.
    Changed(Change),
    /// A whisper: words for one user alone.
    Whispered {
        /// The number by which others know the user.
        by: ClientId,
        /// The name of the sender.
        from: Name,
        /// The recipient.
        to: Name,
        /// Its number in the direct talk of both, if it has one.
        id: Option<u64>,
        /// The file that this whisper passes on, if any.
        file: Option<SharedFile>,
        /// The words; of a file its name.
        text: Body,
    },
    /// A user came into a room.
    Joined {
        /// The room it happens in.
        room: RoomName,
        /// The number by which others know the user.
        by: ClientId,
        /// The user's name.
        name: Name,
        /// Whether the user has shown that the name is its own.
        signed: bool,
    },
    /// A user left a room.
    Left {
        /// The room it happens in.
        room: RoomName,
        /// The number by which others know the user.
        by: ClientId,
        /// The user's name.
        name: Name,
        /// Why the user left.
        why: Leave,
        /// Whether the connection is over, and not this room alone is left.
        gone: bool,
    },
    /// A user has a new name.
    Renamed {
        /// The number by which others know the user.
        by: ClientId,
        /// The name until now.
        old: Name,
        /// The name from now on.
        new: Name,
    },
    /// For taps only: a client has a name from now on.
    SignedOn {
        /// The number of the client's connection.
        by: ClientId,
        /// The client's name.
        name: Name,
        /// The door by which the client came: `line`, `web`.
        door: &'static str,
    },
    /// For taps only: a client that had a name is gone.
    SignedOff {
        /// The number of the client's connection.
        by: ClientId,
        /// The client's name.
        name: Name,
    },
    /// For taps only: a room is closed, and what was said in it is forgotten.
    Forgotten(RoomName),
    /// For taps only: the last client has left a room that stays. Modes that only its operators could change end with
    /// that.
    Emptied {
        /// The room's name.
        room: RoomName,
        /// The modes that are left: `+` and a letter for each.
        modes: Text,
    },
    /// An event of a feature, sealed: it has no variant of its own here.
    Feature(FeatureEvent),
    /// The server has something to say, in one room or to all.
    Note {
        /// The room; `None` is all of them.
        room: Option<RoomName>,
        /// The text, without control characters.
        text: Text,
    },
    /// The server warns this client.
    Warn(Warning),
    /// The answer to `PASTE`: the client's next lines are the paste.
    PasteBegins,
    /// The server asks for a password or a key, which the client's next line is; no other client is shown it. It is no
    /// event of a feature, since the router has to know it: the `OK` comes behind that line.
    Prompt {
        /// The secret that is asked for: `Your password for ani`.
        what: Cow<'static, str>,
        /// Whether the client's own terminal must not show it either.
        is_hidden: bool,
    },
    /// A step of line editing, for a client whose lines the server edits.
    Terminal(Terminal),
    /// The answer to a ping, or an unasked sign of life with the token `*`.
    Pong(Text),
    /// Lines of a room that this client did not get, because it read too slowly.
    Gap {
        /// The room it happens in.
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
        /// The client's name, if it had one.
        name: Option<Name>,
    },
}

impl Event {
    /// Seals an event of a feature.
    pub fn feature(told: impl Told) -> Event {
        Event::Feature(FeatureEvent::new(told))
    }
}

/// What the server says of itself in its first line.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// The server's name, from the settings.
    pub name: Text,
    /// The most bytes a client's line can have.
    pub max_line: usize,
    /// The most bytes that a message of several lines can have.
    pub max_message: usize,
    /// Whether the server has a store: it keeps what is said, and knows accounts.
    pub stored: bool,
    /// The port of the file door, if the server has one.
    pub files: Option<u16>,
    /// Whose clock the views for people show.
    pub zone: Zone,
    /// Its sentences in Indonesian, for `OPT:lang=id`.
    pub indonesian: Translate,
}

/// A block: one item of a queue, several lines on the wire.
#[derive(Clone, Debug)]
pub struct Block {
    /// The request's tag.
    pub tag: Option<Tag>,
    /// The kind of block, named after the verb that asks for it: `LIST`.
    pub kind: &'static str,
    /// The room it is about, if it is about one.
    pub room: Option<RoomName>,
    /// The rows, in order.
    pub rows: Rows,
    /// The id at which the next page goes on, by `before=` or `after=`; `None` if there is no more.
    pub more: Option<u64>,
    /// What people read above the rows; empty is nothing.
    pub head: Cow<'static, str>,
    /// What people read below the rows; empty is nothing.
    pub foot: &'static str,
    /// Whether it is a newer state of the last block of this kind: a terminal draws it in the place of that one.
    pub is_update: bool,
}

/// The rows of a block.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Old lines, each with its own time and id, in the form in which they were heard first.
    Lines(Vec<Arc<Envelope>>),
    /// Rows that were made for this answer.
    Made(Arc<dyn Table>),
}

/// An event with its time, shared by all clients that get it, and its bytes once a writer needed them.
pub struct Envelope {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The event.
    pub event: Event,
    wires: Cells,
}

impl Envelope {
    /// Puts an event into an envelope.
    pub fn new(at: DateTime<Utc>, event: Event) -> Arc<Envelope> {
        Arc::new(Envelope { at, event, wires: Default::default() })
    }

    /// Its number in the room, if it is a line or a change to one.
    pub fn id(&self) -> Option<u64> {
        match &self.event {
            Event::Said(Speech { id, .. }) | Event::Changed(Change { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// Its room, if it is a line or a change to one.
    pub fn room(&self) -> Option<&RoomName> {
        match &self.event {
            Event::Said(Speech { room, .. }) | Event::Changed(Change { room, .. }) => Some(room),
            _ => None,
        }
    }

    /// The bytes of the event in the form `wire`: the first caller renders them, all others share them.
    pub fn on(&self, wire: Wire, render: impl FnOnce(&Envelope) -> Vec<u8>) -> &[u8] {
        self.wires.on(wire, || render(self))
    }

    /// About how many bytes this takes while it waits, for the limits of the queues.
    pub fn cost(&self) -> usize {
        match &self.event {
            Event::Said(Speech { text, .. })
            | Event::Whispered { text, .. }
            | Event::Changed(Change { what: What::Edited(text), .. }) => text.cost(),
            Event::Changed(Change { what: What::Reacted(text) | What::Unreacted(text), .. })
            | Event::Note { text, .. } => LINE + text.len(),
            Event::Terminal(Terminal::Typed(text, _) | Terminal::Entered(text)) => LINE + text.len(),
            Event::Pong(token) => LINE + 3 * token.len(),
            Event::Feature(event) => LINE + event.cost(),
            Event::Block(block) => LINE + block.rows.cost(),
            Event::Hello(_) | Event::Refused { .. } => 2 * LINE,
            Event::Done { .. }
            | Event::Joined { .. }
            | Event::Left { .. }
            | Event::Renamed { .. }
            | Event::Changed(_)
            | Event::SignedOn { .. }
            | Event::SignedOff { .. }
            | Event::Forgotten(_)
            | Event::Emptied { .. }
            | Event::Warn(_)
            | Event::PasteBegins
            | Event::Prompt { .. }
            | Event::Terminal(_)
            | Event::Gap { .. }
            | Event::Bye { .. } => LINE,
        }
    }
}
