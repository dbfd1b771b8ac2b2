//! What is kept of the rooms of an account: read marks, and the lines that mention it.

use std::path::Path;

use chat_server::features::archive::store::{Answer, Question, Record, RoomState};
use chat_server::features::membership::state::{Mark, Membership, Mention, Notify};
use chat_server::features::programs::{Ask, Kind};
use chat_server::model::event::What;
use rusqlite::Connection;

use crate::kit::{Talk, back_to, changed, name, room_name, said, state};

fn member(account: &str, room: &str, read: u64) -> Membership {
    let mark = Mark { read, notify: Notify::Mentions, muted: true };
    Membership { account: name(account), room: room_name(room), mark: Some(mark), invited_by: None }
}

fn invited(account: &str, room: &str, by: &str) -> Membership {
    Membership { account: name(account), room: room_name(room), mark: None, invited_by: Some(name(by)) }
}

fn mention(account: &str, room: &str, id: u64) -> Mention {
    Mention { account: name(account), room: room_name(room), id }
}

/// Makes accounts, of which no password is known.
fn accounts(dir: &Path, names: &[&str]) {
    Talk::open(dir).stop();
    let db = Connection::open(dir.join("chat.db")).unwrap();
    for name in names {
        let sql =
            "INSERT INTO accounts (name, skeleton, hash, role, created, seen) VALUES (?1, ?1, '', 'member', 0, 0)";
        db.execute(sql, [name]).unwrap();
    }
}

fn mentions(talk: &mut Talk, account: &str, before: Option<u64>, limit: usize) -> (Vec<u64>, Option<u64>) {
    let (lines, more) = talk.ask(Question::Mentions { account: name(account), before, limit });
    (lines.iter().filter_map(|line| line.id()).collect(), more)
}

#[test]
fn memberships_and_mentions_come_back() {
    let dir = tempfile::tempdir().unwrap();
    accounts(dir.path(), &["ani", "budi"]);
    let mut talk = Talk::open(dir.path());
    talk.keep(Record {
        rooms: vec![state("#Rust")],
        lines: (1..=4).map(|id| said("#Rust", id, "budi", "@ani")).collect(),
        // Nothing was said in the second, and of the third account nothing is known.
        memberships: vec![member("ani", "#Rust", 0), member("ani", "#quiet", 0), member("eka", "#Rust", 0)],
        mentions: (1..=4).map(|id| mention("ANI", "#rust", id)).collect(),
        ..Record::default()
    });
    talk.keep(Record { memberships: vec![member("ani", "#rust", 2)], ..Record::default() });
    talk.keep(Record { lines: vec![changed("#Rust", 5, 3, What::Deleted)], ..Record::default() });
    assert_eq!(mentions(&mut talk, "ani", None, 10), (vec![1, 2, 4], None));
    let (newest, more) = mentions(&mut talk, "ani", None, 2);
    assert_eq!(newest, [2, 4]);
    assert_eq!(mentions(&mut talk, "ani", more, 2), (vec![1], None));
    assert_eq!(mentions(&mut talk, "budi", None, 2), (vec![], None));
    talk.stop();
    let mut talk = Talk::open(dir.path());
    assert_eq!(talk.contents.memberships, [member("ani", "#quiet", 0), member("ani", "#Rust", 2)]);
    // The router forgets the one that was deleted; here it is unread.
    assert_eq!(talk.contents.mentions, [mention("ani", "#rust", 3), mention("ani", "#rust", 4)]);
    talk.keep(Record {
        memberships: vec![Membership { mark: None, ..member("ani", "#rust", 0) }],
        ..Record::default()
    });
    assert_eq!(mentions(&mut talk, "ani", None, 10), (vec![], None));
    talk.stop();
    assert_eq!(Talk::open(dir.path()).contents.memberships, [member("ani", "#quiet", 0)]);
}

#[test]
fn a_forgotten_room_has_no_members_and_a_removed_account_no_rooms() {
    let dir = tempfile::tempdir().unwrap();
    accounts(dir.path(), &["ani", "budi"]);
    let mut talk = Talk::open(dir.path());
    let lines = vec![said("#a", 1, "budi", "@ani"), said("#b", 1, "budi", "@ani")];
    let memberships = vec![member("ani", "#a", 0), member("ani", "#b", 0), member("budi", "#b", 1)];
    let mentions = vec![mention("ani", "#a", 1), mention("ani", "#b", 1)];
    talk.keep(Record { rooms: vec![state("#a"), state("#b")], lines, memberships, mentions, ..Record::default() });
    talk.keep(Record { forgotten: vec![(room_name("#a"), 1)], ..Record::default() });
    talk.stop();
    let talk = Talk::open(dir.path());
    assert_eq!(talk.contents.memberships, [member("ani", "#b", 0), member("budi", "#b", 1)]);
    assert_eq!(talk.contents.mentions, [mention("ani", "#b", 1)]);
    talk.stop();
    let db = Connection::open(dir.path().join("chat.db")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM accounts WHERE name = 'ani';").unwrap();
    drop(db);
    let talk = Talk::open(dir.path());
    assert_eq!((talk.contents.memberships.len(), talk.contents.mentions.len()), (1, 0));
}

#[test]
fn an_invitation_is_kept_until_it_is_used_or_over() {
    let dir = tempfile::tempdir().unwrap();
    accounts(dir.path(), &["ani", "budi"]);
    let mut talk = Talk::open(dir.path());
    let memberships = vec![invited("budi", "#a", "ani"), invited("budi", "#b", "ani"), invited("budi", "#c", "guest")];
    talk.keep(Record {
        rooms: ["#a", "#b", "#c"].map(state).into(),
        memberships: memberships.clone(),
        ..Record::default()
    });
    talk.stop();
    let mut talk = Talk::open(dir.path());
    assert_eq!(talk.contents.memberships, memberships);
    let over = Membership { invited_by: None, ..invited("budi", "#b", "ani") };
    talk.keep(Record { memberships: vec![member("budi", "#a", 3), over], ..Record::default() });
    talk.stop();
    let talk = Talk::open(dir.path());
    assert_eq!(talk.contents.memberships, [member("budi", "#a", 3), invited("budi", "#c", "guest")]);
    talk.stop();
    let db = Connection::open(dir.path().join("chat.db")).unwrap();
    back_to(&db, 14);
    drop(db);
    assert_eq!(Talk::open(dir.path()).contents.memberships.len(), 2);
}

/// A bot has no account, and its rooms are kept all the same.
#[test]
fn the_rooms_of_a_bot_come_back_until_it_leaves_them_or_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let make = |who: &str| Question::Program(Ask::Make { kind: Kind::Bot, name: name(who), by: name("ani") });
    for bot in ["ci-bot", "deploy-bot"] {
        assert!(matches!(talk.answer(make(bot)), Answer::Program(..)));
    }
    let memberships = vec![
        member("CI-bot", "#a", 0),
        member("ci-bot", "#b", 0),
        member("ci-bot", "#c", 0),
        member("deploy-bot", "#a", 0),
        member("gone-bot", "#a", 0),
        invited("ci-bot", "#d", "ani"),
    ];
    let closed = RoomState { invite_only: true, ..state("#c") };
    talk.keep(Record { rooms: vec![state("#a"), state("#b"), closed], memberships, ..Record::default() });
    let left = Membership { mark: None, ..member("ci-bot", "#b", 0) };
    talk.keep(Record { memberships: vec![member("ci-bot", "#a", 7), left], ..Record::default() });
    talk.stop();
    let mut talk = Talk::open(dir.path());
    let kept = [member("ci-bot", "#a", 7), member("ci-bot", "#c", 0), member("deploy-bot", "#a", 0)];
    assert_eq!(talk.contents.memberships, kept);
    assert!(talk.contents.rooms.iter().any(|room| room.state.invite_only), "a bot comes back into it");
    assert!(matches!(talk.answer(Question::Program(Ask::End(Kind::Bot, name("CI-bot")))), Answer::Done));
    talk.answer(make("ci-bot"));
    talk.keep(Record { forgotten: vec![(room_name("#c"), 0)], ..Record::default() });
    talk.stop();
    assert_eq!(Talk::open(dir.path()).contents.memberships, [member("deploy-bot", "#a", 0)]);
}

#[test]
fn mentions_in_long_lines_come_in_several_answers() {
    let dir = tempfile::tempdir().unwrap();
    accounts(dir.path(), &["ani"]);
    let mut talk = Talk::open(dir.path());
    let long = format!("@ani {}", "x".repeat(3_000));
    talk.keep(Record {
        rooms: vec![state("#a")],
        lines: (1..=200).map(|id| said("#a", id, "budi", &long)).collect(),
        memberships: vec![member("ani", "#a", 0)],
        mentions: (1..=200).map(|id| mention("ani", "#a", id)).collect(),
        ..Record::default()
    });
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let (page, more) = mentions(&mut talk, "ani", before, 500);
        assert!(page.len() < 50, "{} lines of 3 KB", page.len());
        all.splice(0..0, page);
        before = more;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(all, (1..=200).collect::<Vec<u64>>());
    talk.stop();
}
