//! The locks, channels and atomics of the core. The concurrency tests (`--cfg shuttle`) put shuttle's in their place.

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic, mpsc};

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, atomic, mpsc};
