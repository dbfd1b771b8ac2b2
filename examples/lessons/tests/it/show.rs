//! `cargo run -p lessons`: the list of the lessons, and the picture of what one does.

use std::process::Stdio;

use chat_conformance::program::{Program, ended, is_here, tied};
use chat_server::testing::{DEADLINE, TestClient};

use crate::papers::{LADDER, read};
use crate::programs::Lines;

const LESSONS: &str = env!("CARGO_BIN_EXE_lessons");

/// Runs it to its end: the exit code, what it prints, and what it says on stderr.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = tied(LESSONS).args(arguments).stdin(Stdio::null()).output().expect("it starts");
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), out, err)
}

/// The next line with all of these words; what comes before it is passed over.
#[track_caller]
fn sees(shown: &mut Lines, words: &[&str]) -> String {
    let found = std::iter::from_fn(|| shown.line()).find(|line| words.iter().all(|word| line.contains(word)));
    found.unwrap_or_else(|| panic!("{words:?} is not shown"))
}

/// Starts a lesson that is drawn, and returns its line door.
fn shown(arguments: &[&str]) -> (Lines, std::net::SocketAddr) {
    let mut shown = Lines::start(tied(LESSONS).args(arguments));
    // Before its first line the lesson is compiled, beside the other tests and what they compile.
    let first = shown.line_within(6 * DEADLINE).expect("a picture");
    let is_there = first.contains("  listening on ");
    let line = if is_there { first } else { sees(&mut shown, &["  listening on "]) };
    let addr = line.rsplit(' ').next().and_then(|addr| addr.parse().ok());
    (shown, addr.expect("an address"))
}

/// The line of a program that has these words, by its number.
fn line_of(lesson: &str, words: &str) -> String {
    let program = read(&format!("examples/lessons/{lesson}.rs"));
    let at = program.lines().position(|line| line.contains(words)).expect("such a line");
    (at + 1).to_string()
}

#[test]
fn the_list_has_every_lesson_with_its_idea_its_command_and_its_time() {
    let table = read("docs/lessons/README.md");
    for (flags, idea) in [(&[][..], 1), (&["--id"][..], 2)] {
        let (code, list, _) = run(flags);
        assert_eq!(code, Some(0));
        let rows: Vec<&str> = list.lines().filter(|line| line.contains("cargo run -p lesson")).collect();
        for (number, lesson) in (1..).zip(LADDER) {
            let row = table.lines().find(|row| row.starts_with(&format!("| [{lesson}]"))).expect("a row of the table");
            let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
            let idea = cells[idea].trim_start_matches('[').split("](").next().expect("an idea");
            let package = if lesson == "16_tokio" { "lesson_tokio" } else { "lessons" };
            let command = format!("cargo run -p {package} --bin {lesson} ");
            assert!(cells[3].ends_with(" s"), "how long is {lesson} built? {row}");
            let expected = [&format!("{number}  ") as &str, idea, &command, cells[3]];
            let found = rows.iter().any(|row| expected.iter().all(|words| row.contains(words)));
            assert!(found, "{lesson}: {list}");
        }
    }
}

#[test]
fn what_does_not_go_is_said_with_what_does() {
    let (code, _, words) = run(&["--show", "99"]);
    assert_eq!((code, words.as_str()), (Some(2), "error: 99: no such lesson; cargo run -p lessons lists all\n"));
    let (code, _, words) = run(&["--show"]);
    assert_eq!((code, words.as_str()), (Some(2), "error: --show which? a number, such as --show 5\n"));
    let (code, _, words) = run(&["--draw"]);
    let next = "error: --draw is not understood; cargo run -p lessons -- --help says what is\n";
    assert_eq!((code, words.as_str()), (Some(2), next));
    let (code, _, words) = run(&["--id", "3", "4"]);
    let next = "error: 3 4 tidak dimengerti; cargo run -p lessons -- --id --help menyebut yang dimengerti\n";
    assert_eq!((code, words.as_str()), (Some(2), next));
}

#[test]
fn help_and_a_number_say_what_can_be_typed() {
    for flags in [&["--help"][..], &["-h"], &["--id", "--help"]] {
        let (code, help, _) = run(flags);
        assert_eq!(code, Some(0), "{flags:?}");
        assert!(help.contains("cargo run -p lessons -- --show 5") || help.contains("-- --id --show 5"), "{help}");
    }
    let (code, way, _) = run(&["3"]);
    assert_eq!(code, Some(0));
    let lines =
        "docs/lessons/03_mutex.en.md\n    cargo run -p lessons --bin 03_mutex\n    cargo run -p lessons -- --show 3\n";
    assert!(way.ends_with(lines), "{way}");
    let (_, way, _) = run(&["--id", "16_tokio"]);
    assert!(way.contains("16_tokio.id.md\n    cargo run -p lesson_tokio --bin 16_tokio\n    cargo run"), "{way}");
    let (code, _, words) = run(&["20"]);
    assert_eq!((code, words.as_str()), (Some(2), "error: 20: no such lesson; cargo run -p lessons lists all\n"));
}

/// In a window of five lines, and in one that is as narrow as a phone's.
#[test]
fn what_a_window_has_no_room_for_is_said() {
    if !is_here("script") || !is_here("stty") {
        return;
    }
    let mut person =
        Program::on_a_terminal(&format!("sh -c \"stty rows 5 cols 30; exec {LESSONS} --show 10 127.0.0.1:0\""));
    person.sees("…\x1b[K\r\n");
    person.sees(" lines have no room: make");
    person.types("quit\r");
    person.sees("10_shutdown ended");
    assert_eq!(person.ends().0, Some(0));
}

#[test]
fn threads_are_shown_by_name_with_what_each_waits_for() {
    let (mut shown, addr) = shown(&["--show", "10", "127.0.0.1:0"]);
    let mut ani = TestClient::connect(addr);
    ani.hears("HELLO: ...");
    let inbox = line_of("10_shutdown", "sync_channel(INBOX)");
    let outbox = line_of("10_shutdown", "sync_channel(OUTBOX)");
    // In this order, which is that of a frame: a frame comes only where something has changed.
    sees(&mut shown, &["  write-1 ", &format!("waits for a message: the queue of line {outbox}")]);
    sees(&mut shown, &["  client-1 ", "waits for bytes from 127.0.0.1:"]);
    sees(&mut shown, &[&format!("Message, line {inbox} "), "router"]);
    // What is typed goes to the lesson.
    shown.send(b"quit\n");
    ani.hears("NOTE: the server is stopping");
    sees(&mut shown, &["stopped: every thread has ended"]);
    sees(&mut shown, &["10_shutdown ended: exit status: 0"]);
    assert_eq!(ended(&mut shown.child).code(), Some(0));
}

/// Lesson 8 on one screen: the client does not read, so its connection is full; its writer waits, so its queue is full; and the
/// router does not wait.
#[test]
fn a_client_that_does_not_read_is_seen_in_the_queues() {
    let (mut shown, addr) = shown(&["--show", "8", "127.0.0.1:0"]);
    let mut ani = TestClient::connect(addr);
    ani.hears("HELLO: ...");
    ani.send("JOIN:ani");
    ani.hears("OK JOIN: ...");
    let mut budi = TestClient::connect(addr);
    budi.hears("HELLO: ...");
    budi.send("JOIN:budi");
    ani.hears("JOINED budi");
    let piece = format!("MSG:{}\n", "x".repeat(2_000)).repeat(100);
    (0..60).for_each(|_| ani.send_bytes(piece.as_bytes()));
    ani.send("LIST");
    ani.until("NAMES ...");
    sees(&mut shown, &["  write-2 ", "waits for a client that does not read: 127.0.0.1:"]);
    let outbox = line_of("08_backpressure", "sync_channel(OUTBOX)");
    let queue = format!("  Arc<Event>, line {outbox} ");
    // The system may take some lines more from the full queue at any time, and then nothing comes that would fill it again.
    let was_full = |line: &String| {
        let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [.., most, bound] = numbers.as_slice() else { return false };
        line.contains(&queue) && line.ends_with("write-2") && most == bound
    };
    assert!(std::iter::from_fn(|| shown.line()).any(|line| was_full(&line)), "the queue was full");
    drop(budi);
}

/// With no channel, with unbounded ones, and with every way to use one. To build all of them would take a minute.
#[test]
fn lessons_of_every_kind_can_be_shown() {
    for lesson in ["01_echo", "03_mutex", "17_pool", "18_operation", "19_replay"] {
        let arguments: &[&str] = match lesson {
            "18_operation" => &["--addr=127.0.0.1:0", "--irc=127.0.0.1:0"],
            _ => &["127.0.0.1:0", "127.0.0.1:0"],
        };
        let (_shown, addr) = shown(&[&["--show", lesson], arguments].concat());
        let _client = TestClient::connect(addr);
    }
    // What is replaced in the copy stands in each of them in the same form, and once.
    for lesson in LADDER {
        let program = read(&format!("examples/lessons/{lesson}.rs"));
        let found = program.matches("std::sync::mpsc").count();
        assert_eq!(found, program.matches("\nuse std::sync::mpsc::{self, ").count(), "{lesson}");
        assert_eq!(found, usize::from(!["01_echo", "16_tokio"].contains(&lesson)), "{lesson}");
    }
}

#[test]
fn on_a_terminal_it_is_drawn_in_place_and_in_indonesian_where_asked() {
    if !is_here("script") || !is_here("stty") {
        return;
    }
    let mut person = Program::on_a_terminal(&format!("{LESSONS} --id --show 10 127.0.0.1:0"));
    person.sees("\x1b[2J\x1b[H10_shutdown: ");
    person.sees("thread, ");
    person.sees(" kB memori\x1b[K\r\n");
    person.sees("\x1b[H10_shutdown: ");
    person.sees("menunggu client menyambung\x1b[K\r\n");
    person.types("quit\r");
    person.sees("10_shutdown selesai: exit status: 0\x1b[K\r\n\x1b[J");
    assert_eq!(person.ends().0, Some(0));
}
