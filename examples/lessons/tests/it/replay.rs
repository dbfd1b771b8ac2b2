//! Lesson 19: a second program that reads the first one's log comes to the same state, byte for byte.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::thread;

use chat_conformance::program::{ended, tied};
use chat_server::testing::TestClient;

use crate::folder::Folder;
use crate::programs::{Lines, program};

fn start(arguments: &[&str]) -> Lines {
    Lines::start(tied(program("19_replay")).args(arguments))
}

/// A server that writes its log there, and its door.
fn writing(path: &str) -> (Lines, SocketAddr) {
    let mut server = start(&["127.0.0.1:0", "127.0.0.1:0", path]);
    let doors: Vec<String> = (0..2).filter_map(|_| server.line()).collect();
    let addr = doors[0].strip_prefix("listening on ").and_then(|addr| addr.parse().ok());
    (server, addr.expect("a door"))
}

fn following(path: &str) -> Lines {
    let mut server = start(&["--follow", path]);
    assert_eq!(server.line(), Some(format!("following {path}")));
    server
}

/// All that is still printed, up to the line that is the last: that one is not in it.
fn printed(server: &mut Lines, last: &str) -> Vec<String> {
    let mut lines: Vec<String> = std::iter::from_fn(|| server.line()).collect();
    assert_eq!(lines.pop().as_deref(), Some(last), "{lines:#?}");
    assert_eq!(ended(&mut server.child).code(), Some(0));
    lines
}

/// A client that comes, speaks, is refused, rolls dice and goes, some times over. Which number it has says what it does.
fn lives(addr: SocketAddr, number: usize) {
    for life in 0..5 {
        let mut client = TestClient::connect(addr);
        client.hears("HELLO: ...");
        // Two clients want each name.
        client.send(&format!("JOIN:c{}", number % 2));
        for line in 0..number + life {
            let verb = ["halo", "ROLL:3d6", "LIST", "MSG:", "  spaces and ä  "][(number + line) % 5];
            client.send(verb);
        }
        match (number + life) % 3 {
            0 => {
                client.send("QUIT");
                client.until("BYE");
            }
            1 => client.hang_up(),
            _ => client.send("CRASH"),
        }
        let _until_it_is_closed = client.rest();
    }
}

#[test]
fn a_second_server_follows_the_first_and_shows_the_same_state() {
    let folder = Folder::new("replay");
    let log = folder.path("chat.log");
    let (mut first, addr) = writing(&log);
    let mut second = following(&log);
    for _ in 0..2 {
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let name = format!("client-{number}");
                thread::Builder::new().name(name).spawn(move || lives(addr, number)).expect("a thread")
            })
            .collect();
        // In the middle of it, at whatever place the router is.
        first.send(b"state\n");
        clients.into_iter().for_each(|client| client.join().expect("a client"));
        first.send(b"state\n");
    }
    first.send(b"quit\n");
    let states = printed(&mut first, "stopped: every thread has ended");
    assert_eq!(states.iter().filter(|line| line.starts_with("state after ")).count(), 4, "{states:#?}");
    assert!(states.iter().any(|line| line.starts_with("MSG ")), "it was spoken: {states:#?}");
    assert_eq!(printed(&mut second, "stopped: the log has ended"), states);
    // It needs no server to be there: what the log says is all there is to know.
    assert_eq!(printed(&mut following(&log), "stopped: the log has ended"), states);
}

#[test]
fn an_entry_that_is_half_written_is_waited_for() {
    let folder = Folder::new("half");
    let path = folder.path("chat.log");
    fs::write(&path, "5 + 1\n7 > 1 line 0 JOIN:a").expect("a file");
    let mut second = following(&path);
    let mut log = OpenOptions::new().append(true).open(&path).expect("the file");
    log.write_all(b"ni\n9 ?\n9 .\n").expect("more of it");
    let state = ["state after 3 messages, at 9ns", "client 1: ani; full at 0ns; 0 x \"\"", "last line: 0"];
    assert_eq!(printed(&mut second, "stopped: the log has ended"), state);
}

#[test]
fn a_log_that_is_there_is_kept_and_one_that_is_none_is_refused() {
    let folder = Folder::new("refused");
    let path = folder.path("chat.log");
    fs::write(&path, "selamat pagi\n").expect("a file");
    let refused = |arguments: &[&str]| {
        let mut command = tied(program("19_replay"));
        let output = command.args(arguments).stdin(Stdio::null()).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let words = refused(&["127.0.0.1:0", "127.0.0.1:0", &path]);
    assert!(words.contains("the log needs a new file, and --follow"), "{words}");
    assert_eq!(fs::read_to_string(&path).expect("the file"), "selamat pagi\n");
    let words = refused(&["--follow", &path]);
    assert!(
        words.starts_with("error: ") && words.ends_with("is no log of this program: \"selamat pagi\\n\"\n"),
        "{words}"
    );
    let words = refused(&["--follow"]);
    assert!(words.contains("--follow what? the log of another server"), "{words}");
}
