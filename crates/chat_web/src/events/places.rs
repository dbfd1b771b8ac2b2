//! Where a stream of events stands: how far each room is told, and what an event's `id` says of it, from which a client resumes.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::models::ids::Ids;

/// How an id has to look; the OpenAPI document says the same.
pub(super) const RIGHT: &str =
    "Last-Event-ID is the id of an event that came from here, letter by letter; leave it out to begin anew.";

/// The most bytes of an id that is looked at.
const LONGEST: usize = 12 * 1024;

/// What an `id` says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Id {
    instance: Uuid,
    /// The last number, by the room's name in small letters.
    rooms: BTreeMap<String, u64>,
    /// The time of what came last to the user alone, a whisper or a line of a talk, and how many of that time have come.
    whisper: Option<(String, usize)>,
}

impl Id {
    /// Reads `INSTANCE;room=12;@TIME=1`; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Id> {
        let mut parts = Some(text).filter(|text| text.len() <= LONGEST)?.split(';');
        let mut id = Id { instance: parts.next()?.parse().ok()?, rooms: BTreeMap::new(), whisper: None };
        for part in parts {
            let (name, number) = part.rsplit_once('=')?;
            // No name of a user begins with a digit, as a time does.
            match name.strip_prefix('@').filter(|at| at.starts_with(|c: char| c.is_ascii_digit())) {
                Some(at) => id.whisper = Some((at.into(), number.parse().ok()?)),
                None => {
                    id.rooms.insert(name.to_ascii_lowercase(), number.parse().ok()?);
                }
            }
        }
        Some(id)
    }

    /// The time of the last whisper, if it is one of this start of the server.
    pub(super) fn whispers_since(&self, ids: Ids) -> Option<String> {
        self.whisper.as_ref().filter(|_| self.instance == ids.instance()).map(|(at, _)| at.clone())
    }
}

/// What a frame says of places.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Seen {
    Hello {
        rooms: Vec<Entered>,
    },
    #[serde(alias = "MessageEdited", alias = "MessageDeleted", alias = "Reaction")]
    Message {
        room: String,
        seq: u64,
        #[serde(default)]
        at: String,
    },
    Gap {
        room: String,
        to: u64,
    },
    RoomEntered {
        room: Entered,
    },
    RoomLeft {
        room: String,
    },
    Whisper {
        at: String,
    },
    Resumed {
        #[serde(rename = "rooms")]
        _rooms: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Entered {
    id: String,
    last_seq: u64,
}

/// How far a room is told.
#[derive(Debug, Default)]
struct Place {
    /// The last number that went out, or that the client has.
    sent: u64,
    /// What the id says: not less than `sent`.
    known: u64,
}

/// What becomes of a frame.
#[derive(Debug, PartialEq)]
pub(super) enum Take {
    /// It goes out, with this id.
    Marked(String),
    /// It goes out.
    Plain,
    /// The client has it, or gets it by the resume under way.
    Skip,
}

/// Where a stream stands. One room at a time is resumed; what is said meanwhile in rooms that wait for theirs comes by it.
#[derive(Debug)]
pub(super) struct Places {
    instance: Uuid,
    last: Option<Id>,
    rooms: BTreeMap<String, Place>,
    behind: VecDeque<String>,
    /// The room that is resumed, and whether something was said in it that may be behind what the resume brings.
    resumed: Option<(String, bool)>,
    whisper: Option<(String, usize)>,
    /// How many whispers of that time the client has, of those that come first.
    skipped: usize,
}

impl Places {
    /// A stream behind the place that a client names. `goes_on` says that the numbers of rooms go on when the server starts anew:
    /// otherwise an id of another start names no place. What came to the user alone is of one start in any case.
    pub(super) fn new(ids: Ids, last: Option<Id>, goes_on: bool) -> Places {
        let instance = ids.instance();
        let last = last.filter(|last| goes_on || last.instance == instance);
        let whisper = last.as_ref().filter(|last| last.instance == instance).and_then(|last| last.whisper.clone());
        let skipped = whisper.as_ref().map_or(0, |(_, count)| *count);
        Places { instance, last, rooms: BTreeMap::new(), behind: VecDeque::new(), resumed: None, whisper, skipped }
    }

    /// The room to resume next and the last number that the client has there, if none is under way.
    pub(super) fn next(&mut self) -> Option<(String, u64)> {
        if self.resumed.is_some() {
            return None;
        }
        let room = self.behind.pop_front()?;
        let place = self.rooms.get_mut(&room)?;
        place.sent = place.known;
        let after = place.known;
        self.resumed = Some((room.clone(), false));
        Some((room, after))
    }

    /// What becomes of a frame. `is_page` says that a resume brought it.
    pub(super) fn take(&mut self, frame: &str, is_page: bool) -> Take {
        match serde_json::from_str(frame).unwrap_or(Seen::Other) {
            Seen::Hello { rooms } => {
                rooms.into_iter().for_each(|room| self.begin(room));
                self.marked()
            }
            // What is said in a talk comes as whispers do: no stream knows before which talks there are.
            Seen::Message { room, at, .. } if room.starts_with('@') => self.whispered(at),
            Seen::Message { room, seq, .. } => self.numbered(&room, seq, is_page),
            Seen::Gap { room, to } if is_page => self.numbered(&room, to, true),
            Seen::Gap { room, .. } => self.missed(&room),
            Seen::RoomEntered { room: Entered { id, last_seq } } => {
                let place = self.rooms.entry(id.to_ascii_lowercase()).or_default();
                place.known = place.known.max(last_seq);
                self.marked()
            }
            Seen::RoomLeft { room } => {
                let room = room.to_ascii_lowercase();
                self.rooms.remove(&room);
                self.behind.retain(|behind| *behind != room);
                self.marked()
            }
            Seen::Whisper { at } => self.whispered(at),
            Seen::Resumed { .. } => {
                if let Some((room, true)) = self.resumed.take() {
                    self.behind.push_front(room);
                }
                Take::Plain
            }
            Seen::Other => Take::Plain,
        }
    }

    fn begin(&mut self, Entered { id, last_seq }: Entered) {
        let room = id.to_ascii_lowercase();
        let place = match self.last.as_ref().and_then(|last| last.rooms.get(&room)) {
            Some(has) => {
                // A number that is not there yet would hide those that come.
                let has = last_seq.min(*has);
                if has < last_seq {
                    self.behind.push_back(room.clone());
                }
                Place { sent: has, known: has }
            }
            None => Place { sent: 0, known: last_seq },
        };
        self.rooms.insert(room, place);
    }

    fn numbered(&mut self, room: &str, seq: u64, is_page: bool) -> Take {
        let room = room.to_ascii_lowercase();
        if !is_page && self.waits(&room) {
            return Take::Skip;
        }
        let place = self.rooms.entry(room).or_default();
        if seq <= place.sent {
            return Take::Skip;
        }
        place.sent = seq;
        place.known = place.known.max(seq);
        self.marked()
    }

    /// Whether a room's live events come by a resume. It notes that there was one.
    fn waits(&mut self, room: &String) -> bool {
        if let Some((resumed, again)) = &mut self.resumed
            && resumed == room
        {
            *again = true;
            return true;
        }
        self.behind.contains(room)
    }

    /// The router had no place for events of this room: they are read from its history.
    fn missed(&mut self, room: &str) -> Take {
        let room = room.to_ascii_lowercase();
        if !self.rooms.contains_key(&room) {
            return Take::Plain;
        }
        if !self.waits(&room) {
            self.behind.push_back(room);
        }
        Take::Skip
    }

    fn whispered(&mut self, at: String) -> Take {
        match &mut self.whisper {
            Some((last, _)) if *last == at && self.skipped > 0 => {
                self.skipped -= 1;
                return Take::Skip;
            }
            Some((last, count)) if *last == at => *count += 1,
            whisper => *whisper = Some((at, 1)),
        }
        self.marked()
    }

    fn marked(&self) -> Take {
        let mut id = self.instance.simple().to_string();
        for (room, place) in &self.rooms {
            let _never = write!(id, ";{room}={}", place.known);
        }
        if let Some((at, count)) = &self.whisper {
            let _never = write!(id, ";@{at}={count}");
        }
        Take::Marked(id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ROOMS: [&str; 2] = ["lobby", "rust"];

    /// A session as a stream sees it: live frames, resumes that are answered later, and losses.
    struct Chat {
        ids: Ids,
        last: [u64; 2],
        /// The frames that wait for the stream, and whether a resume brought them.
        queue: VecDeque<(String, bool)>,
        asked: Option<(usize, u64)>,
        places: Places,
        /// What the client got: the numbers by room, and the last id.
        got: [Vec<u64>; 2],
        id: Option<String>,
    }

    impl Chat {
        fn new() -> Chat {
            let ids = Ids::new();
            let places = Places::new(ids, None, false);
            let (queue, got) = (VecDeque::new(), Default::default());
            let mut chat = Chat { ids, last: [0; 2], queue, asked: None, places, got, id: None };
            chat.connect();
            chat.run();
            chat
        }

        fn connect(&mut self) {
            let last = self.id.as_deref().and_then(Id::parse);
            assert_eq!(last.is_some(), self.id.is_some(), "an id can be read");
            (self.places, self.asked) = (Places::new(self.ids, last, false), None);
            let rooms: Vec<Value> =
                (0..2).map(|room| json!({ "id": ROOMS[room], "last_seq": self.last[room] })).collect();
            self.queue.clear();
            self.queue.push_back((json!({ "type": "Hello", "rooms": rooms }).to_string(), false));
        }

        fn say(&mut self, room: usize, lost: bool) {
            let first = self.last[room] + 1;
            self.last[room] = first;
            let frame = match lost {
                false => json!({ "type": "Message", "room": ROOMS[room], "seq": first }),
                true => json!({ "type": "Gap", "room": ROOMS[room], "from": first, "to": first }),
            };
            self.queue.push_back((frame.to_string(), false));
        }

        /// The session answers the resume under way with all that was said until now.
        fn answer(&mut self) {
            let Some((room, after)) = self.asked.take() else { return };
            for seq in after + 1..=self.last[room] {
                let frame = json!({ "type": "Message", "room": ROOMS[room], "seq": seq });
                self.queue.push_back((frame.to_string(), true));
            }
            self.queue.push_back((json!({ "type": "Resumed", "rooms": {} }).to_string(), false));
        }

        /// The stream writes one frame.
        fn write(&mut self) -> bool {
            let Some((frame, is_page)) = self.queue.pop_front() else { return false };
            if let Take::Marked(id) = self.places.take(&frame, is_page) {
                self.id = Some(id);
                let frame: Value = serde_json::from_str(&frame).unwrap();
                if let Some(seq) = frame["seq"].as_u64() {
                    self.got[usize::from(frame["room"] == ROOMS[1])].push(seq);
                }
            }
            if let Some((room, after)) = self.places.next() {
                self.asked = Some((usize::from(room == ROOMS[1]), after));
            }
            true
        }

        fn run(&mut self) {
            while self.write() || self.asked.is_some() {
                self.answer();
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Say(usize, bool),
        Write,
        Answer,
        Cut,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..2usize, proptest::bool::weighted(0.15)).prop_map(|(room, lost)| Step::Say(room, lost)),
            8 => Just(Step::Write),
            3 => Just(Step::Answer),
            1 => Just(Step::Cut),
        ]
    }

    proptest! {
        /// However a stream is cut, slow, or short of frames that the router had no place for: the client gets each line once, in order.
        #[test]
        fn each_line_comes_once_and_in_order(steps in proptest::collection::vec(step(), 1..200)) {
            let mut chat = Chat::new();
            for step in steps {
                match step {
                    Step::Say(room, lost) => chat.say(room, lost),
                    Step::Write => drop(chat.write()),
                    Step::Answer => chat.answer(),
                    Step::Cut => chat.connect(),
                }
            }
            chat.run();
            for room in 0..2 {
                prop_assert_eq!(&chat.got[room], &(1..=chat.last[room]).collect::<Vec<u64>>());
            }
        }

        #[test]
        fn no_id_makes_it_panic(id in "[0-9a-f]{0,33}(;@?[a-z=0-9:.@-]{0,9}){0,4}") {
            let _read = Id::parse(&id);
        }
    }

    #[test]
    fn whispers_of_one_moment_are_counted() {
        let whisper = json!({ "type": "Whisper", "at": "2026-11-22T10:47:03.120Z" }).to_string();
        let ids = Ids::new();
        let mut places = Places::new(ids, None, false);
        assert!(matches!(places.take(&whisper, false), Take::Marked(_)));
        let Take::Marked(id) = places.take(&whisper, false) else { panic!("the second one is another") };
        let mut places = Places::new(ids, Id::parse(&id), false);
        let taken: Vec<bool> = (0..3).map(|_| places.take(&whisper, false) != Take::Skip).collect();
        assert_eq!(taken, [false, false, true]);
        // Of another start of the server it names no place.
        for goes_on in [false, true] {
            let mut places = Places::new(Ids::new(), Id::parse(&id), goes_on);
            assert!(matches!(places.take(&whisper, false), Take::Marked(_)));
        }
    }

    #[test]
    fn rooms_go_on_after_another_start_where_their_numbers_do() {
        let hello = json!({ "type": "Hello", "rooms": [{ "id": "lobby", "last_seq": 9 }] }).to_string();
        let id = format!("{};lobby=4;new=2", Ids::new().instance());
        for (goes_on, behind) in [(true, Some(("lobby".to_string(), 4))), (false, None)] {
            let mut places = Places::new(Ids::new(), Id::parse(&id), goes_on);
            places.take(&hello, false);
            assert_eq!(places.next(), behind);
        }
    }
}
