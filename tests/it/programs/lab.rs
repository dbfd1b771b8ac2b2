//! The lab from outside, in the server program: the walk-through of docs/lab.md, in which each command is run in a terminal of its
//! own as it stands there and what it shows is compared with what the paper says; and what is seen by an inspection.

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use chat_server::testing::{DEADLINE, TestClient, matches};

use super::process::Process;
use chat_conformance::program::{Program, is_here};

/// What the paper has for the address and for the server program.
const PORT: &str = "7878";
const CARGO: &str = "cargo run --";

/// A block of the paper: which terminal, and its lines with their numbers.
struct Block {
    terminal: String,
    lines: Vec<(usize, String)>,
}

fn blocks() -> Vec<Block> {
    let paper = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lab.md")).expect("docs/lab.md");
    let (mut blocks, mut open) = (Vec::new(), None::<Block>);
    for (number, line) in paper.lines().enumerate() {
        match (&mut open, line) {
            (None, _) => {
                open = line.strip_prefix("```console ").map(|name| Block { terminal: name.into(), lines: Vec::new() });
            }
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => block.lines.push((number + 1, line.into())),
        }
    }
    assert!(open.is_none(), "the paper ends within a block");
    blocks
}

/// The terminals of a user who follows the paper.
struct Learner {
    port: String,
    terminals: HashMap<String, Program>,
}

impl Learner {
    fn new() -> Learner {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        Learner { port: free.port().to_string(), terminals: HashMap::new() }
    }

    /// Runs a command in a terminal. What ran in it before ends, as by Ctrl-C.
    fn runs(&mut self, terminal: &str, command: &str) {
        let server = format!("exec {}", env!("CARGO_BIN_EXE_chat_server"));
        let command = command.replace(CARGO, &server).replace(PORT, &self.port);
        if let Some(mut before) = self.terminals.remove(terminal) {
            if terminal == "server" {
                before.is_interrupted();
                before.ends();
            }
            drop(before);
        }
        let addr = format!("CHAT_ADDR=127.0.0.1:{}", self.port);
        let mut words = vec!["env", "-u", "RUST_LOG", "LC_ALL=C.UTF-8", "RUST_BACKTRACE=0", &addr];
        let ours: Vec<String> =
            std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CHAT_")).collect();
        ours.iter().for_each(|name| words.splice(1..1, ["-u", name]).for_each(drop));
        words.extend(["bash", "-c", &command]);
        self.terminals.insert(terminal.into(), Program::start(&words));
    }

    /// The next line of a terminal is like this; or, behind `...`, one of those that come.
    #[track_caller]
    fn sees(&mut self, terminal: &str, place: &str, pattern: &str, may_skip: bool) {
        let wanted = blurred(&pattern.replace(PORT, &self.port));
        let program = self.terminals.get_mut(terminal).unwrap_or_else(|| panic!("{place}: nothing runs here"));
        let mut skipped = Vec::new();
        while let Some(line) = program.line() {
            let line = blurred(&line);
            if is_like(&wanted, &line) || (!may_skip && is_at_work(&wanted, &line)) {
                return;
            }
            assert!(may_skip, "{place}: {pattern:?}\n  but it shows {line:?}");
            skipped.push(line);
        }
        panic!("{place}: it ended without {pattern:?}: {skipped:#?}");
    }
}

/// A line without what differs each time: the time of day, numbers with a point, and how far apart the words are.
fn blurred(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let is = |c: char| word.contains(c) && word.chars().all(|d| d.is_ascii_digit() || d == c);
        match word {
            _ if is(':') && word.len() == 5 => "10:00",
            _ if is('.') => "0.0",
            word => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a row is of the thread that was expected, which happened to work at that moment instead of waiting.
fn is_at_work(pattern: &str, line: &str) -> bool {
    let row = |line: &str| line.split(' ').skip(1).map(String::from).collect::<Vec<_>>();
    let (expected, shown) = (row(pattern), row(line));
    expected.len() > 2 && shown.len() > 2 && expected[0] == shown[0] && expected[1] == "S" && shown[1] == "R"
}

/// Whether a line is as the pattern says, in which `*` is anything.
fn is_like(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| is_like(rest, &line[at..]))
}

#[test]
fn every_step_of_the_walk_through_shows_what_the_paper_says() {
    if !["bash", "nc", "cat", "seq", "yes"].into_iter().all(is_here) {
        return;
    }
    let mut learner = Learner::new();
    let (mut commands, mut typed) = (0, 0);
    for Block { terminal, lines } in blocks() {
        let mut may_skip = false;
        for (number, line) in lines {
            let place = format!("docs/lab.md, line {number}, in the terminal {terminal}");
            let runs = |learner: &mut Learner| learner.terminals.contains_key(&terminal);
            if let Some(command) = line.strip_prefix("$ ") {
                learner.runs(&terminal, command);
                commands += 1;
            } else if line == "..." {
                may_skip = true;
                continue;
            } else if !runs(&mut learner) {
                panic!("{place}: nothing runs here");
            } else if let Some(words) = line.strip_prefix("> ") {
                learner.terminals.get_mut(&terminal).unwrap().types(format!("{words}\n"));
                typed += 1;
            } else if line == "^C" {
                learner.terminals.get_mut(&terminal).unwrap().is_interrupted();
            } else if line == "$" {
                let rest =
                    std::iter::from_fn(|| learner.terminals.get_mut(&terminal).unwrap().line()).collect::<Vec<_>>();
                assert!(may_skip || rest.is_empty(), "{place}: more comes than is shown: {rest:#?}");
                learner.terminals.remove(&terminal).unwrap().ends();
            } else {
                learner.sees(&terminal, &place, &line, may_skip);
            }
            may_skip = false;
        }
    }
    assert!(commands > 20 && typed > 30, "only {commands} commands and {typed} lines were found");
}

// ---- an inspection, in a process of its own: the threads of all that runs in one are in the picture ----

/// The rows of one picture.
fn look(client: &mut TestClient) -> Vec<String> {
    client.send("/inspect");
    client.until("* BEGIN INSPECT ...");
    picture(client)
}

/// What is left of a picture that has begun.
fn picture(client: &mut TestClient) -> Vec<String> {
    std::iter::from_fn(|| client.line().filter(|line| !line.contains(" END INSPECT *"))).collect()
}

/// Looks again and again until a row is like this.
fn until_seen(client: &mut TestClient, pattern: &str) -> String {
    let began = Instant::now();
    loop {
        let rows = look(client);
        if let Some(row) = rows.iter().find(|row| matches(pattern, row)) {
            return row.clone();
        }
        assert!(began.elapsed() < DEADLINE, "{pattern} is not seen in {rows:#?}");
    }
}

#[test]
fn a_peer_that_does_not_read_is_seen_with_its_name_and_what_waits_for_it() {
    let server = Process::start(&["--lab"]);
    let mut ani = server.join("ani");
    let mut budi = server.join("budi");
    until_seen(&mut ani, "* THREAD client-2 state=S cpu=* wait=read ms=* client=budi: reading since ...");
    until_seen(&mut ani, "* THREAD write-2 state=S cpu=* wait=batch client=budi: waits for something to write");
    let words = format!("MSG:{}\n", "x".repeat(2_000)).repeat(50);
    let stuck = "* THREAD write-2 state=S cpu=* wait=write ms=* client=budi: blocked in write since ...";
    // Any write takes a moment, and the system finds a little more room now and then.
    let millis = |row: &str| row.split_once(" ms=").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
    let is_stuck = |row: &String| matches(stuck, row) && millis(row).is_some_and(|millis| millis > 1_000);
    // The fullest queue comes first, behind that of the router.
    let full = "* QUEUE client-2 events=* outbox=* queue=* tickets=0 client=budi: ...";
    let is_full = |row: &String| matches(full, row) && !row.contains(" queue=0 ");
    let began = Instant::now();
    loop {
        let rows = look(&mut ani);
        if rows.iter().any(is_stuck) && rows.iter().filter(|row| row.contains(" QUEUE ")).nth(1).is_some_and(is_full) {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "the system takes all of it: {rows:#?}");
        ani.send_bytes(words.as_bytes());
        ani.settle();
    }
    // It asks, and does not read the answers: its tickets are out, and it is not read from any more.
    let began = Instant::now();
    let out = [
        "* THREAD client-2 state=S cpu=* wait=ticket client=budi: waits: its answers are unread",
        // A long answer is asked for one at a time.
        "* QUEUE client-2 events=* outbox=* queue=* tickets=1 client=budi: ...",
    ];
    loop {
        budi.send("LIST");
        let rows = look(&mut ani);
        if out.iter().all(|pattern| rows.iter().any(|row| matches(pattern, row))) {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "its answers are taken: {rows:#?}");
    }
}

/// However many are here, a picture has a bounded number of rows, the server's own threads first.
#[test]
fn a_picture_is_bounded() {
    let server = Process::start(&["--lab"]);
    let mut ani = server.join("ani");
    let mut crowd: Vec<TestClient> = (0..30).map(|_| TestClient::connect(server.addr)).collect();
    for guest in &mut crowd {
        guest.hears("* HELLO ...");
    }
    let rows = look(&mut ani);
    let count = |kind: &str| rows.iter().filter(|row| row.contains(kind)).count();
    assert_eq!((count(" THREAD "), count(" QUEUE ")), (24, 13), "{rows:#?}");
    assert!(count(" TURNS ") <= 9);
    for own in ["accept", "lab", "router"] {
        assert!(rows.iter().any(|row| row.contains(&format!(" THREAD {own} "))), "{own}: {rows:#?}");
    }
    ani.send("/opt view=short");
    ani.until("* view=short");
    ani.send("/inspect\n/ping end");
    let table: Vec<String> = std::iter::from_fn(|| ani.line().filter(|line| !line.ends_with("PONG end"))).collect();
    assert!(table.iter().all(|line| line.len() <= 80), "{table:#?}");
    assert!(table.iter().any(|line| line.contains("more threads")), "{table:#?}");
    assert!(table.iter().any(|line| line.ends_with("and 19 more clients")), "{table:#?}");
    drop(crowd);
}
