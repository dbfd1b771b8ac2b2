//! The first look needs nothing set: where the machine holds few clients, the default gives way, and a wish is refused.

use std::process::{Command, Output};

/// Looks the settings over where only so many files may be open.
fn with_open_files(files: u32, flags: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", "ulimit -Sn \"$0\" && exec \"$@\"", &files.to_string()])
        .args([env!("CARGO_BIN_EXE_chat_server"), "--check-config"])
        .args(flags)
        .env_remove("CHAT_MAX_CLIENTS")
        .env_remove("CHAT_CONFIG")
        .output()
        .expect("sh is here")
}

#[test]
fn the_default_gives_way_to_the_machine() {
    let Output { status, stderr, .. } = with_open_files(164, &[]);
    let told = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{status}: {told}");
    assert!(
        told.starts_with("note: up to 100 clients here, because open files is 164\n  for more: ulimit -n"),
        "{told}"
    );
}

#[test]
fn what_was_asked_for_is_refused_instead() {
    let Output { status, stderr, .. } = with_open_files(164, &["--max-clients", "101"]);
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(78), "{told}");
    assert!(
        told.starts_with("error: max_clients is 101, but this machine holds 100 clients: open files is 164\n"),
        "{told}"
    );
    assert!(with_open_files(164, &["--max-clients", "100"]).status.success());
}

#[test]
fn a_machine_that_holds_nobody_is_an_error() {
    let Output { status, stderr, .. } = with_open_files(64, &[]);
    assert_eq!(status.code(), Some(78), "{}", String::from_utf8_lossy(&stderr));
}
