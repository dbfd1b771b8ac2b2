//! The sender beside a server, with a receiver of the test's own.

#[path = "../../../chat_calls/tests/receiver/mod.rs"]
mod receiver;

use std::io::Write;
use std::process::{Command, Stdio};

use chat_server::model::names::Name;
use chat_server::model::roles::{Policy, Role};
use chat_server::testing::{MemoryStore, Setup, TestClient, TestServer, quick};
use chat_webhooks::{Settings, Webhooks};
use receiver::{DEADLINE, Got, Receiver, answer};

/// A server that keeps what is said in this memory, its sender, and ani, who has an account and is alone in #rust.
struct Stage {
    webhooks: Option<Webhooks>,
    server: TestServer,
    memory: MemoryStore,
}

impl Stage {
    fn new() -> Stage {
        let memory = MemoryStore::default();
        for (name, role) in [("ani", Role::Member), ("root", Role::Admin)] {
            memory.add(&Name::parse(name).expect("a name"), "correct horse", role);
        }
        Stage::of(memory)
    }

    fn of(memory: MemoryStore) -> Stage {
        let policy = Policy { plain_passwords: true, ..Policy::default() };
        let server = TestServer::with(Setup { kept: Some((memory.clone(), policy)), ..quick().into() });
        let webhooks = Webhooks::start(server.handle().clone(), Settings { inside: true }).expect("threads");
        Stage { webhooks: Some(webhooks), server, memory }
    }

    fn signed_in(&self, name: &str) -> TestClient {
        let mut client = self.server.connect();
        client.send(&format!("LOGIN:{name} correct horse"));
        client.until("* OK LOGIN ...");
        client.send("JOIN:#rust");
        client.until("* OK JOIN room=#rust ...");
        client
    }

    /// Stops the sender, and then the server.
    fn stop(mut self) -> MemoryStore {
        let stopped = self.webhooks.take().expect("a sender").stop(DEADLINE);
        stopped.expect("no receiver is called any more");
        self.server.stop().expect("it ends in order");
        self.memory
    }
}

/// Makes a webhook of #rust. Returns its number and its secret.
fn make(client: &mut TestClient, receiver: &Receiver) -> (u64, String) {
    client.send(&format!("WEBHOOK:#rust http://{}/chat?key=x", receiver.addr));
    let told = client.until("* OK WEBHOOK ...");
    let pair =
        |key: &str| told.split_once(key).expect("a pair").1.split([' ', ':']).next().expect("a value").to_string();
    (pair("number=").parse().expect("a number"), pair("secret="))
}

fn json(got: &Got) -> serde_json::Value {
    serde_json::from_str(&got.body).expect("JSON")
}

fn ok() -> String {
    answer("200 OK", "", "")
}

#[test]
fn what_is_said_in_the_room_goes_to_its_receiver_and_nothing_else_does() {
    let stage = Stage::new();
    let receiver = Receiver::answering(&[&ok()]);
    let mut ani = stage.signed_in("ani");
    ani.send("before it was made");
    let (number, _) = make(&mut ani, &receiver);
    let first = receiver.next();
    assert_eq!(first.first, "POST /chat?key=x HTTP/1.1");
    let frame = json(&first);
    assert_eq!((&frame["type"], &frame["room"], &frame["seq"]), (&"Message".into(), &"rust".into(), &2.into()));
    assert_eq!(frame["from"], serde_json::json!({ "name": "webhook-bot", "bot": true }));

    // What is said elsewhere stays there: in another room, in a closed one, in private, in a direct talk.
    let mut budi = stage.server.join("budi");
    budi.send("a word in the lobby");
    budi.send("JOIN:#closed");
    budi.send("MODE:+i");
    budi.send("a word in a closed room");
    budi.send("WHISPER:ani a word in private");
    budi.settle();
    ani.send("/w root a word to who is away");
    ani.settle();
    ani.send("MSG:hello \u{1f980} \"all\"");
    let message = json(&receiver.next());
    let id = &message["seq"];
    ani.send(&format!("EDIT:#rust {id} hello"));
    ani.send(&format!("DELETE:#rust {id}"));
    ani.settle();

    let (edited, deleted) = (json(&receiver.next()), json(&receiver.next()));
    assert_eq!((&message["text"], &message["account"]), (&"hello \u{1f980} \"all\"".into(), &true.into()));
    assert_eq!(message["from"], serde_json::json!({ "name": "ani" }));
    assert_eq!((&edited["type"], &edited["text"]), (&"MessageEdited".into(), &"hello".into()));
    assert_eq!((&deleted["type"], &deleted["target"]), (&"MessageDeleted".into(), &message["seq"]));

    // The last word that the receiver hears is that it ends; what is said behind it, it does not hear.
    ani.send(&format!("WEBHOOK:#rust end {number}"));
    ani.until("* OK WEBHOOK ...");
    ani.send("behind its end");
    ani.settle();
    stage.stop();
    assert!(receiver.is_quiet());
}

/// The program of docs/webhooks.md checks a call, and refuses what was changed or is old.
#[test]
fn the_signature_is_good_by_the_program_of_the_manual() {
    let page = include_str!("../../../../docs/webhooks.md");
    let program = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program");
    let stage = Stage::new();
    let receiver = Receiver::answering(&[&ok()]);
    let mut ani = stage.signed_in("ani");
    let (_, secret) = make(&mut ani, &receiver);
    let got = receiver.next();
    let header = |name: &str| got.headers.get(name).cloned().expect("a header");
    let timestamp: i64 = header("webhook-timestamp").parse().expect("a number");
    let check = |secret: &str, body: &str, now: i64| {
        let headers = serde_json::json!({
            "webhook-id": header("webhook-id"),
            "webhook-timestamp": header("webhook-timestamp"),
            "webhook-signature": header("webhook-signature"),
        });
        let call = format!(
            "{program}\nimport sys, json\nraise SystemExit(0 if verify(sys.argv[1], json.loads(sys.argv[2]), sys.stdin.buffer.read(), int(sys.argv[3])) else 3)\n"
        );
        let mut python = Command::new("python3")
            .args(["-c", &call, secret, &headers.to_string(), &now.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("python3");
        python.stdin.take().expect("its input").write_all(body.as_bytes()).expect("written");
        python.wait().expect("it ends").code()
    };
    assert_eq!(check(&secret, &got.body, timestamp), Some(0));
    assert_eq!(check(&secret, &got.body.replace("ani", "budi"), timestamp), Some(3), "a changed body");
    assert_eq!(check(&secret, &got.body, timestamp + 301), Some(3), "an old call");
    assert_eq!(check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &got.body, timestamp), Some(3), "another secret");
    stage.stop();
}

#[test]
fn a_receiver_that_wants_nothing_more_ends_its_webhook() {
    let stage = Stage::new();
    let receiver = Receiver::answering(&[&answer("410 Gone", "", "")]);
    let mut ani = stage.signed_in("ani");
    make(&mut ani, &receiver);
    receiver.next();
    ani.until("* MSG #rust * webhook-bot: What is said here is not sent to * any more: it has answered that it wants nothing.");
    ani.send("WEBHOOK:#rust");
    ani.until("* BEGIN WEBHOOKS #rust 0");
    ani.send("nothing of this goes there");
    ani.settle();
    stage.stop();
    assert!(receiver.is_quiet());
}

#[test]
fn what_failed_is_sent_after_a_restart_and_again_when_an_operator_says_so() {
    let stage = Stage::new();
    let receiver = Receiver::answering(&[&answer("500 Oh", "", "the disk is full"), &ok()]);
    let mut ani = stage.signed_in("ani");
    make(&mut ani, &receiver);
    receiver.next();
    let figures = |stage: &Stage| stage.server.handle().figures();
    let failed = "chat_webhooks_calls_total{outcome=\"failed\"} 1\n";
    let began = std::time::Instant::now();
    // The line is said and tried, and then the letter is in the store.
    while !figures(&stage).contains(failed) {
        assert!(began.elapsed() < DEADLINE, "{}", figures(&stage));
        ani.settle();
    }
    assert!(figures(&stage).contains("chat_webhooks_waiting 1\n"), "{}", figures(&stage));
    drop(ani);
    let stage = Stage::of(stage.stop());
    let got = json(&receiver.next());
    assert_eq!(got["text"].as_str().map(|text| text.starts_with("ani sends what is said here")), Some(true), "{got}");
    stage.stop();
}
