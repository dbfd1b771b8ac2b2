//! Webhooks of the product: what leaves it, what does not, and what a restart leaves of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::kit::{Chatd, DEADLINE, command, connect, hears, says};

const KEY: &str = "a-key-that-is-long-enough";

fn chatd(data: &Path, inside: &str) -> Chatd {
    let mut chatd = command();
    chatd.args(["--log", "warn", "--webhooks-inside", inside, "--data"]).arg(data.join("data"));
    Chatd::run(chatd.env("CHAT_OPERATOR_KEY", KEY).env("SSL_CERT_FILE", data.join("tls/ca.pem")))
}

/// ani, who has an account, the operator key, and #rust.
fn ani(chatd: &Chatd, line: &str) -> BufReader<TcpStream> {
    // A name that is registered is signed in to, and not joined with.
    let mut ani = chatd.join(if line.starts_with("LOGIN") { "eka" } else { "budi" });
    says(&mut ani, &format!("{line}\nJOIN:#rust\nOPER:{KEY}\n"));
    hears(&mut ani, " OK OPER ");
    ani
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Asks until there are so many dead letters; returns the first one.
fn dead(ani: &mut BufReader<TcpStream>, count: usize) -> String {
    let until = Instant::now() + DEADLINE;
    loop {
        says(ani, "WEBHOOK:dead\n");
        let begin = hears(ani, " BEGIN LETTERS ");
        let first = hears(ani, if begin.contains(" * 0") { " END LETTERS" } else { " LETTER " });
        if begin.trim_end().ends_with(&format!("* {count}")) {
            return first;
        }
        assert!(Instant::now() < until, "{begin}{first}");
    }
}

#[test]
fn what_leads_inside_is_a_dead_letter_that_a_restart_keeps() {
    let data = tempfile::tempdir().expect("a folder");
    let (listener, port) = listener();
    let mut first = chatd(data.path(), "no");
    let mut person = ani(&first, "REGISTER:rarest horse");
    // A name that leads to 127.0.0.1; no look-up is needed to make a webhook.
    says(&mut person, &format!("WEBHOOK:#rust https://2130706433:{port}/rarest-path\n"));
    let secret = hears(&mut person, " OK WEBHOOK ");
    let secret = secret.split("secret=").nth(1).and_then(|rest| rest.split(':').next()).expect("a secret").to_string();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let letter = dead(&mut person, 1);
    assert!(letter.contains("it leads to 127.0.0.1, which is inside"), "{letter}");
    let overview = first.call("GET", "/api/admin/webhooks", &format!("Authorization: Bearer {KEY}\r\n"), "");
    assert!(overview.contains(&format!("\"origin\":\"https://2130706433:{port}\"")), "{overview}");
    assert!(overview.contains("\"why\":\"it leads to 127.0.0.1") && !overview.contains("rarest-path"), "{overview}");
    assert!(first.call("GET", "/api/admin/webhooks", "", "").contains(" 401 "));
    drop(person);
    first.signal("TERM");
    first.ends_with(0);
    let log = first.log();
    assert!(!log.contains("rarest-path") && !log.contains(&secret), "{log}");

    let second = chatd(data.path(), "yes");
    let mut person = ani(&second, "LOGIN:budi rarest horse");
    says(&mut person, "WEBHOOK:#rust\n");
    let listed = hears(&mut person, " WEBHOOK 1 ");
    assert!(listed.contains("room=#rust by=budi"), "{listed}");
    dead(&mut person, 1);
    says(&mut person, "WEBHOOK:again 1\n");
    hears(&mut person, " OK WEBHOOK ");
    // It is called now. No certificate has that name, so nothing is sent.
    let (called, _) = listener.accept().expect("a call");
    called.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let mut got = Vec::new();
    let _closed = (&called).read_to_end(&mut got);
    assert!(!String::from_utf8_lossy(&got).contains("rarest-path"), "{got:?}");
    dead(&mut person, 0);
}

#[test]
fn a_receiver_is_called_by_https_if_the_machine_trusts_its_certificate() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().join("tls");
    let made = command().args(["cert", "--dev", "--host", "localhost", "--dir"]).arg(&folder).output();
    assert!(made.is_ok_and(|made| made.status.success()), "certificates");
    let cert: Vec<_> =
        CertificateDer::pem_file_iter(folder.join("cert.pem")).and_then(Iterator::collect).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(cert, key))
        .map(Arc::new)
        .expect("a server");
    let (listener, port) = listener();
    // One that trusts the certificate, and one that does not, whose call comes to no request.
    let other = tempfile::tempdir().expect("a folder");
    let untrusting = chatd(other.path(), "yes");
    let mut person = ani(&untrusting, "REGISTER:rarest horse");
    says(&mut person, &format!("WEBHOOK:#rust https://localhost:{port}/chat\n"));
    hears(&mut person, " OK WEBHOOK ");
    assert!(accepted(&listener, &config).read_line(&mut String::new()).is_err());
    drop(untrusting);
    let chatd = chatd(data.path(), "yes");
    let mut person = ani(&chatd, "REGISTER:rarest horse");
    says(&mut person, &format!("WEBHOOK:#rust https://localhost:{port}/chat\n"));
    hears(&mut person, " OK WEBHOOK ");
    let mut reader = accepted(&listener, &config);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a head") > 0, "{head}");
    }
    assert!(head.starts_with("POST /chat HTTP/1.1\r\n"), "{head}");
    let answer = reader.get_mut().write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    answer.and_then(|()| reader.get_mut().flush()).expect("written");
    hears(&mut person, "webhook-bot: What is said here is not sent to https://localhost:");
}

/// A receiver gets the frames that a client of the page gets (docs/protocol.md, 2.1), without what only such a client could use.
#[test]
fn what_a_receiver_gets_are_the_frames_of_the_page() {
    let data = tempfile::tempdir().expect("a folder");
    let (port, calls) = receiver();
    let chatd = chatd(data.path(), "yes");
    let mut person = ani(&chatd, "REGISTER:rarest horse");
    says(&mut person, &format!("WEBHOOK:#rust http://127.0.0.1:{port}/chat\n"));
    hears(&mut person, " OK WEBHOOK ");
    let reply = chatd.call("POST", "/api/users", "Content-Type: application/json\r\n", r#"{"name":"citra"}"#);
    let reply: Value = serde_json::from_str(reply.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    let bearer = format!("Authorization: Bearer {}\r\n", reply["token"].as_str().expect("a token"));
    assert!(chatd.call("PUT", "/api/me/rooms/rust", &bearer, "").contains(" 204 "));
    let mut stream = BufReader::new(connect(&chatd.page));
    says(&mut stream, &format!("GET /api/events HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", chatd.page));
    hears(&mut stream, "\"type\":\"People\"");
    for line in ["MSG:first", "ANSWER:last second", "ACT:waves", "EDIT:last waves again", "PASTE:\ntwo\nlines\n."] {
        says(&mut person, &format!("{line}\n"));
    }
    let next = || -> Value { serde_json::from_str(&calls.recv_timeout(DEADLINE).expect("a call")).expect("JSON") };
    assert_eq!(next()["from"]["name"], "webhook-bot", "that there is a webhook was said before citra came");
    let mut bodies: Vec<Value> = (0..5).map(|_| next()).collect();
    // What is deleted before it was sent is never sent.
    says(&mut person, "DELETE:last\n");
    bodies.push(next());
    let mut frames = Vec::<Value>::new();
    while !frames.iter().any(|frame| frame["type"] == "MessageDeleted") {
        let line = hears(&mut stream, "data: ");
        let frame: Value = serde_json::from_str(line.trim().trim_start_matches("data: ")).expect("JSON");
        if frame["room"] == "rust" && frame["type"].as_str().is_some_and(|name| name.starts_with("Message")) {
            frames.push(frame);
        }
    }
    // Where a session is, and what only who has sent it knows.
    const OF_THE_PAGE: [&str; 3] = ["from.id", "id", "cid"];
    for (body, frame) in bodies.iter().zip(&frames) {
        let (body, mut frame) = (fields(body), fields(frame));
        frame.retain(|(name, value)| !OF_THE_PAGE.contains(&name.as_str()) && *value != Value::Null && *value != false);
        assert_eq!(body, frame);
    }
}

/// The fields of a frame by name, those of an object in it with its name in front.
fn fields(frame: &Value) -> Vec<(String, Value)> {
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for (name, value) in object(frame) {
        if value.is_object() {
            all.extend(object(&value).into_iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
        } else {
            all.push((name, value));
        }
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// Takes the calls of webhooks, and hands over what they bring.
pub(crate) fn receiver() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, calls) = mpsc::channel();
    // It ends with the process of the test.
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|count| count > 0) {}
            for line in head.lines() {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() || sender.send(String::from_utf8_lossy(&body).into()).is_err() {
                return;
            }
            let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _gone = stream.shutdown(Shutdown::Both);
        }
    });
    (port, calls)
}

/// The next call, by TLS.
fn accepted(listener: &TcpListener, config: &Arc<ServerConfig>) -> BufReader<StreamOwned<ServerConnection, TcpStream>> {
    let (socket, _) = listener.accept().expect("a call");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    BufReader::new(StreamOwned::new(ServerConnection::new(config.clone()).expect("a connection"), socket))
}
