//! What the core costs by itself, without a socket or a second thread: a line read, an event written, a turn of the router.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_server::chat::message::{Client, Message};
use chat_server::chat::outbox::{Batch, Deliver, Outbox, Undelivered};
use chat_server::chat::registry::Registry;
use chat_server::chat::router::Router;
use chat_server::chat::ticket::Ticket;
use chat_server::features::Features;
use chat_server::features::VERBS;
use chat_server::metrics::Metrics;
use chat_server::model::event::Wire;
use chat_server::model::names::ClientId;
use chat_server::model::now::{Moment, Now};
use chat_server::model::request::Request;
use chat_server::model::text::Text;
use chat_server::protocol::parse::parse;
use chat_server::protocol::render::render;
use chat_server::testing::quick;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// As in the load of workload b: ten senders, eight lines each.
const SENDERS: usize = 10;
const LINES: usize = 8;
const LINE: &str = "MSG:|00000003 00000017 0000000001234567|xxxx";

/// A transport that takes everything and keeps the last batch.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<Batch>>);

impl Deliver for Last {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = batch;
        Ok(())
    }
}

/// A transport that takes everything and keeps nothing.
struct Nowhere;

impl Deliver for Nowhere {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        drop(batch);
        Ok(())
    }
}

fn request(line: &str) -> Request {
    parse(&Text::new(line).expect("a clean line"), &VERBS).expect("a line with something in it")
}

/// A router with so many people in the lobby; the last one's mail is kept.
fn crowd(clients: usize) -> (Router<Features>, Last) {
    let mut router = Router::new(&quick(), Registry::new(), Arc::new(Metrics::new(Moment::now())));
    let last = Last::default();
    for number in 1..=clients {
        let id = ClientId(number as u64);
        let deliver: Box<dyn Deliver> = if number == clients { Box::new(last.clone()) } else { Box::new(Nowhere) };
        let lines = vec![request("OPT:presence=off history=off"), request(&format!("JOIN:b{number}"))];
        let client = Client::new(id, Outbox::new(deliver, 1 << 30), "bench", "line");
        router.turn([Message::ClientJoined(client), Message::Requests(id, lines, Ticket::free())], Now::read());
    }
    (router, last)
}

fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("line");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |bencher| bencher.iter(|| request(std::hint::black_box(LINE))));
    let (mut router, last) = crowd(2);
    router.turn([Message::Requests(ClientId(1), vec![request(LINE)], Ticket::free())], Now::read());
    let said = last.0.lock().expect("no panic").envelopes[0].clone();
    group.bench_function("render", |bencher| bencher.iter(|| render(std::hint::black_box(&said), Wire::Line)));
    group.finish();
}

fn turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("turn");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    for clients in [10, 1_000, 10_000] {
        let (mut router, last) = crowd(clients);
        // The last client does not speak, so that ten clients have nine senders.
        let senders = SENDERS.min(clients - 1);
        group.throughput(Throughput::Elements((senders * LINES * (clients - 1)) as u64));
        let messages = || -> Vec<Message> {
            let said = |sender| Message::Requests(ClientId(sender as u64), vec![request(LINE); LINES], Ticket::free());
            (1..=senders).map(said).collect()
        };
        group.bench_function(BenchmarkId::from_parameter(clients), |bencher| {
            bencher.iter_batched(messages, |messages| router.turn(messages, Now::read()), BatchSize::SmallInput);
        });
        let came = last.0.lock().expect("no panic").envelopes.len();
        assert_eq!(came, senders * LINES, "a turn brings every line of it to everybody");
    }
    group.finish();
}

criterion_group!(core, lines, turns);
criterion_main!(core);
