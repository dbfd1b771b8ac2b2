//! How many WebSockets are open: in all, and of one neighbourhood of addresses.

use chat_server::model::address::neighbourhood;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The open WebSockets, and a way to wait until there is none: axum does not wait for them.
#[derive(Clone, Debug, Default)]
pub struct OpenSockets(Arc<(Mutex<Counts>, Notify)>);

/// How many there are.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    of_neighbourhood: HashMap<IpAddr, usize>,
}

/// A neighbourhood may have so many at least, however few clients it may have.
const LEAST_OF_NEIGHBOURHOOD: usize = 32;

impl OpenSockets {
    /// Takes a place, until the guard falls. A neighbourhood of addresses may have twice as many as `max_per_address` says; 0 switches
    /// that limit off. The listener counts those who come straight, too; here it is also those behind one proxy.
    ///
    /// # Errors
    /// Why there is none, in words for the close frame.
    pub fn open(&self, address: IpAddr, max_per_address: usize) -> Result<SocketGuard, &'static str> {
        let address = neighbourhood(address);
        let mut counts = self.counts();
        let most = (2 * max_per_address).max(LEAST_OF_NEIGHBOURHOOD);
        if max_per_address > 0 && counts.of_neighbourhood.get(&address).is_some_and(|count| *count >= most) {
            return Err("too many connections from your address: close some first");
        }
        counts.all += 1;
        *counts.of_neighbourhood.entry(address).or_default() += 1;
        drop(counts);
        Ok(SocketGuard { sockets: self.clone(), address })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.counts().all
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is none.
    pub(crate) async fn wait_until_none(&self) {
        loop {
            // Made before the look, so that a guard that falls in between is not missed.
            let mut changed = std::pin::pin!(self.0.1.notified());
            changed.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// One open WebSocket.
#[derive(Debug)]
pub struct SocketGuard {
    sockets: OpenSockets,
    address: IpAddr,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut counts = self.sockets.counts();
        counts.all -= 1;
        if let Some(count) = counts.of_neighbourhood.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.of_neighbourhood.remove(&self.address);
            }
        }
        drop(counts);
        self.sockets.0.1.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_a_neighbourhood_and_given_back() {
        let sockets = OpenSockets::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut held: Vec<SocketGuard> = (0..128).map(|_| sockets.open(address("2001:db8::1"), 64).unwrap()).collect();
        assert!(sockets.open(address("2001:db8::3"), 64).is_err(), "128 of one neighbourhood");
        assert!(sockets.open(address("2001:db8:0:1::3"), 64).is_ok());
        assert!(sockets.open(address("2001:db8::3"), 0).is_ok(), "no limit");
        held.pop();
        assert!(sockets.open(address("2001:db8::3"), 64).is_ok());
        assert_eq!(sockets.count(), 127);
        held.clear();
        let counts = sockets.counts();
        assert!(counts.all == 0 && counts.of_neighbourhood.is_empty());
    }
}
