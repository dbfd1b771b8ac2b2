//! Files by REST: what one sends the others see, and what they fetch cannot run.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use chat_server::config::Config;
use chat_server::testing::quick;
use chat_web::WebConfig;
use serde_json::json;

use crate::kit::{Call, Reply, Stage, call, eventually, get};
use crate::openapi::declared;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and then some bytes that are no picture";

fn stage(set: impl FnOnce(&mut Config)) -> Stage {
    let mut config = quick();
    config.files = "127.0.0.1:0".into();
    set(&mut config);
    Stage::with(config, WebConfig::default())
}

fn send(query: &str, body: &[u8]) -> Call {
    call("POST", &format!("/api/files?{query}")).header("content-type", "application/octet-stream").body(body)
}

#[track_caller]
fn url(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["url"].as_str().expect("an address").to_string()
}

#[test]
fn a_file_of_the_page_is_a_message_for_all_doors() {
    let stage = stage(|_| {});
    let mut budi = stage.line("budi");
    let (ani, mut socket) = stage.page("ani");
    let words = send("room=lobby&name=laporan%20akhir.txt", b"halo\n");
    let reply = ani.call(words.clone());
    declared(&words, &reply);
    let answer = reply.json();
    assert_eq!((&answer["room"], &answer["seq"], &answer["bytes"]), (&json!("lobby"), &json!(1), &json!(5)));
    let token = answer["token"].as_str().expect("a token");
    budi.until(&format!("* FILE #lobby 1 ani 5 {token}: laporan akhir.txt"));
    let file = json!({ "bytes": 5, "token": token });
    socket.until(&json!({ "type": "Message", "room": "lobby", "seq": 1, "text": "laporan akhir.txt", "file": file }));
    // By the read model as well, and gone with its line.
    let page = || stage.call(get("/api/rooms/lobby/messages")).json()["messages"][0]["file"].clone();
    eventually("it is in the room", page, |page| *page == file);
    let kept = stage.call(get(&format!("/files/{token}")));
    assert_eq!((kept.status, kept.body.as_slice()), (200, &b"halo\n"[..]));
    socket.send(&json!({ "type": "Delete", "room": "lobby", "target": 1 }));
    eventually("it is gone", || stage.call(get(&format!("/files/{token}"))).status, |status| *status == 404);
}

/// The page keeps the place of a picture before it comes. What has no size is a file like any other.
#[test]
fn a_picture_says_how_large_it_is() {
    let stage = stage(|_| {});
    let (ani, mut socket) = stage.page("ani");
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0";
    for (name, body, size) in [("x.png", &head[..], Some((640, 480))), ("y.png", PNG, None), ("z.txt", b"halo", None)] {
        url(&ani.call(send(&format!("name={name}"), body)));
        let frame = socket.until(&json!({ "type": "Message", "text": name }));
        let side = |side: &str| frame["file"][side].as_u64();
        assert_eq!(side("width").zip(side("height")), size, "{name}: {frame}");
        assert_eq!(side("width").is_some(), size.is_some(), "{name}: {frame}");
    }
    let page = stage.call(get("/api/rooms/lobby/messages")).json();
    assert_eq!(page["messages"][0]["file"]["height"], json!(480), "by the read model as well");
}

#[test]
fn what_is_fetched_cannot_run() {
    let stage = stage(|_| {});
    let ani = stage.guest("ani");
    for (name, body, kind, how) in [
        ("x.png", PNG, "image/png", "inline"),
        ("x.html", &b"<script>alert(1)</script>"[..], "application/octet-stream", "attachment"),
        (
            "x.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            "application/octet-stream",
            "attachment",
        ),
        // What it is called counts for nothing.
        ("x.png", b"<html>", "application/octet-stream", "attachment"),
        ("x.html", PNG, "image/png", "inline"),
    ] {
        let reply = stage.call(get(&url(&ani.call(send(&format!("name={name}"), body)))));
        assert_eq!((reply.status, reply.body.as_slice()), (200, body), "{name}");
        assert_eq!(reply.header("content-type"), Some(kind), "{name}");
        assert_eq!(reply.header("content-security-policy"), Some("sandbox; default-src 'none'"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        let disposition = reply.header("content-disposition").unwrap_or_default();
        assert_eq!(disposition, format!("{how}; filename=\"{name}\"; filename*=UTF-8''{name}"));
    }
}

#[test]
fn a_whispered_file_is_for_its_two_people_alone() {
    let stage = stage(|_| {});
    let (ani, budi, citra) = (stage.guest("ani"), stage.guest("budi"), stage.guest("citra"));
    let reply = ani.call(send("to=budi&name=rahasia.txt", b"psst"));
    assert_eq!((&reply.json()["to"], reply.json()["room"].is_null()), (&json!("budi"), true));
    let url = url(&reply);
    for (who, status) in [(Some(&ani), 200), (Some(&budi), 200), (Some(&citra), 404), (None, 404)] {
        let reply = who.map_or_else(|| stage.call(get(&url)), |who| who.call(get(&url)));
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

/// What a file can be refused with, each once.
pub(crate) fn problems() -> BTreeSet<String> {
    let mut had = BTreeSet::new();
    let limited = stage(|config| {
        config.file_bytes = 1_000;
        config.file_bytes_each = 1_500;
    });
    let (ani, mut socket) = limited.page("ani");
    let mut check = |call: Call, status: u16, code: &str| {
        let reply = ani.call(call.clone());
        declared(&call, &reply);
        assert_eq!((reply.status, reply.problem().as_str()), (status, code), "{}", reply.text());
        had.insert(code.to_string());
    };
    check(send("name=x", &[7; 1_001]), 413, "file-too-big");
    check(send("name=x", b""), 422, "wrong-fields");
    check(send("room=nowhere&name=x", b"x"), 404, "no-such-room");
    check(send("to=nobody&name=x", b"x"), 404, "no-such-user");
    check(send("room=lobby", b"x"), 400, "bad-request");
    assert_eq!(limited.call(send("name=x", b"x")).problem(), "not-signed-on");
    assert_eq!(ani.call(send("name=x", b"x").header("origin", "https://evil.example")).problem(), "foreign-origin");
    // A browser that is closed in the middle: the sender is told, and the place is free again.
    let mut cut = TcpStream::connect(limited.addr()).expect("the door is open");
    let head = format!(
        "POST /api/files?name=half.bin HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: 900\r\n\r\nhalf",
        ani.token
    );
    cut.write_all(head.as_bytes()).expect("it is read");
    drop(cut);
    let text = "The file half.bin did not get to #lobby: 4 of 900 bytes came.";
    socket.until(&json!({ "type": "Notice", "room": "lobby", "text": text }));
    url(&ani.call(send("name=whole.bin", &[7; 1_000])));
    check(send("name=more.bin", &[7; 1_000]), 409, "too-many-files");
    // Without a size no user knows whether there is place for it.
    let mut chunked = TcpStream::connect(limited.addr()).expect("the door is open");
    let head = format!(
        "POST /api/files?name=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        ani.token
    );
    chunked.write_all(head.as_bytes()).expect("it is read");
    let mut answer = String::new();
    chunked.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 411 ") && answer.contains("length-required"), "{answer}");
    had.insert("length-required".into());
    // A user who sends a part and then nothing.
    let full = stage(|config| {
        config.file_bytes_total = 100;
        config.slow_secs = Duration::from_millis(500);
    });
    let ani = full.guest("ani");
    let reply = ani.call(send("name=x", &[7; 101]));
    assert_eq!((reply.status, reply.problem().as_str()), (507, "no-space"));
    let mut slow = TcpStream::connect(full.addr()).expect("the door is open");
    let head = format!(
        "POST /api/files?name=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Length: 9\r\n\r\nx",
        ani.token
    );
    slow.write_all(head.as_bytes()).expect("it is read");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("too-slow"), "{answer}");
    assert_eq!(full.call(get(&format!("/files/{}", "0".repeat(32)))).problem(), "bad-token");
    had.extend(["no-space", "too-slow", "bad-token", "no-files"].map(String::from));
    had
}

#[test]
fn what_does_not_go_says_why_and_leaves_nothing() {
    assert!(problems().contains("too-many-files"));
}

#[test]
fn where_no_files_are_passed_on_there_are_none() {
    let stage = Stage::start();
    let ani = stage.guest("ani");
    assert_eq!(ani.call(send("name=x", b"x")).problem(), "no-files");
    assert_eq!(stage.call(get("/files/00000000000000000000000000000000")).problem(), "no-files");
    assert!(stage.call(get("/api/server")).json()["files"].is_null());
}

/// A client that sends all of its file before it reads sees why it was refused: the door reads what still comes, for a reset
/// would take the answer away.
#[test]
fn a_refusal_arrives_though_the_file_is_still_under_way() {
    let stage = stage(|config| config.file_bytes = 1_000);
    let (ani, _socket) = stage.page("ani");
    // More than the system keeps for a peer that does not read.
    let file = vec![b'x'; 12 << 20];
    let head = format!(
        "POST /api/files?name=large.bin HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        ani.token,
        file.len()
    );
    let mut socket = TcpStream::connect(stage.addr()).expect("the door is open");
    socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(&file)).expect("all of it is taken");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("file-too-big"), "{answer}");
}

#[test]
fn a_file_of_a_closed_room_asks_who_wants_it() {
    let stage = stage(|_| {});
    let (ani, mut socket) = stage.page("ani");
    let budi = stage.guest("budi");
    for line in ["/join #club", "/mode #club +i"] {
        socket.send(&json!({"type": "Command", "line": line, "room": "club"}));
        socket.settle();
    }
    let place = url(&ani.call(send("room=club&name=plan.txt", b"secret\n")));
    // Who has the token and nothing else has too little, and learns no more than by any other call.
    for reply in [stage.call(get(&place)), budi.call(get(&place)), budi.call(get("/api/rooms/club/messages"))] {
        assert_eq!((reply.status, reply.problem()), (403, "invite-only".into()));
    }
    assert_eq!(ani.call(get(&place)).body, b"secret\n");
    socket.send(&json!({"type": "Command", "line": "/mode #club -i", "room": "club"}));
    socket.settle();
    assert_eq!(stage.call(get(&place)).body, b"secret\n");
}
