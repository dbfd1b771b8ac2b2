//! One client, from hello to goodbye: a thread that reads it and a thread that writes to it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::config::Config;
use crate::dialect::{Decoded, Decoder, Encoder};
use crate::error::ChatError;
use crate::event::{Leave, Warning};
use crate::limit::Bucket;
use crate::message::{Client, Credits, Message};
use crate::names::ClientId;
use crate::outbox::Outbox;
use crate::protocol::Request;
use crate::queue::{Hangup, QueueReceiver, queue};
use crate::server::ServerHandle;
use crate::telnet::{Input, Splitter};

/// The stack of a client's threads. Nothing in them recurses or keeps more than a page on it.
pub(crate) const STACK: usize = 128 * 1024;

/// The most requests in one message to the router, and the most messages of one client under way.
const REQUESTS: usize = 32;
const MESSAGES: usize = 2;
/// The most bytes that are written in one go, and for which `slow_secs` is counted.
const WRITE: usize = 64 * 1024;
/// A blocked write comes back this often to look at the time.
const WRITE_TICK: Duration = Duration::from_millis(500);
/// How long a peer may take for what is left when its connection ends, and to close its own side after that.
const GRACE: Duration = Duration::from_secs(5);
const LINGER: Duration = Duration::from_millis(200);
/// Before sign-on a client may send this much.
const EARLY_BYTES: usize = 4_096;
/// How long before the idle limit the warning comes.
const IDLE_WARNING: Duration = Duration::from_secs(60);

/// Serves one client until it is gone, on this thread and one more. Both have ended when it returns.
///
/// `accepted` is when the connection was taken: the sign-on limit counts from there.
pub fn serve(
    socket: &TcpStream,
    id: ClientId,
    accepted: Instant,
    decoder: impl Decoder,
    encoder: impl Encoder,
    handle: &ServerHandle,
) {
    let config = handle.config();
    let origin = socket.peer_addr().map_or("gone".into(), |peer| peer.to_string());
    // Without this a line waits for the acknowledgement of the one before it, 40 ms and more.
    if let Err(error) = socket.set_nodelay(true).and_then(|()| socket.set_write_timeout(Some(WRITE_TICK))) {
        log::debug!("{id} ({origin}): {error}");
    }
    let (sender, receiver) = queue(config.outbox_bytes);
    let hangup = receiver.hangup();
    let outbox = Outbox::new(Box::new(sender), config.outbox_bytes);
    handle.send(Message::ClientJoined(Client::new(id, outbox, origin, decoder.door())));
    let mut departure = Departure { id, why: Leave::Crashed, handle };
    // Nothing is ever sent here. That the reader drops its end is the message.
    let (reading, still_reading) = mpsc::channel::<()>();

    thread::scope(|scope| {
        let write = move || {
            let mut writer = Writer { socket, id, receiver, encoder, handle, slow: config.slow_secs, told: None };
            if catch_unwind(AssertUnwindSafe(|| writer.run())).is_err() {
                handle.caught_panic(id, "writing to it");
                handle.send(Message::ClientLeft(id, Leave::Crashed));
            }
            if let Err(RecvTimeoutError::Timeout) = still_reading.recv_timeout(LINGER) {
                log::trace!("{id}: did not close its side");
            }
            let _closed_already = socket.shutdown(Shutdown::Both);
        };
        let name = format!("write-{}", id.0);
        if let Err(error) = thread::Builder::new().name(name).stack_size(STACK).spawn_scoped(scope, write) {
            log::error!("{id}: no thread to write with: {error}");
            departure.why = Leave::Full;
            return drop(departure);
        }
        let mut reader = Reader::new(socket, id, accepted, decoder, handle, hangup);
        match catch_unwind(AssertUnwindSafe(|| reader.run())) {
            Ok(why) => departure.why = why,
            Err(_) => handle.caught_panic(id, "reading it"),
        }
        // Dropped before the scope waits for the writer: the writer ends only when the router has heard this.
        drop(departure);
        reader.drain();
        drop(reading);
    });
}

/// Tells the router that a client is gone, whatever way this thread ends.
struct Departure<'a> {
    id: ClientId,
    why: Leave,
    handle: &'a ServerHandle,
}

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        self.handle.send(Message::ClientLeft(self.id, self.why.clone()));
    }
}

// ---- reading ----

struct Reader<'a, D> {
    socket: &'a TcpStream,
    id: ClientId,
    handle: &'a ServerHandle,
    config: &'a Config,
    hangup: Hangup,
    decoder: D,
    splitter: Splitter,
    credits: Credits,
    requests: Vec<Request>,
    bucket: Bucket,
    slowed: bool,
    /// Ctrl-C came, and its sender has not been told yet that it does not leave.
    interrupted: bool,
    clock: Clock,
    early_bytes: usize,
    at_end: bool,
}

/// What a reader's patience depends on.
struct Clock {
    accepted: Instant,
    signed_on: bool,
    last_line: Instant,
    line_began: Option<Instant>,
    warned: bool,
    armed: Option<Duration>,
}

impl<'a, D: Decoder> Reader<'a, D> {
    fn new(
        socket: &'a TcpStream,
        id: ClientId,
        accepted: Instant,
        decoder: D,
        handle: &'a ServerHandle,
        hangup: Hangup,
    ) -> Self {
        let config = handle.config();
        Reader {
            socket,
            id,
            handle,
            config,
            hangup,
            decoder,
            splitter: Splitter::new(config.line_bytes),
            credits: Credits::new(MESSAGES),
            requests: Vec::new(),
            bucket: Bucket::new(config.burst, config.per_second, accepted),
            slowed: false,
            interrupted: false,
            clock: Clock {
                accepted,
                signed_on: false,
                last_line: accepted,
                line_began: None,
                warned: false,
                armed: None,
            },
            early_bytes: 0,
            at_end: false,
        }
    }

    /// Reads until there is a reason to stop.
    fn run(&mut self) -> Leave {
        let mut buffer = [0; 4_096];
        loop {
            let now = Instant::now();
            if let Some(why) = self.look_at_the_clock(now) {
                return why;
            }
            self.arm(now);
            match (&mut &*self.socket).read(&mut buffer) {
                Ok(0) => {
                    self.at_end = true;
                    return self.finish();
                }
                Ok(count) => {
                    if let Err(why) = self.take(&buffer[..count]) {
                        return why;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => self.clock.armed = None,
                Err(error) => {
                    log::debug!("{}: cannot read it: {error}", self.id);
                    self.at_end = true;
                    return Leave::Lost;
                }
            }
            if self.hangup.is_over() {
                // The router let go of it for a reason of its own, and has told everybody.
                return Leave::Closed;
            }
        }
    }

    /// Reads away what the peer still sends, so that closing does not turn into a reset that eats our last words.
    /// The writer shuts the socket when it has waited long enough.
    fn drain(&mut self) {
        let mut buffer = [0; 1_024];
        let mut left: usize = 64 * 1024;
        while !self.at_end && left > 0 {
            match (&mut &*self.socket).read(&mut buffer) {
                Ok(0) => self.at_end = true,
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => {}
                Err(_) => self.at_end = true,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Leave> {
        let mut splitter = std::mem::replace(&mut self.splitter, Splitter::new(0));
        let mut over = None;
        splitter.push(bytes, &mut |input| {
            over = self.input(input).err();
            over.is_none()
        });
        self.splitter = splitter;
        if let Some(why) = over.or_else(|| self.decoder.glance(self.splitter.begun())) {
            self.hand_over();
            return Err(why);
        }
        self.hand_over();
        // Only now: behind its Ctrl-C telnet asks for a timing mark, and throws away what comes before the answer.
        if std::mem::take(&mut self.interrupted) {
            self.handle.send(Message::Warn(self.id, Warning::Interrupt));
        }
        let now = Instant::now();
        if self.splitter.is_inside_line() {
            self.clock.line_began.get_or_insert(now);
        } else {
            self.clock.line_began = None;
            self.clock.last_line = now;
            self.clock.warned = false;
        }
        if !self.clock.signed_on {
            self.early_bytes += bytes.len();
            if self.early_bytes > EARLY_BYTES {
                // The name may be in what was just handed over. Before sign-on answers are few, so this is short.
                self.credits.settle();
                if !self.has_signed_on() {
                    return Err(Leave::Flood);
                }
            }
        }
        Ok(())
    }

    /// The peer will send nothing more. What it had begun is a line, and all its lines get their answers.
    fn finish(&mut self) -> Leave {
        let mut splitter = std::mem::replace(&mut self.splitter, Splitter::new(0));
        let mut over = None;
        splitter.finish(&mut |input| {
            over = self.input(input).err();
            false
        });
        if over.is_none()
            && let Decoded::Request(request) = self.decoder.finish()
        {
            self.requests.push(request);
        }
        self.hand_over();
        over.unwrap_or(Leave::Closed)
    }

    fn input(&mut self, input: Input) -> Result<(), Leave> {
        match input {
            Input::Line(line) => {
                let decoded = self.decoder.decode(line);
                if self.decoder.counts() {
                    self.keep_pace()?;
                }
                match decoded {
                    Decoded::Nothing => {}
                    Decoded::Leave(why) => return Err(why),
                    Decoded::Request(request) => self.queue(request),
                }
            }
            Input::TooLong(got) => {
                self.keep_pace()?;
                let max = self.config.line_bytes;
                self.queue(Request::refused(ChatError::LineTooLong { max, got }));
            }
            Input::Endless => return Err(Leave::Endless),
            Input::Answer(bytes) => {
                // Past the queue, since telnet shows nothing until it has this. Between two bytes of chat it does no
                // harm: telnet takes it out wherever it stands.
                if let Err(error) = (&mut &*self.socket).write_all(&bytes) {
                    log::debug!("{}: cannot answer its telnet: {error}", self.id);
                }
            }
            Input::Interrupt => {
                self.keep_pace()?;
                self.interrupted = true;
            }
            Input::EndOfTransmission => self.queue(Request::of("QUIT", Ok(Command::Quit(None)))),
        }
        Ok(())
    }

    fn queue(&mut self, request: Request) {
        if request.what == Ok(Command::Stats) {
            self.handle.metrics().sample_process();
        }
        let long = answers_with_a_block(&request);
        self.requests.push(request);
        if long || self.requests.len() >= REQUESTS {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if !self.requests.is_empty() {
            let requests = std::mem::take(&mut self.requests);
            self.handle.send(Message::Requests(self.id, requests, self.credits.take()));
        }
    }

    /// Sleeps where lines come faster than the pace. TCP holds the peer back meanwhile; nothing is lost.
    fn keep_pace(&mut self) -> Result<(), Leave> {
        let now = Instant::now();
        let wait = self.bucket.take(now);
        if wait.is_zero() {
            self.slowed &= !self.bucket.is_full();
        } else {
            self.hand_over();
            if !std::mem::replace(&mut self.slowed, true) {
                self.handle.send(Message::Warn(self.id, Warning::Pace));
            }
            let until = now + wait;
            while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                thread::sleep(left.min(Duration::from_millis(100)));
                if self.hangup.is_over() {
                    break;
                }
            }
        }
        if self.hangup.is_over() { Err(Leave::Closed) } else { Ok(()) }
    }

    fn has_signed_on(&mut self) -> bool {
        self.clock.signed_on = self.handle.registry().is_signed_on(self.id);
        self.clock.signed_on
    }

    fn look_at_the_clock(&mut self, now: Instant) -> Option<Leave> {
        let passed = |since: Instant, limit: Duration| !limit.is_zero() && now >= since + limit;
        if !self.clock.signed_on && passed(self.clock.accepted, self.config.sign_on_secs) && !self.has_signed_on() {
            return Some(Leave::SignOn);
        }
        if self.clock.line_began.is_some_and(|began| passed(began, self.config.line_secs)) {
            return Some(Leave::Idle);
        }
        let idle = self.config.idle_secs;
        if passed(self.clock.last_line, idle) {
            return Some(Leave::Idle);
        }
        if !self.clock.warned && passed(self.clock.last_line, idle - warning(idle)) {
            self.clock.warned = true;
            self.handle.send(Message::Warn(self.id, Warning::Idle(warning(idle).as_secs())));
        }
        None
    }

    /// Lets the next read come back when there may be something to do. Asks the kernel only where that is needed: a
    /// timeout that comes too early does no harm.
    fn arm(&mut self, now: Instant) {
        let clock = &self.clock;
        let idle = self.config.idle_secs;
        let quiet = if clock.warned { idle } else { idle - warning(idle) };
        let deadlines = [
            (!clock.signed_on).then_some((clock.accepted, self.config.sign_on_secs)),
            clock.line_began.map(|began| (began, self.config.line_secs)),
            Some((clock.last_line, quiet)),
        ];
        let next = deadlines.into_iter().flatten().filter(|(_, limit)| !limit.is_zero()).map(|(at, limit)| at + limit);
        let Some(next) = next.min() else { return };
        let wait = next.saturating_duration_since(now).max(Duration::from_millis(1));
        if clock.armed.is_none_or(|armed| wait < armed) {
            match self.socket.set_read_timeout(Some(wait)) {
                Ok(()) => self.clock.armed = Some(wait),
                Err(error) => log::debug!("{}: cannot set its deadline: {error}", self.id),
            }
        }
    }
}

/// How long before the end the idle warning comes: a minute, or half of a limit that is short.
fn warning(idle: Duration) -> Duration {
    IDLE_WARNING.min(idle / 2)
}

/// Long answers are asked for one in a message, so that few are under way at once.
fn answers_with_a_block(request: &Request) -> bool {
    let Ok(command) = &request.what else { return false };
    matches!(
        command,
        Command::History(_)
            | Command::List(_)
            | Command::Rooms
            | Command::Help(_)
            | Command::Stats
            | Command::Join(_)
            | Command::Enter { .. }
    )
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

// ---- writing ----

struct Writer<'a, E> {
    socket: &'a TcpStream,
    id: ClientId,
    receiver: QueueReceiver,
    encoder: E,
    handle: &'a ServerHandle,
    slow: Duration,
    /// When the router was told that this peer is too slow.
    told: Option<Instant>,
}

impl<E: Encoder> Writer<'_, E> {
    /// Writes what comes, until the router lets go and all is written, or until the peer takes nothing more.
    fn run(&mut self) {
        let mut out = Vec::new();
        // Kept until their answers are written.
        let mut tickets = Vec::new();
        while let Some(batch) = self.receiver.recv() {
            let (mut batches, mut bytes) = (0, 0);
            let mut next = Some(batch);
            while let Some(batch) = next {
                batches += 1;
                bytes += batch.bytes;
                for envelope in &batch.envelopes {
                    self.encoder.encode(envelope, &mut out);
                }
                tickets.extend(batch.tickets);
                next = if out.len() < WRITE { self.receiver.try_recv() } else { None };
            }
            for chunk in out.chunks(WRITE) {
                if let Err(error) = self.write(chunk) {
                    log::debug!("{}: cannot write to it: {error}", self.id);
                    return;
                }
            }
            self.receiver.written(batches, bytes);
            tickets.clear();
            out.clear();
            out.shrink_to(512);
        }
        let _closed_already = self.socket.shutdown(Shutdown::Write);
    }

    /// Writes everything before the deadline, or fails. A peer that is too slow is reported to the router, which has
    /// some last words for it, and gets a little more time to read them.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let began = Instant::now();
        while !bytes.is_empty() {
            match (&mut &*self.socket).write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
            // After a part as well: a peer that takes a byte at a time must not keep us for ever.
            if !bytes.is_empty() {
                self.has_time_left(began)?;
            }
        }
        Ok(())
    }

    fn has_time_left(&mut self, began: Instant) -> io::Result<()> {
        let now = Instant::now();
        if let Some(told) = self.told {
            return if now < told + GRACE { Ok(()) } else { Err(ErrorKind::TimedOut.into()) };
        }
        if self.receiver.hangup().is_over() {
            self.told = Some(now);
        } else if !self.slow.is_zero() && now >= began + self.slow {
            self.handle.send(Message::ClientLeft(self.id, Leave::TooSlow));
            self.told = Some(now);
        }
        Ok(())
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::dialect::{LineDecoder, LineEncoder};
    use crate::event::{Envelope, Event};
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

    /// An encoder with a bug that shows when somebody speaks.
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
            serve(&socket, id, Instant::now(), LineDecoder::default(), encoder, &handle);
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

    /// The place is free when the threads have ended, which nobody is told of: knock until it is.
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
