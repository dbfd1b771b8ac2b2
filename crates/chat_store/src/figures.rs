//! What the store counts, for whoever watches the server.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::backlog::Backlog;

/// Upper bounds of the histogram of commits, in microseconds, with the words for them in seconds.
const BOUNDS: [(u64, &str); 12] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_500_000, "2.5"),
];

/// The store's counters, shared by its threads. All are since the start, or as they are now.
#[derive(Default)]
pub struct Figures {
    commits: [AtomicU64; BOUNDS.len()],
    commits_total: AtomicU64,
    commit_micros: AtomicU64,
    rows: AtomicU64,
    backlog_records: AtomicU64,
    backlog_bytes: AtomicU64,
    in_trouble: AtomicBool,
    failures: AtomicU64,
    lost: AtomicU64,
    doubles: AtomicU64,
    queries: AtomicU64,
    query_micros: AtomicU64,
    hashes: AtomicU64,
    hash_micros: AtomicU64,
    purged: AtomicU64,
    unindexed: AtomicU64,
    db_bytes: AtomicU64,
    wal_bytes: AtomicU64,
}

impl Figures {
    pub(crate) fn committed(&self, took: Duration, rows: usize) {
        let micros = took.as_micros() as u64;
        if let Some(bucket) = BOUNDS.iter().position(|(bound, _)| micros <= *bound) {
            self.commits[bucket].fetch_add(1, Relaxed);
        }
        self.commits_total.fetch_add(1, Relaxed);
        self.commit_micros.fetch_add(micros, Relaxed);
        self.rows.fetch_add(rows as u64, Relaxed);
    }

    pub(crate) fn asked(&self, took: Duration) {
        self.queries.fetch_add(1, Relaxed);
        self.query_micros.fetch_add(took.as_micros() as u64, Relaxed);
    }

    pub(crate) fn hashed(&self, took: Duration) {
        self.hashes.fetch_add(1, Relaxed);
        self.hash_micros.fetch_add(took.as_micros() as u64, Relaxed);
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
        let seconds = |micros: &AtomicU64| micros.load(Relaxed) as f64 / 1e6;
        let mut add = |name: &str, kind: &str, text: &str, value: String| {
            let _infallible = writeln!(out, "# HELP {name} {text}\n# TYPE {name} {kind}\n{value}");
        };
        let mut histogram = String::new();
        let mut sum = 0;
        for ((_, bound), bucket) in BOUNDS.iter().zip(&self.commits) {
            sum += bucket.load(Relaxed);
            let _infallible = writeln!(histogram, "chat_store_commit_seconds_bucket{{le=\"{bound}\"}} {sum}");
        }
        let total = self.commits_total.load(Relaxed);
        let _infallible = write!(
            histogram,
            "chat_store_commit_seconds_bucket{{le=\"+Inf\"}} {total}\nchat_store_commit_seconds_sum {}\nchat_store_commit_seconds_count {total}",
            seconds(&self.commit_micros)
        );
        add("chat_store_commit_seconds", "histogram", "time of a commit, from its first row", histogram);
        for (name, kind, text, value) in [
            ("chat_store_rows_total", "counter", "lines written", &self.rows),
            ("chat_store_failures_total", "counter", "commits that failed", &self.failures),
            ("chat_store_lost_lines_total", "counter", "lines that found no room in the backlog", &self.lost),
            ("chat_store_doubles_total", "counter", "lines with a cid that their author had used", &self.doubles),
            ("chat_store_purged_lines_total", "counter", "lines thrown away for their age or number", &self.purged),
            ("chat_store_backlog_records", "gauge", "turns that are not written yet", &self.backlog_records),
            ("chat_store_backlog_bytes", "gauge", "what they take in memory", &self.backlog_bytes),
            ("chat_store_unindexed_lines", "gauge", "lines that are not in the search index yet", &self.unindexed),
            ("chat_store_queries_total", "counter", "pages and searches answered", &self.queries),
            ("chat_store_passwords_total", "counter", "questions with a password, each a hash or two", &self.hashes),
            ("chat_store_db_bytes", "gauge", "size of the database file", &self.db_bytes),
            ("chat_store_wal_bytes", "gauge", "size of its write-ahead log", &self.wal_bytes),
        ] {
            add(name, kind, text, format!("{name} {}", value.load(Relaxed)));
        }
        let name = "chat_store_query_seconds_total";
        add(name, "counter", "time spent on pages and searches", format!("{name} {}", seconds(&self.query_micros)));
        let name = "chat_store_password_seconds_total";
        add(name, "counter", "time spent on them", format!("{name} {}", seconds(&self.hash_micros)));
        let name = "chat_store_trouble";
        add(name, "gauge", "1 while nothing can be written", format!("{name} {}", u8::from(self.is_in_trouble())));
    }
}
