//! From the log to messages: what counts, by which time, and whose clients leave. Every node comes to the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use chat_server::chat::message::Message;
use chat_server::features::entry::Entry;
use chat_server::model::event::Leave;
use chat_server::model::names::ClientId;
use chat_server::model::now::{Moment, Now};
use chat_server::protocol::coded::{Broken, Unwritten};
use chrono::DateTime;

use crate::body::{Preface, Purpose, chained};
use crate::engine::{EngineError, Place, Stamped};
use crate::members::{Members, Seen, Verdict};

/// How many places a node knows the hash of, to compare what others have read.
const KNOWN: usize = 4_096;

/// Why a node cannot go on. It ends, and begins anew as another life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NodeError {
    /// The log is away for now. Everything else stays as it is.
    Engine(EngineError),
    /// The log is not the one that was read: what was heard is lost.
    Fork(Place),
    /// The others have taken this node for dead.
    Over,
    /// An entry cannot be read.
    Broken(Place, Option<Broken>),
    /// A message of this node has no form in the log.
    Unwritten(Unwritten),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeError::Engine(error) => error.fmt(f),
            NodeError::Fork(Place(place)) => write!(f, "at place {place} the log is another one than was read before"),
            NodeError::Over => f.write_str("the other nodes have heard nothing from this one for too long"),
            NodeError::Broken(Place(place), Some(broken)) => write!(f, "at place {place}: {broken}"),
            NodeError::Broken(Place(place), None) => {
                write!(f, "at place {place} stands nothing that this program can read")
            }
            NodeError::Unwritten(unwritten) => unwritten.fmt(f),
        }
    }
}

impl std::error::Error for NodeError {}

/// What all nodes know of the log at one place.
#[derive(Clone, Default)]
pub struct Reading {
    place: Place,
    chain: u64,
    chains: VecDeque<(Place, u64)>,
    members: Members,
    /// The clients that came, by incarnation.
    clients: BTreeMap<u32, BTreeSet<ClientId>>,
    /// The time of the last entry, in milliseconds, which never goes back.
    at: i64,
}

/// What is carried out at one place.
pub struct Step {
    /// The clients of nodes that are over leave, before anything else.
    pub messages: Vec<Message>,
    /// The messages of the entry, as a node has them that is not theirs.
    pub own: Vec<Message>,
    /// Of which life it is; `None` where it does not count.
    pub incarnation: Option<u32>,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// The lives that are over.
    pub over: Vec<u32>,
    /// The time and the chance.
    pub now: Now,
}

impl Reading {
    /// Up to where it was read.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The hash of all that was read.
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// Who lives.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The next entry.
    ///
    /// # Errors
    /// The node cannot go on.
    pub fn next(&mut self, entry: &Stamped) -> Result<Step, NodeError> {
        let Stamped { place, at, head, body } = entry;
        let (Preface { purpose, seen }, bytes) = Preface::of(body).ok_or(NodeError::Broken(*place, None))?;
        let Seen { verdict, over } = self.members.see(*head, *at, purpose == Purpose::Up);
        let is_other = |(known, chain): &(Place, u64)| *known == seen.0 && *chain != seen.1;
        if verdict == Verdict::Fork || (verdict != Verdict::Skip && self.chains.iter().any(is_other)) {
            return Err(NodeError::Fork(*place));
        }
        (self.place, self.at) = (*place, self.at.max(*at));
        self.chain = chained(self.chain, *head, body);
        self.chains.push_back((*place, self.chain));
        if self.chains.len() > KNOWN {
            self.chains.pop_front();
        }
        let mut step =
            Step { messages: self.ended(&over), own: Vec::new(), incarnation: None, purpose, over, now: self.now(0) };
        if let Verdict::Count(incarnation) = verdict {
            step.incarnation = Some(incarnation);
            match purpose {
                Purpose::Up | Purpose::Beat => {}
                Purpose::Down => {
                    let over = self.members.leave(head.node);
                    step.messages.extend(self.ended(over.as_slice()));
                }
                Purpose::Messages => {
                    let read = Entry::read(bytes, &[]).map_err(|why| NodeError::Broken(*place, Some(why)))?;
                    step.now = self.now(read.now.chance);
                    self.note(incarnation, &read.messages);
                    step.own = read.messages;
                }
            }
        }
        Ok(step)
    }

    /// The time at this place: that of the engine, on both clocks.
    pub fn now(&self, chance: u64) -> Now {
        let mono = Moment::from_micros(self.at.unsigned_abs().saturating_mul(1_000));
        Now { mono, wall: DateTime::from_timestamp_millis(self.at).unwrap_or_default(), chance }
    }

    /// The clients of those lives leave.
    fn ended(&mut self, over: &[u32]) -> Vec<Message> {
        let clients = over.iter().filter_map(|life| self.clients.remove(life)).flatten();
        clients.map(|id| Message::ClientLeft(id, Leave::Lost)).collect()
    }

    /// Which clients a life has.
    fn note(&mut self, incarnation: u32, messages: &[Message]) {
        let clients = self.clients.entry(incarnation).or_default();
        for message in messages {
            match message {
                Message::ClientJoined(client) => drop(clients.insert(client.id)),
                Message::ClientLeft(id, _) => drop(clients.remove(id)),
                _ => {}
            }
        }
    }
}
