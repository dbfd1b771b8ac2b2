//! The words of the model in bytes: names, texts, refusals, and the commands of the kernel.

use std::sync::Arc;

use chrono::FixedOffset;

use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::command::{Choice, Command, HistoryQuery, Line, Presence, Terminal, View};
use crate::model::event::{Envelope, Event, Leave, Warning};
use crate::model::file::{SharedFile, Token};
use crate::model::leave::Foreign;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::parts::Value;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::model::roles::Role;
use crate::model::speech::{Change, Speech, Version, What};
use crate::model::text::Text;
use crate::model::verb::Verb;
use crate::model::zone::Zone;
use crate::protocol::coded::{Broken, Coded, Reader, Writer, coded};

/// The keys that a refusal can have before any router has seen the line. A key that is new comes here.
const KEYS: &[&str] = &[
    "accept", "at", "code", "for", "got", "id", "in", "key", "line", "max", "muted", "name", "number", "retry", "room",
    "rooms", "secret", "to", "try", "until",
];

coded!(words Text, |word| Text::new(word).ok());
coded!(words Name, |word| Name::parse(word).ok());
coded!(words RoomName, |word| RoomName::any(word).ok());
coded!(struct ClientId(number));
coded!(enum Foreign { 1 Http, 2 Tls, 3 Ssh, 4 Irc, 5 Socks });
coded!(enum Role { 1 Member, 2 Op, 3 Admin });
coded!(enum Value { 1 Number(number), 2 Word(word) });
coded!(enum What { 1 Edited(text), 2 Deleted, 3 Reacted(with), 4 Unreacted(with) });
coded!(enum Line { 1 Id(id), 2 Last });
coded!(enum View { 1 Full, 2 Short, 3 Plain });
coded!(enum Presence { 1 Off, 2 Brief, 3 Auto, 4 Full });
coded!(enum Version { 1 First, 2 Edited, 3 Deleted });
coded!(words Token, Token::parse);
coded!(struct SharedFile { bytes, token, pixels });
coded!(struct Speech { room, id, by, from, act, re, version, signed, cid, file, text });
coded!(struct Change { room, id, by, from, target, author, signed, what });
coded!(struct HistoryQuery { room, before, after, limit });
coded!(struct Request { tag, verb, typed, what, early });

coded!(enum Warning {
    1 Pace, 2 Idle(seconds), 3 Errors, 4 Reads(seconds), 5 Interrupt, 6 PasteLeft, 7 LineMode,
});

coded!(enum Choice {
    1 History(lines), 2 Millis(on), 3 View(view), 4 Ids(on), 5 Zone(zone), 6 Indonesian(on), 7 Echo(on), 8 Presence(wish),
    9 Typing(on), 10 Lobby(on), 11 Away(on), 12 Ping(seconds),
});

coded!(enum Terminal {
    1 ByHand, 2 Offer, 3 On, 4 Off, 5 Size(columns, rows), 6 Typed(line, cursor), 7 Entered(line), 8 Clear, 9 Full, 10 Hide,
    11 Show,
});

coded!(enum Command {
    1 Join(name), 2 Enter { room, key }, 3 Say { room, re, cid, act, text }, 4 Paste(command), 5 PasteBegins,
    6 Whisper { to, text }, 7 Nick(name), 8 List(room), 9 Rooms, 10 Part(room, words), 11 Room(room), 12 History(query),
    13 Options(choices), 14 Terminal(step), 15 Ping(token), 16 Why, 17 Help(word), 18 Stats, 19 Feature(command),
    20 Quit(words), #[cfg(test)] 0 Crash,
});

/// A sign-out is decided by the router, which no node proposes.
impl Coded for Leave {
    fn put(&self, to: &mut Writer) {
        let (number, words): (u8, Option<&Option<Text>>) = match self {
            Leave::Quit(words) => (1, Some(words)),
            Leave::Closed => (2, None),
            Leave::Lost => (3, None),
            Leave::Parted(words) => (4, Some(words)),
            Leave::Idle => (5, None),
            Leave::SignOn => (6, None),
            Leave::TooSlow => (7, None),
            Leave::Endless => (8, None),
            Leave::Flood => (9, None),
            Leave::SignedOut(_) => return to.cannot("sign-out"),
            Leave::MembersOnly => (10, None),
            Leave::Kicked(words) => (11, Some(words)),
            Leave::Banned(words) => (12, Some(words)),
            Leave::Foreign(foreign) => {
                to.byte(13);
                return foreign.put(to);
            }
            Leave::Crashed => (14, None),
            Leave::Shutdown => (15, None),
            Leave::Full => (16, None),
            Leave::AddressFull => (17, None),
        };
        to.byte(number);
        words.into_iter().for_each(|words| words.put(to));
    }

    fn take(from: &mut Reader<'_>) -> Result<Leave, Broken> {
        Ok(match from.byte()? {
            1 => Leave::Quit(Coded::take(from)?),
            2 => Leave::Closed,
            3 => Leave::Lost,
            4 => Leave::Parted(Coded::take(from)?),
            5 => Leave::Idle,
            6 => Leave::SignOn,
            7 => Leave::TooSlow,
            8 => Leave::Endless,
            9 => Leave::Flood,
            10 => Leave::MembersOnly,
            11 => Leave::Kicked(Coded::take(from)?),
            12 => Leave::Banned(Coded::take(from)?),
            13 => Leave::Foreign(Coded::take(from)?),
            14 => Leave::Crashed,
            15 => Leave::Shutdown,
            16 => Leave::Full,
            17 => Leave::AddressFull,
            other => return Err(Broken::Unknown("leave", other.into())),
        })
    }
}

/// Of the events a line and its changes: all others are made anew by each node.
impl Coded for Arc<Envelope> {
    fn put(&self, to: &mut Writer) {
        self.at.put(to);
        match &self.event {
            Event::Said(speech) => {
                to.byte(1);
                speech.put(to);
            }
            Event::Changed(change) => {
                to.byte(2);
                change.put(to);
            }
            _ => to.cannot("event"),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Arc<Envelope>, Broken> {
        let at = Coded::take(from)?;
        let event = match from.byte()? {
            1 => Event::Said(Coded::take(from)?),
            2 => Event::Changed(Coded::take(from)?),
            other => return Err(Broken::Unknown("event", other.into())),
        };
        Ok(Envelope::new(at, event))
    }
}

impl Coded for Body {
    fn put(&self, to: &mut Writer) {
        to.word(self.as_str());
    }

    fn take(from: &mut Reader<'_>) -> Result<Body, Broken> {
        let words = from.word()?;
        Body::new(words).ok().filter(|body| body.as_str() == words).ok_or(Broken::Not("body"))
    }
}

impl Coded for Zone {
    fn put(&self, to: &mut Writer) {
        match self {
            Zone::Local => to.byte(1),
            Zone::Fixed(offset) => {
                to.byte(2);
                i64::from(offset.local_minus_utc()).put(to);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Zone, Broken> {
        match from.byte()? {
            1 => Ok(Zone::Local),
            2 => {
                let offset = i32::try_from(i64::take(from)?).ok().and_then(FixedOffset::east_opt);
                offset.map(Zone::Fixed).ok_or(Broken::Not("offset"))
            }
            other => Err(Broken::Unknown("zone", other.into())),
        }
    }
}

impl Coded for Code {
    fn put(&self, to: &mut Writer) {
        to.word(self.slug());
    }

    fn take(from: &mut Reader<'_>) -> Result<Code, Broken> {
        let slug = from.word()?;
        Code::ALL.into_iter().find(|code| code.slug() == slug).ok_or(Broken::Not("code"))
    }
}

impl Coded for Refusal {
    fn put(&self, to: &mut Writer) {
        self.code().put(to);
        self.to_string().put(to);
        self.pairs().len().put(to);
        for (key, value) in self.pairs() {
            to.static_word(key, KEYS, "key");
            value.put(to);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Refusal, Broken> {
        let (code, words) = (Code::take(from)?, String::take(from)?);
        let mut refusal = Refusal::new(code, words.clone());
        if refusal.to_string() != words {
            return Err(Broken::Not("refusal"));
        }
        for _ in 0..usize::take(from)? {
            let key = from.static_word(KEYS, "key")?;
            refusal = match Value::take(from)? {
                Value::Number(number) => refusal.with(key, number),
                Value::Word(word) => refusal.with(key, &*word),
            };
        }
        Ok(refusal)
    }
}

impl Coded for &'static Verb {
    fn put(&self, to: &mut Writer) {
        to.word(self.name);
    }

    fn take(from: &mut Reader<'_>) -> Result<&'static Verb, Broken> {
        let verbs = from.tables.verbs;
        verbs.named(from.word()?).ok_or(Broken::Not("verb"))
    }
}
