//! How fast one room reaches many: WebSocket clients and as many line clients, on one server, in one run.
//!
//! ```sh
//! cargo run --release -p chat_web --example fanout -- 200 2000    # clients of each door, messages
//! ```
//!
//! One line client speaks as fast as the slowest reader allows; every client of both doors reads everything. All is on
//! loopback and the readers are threads of the same process, so they cost as much as the server: the figures compare the
//! doors, they are no limit of either. For the memory of an idle client another process holds the clients' ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chat_server::testing::{TestClient, TestServer, quick};
use chat_web::{Web, WebConfig};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

/// How long a client waits for a line or a frame.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far the talker may be ahead of the slowest reader, so that no reader misses a message and each count is whole.
const WINDOW: usize = 300;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [door, addr, count] = words.as_slice() {
        return hold(door, addr.parse().expect("an address"), count.parse().expect("a number"));
    }
    let number = |i: usize| words.get(i).map(|word| word.parse::<usize>().expect("a number"));
    let clients = number(0).unwrap_or(200).clamp(1, 1_000);
    let messages = number(1).unwrap_or(2_000).clamp(1, 20_000);
    let mut config = quick();
    config.max_clients = 5_000;
    let server = TestServer::with(config);
    let config = WebConfig { addr: "127.0.0.1:0".into(), ..WebConfig::default() };
    let web = Web::start(server.handle().clone(), config).expect("a free port");

    let browser = idle("web", web.addr(), clients);
    let telnet = idle("line", server.addr(), clients);
    let mut talker = server.join("talker");
    let mut pages: Vec<_> = (0..clients).map(|i| page(web.addr(), &format!("w{i}"))).collect();
    let (alone, _) = run(&mut talker, messages, &mut pages, &mut []);
    let mut lines: Vec<_> = (0..clients).map(|i| server.join(&format!("l{i}"))).collect();
    let (beside, line) = run(&mut talker, messages, &mut pages, &mut lines);
    drop(pages);
    let mut lines: Vec<_> = std::mem::take(&mut lines);
    let (_, line_alone) = run(&mut talker, messages, &mut [], &mut lines);

    let rate = |took: Duration| (clients * messages) as f64 / took.as_secs_f64();
    let cores = thread::available_parallelism().map_or(0, usize::from);
    println!("{clients} clients of each door in one room, {messages} messages of 100 bytes, {cores} cores\n");
    println!("| door | deliveries/s, alone | deliveries/s, both at once | KiB resident for an idle client |");
    println!("| --- | --- | --- | --- |");
    println!("| WebSocket | {:.0} | {:.0} | {browser} |", rate(alone), rate(beside));
    println!("| line | {:.0} | {:.0} | {telnet} |", rate(line_alone), rate(line));
    drop(lines);
    drop(talker);
    drop(server);
    web.stop();
}

/// Says everything, and returns when the last client of each door has read the last of it.
fn run(
    talker: &mut TestClient,
    messages: usize,
    pages: &mut [WebSocket<TcpStream>],
    lines: &mut [TestClient],
) -> (Duration, Duration) {
    let words = "x".repeat(100);
    let read: Vec<AtomicUsize> = (0..pages.len() + lines.len()).map(|_| AtomicUsize::new(0)).collect();
    let (of_pages, of_lines) = read.split_at(pages.len());
    let began = Instant::now();
    thread::scope(|scope| {
        let start = |name: &str| thread::Builder::new().name(name.into()).stack_size(128 * 1024);
        let pages: Vec<_> = pages
            .iter_mut()
            .zip(of_pages)
            .map(|(page, read)| {
                start("page").spawn_scoped(scope, || read_page(page, read, messages)).expect("a thread")
            })
            .collect();
        let lines: Vec<_> = lines
            .iter()
            .zip(of_lines)
            .map(|(line, read)| {
                let stream = line.stream();
                start("line").spawn_scoped(scope, || read_lines(stream, read, messages)).expect("a thread")
            })
            .collect();
        for i in 0..messages {
            while i > WINDOW + read.iter().map(|read| read.load(Ordering::Relaxed)).min().unwrap_or(0) {
                assert!(began.elapsed() < PATIENCE, "a client does not read");
                thread::sleep(Duration::from_micros(200));
            }
            talker.send(&words);
        }
        let last = |readers: Vec<thread::ScopedJoinHandle<'_, Instant>>| {
            let ends = readers.into_iter().map(|reader| reader.join().expect("a reader"));
            ends.max().map_or(Duration::ZERO, |end| end - began)
        };
        (last(pages), last(lines))
    })
}

fn read_page(page: &mut WebSocket<TcpStream>, read: &AtomicUsize, messages: usize) -> Instant {
    while read.load(Ordering::Relaxed) < messages {
        if let Message::Text(frame) = page.read().expect("a frame")
            && frame.starts_with("{\"type\":\"Message\"")
        {
            read.fetch_add(1, Ordering::Relaxed);
        }
    }
    Instant::now()
}

fn read_lines(mut stream: &TcpStream, read: &AtomicUsize, messages: usize) -> Instant {
    let mut buffer = [0; 32 * 1024];
    let mut rest: Vec<u8> = Vec::new();
    while read.load(Ordering::Relaxed) < messages {
        let count = stream.read(&mut buffer).expect("lines");
        assert!(count > 0, "the connection ended");
        rest.extend_from_slice(&buffer[..count]);
        let end = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let said = rest[..end].split(|byte| *byte == b'\n').filter(|line| line.get(20..26) == Some(b" MSG #"));
        read.fetch_add(said.count(), Ordering::Relaxed);
        rest.drain(..end);
    }
    Instant::now()
}

/// A page: a session and its WebSocket, greeted.
fn page(addr: SocketAddr, name: &str) -> WebSocket<TcpStream> {
    let connect = || {
        let stream = TcpStream::connect(addr).expect("the door is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    };
    let body = format!("{{\"name\":\"{name}\"}}");
    let mut call = connect();
    let head = "POST /api/users HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    write!(call, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("a call");
    let mut reply = String::new();
    call.read_to_string(&mut reply).expect("an answer");
    let token = reply.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let mut request = format!("ws://{addr}/ws").into_client_request().expect("a request");
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    let (mut socket, _) = client(request, connect()).expect("an upgrade");
    while !socket.read().expect("a frame").to_text().is_ok_and(|frame| frame.starts_with("{\"type\":\"People\"")) {}
    socket
}

/// KiB that the server takes for each of so many clients that do nothing.
fn idle(door: &str, addr: SocketAddr, count: usize) -> usize {
    let before = resident();
    let myself = std::env::current_exe().expect("a path");
    let mut holder = Command::new(myself)
        .args([door, &addr.to_string(), &count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("another process");
    let mut ready = String::new();
    BufReader::new(holder.stdout.take().expect("its output")).read_line(&mut ready).expect("a line");
    let after = resident();
    drop(holder.stdin.take());
    holder.wait().expect("its end");
    after.saturating_sub(before) / 1024 / count
}

/// The other process: holds clients until its input ends.
fn hold(door: &str, addr: SocketAddr, count: usize) {
    let web: Vec<_> = (0..if door == "web" { count } else { 0 }).map(|i| page(addr, &format!("i{i}"))).collect();
    let line: Vec<_> = (web.len()..count)
        .map(|i| {
            let mut client = TestClient::connect(addr);
            client.send(&format!("JOIN:j{i}"));
            client.settle();
            client
        })
        .collect();
    println!("ready");
    let _ended = std::io::stdin().read_to_end(&mut Vec::new());
    drop((web, line));
}

/// Resident bytes of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<usize>().ok()).map_or(0, |kib| kib * 1024)
}
