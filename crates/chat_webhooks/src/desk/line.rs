//! What one webhook has to do.

use std::collections::BTreeMap;

use chat_server::features::programs::webhooks::Webhook;
use chat_server::model::now::Moment;

use crate::body::Body;

/// What one webhook has to do.
pub(super) struct Line {
    pub(super) webhook: Webhook,
    /// Events that were not tried yet.
    pub(super) new: BTreeMap<u64, Body>,
    /// Events that are tried again.
    pub(super) again: BTreeMap<u64, Retry>,
    /// The event whose call is under way.
    pub(super) calling: Option<u64>,
    /// What was said while this server did not look is being read: nothing new is sent meanwhile. The number behind which the next page is.
    pub(super) behind: Option<u64>,
    /// A page is under way.
    pub(super) is_reading: bool,
    /// No page is asked for before this.
    pub(super) read_from: Moment,
    /// Nothing is sent before this.
    pub(super) rests_until: Moment,
    pub(super) failures: u32,
    pub(super) last_turn: u64,
}

/// An event that is tried again.
pub(super) struct Retry {
    pub(super) due: Moment,
    pub(super) tries: u32,
    /// Of a letter that was found in the store it is read when it is due.
    pub(super) body: Option<Body>,
}

impl Line {
    pub(super) fn new(webhook: Webhook, now: Moment) -> Line {
        Line {
            webhook,
            new: BTreeMap::new(),
            again: BTreeMap::new(),
            calling: None,
            behind: None,
            is_reading: false,
            read_from: now,
            rests_until: now,
            failures: 0,
            last_turn: 0,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.new.values().map(Body::cost).sum::<usize>() + self.again.values().map(Retry::cost).sum::<usize>()
    }

    /// The event that is sent next, and when: the first in the order of the room among those that are due.
    pub(super) fn next(&self, now: Moment) -> Option<(u64, Moment)> {
        if self.calling.is_some() || self.is_reading {
            return None;
        }
        let new = self.new.keys().next().filter(|_| self.behind.is_none()).map(|event| (*event, now));
        let due = self.again.iter().map(|(event, retry)| (*event, retry.due));
        let all = new.into_iter().chain(due).map(|(event, at)| (event, at.max(self.rests_until)));
        all.min_by_key(|(event, at)| ((*at).max(now), *event))
    }
}

impl Retry {
    pub(super) fn cost(&self) -> usize {
        self.body.as_ref().map_or(128, Body::cost)
    }
}
