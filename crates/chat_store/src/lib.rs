//! Keeps a chat in a SQLite file: its rooms, what is said in them, and accounts.
//!
//! The router hands over what each of its turns changed ([`Store::keep`]) and lets no client hear of it before the store has
//! said that it is kept. What that means is a setting:
//!
//! | [`Durability`] | who sees a line finds it again after | the router waits | a turn of 1, 80, 640 lines |
//! | --- | --- | --- | --- |
//! | `relaxed` | a clean stop; a crash takes up to 100 ms or 200 lines | not at all, or for room in the queue | nothing |
//! | `commit` | the end of the process in any way, `kill -9` too; a power cut may take the last seconds | for a commit into the write-ahead log | 0.07, 0.3, 1.6 ms |
//! | `full` | a power cut, where the disk does not lie | for the disk as well | 0.2, 0.5, 1.9 ms |
//!
//! (Medians of `cargo run --release -p chat_store --example measure -- DIR`, on two shared cores and a virtual disk whose
//! `fsync` takes a tenth of a millisecond; yours may take ten.) None of them leaves a damaged file behind, whatever happens:
//! a commit is there as a whole or not at all, and they are there in order.
//!
//! # Threads
//!
//! `store-writer` has the only connection that writes. It takes all turns that wait into one transaction, says that they are
//! kept, and uses the moments without work for what no client waits for: it brings the search index forward, throws old lines
//! away, and writes the write-ahead log back. The `store-reader` answers pages, and `store-search` searches and exports, so that
//! no page waits for them. A search first waits, two seconds at most, until the index has all that was said before it, and
//! is ended after a second. The `hash-N` look at passwords.
//!
//! # Accounts
//!
//! A question with a password goes to `hash-1` or `hash-2` first: at most two are hashed at once, 32 wait, and one more is
//! [`Busy`](chat_server::features::archive::store::Busy). What comes of it is decided by the writer, one question after the other, and only if the
//! hash is still the account's; if it is not, the password is looked at once more. So one of many gets a name, a code is good
//! once, and an old password is worth nothing after the answer to its change. A name without an account is as much work as one
//! with one. Nothing that could be used to sign in is in the file: passwords are there as argon2id ([`Strength`]),
//! tokens and codes, which are long and random, as SHA-256. [`Offline`] and [`list_accounts`] are for the owner of the data.
//!
//! # Trouble
//!
//! Where a turn cannot be written (a full disk, another process's lock, a disk that fails), the router is told why by
//! [`Report::NotKept`], and goes on at once. Everything from there on stays in memory, up to 200,000 lines or 64 MiB, and is
//! tried again each second, in order; [`Report::Recovered`] says that all of it is written. What finds no room is boiled down
//! to what must not be forgotten: which rooms there are, which ids were given, and what was deleted. The ids that are lost by
//! that stand in a table of their own, so that [`check`] knows a loss from damage.
//!
//! # Deleted words
//!
//! A line that is deleted leaves its number and nothing else: its words are taken out of the log, of the corrections of it,
//! and of the search index, SQLite overwrites their bytes (`secure_delete`, here and in the index), and within a second or
//! two of quiet the write-ahead log is emptied, where the old pages were. What the file system, the disk or a backup still
//! has is beyond this.
//!
//! # The same line twice
//!
//! An author's own word for a line (`cid`) names one line for ever. Doors and the router see to it that a line that is sent
//! again is not said again; what they need to know for that after a restart comes back with the lines. Where one slips
//! through all the same, it has a number and others have seen it, so it stays; but the word remains the first line's, the log and the audit say so,
//! and `chat_store_doubles_total` counts it.
#![warn(missing_docs)]

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_server::features::archive::store::{Contents, Report, Store};
use chrono::Utc;
use rusqlite::{Connection, InterruptHandle};

mod accounts;
mod backlog;
mod beside;
mod calendar;
mod db;
mod desk;
mod disown;
mod durability;
mod errors;
mod fault;
mod front;
mod figures;
mod fitting;
mod hashing;
mod import;
mod index;
mod invitations;
mod keep;
mod lines;
mod load;
mod lock;
mod members;
mod offline;
mod passwords;
mod preferences;
mod programs;
mod pushes;
mod purge;
mod questions;
mod reader;
mod resets;
mod bans;
mod searches;
mod secrets;
mod tools;
mod wal;
mod webhooks;
mod writer;

pub use durability::Durability;
pub use errors::{FILE, OpenError};
pub use figures::Figures;
pub use import::{Found, Import, ImportError, Placed};
pub use offline::{Listed, NewInvitation, Offline, OfflineError, list_accounts};
pub use passwords::Strength;
pub use purge::Retention;
pub use tools::{Findings, ToolError, backup, check, export};

use accounts::Known;
use backlog::Backlog;
use calendar::Calendar;
use desk::{Desk, Kind};
use errors::from_sqlite;
use front::Front;
use hashing::Hashing;
use keep::Keeper;
use lock::Lock;
use purge::Purge;
use questions::Accounts;
use writer::Writer;

/// What may wait in memory while nothing can be written: lines, and bytes.
const BACKLOG_ROWS: usize = 200_000;
const BACKLOG_BYTES: usize = 64 * 1024 * 1024;

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
    calendar: Calendar,
}

/// A store at work. Dropping it stops it.
pub struct Guard {
    desk: Desk,
    hashing: Hashing,
    writer: Option<JoinHandle<()>>,
    /// Those who answer questions.
    readers: Vec<JoinHandle<()>>,
    interrupts: Vec<InterruptHandle>,
    done: Receiver<()>,
}

impl Sqlite {
    /// Opens the data in a directory, or makes it, and reads what a server needs to go on.
    ///
    /// # Errors
    /// Another process has it, it is damaged, it cannot be written, or whatever else [`OpenError`] knows.
    pub fn open(options: Options) -> Result<(Sqlite, Contents), OpenError> {
        let lock = Lock::make(&options.dir)?;
        let db = db::open(&options.dir)?;
        beside::put_back(&db, &options.dir)?;
        let wrong = |error: rusqlite::Error| from_sqlite(&options.dir.join(FILE), &error);
        let mut contents = load::contents(&db).map_err(wrong)?;
        let (shown, now) = (Utc::now(), Instant::now());
        let mut calendar = Calendar::load(&db, shown, now).map_err(wrong)?;
        contents.time = Some(calendar.time(shown, now));
        Ok((Sqlite { db, lock, options, strength: Strength::default(), calendar }, contents))
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
        let Sqlite { db, lock, options, strength, calendar } = self;
        let figures = Arc::new(Figures::default());
        let backlog = Backlog::new(BACKLOG_ROWS, BACKLOG_BYTES);
        let desk = Desk::new(options.durability, backlog, figures, Box::new(report));
        let sync = if options.durability == Durability::Full { "FULL" } else { "NORMAL" };
        db.pragma_update(None, "synchronous", sync).map_err(io::Error::other)?;
        let keeper = Keeper::new(&db).map_err(io::Error::other)?;
        let known = Known::load(&db).map_err(io::Error::other)?;
        let (hashing, hashers) = Hashing::start(&options.dir, &desk, strength)?;
        let (end, done) = mpsc::sync_channel(1);
        let mut guard = Guard {
            desk: desk.clone(),
            hashing: hashing.clone(),
            writer: None,
            readers: hashers,
            interrupts: Vec::new(),
            done,
        };
        for (name, kind) in [("store-reader", Kind::Short), ("store-search", Kind::Long)] {
            let mut db = db::open_to_read(&options.dir).map_err(io::Error::other)?;
            guard.interrupts.push(db.get_interrupt_handle());
            let desk = desk.clone();
            let read = move || reader::run(&mut db, &desk, kind);
            guard.readers.push(thread::Builder::new().name(name.into()).spawn(read)?);
        }
        let purge = Purge::new(options.retention, Instant::now());
        let writer = Writer::new(db, options.dir, desk.clone(), keeper, purge, calendar);
        let write = move || {
            writer.run();
            // The next server may come when the database is closed, and not before.
            drop(lock);
            let _nobody_waits = end.send(());
        };
        guard.writer = Some(thread::Builder::new().name("store-writer".into()).spawn(write)?);
        let accounts = Accounts { desk: desk.clone(), hashing, known };
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
        let deadline = Instant::now() + patience;
        self.desk.stop();
        self.hashing.stop();
        if let Some(writer) = self.writer.take() {
            // It also ends by a panic, without a word.
            if let Err(mpsc::RecvTimeoutError::Timeout) = self.done.recv_timeout(patience) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the store did not end in time"));
            }
            let _panic_was_logged = writer.join();
        }
        for reader in self.readers.drain(..) {
            // No client waits for an answer any more. It may be between two statements, so it is told again.
            while !reader.is_finished() {
                if Instant::now() >= deadline {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the store's readers did not end in time"));
                }
                self.interrupts.iter().for_each(InterruptHandle::interrupt);
                thread::sleep(Duration::from_millis(1));
            }
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
