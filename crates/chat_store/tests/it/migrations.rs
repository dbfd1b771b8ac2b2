//! Files that older versions made, and those of newer ones.

use chat_server::event::What;
use chat_store::{FILE, OpenError, check};
use rusqlite::Connection;

use crate::kit::{Talk, changed, refused, said, said_with, words};

/// A file as version 1 made it, by hand, so that no change of today's code changes it.
const VERSION_1: &str = include_str!("version1.sql");

#[test]
fn a_file_of_version_1_becomes_one_of_today_with_all_that_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    db.execute_batch(VERSION_1).unwrap();
    drop(db);
    let mut talk = Talk::open(dir.path());
    assert_eq!(talk.contents.forgotten_id, 17);
    let room = &talk.contents.rooms[0];
    assert_eq!((room.state.name.as_str(), room.first_id, room.last_id), ("#Rust", 1, 4));
    let (by, topic) = room.state.topic.as_ref().unwrap();
    assert_eq!((by.as_str(), topic.as_str()), ("budi", "crates"));
    assert_eq!(words(&talk.page("#rust")), ["an old line, corrected", "", "edit: an old line, corrected", "delete 2"]);
    // The index of version 2 is made of what was there.
    assert_eq!(talk.search("corrected"), [1]);
    talk.say([said("#rust", 5, "ani", "a new line")]);
    assert_eq!(talk.search("line"), [1, 5]);
    talk.stop();
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
}

#[test]
fn a_check_of_an_old_file_leaves_it_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    db.execute_batch(VERSION_1).unwrap();
    drop(db);
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound && findings.text.contains("version 1"), "{}", findings.text);
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Talk::open(dir.path()).stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    db.pragma_update(None, "user_version", 1_000).unwrap();
    drop(db);
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Newer { found: 1_000, .. }), "{error:?}");
    assert!(error.to_string().contains("a newer one made it\n  try: "), "{error}");
    assert!(check(dir.path()).is_err());
}

#[test]
fn the_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    db.execute_batch("CREATE TABLE recipes (cake TEXT)").unwrap();
    drop(db);
    assert!(matches!(refused(dir.path()), OpenError::Foreign(_)));
}

/// What makes a file of today one of version 7, before the index knew the beginnings of words.
const BACK_TO_7: &str = r#"
    DROP TABLE words;
    CREATE VIRTUAL TABLE words USING fts5 (
        room, text, content = 'said', content_rowid = 'seq', columnsize = 0, tokenize = "unicode61 remove_diacritics 2"
    );
    INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
    INSERT INTO words (rowid, room, text) SELECT seq, room, text FROM said;
    PRAGMA user_version = 7;"#;

#[test]
fn the_index_is_made_anew_for_beginnings_and_no_line_is_taken_for_a_double_by_that() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let cid = |id: u64| format!("cid-of-line-{id}");
    talk.say((1..=300).map(|id| said_with("#a", id, "ani", &format!("word{id} common"), Some(&cid(id)))));
    talk.say([changed("#a", 301, 7, What::Deleted)]);
    assert_eq!(talk.search("word12"), [12]);
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    db.execute_batch(BACK_TO_7).unwrap();
    drop(db);
    assert!(check(dir.path()).unwrap().is_sound, "as an older chatd has left it");
    let mut talk = Talk::open(dir.path());
    assert_eq!(talk.search("word12"), [12], "a search waits for the index");
    assert_eq!(talk.search("wo* word30*").len(), 2, "30 and 300");
    assert!(talk.search("word7").is_empty());
    let mut figures = String::new();
    talk.guard.figures().append(&mut figures);
    assert!(figures.contains("\nchat_store_doubles_total 0\n"), "{figures}");
    talk.stop();
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
}
