//! Forty people behind one address are a class and no attack: they come in the morning, all at once, with the settings as they are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{self, Chatd, DEADLINE, hears, says};

const CLASS: usize = 40;
/// So many connections a browser opens for one page.
const BROWSER: usize = 6;

/// Where all wait for each other, and none for ever: one that failed never comes.
#[derive(Default)]
struct Meeting(Mutex<usize>, Condvar);

impl Meeting {
    fn wait(&self) {
        let mut came = self.0.lock().expect("no panic in here");
        *came += 1;
        let round = came.div_ceil(CLASS) * CLASS;
        self.1.notify_all();
        let (came, _) = self.1.wait_timeout_while(came, 4 * DEADLINE, |came| *came < round).expect("no panic in here");
        assert!(*came >= round, "somebody does not come");
    }
}

/// A connection of a browser: one call after the other, and a new one where the server has closed the old one meanwhile.
struct Connection<'a> {
    page: &'a str,
    stream: Option<TcpStream>,
}

/// The status and all of what came.
struct Reply {
    status: u16,
    text: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn body(&self) -> serde_json::Value {
        let (_, body) = self.text.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl<'a> Connection<'a> {
    fn new(page: &'a str) -> Connection<'a> {
        Connection { page, stream: Some(kit::connect(page)) }
    }

    /// A call's answer. Where passwords are looked at already it is made again after a while, as the page does; any other refusal
    /// is one that a class should not meet.
    fn call(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let until = Instant::now() + 3 * DEADLINE;
        loop {
            assert!(Instant::now() < until, "{method} {path} does not go");
            let Some(reply) = self.attempt(method, path, headers, body) else { continue };
            let wait = reply.header("retry-after").and_then(|seconds| seconds.parse().ok());
            match (reply.status, wait) {
                (503, Some(seconds)) if reply.text.contains("store-unavailable") => {
                    thread::sleep(Duration::from_secs(seconds));
                }
                _ => return reply,
            }
        }
    }

    fn attempt(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Option<Reply> {
        let mut stream = self.stream.take().unwrap_or_else(|| kit::connect(self.page));
        let length = body.len();
        let origin = format!("Origin: http://{}\r\n", self.page);
        let origin = if method == "GET" { "" } else { &origin };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n{origin}{headers}\r\n{body}",
            self.page
        );
        stream.write_all(request.as_bytes()).ok()?;
        let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1_024]);
        loop {
            let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(&buffer[..count]);
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let value =
                |name: &str| head.lines().find_map(|line| line.strip_prefix(name).map(str::trim).map(String::from));
            let length: usize = value("content-length:").map_or(0, |length| length.parse().expect("a number"));
            if bytes.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
                if value("connection:").is_none() {
                    self.stream = Some(stream);
                }
                return Some(Reply { status, text: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
    }
}

/// One of the class: the page with all that belongs to it, a name of one's own, a WebSocket, a word, and a look for it.
fn morning(page: &str, number: usize, all: &Meeting) {
    all.wait();
    let mut browser: Vec<Connection<'_>> = (0..BROWSER).map(|_| Connection::new(page)).collect();
    let shell = browser[0].call("GET", "/", "", "");
    assert_eq!(shell.status, 200);
    let mut paths: Vec<&str> =
        shell.text.split('"').filter(|part| part.starts_with("/js/") || part.ends_with(".css")).collect();
    paths.extend(["/api/server", "/api/users"]);
    thread::scope(|scope| {
        for (connection, own) in browser.iter_mut().zip(0..) {
            let paths = paths.iter().skip(own).step_by(BROWSER);
            scope.spawn(move || {
                for path in paths {
                    let path = if path.starts_with('/') { (*path).to_string() } else { format!("/{path}") };
                    assert_eq!(connection.call("GET", &path, "", "").status, 200, "{path}");
                }
            });
        }
    });
    all.wait();
    let json = "Content-Type: application/json\r\n";
    let account = format!("{{\"name\":\"pupil{number}\",\"password\":\"a-sentence-of-{number}\"}}");
    // On a machine that has no time left the answer is to try again, and so this does.
    let replies = std::iter::repeat_with(|| browser[0].call("POST", "/api/accounts", json, &account)).take(5);
    let reply = replies.into_iter().find(|reply| reply.status != 503).expect("the store answers");
    assert_eq!(reply.status, 201, "{}", reply.text);
    let session = reply.body();
    let key = format!("Authorization: Bearer {}\r\n", session["token"].as_str().expect("a token"));
    let mut socket = kit::connect(page);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    says(
        &mut std::io::BufReader::new(socket.try_clone().expect("a clone")),
        &format!("GET /ws HTTP/1.1\r\nHost: {page}\r\n{upgrade}{key}\r\n"),
    );
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).expect("an answer to the upgrade");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    let word = format!("{{\"text\":\"good morning from seat{number}\"}}");
    let reply = browser[1].call("POST", "/api/messages", &format!("{json}{key}"), &word);
    assert_eq!(reply.status, 201, "{}", reply.text);
    all.wait();
    let reply = browser[2].call("GET", "/api/search?q=morning&limit=10", &key, "");
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.body()["messages"].as_array().map(Vec::len), Some(10), "{}", reply.text);
    // No user leaves before all have found it.
    all.wait();
}

#[test]
fn the_morning_of_forty_people_behind_one_address() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data").display().to_string();
    let chatd = Chatd::start(&["--data", &data]);
    let all = Meeting::default();
    let (page, all) = (chatd.page.as_str(), &all);
    thread::scope(|scope| {
        let class: Vec<_> = (0..CLASS).map(|number| scope.spawn(move || morning(page, number, all))).collect();
        class.into_iter().for_each(|one| one.join().expect("a good morning"));
    });
    // A teacher at the line door, from the same address.
    let mut teacher = chatd.join("teacher");
    says(&mut teacher, "PING:here\n");
    hears(&mut teacher, " PONG here");
}

/// Where the system gives few descriptors, what one address holds at the page's door leaves enough for the line door.
#[test]
fn the_page_leaves_descriptors_to_the_other_doors() {
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        shell.env_remove(name);
    }
    shell.args([
        "-c",
        "ulimit -n 256; exec \"$0\" --data off --log warn --max-clients 100",
        env!("CARGO_BIN_EXE_chatd"),
    ]);
    let chatd = Chatd::run(&mut shell);
    let open = |bytes: &[u8]| {
        let mut stream = kit::connect(&chatd.page);
        let _turned_away = stream.write_all(bytes);
        stream
    };
    // From one address and, by an open limit for it, as if from many.
    let held: Vec<TcpStream> = (0..300).map(|_| open(b"GET / HTTP/1.1\r\nHost: x\r\nX-a: ")).collect();
    let people: Vec<_> = (0..20).map(|i| chatd.join(&format!("p{i}"))).collect();
    let answer = chatd.call("GET", "/api/healthz", "", "");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(chatd.count("fd") < 256 - 64, "{} descriptors", chatd.count("fd"));
    drop((held, people));
    assert!(!chatd.log().contains("cannot take connections"), "{}", chatd.log());
}

/// What the manual says of limits by address is what a server has that no user has set.
#[test]
fn the_manual_has_the_limits_by_address_as_they_are() {
    let manual = include_str!("../../../../deploy/README.md");
    let (_, table) = manual.split_once("| limit by address | setting | default |").expect("the table");
    let (_, example, _) = kit::output(&["config", "--example"]);
    let default = |setting: &str| {
        let line = example.lines().find_map(|line| line.strip_prefix(&format!("# {setting} = ")));
        line.unwrap_or_else(|| panic!("there is no setting {setting}")).parse::<u64>().expect("a number")
    };
    let mut seen = 0;
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Some(setting) = cells[2].split('`').nth(1) else { continue };
        let times = |words: &str| cells[2].contains(words);
        let right = match default(setting) {
            value if times("twice") => 2 * value,
            value if times("half") => value.div_ceil(2),
            value => value,
        };
        assert!(cells[3].starts_with(&right.to_string()), "{row}: {right}");
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} limits were found");
}
