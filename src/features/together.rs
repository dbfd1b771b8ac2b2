//! Tests of what several features do together.

use std::sync::Arc;

use proptest::prelude::*;

use crate::chat::hooks::Router;
use crate::chat::message::{Client, Message};
use crate::chat::outbox::Outbox;
use crate::chat::registry::Registry;
use crate::chat::router::kit::{ani_and_budi, hears};
use crate::chat::ticket::Ticket;
use crate::config::Config;
use crate::features::accounts::RoleChanged;
use crate::features::{Features, VERBS};
use crate::metrics::Metrics;
use crate::model::event::{Event, Leave};
use crate::model::feature::FeatureEvent;
use crate::model::names::{ClientId, RoomName};
use crate::model::now::{Moment, Now};
use crate::model::text::Text;
use crate::protocol::parse::parse;
use crate::testing::{Bare, MemoryStore, Shelf, Stage, matches, quick};

#[test]
fn bans_and_mutes_forget_a_connection_that_is_gone() {
    let (mut stage, ..) = ani_and_budi();
    stage.send("ani", b"/join #tea\n");
    for round in 0..5 {
        let who = format!("c{round}");
        stage.connect(&who);
        stage.send(&who, b"JOIN:citra\n/join #tea\n");
        stage.send("ani", b"/mute #tea citra\n");
        stage.send(&who, b"QUIT\n");
    }
    let room = &stage.router().rooms[&RoomName::parse("#tea").unwrap()];
    assert_eq!(room.features.bans.iter().map(|held| held.connections().count()).collect::<Vec<_>>(), [0]);
}

/// A page asks for its rights when this comes, and not whenever anything is said to all.
#[test]
fn who_may_do_something_else_is_told_by_an_event_of_its_own() {
    let key = crate::config::OperatorKey::new("a-key-that-is-long-enough").unwrap();
    let config = Config { operator_key: Some(key), ..quick() };
    let (registry, shelf) = (Registry::new(), Shelf::default());
    let mut router = Router::<Features>::new(&config, registry, Arc::new(Metrics::new(Moment::now())));
    let mut turn = |message| {
        router.turn([message], Now::read());
        let batches = shelf.take();
        let events = batches.iter().flat_map(|batch| batch.envelopes.iter());
        events.map(|envelope| envelope.event.clone()).collect::<Vec<Event>>()
    };
    let say = |line: &str| {
        Message::Requests(ClientId(1), vec![parse(&Text::new(line).unwrap(), &VERBS).unwrap()], Ticket::free())
    };
    let outbox = Outbox::new(Box::new(shelf.clone()), 1 << 20);
    turn(Message::ClientJoined(Client::new(ClientId(1), outbox, "test", "line")));
    turn(say("JOIN:ani"));
    turn(say("/oper a-key-that-is-long-enough"));
    let heard = turn(say("/announce cake"));
    assert!(matches!(heard[..], [Event::Note { .. }, Event::Done { .. }]), "{heard:?}");
    let heard = turn(Message::Reload(Arc::new(quick())));
    let is_new_role = |event: &FeatureEvent| event.open::<RoleChanged>().is_some();
    assert!(matches!(&heard[..], [Event::Feature(event)] if is_new_role(event)), "{heard:?}");
}

#[test]
fn who_sets_the_clock_on_the_wall_lifts_nothing_and_holds_nobody() {
    for hours in [-48, 48] {
        let mut stage = Bare::new(Config { spam_lines: 5, arrivals: 3, ..quick() });
        for who in ["ani", "budi", "citra", "dewi"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        stage.send("ani", b"/join #tea\n/mute #tea budi 60s\n/ban #tea citra 60s\n");
        stage.send("budi", b"/join #tea\n");
        // The sixth line is one too many.
        stage.send("citra", b"one\ntwo\nthree\nfour\nfive\nsix\n");
        let asks = |stage: &mut Bare, who: &str, line: &str, answer: &str| {
            while stage.next(who).is_some() {}
            stage.send(who, format!("{line}\n").as_bytes());
            let heard = stage.next(who);
            assert!(heard.as_deref().is_some_and(|heard| matches(answer, heard)), "{hours} h, {line}: {heard:?}");
        };
        while stage.next("ani").is_some() {}
        stage.set_the_clock(chrono::Duration::hours(hours));
        stage.wait(9);
        assert_eq!(stage.next("ani"), None, "the fourth to come is not announced yet");
        stage.wait(1);
        hears(&mut stage, "ani", "* JOINED #tea budi");
        hears(&mut stage, "ani", "* JOINED #lobby dewi");
        asks(&mut stage, "citra", "SAY=1:#lobby x", "* ERR 429 too-fast SAY tag=1 retry=20: ...");
        asks(&mut stage, "budi", "SAY=1:#tea x", "* ERR 404 cannot-speak SAY tag=1 retry=50: ...");
        stage.wait(20);
        asks(&mut stage, "citra", "SAY=2:#lobby x", "* OK SAY tag=2 ...");
        stage.wait(29);
        asks(&mut stage, "budi", "SAY=2:#tea x", "* ERR 404 cannot-speak SAY tag=2 retry=1: ...");
        asks(&mut stage, "citra", "/join #tea", "* ERR 474 banned-from-room JOIN retry=1: ...");
        stage.wait(1);
        asks(&mut stage, "budi", "SAY=3:#tea x", "* OK SAY tag=3 ...");
        asks(&mut stage, "citra", "/join #tea", "* OK JOIN ...");
    }
}

/// Where the router knows a client by its number, besides what was said. Others may remember who whispered to them last.
fn traces(router: &Router<Features>, id: ClientId) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |place: &str, is_there: bool| found.extend(is_there.then(|| place.to_string()));
    note("the registry", router.registry.lock().get(id).is_some());
    note("the limiter", router.limiter.knows(id));
    note("pages in sight", router.features.pushes.in_sight.contains(&id));
    note("presence", router.features.presence.knows(id));
    note("those with something to send", router.unsent.contains(&id));
    note("those who leave", router.leaving.iter().any(|(client, _)| client.id == id));
    note(
        "bans and mutes of the server",
        router.features.bans.iter().any(|held| held.connections().any(|held| held == id)),
    );
    note("questions", router.features.archive.as_ref().is_some_and(|archive| archive.is_asked_by(id)));
    for room in router.rooms.values() {
        let name = &room.name;
        note(&format!("the members of {name}"), room.members.contains(&id));
        note(&format!("the operators of {name}"), room.features.rooms.ops.contains(&id));
        note(&format!("the invited of {name}"), room.features.rooms.invited.contains(&id));
        note(&format!("the unannounced of {name}"), room.features.unannounced.contains(&id));
        note(
            &format!("who opened {name}"),
            room.features.opener.as_ref().is_some_and(|opener| opener.person == Some(id)),
        );
        let mut held = room.features.bans.iter().flat_map(|held| held.connections());
        note(&format!("bans and mutes of {name}"), held.any(|held| held == id));
        note(&format!("the news of {name}"), !room.news.is_empty());
    }
    found
}

const PEOPLE: [&str; 4] = ["ani", "budi", "citra", "dewi"];

/// What one of them does: a line, or an end of their connection, after which they come again.
fn deed() -> impl Strategy<Value = (usize, &'static str)> {
    let line = prop_oneof![
        6 => prop_oneof![Just("hello"), Just("/me waves"), Just("/w budi psst"), Just("/react last 👍"), Just("/away tea")],
        4 => prop_oneof![Just("/join #tea"), Just("/join #den"), Just("/join #den key"), Just("/part"), Just("/part #tea")],
        3 => prop_oneof![Just("/mode +i"), Just("/mode -i"), Just("/mode +k key"), Just("/topic tea")],
        4 => prop_oneof![Just("/invite budi #tea"), Just("/invite citra #den"), Just("/op budi"), Just("/deop ani")],
        4 => prop_oneof![
            Just("/mute budi"),
            Just("/mute #tea citra 5s"),
            Just("/ban #tea dewi"),
            Just("/ban #den ani 5s"),
            Just("/unban #tea dewi"),
            Just("/kick budi"),
        ],
        3 => prop_oneof![Just("/ignore budi"), Just("/ignore ani"), Just("OPT:presence=full"), Just("OPT:presence=off")],
        2 => prop_oneof![Just("/nick other"), Just("/nick ani"), Just("/search hello"), Just("/history"), Just("/oper a-key-that-is-long-enough")],
        2 => prop_oneof![Just("/mute * citra"), Just("/forget #tea"), Just("/lockdown off"), Just("TYPING:")],
        3 => prop_oneof![Just("QUIT"), Just("!lost"), Just("!closed"), Just("!time")],
    ];
    (0..PEOPLE.len(), line)
}

proptest! {
    /// Whatever they did: of who has left nothing is kept but what was said, and when all have, no talker, watcher or
    /// ignorer is known.
    #[test]
    fn of_who_has_left_no_number_is_kept(deeds in proptest::collection::vec(deed(), 1..120)) {
        let key = crate::config::OperatorKey::new("a-key-that-is-long-enough").ok();
        let config = Config { spam_lines: 60, arrivals: 3, operator_key: key, rooms_each: 9, ..quick() };
        let kept = Some((MemoryStore::default(), crate::model::roles::Policy::default()));
        let mut stage = Bare::new(crate::testing::Setup { kept, ..config.into() });
        let mut numbers: Vec<(ClientId, String)> = Vec::new();
        let mut gone: Vec<ClientId> = Vec::new();
        let come = |stage: &mut Bare, numbers: &mut Vec<(ClientId, String)>, place: usize| {
            let who = format!("{}-{}", PEOPLE[place], numbers.len());
            stage.connect(&who);
            stage.send(&who, format!("JOIN:{}\nJOIN:{who}\n", PEOPLE[place]).as_bytes());
            numbers.push((stage.id_of(&who), who));
            numbers.len() - 1
        };
        let mut seats: Vec<usize> = (0..PEOPLE.len()).map(|place| come(&mut stage, &mut numbers, place)).collect();
        for (place, line) in deeds {
            let (id, who) = numbers[seats[place]].clone();
            match line {
                "!lost" => stage.turn(vec![Message::ClientLeft(id, Leave::Lost)]),
                "!closed" => stage.hang_up(&who),
                "!time" => drop(stage.wait(7)),
                line => stage.send(&who, format!("{line}\n").as_bytes()),
            }
            // They may have sent away another user.
            for place in 0..PEOPLE.len() {
                let (id, _) = numbers[seats[place]];
                if stage.router().registry.lock().get(id).is_none() {
                    gone.push(id);
                    seats[place] = come(&mut stage, &mut numbers, place);
                }
            }
            for id in &gone {
                prop_assert_eq!(traces(stage.router(), *id), Vec::<String>::new(), "{}", id);
            }
        }
        for (id, _) in &numbers {
            stage.turn(vec![Message::ClientLeft(*id, Leave::Lost)]);
        }
        for (id, _) in &numbers {
            prop_assert_eq!(traces(stage.router(), *id), Vec::<String>::new(), "{}", id);
        }
        let router = stage.router();
        prop_assert!(router.unsent.is_empty());
        prop_assert!(router.registry.names().is_empty());
    }
}
