//! The threads of a server under a scheduler that tries out thousands of orders: `--cfg shuttle` only.
//!
//! `RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR=target/shuttle cargo test --release --lib shuttle`
//!
//! The router, its inbox, the queues, the credits and the registry are the real ones; the sockets are left out: a
//! reader has its lines in a list, a writer collects what it would write. A scheduler's deadlock is a failure, so every
//! wait that could last for ever shows.

use std::collections::BTreeMap;
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config as Settings, Runner};

use crate::chat::message::{Client, Message};
use crate::chat::outbox::{Batch, Outbox};
use crate::chat::registry::Registry;
use crate::chat::router::Router;
use crate::chat::ticket::{Credits, Ticket};
use crate::features::{Features, VERBS};
use crate::metrics::Metrics;
use crate::model::command::Command;
use crate::model::event::{Done, Event, Leave, Speech, Warning};
use crate::model::names::ClientId;
use crate::model::now::Moment;
use crate::model::request::Request;
use crate::model::text::Text;
use crate::net::queue::queue;
use crate::net::server::run_router;
use crate::protocol::parse::parse;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::mpsc::{SyncSender, sync_channel};
use crate::testing::quick;

/// How many orders are tried: by each test, with each of the two schedulers.
const SCHEDULES: usize = 10_000;

fn try_all(test: impl Fn() + Send + Sync + Clone + 'static) {
    fn run(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
        let mut settings = Settings::new();
        settings.stack_size = 256 * 1024;
        Runner::new(scheduler, settings).run(test);
    }
    run(RandomScheduler::new(SCHEDULES), test.clone());
    run(PctScheduler::new(3, SCHEDULES), test);
}

/// A router on its thread, with a clock: where no client says anything, a message without an effect makes it turn, as the
/// time-out of its inbox does elsewhere.
struct House {
    inbox: SyncSender<Message>,
    registry: Registry,
    over: Arc<AtomicBool>,
    router: JoinHandle<()>,
    clock: JoinHandle<()>,
}

fn start(inbox: usize) -> House {
    let (registry, metrics) = (Registry::new(), Arc::new(Metrics::new(Moment::now())));
    let router = Router::<Features>::new(&quick(), registry.clone(), metrics.clone());
    let (sender, receiver) = sync_channel(inbox);
    let router = thread::spawn(move || {
        run_router(router, &receiver, &metrics);
        // std throws away what waits in a channel when its receiver is dropped; shuttle keeps it.
        receiver.iter().for_each(drop);
    });
    let over = Arc::new(AtomicBool::new(false));
    let (inbox, stop) = (sender.clone(), over.clone());
    let clock = thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            let _router_is_gone = inbox.send(Message::Warn(ClientId(0), Warning::Pace));
            thread::yield_now();
        }
    });
    House { inbox: sender, registry, over, router, clock }
}

impl House {
    /// Says that it is over, and waits for the router; then no client is left.
    fn stop(self, clients: Vec<[JoinHandle<Vec<Event>>; 2]>) -> Vec<Vec<Event>> {
        self.inbox.send(Message::Shutdown).unwrap();
        drop(self.inbox);
        let join = |[read, write]: [JoinHandle<Vec<Event>>; 2]| [read, write].map(|t| t.join().unwrap()).concat();
        let heard = clients.into_iter().map(join).collect();
        self.over.store(true, Ordering::SeqCst);
        self.clock.join().unwrap();
        self.router.join().unwrap();
        assert_eq!(self.registry.snapshot().clients, 0);
        heard
    }
}

/// What a client does, and what becomes of its peer.
#[derive(Clone, Copy)]
struct Habit {
    lines: &'static [&'static str],
    /// The writer fails after so many batches, as it does when the peer resets the connection.
    breaks_after: usize,
    /// The peer stays until the server ends it.
    stays: bool,
}

const STAYS: Habit = Habit { lines: &[], breaks_after: usize::MAX, stays: true };

/// A client as [`crate::net::connection::serve`] makes it: one thread that reads and one that writes.
fn client(id: u64, habit: Habit, inbox: &SyncSender<Message>, max_bytes: usize) -> [JoinHandle<Vec<Event>>; 2] {
    let (sender, receiver) = queue(max_bytes);
    let hangup = receiver.hangup();
    let outbox = Outbox::new(Box::new(sender), max_bytes);
    let id = ClientId(id);
    let gone = inbox.send(Message::ClientJoined(Client::new(id, outbox, "shuttle", "line")));
    let to_router = inbox.clone();
    let read = thread::spawn(move || {
        let credits = Credits::new(2);
        for line in habit.lines {
            let request = parse(&Text::new(line).unwrap(), &VERBS).unwrap();
            credits.wait_for(1);
            let ticket = credits.try_take().expect("no other thread takes them");
            if to_router.send(Message::Requests(id, vec![request], ticket)).is_err() || hangup.is_over() {
                break;
            }
        }
        if !habit.stays {
            let _router_is_gone = to_router.send(Message::ClientLeft(id, Leave::Closed));
        }
        drop(to_router);
        // Every ticket comes back, however this ends.
        credits.wait_for(2);
        Vec::new()
    });
    let write = thread::spawn(move || {
        let mut written = Vec::new();
        let mut tickets = Vec::new();
        let mut left = habit.breaks_after;
        // The loop of the real writer, without its socket.
        while let Some(batch) = receiver.recv() {
            let (mut batches, mut bytes) = (0, 0);
            let mut next = Some(batch);
            while let Some(Batch { envelopes, bytes: cost, tickets: held }) = next {
                if left == 0 {
                    return written;
                }
                left -= 1;
                batches += 1;
                bytes += cost;
                written.extend(envelopes.iter().map(|envelope| envelope.event.clone()));
                tickets.extend(held);
                next = receiver.try_recv();
            }
            receiver.written(batches, bytes);
            tickets.clear();
        }
        written
    });
    drop(gone);
    [read, write]
}

/// Who said what, as one client heard it: the ids, and the answers to its own lines.
fn ids(events: &[Event]) -> Vec<(u64, u64)> {
    let mut ids = Vec::new();
    for event in events {
        match event {
            Event::Said(Speech { id, .. }) => ids.push((*id, *id)),
            Event::Done { done: Done::Said { id, .. }, .. } => ids.push((*id, *id)),
            Event::Gap { first, last, .. } => ids.push((*first, *last)),
            _ => {}
        }
    }
    ids
}

fn words(event: &Event) -> Option<(u64, String)> {
    match event {
        Event::Said(Speech { id, from, text, .. }) => Some((*id, format!("{from} {}", text.as_str()))),
        _ => None,
    }
}

fn has_last_words(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Bye { .. }))
        && events.iter().filter(|event| matches!(event, Event::Bye { .. })).count() == 1
}

/// Waits until a client has asked all it wants to ask and has all its answers.
fn all_asked([read, write]: [JoinHandle<Vec<Event>>; 2]) -> [JoinHandle<Vec<Event>>; 2] {
    assert_eq!(read.join().unwrap().len(), 0);
    [thread::spawn(Vec::new), write]
}

/// Three talk and one listens; then all stop. No client misses a word, all hear the same in one order, and the server ends.
#[test]
fn shuttle_nothing_is_lost_below_the_bound_and_the_order_is_one() {
    const TALK: [[&str; 4]; 3] = [
        ["OPT:echo=on history=0 presence=off", "JOIN:ani", "one", "two"],
        ["OPT:echo=on history=0 presence=off", "JOIN:budi", "one", "two"],
        ["OPT:echo=on history=0 presence=off", "JOIN:citra", "one", "two"],
    ];
    try_all(|| {
        let house = start(4);
        // The listener is in before the others talk.
        let mut clients = vec![all_asked(client(1, Habit { lines: &["JOIN:dewi"], ..STAYS }, &house.inbox, 1 << 16))];
        let talkers: Vec<_> =
            (0..3).map(|i| client(i as u64 + 2, Habit { lines: &TALK[i], ..STAYS }, &house.inbox, 1 << 16)).collect();
        clients.extend(talkers.into_iter().map(all_asked));
        assert_eq!(house.registry.snapshot().people, 4);
        let heard = house.stop(clients);
        assert_eq!(ids(&heard[0]), (1..=6).map(|id| (id, id)).collect::<Vec<_>>());
        let said: BTreeMap<u64, String> = heard[0].iter().filter_map(words).collect();
        for heard in &heard {
            assert!(has_last_words(heard), "{heard:?}");
            // From one's own sign-on on, one after the other to the last.
            let ids = ids(heard);
            assert_eq!(ids.last(), Some(&(6, 6)));
            assert!(ids.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "{ids:?}");
            assert!(heard.iter().filter_map(words).all(|(id, words)| said[&id] == words));
        }
    });
}

/// The end comes in the middle of the talk: every client has the last words as the last, and nothing hangs.
#[test]
fn shuttle_the_end_in_the_middle_of_talk_wakes_everybody() {
    const TALK: [&[&str]; 4] = [
        &["JOIN:ani", "one", "two", "three"],
        &["JOIN:budi", "one", "LIST", "two"],
        &["JOIN:citra", "QUIT"],
        &["PING:a", "PING:b"],
    ];
    try_all(|| {
        let house = start(2);
        let clients = TALK
            .iter()
            .enumerate()
            .map(|(i, lines)| client(i as u64 + 1, Habit { lines, ..STAYS }, &house.inbox, 1 << 16));
        let clients = clients.collect();
        for heard in house.stop(clients) {
            assert!(has_last_words(&heard), "{heard:?}");
        }
    });
}

/// Peers that go away, politely or not, while their queue is full: tickets come back, no client stays as a ghost.
#[test]
fn shuttle_broken_writers_leave_no_ghost_and_give_their_tickets_back() {
    const PINGS: &[&str] = &["JOIN:ani", "PING:a", "PING:b", "PING:c", "PING:d"];
    try_all(|| {
        let house = start(2);
        let inbox = &house.inbox;
        let clients = vec![
            // So small a queue that one batch fills it: what the writer leaves behind stays counted.
            client(1, Habit { lines: PINGS, breaks_after: 1, stays: false }, inbox, 100),
            client(2, Habit { lines: &["JOIN:budi", "x", "y"], breaks_after: 0, stays: false }, inbox, 100),
            client(3, Habit { lines: &["JOIN:citra", "x"], stays: false, ..STAYS }, inbox, 1 << 16),
            client(4, Habit { lines: &["JOIN:dewi", "QUIT", "x"], ..STAYS }, inbox, 1 << 16),
        ];
        let clients: Vec<_> = clients.into_iter().map(all_asked).collect();
        // All of them are gone for the router as well, before it is stopped.
        while house.registry.snapshot().clients > 0 {
            thread::yield_now();
        }
        assert_eq!(house.registry.snapshot().people, 0);
        assert!(has_last_words(&house.stop(clients)[3]));
    });
}

/// Past the bound lines fall out, and a gap says which; the rest is in order, and the last words are there.
#[test]
fn shuttle_past_the_bound_a_gap_says_what_is_missing() {
    const TALK: &[&str] = &["JOIN:ani"];
    try_all(|| {
        let house = start(4);
        // A queue for about three lines.
        let slow = client(1, Habit { lines: &["OPT:presence=off", "JOIN:dewi"], ..STAYS }, &house.inbox, 300);
        let slow = all_asked(slow);
        let talker = all_asked(client(2, Habit { lines: TALK, ..STAYS }, &house.inbox, 1 << 16));
        for id in 1..=12 {
            let request = Request::of(
                &crate::model::verbs::MSG,
                Ok(Command::Say {
                    room: None,
                    re: None,
                    cid: None,
                    act: false,
                    text: Text::own(id.to_string()).into(),
                }),
            );
            house.inbox.send(Message::Requests(ClientId(2), vec![request; 2], Ticket::free())).unwrap();
        }
        let heard = house.stop(vec![slow, talker]).remove(0);
        assert!(has_last_words(&heard), "{heard:?}");
        let ids = ids(&heard);
        assert_eq!((ids.first().map(|id| id.0), ids.last().map(|id| id.1)), (Some(1), Some(24)), "{heard:?}");
        assert!(ids.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "{ids:?}");
        if ids.len() < 24 {
            GAPS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(GAPS.load(std::sync::atomic::Ordering::Relaxed) > 0, "no queue ever ran over");
}

static GAPS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// Every place is given back, and a thread that waits for the last of them is woken.
#[test]
fn shuttle_permits_come_back_and_the_one_who_waits_is_woken() {
    use crate::net::connections::Connections;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = std::sync::Arc::new(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    try_all(move || {
        let connections = Connections::new(3, 2);
        let clients: Vec<_> = (0..4)
            .map(|id| {
                let (connections, socket) = (connections.clone(), socket.clone());
                thread::spawn(move || {
                    let permit = connections.admit(ClientId(id), Some(&socket), "10.0.0.1".parse().unwrap());
                    thread::yield_now();
                    permit.is_ok()
                })
            })
            .collect();
        let far = Instant::now() + std::time::Duration::from_secs(3_600);
        assert!(connections.wait_until_closed(far));
        let let_in = clients.into_iter().map(|client| client.join().unwrap()).filter(|let_in| *let_in).count();
        assert!((2..=4).contains(&let_in), "two at once from one address: {let_in}");
        assert!(connections.wait_until_closed(far));
        let again = connections.admit(ClientId(9), Some(&socket), "10.0.0.1".parse().unwrap());
        assert!(again.is_ok(), "every place came back");
    });
}
