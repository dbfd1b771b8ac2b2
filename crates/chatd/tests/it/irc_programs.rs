//! The programs by which people use IRC, with their default settings, on a terminal or by their pipes: each connects, enters a room, talks
//! with a telnet both ways, leaves, and comes again.

use std::fs::{self, OpenOptions};
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use chat_conformance::program::{Program, is_here};

use crate::kit::{Chatd, DEADLINE, hears, says};

/// A chatd with IRC, the port of that, and a user of the line door in `#kopi`.
fn chatd() -> (Chatd, String, BufReader<TcpStream>) {
    let mut chatd = Chatd::start(&["--irc", "127.0.0.1:0", "--irc-name", "chat.example"]);
    let port = port(&chatd.prints("irc on "));
    let mut tina = chatd.join("tina");
    says(&mut tina, "/join #kopi\n");
    hears(&mut tina, " OK JOIN room=#kopi");
    (chatd, port, tina)
}

fn port(addr: &str) -> String {
    addr.rsplit(':').next().expect("a port").to_string()
}

/// A program that fills a terminal, on one that has a size.
fn on_a_screen(command: &str) -> Program {
    let home = "HOME=\"$PWD\" LANG=C.UTF-8";
    Program::on_a_terminal(&format!("env {home} sh -c \"stty rows 40 cols 160; exec {command}\""))
}

#[test]
fn sic_talks_with_telnet() {
    if !is_here("sic") {
        return;
    }
    let (_chatd, port, mut tina) = chatd();
    for _ in 0..2 {
        let mut sic = Program::start(&["sic", "-h", "127.0.0.1", "-p", &port, "-n", "budi"]);
        sic.sees(" 422 (budi): No message of the day");
        sic.types(":j #kopi\n");
        sic.sees("JOIN (#kopi)");
        sic.sees("@tina");
        hears(&mut tina, " JOINED #kopi budi");
        sic.types("halo tina\n");
        hears(&mut tina, " budi: halo tina");
        says(&mut tina, "halo budi\n");
        sic.sees("#kopi       : ");
        sic.sees("<tina> halo budi");
        sic.types(":QUIT :dadah\n");
        sic.sees("ERROR (): Closing link: (~budi@budi.user) [dadah]");
        hears(&mut tina, " LEFT #kopi budi: dadah");
    }
}

/// Waits until a file has these words.
#[track_caller]
fn shows(file: &Path, words: &str) {
    let until = Instant::now() + DEADLINE;
    loop {
        let shown = fs::read_to_string(file).unwrap_or_default();
        if shown.contains(words) {
            return;
        }
        assert!(Instant::now() < until, "{words:?} did not come to {}: {shown}", file.display());
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    }
}

/// Writes into a pipe that is read.
fn into(pipe: &Path, words: &str) {
    let mut pipe = OpenOptions::new().write(true).open(pipe).expect("ii reads it");
    pipe.write_all(words.as_bytes()).expect("ii reads it");
}

#[test]
fn ii_talks_with_telnet_by_its_pipes() {
    if !is_here("ii") {
        return;
    }
    let (_chatd, port, mut tina) = chatd();
    for _ in 0..2 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display().to_string();
        let mut ii = Program::start(&["ii", "-s", "127.0.0.1", "-p", &port, "-n", "budi", "-i", &path]);
        let server = folder.path().join("127.0.0.1");
        shows(&server.join("out"), "No message of the day");
        into(&server.join("in"), "/j #kopi\n");
        let room = server.join("#kopi");
        shows(&room.join("out"), "budi(~budi@budi.user) has joined #kopi");
        hears(&mut tina, " JOINED #kopi budi");
        into(&room.join("in"), "halo tina\n");
        hears(&mut tina, " budi: halo tina");
        says(&mut tina, "halo budi\n");
        shows(&room.join("out"), "<tina> halo budi");
        into(&room.join("in"), "/t Kopi dan teh\n");
        hears(&mut tina, " TOPIC #kopi budi: Kopi dan teh");
        into(&server.join("in"), "/q dadah\n");
        hears(&mut tina, " LEFT #kopi budi: dadah");
        ii.ends();
    }
}

#[test]
fn irssi_talks_with_telnet_plain_and_by_tls() {
    if !is_here("irssi") || !is_here("script") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let made =
        crate::kit::command().args(["cert", "--dev", "--dir", &format!("{path}/tls")]).output().expect("it runs");
    assert!(made.status.success());
    let (cert, key) = (format!("{path}/tls/cert.pem"), format!("{path}/tls/key.pem"));
    let flags = ["--irc", "127.0.0.1:0", "--irc-tls", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
    let mut chatd = Chatd::start(&flags);
    let plain = port(&chatd.prints("irc on "));
    let tls = port(&chatd.prints("irc by tls on "));
    let mut tina = chatd.join("tina");
    says(&mut tina, "/join #kopi\n");
    hears(&mut tina, " OK JOIN room=#kopi");
    let mut irssi = on_a_screen(&format!("irssi --home={path}/irssi -n budi"));
    irssi.sees("[(status)]");
    let ways = [format!("127.0.0.1 {plain}"), format!("-tls 127.0.0.1 {tls}")];
    for (number, how) in ways.iter().enumerate() {
        // What it shows anew of what was said before stands before this.
        irssi.types(format!("/window 1\r/clear\r/echo begins-{number}\r"));
        irssi.sees(&format!("begins-{number}"));
        irssi.types(format!("/connect {how}\r"));
        irssi.sees("No message of the day");
        irssi.types("/join #kopi\r");
        irssi.sees("has joined");
        hears(&mut tina, " JOINED #kopi budi");
        irssi.types("halo tina\r");
        hears(&mut tina, " budi: halo tina");
        says(&mut tina, "halo budi\n/whisper budi psst\n");
        irssi.sees("halo budi");
        irssi.types("/msg tina bisik\r");
        hears(&mut tina, " WHISPER budi tina: bisik");
        irssi.types("/disconnect * dadah\r");
        hears(&mut tina, " LEFT #kopi budi: dadah");
    }
    irssi.types("/quit\r");
    irssi.ends();
}

#[test]
fn weechat_talks_with_telnet() {
    if !is_here("weechat-curses") || !is_here("script") {
        return;
    }
    let (_chatd, port, mut tina) = chatd();
    let folder = tempfile::tempdir().expect("a folder");
    let mut weechat = on_a_screen(&format!("weechat-curses -d {}", folder.path().display()));
    weechat.sees("Plugins loaded:");
    weechat.types(format!("/server add chat 127.0.0.1/{port} -nicks=budi\r"));
    weechat.sees("server added:");
    weechat.types("/connect chat\r");
    for again in [false, true] {
        if again {
            // It enters again by itself what it was in.
            weechat.types("/reconnect chat\r");
        } else {
            weechat.sees("No message of the day");
            weechat.types("/join #kopi\r");
        }
        hears(&mut tina, " JOINED #kopi budi");
        weechat.sees(" normal");
        weechat.types("halo tina\r");
        hears(&mut tina, " budi: halo tina");
        says(&mut tina, "halo budi\n");
        weechat.sees("halo budi");
        weechat.types("/me melambai\r");
        hears(&mut tina, " ACT #kopi ");
        weechat.types("/disconnect chat\r");
        hears(&mut tina, " LEFT #kopi budi: WeeChat");
    }
    weechat.types("/quit\r");
    weechat.ends();
}

#[test]
fn a_client_by_tls_is_in_the_same_conversation() {
    if !is_here("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let made = crate::kit::command().args(["cert", "--dev", "--dir", &path]).output().expect("it runs");
    assert!(made.status.success());
    let (cert, key) = (format!("{path}/cert.pem"), format!("{path}/key.pem"));
    for engine in ["direct", "threads", "pool", "tokio"] {
        let flags = ["--irc-tls", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key, "--engine", engine];
        let mut chatd = Chatd::start(&flags);
        let addr = chatd.prints("irc by tls on ");
        let mut tina = chatd.join("tina");
        let mut budi = Program::start(&["openssl", "s_client", "-quiet", "-connect", &addr]);
        budi.types("NICK budi\r\nUSER budi 0 * :Budi\r\nJOIN #lobby\r\n");
        budi.sees(" 366 budi #lobby ");
        says(&mut tina, "halo\n");
        budi.sees(":tina!~@tina.user PRIVMSG #lobby :halo\r\n");
        budi.types("PRIVMSG #lobby :halo juga\r\nQUIT :dadah\r\n");
        hears(&mut tina, " budi: halo juga");
        budi.sees("ERROR :Closing link: (~budi@budi.user) [dadah]\r\n");
        hears(&mut tina, " LEFT #lobby budi: dadah");
    }
}
