//! Bugs of ours in a dialect: they cost the client they strike, and no worker.

use std::sync::atomic::Ordering::Relaxed;

use chat_pool::PoolOf;
use chat_server::model::event::{Envelope, Event};
use chat_server::model::verb::Verbs;
use chat_server::protocol::dialect::{Decoded, Decoder, Dialect, Encoder, LineDecoder, LineEncoder};
use chat_server::testing::Engine;

/// More than the pool has workers, so that losing one each time would show.
const ROUNDS: usize = 10;

/// A decoder that cannot bear one line.
struct Faulty(LineDecoder);

#[derive(Default)]
struct FaultyIn;

impl Dialect for FaultyIn {
    type Decoder = Faulty;
    type Encoder = LineEncoder;

    fn speak(&self, verbs: &'static Verbs) -> (Faulty, LineEncoder) {
        (Faulty(LineDecoder::new(verbs)), LineEncoder::default())
    }
}

impl Decoder for Faulty {
    fn door(&self) -> &'static str {
        "faulty"
    }

    fn decode(&mut self, line: &[u8]) -> Decoded {
        assert!(line != b"break", "the test asked for it");
        self.0.decode(line)
    }
}

/// An encoder that cannot bear a certain topic.
struct FaultyEncoder(LineEncoder);

#[derive(Default)]
struct FaultyOut;

impl Dialect for FaultyOut {
    type Decoder = LineDecoder;
    type Encoder = FaultyEncoder;

    fn speak(&self, verbs: &'static Verbs) -> (LineDecoder, FaultyEncoder) {
        (LineDecoder::new(verbs), FaultyEncoder(LineEncoder::default()))
    }
}

impl Encoder for FaultyEncoder {
    fn encode(&mut self, envelope: &Envelope, out: &mut Vec<u8>) {
        let breaks = |text: &str| text == "breaks whoever hears it";
        assert!(!matches!(&envelope.event, Event::Said(said) if breaks(said.text.as_str())), "the test asked for it");
        self.0.encode(envelope, out);
    }
}

#[test]
fn a_panic_in_a_decoder_ends_its_client_with_last_words_and_nobody_else() {
    let server = Engine::of::<PoolOf<FaultyIn>>().start();
    let mut ani = server.join("ani");
    for round in 0..ROUNDS {
        let mut budi = server.join("budi");
        budi.send("break");
        let heard = budi.rest();
        assert!(heard.last().is_some_and(|line| line.contains(" BYE 500 internal-error: ")), "{heard:?}");
        ani.until("* LEFT #lobby budi: our fault");
        ani.send(&format!("MSG={round}:still here"));
        ani.until(&format!("* OK MSG tag={round} ..."));
    }
    assert_eq!(server.handle().metrics().panics.load(Relaxed), ROUNDS as u64);
    server.stop().unwrap();
}

#[test]
fn a_panic_in_an_encoder_ends_its_client_and_nothing_more_is_written_to_it() {
    let server = Engine::of::<PoolOf<FaultyOut>>().start();
    let mut ani = server.join("ani");
    for round in 0..ROUNDS {
        let mut budi = server.join("budi");
        ani.until("* JOINED #lobby budi");
        ani.send(&format!("MSG={round}:breaks whoever hears it"));
        ani.until(&format!("* OK MSG tag={round} ..."));
        ani.until("* LEFT #lobby budi: our fault");
        assert_eq!(budi.rest(), [] as [String; 0], "what it was to hear cannot be trusted");
        ani.settle();
        // What is in the room's history would break the next one.
        ani.send("DELETE:last");
        ani.settle();
    }
    assert_eq!(server.handle().metrics().panics.load(Relaxed), ROUNDS as u64);
    server.stop().unwrap();
}
