//! Lesson 18: its settings, its figures, its log, its unit for systemd, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use chat_conformance::program::{ended, is_here, tied};
use chat_server::testing::{DEADLINE, TestClient};

use crate::folder::Folder;
use crate::programs::{Lines, program};

/// The program with its settings as given, and none of the machine's.
fn with(flags: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = tied(program("18_operation"));
    command.args(flags).envs(variables.iter().copied());
    command
}

/// Runs to the end: the exit code, what it prints and what it logs.
fn run(flags: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = with(flags, variables).stdin(Stdio::null()).output().expect("it starts");
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), out, err)
}

/// A file with settings, as the flag that names it.
fn settings(folder: &Folder, text: &str) -> String {
    fs::write(folder.path("lesson.conf"), text).expect("a file");
    format!("--config={}", folder.path("lesson.conf"))
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default() {
    let folder = Folder::new("wins");
    let file = settings(&folder, "# of ours\n\nburst = 7  # enough\nhistory=8\nlog = warn\n");
    let flags = [file.as_str(), "--burst=9", "--print-config"];
    let (code, printed, logged) = run(&flags, &[("LESSON_BURST", "10"), ("LESSON_HISTORY", "11")]);
    assert_eq!((code, logged.as_str()), (Some(0), ""));
    let conf = folder.path("lesson.conf");
    let expected = [
        "addr = 127.0.0.1:7878  # default".into(),
        "irc = 127.0.0.1:6667  # default".into(),
        "figures = off  # default".into(),
        "control = off  # default".into(),
        "history = 11  # LESSON_HISTORY".into(),
        "burst = 9  # --burst".into(),
        format!("log = warn  # {conf}:5"),
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);

    // What is printed is a file that says the same.
    let again = settings(&folder, &printed);
    let (_, reprinted, _) = run(&[again.as_str(), "--print-config"], &[]);
    let values = |text: &str| text.lines().map(|line| line.split("  #").next().map(String::from)).collect::<Vec<_>>();
    assert_eq!(values(&printed), values(&reprinted));
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_would_be_right() {
    let folder = Folder::new("wrong");
    let conf = folder.path("lesson.conf");
    let in_file = |text: &str| run(&[&settings(&folder, text)], &[]);
    let cases = [
        (run(&["--burst=many"], &[]), "--burst: burst cannot be \"many\": a whole number, 1 to 1000".to_string()),
        (run(&["--burst=0"], &[]), "--burst: burst cannot be \"0\": a whole number, 1 to 1000".into()),
        (run(&[], &[("LESSON_LOG", "loud")]), "LESSON_LOG: log cannot be \"loud\": error, warn, info or debug".into()),
        (
            run(&["--addr=7878"], &[]),
            "--addr: addr cannot be \"7878\": an address with a port, such as 127.0.0.1:7878".into(),
        ),
        (run(&["--brust=9"], &[]), "--brust=9 is no flag: --NAME=VALUE, and --help shows every NAME".into()),
        (run(&[], &[("LESSON_BRUST", "9")]), "LESSON_BRUST is no setting; --help shows all".into()),
        (run(&["burst"], &[]), "burst is no flag: --NAME=VALUE, and --help shows every NAME".into()),
        (in_file("\nhistory = -1\n"), format!("{conf}:2: history cannot be \"-1\": a whole number, 0 to 10000")),
        (in_file("brust = 9\n"), format!("{conf}:1: no setting is called brust; --help shows all")),
        (in_file("burst 9\n"), format!("{conf}:1: a line is `name = value`")),
        (in_file("burst = 9\nburst = 8\n"), format!("{conf}:2: burst was set above; which of the two is meant?")),
        (
            run(&["--config=/nowhere/lesson.conf"], &[]),
            "the settings file /nowhere/lesson.conf cannot be read: No such file or directory (os error 2)".into(),
        ),
    ];
    for ((code, printed, logged), expected) in cases {
        // 2 is what the unit does not start again.
        assert_eq!((code, printed.as_str(), logged), (Some(2), "", format!("error: {expected}\n")));
    }
}

#[test]
fn an_address_that_is_taken_is_no_wrong_setting_and_the_way_out_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("an address");
    let (code, _, logged) = run(&[&format!("--addr={addr}")], &[]);
    assert_eq!(code, Some(1), "systemd tries again, for it may be free then");
    assert!(logged.starts_with(&format!("error: cannot listen on {addr}: ")), "{logged}");
    assert!(logged.ends_with("; --addr=ADDR:PORT says where else\n"), "{logged}");
}

#[test]
fn help_shows_every_setting_with_its_default() {
    let (code, help, _) = run(&["--help"], &[]);
    let (_, printed, _) = run(&["--print-config"], &[]);
    assert_eq!(code, Some(0));
    for line in printed.lines() {
        let (name, rest) = line.split_once(" = ").expect("a setting");
        let value = rest.split("  #").next().expect("a value");
        let is_told = |line: &str| line.starts_with(&format!("  --{name} ")) && line.ends_with(&format!("[{value}]"));
        assert!(help.lines().any(is_told), "{name}: {help}");
    }
}

/// A server on free ports, with figures and a socket for orders, and what it logs.
struct Server {
    program: Lines,
    log: BufReader<std::process::ChildStderr>,
    /// The line door, the IRC door, the figures.
    addrs: Vec<std::net::SocketAddr>,
}

impl Server {
    fn start(flags: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = with(&["--addr=127.0.0.1:0", "--irc=127.0.0.1:0", "--figures=127.0.0.1:0"], variables);
        let mut program = Lines::start_with_log(command.args(flags).stderr(Stdio::piped()));
        let log = BufReader::new(program.child.stderr.take().expect("a pipe"));
        let addr = |line: String| line.rsplit(' ').next().and_then(|addr| addr.parse().ok());
        let addrs = (0..3).filter_map(|_| program.line().and_then(addr)).collect();
        Server { program, log, addrs }
    }

    fn join(&self, name: &str) -> TestClient {
        let mut client = TestClient::connect(self.addrs[0]);
        client.hears("HELLO: ...");
        client.send(&format!("JOIN:{name}"));
        client.hears("OK JOIN: ...");
        client
    }

    /// What is logged up to the end.
    fn rest_of_log(mut self) -> String {
        let mut log = String::new();
        self.log.read_to_string(&mut log).expect("a log");
        log
    }

    /// Reads the log up to a line with these words.
    fn logs(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.log.read_line(&mut line).expect("a log") > 0, "{words} is not logged");
        }
    }
}

#[test]
fn the_figures_are_an_answer_of_http_with_a_name_and_a_number_in_each_line() {
    let server = Server::start(&[], &[]);
    let mut ani = server.join("ani");
    ani.send("MSG:halo");
    ani.send("NOSUCH:thing");
    ani.hears("ERR 421 ...");
    for question in ["GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n", "hello\n"] {
        let mut scraper = TcpStream::connect(server.addrs[2]).expect("the figures");
        scraper.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        scraper.write_all(question.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        scraper.read_to_string(&mut answer).expect("an answer");
        let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", text.len())), "{head}");
        let figure = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<usize>().ok());
        assert_eq!(text.lines().count(), 6, "{text}");
        let told = ["chat_clients ", "chat_lines_total ", "chat_refused_total ", "chat_missed_total "].map(figure);
        assert_eq!(told, [Some(1), Some(1), Some(1), Some(0)], "{text}");
        assert!(figure("chat_turns_total ").is_some_and(|turns| turns > 0), "{text}");
        assert!(figure("chat_inbox_waiting ").is_some(), "{text}");
    }
}

#[test]
fn the_log_has_as_much_as_its_level_says_and_never_what_was_said() {
    for (level, has_clients, has_lines) in [("warn", false, false), ("info", true, false), ("debug", true, true)] {
        let mut server = Server::start(&[&format!("--log={level}")], &[]);
        let mut ani = server.join("ani");
        ani.send("MSG:a secret between us");
        ani.send("QUIT");
        ani.hears("BYE");
        server.program.send(b"quit\n");
        assert_eq!(ended(&mut server.program.child).code(), Some(0));
        let log = server.rest_of_log();
        assert_eq!(log.contains("info: client 1 has come from 127.0.0.1:"), has_clients, "{level}: {log}");
        assert_eq!(log.contains("debug: client 1: lines="), has_lines, "{level}: {log}");
        assert!(!log.contains("secret"), "{log}");
    }
}

/// The journal takes the severity from the front of a line, and would show it as a part of the words to a person.
#[test]
fn the_log_has_severities_for_the_journal_and_a_level_that_can_be_changed() {
    let mut server = Server::start(&["--log=warn"], &[("JOURNAL_STREAM", "8:1")]);
    server.program.send(b"log debug\n");
    server.logs("<6>info: the log has debug from now on");
    let _ani = server.join("ani");
    server.logs("<7>debug: client 1: lines=1");
    server.program.send(b"log loud\n");
    server.logs("<6>info: \"log loud\" is no order: quit, figures, or log with error, warn, info or debug");
    server.program.send(b"figures\n");
    server.logs("<6>info: clients 1");
}

#[test]
fn an_order_to_stop_has_last_words_and_returns_when_all_has_ended() {
    let folder = Folder::new("stop");
    let path = folder.path("control");
    let control = format!("--control={path}");
    // What a server leaves that was killed is no hindrance for the next.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let mut server = Server::start(&[&control], &[]);
    let mut ani = server.join("ani");
    let (code, _, logged) = run(&[&control, "--addr=127.0.0.1:0", "--irc=127.0.0.1:0"], &[]);
    assert_eq!((code, logged), (Some(1), format!("error: control = {path}: a server answers there; --stop ends it\n")));
    // What is no socket is not ours to remove.
    let file = folder.path("file");
    fs::write(&file, "mine").expect("a file");
    let (code, _, _) = run(&[&format!("--control={file}"), "--addr=127.0.0.1:0", "--irc=127.0.0.1:0"], &[]);
    assert_eq!((code, fs::read_to_string(&file).expect("it is there")), (Some(1), "mine".into()));

    let (code, printed, logged) = run(&[&control, "--stop"], &[]);
    assert_eq!((code, printed.as_str(), logged.as_str()), (Some(0), "", ""));
    assert!(!Path::new(&path).exists(), "the path is free");
    ani.hears("NOTE: the server is stopping");
    assert_eq!(ani.rest(), ["BYE"]);
    assert_eq!(ended(&mut server.program.child).code(), Some(0));

    let (code, _, logged) = run(&[&control, "--stop"], &[]);
    assert_eq!(code, Some(1));
    assert!(logged.contains(&format!("no server can be told at {path}: ")), "{logged}");
    let (code, _, logged) = run(&["--stop"], &[]);
    assert_eq!((code, logged.as_str()), (Some(1), "error: --stop needs the server's --control=PATH\n"));
}

/// What the page says: std cannot catch it, so nothing of ours runs any more.
#[test]
fn sigterm_has_no_last_words() {
    let mut server = Server::start(&[], &[]);
    let mut ani = server.join("ani");
    let id = server.program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    assert_eq!(ended(&mut server.program.child).signal(), Some(15));
    assert_eq!(ani.rest(), [""; 0]);
}

#[test]
fn systemd_is_told_when_the_doors_are_open_and_when_it_ends() {
    let folder = Folder::new("notify");
    let path = folder.path("notify");
    let systemd = UnixDatagram::bind(&path).expect("a socket");
    systemd.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let told = || {
        let mut bytes = [0; 64];
        let count = loop {
            match systemd.recv(&mut bytes) {
                // A socket with a deadline is not read on after a signal (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                told => break told.expect("it is told"),
            }
        };
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let mut server = Server::start(&[], &[("NOTIFY_SOCKET", &path)]);
    assert_eq!(told(), "READY=1");
    server.program.send(b"quit\n");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(ended(&mut server.program.child).code(), Some(0));
}

/// With the program that was built in the place of the one that is installed.
#[test]
fn systemd_takes_the_unit() {
    if !is_here("systemd-analyze") {
        return;
    }
    let folder = Folder::new("unit");
    let unit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/18_operation.service")).expect("the unit");
    let built = program("18_operation").display().to_string();
    let ours = unit.replace("/usr/local/bin/18_operation", &built);
    assert_eq!(ours.matches(&built).count(), 2, "it is started and stopped by the program");
    let path = folder.path("18_operation.service");
    fs::write(&path, ours).expect("a copy");
    let flags = ["verify", "--man=no", "--recursive-errors=no", &path];
    let output = Command::new("systemd-analyze").args(flags).output().expect("systemd-analyze");
    let said = String::from_utf8_lossy(&output.stderr);
    // What it says of other units of this machine is not about ours.
    assert!(output.status.success() && !said.contains("18_operation"), "{said}");
    // The settings that the unit gives are settings that there are.
    for line in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
        let variables: Vec<(&str, &str)> = line.split(' ').filter_map(|word| word.split_once('=')).collect();
        let (code, printed, logged) = run(&["--print-config"], &variables);
        assert_eq!(code, Some(0), "{logged}");
        for (name, _) in variables {
            assert!(printed.contains(&format!("# {name}\n")), "{name} is no setting:\n{printed}");
        }
    }
}
