//! A chatd for tests, and a user who talks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use chat_conformance::program::tied;
use tempfile::NamedTempFile;

/// A port that is free, below those that the system gives to others who ask for any port. No two tests try the same one.
pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let first = 20_000 + std::process::id() % 300 * 40;
    loop {
        let port = u16::try_from(first + TRIED.fetch_add(1, Relaxed)).expect("a free port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// chatd on free ports. Ended with the test.
pub(crate) struct Chatd {
    pub(crate) child: Child,
    pub(crate) line: String,
    pub(crate) page: String,
    out: BufReader<ChildStdout>,
    log: NamedTempFile,
}

impl Chatd {
    pub(crate) fn start(flags: &[&str]) -> Chatd {
        Chatd::run(command().args(["--log", "warn"]).args(flags))
    }

    /// A command with flags of its own; the doors are on free ports.
    pub(crate) fn run(command: &mut Command) -> Chatd {
        let log = NamedTempFile::new().expect("a file");
        let mut child = command
            .envs(["CHAT_ADDR", "CHAT_FILES", "CHAT_WEB"].map(|door| (door, "127.0.0.1:0")))
            .stdout(Stdio::piped())
            .stderr(log.reopen().expect("it is there"))
            .spawn()
            .expect("chatd starts");
        let out = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut chatd = Chatd { child, line: String::new(), page: String::new(), out, log };
        chatd.line = chatd.prints("listening on ");
        chatd.page = chatd.prints("page on http://");
        chatd
    }

    /// The rest of the next line that it prints, which begins so.
    pub(crate) fn prints(&mut self, begin: &str) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("it says where it listens");
        line.trim().strip_prefix(begin).unwrap_or_else(|| panic!("unexpected: {line:?}")).to_string()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("it is there")
    }

    /// Waits until its log has this so many times, and returns the whole of it.
    pub(crate) fn logs(&self, words: &str, times: usize) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            let log = self.log();
            if log.matches(words).count() >= times {
                return log;
            }
            assert!(Instant::now() < until, "waiting for {words:?} in {log}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// One HTTP call, by hand, on a connection of its own.
    pub(crate) fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
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

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    /// How many there are of its threads (`task`) or descriptors (`fd`).
    #[cfg(target_os = "linux")]
    pub(crate) fn count(&self, what: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{what}", self.child.id())).expect("it runs").count()
    }

    /// A user who has signed on at the line door.
    pub(crate) fn join(&self, name: &str) -> BufReader<TcpStream> {
        let mut person = BufReader::new(connect(&self.line));
        says(&mut person, &format!("JOIN:{name}\n"));
        hears(&mut person, " OK JOIN ");
        person
    }

    pub(crate) fn ends_with(&mut self, code: i32) {
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

pub(crate) fn command() -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_chatd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        command.env_remove(name);
    }
    // Tests that keep something say where.
    command.env("CHAT_DATA", "off");
    command
}

pub(crate) fn output(flags: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command().args(flags).output().expect("chatd runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

pub(crate) fn connect(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the door is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
    stream
}

pub(crate) fn says(person: &mut BufReader<TcpStream>, words: &str) {
    person.get_mut().write_all(words.as_bytes()).expect("the door reads");
}

pub(crate) fn hears(lines: &mut impl BufRead, words: &str) -> String {
    loop {
        let mut line = String::new();
        let got = lines.read_line(&mut line).unwrap_or_else(|error| panic!("waiting for {words:?}: {error}"));
        assert!(got > 0, "the end came before {words:?}");
        if line.contains(words) {
            return line;
        }
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}
