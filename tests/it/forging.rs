//! In the views for people no user can write a line that looks like one of the server's, or like another user's (PROTOCOL.md
//! section 5, "The views for people"). The forms stand here a second time: a test must not ask the code what is right.

use std::collections::BTreeSet;

use chat_server::features::VERBS;
use chat_server::features::moderation::moderated::{Effect, Moderated};
use chat_server::features::presence::away::Away;
use chat_server::features::presence::typing::Typing;
use chat_server::features::profile::Profile;
use chat_server::features::rooms::ModeChange;
use chat_server::features::rooms::told::{Invited, Modes, NewOperator, Topic};
use chat_server::model::event::{
    Block, Change, Done, Envelope, Event, Leave, Rows, SharedFile, Speech, Version, Warning, What, Wire,
};
use chat_server::model::feature::FeatureEvent;
use chat_server::model::file::Token;
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::rows::{RoomInfo, User};
use chat_server::model::text::Text;
use chat_server::protocol::render::render;
use chrono::DateTime;
use proptest::prelude::*;

use crate::papers::sources;
use crate::properties::{Waved, event, name, of_features, room, text};

const VIEWS: [Wire; 4] = [Wire::Short, Wire::ShortIds, Wire::Plain, Wire::PlainIds];

/// What a user wrote, as a reader takes it from a line.
#[derive(PartialEq, Debug)]
struct Spoken<'a> {
    how: &'static str,
    room: &'a str,
    who: &'a str,
    text: &'a str,
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// What stands behind the room, if there is one.
fn behind_room(words: &str) -> (&str, &str) {
    match words.split_once(' ') {
        Some((room, rest)) if room.starts_with('#') && !room.contains(':') => (room, rest),
        _ => ("#lobby", words),
    }
}

/// A line without the time in front of it.
fn without_time(line: &str, wire: Wire) -> &str {
    let is_time = |time: &str| time.len() == 6 && time.as_bytes()[2] == b':' && time.ends_with(' ');
    if wire.is_short() {
        line.split_at_checked(6).filter(|(time, _)| is_time(time)).map_or("", |(_, rest)| rest)
    } else {
        line
    }
}

/// A line without its number.
fn without_number(words: &str, wire: Wire) -> &str {
    let split = match wire {
        Wire::ShortIds => words.strip_prefix('[').and_then(|rest| rest.split_once("] ")),
        Wire::PlainIds => words.split_once(", "),
        _ => None,
    };
    let is_number =
        |head: &str| head.split(" answers ").all(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()));
    split.filter(|(head, _)| is_number(head)).map_or(words, |(_, rest)| rest)
}

/// Reads a line that a user wrote; `None` if it is one of the server's.
fn spoken(line: &str, wire: Wire) -> Option<Spoken<'_>> {
    let words = without_number(without_time(line, wire), wire);
    if let Some(rest) = words.strip_prefix(if wire.is_short() { "~ " } else { "Action, " }) {
        let (room, rest) = behind_room(rest);
        let (who, text) = rest.split_once(' ')?;
        return is_name(who).then_some(Spoken { how: "act", room, who, text });
    }
    let whisper = match wire.is_short() {
        true => words.strip_prefix('-').and_then(|rest| rest.split_once("- ")),
        false => words.split_once(" whispers: "),
    };
    if let Some((who, text)) = whisper.filter(|(who, _)| is_name(who)) {
        return Some(Spoken { how: "whisper", room: "", who, text });
    }
    let (room, rest) = behind_room(words);
    let (who, text) = rest.split_once(": ")?;
    is_name(who).then_some(Spoken { how: "say", room, who, text })
}

fn lines(event: &Event, wire: Wire) -> Vec<String> {
    let bytes = render(&Envelope::new(DateTime::UNIX_EPOCH, event.clone()), wire);
    String::from_utf8(bytes).expect("UTF-8").lines().map(String::from).collect()
}

fn speech(room: RoomName, from: Name, act: bool, text: Text) -> Speech {
    let version = Version::First;
    Speech {
        room,
        id: 12,
        by: ClientId(1),
        from,
        act,
        re: None,
        version,
        signed: false,
        cid: None,
        file: None,
        text: text.into(),
    }
}

/// Whether it is words of a user as they were written, or has such in it.
fn is_speech(event: &Event) -> bool {
    match event {
        Event::Said(Speech { version, file, .. }) => *version != Version::Deleted && file.is_none(),
        Event::Whispered { id: None, file, .. } => file.is_none(),
        Event::Block(Block { rows: Rows::Lines(_), .. }) => true,
        // The names of threads are the program's own, and no user's.
        Event::Block(Block { kind: "INSPECT", .. }) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1_000), ..ProptestConfig::default() })]

    #[test]
    fn what_somebody_says_reads_as_theirs_whatever_it_is(
        room in room(), who in name(), act in any::<bool>(), re in proptest::option::of(any::<u64>()), text in text()
    ) {
        prop_assume!(!text.is_blank());
        for wire in VIEWS {
            let said = Event::Said(Speech { re, ..speech(room.clone(), who.clone(), act, text.clone()) });
            let seen = lines(&said, wire);
            let how = if act { "act" } else { "say" };
            let right = Spoken { how, room: room.as_str(), who: who.as_str(), text: &text };
            prop_assert_eq!((seen.len(), spoken(&seen[0], wire)), (1, Some(right)), "{:?}", seen);
            let whisper = Event::Whispered { by: ClientId(1), from: who.clone(), to: who.clone(), id: None, file: None, text: text.clone().into() };
            let seen = lines(&whisper, wire);
            let right = Spoken { how: "whisper", room: "", who: who.as_str(), text: &text };
            prop_assert_eq!((seen.len(), spoken(&seen[0], wire)), (1, Some(right)), "{:?}", seen);
        }
    }

    #[test]
    fn no_line_of_the_server_reads_as_somebodys(event in event()) {
        prop_assume!(!is_speech(&event));
        for wire in VIEWS {
            for line in lines(&event, wire) {
                prop_assert_eq!(spoken(&line, wire), None, "{}", line);
            }
        }
    }
}

/// One event of every kind, in which `text` stands wherever a user's words can. Those who cannot write it keep their own words.
fn told(text: &Text) -> Vec<(&'static str, Event)> {
    let (ani, budi) = (|| Name::parse("ani").expect("a name"), || Name::parse("budi").expect("a name"));
    let (lobby, rust, by) = (RoomName::lobby, || RoomName::parse("#rust").expect("a room"), ClientId(1));
    let text = || text.clone();
    let own = |words: &str| Text::new(words).expect("a text");
    let file = SharedFile { bytes: 18, token: Token::parse(&"7".repeat(32)).expect("a token"), pixels: None };
    let change = |what| {
        Event::Changed(Change {
            room: lobby(),
            id: 13,
            by,
            from: ani(),
            target: 12,
            author: budi(),
            signed: false,
            what,
        })
    };
    let waved = |room| Event::Feature(FeatureEvent::new(Waved { room, name: ani(), text: text() }));
    let done = |done| Event::Done { verb: "VERB", tag: None, done };
    let moderated = |effect, target, seconds, why| {
        let told = Moderated { by: Some(ani()), seconds, why, ..Moderated::new(effect, Some(rust()), target) };
        Event::Feature(FeatureEvent::new(told))
    };
    let modes =
        |modes, changes| Event::feature(Modes { room: rust(), by: ani(), changes, modes: own(modes), limit: None });
    let profile = |name, status| Event::feature(Profile { account: ani(), name, status, picture: None });
    let user = User {
        name: ani(),
        rooms: vec![lobby()],
        idle: 1,
        door: "line",
        account: None,
        away: Some(text()),
        ranks: Vec::new(),
    };
    let info = RoomInfo { name: rust(), users: 2, modes: own("+"), topic: text() };
    let mut told = of_features(&ani(), &rust(), &text());
    told.extend([
        ("said", Event::Said(speech(lobby(), ani(), false, text()))),
        ("said elsewhere", Event::Said(speech(rust(), ani(), false, text()))),
        ("act", Event::Said(speech(lobby(), ani(), true, text()))),
        ("act elsewhere", Event::Said(speech(rust(), ani(), true, text()))),
        ("deleted", Event::Said(Speech { version: Version::Deleted, ..speech(lobby(), ani(), false, own("")) })),
        ("file", Event::Said(Speech { file: Some(file), ..speech(lobby(), ani(), false, text()) })),
        ("edit", change(What::Edited(text().into()))),
        ("delete", change(What::Deleted)),
        ("react", change(What::Reacted(own("👍")))),
        ("unreact", change(What::Unreacted(own("👍")))),
        ("whisper", Event::Whispered { by, from: ani(), to: budi(), id: None, file: None, text: text().into() }),
        (
            "file for one",
            Event::Whispered { by, from: ani(), to: budi(), id: None, file: Some(file), text: text().into() },
        ),
        ("joined", Event::Joined { room: lobby(), by, name: ani(), signed: true }),
        (
            "left with words",
            Event::Left { room: lobby(), by, name: ani(), why: Leave::Quit(Some(text())), gone: false },
        ),
        (
            "left a room with words",
            Event::Left { room: lobby(), by, name: ani(), why: Leave::Parted(Some(text())), gone: false },
        ),
        ("sent away", Event::Left { room: lobby(), by, name: ani(), why: Leave::Kicked(Some(text())), gone: false }),
        ("left", Event::Left { room: lobby(), by, name: ani(), why: Leave::Quit(None), gone: false }),
        ("lost", Event::Left { room: lobby(), by, name: ani(), why: Leave::Lost, gone: false }),
        ("renamed", Event::Renamed { by, old: ani(), new: budi() }),
        ("topic", Event::feature(Topic { room: lobby(), by: ani(), text: text() })),
        ("no topic", Event::feature(Topic { room: lobby(), by: ani(), text: own("") })),
        ("away", Event::feature(Away { by, name: ani(), why: Some(text()) })),
        ("back", Event::feature(Away { by, name: ani(), why: None })),
        ("status", profile(None, Some(text()))),
        ("full name", profile(Some(text()), None)),
        ("no profile", profile(None, None)),
        ("typing", Event::feature(Typing { room: lobby(), by, name: ani(), on: true })),
        ("typing no more", Event::feature(Typing { room: lobby(), by, name: ani(), on: false })),
        ("mode", modes("+m", vec![ModeChange::Moderated(true)])),
        ("modes at once", modes("+l", vec![ModeChange::Limit(Some(20)), ModeChange::Secret(false)])),
        ("operator", Event::feature(NewOperator { room: rust(), by, name: ani() })),
        ("op", moderated(Effect::Op, Some(budi()), None, None)),
        ("deop", moderated(Effect::Deop, Some(budi()), None, None)),
        ("voice", moderated(Effect::Voice, Some(budi()), None, None)),
        ("devoice", moderated(Effect::Devoice, Some(budi()), None, None)),
        ("kick", moderated(Effect::Kicked, Some(budi()), None, Some(text()))),
        ("mute", moderated(Effect::Muted, Some(budi()), Some(600), Some(text()))),
        ("unmute", moderated(Effect::Unmuted, Some(budi()), None, None)),
        ("ban", moderated(Effect::Banned, Some(budi()), None, Some(text()))),
        ("unban", moderated(Effect::Unbanned, None, None, None)),
        ("waved", waved(None)),
        ("waved elsewhere", waved(Some(rust()))),
        ("announcement", Event::Note { room: None, text: text() }),
        ("invited", Event::feature(Invited { room: rust(), by: Some(by), name: ani() })),
        ("invited before", Event::feature(Invited { room: rust(), by: None, name: ani() })),
        ("note", Event::Note { room: Some(rust()), text: own("The file of ani is not there any more.") }),
        ("warning", Event::Warn(Warning::Pace)),
        ("refusal", Event::Refused { verb: None, tag: None, error: Refusal::NO_TEXT }),
        ("gap", Event::Gap { room: lobby(), first: 3, last: 5, count: 3 }),
        ("prompt", Event::Prompt { what: "A password for your name, a short sentence".into(), is_hidden: false }),
        ("paste", Event::PasteBegins),
        ("bye", Event::Bye { why: Leave::Quit(None), name: Some(ani()) }),
        ("welcome", done(Done::Welcome { name: ani(), room: Some(lobby()), users: 2 })),
        ("entered", done(Done::Entered { room: rust(), users: 1, op: true })),
        ("the topic", done(Done::Topic { room: lobby(), topic: Some((ani(), text())) })),
        ("no topic here", done(Done::Topic { room: lobby(), topic: None })),
        ("modes", done(Done::Modes { room: rust(), modes: own("+k"), limit: None })),
        ("noted", done(Done::Said { room: lobby(), id: 12, kept: true })),
        ("whispered", done(Done::Whispered { to: budi(), id: None, away: Some(text()) })),
        ("called", done(Done::Renamed(ani()))),
        ("list", Event::Block(Block::list(Some(lobby()), vec![user]))),
        ("rooms", Event::Block(Block::new("ROOMS", vec![info]))),
        ("help", Event::Block(Block::new("HELP", VERBS.iter().collect::<Vec<_>>()))),
        ("earlier", Event::Block(Block::history(Some(lobby()), Vec::new(), None))),
    ]);
    told
}

/// An event that is new is tried here and by the properties, or this fails: a match has no arm for what a feature seals.
#[test]
fn every_event_of_a_feature_is_tried() {
    let tried = concat!(include_str!("properties.rs"), include_str!("forging.rs"));
    let mut events = 0;
    for (path, source) in sources().into_iter().filter(|(path, _)| path.to_string_lossy().contains("src/features/")) {
        for (_, rest) in source.match_indices("\nimpl Told for ").map(|(at, found)| source.split_at(at + found.len())) {
            let event = rest.split([' ', '<']).next().unwrap_or_default();
            let is_made = [" {", "::new("].iter().any(|make| tried.contains(&format!("{event}{make}")));
            assert!(is_made, "{}: {event} is made neither in properties.rs nor in forging.rs", path.display());
            events += 1;
        }
    }
    assert!(events > 10, "{events}");
}

/// A line as a reader sees it who does not know the people.
fn shape(line: &str, wire: Wire) -> String {
    let words = without_number(without_time(line, wire), wire);
    let word = |word: &str| if matches!(word, "ani" | "budi") { "N".to_string() } else { word.to_string() };
    words.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A user who writes what the server writes, or the end of it, or the words of another, wherever words can stand, has another line.
#[test]
fn nothing_that_can_be_written_looks_like_another_line() {
    for wire in VIEWS {
        let plain = told(&Text::new("words").expect("a text"));
        let all = |(kind, event): &(&'static str, Event)| -> Vec<(&'static str, String)> {
            lines(event, wire).iter().map(|line| (*kind, shape(line, wire))).collect()
        };
        let real: Vec<(&str, String)> = plain.iter().flat_map(all).collect();
        let shown: Vec<String> = plain.iter().flat_map(|(_, event)| lines(event, wire)).collect();
        let mut forged = BTreeSet::new();
        for line in &shown {
            let ends = line.match_indices(' ').map(|(at, _)| &line[at + 1..]);
            forged.extend(ends.chain([line.as_str()]).map(|end| end.trim_matches('"').to_string()));
        }
        for words in forged.iter().filter(|words| !words.is_empty()) {
            for (kind, event) in told(&Text::new(words).expect("a text")) {
                for (_, written) in all(&(kind, event)) {
                    let same = real.iter().find(|(other, line)| *other != kind && *line == written);
                    assert_eq!(same, None, "{wire:?}: {kind} with {words:?}");
                }
            }
        }
        let kinds: BTreeSet<&String> = real.iter().map(|(_, line)| line).collect();
        assert!(kinds.len() > 45, "{} different lines", kinds.len());
    }
}
