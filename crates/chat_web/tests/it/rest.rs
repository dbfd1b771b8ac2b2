//! Every REST call, and every way in which each can be refused.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_web::{PROBLEMS, WebConfig};
use serde_json::{Value, json};

use crate::kit::{Call, KEY, Reply, Stage, Ws, call, eventually, get, post, quick};

/// What every answer carries.
#[track_caller]
pub(crate) fn dressed(reply: &Reply) {
    let policy = reply.header("content-security-policy").expect("a content security policy");
    for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types worker"] {
        assert!(policy.contains(rule), "{policy}");
    }
    let headers = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ];
    for (name, value) in headers {
        assert_eq!(reply.header(name), Some(value), "{reply:?}");
    }
    assert!(reply.header("x-request-id").is_some_and(|id| id.len() == 36), "{reply:?}");
}

fn operator_stage() -> Stage {
    Stage::with(Config { operator_key: OperatorKey::new(KEY).ok(), ..quick() }, WebConfig::default())
}

/// Codes that only frames can get: REST has no call for what they refuse, and its bodies are UTF-8 or no JSON.
const FRAMES_ONLY: [&str; 22] = [
    "no-lab",
    "banned",
    "user-not-in-room",
    "list-full",
    "not-listed",
    "bad-password",
    "needs-invitation",
    "needs-tls",
    "not-signed-in",
    "store-unavailable",
    "already-signed-on",
    "already-there",
    "invite-only",
    "room-full",
    "bad-key",
    "not-room-op",
    "protected",
    "too-many-rooms",
    "missing-argument",
    "unknown-verb",
    "settings-not-read",
    "not-utf8",
];
/// A call that takes 15 s, a bug of ours, and a file of another size, whose connection is gone.
const NOT_TO_BE_HAD: [&str; 3] = ["timeout", "internal-error", "wrong-size"];

#[test]
fn every_problem_can_be_had_and_has_a_page() {
    let stage = operator_stage();
    let (ana, mut page) = stage.page("ana");
    let mut budi = stage.line("budi");
    for line in ["/join #club", "hi", "/mode +k secret", "/join #out", "/ban ana", "/join #talk", "/mode +m"] {
        budi.send(line);
        budi.settle();
    }
    eventually("a closed room", || stage.call(get("/api/rooms/club/messages")), |reply| reply.status == 403);
    let say = |body: Value| post("/api/messages", &body).bearer(&ana.token);
    let key = |key: &str| say(json!({"text": "one"})).header("idempotency-key", key);
    assert_eq!(stage.call(key("0123456789abcdef")).status, 201);
    let nobody = "/api/users/00000000-0000-7000-8000-000000000000";
    let nothing = "/api/messages/00000000-0000-7000-8000-000000000000";
    let operator = |call: Call| call.bearer(KEY);
    let text = "x".repeat(2_049);
    let table: Vec<(&str, Call)> = vec![
        ("no-such-user", get(nobody)),
        ("no-such-user", operator(post("/api/admin/kick", &json!({"id": "00000000-0000-7000-8000-000000000000"})))),
        ("no-such-message", get(nothing)),
        ("no-such-message", get(&format!("/api/messages?around={}", &nothing[14..]))),
        ("no-such-message", get(&format!("/api/rooms/lobby/messages?around={}", &nothing[14..]))),
        ("no-such-room", get("/api/messages?room=nowhere")),
        ("no-such-room", get("/api/messages?room=no%20name")),
        ("no-such-room", get("/api/rooms/nowhere/messages")),
        ("no-such-room", say(json!({"text": "hi", "room": "nowhere"}))),
        ("no-such-id", say(json!({"text": "hi", "reply_to": 99}))),
        ("wrong-fields", say(json!({"text": "hi", "reply_to": 0}))),
        ("not-found", get("/api/nothing")),
        ("not-found", get("/api")),
        ("not-found", get("/nothing.html")),
        ("not-found", get("/api/users/no-id")),
        ("not-found", get("/api/messages/no-id")),
        ("not-found", get("/api/rooms/%ff/messages")),
        ("not-found", get("/problems/nothing")),
        ("method-not-allowed", call("PUT", "/api/users")),
        ("method-not-allowed", call("DELETE", "/api/messages")),
        ("method-not-allowed", call("PATCH", "/api/me")),
        ("method-not-allowed", call("DELETE", "/api/v1/rooms")),
        ("method-not-allowed", call("DELETE", "/problems/not-found")),
        ("method-not-allowed", call("DELETE", "/")),
        ("method-not-allowed", call("POST", "/ws")),
        ("upgrade-required", get("/ws")),
        ("bad-request", get("/api/messages?limit=0")),
        ("bad-request", get("/api/messages?limit=201")),
        ("bad-request", get("/api/messages?before=soon")),
        ("bad-request", get("/api/messages?before=-1")),
        ("bad-request", get("/api/messages?after=9223372036854775808")),
        ("bad-request", get("/api/rooms/lobby/messages?around=x")),
        ("bad-json", post("/api/users", &json!({})).body("{")),
        ("bad-json", say(json!({})).body(vec![b'"', 0xff, b'"'])),
        ("bad-json", operator(post("/api/admin/kick", &json!({})).body("no"))),
        ("wrong-fields", post("/api/users", &json!({}))),
        ("wrong-fields", say(json!({"text": 7}))),
        ("wrong-fields", say(json!({"text": "hi", "cid": "short"}))),
        ("wrong-fields", key("short")),
        ("wrong-fields", key("short").body(json!({"text": "hi", "cid": "a-cid-that-is-right"}).to_string())),
        ("wrong-fields", operator(post("/api/admin/announce", &json!({})))),
        ("line-too-long", say(json!({"text": format!("two\n{}", "x".repeat(2_049))}))),
        ("bad-argument", operator(post("/api/admin/announce", &json!({"text": "two\nlines"})))),
        ("bad-argument", operator(post("/api/admin/kick", &json!({"id": ana.id, "reason": "two\nlines"})))),
        ("bad-name", post("/api/users", &json!({"name": "1st"}))),
        ("no-name", post("/api/users", &json!({"name": ""}))),
        ("name-in-use", post("/api/users", &json!({"name": "BUDI"}))),
        ("no-text", say(json!({"text": "  "}))),
        ("line-too-long", say(json!({"text": text}))),
        ("unsupported-media-type", call("POST", "/api/users").body("name=ana")),
        ("unsupported-media-type", call("POST", "/api/messages").bearer(&ana.token).body("{}")),
        ("too-large", post("/api/users", &json!({"name": "x".repeat(70_000)}))),
        ("too-large", say(json!({"text": "x".repeat(70_000)}))),
        ("not-signed-on", get("/api/me")),
        ("not-signed-on", call("DELETE", "/api/me")),
        ("not-signed-on", post("/api/messages", &json!({"text": "hi"}))),
        ("not-signed-on", get("/api/me").bearer("00000000000000000000000000000000")),
        ("operator-key-missing", get("/api/admin/overview")),
        ("operator-key-missing", post("/api/admin/kick", &json!({}))),
        ("operator-key-missing", post("/api/admin/announce", &json!({}))),
        ("operator-key-missing", get("/api/admin/audit")),
        ("bad-request", operator(get("/api/admin/audit?limit=0"))),
        ("bad-request", operator(get("/api/admin/audit?limit=501"))),
        ("bad-request", operator(get("/api/admin/audit?before=-1"))),
        ("bad-request", operator(get("/api/admin/audit?before=9223372036854775808"))),
        ("not-operator", get("/api/admin/overview").bearer(&ana.token)),
        ("foreign-origin", post("/api/users", &json!({"name": "eve"})).header("origin", "https://evil.example")),
        ("foreign-origin", call("DELETE", "/api/me").bearer(&ana.token).header("origin", "null")),
        ("foreign-origin", get("/ws").header("origin", "https://evil.example")),
        ("unknown-host", get("/api/users").header("host", "evil.example")),
        ("unknown-host", post("/api/users", &json!({"name": "eve"})).header("host", "evil.example")),
        ("unknown-proxy", get("/api/users").header("x-forwarded-for", "192.0.2.7")),
        ("idempotency-key-reused", say(json!({"text": "two"})).header("idempotency-key", "0123456789abcdef")),
        ("cannot-speak", say(json!({"text": "hi", "room": "talk"}))),
        ("not-in-room", say(json!({"text": "hi", "room": "club"}))),
        ("not-acceptable", get("/api/users").header("accept-encoding", "*;q=0")),
        ("not-acceptable", get("/js/main.js").header("accept-encoding", "zstd, identity;q=0")),
        ("not-acceptable", get("/files/0123").header("accept-encoding", "gzip, identity;q=0")),
        ("not-acceptable", post("/api/users", &json!({"name": "eka"})).header("accept-encoding", "identity;q=0")),
        ("not-matched", get("/api/messages").header("if-match", "\"x\"")),
        ("not-matched", get("/js/main.js").header("if-match", "W/\"x\"")),
        ("unsupported-media-type", post("/api/users", &json!({"name": "eka"})).header("content-encoding", "gzip")),
        ("method-not-allowed", call("POST", "/files/0123")),
        ("banned-from-room", say(json!({"text": "hi", "room": "out"}))),
        ("room-closed", get("/api/messages?room=club")),
        ("room-closed", get("/api/rooms/CLUB/messages")),
        ("no-store", get("/api/search?q=fish")),
    ];
    let mut had = BTreeSet::new();
    for (code, call) in table {
        let reply = stage.call(call.clone());
        assert_eq!(reply.problem(), code, "{} {}: {}", call.method, call.path, reply.text());
        let known = PROBLEMS.iter().find(|(known, ..)| *known == code).expect("a known code");
        assert_eq!(reply.status, known.1, "{code}");
        dressed(&reply);
        if reply.status == 405 {
            let allow = reply.header("allow").unwrap_or_else(|| panic!("{} {}: no Allow", call.method, call.path));
            assert!(allow.contains("GET") || allow.contains("POST"), "{allow}");
        }
        if reply.status == 401 {
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
        if reply.status == 422 && code == "bad-name" {
            assert_eq!(reply.json()["errors"][0]["pointer"], "/name");
        }
        crate::openapi::declared(&call, &reply);
        had.insert(code.to_string());
    }
    let people = stage.call(get("/api/users")).text();
    assert!(!people.contains("eka"), "what is refused is not done: {people}");
    let taken = stage.call(post("/api/users", &json!({"name": "budi"}))).json();
    assert_eq!(taken["try"], "budi2");
    for _ in 0..3 {
        assert_eq!(stage.call(get("/api/admin/overview").bearer("wrong")).status, 403);
    }
    had.extend(elsewhere(&stage));
    had.extend(crate::files::problems());
    had.extend([
        crate::kept::a_name_of_somebodys(),
        crate::kept::a_server_for_members(),
        crate::admin::an_invitation_that_is_not_there(),
    ]);
    let all: BTreeSet<&str> = PROBLEMS.iter().map(|(code, ..)| *code).collect();
    let wanted = all.iter().filter(|code| !FRAMES_ONLY.contains(code) && !NOT_TO_BE_HAD.contains(code));
    let missing: Vec<_> = wanted.filter(|code| !had.contains(**code)).collect();
    assert!(missing.is_empty(), "no test has {missing:?}");
    for code in &all {
        let reply = stage.call(get(&format!("/problems/{code}")));
        assert_eq!(reply.status, 200, "{code}");
        assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
        assert!(reply.text().contains(code), "{code}");
        dressed(&reply);
    }
    page.settle();
}

/// The problems that need a server of another kind.
fn elsewhere(blocked: &Stage) -> BTreeSet<String> {
    let mut had = BTreeSet::new();
    let mut add = |stage: &Stage, call: Call, waits: bool| {
        let reply = stage.call(call.clone());
        assert_eq!(reply.header("retry-after").is_some(), waits, "{reply:?}");
        crate::openapi::declared(&call, &reply);
        had.insert(reply.problem());
    };
    add(blocked, get("/api/admin/overview").bearer(KEY), true);
    add(&Stage::start(), get("/api/admin/overview").bearer(KEY), false);
    let locked = operator_stage();
    let mut ani = locked.line("ani");
    ani.send(&format!("/oper {KEY}"));
    ani.send("/lockdown on");
    ani.until("* OK LOCKDOWN ...");
    add(&locked, post("/api/users", &json!({"name": "budi"})), false);
    let mut config = quick();
    config.max_clients = 1;
    let full = Stage::with(config, WebConfig::default());
    let _ana = full.guest("ana");
    add(&full, post("/api/users", &json!({"name": "budi"})), true);
    add(&full, get("/api/readyz"), true);
    let mut config = quick();
    (config.burst, config.per_second) = (1, 0.01);
    let slow = Stage::with(config, WebConfig::default());
    let ana = slow.guest("ana");
    let say = || post("/api/messages", &json!({"text": "hi"})).bearer(&ana.token);
    assert_eq!(slow.call(say()).status, 201);
    add(&slow, say(), true);
    let mut stopped = Stage::start();
    stopped.server.take().expect("it runs").stop().expect("a clean end");
    add(&stopped, post("/api/users", &json!({"name": "ana"})), true);
    add(&stopped, get("/api/readyz"), true);
    assert_eq!(stopped.call(get("/api/healthz")).status, 200);
    had
}

/// The pace counts messages: many lines in one are one.
#[test]
fn a_message_of_many_lines_is_one_to_the_pace() {
    let mut config = quick();
    (config.burst, config.per_second) = (2, 0.01);
    let stage = Stage::with(config, WebConfig::default());
    let ana = stage.guest("ana");
    let many = vec!["a line"; 150].join("\n");
    let say = |text: &str| stage.call(post("/api/messages", &json!({ "text": text })).bearer(&ana.token)).status;
    assert_eq!([say(&many), say(&many), say("one too many")], [201, 201, 429]);
}

/// A place is taken before anything is waited for, so however many come at once, and one count holds for all doors.
#[test]
fn of_many_at_once_no_more_get_in_than_an_address_may_have() {
    let config = Config { max_per_address: 5, ..quick() };
    let stage = Stage::with(config, WebConfig::default());
    let _at_the_line = stage.line("ani");
    // No more than one address may have connections open, or those that came first make way before they are answered.
    let start = Barrier::new(30);
    let come = |i: usize| {
        start.wait();
        stage.call(post("/api/users", &json!({ "name": format!("race{i}") })))
    };
    let come = &come;
    let replies: Vec<Reply> = thread::scope(|scope| {
        let all: Vec<_> = (0..30).map(|i| scope.spawn(move || come(i))).collect();
        all.into_iter().map(|one| one.join().expect("no panic")).collect()
    });
    let (inside, outside): (Vec<Reply>, Vec<Reply>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!(inside.len(), 4, "and one at the line door");
    for reply in &outside {
        assert_eq!((reply.status, reply.problem().as_str()), (503, "server-full"));
    }
    stage.server().connect().hears("* BYE 511 server-full: ...");
    // Who leaves makes room, and it is there when the answer is; a name that is taken costs no place.
    let token = inside[0].json()["token"].as_str().expect("a token").to_string();
    let status = |call: Call| stage.call(call).status;
    let name = |name: &str| post("/api/users", &json!({ "name": name }));
    assert_eq!(status(call("DELETE", "/api/me").bearer(&token)), 204);
    assert_eq!(
        [status(name("ani")), status(name("ani")), status(name("budi")), status(name("citra"))],
        [409, 409, 201, 503]
    );
}

#[test]
fn the_dashboard_s_acts_are_those_of_every_operator() {
    let stage = operator_stage();
    let (ana, mut page) = stage.page("ana");
    let mut budi = stage.line("budi");
    let audit = |query: &str| stage.call(get(&format!("/api/admin/audit{query}")).bearer(KEY)).json();
    assert_eq!(audit(""), json!({"acts": []}));
    let announced = stage.call(post("/api/admin/announce", &json!({"text": "tea: now"})).bearer(KEY));
    assert_eq!(announced.status, 204);
    budi.until("* NOTE *: tea: now");
    let kicked = stage.call(post("/api/admin/kick", &json!({"id": ana.id, "reason": "be kind"})).bearer(KEY));
    assert_eq!(kicked.status, 204);
    budi.until("* KICKED * ana *: be kind");
    budi.until("* LEFT #lobby ana: be kind");
    page.until(&json!({"type": "Moderated", "what": "kicked", "reason": "be kind"}));
    page.until(&json!({"type": "Goodbye", "reason": "kicked"}));
    // By the line door it is the same audit.
    budi.send(&format!("/oper {KEY}"));
    budi.send("AUDIT:");
    budi.until("* BEGIN AUDIT * 3");
    budi.hears("* AUDIT 1 (page) announce: tea: now");
    budi.hears("* AUDIT 2 (page) kick target=ana: be kind");
    budi.hears("* AUDIT 3 budi oper");
    let all = audit("");
    let acts = all["acts"].as_array().expect("a list");
    assert!(acts.len() == 3 && acts[0]["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{all}");
    let but_at = |act: &Value| {
        let mut act = act.clone();
        act.as_object_mut().expect("an object").remove("at");
        act
    };
    assert_eq!(but_at(&acts[0]), json!({"number": 1, "by": "(page)", "what": "announce", "detail": "tea: now"}));
    let kick = json!({"number": 2, "by": "(page)", "what": "kick", "target": "ana", "detail": "be kind"});
    assert_eq!(but_at(&acts[1]), kick);
    assert_eq!(but_at(&acts[2]), json!({"number": 3, "by": "budi", "what": "oper"}));
    let page = audit("?limit=1&before=3");
    assert_eq!((&page["acts"][0]["number"], &page["more"]), (&json!(2), &json!(2)));
    // Wrong keys are counted once, by whichever door they come.
    for _ in 0..2 {
        assert_eq!(stage.call(get("/api/admin/audit").bearer("wrong")).problem(), "not-operator");
    }
    budi.send("/oper wrong");
    budi.until("* ERR 464 bad-password OPER: ...");
    let refused = stage.call(get("/api/admin/audit").bearer(KEY));
    assert_eq!(refused.problem(), "too-fast");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
}

#[test]
fn the_calls_answer_as_they_say() {
    let stage = operator_stage();
    let reply = stage.call(post("/api/users", &json!({"name": "ana"})));
    assert_eq!(reply.status, 201);
    dressed(&reply);
    let ana = reply.json();
    let (id, token) = (ana["id"].as_str().unwrap(), ana["token"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(format!("/api/users/{id}").as_str()));
    assert_eq!(
        reply.header("set-cookie"),
        Some(format!("{}_chat_session={token}; Path=/; HttpOnly; SameSite=Strict", stage.addr().port()).as_str())
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("api-version"), Some("1"));
    let cookie = |call: Call| call.header("cookie", &format!("a=b; chat_session={token}; c=d"));
    let me = stage.call(cookie(get("/api/me")));
    assert_eq!(me.json(), json!({"user": {"id": id, "name": "ana"}, "rooms": ["lobby"], "signed_in": false}));
    let _budi = stage.line("budi");
    let users = stage.call(get("/api/users")).json();
    assert_eq!(users[0]["name"], "ana");
    assert_eq!((&users[0]["door"], &users[1]["door"]), (&json!("web"), &json!("line")));
    let one = stage.call(get(reply.header("location").unwrap()));
    assert_eq!((one.status, &one.json()["rooms"]), (200, &json!(["lobby"])));
    let said = stage.call(cookie(post("/api/messages", &json!({"text": "hi", "reply_to": null, "more": 1}))));
    assert_eq!(said.status, 201);
    let message = said.json();
    let place = said.header("location").unwrap();
    assert_eq!(place, format!("/api/messages/{}", message["id"].as_str().unwrap()));
    assert_eq!(stage.call(get(place)).json(), message);
    for (path, status) in [
        ("/api/rooms", 200),
        ("/api/messages", 200),
        ("/api/rooms/lobby/messages", 200),
        ("/api/healthz", 200),
        ("/api/readyz", 200),
        ("/api/openapi.json", 200),
        ("/api/users", 200),
        (place, 200),
        ("/api/nothing", 404),
    ] {
        let (long, head) = (path.replace("/api/", "/api/v1/"), call("HEAD", path));
        let (plain, aliased, head) = (stage.call(get(path)), stage.call(get(&long)), stage.call(head));
        assert_eq!((plain.status, aliased.status, head.status), (status, status, status), "{path}");
        if status == 200 && path != "/api/users" {
            assert_eq!(plain.json(), aliased.json(), "{path}");
        }
        assert!(head.body.is_empty(), "{path}");
        [&plain, &aliased, &head].into_iter().for_each(dressed);
        crate::openapi::declared(&get(path), &plain);
    }
    let admin = stage.call(get("/api/admin/overview").bearer(KEY));
    assert_eq!(admin.status, 200);
    let overview = admin.json();
    assert_eq!(overview["doors"], json!({"line": 1, "web": 1}));
    assert_eq!((&overview["totals"]["sessions"], &overview["totals"]["sockets"]), (&json!(1), &json!(0)));
    assert!(overview["people"][0]["origin"].as_str().is_some_and(|origin| origin.starts_with("127.0.0.1:")));
    let out = stage.call(cookie(call("DELETE", "/api/me")));
    assert_eq!(out.status, 204);
    assert_eq!(out.header("set-cookie"), Some("chat_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
    dressed(&out);
    assert_eq!(stage.call(cookie(get("/api/me"))).problem(), "not-signed-on");
    assert_eq!(stage.call(post("/api/users", &json!({"name": "ana"}))).status, 201);
}

#[test]
fn assets_are_dressed_and_tagged() {
    let stage = Stage::start();
    let page = stage.call(get("/"));
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    dressed(&page);
    let tag = page.header("etag").expect("a tag").to_string();
    let same = stage.call(get("/").header("if-none-match", &tag));
    assert_eq!((same.status, same.body.len()), (304, 0));
    dressed(&same);
    let head = stage.call(call("HEAD", "/index.html"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/static/../index.html", "//index.html/.."] {
        assert_eq!(stage.call(get(path)).problem(), "not-found", "{path}");
    }
}

#[test]
fn browsers_that_ask_for_an_icon_of_themselves_get_the_page_s() {
    let stage = Stage::start();
    let (asked, linked) = (stage.call(get("/favicon.ico")), stage.call(get("/icon.svg")));
    assert_eq!((asked.status, asked.header("content-type")), (200, Some("image/svg+xml")));
    assert!(asked.body == linked.body && asked.header("etag") == linked.header("etag"));
}

#[test]
fn assets_are_compressed_for_clients_that_take_it() {
    use std::io::Read;
    let stage = Stage::start();
    let plain = stage.call(get("/app.css"));
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    let known = plain.header("etag").unwrap().to_string();
    let mut tags = BTreeSet::from([known.clone()]);
    for (taken, encoding) in [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("*", "gzip"),
        ("identity;q=0.1, *;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br", "br"),
        ("BR, identity;q=0", "br"),
    ] {
        let packed = stage.call(get("/app.css").header("accept-encoding", taken));
        assert_eq!((packed.status, packed.header("content-encoding")), (200, Some(encoding)), "{taken}");
        assert_eq!(packed.header("vary"), Some("accept-encoding"));
        assert_eq!(packed.header("content-type"), plain.header("content-type"));
        assert!(packed.body.len() * 5 < plain.body.len() * 2, "{} of {}", packed.body.len(), plain.body.len());
        let mut unpacked = Vec::new();
        match encoding {
            "br" => brotli::BrotliDecompress(&mut &packed.body[..], &mut unpacked).unwrap(),
            _ => flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).map(drop).unwrap(),
        }
        assert_eq!(unpacked, plain.body);
        // Another encoding is another answer: a tag of the one says nothing about the other.
        let tag = packed.header("etag").unwrap();
        assert_ne!(tag, known);
        tags.insert(tag.to_string());
        let again =
            |tag: &str| stage.call(get("/app.css").header("accept-encoding", taken).header("if-none-match", tag));
        assert_eq!((again(tag).status, again(&format!("\"x\", {tag}")).status, again(&known).status), (304, 304, 200));
        assert_eq!(again(tag).header("vary"), Some("accept-encoding"));
    }
    assert_eq!(tags.len(), 3, "one for each form");
    for refused in ["identity", "gzip;q=0", "gzip;q=0, *", "br;q=0", "zstd", "", "gzip;q=x"] {
        let reply = stage.call(get("/app.css").header("accept-encoding", refused));
        assert_eq!((reply.header("content-encoding"), reply.body == plain.body), (None, true), "{refused}");
    }
}

#[test]
fn a_long_problem_can_be_read_by_whoever_takes_gzip() {
    let stage = Stage::start();
    let ana = stage.guest("ana");
    let body = json!({"text": "hi", "reply_to": "x".repeat(4_000)});
    let reply = ana.call(post("/api/messages", &body).header("accept-encoding", "gzip"));
    assert_eq!(reply.header("content-encoding"), None);
    assert_eq!(reply.problem(), "wrong-fields");
}

#[test]
fn pages_lead_on_in_both_directions() {
    let stage = Stage::start();
    let mut budi = stage.line("budi");
    for i in 1..=25 {
        budi.send(&format!("line {i}"));
    }
    budi.settle();
    let all = eventually(
        "all lines",
        || stage.call(get("/api/messages?limit=200")).json(),
        |page| page.as_array().is_some_and(|page| page.len() == 25),
    );
    let link = |reply: &Reply, rel: &str| -> Option<String> {
        let links = reply.header("link")?.split(", ");
        let mut fits = links.filter(|link| link.ends_with(&format!("rel=\"{rel}\"")));
        fits.next().and_then(|link| Some(link.split_once('>')?.0.trim_start_matches('<').to_string()))
    };
    // From the newest page back to the first, by Link.
    let (mut path, mut seen) = (Some("/api/messages?limit=10".to_string()), Vec::new());
    let mut pages = 0;
    while let Some(here) = path {
        let reply = stage.call(get(&here));
        assert_eq!((reply.status, reply.header("x-last-seq")), (200, Some("25")));
        let page = reply.json();
        seen.splice(0..0, page.as_array().unwrap().clone());
        path = link(&reply, "prev");
        pages += 1;
    }
    assert_eq!((pages, Value::Array(seen)), (3, all.clone()));
    // And from the first page on, by the object's own paths.
    let (mut path, mut seen) = (Some("/api/rooms/lobby/messages?after=0&limit=10".to_string()), Vec::new());
    while let Some(here) = path {
        let page = stage.call(get(&here)).json();
        assert_eq!(page["last_seq"], 25);
        seen.extend(page["messages"].as_array().unwrap().clone());
        path = page["next"].as_str().map(String::from);
    }
    assert_eq!(Value::Array(seen), all);
    let middle = all[12]["id"].as_str().unwrap();
    let around = stage.call(get(&format!("/api/messages?around={middle}&limit=5"))).json();
    let seqs: Vec<u64> = around.as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [11, 12, 13, 14, 15]);
    let between = stage.call(get("/api/messages?after=3&before=6")).json();
    assert_eq!(between.as_array().unwrap().len(), 2);
    let default = stage.call(get("/api/messages?after=9223372036854775807")).json();
    assert_eq!(default, json!([]));
}

#[test]
fn a_page_that_is_the_same_is_not_sent_again() {
    let stage = Stage::start();
    let ana = stage.guest("ana");
    let say = |text: &str| assert_eq!(ana.call(post("/api/messages", &json!({ "text": text }))).status, 201);
    say("one");
    for path in ["/api/messages", "/api/rooms/lobby/messages"] {
        let first = stage.call(get(path));
        assert_eq!(first.header("cache-control"), Some("private, no-cache"));
        let tag = first.header("etag").unwrap().to_string();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let same = stage.call(get(path).header("if-none-match", &known));
            assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(tag.as_str())));
            assert!(same.header("x-last-seq").is_some());
            dressed(&same);
        }
        say("and more");
        let other = stage.call(get(path).header("if-none-match", &tag));
        assert_eq!(other.status, 200);
        assert_ne!(other.header("etag"), Some(tag.as_str()));
    }
    // Another server counts from the start again; what it says is something else.
    let other = Stage::start();
    let budi = other.guest("budi");
    assert_eq!(budi.call(post("/api/messages", &json!({"text": "other"}))).status, 201);
    let of = |stage: &Stage, seq: &str| {
        let reply = stage.call(get("/api/messages"));
        assert_eq!(reply.header("x-last-seq"), Some(seq));
        reply.header("etag").unwrap().to_string()
    };
    say("x");
    let (mine, theirs) = (of(&stage, "4"), of(&other, "1"));
    assert_ne!(mine.replace(":4:", ":1:"), theirs);
}

#[test]
fn other_sites_may_do_what_they_are_allowed_and_no_more() {
    let allowed = "https://friend.example";
    let stage = Stage::with(quick(), WebConfig { origins: vec![allowed.into()], ..WebConfig::default() });
    let own = format!("http://{}", stage.addr());
    let user = |name: &str, origin: &str| post("/api/users", &json!({ "name": name })).header("origin", origin);
    assert_eq!(stage.call(user("ana", &own)).status, 201);
    let friend = stage.call(user("budi", allowed));
    assert_eq!((friend.status, friend.header("access-control-allow-origin")), (201, Some(allowed)));
    assert_eq!(friend.header("access-control-allow-credentials"), Some("true"));
    assert!(friend.header("access-control-expose-headers").is_some_and(|all| all.contains("x-last-seq")));
    for evil in
        ["https://evil.example", "http://friend.example", "https://friend.example.evil.example", "null", "garbage"]
    {
        let reply = stage.call(user("eve", evil));
        assert_eq!((reply.problem().as_str(), reply.header("access-control-allow-origin")), ("foreign-origin", None));
        assert_eq!(stage.call(get("/api/messages").header("origin", evil)).header("access-control-allow-origin"), None);
        match Ws::with(stage.addr(), &[("origin", evil.to_string())]) {
            Err(error) => assert!(error.to_string().contains("403"), "{error}"),
            Ok(_) => panic!("a page of {evil} opened a WebSocket"),
        }
    }
    for origin in [own.as_str(), allowed] {
        assert!(Ws::with(stage.addr(), &[("origin", origin.to_string())]).is_ok(), "{origin}");
    }
    let preflight = |origin: &str| {
        let asks = call("OPTIONS", "/api/messages").header("origin", origin);
        let asks = asks.header("access-control-request-method", "POST");
        stage.call(asks.header("access-control-request-headers", "content-type, idempotency-key"))
    };
    let yes = preflight(allowed);
    assert_eq!((yes.status, yes.header("access-control-allow-origin")), (200, Some(allowed)));
    assert!(yes.header("access-control-allow-headers").is_some_and(|all| all.contains("idempotency-key")));
    dressed(&yes);
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);
    // Where no site is allowed, none is.
    let closed = Stage::start();
    assert_eq!(closed.call(user("ana", allowed)).problem(), "foreign-origin");
}

#[test]
fn a_closed_room_is_closed_on_every_path() {
    let stage = Stage::start();
    let (budi, mut page) = stage.page("budi");
    let ana = stage.guest("ana");
    for line in ["/join #club", "/topic #club secret plans", "/mode #club +k sesame"] {
        page.send(&json!({"type": "Command", "line": line, "room": "club"}));
        page.settle();
    }
    let said = budi.call(post("/api/messages", &json!({"text": "secret", "room": "club"})));
    assert_eq!(said.status, 201, "{}", said.text());
    let (id, place) = (said.json()["id"].as_str().unwrap().to_string(), said.header("location").unwrap().to_string());
    let paths = ["/api/messages?room=club", "/api/messages?room=CLUB", "/api/rooms/club/messages", place.as_str()];
    for path in paths {
        for reply in [stage.call(get(path)), ana.call(get(path))] {
            assert_eq!(reply.problem(), "room-closed", "{path}");
            assert!(!reply.text().contains("secret"), "{path}");
        }
        assert_eq!(budi.call(get(path)).status, 200, "{path}");
    }
    assert_eq!(ana.call(get(&format!("/api/messages?around={id}"))).problem(), "no-such-message");
    for path in ["/api/rooms", "/api/users", &format!("/api/users/{}", budi.id), "/api/messages"] {
        let text = ana.call(get(path)).text();
        assert!(!text.contains("secret"), "{path}: {text}");
        assert!(path == "/api/rooms" || !text.contains("club"), "{path}: {text}");
        assert!(path == "/api/messages" || budi.call(get(path)).text().contains("club"), "{path}");
    }
    page.send(&json!({"type": "Command", "line": "/mode +i", "room": "club"}));
    page.settle();
    assert!(!ana.call(get("/api/rooms")).text().contains("club"));
    // The last one leaves, and it is as if it had never been.
    page.send(&json!({"type": "Command", "line": "/part #club"}));
    page.settle();
    eventually("forgotten", || budi.call(get("/api/rooms/club/messages")), |reply| reply.status == 404);
    assert_eq!(budi.call(get(&place)).problem(), "no-such-message");
}

#[test]
fn what_is_said_at_the_last_moment_in_a_closed_room_does_not_come_back() {
    let stage = Stage::start();
    let (budi, mut page) = stage.page("budi");
    for round in 0..25 {
        let room = format!("club{round}");
        for line in [format!("/join #{room}"), format!("/mode #{room} +i")] {
            page.send(&json!({"type": "Command", "line": line, "room": room}));
        }
        page.settle();
        page.send(&json!({"type": "Send", "ref": 1, "room": room, "text": "secret"}));
        page.send(&json!({"type": "Command", "ref": 2, "line": format!("/part #{room}")}));
        let ack = page.until(&json!({"type": "Ack", "ref": 1}));
        page.until(&json!({"type": "Ack", "ref": 2}));
        let path = format!("/api/rooms/{room}/messages");
        eventually("forgotten", || budi.call(get(&path)), |reply| reply.status == 404);
        let message = format!("/api/messages/{}", ack["id"].as_str().unwrap());
        assert_eq!(budi.call(get(&message)).problem(), "no-such-message");
        assert_eq!(budi.call(get(&path)).problem(), "no-such-room");
    }
}

#[test]
fn a_new_room_counts_on_from_what_was_forgotten() {
    let stage = Stage::start();
    let (_, mut page) = stage.page("budi");
    let mut command = |line: &str, room: &str| {
        page.send(&json!({"type": "Command", "ref": 1, "line": line, "room": room}));
        page.settle()
    };
    command("/join #one", "one");
    command("/mode +i", "one");
    (0..3).for_each(|i| drop(command(&format!("line {i}"), "one")));
    command("/part #one", "one");
    let frames = eventually(
        "the number",
        || {
            let frames = command("/join #two", "two");
            command("/part #two", "two");
            frames
        },
        |frames| frames.iter().any(|frame| frame["room"]["last_seq"] == 3),
    );
    assert_eq!(frames[0]["type"], "RoomEntered");
    command("/join #two", "two");
    let said = command("hi", "two");
    let message = said.iter().find(|frame| frame["type"] == "Message").expect("it was said");
    assert_eq!(message["seq"], 4);
}

#[test]
fn an_operator_has_a_room_forgotten_by_a_call() {
    let stage = operator_stage();
    let (ana, mut page) = stage.page("ana");
    page.send(&json!({"type": "Command", "line": "/join #club"}));
    page.settle();
    assert_eq!(ana.call(post("/api/messages", &json!({"text": "hello", "room": "club"}))).status, 201);
    let forget = |room: &str| stage.call(post("/api/admin/forget", &json!({"room": room})).bearer(KEY));
    assert_eq!(forget("nowhere").problem(), "no-such-room");
    assert_eq!(forget("lobby").problem(), "bad-argument");
    assert_eq!(stage.call(post("/api/admin/forget", &json!({"room": "club"}))).problem(), "operator-key-missing");
    assert_eq!(forget("CLUB").status, 204);
    page.until(&json!({"type": "RoomLeft", "room": "club"}));
    eventually("forgotten", || ana.call(get("/api/rooms/club/messages")), |reply| reply.status == 404);
    let audit = stage.call(get("/api/admin/audit").bearer(KEY)).json();
    assert_eq!((&audit["acts"][0]["what"], &audit["acts"][0]["room"]), (&json!("forget"), &json!("club")));
}
