//! What is asked of every call before anything else: by which name the server is called, and whose page it comes from.

use std::io::{Read, Write};
use std::net::TcpStream;

use chat_server::config::Config;
use chat_server::config::hosts::Hosts;
use chat_web::WebConfig;
use serde_json::json;

use crate::kit::{Call, DEADLINE, Stage, Ws, call, get, post, quick};

/// Every kind of route that there is, and one that there is not.
fn routes() -> Vec<Call> {
    let paths = [
        "/",
        "/index.html",
        "/admin",
        "/app.css",
        "/js/main.js",
        "/manifest.webmanifest",
        "/ws",
        "/files/abc",
        "/nothing",
        "/problems/unknown-host",
        "/api/nothing",
        "/api/healthz",
        "/api/readyz",
        "/api/server",
        "/api/users",
        "/api/v1/users",
        "/api/messages",
        "/api/rooms/lobby/export",
        "/api/openapi.json",
        "/api/admin/overview",
    ];
    let mut all: Vec<Call> = paths.into_iter().map(get).collect();
    all.extend(["HEAD", "OPTIONS", "PUT", "DELETE"].map(|method| call(method, "/api/users")));
    all.push(post("/api/users", &json!({ "name": "eve" })));
    all.push(post("/api/accounts", &json!({ "name": "eve", "password": "correct-horse" })));
    all.push(call("POST", "/api/files?name=x").body("x"));
    all
}

/// The first line of what a request is answered with that is written here byte by byte.
fn raw(stage: &Stage, request: &str) -> String {
    let mut stream = TcpStream::connect(stage.addr()).expect("the door is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    let _cut = stream.read_to_string(&mut answer);
    answer.lines().next().unwrap_or_default().to_string()
}

#[test]
fn every_route_refuses_a_name_that_is_not_the_servers() {
    let stage = Stage::start();
    for route in routes() {
        let reply = stage.call(route.clone().header("host", "evil.example"));
        assert_eq!(reply.status, 421, "{} {}", route.method, route.path);
        if route.method != "HEAD" {
            assert_eq!(reply.problem(), "unknown-host", "{} {}", route.method, route.path);
            assert!(reply.text().contains("web_hosts"), "{}", reply.text());
        }
        for forwarded in ["x-forwarded-host", "x-forwarded-server", "forwarded"] {
            let other = route.clone().header("host", "evil.example").header(forwarded, "localhost");
            assert_eq!(stage.call(other).status, 421, "a forwarded header plays no part");
        }
    }
    assert_eq!(stage.server().handle().registry().people().len(), 0, "nobody came in");
    // The name in the address itself counts before the header.
    let line = raw(&stage, "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(line.starts_with("HTTP/1.1 421 "), "{line}");
    for request in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    ] {
        let line = raw(&stage, request);
        assert!(line.contains(" 400 "), "{request}: {line}");
    }
}

#[test]
fn a_name_that_is_set_is_known_from_that_moment() {
    let friend = WebConfig { origins: vec!["https://friend.example:8443".into()], ..WebConfig::default() };
    let stage = Stage::with(quick(), friend);
    let status = |host: &str| stage.call(get("/").header("host", host)).status;
    for host in
        ["localhost", "LOCALHOST:3000", "a.localhost", "127.0.0.1", "192.0.2.7:3000", "[::1]:3000", "friend.example"]
    {
        assert_eq!(status(host), 200, "{host}");
    }
    assert_eq!([status("chat.example"), status("tea.example.org")], [421, 421]);
    let web_hosts = Hosts::parse("chat.example .example.org").expect("names");
    stage.server().handle().reload(Config { web_hosts, ..quick() });
    assert_eq!([status("chat.example:3000"), status("tea.example.org"), status("example.org")], [200; 3]);
    assert_eq!([status("evilchat.example"), status("chat.example.evil.example"), status("evilexample.org")], [421; 3]);
}

/// A browser that came by HTTPS says so itself, and a page by plain http cannot say it.
#[test]
fn a_browser_by_https_needs_no_setting() {
    let stage = Stage::start();
    let named = |name: &str| post("/api/users", &json!({ "name": name })).header("host", "chat.example");
    let https = named("ana").header("origin", "https://chat.example");
    assert_eq!(stage.call(https).status, 201);
    let port = named("budi").header("origin", "https://chat.example:8443");
    assert_eq!(stage.call(port).status, 421, "another port is another server");
    let page = get("/").header("host", "chat.example").header("sec-fetch-site", "none");
    assert_eq!(stage.call(page).status, 200);
    let rebound = named("eve").header("origin", "http://chat.example").header("sec-fetch-site", "same-origin");
    assert_eq!(stage.call(rebound).problem(), "unknown-host");
}

/// Whether an origin is ours is a question of whole names: one that ends, or begins, as ours is foreign.
#[test]
fn an_origin_that_only_looks_like_ours_is_foreign() {
    let config = WebConfig { origins: vec!["https://friend.example".into()], ..WebConfig::default() };
    let stage = Stage::with(Config { web_hosts: Hosts::parse("chat.example").expect("a name"), ..quick() }, config);
    let mut number = 0;
    let mut both = |host: &str, origin: &str| {
        number += 1;
        let name = json!({ "name": format!("n{number}") });
        let post = stage.call(post("/api/users", &name).header("host", host).header("origin", origin)).status;
        let socket = get("/ws").header("host", host).header("origin", origin).header("connection", "upgrade");
        // Without an upgrade it is 426: it was let in as far as that.
        (post, stage.call(socket).status)
    };
    for (host, origin) in [
        ("chat.example", "https://chat.example"),
        ("chat.example:443", "https://chat.example"),
        ("chat.example:80", "http://chat.example"),
        ("Chat.Example:3000", "http://chat.example:3000"),
        ("chat.example", "https://friend.example"),
    ] {
        assert_eq!(both(host, origin), (201, 426), "{host} {origin}");
    }
    for origin in [
        "https://evilchat.example",
        "https://evil.chat.example",
        "https://chat.example.evil.example",
        "https://evilfriend.example",
        "https://evil.friend.example",
        "https://evil.example/https://friend.example",
        "https://friend.example:8443",
        "http://friend.example",
        "https://FRIEND.example",
        "https://friend.example:443",
        "https://chat.example:443",
        "HTTPS://chat.example",
        "https://chat.example/",
        "https://x@chat.example",
        "null",
        "",
    ] {
        assert_eq!(both("chat.example", origin), (403, 403), "{origin}");
    }
}

#[test]
fn a_call_with_a_cookie_says_whose_page_it_is_from() {
    let stage = Stage::start();
    let ana = stage.guest("ana");
    let own = format!("http://{}", stage.addr());
    let say = |headers: &str| {
        let body = "{\"text\":\"hi\"}";
        let host = stage.addr();
        raw(
            &stage,
            &format!(
                "POST /api/messages HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n{headers}\r\n{body}",
                body.len()
            ),
        )
    };
    let cookie = format!("Cookie: x=y\r\nAuthorization: Bearer {}\r\n", ana.token);
    for (headers, status) in [
        (String::new(), "403"),
        (format!("Origin: {own}\r\n"), "201"),
        ("Sec-Fetch-Site: same-origin\r\n".into(), "201"),
        ("Sec-Fetch-Site: none\r\n".into(), "201"),
        ("Sec-Fetch-Site: same-site\r\n".into(), "403"),
        ("Sec-Fetch-Site: cross-site\r\n".into(), "403"),
        ("Sec-Fetch-Site: same-origin\r\nOrigin: https://evil.example\r\n".into(), "403"),
        (format!("Origin: {own}\r\nOrigin: https://evil.example\r\n"), "403"),
    ] {
        let line = say(&format!("{cookie}{headers}"));
        assert!(line.contains(status), "{headers:?}: {line}");
    }
    assert!(say(&format!("Authorization: Bearer {}\r\n", ana.token)).contains("201"), "a program has no cookie");
    // What changes nothing is as before: a page by plain http on a network sends neither.
    let read = format!("GET /api/users HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookie}\r\n", stage.addr());
    assert!(raw(&stage, &read).contains(" 200 "));
    // A WebSocket is no reading.
    let socket = |origin: Option<&str>| {
        let headers = [("cookie", "x=y".to_string()), ("authorization", format!("Bearer {}", ana.token))];
        let origin = origin.map(|origin| ("origin", origin.to_string()));
        Ws::with(stage.addr(), &headers.into_iter().chain(origin).collect::<Vec<_>>()).is_ok()
    };
    assert_eq!([socket(None), socket(Some(&own)), socket(Some("https://evil.example"))], [false, true, false]);
}

/// Without a known proxy no user passes calls on; what the others on this machine do goes on.
#[test]
fn an_unknown_proxy_on_this_machine_is_refused() {
    let stage = Stage::start();
    for header in ["x-forwarded-for", "X-Forwarded-Proto", "x-forwarded-host", "forwarded", "x-real-ip"] {
        let reply = stage.call(get("/api/users").header(header, "192.0.2.7"));
        assert_eq!((reply.status, reply.problem().as_str()), (400, "unknown-proxy"), "{header}");
        assert!(reply.text().contains("web_proxies"), "{}", reply.text());
        let headers = [(header.to_ascii_lowercase(), "https".to_string())];
        let refused = get("/ws").header(&headers[0].0, &headers[0].1);
        assert_eq!(stage.call(refused).problem(), "unknown-proxy");
    }
    assert_eq!(stage.call(get("/api/users")).status, 200);
}
