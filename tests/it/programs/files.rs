//! Files by nothing but nc: every netcat and socat sends one and fetches it byte for byte, also a big one while people chat; and
//! a disk that is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chat_server::config::Config;
use chat_server::testing::{TestClient, TestServer, quick};

use super::process::Process;
use chat_conformance::program::{Program, is_here};

const MIB: usize = 1 << 20;

/// How people send and fetch with each, as PROTOCOL.md says it: what stands behind the pipe, without host and port.
const PROGRAMS: [(&str, &str); 6] = [
    ("nc.openbsd", "nc.openbsd -N HOST PORT"),
    ("nc.openbsd", "nc.openbsd HOST PORT"),
    ("nc.traditional", "nc.traditional HOST PORT"),
    ("nc.traditional", "nc.traditional -q1 HOST PORT"),
    ("ncat", "ncat HOST PORT"),
    ("socat", "socat -t60 - TCP:HOST:PORT"),
];

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nc-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder");
        Folder(dir)
    }

    /// A file of so many bytes that are no text.
    fn file(&self, name: &str, bytes: usize) -> PathBuf {
        let path = self.0.join(name);
        let bytes: Vec<u8> = (0..bytes).map(|i| (i * 31 + i / 251 + i / 65_537) as u8).collect();
        fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn server(set: impl FnOnce(&mut Config)) -> TestServer {
    let mut config = quick();
    config.files = "127.0.0.1:0".into();
    set(&mut config);
    TestServer::with(config)
}

#[track_caller]
fn offer(client: &mut TestClient, bytes: u64, name: &str) -> String {
    client.send(&format!("SEND:#lobby {bytes} {name}"));
    let line = client.until("* OK SEND ...");
    line.split(' ').find_map(|word| word.strip_prefix("token=")).expect("a token").to_string()
}

/// The command line that sends a file, or fetches one.
fn sends(program: &str, port: u16, token: &str, path: &Path) -> Program {
    let to = program.replace("HOST", "127.0.0.1").replace("PORT", &port.to_string());
    Program::start(&["sh", "-c", &format!("{{ echo 'PUT {token}'; cat '{}'; }} | {to}", path.display())])
}

fn fetches(program: &str, port: u16, token: &str, path: &Path) -> Program {
    let from = program.replace("HOST", "127.0.0.1").replace("PORT", &port.to_string());
    Program::start(&["sh", "-c", &format!("echo 'GET {token}' | {from} > '{}'", path.display())])
}

#[track_caller]
fn is_the_same(a: &Path, b: &Path) {
    let (a, b) = (fs::read(a).expect("a file"), fs::read(b).expect("a file"));
    assert!(a == b, "{} bytes were sent, {} came, or others", a.len(), b.len());
}

#[test]
fn each_netcat_sends_a_file_and_fetches_it_byte_for_byte() {
    let (server, folder) = (server(|_| {}), Folder::new("each"));
    let port = server.files().port();
    let mut ani = server.join("ani");
    // A size that ends with no piece of anything, and one byte.
    for (name, size) in [("foto.bin", 300 * 1_024 + 7), ("satu.bin", 1)] {
        let sent = folder.file(name, size);
        for (program, command) in PROGRAMS.iter().filter(|(program, _)| is_here(program)) {
            let token = offer(&mut ani, size as u64, name);
            let (code, shown) = sends(command, port, &token, &sent).ends();
            assert_eq!(code, Some(0), "{command}: {shown}");
            assert!(shown.starts_with(&format!("OK PUT bytes={size} room=#lobby id=")), "{command}: {shown}");
            ani.until(&format!("* FILE #lobby * ani {size} {token}: {name}"));
            let got = folder.0.join(format!("got-{program}"));
            let (code, shown) = fetches(command, port, &token, &got).ends();
            assert_eq!((code, shown.as_str()), (Some(0), ""), "{command}");
            is_the_same(&sent, &got);
        }
    }
}

#[test]
fn each_netcat_shows_why_a_file_did_not_go() {
    let (server, folder) = (server(|_| {}), Folder::new("why"));
    let port = server.files().port();
    let mut ani = server.join("ani");
    let sent = folder.file("big.bin", 3 * MIB);
    for (_, command) in PROGRAMS.iter().filter(|(program, _)| is_here(program)) {
        // Less was announced, so most of it is still on its way when it is refused.
        let token = offer(&mut ani, 1_000, "big.bin");
        let (_, shown) = sends(command, port, &token, &sent).ends();
        assert!(shown.contains("ERR 495 wrong-size: More than the 1000 bytes came"), "{command}: {shown}");
        ani.until("* NOTE #lobby: The file big.bin did not get to #lobby: ...");
    }
}

#[test]
fn a_hundred_mebibytes_arrive_byte_for_byte_while_people_chat() {
    if !is_here("nc.openbsd") {
        return;
    }
    let (server, folder) = (server(|config| config.file_bytes = 200 * MIB as u64), Folder::new("big"));
    let port = server.files().port();
    let (mut ani, mut budi) = (server.join("ani"), server.join("budi"));
    let sent = folder.file("big.bin", 100 * MIB);
    let token = offer(&mut ani, 100 * MIB as u64, "big.bin");
    let mut said = 0;
    // What one says the other hears, line by line, for as long as the file is under way.
    let mut chat = |ani: &mut TestClient, budi: &mut TestClient| {
        said += 1;
        ani.send(&format!("MSG:line {said}"));
        budi.until(&format!("* MSG #lobby * ani: line {said}"));
        budi.send(&format!("MSG:answer {said}"));
        ani.until(&format!("* MSG #lobby * budi: answer {said}"));
    };
    let mut sending = sends("nc.openbsd -N HOST PORT", port, &token, &sent);
    while sending.is_running() {
        chat(&mut ani, &mut budi);
    }
    let (code, shown) = sending.ends();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.starts_with("OK PUT bytes=104857600 room=#lobby id="), "{shown}");
    let got = folder.0.join("got.bin");
    let mut fetching = fetches("nc.openbsd HOST PORT", port, &token, &got);
    while fetching.is_running() {
        chat(&mut ani, &mut budi);
    }
    assert_eq!(fetching.ends().0, Some(0));
    is_the_same(&sent, &got);
    assert!(said > 2, "{said} lines while it was under way");
}

/// A limit on the size of files stands for a disk with so much room; the server gets an error like that of a full one.
#[test]
fn a_full_disk_is_told_to_both_and_the_chat_goes_on() {
    if !is_here("prlimit") || !is_here("nc.openbsd") {
        return;
    }
    let folder = Folder::new("full");
    let dir = folder.0.join("files");
    let sent = folder.file("big.bin", 3 * MIB);
    let server =
        Process::limited("ulimit -f 2048", &["--files", "127.0.0.1:0", "--files-dir", &dir.display().to_string()]);
    let mut ani = TestClient::connect(server.addr);
    ani.send("JOIN:ani");
    ani.settle();
    ani.send(&format!("SEND:#lobby {} big.bin", 3 * MIB));
    let line = ani.until("* OK SEND ...");
    let pair = |key: &str| line.split([' ', ':']).find_map(|word| word.strip_prefix(key)).expect("a pair").to_string();
    let port = pair("port=").parse().expect("a port");
    let (_, shown) = sends("nc.openbsd -N HOST PORT", port, &pair("token="), &sent).ends();
    assert!(shown.contains("ERR 508 no-space: The server's disk is full."), "{shown}");
    ani.until("* NOTE #lobby: The file big.bin did not get to #lobby: The server's disk is full.");
    let left: Vec<_> = fs::read_dir(&dir).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["lock"]);
    // What fits still goes.
    let small = folder.file("small.bin", 1_000);
    ani.send("SEND:#lobby 1000 small.bin");
    let line = ani.until("* OK SEND ...");
    let token = line.split(' ').find_map(|word| word.strip_prefix("token=")).expect("a token");
    let (_, shown) = sends("nc.openbsd -N HOST PORT", port, token, &small).ends();
    assert!(shown.starts_with("OK PUT bytes=1000 "), "{shown}");
}

/// Without a name for its folder a server has a fresh one among the temporary files, and takes it along when it ends.
#[test]
fn a_fresh_folder_goes_with_the_server() {
    let folder = Folder::new("fresh");
    let server =
        Process::limited(&format!("TMPDIR='{}'; export TMPDIR", folder.0.display()), &["--files", "127.0.0.1:0"]);
    let mut ani = TestClient::connect(server.addr);
    ani.send("JOIN:ani");
    ani.settle();
    let made: Vec<_> = fs::read_dir(&folder.0).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(made.len() == 1 && made[0].to_string_lossy().starts_with("chat-files-"), "{made:?}");
    server.stops();
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0);
}

/// Who is killed takes nothing along. The next server does, as soon as that is old enough not to be a user who is just
/// starting; and never what another server holds.
#[test]
fn what_a_killed_server_left_goes_with_the_next() {
    let folder = Folder::new("killed");
    let shell = format!("TMPDIR='{}'; export TMPDIR", folder.0.display());
    let start = || Process::limited(&shell, &["--files", "127.0.0.1:0"]);
    let folders = || {
        let mut all: Vec<_> = fs::read_dir(&folder.0).expect("a folder").flatten().map(|entry| entry.path()).collect();
        all.sort();
        all
    };
    drop(start());
    let left = folders();
    assert_eq!(left.len(), 1, "a kill leaves it: {left:?}");
    let age = |folder: &Path| {
        let lock = fs::File::options().write(true).open(folder.join("lock")).expect("a lock");
        lock.set_modified(SystemTime::now() - Duration::from_secs(3_600)).expect("a time");
    };
    let running = start();
    assert_eq!(folders().len(), 2, "it may be just starting");
    folders().iter().for_each(|folder| age(folder));
    let other = start();
    let now = folders();
    assert!(now.len() == 2 && !now.contains(&left[0]), "{now:?}");
    running.stops();
    other.stops();
    assert_eq!(folders().len(), 0);
}
