//! The small client of examples/client.rs, in pipes and on terminals.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use chat_conformance::program::{Program, is_here, tied};
use chat_server::config::OperatorKey;
use chat_server::testing::{TestClient, quick};

use chat_server::testing::TestServer;

const KEY: &str = "open sesame, 2026";

/// The example's program, which cargo builds with the tests; where one test was asked for alone, it is built here.
fn client() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let tests = std::env::current_exe().expect("the test knows where it is");
        let target = tests.parent().and_then(Path::parent).expect("deps stands in the target directory");
        let program = target.join("examples/client");
        let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/client.rs");
        if changed(&program) < changed(&source) {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--locked", "-p", "chat_server", "--example", "client"]);
            build.args((!cfg!(debug_assertions)).then_some("--release"));
            assert!(build.status().expect("cargo runs").success(), "{} is not built", program.display());
        }
        program.to_str().expect("a path in UTF-8").to_string()
    })
}

/// A server with an operator key or without one, and a listener.
fn server(key: Option<&str>) -> (TestServer, TestClient) {
    let mut config = quick();
    config.operator_key = key.map(|key| OperatorKey::new(key).expect("a good key"));
    let server = TestServer::with(config);
    let mut budi = server.join("budi");
    budi.send("OPT:presence=off");
    budi.settle();
    (server, budi)
}

/// Runs it in a pipe. Its exit code, what it printed, and what it complained about.
fn piped(server: &TestServer, input: &[u8]) -> (Option<i32>, String, String) {
    let addr = server.addr().to_string();
    let mut command = tied(client());
    command.args(["--name", "ci", "--addr", &addr]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // It may have ended before it has read all.
    let _ended = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The command for a terminal.
fn ani(server: &TestServer) -> String {
    format!("'{}' --name ani --addr {}", client(), server.addr())
}

#[test]
fn a_pipe_is_said_whole_and_its_exit_code_says_so() {
    let (server, mut budi) = server(None);
    let (code, out, err) = piped(&server, b"one\r\n\n/me waves\nno end");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.lines().last().is_some_and(|line| line.contains(" BYE 200 ")), "{out}");
    for words in ["MSG #lobby 1 ci: one", "ACT #lobby 2 ci: waves", "MSG #lobby 3 ci: no end"] {
        budi.hears(&format!("* {words}"));
    }
    let (code, out, _) = piped(&server, b"PASTE:\n/oper\nQUIT\n.\n");
    assert_eq!(code, Some(0), "{out}");
    budi.hears("* MSG #lobby 4 ci part=1/2: /oper");
    budi.hears("* MSG #lobby 4 ci part=2/2: QUIT");
}

#[test]
fn a_paste_without_its_end_is_refused_as_a_whole() {
    let (server, mut budi) = server(None);
    let (code, out, err) = piped(&server, b"PASTE:\none\ntwo\n");
    assert!(code == Some(1) && err.contains(" ERR 461 "), "{out}{err}");
    // Nor is a line left out of it. 0xFF and what follows would be telnet's.
    for wrong in [&b"caf\xe9"[..], b"\xff", b"\xff\xf4"] {
        let (code, out, err) = piped(&server, &[b"PASTE:\none\n", wrong, b"\nQUIT\n.\n"].concat());
        assert!(code == Some(1) && err.contains(" line=2: "), "{out}{err}");
    }
    assert_eq!(budi.settle(), [] as [String; 0]);
}

#[test]
fn what_is_refused_is_told_and_ends_with_one() {
    let (server, mut budi) = server(None);
    for (input, why) in [
        (&b"/whisper nobody hi\nafter\n"[..], " ERR 401 no-such-user "),
        (b"caf\xe9\nafter\n", "a line is not UTF-8"),
        (b"after\n/foo\n", " ERR 421 unknown-verb "),
    ] {
        let (code, out, err) = piped(&server, input);
        assert!(code == Some(1) && err.contains(why), "{out}{err}");
        budi.hears("* MSG #lobby * ci: after");
    }
    let (code, _, err) = piped(&server, &[b"x".repeat(70_000), b"\nafter\n".to_vec()].concat());
    assert!(code == Some(1) && err.contains("64 KiB"), "{err}");
    assert_eq!(budi.settle(), [] as [String; 0]);
}

#[test]
fn a_password_in_a_pipe_reaches_the_server_alone() {
    let (with_key, mut budi) = server(Some(KEY));
    let (code, out, err) = piped(&with_key, format!("/oper\n{KEY}\nhello\n").as_bytes());
    assert!(code == Some(0) && out.contains(" OK OPER ") && !out.contains(KEY), "{out}{err}");
    budi.hears("* MSG #lobby 1 ci: hello");
    // The mark that some editors put in front of a file makes no difference.
    let (code, out, err) = piped(&with_key, format!("\u{feff}/oper\n{KEY}\n").as_bytes());
    assert!(code == Some(0) && out.contains(" OK OPER ") && !out.contains(KEY), "{out}{err}");
    // Where the server asks for none, the line that was meant to be one is not said.
    let (without, mut budi) = server(None);
    for question in ["/oper", "OPER:", "/passwd", "REGISTER=7:", "/login ci"] {
        let (code, out, err) = piped(&without, format!("hello\n{question}\n{KEY}\n").as_bytes());
        assert!(code == Some(1) && err.contains("may begin with a password"), "{question}: {out}{err}");
        budi.hears("* MSG #lobby * ci: hello");
    }
    assert_eq!(budi.settle(), [] as [String; 0]);
}

#[test]
fn a_password_at_a_terminal_is_not_shown_and_nothing_is_kept() {
    if !is_here("script") {
        return;
    }
    let (server, mut budi) = server(Some(KEY));
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("home-{}", std::process::id()));
    fs::create_dir_all(&home).expect("a folder");
    let command = format!("env HOME='{0}' XDG_STATE_HOME='{0}' sh -c \"{1}; stty -a\"", home.display(), ani(&server));
    let mut terminal = Program::on_a_terminal(&command);
    terminal.sees("OK JOIN ");
    for _ in 0..2 {
        terminal.types("/oper\r");
        terminal.sees("It is not shown.");
        terminal.types(format!("{KEY}\r"));
        terminal.sees("OK OPER role=admin");
        terminal.types("talk\r");
        terminal.sees("talk");
    }
    budi.hears("* MSG #lobby 1 ani: talk");
    budi.hears("* MSG #lobby 2 ani: talk");
    terminal.types("\x04");
    terminal.sees(" BYE 200 ");
    let (code, shown) = terminal.ends();
    assert!(code == Some(0) && !shown.contains(KEY), "{shown}");
    assert!(shown.contains(" echo ") && shown.contains(" -echonl"), "the terminal is as before: {shown}");
    assert_eq!(fs::read_dir(&home).expect("it is there").count(), 0, "it keeps no file");
    fs::remove_dir(&home).expect("it is empty");
}

#[test]
fn the_terminal_shows_again_what_is_typed_however_it_ends() {
    if !is_here("script") {
        return;
    }
    for end in ["TERM", "KILL", "INT"] {
        let (server, _budi) = server(Some(KEY));
        let shows = "until stty -a | grep -q ' echo '; do sleep 0.01; done; echo as before";
        let mut terminal = Program::on_a_terminal(&format!(
            "sh -c \"trap true INT; sh -c \\\"echo pid \\\\\\$\\\\\\$; exec {}\\\"; {shows}\"",
            ani(&server)
        ));
        terminal.sees("pid ");
        let pid = terminal.line().expect("a number");
        terminal.sees("OK JOIN ");
        terminal.types("/oper\r");
        terminal.sees("It is not shown.");
        assert!(Command::new("kill").args(["-s", end, &pid]).status().expect("kill is here").success());
        terminal.sees("as before");
    }
}

#[test]
fn a_password_that_is_typed_before_the_server_says_no_is_not_said() {
    if !is_here("script") {
        return;
    }
    let (server, mut budi) = server(None);
    let mut terminal = Program::on_a_terminal(&ani(&server));
    terminal.sees("OK JOIN ");
    terminal.types(format!("/oper\r{KEY}\r"));
    terminal.sees("That line was not sent");
    // What is typed after the answer is talk. The pause is what makes the difference; a person's is longer.
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.types("talk\r");
    budi.hears("* MSG #lobby 1 ani: talk");
    terminal.types("QUIT\r");
    assert_eq!(terminal.ends().0, Some(0));
}

#[test]
fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is_one() {
    let (server, mut budi) = server(None);
    let script = format!("{{ printf 'one\\ntwo\\n' | {}; echo code $? >&2; }} | head -n 1", ani(&server));
    let (code, shown) = Program::start(&["sh", "-c", &script]).ends();
    assert!(code == Some(0) && shown.contains("code 0\n") && !shown.contains("error"), "{shown}");
    budi.hears("* MSG #lobby 1 ani: one");
    budi.hears("* MSG #lobby 2 ani: two");
    for flags in ["--help".to_string(), format!("--name ani --addr {}", server.addr())] {
        let script = format!("echo three | '{}' {flags} >/dev/full", client());
        let (code, shown) = Program::start(&["sh", "-c", &script]).ends();
        assert!(code == Some(1) && shown.contains("cannot write to standard output"), "{flags}: {shown}");
    }
}

#[test]
fn what_is_wrong_with_the_flags_ends_with_two_and_no_server_with_69() {
    for args in [&["--nmae", "ci"][..], &["--name"], &["--name", "two words"], &["--name", "a\nQUIT"], &["ani"]] {
        let output = tied(client()).args(args).stdin(Stdio::null()).output().expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && err.contains("try: --help"), "{args:?}: {err}");
    }
    let output = tied(client()).arg("--name").arg(OsStr::from_bytes(b"\xff")).output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && err.contains("not UTF-8"), "{err}");
    let addr = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").to_string();
    let output = tied(client()).args(["--addr", &addr]).stdin(Stdio::null()).output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(69) && err.contains("cannot connect to ") && err.contains("try: "), "{err}");
}

/// The server is played by the test, and is not one of ours.
#[test]
fn no_server_moves_the_cursor_and_a_cut_is_told() {
    let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = door.local_addr().expect("it is bound").to_string();
    let mut program = Program::start(&[client(), "--name", "ani", "--addr", &addr]);
    let (mut socket, _) = door.accept().expect("it comes");
    let mut opening = BufReader::new(socket.try_clone().expect("a clone")).lines().map_while(Result::ok);
    assert_eq!(opening.next().as_deref(), Some("OPT=own:ping=30"));
    assert_eq!(opening.next().as_deref(), Some("JOIN:ani"));
    socket.write_all(b"t MSG #lobby 1 budi: \x1b[2J\xe2\x80\xae gone\r\nt NOTE *: a\x07b\n").expect("it reads");
    program.sees("budi: \u{fffd}[2J\u{fffd} gone\n");
    program.sees("a\u{fffd}b\n");
    drop((socket, opening));
    program.sees("the server closed the connection");
    assert_eq!(program.ends().0, Some(1));
}
