//! What is kept, for another store.

use std::sync::{Arc, Condvar, Mutex};

use super::{MemoryStore, Shared};
use crate::features::archive::store::Account;
use crate::model::secrets::Secret;

impl MemoryStore {
    /// Another store in which the same is kept.
    pub fn copy(&self) -> MemoryStore {
        let memory = Mutex::new(self.at_rest().clone());
        MemoryStore(Arc::new(Shared { memory, done: Condvar::new() }))
    }

    /// The accounts, with their passwords, for tests that make the same ones elsewhere.
    pub fn accounts(&self) -> Vec<(Account, Secret)> {
        self.lock().accounts.all().map(|(account, password)| (account.clone(), password.clone())).collect()
    }
}
