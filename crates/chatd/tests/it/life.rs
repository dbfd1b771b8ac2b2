//! The life of chatd as its operator sees it: signals, a reload, and what systemd is told.

use std::fs;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::kit::{self, Chatd, DEADLINE, command, hears, says};
use chat_conformance::program::{Program, is_here};

/// A file of settings, and a server that runs with it.
struct Operated {
    chatd: Chatd,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Operated {
    fn start(settings: &str) -> Operated {
        Operated::keeping("off", settings)
    }

    fn keeping(data: &str, settings: &str) -> Operated {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("chatd.toml");
        fs::write(&file, settings).expect("it is ours");
        let chatd = Chatd::run(command().arg("--config").arg(&file).env("CHAT_DATA", data).current_dir(folder.path()));
        Operated { chatd, file, _folder: folder }
    }

    /// Writes other settings, has them read, and waits until its log has this once more. Returns the log.
    fn reload(&self, settings: &str, words: &str) -> String {
        let before = self.chatd.log().matches(words).count();
        fs::write(&self.file, settings).expect("it is ours");
        self.chatd.signal("HUP");
        self.chatd.logs(words, before + 1)
    }
}

#[test]
fn a_reload_changes_what_can_change_and_disconnects_nobody() {
    let server = Operated::start("motd = \"old words\"\nhistory = 100\nburst = 20\n");
    let mut ani = server.chatd.join("ani");
    let log = server.reload(
        "motd = \"new words\"\nhistory = 2\nmax_clients = 50\nline_bytes = 500\nweb_grace_secs = 5\n",
        "waits for a restart",
    );
    for line in [
        "motd is \"new words\" now, and was \"old words\"",
        "history is 2 now, and was 100",
        "line_bytes is 500 for those who come from now on, and was 2048",
        "WARN chatd::reload: web_grace_secs stays 30; 5 waits for a restart",
    ] {
        assert!(log.contains(line), "{line:?} is missing in {log}");
    }
    assert!(!log.contains("burst is"), "its value is the same, though no longer in the file: {log}");
    // One who was here is here, with what it was told when it came.
    says(&mut ani, &format!("MSG:{}\nMSG:two\nMSG:three\nHISTORY:\n", "x".repeat(600)));
    hears(&mut ani, " BEGIN HISTORY #lobby 2");
    says(&mut ani, "STATS:\n");
    hears(&mut ani, " STAT limit-clients 50: ");
    let mut budi = server.chatd.join("budi");
    hears(&mut budi, "new words");
    says(&mut budi, &format!("MSG:{}\n", "x".repeat(600)));
    hears(&mut budi, " ERR 417 ");
    // The same once more: a change is told once, except what waits.
    let log =
        server.reload("motd = \"new words\"\nhistory = 2\nmax_clients = 50\nline_bytes = 500\n", "none has changed");
    assert_eq!(log.matches("motd is").count(), 1, "{log}");
}

#[test]
fn limits_of_those_who_are_here_change_as_well() {
    let server = Operated::start("burst = 1\nper_second = 0.01\nspam_repeats = 0\n");
    let mut ani = server.chatd.join("ani");
    server.reload("burst = 0\nspam_repeats = 1\n", "burst is 0 now, and was 1");
    // At the old pace these would take minutes.
    says(&mut ani, "PING:1\nPING:2\nPING:3\nMSG:again\nMSG:again\n");
    hears(&mut ani, " PONG 3");
    hears(&mut ani, " ERR 429 ");
    server.reload("max_per_address = 1\n", "max_per_address is 1 now, and was 64");
    let mut late = std::io::BufReader::new(kit::connect(&server.chatd.line));
    hears(&mut late, " BYE 511 ");
    says(&mut ani, "PING:4\n");
    hears(&mut ani, " PONG 4");
}

#[test]
fn the_page_goes_by_them_as_well() {
    let server = Operated::start("burst = 1\nper_second = 0.001\n");
    let json = "Content-Type: application/json\r\n";
    let created = server.chatd.call("POST", "/api/users", json, r#"{"name":"ana"}"#);
    let token = created.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let bearer = format!("{json}Authorization: Bearer {token}\r\n");
    let said = |text: &str| {
        let answer = server.chatd.call("POST", "/api/messages", &bearer, &format!(r#"{{"text":"{text}"}}"#));
        answer.split(' ').nth(1).expect("a status").to_string()
    };
    assert_eq!([said("one"), said("two")], ["201", "429"]);
    server.reload("burst = 0\nline_bytes = 500\n", "burst is 0 now");
    assert_eq!([said("two"), said("three")], ["201", "201"]);
    assert_eq!(said(&"x".repeat(600)), "413");
}

#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let server = Operated::start("motd = \"old words\"\n");
    let mut ani = server.chatd.join("ani");
    for (settings, problem) in [
        ("motd = \"new\"\nhistori = 2\n", "line 2: there is no setting \"histori\"; did you mean: history"),
        ("motd = \"new\"\nhistory = \"many\"\n", "history should be a whole number from 0 to 100000"),
        ("motd = \"new\n", "TOML parse error at line 1"),
        ("motd = \"new\"\nmax_clients = 0\n", "max_clients = 0 sets no limit, but this machine holds "),
    ] {
        let log = server.reload(settings, "settings stay as they were: ");
        let last = log.rsplit("settings stay as they were: ").next().expect("a part");
        assert!(last.contains(problem), "{problem:?} is missing in {last}");
        assert_eq!(last.trim_end().lines().count(), 1, "an event is one line: {last}");
    }
    fs::remove_file(&server.file).expect("it is ours");
    server.chatd.signal("HUP");
    server.chatd.logs("cannot read the settings in ", 1);
    let mut budi = server.chatd.join("budi");
    hears(&mut budi, "old words");
    says(&mut ani, "PING:x\n");
    hears(&mut ani, " PONG x");
}

#[test]
fn a_server_becomes_private_and_those_who_may_not_stay_are_let_go() {
    let server = Operated::keeping("kept", "");
    let mut ani = server.chatd.join("ani");
    says(&mut ani, "REGISTER:correct-horse-7\n");
    hears(&mut ani, " OK REGISTER ");
    let mut citra = server.chatd.join("citra");
    server.reload("private = true\n", "private is \"yes\" now, and was \"no\"");
    let mut budi = std::io::BufReader::new(kit::connect(&server.chatd.line));
    says(&mut budi, "JOIN:budi\n");
    hears(&mut budi, " ERR 487 members-only ");
    hears(&mut citra, " BYE 487 ");
    says(&mut ani, "MSG:still here\nPING:x\n");
    hears(&mut ani, " PONG x");
    server.reload("", "private is \"no\" now");
    says(&mut budi, "JOIN:budi\n");
    hears(&mut budi, " OK JOIN ");
}

/// Without accounts every client would come in.
#[test]
fn a_server_that_keeps_nothing_does_not_say_that_it_is_private() {
    let private = |data: &str| kit::output(&["--check-config", "--private", "yes", "--data", data]);
    let (code, _, error) = private("off");
    assert!(code == 78 && error.contains("try: --data DIR, or --private no"), "{error}");
    assert_eq!(private("kept").0, 0);
    let server = Operated::start("");
    server.reload("private = true\n", "settings stay as they were: private is on, but nothing is kept");
}

/// The lab shows the two threads that each client has with one of the engines, to people on this machine.
#[test]
fn a_lab_needs_the_threads_and_no_door_to_others() {
    let lab = |flags: &[&str]| {
        let (code, _, error) = kit::output(&[&["--check-config", "--data", "off"], flags].concat());
        (code, error)
    };
    for (flags, remedy) in [
        (&["--lab"][..], "try: --lab --engine threads"),
        (&["--lab", "--engine", "threads", "--web", "0.0.0.0:0"], "try: --web off"),
        (&["--lab", "--engine", "threads", "--addr", "0.0.0.0:0"], "try: --addr 127.0.0.1:7878"),
        (&["--chaos", "stall=1"], "try: --lab --chaos stall=1"),
    ] {
        let (code, error) = lab(flags);
        assert!(code == 78 && error.contains(remedy), "{flags:?}: {code} {error}");
    }
    assert_eq!(lab(&["--lab", "--engine", "threads", "--web", "off", "--chaos", "rst=1"]).0, 0);
    let server = Operated::start("lab = \"on\"\nengine = \"threads\"\n");
    let mut ani = server.chatd.join("ani");
    says(&mut ani, "/inspect\n");
    hears(&mut ani, " THREAD router ");
    hears(&mut ani, " END INSPECT *");
}

#[test]
fn many_reloads_lose_no_line() {
    const LINES: usize = 300;
    let server = Operated::start("burst = 0\nspam_lines = 0\n");
    let (mut ani, mut budi) = (server.chatd.join("ani"), server.chatd.join("budi"));
    for line in 1..=LINES {
        if line % 10 == 0 {
            let settings = format!("burst = 0\nspam_lines = 0\nhistory = {line}\nline_bytes = {}\n", 300 + line);
            server.reload(&settings, "history is ");
        }
        says(&mut ani, &format!("MSG:line {line}\n"));
        hears(&mut budi, &format!(" MSG #lobby {line} ani: line {line}\r\n"));
    }
}

#[test]
fn a_log_for_programs_is_one_object_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chatd.toml");
    fs::write(&file, "motd = \"x\"\n").expect("it is ours");
    let chatd = Chatd::run(command().args(["--log-format", "json", "--config"]).arg(&file));
    let mut ani = chatd.join("ani");
    says(&mut ani, "QUIT:\u{1b}[2J\"quoted\"\n");
    chatd.logs("left: ", 1);
    fs::write(&file, "motd = \"y\"\nhistori = 2\n").expect("it is ours");
    chatd.signal("HUP");
    let log = chatd.logs("settings stay as they were", 1);
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        assert!(line["fields"]["message"].as_str().is_some_and(|words| !words.contains(char::is_control)), "{line}");
    }
}

#[test]
fn the_log_changes_its_level() {
    let server = Operated::start("log = \"warn\"\n");
    let _unheard = server.chatd.join("ani");
    let log = server.reload("log = \"info\"\n", "log is \"info\" now, and was \"warn\"");
    assert!(!log.contains("connected by line"), "{log}");
    // Of the core, which logs by another library.
    let _heard = server.chatd.join("budi");
    server.chatd.logs("connected by line", 1);
    let log = server.reload("log = \"warn\"\nweb_grace_secs = 5\n", "web_grace_secs stays 30");
    assert!(!log.contains("log is \"warn\""), "{log}");
}

#[test]
fn certificates_are_renewed_and_nobody_notices() {
    if !is_here("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("tls");
    let made = |more: &[&str]| {
        assert!(
            command().args(["cert", "--dev", "--dir"]).arg(&dir).args(more).output().expect("it runs").status.success()
        );
    };
    made(&[]);
    let path = |name: &str| dir.join(name).display().to_string();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let settings = format!("tls = \"127.0.0.1:0\"\ntls_cert = \"{cert}\"\ntls_key = \"{key}\"\n");
    let mut server = Operated::start(&settings);
    let tls = server.chatd.prints("tls on ").replace("127.0.0.1", "localhost");
    let visit = || {
        Program::start(&[
            "openssl",
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-CAfile",
            &path("ca.pem"),
            "-connect",
            &tls,
        ])
    };
    let mut ani = visit();
    ani.types("JOIN:ani\n");
    ani.sees(" OK JOIN ");
    made(&["--force"]);
    assert_ne!(visit().ends().0, Some(0), "the new CA did not sign the old certificate");
    let log = server.reload(&settings, "none has changed");
    assert_eq!(log.matches("SHA-256 fingerprint").count(), 2, "{log}");
    let mut budi = visit();
    budi.types("JOIN:budi\nMSG:renewed\n");
    ani.sees(" MSG #lobby 1 budi: renewed");
    fs::write(path("key.pem"), "nonsense").expect("it is ours");
    server.reload(&settings, "settings stay as they were: ");
    let mut citra = visit();
    citra.types("JOIN:citra\n");
    citra.sees(" OK JOIN ");
}

/// By a signal or by an operator: it is the same.
#[test]
fn an_operator_has_the_settings_read_again() {
    const KEY: &str = "operator_key = \"one-key-of-an-operator\"\n";
    let mut server = Operated::start(KEY);
    let mut ani = server.chatd.join("ani");
    says(&mut ani, "/oper one-key-of-an-operator\n");
    hears(&mut ani, " OK OPER ");
    let settings = format!("{KEY}plain_passwords = \"yes\"\nlog = \"info,chat_server=warn\"\nweb_grace_secs = 5\n");
    fs::write(&server.file, &settings).expect("it is ours");
    says(&mut ani, "REHASH=1:\n");
    hears(&mut ani, " BEGIN REHASH * 3");
    let line = hears(&mut ani, " SETTING log ");
    assert!(line.contains(" when=now: log is \"info,chat_server=warn\" now, and was "), "{line}");
    let line = hears(&mut ani, " SETTING web_grace_secs ");
    assert!(line.ends_with(" when=restart: web_grace_secs stays 30; 5 waits for a restart\r\n"), "{line}");
    let line = hears(&mut ani, " SETTING plain_passwords ");
    assert!(line.contains(" when=now: "), "{line}");
    hears(&mut ani, " END REHASH * tag=1");
    // The log comes a little later, and who counts its lines must not take this one for the next.
    server.chatd.logs("web_grace_secs stays 30", 1);
    server.reload(&settings, "web_grace_secs stays 30");
    fs::write(&server.file, format!("{KEY}plain_passwords = \"maybe\"\n")).expect("it is ours");
    says(&mut ani, "REHASH:\n");
    let line = hears(&mut ani, " ERR 497 ");
    assert!(
        line.contains(": Nothing has changed: plain_passwords should be yes or no, not \"maybe\"; set by: "),
        "{line}"
    );
    // And stops the server, which ends as by a signal.
    says(&mut ani, "SHUTDOWN:0\n");
    hears(&mut ani, " BYE 503 ");
    server.chatd.ends_with(0);
}

#[test]
fn an_operator_key_can_be_taken_away() {
    let server = Operated::start("operator_key = \"one-key-of-an-operator\"\n");
    let asks = |key: &str| {
        let answer = server.chatd.call("GET", "/api/admin/overview", &format!("Authorization: Bearer {key}\r\n"), "");
        answer.split(' ').nth(1).expect("a status").to_string()
    };
    assert_eq!(asks("one-key-of-an-operator"), "200");
    let log = server.reload("operator_key = \"other-key-of-an-operator\"\n", "operator_key is ");
    assert!(!log.contains("key-of-an-operator"), "{log}");
    assert_eq!(asks("one-key-of-an-operator"), "403");
    assert_eq!(asks("other-key-of-an-operator"), "200");
}

/// A user takes nothing, and so the end would take an hour.
#[test]
fn a_second_signal_does_not_wait() {
    let patient = ["--shutdown-secs", "3600", "--slow-secs", "3600", "--outbox-bytes", "1048576"];
    let no_pace = ["--burst", "0", "--spam-lines", "0", "--spam-repeats", "0"];
    let mut chatd = Chatd::start(&[patient, no_pace].concat());
    let mut ani = chatd.join("ani");
    let _stuck = chatd.join("stuck");
    let words = format!("MSG:{}\n", "x".repeat(2_000)).repeat(100);
    let until = Instant::now() + DEADLINE;
    loop {
        says(&mut ani, &words);
        says(&mut ani, "STATS:\n");
        if !hears(&mut ani, " STAT missed ").contains(" STAT missed 0: ") {
            break;
        }
        assert!(Instant::now() < until, "the queues take all of it");
    }
    chatd.signal("TERM");
    hears(&mut ani, " BYE 503 ");
    chatd.signal("INT");
    chatd.ends_with(130);
}

/// No user could stop it any more, but by looking for its number.
#[test]
fn who_closes_its_terminal_stops_it() {
    if !is_here("script") {
        return;
    }
    let log = tempfile::NamedTempFile::new().expect("a file");
    let chatd = env!("CARGO_BIN_EXE_chatd");
    // It is to end by the signal that the terminal sends, and not with the terminal's program, as others of our children do.
    let run = format!(
        "setpriv --pdeathsig clear {chatd} --addr 127.0.0.1:0 --files 127.0.0.1:0 --web off --data off --log info 2>{}",
        log.path().display()
    );
    let mut terminal = Program::on_a_terminal(&run);
    terminal.sees("listening on ");
    let until = Instant::now() + DEADLINE;
    drop(terminal);
    loop {
        let log = fs::read_to_string(log.path()).expect("it is there");
        if log.contains("stopped") {
            break assert!(!log.contains("settings read again"), "{log}");
        }
        assert!(Instant::now() < until, "{log}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn who_starts_it_at_a_terminal_sees_every_way_in_and_what_is_off() {
    if !is_here("script") {
        return;
    }
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let doors = "--addr 127.0.0.1:0 --files off --web 127.0.0.1:0";
    let mut terminal = Program::on_a_terminal(&format!("{chatd} {doors} --data off"));
    terminal.sees("listening on 127.0.0.1:");
    let port = terminal.line().expect("a port");
    terminal.sees("page on http://127.0.0.1:");
    let page = terminal.line().expect("a port");
    for words in [
        format!("Browser   http://localhost:{page}"),
        format!("Telnet    telnet localhost {port} "),
        format!("API       http://localhost:{page}/api/openapi.json"),
        "lines a room, in memory (--data DIR keeps it)".into(),
        "TLS off (chatd cert --dev makes a certificate)   No file of settings (chatd config --example prints one)"
            .into(),
        "Stop with Ctrl-C".into(),
    ] {
        terminal.sees(&words);
    }
    terminal.types("\x03");
    terminal.sees("stopped");

    let folder = tempfile::tempdir().expect("a folder");
    let (file, certificate) = (folder.path().join("chatd.toml"), folder.path().join("tls"));
    let made = command().args(["cert", "--dev", "--dir"]).arg(&certificate).output().expect("chatd runs");
    assert!(made.status.success(), "{made:?}");
    let path = |name: &str| certificate.join(name).display().to_string();
    let tls = format!(
        "tls = \"127.0.0.1:0\"\ntls_cert = {:?}\ntls_key = {:?}\ndata = {:?}\n",
        path("cert.pem"),
        path("key.pem"),
        folder.path().join("data")
    );
    fs::write(&file, tls).expect("it is ours");
    let mut terminal = Program::on_a_terminal(&format!("{chatd} {doors} --config {}", file.display()));
    terminal.sees("tls on 127.0.0.1:");
    let port = terminal.line().expect("a port");
    terminal
        .sees(&format!("TLS       openssl s_client -quiet -connect localhost:{port}   ncat --ssl localhost {port}"));
    terminal.sees(&format!("History and accounts in {}", folder.path().join("data").display()));
    terminal.sees(&format!("Settings from {}", file.display()));
    terminal.types("\x03");
    terminal.sees("stopped");
}

/// What a service manager is told on a socket.
struct Manager(UnixDatagram);

impl Manager {
    fn hears(&self, words: &str) -> String {
        loop {
            let mut told = [0; 4_096];
            let count = match self.0.recv(&mut told) {
                Ok(count) => count,
                // A process that is stopped and goes on.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => panic!("waiting for {words:?}: {error}"),
            };
            let told = String::from_utf8_lossy(&told[..count]).into_owned();
            if told.contains(words) {
                return told;
            }
        }
    }
}

/// A socket in a directory, and one that is in none, as systemd makes them in containers.
#[test]
fn systemd_is_told_what_happens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let name = format!("chatd-test-{}", std::process::id());
    let sockets = [
        (UnixDatagram::bind(&path), path.display().to_string()),
        (SocketAddr::from_abstract_name(&name).and_then(|addr| UnixDatagram::bind_addr(&addr)), format!("@{name}")),
    ];
    for (socket, addr) in sockets {
        let manager = Manager(socket.expect("a socket"));
        manager.0.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        let file = folder.path().join("chatd.toml");
        fs::write(&file, "").expect("it is ours");
        let mut chatd = Chatd::run(
            command().arg("--config").arg(&file).envs([("NOTIFY_SOCKET", addr.as_str()), ("WATCHDOG_USEC", "300000")]),
        );
        manager.hears("READY=1");
        let _ani = chatd.join("ani");
        manager.hears("WATCHDOG=1\nSTATUS=1 signed on, 1 connected");
        chatd.signal("HUP");
        let told = manager.hears("RELOADING=1\nMONOTONIC_USEC=");
        let micros: u64 = told.rsplit('=').next().and_then(|micros| micros.parse().ok()).expect("a number");
        let up = fs::read_to_string("/proc/uptime").expect("Linux has it");
        let up: f64 = up.split(' ').next().and_then(|up| up.parse().ok()).expect("a number");
        assert!(micros > 0 && micros as f64 / 1e6 <= up + 1.0, "{micros} µs, and the machine is up for {up} s");
        manager.hears("READY=1");
        chatd.signal("TERM");
        manager.hears("STOPPING=1");
        chatd.ends_with(0);
    }
}
