//! By which names a port that speaks HTTP may be called, and whose pages may call it.
//!
//! A page anywhere can give a name of its own the address of this machine (DNS rebinding); its browser then takes what
//! listens here for that page's own server. It does tell the name, in `Host`, so a server that answers to its own names alone
//! is safe from that. A name that came by HTTPS is a right one, for no other server has a certificate for it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The names that were set. An empty list is a server that goes by addresses and `localhost` only.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Reads names with spaces between them; `.example.org` is `example.org` and every name below it.
    ///
    /// # Errors
    /// What they should be.
    pub fn parse(written: &str) -> Result<Hosts, String> {
        let names: Vec<String> = written.split_whitespace().map(str::to_ascii_lowercase).collect();
        let is_name = |name: &String| is_name(name.strip_prefix('.').unwrap_or(name));
        if names.iter().all(is_name) {
            Ok(Hosts(names))
        } else {
            Err("should be names such as chat.example.org, with spaces between them, without https:// and without a port; \
                 .example.org is that name and every one below it"
                .into())
        }
    }

    /// Whether a name is one of them.
    pub fn holds(&self, name: &str) -> bool {
        self.0.iter().any(|known| match known.strip_prefix('.') {
            Some(parent) => name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            None => known == name,
        })
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// What a call says of where it wants to go and where it comes from: its headers, as they came.
#[derive(Clone, Copy, Default, Debug)]
pub struct Called<'a> {
    /// `Host`.
    pub host: &'a str,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// Whether there is a `Sec-Fetch-Site`, which browsers send by HTTPS and to this machine only.
    pub has_fetch_site: bool,
}

impl Called<'_> {
    /// Whether this server goes by the name that is called. `others` are names besides those of `web_hosts`.
    pub fn is_known(self, hosts: &Hosts, mut others: impl Iterator<Item = String>) -> bool {
        let Some(host) = Authority::parse(self.host) else { return false };
        let origin = self.origin.and_then(Site::parse);
        host.is_address()
            || host.name == "localhost"
            || host.name.ends_with(".localhost")
            || hosts.holds(&host.name)
            || others.any(|other| other == host.name)
            || origin.as_ref().is_some_and(|origin| origin.is_of(&host) && (origin.is_https || host.is_a_proxys()))
            || self.has_fetch_site && !self.origin.is_some_and(|origin| origin.starts_with("http://"))
    }
}

/// A name or an address, perhaps with a port: what stands in `Host` (RFC 9110, section 7.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// In small letters; an address of IPv6 in brackets.
    pub name: String,
    /// `None`: the one that the scheme has.
    pub port: Option<u16>,
}

impl Authority {
    /// Reads one. `None` if it is none.
    pub fn parse(written: &str) -> Option<Authority> {
        let end =
            if written.starts_with('[') { written.find(']')? + 1 } else { written.find(':').unwrap_or(written.len()) };
        let (name, rest) = written.split_at(end);
        let port = match rest.strip_prefix(':') {
            // An empty one is the one that the scheme has (RFC 3986, section 3.2.3).
            Some("") => None,
            Some(port) => Some(port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok())??),
            None if rest.is_empty() => None,
            None => return None,
        };
        let name = match name.strip_prefix('[') {
            Some(address) => format!("[{}]", address.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
            None => name.to_ascii_lowercase(),
        };
        // A dot at the end is the root of all names, and changes nothing.
        let name = name.strip_suffix('.').map(str::to_string).unwrap_or(name);
        (name.starts_with('[') || is_name(&name)).then_some(Authority { name, port })
    }

    /// Whether the port of plain HTTP is written out: a proxy does that (nginx's `$host:$server_port`), and a browser leaves it
    /// out (the WHATWG URL standard), so no page that gives this machine a name of its own is behind such a call.
    fn is_a_proxys(&self) -> bool {
        self.port == Some(80)
    }

    fn is_address(&self) -> bool {
        self.name.starts_with('[') || self.name.parse::<Ipv4Addr>().is_ok()
    }
}

/// From which site's page a call comes (RFC 6454), as a browser writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// `https`, or else `http`.
    pub is_https: bool,
    /// In small letters.
    pub name: String,
    /// Always one: that of the scheme where none is written.
    pub port: u16,
}

impl Site {
    /// Reads one in the form that browsers write. `None` for any other: in capital letters, with the port that its scheme
    /// has, with a path, `null`.
    ///
    /// ```
    /// use chat_server::config::hosts::Site;
    /// assert!(Site::parse("https://chat.example.org").is_some());
    /// assert!(Site::parse("https://Chat.example.org:443/").is_none());
    /// ```
    pub fn parse(written: &str) -> Option<Site> {
        let origin = Site::lenient(written)?;
        (origin.to_string() == written).then_some(origin)
    }

    /// The same of what a person wrote: capital letters and the scheme's own port do no harm.
    pub fn lenient(written: &str) -> Option<Site> {
        let (scheme, rest) = written.split_once("://")?;
        let is_https = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let Authority { name, port } = Authority::parse(rest)?;
        let port = port.unwrap_or(if is_https { 443 } else { 80 });
        Some(Site { is_https, name, port })
    }

    /// Whether it is that of a page of this server, as it was called. The scheme is the one that the page came by: a server
    /// behind a proxy does not see it.
    pub fn is_of(&self, called: &Authority) -> bool {
        let port = called.port.unwrap_or(if self.is_https { 443 } else { 80 });
        self.name == called.name && self.port == port
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.name)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Reads the address of a peer as proxies write it: alone, in brackets, or with its port.
pub fn address(written: &str) -> Option<IpAddr> {
    let plain = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match plain {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => written.parse().ok().or_else(|| Some(written.parse::<std::net::SocketAddr>().ok()?.ip())),
    };
    address.map(|address| address.to_canonical())
}

/// Letters, digits, `-`, `_` and dots between them. What else a URL allows in a name is in no name of the DNS.
fn is_name(name: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn is_known(host: &str, origin: Option<&str>, has_fetch_site: bool) -> bool {
        let hosts = Hosts::parse("chat.example .example.org").unwrap();
        let others = ["site.example".to_string()];
        Called { host, origin, has_fetch_site }.is_known(&hosts, others.into_iter())
    }

    #[test]
    fn a_server_knows_its_names_and_no_others() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:3000",
            "192.168.1.7",
            "[::1]:3000",
            "[2001:DB8::7]",
            "localhost",
            "LocalHost:3000",
            "localhost.:3000",
            "tea.localhost:3000",
            "chat.example:8080",
            "Chat.Example",
            "example.org",
            "a.b.example.org",
            "site.example:",
        ] {
            assert!(is_known(host, None, false), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "chat.example.evil.example",
            "evilchat.example",
            "evilexample.org",
            "sub.chat.example",
            "localhost.evil.example",
            "mylocalhost",
            "127.0.0.1.evil.example",
            "127.1",
            "2130706433.",
            "[::1",
            "[::1]x",
            "::1",
            "localhost:99999",
            "localhost:+80",
            "localhost:80:80",
            "localhost/x",
            "user@localhost",
            "localhost evil.example",
            "localhost,evil.example",
            "..localhost",
            ".localhost",
        ] {
            assert!(!is_known(host, None, false), "{host}");
        }
    }

    #[test]
    fn a_name_that_came_by_https_is_known_and_one_by_http_is_not() {
        let known = |origin| is_known("evil.example", Some(origin), false);
        assert!(known("https://evil.example"));
        assert!(is_known("evil.example:443", Some("https://evil.example"), false));
        assert!(is_known("evil.example:8443", Some("https://evil.example:8443"), false));
        assert!(is_known("proxied.example:80", Some("http://proxied.example"), false), "no browser writes this port");
        assert!(!is_known("proxied.example:80", Some("http://evil.example"), false));
        assert!(!is_known("proxied.example:80", None, false));
        assert!(!is_known("evil.example:3000", Some("http://evil.example:3000"), false));
        for origin in [
            "http://evil.example",
            "https://evil.example:8443",
            "https://other.example",
            "https://x.evil.example",
            "https://EVIL.example",
            "https://evil.example/",
            "null",
        ] {
            assert!(!known(origin), "{origin}");
        }
        assert!(is_known("evil.example", None, true), "a browser says so much by HTTPS only");
        assert!(is_known("evil.example", Some("https://other.example"), true));
        assert!(!is_known("evil.example", Some("http://evil.example"), true));
    }

    #[test]
    fn an_origin_is_compared_as_a_url() {
        let own = |origin: &str, host: &str| {
            Site::parse(origin).is_some_and(|origin| Authority::parse(host).is_some_and(|host| origin.is_of(&host)))
        };
        for (origin, host) in [
            ("https://chat.example", "chat.example"),
            ("https://chat.example", "chat.example:443"),
            ("http://chat.example", "chat.example:80"),
            ("http://chat.example:3000", "CHAT.example:3000"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert!(own(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("https://chat.example", "chat.example:80"),
            ("http://chat.example", "chat.example:443"),
            ("https://chat.example:8443", "chat.example"),
            // One that only ends, or begins, as ours.
            ("https://evilchat.example", "chat.example"),
            ("https://evil-chat.example", "chat.example"),
            ("https://evil.chat.example", "chat.example"),
            ("https://chat.example.evil.example", "chat.example"),
            ("https://evil.example/https://chat.example", "chat.example"),
            ("https://chat.example@evil.example", "chat.example"),
            // None as a browser writes it.
            ("https://chat.example:443", "chat.example"),
            ("https://CHAT.example", "chat.example"),
            ("HTTPS://chat.example", "chat.example"),
            ("https://chat.example/", "chat.example"),
            ("https://chat.example ", "chat.example"),
            ("ftp://chat.example", "chat.example"),
            ("chat.example", "chat.example"),
            ("null", "null"),
            ("", ""),
        ] {
            assert!(!own(origin, host), "{origin} {host}");
        }
        assert_eq!(Site::lenient("https://Chat.Example:443"), Site::parse("https://chat.example"));
    }

    #[test]
    fn names_are_set_without_a_scheme_and_a_port() {
        assert_eq!(Hosts::parse(" Chat.example  .example.org ").unwrap().to_string(), "chat.example .example.org");
        assert_eq!(Hosts::parse("").unwrap(), Hosts::default());
        for wrong in ["https://chat.example", "chat.example:3000", "*", "*.example.org", ".", "a..b", "chat.example/x"]
        {
            assert!(Hosts::parse(wrong).unwrap_err().contains("without https://"), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_read_as_proxies_write_it() {
        let read = |written| address(written).map(|address| address.to_string());
        for (written, right) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(read(written).as_deref(), Some(right));
        }
        for none in [
            "",
            "unknown",
            "_hidden",
            "192.0.2.7;proto=http",
            "::ffff:192.0.2.7%eth0",
            "[192.0.2.7]",
            "192.0.2",
            "\"192.0.2.7\"",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
