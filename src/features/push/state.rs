//! Who is subscribed to pushes, and whose page is in sight.

use std::collections::{BTreeMap, BTreeSet};

use crate::features::push::{Lines, Notice, Sender, Subscription, excerpt};
use crate::model::names::{ClientId, Name};

/// What the router knows of pushes.
#[derive(Default)]
pub(crate) struct Pushes {
    /// The sender, where there is one.
    pub(crate) sender: Option<Sender>,
    /// The subscriptions of each account that has any, by number.
    pub(crate) subscribed: BTreeMap<Name, BTreeMap<u64, Subscription>>,
    /// Those of them that want to hear of each message of some rooms.
    pub(crate) of_rooms: BTreeSet<Name>,
    /// The store is to be asked for the subscriptions, with the next tick: it was busy.
    pub(crate) must_load: bool,
    /// Connections whose page its user sees.
    pub(crate) in_sight: BTreeSet<ClientId>,
    /// What this turn tells, when it is kept.
    pub(crate) pending: Vec<Notice>,
}

impl Pushes {
    /// Whether there is no account to tell.
    pub(super) fn is_idle(&self) -> bool {
        self.subscribed.is_empty()
    }

    pub(super) fn is_subscribed(&self, account: &Name) -> bool {
        self.subscribed.contains_key(account)
    }

    /// The accounts that want to hear of each message of some rooms.
    pub(super) fn of_rooms(&self) -> &BTreeSet<Name> {
        &self.of_rooms
    }

    /// Finds out anew whether an account wants that.
    fn look_at_wish(&mut self, account: &Name) {
        let own = self.subscribed.get(account);
        if own.is_some_and(|own| own.values().any(|subscription| subscription.wish.rooms)) {
            self.of_rooms.insert(account.clone());
        } else {
            self.of_rooms.remove(account);
        }
    }

    /// The subscriptions of an account, the oldest first.
    pub(super) fn of(&self, account: &Name) -> Vec<Subscription> {
        self.subscribed.get(account).map(|own| own.values().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn add(&mut self, subscription: Subscription) {
        let own = self.subscribed.entry(subscription.account.clone()).or_default();
        own.insert(subscription.number, subscription.clone());
        self.look_at_wish(&subscription.account);
        self.tell(Notice::Made(subscription));
    }

    pub(super) fn end(&mut self, account: &Name, number: u64) {
        let Some(own) = self.subscribed.get_mut(account) else { return };
        own.remove(&number);
        if own.is_empty() {
            self.subscribed.remove(account);
        }
        self.look_at_wish(account);
        self.tell(Notice::Ended(number));
    }

    /// An account is signed out everywhere, or is no more. The store has let go of its subscriptions.
    pub(crate) fn end_all(&mut self, account: &Name) {
        for number in self.subscribed.remove(account).into_iter().flatten().map(|(number, _)| number) {
            self.tell(Notice::Ended(number));
        }
        self.of_rooms.remove(account);
    }

    /// Lines are not what they were, which is told when it is kept.
    pub(crate) fn change(&mut self, lines: Lines, text: Option<&str>) {
        if !self.is_idle() {
            self.pending.push(Notice::Changed(lines, text.map(excerpt)));
        }
    }

    /// What the turn tells goes out: it is kept.
    pub(crate) fn hand_out(&mut self) {
        for notice in std::mem::take(&mut self.pending) {
            self.tell(notice);
        }
    }

    fn tell(&self, notice: Notice) {
        if let Some(sender) = &self.sender {
            (sender.courier)(notice);
        }
    }
}
