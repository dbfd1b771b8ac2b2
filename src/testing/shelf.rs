//! What the router has handed to one client of a test.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chat::outbox::{Batch, Deliver, Undelivered};

/// Where the router puts what a client should get.
#[derive(Clone, Default)]
pub struct Shelf {
    batches: Arc<Mutex<Vec<Batch>>>,
    /// Whether it takes nothing at the moment.
    full: Arc<AtomicBool>,
}

impl Shelf {
    /// How many batches are there.
    pub(super) fn len(&self) -> usize {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// From now on it takes nothing, or takes what comes again.
    pub(super) fn set_full(&self, full: bool) {
        self.full.store(full, Relaxed);
    }

    /// Takes all that was put there.
    pub fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut self.batches.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Deliver for Shelf {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        if self.full.load(Relaxed) {
            return Err(Undelivered::Full(batch));
        }
        self.last_words(batch);
        Ok(())
    }

    fn last_words(&mut self, batch: Batch) {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
    }
}
