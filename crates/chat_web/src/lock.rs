//! Locks around maps and numbers, whose holders cannot panic half-way: what is behind a poisoned one is good.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock, also where a thread panicked that held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
