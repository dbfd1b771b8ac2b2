//! The kernel alone, without one feature, plays the seed and all that needs nothing else: `Router<NoFeatures>`.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_conformance::play::play;
use chat_server::chat::hooks::NoFeatures;
use chat_server::chat::message::{Client, Message, Ticket};
use chat_server::chat::outbox::Outbox;
use chat_server::chat::registry::Registry;
use chat_server::chat::router::Router;
use chat_server::config::Config;
use chat_server::features::VERBS;
use chat_server::metrics::Metrics;
use chat_server::model::event::Leave;
use chat_server::model::names::ClientId;
use chat_server::model::now::Now;
use chat_server::model::text::Text;
use chat_server::protocol::dialect::{Decoded, Decoder, Encoder, LineDecoder, LineEncoder};
use chat_server::protocol::telnet::{Input, Splitter};
use chat_server::testing::{Setup, Shelf, Stage, matches, quick};

/// The transcripts that the kernel plays as the whole server does, and those of its own folder.
const PLAYED: &[&str] = &[
    "tests/transcripts/seed",
    "tests/transcripts/foreign",
    "tests/transcripts/errors",
    "tests/transcripts/mute",
    "tests/transcripts/repeats",
    "tests/transcripts/kernel/alone",
    "tests/transcripts/kernel/time",
];

/// The kernel's router behind a door that knows the verbs of all features, and a clock that moves only when told.
struct Kernel {
    config: Config,
    router: Router<NoFeatures>,
    now: Now,
    clients: BTreeMap<String, Seat>,
}

struct Seat {
    id: ClientId,
    splitter: Splitter,
    decoder: LineDecoder,
    encoder: LineEncoder,
    shelf: Shelf,
    lines: VecDeque<String>,
}

impl Kernel {
    fn new(setup: Setup) -> Kernel {
        let (config, now) = (setup.config, Now::read());
        let router = Router::new(&config, Registry::new(), Arc::new(Metrics::new(now.mono)));
        Kernel { config, router, now, clients: BTreeMap::new() }
    }

    fn turn(&mut self, messages: Vec<Message>) {
        self.router.turn(messages, self.now);
    }

    fn seat(&mut self, who: &str) -> &mut Seat {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not connected"))
    }
}

impl Stage for Kernel {
    fn connect(&mut self, who: &str) {
        let (id, shelf) = (ClientId(self.clients.len() as u64 + 1), Shelf::default());
        let outbox = Outbox::new(Box::new(shelf.clone()), self.config.outbox_bytes);
        let splitter = Splitter::new(self.config.line_bytes);
        let (decoder, encoder, lines) = (LineDecoder::new(&VERBS), LineEncoder::default(), VecDeque::new());
        self.clients.insert(who.into(), Seat { id, splitter, decoder, encoder, shelf, lines });
        self.turn(vec![Message::ClientJoined(Client::new(id, outbox, "127.0.0.1:1", "line"))]);
    }

    fn send(&mut self, who: &str, mut bytes: &[u8]) {
        let max = self.config.line_bytes;
        loop {
            let Seat { id, splitter, decoder, .. } = self.seat(who);
            let id = *id;
            let Some(input) = splitter.next(&mut bytes) else { return };
            let decoded = match input {
                Input::Line(line) => decoder.decode(line),
                Input::TooLong(got, over) => decoder.too_long(max, got, over),
                _ => Decoded::Nothing,
            };
            match decoded {
                Decoded::Nothing => {}
                Decoded::Request(request) => {
                    self.turn(vec![Message::Requests(id, vec![request], Ticket::free())]);
                }
                Decoded::Leave(why) => self.turn(vec![Message::ClientLeft(id, why)]),
            }
        }
    }

    fn next(&mut self, who: &str) -> Option<String> {
        let Seat { encoder, shelf, lines, .. } = self.seat(who);
        for batch in shelf.take() {
            let mut out = Vec::new();
            batch.envelopes.iter().for_each(|envelope| encoder.encode(envelope, &mut out));
            lines.extend(String::from_utf8_lossy(&out).lines().map(String::from));
        }
        lines.pop_front()
    }

    fn hang_up(&mut self, who: &str) {
        let id = self.seat(who).id;
        self.turn(vec![Message::ClientLeft(id, Leave::Closed)]);
    }

    fn wait(&mut self, seconds: u64) -> bool {
        for _ in 0..seconds {
            self.now.mono += Duration::from_secs(1);
            self.now.wall += chrono::Duration::seconds(1);
            self.turn(Vec::new());
        }
        true
    }

    /// There is no store: all of it begins anew.
    fn restart(&mut self) {
        self.turn(vec![Message::Shutdown]);
    }
}

fn transcript(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path).with_extension("chat");
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_kernel_plays_what_needs_no_feature() {
    for title in PLAYED {
        play(title, &transcript(title), Kernel::new);
    }
}

/// A client that a shutdown ends is told so, and nothing that comes behind it is done.
#[test]
fn the_kernel_ends() {
    let mut kernel = Kernel::new(quick().into());
    kernel.connect("ani");
    kernel.send("ani", b"JOIN:ani\n");
    while kernel.next("ani").is_some() {}
    kernel.turn(vec![Message::Shutdown, Message::Broadcast(Text::new("late").unwrap())]);
    let told: Vec<String> = std::iter::from_fn(|| kernel.next("ani")).collect();
    let expected = ["* NOTE *: The server is stopping.", "* BYE 503 shutting-down: ..."];
    assert!(told.len() == 2 && told.iter().zip(expected).all(|(line, pattern)| matches(pattern, line)), "{told:?}");
    assert!(!kernel.router.is_open());
}
