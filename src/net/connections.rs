//! The open connections: permits for new ones, and the sockets, to be cut at shutdown if they do not end by themselves.

use std::collections::HashMap;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::PoisonError;
use std::time::Instant;

use crate::model::address::neighbourhood;
use crate::model::names::ClientId;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard};

/// The open connections of one server.
pub(crate) struct Connections {
    open: Mutex<Open>,
    closed: Condvar,
}

struct Open {
    max: usize,
    max_per_address: usize,
    /// All places that are taken; not each of them has a socket here.
    taken: usize,
    sockets: HashMap<ClientId, Arc<TcpStream>>,
    per_address: HashMap<IpAddr, usize>,
}

/// Why a client was not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TurnedAway {
    /// The server has `max_clients`.
    ServerFull,
    /// The address has `max_per_address`.
    AddressFull,
}

impl TurnedAway {
    /// The setting that says how many there may be.
    pub fn setting(self) -> &'static str {
        match self {
            TurnedAway::ServerFull => "max_clients",
            TurnedAway::AddressFull => "max_per_address",
        }
    }
}

/// A client's place in the server, by whatever door. Dropping it gives the place back.
pub struct Permit {
    connections: Arc<Connections>,
    id: ClientId,
    address: IpAddr,
}

impl Connections {
    /// At most `max` in all, and `max_per_address` from one neighbourhood of addresses. 0 switches a limit off.
    pub(crate) fn new(max: usize, max_per_address: usize) -> Arc<Connections> {
        let open = Open { max, max_per_address, taken: 0, sockets: HashMap::new(), per_address: HashMap::new() };
        Arc::new(Connections { open: Mutex::new(open), closed: Condvar::new() })
    }

    /// Changes the limits for new clients. Connected clients stay, even if there are more than the limits allow.
    pub(crate) fn set_limits(&self, max: usize, max_per_address: usize) {
        let mut open = self.lock();
        (open.max, open.max_per_address) = (max, max_per_address);
    }

    /// Gives a client a place, if there is one. The `socket` is cut if it has not ended by itself in time when the
    /// server stops; a door that ends its clients itself gives none.
    pub(crate) fn admit(
        self: &Arc<Connections>,
        id: ClientId,
        socket: Option<&Arc<TcpStream>>,
        address: IpAddr,
    ) -> Result<Permit, TurnedAway> {
        let address = neighbourhood(address);
        let mut open = self.lock();
        if open.max > 0 && open.taken >= open.max {
            return Err(TurnedAway::ServerFull);
        }
        let most = open.max_per_address;
        let count = open.per_address.entry(address).or_insert(0);
        if most > 0 && *count >= most {
            return Err(TurnedAway::AddressFull);
        }
        *count += 1;
        open.taken += 1;
        if let Some(socket) = socket {
            open.sockets.insert(id, socket.clone());
        }
        Ok(Permit { connections: self.clone(), id, address })
    }

    /// Whether `max_clients` is reached.
    pub(crate) fn is_full(&self) -> bool {
        let open = self.lock();
        open.max > 0 && open.taken >= open.max
    }

    /// How many sockets are open.
    pub(crate) fn sockets(&self) -> usize {
        self.lock().sockets.len()
    }

    /// Waits until all sockets are closed. Returns whether they are, at the deadline.
    pub(crate) fn wait_until_closed(&self, deadline: Instant) -> bool {
        let mut open = self.lock();
        while !open.sockets.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            open = self.closed.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Cuts what is still open; the threads that wait on those sockets wake up and end. Returns how many there were.
    pub(crate) fn cut_all(&self) -> usize {
        let open = self.lock();
        #[expect(clippy::iter_over_hash_type, reason = "all are closed, at once")]
        for socket in open.sockets.values() {
            // A socket that is closed already needs no more.
            let _closed = socket.shutdown(Shutdown::Both);
        }
        open.sockets.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing behind this lock, two maps and some numbers, can be left half changed by a panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The number of the client that has the place.
    pub fn id(&self) -> ClientId {
        self.id
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.taken -= 1;
        open.sockets.remove(&self.id);
        if let Some(count) = open.per_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.per_address.remove(&self.address);
            }
        }
        self.connections.closed.notify_all();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn places_are_given_and_given_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let connections = Connections::new(3, 2);
        let (here, there) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let first = connections.admit(ClientId(1), Some(&socket), here).ok();
        let _second = connections.admit(ClientId(2), Some(&socket), here).ok();
        let full = |id, address| connections.admit(ClientId(id), Some(&socket), address).err();
        assert_eq!(full(3, here), Some(TurnedAway::AddressFull));
        let _third = connections.admit(ClientId(3), Some(&socket), there).ok();
        assert_eq!(full(4, there), Some(TurnedAway::ServerFull));
        drop(first);
        // `full` gives a place back at once, so these two do not take each other's.
        assert_eq!(full(4, there), None);
        assert_eq!(full(5, here), None, "the address has a place again as well");
        assert!(!connections.wait_until_closed(Instant::now()));
        connections.set_limits(2, 1);
        assert_eq!(full(6, there), Some(TurnedAway::ServerFull), "no client has to go, and none comes");
        connections.set_limits(0, 1);
        assert_eq!(full(7, here), Some(TurnedAway::AddressFull));
    }

    #[test]
    fn a_door_without_a_socket_takes_places_of_the_same_count() {
        let connections = Connections::new(2, 1);
        let (here, there) = ("2001:db8::1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let page = connections.admit(ClientId(1), None, here).ok().unwrap();
        let next_door = connections.admit(ClientId(2), None, "2001:db8::2".parse().unwrap());
        assert_eq!(next_door.err(), Some(TurnedAway::AddressFull));
        let _line = connections.admit(ClientId(3), None, there).ok().unwrap();
        assert!(connections.is_full());
        let far = "10.0.0.3".parse().unwrap();
        assert_eq!(connections.admit(ClientId(4), None, far).err(), Some(TurnedAway::ServerFull));
        assert!(connections.wait_until_closed(Instant::now()), "there is no socket to wait for");
        drop(page);
        assert!(connections.admit(ClientId(5), None, far).is_ok());
    }

    #[test]
    fn neighbours_in_ipv6_share_a_count() {
        let of = |address: &str| neighbourhood(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
