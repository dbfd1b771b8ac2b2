//! Push by REST: who is told, and whether the user sees the page. The sender is the test's own.

use std::sync::mpsc;

use chat_server::features::calls::{Call as RouterCall, PushCall};
use chat_server::features::push::{Notice, Sender};
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kit::{Call, DEADLINE, Guest, MemoryStore, Setup, Stage, call, get, post, quick};

const PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn stage() -> Stage {
    let accounts = ["ani", "budi"].map(|name| (name, "correct-horse", Role::Member));
    let kept = Some((MemoryStore::from_iter(accounts), Policy::default()));
    Stage::with(Setup { kept, ..quick().into() }, WebConfig::default())
}

/// What the sender is told.
fn sender(stage: &Stage) -> mpsc::Receiver<Notice> {
    let (told, notices) = mpsc::channel();
    let courier = Box::new(move |notice| drop(told.send(notice)));
    let sender = Sender { courier, key: "the-key".into(), inside: false };
    stage.server().handle().send(RouterCall::Push(PushCall::Attach(sender)).into());
    notices
}

fn signed_in(stage: &Stage, name: &str) -> Guest {
    let reply = stage.call(post("/api/session", &json!({ "name": name, "password": "correct-horse" })));
    let token = reply.json()["token"].as_str().expect("a token").to_string();
    Guest { addr: stage.addr(), id: String::new(), token }
}

fn put(body: &Value) -> Call {
    let body = body.to_string();
    let length = body.len().to_string();
    call("PUT", "/api/me/push")
        .header("content-type", "application/json")
        .header("content-length", &length)
        .body(body.as_str())
}

fn browser(endpoint: &str) -> Value {
    json!({ "endpoint": endpoint, "expirationTime": null, "keys": { "p256dh": PUBLIC, "auth": AUTH }, "words": true, "lang": "id" })
}

fn text_of(notices: &mpsc::Receiver<Notice>) -> String {
    match notices.recv_timeout(DEADLINE).expect("a notice") {
        Notice::Push(push) => push.text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_browser_is_told_until_its_user_ends_that() {
    let stage = stage();
    let notices = sender(&stage);
    let ani = signed_in(&stage, "ani");
    assert_eq!(ani.call(get("/api/me/push")).json(), json!({ "key": "the-key", "subscriptions": [] }));
    let kept = ani.call(put(&browser("https://push.example.org/secret")));
    assert_eq!(kept.status, 200);
    let kept = kept.json();
    assert_eq!(
        (&kept["number"], &kept["service"], &kept["words"], &kept["rooms"], &kept["lang"]),
        (&json!(1), &json!("https://push.example.org"), &json!(true), &json!(false), &json!("id"))
    );
    assert_eq!(
        ani.call(get("/api/me/push")).json()["subscriptions"],
        json!([kept]),
        "its endpoint is shown to no user"
    );
    assert!(matches!(notices.recv_timeout(DEADLINE), Ok(Notice::Made(made)) if made.account.as_str() == "ani"));
    let budi = signed_in(&stage, "budi");
    assert_eq!(budi.call(call("DELETE", "/api/me/push/1")).status, 404, "it is ani's");
    assert_eq!(ani.call(call("DELETE", "/api/me/push/1")).status, 204);
    assert!(matches!(notices.recv_timeout(DEADLINE), Ok(Notice::Ended(1))));
    assert_eq!(ani.call(call("DELETE", "/api/me/push/1")).status, 404);
}

#[test]
fn who_sees_the_page_on_one_device_is_told_on_none() {
    let stage = stage();
    let notices = sender(&stage);
    let (ani, budi) = (signed_in(&stage, "ani"), signed_in(&stage, "budi"));
    assert_eq!(ani.call(put(&browser("https://push.example.org/x"))).status, 200);
    assert!(matches!(notices.recv_timeout(DEADLINE), Ok(Notice::Made(_))));
    let say = |text: &str| assert_eq!(budi.call(post("/api/messages", &json!({ "text": text }))).status, 201);
    let (mut laptop, mut phone) = (ani.connect(), signed_in(&stage, "ani").connect());
    let mut sees = |laptop_sees: Option<bool>, phone_sees: bool| {
        if let Some(visible) = laptop_sees {
            laptop.send(&json!({ "type": "Sight", "visible": visible }));
            laptop.send(&json!({ "type": "Command", "ref": 5, "line": "/rooms" }));
            laptop.until(&json!({ "type": "Ack", "ref": 5 }));
        }
        phone.send(&json!({ "type": "Sight", "visible": phone_sees }));
        phone.send(&json!({ "type": "Command", "ref": 6, "line": "/rooms" }));
        phone.until(&json!({ "type": "Ack", "ref": 6 }));
    };
    sees(None, false);
    say("@ani no page is in sight");
    assert_eq!(text_of(&notices), "@ani no page is in sight");
    sees(Some(true), false);
    say("@ani the laptop shows it");
    sees(Some(true), true);
    say("@ani both show it");
    sees(Some(false), true);
    say("@ani the phone shows it");
    sees(Some(false), false);
    say("@ani no page shows it");
    assert_eq!(text_of(&notices), "@ani no page shows it");
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let stage = stage();
    let ani = signed_in(&stage, "ani");
    let reply = ani.call(get("/api/me/push"));
    assert_eq!((reply.status, reply.problem().as_str()), (501, "no-store"), "there is no sender");
    assert_eq!(ani.call(put(&browser("https://push.example.org/x"))).status, 501);
    let _notices = sender(&stage);
    let guest = stage.guest("citra");
    for call in [get("/api/me/push"), put(&browser("https://push.example.org/x")), call("DELETE", "/api/me/push/1")] {
        let reply = guest.call(call.clone());
        assert_eq!((reply.status, reply.problem().as_str()), (401, "not-signed-in"));
        assert_eq!(stage.call(call).problem(), "not-signed-on");
    }
    for endpoint in ["http://push.example.org/x", "https://127.0.0.1/x", "https://localhost/x", "ftp://x", ""] {
        assert_eq!(ani.call(put(&browser(endpoint))).status, 422, "{endpoint}");
    }
    let mut wrong = browser("https://push.example.org/x");
    wrong["keys"]["auth"] = json!("short");
    assert_eq!(ani.call(put(&wrong)).status, 422);
    assert_eq!(ani.call(get("/api/me/push")).json()["subscriptions"], json!([]));
}

#[test]
fn who_asks_again_and_again_what_is_their_own_is_told_when_to_come_again() {
    for path in [
        "/api/me/push",
        "/api/me/rooms",
        "/api/me/preferences",
        "/api/me/preferences/lang",
        "/api/rooms/lobby/retention",
        "/api/talks",
    ] {
        let mut config = quick();
        (config.read_burst, config.reads_per_second) = (3, 0.01);
        let accounts = [("ani", "correct-horse", Role::Member)];
        let kept = Some((MemoryStore::from_iter(accounts), Policy::default()));
        let stage = Stage::with(Setup { kept, ..config.into() }, WebConfig::default());
        let _notices = sender(&stage);
        let ani = signed_in(&stage, "ani");
        for _ in 0..3 {
            assert_eq!(ani.call(get(path)).status, 200, "{path}");
        }
        let refused = ani.call(get(path));
        assert_eq!((refused.status, refused.problem().as_str()), (429, "too-fast"), "{path}");
        assert!(refused.header("retry-after").is_some(), "{path}");
    }
}
