//! A transport with half the threads: the router writes by itself, and a thread takes over only for a socket that is full.
//!
//! What a writer thread for each client costs is its waking: a turn of the router that reaches 1,000 people wakes 1,000
//! threads, and each wake-up is two system calls and a change of context around one `send`. Here the router does those
//! sends itself, and none of them can block it (`MSG_DONTWAIT`). The standard library cannot write like that on a socket
//! on which another thread blocks in a read, which is why this is a crate of its own.
//!
//! ```no_run
//! use chat_server::{config::Config, features::Server};
//! Server::bind(Config::default())?.run_on(&chat_direct::Direct::default())?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![warn(missing_docs)]

use std::io;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, Scope};

use chat_server::chat::message::{Client, Message};
use chat_server::chat::outbox::Outbox;
use chat_server::chat::ticket::Credits;
use chat_server::model::event::Leave;
use chat_server::net::connection::{self, Departure, STACK};
use chat_server::net::intake::{Intake, MESSAGES};
use chat_server::net::parting;
use chat_server::net::server::{Arrival, ServerHandle, Transport};
use chat_server::net::transport;
use chat_server::protocol::dialect::{Decoder, Dialect, Encoder, Lines};

mod linger;
mod way;

use linger::Linger;
use way::{Exit, way};

/// The transport of the line door.
pub type Direct = DirectOf<Lines>;

/// The transport for any dialect: one thread for each client, which reads it.
#[derive(Default)]
pub struct DirectOf<D> {
    dialect: D,
    linger: Linger,
}

/// What carries the clients of this dialect.
impl<D> From<D> for DirectOf<D> {
    fn from(dialect: D) -> DirectOf<D> {
        DirectOf { dialect, linger: Linger::default() }
    }
}

impl<D: Dialect> Transport for DirectOf<D> {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        scope: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("client-{}", arrival.id.0)).stack_size(STACK);
        let client = move || {
            let (decoder, encoder) = self.dialect.speak(handle.verbs());
            self.serve(&arrival, decoder, encoder, handle);
        };
        thread.spawn_scoped(scope, client).map(|_joined_by_the_scope| ())
    }
}

impl<D> DirectOf<D> {
    /// How many threads a client has to itself, but for one whose socket is full.
    pub const PER_CLIENT: u64 = 1;

    /// Serves one client, on this thread, until it is gone.
    fn serve(&self, arrival: &Arrival, decoder: impl Decoder, encoder: impl Encoder + 'static, handle: &ServerHandle) {
        let Arrival { id, socket, .. } = arrival;
        let (mut intake, mut exit) = self.welcome(arrival, decoder, encoder, handle);
        let mut departure = Departure { id: *id, why: Leave::Crashed, handle };
        let mut at_end = false;
        match catch_unwind(AssertUnwindSafe(|| connection::read(&**socket, *id, &mut intake, handle, &mut at_end))) {
            Ok(why) => departure.why = why,
            Err(_) => handle.caught_panic(*id, "reading it"),
        }
        drop(departure);
        drop(intake);
        exit.awake();
        // The router has let go by now or will at once. What it left to write is written, or its time is over.
        parting::see_off(&**socket, at_end, || exit.is_over());
        exit.wait();
        let _closed_already = socket.shutdown(Shutdown::Both);
    }

    /// Makes the way to a client and tells the router. Not inlined, and the intake on the heap: whatever of the stack is
    /// touched once stays in memory for as long as the client, and a page here is a page for each of them.
    #[inline(never)]
    fn welcome<R: Decoder, W: Encoder + 'static>(
        &self,
        arrival: &Arrival,
        decoder: R,
        encoder: W,
        handle: &ServerHandle,
    ) -> (Box<Intake<R>>, Exit<W>) {
        let Arrival { id, socket, accepted, .. } = arrival;
        let origin = transport::prepare(socket, *id);
        let door = decoder.door();
        let (sender, exit, hangup) = way(*id, socket, encoder, self.linger.handle(), handle);
        let outbox = Outbox::new(Box::new(sender), handle.config().outbox_bytes);
        handle.send(Message::ClientJoined(Client::new(*id, outbox, origin, door)));
        (Box::new(Intake::new(*id, *accepted, decoder, Credits::new(MESSAGES), hangup, handle)), exit)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;

    use chat_server::chat::outbox::{Batch, Deliver, Undelivered};
    use chat_server::model::event::{Envelope, Event};
    use chat_server::model::text::Text;
    use chat_server::testing::Engine;

    use super::*;

    /// A thread for each client, and none that writes while all clients read.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_client_costs_one_thread() {
        let server = Engine::of::<Direct>().start();
        let mut clients = ["ani", "budi", "citra"].map(|name| server.join(name));
        clients[0].send("MSG:hello");
        clients[2].until("* MSG #lobby 1 ani: hello");
        clients.iter_mut().for_each(|client| drop(client.settle()));
        // The other test of this process has no client threads.
        let tasks = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
        let names: Vec<String> =
            tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect();
        let count = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
        assert_eq!((count("client-"), count("write-")), (3, 0), "{names:?}");
        server.stop().expect("a good end");
    }

    /// An encoder with a bug.
    struct Faulty;

    impl Encoder for Faulty {
        fn encode(&mut self, _: &Envelope, _: &mut Vec<u8>) {
            panic!("the test asked for it");
        }
    }

    #[test]
    fn a_panic_in_an_encoder_ends_its_client_and_not_the_router() {
        let server = Engine::of::<Direct>().start();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut peer = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        let socket = Arc::new(listener.accept().expect("a connection").0);
        let linger = Linger::default();
        let (mut sender, exit, hangup) =
            way(server.handle().next_id(), &socket, Faulty, linger.handle(), server.handle());
        let envelope =
            Envelope::new(Default::default(), Event::Note { room: None, text: Text::new("hello").expect("a text") });
        let batch = || Batch { envelopes: vec![envelope.clone()].into(), bytes: 100, tickets: Vec::new() };
        assert!(matches!(sender.deliver(batch()), Err(Undelivered::Broken)));
        assert_eq!(server.handle().metrics().panics.load(Relaxed), 1);
        assert!(matches!(sender.deliver(batch()), Err(Undelivered::Gone)), "and no second time");
        assert_eq!(io::Read::read(&mut peer, &mut [0; 10]).expect("the end"), 0);
        drop(sender);
        exit.wait();
        assert!(hangup.is_over());
        server.stop().expect("a good end");
    }
}
