//! The page behind a real proxy, by the lines of deploy/README.md.
#![cfg(unix)]

mod kit;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use kit::{Chatd, DEADLINE, command};

/// The block of deploy/README.md that stands in nginx's `server`.
fn lines() -> String {
    let manual = include_str!("../../../deploy/README.md");
    let mut lines = manual.lines().map(str::trim).skip_while(|line| *line != "```nginx").skip(1);
    lines.by_ref().take_while(|line| *line != "```").fold(String::new(), |all, line| all + line + "\n")
}

/// nginx in a folder of its own, and its ports for HTTPS and HTTP. Ended with the test.
struct Nginx {
    child: Child,
    https: u16,
    http: u16,
}

impl Nginx {
    /// `None`: there is none here.
    fn start(dir: &Path, page: &str) -> Option<Nginx> {
        let free = || Some(TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port());
        let (https, http) = (free()?, free()?);
        let lines = lines().replace("127.0.0.1:3000", page);
        let root = dir.display();
        let paths =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {root};\n")).concat();
        let conf = format!(
            "daemon off;\npid {root}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}\
             server {{\nlisten 127.0.0.1:{https} ssl;\nlisten 127.0.0.1:{http};\nserver_name localhost;\n\
             ssl_certificate {root}/tls/cert.pem;\nssl_certificate_key {root}/tls/key.pem;\n{lines}}}\n}}\n"
        );
        let file = dir.join("nginx.conf");
        std::fs::write(&file, conf).expect("it can be written");
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let child = Command::new("/usr/bin/env")
            .env("PATH", path)
            // Ended as well where the test is cut off.
            .args(["setpriv", "--pdeathsig", "TERM", "nginx", "-e", "stderr", "-p"])
            .arg(dir)
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("env starts");
        let mut nginx = Nginx { child, https, http };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", http)).is_err() {
            if nginx.child.try_wait().expect("it can be waited for").is_some() {
                return None;
            }
            assert!(began.elapsed() < DEADLINE, "nginx does not listen");
            std::thread::yield_now();
        }
        Some(nginx)
    }

    /// What curl says to a call: the body, and the status behind it.
    fn curl(&self, scheme: &str, path: &str, flags: &[&str]) -> String {
        let port = if scheme == "https" { self.https } else { self.http };
        let mut curl = Command::new("curl");
        // Another address than the proxy's own, which would be passed over.
        curl.args(["--interface", "127.0.0.2", "-4", "--http1.1", "-sk", "--max-time", "30", "-w", " %{http_code}"])
            .args(flags);
        let Output { stdout, stderr, .. } =
            curl.arg(format!("{scheme}://localhost:{port}{path}")).output().expect("curl runs");
        assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // TERM, so that its workers end with it.
        let _ended_already = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ended_already = self.child.wait();
    }
}

#[test]
fn the_lines_for_nginx_do_what_the_manual_says() {
    let dir = tempfile::tempdir().expect("a folder");
    let made = command().args(["cert", "--dev", "--dir"]).arg(dir.path().join("tls")).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let data = dir.path().join("data").display().to_string();
    let mut with = command();
    let chatd = Chatd::run(with.args([
        "--log",
        "warn",
        "--data",
        &data,
        "--web-proxies",
        "127.0.0.1",
        "--max-per-address",
        "2",
    ]));
    let Some(nginx) = Nginx::start(dir.path(), &chatd.page) else {
        assert!(std::env::var_os("CI").is_none(), "nginx is missing: .ci/run installs it");
        eprintln!("SKIPPED: nginx is not here");
        return;
    };
    let own = format!("Origin: https://localhost:{}", nginx.https);
    let json = "Content-Type: application/json";
    let ana = r#"{"name":"ana","password":"correct-horse-7"}"#;
    // By HTTPS a password is taken, and the page's own origin is its own.
    let https = nginx.curl("https", "/api/accounts", &["-H", &own, "-H", json, "-d", ana]);
    assert!(https.ends_with(" 201"), "{https}");
    let port = format!("Origin: http://localhost:{}", nginx.http);
    let http = nginx.curl("http", "/api/session", &["-H", &port, "-H", json, "-d", ana]);
    assert!(http.contains("needs-tls") && http.ends_with(" 403"), "a proxy's people are not on this machine: {http}");
    let foreign = nginx.curl("https", "/api/session", &["-H", "Origin: https://evil.example", "-H", json, "-d", ana]);
    assert!(foreign.contains("foreign-origin"), "{foreign}");
    // What somebody writes before the proxy's own word counts for nothing, and an address is who the proxy says.
    let guest = |name: &str| {
        let body = format!("{{\"name\":\"{name}\"}}");
        let made_up = format!("X-Forwarded-For: 192.0.2.{}", name.len());
        nginx.curl("https", "/api/users", &["-H", &own, "-H", json, "-H", &made_up, "-d", &body])
    };
    assert!(guest("budi").ends_with(" 201"));
    let full = guest("citra");
    assert!(full.contains("server-full") && full.ends_with(" 503"), "the third of one address: {full}");
    // A WebSocket goes through, and is told that nobody is signed on.
    let upgrade = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13"];
    let key = ["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", &own];
    let socket = nginx.curl("https", "/ws", &[&upgrade[..], &key].concat());
    assert!(socket.ends_with(" 101"), "{socket}");
}

/// Without the setting the proxy's calls are refused, and whoever runs the server reads why, once.
#[test]
fn a_proxy_that_is_not_named_is_told_so_and_the_log_as_well() {
    let chatd = Chatd::start(&[]);
    for _ in 0..3 {
        let answer = chatd.call("GET", "/api/users", "X-Forwarded-For: 192.0.2.7\r\n", "");
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("web_proxies"), "{answer}");
    }
    assert_eq!(chatd.logs("web_proxies", 1).matches("web_proxies does not name it").count(), 1);
}
