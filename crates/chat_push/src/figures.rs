//! Counters, for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};

use chat_server::metrics::exposition::{Exposition, Kind};

/// What is counted.
#[derive(Default, Debug)]
pub(crate) struct Figures {
    pub(crate) subscriptions: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) waiting_bytes: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) gone: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl Figures {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds them to what Prometheus gets.
    pub(crate) fn append(&self, text: &mut String) {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut out = Exposition::new(text);
        out.gauge("chat_push_subscriptions", "browsers that are told by push", value(&self.subscriptions));
        out.gauge("chat_push_waiting", "pushes that are still to be sent", value(&self.waiting));
        out.gauge("chat_push_waiting_bytes", "what those take of memory", value(&self.waiting_bytes));
        let help = "calls of push services, by what became of them";
        out.family("chat_push_calls_total", Kind::Counter, help)
            .sample(&[("outcome", "delivered")], value(&self.delivered))
            .sample(&[("outcome", "failed")], value(&self.failed))
            .sample(&[("outcome", "gone")], value(&self.gone));
        out.counter("chat_push_dropped_total", "pushes that were given up, or had no room", value(&self.dropped));
    }
}
