//! What only TLS has: two doors of one server, handshakes that fail, certificates that change, ends that are no ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_server::config::Config;
use chat_server::features::Server;
use chat_server::net::server::{Door, ServerHandle};
use chat_server::net::transport::Link;
use chat_server::testing::{DEADLINE, TestClient, quick};
use chat_tls::{Files, Tls};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::version::{TLS12, TLS13};

use crate::kit::{Pki, dial};

/// A server with two doors, a plain one and one for TLS.
struct Both {
    pki: Pki,
    tls: Tls,
    addr: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Both {
    fn start() -> Both {
        Both::with(quick(), Pki::new(), |files| files)
    }

    fn with(config: Config, pki: Pki, change: impl FnOnce(Files) -> Files) -> Both {
        let tls = Tls::load(&change(pki.files())).expect("good certificates");
        let mut server = Server::bind(config).expect("a free port");
        let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = door.local_addr().expect("an address");
        server.with(Door::new("tls", door, tls.clone()).expect("an address"));
        let handle = server.handle();
        let thread = thread::Builder::new().name("server".into()).spawn(move || server.run()).expect("a thread");
        Both { pki, tls, addr, handle, thread: Some(thread) }
    }

    /// A user at the plain door.
    fn plain(&self, name: &str) -> TestClient {
        joined(TestClient::connect(self.handle.addr()), name)
    }

    /// A user at the other one.
    fn secure(&self, name: &str) -> TestClient {
        joined(self.connect(rustls::ALL_VERSIONS), name)
    }

    fn connect(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> TestClient {
        TestClient::on(Arc::new(dial(self.addr, self.pki.client(versions)).expect("a handshake")))
    }

    /// A connection without TLS to the door that wants it.
    fn raw(&self) -> TcpStream {
        let socket = TcpStream::connect(self.addr).expect("it listens");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        socket
    }

    fn figure(&self, row: &str) -> u64 {
        let mut text = String::new();
        self.tls.append_metrics(&mut text);
        let value = text.lines().find_map(|line| line.strip_prefix(row));
        value.unwrap_or_else(|| panic!("{row} is not in {text}")).trim().parse().expect("a number")
    }

    /// Waits for a figure that changes on a thread for which a test cannot wait.
    fn until(&self, row: &str, value: u64) {
        let began = Instant::now();
        while self.figure(row) != value {
            assert!(began.elapsed() < DEADLINE, "{row} is {} and not {value}", self.figure(row));
            thread::yield_now();
        }
    }

    fn stop(mut self) {
        self.handle.shutdown();
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("no panic").expect("a good end");
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let _its_panic_was_printed = thread.join();
        }
    }
}

fn joined(mut client: TestClient, name: &str) -> TestClient {
    client.send(&format!("JOIN:{name}"));
    client.until("* OK JOIN ...");
    client.settle();
    client
}

/// All that comes, up to the end.
fn rest(mut socket: &TcpStream) -> String {
    let mut text = Vec::new();
    if let Err(error) = socket.read_to_end(&mut text) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it stays open: {error}");
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn two_doors_lead_to_one_chat() {
    let server = Both::start();
    let mut ani = server.plain("ani");
    let mut budi = server.secure("budi");
    ani.until("* JOINED #lobby budi");
    ani.send("MSG:halo");
    budi.until("* MSG #lobby 1 ani: halo");
    budi.send("MSG:apa kabar?");
    ani.until("* MSG #lobby 2 budi: apa kabar?");
    ani.send("LIST");
    ani.until("* USER ani rooms=#lobby idle=0 door=line");
    ani.hears("* USER budi rooms=#lobby idle=0 door=tls");
    let tasks = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
    let names: Vec<String> = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect();
    assert!(names.iter().any(|name| name.trim() == "accept-tls"), "{names:?}");
    // Both are told, and both doors are closed.
    let (plain, tls) = (server.handle.addr(), server.addr);
    server.stop();
    for person in [&mut ani, &mut budi] {
        person.until("* BYE 503 shutting-down: The server is stopping.");
        assert_eq!(person.line(), None, "and then the end, which TLS has told apart from a cut");
    }
    assert!(TcpStream::connect(plain).is_err() && TcpStream::connect(tls).is_err());
}

#[test]
fn both_doors_share_the_places() {
    let config = Config { max_clients: 2, ..quick() };
    let server = Both::with(config, Pki::new(), |files| files);
    let _ani = server.plain("ani");
    let budi = server.secure("budi");
    TestClient::connect(server.handle.addr()).hears("* BYE 511 server-full: ...");
    let refused = dial(server.addr, server.pki.client(rustls::ALL_VERSIONS)).err().expect("no place");
    assert!(refused.to_string().contains("InternalError"), "{refused}");
    assert_eq!(server.figure("chat_tls_handshakes_total{result=\"full\"}"), 1);
    drop(budi);
    let began = Instant::now();
    while dial(server.addr, server.pki.client(rustls::ALL_VERSIONS)).is_err() {
        assert!(began.elapsed() < DEADLINE, "no place became free");
    }
}

#[test]
fn a_server_that_was_told_to_stop_before_it_ran_ends() {
    let tls = Tls::load(&Pki::new().files()).expect("good certificates");
    let mut server = Server::bind(quick()).expect("a free port");
    server.handle().shutdown();
    let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
    server.with(Door::new("tls", door, tls).expect("an address"));
    server.run().expect("a good end");
}

#[test]
fn both_versions_are_spoken_and_counted() {
    let server = Both::start();
    for version in [&TLS12, &TLS13] {
        let mut ani = joined(server.connect(&[version]), "ani");
        ani.send("QUIT");
        assert!(ani.rest().last().is_some_and(|line| line.contains(" BYE 200 ")));
    }
    assert_eq!(server.figure("chat_tls_connections_total{version=\"1.2\"}"), 1);
    assert_eq!(server.figure("chat_tls_connections_total{version=\"1.3\"}"), 1);
    assert_eq!(server.figure("chat_tls_handshakes_total{result=\"done\"}"), 2);
    assert_eq!(server.figure("chat_tls_truncated_total"), 0);
}

#[test]
fn whoever_speaks_no_tls_is_told_so() {
    let server = Both::start();
    for words in [&b"JOIN:ani\r\n"[..], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff\xfd\x03"] {
        let mut socket = server.raw();
        socket.write_all(words).expect("it reads");
        let heard = rest(&socket);
        let port = server.addr.port();
        assert!(
            heard.starts_with("This door speaks TLS.") && heard.contains(&format!("ncat --ssl HOST {port}")),
            "{heard:?}"
        );
    }
    server.until("chat_tls_handshakes_total{result=\"plain\"}", 3);
}

#[test]
fn silence_and_a_slow_drip_are_cut() {
    let server = Both::with(Config { sign_on_secs: Duration::from_millis(600), ..quick() }, Pki::new(), |files| files);
    let silent = server.raw();
    // The beginning of a hello, and then a byte whenever a short read found nothing.
    let mut dripping = server.raw();
    dripping.set_read_timeout(Some(Duration::from_millis(30))).expect("a timeout");
    dripping.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").expect("it reads");
    let began = Instant::now();
    loop {
        match dripping.read(&mut [0; 64]) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let _closed = dripping.write_all(b"x");
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(began.elapsed() < DEADLINE, "the drip keeps it open");
    }
    assert!(rest(&silent).starts_with("This door speaks TLS."));
    server.until("chat_tls_handshakes_total{result=\"late\"}", 2);
}

#[test]
fn a_drip_behind_the_handshake_does_not_help_either() {
    let server = Both::with(Config { sign_on_secs: Duration::from_millis(600), ..quick() }, Pki::new(), |files| files);
    let mut client = server.connect(&[&TLS13]);
    client.hears("* HELLO ...");
    // The beginning of a record that has no end.
    client.stream().write_all(b"\x17\x03\x03\x40\x00").expect("it reads");
    client.stream().set_read_timeout(Some(Duration::from_millis(30))).expect("a timeout");
    let (mut bytes, mut heard, began) = (client.bytes(), Vec::new(), Instant::now());
    loop {
        let mut part = [0; 512];
        match bytes.read(&mut part) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&part[..count]),
            Err(_) => {
                let _closed = client.stream().write_all(b"x");
            }
        }
        assert!(began.elapsed() < DEADLINE, "the drip keeps it open");
    }
    assert!(String::from_utf8_lossy(&heard).contains(" BYE 409 sign-on-timeout: "));
}

#[test]
fn the_end_does_not_wait_for_a_handshake() {
    let mut config = quick();
    config.shutdown_secs = Duration::from_secs(60);
    let server = Both::with(config, Pki::new(), |files| files);
    let silent = server.raw();
    // Behind it in the line, so that it was taken as well.
    server.secure("ani");
    let began = Instant::now();
    server.stop();
    assert!(began.elapsed() < Duration::from_secs(8), "it waited {:?}", began.elapsed());
    rest(&silent);
}

#[test]
fn certificates_change_while_people_talk() {
    let server = Both::start();
    let mut ani = server.secure("ani");
    let before = server.tls.fingerprint();
    // The key of another certificate: refused, and everything stays as it was.
    server.pki.leaf("other-", |_| {});
    let mixed = Files { key: server.pki.path("other-key.pem"), ..server.pki.files() };
    let refused = server.tls.reload(&mixed).expect_err("they do not belong together").to_string();
    assert!(refused.contains("other-key.pem is not that of the certificate in "), "{refused}");
    assert_eq!(server.tls.fingerprint(), before);
    // Of the same CA, under the same names of files.
    server.pki.leaf("", |_| {});
    server.tls.reload(&server.pki.files()).expect("good certificates");
    assert_ne!(server.tls.fingerprint(), before);
    let mut budi = server.secure("budi");
    ani.until("* JOINED #lobby budi");
    ani.send("MSG:still here");
    budi.until("* MSG #lobby 1 ani: still here");
    assert_eq!(server.figure("chat_tls_reloads_total{result=\"done\"}"), 1);
    assert_eq!(server.figure("chat_tls_reloads_total{result=\"failed\"}"), 1);
    // Now of another CA, which these clients do not know.
    let other = Pki::new();
    server.tls.reload(&other.files()).expect("good certificates");
    assert!(dial(server.addr, server.pki.client(rustls::ALL_VERSIONS)).is_err());
    server.until("chat_tls_handshakes_total{result=\"refused\"}", 1);
    joined(
        TestClient::on(Arc::new(dial(server.addr, other.client(rustls::ALL_VERSIONS)).expect("a handshake"))),
        "citra",
    );
    ani.until("* JOINED #lobby citra");
}

#[test]
fn with_a_ca_for_clients_only_they_come_in() {
    let (clients, others) = (Pki::new(), Pki::new());
    let ca = clients.path("ca.pem");
    let server = Both::with(quick(), Pki::new(), |files| Files { client_ca: Some(ca), ..files });
    // In TLS 1.3 a client takes the handshake for done before it learns that it was refused.
    let comes_in = || match dial(server.addr, server.pki.client(rustls::ALL_VERSIONS)) {
        Ok(link) => link.read(&mut [0; 512]).is_ok_and(|count| count > 0),
        Err(_) => false,
    };
    assert!(!comes_in(), "without a certificate");
    let give = |pki: &Pki| {
        pki.leaf("client-", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
        for name in ["client-cert.pem", "client-key.pem"] {
            std::fs::copy(pki.path(name), server.pki.path(name)).expect("a file");
        }
    };
    give(&others);
    assert!(!comes_in(), "with somebody else's");
    server.until("chat_tls_handshakes_total{result=\"refused\"}", 2);
    give(&clients);
    server.secure("ani");
}

/// The socket's end without TLS's own may be the work of a user on the way: half a line must not be taken for a whole one.
#[test]
fn a_line_that_was_cut_off_is_not_said() {
    let server = Both::start();
    let mut ani = server.secure("ani");
    for (name, version) in [("budi", &TLS12), ("citra", &TLS13)] {
        let mut cut = joined(server.connect(&[version]), name);
        cut.send("MSG:a whole line");
        cut.send_bytes(b"MSG:pay 100 to");
        cut.stream().shutdown(Shutdown::Write).expect("open");
        ani.until(&format!("* MSG #lobby * {name}: a whole line"));
        ani.hears(&format!("* LEFT #lobby {name}: ..."));
        let last = cut.rest().pop();
        assert!(last.as_deref().is_some_and(|last| last.contains(" BYE ")), "{last:?}");
    }
    server.until("chat_tls_truncated_total", 2);
}

#[test]
fn a_peer_that_reads_nothing_is_still_heard() {
    let server = Both::start();
    let mut ani = server.secure("ani");
    let mut stuck = server.secure("stuck");
    let words = "x".repeat(2_000);
    let missed = || server.handle.metrics().missed.load(std::sync::atomic::Ordering::Relaxed);
    let began = Instant::now();
    while missed() == 0 {
        (0..100).for_each(|_| ani.send(&format!("MSG:{words}")));
        ani.settle();
        assert!(began.elapsed() < DEADLINE, "the queues take all of it");
    }
    // Its writer is in the middle of a record that does not go out. Its reader must not wait for that.
    stuck.send("MSG=7:I do not read, but I speak");
    ani.until("* MSG #lobby * stuck: I do not read, but I speak");
    // It reads on, and everything is in order: whole lines, and a note of what it missed.
    let mut gap = false;
    loop {
        let line = stuck.line().expect("it is still connected");
        gap |= line.contains(" GAP #lobby ");
        if line.contains(" OK MSG tag=7 ") {
            break;
        }
    }
    assert!(gap, "what fell out is told");
    stuck.settle();
}

#[test]
fn a_hundred_handshakes_at_once() {
    const MANY: usize = 100;
    let server = Both::start();
    let mut ani = server.plain("ani");
    thread::scope(|scope| {
        for number in 0..MANY {
            let server = &server;
            let come = move || {
                let mut client =
                    joined(server.connect(&[if number % 2 == 0 { &TLS12 } else { &TLS13 }]), &format!("guest{number}"));
                client.send("QUIT");
                client.rest();
            };
            thread::Builder::new().name(format!("guest-{number}")).spawn_scoped(scope, come).expect("a thread");
        }
    });
    assert_eq!(server.figure("chat_tls_handshakes_total{result=\"done\"}"), MANY as u64);
    let left = ani.settle().iter().filter(|line| line.contains(" LEFT ")).count();
    assert!(left > 0, "they were seen");
}
