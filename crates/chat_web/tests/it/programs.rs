//! Programs by REST: what is posted to a hook, and bots.

use std::time::Duration;

use chat_server::model::roles::{Policy, Role};
use chat_web::{Times, WebConfig};
use serde_json::{Value, json};

use crate::kit::{Call, Guest, MemoryStore, Reply, Setup, Stage, TestClient, Ws, call, eventually, get, post, quick};

fn stage(policy: Policy) -> Stage {
    let memory = MemoryStore::from_iter([("root", "correct-horse", Role::Admin)]);
    Stage::with(Setup { kept: Some((memory, policy)), ..quick().into() }, WebConfig::default())
}

/// A line that is answered with a token.
#[track_caller]
fn token(client: &mut TestClient, line: &str) -> String {
    client.send(line);
    let told = client.until("* OK ...");
    let (_, token) = told.split_once("token=").unwrap_or_else(|| panic!("{told}"));
    token.split(&[':', ' ']).next().unwrap_or_default().to_string()
}

fn root(stage: &Stage) -> TestClient {
    let mut root = stage.server().connect();
    root.send("LOGIN:root correct-horse");
    root.until("* OK LOGIN ...");
    root
}

#[track_caller]
fn is_said(reply: &Reply) {
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
}

#[test]
fn what_a_program_posts_is_said_in_its_name() {
    let stage = stage(Policy::default());
    let mut ani = stage.line("ani");
    ani.send("JOIN:#rust");
    ani.settle();
    let path = format!("/api/hooks/{}", token(&mut ani, "HOOK:ci"));
    is_said(&stage.call(post(&path, &json!({ "text": "build 318\n  is green" }))));
    ani.hears("* MSG #rust 2 ci-bot part=1/2: build 318");
    ani.hears("* MSG #rust 2 ci-bot part=2/2:   is green");
    // As curl sends it, and as Slack's programs do.
    let form = |body: &str| call("POST", &path).header("content-type", "application/x-www-form-urlencoded").body(body);
    is_said(&stage.call(form("{\"text\":\"by curl\"}")));
    ani.hears("* MSG #rust 3 ci-bot: by curl");
    is_said(&stage.call(form("payload=%7B%22text%22%3A%22by%20a%20form%22%2C%22username%22%3A%22ani%22%7D")));
    ani.hears("* MSG #rust 4 ci-bot: [ani] by a form");
    // Slack's own builder writes no `text`.
    let built = json!({ "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": "by a builder" } }] });
    is_said(&stage.call(post(&path, &built)));
    ani.hears("* MSG #rust 5 ci-bot: by a builder");
    // Who reads by REST sees that a program said it.
    let guest = stage.guest("budi");
    let page = guest.call(get("/api/rooms/rust/messages?limit=1")).json();
    assert_eq!(
        (&page["messages"][0]["from"]["name"], &page["messages"][0]["from"]["bot"]),
        (&json!("ci-bot"), &json!(true))
    );
    assert_eq!(
        page["messages"][0]["from"]["id"],
        guest.call(get("/api/rooms/rust/messages?limit=2")).json()["messages"][0]["from"]["id"]
    );
    for (call, status, code) in [
        (post(&path, &json!({ "text": " " })), 422, "bad-argument"),
        (post(&path, &json!({ "text": "x".repeat(5_000) })), 413, "line-too-long"),
        (post(&path, &json!([1])), 400, "bad-json"),
        (call("POST", &path).header("content-type", "text/plain").body("hello"), 415, "bad-request"),
        (form("text=hello"), 400, "bad-json"),
        (post("/api/hooks/chat_hook_0000", &json!({ "text": "x" })), 404, "no-such-room"),
    ] {
        let reply = stage.call(call.clone());
        assert_eq!(reply.status, status, "{call:?} {}", reply.text());
        let _code = code;
        reply.problem();
    }
    ani.send("UNHOOK:ci");
    ani.until("* OK UNHOOK ...");
    assert_eq!(stage.call(post(&path, &json!({ "text": "x" }))).status, 404);
}

#[test]
fn a_hook_that_posts_too_much_is_told_when_it_may_again() {
    let stage = stage(Policy::default());
    let mut ani = stage.line("ani");
    ani.send("JOIN:#rust");
    ani.settle();
    let path = format!("/api/hooks/{}", token(&mut ani, "HOOK:ci"));
    let posts: Vec<Reply> = (0..40).map(|_| stage.call(post(&path, &json!({ "text": "x" })))).collect();
    let refused = posts.iter().find(|reply| reply.status == 429).expect("one was too much");
    assert!(refused.header("retry-after").is_some() && posts[..30].iter().all(|reply| reply.status == 200));
    // Another hook has its own pace.
    let other = format!("/api/hooks/{}", token(&mut ani, "HOOK:other"));
    is_said(&stage.call(post(&other, &json!({ "text": "x" }))));
    ani.send("MUTE:other-bot 5m");
    ani.until("* OK MUTE ...");
    let reply = stage.call(post(&other, &json!({ "text": "x" })));
    assert_eq!((reply.status, reply.problem()), (403, "cannot-speak".into()));
}

#[test]
fn wrong_tokens_are_counted() {
    let stage = stage(Policy::default());
    let wrong = |number: usize| stage.call(post(&format!("/api/hooks/chat_hook_{number}"), &json!({ "text": "x" })));
    let statuses: Vec<u16> = (0..20).map(|number| wrong(number).status).collect();
    assert!(statuses[..10].iter().all(|status| *status == 404) && statuses.contains(&429), "{statuses:?}");
}

#[test]
fn a_hook_ends_with_its_room() {
    let stage = stage(Policy::default());
    let (mut ani, mut root) = (stage.line("ani"), root(&stage));
    ani.send("JOIN:#rust");
    ani.settle();
    let path = format!("/api/hooks/{}", token(&mut ani, "HOOK:ci"));
    root.send("FORGET:#rust");
    root.until("* OK FORGET ...");
    ani.send("JOIN:#rust");
    ani.until("* OK JOIN ...");
    assert_eq!(stage.call(post(&path, &json!({ "text": "x" }))).status, 404, "this is another room of that name");
}

/// A bot as the kit's guest.
fn bot(stage: &Stage, token: &str) -> Guest {
    Guest { addr: stage.addr(), id: String::new(), token: token.into() }
}

fn me(bot: &Guest) -> Reply {
    bot.call(get("/api/me"))
}

#[test]
fn a_bot_signs_on_by_its_token_and_is_ended_with_it() {
    let stage = stage(Policy { private: true, ..Policy::default() });
    let mut root = root(&stage);
    let token = token(&mut root, "BOT:deploy");
    let bot = bot(&stage, &token);
    // Calls that come at once are of one session.
    let all: Vec<Value> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| me(&bot).json())).collect();
        calls.into_iter().map(|call| call.join().expect("an answer")).collect()
    });
    assert!(all.iter().all(|me| *me == all[0]), "{all:?}");
    assert_eq!((&all[0]["user"]["name"], &all[0]["user"]["bot"]), (&json!("deploy-bot"), &json!(true)));
    assert_eq!(bot.call(post("/api/messages", &json!({ "text": "hello" }))).status, 201);
    root.until("* MSG #lobby 1 deploy-bot: hello");
    // A room of its own choice, with and without a key.
    root.send("JOIN:#den");
    root.until("* OK JOIN ...");
    root.send("MODE:+k hush");
    root.until("* OK MODE ...");
    assert_eq!(bot.call(call("PUT", "/api/me/rooms/den")).status, 403);
    let key = json!({ "key": "hush" }).to_string();
    let enter = |room: &str| call("PUT", &format!("/api/me/rooms/{room}")).header("content-type", "application/json");
    for room in ["%23den", "den", "own"] {
        let body = if room == "own" { String::new() } else { key.clone() };
        let call: Call = enter(room).header("content-length", &body.len().to_string()).body(body);
        assert_eq!(bot.call(call).status, 204, "{room}");
    }
    assert_eq!(me(&bot).json()["rooms"], json!(["lobby", "den", "own"]));
    assert_eq!(bot.call(call("DELETE", "/api/me/rooms/own")).status, 204);
    assert_eq!(bot.call(call("DELETE", "/api/me/rooms/own")).status, 403);
    let mut socket = Ws::connect(stage.addr(), Some(&token)).expect("the door is open");
    socket.until(&json!({ "type": "Hello" }));
    // The end of all of it.
    root.send("UNBOT:deploy");
    root.until("* OK UNBOT ...");
    let (_, end) = socket.rest();
    assert!(matches!(end, crate::kit::Heard::Close(4001, _)), "{end:?}");
    let reply = me(&bot);
    assert_eq!((reply.status, reply.problem()), (401, "bad-password".into()));
    assert!(Ws::connect(stage.addr(), Some(&token)).is_err());
}

/// A bot that calls once an hour stays in its rooms; the next bot of its name does not come into them.
#[test]
fn the_next_session_of_a_bot_is_in_its_rooms_and_that_of_another_bot_is_not() {
    let memory = MemoryStore::from_iter([("root", "correct-horse", Role::Admin)]);
    let web = WebConfig {
        times: Times { unattended: Duration::from_millis(500), ..Times::default() },
        ..WebConfig::default()
    };
    let stage = Stage::with(Setup { kept: Some((memory, Policy::default())), ..quick().into() }, web);
    let mut root = root(&stage);
    let first = bot(&stage, &token(&mut root, "BOT:deploy"));
    assert_eq!(first.call(call("PUT", "/api/me/rooms/den").header("content-length", "0")).status, 204);
    let old = me(&first).json()["user"]["id"].clone();
    // A session that no call comes for ends.
    let later = loop {
        root.until("* LEFT #lobby deploy-bot: ...");
        let later = me(&first).json();
        if later["user"]["id"] != old {
            break later;
        }
    };
    assert_eq!(later["rooms"], json!(["lobby", "den"]));
    root.send("UNBOT:deploy");
    root.until("* OK UNBOT ...");
    let second = bot(&stage, &token(&mut root, "BOT:deploy"));
    assert_eq!(me(&second).json()["rooms"], json!(["lobby"]));
}

/// The store has them, so they outlast the server.
#[test]
fn a_bot_is_in_its_rooms_after_a_restart_of_the_server() {
    let memory = MemoryStore::from_iter([("root", "correct-horse", Role::Admin)]);
    let start = || {
        let kept = Some((memory.clone(), Policy::default()));
        Stage::with(Setup { kept, ..quick().into() }, WebConfig::default())
    };
    let first = start();
    let token = token(&mut root(&first), "BOT:deploy");
    let enter = |room: &str| call("PUT", &format!("/api/me/rooms/{room}")).header("content-length", "0");
    for room in ["den", "left"] {
        assert_eq!(bot(&first, &token).call(enter(room)).status, 204);
    }
    assert_eq!(bot(&first, &token).call(call("DELETE", "/api/me/rooms/left")).status, 204);
    drop(first);
    let second = start();
    let deploy = bot(&second, &token);
    eventually("both rooms", || me(&deploy).json()["rooms"].clone(), |rooms| *rooms == json!(["lobby", "den"]));
}

#[test]
fn a_token_is_good_for_its_own_use_only() {
    let stage = stage(Policy::default());
    let mut root = root(&stage);
    let (bot_token, hook) = (token(&mut root, "BOT:deploy"), token(&mut root, "HOOK:ci"));
    assert_eq!(me(&bot(&stage, &hook)).status, 401);
    assert_eq!(stage.call(post(&format!("/api/hooks/{bot_token}"), &json!({ "text": "x" }))).status, 404);
    // A bot has no more rights than a member.
    let bot = bot(&stage, &bot_token);
    assert_eq!(me(&bot).status, 200);
    assert_eq!(bot.call(get("/api/admin/overview")).status, 403);
}
