//! A session's token is another one as soon as the session may do other things.

use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kit::{Guest, Heard, KEY, MemoryStore, Setup, Stage, Ws, call, get, quick};

fn stage() -> Stage {
    let accounts = MemoryStore::from_iter([("budi", "correct-horse", Role::Member)]);
    let config = Config { operator_key: OperatorKey::new(KEY).ok(), ..quick() };
    Stage::with(Setup { kept: Some((accounts, Policy::default())), ..config.into() }, WebConfig::default())
}

/// Gives a command, and returns the token that comes of it.
#[track_caller]
fn token_after(socket: &mut Ws, line: &str) -> String {
    socket.send(&json!({ "type": "Command", "ref": 1, "line": line }));
    let frame = socket.until(&json!({ "type": "Token", "token": "*" }));
    socket.until(&json!({ "type": "Ack", "ref": 1 }));
    frame["token"].as_str().expect("a string").to_string()
}

#[test]
fn what_gives_or_takes_rights_gives_another_token_and_the_old_one_is_worth_nothing() {
    let stage = stage();
    for (name, lines) in [
        ("ani", vec!["/register a-good-password", "/passwd a-good-password another-one", "/logout"]),
        ("guest", vec!["/login budi correct-horse", "/logout all"]),
        ("citra", vec![&*format!("/oper {KEY}")]),
    ] {
        let (mut guest, mut socket) = stage.page(name);
        for line in lines {
            let mut tab = guest.connect();
            tab.settle();
            let token = token_after(&mut socket, line);
            assert_ne!(token, guest.token);
            // The other tab is told to come by the new one, and the old one opens nothing.
            let (frames, end) = tab.rest();
            assert_eq!(frames.last().map(|frame| frame["reason"].clone()), Some(json!("renewed")), "{line}");
            assert!(matches!(end, Heard::Close(4011, _)), "{line}: {end:?}");
            assert_eq!(guest.call(get("/api/me")).problem(), "not-signed-on", "{line}");
            assert!(matches!(guest.connect().any(), Heard::Close(4011, _)), "{line}");
            guest = Guest { token, ..guest };
            assert_eq!(guest.call(get("/api/me")).status, 200, "{line}");
            let mut tab = guest.connect();
            tab.until(&json!({ "type": "Hello" }));
            // A user who gave the command goes on as if nothing had been.
            socket.settle();
        }
    }
}

#[test]
fn what_changes_no_rights_changes_no_token() {
    let stage = stage();
    let (guest, mut socket) = stage.page("ani");
    for line in ["/login budi wrong-horse", "/oper wrong", "/nick dewi", "/role budi", "/away"] {
        socket.send(&json!({ "type": "Command", "ref": 1, "line": line }));
        let frames = socket.settle();
        assert!(frames.iter().all(|frame| frame["type"] != "Token"), "{line}: {frames:?}");
    }
    assert_eq!(guest.call(get("/api/me")).status, 200);
}

/// A page cannot set the cookie that it cannot read; a call does it.
#[test]
fn a_browser_keeps_its_new_token_by_a_call() {
    let stage = stage();
    let (guest, mut socket) = stage.page("ani");
    let token = token_after(&mut socket, &format!("/oper {KEY}"));
    let keep = call("PUT", "/api/me/cookie");
    assert_eq!(guest.call(keep.clone()).problem(), "not-signed-on", "by the old one");
    let fresh = Guest { token, ..guest };
    let reply = fresh.call(keep.clone());
    assert_eq!(reply.status, 204, "{}", reply.text());
    let cookie = reply.header("set-cookie").expect("a cookie").to_string();
    let port = stage.addr().port();
    assert_eq!(cookie, format!("{port}_chat_session={}; Path=/; HttpOnly; SameSite=Strict", fresh.token));
    let pair = cookie.split(';').next().expect("a pair");
    let me: Value = call("GET", "/api/me").header("cookie", pair).on(stage.addr()).json();
    assert_eq!(me["user"]["name"], "ani");
    assert_eq!(fresh.call(keep.header("origin", "https://evil.example")).problem(), "foreign-origin");
}

/// Two servers on one host share a browser's cookies: each finds its own among them.
#[test]
fn two_servers_on_one_host_do_not_take_each_others_cookie() {
    let (one, two) = (stage(), stage());
    let come_in = |stage: &Stage, name: &str| {
        let reply = stage.call(crate::kit::post("/api/users", &json!({ "name": name })));
        reply.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_string()
    };
    let jar = format!("{}; {}", come_in(&one, "anton"), come_in(&two, "berta"));
    let name =
        |stage: &Stage| call("GET", "/api/me").header("cookie", &jar).on(stage.addr()).json()["user"]["name"].clone();
    assert_eq!((name(&one), name(&two)), (json!("anton"), json!("berta")));
}
