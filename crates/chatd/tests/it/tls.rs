//! The TLS door of chatd, from making a certificate to talking through it, by the commands that it prints itself.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use chat_conformance::program::{Program, ended, is_here, tied};
use chat_server::testing::TestClient;

fn chatd() -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_chatd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
        command.env_remove(name);
    }
    // Tests that keep something say where.
    command.env("CHAT_DATA", "off");
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// A folder with what `chatd cert --dev` makes, and what it said.
fn certificates() -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("chat-tls");
    let (code, told, error) = output(chatd().args(["cert", "--dev", "--host", "chat.example.org", "--dir"]).arg(&dir));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{told}");
    (folder, dir, told)
}

fn files(dir: &Path) -> [String; 4] {
    let path = |name: &str| dir.join(name).display().to_string();
    ["--tls-cert".into(), path("cert.pem"), "--tls-key".into(), path("key.pem")]
}

/// chatd with both doors. It is ended with the test.
struct Running {
    child: Child,
    line: String,
    tls: String,
}

impl Running {
    fn start(dir: &Path) -> Running {
        Running::with(dir, &[])
    }

    fn with(dir: &Path, flags: &[&str]) -> Running {
        let mut child = chatd()
            .args([
                "--addr",
                "127.0.0.1:0",
                "--files",
                "127.0.0.1:0",
                "--web",
                "off",
                "--tls",
                "127.0.0.1:0",
                "--log",
                "info",
            ])
            .args(files(dir))
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chatd starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = |begin: &str| {
            let mut line = String::new();
            out.read_line(&mut line).expect("it says where it listens");
            line.trim().strip_prefix(begin).unwrap_or_else(|| panic!("unexpected: {line:?}")).to_string()
        };
        Running { line: line("listening on "), tls: line("tls on "), child }
    }

    /// Ends it as an operator does, and returns its log.
    fn ends(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().expect("kill").success());
        let mut log = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("a log");
        assert_eq!(ended(&mut self.child).code(), Some(0), "{log}");
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The program `chat`, which is built with its own tests; where those were left out, it is built here.
fn client() -> PathBuf {
    let tests = std::env::current_exe().expect("the test knows where it is");
    let target = tests.parent().and_then(|deps| deps.parent()).expect("deps stands in the target directory");
    let program = target.join("chat");
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--locked", "-p", "chat"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success() && program.exists(), "no {}", program.display());
    }
    program
}

#[test]
fn the_commands_that_it_prints_are_good() {
    let (_folder, dir, told) = certificates();
    let server = Running::start(&dir);
    let mut ani = TestClient::connect(server.line.parse().expect("an address"));
    ani.send("JOIN:ani");
    ani.until("* OK JOIN ...");
    let port = server.tls.rsplit(':').next().expect("a port");
    let (_, rest) = told.split_once("Connect to it:\n").expect("it says how to connect");
    let commands: Vec<&str> = rest.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(commands.len(), 4, "{told}");
    for command in commands {
        let command = command.trim().replace("7880", port);
        let words = match command.strip_prefix("cargo run -p chat -- ") {
            // It signs on by itself.
            Some(flags) => format!("{} --name ci {flags}", client().display()),
            None => command.clone(),
        };
        let input = if words == command { "JOIN:ci\nMSG:by TLS\nQUIT\n" } else { "MSG:by TLS\nQUIT\n" };
        if !is_here(words.split(' ').next().expect("a program")) {
            continue;
        }
        let mut person = Program::start(&["sh", "-c", &words]);
        person.is_given(input);
        let (code, shown) = person.ends();
        assert!(code == Some(0) && shown.contains(" BYE 200 quit: Bye, ci."), "{words} ended with {code:?}: {shown}");
        ani.until("* MSG #lobby * ci: by TLS");
    }
    let log = server.ends();
    let fingerprint = told.lines().last().expect("a fingerprint").trim();
    assert!(log.contains(fingerprint) && !log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

/// ncat ends its half without TLS's goodbye, and does so while the password is still being looked at.
#[test]
fn a_script_by_ncat_signs_in_speaks_and_leaves() {
    if !is_here("ncat") {
        return;
    }
    let (folder, dir, _) = certificates();
    let data = folder.path().join("data").display().to_string();
    let server = Running::with(&dir, &["--data", &data]);
    let joined = |name: &str| {
        let mut client = TestClient::connect(server.line.parse().expect("an address"));
        client.send(&format!("JOIN:{name}"));
        client.until("* OK JOIN ...");
        client
    };
    let mut budi = joined("budi");
    budi.send("REGISTER:correct horse");
    budi.until("* OK REGISTER ...");
    budi.send("QUIT");
    budi.rest();
    let mut ani = joined("ani");
    let port = server.tls.rsplit(':').next().expect("a port").to_string();
    for _ in 0..5 {
        let mut ncat = Program::start(&["ncat", "--ssl", "127.0.0.1", &port]);
        ncat.is_given("LOGIN:budi correct horse\nMSG:hi\nQUIT\n");
        let (_, shown) = ncat.ends();
        assert!(shown.contains(" OK LOGIN ") && shown.contains(" BYE 200 quit: Bye, budi.\r\n"), "{shown}");
        ani.until("* MSG #lobby * budi: hi");
        ani.until("* LEFT #lobby budi: quit");
    }
}

#[test]
fn the_bundled_client_says_what_is_wrong() {
    let (_folder, dir, _) = certificates();
    let (_other_folder, other, _) = certificates();
    let server = Running::start(&dir);
    let talk = |addr: &str, ca: &Path| {
        let addr = addr.replace("127.0.0.1", "localhost");
        let ca = ca.join("ca.pem").display().to_string();
        output(
            Command::new(client()).args(["--name", "ci", "--tls", "--ca", &ca, "--addr", &addr]).stdin(Stdio::null()),
        )
    };
    assert_eq!(talk(&server.tls, &dir).0, Some(0));
    let (code, _, error) = talk(&server.tls, &other);
    assert!(code == Some(69) && error.ends_with("its certificate was not made by the CA in --ca\n"), "{error}");
    let (code, _, error) = talk(&server.line, &dir);
    assert!(code == Some(69) && error.contains("it speaks no TLS at this port"), "{error}");
    let wrong = Command::new(client()).args(["--tls", "--ca", "/nowhere/ca.pem"]).output().expect("it runs");
    let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        wrong.status.code() == Some(2) && error.contains("try: --ca chat-tls/ca.pem, which chatd cert --dev makes"),
        "{error}"
    );
}

/// A private server lets in who has an account. The password comes from a file, or from what a shell has open.
#[test]
fn the_bundled_client_signs_in_to_a_private_server() {
    let (folder, dir, _) = certificates();
    let data = folder.path().join("data").display().to_string();
    let password = folder.path().join("password");
    fs::write(&password, "correct horse\n").expect("a file");
    for name in ["ani", "budi"] {
        let add = ["account", "add", name, "--data", &data];
        let mut added = chatd().args(add).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("chatd runs");
        added.stdin.take().expect("a pipe").write_all(b"correct horse\n").expect("it reads");
        assert!(added.wait().expect("it ends").success());
    }
    let server = Running::with(&dir, &["--data", &data, "--private", "yes"]);
    let mut ani = TestClient::connect(server.line.parse().expect("an address"));
    ani.send("LOGIN:ani correct horse");
    ani.until("* OK LOGIN ...");
    let (ca, addr) = (dir.join("ca.pem").display().to_string(), server.tls.replace("127.0.0.1", "localhost"));
    let says = |words: &str, file: &str, flags: &str| {
        let client = client().display().to_string();
        let line = format!("printf '{words}\\n' | '{client}' --name budi --tls --ca '{ca}' --addr {addr} {flags}");
        output(Command::new("sh").args(["-c", &line]).env("CHAT_PASSWORD_FILE", file))
    };
    let path = password.display().to_string();
    let (code, out, error) = says("by a file", &path, "--login");
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    ani.until("* MSG #lobby * budi: by a file");
    let (code, out, error) = says("by a descriptor", "/dev/fd/3", &format!("--login 3<'{path}'"));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    ani.until("* MSG #lobby * budi: by a descriptor");
    assert!(!out.contains("horse"), "{out}");
    let (code, _, error) = says("as a guest", &path, "");
    assert!(code == Some(1) && error.contains("try: --login signs in to a name of yours"), "{error}");
    fs::write(&password, "another horse\n").expect("a file");
    let (code, _, error) = says("by a wrong one", &path, "--login");
    assert!(code == Some(1) && error.contains(" ERR 464 bad-password ") && !error.contains("horse"), "{error}");
    fs::write(&password, "").expect("a file");
    let (code, _, error) = says("by none", &path, "--login");
    assert!(code == Some(2) && error.contains("it is empty\n  try: "), "{error}");
    ani.send("MSG=mine:x");
    for line in ani.settle() {
        assert!(!line.contains("as a guest") && !line.contains("by a wrong") && !line.contains("by none"), "{line}");
    }
}

/// The page's door has the certificate, too: a browser comes by HTTPS and HTTP/2, and the plain calls of before are answered as before.
#[test]
fn the_page_is_there_by_https_and_http2() {
    if !is_here("curl") {
        return;
    }
    let (_folder, dir, _) = certificates();
    let mut child = chatd()
        .args(["--addr", "127.0.0.1:0", "--files", "127.0.0.1:0", "--web", "127.0.0.1:0", "--tls", "127.0.0.1:0"])
        .args(files(&dir))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chatd starts");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let page =
        out.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("page on http://").map(String::from));
    let running = Running { child, line: String::new(), tls: page.expect("it says where the page is") };
    let (_, port) = running.tls.rsplit_once(':').expect("a port");
    let ca = dir.join("ca.pem").display().to_string();
    let curl = |flags: &[&str], path: &str| {
        let scheme = if flags.contains(&"--plain") { "http" } else { "https" };
        let flags = flags.iter().filter(|flag| **flag != "--plain");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "--cacert", &ca, "-w", "\n%{http_version} %{http_code}"]).args(flags);
        let (code, out, error) = output(curl.arg(format!("{scheme}://localhost:{port}{path}")));
        assert!(matches!(code, Some(0 | 28)), "{error}");
        let (body, told) = out.rsplit_once('\n').expect("two lines");
        (body.to_string(), told.to_string())
    };
    assert!(curl(&["--http2"], "/").0.contains("<title>"));
    for (flags, told) in [
        (&["--http2"][..], "2 200"),
        (&["--http1.1"], "1.1 200"),
        (&["--http1.0"], "1 200"),
        (&["--plain", "--http1.1"], "1.1 200"),
        // It is HTTP/2 by TLS alone.
        (&["--plain", "--http2"], "1.1 200"),
    ] {
        let (body, version) = curl(flags, "/api/healthz");
        assert_eq!(version, told, "{flags:?} {body}");
    }
    // A session that began by HTTP/2 is the same one for a WebSocket, which browsers open by HTTP/1.1.
    let jar = dir.join("jar").display().to_string();
    let name = ["--http2", "-c", &jar, "-H", "content-type: application/json", "-d", r#"{"name":"ani"}"#];
    assert_eq!(curl(&name, "/api/users").1, "2 201");
    let cookies = fs::read_to_string(&jar).expect("cookies");
    assert!(cookies.contains(&format!("__Host-{port}_chat_session")), "{cookies}");
    assert_eq!(curl(&["--http2", "-b", &jar], "/api/me").1, "2 200");
    let origin = format!("Origin: https://localhost:{port}");
    let socket = ["-b", &jar, "-H", &origin, "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H"];
    let key = ["Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "--max-time", "2"];
    let (said, told) = curl(&[&["--http1.1", "-i"], &socket[..], &key].concat(), "/ws");
    assert!(told == "1.1 101" && said.starts_with("HTTP/1.1 101 "), "{told} {said}");
    // Events as they come.
    let (said, told) =
        curl(&["--http2", "-b", &jar, "--max-time", "2", "-H", "accept: text/event-stream"], "/api/events");
    assert!(told == "2 200" && said.contains(r#""type":"Hello""#), "{told} {said}");
}

#[test]
fn where_clients_need_a_certificate_the_bundled_one_can_show_it() {
    if !is_here("openssl") {
        return;
    }
    let (_folder, dir, _) = certificates();
    let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout my-key.pem -out me.pem -days 2 \
                -subj /CN=ci -addext basicConstraints=critical,CA:FALSE";
    let (code, _, error) = output(Command::new("openssl").args(make.split_whitespace()).current_dir(&dir));
    assert_eq!(code, Some(0), "{error}");
    let path = |name: &str| dir.join(name).display().to_string();
    let (ca, me, key) = (path("ca.pem"), path("me.pem"), path("my-key.pem"));
    let server = Running::with(&dir, &["--tls-client-ca", &me]);
    let addr = server.tls.replace("127.0.0.1", "localhost");
    let talk = |more: &[&str]| {
        let flags = ["--name", "ci", "--tls", "--ca", &ca, "--addr", &addr];
        output(Command::new(client()).args(flags).args(more).stdin(Stdio::null()))
    };
    let (code, _, error) = talk(&["--cert", &me, "--key", &key]);
    assert_eq!(code, Some(0), "{error}");
    let (code, _, error) = talk(&[]);
    assert!(code == Some(1) && error.contains("it wants to see a certificate of yours: --cert FILE"), "{error}");
}

#[test]
fn a_certificate_is_as_it_says_and_is_not_written_over() {
    let (_folder, dir, told) = certificates();
    let mode = |name: &str| fs::metadata(dir.join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!([mode("ca.pem"), mode("cert.pem"), mode("key.pem")], [0o644, 0o644, 0o600]);
    let again = || output(chatd().args(["cert", "--dev", "--dir"]).arg(&dir));
    let before = fs::read(dir.join("key.pem")).expect("a key");
    let (code, _, error) = again();
    assert!(code == Some(1) && error.contains("ca.pem is there already") && error.contains("--force"), "{error}");
    assert_eq!(fs::read(dir.join("key.pem")).expect("a key"), before);
    if is_here("openssl") {
        let openssl = |words: &str| output(Command::new("openssl").args(words.split(' ')).current_dir(&dir)).1;
        assert_eq!(openssl("verify -purpose sslserver -CAfile ca.pem cert.pem"), "cert.pem: OK\n");
        assert!(
            told.contains(openssl("x509 -noout -fingerprint -sha256 -in cert.pem").trim().rsplit('=').next().unwrap())
        );
        let names = openssl("x509 -noout -ext subjectAltName -in cert.pem");
        for name in ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1", "DNS:chat.example.org"] {
            assert!(names.contains(name), "{names}");
        }
    }
    // Over a key that each user may read as well: the new one is a new file.
    fs::set_permissions(dir.join("key.pem"), fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_eq!(output(chatd().args(["cert", "--dev", "--force", "--dir"]).arg(&dir)).0, Some(0));
    assert_ne!(fs::read(dir.join("key.pem")).expect("a key"), before);
    assert_eq!(mode("key.pem"), 0o600);
    let (code, _, error) = output(chatd().arg("cert"));
    assert!(code == Some(1) && error.contains("try: chatd cert --dev"), "{error}");
}

#[test]
fn what_is_wrong_with_a_certificate_is_one_clear_error() {
    let (_folder, dir, _) = certificates();
    let (_other_folder, other, _) = certificates();
    let check = |flags: &[String]| output(chatd().args(["--check-config", "--tls", "127.0.0.1:0"]).args(flags));
    let (code, _, error) = check(&[]);
    assert!(code == Some(78) && error.contains("tls_cert is not set\n  try: chatd cert --dev"), "{error}");
    let (code, _, error) = check(&files(&dir)[..2]);
    assert!(code == Some(78) && error.contains("tls_key is not set"), "{error}");
    let mut mixed = files(&dir);
    mixed[3] = files(&other)[3].clone();
    let (code, _, error) = check(&mixed);
    assert!(code == Some(78) && error.contains("is not that of the certificate in "), "{error}");
    let (code, said, error) = check(&files(&dir));
    assert!(code == Some(0) && said.contains("The settings are good") && error.is_empty(), "{error}");
    fs::set_permissions(dir.join("key.pem"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let (code, _, error) = check(&files(&dir));
    assert!(code == Some(0) && error.contains("warning: every user of this machine may read the key"), "{error}");
}

/// As root, every file can be read: so it is run as another user.
#[test]
fn a_key_that_may_not_be_read_names_the_file_and_both_users() {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if !is_root || !is_here("setpriv") {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci.is_empty()),
            "only root can be another user, and CI has to be root"
        );
        return eprintln!("SKIPPED: only root can be another user");
    }
    let (folder, dir, _) = certificates();
    for open in [folder.path(), &dir] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    // Where others may not read what was built either. Copied by another process: a file that this one has open for writing
    // may come to stand open in a child of another test as well, and then it cannot be run.
    let copy = folder.path().join("chatd");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_chatd")).arg(&copy).status().expect("cp is here");
    assert!(copied.success());
    let (code, _, error) = output(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(&copy)
            .args(["--check-config", "--tls", "127.0.0.1:0"])
            .args(files(&dir)),
    );
    let path = dir.join("key.pem").display().to_string();
    assert!(code == Some(78) && error.contains(&format!("cannot read the key in {path}: ")), "{error}");
    assert!(error.contains("this is user nobody; the file belongs to user root, with mode 600"), "{error}");
}
