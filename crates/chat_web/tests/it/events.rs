//! `GET /api/events`: what a WebSocket gets, as server-sent events, and a place to resume from.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use chat_server::model::roles::Policy;
use chat_web::{Times, WebConfig};
use serde_json::{Value, json};

use crate::kit::{DEADLINE, Guest, MemoryStore, Setup, Stage, get, post, quick};

/// A client that reads one stream.
struct Events {
    reader: BufReader<TcpStream>,
    /// The id of the last event that had one.
    id: Option<String>,
    comments: Vec<String>,
}

impl Events {
    fn open(guest: &Guest, last: Option<&str>) -> Events {
        let mut stream = TcpStream::connect(guest.addr).expect("the door is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let last = last.map_or_else(String::new, |last| format!("last-event-id: {last}\r\n"));
        let (addr, token) = (guest.addr, &guest.token);
        // HTTP/1.0 has no chunks.
        write!(stream, "GET /api/events HTTP/1.0\r\nhost: {addr}\r\nauthorization: Bearer {token}\r\naccept-encoding: gzip\r\n{last}\r\n")
            .expect("written");
        let mut events = Events { reader: BufReader::new(stream), id: None, comments: Vec::new() };
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(events.reader.read_line(&mut head).expect("a head") > 0, "{head}");
        }
        let head = head.to_ascii_lowercase();
        assert!(head.contains(" 200 ") && head.contains("content-type: text/event-stream\r\n"), "{head}");
        assert!(head.contains("x-accel-buffering: no\r\n") && !head.contains("content-encoding"), "{head}");
        events
    }

    /// The next event's data; none at the end.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).expect("a line in time") == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(id) = line.strip_prefix("id: ") {
                self.id = Some(id.into());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("JSON"));
            } else if let Some(comment) = line.strip_prefix(": ") {
                self.comments.push(comment.into());
            }
        }
    }

    #[track_caller]
    fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().unwrap_or_else(|| panic!("the end before {kind}"));
            if event["type"] == kind {
                return event;
            }
        }
    }

    fn message(&mut self) -> String {
        self.until("Message")["text"].as_str().expect("a text").into()
    }
}

#[track_caller]
fn say(guest: &Guest, text: &str) {
    let reply = guest.call(post("/api/messages", &json!({ "text": text })));
    assert_eq!(reply.status, 201, "{}", reply.text());
}

#[test]
fn a_program_hears_what_a_socket_hears() {
    let stage = Stage::start();
    let (ani, budi) = (stage.guest("ani"), stage.guest("budi"));
    let (mut socket, mut events) = (ani.connect(), Events::open(&ani, None));
    events.until("Hello");
    socket.settle();
    say(&budi, "halo");
    let wanted = socket.until(&json!({ "type": "Message" }));
    assert_eq!(events.until("Message"), wanted);
    assert!(events.id.as_ref().is_some_and(|id| id.contains(";lobby=")), "{:?}", events.id);
}

#[test]
fn a_cut_loses_nothing_and_doubles_nothing() {
    let config = chat_server::config::Config { burst: 0, spam_lines: 0, spam_repeats: 0, ..quick() };
    let stage = Stage::with(config, WebConfig::default());
    let (ani, budi) = (stage.guest("ani"), stage.guest("budi"));
    let mut events = Events::open(&ani, None);
    events.until("Hello");
    let texts: Vec<String> = (0..300).map(|number| format!("line {number}")).collect();
    let mut said = texts.iter();
    let mut heard = Vec::new();
    // Cuts with little and with more than one page missed, while the other goes on.
    for (live, missed) in [(3, 0), (1, 1), (0, 130), (20, 5), (1, 139)] {
        said.by_ref().take(live).for_each(|text| say(&budi, text));
        (0..live).for_each(|_| heard.push(events.message()));
        let id = events.id.clone();
        drop(events);
        said.by_ref().take(missed).for_each(|text| say(&budi, text));
        events = Events::open(&ani, id.as_deref());
        (0..missed).for_each(|_| heard.push(events.message()));
    }
    assert_eq!(heard, texts);
}

#[test]
fn what_is_said_during_a_resume_comes_once_and_in_order() {
    let config = chat_server::config::Config { burst: 0, spam_lines: 0, spam_repeats: 0, ..quick() };
    let stage = Stage::with(config, WebConfig::default());
    let (ani, budi) = (stage.guest("ani"), stage.guest("budi"));
    let mut events = Events::open(&ani, None);
    events.until("Hello");
    let texts: Vec<String> = (0..240).map(|number| format!("line {number}")).collect();
    let speaker = std::thread::spawn({
        let texts = texts.clone();
        move || texts.iter().for_each(|text| say(&budi, text))
    });
    let mut heard = Vec::new();
    while heard.len() < texts.len() {
        heard.push(events.message());
        if heard.len() % 17 == 0 && heard.len() < texts.len() {
            let id = events.id.clone();
            events = Events::open(&ani, id.as_deref());
        }
    }
    speaker.join().expect("all was said");
    assert_eq!(heard, texts);
}

#[test]
fn whispers_come_once() {
    let stage = Stage::start();
    let ani = stage.guest("ani");
    let mut budi = stage.line("budi");
    budi.send("WHISPER:ani waits");
    let mut events = Events::open(&ani, None);
    assert_eq!(events.until("Whisper")["text"], "waits");
    budi.send("WHISPER:ani live");
    assert_eq!(events.until("Whisper")["text"], "live");
    let id = events.id.clone();
    drop(events);
    budi.send("WHISPER:ani missed");
    let mut events = Events::open(&ani, id.as_deref());
    assert_eq!(events.until("Whisper")["text"], "missed");
}

#[test]
fn an_end_says_why_and_a_stream_that_is_quiet_shows_that_it_lives() {
    let times = Times { heartbeat: Duration::from_millis(20), ..Times::default() };
    let stage = Stage::with(quick(), WebConfig { times, ..WebConfig::default() });
    let ani = stage.guest("ani");
    let mut events = Events::open(&ani, None);
    events.until("Hello");
    while !events.comments.iter().any(|comment| comment == "still here") {
        let mut line = String::new();
        events.reader.read_line(&mut line).expect("a line");
        events.comments.extend(line.trim_end().strip_prefix(": ").map(String::from));
    }
    assert_eq!(ani.call(crate::kit::call("DELETE", "/api/me")).status, 204);
    assert_eq!(events.until("Close")["code"], 1000);
    assert_eq!(events.next(), None);
    assert_eq!(ani.call(get("/api/events")).problem(), "not-signed-on");
}

#[test]
fn an_id_that_is_none_is_refused_in_words() {
    let stage = Stage::start();
    let ani = stage.guest("ani");
    for id in ["7", "lobby=1", "01890a5d00007000800000000000000a;lobby=x"] {
        let reply = ani.call(get("/api/events").header("last-event-id", id));
        assert_eq!((reply.status, reply.problem()), (400, "bad-request".into()), "{id}");
    }
}

#[test]
fn an_id_of_another_server_begins_anew() {
    let stage = Stage::start();
    let (ani, budi) = (stage.guest("ani"), stage.guest("budi"));
    say(&budi, "before");
    let mut events = Events::open(&ani, Some("01890a5d00007000800000000000000a;lobby=0"));
    events.until("Hello");
    say(&budi, "after");
    assert_eq!(events.message(), "after");
}

#[test]
fn the_oldest_of_nine_streams_makes_way() {
    let stage = Stage::start();
    let ani = stage.guest("ani");
    let mut streams: Vec<Events> = (0..9)
        .map(|_| {
            let mut events = Events::open(&ani, None);
            events.until("Hello");
            events
        })
        .collect();
    assert_eq!(streams[0].until("Close")["code"], 1013);
    assert_eq!(streams[0].next(), None);
}

#[test]
fn a_room_is_named_with_or_without_its_sign() {
    let stage = Stage::start();
    let ani = stage.guest("ani");
    for room in ["lobby", "#lobby"] {
        let reply = ani.call(post("/api/messages", &json!({ "room": room, "text": room })));
        assert_eq!((reply.status, reply.json()["room"].as_str()), (201, Some("lobby")), "{room}");
    }
    let plain = ani.call(get("/api/rooms/lobby/messages?limit=1"));
    for path in ["/api/rooms/%23lobby/messages?limit=1", "/api/messages?room=%23lobby&limit=1"] {
        let reply = ani.call(get(path));
        assert_eq!((reply.status, reply.header("etag")), (200, plain.header("etag")), "{path}");
        let link = reply.header("link").expect("there is an older one");
        assert!(!link.contains('#'), "{link}");
    }
    assert_eq!(ani.call(get("/api/messages?room=%23%23lobby")).status, 404);
}

#[test]
fn a_restart_of_a_server_that_keeps_what_is_said_loses_nothing() {
    let memory = MemoryStore::default();
    let start = || {
        let setup = Setup { kept: Some((memory.clone(), Policy::default())), ..quick().into() };
        Stage::with(setup, WebConfig { place: Some(crate::place::fresh()), ..WebConfig::default() })
    };
    let signed_on = |stage: &Stage, path: &str| {
        let reply = stage.call(post(path, &json!({ "name": "ani", "password": "correct-horse" })));
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
        let text = |key: &str| reply.json()[key].as_str().expect("a string").to_string();
        Guest { addr: stage.addr(), id: text("id"), token: text("token") }
    };
    let stage = start();
    let (ani, budi) = (signed_on(&stage, "/api/accounts"), stage.guest("budi"));
    let mut events = Events::open(&ani, None);
    events.until("Hello");
    say(&budi, "before");
    assert_eq!(events.message(), "before");
    let id = events.id.clone();
    drop(events);
    say(&budi, "missed");
    drop(stage);

    let stage = start();
    let (ani, budi) = (signed_on(&stage, "/api/session"), stage.guest("budi"));
    say(&budi, "after");
    let mut events = Events::open(&ani, id.as_deref());
    assert_eq!([events.message(), events.message()], ["missed", "after"]);
}
