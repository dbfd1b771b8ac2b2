//! What must hold for every input: generated texts, bytes and events against the rules they must never break.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_server::chat::history::History;
use chat_server::chat::limit::{RateLimiter, Verdict};
use chat_server::chat::message::Message;
use chat_server::chat::outbox::{Batch, Deliver, Flushed, MAX_PENDING, Outbox, Undelivered};
use chat_server::chat::ticket::Ticket;
use chat_server::config::{self, When};
use chat_server::features::VERBS;
use chat_server::features::accounts;
use chat_server::features::accounts::invitations::Terms;
use chat_server::features::archive::blocks::{Exported, exported, found};
use chat_server::features::archive::verbs::{Export, Search};
use chat_server::features::dice::{Roll, Rolled};
use chat_server::features::files::{self, Recipient};
use chat_server::features::help::Help;
use chat_server::features::lab::verbs::Inspect;
use chat_server::features::lab::{Doing, Inspection, Queue, Thread, Turns};
use chat_server::features::line_editing::Telnet;
use chat_server::features::membership::state::Notify;
use chat_server::features::moderation::action::{Action, Moderate, Scope, ShowBans};
use chat_server::features::moderation::ban::{Kind, Notice, Target};
use chat_server::features::moderation::list::{BanRow, bans};
use chat_server::features::moderation::moderated::{Effect, Moderated};
use chat_server::features::moderation::network::Network;
use chat_server::features::operators::audit::{Act as PowerAct, Entry};
use chat_server::features::preferences::state::Key;
use chat_server::features::presence::typing::Typing;
use chat_server::features::rooms::told::{Modes, Purged, Retained, Topic};
use chat_server::features::rooms::{KeepFor, ModeChange};
use chat_server::features::{
    devices, membership, messages, operators, preferences, presence, profile, programs, rooms,
};
use chat_server::model::body::{Body, MAX_LINES, MAX_MESSAGE};
use chat_server::model::code::Code;
use chat_server::model::command::{Choice, Command, HistoryQuery, Line, Presence, View};
use chat_server::model::event::{
    Block, Change, Done, Envelope, Event, Foreign, Greeting, Leave, Rows, SharedFile, Speech, Translate, Version,
    Warning, What, Wire, Words,
};
use chat_server::model::feature::{FeatureEvent, Told};
use chat_server::model::file::{Granted, Token};
use chat_server::model::glyph::BYTE_ORDER_MARK;
use chat_server::model::names::{ClientId, MAX_NAME, Name, RoomName};
use chat_server::model::now::Moment;
use chat_server::model::parts::Parts;
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use chat_server::model::row::Row;
use chat_server::model::rows::{RoomInfo, Stat, User};
use chat_server::model::run::Run;
use chat_server::model::secrets::Secret;
use chat_server::model::spam::{Spam, TooFast};
use chat_server::model::text::{MAX_TEXT, Text, is_harmful};
use chat_server::model::verb::Verb;
use chat_server::model::zone::Zone;
use chat_server::net::bucket::Bucket;
use chat_server::net::queue::{MAX_BATCHES, queue};
use chat_server::protocol::dialect::{Decoded, Decoder, Encoder, LineDecoder, LineEncoder};
use chat_server::protocol::parse::parse;
use chat_server::protocol::render::render;
use chat_server::protocol::telnet::{Input, Splitter};
use chat_server::testing::{Bare, Stage, quick};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use chat_conformance::wire;

const ANI: ClientId = ClientId(1);

// ---- what people type ----

pub(crate) fn name() -> impl Strategy<Value = Name> {
    "[A-Za-z_][A-Za-z0-9_-]{0,31}".prop_map(|name| Name::parse(&name).unwrap())
}

pub(crate) fn room() -> impl Strategy<Value = RoomName> {
    "#[A-Za-z0-9_-]{1,31}".prop_map(|name| RoomName::parse(&name).unwrap())
}

/// Words by a user who means harm: forged lines, line ends, escape sequences, whatever is long.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        4 => "[a-z ]{0,9}",
        2 => (0u32..0xA0).prop_map(|c| char::from_u32(c).unwrap().to_string()),
        1 => select(vec!["\u{2028}", "\u{2029}", "\u{202e}", "\u{2066}", "\u{feff}", "\u{3000}", "\u{85}"]).prop_map(String::from),
        3 => select(vec![": ", ":", "=", "%0A", "\r\n", "\n", "\r", "\0", "\x1b]0;x\x07", "END LIST *", " ERR 433 x: y"]).prop_map(String::from),
        1 => Just("\r\n2026-08-21T10:00:12Z MSG #lobby 1044 budi: I am a forger".to_string()),
        1 => (0usize..1_800).prop_map(|count| "é".repeat(count)),
    ];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

pub(crate) fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        9 => hostile().prop_map(|words| Text::new(&words).unwrap_or_default()),
        1 => Just(Text::new(&"x".repeat(MAX_TEXT)).unwrap()),
    ]
}

/// A message: one line, or several.
pub(crate) fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        4 => text().prop_map(Body::from),
        1 => vec(hostile(), 2..6).prop_map(|lines| Body::new(&lines.join("\n")).unwrap_or_default()),
    ]
}

/// A text that is shorter, as the router takes it for topics and the like.
fn short_text(max: usize) -> impl Strategy<Value = Text> {
    text().prop_map(move |text| {
        let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.slice(0..end)
    })
}

fn tag() -> impl Strategy<Value = Text> {
    "[A-Za-z0-9_-]{1,32}".prop_map(|tag| Text::new(&tag).unwrap())
}

fn verb() -> impl Strategy<Value = &'static Verb> {
    proptest::sample::select(VERBS.iter().collect::<Vec<_>>())
}

pub(crate) fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (0i64..253_402_300_800_000).prop_map(|ms| DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms))
}

proptest! {
    #[test]
    fn text_is_clean_and_cleaning_it_again_changes_nothing(words in hostile()) {
        match Text::new(&words) {
            Ok(text) => {
                prop_assert!(!text.chars().any(is_harmful));
                prop_assert!(text.len() <= MAX_TEXT);
                prop_assert_eq!(Text::new(&text).unwrap(), text.clone());
                prop_assert_eq!(text.chars().count(), words.chars().count(), "nothing vanishes");
                for (was, is) in words.chars().zip(text.chars()) {
                    prop_assert!(was == is || is_harmful(was), "{was:?} became {is:?}");
                }
            }
            Err(refusal) => {
                prop_assert_eq!(refusal.code(), Code::LineTooLong);
                prop_assert!(refusal.number("got") > Some(MAX_TEXT as u64));
            }
        }
    }

    #[test]
    fn bytes_are_text_exactly_if_they_are_utf8(bytes in vec(any::<u8>(), 0..60)) {
        match (Text::from_bytes(&bytes), std::str::from_utf8(&bytes)) {
            (Ok(text), Ok(words)) => prop_assert_eq!(text, Text::new(words).unwrap()),
            (Err(refusal), Err(error)) => {
                prop_assert_eq!((refusal.code(), refusal.number("at")), (Code::NotUtf8, Some(error.valid_up_to() as u64)));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn pieces_of_a_text_are_its_words(words in hostile()) {
        let text = Text::new(&words).unwrap_or_default();
        let (first, rest) = text.split_word();
        prop_assert!(!first.contains(' '));
        prop_assert!(text.trim_start().starts_with(first.as_str()) && text.ends_with(rest.as_str()));
        let trimmed = text.trimmed();
        prop_assert_eq!(trimmed.as_str(), text.trim());
    }

    #[test]
    fn a_name_is_what_the_rule_says_and_a_number_leaves_it_one(words in prop_oneof![hostile(), "[#A-Za-z0-9_-]{0,34}"], number in 2usize..9_999) {
        let name_byte = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let good = (1..=MAX_NAME).contains(&words.len())
            && words.chars().all(name_byte)
            && !words.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        prop_assert_eq!(Name::parse(&words).is_ok(), good);
        if let Ok(name) = Name::parse(&words) {
            prop_assert!(Name::parse(name.numbered(number).as_str()).is_ok());
            prop_assert_eq!(Name::parse(&words.to_ascii_uppercase()).unwrap(), name);
        }
        let rest = words.strip_prefix('#').unwrap_or_default();
        let good = !rest.is_empty() && words.len() <= MAX_NAME && rest.chars().all(name_byte);
        prop_assert_eq!(RoomName::parse(&words).is_ok(), good);
    }
}

// ---- the parser ----

/// A line near to the grammar: a verb or something like one, and anything behind it.
fn line_like() -> impl Strategy<Value = String> {
    let verbs: Vec<String> = VERBS
        .iter()
        .flat_map(|verb| {
            let slashes = verb.slashes.iter().map(|slash| format!("/{slash} "));
            slashes.chain([format!("{}:", verb.name), format!("{}=t1:", verb.name)])
        })
        .collect();
    let args = prop_oneof![
        hostile(),
        "[#a-z+=0-9 -]{0,30}",
        select(vec!["#rust ", "+k ", "before=", "view=plain ping=0", "-", "ani", "#a b c"]).prop_map(String::from)
    ];
    let head = prop_oneof![4 => select(verbs), 1 => "[A-Z]{1,17}:", 1 => "/[a-zA-Z?0-9-]{0,18} ?", 1 => "", 1 => "//?", 1 => "[a-z]{2,6}:"];
    (head, args).prop_map(|(head, args)| head + &args)
}

proptest! {
    /// Whatever comes, the parser gives an answer, and that answer can be shown.
    #[test]
    fn the_parser_never_panics_and_every_refusal_is_a_line(words in prop_oneof![hostile(), line_like()]) {
        let Ok(line) = Text::new(&words) else { return Ok(()) };
        let Some(request) = parse(&line, &VERBS) else {
            prop_assert!(words.trim_start_matches(BYTE_ORDER_MARK).trim().is_empty());
            return Ok(());
        };
        prop_assert!(request.verb.is_some() || request.what.is_err(), "what is understood has a verb");
        for request in [Some(&request), request.early.as_deref()].into_iter().flatten() {
            if let Err(error) = &request.what {
                let words = error.to_string();
                if let Some((_, near)) = words.split_once(" Did you mean ") && error.code() == Code::UnknownVerb {
                    prop_assert!(VERBS.named(near.trim_end_matches('?')).is_some(), "{near} is no verb");
                }
                let refused =
                    Event::Refused { verb: request.shown_verb(), tag: request.tag.clone(), error: error.clone() };
                let lines = wire::lines(&render(&Envelope::new(DateTime::UNIX_EPOCH, refused), Wire::Line));
                prop_assert_eq!(lines.map(|lines| lines.len()), Ok(1));
            }
        }
    }

    /// A verb that is not in the table is never spoken, whatever stands behind it.
    #[test]
    fn an_unknown_verb_is_never_spoken(verb in "[A-Z][A-Z0-9-]{1,15}", tag in option::of(tag()), args in hostile()) {
        prop_assume!(VERBS.named(&verb).is_none());
        let tag = tag.map_or(String::new(), |tag| format!("={tag}"));
        let Ok(line) = Text::new(&format!("{verb}{tag}:{args}")) else { return Ok(()) };
        prop_assert_eq!(parse(&line, &VERBS).unwrap().what.unwrap_err().code(), Code::UnknownVerb);
    }

    /// What does not look like a verb is spoken, to the last letter.
    #[test]
    fn any_other_line_is_spoken_as_it_is(words in "[a-z(é][^\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}-\u{202e}\u{2066}-\u{2069}]{0,80}") {
        let text = Text::new(&words).unwrap();
        prop_assert_eq!(parse(&text, &VERBS).unwrap().what, Ok(Command::Say { room: None, re: None, cid: None, act: false, text: text.clone().into() }));
        let with_verb = parse(&Text::new(&format!("MSG:{words}")).unwrap(), &VERBS).unwrap();
        prop_assert_eq!(with_verb.what, Ok(Command::Say { room: None, re: None, cid: None, act: false, text: text.into() }));
    }

    #[test]
    fn a_command_in_either_spelling_is_read_back((command, verb, args) in command(), tag in option::of(tag())) {
        let with_tag = tag.as_ref().map_or(String::new(), |tag| format!("={tag}"));
        let line = Text::new(&format!("{verb}{with_tag}:{args}")).unwrap();
        let read = parse(&line, &VERBS).unwrap();
        prop_assert_eq!(&read.what, &Ok(command.clone()), "{}", &line);
        prop_assert_eq!(read.tag, tag);
        for slash in VERBS.named(verb).unwrap().slashes {
            let line = Text::new(&format!("/{slash} {args}")).unwrap();
            prop_assert_eq!(&parse(&line, &VERBS).unwrap().what, &Ok(command.clone()), "{}", &line);
        }
    }
}

/// Words that begin and end in a letter, as they survive any trimming.
fn words() -> impl Strategy<Value = Text> {
    "[a-zé]([^\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}-\u{202e}\u{2066}-\u{2069}]{0,60}[a-z])?"
        .prop_map(|w| Text::new(&w).unwrap())
}

/// A command with its verb and its arguments as a program writes them.
fn command() -> impl Strategy<Value = (Command, &'static str, String)> {
    prop_oneof![talk(), moderation(), work(), members(), preferences(), devices(), profiles()]
}

/// What is unread, read and wanted of a room.
fn members() -> impl Strategy<Value = (Command, &'static str, String)> {
    let made = |command, verb, args: String| (Command::feature(command), verb, args);
    let wish = select(vec!["", "all", "mentions", "none", "mute", "unmute"]);
    prop_oneof![
        any::<bool>().prop_map(move |on| {
            let args = if on { "on" } else { "off" };
            made(membership::Command::Follow(on), "FOLLOW", args.into())
        }),
        any::<bool>().prop_map(move |all| {
            let args = if all { "all" } else { "" };
            made(membership::Command::Unread { all }, "UNREAD", args.into())
        }),
        (room(), option::of(0u64..)).prop_map(move |(room, id)| {
            let args = format!("{room} {}", id.map_or(String::new(), |id| id.to_string()));
            made(membership::Command::Read { room: Some(room), id }, "READ", args)
        }),
        Just(()).prop_map(move |()| made(membership::Command::ReadAll, "READ", "all".into())),
        (option::of(0u64..), 1usize..=500).prop_map(move |(before, limit)| {
            let args = format!("{limit}{}", before.map_or(String::new(), |before| format!(" before={before}")));
            made(membership::Command::Mentions { before, limit }, "MENTIONS", args)
        }),
        option::of(room())
            .prop_map(move |room| { made(membership::Command::Members(room.clone()), "MEMBERS", room_args(&room)) }),
        (room(), wish).prop_map(move |(room, wish)| {
            let mode = match wish {
                "" => None,
                "mute" => Some(membership::Wish::Muted(true)),
                "unmute" => Some(membership::Wish::Muted(false)),
                word => Notify::ALL.into_iter().find(|notify| notify.word() == word).map(membership::Wish::Notify),
            };
            made(
                membership::Command::Notify { room: Some(room.clone()), wish: mode },
                "NOTIFY",
                format!("{room} {wish}"),
            )
        }),
    ]
}

/// What an account prefers.
fn preferences() -> impl Strategy<Value = (Command, &'static str, String)> {
    let key = prop_oneof![
        select(vec!["lang", "mentions", "page.theme"]).prop_map(String::from),
        room().prop_map(|room| format!("draft.{}", room.as_str().trim_start_matches('#'))),
    ];
    (option::of(key), option::of("[a-z]{1,8}( [a-z]{1,8})?")).prop_map(|(key, value)| {
        let value = value.filter(|_| key.is_some());
        let args = [key.as_deref(), value.as_deref()].map(Option::unwrap_or_default).join(" ");
        let key = key.map(|key| Key::parse(&key).unwrap());
        let wish = match (key, value) {
            (Some(key), Some(value)) if value == "default" => preferences::Command::Set(key, None),
            (Some(key), Some(value)) => preferences::Command::Set(key, Some(Body::new(&value).unwrap())),
            (key, _) => preferences::Command::Show(key),
        };
        (Command::feature(wish), "PREF", args)
    })
}

/// The devices of a user.
fn devices() -> impl Strategy<Value = (Command, &'static str, String)> {
    option::of(name()).prop_map(|other| {
        let args = other.as_ref().map_or(String::new(), Name::to_string);
        (Command::feature(devices::Command::Show(other)), "DEVICES", args)
    })
}

/// What is shown beside a name.
fn profiles() -> impl Strategy<Value = (Command, &'static str, String)> {
    let made = |wish, verb, args: String| (Command::feature(wish), verb, args);
    prop_oneof![
        option::of("[a-z]{1,8}( [a-z]{1,8})?").prop_map(move |words| {
            let args = words.clone().unwrap_or_default();
            made(profile::Command::Status(words.map(|words| Text::new(&words).unwrap())), "STATUS", args)
        }),
        option::of(name()).prop_map(move |name| {
            let args = name.as_ref().map_or(String::new(), Name::to_string);
            made(profile::Command::Show(name), "PROFILE", args)
        }),
    ]
}

/// Verbs that [`command`] does not make: what stands behind them is a secret, or comes in lines below. The dialect's tests read them,
/// and those of the dice theirs.
const NOT_MADE: [&str; 6] = ["PASTE", "REGISTER", "LOGIN", "PASSWD", "OPER", "ROLL"];

/// A verb that is new comes into the strategies above, or this fails.
#[test]
fn every_verb_is_made() {
    let mut runner = TestRunner::deterministic();
    let made: BTreeSet<&str> = (0..5_000).map(|_| command().new_tree(&mut runner).expect("one").current().1).collect();
    let rows = VERBS.iter().filter(|verb| !NOT_MADE.contains(&verb.name));
    let verbs: BTreeSet<&str> = rows.map(|verb| verb.name).collect();
    let missing: Vec<&&str> = verbs.difference(&made).collect();
    assert!(missing.is_empty(), "{missing:?}: no strategy makes it, and it is not in NOT_MADE");
    assert_eq!(verbs, made, "left: the table; right: what the strategies make");
}

/// And so does an option.
#[test]
fn every_option_is_made() {
    let mut runner = TestRunner::deterministic();
    let key = |choice: Choice| match choice {
        Choice::History(_) => "history",
        Choice::Millis(_) => "time",
        Choice::View(_) => "view",
        Choice::Ids(_) => "ids",
        Choice::Zone(_) => "tz",
        Choice::Indonesian(_) => "lang",
        Choice::Echo(_) => "echo",
        Choice::Presence(_) => "presence",
        Choice::Typing(_) => "typing",
        Choice::Lobby(_) => "lobby",
        Choice::Away(_) => "away",
        Choice::Ping(_) => "ping",
    };
    let made: BTreeSet<&str> =
        (0..1_000).map(|_| key(choice().new_tree(&mut runner).expect("one").current())).collect();
    let written = VERBS.named("OPT").expect("a verb").usage.split(' ').filter_map(|word| word.split_once('='));
    assert_eq!(written.map(|(key, _)| key).collect::<BTreeSet<&str>>(), made);
}

fn scope() -> impl Strategy<Value = (Scope, String)> {
    prop_oneof![
        Just((Scope::Current, String::new())),
        room().prop_map(|room| (Scope::Room(room.clone()), room.to_string())),
        Just((Scope::Server, "*".to_string())),
    ]
}

/// What moderators do, in a room or on the server.
fn moderation() -> BoxedStrategy<(Command, &'static str, String)> {
    let target = || {
        let network = || select(vec!["192.0.2.7/32", "192.0.2.0/24", "2001:db8::/48"]);
        prop_oneof![
            name().prop_map(Target::Name),
            network().prop_map(|network| Target::Network(Network::parse(network).expect("one"))),
        ]
    };
    let time = || option::of((1u64..86_400).prop_map(Duration::from_secs));
    let action = prop_oneof![
        name().prop_map(Action::Op),
        name().prop_map(Action::Deop),
        name().prop_map(Action::Voice),
        name().prop_map(Action::Devoice),
        (name(), option::of(words())).prop_map(|(name, why)| Action::Kick { name, why }),
        (name(), time(), option::of(words())).prop_map(|(name, time, why)| Action::Mute { name, time, why }),
        name().prop_map(Action::Unmute),
        (target(), time(), option::of(words())).prop_map(|(target, time, why)| Action::Ban { target, time, why }),
        target().prop_map(Action::Unban),
    ];
    let bans = scope().prop_map(|(scope, place)| (Command::feature(ShowBans(scope)), "BANS", place));
    let moderate = (scope(), action).prop_map(|((scope, place), action)| {
        let why = |why: &Option<Text>| why.as_ref().map_or(String::new(), |why| format!(" {why}"));
        let time = |time: &Option<Duration>| time.map_or(String::new(), |time| format!(" {}s", time.as_secs()));
        let (verb, args) = match &action {
            Action::Op(name) => ("OP", name.to_string()),
            Action::Deop(name) => ("DEOP", name.to_string()),
            Action::Voice(name) => ("VOICE", name.to_string()),
            Action::Devoice(name) => ("DEVOICE", name.to_string()),
            Action::Kick { name, why: words } => ("KICK", format!("{name}{}", why(words))),
            Action::Mute { name, time: long, why: words } => ("MUTE", format!("{name}{}{}", time(long), why(words))),
            Action::Unmute(name) => ("UNMUTE", name.to_string()),
            Action::Ban { target, time: long, why: words } => ("BAN", format!("{target}{}{}", time(long), why(words))),
            Action::Unban(target) => ("UNBAN", target.to_string()),
        };
        (Command::feature(Moderate { scope, action }), verb, format!("{place} {args}"))
    });
    prop_oneof![1 => bans, 5 => moderate].boxed()
}

/// What operators, programs and readers of old lines ask for.
fn work() -> BoxedStrategy<(Command, &'static str, String)> {
    let pair = |key: &str, value: Option<u64>| value.map_or(String::new(), |value| format!(" {key}={value}"));
    let on = |on: bool| if on { "on" } else { "off" };
    let maybe_on = move |is: Option<bool>| is.map_or("", on).to_string();
    let text = |words: &str| Text::new(words).expect("a text");
    let plain = Just(()).prop_flat_map(|()| {
        select(vec![
            (Command::Rooms, "ROOMS"),
            (Command::feature(programs::Command::Bots), "BOT"),
            (Command::feature(programs::Command::Hooks(None)), "HOOK"),
            (Command::feature(programs::Command::Webhooks(None)), "WEBHOOK"),
            (Command::feature(operators::Command::Reload), "REHASH"),
            (Command::Why, "WHY"),
            (Command::Stats, "STATS"),
        ])
    });
    prop_oneof![
        plain.prop_map(|(command, verb)| (command, verb, String::new())),
        room().prop_map(|room| (
            Command::feature(operators::Command::Forget(room.clone())),
            "FORGET",
            room.to_string()
        )),
        (option::of(room()), name()).prop_map(|(room, name)| (
            Command::feature(programs::Command::Unhook(room.clone(), name.clone())),
            "UNHOOK",
            format!("{} {name}", room_args(&room)).trim_start().into()
        )),
        (option::of(room()), any::<u64>()).prop_map(|(room, number)| (
            Command::feature(programs::Command::Unwebhook(room.clone(), number)),
            "WEBHOOK",
            format!("{} end {number}", room_args(&room)).trim_start().into()
        )),
        name().prop_map(|name| (Command::feature(programs::Command::Unbot(name.clone())), "UNBOT", name.to_string())),
        option::of(room()).prop_map(|room| (
            Command::feature(files::Command::List(room.clone())),
            "FILES",
            room_args(&room)
        )),
        words().prop_map(|words| (
            Command::feature(operators::Command::Announce(words.clone())),
            "ANNOUNCE",
            words.to_string()
        )),
        any::<bool>().prop_map(move |is| (
            Command::feature(operators::Command::Lockdown(is)),
            "LOCKDOWN",
            on(is).into()
        )),
        option::of(any::<bool>()).prop_map(move |is| (Command::feature(Telnet(is)), "TELNET", maybe_on(is))),
        option::of(any::<bool>()).prop_map(move |watch| (
            Command::feature(Inspect { watch }),
            "INSPECT",
            maybe_on(watch)
        )),
        any::<bool>().prop_map(|everywhere| {
            (
                Command::feature(accounts::Command::Logout { everywhere }),
                "LOGOUT",
                if everywhere { "all" } else { "" }.to_string(),
            )
        }),
        option::of(0u64..=86_400).prop_map(|after| {
            let args = after.map_or("cancel".into(), |after| format!("{after}s"));
            (Command::feature(operators::Command::Shutdown(after.map(Duration::from_secs))), "SHUTDOWN", args)
        }),
        (option::of(0u64..), 1usize..=500).prop_map(move |(before, limit)| {
            (
                Command::feature(operators::Command::Audit { before, limit }),
                "AUDIT",
                format!("{limit}{}", pair("before", before)),
            )
        }),
        (option::of(room()), 0u64.., 1usize..=500).prop_map(|(room, after, limit)| {
            let args = format!("{} after={after} limit={limit}", room_args(&room));
            (Command::feature(Export { room, after, limit }), "EXPORT", args)
        }),
        (option::of(room()), "[a-z]{1,9}( [a-z=]{1,9}){0,3}", option::of(0u64..), 1usize..=500).prop_map(
            move |(room, words, before, limit)| {
                let args = format!("{} {words}{} limit={limit}", room_args(&room), pair("before", before));
                (Command::feature(Search { room, words: text(&words), before, limit }), "SEARCH", args)
            }
        ),
        (1u64..=1_000, 1u64..=365, vec(room(), 0..3)).prop_map(|(uses, days, rooms)| {
            let args = format!("{uses} {days}d {}", rooms.iter().map(RoomName::as_str).collect::<Vec<_>>().join(" "));
            let terms = Terms::new(Some(uses), Some(Duration::from_secs(days * 86_400)), rooms).expect("in bounds");
            (Command::feature(accounts::Command::InviteCode(terms)), "INVITECODE", args)
        }),
        (option::of(0u64..), 1usize..=500).prop_map(move |(before, limit)| {
            let args = format!("list {limit}{}", pair("before", before));
            (Command::feature(accounts::Command::Invitations { before, limit }), "INVITECODE", args)
        }),
        any::<u64>().prop_map(|number| {
            (Command::feature(accounts::Command::EndInvitation(number)), "INVITECODE", format!("end {number}"))
        }),
        name().prop_map(|name| {
            let args = name.to_string();
            (Command::feature(accounts::Command::ResetCode(name)), "RESETCODE", args)
        }),
        ("[a-z0-9-]{1,24}", "[a-zA-Z!]{1,9}( [a-z!]{1,9})?").prop_map(|(code, secret)| {
            let args = format!("{code} {secret}");
            let (code, secret) = (Secret::new(code), Secret::new(secret));
            (Command::feature(accounts::Command::Reset { code, secret }), "RESET", args)
        }),
        (name(), select(vec!["", "member", "op", "admin"])).prop_map(|(name, role)| {
            let args = format!("{name} {role}");
            (Command::feature(accounts::Command::Role { name, role: Role::named(role) }), "ROLE", args)
        }),
        (room(), name(), any::<bool>(), 1u64.., "[a-z]{1,9}[.]txt").prop_map(
            move |(room, user, to_room, bytes, file)| {
                let to = if to_room { Recipient::Room(room.clone()) } else { Recipient::Person(user.clone()) };
                let args = if to_room { format!("{room} {bytes} {file}") } else { format!("{user} {bytes} {file}") };
                (Command::feature(files::Command::Send { to, bytes, name: text(&file) }), "SEND", args)
            }
        ),
        "[!-~]{0,20}".prop_map(move |token| (Command::Ping(text(&token)), "PING", token)),
        option::of("[a-z/]{1,9}").prop_map(move |word| {
            (Command::feature(Help(word.as_deref().map(text))), "HELP", word.unwrap_or_default())
        }),
    ]
    .boxed()
}

/// What users say, and what they do to rooms and to their own view.
fn talk() -> BoxedStrategy<(Command, &'static str, String)> {
    let key = || "[!-~]{1,20}".prop_map(|key| Text::new(&key).unwrap());
    prop_oneof![
        name().prop_map(|name| (Command::Join(name.clone()), "JOIN", name.to_string())),
        (room(), option::of(key())).prop_map(|(room, key)| {
            let args = format!("{room} {}", key.clone().unwrap_or_default());
            (Command::Enter { room, key }, "JOIN", args)
        }),
        (room(), any::<bool>(), words()).prop_map(|(room, act, text)| {
            let args = format!("{room} {text}");
            let verb = if act { "DO" } else { "SAY" };
            (Command::Say { room: Some(room), re: None, cid: None, act, text: text.into() }, verb, args)
        }),
        words().prop_map(|text| (
            Command::Say { room: None, re: None, cid: None, act: true, text: text.clone().into() },
            "ACT",
            text.to_string()
        )),
        (name(), words()).prop_map(|(to, text)| {
            let args = format!("{to} {text}");
            (Command::Whisper { to, text: text.into() }, "WHISPER", args)
        }),
        words().prop_map(|text| (
            Command::feature(presence::Command::Reply(text.clone().into())),
            "REPLY",
            text.to_string()
        )),
        name().prop_map(|name| (Command::Nick(name.clone()), "NICK", name.to_string())),
        option::of(room()).prop_map(|room| (Command::List(room.clone()), "LIST", room_args(&room))),
        option::of((room(), option::of(words()))).prop_map(|part| {
            let (room, words) = part.map_or((None, None), |(room, words)| (Some(room), words));
            let args = format!("{} {}", room_args(&room), words.clone().unwrap_or_default());
            (Command::Part(room, words), "PART", args)
        }),
        option::of(room()).prop_map(|room| (Command::Room(room.clone()), "ROOM", room_args(&room))),
        (option::of(room()), any::<bool>()).prop_map(|(room, on)| {
            let args = format!("{} {}", room_args(&room), if on { "" } else { "off" });
            (Command::feature(presence::Command::Typing { room, on }), "TYPING", args)
        }),
        (option::of(room()), line(), words()).prop_map(|(room, line, text)| {
            let args = format!("{} {} {text}", room_args(&room), line_args(line));
            (Command::Say { room, re: Some(line), cid: None, act: false, text: text.into() }, "ANSWER", args)
        }),
        (option::of(room()), line(), what()).prop_map(|(room, line, what)| {
            let (verb, more) = match &what {
                What::Edited(text) => ("EDIT", text.as_str().to_string()),
                What::Deleted => ("DELETE", String::new()),
                What::Reacted(emoji) => ("REACT", emoji.to_string()),
                What::Unreacted(emoji) => ("UNREACT", emoji.to_string()),
            };
            let args = format!("{} {} {more}", room_args(&room), line_args(line));
            (Command::feature(messages::ChangeLine { room, line, what }), verb, args)
        }),
        (option::of(room()), option::of(words())).prop_map(|(room, text)| {
            let args = format!("{} {}", room_args(&room), text.clone().unwrap_or_default());
            (Command::feature(rooms::Command::Topic { room, text }), "TOPIC", args)
        }),
        (option::of(room()), option::of(option::of(1u32..=36_500))).prop_map(|(room, days)| {
            let time = days.map(|days| days.map_or("off".into(), |days| format!("{days}d")));
            let args = format!("{} {}", room_args(&room), time.unwrap_or_default());
            let change = days.map(|days| days.map_or(KeepFor::Server, KeepFor::Days));
            (Command::feature(rooms::Command::Retain { room, change }), "RETAIN", args)
        }),
        (name(), option::of(room())).prop_map(|(name, room)| {
            let args = format!("{name} {}", room_args(&room));
            (Command::feature(rooms::Command::Invite { name, room }), "INVITE", args)
        }),
        (option::of(room()), vec(mode(key().boxed()), 0..5)).prop_map(|(room, changes)| {
            let (mut letters, mut words) = (String::new(), String::new());
            for change in &changes {
                let (on, letter) = change.letter();
                letters.extend([sign(on), letter]);
                match change {
                    ModeChange::Key(Some(key)) => words += &format!(" {key}"),
                    ModeChange::Key(None) => words += " x",
                    ModeChange::Limit(Some(limit)) => words += &format!(" {limit}"),
                    _ => {}
                }
            }
            let args = format!("{} {letters}{words}", room_args(&room));
            (Command::feature(rooms::Command::Mode { room, changes }), "MODE", args)
        }),
        (option::of(room()), option::of(0u64..), option::of(0u64..), option::of(1usize..=500)).prop_map(
            |(room, before, after, limit)| {
                let pair = |key: &str, value: Option<u64>| value.map_or(String::new(), |v| format!(" {key}={v}"));
                let limits = pair("limit", limit.map(|n| n as u64));
                let args = format!("{}{limits}{}{}", room_args(&room), pair("before", before), pair("after", after));
                (Command::History(HistoryQuery { room, before, after, limit }), "HISTORY", args)
            }
        ),
        option::of(words()).prop_map(|why| (
            Command::feature(presence::Command::Away(why.clone())),
            "AWAY",
            why.unwrap_or_default().to_string()
        )),
        name().prop_map(|name| (Command::feature(presence::Command::Ignore(name.clone())), "IGNORE", name.to_string())),
        name().prop_map(|name| (
            Command::feature(presence::Command::Unignore(name.clone())),
            "UNIGNORE",
            name.to_string()
        )),
        name().prop_map(|name| (Command::feature(presence::Command::Who(name.clone())), "WHO", name.to_string())),
        option::of(words()).prop_map(|w| (Command::Quit(w.clone()), "QUIT", w.unwrap_or_default().to_string())),
        vec(choice(), 1..6).prop_map(|choices| {
            let shown = Event::Done { verb: "OPT", tag: None, done: Done::Options(choices.clone()) };
            // The answer to OPT repeats the request: what it shows must be what the parser takes.
            let line = render(&Envelope::new(DateTime::UNIX_EPOCH, shown), Wire::Line);
            let line = String::from_utf8(line).unwrap();
            let args = line.split_once("OK OPT").unwrap().1.trim().to_string();
            (Command::Options(choices), "OPT", args)
        }),
        words().prop_map(|text| (
            Command::Say { room: None, re: None, cid: None, act: false, text: text.clone().into() },
            "MSG",
            text.to_string()
        )),
    ]
    .boxed()
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![any::<u64>().prop_map(Line::Id), Just(Line::Last)]
}

fn line_args(line: Line) -> String {
    match line {
        Line::Id(id) => id.to_string(),
        Line::Last => "last".into(),
    }
}

fn what() -> impl Strategy<Value = What> {
    let emoji = || select(vec!["👍", "❤", "🇮🇩", "👨‍👩‍👧"]).prop_map(|emoji| Text::new(emoji).unwrap());
    prop_oneof![
        words().prop_map(|text| What::Edited(text.into())),
        Just(What::Deleted),
        emoji().prop_map(What::Reacted),
        emoji().prop_map(What::Unreacted),
    ]
}

fn room_args(room: &Option<RoomName>) -> String {
    room.as_ref().map_or(String::new(), RoomName::to_string)
}

fn sign(on: bool) -> char {
    if on { '+' } else { '-' }
}

fn mode(key: BoxedStrategy<Text>) -> impl Strategy<Value = ModeChange> {
    prop_oneof![
        any::<bool>().prop_map(ModeChange::InviteOnly),
        any::<bool>().prop_map(ModeChange::Moderated),
        any::<bool>().prop_map(ModeChange::InsideOnly),
        any::<bool>().prop_map(ModeChange::Secret),
        any::<bool>().prop_map(ModeChange::TopicLock),
        option::of(1..=ModeChange::MOST_USERS).prop_map(ModeChange::Limit),
        option::of(key).prop_map(ModeChange::Key),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        (0usize..=500).prop_map(Choice::History),
        any::<bool>().prop_map(Choice::Millis),
        select(vec![View::Full, View::Short, View::Plain]).prop_map(Choice::View),
        any::<bool>().prop_map(Choice::Ids),
        select(vec![None, Some(Zone::UTC), Zone::offset_of("+07:00")]).prop_map(Choice::Zone),
        any::<bool>().prop_map(Choice::Indonesian),
        any::<bool>().prop_map(Choice::Echo),
        select(vec![Presence::Off, Presence::Brief, Presence::Auto, Presence::Full]).prop_map(Choice::Presence),
        any::<bool>().prop_map(Choice::Typing),
        any::<bool>().prop_map(Choice::Lobby),
        any::<bool>().prop_map(Choice::Away),
        prop_oneof![Just(0), 10u64..=3_600].prop_map(Choice::Ping),
    ]
}

// ---- server lines ----

fn error() -> impl Strategy<Value = Refusal> {
    let numbered = (select(&Code::ALL), text(), any::<(u64, u64)>())
        .prop_map(|(code, words, (max, got))| Refusal::new(code, words.as_str()).with("max", max).with("got", got));
    prop_oneof![
        (select(&Code::ALL), text()).prop_map(|(code, words)| Refusal::new(code, words.as_str())),
        numbered,
        (any::<u64>(), select(vec![Spam::Lines { max: 1 }, Spam::Repeats { max: 2 }, Spam::Muted, Spam::Guesses]))
            .prop_map(|(retry, why)| TooFast { retry, why }.into()),
        name().prop_map(|free| Refusal::fixed(Code::NameInUse, "It is taken.").with("try", free.as_str())),
        Just(Refusal::NOT_SIGNED_ON),
        // An answer to /reply repeats all of it.
        text().prop_map(|what| Refusal::bad_argument(what, "It is on or off.")),
    ]
}

fn leave() -> impl Strategy<Value = Leave> {
    prop_oneof![
        option::of(text()).prop_map(Leave::Quit),
        select(vec![
            Leave::Closed,
            Leave::Lost,
            Leave::Parted(None),
            Leave::Parted(Text::new("off to lunch").ok()),
            Leave::Idle,
            Leave::SignOn,
            Leave::TooSlow,
            Leave::Endless,
            Leave::Flood,
            Leave::Crashed,
            Leave::Shutdown,
            Leave::Full,
            Leave::AddressFull,
        ]),
    ]
}

pub(crate) fn done() -> impl Strategy<Value = Done> {
    let users = || any::<usize>();
    prop_oneof![
        (name(), option::of(room()), users()).prop_map(|(name, room, users)| Done::Welcome { name, room, users }),
        (room(), users(), any::<bool>()).prop_map(|(room, users, op)| Done::Entered { room, users, op }),
        (room(), option::of(room())).prop_map(|(room, current)| Done::Parted { room, current }),
        (room(), any::<u64>(), any::<bool>()).prop_map(|(room, id, kept)| Done::Said { room, id, kept }),
        (room(), any::<u64>(), any::<bool>(), name(), body(), what()).prop_map(
            |(room, id, is_new, author, text, what)| {
                Done::Changed { room, id, target: if is_new { id / 2 } else { id }, author, text, what }
            }
        ),
        (name(), select(Role::ALL.to_vec()), option::of(room()), users())
            .prop_map(|(name, role, room, users)| { Done::SignedIn { name, role, person: ANI, room, users } }),
        name().prop_map(|name| Done::Registered { name }),
        name().prop_map(|name| Done::SignedOut { name }),
        Just(Done::PasswordChanged),
        (name(), select(Role::ALL.to_vec())).prop_map(|(name, role)| Done::Role { name, role }),
        Just(Done::Operator),
        (name(), option::of(short_text(1_024))).prop_map(|(to, away)| Done::Whispered { to, id: None, away }),
        name().prop_map(Done::Renamed),
        (room(), option::of((name(), short_text(1_024)))).prop_map(|(room, topic)| Done::Topic { room, topic }),
        (name(), room(), any::<u64>()).prop_map(|(name, room, number)| {
            Words::new(format!("{name} may come into {room} now."))
                .with("to", &name)
                .with("room", &room)
                .with("for", number)
                .into()
        }),
        (room(), option::of(any::<u32>())).prop_map(|(room, limit)| Done::Modes {
            room,
            modes: Text::new("+iklmnst").unwrap(),
            limit
        }),
        option::of(short_text(1_024)).prop_map(Done::Away),
        vec(choice(), 0..6).prop_map(Done::Options),
        "[0-9a-f]{32}".prop_map(|token| Done::Offered {
            granted: Granted { token: Token::parse(&token).unwrap(), port: 7_879, max: 1 << 40 },
            expires: Duration::from_secs(300),
        }),
        (time(), error()).prop_map(|(at, error)| Done::Why(at, error)),
        Just(Done::Nothing),
    ]
}

fn user() -> impl Strategy<Value = User> {
    let account = option::of(select(Role::ALL.to_vec()));
    (name(), vec(room(), 0..=20), any::<u64>(), option::of(short_text(1_024)), account).prop_map(
        |(name, rooms, idle, away, account)| User { name, rooms, idle, door: "line", account, away, ranks: Vec::new() },
    )
}

fn file() -> impl Strategy<Value = Option<SharedFile>> {
    let token = "[0-9a-f]{32}".prop_map(|token| Token::parse(&token).unwrap());
    option::of((any::<u64>(), token).prop_map(|(bytes, token)| SharedFile { bytes, token, pixels: None }))
}

fn said() -> impl Strategy<Value = Event> {
    let version = select(vec![Version::First, Version::Edited, Version::Deleted]);
    (room(), any::<u64>(), name(), any::<bool>(), option::of(any::<u64>()), version, file(), body()).prop_map(
        |(room, id, from, act, re, version, file, text)| {
            // The name of a file is one line, and what is deleted has none.
            let is_file = file.is_some() || version == Version::Deleted;
            let text = if is_file { Body::new(text.first()).unwrap() } else { text };
            Event::Said(Speech { room, id, by: ANI, from, act, re, version, signed: false, cid: None, file, text })
        },
    )
}

fn changed() -> impl Strategy<Value = Event> {
    let what = prop_oneof![what(), body().prop_map(What::Edited), short_text(40).prop_map(What::Reacted)];
    (room(), any::<u64>(), name(), any::<u64>(), name(), what).prop_map(|(room, id, from, target, author, what)| {
        Event::Changed(Change { room, id, by: ANI, from, target, author, signed: false, what })
    })
}

fn block() -> impl Strategy<Value = Block> {
    let old = || (time(), said()).prop_map(|(at, said)| Envelope::new(at, said));
    let info = (room(), any::<usize>(), short_text(1_024)).prop_map(|(name, users, topic)| RoomInfo {
        name,
        users,
        modes: Text::new("+k").unwrap(),
        topic,
    });
    let more = || option::of(any::<u64>());
    prop_oneof![
        (option::of(room()), vec(user(), 0..4)).prop_map(|(room, users)| Block::list(room, users)),
        user().prop_map(|user| Block::new("WHO", vec![user])),
        vec(info, 0..4).prop_map(|rooms| Block::new("ROOMS", rooms)),
        (option::of(room()), vec(old(), 0..4), more())
            .prop_map(|(room, lines, more)| Block::history(room, lines, more)),
        (option::of(room()), vec(old(), 0..4), more()).prop_map(|(room, lines, more)| found(room, lines, more)),
        (room(), vec(old(), 0..4), more()).prop_map(|(room, lines, more)| exported(room, lines, more)),
        vec(old(), 0..4).prop_map(|lines| Block::of_lines("FILES", lines)),
        Just(Block::new("HELP", VERBS.iter().collect::<Vec<_>>())),
        (short_text(15), option::of(name()), any::<u64>()).prop_map(|(thread, name, micros)| {
            let (id, longest) = (ClientId(7), Duration::from_micros(micros));
            let threads = vec![Thread {
                name: thread.to_string(),
                client: Some((id, name.clone())),
                state: 'S',
                cpu: longest,
                doing: Doing::Writing(longest),
            }];
            let queues = vec![Queue { id, name, events: 1, outbox: 2, queue: 3, tickets: 2 }];
            let turns = vec![Turns { from: 2, to: 3, count: 1, longest }];
            let (all_threads, inbox, all_clients) = (1, (micros, 1_024), 1);
            Block::new("INSPECT", Inspection { threads, all_threads, inbox, queues, all_clients, turns })
        }),
        any::<u64>()
            .prop_map(|value| Block::new("STATS", vec![Stat { key: "clients", value, text: "open connections" }])),
        text().prop_map(|text| {
            let motd = |words: &str| format!("{words:?}");
            let (old, new) = (motd(""), motd(&text));
            Block::new(
                "REHASH",
                vec![config::ChangedSetting { key: "motd", old, new, when: When::AtOnce, is_path: false }],
            )
        }),
        (vec(entry(), 0..4), more()).prop_map(|(acts, more)| Entry::block(acts, more)),
        (option::of(room()), vec(ban(), 0..4)).prop_map(|(room, listed)| bans(room, listed)),
    ]
}

fn ban() -> impl Strategy<Value = BanRow> {
    let kind = select(vec![Kind::Ban, Kind::Mute]);
    (kind, option::of(name()), time(), name(), option::of(any::<u64>()), option::of(short_text(100))).prop_map(
        |(kind, target, since, by, retry, why)| {
            let target = target.map(|target| Text::new(target.as_str()).unwrap());
            BanRow { kind, target, since, notice: Box::new(Notice { retry, by, why }) }
        },
    )
}

fn entry() -> impl Strategy<Value = Entry> {
    (any::<u64>(), time(), name(), option::of(room()), option::of(name()), text()).prop_map(
        |(number, at, by, room, target, detail)| {
            let own = |words: &str| Text::new(words).unwrap();
            let target = target.map_or_else(Text::default, |name| own(name.as_str()));
            Entry { number, act: PowerAct { at, by: own(by.as_str()), what: own("kick"), room, target, detail } }
        },
    )
}

fn moderated() -> impl Strategy<Value = Moderated> {
    use Effect::{Banned, Deop, Kicked, Muted, Op, Unbanned, Unmuted};
    let effect = select(vec![Op, Deop, Kicked, Muted, Unmuted, Banned, Unbanned]);
    let told = (effect, option::of(room()), option::of(name()), option::of(name()));
    (told, option::of(any::<u64>()), option::of(short_text(200))).prop_map(
        |((effect, room, by, target), seconds, why)| Moderated {
            by,
            seconds,
            why,
            ..Moderated::new(effect, room, target)
        },
    )
}

/// An event of a feature that no door knows.
#[derive(Debug)]
pub(crate) struct Waved {
    pub(crate) room: Option<RoomName>,
    pub(crate) name: Name,
    pub(crate) text: Text,
}

impl Told for Waved {
    fn room(&self) -> Option<&RoomName> {
        self.room.as_ref()
    }

    fn line(&self) -> Parts {
        Parts::new("WAVE").field(&self.name).pair("to", self.name.as_str()).text(&self.text)
    }

    fn sentence(&self) -> String {
        format!("{} waves at all: {}", self.name, self.text)
    }
}

/// An event of each feature in which only names and numbers differ; those with words of users are made one by one.
pub(crate) fn of_features(name: &Name, room: &RoomName, text: &Text) -> Vec<(&'static str, Event)> {
    let roll = Roll { room: None, count: 2, sides: 6 };
    let rolled = Rolled { room: room.clone(), name: name.clone(), roll, fell: vec![3, 4] };
    let preferred = |value| preferences::Preferred { key: Key::Own("page.theme".into()), value };
    let disowned = accounts::Disowned { name: name.clone(), room: Some(room.clone()) };
    vec![
        ("rolled", Event::feature(rolled)),
        ("preferred", Event::feature(preferred(Some(text.clone().into())))),
        ("preferred no more", Event::feature(preferred(None))),
        ("read", Event::feature(membership::Read { room: room.clone(), id: 12 })),
        ("retained", Event::feature(Retained { room: room.clone(), by: name.clone(), keep: KeepFor::Days(30) })),
        ("purged", Event::feature(Purged { room: room.clone(), first_id: 7 })),
        ("wiped", Event::feature(accounts::Wiped { name: name.clone() })),
        ("disowned", Event::feature(disowned)),
    ]
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (name(), room(), text(), any::<prop::sample::Index>()).prop_map(|(name, room, text, one)| {
            let mut all = of_features(&name, &room, &text);
            all.swap_remove(one.index(all.len())).1
        }),
        (short_text(100), any::<usize>()).prop_map(|(name, max_line)| Event::Hello(Arc::new(Greeting {
            name,
            max_line,
            max_message: max_line,
            stored: true,
            files: Some(7_879),
            zone: Zone::UTC,
            indonesian: Translate(|_| None),
        }))),
        (verb(), option::of(tag()), done()).prop_map(|(verb, tag, done)| Event::Done { verb: verb.name, tag, done }),
        (option::of("[A-Z]{1,16}"), option::of(tag()), error()).prop_map(|(verb, tag, error)| {
            Event::Refused { verb: verb.map(|verb| Text::new(&verb).unwrap()), tag, error }
        }),
        (option::of(tag()), block()).prop_map(|(tag, block)| Event::Block(Block { tag, ..block })),
        said(),
        (name(), name(), file(), body()).prop_map(|(from, to, file, text)| Event::Whispered {
            by: ANI,
            from,
            to,
            id: None,
            file,
            text
        }),
        (room(), name()).prop_map(|(room, name)| Event::Joined { room, by: ANI, name, signed: false }),
        (room(), name(), leave(), any::<bool>()).prop_map(|(room, name, why, gone)| Event::Left {
            room,
            by: ANI,
            name,
            why,
            gone
        }),
        (name(), name()).prop_map(|(old, new)| Event::Renamed { by: ANI, old, new }),
        (room(), name(), short_text(1_024)).prop_map(|(room, by, text)| Event::feature(Topic { room, by, text })),
        (room(), name(), any::<bool>()).prop_map(|(room, name, on)| Event::feature(Typing { room, by: ANI, name, on })),
        changed(),
        (room(), name()).prop_map(|(room, by)| {
            let (modes, changes) = (Text::new("+k").unwrap(), vec![ModeChange::Key(Text::new("secret").ok())]);
            Event::feature(Modes { room, by, changes, modes, limit: None })
        }),
        (option::of(room()), text()).prop_map(|(room, text)| Event::Note { room, text }),
        (option::of(room()), name(), text()).prop_map(|(room, name, text)| Event::Feature(FeatureEvent::new(Waved {
            room,
            name,
            text
        }))),
        moderated().prop_map(|told| Event::Feature(FeatureEvent::new(told))),
        select(&Warning::EXAMPLES[..]).prop_map(Event::Warn),
        any::<()>().prop_map(|()| {
            Event::feature(accounts::RoleChanged { text: "You are an operator of this server no more." })
        }),
        Just(Event::PasteBegins),
        (name(), any::<bool>()).prop_map(|(name, is_hidden)| Event::Prompt {
            what: format!("Your password for {name}").into(),
            is_hidden
        }),
        short_text(100).prop_map(Event::Pong),
        (room(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(room, first, last, count)| Event::Gap {
            room,
            first,
            last,
            count
        }),
        (leave(), option::of(name())).prop_map(|(why, name)| Event::Bye { why, name }),
    ]
}

/// How many rows a block has. Asked of what was put into it.
fn rows_of(block: &Block) -> usize {
    fn made<R: Row>(block: &Block) -> Option<usize> {
        block.rows.open::<R>().map(<[R]>::len)
    }
    let of_lines =
        if let Rows::Lines(lines) = &block.rows { Some(lines.iter().map(|line| line.count()).sum()) } else { None };
    let kinds = [
        made::<User>,
        made::<RoomInfo>,
        made::<Exported>,
        made::<&'static Verb>,
        made::<Stat>,
        made::<config::ChangedSetting>,
        made::<Entry>,
        made::<BanRow>,
    ];
    // One thread, the router, one client and one size of turns.
    let inspection = (block.kind == "INSPECT").then_some(4);
    of_lines
        .or(inspection)
        .or_else(|| kinds.iter().find_map(|made| made(block)))
        .expect("a kind of block that the test knows")
}

/// Each line of a message is a line with the same head, and its place among the others where there are others.
fn reads_back(lines: &[wire::Line], kind: &str, fields: &[String], text: &[String]) -> Result<(), TestCaseError> {
    prop_assert_eq!(lines.len(), text.len());
    for (place, (line, words)) in lines.iter().zip(text).enumerate() {
        let read = (line.kind.as_str(), &line.fields[..], line.text.as_deref());
        prop_assert_eq!(read, (kind, fields, Some(words.as_str())));
        let part = (text.len() > 1).then(|| format!("{}/{}", place + 1, text.len()));
        prop_assert_eq!(line.pair("part"), part.as_deref());
        let known = |key: &str| matches!(key, "re" | "edited" | "deleted" | "to" | "part");
        prop_assert!(line.pairs.iter().all(|(key, _)| known(key)));
    }
    Ok(())
}

/// What a program must read back of an event, where other people's words are in it.
fn read_back(event: &Event) -> Option<(&'static str, Vec<String>, Vec<String>)> {
    let one = |text: &Text| vec![text.to_string()];
    let many = |text: &Body| text.lines().map(String::from).collect();
    match event {
        Event::Said(Speech { room, id, from, act, version, file, text, .. }) => {
            let kind = if *act { "ACT" } else { "MSG" };
            let text = if *version == Version::Deleted { vec!["(deleted)".into()] } else { many(text) };
            let mut fields = vec![room.to_string(), id.to_string(), from.to_string()];
            fields.extend(file.iter().flat_map(|file| [file.bytes.to_string(), file.token.to_string()]));
            Some((if file.is_some() { "FILE" } else { kind }, fields, text))
        }
        Event::Whispered { from, to, id: None, file: Some(SharedFile { bytes, token, .. }), text, .. } => {
            let fields = vec![to.to_string(), "0".into(), from.to_string(), bytes.to_string(), token.to_string()];
            Some(("FILE", fields, many(text)))
        }
        Event::Whispered { from, to, text, .. } => {
            Some(("WHISPER", vec![from.to_string(), to.to_string()], many(text)))
        }
        Event::Changed(Change { room, id, from, what, .. }) => {
            let (kind, text) = match what {
                What::Edited(text) => ("EDITED", many(text)),
                What::Deleted => return None,
                What::Reacted(text) => ("REACTED", one(text)),
                What::Unreacted(text) => ("UNREACTED", one(text)),
            };
            Some((kind, vec![room.to_string(), id.to_string(), from.to_string()], text))
        }
        Event::Left { room, name, why, .. } => {
            Some(("LEFT", vec![room.to_string(), name.to_string()], vec![why.reason().to_string()]))
        }
        Event::Note { room, text } => {
            let room = room.as_ref().map_or("*".into(), RoomName::to_string);
            Some(("NOTE", vec![room], one(text)))
        }
        Event::Feature(event) if event.open::<Topic>().is_some() => {
            let Topic { room, by, text } = event.open()?;
            Some(("TOPIC", vec![room.to_string(), by.to_string()], one(text)))
        }
        Event::Feature(event) => {
            let Waved { room, name, text } = event.open()?;
            let room = room.as_ref().map_or("*".into(), RoomName::to_string);
            Some(("WAVE", vec![room, name.to_string()], one(text)))
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1_000), ..ProptestConfig::default() })]

    /// No words, name, topic or key can make a line of their own, or change the fields of the one they stand in.
    #[test]
    fn every_event_is_its_lines_and_nothing_forges_one(at in time(), event in event()) {
        let envelope = Envelope::new(at, event.clone());
        let block = match &event {
            Event::Block(block) => Some(rows_of(block)),
            _ => None,
        };
        for wire in [Wire::Line, Wire::LineMillis] {
            let lines = wire::lines(&render(&envelope, wire));
            let lines = lines.map_err(TestCaseError::fail)?;
            prop_assert_eq!(lines.len(), block.map_or(envelope.count(), |items| items + 2));
            if let Some(items) = block {
                prop_assert_eq!((lines[0].kind.as_str(), lines[0].number(2)), ("BEGIN", items as u64));
                prop_assert_eq!((lines[items + 1].kind.as_str(), lines[items + 1].field(0)), ("END", lines[0].field(0)));
            }
            if let Some((kind, fields, text)) = read_back(&event) {
                reads_back(&lines, kind, &fields, &text)?;
            }
            if let Event::Pong(token) = &event {
                prop_assert_eq!(lines[0].field(0), token.as_str());
            }
            if let Event::Block(Block { rows: Rows::Lines(old), .. }) = &event {
                let mut rest = &lines[1..lines.len() - 1];
                for old in old {
                    let (kind, fields, text) = read_back(&old.event).unwrap();
                    let (own, others) = rest.split_at(text.len());
                    reads_back(own, kind, &fields, &text)?;
                    rest = others;
                }
                prop_assert!(rest.is_empty());
            }
        }
        for wire in [Wire::Short, Wire::ShortIds, Wire::Plain, Wire::PlainIds] {
            let bytes = render(&envelope, wire);
            if bytes.is_empty() {
                // An empty table has no lines for people.
                prop_assert_eq!(block, Some(0));
                continue;
            }
            let lines = wire::plain_lines(&bytes).map_err(TestCaseError::fail)?;
            prop_assert!(block.is_some() || lines.len() == 1 || lines.len() == envelope.count(), "{lines:?}");
            let is_further = |line: &&str| line.starts_with("      ");
            prop_assert!(block.is_some() || !is_further(&lines[0]) && lines[1..].iter().all(is_further), "{lines:?}");
        }
    }

    /// The encoder gives one envelope the same bytes as the renderer, in whatever view was chosen before.
    #[test]
    fn the_view_changes_with_the_answer_that_says_so(events in vec(event(), 0..6), choices in vec(choice(), 0..4)) {
        let choices: Vec<Choice> = choices.into_iter().filter(|choice| !matches!(choice, Choice::Zone(_))).collect();
        let mut encoder = LineEncoder::default();
        let opt = Event::Done { verb: "OPT", tag: None, done: Done::Options(choices.clone()) };
        encoder.encode(&Envelope::new(DateTime::UNIX_EPOCH, opt), &mut Vec::new());
        let last = |of: fn(&Choice) -> Option<usize>| choices.iter().rev().find_map(of).unwrap_or(0);
        let view = last(|c| if let Choice::View(view) = c { Some(*view as usize) } else { None });
        let millis = last(|c| if let Choice::Millis(on) = c { Some(usize::from(*on)) } else { None });
        let ids = last(|c| if let Choice::Ids(on) = c { Some(usize::from(*on)) } else { None });
        let wires = [[Wire::Line, Wire::LineMillis], [Wire::Short, Wire::ShortIds], [Wire::Plain, Wire::PlainIds]];
        let wire = wires[view][if view == View::Full as usize { millis } else { ids }];
        for event in events {
            if matches!(event, Event::Done { done: Done::Options(_), .. }) {
                continue;
            }
            let envelope = Envelope::new(DateTime::UNIX_EPOCH, event);
            let mut out = Vec::new();
            encoder.encode(&envelope, &mut out);
            prop_assert_eq!(out, render(&envelope, wire));
        }
    }
}

#[test]
fn other_protocols_get_plain_text_without_surprises() {
    for foreign in [Foreign::Http, Foreign::Tls, Foreign::Ssh, Foreign::Irc, Foreign::Socks] {
        let bye = Event::Bye { why: Leave::Foreign(foreign), name: None };
        let bytes = render(&Envelope::new(DateTime::UNIX_EPOCH, bye), Wire::Line);
        assert!(bytes.is_empty() || wire::plain_lines(&bytes).is_ok(), "{foreign:?}");
    }
}

// ---- telnet ----

/// Bytes as clients send them: words, line ends of every kind, commands of telnet whole and broken, and rubbish.
fn telnet_bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => "[a-z ]{1,8}".prop_map(String::into_bytes),
        3 => select(vec![&b"\n"[..], b"\r\n", b"\r", b"\r\0", b"\0", b"\x04", b"\x08", b"\x7f", b"\x03"]).prop_map(<[u8]>::to_vec),
        2 => select(vec!["я", "у", "К", "Ü", "🚀", "的", "é"]).prop_map(|c| c.as_bytes().to_vec()),
        3 => vec(prop_oneof![Just(255u8), 236u8..=255, Just(6), any::<u8>()], 1..5),
        1 => (vec(any::<u8>(), 0..300)).prop_map(|inside| [&[255, 250][..], &inside, &[255, 240]].concat()),
        1 => vec(any::<u8>(), 0..10),
        1 => (20usize..80).prop_map(|count| vec![b'x'; count]),
    ];
    vec(part, 0..20).prop_map(|parts| parts.concat())
}

/// An input that is owned, so that it can be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Came {
    Line(Vec<u8>),
    TooLong(usize),
    Answer([u8; 3]),
    Other(String),
}

const LIMIT: usize = 40;

fn split(chunks: &[&[u8]]) -> Vec<Came> {
    let mut splitter = Splitter::new(LIMIT);
    let mut came = Vec::new();
    let mut take = |input: Input| {
        came.push(match input {
            Input::Line(line) => Came::Line(line.to_vec()),
            Input::TooLong(got, _) => Came::TooLong(got),
            Input::Answer(bytes) => Came::Answer(bytes),
            other => Came::Other(format!("{other:?}")),
        });
    };
    for mut chunk in chunks.iter().copied() {
        while let Some(input) = splitter.next(&mut chunk) {
            take(input);
        }
    }
    splitter.finish().into_iter().for_each(take);
    came
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1_000), ..ProptestConfig::default() })]

    #[test]
    fn bytes_are_the_same_lines_however_they_are_cut(bytes in telnet_bytes(), cuts in vec(any::<prop::sample::Index>(), 0..12)) {
        let whole = split(&[&bytes]);
        prop_assert_eq!(&split(&bytes.chunks(1).collect::<Vec<_>>()), &whole, "byte by byte");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.push(0);
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(&split(&chunks), &whole, "{:?}", cuts);
        for came in whole {
            match came {
                Came::Line(line) => {
                    prop_assert!((1..=LIMIT).contains(&line.len()), "{line:?}");
                    prop_assert!(!line.iter().any(|b| matches!(b, b'\n' | b'\r' | 8 | 0x7F)), "{line:?}");
                }
                Came::TooLong(got) => prop_assert!(got > LIMIT),
                Came::Answer([255, 252 | 254, _]) => {}
                Came::Answer(other) => prop_assert!(false, "telnet has no {other:?}"),
                Came::Other(_) => {}
            }
        }
    }

    /// Telnet's commands between whole letters change nothing in the lines, wherever they stand.
    #[test]
    fn commands_of_telnet_leave_the_words_alone(
        parts in vec((select(vec!["a", "b ", "é", "я", "🚀", "\r\n", "x"]), option::weighted(0.5, negotiation())), 0..30)
    ) {
        let words: String = parts.iter().map(|(word, _)| *word).collect();
        let bytes: Vec<u8> =
            parts.iter().flat_map(|(word, command)| [word.as_bytes(), command.as_deref().unwrap_or_default()].concat()).collect();
        let lines = |came: Vec<Came>| came.into_iter().filter(|came| !matches!(came, Came::Answer(_))).collect::<Vec<_>>();
        prop_assert_eq!(lines(split(&[&bytes])), split(&[words.as_bytes()]));
    }

    /// What GNU telnet eats of a letter comes back.
    #[test]
    fn eaten_letters_come_back(letters in vec(select(vec!["я", "у", "К", "М", "Ü", "Å", "的", "地", "😃", "🚀", "a", " "]), 1..10)) {
        let words = letters.concat();
        let sent: Vec<u8> = words
            .bytes()
            .flat_map(|byte| match byte {
                0x83 => vec![255, 244, 255, 253, 6],
                0x8F => vec![255, 245, 255, 253, 6],
                0x9A => vec![255, 237, 255, 253, 6],
                0x9C => vec![255, 243, 255, 253, 6],
                byte => vec![byte],
            })
            .collect();
        prop_assume!(words.len() <= LIMIT && !words.trim().is_empty());
        let mut came = split(&[&sent]);
        came.retain(|came| *came != Came::Answer([255, 252, 6]));
        prop_assert_eq!(came, vec![Came::Line(words.into_bytes())]);
    }

    /// Bytes that are no text cost their line and nothing else: the next line is heard.
    #[test]
    fn rubbish_is_survived(rubbish in vec(0u8..255, 0..200)) {
        let mut decoder = LineDecoder::new(&VERBS);
        let mut last = None;
        let bytes = [b"JOIN:ani\n", &rubbish[..], b"\nPING:still-there\n"].concat();
        let (mut splitter, mut bytes) = (Splitter::new(LIMIT), &bytes[..]);
        while let Some(input) = splitter.next(&mut bytes) {
            if let Input::Line(line) = input && let Decoded::Request(request) = decoder.decode(line) {
                last = Some(request.what);
            }
        }
        prop_assert_eq!(last, Some(Ok(Command::Ping(Text::new("still-there").unwrap()))));
    }
}

/// A command of telnet that means nothing to a chat.
fn negotiation() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (251u8..=254, any::<u8>()).prop_map(|(verb, option)| vec![255, verb, option]),
        select(vec![241u8, 242, 246, 247, 248, 249]).prop_map(|command| vec![255, command]),
        // A 255 in the middle is doubled, and ends nothing.
        vec(prop_oneof![any::<u8>(), Just(255)], 0..200).prop_map(|inside| {
            let inside = inside.into_iter().flat_map(|byte| std::iter::repeat_n(byte, 1 + usize::from(byte == 255)));
            [255, 250].into_iter().chain(inside).chain([255, 240]).collect()
        }),
    ]
}

proptest! {
    /// A paste is one request, whatever its lines are, and what comes behind it is a command again.
    #[test]
    fn lines_of_a_paste_are_never_commands(lines in vec(line_like(), 0..30)) {
        let lines: Vec<Text> = lines.iter().filter_map(|line| Text::new(line).ok()).filter(|line| line.as_str() != ".").collect();
        let mut decoder = LineDecoder::new(&VERBS);
        decoder.decode(b"JOIN:ani");
        decoder.decode(b"PASTE=7:");
        for line in &lines {
            prop_assert_eq!(decoder.decode(line.as_bytes()), Decoded::Nothing);
        }
        let Decoded::Request(request) = decoder.decode(b".") else { return Err(TestCaseError::fail("no request")) };
        let shown = |line: &&Text| !line.is_blank();
        let first = lines.iter().position(|line| shown(&line));
        let end = lines.iter().rposition(|line| shown(&line)).map_or(0, |last| last + 1);
        let kept = &lines[first.unwrap_or(end)..end];
        let said: Vec<&str> = kept.iter().map(|line| if line.is_blank() { "" } else { line.as_str() }).collect();
        let bytes = said.join("\n").len();
        prop_assert_eq!(request.tag.as_deref(), Some("7"));
        match request.what {
            Ok(Command::Paste(got)) => {
                let Command::Say { text, .. } = *got else { return Err(TestCaseError::fail("no message")) };
                prop_assert_eq!(text.lines().collect::<Vec<_>>(), said);
            }
            Err(refusal) if refusal == Refusal::NO_TEXT => prop_assert!(kept.is_empty()),
            Err(refusal) => {
                prop_assert!(kept.len() > MAX_LINES || bytes > MAX_MESSAGE);
                prop_assert!(refusal.number("line").is_some_and(|line| line <= lines.len() as u64), "{refusal:?}");
            }
            other => prop_assert!(false, "{other:?}"),
        }
        let Decoded::Request(request) = decoder.decode(b"LIST") else { return Err(TestCaseError::fail("no request")) };
        prop_assert_eq!(request.what, Ok(Command::List(None)));
    }
}

// ---- the outbox ----

/// What a test does to an outbox.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A user speaks in one of two rooms.
    Say {
        room: usize,
        bytes: usize,
    },
    /// Coming and going, which may vanish.
    Presence,
    /// A whisper or an answer, which must not.
    Must {
        bytes: usize,
    },
    /// A long answer, which does not count towards the bound.
    Block {
        lines: usize,
    },
    /// What was said in one of two rooms in a whole turn, as it goes to many.
    Run {
        room: usize,
        lines: usize,
    },
    /// The transport takes so many more batches.
    Room(usize),
    Flush,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0usize..2, 0usize..300).prop_map(|(room, bytes)| Act::Say { room, bytes }),
        3 => Just(Act::Presence),
        1 => (0usize..300).prop_map(|bytes| Act::Must { bytes }),
        1 => (0usize..30).prop_map(|lines| Act::Block { lines }),
        3 => (0usize..2, 0usize..20).prop_map(|(room, lines)| Act::Run { room, lines }),
        1 => (1usize..3).prop_map(Act::Room),
        2 => Just(Act::Flush),
    ]
}

/// A transport with room for a given number of batches, and always for the last one.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<(usize, Vec<Batch>)>>);

impl Deliver for Shelf {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        let mut shelf = self.0.lock().unwrap();
        if shelf.0 == 0 {
            return Err(Undelivered::Full(batch));
        }
        shelf.0 -= 1;
        shelf.1.push(batch);
        Ok(())
    }

    fn last_words(&mut self, batch: Batch) {
        self.0.lock().unwrap().1.push(batch);
    }
}

fn is_must(event: &Event) -> bool {
    !matches!(event, Event::Said(_) | Event::Joined { .. } | Event::Gap { .. })
}

/// What the blocks cost of all that went in. At most so much waits past the bound.
fn blocks(pushed: &[Arc<Envelope>]) -> usize {
    pushed.iter().filter(|e| matches!(e.event, Event::Block(_))).map(|e| e.cost()).sum()
}

/// Looks what came out over against what went in. Returns how many lines the gaps stand for.
fn check_order(pushed: &[Arc<Envelope>], out: &[Arc<Envelope>]) -> Result<u64, TestCaseError> {
    let mut missed = 0;
    let mut next = 0; // the first thing that went in and has not come out
    let mut gap_open: Vec<Arc<Envelope>> = Vec::new();
    for envelope in out {
        if let Event::Gap { .. } = &envelope.event {
            gap_open.push(envelope.clone());
            continue;
        }
        let place = pushed[next..].iter().position(|p| Arc::ptr_eq(p, envelope));
        let place = next + place.ok_or_else(|| TestCaseError::fail(format!("out of order, or twice: {envelope:?}")))?;
        missed += check_gaps(&pushed[next..place], &std::mem::take(&mut gap_open))?;
        next = place + 1;
    }
    Ok(missed + check_gaps(&pushed[next..], &gap_open)?)
}

/// What fell out between two things that stayed, and the gaps that stand there: each names the lines that it stands for,
/// and each line that is missing has one. (What was handed over meanwhile ends a gap, so a room can have several.)
fn check_gaps(fallen: &[Arc<Envelope>], gaps: &[Arc<Envelope>]) -> Result<u64, TestCaseError> {
    let mut missing: Vec<(&RoomName, u64)> = Vec::new();
    for envelope in fallen {
        prop_assert!(!is_must(&envelope.event), "lost: {envelope:?}");
        if let Event::Said(Speech { room, id, .. }) = &envelope.event {
            missing.push((room, *id));
        }
    }
    let mut told = 0;
    for gap in gaps {
        let Event::Gap { room, first, last, count } = &gap.event else { panic!("{gap:?}") };
        let (named, rest): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|(r, id)| *r == room && (first..=last).contains(&id));
        let ends = named.first().zip(named.last()).map(|(a, b)| (a.1, b.1));
        prop_assert_eq!((ends, named.len() as u64), (Some((*first, *last)), *count), "{:?}", gap);
        told += count;
        missing = rest;
    }
    prop_assert!(missing.is_empty(), "nobody is told of {missing:?}");
    Ok(told)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(500), ..ProptestConfig::default() })]

    /// The contract of the outbox: order, exact gaps, bounds, and nothing lost that must not be.
    #[test]
    fn the_outbox_keeps_its_contract(acts in vec(act(), 0..400), max_bytes in 500usize..20_000) {
        let shelf = Shelf::default();
        let mut outbox = Outbox::new(Box::new(shelf.clone()), max_bytes);
        let mut pushed: Vec<Arc<Envelope>> = Vec::new();
        let mut ids = [0; 2];
        let rooms = ["#a", "#b"].map(|room| RoomName::parse(room).unwrap());
        let ani = Name::parse("ani").unwrap();
        let mut lost = 0;
        for act in acts {
            let event = match act {
                Act::Say { room, bytes } => {
                    // Own lines are not heard, so ids may leap.
                    ids[room] += 1 + u64::from(bytes % 7 == 0);
                    let text = Text::new(&"x".repeat(bytes)).unwrap();
                    let id = ids[room];
                    let (room, from) = (rooms[room].clone(), ani.clone());
                    let version = Version::First;
                    let (signed, cid) = (false, None);
                    Event::Said(Speech { room, id, by: ANI, from, act: false, re: None, version, signed, cid, file: None, text: text.into() })
                }
                Act::Presence => Event::Joined { room: rooms[0].clone(), by: ANI, name: ani.clone(), signed: false },
                Act::Must { bytes } => {
                    let text = Text::new(&"x".repeat(bytes)).unwrap();
                    Event::Whispered { by: ANI, from: ani.clone(), to: ani.clone(), id: None, file: None, text: text.into() }
                }
                Act::Block { lines } => {
                    let row = Stat { key: "clients", value: 1, text: "open connections" };
                    Event::Block(Block::new("STATS", vec![row; lines]))
                }
                Act::Run { room, lines } => {
                    let said = |id: &mut u64| {
                        *id += 1;
                        let (room, from) = (rooms[room].clone(), ani.clone());
                        let (version, text) = (Version::First, Text::new("hello").unwrap());
                        let (signed, cid) = (false, None);
                        let speech =
                            Speech { room, id: *id, by: ANI, from, act: false, re: None, version, signed, cid, file: None, text: text.into() };
                        Envelope::new(DateTime::UNIX_EPOCH, Event::Said(speech))
                    };
                    let run: Vec<Arc<Envelope>> = (0..lines).map(|_| said(&mut ids[room])).collect();
                    pushed.extend_from_slice(&run);
                    outbox.give(&Run::shared(run));
                    lost += outbox.take_lost();
                    continue;
                }
                Act::Room(more) => {
                    shelf.0.lock().unwrap().0 += more;
                    continue;
                }
                Act::Flush => {
                    match outbox.flush() {
                        Flushed::All => prop_assert_eq!(outbox.waiting(), 0),
                        Flushed::Waits => prop_assert!(outbox.waiting() <= max_bytes.max(400) + blocks(&pushed)),
                        Flushed::Overfull => prop_assert!(outbox.waiting() > max_bytes),
                        Flushed::Gone | Flushed::Broken => prop_assert!(false, "nobody is gone"),
                    }
                    lost += outbox.take_lost();
                    // What must stay, a gap for each room in each place between, and the rest within the bound.
                    let out = shelf.0.lock().unwrap();
                    let out = out.1.iter().flat_map(|b| b.envelopes.iter()).filter(|e| is_must(&e.event)).count();
                    let must: Vec<usize> =
                        pushed.iter().filter(|e| is_must(&e.event)).skip(out).map(|e| e.cost()).collect();
                    let must = must.iter().sum::<usize>() + (must.len() + 1) * 2 * 96;
                    let bound = max_bytes.max(must).max(400) + blocks(&pushed);
                    prop_assert!(outbox.waiting() <= bound, "{} bytes wait, {bound} allowed", outbox.waiting());
                    continue;
                }
            };
            let envelope = Envelope::new(DateTime::UNIX_EPOCH, event);
            pushed.push(envelope.clone());
            outbox.push(&envelope);
        }
        let bye = Envelope::new(DateTime::UNIX_EPOCH, Event::Bye { why: Leave::TooSlow, name: None });
        pushed.push(bye.clone());
        // Closing may make room once more.
        outbox.push(&bye);
        lost += outbox.take_lost();
        let last = Envelope::new(DateTime::UNIX_EPOCH, Event::Bye { why: Leave::Lost, name: None });
        pushed.push(last.clone());
        let before = lost;
        outbox.close(last.clone());
        let batches = std::mem::take(&mut shelf.0.lock().unwrap().1);
        for batch in &batches {
            prop_assert_eq!(batch.bytes, batch.envelopes.iter().map(|e| e.cost()).sum::<usize>());
            let free = batch.envelopes.iter().filter(|e| !is_must(&e.event)).count();
            prop_assert!(free <= MAX_PENDING + 1);
        }
        let out: Vec<Arc<Envelope>> = batches.iter().flat_map(|batch| batch.envelopes.to_vec()).collect();
        prop_assert!(out.last().is_some_and(|e| Arc::ptr_eq(e, &last)), "the last words are the last");
        let missed = check_order(&pushed, &out)?;
        prop_assert!(missed >= before, "gaps stand for {missed} lines, {before} were counted");
    }

    /// The queue to a writer: bounded in batches and bytes, one always fits, and the last words have their place.
    #[test]
    fn the_queue_keeps_its_bounds(steps in vec((any::<bool>(), 1usize..2_000), 0..120), max_bytes in 1usize..5_000) {
        let (mut sender, receiver) = queue(max_bytes);
        let mut waiting: VecDeque<usize> = VecDeque::new();
        for (takes, bytes) in steps {
            if takes {
                let batch = receiver.try_recv();
                prop_assert_eq!(batch.as_ref().map(|batch| batch.bytes), waiting.pop_front());
                if let Some(batch) = batch {
                    receiver.written(1, batch.bytes);
                }
            } else {
                let full = waiting.len() >= MAX_BATCHES
                    || (!waiting.is_empty() && waiting.iter().sum::<usize>() + bytes > max_bytes);
                match sender.deliver(Batch { bytes, ..Batch::default() }) {
                    Ok(()) => {
                        prop_assert!(!full);
                        waiting.push_back(bytes);
                    }
                    Err(Undelivered::Full(batch)) => prop_assert!(full && batch.bytes == bytes),
                    Err(Undelivered::Gone | Undelivered::Broken) => prop_assert!(false, "nobody is gone"),
                }
            }
            prop_assert_eq!(sender.waiting(), waiting.iter().sum::<usize>());
        }
        sender.last_words(Batch { bytes: 77, ..Batch::default() });
        drop(sender);
        waiting.push_back(77);
        let rest: Vec<usize> = std::iter::from_fn(|| receiver.recv()).map(|batch| batch.bytes).collect();
        prop_assert_eq!(rest, Vec::from(waiting));
    }
}

// ---- limits and history ----

proptest! {
    /// In every window: at most the burst, and what the rate adds. No user waits longer than that takes.
    #[test]
    fn the_bucket_admits_no_more_than_it_says(
        gaps in vec(0u64..900, 1..150), burst in 1u32..12, rate in 1u32..30
    ) {
        let start = Moment::default();
        let (burst, rate) = (f64::from(burst), f64::from(rate));
        let mut bucket = Bucket::new(burst as u32, rate, start);
        let (mut now, mut passed) = (start, Vec::new());
        for gap in gaps {
            now += Duration::from_millis(gap);
            let wait = bucket.take(now);
            prop_assert!(wait.as_secs_f64() <= 1.0 / rate + 1e-6, "{wait:?}");
            now += wait;
            passed.push(now);
        }
        for (i, from) in passed.iter().enumerate() {
            for (j, to) in passed.iter().enumerate().skip(i) {
                // Moments are whole microseconds.
                let allowed = burst + rate * ((*to - *from).as_secs_f64() + 1e-6) + 1e-6;
                prop_assert!((j - i + 1) as f64 <= allowed, "{} lines, {allowed} allowed", j - i + 1);
            }
        }
    }

    /// Spam, against a limiter that remembers everything: what passes, what is refused and for how long, and the end.
    #[test]
    fn the_spam_window_is_what_it_says(
        lines in vec((0u64..25, option::weighted(0.8, 0u64..3)), 1..200), most in 0u32..8, same in 0u32..5
    ) {
        let start = Moment::default();
        let mut limiter = RateLimiter::new(most, same);
        let mut now = 0;
        let (mut passed, mut mutes): (Vec<(u64, Option<u64>)>, Vec<u64>) = (Vec::new(), Vec::new());
        for (gap, words) in lines {
            now += gap;
            let verdict = limiter.take(ANI, words, start + Duration::from_secs(now));
            let muted = mutes.last().is_some_and(|mute| now < mute + 30);
            // A mute wipes the slate.
            let since = mutes.last().map_or(0, |mute| mute + 30);
            let window: Vec<_> = passed.iter().filter(|(at, _)| *at >= since && at + 60 > now).collect();
            let too_many = most > 0 && window.len() >= most as usize;
            let too_often = same > 0 && words.is_some() && window.iter().filter(|(_, w)| *w == words).count() >= same as usize;
            match verdict {
                Verdict::Pass => {
                    prop_assert!(!muted && !too_many && !too_often);
                    passed.push((now, words));
                }
                Verdict::Refuse(TooFast { retry, why: Spam::Muted }) => {
                    prop_assert!(muted);
                    prop_assert_eq!(retry, mutes.last().unwrap() + 30 - now);
                }
                Verdict::Refuse(TooFast { retry: 30, .. }) => {
                    prop_assert!(!muted && (too_many || too_often));
                    mutes.push(now);
                    prop_assert!(mutes.iter().filter(|mute| *mute + 600 > now).count() < 3);
                }
                Verdict::GiveUp => {
                    prop_assert!(!muted && (too_many || too_often));
                    mutes.push(now);
                    prop_assert!(mutes.iter().filter(|mute| *mute + 600 > now).count() >= 3);
                    break;
                }
                other => prop_assert!(false, "{other:?}"),
            }
            // Others are not counted with her.
            prop_assert_eq!(RateLimiter::new(1, 1).take(ClientId(2), words, start), Verdict::Pass);
        }
    }

    /// The ring is the end of all that was said, and a page is a piece of it that can be followed to all of it.
    #[test]
    fn history_is_the_end_of_what_was_said(
        sizes in vec(0usize..3_000, 0..120), lines in 0usize..60, max_bytes in 0usize..80_000,
        before in option::of(0u64..250), after in option::of(0u64..250), limit in 1usize..70
    ) {
        let mut history = History::new(lines, max_bytes);
        let mut all: Vec<(u64, Arc<Envelope>)> = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            let id = 2 * i as u64 + 1; // ids rise, not always by one
            let note = Event::Note { room: None, text: Text::new(&"x".repeat(*size)).unwrap() };
            all.push((id, Envelope::new(DateTime::UNIX_EPOCH, note)));
            history.push(id, all.last().unwrap().1.clone());
            // The newest that fit, counted from the end.
            let mut bytes = 0;
            let fitting = all.iter().rev().take(lines).take_while(|(_, e)| { bytes += e.cost(); bytes <= max_bytes }).count();
            prop_assert_eq!(history.len(), fitting);
        }
        let kept = &all[all.len() - history.len()..];
        let id_of = |e: &Arc<Envelope>| kept.iter().find(|(_, k)| Arc::ptr_eq(k, e)).map(|(id, _)| *id);
        let wanted: Vec<u64> = kept
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| before.is_none_or(|b| *id < b) && after.is_none_or(|a| *id > a))
            .collect();
        // Page by page, all of it is seen once.
        let (mut seen, mut before, mut after) = (VecDeque::new(), before, after);
        for _ in 0..200 {
            let (page, more) = history.page(before, after, limit);
            prop_assert!(page.len() <= limit && page.iter().map(|e| e.cost()).sum::<usize>() <= 128 * 1024);
            let ids: Vec<u64> = page.iter().map(|e| id_of(e).unwrap()).collect();
            if after.is_some() { seen.extend(ids) } else { ids.iter().rev().for_each(|id| seen.push_front(*id)) }
            match more {
                None => break,
                more if after.is_some() => after = more,
                more => before = more,
            }
        }
        prop_assert_eq!(Vec::from(seen), wanted);
    }
}

// ---- turns ----

/// What four people do who are in three rooms.
fn doings() -> impl Strategy<Value = Vec<(usize, String)>> {
    let room = || select(vec!["#lobby", "#a", "#b"]);
    let who = || select(vec!["p0", "p1", "p2", "p3"]);
    let doing = prop_oneof![
        8 => (room(), 0..1_000u32).prop_map(|(room, word)| format!("SAY:{room} word {word}")),
        3 => room().prop_map(|room| format!("/join {room}")),
        2 => room().prop_map(|room| format!("PART:{room}")),
        3 => (who(), 0..1_000u32).prop_map(|(who, word)| format!("/w {who} psst {word}")),
        1 => who().prop_map(|who| format!("/ignore {who}")),
        1 => who().prop_map(|who| format!("/unignore {who}")),
        1 => room().prop_map(|room| format!("TOPIC:{room} of today")),
        1 => select(vec!["off", "brief", "auto", "full"]).prop_map(|wish| format!("OPT:presence={wish}")),
        1 => Just("EDIT:last better".to_string()),
        1 => room().prop_map(|room| format!("REACT:{room} last +1")),
        1 => Just("/nick somebody".to_string()),
        1 => Just("PING:here".to_string()),
        1 => Just("QUIT:bye".to_string()),
    ];
    vec((0..4usize, doing), 0..60)
}

/// Lets four people do it, so many messages in each turn, and returns what each of them heard.
fn heard(doings: &[(usize, String)], mut turns: impl FnMut() -> usize) -> Vec<Vec<String>> {
    let mut stage = Bare::new(quick());
    let people = ["p0", "p1", "p2", "p3"];
    for who in people {
        stage.connect(who);
        stage.send(who, format!("JOIN:{who}\n").as_bytes());
    }
    let mut waiting = doings.iter().map(|(who, line)| {
        let request = parse(&Text::new(line).unwrap(), &VERBS).unwrap();
        Message::Requests(ClientId(*who as u64 + 1), vec![request], Ticket::free())
    });
    loop {
        let turn: Vec<Message> = waiting.by_ref().take(turns()).collect();
        if turn.is_empty() {
            break;
        }
        stage.turn(turn);
    }
    people
        .map(|who| std::iter::from_fn(|| stage.next(who)).map(|line| line.split_once(' ').unwrap().1.into()).collect())
        .into()
}

proptest! {
    /// What is handed round at the end of a turn comes in the order in which it happened, whatever else a user gets: how
    /// the messages fall into turns changes nothing for any user.
    #[test]
    fn turns_change_nothing_in_what_anybody_hears(doings in doings(), sizes in vec(1usize..20, 1..10)) {
        let one_by_one = heard(&doings, || 1);
        let mut sizes = sizes.into_iter().cycle();
        prop_assert_eq!(&heard(&doings, || sizes.next().unwrap()), &one_by_one);
        prop_assert_eq!(&heard(&doings, || usize::MAX), &one_by_one, "all in one turn");
    }
}
