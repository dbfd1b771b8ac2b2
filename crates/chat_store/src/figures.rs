//! What the store counts, for whoever watches the server.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use chat_server::exposition::{Exposition, Histogram};

use crate::backlog::Backlog;

/// Upper bounds of the times, in microseconds.
const MICROS: &[u64] = &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// The store's counters, shared by its threads. All are since the start, or as they are now.
pub struct Figures {
    commits: Histogram,
    queries: Histogram,
    rows: AtomicU64,
    backlog_records: AtomicU64,
    backlog_bytes: AtomicU64,
    in_trouble: AtomicBool,
    failures: AtomicU64,
    lost: AtomicU64,
    doubles: AtomicU64,
    purged: AtomicU64,
    unindexed: AtomicU64,
    db_bytes: AtomicU64,
    wal_bytes: AtomicU64,
}

impl Figures {
    pub(crate) fn new() -> Figures {
        let zero = || AtomicU64::new(0);
        Figures {
            commits: Histogram::new(MICROS, 1_000_000),
            queries: Histogram::new(MICROS, 1_000_000),
            rows: zero(),
            backlog_records: zero(),
            backlog_bytes: zero(),
            in_trouble: AtomicBool::new(false),
            failures: zero(),
            lost: zero(),
            doubles: zero(),
            purged: zero(),
            unindexed: zero(),
            db_bytes: zero(),
            wal_bytes: zero(),
        }
    }

    pub(crate) fn committed(&self, took: Duration, rows: usize) {
        self.commits.count(took.as_micros() as u64);
        self.rows.fetch_add(rows as u64, Relaxed);
    }

    pub(crate) fn asked(&self, took: Duration) {
        self.queries.count(took.as_micros() as u64);
    }

    pub(crate) fn set_backlog(&self, backlog: &Backlog) {
        self.backlog_records.store(backlog.records() as u64, Relaxed);
        self.backlog_bytes.store(backlog.bytes() as u64, Relaxed);
    }

    pub(crate) fn set_trouble(&self, on: bool) {
        self.in_trouble.store(on, Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(crate) fn lost(&self, rows: usize) {
        self.lost.fetch_add(rows as u64, Relaxed);
    }

    pub(crate) fn doubled(&self) {
        self.doubles.fetch_add(1, Relaxed);
    }

    pub(crate) fn purged(&self, rows: usize) {
        self.purged.fetch_add(rows as u64, Relaxed);
    }

    pub(crate) fn set_unindexed(&self, rows: u64) {
        self.unindexed.store(rows, Relaxed);
    }

    pub(crate) fn set_sizes(&self, db: u64, wal: u64) {
        self.db_bytes.store(db, Relaxed);
        self.wal_bytes.store(wal, Relaxed);
    }

    /// Whether the store cannot write at this moment.
    pub fn is_in_trouble(&self) -> bool {
        self.in_trouble.load(Relaxed)
    }

    /// Appends all of it to `text`, in the text format of Prometheus.
    pub fn append(&self, text: &mut String) {
        let now = |figure: &AtomicU64| figure.load(Relaxed);
        let mut out = Exposition::new(text);
        out.histogram(
            "chat_store_commit_seconds",
            "time to write the turns of a commit and to commit them",
            &self.commits,
        );
        out.histogram("chat_store_query_seconds", "time to read a page, or the result of a search", &self.queries);
        out.counter("chat_store_rows_total", "lines written", now(&self.rows));
        out.counter("chat_store_failures_total", "commits that failed", now(&self.failures));
        out.counter("chat_store_lost_lines_total", "lines that found no room in the backlog", now(&self.lost));
        out.counter("chat_store_doubles_total", "lines with a cid that their author had used", now(&self.doubles));
        out.counter(
            "chat_store_purged_lines_total",
            "lines thrown away: old, or of a forgotten room",
            now(&self.purged),
        );
        out.gauge("chat_store_backlog_records", "turns that are not written yet", now(&self.backlog_records));
        out.gauge("chat_store_backlog_bytes", "what they take in memory", now(&self.backlog_bytes));
        out.gauge("chat_store_unindexed_lines", "lines that are not in the search index yet", now(&self.unindexed));
        out.gauge("chat_store_db_bytes", "size of the database file", now(&self.db_bytes));
        out.gauge("chat_store_wal_bytes", "size of its write-ahead log", now(&self.wal_bytes));
        out.gauge("chat_store_trouble", "1 while nothing can be written", u8::from(self.is_in_trouble()));
    }
}
