//! Real programs at the TLS door: openssl, ncat and socat, as people use them.

use std::net::TcpListener;
use std::thread;

use chat_conformance::program::{Program, is_here};
use chat_server::features::Server;
use chat_server::net::server::Door;
use chat_server::testing::{DEADLINE, quick};
use chat_tls::{Files, Tls};

use crate::ENGINE;
use crate::kit::{Pki, pki};

/// How each program connects to a port of this machine and trusts our CA, and no other user.
fn commands(port: u16) -> Vec<Vec<String>> {
    let ca = pki().path("ca.pem").display().to_string();
    [
        format!("openssl s_client -quiet -verify_return_error -CAfile {ca} -connect localhost:{port}"),
        format!("openssl s_client -tls1_2 -quiet -verify_return_error -CAfile {ca} -connect localhost:{port}"),
        format!("ncat --ssl --ssl-verify --ssl-trustfile {ca} localhost {port}"),
        format!("socat - OPENSSL:localhost:{port},cafile={ca}"),
    ]
    .map(|line| line.split(' ').map(str::to_string).collect())
    .into_iter()
    .collect()
}

fn start(command: &[String]) -> Program {
    Program::start(&command.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn people_talk_with_what_they_have() {
    let server = ENGINE.start();
    let mut ani = server.join("ani");
    for command in commands(server.addr().port()).iter().filter(|command| is_here(&command[0])) {
        let mut person = start(command);
        person.sees(" HELLO 1 ");
        person.types("JOIN:budi\n");
        person.sees(" OK JOIN room=#lobby users=2: You are budi, in #lobby with 1 other.\r\n");
        ani.until("* JOINED #lobby budi");
        ani.send("MSG:halo");
        person.sees(" ani: halo\r\n");
        person.types("MSG:apa kabar?\n");
        ani.until("* MSG #lobby * budi: apa kabar?");
        person.types("QUIT\n");
        person.sees(" BYE 200 quit: Bye, budi.\r\n");
        person.has_no_more_to_say();
        let (code, shown) = person.ends();
        assert_eq!(code, Some(0), "{command:?}: {shown}");
        // Its log would say "unexpected eof" if TLS had not said goodbye.
        assert!(!shown.contains("eof") && !shown.contains("error"), "{command:?}: {shown}");
        ani.until("* LEFT #lobby budi: quit");
    }
}

#[test]
fn scripts_say_their_lines_and_end() {
    let server = ENGINE.start();
    let mut ani = server.join("ani");
    for command in commands(server.addr().port()).iter().filter(|command| is_here(&command[0])) {
        let mut script = start(command);
        script.is_given("JOIN:ci\nMSG:done\nQUIT\n");
        let (code, shown) = script.ends();
        assert!(
            code == Some(0) && shown.contains(" BYE 200 quit: Bye, ci.\r\n"),
            "{command:?} ended with {code:?}: {shown}"
        );
        ani.until("* MSG #lobby * ci: done");
    }
}

#[test]
fn old_versions_are_refused() {
    if !is_here("openssl") {
        return;
    }
    let server = ENGINE.start();
    let connect = format!("localhost:{}", server.addr().port());
    for version in ["-tls1", "-tls1_1"] {
        // Without the last two this openssl would not even try.
        let mut old =
            Program::start(&["openssl", "s_client", version, "-connect", &connect, "-cipher", "ALL:@SECLEVEL=0"]);
        old.has_no_more_to_say();
        let (code, shown) = old.ends();
        assert!(code != Some(0) && shown.contains(" alert "), "{version}: {shown}");
    }
    // Suites without forward secrecy as well.
    let mut weak = Program::start(&["openssl", "s_client", "-tls1_2", "-connect", &connect, "-cipher", "kRSA"]);
    weak.has_no_more_to_say();
    let (code, shown) = weak.ends();
    assert!(code != Some(0) && shown.contains("alert handshake failure"), "{shown}");
}

/// In openssl's own client a line of one K asks for a new key in both directions.
#[test]
fn a_new_key_in_the_middle_of_the_talk() {
    if !is_here("openssl") {
        return;
    }
    let server = ENGINE.start();
    let ca = pki().path("ca.pem").display().to_string();
    let connect = format!("localhost:{}", server.addr().port());
    let mut person = Program::start(&["openssl", "s_client", "-tls1_3", "-CAfile", &ca, "-connect", &connect]);
    person.sees(" HELLO 1 ");
    person.types("JOIN:budi\n");
    person.sees(" OK JOIN ");
    for round in 0..3 {
        person.types("K\n");
        person.sees("KEYUPDATE");
        person.types(format!("PING:{round}\n"));
        person.sees(&format!(" PONG {round}\r\n"));
    }
}

#[test]
fn a_certificate_that_is_not_trusted_stops_the_client() {
    let server = ENGINE.start();
    let other = Pki::new();
    let ours = pki().path("ca.pem").display().to_string();
    let theirs = other.path("ca.pem").display().to_string();
    for mut command in commands(server.addr().port()).into_iter().filter(|command| is_here(&command[0])) {
        command.iter_mut().for_each(|word| *word = word.replace(&ours, &theirs));
        let mut person = start(&command);
        person.has_no_more_to_say();
        let (code, shown) = person.ends();
        assert!(code != Some(0) && !shown.contains(" HELLO "), "{command:?}: {shown}");
    }
}

#[test]
fn programs_without_tls_are_told_what_to_do() {
    let server = ENGINE.start();
    let port = server.addr().port().to_string();
    for netcat in ["nc.openbsd", "nc.traditional", "ncat"].into_iter().filter(|netcat| is_here(netcat)) {
        let mut person = Program::start(&[netcat, "127.0.0.1", &port]);
        person.types("JOIN:ani\n");
        person.sees(&format!("This door speaks TLS. Try: ncat --ssl HOST {port}, or openssl s_client"));
        person.has_no_more_to_say();
        person.ends();
    }
}

/// Keys of every common kind and in each of their three forms, for the server and for a client that has to show one. Their
/// arithmetic happens on the small stack of a client's thread.
#[test]
fn keys_of_every_kind() {
    if !is_here("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let openssl = |words: &str| {
        let mut made = Program::start(&["sh", "-c", &format!("cd {} && openssl {words}", folder.path().display())]);
        // A key of 4,096 bits is looked for by chance, beside the other tests.
        let (code, shown) = made.ends_within(6 * DEADLINE);
        assert_eq!(code, Some(0), "openssl {words}: {shown}");
    };
    let path = |name: &str| folder.path().join(name);
    for (make, then) in [
        ("-newkey rsa:4096", ""),
        ("-newkey rsa:2048", "rsa -traditional -in key.pem -out key.pem"),
        ("-newkey ec -pkeyopt ec_paramgen_curve:P-384", ""),
        ("-newkey ec -pkeyopt ec_paramgen_curve:P-256", "ec -in key.pem -out key.pem"),
        ("-newkey ed25519", ""),
    ] {
        openssl(&format!(
            "req -x509 {make} -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
        ));
        if !then.is_empty() {
            openssl(then);
        }
        let files = Files { cert: path("cert.pem"), key: path("key.pem"), client_ca: Some(path("cert.pem")) };
        let tls = Tls::load(&files).unwrap_or_else(|error| panic!("{make}: {error}"));
        let mut server = Server::bind(quick()).expect("a free port");
        let door = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let connect = format!("localhost:{}", door.local_addr().expect("an address").port());
        server.with(Door::new("tls", door, tls).expect("an address"));
        let handle = server.handle();
        let running = thread::Builder::new().name("server".into()).spawn(move || server.run()).expect("a thread");
        for version in ["-tls1_2", "-tls1_3"] {
            let (cert, key) = (path("cert.pem").display().to_string(), path("key.pem").display().to_string());
            let own = ["openssl", "s_client", "-quiet", version, "-connect", &connect, "-cert", &cert, "-key", &key];
            let mut person = Program::start(&[&own[..], &["-verify_return_error", "-CAfile", &cert]].concat());
            person.types("JOIN:budi\nQUIT\n");
            person.sees(" BYE 200 quit: Bye, budi.\r\n");
        }
        handle.shutdown();
        running.join().expect("no panic").expect("a good end");
    }
}
