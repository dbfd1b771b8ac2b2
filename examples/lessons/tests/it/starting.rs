//! A lesson that cannot be started says why in one plain line, with what to do next, and ends.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use chat_conformance::program::{ended, tied};
use chat_server::testing::{DEADLINE, TestClient};

use crate::folder::Folder;
use crate::papers::LADDER;
use crate::programs::{Lines, doors, program};

/// What a thread's stack takes of the address space here: much more than all else of a lesson together.
const STACK: usize = 256 << 20;

/// The threads of lesson 16.
const WORKERS: usize = 2;

/// The arguments by which a lesson listens at these addresses.
fn arguments(lesson: &str, addrs: &[&str]) -> Vec<String> {
    let flags = if lesson == "18_operation" { ["--addr=", "--irc="] } else { ["", ""] };
    flags.iter().zip(addrs).take(doors(lesson)).map(|(flag, addr)| format!("{flag}{addr}")).collect()
}

/// The exit code of a program that ends by itself, and what it says on stderr.
fn end(mut child: Child) -> (Option<i32>, String) {
    let code = ended(&mut child).code();
    let Output { stderr, .. } = child.wait_with_output().expect("its output");
    (code, String::from_utf8_lossy(&stderr).into_owned())
}

fn start(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

#[test]
fn an_address_that_is_taken_or_is_none_is_told_in_one_plain_line_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("its address").to_string();
    for lesson in LADDER {
        let is_18 = lesson == "18_operation";
        let next = match doors(lesson) {
            _ if is_18 => "--addr=ADDR:PORT says where else",
            1 => "another address is an argument, such as 127.0.0.1:7979",
            _ => "other addresses are arguments, such as 127.0.0.1:7979 127.0.0.1:6969",
        };
        let said = |addrs: &[&str]| end(start(tied(program(lesson)).args(arguments(lesson, addrs))));
        let (code, words) = said(&[&addr, "127.0.0.1:0"]);
        let expected = format!("error: cannot listen on {addr}: Address already in use (os error 98); {next}\n");
        assert_eq!((code, words), (Some(1), expected), "{lesson}");
        let (code, words) = said(&["7979", "127.0.0.1:0"]);
        // For a setting it is a wrong value, which no second attempt heals.
        assert_eq!(code, Some(if is_18 { 2 } else { 1 }), "{lesson}: {words}");
        assert!(
            words.starts_with("error: ") && words.contains("7979") && words.lines().count() == 1,
            "{lesson}: {words}"
        );
        if doors(lesson) > 1 && !is_18 {
            let (code, words) = said(&["127.0.0.1:0", &addr]);
            assert!(words.starts_with(&format!("error: cannot listen on {addr}: ")), "{lesson}: {words}");
            assert_eq!(code, Some(1), "{lesson}");
        }
    }
}

/// A command for a lesson that the system lets start so many threads besides its first.
fn with_threads(lesson: &str, threads: usize) -> Command {
    let mut command = tied("sh");
    let kib = (threads * STACK + STACK / 2) >> 10;
    command.args(["-c", &format!("ulimit -v {kib} && exec \"$0\" \"$@\"")]).arg(program(lesson));
    command.args(arguments(lesson, &["127.0.0.1:0"; 2]));
    // Else the allocator takes address space for each thread as well.
    command.env("RUST_MIN_STACK", STACK.to_string()).env("MALLOC_ARENA_MAX", "1");
    command.env("TOKIO_WORKER_THREADS", WORKERS.to_string());
    command
}

/// Whichever it is: those that run already are told to end, and so the program does.
#[test]
fn a_lesson_that_cannot_start_one_of_its_threads_ends_and_says_so() {
    let next = "end other programs, or raise a limit that `ulimit -a` shows";
    // The router's thread, and from lesson 10 on one for each door; the pool's two and the one that sweeps; the console's.
    for (lesson, threads) in [
        ("05_router", 1),
        ("09_panics", 1),
        ("10_shutdown", 2),
        ("11_turns", 2),
        ("12_doors", 3),
        ("13_table", 3),
        ("14_limits", 3),
        ("15_tests", 3),
        ("16_tokio", WORKERS),
        ("17_pool", 6),
        ("18_operation", 4),
        ("19_replay", 3),
    ] {
        for started in 0..threads {
            let (code, words) = end(start(&mut with_threads(lesson, started)));
            let why = match lesson {
                "16_tokio" => "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)",
                _ => "Resource temporarily unavailable (os error 11)",
            };
            let expected = format!("error: cannot start a thread: {why}; {next}");
            assert!(words.lines().any(|line| line == expected), "{lesson}, {started} threads: {words}");
            assert_eq!(code, Some(1), "{lesson}, {started} threads: {words}");
        }
        // With one more all of them run, or the numbers above would say nothing.
        let mut whole = Lines::start(&mut with_threads(lesson, threads));
        assert!(whole.line().is_some_and(|line| line.starts_with("listening on ")), "{lesson}");
        if lesson >= "10_shutdown" {
            whole.send(b"quit\n");
            while whole.line().is_some() {}
            assert_eq!(ended(&mut whole.child).code(), Some(0), "{lesson}");
        }
    }
}

/// From the first lesson on: a client whose threads cannot be started is let go, and the log says when there is a place.
#[test]
fn a_client_without_a_thread_has_no_place_until_another_leaves() {
    for (lesson, threads) in [("01_echo", 1), ("02_queue", 2), ("04_registry", 2), ("05_router", 3), ("10_shutdown", 4)]
    {
        let log = Folder::new(&format!("{lesson}-no-place"));
        let file = fs::File::create(log.path("log")).expect("a file");
        let mut program = Lines::start_with_log(with_threads(lesson, threads).stderr(file));
        let addr =
            program.line().and_then(|line| line.strip_prefix("listening on ")?.parse().ok()).expect("an address");
        let first = TestClient::connect(addr);
        let mut second = TestClient::connect(addr);
        assert!(second.rest().is_empty(), "{lesson}: the second is let go");
        // The connection is closed a moment before the line is written.
        let (said, began) = (|| fs::read_to_string(log.path("log")).expect("the log"), Instant::now());
        while !said().ends_with('\n') {
            assert!(began.elapsed() < DEADLINE, "{lesson} says nothing");
        }
        let said = said();
        let expected = "client 2 has no place: Resource temporarily unavailable (os error 11); \
                        it can come in when another has left\n";
        assert_eq!(said, expected, "{lesson}");
        drop(first);
        // Its threads end a little later; until then a client is let go as the second was.
        let began = Instant::now();
        while !is_served(addr) {
            assert!(began.elapsed() < DEADLINE, "{lesson}: there is no place");
        }
    }
}

/// Whether a new client is answered.
fn is_served(addr: SocketAddr) -> bool {
    let mut client = TestClient::connect(addr);
    client.send("halo");
    client.line().is_some()
}
