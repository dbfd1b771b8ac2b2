//! What the receivers of a load saw: every delivery checked, latencies, and what servers complained of.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::check::Checks;
use crate::failure::{Failure, failure};
use crate::stamp::Stamp;

/// Words of servers that are kept.
const KEPT: usize = 20;

pub(super) struct Sender {
    pub(super) sent: u32,
    /// At how many receivers each message is still missing, the oldest first.
    pub(super) under_way: VecDeque<u32>,
}

impl Sender {
    fn arrived(&mut self, sequence: u32) {
        let oldest = self.sent - self.under_way.len() as u32;
        if let Some(missing) = sequence.checked_sub(oldest).and_then(|place| self.under_way.get_mut(place as usize)) {
            *missing = missing.saturating_sub(1);
        }
        while self.under_way.front() == Some(&0) {
            self.under_way.pop_front();
        }
    }
}

/// What the receivers saw.
pub(super) struct Tally {
    pub(super) checks: Checks,
    pub(super) senders: Vec<Sender>,
    pub(super) latency: Histogram<u64>,
    pub(super) deliveries: u64,
    pub(super) joined: usize,
    pub(super) trouble: Vec<String>,
    /// The server is being stopped: nothing that it says now is a fault.
    pub(super) ending: bool,
}

impl Tally {
    pub(super) fn new(clients: usize, senders: usize) -> Result<Tally, Failure> {
        Ok(Tally {
            checks: Checks::new(clients, senders),
            senders: (0..senders).map(|_| Sender { sent: 0, under_way: VecDeque::new() }).collect(),
            latency: Histogram::new_with_bounds(1, 60_000_000, 3).map_err(|error| Failure(error.to_string()))?,
            deliveries: 0,
            joined: 0,
            trouble: Vec::new(),
            ending: false,
        })
    }

    #[inline]
    pub(super) fn message(&mut self, receiver: usize, stamp: Stamp, now: u64) {
        let sender = stamp.sender as usize;
        // Some servers show an author the own words.
        if sender == receiver {
            return;
        }
        let sent = self.senders.get(sender).map_or(0, |sender| sender.sent);
        if !self.checks.take(receiver, sender, stamp.sequence, sent) {
            return;
        }
        self.deliveries += 1;
        self.latency.saturating_record(now.saturating_sub(stamp.nanos) / 1_000);
        self.senders[sender].arrived(stamp.sequence);
    }

    pub(super) fn trouble(&mut self, words: String) {
        if !self.ending && self.trouble.len() < KEPT {
            self.trouble.push(words);
        }
    }

    /// How many messages have not reached all of their receivers.
    pub(super) fn under_way(&self) -> usize {
        self.senders.iter().map(|sender| sender.under_way.len()).sum()
    }

    /// Whether all is well so far.
    pub(super) fn sound(&self) -> Result<(), Failure> {
        let checks = &self.checks;
        if checks.count > 0 {
            let first: Vec<String> = checks.violations.iter().take(3).map(ToString::to_string).collect();
            return failure(format!("{} violations: {}", checks.count, first.join("; ")));
        }
        match self.trouble.first() {
            Some(words) => failure(words.clone()),
            None => Ok(()),
        }
    }
}
