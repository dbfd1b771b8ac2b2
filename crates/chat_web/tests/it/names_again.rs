//! The next user of a name is another one: what was said under it before stays, and is not theirs to change.

use chat_server::config::Config;
use chat_server::model::names::RoomName;
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::json;

use crate::admin::{signed_in, token};
use crate::kit::{MemoryStore, Setup, Stage, TestClient, Ws, call, get, post, quick};

/// Memory has eight lines of a room, the store all of them.
fn stage(memory: &MemoryStore) -> Stage {
    let config = Config { history: 8, ..quick() };
    Stage::with(Setup { kept: Some((memory.clone(), Policy::default())), ..config.into() }, WebConfig::default())
}

#[track_caller]
fn does(client: &mut TestClient, line: &str) {
    client.send(line);
    loop {
        let heard = client.until("* ...");
        match heard.split(' ').nth(1) {
            Some("OK") => return,
            Some("ERR") => panic!("{line}: {heard}"),
            _ => {}
        }
    }
}

#[track_caller]
fn is_protected(client: &mut TestClient, verbs: &[&str]) {
    for verb in verbs {
        client.send(verb);
        let heard = client.until("* ERR 484 protected ...");
        assert!(heard.contains("who said it"), "{verb}: {heard}");
    }
}

/// The lines of the lobby with these words: whether an account signed each.
fn signed(stage: &Stage, words: &str) -> Vec<bool> {
    let page = stage.call(get("/api/rooms/lobby/messages?limit=100").bearer(&token(&signed_in(stage, "root")))).json();
    let messages = page["messages"].as_array().expect("messages").iter();
    let meant = messages.filter(|message| message["text"].as_str().is_some_and(|text| text.contains(words)));
    meant.map(|message| message["account"] == json!(true)).collect()
}

/// Lines in memory, and older ones that only the store has; also after a restart.
#[test]
fn who_registers_the_name_of_a_removed_account_cannot_change_its_lines() {
    let memory =
        MemoryStore::from_iter([("root", "correct-horse", Role::Admin), ("citra", "correct-horse", Role::Member)]);
    let first = stage(&memory);
    let mut citra = first.server().connect();
    does(&mut citra, "LOGIN:citra correct-horse");
    for number in 1..=12 {
        citra.send(&format!("old words {number}"));
        citra.settle();
    }
    does(&mut citra, "REACT:12 👍");
    assert_eq!(signed(&first, "old words"), [true; 12]);
    let root = token(&signed_in(&first, "root"));
    assert_eq!(first.call(call("DELETE", "/api/admin/accounts/citra").bearer(&root)).status, 204);
    let mut citra = first.server().connect();
    does(&mut citra, "JOIN:citra");
    does(&mut citra, "REGISTER:battery-staple");
    is_protected(&mut citra, &["EDIT:12 new", "EDIT:1 new", "DELETE:12", "DELETE:1"]);
    citra.send("my own words");
    citra.settle();
    does(&mut citra, "EDIT:14 my own words, corrected");
    assert_eq!((signed(&first, "old words"), signed(&first, "my own")), (vec![false; 12], vec![true]));
    drop((citra, first));
    let second = stage(&memory);
    let mut citra = second.server().connect();
    does(&mut citra, "LOGIN:citra battery-staple");
    is_protected(&mut citra, &["EDIT:12 new", "EDIT:1 new", "DELETE:12", "DELETE:1"]);
    does(&mut citra, "DELETE:14");
    // What is removed with the account is what it said itself.
    let root = token(&signed_in(&second, "root"));
    assert_eq!(second.call(call("DELETE", "/api/admin/accounts/citra?messages=true").bearer(&root)).status, 204);
    let kept = memory.lines(&RoomName::lobby());
    let words: String = kept.iter().map(|line| format!("{:?}", line.event)).collect();
    assert!(words.contains("old words 1\"") && words.contains("old words 12\""), "{words}");
}

/// A message that has the same `cid` as one of the user before is a new one.
#[test]
fn a_message_of_the_next_user_of_a_name_is_taken_for_none_of_those_before() {
    let memory =
        MemoryStore::from_iter([("root", "correct-horse", Role::Admin), ("citra", "correct-horse", Role::Member)]);
    let stage = stage(&memory);
    let says = |bearer: &str, text: &str| {
        let sent = json!({ "text": text, "cid": "0190d6c7-0000-7000-8000-000000000001" });
        let reply = stage.call(post("/api/messages", &sent).bearer(bearer));
        (reply.status, reply.json()["seq"].clone())
    };
    let citra = token(&signed_in(&stage, "citra"));
    assert_eq!(says(&citra, "a secret"), (201, json!(1)));
    let root = token(&signed_in(&stage, "root"));
    assert_eq!(stage.call(call("DELETE", "/api/admin/accounts/citra").bearer(&root)).status, 204);
    let credentials = json!({ "name": "citra", "password": "battery-staple" });
    let next = token(&stage.call(post("/api/accounts", &credentials)));
    assert_eq!(says(&next, "another"), (201, json!(2)));
}

#[test]
fn a_bot_that_is_made_again_cannot_change_the_lines_of_the_one_before() {
    let memory = MemoryStore::from_iter([("root", "correct-horse", Role::Admin)]);
    let stage = stage(&memory);
    let mut root = stage.server().connect();
    does(&mut root, "LOGIN:root correct-horse");
    let bot = |root: &mut TestClient, verb: &str| {
        root.send(verb);
        let told = root.until("* OK ...");
        let (_, token) = told.split_once("token=").expect("a token");
        let mut socket = Ws::connect(stage.addr(), token.split(':').next()).expect("the door is open");
        socket.until(&json!({ "type": "Hello" }));
        socket
    };
    let edit = json!({ "type": "Edit", "room": "lobby", "target": 1, "text": "changed" });
    let mut first = bot(&mut root, "BOT:deploy");
    first.send(&json!({ "type": "Send", "room": "lobby", "text": "by the first" }));
    first.until(&json!({ "type": "Message", "seq": 1 }));
    first.send(&edit);
    first.until(&json!({ "type": "MessageEdited" }));
    does(&mut root, "UNBOT:deploy");
    let _end = first.rest();
    let mut second = bot(&mut root, "BOT:deploy");
    second.send(&edit);
    second.until(&json!({ "type": "Error", "code": "protected" }));
}
