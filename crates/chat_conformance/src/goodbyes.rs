//! The last words: a client that is disconnected can read why, however much it has sent or still sends. A reset would
//! be an error here.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_server::net::parting::LINGER;
use chat_server::testing::{DEADLINE, Engine, TestClient, TestServer, quick};

/// More than a server takes of a client that is let go for it, and less than the system keeps on the way.
const MUCH: usize = 300 * 1024;

fn lines() -> Vec<u8> {
    b"still speaking\n".repeat(MUCH / 15)
}

/// What a client hears up to the end, while it sends these bytes. A reset behind the end is one as well: programs that look for
/// errors first, and netcats do, show nothing of what came before it.
fn hears_to_the_end(
    (server, others): (&TestServer, usize),
    client: &TestClient,
    bytes: Vec<u8>,
) -> Result<String, String> {
    let (mut reading, mut writing) = (client.bytes(), client.bytes());
    let mut heard = Vec::new();
    let (wrote, read) = thread::scope(|scope| {
        let write = move || writing.write_all(&bytes);
        let writer = thread::Builder::new().name("speaker".into()).spawn_scoped(scope, write).expect("a thread");
        let read = reading.read_to_end(&mut heard);
        (writer.join().expect("no panic"), read)
    });
    let heard = String::from_utf8_lossy(&heard).into_owned();
    // There may be a reset as long as the server has the socket. `others` are those who stay.
    let began = Instant::now();
    while server.handle().open_sockets() > others {
        assert!(began.elapsed() < DEADLINE, "it is not closed, behind: {heard}");
        thread::yield_now();
    }
    let reset = client.stream().take_error().expect("a socket").map_or(Ok(()), Err);
    wrote.and(read.map(drop)).and(reset).map_err(|error| format!("{error} behind: {heard}")).map(|()| heard)
}

/// One that was let in.
fn visitor(server: &TestServer) -> TestClient {
    let mut client = server.connect();
    client.hears("* HELLO ...");
    client
}

#[track_caller]
fn sees(at: (&TestServer, usize), client: &TestClient, bytes: Vec<u8>, words: &str) {
    let heard = hears_to_the_end(at, client, bytes).expect("no reset");
    assert!(heard.contains(words), "{heard}");
}

/// One that speaks fast, is slowed down, and so has much in the socket that is not read when it is let go.
fn flooder(server: &TestServer) -> TestClient {
    let mut budi = server.join("budi");
    budi.send_bytes(&lines());
    budi.until("* WARN *: You are sending fast; ...");
    budi
}

fn with_a_key() -> Config {
    Config { operator_key: Some(OperatorKey::new("a-key-for-the-tests").expect("a key")), ..quick() }
}

fn slow(engine: Engine) -> TestServer {
    engine.with(Config { burst: 4, per_second: 1.0, ..with_a_key() })
}

fn operator(server: &TestServer) -> TestClient {
    let mut ani = server.join("ani");
    ani.send("OPER:a-key-for-the-tests");
    ani.until("* OK OPER ...");
    ani
}

pub fn who_quits_and_speaks_on_sees_the_bye(engine: Engine) {
    let server = engine.start();
    let budi = server.join("budi");
    let mut bytes = b"QUIT\n".to_vec();
    bytes.extend(lines());
    sees((&server, 0), &budi, bytes, " BYE 200 quit: Bye, budi.");
}

pub fn who_is_let_go_for_what_it_sends_sees_why(engine: Engine) {
    let server = engine.start();
    sees((&server, 0), &server.join("budi"), vec![b'x'; MUCH], " BYE 417 line-too-long: ");
    // Text is typed by a person, who reads the view for people.
    sees((&server, 0), &visitor(&server), lines(), " Too much before a name. ");
    sees((&server, 0), &visitor(&server), b"\x80\x81\n".repeat(MUCH / 3), " BYE 429 flood: ");
}

pub fn who_speaks_another_protocol_sees_the_answer(engine: Engine) {
    let server = engine.start();
    let mut post = format!("POST / HTTP/1.1\r\nContent-Length: {MUCH}\r\n\r\n").into_bytes();
    post.resize(MUCH, b'x');
    sees((&server, 0), &visitor(&server), post, "This port is for telnet and netcat");
    let mut irc = b"NICK ani\r\n".to_vec();
    irc.extend(lines());
    sees((&server, 0), &visitor(&server), irc, "ERROR :This port is for telnet and netcat, not for IRC");
}

pub fn who_is_sent_away_in_the_middle_of_a_flood_sees_why(engine: Engine) {
    let server = slow(engine);
    let mut ani = operator(&server);
    let budi = flooder(&server);
    ani.send("/kick * budi too loud");
    sees((&server, 1), &budi, Vec::new(), " BYE 470 kicked: ");
    let budi = flooder(&server);
    ani.send("/ban * budi 1d too loud");
    sees((&server, 1), &budi, Vec::new(), " BYE 465 banned: ");
}

pub fn a_flood_does_not_keep_from_seeing_that_the_server_stops(engine: Engine) {
    let server = slow(engine);
    let budi = flooder(&server);
    server.handle().shutdown();
    sees((&server, 0), &budi, Vec::new(), " BYE 503 shutting-down: ");
    server.stop().expect("a good end");
}

/// It was silent, so nothing wakes its reader when it is let go, and it speaks when it has heard of that. `let_go` says since when
/// it may be gone. A machine that is busy may not come to speak in the moment that there is: then once more, with another.
#[track_caller]
fn is_not_reset(at: (&TestServer, usize), mut let_go: impl FnMut() -> (TestClient, Instant)) {
    // More than was once read away.
    let words = b"still speaking\n".repeat(6_000);
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        let (mut budi, since) = let_go();
        budi.send_bytes(&words);
        let in_time = since.elapsed() < LINGER;
        let rest = hears_to_the_end(at, &budi, Vec::new());
        if in_time {
            return assert_eq!(rest, Ok(String::new()));
        }
    }
    panic!("this machine never comes to speak in time");
}

pub fn who_speaks_only_when_it_is_let_go_is_not_reset(engine: Engine) {
    // Without a pace, which would hold up the operator.
    let server = engine.with(with_a_key());
    let mut ani = operator(&server);
    is_not_reset((&server, 1), || {
        let mut budi = server.join("budi");
        let since = Instant::now();
        ani.send("/kick * budi");
        budi.until("* BYE 470 kicked: ...");
        (budi, since)
    });
}

pub fn who_has_no_name_in_time_and_then_speaks_is_not_reset(engine: Engine) {
    let mut config = quick();
    config.sign_on_secs = Duration::from_secs(1);
    let sign_on = config.sign_on_secs;
    let server = engine.with(config);
    is_not_reset((&server, 0), || {
        let since = Instant::now() + sign_on;
        let mut budi = server.connect();
        budi.until("* BYE 409 sign-on-timeout: ...");
        (budi, since)
    });
}
