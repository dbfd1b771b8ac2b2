//! Figures for Prometheus, over just enough HTTP: a few calls at a time, each with a deadline.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use crate::chat::hooks::Hooks;
use crate::config::hosts::{Called, Hosts};
use crate::model::address::neighbourhood;
use crate::net::accepting::{self, failed};
use crate::net::connection::STACK;
use crate::net::server::{Part, ServerHandle, Starting};
use crate::sync::Mutex;

/// How long one call may take, from its connection to its last byte.
const DEADLINE: Duration = Duration::from_secs(2);
/// The longest request head that is read.
const MAX_HEAD: usize = 8 * 1024;
/// The most calls at a time, and of one neighbourhood of addresses.
const CALLS: usize = 8;
const CALLS_EACH: usize = 4;

/// The listener for the figures: a part of a server.
pub struct Exporter {
    listener: TcpListener,
    addr: SocketAddr,
    calls: Mutex<HashMap<IpAddr, usize>>,
}

/// One call's place.
struct Place<'a> {
    exporter: &'a Exporter,
    address: IpAddr,
}

impl Exporter {
    /// Serves the figures on a listener.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn on(listener: TcpListener) -> io::Result<Exporter> {
        Ok(Exporter { addr: listener.local_addr()?, listener, calls: Mutex::default() })
    }

    /// The address that is really listened on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until the server stops and this listener is woken. Every thread has ended when it returns.
    fn run(&self, handle: &ServerHandle) {
        thread::scope(|scope| {
            let take = |accepted: io::Result<(TcpStream, SocketAddr)>| {
                let (socket, peer) = accepted.map_err(|error| failed("metrics: cannot take connections", &error))?;
                let Some(place) = self.place(peer.ip()) else {
                    // A new socket has room for it, so this does not wait.
                    let _gone_already = (&socket).write_all(&Answer::busy().render(false));
                    return Ok(ControlFlow::Continue(()));
                };
                let call = move || {
                    if let Err(error) = serve(&socket, handle) {
                        log::debug!("metrics ({peer}): {error}");
                    }
                    drop(place);
                };
                let thread = thread::Builder::new().name("metrics-call".into()).stack_size(STACK);
                let started = thread.spawn_scoped(scope, call);
                started.map_err(|error| failed(&format!("metrics: no thread for {peer}"), &error))?;
                Ok(ControlFlow::Continue(()))
            };
            accepting::each(accepting::connections(&self.listener, || handle.is_stopping()), take, thread::sleep);
        });
    }

    fn place(&self, address: IpAddr) -> Option<Place<'_>> {
        let address = neighbourhood(address);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let own = calls.get(&address).copied().unwrap_or(0);
        if own >= CALLS_EACH || calls.values().sum::<usize>() >= CALLS {
            return None;
        }
        calls.insert(address, own + 1);
        Some(Place { exporter: self, address })
    }
}

impl<F: Hooks> Part<F> for Exporter {
    fn join(&mut self, handle: &ServerHandle) {
        handle.wake_at_the_end(self.addr);
    }

    fn start<'scope, 'env>(&'env mut self, starting: &Starting<'scope, 'env>) -> io::Result<()> {
        let handle = starting.handle();
        starting.thread("metrics", move || self.run(handle))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut calls = self.exporter.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get_mut(&self.address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(calls.remove(&self.address)),
        }
    }
}

/// One call, from its first byte to the last of its answer.
fn serve(mut socket: &TcpStream, handle: &ServerHandle) -> io::Result<()> {
    let until = Instant::now() + DEADLINE;
    let left = || match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::from(ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut head = Vec::new();
    let mut part = [0; 1_024];
    while !is_whole(&head) && head.len() <= MAX_HEAD {
        socket.set_read_timeout(Some(left()?))?;
        match socket.read(&mut part)? {
            // Nothing, or the end of what a user typed.
            0 if head.is_empty() => return Ok(()),
            0 => break,
            count => head.extend_from_slice(&part[..count]),
        }
    }
    let (answer, is_head) = match Head::read(&head) {
        _ if head.len() > MAX_HEAD => {
            (Answer::text("431 Request Header Fields Too Large", "A head has at most 8 KiB.\n"), false)
        }
        None => (Answer::text("400 Bad Request", "This is no HTTP: GET /metrics HTTP/1.1, and one Host.\n"), false),
        Some(asked) => (asked.answer(&handle.config().web_hosts, || handle.figures()), asked.method == "HEAD"),
    };
    let bytes = answer.render(is_head);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        socket.set_write_timeout(Some(left()?))?;
        match socket.write(rest)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            count => rest = &rest[count..],
        }
    }
    Ok(())
}

/// Whether the empty line behind a head is there. Lines of people end without CR (RFC 9112, section 2.2).
fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n")
}

/// What of a request's head counts here.
struct Head<'a> {
    method: &'a str,
    path: &'a str,
    called: Called<'a>,
}

impl<'a> Head<'a> {
    /// `None`: it is no head of HTTP/1, or says not exactly once which server it means.
    fn read(head: &'a [u8]) -> Option<Head<'a>> {
        let mut lines = std::str::from_utf8(head).ok()?.lines().take_while(|line| !line.is_empty());
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !version.starts_with("HTTP/1.") {
            return None;
        }
        let mut asked = Head { method, path: target, called: Called::default() };
        let mut host = None;
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "host" if host.replace(value).is_some() => return None,
                "origin" => asked.called.origin = Some(value),
                "sec-fetch-site" => asked.called.has_fetch_site = true,
                _ => {}
            }
        }
        asked.called.host = host?;
        // An address in full names the server itself, and its word counts (RFC 9112, section 3.2.2).
        if let Some(rest) = target.strip_prefix("http://") {
            let (host, _) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (asked.called.host, asked.path) = (host, &rest[host.len()..]);
        }
        asked.path = asked.path.split('?').next().unwrap_or_default();
        Some(asked)
    }

    fn answer(&self, hosts: &Hosts, figures: impl Fn() -> String) -> Answer {
        if !self.called.is_known(hosts, std::iter::empty()) {
            return Answer::text(
                "421 Misdirected Request",
                "This server does not go by the name in Host. Call it by its address, or add the name to web_hosts.\n",
            );
        }
        match (self.path, self.method) {
            ("/metrics" | "/" | "", "GET" | "HEAD") => Answer { status: "200 OK", body: figures() },
            ("/metrics" | "/" | "", _) => Answer::text(NO_METHOD, "The figures take GET and HEAD.\n"),
            _ => Answer::text("404 Not Found", "The figures are at /metrics.\n"),
        }
    }
}

const NO_METHOD: &str = "405 Method Not Allowed\r\nAllow: GET, HEAD";

struct Answer {
    status: &'static str,
    body: String,
}

impl Answer {
    fn text(status: &'static str, body: &str) -> Answer {
        Answer { status, body: body.into() }
    }

    fn busy() -> Answer {
        Answer::text(
            "503 Service Unavailable\r\nRetry-After: 2",
            "So many ask for the figures already. Try again in 2 s.\n",
        )
    }

    /// The bytes; of an answer to `HEAD` all but the body.
    fn render(&self, is_head: bool) -> Vec<u8> {
        let Answer { status, body } = self;
        let length = body.len();
        let body = if is_head { "" } else { body };
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn status(head: &str) -> &'static str {
        let hosts = Hosts::parse("chat.example").unwrap();
        Head::read(head.as_bytes())
            .map_or("400", |asked| asked.answer(&hosts, || "x 1\n".into()).status.get(..3).unwrap())
    }

    #[test]
    fn prometheus_and_probes_are_answered_and_other_names_are_not() {
        let host = "Host: 127.0.0.1:9878\r\n\r\n";
        for (line, right) in [
            ("GET /metrics HTTP/1.1", "200"),
            ("GET / HTTP/1.0", "200"),
            ("HEAD /metrics HTTP/1.1", "200"),
            ("GET /metrics?name=x&name=y HTTP/1.1", "200"),
            ("GET /?x HTTP/1.1", "200"),
            ("GET http://127.0.0.1:9878/metrics?x HTTP/1.1", "200"),
            ("GET http://chat.example HTTP/1.1", "200"),
            ("GET http://evil.example/metrics HTTP/1.1", "421"),
            ("POST /metrics HTTP/1.1", "405"),
            ("GET /metricsx HTTP/1.1", "404"),
            ("GET /metrics/ HTTP/1.1", "404"),
            ("GET  /metrics HTTP/1.1", "400"),
            ("GET /metrics", "400"),
            ("GET /metrics SPDY/3", "400"),
        ] {
            assert_eq!(status(&format!("{line}\r\n{host}")), right, "{line}");
        }
        for (headers, right) in [
            ("host: localhost:9878", "200"),
            ("Host: chat.example", "200"),
            ("Host: evil.example", "421"),
            ("Host: evil.example\r\nX-Forwarded-Host: localhost", "421"),
            ("Host: evil.example\r\nOrigin: http://evil.example", "421"),
            ("Host: evil.example\r\nOrigin: https://evil.example", "200"),
            ("X: y", "400"),
            ("Host: localhost\r\nHost: evil.example", "400"),
            ("Host: localhost\r\nno header", "400"),
        ] {
            assert_eq!(status(&format!("GET /metrics HTTP/1.1\r\n{headers}\r\n\r\n")), right, "{headers}");
        }
        assert_eq!(status("GET /metrics HTTP/1.1\nHost: localhost\n\n"), "200", "typed by a person");
    }

    #[test]
    fn the_answer_to_head_has_the_length_and_no_body() {
        let answer = Answer { status: "200 OK", body: "x 1\n".into() };
        let (whole, head) = (answer.render(false), answer.render(true));
        assert_eq!(whole.strip_prefix(&head[..]), Some(&b"x 1\n"[..]));
        assert!(String::from_utf8(head).unwrap().contains("Content-Length: 4\r\n"));
    }

    #[test]
    fn a_neighbourhood_has_half_of_the_places_and_gives_them_back() {
        let exporter = Exporter::on(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let place = |address: &str| exporter.place(address.parse().unwrap());
        let near: Vec<_> = (0..CALLS_EACH).map(|i| place(&format!("2001:db8::{i}"))).collect();
        assert!(near.iter().all(Option::is_some) && place("2001:db8::99").is_none());
        let far: Vec<_> = (0..CALLS_EACH).map(|_| place("192.0.2.7")).collect();
        assert!(far.iter().all(Option::is_some) && place("::ffff:192.0.2.7").is_none() && place("192.0.2.8").is_none());
        drop(near);
        assert!(place("192.0.2.8").is_some() && place("192.0.2.7").is_none());
        drop(far);
        assert!(exporter.calls.lock().unwrap().is_empty());
    }
}
