//! What a user may do is said to their page by the server: at the beginning, and whenever it changes.

use std::sync::Arc;

use chat_server::chat::message::Message;
use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::json;

use crate::kit::{KEY, MemoryStore, Setup, Stage, Ws, post, quick};

fn config() -> Config {
    let mut config = quick();
    config.operator_key = OperatorKey::new(KEY).ok();
    config
}

/// A user's socket, who came in by an account.
fn member(stage: &Stage, name: &str) -> Ws {
    let reply = stage.call(post("/api/session", &json!({ "name": name, "password": "correct-horse" })));
    Ws::connect(stage.addr(), reply.json()["token"].as_str()).expect("the door is open")
}

#[test]
fn a_page_knows_what_may_be_done_as_soon_as_it_may() {
    let accounts = [
        ("root", "correct-horse", Role::Admin),
        ("oni", "correct-horse", Role::Op),
        ("citra", "correct-horse", Role::Member),
    ];
    let kept = Some((MemoryStore::from_iter(accounts), Policy::default()));
    let stage = Stage::with(Setup { kept, ..config().into() }, WebConfig::default());
    let order = |socket: &mut Ws, line: &str| socket.send(&json!({ "type": "Command", "ref": 7, "line": line }));
    let room = |id: &str, op: bool| json!([{ "id": id, "op": op }]);
    // By one's account, from the first word on.
    member(&stage, "oni").until(&json!({ "type": "Hello", "role": "op", "rooms": room("lobby", true) }));
    let mut citra = member(&stage, "citra");
    citra.until(&json!({ "type": "Hello", "role": "member", "rooms": room("lobby", false) }));
    let mut root = member(&stage, "root");
    order(&mut root, "/role citra op");
    citra.until(&json!({ "type": "Rights", "role": "op", "rooms": ["lobby"] }));
    order(&mut root, "/role citra member");
    citra.until(&json!({ "type": "Rights", "role": "member", "rooms": [] }));
    // By the operator key, as long as it is the key; in rooms of others as well.
    let mut tea = stage.line("dewi");
    tea.send("JOIN:#tea");
    tea.settle();
    let (_, mut ani) = stage.page("ani");
    order(&mut ani, &format!("OPER:{KEY}"));
    ani.until(&json!({ "type": "Rights", "role": "admin", "rooms": ["lobby"] }));
    order(&mut ani, "/join #tea");
    ani.until(&json!({ "type": "RoomEntered", "room": { "id": "tea", "op": true } }));
    let other = Config { operator_key: OperatorKey::new("another key for the house").ok(), ..config() };
    stage.server().handle().send(Message::Reload(Arc::new(other)));
    ani.until(&json!({ "type": "Rights", "role": "member", "rooms": [] }));
    // In a room of one's own, and when another operator gives it or takes it.
    tea.send("OP:#tea ani");
    ani.until(&json!({ "type": "Rights", "role": "member", "rooms": ["tea"] }));
    tea.send("DEOP:#tea ani");
    ani.until(&json!({ "type": "Rights", "role": "member", "rooms": [] }));
    tea.send("QUIT:");
    ani.until(&json!({ "type": "Rights", "role": "member", "rooms": ["tea"] }));
    ani.until(&json!({ "type": "Operator", "room": "tea", "user": { "name": "ani" } }));
}
