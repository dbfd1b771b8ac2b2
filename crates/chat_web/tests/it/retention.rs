//! How long a room keeps what is said, by REST.

use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::admin::{signed_in, token};
use crate::kit::{Call, MemoryStore, Setup, Stage, call, get, quick};

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
