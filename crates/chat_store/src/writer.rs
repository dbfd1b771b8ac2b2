//! The thread that writes the database: turns first, then questions, then what can wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use chat_server::features::archive::store::{Answer, Question, Refused, Report};
use chrono::Utc;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::backlog::Entry;
use crate::calendar::Calendar;
use crate::desk::{Ask, Desk, Job};
use crate::durability::Durability;
use crate::fault::why;
use crate::index;
use crate::keep::Keeper;
use crate::purge::Purge;
use crate::searches::{Outcome, Searches};
use crate::wal::{Wal, checkpoint};

/// With `relaxed`: a commit waits so long, or for so many lines.
const GATHER: Duration = Duration::from_millis(100);
const GATHER_ROWS: usize = 200;
/// The most lines of one transaction.
const BATCH_ROWS: usize = 4_096;
/// How long it waits before it tries again what failed.
const RETRY: Duration = Duration::from_secs(1);
/// With nothing to write for so long there is time for other work, which is done in steps of about this length.
const QUIET: Duration = Duration::from_millis(10);
const STEP: Duration = Duration::from_millis(4);
/// Where there never is time, one such step is done so often all the same.
const HURRY: Duration = Duration::from_millis(100);
/// With so many lines the index has to move, whatever there is to write.
const LAG: i64 = 100_000;
/// How long the end may take for what could also wait.
const LAST_STEPS: Duration = Duration::from_secs(5);
/// How long it sleeps where nothing is to be done.
const IDLE: Duration = Duration::from_secs(3_600);

pub(crate) struct Writer {
    db: Connection,
    dir: PathBuf,
    desk: Desk,
    keeper: Keeper,
    purge: Purge,
    calendar: Calendar,
    /// Turns that were taken and are not written.
    batch: Vec<Entry>,
    /// The keeper does not know any more what the database has.
    is_lost: bool,
    /// Not before this.
    retry: Option<Instant>,
    searches: Searches,
    /// With `relaxed`: since when lines wait for others to go with.
    gathers_since: Option<Instant>,
    /// What can wait has failed, and is not tried before this.
    rests_until: Option<Instant>,
    /// When the last step was.
    stepped: Instant,
    wal: Wal,
}

/// What the writer was woken for.
struct Round {
    asks: Vec<(u64, Ask)>,
    write: bool,
    is_quiet: bool,
    stopping: bool,
}

impl Writer {
    pub(crate) fn new(
        db: Connection,
        dir: PathBuf,
        desk: Desk,
        keeper: Keeper,
        purge: Purge,
        calendar: Calendar,
    ) -> Writer {
        Writer {
            db,
            wal: Wal::new(dir.clone()),
            dir,
            desk,
            keeper,
            purge,
            calendar,
            batch: Vec::new(),
            is_lost: false,
            retry: None,
            searches: Searches::default(),
            gathers_since: None,
            rests_until: None,
            stepped: Instant::now(),
        }
    }

    /// Writes until it is told to stop and all is written, or cannot be.
    pub(crate) fn run(mut self) {
        // However it ends, no thread waits for it after that.
        let desk = self.desk.clone();
        self.wal.measure(&self.desk.0.figures);
        let ended = catch_unwind(AssertUnwindSafe(|| self.work()));
        desk.end_writing(ended.is_err());
    }

    fn work(&mut self) {
        loop {
            let round = self.wait();
            if round.write {
                self.write();
            }
            for (number, ask) in round.asks {
                self.ask(number, ask);
            }
            if round.stopping {
                break;
            }
            let now = Instant::now();
            // Where people talk without a pause there is never time; a little of it is taken.
            let is_quiet =
                round.is_quiet || now >= self.stepped + HURRY && self.work_at(now).is_some_and(|at| now >= at);
            if is_quiet || self.lag() >= LAG || !self.searches.is_empty() {
                self.step();
                self.stepped = Instant::now();
            }
            self.send_searches();
            self.write_back(is_quiet);
        }
        self.close();
    }

    /// Waits for something to do.
    fn wait(&mut self) -> Round {
        let desk = self.desk.clone();
        let mut writing = desk.0.writing();
        let quiet_at = Instant::now() + QUIET;
        loop {
            let now = Instant::now();
            let has_rows = !self.batch.is_empty() || !writing.backlog.is_taken();
            let gathers = desk.0.durability == Durability::Relaxed
                && writing.waited_for.is_none()
                && writing.backlog.rows() < GATHER_ROWS;
            let write_at = match self.retry {
                _ if !has_rows => None,
                Some(retry) => Some(retry),
                None if gathers => Some(*self.gathers_since.get_or_insert(now) + GATHER),
                None => Some(now),
            };
            let asked = !writing.asks.is_empty();
            if writing.stopping || asked || write_at.is_some_and(|at| now >= at) {
                return Round {
                    // What was said before a question is written before it is answered.
                    write: has_rows && (writing.stopping || self.retry.is_none_or(|at| now >= at)),
                    asks: writing.asks.drain(..).collect(),
                    is_quiet: false,
                    stopping: writing.stopping,
                };
            }
            // A user waits for a search.
            let work_at = if self.searches.is_empty() { self.work_at(quiet_at) } else { Some(now) };
            if work_at.is_some_and(|at| now >= at) {
                return Round { write: false, asks: Vec::new(), is_quiet: true, stopping: false };
            }
            let until = [write_at, work_at].into_iter().flatten().min();
            let patience = until.map_or(IDLE, |at| at.saturating_duration_since(now));
            writing = desk.0.to_write.wait_timeout(writing, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// When there is time for what can wait, if there is any of it.
    fn work_at(&self, quiet_at: Instant) -> Option<Instant> {
        let quiet_at = self.rests_until.map_or(quiet_at, |at| at.max(quiet_at));
        let at_once = self.lag() > 0 || self.keeper.has_forgotten || self.purge.is_at_work();
        let write_back_at = self.wal.due(self.keeper.has_wiped).map(|due| due.max(quiet_at));
        if at_once { Some(quiet_at) } else { [write_back_at, self.purge.due()].into_iter().flatten().min() }
    }

    /// How many rows the index is behind.
    fn lag(&self) -> i64 {
        self.keeper.next_seq - 1 - self.keeper.indexed
    }

    /// Writes what there is. After the first failure it is tried again later, in the same order.
    fn write(&mut self) {
        self.gathers_since = None;
        loop {
            if self.batch.is_empty() {
                self.batch = self.desk.0.writing().backlog.take(BATCH_ROWS);
            }
            let Some(last) = self.batch.last() else { return };
            let turn = last.record.turn;
            let began = Instant::now();
            let behind = self.calendar.behind(Utc::now(), began);
            let keep = |keeper: &mut Keeper, db: &Connection, batch: &[Entry]| {
                let first = keeper.next_seq;
                keeper.keep(db, batch)?;
                behind.map_or(Ok(()), |at| keeper.note_late(db, first, at))
            };
            match self.transaction(keep) {
                Ok(()) => self.written(turn, began),
                Err(error) => return self.not_written(turn, &error),
            }
        }
    }

    /// Does something with the keeper in a transaction. If it fails, nothing was done.
    fn transaction<T>(
        &mut self,
        act: impl FnOnce(&mut Keeper, &Connection, &[Entry]) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if self.is_lost {
            self.keeper = self.keeper.anew(&self.db)?;
            self.is_lost = false;
        }
        let done = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate).and_then(|transaction| {
            let done = act(&mut self.keeper, &transaction, &self.batch)?;
            transaction.commit()?;
            Ok(done)
        });
        self.is_lost = done.is_err();
        self.wal.is_dirty = true;
        done
    }

    fn written(&mut self, turn: u64, began: Instant) {
        let rows = self.batch.iter().map(|entry| entry.record.lines.len()).sum();
        self.desk.0.figures.committed(began.elapsed(), rows);
        self.retry = None;
        let mut writing = self.desk.0.writing();
        writing.backlog.settle(&self.batch);
        self.desk.0.figures.set_backlog(&writing.backlog);
        let kept = writing.waited_for.filter(|waited_for| *waited_for <= turn);
        if kept.is_some() {
            writing.waited_for = None;
        }
        let recovered = writing.in_trouble && writing.backlog.is_empty();
        if recovered {
            writing.in_trouble = false;
        }
        drop(writing);
        self.batch.clear();
        if let Some(turn) = kept {
            self.desk.report(Report::Kept(turn));
        }
        if recovered {
            self.desk.0.figures.set_trouble(false);
            log::warn!("the store can write again, and has written all that waited");
            self.desk.report(Report::Recovered);
        }
    }

    fn not_written(&mut self, turn: u64, error: &rusqlite::Error) {
        self.desk.0.figures.failed();
        self.retry = Some(Instant::now() + RETRY);
        let mut writing = self.desk.0.writing();
        let is_new = !std::mem::replace(&mut writing.in_trouble, true);
        let turn = writing.waited_for.take().unwrap_or(turn);
        drop(writing);
        if is_new {
            self.desk.0.figures.set_trouble(true);
            let why = why(error);
            log::error!("the store cannot write to {}: {why} ({error})", self.dir.display());
            self.desk.report(Report::NotKept { turn, why });
        } else {
            log::debug!("the store still cannot write: {error}");
        }
    }

    fn ask(&mut self, number: u64, ask: Ask) {
        match ask {
            Ask::Lines(Question::Search { .. }) if self.rests_until.is_none() => {
                self.searches.push(self.keeper.next_seq - 1, number, ask);
            }
            Ask::Lines(_) => self.pass_on(number, ask),
            // It would fail as well, and may take a second for that.
            Ask::Job(_) if self.retry.is_some() => self.desk.fail(number),
            Ask::Job(job) => self.answer(number, carry_out(&self.db, job)),
            Ask::Note(job) => self.answer(number, note(&self.db, job)),
        }
    }

    fn answer(&mut self, number: u64, answer: rusqlite::Result<Option<Answer>>) {
        self.wal.is_dirty = true;
        match answer {
            Ok(Some(answer)) => self.desk.answer(number, answer),
            Ok(None) => {}
            Err(error) => self.desk.fail_with(number, &error),
        }
    }

    /// Gives a question to the readers.
    fn pass_on(&self, number: u64, ask: Ask) {
        if self.desk.ask_reader(number, ask).is_err() {
            self.desk.fail(number);
        }
    }

    /// Searches that the index is ready for, or that have waited long enough.
    fn send_searches(&mut self) {
        for (number, outcome) in self.searches.take(self.keeper.indexed, self.rests_until.is_some()) {
            match outcome {
                Outcome::Ready(ask) => self.pass_on(number, ask),
                Outcome::Behind(left) => self.desk.answer(number, Answer::Refused(Refused::Indexing(left))),
            }
        }
    }

    /// A little of what can wait: the index, and throwing away.
    fn step(&mut self) {
        if let Err(error) = self.try_step() {
            log::warn!("the store could not tidy up, and tries it again: {error}");
            self.rests_until = Some(Instant::now() + RETRY);
        } else {
            self.rests_until = None;
        }
    }

    fn try_step(&mut self) -> rusqlite::Result<()> {
        let deadline = Instant::now() + STEP;
        // There was no promise that this is on the disk: after a power cut it is done again.
        self.sync(false)?;
        let done = self.tidy(deadline);
        self.sync(true)?;
        self.desk.0.figures.set_unindexed(self.lag().max(0) as u64);
        done
    }

    fn tidy(&mut self, deadline: Instant) -> rusqlite::Result<()> {
        let desk = self.desk.clone();
        let figures = &desk.0.figures;
        if self.lag() > 0 {
            let mut calendar = self.calendar;
            self.transaction(|keeper, db, _| {
                keeper.indexed = index::follow(db, keeper.indexed, keeper.next_seq, deadline, figures)?;
                calendar.save(db, Utc::now(), Instant::now())
            })?;
            self.calendar = calendar;
            return Ok(());
        }
        if self.has_to_purge() {
            let mut purge = std::mem::take(&mut self.purge);
            let mut calendar = self.calendar;
            let purged = self.transaction(|keeper, db, _| {
                calendar.save(db, Utc::now(), Instant::now())?;
                purge.step(db, keeper, &mut calendar, deadline)
            });
            (self.purge, self.calendar) = (purge, calendar);
            let purged = purged?;
            figures.purged(purged.rows);
            if !purged.rooms.is_empty() {
                log::info!("old lines of {} rooms were thrown away", purged.rooms.len());
                desk.report(Report::Purged(purged.rooms));
            }
        }
        Ok(())
    }

    fn has_to_purge(&self) -> bool {
        let is_due = self.purge.due().is_some_and(|due| Instant::now() >= due);
        self.keeper.has_forgotten || self.purge.is_at_work() || is_due
    }

    /// With `full`: whether a commit waits until it is on the disk.
    fn sync(&self, on: bool) -> rusqlite::Result<()> {
        if self.desk.0.durability == Durability::Full {
            self.db.pragma_update(None, "synchronous", if on { "FULL" } else { "NORMAL" })?;
        }
        Ok(())
    }

    fn write_back(&mut self, is_quiet: bool) {
        if self.wal.write_back(&self.db, self.keeper.has_wiped, is_quiet, &self.desk.0.figures) {
            self.keeper.has_wiped = false;
        }
    }

    /// The end: all is written, or as much as can be.
    fn close(&mut self) {
        let left = self.desk.0.writing().backlog.rows();
        if left > 0 {
            log::error!("the store could not write the last {left} lines; they are lost");
        }
        let deadline = Instant::now() + LAST_STEPS;
        // What is not done here is done after the next start.
        while self.lag() > 0 && Instant::now() < deadline && self.try_step().is_ok() {}
        let saved = self.calendar.save(&self.db, Utc::now(), Instant::now());
        let tidied = saved
            .and_then(|()| self.db.execute_batch("PRAGMA optimize"))
            .and_then(|()| checkpoint(&self.db, "TRUNCATE"));
        if let Err(error) = tidied {
            log::warn!("the store could not tidy up at its end; nothing is lost by that: {error}");
        }
    }
}

/// Does what a question asks for in a transaction of its own.
fn carry_out(db: &Connection, job: Job) -> rusqlite::Result<Option<Answer>> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let answer = job(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

/// The same; the answer is good even if what it writes cannot be written.
fn note(db: &Connection, job: Job) -> rusqlite::Result<Option<Answer>> {
    // What is only looked at needs no lock, and no place on the disk.
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Deferred)?;
    let answer = job(&transaction)?;
    if let Err(error) = transaction.commit() {
        log::warn!("the store could not write what it was told by the way: {error}");
    }
    Ok(answer)
}
