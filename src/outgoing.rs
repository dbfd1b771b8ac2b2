//! What is still to be written to one client, as bytes, and how long that may take. No socket, no thread.
//!
//! Every transport writes to its clients by this, so that a slow one has the same time on all of them.

use std::time::{Duration, Instant};

use crate::dialect::Encoder;
use crate::message::Ticket;
use crate::outbox::Batch;
use crate::queue::QueueReceiver;

/// The most bytes that are written in one go, and for which `slow_secs` is counted.
const PIECE: usize = 64 * 1024;
/// How long a peer may take for what is left when its connection ends.
const GRACE: Duration = Duration::from_secs(5);

/// The writing side of one client.
pub struct Outgoing<E> {
    encoder: E,
    out: Vec<u8>,
    written: usize,
    /// Of the queue, what `out` is made of.
    batches: usize,
    bytes: usize,
    /// Kept until their answers are written.
    tickets: Vec<Ticket>,
    /// How long a piece may take; zero is for ever.
    slow: Duration,
    /// Since when the peer owes us to take the piece.
    began: Option<Instant>,
    /// Since when the router knows that this client has to go.
    told: Option<Instant>,
}

/// What is to be done about a peer that has not taken all yet.
#[derive(PartialEq, Eq, Debug)]
pub enum Patience {
    /// Wait for it, and look again at this time. `None` is for ever.
    Until(Option<Instant>),
    /// Tell the router, which has some last words for it, that it is too slow, and look again.
    TooSlow,
    /// It had all the time there is.
    Over,
}

impl<E: Encoder> Outgoing<E> {
    /// Nothing yet. `slow` is how long a peer may take for 64 KiB; zero is for ever.
    pub fn new(encoder: E, slow: Duration) -> Outgoing<E> {
        Outgoing {
            encoder,
            out: Vec::new(),
            written: 0,
            batches: 0,
            bytes: 0,
            tickets: Vec::new(),
            slow,
            began: None,
            told: None,
        }
    }

    /// Puts a batch behind what is there.
    pub fn add(&mut self, batch: Batch) {
        self.batches += 1;
        self.bytes += batch.bytes;
        for envelope in &batch.envelopes {
            self.encoder.encode(envelope, &mut self.out);
        }
        self.tickets.extend(batch.tickets);
    }

    /// Adds what waits in the queue, as long as there is not enough for a piece.
    pub fn add_all(&mut self, queue: &QueueReceiver) {
        while self.out.len() < PIECE
            && let Some(batch) = queue.try_recv()
        {
            self.add(batch);
        }
    }

    /// What has to be written next: empty when all is written.
    pub fn piece(&self) -> &[u8] {
        &self.out[self.written..self.out.len().min((self.written / PIECE + 1) * PIECE)]
    }

    /// The peer has taken so many bytes of the piece. When it was the last, the queue has room again and the tickets go
    /// back.
    pub fn wrote(&mut self, count: usize, queue: &QueueReceiver) {
        self.written += count;
        if self.written.is_multiple_of(PIECE) {
            self.began = None;
        }
        if self.written == self.out.len() {
            queue.written(std::mem::take(&mut self.batches), std::mem::take(&mut self.bytes));
            self.began = None;
            self.written = 0;
            self.tickets.clear();
            self.out.clear();
            self.out.shrink_to(512);
        }
    }

    /// How long to wait for the peer, which has not taken the whole piece. `let_go` is whether the router has let go of
    /// it already.
    pub fn patience(&mut self, now: Instant, let_go: bool) -> Patience {
        let began = *self.began.get_or_insert(now);
        if let_go {
            self.told.get_or_insert(now);
        }
        match self.told {
            Some(told) if now >= told + GRACE => Patience::Over,
            Some(told) => Patience::Until(Some(told + GRACE)),
            None if self.slow.is_zero() => Patience::Until(None),
            None if now >= began + self.slow => {
                self.told = Some(now);
                Patience::TooSlow
            }
            None => Patience::Until(Some(began + self.slow)),
        }
    }
}
