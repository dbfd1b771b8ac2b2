//! A store and a stand-in for the router.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use chat_server::features::archive::store::{
    Answer, Contents, Keeping, Question, Record, Refused, Report, RoomState, Store,
};
use chat_server::model::event::{Change, Envelope, Event, Speech, Version, What};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::text::Text;
use chat_store::{Durability, Guard, OpenError, Options, Retention, Sqlite};
use chrono::DateTime;
use rusqlite::Connection;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running store, seen from the router.
pub(crate) struct Talk {
    pub(crate) store: Box<dyn Store>,
    pub(crate) reports: Receiver<Report>,
    pub(crate) guard: Guard,
    pub(crate) contents: Contents,
    turn: u64,
    number: u64,
}

pub(crate) fn options(dir: &Path, durability: Durability) -> Options {
    Options { dir: dir.into(), durability, retention: Retention::default() }
}

/// What takes back each migration behind 11, the newest first. Who adds a migration adds its row.
const TAKE_BACK: &[(usize, &str)] = &[
    (22, "ALTER TABLE log DROP COLUMN width; ALTER TABLE log DROP COLUMN height"),
    (21, "ALTER TABLE rooms DROP COLUMN user_limit"),
    (20, "DROP TABLE pushes"),
    (19, "DROP TABLE preferences"),
    (18, "DROP TABLE bot_rooms; ALTER TABLE rooms DROP COLUMN keep_days"),
    (17, "DROP TABLE letters; DROP TABLE webhooks"),
    (16, "DROP TABLE resets"),
    (15, "ALTER TABLE membership DROP COLUMN invited_by"),
    (14, "DROP TABLE membership; DROP TABLE mentions"),
    (13, "DROP TABLE programs"),
    (12, "ALTER TABLE rooms DROP COLUMN waiting"),
];

/// Makes a file of today one of an earlier version, 11 or later.
pub(crate) fn back_to(db: &Connection, version: usize) {
    let newest: usize = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(newest, TAKE_BACK[0].0, "the newest migration has its row above");
    for (_, sql) in TAKE_BACK.iter().take_while(|(migration, _)| *migration > version) {
        db.execute_batch(sql).unwrap();
    }
    db.pragma_update(None, "user_version", version).unwrap();
}

/// Why a directory cannot be opened.
pub(crate) fn refused(dir: &Path) -> OpenError {
    match Sqlite::open(options(dir, Durability::Commit)) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

impl Talk {
    pub(crate) fn open(dir: &Path) -> Talk {
        Talk::with(options(dir, Durability::Commit))
    }

    pub(crate) fn with(options: Options) -> Talk {
        let (sqlite, contents) = Sqlite::open(options).unwrap_or_else(|error| panic!("{error}"));
        let (sender, reports) = mpsc::channel();
        let (store, guard) = sqlite.start(move |report| drop(sender.send(report))).unwrap();
        Talk { store, reports, guard, contents, turn: 0, number: 0 }
    }

    /// Asks something that is not about lines.
    pub(crate) fn answer(&mut self, question: Question) -> Answer {
        self.number += 1;
        self.store.ask(self.number, question).unwrap();
        match self.report() {
            Report::Answer(number, answer) if number == self.number => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Stops it. All is written.
    pub(crate) fn stop(self) {
        let Talk { store, guard, .. } = self;
        // As the router does, which ends first: its threads need not look then whether a user still wants something.
        drop(store);
        guard.stop(PATIENCE).unwrap();
    }

    /// Hands a turn over. Whether the router has to wait, and for which turn.
    pub(crate) fn hand_over(&mut self, record: Record) -> (Keeping, u64) {
        self.turn += 1;
        let record = Record { turn: self.turn, ..record };
        (self.store.keep(record), self.turn)
    }

    /// Hands a turn over and waits until it is kept.
    pub(crate) fn keep(&mut self, record: Record) {
        let (keeping, turn) = self.hand_over(record);
        if keeping == Keeping::Wait {
            match self.report() {
                Report::Kept(kept) => assert_eq!(kept, turn),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The same with lines alone.
    pub(crate) fn say(&mut self, lines: impl IntoIterator<Item = Arc<Envelope>>) {
        self.keep(Record { lines: lines.into_iter().collect(), ..Record::default() });
    }

    /// The next report.
    pub(crate) fn report(&self) -> Report {
        self.reports.recv_timeout(PATIENCE).expect("a report")
    }

    /// Asks, and waits for lines.
    pub(crate) fn ask(&mut self, question: Question) -> (Vec<Arc<Envelope>>, Option<u64>) {
        self.number += 1;
        self.store.ask(self.number, question.clone()).unwrap();
        loop {
            match self.report() {
                Report::Answer(number, Answer::Lines { lines, more }) if number == self.number => return (lines, more),
                // It waits for the index, and says so when that takes long.
                Report::Answer(number, Answer::Refused(Refused::Indexing(left))) if left > 0 => {
                    self.store.ask(number, question.clone()).unwrap();
                }
                Report::Purged(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The last lines of a room.
    pub(crate) fn page(&mut self, room: &str) -> Vec<Arc<Envelope>> {
        let question =
            Question::Page { room: room_name(room), before: u64::MAX, after: None, limit: 1_000, export: false };
        self.ask(question).0
    }

    /// The ids of the lines that have these words.
    pub(crate) fn search(&mut self, words: &str) -> Vec<u64> {
        let (lines, _) = self.ask(search(None, words));
        lines.iter().filter_map(|line| line.id()).collect()
    }
}

/// Tries until it holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

pub(crate) fn search(room: Option<&str>, words: &str) -> Question {
    Question::Search { room: room.map(room_name), hidden: Vec::new(), words: text(words), before: None, limit: 50 }
}

pub(crate) fn room_name(room: &str) -> RoomName {
    RoomName::any(room).unwrap()
}

pub(crate) fn name(name: &str) -> Name {
    Name::parse(name).unwrap()
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

/// A line, said as many seconds after 1970 as its id says.
pub(crate) fn said(room: &str, id: u64, from: &str, words: &str) -> Arc<Envelope> {
    said_with(room, id, from, words, None)
}

pub(crate) fn said_with(room: &str, id: u64, from: &str, words: &str, cid: Option<&str>) -> Arc<Envelope> {
    let speech = Speech {
        room: room_name(room),
        id,
        by: ClientId(0),
        from: name(from),
        act: false,
        re: None,
        version: Version::First,
        signed: false,
        cid: cid.map(text),
        file: None,
        text: text(words).into(),
    };
    Envelope::new(DateTime::from_timestamp_millis(id as i64 * 1_000).unwrap(), Event::Said(speech))
}

pub(crate) fn changed(room: &str, id: u64, target: u64, what: What) -> Arc<Envelope> {
    let change = Change {
        room: room_name(room),
        id,
        by: ClientId(0),
        from: name("ani"),
        target,
        author: name("ani"),
        signed: true,
        what,
    };
    Envelope::new(DateTime::from_timestamp_millis(id as i64 * 1_000).unwrap(), Event::Changed(change))
}

pub(crate) fn state(room: &str) -> RoomState {
    RoomState::new(room_name(room))
}

/// Lines so that they can be compared.
pub(crate) fn shown(lines: &[Arc<Envelope>]) -> Vec<String> {
    lines.iter().map(|line| format!("{} {:?}", line.at, line.event)).collect()
}

/// The words of lines, in order.
pub(crate) fn words(lines: &[Arc<Envelope>]) -> Vec<String> {
    let words = lines.iter().map(|line| match &line.event {
        Event::Said(speech) => speech.text.as_str().to_string(),
        Event::Changed(Change { what: What::Edited(text), .. }) => format!("edit: {}", text.as_str()),
        Event::Changed(Change { what: What::Deleted, target, .. }) => format!("delete {target}"),
        other => format!("{other:?}"),
    });
    words.collect()
}
