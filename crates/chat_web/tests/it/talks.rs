//! Direct talks of accounts, by this door: what is said while a browser is away, pages and streams for the members alone.

use chat_server::config::Config;
use chat_server::model::roles::Policy;
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kit::{Call, Guest, MemoryStore, Reply, Setup, Stage, call, eventually, get, post, quick};

fn stage(memory: &MemoryStore, grace_ms: u64) -> Stage {
    let config = Config { history: 20, ..quick() };
    let web = WebConfig { grace: std::time::Duration::from_millis(grace_ms), ..WebConfig::default() };
    Stage::with(Setup { kept: Some((memory.clone(), Policy::default())), ..config.into() }, web)
}

fn account(stage: &Stage, path: &str, name: &str) -> Guest {
    let reply = stage.call(post(path, &json!({ "name": name, "password": "correct-horse" })));
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
    let text = |key: &str| reply.json()[key].as_str().expect("a string").to_string();
    Guest { addr: stage.addr(), id: text("id"), token: text("token") }
}

fn texts(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let messages = reply.json();
    let messages = messages["messages"].as_array().expect("messages").clone();
    messages.iter().map(|message| message["text"].as_str().expect("a text").to_string()).collect()
}

fn page(query: &str) -> Call {
    get(&format!("/api/rooms/@ani+budi/messages{query}"))
}

#[test]
fn what_a_session_does_not_show_before_its_end_waits_for_the_next_sign_in() {
    let memory = MemoryStore::default();
    let stage = stage(&memory, 200);
    let ani = account(&stage, "/api/accounts", "ani");
    let budi = account(&stage, "/api/accounts", "budi");
    let (mut from, mut to) = (ani.connect(), budi.connect());
    from.settle();
    to.settle();
    to.cut();
    // The session hears that its socket is gone, and later that the grace is over.
    eventually("one socket", || stage.sockets.count(), |count| *count == 1);
    from.send(&json!({ "type": "Send", "ref": 1, "room": "@budi", "text": "in the grace" }));
    from.until(&json!({ "type": "Ack", "ref": 1 }));
    from.until(&json!({ "type": "UserLeft", "user": { "name": "budi" } }));
    from.settle();
    let mut line = stage.line("late");
    line.send("LOGIN:budi correct-horse");
    let note = std::iter::from_fn(|| line.line()).find(|line| line.contains(" NOTE *: "));
    let wanted = "While you were away: 1 line in @ani+budi. /history @ani after=0 shows what was said.";
    assert!(note.is_some_and(|note| note.ends_with(wanted)));
}

#[test]
fn what_is_written_to_a_connection_that_is_cut_comes_again_or_its_author_is_told() {
    for grace in [60_000, 200] {
        let web = WebConfig { grace: std::time::Duration::from_millis(grace), ..WebConfig::default() };
        let stage = Stage::with(quick(), web);
        let (ana, mut socket) = stage.page("ana");
        let mut budi = stage.line("budi");
        budi.send("/w ana heard");
        socket.until(&json!({ "type": "Whisper", "text": "heard" }));
        socket.settle();
        budi.send("/w ana into the void");
        socket.leaves_unread("into the void");
        socket.cut();
        if grace > 200 {
            let mut again = ana.connect();
            again.send(&json!({ "type": "Resume", "rooms": {} }));
            again.until(&json!({ "type": "Whisper", "text": "into the void" }));
            again.sync();
            again.send(&json!({ "type": "Resume", "rooms": {} }));
            again.gets(&json!({ "type": "Resumed" }));
        } else {
            let note = std::iter::from_fn(|| budi.line()).find(|line| line.contains(" NOTE *: "));
            let wanted = "ana was not there to read your whisper: into the void";
            assert!(note.is_some_and(|note| note.ends_with(wanted)));
        }
    }
}

#[test]
fn a_whisper_whose_frame_is_longer_than_what_is_kept_arrives() {
    let stage = Stage::with(quick(), WebConfig::default());
    let (_budi, mut from) = stage.page("budi");
    let (_ana, mut to) = stage.page("ana");
    // Each quote is two bytes of a frame.
    let text = vec!["\"".repeat(2_000); 8].join("\n");
    from.send(&json!({ "type": "Whisper", "ref": 1, "to": "ana", "text": text }));
    from.until(&json!({ "type": "Ack", "ref": 1 }));
    to.until(&json!({ "type": "Whisper", "text": text }));
}

#[test]
fn who_whispers_more_than_is_kept_to_a_guest_who_does_not_come_back_is_told() {
    let web = WebConfig { grace: std::time::Duration::from_millis(400), ..WebConfig::default() };
    let stage = Stage::with(quick(), web);
    let (_ana, mut socket) = stage.page("ana");
    let mut budi = stage.line("budi");
    socket.cut();
    eventually("no socket", || stage.sockets.count(), |count| *count == 0);
    (0..40).for_each(|_| budi.send(&format!("/w ana {}", "x".repeat(2_000))));
    let notes = std::iter::from_fn(|| budi.line()).filter(|line| line.contains("was not there to read your whisper"));
    assert!(notes.into_iter().any(|line| line.contains("… (×")), "what had to make way is told");
}

/// Its name alone is enough, as it is for a whisper.
#[test]
fn a_file_to_an_account_that_is_away_waits_in_the_talk() {
    let memory = MemoryStore::default();
    let config = Config { files: "127.0.0.1:0".into(), ..quick() };
    let setup = Setup { kept: Some((memory.clone(), Policy::default())), ..config.into() };
    let stage = Stage::with(setup, WebConfig::default());
    let ani = account(&stage, "/api/accounts", "ani");
    let budi = account(&stage, "/api/accounts", "budi");
    assert_eq!(budi.call(call("DELETE", "/api/session")).status, 204);
    let file = |to: &str| call("POST", &format!("/api/files?name=laporan.txt&to={to}")).body("halo");
    let sent = ani.call(file("budi"));
    assert_eq!(sent.status, 201, "{}", sent.text());
    let sent = sent.json();
    assert_eq!((&sent["room"], &sent["seq"], &sent["to"]), (&json!("@ani+budi"), &json!(1), &Value::Null));
    let budi = account(&stage, "/api/session", "budi");
    assert_eq!(texts(&budi.call(page(""))), ["laporan.txt"]);
    assert_eq!(budi.call(get(sent["url"].as_str().expect("an address"))).text(), "halo");
}

/// Nothing waits in a talk with a guest: it says so, and not 201.
#[test]
fn a_guest_s_words_to_an_account_that_is_away_are_refused() {
    let stage = stage(&MemoryStore::default(), 60_000);
    let budi = account(&stage, "/api/accounts", "budi");
    let dewi = stage.guest("dewi");
    let say = || dewi.call(post("/api/messages", &json!({ "room": "@budi", "text": "psst" })));
    let said = say();
    assert_eq!(said.status, 201, "{}", said.text());
    assert_eq!(budi.call(call("DELETE", "/api/session")).status, 204);
    eventually("budi is away", say, |reply| reply.status == 404);
    let refused = say();
    assert_eq!(refused.json()["code"], "no-such-user");
    let words = refused.text();
    assert!(words.contains("budi is not here, and words wait only for those whom an account whispers to"), "{words}");
}

#[test]
fn pages_of_a_talk_go_back_into_the_store_and_are_its_members() {
    let memory = MemoryStore::default();
    let first = stage(&memory, 60_000);
    let ani = account(&first, "/api/accounts", "ani");
    account(&first, "/api/accounts", "budi");
    account(&first, "/api/accounts", "citra");
    for number in 1..=45 {
        let said = ani.call(post("/api/messages", &json!({ "room": "@budi", "text": format!("line {number}") })));
        assert_eq!(said.status, 201, "{}", said.text());
    }
    let lines = |from: u64, to: u64| (from..=to).map(|number| format!("line {number}")).collect::<Vec<_>>();
    let check = |ani: &Guest| {
        let newest = ani.call(page("?limit=30"));
        assert_eq!(texts(&newest), lines(16, 45));
        assert_eq!(
            (&newest.json()["prev"], &newest.json()["last_seq"]),
            (&json!("/api/rooms/@ani%2Bbudi/messages?before=16&limit=30"), &json!(45))
        );
        let before = newest.json()["prev"].as_str().map(String::from).expect("a page before");
        let oldest = ani.call(get(&before));
        assert_eq!(texts(&oldest), lines(1, 15));
        assert_eq!(oldest.json()["prev"], Value::Null);
        // Of the store alone: one message by its id, and the page around it.
        let fifth = oldest.json()["messages"][4]["id"].as_str().map(String::from).expect("an id");
        assert_eq!(ani.call(get(&format!("/api/messages/{fifth}"))).json()["text"], "line 5");
        let around = ani.call(page(&format!("?around={fifth}&limit=6")));
        assert_eq!(texts(&around), lines(2, 7));
        assert_eq!(
            (&around.json()["prev"], &around.json()["next"]),
            (
                &json!("/api/rooms/@ani%2Bbudi/messages?before=2&limit=6"),
                &json!("/api/rooms/@ani%2Bbudi/messages?after=7&limit=6")
            )
        );
        let onwards = ani.call(page("?after=10&limit=30"));
        assert_eq!(texts(&onwards), lines(11, 40));
        assert_eq!(texts(&ani.call(get(onwards.json()["next"].as_str().expect("a next page")))), lines(41, 45));
        assert_eq!(texts(&ani.call(get("/api/search?q=line&room=@budi&limit=2"))), lines(44, 45));
        let export = ani.call(get("/api/rooms/@budi/export")).text();
        assert_eq!(export.lines().count(), 45);
        let etag = newest.header("etag").expect("a tag").to_string();
        assert_eq!(ani.call(page("?limit=30").header("if-none-match", &etag)).status, 304);
    };
    check(&ani);
    drop(first);

    let second = stage(&memory, 60_000);
    let second_ani = account(&second, "/api/session", "ani");
    check(&second_ani);
    let citra = account(&second, "/api/session", "citra");
    let newest = second_ani.call(page("?limit=1")).json()["messages"][0]["id"].clone();
    let newest = newest.as_str().expect("an id");
    for reply in
        [citra.call(get(&format!("/api/messages/{newest}"))), second.call(get(&format!("/api/messages/{newest}")))]
    {
        assert_eq!((reply.status, reply.problem()), (404, "no-such-message".into()));
    }
    for path in [
        &*format!("/api/rooms/@ani+budi/messages?around={newest}"),
        "/api/rooms/@ani+budi/messages",
        "/api/messages?room=@ani%2Bbudi",
        "/api/rooms/@ani+budi/export",
        "/api/search?q=line&room=@ani%2Bbudi",
    ] {
        for reply in [citra.call(get(path)), second.call(get(path))] {
            assert_eq!((reply.status, reply.problem()), (404, "no-such-room".into()), "{path}");
        }
    }
    assert_eq!(citra.call(get("/api/search?q=line")).json()["messages"], json!([]));
    for path in ["/api/rooms", "/api/users", "/api/talks", "/api/me"] {
        assert!(!citra.call(get(path)).text().contains('@'), "{path}");
    }
    let entered = citra.call(call("PUT", "/api/me/rooms/@ani+budi"));
    assert!(entered.status >= 400, "{}", entered.text());
}

/// Reads a stream until a frame like this one; returns its id, and all that came.
fn events(guest: &Guest, last: Option<&str>, until: &str) -> (String, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(guest.addr).expect("a connection");
    stream.set_read_timeout(Some(crate::kit::DEADLINE)).expect("a timeout");
    let last = last.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
    let (addr, token) = (guest.addr, &guest.token);
    write!(stream, "GET /api/events HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {token}\r\n{last}\r\n")
        .expect("sent");
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some(at) = text.find(until).filter(|at| text[*at..].contains("\n\n")) {
            let id = text[..at].rsplit_once("id: ").expect("an id").1.lines().next().expect("a line").to_string();
            return (id, text);
        }
        let count = stream.read(&mut buffer).expect("events in time");
        assert!(count > 0, "the stream ended: {text}");
        all.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn a_stream_brings_a_talk_to_its_members_once_and_goes_on_behind_it() {
    let memory = MemoryStore::default();
    let stage = stage(&memory, 60_000);
    let [ani, budi, citra] = ["ani", "budi", "citra"].map(|name| account(&stage, "/api/accounts", name));
    let say = |room: &str, text: &str| {
        assert_eq!(ani.call(post("/api/messages", &json!({ "room": room, "text": text }))).status, 201);
    };
    say("@budi", "leaf 1");
    say("@budi", "leaf 2");
    say("lobby", "to all");
    let (id, all) = events(&budi, None, "\"leaf 2\"");
    assert!(all.contains("\"leaf 1\""), "{all}");
    say("@budi", "leaf 3");
    say("lobby", "to all again");
    let (_, more) = events(&budi, Some(&id), "\"to all again\"");
    assert!(more.contains("\"leaf 3\"") && !more.contains("\"leaf 1\"") && !more.contains("\"leaf 2\""), "{more}");
    let (_, other) = events(&citra, None, "\"type\":\"People\"");
    say("lobby", "the last");
    let (_, rest) = events(&citra, None, "\"type\":\"People\"");
    assert!(!other.contains("leaf") && !rest.contains("leaf") && !rest.contains("@ani"), "{other}{rest}");
}
