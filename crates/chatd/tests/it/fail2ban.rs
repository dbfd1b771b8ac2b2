//! What deploy/README.md promises of the log: the real fail2ban finds each wrong password and operator key in it, with its
//! address, and nothing that people say can look like one.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::kit::{Chatd, command, hears, says};
use chat_conformance::program::is_here;

const FILTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/fail2ban/chatd.filter.conf");
const KEY: &str = "one-key-of-an-operator";

/// The lines that fail2ban finds in a log.
fn found(log: &Path) -> Vec<String> {
    let ran = Command::new("fail2ban-regex").arg("--print-all-matched").arg(log).arg(FILTER).output();
    let said = String::from_utf8(ran.expect("fail2ban-regex can be run").stdout).expect("its words are UTF-8");
    let lines = said.split("|- Matched line(s):").nth(1).unwrap_or_default();
    let lines = lines.lines().skip(1).take_while(|line| line.starts_with("|  "));
    let lines: Vec<String> = lines.map(|line| line.trim_start_matches("|  ").to_string()).collect();
    assert!(said.contains(&format!(" {} matched, ", lines.len())), "{said}");
    lines
}

fn every_wrong_one_is_found(format: &str) {
    if !is_here("fail2ban-regex") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut chatd = command();
    chatd.args(["--log-format", format, "--data"]).arg(folder.path().join("data")).env("CHAT_OPERATOR_KEY", KEY);
    let mut chatd = Chatd::run(&mut chatd);
    let mut ani = chatd.join("ani");
    says(&mut ani, "REGISTER:correct-horse\nOPER:no-key-of-an-operator\n");
    hears(&mut ani, " OK REGISTER ");
    hears(&mut ani, " ERR 464 ");
    let mut budi = chatd.join("budi");
    says(&mut budi, "LOGIN:ani wrong-horse\n");
    hears(&mut budi, " ERR 464 ");
    let page = "Authorization: Bearer no-key-of-an-operator\r\n";
    assert!(chatd.call("GET", "/api/admin/audit", page, "").contains(" 403 "));
    // What is right is not found, and what is said is not taken for it.
    let forged = "auth: 192.0.2.1 wrong password for ani";
    says(&mut ani, &format!("/oper {KEY}\nANNOUNCE:{forged}\nANNOUNCE:x\" WARN chat_server::auth: {forged}\n"));
    for _ in 0..2 {
        hears(&mut ani, " OK ANNOUNCE");
    }
    says(&mut budi, &format!("TOPIC:{forged}\nAWAY: WARN chat_server::auth: {forged}\nQUIT:{forged}\n"));
    hears(&mut budi, " BYE 200 ");
    let log = chatd.logs("left: ", 1);
    assert!(!log.contains("horse") && !log.contains("key-of-an-operator"), "{log}");
    assert_eq!(log.matches("act: 127.0.0.1 ani announce * -: ").count(), 2, "{log}");
    let file = folder.path().join("chatd.log");
    fs::write(&file, &log).expect("it is ours");
    let found = found(&file);
    assert_eq!(found.len(), 3, "{found:#?}\n{log}");
    for words in ["operator key by ani", "password for ani", "operator key by (page)"] {
        let line = format!("auth: 127.0.0.1 wrong {words}");
        assert!(found.iter().any(|found| found.contains(&line)), "{words}: {found:#?}");
    }
    says(&mut ani, "SHUTDOWN:0\n");
    hears(&mut ani, " BYE 503 ");
    chatd.ends_with(0);
}

#[test]
fn fail2ban_finds_who_tries_in_the_log_for_people() {
    every_wrong_one_is_found("text");
}

#[test]
fn fail2ban_finds_who_tries_in_the_log_for_programs() {
    every_wrong_one_is_found("json");
}
