//! Whose clock the views for people show, and the rule between two days (PROTOCOL.md section 5, "The views for people").

use std::sync::Arc;

use chat_server::model::command::{Choice, Terminal, View};
use chat_server::model::event::{Block, Done, Envelope, Event, Greeting, Speech, Translate, Version};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::run::Run;
use chat_server::model::text::Text;
use chat_server::model::zone::Zone;
use chat_server::protocol::dialect::{Encoder, LineEncoder};
use chrono::{DateTime, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::properties::time;

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("a time")
}

fn said(time: &str, id: u64) -> Arc<Envelope> {
    said_at(at(time), id)
}

fn said_at(at: DateTime<Utc>, id: u64) -> Arc<Envelope> {
    let (room, from) = (RoomName::lobby(), Name::parse("budi").expect("a name"));
    let (version, text) = (Version::First, Text::new("halo").expect("a text"));
    let by = ClientId(1);
    let speech = Speech {
        room,
        id,
        by,
        from,
        act: false,
        re: None,
        version,
        signed: false,
        cid: None,
        file: None,
        text: text.into(),
    };
    Envelope::new(at, Event::Said(speech))
}

fn options(at: DateTime<Utc>, choices: &[Choice]) -> Arc<Envelope> {
    Envelope::new(at, Event::Done { verb: "OPT", tag: None, done: Done::Options(choices.to_vec()) })
}

fn history(time: &str, lines: Vec<Arc<Envelope>>) -> Arc<Envelope> {
    Envelope::new(at(time), Event::Block(Block::history(Some(RoomName::lobby()), lines, None)))
}

/// A client of a server with this clock.
fn client(zone: &str, choices: &[Choice]) -> LineEncoder {
    let zone = Zone::offset_of(zone).expect("a zone");
    let greeting = Greeting {
        name: Text::default(),
        max_line: 2_048,
        max_message: 16_384,
        stored: false,
        files: None,
        zone,
        indonesian: Translate(|_| None),
    };
    let mut encoder = LineEncoder::default();
    hears(&mut encoder, &Envelope::new(DateTime::UNIX_EPOCH, Event::Hello(Arc::new(greeting))));
    let answer = hears(&mut encoder, &options(at("2026-08-21T03:00:00Z"), choices));
    assert!(answer.starts_with("--- Friday, 21 August 2026, ") || answer.starts_with("Friday, 21 August"), "{answer}");
    encoder
}

fn hears(encoder: &mut LineEncoder, envelope: &Envelope) -> String {
    let mut out = Vec::new();
    encoder.encode(envelope, &mut out);
    String::from_utf8(out).expect("UTF-8").replace("\r\n", "\n")
}

const SHORT: Choice = Choice::View(View::Short);

#[test]
fn a_rule_stands_where_the_day_of_the_servers_clock_changes() {
    let mut ani = client("+07:00", &[SHORT]);
    assert_eq!(hears(&mut ani, &said("2026-08-21T16:59:59Z", 1)), "23:59 budi: halo\n");
    let next = "--- Saturday, 22 August 2026, UTC+07:00 ---\n00:00 budi: halo\n";
    assert_eq!(hears(&mut ani, &said("2026-08-21T17:00:00Z", 2)), next);
    assert_eq!(hears(&mut ani, &said("2026-08-21T17:00:01Z", 3)), "00:00 budi: halo\n");
    // What has no line for people brings no rule.
    let forgotten = Envelope::new(at("2026-08-23T01:00:00Z"), Event::Forgotten(RoomName::lobby()));
    assert_eq!(hears(&mut ani, &forgotten), "");
    let mut budi = client("utc", &[Choice::View(View::Plain)]);
    assert_eq!(hears(&mut budi, &said("2026-08-21T23:59:59Z", 1)), "budi: halo\n");
    assert_eq!(hears(&mut budi, &said("2026-08-22T00:00:00Z", 2)), "Saturday, 22 August 2026, UTC\nbudi: halo\n");
}

#[test]
fn old_lines_stand_below_their_day_and_what_is_new_below_its_own() {
    let mut ani = client("+07:00", &[SHORT]);
    let old = ["2026-08-19T20:00:00Z", "2026-08-20T16:00:00Z", "2026-08-21T02:00:00Z"].map(|time| said(time, 1));
    let seen = "10:05 3 earlier lines of #lobby:\n\
                --- Thursday, 20 August 2026, UTC+07:00 ---\n\
                03:00 budi: halo\n\
                23:00 budi: halo\n\
                --- Friday, 21 August 2026, UTC+07:00 ---\n\
                09:00 budi: halo\n\
                10:05 End of the earlier lines.\n";
    assert_eq!(hears(&mut ani, &history("2026-08-21T03:05:00Z", old.to_vec())), seen);
    let seen = "10:06 1 earlier line of #lobby:\n\
                --- Thursday, 20 August 2026, UTC+07:00 ---\n\
                03:00 budi: halo\n\
                --- Friday, 21 August 2026, UTC+07:00 ---\n\
                10:06 End of the earlier lines.\n";
    assert_eq!(hears(&mut ani, &history("2026-08-21T03:06:00Z", old[..1].to_vec())), seen);
    assert_eq!(hears(&mut ani, &said("2026-08-21T03:07:00Z", 4)), "10:07 budi: halo\n");
}

#[test]
fn a_clock_of_ones_own_changes_nobody_elses() {
    let own = Choice::Zone(Zone::offset_of("-02:00"));
    let (mut ani, mut budi) = (client("+07:00", &[SHORT]), client("+07:00", &[SHORT, own]));
    for _ in 0..2 {
        // Whichever is first, the bytes that are shared have the server's time.
        let line = said("2026-08-21T04:00:00Z", 1);
        assert_eq!(hears(&mut budi, &line), "02:00 budi: halo\n");
        assert_eq!(hears(&mut ani, &line), "11:00 budi: halo\n");
        let page = vec![said("2026-08-21T01:00:00Z", 1)];
        let seen = "02:00 1 earlier line of #lobby:\n\
                    --- Thursday, 20 August 2026, UTC-02:00 ---\n\
                    23:00 budi: halo\n\
                    --- Friday, 21 August 2026, UTC-02:00 ---\n\
                    02:00 End of the earlier lines.\n";
        assert_eq!(hears(&mut budi, &history("2026-08-21T04:00:00Z", page.clone())), seen);
        let seen = "11:00 1 earlier line of #lobby:\n08:00 budi: halo\n11:00 End of the earlier lines.\n";
        assert_eq!(hears(&mut ani, &history("2026-08-21T04:00:00Z", page)), seen);
    }
    let back = options(at("2026-08-21T04:00:00Z"), &[Choice::Zone(None)]);
    assert_eq!(hears(&mut budi, &back), "--- Friday, 21 August 2026, UTC+07:00 ---\n11:00 tz=server\n");
    assert_eq!(hears(&mut budi, &said("2026-08-21T04:00:00Z", 2)), "11:00 budi: halo\n");
}

#[test]
fn comfort_mode_shows_numbers_unless_told_otherwise() {
    let now = at("2026-08-21T03:00:00Z");
    let mut ani = LineEncoder::default();
    hears(&mut ani, &Envelope::new(now, Event::Terminal(Terminal::On)));
    let first = "--- Friday, 21 August 2026, UTC ---\n03:00 [12] budi: halo\n";
    assert_eq!(hears(&mut ani, &said_at(now, 12)), first);
    hears(&mut ani, &options(now, &[Choice::Ids(false)]));
    assert_eq!(hears(&mut ani, &said_at(now, 13)), "03:00 budi: halo\n");
    hears(&mut ani, &options(now, &[Choice::Ids(true), Choice::View(View::Plain)]));
    assert_eq!(hears(&mut ani, &said_at(now, 14)), "14, budi: halo\n");
}

/// The bytes are made once for all who share the view, on every day but the first of its lines.
#[test]
fn a_run_is_shared_by_all_who_read_it_on_the_same_day() {
    let now = "2026-08-21T04:00:00Z";
    for choices in [&[SHORT][..], &[SHORT, Choice::Ids(true)], &[Choice::View(View::Plain)]] {
        let (mut ani, mut budi) = (client("utc", choices), client("utc", choices));
        let run = Run::shared(vec![said(now, 1), said(now, 2)]);
        assert!(ani.shared(&run).is_none(), "another quarter of an hour than the line above");
        hears(&mut ani, &run[0]);
        hears(&mut budi, &run[0]);
        let (one, other) = (ani.shared(&run).expect("shared"), budi.shared(&run).expect("shared"));
        assert_eq!(one.as_ptr(), other.as_ptr());
        let next = Run::shared(vec![said("2026-08-22T04:00:00Z", 3)]);
        assert!(ani.shared(&next).is_none(), "a rule comes first");
    }
    let citra = client("utc", &[SHORT, Choice::Zone(Zone::offset_of("+07:00"))]);
    assert!(citra.shared(&Run::shared(vec![said("2026-08-21T03:00:00Z", 1)])).is_none(), "a clock of its own");
}

proptest! {
    /// Whatever the times are, a rule stands exactly where the day is another than that of the line above.
    #[test]
    fn a_rule_stands_between_two_days_and_nowhere_else(
        times in vec(prop_oneof![time(), (0i64..400_000).prop_map(|s| DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(s))], 1..12),
        zone in select(vec!["utc", "+07:00", "-03:30", "+05:45", "+14:00"]),
        own in any::<bool>(),
    ) {
        let zone = Zone::offset_of(zone).unwrap();
        let mut encoder = LineEncoder::default();
        let tz = if own { Choice::Zone(Some(zone)) } else { Choice::Zone(None) };
        let server = if own { Zone::UTC } else { zone };
        let greeting = Greeting { name: Text::default(), max_line: 2_048, max_message: 16_384, stored: false, files: None, zone: server, indonesian: Translate(|_| None) };
        hears(&mut encoder, &Envelope::new(DateTime::UNIX_EPOCH, Event::Hello(Arc::new(greeting))));
        let first = options(times[0], &[SHORT, tz]);
        let seen = hears(&mut encoder, &first);
        prop_assert_eq!(seen.lines().count(), 2);
        let mut day = zone.shows(times[0]).date();
        for time in times {
            let (shown, line) = (zone.shows(time), said_at(time, 1));
            let clock = shown.format("%H:%M");
            let rule = format!("--- {}, {} ---\n", shown.format("%A, %-d %B %Y"), zone.name(time));
            let rule = if shown.date() == day { "" } else { rule.as_str() };
            prop_assert_eq!(hears(&mut encoder, &line), format!("{rule}{clock} budi: halo\n"));
            day = shown.date();
        }
    }
}
