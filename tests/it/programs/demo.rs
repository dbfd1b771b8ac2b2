//! The demonstration in `deploy/demo` shows what it promises, and leaves nothing behind.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_conformance::program::tied;

const DEADLINE: Duration = Duration::from_secs(60);

/// A demonstration under way, and the lines it has shown.
struct Demo {
    child: Child,
    shown: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    until: Instant,
}

impl Demo {
    fn begins(pace: &str) -> Demo {
        Demo::with_server(pace, env!("CARGO_BIN_EXE_chat_server"))
    }

    fn with_server(pace: &str, server: &str) -> Demo {
        // A test run in the background ignores SIGINT, and bash keeps ignoring what it was born ignoring.
        let mut child = tied("env")
            .args(["--default-signal=INT", "bash"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/demo"))
            .env("DEMO_PACE", pace)
            .env("CHAT_SERVER_BIN", server)
            // A setting meant for another server: the demonstration should not care.
            .env("CHAT_MAX_CLIENTS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("env is here");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, shown) = mpsc::channel();
        let read = move || lines.map_while(Result::ok).for_each(|line| _ = tell.send(line));
        let reader = thread::Builder::new().name("demo-reader".into()).spawn(read).unwrap();
        Demo { child, shown, reader: Some(reader), until: Instant::now() + DEADLINE }
    }

    /// The next line, or `None` at the end.
    fn line(&mut self) -> Option<String> {
        match self.shown.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the demonstration hangs"),
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill is here").success());
    }

    /// What is left to be shown, the complaints, and the exit status.
    fn end(&mut self) -> (Vec<String>, String, ExitStatus) {
        let mut rest = Vec::new();
        while let Some(line) = self.line() {
            rest.push(line);
        }
        // Its output is closed, so it is past its last pause.
        let mut complaints = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        (rest, complaints, self.child.wait().unwrap())
    }
}

impl Drop for Demo {
    /// Also where an assertion failed: the demonstration ends its server before itself.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal("TERM");
            let _ended = self.child.wait();
        }
        // The output closed with the demonstration, so the reader has come to its end.
        let _ended = self.reader.take().map(JoinHandle::join);
    }
}

#[test]
fn three_people_are_seen_to_talk() {
    let (shown, complaints, status) = Demo::begins("0").end();
    let all = shown.join("\n");
    assert!(status.success(), "{status}: {complaints}\n{all}");
    assert_eq!(complaints, "");
    let mut lines = shown.iter();
    for expected in [
        "Welcome. Type /join <your-name> to come in",
        "ani> JOIN:ani",
        "You are ani, alone in #lobby.",
        "* budi joined #lobby",
        "budi: selamat pagi, ani!",
        "* citra joined #lobby",
        "~ budi pours three cups",
        "You are alone in #dapur.",
        "#dapur budi: saya!",
        "#dapur (3 people)",
        "#lobby (3 people)",
        "-citra- psst",
        "whispered to citra",
        "! \"budi\" is taken. Try budi2.",
        "Did you mean HISTORY?",
        "earlier lines of #dapur:",
        "#dapur budi: saya!",
        "End of the earlier lines.",
        "* citra left #dapur: \"sampai nanti",
        "Bye, ani.",
        "The server has stopped as well.",
    ] {
        assert!(lines.any(|line| line.contains(expected)), "{expected:?} was not shown, or not in its place:\n{all}");
    }
}

#[test]
fn whoever_stops_it_stops_its_server() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // Slow enough that it is still in its first pauses when the signal comes.
        let mut demo = Demo::begins("999");
        let port = loop {
            let line = demo.line().expect("the demonstration shows the port before it ends");
            if let Some((_, port)) = line.split_once(" at 127.0.0.1:") {
                break port.trim_end_matches('.').parse::<u16>().unwrap();
            }
        };
        demo.signal(signal);
        let (_, complaints, status) = demo.end();
        assert_eq!(status.code(), Some(code), "{complaints}");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the server still listens after {signal}");
    }
}

#[test]
fn a_server_that_does_not_start_is_an_error() {
    let (_, complaints, status) = Demo::with_server("0", "/nowhere/chat_server").end();
    assert_eq!(status.code(), Some(1));
    assert!(complaints.contains("error: the server does not start"), "{complaints}");
    assert!(complaints.contains("/nowhere/chat_server"), "the reason is shown as well: {complaints}");
}
