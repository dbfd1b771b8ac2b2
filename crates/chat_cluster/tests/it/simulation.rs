//! Nodes on one thread, by a seed: which of them writes, reads, is cut off, is killed and comes again; which entry is lost, written and
//! not acknowledged, or written twice; how the clock moves. In the end all know the same, and each client has heard what one router
//! that carries out the same log tells it.
//!
//! `SEEDS=100000 cargo test -p chat_cluster simulation` plays more of them, `SEED=7` one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use chat_cluster::{Engine, EngineError, Head, MemoryEngine, Node, NodeError, Place, Reading, Stamped};
use chat_server::chat::message::{Client, Message, Ticket};
use chat_server::chat::outbox::Outbox;
use chat_server::chat::registry::Registry;
use chat_server::chat::router::Router;
use chat_server::features::{Features, VERBS};
use chat_server::metrics::Metrics;
use chat_server::model::event::Leave;
use chat_server::model::names::ClientId;
use chat_server::model::now::{Moment, Now};
use chat_server::model::text::Text;
use chat_server::protocol::dialect::{Encoder, LineEncoder};
use chat_server::protocol::parse::parse;
use chat_server::testing::{Shelf, quick, state};

const NODES: usize = 3;
const STEPS: usize = 150;
const START: i64 = 1_796_000_000_000;
const OUTBOX: usize = 1 << 24;

const AWAY: u8 = 1;
const NOT_WRITTEN: u8 = 2;
const NOT_ACKNOWLEDGED: u8 = 3;
const TWICE: u8 = 4;

/// A connection to the log that fails as it is told.
#[derive(Clone, Default)]
struct Faulty {
    log: MemoryEngine,
    fault: Arc<AtomicU8>,
}

impl Faulty {
    fn is(&self, fault: u8) -> bool {
        self.fault.load(Ordering::Relaxed) == fault
    }
}

fn away<T>() -> Result<T, EngineError> {
    Err(EngineError("no answer".into()))
}

impl Engine for Faulty {
    fn append(&mut self, head: Head, body: &[u8]) -> Result<(), EngineError> {
        if self.is(AWAY) || self.is(NOT_WRITTEN) {
            return away();
        }
        self.log.append(head, body)?;
        if self.is(TWICE) {
            self.log.append(head, body)?;
        }
        if self.is(NOT_ACKNOWLEDGED) { away() } else { Ok(()) }
    }

    fn read(&mut self, after: Place, most: usize) -> Result<Vec<Stamped>, EngineError> {
        if self.is(AWAY) { away() } else { self.log.read(after, most) }
    }

    fn trim(&mut self, before: Place) -> Result<u64, EngineError> {
        self.log.trim(before)
    }
}

fn router() -> Router<Features> {
    Router::new(&quick(), Registry::new(), Arc::new(Metrics::new(Moment::default())))
}

/// A client of a node.
struct Guest {
    id: ClientId,
    home: usize,
    boot: u32,
    shelf: Shelf,
    heard: String,
}

struct World {
    seed: u64,
    chance: Now,
    engine: Faulty,
    nodes: [Option<Node<Faulty>>; NODES],
    boots: [u32; NODES],
    cut_off: [bool; NODES],
    guests: Vec<Guest>,
    said: usize,
    /// How many nodes have found out that they are over.
    over: usize,
    clock: i64,
}

impl World {
    fn new(seed: u64) -> World {
        let chance = Now { mono: Moment::default(), wall: Default::default(), chance: seed };
        let mut world = World {
            seed,
            chance,
            engine: Faulty::default(),
            nodes: Default::default(),
            boots: [0; NODES],
            cut_off: [false; NODES],
            guests: Vec::new(),
            said: 0,
            over: 0,
            clock: START,
        };
        world.pass(0);
        (0..NODES).for_each(|number| world.start(number));
        world
    }

    fn below(&mut self, end: usize) -> usize {
        (self.chance.draw() % end as u64) as usize
    }

    fn pass(&mut self, millis: i64) {
        self.clock += millis;
        self.engine.log.set_clock(self.clock);
    }

    /// A node starts: with the image of another one, if one is there, or from the beginning of the log.
    fn start(&mut self, number: usize) {
        self.boots[number] += 1;
        self.cut_off[number] = false;
        let (id, boot) = (number as u8 + 1, self.boots[number]);
        let engine = Faulty { log: self.engine.log.clone(), fault: Arc::default() };
        let other = self.below(NODES);
        let begin = self.nodes[other].as_ref().and_then(Node::begin);
        self.nodes[number] = Some(match begin {
            Some(begin) => Node::late(engine, (id, boot), begin),
            None => Node::new(engine, (id, boot), router()),
        });
    }

    fn live(&mut self, number: usize) -> Option<&mut Node<Faulty>> {
        self.nodes[number].as_mut()
    }

    fn ended(&mut self, number: usize, result: Result<(), NodeError>) {
        match result {
            Ok(()) | Err(NodeError::Engine(_)) => {}
            Err(NodeError::Over) => {
                self.nodes[number] = None;
                self.over += 1;
            }
            Err(other) => panic!("seed {}: node {number}: {other}", self.seed),
        }
    }

    fn read(&mut self, number: usize, most: usize) {
        let result = self.live(number).map_or(Ok(()), |node| node.read(most).map(drop));
        self.ended(number, result);
    }

    fn append(&mut self, number: usize, fault: u8) {
        let chance = self.chance.draw();
        let Some(node) = self.nodes[number].as_mut() else { return };
        node_fault(node, fault);
        let result = node.append(chance);
        node_fault(node, if self.cut_off[number] { AWAY } else { 0 });
        self.ended(number, result);
    }

    fn connect(&mut self, number: usize) {
        let count = self.guests.len() as u64 + 1;
        let Some(node) = self.nodes[number].as_mut() else { return };
        let Some(incarnation) = node.incarnation() else { return };
        let (id, shelf) = (ClientId::of_node(incarnation, count), Shelf::default());
        let outbox = Outbox::new(Box::new(shelf.clone()), OUTBOX);
        node.propose(Message::ClientJoined(Client::new(id, outbox, "192.0.2.1:1", "line")));
        let guest = Guest { id, home: number, boot: self.boots[number], shelf, heard: String::new() };
        self.guests.push(guest);
        self.says(self.guests.len() - 1, &format!("JOIN:p{count}"));
    }

    /// The guests whose node lives still.
    fn present(&self) -> Vec<usize> {
        let is_there = |guest: &Guest| self.nodes[guest.home].is_some() && self.boots[guest.home] == guest.boot;
        (0..self.guests.len()).filter(|guest| is_there(&self.guests[*guest])).collect()
    }

    fn says(&mut self, guest: usize, line: &str) {
        let Guest { id, home, .. } = self.guests[guest];
        let request = parse(&Text::new(line).expect("a line"), &VERBS).expect("a request");
        if let Some(node) = self.live(home) {
            node.propose(Message::Requests(id, vec![request], Ticket::free()));
        }
    }

    fn talks(&mut self) {
        let present = self.present();
        if present.is_empty() {
            return;
        }
        let guest = present[self.below(present.len())];
        self.said += 1;
        let (said, other) = (self.said, 1 + self.below(self.guests.len()));
        let line = match self.below(12) {
            0 => "/join #tea".into(),
            1 => format!("SAY:#tea line {said}."),
            2 => format!("/w p{other} line {said}."),
            3 => format!("NICK:q{said}"),
            4 => "/part #tea".into(),
            5 => "ROLL:3d6".into(),
            6 => format!("TOPIC:topic {said}"),
            7 => format!("KICK:#tea p{other}"),
            8 => "/edit last corrected".into(),
            9 => "/list".into(),
            _ => format!("MSG:line {said}."),
        };
        self.says(guest, &line);
    }

    fn step(&mut self) {
        let number = self.below(NODES);
        match self.below(40) {
            0..12 => self.talks(),
            12..15 => self.connect(number),
            15..22 => {
                let fault = [0, 0, 0, 0, 0, NOT_WRITTEN, NOT_ACKNOWLEDGED, TWICE][self.below(8)];
                self.append(number, if self.cut_off[number] { AWAY } else { fault });
            }
            22..32 => {
                let most = 1 + self.below(6);
                self.read(number, most);
            }
            32 => {
                let present = self.present();
                if let Some(guest) = present.first().copied() {
                    let Guest { id, home, .. } = self.guests[guest];
                    if let Some(node) = self.live(home) {
                        node.propose(Message::ClientLeft(id, Leave::Closed));
                    }
                }
            }
            // A node is killed.
            33 => self.nodes[number] = None,
            34 | 35 if self.nodes[number].is_none() => self.start(number),
            36 => {
                self.cut_off[number] = !self.cut_off[number];
                let fault = if self.cut_off[number] { AWAY } else { 0 };
                self.nodes[number].iter().for_each(|node| node_fault(node, fault));
            }
            37 => {
                let jump = [-5_000, 2_000, 9_000, 60_000][self.below(4)];
                self.pass(jump);
            }
            38 if self.below(4) == 0 => self.leave_behind(number),
            _ => {
                let millis = self.below(400) as i64;
                self.pass(millis);
            }
        }
    }

    /// A node is cut off for so long that it is over for the others.
    fn leave_behind(&mut self, number: usize) {
        self.cut_off[number] = true;
        self.nodes[number].iter().for_each(|node| node_fault(node, AWAY));
        for _ in 0..8 {
            self.pass(1_500);
            for other in (0..NODES).filter(|other| *other != number && !self.cut_off[*other]).collect::<Vec<_>>() {
                self.append(other, 0);
                self.read(other, usize::MAX);
            }
        }
    }

    /// All that is left is written and read, until none has anything to say.
    fn heal(&mut self) {
        for number in 0..NODES {
            self.cut_off[number] = false;
            self.nodes[number].iter().for_each(|node| node_fault(node, 0));
        }
        for _ in 0..8 {
            for number in 0..NODES {
                if self.nodes[number].is_none() {
                    self.start(number);
                }
                self.pass(10);
                self.append(number, 0);
                self.read(number, usize::MAX);
            }
        }
        // Without anything more to write.
        (0..NODES).for_each(|number| self.read(number, usize::MAX));
    }

    fn look(&mut self) {
        let seed = self.seed;
        let (reference, mut heard) = self.reference();
        let end = self.engine.log.end();
        for (number, node) in self.nodes.iter().enumerate() {
            let node = node.as_ref().unwrap_or_else(|| panic!("seed {seed}: node {number} is not there"));
            assert_eq!(node.place(), end, "seed {seed}: node {number} is not at the end");
            let own = state(node.router());
            if let Some((own, other)) = own.iter().zip(&reference).find(|(own, other)| own != other) {
                panic!("seed {seed}: node {number} knows\n  {own}\nand a router alone\n  {other}");
            }
            assert_eq!(own.len(), reference.len(), "seed {seed}: node {number}");
        }
        let mut places: BTreeMap<String, String> = BTreeMap::new();
        for guest in &mut self.guests {
            guest.heard = rendered(&guest.shelf);
            let all = heard.remove(&guest.id).unwrap_or_default();
            let is_there = self.boots[guest.home] == guest.boot;
            // A client of a node that was killed has heard the beginning.
            let is_right = if is_there { all == guest.heard } else { all.starts_with(&guest.heard) };
            assert!(is_right, "seed {seed}: {} has heard\n{}\ninstead of\n{all}", guest.id, guest.heard);
            // Who comes into a room again is shown a line again, with the number that it had.
            for line in guest.heard.lines() {
                let Some((head, said)) = line.split_once(": line ") else { continue };
                let [_, "MSG", room, id, ..] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
                let place = format!("{room} {id}");
                let known = places.entry(said.into()).or_insert_with(|| place.clone());
                assert_eq!(*known, place, "seed {seed}: line {said} was said twice");
            }
        }
    }

    /// One router that is given the log, and all clients.
    fn reference(&mut self) -> (Vec<String>, BTreeMap<ClientId, String>) {
        let (mut reading, mut router) = (Reading::default(), router());
        let mut shelves: BTreeMap<ClientId, Shelf> = BTreeMap::new();
        for entry in self.engine.log.read(Place(0), usize::MAX).expect("it is there") {
            let mut step = reading.next(&entry).unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
            for message in &mut step.own {
                if let Message::ClientJoined(client) = message {
                    let shelf = shelves.entry(client.id).or_default().clone();
                    client.sender = Outbox::new(Box::new(shelf), OUTBOX);
                }
            }
            router.apply(step.messages.into_iter().chain(step.own), step.now);
            router.hand_over(reading.now(0));
        }
        (state(&router), shelves.iter().map(|(id, shelf)| (*id, rendered(shelf))).collect())
    }
}

fn node_fault(node: &Node<Faulty>, fault: u8) {
    node.engine().fault.store(fault, Ordering::Relaxed);
}

fn rendered(shelf: &Shelf) -> String {
    let (mut encoder, mut out) = (LineEncoder::default(), Vec::new());
    for batch in shelf.take() {
        batch.envelopes.iter().for_each(|envelope| encoder.encode(envelope, &mut out));
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn number(key: &str) -> Option<u64> {
    std::env::var(key).ok()?.parse().ok()
}

#[test]
fn nodes_over_one_log_are_one_chat() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(500),
    };
    let (count, mut over) = (seeds.end - seeds.start, 0);
    for seed in seeds {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.heal();
        world.look();
        over += world.over;
    }
    println!("{count} seeds, {over} nodes were over");
    assert!(count < 500 || over > 0, "in no history a node was over");
}
