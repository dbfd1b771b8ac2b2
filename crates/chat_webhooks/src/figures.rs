//! Counters, for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};

use chat_server::metrics::exposition::{Exposition, Kind};

/// What is counted.
#[derive(Default, Debug)]
pub(crate) struct Figures {
    pub(crate) webhooks: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) waiting_bytes: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dead: AtomicU64,
    pub(crate) forgotten: AtomicU64,
}

impl Figures {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds them to what Prometheus gets.
    pub(crate) fn append(&self, text: &mut String) {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut out = Exposition::new(text);
        out.gauge("chat_webhooks", "webhooks that there are", value(&self.webhooks));
        out.gauge("chat_webhooks_waiting", "events that are still to be delivered", value(&self.waiting));
        out.gauge("chat_webhooks_waiting_bytes", "what those take of memory", value(&self.waiting_bytes));
        let help = "calls of receivers, by what became of them";
        out.family("chat_webhooks_calls_total", Kind::Counter, help)
            .sample(&[("outcome", "delivered")], value(&self.delivered))
            .sample(&[("outcome", "failed")], value(&self.failed));
        out.counter("chat_webhooks_dead_total", "events that are not tried any more", value(&self.dead));
        let help = "dead letters that had to go, as there were too many";
        out.counter("chat_webhooks_forgotten_total", help, value(&self.forgotten));
    }
}
