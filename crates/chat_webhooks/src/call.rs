//! One call of a receiver: to no address inside, without redirects, and with an end.

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chat_server::features::programs::address::{Address, is_inside};
use chat_server::model::secrets::Secret;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::signature::signature;

/// How long a call may take, from the look-up of the name to the end of the answer.
pub(crate) const CALL: Duration = Duration::from_secs(10);
/// How much of an answer is read, for its first words.
const ANSWER: u64 = 4 * 1024;
/// How many characters of it are shown.
const SHOWN: usize = 80;

/// What is to be sent where.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) webhook: u64,
    pub(crate) event: u64,
    pub(crate) address: Address,
    pub(crate) secret: Secret,
    pub(crate) body: Arc<str>,
    /// Seconds since 1970.
    pub(crate) timestamp: i64,
}

/// What became of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It does not, and may have it later: why, and after how long it wants to be called again.
    Failed(String, Option<Duration>),
    /// This server does not call that address.
    Forbidden(String),
    /// The receiver wants nothing more.
    Gone,
}

/// What calls receivers. All threads share one.
#[derive(Clone)]
pub(crate) struct Caller(Agent);

/// The resolver that leads to no address inside. A name is looked up once, and what is looked at here is what is called.
#[derive(Debug)]
struct Outside {
    resolver: DefaultResolver,
    /// Whether addresses inside are called all the same.
    inside: bool,
}

/// A name led to this address inside.
#[derive(Debug)]
struct Inside(IpAddr);

impl std::fmt::Display for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it leads to {}, which is inside, and webhooks_inside is off", self.0)
    }
}

impl std::error::Error for Inside {}

impl Resolver for Outside {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        match found.iter().find(|address| !self.inside && is_inside(address.ip())) {
            Some(address) => Err(ureq::Error::Other(Box::new(Inside(address.ip())))),
            None => Ok(found),
        }
    }
}

impl Caller {
    /// Calls by the certificates of authorities that this machine trusts. A call takes no longer than `deadline`.
    pub(crate) fn new(inside: bool, deadline: Duration) -> Caller {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            log::warn!("webhooks: a certificate of an authority cannot be read: {error}");
        }
        if found.certs.is_empty() {
            log::warn!(
                "webhooks: this machine knows no authority of certificates (Debian: ca-certificates), so no receiver is called by https"
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
            .timeout_global(Some(deadline))
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy would look the name up by itself.
            .proxy(None)
            // The receiver of one webhook is called again much later than servers wait.
            .max_idle_connections(0)
            .user_agent(concat!("chatd/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = Outside { resolver: DefaultResolver::default(), inside };
        Caller(Agent::with_parts(config, DefaultConnector::default(), resolver))
    }

    pub(crate) fn call(&self, job: &Job) -> Outcome {
        let id = format!("{}-{}", job.webhook, job.event);
        let Some(signature) = signature(&job.secret, &id, job.timestamp, &job.body) else {
            return Outcome::Forbidden("its secret is damaged: make the webhook anew".into());
        };
        let call = self.0.post(job.address.reveal()).header(header::CONTENT_TYPE, "application/json");
        let call = call.header("webhook-id", id).header("webhook-timestamp", job.timestamp.to_string());
        match call.header("webhook-signature", signature).send(job.body.as_bytes()) {
            Ok(response) => answered(response),
            Err(ureq::Error::Other(error)) if error.is::<Inside>() => Outcome::Forbidden(error.to_string()),
            // It may name the address with all that stands in it.
            Err(ureq::Error::BadUri(_)) => Outcome::Forbidden("its address cannot be called".into()),
            Err(error) => Outcome::Failed(in_short(&error.to_string()), None),
        }
    }
}

fn answered(mut response: Response<ureq::Body>) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Delivered;
    }
    if status == StatusCode::GONE {
        return Outcome::Gone;
    }
    let after = response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
    let mut words = Vec::new();
    // What cannot be read within the time of the call is not shown.
    let _read_as_far_as_it_came = response.body_mut().as_reader().take(ANSWER).read_to_end(&mut words);
    let note = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    let why = format!("answer {}{note}{}", status.as_u16(), first_words(&String::from_utf8_lossy(&words)));
    Outcome::Failed(why, after.map(Duration::from_secs))
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

    fn job(address: &str) -> Job {
        let (address, secret) =
            (Address::parse(address).unwrap(), Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        Job { webhook: 3, event: 42, address, secret, body: "{\"type\":\"Message\"}".into(), timestamp: 1_614_265_330 }
    }

    /// A call that may go inside, and gives up soon.
    fn call(address: &str) -> Outcome {
        Caller::new(true, Duration::from_millis(300)).call(&job(address))
    }

    #[test]
    fn a_receiver_gets_the_body_and_what_it_checks_it_by() {
        let receiver = Receiver::answering(&[&answer("204 No Content", "", "")]);
        let outcome = Caller::new(true, CALL).call(&job(&format!("http://{}/Chat?key=x", receiver.addr)));
        assert_eq!(outcome, Outcome::Delivered);
        let got = receiver.next();
        assert_eq!((got.first.as_str(), got.body.as_str()), ("POST /Chat?key=x HTTP/1.1", "{\"type\":\"Message\"}"));
        let header = |name: &str| got.headers.get(name).map(String::as_str);
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!((header("webhook-id"), header("webhook-timestamp")), (Some("3-42"), Some("1614265330")));
        assert!(header("webhook-signature").is_some_and(|signature| signature.starts_with("v1,")), "{got:?}");
        assert!(header("user-agent").is_some_and(|name| name.starts_with("chatd/")), "{got:?}");
    }

    #[test]
    fn what_a_receiver_answers_is_told_in_short() {
        let long = format!("no\x1b[31m such hook {}", "x".repeat(10_000));
        let other = Receiver::answering(&[&answer("200 OK", "", "")]);
        let failed = |why: &str| Outcome::Failed(why.into(), None);
        for (given, outcome) in [
            (answer("500 Oh", "", ""), failed("answer 500")),
            (answer("401 Who", "", "\r\n bad signature \r\nmore"), failed("answer 401: bad signature")),
            (answer("404 No", "", &long), failed(&format!("answer 404: no[31m such hook {}", "x".repeat(63)))),
            (
                answer("302 Found", &format!("Location: http://{}/\r\n", other.addr), ""),
                failed("answer 302, and redirects are not followed"),
            ),
            (
                answer("503 Later", "Retry-After: 77\r\n", ""),
                Outcome::Failed("answer 503".into(), Some(Duration::from_secs(77))),
            ),
            (answer("410 Gone", "", "bye"), Outcome::Gone),
            // What is behind a good status does not count.
            ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".into(), Outcome::Delivered),
        ] {
            let receiver = Receiver::answering(&[&given]);
            assert_eq!(Caller::new(true, CALL).call(&job(&format!("http://{}/", receiver.addr))), outcome, "{given}");
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
        let endless_body: Answering = |mut stream| {
            let _gone = stream.write_all(b"HTTP/1.1 500 Oh\r\n\r\n");
            while stream.write_all(b"and more and more and more").is_ok() {}
        };
        let no_http: Answering = |mut stream| drop(stream.write_all(b"220 mail.example ESMTP\r\n"));
        for (what, answering) in [silent, endless_head, endless_body, no_http].into_iter().enumerate() {
            let receiver = Receiver::new(answering);
            let began = Instant::now();
            let outcome = call(&format!("http://{}/", receiver.addr));
            assert!(matches!(outcome, Outcome::Failed(..)), "{what}: {outcome:?}");
            assert!(began.elapsed() < Duration::from_secs(15), "{what}");
        }
        assert!(matches!(call("http://127.0.0.1:1/"), Outcome::Failed(..)), "a closed port");
    }

    #[test]
    fn no_name_and_no_form_of_an_address_leads_inside() {
        let receiver = Receiver::answering(&[&answer("200 OK", "", "")]);
        let port = receiver.addr.port();
        let outside = Caller::new(false, CALL);
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
            let outcome = outside.call(&job(&format!("http://{host}:{port}/")));
            assert!(matches!(&outcome, Outcome::Forbidden(why) if why.contains("inside")), "{host}: {outcome:?}");
        }
        assert!(receiver.is_quiet());
        let outcome = Caller::new(true, CALL).call(&job(&format!("http://localhost:{port}/")));
        assert_eq!(outcome, Outcome::Delivered, "where it is allowed");
    }

    #[test]
    fn a_damaged_secret_signs_nothing() {
        let job = Job { secret: Secret::new("whsec_!"), ..job("http://127.0.0.1:1/") };
        assert!(matches!(Caller::new(true, CALL).call(&job), Outcome::Forbidden(_)));
    }
}
