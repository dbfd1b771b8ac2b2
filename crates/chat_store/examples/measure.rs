//! What a turn costs: `cargo run --release -p chat_store --example measure -- DIR [ROWS]`.
//!
//! For each durability and 1, 80 and 640 lines a turn: how long the router has to wait until they are kept, and how many
//! lines a second that is. Then, in a database of so many rows: its start, pages and searches. DIR should be on the disk in
//! question, and not exist; it is left there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use chat_server::features::archive::store::{Answer, Keeping, Question, Record, Report, Store};
use chat_server::model::event::{Envelope, Event, Speech, Version};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::text::Text;
use chat_store::{Durability, Guard, Options, Retention, Sqlite};
use chrono::Utc;

const WORDS: &[&str] = &[
    "morning", "coffee", "the", "build", "is", "red", "again", "who", "broke", "it", "deploy", "at", "four", "please",
    "review", "my", "branch", "lunch", "anybody", "thanks", "merged", "now", "database", "looks", "slow", "today",
    "why",
];

struct Talk {
    store: Box<dyn Store>,
    reports: Receiver<Report>,
    guard: Guard,
    turn: u64,
    ids: Vec<u64>,
    said: u64,
}

fn open(dir: &Path, durability: Durability) -> Talk {
    let options = Options { dir: dir.into(), durability, retention: Retention::default() };
    let (sqlite, contents) = Sqlite::open(options).unwrap();
    let mut ids = vec![0; 8];
    for room in contents.rooms {
        ids[room.state.name.as_str()[5..].parse::<usize>().unwrap()] = room.last_id;
    }
    let (sender, reports) = mpsc::channel();
    let (store, guard) = sqlite.start(move |report| drop(sender.send(report))).unwrap();
    Talk { store, reports, guard, turn: 0, ids, said: 0 }
}

impl Talk {
    fn record(&mut self, lines: usize) -> Record {
        self.turn += 1;
        let lines = (0..lines).map(|_| self.line()).collect();
        Record { turn: self.turn, lines, ..Record::default() }
    }

    fn line(&mut self) -> Arc<Envelope> {
        self.said += 1;
        let n = self.said as usize;
        let room = n * 7 % 8;
        self.ids[room] += 1;
        let words: Vec<&str> = (0..8).map(|i| WORDS[(n * (i + 3) + i * i + n / 7) % WORDS.len()]).collect();
        Envelope::new(
            Utc::now(),
            Event::Said(Speech {
                room: RoomName::parse(&format!("#room{room}")).unwrap(),
                id: self.ids[room],
                by: ClientId(1),
                from: Name::parse(&format!("person{}", n % 80)).unwrap(),
                act: false,
                re: None,
                version: Version::First,
                signed: true,
                cid: Some(
                    Text::new(&format!("{:016x}{n:016x}", (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))).unwrap(),
                ),
                file: None,
                text: Text::new(&format!("{} number{n}", words.join(" "))).unwrap().into(),
            }),
        )
    }

    /// Hands a turn over and waits until people may hear of it.
    fn turn(&mut self, lines: usize) -> Duration {
        let record = self.record(lines);
        let turn = record.turn;
        let began = Instant::now();
        if self.store.keep(record) == Keeping::Wait {
            loop {
                match self.reports.recv().unwrap() {
                    Report::Kept(kept) if kept == turn => break,
                    Report::NotKept { why, .. } => panic!("{why}"),
                    _ => {}
                }
            }
        }
        began.elapsed()
    }

    fn ask(&mut self, question: Question) -> (Duration, usize) {
        let began = Instant::now();
        self.store.ask(1, question).unwrap();
        loop {
            if let Report::Answer(1, answer) = self.reports.recv().unwrap() {
                let Answer::Lines { lines, .. } = answer else { panic!("{answer:?}") };
                return (began.elapsed(), lines.len());
            }
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().expect("a directory"));
    let rows: usize = args.next().map_or(0, |rows| rows.parse().expect("a number of rows"));
    println!("durability  lines  turns   median      p90      p99      max   lines/s");
    for durability in Durability::ALL {
        for lines in [1, 80, 640] {
            let mut talk = open(&dir.join(format!("{}{lines}", durability.word())), durability);
            let turns = if lines == 640 { 300 } else { 2_000 };
            let began = Instant::now();
            let mut times: Vec<Duration> = (0..turns).map(|_| talk.turn(lines)).collect();
            talk.guard.stop(Duration::from_secs(60)).unwrap();
            let whole = began.elapsed();
            times.sort();
            let at = |part: f64| format!("{:.3} ms", times[((turns - 1) as f64 * part) as usize].as_secs_f64() * 1e3);
            println!(
                "{:<10} {lines:>6} {turns:>6} {:>8} {:>8} {:>8} {:>8} {:>9.0}",
                durability.word(),
                at(0.5),
                at(0.9),
                at(0.99),
                at(1.0),
                (turns * lines) as f64 / whole.as_secs_f64()
            );
        }
    }
    if rows > 0 {
        big(&dir.join("big"), rows);
    }
}

fn big(dir: &Path, rows: usize) {
    let mut talk = open(dir, Durability::Commit);
    let began = Instant::now();
    for _ in 0..rows / 640 {
        talk.turn(640);
    }
    println!("{rows} rows written in {:.1?}", began.elapsed());
    let began = Instant::now();
    talk.guard.stop(Duration::from_secs(600)).unwrap();
    println!("stopped, the rest indexed, in {:.1?}", began.elapsed());
    let size: u64 = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!("{size} bytes, {} each row", size / rows as u64);
    let began = Instant::now();
    let mut talk = open(dir, Durability::Commit);
    println!("started in {:.1?}", began.elapsed());
    let mut times: Vec<Duration> = (0..200).map(|_| talk.turn(640)).collect();
    times.sort();
    println!("640 lines a turn in it: median {:.1?}, worst {:.1?}", times[100], times[199]);
    let room = RoomName::parse("#room3").unwrap();
    let page = |before| Question::Page { room: room.clone(), before, after: None, limit: 50, export: false };
    println!("a page in the middle: {:?}", talk.ask(page(rows as u64 / 16)));
    println!("another: {:?}", talk.ask(page(rows as u64 / 20)));
    for (words, one) in [
        ("number4711", false),
        ("coffee", false),
        ("coffee", true),
        ("\"the build\"", false),
        ("coffee build red", false),
        ("numb*", false),
        ("nothing like this", false),
    ] {
        let room = one.then(|| room.clone());
        let question =
            Question::Search { room, hidden: Vec::new(), words: Text::new(words).unwrap(), before: None, limit: 50 };
        println!("search {words}{}: {:?}", if one { " in a room" } else { "" }, talk.ask(question));
    }
    talk.guard.stop(Duration::from_secs(600)).unwrap();
}
