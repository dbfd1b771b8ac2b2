//! What the tests of this door are written with: a server with both doors, an HTTP client and a WebSocket client that
//! block with a deadline.
#![allow(unreachable_pub)]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

pub use chat_server::testing::{DEADLINE, MemoryStore, Setup, TestClient, TestServer, matches, quick};
use chat_web::{OpenSockets, Web, WebConfig};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

/// An operator key.
pub const KEY: &str = "open sesame, 2026";

/// Both doors on one router, on free ports of loopback.
pub struct Stage {
    pub server: Option<TestServer>,
    pub web: Option<Web>,
    pub sockets: OpenSockets,
}

impl Stage {
    pub fn start() -> Stage {
        Stage::with(quick(), WebConfig::default())
    }

    pub fn with(setup: impl Into<Setup>, web: WebConfig) -> Stage {
        let server = TestServer::with(setup);
        let web = WebConfig { addr: "127.0.0.1:0".into(), ..web };
        let web = Web::start(server.handle().clone(), web).expect("a free port on loopback");
        let sockets = web.sockets().clone();
        Stage { server: Some(server), web: Some(web), sockets }
    }

    pub fn addr(&self) -> SocketAddr {
        self.web.as_ref().expect("the page's door is open").addr()
    }

    pub fn server(&self) -> &TestServer {
        self.server.as_ref().expect("the server runs")
    }

    /// A user at the line door.
    pub fn line(&self, name: &str) -> TestClient {
        self.server().join(name)
    }

    /// A user with a session and no socket.
    pub fn guest(&self, name: &str) -> Guest {
        Guest::new(self.addr(), name)
    }

    /// A user with a session and one socket; what comes by that is read away.
    pub fn page(&self, name: &str) -> (Guest, Ws) {
        let guest = self.guest(name);
        let mut socket = guest.connect();
        socket.settle();
        (guest, socket)
    }

    pub fn call(&self, call: Call) -> Reply {
        call.on(self.addr())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The router first: its goodbye closes the sockets.
        drop(self.server.take());
        drop(self.web.take());
    }
}

/// A user with a token.
#[derive(Clone, Debug)]
pub struct Guest {
    pub addr: SocketAddr,
    pub id: String,
    pub token: String,
}

impl Guest {
    pub fn new(addr: SocketAddr, name: &str) -> Guest {
        let reply = post("/api/users", &json!({ "name": name })).on(addr);
        assert_eq!(reply.status, 201, "{}", reply.text());
        let user = reply.json();
        let text = |key: &str| user[key].as_str().expect("a string").to_string();
        Guest { addr, id: text("id"), token: text("token") }
    }

    /// One more WebSocket of this session.
    pub fn connect(&self) -> Ws {
        Ws::connect(self.addr, Some(&self.token)).expect("the door is open")
    }

    pub fn call(&self, call: Call) -> Reply {
        call.bearer(&self.token).on(self.addr)
    }
}

// ---- HTTP ----

/// A REST call.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub fn call(method: &str, path: &str) -> Call {
    Call { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
}

pub fn get(path: &str) -> Call {
    call("GET", path)
}

pub fn post(path: &str, body: &Value) -> Call {
    call("POST", path).header("content-type", "application/json").body(body.to_string())
}

impl Call {
    pub fn header(mut self, name: &str, value: &str) -> Call {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Call {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Call {
        self.body = body.into();
        self
    }

    /// Makes it, on a connection of its own.
    #[track_caller]
    pub fn on(&self, addr: SocketAddr) -> Reply {
        self.attempt(addr).unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.path))
    }

    pub fn attempt(&self, addr: SocketAddr) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.method, self.path);
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name == wanted);
        if !has("host") {
            head.push_str(&format!("host: {addr}\r\n"));
        }
        // Who has a cookie is a browser, and says whose page it is that calls.
        if has("cookie") && !has("origin") {
            head.push_str(&format!("origin: http://{addr}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() || self.method == "POST" {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"\r\n")?;
        // A server that refuses a body need not read it.
        let _refused = stream.write_all(&self.body);
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset && !bytes.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Reply::parse(&bytes).ok_or_else(|| io::Error::other(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Option<Reply> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pair = |line: &str| line.split_once(':').map(|(k, v)| (k.to_ascii_lowercase(), v.trim().to_string()));
        let headers: Vec<(String, String)> = lines.filter_map(pair).collect();
        let mut body = bytes[end + 4..].to_vec();
        if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
            body = unchunked(&body)?;
        }
        Some(Reply { status, headers, body })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The code of a problem, which has to be a whole one.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        for field in ["type", "title", "detail", "instance", "code"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {problem}");
        }
        let code = problem["code"].as_str().unwrap_or_default();
        assert_eq!(problem["type"], format!("/problems/{code}"));
        let number = self.header("x-request-id").expect("a request id");
        assert_eq!(problem["instance"], format!("/requests/{number}"));
        code.to_string()
    }
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(end + 2..end + 2 + size)?);
        bytes = bytes.get(end + 4 + size..)?;
    }
}

/// Asks again and again until it is as wanted: the read model follows the router a moment later.
#[track_caller]
pub fn eventually<T: std::fmt::Debug>(what: &str, mut ask: impl FnMut() -> T, right: impl Fn(&T) -> bool) -> T {
    let began = Instant::now();
    loop {
        let got = ask();
        if right(&got) {
            return got;
        }
        assert!(began.elapsed() < DEADLINE, "{what}: still {got:?}");
        std::thread::yield_now();
    }
}

// ---- WebSocket ----

/// What a socket gets.
#[derive(Clone, PartialEq, Debug)]
pub enum Heard {
    Frame(Value),
    /// A close frame's code and reason.
    Close(u16, String),
    /// The connection ended without one.
    Cut,
}

impl Heard {
    #[track_caller]
    pub fn frame(self) -> Value {
        match self {
            Heard::Frame(frame) => frame,
            other => panic!("expected a frame, got {other:?}"),
        }
    }
}

/// A WebSocket client.
pub struct Ws {
    socket: WebSocket<TcpStream>,
    waiting: VecDeque<Heard>,
    /// Presence frames that were skipped: they come when they come.
    skipped: VecDeque<Value>,
    pings: u64,
}

/// Refs from here on are the kit's own.
const OWN_REFS: u64 = 1_000_000_000;

impl Ws {
    /// Connects as a program does, or without saying who.
    pub fn connect(addr: SocketAddr, token: Option<&str>) -> Result<Ws, Box<Error>> {
        let token = token.map(|token| ("authorization", format!("Bearer {token}")));
        Ws::with(addr, token.as_slice())
    }

    /// Connects with these headers.
    pub fn with(addr: SocketAddr, headers: &[(&'static str, String)]) -> Result<Ws, Box<Error>> {
        Ws::over(TcpStream::connect(addr).map_err(Error::Io)?, headers)
    }

    /// Connects to this path with these headers.
    pub fn at(addr: SocketAddr, path: &str, headers: &[(&'static str, String)]) -> Result<Ws, Box<Error>> {
        Ws::over_at(TcpStream::connect(addr).map_err(Error::Io)?, path, headers)
    }

    /// Takes a connection over.
    pub fn over(stream: TcpStream, headers: &[(&'static str, String)]) -> Result<Ws, Box<Error>> {
        Ws::over_at(stream, "/ws", headers)
    }

    fn over_at(stream: TcpStream, path: &str, headers: &[(&'static str, String)]) -> Result<Ws, Box<Error>> {
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        let peer = stream.peer_addr().map_err(Error::Io)?;
        let mut request = format!("ws://{peer}{path}").into_client_request().map_err(Box::new)?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Ws { socket, waiting: VecDeque::new(), skipped: VecDeque::new(), pings: 0 }),
            Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
            Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("no answer to the upgrade in {DEADLINE:?}"),
        }
    }

    pub fn send(&mut self, frame: &Value) {
        self.send_raw(Message::text(frame.to_string()));
    }

    /// Sends anything. A peer that is gone is for the next read to find out.
    pub fn send_raw(&mut self, message: Message) {
        let _gone = self.socket.send(message);
    }

    /// Writes bytes past the library.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _gone = self.socket.get_mut().write_all(bytes);
    }

    /// What comes next, Presence too.
    #[track_caller]
    pub fn any(&mut self) -> Heard {
        if let Some(heard) = self.waiting.pop_front() {
            return heard;
        }
        self.read()
    }

    #[track_caller]
    fn read(&mut self) -> Heard {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    return Heard::Frame(serde_json::from_str(&text).expect("the server sends JSON"));
                }
                Ok(Message::Close(close)) => {
                    let _answered = self.socket.flush();
                    return close.map_or(Heard::Close(1005, String::new()), |c| {
                        Heard::Close(c.code.into(), c.reason.to_string())
                    });
                }
                Ok(_) => {}
                Err(Error::Io(e)) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    panic!("nothing came in {DEADLINE:?}")
                }
                Err(_) => return Heard::Cut,
            }
        }
    }

    /// The next frame, or the end; Presence is skipped.
    #[track_caller]
    pub fn next(&mut self) -> Heard {
        loop {
            match self.any() {
                Heard::Frame(frame) if frame["type"] == "Presence" => self.skipped.push_back(frame),
                heard => return heard,
            }
        }
    }

    /// A Presence frame like this one, which may have come already. What else comes before it will be read later.
    #[track_caller]
    pub fn presence(&mut self, wanted: &Value) -> Value {
        while let Some(frame) = self.skipped.pop_front() {
            if fits(wanted, &frame).is_ok() {
                return frame;
            }
        }
        let mut others = VecDeque::new();
        let frame = loop {
            match self.any() {
                Heard::Frame(frame) if fits(wanted, &frame).is_ok() => break frame,
                Heard::Frame(frame) if frame["type"] == "Presence" => {}
                Heard::Frame(frame) => others.push_back(Heard::Frame(frame)),
                end => panic!("{end:?} before {wanted}"),
            }
        };
        others.append(&mut self.waiting);
        self.waiting = others;
        frame
    }

    /// The next frame is this one, as far as it is said.
    #[track_caller]
    pub fn gets(&mut self, wanted: &Value) -> Value {
        let got = self.next();
        match &got {
            Heard::Frame(frame) => {
                if let Err(why) = fits(wanted, frame) {
                    panic!("{why}\n expected {wanted}\n      got {frame}");
                }
            }
            other => panic!("expected {wanted}\n     got {other:?}"),
        }
        got.frame()
    }

    /// Reads up to a frame like this one, and returns it.
    #[track_caller]
    pub fn until(&mut self, wanted: &Value) -> Value {
        loop {
            match self.any() {
                Heard::Frame(frame) if fits(wanted, &frame).is_ok() => return frame,
                Heard::Frame(_) => {}
                other => panic!("{other:?} before {wanted}"),
            }
        }
    }

    /// Reads until the end and returns what came before it, Presence left out.
    #[track_caller]
    pub fn rest(&mut self) -> (Vec<Value>, Heard) {
        let mut frames = Vec::new();
        loop {
            match self.next() {
                Heard::Frame(frame) => frames.push(frame),
                end => return (frames, end),
            }
        }
    }

    /// Waits until the router has handled all that was sent; what came meanwhile is returned and read away.
    #[track_caller]
    pub fn settle(&mut self) -> Vec<Value> {
        let (mut frames, end) = self.barrier();
        assert!(end.is_none(), "the socket ended: {end:?}");
        self.skipped.clear();
        frames.retain(|frame| frame["type"] != "Presence");
        frames
    }

    /// The same, but what came meanwhile will be read later.
    #[track_caller]
    pub fn sync(&mut self) {
        let (frames, end) = self.barrier();
        self.waiting.extend(frames.into_iter().map(Heard::Frame).chain(end));
    }

    #[track_caller]
    fn barrier(&mut self) -> (Vec<Value>, Option<Heard>) {
        self.pings += 1;
        let own = OWN_REFS + self.pings;
        let mut frames = Vec::new();
        let mut waiting = std::mem::take(&mut self.waiting);
        self.send(&json!({ "type": "Command", "ref": own, "line": "/why" }));
        loop {
            match waiting.pop_front().unwrap_or_else(|| self.read()) {
                Heard::Frame(frame) if frame["ref"] == own => return (frames, None),
                Heard::Frame(frame) => frames.push(frame),
                end => return (frames, Some(end)),
            }
        }
    }

    /// Waits until there is something with these words to read, and leaves it unread.
    #[track_caller]
    pub fn leaves_unread(&self, words: &str) {
        let mut there = vec![0; 64 * 1024];
        let has = |there: &[u8]| there.windows(words.len()).any(|part| part == words.as_bytes());
        eventually(
            words,
            || self.socket.get_ref().peek(&mut there).map(|bytes| has(&there[..bytes])).ok(),
            |has| *has == Some(true),
        );
    }

    /// Ends the connection without a word, as a network does.
    pub fn cut(&mut self) {
        let _gone_already = self.socket.get_ref().shutdown(Shutdown::Both);
    }

    /// Says goodbye as a page does and reads to the end.
    pub fn close(mut self) {
        let _gone = self.socket.close(None);
        while !matches!(self.any(), Heard::Cut) {}
    }
}

// ---- patterns ----

/// Whether a value is as the pattern says, as far as it says something (tests/transcripts/README.md).
pub fn fits(wanted: &Value, got: &Value) -> Result<(), String> {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (key, wanted) in wanted {
                fits(wanted, got.get(key).unwrap_or(&Value::Null)).map_err(|why| format!("{key}: {why}"))?;
            }
            Ok(())
        }
        (Value::Array(wanted), Value::Array(got)) => {
            let (wanted, open) = match wanted.split_last() {
                Some((last, before)) if last == "..." => (before, true),
                _ => (wanted.as_slice(), false),
            };
            if got.len() < wanted.len() || (got.len() > wanted.len() && !open) {
                return Err(format!("{} items, expected {}", got.len(), wanted.len()));
            }
            wanted.iter().zip(got).try_for_each(|(wanted, got)| fits(wanted, got))
        }
        (Value::String(pattern), Value::String(got)) if glob(pattern, got) => Ok(()),
        // A star alone is anything that is there.
        (Value::String(pattern), got) if pattern == "*" && !got.is_null() => Ok(()),
        // What is null, false or empty may be left out.
        (Value::Bool(false), Value::Null) => Ok(()),
        (Value::Object(empty), Value::Null) if empty.is_empty() => Ok(()),
        (Value::Array(empty), Value::Null) if empty.is_empty() => Ok(()),
        (wanted, got) if wanted == got => Ok(()),
        (wanted, got) => Err(format!("expected {wanted}, got {got}")),
    }
}

/// `*` is any run of characters, `...` at the end is any rest.
pub fn glob(pattern: &str, text: &str) -> bool {
    if let Some(start) = pattern.strip_suffix("...") {
        return glob(&format!("{start}*"), text);
    }
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    if rest.is_empty() {
        return true;
    }
    text.char_indices().map(|(i, _)| i).chain([text.len()]).any(|i| glob(rest, &text[i..]))
}
