//! Files that older versions made, and those of newer ones.

use chat_server::features::accounts::invitations::State;
use chat_server::features::archive::store::{Answer, Question, Refused};
use chat_server::model::event::What;
use chat_server::model::names::Name;
use chat_server::model::secrets::Secret;
use chat_store::{Durability, FILE, OpenError, Sqlite, backup, check};
use rusqlite::Connection;

use crate::kit::{Talk, back_to, changed, options, refused, said, said_with, text, words};

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

/// What makes a file of today one of version 10, before an invitation was for several people: one that is good, and one that was used,
/// by the codes k7qf-9d2m-x4tr and abcd-efgh-ijkm.
const BACK_TO_10: &str = "
    DROP TABLE invited;
    DROP TABLE invitations;
    CREATE TABLE invitations (
        hash    BLOB PRIMARY KEY,
        by      TEXT NOT NULL,
        until   INTEGER NOT NULL,
        used_by TEXT
    ) STRICT, WITHOUT ROWID;
    INSERT INTO invitations VALUES
        (x'c458c6d77ad04150779ef5116b96bd82024221bb7655f26d0b9ec4fc838d7ee1', 'root', 9000000000000, NULL),
        (x'09a08069fd8765a1f148349995fdf192d2d845fc0436288dae1ff3d6cec81fb3', 'root', 8000000000000, 'budi');
    PRAGMA user_version = 10;";

#[test]
fn an_invitation_of_before_is_good_and_the_one_that_was_used_is_not() {
    let dir = tempfile::tempdir().unwrap();
    Talk::open(dir.path()).stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    back_to(&db, 11);
    db.execute_batch(BACK_TO_10).unwrap();
    drop(db);
    let mut talk = Talk::open(dir.path());
    let Answer::Invitations { invitations, more: None } = talk.answer(Question::Invitations { before: None, limit: 9 })
    else {
        panic!("no list")
    };
    let shown: Vec<(u64, State, u32)> = invitations.iter().map(|one| (one.number, one.state, one.used)).collect();
    assert_eq!(shown, [(1, State::Used, 1), (2, State::Open, 0)]);
    assert_eq!((invitations[0].by.as_str(), invitations[0].used_by[0].as_str()), ("root", "budi"));
    let mut registers = |who: &str, code: &str| {
        let (name, secret) = (Name::parse(who).unwrap(), Secret::new("correct horse"));
        let invite = Some(text(code));
        talk.answer(Question::Register { name, secret, invite, needs_invite: true, token: false, from: None })
    };
    assert!(matches!(registers("citra", "abcd-efgh-ijkm"), Answer::Refused(Refused::UsedInvitation)));
    assert!(matches!(registers("citra", "k7qf-9d2m-x4tr"), Answer::Account { .. }));
    assert!(matches!(registers("dewi", "k7qf-9d2m-x4tr"), Answer::Refused(Refused::UsedInvitation)));
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
}

/// What makes a file of today one of version 7, before the index knew the beginnings of words.
const BACK_TO_7: &str = r#"
    DROP TABLE late;
    DROP TABLE words;
    DROP VIEW said;
    CREATE VIEW said AS
        SELECT seq, 'r' || room AS room, text FROM log, state WHERE kind = 0 AND version < 2 AND seq <= indexed;
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
    back_to(&db, 11);
    db.execute_batch(BACK_TO_10).unwrap();
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

/// What makes a file of today one of version 8, which knows no word inside a text without spaces.
const BACK_TO_8: &str = r#"
    DROP TABLE late;
    DROP TABLE words;
    DROP VIEW said;
    CREATE VIEW said AS
        SELECT seq, 'r' || room AS room, text FROM log, state WHERE kind = 0 AND version < 2 AND seq <= indexed;
    CREATE VIRTUAL TABLE words USING fts5 (
        room, text, content = 'said', content_rowid = 'seq', columnsize = 0, prefix = '2 3',
        tokenize = "unicode61 remove_diacritics 2"
    );
    INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
    INSERT INTO words (rowid, room, text) SELECT seq, room, text FROM said;
    PRAGMA user_version = 8;"#;

#[test]
fn a_file_from_before_there_were_programs_gets_their_table() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "a line")]);
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    back_to(&db, 12);
    drop(db);
    let talk = Talk::open(dir.path());
    assert_eq!(talk.contents.rooms[0].last_id, 1);
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    assert_eq!(db.query_row("SELECT count(*) FROM programs", [], |row| row.get::<_, i64>(0)), Ok(0));
    assert!(check(dir.path()).unwrap().is_sound);
}

/// A file of version 8 with so many lines; line 7 of them is deleted.
fn of_version_8(dir: &std::path::Path, lines: u64) {
    let mut talk = Talk::open(dir);
    talk.say((1..=lines).map(|id| said("#a", id, "ani", &format!("第{id}行 明日は東京に行く"))));
    talk.say([changed("#a", lines + 1, 7, What::Deleted)]);
    talk.stop();
    let db = Connection::open(dir.join(FILE)).unwrap();
    back_to(&db, 11);
    db.execute_batch(BACK_TO_10).unwrap();
    db.execute_batch(BACK_TO_8).unwrap();
}

#[test]
fn words_without_spaces_are_found_in_what_was_said_before_the_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    of_version_8(dir.path(), 30);
    assert!(check(dir.path()).unwrap().is_sound, "as an older chatd has left it");
    let mut talk = Talk::open(dir.path());
    let all: Vec<u64> = (1..=30).filter(|id| *id != 7).collect();
    assert_eq!(talk.search("東京"), all);
    assert!(talk.search("第7行").is_empty());
    talk.say([changed("#a", 32, 8, What::Edited(text("大阪").into()))]);
    assert_eq!(talk.search("大阪"), [8]);
    talk.stop();
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
}

#[test]
fn an_upgrade_that_ends_at_any_moment_goes_on_and_loses_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let lines = 3_000;
    of_version_8(dir.path(), lines);
    // The end comes behind the schema's last step, before anything is in the index.
    drop(Sqlite::open(options(dir.path(), Durability::Commit)).unwrap());
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "an index of nothing so far: {}", findings.text);
    // And then in the middle of it, which is what a copy of the files is.
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", lines + 2, "ani", "while it is made: 大阪")]);
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join("copy.db");
    backup(dir.path(), &to).unwrap();
    std::fs::rename(to, copy.path().join(FILE)).unwrap();
    talk.stop();
    let indexed = Connection::open(copy.path().join(FILE)).unwrap();
    let indexed: i64 = indexed.query_row("SELECT indexed FROM state", [], |row| row.get(0)).unwrap();
    for dir in [dir.path(), copy.path()] {
        let findings = check(dir).unwrap();
        assert!(findings.is_sound, "{} with {indexed} lines in the index: {}", dir.display(), findings.text);
        let mut talk = Talk::open(dir);
        let newest: Vec<u64> = (lines - 49..=lines).collect();
        assert_eq!(talk.search("東京"), newest);
        assert_eq!(talk.search("第1234行"), [1234]);
        assert_eq!(talk.search("大阪"), [lines + 2]);
        assert_eq!(talk.page("#a").len(), 1_000);
        talk.stop();
        let findings = check(dir).unwrap();
        assert!(findings.is_sound, "{}", findings.text);
    }
}

#[test]
fn a_file_from_before_there_were_members_gets_their_tables() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "a line")]);
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    back_to(&db, 13);
    drop(db);
    let talk = Talk::open(dir.path());
    assert_eq!((talk.contents.rooms[0].last_id, talk.contents.memberships.len()), (1, 0));
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
}
