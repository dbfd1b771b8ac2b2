//! The promise of the store, tried: a server is killed at random moments while people talk, again and again, and whatever any
//! of them saw, or was told is said, is there afterwards, once, under the number it had.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chat_conformance::program::tied;

const DEADLINE: Duration = Duration::from_secs(30);
/// How often it is killed, unless CRASHES says otherwise.
const CRASHES: u64 = 100;
const TALKERS: usize = 4;
const LISTENERS: usize = 2;
/// How many lines of one talker are on their way.
const UNDER_WAY: u64 = 8;

/// A line as a user knows it: its number in the room, and its words.
type Line = (u64, String);

/// Everything that happened in one round.
#[derive(Default)]
struct Round {
    seen: Vec<Line>,
    acknowledged: Vec<Line>,
}

/// A server that does not outlive the test, whatever becomes of that.
struct Server(Child);

impl Server {
    fn kill(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it is gone");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone_already = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn start(data: &Path, round: u64) -> (Server, String) {
    let engine = ["direct", "threads", "pool", "tokio"][round as usize % 4];
    // Every third round pays for the power cut that does not come.
    let durability = if round % 3 == 2 { "full" } else { "commit" };
    let mut command = tied(env!("CARGO_BIN_EXE_chatd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        command.env_remove(name);
    }
    let limits = ["--burst", "0", "--spam-lines", "0", "--spam-repeats", "0", "--max-per-address", "0"];
    let mut child = command
        .args(["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "--web", "off", "--log", "error", "--history", "50"])
        .args(["--engine", engine, "--durability", durability, "--data"])
        .arg(data)
        .args(limits)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("chatd starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout is a pipe"))
        .read_line(&mut line)
        .expect("it says where it listens");
    let addr = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("unexpected: {line:?}"));
    (Server(child), addr.to_string())
}

fn connect(addr: &str, name: &str) -> (TcpStream, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(addr).expect("somebody listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream.set_nodelay(true).expect("an option");
    writeln!(stream, "OPT:history=off presence=off\nJOIN:{name}\nPING:in").expect("it reads");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut line = String::new();
    while !line.trim_end().ends_with("PONG in") {
        line.clear();
        assert!(reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0), "{name} did not get in");
    }
    (stream, reader)
}

/// Talks until the server is gone, never more than so many lines ahead of the answers.
fn talk(addr: &str, round: u64, talker: usize, is_in: &mpsc::Sender<()>) -> Round {
    let (mut stream, mut reader) = connect(addr, &format!("talker{talker}"));
    is_in.send(()).expect("the test waits");
    let mut done = Round::default();
    let words = |number: u64| format!("round {round} talker {talker} line {number}");
    let (mut next, mut answered) = (0, 0);
    let mut line = Vec::new();
    loop {
        while next < answered + UNDER_WAY {
            if writeln!(stream, "MSG={next}:{}", words(next)).is_err() {
                return done;
            }
            next += 1;
        }
        line.clear();
        // A line that was cut in the middle was not seen.
        if !reader.read_until(b'\n', &mut line).is_ok_and(|_| line.ends_with(b"\n")) {
            return done;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_string();
        if let Some(said) = said(&line) {
            done.seen.push(said);
        } else if line.contains(" OK MSG ") {
            assert!(!line.contains("kept=no"), "{line}");
            let field = |key: &str| -> u64 {
                let value = line.split(' ').find_map(|field| field.strip_prefix(key)).expect("a field");
                value.parse().expect("a number")
            };
            done.acknowledged.push((field("id="), words(field("tag="))));
            answered += 1;
        }
    }
}

/// Reads until the server is gone.
fn listen(addr: &str, listener: usize, is_in: &mpsc::Sender<()>) -> Round {
    let (_stream, mut reader) = connect(addr, &format!("listener{listener}"));
    is_in.send(()).expect("the test waits");
    let mut done = Round::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if !reader.read_until(b'\n', &mut line).is_ok_and(|_| line.ends_with(b"\n")) {
            return done;
        }
        done.seen.extend(said(String::from_utf8_lossy(&line).trim_end()));
    }
}

/// `… MSG #lobby 17 ani: words`.
fn said(line: &str) -> Option<Line> {
    let (head, words) = line.split_once(": ")?;
    let fields: Vec<&str> = head.split(' ').collect();
    match fields[..] {
        [_, "MSG", "#lobby", id, _] => Some((id.parse().ok()?, words.to_string())),
        _ => None,
    }
}

/// What the server has of the room behind this number, by the way that any user has: page by page.
fn kept_behind(addr: &str, mut after: u64) -> Vec<Line> {
    let (mut stream, reader) = connect(addr, "checker");
    let mut lines = Vec::new();
    writeln!(stream, "HISTORY:#lobby after={after} limit=500").expect("it reads");
    for line in reader.lines() {
        let line = line.expect("in time");
        lines.extend(said(&line));
        if line.contains(" END HISTORY ") {
            match line.split(" more=").nth(1) {
                Some(more) => after = more.trim().parse().expect("a number"),
                None => break,
            }
            writeln!(stream, "HISTORY:#lobby after={after} limit=500").expect("it reads");
        }
    }
    let _closed_already = stream.shutdown(Shutdown::Both);
    lines
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

#[test]
fn whatever_anybody_saw_is_there_after_a_crash() {
    let crashes = std::env::var("CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(CRASHES);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut dice = Dice(7);
    let mut kept: BTreeMap<u64, String> = BTreeMap::new();
    let (mut seen, mut acknowledged) = (0, 0);
    let (mut server, mut addr) = start(&data, 0);
    for round in 0..crashes {
        let (done, ended) = mpsc::channel();
        let (is_in, came_in) = mpsc::channel();
        let threads: Vec<_> = (0..TALKERS + LISTENERS)
            .map(|number| {
                let (addr, done, is_in) = (addr.clone(), done.clone(), is_in.clone());
                let live = move || {
                    let heard = if number < TALKERS {
                        talk(&addr, round, number, &is_in)
                    } else {
                        listen(&addr, number - TALKERS, &is_in)
                    };
                    done.send(heard).expect("the test waits");
                };
                thread::Builder::new().name(format!("person-{number}")).spawn(live).expect("a thread")
            })
            .collect();
        // A late one would find no other.
        for _ in &threads {
            came_in.recv_timeout(DEADLINE).expect("everybody gets in");
        }
        // Not a wait for something: the moment of the crash is what is random here.
        thread::sleep(Duration::from_millis(dice.below(400)));
        server.kill();
        let heard: Vec<Round> =
            threads.iter().map(|_| ended.recv_timeout(DEADLINE).expect("everybody notices")).collect();
        for thread in threads {
            thread.join().expect("nobody panicked");
        }

        (server, addr) = start(&data, round + 1);
        let last = kept.keys().next_back().copied().unwrap_or(0);
        for (id, words) in kept_behind(&addr, last) {
            let expected = kept.keys().next_back().map_or(1, |last| last + 1);
            assert_eq!(id, expected, "round {round}: ids have no hole and none comes twice");
            kept.insert(id, words);
        }
        for (id, words) in heard.iter().flat_map(|heard| heard.seen.iter().chain(&heard.acknowledged)) {
            assert_eq!(kept.get(id), Some(words), "round {round}: line {id} was seen");
        }
        seen += heard.iter().map(|heard| heard.seen.len()).sum::<usize>();
        acknowledged += heard.iter().map(|heard| heard.acknowledged.len()).sum::<usize>();
    }
    server.kill();

    // Nothing was said twice, and each talker's lines stand in the order they were sent in.
    let mut by_talker: HashMap<String, u64> = HashMap::new();
    for words in kept.values() {
        let (talker, number) = words.rsplit_once(" line ").expect("a line of ours");
        let next = by_talker.entry(talker.to_string()).or_default();
        assert_eq!(number.parse(), Ok(*next), "{words}");
        *next += 1;
    }
    println!("{crashes} crashes, {} lines kept, {seen} seen, {acknowledged} acknowledged", kept.len());
    assert!(seen > 0 && acknowledged > 0);
}
