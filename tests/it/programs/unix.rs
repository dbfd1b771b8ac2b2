//! What the server owes to who starts it: output that did not arrive is a failure, signals that were ignored stay ignored, and
//! words that are no text are refused by a sentence.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chat_conformance::program::{ended, tied};

use super::process::{Process, log_of, program};

/// A command line for a shell, in which `$0` is the server.
fn shell(words: &str) -> Command {
    let mut shell = tied("sh");
    program().get_envs().for_each(|(name, _)| _ = shell.env_remove(name));
    shell.args(["-c", words, env!("CARGO_BIN_EXE_chat_server")]);
    shell
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("sh is here");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// Words in another encoding.
fn latin() -> OsString {
    OsString::from_vec(b"caf\xe9".to_vec())
}

#[test]
fn what_cannot_be_written_is_a_failure_and_a_closed_pipe_is_none() {
    for task in ["--help", "--version", "--print-config", "--check-config"] {
        let (code, _, error) = output(&mut shell(&format!("exec \"$0\" {task} >/dev/full")));
        assert_eq!(code, Some(1), "{task}");
        assert!(error.starts_with("error: cannot write to stdout: "), "{task}: {error}");
        // The reader is gone before anything is written.
        let (code, told, error) = output(&mut shell(&format!("{{ \"$0\" {task}; echo $? >&2; }} | exec true")));
        assert_eq!((code, told.as_str(), error.as_str()), (Some(0), "", "0\n"), "{task}");
    }
}

#[test]
fn a_server_whose_first_line_cannot_be_written_serves_and_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    drop(listener);
    let mut child = shell(&format!("exec \"$0\" --addr {addr} >/dev/full")).stderr(Stdio::piped()).spawn().expect("sh");
    let mut log = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("cannot write to stdout: ") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut log, &mut line).expect("its log") > 0, "it has ended");
    }
    let mut ani = chat_server::testing::TestClient::connect(addr);
    ani.hears("* HELLO ...");
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    ani.until("* BYE 503 ...");
    assert_eq!(ended(&mut child).code(), Some(1));
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    for (ignored, signals) in [("HUP", &["-HUP"][..]), ("INT", &["-INT"]), ("HUP INT", &["-HUP", "-INT"])] {
        let before = format!("trap '' {ignored}");
        let mut server = Process::limited(&before, &[]);
        let mut ani = server.join("ani");
        for signal in signals {
            server.signal(signal);
            ani.settle();
        }
        server.signal("-TERM");
        ani.until("* BYE 503 ...");
        assert_eq!(ended(&mut server.child).code(), Some(0), "{ignored}");
    }
}

#[test]
fn a_terminal_that_is_closed_stops_it_unless_nohup_says_otherwise() {
    let mut server = Process::start(&[]);
    server.signal("-HUP");
    assert_eq!(ended(&mut server.child).code(), Some(0));
}

#[test]
fn what_is_no_text_is_refused_by_a_sentence() {
    let latin = latin();
    let dashes = OsString::from_vec(b"--n\xe4me".to_vec());
    let joined = OsString::from_vec(b"--name=caf\xe9".to_vec());
    let flags: [(&[&OsStr], &str); 4] = [
        (&["--name".as_ref(), &latin], "error: name should be UTF-8, not \"caf\\xE9\"\n  set by: --name\n"),
        (&[&joined], "error: name should be UTF-8, not \"caf\\xE9\"\n  set by: --name\n"),
        (&[&dashes], "error: \"--n\\xE4me\" is not UTF-8, and so no flag\n  try: --help\n"),
        (&["--burst".as_ref(), &latin], "error: burst should be UTF-8, not \"caf\\xE9\"\n  set by: --burst\n"),
    ];
    for (flags, words) in flags {
        assert_eq!(output(program().args(flags).arg("--check-config")), (Some(2), String::new(), words.into()));
    }
    for (variable, words) in [
        ("CHAT_NAME", "error: name should be UTF-8, not \"caf\\xE9\"\n  set by: CHAT_NAME\n"),
        ("CHAT_OPERATOR_KEY", "error: operator_key should be UTF-8, not what was given\n  set by: CHAT_OPERATOR_KEY\n"),
        ("RUST_LOG", "error: RUST_LOG should be UTF-8, not \"caf\\xE9\"\n"),
    ] {
        let told = output(program().arg("--check-config").env(variable, &latin));
        assert_eq!(told, (Some(2), String::new(), words.into()));
    }
    // A variable of another user is no user's business.
    assert_eq!(output(program().arg("--check-config").env("CHATTER", &latin)).0, Some(0));
}

#[test]
fn a_path_may_have_any_bytes() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(latin());
    fs::create_dir_all(&dir).expect("a folder");
    let file = dir.join("chat.toml");
    fs::write(&file, "\u{feff}name = \"kampus\"\r\n").expect("a file");
    let mut joined = OsString::from("--config=");
    joined.push(&file);
    for config in [program().arg(&joined), program().arg("--config").arg(&file), program().env("CHAT_CONFIG", &file)] {
        let (code, printed, error) = output(config.arg("--print-config"));
        assert_eq!((code, error.as_str()), (Some(0), ""));
        assert!(printed.contains("name = \"kampus\""), "{printed}");
    }
    let mut files = program();
    files.arg("--files").arg("127.0.0.1:0").arg("--files-dir").arg(dir.join("files"));
    let mut server = Process::run(files, &["--log", "info"], Stdio::piped());
    server.signal("-TERM");
    ended(&mut server.child);
    assert!(dir.join("files/lock").is_file(), "{}", log_of(&mut server));
    fs::remove_dir_all(&dir).expect("it is ours");
}
