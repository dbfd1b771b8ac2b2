//! Keeps a chat in a SQLite file: its rooms, what is said in them, and accounts.
#![warn(missing_docs)]

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_server::store::{Contents, Report, Store};
use rusqlite::Connection;

mod accounts;
mod backlog;
mod db;
mod desk;
mod fault;
mod figures;
mod index;
mod keep;
mod lines;
mod load;
mod lock;
mod names;
mod offline;
mod passwords;
mod purge;
mod questions;
mod reader;
mod tools;
mod writer;

pub use db::{FILE, OpenError};
pub use figures::Figures;
pub use offline::{Offline, OfflineError};
pub use passwords::Strength;
pub use purge::Retention;
pub use tools::{Findings, ToolError, backup, check, export};

use backlog::Backlog;
use desk::{Desk, Front};
use keep::Keeper;
use lock::Lock;
use passwords::Hashing;
use purge::Purge;
use questions::Accounts;
use writer::Writer;

/// How many threads read.
const READERS: usize = 2;
/// What may wait in memory while nothing can be written: lines, and bytes.
const BACKLOG_ROWS: usize = 200_000;
const BACKLOG_BYTES: usize = 64 * 1024 * 1024;

/// What a turn has to survive before anybody hears of it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Nothing: what was said in the last tenth of a second may be gone after a crash.
    Relaxed,
    /// The end of the process, in whatever way. A power cut may take the last seconds.
    #[default]
    Commit,
    /// A power cut, as far as the disk tells the truth.
    Full,
}

impl Durability {
    /// All there are, the cheapest first.
    pub const ALL: [Durability; 3] = [Durability::Relaxed, Durability::Commit, Durability::Full];

    /// Its word: `relaxed`, `commit`, `full`.
    pub fn word(self) -> &'static str {
        match self {
            Durability::Relaxed => "relaxed",
            Durability::Commit => "commit",
            Durability::Full => "full",
        }
    }

    /// The durability of a word.
    pub fn named(word: &str) -> Option<Durability> {
        Durability::ALL.into_iter().find(|durability| durability.word() == word)
    }
}

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory. It is made if there is none.
    pub dir: PathBuf,
    /// What a turn has to survive.
    pub durability: Durability,
    /// How long lines are kept.
    pub retention: Retention,
}

/// A store that is open and not at work yet.
pub struct Sqlite {
    db: Connection,
    lock: Lock,
    options: Options,
    strength: Strength,
}

/// A store at work. Dropping it stops it.
pub struct Guard {
    desk: Desk,
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
    done: Receiver<()>,
}

impl Sqlite {
    /// Opens the data in a directory, or makes it, and reads what a server needs to go on.
    ///
    /// # Errors
    /// Somebody else has it, it is damaged, it cannot be written, or whatever else [`OpenError`] knows.
    pub fn open(options: Options) -> Result<(Sqlite, Contents), OpenError> {
        let lock = db::lock(&options.dir)?;
        let db = db::open(&options.dir)?;
        let contents = load::contents(&db).map_err(|error| db::from_sqlite(&options.dir.join(FILE), &error))?;
        Ok((Sqlite { db, lock, options, strength: Strength::default() }, contents))
    }

    /// How much work it is to try a password; [`Strength::default`] if it is not said.
    pub fn set_strength(&mut self, strength: Strength) {
        self.strength = strength;
    }

    /// Starts its threads. `report` is called by them and may wait for the router, but never for the store.
    ///
    /// # Errors
    /// There is no thread, or no file descriptor, to be had.
    pub fn start(self, report: impl Fn(Report) + Send + Sync + 'static) -> io::Result<(Box<dyn Store>, Guard)> {
        let Sqlite { db, lock, options, strength } = self;
        let figures = Arc::new(Figures::default());
        let backlog = Backlog::new(BACKLOG_ROWS, BACKLOG_BYTES);
        let desk = Desk::new(options.durability, backlog, figures, Box::new(report));
        let sync = if options.durability == Durability::Full { "FULL" } else { "NORMAL" };
        db.pragma_update(None, "synchronous", sync).map_err(io::Error::other)?;
        let keeper = Keeper::new(&db).map_err(io::Error::other)?;
        let (hashing, hashers) = Hashing::start(&options.dir, &desk, strength)?;
        let (end, done) = mpsc::sync_channel(1);
        let mut guard = Guard { desk: desk.clone(), writer: None, readers: hashers, done };
        for _ in 0..READERS {
            let db = db::open_to_read(&options.dir).map_err(io::Error::other)?;
            let desk = desk.clone();
            let read = move || reader::run(&db, &desk);
            guard.readers.push(thread::Builder::new().name("store-reader".into()).spawn(read)?);
        }
        let writer = Writer::new(db, options.dir, desk.clone(), keeper, Purge::new(options.retention, Instant::now()));
        let write = move || {
            writer.run();
            // The next server may come when the database is closed, and not before.
            drop(lock);
            let _nobody_waits = end.send(());
        };
        guard.writer = Some(thread::Builder::new().name("store-writer".into()).spawn(write)?);
        let accounts = Accounts { desk: desk.clone(), hashing };
        Ok((Box::new(Front { desk, accounts }), guard))
    }
}

impl Guard {
    /// The store's counters.
    pub fn figures(&self) -> Arc<Figures> {
        self.desk.0.figures.clone()
    }

    /// Writes what there is and ends all threads. Call it when the router has ended.
    ///
    /// # Errors
    /// It takes longer than `patience`; the threads are left behind.
    pub fn stop(mut self, patience: Duration) -> io::Result<()> {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> io::Result<()> {
        self.desk.stop();
        if let Some(writer) = self.writer.take() {
            // It also ends by a panic, without a word.
            if let Err(mpsc::RecvTimeoutError::Timeout) = self.done.recv_timeout(patience) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the store did not end in time"));
            }
            let _panic_was_logged = writer.join();
        }
        for reader in self.readers.drain(..) {
            let _panic_was_logged = reader.join();
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.end(Duration::from_secs(10)) {
            log::error!("{error}");
        }
    }
}
