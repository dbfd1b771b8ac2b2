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

/// A client by IRC, with what is on its way to it.
fn irc(addr: &str, lines: &str) -> BufReader<std::net::TcpStream> {
    let mut client = BufReader::new(connect(addr));
    says(&mut client, lines);
    client
}

#[test]
fn an_account_is_shown_by_sasl_by_pass_and_to_nickserv() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    for engine in ["direct", "threads", "pool", "tokio"] {
        let dir = format!("{data}-{engine}");
        let flags = ["--irc", "127.0.0.1:0", "--data", &dir, "--engine", engine, "--motd", "Halo"];
        let mut chatd = Chatd::start(&[&flags[..], &["--irc-name", "chat.example"]].concat());
        let addr = chatd.prints("irc on ");
        let mut budi = irc(&addr, "NICK budi\r\nUSER b 0 * :Budi\r\nPRIVMSG NickServ :REGISTER correct horse\r\n");
        hears(&mut budi, ":chat.example 900 budi budi!~b@budi.user budi :You are now logged in as budi");
        says(&mut budi, "JOIN #kopi\r\nNS HELP\r\n");
        hears(&mut budi, " 366 budi #kopi ");
        hears(&mut budi, ":NickServ!services@chat.example NOTICE budi :IDENTIFY ");
        // A name that belongs to an account is for those who show that it is theirs.
        let mut other = irc(&addr, "NICK budi\r\nUSER b 0 * :Budi\r\n");
        hears(&mut other, ":chat.example 433 * budi ");
        says(&mut other, "NICK ani\r\nPRIVMSG NickServ :IDENTIFY budi wrong horse\r\n");
        hears(&mut other, ":NickServ!services@chat.example NOTICE ani :");
        says(&mut other, "NS IDENTIFY budi correct horse\r\nNS LOGOUT\r\n");
        hears(&mut other, ":ani!~b@ani.user NICK budi");
        hears(&mut other, ":budi!~b@budi.user JOIN #kopi");
        hears(&mut other, ":chat.example 353 budi = #kopi :@budi");
        hears(&mut other, ":chat.example 901 budi ");
        hears(&mut other, ":budi!~b@budi.user NICK ");
        // By SASL: wrong, aborted, in pieces that are no proof, another way; then right. The account gives the name.
        let mut sasl = irc(&addr, "CAP LS 302\r\nCAP REQ sasl\r\nNICK whatever\r\nUSER b 0 * :Budi\r\n");
        assert!(hears(&mut sasl, " CAP * LS :").contains(" sasl=PLAIN "));
        hears(&mut sasl, " CAP * ACK :sasl");
        for (tried, answer) in [
            ("AUTHENTICATE SCRAM-SHA-256\r\n", " 908 * PLAIN :"),
            ("AUTHENTICATE PLAIN\r\nAUTHENTICATE *\r\n", " 906 * :"),
            ("AUTHENTICATE PLAIN\r\nAUTHENTICATE W\r\n", " 904 * :"),
            ("AUTHENTICATE PLAIN\r\nAUTHENTICATE =\r\n", " 904 * :"),
            ("AUTHENTICATE PLAIN\r\nAUTHENTICATE LONG\r\n", " 905 * :"),
            ("AUTHENTICATE PLAIN\r\nAUTHENTICATE WRONG\r\n", " 904 * :"),
        ] {
            says(&mut sasl, &tried.replace("LONG", &"A".repeat(401)).replace("WRONG", "AGJ1ZGkAd3JvbmcgaG9yc2U="));
            hears(&mut sasl, answer);
        }
        says(&mut sasl, "AUTHENTICATE PLAIN\r\n");
        hears(&mut sasl, "AUTHENTICATE +");
        says(&mut sasl, "AUTHENTICATE AGJ1ZGkAY29ycmVjdCBob3JzZQ==\r\nAUTHENTICATE PLAIN\r\nCAP END\r\n");
        hears(&mut sasl, ":chat.example 900 * budi!~@budi.user budi :");
        hears(&mut sasl, ":chat.example 903 * :");
        hears(&mut sasl, ":chat.example 907 * :");
        hears(&mut sasl, ":chat.example 001 budi :");
        hears(&mut sasl, ":chat.example 372 budi :- Halo");
        hears(&mut sasl, ":budi!~b@budi.user JOIN #kopi");
        hears(&mut sasl, " 366 budi #kopi ");
        says(&mut sasl, "PRIVMSG #kopi :by SASL\r\nWHOIS budi\r\n");
        hears(&mut sasl, " 330 budi budi budi :is logged in as");
        hears(&mut budi, ":budi!~b@budi.user PRIVMSG #kopi :by SASL");
        let mut pass =
            irc(&addr, "PASS :budi:wrong horse\r\nPASS :budi:correct horse\r\nNICK x\r\nUSER b 0 * :Budi\r\n");
        hears(&mut pass, ":chat.example 001 budi :");
        hears(&mut pass, ":budi!~b@budi.user JOIN #kopi");
        let mut tina =
            irc(&addr, "CAP REQ :extended-join account-tag\r\nNICK tina\r\nUSER t 0 * :T\r\nCAP END\r\nJOIN #teh\r\n");
        hears(&mut tina, ":tina!~t@tina.user JOIN #teh * :T");
        says(&mut budi, "JOIN #teh\r\nPRIVMSG #teh :halo\r\n");
        hears(&mut tina, "@account=budi :budi!~b@budi.user JOIN #teh budi :Budi");
        hears(&mut tina, "@account=budi :budi!~b@budi.user PRIVMSG #teh :halo");
    }
}

#[test]
fn no_proof_is_asked_for_where_there_are_no_accounts() {
    let mut chatd = Chatd::start(&["--irc", "127.0.0.1:0"]);
    let addr = chatd.prints("irc on ");
    let mut budi = irc(&addr, "CAP LS 302\r\nCAP REQ sasl\r\nAUTHENTICATE PLAIN\r\n");
    assert!(!hears(&mut budi, " CAP * LS :").contains("sasl"));
    hears(&mut budi, " CAP * NAK :sasl");
    hears(&mut budi, " 904 * :");
}
