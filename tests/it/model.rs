//! Random histories on the bare router, against a plain reference: after each step each user has got exactly what the
//! reference says, line by line.

use std::collections::{BTreeMap, BTreeSet};

use chat_server::config::Config;
use chat_server::testing::{Bare, Stage, quick};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use chat_conformance::witness::{Record, Witness, check_one_order};

const HISTORY: usize = 7;
const ON_JOIN: usize = 5;

/// What a user does. Who it is stands beside it.
#[derive(Clone, Debug)]
enum Act {
    Join(&'static str),
    Say { room: Option<&'static str>, act: bool, tag: bool },
    Paste(usize),
    Whisper(&'static str),
    Reply,
    Nick(&'static str),
    Enter(&'static str, Option<&'static str>),
    Part(Option<&'static str>),
    Room(Option<&'static str>),
    Topic(Option<&'static str>, Option<&'static str>),
    Invite(&'static str, Option<&'static str>),
    Mode(Option<&'static str>, Option<&'static str>),
    History(Option<&'static str>, usize),
    Away(bool),
    Ignore(&'static str),
    Unignore(&'static str),
    List(Option<&'static str>),
    Rooms,
    Opt(&'static str, &'static str),
    Ping,
    Unknown,
    Quit(bool),
    HangUp,
    Wait(u64),
}

const NAMES: [&str; 6] = ["ani", "Ani", "budi", "citra", "dewi", "DEWI"];
const ROOMS: [&str; 5] = ["#lobby", "#rust", "#Rust", "#tea", "#tea"];

fn act() -> impl Strategy<Value = Act> {
    let name = || select(&NAMES[..]);
    let room = || select(&ROOMS[..]);
    let here = || option::weighted(0.5, select(&ROOMS[..]));
    prop_oneof![
        8 => name().prop_map(Act::Join),
        10 => (option::weighted(0.3, room()), any::<bool>(), any::<bool>()).prop_map(|(room, act, tag)| Act::Say { room, act, tag }),
        1 => (1usize..5).prop_map(Act::Paste),
        4 => name().prop_map(Act::Whisper),
        2 => Just(Act::Reply),
        3 => name().prop_map(Act::Nick),
        8 => (room(), option::weighted(0.3, select(&["k1", "k2"][..]))).prop_map(|(room, key)| Act::Enter(room, key)),
        4 => here().prop_map(Act::Part),
        2 => here().prop_map(Act::Room),
        2 => (here(), option::of(select(&["tea: at four", "-", "the other"][..]))).prop_map(|(r, t)| Act::Topic(r, t)),
        3 => (name(), here()).prop_map(|(name, room)| Act::Invite(name, room)),
        5 => (here(), option::weighted(0.9, select(&["+i", "-i", "+k k1", "+k k2", "-k", "+m", "-m", "+t", "-t", "+n", "-n", "+s", "-s", "+l 1", "+l 2", "-l", "+ns-t", "-ml"][..])))
            .prop_map(|(room, change)| Act::Mode(room, change)),
        2 => (here(), 1usize..10).prop_map(|(room, limit)| Act::History(room, limit)),
        1 => any::<bool>().prop_map(Act::Away),
        2 => name().prop_map(Act::Ignore),
        1 => name().prop_map(Act::Unignore),
        2 => here().prop_map(Act::List),
        2 => Just(Act::Rooms),
        2 => select(&[("echo", "on"), ("echo", "off"), ("presence", "off"), ("presence", "full"), ("history", "3")][..])
            .prop_map(|(key, value)| Act::Opt(key, value)),
        1 => Just(Act::Ping),
        1 => Just(Act::Unknown),
        1 => any::<bool>().prop_map(Act::Quit),
        1 => Just(Act::HangUp),
        2 => (1u64..13).prop_map(Act::Wait),
    ]
}

// ---- the reference ----

#[derive(Default)]
struct Person {
    name: Option<String>,
    rooms: Vec<String>,
    current: Option<String>,
    ignored: Vec<String>,
    away: bool,
    whisperer: Option<usize>,
    echo: bool,
    presence_off: bool,
    on_join: Option<usize>,
    /// A quiet visitor becomes known at this time.
    announced_at: Option<u64>,
    bad_lines: usize,
    early_bytes: usize,
    said: u64,
    got: Vec<String>,
}

#[derive(Default)]
struct Chamber {
    name: String,
    members: BTreeSet<usize>,
    ops: BTreeSet<usize>,
    invited: BTreeSet<usize>,
    topic: Option<(String, String)>,
    lines: Vec<(u64, String)>,
    last_id: u64,
    modes: BTreeMap<char, String>,
    /// Who opened it, as long as they are connected.
    opener: Option<usize>,
}

impl Chamber {
    fn on(&self, mode: char) -> bool {
        self.modes.contains_key(&mode)
    }
    fn lets_all_in(&self) -> bool {
        !self.on('i') && !self.on('k')
    }
    fn is_open(&self) -> bool {
        self.lets_all_in() && !self.on('s')
    }
    fn shown_modes(&self) -> String {
        format!("+{}", self.modes.keys().collect::<String>())
    }
}

/// The chat as one would tell it to a friend. Names and rooms are compared in small letters.
struct Model {
    people: BTreeMap<usize, Person>,
    gone: BTreeMap<usize, Person>,
    rooms: BTreeMap<String, Chamber>,
    forgotten: u64,
    now: u64,
}

type Outcome = Result<(), (&'static str, String)>;

fn refusal<T>(error: &'static str) -> Result<T, (&'static str, String)> {
    Err((error, String::new()))
}

fn low(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl Model {
    fn new() -> Model {
        let lobby = Chamber { name: "#lobby".into(), ..Chamber::default() };
        let rooms = BTreeMap::from([("#lobby".into(), lobby)]);
        Model { people: BTreeMap::new(), gone: BTreeMap::new(), rooms, forgotten: 0, now: 0 }
    }

    /// What a line costs a user who has no name yet.
    fn tell(&mut self, who: usize, line: String) {
        let cost = match line.split(' ').next() {
            Some("HELLO" | "ERR") => 192,
            Some("PONG") => 96 + 3 * (line.len() - 5),
            _ => 96,
        };
        let Some(person) = self.people.get_mut(&who) else { return };
        if person.name.is_none() {
            person.early_bytes += cost;
            if person.early_bytes > 4_096 {
                return self.end(who, "sent too much", "429 flood");
            }
        }
        person.got.push(line);
    }

    fn named(&self, name: &str) -> Option<usize> {
        let is = |p: &Person| p.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name));
        self.people.iter().find(|(_, p)| is(p)).map(|(id, _)| *id)
    }

    fn name(&self, who: usize) -> String {
        self.people[&who].name.clone().unwrap_or_default()
    }

    fn ignores(&self, who: usize, name: &str) -> bool {
        self.people[&who].ignored.contains(&low(name))
    }

    fn tell_room(&mut self, room: &str, but: usize, line: &str, presence: bool) {
        let Some(chamber) = self.rooms.get(room) else { return };
        for member in chamber.members.clone() {
            if member != but && !(presence && self.people[&member].presence_off) {
                self.tell(member, line.into());
            }
        }
    }

    fn current(&self, who: usize, room: Option<&str>) -> Result<String, (&'static str, String)> {
        let room = room.map(low).or_else(|| self.people[&who].current.clone());
        room.map_or_else(|| refusal("442 not-in-room"), Ok)
    }

    fn may_read(&self, who: usize, room: &str) -> bool {
        self.rooms.get(room).is_some_and(|chamber| chamber.is_open() || chamber.members.contains(&who))
    }

    fn room_to_read(&self, who: usize, room: &str) -> Outcome {
        match self.rooms.get(room) {
            None => refusal("403 no-such-room"),
            Some(chamber) if chamber.on('i') && !chamber.members.contains(&who) && !chamber.invited.contains(&who) => {
                refusal("473 invite-only")
            }
            Some(_) if !self.may_read(who, room) => refusal("442 not-in-room"),
            Some(_) => Ok(()),
        }
    }

    fn free(&self, name: &str) -> String {
        (2..).map(|n| format!("{name}{n}")).find(|name| self.named(name).is_none()).unwrap()
    }

    /// One request of a user, with its verb and the tag that was put to it.
    fn request(&mut self, who: usize, verb: &str, tag: &str, act: &Act) {
        let early = matches!(act, Act::Join(_) | Act::Opt(..) | Act::Ping | Act::Quit(_));
        let outcome = if self.people[&who].name.is_none() && !early && !matches!(act, Act::Unknown) {
            refusal("451 not-signed-on")
        } else {
            self.carry_out(who, verb, tag, act)
        };
        if let Err((error, more)) = outcome {
            self.tell(who, format!("ERR {error} {verb}{tag}{more}"));
            if let Some(person) = self.people.get_mut(&who).filter(|p| p.name.is_none()) {
                person.bad_lines += 1;
                if person.bad_lines >= 10 {
                    self.end(who, "sent too much", "429 flood");
                }
            }
        }
    }

    fn carry_out(&mut self, who: usize, verb: &str, tag: &str, act: &Act) -> Outcome {
        match act {
            Act::Join(name) => {
                if self.people[&who].name.is_some() {
                    return refusal("462 already-signed-on");
                }
                if self.named(name).is_some() {
                    return Err(("433 name-in-use", format!(" try={}", self.free(name))));
                }
                let now = self.now;
                let person = self.people.get_mut(&who).unwrap();
                person.name = Some(name.to_string());
                person.announced_at = person.presence_off.then_some(now + 10);
                self.go_in(who, "#lobby", tag, true);
            }
            Act::Say { room, act, .. } => {
                let words = self.words(who);
                self.say(who, *room, &[words], *act, verb, tag)?;
            }
            Act::Paste(count) => {
                self.tell(who, "PROMPT paste".into());
                let words: Vec<String> = (0..*count).map(|_| self.words(who)).collect();
                // The refusal of a paste comes as the answer to the dot.
                self.say(who, None, &words, false, verb, tag)?;
            }
            Act::Whisper(name) => {
                let words = self.words(who);
                self.whisper(who, self.named(name), &words, verb)?;
            }
            Act::Reply => {
                let words = self.words(who);
                let Some(to) = self.people[&who].whisperer else { return refusal("401 no-such-user") };
                self.whisper(who, Some(to), &words, verb)?;
            }
            Act::Nick(new) => {
                let old = self.name(who);
                if old != *new {
                    if self.named(new).is_some_and(|owner| owner != who) {
                        return Err(("433 name-in-use", format!(" try={}", self.free(new))));
                    }
                    self.people.get_mut(&who).unwrap().name = Some(new.to_string());
                    let announced = self.people[&who].announced_at.is_none();
                    let others: BTreeSet<usize> =
                        self.people[&who].rooms.iter().flat_map(|room| self.rooms[room].members.clone()).collect();
                    for other in others.into_iter().filter(|other| *other != who && announced) {
                        if !self.people[&other].presence_off {
                            self.tell(other, format!("NICK {old} {new}"));
                        }
                    }
                    for person in self.people.values_mut() {
                        person.ignored.iter_mut().filter(|n| **n == low(&old)).for_each(|n| *n = low(new));
                    }
                }
                self.tell(who, format!("OK NICK name={new}"));
            }
            Act::Enter(room, key) => {
                let room = low(room);
                if self.people[&who].rooms.contains(&room) {
                    return refusal("443 already-there");
                }
                if let Some(chamber) = self.rooms.get(&room).filter(|chamber| !chamber.invited.contains(&who)) {
                    if chamber.on('i') {
                        return refusal("473 invite-only");
                    }
                    if chamber.modes.get(&'k').is_some_and(|k| Some(k.as_str()) != *key) {
                        return refusal("475 bad-key");
                    }
                    let limit = chamber.modes.get(&'l').map(|limit| limit.parse::<usize>().unwrap());
                    if let Some(limit) = limit.filter(|limit| chamber.members.len() >= *limit) {
                        return Err(("471 room-full", format!(" max={limit}")));
                    }
                }
                let Act::Enter(shown, _) = act else { unreachable!() };
                self.rooms.entry(room.clone()).or_insert_with(|| Chamber {
                    name: shown.to_string(),
                    last_id: self.forgotten,
                    opener: Some(who),
                    ..Chamber::default()
                });
                self.go_in(who, &room, tag, false);
            }
            Act::Part(room) => {
                let room = self.current(who, *room)?;
                let person = self.people.get_mut(&who).unwrap();
                let Some(place) = person.rooms.iter().position(|r| *r == room) else {
                    return refusal("442 not-in-room");
                };
                person.rooms.remove(place);
                if person.current.as_ref() == Some(&room) {
                    person.current = person.rooms.last().cloned();
                }
                let shown = self.rooms[&room].name.clone();
                self.leave(who, &room, "left the room");
                self.tell(who, format!("OK PART room={shown}"));
            }
            Act::Room(room) => {
                let room = self.current(who, *room)?;
                let person = self.people.get_mut(&who).unwrap();
                if !person.rooms.contains(&room) {
                    return refusal("442 not-in-room");
                }
                person.current = Some(room.clone());
                self.tell(who, format!("OK ROOM room={}", self.rooms[&room].name));
            }
            Act::Topic(room, text) => {
                let room = self.current(who, *room)?;
                self.room_to_read(who, &room)?;
                let by = self.name(who);
                let chamber = self.rooms.get_mut(&room).unwrap();
                if let Some(text) = text {
                    if !chamber.members.contains(&who) {
                        return refusal("442 not-in-room");
                    }
                    if chamber.on('t') && !chamber.ops.contains(&who) {
                        return refusal("482 not-room-op");
                    }
                    self.show_speaker(who);
                    let chamber = self.rooms.get_mut(&room).unwrap();
                    chamber.topic = (*text != "-").then(|| (by.clone(), text.to_string()));
                }
                let chamber = &self.rooms[&room];
                let by = chamber.topic.as_ref().map_or(String::new(), |(by, _)| format!(" by={by}"));
                let (shown, topic) = (chamber.name.clone(), chamber.topic.clone());
                if text.is_some() {
                    let set = topic.map_or(String::new(), |(_, text)| text);
                    self.tell_room(&room, who, &format!("TOPIC {shown} {}: {set}", self.name(who)), false);
                }
                self.tell(who, format!("OK TOPIC room={shown}{by}"));
            }
            Act::Invite(name, room) => {
                let room = self.current(who, *room)?;
                let Some(guest) = self.named(name) else { return refusal("401 no-such-user") };
                let by = self.name(who);
                if !self.rooms.get(&room).is_some_and(|chamber| chamber.members.contains(&who)) {
                    return self.room_to_read(who, &room).and_then(|()| refusal("442 not-in-room"));
                }
                let Some(chamber) = self.rooms.get_mut(&room) else { return refusal("403 no-such-room") };
                if !chamber.lets_all_in() && !chamber.ops.contains(&who) {
                    return refusal("482 not-room-op");
                }
                if chamber.members.contains(&guest) {
                    return refusal("443 already-there");
                }
                chamber.invited.insert(guest);
                let shown = chamber.name.clone();
                if !self.ignores(guest, &by) {
                    self.tell(guest, format!("NOTE {shown}"));
                }
                self.tell(who, format!("OK INVITE to={} room={shown}", self.name(guest)));
            }
            Act::Mode(room, change) => {
                let room = self.current(who, *room)?;
                self.room_to_read(who, &room)?;
                let chamber = self.rooms.get_mut(&room).unwrap();
                let before = chamber.modes.clone();
                if let Some(change) = change {
                    if !chamber.members.contains(&who) {
                        return refusal("442 not-in-room");
                    }
                    if !chamber.ops.contains(&who) {
                        return refusal("482 not-room-op");
                    }
                    let (letters, word) = change.split_once(' ').unwrap_or((change, ""));
                    let closes = letters.starts_with('+') && letters.contains(['i', 'k', 's']);
                    let has_words = !chamber.lines.is_empty() || chamber.topic.is_some();
                    if closes && chamber.is_open() && has_words && chamber.opener != Some(who) {
                        return refusal("482 not-room-op");
                    }
                    let mut on = true;
                    for letter in letters.chars() {
                        match letter {
                            '+' | '-' => on = letter == '+',
                            _ if on => drop(chamber.modes.insert(letter, word.to_string())),
                            _ => drop(chamber.modes.remove(&letter)),
                        }
                    }
                    if chamber.modes != before {
                        self.show_speaker(who);
                    }
                }
                let chamber = &self.rooms[&room];
                let (shown, modes) = (chamber.name.clone(), chamber.shown_modes());
                let limit = chamber.modes.get(&'l').map_or(String::new(), |limit| format!(" limit={limit}"));
                if chamber.modes != before {
                    self.tell_room(&room, who, &format!("NOTE {shown}"), false);
                }
                self.tell(who, format!("OK MODE room={shown} modes={modes}{limit}"));
            }
            Act::History(room, limit) => {
                let room = self.current(who, *room)?;
                self.room_to_read(who, &room)?;
                self.show_history(who, &room, *limit, true);
            }
            Act::Away(away) => {
                self.people.get_mut(&who).unwrap().away = *away;
                self.tell(who, "OK AWAY".into());
            }
            Act::Ignore(name) => {
                if self.named(name).is_none() {
                    return refusal("401 no-such-user");
                }
                let person = self.people.get_mut(&who).unwrap();
                if !person.ignored.contains(&low(name)) {
                    person.ignored.push(low(name));
                }
                self.tell(who, format!("OK IGNORE name={name}"));
            }
            Act::Unignore(name) => {
                let person = self.people.get_mut(&who).unwrap();
                if !person.ignored.contains(&low(name)) {
                    return refusal("401 no-such-user");
                }
                person.ignored.retain(|n| *n != low(name));
                self.tell(who, format!("OK UNIGNORE name={name}"));
            }
            Act::List(room) => {
                let listed: Vec<usize> = match room {
                    None => self.people.keys().copied().collect(),
                    Some(room) => {
                        self.room_to_read(who, &low(room))?;
                        self.rooms[&low(room)].members.iter().copied().collect()
                    }
                };
                let mut users: Vec<(String, String)> = Vec::new();
                for id in listed.into_iter().filter(|id| self.people[id].name.is_some()) {
                    let rooms = self.people[&id].rooms.iter().filter(|room| self.may_read(who, room));
                    let rooms: Vec<&str> = rooms.map(|room| self.rooms[room].name.as_str()).collect();
                    let rooms = if rooms.is_empty() { "-".into() } else { rooms.join(",") };
                    let away = if self.people[&id].away { " away=1" } else { "" };
                    users.push((low(&self.name(id)), format!("USER {} rooms={rooms} door=line{away}", self.name(id))));
                }
                users.sort();
                // I6: names are unique whatever happened.
                assert!(users.windows(2).all(|pair| pair[0].0 != pair[1].0));
                let what = room.unwrap_or("*");
                self.tell(who, format!("BEGIN LIST {what} {}", users.len()));
                users.into_iter().for_each(|(_, line)| self.tell(who, line));
                self.tell(who, format!("END LIST {what}"));
            }
            Act::Rooms => {
                let is_listed = |room: &&Chamber| !room.on('i') && !room.on('s') || room.members.contains(&who);
                let known = self.rooms.values().filter(is_listed);
                let lines: Vec<String> = known
                    .map(|room| format!("ROOM {} users={} modes={}", room.name, room.members.len(), room.shown_modes()))
                    .collect();
                self.tell(who, format!("BEGIN ROOMS * {}", lines.len()));
                lines.into_iter().for_each(|line| self.tell(who, line));
                self.tell(who, "END ROOMS *".into());
            }
            Act::Opt(key, value) => {
                let person = self.people.get_mut(&who).unwrap();
                match *key {
                    "echo" => person.echo = *value == "on",
                    "presence" => person.presence_off = *value == "off",
                    _ => person.on_join = value.parse().ok(),
                }
                self.tell(who, format!("OK OPT {key}={value}"));
            }
            Act::Ping => self.tell(who, "PONG p".into()),
            Act::Unknown => return refusal("421 unknown-verb"),
            Act::Quit(words) => self.end(who, if *words { "off to lunch" } else { "quit" }, "200 quit"),
            Act::HangUp => self.end(who, "connection closed", "200 quit"),
            Act::Wait(_) => unreachable!("nobody asks for time"),
        }
        Ok(())
    }

    /// The words that a user says next: the seat's number and how many it has said.
    fn words(&mut self, who: usize) -> String {
        let person = self.people.get_mut(&who).unwrap();
        person.said += 1;
        format!("{who}.{}", person.said)
    }

    fn say(&mut self, who: usize, room: Option<&str>, words: &[String], act: bool, verb: &str, tag: &str) -> Outcome {
        let room = self.current(who, room)?;
        self.room_to_read(who, &room)?;
        let from = self.name(who);
        let chamber = self.rooms.get_mut(&room).unwrap();
        if chamber.on('n') && !chamber.members.contains(&who) {
            return refusal("404 cannot-speak");
        }
        if chamber.on('m') && !chamber.ops.contains(&who) {
            return refusal("404 cannot-speak");
        }
        self.show_speaker(who);
        self.rooms.get_mut(&room).unwrap().last_id += 1;
        for (place, line) in words.iter().enumerate() {
            let chamber = self.rooms.get_mut(&room).unwrap();
            let kind = if act { "ACT" } else { "MSG" };
            let part = if words.len() > 1 { format!(" part={}/{}", place + 1, words.len()) } else { String::new() };
            let line = format!("{kind} {} {} {from}{part}: {line}", chamber.name, chamber.last_id);
            chamber.lines.push((chamber.last_id, line.clone()));
            for member in chamber.members.clone() {
                if member != who && !self.ignores(member, &from) {
                    self.tell(member, line.clone());
                }
            }
        }
        if self.people[&who].echo || !tag.is_empty() {
            let chamber = &self.rooms[&room];
            self.tell(who, format!("OK {verb}{tag} room={} id={}", chamber.name, chamber.last_id));
        }
        Ok(())
    }

    fn whisper(&mut self, who: usize, to: Option<usize>, words: &str, verb: &str) -> Outcome {
        let Some(to) = to.filter(|to| self.people.contains_key(to)) else { return refusal("401 no-such-user") };
        let (from, name) = (self.name(who), self.name(to));
        if !self.ignores(to, &from) {
            self.people.get_mut(&to).unwrap().whisperer = Some(who);
            self.tell(to, format!("WHISPER {from} {name}: {words}"));
        }
        self.tell(who, format!("OK {verb} to={name}"));
        Ok(())
    }

    fn go_in(&mut self, who: usize, room: &str, tag: &str, welcome: bool) {
        let name = self.name(who);
        let chamber = self.rooms.get_mut(room).unwrap();
        if chamber.members.is_empty() && room != "#lobby" {
            chamber.ops.insert(who);
        }
        chamber.members.insert(who);
        chamber.invited.remove(&who);
        let (shown, users) = (chamber.name.clone(), chamber.members.len());
        let op = if chamber.ops.contains(&who) && !welcome { " op=yes" } else { "" };
        let topic = chamber.topic.clone();
        let person = self.people.get_mut(&who).unwrap();
        person.rooms.push(room.into());
        person.current = Some(room.into());
        let on_join = person.on_join.unwrap_or(ON_JOIN);
        if person.announced_at.is_none() {
            self.tell_room(room, who, &format!("JOINED {shown} {name}"), true);
        }
        self.tell(who, format!("OK JOIN{tag} room={shown} users={users}{op}"));
        if let Some((by, text)) = topic {
            self.tell(who, format!("TOPIC {shown} {by}: {text}"));
        }
        self.show_history(who, room, on_join, false);
    }

    fn show_history(&mut self, who: usize, room: &str, limit: usize, asked: bool) {
        let chamber = &self.rooms[room];
        // A message of several lines counts once.
        let oldest = chamber.last_id.saturating_sub(HISTORY as u64);
        let kept = &chamber.lines[chamber.lines.partition_point(|(id, _)| *id <= oldest)..];
        let mut ids: Vec<u64> = kept.iter().map(|(id, _)| *id).collect();
        ids.dedup();
        let first = ids.iter().rev().take(limit).next_back().copied().unwrap_or(u64::MAX);
        let page = kept[kept.partition_point(|(id, _)| *id < first)..].to_vec();
        if page.is_empty() && !asked {
            return;
        }
        let more = if page.len() < kept.len() { format!(" more={}", page[0].0) } else { String::new() };
        let shown = chamber.name.clone();
        self.tell(who, format!("BEGIN HISTORY {shown} {}", page.len()));
        page.into_iter().for_each(|(_, line)| self.tell(who, line));
        self.tell(who, format!("END HISTORY {shown}{more}"));
    }

    fn leave(&mut self, who: usize, room: &str, why: &str) {
        let person = self.people.get(&who).or_else(|| self.gone.get(&who)).unwrap();
        let known = person.name.clone().filter(|_| person.announced_at.is_none());
        let chamber = self.rooms.get_mut(room).unwrap();
        chamber.members.remove(&who);
        chamber.ops.remove(&who);
        chamber.invited.remove(&who);
        let shown = chamber.name.clone();
        if let Some(name) = known {
            self.tell_room(room, who, &format!("LEFT {shown} {name}: {why}"), true);
        }
        let chamber = self.rooms.get_mut(room).unwrap();
        match chamber.members.first() {
            None if room == "#lobby" || chamber.is_open() && (!chamber.lines.is_empty() || chamber.topic.is_some()) => {
                chamber.modes.retain(|letter, _| !"lmnt".contains(*letter));
                chamber.invited.clear();
            }
            None => {
                self.forgotten = self.forgotten.max(chamber.last_id);
                self.rooms.remove(room);
            }
            Some(&next) if chamber.ops.is_empty() && room != "#lobby" => {
                chamber.ops.insert(next);
                self.tell_room(room, usize::MAX, &format!("NOTE {shown}"), false);
            }
            Some(_) => {}
        }
    }

    fn end(&mut self, who: usize, why: &str, code: &str) {
        let Some(mut person) = self.people.remove(&who) else { return };
        let rooms = std::mem::take(&mut person.rooms);
        person.got.push(format!("BYE {code}"));
        self.gone.insert(who, person);
        self.rooms.values_mut().filter(|room| room.opener == Some(who)).for_each(|room| room.opener = None);
        rooms.into_iter().for_each(|room| self.leave(who, &room, why));
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            let due: Vec<usize> = self
                .people
                .iter()
                .filter(|(_, p)| p.announced_at.is_some_and(|at| at <= self.now))
                .map(|(id, _)| *id)
                .collect();
            due.into_iter().for_each(|who| self.show_arrival(who));
        }
    }

    fn show_arrival(&mut self, who: usize) {
        self.people.get_mut(&who).unwrap().announced_at = None;
        for room in self.people[&who].rooms.clone() {
            let line = format!("JOINED {} {}", self.rooms[&room].name, self.name(who));
            self.tell_room(&room, who, &line, true);
        }
    }

    /// A client that the others hear of in a room is announced before that, unless it is quiet by its own wish.
    fn show_speaker(&mut self, who: usize) {
        let person = &self.people[&who];
        if person.announced_at.is_some() && !person.presence_off {
            self.show_arrival(who);
        }
    }
}

// ---- the comparison ----

/// What of a line is compared: without its time, its idle seconds, and without words that are for people only.
fn compared(line: &str) -> String {
    let line = line.split_once(' ').map_or("", |(_time, rest)| rest);
    let keeps_text = ["MSG", "ACT", "WHISPER", "TOPIC", "LEFT"].contains(&line.split(' ').next().unwrap_or_default());
    let head = if keeps_text { line } else { line.split(": ").next().unwrap_or_default() };
    if keeps_text || !head.starts_with("USER ") && !head.starts_with("HELLO ") {
        return head.into();
    }
    let words: Vec<&str> = head.split(' ').filter(|word| !word.starts_with("idle=")).collect();
    if head.starts_with("HELLO") { "HELLO".into() } else { words.join(" ") }
}

struct Play {
    stage: Bare,
    model: Model,
    seats: [usize; SEATS],
    witnesses: BTreeMap<usize, Witness>,
    record: Record,
    next: usize,
    steps: usize,
}

const SEATS: usize = 5;

impl Play {
    fn new() -> Play {
        let config = Config { history: HISTORY, history_on_join: ON_JOIN, ..quick() };
        let mut play = Play {
            stage: Bare::new(config),
            model: Model::new(),
            seats: [0; SEATS],
            witnesses: BTreeMap::new(),
            record: Record::default(),
            next: 1,
            steps: 0,
        };
        (0..SEATS).for_each(|seat| play.connect(seat));
        play
    }

    fn connect(&mut self, seat: usize) {
        let who = self.next;
        self.next += 1;
        self.seats[seat] = who;
        self.stage.connect(&who.to_string());
        self.model.people.insert(who, Person::default());
        self.model.tell(who, "HELLO".into());
        // A verb first: a program, which gets the protocol whatever it sends later.
        self.stage.send(&who.to_string(), b"OPT:time=s\n");
        self.model.tell(who, "OK OPT time=s".into());
        self.witnesses.insert(who, Witness::default());
    }

    /// One step on both, and what each user got by it.
    fn step(&mut self, seat: usize, act: &Act) -> Result<(), TestCaseError> {
        let who = self.seats[seat];
        let said = self.model.people[&who].said;
        self.steps += 1;
        let tag = &format!("t{}", self.steps);
        let shown_tag = format!(" tag={tag}");
        let shown_tag = shown_tag.as_str();
        let optional = |word: &Option<&str>| word.map_or(String::new(), |word| format!("{word} "));
        let words = format!("{who}.{}", said + 1);
        let (verb, tag, line) = match act {
            Act::Join(name) => ("JOIN", "", format!("JOIN:{name}")),
            Act::Say { room: Some(room), tag: true, .. } => ("SAY", shown_tag, format!("SAY={tag}:{room} {words}")),
            Act::Say { room: Some(room), .. } => ("SAY", "", format!("/say {room} {words}")),
            Act::Say { act: true, tag: true, .. } => ("ACT", shown_tag, format!("ACT={tag}:{words}")),
            Act::Say { act: true, .. } => ("ACT", "", format!("/me {words}")),
            Act::Say { tag: true, .. } => ("MSG", shown_tag, format!("MSG={tag}:{words}")),
            Act::Say { .. } => ("MSG", "", words),
            Act::Paste(count) => {
                let named = self.model.people[&who].name.is_some();
                let lines: String = (1..=*count as u64).map(|n| format!("{who}.{}\n", said + n)).collect();
                // Without a name the lines of a paste would be lines; the parser's own tests have that.
                ("PASTE", "", if named { format!("PASTE:\n{lines}.") } else { "MSG:x".into() })
            }
            Act::Whisper(name) => ("WHISPER", "", format!("/w {name} {words}")),
            Act::Reply => ("REPLY", "", format!("/r {words}")),
            Act::Nick(name) => ("NICK", "", format!("/nick {name}")),
            Act::Enter(room, key) => ("JOIN", "", format!("/join {room} {}", key.unwrap_or_default())),
            Act::Part(room) => ("PART", "", format!("PART:{}", optional(room))),
            Act::Room(room) => ("ROOM", "", format!("ROOM:{}", optional(room))),
            Act::Topic(room, text) => ("TOPIC", "", format!("/topic {}{}", optional(room), text.unwrap_or_default())),
            Act::Invite(name, room) => ("INVITE", "", format!("/invite {name} {}", optional(room))),
            Act::Mode(room, change) => ("MODE", "", format!("/mode {}{}", optional(room), change.unwrap_or_default())),
            Act::History(room, limit) => ("HISTORY", "", format!("/history {}{limit}", optional(room))),
            Act::Away(away) => ("AWAY", "", format!("AWAY:{}", if *away { "lunch" } else { "" })),
            Act::Ignore(name) => ("IGNORE", "", format!("/ignore {name}")),
            Act::Unignore(name) => ("UNIGNORE", "", format!("/unignore {name}")),
            Act::List(room) => ("LIST", "", format!("/list {}", optional(room))),
            Act::Rooms => ("ROOMS", "", "/rooms".into()),
            Act::Opt(key, value) => ("OPT", "", format!("OPT:{key}={value}")),
            Act::Ping => ("PING", "", "PING:p".into()),
            Act::Unknown => ("JION", "", "JION:ani".into()),
            Act::Quit(words) => ("QUIT", "", format!("/quit {}", if *words { "off to lunch" } else { "" })),
            Act::HangUp | Act::Wait(_) => ("", "", String::new()),
        };
        // Acts say nothing of a room, so they go to the current one.
        let act = match act {
            Act::Say { room: Some(room), tag, .. } => Act::Say { room: Some(room), act: false, tag: *tag },
            Act::Paste(_) if self.model.people[&who].name.is_none() => Act::Say { room: None, act: false, tag: false },
            other => other.clone(),
        };
        let verb = if line == "MSG:x" { "MSG" } else { verb };
        match &act {
            Act::HangUp => {
                self.stage.hang_up(&who.to_string());
                self.model.end(who, "connection closed", "200 quit");
            }
            Act::Wait(seconds) => {
                self.stage.wait(*seconds);
                self.model.wait(*seconds);
            }
            act => {
                self.stage.send(&who.to_string(), format!("{line}\n").as_bytes());
                self.model.request(who, verb, tag, act);
            }
        }
        self.compare(matches!(act, Act::Wait(_)))?;
        if !self.model.people.contains_key(&who) {
            self.connect(seat);
        }
        Ok(())
    }

    fn compare(&mut self, any_order: bool) -> Result<(), TestCaseError> {
        for (who, witness) in &mut self.witnesses {
            let mut got = Vec::new();
            while let Some(line) = self.stage.next(&who.to_string()) {
                witness.note(&line, &mut self.record);
                got.push(compared(&line));
            }
            let person = self.model.people.get_mut(who).or_else(|| self.model.gone.get_mut(who)).unwrap();
            let mut due = std::mem::take(&mut person.got);
            if any_order {
                // Several who become known in the same second are told of in no order.
                got.sort();
                due.sort();
            }
            prop_assert_eq!(got, due, "seat {}", who);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    /// `PROPTEST_CASES` says how many histories.
    #[test]
    fn everybody_gets_what_the_reference_says(acts in vec((0..SEATS, act()), 1..200)) {
        let mut play = Play::new();
        play.compare(false)?;
        // Most want to be in from the start; the others come when they come.
        for seat in 0..3 {
            play.step(seat, &Act::Join(NAMES[seat + 1]))?;
        }
        for (seat, act) in &acts {
            play.step(*seat, act)?;
        }
        check_one_order(&play.witnesses.values().collect::<Vec<_>>());
        for witness in play.witnesses.values() {
            for (_, _, words) in &witness.whispers {
                prop_assert!(!play.record.has(words), "I5: a whisper was heard in a room: {words}");
            }
        }
    }
}
