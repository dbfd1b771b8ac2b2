//! The data of chatd as its operator handles it: backed up, checked, taken away and put back while people talk.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use chat_conformance::program::tied;
use chat_server::testing::TestClient;

fn chatd(data: &Path) -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_chatd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        command.env_remove(name);
    }
    command.env("CHAT_DATA", data);
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// A running chatd. It is ended with the test.
struct Running(Child, SocketAddr);

impl Running {
    fn start(data: &Path) -> Running {
        let mut child = chatd(data)
            .args(["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "--web", "off"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chatd starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("stdout is a pipe");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("it says where it listens");
        let addr = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("unexpected: {line:?}"));
        Running(child, addr.parse().expect("an address"))
    }

    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

#[test]
fn an_operator_backs_up_checks_and_restores() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Running::start(&data);
    let mut ani = TestClient::connect(server.1);
    ani.send("JOIN:ani");
    ani.send("the first line");
    ani.settle();
    let file = folder.path().join("backup.db");
    assert_eq!(output(chatd(&data).args(["place", "--name", "Warung Kopi"])).0, Some(0));
    let (code, told, error) = output(chatd(&data).arg("backup").arg(&file));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(told.ends_with(" bytes, checked\n"), "{told}");
    let (code, _, error) = output(chatd(&data).arg("backup").arg(&file));
    assert!(code == Some(1) && error.contains("a backup overwrites nothing\n  try: "), "{error}");
    ani.send("after the backup");
    ani.settle();
    let (code, told, _) = output(chatd(Path::new("off")).args(["check", "--data"]).arg(&data));
    assert!(code == Some(0) && told.contains("ids: good"), "{told}");
    let (code, told, error) = output(chatd(&data).args(["export", "--room", "#Lobby", "--since", "2020-01-01"]));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let texts: Vec<&str> = told.lines().filter_map(|line| line.split("\"text\":").nth(1)).collect();
    assert_eq!(texts, ["\"the first line\"}", "\"after the backup\"}"]);
    // A second server is told who has the data.
    let (code, _, error) =
        output(chatd(&data).args(["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "--web", "off"]));
    assert_eq!(code, Some(69), "{error}");
    assert!(error.contains(&format!("in use by process {}", server.0.id())), "{error}");
    server.kill();
    // The backup is put in its place.
    fs::remove_dir_all(&data).expect("it is there");
    fs::create_dir(&data).expect("a folder");
    fs::copy(&file, data.join(chat_store::FILE)).expect("a copy");
    let server = Running::start(&data);
    assert_eq!(output(chatd(&data).arg("place")).1, "Warung Kopi\n");
    let mut budi = TestClient::connect(server.1);
    budi.send("JOIN:budi");
    let heard = budi.settle();
    assert!(heard.iter().any(|line| line.contains("the first line")), "{heard:?}");
    assert!(!heard.iter().any(|line| line.contains("after the backup")), "{heard:?}");
}

#[test]
fn an_import_is_tried_first_and_needs_the_server_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("chat.jsonl"));
    let line = r##"{"room":"#lobby","id":1,"at":"2026-11-30T08:00:00.000Z","kind":"message","from":"ani","account":true,"text":"dari jauh"}"##;
    fs::write(&file, line).expect("a file");
    let import = |flags: &[&str]| output(chatd(&data).args(["import", "chat"]).arg(&file).args(flags));
    let (code, told, error) = import(&["--dry-run"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(told.starts_with("would be taken: 1 lines, 1 new rooms, 1 new accounts\n"), "{told}");
    let server = Running::start(&data);
    let (code, _, error) = import(&[]);
    let next = "and an import needs it alone\n  try: stop that server first";
    assert!(code == Some(1) && error.contains(next), "{error}");
    server.kill();
    let (code, told, _) = import(&[]);
    assert!(code == Some(0) && told.starts_with("taken: 1 lines"), "{told}");
    let (_, told, _) = import(&[]);
    assert!(told.contains("here already: 1 lines, 1 accounts\n"), "{told}");
    // Who comes in hears it as if it had been said here.
    let server = Running::start(&data);
    let mut budi = TestClient::connect(server.1);
    budi.send("JOIN:budi");
    let heard = budi.settle();
    assert!(heard.iter().any(|line| line.contains("ani: dari jauh")), "{heard:?}");
}

#[test]
fn what_is_wrong_with_the_data_is_told_with_the_next_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (code, _, error) = output(chatd(&data).arg("check"));
    assert!(code == Some(1) && error.contains("there is no chat.db in ") && error.contains("\n  try: "), "{error}");
    let (code, _, error) = output(chatd(Path::new("off")).arg("check"));
    assert!(code == Some(1) && error.contains("nothing is kept"), "{error}");
    fs::create_dir(&data).expect("a folder");
    fs::write(data.join("chat.db"), "not a database, but longer than a header would be; ".repeat(100)).expect("a file");
    let (code, _, error) =
        output(chatd(&data).args(["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "--web", "off"]));
    assert_eq!(code, Some(78), "{error}");
    assert!(error.contains("is damaged") && error.contains("try: chatd check"), "{error}");
}
