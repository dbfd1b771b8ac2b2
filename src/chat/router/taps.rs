//! Taps: doors that watch what happens in public, and get a batch for each turn.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::chat::hooks::{Hooks, Router};
use crate::chat::outbox::{Batch, Undelivered};
use crate::model::event::Envelope;
use crate::model::run::Run;

impl<F: Hooks> Router<F> {
    /// Shows the taps what they may see: what happens in rooms, and who is on. Never answers, never whispers.
    pub(crate) fn publish(&mut self, envelope: &Arc<Envelope>) {
        for tap in &mut self.taps {
            tap.pending.push(envelope.clone());
        }
    }

    /// Hands the taps what this turn had for them. A tap must never hold up the chat: one that has no room loses the
    /// turn, which it can see by the ids that are missing.
    pub(super) fn flush_taps(&mut self) {
        self.taps.retain_mut(|tap| {
            if tap.pending.is_empty() {
                return true;
            }
            let envelopes = Run::from(std::mem::take(&mut tap.pending));
            let bytes = envelopes.cost();
            match tap.deliver.deliver(Batch { envelopes, bytes, tickets: Vec::new() }) {
                Ok(()) => true,
                Err(Undelivered::Full(batch)) => {
                    let count = batch.envelopes.len();
                    self.metrics.tap_missed.fetch_add(count as u64, Relaxed);
                    log::error!("a tap has no room and misses {count} events");
                    true
                }
                Err(Undelivered::Gone | Undelivered::Broken) => false,
            }
        });
    }
}
