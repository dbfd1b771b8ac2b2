//! Whatever is typed that only its owner may know, by every door and with every form of the setting `log`: the log has none of it.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use crate::kit::{Chatd, command, connect, hears, says};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const PASSWORD: &str = "rarest-horse-of-all";
const WRONG: &str = "wrongest-horse-of-all";
const NEW: &str = "newest-horse-of-all";
const KEY: &str = "rarest-key-of-an-operator";
const WRONG_KEY: &str = "wrongest-key-of-an-operator";
const WHISPER: &str = "a-whispered-fish";

#[test]
fn no_level_shows_a_secret() {
    play(&["--log", "trace"], &[]);
}

#[test]
fn no_level_of_a_library_shows_a_secret() {
    let filter = "trace,axum=trace,h2=trace,hyper=trace,rustls=trace,tungstenite=trace,tokio_tungstenite::compat=trace";
    play(&["--log-format", "json"], &[("CHAT_LOG", filter), ("RUST_LOG", "trace")]);
}

fn play(flags: &[&str], variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = folder.path().join("tls");
    let made = command().args(["cert", "--dev", "--host", "localhost", "--dir"]).arg(&certificates).output();
    assert!(made.is_ok_and(|made| made.status.success()), "certificates");
    let file = |name: &str| certificates.join(name).display().to_string();
    let mut chatd = command();
    chatd.args(flags).args(["--tls", "127.0.0.1:0", "--tls-cert", &file("cert.pem"), "--tls-key", &file("key.pem")]);
    chatd.arg("--data").arg(folder.path().join("data")).env("CHAT_OPERATOR_KEY", KEY);
    chatd.envs(variables.iter().copied());
    let mut chatd = Chatd::run(&mut chatd);
    let tls = chatd.prints("tls on ");
    let mut secrets: Vec<String> = [PASSWORD, WRONG, NEW, KEY, WRONG_KEY, WHISPER].map(String::from).into();

    let mut budi = chatd.join("budi");
    let mut ani = BufReader::new(connect(&chatd.line));
    says(&mut ani, "JOIN:ani\n");
    hears(&mut ani, " OK JOIN ");
    secrets.push(line(&mut ani));
    hears(&mut budi, "WHISPER ani");

    let mut citra = BufReader::new(encrypted(&tls, &certificates));
    citra
        .get_mut()
        .write_all(format!("JOIN:citra\n/w budi {WHISPER}\nLOGIN:ani {PASSWORD}\n").as_bytes())
        .expect("TLS");
    hears(&mut citra, " OK LOGIN ");
    hears(&mut budi, "WHISPER citra");

    secrets.extend(page(&chatd, &mut budi));
    secrets.extend(programs(&chatd, &mut ani));

    let files = chatd.log().len();
    assert!(files > 0, "it logs");
    for person in [&mut ani, &mut budi] {
        says(person, "QUIT\n");
        hears(person, " BYE 200 ");
    }
    chatd.signal("TERM");
    chatd.ends_with(0);
    let log = chatd.log();
    // What is looked for could be seen: refusals are logged, and so is each call.
    assert!(log.contains("refused: 464 bad-password") && log.contains("/api/session"), "{log}");
    for secret in &secrets {
        assert!(secret.len() >= 12, "{secret:?} is found anywhere");
        assert!(!log.contains(secret.as_str()), "{secret} stands in the log: {}", shown(&log, secret));
    }
}

/// By the line door. Returns the code of an invitation.
fn line(ani: &mut BufReader<TcpStream>) -> String {
    let conversation: [(String, &str); 11] = [
        (format!("REGISTER:{PASSWORD}"), " OK REGISTER "),
        (format!("LOGIN:ani {WRONG}"), " ERR 464 "),
        // The name was forgotten, and so the password stands in its place.
        (format!("LOGIN:{WRONG}"), " ERR 4"),
        (format!("LOGIN:!{PASSWORD}"), " ERR 432 "),
        (format!("LOGN:ani {PASSWORD}"), " ERR 421 "),
        (format!("PASSWD:{PASSWORD} {NEW}"), " OK PASSWD"),
        (format!("PASSWD:\n{NEW}\n{PASSWORD}"), " OK PASSWD"),
        (format!("/oper {WRONG_KEY}"), " ERR 464 "),
        (format!("OPER:\n{KEY}"), " OK OPER "),
        (format!("/w budi {WHISPER}"), " OK WHISPER "),
        (format!("/w nobody-here {WHISPER}"), " ERR 401 "),
    ];
    for (typed, answer) in conversation {
        says(ani, &format!("{typed}\n"));
        if typed == format!("LOGIN:{WRONG}") {
            // It may be a name: then its password is asked for.
            hears(ani, " PROMPT ");
            says(ani, ".\n");
        }
        hears(ani, answer);
    }
    says(ani, "INVITECODE:\n");
    let told = hears(ani, " OK INVITECODE ");
    told.split("code=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a code").to_string()
}

/// By REST and the WebSocket. Returns the tokens that came of it.
fn page(chatd: &Chatd, budi: &mut BufReader<TcpStream>) -> Vec<String> {
    let json = "Content-Type: application/json\r\n";
    let body = |name: &str, password: &str| format!("{{\"name\":\"{name}\",\"password\":\"{password}\"}}");
    assert!(chatd.call("POST", "/api/session", json, &body("ani", WRONG)).contains(" 401 "));
    assert!(chatd.call("POST", "/api/session", json, &body("ani", PASSWORD)).contains(" 200 "));
    let made = chatd.call("POST", "/api/accounts", json, &body("dewi", PASSWORD));
    assert!(made.contains(" 201 "), "{made}");
    let token = made.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token").to_string();
    let cookies = made.lines().filter(|line| line.to_lowercase().starts_with("set-cookie"));
    let mut secrets: Vec<String> =
        cookies.filter_map(|line| line.split(['=', ';']).nth(1)).map(|value| value.trim().to_string()).collect();
    secrets.push(token.clone());
    let key = |key: &str| format!("Authorization: Bearer {key}\r\n");
    assert!(chatd.call("GET", "/api/admin/audit", &key(WRONG_KEY), "").contains(" 403 "));
    assert!(chatd.call("GET", "/api/admin/audit", &key(KEY), "").contains(" 200 "));

    let mut socket = BufReader::new(connect(&chatd.page));
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer {token}\r\n\r\n",
        chatd.page
    );
    says(&mut socket, &request);
    hears(&mut socket, " 101 ");
    for frame in [
        format!(
            "{{\"type\":\"Whisper\",\"ref\":1,\"to\":\"budi\",\"text\":\"{WHISPER}\",\"cid\":\"cccccccccccccccccccc\"}}"
        ),
        format!("{{\"type\":\"Command\",\"ref\":2,\"line\":\"/oper {KEY}\"}}"),
        format!("{{\"type\":\"Nonsense\",\"ref\":3,\"password\":\"{PASSWORD}\"}}"),
    ] {
        socket.get_mut().write_all(&masked(frame.as_bytes())).expect("the door reads");
    }
    hears(budi, "WHISPER dewi");
    until(&mut socket, "\"ref\":3");
    // What is no JSON is an error with words of a library, which may repeat it.
    assert!(
        chatd
            .call("POST", "/api/session", json, &format!("{{\"name\":\"ani\",\"password\":{PASSWORD}"))
            .contains(" 400 ")
    );
    assert!(chatd.call("GET", &format!("/files/{WRONG_KEY}"), "", "").contains(" 404 "));
    secrets
}

/// By a hook and a bot. Returns their tokens.
fn programs(chatd: &Chatd, ani: &mut BufReader<TcpStream>) -> [String; 2] {
    let [hook, bot] = ["HOOK:#lobby ci", "BOT:deploy"].map(|line| {
        says(ani, &format!("{line}\n"));
        let told = hears(ani, "token=");
        told.split("token=").nth(1).and_then(|rest| rest.split(':').next()).expect("a token").to_string()
    });
    let json = "Content-Type: application/json\r\n";
    let post = |token: &str, body: &str| chatd.call("POST", &format!("/api/hooks/{token}"), json, body);
    assert!(post(&hook, "{\"text\":\"built\"}").contains(" 200 "));
    assert!(post(&hook, "{\"text\":").contains(" 400 "));
    assert!(post(WRONG_KEY, "{\"text\":\"built\"}").contains(" 404 "));
    let me = |token: &str| chatd.call("GET", "/api/me", &format!("Authorization: Bearer {token}\r\n"), "");
    assert!(me(&bot).contains("deploy-bot") && me(&format!("{bot}0")).contains(" 401 "));
    [hook, bot]
}

/// A text frame from a client. A mask of zeros is one.
fn masked(payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).ok().filter(|length| *length < 126);
    let mut frame = vec![0x81];
    match length {
        Some(length) => frame.push(0x80 | length),
        None => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(payload.len()).expect("it is short").to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn until(socket: &mut impl Read, words: &str) {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(words) {
        let mut piece = [0; 1_024];
        let got = socket.read(&mut piece).unwrap_or_else(|error| panic!("waiting for {words}: {error}"));
        assert!(got > 0, "the end came before {words}: {}", String::from_utf8_lossy(&seen));
        seen.extend(&piece[..got]);
    }
}

fn encrypted(addr: &str, certificates: &Path) -> impl Read + Write + use<> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(certificates.join("ca.pem")).expect("a file") {
        roots.add(certificate.expect("a certificate")).expect("a root");
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("a client"), connect(addr))
}

/// The lines of the log that have it.
fn shown(log: &str, secret: &str) -> String {
    log.lines().filter(|line| line.contains(secret)).take(3).collect::<Vec<_>>().join("\n")
}
