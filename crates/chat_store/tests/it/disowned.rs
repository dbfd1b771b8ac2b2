//! What was said under a name whose account, or program, is no more.

use std::path::Path;
use std::sync::Arc;

use chat_server::features::archive::store::{Answer, Disowned, Question, Record};
use chat_server::features::programs::{Ask, Kind};
use chat_server::model::event::{Change, Envelope, Event, Speech, What};
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_store::{FILE, Offline, Strength, check};
use rusqlite::Connection;

use crate::kit::{Talk, back_to, changed, name, room_name, said_with, state, text};

fn signed(room: &str, id: u64, from: &str) -> Arc<Envelope> {
    let line = said_with(room, id, from, "words", Some(&format!("cid-{from}-{}-{id}", &room[1..])));
    let Event::Said(speech) = &line.event else { panic!("{line:?}") };
    Envelope::new(line.at, Event::Said(Speech { signed: true, ..speech.clone() }))
}

/// The numbers of the lines and changes of a room that are signed.
fn signed_in(talk: &mut Talk, room: &str) -> Vec<u64> {
    let lines = talk.page(room);
    let signed = lines.iter().filter_map(|line| match &line.event {
        Event::Said(Speech { signed: true, cid: Some(_), id, .. }) => Some(*id),
        Event::Changed(Change { signed: true, id, .. }) => Some(*id),
        _ => None,
    });
    signed.collect()
}

fn added(talk: &mut Talk, account: &str) {
    let (name, secret) = (name(account), Secret::new("correct-horse"));
    let answer = talk.answer(Question::AddAccount { name, secret, role: Role::Member });
    assert!(matches!(answer, Answer::Account { .. }), "{answer:?}");
}

/// Lines 1 and 2 of the lobby are of `Ani` and `budi`, 3 and 4 are reactions of `ani`.
fn lobby(talk: &mut Talk) {
    let reaction = |id| changed("#lobby", id, 2, What::Reacted(text("👍")));
    let lines = vec![signed("#lobby", 1, "Ani"), signed("#lobby", 2, "budi"), reaction(3), reaction(4)];
    talk.keep(Record { rooms: vec![state("#lobby")], lines, ..Record::default() });
}

fn is_sound(dir: &Path) {
    let findings = check(dir).unwrap();
    assert!(findings.is_sound, "{}", findings.text);
}

/// The router says so in a later turn, before which the server may be killed; and what it had said before that is as the rest.
#[test]
fn lines_of_a_removed_account_are_signed_by_no_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    ["ani", "budi"].iter().for_each(|account| added(&mut talk, account));
    lobby(&mut talk);
    assert_eq!(talk.search("words"), [1, 2]);
    assert!(matches!(talk.answer(Question::Remove { name: name("ANI"), messages: false }), Answer::Done));
    assert_eq!(signed_in(&mut talk, "#lobby"), [2]);
    talk.say([signed("#lobby", 5, "ani")]);
    assert_eq!(signed_in(&mut talk, "#lobby"), [2, 5]);
    let disowned = vec![Disowned { name: name("ani"), room: None }];
    talk.keep(Record { lines: vec![signed("#lobby", 6, "ani")], disowned, ..Record::default() });
    added(&mut talk, "ani");
    // The next one uses the same cid.
    let Event::Said(own) = &signed("#lobby", 7, "ani").event else { panic!("a line") };
    let own = Speech { cid: Some(text("cid-Ani-lobby-1")), ..own.clone() };
    talk.say([Envelope::new(chrono::DateTime::UNIX_EPOCH, Event::Said(own))]);
    assert_eq!(talk.search("words").len(), 5, "all are in the index");
    assert_eq!(signed_in(&mut talk, "#lobby"), [2, 7]);
    talk.stop();
    is_sound(dir.path());
    let offline = Offline::open(dir.path(), Strength::default()).unwrap();
    assert!(offline.remove(&name("budi"), false).unwrap());
    drop(offline);
    let mut talk = Talk::open(dir.path());
    assert_eq!(signed_in(&mut talk, "#lobby"), [7]);
    talk.stop();
}

#[test]
fn the_end_of_a_hook_disowns_its_lines_in_its_room_and_that_of_a_bot_in_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    let hook = Kind::Hook(room_name("#a"));
    let program = |ask: Ask| Question::Program(ask);
    let make = |kind: &Kind, who: &str| Ask::Make { kind: kind.clone(), name: name(who), by: name("ani") };
    for ask in [make(&hook, "ci-bot"), make(&Kind::Bot, "deploy-bot")] {
        assert!(matches!(talk.answer(program(ask)), Answer::Program(..)));
    }
    let lines = ["#a", "#b"].iter().flat_map(|room| [signed(room, 1, "ci-bot"), signed(room, 2, "deploy-bot")]);
    talk.keep(Record { rooms: vec![state("#a"), state("#b")], lines: lines.collect(), ..Record::default() });
    assert!(matches!(talk.answer(program(Ask::End(hook, name("CI-bot")))), Answer::Done));
    assert_eq!((signed_in(&mut talk, "#a"), signed_in(&mut talk, "#b")), (vec![2], vec![1, 2]));
    assert!(matches!(talk.answer(program(Ask::End(Kind::Bot, name("deploy-bot")))), Answer::Done));
    assert_eq!((signed_in(&mut talk, "#a"), signed_in(&mut talk, "#b")), (vec![], vec![1]));
    talk.stop();
}

/// A version before left the lines of a removed account signed.
#[test]
fn a_file_of_version_17_has_no_signed_lines_of_accounts_and_programs_that_are_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut talk = Talk::open(dir.path());
    added(&mut talk, "budi");
    let make = Ask::Make { kind: Kind::Bot, name: name("ci-bot"), by: name("budi") };
    assert!(matches!(talk.answer(Question::Program(make)), Answer::Program(..)));
    lobby(&mut talk);
    talk.say([signed("#lobby", 5, "CI-bot"), signed("#lobby", 6, "gone-bot"), signed("#lobby", 7, "BUDI")]);
    assert_eq!(signed_in(&mut talk, "#lobby"), [1, 2, 3, 4, 5, 6, 7]);
    talk.stop();
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    back_to(&db, 17);
    drop(db);
    let mut talk = Talk::open(dir.path());
    assert_eq!(signed_in(&mut talk, "#lobby"), [2, 5, 7]);
    talk.stop();
    is_sound(dir.path());
}
