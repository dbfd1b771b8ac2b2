//! Random lives of a store beside those of the simplest one there is: whatever is asked, the answers are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Receiver};

use chat_server::features::archive::store::{Answer, Contents, Keeping, Question, Record, Report, Store};
use chat_server::model::event::What;
use chat_server::model::names::RoomName;
use chat_server::testing::MemoryStore;
use chat_store::{Durability, check};
use proptest::prelude::*;

use crate::kit::{PATIENCE, Talk, changed, name, options, room_name, said_with, shown, state, text};

const ROOMS: [&str; 4] = ["#lobby", "#Rust", "#x", "#y"];
const PEOPLE: [&str; 3] = ["ani", "Budi", "cici"];
const WORDS: [&str; 10] = ["tea", "coffee", "Milk", "sugar", "über", "два", "東京に行く", "京", "東京tower", "กิน"];

#[derive(Clone, Debug)]
enum Step {
    Say { room: usize, who: usize, words: Vec<usize>, cid: bool },
    Edit { room: usize, back: u64, words: Vec<usize> },
    Delete { room: usize, back: u64 },
    React { room: usize, back: u64, on: bool },
    Topic { room: usize, words: Vec<usize> },
    Ops { room: usize, who: usize, modes: bool },
    Forget { room: usize },
    EndTurn,
    Page { room: usize, before: Option<u64>, after: Option<u64>, limit: usize },
    Search { room: Option<usize>, hidden: Option<usize>, words: Vec<usize>, limit: usize },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let room = 0..ROOMS.len();
    let words = || prop::collection::vec(0..WORDS.len(), 1..5);
    prop_oneof![
        30 => (room.clone(), 0..PEOPLE.len(), words(), any::<bool>())
            .prop_map(|(room, who, words, cid)| Step::Say { room, who, words, cid }),
        6 => (room.clone(), 0..12_u64, words()).prop_map(|(room, back, words)| Step::Edit { room, back, words }),
        6 => (room.clone(), 0..12_u64).prop_map(|(room, back)| Step::Delete { room, back }),
        4 => (room.clone(), 0..12_u64, any::<bool>()).prop_map(|(room, back, on)| Step::React { room, back, on }),
        3 => (room.clone(), words()).prop_map(|(room, words)| Step::Topic { room, words }),
        3 => (room.clone(), 0..PEOPLE.len(), any::<bool>()).prop_map(|(room, who, modes)| Step::Ops { room, who, modes }),
        2 => room.clone().prop_map(|room| Step::Forget { room }),
        12 => Just(Step::EndTurn),
        8 => (room.clone(), prop::option::of(0..40_u64), prop::option::of(0..40_u64), 1..20_usize)
            .prop_map(|(room, before, after, limit)| Step::Page { room, before, after, limit }),
        8 => (prop::option::of(room.clone()), prop::option::of(room), words(), 1..20_usize)
            .prop_map(|(room, hidden, words, limit)| Step::Search { room, hidden, words, limit }),
        2 => Just(Step::Restart),
    ]
}

/// What the router knows: which ids it has given.
#[derive(Default)]
struct Router {
    last_ids: BTreeMap<RoomName, u64>,
    forgotten_id: u64,
    clock: u64,
    record: Record,
    /// What it edits no more.
    deleted: BTreeSet<(RoomName, u64)>,
}

impl Router {
    /// The next id of a room, which is opened for it.
    fn next(&mut self, room: &str) -> u64 {
        let last = self.last_ids.entry(room_name(room)).or_insert_with(|| {
            self.record.rooms.push(state(room));
            self.forgotten_id
        });
        *last += 1;
        self.clock += 1;
        *last
    }

    fn target(&self, room: &str, back: u64) -> Option<u64> {
        self.last_ids.get(&room_name(room)).and_then(|last| last.checked_sub(back)).filter(|id| *id > 0)
    }

    fn forget(&mut self, room: &str) {
        let name = room_name(room);
        let Some(last_id) = self.last_ids.remove(&name) else { return };
        self.forgotten_id = self.forgotten_id.max(last_id);
        // As the router does it: what was said in it in this turn is no more.
        self.record.lines.retain(|line| line.room() != Some(&name));
        self.record.rooms.retain(|room| room.name != name);
        self.record.forgotten.retain(|(other, _)| *other != name);
        self.record.forgotten.push((name, last_id));
    }
}

fn sentence(words: &[usize]) -> String {
    words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ")
}

/// The simple store, at work.
struct Simple {
    store: Box<dyn Store>,
    reports: Receiver<Report>,
    contents: Contents,
}

fn open(memory: &MemoryStore) -> Simple {
    let (sender, reports) = mpsc::channel();
    let (store, contents) = memory.open(move |report| drop(sender.send(report)));
    Simple { store, reports, contents }
}

impl Simple {
    fn keep(&mut self, record: Record) {
        assert_eq!(self.store.keep(record), Keeping::Wait);
        assert!(matches!(self.reports.recv_timeout(PATIENCE), Ok(Report::Kept(_))));
    }

    fn ask(&mut self, question: Question) -> (Vec<String>, Option<u64>) {
        self.store.ask(1, question).unwrap();
        match self.reports.recv_timeout(PATIENCE) {
            Ok(Report::Answer(1, Answer::Lines { lines, more })) => (shown(&lines), more),
            other => panic!("{other:?}"),
        }
    }
}

/// What is in a store at the start, for people.
fn described(contents: &Contents) -> Vec<String> {
    let mut rooms: Vec<String> = contents
        .rooms
        .iter()
        .map(|room| {
            let lines: Vec<_> = room.lines.iter().map(|(_, line)| line.clone()).collect();
            let ids: Vec<u64> = room.lines.iter().map(|(id, _)| *id).collect();
            format!("{:?} {}..{} {ids:?} {:?}", room.state, room.first_id, room.last_id, shown(&lines))
        })
        .collect();
    rooms.sort_by_key(|room| room.to_lowercase());
    rooms.push(format!("forgotten {}", contents.forgotten_id));
    rooms
}

fn live(steps: Vec<Step>, durability: Durability) {
    // What a power cut leaves is not asked here, so no disk has to be waited for where there is a directory in memory.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let memory = MemoryStore::default();
    let mut simple = open(&memory);
    let mut talk = Talk::with(options(dir.path(), durability));
    let mut router = Router::default();
    for step in steps.into_iter().chain([Step::EndTurn, Step::Restart]) {
        match step {
            Step::Say { room, who, words, cid } => {
                let id = router.next(ROOMS[room]);
                let cid = cid.then(|| format!("cid-{}", router.clock));
                let line = said_with(ROOMS[room], id, PEOPLE[who], &sentence(&words), cid.as_deref());
                // Time is what the simple store orders a search by.
                router.record.lines.push(at(router.clock, &line));
            }
            Step::Edit { room, back, words } => {
                change(&mut router, room, back, What::Edited(text(&sentence(&words)).into()))
            }
            Step::Delete { room, back } => change(&mut router, room, back, What::Deleted),
            Step::React { room, back, on: true } => change(&mut router, room, back, What::Reacted(text("👍"))),
            Step::React { room, back, on: false } => change(&mut router, room, back, What::Unreacted(text("👍"))),
            Step::Topic { room, words } => {
                if let Some(room) = old(&router, room) {
                    let mut state = state(room);
                    state.topic = Some((name("ani"), text(&sentence(&words))));
                    router.record.rooms.push(state);
                }
            }
            Step::Ops { room, who, modes } => {
                if let Some(room) = old(&router, room) {
                    let mut state = state(room);
                    state.ops = vec![name(PEOPLE[who])];
                    (state.invite_only, state.moderated, state.topic_lock) = (modes, modes, !modes);
                    (state.limit, state.inside_only, state.secret) = (modes.then_some(3), !modes, modes);
                    router.record.rooms.push(state);
                }
            }
            Step::Forget { room } => router.forget(ROOMS[room]),
            Step::EndTurn => {
                let record = std::mem::take(&mut router.record);
                if !record.is_empty() {
                    simple.keep(record.clone());
                    talk.keep(record);
                }
            }
            Step::Page { room, before, after, limit } => {
                let before = before.unwrap_or(u64::MAX);
                compare(
                    &mut simple,
                    &mut talk,
                    Question::Page { room: room_name(ROOMS[room]), before, after, limit, export: false },
                );
            }
            Step::Search { room, hidden, words, limit } => {
                let room = room.map(|room| room_name(ROOMS[room]));
                let hidden = hidden.map(|room| room_name(ROOMS[room])).into_iter().filter(|_| room.is_none()).collect();
                let words = text(&sentence(&words));
                compare(&mut simple, &mut talk, Question::Search { room, hidden, words, before: None, limit });
            }
            Step::Restart => {
                if !router.record.is_empty() {
                    continue;
                }
                talk.stop();
                let findings = check(dir.path()).unwrap();
                assert!(findings.is_sound, "{}", findings.text);
                talk = Talk::with(options(dir.path(), durability));
                drop(simple);
                simple = open(&memory);
                let (ours, theirs) = (described(&talk.contents), described(&simple.contents));
                assert_eq!(ours.len(), theirs.len(), "{ours:#?} {theirs:#?}");
                ours.iter().zip(&theirs).for_each(|(ours, theirs)| assert_eq!(ours, theirs));
            }
        }
    }
    talk.stop();
}

/// The room, if the store knows it already.
fn old(router: &Router, room: usize) -> Option<&'static str> {
    router.last_ids.contains_key(&room_name(ROOMS[room])).then_some(ROOMS[room])
}

fn change(router: &mut Router, room: usize, back: u64, what: What) {
    let Some(target) = router.target(ROOMS[room], back) else { return };
    let place = (room_name(ROOMS[room]), target);
    if what == What::Deleted && !router.deleted.insert(place.clone())
        || router.deleted.contains(&place) && what != What::Deleted
    {
        return;
    }
    let id = router.next(ROOMS[room]);
    router.record.lines.push(at(router.clock, &changed(ROOMS[room], id, target, what)));
}

fn at(clock: u64, line: &chat_server::model::event::Envelope) -> std::sync::Arc<chat_server::model::event::Envelope> {
    let at = chrono::DateTime::from_timestamp_millis(clock as i64).unwrap();
    chat_server::model::event::Envelope::new(at, line.event.clone())
}

fn compare(simple: &mut Simple, talk: &mut Talk, question: Question) {
    let (lines, more) = talk.ask(question.clone());
    assert_eq!((shown(&lines), more), simple.ask(question.clone()), "{question:?}");
}

proptest! {
    // A case is a life with several restarts, each of which opens files: a quarter of what is usual for functions.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(4), ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_the_simplest_store_does(steps in prop::collection::vec(step(), 1..120)) {
        live(steps, Durability::Commit);
    }

    #[test]
    fn and_so_it_does_when_it_commits_later(steps in prop::collection::vec(step(), 1..60)) {
        live(steps, Durability::Relaxed);
    }
}
