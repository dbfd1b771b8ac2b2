//! How many WebSockets are open: in all, of one session, and of one neighbourhood of addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_server::connections::neighbourhood;
use tokio::sync::Notify;
use uuid::Uuid;

/// The open WebSockets, and a way to wait until there is none: axum does not wait for them.
#[derive(Clone, Debug, Default)]
pub struct OpenSockets(Arc<(Mutex<Counts>, Notify)>);

/// How many there are.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    of_session: HashMap<Uuid, usize>,
    of_neighbourhood: HashMap<IpAddr, usize>,
}

/// The most WebSockets of one session. Each tab has one, and for a moment one that is not gone yet.
pub const SOCKETS_EACH: usize = 8;
/// A neighbourhood may have so many at least, however few clients it may have.
const LEAST_OF_NEIGHBOURHOOD: usize = 32;

impl OpenSockets {
    /// Takes a place, until the guard falls. A neighbourhood of addresses may have twice as many as `max_per_address` says; 0 switches
    /// that limit off. The listener counts those who come straight, too; here it is also those behind one proxy.
    ///
    /// # Errors
    /// Why there is none, in words for the close frame.
    pub fn open(
        &self,
        session: Option<Uuid>,
        address: IpAddr,
        max_per_address: usize,
    ) -> Result<SocketGuard, &'static str> {
        let address = neighbourhood(address);
        let mut counts = self.counts();
        let count = |map: Option<&usize>| map.copied().unwrap_or(0);
        if session.is_some_and(|session| count(counts.of_session.get(&session)) >= SOCKETS_EACH) {
            return Err("too many connections of one session");
        }
        let most = (2 * max_per_address).max(LEAST_OF_NEIGHBOURHOOD);
        if max_per_address > 0 && count(counts.of_neighbourhood.get(&address)) >= most {
            return Err("too many connections from your address: close some first");
        }
        counts.all += 1;
        *counts.of_neighbourhood.entry(address).or_default() += 1;
        if let Some(session) = session {
            *counts.of_session.entry(session).or_default() += 1;
        }
        drop(counts);
        Ok(SocketGuard { sockets: self.clone(), session, address })
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
    session: Option<Uuid>,
    address: IpAddr,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut counts = self.sockets.counts();
        counts.all -= 1;
        one_less(&mut counts.of_neighbourhood, &self.address);
        if let Some(session) = &self.session {
            one_less(&mut counts.of_session, session);
        }
        drop(counts);
        self.sockets.0.1.notify_waiters();
    }
}

/// Counts one less, and forgets what there is none of.
fn one_less<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_a_session_and_for_a_neighbourhood_and_given_back() {
        let sockets = OpenSockets::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let session = |number: u128| Some(Uuid::from_u128(number));
        let mut held: Vec<SocketGuard> =
            (0..SOCKETS_EACH).map(|_| sockets.open(session(1), address("2001:db8::1"), 64).unwrap()).collect();
        assert!(sockets.open(session(1), address("192.0.2.1"), 64).is_err(), "by whatever address");
        held.extend((2..122).map(|number| sockets.open(session(number), address("2001:db8::2"), 64).unwrap()));
        assert!(sockets.open(None, address("2001:db8::3"), 64).is_err(), "128 of one neighbourhood");
        assert!(sockets.open(None, address("2001:db8:0:1::3"), 64).is_ok());
        assert!(sockets.open(None, address("2001:db8::3"), 0).is_ok(), "no limit");
        assert_eq!(sockets.count(), 128);
        held.clear();
        let counts = sockets.counts();
        assert!(counts.all == 0 && counts.of_session.is_empty() && counts.of_neighbourhood.is_empty());
    }
}
