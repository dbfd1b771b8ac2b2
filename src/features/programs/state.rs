//! How fast hooks may post, and which answers wait until what was said is kept.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::features::limits::{Allowance, Guesses};
use crate::features::programs::webhooks::{Courier, Notice};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;

/// So many posts of a hook at once, and so many an hour behind that.
const POSTS: (u32, u32) = (30, 1_800);

/// Tells a sender that what was sent is kept.
pub(crate) type Told = Box<dyn FnOnce() + Send>;

/// What is known of programs here; who they are knows the store.
pub(crate) struct Programs {
    /// Posts, by room and name.
    pub(crate) pace: Allowance<(RoomName, Name)>,
    /// Wrong tokens, by neighbourhood of addresses.
    pub(crate) wrong: Guesses<IpAddr>,
    /// As whom others know those that have posted: no connection has such a number.
    pub(crate) people: BTreeMap<Name, ClientId>,
    /// What was said in this turn by calls, posts and files: their senders are told when it is kept.
    pub(crate) said: Vec<Told>,
    /// The sender of webhooks, if there is one, and whether it calls addresses inside.
    pub(crate) courier: Option<(Courier, bool)>,
}

impl Programs {
    pub(crate) fn new() -> Programs {
        let pace = Allowance::new(POSTS.0, POSTS.1);
        Programs { pace, wrong: Guesses::new(10), people: BTreeMap::new(), said: Vec::new(), courier: None }
    }

    /// Tells the sender of webhooks what has changed.
    pub(super) fn tell_courier(&self, notice: Notice) {
        if let Some((courier, _)) = &self.courier {
            courier(notice);
        }
    }

    /// Once a second.
    pub(crate) fn tick(&mut self, now: Moment) {
        self.pace.tick(now);
        self.wrong.tick(now);
    }
}
