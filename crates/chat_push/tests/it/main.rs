//! The sender beside a server, with a push service of the test's own, which opens what it gets as a browser does.

mod browser;
#[path = "../../../chat_calls/tests/receiver/mod.rs"]
mod receiver;

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Instant;

use browser::Browser;
use chat_push::{Pusher, Settings, Vapid};
use chat_server::features::archive::store::Answer;
use chat_server::features::calls::{Call, PushCall};
use chat_server::features::programs::address::Address;
use chat_server::features::push::{Subscription, Wish};
use chat_server::model::names::{ClientId, Name};
use chat_server::model::roles::{Policy, Role};
use chat_server::testing::{MemoryStore, Setup, TestClient, TestServer, quick};
use receiver::{DEADLINE, Receiver, answer};
use serde_json::{Value, json};

/// A server that keeps what is said in this memory, and its sender; ani and budi have accounts.
struct Stage {
    pusher: Option<Pusher>,
    server: TestServer,
    memory: MemoryStore,
    folder: PathBuf,
}

impl Stage {
    fn new(test: &str) -> Stage {
        let memory = MemoryStore::default();
        for name in ["ani", "budi", "citra"] {
            memory.add(&Name::parse(name).expect("a name"), "correct horse", Role::Member);
        }
        let folder = std::env::temp_dir().join(format!("chat_push_{test}_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Stage::of(memory, folder, true)
    }

    /// With the memory and the folder of one that has stopped.
    fn of(memory: MemoryStore, folder: PathBuf, inside: bool) -> Stage {
        let policy = Policy { plain_passwords: true, ..Policy::default() };
        let server = TestServer::with(Setup { kept: Some((memory.clone(), policy)), ..quick().into() });
        let vapid = Vapid::open(&folder.join("push.key")).expect("a key");
        let settings = Settings { contact: Some("mailto:ops@example.org".into()), inside, ..Settings::default() };
        let pusher = Pusher::start(server.handle().clone(), vapid, &settings).expect("threads");
        Stage { pusher: Some(pusher), server, memory, folder }
    }

    fn signed_in(&self, name: &str) -> TestClient {
        let mut client = self.server.connect();
        client.send(&format!("LOGIN:{name} correct horse"));
        client.until("* OK LOGIN ...");
        client.send("JOIN:#rust");
        client.until("* OK JOIN room=#rust ...");
        client
    }

    /// Subscribes a browser for the one user who is signed in.
    fn subscribe(&self, browser: &Browser, service: &str, wish: Wish) -> Result<u64, String> {
        let mut told = Err("no user is signed in".into());
        for number in 1..50 {
            let endpoint = Address::parse(&format!("{service}/push/{}", browser.name)).expect("an address");
            let new = Subscription::new(endpoint, &browser.public(), &browser.auth(), wish).expect("keys");
            let (reply, answer) = mpsc::channel();
            let reply = Box::new(move |answer| drop(reply.send(answer)));
            let (client, subscription) = (ClientId(number), Box::new(new));
            self.server.handle().send(Call::Push(PushCall::Subscribe { client, subscription, reply }).into());
            match answer.recv_timeout(DEADLINE).expect("an answer") {
                Answer::Push { subscriptions, .. } => return Ok(subscriptions[0].number),
                Answer::Refused(why) if why.to_string().contains("push_inside") => told = Err(why.to_string()),
                _ => {}
            }
        }
        told
    }

    fn figure(&self, line: &str) {
        let began = Instant::now();
        while !self.server.handle().figures().contains(line) {
            assert!(began.elapsed() < DEADLINE, "{line}: {}", self.server.handle().figures());
            std::thread::yield_now();
        }
    }

    /// Stops the sender, and then the server.
    fn stop(mut self) -> (MemoryStore, PathBuf) {
        self.pusher.take().expect("a sender").stop(DEADLINE).expect("no service is called any more");
        self.server.stop().expect("it ends in order");
        (self.memory, self.folder)
    }

    fn end(self) {
        let (_, folder) = self.stop();
        std::fs::remove_dir_all(folder).expect("the folder goes");
    }
}

/// A service that answers so, and its address.
fn service(answers: &[&str]) -> (Receiver, String) {
    let service = Receiver::answering(answers);
    let address = format!("http://{}", service.addr);
    (service, address)
}

fn ok() -> String {
    answer("201 Created", "", "")
}

const WORDS: Wish = Wish { words: true, rooms: false, indonesian: false };

#[test]
fn of_what_is_sealed_a_push_says_that_alone() {
    let stage = Stage::new("sealed");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, Wish { indonesian: true, ..WORDS }).expect("it is kept");
    budi.send("QUIT");
    budi.rest();
    let mut ani = stage.signed_in("ani");
    ani.send("WHISPER:budi sealed:1:QUJDREVG");
    ani.settle();
    let told = browser.open(&service.next().bytes);
    assert_eq!((&told["text"], &told["from"]), (&json!("(tersegel)"), &json!("ani")));
    stage.end();
}

#[test]
fn who_is_away_is_told_of_mentions_and_talks_and_the_browser_can_read_it() {
    let stage = Stage::new("told");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, WORDS).expect("it is kept");
    budi.send("QUIT");
    budi.rest();

    let mut ani = stage.signed_in("ani");
    ani.send("nobody is spoken to");
    ani.send("MSG:@budi lunch? \u{1f980}");
    ani.settle();
    let got = service.next();
    assert_eq!(got.first, "POST /push/phone HTTP/1.1");
    let header = |name: &str| got.headers.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!((header("content-encoding"), header("ttl"), header("urgency")), ("aes128gcm", "86400", "high"));
    assert!(got.bytes.len() <= 4096, "{}", got.bytes.len());
    let claims = browser::claims(header("authorization"));
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(address), &json!("mailto:ops@example.org")));
    let told = browser.open(&got.bytes);
    let seq = told["seq"].clone();
    assert_eq!(
        told,
        json!({ "why": "mention", "room": "rust", "seq": seq, "count": 1, "unread": 1, "lang": "en", "from": "ani", "text": "@budi lunch? \u{1f980}" })
    );
    ani.send("/w budi psst");
    ani.settle();
    let told = browser.open(&service.next().bytes);
    assert_eq!((&told["why"], &told["room"], &told["text"]), (&json!("talk"), &json!("@ani"), &json!("psst")));
    assert_eq!(told["unread"], json!(2));
    stage.figure("chat_push_calls_total{outcome=\"delivered\"} 2\n");
    stage.end();
    assert!(service.is_quiet(), "what speaks to no one was sent");
}

#[test]
fn what_is_said_in_a_talk_is_not_told_to_another_user_whom_it_mentions() {
    let stage = Stage::new("aside");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, WORDS).expect("it is kept");
    budi.send("QUIT");
    budi.rest();
    let _here = stage.signed_in("citra");
    let mut ani = stage.signed_in("ani");
    ani.send("/w citra @budi is not to know");
    ani.settle();
    ani.send("MSG:@budi lunch?");
    ani.settle();
    assert_eq!(browser.open(&service.next().bytes)["text"], json!("@budi lunch?"));
    stage.end();
    assert!(service.is_quiet());
}

#[test]
fn who_sees_the_page_is_not_told_and_who_is_here_by_telnet_is() {
    let stage = Stage::new("sight");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("laptop");
    let budi = stage.signed_in("budi");
    let rooms = Wish { rooms: true, words: true, indonesian: true };
    stage.subscribe(&browser, &address, rooms).expect("it is kept");
    let sight = |is_in_sight| {
        for number in 1..50 {
            let client = ClientId(number);
            stage.server.handle().send(Call::Push(PushCall::Sight { client, is_in_sight }).into());
        }
    };
    let mut ani = stage.signed_in("ani");
    sight(true);
    ani.send("MSG:@budi you see this");
    ani.settle();
    sight(false);
    ani.send("MSG:a word in a room of which budi is told");
    ani.settle();
    let told = browser.open(&service.next().bytes);
    assert_eq!((&told["why"], &told["lang"]), (&json!("room"), &json!("id")));
    assert_eq!(told["text"], json!("a word in a room of which budi is told"));
    drop(budi);
    stage.end();
    assert!(service.is_quiet());
}

#[test]
fn a_subscription_that_the_service_does_not_know_ends() {
    for status in ["404 Not Found", "410 Gone"] {
        let stage = Stage::new(&status[..3]);
        let (service, address) = service(&[&answer(status, "", "")]);
        let mut budi = stage.signed_in("budi");
        stage.subscribe(&Browser::new("old"), &address, WORDS).expect("it is kept");
        budi.send("QUIT");
        budi.rest();
        let mut ani = stage.signed_in("ani");
        ani.send("MSG:@budi once");
        ani.settle();
        service.next();
        stage.figure("chat_push_subscriptions 0\n");
        ani.send("MSG:@budi twice");
        ani.settle();
        drop(ani);
        let (memory, folder) = stage.stop();
        assert!(service.is_quiet());
        // Nor does it come back with the next start.
        let stage = Stage::of(memory, folder, true);
        let mut ani = stage.signed_in("ani");
        ani.send("MSG:@budi thrice");
        ani.settle();
        stage.end();
        assert!(service.is_quiet());
    }
}

#[test]
fn a_service_that_is_busy_is_called_again_and_one_that_is_slow_holds_nothing_up() {
    let stage = Stage::new("busy");
    let slow = Receiver::new(std::mem::forget);
    let (busy, address) = service(&[&answer("429 Slow down", "Retry-After: 6\r\n", ""), &ok()]);
    let (slow_one, busy_one) = (Browser::new("slow"), Browser::new("busy"));
    for (name, browser, service) in
        [("citra", &slow_one, &format!("http://{}", slow.addr)), ("budi", &busy_one, &address)]
    {
        let mut user = stage.signed_in(name);
        stage.subscribe(browser, service, WORDS).expect("it is kept");
        user.send("QUIT");
        user.rest();
    }
    let mut ani = stage.signed_in("ani");
    ani.send("MSG:@citra hello");
    ani.settle();
    ani.send("MSG:@budi first");
    ani.settle();
    slow.next();
    let first = Instant::now();
    assert_eq!(busy_one.open(&busy.next().bytes)["text"], json!("@budi first"));
    ani.send("MSG:@budi second");
    ani.settle();
    let told = busy_one.open(&busy.next().bytes);
    assert!(first.elapsed().as_secs() >= 5, "it came before the service wanted it");
    assert_eq!((&told["text"], &told["count"]), (&json!("@budi second"), &json!(2)), "both in one");
    drop(ani);
    stage.end();
}

#[test]
fn what_is_corrected_or_deleted_before_it_is_sent_is_not_told_as_it_was() {
    let stage = Stage::new("corrected");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, WORDS).expect("it is kept");
    budi.send("QUIT");
    budi.rest();
    let mut ani = stage.signed_in("ani");
    // All places for pushes at once are taken, so that what comes waits.
    for number in 0..10 {
        ani.send(&format!("MSG:@budi {number}"));
        ani.settle();
        service.next();
    }
    ani.send("/w budi a slip of the tongue");
    ani.send("MSG:@budi the wrong word");
    ani.settle();
    ani.send("/edit last @budi the right word");
    ani.send("/delete @budi last");
    ani.settle();
    assert_eq!(browser.open(&service.next().bytes)["text"], json!("@budi the right word"));
    stage.figure("chat_push_waiting 0\n");
    stage.end();
    assert!(service.is_quiet(), "what was deleted is not told");
}

#[test]
fn subscriptions_that_a_busy_store_does_not_give_at_the_start_come_later() {
    let stage = Stage::new("late");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, WORDS).expect("it is kept");
    budi.send("QUIT");
    budi.rest();
    let (memory, folder) = stage.stop();

    memory.be_busy(1);
    let stage = Stage::of(memory, folder, true);
    stage.figure("chat_push_subscriptions 1\n");
    let mut ani = stage.signed_in("ani");
    ani.send("MSG:@budi after the trouble");
    ani.settle();
    assert_eq!(browser.open(&service.next().bytes)["text"], json!("@budi after the trouble"));
    stage.end();
}

#[test]
fn subscriptions_outlive_a_restart_as_long_as_the_key_does() {
    let stage = Stage::new("restart");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, WORDS).expect("it is kept");
    budi.send("QUIT");
    budi.rest();
    let (memory, folder) = stage.stop();

    let stage = Stage::of(memory, folder, true);
    let mut ani = stage.signed_in("ani");
    ani.send("MSG:@budi after the restart");
    ani.settle();
    assert_eq!(browser.open(&service.next().bytes)["text"], json!("@budi after the restart"));
    drop(ani);
    let (memory, folder) = stage.stop();

    std::fs::remove_file(folder.join("push.key")).expect("the key is lost");
    let stage = Stage::of(memory, folder, true);
    let mut ani = stage.signed_in("ani");
    ani.send("MSG:@budi with another key");
    ani.settle();
    stage.figure("chat_push_subscriptions 0\n");
    stage.end();
    assert!(service.is_quiet());
}

#[test]
fn nothing_inside_is_called_unless_it_is_allowed() {
    let stage = Stage::new("inside");
    let (memory, folder) = stage.stop();
    let stage = Stage::of(memory, folder, false);
    let _budi = stage.signed_in("budi");
    for service in
        ["http://127.0.0.1:9", "https://localhost", "https://[::1]", "https://10.0.0.1", "http://push.example"]
    {
        let refused = stage.subscribe(&Browser::new("x"), service, WORDS).expect_err(service);
        assert!(refused.contains("push_inside"), "{service}: {refused}");
    }
    stage.end();
}

#[test]
fn no_words_are_sent_unless_the_user_wants_them() {
    let stage = Stage::new("words");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, Wish::default()).expect("it is kept");
    budi.send("QUIT");
    budi.rest();
    let mut ani = stage.signed_in("ani");
    ani.send("/w budi a secret word");
    ani.settle();
    let told: Value = browser.open(&service.next().bytes);
    assert_eq!(told.get("text").or(told.get("from")), None, "{told}");
    stage.end();
}

#[test]
fn a_member_says_of_which_lines_it_is_told_and_who_signs_out_of_all_devices_of_none() {
    let stage = Stage::new("levels");
    let (service, address) = service(&[&ok()]);
    let browser = Browser::new("phone");
    let mut budi = stage.signed_in("budi");
    stage.subscribe(&browser, &address, Wish { rooms: true, ..WORDS }).expect("it is kept");
    let mut ani = stage.signed_in("ani");
    let mut chosen = |choices: &[&str], said: &[&str]| {
        choices.iter().for_each(|choice| budi.send(choice));
        budi.settle();
        said.iter().for_each(|line| ani.send(&format!("MSG:{line}")));
        ani.settle();
    };
    // Each is read before the next is said: what comes while one waits goes with it.
    let is_told = |why: &str, text: &str| {
        let told = browser.open(&service.next().bytes);
        assert_eq!((&told["why"], &told["text"]), (&json!(why), &json!(text)));
    };
    chosen(&["NOTIFY:#rust mentions"], &["not this", "@budi this"]);
    is_told("mention", "@budi this");
    chosen(&["NOTIFY:#rust none"], &["not this", "@budi nor this"]);
    chosen(&["NOTIFY:#rust all", "NOTIFY:#rust mute"], &["not this", "@budi this too"]);
    is_told("mention", "@budi this too");
    chosen(&["NOTIFY:#rust unmute", "IGNORE:ani"], &["not this", "@budi nor this"]);
    chosen(&["UNIGNORE:ani"], &["and this"]);
    is_told("room", "and this");
    budi.send("LOGOUT:all");
    stage.figure("chat_push_subscriptions 0\n");
    stage.end();
    assert!(service.is_quiet());
}
