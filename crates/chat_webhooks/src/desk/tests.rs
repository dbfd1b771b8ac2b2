//! The desk alone, with times of the test's own.

use super::*;
use chat_server::features::archive::store::Refused;
use chat_server::features::programs::address::Address;
use chat_server::model::event::{Change, Speech, Version, What};
use chat_server::model::names::{ClientId, Name};
use chat_server::model::secrets::Secret;
use chrono::DateTime;

/// A desk, its clock, and what the store was told.
struct Stage {
    desk: Desk,
    seconds: u64,
    asked: Vec<Ask>,
    pages: Vec<(u64, u64, u64)>,
    gone: Vec<u64>,
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn webhook(number: u64, place: &str, reached: u64) -> Webhook {
    let (address, by) = (Address::parse("https://example.org/x").unwrap(), Name::parse("ani").unwrap());
    let (secret, since) = (Secret::new("whsec_"), DateTime::UNIX_EPOCH);
    Webhook { number, room: room(place), address, secret, by, since, used: None, reached }
}

fn said(place: &str, id: u64, text: &str) -> Arc<Envelope> {
    let (by, from, text) = (ClientId(1), Name::parse("ani").unwrap(), Text::new(text).unwrap().into());
    let (act, re, version, signed, cid, file) = (false, None, Version::First, true, None, None);
    let speech = Speech { room: room(place), id, by, from, act, re, version, signed, cid, file, text };
    Envelope::new(DateTime::UNIX_EPOCH, Event::Said(speech))
}

fn changed(place: &str, id: u64, target: u64, what: What) -> Arc<Envelope> {
    let name = || Name::parse("ani").unwrap();
    let (by, from, author, signed) = (ClientId(1), name(), name(), true);
    Envelope::new(
        DateTime::UNIX_EPOCH,
        Event::Changed(Change { room: room(place), id, by, from, target, author, signed, what }),
    )
}

fn failure() -> Outcome {
    Outcome::Failed("answer 500".into(), None)
}

impl Stage {
    fn new(threads: usize) -> Stage {
        let desk = Desk::new(Arc::default(), threads, Moment::default());
        Stage { desk, seconds: 0, asked: Vec::new(), pages: Vec::new(), gone: Vec::new() }
    }

    /// With these webhooks, whose rooms have nothing that was not looked at.
    fn with(threads: usize, webhooks: &[Webhook]) -> Stage {
        let mut stage = Stage::new(threads);
        assert!(stage.calls().is_empty());
        stage.desk.loaded(Answer::Webhooks(webhooks.to_vec(), Vec::new()), stage.now());
        stage.read_all(&[]);
        stage
    }

    fn now(&self) -> Now {
        let mono = Moment::default() + Duration::from_secs(self.seconds);
        let wall = DateTime::UNIX_EPOCH + Duration::from_secs(self.seconds);
        Now { mono, wall, chance: 7 }
    }

    fn hears(&mut self, envelope: &Envelope) {
        self.desk.heard(envelope, self.now());
    }

    /// Does what is to be done, with a store that takes everything. Returns the calls, by webhook and event.
    fn calls(&mut self) -> Vec<(u64, u64)> {
        let mut calls = Vec::new();
        while let Some(what) = self.desk.next(self.now()) {
            match what {
                Do::Ask(Ask::Load) => {}
                Do::Ask(ask) => {
                    self.asked.push(ask);
                    self.desk.told(Answer::Done, self.now());
                }
                Do::Page { webhook, after, before, .. } => self.pages.push((webhook, after, before)),
                Do::Call(job) => calls.push((job.webhook, job.event)),
                Do::Gone(number) => self.gone.push(number),
            }
        }
        calls
    }

    /// Answers all pages that were asked for with these lines.
    fn read_all(&mut self, lines: &[Arc<Envelope>]) {
        let calls = self.calls();
        assert!(calls.is_empty(), "{calls:?}");
        for (webhook, after, before) in std::mem::take(&mut self.pages) {
            let answer = Answer::Lines { lines: lines.to_vec(), more: None };
            self.desk.paged(webhook, (after, before), answer, self.now());
        }
    }

    fn called(&mut self, (webhook, event): (u64, u64), outcome: Outcome) {
        self.desk.called(webhook, event, outcome, self.now());
    }

    /// The time goes on until there is something to do by time alone. Returns how long that took.
    fn sleep(&mut self) -> u64 {
        let at = self.desk.wakes(self.now().mono).expect("something to wait for");
        let wait = (at - self.now().mono).as_secs_f64().ceil() as u64;
        self.seconds += wait;
        wait
    }

    fn last_letter(&self) -> Letter {
        match self.asked.last() {
            Some(Ask::Failed { letter, .. }) => letter.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_what_is_said_in_the_room_of_a_webhook_is_sent() {
    let mut stage = Stage::with(4, &[webhook(1, "#rust", 5), webhook(2, "#go", 5)]);
    stage.hears(&said("#rust", 6, "hello"));
    stage.hears(&said("#tea", 6, "a word in another room"));
    stage.hears(&changed("#rust", 7, 6, What::Reacted(Text::new("+1").unwrap())));
    assert_eq!(stage.calls(), [(1, 6)]);
    stage.called((1, 6), Outcome::Delivered);
    assert!(stage.calls().is_empty());
    assert!(matches!(stage.asked[..], [Ask::Settled { webhook: 1, event: 6, reached: 6, delivered: Some(_) }]));
    stage.hears(&said("#rust", 6, "hello"));
    assert!(stage.calls().is_empty(), "it was sent already");
    assert_eq!(stage.desk.bytes, 0);
}

#[test]
fn a_letter_is_tried_seven_times_and_is_dead_until_it_is_tried_again() {
    let mut stage = Stage::with(4, &[webhook(1, "#rust", 0)]);
    stage.hears(&said("#rust", 1, "hello"));
    let mut waits = Vec::new();
    for tries in 1..=7 {
        assert_eq!(stage.calls(), [(1, 1)], "try {tries}");
        stage.called((1, 1), failure());
        assert!(stage.calls().is_empty());
        let letter = stage.last_letter();
        assert_eq!((letter.tries, letter.due.is_some(), letter.why.as_str()), (tries, tries < 7, "answer 500"));
        if tries < 7 {
            waits.push(stage.sleep());
        }
    }
    for (wait, pause) in waits.iter().zip(PAUSES) {
        let pause = pause.as_secs();
        assert!((pause - pause / 10..=pause + pause / 10 + 1).contains(wait), "{waits:?}");
    }
    assert_eq!((waits.len(), stage.desk.bytes, stage.desk.wakes(stage.now().mono)), (6, 0, None));
    let letter = Letter { tries: 0, due: Some(stage.now().wall), ..stage.last_letter() };
    stage.desk.noticed(Notice::Again(letter), stage.now());
    // Its words are read again, first.
    assert!(stage.calls().is_empty());
    assert_eq!(stage.pages, [(1, 0, 2)]);
    stage.read_all(&[said("#rust", 1, "hello")]);
    assert_eq!(stage.calls(), [(1, 1)]);
    stage.called((1, 1), Outcome::Delivered);
    assert!(stage.calls().is_empty());
    assert!(matches!(stage.asked.last(), Some(Ask::Settled { event: 1, delivered: Some(_), .. })));
    assert_eq!(stage.desk.bytes, 0);
}

#[test]
fn a_receiver_that_fails_rests_and_holds_up_no_other() {
    let mut stage = Stage::with(2, &[webhook(1, "#rust", 0), webhook(2, "#go", 0)]);
    for id in 1..=3 {
        stage.hears(&said("#rust", id, "hello"));
        stage.hears(&said("#go", id, "hello"));
    }
    // One call at a time for each.
    assert_eq!(stage.calls(), [(1, 1), (2, 1)]);
    stage.called((1, 1), failure());
    stage.called((2, 1), Outcome::Delivered);
    assert_eq!(stage.calls(), [(2, 2)]);
    stage.called((2, 2), Outcome::Delivered);
    assert_eq!(stage.calls(), [(2, 3)]);
    stage.called((2, 3), Outcome::Delivered);
    assert!(stage.calls().is_empty());
    assert!((4..=6).contains(&stage.sleep()));
    // The line that failed is not much later than the others: they come in order.
    assert!(stage.calls().first().is_some_and(|(webhook, _)| *webhook == 1));
}

#[test]
fn what_a_receiver_asks_for_is_waited_for() {
    let mut stage = Stage::with(4, &[webhook(1, "#rust", 0)]);
    stage.hears(&said("#rust", 1, "hello"));
    for (asked, waited) in [(100, 100), (3, 27), (999_999_999, PAUSES[5].as_secs())] {
        assert_eq!(stage.calls(), [(1, 1)]);
        stage.called((1, 1), Outcome::Failed("answer 429".into(), Some(Duration::from_secs(asked))));
        assert!(stage.calls().is_empty());
        let wait = stage.sleep();
        assert!(wait >= waited && wait <= waited + 7, "asked for {asked}, waited {wait}");
    }
}

#[test]
fn an_address_inside_is_not_tried_again_and_410_ends_a_webhook() {
    let mut stage = Stage::with(4, &[webhook(1, "#rust", 0), webhook(2, "#go", 0)]);
    stage.hears(&said("#rust", 1, "hello"));
    stage.hears(&said("#go", 1, "hello"));
    stage.hears(&said("#go", 2, "hello"));
    assert_eq!(stage.calls(), [(1, 1), (2, 1)]);
    stage.called((1, 1), Outcome::Forbidden("it leads to ::1".into()));
    assert!(stage.calls().is_empty());
    assert!(stage.last_letter().due.is_none());
    stage.called((2, 1), Outcome::Gone);
    assert!(stage.calls().is_empty());
    assert_eq!((stage.gone.as_slice(), stage.desk.bytes), (&[2][..], 0));
    stage.hears(&said("#go", 3, "hello"));
    assert!(stage.calls().is_empty());
}

#[test]
fn words_that_are_deleted_are_not_sent_any_more() {
    let mut stage = Stage::with(1, &[webhook(1, "#rust", 0)]);
    stage.hears(&said("#rust", 1, "a secret"));
    stage.hears(&said("#rust", 2, "another"));
    assert_eq!(stage.calls(), [(1, 1)]);
    stage.called((1, 1), failure());
    stage.hears(&changed("#rust", 3, 1, What::Deleted));
    stage.hears(&changed("#rust", 4, 2, What::Deleted));
    stage.seconds += 60;
    assert_eq!(stage.calls(), [(1, 3)], "its deletion is");
    assert!(matches!(stage.asked[..], [Ask::Failed { .. }, Ask::Settled { event: 1, delivered: None, .. }]));
    stage.called((1, 3), Outcome::Delivered);
    assert_eq!(stage.calls(), [(1, 4)]);
    // Of a letter from the store the words may be gone, too.
    let (why, at) = (Text::default(), stage.now().wall);
    let letter = Letter { number: 9, webhook: 1, room: room("#rust"), event: 1, tries: 0, due: Some(at), why, at };
    stage.called((1, 4), Outcome::Delivered);
    stage.desk.noticed(Notice::Again(letter), stage.now());
    stage.read_all(&[]);
    assert!(stage.calls().is_empty());
    assert!(matches!(stage.asked.last(), Some(Ask::Settled { event: 1, delivered: None, .. })));
    assert_eq!(stage.desk.bytes, 0);
}

#[test]
fn what_was_said_while_it_did_not_look_is_read_before_anything_new_is_sent() {
    let mut stage = Stage::new(4);
    assert!(stage.calls().is_empty());
    stage.hears(&said("#rust", 9, "before the store has answered"));
    stage.desk.loaded(Answer::Refused(Refused::Busy), stage.now());
    assert_eq!(stage.sleep(), 1, "it is asked again");
    assert!(stage.calls().is_empty());
    stage.desk.loaded(Answer::Webhooks(vec![webhook(1, "#rust", 7)], Vec::new()), stage.now());
    stage.hears(&said("#rust", 10, "new"));
    assert!(stage.calls().is_empty());
    assert_eq!(stage.pages, [(1, 7, u64::MAX)]);
    stage.desk.paged(1, (7, u64::MAX), Answer::Refused(Refused::Busy), stage.now());
    assert!(stage.calls().is_empty());
    assert_eq!(stage.sleep(), 1);
    stage.pages.clear();
    let first = Answer::Lines { lines: vec![said("#rust", 8, "eight")], more: Some(8) };
    assert!(stage.calls().is_empty());
    stage.desk.paged(1, (7, u64::MAX), first, stage.now());
    assert!(stage.calls().is_empty(), "there is more to read");
    assert_eq!(stage.pages, [(1, 7, u64::MAX), (1, 8, u64::MAX)]);
    let second = Answer::Lines { lines: vec![said("#rust", 9, "nine"), said("#rust", 10, "new")], more: None };
    stage.desk.paged(1, (8, u64::MAX), second, stage.now());
    for event in 8..=10 {
        assert_eq!(stage.calls(), [(1, event)]);
        stage.called((1, event), Outcome::Delivered);
    }
    // The tap had no room.
    stage.desk.missed();
    assert!(stage.calls().is_empty());
    assert_eq!(stage.pages.last(), Some(&(1, 10, u64::MAX)));
}

#[test]
fn what_finds_no_room_is_a_dead_letter_at_once_and_what_waits_is_not_forgotten_by_it() {
    let mut stage = Stage::with(1, &[webhook(1, "#rust", 0)]);
    let long = "x".repeat(3_000);
    let mut id = 0;
    while stage.asked.is_empty() {
        id += 1;
        stage.hears(&said("#rust", id, &long));
        if let [call] = stage.calls()[..] {
            assert_eq!(call, (1, 1));
        }
    }
    assert!(stage.desk.bytes <= BYTES && id > 900, "{id}");
    let Some(Ask::Failed { letter, reached: 0 }) = stage.asked.last() else { panic!("{:?}", stage.asked) };
    assert_eq!((letter.event, letter.due, letter.tries), (id, None, 0));
    stage.desk.noticed(Notice::Ended(1), stage.now());
    assert_eq!(stage.desk.bytes, 0);
    stage.called((1, 1), Outcome::Delivered);
    assert!(stage.calls().is_empty());
}

#[test]
fn a_room_that_is_forgotten_takes_its_webhooks_with_it() {
    let mut stage = Stage::with(4, &[webhook(1, "#rust", 0)]);
    stage.hears(&said("#rust", 1, "hello"));
    stage.hears(&Envelope::new(DateTime::UNIX_EPOCH, Event::Forgotten(room("#Rust"))));
    stage.hears(&said("#rust", 2, "another room of the name"));
    assert!(stage.calls().is_empty());
    assert_eq!(stage.desk.bytes, 0);
}

#[test]
fn a_store_that_is_busy_is_told_again_in_order() {
    let mut stage = Stage::with(4, &[webhook(1, "#rust", 0)]);
    for id in 1..=2 {
        stage.hears(&said("#rust", id, "hello"));
        let Some(Do::Call(job)) = stage.desk.next(stage.now()) else { panic!("no call") };
        stage.called((1, job.event), Outcome::Delivered);
        if id == 1 {
            assert!(matches!(stage.desk.next(stage.now()), Some(Do::Ask(Ask::Settled { event: 1, .. }))));
            stage.desk.told(Answer::Refused(Refused::Busy), stage.now());
        }
    }
    assert!(stage.desk.next(stage.now()).is_none());
    assert_eq!(stage.sleep(), 1);
    assert!(stage.calls().is_empty());
    let events: Vec<u64> = stage
        .asked
        .iter()
        .map(|ask| match ask {
            Ask::Settled { event, .. } => *event,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(events, [1, 2]);
}
