//! What a WebSocket is refused with or closed for, where a conversation cannot show it.

use chat_server::config::Config;
use chat_server::event::Leave;
use chat_server::message::Message as ToRouter;
use chat_server::operator_key::OperatorKey;
use chat_web::WebConfig;
use serde_json::json;
use tokio_tungstenite::tungstenite;

use crate::kit::{Heard, KEY, Stage, Ws, eventually, get, quick};
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

#[test]
fn a_session_has_so_many_sockets_and_no_more() {
    let stage = Stage::start();
    let (guest, first) = stage.page("ana");
    let mut others: Vec<Ws> = (1..chat_web::sockets::SOCKETS_EACH).map(|_| guest.connect()).collect();
    others.iter_mut().for_each(|socket| drop(socket.settle()));
    let mut one_more = guest.connect();
    assert!(matches!(one_more.any(), Heard::Close(1013, _)));
    first.close();
    eventually(
        "a place",
        || {
            let mut socket = guest.connect();
            let heard = socket.any();
            socket.cut();
            heard
        },
        |heard| matches!(heard, Heard::Frame(hello) if hello["type"] == "Hello"),
    );
}

/// Whoever is sent away while sending hears why: the last words are not lost to the broken session.
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
