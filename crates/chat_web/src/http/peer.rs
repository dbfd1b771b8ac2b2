//! The address that a call comes from, directly or by known proxies, and whether others can read it on its way.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use chat_server::config::hosts;
use chat_server::features::moderation::network::Network;

/// The address of a caller that is not known. No connection comes from it, so that no limit, ban or guess of another address is shared;
/// and it is not this machine.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// From where a call comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    /// The address. Behind a known proxy it is the one that the proxy names.
    pub address: SocketAddr,
    /// Whether the browser came by HTTPS.
    pub is_tls: bool,
}

impl Peer {
    /// Whether a password cannot be read on its way here.
    pub(crate) fn is_private(self) -> bool {
        self.is_tls || self.address.ip().to_canonical().is_loopback()
    }

    /// The caller on that socket. What headers say of it counts from a known proxy only. `None` if they come from an unknown proxy on
    /// this machine: without the headers all its callers would count as this machine, and with them they could claim any address.
    pub(crate) fn of(socket: Option<Peer>, headers: &HeaderMap, proxies: &[Network]) -> Option<Peer> {
        let straight = socket.unwrap_or(Peer { address: SocketAddr::new(UNKNOWN, 0), is_tls: false });
        let socket = straight.address;
        if !is_forwarded(headers) {
            return Some(straight);
        }
        let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.holds(address));
        if !is_proxy(socket.ip()) {
            return (!socket.ip().to_canonical().is_loopback()).then_some(straight);
        }
        // Each proxy adds at the end the address that it was called from. What stands before the first address that is no proxy of
        // ours may be forged. A loopback address means the proxy's machine, not this one.
        let list = values(headers, "x-forwarded-for");
        let asked = list.iter().rev().map(|entry| hosts::address(entry)).find(|read| !read.is_some_and(is_proxy));
        let address = asked.flatten().filter(|address| !address.is_loopback()).unwrap_or(UNKNOWN);
        // HTTPS on the whole way: where a part was plain it can be read.
        let protos = values(headers, "x-forwarded-proto");
        let is_tls = !protos.is_empty() && protos.iter().all(|proto| proto.eq_ignore_ascii_case("https"));
        Some(Peer { address: SocketAddr::new(address, socket.port()), is_tls })
    }
}

/// Whether a call says that it was passed on.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded-") || name == "forwarded" || name == "x-real-ip"
    })
}

/// The members of a list that may stand in several headers; what is no text is an empty one.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let texts = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    texts.flat_map(|text| text.split(',')).map(str::trim).collect()
}

impl From<&Parts> for Peer {
    fn from(parts: &Parts) -> Peer {
        Peer::from(&parts.extensions)
    }
}

impl From<&Extensions> for Peer {
    fn from(extensions: &Extensions) -> Peer {
        let unknown = Peer { address: SocketAddr::new(UNKNOWN, 0), is_tls: false };
        extensions.get::<Peer>().copied().unwrap_or(unknown)
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Peer, Infallible> {
        Ok(Peer::from(&*parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address and whether it is private; nothing where the call is refused.
    fn peer(proxies: &str, socket: &str, headers: &[(&'static str, &'static str)]) -> Option<(String, bool)> {
        let proxies: Vec<Network> = proxies.split_whitespace().map(|proxy| Network::parse(proxy).unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let socket = Peer { address: socket.parse().unwrap(), is_tls: false };
        let peer = Peer::of(Some(socket), &map, &proxies)?;
        Some((peer.address.ip().to_string(), peer.is_private()))
    }

    fn is(address: &str, private: bool) -> Option<(String, bool)> {
        Some((address.to_string(), private))
    }

    fn forwarded(address: &'static str, proto: &'static str) -> [(&'static str, &'static str); 2] {
        [("x-forwarded-for", address), ("x-forwarded-proto", proto)]
    }

    #[test]
    fn without_known_proxies_headers_count_for_nothing() {
        assert_eq!(peer("", "127.0.0.1:5", &[]), is("127.0.0.1", true));
        assert_eq!(peer("", "192.0.2.7:5", &[]), is("192.0.2.7", false));
        assert_eq!(peer("", "192.0.2.7:5", &forwarded("127.0.0.1", "https")), is("192.0.2.7", false));
        for socket in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip"] {
                assert_eq!(peer("", socket, &[(name, "192.0.2.7")]), None, "{socket} {name}");
                assert_eq!(peer("10.0.0.0/24", socket, &[(name, "192.0.2.7")]), None, "{socket} {name}");
            }
        }
        assert_eq!(peer("10.0.0.0/24", "10.0.1.1:5", &forwarded("192.0.2.7", "https")), is("10.0.1.1", false));
        let by_tls = Peer { address: "192.0.2.7:5".parse().unwrap(), is_tls: true };
        assert_eq!(Peer::of(Some(by_tls), &HeaderMap::new(), &[]), Some(by_tls), "by a handshake with this server");
    }

    #[test]
    fn a_known_proxy_says_who_asks() {
        let here = |headers: &[_]| peer("127.0.0.1 ::1 10.0.0.0/24", "127.0.0.1:5", headers);
        assert_eq!(here(&[]), is("127.0.0.1", true), "it is this machine itself");
        assert_eq!(here(&forwarded("192.0.2.7", "https")), is("192.0.2.7", true));
        assert_eq!(here(&forwarded("192.0.2.7", "http")), is("192.0.2.7", false));
        for (written, right) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(here(&forwarded(written, "http")), is(right, false));
        }
        let other = peer("10.0.0.0/24", "10.0.0.9:5", &forwarded("192.0.2.7", "https"));
        assert_eq!(other, is("192.0.2.7", true));
    }

    #[test]
    fn a_list_is_read_from_the_right_over_known_proxies() {
        let here = |headers: &[_]| peer("127.0.0.1 10.0.0.0/24", "127.0.0.1:5", headers);
        assert_eq!(here(&forwarded("127.0.0.1, 192.0.2.7", "http")), is("192.0.2.7", false));
        assert_eq!(here(&forwarded("203.0.113.5, 192.0.2.7, 10.0.0.1, 10.0.0.2", "http")), is("192.0.2.7", false));
        assert_eq!(here(&forwarded("192.0.2.7, unknown, 10.0.0.1", "http")), is("0.0.0.0", false));
        let twice = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "192.0.2.7, 10.0.0.1")];
        assert_eq!(here(&twice), is("192.0.2.7", false));
    }

    #[test]
    fn what_cannot_be_read_is_neither_this_machine_nor_private() {
        let here = |headers: &[_]| peer("127.0.0.1", "127.0.0.1:5", headers);
        for unreadable in ["unknown", "_hidden", "192.0.2.7, ", "", "192.0.2.7;proto=http", "::ffff:192.0.2.7%eth0"] {
            assert_eq!(here(&forwarded(unreadable, "http")), is("0.0.0.0", false), "{unreadable}");
            assert_eq!(here(&forwarded(unreadable, "https")), is("0.0.0.0", true), "{unreadable}");
        }
        for nowhere in ["127.0.0.1", "127.0.0.1, 127.0.0.1", "::1", "127.8.8.8"] {
            assert_eq!(here(&forwarded(nowhere, "http")), is("0.0.0.0", false), "{nowhere}");
        }
        for alone in [("forwarded", "for=192.0.2.7;proto=https"), ("x-real-ip", "192.0.2.7"), ("x-forwarded-host", "x")]
        {
            assert_eq!(here(&[alone]), is("0.0.0.0", false), "{alone:?}");
        }
        // HTTPS is certain only where all of the way was.
        for (proto, is_tls) in
            [("https", true), ("HTTPS", true), ("http, https", false), ("https, http", false), ("", false)]
        {
            assert_eq!(here(&forwarded("192.0.2.7", proto)), is("192.0.2.7", is_tls), "{proto}");
        }
        let twice = [("x-forwarded-proto", "http"), ("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(here(&twice), is("192.0.2.7", false));
    }
}
