//! Tests of the desk: which subscriptions are told, and how each answer of a push service is taken.

use super::*;
use chat_server::features::programs::address::Address;
use chat_server::features::push::Wish;

const START: Moment = Moment::from_micros(1_000_000_000);

fn at(seconds: u64) -> Moment {
    START + Duration::from_secs(seconds)
}

fn name(name: &str) -> Name {
    Name::parse(name).unwrap()
}

fn browser(number: u64, account: &str, host: &str, wish: Wish) -> Notice {
    let endpoint = Address::parse(&format!("https://{host}/{number}")).unwrap();
    let new = Subscription::new(endpoint, &format!("B{}", "a".repeat(86)), &"b".repeat(22), wish).unwrap();
    Notice::Made(Subscription { number, account: name(account), ..new })
}

fn push(why: Why, room: &str, id: u64) -> Notice {
    push_to("budi", why, room, id)
}

fn push_to(account: &str, why: Why, room: &str, id: u64) -> Notice {
    let (room, text) = (RoomName::any(room).unwrap(), format!("word {id}"));
    let (account, from) = (name(account), name("ani"));
    Notice::Push(Push { account, room, id, from, text, is_file: false, why, unread: id })
}

/// A desk with four threads, and one browser of budi that is told of everything.
fn desk() -> Desk {
    let mut desk = Desk::new(Arc::default(), 4);
    desk.noticed(browser(1, "budi", "push.example", Wish { words: true, rooms: true, indonesian: false }), START);
    desk
}

/// What is sent at a time, as `number: room seq xcount`, and delivered.
fn sent(desk: &mut Desk, now: Moment) -> Vec<String> {
    let mut sent = Vec::new();
    while let Some(job) = desk.next(now) {
        let body: serde_json::Value = serde_json::from_slice(&job.body).unwrap();
        let number = job.subscription.number;
        sent.push(format!("{number}: {} {} x{}", body["room"].as_str().unwrap(), body["seq"], body["count"]));
        assert!(!desk.called(number, Outcome::Delivered, now));
    }
    sent
}

fn figure(desk: &Desk, name: &str) -> u64 {
    desk.count();
    let mut text = String::new();
    desk.figures.append(&mut text);
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn each_browser_of_the_account_is_told_of_what_it_wants() {
    let mut desk = desk();
    desk.noticed(browser(2, "budi", "push.example", Wish::default()), START);
    desk.noticed(browser(3, "citra", "push.example", Wish::default()), START);
    desk.noticed(push(Why::Room, "#tea", 1), START);
    assert_eq!(sent(&mut desk, START), ["1: tea 1 x1"]);
    desk.noticed(push(Why::Mention, "#tea", 2), START);
    assert_eq!(sent(&mut desk, START), ["1: tea 2 x1", "2: tea 2 x1"]);
    desk.noticed(Notice::Ended(2), START);
    desk.noticed(push(Why::Talk, "@ani+budi", 3), START);
    assert_eq!(sent(&mut desk, START), ["1: @ani 3 x1"]);
    assert_eq!((figure(&desk, "chat_push_subscriptions"), figure(&desk, "chat_push_waiting_bytes")), (2, 0));
}

#[test]
fn a_lively_room_rings_once_a_minute_and_a_mention_at_once() {
    let mut desk = desk();
    for (second, id) in (0..50).zip(1..) {
        desk.noticed(push(Why::Room, "#tea", id), at(second));
        let right: &[&str] = if second == 0 { &["1: tea 1 x1"] } else { &[] };
        assert_eq!(sent(&mut desk, at(second)), right, "{second}");
    }
    assert_eq!(desk.wakes(at(50)), Some(at(60)));
    assert_eq!(sent(&mut desk, at(60)), ["1: tea 50 x49"]);
    desk.noticed(push(Why::Room, "#tea", 51), at(61));
    desk.noticed(push(Why::Mention, "#tea", 52), at(62));
    desk.noticed(push(Why::Room, "#tea", 53), at(63));
    assert_eq!(sent(&mut desk, at(63)), ["1: tea 52 x3"], "the mention is shown, and what came with it is counted");
}

#[test]
fn a_flood_of_mentions_is_told_in_few_pushes() {
    let mut desk = desk();
    let mut rings = 0;
    for id in 1..=100 {
        desk.noticed(push(Why::Mention, "#tea", id), at(id));
        rings += sent(&mut desk, at(id)).len();
    }
    assert!((19..=20).contains(&rings), "{rings}");
    assert_eq!(figure(&desk, "chat_push_waiting"), 1);
}

#[test]
fn what_failed_is_tried_again_later_and_given_up_in_the_end() {
    let mut desk = desk();
    desk.noticed(push(Why::Talk, "@ani+budi", 1), START);
    let mut now = START;
    for pause in PAUSES {
        desk.next(now).expect("a try");
        assert!(!desk.called(1, Outcome::Failed("answer 500".into(), None), now));
        assert!(desk.next(now).is_none());
        now += pause;
        assert_eq!(desk.wakes(START), Some(now));
    }
    // What comes meanwhile goes with it.
    desk.noticed(push(Why::Talk, "@ani+budi", 2), now);
    let job = desk.next(now).expect("the last try");
    assert!(String::from_utf8_lossy(&job.body).contains("\"seq\":2,\"count\":2"));
    desk.called(1, Outcome::Failed("answer 500".into(), None), now);
    assert_eq!((figure(&desk, "chat_push_dropped_total"), figure(&desk, "chat_push_waiting_bytes")), (1, 0));
    desk.noticed(push(Why::Talk, "@ani+budi", 3), now + Duration::from_secs(600));
    assert_eq!(sent(&mut desk, now + Duration::from_secs(600)), ["1: @ani 3 x1"], "it is told of what comes later");
}

#[test]
fn a_service_says_when_it_wants_to_be_called_again() {
    for (after, seconds) in [(120, 120), (1, 5), (1_000_000, 3_600)] {
        let mut desk = desk();
        desk.noticed(push(Why::Mention, "#tea", 1), START);
        desk.next(START).expect("a try");
        desk.called(1, Outcome::Failed("answer 429".into(), Some(Duration::from_secs(after))), START);
        assert_eq!(desk.wakes(START), Some(at(seconds)), "{after}");
    }
}

#[test]
fn a_browser_that_is_gone_is_told_nothing_more() {
    let mut desk = desk();
    desk.noticed(push(Why::Mention, "#tea", 1), START);
    desk.noticed(push(Why::Mention, "#go", 1), START);
    desk.next(START).expect("a try");
    assert!(desk.called(1, Outcome::Gone, START), "the router hears of it");
    desk.noticed(push(Why::Mention, "#tea", 2), START);
    assert!(desk.next(at(1_000)).is_none());
    assert_eq!((figure(&desk, "chat_push_subscriptions"), figure(&desk, "chat_push_waiting_bytes")), (0, 0));
}

#[test]
fn what_a_service_refuses_is_not_sent_again() {
    let mut desk = desk();
    desk.noticed(push(Why::Mention, "#tea", 1), START);
    desk.next(START).expect("a try");
    assert!(!desk.called(1, Outcome::Refused("answer 403".into()), START));
    assert!(desk.next(at(1_000)).is_none());
    assert_eq!((figure(&desk, "chat_push_subscriptions"), figure(&desk, "chat_push_dropped_total")), (1, 1));
}

#[test]
fn one_slow_service_leaves_a_thread_for_the_others() {
    let mut desk = Desk::new(Arc::default(), 4);
    for number in 1..=6 {
        let (account, host) = (format!("user{number}"), if number == 6 { "other.example" } else { "push.example" });
        desk.noticed(browser(number, &account, host, Wish::default()), START);
        desk.noticed(push_to(&account, Why::Mention, "#tea", 1), START);
    }
    let called: Vec<u64> = std::iter::from_fn(|| desk.next(START)).map(|job| job.subscription.number).collect();
    assert_eq!(called, [1, 2, 3, 6]);
    // It ends while it is called, and comes back.
    desk.noticed(Notice::Ended(1), START);
    desk.noticed(browser(1, "user1", "push.example", Wish::default()), START);
    desk.called(6, Outcome::Delivered, START);
    assert!(desk.next(START).is_none(), "three calls of that service are open");
    assert!(!desk.called(1, Outcome::Gone, START), "the answer is for the one that has ended");
    assert_eq!(desk.next(START).map(|job| job.subscription.number), Some(4));
}

#[test]
fn what_waits_is_bounded_in_bytes() {
    let mut desk = desk();
    for room in 0..4_000 {
        let Notice::Push(push) = push(Why::Mention, &format!("#r{room}"), 1) else { unreachable!() };
        desk.noticed(Notice::Push(Push { text: "x".repeat(1_000), ..push }), START);
    }
    desk.count();
    assert!(desk.bytes <= BYTES && figure(&desk, "chat_push_dropped_total") > 0);
    desk.noticed(Notice::Ended(1), START);
    assert_eq!((desk.bytes, desk.due.len()), (0, 0));
}

#[test]
fn an_account_has_one_thread_however_many_of_its_services_are_silent() {
    let mut desk = Desk::new(Arc::default(), 4);
    for number in 1..=10 {
        desk.noticed(browser(number, "budi", &format!("silent{number}.example"), Wish::default()), START);
    }
    desk.noticed(browser(11, "citra", "push.example", Wish::default()), START);
    desk.noticed(push(Why::Mention, "#tea", 1), START);
    desk.noticed(push_to("citra", Why::Mention, "#tea", 1), START);
    let called: Vec<u64> = std::iter::from_fn(|| desk.next(START)).map(|job| job.subscription.number).collect();
    assert_eq!(called, [1, 11]);
    desk.called(1, Outcome::Failed("no answer".into(), None), at(10));
    assert_eq!(desk.next(at(10)).map(|job| job.subscription.number), Some(2), "each has its turn");
}

fn changed(lines: Lines, text: Option<&str>) -> Notice {
    Notice::Changed(lines, text.map(String::from))
}

fn line(room: &str, id: u64) -> Lines {
    Lines::One(RoomName::any(room).unwrap(), id)
}

/// What is sent now, as `room text xcount`, and delivered.
fn words(desk: &mut Desk, now: Moment) -> Vec<String> {
    let mut sent = Vec::new();
    while let Some(job) = desk.next(now) {
        let body: serde_json::Value = serde_json::from_slice(&job.body).unwrap();
        sent.push(format!("{} {} x{}", body["room"].as_str().unwrap(), body["text"], body["count"]));
        assert!(!desk.called(job.subscription.number, Outcome::Delivered, now));
    }
    sent
}

#[test]
fn what_waits_is_told_as_its_line_is_by_then() {
    let mut desk = desk();
    for id in 1..=4 {
        desk.noticed(push(Why::Mention, &format!("#r{id}"), id), START);
    }
    desk.noticed(changed(line("#r1", 1), Some("another word")), START);
    desk.noticed(changed(line("#r2", 2), None), START);
    desk.noticed(changed(line("#r3", 2), None), START);
    desk.noticed(changed(Lines::Before(RoomName::parse("#r4").unwrap(), 4), None), START);
    assert_eq!(words(&mut desk, START), ["r4 \"word 4\" x1", "r3 \"word 3\" x1", "r1 \"another word\" x1"]);
    for lines in [Lines::Room(RoomName::parse("#r1").unwrap()), Lines::From(name("ani"))] {
        desk.noticed(push(Why::Mention, "#r1", 5), START);
        desk.noticed(changed(lines, None), START);
        assert_eq!((words(&mut desk, START), desk.bytes, desk.due.len()), (Vec::new(), 0, 0));
    }
}

#[test]
fn of_several_that_wait_the_words_go_and_the_others_are_counted() {
    let mut desk = desk();
    let soon = |desk: &mut Desk| {
        desk.noticed(push(Why::Room, "#tea", 1), START);
        words(desk, START);
        desk.noticed(push(Why::Room, "#tea", 2), START);
        desk.noticed(push(Why::Room, "#tea", 3), START);
        desk.noticed(changed(line("#tea", 3), None), START);
    };
    soon(&mut desk);
    assert_eq!(words(&mut desk, at(60)), ["tea null x1"]);
    let mut desk = self::desk();
    soon(&mut desk);
    desk.noticed(changed(Lines::Room(RoomName::parse("#tea").unwrap()), None), START);
    assert_eq!((words(&mut desk, at(60)), desk.bytes), (Vec::new(), 0));
    let mut desk = self::desk();
    soon(&mut desk);
    desk.noticed(push(Why::Room, "#tea", 4), START);
    assert_eq!(words(&mut desk, at(60)), ["tea \"word 4\" x2"], "what comes then has its words");
    assert_eq!(desk.bytes, 0);
}

#[test]
fn what_is_deleted_while_it_is_sent_is_not_sent_again() {
    for (text, again) in [(None, Vec::new()), (Some("by then"), vec!["tea \"by then\" x1".to_string()])] {
        let mut desk = desk();
        desk.noticed(push(Why::Mention, "#tea", 1), START);
        desk.next(START).expect("a try");
        desk.noticed(changed(line("#tea", 1), text), START);
        desk.called(1, Outcome::Failed("answer 500".into(), None), START);
        assert_eq!(words(&mut desk, at(5)), again);
        assert_eq!((desk.bytes, figure(&desk, "chat_push_waiting")), (0, 0));
    }
}
