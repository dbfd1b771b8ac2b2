//! Many at once: five hundred clients in one room, and each hears everything, once, in one order.

use std::collections::HashMap;

use chat_server::testing::{Engine, TestClient};

const PEOPLE: usize = 500;
const SPEAKERS: usize = 10;
const LINES: usize = 20;

pub fn five_hundred_people_hear_everything_once_and_in_one_order(engine: Engine) {
    let server = engine.start();
    let mut people: Vec<TestClient> = (0..PEOPLE)
        .map(|i| {
            let mut client = server.connect();
            client.send_bytes(format!("OPT:presence=off history=off\nJOIN:p{i}\n").as_bytes());
            client.until("* OK JOIN ...");
            client
        })
        .collect();
    for line in 0..LINES {
        for (speaker, client) in people.iter_mut().take(SPEAKERS).enumerate() {
            client.send(&format!("MSG:{speaker} {line}"));
        }
    }
    people.iter_mut().take(SPEAKERS).for_each(|speaker| speaker.send("PING:said"));
    let mut order: HashMap<u64, String> = HashMap::new();
    for (i, client) in people.iter_mut().enumerate() {
        let own = if i < SPEAKERS { LINES } else { 0 };
        let mut last_id = 0;
        let mut next_of = [0; SPEAKERS];
        for _ in 0..SPEAKERS * LINES - own {
            let line = client.until("* MSG ...");
            let (head, text) = line.split_once(": ").expect("a text");
            let id: u64 = head.split(' ').nth(3).and_then(|id| id.parse().ok()).expect("an id");
            assert!(id > last_id, "ids rise: {last_id}, then {id}");
            last_id = id;
            assert_eq!(order.entry(id).or_insert_with(|| text.into()), text, "one order for all");
            let (speaker, number) = text.split_once(' ').expect("two numbers");
            let (speaker, number): (usize, usize) = (speaker.parse().unwrap(), number.parse().unwrap());
            assert_eq!(number, next_of[speaker], "one speaker's lines in their order, each once");
            next_of[speaker] += 1;
        }
        let more = client.settle();
        assert!(more.iter().all(|line| !line.contains(" MSG ")), "nothing twice: {more:?}");
    }
    assert_eq!(order.len(), SPEAKERS * LINES);
}
