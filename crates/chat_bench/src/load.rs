//! The load: one thread, many clients, every message checked where it comes.
//!
//! Clients `0..senders` send, all listen, and the last ones may be made to misbehave. In a closed loop a message is under
//! way until the last of its receivers has it, and then its sender sends the next one. At a fixed rate each message has a
//! time at which it is due, and latency counts from there: a server that holds the load up does not hide it by that.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::check::Checks;
use crate::protocol::{Dialect, Seen, Session};
use crate::stamp::{MAX_SEQUENCE, STAMP_BYTES, Stamp};

/// The most clients.
pub const MAX_CLIENTS: usize = 10_000;
/// How many clients may be on their way in at once.
const COMING_IN: usize = 1_000;
/// How many connections `std`'s listener holds while nobody accepts them.
pub const BACKLOG: usize = 128;
/// Read at once, so also the longest line or frame.
const BUFFER: usize = 256 * 1024;
/// The most messages of one sender under way at a fixed rate; a server that is further behind has failed.
const FAR_BEHIND: usize = 100_000;
/// How often a signal is looked for where nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// Words of servers that are kept.
const KEPT: usize = 20;

/// Set by Ctrl-C; every wait of the load looks at it.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// How fast is sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// Nothing.
    Silent,
    /// So many messages of each sender under way, always.
    Window(usize),
    /// So many messages a second, of all senders together.
    Rate(f64),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In which language.
    pub dialect: Dialect,
    /// Where: an address of this machine.
    pub addr: SocketAddr,
    /// How many connections may wait for the server's first byte at once: those that its listener holds. Past that the
    /// system drops them, and tries again a second later, and a time of joining would be one of trying again.
    pub knocking: usize,
    /// How many clients join, at most [`MAX_CLIENTS`].
    pub clients: usize,
    /// How many of them send.
    pub senders: usize,
    /// How fast.
    pub pace: Pace,
    /// Bytes of a message, at least [`STAMP_BYTES`].
    pub bytes: usize,
    /// How many never read once they are in.
    pub stalled: usize,
    /// Whether the last one sends as much as it can.
    pub flooder: bool,
}

/// Why there is no figure.
#[derive(Debug)]
pub struct Failure(pub String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure(error.to_string())
    }
}

fn failure<T>(words: String) -> Result<T, Failure> {
    Err(Failure(words))
}

/// One client.
struct Conn {
    stream: TcpStream,
    session: Session,
    connected: bool,
    heard: bool,
    joined: bool,
    open: bool,
    /// The beginning of a line whose end has not come.
    held: Vec<u8>,
    /// What is to be sent, and how much of it has been.
    out: Vec<u8>,
    written: usize,
}

struct Sender {
    sent: u32,
    /// At how many receivers each message is still missing, the oldest first.
    under_way: VecDeque<u32>,
}

impl Sender {
    fn arrived(&mut self, sequence: u32) {
        let oldest = self.sent - self.under_way.len() as u32;
        if let Some(missing) = sequence.checked_sub(oldest).and_then(|place| self.under_way.get_mut(place as usize)) {
            *missing = missing.saturating_sub(1);
        }
        while self.under_way.front() == Some(&0) {
            self.under_way.pop_front();
        }
    }
}

/// What the receivers saw.
struct Tally {
    checks: Checks,
    senders: Vec<Sender>,
    latency: Histogram<u64>,
    deliveries: u64,
    joined: usize,
    trouble: Vec<String>,
    /// The server is being stopped: nothing that it says now is a fault.
    ending: bool,
}

impl Tally {
    #[inline]
    fn message(&mut self, receiver: usize, stamp: Stamp, now: u64) {
        let sender = stamp.sender as usize;
        // Some servers show an author the own words.
        if sender == receiver {
            return;
        }
        let sent = self.senders.get(sender).map_or(0, |sender| sender.sent);
        if !self.checks.take(receiver, sender, stamp.sequence, sent) {
            return;
        }
        self.deliveries += 1;
        self.latency.saturating_record(now.saturating_sub(stamp.nanos) / 1_000);
        self.senders[sender].arrived(stamp.sequence);
    }

    fn trouble(&mut self, words: String) {
        if !self.ending && self.trouble.len() < KEPT {
            self.trouble.push(words);
        }
    }
}

/// What was counted so far.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// When.
    pub at: Instant,
    /// One message at one receiver each.
    pub deliveries: u64,
}

/// Clients on one thread.
pub struct Load {
    plan: Plan,
    poll: Poll,
    events: Events,
    conns: Vec<Conn>,
    heard: usize,
    tally: Tally,
    began: Instant,
    buffer: Vec<u8>,
    sending: bool,
    due: Duration,
    next_sender: usize,
    last_bytes: Instant,
    flood_more: bool,
}

impl Load {
    /// Prepares a load.
    ///
    /// # Errors
    /// If the address is not of this machine, the numbers make no sense, or the system does not give enough descriptors.
    pub fn new(plan: Plan) -> Result<Load, Failure> {
        if !plan.addr.ip().is_loopback() {
            return failure(format!("{} is not on this machine: a load is for one's own loopback only", plan.addr));
        }
        let special = plan.stalled + usize::from(plan.flooder);
        if plan.clients == 0 || plan.clients > MAX_CLIENTS || plan.senders + special > plan.clients {
            let Plan { clients, senders, .. } = plan;
            return failure(format!(
                "{clients} clients with {senders} senders and {special} that misbehave: at most {MAX_CLIENTS}, and each is one of them"
            ));
        }
        if plan.senders > 0 && plan.clients - special < 2 {
            return failure("nobody would hear the sender: take more clients".into());
        }
        descriptors(plan.clients)?;
        let tally = Tally {
            checks: Checks::new(plan.clients, plan.senders),
            senders: (0..plan.senders).map(|_| Sender { sent: 0, under_way: VecDeque::new() }).collect(),
            latency: Histogram::new_with_bounds(1, 60_000_000, 3).map_err(|error| Failure(error.to_string()))?,
            deliveries: 0,
            joined: 0,
            trouble: Vec::new(),
            ending: false,
        };
        Ok(Load {
            poll: Poll::new()?,
            events: Events::with_capacity(1_024),
            conns: Vec::with_capacity(plan.clients),
            heard: 0,
            tally,
            began: Instant::now(),
            buffer: vec![0; BUFFER],
            sending: false,
            due: Duration::ZERO,
            next_sender: 0,
            last_bytes: Instant::now(),
            flood_more: false,
            plan: Plan { bytes: plan.bytes.max(STAMP_BYTES), ..plan },
        })
    }

    /// Lets all clients in, as many at a time as the server's listener holds, and returns how long that took.
    ///
    /// # Errors
    /// If one is refused, or they are not in before the deadline.
    pub fn join(&mut self, patience: Duration) -> Result<Duration, Failure> {
        let start = Instant::now();
        while self.tally.joined < self.plan.clients {
            while self.conns.len() < self.plan.clients
                && self.conns.len() - self.heard < self.plan.knocking
                && self.conns.len() - self.tally.joined < COMING_IN
            {
                self.connect()?;
            }
            self.turn(start + patience)?;
            let inside = self.tally.joined;
            if let Some(words) = self.tally.trouble.first() {
                return failure(format!("{inside} of {} clients are in; {words}", self.plan.clients));
            }
            if start.elapsed() > patience {
                let patience = patience.as_secs_f64();
                return failure(format!("{inside} of {} clients are in after {patience} s", self.plan.clients));
            }
        }
        let took = start.elapsed();
        for index in 0..self.plan.clients {
            if self.is_stalled(index) {
                self.poll.registry().deregister(&mut self.conns[index].stream)?;
            }
        }
        Ok(took)
    }

    /// Waits until nothing has come for as long as `quiet`, at most until the deadline.
    ///
    /// # Errors
    /// On a signal, or if the system refuses to wait.
    pub fn settle(&mut self, quiet: Duration, patience: Duration) -> Result<(), Failure> {
        let end = Instant::now() + patience;
        self.last_bytes = Instant::now();
        while Instant::now() < end && self.last_bytes.elapsed() < quiet {
            self.turn((self.last_bytes + quiet).min(end))?;
        }
        Ok(())
    }

    /// Sends for so long, or goes on to.
    ///
    /// # Errors
    /// As soon as a receiver finds a fault, a server complains, or nothing moves for ten seconds.
    pub fn send(&mut self, time: Duration) -> Result<(), Failure> {
        let start = Instant::now();
        if !self.sending {
            self.sending = true;
            self.due = self.began.elapsed();
            if let Pace::Window(_) = self.plan.pace {
                (0..self.plan.senders).for_each(|sender| self.fill(sender));
            }
        }
        let mut moved = (Instant::now(), self.tally.deliveries);
        while start.elapsed() < time {
            self.turn(start + time)?;
            self.sound()?;
            if moved.1 != self.tally.deliveries {
                moved = (Instant::now(), self.tally.deliveries);
            } else if moved.0.elapsed() > Duration::from_secs(10) && self.under_way() > 0 {
                break;
            }
        }
        Ok(())
    }

    /// Sends nothing more, waits for what is under way, and looks whether all of it came.
    ///
    /// # Errors
    /// What was lost, doubled or reordered, in words.
    pub fn finish(&mut self, patience: Duration) -> Result<(), Failure> {
        self.sending = false;
        let end = Instant::now() + patience;
        while self.under_way() > 0 && Instant::now() < end {
            self.turn(end)?;
            self.sound()?;
        }
        // What comes twice may come now.
        self.settle(Duration::from_millis(50), Duration::from_secs(1))?;
        let sent: Vec<u32> = self.tally.senders.iter().map(|sender| sender.sent).collect();
        let Plan { clients, stalled, flooder, .. } = self.plan;
        let listening = clients - stalled - usize::from(flooder);
        self.tally.checks.finish(|receiver, sender| receiver < listening && receiver != sender, &sent);
        self.sound()
    }

    /// Turns for as long as `go_on` says so, while the server ends; what it says now is no fault.
    ///
    /// # Errors
    /// If the system refuses to wait.
    pub fn ending(&mut self, mut go_on: impl FnMut() -> bool) -> Result<(), Failure> {
        self.tally.ending = true;
        self.sending = false;
        while go_on() {
            self.turn(Instant::now() + Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// What was counted so far.
    pub fn count(&self) -> Count {
        Count { at: Instant::now(), deliveries: self.tally.deliveries }
    }

    /// The latencies in microseconds since the last time they were taken.
    pub fn take_latency(&mut self) -> Histogram<u64> {
        let taken = self.tally.latency.clone();
        self.tally.latency.reset();
        taken
    }

    fn under_way(&self) -> usize {
        self.tally.senders.iter().map(|sender| sender.under_way.len()).sum()
    }

    fn sound(&self) -> Result<(), Failure> {
        let checks = &self.tally.checks;
        if checks.count > 0 {
            let first: Vec<String> = checks.violations.iter().take(3).map(ToString::to_string).collect();
            return failure(format!("{} violations: {}", checks.count, first.join("; ")));
        }
        match self.tally.trouble.first() {
            Some(words) => failure(words.clone()),
            None => Ok(()),
        }
    }

    fn is_flooder(&self, index: usize) -> bool {
        self.plan.flooder && index == self.plan.clients - 1
    }

    fn is_stalled(&self, index: usize) -> bool {
        let end = self.plan.clients - usize::from(self.plan.flooder);
        (end - self.plan.stalled..end).contains(&index)
    }

    fn connect(&mut self) -> Result<(), Failure> {
        let token = Token(self.conns.len());
        let mut stream = TcpStream::connect(self.plan.addr)?;
        self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let session = Session::new(self.plan.dialect);
        let (held, out) = (Vec::new(), Vec::new());
        self.conns.push(Conn {
            stream,
            session,
            connected: false,
            heard: false,
            joined: false,
            open: true,
            held,
            out,
            written: 0,
        });
        Ok(())
    }

    /// Waits until something happens, at most until `limit`, and does what is to be done.
    fn turn(&mut self, limit: Instant) -> Result<(), Failure> {
        if STOP.load(Ordering::Relaxed) {
            return failure("interrupted".into());
        }
        let mut wait = limit.saturating_duration_since(Instant::now()).min(TICK);
        if self.sending && matches!(self.plan.pace, Pace::Rate(_)) {
            // The system waits in whole milliseconds, too coarse for what is measured: the last one is spent awake.
            let until_due = self.due.saturating_sub(self.began.elapsed());
            wait = wait.min(until_due.saturating_sub(Duration::from_millis(1)));
        }
        if std::mem::take(&mut self.flood_more) {
            wait = Duration::ZERO;
        }
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            Err(_) | Ok(()) => {}
        }
        for event in &events {
            let Token(index) = event.token();
            if event.is_writable() {
                self.writable(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.readable(index);
            }
        }
        self.events = events;
        if self.sending {
            self.send_what_is_due()?;
        }
        Ok(())
    }

    fn send_what_is_due(&mut self) -> Result<(), Failure> {
        match self.plan.pace {
            Pace::Silent => {}
            Pace::Window(_) => (0..self.plan.senders).for_each(|sender| self.fill(sender)),
            Pace::Rate(rate) => {
                while self.due <= self.began.elapsed() {
                    let sender = self.next_sender;
                    self.next_sender = (sender + 1) % self.plan.senders;
                    if self.tally.senders[sender].under_way.len() >= FAR_BEHIND {
                        return failure(format!("the server is {FAR_BEHIND} messages behind"));
                    }
                    self.say(sender, self.due);
                    self.flush(sender);
                    self.due += Duration::from_secs_f64(1.0 / rate);
                }
            }
        }
        if self.plan.flooder {
            self.flood();
        }
        Ok(())
    }

    /// Sends what fits into a sender's window, in one write.
    fn fill(&mut self, sender: usize) {
        let Pace::Window(window) = self.plan.pace else { return };
        let free = window.saturating_sub(self.tally.senders[sender].under_way.len());
        if free == 0 {
            return;
        }
        let now = self.began.elapsed();
        (0..free).for_each(|_| self.say(sender, now));
        self.flush(sender);
    }

    fn say(&mut self, sender: usize, due: Duration) {
        let Plan { clients, stalled, flooder, bytes, .. } = self.plan;
        let state = &mut self.tally.senders[sender];
        if state.sent == MAX_SEQUENCE {
            return; // a bound, not a wrong number
        }
        let stamp = Stamp { sender: sender as u32, sequence: state.sent, nanos: due.as_nanos() as u64 };
        state.sent += 1;
        state.under_way.push_back((clients - stalled - usize::from(flooder) - 1) as u32);
        let mut text = Vec::with_capacity(bytes);
        stamp.write(bytes, &mut text);
        let Conn { session, out, .. } = &mut self.conns[sender];
        session.say(&text, out);
    }

    /// The flooder's socket is kept full, a bounded piece in each turn.
    fn flood(&mut self) {
        let index = self.plan.clients - 1;
        for _ in 0..16 {
            let conn = &mut self.conns[index];
            if !conn.open || !conn.out.is_empty() {
                return;
            }
            let text = vec![b'f'; self.plan.bytes];
            (0..64).for_each(|_| conn.session.say(&text, &mut conn.out));
            self.flush(index);
        }
        self.flood_more = true;
    }

    fn writable(&mut self, index: usize) {
        let conn = &mut self.conns[index];
        if !conn.open {
            return;
        }
        if !conn.connected {
            match conn.stream.take_error() {
                Ok(None) if conn.stream.peer_addr().is_ok() => {}
                Ok(None) => return, // not yet
                Ok(Some(error)) | Err(error) => return self.gone(index, &format!("no connection: {error}")),
            }
            conn.connected = true;
            // A client that waits for more to send would measure itself.
            let _refused = conn.stream.set_nodelay(true);
            conn.session.open(&format!("b{index}"), &mut conn.out);
        }
        self.flush(index);
    }

    fn flush(&mut self, index: usize) {
        let conn = &mut self.conns[index];
        while conn.written < conn.out.len() {
            match conn.stream.write(&conn.out[conn.written..]) {
                Ok(count) => conn.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.gone(index, &format!("cannot write: {error}")),
            }
        }
        conn.out.clear();
        conn.written = 0;
        if conn.out.capacity() > 4 * BUFFER {
            conn.out = Vec::new();
        }
    }

    fn readable(&mut self, index: usize) {
        let stalled = self.is_stalled(index);
        let misbehaves = stalled || self.is_flooder(index);
        loop {
            let Load { conns, buffer, tally, began, heard, .. } = self;
            let conn = &mut conns[index];
            if !conn.open || (conn.joined && stalled) {
                return;
            }
            let held = conn.held.len();
            if held == buffer.len() {
                return self.gone(index, "it got a line without an end");
            }
            buffer[..held].copy_from_slice(&conn.held);
            let count = match conn.stream.read(&mut buffer[held..]) {
                Ok(0) => return self.gone(index, "the server closed the connection"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.gone(index, &error.to_string()),
            };
            if !std::mem::replace(&mut conn.heard, true) {
                *heard += 1;
            }
            let now = began.elapsed().as_nanos() as u64;
            let filled = held + count;
            let used = conn.session.read(&buffer[..filled], &mut conn.out, &mut |seen| match seen {
                Seen::Message(_) if misbehaves => {}
                Seen::Message(stamp) => tally.message(index, stamp, now),
                Seen::Joined => {
                    conn.joined = true;
                    tally.joined += 1;
                }
                Seen::Trouble(_) if misbehaves && conn.joined => {}
                Seen::Trouble(line) => {
                    tally.trouble(format!("client {index} was told: {}", String::from_utf8_lossy(line)));
                }
            });
            conn.held.clear();
            conn.held.extend_from_slice(&buffer[used..filled]);
            // Less than there was room for: nothing is left to read, and the system tells when there is.
            if filled < buffer.len() {
                break;
            }
        }
        self.last_bytes = Instant::now();
        if !self.conns[index].out.is_empty() {
            self.flush(index);
        }
    }

    fn gone(&mut self, index: usize, words: &str) {
        let misbehaves = (self.is_flooder(index) || self.is_stalled(index)) && self.conns[index].joined;
        self.conns[index].open = false;
        self.conns[index].out.clear();
        self.conns[index].written = 0;
        let _already = self.poll.registry().deregister(&mut self.conns[index].stream);
        if !misbehaves {
            self.tally.trouble(format!("client {index}: {words}"));
        }
    }
}

/// Raises the soft limit of open files as far as the system allows.
fn descriptors(clients: usize) -> Result<(), Failure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = clients as u64 + 100;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|soft| soft >= needed) {
        return Ok(());
    }
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match getrlimit(Resource::Nofile).current {
        Some(soft) if soft < needed => failure(format!(
            "{clients} clients need {needed} open files, and this system allows {soft}: raise the hard limit (ulimit -Hn {needed})"
        )),
        _ => Ok(()),
    }
}
