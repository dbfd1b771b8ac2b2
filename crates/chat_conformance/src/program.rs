//! A program as a child: what is typed into it, what it shows, and how it ends.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_server::testing::DEADLINE;

/// The most pieces of output that wait to be looked at. A program that shows more waits.
const PIECES: usize = 64;

/// A command whose process does not outlive the thread that starts it, however that ends: a test run that is cut off drops
/// nothing. (A child of its own child is not held; a `script -c` needs [`tied_words`] inside as well.) On other systems than Linux,
/// and without util-linux's setpriv, it is a command like any other.
pub fn tied(program: impl AsRef<OsStr>) -> Command {
    let mut words = tied_words().iter();
    let Some(first) = words.next() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

/// What stands in front of a program for that: `env` and `setpriv` by their paths and with their flags, or nothing.
pub fn tied_words() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        // What a shell starts in the background ignores SIGINT, and so would all that a test starts from there.
        let env = words("env", &["--default-signal=HUP,INT,QUIT"]);
        let setpriv = words("setpriv", &["--pdeathsig", "KILL"]);
        env.into_iter().chain(setpriv).collect()
    })
}

/// A program by its path and its flags, or nothing where it is not here or knows no such flags.
fn words(program: &str, flags: &[&str]) -> Vec<String> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let Some(path) = std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|path| path.is_file()) else {
        return Vec::new();
    };
    let tried = Command::new(&path).args(flags).arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        return Vec::new();
    }
    std::iter::once(path.display().to_string()).chain(flags.iter().map(|flag| flag.to_string())).collect()
}

/// Runs a test where no other test runs, as one needs that counts the threads, descriptors or memory of its process: in a process
/// of its own, this program again with nothing but the test. It is named by its path in this program, `visits::nothing_stays`.
///
/// # Panics
/// The test fails there, or there is no test of that name.
#[track_caller]
pub fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "TEST_ALONE";
    if std::env::var_os(ALONE).is_some_and(|name| name == test) {
        return body();
    }
    let program = std::env::current_exe().expect("this program has a path");
    let ran = tied(program).args(["--exact", test, "--nocapture"]).env(ALONE, test).output().expect("it runs again");
    let shown = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(ran.status.success() && shown.contains("test result: ok. 1 passed"), "{test}, alone:\n{shown}");
}

/// Whether a program is on this machine; a server may be where only root's `PATH` leads. Where it is missing, a test says so and is skipped; with `CI` set it fails.
pub fn is_here(program: &str) -> bool {
    let look = "PATH=$PATH:/usr/sbin; command -v \"$0\" >/dev/null";
    let found = Command::new("sh").args(["-c", look, program]).status().expect("sh is here");
    if !found.success() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{program} is not here, and CI needs it");
        eprintln!("SKIPPED: {program} is not on this machine; README.md, \"Tests\", names what to install");
    }
    found.success()
}

/// Waits until a child has ended, and fails if it does not.
#[track_caller]
pub fn ended(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + DEADLINE;
    loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => return status,
            None if Instant::now() > until => panic!("process {} does not end", child.id()),
            // The standard library has no wait with a deadline, so this asks again and again.
            None => thread::park_timeout(Duration::from_millis(2)),
        }
    }
}

/// A running program. It is killed when this is dropped.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    pieces: Option<Receiver<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    /// All that it has shown, errors as well, and how far [`Program::sees`] has come in it.
    shown: Vec<u8>,
    looked_at: usize,
}

impl Program {
    /// Starts a program, given with its arguments.
    pub fn start(words: &[&str]) -> Program {
        // Both of its outputs come through one pipe, as they would on a terminal.
        let mut child = tied("sh")
            .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
            .args(words)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh is here");
        let mut output = child.stdout.take().expect("a pipe");
        let (tell, pieces) = mpsc::sync_channel(PIECES);
        let read = move || {
            let mut piece = [0; 4_096];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                if tell.send(piece[..count].to_vec()).is_err() {
                    break;
                }
            }
        };
        let reader = thread::Builder::new().name("program-reader".into()).spawn(read).expect("a thread");
        let stdin = child.stdin.take();
        Program { child, stdin, pieces: Some(pieces), reader: Some(reader), shown: Vec::new(), looked_at: 0 }
    }

    /// Starts a program on a terminal of its own, where Enter is `\r` and Ctrl-C is `\x03`.
    pub fn on_a_terminal(command: &str) -> Program {
        // What runs in it is held by it, as it is by us.
        let command = format!("exec {} {command}", tied_words().join(" "));
        Program::start(&["script", "-qec", &command, "/dev/null"])
    }

    /// Types.
    pub fn types(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()).expect("it reads its input");
    }

    /// Writes its whole input and closes it, as `printf ... | program` does. A program may end before it has read it all.
    pub fn is_given(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        match stdin.write_all(bytes.as_ref()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("its input: {error}"),
            _ => self.has_no_more_to_say(),
        }
    }

    /// Closes its input, as Ctrl-D does on a terminal.
    pub fn has_no_more_to_say(&mut self) {
        self.stdin = None;
    }

    /// Waits until it shows this, behind what it was seen to show before.
    #[track_caller]
    pub fn sees(&mut self, words: &str) {
        let until = Instant::now() + DEADLINE;
        loop {
            let news = &self.shown[self.looked_at..];
            if let Some(at) = news.windows(words.len()).position(|part| part == words.as_bytes()) {
                self.looked_at += at + words.len();
                return;
            }
            let news = String::from_utf8_lossy(news).into_owned();
            match self.piece(until) {
                Ok(piece) => self.shown.extend(piece),
                Err(RecvTimeoutError::Timeout) => panic!("{words:?} did not come; this did: {news}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without {words:?}: {news}"),
            }
        }
    }

    /// The next line it shows, without its end; `None` when it has ended.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let until = Instant::now() + DEADLINE;
        loop {
            let news = &self.shown[self.looked_at..];
            if let Some(end) = news.iter().position(|byte| *byte == b'\n') {
                self.looked_at += end + 1;
                return Some(String::from_utf8_lossy(&news[..end]).trim_end_matches('\r').to_string());
            }
            match self.piece(until) {
                Ok(piece) => self.shown.extend(piece),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no line comes behind: {}", String::from_utf8_lossy(&self.shown))
                }
            }
        }
    }

    /// Ends it as Ctrl-C does on a terminal.
    pub fn is_interrupted(&self) {
        let sent = Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is here").success());
    }

    /// Whether it has not ended yet.
    #[allow(dead_code, reason = "the tests of other transports send no files")]
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Waits until it has ended by itself, and returns its exit code and all that it has shown.
    #[track_caller]
    pub fn ends(&mut self) -> (Option<i32>, String) {
        self.ends_within(DEADLINE)
    }

    /// The same for a program that works longer than the deadline of what only waits.
    #[track_caller]
    pub fn ends_within(&mut self, time: Duration) -> (Option<i32>, String) {
        let until = Instant::now() + time;
        loop {
            match self.piece(until) {
                Ok(piece) => self.shown.extend(piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}", String::from_utf8_lossy(&self.shown)),
            }
        }
        (ended(&mut self.child).code(), String::from_utf8_lossy(&self.shown).into_owned())
    }

    fn piece(&self, until: Instant) -> Result<Vec<u8>, RecvTimeoutError> {
        let pieces = self.pieces.as_ref().expect("it is there until the program is dropped");
        pieces.recv_timeout(until.saturating_duration_since(Instant::now()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
        // The reader may wait for room in the queue; without the queue it ends.
        self.pieces = None;
        let _ended = self.reader.take().map(JoinHandle::join);
    }
}

/// A test run that is cut off drops nothing, and leaves no program behind all the same.
#[test]
fn a_program_ends_with_the_thread_that_started_it() {
    if tied_words().is_empty() || !is_here("script") {
        return;
    }
    let started = thread::Builder::new().name("cut-off".into()).spawn(|| {
        let script = "echo $$; exec sleep 1000";
        let mut programs =
            [Program::start(&["sh", "-c", script]), Program::on_a_terminal(&format!("sh -c '{script}'"))];
        let pids = programs.each_mut().map(|program| program.line().expect("its number"));
        programs.into_iter().for_each(std::mem::forget);
        pids
    });
    for pid in started.expect("a thread").join().expect("no panic") {
        // Whose parent has not asked after it yet is listed as ended.
        let runs = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        let until = Instant::now() + DEADLINE;
        while runs() {
            assert!(Instant::now() < until, "{pid} is left behind");
            thread::park_timeout(Duration::from_millis(2));
        }
    }
}
