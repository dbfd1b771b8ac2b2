//! Tickets: how many messages of one client may be under way.

use crate::sync::{Arc, Condvar, Mutex, MutexGuard};

/// The most messages of one client under way: what a transport makes its [`Credits`] with.
pub const MESSAGES: usize = 2;

/// How many messages of one client may be under way, from its reader through the router to its writer: a flooder can
/// fill neither the router's queue nor its own.
#[derive(Clone)]
pub struct Credits(Arc<CreditPool>);

/// One credit, which travels with a message and then with its answers. When they are written it is dropped, and so goes
/// back to the client's reader, which may send the next message.
pub struct Ticket(Option<Arc<CreditPool>>);

struct CreditPool {
    free: Mutex<usize>,
    returned: Condvar,
    /// Called when a ticket is back, for a reader that has no thread of its own to wait on `returned`.
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Credits {
    /// Credits for that many messages at once.
    pub fn new(messages: usize) -> Credits {
        Credits(Arc::new(CreditPool { free: Mutex::new(messages), returned: Condvar::new(), wake: None }))
    }

    /// The same, with a function that is called whenever a ticket is back. The thread that drops the ticket calls it,
    /// so it must be quick.
    pub fn waking(messages: usize, wake: impl Fn() + Send + Sync + 'static) -> Credits {
        Credits(Arc::new(CreditPool {
            free: Mutex::new(messages),
            returned: Condvar::new(),
            wake: Some(Box::new(wake)),
        }))
    }

    /// Takes a ticket, if there is one.
    pub fn try_take(&self) -> Option<Ticket> {
        let mut free = self.0.lock();
        *free = free.checked_sub(1)?;
        Some(Ticket(Some(self.0.clone())))
    }

    /// Whether at least `count` tickets are free.
    pub fn are_back(&self, count: usize) -> bool {
        self.free() >= count
    }

    /// How many tickets are free.
    pub fn free(&self) -> usize {
        *self.0.lock()
    }

    /// Blocks until `count` tickets are free, for as long as the client does not read its answers. When all of them are
    /// free, all that the client has sent is handled and answered.
    pub fn wait_for(&self, count: usize) {
        let mut free = self.0.lock();
        while *free < count {
            free = self.0.returned.wait(free).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

impl CreditPool {
    /// A number cannot be left half changed, so the value behind a poisoned lock is good.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Ticket {
    /// A ticket for a message that needs no credit.
    pub fn free() -> Ticket {
        Ticket(None)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(pool) = &self.0 {
            *pool.lock() += 1;
            pool.returned.notify_one();
            if let Some(wake) = &pool.wake {
                wake();
            }
        }
    }
}
