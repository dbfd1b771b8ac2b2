//! A server with a store, by REST: what was said before the start, further back than memory goes, and what is found.

use std::sync::Barrier;

use chat_server::config::Config;
use chat_server::config::hosts::Hosts;
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kit::{Call, Guest, Heard, MemoryStore, Reply, Setup, Stage, call, eventually, get, post, quick};

/// A server that keeps what is said in this memory, and only little in its own.
fn stage(memory: &MemoryStore) -> Stage {
    stage_with(memory, |_| {})
}

fn stage_with(memory: &MemoryStore, change: impl FnOnce(&mut Config)) -> Stage {
    let mut config = quick();
    config.history = 20;
    change(&mut config);
    Stage::with(Setup { kept: Some((memory.clone(), Policy::default())), ..config.into() }, WebConfig::default())
}

fn texts(messages: &Value) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().expect("a text").to_string();
    messages.as_array().expect("messages").iter().map(text).collect()
}

/// Says so many lines, of which the last one can be read by REST.
fn say(stage: &Stage, lines: usize) {
    let mut ani = stage.line("ani");
    for number in 1..=lines {
        ani.send(&format!("MSG:line {number}"));
    }
    ani.settle();
    eventually(
        "the tap has the last line",
        || stage.call(get("/api/messages?limit=1")).json(),
        |page| texts(page) == [format!("line {lines}")],
    );
}

#[test]
fn what_was_said_before_the_start_is_there_and_its_authors_are_apart() {
    let memory = MemoryStore::default();
    let first = stage(&memory);
    let (ana, _page) = first.page("ana");
    let cid = "cid-0123456789abcdef";
    let body = json!({ "text": "from the page", "cid": cid });
    assert_eq!(ana.call(post("/api/messages", &body)).status, 201);
    let mut budi = first.line("budi");
    budi.send("MSG:from the line");
    budi.settle();
    drop(first);

    let second = stage(&memory);
    let page = eventually(
        "what was loaded",
        || second.call(get("/api/messages")).json(),
        |page| texts(page) == ["from the page", "from the line"],
    );
    assert_ne!(page[0]["from"]["id"], page[1]["from"]["id"], "two people");
    // A user who had no answer sends it again when the server is back, and it is not said twice.
    let (ana, _page) = second.page("ana");
    let again = ana.call(post("/api/messages", &body));
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.json()["id"], page[0]["id"], "it has the id it had");
    let other = json!({ "text": "other words", "cid": cid });
    assert_eq!(ana.call(post("/api/messages", &other)).status, 422);
}

#[test]
fn pages_go_on_where_memory_ends() {
    let memory = MemoryStore::default();
    let first = stage(&memory);
    say(&first, 1_250);
    drop(first);
    // A thousand are loaded.
    let second = stage(&memory);
    eventually(
        "what was loaded",
        || second.call(get("/api/messages?limit=1")).json(),
        |page| texts(page) == ["line 1250"],
    );
    let (mut path, mut seen) = (Some("/api/rooms/lobby/messages?limit=200".to_string()), Vec::new());
    while let Some(next) = path {
        let page = second.call(get(&next)).json();
        let mut lines = texts(&page["messages"]);
        assert!(!lines.is_empty(), "an empty page: {next}");
        lines.extend(seen);
        seen = lines;
        path = page["prev"].as_str().map(ToString::to_string);
    }
    let all: Vec<String> = (1..=1_250).map(|number| format!("line {number}")).collect();
    assert_eq!(seen, all, "each line once, in order, back to the first");
}

#[test]
fn a_page_has_fifty_messages_if_nothing_is_said() {
    for history in [20, 500] {
        let memory = MemoryStore::default();
        let first = stage_with(&memory, |config| config.history = history);
        say(&first, 60);
        let newest: Vec<String> = (11..=60).map(|number| format!("line {number}")).collect();
        let is_newest = |page: &Value| texts(page) == newest;
        assert!(is_newest(&first.call(get("/api/messages")).json()), "memory of {history}");
        assert!(is_newest(&first.call(get("/api/rooms/lobby/messages")).json()["messages"]), "memory of {history}");
        assert!(is_newest(&first.call(get("/api/search?q=line")).json()["messages"]), "memory of {history}");
        let before = first.call(get("/api/messages?before=56")).json();
        assert_eq!((texts(&before).len(), texts(&before)[0].as_str()), (50, "line 6"));
        let after = first.call(get("/api/messages?after=5")).json();
        assert_eq!((texts(&after).len(), texts(&after)[0].as_str()), (50, "line 6"));
    }
}

/// Forty people behind one address are a class and not an attack (docs/protocol.md, section 3).
#[test]
fn a_class_of_forty_opens_its_pages_and_searches_at_the_same_time() {
    let memory = MemoryStore::default();
    let defaults = Config::default();
    let pace = |config: &mut Config| {
        (config.read_burst, config.reads_per_second) = (defaults.read_burst, defaults.reads_per_second);
        config.max_per_address = defaults.max_per_address;
    };
    let stage = stage_with(&memory, pace);
    say(&stage, 30);
    let pupils: Vec<Guest> = (1..=40).map(|number| stage.guest(&format!("pupil{number}"))).collect();
    let ready = Barrier::new(pupils.len());
    std::thread::scope(|scope| {
        for pupil in &pupils {
            scope.spawn(|| {
                ready.wait();
                for path in
                    ["/api/users", "/api/rooms", "/api/rooms/lobby/messages", "/api/search?q=line", "/api/search?q=li*"]
                {
                    let reply = pupil.call(get(path));
                    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                }
            });
        }
    });
}

#[test]
fn who_reads_past_the_pace_is_told_when_to_come_again_and_an_export_waits_by_itself() {
    let memory = MemoryStore::default();
    let first = stage(&memory);
    say(&first, 450);
    drop(first);
    let slow = stage_with(&memory, |config| (config.read_burst, config.reads_per_second) = (12, 0.5));
    assert_eq!(slow.call(get("/api/search?q=line")).status, 200);
    assert_eq!(slow.call(get("/api/users")).status, 200);
    assert_eq!(slow.call(get("/api/server")).status, 200, "that is no reading");
    for path in ["/api/search?q=line", "/api/search?q=line"] {
        let refused = slow.call(get(path));
        assert_eq!((refused.status, refused.problem().as_str()), (429, "too-fast"), "{path}");
        let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("a number");
        assert!((10..=20).contains(&wait), "{wait}");
    }
    let refused = eventually("all is read", || slow.call(get("/api/rooms")), |reply| reply.status != 200);
    assert_eq!(refused.problem(), "too-fast");
    drop(slow);
    let paced = stage_with(&memory, |config| (config.read_burst, config.reads_per_second) = (1, 2.0));
    let export = paced.call(get("/api/rooms/lobby/export"));
    assert_eq!(export.text().lines().count(), 450, "three pages, one of them at once");
}

#[test]
fn what_cannot_be_looked_for_says_what_can() {
    let stage = stage(&MemoryStore::default());
    let refused = stage.call(get("/api/search?q=red%20f*"));
    assert_eq!((refused.status, refused.problem().as_str()), (400, "bad-request"));
    assert!(refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("two letters at least")));
}

#[test]
fn what_is_found_is_what_one_may_read() {
    let stage = stage(&MemoryStore::default());
    let (ana, mut page) = stage.page("ana");
    let mut budi = stage.line("budi");
    for line in ["a red fish", "a blue fish", "/join #den", "/mode +k hush", "a secret fish"] {
        budi.send(line);
        budi.settle();
    }
    eventually("the closed room", || stage.call(get("/api/rooms/den/messages")).status, |status| *status == 403);
    let found = |query: &str| texts(&ana.call(get(query)).json()["messages"]);
    assert_eq!(found("/api/search?q=fish"), ["a red fish", "a blue fish"]);
    assert_eq!(found("/api/search?q=RED%20fish&room=lobby"), ["a red fish"]);
    assert_eq!(found("/api/search?q=fish&limit=1"), ["a blue fish"]);
    assert_eq!(ana.call(get("/api/search?q=fish&room=den")).problem(), "room-closed");
    assert_eq!(ana.call(get("/api/search?q=fish&room=nowhere")).problem(), "no-such-room");
    assert_eq!(ana.call(get("/api/search?q=%20")).problem(), "bad-request");
    assert_eq!(ana.call(get("/api/search")).problem(), "bad-request");
    page.send(&json!({ "type": "Command", "ref": 1, "line": "/join #den hush" }));
    page.until(&json!({ "type": "Ack", "ref": 1 }));
    assert_eq!(found("/api/search?q=secret"), ["a secret fish"], "inside it is found");
}

#[test]
fn a_room_is_taken_away_line_by_line() {
    let memory = MemoryStore::default();
    let first = stage(&memory);
    say(&first, 450);
    let reply = first.call(get("/api/rooms/lobby/export"));
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(lines.len(), 450);
    for (line, number) in lines.iter().zip(1..) {
        assert_eq!((line["id"].as_u64(), line["room"].as_str()), (Some(number), Some("#lobby")));
        assert_eq!(line["text"], format!("line {number}"));
    }
    assert_eq!(first.call(get("/api/rooms/nowhere/export")).problem(), "no-such-room");
    drop(first);
    // Also where there is nothing yet, and compressed.
    let empty = stage(&MemoryStore::default());
    let reply = empty.call(get("/api/rooms/lobby/export").header("accept-encoding", "gzip"));
    assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")));
}

#[test]
fn a_server_that_keeps_nothing_says_so() {
    let stage = Stage::start();
    let reply = stage.call(get("/api/search?q=fish"));
    assert_eq!((reply.status, reply.problem().as_str()), (501, "no-store"));
    assert!(stage.call(get("/api/messages")).status == 200, "memory is enough for what is in it");
}

/// What a user hears who comes under a name that belongs to another.
pub(crate) fn a_name_of_somebodys() -> String {
    let memory = MemoryStore::from_iter([("ani", "correct-horse", Role::Member)]);
    let stage = stage(&memory);
    let reply = stage.call(post("/api/users", &json!({ "name": "ani" })));
    assert_eq!(reply.status, 409, "{}", reply.text());
    reply.problem()
}

/// What a stranger is told before there is a name to be told by.
#[test]
fn what_is_offered_is_known_before_one_comes_in() {
    let offer = |kept, host: &str| {
        let config = Config { web_hosts: Hosts::parse("chat.example").expect("a name"), ..quick() };
        let stage = Stage::with(Setup { kept, ..config.into() }, WebConfig::default());
        let (line, page) = (stage.server().addr().port(), stage.addr().port());
        let told = stage.call(get("/api/server").header("host", &host.replace("PAGE", &page.to_string()))).json();
        (
            told["accounts"].clone(),
            told["private"].clone(),
            told["files"].clone(),
            told["line"] == line,
            told["line"].is_null(),
        )
    };
    let private = Policy { private: true, ..Policy::default() };
    let here = "127.0.0.1:PAGE";
    assert_eq!(offer(None, here), (json!(false), json!(false), json!(null), true, false));
    let kept = || MemoryStore::default();
    assert_eq!(offer(Some((kept(), Policy::default())), here), (json!(true), json!(false), json!(null), true, false));
    assert_eq!(offer(Some((kept(), private)), here), (json!(true), json!(true), json!(null), true, false));
    // The line door listens on loopback here.
    for (host, is_here) in
        [("localhost:PAGE", true), ("[::1]:PAGE", true), ("chat.localhost", true), ("chat.example", false)]
    {
        let (.., is_the_port, is_null) = offer(None, host);
        assert_eq!((is_the_port, is_null), (is_here, !is_here), "{host}");
    }
}

/// What a stranger hears where only members come in.
pub(crate) fn a_server_for_members() -> String {
    let policy = Policy { private: true, ..Policy::default() };
    let stage =
        Stage::with(Setup { kept: Some((MemoryStore::default(), policy)), ..quick().into() }, WebConfig::default());
    let reply = stage.call(post("/api/users", &json!({ "name": "ani" })));
    assert_eq!(reply.status, 403, "{}", reply.text());
    reply.problem()
}

/// A user who has a name on the page can type the commands of the line door.
#[test]
fn one_signs_in_on_the_page_by_its_commands_and_is_one_person_with_ones_telnet() {
    let memory = MemoryStore::from_iter([("ani", "correct-horse", Role::Member)]);
    let stage = stage(&memory);
    let mut telnet = stage.server().connect();
    telnet.send("LOGIN:ani correct-horse");
    telnet.until("* OK LOGIN name=ani ...");
    telnet.send("/join #tea");
    telnet.until("* OK JOIN room=#tea ...");
    let (_guest, mut page) = stage.page("guest");
    page.send(&json!({ "type": "Command", "ref": 1, "line": "/login ani wrong-horse" }));
    page.until(&json!({ "type": "Error", "ref": 1, "code": "bad-password" }));
    page.send(&json!({ "type": "Command", "ref": 2, "line": "/login ani correct-horse" }));
    page.until(&json!({ "type": "UserRenamed", "old": "guest", "user": { "name": "ani" } }));
    page.until(&json!({ "type": "RoomEntered", "room": { "id": "tea" } }));
    page.until(&json!({ "type": "Ack", "ref": 2 }));
    telnet.send("SAY:#tea to myself");
    page.until(&json!({ "type": "Message", "room": "tea", "text": "to myself" }));
    page.send(&json!({ "type": "Command", "ref": 3, "line": "/logout" }));
    page.until(&json!({ "type": "UserRenamed", "old": "ani", "user": { "name": "ani2" } }));
    page.until(&json!({ "type": "RoomLeft", "room": "tea" }));
}

// ---- accounts ----

/// The cookies that an answer sets, as a browser sends them back.
pub(crate) fn cookies(reply: &Reply) -> String {
    let set = reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pairs: Vec<&str> = set
        .map(|(_, value)| {
            assert!(value.contains("; HttpOnly") && value.contains("; SameSite=Strict"), "{value}");
            value.split(';').next().expect("a pair")
        })
        .collect();
    pairs.join("; ")
}

fn password(name: &str, password: &str) -> Value {
    json!({ "name": name, "password": password })
}

fn guest_of(stage: &Stage, reply: &Reply) -> Guest {
    let told = reply.json();
    let text = |key: &str| told[key].as_str().expect("a string").to_string();
    Guest { addr: stage.addr(), id: text("id"), token: text("token") }
}

#[test]
fn one_registers_signs_in_elsewhere_and_is_one_person_by_every_door() {
    let stage = stage(&MemoryStore::default());
    let reply = stage.call(post("/api/v1/accounts", &password("ana", "correct-horse")));
    assert_eq!((reply.status, reply.json()["role"].as_str()), (201, Some("member")), "{}", reply.text());
    let first = guest_of(&stage, &reply);
    let mut page = first.connect();
    page.settle();
    // In another browser, and by telnet.
    let reply = stage.call(post("/api/session", &password("ANA", "correct-horse")));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let second = guest_of(&stage, &reply);
    assert_eq!(second.id, first.id, "the same person");
    let mut other = second.connect();
    other.settle();
    let mut telnet = stage.server().connect();
    telnet.send("LOGIN:ana correct-horse");
    telnet.until("* OK LOGIN name=ana role=member room=#lobby users=1: ...");
    let people = stage.call(get("/api/users")).json();
    assert_eq!(people.as_array().map(Vec::len), Some(1), "{people}");
    assert_eq!(people[0]["id"], json!(first.id));
    // Each sees what the others say, as their own.
    page.send(&json!({ "type": "Send", "ref": 1, "room": "lobby", "text": "from the first" }));
    other.until(&json!({ "type": "Message", "text": "from the first", "from": { "id": first.id }, "account": true }));
    telnet.until("* MSG #lobby 1 ana: from the first");
    telnet.send("MSG:from telnet");
    page.until(&json!({ "type": "Message", "text": "from telnet", "from": { "id": first.id } }));
    let is_theirs = |page: &Value| [0, 1].map(|i| page[i]["account"] == json!(true));
    eventually("by an account", || stage.call(get("/api/messages")).json(), |page| is_theirs(page) == [true, true]);
    // One of them goes, and she is still here.
    assert_eq!(second.call(call("DELETE", "/api/me")).status, 204);
    let people = stage.call(get("/api/users")).json();
    assert_eq!(people.as_array().map(Vec::len), Some(1), "{people}");
}

#[test]
fn a_browser_stays_signed_in_over_a_restart_until_it_is_signed_out() {
    let memory = MemoryStore::from_iter([("ana", "correct-horse", Role::Op)]);
    let first = stage(&memory);
    let reply = first.call(post("/api/session", &password("ana", "correct-horse")));
    let cookie = cookies(&reply);
    assert!(cookie.contains("chat_session=") && cookie.contains("chat_account="), "{cookie}");
    let port = |stage: &Stage| stage.addr().port().to_string();
    let before = port(&first);
    drop(first);
    let second = stage(&memory);
    // Only in a test it is at another port, which stands in the name.
    let cookie = cookie.replace(&format!("{before}_"), &format!("{}_", port(&second)));
    let resume = || call("POST", "/api/session").header("cookie", &cookie).on(second.addr());
    let reply = resume();
    assert_eq!((reply.status, reply.json()["role"].as_str()), (200, Some("op")), "{}", reply.text());
    let fresh = cookies(&reply);
    // Signed out: the cookie is worth nothing, here or anywhere.
    let out = call("DELETE", "/api/session").header("cookie", &fresh).on(second.addr());
    assert_eq!(out.status, 204, "{}", out.text());
    let reply = resume();
    assert_eq!((reply.status, reply.problem().as_str()), (401, "bad-password"));
    assert_eq!(call("POST", "/api/session").on(second.addr()).status, 401, "without any cookie");
}

#[test]
fn another_password_and_signing_out_everywhere_end_everything_else() {
    let memory = MemoryStore::from_iter([("ana", "correct-horse", Role::Member)]);
    let stage = stage(&memory);
    let sign_in = |secret: &str| stage.call(post("/api/session", &password("ana", secret)));
    let (here, there) = (sign_in("correct-horse"), sign_in("correct-horse"));
    let old_cookie = cookies(&there);
    let mut page = guest_of(&stage, &there).connect();
    page.settle();
    let mut telnet = stage.server().connect();
    telnet.send("LOGIN:ana correct-horse");
    telnet.until("* OK LOGIN ...");
    let me = guest_of(&stage, &here);
    assert_eq!(me.call(get("/api/me")).json()["signed_in"], true);
    let change = |old: &str, new: &str| {
        let body = json!({ "old": old, "new": new });
        let call = Call { method: "PUT".into(), ..post("/api/account/password", &body) };
        me.call(call)
    };
    assert_eq!(change("wrong-horse", "another-horse").problem(), "bad-password");
    assert_eq!(change("correct-horse", "short").problem(), "bad-argument");
    let changed = change("correct-horse", "another-horse");
    assert_eq!(changed.status, 204, "{}", changed.text());
    telnet.until("* BYE 498 signed-out: ...");
    let (_, end) = page.rest();
    assert!(matches!(end, Heard::Close(4001, _)), "{end:?}");
    let old = call("POST", "/api/session").header("cookie", &old_cookie).on(stage.addr());
    assert_eq!(old.status, 401);
    // Who changed it comes back by the new cookie.
    let again = call("POST", "/api/session").header("cookie", &cookies(&changed)).on(stage.addr());
    assert_eq!(again.status, 200, "{}", again.text());

    let me = guest_of(&stage, &again);
    let other = sign_in("another-horse");
    let mut page = guest_of(&stage, &other).connect();
    page.settle();
    assert_eq!(me.call(call("DELETE", "/api/session?everywhere=true")).status, 204);
    let (_, end) = page.rest();
    assert!(matches!(end, Heard::Close(4001, _)), "{end:?}");
}

#[test]
fn who_is_refused_hears_why() {
    let memory = MemoryStore::from_iter([("ana", "correct-horse", Role::Member)]);
    let stage = stage(&memory);
    let refused = |path: &str, body: Value| {
        let reply = stage.call(post(path, &body));
        (reply.status, reply.problem())
    };
    let is = |status: u16, code: &str| (status, code.to_string());
    assert_eq!(refused("/api/accounts", password("ana", "another-horse")), is(409, "name-registered"));
    assert_eq!(refused("/api/accounts", password("budi", "short")), is(422, "bad-argument"));
    assert_eq!(refused("/api/accounts", password("1st", "correct-horse")), is(422, "bad-name"));
    assert_eq!(refused("/api/accounts", json!({ "name": "budi" })), is(422, "wrong-fields"));
    assert_eq!(refused("/api/session", json!({ "name": "budi" })), is(422, "wrong-fields"));
    let guest = stage.guest("citra");
    assert_eq!(guest.call(call("DELETE", "/api/session")).problem(), "not-signed-in");
    for _ in 0..3 {
        assert_eq!(refused("/api/session", password("ana", "wrong-horse")), is(401, "bad-password"));
    }
    let reply = stage.call(post("/api/session", &password("ana", "wrong-horse")));
    assert_eq!((reply.status, reply.problem().as_str()), (429, "too-fast"));
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    let evil = post("/api/session", &password("ana", "correct-horse")).header("origin", "https://evil.example");
    assert_eq!(stage.call(evil).problem(), "foreign-origin");
}

/// A proxy on the same machine says for whom it asks, and whether they came by HTTPS.
#[test]
fn behind_a_proxy_passwords_are_taken_by_https_only_and_guesses_are_counted_where_they_come_from() {
    let memory = MemoryStore::from_iter([("ana", "correct-horse", Role::Member)]);
    let setup = Setup { kept: Some((memory, Policy::default())), ..quick().into() };
    let stage = Stage::with(setup, crate::bans::behind_a_proxy());
    let sign_in = |from: &str, proto: &str, secret: &str| {
        let call = post("/api/session", &password("ana", secret));
        let reply = stage.call(call.header("x-forwarded-for", from).header("x-forwarded-proto", proto));
        if reply.status == 200 { "in".to_string() } else { reply.problem() }
    };
    assert_eq!(sign_in("192.0.2.7", "http", "correct-horse"), "needs-tls");
    for _ in 0..3 {
        assert_eq!(sign_in("192.0.2.7", "https", "wrong-horse"), "bad-password");
    }
    assert_eq!(sign_in("192.0.2.7", "https", "correct-horse"), "too-fast");
    assert_eq!(sign_in("192.0.2.8", "https", "correct-horse"), "in", "others have not guessed");
    // Who cannot be known is not this machine, by whatever form of an address.
    for from in ["unknown", "192.0.2.7, ", "127.0.0.1"] {
        assert_eq!(sign_in(from, "http", "correct-horse"), "needs-tls", "{from}");
    }
    for from in ["192.0.2.7:4711", "[::ffff:192.0.2.7]:4711"] {
        assert_eq!(sign_in(from, "https", "correct-horse"), "too-fast", "{from} has guessed already");
    }
    // The same where it is typed on the page.
    let call = post("/api/users", &json!({ "name": "guest" }));
    let reply = stage.call(call.header("x-forwarded-for", "192.0.2.9").header("x-forwarded-proto", "http"));
    let mut page = guest_of(&stage, &reply).connect();
    page.send(&json!({ "type": "Command", "ref": 1, "line": "/login ana correct-horse" }));
    page.until(&json!({ "type": "Error", "ref": 1, "code": "needs-tls" }));
}

#[test]
fn without_a_store_there_are_no_accounts() {
    let stage = Stage::start();
    for path in ["/api/accounts", "/api/session"] {
        let reply = stage.call(post(path, &password("ana", "correct-horse")));
        assert_eq!((reply.status, reply.problem().as_str()), (501, "no-store"), "{path}");
    }
}
