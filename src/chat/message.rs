//! Everything the router is ever told, and the client as the router knows it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::chat::limit::Errors;
use crate::chat::outbox::{Deliver, Outbox};
use crate::config::{Change, Config};
use crate::features::archive::store::{Answer, Question, Report};
use crate::features::files::FileError;
use crate::model::command::{Choice, Presence};
use crate::model::event::{Leave, Warning};
use crate::model::file::{To, Token};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::refusal::Refusal;
use crate::model::roles::{Policy, Role};
use crate::model::secrets::Secret;
use crate::model::text::Text;
use crate::protocol::parse::Request;
use crate::sync::Arc;

pub use crate::chat::ticket::{Credits, Ticket};

/// Called once with the answer to a question, by the router's thread: it must be quick.
pub type Reply = Box<dyn FnOnce(Answer) + Send>;

/// Where a file has got to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// Into a room, as the line of this id.
    Room(RoomName, u64),
    /// To one person.
    Person(Name),
}

/// Called once with what became of an upload, by the router's thread: it must be quick.
pub type Settled = Box<dyn FnOnce(Result<Placed, FileError>) + Send>;

/// A message to the router.
pub enum Message {
    /// A connection was made. It has no name yet.
    ClientJoined(Box<Client>),
    /// A connection ended, or has to. Said twice it does no harm, since a number is never given again.
    ClientLeft(ClientId, Leave),
    /// Lines of one client, in order. The ticket comes back to its reader when their answers are written.
    Requests(ClientId, Vec<Request>, Ticket),
    /// One client is to be warned.
    Warn(ClientId, Warning),
    /// The server has something to say to one client.
    Tell(ClientId, Text),
    /// A picture of the server's threads was taken, for those who watch.
    Sampled,
    /// A door watches from now on what happens in public.
    Tap(Box<dyn Deliver>),
    /// The server has something to say to all.
    Broadcast(Text),
    /// A whisper between two connections, for doors that know people by number.
    DirectMessage {
        /// Who speaks.
        from: ClientId,
        /// To whom.
        to: ClientId,
        /// The words.
        content: Text,
    },
    /// A door wants something of the store; the answer is for the door.
    Ask {
        /// What it wants.
        question: Question,
        /// Whether no third party can read what comes from there: passwords are taken from nowhere else.
        is_private: bool,
        /// Where the answer goes.
        reply: Reply,
    },
    /// A door whose users read by calls wants to know what a user may read.
    Look {
        /// Who.
        who: Onlooker,
        /// What.
        what: Sought,
        /// Where the answer goes: the rooms that are hidden from them, where they want [`Sought::Everything`]; else none.
        reply: Box<dyn FnOnce(Result<Vec<RoomName>, Refusal>) + Send>,
    },
    /// A user reads what was said by a call: a page, or a search. Whether they may, and how fast, is decided here.
    Read {
        /// Who.
        who: Onlooker,
        /// What: [`Question::Page`] or [`Question::Search`], whose `hidden` is filled in.
        question: Box<Question>,
        /// Where the answer goes.
        reply: Reply,
    },
    /// A door wants to know what a user may do, to offer that and nothing else.
    Rights {
        /// Whose connection.
        client: ClientId,
        /// Where the answer goes.
        reply: Box<dyn FnOnce(Rights) + Send>,
    },
    /// A file is here, whole, and is to become a line.
    Uploaded {
        /// What it was granted by.
        token: Token,
        /// Where the answer goes.
        reply: Settled,
    },
    /// A file does not come.
    UploadFailed {
        /// Who offered it.
        by: ClientId,
        /// Where it was to go.
        to: To,
        /// Its name.
        name: Text,
        /// Why.
        why: FileError,
    },
    /// The store has something to say.
    Store(Report),
    /// Other settings are in force.
    Reload(Arc<Config>),
    /// The settings were read again for an operator, by this number: what has changed, or why nothing has.
    Rehashed(u64, Result<Vec<Change>, Text>),
    /// A user at a door has shown this as the operator key. The answer is [`Answer::Done`], or a refusal.
    Operator {
        /// What they have shown.
        key: Secret,
        /// From where.
        from: Option<IpAddr>,
        /// Whether no third party can read what comes from there.
        is_private: bool,
        /// Where the answer goes.
        reply: Reply,
    },
    /// A user who has shown the key wants something done.
    Order {
        /// What.
        order: Order,
        /// From where, for the log.
        from: Option<IpAddr>,
        /// Where the answer goes.
        reply: Reply,
    },
    /// Other rules for accounts are. Without a store there are no accounts, and it does nothing.
    Rules(Policy),
    /// Say goodbye to all clients and end.
    Shutdown,
}

/// A user who reads by a call, which may have no connection, or come from another address than it.
#[derive(Clone, Copy, Debug)]
pub struct Onlooker {
    /// Their connection, if they have one.
    pub client: Option<ClientId>,
    /// From where the call comes.
    pub address: IpAddr,
}

/// What an [`Onlooker`] wants to read.
#[derive(Clone, Debug)]
pub enum Sought {
    /// Nothing but to come in, which counts as no reading.
    Entry,
    /// Whatever there is.
    Everything,
    /// What was said in a room.
    Room(RoomName),
    /// A file of a room, or one that was whispered, whose readers are looked at where it is opened.
    File(Option<RoomName>),
    /// The same at a door that knows no session: the token was shown, and beside it counts from where.
    FileByToken(Option<RoomName>),
}

/// The rights of a user beyond those of all users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rights {
    /// On the whole server.
    pub role: Role,
    /// Those of their rooms in which they keep order: all of them, for the server's operators.
    pub rooms: Vec<RoomName>,
}

/// What an operator at a door may want.
pub enum Order {
    /// Send a line to all users.
    Announce(Text),
    /// Send a person away, by all their connections.
    Kick {
        /// As whom others know them.
        person: ClientId,
        /// Why, for them and their rooms.
        why: Option<Text>,
    },
    /// End a room, with all that was said in it.
    Forget(RoomName),
    /// Show what was done by power.
    Audit {
        /// Only acts with a smaller number.
        before: Option<u64>,
        /// The most of them.
        limit: usize,
    },
}

/// One connection: a number, perhaps a name, and a sender. Dropping the sender is how the server disconnects.
pub struct Client {
    /// The number.
    pub id: ClientId,
    /// The name; none until `JOIN`.
    pub name: Option<Name>,
    /// The way to it.
    pub sender: Outbox,
    /// The peer's address, for the log only: members never see it.
    pub origin: String,
    /// By which door it came: `line`, `tls`.
    pub door: &'static str,
    /// Whether what goes between us and it is encrypted, which only its door knows.
    pub is_encrypted: bool,
    /// Where it is and what it wants; changed only by the router.
    pub(crate) state: State,
}

/// What the router remembers of a client.
#[derive(Default)]
pub(crate) struct State {
    /// The rooms it is in; the last one entered comes last.
    pub(crate) rooms: Vec<RoomName>,
    pub(crate) current: Option<RoomName>,
    /// The current room when its paste began.
    pub(crate) pasting_in: Option<RoomName>,
    pub(crate) away: Option<Text>,
    pub(crate) ignored: Vec<Name>,
    /// Whether it has shown that its name belongs to it.
    pub(crate) signed_in: bool,
    /// Whether it has shown the operator key.
    pub(crate) is_operator: bool,
    /// As whom others know it, if not as itself: the first connection of its account.
    pub(crate) person: Option<ClientId>,
    /// Set while it waits for an answer, with what it has asked for since.
    pub(crate) blocked: Option<Box<Blocked>>,
    /// Who whispered last.
    pub(crate) whisperer: Option<(ClientId, Name)>,
    pub(crate) refusal: Option<(DateTime<Utc>, Refusal)>,
    pub(crate) last_line: Option<Moment>,
    /// What it was refused, and its tickets that come back only when it may send more.
    pub(crate) errors: Errors,
    pub(crate) slowed: Vec<(Moment, Ticket)>,
    /// When the rooms are told that do not know yet that it is there ([`Room::unannounced`](crate::chat::room::Room::unannounced)).
    pub(crate) announce_at: Option<Moment>,
    pub(crate) last_typing: Option<Moment>,
    pub(crate) is_typing: bool,
    /// Whether its lines are edited here.
    pub(crate) is_edited: bool,
    /// Whether its terminal was told to show nothing of what is typed.
    pub(crate) is_hidden: bool,
    /// Whether it was asked for a password last.
    pub(crate) is_prompted: bool,
    /// Whether lists of rooms it is not in may have its number, to be forgotten: bans and mutes, invitations, who opened them.
    pub(crate) is_listed: bool,
    pub(crate) options: Options,
    /// Lines that were no good and bytes that were sent, before there was a name.
    pub(crate) bad_lines: u32,
    pub(crate) early_bytes: usize,
}

/// The requests of a client that waits for an answer: they are carried out when it is there.
#[derive(Default)]
pub(crate) struct Blocked {
    pub(crate) is_waiting: bool,
    pub(crate) rest: VecDeque<(Vec<Request>, Ticket)>,
    /// Set where the client has gone meanwhile.
    pub(crate) leave: Option<Leave>,
}

impl State {
    /// Whether one's own lines are answered. Who reads by numbers has to know those.
    pub(crate) fn wants_echo(&self) -> bool {
        self.options.echo || self.options.ids.unwrap_or(self.is_edited)
    }
}

/// What a client chose with `OPT`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) history: Option<usize>,
    pub(crate) echo: bool,
    pub(crate) presence: Presence,
    pub(crate) typing: bool,
    pub(crate) ping: Option<(Duration, Moment)>,
    pub(crate) ids: Option<bool>,
}

impl Options {
    pub(crate) fn choose(&mut self, choice: Choice, now: Moment) {
        match choice {
            Choice::History(lines) => self.history = Some(lines),
            Choice::Echo(on) => self.echo = on,
            Choice::Presence(presence) => self.presence = presence,
            Choice::Typing(on) => self.typing = on,
            Choice::Ping(0) => self.ping = None,
            Choice::Ping(seconds) => {
                let every = Duration::from_secs(seconds);
                self.ping = Some((every, now + every));
            }
            Choice::Ids(on) => self.ids = Some(on),
            // These only change how lines look, which the encoder sees to.
            Choice::Millis(_) | Choice::View(_) | Choice::Zone(_) => {}
        }
    }
}

impl Client {
    /// A client without a name. In a box, for it goes through a queue and into a map as it is.
    pub fn new(id: ClientId, sender: Outbox, origin: impl Into<String>, door: &'static str) -> Box<Client> {
        let (origin, state) = (origin.into(), State::default());
        Box::new(Client { id, name: None, sender, origin, door, is_encrypted: false, state })
    }

    /// The peer's address, where the origin is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.origin.parse().ok().map(|origin: SocketAddr| origin.ip().to_canonical())
    }

    /// Whether no third party can read what comes from there.
    pub fn is_private(&self) -> bool {
        self.is_encrypted || self.address().is_none_or(|address| address.is_loopback())
    }

    /// As whom others know it.
    pub fn person(&self) -> ClientId {
        self.state.person.unwrap_or(self.id)
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({}, {name})", self.id, self.origin),
            None => write!(f, "{} ({})", self.id, self.origin),
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::testing::Shelf;

    #[test]
    fn passwords_are_private_on_loopback_and_where_the_door_encrypts() {
        let client =
            |origin: &str| Client::new(ClientId(1), Outbox::new(Box::new(Shelf::default()), 1), origin, "line");
        for (origin, private) in
            [("127.0.0.1:5", true), ("[::1]:5", true), ("[::ffff:127.0.0.1]:5", true), ("192.0.2.7:5", false)]
        {
            let mut client = client(origin);
            assert_eq!(client.is_private(), private, "{origin}");
            client.is_encrypted = true;
            assert!(client.is_private(), "{origin}");
        }
    }
}
