//! chatd as a program: its doors, its settings, its end, and the demonstration.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);

/// chatd on free ports. Ended with the test.
struct Chatd {
    child: Child,
    line: String,
    page: String,
}

impl Chatd {
    fn start(flags: &[&str]) -> Chatd {
        let mut child = command()
            .args(["--addr", "127.0.0.1:0", "--web", "127.0.0.1:0", "--log", "warn"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chatd starts");
        let mut out = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut line = |begin: &str| {
            let mut line = String::new();
            out.read_line(&mut line).expect("it says where it listens");
            line.trim().strip_prefix(begin).unwrap_or_else(|| panic!("unexpected: {line:?}")).to_string()
        };
        let (listening, page) = (line("listening on "), line("page on http://"));
        Chatd { child, line: listening, page }
    }

    /// One HTTP call, by hand, on a connection of its own.
    fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = connect(&self.page);
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.page
        );
        stream.write_all(request.as_bytes()).expect("the door reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the door answers");
        answer
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    fn ends_with(&mut self, code: i32) {
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return assert_eq!(status.code(), Some(code));
            }
            std::thread::yield_now();
        }
        panic!("chatd does not end");
    }
}

impl Drop for Chatd {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        command.env_remove(name);
    }
    command
}

fn output(flags: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command().args(flags).output().expect("chatd runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

fn connect(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the door is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
    stream
}

fn hears(lines: &mut impl BufRead, words: &str) -> String {
    loop {
        let mut line = String::new();
        let got = lines.read_line(&mut line).unwrap_or_else(|error| panic!("waiting for {words:?}: {error}"));
        assert!(got > 0, "the end came before {words:?}");
        if line.contains(words) {
            return line;
        }
    }
}

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
        let mut people = ["ani", "budi", "citra"].map(|name| {
            let mut person = BufReader::new(connect(&chatd.line));
            person.get_mut().write_all(format!("JOIN:{name}\n").as_bytes()).expect("the door reads");
            hears(&mut person, " OK JOIN ");
            person
        });
        people[0].get_mut().write_all(b"MSG:hello\n").expect("the door reads");
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
        .args(["--addr", "127.0.0.1:0", "--web", "off", "--log", "warn"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(chatd.stdout.take().unwrap());
    hears(&mut out, "listening on ");
    let sent = Command::new("kill").args(["-s", "INT", &chatd.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "no second line where there is no page");
    assert_eq!(chatd.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_wrong_is_one_clear_error() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = held.local_addr().unwrap().to_string();
    let (code, _, error) = output(&["--addr", "127.0.0.1:0", "--web", &addr]);
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
    assert!(printed.contains("(hidden)") && !printed.contains("a-key-nobody-reads"), "{printed}");
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
