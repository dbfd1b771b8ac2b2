//! Addresses, as limits know them.

use std::net::{IpAddr, Ipv6Addr};

/// What [`neighbourhood`] makes of an address.
pub type Neighbourhood = IpAddr;

/// The part of an address that one household has to itself: all of IPv4, the first 64 bits of IPv6.
pub fn neighbourhood(address: IpAddr) -> Neighbourhood {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}
