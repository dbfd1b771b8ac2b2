//! The calls of administrators: by the session of an account, by the operator key, and by no other; and invitations.

use chat_server::config::{Config, OperatorKey};
use chat_server::model::names::RoomName;
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kept::cookies;
use crate::kit::{Call, KEY, MemoryStore, Reply, Setup, Stage, call, get, post, quick};

pub(crate) fn stage() -> Stage {
    let accounts = [
        ("root", "correct-horse", Role::Admin),
        ("oni", "correct-horse", Role::Op),
        ("citra", "correct-horse", Role::Member),
    ];
    let config = Config { operator_key: OperatorKey::new(KEY).ok(), ..quick() };
    let kept = Some((MemoryStore::from_iter(accounts), Policy::default()));
    Stage::with(
        Setup { kept, ..config.into() },
        WebConfig { place: Some(crate::place::fresh()), ..WebConfig::default() },
    )
}

pub(crate) fn signed_in(stage: &Stage, name: &str) -> Reply {
    stage.call(post("/api/session", &json!({ "name": name, "password": "correct-horse" })))
}

pub(crate) fn token(reply: &Reply) -> String {
    reply.json()["token"].as_str().expect("a token").to_string()
}

fn put(path: &str, body: &Value) -> Call {
    call("PUT", path).header("content-type", "application/json").body(body.to_string())
}

/// Every call that only administrators have, each in a form that would be carried out.
fn calls(stage: &Stage) -> Vec<Call> {
    let budi = stage.guest("budi");
    let mut line = stage.line("eka");
    // What was said keeps the room.
    line.send("/join #club");
    line.send("SAY:#club hi");
    line.send(&format!("OPER:{KEY}"));
    line.send("/mute * budi");
    line.send("WEBHOOK:#lobby https://example.org/x");
    line.until("* OK WEBHOOK ...");
    vec![
        get("/api/admin/overview"),
        get("/api/admin/audit"),
        get("/api/admin/webhooks"),
        post("/api/admin/announce", &json!({ "text": "tea" })),
        post("/api/admin/kick", &json!({ "id": budi.id })),
        post("/api/admin/forget", &json!({ "room": "club" })),
        get("/api/admin/lists"),
        put("/api/admin/place", &json!({ "name": "Warung Kopi" })),
        call("PUT", "/api/admin/place/picture").body(crate::place::picture(192)),
        call("DELETE", "/api/admin/place/picture"),
        post("/api/admin/qr", &json!({ "text": "https://chat.example.org/#join=x" })),
        post("/api/admin/lift", &json!({ "room": null, "what": "muted", "whom": "budi" })),
        put("/api/admin/rooms/lobby/retention", &json!({ "days": 30 })),
        put("/api/admin/accounts/citra/role", &json!({ "role": "member" })),
        call("DELETE", "/api/admin/webhooks/1"),
        call("POST", "/api/admin/letters/1"),
        get("/api/admin/invitations"),
        post("/api/admin/invitations", &json!({})),
        call("DELETE", "/api/admin/invitations/1"),
        call("POST", "/api/admin/accounts/citra/reset"),
        call("DELETE", "/api/admin/accounts/citra?messages=true"),
    ]
}

#[test]
fn an_admin_s_session_opens_each_call_and_no_other_session_does() {
    let stage = stage();
    let all = calls(&stage);
    let document = serde_json::to_value(chat_web::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let known = paths.iter().filter(|(path, _)| path.starts_with("/api/admin/"));
    let known: usize = known.map(|(_, item)| item.as_object().expect("operations").len()).sum();
    assert_eq!(all.len(), known, "a call is missing in the table");
    let guest = stage.guest("dewi");
    for bearer in [token(&signed_in(&stage, "oni")), token(&signed_in(&stage, "citra")), guest.token.clone()] {
        for call in &all {
            let reply = stage.call(call.clone().bearer(&bearer));
            assert_eq!(
                (reply.status, reply.problem().as_str()),
                (403, "not-operator"),
                "{} {}",
                call.method,
                call.path
            );
            crate::openapi::declared(call, &reply);
        }
    }
    for call in &all {
        let reply = stage.call(call.clone());
        assert_eq!((reply.status, reply.problem().as_str()), (401, "operator-key-missing"), "{}", call.path);
        crate::openapi::declared(call, &reply);
    }
    let root = token(&signed_in(&stage, "root"));
    for call in &all {
        let reply = stage.call(call.clone().bearer(&root));
        // No letter is dead here.
        let is_right = if call.path.contains("/letters/") { reply.status == 404 } else { reply.status < 300 };
        assert!(is_right, "{} {}: {}", call.method, call.path, reply.text());
        crate::openapi::declared(call, &reply);
    }
    // By name in the audit, not as a page; and only what was carried out.
    let audit = stage.call(get("/api/admin/audit").bearer(&root)).json();
    let acts = audit["acts"].as_array().expect("a list").iter();
    let acts: Vec<String> = acts.map(|act| format!("{} {}", act["by"], act["what"]).replace('"', "")).collect();
    assert_eq!(
        acts,
        [
            "eka oper",
            "eka mute",
            "eka webhook",
            "root announce",
            "root kick",
            "root forget",
            "root place",
            "root place",
            "root place",
            "root unmute",
            "root retain",
            "root grant",
            "root unwebhook",
            "root invite",
            "root end-invitation",
            "root reset",
            "root remove"
        ]
    );
}

/// An operator who takes the role takes the page as well, at once.
#[test]
fn a_session_is_an_administrator_s_as_long_as_its_account_is() {
    let stage = stage();
    let root = token(&signed_in(&stage, "root"));
    let overview = || stage.call(get("/api/admin/overview").bearer(&root)).status;
    assert_eq!(overview(), 200);
    let mut line = stage.line("ani");
    line.send(&format!("OPER:{KEY}"));
    line.send("ROLE:root op");
    line.until("* OK ROLE ...");
    assert_eq!(overview(), 403);
    line.send("ROLE:root admin");
    line.until("* OK ROLE ...");
    assert_eq!(overview(), 200);
    // Who has shown the key in the chat has the same rights, in that session.
    let (ana, mut page) = stage.page("ana");
    assert_eq!(stage.call(get("/api/admin/overview").bearer(&ana.token)).status, 403);
    page.send(&json!({ "type": "Command", "ref": 1, "line": format!("OPER:{KEY}") }));
    let renewed = page.until(&json!({ "type": "Token", "token": "*" }));
    page.until(&json!({ "type": "Rights", "role": "admin" }));
    let renewed = renewed["token"].as_str().expect("a token");
    assert_eq!(stage.call(get("/api/admin/overview").bearer(renewed)).status, 200);
}

#[test]
fn a_page_of_another_site_cannot_use_the_cookie_of_an_admin() {
    let stage = stage();
    let cookie = cookies(&signed_in(&stage, "root"));
    let announce = || post("/api/admin/announce", &json!({ "text": "tea" })).header("cookie", &cookie);
    let refused = |call: Call| {
        let reply = stage.call(call);
        (reply.status, reply.problem())
    };
    assert_eq!(refused(announce().header("origin", "https://evil.example")), (403, "foreign-origin".into()));
    assert_eq!(refused(announce().header("origin", "null")), (403, "foreign-origin".into()));
    let end = call("DELETE", "/api/admin/invitations/1").header("cookie", &cookie);
    assert_eq!(refused(end.header("origin", "https://evil.example")), (403, "foreign-origin".into()));
    // From the server's own page.
    assert_eq!(stage.call(announce()).status, 204);
    assert_eq!(stage.call(get("/api/admin/overview").header("cookie", &cookie)).status, 200);
    // The operator key goes before the cookie.
    let wrong = get("/api/admin/overview").header("cookie", &cookie).bearer("wrong");
    assert_eq!(refused(wrong), (403, "not-operator".into()));
}

#[test]
fn an_invitation_is_made_used_listed_and_ended() {
    let stage = stage();
    let root = token(&signed_in(&stage, "root"));
    let mut line = stage.line("eka");
    line.send("/join #tea");
    line.settle();
    let make = |body: Value| {
        let call = post("/api/admin/invitations", &body).bearer(&root);
        let reply = stage.call(call.clone());
        crate::openapi::declared(&call, &reply);
        reply
    };
    let made = make(json!({ "uses": 2, "seconds": 3600, "rooms": ["#tea"] }));
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
    let made = made.json();
    let code = made["code"].as_str().expect("a code");
    assert_eq!(made["path"], format!("/#join={code}"));
    assert_eq!((&made["number"], &made["uses"], &made["rooms"]), (&json!(1), &json!(2), &json!(["tea"])));
    let body = json!({ "name": "budi", "password": "battery-staple", "code": code });
    assert_eq!(stage.call(post("/api/accounts", &body)).status, 201);
    for (body, status, problem) in [
        (json!({ "uses": 0 }), 422, "bad-argument"),
        (json!({ "uses": 1001 }), 422, "bad-argument"),
        (json!({ "seconds": 59 }), 422, "bad-argument"),
        (json!({ "rooms": ["nowhere"] }), 404, "no-such-room"),
        (json!({ "rooms": ["no name"] }), 404, "no-such-room"),
        (json!({ "rooms": (0..10).map(|i| format!("room{i}")).collect::<Vec<_>>() }), 422, "bad-argument"),
        (json!({ "uses": "many" }), 422, "wrong-fields"),
    ] {
        let reply = make(body.clone());
        assert_eq!((reply.status, reply.problem().as_str()), (status, problem), "{body}");
    }
    assert_eq!(make(json!({})).json()["number"], 2);
    let list = |query: &str| stage.call(get(&format!("/api/admin/invitations{query}")).bearer(&root)).json();
    let first = &list("")["invitations"][0];
    let wanted = json!({ "number": 1, "by": "root", "state": "open", "uses": 2, "used": 1, "used_by": ["budi"], "rooms": ["tea"] });
    crate::kit::fits(&wanted, first).expect("the first one");
    assert!(!list("").to_string().contains(code), "the code is shown once");
    assert_eq!((&list("?limit=1")["invitations"][0]["number"], &list("?limit=1")["more"]), (&json!(2), &json!(2)));
    assert_eq!(list("?before=2")["invitations"].as_array().map(Vec::len), Some(1));
    let end = |number: &str| stage.call(call("DELETE", &format!("/api/admin/invitations/{number}")).bearer(&root));
    assert_eq!((end("1").status, end("1").status), (204, 204));
    for number in ["3", "0", "x", "99999999999999999999"] {
        assert_eq!(end(number).problem(), "no-such-invitation", "{number}");
    }
    assert_eq!(list("")["invitations"][0]["state"], "ended");
    let body = json!({ "name": "fitri", "password": "battery-staple", "code": code });
    let refused = stage.call(post("/api/accounts", &body));
    assert_eq!(refused.problem(), "needs-invitation");
    assert!(refused.json()["detail"].as_str().is_some_and(|why| why.contains("An operator ended")));
}

#[test]
fn a_reset_link_sets_a_password_once_and_signs_the_others_out() {
    let stage = stage();
    let root = token(&signed_in(&stage, "root"));
    let made = |name: &str| {
        let call = call("POST", &format!("/api/admin/accounts/{name}/reset")).bearer(&root);
        let reply = stage.call(call.clone());
        crate::openapi::declared(&call, &reply);
        reply
    };
    for name in ["dewi", "no%20name"] {
        assert_eq!(made(name).problem(), "no-such-user", "{name}");
    }
    let first = made("CITRA").json();
    let link = made("citra");
    assert_eq!((link.status, link.header("cache-control")), (201, Some("no-store")));
    let link = link.json();
    let code = link["code"].as_str().expect("a code");
    assert_eq!((&link["name"], &link["path"]), (&json!("citra"), &json!(format!("/#reset={code}"))));
    let old = signed_in(&stage, "citra");
    let reset = |code: &Value, password: &str| {
        let call = post("/api/account/reset", &json!({ "code": code, "password": password }));
        let reply = stage.call(call.clone());
        crate::openapi::declared(&call, &reply);
        reply
    };
    let refused = |reply: Reply, why: &str| {
        let problem = reply.json();
        assert_eq!((reply.status, reply.problem().as_str()), (401, "bad-password"), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{problem}");
    };
    refused(reset(&first["code"], "battery-staple"), "good no more");
    refused(reset(&json!("reset-99"), "battery-staple"), "no reset link");
    assert_eq!(reset(&link["code"], "short").status, 422);
    let done = reset(&link["code"], "battery-staple");
    assert_eq!((done.status, &done.json()["name"]), (200, &json!("citra")));
    assert_eq!(stage.call(get("/api/me").header("cookie", &cookies(&done))).json()["user"]["name"], "citra");
    assert_eq!(stage.call(get("/api/me").bearer(&token(&old))).problem(), "not-signed-on", "the old session is over");
    refused(reset(&link["code"], "battery-staple"), "used already");
    assert_eq!(signed_in(&stage, "citra").problem(), "bad-password");
    let body = json!({ "name": "citra", "password": "battery-staple" });
    assert_eq!(stage.call(post("/api/session", &body)).status, 200);
}

/// In memory, in the store, for a page that is open, in the search and in the history; and nothing of others.
#[test]
fn an_account_is_removed_with_what_it_said_or_without() {
    for messages in [true, false] {
        let accounts = MemoryStore::from_iter([
            ("root", "correct-horse", Role::Admin),
            ("citra", "correct-horse", Role::Member),
            ("dewi", "correct-horse", Role::Member),
        ]);
        let config = Config { history: 8, ..quick() };
        let kept = Some((accounts.clone(), Policy::default()));
        let stage = Stage::with(Setup { kept, ..config.into() }, WebConfig::default());
        let root = token(&signed_in(&stage, "root"));
        let mut citra = stage.server().connect();
        citra.send("LOGIN:citra correct-horse");
        citra.until("* OK LOGIN ...");
        let mut dewi = stage.server().connect();
        dewi.send("LOGIN:dewi correct-horse");
        dewi.until("* OK LOGIN ...");
        for number in 1..=12 {
            citra.send(&format!("secret words {number}"));
            citra.settle();
            dewi.send(&format!("other words {number}"));
            dewi.settle();
        }
        citra.send("EDIT:23 secret corrected");
        citra.until("* OK EDIT ...");
        citra.send("WHISPER:dewi in private");
        citra.until("* OK WHISPER ...");
        let (_, mut page) = stage.page("ani");
        let path = format!("/api/admin/accounts/CITRA{}", if messages { "?messages=true" } else { "" });
        assert_eq!(stage.call(call("DELETE", &path).bearer(&root)).status, 204);
        citra.until("* BYE 498 signed-out: An operator of this server removed your account.");
        assert_eq!(stage.call(call("DELETE", &path).bearer(&root)).problem(), "no-such-user");
        if messages {
            page.until(&json!({ "type": "MessageDeleted", "room": "lobby" }));
        }
        page.settle();
        dewi.settle();
        let lobby = RoomName::lobby();
        let kept = accounts.lines(&lobby);
        let words: String = kept.iter().map(|line| format!("{:?}", line.event)).collect();
        let said = stage.call(get("/api/rooms/lobby/messages?limit=100").bearer(&root)).text();
        let found = stage.call(get("/api/search?q=secret").bearer(&root)).text();
        let exported = stage.call(get("/api/rooms/lobby/export").bearer(&root)).text();
        for text in [&words, &said, &found, &exported] {
            assert_eq!(text.contains("secret"), !messages, "{messages}: {text}");
        }
        for text in [&words, &said, &exported] {
            assert!(text.contains("other words 1\"") && text.contains("other words 12"), "{text}");
        }
        // The talk is gone either way, and so is the account; what stays is under its name.
        assert!(!said.is_empty() && said.contains("citra"), "{said}");
        dewi.send("HISTORY:@citra");
        dewi.until("* ERR ...");
        assert_eq!(signed_in(&stage, "citra").problem(), "bad-password");
        let audit = stage.call(get("/api/admin/audit").bearer(&root)).json();
        let last = audit["acts"].as_array().and_then(|acts| acts.last()).expect("an act");
        assert_eq!((&last["what"], &last["target"]), (&json!("remove"), &json!("citra")));
        assert_eq!(last["detail"] == json!("with messages"), messages);
    }
}

#[test]
fn accounts_rooms_and_what_holds_are_listed_and_changed() {
    let stage = stage();
    let root = token(&signed_in(&stage, "root"));
    let mut line = stage.line("eka");
    line.send("/join #tea");
    line.send(&format!("OPER:{KEY}"));
    line.send("/ban #tea noisy 1d too loud");
    line.send("/ban * 192.0.2.0/24");
    line.until("* OK BAN to=192.0.2.0/24 ...");
    let lists = || stage.call(get("/api/admin/lists").bearer(&root)).json();
    let now = lists();
    let named = |name: &str| now["accounts"].as_array().and_then(|all| all.iter().find(|one| one["name"] == name));
    assert_eq!(now["count"], 3);
    assert_eq!(named("root"), Some(&json!({ "name": "root", "role": "admin", "online": true, "rooms": 1 })));
    assert_eq!(named("citra"), Some(&json!({ "name": "citra", "role": "member", "online": false, "rooms": 0 })));
    assert_eq!(now["rooms"][1], json!({ "id": "tea", "days": null, "members": 0 }));
    let banned =
        json!({ "room": null, "what": "banned", "whom": "192.0.2.0/24", "by": "eka", "seconds": null, "reason": null });
    crate::kit::fits(&banned, &now["bans"][0]).expect("the ban on the server");
    let banned = json!({ "room": "tea", "what": "banned", "whom": "noisy", "reason": "too loud" });
    crate::kit::fits(&banned, &now["bans"][1]).expect("the ban in the room");

    let told = |call: Call| {
        let reply = stage.call(call.clone().bearer(&root));
        crate::openapi::declared(&call, &reply);
        (reply.status, if reply.status < 300 { String::new() } else { reply.problem() })
    };
    let done = (204, String::new());
    let lift = |body: Value| told(post("/api/admin/lift", &body));
    assert_eq!(lift(json!({ "room": "tea", "what": "banned", "whom": "noisy" })), done);
    line.until("* UNBANNED #tea noisy root");
    assert_eq!(lift(json!({ "room": "tea", "what": "banned", "whom": "noisy" })), (404, "not-listed".into()));
    assert_eq!(lift(json!({ "room": "tea", "what": "kept", "whom": "noisy" })).0, 422);
    assert_eq!(lift(json!({ "what": "banned", "whom": "no name" })).0, 422);
    assert_eq!(lift(json!({ "what": "banned", "whom": "192.0.2.0/24" })), done);
    assert_eq!(lists()["bans"], json!([]));

    let keep = |room: &str, body: Value| told(put(&format!("/api/admin/rooms/{room}/retention"), &body));
    assert_eq!(keep("tea", json!({ "days": 30 })), done);
    line.until("* NOTE #tea: root set that what is said here is kept for 30 days.");
    assert_eq!(lists()["rooms"][1]["days"], 30);
    assert_eq!(keep("tea", json!({ "days": 0 })).0, 422);
    assert_eq!(keep("nowhere", json!({ "days": 1 })), (404, "no-such-room".into()));
    // By the key there is no name that the room could read.
    let by_key = put("/api/admin/rooms/tea/retention", &json!({ "days": null })).bearer(KEY);
    assert_eq!(stage.call(by_key).status, 204);
    line.until("* NOTE #tea: chatd set that what is said here is kept as long as the server does.");

    let grant =
        |name: &str, role: &str| told(put(&format!("/api/admin/accounts/{name}/role"), &json!({ "role": role })));
    assert_eq!(grant("citra", "op"), done);
    assert_eq!(lists()["accounts"][0]["role"], "op");
    assert_eq!(grant("citra", "king").0, 422);
    assert_eq!(grant("dewi", "op"), (404, "no-such-user".into()));
    for (number, refused) in [("7", (404, "no-such-user")), ("x", (422, "bad-argument"))] {
        let refused = (refused.0, refused.1.to_string());
        assert_eq!(told(call("DELETE", &format!("/api/admin/webhooks/{number}"))), refused);
        assert_eq!(told(call("POST", &format!("/api/admin/letters/{number}"))), refused);
    }
}

/// For the table of all problems.
pub(crate) fn an_invitation_that_is_not_there() -> String {
    let stage = stage();
    stage.call(call("DELETE", "/api/admin/invitations/7").bearer(KEY)).problem()
}
