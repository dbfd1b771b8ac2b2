//! What an account prefers, by REST and by frames: one's other devices are told at once, and the language is that of the account.

use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kit::{Call, Guest, MemoryStore, Setup, Stage, Ws, call, get, post, quick};

fn stage() -> Stage {
    let accounts = ["ani", "budi"].map(|name| (name, "correct-horse", Role::Member));
    let kept = Some((MemoryStore::from_iter(accounts), Policy::default()));
    Stage::with(Setup { kept, ..quick().into() }, WebConfig::default())
}

/// A session of an account.
fn signed_in(stage: &Stage, name: &str) -> Guest {
    let reply = stage.call(post("/api/session", &json!({ "name": name, "password": "correct-horse" })));
    let token = reply.json()["token"].as_str().expect("a token").to_string();
    Guest { addr: stage.addr(), id: String::new(), token }
}

fn put(key: &str, body: &str) -> Call {
    let length = body.len().to_string();
    let call = call("PUT", &format!("/api/me/preferences/{key}"));
    call.header("content-type", "application/json").header("content-length", &length).body(body)
}

fn set(guest: &Guest, key: &str, value: &str) -> Value {
    let reply = guest.call(put(key, &json!({ "value": value }).to_string()));
    assert_eq!(reply.status, 200, "{key}");
    reply.json()
}

fn all(guest: &Guest) -> Value {
    guest.call(get("/api/me/preferences")).json()
}

#[test]
fn a_preference_is_set_read_and_taken_back_and_other_devices_hear_of_it() {
    let stage = stage();
    let ani = signed_in(&stage, "ani");
    assert_eq!(all(&ani), json!({}));
    let (mut tab, mut phone) = (ani.connect(), signed_in(&stage, "ani").connect());
    assert_eq!(set(&ani, "page.theme", "dark"), json!({ "key": "page.theme", "value": "dark" }));
    assert_eq!(set(&ani, "draft.@budi", "one\ntwo")["key"], "draft.@ani+budi");
    for device in [&mut tab, &mut phone] {
        device.until(&json!({ "type": "Preference", "key": "page.theme", "value": "dark" }));
        device.until(&json!({ "type": "Preference", "key": "draft.@ani+budi", "value": "one\ntwo" }));
    }
    assert_eq!(all(&ani), json!({ "page.theme": "dark", "draft.@ani+budi": "one\ntwo" }));
    assert_eq!(ani.call(get("/api/me/preferences/page.theme")).json()["value"], "dark");
    assert_eq!(ani.call(get("/api/me/preferences/draft.@budi")).json()["value"], "one\ntwo");
    assert_eq!(ani.call(call("DELETE", "/api/me/preferences/page.theme")).status, 204);
    tab.until(&json!({ "type": "Preference", "key": "page.theme", "value": null }));
    assert_eq!(ani.call(call("DELETE", "/api/me/preferences/page.theme")).status, 204);
    assert_eq!(ani.call(get("/api/me/preferences/page.theme")).json()["value"], Value::Null);
    // They are the account's alone.
    assert_eq!(all(&signed_in(&stage, "budi")), json!({}));
}

#[test]
fn a_frame_sets_a_preference_and_its_own_socket_gets_an_ack_alone() {
    let stage = stage();
    let ani = signed_in(&stage, "ani");
    let (mut tab, mut other) = (ani.connect(), ani.connect());
    let mut phone = signed_in(&stage, "ani").connect();
    for socket in [&mut tab, &mut other, &mut phone] {
        socket.settle();
    }
    tab.send(&json!({ "type": "SetPreference", "ref": 1, "key": "draft.lobby", "value": "halo" }));
    for socket in [&mut other, &mut phone] {
        socket.until(&json!({ "type": "Preference", "key": "draft.lobby", "value": "halo" }));
    }
    tab.until(&json!({ "type": "Ack", "ref": 1 }));
    tab.send(&json!({ "type": "SetPreference", "ref": 2, "key": "draft.lobby", "value": "" }));
    phone.until(&json!({ "type": "Preference", "key": "draft.lobby", "value": null }));
    tab.until(&json!({ "type": "Ack", "ref": 2 }));
    tab.send(&json!({ "type": "SetPreference", "ref": 3, "key": "Theme", "value": "x" }));
    tab.until(&json!({ "type": "Error", "ref": 3, "code": "bad-argument" }));
    assert_eq!(all(&ani), json!({}));
}

#[test]
fn what_cannot_be_preferred_is_refused_in_words() {
    let stage = stage();
    let guest = stage.guest("citra");
    for call in
        [get("/api/me/preferences"), put("theme", r#"{"value":"x"}"#), call("DELETE", "/api/me/preferences/theme")]
    {
        let reply = guest.call(call.clone());
        assert_eq!((reply.status, reply.problem().as_str()), (401, "not-signed-in"));
        assert_eq!(stage.call(call).problem(), "not-signed-on");
    }
    let mut socket = guest.connect();
    socket.send(&json!({ "type": "SetPreference", "ref": 1, "key": "theme", "value": "x" }));
    socket.until(&json!({ "type": "Error", "ref": 1, "code": "not-signed-in" }));
    let ani = signed_in(&stage, "ani");
    for (key, body, status, problem) in [
        ("Theme", r#"{"value":"x"}"#, 422, "bad-argument"),
        ("lang", r#"{"value":"fr"}"#, 422, "bad-argument"),
        ("draft.a.b", r#"{"value":"x"}"#, 404, "no-such-room"),
        ("theme", "{", 400, "bad-json"),
    ] {
        let reply = ani.call(put(key, body));
        assert_eq!((reply.status, reply.problem().as_str()), (status, problem), "{key} {body}");
    }
    let long = json!({ "value": vec!["x".repeat(1_000); 17].join("\n") }).to_string();
    assert_eq!(ani.call(put("draft.lobby", &long)).status, 413);
    let nothing_kept = Stage::start();
    let ani = nothing_kept.guest("ani");
    assert_eq!(ani.call(get("/api/me/preferences")).status, 501);
    assert_eq!(ani.call(put("theme", r#"{"value":"x"}"#)).status, 501);
}

/// What a socket reads for a room that there is not.
fn refusal(socket: &mut Ws) -> String {
    socket.send(&json!({ "type": "Send", "ref": 9, "room": "nowhere", "text": "hello" }));
    socket.until(&json!({ "type": "Error", "ref": 9 }))["title"].as_str().expect("words").to_string()
}

#[test]
fn the_language_is_what_is_asked_for_then_the_accounts_then_what_the_browser_accepts() {
    let stage = stage();
    let ani = signed_in(&stage, "ani");
    let mut tab = ani.connect();
    tab.settle();
    assert!(refusal(&mut tab).starts_with("There is no room"));
    // It is the account's from now on, on all devices at once, and at the next sign-in.
    tab.send(&json!({ "type": "SetLanguage", "ref": 1, "lang": "id" }));
    tab.until(&json!({ "type": "Ack", "ref": 1 }));
    let english = "There is no room";
    assert!(!refusal(&mut tab).starts_with(english));
    assert_eq!(all(&ani), json!({ "lang": "id" }));
    let phone = signed_in(&stage, "ani");
    let mut socket = phone.connect();
    assert!(!refusal(&mut socket).starts_with(english));
    // Answers and notices, too.
    socket.send(&json!({ "type": "Command", "ref": 2, "line": "/away" }));
    let back = socket.until(&json!({ "type": "Ack", "ref": 2 }));
    assert_eq!(back["text"], "Anda kembali.");
    let with = |path: &str| {
        let headers = [("authorization", format!("Bearer {}", phone.token)), ("accept-language", "id".to_string())];
        Ws::at(stage.addr(), path, &headers).expect("the door is open")
    };
    assert!(refusal(&mut with("/ws?lang=en")).starts_with(english), "it is asked for");
    tab.send(&json!({ "type": "SetLanguage", "ref": 3, "lang": "en" }));
    tab.until(&json!({ "type": "Ack", "ref": 3 }));
    assert!(refusal(&mut with("/ws")).starts_with(english), "it is the account's");
    let guest = stage.guest("citra");
    let mut socket = guest.connect();
    socket.send(&json!({ "type": "SetLanguage", "ref": 4, "lang": "id" }));
    socket.until(&json!({ "type": "Ack", "ref": 4 }));
    assert!(!refusal(&mut socket).starts_with(english), "a guest's is that of the session");
    socket.send(&json!({ "type": "SetLanguage", "ref": 5, "lang": "fr" }));
    socket.until(&json!({ "type": "Error", "ref": 5, "code": "bad-argument" }));
}

#[test]
fn a_notice_is_in_the_readers_language() {
    let stage = stage();
    let (ani, budi) = (signed_in(&stage, "ani"), signed_in(&stage, "budi"));
    let (mut indonesian, mut english) = (ani.connect(), budi.connect());
    indonesian.send(&json!({ "type": "SetLanguage", "ref": 1, "lang": "id" }));
    indonesian.until(&json!({ "type": "Ack", "ref": 1 }));
    english.send(&json!({ "type": "Command", "ref": 1, "line": "/join #den" }));
    english.until(&json!({ "type": "Ack", "ref": 1 }));
    english.send(&json!({ "type": "Command", "ref": 2, "line": "/invite ani #den" }));
    english.until(&json!({ "type": "Ack", "ref": 2 }));
    let notice = indonesian.until(&json!({ "type": "Invited", "room": "den" }));
    let words = notice["text"].as_str().expect("words");
    assert!(words.starts_with("budi mengundang Anda ke #den"), "{words}");
}

#[test]
fn what_this_door_itself_refuses_is_in_the_readers_language() {
    let stage = stage();
    let in_indonesian = |call: Call| stage.call(call.header("accept-language", "id, en;q=0.5"));
    for (path, title, detail) in [
        ("/api/nowhere", "Tidak ada apa-apa di alamat ini", "Tidak ada apa-apa di alamat ini. GET /api/openapi.json"),
        ("/api/me", "Tidak ada pengguna yang masuk", "Masuk dulu: POST /api/users dengan {\"name\":\"…\"} memberi"),
        ("/api/messages?limit=0", "Permintaan tidak bisa dimengerti", "limit adalah angka dari 1 sampai 200."),
        ("/api/messages?limit=x", "Permintaan tidak bisa dimengerti", "Parameter di alamat tidak bisa dibaca: "),
        ("/api/admin/audit", "Ini untuk administrator", "Ini untuk administrator: masuk dengan akun admin"),
    ] {
        let reply = in_indonesian(get(path));
        let problem = reply.json();
        assert_eq!((&problem["title"], reply.header("content-language")), (&json!(title), Some("id")), "{path}");
        assert!(problem["detail"].as_str().is_some_and(|words| words.starts_with(detail)), "{path}: {problem}");
        assert_eq!(stage.call(get(path)).header("content-language"), Some("en"), "{path}");
    }
    let typed = |body: &str| call("POST", "/api/users").header("content-type", "application/json").body(body);
    let problem = in_indonesian(typed("{").header("content-length", "1")).json();
    assert!(
        problem["detail"].as_str().is_some_and(|words| words.starts_with("Isi permintaan bukan JSON")),
        "{problem}"
    );
    let problem = in_indonesian(typed("{\"x\":1}").header("content-length", "7")).json();
    for words in [&problem["detail"], &problem["errors"][0]["detail"]] {
        assert!(words.as_str().is_some_and(|words| words.starts_with("Isi JSON tidak punya kolom")), "{problem}");
    }
    let page = in_indonesian(get("/problems/no-such-room")).text();
    assert!(page.contains("<html lang=\"id\">") && page.contains("Tidak ada ruang seperti itu"), "{page}");

    // What the account has chosen goes before what the browser asks for.
    let ani = signed_in(&stage, "ani");
    set(&ani, "lang", "id");
    let limit = || get("/api/messages?limit=0").header("accept-language", "en");
    assert_eq!(ani.call(limit()).json()["detail"], "limit adalah angka dari 1 sampai 200.");
    assert_eq!(stage.call(limit()).json()["detail"], "limit is a number from 1 to 200.");
    let mut socket = ani.connect();
    for (frame, title) in [
        (
            json!({ "type": "Nonsense", "ref": 1 }),
            "Tidak ada frame dengan jenis ini; docs/protocol.md menyebut semuanya.",
        ),
        (json!({ "type": "Send", "ref": 2, "room": 7, "text": "x" }), "Frame ini tidak bisa dibaca: "),
        (
            json!({ "type": "Send", "ref": 3, "room": "lobby", "text": "x", "cid": "short" }),
            "cid punya 16 sampai 64 huruf",
        ),
        (json!({ "type": "Command", "ref": 4, "line": "QUIT" }), "\"QUIT\" tidak cocok di sini."),
    ] {
        socket.send(&frame);
        let refused = socket.until(&json!({ "type": "Error", "ref": frame["ref"] }));
        assert!(refused["title"].as_str().is_some_and(|words| words.starts_with(title)), "{refused}");
    }
}

/// What an account shows: another user is told of it at once, and fetches the picture once.
#[test]
fn a_picture_is_fetched_by_who_is_signed_on_and_the_profile_is_told() {
    let stage = stage();
    let (ani, budi) = (signed_in(&stage, "ani"), signed_in(&stage, "budi"));
    let mut near = budi.connect();
    let mut own = ani.connect();
    let picture = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAYAAAA=";
    assert_eq!(set(&ani, "profile.status", "on the train")["value"], "on the train");
    near.until(&json!({ "type": "Feature", "kind": "PROFILE", "fields": ["ani"], "text": "on the train" }));
    set(&ani, "profile.picture", picture);
    let frame = near.until(&json!({ "type": "Feature", "kind": "PROFILE" }));
    let tag = frame["pairs"]["picture"].as_str().expect("a tag").to_string();
    own.until(&json!({ "type": "Preference", "key": "profile.picture", "value": picture }));
    near.send(&json!({ "type": "Command", "ref": 1, "line": "/profile ani" }));
    let items = near.until(&json!({ "type": "Ack", "ref": 1 }))["items"].clone();
    assert_eq!(items, json!([{ "account": "ani", "name": null, "status": "on the train", "picture": tag }]));

    let ask = get(&format!("/api/profiles/ani/picture?v={tag}"));
    let reply = budi.call(ask.clone());
    assert_eq!((reply.status, reply.header("content-type"), reply.body.len()), (200, Some("image/png"), 29));
    assert_eq!(reply.header("cache-control"), Some("private, max-age=31536000, immutable"));
    let etag = reply.header("etag").expect("a tag").to_string();
    assert_eq!(budi.call(ask.clone().header("if-none-match", &etag)).status, 304);
    assert_eq!(budi.call(get("/api/profiles/ani/picture")).header("cache-control"), Some("private, no-cache"));
    assert_eq!(budi.call(get("/api/profiles/budi/picture")).status, 404);
    assert_eq!(stage.call(ask).status, 401, "without a session");
    let too_wide = "iVBORw0KGgoAAAANSUhEUgAAAEEAAABACAYAAAA=";
    let wrong = ani.call(put("profile.picture", &json!({ "value": too_wide }).to_string()));
    assert_eq!(wrong.status, 422);
    assert_eq!(ani.call(call("DELETE", "/api/me/preferences/profile.picture")).status, 204);
    near.until(&json!({ "type": "Feature", "kind": "PROFILE", "pairs": {} }));
    assert_eq!(budi.call(get("/api/profiles/ani/picture")).status, 404);
}
