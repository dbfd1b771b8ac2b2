//! The subcommands of chatd that help to run it: completions, the manual page, the health check.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::kit::{Chatd, command, output};
use chat_conformance::program::is_here;

/// What a shell says to a script, and its exit code.
fn shell(words: &[&str], script: &str) -> (Option<i32>, String) {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is here");
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn tab_completes_flags_and_subcommands() {
    let completions = |shell| {
        let (code, script, error) = output(&["completions", shell]);
        assert_eq!((code, error.as_str()), (0, ""), "{shell}");
        assert!(script.contains("max-clients") && script.contains("healthcheck"), "{shell}: {script}");
        script
    };
    let bash = completions("bash");
    completions("zsh");
    completions("fish");
    // What Tab would do, at the end of the last word.
    let tab = |words: &str, last: usize| {
        let asked = format!(
            "{bash}\nCOMP_WORDS=({words}); COMP_CWORD={last}; COMP_LINE='{words}'; COMP_POINT=${{#COMP_LINE}}\n\
             _chatd chatd \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last}-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        );
        shell(&["bash"], &asked)
    };
    assert_eq!(tab("chatd --max-c", 1), (Some(0), "--max-clients\n".into()));
    assert_eq!(tab("chatd heal", 1), (Some(0), "healthcheck\n".into()));
    if is_here("zsh") {
        assert_eq!(shell(&["zsh", "-n"], &completions("zsh")), (Some(0), String::new()));
    }
    if is_here("fish") {
        assert_eq!(shell(&["fish", "--no-execute"], &completions("fish")), (Some(0), String::new()));
    }
    let (code, _, error) = output(&["completions", "cmd.exe"]);
    assert!(code == 2 && error.contains("[possible values: bash, "), "{error}");
}

#[test]
fn the_manual_page_can_be_shown_and_names_everything() {
    let (code, page, error) = output(&["man"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let (_, printed, _) = output(&["--print-config"]);
    for key in printed.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key) {
        let name = match key {
            // A secret is no flag.
            "operator_key" => "CHAT_OPERATOR_KEY".into(),
            "irc_password" => "CHAT_IRC_PASSWORD".into(),
            key => format!("\\-\\-{}", key.replace('_', "\\-")),
        };
        assert!(page.contains(&format!("\n\\fB{name}\\fR")), "{key} is missing");
    }
    for words in [".SS account add", ".SS healthcheck", "\\fBSIGHUP\\fR"] {
        assert!(page.lines().any(|line| line == words), "{words} is missing");
    }
    // `man` shows it without a warning, and mandoc, which finds more, has nothing to say.
    if is_here("man") {
        let (code, shown) = shell(&["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-"], &page);
        let warned = shown.lines().find(|line| line.contains("warning:") || line.contains("error:"));
        assert!(code == Some(0) && warned.is_none(), "{warned:?}");
    }
    if is_here("mandoc") {
        assert_eq!(shell(&["mandoc", "-T", "lint"], &page), (Some(0), String::new()));
    }
}

#[test]
fn the_health_check_asks_the_server_of_the_settings() {
    let chatd = Chatd::start(&[]);
    let both = "the line door answers, and so does the page\n";
    let check = |chatd: &Chatd| output(&["--addr", &chatd.line, "--web", &chatd.page, "healthcheck"]);
    assert_eq!(check(&chatd), (0, both.into(), String::new()));
    let (code, told, _) = output(&["--addr", &chatd.line, "--web", "off", "healthcheck"]);
    assert_eq!((code, &*told), (0, "the line door answers\n"));
    // As in a container: the settings are variables, and the doors are open to all.
    let port = |addr: &str| format!("0.0.0.0:{}", addr.rsplit(':').next().expect("a port"));
    let doors = [("CHAT_ADDR", port(&chatd.line)), ("CHAT_WEB", port(&chatd.page))];
    let told = command().arg("healthcheck").envs(doors).output().expect("it runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let full = Chatd::start(&["--max-clients", "1"]);
    let _ani = full.join("ani");
    // A restart would throw all users out.
    assert_eq!(check(&full).1, "the line door answers that it is full, and so does the page\n");
}

#[test]
fn the_health_check_says_in_one_line_what_is_wrong() {
    let one_line = |flags: &[&str], words: &str| {
        let (code, told, error) = output(flags);
        assert_eq!((code, &*told, error.lines().count()), (1, "", 1), "{error}");
        assert!(error.contains(words), "{error}");
    };
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    one_line(&["--addr", &gone, "healthcheck"], &format!("the line door at {gone} does not answer: "));
    one_line(&["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "healthcheck"], "may have any port; try the one");
    let chatd = Chatd::start(&[]);
    one_line(&["--addr", &chatd.line, "--web", &gone, "healthcheck"], &format!("the page at {gone} does not answer: "));
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = other.local_addr().expect("an address").to_string();
    let says =
        std::thread::spawn(move || other.accept().map(|(mut peer, _)| peer.write_all(b"220 mail\x1b[2J ready\r\n")));
    one_line(&["--addr", &addr, "healthcheck"], "is not a chat: it says \"220 mail\\u{1b}[2J ready\"");
    says.join().expect("it ends").expect("it was asked").expect("it was heard");
}

/// Each byte comes in time, the line never does.
#[test]
fn the_health_check_has_a_deadline_for_all_of_an_answer() {
    let dripping = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = dripping.local_addr().expect("an address").to_string();
    let drip = std::thread::spawn(move || {
        let (mut peer, _) = dripping.accept().expect("it comes");
        peer.set_read_timeout(Some(Duration::from_millis(200))).expect("a deadline can be set");
        let waits = |error: &std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        while peer.write_all(b"x").is_ok() && peer.read(&mut [0]).is_err_and(|error| waits(&error)) {}
    });
    let began = Instant::now();
    let (code, _, error) = output(&["--addr", &addr, "healthcheck"]);
    assert!(code == 1 && error.contains("does not answer in 5 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    drip.join().expect("it has gone");
}
