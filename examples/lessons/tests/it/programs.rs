//! The lessons: each program plays its transcript, and what a transcript cannot show of an idea is shown here.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_conformance::play::play;
use chat_conformance::program::{Program, ended, is_here, tied};
use chat_server::testing::{DEADLINE, Stage, TestClient};

/// The most lines of output that wait to be looked at. A program that shows more waits.
const LINES: usize = 64;
/// How long a line is waited for that need not come. After it the program's threads are looked at.
const SILENCE: Duration = Duration::from_secs(2);
/// What the memory tests send: far more than the system keeps for a client that does not read, which is 3 MiB here.
const SENT: usize = 12 << 20;
/// The line without an end. Nothing of it stays with the system, for the server does read it.
const ENDLESS: usize = 4 << 20;

/// A program whose input is written and whose output is read by lines. It is killed when this is dropped.
pub(crate) struct Lines {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    lines: Option<Receiver<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    pub(crate) fn start(command: &mut Command) -> Lines {
        Lines::start_with_log(command.stderr(Stdio::null()))
    }

    /// The same, and its stderr goes where the command says.
    pub(crate) fn start_with_log(command: &mut Command) -> Lines {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, lines) = mpsc::sync_channel(LINES);
        let read = move || {
            let mut lines = output.lines().map_while(Result::ok);
            while lines.next().is_some_and(|line| tell.send(line.trim_end().to_string()).is_ok()) {}
        };
        let reader = thread::Builder::new().name("lines-reader".into()).spawn(read).expect("a thread");
        Lines { stdin: child.stdin.take(), child, lines: Some(lines), reader: Some(reader) }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A program that has ended is for the next read to find out.
        let _ended = self.stdin.as_mut().map(|stdin| stdin.write_all(bytes).and_then(|()| stdin.flush()));
    }

    /// The next line; `None` at the end of its output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> Option<String> {
        self.line_within(DEADLINE)
    }

    /// The same with another deadline.
    #[track_caller]
    pub(crate) fn line_within(&mut self, deadline: Duration) -> Option<String> {
        match self.lines.as_ref().map(|lines| lines.recv_timeout(deadline)) {
            Some(Ok(line)) => Some(line),
            Some(Err(RecvTimeoutError::Disconnected)) | None => None,
            Some(Err(RecvTimeoutError::Timeout)) => panic!("nothing came in {deadline:?}"),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
        // The reader may wait for room in the queue; without the queue it ends.
        self.lines = None;
        let _ended = self.reader.take().map(JoinHandle::join);
    }
}

/// A client as the transcript knows it: a socket of ours, or a program.
enum Seat {
    Socket(TestClient),
    Program(Lines),
}

/// A lesson's program as a stage. A player called `console` types into the program itself.
pub(crate) struct Lesson<'a> {
    program: Lines,
    /// What the program has printed and the transcript has not asked for.
    printed: VecDeque<String>,
    /// Where it listens; from lesson 12 on there is a second door, and that lesson's first exercise adds a third.
    doors: Vec<SocketAddr>,
    /// What people connect with, before address and port; nothing for sockets of our own.
    netcat: &'static [&'static str],
    seats: HashMap<String, Seat>,
    /// The answers to what the player sends to see whether another player was heard. The first lessons have no such command, so
    /// their transcripts are written so that each line is heard before the next is sent.
    pongs: HashMap<String, VecDeque<String>>,
    /// Where a line may well not come: whether the program was at work when its silence had lasted long enough.
    was_busy: Option<&'a AtomicBool>,
}

impl<'a> Lesson<'a> {
    fn start(lesson: &str) -> Lesson<'a> {
        Lesson::run(&program(lesson), lesson, doors(lesson))
    }

    /// Starts a program of this lesson that listens at so many doors.
    pub(crate) fn run(program: &Path, lesson: &str, doors: usize) -> Lesson<'a> {
        let addresses: &[&str] = match lesson {
            "18_operation" => &["--addr=127.0.0.1:0", "--irc=127.0.0.1:0"],
            _ => &["127.0.0.1:0"; 3][..doors],
        };
        let mut program = Lines::start(tied(program).args(addresses));
        let printed: VecDeque<String> = (0..doors).filter_map(|_| program.line()).collect();
        let addr = |line: &String| line.strip_prefix("listening on ")?.parse().ok();
        let doors: Vec<SocketAddr> =
            printed.iter().map(|line| addr(line).unwrap_or_else(|| panic!("it printed {line:?}"))).collect();
        assert!(!doors.is_empty(), "the program ended before it listened");
        Lesson { program, printed, doors, netcat: &[], seats: HashMap::new(), pongs: HashMap::new(), was_busy: None }
    }

    /// A line is waited for briefly, and `was_busy` says whether it might have come later.
    pub(crate) fn that_may_be_silent(self, was_busy: &'a AtomicBool) -> Lesson<'a> {
        Lesson { was_busy: Some(was_busy), ..self }
    }

    /// Whether a thread of the program runs or could. Where that cannot be known, it does.
    fn is_busy(&self) -> bool {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.program.child.id())) else { return true };
        let sleeps = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'));
        let mut stats = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("stat")));
        !stats.all(|stat| stat.is_ok_and(sleeps))
    }

    fn connect_to(&mut self, who: &str, door: usize) {
        let addr = self.doors[door];
        let seat = match self.netcat {
            [] => {
                let client = TestClient::connect(addr);
                if self.was_busy.is_some() {
                    client.stream().set_read_timeout(Some(SILENCE)).expect("a timeout");
                }
                Seat::Socket(client)
            }
            [netcat, flags @ ..] => {
                let mut command = tied(netcat);
                Seat::Program(Lines::start(command.args(flags).args([addr.ip().to_string(), addr.port().to_string()])))
            }
        };
        self.seats.insert(who.into(), seat);
    }

    fn client(&self) -> TestClient {
        TestClient::connect(self.doors[0])
    }

    /// A client of lesson 6 or later who has signed on.
    fn join(&self, name: &str) -> TestClient {
        let mut client = self.client();
        client.hears("HELLO: ...");
        client.send(&format!("JOIN:{name}"));
        client.hears("OK JOIN: ...");
        client
    }

    /// The most memory that the program has had, in bytes.
    fn peak(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.child.id())).expect("/proc");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        kib.map(|kib: usize| kib * 1_024).unwrap_or_else(|| panic!("no VmHWM in {status}"))
    }
}

impl Stage for Lesson<'_> {
    fn connect(&mut self, who: &str) {
        if who != "console" {
            self.connect_to(who, 0);
        }
    }

    fn connect_from(&mut self, who: &str, address: &str) -> bool {
        let door = ["line", "irc", "json"].iter().position(|door| *door == address);
        self.connect_to(who, door.expect("the doors are line, irc and json"));
        true
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        if let Some(token) = bytes.strip_prefix(b"PING:sync-") {
            let pong = format!("PONG sync-{}", String::from_utf8_lossy(token).trim_end());
            return self.pongs.entry(who.into()).or_default().push_back(pong);
        }
        match self.seats.get_mut(who) {
            Some(Seat::Socket(client)) => client.send_bytes(bytes),
            Some(Seat::Program(program)) => program.send(bytes),
            None => self.program.send(bytes),
        }
    }

    fn next(&mut self, who: &str) -> Option<String> {
        if let Some(pong) = self.pongs.get_mut(who).and_then(VecDeque::pop_front) {
            return Some(pong);
        }
        match self.seats.get_mut(who) {
            Some(Seat::Socket(client)) => match catch_unwind(AssertUnwindSafe(|| client.line())) {
                Ok(line) => line,
                Err(silence) => {
                    self.was_busy.inspect(|was_busy| was_busy.store(self.is_busy(), Ordering::Relaxed));
                    resume_unwind(silence)
                }
            },
            Some(Seat::Program(program)) => program.line(),
            None => self.printed.pop_front().or_else(|| self.program.line()),
        }
    }

    fn hang_up(&mut self, who: &str) {
        match self.seats.get_mut(who) {
            Some(Seat::Socket(client)) => client.hang_up(),
            Some(Seat::Program(program)) => program.stdin = None,
            None => self.program.stdin = None,
        }
    }

    fn wait(&mut self, _: u64) -> bool {
        false
    }

    fn restart(&mut self) {
        panic!("a lesson keeps nothing, so nothing is to be seen by that");
    }
}

/// At how many doors a lesson's program listens.
pub(crate) fn doors(lesson: &str) -> usize {
    if lesson >= "12_doors" { 2 } else { 1 }
}

/// Where a lesson's program is: in the folder of the first, or below it where it is an example. `cargo test -p lessons` builds all of
/// them; `--test it` alone leaves out the example.
pub(crate) fn program(lesson: &str) -> PathBuf {
    let first = Path::new(env!("CARGO_BIN_EXE_01_echo"));
    let is_example = lesson == "16_tokio";
    let path = if is_example { first.with_file_name("examples").join(lesson) } else { first.with_file_name(lesson) };
    assert!(path.exists(), "{lesson} is not built: cargo build -p lessons --bins --examples");
    path
}

/// Every lesson with its transcript.
fn lessons() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(folder).expect("the lessons").map(|entry| entry.expect("an entry").path());
    let mut programs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect();
    programs.sort();
    let transcript = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(path.with_extension("chat")).unwrap_or_else(|e| panic!("{name}.chat: {e}"));
        (name, text)
    };
    programs.into_iter().map(transcript).collect()
}

#[test]
fn every_lesson_plays_its_transcript() {
    let lessons = lessons();
    assert_eq!(lessons.len(), 19);
    for (name, text) in lessons {
        play(&format!("{name}.chat"), &text, |_| Lesson::start(&name));
    }
}

/// Then no player got more than the transcript says, for the end of a connection is where nothing more can come.
#[test]
fn every_player_of_a_transcript_is_gone_at_its_end() {
    for (name, text) in lessons() {
        let who = |line: &str| line.split([' ', '<', '>']).next().unwrap_or_default().to_string();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("//")).collect();
        let last: HashMap<String, &str> = lines.iter().map(|line| (who(line), *line)).collect();
        for (who, line) in last {
            assert_eq!(line, format!("{who} is gone"), "{name}.chat");
        }
    }
}

/// In the first five it is always the client who leaves; later the server closes, and netcat then waits for its own input.
#[test]
fn the_first_lessons_with_a_netcat_for_each_client() {
    if !is_here("nc.openbsd") {
        return;
    }
    for (name, text) in lessons().into_iter().take(5) {
        let stage = |_| Lesson { netcat: &["nc.openbsd", "-N"], ..Lesson::start(&name) };
        play(&format!("{name}.chat with nc"), &text, stage);
    }
}

#[test]
fn people_with_telnet_and_netcat_in_one_conversation() {
    if !is_here("telnet") || !is_here("script") || !is_here("nc.openbsd") {
        return;
    }
    let lesson = Lesson::start("12_doors");
    let mut ani = Program::on_a_terminal(&format!("telnet 127.0.0.1 {}", lesson.doors[0].port()));
    ani.sees("HELLO: JOIN:<your-name> comes in, LIST shows who is here, QUIT leaves\r\n");
    ani.types("JOIN:ani\r");
    ani.sees("OK JOIN: you are ani; here before you: no user\r\n");
    let mut budi = Program::start(&["nc.openbsd", "127.0.0.1", &lesson.doors[1].port().to_string()]);
    budi.types("NICK budi\n");
    budi.sees(":chat 353 budi = #lobby :ani budi\r\n");
    ani.sees("JOINED budi\r\n");
    ani.types("selamat pagi!\r");
    budi.sees(":ani PRIVMSG #lobby :selamat pagi!\r\n");
    budi.types("PRIVMSG #lobby :pagi\n");
    ani.sees("MSG 2 budi: pagi\r\n");
    ani.types("QUIT\r");
    ani.sees("BYE\r\n");
    ani.sees("Connection closed by foreign host.");
    assert_eq!(ani.ends().0, Some(0));
    budi.sees(":ani QUIT :has left\r\n");
}

#[test]
fn the_end_of_lesson_10_is_no_error_and_leaves_no_listener() {
    let mut lesson = Lesson::start("10_shutdown");
    let mut ani = lesson.join("ani");
    lesson.program.send(b"what?\nquit\n");
    ani.hears("NOTE: the server is stopping");
    assert_eq!(ani.rest(), ["BYE"]);
    assert_eq!(ended(&mut lesson.program.child).code(), Some(0));
    assert!(std::net::TcpStream::connect(lesson.doors[0]).is_err());
}

/// Some of them are let in while it ends, so that the router never hears of them.
#[test]
fn who_does_not_hang_up_is_cut_at_the_end_of_lesson_10() {
    let mut lesson = Lesson::start("10_shutdown");
    let silent: Vec<TestClient> = (0..30).map(|_| lesson.client()).collect();
    lesson.program.send(b"quit\n");
    assert_eq!(ended(&mut lesson.program.child).code(), Some(0));
    drop(silent);
}

/// Ani says 12 MiB to budi, who never reads. Returns by how much the program's memory has grown when all of it is handled.
fn growth(lesson: &Lesson) -> usize {
    let mut ani = lesson.join("ani");
    let _budi = lesson.join("budi");
    ani.hears("JOINED budi");
    let before = lesson.peak();
    let line = format!("MSG:{}\n", "x".repeat(2_000));
    let piece = line.repeat(100);
    for _ in 0..SENT / piece.len() {
        ani.send_bytes(piece.as_bytes());
    }
    // The router takes one after the other: when this is answered, it has taken all of it.
    ani.send("LIST");
    ani.until("NAMES ...");
    lesson.peak() - before
}

#[test]
fn a_reader_who_never_reads_costs_all_that_was_said_without_bounds_and_little_with_them() {
    for (lesson, bounded) in [("07_history", false), ("08_backpressure", true), ("11_turns", true)] {
        let growth = growth(&Lesson::start(lesson));
        println!("{lesson}: {} KiB more for {} KiB said", growth >> 10, SENT >> 10);
        if bounded {
            assert!(growth < SENT / 4, "{lesson} keeps {growth} bytes");
        } else {
            assert!(growth > SENT / 2, "{lesson} keeps only {growth} bytes: then lesson 8 has nothing to show");
        }
    }
}

#[test]
fn a_line_without_an_end_costs_nothing_with_bounds() {
    for (lesson, bounded) in [("07_history", false), ("08_backpressure", true)] {
        let lesson = Lesson::start(lesson);
        let mut ani = lesson.join("ani");
        let before = lesson.peak();
        for _ in 0..ENDLESS >> 20 {
            ani.send_bytes(&[b'x'; 1 << 20]);
        }
        ani.send_bytes(b"\nLIST\n");
        ani.until("NAMES ani");
        let growth = lesson.peak() - before;
        assert_eq!(growth < ENDLESS / 2, bounded, "{growth} bytes more");
    }
}

#[test]
fn what_a_slow_reader_has_missed_is_told_exactly() {
    for lesson in ["08_backpressure", "11_turns"] {
        let lesson = Lesson::start(lesson);
        let mut ani = lesson.join("ani");
        let mut budi = lesson.join("budi");
        ani.hears("JOINED budi");
        let mut said = 0;
        for _ in 0..SENT * 2 / 3 / 200_000 {
            ani.send_bytes(format!("MSG:{}\n", "x".repeat(2_000)).repeat(100).as_bytes());
            said += 100;
        }
        ani.send("LIST");
        ani.hears("NAMES ani, budi");
        // Now budi reads, and counts what he gets and what he is told that he missed, until he hears the end.
        let count = move || {
            let (mut heard, mut missed) = (0, 0);
            loop {
                let line = budi.line().expect("budi is not let go");
                match line.strip_prefix("GAP ").and_then(|rest| rest.split_once(':')) {
                    Some((gap, _)) => missed += gap.parse::<usize>().expect("a number"),
                    None => heard += 1,
                }
                if let Some(("MSG", rest)) = line.split_once(' ')
                    && let Some((id, "ani: end")) = rest.split_once(' ')
                {
                    return (heard, missed, id.parse::<usize>().expect("an id"));
                }
            }
        };
        let counting = thread::Builder::new().name("budi".into()).spawn(count).expect("a thread");
        let began = Instant::now();
        while !counting.is_finished() {
            assert!(began.elapsed() < DEADLINE, "budi does not hear the end");
            ani.send("MSG:end");
            ani.send("LIST");
            ani.until("NAMES ...");
        }
        let (heard, missed, last) = counting.join().expect("budi has counted");
        assert!(missed > 0 && heard > 1 && last > said, "{heard} heard, {missed} missed, the last was {last}");
        assert_eq!(heard + missed, last, "nothing is lost without a word, and nothing comes twice");
    }
}
