//! What an operator does to a server that runs: its settings are read again from the file, and it stops.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chat_server::testing::TestClient;

use super::process::{Process, log_of, program};
use chat_conformance::program::{ended, is_here};

const KEY: &str = "open sesame, 2026";

/// A server with a file of settings, and an operator.
struct Operated {
    server: Process,
    file: PathBuf,
    ani: TestClient,
}

impl Operated {
    fn start(name: &str) -> Operated {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.toml", std::process::id()));
        let settings = format!("operator_key = \"{KEY}\"\nmax_rooms = 10\n");
        fs::write(&file, settings).expect("a file for this test");
        let server = Process::start(&["--config", file.to_str().expect("a path in UTF-8")]);
        let mut ani = server.join("ani");
        ani.send(&format!("/oper {KEY}"));
        ani.hears("* OK OPER role=admin: ...");
        Operated { server, file, ani }
    }

    /// The file says something else, and the operator has it read.
    fn rehash(&mut self, settings: &str) -> Vec<String> {
        fs::write(&self.file, format!("operator_key = \"{KEY}\"\n{settings}")).expect("the file");
        self.ani.send("REHASH:");
        let lines = self.ani.settle();
        lines.iter().map(|line| line.split_once(' ').map_or("", |(_, words)| words).to_string()).collect()
    }
}

impl Drop for Operated {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.file);
    }
}

#[test]
fn the_settings_are_read_again_and_it_is_told_what_has_changed() {
    let mut one = Operated::start("rehash");
    let mut budi = one.server.join("budi");
    one.ani.settle();
    assert_eq!(
        one.rehash("max_rooms = 20\nmetrics = \"127.0.0.1:0\"\nslow_secs = 7\n"),
        [
            "BEGIN REHASH * 3",
            "SETTING max_rooms when=now: max_rooms is 20 now, and was 10",
            "SETTING slow_secs when=next: slow_secs is 7 for those who come from now on, and was 30",
            "SETTING metrics when=restart: metrics stays \"off\"; \"127.0.0.1:0\" waits for a restart",
            "END REHASH *",
        ]
    );
    // A flag is stronger than the file, as at the start.
    assert_eq!(one.rehash("max_rooms = 20\nslow_secs = 7\nburst = 3\n"), ["BEGIN REHASH * 0", "END REHASH *"]);
    // Where something is wrong nothing changes, and it is told where; but not where on the disk, which the log says.
    assert_eq!(
        one.rehash("max_rooms = 30\n\nmax_roms = 40\n"),
        ["ERR 497 settings-not-read REHASH: Nothing has changed: line 4 of the settings: there is no setting \
          \"max_roms\"; did you mean: max_rooms"]
    );
    assert_eq!(one.rehash("max_rooms = 20\nslow_secs = 7\n"), ["BEGIN REHASH * 0", "END REHASH *"]);
    fs::remove_file(&one.file).expect("the file");
    one.ani.send("REHASH:");
    one.ani.hears("* ERR 497 settings-not-read REHASH: Nothing has changed: cannot read the file of settings: ...");
    // Two at once are fine, and no other user waits.
    one.rehash("max_rooms = 20\nslow_secs = 7\n");
    budi.send(&format!("/oper {KEY}"));
    budi.hears("* OK OPER ...");
    for person in [&mut one.ani, &mut budi] {
        person.send("REHASH:");
    }
    for person in [&mut one.ani, &mut budi] {
        person.hears("* BEGIN REHASH * 0");
        person.hears("* END REHASH *");
    }
    // Who is in is not disconnected, and who does not wait for the answer takes nothing with them.
    budi.send("REHASH:");
    drop(budi);
    one.ani.until("* LEFT #lobby budi: ...");
    one.ani.settle();
}

#[test]
fn an_operator_stops_it_and_it_ends_well() {
    let mut one = Operated::start("shutdown");
    let mut budi = one.server.join("budi");
    one.ani.settle();
    one.ani.send("SHUTDOWN:1s");
    one.ani.hears("* NOTE *: The server stops in 1 s.");
    one.ani.hears("* OK SHUTDOWN in=1: ...");
    for person in [&mut one.ani, &mut budi] {
        person.until("* NOTE *: The server is stopping.");
        person.hears("* BYE 503 shutting-down: The server is stopping.");
        assert_eq!(person.line(), None, "nothing comes behind the goodbye");
    }
    assert_eq!(ended(&mut one.server.child).code(), Some(0));
}

/// The line by which fail2ban knows who tries operator keys (deploy/README.md).
#[test]
fn fail2ban_finds_a_wrong_key_in_the_log() {
    if !is_here("fail2ban-regex") {
        return;
    }
    let mut command = program();
    command.env("CHAT_OPERATOR_KEY", KEY);
    let mut server = Process::run(command, &["--log", "info"], Stdio::piped());
    let mut ani = server.join("ani");
    for line in ["/oper open sesame", "OPER:open sesame, 2026", "ANNOUNCE:auth: 192.0.2.1 wrong operator key by ani"] {
        ani.send(line);
    }
    ani.settle();
    ani.send("SHUTDOWN:0");
    ani.rest();
    assert!(ended(&mut server.child).success());
    let log = log_of(&mut server);
    assert!(!log.contains("sesame"), "{log}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-fail2ban.log", std::process::id()));
    fs::write(&file, &log).expect("a file for this test");
    let filter = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/fail2ban/chatd.filter.conf");
    let ran =
        Command::new("fail2ban-regex").arg("--print-all-matched").args([file.as_path(), Path::new(filter)]).output();
    fs::remove_file(&file).expect("it is ours");
    let said = String::from_utf8(ran.expect("it can be run").stdout).expect("its words are UTF-8");
    let found = said.split("|- Matched line(s):").nth(1).unwrap_or_default();
    let found = found.split("|- Missed line(s):").next().unwrap_or_default();
    assert!(
        said.contains(" 1 matched, ") && found.contains("] auth: 127.0.0.1 wrong operator key by ani"),
        "{said}\n{log}"
    );
}

#[test]
fn no_level_of_the_log_shows_a_key_a_password_or_a_whisper() {
    for (flags, variable) in [(&["--log", "trace"][..], None), (&[], Some("trace,chat_server::chat::router=trace"))] {
        let mut program = program();
        program.env("CHAT_OPERATOR_KEY", KEY).envs(variable.map(|filter| ("RUST_LOG", filter)));
        let mut server = Process::run(program, flags, Stdio::piped());
        let (mut ani, mut budi) = (server.join("ani"), server.join("budi"));
        // Keys that are right and wrong, a password at a server that takes none, and one that stands in the place of a name.
        for line in [
            "/oper the wrong key of this test",
            "OPER:",
            KEY,
            "LOGIN:ani wrongest-horse-of-all",
            "LOGIN:!wrongest-horse-of-all",
            "REGISTER:wrongest-horse-of-all",
            "/w budi a whispered fish",
            "/w nobody a whispered fish",
        ] {
            ani.send(line);
        }
        ani.settle();
        budi.settle();
        server.signal("-INT");
        let log = log_of(&mut server);
        assert!(ended(&mut server.child).success());
        assert!(log.contains("refused: 464 bad-password"), "what is looked for could be seen: {log}");
        for secret in [KEY, "wrong key of this", "wrongest-horse", "whispered fish"] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}
