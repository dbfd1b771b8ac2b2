//! No reading path of the product shows a direct talk to others than its members: each `GET` of the OpenAPI document, each call about
//! a room, streams, the line door, the figures, what webhooks send, `chatd export` and the log. `SECRECY_SEED` says what happens.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::kit::{Chatd, DEADLINE, Dice, command, connect, hears, says};
use crate::webhooks::receiver;

const KEY: &str = "a-key-that-is-long-enough";
/// In each word of the talk, and nowhere else.
const MARK: &str = "leafmark";
const TALK: &str = "@ani+budi";
/// A talk that there is not, of users that there are: what is answered about it is what is to be answered about the other.
const NO_TALK: &str = "@ani+bido";
/// What ends a round.
const END: &str = "the round is over";
/// A message that there is not.
const NO_MESSAGE: &str = "01890a5d-0000-7000-8000-00000000000a";

/// An answer to a call: its status and its body, without the number of the request.
fn answer(raw: &str) -> (u16, String) {
    let status = raw.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = raw.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let Ok(mut problem) = serde_json::from_str::<Value>(body) else { return (status, body.into()) };
    if let Some(problem) = problem.as_object_mut() {
        problem.remove("instance");
    }
    (status, problem.to_string())
}

/// One who calls; the header of a stranger is empty.
struct Caller {
    name: &'static str,
    header: String,
}

/// The server, and the files of a data directory that outlives it.
struct House {
    chatd: Chatd,
    figures: String,
    files: String,
}

impl House {
    fn start(data: &Path) -> House {
        let off = ["--burst", "--spam-lines", "--spam-repeats", "--max-per-address", "--read-burst", "--arrivals"];
        let mut started = command();
        started.args(off.iter().flat_map(|limit| [limit, "0"])).args(["--log", "trace", "--webhooks-inside", "yes"]);
        started.env("CHAT_OPERATOR_KEY", KEY).env("CHAT_METRICS", "127.0.0.1:0").env("CHAT_DATA", data);
        let mut chatd = Chatd::run(&mut started);
        let files = chatd.prints("files on ");
        let figures = chatd.prints("figures on http://").trim_end_matches("/metrics").into();
        House { chatd, figures, files }
    }

    fn session(&self, name: &'static str, verb: &str) -> Caller {
        let (path, body) = match verb {
            "guest" => ("/api/users", json!({ "name": name })),
            "register" => ("/api/accounts", json!({ "name": name, "password": "correct-horse" })),
            _ => ("/api/session", json!({ "name": name, "password": "correct-horse" })),
        };
        let raw = self.chatd.call("POST", path, "Content-Type: application/json\r\n", &body.to_string());
        let (status, body) = answer(&raw);
        assert!(matches!(status, 200 | 201), "{name}: {raw}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        Caller { name, header: format!("Authorization: Bearer {}\r\n", body["token"].as_str().expect("a token")) }
    }

    fn get(&self, who: &Caller, path: &str) -> (u16, String) {
        answer(&self.chatd.call("GET", path, &who.header, ""))
    }

    /// A user at the line door, by hand or as a program.
    fn line(&self, words: &str) -> BufReader<TcpStream> {
        let mut person = BufReader::new(connect(&self.chatd.line));
        says(&mut person, &format!("{words}\n"));
        hears(&mut person, " OK ");
        person
    }

    /// Reads a connection to the end of the round, on a thread of its own.
    fn listens(
        name: &'static str,
        end: String,
        mut reader: BufReader<TcpStream>,
    ) -> JoinHandle<(&'static str, String)> {
        thread::spawn(move || {
            let mut all = String::new();
            while !all.ends_with('\n') || !all.lines().last().is_some_and(|line| line.contains(&end)) {
                assert!(reader.read_line(&mut all).expect("a line in time") > 0, "{name}: the end came: {all}");
            }
            (name, all)
        })
    }

    fn stream(&self, who: &Caller, end: &str, last: Option<&str>) -> JoinHandle<(&'static str, String)> {
        let mut stream = BufReader::new(connect(&self.chatd.page));
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        let (page, header) = (&self.chatd.page, &who.header);
        says(&mut stream, &format!("GET /api/events HTTP/1.1\r\nHost: {page}\r\n{header}{last}\r\n"));
        hears(&mut stream, "event-stream");
        if last.is_empty() {
            // What is said from now on comes.
            hears(&mut stream, "\"type\":\"People\"");
        }
        House::listens(who.name, end.into(), stream)
    }
}

impl House {
    /// A place in a stream from which the talk would come as a whole.
    fn before_the_talk(&self, who: &Caller, other: &mut BufReader<TcpStream>) -> String {
        let mut stream = BufReader::new(connect(&self.chatd.page));
        says(&mut stream, &format!("GET /api/events HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.chatd.page, who.header));
        hears(&mut stream, "\"type\":\"People\"");
        says(other, "MSG:hello\n");
        let id = hears(&mut stream, "id: ");
        let start = id.trim().trim_start_matches("id: ").split(';').next().expect("the start of the server");
        format!("{start};lobby=0;{TALK}=0;@2020-01-01T00:00:00.000Z=0")
    }
}

/// What stands for each parameter of a call, by its name. A parameter that is new has to be put here.
fn value(name: &str, talk: &str, ids: &Ids) -> Option<String> {
    Some(match name {
        "room" => talk.replace('+', "%2B"),
        "id" | "around" => ids.message.clone(),
        "q" => "leaf*".into(),
        "number" | "v" => "1".into(),
        "name" => "ani".into(),
        "key" => "lang".into(),
        // A page has no bounds, and shows all.
        "before" | "after" | "limit" | "Last-Event-ID" => return None,
        _ => panic!("the test does not know what to give for the parameter {name}"),
    })
}

/// What names the talk without its name.
#[derive(Clone)]
struct Ids {
    /// The newest message of the talk.
    message: String,
}

/// Each way to make a call of the document: without what may be left out, and with all of it.
fn paths(template: &str, operation: &Value, talk: &str, ids: &Ids) -> Vec<String> {
    let none = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&none);
    let made = |all: bool| {
        let (mut path, mut query) = (format!("/api{template}"), Vec::new());
        for parameter in parameters {
            let name = parameter["name"].as_str().expect("a name");
            let wanted = all || parameter["required"] == true || name == "room";
            let Some(value) = value(name, talk, ids).filter(|_| wanted) else { continue };
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &value),
                Some("query") => query.push(format!("{name}={value}")),
                place => panic!("a parameter in {place:?}"),
            }
        }
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    };
    let mut all = vec![made(false), made(true)];
    all.dedup();
    all
}

/// Reads whatever can be read by calls: nothing of the talk is in it, and about the talk the same is said as about one that there is not.
fn reads_everything(house: &House, callers: &[Caller], ids: &Ids) {
    let document: Value = serde_json::from_str(include_str!("../../../chat_web/openapi.json")).expect("JSON");
    let none = Ids { message: NO_MESSAGE.into() };
    let mut count = 0;
    for (template, operations) in document["paths"].as_object().expect("paths") {
        let template = template.strip_prefix("/api").unwrap_or(template);
        for (method, operation) in operations.as_object().expect("operations") {
            let is_about_a_room = template.contains("{room}");
            // Streams are read by connections of their own.
            if (method != "get" && !is_about_a_room) || template == "/events" {
                continue;
            }
            let same = paths(template, operation, NO_TALK, &none);
            for (path, same) in paths(template, operation, TALK, ids).iter().zip(&same) {
                for who in callers {
                    let call = |path: &str| {
                        let (method, body) = (method.to_uppercase(), if method == "put" { "{}" } else { "" });
                        let headers = format!("{}Content-Type: application/json\r\n", who.header);
                        answer(&house.chatd.call(&method, path, &headers, body))
                    };
                    let (status, body) = call(path);
                    assert!(!body.contains(MARK), "{}: {method} {path}: {body}", who.name);
                    if path == same {
                        assert!(!body.contains("@ani"), "{}: {method} {path}: {body}", who.name);
                    } else {
                        let (other, said) = call(same);
                        let body = body.replace("budi", "bido").replace(&ids.message, NO_MESSAGE);
                        assert_eq!((status, body), (other, said), "{}: {method} {path}", who.name);
                    }
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "{count} calls");
    let mut figures = connect(&house.figures);
    write!(figures, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", house.figures).expect("written");
    let mut text = String::new();
    figures.read_to_string(&mut text).expect("figures");
    assert!(text.contains("chat_rooms 1\n") && !text.contains(MARK) && !text.contains('@'), "{text}");
}

/// Ani and budi do something in their talk, by a door that is drawn.
fn talks(house: &House, dice: &mut Dice, line: &mut BufReader<TcpStream>, budi: &Caller, number: usize) {
    let words = format!("{MARK} {number}");
    let at_line = [
        format!("WHISPER:budi {words}"),
        format!("SAY:@budi {words}"),
        format!("SAY:@budi @citra, @gita: {words}"),
        format!("/answer @budi last {words}"),
        format!("/edit @budi last {words} again"),
        "/react @budi last 👍".into(),
        "/unreact @budi last 👍".into(),
        "TYPING:@budi".into(),
        "/delete @budi last".into(),
        "READ:@budi".into(),
        "NOTIFY:@budi mute".into(),
        "FOLLOW:on".into(),
    ];
    let drawn = dice.below(at_line.len() + 4);
    if let Some(words) = at_line.get(drawn) {
        says(line, &format!("{words}\nPING:{number}\n"));
        hears(line, &format!("PONG {number}"));
        return;
    }
    let body = json!({ "room": "@ani", "text": words }).to_string();
    let headers = format!("{}Content-Type: application/json\r\n", budi.header);
    let said = house.chatd.call("POST", "/api/messages", &headers, &body);
    assert!(said.starts_with("HTTP/1.1 201 "), "{said}");
}

/// The newest message of the talk that stands, by budi's calls; there is one.
fn newest(house: &House, budi: &Caller) -> Ids {
    let (status, page) = house.get(budi, "/api/rooms/@ani/messages?limit=200");
    assert!(status == 200 && page.contains(MARK), "{page}");
    let page: Value = serde_json::from_str(&page).expect("JSON");
    let message = page["messages"].as_array().and_then(|all| all.last()).expect("a message");
    let id = message["id"].as_str().expect("an id").to_string();
    assert_eq!(house.get(budi, &format!("/api/messages/{id}")).0, 200, "its members find it");
    Ids { message: id }
}

/// A file of the talk is there. Returns its token.
fn sends_a_file(house: &House, line: &mut BufReader<TcpStream>) -> String {
    says(line, &format!("SEND:@budi 5 {MARK}.txt\n"));
    let granted = hears(line, " OK SEND ");
    let token = granted.split(' ').find_map(|word| word.strip_prefix("token=")).expect("a token").to_string();
    let mut socket = connect(&house.files);
    write!(socket, "PUT {token}\nhalo\n").expect("written");
    socket.shutdown(std::net::Shutdown::Write).expect("it is open");
    let mut put = String::new();
    socket.read_to_string(&mut put).expect("an answer");
    assert!(put.starts_with("OK PUT "), "{put}");
    token
}

/// Budi names the talk, and words of it, in the paths and queries of calls: as written, and as a browser writes them.
fn names_the_talk(house: &House, budi: &Caller) {
    for talk in [TALK, "@ani%2Bbudi", "%40ani%2Bbudi", "@ani"] {
        for path in [format!("/api/rooms/{talk}/messages"), format!("/api/rooms/{talk}/messages?q={MARK}")] {
            let (status, page) = house.get(budi, &path);
            assert!(status == 200 && page.contains(MARK), "{path}: {page}");
        }
        let path = format!("/api/files?name={MARK}.txt&room={talk}");
        let headers = format!("{}Content-Type: text/plain\r\n", budi.header);
        let sent = house.chatd.call("POST", &path, &headers, "halo");
        assert!(sent.starts_with("HTTP/1.1 201 "), "{path}: {sent}");
    }
}

/// All that a user at the line door is told to looks at whatever there is.
fn looks(line: &mut BufReader<TcpStream>) -> String {
    let looks = [
        "LIST:",
        "ROOMS:",
        "WHO:ani",
        "WHO:budi",
        "UNREAD:all",
        "MENTIONS:",
        "SEARCH:leaf*",
        "EXPORT:#lobby",
        "AUDIT:",
        "STATS:all",
        "FILES:",
        "BANS:",
        "WEBHOOK:all",
        "WEBHOOK:dead",
        "BOT:",
        "INSPECT:",
        "HISTORY:@ani+budi",
        "FILES:@ani+budi",
        "READ:@ani+budi 1",
        "EXPORT:@ani+budi",
        "SEARCH:@ani+budi leaf*",
        "TYPING:@ani+budi",
        "PING:looked",
    ];
    looks.iter().for_each(|look| says(line, &format!("{look}\n")));
    let mut all = String::new();
    while !all.contains(" PONG looked") {
        assert!(line.read_line(&mut all).expect("a line in time") > 0, "{all}");
    }
    all
}

#[test]
fn no_reading_path_shows_a_talk_to_others_than_its_members() {
    let seed = std::env::var("SECRECY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let (mut dice, dir) = (Dice(seed), tempfile::tempdir().expect("a folder"));
    let data = dir.path().join("data");
    let (port, calls) = receiver();
    let mut verbs = ("register", "REGISTER");
    for round in 0..2 {
        let (house, end) = (House::start(&data), format!("{END} {round}"));
        let mut ani = house.line(&format!("{}:ani correct-horse", verbs.1));
        says(&mut ani, "OPT:presence=off\n");
        let [budi, citra, gita] = ["budi", "citra", "gita"].map(|name| house.session(name, verbs.0));
        let _bido = house.session("bido", verbs.0);
        let (guest, stranger) = (house.session("eko", "guest"), Caller { name: "stranger", header: String::new() });
        let mut boss = house.line(&format!("JOIN:boss\nOPER:{KEY}\nROLE:gita admin"));
        hears(&mut boss, " OK ROLE ");
        if round == 0 {
            says(&mut boss, &format!("WEBHOOK:#lobby http://127.0.0.1:{port}/\n"));
            hears(&mut boss, " OK WEBHOOK ");
        }
        let operator = Caller { name: "operator", header: format!("Authorization: Bearer {KEY}\r\n") };
        let callers = [citra, gita, guest, stranger, operator];
        let looker = house.line("JOIN:fitri");
        let mut listening: Vec<_> = callers[..3].iter().map(|who| house.stream(who, &end, None)).collect();
        listening.push(House::listens("fitri", end.clone(), looker));
        // There is one, and budi has it.
        says(&mut ani, &format!("WHISPER:budi {MARK}\n"));
        hears(&mut ani, " OK WHISPER ");
        for number in 0..25 {
            talks(&house, &mut dice, &mut ani, &budi, number);
        }
        let token = sends_a_file(&house, &mut ani);
        says(&mut ani, &format!("SAY:@budi {MARK} last\nPING:said\n"));
        hears(&mut ani, "PONG said");
        let before = house.before_the_talk(&budi, &mut ani);
        listening.extend(callers[..3].iter().map(|who| house.stream(who, &end, Some(&before))));
        let own = house.stream(&budi, &end, Some(&before));
        reads_everything(&house, &callers, &newest(&house, &budi));
        for who in &callers {
            let (status, file) = house.get(who, &format!("/files/{token}"));
            assert!(status >= 400 && !file.contains("halo"), "{}: {status} {file}", who.name);
        }
        assert_eq!(house.get(&budi, &format!("/files/{token}")), (200, "halo\n".into()));
        names_the_talk(&house, &budi);
        let told = looks(&mut boss);
        assert!(!told.contains(MARK) && !told.contains(&token), "{told}");
        // Only refusals have the name that was asked for.
        let mut names = told.lines().filter(|line| line.contains("@ani"));
        assert!(names.all(|line| line.contains(" ERR ")), "{told}");
        says(&mut ani, &format!("MSG:{end}\n"));
        for listener in listening {
            let (name, all) = listener.join().expect("it has heard the end");
            assert!(!all.contains(MARK) && !all.contains("@ani"), "{name}: {all}");
        }
        assert!(own.join().expect("it has heard the end").1.contains(MARK), "its members get it");
        // All before it has gone out as well: a room goes in its order.
        loop {
            let sent = calls.recv_timeout(DEADLINE).expect("a call in time");
            assert!(!sent.contains(MARK) && !sent.contains(TALK), "{sent}");
            if sent.contains(&end) {
                break;
            }
        }
        // Each call is in the log, without what its path and its query name.
        let log = house.chatd.log();
        assert!(log.contains("/api/rooms/{room}/messages") && log.contains("/api/files"), "{log}");
        let secret = log.lines().find(|line| {
            ["@ani", "%40ani", "@budi", "%40budi", MARK, &token].iter().any(|secret| line.contains(secret))
        });
        assert_eq!(secret, None);
        verbs = ("login", "LOGIN");
        // The drop kills it.
    }
    let export = command().env("CHAT_DATA", &data).arg("export").output().expect("chatd runs");
    let export = String::from_utf8(export.stdout).expect("UTF-8");
    assert!(export.contains(END) && !export.contains(MARK) && !export.contains("@ani"), "{export}");
}
