//! Fair and bounded: every limit, what its victim is told, and that the others do not notice.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use chat_server::config::Config;
use chat_server::model::text::Text;
use chat_server::testing::{DEADLINE, TestClient, quick};

use crate::TestServer;

fn short(config: impl FnOnce(&mut Config)) -> TestServer {
    let mut quick = quick();
    config(&mut quick);
    TestServer::with(quick)
}

#[test]
fn a_full_server_says_so_and_has_a_place_when_somebody_leaves() {
    let server = short(|config| config.max_clients = 2);
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

/// The place is free when the thread of the one who left has ended, which nobody is told of: knock until it is.
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

#[test]
fn one_address_cannot_take_every_place() {
    let server = short(|config| config.max_per_address = 1);
    let _ani = server.join("ani");
    server.connect().hears("* BYE 511 server-full: ...");
}

#[test]
fn limits_can_change_while_people_are_here() {
    let server = short(|config| {
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
    // More than there may be: all of them stay, and nobody comes.
    server.handle().reload(Config { max_clients: 1, history: 2, ..other });
    server.connect().hears("* BYE 511 server-full: ...");
    ani.send("HISTORY:");
    ani.until("* BEGIN HISTORY #lobby 2");
    budi.send("PING:here");
    budi.until("* PONG here");
}

#[test]
fn a_name_must_come_in_time_and_a_slow_drip_does_not_help() {
    let server = short(|config| config.sign_on_secs = Duration::from_millis(500));
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

#[test]
fn whoever_has_a_name_is_not_bound_by_the_sign_on_limit() {
    let server = short(|config| config.sign_on_secs = Duration::from_millis(300));
    let mut ani = server.join("ani");
    let mut later = server.connect();
    later.until("* BYE 409 sign-on-timeout: ...");
    ani.settle();
}

/// The second line has to wait for longer than the test does.
#[test]
fn the_time_for_a_name_ends_also_while_the_pace_holds_a_line_back() {
    let server = short(|config| {
        (config.burst, config.per_second) = (1, 0.001);
        config.sign_on_secs = Duration::from_millis(300);
    });
    let mut talker = server.connect();
    talker.send_bytes(b"PING:1\nPING:2\nPING:3\n");
    talker.until("* BYE 409 sign-on-timeout: ...");
}

#[test]
fn before_a_name_little_is_taken_and_little_is_given() {
    let server = TestServer::start();
    let mut talker = server.connect();
    talker.send_bytes(&vec![b'x'; 5_000]);
    talker.until("* BYE 429 flood: ...");

    let mut guesser = server.connect();
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

#[test]
fn much_in_one_go_is_fine_if_a_name_comes_first() {
    let server = TestServer::start();
    let mut ani = server.join("ani");
    let mut ci = server.connect();
    let lines: String = (0..200).map(|line| format!("MSG:{line} {}\n", "x".repeat(90))).collect();
    ci.send_bytes(format!("JOIN:ci\n{lines}QUIT\n").as_bytes());
    ani.until(&format!("* MSG #lobby * ci: 199 {}", "x".repeat(90)));
}

#[test]
fn the_idle_are_warned_and_any_line_keeps_them() {
    let server = short(|config| config.idle_secs = Duration::from_secs(1));
    let mut idle = server.join("idle");
    let mut lively = server.join("lively");
    lively.until("* WARN *: You have been quiet for long. ...");
    lively.settle();
    idle.until("* WARN *: ...");
    idle.until("* BYE 408 idle: ...");
    lively.until("* LEFT #lobby idle: idle");
}

#[test]
fn a_line_that_is_never_finished_ends_it() {
    let server = short(|config| config.line_secs = Duration::from_millis(300));
    let mut ani = server.join("ani");
    ani.send_bytes(b"half a line");
    ani.hears("* BYE 408 idle: ...");
}

#[test]
fn a_paste_is_slowed_down_once_told_and_nothing_is_lost() {
    let server = short(|config| {
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

#[test]
fn whoever_does_not_read_is_told_what_was_missed_then_let_go_and_delays_nobody() {
    const OUTBOX: usize = 256 * 1024;
    let server = short(|config| {
        config.outbox_bytes = OUTBOX;
        config.slow_secs = Duration::from_secs(2);
    });
    let mut ani = server.join("ani");
    let mut stuck = server.join("stuck");
    let mut budi = server.join("budi");
    stuck.settle();
    ani.settle();
    // More than the kernel takes in (some MiB) and the queues hold, while `stuck` does not read.
    let (words, mut said, mut gone) = ("x".repeat(2_000), 0, false);
    while !gone {
        for _ in 0..50 {
            said += 1;
            budi.send(&format!("MSG:{words}"));
        }
        budi.settle();
        // The others hear all of it meanwhile, and at last that it is gone.
        let mut heard = 0;
        while heard < 50 {
            let line = ani.line().expect("ani is in the chat");
            heard += usize::from(line.contains(" MSG #lobby "));
            gone |= line.ends_with(" LEFT #lobby stuck: read too slowly");
        }
        assert!(server.handle().registry().snapshot().waiting < 3 * OUTBOX, "what waits is bounded");
        assert!(said < 200_000, "it was never let go");
    }
    // Reading again at last, it finds what the kernel kept, what it missed, and the goodbye.
    let heard = stuck.rest();
    assert!(heard.iter().any(|line| line.contains(" GAP #lobby ")), "{} lines, no gap", heard.len());
    assert!(heard.last().is_some_and(|line| line.contains(" BYE 413 slow-reader: ")), "{:?}", heard.last());
}

#[test]
fn a_slow_reader_that_reads_again_has_a_gap_where_lines_are_missing() {
    let server = short(|config| {
        config.outbox_bytes = 64 * 1024;
        config.slow_secs = Duration::from_secs(60);
        config.history = 0;
    });
    let mut slow = server.join("slow");
    let mut budi = server.join("budi");
    slow.until("* JOINED #lobby budi");
    let words = "x".repeat(2_000);
    let mut said: u64 = 0;
    // Until the queue has run over: how much the system takes before that is its own affair.
    while server.handle().metrics().missed.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        for _ in 0..100 {
            said += 1;
            budi.send(&format!("MSG:{words}"));
        }
        budi.settle();
        assert!(said < 20_000, "the queue never ran over");
    }
    budi.send("MSG:the last");
    budi.settle();
    let mut next = 1;
    let mut gaps = 0;
    loop {
        let line = slow.line().expect("it stays connected");
        let field = |n: usize| line.split([' ', ':']).filter(|f| !f.is_empty()).nth(n).unwrap_or_default().to_string();
        let words: Vec<&str> = line.split(' ').collect();
        match words[1] {
            "MSG" => {
                assert_eq!(words[3], next.to_string(), "ids rise by one, or a GAP says why not");
                next += 1;
            }
            "GAP" => {
                gaps += 1;
                assert_eq!(words[3], next.to_string());
                next = words[4].trim_end_matches(':').parse::<u64>().unwrap() + 1;
            }
            other => panic!("unexpected {other} {}", field(0)),
        }
        if line.ends_with(": the last") {
            break;
        }
    }
    assert!(gaps > 0 && next == said + 2, "{gaps} gaps, {next} of {said}");
}

#[test]
fn one_flooder_does_not_hold_up_the_others() {
    const LINES: usize = 20_000;
    let server = TestServer::start();
    let mut ani = server.join("ani");
    let mut flooder = server.join("flooder");
    ani.settle();
    let mut stream = flooder.bytes();
    let lines: String = (0..LINES).map(|line| format!("PING:{line}\n")).collect();
    let flood =
        std::thread::Builder::new().name("flood".into()).spawn(move || stream.write_all(lines.as_bytes())).unwrap();
    flooder.until("* PONG 100");
    // The flood is under way. The answer to somebody else comes while most of it still waits.
    ani.settle();
    let done = server.handle().metrics().deliveries.load(std::sync::atomic::Ordering::Relaxed);
    assert!(done < LINES as u64 - 1_000, "answered behind {done} of {LINES} lines of the flood");
    flooder.until(&format!("* PONG {}", LINES - 1));
    flood.join().unwrap().unwrap();
}

/// Empty lines need no ticket and get no answer, so nothing in the protocol slows them down: only the transport stands
/// between them and the others. There are more of them than any transport has threads that are shared.
#[test]
fn those_who_never_pause_do_not_hold_up_the_others() {
    let server = TestServer::start();
    let mut ani = server.join("ani");
    let count = 2 * thread::available_parallelism().map_or(2, NonZeroUsize::get).max(2);
    let flooders: Vec<TestClient> = (0..count).map(|i| server.join(&format!("flooder{i}"))).collect();
    ani.settle();
    let (tell, under_way) = mpsc::sync_channel(count);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // However this ends, the flood ends with it.
        let _stop = OnDrop(|| over.store(true, Ordering::Release));
        for (i, flooder) in flooders.iter().enumerate() {
            let (tell, over) = (tell.clone(), &over);
            let flood = move || {
                let lines = [b'\n'; 64 * 1024];
                let begun = (0..16).all(|_| flooder.bytes().write_all(&lines).is_ok());
                let _nobody_waits = tell.send(begun);
                while !over.load(Ordering::Acquire) && flooder.bytes().write_all(&lines).is_ok() {}
            };
            thread::Builder::new().name(format!("flood-{i}")).spawn_scoped(scope, flood).expect("a thread");
        }
        for _ in 0..count {
            assert!(under_way.recv_timeout(DEADLINE).expect("the floods begin"));
        }
        for _ in 0..20 {
            ani.settle();
        }
        server.join("budi");
        ani.until("* JOINED #lobby budi");
    });
}

/// Telnet's questions are answered past the queue, so tickets do not bound what waits there.
#[test]
fn whoever_asks_as_telnet_and_reads_no_answer_is_not_read_from() {
    const MUCH: usize = 64 * 1024 * 1024;
    let server = TestServer::start();
    let mut ani = server.join("ani");
    let asker = server.join("asker");
    let questions: Vec<u8> = [b"\xff\xfd\x06".repeat(300), b"\n".to_vec()].concat().repeat(64);
    let mut stream = asker.bytes();
    // Long enough for a server that is busy, and the write comes back without having written.
    asker.stream().set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut sent = 0;
    while sent < MUCH {
        match stream.write(&questions) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    assert!(sent < MUCH, "it reads on and on, and somewhere {sent} bytes of answers wait");
    ani.settle();
}

/// Does something at the end of a block, also where that is a panic.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn many_long_answers_at_once_are_not_slow_reading() {
    const PAGES: usize = 60;
    let server = TestServer::start();
    let mut ani = server.join("ani");
    for _ in 0..60 {
        ani.send(&format!("MSG:{}", "x".repeat(2_000)));
    }
    ani.settle();
    // All in one go, as a program does it; and it reads all the while.
    let ask: String = (0..PAGES).map(|page| format!("HISTORY={page}:\n")).collect();
    let mut stream = ani.bytes();
    let asking = std::thread::Builder::new().name("asking".into()).spawn(move || stream.write_all(ask.as_bytes()));
    for page in 0..PAGES {
        ani.until(&format!("* END HISTORY #lobby tag={page} ..."));
    }
    asking.unwrap().join().unwrap().unwrap();
}

/// What was sent in one piece with the first line of a paste is read to its end, also where there is no name yet.
#[test]
fn lines_of_a_paste_that_may_not_begin_are_no_commands() {
    let server = TestServer::start();
    let mut eko = server.connect();
    eko.send_bytes(b"PASTE=1:\nJOIN:eko\nrahasia\n.\nPING:x\n");
    let heard: Vec<String> = (0..3).filter_map(|_| eko.line()).collect();
    assert!(heard[1].contains(" ERR 451 not-signed-on PASTE tag=1: ") && heard[2].ends_with(" PONG x"), "{heard:?}");
}

/// A paste within its own bounds is said, or has to wait; nobody is muted for it, or for lines in it that are the same.
#[test]
fn who_pastes_much_is_not_muted() {
    let server = short(|config| {
        config.spam_lines = 30;
        config.spam_repeats = 3;
    });
    let (mut ani, mut budi) = (server.join("ani"), server.join("budi"));
    let paste = |tag: &str| format!("PASTE={tag}:\n{}.\n", "the same\n".repeat(200));
    budi.send_bytes(paste("1").as_bytes());
    budi.until("* OK PASTE tag=1 room=#lobby id=200");
    (0..4).for_each(|_| budi.send_bytes(paste("2").as_bytes()));
    for _ in 0..4 {
        budi.until("* ERR 429 too-fast PASTE tag=2 retry=*: Nothing of your paste was said: ...");
    }
    budi.send("halo");
    ani.until("* MSG #lobby 201 budi: halo");
}

/// Ctrl-D leaves, and a paste that was begun is not lost without a word.
#[test]
fn who_leaves_in_the_middle_of_a_paste_is_told_that_it_was_not_said() {
    let server = TestServer::start();
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
#[test]
fn who_is_turned_away_and_speaks_on_can_still_read_why() {
    let server = short(|config| config.max_clients = 1);
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
