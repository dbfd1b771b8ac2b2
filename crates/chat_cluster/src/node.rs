//! One node: its router, which carries out the log, and what its own clients have and no other node.

use std::collections::BTreeMap;

use chat_server::chat::message::Message;
use chat_server::chat::router::Router;
use chat_server::features::Features;
use chat_server::features::entry::Entry;
use chat_server::features::image::Image;
use chat_server::model::now::{Moment, Now};

use crate::body::{Preface, Purpose};
use crate::engine::{Engine, Head, Place, Stamped};
use crate::members::Members;
use crate::reading::{NodeError, Reading, Step};

/// A node of the chat.
pub struct Node<E> {
    engine: E,
    router: Router<Features>,
    number: u8,
    boot: u32,
    /// How many entries it has written.
    seq: u64,
    /// Of its life in the log; `None` until the log says that it is up.
    incarnation: Option<u32>,
    log: Reading,
    /// What is to be written.
    inbox: Vec<Message>,
    /// What was sent and may not stand in the log yet. It is sent again as it was.
    under_way: Option<(Head, Vec<u8>)>,
    /// The messages of its entries that it has not read yet, with their outboxes, tickets and secrets.
    own: BTreeMap<u64, Vec<Message>>,
}

/// Where a node begins: with an image, and the place in the log behind which it reads on.
pub struct Begin {
    image: Image,
    log: Reading,
}

impl<E: Engine> Node<E> {
    /// A node that reads the log from its beginning. `boot` is another one in each of its lives.
    pub fn new(engine: E, (number, boot): (u8, u32), router: Router<Features>) -> Node<E> {
        Node::behind(engine, (number, boot), router, Reading::default())
    }

    /// A node that begins with an image.
    pub fn late(engine: E, (number, boot): (u8, u32), begin: Begin) -> Node<E> {
        Node::behind(engine, (number, boot), begin.image.router(None), begin.log)
    }

    fn behind(engine: E, (number, boot): (u8, u32), router: Router<Features>, log: Reading) -> Node<E> {
        let (inbox, own) = (Vec::new(), BTreeMap::new());
        Node { engine, router, number, boot, seq: 0, incarnation: None, log, inbox, under_way: None, own }
    }

    /// Where others can begin. `None` while a turn is not committed.
    pub fn begin(&self) -> Option<Begin> {
        Some(Begin { image: self.router.image()?, log: self.log.clone() })
    }

    /// Its connection to the log.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// The router.
    pub fn router(&self) -> &Router<Features> {
        &self.router
    }

    /// Up to where it has read.
    pub fn place(&self) -> Place {
        self.log.place()
    }

    /// The number of its life, by which the numbers of its clients begin; `None` until it is up.
    pub fn incarnation(&self) -> Option<u32> {
        self.incarnation
    }

    /// Who lives, as far as it has read.
    pub fn members(&self) -> &Members {
        self.log.members()
    }

    /// What its clients want is to stand in the log.
    pub fn propose(&mut self, message: Message) {
        self.inbox.push(message);
    }

    /// Writes what waits, by this chance: first that the node is up; a sign of life where there is nothing. What may not have come
    /// there is sent again, and all that comes meanwhile is the next entry.
    ///
    /// # Errors
    /// The engine does not say that it stands there.
    pub fn append(&mut self, chance: u64) -> Result<(), NodeError> {
        if self.under_way.is_none() {
            self.write(chance)?;
        }
        if let Some((head, body)) = &self.under_way {
            self.engine.append(*head, body).map_err(NodeError::Engine)?;
            self.under_way = None;
        }
        Ok(())
    }

    fn write(&mut self, chance: u64) -> Result<(), NodeError> {
        let is_up = self.seq > 0;
        let messages = if self.incarnation.is_some() { std::mem::take(&mut self.inbox) } else { Vec::new() };
        let mut bytes = Vec::new();
        let purpose = match (is_up, messages.is_empty()) {
            (false, _) => Purpose::Up,
            (true, true) => Purpose::Beat,
            (true, false) => {
                let now = Now { mono: Moment::default(), wall: Default::default(), chance };
                let entry = Entry::of(&messages, now).and_then(|entry| entry.write());
                // Its secrets stay with the messages.
                (bytes, _) = entry.map_err(NodeError::Unwritten)?;
                Purpose::Messages
            }
        };
        self.seq += 1;
        let head = Head { node: self.number, boot: self.boot, seq: self.seq };
        let body = Preface { purpose, seen: (self.log.place(), self.log.chain()) }.body(&bytes);
        self.own.insert(self.seq, messages);
        self.under_way = Some((head, body));
        Ok(())
    }

    /// Reads what stands behind the place where it is, so many entries at most, and carries it out. Returns how many there were.
    ///
    /// # Errors
    /// The engine is away, or the node has to end.
    pub fn read(&mut self, most: usize) -> Result<usize, NodeError> {
        let entries = self.engine.read(self.log.place(), most).map_err(NodeError::Engine)?;
        for entry in &entries {
            self.carry_out(entry)?;
        }
        if !entries.is_empty() {
            self.router.hand_over(self.log.now(0));
            self.inbox.extend(self.router.take_losses());
        }
        Ok(entries.len())
    }

    fn carry_out(&mut self, entry: &Stamped) -> Result<(), NodeError> {
        let Step { mut messages, own, incarnation, purpose, over, now } = self.log.next(entry)?;
        let Head { node, boot, seq } = entry.head;
        if incarnation.is_some() && (node, boot) == (self.number, self.boot) {
            if purpose == Purpose::Up {
                self.incarnation = incarnation;
            }
            // It stands there, whatever the engine has said.
            self.under_way.take_if(|(sent, _)| sent.seq == seq);
            messages.extend(self.own.remove(&seq).unwrap_or(own));
        } else {
            messages.extend(own);
        }
        self.router.apply(messages, now);
        let is_over = self.incarnation.is_some_and(|own| over.contains(&own));
        if is_over { Err(NodeError::Over) } else { Ok(()) }
    }
}
