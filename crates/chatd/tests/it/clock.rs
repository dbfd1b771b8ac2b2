//! Promise P17: a clock that jumps, as one does that was set wrong, changes nothing but the time that is shown. No user is
//! disconnected or kept out, ids go on, and what was said stays in the order it was said in.

use std::fs;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::kit::{self, Chatd, DEADLINE, command, hears, says};
use chat_conformance::program::is_here;
use chrono::{DateTime, TimeDelta, Utc};

/// The library that stands between a program and its clock. Debian has it where `ld.so` looks only when it is told.
fn library() -> PathBuf {
    let mut places = fs::read_dir("/usr/lib").expect("/usr/lib is there").filter_map(Result::ok);
    let library = places.find_map(|place| {
        let library = place.path().join("faketime/libfaketime.so.1");
        library.is_file().then_some(library)
    });
    library.expect("the package that has faketime has its library as well")
}

/// Sets the server's clock so many days off the true one. All at once: it may be read at any moment.
fn set(clock: &Path, days: i64) {
    let next = clock.with_extension("next");
    fs::write(&next, format!("{days:+}d\n")).expect("the clock's file");
    fs::rename(&next, clock).expect("the clock's file is in place");
}

/// How many days the server's clock is off, as the user who asks it is shown.
fn shown(person: &mut BufReader<TcpStream>) -> i64 {
    says(person, "PING:clock\n");
    let pong = hears(person, " PONG clock");
    let time: DateTime<Utc> = pong.split(' ').next().and_then(|time| time.parse().ok()).expect("a time comes first");
    // To the next whole day, for the answer was some moments under way.
    (time - DateTime::<Utc>::from(SystemTime::now()) + TimeDelta::hours(12)).num_seconds().div_euclid(86_400)
}

fn a_clock_that_jumps_disturbs_nobody(engine: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, data) = (folder.path().join("clock"), folder.path().join("data"));
    set(&clock, 0);
    let start = |command: &mut Command| {
        command.args(["--engine", engine, "--data"]).arg(&data);
        // The clock that counts what has passed is left as it is: no user can set that one.
        let settings = [("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &clock).envs(settings);
        Chatd::run(command)
    };
    let mut chatd = start(&mut command());
    let (mut ani, mut budi) = (chatd.join("ani"), chatd.join("budi"));
    says(&mut ani, "REGISTER:correct-horse\n");
    hears(&mut ani, " OK REGISTER ");
    for (id, days) in (1..).zip([0, 1, -1, 3_650, -3_650, 0]) {
        set(&clock, days);
        // A turn that had begun before has the time of before.
        let until = Instant::now() + DEADLINE;
        while shown(&mut budi) != days {
            assert!(Instant::now() < until, "the jump is seen");
        }
        says(&mut budi, &format!("MSG:jump {id}\n"));
        hears(&mut ani, &format!(" MSG #lobby {id} budi: jump {id}"));
        // Who comes by a password still does, and is greeted with what was said, in its order.
        let mut again = BufReader::new(kit::connect(&chatd.line));
        says(&mut again, "LOGIN:ani correct-horse\n");
        hears(&mut again, " OK LOGIN name=ani ");
        for id in 1..=id {
            hears(&mut again, &format!(" MSG #lobby {id} budi: jump {id}"));
        }
    }
    // More than a tick of the server's, in which a deadline by the wrong clock would have ended a user.
    for days in [36_500, -7_300, 0] {
        set(&clock, days);
        std::thread::park_timeout(Duration::from_millis(300));
        for person in [&mut ani, &mut budi] {
            assert_eq!(shown(person), days, "who is here stays here");
        }
    }
    chatd.signal("TERM");
    chatd.ends_with(0);
    // The operator reads of the clock once, and of nothing else.
    let log = chatd.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).collect();
    assert!(warnings.iter().all(|line| line.contains(" chat_store::calendar: the clock shows ")), "{log}");

    // It starts where the clock is behind all that is kept, and counts on.
    set(&clock, -30);
    let mut chatd = start(&mut command());
    let mut ani = BufReader::new(kit::connect(&chatd.line));
    says(&mut ani, "LOGIN:ani correct-horse\nMSG:behind it all\nHISTORY:#lobby limit=2\n");
    hears(&mut ani, " OK LOGIN name=ani ");
    hears(&mut ani, " BEGIN HISTORY #lobby 2");
    hears(&mut ani, " MSG #lobby 6 budi: jump 6");
    hears(&mut ani, " MSG #lobby 7 ani: behind it all");
    chatd.signal("TERM");
    chatd.ends_with(0);
}

#[test]
fn a_clock_that_jumps_disturbs_nobody_on_any_engine() {
    if !is_here("faketime") {
        return;
    }
    for engine in ["direct", "threads", "pool", "tokio"] {
        a_clock_that_jumps_disturbs_nobody(engine);
    }
}
