//! Coming and going: every way to leave, the names that become free by it, and the server's own end.

use std::io::{ErrorKind, Read};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use chat_server::chat::message::Message;
use chat_server::chat::outbox::{Batch, Deliver, Undelivered};
use chat_server::model::text::Text;
use chat_server::testing::{DEADLINE, Engine, TestClient, quick};

use crate::limits::short;

pub fn whoever_never_gave_a_name_leaves_no_trace(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    drop(server.connect());
    let mut half = server.connect();
    half.send_bytes(b"MSG:a line that has no end");
    drop(half);
    assert_eq!(ani.settle(), [] as [String; 0]);
}

pub fn a_half_close_is_a_goodbye_after_all_answers(engine: Engine) {
    let server = engine.start();
    let mut ci = server.connect();
    ci.send_bytes(b"JOIN:ci\nMSG:done\nPING:a\nPING:b"); // the last line has no end
    ci.hang_up();
    let heard = ci.rest();
    assert!(heard[heard.len() - 3].ends_with("PONG a"), "{heard:#?}");
    assert!(heard[heard.len() - 2].ends_with("PONG b"), "{heard:#?}");
    assert!(heard[heard.len() - 1].ends_with("BYE 200 quit: Bye, ci."), "{heard:#?}");
}

pub fn a_name_is_free_as_soon_as_its_owner_is_gone(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    for way in 0..4 {
        let mut budi = server.join("budi");
        match way {
            0 => budi.send("QUIT"),
            1 => budi.hang_up(),
            2 => drop(budi),
            _ => {
                // Closed with something unread in it: the system sends a reset.
                ani.send("MSG:you will not read this");
                ani.settle();
                drop(budi);
            }
        }
        ani.until("* LEFT #lobby budi: ...");
    }
    server.join("budi");
}

pub fn who_whispered_to_a_guest_whose_line_breaks_is_told(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut budi = server.join("budi");
    ani.send("WHISPER:budi seen");
    ani.hears("* JOINED #lobby budi");
    ani.hears("* OK WHISPER to=budi");
    budi.until("* WHISPER ani budi: seen");
    budi.settle();
    ani.send("WHISPER:budi into the void");
    ani.hears("* OK WHISPER to=budi");
    breaks(budi);
    ani.hears("* NOTE *: budi was cut off, and may not have read your whisper: into the void");
    ani.hears("* LEFT #lobby budi: connection lost");
    // One that was answered, and one before an end that the guest chose.
    for (way, why) in [("answers", "connection lost"), ("hangs up", "connection closed")] {
        let mut citra = server.join("citra");
        ani.hears("* JOINED #lobby citra");
        ani.send("WHISPER:citra psst");
        ani.hears("* OK WHISPER to=citra");
        citra.until("* WHISPER ani citra: psst");
        if way == "answers" {
            citra.settle();
            ani.send("MSG:nothing private");
            breaks(citra);
        } else {
            citra.hang_up();
        }
        ani.hears(&format!("* LEFT #lobby citra: {why}"));
    }
}

/// A client that is closed with something unread in it: the system sends a reset.
fn breaks(client: TestClient) {
    let waits = client.stream().peek(&mut [0]);
    assert!(waits.is_ok_and(|bytes| bytes > 0));
}

pub fn who_whispered_to_a_guest_of_whom_nothing_is_heard_is_told(engine: Engine) {
    let server = short(engine, |config| config.idle_secs = Duration::from_secs(1));
    let mut ani = server.join("ani");
    let _budi = server.join("budi");
    ani.send("WHISPER:budi psst");
    let mut heard: Vec<String> = Vec::new();
    while !heard.last().is_some_and(|line| line.contains(" LEFT #lobby budi")) {
        let line = ani.line().expect("ani is here");
        if line.contains(" WARN ") {
            ani.send("PING:still here");
        }
        heard.push(line);
    }
    let told = "NOTE *: budi was cut off, and may not have read your whisper: psst";
    assert!(heard.iter().any(|line| line.ends_with(told)), "{heard:#?}");
}

pub fn one_name_goes_to_one_of_many_who_want_it(engine: Engine) {
    let server = engine.start();
    for round in 0..20 {
        let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| client.send(&format!("JOIN:round{round}")));
        let answers: Vec<String> = clients.iter_mut().map(|client| client.settle().swap_remove(1)).collect();
        let winners = answers.iter().filter(|answer| answer.contains(" OK JOIN ")).count();
        let losers = answers.iter().filter(|answer| answer.contains(" ERR 433 name-in-use JOIN ")).count();
        assert_eq!((winners, losers), (1, 9), "{answers:#?}");
    }
}

pub fn everybody_hears_an_announcement(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut unnamed = server.connect();
    server.handle().announce(Text::new("Cake at four.").unwrap());
    ani.hears("* NOTE *: Cake at four.");
    assert_eq!(unnamed.settle().len(), 1, "without a name a client hears only HELLO");
}

pub fn the_end_tells_everybody_and_joins_every_thread(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut unnamed = server.connect();
    unnamed.settle();
    server.stop().unwrap();
    ani.hears("* NOTE *: The server is stopping.");
    ani.hears("* BYE 503 shutting-down: The server is stopping.");
    assert_eq!(ani.line(), None);
    unnamed.hears("* BYE 503 shutting-down: ...");
}

pub fn the_end_comes_in_the_middle_of_much_talk(engine: Engine) {
    let server = engine.start();
    // There before the talk begins, which may be over sooner than a client joins.
    let mut ani = server.join("ani");
    let talkers: Vec<_> = (0..20)
        .map(|i| {
            let mut client = server.join(&format!("talker{i}"));
            let talk = move || {
                for line in 0..400 {
                    client.send(&format!("MSG:line {line}"));
                }
                client.rest()
            };
            thread::Builder::new().name(format!("talker-{i}")).spawn(talk).unwrap()
        })
        .collect();
    ani.until("* MSG #lobby ...");
    server.stop().unwrap();
    for talker in talkers {
        let heard = talker.join().unwrap();
        assert!(heard.last().is_some_and(|last| last.contains(" BYE 503 ")), "{:?}", heard.last());
    }
}

/// A panic in the router that no client's request is to blame for. The server ends, and does not wait for what cannot come any more.
pub fn a_router_that_breaks_down_ends_the_server_and_all_clients_are_told(engine: Engine) {
    struct Breaking;

    impl Deliver for Breaking {
        fn deliver(&mut self, _: Batch) -> Result<(), Undelivered> {
            panic!("meant to, for a test");
        }
    }

    let server = engine.start();
    let mut ani = server.join("ani");
    let mut unnamed = server.connect();
    unnamed.settle();
    server.handle().send(Message::Tap(Box::new(Breaking)));
    ani.send("MSG:hello");
    for mut client in [ani, unnamed] {
        let heard = client.rest();
        assert!(heard.last().is_some_and(|last| last.contains(" BYE 500 ")), "{heard:?}");
    }
    let error = server.stop().unwrap_err();
    assert!(error.to_string().starts_with("the router broke down"), "{error}");
}

/// Its queues are full and it takes nothing, so its last words cannot be written: the server does not wait longer for it
/// than it was told to.
pub fn whoever_takes_nothing_is_cut_when_the_time_for_the_end_is_over(engine: Engine) {
    let mut config = quick();
    config.shutdown_secs = Duration::from_millis(500);
    config.slow_secs = Duration::from_secs(600);
    // More than is said in one go, so that lines are missed only where the system takes nothing more.
    config.outbox_bytes = 1024 * 1024;
    let server = engine.with(config);
    let stuck = server.join("stuck");
    let mut ani = server.join("ani");
    let (words, began) = ("x".repeat(2_000), Instant::now());
    // More than the system keeps for it (some MiB) and than fits into its queues: then it misses lines.
    while server.handle().metrics().missed.load(Relaxed) == 0 {
        (0..100).for_each(|_| ani.send(&format!("MSG:{words}")));
        ani.settle();
        assert!(began.elapsed() < DEADLINE, "the queues take all of it");
    }
    let stopping = Instant::now();
    server.stop().unwrap();
    // The grace of its last words is five seconds, and its own patience ten minutes.
    assert!(stopping.elapsed() < Duration::from_secs(4), "it waited {:?}", stopping.elapsed());
    ani.until("* BYE 503 ...");
    // What the system still had for it, and then the end, on this side as well.
    let (mut stream, mut rest) = (stuck.stream(), [0; 64 * 1024]);
    loop {
        match stream.read(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("its connection was left open: {error}"),
        }
    }
}

pub fn a_second_shutdown_does_no_harm(engine: Engine) {
    let server = engine.with(quick());
    server.handle().shutdown();
    server.handle().shutdown();
    server.stop().unwrap();
}
