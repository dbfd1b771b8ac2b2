//! Plays the transcripts of tests/transcripts against a real server with both doors; README.md there has the format.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use crate::kit::{self, Call, Guest, Heard, Reply, Stage, TestClient, Ws, eventually, fits, matches, quick};
use chat_server::config::OperatorKey;
use chat_server::config::SETTINGS;
use chat_web::WebConfig;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

struct Player {
    title: String,
    stage: Stage,
    guests: HashMap<String, Guest>,
    sockets: HashMap<String, Ws>,
    lines: HashMap<String, (TestClient, VecDeque<String>)>,
    ended: BTreeSet<String>,
    kept: HashMap<String, Value>,
    speaker: Option<String>,
    /// What went over the sockets, for the test that all is covered.
    types: BTreeSet<String>,
}

#[track_caller]
fn play(title: &str, transcript: &Value) -> BTreeSet<String> {
    let mut config = quick();
    for (key, value) in transcript["set"].as_object().unwrap_or(&Map::new()) {
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        let setting = setting.unwrap_or_else(|| panic!("{title}: no setting {key}"));
        let value = value.as_str().unwrap_or_else(|| panic!("{title}: {key} is a string"));
        setting.apply(&mut config, value).unwrap_or_else(|wrong| panic!("{title}: {key} {wrong}"));
    }
    let mut web = WebConfig::default();
    for (key, value) in transcript["web"].as_object().unwrap_or(&Map::new()) {
        let millis = || Duration::from_millis(value.as_u64().expect("milliseconds"));
        match key.as_str() {
            "grace_ms" => web.grace = millis(),
            "heartbeat_ms" => web.times.heartbeat = millis(),
            "silence_ms" => web.times.silence = millis(),
            "write_ms" => web.times.write = millis(),
            "operator_key" => config.operator_key = value.as_str().and_then(|key| OperatorKey::new(key).ok()),
            "origins" => {
                let origins = value.as_array().expect("a list");
                web.origins = origins.iter().map(|origin| origin.as_str().expect("a string").into()).collect();
            }
            _ => panic!("{title}: no setting {key}"),
        }
    }
    let mut player = Player {
        title: title.into(),
        stage: Stage::with(config, web),
        guests: HashMap::new(),
        sockets: HashMap::new(),
        lines: HashMap::new(),
        ended: BTreeSet::new(),
        kept: HashMap::new(),
        speaker: None,
        types: BTreeSet::new(),
    };
    let steps = transcript["steps"].as_array().unwrap_or_else(|| panic!("{title}: no steps"));
    for (number, step) in steps.iter().enumerate() {
        player.step(number, step);
    }
    player.leftovers();
    player.types
}

impl Player {
    fn step(&mut self, number: usize, step: &Value) {
        let place = format!("{}, step {}: {step}", self.title, number + 1);
        let filled = self.filled(step);
        let step = filled.as_object().unwrap_or_else(|| panic!("{place}: no object"));
        let text = |key: &str| step.get(key).and_then(Value::as_str);
        if let Some(name) = text("join") {
            self.join(name, text("door"));
        } else if let Some(name) = text("open") {
            self.sync_other(name);
            let guest = text("of").map(|of| self.guests[of].clone());
            let socket = match &guest {
                Some(guest) => guest.connect(),
                None => Ws::connect(self.stage.addr(), None).expect("the upgrade is not refused"),
            };
            self.sockets.insert(name.into(), socket);
            self.guests.extend(guest.map(|guest| (name.to_string(), guest)));
        } else if let Some(call) = text("rest") {
            self.rest(&place, call, step);
        } else if step.contains_key("stop") {
            self.sync_other("");
            let server = self.stage.server.take().expect("stopped once");
            server.stop().expect("a clean end");
            self.ended.extend(self.sockets.keys().cloned());
        } else if let Some(who) = text("who") {
            self.act(&place, who, step);
        } else {
            panic!("{place}: is no step");
        }
    }

    fn join(&mut self, name: &str, door: Option<&str>) {
        self.sync_other(name);
        if door == Some("line") {
            self.lines.insert(name.into(), (self.stage.line(name), VecDeque::new()));
        } else {
            let guest = self.stage.guest(name);
            if door != Some("session") {
                self.sockets.insert(name.into(), guest.connect());
            }
            self.guests.insert(name.into(), guest);
        }
        for socket in self.sockets.iter_mut().filter(|(who, _)| !self.ended.contains(*who)).map(|(_, socket)| socket) {
            let frames = socket.settle();
            self.types.extend(frames.iter().filter_map(|frame| frame["type"].as_str()).map(String::from));
        }
        for (client, waiting) in self.lines.values_mut() {
            client.settle();
            waiting.clear();
        }
    }

    fn act(&mut self, place: &str, who: &str, step: &Map<String, Value>) {
        let speaks = ["send", "raw", "raw_repeat", "binary", "hex", "says", "cuts"];
        if speaks.iter().any(|key| step.contains_key(*key)) {
            self.sync_other(who);
            self.speaker = Some(who.into());
        }
        if let Some(line) = step.get("says").and_then(Value::as_str) {
            return self.line(place, who).0.send(line);
        }
        if let Some(pattern) = step.get("hears").and_then(Value::as_str) {
            let (client, waiting) = self.line(place, who);
            let got = waiting.pop_front().or_else(|| client.line());
            let fits = got.as_deref().is_some_and(|got| matches(pattern, got));
            assert!(fits, "{place}\n  but heard: {}", got.as_deref().unwrap_or("nothing"));
            return;
        }
        if step.contains_key("gone") {
            let (client, waiting) = self.line(place, who);
            let got = waiting.pop_front().or_else(|| client.line());
            assert_eq!(got, None, "{place}");
            self.ended.insert(who.into());
            return;
        }
        let socket = self.sockets.get_mut(who).unwrap_or_else(|| panic!("{place}: {who} has no socket"));
        if let Some(frame) = step.get("send") {
            self.types.extend(frame["type"].as_str().map(|kind| format!("> {kind}")));
            socket.send(frame);
        } else if let Some(raw) = step.get("raw").and_then(Value::as_str) {
            socket.send_raw(Message::text(raw));
        } else if let Some(raw) = step.get("raw_repeat") {
            let count = raw[1].as_u64().expect("a number") as usize;
            socket.send_raw(Message::text(raw[0].as_str().expect("a string").repeat(count)));
        } else if let Some(binary) = step.get("binary").and_then(Value::as_str) {
            socket.send_raw(Message::binary(binary.as_bytes().to_vec()));
        } else if let Some(hex) = step.get("hex").and_then(Value::as_str) {
            let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal digits");
            socket.send_bytes(&(0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>());
        } else if let Some(wanted) = step.get("gets") {
            let got = gets(place, socket, wanted);
            self.types.extend(got["type"].as_str().map(String::from));
            self.keep(place, step, &got);
        } else if let Some(wanted) = step.get("until") {
            socket.until(wanted);
            self.types.extend(wanted["type"].as_str().map(String::from));
        } else if let Some(code) = step.get("closed").and_then(Value::as_u64) {
            match socket.next() {
                Heard::Close(got, reason) => {
                    assert_eq!(u64::from(got), code, "{place}\n  reason: {reason}");
                    let wanted = step.get("reason").unwrap_or(&json!("*")).clone();
                    assert_eq!(fits(&wanted, &json!(reason)), Ok(()), "{place}");
                }
                other => panic!("{place}\n  but got: {other:?}"),
            }
            self.types.insert(format!("closed {code}"));
            self.ended.insert(who.into());
        } else if step.contains_key("cuts") {
            // The server knows that what was read so far has come.
            socket.sync();
            socket.cut();
            self.ended.insert(who.into());
            if step.contains_key("noticed") {
                let open = self.sockets.keys().filter(|who| !self.ended.contains(*who)).count();
                eventually(place, || self.stage.sockets.count(), |count| *count == open);
            }
        } else {
            panic!("{place}: is no step");
        }
    }

    fn rest(&mut self, place: &str, call: &str, step: &Map<String, Value>) {
        self.sync_other("");
        let (method, path) = call.split_once(' ').unwrap_or_else(|| panic!("{place}: METHOD /path"));
        let mut call: Call = kit::call(method, path);
        if let Some(who) = step.get("as").and_then(Value::as_str) {
            call = call.bearer(&self.guests[who].token);
        }
        for (name, value) in step.get("headers").and_then(Value::as_object).unwrap_or(&Map::new()) {
            call = call.header(name, value.as_str().expect("a string"));
        }
        if let Some(body) = step.get("body") {
            call = call.header("content-type", "application/json").body(body.to_string());
        }
        let right = |reply: &Reply| -> Result<(), String> {
            if Some(u64::from(reply.status)) != step.get("status").and_then(Value::as_u64) {
                return Err(format!("status {}: {}", reply.status, reply.text()));
            }
            for (name, wanted) in step.get("answer_headers").and_then(Value::as_object).unwrap_or(&Map::new()) {
                let got = reply.header(name).map_or(Value::Null, |value| json!(value));
                fits(wanted, &got).map_err(|why| format!("{name}: {why}"))?;
            }
            step.get("answer").map_or(Ok(()), |wanted| fits(wanted, &reply.json()))
        };
        let reply = if step.contains_key("again") {
            eventually(place, || self.stage.call(call.clone()), |reply| right(reply).is_ok())
        } else {
            self.stage.call(call)
        };
        if let Err(why) = right(&reply) {
            panic!("{place}\n  but: {why}");
        }
        if step.contains_key("keep") {
            self.keep(place, step, &reply.json());
        }
    }

    fn keep(&mut self, place: &str, step: &Map<String, Value>, got: &Value) {
        for (name, pointer) in step.get("keep").and_then(Value::as_object).unwrap_or(&Map::new()) {
            let pointer = pointer.as_str().expect("a JSON pointer");
            let value = got.pointer(pointer).unwrap_or_else(|| panic!("{place}: no {pointer} in {got}"));
            self.kept.insert(name.clone(), value.clone());
        }
    }

    /// The step with what was kept in place of `{name}`.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), self.filled(value))).collect(),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::String(text) => {
                let mut text = text.clone();
                for (name, kept) in &self.kept {
                    let place = format!("{{{name}}}");
                    if text == place {
                        return kept.clone();
                    }
                    let word = kept.as_str().map_or_else(|| kept.to_string(), String::from);
                    text = text.replace(&place, &word);
                }
                Value::String(text)
            }
            other => other.clone(),
        }
    }

    fn line(&mut self, place: &str, who: &str) -> (&mut TestClient, &mut VecDeque<String>) {
        let (client, waiting) = self.lines.get_mut(who).unwrap_or_else(|| panic!("{place}: {who} has no line"));
        (client, waiting)
    }

    fn sync_other(&mut self, who: &str) {
        if let Some(speaker) = self.speaker.take().filter(|speaker| speaker != who) {
            self.sync(&speaker);
        }
    }

    fn sync(&mut self, who: &str) {
        if self.ended.contains(who) {
            return;
        }
        if let Some(socket) = self.sockets.get_mut(who) {
            socket.sync();
        }
        if let Some((client, waiting)) = self.lines.get_mut(who) {
            let seen = client.settle();
            waiting.extend(seen);
        }
    }

    fn leftovers(&mut self) {
        self.sync_other("");
        let names: BTreeSet<String> = self.sockets.keys().chain(self.lines.keys()).cloned().collect();
        for who in names.difference(&self.ended.clone()) {
            self.sync(who);
            if let Some(socket) = self.sockets.get_mut(who) {
                let frames = socket.settle();
                assert!(frames.is_empty(), "{}: {who} also got, unasked for: {frames:#?}", self.title);
            }
            if let Some((_, waiting)) = self.lines.get(who) {
                assert!(waiting.is_empty(), "{}: {who} also heard, unasked for: {waiting:#?}", self.title);
            }
        }
    }
}

/// The next frame, or the next Presence if that is asked for.
fn gets(place: &str, socket: &mut Ws, wanted: &Value) -> Value {
    if wanted["type"] == "Presence" {
        return socket.presence(wanted);
    }
    let got = match socket.next() {
        Heard::Frame(frame) => frame,
        other => panic!("{place}\n  but got: {other:?}"),
    };
    if let Err(why) = fits(wanted, &got) {
        panic!("{place}\n  but {why}\n  in {got}");
    }
    got
}

fn transcripts() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let files = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext == "json")).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("readable");
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, value)
    };
    files.iter().map(read).collect()
}

/// Each transcript, and that together they show every frame there is. `ONLY=name` plays one.
#[test]
fn the_transcripts_hold() {
    let only = std::env::var("ONLY").ok();
    let mut seen = BTreeSet::new();
    let mut failed = Vec::new();
    let wanted = transcripts().into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name));
    // Each has a server of its own, and most of them wait most of the time.
    let plays: Vec<_> = wanted
        .map(|(name, transcript)| {
            let title = name.clone();
            let thread = std::thread::Builder::new().name(title.clone()).spawn(move || play(&title, &transcript));
            (name, thread.expect("a thread"))
        })
        .collect();
    for (name, thread) in plays {
        match thread.join() {
            Ok(types) => seen.extend(types),
            Err(_) => failed.push(name),
        }
    }
    assert!(failed.is_empty(), "these do not hold: {failed:?}");
    if only.is_none() {
        let missing: Vec<&&str> = EVERYTHING.iter().filter(|kind| !seen.contains(**kind)).collect();
        assert!(missing.is_empty(), "no transcript shows {missing:?}");
    }
}

/// Every frame of docs/protocol.md, sections 2.1 and 2.2, and every close code that a transcript can reach. 1001, 1011, 1013,
/// 4008 and 4009 need more than a conversation: tests/web has them.
const EVERYTHING: &[&str] = &[
    "Hello",
    "People",
    "Message",
    "MessageEdited",
    "MessageDeleted",
    "Reaction",
    "UserJoined",
    "UserLeft",
    "UserRenamed",
    "UserTyping",
    "UserStoppedTyping",
    "Presence",
    "Whisper",
    "Topic",
    "Notice",
    "Warning",
    "RoomEntered",
    "RoomLeft",
    "Read",
    "Ack",
    "Error",
    "Resumed",
    "Gap",
    "Pong",
    "Goodbye",
    "> Resume",
    "> Send",
    "> Edit",
    "> Delete",
    "> React",
    "> Whisper",
    "> UserTyping",
    "> UserStoppedTyping",
    "> Read",
    "> Command",
    "> Ping",
    "closed 1000",
    "closed 1002",
    "closed 1003",
    "closed 1007",
    "closed 1009",
    "closed 1012",
    "closed 4000",
    "closed 4001",
    "closed 4002",
    "closed 4010",
];

#[test]
#[should_panic(expected = "but")]
fn another_frame_is_a_failure() {
    let steps = json!([
        {"join": "ana", "door": "web"},
        {"who": "ana", "send": {"type": "Ping", "ref": 1}},
        {"who": "ana", "gets": {"type": "Pong", "ref": 2}},
    ]);
    play("test", &json!({ "steps": steps }));
}

#[test]
#[should_panic(expected = "also got, unasked for")]
fn a_frame_that_nobody_asked_for_is_a_failure() {
    let steps = json!([{"join": "ana", "door": "web"}, {"who": "ana", "send": {"type": "Ping", "ref": 1}}]);
    play("test", &json!({ "steps": steps }));
}

#[test]
fn patterns_match_in_part() {
    let got = json!({"a": "one two", "b": [1, 2, 3], "c": {"d": null}});
    for right in
        [json!({}), json!({"a": "one *"}), json!({"a": "one..."}), json!({"b": [1, "..."]}), json!({"e": null})]
    {
        assert_eq!(fits(&right, &got), Ok(()), "{right}");
    }
    for wrong in [json!({"a": "two"}), json!({"b": [1, 2]}), json!({"b": [1, 3, "..."]}), json!({"e": "*"})] {
        assert!(fits(&wrong, &got).is_err(), "{wrong}");
    }
}
