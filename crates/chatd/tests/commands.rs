//! The subcommands of chatd that help to run it: completions, the manual page, the health check.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use kit::{Chatd, command, output};
use program::is_here;

mod kit;
#[path = "../../../tests/programs/program.rs"]
#[allow(dead_code, reason = "the root's tests use all of it")]
mod program;

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
        assert!(page.contains(&format!("\n\\fB\\-\\-{}\\fR", key.replace('_', "\\-"))), "{key} is missing");
    }
    if is_here("groff") {
        let (code, shown) = shell(&["groff", "-man", "-Tutf8", "-ww", "-P-cbou"], &page);
        let warned = shown.lines().find(|line| line.contains("warning") || line.contains("error:"));
        assert!(code == Some(0) && warned.is_none(), "{warned:?}");
        for words in ["SIGHUP", "EXIT STATUS", "/etc/chatd/chatd.toml", "healthcheck"] {
            assert!(shown.contains(words), "{words} is missing: {shown}");
        }
    }
}

#[test]
fn the_health_check_asks_the_server_of_the_settings() {
    let check = |addr: &str| output(&["--addr", addr, "healthcheck"]);
    let chatd = Chatd::start(&[]);
    let (code, told, error) = check(&chatd.line);
    assert_eq!((code, told, error), (0, format!("The server at {} answers.\n", chatd.line), String::new()));
    // As in a container: the settings are variables, and the door is open to all.
    let port = chatd.line.rsplit(':').next().expect("a port");
    let told = command().arg("healthcheck").env("CHAT_ADDR", format!("0.0.0.0:{port}")).output().expect("it runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let full = Chatd::start(&["--max-clients", "1"]);
    let _ani = full.join("ani");
    assert_eq!(check(&full.line).0, 0, "a server that is full is well");
}

#[test]
fn the_health_check_says_what_is_wrong() {
    let check = |addr: &str| output(&["--addr", addr, "healthcheck"]);
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let (code, _, error) = check(&gone);
    assert!(code == 1 && error.contains(&format!("nobody answers at {gone}: ")), "{error}");
    let (code, _, error) = check("127.0.0.1:0");
    assert!(code == 1 && error.contains("try: chatd --addr 127.0.0.1:PORT healthcheck"), "{error}");
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = other.local_addr().expect("an address").to_string();
    let says =
        std::thread::spawn(move || other.accept().map(|(mut peer, _)| peer.write_all(b"220 mail\x1b[2J ready\r\n")));
    let (code, _, error) = check(&addr);
    assert!(code == 1 && error.contains("is no chat: \"220 mail\\u{1b}[2J ready\""), "{error}");
    says.join().expect("it ends").expect("it was asked").expect("it was heard");
}
