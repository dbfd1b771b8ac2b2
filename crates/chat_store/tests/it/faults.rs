//! What goes wrong with disks and files, and what is said then.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use chat_server::features::archive::store::{Answer, Keeping, Proof, Question, Record, Refused, Report};
use chat_server::model::event::{Event, Version, What};
use chat_server::model::secrets::Secret;
use chat_store::{FILE, OpenError, check};
use rusqlite::Connection;

use crate::kit::{Talk, changed, name, refused, room_name, said, words};

#[test]
fn a_second_server_is_told_who_has_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let talk = Talk::open(dir.path());
    let error = refused(dir.path());
    let me = std::process::id();
    assert!(matches!(error, OpenError::InUse { pid: Some(pid), .. } if pid == me), "{error:?}");
    assert!(error.to_string().contains(&format!("in use by process {me}\n  try: ")), "{error}");
    talk.stop();
    Talk::open(dir.path()).stop();
}

#[test]
fn a_damaged_file_is_never_taken_for_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say((1..=2_000).map(|id| said("#a", id, "ani", &format!("a line {id} of some length, as people write"))));
    talk.stop();
    let file = dir.path().join(FILE);
    let sound = fs::read(&file).unwrap();
    let db = Connection::open(&file).unwrap();
    let log: usize =
        db.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'log'", [], |row| row.get(0)).unwrap();
    drop(db);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        fs::write(&file, bytes).unwrap();
    };
    // Its head is another's.
    with(&|bytes| bytes[..100].fill(b'x'));
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("try: chatd check"), "{error}");
    // The disk lost a part of it.
    with(&|bytes| bytes.truncate(8_192));
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    // A page in the middle that is in use: a server may not notice, but a check does.
    with(&|bytes| bytes[(log - 1) * 4_096..log * 4_096].fill(0xA5));
    let findings = check(dir.path()).unwrap();
    assert!(!findings.is_sound && findings.text.contains("structure: "), "{}", findings.text);
    with(&|bytes| {
        let middle = bytes.len() / 2 / 4_096 * 4_096;
        bytes[middle..].fill(0xA5);
    });
    let findings = check(dir.path()).unwrap();
    assert!(!findings.is_sound && findings.text.contains("structure: "), "{}", findings.text);
    // And sound again, as from a backup.
    with(&|_| {});
    let talk = Talk::open(dir.path());
    assert_eq!(talk.contents.rooms[0].last_id, 2_000);
    talk.stop();
}

#[test]
fn a_journal_without_its_file_is_not_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(format!("{FILE}-wal")), b"what was said").unwrap();
    assert!(matches!(refused(dir.path()), OpenError::Damaged { .. }));
}

#[test]
fn a_page_that_cannot_be_read_is_refused_and_the_chat_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say((1..=20_000).map(|id| said("#a", id, "ani", &format!("a line {id} of some length, as people write"))));
    talk.stop();
    let file = dir.path().join(FILE);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(12).position(|window| window == b"a line 2800 ").unwrap() / 4_096 * 4_096;
    bytes[at..at + 4_096].fill(0xA5);
    fs::write(&file, bytes).unwrap();
    let mut talk = Talk::open(dir.path());
    let room = room_name("#a");
    let page = Question::Page { room, before: 3_000, after: None, limit: 500, export: false };
    talk.store.ask(1, page).unwrap();
    match talk.report() {
        Report::Answer(1, Answer::Refused(error)) => {
            assert_eq!(error, Refused::Busy)
        }
        other => panic!("{other:?}"),
    }
    talk.say([said("#a", 20_001, "ani", "still here")]);
    assert_eq!(words(&talk.page("#a")).last().unwrap(), "still here");
    talk.stop();
}

#[test]
fn what_is_said_while_another_program_has_the_lock_is_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "before")]);
    let other = Connection::open(dir.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (keeping, turn) = talk.hand_over(Record { lines: vec![said("#a", 2, "ani", "during")], ..Record::default() });
    assert_eq!(keeping, Keeping::Wait);
    match talk.report() {
        Report::NotKept { turn: not_kept, why } => {
            assert_eq!(not_kept, turn);
            assert!(why.contains("another program has locked the data"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    // The chat goes on meanwhile, and waits for nothing.
    for id in 3..=500 {
        let (keeping, _) = talk.hand_over(Record { lines: vec![said("#a", id, "ani", "during")], ..Record::default() });
        assert_eq!(keeping, Keeping::Go);
    }
    assert!(talk.guard.figures().is_in_trouble());
    other.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(talk.report(), Report::Recovered));
    assert!(!talk.guard.figures().is_in_trouble());
    talk.say([said("#a", 501, "ani", "after")]);
    let lines = talk.page("#a");
    assert_eq!(lines.iter().map(|line| line.id().unwrap()).collect::<Vec<_>>(), (1..=501).collect::<Vec<_>>());
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
}

#[test]
fn what_finds_no_room_in_memory_is_known_to_be_lost_and_what_was_deleted_stays_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "a secret that is deleted later"), said("#b", 1, "ani", "x")]);
    let other = Connection::open(dir.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    talk.hand_over(Record { lines: vec![said("#a", 2, "ani", "the first in memory")], ..Record::default() });
    assert!(matches!(talk.report(), Report::NotKept { .. }));
    let mut id = 2;
    for _ in 0..260 {
        let lines = (0..1_000).map(|n| said("#a", id + 1 + n, "ani", "x")).collect();
        talk.hand_over(Record { lines, ..Record::default() });
        id += 1_000;
    }
    talk.hand_over(Record { lines: vec![changed("#a", id + 1, 1, What::Deleted)], ..Record::default() });
    talk.hand_over(Record { lines: vec![said("#a", id + 2, "ani", "lost as well")], ..Record::default() });
    let mut metrics = String::new();
    talk.guard.figures().append(&mut metrics);
    let lost = metrics.lines().find_map(|line| line.strip_prefix("chat_store_lost_lines_total ")).unwrap();
    let lost: u64 = lost.parse().unwrap();
    assert!(lost > 50_000, "{metrics}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(talk.report(), Report::Recovered));
    talk.say([said("#a", id + 3, "ani", "after")]);
    // While the index is that far behind, a search may be refused, but never finds less than there is.
    assert!(talk.search("secret").is_empty());
    assert_eq!(talk.search("after"), [id + 3]);
    let lines = talk.page("#a");
    let ids: Vec<u64> = lines.iter().filter_map(|line| line.id()).collect();
    assert_eq!(ids[ids.len() - 2..], [id + 1, id + 3]);
    talk.stop();
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
    let talk = Talk::open(dir.path());
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    let known: u64 = db.query_row("SELECT sum(last - first + 1) FROM lost", [], |row| row.get(0)).unwrap();
    assert_eq!(known, lost);
    talk.stop();
}

// ---- in a mount namespace of their own ----

const DIR: &str = "CHAT_STORE_FAULT_DIR";

/// Runs one of the tests below that are no tests, after a script that makes the directory what it is to be.
fn in_namespace(child: &str, script: &str) {
    let dir = tempfile::tempdir().unwrap();
    let me = std::env::current_exe().unwrap();
    let script = format!("set -e; {script}; exec \"$2\" faults::{child} --exact --ignored --nocapture");
    let ran = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script, "sh"])
        .args([dir.path(), &me])
        .env(DIR, dir.path())
        .stdin(Stdio::null())
        .output();
    match ran {
        Ok(out) if out.status.success() => {
            let said = String::from_utf8_lossy(&out.stdout);
            assert!(said.contains("1 passed"), "{said}");
        }
        Ok(out) if !String::from_utf8_lossy(&out.stderr).contains("unshare") => {
            panic!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        }
        // Only root has namespaces everywhere.
        _ if std::env::var_os("CI").is_some() => panic!("unshare --mount cannot be had"),
        _ => eprintln!("SKIPPED: unshare --mount cannot be had"),
    }
}

#[test]
fn on_a_full_disk_the_chat_goes_on_and_nothing_is_lost() {
    in_namespace("full_disk", "mount -t tmpfs -o size=2m none \"$1\"");
}

#[test]
#[ignore = "needs a small disk: the test above"]
fn full_disk() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![1; 1024 * 1024]).unwrap();
    let data = dir.join("data");
    let mut talk = Talk::open(&data);
    let secret = || Secret::new("correct horse");
    let (invite, needs_invite, token) = (None, false, false);
    let from = Some(std::net::Ipv4Addr::LOCALHOST.into());
    let register = Question::Register { name: name("ani"), secret: secret(), invite, needs_invite, token, from };
    talk.store.ask(1, register).unwrap();
    assert!(matches!(talk.report(), Report::Answer(1, Answer::Account { .. })));
    let mut id = 0;
    let words = "quite a few words that fill the disk ".repeat(10);
    let mut next = || {
        let lines = (0..10).map(|_| {
            id += 1;
            if id % 50 == 0 { changed("#a", id, id - 1, What::Deleted) } else { said("#a", id, "ani", &words) }
        });
        Record { lines: lines.collect(), ..Record::default() }
    };
    let mut kept = 0;
    let why = loop {
        let (keeping, turn) = talk.hand_over(next());
        assert_eq!(keeping, Keeping::Wait);
        match talk.report() {
            Report::Kept(of) => {
                assert_eq!(of, turn);
                kept += 10;
            }
            Report::NotKept { turn: of, why } => {
                assert_eq!(of, turn);
                break why;
            }
            other => panic!("{other:?}"),
        }
        assert!(kept < 10_000, "the disk is never full");
    };
    assert!(why.contains("is full; free some space there"), "{why}");
    assert!(kept > 100, "{kept}");
    for _ in 0..50 {
        assert_eq!(talk.hand_over(next()).0, Keeping::Go);
    }
    // What was kept can be read on a full disk.
    assert!(talk.page("#a").iter().filter_map(|line| line.id()).max() >= Some(kept));
    // And people are still who they are, though no user can write down that they came.
    let rest = dir.join("rest");
    let mut full = fs::File::create(&rest).unwrap();
    while full.write_all(&[0; 512]).is_ok() {}
    let proof = |password: &str| Proof::Password(name("ani"), Secret::new(password));
    for (number, password, is_right) in [(2, "correct horse", true), (3, "correct zebra", false)] {
        let sign_in = Question::SignIn { proof: proof(password), token, from, guarded: None };
        talk.store.ask(number, sign_in).unwrap();
        match talk.report() {
            Report::Answer(of, Answer::Account { .. }) => assert!(is_right && of == number),
            Report::Answer(of, Answer::Refused(Refused::WrongPassword)) => assert!(!is_right && of == number),
            other => panic!("{other:?}"),
        }
    }
    let sign_in = Question::SignIn { proof: proof("correct horse"), token: true, from, guarded: None };
    talk.store.ask(4, sign_in).unwrap();
    assert!(matches!(talk.report(), Report::Answer(4, Answer::Refused(Refused::Busy))));
    fs::remove_file(&rest).unwrap();
    fs::remove_file(&ballast).unwrap();
    assert!(matches!(talk.report(), Report::Recovered));
    talk.keep(next());
    let all = kept + 520;
    let mut before = u64::MAX;
    let mut ids = Vec::new();
    loop {
        let room = room_name("#a");
        let (lines, more) = talk.ask(Question::Page { room, before, after: None, limit: 1_000, export: false });
        for line in lines.iter().rev() {
            let id = line.id().unwrap();
            ids.push(id);
            if let Event::Said(speech) = &line.event {
                let is_deleted = id % 50 == 49;
                assert_eq!(speech.version == Version::Deleted, is_deleted, "{id}");
            }
        }
        let Some(more) = more else { break };
        before = more;
    }
    assert_eq!(ids, (1..=all).rev().collect::<Vec<_>>());
    talk.stop();
    let findings = check(&data).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
}

#[test]
fn on_a_read_only_disk_there_is_no_store() {
    in_namespace("read_only", "mount -t tmpfs none \"$1\"; mkdir \"$1/empty\"; mount -o remount,ro \"$1\"");
}

#[test]
#[ignore = "needs a read-only disk: the test above"]
fn read_only() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    for place in [dir.join("empty"), dir.join("new")] {
        let error = refused(&place);
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
        assert!(error.to_string().starts_with("cannot write to "), "{error}");
    }
}

#[test]
fn data_on_a_read_only_disk_is_not_opened() {
    in_namespace("read_only_data", "mount -t tmpfs none \"$1\"");
}

#[test]
#[ignore = "needs a disk of its own: the test above"]
fn read_only_data() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let mount = |how: &str| {
        let done = Command::new("mount").args(["--bind", "-o", how, &dir, &dir]).status().unwrap();
        assert!(done.success());
    };
    let data = Path::new(&dir).join("data");
    let mut talk = Talk::open(&data);
    talk.say([said("#a", 1, "ani", "before")]);
    talk.stop();
    mount("ro");
    let error = refused(&data);
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
    assert!(Command::new("umount").arg(&dir).status().unwrap().success());
    let mut talk = Talk::open(&data);
    talk.say([said("#a", 2, "ani", "after")]);
    assert_eq!(words(&talk.page("#a")), ["before", "after"]);
    talk.stop();
}
