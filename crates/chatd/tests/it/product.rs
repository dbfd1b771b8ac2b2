//! chatd as a program: its doors, its settings, its end, and the demonstration.

use std::io::{BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::kit::{Chatd, DEADLINE, command, connect, hears, output, says};

/// Each engine carries a line from one to another, with the threads that it is made of, and ends when it is told to.
#[test]
#[cfg(target_os = "linux")]
fn every_engine_is_what_it_says() {
    for (engine, own, per_client) in [
        ("direct", &["router", "linger"][..], &["client-"][..]),
        ("threads", &["router"], &["client-", "write-"]),
        ("pool", &["router", "poll", "pool-0", "pool-1"], &[]),
        ("tokio", &["router", "tokio-worker"], &[]),
    ] {
        let mut chatd = Chatd::start(&["--engine", engine]);
        let mut people = ["ani", "budi", "citra"].map(|name| chatd.join(name));
        says(&mut people[0], "MSG:hello\n");
        hears(&mut people[2], " MSG #lobby 1 ani: hello");
        let tasks = std::fs::read_dir(format!("/proc/{}/task", chatd.child.id())).expect("its threads");
        let names: Vec<String> =
            tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect();
        for name in own {
            assert!(names.iter().any(|thread| thread.trim() == *name), "{engine}: no {name} in {names:?}");
        }
        for kind in ["client-", "write-"] {
            let wanted = if per_client.contains(&kind) { 3 } else { 0 };
            let count = names.iter().filter(|thread| thread.starts_with(kind)).count();
            assert_eq!(count, wanted, "{engine}: {names:?}");
        }
        chatd.signal("TERM");
        hears(&mut people[1], " BYE 503 ");
        chatd.ends_with(0);
    }
}

/// A client is one descriptor on every engine, and as many threads as the engine says; when it is gone, so are they,
/// whatever way it went.
#[test]
#[cfg(target_os = "linux")]
fn no_engine_keeps_anything_of_those_who_have_left() {
    const GUESTS: usize = 20;
    for (engine, per_client) in [("direct", 1), ("threads", 2), ("pool", 0), ("tokio", 0)] {
        let chatd = Chatd::start(&["--engine", engine, "--max-per-address", "0"]);
        let mut ani = chatd.join("ani");
        // What only the start needs is closed by and by, so this is what there was several times in a row.
        let count = || (chatd.count("task"), chatd.count("fd"));
        let (mut quiet, mut same) = (count(), 0);
        while same < 20 {
            says(&mut ani, "PING:on\n");
            hears(&mut ani, " PONG on");
            same = if count() == quiet { same + 1 } else { 0 };
            quiet = count();
        }
        let (threads, descriptors) = quiet;
        let guests: Vec<_> = (0..GUESTS).map(|guest| chatd.join(&format!("guest{guest}"))).collect();
        assert_eq!(count(), (threads + GUESTS * per_client, descriptors + GUESTS), "{engine}");
        drop(guests);
        for visit in 0..100 {
            let mut guest = BufReader::new(connect(&chatd.line));
            match visit % 5 {
                0 => {}                                             // connects and goes
                1 => says(&mut guest, "JOIN:vi"),                   // in the middle of a line
                2 => says(&mut guest, &format!("JOIN:v{visit}\n")), // with unread answers: the system sends a reset
                3 => {
                    says(&mut guest, &format!("JOIN:v{visit}\n"));
                    guest.get_mut().shutdown(std::net::Shutdown::Write).expect("it is open");
                    hears(&mut guest, " BYE 200 ");
                }
                _ => {
                    says(&mut guest, &format!("JOIN:v{visit}\nQUIT\n"));
                    hears(&mut guest, " BYE 200 ");
                }
            }
        }
        let until = Instant::now() + DEADLINE;
        while count() != (threads, descriptors) {
            let now = count();
            assert!(Instant::now() < until, "{engine}: {now:?} and not {threads} threads, {descriptors} descriptors");
            says(&mut ani, "PING:on\n");
            hears(&mut ani, " PONG on");
        }
    }
}

/// A user takes nothing, and its last words cannot be written. The process ends all the same, and as it should.
#[test]
fn every_engine_ends_though_somebody_takes_nothing() {
    for engine in ["direct", "threads", "pool", "tokio"] {
        let flags = ["--shutdown-secs", "1", "--slow-secs", "600", "--outbox-bytes", "1048576"];
        let no_pace = ["--burst", "0", "--spam-lines", "0", "--spam-repeats", "0"];
        let mut chatd = Chatd::start(&[&["--engine", engine], &flags[..], &no_pace[..]].concat());
        let mut ani = chatd.join("ani");
        let stuck = chatd.join("stuck");
        // More than the system keeps for it (some MiB) and than fits into its queues: then lines are missed.
        let words = format!("MSG:{}\n", "x".repeat(2_000)).repeat(100);
        let until = Instant::now() + DEADLINE;
        loop {
            says(&mut ani, &words);
            says(&mut ani, "STATS:\n");
            let missed = hears(&mut ani, " STAT missed ");
            if !missed.contains(" STAT missed 0: ") {
                break;
            }
            assert!(Instant::now() < until, "{engine}: the queues take all of it");
        }
        chatd.signal("TERM");
        hears(&mut ani, " BYE 503 ");
        chatd.ends_with(0);
        drop(stuck);
    }
}

#[test]
fn an_engine_that_there_is_not_is_refused_with_those_there_are() {
    let output = command().args(["--engine", "warp"]).output().expect("chatd starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("engine should be one of direct, threads, pool, tokio, not \"warp\""), "{error}");
}

#[test]
fn both_doors_lead_to_one_conversation_and_one_stop_ends_it() {
    let mut chatd = Chatd::start(&[]);
    let mut budi = connect(&chatd.line);
    let mut lines = BufReader::new(budi.try_clone().unwrap());
    budi.write_all(b"JOIN:budi\n").unwrap();
    hears(&mut lines, "OK JOIN");
    let json = "Content-Type: application/json\r\n";
    let created = chatd.call("POST", "/api/users", json, r#"{"name":"ana"}"#);
    assert!(created.starts_with("HTTP/1.1 201 "), "{created}");
    hears(&mut lines, "JOINED #lobby ana");
    let token = created.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let bearer = format!("{json}Authorization: Bearer {token}\r\n");
    let said = chatd.call("POST", "/api/messages", &bearer, r#"{"text":"halo dari REST"}"#);
    assert!(said.starts_with("HTTP/1.1 201 "), "{said}");
    hears(&mut lines, "MSG #lobby 1 ana: halo dari REST");
    budi.write_all(b"PING:x\nhalo juga\nPING:y\n").unwrap();
    hears(&mut lines, "PONG y");
    chatd.signal("TERM");
    hears(&mut lines, "BYE 503 shutting-down");
    chatd.ends_with(0);
}

#[test]
fn the_page_can_be_switched_off_and_the_line_door_names_it_otherwise() {
    let mut chatd = command()
        .args(["--addr", "127.0.0.1:0", "--files", "off", "--web", "off", "--log", "warn"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(chatd.stdout.take().unwrap());
    hears(&mut out, "listening on ");
    let sent = Command::new("kill").args(["-s", "INT", &chatd.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "no second line where there is no page and no file door");
    assert_eq!(chatd.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_wrong_is_one_clear_error() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = held.local_addr().unwrap().to_string();
    let (code, _, error) = output(&["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "--web", &addr]);
    assert_eq!(code, 69, "{error}");
    assert!(
        error.contains(&format!("cannot listen on {addr}"))
            && error.contains("held by: ")
            && error.contains("--web 127.0.0.1:"),
        "{error}"
    );
    let (code, _, error) = output(&["--max-clientz", "5"]);
    assert!(code == 2 && error.contains("--max-clients"), "{error}");
    let (code, _, error) = output(&["--history", "many"]);
    assert!(code == 2 && error.contains("history should be a whole number"), "{error}");
    let (code, _, error) = output(&["--config", "/nowhere/chat.toml"]);
    assert!(code == 78 && error.contains("chatd config --example > /nowhere/chat.toml"), "{error}");
}

#[test]
fn the_settings_can_be_looked_at() {
    let (code, printed, _) = output(&["--print-config", "--web", "off"]);
    assert!(
        code == 0 && printed.lines().any(|line| line.starts_with("web = \"off\"") && line.ends_with("# --web")),
        "{printed}"
    );
    assert!(printed.lines().any(|line| line.starts_with("addr = ") && line.ends_with("# default")), "{printed}");
    let with_key = command().args(["--print-config"]).env("CHAT_OPERATOR_KEY", "a-key-nobody-reads").output().unwrap();
    let printed = String::from_utf8(with_key.stdout).unwrap();
    assert!(printed.contains("\noperator_key = (set) ") && !printed.contains("a-key-nobody-reads"), "{printed}");
    let (code, example, _) = output(&["config", "--example"]);
    assert!(code == 0 && example.contains("# max_clients = 1000") && example.contains("# web = \"127.0.0.1:3000\""));
    let (code, help, _) = output(&["--help"]);
    assert!(
        code == 0
            && help.contains("--max-clients")
            && help.contains("--web-origins")
            && !help.contains("CHAT_OPERATOR_KEY=")
    );
    assert_eq!(output(&["--check-config"]).0, 0);
}

#[test]
fn the_demonstration_plays() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo-page");
    let played = Command::new("bash")
        .arg(script)
        .env("DEMO_PACE", "0")
        .env("CHATD_BIN", env!("CARGO_BIN_EXE_chatd"))
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{out}\n{}", String::from_utf8_lossy(&played.stderr));
    assert!(out.contains("one conversation, three doors"), "{out}");
}

/// Whether the system looks, by and by, if a peer that says nothing is still there: in its table of sockets, the one at the
/// server's end waits for its keepalive timer (proc_net_tcp: 2 in the field `tr`).
#[cfg(target_os = "linux")]
fn is_probed(peer: &std::net::TcpStream) -> bool {
    let port = |addr: std::io::Result<std::net::SocketAddr>| format!(":{:04X}", addr.expect("it is connected").port());
    let (here, there) = (port(peer.local_addr()), port(peer.peer_addr()));
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table of sockets");
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        matches!(fields[..], [_, local, remote, "01", _, timer, ..]
            if local.ends_with(&there) && remote.ends_with(&here) && timer.starts_with("02:"))
    })
}

#[test]
#[cfg(target_os = "linux")]
fn every_door_on_every_engine_notices_a_dead_peer() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().display().to_string();
    let (code, _, error) = output(&["cert", "--dev", "--force", "--dir", &dir]);
    assert_eq!(code, 0, "{error}");
    let pem = |name: &str| format!("{dir}/{name}.pem");
    for engine in ["direct", "threads", "pool", "tokio"] {
        let (cert, key) = (pem("cert"), pem("key"));
        let doors = ["--metrics", "127.0.0.1:0", "--tls", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
        let mut chatd = Chatd::start(&[&["--engine", engine], &doors[..]].concat());
        let mut doors = vec![chatd.line.clone(), chatd.page.clone()];
        for begin in ["tls on ", "files on ", "figures on http://"] {
            doors.push(chatd.prints(begin).trim_end_matches("/metrics").to_string());
        }
        for door in doors {
            let peer = connect(&door);
            let until = Instant::now() + DEADLINE;
            // What is sent first, and not acknowledged yet, has another timer.
            while !is_probed(&peer) {
                assert!(Instant::now() < until, "{engine}: nothing looks after {door}");
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
    }
}
