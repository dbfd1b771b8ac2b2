//! Promise P19: chatd fails closed. A wrong setting starts nothing, no user from outside gets in unless told, and no other user on the
//! machine reads what is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::kit::{Chatd, command, hears, output, says};

#[test]
fn a_wrong_setting_starts_nothing_and_touches_no_data() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, file) = (dir.path().join("data"), dir.path().join("chatd.toml"));
    for wrong in [
        "max_clients = -1",
        "max_clientz = 5",
        "addr = \"127.0.0.1\"",
        "[limits]\nburst = 5",
        "private = \"maybe\"",
        "operator_key = \"short\"",
        "tls = \"127.0.0.1:0\"",
        "tls = \"127.0.0.1:0\"\ntls_cert = \"/nowhere/cert.pem\"\ntls_key = \"/nowhere/key.pem\"",
        "name = ",
    ] {
        let port = if wrong.starts_with("addr") { "" } else { "addr = \"127.0.0.1:0\"\n" };
        fs::write(&file, format!("{port}{wrong}\n")).expect("the file");
        for task in ["--check-config", "--web=off"] {
            let ended =
                command().args([task, "--config"]).arg(&file).env("CHAT_DATA", &data).output().expect("chatd ends");
            let error = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(78), "{wrong}, {task}: {error}");
            assert!(ended.stdout.is_empty() && error.starts_with("error: "), "{wrong}: {error}");
            assert!(!data.exists(), "{wrong}, {task}: the data was made");
        }
    }
}

#[test]
fn nobody_from_outside_gets_in_unless_told() {
    let (code, printed, error) = output(&["--print-config"]);
    assert_eq!(code, 0, "{error}");
    for (door, address) in [
        ("addr", "127.0.0.1:7878"),
        ("web", "127.0.0.1:3000"),
        ("tls", "off"),
        ("metrics", "off"),
        ("operator_key", ""),
    ] {
        let line = printed.lines().find(|line| line.starts_with(&format!("{door} = "))).expect("it is a setting");
        assert!(line.starts_with(&format!("{door} = \"{address}\"")) && line.ends_with("# default"), "{line}");
    }
}

#[test]
fn nobody_else_reads_what_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let kept = data.to_str().expect("text");
    // Whatever the shell of the user who starts it lets others do.
    let open = |command: &mut Command| {
        let mut shell = Command::new("bash");
        shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    };
    let mut chatd = Chatd::run(&mut open(command().args(["--log", "warn", "--data", kept])));
    let mut ani = chatd.join("ani");
    assert!(data.join("files").is_dir(), "the files that people pass on");
    says(&mut ani, "MSG:for the two of us\nPING:on\n");
    hears(&mut ani, " PONG on");
    let backup = dir.path().join("backup.db");
    let made = open(command().args(["--data", kept, "backup"]).arg(&backup)).output().expect("it ends");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&backup), 0o600);
    let files: Vec<_> = fs::read_dir(&data).expect("a folder").map(|file| file.expect("a file").path()).collect();
    assert!(files.iter().any(|file| file.ends_with("chat.db-wal")) && files.len() >= 4, "{files:?}");
    for file in &files {
        let expected = if file.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(file), expected, "{}", file.display());
    }
    chatd.signal("TERM");
    chatd.ends_with(0);
}
