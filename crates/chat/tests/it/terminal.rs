//! A terminal is given back as it was, however the client ends or is stopped; and one that knows no escape sequences gets none.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use chat_conformance::program::tied;
use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_server::features::Server;
use chat_server::model::names::Name;
use chat_server::model::roles::{Policy, Role};
use chat_server::net::server::ServerHandle;
use chat_server::testing::{MemoryStore, Setup, TestServer, quick};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};

const DEADLINE: Duration = Duration::from_secs(30);

/// A server in this process.
struct Chat {
    handle: ServerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Chat {
    fn start() -> Chat {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let operator_key = OperatorKey::new("a key that nobody types").ok();
        let server = Server::on(listener, Config { operator_key, ..quick() }).expect("a server");
        let handle = server.handle();
        let thread = thread::spawn(move || server.run().expect("it runs"));
        Chat { handle, thread: Some(thread) }
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.handle.shutdown();
        let _ended = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// A program on a terminal of its own, of which this holds the other end, and the end that the program has as well.
struct Terminal {
    child: Child,
    near: File,
    far: OwnedFd,
    before: Termios,
    pieces: Receiver<Vec<u8>>,
    /// What it has shown, and what of it was not waited for yet.
    all: String,
    shown: String,
}

impl Terminal {
    fn run(command: &mut Command) -> Terminal {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&near).and_then(|()| unlockpt(&near)).expect("a terminal");
        let name = ptsname(&near, Vec::new()).expect("it has a name");
        let path = name.to_str().expect("a path in UTF-8");
        let far = File::options().read(true).write(true).open(path).expect("the other end");
        let before = tcgetattr(&far).expect("a terminal");
        let stdio = || Stdio::from(far.try_clone().expect("a descriptor"));
        // Ctrl-Z is for the whole group, and that of the test is another.
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).process_group(0).spawn().expect("it starts");
        let near = File::from(near);
        let mut screen = near.try_clone().expect("a descriptor");
        let (tell, pieces) = channel();
        thread::spawn(move || {
            let mut piece = [0; 4_096];
            while let Ok(count @ 1..) = screen.read(&mut piece) {
                if tell.send(piece[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { child, near, far: far.into(), before, pieces, all: String::new(), shown: String::new() }
    }

    fn client(server: &Chat, home: &str) -> Command {
        Terminal::client_of(server.handle.addr(), home)
    }

    fn client_of(addr: SocketAddr, home: &str) -> Command {
        let mut command = tied(env!("CARGO_BIN_EXE_chat"));
        command.args(["--name", "ani", "--addr", &addr.to_string()]);
        let home = format!("{}/{home}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        std::fs::create_dir_all(&home).expect("a folder");
        command.env("HOME", home).env_remove("XDG_STATE_HOME").env_remove("NO_COLOR").env("TERM", "xterm");
        command
    }

    /// Waits for these words, behind those that were waited for before.
    fn sees(&mut self, words: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.shown.contains(words) {
            let left = until.saturating_duration_since(Instant::now());
            let piece = self.pieces.recv_timeout(left).unwrap_or_else(|_| panic!("no {words:?} in {:?}", self.shown));
            self.take(&piece);
        }
        let end = self.shown.find(words).map_or(0, |at| at + words.len());
        self.shown.drain(..end);
    }

    fn take(&mut self, piece: &[u8]) {
        self.all.push_str(&String::from_utf8_lossy(piece));
        self.shown.push_str(&String::from_utf8_lossy(piece));
    }

    fn types(&mut self, keys: &str) {
        self.near.write_all(keys.as_bytes()).expect("the terminal takes it");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is here").success());
    }

    fn until(&mut self, what: &str, is: impl Fn(&mut Terminal) -> bool) {
        let until = Instant::now() + DEADLINE;
        while !is(self) {
            assert!(Instant::now() < until, "still not: {what}; it shows {:?}", self.shown);
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(&self.far).expect("a terminal").local_modes
    }

    fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it is there");
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
    }

    fn ends(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        loop {
            match self.child.try_wait().expect("it can be waited for") {
                Some(status) => return status,
                None => assert!(Instant::now() < until, "it does not end; it shows {:?}", self.shown),
            }
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// The terminal is what it was.
    fn is_given_back(&self) {
        let now = tcgetattr(&self.far).expect("a terminal");
        assert_eq!((now.local_modes, now.input_modes), (self.before.local_modes, self.before.input_modes));
        assert_eq!((now.output_modes, now.control_modes), (self.before.output_modes, self.before.control_modes));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

/// The client, with its prompt, in the middle of a line.
fn typing(server: &Chat, home: &str) -> Terminal {
    let mut terminal = Terminal::run(&mut Terminal::client(server, home));
    terminal.sees("#lobby> ");
    terminal.types("half a li");
    terminal.sees("half a li");
    terminal.until("raw", |terminal| !terminal.modes().contains(LocalModes::ECHO));
    terminal
}

#[test]
fn a_signal_that_ends_it_gives_the_terminal_back() {
    let server = Chat::start();
    for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2)] {
        let mut terminal = typing(&server, "ended");
        terminal.signal(name);
        assert_eq!(terminal.ends().signal(), Some(number), "{name}");
        terminal.is_given_back();
        // What is pasted next comes as it is.
        terminal.sees("\x1b[?2004l");
    }
}

#[test]
fn what_was_ignored_at_the_start_ends_nothing() {
    let server = Chat::start();
    // Not by `tied`, which takes back what is ignored.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP INT; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_chat"), "--name", "ani", "--addr"]);
    shell.arg(server.handle.addr().to_string()).env("TERM", "xterm").env("HOME", env!("CARGO_TARGET_TMPDIR"));
    let mut terminal = Terminal::run(&mut shell);
    terminal.sees("#lobby> ");
    terminal.signal("HUP");
    terminal.signal("INT");
    terminal.types("still here\r");
    terminal.sees("still here");
    terminal.sees("#lobby> ");
    terminal.types("\x04");
    assert_eq!(terminal.ends().code(), Some(0));
    terminal.is_given_back();
}

#[test]
fn a_stop_gives_the_terminal_back_until_it_goes_on() {
    let server = Chat::start();
    for by_key in [true, false] {
        let mut terminal = typing(&server, "stopped");
        for _ in 0..2 {
            if by_key {
                terminal.types("\x1a");
            } else {
                terminal.signal("TSTP");
            }
            terminal.until("stopped", |terminal| terminal.is_stopped());
            terminal.is_given_back();
            terminal.shown.clear();
            terminal.signal("CONT");
            terminal.sees("half a li");
            terminal.until("raw", |terminal| !terminal.modes().contains(LocalModes::ECHO));
        }
        terminal.types("ne\r");
        terminal.sees("ne");
        terminal.sees("#lobby> ");
        terminal.types("/quit\r");
        assert_eq!(terminal.ends().code(), Some(0));
        terminal.is_given_back();
    }
}

#[test]
fn a_password_that_is_typed_for_a_pipe_leaves_the_terminal_as_it_was() {
    let server = Chat::start();
    // Its output goes elsewhere, so it is a pipe, and the server's answers are seen by no user.
    let mut shell = tied("sh");
    shell.args(["-c", "exec \"$@\" >/dev/null", "sh", env!("CARGO_BIN_EXE_chat"), "--name", "ani", "--addr"]);
    let mut terminal = Terminal::run(shell.arg(server.handle.addr().to_string()).env("TERM", "xterm"));
    terminal.types("/oper\r");
    terminal.sees("Password: ");
    assert!(!terminal.modes().contains(LocalModes::ECHO));
    terminal.signal("TERM");
    assert_eq!(terminal.ends().signal(), Some(15));
    terminal.is_given_back();
}

#[test]
fn a_terminal_that_knows_no_escape_sequences_gets_none() {
    let server = Chat::start();
    for term in [None, Some(""), Some("dumb")] {
        let mut client = Terminal::client(&server, "dumb");
        match term {
            Some(term) => client.env("TERM", term),
            None => client.env_remove("TERM"),
        };
        let mut terminal = Terminal::run(&mut client);
        terminal.sees("#lobby> ");
        terminal.types("hello\r");
        terminal.sees("hello");
        terminal.sees("#lobby> ");
        terminal.types("\x04");
        assert_eq!(terminal.ends().code(), Some(0));
        while let Ok(piece) = terminal.pieces.try_recv() {
            terminal.take(&piece);
        }
        assert!(!terminal.all.contains('\x1b'), "TERM={term:?}: {:?}", terminal.all);
    }
}

#[test]
fn an_account_comes_back_to_its_rooms_and_talks_in_several_lines() {
    let memory = MemoryStore::default();
    for name in ["ani", "budi"] {
        memory.add(&Name::parse(name).expect("a name"), "correct-horse", Role::Member);
    }
    let server = TestServer::with(Setup { kept: Some((memory, Policy::default())), ..quick().into() });
    let member = |name: &str| {
        let mut line = server.connect();
        line.send("OPT:presence=off");
        line.send(&format!("LOGIN:{name} correct-horse"));
        line.until("* OK LOGIN ...");
        line.send("JOIN:#plan");
        line.until("* OK JOIN ...");
        line
    };
    let mut before = member("ani");
    before.send("QUIT");
    before.until("* BYE 200 ...");
    let mut budi = member("budi");
    for line in ["MSG:the plan for ani", "WHISPER:ani psst"] {
        budi.send(line);
    }
    budi.until("* OK WHISPER ...");
    let mut command = Terminal::client_of(server.addr(), "account");
    let password = format!("{}/password-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    std::fs::write(&password, "correct-horse\n").expect("a file");
    command.arg("--login").env("CHAT_PASSWORD_FILE", &password);
    let mut terminal = Terminal::run(&mut command);
    for words in [
        "── unread",
        "#plan",
        "1 unread",
        "@budi",
        "1 unread",
        "earlier in #plan",
        "earlier in @budi",
        "psst",
        "#lobby> ",
    ] {
        terminal.sees(words);
    }
    terminal.types("/room @bu\t\r");
    terminal.sees("goes to @budi alone");
    terminal.sees("@budi> ");
    terminal.types("are you there?\r");
    budi.until("* MSG @ani+budi 2 ani: are you there?");
    budi.send("SAY:@ani here I am");
    terminal.sees("here I am");
    // What is pasted is one message, and the text of a command in front of it.
    terminal.types("\x1b[200~one\ntwo\x1b[201~\r");
    budi.until("* MSG @ani+budi 4 ani part=1/2: one");
    budi.hears("* MSG @ani+budi 4 ani part=2/2: two");
    terminal.types("/edit last \x1b[200~three\nfour\x1b[201~\r");
    budi.hears("* EDITED @ani+budi 5 ani re=4 part=1/2: three");
    budi.hears("* EDITED @ani+budi 5 ani re=4 part=2/2: four");
    terminal.types("/part\r");
    terminal.sees("#lobby> ");
    terminal.types("/unread all\r");
    for room in ["#lobby", "#plan", "@budi"] {
        terminal.sees(room);
        terminal.sees("all is read");
    }
    terminal.types("/quit\r");
    assert_eq!(terminal.ends().code(), Some(0));
    std::fs::remove_file(&password).expect("it is there");
}
