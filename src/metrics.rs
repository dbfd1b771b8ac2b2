//! Figures of the running server: counters that any thread may add to, and what the system says about this process.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::metrics::exposition::{Exposition, Histogram, Kind};
use crate::model::code::Code;
use crate::model::event::{Foreign, Leave};
use crate::model::now::Moment;
use crate::model::rows::Stat;

pub mod exposition;
pub(crate) mod process;

/// Bounds of the turns' sizes, in messages, and of their times, in nanoseconds.
const SIZES: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const TIMES: [u64; 16] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
];

/// The server's counters. One for each server, shared by its threads.
pub struct Metrics {
    started: Moment,
    /// The same, in seconds since 1970.
    started_at: f64,
    /// Connections taken, since the start.
    pub accepted: AtomicU64,
    /// Connections refused because the server, or their address, had too many.
    pub turned_away: AtomicU64,
    /// Lines said, whispers included.
    pub messages: AtomicU64,
    /// Envelopes handed to clients.
    pub deliveries: AtomicU64,
    /// Turns of the router.
    pub turns: AtomicU64,
    /// Lines that slow clients missed.
    pub missed: AtomicU64,
    /// Events that a tap had no room for.
    pub tap_missed: AtomicU64,
    /// Panics that were caught.
    pub panics: AtomicU64,
    /// Messages that wait for the router.
    pub inbox: AtomicU64,
    /// Messages that the router has, and that wait until the turn before them is kept.
    pub(crate) held: AtomicU64,
    /// Rooms.
    pub rooms: AtomicU64,
    /// Files that came, and that went.
    pub uploads: AtomicU64,
    /// The same of those that were fetched.
    pub downloads: AtomicU64,
    /// Bytes of files that came, those of files that never became whole included.
    pub upload_bytes: AtomicU64,
    /// Bytes of files that went.
    pub download_bytes: AtomicU64,
    /// Transfers that were refused or ended half-way.
    pub files_refused: AtomicU64,
    /// Transfers under way, and bytes and files that are here, as the router saw them last.
    pub(crate) transfers: AtomicU64,
    pub(crate) file_bytes: AtomicU64,
    pub(crate) files: AtomicU64,
    refusals: [AtomicU64; Code::ALL.len()],
    goodbyes: [AtomicU64; Code::ALL.len()],
    foreign: [AtomicU64; Foreign::ALL.len()],
    turn_messages: Histogram,
    turn_nanos: Histogram,
    /// The clients as the router saw them last, which is once a second.
    seen: Mutex<Snapshot>,
    threads: AtomicU64,
    memory_kib: AtomicU64,
}

/// How many clients and users there are at one moment, and what waits for them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Open connections that the router knows.
    pub clients: usize,
    /// Those of them that signed on.
    pub people: usize,
    /// Bytes that wait for clients, in all.
    pub waiting: usize,
    /// For how many clients any wait.
    pub behind: usize,
    /// The connections by door.
    pub doors: Vec<(&'static str, usize)>,
}

/// One figure with its name, explanation and kind, if Prometheus gets it in this form as well.
struct Figure {
    key: &'static str,
    name: &'static str,
    kind: Option<Kind>,
    text: &'static str,
    value: u64,
}

impl Metrics {
    /// All zero.
    pub fn new(now: Moment) -> Metrics {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Metrics {
            started: now,
            started_at: since.as_millis() as f64 / 1e3,
            accepted: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            tap_missed: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            inbox: AtomicU64::new(0),
            held: AtomicU64::new(0),
            rooms: AtomicU64::new(0),
            uploads: AtomicU64::new(0),
            downloads: AtomicU64::new(0),
            upload_bytes: AtomicU64::new(0),
            download_bytes: AtomicU64::new(0),
            files_refused: AtomicU64::new(0),
            transfers: AtomicU64::new(0),
            file_bytes: AtomicU64::new(0),
            files: AtomicU64::new(0),
            refusals: [const { AtomicU64::new(0) }; Code::ALL.len()],
            goodbyes: [const { AtomicU64::new(0) }; Code::ALL.len()],
            foreign: [const { AtomicU64::new(0) }; Foreign::ALL.len()],
            turn_messages: Histogram::new(&SIZES, 1),
            turn_nanos: Histogram::new(&TIMES, 1_000_000_000),
            // There is always a line door, also before a client came by it.
            seen: Mutex::new(Snapshot { doors: vec![("line", 0)], ..Snapshot::default() }),
            threads: AtomicU64::new(0),
            memory_kib: AtomicU64::new(0),
        }
    }

    /// Counts one more.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Counts an `ERR`.
    pub fn refused(&self, code: Code) {
        Metrics::count(&self.refusals[code as usize]);
    }

    /// Counts a `BYE`, and a connection of another protocol.
    pub fn left(&self, why: &Leave) {
        Metrics::count(&self.goodbyes[why.code() as usize]);
        if let Leave::Foreign(foreign) = why {
            self.strayed(*foreign);
        }
    }

    /// Counts a connection of another protocol.
    pub fn strayed(&self, foreign: Foreign) {
        if let Some(i) = Foreign::ALL.iter().position(|known| *known == foreign) {
            Metrics::count(&self.foreign[i]);
        }
    }

    /// How many connections of other protocols there were.
    pub fn foreign(&self) -> u64 {
        sum(&self.foreign)
    }

    /// Counts a turn of the router in which there was something to do: how many messages, and how long it took.
    pub(crate) fn turned(&self, messages: u64, took: Duration) {
        self.turn_messages.count(messages);
        self.turn_nanos.count(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Notes how the clients are. Never waits: while a call reads the figures, the ones before are good enough.
    pub(crate) fn see(&self, mut snapshot: Snapshot) {
        let Ok(mut seen) = self.seen.try_lock() else { return };
        // A door without clients is at zero and not gone.
        for (door, _) in &seen.doors {
            if !snapshot.doors.iter().any(|(known, _)| known == door) {
                snapshot.doors.push((door, 0));
            }
        }
        *seen = snapshot;
    }

    /// Asks the system for this process's threads and memory. Reads a file, so the router does not do it: the thread that
    /// wants the figures asks first. Where there is no /proc the figures stay 0.
    pub fn sample_process(&self) {
        self.threads.store(process::status("Threads:").unwrap_or(0), Relaxed);
        self.memory_kib.store(process::status("VmRSS:").unwrap_or(0), Relaxed);
    }

    fn figures(&self, snapshot: &Snapshot, now: Moment) -> Vec<Figure> {
        let total = |key, name, text, counter: &AtomicU64| {
            let value = counter.load(Relaxed);
            Figure { key, name, kind: Some(Kind::Counter), text, value }
        };
        let gauge = |key, name, text, value| Figure { key, name, kind: Some(Kind::Gauge), text, value };
        // What Prometheus gets by code, by door, or under a name that all programs share.
        let told = |key, text, value| Figure { key, name: "", kind: None, text, value };
        let inbox = self.inbox.load(Relaxed) + self.held.load(Relaxed);
        let uptime = now.saturating_duration_since(self.started).as_secs();
        vec![
            gauge("people", "chat_people", "people signed on", snapshot.people as u64),
            told("clients", "open connections", snapshot.clients as u64),
            gauge("rooms", "chat_rooms", "rooms", self.rooms.load(Relaxed)),
            total("messages", "chat_messages_total", "lines said since the start", &self.messages),
            total("deliveries", "chat_deliveries_total", "events handed to clients since the start", &self.deliveries),
            total("turns", "chat_turns_total", "turns of the router since the start", &self.turns),
            gauge("inbox", "chat_inbox_messages", "messages that wait for the router", inbox),
            gauge("outboxes", "chat_outbox_bytes", "bytes that wait for clients", snapshot.waiting as u64),
            total("missed", "chat_missed_lines_total", "lines that slow clients missed", &self.missed),
            total("tap-missed", "chat_tap_missed_events_total", "events that a tap had no room for", &self.tap_missed),
            told("refusals", "requests refused since the start", sum(&self.refusals)),
            total("accepted", "chat_accepted_total", "connections taken since the start", &self.accepted),
            total(
                "turned-away",
                "chat_turned_away_total",
                "connections refused, server or address full",
                &self.turned_away,
            ),
            told("foreign", "connections of other protocols", self.foreign()),
            total("panics", "chat_panics_total", "panics caught since the start", &self.panics),
            told("threads", "threads of the server", self.threads.load(Relaxed)),
            told("memory", "resident memory in KiB", self.memory_kib.load(Relaxed)),
            told("uptime", "seconds since the start", uptime),
        ]
    }

    fn file_figures(&self) -> Vec<Figure> {
        let total = |key, name, text, counter: &AtomicU64| {
            let value = counter.load(Relaxed);
            Figure { key, name, kind: Some(Kind::Counter), text, value }
        };
        let gauge = |key, name, text, value| Figure { key, name, kind: Some(Kind::Gauge), text, value };
        vec![
            total("uploads", "chat_uploads_total", "files that came since the start", &self.uploads),
            total("downloads", "chat_downloads_total", "files that went since the start", &self.downloads),
            total("upload-bytes", "chat_upload_bytes_total", "bytes of files that came", &self.upload_bytes),
            total("download-bytes", "chat_download_bytes_total", "bytes of files that went", &self.download_bytes),
            total(
                "files-refused",
                "chat_files_refused_total",
                "transfers of files refused, or ended half-way",
                &self.files_refused,
            ),
            gauge("transfers", "chat_file_transfers", "files on their way", self.transfers.load(Relaxed)),
            gauge("files", "chat_files", "files here or offered", self.files.load(Relaxed)),
            gauge("file-bytes", "chat_file_bytes", "bytes of them", self.file_bytes.load(Relaxed)),
        ]
    }

    /// The figures of files, as `STATS` has them.
    pub fn file_stats(&self) -> impl Iterator<Item = Stat> {
        self.file_figures().into_iter().map(|Figure { key, text, value, .. }| Stat { key, value, text })
    }

    /// The figures of `STATS`. Threads and memory are as [`Metrics::sample_process`] saw them last.
    pub fn stats(&self, snapshot: Snapshot, now: Moment) -> Vec<Stat> {
        let figures = self.figures(&snapshot, now).into_iter();
        figures.map(|Figure { key, text, value, .. }| Stat { key, value, text }).collect()
    }

    /// Writes all of it for Prometheus. Does not wait; how the clients are is at most a second old.
    pub fn append(&self, text: &mut String) {
        let mut out = Exposition::new(text);
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        out.family("chat_build_info", Kind::Gauge, "always 1; the labels say what is running").sample(&version, 1);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut clients = out.family("chat_clients", Kind::Gauge, "open connections, by door");
        for (door, count) in &seen.doors {
            clients.sample(&[("door", door)], count);
        }
        for Figure { name, kind, text, value, .. } in
            self.figures(&seen, Moment::now()).into_iter().chain(self.file_figures())
        {
            if let Some(kind) = kind {
                out.family(name, kind, text).sample(&[], value);
            }
        }
        out.gauge("chat_outbox_clients", "clients for whom something waits", seen.behind);
        out.histogram("chat_turn_messages", "messages of a turn of the router that had any", &self.turn_messages);
        out.histogram("chat_turn_seconds", "time that such a turn took", &self.turn_nanos);
        let mut refusals = out.family("chat_refusals_total", Kind::Counter, "requests refused, by code");
        for code in Code::ALL.into_iter().filter(|code| code.when_refused().is_some()) {
            let count = self.refusals[code as usize].load(Relaxed);
            refusals.sample(&[("code", &code.number().to_string())], count);
        }
        let mut goodbyes = out.family("chat_goodbyes_total", Kind::Counter, "connections ended, by code");
        for code in Code::ALL.into_iter().filter(|code| code.when_leaving().is_some()) {
            let count = self.goodbyes[code as usize].load(Relaxed);
            goodbyes.sample(&[("code", &code.number().to_string())], count);
        }
        let mut strangers = out.family("chat_foreign_total", Kind::Counter, "connections of other protocols");
        for (foreign, counter) in Foreign::ALL.iter().zip(&self.foreign) {
            strangers.sample(&[("protocol", foreign.name())], counter.load(Relaxed));
        }
        out.gauge("process_start_time_seconds", "when the server was started, in seconds since 1970", self.started_at);
        process::append(&mut out);
    }
}

fn sum(counters: &[AtomicU64]) -> u64 {
    counters.iter().map(|counter| counter.load(Relaxed)).sum()
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_code() {
        let metrics = Metrics::new(Moment::now());
        metrics.refused(Code::NoText);
        metrics.refused(Code::NoText);
        metrics.refused(Code::LockedDown);
        metrics.left(&Leave::Banned(None));
        let mut text = String::new();
        metrics.append(&mut text);
        for line in
            ["refusals_total{code=\"412\"} 2", "refusals_total{code=\"496\"} 1", "goodbyes_total{code=\"465\"} 1"]
        {
            assert!(text.contains(&format!("chat_{line}\n")), "{line}: {text}");
        }
        assert!(text.contains("# TYPE chat_people gauge\nchat_people 0\n"), "{text}");
    }

    #[test]
    fn a_door_by_which_nobody_is_in_any_more_is_at_zero() {
        let metrics = Metrics::new(Moment::now());
        metrics.see(Snapshot { doors: vec![("web", 3)], ..Snapshot::default() });
        metrics.see(Snapshot { doors: vec![("line", 1)], ..Snapshot::default() });
        let mut text = String::new();
        metrics.append(&mut text);
        assert!(text.contains("chat_clients{door=\"line\"} 1\nchat_clients{door=\"web\"} 0\n"), "{text}");
    }
}
