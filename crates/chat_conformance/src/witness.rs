//! What one client may conclude from the lines it got: the invariants of the chat, checked against its log alone, and
//! against what the others saw.

use std::collections::{HashMap, HashSet};

use crate::wire::{self, Line};

/// What all witnesses together know: who said what under which number.
#[derive(Default)]
pub struct Record {
    said: HashMap<(String, u64, String), (String, String)>,
}

/// One connection that writes down what it gets. Every speech and whisper of these tests is `<seat>.<number>`, the
/// numbers of one seat rising, so that every line can be told from every other.
#[derive(Default)]
pub struct Witness {
    /// The name it has, as the answers said.
    pub name: Option<String>,
    /// Live speech and whispers, in order.
    pub heard: Vec<String>,
    /// Whispers: from, to, words.
    pub whispers: Vec<(String, String, String)>,
    /// The answers to requests with a tag.
    pub answers: HashMap<String, Line>,
    /// The id that must come next in each room, where it is known.
    pub next: HashMap<String, u64>,
    pub gaps: u64,
    pub ended: bool,
    last_id: HashMap<String, u64>,
    last_of: HashMap<String, u64>,
    once: HashSet<String>,
    present: HashMap<String, HashMap<String, bool>>,
    block: Option<(Line, u64, u64)>,
    inside: HashSet<String>,
    /// It chose not to hear of coming and going.
    blind: bool,
    complete: bool,
}

impl Witness {
    /// A client to which every line of its rooms is due: it ignores no name, and its own words are answered.
    /// Where outboxes run over, coming and going falls out first, and nothing stands in its place.
    pub fn of_everything(but_presence: bool) -> Witness {
        Witness { complete: true, blind: but_presence, ..Witness::default() }
    }

    /// Takes one line down.
    #[track_caller]
    pub fn note(&mut self, raw: &str, record: &mut Record) {
        // I9: the grammar, and with it the length and the control characters.
        let line = wire::lines(format!("{raw}\r\n").as_bytes()).unwrap_or_else(|wrong| panic!("I9: {wrong}")).remove(0);
        assert!(!self.ended, "after BYE: {raw}");
        let room = || line.field(0).to_ascii_lowercase();
        if line.kind == "BEGIN" {
            assert!(self.block.is_none(), "a block in a block: {raw}");
            self.block = Some((line, 0, 0));
            return;
        }
        if self.block.is_some() {
            return self.inside_block(line, raw, record);
        }
        match line.kind.as_str() {
            "MSG" | "ACT" => {
                record.said(&line, "I2");
                if !is_further(&line) {
                    self.place(room(), line.number(1), line.number(1), raw);
                }
                self.once(line.text.as_deref().unwrap_or_default(), raw);
            }
            "REACTED" => {
                record.said(&line, "I2");
                if !is_further(&line) {
                    self.place(room(), line.number(1), line.number(1), raw);
                }
            }
            "WHISPER" => {
                let words = line.text.clone().unwrap_or_default();
                self.once(&words, raw);
                // I5: a whisper comes to whom it is addressed.
                assert_eq!(self.name.as_deref(), Some(line.field(1)), "I5: {raw}");
                self.whispers.push((line.field(0).into(), line.field(1).into(), words));
            }
            "GAP" => self.gap(&line, raw),
            "JOINED" | "LEFT" | "NICK" if self.blind => {}
            "JOINED" | "LEFT" => {
                // I7: coming and going take turns.
                let (came, name) = (line.kind == "JOINED", line.field(1).to_ascii_lowercase());
                let was = self.present.entry(room()).or_default().insert(name, came);
                assert_ne!(was, Some(came), "I7: {raw}");
            }
            "NICK" => self.renamed(&line, raw),
            "OK" => self.ok(&line, raw),
            "BYE" => self.ended = true,
            _ => {}
        }
        if matches!(line.kind.as_str(), "OK" | "ERR") {
            let tag = line.pair("tag").map(String::from);
            self.answered(tag, line);
        }
    }

    /// A line between BEGIN and END, or the END.
    #[track_caller]
    fn inside_block(&mut self, line: Line, raw: &str, record: &mut Record) {
        let Some((begin, items, last)) = &mut self.block else { return };
        if line.kind == "END" {
            assert_eq!((begin.field(0), begin.field(1)), (line.field(0), line.field(1)), "{raw}");
            assert_eq!(begin.number(2), *items, "{raw}");
            if begin.field(0) == "HISTORY" && *last > 0 && line.pair("tag").is_none() {
                // On entering, the page ends where the room is.
                let room = begin.field(1).to_ascii_lowercase();
                self.next.insert(room.clone(), *last + 1);
                self.last_id.insert(room, *last);
            }
            let tag = line.pair("tag").map(String::from);
            self.block = None;
            self.answered(tag, line);
            return;
        }
        *items += 1;
        match begin.field(0) {
            "HISTORY" => {
                // I8: nothing but what was said, in its order, without a hole.
                assert!(matches!(line.kind.as_str(), "MSG" | "ACT" | "REACTED"), "between BEGIN and END: {raw}");
                assert_eq!(begin.field(1).to_ascii_lowercase(), line.field(0).to_ascii_lowercase(), "I8: {raw}");
                let step = u64::from(!is_further(&line));
                assert!(*last == 0 || line.number(1) == *last + step, "I8: {last} and then {raw}");
                *last = line.number(1);
                record.said(&line, "I8");
            }
            what => {
                assert!(matches!((what, line.kind.as_str()), ("LIST" | "WHO", "USER") | ("ROOMS", "ROOM")), "{raw}")
            }
        }
    }

    fn gap(&mut self, line: &Line, raw: &str) {
        self.gaps += 1;
        let (first, last) = (line.number(1), line.number(2));
        let count: u64 = line.text.as_deref().and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0);
        assert!(first <= last && (1..=last - first + 1).contains(&count), "I4: {raw}");
        assert!(!self.complete || count == last - first + 1, "I4: {raw}");
        self.place(line.field(0).to_ascii_lowercase(), first, last, raw);
    }

    fn renamed(&mut self, line: &Line, raw: &str) {
        let (old, new) = (line.field(0).to_ascii_lowercase(), line.field(1).to_ascii_lowercase());
        let mut somewhere = self.present.len() < self.inside.len();
        for people in self.present.values_mut().filter(|people| people.get(&old) != Some(&false)) {
            somewhere = true;
            let was = people.remove(&old);
            if old != new {
                // I6: no client had the new name.
                assert!(was.is_none() || people.get(&new) != Some(&true), "I6: {raw}");
                people.remove(&new);
            }
            people.extend(was.map(|was| (new.clone(), was)));
        }
        assert!(somewhere, "I7: no client of that name is here: {raw}");
    }

    fn answered(&mut self, tag: Option<String>, line: Line) {
        if let Some(tag) = tag {
            let before = self.answers.insert(tag, line);
            assert!(before.is_none(), "a second answer to {before:?}");
        }
    }

    fn ok(&mut self, line: &Line, raw: &str) {
        let room = line.pair("room").unwrap_or_default().to_ascii_lowercase();
        match line.field(0) {
            "JOIN" | "PART" => {
                self.present.remove(&room);
                self.next.remove(&room);
                if line.field(0) == "JOIN" {
                    self.inside.insert(room.clone())
                } else {
                    self.inside.remove(&room)
                };
                if room == "#lobby" && self.name.is_none() {
                    self.name = line
                        .text
                        .as_deref()
                        .and_then(|t| t.strip_prefix("You are ")?.split(',').next())
                        .map(String::from);
                }
            }
            "OPT" => self.blind |= line.pair("presence").is_some_and(|value| value != "full"),
            "NICK" => self.name = line.pair("name").map(String::from),
            "MSG" | "SAY" | "ACT" | "PASTE" | "REACT" => {
                let id = line.pair("id").and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{raw}"));
                if line.field(0) == "REACT" && self.last_id.get(&room).is_some_and(|last| id <= *last) {
                    return; // It was there already, so that there is no new number.
                }
                // One may speak into an open room from outside; then nothing else is due from there.
                self.place(room, id, id, raw);
            }
            _ => {}
        }
    }

    /// I2, I3 and I4: the numbers of a room rise, and where all is due they rise by one.
    fn place(&mut self, room: String, first: u64, last: u64, raw: &str) {
        let before = self.last_id.insert(room.clone(), last).unwrap_or(0);
        assert!(before < first, "I2: {before} and then {raw}");
        if !self.complete || !self.inside.contains(&room) {
            return;
        }
        if let Some(next) = self.next.get(&room) {
            assert_eq!(*next, first, "I4: {raw}");
        }
        self.next.insert(room, last + 1);
    }

    /// I1 and I3: nothing twice, and the words of one seat in the order in which they were sent.
    fn once(&mut self, words: &str, raw: &str) {
        let (seat, number) = words.split_once('.').unwrap_or_else(|| panic!("unexpected words: {raw}"));
        let number: u64 = number.parse().unwrap_or_else(|_| panic!("unexpected words: {raw}"));
        assert!(self.once.insert(words.into()), "I3: {raw}");
        let before = self.last_of.insert(seat.into(), number);
        assert!(before.is_none_or(|before| before < number), "I1: {before:?} and then {raw}");
        self.heard.push(words.into());
    }
}

impl Record {
    /// The same number is the same line for every client.
    fn said(&mut self, line: &Line, rule: &str) {
        let part = line.pair("part").unwrap_or_default().to_string();
        let key = (line.field(0).to_ascii_lowercase(), line.number(1), part);
        let words = (line.field(2).to_string(), line.text.clone().unwrap_or_default());
        let known = self.said.entry(key).or_insert_with(|| words.clone());
        assert_eq!(*known, words, "{rule}: {line:?}");
    }

    /// Whether a client heard these words in a room.
    pub fn has(&self, words: &str) -> bool {
        self.said.values().any(|(_, said)| said == words)
    }
}

/// Whether it is the second line of a message, or one behind it: it has the number of the first.
fn is_further(line: &Line) -> bool {
    line.pair("part").is_some_and(|part| !part.starts_with("1/"))
}

/// I2, for all rooms together: what two have both heard, both have heard in the same order.
pub fn check_one_order(witnesses: &[&Witness]) {
    for (i, a) in witnesses.iter().enumerate() {
        let place: HashMap<&str, usize> = a.heard.iter().enumerate().map(|(i, words)| (words.as_str(), i)).collect();
        for b in &witnesses[i + 1..] {
            let common: Vec<usize> = b.heard.iter().filter_map(|words| place.get(words.as_str()).copied()).collect();
            assert!(common.is_sorted(), "I2: {:?} and {:?} heard things in another order", a.name, b.name);
        }
    }
}
