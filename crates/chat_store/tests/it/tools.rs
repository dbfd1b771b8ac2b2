//! What an operator does with the data while the server runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chat_server::features::archive::store::Record;
use chat_server::model::event::What;
use chat_store::{FILE, ToolError, backup, check, export};
use chrono::DateTime;
use rusqlite::Connection;

use crate::kit::{Talk, changed, room_name, said, state, text};

#[test]
fn a_backup_taken_while_people_talk_is_a_store_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut talk = Talk::open(&data);
    talk.keep(Record { rooms: vec![state("#a")], lines: vec![said("#a", 1, "ani", "first")], ..Record::default() });
    let done = AtomicBool::new(false);
    let kept = thread::scope(|scope| {
        let talking = scope.spawn(|| {
            let mut id = 1;
            while !done.load(Ordering::Relaxed) {
                talk.say((1..=20).map(|n| said("#a", id + n, "ani", "some words to fill a page of the file")));
                id += 20;
            }
            (talk, id)
        });
        for n in 0..10 {
            backup(&data, &dir.path().join(format!("backup{n}.db"))).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        let (talk, id) = talking.join().unwrap();
        talk.stop();
        id
    });
    let mut before = 0;
    for n in 0..10 {
        let file = dir.path().join(format!("backup{n}.db"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // Put in place as an operator does it.
        let restored = dir.path().join(format!("restored{n}"));
        fs::create_dir(&restored).unwrap();
        fs::copy(&file, restored.join(FILE)).unwrap();
        let findings = check(&restored).unwrap();
        assert!(findings.is_sound, "{}", findings.text);
        let mut talk = Talk::open(&restored);
        let last_id = talk.contents.rooms[0].last_id;
        assert!(before <= last_id && last_id <= kept && last_id % 20 == 1, "{before} {last_id} {kept}");
        before = last_id;
        assert_eq!(talk.search("first"), [1]);
        talk.say([said("#a", last_id + 1, "ani", "goes on")]);
        talk.stop();
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("partial")), "{left:?}");
}

#[test]
fn a_backup_has_the_name_and_the_picture_of_the_place_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Talk::open(&data).stop();
    let place = |data: &std::path::Path, file: &str| data.join("place").join(file);
    let read = |data: &std::path::Path| ["name", "picture.png"].map(|file| fs::read(place(data, file)).ok());
    let [before, with, after] = ["before.db", "with.db", "after.db"].map(|file| dir.path().join(file));
    backup(&data, &before).unwrap();
    fs::create_dir(data.join("place")).unwrap();
    fs::write(place(&data, "name"), "Warung Kopi\n").unwrap();
    fs::write(place(&data, "picture.png"), [0, 159, 146, 150]).unwrap();
    fs::write(place(&data, "name.new"), "War").unwrap();
    backup(&data, &with).unwrap();
    fs::remove_file(place(&data, "picture.png")).unwrap();
    fs::write(place(&data, "name"), "Toko\n").unwrap();
    backup(&data, &after).unwrap();

    let restores = |file: &std::path::Path, data: &std::path::Path| {
        fs::create_dir_all(data).unwrap();
        fs::copy(file, data.join(FILE)).unwrap();
        assert!(check(data).unwrap().is_sound);
        // A backup of what was not started yet is one of the same.
        let again = data.join("again.db");
        backup(data, &again).unwrap();
        fs::rename(again, data.join(FILE)).unwrap();
        Talk::open(data).stop();
        read(data)
    };
    let fresh = dir.path().join("fresh");
    let both = [Some(b"Warung Kopi\n".to_vec()), Some(vec![0, 159, 146, 150])];
    assert_eq!(restores(&with, &fresh), both);
    assert!(!place(&fresh, "name.new").exists());
    // Once: what is set later stays.
    fs::write(place(&fresh, "name"), "Kedai\n").unwrap();
    Talk::open(&fresh).stop();
    assert_eq!(read(&fresh)[0].as_deref(), Some(b"Kedai\n".as_slice()));
    // Over data that is there it is as it was then, without what came later.
    for (file, then) in [(&with, both), (&after, [Some(b"Toko\n".to_vec()), None]), (&before, [None, None])] {
        assert_eq!(restores(file, &data), then);
    }
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let file = dir.path().join("backup.db");
    assert!(matches!(backup(&data, &file), Err(ToolError::NoData(_))));
    Talk::open(&data).stop();
    fs::write(&file, "precious").unwrap();
    assert!(matches!(backup(&data, &file), Err(ToolError::Exists(_))));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    fs::remove_file(&file).unwrap();
    let nowhere = dir.path().join("no/such/place.db");
    assert!(matches!(backup(&data, &nowhere), Err(ToolError::Write { .. })));
    // Damaged data is not handed on as if it were sound.
    let db = data.join(FILE);
    let mut bytes = fs::read(&db).unwrap();
    let len = bytes.len();
    bytes[len - 4_096..].fill(0xA5);
    fs::write(&db, bytes).unwrap();
    assert!(matches!(backup(&data, &file), Err(ToolError::BadCopy(_))));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_check_finds_what_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say((1..=10).map(|id| said("#a", id, "ani", "words")));
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound && findings.text.contains("for a server runs"), "{}", findings.text);
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
    let spoil = |sql: &str| {
        let db = Connection::open(dir.path().join(FILE)).unwrap();
        db.execute_batch(sql).unwrap();
        let findings = check(dir.path()).unwrap();
        assert!(!findings.is_sound, "{sql}: {}", findings.text);
        findings.text
    };
    let text = spoil("UPDATE log SET text = 'others' WHERE id = 5");
    assert!(text.contains("search index: not what the lines say"), "{text}");
    let text = spoil("UPDATE log SET text = 'words' WHERE id = 5; DELETE FROM log WHERE id = 10");
    assert!(text.contains("ids: #a should have 10 lines, 1 to 10, and has 9; 0 are known to be lost"), "{text}");
    let text = spoil("PRAGMA foreign_keys = OFF; DELETE FROM rooms");
    assert!(text.contains("references: a row of log refers to nothing in rooms"), "{text}");
}

#[test]
fn an_export_has_everything_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([
        said("#b", 1, "budi", "he said \"hi\" \\ привет"),
        said("#a", 1, "ani", "one"),
        said("#a", 2, "ani", "twoo"),
        changed("#a", 3, 2, What::Edited(text("two").into())),
        said("#a", 4, "ani", "gone"),
        changed("#a", 5, 4, What::Deleted),
    ]);
    let run = |room: Option<&str>, since| {
        let mut out = Vec::new();
        let count = export(dir.path(), room.map(room_name).as_ref(), since, &mut out).unwrap();
        let lines: Vec<serde_json::Value> =
            String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len() as u64, count);
        lines
    };
    let lines = run(None, None);
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0]["room"], "#a");
    assert_eq!(lines[0]["at"], "1970-01-01T00:00:01.000Z");
    assert_eq!(lines[1]["text"], "two");
    assert_eq!(lines[1]["edited"], true);
    assert_eq!(lines[3]["deleted"], true);
    assert_eq!(lines[4]["re"], 4);
    assert_eq!(lines[5]["text"], "he said \"hi\" \\ привет");
    assert_eq!(run(Some("#B"), None).len(), 1);
    assert_eq!(run(Some("#a"), DateTime::from_timestamp_millis(4_000)).len(), 2);
    let error = export(dir.path(), Some(&room_name("#c")), None, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().starts_with("no room #c is kept here\n  try: "), "{error}");
    talk.stop();
}
