//! A client that floods, or does not read, is bounded, and the other clients do not notice.

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chat_server::testing::{DEADLINE, Engine, TestClient};

use crate::limits::short;

pub fn whoever_does_not_read_is_told_what_was_missed_then_let_go_and_delays_nobody(engine: Engine) {
    const OUTBOX: usize = 256 * 1024;
    let server = short(engine, |config| {
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

pub fn a_slow_reader_that_reads_again_has_a_gap_where_lines_are_missing(engine: Engine) {
    let server = short(engine, |config| {
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

pub fn one_flooder_does_not_hold_up_the_others(engine: Engine) {
    const LINES: usize = 20_000;
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut flooder = server.join("flooder");
    ani.settle();
    let mut stream = flooder.bytes();
    let lines: String = (0..LINES).map(|line| format!("PING:{line}\n")).collect();
    let flood =
        std::thread::Builder::new().name("flood".into()).spawn(move || stream.write_all(lines.as_bytes())).unwrap();
    flooder.until("* PONG 100");
    // The flood is under way. The answer to another client comes while most of it still waits.
    ani.settle();
    let done = server.handle().metrics().deliveries.load(std::sync::atomic::Ordering::Relaxed);
    assert!(done < LINES as u64 - 1_000, "answered behind {done} of {LINES} lines of the flood");
    flooder.until(&format!("* PONG {}", LINES - 1));
    flood.join().unwrap().unwrap();
}

/// Empty lines need no ticket and get no answer, so nothing in the protocol slows them down: only the transport stands
/// between them and the others. There are more of them than any transport has threads that are shared.
pub fn those_who_never_pause_do_not_hold_up_the_others(engine: Engine) {
    let server = engine.start();
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
pub fn whoever_asks_as_telnet_and_reads_no_answer_is_not_read_from(engine: Engine) {
    const MUCH: usize = 64 * 1024 * 1024;
    let server = engine.start();
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

pub fn many_long_answers_at_once_are_not_slow_reading(engine: Engine) {
    const PAGES: usize = 60;
    let server = engine.start();
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
