//! Entries of the log of several nodes: what is written is read back the same, what is not written so is refused, and the bytes are
//! those of the first version.

use std::fmt::Write as _;
use std::path::Path;

use chat_server::chat::message::{Client, Message, Ticket};
use chat_server::chat::outbox::Outbox;
use chat_server::features::archive::store::{Account, Answer, Refused, Report};
use chat_server::features::calls::Call;
use chat_server::features::entry::Entry;
use chat_server::features::{KINDS, VERBS};
use chat_server::model::event::{Envelope, Event, Leave, Speech, Version, Warning};
use chat_server::model::leave::Foreign;
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::now::{Moment, Now};
use chat_server::model::request::Request;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::protocol::coded::{Broken, are_apart};
use chat_server::protocol::parse::parse;
use proptest::prelude::*;

use crate::replay::{LINES, filled, line};

/// The bytes of one entry of each kind. A line is added with `WRITE=1`, and none is changed: what stands in a log must stay readable.
const GOLDEN: &str = "tests/it/entry.txt";

fn now() -> Now {
    let wall = "2026-12-01T03:20:00.123456789Z".parse().expect("a time");
    Now { mono: Moment::from_micros(1_234_567), wall, chance: 0x9E37_79B9_7F4A_7C15 }
}

fn requests(line: &str) -> Option<Message> {
    let request: Request = parse(&Text::new(line).ok()?, &VERBS)?;
    Some(Message::Requests(ClientId(7), vec![request], Ticket::free()))
}

fn entry(messages: &[Message]) -> Entry {
    Entry::of(messages, now()).expect("all nodes get it")
}

/// What can be compared of messages.
fn shown(messages: &[Message]) -> String {
    let one = |message: &Message| match message {
        Message::ClientJoined(client) => {
            let Client { id, origin, door, is_encrypted, .. } = &**client;
            format!("{id} {origin} {door} {is_encrypted}")
        }
        Message::ClientLeft(id, why) => format!("{id} {why:?}"),
        Message::Requests(id, requests, _) => format!("{id} {requests:?}"),
        Message::Warn(id, warning) => format!("{id} {warning:?}"),
        Message::Tell(id, text) => format!("{id} {text:?}"),
        Message::Broadcast(text) => format!("{text:?}"),
        Message::DirectMessage { from, to, content } => format!("{from} {to} {content:?}"),
        Message::Shutdown => "shutdown".into(),
        Message::Feature(call) => match call.peek() {
            Some(Call::Store(Report::Answer(number, answer))) => format!("{number} {answer:?}"),
            _ => panic!("a call of one node"),
        },
        Message::Tap(_) | Message::Reload(_) => panic!("a message of one node"),
    };
    messages.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// One message of each kind beside requests.
fn others() -> Vec<(&'static str, Message)> {
    let (ani, tea) = (Name::parse("ani").expect("a name"), RoomName::parse("#tea").expect("a room"));
    let text = |words: &str| Text::new(words).expect("a text");
    let answer = |answer| Call::Store(Report::Answer(300, answer)).into();
    let mut joined = Client::new(ClientId(7), Outbox::elsewhere(), "192.0.2.7:4711", "web");
    joined.is_encrypted = true;
    let line = Event::Said(Speech {
        room: tea.clone(),
        id: 9,
        by: ClientId(7),
        from: ani.clone(),
        act: false,
        re: Some(8),
        version: Version::Edited,
        signed: true,
        cid: Some(text("c1")),
        file: None,
        text: text("halo").into(),
    });
    let account = Account { name: ani.clone(), role: Role::Op };
    let signed_in = Answer::Account {
        account: account.clone(),
        token: Some(Secret::new("a-token-that-nobody-may-read")),
        known_there: true,
        invited_to: vec![tea],
    };
    vec![
        ("a client", Message::ClientJoined(joined)),
        ("the end of a client", Message::ClientLeft(ClientId(7), Leave::Quit(Some(text("bye"))))),
        ("the end of a browser on the wrong port", Message::ClientLeft(ClientId(7), Leave::Foreign(Foreign::Http))),
        ("a slow client", Message::ClientLeft(ClientId(7), Leave::TooSlow)),
        ("a warning", Message::Warn(ClientId(7), Warning::Idle(60))),
        ("a word to one", Message::Tell(ClientId(7), text("psst"))),
        ("a word to all", Message::Broadcast(text("tea is ready"))),
        ("a whisper", Message::DirectMessage { from: ClientId(7), to: ClientId(8), content: text("psst").into() }),
        ("lines", answer(Answer::Lines { lines: vec![Envelope::new(now().wall, line)], more: Some(9) })),
        ("an account", answer(signed_in)),
        ("a role", answer(Answer::Granted(account))),
        ("done", answer(Answer::Done)),
        ("refused", answer(Answer::Refused(Refused::LooksLike(ani)))),
        ("the end", Message::Shutdown),
    ]
}

/// One entry of each kind, with a name by which it is found.
fn samples() -> Vec<(String, Entry)> {
    let fill = |word: &str| match word {
        "N" => "ani".into(),
        "R" => "#tea".into(),
        "I" => "7".into(),
        "W" => "one two".into(),
        "T" => "10s".into(),
        "P" => "correct-horse".into(),
        other => other.to_string(),
    };
    let lines = LINES.iter().map(|line| filled(line, fill));
    let typed = lines.filter_map(|line| Some((line.clone(), entry(&[requests(&line)?]))));
    let others = others().into_iter().map(|(name, message)| (format!("({name})"), entry(&[message])));
    let mut all: Vec<(String, Entry)> = typed.chain(others).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all.dedup_by(|(one, _), (other, _)| one == other);
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _never = write!(hex, "{byte:02x}");
        hex
    })
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[test]
fn the_bytes_of_an_entry_are_those_of_the_first_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let known: Vec<(&str, &str)> = golden.lines().filter_map(|line| line.rsplit_once('\t')).collect();
    let mut new = golden.clone();
    for (name, entry) in samples() {
        let (bytes, secrets) = entry.write().expect("it has a form");
        match known.iter().find(|(known, _)| *known == name) {
            Some((_, golden)) => {
                assert_eq!(hex(&bytes), *golden, "{name}: what stands in a log could not be read any more")
            }
            None => {
                let _never = writeln!(new, "{name}\t{}", hex(&bytes));
            }
        }
        let read = Entry::read(&bytes, &secrets).expect("it can be read");
        assert_eq!(shown(&read.messages), shown(&entry.messages), "{name}");
    }
    // Also what no test makes any more can be read.
    for (name, golden) in known {
        if let Err(broken) = Entry::read(&from_hex(golden), &[]) {
            panic!("{name}: {broken}");
        }
    }
    if new != golden && std::env::var_os("WRITE").is_some() {
        std::fs::write(&path, &new).expect("it can be written");
    } else {
        assert_eq!(new, golden, "WRITE=1 cargo test entry adds what is new");
    }
}

#[test]
fn no_secret_comes_into_the_bytes() {
    let typed = [
        "REGISTER:hunter2-hunter2",
        "LOGIN:ani hunter2-hunter2",
        "PASSWD:hunter2-old hunter2-new",
        "/oper hunter2-key",
    ];
    let mut messages: Vec<Message> = typed.iter().filter_map(|line| requests(line)).collect();
    messages.extend(others().into_iter().map(|(_, message)| message));
    let entry = entry(&messages);
    let (bytes, secrets) = entry.write().expect("it has a form");
    for secret in ["hunter2", "a-token-that-nobody-may-read"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    assert_eq!(secrets.len(), 6);
    // At home they are there again; elsewhere there are empty ones.
    let home = Entry::read(&bytes, &secrets).expect("it can be read");
    assert_eq!(home.write().expect("it has a form").1, secrets);
    let (same, none) =
        Entry::read(&bytes, &[]).map(|read| read.write().expect("it has a form")).expect("it can be read");
    assert_eq!((same, none.len()), (bytes, 6));
    assert!(none.iter().all(|secret| secret.reveal().is_empty()));
}

#[test]
fn another_version_is_refused_in_words() {
    let (mut bytes, _) = entry(&[Message::Shutdown]).write().expect("it has a form");
    bytes[0] = 2;
    let words = Entry::read(&bytes, &[]).err().map(|broken| broken.to_string());
    assert_eq!(words.as_deref(), Some("an entry of the log has form 2, which only a newer program knows"));
    bytes[0] = 1;
    *bytes.last_mut().expect("a byte") = 99;
    let words = Entry::read(&bytes, &[]).err().map(|broken| broken.to_string());
    assert_eq!(words.as_deref(), Some("an entry of the log has message 99, which only a newer program knows"));
}

#[test]
fn what_one_node_alone_has_is_in_no_entry() {
    let tap = Message::Feature(chat_server::chat::message::FeatureMessage::new(0u8));
    assert_eq!(
        Entry::of(&[tap], now()).err().map(|why| why.to_string()).as_deref(),
        Some("no entry of the log can hold this: call")
    );
}

#[test]
fn no_two_types_of_commands_have_one_number() {
    assert!(are_apart(KINDS));
}

proptest! {
    #[test]
    fn an_entry_is_read_back_as_it_was_and_nothing_else_is_read(
        lines in proptest::collection::vec(line(), 1..6),
        cut in any::<prop::sample::Index>(),
        (place, byte) in (any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let messages: Vec<Message> = lines.iter().filter_map(|line| requests(line)).collect();
        let entry = entry(&messages);
        let (bytes, secrets) = entry.write().expect("it has a form");
        let read = Entry::read(&bytes, &secrets).expect("it can be read");
        prop_assert_eq!(shown(&read.messages), shown(&messages));
        prop_assert_eq!(read.write().expect("it has a form").0, bytes.clone());
        prop_assert!(Entry::read(&bytes[..cut.index(bytes.len())], &secrets).is_err());
        prop_assert_eq!(Entry::read(&[&bytes[..], &[0]].concat(), &secrets).err(), Some(Broken::Longer));
        // Of bytes that were changed nothing comes, or something that has these bytes and no others.
        let mut changed = bytes;
        let place = place.index(changed.len());
        changed[place] = byte;
        if let Ok(read) = Entry::read(&changed, &secrets) {
            let again = Entry::write(&read).expect("it has a form").0;
            // Which secret it is counts from 0 in what is written.
            prop_assert!(again == changed || !secrets.is_empty(), "{changed:?}");
        }
    }
}

/// Each entry of the golden file, cut at every byte.
#[test]
fn an_entry_that_is_cut_is_refused() {
    for (name, entry) in samples() {
        let (bytes, secrets) = entry.write().expect("it has a form");
        for end in 0..bytes.len() {
            assert!(Entry::read(&bytes[..end], &secrets).is_err(), "{name}, cut at {end}");
        }
    }
}
