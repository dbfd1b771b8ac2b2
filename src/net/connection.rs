//! One client, from hello to goodbye: a thread that reads it and a thread that writes to it.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crate::chat::message::{Client, Message};
use crate::chat::outbox::Outbox;
use crate::chat::ticket::Credits;
use crate::model::event::Leave;
use crate::model::names::ClientId;
use crate::net::handle::ServerHandle;
use crate::net::intake::{Intake, MESSAGES, Next};
use crate::net::outgoing::{Outgoing, Patience};
use crate::net::parting::{LINGER, is_timeout, see_off, turn_away};
use crate::net::queue::{QueueReceiver, queue};
use crate::net::transport::{Arrival, Link, Transport, prepare};
use crate::protocol::dialect::{Decoder, Dialect, Encoder, Lines};

/// The stack of a client's threads. Nothing in them recurses or keeps more than a page on it.
pub const STACK: usize = 128 * 1024;

/// The most bytes of one read: of a client that says a line now and then, and of one that sends much.
const QUIET: usize = 512;
const BUSY: usize = 16 * 1024;
/// How often a reader that is slowed down looks whether the router has dropped its client.
const PAUSE_TICK: Duration = Duration::from_millis(100);

/// The transport of the standard library: two threads for each client, who speak this dialect.
#[derive(Default)]
pub struct ThreadsOf<D>(pub D);

/// The transport of the line door.
pub type Threads = ThreadsOf<Lines>;

impl<D: Dialect> Transport for ThreadsOf<D> {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        scope: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("client-{}", arrival.id.0)).stack_size(STACK);
        let client = move || {
            // Takes the whole arrival into the closure, not only the fields in use: its permit must live as long.
            let arrival = &arrival;
            let (decoder, encoder) = self.0.speak(handle.verbs());
            serve(&*arrival.socket, arrival.id, arrival.accepted, decoder, encoder, handle);
        };
        thread.spawn_scoped(scope, client).map(|_joined_by_the_scope| ())
    }
}

impl<D> ThreadsOf<D> {
    /// How many threads a client has to itself: what a machine can hold depends on it ([`machine`](crate::machine)).
    pub const PER_CLIENT: u64 = 2;
}

/// Serves one client until it is gone, on this thread and one more. Both have ended when it returns.
///
/// `accepted` is when the connection was taken: the sign-on limit counts from there.
pub fn serve(
    link: &impl Link,
    id: ClientId,
    accepted: Instant,
    decoder: impl Decoder,
    encoder: impl Encoder,
    handle: &ServerHandle,
) {
    let config = handle.config();
    let origin = prepare(link.socket(), id);
    let (sender, receiver) = queue(config.outbox_bytes);
    let hangup = receiver.hangup();
    let outbox = Outbox::new(Box::new(sender), config.outbox_bytes);
    let mut client = Client::new(id, outbox, origin, decoder.door());
    client.is_encrypted = link.is_encrypted();
    handle.send(Message::ClientJoined(client));
    let mut departure = Departure { id, why: Leave::Crashed, handle };
    // Nothing is ever sent on this channel. The reader drops its end when it has left `read`, and the writer sees that.
    let (reading, still_reading) = mpsc::channel::<()>();

    thread::scope(|scope| {
        let write = move || {
            let outgoing = Outgoing::new(encoder, config.slow_secs);
            if catch_unwind(AssertUnwindSafe(|| write_all(link, id, outgoing, receiver, handle))).is_err() {
                handle.caught_panic(id, "writing to it");
                handle.send(Message::ClientLeft(id, Leave::Crashed));
            }
            if let Err(RecvTimeoutError::Timeout) = still_reading.recv_timeout(LINGER) {
                // The reader still sleeps in a read. This wakes it, and what has come by then is read all the same.
                let _closed_already = link.socket().shutdown(Shutdown::Read);
            }
        };
        let writer = thread::Builder::new().name(format!("write-{}", id.0)).stack_size(STACK);
        let writer = match writer.spawn_scoped(scope, write) {
            Ok(writer) => writer,
            Err(error) => {
                log::error!("{id}: no thread to write with: {error}");
                departure.why = Leave::Full;
                drop(departure);
                return turn_away(link, id);
            }
        };
        let credits = Credits::new(MESSAGES);
        link.show_credits(&credits);
        let mut intake = Box::new(Intake::new(id, accepted, decoder, credits, hangup, handle));
        let mut at_end = false;
        match catch_unwind(AssertUnwindSafe(|| read(link, id, &mut intake, handle, &mut at_end))) {
            Ok(why) => departure.why = why,
            Err(_) => handle.caught_panic(id, "reading it"),
        }
        // Dropped before the scope waits for the writer, which ends only when the router has got this message.
        drop(departure);
        drop(reading);
        see_off(link, at_end, || writer.is_finished());
    });
    link.close();
}

/// Tells the router that a client is gone when it is dropped, so however the client's reader ends.
pub struct Departure<'a> {
    /// The client that this is about.
    pub id: ClientId,
    /// Why it is gone. The reason it is made with is the one for a panic of the reader.
    pub why: Leave,
    /// The way to the router.
    pub handle: &'a ServerHandle,
}

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        self.handle.send(Message::ClientLeft(self.id, self.why.clone()));
    }
}

// ---- reading ----

/// Reads a client on this thread until there is a reason to stop, which is returned. `at_end` is set when the peer has
/// closed its side; the caller can look at it also after a panic.
pub fn read(
    link: &impl Link,
    id: ClientId,
    intake: &mut Intake<impl Decoder>,
    handle: &ServerHandle,
    at_end: &mut bool,
) -> Leave {
    // On the heap and not on the stack, where a page that was touched once stays for as long as the thread.
    let mut buffer = vec![0; QUIET];
    let mut bytes: &[u8] = &[];
    let (mut armed, mut wanted) = (None, QUIET);
    loop {
        let now = Instant::now();
        match intake.next(&mut bytes, now) {
            Next::Send(message) => handle.send(message),
            Next::Answer(answer) => {
                if let Err(error) = link.answer(&answer) {
                    log::debug!("{id}: cannot answer its telnet: {error}");
                }
            }
            Next::Pause(until) => thread::sleep(until.saturating_duration_since(now).min(PAUSE_TICK)),
            Next::Tickets(count) => intake.credits().wait_for(count),
            Next::Leave(why) => return why,
            Next::Read(until) => {
                if let Some(until) = until {
                    arm(link.socket(), id, until.saturating_duration_since(now), &mut armed);
                }
                bytes = &[];
                buffer.resize(wanted, 0);
                buffer.shrink_to(wanted);
                match link.read(&mut buffer) {
                    Ok(0) => {
                        *at_end = true;
                        intake.end();
                    }
                    Ok(count) => {
                        // A client that sends much is read in large pieces, as long as it lasts.
                        if count == buffer.len() {
                            wanted = BUSY;
                        } else if count <= QUIET {
                            wanted = QUIET;
                        }
                        bytes = &buffer[..count];
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if is_timeout(&error) => armed = None,
                    Err(error) => {
                        log::debug!("{id}: cannot read it: {error}");
                        *at_end = true;
                        return Leave::Lost;
                    }
                }
            }
        }
    }
}

/// Sets a timeout so that the next read comes back in time. A timeout that is set already stays if it is short enough,
/// since one that comes too early does no harm: that saves a system call.
fn arm(socket: &TcpStream, id: ClientId, wait: Duration, armed: &mut Option<Duration>) {
    let wait = wait.max(Duration::from_millis(1));
    if armed.is_none_or(|armed| wait < armed) {
        match socket.set_read_timeout(Some(wait)) {
            Ok(()) => *armed = Some(wait),
            Err(error) => log::debug!("{id}: cannot set its deadline: {error}"),
        }
    }
}

// ---- writing ----

/// Writes what comes, until the router has dropped its end and all is written, or until the peer takes nothing more.
fn write_all(
    link: &impl Link,
    id: ClientId,
    mut outgoing: Outgoing<impl Encoder>,
    queue: QueueReceiver,
    handle: &ServerHandle,
) {
    while let Some(batch) = queue.recv() {
        outgoing.add(batch);
        outgoing.add_all(&queue);
        if let Err(error) = write(link, id, &mut outgoing, &queue, handle) {
            log::debug!("{id}: cannot write to it: {error}");
            return;
        }
    }
    let _closed_already = link.finish();
}

/// Writes everything in time, or fails. A peer that is too slow is reported to the router, which has some last words
/// for it, and gets a little more time to read them.
///
/// # Errors
/// The system's error for the socket, or [`ErrorKind::TimedOut`] when the peer has used up its time.
pub fn write(
    link: &impl Link,
    id: ClientId,
    outgoing: &mut Outgoing<impl Encoder>,
    queue: &QueueReceiver,
    handle: &ServerHandle,
) -> io::Result<()> {
    while !outgoing.piece().is_empty() {
        let piece = outgoing.piece();
        let whole = piece.len();
        let taken = match link.write(piece) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => 0,
            Err(error) => return Err(error),
        };
        outgoing.wrote(taken, queue);
        // Checked also when a part was written: a peer that takes a byte at a time must not keep this thread for ever.
        if taken < whole {
            match outgoing.patience(Instant::now(), queue.hangup().is_over()) {
                Patience::Until(_) => {}
                Patience::TooSlow => handle.send(Message::ClientLeft(id, Leave::TooSlow)),
                Patience::Over => return Err(ErrorKind::TimedOut.into()),
            }
        }
    }
    Ok(())
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::model::event::{Envelope, Event};
    use crate::protocol::dialect::{LineDecoder, LineEncoder};
    use crate::testing::{DEADLINE, TestClient, TestServer, quick};

    /// `/crash` panics in the router, `CRASH-CLIENT:` in the thread that reads the client.
    #[test]
    fn a_panic_ends_its_own_client_and_nobody_elses() {
        let mut config = quick();
        config.max_clients = 2;
        let server = TestServer::with(config);
        let mut ani = server.join("ani");
        for (round, crash) in ["/crash", "CRASH-CLIENT:", "/crash", "CRASH-CLIENT:"].into_iter().enumerate() {
            // The name, the place and the room are there again each time.
            let mut budi = until_let_in(&server);
            budi.send("JOIN:budi");
            budi.until("* OK JOIN room=#lobby users=2: ...");
            budi.send("/join #tea");
            budi.until("* OK JOIN room=#tea users=1 op=yes: ...");
            budi.send(crash);
            let heard = budi.rest();
            assert!(heard.last().is_some_and(|line| line.contains(" BYE 500 internal-error: ")), "{crash}: {heard:?}");
            ani.until("* LEFT #lobby budi: our fault");
            ani.send(&format!("MSG={round}:still here"));
            ani.hears(&format!("* OK MSG tag={round} room=#lobby id={}", round + 1));
        }
        assert_eq!(server.handle().metrics().panics.load(Relaxed), 4);
        server.stop().unwrap();
    }

    /// An encoder with a bug that shows when a user speaks.
    struct Faulty(LineEncoder);

    impl Encoder for Faulty {
        fn encode(&mut self, envelope: &Envelope, out: &mut Vec<u8>) {
            assert!(!matches!(envelope.event, Event::Said(_)), "the test asked for it");
            self.0.encode(envelope, out);
        }
    }

    #[test]
    fn a_panic_in_the_writing_thread_ends_its_own_client_as_well() {
        let server = TestServer::start();
        let mut ani = server.join("ani");
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut budi = TestClient::connect(door.local_addr().unwrap());
        let (socket, _) = door.accept().unwrap();
        let handle = server.handle().clone();
        let serving = move || {
            let (id, encoder) = (handle.next_id(), Faulty(LineEncoder::default()));
            serve(&socket, id, Instant::now(), LineDecoder::new(handle.verbs()), encoder, &handle);
        };
        let served = thread::Builder::new().name("other-door".into()).spawn(serving).unwrap();
        budi.send("JOIN:budi");
        ani.until("* JOINED #lobby budi");
        ani.send("MSG:this breaks his encoder");
        ani.until("* LEFT #lobby budi: our fault");
        assert!(budi.rest().iter().all(|line| !line.contains(" MSG ")));
        served.join().unwrap();
        ani.settle();
        server.stop().unwrap();
    }

    /// The place is free when the threads have ended, of which there is no report: knock until it is.
    fn until_let_in(server: &TestServer) -> TestClient {
        let began = Instant::now();
        loop {
            let mut client = server.connect();
            if client.line().is_some_and(|line| line.contains(" HELLO ")) {
                return client;
            }
            assert!(began.elapsed() < DEADLINE, "no place became free");
        }
    }
}
