//! Inspection: what the server's threads are doing at this moment, for people who want to learn from it (`--lab`).
//!
//! A snapshot is taken only for a client that asks for one. Each connection notes when it began to wait in a read or in a write
//! (`Watched`); the system says of every thread whether it works or sleeps; the router adds what waits for whom.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::ToSocketAddrs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::chat::ticket::{Credits, MESSAGES};
use crate::config::Config;
use crate::config::chaos::Chaos;
use crate::metrics::process::{self, Task};
use crate::model::names::ClientId;
pub use inspection::{Doing, Inspection, Queue, Thread, Turns};

mod chaos;

pub(crate) mod snapshots;
mod inspection;
pub(crate) mod rules;
pub mod verbs;
pub mod watched;

/// How often the clients that watch get a snapshot.
pub(crate) const EVERY: Duration = Duration::from_secs(1);
/// The most threads and queues that are shown, so that a snapshot fits a screen however many people are here.
const THREADS: usize = 24;
pub(crate) const QUEUES: usize = 12;
/// The server's own threads, which come first.
const OWN: [&str; 4] = ["router", "accept", "metrics", "lab"];
/// How many of the last turns are shown.
const TURNS: usize = 256;

/// What one server's threads note of themselves, and the last snapshot of them.
pub struct Lab {
    /// What goes wrong here on purpose.
    chaos: Chaos,
    started: Instant,
    connections: Mutex<BTreeMap<ClientId, Arc<Connection>>>,
    snapshot: Mutex<Arc<Snapshot>>,
    /// The last turns, the oldest overwritten: how many messages, and how many microseconds.
    turns: [AtomicU64; TURNS],
    turn: AtomicUsize,
    /// How many people get a snapshot each second.
    pub(crate) watchers: AtomicUsize,
}

/// What the threads of one connection note.
#[derive(Default)]
struct Connection {
    credits: OnceLock<Credits>,
    reading: Since,
    writing: Since,
}

/// Since when a thread waits for its peer: microseconds after the lab was opened, and one more; 0 while it does not.
#[derive(Default)]
struct Since(AtomicU64);

/// The server's threads at one moment.
#[derive(Clone, Default, Debug)]
pub(crate) struct Snapshot {
    /// Those that are shown, the server's own first.
    pub(crate) threads: Vec<Thread>,
    /// How many there are in all.
    pub(crate) all: usize,
    /// For each client, how many of its messages are under way.
    pub(crate) tickets: HashMap<ClientId, usize>,
    /// The last turns by their size.
    pub(crate) turns: Vec<Turns>,
}

impl Snapshot {
    /// A server with one client, as the tests of the router alone see one.
    pub(crate) fn of_one_client() -> Snapshot {
        let threads = [
            ("router", None, Doing::AwaitingMessage),
            ("client-1", Some((ClientId(1), None)), Doing::Reading(Duration::ZERO)),
            ("write-1", Some((ClientId(1), None)), Doing::Writing(Duration::from_millis(3_200))),
        ];
        let threads = threads.map(|(name, client, doing)| {
            let (name, cpu) = (name.to_string(), Duration::ZERO);
            Thread { name, client, state: 'S', cpu, doing }
        });
        let turns = vec![Turns { from: 1, to: 1, count: 1, longest: Duration::ZERO }];
        Snapshot { all: threads.len(), threads: threads.to_vec(), tickets: HashMap::new(), turns }
    }
}

/// Says why a lab may not be opened with these settings, or nothing if it may: what it shows, and what it breaks, is for people
/// on this machine.
///
/// # Errors
/// What is in the way, and what to do.
pub fn may_open(config: &Config) -> Result<(), String> {
    if !config.lab {
        return match config.chaos.is_off() {
            true => Ok(()),
            false => {
                Err("chaos breaks connections on purpose, so it needs the lab\n  try: --lab --chaos stall=1".into())
            }
        };
    }
    is_for_this_machine("--addr", &config.addr, "127.0.0.1:7878")?;
    is_for_this_machine("--files", &config.files, "127.0.0.1:7879")
}

/// Whether no other machine reaches a lab by this address. One that is off is good.
///
/// # Errors
/// What is in the way, and what to do: `flag` with `remedy`.
pub fn is_for_this_machine(flag: &str, addr: &str, remedy: &str) -> Result<(), String> {
    if !is_open_to_others(addr) {
        return Ok(());
    }
    Err(format!(
        "the lab shows the server from inside and breaks it on purpose, but {addr} can be reached from other machines\n  \
         try: {flag} {remedy}, or --lab off"
    ))
}

/// Whether another machine could connect to this address. For one that cannot be found the listener will give the error.
fn is_open_to_others(addr: &str) -> bool {
    addr.to_socket_addrs().is_ok_and(|mut found| found.any(|addr| !addr.ip().to_canonical().is_loopback()))
}

impl Lab {
    /// A lab without clients.
    pub(crate) fn new(chaos: Chaos, now: Instant) -> Lab {
        Lab {
            chaos,
            started: now,
            connections: Mutex::default(),
            snapshot: Mutex::default(),
            turns: [const { AtomicU64::new(0) }; TURNS],
            turn: AtomicUsize::new(0),
            watchers: AtomicUsize::new(0),
        }
    }

    /// Whether a client gets a snapshot each second.
    pub fn is_watched(&self) -> bool {
        self.watchers.load(Relaxed) > 0
    }

    /// Takes a snapshot. Reads files of the system, so it is never the router who does it.
    pub fn look(&self, now: Instant) {
        let tasks = process::tasks();
        let connections = self.connections().clone();
        let now = self.clock(now);
        let mut threads: Vec<Thread> = tasks.into_iter().map(|task| thread(task, &connections, now)).collect();
        let all = threads.len();
        threads.sort_by_cached_key(|thread| {
            let stuck = match thread.doing {
                Doing::Writing(since) => since,
                _ => Duration::ZERO,
            };
            let client = thread.client.as_ref().map(|(id, _)| *id);
            let own = OWN.iter().position(|own| thread.name.starts_with(own)).unwrap_or(OWN.len());
            (own, client.is_some(), std::cmp::Reverse(stuck), client, thread.name.clone())
        });
        threads.truncate(THREADS);
        let out =
            |connection: &Connection| MESSAGES.saturating_sub(connection.credits.get().map_or(MESSAGES, Credits::free));
        let tickets = connections.iter().map(|(id, connection)| (*id, out(connection))).collect();
        self.show(Snapshot { threads, all, tickets, turns: self.last_turns() });
    }

    /// Puts a snapshot in the place of the last one.
    pub(crate) fn show(&self, snapshot: Snapshot) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// The last snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        // Held for as long as it takes to copy a pointer.
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a turn of the router.
    pub(crate) fn turned(&self, messages: u64, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let place = self.turn.fetch_add(1, Relaxed) % TURNS;
        self.turns[place].store(messages << 32 | u64::from(micros), Relaxed);
    }

    fn last_turns(&self) -> Vec<Turns> {
        let mut sizes: BTreeMap<u32, Turns> = BTreeMap::new();
        for turn in &self.turns {
            let turn = turn.load(Relaxed);
            let (messages, took) = (turn >> 32, Duration::from_micros(turn & u64::from(u32::MAX)));
            let Some(power) = messages.checked_ilog2() else { continue };
            let (from, to) = (1 << power, (2 << power) - 1);
            let size = sizes.entry(power).or_insert(Turns { from, to, count: 0, longest: Duration::ZERO });
            size.count += 1;
            size.longest = size.longest.max(took);
        }
        sizes.into_values().collect()
    }

    fn clock(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<ClientId, Arc<Connection>>> {
        // Only ever added to and taken from, so it cannot be left half done.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Since {
    fn begin(&self, now: Duration) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX - 1);
        // What began before goes on.
        let _waits_already = self.0.compare_exchange(0, micros + 1, Relaxed, Relaxed);
    }

    fn end(&self) {
        self.0.store(0, Relaxed);
    }

    /// How long it has been.
    fn until(&self, now: Duration) -> Option<Duration> {
        let began = self.0.load(Relaxed).checked_sub(1)?;
        Some(now.saturating_sub(Duration::from_micros(began)))
    }
}

/// What the system says of a thread, and what its connection has noted.
fn thread(task: Task, connections: &BTreeMap<ClientId, Arc<Connection>>, now: Duration) -> Thread {
    let Task { name, state, cpu, waits_in } = task;
    let number = |prefix: &str| name.strip_prefix(prefix).and_then(|number| number.parse().ok()).map(ClientId);
    let (reader, writer) = (number("client-"), number("write-"));
    let noted = |id: Option<ClientId>| id.and_then(|id| connections.get(&id));
    let asleep = Doing::Asleep(waits_in.clone());
    let doing = if state == 'R' {
        Doing::Working
    } else if let Some(connection) = noted(reader) {
        // Behind a long answer it waits for all of them, with one still free.
        let free = connection.credits.get().map_or(MESSAGES, Credits::free);
        let awaits_ticket = free == 0 || free < MESSAGES && waits_in.contains("futex");
        match connection.reading.until(now) {
            Some(since) => Doing::Reading(since),
            None if awaits_ticket => Doing::AwaitingTicket,
            // Where the system does not say in what it sleeps, this is nearly always why.
            None if waits_in.is_empty() || waits_in.contains("nanosleep") => Doing::Paced,
            None => asleep,
        }
    } else if let Some(connection) = noted(writer) {
        connection.writing.until(now).map_or(Doing::AwaitingBatch, Doing::Writing)
    } else if name == "router" {
        Doing::AwaitingMessage
    } else if name == "metrics" || name.starts_with("accept") {
        Doing::Accepting
    } else {
        asleep
    };
    Thread { name, client: reader.or(writer).map(|id| (id, None)), state, cpu, doing }
}

impl Doing {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Doing::Working => "work",
            Doing::Reading(_) => "read",
            Doing::Writing(_) => "write",
            Doing::AwaitingTicket => "ticket",
            Doing::Paced => "pace",
            Doing::AwaitingBatch => "batch",
            Doing::AwaitingMessage => "message",
            Doing::Accepting => "accept",
            Doing::Asleep(_) => "sleep",
        }
    }

    /// For how long, where that is known.
    pub fn since(&self) -> Option<Duration> {
        match self {
            Doing::Reading(since) | Doing::Writing(since) => Some(*since),
            Doing::Working
            | Doing::AwaitingTicket
            | Doing::Paced
            | Doing::AwaitingBatch
            | Doing::AwaitingMessage
            | Doing::Accepting
            | Doing::Asleep(_) => None,
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doing::Working => f.write_str("at work"),
            Doing::Reading(since) => write!(f, "reading since {:.1} s", since.as_secs_f64()),
            Doing::Writing(since) => write!(f, "blocked in write since {:.1} s", since.as_secs_f64()),
            Doing::AwaitingTicket => f.write_str("waits: its answers are unread"),
            Doing::Paced => f.write_str("held back: it was too fast"),
            Doing::AwaitingBatch => f.write_str("waits for something to write"),
            Doing::AwaitingMessage => f.write_str("waits for a message"),
            Doing::Accepting => f.write_str("waits for a connection"),
            Doing::Asleep(place) if place.is_empty() => f.write_str("asleep"),
            Doing::Asleep(place) => write!(f, "asleep in {place}"),
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_lab_opens_on_this_machine_only() {
        let with = |addr: &str, lab| Config { addr: addr.into(), lab, ..Config::default() };
        for addr in ["127.0.0.1:0", "[::1]:7878", "localhost:7878", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(may_open(&with(addr, true)), Ok(()), "{addr}");
        }
        for addr in ["0.0.0.0:7878", "[::]:7878", "192.0.2.1:7878"] {
            let refused = may_open(&with(addr, true)).unwrap_err();
            assert!(refused.contains(addr) && refused.contains("try: --addr 127.0.0.1:7878"), "{refused}");
            assert_eq!(may_open(&with(addr, false)), Ok(()), "without a lab any address is good");
        }
        let files = Config { files: "0.0.0.0:0".into(), ..with("127.0.0.1:0", true) };
        assert!(may_open(&files).unwrap_err().contains("try: --files 127.0.0.1:7879, or --lab off"));
        let chaos = Config { chaos: "stall=1".parse().unwrap(), ..Config::default() };
        assert!(may_open(&chaos).unwrap_err().contains("try: --lab --chaos"));
        assert_eq!(may_open(&Config { lab: true, ..chaos }), Ok(()));
    }

    #[test]
    fn turns_are_counted_by_their_size_and_the_oldest_make_way() {
        let lab = Lab::new(Chaos::default(), Instant::now());
        let micros = Duration::from_micros;
        for (messages, took) in [(1, 5), (1, 9), (3, 7), (256, 900)] {
            lab.turned(messages, micros(took));
        }
        let turns = |from, to, count, longest| Turns { from, to, count, longest: micros(longest) };
        assert_eq!(lab.last_turns(), [turns(1, 1, 2, 9), turns(2, 3, 1, 7), turns(256, 511, 1, 900)]);
        (0..TURNS).for_each(|_| lab.turned(4, micros(1)));
        assert_eq!(lab.last_turns(), [turns(4, 7, TURNS, 1)]);
    }

    #[test]
    fn a_timeout_does_not_make_a_wait_begin_anew() {
        let since = Since::default();
        let at = Duration::from_secs;
        assert_eq!(since.until(at(1)), None);
        since.begin(at(1));
        since.begin(at(2));
        assert_eq!(since.until(at(4)), Some(at(3)));
        since.end();
        assert_eq!(since.until(at(4)), None);
    }

    /// Threads as the system names them; who waits where is what their connection has noted.
    #[test]
    fn a_thread_is_shown_with_what_it_waits_for() {
        let connection = Arc::<Connection>::default();
        let connections = BTreeMap::from([(ClientId(7), connection.clone())]);
        let shown = |name: &str, state, waits_in: &str| {
            let task = Task { name: name.into(), state, cpu: Duration::ZERO, waits_in: waits_in.into() };
            thread(task, &connections, Duration::from_secs(5)).doing.to_string()
        };
        assert_eq!(shown("router", 'S', "futex_do_wait"), "waits for a message");
        assert_eq!(shown("router", 'R', ""), "at work");
        assert_eq!(shown("accept-tls", 'S', "inet_csk_accept"), "waits for a connection");
        assert_eq!(shown("write-7", 'S', "futex_do_wait"), "waits for something to write");
        connection.writing.begin(Duration::from_millis(1_800));
        assert_eq!(shown("write-7", 'S', "wait_woken"), "blocked in write since 3.2 s");
        assert_eq!(shown("client-7", 'S', "hrtimer_nanosleep"), "held back: it was too fast");
        let credits = Credits::new(MESSAGES);
        assert!(connection.credits.set(credits.clone()).is_ok());
        assert_eq!(shown("client-7", 'S', "futex_do_wait"), "asleep in futex_do_wait");
        let _one = credits.try_take().unwrap();
        assert_eq!(shown("client-7", 'S', "futex_do_wait"), "waits: its answers are unread");
        assert_eq!(shown("client-7", 'S', "hrtimer_nanosleep"), "held back: it was too fast");
        let _others: Vec<_> = (1..MESSAGES).map(|_| credits.try_take().unwrap()).collect();
        assert_eq!(shown("client-7", 'S', "futex_do_wait"), "waits: its answers are unread");
        connection.reading.begin(Duration::from_secs(1));
        assert_eq!(shown("client-7", 'S', "wait_woken"), "reading since 4.0 s");
        assert_eq!(shown("client-8", 'S', "wait_woken"), "asleep in wait_woken", "it is not ours to know");
        assert_eq!(shown("store-writer", 'S', ""), "asleep");
    }
}
