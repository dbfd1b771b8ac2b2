//! Direct talks are kept like rooms, and found by their own name alone.

use chat_server::features::archive::store::{Answer, Question, Record, RoomState};
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_store::{FILE, Offline, Strength, export};
use rusqlite::Connection;

use crate::kit::{Talk, back_to, name, room_name, said, said_with, search, state, words};

#[test]
fn a_talk_is_found_by_its_name_alone_and_goes_with_an_account_of_it() {
    let dir = tempfile::tempdir().unwrap();
    Talk::open(dir.path()).stop();
    let offline = Offline::open(dir.path(), Strength::default()).unwrap();
    for account in ["ani", "budi", "citra"] {
        offline.add(&name(account), &Secret::new("correct-horse"), Role::Member).unwrap();
    }
    drop(offline);
    let mut store = Talk::open(dir.path());
    let talks = ["@ani+budi", "@budi+citra", "@ani+citra"];
    let lines = talks.map(|talk| said(talk, 1, "citra", "psst")).into_iter().chain([said("#lobby", 1, "ani", "psst")]);
    let rooms = talks.into_iter().chain(["#lobby"]).map(state).collect();
    store.keep(Record { rooms, lines: lines.collect(), ..Record::default() });
    assert_eq!(words(&store.page("@Ani+Budi")), ["psst"]);
    assert_eq!(words(&store.ask(search(Some("@ani+budi"), "psst")).0), ["psst"]);
    let (everywhere, _) = store.ask(search(None, "psst"));
    assert_eq!(everywhere.iter().map(|line| line.room().unwrap().as_str()).collect::<Vec<_>>(), ["#lobby"]);
    store.stop();

    let mut out = Vec::new();
    assert_eq!(export(dir.path(), None, None, &mut out).unwrap(), 1, "{}", String::from_utf8_lossy(&out));
    assert!(export(dir.path(), Some(&room_name("@ani+budi")), None, &mut Vec::new()).is_err());

    let offline = Offline::open(dir.path(), Strength::default()).unwrap();
    assert!(offline.remove(&name("BUDI"), false).unwrap());
    drop(offline);
    let store = Talk::open(dir.path());
    let mut rooms: Vec<&str> = store.contents.rooms.iter().map(|room| room.state.name.as_str()).collect();
    rooms.sort_unstable();
    assert_eq!(rooms, ["#lobby", "@ani+citra"]);
    store.stop();
}

#[test]
fn a_cid_of_a_talk_that_stands_twice_is_not_for_the_audit() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Talk::open(dir.path());
    let [one, other] = ["cid-1", "cid-2"].map(Some);
    store.say([said_with("@ani+budi", 1, "ani", "psst", one), said_with("#lobby", 1, "ani", "hello", other)]);
    store.say([said_with("#lobby", 2, "ani", "hello", one), said_with("@ani+budi", 2, "ani", "psst", other)]);
    store.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    assert_eq!((count("SELECT count(*) FROM log WHERE cid IS NOT NULL"), count("SELECT count(*) FROM audit")), (2, 0));
}

#[test]
fn a_store_of_version_11_opens_and_who_waits_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Talk::open(dir.path());
    store.keep(Record {
        rooms: vec![state("#lobby")],
        lines: vec![said("#lobby", 1, "ani", "x")],
        ..Record::default()
    });
    store.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    back_to(&db, 11);
    drop(db);
    let mut store = Talk::open(dir.path());
    assert_eq!(words(&store.page("#lobby")), ["x"]);
    let talk = RoomState { waiting: vec![(name("budi"), 1), (name("citra"), 3)], ..state("@ani+budi+citra") };
    let lines = vec![said("@ani+budi+citra", 1, "ani", "psst")];
    store.keep(Record { rooms: vec![talk.clone()], lines, ..Record::default() });
    store.stop();
    let store = Talk::open(dir.path());
    assert!(store.contents.rooms.iter().any(|room| room.state == talk));
    store.stop();
}

/// The router tells the store in a turn of its own that talks are forgotten. A server that is killed before that must not leave them to
/// the next user of the name.
#[test]
fn talks_of_an_account_that_is_removed_go_with_it_also_before_the_router_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Talk::open(dir.path());
    for account in ["ani", "budi"] {
        let (name, secret) = (name(account), Secret::new("correct-horse"));
        let added = store.answer(Question::AddAccount { name, secret, role: Role::Member });
        assert!(matches!(added, Answer::Account { .. }), "{added:?}");
    }
    let rooms = vec![state("@ani+budi"), state("#lobby")];
    let lines = vec![said("@ani+budi", 1, "ani", "psst"), said("#lobby", 1, "ani", "x")];
    store.keep(Record { rooms, lines, ..Record::default() });
    assert!(matches!(store.answer(Question::Remove { name: name("budi"), messages: false }), Answer::Done));
    let talks = |store: &Talk| {
        let rooms = store.contents.rooms.iter().map(|room| room.state.name.to_string());
        rooms.filter(|name| name.starts_with('@')).collect::<Vec<_>>()
    };
    store.stop();
    let mut store = Talk::open(dir.path());
    assert_eq!(talks(&store), Vec::<String>::new());
    // What the router says afterwards does no harm, and a talk of the same name is another one.
    let forgotten = vec![(room_name("@ani+budi"), 1)];
    store.keep(Record { forgotten, ..Record::default() });
    let lines = vec![said("@ani+budi", 1, "ani", "again")];
    store.keep(Record { rooms: vec![state("@ani+budi")], lines, ..Record::default() });
    assert_eq!(words(&store.page("@ani+budi")), ["again"]);
    store.stop();
    let store = Talk::open(dir.path());
    assert_eq!(talks(&store), ["@ani+budi"]);
    store.stop();
}
