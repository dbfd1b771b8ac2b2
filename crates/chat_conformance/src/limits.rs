//! Every limit, and what the client that reaches it is told.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use chat_server::config::Config;
use chat_server::model::text::Text;
use chat_server::testing::{DEADLINE, Engine, TestClient, TestServer, quick};

pub(crate) fn short(engine: Engine, config: impl FnOnce(&mut Config)) -> TestServer {
    let mut quick = quick();
    config(&mut quick);
    engine.with(quick)
}

pub fn a_full_server_says_so_and_has_a_place_when_somebody_leaves(engine: Engine) {
    let server = short(engine, |config| config.max_clients = 2);
    let mut ani = server.join("ani");
    let mut budi = server.join("budi");
    let mut third = server.connect();
    third.hears("* BYE 511 server-full: ...");
    assert_eq!(third.line(), None);
    ani.send("QUIT");
    ani.rest();
    budi.until("* LEFT #lobby ani: quit");
    until_let_in(&server);
}

/// The place is free when the thread of the one who left has ended, which no client is told of: connect until it is.
fn until_let_in(server: &TestServer) -> TestClient {
    let began = Instant::now();
    loop {
        let mut client = server.connect();
        if client.line().is_some_and(|line| line.contains(" HELLO ")) {
            return client;
        }
        assert!(began.elapsed() < DEADLINE, "no place became free");
    }
}

pub fn one_address_cannot_take_every_place(engine: Engine) {
    let server = short(engine, |config| config.max_per_address = 1);
    let _ani = server.join("ani");
    server.connect().hears("* BYE 511 server-full: ...");
}

pub fn limits_can_change_while_people_are_here(engine: Engine) {
    let server = short(engine, |config| {
        config.burst = 2;
        config.per_second = 0.001;
    });
    let mut ani = server.join("ani");
    let other = Config {
        name: Text::new("other").unwrap(),
        motd: "one\ntwo".into(),
        burst: 0,
        idle_secs: Duration::ZERO,
        ..quick()
    };
    server.handle().reload(other.clone());
    // At the old pace each would take a quarter of an hour. The router heard of the new settings before.
    for line in ["PING:1", "PING:2", "MSG:three", "MSG:four", "MSG:five", "PING:6"] {
        ani.send(line);
    }
    ani.until("* PONG 6");
    ani.send("STATS:");
    ani.until("* STAT limit-idle 0: ...");
    let mut budi = server.connect();
    budi.hears("* HELLO 1 * name=other ...");
    budi.send("JOIN:budi");
    budi.until("* NOTE * one");
    budi.until("* NOTE * two");
    ani.until("* JOINED #lobby budi");
    // More than there may be: all of them stay, and no other is let in.
    server.handle().reload(Config { max_clients: 1, history: 2, ..other });
    server.connect().hears("* BYE 511 server-full: ...");
    ani.send("HISTORY:");
    ani.until("* BEGIN HISTORY #lobby 2");
    budi.send("PING:here");
    budi.until("* PONG here");
}

pub fn a_name_must_come_in_time_and_a_slow_drip_does_not_help(engine: Engine) {
    let server = short(engine, |config| config.sign_on_secs = Duration::from_millis(500));
    let mut silent = server.connect();
    let dripping = server.connect();
    // A byte whenever a short read found nothing.
    dripping.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (mut heard, began) = (Vec::new(), Instant::now());
    loop {
        let mut part = [0; 512];
        match dripping.bytes().read(&mut part) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&part[..count]),
            Err(_) => {
                let _closed = dripping.bytes().write_all(b"x");
            }
        }
        assert!(began.elapsed() < DEADLINE, "the drip keeps it open");
    }
    assert!(String::from_utf8_lossy(&heard).contains(" BYE 409 sign-on-timeout: "));
    silent.hears("* HELLO ...");
    silent.hears("* BYE 409 sign-on-timeout: ...");
}

pub fn whoever_has_a_name_is_not_bound_by_the_sign_on_limit(engine: Engine) {
    let server = short(engine, |config| config.sign_on_secs = Duration::from_millis(300));
    let mut ani = server.join("ani");
    let mut later = server.connect();
    later.until("* BYE 409 sign-on-timeout: ...");
    ani.settle();
}

/// The second line has to wait for longer than the test does.
pub fn the_time_for_a_name_ends_also_while_the_pace_holds_a_line_back(engine: Engine) {
    let server = short(engine, |config| {
        (config.burst, config.per_second) = (1, 0.001);
        config.sign_on_secs = Duration::from_millis(300);
    });
    let mut talker = server.connect();
    talker.send_bytes(b"PING:1\nPING:2\nPING:3\n");
    talker.until("* BYE 409 sign-on-timeout: ...");
}

pub fn before_a_name_little_is_taken_and_little_is_given(engine: Engine) {
    let server = engine.start();
    let mut talker = server.connect();
    talker.send_bytes(&vec![b'x'; 5_000]);
    talker.until("* BYE 429 flood: ...");

    let mut guesser = server.connect();
    guesser.send("OPT:time=s");
    (0..10).for_each(|guess| guesser.send(&format!("password {guess}")));
    let heard = guesser.rest();
    assert_eq!(heard.iter().filter(|line| line.contains(" ERR 451 not-signed-on ")).count(), 10);
    assert!(heard.last().is_some_and(|line| line.contains(" BYE 429 flood: ")));

    let mut asker = server.connect();
    (0..100).for_each(|_| asker.send("HELP"));
    let heard = asker.rest();
    assert!(heard.last().is_some_and(|line| line.contains(" BYE 429 flood: ")));
    assert!(heard.iter().map(|line| line.len() + 2).sum::<usize>() <= 4_096 + 1_024, "little more than 4 KiB");
}

pub fn much_in_one_go_is_fine_if_a_name_comes_first(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut ci = server.connect();
    let lines: String = (0..200).map(|line| format!("MSG:{line} {}\n", "x".repeat(90))).collect();
    ci.send_bytes(format!("JOIN:ci\n{lines}QUIT\n").as_bytes());
    ani.until(&format!("* MSG #lobby * ci: 199 {}", "x".repeat(90)));
}

pub fn the_idle_are_warned_and_any_line_keeps_them(engine: Engine) {
    let server = short(engine, |config| config.idle_secs = Duration::from_secs(1));
    let mut idle = server.join("idle");
    let mut lively = server.join("lively");
    lively.until("* WARN *: You have been quiet for long. ...");
    lively.settle();
    idle.until("* WARN *: ...");
    idle.until("* BYE 408 idle: ...");
    lively.until("* LEFT #lobby idle: idle");
}

pub fn a_line_that_is_never_finished_ends_it(engine: Engine) {
    let server = short(engine, |config| config.line_secs = Duration::from_millis(300));
    let mut ani = server.join("ani");
    ani.send_bytes(b"half a line");
    ani.hears("* BYE 408 idle: ...");
}

pub fn a_paste_is_slowed_down_once_told_and_nothing_is_lost(engine: Engine) {
    let server = short(engine, |config| {
        // It takes 2.5 s to fill again: a reader that a busy machine holds up must not begin a second burst.
        config.burst = 25;
        config.per_second = 10.0;
    });
    let mut ani = server.join("ani");
    let mut budi = server.join("budi");
    let lines: String = (1..=30).map(|line| format!("MSG:line {line}\n")).collect();
    budi.send_bytes(lines.as_bytes());
    for line in 1..=30 {
        ani.until(&format!("* MSG #lobby {line} budi: line {line}"));
    }
    let warnings = budi.settle().iter().filter(|line| line.contains(" WARN *: You are sending fast")).count();
    assert_eq!(warnings, 1);
}

/// What was sent in one piece with the first line of a paste is read to its end, also where there is no name yet.
pub fn lines_of_a_paste_that_may_not_begin_are_no_commands(engine: Engine) {
    let server = engine.start();
    let mut eko = server.connect();
    eko.send_bytes(b"PASTE=1:\nJOIN:eko\nrahasia\n.\nPING:x\n");
    let heard: Vec<String> = (0..3).filter_map(|_| eko.line()).collect();
    assert!(heard[1].contains(" ERR 451 not-signed-on PASTE tag=1: ") && heard[2].ends_with(" PONG x"), "{heard:?}");
}

/// A paste within its own bounds is said, or has to wait; no client is muted for it, or for lines in it that are the same.
pub fn who_pastes_much_is_not_muted(engine: Engine) {
    let server = short(engine, |config| {
        config.spam_lines = 30;
        config.spam_repeats = 3;
    });
    let (mut ani, mut budi) = (server.join("ani"), server.join("budi"));
    let paste = |tag: &str| format!("PASTE={tag}:\n{}.\n", "the same\n".repeat(200));
    budi.send_bytes(paste("1").as_bytes());
    budi.until("* OK PASTE tag=1 room=#lobby id=1");
    (0..4).for_each(|_| budi.send_bytes(paste("2").as_bytes()));
    for _ in 0..4 {
        budi.until("* ERR 429 too-fast PASTE tag=2 retry=*: Nothing of your paste was said: ...");
    }
    budi.send("halo");
    ani.until("* MSG #lobby 2 budi: halo");
}

/// Ctrl-D leaves, and a paste that was begun is not lost without a word.
pub fn who_leaves_in_the_middle_of_a_paste_is_told_that_it_was_not_said(engine: Engine) {
    let server = engine.start();
    let (mut ani, mut budi) = (server.join("ani"), server.join("budi"));
    budi.send_bytes(b"PASTE=1:\none\n\x04");
    budi.until("* ERR 461 missing-argument PASTE tag=1 line=2: ...");
    budi.until("* BYE 200 quit: ...");
    // A connection that breaks says nothing either.
    let mut citra = server.join("citra");
    citra.send_bytes(b"PASTE=1:\none\n\xff\xf4");
    citra.until("* WARN *: Nothing of your paste will be said, since you pressed Ctrl-C. A single dot (.) ends it.");
    citra.send_bytes(b"two\n.\n");
    citra.until("* ERR 412 no-text PASTE tag=1 line=2: ...");
    assert!(!ani.settle().iter().any(|line| line.contains(" MSG ")));
}

/// It speaks when it was told already, which is the worst that `printf | nc` can do.
pub fn who_is_turned_away_and_speaks_on_can_still_read_why(engine: Engine) {
    let server = short(engine, |config| config.max_clients = 1);
    let _ani = server.join("ani");
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(stream.peek(&mut [0; 1]).unwrap(), 1);
        for _ in 0..3 {
            stream.write_all(b"JOIN:x\nMSG:hi\n").unwrap();
            thread::yield_now();
        }
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("no reset");
        // At the TLS door it is TLS's alert, before a handshake.
        let alert = [0x15, 3, 3, 0, 2, 2, 80];
        let heard = if heard == alert {
            " BYE 511 server-full: The server is full.".into()
        } else {
            String::from_utf8_lossy(&heard)
        };
        assert!(heard.contains(" BYE 511 server-full: The server is full."), "{heard}");
    }
}
