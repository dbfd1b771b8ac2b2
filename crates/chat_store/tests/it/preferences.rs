//! What accounts prefer comes back, goes with its account, and an older file gets its table.

use chat_server::features::archive::store::{Answer, Question, Record};
use chat_server::features::preferences::state::{Key, Preference};
use chat_server::model::body::Body;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_store::{FILE, check};
use rusqlite::Connection;

use crate::kit::{Talk, back_to, name, said};

fn preference(account: &str, key: &str, value: Option<&str>) -> Preference {
    let value = value.map(|value| Body::new(value).unwrap());
    Preference { account: name(account), key: Key::parse(key).unwrap(), value }
}

fn add(talk: &mut Talk, account: &str) {
    let (name, secret) = (name(account), Secret::new("correct-horse"));
    let added = talk.answer(Question::AddAccount { name, secret, role: Role::Member });
    assert!(matches!(added, Answer::Account { .. }), "{added:?}");
}

#[test]
fn preferences_and_drafts_come_back_and_go_with_their_account() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    add(&mut talk, "ani");
    add(&mut talk, "budi");
    let preferences = vec![
        preference("ANI", "lang", Some("id")),
        preference("ani", "page.theme", Some("dark")),
        preference("ani", "draft.@ani+budi", Some("one\ntwo")),
        preference("budi", "lang", Some("en")),
        // Of an account that was removed meanwhile.
        preference("eka", "lang", Some("en")),
    ];
    talk.keep(Record { preferences, ..Record::default() });
    let preferences = vec![preference("ani", "page.theme", None), preference("ani", "lang", Some("en"))];
    talk.keep(Record { preferences, ..Record::default() });
    talk.stop();
    let mut talk = Talk::open(dir.path());
    let draft = preference("ani", "draft.@ani+budi", Some("one\ntwo"));
    let of_ani = preference("ani", "lang", Some("en"));
    assert_eq!(talk.contents.preferences, [draft, of_ani, preference("budi", "lang", Some("en"))]);
    assert!(matches!(talk.answer(Question::Remove { name: name("ani"), messages: false }), Answer::Done));
    talk.stop();
    assert_eq!(Talk::open(dir.path()).contents.preferences, [preference("budi", "lang", Some("en"))]);
}

#[test]
fn a_file_from_before_there_were_preferences_gets_their_table() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "a line")]);
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    back_to(&db, 18);
    drop(db);
    let talk = Talk::open(dir.path());
    assert_eq!((talk.contents.rooms[0].last_id, talk.contents.preferences.len()), (1, 0));
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
}
