//! A direct talk is no other user's business: whatever its members say and do there, a third user, an operator, an administrator, a tap,
//! the sender of webhooks and each call are told the same, byte for byte, as if they had said nothing. Every verb is looked at
//! ([`NOT_LOOKED_AT`] says why some are not), and every call that reads ([`kind`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chat_server::chat::message::Message;
use chat_server::config::OperatorKey;
use chat_server::features::VERBS;
use chat_server::features::accounts::orders::AccountOrder;
use chat_server::features::archive::store::Question;
use chat_server::features::calls::{Access, Call, Caller, Order, Orderer, PushCall, WebhookCall};
use chat_server::features::moderation::ban::{Kind, Target};
use chat_server::features::preferences::state::Key;
use chat_server::features::programs::webhooks::Ask;
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::now::Now;
use chat_server::model::roles::Policy;
use chat_server::model::text::Text;
use chat_server::protocol::parse::parse;
use chat_server::testing::{Bare, MemoryStore, Setup, Shelf, Stage, quick};
use proptest::prelude::*;

const KEY: &str = "a-key-that-is-long-enough";
/// In each line of a talk, and typed by none but its members.
const MARK: &str = "leaf";

#[derive(Clone, Debug)]
enum Deed {
    /// By ani, budi or the guest dewi: what is to stay among them.
    Talk(usize, &'static str),
    /// By one of the same: what all may see.
    Public(usize, &'static str),
    /// By one of those who are in no talk: a look at whatever there is.
    Look(usize, &'static str),
    /// A call, of one of these or without a session.
    Call(Option<usize>, usize),
    /// Seconds go by.
    Wait(u64),
    /// Ani or budi goes, or comes.
    Go(usize),
    Restart,
}

const MEMBERS: [&str; 3] = ["ani", "budi", "dewi"];
/// An account, a guest with the operator key, an administrator's account, a guest.
const LOOKERS: [&str; 4] = ["citra", "boss", "gita", "eko"];
/// All, in the order in which they come.
const ALL: [&str; 7] = ["ani", "budi", "citra", "dewi", "boss", "gita", "eko"];

const LOOKS: [&str; 93] = [
    "LIST:",
    "LIST:#tea",
    "WHO:ani",
    "WHO:budi",
    "ROOMS:",
    "ROOM:@ani+budi",
    "HISTORY:",
    "HISTORY:@ani+budi",
    "HISTORY:@ani",
    "SEARCH:hello",
    "SEARCH:lea*",
    "SEARCH:@ani+budi hello",
    "EXPORT:@ani+budi",
    "EXPORT:#lobby",
    "ANSWER:@ani+budi 1 mine",
    "EDIT:@ani+budi 1 mine",
    "DELETE:@ani+budi 1",
    "REACT:@ani+budi 1 👍",
    "UNREACT:@ani+budi 1 👍",
    "TYPING:@ani+budi",
    "/join @ani+budi",
    "/part @ani+budi",
    "/topic @ani+budi mine",
    "/invite citra @ani+budi",
    "/mode @ani+budi +k key",
    "/retain @ani+budi 1d",
    "/op @ani+budi citra",
    "/deop @ani+budi ani",
    "/voice @ani+budi ani",
    "/devoice @ani+budi ani",
    "/kick @ani+budi ani",
    "/forget @ani+budi",
    "/bans",
    "/bans @ani+budi",
    "/ban #tea nobody_here",
    "/unban #tea nobody_here",
    "/mute #tea ani 5s",
    "/unmute #tea ani",
    "AUDIT:",
    "FILES:",
    "FILES:@ani+budi",
    "SEND:@ani+budi 5 x.txt",
    "SEND:#lobby 5 y.txt",
    "UNREAD:all",
    "UNREAD:",
    "MENTIONS:",
    "MEMBERS:",
    "MEMBERS:#tea",
    "READ:@ani+budi",
    "NOTIFY:@ani+budi mute",
    "FOLLOW:on",
    "PREF:",
    "PREF:draft.@ani+budi",
    "PREF:draft.@ani+budi mine",
    "PREF:mentions bare",
    "DEVICES:ani",
    "DEVICES:budi",
    "STATUS:brewing",
    "PROFILE:",
    "PROFILE:ani",
    "INSPECT:",
    "STATS:",
    "STATS:all",
    "/why",
    "/r what?",
    "/join #new",
    "/me looks",
    "/nick other2",
    "hello",
    "MSG:hello",
    "SAY:#lobby hello",
    "SAY:@ani+budi mine",
    "DO:#lobby looks",
    "DO:@ani+budi mine",
    "ROLE:ani",
    "INVITECODE:",
    "INVITECODE:list",
    "HOOK:@ani+budi one-bot",
    "HOOK:#lobby one-bot",
    "HOOK:#lobby",
    "UNHOOK:@ani+budi one-bot",
    "BOT:",
    "BOT:two-bot",
    "UNBOT:two-bot",
    "WEBHOOK:@ani+budi https://example.org/x",
    "WEBHOOK:#lobby https://example.org/x",
    "WEBHOOK:all",
    "WEBHOOK:dead",
    "ANNOUNCE:tea",
    "AWAY:tea",
    "IGNORE:ani",
    "UNIGNORE:ani",
    "HELP:SEARCH",
];

/// Verbs by which nothing of another user is read, and that would end the history, or leave it to chance.
const NOT_LOOKED_AT: [(&str, &str); 16] = [
    ("PASTE", "says what comes in lines behind it; SAY is looked at"),
    ("WHISPER", "makes a talk of one's own; its answer does not depend on other talks, which talk.chat plays"),
    ("REGISTER", "comes first"),
    ("LOGIN", "comes first"),
    ("LOGOUT", "leaves a user who has lost the name"),
    ("PASSWD", "answers for one's own account alone"),
    ("RESET", "answers for one's own account alone"),
    ("RESETCODE", "signs its account out when it is used"),
    ("OPER", "comes first"),
    ("LOCKDOWN", "shuts those out who come"),
    ("REHASH", "reads settings"),
    ("SHUTDOWN", "ends the server"),
    ("ROLL", "draws numbers"),
    ("TELNET", "is about how lines look"),
    ("OPT", "is about how lines look"),
    ("QUIT", "ends the connection"),
];

fn deed() -> impl Strategy<Value = Deed> {
    let talk = prop::sample::select(vec![
        "/w budi leaf",
        "/w budi @citra leaf",
        "/say @budi @gita: leaf",
        "/w ani leaf",
        "/w dewi leaf",
        "/r leaf",
        "/say @budi leaf",
        "/say @ani+budi+dewi leaf",
        "/answer @budi 1 leaf",
        "/answer @ani last leaf",
        "/edit @budi last leafy",
        "/delete @budi last",
        "/delete @ani 1",
        "/react @budi last 👍",
        "TYPING:@budi",
        "TYPING:@ani",
        "HISTORY:@budi",
        "SEARCH:@ani leaf",
        "EXPORT:@budi",
        "SEND:@budi 5 leaf.txt",
        "READ:@budi",
        "NOTIFY:@ani mute",
        "/unread",
        "/mentions",
        "PREF:draft.@budi leaf",
        "PREF:mentions bare",
        "/unreact @budi 1 👍",
    ]);
    let public = prop::sample::select(vec![
        "hello",
        "/me waves",
        "/join #tea",
        "/part #tea",
        "/topic tea",
        "/nick other",
        "/away tea",
    ]);
    let look = prop::sample::select(LOOKS.to_vec());
    let caller = prop::option::of(0..LOOKERS.len());
    prop_oneof![
        8 => (0..MEMBERS.len(), talk).prop_map(|(who, line)| Deed::Talk(who, line)),
        3 => (0..MEMBERS.len(), public).prop_map(|(who, line)| Deed::Public(who, line)),
        8 => (0..LOOKERS.len(), look).prop_map(|(who, line)| Deed::Look(who, line)),
        4 => (caller, 0..usize::MAX).prop_map(|(who, which)| Deed::Call(who, which)),
        1 => (1..7_u64).prop_map(Deed::Wait),
        2 => (0..2_usize).prop_map(Deed::Go),
        1 => Just(Deed::Restart),
    ]
}

/// What a call is, and whether it reads: one that is new has to be put here, and [`House::calls`] makes those that read.
fn kind(call: &Call) -> (&'static str, bool) {
    match call {
        Call::MayRead { what, .. } => match what {
            Access::Entry => ("may-enter", false),
            Access::Everything => ("may-read-all", true),
            Access::Room(_) => ("may-read-room", true),
            Access::File(_) => ("may-read-file", true),
            // Only who has shown the token of a file of a talk asks for it with the talk's name.
            Access::FileByToken(_) => ("may-read-file-by-token", false),
        },
        Call::Ask { .. } => ("ask", true),
        Call::Read { .. } => ("read", true),
        Call::OwnRooms { .. } => ("own-rooms", true),
        Call::Members { .. } => ("members", true),
        Call::Dashboard { .. } => ("dashboard", true),
        Call::MarkRead { .. } => ("mark-read", true),
        Call::Preferences { .. } => ("preferences", true),
        Call::Prefer { .. } => ("prefer", true),
        Call::Picture { .. } => ("picture", true),
        Call::Retention { .. } => ("retention", true),
        Call::Talks { .. } => ("talks", true),
        Call::Rights { .. } => ("rights", true),
        Call::Order { order, .. } => match order {
            Order::Accounts(_) => ("accounts", true),
            Order::Forget(_) => ("forget", true),
            Order::Webhooks => ("webhooks", true),
            Order::Audit { .. } => ("audit", true),
            Order::Lift { .. } => ("lift", true),
            Order::Retain(..) => ("retain", true),
            Order::EndWebhook(_) => ("end-webhook", true),
            Order::TryAgain(_) => ("try-again", true),
            Order::Place(_) => ("place", false),
            Order::Announce(_) => ("announce", false),
            Order::Kick { .. } => ("kick", false),
        },
        Call::Webhooks(call) => match call {
            WebhookCall::Ask(..) => ("webhooks-ask", true),
            WebhookCall::Page { .. } => ("webhooks-page", true),
            // It is there from the start, and what it is told is compared.
            WebhookCall::Attach(..) => ("courier", false),
            WebhookCall::Gone(_) => ("webhook-gone", false),
        },
        // Who is told by push is the account's own; what is told goes to its browsers alone.
        Call::Push(call) => match call {
            PushCall::Attach(_) => ("push-attach", false),
            PushCall::Gone(_) => ("push-gone", false),
            PushCall::Sight { .. } => ("sight", false),
            PushCall::Own { .. } => ("push-own", false),
            PushCall::Subscribe { .. } => ("subscribe", false),
            PushCall::End { .. } => ("push-end", false),
        },
        // Its answer is whether the token, or the key, is right.
        Call::Post { .. } => ("post", false),
        Call::Operator { .. } => ("operator", false),
        // What the server's own threads say; no user asks.
        Call::Sampled => ("sampled", false),
        Call::NotRead(_) => ("not-read", false),
        Call::Uploaded { .. } => ("uploaded", false),
        Call::UploadFailed { .. } => ("upload-failed", false),
        Call::Store(_) => ("store", false),
        Call::Reloaded(..) => ("reloaded", false),
        Call::Rules(_) => ("rules", false),
    }
}

/// Where the answers to calls go.
type Said = Arc<Mutex<String>>;

fn writes<T: std::fmt::Debug>(said: &Said) -> Box<dyn FnOnce(T) + Send> {
    let said = said.clone();
    Box::new(move |answer| *said.lock().expect("no call panics") = format!("{answer:?}"))
}

/// All that a user can read by calls, or one without a session.
fn calls(client: Option<ClientId>, said: &Said) -> Vec<Call> {
    let talk = || RoomName::any("@ani+budi").expect("a talk");
    let who = Caller { client, address: "127.0.0.1".parse().expect("an address") };
    let may = |what| Call::MayRead { who, what, reply: writes(said) };
    let (before, after, limit, export) = (None, None, 50, false);
    let page = || Question::Page { room: talk(), before: u64::MAX, after, limit, export };
    let words = || Text::new("leaf").expect("words");
    let own = || Text::new("mine").expect("words");
    let search = |room| Question::Search { room, hidden: Vec::new(), words: words(), before, limit };
    let mentions = || Question::Mentions { account: Name::parse("ani").expect("a name"), before, limit };
    let read = |question| Call::Read { who, question: Box::new(question), reply: writes(said) };
    let ask = |question| Call::Ask { question, is_private: true, reply: writes(said) };
    let nobody = || Name::parse("nobody_here").expect("a name");
    let by = client.map_or(Orderer::Page(Some(who.address)), Orderer::Client);
    let order = |order| Call::Order { order, by, reply: writes(said) };
    let mut all = vec![
        may(Access::Everything),
        may(Access::Room(talk())),
        may(Access::File(Some(talk()))),
        read(page()),
        read(search(None)),
        read(search(Some(talk()))),
        read(mentions()),
        ask(page()),
        ask(search(None)),
        ask(search(Some(talk()))),
        ask(mentions()),
        Call::Talks { who, reply: writes(said) },
        order(Order::Accounts(AccountOrder::Invitations { before, limit })),
        order(Order::Forget(talk())),
        order(Order::Webhooks),
        order(Order::Lift { room: Some(talk()), kind: Kind::Mute, target: Target::Name(nobody()) }),
        order(Order::Retain(talk(), Some(1))),
        order(Order::EndWebhook(1)),
        order(Order::TryAgain(1)),
        Call::Dashboard { by, reply: writes(said) },
        Call::Members { who, room: talk(), reply: writes(said) },
        order(Order::Audit { before, limit }),
        Call::Webhooks(WebhookCall::Ask(Ask::Load, writes(said))),
        Call::Webhooks(WebhookCall::Page { room: talk(), after: 0, before: u64::MAX, limit, reply: writes(said) }),
    ];
    if let Some(client) = client {
        all.push(Call::OwnRooms { client, reply: writes(said) });
        all.push(Call::MarkRead { client, room: talk(), id: Some(1), reply: writes(said) });
        all.push(Call::Preferences { client, reply: writes(said) });
        let key = Key::Draft(talk());
        all.push(Call::Prefer { client, key, value: Some(own().into()), reply: writes(said) });
        all.push(Call::Picture { client, name: Name::parse("ani").expect("a name"), reply: writes(said) });
        all.push(Call::Retention { client, room: talk(), reply: writes(said) });
        all.push(Call::Rights { client, reply: writes(said) });
    }
    all
}

/// A history on one server: what those who are in no talk were told.
struct House {
    stage: Bare,
    is_here: [bool; 2],
    /// Connections have names of their own on the stage, and numbers since its last start.
    round: usize,
    connected: u64,
    ids: BTreeMap<&'static str, ClientId>,
    tap: Shelf,
    /// What the sender of webhooks was told.
    notices: Arc<Mutex<Vec<String>>>,
    told: Vec<String>,
}

impl House {
    fn new(now: Now, lab: bool) -> House {
        let config = chat_server::config::Config { operator_key: OperatorKey::new(KEY).ok(), lab, ..quick() };
        let kept = Some((MemoryStore::default(), Policy::default()));
        let stage = Bare::at(Setup { kept, ..config.into() }, now);
        let (tap, notices, told) = (Shelf::default(), Arc::default(), Vec::new());
        let mut house =
            House { stage, is_here: [true; 2], round: 0, connected: 0, ids: BTreeMap::new(), tap, notices, told };
        house.come("REGISTER");
        house
    }

    fn seat(&self, who: &str) -> String {
        format!("{who}-{}", self.round)
    }

    fn send(&mut self, who: &str, line: &str) {
        let seat = self.seat(who);
        self.stage.send(&seat, format!("{line}\n").as_bytes());
    }

    fn connect(&mut self, who: &'static str) {
        self.connected += 1;
        self.ids.insert(who, ClientId(self.connected));
        let seat = self.seat(who);
        self.stage.connect(&seat);
    }

    /// All come, in the same order, and a tap, and the sender of webhooks.
    fn come(&mut self, verb: &str) {
        self.round += 1;
        self.connected = 0;
        self.is_here = [true; 2];
        for who in ALL {
            self.connect(who);
            match who {
                "dewi" | "boss" | "eko" => self.send(who, &format!("JOIN:{who}")),
                _ => self.send(who, &format!("{verb}:{who} correct-horse")),
            }
        }
        self.send("boss", &format!("/oper {KEY}"));
        self.send("boss", "ROLE:gita admin");
        self.tap = Shelf::default();
        let notices = self.notices.clone();
        let courier = move |notice| notices.lock().expect("no notice panics").push(format!("courier {notice:?}"));
        let attach = Call::Webhooks(WebhookCall::Attach(Box::new(courier), true));
        self.stage.turn(vec![Message::Tap(Box::new(self.tap.clone())), attach.into()]);
    }

    fn call(&mut self, who: Option<usize>, which: usize) {
        let said = Said::default();
        let mut calls = calls(who.map(|who| self.ids[LOOKERS[who]]), &said);
        let call = calls.swap_remove(which % calls.len());
        let (name, _) = kind(&call);
        self.stage.turn(vec![call.into()]);
        self.told.push(format!("call {name} of {who:?}: {}", said.lock().expect("no call panics")));
    }

    /// Does a deed; of a talk only where talks are to be had. Else its author is as busy with something else.
    fn act(&mut self, deed: &Deed, has_talks: bool) {
        match deed {
            Deed::Talk(who, _) | Deed::Public(who, _) if *who < 2 && !self.is_here[*who] => {}
            Deed::Talk(who, line) if has_talks => self.send(MEMBERS[*who], line),
            Deed::Talk(who, _) => self.send(MEMBERS[*who], "WHY:"),
            Deed::Public(who, line) => self.send(MEMBERS[*who], line),
            Deed::Look(who, line) => self.send(LOOKERS[*who], line),
            Deed::Call(who, which) => self.call(*who, *which),
            Deed::Wait(seconds) => assert!(self.stage.wait(*seconds), "its clock is moved"),
            Deed::Go(who) => {
                let name = MEMBERS[*who];
                if std::mem::replace(&mut self.is_here[*who], false) {
                    self.send(name, "QUIT");
                } else {
                    self.is_here[*who] = true;
                    self.connect(name);
                    self.send(name, &format!("LOGIN:{name} correct-horse"));
                }
            }
            Deed::Restart => {
                self.listen();
                self.stage.restart();
                self.come("LOGIN");
            }
        }
        self.listen();
    }

    fn listen(&mut self) {
        for who in LOOKERS {
            let seat = self.seat(who);
            while let Some(line) = self.stage.next(&seat) {
                self.told.push(format!("{who} {}", without_chance(&line)));
            }
        }
        let envelopes =
            self.tap.take().into_iter().flat_map(|batch| batch.envelopes.iter().cloned().collect::<Vec<_>>());
        self.told.extend(envelopes.map(|envelope| format!("tap {:?}", envelope.event)));
        self.told.append(&mut self.notices.lock().expect("no notice panics"));
    }
}

/// A line without the tokens that are drawn, and without figures that count all that is done. No figure counts rooms that a reader
/// does not know.
fn without_chance(line: &str) -> String {
    let figure = line.split_once(" STAT ").and_then(|(_, figure)| figure.split(' ').next());
    let is_figure = figure.is_some_and(|key| !["people", "clients", "rooms", "files"].contains(&key));
    let words = line.split(' ').map(|word| match word.split_once('=') {
        Some(("token", _)) => "token=*",
        _ if is_figure && word.trim_end_matches(':').parse::<f64>().is_ok() => "*",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_verb_is_looked_at_or_is_known_not_to_read() {
    let verb = |line: &str| parse(&Text::new(line).expect("a text"), &VERBS).and_then(|request| request.verb);
    let mut looked: BTreeSet<&str> = LOOKS.iter().filter_map(|line| verb(line)).map(|verb| verb.name).collect();
    looked.extend(["JOIN", "PING"]);
    for (name, _) in NOT_LOOKED_AT {
        assert!(looked.insert(name), "{name} is looked at");
    }
    let missing: Vec<&str> = VERBS.iter().map(|verb| verb.name).filter(|name| !looked.contains(name)).collect();
    assert!(missing.is_empty(), "LOOKS lacks {missing:?}");
}

#[test]
fn every_call_that_reads_is_made() {
    let made: BTreeSet<_> = calls(Some(ClientId(1)), &Said::default()).iter().map(kind).collect();
    assert!(made.iter().all(|(_, reads)| *reads), "{made:?}");
    // As many as `kind` says that read.
    let source = include_str!("talks.rs");
    let marked = source.lines().filter(|line| line.trim_end().ends_with(", true),") && line.contains("=> (")).count();
    assert_eq!(made.len(), marked, "{made:?}");
}

proptest! {
    #[test]
    fn who_is_in_no_talk_is_told_the_same_as_if_there_were_none(
        lab in any::<bool>(),
        deeds in proptest::collection::vec(deed(), 1..60),
    ) {
        let now = Now::read();
        let (mut one, mut other) = (House::new(now, lab), House::new(now, lab));
        for deed in &deeds {
            one.act(deed, true);
            other.act(deed, false);
            prop_assert_eq!(&one.told, &other.told, "after {:?}", deed);
            prop_assert!(!one.told.iter().any(|line| line.contains(MARK)), "after {:?}: {:?}", deed, one.told);
            one.told.clear();
            other.told.clear();
        }
    }
}
