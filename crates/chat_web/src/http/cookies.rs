//! The cookies of this door, named so that neither another server on the same host nor the page of another host can take their
//! place (RFC 6265bis, section 4.1.3).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::peer::Peer;

/// The cookie that holds a session's token, without what stands in front of it.
pub(crate) const SESSION: &str = "chat_session";
/// The cookie by which a browser stays signed in, likewise.
pub(crate) const ACCOUNT: &str = "chat_account";

/// The cookies as the browser of one call has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    /// The port that the browser sees. A browser gives the cookies of one host to all its ports.
    port: u16,
    /// Whether it came by HTTPS.
    is_tls: bool,
}

impl Cookies {
    /// Those of a call with these headers.
    pub(crate) fn of(headers: &HeaderMap, peer: Peer) -> Cookies {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        // The colons of an address in IPv6 stand in brackets.
        let port =
            host.rsplit(']').next().and_then(|rest| rest.rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
        let standard = if peer.is_tls { 443 } else { 80 };
        Cookies { port: port.unwrap_or(standard), is_tls: peer.is_tls }
    }

    /// `3000_chat_session`; by HTTPS `__Host-443_chat_session`, which no plain page and no other host can set.
    fn name(self, what: &str) -> String {
        let guard = if self.is_tls { "__Host-" } else { "" };
        format!("{guard}{}_{what}", self.port)
    }

    /// The value of a cookie.
    pub(crate) fn read<'a>(self, headers: &'a HeaderMap, what: &str) -> Option<&'a str> {
        let of = |name: &str| {
            let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
            let mut pairs =
                cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(other, _)| *other == name).map(|(_, value)| value)
        };
        // The name of before is good where nothing guards the other one, either: who is signed in stays so over an update.
        of(&self.name(what)).or_else(|| of(what).filter(|_| !self.is_tls))
    }

    /// A `Set-Cookie` that scripts cannot read, and that no other site can have sent; for so many seconds, or as long as the
    /// browser is open.
    pub(crate) fn set(self, what: &str, value: &str, seconds: Option<u64>) -> String {
        self.with_name(&self.name(what), value, seconds)
    }

    /// The `Set-Cookie`s after which a browser has none of this name.
    pub(crate) fn gone(self, what: &str) -> Vec<String> {
        let before = (!self.is_tls).then(|| self.with_name(what, "", Some(0)));
        before.into_iter().chain([self.set(what, "", Some(0))]).collect()
    }

    fn with_name(self, name: &str, value: &str, seconds: Option<u64>) -> String {
        let secure = if self.is_tls { "; Secure" } else { "" };
        let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
    }
}

impl<S: Sync> FromRequestParts<S> for Cookies {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Cookies, Infallible> {
        let peer = Peer::from_request_parts(parts, state).await?;
        Ok(Cookies::of(&parts.headers, peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn cookies(host: &'static str, is_tls: bool) -> Cookies {
        let address = "192.0.2.7:5".parse().unwrap();
        Cookies::of(&headers(&[("host", host)]), Peer { address, is_tls })
    }

    #[test]
    fn the_port_that_the_browser_sees_stands_in_the_name() {
        for (host, is_tls, name) in [
            ("127.0.0.1:3000", false, "3000_chat_session"),
            ("[::1]:3001", false, "3001_chat_session"),
            ("[::1]", false, "80_chat_session"),
            ("chat.example", false, "80_chat_session"),
            ("chat.example", true, "__Host-443_chat_session"),
            ("chat.example:8443", true, "__Host-8443_chat_session"),
        ] {
            assert_eq!(cookies(host, is_tls).name(SESSION), name, "{host}");
        }
        let set = cookies("chat.example", true).set(ACCOUNT, "x", Some(9));
        assert_eq!(set, "__Host-443_chat_account=x; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=9");
        let set = cookies("chat.example:81", false).set(ACCOUNT, "x", None);
        assert_eq!(set, "81_chat_account=x; Path=/; HttpOnly; SameSite=Strict");
    }

    #[test]
    fn another_servers_cookie_is_none_of_ours_and_an_unguarded_one_is_none_by_https() {
        let sent = headers(&[("cookie", "x=1; 3000_chat_session=ours; 3001_chat_session=theirs; chat_session=old")]);
        assert_eq!(cookies("h:3000", false).read(&sent, SESSION), Some("ours"));
        assert_eq!(cookies("h:3001", false).read(&sent, SESSION), Some("theirs"));
        assert_eq!(cookies("h:3002", false).read(&sent, SESSION), Some("old"));
        assert_eq!(cookies("h:3000", true).read(&sent, SESSION), None);
        let sent = headers(&[("cookie", "3000_chat_session=a"), ("cookie", "__Host-3000_chat_session=b")]);
        assert_eq!(cookies("h:3000", true).read(&sent, SESSION), Some("b"));
    }
}
