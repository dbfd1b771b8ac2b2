//! Ten real sockets and five hundred random operations; afterwards, offline, the logs of all clients are held against
//! the invariants I1 to I10.
//!
//! `INVARIANT_SEEDS=50` says how many seeds are run (5 by default), `INVARIANT_SEED=17` runs that one.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use chat_server::testing::{DEADLINE, Engine, TestClient, TestServer, quick};

use crate::witness::{Record, Witness, check_one_order};

const CLIENTS: usize = 10;
const OPERATIONS: usize = 500;
/// Small, so that pastes run it over and there are gaps to check: for the seeds that are even.
const SMALL_OUTBOX: usize = 8_192;

const NAMES: [&str; 12] =
    ["ani", "budi", "citra", "dewi", "eka", "fajar", "gita", "hadi", "indah", "joko", "ANI", "Budi"];
const ROOMS: [&str; 3] = ["#lobby", "#rust", "#tea"];

pub fn ten_clients_and_whatever_they_do_keep_the_invariants(engine: Engine) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("INVARIANT_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("INVARIANT_SEEDS").unwrap_or(5),
    };
    let mut gaps = 0;
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| run(engine, seed))) {
            Ok(seen) => gaps += seen,
            Err(panic) => {
                eprintln!("seed {seed} failed; run it again with INVARIANT_SEED={seed}");
                resume_unwind(panic);
            }
        }
    }
    println!("{gaps} gaps");
}

/// A connection, and what it was used for.
struct Life {
    client: TestClient,
    log: Log,
}

/// What was sent by one connection, and what it got.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    /// Requests with a tag that wait for an answer.
    asked: Vec<String>,
    /// Whispers by tag: the words.
    whispers: Vec<(String, String)>,
    /// It was cut by us, so the end of its log is missing.
    cut: bool,
}

struct Crowd {
    server: TestServer,
    dice: Dice,
    present: Vec<Life>,
    past: Vec<Log>,
    lives: usize,
    /// For each seat: which life it lives, and how much that has said.
    seats: Vec<(usize, u64)>,
    tags: u64,
}

fn run(engine: Engine, seed: u64) -> u64 {
    let mut config = quick();
    if seed.is_multiple_of(2) {
        config.outbox_bytes = SMALL_OUTBOX;
    }
    let outbox = config.outbox_bytes;
    let mut crowd = Crowd {
        server: engine.with(config),
        dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
        present: Vec::new(),
        past: Vec::new(),
        lives: 0,
        seats: Vec::new(),
        tags: 0,
    };
    for seat in 0..CLIENTS {
        let life = crowd.born();
        crowd.present.push(life);
        let lives = crowd.lives;
        crowd.seats.push((lives, 0));
        crowd.sign_on(seat);
    }
    for operation in 0..OPERATIONS {
        let seat = crowd.dice.roll(CLIENTS);
        crowd.operate(seat);
        if operation % 25 == 0 {
            // I10: what waits is bounded, whether a client reads or not.
            let waiting = crowd.server.handle().registry().snapshot().waiting;
            assert!(waiting <= CLIENTS * (2 * outbox + 64 * 1024), "I10: {waiting} bytes wait");
        }
    }
    let gaps = crowd.finish(outbox == SMALL_OUTBOX);
    assert!(
        outbox == SMALL_OUTBOX || gaps == 0,
        "I4: every client stayed under the limits, and there were {gaps} gaps"
    );
    gaps
}

impl Crowd {
    fn born(&mut self) -> Life {
        self.lives += 1;
        let mut client = self.server.connect();
        // Own words are answered, so that every number of a room is accounted for.
        client.send("OPT:echo=on");
        Life { client, log: Log::default() }
    }

    fn words(&mut self, seat: usize) -> String {
        let (life, said) = &mut self.seats[seat];
        *said += 1;
        format!("{life}.{said}")
    }

    /// Sends a request with a tag, sometimes in pieces, and goes on without waiting.
    fn ask(&mut self, seat: usize, verb: &str, args: &str) -> String {
        self.tags += 1;
        let tag = format!("t{}", self.tags);
        self.send(seat, &tag, &format!("{verb}={tag}:{args}\n"));
        tag
    }

    fn send(&mut self, seat: usize, tag: &str, line: &str) {
        let cut = self.dice.roll(line.len() * 3).min(line.len());
        let life = &mut self.present[seat];
        life.client.send_bytes(&line.as_bytes()[..cut]);
        life.client.send_bytes(&line.as_bytes()[cut..]);
        life.log.asked.push(tag.into());
    }

    fn operate(&mut self, seat: usize) {
        let name = NAMES[self.dice.roll(NAMES.len())];
        let room = ROOMS[self.dice.roll(ROOMS.len())];
        match self.dice.roll(100) {
            0..30 => {
                let words = self.words(seat);
                self.ask(seat, "MSG", &words);
            }
            30..33 => {
                self.ask(seat, "REACT", "last 👍");
            }
            33..36 => {
                let words = self.words(seat);
                self.ask(seat, "ACT", &words);
            }
            36..44 => {
                let words = self.words(seat);
                let tag = self.ask(seat, "WHISPER", &format!("{name} {words}"));
                self.present[seat].log.whispers.push((tag, words));
            }
            44..48 => {
                // Many lines in one turn: more than an outbox holds.
                let count = 1 + self.dice.roll(150);
                let lines: String = (0..count).map(|_| self.words(seat) + "\n").collect();
                self.tags += 1;
                let tag = format!("t{}", self.tags);
                self.send(seat, &tag, &format!("PASTE={tag}:\n{lines}.\n"));
            }
            48..60 => {
                self.ask(seat, "JOIN", name);
            }
            60..72 => {
                self.ask(seat, "JOIN", room);
            }
            72..77 => {
                self.ask(seat, "PART", room);
            }
            77..80 => {
                self.ask(seat, "ROOM", room);
            }
            80..84 => {
                self.ask(seat, "NICK", name);
            }
            84..87 => {
                let limit = 1 + self.dice.roll(60);
                self.ask(seat, "HISTORY", &format!("{room} limit={limit}"));
            }
            87..89 => {
                self.ask(seat, "LIST", "");
            }
            89..91 => self.end(seat, |life| {
                life.client.send("QUIT");
                true
            }),
            91..92 => self.end(seat, |life| {
                life.client.hang_up();
                true
            }),
            // Gone without a word, and with things unread: the system sends a reset.
            92..93 => self.end(seat, |_| false),
            _ => self.settle(seat),
        }
    }

    fn settle(&mut self, seat: usize) {
        let Life { client, log } = &mut self.present[seat];
        log.lines.extend(client.settle());
    }

    fn end(&mut self, seat: usize, how: impl FnOnce(&mut Life) -> bool) {
        let new = self.born();
        let mut old = std::mem::replace(&mut self.present[seat], new);
        self.seats[seat] = (self.lives, 0);
        if how(&mut old) {
            old.log.lines.extend(old.client.rest());
        } else {
            old.log.cut = true;
        }
        self.past.push(old.log);
        self.sign_on(seat);
    }

    /// Takes the seat's own name, or where another client has that, a name that no client wants.
    fn sign_on(&mut self, seat: usize) {
        self.ask(seat, "JOIN", NAMES[seat]);
        let (life, _) = self.seats[seat];
        self.ask(seat, "JOIN", &format!("p{life}"));
    }

    /// Everything that was sent is heard, and then the logs are read.
    fn finish(mut self, runs_over: bool) -> u64 {
        // The server notices a cut connection when the system reports it; after a ping it knows only the clients that are here.
        let began = Instant::now();
        while self.server.handle().registry().snapshot().clients > CLIENTS {
            assert!(began.elapsed() < DEADLINE, "a client that is gone is still known");
            self.settle(0);
        }
        // First all that was asked is done by the router, then all that came of it is read.
        (0..2 * CLIENTS).for_each(|seat| self.settle(seat % CLIENTS));
        let mut record = Record::default();
        let mut witnesses: Vec<(Witness, &Log)> = Vec::new();
        for log in self.past.iter().chain(self.present.iter().map(|life| &life.log)) {
            let mut witness = Witness::of_everything(runs_over);
            log.lines.iter().for_each(|line| witness.note(line, &mut record));
            if !log.cut {
                // Exactly one ending for each request with a tag.
                for tag in &log.asked {
                    assert!(
                        witness.answers.contains_key(tag),
                        "{:?} has no answer to {tag}; last: {:?}",
                        witness.name,
                        log.lines.last()
                    );
                }
            }
            witnesses.push((witness, log));
        }
        check_one_order(&witnesses.iter().map(|(witness, _)| witness).collect::<Vec<_>>());
        check_whispers(&witnesses, &record);

        let still_here = &witnesses[self.past.len()..];
        // I6: each name once, and exactly those of who is here.
        let mut names = BTreeSet::new();
        for (witness, _) in still_here {
            let name = witness.name.clone().unwrap_or_default().to_ascii_lowercase();
            assert!(name.is_empty() || names.insert(name.clone()), "I6: two are {name}");
        }
        let registered = self.server.handle().registry().names();
        let registered: BTreeSet<String> = registered.iter().map(|name| name.as_str().to_ascii_lowercase()).collect();
        assert_eq!(names, registered, "I6");
        // I4: a client in a room has all of it, to the last line.
        let mut ends: HashMap<&str, u64> = HashMap::new();
        for (witness, _) in still_here {
            assert!(!witness.ended);
            for (room, next) in &witness.next {
                let end = ends.entry(room).or_insert(*next);
                assert_eq!(end, next, "I4: the end of {room} for {:?}", witness.name);
            }
        }
        witnesses.iter().map(|(witness, _)| witness.gaps).sum()
    }
}

/// I5: a whisper that was answered with OK was heard by exactly one, from the sender's name; any other by no client.
fn check_whispers(witnesses: &[(Witness, &Log)], record: &Record) {
    let mut heard: HashMap<&str, usize> = HashMap::new();
    for (_, _, words) in witnesses.iter().flat_map(|(witness, _)| &witness.whispers) {
        *heard.entry(words).or_default() += 1;
    }
    let somebody_was_cut = witnesses.iter().any(|(_, log)| log.cut);
    for (sender, log) in witnesses {
        for (tag, words) in &log.whispers {
            let count = heard.get(words.as_str()).copied().unwrap_or(0);
            match sender.answers.get(tag) {
                Some(answer) if answer.kind == "OK" => {
                    assert!(count == 1 || count == 0 && somebody_was_cut, "I5: {words} was heard {count} times");
                }
                Some(answer) => assert_eq!(count, 0, "I5: {words} was heard, but: {answer:?}"),
                None => assert!(log.cut && count <= 1, "I5: {words}"),
            }
            assert!(!record.has(words), "I5: {words} was heard in a room");
        }
    }
}

/// Chance that can be repeated (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}
