//! What a WebSocket is refused with or closed for, where a conversation cannot show it.

use chat_server::chat::message::Message as ToRouter;
use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_server::model::event::Leave;
use chat_web::WebConfig;
use serde_json::json;
use tokio_tungstenite::tungstenite;

use crate::kit::{Heard, KEY, Stage, Ws, call, eventually, get, quick};
use crate::rest::dressed;

#[test]
fn a_refused_upgrade_is_a_problem_like_any_other() {
    let stage = Stage::start();
    match Ws::with(stage.addr(), &[("origin", "https://evil.example".into())]).err().map(|error| *error) {
        Some(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("{other:?}"),
    }
    let reply = stage.call(get("/ws"));
    assert_eq!((reply.problem().as_str(), reply.header("upgrade")), ("upgrade-required", Some("websocket")));
    dressed(&reply);
}

#[test]
fn the_subprotocol_is_taken_up() {
    let stage = Stage::start();
    let (guest, _) = stage.page("ana");
    let token = ("authorization", format!("Bearer {}", guest.token));
    let mut socket = Ws::with(stage.addr(), &[token, ("sec-websocket-protocol", "chat.v1".into())]).expect("taken up");
    socket.until(&json!({"type": "Hello", "v": 1}));
    // A browser sends its cookie and its own origin.
    let cookie = ("cookie", format!("x=y; chat_session={}", guest.token));
    let origin = ("origin", format!("http://{}", stage.addr()));
    let mut browser = Ws::with(stage.addr(), &[cookie, origin]).expect("its own page");
    browser.until(&json!({"type": "Hello", "you": {"id": guest.id, "name": "ana"}}));
}

#[test]
fn the_router_says_why_a_socket_is_closed() {
    let stage = Stage::start();
    let handle = stage.server().handle();
    for (why, code, reason) in [
        (Leave::Flood, 4008, "flood"),
        (Leave::Crashed, 1011, "internal-error"),
        (Leave::TooSlow, 4009, "slow-reader"),
        (Leave::Full, 1013, "server-full"),
    ] {
        let (_, mut socket) = stage.page("ana");
        let client = handle.registry().people()[0].id;
        handle.send(ToRouter::ClientLeft(client, why.clone()));
        socket.gets(&json!({"type": "Goodbye", "reason": reason, "reconnect_in_ms": "*"}));
        assert_eq!(socket.any(), Heard::Close(code, why.reason().into()));
        assert_eq!(socket.any(), Heard::Cut);
    }
}

/// A frame as a client sends it, masked by nothing but zeros: the first byte, a length that is said, and what comes.
fn frame(first: u8, said: u64, bytes: &[u8]) -> Vec<u8> {
    let length = match said {
        0..126 => vec![0x80 | said as u8],
        126..65_536 => [vec![0xfe], (said as u16).to_be_bytes().to_vec()].concat(),
        _ => [vec![0xff], said.to_be_bytes().to_vec()].concat(),
    };
    [vec![first], length, vec![0; 4], bytes.to_vec()].concat()
}

/// RFC 6455, section 7.4.1.
#[test]
fn each_fault_of_a_peer_closes_with_its_own_code_and_a_reason() {
    let stage = Stage::start();
    let text = |bytes: &[u8]| frame(0x81, bytes.len() as u64, bytes);
    let fragments = |middle: Vec<u8>| [frame(0x01, 1, b"{"), middle].concat();
    for (what, bytes, code) in [
        ("unmasked", b"\x81\x02{}".to_vec(), 1002),
        ("a reserved bit", frame(0xc1, 2, b"{}"), 1002),
        ("an unknown frame", frame(0x83, 0, b""), 1002),
        ("an unknown control frame", frame(0x8b, 0, b""), 1002),
        ("a ping in pieces", frame(0x09, 0, b""), 1002),
        ("a ping that is too long", frame(0x89, 126, &[b'x'; 126]), 1002),
        ("the middle of nothing", frame(0x80, 1, b"}"), 1002),
        ("a message in a message", fragments(text(b"{}")), 1002),
        ("a close of one byte", frame(0x88, 1, b"\x03"), 1002),
        ("binary", frame(0x82, 1, b"x"), 1003),
        ("no UTF-8", text(b"\xff"), 1007),
        ("no UTF-8 in two pieces", fragments(frame(0x80, 2, b"\xc3\x28")), 1007),
        ("too big", text(&[b'x'; 65_537]), 1009),
        ("too big, as it says", frame(0x81, 1 << 40, b""), 1009),
        (
            "too big in pieces",
            [frame(0x01, 40_000, &[b'x'; 40_000]), frame(0x80, 40_000, &[b'x'; 40_000])].concat(),
            1009,
        ),
    ] {
        let (guest, mut socket) = stage.page("ana");
        socket.send_bytes(&bytes);
        match socket.next() {
            Heard::Close(got, reason) => assert!(got == code && !reason.is_empty(), "{what}: {got} {reason}"),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(guest.call(call("DELETE", "/api/me")).status, 204);
    }
}

/// A user who made a session by REST and asks for nothing more does not hold a name and a place for half an hour.
#[test]
fn a_session_that_never_had_a_socket_ends_soon_after_its_last_call() {
    let unattended = std::time::Duration::from_millis(1_500);
    let times = chat_web::Times { unattended, ..chat_web::Times::default() };
    let stage = Stage::with(quick(), WebConfig { times, ..WebConfig::default() });
    let (_, mut socket) = stage.page("ana");
    let guest = stage.guest("script");
    let began = std::time::Instant::now();
    while began.elapsed() < 2 * unattended {
        assert_eq!(guest.call(get("/api/me")).status, 200, "it calls");
    }
    let names = || stage.call(get("/api/users")).text();
    eventually("its name is free", names, |names| !names.contains("script"));
    assert!(names().contains("ana"), "a socket keeps its session");
    assert_eq!(guest.call(get("/api/me")).problem(), "not-signed-on");
    socket.settle();
}

/// A browser that comes by another network leaves sockets behind that are dead and do not show it.
#[test]
fn a_session_has_eight_sockets_and_the_oldest_makes_way() {
    let stage = Stage::start();
    let (guest, mut first) = stage.page("ana");
    let mut others: Vec<Ws> = (0..7).map(|_| guest.connect()).collect();
    others.iter_mut().for_each(|socket| drop(socket.settle()));
    first.settle();
    let mut one_more = guest.connect();
    one_more.until(&json!({"type": "Hello"}));
    assert!(matches!(first.next(), Heard::Close(1013, reason) if reason.contains("the oldest makes way")));
    others.iter_mut().for_each(|socket| drop(socket.settle()));
    one_more.settle();
}

/// A user who is sent away while sending hears why: the last words are not lost to the broken session.
#[test]
fn the_goodbye_comes_to_whoever_is_talking() {
    let stage = Stage::with(Config { operator_key: OperatorKey::new(KEY).ok(), ..quick() }, WebConfig::default());
    for round in 0..10 {
        let (guest, mut socket) = stage.page(&format!("ana{round}"));
        let body = json!({"id": guest.id, "reason": "enough"});
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let reply = stage.call(crate::kit::post("/api/admin/kick", &body).bearer(KEY));
                assert_eq!(reply.status, 204);
            });
            for i in 0..200 {
                socket.send(&json!({"type": "Send", "ref": i, "room": "lobby", "text": format!("{i}")}));
            }
        });
        let (frames, end) = socket.rest();
        assert_eq!(end, Heard::Close(4002, "enough".into()), "round {round}");
        assert_eq!(frames.last().map(|frame| frame["type"].clone()), Some(json!("Goodbye")), "round {round}");
    }
}

/// Also where a socket's own clock ends the session: it signs on again, it was not sent away.
#[test]
fn pings_keep_a_quiet_socket() {
    let times = chat_web::Times {
        heartbeat: std::time::Duration::from_millis(50),
        silence: std::time::Duration::from_millis(2_000),
        ..chat_web::Times::default()
    };
    let stage = Stage::with(quick(), WebConfig { times, ..WebConfig::default() });
    let (_, mut socket) = stage.page("ana");
    let mut budi = stage.line("budi");
    // The library answers pings while it reads; nothing else is sent for longer than the silence.
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_millis(3_000) {
        budi.send("still there?");
        socket.until(&json!({"type": "Message"}));
    }
    socket.settle();
}

#[test]
fn a_refusal_is_in_the_language_that_the_connection_asks_for() {
    let stage = Stage::start();
    let guest = stage.guest("ani");
    let title = |mut socket: Ws| {
        socket.settle();
        socket.send(&json!({ "type": "Send", "ref": 1, "room": "nowhere", "text": "hello" }));
        let error = socket.until(&json!({ "type": "Error", "ref": 1 }));
        error["title"].as_str().expect("words").to_string()
    };
    let with = |language: &str| {
        let headers = [("authorization", format!("Bearer {}", guest.token)), ("accept-language", language.to_string())];
        Ws::with(stage.addr(), &headers).expect("the door is open")
    };
    let english = title(guest.connect());
    assert!(english.starts_with("There is no room #nowhere."), "{english}");
    let other = title(with("id, en;q=0.5"));
    assert_eq!(chat_server::features::language::indonesian(&english).as_deref(), Some(&*other));
    assert_eq!(title(with("en, id;q=0.5")), english, "the last connection says it");
}

#[test]
fn why_a_socket_closes_is_said_in_the_language_of_its_user() {
    let stage = Stage::with(Config { operator_key: OperatorKey::new(KEY).ok(), ..quick() }, WebConfig::default());
    let guest = stage.guest("ani");
    let language = |language: &str| ("accept-language", language.to_string());
    let authorized = ("authorization", format!("Bearer {}", guest.token));
    let why = |mut socket: Ws, sent: &str| {
        if !sent.is_empty() {
            socket.settle();
            socket.send_bytes(&frame(0x81, sent.len() as u64, sent.as_bytes()));
        }
        loop {
            if let Heard::Close(code, why) = socket.next() {
                break (code, why);
            }
        }
    };
    let closes = |language: (&'static str, String), sent: &str| {
        why(Ws::with(stage.addr(), &[authorized.clone(), language]).expect("the door is open"), sent)
    };
    assert_eq!(closes(language("en"), "[]"), (4000, "a frame is one JSON object with a \"type\"".into()));
    assert_eq!(closes(language("id"), "[]"), (4000, "satu frame adalah satu objek JSON dengan \"type\"".into()));
    let without = Ws::with(stage.addr(), &[language("id, en;q=0.5")]).expect("the door is open");
    let no_session = "tidak ada sesi, atau sudah berakhir: POST /api/users membuat yang baru";
    assert_eq!(why(without, ""), (4001, no_session.into()));
    // What an operator said stays as it was said.
    let mut own = Ws::with(stage.addr(), &[authorized.clone(), language("id")]).expect("the door is open");
    own.settle();
    let body = json!({ "id": guest.id, "reason": "idle" });
    assert!(stage.call(crate::kit::post("/api/admin/kick", &body).bearer(KEY)).status < 300);
    assert_eq!(why(own, ""), (4002, "idle".into()));
}
