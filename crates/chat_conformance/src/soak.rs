//! A minute of bad weather: joins, talk, stalls and kills at random. A client that stays has every line, or a `GAP`
//! where one is missing.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chat_server::testing::{Engine, TestClient, TestServer, quick};

const PEOPLE: usize = 12;

/// Ends when the weather is over. Run with `cargo test -- --ignored soak`; SOAK_SECS says how long.
pub fn soak_survivors_have_everything_or_are_told_what_is_missing(engine: Engine) {
    let seconds = std::env::var("SOAK_SECS").ok().and_then(|secs| secs.parse().ok()).unwrap_or(10);
    let mut config = quick();
    config.outbox_bytes = 32 * 1024;
    config.history = 50;
    config.slow_secs = Duration::from_secs(120);
    let server = engine.with(config);
    let weather = Weather::default();
    let totals = thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|i| {
                let (server, weather) = (&server, &weather);
                let live = move || person(i, server, weather);
                thread::Builder::new().name(format!("person-{i}")).spawn_scoped(scope, live).unwrap()
            })
            .collect();
        let until = Instant::now() + Duration::from_secs(seconds);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            thread::park_timeout(left);
        }
        weather.end();
        people.into_iter().map(|person| person.join().unwrap()).collect::<Vec<Log>>()
    });
    let sum = |of: fn(&Log) -> u64| totals.iter().map(of).sum::<u64>();
    println!(
        "{} lives, {} lines heard, {} said, {} gaps over {} lines",
        sum(|log| log.lives),
        sum(|log| log.heard),
        sum(|log| log.said),
        sum(|log| log.gaps),
        sum(|log| log.missed)
    );
    assert!(sum(|log| log.heard) > 0 && sum(|log| log.said) > 0);
    server.stop().unwrap();
}

/// What one person went through.
#[derive(Default)]
struct Log {
    lives: u64,
    heard: u64,
    said: u64,
    gaps: u64,
    missed: u64,
    /// The id that must come next; 0 until the first.
    next: u64,
}

impl Log {
    /// Every id of the room comes once and in order: in another client's words, in the answer to its own, or in a gap.
    fn note(&mut self, line: &str) {
        let head = line.split(": ").next().unwrap_or_default();
        let words: Vec<&str> = head.split(' ').collect();
        let number = |word: &str| word.trim_start_matches("id=").parse::<u64>().unwrap_or_else(|_| panic!("{line}"));
        let (first, last) = match words[1] {
            "MSG" => (number(words[3]), number(words[3])),
            "OK" if words[2] == "MSG" => (number(words[4]), number(words[4])),
            "GAP" => (number(words[3]), number(words[4])),
            _ => return,
        };
        assert!(self.next == 0 || first == self.next, "expected id {}, got: {head}", self.next);
        self.next = last + 1;
        match words[1] {
            "MSG" => self.heard += 1,
            "GAP" => {
                self.gaps += 1;
                self.missed += last - first + 1;
            }
            _ => {}
        }
    }
}

fn person(i: usize, server: &TestServer, weather: &Weather) -> Log {
    let mut log = Log::default();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ (i as u64 + 1));
    while !weather.is_over() {
        log.lives += 1;
        log.next = 0;
        let mut client = server.connect();
        client.send_bytes(format!("OPT:presence=off history=off echo=on\nJOIN:p{i}x{}\n", log.lives).as_bytes());
        client.until("* OK JOIN ...");
        while !weather.is_over() {
            match dice.roll(100) {
                0 => break, // vanishes, with things unread
                1..=2 if i.is_multiple_of(3) => weather.wait(Duration::from_millis(500 + dice.roll(3_000))), // reads nothing for a while
                _ => talk(&mut client, &mut dice, &mut log),
            }
        }
        if weather.is_over() {
            client.settle().iter().for_each(|line| log.note(line));
        }
    }
    log
}

fn talk(client: &mut TestClient, dice: &mut Dice, log: &mut Log) {
    for _ in 0..dice.roll(20) {
        log.said += 1;
        client.send(&format!("MSG:{}", "x".repeat(dice.roll(1_500) as usize + 1)));
    }
    client.settle().iter().for_each(|line| log.note(line));
}

/// The end of the bad weather: every person sees it, and one that waits is woken by it.
#[derive(Default)]
struct Weather {
    over: Mutex<bool>,
    ended: Condvar,
}

impl Weather {
    fn is_over(&self) -> bool {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.notify_all();
    }

    /// Waits so long, or until it is over.
    fn wait(&self, time: Duration) {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.ended.wait_timeout_while(over, time, |over| !*over));
    }
}

/// Chance that can be repeated (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
