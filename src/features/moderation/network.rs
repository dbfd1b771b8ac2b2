//! Networks, which are the addresses that begin with the same bits: the targets of bans on addresses.

use crate::protocol::coded::coded;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address and how many of its first bits count: `192.0.2.0/24`.
///
/// ```
/// use chat_server::features::moderation::network::Network;
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
    /// Reads an address, with or without the number of its bits that count. `None` if it is no address, or if it is
    /// wider than an operator can mean: less than 8 bits of IPv4, or 16 of IPv6.
    pub fn parse(written: &str) -> Option<Network> {
        let (address, bits) = match written.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (whole, plain) = (width(address), address.to_canonical());
        // An address of IPv4 that is written in IPv6, as `::ffff:192.0.2.7`, has 96 bits before its own.
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

coded!(words Network, Network::parse);

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

#[cfg(all(test, not(shuttle)))]
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
}
