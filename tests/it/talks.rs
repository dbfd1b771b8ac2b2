//! A direct talk is no other user's business: whatever its members say and do there, a third user, an operator, a tap and a call
//! without a session are told the same, byte for byte, as if they had said nothing.

use std::sync::{Arc, Mutex};

use chat_server::chat::message::Message;
use chat_server::config::OperatorKey;
use chat_server::features::archive::store::Question;
use chat_server::features::calls::{Access, Call, Caller};
use chat_server::model::names::RoomName;
use chat_server::model::now::Now;
use chat_server::model::roles::Policy;
use chat_server::model::text::Text;
use chat_server::testing::{Bare, MemoryStore, Setup, Shelf, Stage, quick};
use proptest::prelude::*;

const KEY: &str = "a-key-that-is-long-enough";
/// In each line of a talk, and typed by none but its members.
const MARK: &str = "leaf";

#[derive(Clone, Debug)]
enum Deed {
    /// By ani, budi or the guest dewi: what is to stay among them.
    Talk(usize, &'static str),
    /// By any of the five: what all may see.
    Public(usize, &'static str),
    /// By citra or the operator: a look at whatever there is.
    Look(usize, &'static str),
    /// A call without a session.
    Call(u8),
    /// Ani or budi goes, or comes.
    Go(usize),
    Restart,
}

const MEMBERS: [&str; 3] = ["ani", "budi", "dewi"];
const LOOKERS: [&str; 2] = ["citra", "boss"];

fn deed() -> impl Strategy<Value = Deed> {
    let talk = prop::sample::select(vec![
        "/w budi leaf",
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
    let look = prop::sample::select(vec![
        "LIST",
        "LIST:#tea",
        "WHO:ani",
        "WHO:budi",
        "ROOMS",
        "HISTORY",
        "HISTORY:@ani+budi",
        "HISTORY:@ani",
        "SEARCH:hello",
        "SEARCH:lea*",
        "SEARCH:@ani+budi hello",
        "EXPORT:@ani+budi",
        "EXPORT:#lobby",
        "EDIT:@ani+budi 1 mine",
        "DELETE:@ani+budi 1",
        "REACT:@ani+budi 1 👍",
        "TYPING:@ani+budi",
        "/join @ani+budi",
        "/invite citra @ani+budi",
        "/mode @ani+budi +k key",
        "/kick @ani+budi ani",
        "/forget @ani+budi",
        "/bans",
        "/ban #tea nobody_here",
        "/unban #tea nobody_here",
        "/mute #tea ani 5s",
        "AUDIT",
        "FILES",
        "FILES:@ani+budi",
        "SEND:@ani+budi 5 x.txt",
        "UNREAD:all",
        "MENTIONS:",
        "READ:@ani+budi",
        "NOTIFY:@ani+budi mute",
        "INSPECT",
        "/why",
        "/r what?",
        "/join #new",
        "hello",
    ]);
    prop_oneof![
        8 => (0..MEMBERS.len(), talk).prop_map(|(who, line)| Deed::Talk(who, line)),
        3 => (0..MEMBERS.len(), public).prop_map(|(who, line)| Deed::Public(who, line)),
        8 => (0..LOOKERS.len(), look).prop_map(|(who, line)| Deed::Look(who, line)),
        3 => (0..4_u8).prop_map(Deed::Call),
        2 => (0..2_usize).prop_map(Deed::Go),
        1 => Just(Deed::Restart),
    ]
}

/// A history on one server: what those who are in no talk were told.
struct House {
    stage: Bare,
    is_here: [bool; 2],
    /// Connections have names of their own on the stage.
    round: usize,
    tap: Shelf,
    told: Vec<String>,
}

impl House {
    fn new(now: Now) -> House {
        let config = chat_server::config::Config { operator_key: OperatorKey::new(KEY).ok(), ..quick() };
        let kept = Some((MemoryStore::default(), Policy::default()));
        let stage = Bare::at(Setup { kept, ..config.into() }, now);
        let mut house = House { stage, is_here: [true; 2], round: 0, tap: Shelf::default(), told: Vec::new() };
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

    /// All five come, in the same order, and a tap.
    fn come(&mut self, verb: &str) {
        self.round += 1;
        self.is_here = [true; 2];
        for who in ["ani", "budi", "citra", "dewi", "boss"] {
            let seat = self.seat(who);
            self.stage.connect(&seat);
            match who {
                "dewi" | "boss" => self.send(who, &format!("JOIN:{who}")),
                _ => self.send(who, &format!("{verb}:{who} correct-horse")),
            }
        }
        self.send("boss", &format!("/oper {KEY}"));
        self.tap = Shelf::default();
        self.stage.turn(vec![Message::Tap(Box::new(self.tap.clone()))]);
    }

    fn call(&mut self, which: u8) {
        let (said, talk) = (Arc::new(Mutex::new(String::new())), RoomName::any("@ani+budi").unwrap());
        let who = Caller { client: None, address: "127.0.0.1".parse().unwrap() };
        let (one, other) = (said.clone(), said.clone());
        let reply = Box::new(move |answer| *one.lock().unwrap() = format!("{answer:?}"));
        let question = |question| Call::Read { who, question: Box::new(question), reply };
        let rights = Box::new(move |answer| *other.lock().unwrap() = format!("{answer:?}"));
        let call = match which {
            0 => Call::MayRead { who, what: Access::Everything, reply: rights },
            // By a token, a file of a talk is asked for only by who has shown one that leads there.
            1 => Call::MayRead { who, what: Access::File(Some(talk)), reply: rights },
            2 => question(Question::Page { room: talk, before: u64::MAX, after: None, limit: 50, export: false }),
            _ => {
                let words = Text::new("leaf").unwrap();
                question(Question::Search { room: None, hidden: Vec::new(), words, before: None, limit: 50 })
            }
        };
        self.stage.turn(vec![call.into()]);
        self.told.push(format!("call {which}: {}", said.lock().unwrap()));
    }

    /// Does a deed; of a talk only where talks are to be had. Else its author is as busy with something else.
    fn act(&mut self, deed: &Deed, has_talks: bool) {
        match deed {
            Deed::Talk(who, _) | Deed::Public(who, _) if *who < 2 && !self.is_here[*who] => {}
            Deed::Talk(who, line) if has_talks => self.send(MEMBERS[*who], line),
            Deed::Talk(who, _) => self.send(MEMBERS[*who], "PING:1"),
            Deed::Public(who, line) => self.send(MEMBERS[*who], line),
            Deed::Look(who, line) => self.send(LOOKERS[*who], line),
            Deed::Call(which) => self.call(*which),
            Deed::Go(who) => {
                let (name, seat) = (MEMBERS[*who], self.seat(MEMBERS[*who]));
                if std::mem::replace(&mut self.is_here[*who], false) {
                    self.send(name, "QUIT");
                } else {
                    self.is_here[*who] = true;
                    self.stage.connect(&seat);
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
                self.told.push(format!("{who} {line}"));
            }
        }
        let envelopes =
            self.tap.take().into_iter().flat_map(|batch| batch.envelopes.iter().cloned().collect::<Vec<_>>());
        self.told.extend(envelopes.map(|envelope| format!("tap {:?}", envelope.event)));
    }
}

proptest! {
    #[test]
    fn who_is_in_no_talk_is_told_the_same_as_if_there_were_none(deeds in proptest::collection::vec(deed(), 1..60)) {
        let now = Now::read();
        let (mut one, mut other) = (House::new(now), House::new(now));
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
