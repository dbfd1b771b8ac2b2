//! The memory that hashing takes comes back when there is nothing to hash. Alone in its process, for other tests take memory as well.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use chat_conformance::program::alone;
use chat_server::features::archive::store::{Answer, Proof, Question, Report};
use chat_server::model::names::Name;
use chat_server::model::secrets::Secret;
use chat_store::{Durability, Options, Retention, Sqlite};

const MIB: usize = 1024;

/// The memory that is in use and stands in no file, in KiB.
fn in_use() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it says so");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_burst_of_sign_ins_leaves_no_memory_behind() {
    alone("memory::a_burst_of_sign_ins_leaves_no_memory_behind", burst);
}

fn burst() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: dir.path().into(), durability: Durability::Relaxed, retention: Retention::default() };
    let (sqlite, _) = Sqlite::open(options).unwrap();
    let (said, reports) = mpsc::channel();
    let (mut store, guard) = sqlite.start(move |report| drop(said.send(report))).unwrap();
    let before = in_use();
    // Not only the first time: the system's allocator learns from what is freed, and may keep the next.
    for round in 0..3 {
        let mut most = 0;
        for number in 0..12 {
            let proof = Proof::Password(Name::parse("ani").unwrap(), Secret::new("correct horse"));
            let question = Question::SignIn { proof, token: false, from: None, guarded: None };
            store.ask(round * 12 + number, question).expect("there is a place");
        }
        for _ in 0..12 {
            let report = reports.recv_timeout(Duration::from_secs(60)).expect("an answer");
            assert!(matches!(report, Report::Answer(_, Answer::Refused(_))), "{report:?}");
            most = most.max(in_use());
        }
        assert!(most > before + 18 * MIB, "hashing took memory: {before} KiB, then {most} KiB");
        let until = Instant::now() + Duration::from_secs(30);
        while in_use() > before + 8 * MIB {
            assert!(Instant::now() < until, "{before} KiB before, {most} KiB at most, {} KiB after", in_use());
            thread::park_timeout(Duration::from_millis(10));
        }
    }
    drop(store);
    guard.stop(Duration::from_secs(30)).unwrap();
}
