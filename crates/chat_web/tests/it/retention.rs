//! How long a room keeps what is said, by REST.

use chat_server::features::archive::store::Report;
use chat_server::features::calls::Call as RouterCall;
use chat_server::model::names::RoomName;
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::admin::{signed_in, token};
use crate::kit::{Call, MemoryStore, Setup, Stage, call, eventually, get, quick};

const PATH: &str = "/api/rooms/tea/retention";

fn put(body: &Value) -> Call {
    call("PUT", PATH).header("content-type", "application/json").body(body.to_string())
}

#[test]
fn an_operator_of_the_room_sets_it_and_all_who_read_there_see_it() {
    let memory =
        MemoryStore::from_iter([("root", "correct-horse", Role::Admin), ("ani", "correct-horse", Role::Member)]);
    let kept = Some((memory.clone(), Policy::default()));
    let stage = Stage::with(Setup { kept, ..quick().into() }, WebConfig::default());
    let ani = token(&signed_in(&stage, "ani"));
    assert_eq!(stage.call(get(PATH).bearer(&ani)).problem(), "no-such-room");
    let enter = call("PUT", "/api/me/rooms/tea").header("content-length", "0").bearer(&ani);
    assert_eq!(stage.call(enter).status, 204);
    let mut line = stage.line("eka");
    line.send("JOIN:#tea");
    line.until("* OK JOIN ...");
    let days = |bearer: &str| stage.call(get(PATH).bearer(bearer)).json();
    assert_eq!(days(&ani), json!({ "days": null }));
    assert_eq!(stage.call(put(&json!({ "days": 30 })).bearer(&ani)).status, 204);
    line.until("* NOTE #tea: ani set that what is said here is kept for 30 days.");
    let budi = stage.guest("budi");
    assert_eq!(budi.call(get(PATH)).json(), json!({ "days": 30 }));
    assert_eq!(budi.call(put(&json!({ "days": 7 }))).problem(), "not-room-op");
    assert_eq!(stage.call(put(&json!({ "days": 7 }))).problem(), "not-signed-on");
    let root = token(&signed_in(&stage, "root"));
    assert_eq!(stage.call(put(&json!({ "days": null })).bearer(&root)).status, 204);
    assert_eq!(days(&ani), json!({ "days": null }));
    for wrong in [json!({ "days": 0 }), json!({ "days": 36_501 }), json!({ "days": "30" }), json!({})] {
        assert_eq!(stage.call(put(&wrong).bearer(&ani)).status, 422, "{wrong}");
    }
    let acts: Vec<String> = memory.acts().iter().map(|act| format!("{} {} {}", act.by, act.what, act.detail)).collect();
    assert_eq!(acts, ["ani retain 30d", "root retain off"]);
}

#[test]
fn a_server_that_keeps_nothing_says_so() {
    let stage = Stage::start();
    let budi = stage.guest("budi");
    assert_eq!(budi.call(get("/api/rooms/lobby/retention")).status, 501);
    assert_eq!(budi.call(put(&json!({ "days": 7 }))).status, 501);
}

/// What the store has deleted for good, by `/retain` or by the server's own settings, is nowhere in this door's memory either.
#[test]
fn what_is_too_old_is_gone_from_the_memory_of_the_page() {
    let stage = Stage::start();
    let (ana, mut page) = stage.page("ana");
    let mut line = stage.line("eka");
    for number in 1..=5 {
        line.send(&format!("line {number}"));
    }
    line.settle();
    page.until(&json!({ "type": "Message", "text": "line 5" }));
    let list = || stage.call(get("/api/messages?room=lobby")).json();
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().expect("messages").iter().map(|message| message["text"].to_string()).collect()
    };
    let all = list();
    assert_eq!(texts(&all).len(), 5);
    let first = format!("/api/messages/{}", all[0]["id"].as_str().expect("an id"));
    assert_eq!(stage.call(get(&first)).status, 200);
    let purged = Report::Purged(vec![(RoomName::lobby(), 4)]);
    stage.server().handle().send(RouterCall::Store(purged).into());
    eventually("the first is gone", || stage.call(get(&first)).status, |status| *status == 404);
    assert_eq!(texts(&list()), ["\"line 4\"", "\"line 5\""]);
    // Nor does a page that was away get it.
    let mut again = ana.connect();
    again.send(&json!({ "type": "Resume", "ref": 1, "rooms": { "lobby": 0 } }));
    let next = again.until(&json!({ "type": "Message" }));
    assert_eq!(next["text"], "line 4");
}
