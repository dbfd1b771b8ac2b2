//! What Prometheus is told, and that it is true.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use chat_server::metrics::exposition::Exposition;
use chat_server::testing::{DEADLINE, Scrape, TestServer, quick};

/// The first line of the answer to a call. The place of the call before may be given back a moment after its answer, so who finds
/// none asks again.
fn asked(addr: SocketAddr, head: &str) -> String {
    let began = Instant::now();
    loop {
        let mut socket = TcpStream::connect(addr).expect("the figures are served");
        socket.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        let mut answer = String::new();
        // Who is turned away may see that as an error.
        let _turned_away =
            write!(socket, "{head}\r\nHost: {addr}\r\n\r\n").and_then(|()| socket.read_to_string(&mut answer));
        match answer.lines().next() {
            Some(line) if !line.contains(" 503 ") => return line.into(),
            _ => assert!(began.elapsed() < DEADLINE, "{head} finds no place"),
        }
    }
}

/// Who opens connections and says nothing holds up no scraper, and is let go of soon.
#[test]
fn several_are_served_at_a_time() {
    let server = watched();
    let addr = server.figures();
    let silent: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(addr).expect("it takes them")).collect();
    let half = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-a: ";
    (&silent[0]).write_all(half.as_bytes()).expect("it reads");
    for (head, right) in [
        ("GET /metrics HTTP/1.1", "HTTP/1.1 200 OK"),
        ("HEAD /metrics HTTP/1.1", "HTTP/1.1 200 OK"),
        ("GET /metrics?name=x HTTP/1.1", "HTTP/1.1 200 OK"),
        ("DELETE /metrics HTTP/1.1", "HTTP/1.1 405 Method Not Allowed"),
        ("GET /other HTTP/1.1", "HTTP/1.1 404 Not Found"),
    ] {
        assert_eq!(asked(addr, head), right);
    }
    for mut socket in silent {
        socket.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).expect("it is closed");
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}

fn watched() -> TestServer {
    TestServer::with(chat_server::config::Config { metrics: "127.0.0.1:0".into(), ..quick() })
}

fn scrape(server: &TestServer) -> Scrape {
    Scrape::of(server.figures())
}

/// Looks until it is so: how the clients are is seen once a second.
#[track_caller]
fn sees(server: &TestServer, series: &str, value: f64) -> Scrape {
    let began = Instant::now();
    loop {
        let scrape = scrape(server);
        if scrape.value(series) == Some(value) {
            return scrape;
        }
        assert!(began.elapsed() < DEADLINE, "{series} does not become {value}:\n{}", scrape.text);
        std::thread::yield_now();
    }
}

#[test]
fn what_happens_is_counted() {
    let server = watched();
    let (mut ani, mut budi) = (server.join("ani"), server.join("budi"));
    ani.send("MSG:one");
    ani.send("MSG:two");
    ani.send("MSG:");
    ani.until("* ERR 412 ...");
    budi.until("* MSG #lobby * ani: two");
    let mut stranger = server.connect();
    stranger.send_bytes(b"SSH-2.0-OpenSSH_9.2p1\r\n");
    stranger.rest();
    let seen = sees(&server, "chat_people", 2.0);
    for (series, value) in [
        ("chat_messages_total", 2.0),
        ("chat_rooms", 1.0),
        ("chat_accepted_total", 3.0),
        ("chat_foreign_total{protocol=\"ssh\"}", 1.0),
        ("chat_foreign_total{protocol=\"http\"}", 0.0),
        ("chat_refusals_total{code=\"412\"}", 1.0),
        ("chat_goodbyes_total{code=\"400\"}", 1.0),
        ("chat_panics_total", 0.0),
        ("chat_inbox_messages", 0.0),
    ] {
        assert_eq!(seen.value(series), Some(value), "{series}:\n{}", seen.text);
    }
    sees(&server, "chat_clients{door=\"line\"}", 2.0);
    sees(&server, "chat_outbox_bytes", 0.0);
    sees(&server, "chat_outbox_clients", 0.0);
    ani.send("QUIT");
    ani.until("* BYE 200 ...");
    sees(&server, "chat_people", 1.0);
}

#[test]
fn turns_are_measured_and_idle_ones_left_out() {
    let server = watched();
    let mut ani = server.join("ani");
    let turns = |scrape: &Scrape| scrape.value("chat_turn_seconds_count").expect("there is a histogram");
    let before = scrape(&server);
    (0..100).for_each(|_| {
        ani.settle();
    });
    let after = scrape(&server);
    // No other user speaks, so each of her lines is a turn of its own, and the one under way may not be counted yet.
    assert!((99.0..=102.0).contains(&(turns(&after) - turns(&before))), "{}", after.text);
    assert_eq!(after.value("chat_turn_messages_count"), Some(turns(&after)));
    assert!(after.value("chat_turn_messages_sum") >= Some(turns(&after)), "a turn has one message or more");
    let (first, all) = (after.value("chat_turn_messages_bucket{le=\"1\"}"), turns(&after));
    assert!(first.is_some_and(|first| first > 0.9 * all), "{}", after.text);
    let spent = after.value("chat_turn_seconds_sum").unwrap_or_default();
    assert!(spent > 0.0 && spent < DEADLINE.as_secs_f64(), "{spent} s in turns");
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_is_seen() {
    let server = watched();
    let _ani = server.join("ani");
    let seen = scrape(&server);
    let value = |name: &str| seen.value(name).unwrap_or_else(|| panic!("{name} is missing:\n{}", seen.text));
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
    assert!(value("process_threads") >= 4.0);
    // The two listeners, and both ends of her connection.
    assert!(value("process_open_fds") >= 4.0 && value("process_open_fds") <= value("process_max_fds"));
    assert!(value("process_cpu_seconds_total") < 100_000.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - value("process_start_time_seconds");
    assert!((-1.0..DEADLINE.as_secs_f64()).contains(&age), "started {age} s ago");
}

#[test]
fn other_parts_add_theirs_and_a_panic_in_one_takes_only_its_own() {
    let server = watched();
    let handle = server.handle();
    handle.add_figures(|text| Exposition::new(text).gauge("first_things", "things", 1));
    handle.add_figures(|text| {
        text.push_str("half a li");
        panic!("a test's panic in figures");
    });
    handle.add_figures(|text| Exposition::new(text).gauge("last_things", "things", 2.5));
    let seen = scrape(&server);
    assert_eq!((seen.value("first_things"), seen.value("last_things")), (Some(1.0), Some(2.5)));
    assert_eq!(scrape(&server).value("chat_panics_total"), Some(1.0), "the first panic; the second one comes later");
}
