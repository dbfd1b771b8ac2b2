//! The page's door by TLS and HTTP/2, frame by frame: what a client may do on one connection, and for how long.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use chat_server::config::Config;
use chat_server::testing::Scrape;
use chat_web::{Handshakes, Times, WebConfig};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

use crate::kit::{DEADLINE, Stage, call, eventually, get, quick};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A server with a certificate, and what its clients trust.
struct Secure {
    stage: Stage,
    trusted: Arc<ClientConfig>,
}

impl Secure {
    fn with(config: Config, times: Times) -> Secure {
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
        let cert = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let server = server.expect("versions").with_no_client_auth().with_single_cert(vec![cert.clone()], key);
        let mut server = server.expect("they belong together");
        server.alpn_protocols = Handshakes::PROTOCOLS.map(|protocol| protocol.as_bytes().to_vec()).to_vec();
        let server = Arc::new(server);
        let mut roots = RootCertStore::empty();
        roots.add(cert).expect("a root");
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut client = client.expect("versions").with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = vec![b"h2".to_vec()];
        let tls = Some(Handshakes(Arc::new(move || server.clone())));
        let stage = Stage::with(config, WebConfig { tls, times, ..WebConfig::default() });
        Secure { stage, trusted: Arc::new(client) }
    }

    fn connections(&self) -> usize {
        let scrape = Scrape::parse(&self.stage.server().handle().figures()).expect("figures");
        scrape.value("chat_web_connections").expect("they are counted") as usize
    }

    /// A connection of HTTP/2 whose client takes so many bytes of each answer before it says more.
    fn open(&self, window: u32) -> Http2 {
        let socket = plain(self.stage.addr());
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(self.trusted.clone(), name).expect("a client");
        let mut open = Http2 { stream: StreamOwned::new(tls, socket), next: 1 };
        open.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let window = window.to_be_bytes();
        open.frame(SETTINGS, 0, 0, &[0, 4, window[0], window[1], window[2], window[3]]);
        assert_eq!(open.stream.conn.alpn_protocol(), Some(&b"h2"[..]));
        open
    }
}

fn plain(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).expect("the door is open");
    socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    socket
}

/// A client that says frame by frame what it wants to.
struct Http2 {
    stream: StreamOwned<ClientConnection, TcpStream>,
    next: u32,
}

impl Http2 {
    fn write(&mut self, bytes: &[u8]) {
        // A client that is let go of hears of it when it reads.
        let _gone = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.write(&bytes);
    }

    /// Begins a call, and returns its number.
    fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], flags: u8) -> u32 {
        let mut head = Vec::new();
        for (name, value) in [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
            .iter()
            .chain(headers)
        {
            head.push(0);
            text(&mut head, name);
            text(&mut head, value);
        }
        let number = self.next;
        self.next += 2;
        let pieces: Vec<&[u8]> = head.chunks(16_000).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let is_last = at + 1 == pieces.len();
            let kind = if at == 0 { HEADERS } else { 9 };
            let first = if at == 0 { flags } else { 0 };
            self.frame(kind, first | if is_last { END_HEADERS } else { 0 }, number, piece);
        }
        number
    }

    fn get(&mut self, path: &str) -> u32 {
        self.call("GET", path, &[], END_STREAM)
    }

    /// The next frame, or why there is none.
    fn read(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload)?;
        Ok((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// The first byte of an answer's head (RFC 7541, appendix A: 0x88 is the status 200) and its body.
    fn answer(&mut self, number: u32) -> (u8, Vec<u8>) {
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let (kind, flags, stream, payload) = self.read().expect("an answer");
            if stream != number {
                continue;
            }
            match kind {
                HEADERS => status = payload[0],
                DATA => body.extend(payload),
                other => panic!("a frame of the kind {other}"),
            }
            if flags & END_STREAM != 0 {
                return (status, body);
            }
        }
    }

    /// Waits until the server has done all that was asked before, or is gone: then false.
    fn sync(&mut self) -> bool {
        self.frame(PING, 0, 0, b"in order");
        loop {
            match self.read() {
                Ok((PING, ACK, _, _)) => return true,
                Ok((GOAWAY, ..)) | Err(_) => return false,
                Ok(_) => {}
            }
        }
    }
}

/// A text as HPACK has it (RFC 7541, section 5.2).
fn text(head: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        head.push(length as u8);
    } else {
        head.push(127);
        length -= 127;
        while length >= 128 {
            head.push((length % 128) as u8 | 128);
            length /= 128;
        }
        head.push(length as u8);
    }
    head.extend(text.as_bytes());
}

#[test]
fn calls_stand_beside_each_other_and_a_long_head_is_refused() {
    let secure = Secure::with(quick(), Times::default());
    let mut client = secure.open(1 << 20);
    let calls = ["/", "/api/healthz", "/app.css"].map(|path| client.get(path));
    let last = client.answer(calls[2]);
    assert!(last.0 == 0x88 && last.1.starts_with(b":root"), "{:x} {:.40}", last.0, String::from_utf8_lossy(&last.1));
    let long = client.call("GET", "/api/healthz", &[("x-long", &"a".repeat(20_000))], END_STREAM);
    assert_ne!(client.answer(long).0, 0x88);
    let after = client.get("/api/healthz");
    assert_eq!(client.answer(after).0, 0x88, "the connection is as good as before");
    assert_eq!(get("/api/healthz").on(secure.stage.addr()).status, 200, "without TLS, too");
}

#[test]
fn a_client_that_has_more_calls_open_than_it_may_is_refused_the_next() {
    let secure = Secure::with(quick(), Times::default());
    let mut client = secure.open(1 << 20);
    let body = ("content-type", "application/json");
    let calls: Vec<u32> = (0..65).map(|_| client.call("POST", "/api/users", &[body], 0)).collect();
    let refused = loop {
        let (kind, _, stream, payload) = client.read().expect("a frame");
        if kind == RESET {
            break (stream, payload);
        }
    };
    assert_eq!(refused, (calls[64], vec![0, 0, 0, 7]), "REFUSED_STREAM");
}

#[test]
fn calls_that_are_only_taken_back_end_the_connection() {
    let secure = Secure::with(quick(), Times::default());
    // All at once, so that the server has not begun any.
    let mut client = secure.open(1 << 20);
    for _ in 0..500 {
        let number = client.get("/");
        client.frame(RESET, 0, number, &[0, 0, 0, 8]);
    }
    while client.sync() {}
    // Each as soon as the server has begun it.
    let mut client = secure.open(1 << 20);
    let mut count = 0;
    loop {
        let number = client.call("POST", "/api/users", &[("content-type", "application/json")], 0);
        if !client.sync() {
            break;
        }
        client.frame(RESET, 0, number, &[0, 0, 0, 8]);
        count += 1;
        assert!(count < 5_000, "it goes on");
    }
    assert!(count >= 100, "a browser may leave a page: {count}");
    eventually("both are gone", || secure.connections(), |open| *open == 0);
}

#[test]
fn a_client_that_takes_no_answer_is_let_go_of() {
    let config = Config { files: "127.0.0.1:0".into(), slow_secs: Duration::from_secs(1), ..quick() };
    let times = Times { head: Duration::from_secs(1), idle: Duration::from_secs(1), ..Times::default() };
    let secure = Secure::with(config, times);
    let ani = secure.stage.guest("ani");
    let upload = call("POST", "/api/files?name=x").header("content-type", "application/octet-stream");
    let file = ani.call(upload.body(vec![b'x'; 900_000])).json();
    let path = file["url"].as_str().expect("a path").to_string();
    eventually("the upload is over", || secure.connections(), |open| *open == 0);
    // One that takes nothing of a long answer, one that takes a little of it, and one that takes nothing of a short one. They go on
    // to speak: what they say is no reason to stay.
    for (window, path) in [(0, &path[..]), (70_000, &path), (0, "/app.css")] {
        let mut client = secure.open(window);
        let token = format!("Bearer {}", ani.token);
        client.call("GET", path, &[("authorization", &token)], END_STREAM);
        while client.sync() {
            std::thread::yield_now();
        }
        eventually("it is gone", || secure.connections(), |open| *open == 0);
    }
}

#[test]
fn a_handshake_has_its_time_and_needs_no_more_than_that() {
    let times = Times { head: Duration::from_millis(300), ..Times::default() };
    let secure = Secure::with(quick(), times);
    for begin in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16no handshake at all, whatever it may be"] {
        let mut socket = plain(secure.stage.addr());
        socket.write_all(begin).expect("it is taken");
        let mut rest = Vec::new();
        // At most an alert.
        let _cut = socket.read_to_end(&mut rest);
        assert!(rest.len() < 20, "{rest:?}");
    }
    // A client that has shaken hands and says no more.
    let mut silent = secure.open(1 << 20);
    while silent.read().is_ok() {}
    eventually("all are gone", || secure.connections(), |open| *open == 0);
}
