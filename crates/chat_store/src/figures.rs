//! What the store counts, for the figures of the server.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use chat_server::metrics::exposition::{Exposition, Histogram};

use crate::backlog::Backlog;

/// Upper bounds of the histogram of commits, in microseconds.
const BOUNDS: [u64; 12] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// The store's counters, shared by its threads. All are since the start, or as they are now.
pub struct Figures {
    commits: Histogram,
    rows: AtomicU64,
    backlog_records: AtomicU64,
    backlog_bytes: AtomicU64,
    in_trouble: AtomicBool,
    failures: AtomicU64,
    lost: AtomicU64,
    doubles: AtomicU64,
    queries: AtomicU64,
    query_micros: AtomicU64,
    passwords: AtomicU64,
    password_micros: AtomicU64,
    purged: AtomicU64,
    unindexed: AtomicU64,
    db_bytes: AtomicU64,
    wal_bytes: AtomicU64,
}

impl Default for Figures {
    fn default() -> Figures {
        Figures {
            commits: Histogram::new(&BOUNDS, 1_000_000),
            rows: AtomicU64::new(0),
            backlog_records: AtomicU64::new(0),
            backlog_bytes: AtomicU64::new(0),
            in_trouble: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            doubles: AtomicU64::new(0),
            queries: AtomicU64::new(0),
            query_micros: AtomicU64::new(0),
            passwords: AtomicU64::new(0),
            password_micros: AtomicU64::new(0),
            purged: AtomicU64::new(0),
            unindexed: AtomicU64::new(0),
            db_bytes: AtomicU64::new(0),
            wal_bytes: AtomicU64::new(0),
        }
    }
}

impl Figures {
    pub(crate) fn committed(&self, took: Duration, rows: usize) {
        self.commits.count(took.as_micros() as u64);
        self.rows.fetch_add(rows as u64, Relaxed);
    }

    pub(crate) fn asked(&self, took: Duration) {
        self.queries.fetch_add(1, Relaxed);
        self.query_micros.fetch_add(took.as_micros() as u64, Relaxed);
    }

    pub(crate) fn hashed(&self, took: Duration) {
        self.passwords.fetch_add(1, Relaxed);
        self.password_micros.fetch_add(took.as_micros() as u64, Relaxed);
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

    /// Appends all of it to `out`, in the Prometheus text format 0.0.4.
    pub fn append(&self, out: &mut String) {
        let get = |value: &AtomicU64| value.load(Relaxed);
        let mut out = Exposition::new(out);
        out.histogram("chat_store_commit_seconds", "time of a commit, from its first row", &self.commits);
        for (name, text, value) in [
            ("chat_store_rows_total", "lines written", &self.rows),
            ("chat_store_failures_total", "commits that failed", &self.failures),
            ("chat_store_lost_lines_total", "lines that found no room in the backlog", &self.lost),
            ("chat_store_doubles_total", "lines with a cid that their author had used", &self.doubles),
            ("chat_store_purged_lines_total", "lines thrown away for their age or number", &self.purged),
            ("chat_store_queries_total", "pages and searches answered", &self.queries),
            ("chat_store_passwords_total", "questions with a password, of a hash or two each", &self.passwords),
        ] {
            out.counter(name, text, get(value));
        }
        let seconds = get(&self.query_micros) as f64 / 1e6;
        out.counter("chat_store_query_seconds_total", "time spent on pages and searches", seconds);
        let seconds = get(&self.password_micros) as f64 / 1e6;
        out.counter("chat_store_password_seconds_total", "time spent on them", seconds);
        for (name, text, value) in [
            ("chat_store_backlog_records", "turns that are not written yet", &self.backlog_records),
            ("chat_store_backlog_bytes", "what they take in memory", &self.backlog_bytes),
            ("chat_store_unindexed_lines", "lines that are not in the search index yet", &self.unindexed),
            ("chat_store_db_bytes", "size of the database file", &self.db_bytes),
            ("chat_store_wal_bytes", "size of its write-ahead log", &self.wal_bytes),
        ] {
            out.gauge(name, text, get(value));
        }
        out.gauge("chat_store_trouble", "1 while nothing can be written", u8::from(self.is_in_trouble()));
    }
}
