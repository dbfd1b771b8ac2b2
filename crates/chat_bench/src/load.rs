//! The load: one thread, many clients, every message checked where it comes.
//!
//! Clients `0..senders` send, all listen, and the last ones may be made to misbehave. In a closed loop a message is under
//! way until the last of its receivers has it, and then its sender sends the next one. At a fixed rate each message has a
//! time at which it is due, and latency counts from there: a server that holds the load up does not hide it by that.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};

use crate::failure::{Failure, failure};
use crate::seen::Seen;
use crate::stamp::{MAX_SEQUENCE, Stamp};

mod conn;
mod plan;
mod tally;

use conn::Conn;
pub use plan::{BACKLOG, MAX_CLIENTS, Pace, Plan};
use tally::Tally;

/// How many clients may be on their way in at once.
const COMING_IN: usize = 1_000;
/// Read at once, so also the longest line or frame.
const BUFFER: usize = 256 * 1024;
/// The most messages of one sender under way at a fixed rate; a server that is further behind has failed.
const FAR_BEHIND: usize = 100_000;
/// How often a signal is looked for where nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Set by Ctrl-C; every wait of the load looks at it.
pub static STOP: AtomicBool = AtomicBool::new(false);

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
        let plan = plan.checked()?;
        Ok(Load {
            poll: Poll::new()?,
            events: Events::with_capacity(1_024),
            conns: Vec::with_capacity(plan.clients),
            heard: 0,
            tally: Tally::new(plan.clients, plan.senders)?,
            began: Instant::now(),
            buffer: vec![0; BUFFER],
            sending: false,
            due: Duration::ZERO,
            next_sender: 0,
            last_bytes: Instant::now(),
            flood_more: false,
            plan,
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
            if self.plan.is_stalled(index) {
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
            self.tally.sound()?;
            if moved.1 != self.tally.deliveries {
                moved = (Instant::now(), self.tally.deliveries);
            } else if moved.0.elapsed() > Duration::from_secs(10) && self.tally.under_way() > 0 {
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
        while self.tally.under_way() > 0 && Instant::now() < end {
            self.turn(end)?;
            self.tally.sound()?;
        }
        // What comes twice may come now.
        self.settle(Duration::from_millis(50), Duration::from_secs(1))?;
        let sent: Vec<u32> = self.tally.senders.iter().map(|sender| sender.sent).collect();
        let listening = self.plan.listening();
        self.tally.checks.finish(|receiver, sender| receiver < listening && receiver != sender, &sent);
        self.tally.sound()
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

    fn connect(&mut self) -> Result<(), Failure> {
        let token = Token(self.conns.len());
        let conn = Conn::connect(self.plan.addr, self.plan.dialect, self.poll.registry(), token)?;
        self.conns.push(conn);
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
        let bytes = self.plan.bytes;
        let state = &mut self.tally.senders[sender];
        if state.sent == MAX_SEQUENCE {
            return; // a bound, not a wrong number
        }
        let stamp = Stamp { sender: sender as u32, sequence: state.sent, nanos: due.as_nanos() as u64 };
        state.sent += 1;
        state.under_way.push_back((self.plan.listening() - 1) as u32);
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
        if conn.open
            && let Err(words) = conn.writable(&format!("b{index}"))
        {
            self.gone(index, &words);
        }
    }

    fn flush(&mut self, index: usize) {
        if let Err(words) = self.conns[index].flush() {
            self.gone(index, &words);
        }
    }

    fn readable(&mut self, index: usize) {
        let stalled = self.plan.is_stalled(index);
        let misbehaves = stalled || self.plan.is_flooder(index);
        loop {
            let Load { conns, buffer, tally, began, heard, .. } = self;
            let conn = &mut conns[index];
            if !conn.open || (conn.joined && stalled) {
                return;
            }
            let filled = match conn.fill(buffer) {
                Ok(Some(filled)) => filled,
                Ok(None) => break,
                Err(words) => return self.gone(index, &words),
            };
            if !std::mem::replace(&mut conn.heard, true) {
                *heard += 1;
            }
            let now = began.elapsed().as_nanos() as u64;
            conn.take(&buffer[..filled], |seen, is_in| match seen {
                Seen::Message(_) if misbehaves => {}
                Seen::Message(stamp) => tally.message(index, stamp, now),
                Seen::Joined => tally.joined += 1,
                Seen::Trouble(_) if misbehaves && is_in => {}
                Seen::Trouble(line) => {
                    tally.trouble(format!("client {index} was told: {}", String::from_utf8_lossy(line)));
                }
            });
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
        let conn = &mut self.conns[index];
        let misbehaves = (self.plan.is_flooder(index) || self.plan.is_stalled(index)) && conn.joined;
        conn.open = false;
        conn.forget_sent();
        let _already = self.poll.registry().deregister(&mut conn.stream);
        if !misbehaves {
            self.tally.trouble(format!("client {index}: {words}"));
        }
    }
}
