//! README.md, tried as it stands: each of its commands is run against a chatd, or names a program that there is.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kit::{Chatd, command, says};
use chat_conformance::program::is_here;

/// What a block of commands is known by, and what it has to print.
const SHOWN: [(&str, &[&str]); 4] = [
    ("| nc localhost 7878", &[" OK JOIN ", " BYE 200 "]),
    ("localhost:3000/api/messages", &["build 318 is green", "\"name\":\"ci\"", "\"type\":\"Hello\""]),
    ("PUT $token", &[]),
    ("chatd backup", &[" bytes, checked", "structure: good", "ids: good"]),
];
/// Commands that other tests run: telnet on a terminal (the suite of telnet), TLS (`tls`), and programs, whose tokens are shown once
/// (the tests of programs in chat_web).
const ELSEWHERE: [&str; 5] = [
    "telnet localhost 7878",
    "openssl s_client",
    "curl -d '{\"text\":\"build 318 is green\"}' localhost:3000/api/hooks/TOKEN",
    "curl localhost:3000/api/me -H 'Authorization: Bearer chat_bot_...'",
    "curl localhost:3000/api/admin/webhooks -H \"Authorization: Bearer $CHAT_OPERATOR_KEY\"",
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The blocks of README.md that are fenced as `sh`, as lists of commands without their remarks.
fn blocks() -> Vec<Vec<String>> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let commands =
        |block: &str| block.lines().map(|line| line.split("   #").next().unwrap_or(line).trim().into()).collect();
    blocks.map(commands).collect()
}

/// `cargo run -p PACKAGE --bin PROGRAM`: what it names is there.
fn is_a_cargo_command(words: &str, targets: &BTreeSet<String>) {
    let words: Vec<&str> = words.split_whitespace().take_while(|word| *word != "--").collect();
    for pair in words.windows(2).filter(|pair| matches!(pair[0], "-p" | "--bin" | "--example")) {
        assert!(targets.contains(pair[1]), "README.md: {words:?}: there is no {}", pair[1]);
    }
}

/// The names of packages, programs and examples.
fn targets() -> BTreeSet<String> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo is here");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap_or_default().to_string();
    packages
        .iter()
        .flat_map(|package| {
            let targets = package["targets"].as_array().expect("targets").iter().map(name).collect::<Vec<_>>();
            targets.into_iter().chain([name(package)])
        })
        .collect()
}

#[test]
fn every_command_of_the_readme_does_what_stands_there() {
    if !["nc", "curl"].into_iter().all(is_here) {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let mut chatd = Chatd::run(command().args(["--log", "warn"]).env("CHAT_DATA", &data));
    let files = chatd.prints("files on ");
    let here = |command: &str| {
        let line = chatd.line.replace(':', " ");
        let command = command.replace("localhost 7878", &line).replace("HOST 7879", &files.replace(':', " "));
        let command = command.replace("localhost:3000", &chatd.page);
        // A stream has no end of its own; curl says 28 where it ended it by its deadline.
        let ended = |line: &str| match line.starts_with("curl -N ") {
            true => format!("{line} -s --max-time 5 || [ $? = 28 ]"),
            false => line.into(),
        };
        command.lines().map(ended).collect::<Vec<String>>().join("\n")
    };
    // A file is offered in the chat before it is sent.
    std::fs::write(dir.path().join("report.txt"), "tea is ready\n").expect("a file");
    let mut ani = chatd.join("ani");
    says(&mut ani, "SEND=7:#lobby 13 report.txt\n");
    let token = token_of(&mut ani);

    let targets = targets();
    let mut played = BTreeSet::new();
    for block in blocks() {
        let (known, to_run): (Vec<String>, Vec<String>) = block.iter().cloned().partition(|command| {
            command.starts_with("cargo ") || ELSEWHERE.iter().any(|elsewhere| command.starts_with(elsewhere))
        });
        known.iter().filter(|command| command.starts_with("cargo ")).for_each(|c| is_a_cargo_command(c, &targets));
        if to_run.is_empty() {
            continue;
        }
        let script = to_run.join("\n");
        let row = SHOWN.iter().position(|(part, _)| script.contains(part));
        let row = row.unwrap_or_else(|| panic!("README.md has commands that this test does not know:\n{script}"));
        let said = run(&here(&script), dir.path(), &token, &data);
        for words in SHOWN[row].1 {
            assert!(said.contains(words), "README.md: {words:?} does not come of\n{script}\n---\n{said}");
        }
        played.insert(row);
    }
    assert_eq!(played.len(), SHOWN.len(), "README.md has lost commands: {played:?}");
    let exported = std::fs::read_to_string(dir.path().join("lobby.jsonl")).expect("it was exported");
    assert!(exported.contains("build 318 is green"), "{exported}");
    let fetched = std::fs::read_to_string(dir.path().join("report.txt")).expect("it was fetched");
    assert_eq!(fetched, "tea is ready\n", "the file comes back as it went");
}

fn token_of(person: &mut BufReader<std::net::TcpStream>) -> String {
    loop {
        let mut line = String::new();
        assert!(person.read_line(&mut line).expect("the door answers") > 0, "no token came");
        if let Some((_, rest)) = line.split_once(" token=") {
            return rest.split(' ').next().expect("a token").into();
        }
    }
}

/// What a script prints. It has to end well.
fn run(script: &str, dir: &Path, token: &str, data: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_chatd")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("timeout")
        .args(["60", "bash", "-eo", "pipefail", "-c", script])
        .current_dir(dir)
        .env("PATH", path)
        .env("token", token)
        .env("CHAT_DATA", data)
        .stdin(Stdio::null())
        .output()
        .expect("bash is here");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}\n---\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}
