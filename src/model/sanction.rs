//! The words of bans and mutes: whom they hold, for how long, and what a user is told of them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::code::Code;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most bytes of a reason.
pub const MAX_REASON: usize = 200;
/// The longest time for which a user can be banned or muted; without a time it is until it is lifted.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// An address and how many of its first bits count: `192.0.2.0/24`.
///
/// ```
/// use chat_server::model::sanction::Network;
/// let network = Network::parse("192.0.2.77/24").unwrap();
/// assert_eq!(network.to_string(), "192.0.2.0/24");
/// assert!(network.holds("192.0.2.1".parse().unwrap()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address, with or without the number of its bits that count. `None` if it is none, or holds more than one can
    /// mean: less than 8 bits of IPv4, or 16 of IPv6.
    pub fn parse(written: &str) -> Option<Network> {
        let (address, bits) = match written.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (whole, plain) = (width(address), address.to_canonical());
        // One of IPv4 written as one of IPv6 has 96 bits before those that are meant.
        let bits = bits.unwrap_or(whole).checked_sub(whole - width(plain))?;
        let least = if plain.is_ipv4() { 8 } else { 16 };
        (least..=width(plain)).contains(&bits).then(|| Network { address: masked(plain, bits), bits })
    }

    /// Whether an address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// Whom a ban or a mute holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    /// The user with that name, and the connections that had it at that time, also under a later name.
    Name(Name),
    /// All connections from these addresses.
    Network(Network),
}

impl Whom {
    /// The name, if it holds one.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Whom::Name(name) => Some(name),
            Whom::Network(_) => None,
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Name(name) => name.fmt(f),
            Whom::Network(network) => network.fmt(f),
        }
    }
}

/// What a sanction keeps a user from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// From speaking.
    Mute,
    /// From being there at all.
    Ban,
}

/// A ban or a mute, as it is shown and kept. The wall's time in it is for people, and for the time between two runs of the
/// server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sanction {
    /// From what.
    pub kind: Kind,
    /// Whom.
    pub whom: Whom,
    /// Who said so.
    pub by: Name,
    /// Why, if anything was said.
    pub why: Option<Text>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None` is until it is lifted.
    pub until: Option<DateTime<Utc>>,
}

/// What a client under a sanction is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Seconds until it is over; `None` is until it is lifted.
    pub retry: Option<u64>,
    /// Who said so.
    pub by: Name,
    /// Why.
    pub why: Option<Text>,
}

/// `by ani, for 9 min more: spam`
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}", self.by)?;
        if let Some(seconds) = self.retry {
            write!(f, ", for {} more", in_words(seconds))?;
        }
        match &self.why {
            Some(why) => write!(f, ": {}", why.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

impl Told {
    fn refusal(&self, code: Code, words: String) -> Refusal {
        let refusal = Refusal::new(code, words);
        match self.retry {
            Some(retry) => refusal.with("retry", retry),
            None => refusal,
        }
    }

    /// What a user is told who is muted: in a room, or everywhere.
    pub fn muted(&self, room: Option<&RoomName>) -> Refusal {
        let words = match room {
            Some(room) => format!("You are muted in {room} {self}."),
            None => format!("You are muted everywhere {self}."),
        };
        self.refusal(Code::CannotSpeak, words)
    }

    /// What a user is told who may not come to the server; `name` is what is banned, where it is not the user.
    pub fn banned(&self, name: Option<&Name>) -> Refusal {
        let words = match name {
            Some(name) => format!("The name {name} is banned {self}."),
            None => format!("You are banned from this server {self}."),
        };
        self.refusal(Code::Banned, words)
    }

    /// The same for a room.
    pub fn banned_from(&self, room: &RoomName, name: Option<&Name>) -> Refusal {
        let words = match name {
            Some(name) => {
                format!("{name} is banned from {room} {self}. Its operators can lift that: /unban {room} {name}.")
            }
            None => format!("You are banned from {room} {self}. Its operators can lift that."),
        };
        self.refusal(Code::BannedFromRoom, words)
    }
}

/// A length of time for people, in its two largest units: `2 h 5 min`.
pub fn in_words(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut words = Vec::new();
    for (size, unit) in units {
        if rest >= size && words.len() < 2 {
            words.push(format!("{} {unit}", rest / size));
            rest %= size;
        } else if !words.is_empty() {
            // Two units that are not neighbours say more than is meant.
            break;
        }
    }
    if words.is_empty() { "0 s".into() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn networks_are_read_as_people_write_them() {
        for (written, read) in [
            ("192.0.2.77", "192.0.2.77/32"),
            ("192.0.2.77/24", "192.0.2.0/24"),
            ("10.9.8.7/8", "10.0.0.0/8"),
            ("2001:db8:1:2:3::4/48", "2001:db8:1::/48"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.77/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.77/32"),
        ] {
            assert_eq!(Network::parse(written).map(|network| network.to_string()).as_deref(), Some(read), "{written}");
        }
        for bad in
            ["192.0.2", "192.0.2.1/33", "192.0.2.1/7", "::1/15", "::1/129", "192.0.2.1/", "192.0.2.1/x", "ani", ""]
        {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_network_holds_the_address_it_was_made_of_and_none_that_differs_in_its_bits(
            bits in 8u8..=32, address in any::<u32>(), other in any::<u32>()
        ) {
            let ip = |bits: u32| IpAddr::V4(bits.into());
            let network = Network::parse(&format!("{}/{bits}", ip(address))).unwrap();
            prop_assert!(network.holds(ip(address)));
            let shift = 32 - u32::from(bits);
            let same = address.checked_shr(shift) == other.checked_shr(shift);
            prop_assert_eq!(network.holds(ip(other)), same);
            let IpAddr::V4(v4) = ip(other) else { unreachable!() };
            prop_assert_eq!(network.holds(IpAddr::V6(v4.to_ipv6_mapped())), same);
        }
    }

    #[test]
    fn times_are_written_in_two_units_at_most() {
        for (seconds, words) in
            [(0, "0 s"), (59, "59 s"), (600, "10 min"), (7_500, "2 h 5 min"), (86_405, "1 d"), (90_000, "1 d 1 h")]
        {
            assert_eq!(in_words(seconds), words);
        }
    }
}
