//! One room, every door, each user at once: one order, nothing lost, nothing doubled.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use chat_web::{Times, WebConfig};
use serde_json::{Value, json};

use crate::kit::{Guest, Heard, Stage, Ws, get, post, quick};

/// What a user saw of a room: words by number.
type Seen = BTreeMap<u64, String>;

/// How many each says.
const EACH: usize = 40;

fn words(who: &str) -> impl Iterator<Item = String> + use<> {
    let who = who.to_string();
    (0..EACH).map(move |i| format!("{who}-{i}"))
}

/// Reads messages until there are so many, each with a greater number than the one before.
fn read_messages(socket: &mut Ws, count: usize) -> Seen {
    let mut seen = Seen::new();
    while seen.len() < count {
        let frame = socket.next().frame();
        if frame["type"] == "Message" {
            let seq = frame["seq"].as_u64().expect("a number");
            assert!(
                seen.last_key_value().is_none_or(|(last, _)| *last + 1 == seq),
                "{seq} after {:?}",
                seen.last_key_value()
            );
            seen.insert(seq, frame["text"].as_str().expect("words").into());
        }
    }
    seen
}

fn line_of(line: &str) -> Option<(u64, String)> {
    let rest = line.split_once(" MSG #lobby ")?.1;
    let (seq, rest) = rest.split_once(' ')?;
    Some((seq.parse().ok()?, rest.split_once(": ")?.1.to_string()))
}

#[test]
fn every_door_sees_one_order() {
    let stage = Stage::start();
    let names = ["l0", "l1", "l2", "w0", "w1", "w2", "r0", "r1"];
    let total = names.len() * EACH;
    let seen: Vec<(Option<&str>, Seen)> = thread::scope(|scope| {
        let mut readers = Vec::new();
        let lines: Vec<_> = names[..3].iter().map(|name| (*name, stage.line(name))).collect();
        let pages: Vec<_> = names[3..6].iter().map(|name| (*name, stage.page(name))).collect();
        let guests: Vec<_> = names[6..].iter().map(|name| (*name, stage.guest(name))).collect();
        let mut quiet = stage.page("quiet").1;
        for (name, mut client) in lines {
            // A telnet client does not hear itself.
            let mut reader = crate::kit::TestClient::over(client.stream().try_clone().expect("a second handle"));
            scope.spawn(move || words(name).for_each(|words| client.send(&words)));
            let read = move || {
                let mut seen = Seen::new();
                while seen.len() < total - EACH {
                    let line = reader.line().expect("a line");
                    if let Some((seq, words)) = line_of(&line) {
                        assert!(seen.last_key_value().is_none_or(|(last, _)| *last < seq), "{line}");
                        seen.insert(seq, words);
                    }
                }
                (Some(name), seen)
            };
            readers.push(scope.spawn(read));
        }
        for (name, (_, mut socket)) in pages {
            readers.push(scope.spawn(move || {
                for (i, words) in words(name).enumerate() {
                    let cid = format!("{name}-cid-of-{i:08}");
                    socket.send(&json!({"type": "Send", "ref": i, "room": "lobby", "cid": cid, "text": words}));
                }
                (None, read_messages(&mut socket, total))
            }));
        }
        for (name, guest) in guests {
            scope.spawn(move || {
                for words in words(name) {
                    assert_eq!(guest.call(post("/api/messages", &json!({ "text": words }))).status, 201);
                }
            });
        }
        readers.push(scope.spawn(move || (None, read_messages(&mut quiet, total))));
        readers.into_iter().map(|reader| reader.join().expect("no reader fails")).collect()
    });
    let (_, truth) = seen.last().expect("the quiet one");
    assert_eq!(truth.keys().copied().collect::<Vec<_>>(), (1..=total as u64).collect::<Vec<_>>());
    let said: BTreeSet<String> = names.iter().flat_map(|name| words(name)).collect();
    assert_eq!(truth.values().cloned().collect::<BTreeSet<_>>(), said);
    // Each user's own words stand in the order in which they were said.
    for name in names {
        let own: Vec<&String> = truth.values().filter(|words| words.starts_with(&format!("{name}-"))).collect();
        assert_eq!(own, words(name).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    }
    for (own, seen) in &seen {
        let mut expected = truth.clone();
        expected.retain(|_, words| own.is_none_or(|own| !words.starts_with(&format!("{own}-"))));
        assert_eq!(*seen, expected);
    }
    // And so does REST, page by page.
    let mut kept = Seen::new();
    let mut path = Some("/api/rooms/lobby/messages?after=0&limit=100".to_string());
    while let Some(here) = path {
        let page =
            crate::kit::eventually("the page", || stage.call(get(&here)).json(), |page| page["last_seq"] == total);
        for message in page["messages"].as_array().expect("messages") {
            kept.insert(message["seq"].as_u64().expect("a number"), message["text"].as_str().expect("words").into());
        }
        path = page["next"].as_str().map(String::from);
    }
    assert_eq!(kept, *truth);
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Sends everything with cids over a connection that breaks again and again, sometimes in the middle of a frame.
fn send_over_a_bad_line(guest: &Guest, name: &str, dice: &mut Dice) -> Seen {
    let mut unsent: Vec<(String, String)> =
        words(name).enumerate().map(|(i, words)| (format!("{name}-cid-of-{i:08}"), words)).collect();
    let mut acked = Seen::new();
    let mut cuts = 12;
    while !unsent.is_empty() {
        let mut socket = guest.connect();
        let frames: Vec<Value> = unsent
            .iter()
            .map(|(cid, words)| json!({"type": "Send", "ref": 1, "room": "lobby", "cid": cid, "text": words}))
            .collect();
        let sent = if cuts > 0 { dice.below(frames.len() as u64 + 1) as usize } else { frames.len() };
        frames[..sent].iter().for_each(|frame| socket.send(frame));
        if cuts > 0 {
            cuts -= 1;
            if let Some(frame) = frames.get(sent) {
                // Half of a frame: its length says more than comes.
                let text = frame.to_string();
                let mut bytes = vec![0x81, 0x80 | 126, 0, text.len() as u8, 0, 0, 0, 0];
                bytes.extend(&text.as_bytes()[..text.len() / 2]);
                socket.send_bytes(&bytes);
            }
            // Some answers are read, the others are lost.
            let read = dice.below(2 * sent as u64 + 3);
            for _ in 0..read {
                if unsent.is_empty() {
                    break;
                }
                if sent == 0 {
                    break;
                }
                take_ack(&mut socket, &mut unsent, &mut acked);
                if unsent.len() <= frames.len() - sent {
                    break;
                }
            }
            socket.cut();
        } else {
            while !unsent.is_empty() {
                take_ack(&mut socket, &mut unsent, &mut acked);
            }
            socket.close();
        }
    }
    acked
}

fn take_ack(socket: &mut Ws, unsent: &mut Vec<(String, String)>, acked: &mut Seen) {
    let frame = socket.next().frame();
    if frame["type"] == "Ack" {
        let place = unsent.iter().position(|(cid, _)| frame["cid"] == *cid).expect("a cid of ours, once");
        let (_, words) = unsent.remove(place);
        acked.insert(frame["seq"].as_u64().expect("a number"), words);
    }
}

#[test]
fn what_is_sent_again_after_a_cut_is_said_once() {
    let stage = Stage::start();
    let (_, mut reader) = stage.page("reader");
    let mut telnet = stage.line("telnet");
    let names = ["w0", "w1", "w2"];
    let guests: Vec<Guest> = names.iter().map(|name| stage.guest(name)).collect();
    reader.settle();
    telnet.settle();
    let (seen, acked) = thread::scope(|scope| {
        let senders: Vec<_> = guests
            .iter()
            .zip(names)
            .enumerate()
            .map(|(i, (guest, name))| {
                scope.spawn(move || send_over_a_bad_line(guest, name, &mut Dice(0x9E37_79B9 + i as u64)))
            })
            .collect();
        let seen = read_messages(&mut reader, names.len() * EACH);
        let acked: Seen = senders.into_iter().flat_map(|sender| sender.join().expect("no sender fails")).collect();
        (seen, acked)
    });
    assert_eq!(seen, acked);
    assert_eq!(seen.values().collect::<BTreeSet<_>>().len(), names.len() * EACH);
    // Nothing more comes, and no user was seen coming or going: the sessions outlived their sockets.
    assert_eq!(reader.settle(), Vec::<Value>::new());
    let lines = telnet.settle();
    assert_eq!(lines.len(), names.len() * EACH, "{:?}", lines.iter().find(|line| line_of(line).is_none()));
}

#[test]
fn everybody_who_asks_with_a_cid_gets_an_answer() {
    let stage = Stage::start();
    let (ana, mut first) = stage.page("ana");
    let mut second = ana.connect();
    second.settle();
    for round in 0..20 {
        let cid = format!("the-same-cid-{round:04}");
        let send =
            |reference: u64| json!({"type": "Send", "ref": reference, "room": "lobby", "cid": cid, "text": "once"});
        let by_rest = || ana.call(post("/api/messages", &json!({"text": "once", "cid": cid}))).json();
        let replies = thread::scope(|scope| {
            let posts: Vec<_> = (0..2).map(|_| scope.spawn(by_rest)).collect();
            first.send(&send(1));
            first.send(&send(2));
            second.send(&send(3));
            posts.into_iter().map(|post| post.join().expect("an answer")).collect::<Vec<_>>()
        });
        let mut ids: Vec<Value> = replies.iter().map(|reply| reply["id"].clone()).collect();
        let acks = [first.settle(), second.settle()];
        for (acks, wanted) in acks.iter().zip([vec![1, 2], vec![3]]) {
            let acks: Vec<&Value> = acks.iter().filter(|frame| frame["type"] == "Ack").collect();
            let mut references: Vec<u64> = acks.iter().filter_map(|ack| ack["ref"].as_u64()).collect();
            references.sort_unstable();
            assert_eq!(references, wanted, "{acks:?}");
            ids.extend(acks.iter().map(|ack| ack["id"].clone()));
        }
        for frames in &acks {
            assert_eq!(frames.iter().filter(|frame| frame["type"] == "Message").count(), 1, "{frames:?}");
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "one message");
    }
}

#[test]
fn a_stalled_socket_is_closed_with_4009_and_delays_nobody() {
    // Its queue is what ends it, not the write that waits for it.
    let times = Times { write: Duration::from_secs(600), stuck: Duration::from_millis(20), ..Times::default() };
    let stage = Stage::with(quick(), WebConfig { times, ..WebConfig::default() });
    let (guest, mut stalled) = stage.page("stalled");
    let (_, mut reader) = stage.page("reader");
    let mut telnet = stage.line("telnet");
    let mut talker = stage.line("talker");
    stalled.settle();
    reader.settle();
    telnet.settle();
    const LINES: u64 = 8_000;
    const AT_ONCE: u64 = 50;
    let text = "x".repeat(1_900);
    // A user who reads gets number after number, as if the stalled one were not there.
    for first in (1..=LINES).step_by(AT_ONCE as usize) {
        (first..first + AT_ONCE).for_each(|i| talker.send(&format!("{i} {text}")));
        let seen = read_messages(&mut reader, AT_ONCE as usize);
        assert_eq!(seen.keys().next(), Some(&first));
        (first..first + AT_ONCE).for_each(|i| drop(telnet.hears(&format!("* MSG #lobby {i} talker: ..."))));
    }
    let (frames, end) = stalled.rest();
    assert_eq!(end, Heard::Close(4009, "read too slowly: connect again and resume".into()));
    // Number after number; what did not fit in what may wait for it is named in a gap.
    let number = |frame: &Value, key: &str| frame[key].as_u64().expect("a number");
    let last = frames.iter().fold(0, |last, frame| {
        let is_gap = frame["type"] == "Gap";
        assert_eq!(number(frame, if is_gap { "missing_from" } else { "seq" }), last + 1);
        number(frame, if is_gap { "to" } else { "seq" })
    });
    assert!((1..LINES).contains(&last));
    // The rest is brought by a resume, or named in a gap.
    let mut back = guest.connect();
    back.settle();
    back.send(&json!({"type": "Resume", "rooms": {"lobby": last}}));
    let mut next = last + 1;
    loop {
        let frame = back.next().frame();
        match frame["type"].as_str() {
            Some("Gap") => {
                assert_eq!(frame["missing_from"], next);
                next = frame["to"].as_u64().expect("a number") + 1;
            }
            Some("Message") => {
                assert_eq!(frame["seq"], next);
                next += 1;
            }
            _ => {
                assert_eq!(frame["rooms"], json!({"lobby": {"from": last + 1, "to": LINES}}), "{frame}");
                break;
            }
        }
    }
    assert_eq!(next, LINES + 1);
}

#[test]
fn a_socket_that_reads_nothing_is_let_go_of() {
    let times = Times { write: Duration::from_millis(200), closing: Duration::from_millis(100), ..Times::default() };
    let stage = Stage::with(quick(), WebConfig { times, ..WebConfig::default() });
    let (_, mut stalled) = stage.page("stalled");
    let mut talker = stage.line("talker");
    let text = "x".repeat(1_900);
    assert_eq!(stage.sockets.count(), 1);
    crate::kit::eventually(
        "the socket's end",
        || {
            // It goes on sending, which must not keep it.
            stalled.send(&json!({"type": "Ping"}));
            (0..200).for_each(|_| talker.send(&text));
            talker.settle();
            stage.sockets.count()
        },
        |count| *count == 0,
    );
}

#[test]
fn a_resume_brings_more_than_a_queue_can_hold() {
    let mut config = quick();
    config.history = 1_000;
    let stage = Stage::with(config, WebConfig::default());
    let (guest, mut page) = stage.page("ana");
    let mut talker = stage.line("talker");
    let rooms = ["lobby", "a", "b", "c"];
    for room in &rooms[1..] {
        page.send(&json!({"type": "Command", "line": format!("/join #{room}")}));
        talker.send(&format!("/join #{room}"));
    }
    page.settle();
    page.cut();
    const LINES: u64 = 700;
    for i in 1..=LINES {
        for room in rooms {
            talker.send(&format!("/say #{room} {i}"));
        }
    }
    talker.settle();
    // The session has seen it all when its own call is answered; nothing of it comes to the new socket as news.
    assert_eq!(guest.call(post("/api/messages", &json!({"text": "last"}))).status, 201);
    let mut back = guest.connect();
    back.settle();
    let mut asked: BTreeMap<&str, u64> = rooms.iter().map(|room| (*room, 0)).collect();
    // Another spelling is the same room, and brings it no second time.
    asked.extend([("LOBBY", 3), ("Lobby", 7)]);
    back.send(&json!({"type": "Resume", "rooms": asked}));
    let mut next: BTreeMap<String, u64> = rooms.iter().map(|room| (room.to_string(), 1)).collect();
    loop {
        let frame = back.next().frame();
        if frame["type"] == "Resumed" {
            for room in rooms {
                let to = LINES + u64::from(room == "lobby");
                assert_eq!(frame["rooms"][room], json!({"from": 1, "to": to}));
            }
            break;
        }
        assert_eq!(frame["type"], "Message", "{frame}");
        let next = next.get_mut(frame["room"].as_str().expect("a room")).expect("one of ours");
        assert_eq!(frame["seq"], *next);
        *next += 1;
    }
    assert!(next.iter().all(|(room, next)| *next == LINES + 1 + u64::from(room == "lobby")));
    assert_eq!(back.settle(), Vec::<Value>::new());
}

/// Live events may come in between; sorted by number, with what came twice dropped, there is no hole and no gap.
#[test]
fn a_resume_while_people_talk_has_no_hole() {
    let mut config = quick();
    config.history = 5_000;
    let stage = Stage::with(config, WebConfig::default());
    let (guest, mut page) = stage.page("ana");
    let mut talker = stage.line("talker");
    page.settle();
    const LINES: u64 = 2_000;
    thread::scope(|scope| {
        scope.spawn(|| {
            (1..=LINES).for_each(|i| talker.send(&format!("{i}")));
            talker.settle();
        });
        let mut seen = BTreeSet::new();
        let mut last = 0;
        let mut dice = Dice(7);
        while last < LINES {
            let mut left = 1 + dice.below(400);
            let mut resumed = false;
            while last < LINES && (left > 0 || !resumed) {
                left = left.saturating_sub(1);
                // A user who reads too slowly is closed, comes back and resumes: that is how it is meant.
                let Heard::Frame(frame) = page.next() else { break };
                match frame["type"].as_str() {
                    Some("Message") => {
                        seen.insert(frame["seq"].as_u64().expect("a number"));
                        while seen.contains(&(last + 1)) {
                            last += 1;
                        }
                    }
                    Some("Resumed") => {
                        resumed = true;
                        let to = frame["rooms"]["lobby"]["to"].as_u64().expect("a number");
                        assert!(last >= to, "after Resumed to {to} there is a hole behind {last}");
                    }
                    Some("Hello" | "People") => {}
                    // Too much for the moment; a resume brings it.
                    Some("Gap") => break,
                    _ => panic!("{frame}"),
                }
                if !resumed && last == 0 {
                    // The first connection has nothing to resume.
                    resumed = true;
                }
            }
            page.cut();
            page = guest.connect();
            page.send(&json!({"type": "Resume", "rooms": {"lobby": last}}));
        }
    });
}
