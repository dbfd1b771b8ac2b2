//! Addresses that webhooks go to, and which of them lie inside: on this machine, in its network, or nowhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::refusal::Refusal;
use crate::protocol::coded::{Broken, Coded, Reader, Writer};

/// The most bytes of an address.
const LONGEST: usize = 1_000;

const RIGHT: &str =
    "An address is written as https://example.org/chat: at most 1000 characters, without a name, a password or a #.";

/// An address that webhooks go to. Behind its host may stand what only its owner knows, so only the [origin](Address::origin) is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    whole: String,
    /// Where the path begins.
    path: usize,
}

/// What stands behind its host is known to its owner alone, and to the other nodes.
impl Coded for Address {
    fn put(&self, to: &mut Writer) {
        self.whole.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Address, Broken> {
        let whole = String::take(from)?;
        Address::parse(&whole).ok().filter(|read| read.whole == whole).ok_or(Broken::Not("address"))
    }
}

impl Address {
    /// Reads an address. That its form is good says nothing about where it leads: names are looked up when something is sent.
    ///
    /// # Errors
    /// It is not `https://` or `http://` with a host behind it, or has parts that a receiver never sees.
    pub fn parse(typed: &str) -> Result<Address, Refusal> {
        let refused = || Refusal::bad_argument(shown(typed), RIGHT);
        let is_sign = |byte: u8| byte.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&byte);
        if typed.len() > LONGEST || !typed.bytes().all(is_sign) {
            return Err(refused());
        }
        let begin = ["https://", "http://"].iter().find_map(|scheme| {
            let start = typed.get(..scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(scheme.len())
        });
        let begin = begin.ok_or_else(refused)?;
        let path = typed[begin..].find(['/', '?']).map_or(typed.len(), |length| begin + length);
        let (host, port) = host_and_port(&typed[begin..path]).ok_or_else(refused)?;
        let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if host.is_empty() || !(is_name(host) || literal(host).is_some()) || port == Some(0) {
            return Err(refused());
        }
        let whole = typed[..path].to_ascii_lowercase() + &typed[path..];
        Ok(Address { whole, path })
    }

    /// All of it, for code that calls it or keeps it.
    pub fn reveal(&self) -> &str {
        &self.whole
    }

    /// The part that is shown: `https://example.org`.
    pub fn origin(&self) -> &str {
        &self.whole[..self.path]
    }

    /// Whether what is sent there could be read on the way.
    pub fn is_plain(&self) -> bool {
        self.whole.starts_with("http://")
    }

    /// Whether it names an address inside, as far as that can be seen without a look-up.
    pub fn is_inside(&self) -> bool {
        let authority = self.origin().split_once("://").map_or("", |(_, authority)| authority);
        let host = host_and_port(authority).map_or("", |(host, _)| host);
        host == "localhost" || host.ends_with(".localhost") || literal(host).is_some_and(is_inside)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.origin())
    }
}

/// What may be shown of what was typed in the place of an address: nothing behind its host, and no password in front of that.
fn shown(typed: &str) -> String {
    let begin = typed.find("://").map_or(0, |at| at + 3);
    let end = typed[begin..].find(['/', '?', '#', '@']).map_or(typed.len(), |length| begin + length);
    let end = if typed[begin..].contains('@') { begin } else { end };
    typed[..end].chars().take(60).collect()
}

fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[end..].find(':').map(|colon| authority.split_at(end + colon)) {
        None => Some((authority, None)),
        Some((host, port)) if port[1..].bytes().all(|digit| digit.is_ascii_digit()) => {
            Some((host, Some(port[1..].parse().ok()?)))
        }
        Some(_) => None,
    }
}

/// An address in the place of a name: `192.0.2.1`, `[2001:db8::1]`.
fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// Whether an address lies inside, or leads to no single machine out there: the special-purpose registries of IANA (RFC 6890), multicast, and
/// the forms of IPv6 that carry such an address of IPv4.
pub fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_inside_v4(v4),
        IpAddr::V6(v6) => is_inside_v6(v6),
    }
}

fn is_inside_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // This network, private use (RFC 1918), shared (RFC 6598), loopback, link-local.
        [0 | 10 | 127, ..] | [100, 64..=127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => true,
        // Of protocols, for documents, the old relay of 6to4, for measurements.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] | [198, 18..=19, ..] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    }
}

fn is_inside_v6(address: Ipv6Addr) -> bool {
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_inside_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056): what they lead to counts.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => carried(high, low),
        // Of protocols, Teredo among them; for documents (RFC 3849, RFC 9637).
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => true,
        // Global unicast is 2000::/3; all else is local, multicast or not given out.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_shows_no_more() {
        for (typed, origin) in [
            ("https://example.org", "https://example.org"),
            ("HTTPS://Example.ORG:8443/Chat?key=Secret", "https://example.org:8443"),
            ("http://localhost:9000/x", "http://localhost:9000"),
            ("https://[2001:db8::1]:1/x", "https://[2001:db8::1]:1"),
            ("https://example.org?key=x", "https://example.org"),
        ] {
            let address = Address::parse(typed).unwrap();
            assert_eq!(address.origin(), origin, "{typed}");
            assert!(!format!("{address:?}").contains("key"), "{address:?}");
        }
        let kept = Address::parse("HTTPS://Example.ORG/Chat?key=Secret").unwrap();
        assert_eq!(kept.reveal(), "https://example.org/Chat?key=Secret");
        for typed in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https:///x",
            "https://a b",
            "https://a\\b",
            "https://a#b",
            "https://ani:key@example.org/x",
            "https://example.org:0/",
            "https://example.org:99999/",
            "https://[::1/",
            "https://exa%6dple.org",
            "https://[example.org]/",
            "https://a:b/",
            "https://ä.example/",
        ] {
            let refused = Address::parse(typed).unwrap_err().to_string();
            assert!(!refused.contains("key"), "{refused}");
        }
        assert!(Address::parse(&format!("https://example.org/{}", "x".repeat(1_000))).is_err());
    }

    #[test]
    fn what_lies_inside_is_known_in_every_form() {
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "2002:7f00:1::1",
            "2002:a01:203::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "5f00::1",
        ] {
            assert!(is_inside(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "9.255.255.255",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2002:101:101::1",
            "64:ff9b::101:101",
            "::ffff:1.1.1.1",
        ] {
            assert!(!is_inside(outside.parse().unwrap()), "{outside}");
        }
        for (typed, inside) in [
            ("http://localhost:9000/", true),
            ("http://x.localhost/", true),
            ("https://[::1]:9000/", true),
            ("https://127.0.0.1/", true),
            ("https://localhost.example/", false),
            ("https://1.1.1.1/", false),
        ] {
            assert_eq!(Address::parse(typed).unwrap().is_inside(), inside, "{typed}");
        }
    }
}
