//! How many connections the page's door has, of whom, and for how long.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use chat_server::config::Config;
use chat_server::testing::Scrape;
use chat_web::{Times, WebConfig};
use serde_json::{Value, json};

use crate::kit::{DEADLINE, Guest, Stage, Ws, call, eventually, get, quick};

/// So many connections of one address.
const EACH: usize = 32;

fn stage(times: Times) -> Stage {
    let config = Config { max_per_address: EACH / 2, ..quick() };
    Stage::with(config, WebConfig { times, ..WebConfig::default() })
}

fn open(addr: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("the door is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    // Who was turned away already hears of it when it reads.
    let _turned_away = stream.write_all(bytes);
    stream
}

fn connections(stage: &Stage) -> usize {
    let scrape = Scrape::parse(&stage.server().handle().figures()).expect("figures");
    scrape.value("chat_web_connections").expect("they are counted") as usize
}

/// Whether the peer has closed it; what came before is read away.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("it can");
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
}

const KINDS: [&[u8]; 4] = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-a: ",
    b"",
    b"GE",
    b"GET /api/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
];

#[test]
fn one_address_has_its_share_and_who_is_in_no_call_makes_way() {
    let stage = stage(Times::default());
    let (_ani, mut page) = stage.page("ani");
    let mut all = Vec::new();
    for kind in KINDS {
        for _ in 0..EACH {
            all.push(open(stage.addr(), kind));
        }
        // Whatever the others are about, there is a place for a call.
        assert_eq!(stage.call(get("/api/healthz")).status, 200);
        eventually("its share", || connections(&stage), |open| *open <= EACH);
    }
    let opened = all.len();
    let closed = eventually(
        "those that made way are closed",
        || all.iter_mut().map(is_closed).filter(|closed| *closed).count(),
        |closed| *closed >= opened - EACH,
    );
    assert!(closed < opened, "and no more than had to");
    page.settle();
    stage.line("budi");
}

#[test]
fn a_connection_without_a_call_is_closed_in_time() {
    let short = Duration::from_millis(300);
    let stage = stage(Times { head: short, idle: short, ..Times::default() });
    let (_ani, mut page) = stage.page("ani");
    let mut all: Vec<TcpStream> = KINDS.iter().map(|kind| open(stage.addr(), kind)).collect();
    let (mut drip, began) = (true, Instant::now());
    while !all.iter_mut().all(is_closed) {
        assert!(began.elapsed() < DEADLINE, "a connection stays");
        // Its next byte is no reason to wait longer.
        drip = drip && (&all[0]).write_all(b"a").is_ok();
        std::thread::yield_now();
    }
    // A WebSocket has signs of life of its own.
    page.settle();
    eventually("only it is left", || connections(&stage), |open| *open == 1);
}

#[test]
fn a_connection_brings_one_call_after_the_other() {
    let stage = stage(Times::default());
    let mut stream = open(stage.addr(), b"");
    for path in ["/api/healthz", "/", "/api/nothing", "/api/users", "/js/main.js", "/api/healthz"] {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        stream.read_exact(&mut body).expect("a body");
        assert!(!body.is_empty(), "{path}");
    }
    // A second call right behind the first is answered as well.
    let two = "GET /api/healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(two.as_bytes()).expect("it reads");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("two answers and the end");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
}

/// What became a WebSocket keeps its place, and makes way for no user.
#[test]
fn a_place_lasts_through_the_upgrade() {
    let stage = stage(Times::default());
    let people: Vec<Guest> = (0..EACH / 4).map(|i| stage.guest(&format!("p{i}"))).collect();
    // The answer to an upgrade may come while the call before gives its place back.
    let mut sockets: Vec<Ws> = (0..EACH).map(|i| people[i / 4].connect()).collect();
    assert_eq!(connections(&stage), EACH);
    // A client that is not at the end of its call when the answer comes: a reset would end it before it reads.
    let (half, piece) =
        ("POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n", vec![b'x'; 15_000]);
    for _ in 0..20 {
        let mut stream = open(stage.addr(), half.as_bytes());
        assert_eq!(stream.peek(&mut [0]).expect("an answer"), 1);
        (0..20).for_each(|_| stream.write_all(&piece).expect("it is read"));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("all of the answer, and its end");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 5\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        let problem: Value = serde_json::from_str(body).expect("a problem");
        assert_eq!((&problem["code"], &problem["status"]), (&json!("server-full"), &json!(503)));
        let detail = problem["detail"].as_str().expect("words");
        assert!(detail.contains("32 connections from your address") && detail.contains("max_per_address"), "{detail}");
    }
    // In the language that the call asks for, which is all that is looked at.
    let call = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-LANGUAGE: id-ID, en;q=0.5\r\n\r\n";
    let mut answer = String::new();
    open(stage.addr(), call.as_bytes()).read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("\r\nContent-Language: id\r\n"), "{answer}");
    assert!(answer.contains("32 koneksi dari alamat Anda"), "{answer}");
    assert!(stage.server().handle().metrics().turned_away.load(std::sync::atomic::Ordering::Relaxed) >= 20);
    stage.line("budi");
    sockets.iter_mut().for_each(|socket| drop(socket.settle()));
    sockets.pop().expect("a socket").close();
    eventually("its place is free", || connections(&stage), |open| *open < EACH);
    assert_eq!(stage.call(get("/api/healthz")).status, 200);
}

/// A file comes and goes as fast as at the file door, or not at all.
#[test]
fn a_body_that_drips_is_refused() {
    let config = Config { files: "127.0.0.1:0".into(), slow_secs: Duration::from_secs(1), ..quick() };
    let stage = Stage::with(config, WebConfig::default());
    let ani = stage.guest("ani");
    let head = format!(
        "POST /api/files?name=x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: 500000\r\n\r\n",
        ani.token
    );
    let mut stream = open(stage.addr(), head.as_bytes());
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a deadline");
    let (mut answer, mut buffer, began) = (Vec::new(), [0; 4_096], Instant::now());
    while !answer.windows(8).any(|part| part == b"too-slow") {
        assert!(began.elapsed() < DEADLINE, "{}", String::from_utf8_lossy(&answer));
        let _refused = stream.write_all(b"x");
        match stream.read(&mut buffer) {
            Ok(0) => panic!("closed: {}", String::from_utf8_lossy(&answer)),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}"),
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn who_does_not_take_an_answer_is_let_go_of() {
    let config = Config { files: "127.0.0.1:0".into(), slow_secs: Duration::from_secs(1), ..quick() };
    let stage = Stage::with(config, WebConfig::default());
    let ani = stage.guest("ani");
    let upload = call("POST", "/api/files?name=x").header("content-type", "application/octet-stream");
    let file = ani.call(upload.body(vec![b'x'; 9_000_000])).json();
    let path = file["url"].as_str().expect("a path").to_string();
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", ani.token);
    let stream = open(stage.addr(), head.as_bytes());
    eventually("the connection is there", || connections(&stage), |open| *open == 1);
    eventually("it is gone", || connections(&stage), |open| *open == 0);
    let _still_there = stream.shutdown(Shutdown::Write);
}
