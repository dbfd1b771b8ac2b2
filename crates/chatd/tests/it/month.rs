//! A month of a team, in seconds: twenty people come and go by three doors, by hand, by a program that follows its account, and by
//! calls. They speak in an open room, a closed one, and in direct talks, also with who is away; the server is stopped, and killed. Each
//! asks the server what is unread and reads that, and in the end all have read everything, once, and in its order.
//!
//! `MONTH_DAYS` says how many days there are, `MONTH_SEED` what happens on them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::kit::{Chatd, DEADLINE, Dice, connect, says};

const DAYS: u64 = 3;
const PEOPLE: usize = 20;
const PASSWORD: &str = "correct-horse";
const ROOMS: [&str; 3] = ["#lobby", "#team", "#plan"];

/// A line as a reader knows it: its number in the room, and its words.
type Line = (u64, String);

/// What one person has read and said, by room, in the order in which it came.
#[derive(Default)]
struct Memory {
    read: BTreeMap<String, Vec<Line>>,
    /// Rooms whose mark may stand behind what was read: the connection was lost.
    unsure: BTreeSet<String>,
}

impl Memory {
    fn upto(&self, room: &str) -> u64 {
        self.read.get(room).and_then(|lines| lines.last()).map_or(0, |(id, _)| *id)
    }

    /// The server may not know what was read last.
    fn is_unsure(&mut self) {
        self.unsure = self.read.keys().cloned().collect();
    }

    #[track_caller]
    fn take(&mut self, room: &str, id: u64, words: &str) {
        let last = self.upto(room);
        assert!(id > last, "{room} {id} after {last}: {words}");
        self.read.entry(room.into()).or_default().push((id, words.into()));
    }
}

/// A room as the server shows it to a member.
struct Own {
    room: String,
    read: u64,
    last: u64,
}

enum Door {
    /// A user who types: what is typed says that all before it was read.
    Hand,
    /// A program that follows its account, and says itself what is read.
    Program,
    /// REST.
    Calls,
}

/// A person who is there.
struct Present {
    who: usize,
    door: Door,
    /// Its connection; none by calls.
    line: Option<BufReader<TcpStream>>,
    token: String,
    rooms: BTreeSet<String>,
    /// What the program has told the server that it has read.
    marked: BTreeMap<String, u64>,
    tag: u64,
}

fn name(who: usize) -> String {
    format!("p{who:02}")
}

fn talk(one: usize, other: usize) -> String {
    let (one, other) = (one.min(other), one.max(other));
    format!("@{}+{}", name(one), name(other))
}

fn start(data: &Path) -> Chatd {
    let data = data.display().to_string();
    let off =
        ["--burst", "0", "--spam-lines", "0", "--spam-repeats", "0", "--max-per-address", "0", "--read-burst", "0"];
    Chatd::start(&[&["--data", data.as_str()], &off[..]].concat())
}

/// `… MSG #team 17 p01: words`, without the time.
fn said(line: &str) -> Option<(&str, u64, &str)> {
    let (head, words) = line.split_once(": ")?;
    let mut fields = head.split(' ').skip(1);
    let (kind, room, id) = (fields.next()?, fields.next()?, fields.next()?);
    if kind != "MSG" {
        return None;
    }
    Some((room, id.parse().ok()?, words))
}

fn pair(line: &str, key: &str) -> u64 {
    let value = line.split([' ', ':']).find_map(|field| field.strip_prefix(key)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {key}= in {line}"))
}

impl Present {
    fn person(server: &Chatd, who: usize, door: Door) -> Present {
        let line = match door {
            Door::Calls => None,
            Door::Hand | Door::Program => Some(BufReader::new(connect(&server.line))),
        };
        Present { who, door, line, token: String::new(), rooms: BTreeSet::new(), marked: BTreeMap::new(), tag: 0 }
    }

    fn says(&mut self, line: &str) {
        says(self.line.as_mut().expect("a connection"), &format!("{line}\n"));
    }

    /// All lines up to one that has these words, that one included. What others say meanwhile is read.
    #[track_caller]
    fn until(&mut self, memory: &mut Memory, words: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let got = self.line.as_mut().expect("a connection").read_line(&mut line);
            assert!(got.is_ok_and(|got| got > 0), "{}: the end came before {words:?}: {lines:?}", name(self.who));
            let line = line.trim_end().to_string();
            assert!(!line.contains(" ERR "), "{} waits for {words:?}: {line}", name(self.who));
            if let Some((room, id, text)) = said(&line) {
                memory.take(room, id, text);
            }
            let is_last = line.contains(words);
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }

    /// Signs in, and returns the rooms of the account.
    fn arrive(&mut self, server: &Chatd, memory: &mut Memory) -> Vec<Own> {
        let login = format!("LOGIN:{} {PASSWORD}", name(self.who));
        let lines = match self.door {
            Door::Hand => {
                self.says(&format!("OPT:history=0 presence=off\n{login}"));
                self.until(memory, " OK LOGIN ");
                self.says("UNREAD=u:all");
                self.until(memory, "END UNREAD")
            }
            Door::Program => {
                self.says(&format!("OPT:history=0 presence=off\nFOLLOW:on\n{login}"));
                self.rooms.extend(ROOMS.map(String::from));
                self.until(memory, "END UNREAD")
            }
            Door::Calls => {
                let body = json!({ "name": name(self.who), "password": PASSWORD });
                let session = self.call(server, "POST", "/api/session", &body.to_string());
                self.token = session["token"].as_str().unwrap_or_else(|| panic!("no token: {session}")).into();
                self.rooms.extend(ROOMS.map(String::from));
                return self.rooms_by_call(server);
            }
        };
        self.rooms.insert("#lobby".into());
        let rows = lines.iter().filter(|line| line.contains(" UNREAD ") && line.contains(" read="));
        let own = |line: &String| {
            let room = line.split(' ').nth(2).expect("a room").to_string();
            Own { room, read: pair(line, "read"), last: pair(line, "last") }
        };
        rows.map(own).collect()
    }

    fn rooms_by_call(&mut self, server: &Chatd) -> Vec<Own> {
        let rooms = self.call(server, "GET", "/api/me/rooms", "");
        let own = |room: &Value| {
            let id = room["id"].as_str().expect("a room");
            let id = if id.starts_with('@') { id.to_string() } else { format!("#{id}") };
            let number = |key: &str| room[key].as_u64().expect("a number");
            Own { room: id, read: number("read_seq"), last: number("last_seq") }
        };
        rooms.as_array().unwrap_or_else(|| panic!("no rooms: {rooms}")).iter().map(own).collect()
    }

    fn call(&self, server: &Chatd, method: &str, path: &str, body: &str) -> Value {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let token =
            if self.token.is_empty() { String::new() } else { format!("Authorization: Bearer {}\r\n", self.token) };
        let answer = server.call(method, path, &format!("{kind}{token}"), body);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        assert!(head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{method} {path}: {answer}");
        if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"))
        }
    }

    /// Whether the person sees the room, or the direct talk, at this door.
    fn reaches(&self, room: &str) -> bool {
        room.starts_with('@') || self.rooms.contains(room)
    }

    /// Reads what is unread in a room, and says so.
    fn read(&mut self, server: &Chatd, memory: &mut Memory, own: &Own) {
        let Own { room, last, .. } = own;
        if self.line.is_none() {
            return self.read_by_call(server, memory, own);
        }
        let mut after = memory.upto(room);
        while after < *last {
            self.says(&format!("HISTORY:{room} after={after} limit=500"));
            let page = self.until(memory, "END HISTORY");
            after = page.last().filter(|end| end.contains(" more=")).map_or(*last, |end| pair(end, "more"));
        }
        self.says(&format!("READ:{room} {last}"));
        self.until(memory, " OK READ ");
        self.marked.insert(room.clone(), *last);
    }

    fn read_by_call(&mut self, server: &Chatd, memory: &mut Memory, own: &Own) {
        let Own { room, last, .. } = own;
        let id = room.trim_start_matches('#').replace('@', "%40").replace('+', "%2B");
        // The door's own pages may come a moment behind the router.
        let until = Instant::now() + DEADLINE;
        while memory.upto(room) < *last {
            assert!(Instant::now() < until, "{room} has {last}, and the page ends at {}", memory.upto(room));
            let path = format!("/api/rooms/{id}/messages?after={}&limit=200", memory.upto(room));
            let page = self.call(server, "GET", &path, "");
            for message in page["messages"].as_array().expect("messages") {
                let seq = message["seq"].as_u64().expect("a number");
                memory.take(room, seq, message["text"].as_str().expect("words"));
            }
        }
        let body = json!({ "seq": last }).to_string();
        let read = self.call(server, "PUT", &format!("/api/rooms/{id}/read"), &body);
        assert_eq!(read["unread"], 0, "{read}");
    }

    /// Says something, and returns its number.
    fn say(&mut self, server: &Chatd, memory: &mut Memory, room: &str, words: &str) -> u64 {
        let id = if self.line.is_some() {
            self.tag += 1;
            let tag = self.tag;
            self.says(&format!("SAY={tag}:{room} {words}"));
            let lines = self.until(memory, &format!(" tag={tag} "));
            pair(lines.last().expect("an answer"), "id")
        } else {
            // Who speaks has read what stands before it.
            for own in self.rooms_by_call(server).iter().filter(|own| own.room == room) {
                self.read_by_call(server, memory, own);
            }
            let body = json!({ "text": words, "room": room }).to_string();
            self.call(server, "POST", "/api/messages", &body)["seq"].as_u64().expect("a number")
        };
        memory.take(room, id, words);
        id
    }

    /// Reads what came by the end of the day.
    fn settle(&mut self, server: &Chatd, memory: &mut Memory) {
        match self.door {
            Door::Calls => {
                for own in self.rooms_by_call(server) {
                    if own.read < own.last && self.reaches(&own.room) {
                        self.read_by_call(server, memory, &own);
                    }
                }
            }
            Door::Hand | Door::Program => {
                self.says("PING:evening");
                self.until(memory, "PONG evening");
            }
        }
        if matches!(self.door, Door::Program) {
            for room in memory.read.keys().cloned().collect::<Vec<_>>() {
                let upto = memory.upto(&room);
                if self.marked.get(&room).is_none_or(|marked| *marked < upto) {
                    self.says(&format!("READ:{room} {upto}"));
                    self.until(memory, " OK READ ");
                }
            }
        }
    }

    /// Loses the connection: what the server has sent by then is not read.
    fn cut_off(self, memory: &mut Memory) {
        memory.is_unsure();
        if let Some(mut line) = self.line {
            line.get_mut().shutdown(Shutdown::Write).expect("it is open");
            let _seen = std::io::copy(&mut line, &mut std::io::sink()).expect("the server closes it");
        }
    }

    fn leave(mut self, server: &Chatd, memory: &mut Memory) {
        if self.line.is_some() {
            self.says("QUIT:");
            self.until(memory, " BYE ");
        } else {
            self.call(server, "DELETE", "/api/me", "");
        }
    }
}

struct Team {
    server: Chatd,
    memories: Vec<Memory>,
    said: BTreeMap<String, Vec<Line>>,
    /// How many connections were lost.
    cuts: usize,
    dice: Dice,
}

impl Team {
    /// All make an account and enter the rooms; into the closed one they are invited while they are away.
    fn gathers(data: &Path, seed: u64) -> Team {
        let memories = (0..PEOPLE).map(|_| Memory::default()).collect();
        let mut team = Team { server: start(data), memories, said: BTreeMap::new(), cuts: 0, dice: Dice(seed) };
        for who in (0..PEOPLE).rev() {
            let mut person = Present::person(&team.server, who, Door::Hand);
            let memory = &mut team.memories[who];
            person.says(&format!("REGISTER:{} {PASSWORD}", name(who)));
            person.until(memory, " OK REGISTER ");
            if who == 0 {
                person.says("JOIN:#team\nJOIN:#plan\nMODE:+i");
                person.until(memory, " OK MODE ");
                for other in 1..PEOPLE {
                    person.says(&format!("INVITE:{}", name(other)));
                    person.until(memory, " OK INVITE ");
                }
            }
            person.leave(&team.server, memory);
        }
        for who in 1..PEOPLE {
            let mut person = Present::person(&team.server, who, Door::Hand);
            let memory = &mut team.memories[who];
            person.says(&format!("LOGIN:{} {PASSWORD}", name(who)));
            person.until(memory, " NOTE #plan: ");
            person.says("JOIN:#team\nJOIN:#plan\nPING:in");
            person.until(memory, "PONG in");
            person.leave(&team.server, memory);
        }
        team
    }

    /// A person comes by one of the doors, is told as much as it has not read, and reads that.
    fn arrives(&mut self, who: usize, door: Door) -> Present {
        let mut person = Present::person(&self.server, who, door);
        let memory = &mut self.memories[who];
        let rooms = person.arrive(&self.server, memory);
        for own in &rooms {
            let upto = memory.upto(&own.room);
            let is_unsure = memory.unsure.contains(&own.room);
            let is_right = if is_unsure { own.read <= upto } else { own.read == upto };
            assert!(is_right, "{} has read {} up to {upto}, and the server says {}", name(who), own.room, own.read);
        }
        for room in ["#team", "#plan"] {
            if matches!(person.door, Door::Hand) && self.dice.percent(70) {
                person.says(&format!("JOIN:{room}"));
                person.until(memory, " OK JOIN ");
                person.rooms.insert(room.into());
            }
        }
        for own in &rooms {
            if person.reaches(&own.room) && own.read < own.last {
                person.read(&self.server, memory, own);
                memory.unsure.remove(&own.room);
            }
        }
        person
    }

    /// Random people are there, and say random things.
    fn day(&mut self, day: u64, is_killed: bool) {
        let mut present = Vec::new();
        for who in 0..PEOPLE {
            if self.dice.percent(40) {
                let door = self.door();
                present.push(self.arrives(who, door));
            }
        }
        for number in 0..if present.is_empty() { 0 } else { 10 + self.dice.below(15) } {
            let place = self.dice.below(present.len());
            let person = &mut present[place];
            let with = talk(person.who, (person.who + 1 + self.dice.below(PEOPLE - 1)) % PEOPLE);
            let room = match self.dice.below(5) {
                choice @ 0..=2 if person.rooms.contains(ROOMS[choice]) => ROOMS[choice].to_string(),
                0..=2 => "#lobby".to_string(),
                _ => with,
            };
            let words = format!("day {day} line {number} of {}", name(person.who));
            let id = person.say(&self.server, &mut self.memories[person.who], &room, &words);
            self.said.entry(room).or_default().push((id, words));
        }
        let mut there = Vec::new();
        for person in present {
            let who = person.who;
            // At least one is lost.
            if person.line.is_some() && (self.dice.percent(10) || self.cuts == 0) {
                person.cut_off(&mut self.memories[who]);
                self.cuts += 1;
            } else {
                there.push(person);
            }
        }
        for person in &mut there {
            person.settle(&self.server, &mut self.memories[person.who]);
        }
        // Before the server is killed some have gone, and it must know what those have read.
        let (stay, go): (Vec<_>, Vec<_>) = there.into_iter().partition(|_| is_killed && self.dice.percent(50));
        for person in go {
            let memory = &mut self.memories[person.who];
            person.leave(&self.server, memory);
        }
        if is_killed {
            self.server.child.kill().expect("it runs");
            stay.iter().for_each(|person| self.memories[person.who].is_unsure());
        }
    }

    fn door(&mut self) -> Door {
        match self.dice.below(3) {
            0 => Door::Hand,
            1 => Door::Program,
            _ => Door::Calls,
        }
    }
}

/// What happens in the night after a day.
#[derive(Clone, Copy, PartialEq)]
enum Night {
    Quiet,
    Stopped,
    Killed,
}

impl Night {
    /// The first nights are set, so that each kind comes in the shortest month; the others are drawn.
    fn after(day: u64, dice: &mut Dice) -> Night {
        let drawn = dice.below(4);
        match (day, drawn) {
            (1, _) => Night::Killed,
            (2, _) => Night::Stopped,
            (_, 0) => Night::Stopped,
            (_, 1) => Night::Killed,
            _ => Night::Quiet,
        }
    }
}

#[test]
fn a_team_comes_and_goes_for_a_month_and_all_have_read_everything_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let (days, seed) = (number("MONTH_DAYS").unwrap_or(DAYS), number("MONTH_SEED").unwrap_or(7));
    println!("MONTH_DAYS={days} MONTH_SEED={seed}");
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut team = Team::gathers(&data, seed);
    let (mut stops, mut kills) = (0, 0);
    for day in 1..=days {
        let night = Night::after(day, &mut team.dice);
        team.day(day, night == Night::Killed);
        match night {
            Night::Stopped => {
                team.server.signal("TERM");
                team.server.ends_with(0);
                team.server = start(&data);
                stops += 1;
            }
            Night::Killed => {
                team.server = start(&data);
                kills += 1;
            }
            Night::Quiet => {}
        }
    }
    // In the end each comes once more, with all rooms, and nothing is left for another device.
    for who in 0..PEOPLE {
        let person = team.arrives(who, Door::Program);
        person.leave(&team.server, &mut team.memories[who]);
        let mut device = Present::person(&team.server, who, Door::Program);
        for own in device.arrive(&team.server, &mut team.memories[who]) {
            assert_eq!(own.read, own.last, "{} has read all of {}", name(who), own.room);
        }
    }
    let mut readings = 0;
    for (who, memory) in team.memories.iter().enumerate() {
        for (room, lines) in &team.said {
            let is_own = !room.starts_with('@') || room[1..].split('+').any(|member| member == name(who));
            let read = memory.read.get(room);
            let expected = is_own.then_some(lines);
            assert_eq!(read, expected, "{} in {room}", name(who));
            readings += read.map_or(0, Vec::len);
        }
    }
    let lines: usize = team.said.values().map(Vec::len).sum();
    println!(
        "{days} days, {stops} stops, {kills} kills, {} cuts, {lines} lines in {} rooms and talks, {readings} readings",
        team.cuts,
        team.said.len()
    );
    assert!(lines > 0 && readings > lines);
    assert!(kills > 0 && (stops > 0 || days < 2) && team.cuts > 0, "each kind of night has been");
}
