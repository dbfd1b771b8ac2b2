//! Figures of the running server: counters that any thread may add to, and what the system says about this process.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::event::Stat;
use crate::registry::Registry;

/// The codes that refusals and goodbyes are counted by.
const CODES: [u16; 41] = [
    200, 400, 401, 403, 404, 405, 408, 409, 412, 413, 417, 421, 429, 431, 432, 433, 442, 443, 451, 461, 462, 464, 466,
    470, 473, 475, 480, 481, 482, 484, 486, 487, 488, 489, 490, 491, 498, 500, 503, 507, 511,
];

/// The server's counters. One for each server, shared by its threads.
pub struct Metrics {
    started: Instant,
    /// Connections taken, since the start.
    pub accepted: AtomicU64,
    /// Connections refused because the server, or their address, had too many.
    pub turned_away: AtomicU64,
    /// Connections of other protocols.
    pub foreign: AtomicU64,
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
    /// Rooms.
    pub rooms: AtomicU64,
    refusals: [AtomicU64; CODES.len()],
    goodbyes: [AtomicU64; CODES.len()],
    threads: AtomicU64,
    memory_kib: AtomicU64,
}

/// One figure with its name, kind and explanation.
struct Figure {
    key: &'static str,
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    value: u64,
}

impl Metrics {
    /// All zero.
    pub fn new(now: Instant) -> Metrics {
        Metrics {
            started: now,
            accepted: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            tap_missed: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            inbox: AtomicU64::new(0),
            rooms: AtomicU64::new(0),
            refusals: [const { AtomicU64::new(0) }; CODES.len()],
            goodbyes: [const { AtomicU64::new(0) }; CODES.len()],
            threads: AtomicU64::new(0),
            memory_kib: AtomicU64::new(0),
        }
    }

    /// Counts one more.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Counts an `ERR`.
    pub fn refused(&self, code: u16) {
        if let Some(i) = CODES.iter().position(|c| *c == code) {
            Metrics::count(&self.refusals[i]);
        }
    }

    /// Counts a `BYE`.
    pub fn left(&self, code: u16) {
        if let Some(i) = CODES.iter().position(|c| *c == code) {
            Metrics::count(&self.goodbyes[i]);
        }
    }

    /// Asks the system for this process's threads and memory. Reads a file, so the router does not do it: whoever
    /// wants the figures asks first. Where there is no /proc the figures stay 0.
    pub fn sample_process(&self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        self.threads.store(field("Threads:"), Relaxed);
        self.memory_kib.store(field("VmRSS:"), Relaxed);
    }

    fn figures(&self, snapshot: crate::registry::Snapshot, now: Instant) -> Vec<Figure> {
        let sum = |counters: &[AtomicU64]| counters.iter().map(|c| c.load(Relaxed)).sum::<u64>();
        let figure = |key, name, kind, text, value| Figure { key, name, kind, text, value };
        let total = |key, name, text, counter: &AtomicU64| figure(key, name, "counter", text, counter.load(Relaxed));
        let gauge = |key, name, text, value| figure(key, name, "gauge", text, value);
        let uptime = now.saturating_duration_since(self.started).as_secs();
        vec![
            gauge("people", "chat_people", "people signed on", snapshot.people as u64),
            gauge("clients", "chat_clients", "open connections", snapshot.clients as u64),
            gauge("rooms", "chat_rooms", "rooms", self.rooms.load(Relaxed)),
            total("messages", "chat_messages_total", "lines said since the start", &self.messages),
            total("deliveries", "chat_deliveries_total", "events handed to clients since the start", &self.deliveries),
            total("turns", "chat_turns_total", "turns of the router since the start", &self.turns),
            gauge("inbox", "chat_inbox_messages", "messages that wait for the router", self.inbox.load(Relaxed)),
            gauge("outboxes", "chat_outbox_bytes", "bytes that wait for clients", snapshot.waiting as u64),
            total("missed", "chat_missed_lines_total", "lines that slow clients missed", &self.missed),
            total("tap-missed", "chat_tap_missed_events_total", "events that a tap had no room for", &self.tap_missed),
            figure("refusals", "chat_refusals", "", "requests refused since the start", sum(&self.refusals)),
            total("accepted", "chat_accepted_total", "connections taken since the start", &self.accepted),
            total(
                "turned-away",
                "chat_turned_away_total",
                "connections refused, server or address full",
                &self.turned_away,
            ),
            total("foreign", "chat_foreign_total", "connections of other protocols", &self.foreign),
            total("panics", "chat_panics_total", "panics caught since the start", &self.panics),
            gauge("threads", "chat_threads", "threads of the server", self.threads.load(Relaxed)),
            gauge("memory", "chat_memory_kib", "resident memory in KiB", self.memory_kib.load(Relaxed)),
            gauge("uptime", "chat_uptime_seconds", "seconds since the start", uptime),
        ]
    }

    /// For `STATS`. Threads and memory are as [`Metrics::sample_process`] saw them last.
    /// The figures of `STATS`. The process is as it was sampled last.
    pub fn stats(&self, snapshot: crate::registry::Snapshot, now: Instant) -> Vec<Stat> {
        let figures = self.figures(snapshot, now).into_iter();
        figures.map(|Figure { key, text, value, .. }| Stat { key, value, text }).collect()
    }

    /// The Prometheus text format, version 0.0.4.
    pub fn prometheus(&self, registry: &Registry) -> String {
        self.sample_process();
        let mut out = String::new();
        for Figure { name, kind, text, value, .. } in self.figures(registry.snapshot(), Instant::now()) {
            if !kind.is_empty() {
                let _infallible = writeln!(out, "# HELP {name} {text}\n# TYPE {name} {kind}\n{name} {value}");
            }
        }
        for (name, text, counters) in [
            ("chat_refusals_total", "requests refused, by code", &self.refusals),
            ("chat_goodbyes_total", "connections ended, by code", &self.goodbyes),
        ] {
            let _infallible = writeln!(out, "# HELP {name} {text}\n# TYPE {name} counter");
            for (code, counter) in CODES.iter().zip(counters) {
                let _infallible = writeln!(out, "{name}{{code=\"{code}\"}} {}", counter.load(Relaxed));
            }
        }
        out
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::error::ChatError;

    #[test]
    fn refusals_are_counted_by_code() {
        let metrics = Metrics::new(Instant::now());
        metrics.refused(ChatError::NoText.code().0);
        metrics.refused(ChatError::NoText.code().0);
        let text = metrics.prometheus(&Registry::new());
        assert!(text.contains("chat_refusals_total{code=\"412\"} 2\n"), "{text}");
        assert!(text.contains("# TYPE chat_people gauge\nchat_people 0\n"), "{text}");
    }
}
