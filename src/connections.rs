//! Which connections are open: the permits for new ones, and every socket, for the last resort at shutdown.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpStream};
use std::sync::PoisonError;
use std::time::Instant;

use crate::names::ClientId;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard};

/// The open connections of one server.
pub(crate) struct Connections {
    open: Mutex<Open>,
    closed: Condvar,
}

struct Open {
    max: usize,
    max_per_address: usize,
    sockets: HashMap<ClientId, Arc<TcpStream>>,
    per_address: HashMap<IpAddr, usize>,
}

/// Why somebody was not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TurnedAway {
    /// The server has `max_clients`.
    ServerFull,
    /// The address has `max_per_address`.
    AddressFull,
}

/// The right to be connected. Dropping it gives the place back.
pub(crate) struct Permit {
    connections: Arc<Connections>,
    id: ClientId,
    address: IpAddr,
}

impl Connections {
    /// At most so many in all, and from one address. 0 switches a limit off.
    pub(crate) fn new(max: usize, max_per_address: usize) -> Arc<Connections> {
        let open = Open { max, max_per_address, sockets: HashMap::new(), per_address: HashMap::new() };
        Arc::new(Connections { open: Mutex::new(open), closed: Condvar::new() })
    }

    /// Changes the limits for those who come. Whoever is connected stays, though there may be more than so many.
    pub(crate) fn set_limits(&self, max: usize, max_per_address: usize) {
        let mut open = self.lock();
        (open.max, open.max_per_address) = (max, max_per_address);
    }

    /// Lets a connection in, if there is a place for it.
    pub(crate) fn admit(
        self: &Arc<Connections>,
        id: ClientId,
        socket: &Arc<TcpStream>,
        address: IpAddr,
    ) -> Result<Permit, TurnedAway> {
        let address = neighbourhood(address);
        let mut open = self.lock();
        if open.max > 0 && open.sockets.len() >= open.max {
            return Err(TurnedAway::ServerFull);
        }
        let most = open.max_per_address;
        let count = open.per_address.entry(address).or_insert(0);
        if most > 0 && *count >= most {
            return Err(TurnedAway::AddressFull);
        }
        *count += 1;
        open.sockets.insert(id, socket.clone());
        Ok(Permit { connections: self.clone(), id, address })
    }

    /// Waits until all are closed. Returns whether they are, at the deadline.
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
        for socket in open.sockets.values() {
            // A socket that is closed already needs no more.
            let _closed = socket.shutdown(Shutdown::Both);
        }
        open.sockets.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Two maps and some numbers: nothing in here can panic half-way.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
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

/// The part of an address that one household has to itself: all of IPv4, the first 64 bits of IPv6.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
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
        let first = connections.admit(ClientId(1), &socket, here).ok();
        let _second = connections.admit(ClientId(2), &socket, here).ok();
        let full = |id, address| connections.admit(ClientId(id), &socket, address).err();
        assert_eq!(full(3, here), Some(TurnedAway::AddressFull));
        let _third = connections.admit(ClientId(3), &socket, there).ok();
        assert_eq!(full(4, there), Some(TurnedAway::ServerFull));
        drop(first);
        // `full` gives a place back at once, so these two do not take each other's.
        assert_eq!(full(4, there), None);
        assert_eq!(full(5, here), None, "the address has a place again as well");
        assert!(!connections.wait_until_closed(Instant::now()));
        connections.set_limits(2, 1);
        assert_eq!(full(6, there), Some(TurnedAway::ServerFull), "nobody has to go, and nobody comes");
        connections.set_limits(0, 1);
        assert_eq!(full(7, here), Some(TurnedAway::AddressFull));
    }

    #[test]
    fn neighbours_in_ipv6_share_a_count() {
        let of = |address: &str| neighbourhood(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
