//! A room keeps what is said for a time of its own.

use std::path::Path;

use chat_server::features::archive::store::{Question, Record, Report, RoomState};
use chat_server::features::membership::state::{Mark, Membership, Mention};
use chat_server::model::event::Event;
use chat_store::{Durability, FILE, Options, Retention, check, export};
use chrono::{TimeDelta, Utc};
use rusqlite::{Connection, params};

use crate::kit::{Talk, name, room_name, said, state, words};

/// Lines of a room: each said so many days ago.
fn aged(room: &str, days: &[i64]) -> Record {
    let lines = days.iter().zip(1..).map(|(days, id)| {
        let line = said(room, id, "ani", &format!("{days} days ago"));
        let Event::Said(speech) = &line.event else { panic!("{line:?}") };
        chat_server::model::event::Envelope::new(Utc::now() - TimeDelta::days(*days), Event::Said(speech.clone()))
    });
    Record { lines: lines.collect(), ..Record::default() }
}

fn kept_for(room: &str, days: Option<u32>) -> RoomState {
    RoomState { keep_days: days, ..state(room) }
}

/// Opens a store whose settings keep so many days, and waits until the first look at all rooms has thrown away from so many rooms.
fn after_a_look(dir: &Path, days: Option<u32>, rooms: usize) -> (Talk, Vec<(String, u64)>) {
    let retention = Retention { days, lines: None };
    let talk = Talk::with(Options { dir: dir.into(), durability: Durability::Commit, retention });
    let mut purged = Vec::new();
    while purged.len() < rooms {
        match talk.report() {
            Report::Purged(rooms) => purged.extend(rooms.into_iter().map(|(room, first)| (room.to_string(), first))),
            other => panic!("{other:?}"),
        }
    }
    purged.sort();
    (talk, purged)
}

/// Sets the days of rooms while no store runs, whose first look may come at any moment.
fn set(dir: &Path, rooms: &[(&str, u32)]) {
    let db = Connection::open(dir.join(FILE)).unwrap();
    for (room, days) in rooms {
        assert_eq!(db.execute("UPDATE rooms SET keep_days = ?2 WHERE folded = ?1", params![room, days]), Ok(1));
    }
}

fn filled(dir: &Path) {
    let mut talk = Talk::open(dir);
    for room in ["#a", "#b", "#c"] {
        talk.keep(Record { rooms: vec![state(room)], ..aged(room, &[40, 20, 3]) });
    }
    talk.stop();
    set(dir, &[("#a", 7), ("#c", 30)]);
}

#[test]
fn a_room_throws_away_what_is_older_than_its_own_days_and_no_other_room_does() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let (mut talk, purged) = after_a_look(dir.path(), None, 2);
    assert_eq!(purged, [("#a".to_string(), 3), ("#c".to_string(), 2)]);
    assert_eq!(words(&talk.page("#a")), ["3 days ago"]);
    assert_eq!(words(&talk.page("#b")), ["40 days ago", "20 days ago", "3 days ago"]);
    assert_eq!(words(&talk.page("#c")), ["20 days ago", "3 days ago"]);
    assert_eq!(talk.search("20").len(), 2, "it is not found any more");
    talk.stop();
    let mut out = Vec::new();
    export(dir.path(), Some(&room_name("#a")), None, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("3 days ago") && !out.contains("20 days ago"), "{out}");
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
    let talk = Talk::open(dir.path());
    let kept: Vec<_> =
        talk.contents.rooms.iter().map(|room| (room.state.name.as_str(), room.state.keep_days)).collect();
    for room in [("#a", Some(7)), ("#b", None), ("#c", Some(30))] {
        assert!(kept.contains(&room), "{kept:?}");
    }
    talk.stop();
}

/// The owner of the data says how long is the most.
#[test]
fn the_shorter_time_of_the_settings_and_the_room_holds() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let (mut talk, purged) = after_a_look(dir.path(), Some(10), 3);
    assert_eq!(purged.iter().map(|(_, first)| *first).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!(words(&talk.page("#c")), ["3 days ago"]);
    talk.stop();
}

#[test]
fn a_time_that_is_taken_back_is_not_there_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    for days in [Some(7), None] {
        talk.keep(Record { rooms: vec![kept_for("#a", days)], ..Record::default() });
    }
    talk.say([said("#a", 1, "ani", "an old line")]);
    talk.stop();
    let mut talk = Talk::open(dir.path());
    assert_eq!(talk.contents.rooms[0].state, kept_for("#a", None));
    assert_eq!(words(&talk.page("#a")), ["an old line"]);
    talk.stop();
}

#[test]
fn mentions_in_what_is_too_old_go_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let secret = chat_server::model::secrets::Secret::new("correct-horse");
    let role = chat_server::model::roles::Role::Member;
    talk.answer(Question::AddAccount { name: name("budi"), secret, role });
    let mention = |id| Mention { account: name("budi"), room: room_name("#a"), id };
    let member =
        Membership { account: name("budi"), room: room_name("#a"), mark: Some(Mark::default()), invited_by: None };
    talk.keep(Record {
        rooms: vec![state("#a")],
        memberships: vec![member],
        mentions: vec![mention(1), mention(2)],
        ..aged("#a", &[40, 1])
    });
    talk.stop();
    set(dir.path(), &[("#a", 7)]);
    let (mut talk, _) = after_a_look(dir.path(), None, 1);
    let (lines, _) = talk.ask(Question::Mentions { account: name("budi"), before: None, limit: 10 });
    assert_eq!(words(&lines), ["1 days ago"]);
    talk.stop();
}
