//! What the router knows of the server's operators, and how wrong keys are counted and written to the log.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::OperatorKey;
use crate::features::limits::Guesses;
use crate::features::operators::audit::{Act, Entry};
use crate::model::event::Tag;
use crate::model::names::ClientId;
use crate::model::now::Moment;
use crate::model::text::Text;
use crate::sync::mpsc::SyncSender;

/// So many wrong keys from one address, and so long until the next.
const TRIES: u32 = 3;
const TRIES_IN: Duration = Duration::from_secs(60);

/// What the router knows of the server's operators.
#[derive(Clone)]
pub(crate) struct Operators {
    pub(crate) key: Option<OperatorKey>,
    /// The connections that have shown the key.
    pub(crate) by_key: BTreeSet<ClientId>,
    /// Wrong keys, by address.
    pub(crate) wrong: Guesses<IpAddr>,
    /// Whether new users are refused. A restart lifts it.
    pub(crate) lockdown: bool,
    pub(crate) ending: Option<Ending>,
    /// Where to ask that the settings are read again.
    pub(crate) reload: Option<SyncSender<u64>>,
    pub(crate) reloading: Vec<Reloading>,
    pub(crate) last_reload: u64,
    /// The audit, where no store keeps it.
    pub(crate) acts: VecDeque<Entry>,
    pub(crate) last_act: u64,
}

/// The server is to stop.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) at: Moment,
    /// How many seconds there were when all clients were told.
    pub(crate) told: u64,
}

/// An operator who waits for the settings to be read again.
#[derive(Clone, Debug)]
pub(crate) struct Reloading {
    pub(crate) number: u64,
    pub(crate) by: Actor,
    /// `None`, if the operator was told already that it takes too long.
    pub(crate) asker: Option<(ClientId, Option<Tag>)>,
    pub(crate) until: Moment,
}

/// The most acts that are remembered where no store keeps them.
const ACTS: usize = 500;

/// An operator who does something, as the log and the audit name them.
#[derive(Clone, Debug)]
pub struct Actor {
    pub(crate) name: Text,
    /// For the log only.
    pub(crate) from: Option<IpAddr>,
}

impl Operators {
    pub(crate) fn new(key: Option<OperatorKey>) -> Operators {
        Operators {
            key,
            by_key: BTreeSet::new(),
            wrong: Guesses::strict(TRIES, TRIES_IN),
            lockdown: false,
            ending: None,
            reload: None,
            reloading: Vec::new(),
            last_reload: 0,
            acts: VecDeque::new(),
            last_act: 0,
        }
    }

    pub(crate) fn is_locked_down(&self) -> bool {
        self.lockdown
    }

    /// The connection has shown the key.
    pub(crate) fn has_shown_key(&mut self, id: ClientId) {
        self.by_key.insert(id);
    }

    /// Whether this connection is an operator by the key.
    pub(crate) fn is_by_key(&self, id: ClientId) -> bool {
        self.by_key.contains(&id)
    }

    /// The key is another now. Returns the connections that were operators by the old one.
    pub(crate) fn set_key(&mut self, key: Option<OperatorKey>) -> BTreeSet<ClientId> {
        self.key = key;
        std::mem::take(&mut self.by_key)
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, id: ClientId) {
        self.by_key.remove(&id);
    }

    /// Keeps an act in memory.
    pub(crate) fn remember(&mut self, act: Act) {
        self.last_act += 1;
        self.acts.push_back(Entry { number: self.last_act, act });
        if self.acts.len() > ACTS {
            self.acts.pop_front();
        }
    }

    /// A page of what is in memory.
    pub(crate) fn page(&self, before: Option<u64>, limit: usize) -> (Vec<Entry>, Option<u64>) {
        let older = self.acts.iter().filter(|entry| before.is_none_or(|before| entry.number < before));
        Entry::page(older.cloned().collect(), limit)
    }
}

impl Actor {
    /// The owner of the data, as `chatd account` has always stood in the audit.
    pub(crate) fn owner() -> Actor {
        Actor { name: Text::own("chatd"), from: None }
    }

    /// A user with the operator key at the page's door.
    pub(crate) fn page(from: Option<IpAddr>) -> Actor {
        // No name can look like this.
        Actor { name: Text::own("(page)"), from }
    }
}

/// A client has shown a wrong secret. The line is a contract (deploy/README.md), by which other programs keep such addresses
/// out: the address comes first, and nothing that was typed but a name stands in it.
pub(crate) fn wrong(from: Option<IpAddr>, what: fmt::Arguments<'_>) {
    log::warn!(target: "chat_server::auth", "auth: {} wrong {what}", shown(from));
}

pub(crate) fn shown(address: Option<IpAddr>) -> String {
    // A door that cannot know an address says that it is none.
    address.filter(|address| !address.is_unspecified()).map_or_else(|| "-".into(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_by_the_key_end_with_the_connection_and_with_the_key() {
        let mut operators = Operators::new(None);
        for id in [ClientId(1), ClientId(2), ClientId(3)] {
            operators.has_shown_key(id);
        }
        operators.forget(ClientId(2));
        let held = [1, 2, 3].map(|id| operators.is_by_key(ClientId(id)));
        assert_eq!(held, [true, false, true]);
        assert_eq!(operators.set_key(None), BTreeSet::from([ClientId(1), ClientId(3)]));
        assert!(!operators.is_by_key(ClientId(1)));
    }
}
