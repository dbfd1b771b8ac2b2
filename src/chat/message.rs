//! Everything the router is ever told, and the client as the router knows it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use chrono::{DateTime, Utc};

use crate::chat::errors::Errors;
use crate::chat::options::Options;
use crate::chat::outbox::{Deliver, Outbox};
use crate::config::Config;
use crate::model::body::Body;
use crate::model::event::{Envelope, Event, Leave, Warning};
pub use crate::model::feature::FeatureMessage;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::model::text::Text;
use crate::sync::Arc;

pub use crate::chat::ticket::{Credits, Ticket};

/// The most messages that wait for the router. Where there are so many, readers wait, and so TCP holds their peers
/// back.
pub const INBOX: usize = 1_024;

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
    /// A door watches from now on what happens in public.
    Tap(Box<dyn Deliver>),
    /// The server has something to say to all.
    Broadcast(Text),
    /// A whisper between two connections, for doors that know people by number.
    DirectMessage {
        /// The sender.
        from: ClientId,
        /// The recipient.
        to: ClientId,
        /// The text of the whisper.
        content: Body,
    },
    /// Other settings are in force.
    Reload(Arc<Config>),
    /// A message for a feature, sealed: only that feature knows the type inside.
    Feature(FeatureMessage),
    /// Say goodbye to all clients and end.
    Shutdown,
}

/// One connection: a number, perhaps a name, and a sender. Dropping the sender is how the server disconnects.
pub struct Client {
    /// The number.
    pub id: ClientId,
    /// The name; none until `JOIN`.
    pub name: Option<Name>,
    /// What the router has for it, and the way to its writer.
    pub sender: Outbox,
    /// The peer's address, for the log only: members never see it.
    pub origin: String,
    /// The door by which it came: `line`, `tls`.
    pub door: &'static str,
    /// Whether the connection is encrypted, which only its door knows.
    pub is_encrypted: bool,
    /// The rest of what the router knows of it; only the router changes it.
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
    /// Whether it has shown that its name belongs to it.
    pub(crate) signed_in: bool,
    /// The number by which others know this user, if not its own: that of the first connection of its account.
    pub(crate) person: Option<ClientId>,
    /// Set while it waits for an answer, with what it has asked for since.
    pub(crate) blocked: Option<Box<Blocked>>,
    pub(crate) refusal: Option<(DateTime<Utc>, Refusal)>,
    pub(crate) last_line: Option<Moment>,
    /// How often it was refused lately.
    pub(crate) errors: Errors,
    /// Its tickets that come back only at that time, since it is refused too often.
    pub(crate) slowed: Vec<(Moment, Ticket)>,
    /// Whether the server edits its lines, as for a telnet in character mode.
    pub(crate) is_edited: bool,
    /// Whether its terminal was told not to show what is typed.
    pub(crate) is_hidden: bool,
    /// Whether it was asked for a password last.
    pub(crate) is_prompted: bool,
    /// Whether its number may stand in lists of rooms that it is not in, and has to be taken out of them at its end:
    /// bans, mutes, invitations, and who opened the room.
    pub(crate) is_listed: bool,
    pub(crate) options: Options,
    /// How many of its lines were refused before it had a name.
    pub(crate) bad_lines: u32,
    /// How many bytes it was sent before it had a name.
    pub(crate) early_bytes: usize,
}

/// The requests of a client that waits for an answer: they are carried out when the answer is there.
#[derive(Default)]
pub(crate) struct Blocked {
    pub(crate) is_waiting: bool,
    pub(crate) rest: VecDeque<(Vec<Request>, Ticket)>,
    /// Why the client has left, if it did so while it waited.
    pub(crate) leave: Option<Leave>,
}

impl State {
    /// Whether its own lines are answered with `OK`. A client that is shown the numbers of lines has to learn its own,
    /// too.
    pub(crate) fn wants_echo(&self) -> bool {
        self.options.echo || self.options.ids.unwrap_or(self.is_edited)
    }
}

impl Client {
    /// A client without a name, in a box, since it is moved through a queue and into a map.
    pub fn new(id: ClientId, sender: Outbox, origin: impl Into<String>, door: &'static str) -> Box<Client> {
        let (origin, state) = (origin.into(), State::default());
        Box::new(Client { id, name: None, sender, origin, door, is_encrypted: false, state })
    }

    /// The peer's address; `None` where the origin is no address, as in tests.
    pub fn address(&self) -> Option<IpAddr> {
        self.origin.parse().ok().map(|origin: SocketAddr| origin.ip().to_canonical())
    }

    /// Whether no third party can read what comes from there.
    pub fn is_private(&self) -> bool {
        self.is_encrypted || self.address().is_none_or(|address| address.is_loopback())
    }

    /// The last line to it: why it has to go.
    pub(crate) fn bye(&self, why: Leave, wall: DateTime<Utc>) -> std::sync::Arc<Envelope> {
        Envelope::new(wall, Event::Bye { why, name: self.name.clone() })
    }

    /// The number by which others know this user.
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
