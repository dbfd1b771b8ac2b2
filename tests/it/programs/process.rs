//! The server as a process of its own: what only shows from outside, such as its threads and descriptors.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use chat_conformance::program::{ended, tied};
use chat_server::testing::{DEADLINE, TestClient};

/// The server program, safe from settings that are meant for another server.
pub(crate) fn program() -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_chat_server"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHAT_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG");
    command
}

/// A running server program. It is killed when this is dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) addr: SocketAddr,
}

impl Process {
    pub(crate) fn start(flags: &[&str]) -> Process {
        Process::with_log(flags, Stdio::inherit())
    }

    fn with_log(flags: &[&str], log: Stdio) -> Process {
        Process::run(program(), flags, log)
    }

    /// Starts it in a shell that has done something before, such as setting a limit.
    pub(crate) fn limited(before: &str, flags: &[&str]) -> Process {
        let mut shell = tied("sh");
        // Who writes past a limit on the size of files is ended, unless that is ignored: then it is an error like any other.
        let words = format!("trap '' XFSZ; {before}; exec \"$0\" \"$@\"");
        shell.args(["-c", &words, env!("CARGO_BIN_EXE_chat_server")]);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHAT_")) {
            shell.env_remove(name);
        }
        Process::run(shell, flags, Stdio::inherit())
    }

    pub(crate) fn run(mut command: Command, flags: &[&str], log: Stdio) -> Process {
        let mut child = command
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

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it as Ctrl-C does, and waits for its end.
    pub(crate) fn stops(mut self) {
        self.signal("-INT");
        assert!(ended(&mut self.child).success());
    }

    pub(crate) fn join(&self, name: &str) -> TestClient {
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

    /// Pings until a thing has come to pass that the server does on threads for which a test cannot wait.
    fn until(&self, pinger: &mut TestClient, what: &str, come_to_pass: impl Fn(&Process) -> bool) {
        let began = Instant::now();
        while !come_to_pass(self) {
            assert!(began.elapsed() < DEADLINE, "still not: {what}");
            pinger.settle();
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
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

/// Of a hundred clients nineteen each stall, panic, are split, reset and slow; what they had is given back.
#[test]
fn clients_that_misbehave_leave_no_thread_and_no_descriptor_behind() {
    let chaos = "stall=19,panic=19,split=19,rst=19,slow=19";
    let flags = ["--lab", "--chaos", chaos, "--slow-secs", "1", "--log", "off"];
    let server = Process::with_log(&flags, Stdio::null());
    let (mut broken, mut baseline) = (Vec::new(), (0, 0));
    for number in 0..95 {
        let mut client = TestClient::connect(server.addr);
        client.until("* NOTE *: Chaos: ...");
        client.send(&format!("JOIN:p{number}"));
        client.until("* OK JOIN ...");
        if number == 0 {
            // One client has two threads and one descriptor; in the end two will be here.
            baseline = (server.count("task") + 2, server.count("fd") + 1);
        }
        broken.push(client);
    }
    let mut ani = server.join("ani");
    let mut budi = server.join("budi");
    for client in &mut broken {
        (0..3).for_each(|line| client.send(&format!("MSG:{line}")));
    }
    for number in 0..20 {
        ani.send(&format!("MSG:{number}"));
        budi.until(&format!("* MSG #lobby * ani: {number}"));
    }
    // They go, with things unread; who stalls does not notice even that until its patience ends.
    drop(broken);
    let counts = |server: &Process| (server.count("task"), server.count("fd"));
    server.until(&mut ani, "back to the threads and descriptors of two", |server| counts(server) == baseline);
    ani.send("LIST");
    ani.until("* BEGIN LIST * 2");
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
    // A pipe that is not read takes 64 KiB; each visit logs three lines.
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
    assert_eq!(ended(&mut server.child).code(), Some(0));
}

/// All that a server wrote to its log, after its end.
pub(crate) fn log_of(server: &mut Process) -> String {
    let mut log = Vec::new();
    server.child.stderr.take().expect("a pipe").read_to_end(&mut log).expect("the log");
    String::from_utf8(log).expect("the log is UTF-8")
}

#[test]
fn a_signal_ends_it_with_last_words_and_no_error() {
    for signal in ["-INT", "-TERM"] {
        let mut server = Process::with_log(&["--log", "info"], Stdio::piped());
        let mut ani = server.join("ani");
        let mut budi = server.join("budi");
        let mut nobody = TestClient::connect(server.addr);
        nobody.settle();
        ani.settle();
        // The last words a user said before the signal are delivered before the goodbye.
        budi.send("MSG:one thing more");
        budi.settle();
        server.signal(signal);
        for person in [&mut ani, &mut budi] {
            person.until("* NOTE *: The server is stopping.");
            person.hears("* BYE 503 shutting-down: The server is stopping.");
            assert_eq!(person.line(), None, "nothing comes behind the goodbye");
        }
        nobody.until("* BYE 503 ...");
        assert_eq!(ended(&mut server.child).code(), Some(0));
        // "stopped" is written when every thread has been joined.
        let log = log_of(&mut server);
        let last: Vec<&str> = log.lines().rev().take(1).collect();
        assert!(last[0].ends_with("chat_server] stopped") && !log.contains("WARN"), "{log}");
        assert!(TcpStream::connect(server.addr).is_err(), "nobody listens any more");
    }
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut server = Process::with_log(&["--shutdown-secs", "600", "--slow-secs", "600"], Stdio::null());
    let mut ani = server.join("ani");
    let stuck = server.join("stuck");
    ani.settle();
    // More than the kernel takes in (some MiB): `stuck` does not read, so the end of the server would wait for it.
    let words = format!("MSG:{}\n", "x".repeat(2_000)).repeat(50);
    let missed = |ani: &mut TestClient| {
        ani.send("/stats");
        ani.settle().iter().any(|line| line.contains(" STAT missed ") && !line.contains(" STAT missed 0:"))
    };
    let began = Instant::now();
    while !missed(&mut ani) {
        assert!(began.elapsed() < DEADLINE, "the queues take all of it");
        ani.send_bytes(words.as_bytes());
    }
    server.signal("-TERM");
    ani.until("* BYE 503 ...");
    server.signal("-TERM");
    assert_eq!(ended(&mut server.child).code(), Some(130));
    drop(stuck);
}

#[test]
fn nothing_that_people_send_is_a_control_character_in_the_log() {
    let mut server = Process::with_log(&["--log", "trace"], Stdio::piped());
    let mut ani = server.join("ani");
    let evil = "\u{1b}[31m\u{7}\u{9b}2J\u{202e}\u{2028}x\r";
    for line in ["JOIN:", "", "MSG:", "NICK:", "/whisper ", "/", "JOIN:#", "OPT:view=", "PING:", "TOPIC:", "QUIT:"] {
        // As the first line of a connection, as its second, and with a name.
        let mut guest = TestClient::connect(server.addr);
        guest.send(&format!("{line}{evil}"));
        guest.send(&format!("GET /{evil} HTTP/1.1"));
        guest.settle();
        drop(guest);
        let mut guest = server.join("budi");
        guest.send(&format!("{line}{evil}"));
        guest.send_bytes(b"\xff\xf4\xff\xfd\x06\x9b\xe9\x1b[2J\n");
        guest.send("QUIT");
        guest.rest();
        ani.until("* LEFT #lobby budi: ...");
    }
    server.signal("-TERM");
    ani.rest();
    assert_eq!(ended(&mut server.child).code(), Some(0));
    let log = log_of(&mut server);
    assert!(log.lines().count() > 40, "{log}");
    let bad = |c: &char| (c.is_control() && *c != '\n') || "\u{202e}\u{2028}".contains(*c);
    let line = log.lines().find(|line| line.chars().any(|c| bad(&c)));
    assert_eq!(line, None);
    assert!(log.lines().all(|line| line.starts_with('[')), "and no line of the log was begun by a client: {log}");
}
