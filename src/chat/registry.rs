//! Who is connected: the one shared map. The router changes it, others take copies.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::PoisonError;

use chrono::{DateTime, Utc};

use crate::chat::message::Client;
use crate::model::event::Leave;
use crate::model::hasher::NumberHasher;
use crate::model::looks::Looks;
use crate::model::names::{ClientId, Name};
use crate::model::roles::Policy;
use crate::sync::{Arc, Mutex, MutexGuard};

/// The map from client numbers to clients, shared.
///
/// The router holds its lock for a turn, which is short because nothing in a turn can block.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Clients>>);

/// What is behind the lock: the clients, and who has which name.
#[derive(Default)]
pub(crate) struct Clients {
    pub(super) by_id: HashMap<ClientId, Box<Client>, BuildHasherDefault<NumberHasher>>,
    pub(super) by_name: HashMap<Name, Holders>,
    /// The names of `by_name` by what they look like.
    pub(crate) looks: Looks,
    /// The rules for accounts, where there are any.
    pub(crate) policy: Option<Policy>,
}

/// The connections that have one name: nearly always one, and several of one account.
pub(super) struct Holders {
    first: ClientId,
    others: Vec<ClientId>,
}

impl Holders {
    fn all(&self) -> impl Iterator<Item = ClientId> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Says goodbye to all clients that are left after the router ended without doing so, by a panic. The registry
    /// outlives the router, and with it each client's sender: the writer of a client that stayed in here would wait for
    /// ever.
    pub(crate) fn abandon(&self, wall: DateTime<Utc>) {
        let mut clients = self.lock();
        for id in clients.ids() {
            if let Some(client) = clients.remove(id) {
                let bye = client.bye(Leave::Crashed, wall);
                client.sender.close(bye);
            }
        }
    }

    /// Locks the map for a turn of the router. A panic in a turn is caught and repaired inside it, so what is behind a
    /// poisoned lock is good.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Clients> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    pub(crate) fn add(&mut self, client: Box<Client>) {
        self.by_id.insert(client.id, client);
    }

    /// Takes a client out, and its name with it.
    pub(crate) fn remove(&mut self, id: ClientId) -> Option<Box<Client>> {
        let client = self.by_id.remove(&id)?;
        if let Some(name) = &client.name {
            self.release(name, id);
        }
        Some(client)
    }

    /// Takes a name from one connection. Other connections that share it keep it.
    fn release(&mut self, name: &Name, id: ClientId) {
        let Some(holders) = self.by_name.get_mut(name) else { return };
        if holders.first != id {
            holders.others.retain(|other| *other != id);
        } else if holders.others.is_empty() {
            if let Some((name, _)) = self.by_name.remove_entry(name) {
                self.looks.remove(&name);
            }
        } else {
            holders.first = holders.others.remove(0);
        }
    }

    pub(crate) fn get(&self, id: ClientId) -> Option<&Client> {
        self.by_id.get(&id).map(|client| &**client)
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.by_id.get_mut(&id).map(|client| &mut **client)
    }

    /// Who has a name; of several connections of one account the one that has had it longest.
    pub(crate) fn named(&self, name: &Name) -> Option<ClientId> {
        self.by_name.get(name).map(|holders| holders.first)
    }

    /// All connections that have a name.
    pub(crate) fn all_named(&self, name: &Name) -> impl Iterator<Item = ClientId> {
        self.by_name.get(name).into_iter().flat_map(Holders::all)
    }

    /// Gives a client a name, if no other has it. Returns whether it did.
    pub(crate) fn rename(&mut self, id: ClientId, name: Name) -> bool {
        if self.all_named(&name).any(|owner| owner != id) {
            return false;
        }
        self.share(id, name);
        self.by_id.contains_key(&id)
    }

    /// Notes that a connection has a name, alone or with those that have it already.
    fn claim(&mut self, name: Name, id: ClientId) {
        match self.by_name.get_mut(&name) {
            Some(holders) => holders.others.push(id),
            None => {
                self.looks.add(&name);
                self.by_name.insert(name, Holders { first: id, others: Vec::new() });
            }
        }
    }

    /// Gives a client a name that other connections of the same account may have as well.
    pub(crate) fn share(&mut self, id: ClientId, name: Name) {
        let Some(client) = self.by_id.get_mut(&id) else { return };
        if let Some(old) = client.name.replace(name.clone()) {
            self.release(&old, id);
        }
        self.claim(name, id);
    }

    /// All clients in the order of their numbers, since the order shows in what clients get.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        let mut clients: Vec<&Client> = self.by_id.values().map(|client| &**client).collect();
        clients.sort_unstable_by_key(|client| client.id);
        clients.into_iter()
    }

    /// All clients in no order, for what is done to each by itself.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.by_id.values_mut().map(|client| &mut **client)
    }

    /// All numbers, in their order.
    pub(crate) fn ids(&self) -> Vec<ClientId> {
        let mut ids: Vec<ClientId> = self.by_id.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Builds the map of names anew from the clients, after a panic may have left it half changed.
    pub(crate) fn mend(&mut self) {
        self.by_name.clear();
        self.looks.clear();
        let mut named: Vec<(Name, ClientId)> =
            self.by_id.values().filter_map(|client| Some((client.name.clone()?, client.id))).collect();
        named.sort_by_key(|(_, id)| *id);
        named.into_iter().for_each(|(name, id)| self.claim(name, id));
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::chat::outbox::{Batch, Deliver, Outbox, Undelivered};
    use crate::metrics::Snapshot;
    use crate::model::looks::are_alike;

    struct Nowhere;

    impl Deliver for Nowhere {
        fn deliver(&mut self, _: Batch) -> Result<(), Undelivered> {
            Ok(())
        }
    }

    fn client(id: u64) -> Box<Client> {
        Client::new(ClientId(id), Outbox::new(Box::new(Nowhere), 1_000), "test", "line")
    }

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    #[test]
    fn clients_come_and_go() {
        let registry = Registry::new();
        registry.lock().add(client(1));
        registry.lock().add(client(2));
        assert!(registry.lock().rename(ClientId(1), name("ani")));
        assert!(registry.is_signed_on(ClientId(1)) && !registry.is_signed_on(ClientId(2)));
        let doors = vec![("line", 2)];
        assert_eq!(registry.snapshot(), Snapshot { clients: 2, people: 1, waiting: 0, behind: 0, doors });
        assert!(registry.lock().remove(ClientId(1)).is_some());
        assert!(registry.lock().remove(ClientId(1)).is_none());
        assert_eq!(registry.names(), []);
    }

    #[test]
    fn a_name_has_one_owner_in_any_case() {
        let registry = Registry::new();
        let mut clients = registry.lock();
        clients.add(client(1));
        clients.add(client(2));
        assert!(clients.rename(ClientId(1), name("ani")));
        assert!(!clients.rename(ClientId(2), name("ANI")));
        assert!(clients.rename(ClientId(1), name("Ani")), "its owner may change the case");
        assert!(clients.rename(ClientId(1), name("budi")));
        assert!(clients.rename(ClientId(2), name("ani")), "a name that was left is free");
    }

    proptest::proptest! {
        /// Whatever people call themselves, alone or several of one account: they are found by what their names look like, and
        /// nothing is left of those who are gone.
        #[test]
        fn names_are_found_by_their_looks_until_nobody_has_them(
            steps in proptest::collection::vec((0..6_u64, 0..8_usize, 0..5_usize), 0..60)
        ) {
            const NAMES: [&str; 8] = ["alice", "al1ce", "ALICE", "a11ce", "Ivan", "lvan", "mia", "rnia"];
            let registry = Registry::new();
            let mut clients = registry.lock();
            for (id, named, what) in steps {
                let (id, name) = (ClientId(id), name(NAMES[named]));
                match what {
                    0 => drop(clients.remove(id)),
                    1 => clients.mend(),
                    2 if clients.get(id).is_some_and(|client| client.name.as_ref() != Some(&name)) => clients.share(id, name),
                    3 => drop(clients.get(id).is_some() && clients.rename(id, name)),
                    _ if clients.get(id).is_none() => clients.add(client(id.0)),
                    _ => {}
                }
                let held: Vec<Name> = clients.by_name.keys().cloned().collect();
                for one in &held {
                    for other in &held {
                        let is_found = clients.looks.like(one).any(|found| found == other);
                        proptest::prop_assert_eq!(is_found, one != other && are_alike(one, other), "{} {}", one, other);
                    }
                }
            }
            clients.ids().into_iter().for_each(|id| drop(clients.remove(id)));
            proptest::prop_assert!(clients.looks.is_empty() && clients.by_name.is_empty());
        }
    }

    #[test]
    fn a_broken_index_is_mended() {
        let registry = Registry::new();
        let mut clients = registry.lock();
        clients.add(client(1));
        clients.rename(ClientId(1), name("ani"));
        clients.by_name.clear();
        clients.mend();
        assert_eq!(clients.named(&name("ani")), Some(ClientId(1)));
    }
}
