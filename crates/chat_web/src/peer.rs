//! From where a call comes, and whether others can read it on its way: straight, or by a proxy on the same machine.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::state::AppState;

/// From where a call comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The address. Behind a proxy on this machine it is the one that the proxy names.
    pub address: SocketAddr,
    /// Whether the browser came by HTTPS.
    pub is_tls: bool,
}

impl Peer {
    /// Whether nobody else can read a password on its way here.
    pub fn is_private(self) -> bool {
        self.is_tls || self.address.ip().to_canonical().is_loopback()
    }

    /// A proxy is believed if it runs on this machine: whoever comes from elsewhere may write what they like into a header.
    fn of(socket: SocketAddr, headers: &HeaderMap) -> Peer {
        let straight = Peer { address: socket, is_tls: false };
        if !socket.ip().to_canonical().is_loopback() {
            return straight;
        }
        let last = |name: &str| {
            let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next().map(str::trim)
        };
        // Each proxy adds a name at the end, so only the last one was written by ours.
        let address = last("x-forwarded-for").and_then(|address| address.trim_matches(['[', ']']).parse().ok());
        Peer {
            address: address.map_or(socket, |address| SocketAddr::new(address, socket.port())),
            is_tls: last("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
        }
    }
}

impl From<&Parts> for Peer {
    fn from(parts: &Parts) -> Peer {
        let socket = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(socket)| *socket);
        // Without an address nobody is believed to be near.
        let socket = socket.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        Peer::of(socket, &parts.headers)
    }
}

impl FromRequestParts<Arc<AppState>> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<AppState>) -> Result<Peer, Infallible> {
        Ok(Peer::from(&*parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_on_this_machine_is_believed_and_no_other() {
        let peer = |socket: &str, headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            let peer = Peer::of(socket.parse().unwrap(), &map);
            (peer.address.ip().to_string(), peer.is_private())
        };
        let is = |address: &str, private: bool| (address.to_string(), private);
        let forwarded = |address, proto| [("x-forwarded-for", address), ("x-forwarded-proto", proto)];
        assert_eq!(peer("127.0.0.1:5", &[]), is("127.0.0.1", true));
        assert_eq!(peer("192.0.2.7:5", &[]), is("192.0.2.7", false));
        assert_eq!(peer("192.0.2.7:5", &forwarded("127.0.0.1", "https")), is("192.0.2.7", false));
        assert_eq!(peer("127.0.0.1:5", &forwarded("192.0.2.7", "https")), is("192.0.2.7", true));
        assert_eq!(peer("[::1]:5", &forwarded("192.0.2.7", "http")), is("192.0.2.7", false));
        assert_eq!(peer("127.0.0.1:5", &forwarded("127.0.0.1, 2001:db8::7", "http")), is("2001:db8::7", false));
        let twice = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(peer("127.0.0.1:5", &twice), is("192.0.2.7", false));
        assert_eq!(peer("127.0.0.1:5", &forwarded("unknown", "HTTPS")), is("127.0.0.1", true));
    }
}
