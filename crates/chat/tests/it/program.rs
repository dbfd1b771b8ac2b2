//! The program against the real server: in a pipe, and at a terminal that loses its server and gets it back.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_conformance::program::{tied, tied_words};
use chat_server::config::Loaded;
use chat_server::features::Server;
use chat_server::features::files::door::FileDoor;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chat");
const DEADLINE: Duration = Duration::from_secs(30);

/// The flags of the server that [`server`] is, one a line.
const FLAGS: &str = "CHAT_TEST_SERVER_FLAGS";

/// The process that the tests talk to: the server that they were built with, in a process of its own so that it can be killed.
#[test]
#[ignore = "it is started by the others"]
fn server() {
    let flags = std::env::var(FLAGS).expect("only the tests start it");
    let loaded = Loaded::new(flags.lines().map(Into::into), |name| std::env::var_os(name)).expect("good settings");
    let config = loaded.config;
    let listener = TcpListener::bind(&config.addr).expect("a free port");
    let mut server = Server::on(listener, config.clone()).expect("a server");
    if !matches!(config.files.as_str(), "off" | "") {
        let door = TcpListener::bind(&config.files).expect("a free port");
        server.with(FileDoor::open(door, &config, None).expect("a file door"));
    }
    println!("listening on {}", server.handle().addr());
    server.run().expect("it runs until it is killed");
}

/// A child that does not outlive its test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running(started.unwrap_or_else(|error| panic!("{command:?} does not start: {error}")))
    }

    fn kill(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Chat {
    running: Running,
    /// Kept open: the test harness of the process says on it after a minute that it is slow.
    _out: BufReader<ChildStdout>,
    addr: String,
}

impl Chat {
    fn start(addr: &str) -> Chat {
        Chat::with(addr, &[])
    }

    fn with(addr: &str, flags: &[&str]) -> Chat {
        Chat::run(addr, flags, None)
    }

    /// One with an operator key, which `/oper` asks for.
    fn with_key(key: &str) -> Chat {
        Chat::run("127.0.0.1:0", &[], Some(key))
    }

    fn run(addr: &str, flags: &[&str], key: Option<&str>) -> Chat {
        let mut command = tied(std::env::current_exe().expect("the test knows where it is"));
        let flags = [&["--addr", addr][..], flags].concat().join("\n");
        command.args(["program::server", "--exact", "--ignored", "--nocapture"]).env(FLAGS, flags);
        command.envs(key.map(|key| ("CHAT_OPERATOR_KEY", key)));
        let mut running = Running::start(&mut command);
        // The log is not read, and it must not fill its pipe.
        drop(running.0.stderr.take());
        let mut out = BufReader::new(running.0.stdout.take().expect("stdout is a pipe"));
        let mut lines = out.by_ref().lines().map(|line| line.expect("the server says where it listens"));
        let addr = lines.find_map(|line| Some(line.split_once("listening on ")?.1.to_string()));
        Chat { addr: addr.expect("the server listens"), running, _out: out }
    }
}

/// Runs the client in a pipe with this input.
fn piped(args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut client = Running::start(tied(PROGRAM).args(args));
    let mut stdin = client.0.stdin.take().expect("stdin is a pipe");
    let _may_have_ended = stdin.write_all(input);
    drop(stdin);
    let (mut out, mut err) = (client.0.stdout.take().expect("piped"), client.0.stderr.take().expect("piped"));
    let err = thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text)
    });
    let mut text = String::new();
    out.read_to_string(&mut text).expect("the client writes text");
    let status = client.0.wait().expect("the client ends");
    let code = status.code().expect("the client ends by itself");
    (code, text, err.join().expect("no panic").expect("the client complains in text"))
}

/// A person in the chat by hand, to hear what arrives.
struct Person {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Person {
    fn joins(server: &Chat, name: &str) -> Person {
        let stream = TcpStream::connect(&server.addr).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        let lines = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
        let mut person = Person { stream, lines };
        person.says(&format!("JOIN=in:{name}"));
        person.hears("OK JOIN tag=in");
        person
    }

    fn says(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).expect("the server reads");
    }

    /// Reads on to a line with these words, which it returns.
    fn hears(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            let got = self.lines.read_line(&mut line).unwrap_or_else(|error| panic!("waiting for {words:?}: {error}"));
            assert!(got > 0, "the end came before {words:?}");
            if line.contains(words) {
                return line;
            }
        }
    }
}

/// The client at a pseudo-terminal, which `script` (of bsdutils or util-linux) makes.
struct Terminal {
    running: Running,
    keys: ChildStdin,
    bytes: Receiver<Vec<u8>>,
    screen: String,
    /// How far the screen was searched for the signs that a line may be typed.
    lines_begun: usize,
    reader: Option<JoinHandle<()>>,
}

/// What the editor writes each time it is ready for a line. Keys that come before it would be the terminal's.
const READY: &str = "\x1b[?2004h";

impl Terminal {
    fn start(args: &[&str]) -> Terminal {
        Terminal::start_in(std::path::Path::new("."), args)
    }

    fn start_in(dir: &std::path::Path, args: &[&str]) -> Terminal {
        // No history file.
        Terminal::run(dir, "/dev/null/none", args, "")
    }

    /// The client with a place for its history; `behind` goes on the command line behind it.
    fn run(dir: &std::path::Path, state: &str, args: &[&str], behind: &str) -> Terminal {
        Terminal::with(dir, state, args, behind, &[("NO_COLOR", "1")])
    }

    fn with(dir: &std::path::Path, state: &str, args: &[&str], behind: &str, variables: &[(&str, &str)]) -> Terminal {
        let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
        let line = format!("{} '{}' {} {behind}", tied_words().join(" "), PROGRAM, quoted.join(" "));
        let mut command = tied("script");
        command.args(["-qfec", &line, "/dev/null"]).current_dir(dir);
        // A terminal that the editor can move its cursor on, unless the variables say otherwise.
        command.env("XDG_STATE_HOME", state).env_remove("NO_COLOR").env("TERM", "xterm").env("SHELL", "/bin/sh");
        command.envs(variables.iter().copied());
        let mut running = Running::start(&mut command);
        let keys = running.0.stdin.take().expect("piped");
        let mut out = running.0.stdout.take().expect("piped");
        let (tell, bytes) = channel();
        let reader = thread::Builder::new().name("screen".into()).spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(got @ 1..) = out.read(&mut buffer) {
                if tell.send(buffer[..got].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            running,
            keys,
            bytes,
            screen: String::new(),
            lines_begun: 0,
            reader: Some(reader.expect("a thread")),
        }
    }

    /// Types a whole line, once the editor is ready for one.
    fn types(&mut self, line: &str) {
        self.begins(&format!("{line}\r"));
    }

    fn begins(&mut self, keys: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.screen[self.lines_begun..].contains(READY) {
            self.reads_on(until, "the editor is ready");
        }
        let found = self.screen[self.lines_begun..].find(READY).expect("it was just there");
        self.lines_begun += found + READY.len();
        self.presses(keys);
    }

    fn presses(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal takes keys");
    }

    /// Waits until these words have come to the screen.
    fn shows(&mut self, words: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.screen.contains(words) {
            self.reads_on(until, words);
        }
    }

    /// The same, behind the line that was typed last.
    fn shows_behind(&mut self, words: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.screen[self.lines_begun..].contains(words) {
            self.reads_on(until, words);
        }
    }

    fn reads_on(&mut self, until: Instant, what: &str) {
        match self.bytes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
            Err(error) => panic!("{error} before {what:?}; on the screen:\n{}", self.screen),
        }
    }

    /// Everything that is shown until the client has ended, and its exit code.
    fn ends(mut self) -> (i32, String) {
        let until = Instant::now() + DEADLINE;
        loop {
            match self.bytes.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the client does not end; on the screen:\n{}", self.screen),
            }
        }
        let code = self.running.0.wait().expect("script ends").code().expect("script ends by itself");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        (code, std::mem::take(&mut self.screen))
    }
}

/// How often these words stand at the end of a line that a user said: `10:00   name  words`.
fn times_said(screen: &str, name: &str, words: &str) -> usize {
    screen.matches(&format!("{name}  {words}\r\n")).count() + screen.matches(&format!("{name}  {words}\n")).count()
}

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("client-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        Folder(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_sent_and_fetched_with_a_bar_and_nothing_is_overwritten() {
    let folder = Folder::new("files");
    let sent: Vec<u8> = (0..900_000_u32).map(|i| (i * 31 + i / 251) as u8).collect();
    let path = folder.path("laporan akhir.bin");
    std::fs::write(&path, &sent).expect("a file");
    let server = Chat::with("127.0.0.1:0", &["--files", "127.0.0.1:0"]);
    let mut budi = Person::joins(&server, "budi");
    let mut ani = Terminal::start_in(&folder.0, &["--name", "ani", "--addr", &server.addr]);
    ani.shows("#lobby> ");
    ani.types("/send laporan akhir.bin");
    let line = budi.hears("FILE #lobby 1 ani 900000 ");
    assert!(line.trim_end().ends_with(": laporan akhir.bin"), "{line}");
    let token = line.split([' ', ':']).find(|word| word.len() == 32).expect("a token").to_string();
    ani.shows("laporan akhir.bin is there");
    ani.shows("sends 900000 bytes, /get");
    ani.shows(&token);
    ani.shows(": laporan akhir.bin");
    // The bar of what has just begun, or is done; how many there are is a matter of speed.
    ani.shows("laporan akhir.bin [");
    // To fetch it, and once more to the same place.
    let copy = folder.path("copy.bin");
    ani.types(&format!("/get {token} copy.bin"));
    ani.shows("copy.bin is here, 900000 bytes");
    assert!(std::fs::read(&copy).expect("a copy") == sent);
    ani.types(&format!("/get {token}"));
    ani.shows("OTHER-NAME keeps both");
    assert!(std::fs::read(&copy).expect("a copy") == sent);
    // To one person; and what cannot be sent.
    ani.types("/send laporan akhir.bin budi");
    budi.hears("FILE budi 0 ani 900000 ");
    ani.types("/send /nowhere/x.txt");
    ani.shows("/nowhere/x.txt: No such file");
    ani.types(&format!("/get {} none.bin", "0".repeat(32)));
    ani.shows("none.bin was not fetched: There is nothing under");
    assert!(!std::path::Path::new(&folder.path("none.bin")).exists());
    ani.types("and we chat on");
    budi.hears("ani: and we chat on");
    ani.types("/quit");
    assert_eq!(ani.ends().0, 0);
}

/// The file door is played by the test: it takes a part and then nothing more, so the file is under way until it is cancelled.
#[test]
fn ctrl_c_ends_a_file_and_not_the_chat() {
    let folder = Folder::new("cancel");
    let path = folder.path("big.bin");
    std::fs::write(&path, vec![7; 40 << 20]).expect("a file");
    let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = door.local_addr().expect("it is bound").port();
    let chat = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = chat.local_addr().expect("it is bound").to_string();
    let mut ani = Terminal::start(&["--name", "ani", "--addr", &addr]);
    let (stream, _) = chat.accept().expect("the client comes");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let mut server = Person { lines: BufReader::new(stream.try_clone().expect("a clone")), stream };
    let tag = |line: &str| line.split(['=', ':']).nth(1).expect("a tag").to_string();
    server.says(&format!("2026-08-21T10:00:00Z HELLO 1 server=x files={port}: Hi"));
    let line = server.hears("JOIN=");
    server.says(&format!("2026-08-21T10:00:00Z OK JOIN tag={} room=#lobby users=1: You are ani.", tag(&line)));
    for verb in ["HISTORY", "LIST", "ROOMS"] {
        let line = server.hears(&format!("{verb}="));
        server.says(&format!("t BEGIN {verb} #lobby 0\nt END {verb} #lobby tag={}", tag(&line)));
    }
    ani.shows("#lobby> ");
    ani.types(&format!("/send {path}"));
    let line = server.hears("SEND=");
    assert!(line.contains(":#lobby 41943040 big.bin"), "{line}");
    let token = "ab".repeat(16);
    server
        .says(&format!("2026-08-21T10:00:00Z OK SEND tag={} port={port} token={token} expires=300 max=0", tag(&line)));
    let (mut file, _) = door.accept().expect("the file comes");
    let mut first = vec![0; 37];
    file.read_exact(&mut first).expect("the first line");
    assert_eq!(first, format!("PUT {token}\n").as_bytes());
    ani.shows("big.bin [");
    ani.begins("\x03");
    ani.shows("big.bin was not sent: cancelled");
    ani.types("still here");
    server.hears(":still here");
    ani.begins("\x03");
    ani.begins("\x03");
    server.hears("QUIT");
    server.says("2026-08-21T10:00:00Z BYE 200 quit: Bye.");
    assert_eq!(ani.ends().0, 0);
}

#[test]
fn what_is_accepted_ends_with_zero() {
    let server = Chat::start("127.0.0.1:0");
    let mut ani = Person::joins(&server, "ani");
    let (code, out, err) = piped(&["--name", "ci", "--addr", &server.addr], b"done\n\n/me waves\nno newline");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.lines().last().is_some_and(|line| line.contains(" BYE 200 quit")), "{out}");
    for words in [" ci: done", " ci: waves", " ci: no newline"] {
        ani.hears(words);
    }
}

#[test]
fn a_room_is_entered_before_anything_is_said() {
    let server = Chat::start("127.0.0.1:0");
    let mut ani = Person::joins(&server, "ani");
    ani.says("JOIN=r:#den");
    ani.hears("OK JOIN tag=r");
    let args = ["--name", "ci", "--addr", &server.addr, "--room", "#den"];
    assert_eq!(piped(&args, b"inside\n").0, 0);
    ani.hears("MSG #den 1 ci: inside");
    ani.says("MODE=m:#den +i");
    ani.hears("OK MODE tag=m");
    let (code, out, err) = piped(&args, b"secret\n");
    assert_eq!(code, 1, "{out}");
    assert!(err.contains("473 invite-only"), "{err}");
    // Nothing was said elsewhere instead: the next line in the lobby is our own, with the first id.
    ani.says("SAY=s:#lobby mine");
    assert!(ani.hears("OK SAY tag=s").contains("room=#lobby id=1"));
}

#[test]
fn what_is_refused_ends_with_one_and_says_why() {
    let server = Chat::start("127.0.0.1:0");
    let args = ["--name", "ci", "--addr", &server.addr];
    let (code, out, err) = piped(&args, b"/whisper nobody hi\nafter\n");
    assert_eq!(code, 1, "{out}");
    assert!(err.contains("ERR 401 no-such-user"), "{err}");
    assert!(out.contains("OK MSG"), "the other lines go through: {out}");
    for refused in [&b"caf\xe9\n"[..], b"/foo\n", b"OPT:view=short\n"] {
        let (code, _, err) = piped(&args, refused);
        assert_eq!(code, 1);
        assert!(!err.is_empty());
    }
    let mut ani = Person::joins(&server, "ani");
    let (code, _, err) = piped(&["--name", "ani", "--addr", &server.addr], b"x\n");
    assert_eq!(code, 1);
    assert!(err.contains("433 name-in-use"), "{err}");
    ani.says("PING:end");
    assert!(!ani.hears("PONG end").contains("MSG"));
}

#[test]
fn plain_text_is_for_reading() {
    let server = Chat::start("127.0.0.1:0");
    let mut ani = Person::joins(&server, "ani");
    ani.says("MSG=m:selamat pagi: sudah makan?");
    ani.hears("OK MSG tag=m");
    let args = ["--name", "ci", "--addr", &server.addr, "--plain"];
    let (code, out, err) = piped(&args, b"HISTORY:\nPASTE:\nQUIT\n.\n");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.lines().any(|line| line.ends_with(" ani: selamat pagi: sudah makan?")), "{out}");
    assert!(!out.contains("tag="), "{out}");
    ani.hears(" ci: QUIT");
}

#[test]
fn a_paste_that_is_not_finished_is_refused_and_not_said() {
    let server = Chat::start("127.0.0.1:0");
    let mut ani = Person::joins(&server, "ani");
    let (code, out, err) = piped(&["--name", "ci", "--addr", &server.addr], b"PASTE:\none\n/foo\n");
    assert_eq!(code, 1, "{out}");
    assert!(err.contains(" ERR 461 missing-argument PASTE tag=line-3 line=3: "), "{err}");
    for (paste, why) in [
        (&b"PASTE:\n\xff\nQUIT\n.\nQUIT\n"[..], " ERR 488 not-utf8 PASTE tag=line-3 at=0 line=1: "),
        (b"/paste #rust\nQUIT\n.\n", " ERR 490 bad-argument PASTE tag=line-3: "),
    ] {
        let (code, out, err) = piped(&["--name", "ci", "--addr", &server.addr], paste);
        assert!(code == 1 && err.contains(why), "{out}{err}");
    }
    ani.says("PING:end");
    assert!(!ani.hears("PONG end").contains(" MSG "));
}

#[test]
fn messages_of_several_lines_go_through_a_pipe_whole() {
    let server = Chat::start("127.0.0.1:0");
    let mut budi = Person::joins(&server, "budi");
    let input =
        b"PASTE:\none\n\n  two\n.\nPASTE:EDIT last\nthree\n/four\n.\nPASTE:WHISPER budi\nfive\nsix\n.\nHISTORY:\n";
    let (code, out, err) = piped(&["--name", "ani", "--addr", &server.addr], input);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    // The protocol as it is: each line of a message has its head.
    for words in [
        " OK PASTE tag=line-3 room=#lobby id=1\n",
        " OK PASTE tag=line-4 room=#lobby id=2 re=1: ",
        " OK PASTE tag=line-5 to=budi\n",
    ] {
        assert!(out.contains(words), "{words} in {out}");
    }
    assert!(out.contains(" MSG #lobby 1 ani edited=1 part=2/2: /four\n"), "{out}");
    for words in
        ["ani part=1/3: one", "ani part=2/3: ", "ani part=3/3:   two", "re=1 part=2/2: /four", "ani budi part=2/2: six"]
    {
        budi.hears(words);
    }
    // For reading they stand below each other.
    let (code, out, err) = piped(&["--name", "ani", "--plain", "--addr", &server.addr], b"HISTORY:\n");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains(" ani: three\n        /four\n"), "{out}");
}

#[test]
fn a_server_that_closes_is_named_as_the_reason() {
    let server = Chat::with("127.0.0.1:0", &["--max-clients", "1"]);
    let _ani = Person::joins(&server, "ani");
    let (code, out, err) = piped(&["--name", "ci", "--addr", &server.addr], b"one\n");
    assert!(code == 1 && out.contains(" BYE 511 "), "{out}");
    assert_eq!(err, "error: the server closed the connection (511): The server is full. Try again later.\n");
}

#[test]
fn a_reader_that_has_had_enough_is_no_reason_to_panic() {
    let server = Chat::start("127.0.0.1:0");
    let mut ani = Person::joins(&server, "ani");
    for (input, code) in [("one\ntwo\n", 0), ("one\nNICK:a b\ntwo\n", 1)] {
        let mut client = Running::start(tied(PROGRAM).args(["--name", "ci", "--addr", &server.addr]));
        drop(client.0.stdout.take());
        client.0.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
        let mut err = String::new();
        client.0.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        assert_eq!(client.0.wait().expect("it ends").code(), Some(code), "{err}");
        assert_eq!(err.is_empty(), code == 0, "a closed pipe is no error: {err}");
        ani.hears(" ci: one");
        ani.hears(" ci: two");
    }
}

#[test]
fn a_byte_order_mark_before_the_first_line_is_not_said() {
    let server = Chat::start("127.0.0.1:0");
    let mut ani = Person::joins(&server, "ani");
    let (code, _, err) = piped(&["--name", "ci", "--addr", &server.addr], "\u{feff}MSG:one\r\ntwo\r\n".as_bytes());
    assert_eq!((code, err.as_str()), (0, ""));
    ani.hears(" ci: one");
    ani.hears(" ci: two");
}

#[test]
fn what_cannot_be_shown_is_a_failure() {
    let server = Chat::start("127.0.0.1:0");
    for flags in ["--help", "--version", "--man", "--completions bash", "--name ci", "--name ci --plain"] {
        let mut shell = tied("sh");
        let words =
            format!("exec \"$0\" {flags} {} >/dev/full", if flags.contains("ci") { "--addr \"$1\"" } else { "" });
        let Output { status, stderr, .. } =
            shell.args(["-c", &words, PROGRAM, &server.addr]).stdin(Stdio::null()).output().expect("sh is here");
        let err = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(1), "{flags}: {err}");
        assert!(err.starts_with("error: cannot write to stdout: "), "{flags}: {err}");
    }
}

#[test]
fn without_a_server_it_ends_with_69() {
    // A port that was free a moment ago, and that has no listener.
    let addr = Chat::start("127.0.0.1:0").addr.clone();
    let (code, _, err) = piped(&["--name", "ci", "--addr", &addr], b"x\n");
    assert_eq!(code, 69);
    assert!(err.contains("cannot connect") && err.contains("try:"), "{err}");
    let terminal = Terminal::start(&["--name", "ani", "--addr", &addr]);
    let (code, screen) = terminal.ends();
    assert_eq!(code, 69, "{screen}");
}

#[test]
fn a_wrong_flag_ends_with_two() {
    for args in [&["--nmae", "ci"][..], &["--name", "two words"], &["--addr"]] {
        let (code, out, err) = piped(args, b"");
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("try"), "{err}");
    }
    let Output { status, stdout, .. } = tied(PROGRAM).arg("--version").output().expect("it runs");
    assert!(status.success());
    assert!(String::from_utf8_lossy(&stdout).starts_with("chat "));
}

#[test]
fn words_that_are_no_text_end_with_two_and_paths_may_be_anything() {
    let odd = OsStr::from_bytes(b"\xff");
    let ends = |args: &[&OsStr]| {
        let output = tied(PROGRAM).args(args).stdin(Stdio::null()).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for args in [&[odd][..], &["--name".as_ref(), odd], &["--room".as_ref(), odd], &["--addr".as_ref(), odd]] {
        let (code, err) = ends(args);
        assert!(code == Some(2) && err.starts_with("error: ") && !err.contains("panicked"), "{err}");
    }
    let (code, err) = ends(&["--tls".as_ref(), "--ca".as_ref(), odd]);
    assert!(code == Some(2) && err.contains("--ca: cannot read "), "{err}");
}

#[test]
fn tab_completes_its_flags_and_the_manual_page_can_be_shown() {
    let printed = |flags: &[&str]| {
        let output = tied(PROGRAM).args(flags).output().expect("it runs");
        assert!(output.status.success(), "{flags:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let page = printed(&["--man"]);
    for words in ["\\fB\\-\\-no\\-history\\fR", "\\fB/bell\\fR", "CHAT_PASSWORD_FILE", "\\fB69\\fR"] {
        assert!(page.contains(words), "{words} is missing");
    }
    let runs = |words: &[&str], input: &str| {
        let shell = Command::new(words[0]).args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut shell) = shell else {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{} is not here, and CI needs it", words[0]);
            return eprintln!("SKIPPED: {} is not on this machine", words[0]);
        };
        shell.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        let output = shell.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    };
    runs(&["mandoc", "-T", "lint"], &page);
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = printed(&["--completions", shell]);
        assert!(script.contains("no-history"), "{script}");
        runs(&[shell, check], &script);
    }
}

#[test]
fn at_a_terminal_one_talks_and_leaves() {
    let server = Chat::start("127.0.0.1:0");
    let mut budi = Person::joins(&server, "budi");
    let mut ani = Terminal::start(&["--name", "ani", "--addr", &server.addr]);
    ani.shows("#lobby> ");
    budi.hears("JOINED #lobby ani");
    ani.types("hello");
    budi.hears("ani: hello");
    ani.begins("half a li");
    ani.shows("half a li");
    budi.says("MSG=m:meanwhile");
    ani.shows("budi  meanwhile");
    ani.presses("ne\r");
    budi.hears("ani: half a line");
    ani.types("/join #den");
    ani.shows("#den> ");
    ani.types("/whi\tbu\tpsst");
    budi.hears("WHISPER ani budi: psst");
    ani.types("/part");
    ani.shows("You left #den");
    // Ctrl-C clears the line first; on an empty line, the second time, it leaves.
    ani.begins("never sent\x03");
    ani.types("still here");
    assert!(budi.hears(" ani: ").contains("still here"), "what Ctrl-C cleared was not said");
    ani.begins("\x03");
    ani.begins("\x03");
    let (code, screen) = ani.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Bye, ani."), "{screen}");
    assert!(budi.hears("LEFT #lobby ani").contains("quit"));
}

/// `/oper` asks for the operator key, which must be seen nowhere: not on the screen, not in the room, not in the history file.
#[test]
fn a_password_at_a_terminal_is_hidden_and_kept_nowhere() {
    let folder = Folder::new("secrets");
    let state = folder.path("state");
    let history = folder.0.join("state/chat_client/history");
    let server = Chat::with_key("hunter1-hunter1-hunter1");
    let mut budi = Person::joins(&server, "budi");
    // What an older client has kept goes as well.
    std::fs::create_dir_all(history.parent().expect("a folder")).expect("a folder");
    std::fs::write(&history, "#V2\nhello\n/login ani hunter9-hunter9\n").expect("a file");
    let mut ani = Terminal::run(&folder.0, &state, &["--name", "ani", "--addr", &server.addr], "");
    ani.shows("#lobby> ");
    ani.types("/oper");
    ani.shows("The operator key. It is not shown.");
    ani.shows("password> ");
    ani.types("hunter1-hunter1-hunter1");
    ani.shows("You are an operator of this server");
    ani.types("/oper hunter2-hunter2");
    ani.shows("That is not the operator key");
    // Taken back, by Enter and by Ctrl-C.
    for back in ["\r", "\x03"] {
        ani.types("/oper");
        ani.shows_behind("password> ");
        ani.begins(back);
        ani.shows_behind("Cancelled");
    }
    ani.types("/register hunter3-hunter3");
    ani.types("still here");
    budi.hears("ani: still here");
    ani.types("/quit");
    let (code, screen) = ani.ends();
    assert_eq!(code, 0, "{screen}");
    // What stands in a command's own line was shown as it was typed; behind a question nothing is.
    assert!(!screen.contains("hunter1"), "{screen}");
    budi.says("HISTORY=h:#lobby limit=100");
    loop {
        let line = budi.hears(" ");
        assert!(!line.contains("hunter"), "{line}");
        if line.contains(" END HISTORY ") {
            break;
        }
    }
    let kept = std::fs::read_to_string(&history).expect("a history");
    assert!(!kept.contains("hunter") && kept.contains("still here") && kept.contains("hello"), "{kept}");
}

/// Where only the output is a pipe, the input is a terminal, which would show what is typed.
#[test]
fn a_password_that_is_typed_for_a_pipe_is_hidden() {
    let server = Chat::with_key("hunter1-hunter1-hunter1");
    let args = ["--name", "ani", "--addr", &server.addr];
    let mut ani = Terminal::run(std::path::Path::new("."), "/dev/null/none", &args, "| cat");
    ani.shows(" OK JOIN ");
    ani.presses("/oper\r");
    ani.shows("Password: ");
    ani.presses("hunter1-hunter1-hunter1\r");
    ani.shows(" OK OPER ");
    ani.presses("/quit\r");
    let (_, screen) = ani.ends();
    assert!(!screen.contains("hunter1"), "{screen}");
}

#[test]
fn a_password_in_a_script_is_the_line_behind_its_question_and_is_never_said() {
    let server = Chat::with_key("hunter1-hunter1-hunter1");
    let mut ani = Person::joins(&server, "ani");
    let args = ["--name", "ci", "--addr", &server.addr];
    let (code, out, err) = piped(&args, b"/oper\nhunter1-hunter1-hunter1\nfirst\n");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains(" OK OPER ") && !out.contains("hunter"), "{out}");
    // Without a store there are no accounts, so nothing is asked for; two lines would have been passwords.
    let (code, out, err) = piped(&args, b"/passwd\nhunter1-hunter1-hunter1\nhunter2-hunter2\nsecond\n/oper\n\nthird\n");
    assert!(code == 1 && err.matches("a line was not sent").count() == 2, "{out}{err}");
    assert!(err.contains(" ERR 412 "), "an empty line takes the question back: {err}");
    for words in ["first", "second", "third"] {
        let line = ani.hears("MSG #lobby ");
        assert!(line.trim_end().ends_with(&format!(" ci: {words}")), "{line}");
    }
    let (code, _, err) = piped(&["--login", "--name", "ci", "--addr", &server.addr], b"hello\n");
    assert!(code == 1 && err.contains("try: CHAT_PASSWORD_FILE=FILE"), "{err}");
}

#[test]
fn who_is_spoken_to_sees_it_and_hears_the_bell_but_no_pipe_does() {
    let server = Chat::start("127.0.0.1:0");
    let mut budi = Person::joins(&server, "budi");
    let dir = std::path::Path::new(".");
    let args = ["--name", "ani", "--addr", &server.addr, "--bell"];
    let mut plain = Terminal::start(&args);
    plain.shows("#lobby> ");
    budi.says("MSG=m:is @Ani there?");
    plain.shows("is @Ani there?");
    plain.shows("\x07");
    plain.types("/bell off");
    plain.shows("the bell does not ring");
    plain.types("/quit");
    assert_eq!(plain.ends().1.matches('\x07').count(), 1);
    let mut coloured = Terminal::with(dir, "/dev/null/none", &args, "", &[]);
    coloured.shows("#lobby> ");
    budi.says("MSG=n:is @Ani there?");
    coloured.shows("is \x1b[1;30;43m@Ani\x1b[0m there?");
    coloured.types("/quit");
    assert_eq!(coloured.ends().0, 0);
    // What is told to be dumb gets no escape sequence, but may ring.
    let mut dumb = Terminal::with(dir, "/dev/null/none", &args, "", &[("TERM", "dumb")]);
    dumb.shows("#lobby> ");
    budi.says("MSG=o:hello @ani");
    dumb.shows("hello @ani");
    dumb.presses("/quit\n");
    let (code, screen) = dumb.ends();
    assert!(code == 0 && !screen.contains('\x1b') && screen.contains('\x07'), "{screen:?}");
    let (_, out, err) = piped(&["--name", "ani", "--addr", &server.addr, "--bell", "--plain"], b"HISTORY:\nMSG:x\n");
    assert!(out.contains("hello @ani") && !out.contains(['\x07', '\x1b']), "{out}{err}");
}

#[test]
fn a_restart_is_survived_and_the_hole_is_filled_once() {
    let mut server = Chat::start("127.0.0.1:0");
    let mut budi = Person::joins(&server, "budi");
    let mut ani = Terminal::start(&["--name", "ani", "--addr", &server.addr, "--room", "#den"]);
    ani.shows("#den> ");
    budi.hears("JOINED #lobby ani");
    budi.says("MSG=m:before");
    ani.shows("#lobby budi  before");
    server.running.kill();
    ani.shows("not connected");
    ani.types("typed offline");
    ani.shows("kept");
    // Budi is back first, and speaks while ani is away; the new server counts from 1 again.
    let server = Chat::start(&server.addr);
    let mut budi = Person::joins(&server, "budi");
    budi.says("JOIN=d:#den");
    budi.hears("OK JOIN tag=d");
    budi.says("SAY=m:#lobby meanwhile");
    budi.hears("OK SAY tag=m");
    ani.shows("connected again, as ani");
    budi.hears("MSG #den 1 ani: typed offline");
    budi.says("SAY=n:#lobby after");
    ani.shows("#lobby budi  after");
    ani.begins("\x04");
    let (code, screen) = ani.ends();
    assert_eq!(code, 0, "{screen}");
    // What stands below "earlier in #lobby" names the room no more.
    for (who, words) in [("#lobby budi", "before"), ("budi", "meanwhile"), ("#lobby budi", "after")] {
        assert_eq!(times_said(&screen, who, words), 1, "{words} in:\n{screen}");
    }
}

#[test]
fn a_broken_connection_is_made_good_with_history() {
    let server = Chat::start("127.0.0.1:0");
    let mut budi = Person::joins(&server, "budi");
    let relay = Relay::to(&server.addr);
    let mut ani = Terminal::start(&["--name", "ani", "--addr", &relay.addr]);
    ani.shows("#lobby> ");
    budi.hears("JOINED #lobby ani");
    budi.says("MSG=m:before");
    ani.shows("budi  before");
    relay.cut();
    budi.hears("LEFT #lobby ani");
    budi.says("MSG=m:in the hole");
    budi.hears("OK MSG tag=m");
    relay.mend();
    ani.shows("budi  in the hole");
    budi.says("MSG=n:after");
    ani.shows("budi  after");
    ani.types("/quit");
    let (code, screen) = ani.ends();
    relay.end();
    assert_eq!(code, 0, "{screen}");
    for words in ["before", "in the hole", "after"] {
        assert_eq!(times_said(&screen, "budi", words), 1, "{words} in:\n{screen}");
    }
}

/// A wire between client and server that the test can cut.
struct Relay {
    addr: String,
    say: std::sync::mpsc::SyncSender<bool>,
    thread: JoinHandle<()>,
}

impl Relay {
    fn to(server: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound").to_string();
        let (say, whole) = std::sync::mpsc::sync_channel(0);
        let server = server.to_string();
        let thread = thread::Builder::new().name("relay".into()).spawn(move || {
            loop {
                let (near, _) = listener.accept().expect("the client comes");
                let far = TcpStream::connect(&server).expect("the server listens");
                let pumps = [(&near, &far), (&far, &near)].map(|(from, to)| {
                    let (mut from, mut to) = (from.try_clone().expect("clone"), to.try_clone().expect("clone"));
                    thread::spawn(move || {
                        let _cut = std::io::copy(&mut from, &mut to);
                        let _cut = to.shutdown(std::net::Shutdown::Write);
                    })
                });
                let cut = whole.recv() == Ok(false);
                if cut {
                    for stream in [&near, &far] {
                        let _closed_already = stream.shutdown(std::net::Shutdown::Both);
                    }
                }
                pumps.into_iter().for_each(|pump| pump.join().expect("no panic"));
                // Until it is mended, a new connection waits at the door.
                if !cut || whole.recv() != Ok(true) {
                    return;
                }
            }
        });
        Relay { addr, say, thread: thread.expect("a thread") }
    }

    /// The client has left, so both ends are closed.
    fn end(self) {
        drop(self.say);
        self.thread.join().expect("no panic");
    }

    fn cut(&self) {
        self.say.send(false).expect("the relay runs");
    }

    fn mend(&self) {
        self.say.send(true).expect("the relay runs");
    }
}
