//! chatd's small commands: completions that each shell takes, a manual page without a fault, and a check of a server's health.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn chatd(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        command.env_remove(name);
    }
    command.args(flags);
    command
}

fn output(flags: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = chatd(flags).output().expect("chatd runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

/// Gives a text to a program. `None`: it is not here, which is told, and in CI is a failure.
fn given(program: &str, flags: &[&str], text: &str) -> Option<Output> {
    let started =
        Command::new(program).args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing: .ci/run installs it");
        eprintln!("SKIPPED: {program} is not here");
        return None;
    };
    child.stdin.take().expect("stdin is a pipe").write_all(text.as_bytes()).expect("it reads");
    Some(child.wait_with_output().expect("it ends"))
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().escape_ascii().to_string().replace("\\n", "\n")
}

/// A chatd on free ports. Ended with the test.
struct Running {
    child: Child,
    line: String,
    page: String,
}

impl Running {
    fn start(flags: &[&str]) -> Running {
        let doors = ["--addr", "127.0.0.1:0", "--web", "127.0.0.1:0", "--log", "warn", "--data", "off"];
        let mut child = chatd(&doors).args(flags).stdout(Stdio::piped()).spawn().expect("chatd starts");
        let mut out = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut line = |begin: &str| {
            let mut line = String::new();
            out.read_line(&mut line).expect("it says where it listens");
            line.trim().strip_prefix(begin).unwrap_or_else(|| panic!("unexpected: {line:?}")).to_string()
        };
        let (listening, page) = (line("listening on "), line("page on http://"));
        Running { child, line: listening, page }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill().and_then(|()| self.child.wait());
    }
}

#[test]
fn each_shell_takes_its_completions() {
    for (shell, flags) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let (code, text, error) = output(&["completions", shell]);
        assert_eq!(code, 0, "{error}");
        for word in ["max-clients", "healthcheck", "durability"] {
            assert!(text.contains(word), "{shell} does not know {word}");
        }
        let Some(output) = given(shell, flags, &text) else { continue };
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {}", said(&output));
    }
    // What bash makes of a word that was begun.
    let (_, text, _) = output(&["completions", "bash"]);
    let asked = "COMP_WORDS=(chatd --max-cl); COMP_CWORD=1; _chatd chatd --max-cl chatd; echo \"${COMPREPLY[@]}\"";
    if let Some(output) = given("bash", &[], &format!("{text}\n{asked}\n")) {
        assert_eq!(said(&output).trim(), "--max-clients");
    }
    let (code, _, error) = output(&["completions", "tcsh"]);
    assert!(code == 2 && error.contains("[possible values: bash, zsh, fish]"), "{error}");
}

#[test]
fn the_manual_page_is_one_that_man_and_mandoc_show() {
    let (code, page, error) = output(&["man"]);
    assert_eq!(code, 0, "{error}");
    for section in ["NAME", "SYNOPSIS", "OPTIONS", "SUBCOMMANDS", "SIGNALS", "FILES", "\"EXIT STATUS\"", "EXAMPLES"] {
        assert!(page.lines().any(|line| line.trim_start_matches(".SH ").replace('"', "") == section.replace('"', "")));
    }
    for (program, flags) in
        [("mandoc", &["-T", "lint"][..]), ("man", &["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", "-"])]
    {
        let Some(output) = given(program, flags, &page) else { continue };
        assert!(output.stderr.is_empty() && (program == "man" || output.stdout.is_empty()), "{}", said(&output));
    }
}

#[test]
fn a_server_that_is_well_says_so() {
    let server = Running::start(&[]);
    let both = ["--addr", &server.line, "--web", &server.page, "healthcheck"];
    assert_eq!(output(&both), (0, "the line door answers, and so does the page\n".into(), String::new()));
    let (code, told, _) = output(&["--addr", &server.line, "--web", "off", "healthcheck"]);
    assert_eq!((code, &*told), (0, "the line door answers\n"));
    // Who listens everywhere is asked here.
    let port = server.line.rsplit(':').next().expect("a port");
    assert_eq!(output(&["--addr", &format!("0.0.0.0:{port}"), "--web", "off", "healthcheck"]).0, 0);
}

#[test]
fn a_full_server_is_not_ill() {
    let server = Running::start(&["--max-clients", "1"]);
    let mut ani = BufReader::new(TcpStream::connect(&server.line).expect("the door is open"));
    ani.get_mut().set_read_timeout(Some(Duration::from_secs(30))).expect("a deadline can be set");
    let mut hello = String::new();
    ani.read_line(&mut hello).expect("it greets");
    let (code, told, error) = output(&["--addr", &server.line, "--web", &server.page, "healthcheck"]);
    assert_eq!((code, &*told), (0, "the line door answers that it is full, and so does the page\n"), "{error}");
}

#[test]
fn a_server_that_is_not_well_is_named_in_one_line() {
    let one_line = |flags: &[&str], words: &str| {
        let (code, told, error) = output(flags);
        assert_eq!((code, &*told, error.lines().count()), (1, "", 1), "{error}");
        assert!(error.contains(words), "{error}");
    };
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("it has one").to_string()
    };
    one_line(&["--addr", &nobody, "healthcheck"], &format!("the line door at {nobody} does not answer: "));
    one_line(&["--addr", "127.0.0.1:0", "healthcheck"], "may have any port");
    let server = Running::start(&[]);
    one_line(&["--addr", &server.line, "--web", &nobody, "healthcheck"], &format!("the page at {nobody} does not"));
    one_line(&["--addr", &server.page, "--web", "off", "healthcheck"], "the line door at ");
    // Somebody who drips: each byte comes in time, the line never.
    let dripping = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = dripping.local_addr().expect("it has one").to_string();
    let began = Instant::now();
    let drip = std::thread::spawn(move || {
        let (mut stream, _) = dripping.accept().expect("it comes");
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a deadline can be set");
        while stream.write_all(b"x").is_ok() {
            match stream.read(&mut [0]) {
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    });
    one_line(&["--addr", &addr, "healthcheck"], "does not answer in 5 s");
    assert!(began.elapsed() < Duration::from_secs(30));
    drip.join().expect("it has gone");
}
