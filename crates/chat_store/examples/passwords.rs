//! What signing in costs: `cargo run --release -p chat_store --example passwords -- [MIB]`.
//!
//! The time of an answer to the right password, to a wrong one, and to a name without an account, in turns; then how many a second
//! there are when many come at once. MIB is the setting `password_mib`.

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use chat_server::features::archive::store::{Proof, Question, Report};
use chat_server::model::names::Name;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_store::{Durability, Offline, Options, Retention, Sqlite, Strength};

const TIMES: usize = 100;

fn sign_in(name: &str, password: &str) -> Question {
    let proof = Proof::Password(Name::parse(name).unwrap(), Secret::new(password));
    Question::SignIn { proof, token: false, from: None, guarded: None }
}

fn answer(reports: &Receiver<Report>) {
    match reports.recv_timeout(Duration::from_secs(60)) {
        Ok(Report::Answer(..)) => {}
        other => panic!("{other:?}"),
    }
}

fn main() {
    let mib = std::env::args().nth(1).map_or(19, |mib| mib.parse().expect("a number of MiB"));
    let strength = Strength::new(mib).expect("from 19 to 1,024 MiB");
    let dir = tempfile::tempdir().unwrap();
    let offline = Offline::open(dir.path(), strength).unwrap();
    offline.add(&Name::parse("ani").unwrap(), &Secret::new("correct horse"), Role::Member).unwrap();
    drop(offline);
    let (durability, retention) = (Durability::Commit, Retention::default());
    let (mut sqlite, _) = Sqlite::open(Options { dir: dir.path().into(), durability, retention }).unwrap();
    sqlite.set_strength(strength);
    let (sender, reports) = mpsc::channel();
    let (mut store, guard) = sqlite.start(move |report| drop(sender.send(report))).unwrap();
    let cases =
        [("right", "ani", "correct horse"), ("wrong", "ani", "correct zebra"), ("unknown", "budi", "correct horse")];
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..TIMES {
        for ((_, name, password), times) in cases.iter().zip(&mut times) {
            let began = Instant::now();
            store.ask(1, sign_in(name, password)).unwrap();
            answer(&reports);
            times.push(began.elapsed());
        }
    }
    println!("{mib} MiB     least   median      p90");
    for ((case, ..), times) in cases.iter().zip(&mut times) {
        times.sort();
        let at = |part: usize| format!("{:.1} ms", times[(TIMES - 1) * part / 10].as_secs_f64() * 1e3);
        println!("{case:<8} {:>8} {:>8} {:>8}", at(0), at(5), at(9));
    }
    let (began, mut waiting) = (Instant::now(), 0);
    for _ in 0..TIMES {
        while store.ask(1, sign_in("ani", "correct horse")).is_err() {
            answer(&reports);
            waiting -= 1;
        }
        waiting += 1;
    }
    (0..waiting).for_each(|_| answer(&reports));
    println!("{:.0} a second when many come", TIMES as f64 / began.elapsed().as_secs_f64());
    guard.stop(Duration::from_secs(60)).unwrap();
}
