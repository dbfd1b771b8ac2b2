//! `chatd account` and `chatd invite`: an operator with the data, and the people who come by it.

use std::io::{BufRead, BufReader, Write};
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

/// What came of a command with something on its stdin: its exit code, and what it wrote.
fn tells(data: &Path, words: &str, stdin: &str) -> (i32, String, String) {
    let mut child = chatd(data)
        .args(words.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("chatd starts");
    // It may have ended without reading.
    let _nobody_reads = child.stdin.take().expect("stdin is a pipe").write_all(stdin.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

#[track_caller]
fn does(data: &Path, words: &str, stdin: &str) -> String {
    let (code, told, error) = tells(data, words, stdin);
    assert_eq!((code, error.as_str()), (0, ""), "{words}: {told}");
    told
}

#[track_caller]
fn refuses(data: &Path, words: &str, stdin: &str) -> String {
    let (code, told, error) = tells(data, words, stdin);
    assert!(code != 0 && told.is_empty() && error.starts_with("error: "), "{words}: {told}{error}");
    error
}

/// A running chatd. It is ended with the test.
struct Running(Child, SocketAddr);

impl Running {
    fn start(data: &Path, flags: &[&str]) -> Running {
        let mut child = chatd(data)
            .args(["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "--web", "off", "--log", "warn"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chatd starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("stdout is a pipe");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let addr = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("unexpected: {line:?}"));
        Running(child, addr.parse().expect("an address"))
    }

    /// A user who says one line, and what they hear of it.
    #[track_caller]
    fn hears(&self, line: &str, answer: &str) {
        let mut client = TestClient::connect(self.1);
        client.send(line);
        client.until(&format!("* {answer} ..."));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

#[test]
fn an_operator_makes_accounts_and_people_come_in_by_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = &folder.path().join("data");
    let told = does(data, "account add root --role admin", "correct horse\n");
    assert_eq!(told, "root is an admin, and signs in with LOGIN:root <password>\n");
    does(data, "account add ani", "battery staple\r\n");
    does(data, "account add budi", "one more horse");
    assert_eq!(does(data, "account role ANI op", ""), "ANI is an op now\n");
    does(data, "account remove budi", "");
    let code = does(data, "invite", "");
    let code = code.lines().next().expect("the code stands alone in the first line");
    let roles = |listed: String| {
        let roles = listed.lines().skip(1).map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
        roles.collect::<Vec<_>>()
    };
    assert_eq!(roles(does(data, "account list", "")), ["ani op", "root admin"]);
    assert!(does(data, "account list", "").lines().skip(1).all(|line| line.ends_with("  never")), "nobody came yet");
    let server = Running::start(data, &["--private", "yes"]);
    server.hears("LOGIN:ani battery staple", "OK LOGIN name=ani role=op");
    server.hears("LOGIN:root correct horse", "OK LOGIN name=root role=admin");
    server.hears("LOGIN:budi one more horse", "ERR 464");
    server.hears("JOIN:budi", "ERR 487");
    server.hears(&format!("REGISTER:budi battery-staple {code}"), "OK");
    server.hears(&format!("REGISTER:cici battery-staple {code}"), "ERR 466");
    assert_eq!(roles(does(data, "account list", "")), ["ani op", "budi member", "root admin"], "while it runs");
    assert_eq!(does(data, "account role budi op", ""), "budi is an op now\n");
    server.hears("LOGIN:budi battery-staple", "OK LOGIN name=budi role=op");
    assert!(!does(data, "account list", "").contains("never"), "all have come in");
    // A killed server leaves its socket, by which no other is taken for it.
    drop(server);
    let told = does(data, "account password ani", "another horse\n");
    assert_eq!(told, "ani has another password, and is signed out everywhere\n");
    let server = Running::start(data, &[]);
    server.hears("LOGIN:ani battery staple", "ERR 464");
    server.hears("LOGIN:ani another horse", "OK LOGIN name=ani role=op");
}

/// The same commands, the same words and the same audit, and no stop.
#[test]
fn accounts_are_managed_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = &folder.path().join("data");
    does(data, "account add root --role admin", "correct horse\n");
    let server = Running::start(data, &["--private", "yes"]);
    let told = does(data, "account add ani --role op", "battery staple\n");
    assert_eq!(told, "ani is an op, and signs in with LOGIN:ani <password>\n");
    let mut ani = TestClient::connect(server.1);
    ani.send("LOGIN:ani battery staple");
    ani.until("* OK LOGIN name=ani role=op ...");
    ani.send("/join #tea");
    ani.until("* OK JOIN room=#tea users=1 op=yes: ...");
    assert_eq!(does(data, "account role ANI member", ""), "ANI is a member now\n");
    ani.until("* NOTE *: You are an operator of this server no more.");
    let told = does(data, "invite --uses 2 --room #tea --url https://chat.example.org", "");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[1], format!("https://chat.example.org/#join={}", lines[0]));
    server.hears(&format!("REGISTER:budi battery-staple {}", lines[0]), "OK REGISTER name=budi");
    does(data, "account password ani", "another horse\n");
    ani.until("* BYE 498 ...");
    server.hears("LOGIN:ani battery staple", "ERR 464");
    server.hears("LOGIN:ani another horse", "OK LOGIN name=ani role=member");
    does(data, "account remove budi", "");
    server.hears("LOGIN:budi battery-staple", "ERR 464");
    for (words, stdin, why) in [
        ("account add ANI", "battery staple\n", "\"ani\" is registered"),
        ("account add dina", "sh0rt\n", "8 letters or more"),
        ("account add an1", "battery staple\n", "looks too much like \"ani\""),
        ("account role dina op", "", "no account is called \"dina\"\n  try: chatd account list"),
        ("account remove dina", "", "no account is called \"dina\""),
        ("invite --room #nowhere", "", "#nowhere"),
    ] {
        let error = refuses(data, words, stdin);
        assert!(error.contains(why) && !error.contains("sh0rt"), "{words}: {error}");
    }
    let mut root = TestClient::connect(server.1);
    root.send("LOGIN:root correct horse");
    root.until("* OK LOGIN name=root ...");
    root.send("/audit");
    root.until("* BEGIN AUDIT * 6");
    for act in [
        "register target=root: admin",
        "register target=ani: op",
        "grant target=ANI: member",
        "invite target=1: 2 people, ...",
        "password target=ani",
        "remove target=budi",
    ] {
        root.hears(&format!("* AUDIT * chatd {}", act.replace("target=ANI", "target=ani")));
    }
    // Its owner alone opens it, and with the server it goes.
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let socket = data.join("control");
    let found = std::fs::metadata(&socket).expect("the socket");
    assert!(found.file_type().is_socket() && found.permissions().mode() & 0o777 == 0o600, "{found:?}");
    drop(server);
    assert!(socket.exists(), "it was killed");
    does(data, "account role ani admin", "");
    let server = Running::start(data, &[]);
    server.hears("LOGIN:ani another horse", "OK LOGIN name=ani role=admin");
    assert_eq!(does(data, "account role ani op", ""), "ani is an op now\n");
}

/// A caller of the socket that sends nothing, too much or no order does not keep others from being served.
#[test]
fn what_comes_by_the_socket_has_bounds() {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    let folder = tempfile::tempdir().expect("a folder");
    let data = &folder.path().join("data");
    let server = Running::start(data, &[]);
    let call = |words: &[u8]| {
        let mut stream = UnixStream::connect(data.join("control")).expect("the server listens");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a deadline");
        // It may be closed before all of it is taken.
        let _is_closed = stream.write_all(words).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut told = String::new();
        let _is_closed = stream.read_to_string(&mut told);
        told
    };
    for nonsense in
        ["hello\n", "add\n", "add ani king\npassword", "invite 1 x\n", "GET / HTTP/1.1\r\n\r\n", "add ani op"]
    {
        assert!(call(nonsense.as_bytes()).starts_with("ERR "), "{nonsense}");
    }
    assert_eq!(call(b"\xff\n"), "");
    assert_eq!(call(&[b'x'; 100_000]), "");
    let silent = UnixStream::connect(data.join("control")).expect("the server listens");
    does(data, "account add ani", "battery staple\n");
    drop(silent);
    server.hears("LOGIN:ani battery staple", "OK LOGIN name=ani role=member");
}

#[test]
fn what_cannot_be_is_said_with_what_to_do_and_without_the_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = &folder.path().join("data");
    for words in ["account list", "account role ani op", "account password ani", "account remove ani"] {
        let error = refuses(data, words, "correct horse\n");
        assert!(error.contains("there is no chat.db in ") && error.contains("\n  try: "), "{words}: {error}");
        assert!(!data.exists(), "{words} made a store");
    }
    assert!(refuses(Path::new("off"), "account list", "").contains("nothing is kept"));
    does(data, "account add ani", "correct horse\n");
    for (words, stdin, why) in [
        ("account add ANI", "battery staple\n", "\"ani\" is registered"),
        ("account add 9lives", "battery staple\n", "\"9lives\" cannot be a name"),
        ("account add budi --role king", "battery staple\n", "member, op, admin"),
        ("account add budi", "", "there is no password on stdin"),
        ("account add budi", "\nbattery staple\n", "there is no password on stdin"),
        ("account add budi", "sh0rt\n", "8 letters or more"),
        ("account add budi", "budibudi1\u{7}", "has no control characters"),
        ("account add elisabeth", "Elisabeth1990\n", "should not be your name"),
        ("account add budi", "PASSWORD123\n", "every guesser tries first"),
        ("account password budi", "battery staple\n", "no account is called \"budi\""),
        ("account role budi op", "", "no account is called \"budi\"\n  try: chatd account list"),
        ("account remove budi", "", "no account is called \"budi\""),
        ("account add budi battery-staple", "", "unexpected argument"),
    ] {
        let error = refuses(data, words, stdin);
        assert!(error.contains(why), "{words}: {error}");
        let password = stdin.trim();
        assert!(password.is_empty() || !error.contains(password), "{words}: {error}");
    }
    let listed = does(data, "account list", "");
    assert_eq!(listed.lines().count(), 2, "{listed}");
}

/// Types each password when nothing that is typed is shown, and not before; prints what the terminal showed, and the exit code.
const TYPIST: &str = "
import os, pty, sys, termios, time
passwords, command = sys.argv[1:3], sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown = b''
for i, password in enumerate(passwords):
    until = time.monotonic() + 30
    while shown.count(b': ') <= i:
        shown += os.read(terminal, 1024)
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < until, 'it is shown'
        time.sleep(0.001)
    os.write(terminal, password.encode() + b'\\n')
try:
    while more := os.read(terminal, 1024):
        shown += more
except OSError:
    pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

#[test]
fn at_a_terminal_a_password_is_asked_for_twice_and_never_shown() {
    let has_python = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_python {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "python3 is not here, and CI needs it");
        return eprintln!("SKIPPED: python3 is not here");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let types = |first: &str, second: &str, words: &[&str]| {
        let command = chatd(&data);
        let mut python = Command::new("python3");
        python.args(["-c", TYPIST, first, second]).arg(env!("CARGO_BIN_EXE_chatd")).args(words).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => python.env(name, value),
                None => python.env_remove(name),
            };
        }
        let Output { status, stdout, stderr } = python.output().expect("python3 runs");
        assert_eq!(String::from_utf8_lossy(&stderr), "");
        (status.code(), String::from_utf8_lossy(&stdout).into_owned())
    };
    let (code, shown) = types("correct horse", "correct zebra", &["account", "add", "ani"]);
    assert!(code == Some(1) && shown.contains("two different passwords"), "{shown}");
    assert!(!shown.contains("horse") && !shown.contains("zebra"), "{shown}");
    let (code, shown) = types("correct horse", "correct horse", &["account", "add", "ani"]);
    assert!(code == Some(0) && shown.contains("Password for ani: ") && shown.contains("Once more: "), "{shown}");
    assert!(shown.contains("ani is a member") && !shown.contains("horse"), "{shown}");
    Running::start(&data, &[]).hears("LOGIN:ani correct horse", "OK LOGIN name=ani role=member");
}

/// The example as deploy/package makes it has the service's data as a setting, not as a remark.
#[test]
fn the_settings_of_a_service_say_where_its_data_is() {
    let dir = tempfile::tempdir().unwrap();
    let run = |words: &[&str], state: bool| {
        let mut chatd = chatd(dir.path());
        chatd.env_remove("CHAT_DATA").args(words);
        if state {
            chatd.env("STATE_DIRECTORY", dir.path().join("state"));
        }
        let output = chatd.output().expect("chatd runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(run(&["config", "--example"], false).contains("\n# data = \"chat-data\"\n"));
    let settings = dir.path().join("chatd.toml");
    std::fs::write(&settings, run(&["config", "--example"], true)).unwrap();
    // The operator's shell does not know what systemd tells the service.
    let printed = run(&["--config", settings.to_str().unwrap(), "--print-config"], false);
    let state = dir.path().join("state");
    let line = format!("data = {:?}", state.display().to_string());
    assert!(printed.lines().any(|printed| printed.starts_with(&line)), "{printed}");
}

/// Root makes the first account in the directory of the service's user, who opens it next.
#[test]
fn what_root_makes_belongs_to_whoever_has_the_directory() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let dir = tempfile::tempdir().unwrap();
    if dir.path().metadata().unwrap().uid() != 0 {
        return eprintln!("SKIPPED: this takes root");
    }
    let (nobody, data) = (65_534, dir.path().join("data"));
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    chown(&data, Some(nobody), Some(nobody)).unwrap();
    does(&data, "account add ani --role admin", "a-long-password\n");
    for file in std::fs::read_dir(&data).unwrap().map(Result::unwrap) {
        let found = file.metadata().unwrap();
        assert_eq!((found.uid(), found.gid()), (nobody, nobody), "{:?}", file.path());
    }
    // And who may not look there is told so, instead of that there is nothing.
    for words in ["account list", "account add budi", "account role ani op", "check"] {
        use std::os::unix::process::CommandExt;
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let output = chatd(&data).args(words.split_whitespace()).uid(65_533).gid(65_533).output();
        // The program itself may be where that user may not look.
        let Ok(output) = output else { return eprintln!("SKIPPED: another user cannot run the program") };
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("Permission denied") && told.contains("as root (sudo)"), "{words}: {told}");
    }
}

/// While the server runs, and while it does not: a link for a new password, and the end of an account with its words.
#[test]
fn a_password_is_reset_and_an_account_removed_with_what_it_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = &folder.path().join("data");
    for name in ["ani", "budi"] {
        does(data, &format!("account add {name}"), "correct horse\n");
    }
    refuses(data, "account reset nosuch", "");
    let code = |told: String| told.lines().next().expect("the code stands alone").to_string();
    let told = does(data, "account reset ani --url https://chat.example.org/", "");
    assert_eq!(told.lines().nth(1), Some(&*format!("https://chat.example.org/#reset={}", code(told.clone()))));
    let server = Running::start(data, &[]);
    let first = code(told);
    let second = code(does(data, "account reset ANI", ""));
    server.hears(&format!("RESET:{first} battery staple"), "ERR 464 bad-password RESET: That reset link is good no");
    server.hears(&format!("RESET:{second} battery staple"), "OK RESET name=ani role=member");
    server.hears(&format!("RESET:{second} battery staple"), "ERR 464 bad-password RESET: That reset link was used");
    server.hears("LOGIN:ani battery staple", "OK LOGIN name=ani");
    let says = |line: &str, words: &str| {
        let mut client = TestClient::connect(server.1);
        client.send(line);
        client.until("* OK LOGIN ...");
        client.send(words);
        client.settle();
    };
    says("LOGIN:ani battery staple", "a secret of ani");
    says("LOGIN:budi correct horse", "a secret of budi");
    let told = does(data, "account remove ani --with-messages", "");
    assert_eq!(told, "ani has no account any more; what was said under it is deleted\n");
    server.hears("LOGIN:ani battery staple", "ERR 464");
    drop(server);
    let exported = does(data, "export", "");
    assert!(!exported.contains("secret of ani") && exported.contains("secret of budi"), "{exported}");
    does(data, "account remove budi --with-messages", "");
    let exported = does(data, "export", "");
    assert!(!exported.contains("secret of budi"), "{exported}");
    does(data, "check", "");
}
