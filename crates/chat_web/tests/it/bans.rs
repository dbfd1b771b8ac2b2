//! Who may not enter does not read, either: bans by name and by address, straight and behind a proxy, on every path of REST and
//! by WebSocket.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_server::features::moderation::network::Network;
use chat_server::model::roles::{Policy, Role};
use chat_web::WebConfig;
use serde_json::{Value, json};

use crate::kit::{Call, Guest, KEY, MemoryStore, Reply, Setup, Stage, Ws, call, eventually, get, post, quick};
use crate::openapi::declared;

/// A server that keeps what is said, passes files on, and has an operator key.
fn stage() -> Stage {
    stage_with(Policy::default())
}

fn stage_with(policy: Policy) -> Stage {
    let memory = MemoryStore::from_iter([("citra", "correct-horse", Role::Member)]);
    let mut config: Config = quick();
    config.files = "127.0.0.1:0".into();
    config.operator_key = OperatorKey::new(KEY).ok();
    Stage::with(Setup { kept: Some((memory, policy)), ..config.into() }, behind_a_proxy())
}

fn upload(room: &str, bytes: &[u8]) -> Call {
    let path = format!("/api/files?room={room}&name=kettle.txt");
    call("POST", &path).header("content-type", "application/octet-stream").body(bytes)
}

/// The page behind a proxy on this machine.
pub(crate) fn behind_a_proxy() -> WebConfig {
    WebConfig { proxies: Network::parse("127.0.0.1").into_iter().collect(), ..WebConfig::default() }
}

/// The call as a proxy on this machine passes it on.
fn from(call: Call, address: &str) -> Call {
    call.header("x-forwarded-for", address)
}

/// A line of the line protocol, and what it is answered.
#[track_caller]
fn order(socket: &mut Ws, line: &str) -> Value {
    let reference = 7;
    socket.send(&json!({ "type": "Command", "ref": reference, "room": "lobby", "line": line }));
    loop {
        let frame = socket.next().frame();
        if frame["ref"] == reference {
            return frame;
        }
    }
}

#[track_caller]
fn obeyed(socket: &mut Ws, line: &str) {
    let answer = order(socket, line);
    assert_eq!(answer["type"], "Ack", "{line}: {answer}");
}

/// Makes a user an operator by the key. Their session has another token then.
#[track_caller]
fn empowered(socket: &mut Ws) -> String {
    socket.send(&json!({ "type": "Command", "ref": 1, "line": format!("OPER:{KEY}") }));
    let token = socket.until(&json!({ "type": "Token" }))["token"].as_str().expect("a string").to_string();
    socket.until(&json!({ "type": "Ack", "ref": 1 }));
    token
}

/// Every path by which what is said in a room can be read, and what it shows there.
fn readings(room: &str, id: &str, file: &str) -> Vec<String> {
    vec![
        format!("/api/messages?room={room}"),
        format!("/api/messages?room={room}&around={id}"),
        format!("/api/messages?room={room}&before=9"),
        format!("/api/messages?room={room}&after=0"),
        format!("/api/messages/{id}"),
        format!("/api/rooms/{room}/messages"),
        format!("/api/v1/rooms/{room}/messages"),
        format!("/api/rooms/{room}/export"),
        format!("/api/search?q=fish&room={room}"),
        file.to_string(),
    ]
}

fn texts(reply: &Reply) -> Vec<String> {
    let page = reply.json();
    let messages = page["messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_string()).collect()
}

/// A room with a line and a file in it, and the person in it whose room it is.
struct Tea {
    ani: Guest,
    socket: Ws,
    id: String,
    file: String,
}

fn tea(stage: &Stage) -> Tea {
    let (ani, mut socket) = stage.page("ani");
    obeyed(&mut socket, "/join #tea");
    let said = ani.call(post("/api/messages", &json!({ "room": "tea", "text": "a red fish" })));
    let id = said.json()["id"].as_str().expect("an id").to_string();
    let file = ani.call(upload("tea", b"kettle")).json()["url"].as_str().expect("an address").to_string();
    Tea { ani, socket, id, file }
}

#[test]
fn who_is_banned_from_a_room_reads_nothing_of_it() {
    let stage = stage();
    let Tea { ani, mut socket, id, file } = tea(&stage);
    let (budi, mut own) = stage.page("budi");
    obeyed(&mut own, "/join #tea");
    for path in readings("tea", &id, &file) {
        assert_eq!(budi.call(get(&path)).status, 200, "{path}");
    }
    obeyed(&mut socket, "/topic #tea the kettle");
    obeyed(&mut socket, "/ban #tea budi 1h spam");
    // At once: there is nothing that has to hear of it first.
    for path in readings("tea", &id, &file) {
        let reply = budi.call(get(&path));
        assert_eq!((reply.status, reply.problem().as_str()), (403, "banned-from-room"), "{path}");
        if !path.starts_with("/files/") {
            declared(&get(&path.replace("/v1/", "/")), &reply);
        }
        assert_eq!(ani.call(get(&path)).status, 200, "{path}: not for others");
        assert_eq!(stage.call(get(&path)).status, 200, "{path}: not for others");
    }
    assert_eq!(budi.call(upload("tea", b"x")).problem(), "banned-from-room");
    assert_eq!(texts(&budi.call(get("/api/search?q=fish"))), [""; 0]);
    assert_eq!(texts(&ani.call(get("/api/search?q=fish"))), ["a red fish"]);
    let room = |who: &Guest| {
        let rooms = who.call(get("/api/rooms")).json();
        let tea = rooms.as_array().and_then(|rooms| rooms.iter().find(|room| room["id"] == "tea").cloned());
        tea.expect("that it is there is no secret")["topic"].clone()
    };
    assert_eq!((room(&ani), room(&budi)), (json!("the kettle"), json!("")));
    let rooms_of_ani = |who: &Guest| who.call(get(&format!("/api/users/{}", ani.id))).json()["rooms"].clone();
    assert_eq!((rooms_of_ani(&ani), rooms_of_ani(&budi)), (json!(["lobby", "tea"]), json!(["lobby"])));
    // Nor by the socket: what one missed, a page of history, a search.
    own.send(&json!({ "type": "Resume", "ref": 3, "rooms": { "tea": 0 } }));
    own.until(&json!({ "type": "Resumed", "ref": 3, "rooms": {} }));
    for line in ["/history #tea", "/search #tea fish", "/export #tea", "/list #tea", "/topic #tea", "/files #tea"] {
        let answer = order(&mut own, line);
        assert_eq!((&answer["type"], &answer["code"]), (&json!("Error"), &json!("banned-from-room")), "{line}");
    }
    // Another name is not another person.
    obeyed(&mut own, "/nick other");
    assert_eq!(budi.call(get("/api/messages?room=tea")).problem(), "banned-from-room");
    obeyed(&mut socket, "/unban #tea budi");
    for path in readings("tea", &id, &file) {
        assert_eq!(budi.call(get(&path)).status, 200, "{path}");
    }
}

#[test]
fn a_ban_by_address_holds_for_those_without_a_name() {
    let stage = stage();
    let Tea { ani, mut socket, id, file } = tea(&stage);
    let (home, away) = ("192.0.2.7", "198.51.100.7");
    obeyed(&mut socket, "/ban #tea 192.0.2.0/24");
    for path in readings("tea", &id, &file) {
        let reply = stage.call(from(get(&path), home));
        assert_eq!((reply.status, reply.problem().as_str()), (403, "banned-from-room"), "{path}");
        assert_eq!(stage.call(from(get(&path), away)).status, 200, "{path}");
        // A session from elsewhere opens nothing there.
        assert_eq!(ani.call(from(get(&path), home)).problem(), "banned-from-room", "{path}");
    }
    assert_eq!(stage.call(from(get("/api/messages"), home)).status, 200, "the lobby is another room");
    obeyed(&mut socket, "/unban #tea 192.0.2.0/24");
    assert_eq!(stage.call(from(get(&file), home)).status, 200);
}

/// The networks that an operator bans from the server, and addresses inside and outside of each, as a proxy writes them.
const NETWORKS: [(&str, &[&str], &[&str]); 4] = [
    (
        "192.0.2.7",
        &["192.0.2.7", "::ffff:192.0.2.7", "203.0.113.9, 192.0.2.7"],
        &["192.0.2.8", "192.0.2.7, 203.0.113.9"],
    ),
    ("198.51.100.0/24", &["198.51.100.1", "::ffff:198.51.100.254"], &["198.51.101.1"]),
    ("::ffff:203.0.113.0/120", &["203.0.113.200", "::ffff:203.0.113.1"], &["203.0.114.1"]),
    ("2001:db8:0:7::/64", &["2001:db8:0:7::1", "[2001:db8:0:7:a:b:c:d]"], &["2001:db8:0:8::1"]),
];

#[test]
fn who_is_banned_by_address_finds_no_door_of_the_page() {
    let stage = stage();
    let Tea { mut ani, mut socket, id, file } = tea(&stage);
    ani.token = empowered(&mut socket);
    let dewi = stage.guest("dewi");
    let sign_in = post("/api/session", &json!({ "name": "citra", "password": "correct-horse" }));
    for (network, inside, outside) in NETWORKS {
        // A user is there already, by a session with a socket.
        let guest = post("/api/users", &json!({ "name": "budi" }));
        let budi = stage.call(from(guest.clone(), inside[0])).json();
        let token = budi["token"].as_str().expect("a token").to_string();
        let mut own = Ws::connect(stage.addr(), Some(&token)).expect("the door is open");
        own.settle();
        obeyed(&mut socket, &format!("/ban * {network} 1h spam"));
        own.until(&json!({ "type": "Goodbye", "reason": "banned" }));
        assert_eq!(stage.call(from(get("/api/me"), inside[0]).bearer(&token)).problem(), "not-signed-on");
        for address in inside {
            let refused = |call: Call, what: &str| {
                let reply = stage.call(from(call, address).header("x-forwarded-proto", "https"));
                assert_eq!((reply.status, reply.problem().as_str()), (403, "banned"), "{network} {address} {what}");
            };
            for path in readings("tea", &id, &file).into_iter().chain(readings("lobby", &id, &file)) {
                if !path.contains("room=lobby&around") {
                    refused(get(&path), &path);
                }
            }
            for path in ["/api/users", "/api/rooms", "/api/search?q=fish", &format!("/api/users/{}", ani.id)] {
                refused(get(path), path);
            }
            refused(guest.clone(), "a name");
            refused(sign_in.clone(), "an account");
            let name = json!({ "name": "eka", "password": "correct-horse" });
            refused(post("/api/accounts", &name), "a new account");
            // Nor by the session of a user who may come.
            refused(get("/api/me").bearer(&dewi.token), "a session");
            refused(post("/api/messages", &json!({ "text": "hello" })).bearer(&dewi.token), "a word");
            let headers =
                [("authorization", format!("Bearer {}", dewi.token)), ("x-forwarded-for", (*address).to_string())];
            assert!(Ws::with(stage.addr(), &headers).is_err(), "{network} {address}");
            // But those who could lift it are not kept out.
            assert_eq!(stage.call(from(get("/api/me"), address).bearer(&ani.token)).status, 200);
        }
        for address in outside {
            assert_eq!(stage.call(from(get("/api/messages?room=tea"), address)).status, 200, "{network} {address}");
            let reply = stage.call(from(sign_in.clone(), address).header("x-forwarded-proto", "https"));
            assert_eq!(reply.status, 200, "{network} {address}: {}", reply.text());
        }
        obeyed(&mut socket, &format!("/unban * {network}"));
        assert_eq!(stage.call(from(get("/api/messages"), inside[0])).status, 200);
    }
}

#[test]
fn a_ban_that_is_over_lets_them_read_again() {
    let stage = stage();
    let Tea { ani: _, mut socket, .. } = tea(&stage);
    obeyed(&mut socket, "/ban #tea 192.0.2.0/24 1s");
    let reading = || stage.call(from(get("/api/messages?room=tea"), "192.0.2.7")).status;
    assert_eq!(reading(), 403);
    eventually("the second is over", reading, |status| *status == 200);
}

#[test]
fn strangers_read_nothing_where_only_members_come_in() {
    let stage = stage_with(Policy { private: true, plain_passwords: true, ..Policy::default() });
    let sign_in = post("/api/session", &json!({ "name": "citra", "password": "correct-horse" }));
    let reply = stage.call(sign_in);
    let token = reply.json()["token"].as_str().expect("a token").to_string();
    let id = stage.call(post("/api/messages", &json!({ "text": "a red fish" })).bearer(&token)).json()["id"].clone();
    let file = stage.call(upload("lobby", b"x").bearer(&token)).json()["url"].clone();
    let (id, file) = (id.as_str().expect("an id"), file.as_str().expect("an address"));
    for path in readings("lobby", id, file) {
        assert_eq!(stage.call(get(&path).bearer(&token)).status, 200, "{path}");
        // A file, too: by HTTP a token alone is not enough here.
        let reply = stage.call(get(&path));
        assert_eq!((reply.status, reply.problem().as_str()), (403, "members-only"), "{path}");
    }
    for path in ["/api/users", "/api/rooms"] {
        assert_eq!(stage.call(get(path)).problem(), "members-only", "{path}");
    }
    assert_eq!(stage.call(get("/api/server")).json()["private"], true);
}

#[test]
fn a_lockdown_keeps_strangers_from_reading_too() {
    let stage = stage();
    let (_, mut socket) = stage.page("ani");
    obeyed(&mut socket, &format!("OPER:{KEY}"));
    obeyed(&mut socket, "LOCKDOWN:on");
    assert_eq!(stage.call(get("/api/messages")).problem(), "locked-down");
    obeyed(&mut socket, "LOCKDOWN:off");
    assert_eq!(stage.call(get("/api/messages")).status, 200);
}

/// What the file door answers, with the line that was sent to it.
fn at_the_file_door(stage: &Stage, line: &str) -> String {
    // In these tests it listens where the line door does.
    let addr = (stage.server().addr().ip(), stage.server().files().port());
    let mut socket = TcpStream::connect(addr).expect("the file door is open");
    socket.write_all(line.as_bytes()).expect("it is read");
    socket.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Real sockets, by each way in which an address may come in. The operator is elsewhere, behind a proxy, so that they are not where
/// they ban.
#[test]
fn a_ban_by_address_holds_at_the_line_door_and_the_file_door() {
    for (listens, networks) in [
        ("127.0.0.1:0", ["127.0.0.1", "127.0.0.0/8", "::ffff:127.0.0.1"]),
        ("[::ffff:127.0.0.1]:0", ["127.0.0.1", "127.0.0.0/24", "::ffff:127.0.0.0/104"]),
        ("[::1]:0", ["::1", "::/64", "::/16"]),
    ] {
        let mut config: Config = quick();
        (config.addr, config.files) = (listens.into(), listens.into());
        config.operator_key = OperatorKey::new(KEY).ok();
        let stage = Stage::with(config, behind_a_proxy());
        let elsewhere = from(post("/api/users", &json!({ "name": "ani" })), "203.0.113.5");
        let elsewhere = elsewhere.header("x-forwarded-proto", "https");
        let token = stage.call(elsewhere).json()["token"].as_str().expect("a token").to_string();
        let mut socket = Ws::connect(stage.addr(), Some(&token)).expect("the door is open");
        let token = empowered(&mut socket);
        let file = stage.call(from(upload("lobby", b"kettle"), "203.0.113.5").bearer(&token)).json();
        let get_file = format!("GET {}\n", file["token"].as_str().expect("a token"));
        assert_eq!(at_the_file_door(&stage, &get_file), "kettle");
        for network in networks {
            let mut budi = stage.line("budi");
            budi.send("JOIN:#tea");
            budi.settle();
            // Out of one room, under whatever name.
            obeyed(&mut socket, &format!("/ban #tea {network} 1h"));
            budi.until("* LEFT #tea budi: banned by ani");
            for line in ["JOIN:#tea", "NICK:other", "JOIN:#tea", "HISTORY:#tea"] {
                budi.send(line);
            }
            budi.until("* ERR 474 banned-from-room JOIN retry=*: ...");
            budi.until("* OK NICK name=other: ...");
            budi.until("* ERR 474 banned-from-room JOIN retry=*: ...");
            budi.until("* ERR 474 banned-from-room HISTORY retry=*: ...");
            obeyed(&mut socket, &format!("/unban #tea {network}"));
            // And out of the server, by every connection and every door.
            let mut second = stage.line("citra");
            obeyed(&mut socket, &format!("/ban * {network} 1h spam"));
            for person in [&mut budi, &mut second] {
                person.until("* BYE 465 banned: ...");
                assert!(person.line().is_none(), "{listens} {network}");
            }
            let mut again = stage.server().connect();
            again.send("JOIN:somebody");
            again.until("* BYE 465 banned: ...");
            let answer = at_the_file_door(&stage, &get_file);
            assert!(answer.starts_with("ERR 465 banned"), "{listens} {network}: {answer}");
            obeyed(&mut socket, &format!("/unban * {network}"));
            assert_eq!(at_the_file_door(&stage, &get_file), "kettle");
            drop(stage.line("dewi"));
        }
    }
}
