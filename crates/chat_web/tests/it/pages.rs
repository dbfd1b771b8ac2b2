//! The read model behind REST against a plain list.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use chat_server::chat::message::Message;
use chat_server::chat::outbox::{Batch, Deliver, Undelivered};
use chat_server::model::body::Body;
use chat_server::model::event::{Change, Envelope, Event, Speech, Version, What};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::text::Text;
use chat_web::{AppState, PageQuery, Receipt, WebConfig};
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use crate::kit::{DEADLINE, Stage, TestClient, TestServer, call};

fn state() -> AppState {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    AppState::new(SERVER.get_or_init(TestServer::start).handle().clone(), WebConfig::default())
}

fn envelope(event: Event) -> Arc<Envelope> {
    Envelope::new(DateTime::UNIX_EPOCH, event)
}

fn text(words: &str) -> Text {
    Text::new(words).expect("clean")
}

fn name(who: usize) -> Name {
    Name::parse(&format!("n{who}")).expect("a name")
}

fn said(room: &RoomName, id: u64, words: &str) -> Event {
    Event::Said(Speech {
        room: room.clone(),
        id,
        by: ClientId(1),
        from: name(1),
        act: false,
        re: None,
        version: Version::First,
        signed: false,
        cid: None,
        file: None,
        text: Body::new(words).expect("clean"),
    })
}

#[derive(Clone, Debug)]
enum Step {
    Say(u8),
    Change(u64, usize, Kind, u8),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Edit,
    Delete,
    React,
    Unreact,
}

#[derive(Clone, Default, PartialEq, Debug)]
struct Line {
    text: String,
    edited: bool,
    deleted: bool,
    reactions: BTreeMap<String, Vec<String>>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![Just(Kind::Edit), Just(Kind::Delete), Just(Kind::React), Just(Kind::Unreact)];
    let step = prop_oneof![
        2 => any::<u8>().prop_map(Step::Say),
        3 => (1u64..60, 1usize..4, kind, 0u8..4).prop_map(|(target, who, kind, n)| Step::Change(target, who, kind, n)),
    ];
    prop::collection::vec(step, 0..60)
}

fn query() -> impl Strategy<Value = PageQuery> {
    let number = || prop::option::weighted(0.4, prop_oneof![9 => 0u64..70, 1 => Just(u64::MAX)]);
    (number(), number(), number(), 1usize..12).prop_map(|(before, after, around, limit)| PageQuery {
        before,
        after,
        around,
        limit,
    })
}

/// 200 messages of 16 KiB are not one answer of 3 MB, and none is left out.
#[test]
fn a_page_of_long_messages_is_shorter_and_says_where_it_goes_on() {
    let (state, room) = (state(), RoomName::parse("#long").expect("a room"));
    let (count, long) = (100, ["x".repeat(3_200).as_str(); 5].join("\n"));
    (1..=count).for_each(|id| state.take(&envelope(said(&room, id, &long))));
    let ask = |query: PageQuery| {
        let page = state.rooms.page("long", PageQuery { limit: 200, ..query });
        let bytes: usize = page.messages.iter().map(|message| message.text.len()).sum();
        assert!(bytes <= 128 * 1024, "{query:?}: {bytes} bytes");
        (page.messages.iter().map(|message| message.seq).collect::<Vec<_>>(), page.prev, page.next)
    };
    let (mut back, mut before) = (Vec::new(), None);
    loop {
        let (page, prev, _) = ask(PageQuery { before, ..PageQuery::default() });
        back.splice(0..0, page);
        before = prev;
        if before.is_none() {
            break;
        }
    }
    let (mut forth, mut after) = (Vec::new(), Some(0));
    while let Some(from) = after {
        let (page, _, next) = ask(PageQuery { after: Some(from), ..PageQuery::default() });
        forth.extend(page);
        after = next;
    }
    let all: Vec<u64> = (1..=count).collect();
    assert_eq!((&back, &forth), (&all, &all));
    let (around, prev, next) = ask(PageQuery { around: Some(50), ..PageQuery::default() });
    assert!(around.contains(&49) && around.contains(&50) && around.contains(&51), "{around:?}");
    assert!(prev.is_some() && next.is_some());
}

/// The page as docs/protocol.md describes it, by filtering a list.
fn page(lines: &BTreeMap<u64, Line>, query: PageQuery) -> Vec<u64> {
    let older = |than: u64| lines.keys().filter(move |seq| **seq < than);
    let mut found: Vec<u64> = lines.keys().copied().filter(|seq| query.before.is_none_or(|b| *seq < b)).collect();
    if let Some(around) = query.around {
        let first = older(around).rev().take(query.limit / 2).last().copied().unwrap_or(around);
        found.retain(|seq| *seq >= first);
        found.truncate(query.limit);
    } else if let Some(after) = query.after {
        found.retain(|seq| *seq > after);
        found.truncate(query.limit);
    } else {
        found.drain(..found.len().saturating_sub(query.limit));
    }
    found
}

proptest! {
    #[test]
    fn a_page_is_what_a_list_would_give(steps in steps(), queries in prop::collection::vec(query(), 1..20)) {
        let (state, room) = (state(), RoomName::lobby());
        let mut lines: BTreeMap<u64, Line> = BTreeMap::new();
        let mut last = 0;
        for step in steps {
            last += 1;
            let event = match step {
                Step::Say(n) => {
                    let words = format!("words {n}");
                    lines.insert(last, Line { text: words.clone(), ..Line::default() });
                    said(&room, last, &words)
                }
                Step::Change(target, who, kind, n) => {
                    let emoji = format!("e{n}");
                    let what = match kind {
                        Kind::Edit => What::Edited(text(&emoji).into()),
                        Kind::Delete => What::Deleted,
                        Kind::React => What::Reacted(text(&emoji)),
                        Kind::Unreact => What::Unreacted(text(&emoji)),
                    };
                    // The router changes nothing that was deleted.
                    if let Some(line) = lines.get_mut(&target).filter(|line| !line.deleted) {
                        let who = name(who).to_string();
                        match kind {
                            Kind::Edit => (line.text, line.edited) = (emoji, true),
                            Kind::Delete => *line = Line { deleted: true, edited: line.edited, ..Line::default() },
                            Kind::React => {
                                let names = line.reactions.entry(emoji).or_default();
                                if !names.contains(&who) {
                                    names.push(who);
                                }
                            }
                            Kind::Unreact => {
                                if let Some(names) = line.reactions.get_mut(&emoji) {
                                    names.retain(|name| *name != who);
                                }
                                line.reactions.retain(|_, names| !names.is_empty());
                            }
                        }
                    } else if lines.contains_key(&target) {
                        last -= 1;
                        continue;
                    }
                    let (by, from, author) = (ClientId(who as u64), name(who), name(1));
                    Event::Changed(Change { room: room.clone(), id: last, by, from, target, author, signed: false, what })
                }
            };
            state.take(&envelope(event));
        }
        for query in queries {
            let got = state.rooms.page("LOBBY", query);
            let wanted = page(&lines, query);
            let seqs: Vec<u64> = got.messages.iter().map(|message| message.seq).collect();
            prop_assert_eq!(&seqs, &wanted, "{:?}", query);
            prop_assert_eq!(got.last_seq, last);
            for message in &got.messages {
                let line = Line {
                    text: message.text.clone(),
                    edited: message.edited,
                    deleted: message.deleted,
                    reactions: message.reactions.clone(),
                };
                prop_assert_eq!(&line, &lines[&message.seq]);
                prop_assert_eq!(state.rooms.messages.get(&message.id).map(|kept| kept.seq), Some(message.seq));
            }
            let first = wanted.first().filter(|first| lines.keys().any(|seq| seq < first));
            let newer = wanted.last().filter(|last| lines.keys().any(|seq| seq > last));
            prop_assert_eq!((got.prev, got.next), (first.copied(), newer.copied()));
        }
    }
}

#[test]
fn the_oldest_messages_make_way() {
    const EACH: u64 = 20_000;
    let state = state();
    let rooms: Vec<RoomName> = (0..6).map(|i| RoomName::parse(&format!("#r{i}")).expect("a room")).collect();
    // A room that the tap has not brought yet is there, and has nothing in it.
    let first = state.rooms.page("r0", PageQuery { limit: 1, ..PageQuery::default() });
    assert!(first.messages.is_empty() && first.prev.is_none() && first.last_seq == 0);
    for room in &rooms {
        for id in 1..=EACH + 5 {
            state.take(&envelope(said(room, id, "hi")));
        }
        let kept = state.rooms.logs.get(&room.as_str()[1..]).expect("the room").messages.len() as u64;
        assert_eq!(kept, EACH);
    }
    // 100,000 in all; what fell out is found nowhere.
    let kept: usize = state.rooms.logs.iter().map(|log| log.messages.len()).sum();
    assert_eq!(kept, state.rooms.messages.len());
    assert!(kept <= 100_000, "{kept}");
    let oldest = state.rooms.page("r0", PageQuery { after: Some(0), limit: 1, ..PageQuery::default() });
    assert!(oldest.messages.first().is_none_or(|message| message.seq > 5));
    let newest = state.rooms.page("r5", PageQuery { limit: 1, ..PageQuery::default() });
    assert_eq!((newest.messages[0].seq, newest.last_seq), (EACH + 5, EACH + 5));
}

/// Long ones make way sooner: what is kept is counted in bytes.
#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let (state, room) = (state(), RoomName::parse("#long").expect("a room"));
    state.take(&envelope(said(&room, 1, "short")));
    let words = "x".repeat(3_400);
    for id in 2..=19_900 {
        state.take(&envelope(said(&room, id, &words)));
    }
    let bytes: usize = state.rooms.messages.iter().map(|message| message.text.len()).sum();
    assert!((50 << 20..=64 << 20).contains(&bytes), "{bytes}");
    assert_eq!(state.rooms.messages.len(), state.rooms.logs.get("long").expect("the room").messages.len());
    let newest = state.rooms.page("long", PageQuery { limit: 1, ..PageQuery::default() });
    assert_eq!(newest.messages[0].seq, 19_900);
    // The same of what is remembered by a cid.
    let (client, name) = (ClientId(7), name(7));
    let receipt = |seq| Receipt::Said { room: "long".into(), seq, id: Uuid::nil(), text: words.clone() };
    for seq in 0..6_000 {
        state.receipts.remember(client, &name, &format!("cid-{seq:012}"), &receipt(seq));
    }
    assert_eq!(state.receipts.find(client, &name, "cid-000000000000"), None);
    assert_eq!(state.receipts.find(client, &name, "cid-000000005999"), Some(receipt(5_999)));
}

/// A tap that has no room once, and goes away then.
struct Full {
    was: bool,
}

impl Deliver for Full {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        if std::mem::replace(&mut self.was, true) { Err(Undelivered::Gone) } else { Err(Undelivered::Full(batch)) }
    }
}

#[test]
fn a_read_model_that_missed_something_says_so_and_keeps_closed_rooms_from_strangers() {
    let stage = Stage::start();
    let mut budi = stage.line("budi");
    let get = |path| call("GET", path).on(stage.addr()).json();
    // What REST reads may be a moment behind: it is asked again, each time after one more turn of the router.
    let until = |budi: &mut TestClient, what: &str, fits: &dyn Fn() -> bool| {
        let end = Instant::now() + DEADLINE;
        while !fits() {
            assert!(Instant::now() < end, "{what}");
            budi.send("MSG:one more turn");
            budi.settle();
        }
    };
    let shown = |id, modes| {
        let rooms = get("/api/rooms");
        rooms.as_array().is_some_and(|rooms| rooms.iter().any(|room| room["id"] == id && room["modes"] == modes))
    };
    assert_eq!(get("/api/healthz"), json!({"status": "ok", "missed": 0}));
    budi.send("JOIN:#tea");
    budi.send("JOIN:#den");
    budi.send("MODE:+k hush");
    until(&mut budi, "both are shown", &|| shown("tea", "+") && shown("den", "+k"));
    stage.server().handle().send(Message::Tap(Box::new(Full { was: false })));
    until(&mut budi, "the loss is told", &|| get("/api/readyz")["status"] == "stale");
    assert!(get("/api/healthz")["missed"].as_u64().is_some_and(|missed| missed > 0));
    // One that is closed may be by invitation now, and that may be what was missed; one that is open is open.
    until(&mut budi, "#den is kept back", &|| !shown("den", "+k"));
    assert!(get("/api/rooms").as_array().is_some_and(|rooms| rooms.iter().any(|room| room["id"] == "tea")));
    assert_eq!(get("/api/users")[0]["name"], "budi");
    assert_eq!(get("/api/rooms")[0]["id"], "lobby");
    budi.send("MODE:+k other");
    until(&mut budi, "#den is shown again", &|| shown("den", "+k"));
}
