//! Any stream and any dialect: clients that speak a language of their own in memory, beside those who come by TCP.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use chat_server::model::command::Command;
use chat_server::model::event::{Done, Envelope, Event};
use chat_server::model::names::Name;
use chat_server::model::request::Request;
use chat_server::model::text::Text;
use chat_server::model::verbs::{JOIN, MSG, QUIT};
use chat_server::protocol::dialect::{Decoded, Decoder, Encoder};
use chat_server::testing::{DEADLINE, TestClient, TestServer};
use chat_tokio::{Taken, serve};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::ENGINE;

/// A dialect of three words: the first line is a name, every other is said, `bye` is the end. And it has two bugs.
#[derive(Default)]
struct Mumble {
    named: bool,
}

impl Decoder for Mumble {
    fn door(&self) -> &'static str {
        "mumble"
    }

    fn decode(&mut self, line: &[u8]) -> Decoded {
        assert!(line != b"break", "the test asked for it");
        let line = String::from_utf8_lossy(line);
        let request = match (self.named, &*line) {
            (false, name) => Request::of(&JOIN, Ok(Command::Join(Name::parse(name).expect("a name")))),
            (true, "bye") => Request::of(&QUIT, Ok(Command::Quit(None))),
            (true, text) => {
                let text = Text::new(text).expect("a text");
                Request::of(&MSG, Ok(Command::Say { room: None, re: None, cid: None, act: false, text: text.into() }))
            }
        };
        self.named = true;
        Decoded::Request(request)
    }
}

impl Encoder for Mumble {
    fn encode(&mut self, envelope: &Envelope, out: &mut Vec<u8>) {
        let line = match &envelope.event {
            Event::Done { done: Done::Welcome { .. }, .. } => "in\n".into(),
            Event::Said(said) if said.text.as_str() == "breaks whoever hears it" => panic!("the test asked for it"),
            Event::Said(said) => format!("{} mumbles: {}\n", said.from, said.text.first()),
            Event::Bye { .. } => "bye\n".into(),
            _ => return,
        };
        out.extend_from_slice(line.as_bytes());
    }
}

/// A user at the other end of a pipe in memory. Reads and writes with a deadline.
struct Mumbler<'a> {
    runtime: &'a Runtime,
    stream: BufReader<DuplexStream>,
    task: JoinHandle<()>,
}

impl<'a> Mumbler<'a> {
    fn new(runtime: &'a Runtime, server: &TestServer) -> Mumbler<'a> {
        // So small that a line does not go through in one piece.
        let (near, far) = duplex(16);
        let handle = server.handle().clone();
        let taken = Taken { id: handle.next_id(), at: Instant::now(), origin: "in memory".to_string(), place: () };
        let task = runtime.spawn(serve(far, taken, Mumble::default(), Mumble::default(), handle));
        Mumbler { runtime, stream: BufReader::new(near), task }
    }

    fn says(&mut self, line: &str) {
        let line = format!("{line}\n");
        let write = async { timeout(DEADLINE, self.stream.write_all(line.as_bytes())).await };
        self.runtime.block_on(write).expect("it reads in time").expect("it reads");
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = async { timeout(DEADLINE, self.stream.read_line(&mut line)).await };
        let count = self.runtime.block_on(read).expect("something comes in time").expect("it can be read");
        (count > 0).then(|| line.trim_end().to_string())
    }

    /// The task has ended, and not by a panic.
    fn ends(self) {
        let Mumbler { runtime, stream, task } = self;
        drop(stream);
        runtime.block_on(async { timeout(DEADLINE, task).await }).expect("it ends in time").expect("it does not panic");
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).thread_name("mumble").enable_all().build().expect("threads")
}

#[test]
fn a_stream_in_memory_with_a_dialect_of_its_own_is_in_the_same_chat() {
    let (server, runtime) = (ENGINE.start(), runtime());
    let mut ani = server.join("ani");
    let mut budi = Mumbler::new(&runtime, &server);
    budi.says("budi");
    assert_eq!(budi.line().as_deref(), Some("in"));
    ani.until("* JOINED #lobby budi");
    let people = server.handle().registry().people();
    let mumblers: Vec<&str> = people.iter().filter(|p| p.door == "mumble").map(|p| p.origin.as_str()).collect();
    assert_eq!(mumblers, ["in memory"]);
    // Both ways, and much longer than the pipe.
    let long = "la ".repeat(300).trim_end().to_string();
    for text in ["hello", &long] {
        budi.says(text);
        ani.until(&format!("* MSG #lobby * budi: {text}"));
        ani.send(&format!("MSG:{text}"));
        assert_eq!(budi.line(), Some(format!("ani mumbles: {text}")));
    }
    budi.says("bye");
    assert_eq!(budi.line().as_deref(), Some("bye"));
    assert_eq!(budi.line(), None);
    ani.until("* LEFT #lobby budi: quit");
    budi.ends();
    server.stop().unwrap();
}

#[test]
fn the_end_of_the_server_reaches_every_stream() {
    let (server, runtime) = (ENGINE.start(), runtime());
    let mut budi = Mumbler::new(&runtime, &server);
    budi.says("budi");
    assert_eq!(budi.line().as_deref(), Some("in"));
    server.stop().unwrap();
    assert_eq!(budi.line().as_deref(), Some("bye"));
    assert_eq!(budi.line(), None);
    budi.ends();
}

#[test]
fn a_panic_in_a_decoder_or_an_encoder_ends_its_client_and_nobody_else() {
    let (server, runtime) = (ENGINE.start(), runtime());
    let mut ani = server.join("ani");
    let come = |ani: &mut TestClient| {
        let mut budi = Mumbler::new(&runtime, &server);
        budi.says("budi");
        assert_eq!(budi.line().as_deref(), Some("in"));
        ani.until("* JOINED #lobby budi");
        budi
    };
    let mut reads = come(&mut ani);
    reads.says("break");
    assert_eq!(reads.line().as_deref(), Some("bye"), "it has its last words, since the encoder is sound");
    assert_eq!(reads.line(), None);
    reads.ends();
    ani.until("* LEFT #lobby budi: our fault");
    let mut writes = come(&mut ani);
    ani.send("MSG:breaks whoever hears it");
    assert_eq!(writes.line(), None, "what it was to hear cannot be trusted");
    ani.until("* LEFT #lobby budi: our fault");
    writes.ends();
    ani.settle();
    assert_eq!(server.handle().metrics().panics.load(Relaxed), 2);
    server.stop().unwrap();
}
