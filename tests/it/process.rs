//! The server as a process of its own: what only shows from outside, such as its threads and descriptors.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use chat_server::testing::{DEADLINE, TestClient};

/// A running server program. It is killed when this is dropped.
struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    fn start(flags: &[&str]) -> Process {
        Process::with_log(flags, Stdio::inherit())
    }

    fn with_log(flags: &[&str], log: Stdio) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chat_server"))
            .args([
                "--addr",
                "127.0.0.1:0",
                "--log",
                "warn",
                "--burst",
                "0",
                "--spam-lines",
                "0",
                "--spam-repeats",
                "0",
            ])
            .args(["--max-per-address", "0"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("its first line");
        let addr = line.trim().strip_prefix("listening on ").and_then(|addr| addr.parse().ok());
        Process { addr: addr.unwrap_or_else(|| panic!("unexpected: {line:?}")), child }
    }

    fn join(&self, name: &str) -> TestClient {
        let mut client = TestClient::connect(self.addr);
        client.send(&format!("JOIN:{name}"));
        client.settle();
        client
    }

    fn count(&self, what: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{what}", self.child.id())).expect("/proc").count()
    }

    fn thread_names(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("/proc").flatten();
        tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).map(|n| n.trim().into()).collect()
    }

    /// Pings until a thing has come to pass that the server does on threads nobody can wait for.
    fn until(&self, pinger: &mut TestClient, what: &str, come_to_pass: impl Fn(&Process) -> bool) {
        let began = Instant::now();
        while !come_to_pass(self) {
            assert!(began.elapsed() < DEADLINE, "still not: {what}");
            pinger.settle();
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn every_client_has_two_named_threads_and_one_descriptor() {
    let server = Process::start(&[]);
    let mut ani = server.join("ani");
    let (threads, descriptors) = (server.count("task"), server.count("fd"));
    let _budi = server.join("budi");
    let _citra = server.join("citra");
    assert_eq!(server.count("task"), threads + 4);
    assert_eq!(server.count("fd"), descriptors + 2);
    let names = server.thread_names();
    for name in ["router", "client-1", "write-1", "client-3", "write-3"] {
        assert!(names.iter().any(|n| n == name), "{name} is not among {names:?}");
    }
    ani.send("QUIT");
    ani.rest();
}

#[test]
fn a_thousand_visits_leave_no_thread_and_no_descriptor_behind() {
    let server = Process::start(&["--sign-on-secs", "5"]);
    let mut ani = server.join("ani");
    ani.send("OPT:presence=off");
    ani.settle();
    let (threads, descriptors) = (server.count("task"), server.count("fd"));
    for visit in 0..1_000 {
        let mut guest = TestClient::connect(server.addr);
        match visit % 5 {
            0 => {}                                     // connects and goes
            1 => guest.send_bytes(b"JOIN:gu"),          // in the middle of a line
            2 => guest.send(&format!("JOIN:g{visit}")), // with unread answers, so that the system sends a reset
            3 => {
                guest.send(&format!("JOIN:g{visit}"));
                guest.hang_up();
                guest.rest();
            }
            _ => {
                guest.send(&format!("JOIN:g{visit}"));
                guest.send("QUIT");
                guest.rest();
            }
        }
    }
    server.until(&mut ani, "back to the same threads", |server| server.count("task") == threads);
    server.until(&mut ani, "back to the same descriptors", |server| server.count("fd") == descriptors);
    ani.send("LIST");
    ani.until("* BEGIN LIST * 1");
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let server = Process::start(&["--log", "error"]);
    let mut ani = server.join("ani");
    let pid = server.child.id().to_string();
    let limit = |files: usize| {
        let limit = format!("--nofile={files}:20000");
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("prlimit").success());
    };
    limit(server.count("fd") + 2);
    let mut waiting: Vec<TestClient> = (0..6).map(|_| TestClient::connect(server.addr)).collect();
    let mut served = waiting.drain(..2).collect::<Vec<_>>();
    for guest in &mut served {
        guest.hears("* HELLO ...");
    }
    ani.settle(); // those who are in do not notice
    limit(1_024);
    for guest in &mut waiting {
        guest.hears("* HELLO ...");
    }
}

#[test]
fn a_log_that_does_not_move_holds_up_nobody() {
    // A pipe that nobody reads takes 64 KiB; each visit logs three lines.
    let mut server = Process::with_log(&["--log", "info"], Stdio::piped());
    let mut ani = server.join("ani");
    for visit in 0..700 {
        let mut guest = server.join(&format!("guest{visit}"));
        guest.send("QUIT");
        guest.rest();
    }
    ani.settle();
    server.signal("-TERM");
    ani.until("* BYE 503 ...");
    assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_signal_ends_it_with_last_words_and_no_error() {
    for signal in ["-INT", "-TERM"] {
        let mut server = Process::start(&[]);
        let mut ani = server.join("ani");
        server.signal(signal);
        assert_eq!(ani.rest().len(), 2, "a note and a goodbye");
        assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
    }
}
