//! What is kept, and how it is found again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use chat_server::features::archive::store::{Keeping, Question, Record, Report};
use chat_server::features::operators::audit::Act;
use chat_server::model::body::Body;
use chat_server::model::event::{Envelope, Event, SharedFile, Speech, Version, What};
use chat_server::model::file::Token;
use chat_server::testing::Scrape;
use chat_store::{Durability, FILE, Options, Retention, check};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;

use crate::kit::{Talk, changed, name, options, room_name, said, said_with, search, shown, state, text, until, words};

#[test]
fn what_was_said_is_there_after_a_restart_by_each_durability() {
    for durability in Durability::ALL {
        let dir = tempfile::tempdir().unwrap();
        let mut talk = Talk::with(options(dir.path(), durability));
        let lines = [said("#Rust", 1, "ani", "hello"), said("#rust", 2, "budi", "hi"), said("#lobby", 1, "ani", "x")];
        talk.keep(Record { rooms: vec![state("#Rust"), state("#lobby")], lines: lines.to_vec(), ..Record::default() });
        // Asked at once: a page never misses what was said before it was asked for.
        assert_eq!(words(&talk.page("#RUST")), ["hello", "hi"], "{durability:?}");
        talk.stop();
        let mut talk = Talk::with(options(dir.path(), durability));
        let rooms = &talk.contents.rooms;
        let rust = rooms.iter().find(|room| room.state.name == room_name("#rust")).unwrap();
        assert_eq!((rust.state.name.as_str(), rust.first_id, rust.last_id), ("#Rust", 1, 2));
        let loaded: Vec<_> = rust.lines.iter().map(|(_, line)| line.clone()).collect();
        assert_eq!(words(&loaded), ["hello", "hi"]);
        assert_eq!(talk.search("hello"), [1]);
        talk.stop();
    }
}

#[test]
fn rooms_are_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let mut rust = state("#rust");
    rust.topic = Some((name("budi"), text("crates & co")));
    rust.key = Some(text("s3cret"));
    (rust.invite_only, rust.moderated, rust.topic_lock) = (true, true, true);
    (rust.limit, rust.inside_only, rust.secret) = (Some(20), true, true);
    rust.ops = vec![name("ani"), name("Budi_2")];
    talk.keep(Record { rooms: vec![state("#rust")], lines: vec![said("#rust", 1, "ani", "a")], ..Record::default() });
    talk.keep(Record { rooms: vec![rust.clone()], ..Record::default() });
    talk.stop();
    let talk = Talk::open(dir.path());
    assert_eq!(talk.contents.rooms.len(), 1);
    assert_eq!(talk.contents.rooms[0].state, rust);
    talk.stop();
}

#[test]
fn a_room_nobody_could_enter_is_forgotten_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let mut closed = state("#closed");
    closed.invite_only = true;
    let mut modes = state("#modes");
    modes.moderated = true;
    talk.keep(Record {
        rooms: vec![closed, modes],
        lines: vec![said("#closed", 1, "ani", "confidential"), said("#modes", 1, "ani", "b")],
        ..Record::default()
    });
    talk.stop();
    let mut talk = Talk::open(dir.path());
    assert_eq!(talk.contents.forgotten_id, 1);
    assert_eq!(talk.contents.rooms.len(), 1);
    // As when a room empties: what only operators could change is gone with them.
    assert_eq!(talk.contents.rooms[0].state, state("#modes"));
    assert_eq!(words(&talk.page("#closed")), [""; 0]);
    assert!(talk.search("confidential").is_empty());
    talk.stop();
    assert!(!has_bytes(dir.path(), "confidential"));
}

#[test]
fn a_name_that_comes_back_counts_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.keep(Record {
        rooms: vec![state("#a")],
        lines: vec![said("#a", 1, "ani", "old"), said("#a", 2, "ani", "old")],
        ..Record::default()
    });
    // Forgotten, and opened anew, in one turn.
    let lines = vec![said("#a", 3, "budi", "new")];
    talk.keep(Record { forgotten: vec![(room_name("#a"), 2)], rooms: vec![state("#A")], lines, ..Record::default() });
    assert_eq!(words(&talk.page("#a")), ["new"]);
    assert!(talk.search("old").is_empty());
    talk.stop();
    let talk = Talk::open(dir.path());
    let room = &talk.contents.rooms[0];
    assert_eq!((room.first_id, room.last_id, talk.contents.forgotten_id), (3, 3, 2));
    talk.stop();
}

#[test]
fn a_room_that_was_opened_before_another_was_forgotten_keeps_its_first_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.keep(Record { forgotten: vec![(room_name("#b"), 9)], ..Record::default() });
    // No user had said anything in #a, so the store had not heard of it; its numbers begin at 1.
    talk.keep(Record { rooms: vec![state("#a")], lines: vec![said("#a", 1, "ani", "first")], ..Record::default() });
    assert_eq!(words(&talk.page("#a")), ["first"]);
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
}

#[test]
fn what_was_deleted_is_nowhere_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let filler = "word ".repeat(60);
    let mut lines: Vec<_> = (1..=200).map(|id| said("#a", id, "ani", &format!("{filler} {id}"))).collect();
    lines[99] = said("#a", 100, "ani", "the launchcode is Zyxw9876");
    talk.keep(Record { rooms: vec![state("#a")], lines, ..Record::default() });
    talk.say([changed("#a", 201, 100, What::Edited(text("the launchcode was Abcd5432").into()))]);
    assert_eq!(talk.search("launchcode"), [100]);
    assert_eq!(talk.search("Abcd5432"), [100]);
    assert!(talk.search("Zyxw9876").is_empty());
    talk.say([changed("#a", 202, 100, What::Deleted)]);
    assert!(talk.search("launchcode").is_empty());
    let lines = talk.page("#a");
    let tomb = lines.iter().find(|line| line.id() == Some(100)).unwrap();
    assert!(matches!(&tomb.event, Event::Said(speech) if speech.version == Version::Deleted && speech.text.is_empty()));
    assert_eq!(words(&lines[200..]), ["edit: ", "delete 100"]);
    // With the server running: the writer finds the time within a moment.
    until("the words are gone", || {
        !["launchcode", "Zyxw9876", "zyxw9876", "Abcd5432", "abcd5432"].iter().any(|word| has_bytes(dir.path(), word))
    });
    assert!(has_bytes(dir.path(), "word word"));
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
}

#[test]
fn deleted_words_go_also_where_people_never_pause() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "Zyxw9876"), changed("#a", 2, 1, What::Deleted)]);
    let mut id = 2;
    until("the words are gone", || {
        for _ in 0..200 {
            id += 1;
            talk.say([said("#a", id, "ani", "more")]);
        }
        !has_bytes(dir.path(), "Zyxw9876")
    });
    talk.stop();
}

/// Whether any file of a directory has these bytes.
fn has_bytes(dir: &Path, wanted: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap_or_default();
        bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
    })
}

#[test]
fn a_message_of_several_lines_is_kept_as_one_and_found_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let body = |words: &str| Body::new(words).unwrap();
    let Event::Said(speech) = &said("#a", 1, "ani", "").event else { unreachable!() };
    let speech = Speech { text: body("satu ikan\n\n  dua ikan"), ..speech.clone() };
    talk.say([Envelope::new(DateTime::UNIX_EPOCH, Event::Said(speech)), said("#a", 2, "ani", "tiga")]);
    talk.stop();
    let mut talk = Talk::open(dir.path());
    assert_eq!(words(&talk.page("#a")), ["satu ikan\n\n  dua ikan", "tiga"]);
    assert_eq!((talk.search("satu dua"), talk.search("ikan")), (vec![1], vec![1]), "words of several lines, one hit");
    talk.say([changed("#a", 3, 1, What::Edited(body("empat\nlima")))]);
    assert_eq!(words(&talk.page("#a")), ["empat\nlima", "tiga", "edit: empat\nlima"]);
    talk.stop();
    let mut out = Vec::new();
    assert_eq!(chat_store::export(dir.path(), None, None, &mut out).unwrap(), 3, "a line of JSON for each");
    assert!(String::from_utf8(out).unwrap().lines().next().unwrap().contains(r#""text":"empat\nlima""#));
    assert!(check(dir.path()).unwrap().is_sound);
}

#[test]
fn an_edit_changes_the_line_and_stays_as_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "teh cat"), changed("#a", 2, 1, What::Edited(text("the cat").into()))]);
    talk.say([changed("#a", 3, 1, What::Reacted(text("👍"))), changed("#a", 4, 1, What::Unreacted(text("👍")))]);
    let lines = talk.page("#a");
    assert_eq!(words(&lines[..2]), ["the cat", "edit: the cat"]);
    assert!(matches!(&lines[0].event, Event::Said(speech) if speech.version == Version::Edited));
    assert_eq!(
        shown(&lines[2..]),
        shown(&[changed("#a", 3, 1, What::Reacted(text("👍"))), changed("#a", 4, 1, What::Unreacted(text("👍")))])
    );
    assert_eq!(talk.search("cat"), [1]);
    talk.stop();
}

#[test]
fn pages_go_back_and_forth() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say((1..=10).map(|id| said("#a", id, "ani", "x")));
    let mut page = |before, after, limit| {
        let (lines, more) = talk.ask(Question::Page { room: room_name("#a"), before, after, limit, export: false });
        (lines.iter().map(|line| line.id().unwrap()).collect::<Vec<_>>(), more)
    };
    assert_eq!(page(u64::MAX, None, 3), (vec![8, 9, 10], Some(8)));
    assert_eq!(page(8, None, 3), (vec![5, 6, 7], Some(5)));
    assert_eq!(page(3, None, 3), (vec![1, 2], None));
    assert_eq!(page(u64::MAX, Some(6), 2), (vec![7, 8], Some(8)));
    assert_eq!(page(u64::MAX, Some(8), 2), (vec![9, 10], None));
    assert_eq!(page(6, Some(2), 50), (vec![3, 4, 5], None));
    assert_eq!(page(2, Some(6), 50), (vec![], None));
    talk.stop();
}

#[test]
fn a_page_of_long_lines_is_cut_and_can_be_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let long = "y".repeat(3_000);
    talk.say((1..=100).map(|id| said("#a", id, "ani", &long)));
    let (mut before, mut seen) = (u64::MAX, 0);
    loop {
        let (lines, more) =
            talk.ask(Question::Page { room: room_name("#a"), before, after: None, limit: 500, export: false });
        assert!(lines.len() < 50);
        seen += lines.len();
        let Some(more) = more else { break };
        before = more;
    }
    assert_eq!(seen, 100);
    talk.stop();
}

#[test]
fn searches_find_words_wherever_they_may() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([
        said("#a", 1, "ani", "Crème brûlée for everybody"),
        said("#a", 2, "ani", "brulee, creme; again"),
        said("#b", 1, "ani", "привет, a creme in another room"),
        said("#a", 3, "ani", "nothing to see"),
    ]);
    assert_eq!(talk.search("creme"), [1, 2, 1]);
    assert_eq!(talk.search("CREME BRULEE"), [1, 2]);
    assert_eq!(talk.search("\"creme brulee\""), [1]);
    assert_eq!(talk.search("bru*"), [1, 2]);
    assert_eq!(talk.search("ПРИВЕТ"), [1]);
    let ids = |lines: &[Arc<Envelope>]| lines.iter().filter_map(|line| line.id()).collect::<Vec<_>>();
    let (lines, more) = talk.ask(search(Some("#A"), "creme"));
    assert_eq!((ids(&lines), more), (vec![1, 2], None));
    // The room's own word in the index is not one that people find.
    assert!(talk.search("r1").is_empty());
    let room = Some(room_name("#a"));
    let ask =
        |before, limit| Question::Search { room: room.clone(), hidden: vec![], words: text("creme"), before, limit };
    let (lines, more) = talk.ask(ask(None, 1));
    assert_eq!((ids(&lines), more), (vec![2], Some(2)));
    let (lines, more) = talk.ask(ask(more, 1));
    assert_eq!((ids(&lines), more), (vec![1], None));
    let hidden = vec![room_name("#b"), room_name("#nowhere")];
    let (lines, _) = talk.ask(Question::Search { room: None, hidden, words: text("creme"), before: None, limit: 9 });
    assert_eq!(ids(&lines), [1, 2]);
    // Nothing that is typed is an error.
    for typed in
        ["", "\"", "AND", "a OR", "NEAR(", "text:", "^x", "-", "{", "*", "'", "a\"b*\"c", "room : r1", ")", "😀", "--"]
    {
        talk.search(typed);
    }
    talk.stop();
}

#[test]
fn words_are_found_inside_a_text_without_spaces() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let lines = [
        "明日は東京に行く",
        "我们明天去北京吃饭",
        "내일은 도쿄에 갑니다",
        "พรุ่งนี้ฉันจะไปกรุงเทพ",
        "ມື້ອື່ນຂ້ອຍຈະໄປວຽງຈັນ",
        "ថ្ងៃស្អែកខ្ញុំទៅភ្នំពេញ",
        "မနက်ဖြန်ရန်ကုန်သွားမယ်",
        "東京tower and 東京 タワー",
        "ﾄｳｷｮｳ ＴＯＷＥＲ",
    ];
    talk.say((1..).zip(lines).map(|(id, line)| said("#a", id, "ani", line)));
    for (words, ids) in [
        ("東京", &[1, 8][..]),
        ("行く", &[1]),
        ("東", &[1, 8]),
        ("京*", &[1, 2, 8]),
        ("東行", &[]),
        ("明日 行く", &[1]),
        ("北京", &[2]),
        ("吃饭", &[2]),
        ("도쿄", &[3]),
        ("니다", &[3]),
        ("กรุงเทพ", &[4]),
        ("ฉัน", &[4]),
        ("ฉิน", &[]),
        ("ວຽງຈັນ", &[5]),
        ("ភ្នំពេញ", &[6]),
        ("ရန်ကုန်", &[7]),
        ("tower", &[8, 9]),
        ("tow*", &[8, 9]),
        ("東京tower", &[8]),
        ("京tow*", &[8]),
        ("\"東京 タワー\"", &[8]),
        ("トウキョウ", &[9]),
        ("東京　タワー", &[8]),
    ] {
        assert_eq!(talk.search(words), ids, "{words}");
    }
    talk.say([changed("#a", 10, 1, What::Edited(text("大阪に行く").into())), changed("#a", 11, 2, What::Deleted)]);
    assert_eq!(talk.search("京"), [8]);
    assert_eq!(talk.search("大阪"), [1]);
    talk.stop();
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
}

#[test]
fn a_search_can_leave_out_hundreds_of_rooms() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say((0..600).map(|n| said(&format!("#r{n}"), 1, "ani", &format!("tea {n}"))));
    let hidden = (1..600).map(|n| room_name(&format!("#r{n}"))).collect();
    let (lines, _) = talk.ask(Question::Search { room: None, hidden, words: text("tea"), before: None, limit: 9 });
    assert_eq!(words(&lines), ["tea 0"]);
    talk.stop();
}

#[test]
fn the_same_word_of_an_author_names_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said_with("#a", 1, "ani", "once", Some("cid-1")), said_with("#a", 2, "budi", "other", Some("cid-1"))]);
    // Sent again, and no user noticed: others have seen it, so it stays, and it is written down.
    talk.say([said_with("#b", 1, "Ani", "once", Some("cid-1"))]);
    assert_eq!(talk.search("once"), [1, 1]);
    let figures = talk.guard.figures();
    let mut metrics = String::new();
    figures.append(&mut metrics);
    assert!(metrics.contains("\nchat_store_doubles_total 1\n"), "{metrics}");
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    let cids: Vec<(String, i64)> = db
        .prepare("SELECT author, id FROM log WHERE cid = 'cid-1' ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(cids, [("ani".into(), 1), ("budi".into(), 2)]);
    let act: (String, String, String) = db
        .query_row("SELECT by, room, detail FROM audit WHERE what = 'double'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(act, ("Ani".into(), "#b".into(), "line 1 has the cid of line 1 of #a".into()));
}

#[test]
fn what_was_done_by_power_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let (by, what) = (text("ani"), text("grant"));
    let act = Act { at: Utc::now(), by, what, room: None, target: text("budi"), detail: text("op") };
    talk.keep(Record { acts: vec![act], ..Record::default() });
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    let row: String = db
        .query_row("SELECT by || ' ' || what || ' ' || target || ' ' || detail FROM audit", [], |row| row.get(0))
        .unwrap();
    assert_eq!(row, "ani grant budi op");
}

#[test]
fn the_figures_say_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say((1..=80).map(|id| said("#a", id, "ani", "x")));
    talk.page("#a");
    let mut text = String::new();
    talk.guard.figures().append(&mut text);
    let figures = Scrape::parse(&text).unwrap();
    let value = |name: &str| figures.value(name).unwrap_or_else(|| panic!("no {name} in {text}"));
    assert_eq!(value("chat_store_rows_total"), 80.0);
    assert_eq!(value("chat_store_commit_seconds_count"), 1.0);
    assert_eq!(value("chat_store_queries_total"), 1.0);
    assert_eq!((value("chat_store_backlog_records"), value("chat_store_backlog_bytes")), (0.0, 0.0));
    assert_eq!(value("chat_store_trouble"), 0.0);
    assert!(value("chat_store_db_bytes") > 0.0);
    talk.stop();
}

#[test]
fn nobody_else_may_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/b");
    let mut talk = Talk::open(&data);
    talk.say([said("#a", 1, "ani", "x")]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in fs::read_dir(&data).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    talk.stop();
}

#[test]
fn with_relaxed_the_router_waits_only_where_too_much_is_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::with(options(dir.path(), Durability::Relaxed));
    let (keeping, _) = talk.hand_over(Record { lines: vec![said("#a", 1, "ani", "x")], ..Record::default() });
    assert_eq!(keeping, Keeping::Go);
    let (keeping, turn) = talk
        .hand_over(Record { lines: (2..=25_000).map(|id| said("#a", id, "ani", "x")).collect(), ..Record::default() });
    assert_eq!(keeping, Keeping::Wait);
    assert!(matches!(talk.report(), Report::Kept(kept) if kept == turn));
    talk.stop();
}

#[test]
fn old_lines_go_by_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say((1..=300).map(|id| said_with("#a", id, "ani", &format!("number{id}"), Some(&format!("cid{id}")))));
    talk.say((1..=5).map(|id| said("#b", id, "ani", "few")));
    talk.stop();
    let retention = Retention { days: None, lines: Some(100) };
    let mut talk = Talk::with(Options { retention, ..options(dir.path(), Durability::Commit) });
    match talk.report() {
        Report::Purged(rooms) => assert_eq!(rooms, [(room_name("#a"), 201)]),
        other => panic!("{other:?}"),
    }
    let lines = talk.page("#a");
    assert_eq!((lines.len(), lines[0].id()), (100, Some(201)));
    assert!(talk.search("number200").is_empty());
    assert_eq!(talk.search("number201"), [201]);
    assert_eq!(talk.page("#b").len(), 5);
    talk.say([said("#a", 301, "ani", "goes on")]);
    talk.stop();
    let findings = check(dir.path()).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
    let talk = Talk::open(dir.path());
    let a = talk.contents.rooms.iter().find(|room| room.state.name == room_name("#a")).unwrap();
    assert_eq!((a.first_id, a.last_id), (201, 301));
    talk.stop();
}

#[test]
fn old_lines_go_by_age_and_a_room_without_any_counts_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let yesterday = Utc::now() - TimeDelta::hours(23);
    talk.say((1..=3).map(|id| said("#old", id, "ani", "from 1970")));
    talk.say([said("#mixed", 1, "ani", "from 1970")]);
    let new = said("#mixed", 2, "ani", "new");
    talk.say([Envelope::new(yesterday, new.event.clone())]);
    talk.stop();
    let retention = Retention { days: Some(1), lines: None };
    let mut talk = Talk::with(Options { retention, ..options(dir.path(), Durability::Commit) });
    let mut rooms = Vec::new();
    while rooms.len() < 2 {
        let Report::Purged(some) = talk.report() else { panic!("nothing was thrown away") };
        rooms.extend(some);
    }
    rooms.sort();
    assert_eq!(rooms, [(room_name("#mixed"), 2), (room_name("#old"), 4)]);
    assert_eq!(words(&talk.page("#mixed")), ["new"]);
    assert_eq!(words(&talk.page("#old")), [""; 0]);
    talk.stop();
    let mut talk = Talk::open(dir.path());
    let old = talk.contents.rooms.iter().find(|room| room.state.name == room_name("#old")).unwrap();
    assert_eq!((old.first_id, old.last_id), (4, 3));
    talk.say([said("#old", 4, "ani", "goes on")]);
    talk.stop();
    assert!(check(dir.path()).unwrap().is_sound);
}

#[test]
fn a_clock_that_is_years_ahead_at_the_start_throws_nothing_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let ten_days_ago = Utc::now() - TimeDelta::days(10);
    talk.say((1..=5).map(|id| Envelope::new(ten_days_ago, said("#a", id, "ani", "kept").event.clone())));
    talk.stop();
    // As if it had last run on the day of these lines: for it, the clock has gone ten days ahead.
    let run_last = |at: DateTime<Utc>| {
        let db = Connection::open(dir.path().join(FILE)).unwrap();
        db.execute("UPDATE state SET clock = ?1", [at.timestamp_millis()]).unwrap();
    };
    run_last(ten_days_ago);
    // By their number three are too many, which shows that they were looked at.
    let retention = Retention { days: Some(1), lines: Some(2) };
    let open = || Talk::with(Options { retention, ..options(dir.path(), Durability::Commit) });
    let mut talk = open();
    assert_eq!(talk.contents.time.map(|time| (time - ten_days_ago).num_minutes()), Some(0));
    assert!(matches!(talk.report(), Report::Purged(rooms) if rooms == [(room_name("#a"), 4)]));
    assert_eq!(words(&talk.page("#a")), ["kept", "kept"]);
    talk.stop();
    // The doubt is written down. When the clock has gone on so for hours, it is believed.
    run_last(ten_days_ago);
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    let confirmed = chat_server::model::now::CONFIRMED_AFTER.as_millis() as i64;
    assert_eq!(db.execute("UPDATE state SET doubted = ?1 WHERE doubt IS NOT NULL", [confirmed]), Ok(1));
    drop(db);
    let talk = open();
    assert!(matches!(talk.report(), Report::Purged(rooms) if rooms == [(room_name("#a"), 6)]));
    talk.stop();
}

#[test]
fn the_write_ahead_log_shrinks_when_who_read_for_long_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 1, "ani", "first")]);
    // As an export does that is looked at page by page.
    let reader = Connection::open(dir.path().join(FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM log;").unwrap();
    reader.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0)).unwrap();
    let long = "x".repeat(1_900);
    let wal = || fs::metadata(dir.path().join(format!("{FILE}-wal"))).map_or(0, |file| file.len());
    let mut id = 1;
    while wal() < 24 << 20 {
        talk.say((1..=1_000).map(|more| said("#a", id + more, "ani", &long)));
        id += 1_000;
    }
    drop(reader);
    until("it is short again", || wal() == 0);
    talk.stop();
}

#[test]
fn lines_that_were_said_while_the_clock_was_behind_go_by_when_they_were_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    // Both have a time of 1970; the first was said then, as far as any user knows.
    talk.say([said("#a", 1, "ani", "of 1970")]);
    talk.stop();
    let db = rusqlite::Connection::open(dir.path().join(chat_store::FILE)).unwrap();
    let ahead = chrono::Utc::now() + chrono::TimeDelta::days(2);
    db.execute("UPDATE state SET clock = ?1", [ahead.timestamp_millis()]).unwrap();
    drop(db);
    let mut talk = Talk::open(dir.path());
    talk.say([said("#a", 2, "ani", "said while the clock is two days behind")]);
    talk.say([said("#a", 3, "ani", "and another")]);
    talk.stop();
    let mut old = options(dir.path(), Durability::Commit);
    old.retention.days = Some(30);
    let mut talk = Talk::with(old);
    assert!(matches!(talk.report(), Report::Purged(rooms) if rooms[0].1 == 2), "the first goes, and no other");
    assert_eq!(words(&talk.page("#a")), ["said while the clock is two days behind", "and another"]);
    talk.stop();
    let db = rusqlite::Connection::open(dir.path().join(chat_store::FILE)).unwrap();
    let late: (i64, i64) =
        db.query_row("SELECT first, last FROM late", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(late, (2, 3), "one row");
}

#[test]
fn the_size_of_a_picture_is_kept_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let token = Token::parse(&"7".repeat(32)).unwrap();
    let pixels = Some((640, u16::MAX));
    let lines = [pixels, None].into_iter().zip(1..).map(|(pixels, id)| {
        let Event::Said(speech) = &said("#rust", id, "ani", "plan.png").event else { panic!("a line") };
        let file = Some(SharedFile { bytes: 7, token, pixels });
        Envelope::new(DateTime::UNIX_EPOCH, Event::Said(Speech { file, ..speech.clone() }))
    });
    talk.say(lines);
    talk.stop();
    let mut talk = Talk::open(dir.path());
    let kept: Vec<_> = talk.page("#rust").iter().map(|line| line.file().unwrap().pixels).collect();
    assert_eq!(kept, [pixels, None]);
}
