//! Calls the addresses that users give, by HTTP: no address inside, without redirects, and each call with an end. The senders of webhooks
//! and of pushes call by this and nothing else, each with threads of its own ([`Crew`]).
#![warn(missing_docs)]

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chat_server::features::programs::address::{Address, is_inside};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Response, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

mod crew;
#[cfg(test)]
#[path = "../tests/receiver/mod.rs"]
mod receiver;

pub use crew::{Crew, Ends, Names};

/// How much of an answer is read, for its first words.
const ANSWER: u64 = 4 * 1024;
/// How many characters of it are shown.
const SHOWN: usize = 80;

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// For whom, as the log says it: `webhooks`.
    pub whose: &'static str,
    /// Whether addresses of this machine and its network are called as well.
    pub inside: bool,
    /// The name of the setting that says so.
    pub setting: &'static str,
    /// How long a call may take, from the look-up of the name to the end of the answer.
    pub deadline: Duration,
    /// How many connections are kept for the next call.
    pub idle: usize,
}

/// What was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// After how long it wants to be called again, if it has said so in seconds.
    pub after: Option<Duration>,
    /// The status and the first words, without anything that moves a terminal's cursor.
    pub why: String,
}

impl Answer {
    /// Whether it is as it should be.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoAnswer {
    /// This server does not call that address.
    Forbidden(String),
    /// It did not work this time.
    Failed(String),
}

/// What makes calls. All threads share one.
#[derive(Clone)]
pub struct Caller(Agent);

/// The resolver that leads to no address inside. A name is looked up once, and what is looked at here is what is called.
#[derive(Debug)]
struct Outside {
    resolver: DefaultResolver,
    settings: Settings,
}

/// A name led to this address inside.
#[derive(Debug)]
struct Inside(IpAddr, &'static str);

impl std::fmt::Display for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it leads to {}, which is inside, and {} is off", self.0, self.1)
    }
}

impl std::error::Error for Inside {}

impl Resolver for Outside {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        match found.iter().find(|address| !self.settings.inside && is_inside(address.ip())) {
            Some(address) => Err(ureq::Error::Other(Box::new(Inside(address.ip(), self.settings.setting)))),
            None => Ok(found),
        }
    }
}

impl Caller {
    /// Calls by the certificates of authorities that this machine trusts.
    pub fn new(settings: Settings) -> Caller {
        let (found, whose) = (rustls_native_certs::load_native_certs(), settings.whose);
        for error in &found.errors {
            log::warn!("{whose}: a certificate of an authority cannot be read: {error}");
        }
        if found.certs.is_empty() {
            log::warn!(
                "{whose}: this machine knows no authority of certificates (Debian: ca-certificates), so no address is called by https"
            );
        }
        let roots: Vec<Certificate<'static>> =
            found.certs.iter().map(|cert| Certificate::from_der(cert).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(settings.deadline))
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy would look the name up by itself.
            .proxy(None)
            .max_idle_connections(settings.idle)
            .user_agent(concat!("chatd/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = Outside { resolver: DefaultResolver::default(), settings };
        Caller(Agent::with_parts(config, DefaultConnector::default(), resolver))
    }

    /// Posts a body.
    ///
    /// # Errors
    /// There is no answer, or the address lies inside.
    pub fn post(&self, address: &Address, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, NoAnswer> {
        let call = self.0.post(address.reveal());
        let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, *value));
        match call.send(body) {
            Ok(response) => Ok(answered(response)),
            Err(ureq::Error::Other(error)) if error.is::<Inside>() => Err(NoAnswer::Forbidden(error.to_string())),
            // It may name the address with all that stands in it.
            Err(ureq::Error::BadUri(_)) => Err(NoAnswer::Forbidden("its address cannot be called".into())),
            Err(error) => Err(NoAnswer::Failed(in_short(&error.to_string()))),
        }
    }
}

fn answered(mut response: Response<ureq::Body>) -> Answer {
    let status = response.status();
    let after = response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
    let after = after.map(Duration::from_secs);
    let mut words = Vec::new();
    if !status.is_success() {
        // What cannot be read within the time of the call is not shown.
        let _read_as_far_as_it_came = response.body_mut().as_reader().take(ANSWER).read_to_end(&mut words);
    }
    let note = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    let why = format!("answer {}{note}{}", status.as_u16(), first_words(&String::from_utf8_lossy(&words)));
    Answer { status: status.as_u16(), after, why }
}

fn first_words(answer: &str) -> String {
    let line = answer.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.is_empty() { String::new() } else { format!(": {}", in_short(line)) }
}

fn in_short(words: &str) -> String {
    words.chars().filter(|sign| !sign.is_control()).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::{Receiver, answer};
    use std::io::Write;
    use std::time::Instant;

    const CALL: Duration = Duration::from_secs(10);

    fn caller(inside: bool, deadline: Duration) -> Caller {
        Caller::new(Settings { whose: "webhooks", inside, setting: "webhooks_inside", deadline, idle: 0 })
    }

    fn post(caller: &Caller, address: &str) -> Result<Answer, NoAnswer> {
        caller.post(&Address::parse(address).unwrap(), &[("content-type", "application/json")], b"{}")
    }

    #[test]
    fn a_receiver_gets_the_headers_and_the_body() {
        let receiver = Receiver::answering(&[&answer("204 No Content", "", "")]);
        let told = post(&caller(true, CALL), &format!("http://{}/Chat?key=x", receiver.addr)).unwrap();
        assert!(told.is_success() && told.status == 204, "{told:?}");
        let got = receiver.next();
        assert_eq!((got.first.as_str(), got.body.as_str()), ("POST /Chat?key=x HTTP/1.1", "{}"));
        let header = |name: &str| got.headers.get(name).map(String::as_str);
        assert_eq!(header("content-type"), Some("application/json"));
        assert!(header("user-agent").is_some_and(|name| name.starts_with("chatd/")), "{got:?}");
    }

    #[test]
    fn what_is_answered_is_told_in_short() {
        let long = format!("no\x1b[31m such hook {}", "x".repeat(10_000));
        let other = Receiver::answering(&[&answer("200 OK", "", "")]);
        let told = |status, why: &str| Answer { status, after: None, why: why.into() };
        for (given, right) in [
            (answer("500 Oh", "", ""), told(500, "answer 500")),
            (answer("401 Who", "", "\r\n bad signature \r\nmore"), told(401, "answer 401: bad signature")),
            (answer("404 No", "", &long), told(404, &format!("answer 404: no[31m such hook {}", "x".repeat(63)))),
            (
                answer("302 Found", &format!("Location: http://{}/\r\n", other.addr), ""),
                told(302, "answer 302, and redirects are not followed"),
            ),
            (
                answer("503 Later", "Retry-After: 77\r\n", ""),
                Answer { after: Some(Duration::from_secs(77)), ..told(503, "answer 503") },
            ),
            (answer("410 Gone", "", ""), told(410, "answer 410")),
            // What is behind a good status does not count.
            ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".into(), told(200, "answer 200")),
        ] {
            let receiver = Receiver::answering(&[&given]);
            let address = format!("http://{}/", receiver.addr);
            assert_eq!(post(&caller(true, CALL), &address), Ok(right), "{given}");
        }
        assert!(other.is_quiet(), "a redirect was followed");
    }

    #[test]
    fn a_slow_or_endless_answer_has_an_end() {
        type Answering = fn(std::net::TcpStream);
        let silent: Answering = |stream| std::mem::forget(stream);
        let endless_head: Answering = |mut stream| {
            let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(b"X-More: and more\r\n").is_ok() {}
        };
        let no_http: Answering = |mut stream| drop(stream.write_all(b"220 mail.example ESMTP\r\n"));
        let soon = caller(true, Duration::from_millis(300));
        for (what, answering) in [silent, endless_head, no_http].into_iter().enumerate() {
            let receiver = Receiver::new(answering);
            let began = Instant::now();
            let told = post(&soon, &format!("http://{}/", receiver.addr));
            assert!(matches!(told, Err(NoAnswer::Failed(_))), "{what}: {told:?}");
            assert!(began.elapsed() < Duration::from_secs(15), "{what}");
        }
        let endless_body = Receiver::new(|mut stream| {
            let _gone = stream.write_all(b"HTTP/1.1 500 Oh\r\n\r\n");
            while stream.write_all(b"and more and more and more").is_ok() {}
        });
        let told = post(&soon, &format!("http://{}/", endless_body.addr));
        assert!(told.as_ref().is_ok_and(|told| told.status == 500), "{told:?}");
        assert!(matches!(post(&soon, "http://127.0.0.1:1/"), Err(NoAnswer::Failed(_))), "a closed port");
    }

    #[test]
    fn no_name_and_no_form_of_an_address_leads_inside() {
        let receiver = Receiver::answering(&[&answer("200 OK", "", "")]);
        let port = receiver.addr.port();
        let outside = caller(false, CALL);
        for host in [
            "localhost",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fd00::1]",
            "[fe80::1]",
            "169.254.169.254",
            "192.168.0.1",
        ] {
            let told = post(&outside, &format!("http://{host}:{port}/"));
            assert!(
                matches!(&told, Err(NoAnswer::Forbidden(why)) if why.contains("inside, and webhooks_inside is off")),
                "{host}: {told:?}"
            );
        }
        assert!(receiver.is_quiet());
        let told = post(&caller(true, CALL), &format!("http://localhost:{port}/"));
        assert!(told.is_ok_and(|told| told.is_success()), "where it is allowed");
    }
}
