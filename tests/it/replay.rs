//! The chat is a function of its input: the same messages at the same times come to the same bytes, for clients, taps, doors and the
//! store. Random histories with every feature are played on two routers, whose maps have other seeds, in another process, and on three
//! nodes that are one chat.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};

use chat_conformance::trio::Trio;
use chat_server::chat::message::Message;
use chat_server::chat::outbox::Batch;
use chat_server::chat::ticket::Ticket;
use chat_server::config::Config;
use chat_server::config::OperatorKey;
use chat_server::features::VERBS;
use chat_server::features::archive::store::Question;
use chat_server::features::calls::{Access, Call, Caller, Order};
use chat_server::model::event::{Leave, Wire};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::now::{Moment, Now};
use chat_server::model::roles::{Policy, Role};
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::protocol::parse::parse;
use chat_server::protocol::render::render;
use chat_server::testing::{Bare, MemoryStore, Setup, Shelf, Stage, quick};
use chrono::DateTime;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const KEY: &str = "a-key-that-is-long-enough";
const SEATS: usize = 6;
const NAMES: [&str; 6] = ["ani", "budi", "citra", "dewi", "root", "eka"];
const ROOMS: [&str; 5] = ["#lobby", "#tea", "#rust", "#cake", "#den"];
const PASSWORDS: [&str; 2] = ["correct-horse", "battery-staple"];

/// What is typed, with a room `R`, a name `N`, an id `I`, a time `T`, words `W` and a password `P`. Every verb is in here.
pub(crate) const LINES: &[&str] = &[
    "JOIN:N",
    "JOIN:N",
    "JOIN:N",
    "/join R",
    "/join R",
    "/join R",
    "/join R k1",
    "MSG:W",
    "MSG:W",
    "W",
    "SAY:R W",
    "DO:R W",
    "ACT:W",
    "/answer R I W",
    "/answer last W",
    "EDIT:R I W",
    "/edit last W",
    "DELETE:R I",
    "/delete last",
    "/react R I 👍",
    "/react last ❤",
    "/unreact last ❤",
    "PASTE:",
    ".",
    "/whisper N W",
    "/reply W",
    "NICK:N",
    "/list",
    "/list R",
    "ROLL:3d6",
    "UNREAD:",
    "/unread all",
    "READ:R I",
    "/read all",
    "MENTIONS:",
    "MEMBERS:R",
    "NOTIFY:R mentions",
    "PREF:",
    "PREF:mentions bare",
    "PREF:draft.tea so",
    "PREF:draft.Tea so",
    "PREF:draft.tea default",
    "PREF:device.0123456789abcdef Baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "DEVICES:N",
    "STATUS:W",
    "STATUS:",
    "PROFILE:",
    "PROFILE:N",
    "FOLLOW:on",
    "FOLLOW:off",
    "SAY:R @N W",
    "WHO:N",
    "/rooms",
    "/part",
    "/part R",
    "/part R W",
    "ROOM:R",
    "TOPIC:R W",
    "/topic W",
    "/retain R 30d",
    "/retain",
    "INVITE:N R",
    "MODE:R +i",
    "MODE:R -i",
    "MODE:R +k k1",
    "MODE:R +m",
    "MODE:R -m",
    "MODE:R +t",
    "MODE:R +nl-m 1",
    "MODE:R -l+s",
    "MODE:R -ns",
    "OP:R N",
    "VOICE:R N",
    "DEVOICE:R N",
    "DEOP:R N",
    "KICK:R N W",
    "KICK:* N W",
    "MUTE:R N T W",
    "MUTE:* N T",
    "UNMUTE:R N",
    "BAN:R N T W",
    "BAN:* N T",
    "BAN:R 192.0.2.0/24 T",
    "UNBAN:R N",
    "UNBAN:* N",
    "BANS:R",
    "BANS:*",
    "FORGET:R",
    "HISTORY:R 9",
    "HISTORY:R after=I limit=3",
    "SEARCH:R W",
    "SEARCH:W",
    "EXPORT:R",
    "REGISTER:P",
    "REGISTER:",
    "P",
    "LOGIN:N P",
    "LOGIN:N P",
    "LOGIN:root correct-horse",
    "LOGIN:N",
    "/logout",
    "LOGOUT:all",
    "PASSWD:P P",
    "ROLE:N op",
    "ROLE:N member",
    "ROLE:N",
    "/invitecode",
    "HOOK:R N",
    "UNHOOK:R N",
    "HOOK:",
    "WEBHOOK:R",
    "BOT:N",
    "UNBOT:N",
    "WEBHOOK:R https://example.org/x",
    "WEBHOOK:R end I",
    "WEBHOOK:all",
    "BOT:",
    "INVITECODE:2 1d R",
    "INVITECODE:list",
    "RESETCODE:N",
    "RESET:reset-1 P",
    "RESET:reset-2 P",
    "INVITECODE:end 1",
    "/oper a-key-that-is-long-enough",
    "/oper a-key-that-is-long-enough",
    "/oper a-wrong-key-of-some-length",
    "ANNOUNCE:W",
    "LOCKDOWN:on",
    "LOCKDOWN:off",
    "/rehash",
    "SHUTDOWN:5m",
    "SHUTDOWN:cancel",
    "/audit",
    "AWAY:W",
    "AWAY:",
    "OPT:away=on",
    "/away",
    "IGNORE:N",
    "UNIGNORE:N",
    "OPT:presence=off",
    "OPT:presence=full",
    "OPT:view=short time=ms",
    "OPT:ping=10 echo=off",
    "OPT:typing=on history=5",
    "TELNET:on",
    "TYPING:R",
    "TYPING:R off",
    "PING:W",
    "/why",
    "HELP",
    "HELP:JOIN",
    "SEND:R 5 W.txt",
    "SEND:N 5 W.txt",
    "FILES:R",
    "/files",
    "/stats",
    "/inspect",
    "INSPECT:on",
    "QUIT:W",
    "CRASH:",
    "JOIN:",
];

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// A user new on this seat; who was there stays connected, if they were.
    Connect(usize, u8),
    Line(usize, String),
    /// Several clients' lines in one turn.
    Turn(Vec<(usize, String)>),
    HangUp(usize),
    Lost(usize),
    Reads(usize, bool),
    Wait(u64),
    /// The file of this token comes, or is fetched, by the file door.
    Upload(u128),
    Fetch(u128),
    /// A door asks, on behalf of a seat.
    Look(usize, &'static str),
    Page(usize, &'static str),
    Rights(usize),
    SignIn(&'static str, &'static str),
    Key(bool),
    Kick(usize),
    Announce(&'static str),
    Forget(&'static str),
    Broadcast,
    Direct(usize, usize),
    Settings(&'static str, &'static str),
    Store(Option<&'static str>),
    Restart,
}

pub(crate) fn line() -> impl Strategy<Value = String> {
    let words = select(&["tea", "cake at four", "x", "one two", "Tea"][..]);
    let time = select(&["10s", "20s", "1m", ""][..]);
    let parts = (select(LINES), select(&NAMES[..]), select(&ROOMS[..]), 1u64..9, words, time, select(&PASSWORDS[..]));
    parts.prop_map(|(line, name, room, id, words, time, password)| {
        let id = id.to_string();
        let fill = |word: &str| match word {
            "N" => name.into(),
            "R" => room.into(),
            "I" => id.clone(),
            "W" => words.into(),
            "T" => time.into(),
            "P" => password.into(),
            "W.txt" => format!("{}.txt", words.len()),
            other => other.to_string(),
        };
        filled(line, fill)
    })
}

/// A line of [`LINES`] with something for each of its letters.
pub(crate) fn filled(line: &str, fill: impl Fn(&str) -> String) -> String {
    let (verb, rest) = line.split_once(':').map_or(("", line), |(verb, rest)| (verb, rest));
    let rest: Vec<String> = rest.split(' ').map(fill).collect();
    let colon = if verb.is_empty() { "" } else { ":" };
    format!("{verb}{colon}{}", rest.join(" ")).trim_end().to_string()
}

fn step() -> impl Strategy<Value = Step> {
    let seat = || 0..SEATS;
    let room = || select(&ROOMS[..]);
    prop_oneof![
        4 => (seat(), 0u8..3).prop_map(|(seat, from)| Step::Connect(seat, from)),
        60 => (seat(), line()).prop_map(|(seat, line)| Step::Line(seat, line)),
        6 => vec((seat(), line()), 2..6).prop_map(Step::Turn),
        2 => seat().prop_map(Step::HangUp),
        1 => seat().prop_map(Step::Lost),
        2 => (seat(), any::<bool>()).prop_map(|(seat, on)| Step::Reads(seat, on)),
        6 => prop_oneof![30 => 1u64..25, 1 => 300u64..700].prop_map(Step::Wait),
        2 => (256u128..262).prop_map(Step::Upload),
        1 => (256u128..262).prop_map(Step::Fetch),
        1 => (seat(), room()).prop_map(|(seat, room)| Step::Look(seat, room)),
        1 => (seat(), room()).prop_map(|(seat, room)| Step::Page(seat, room)),
        1 => seat().prop_map(Step::Rights),
        1 => (select(&NAMES[..]), select(&PASSWORDS[..])).prop_map(|(name, password)| Step::SignIn(name, password)),
        1 => any::<bool>().prop_map(Step::Key),
        1 => seat().prop_map(Step::Kick),
        1 => select(&["tea is ready", "x"][..]).prop_map(Step::Announce),
        1 => room().prop_map(Step::Forget),
        1 => Just(Step::Broadcast),
        1 => (seat(), seat()).prop_map(|(from, to)| Step::Direct(from, to)),
        1 => select(&[("spam_lines", "3"), ("motd", "tea"), ("max_rooms", "3"), ("history", "4"), ("nonsense", "1")][..])
            .prop_map(|(key, value)| Step::Settings(key, value)),
        1 => select(&[None, Some("the disk is full")][..]).prop_map(Step::Store),
        1 => Just(Step::Restart),
    ]
}

/// Mostly there are people in rooms to begin with, and files on their way, so that less is refused.
fn history() -> impl Strategy<Value = Vec<Step>> {
    (any::<bool>(), vec(step(), 1..120)).prop_map(|(begins_alone, steps)| {
        let mut all = if begins_alone { Vec::new() } else { people() };
        all.extend(steps);
        all
    })
}

fn people() -> Vec<Step> {
    let mut steps = Vec::new();
    for (seat, name) in NAMES.iter().enumerate().filter(|(_, name)| **name != "root") {
        let lines =
            [format!("JOIN:{name}"), "/join #tea".into(), "SEND:#tea 5 a.txt".into(), "SEND:#tea 5 b.txt".into()];
        steps.extend(lines.map(|line| Step::Line(seat, line)));
    }
    steps.push(Step::Line(0, format!("/oper {KEY}")));
    steps
}

fn text(words: &str) -> Text {
    Text::new(words).expect("a text")
}

fn start() -> Now {
    Now {
        mono: Moment::from_micros(1_000_000),
        wall: DateTime::from_timestamp(1_700_000_000, 0).expect("a time"),
        chance: 0,
    }
}

/// The settings of a history, and the store with one account.
fn setup() -> (Setup, MemoryStore) {
    let config = Config {
        lab: true,
        files: "on".into(),
        operator_key: OperatorKey::new(KEY).ok(),
        spam_lines: 20,
        spam_repeats: 4,
        spam_errors: 8,
        read_burst: 6,
        arrivals: 4,
        max_rooms: 4,
        rooms_each: 3,
        rooms_each_address: 4,
        history: 6,
        outbox_bytes: 6_000,
        ..quick()
    };
    let memory = MemoryStore::default();
    memory.add(&Name::parse("root").expect("a name"), PASSWORDS[0], Role::Admin);
    let kept = Some((memory.clone(), Policy::default()));
    (Setup { kept, counted_tokens: true, ..config.into() }, memory)
}

/// A router on which a history is played, and all that came of it.
struct Play {
    stage: Bare,
    memory: MemoryStore,
    /// The name and the number of who is on each seat.
    seats: Vec<Option<(String, ClientId)>>,
    all: Vec<String>,
    connected: u64,
    tap: Shelf,
    replies: Arc<Mutex<Vec<String>>>,
    log: Vec<String>,
}

impl Play {
    fn new() -> Play {
        let (setup, memory) = setup();
        let stage = Bare::at(setup, start());
        let (seats, all, connected) = (vec![None; SEATS], Vec::new(), 0);
        let (replies, log) = (Arc::default(), Vec::new());
        let mut play = Play { stage, memory, seats, all, connected, tap: Shelf::default(), replies, log };
        play.watch();
        play
    }

    fn watch(&mut self) {
        self.stage.turn(vec![Message::Tap(Box::new(self.tap.clone()))]);
    }

    /// Plays all of it and returns what came of it, line by line.
    fn run(mut self, steps: &[Step]) -> Vec<String> {
        for step in steps {
            self.log.push(format!("{step:?}"));
            self.step(step);
            self.gather();
        }
        let (records, questions) = self.memory.heard();
        self.log.extend(records.iter().map(|record| format!("{record:?}")));
        self.log.extend(questions.iter().map(|question| format!("{question:?}")));
        self.log
    }

    fn gather(&mut self) {
        let mut log = self.stage.losses();
        for who in &self.all {
            log.extend(self.stage.take(who).iter().map(|batch| shown(who, batch)));
        }
        log.extend(self.tap.take().iter().map(|batch| shown("tap", batch)));
        log.append(&mut self.replies.lock().expect("no panic"));
        self.log.extend(log);
    }

    /// The number on a seat; one that no user has, where no user sits there.
    fn id(&self, seat: usize) -> ClientId {
        self.seats[seat].as_ref().map_or(ClientId(9_999), |(_, id)| *id)
    }

    /// Something that writes an answer down.
    fn reply<T: std::fmt::Debug>(&self) -> Box<dyn FnOnce(T) + Send> {
        let replies = self.replies.clone();
        Box::new(move |answer| replies.lock().expect("no panic").push(format!("{answer:?}")))
    }

    fn step(&mut self, step: &Step) {
        let caller = |client| Caller { client, address: [192, 0, 2, 9].into() };
        let name = |name: &str| RoomName::parse(name).expect("a room");
        let message = match step {
            Step::Connect(seat, from) => return self.connect(*seat, *from),
            Step::Line(seat, line) => return self.send(*seat, line),
            Step::Turn(lines) => {
                let requests = |(seat, line): &(usize, String)| {
                    let request = parse(&Text::new(line).ok()?, &VERBS)?;
                    Some(Message::Requests(self.id(*seat), vec![request], Ticket::free()))
                };
                return self.stage.turn(lines.iter().filter_map(requests).collect());
            }
            Step::HangUp(seat) => {
                if let Some((who, _)) = self.seats[*seat].clone() {
                    self.stage.hang_up(&who);
                }
                return;
            }
            Step::Reads(seat, on) => {
                if let Some((who, _)) = self.seats[*seat].clone() {
                    self.stage.reads(&who, *on);
                }
                return;
            }
            Step::Wait(seconds) => {
                self.stage.wait(*seconds);
                return;
            }
            Step::Upload(number) => return self.transfer(&format!("PUT {number:032x}\nbytes")),
            Step::Fetch(number) => return self.transfer(&format!("GET {number:032x}\n")),
            Step::Settings(key, value) => {
                self.stage.edit(key, value);
                return;
            }
            Step::Store(trouble) => return self.memory.fail(*trouble),
            Step::Restart => return self.restart(),
            Step::Lost(seat) => Message::ClientLeft(self.id(*seat), Leave::Lost),
            Step::Look(seat, room) => {
                Call::MayRead { who: caller(Some(self.id(*seat))), what: Access::Room(name(room)), reply: self.reply() }
                    .into()
            }
            Step::Page(seat, room) => {
                let question =
                    Question::Page { room: name(room), before: u64::MAX, after: None, limit: 5, export: false };
                Call::Read { who: caller(Some(self.id(*seat))), question: Box::new(question), reply: self.reply() }
                    .into()
            }
            Step::Rights(seat) => Call::Rights { client: self.id(*seat), reply: self.reply() }.into(),
            Step::SignIn(name, password) => {
                let proof = chat_server::features::archive::store::Proof::Password(
                    Name::parse(name).expect("a name"),
                    Secret::new(*password),
                );
                let from = Some([192, 0, 2, 9].into());
                let question = Question::SignIn { proof, token: true, from, guarded: None };
                Call::Ask { question, is_private: true, reply: self.reply() }.into()
            }
            Step::Key(right) => {
                let key = Secret::new(if *right { KEY } else { "another key" });
                Call::Operator { key, from: Some([192, 0, 2, 9].into()), is_private: true, reply: self.reply() }.into()
            }
            Step::Kick(seat) => self.order(Order::Kick { person: self.id(*seat), why: None }),
            Step::Announce(words) => self.order(Order::Announce(text(words))),
            Step::Forget(room) => self.order(Order::Forget(name(room))),
            Step::Broadcast => Message::Broadcast(text("cake")),
            Step::Direct(from, to) => {
                Message::DirectMessage { from: self.id(*from), to: self.id(*to), content: text("psst").into() }
            }
        };
        self.stage.turn(vec![message]);
    }

    fn order(&self, order: Order) -> Message {
        Call::Order { order, by: chat_server::features::calls::Orderer::Page(None), reply: self.reply() }.into()
    }

    fn connect(&mut self, seat: usize, from: u8) {
        self.connected += 1;
        let who = format!("c{}", self.all.len());
        let address = ["127.0.0.1", "192.0.2.7", "2001:db8::1"][usize::from(from)];
        self.stage.connect_from(&who, address);
        self.all.push(who.clone());
        self.seats[seat] = Some((who, ClientId(self.connected)));
    }

    fn send(&mut self, seat: usize, line: &str) {
        if self.seats[seat].is_none() {
            self.connect(seat, 0);
        }
        if let Some((who, _)) = self.seats[seat].clone() {
            self.stage.send(&who, format!("{line}\n").as_bytes());
        }
    }

    fn transfer(&mut self, script: &str) {
        self.stage.connect_to_files("door");
        self.stage.send("door", script.as_bytes());
        self.stage.hang_up("door");
        while let Some(line) = self.stage.next("door") {
            self.log.push(line);
        }
    }

    fn restart(&mut self) {
        self.memory.fail(None);
        self.gather();
        self.stage.restart();
        self.all.clear();
        self.seats = vec![None; SEATS];
        self.connected = 0;
        self.watch();
    }
}

/// A batch in every form that its bytes can have.
fn shown(who: &str, batch: &Batch) -> String {
    let mut shown = format!("{who} {} bytes:", batch.bytes);
    for envelope in batch.envelopes.iter() {
        shown += &format!("\n  {} {:?}", envelope.at, envelope.event);
        for wire in [Wire::Line, Wire::LineMillis, Wire::Short, Wire::Plain] {
            shown += &String::from_utf8_lossy(&render(envelope, wire));
        }
    }
    shown
}

#[track_caller]
fn same(first: &[String], second: &[String]) {
    let place = first.iter().zip(second).position(|(first, second)| first != second);
    if let Some(place) = place {
        let before = first[..place].iter().rev().take(5).rev().cloned().collect::<Vec<_>>().join("\n");
        panic!("{before}\n--- then the first:\n{}\n--- and the second:\n{}", first[place], second[place]);
    }
    assert_eq!(first.len(), second.len());
}

/// Plays of a history what comes by the line door, and returns what the clients got, line by line.
fn told<S: Stage>(stage: &mut S, steps: &[Step], before: impl Fn(usize, &mut S)) -> Vec<String> {
    let (mut seats, mut all, mut log) = (vec![None; SEATS], Vec::<String>::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        log.push(format!("{step:?}"));
        before(number, stage);
        match step {
            Step::Connect(seat, _) | Step::Line(seat, _) if *seat < SEATS => {
                let is_new = matches!(step, Step::Connect(..)) || seats[*seat].is_none();
                if is_new {
                    let from = if let Step::Connect(_, from) = step { usize::from(*from) } else { 0 };
                    let who = format!("c{number}");
                    stage.connect_from(&who, ["127.0.0.1", "192.0.2.7", "2001:db8::1"][from]);
                    all.push(who.clone());
                    seats[*seat] = Some(who);
                }
                // Figures are those of one node.
                if let (Step::Line(_, line), Some(who)) = (step, &seats[*seat])
                    && !line.to_ascii_lowercase().contains("inspect")
                    && line != "/stats"
                {
                    stage.send(who, format!("{line}\n").as_bytes());
                }
            }
            Step::HangUp(seat) => seats[*seat].iter().for_each(|who| stage.hang_up(who)),
            Step::Reads(seat, on) => seats[*seat].iter().for_each(|who| assert!(stage.reads(who, *on))),
            Step::Wait(seconds) => assert!(stage.wait(*seconds)),
            Step::Settings(key, value) => assert!(stage.edit(key, value)),
            Step::Restart => {
                stage.restart();
                seats = vec![None; SEATS];
                all.clear();
            }
            _ => {}
        }
        for who in &all {
            while let Some(line) = stage.next(who) {
                log.push(format!("{who}< {line}"));
            }
        }
    }
    stage.end();
    log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Three nodes that carry out the same know the same, which the stage looks at, also one that comes late, with an image. What their
    /// clients get is what they would get of one router, unless one of them stops reading: when that is found out shows.
    #[test]
    fn three_nodes_are_one_chat(steps in history(), has_files in any::<bool>(), late in vec(0usize..120, 0..3)) {
        let setup = || {
            let mut setup = setup().0;
            setup.config.files = if has_files { "on" } else { "off" }.into();
            setup
        };
        let grow = |number, stage: &mut Trio| {
            if !has_files && late.contains(&number) {
                stage.add_late();
            }
        };
        let on_three = told(&mut Trio::at(setup(), start()), &steps, grow);
        if !steps.iter().any(|step| matches!(step, Step::Reads(..))) {
            same(&told(&mut Bare::at(setup(), start()), &steps, |_, _| {}), &on_three);
        }
    }
}

proptest! {
    #[test]
    fn the_same_messages_at_the_same_times_come_to_the_same_bytes(steps in history()) {
        same(&Play::new().run(&steps), &Play::new().run(&steps));
    }
}

#[test]
fn another_process_comes_to_the_same_bytes() {
    const CHILD: &str = "REPLAY_IN_ANOTHER_PROCESS";
    let mut runner = TestRunner::deterministic();
    let histories = (0..16).map(|_| history().new_tree(&mut runner).expect("a history").current());
    let sum =
        |log: Vec<String>| log.concat().bytes().fold(7u64, |sum, b| sum.wrapping_mul(0x100_0000_01B3) ^ u64::from(b));
    let sums: Vec<String> = histories.map(|steps| format!("sum {:x}", sum(Play::new().run(&steps)))).collect();
    if std::env::var_os(CHILD).is_some() {
        println!("{}", sums.join("\n"));
        return;
    }
    let name = "replay::another_process_comes_to_the_same_bytes";
    let program = std::env::current_exe().expect("this program");
    let child = Command::new(program).args([name, "--exact", "--nocapture"]).env(CHILD, "1").output().expect("it runs");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}");
    let said: Vec<&str> = said.lines().filter_map(|line| line.find("sum ").map(|at| &line[at..])).collect();
    assert_eq!(said, sums);
}

/// A verb that is new comes into the histories, or this fails.
#[test]
fn every_verb_is_in_the_histories() {
    let parsed = LINES
        .iter()
        .filter_map(|line| parse(&Text::new(line).ok()?, &VERBS))
        .filter_map(|request| Some(request.verb?.name));
    let played: BTreeSet<&str> = parsed.collect();
    let missing: Vec<&str> = VERBS.iter().map(|verb| verb.name).filter(|name| !played.contains(name)).collect();
    assert!(missing.is_empty(), "no line of LINES has {missing:?}");
}

/// Found by chance: after a restart a server reads its settings again as one that was started anew does.
#[test]
fn settings_are_read_again_after_a_restart() {
    let steps = [
        Step::Settings("spam_lines", "3"),
        Step::Restart,
        Step::Line(2, "LOGIN:root correct-horse".into()),
        Step::Connect(0, 0),
        Step::Connect(0, 0),
        Step::Line(2, "/rehash".into()),
    ];
    let on_three = told(&mut Trio::at(setup().0, start()), &steps, |_, _| {});
    same(&told(&mut Bare::at(setup().0, start()), &steps, |_, _| {}), &on_three);
}
