//! How many connections there may be, in all and of each neighbourhood of addresses, and which one makes way for another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use chat_server::net::server::ServerHandle;
use tokio::time::Instant;

use super::full::Full;
use super::track::Track;
use crate::lock::lock;

/// A browser opens six connections and a WebSocket: an address has so many at least, however few clients it may have.
const LEAST_EACH: usize = 32;
/// Descriptors that are kept back for the other doors, and for what the server itself has open.
const OTHERS: usize = 128;
/// The most connections where the system does not say how many descriptors there may be.
const NO_LIMIT: usize = 8_192;

/// The open connections of this door.
#[derive(Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Connection>,
    /// Of each neighbourhood, without those that were told to go.
    each: HashMap<IpAddr, usize>,
    leaving: usize,
}

struct Connection {
    /// None for a known proxy, behind which any client may be.
    near: Option<IpAddr>,
    track: Arc<Track>,
    is_leaving: bool,
}

/// How many there may be; 0 of an address: as many as there may be in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub all: usize,
    pub each: usize,
}

impl Most {
    /// Half of the descriptors is for this door, as long as the other doors leave it so many.
    pub(crate) fn of(handle: &ServerHandle, descriptors: Option<u64>) -> Most {
        let each = match handle.config().max_per_address {
            0 => 0,
            most => (2 * most).max(LEAST_EACH),
        };
        let all = descriptors.map_or(NO_LIMIT, |descriptors| {
            let ours = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(OTHERS);
            (ours / 2).min(ours.saturating_sub(handle.open_sockets())).max(LEAST_EACH)
        });
        Most { all, each }
    }
}

/// A connection's slot, until this is dropped: with the connection, or with the WebSocket that it became.
pub(crate) struct Slot {
    slots: Slots,
    number: u64,
}

impl Slots {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// A slot for one more connection. Where there is none, a connection that is not in a call makes way.
    ///
    /// # Errors
    /// There is none, and no connection that is not in a call and could make way.
    pub(crate) fn take(&self, near: Option<IpAddr>, track: &Arc<Track>, most: Most) -> Result<Slot, Full> {
        let mut open = self.lock();
        if let Some(near) = near
            && most.each > 0
            && open.each.get(&near).is_some_and(|own| *own >= most.each)
        {
            open.evict(|connection| connection.near == Some(near)).ok_or(Full::Address(most.each))?;
        }
        if open.all.len() - open.leaving >= most.all {
            open.evict(|_| true).ok_or(Full::Door)?;
        }
        let number = open.next;
        open.next += 1;
        open.all.insert(number, Connection { near, track: track.clone(), is_leaving: false });
        if let Some(near) = near {
            *open.each.entry(near).or_default() += 1;
        }
        Ok(Slot { slots: self.clone(), number })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        lock(&self.0)
    }
}

impl Open {
    /// Tells the connection to go that is missed least, if there is one among these.
    fn evict(&mut self, among: impl Fn(&Connection) -> bool) -> Option<()> {
        let now = Instant::now();
        let able = self.all.iter_mut().filter(|(_, connection)| !connection.is_leaving && among(connection));
        let ranked = able.filter_map(|(_, connection)| Some((connection.track.rank(now)?, connection)));
        let (_, connection) = ranked.min_by_key(|(rank, _)| *rank)?;
        connection.is_leaving = true;
        connection.track.leave.notify_one();
        let near = connection.near;
        self.leaving += 1;
        self.uncount(near);
        Some(())
    }

    fn uncount(&mut self, near: Option<IpAddr>) {
        if let Some(near) = near
            && let Some(own) = self.each.get_mut(&near)
        {
            *own -= 1;
            if *own == 0 {
                self.each.remove(&near);
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.lock();
        match open.all.remove(&self.number) {
            Some(connection) if connection.is_leaving => open.leaving -= 1,
            Some(connection) => open.uncount(connection.near),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chat_server::model::address::neighbourhood;

    use super::*;
    use crate::server::listener::track::Phase;

    fn connection(slots: &Slots, near: &str, phase: Phase, age: Duration, most: Most) -> Option<(Slot, Arc<Track>)> {
        let track = Track::new(Duration::from_secs(10), Duration::from_secs(20));
        track.change(|_, now| (phase, now - age));
        let near = near.parse().ok().map(neighbourhood);
        Some((slots.take(near, &track, most).ok()?, track))
    }

    /// Which of these is told to go when one more comes.
    fn leaves(of: &[(&str, Phase, u64)], one_more: &str, most: Most) -> Result<usize, &'static str> {
        let slots = Slots::default();
        let there: Vec<_> = of
            .iter()
            .map(|(near, phase, age)| {
                connection(&slots, near, *phase, Duration::from_secs(*age), most).expect("a slot")
            })
            .collect();
        let more = connection(&slots, one_more, Phase::Fresh, Duration::ZERO, most);
        let gone: Vec<u64> = {
            let open = slots.lock();
            open.all.iter().filter(|(_, connection)| connection.is_leaving).map(|(number, _)| *number).collect()
        };
        let gone = there.iter().position(|(slot, _)| gone.contains(&slot.number));
        match (more, gone) {
            (None, None) => Err("turned away"),
            (Some(_), Some(gone)) => Ok(gone),
            (Some(_), None) => Err("let in"),
            (None, Some(_)) => panic!("one went for nothing"),
        }
    }

    #[test]
    fn the_connection_that_is_missed_least_makes_way() {
        use Phase::{Call, Ending, Fresh, Head, Idle, Upgraded};
        let most = Most { all: 10, each: 3 };
        let here = "192.0.2.7";
        assert_eq!(leaves(&[(here, Idle, 1), (here, Idle, 9), (here, Idle, 5)], here, most), Ok(1), "idle for longest");
        assert_eq!(leaves(&[(here, Idle, 9), (here, Head, 5), (here, Fresh, 2)], here, most), Ok(1), "a slow head");
        assert_eq!(leaves(&[(here, Head, 0), (here, Idle, 0), (here, Call, 9)], here, most), Ok(1));
        assert_eq!(leaves(&[(here, Upgraded, 9), (here, Head, 0), (here, Call, 9)], here, most), Ok(1));
        assert_eq!(leaves(&[(here, Upgraded, 9), (here, Ending, 9), (here, Call, 9)], here, most), Err("turned away"));
        assert_eq!(leaves(&[(here, Call, 9), (here, Call, 9)], here, most), Err("let in"));
        // No other address makes way for an address that has its share.
        let others = [(here, Call, 1), (here, Call, 1), (here, Call, 1), ("192.0.2.8", Idle, 9)];
        assert_eq!(leaves(&others, here, most), Err("turned away"));
        assert_eq!(leaves(&others, "192.0.2.9", most), Err("let in"));
        assert_eq!(leaves(&others, "192.0.2.9", Most { all: 4, each: 3 }), Ok(3));
        assert_eq!(leaves(&others[..3], here, Most { all: 10, each: 0 }), Err("let in"), "0 is no limit");
        // Neighbours in IPv6 are one; an IPv4 address has two spellings.
        let near = [("2001:db8::1", Call, 1), ("2001:db8::2", Call, 1), ("2001:db8::3", Call, 1)];
        assert_eq!(leaves(&near, "2001:db8::4", most), Err("turned away"));
        assert_eq!(leaves(&others, "::ffff:192.0.2.7", most), Err("turned away"));
        // A known proxy has many clients behind it.
        assert_eq!(leaves(&[("proxy", Call, 1), ("proxy", Call, 1), ("proxy", Call, 1)], "proxy", most), Err("let in"));
    }

    #[test]
    fn slots_are_counted_to_the_last() {
        let (slots, most) = (Slots::default(), Most { all: 4, each: 2 });
        let idle = |near| connection(&slots, near, Phase::Idle, Duration::from_secs(1), most);
        let mut there: Vec<_> = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2"].into_iter().map(idle).collect();
        // One that was told to go does not count any more, and another one is there in its slot.
        there.push(idle("10.0.0.1"));
        there.push(idle("10.0.0.3"));
        assert!(there.iter().all(Option::is_some));
        let open = slots.lock();
        assert_eq!((open.all.len(), open.leaving, open.each.values().sum::<usize>()), (6, 2, 4));
        drop(open);
        drop(there);
        let open = slots.lock();
        assert_eq!((open.all.len(), open.leaving, open.each.len()), (0, 0, 0));
    }
}
