//! The page behind a proxy: the files of deploy/nginx and deploy/caddy as they stand there, with the real nginx and the real Caddy.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::kit::{Chatd, DEADLINE, command, free_port};
use chat_conformance::program::is_here;

const NAME: &str = "chat.example.org";
const PASSWORD: &str = "a-long-password-1";
/// More than nginx takes by itself, and less than the server of this test does.
const FILE: usize = 2 << 20;

fn recipe(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)).expect(path)
}

/// A proxy that runs. It is ended with the test.
struct Proxy {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its workers end with it when it is asked, and would stay behind if it were killed.
        let _asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let until = Instant::now() + DEADLINE;
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if Instant::now() > until {
                let _killed = self.child.kill();
            }
            std::thread::park_timeout(std::time::Duration::from_millis(2));
        }
    }
}

impl Proxy {
    fn start(dir: tempfile::TempDir, port: u16, mut command: Command) -> Proxy {
        let log = fs::File::create(dir.path().join("log")).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut proxy = Proxy { child: command.spawn().expect("it starts"), port, dir };
        let until = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = proxy.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none() && Instant::now() < until, "the proxy does not listen: {ended:?}\n{}", proxy.log());
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
        proxy
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// One call by curl, as a client elsewhere would make it: the head and the body of the answer.
    fn curl(&self, path: &str, arguments: &[&str]) -> String {
        let origin = format!("https://{NAME}:{}", self.port);
        let output = Command::new("curl")
            .args(["-sSki", "--http1.1", "--max-time", "20", "--noproxy", "*", "--resolve"])
            .arg(format!("{NAME}:{}:127.0.0.1", self.port))
            .args(["-H", &format!("Origin: {origin}"), &format!("{origin}{path}")])
            .args(arguments)
            .output()
            .expect("curl is here");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn json(&self, path: &str, body: &str, arguments: &[&str]) -> String {
        self.curl(path, &[&["-H", "Content-Type: application/json", "-d", body], arguments].concat())
    }
}

fn nginx(page: &str) -> Proxy {
    let dir = tempfile::tempdir().expect("a folder");
    certificate(dir.path());
    let (http, https) = (free_port(), free_port());
    let certificates = dir.path().display();
    let mut here = recipe("nginx/chat.conf");
    // Both servers of the recipe write them.
    for (theirs, ours) in [("/var/log/nginx/chat.log", "access.log"), ("/var/log/nginx/chat.error.log", "error.log")] {
        assert_eq!(here.matches(theirs).count(), 2, "{theirs}");
        here = here.replace(theirs, &dir.path().join(ours).display().to_string());
    }
    for (theirs, ours) in [
        ("listen 80;", format!("listen 127.0.0.1:{http};")),
        ("listen 443 ssl http2;", format!("listen 127.0.0.1:{https} ssl http2;")),
        ("/etc/letsencrypt/live/chat.example.org/fullchain.pem", format!("{certificates}/cert.pem")),
        ("/etc/letsencrypt/live/chat.example.org/privkey.pem", format!("{certificates}/key.pem")),
        ("http://127.0.0.1:3000", format!("http://{page}")),
    ] {
        assert!(here.contains(theirs), "deploy/nginx/chat.conf has no {theirs:?}");
        here = here.replace(theirs, &ours);
    }
    // What Debian's nginx.conf has around it, with everything in this folder.
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};\n"));
    let around = format!(
        "daemon off;\npid pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{}{here}\n}}\n",
        temporary.concat()
    );
    // The worker gives up root, and reads nothing but what it has open; the folders are for it.
    let around = if is_root() { format!("user root;\n{around}") } else { around };
    fs::write(dir.path().join("nginx.conf"), around).expect("a file");
    let mut command = Command::new("sh");
    // It is ended as well where the test is cut off.
    let words = "PATH=$PATH:/usr/sbin; exec setpriv --pdeathsig TERM nginx -e stderr -p \"$0\" -c nginx.conf";
    command.args(["-c", words]).arg(dir.path());
    Proxy::start(dir, https, command)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id is here");
    id.stdout.trim_ascii() == b"0"
}

fn certificate(dir: &Path) {
    let made =
        command().args(["cert", "--dev", "--force", "--host", NAME, "--dir"]).arg(dir).output().expect("chatd runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn caddy(page: &str) -> Proxy {
    let dir = tempfile::tempdir().expect("a folder");
    let (http, https) = (free_port(), free_port());
    let here = recipe("caddy/Caddyfile");
    assert!(here.contains("127.0.0.1:3000"), "{here}");
    // A CA of its own in place of one on the internet; the rest as it stands.
    let options = format!(
        "{{\n\tadmin off\n\thttp_port {http}\n\thttps_port {https}\n\tdefault_bind 127.0.0.1\n\tlocal_certs\n\tskip_install_trust\n}}\n"
    );
    fs::write(dir.path().join("Caddyfile"), options + &here.replace("127.0.0.1:3000", page)).expect("a file");
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "caddy", "run", "--adapter", "caddyfile", "--config", "Caddyfile"])
        .current_dir(dir.path());
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, dir.path());
    }
    Proxy::start(dir, https, command)
}

fn chatd(data: &Path, flags: &[&str]) -> Chatd {
    let mut command = command();
    command.args([
        "--log",
        "warn",
        "--web-hosts",
        NAME,
        "--web-proxies",
        "127.0.0.1",
        "--file-bytes",
        &(FILE + 1).to_string(),
    ]);
    Chatd::run(command.args(flags).env("CHAT_DATA", data))
}

fn file(dir: &Path, bytes: usize) -> PathBuf {
    let path = dir.join(format!("{bytes}.bin"));
    fs::write(&path, vec![b'x'; bytes]).expect("a file");
    path
}

/// What a browser does, by the proxy: the page, an account, a WebSocket, a file that is large and one that is too large.
fn serves_the_page(proxy: &Proxy) {
    let until = Instant::now() + DEADLINE;
    let mut page = proxy.curl("/", &[]);
    // Caddy listens before it has made its certificate.
    while page.is_empty() && Instant::now() < until {
        page = proxy.curl("/", &[]);
    }
    let lower = page.to_lowercase();
    assert!(page.starts_with("HTTP/1.1 200") && lower.contains("<!doctype html>"), "{page}\n{}", proxy.log());
    assert!(lower.contains("strict-transport-security: max-age=31536000"), "{page}");

    // A password is taken, for it came by HTTPS, and the cookie is for HTTPS alone.
    let made = proxy.json("/api/accounts", &format!(r#"{{"name":"ani","password":"{PASSWORD}"}}"#), &[]);
    assert!(made.starts_with("HTTP/1.1 201"), "{made}\n{}", proxy.log());
    assert!(made.contains("Secure"), "{made}");
    let token = made.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let bearer = format!("Authorization: Bearer {token}");

    let socket = proxy.curl(
        "/ws",
        &[
            "-N",
            "--max-time",
            "3",
            "-H",
            &bearer,
            "-H",
            "Connection: Upgrade",
            "-H",
            "Upgrade: websocket",
            "-H",
            "Sec-WebSocket-Version: 13",
            "-H",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
    );
    assert!(socket.starts_with("HTTP/1.1 101") && socket.contains("\"type\":\"Hello\""), "{socket}\n{}", proxy.log());

    let upload = |bytes: usize| {
        let path = file(proxy.dir.path(), bytes);
        let data = format!("@{}", path.display());
        let headers = ["-H", &bearer, "-H", "Content-Type: application/octet-stream", "-H", "Expect:"];
        proxy.curl("/api/files?name=x.bin&room=lobby", &[&headers[..], &["--data-binary", &data]].concat())
    };
    let (large, too_large) = (upload(FILE), upload(FILE + 2));
    assert!(large.starts_with("HTTP/1.1 201"), "{large}\n{}", proxy.log());
    assert!(
        too_large.starts_with("HTTP/1.1 413") && too_large.contains("\"code\":"),
        "chatd says it itself: {too_large}"
    );

    names_no_talk(proxy, &bearer);

    let foreign = proxy.json("/api/users", r#"{"name":"eve"}"#, &["-H", "Origin: https://evil.example"]);
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
}

/// A call's address names direct talks, their files and what is searched for: no log of the proxy has it.
fn names_no_talk(proxy: &Proxy, bearer: &str) {
    for path in ["/api/rooms/%40talkmate/messages", "/api/search?q=salary&room=%40talkmate", "/api/files/talkmate"] {
        proxy.curl(path, &["-H", bearer, "-H", &format!("Referer: https://{NAME}/?room=@talkmate")]);
    }
    // The answer to a later call is there, so what was before it is written.
    assert!(proxy.curl("/", &[]).starts_with("HTTP/1.1 200"));
    let logs = ["log", "access.log", "error.log"].map(|name| fs::read_to_string(proxy.dir.path().join(name)));
    let logs: String = logs.into_iter().flatten().collect();
    assert!(!logs.contains("talkmate") && !logs.contains("salary"), "{logs}");
}

#[test]
fn the_page_behind_nginx() {
    if !is_here("nginx") || !is_here("curl") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let chatd = chatd(data.path(), &[]);
    let proxy = nginx(&chatd.page);
    serves_the_page(&proxy);
    // Who asks is read from what nginx passes on, so that the log names the client and not the proxy.
    let wrong = proxy.json(
        "/api/session",
        r#"{"name":"ani","password":"wrong-password"}"#,
        &["-H", "X-Forwarded-For: 203.0.113.9"],
    );
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    chatd.logs("auth: 203.0.113.9 wrong password for ani", 1);
}

#[test]
fn the_page_behind_caddy() {
    if !is_here("caddy") || !is_here("curl") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let chatd = chatd(data.path(), &[]);
    serves_the_page(&caddy(&chatd.page));
}

/// A client that is not the proxy cannot choose the address by which it is counted.
#[test]
fn what_a_client_writes_before_nginx_counts_for_nothing() {
    if !is_here("nginx") || !is_here("curl") {
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let chatd = chatd(data.path(), &["--max-per-address", "2"]);
    let proxy = nginx(&chatd.page);
    let guest = |name: &str, number: usize| {
        let written = format!("X-Forwarded-For: 192.0.2.{number}");
        // Another address than the proxy's own, which would be passed over.
        proxy.json("/api/users", &format!("{{\"name\":\"{name}\"}}"), &["--interface", "127.0.0.2", "-H", &written])
    };
    assert!(guest("budi", 1).starts_with("HTTP/1.1 201"));
    assert!(guest("citra", 2).starts_with("HTTP/1.1 201"));
    let third = guest("dewi", 3);
    assert!(third.starts_with("HTTP/1.1 503") && third.contains("server-full"), "the third of one address: {third}");
}

/// Without the setting the proxy's calls are refused, and the operator reads why, once.
#[test]
fn a_proxy_that_is_not_named_is_told_so_and_the_log_as_well() {
    let chatd = Chatd::start(&[]);
    for _ in 0..3 {
        let answer = chatd.call("GET", "/api/users", "X-Forwarded-For: 192.0.2.7\r\n", "");
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("web_proxies"), "{answer}");
    }
    assert_eq!(chatd.logs("web_proxies", 1).matches("web_proxies does not name it").count(), 1);
}
