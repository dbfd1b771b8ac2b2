//! A process that is killed at any moment: what it had been told is kept, is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_conformance::program::tied;
use chat_server::features::archive::store::Record;
use chat_server::model::event::{Envelope, Event, Version, What};
use chat_store::{Durability, check};

use crate::kit::{Talk, changed, options, said};

/// What the child finds its directory and durability in.
const DIR: &str = "CHAT_STORE_CRASH_DIR";
const HOW: &str = "CHAT_STORE_CRASH_HOW";
const ROOMS: [&str; 3] = ["#a", "#b", "#c"];

/// What has a room's log at an id: every seventh line deletes the one five before it.
fn line(room: &str, id: u64) -> Arc<Envelope> {
    if id.is_multiple_of(7) {
        changed(room, id, id - 5, What::Deleted)
    } else {
        said(room, id, "ani", &words(room, id))
    }
}

fn words(room: &str, id: u64) -> String {
    format!("{room} says number{id} {}", "and more ".repeat((id % 9) as usize))
}

/// Not a test: the process that is killed. It says what is kept, when it is.
#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let durability = Durability::named(&std::env::var(HOW).unwrap()).unwrap();
    let mut talk = Talk::with(options(Path::new(&dir), durability));
    let mut last_ids = [0; ROOMS.len()];
    for (room, last_id) in ROOMS.iter().zip(&mut last_ids) {
        let stored = talk.contents.rooms.iter().find(|stored| stored.state.name.as_str() == *room);
        *last_id = stored.map_or(0, |stored| stored.last_id);
    }
    let mut out = std::io::stdout().lock();
    loop {
        let mut lines = Vec::new();
        for (room, last_id) in ROOMS.iter().zip(&mut last_ids) {
            for _ in 0..fastrand::u64(0..30) {
                *last_id += 1;
                lines.push(line(room, *last_id));
            }
        }
        talk.keep(Record { lines, ..Record::default() });
        let [a, b, c] = last_ids;
        writeln!(out, "kept {a} {b} {c}").unwrap();
    }
}

/// Kills a process that writes so many times, and looks each time whether all it said was kept is there.
fn kill(durability: Durability, times: usize) {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..times {
        let mut child = tied(std::env::current_exe().unwrap())
            .args(["crash::child", "--exact", "--ignored", "--nocapture"])
            .env(DIR, dir.path())
            .env(HOW, durability.word())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut kept = [0_u64; ROOMS.len()];
        let mut dies_at = None;
        let mut heard = String::new();
        // To its end, for what it had said before it was killed counts.
        while out.read_line(&mut heard).unwrap() > 0 {
            if let Some((_, ids)) = heard.trim_end().split_once("kept ").filter(|_| heard.ends_with('\n')) {
                let ids: Vec<u64> = ids.split(' ').map(|id| id.parse().unwrap()).collect();
                kept.copy_from_slice(&ids);
                let dies_at =
                    *dies_at.get_or_insert_with(|| Instant::now() + Duration::from_micros(fastrand::u64(0..40_000)));
                if Instant::now() >= dies_at {
                    child.kill().unwrap();
                }
            }
            heard.clear();
        }
        child.wait().unwrap();
        assert!(kept.iter().sum::<u64>() > 0, "it had the time to say something");
        let findings = check(dir.path()).unwrap();
        assert!(findings.is_sound, "{}", findings.text);
        let mut talk = Talk::open(dir.path());
        for (room, kept) in ROOMS.iter().zip(kept) {
            let lines = talk.page(room);
            let last_id = lines.last().and_then(|line| line.id()).unwrap_or(0);
            if durability != Durability::Relaxed {
                assert!(last_id >= kept, "{room}: {kept} was kept, and {last_id} is the last one");
            }
            // As far as a page goes; that all ids before it are there was checked above.
            for (n, found) in lines.iter().enumerate() {
                let id = last_id + 1 + n as u64 - lines.len() as u64;
                assert_eq!(found.id(), Some(id), "{room}");
                match &found.event {
                    Event::Said(speech) if speech.version == Version::Deleted => {
                        assert!(id % 7 == 2 && id + 5 <= last_id && speech.text.is_empty(), "{room} {id}");
                    }
                    Event::Said(speech) => {
                        assert_eq!(speech.text.as_str(), words(room, id));
                        assert!(id % 7 != 2 || id + 5 > last_id, "{room} {id} was deleted");
                    }
                    _ => assert!(id.is_multiple_of(7), "{room} {id}"),
                }
            }
        }
        talk.stop();
    }
}

#[test]
fn what_was_kept_survives_a_hundred_kills() {
    kill(Durability::Commit, 100);
}

#[test]
fn so_it_does_when_the_disk_is_waited_for() {
    kill(Durability::Full, 20);
}

#[test]
fn without_a_promise_the_log_still_has_no_holes() {
    kill(Durability::Relaxed, 20);
}
