//! The rooms of an account by REST: what is unread, how far each is read, and who mentioned the user.

use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kit::{Call, Guest, MemoryStore, Setup, Stage, call, eventually, get, post, quick};

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

fn put(path: &str, body: &str) -> Call {
    let length = body.len().to_string();
    call("PUT", path).header("content-type", "application/json").header("content-length", &length).body(body)
}

fn say(guest: &Guest, text: &str) {
    assert_eq!(guest.call(post("/api/messages", &json!({ "text": text }))).status, 201);
}

fn lobby(guest: &Guest) -> Value {
    guest.call(get("/api/me/rooms")).json()[0].clone()
}

#[test]
fn what_is_unread_and_who_mentioned_one_is_asked_by_rest_and_read_for_all_devices() {
    let stage = stage();
    let (ani, budi) = (signed_in(&stage, "ani"), signed_in(&stage, "budi"));
    for text in ["one", "ani: two", "@ani three"] {
        say(&budi, text);
    }
    let row = json!({ "id": "lobby", "unread": 3, "read_seq": 0, "last_seq": 3, "mentions": 2, "notify": "all", "muted": false });
    assert_eq!(lobby(&ani), row);
    assert_eq!(lobby(&budi)["unread"], 0, "who speaks has read");
    let page = ani.call(get("/api/mentions?limit=1")).json();
    assert_eq!(page["messages"][0]["text"], "@ani three");
    let older = ani.call(get(&format!("/api/mentions?before={}", page["before"]))).json();
    assert_eq!((&older["messages"][0]["text"], &older["before"]), (&json!("ani: two"), &Value::Null));
    assert_eq!(budi.call(get("/api/mentions")).json()["messages"], json!([]));

    // Another device of the account, and the socket of this session, hear of it.
    let mut socket = ani.connect();
    let mut phone = signed_in(&stage, "ani").connect();
    let read = ani.call(put("/api/rooms/lobby/read", r#"{"seq":2}"#));
    assert_eq!((read.status, &read.json()["unread"], &read.json()["mentions"]), (200, &json!(1), &json!(1)));
    for device in [&mut socket, &mut phone] {
        device.until(&json!({ "type": "Read", "room": "lobby", "seq": 2 }));
    }
    // A direct talk as well, by a frame of any of them.
    let said = budi.call(post("/api/messages", &json!({ "room": "@ani", "text": "psst" })));
    assert_eq!(said.status, 201, "{}", said.text());
    socket.send(&json!({ "type": "Read", "room": "@budi", "seq": 99 }));
    for device in [&mut socket, &mut phone] {
        device.until(&json!({ "type": "Read", "room": "@ani+budi", "seq": 1 }));
    }
    // It moves forward only, and not past the end.
    assert_eq!(ani.call(put("/api/rooms/%23lobby/read", r#"{"seq":1}"#)).json()["read_seq"], 2);
    assert_eq!(ani.call(put("/api/rooms/lobby/read", r#"{"seq":99}"#)).json()["read_seq"], 3);
    assert_eq!(ani.call(put("/api/rooms/lobby/read", "null")).json()["read_seq"], 3);
    say(&budi, "four");
    let read =
        eventually("the end", || ani.call(put("/api/rooms/lobby/read", "")).json(), |room| room["read_seq"] == 4);
    assert_eq!(read["unread"], 0);
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let stage = stage();
    let guest = stage.guest("citra");
    for call in [get("/api/me/rooms"), get("/api/mentions"), put("/api/rooms/lobby/read", "")] {
        let reply = guest.call(call.clone());
        assert_eq!((reply.status, reply.problem().as_str()), (401, "not-signed-in"));
        assert_eq!(stage.call(call).problem(), "not-signed-on");
    }
    let ani = signed_in(&stage, "ani");
    for (path, body, problem) in [
        ("/api/rooms/nowhere/read", "", "not-in-room"),
        ("/api/rooms/a.b/read", "", "no-such-room"),
        ("/api/rooms/lobby/read", "{", "bad-json"),
        ("/api/rooms/lobby/read", r#"{"seq":-1}"#, "wrong-fields"),
    ] {
        assert_eq!(ani.call(put(path, body)).problem(), problem, "{path} {body}");
    }
    assert_eq!(ani.call(get("/api/mentions?limit=0")).status, 400);
    let nothing_kept = Stage::start();
    let ani = nothing_kept.guest("ani");
    assert_eq!(ani.call(get("/api/me/rooms")).status, 501);
    assert_eq!(ani.call(put("/api/rooms/lobby/read", "")).status, 501);
}

/// Also those that are offline, and the same for a guest; nothing of a room that one may not read.
#[test]
fn the_members_of_a_room_are_listed_for_all_who_may_read_it() {
    let stage = stage();
    let enter = |guest: &Guest| guest.call(call("PUT", "/api/me/rooms/tea").header("content-length", "0")).status;
    let (ani, budi) = (signed_in(&stage, "ani"), signed_in(&stage, "budi"));
    assert_eq!((enter(&ani), enter(&budi)), (204, 204));
    assert_eq!(budi.call(call("DELETE", "/api/me")).status, 204);
    let path = "/api/rooms/tea/members";
    let listed = json!([{ "name": "ani", "online": true }, { "name": "budi", "online": false }]);
    eventually("budi is offline", || ani.call(get(path)).json(), |told| *told == listed);
    let guest = stage.guest("dewi");
    assert_eq!(guest.call(get("/api/rooms/%23tea/members")).json(), listed);
    assert_eq!(stage.call(get(path)).problem(), "not-signed-on");
    assert_eq!(guest.call(get("/api/rooms/nowhere/members")).problem(), "no-such-room");
    // By a frame: the items of the answer.
    let mut socket = ani.connect();
    socket.send(&json!({ "type": "Command", "ref": 5, "line": "/members #tea", "room": "lobby" }));
    socket.until(&json!({ "type": "Ack", "ref": 5, "what": "MEMBERS", "items": listed }));
    socket.send(&json!({ "type": "Command", "ref": 6, "line": "/mode #tea +i", "room": "lobby" }));
    socket.until(&json!({ "type": "Ack", "ref": 6 }));
    let refused = guest.call(get(path));
    assert_eq!((refused.status, refused.problem().as_str()), (403, "invite-only"));
    crate::openapi::declared(&get(path), &refused);
    let nothing = Stage::start();
    let refused = nothing.guest("ani").call(get("/api/rooms/lobby/members"));
    assert_eq!((refused.status, refused.problem().as_str()), (501, "no-store"));
}
