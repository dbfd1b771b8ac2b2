//! The IRC doors of chatd: on every engine, by TLS, and their settings.

use std::io::{BufRead, BufReader};

use crate::kit::{Chatd, command, connect, hears, output, says};

#[test]
fn irc_and_the_line_door_are_one_conversation_on_every_engine() {
    for engine in ["direct", "threads", "pool", "tokio"] {
        let mut flags = vec!["--irc", "127.0.0.1:0", "--irc-name", "chat.example", "--engine", engine];
        flags.extend(["--motd", "Selamat datang"]);
        let mut chatd = Chatd::start(&flags);
        let irc = chatd.prints("irc on ");
        let mut tina = chatd.join("tina");
        let mut budi = BufReader::new(connect(&irc));
        says(&mut budi, "NICK budi\r\nUSER budi 0 * :Budi\r\nJOIN #kopi\r\n");
        hears(&mut budi, ":chat.example 372 budi :- Selamat datang");
        hears(&mut budi, ":chat.example 366 budi #kopi ");
        says(&mut tina, "/join #kopi\nMSG:halo\n");
        hears(&mut budi, ":tina!~@tina.user PRIVMSG #kopi :halo");
        says(&mut budi, "PRIVMSG #kopi :halo juga\r\n");
        hears(&mut tina, " MSG #kopi 2 budi: halo juga");
    }
}

#[test]
fn the_door_is_off_unless_it_is_asked_for() {
    let mut chatd = Chatd::start(&[]);
    chatd.prints("files on ");
    let mut budi = BufReader::new(connect(&chatd.line));
    says(&mut budi, "NICK budi\r\n");
    let mut rest = String::new();
    while budi.read_line(&mut rest).is_ok_and(|count| count > 0) {}
    assert!(rest.contains("IRC"), "{rest}");
}

#[test]
fn a_password_of_irc_is_no_flag_and_is_not_shown() {
    let (code, _, error) = output(&["--irc-password", "kopi pahit"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("CHAT_IRC_PASSWORD") && !error.contains("kopi pahit"), "{error}");
    let shown = command().env("CHAT_IRC_PASSWORD", "kopi pahit").arg("--print-config").output().expect("it runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("irc_password = \"(set)\"") && !shown.contains("kopi pahit"), "{shown}");
    let (code, _, error) = output(&["--irc-name", "nodot"]);
    assert!(code != 0 && error.contains("a name with a dot"), "{error}");
}
