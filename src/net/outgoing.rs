//! The writing side of one client: makes bytes of its batches, and says how long the peer may take. No socket, no
//! thread.
//!
//! Every transport writes to its clients by this, so that a slow one has the same time on all of them.

use std::time::{Duration, Instant};

use crate::chat::outbox::Batch;
use crate::chat::ticket::Ticket;
use crate::model::run::Run;
use crate::net::queue::QueueReceiver;
use crate::protocol::dialect::Encoder;

/// The most bytes that are written in one go, and for which `slow_secs` is counted.
const PIECE: usize = 64 * 1024;
/// How long a peer may take for what is left when its connection ends.
const GRACE: Duration = Duration::from_secs(5);

/// The writing side of one client.
pub struct Outgoing<E> {
    encoder: E,
    out: Vec<u8>,
    written: usize,
    /// How much of the queue `out` is made of.
    batches: usize,
    bytes: usize,
    /// The tickets of the answers in `out`.
    tickets: Vec<Ticket>,
    /// How long a piece may take; zero is for ever.
    slow: Duration,
    /// Since when the piece waits for the peer.
    began: Option<Instant>,
    /// When the router was told that this client has to go.
    told: Option<Instant>,
}

/// What is to be done about a peer that has not taken all yet.
#[derive(PartialEq, Eq, Debug)]
pub enum Patience {
    /// Wait for it, and look again at this time. `None` is for ever.
    Until(Option<Instant>),
    /// Tell the router, which has some last words for it, that it is too slow, and look again.
    TooSlow,
    /// Close the connection: the peer has used up its time.
    Over,
}

impl<E: Encoder> Outgoing<E> {
    /// A writing side with nothing to write yet. `slow` is how long a peer may take for 64 KiB; zero is for ever.
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

    /// Puts a batch of the queue behind what is there.
    pub fn add(&mut self, batch: Batch) {
        self.batches += 1;
        self.bytes += batch.bytes;
        match self.encoder.shared(&batch.envelopes) {
            Some(bytes) => self.out.extend_from_slice(bytes),
            None => batch.envelopes.iter().for_each(|envelope| self.encoder.encode(envelope, &mut self.out)),
        }
        self.encoder.finish_batch(&mut self.out);
        self.tickets.extend(batch.tickets);
    }

    /// Adds what waits in the queue, as long as there is not enough for a piece. Returns whether there was anything.
    pub fn add_all(&mut self, queue: &QueueReceiver) -> bool {
        let before = self.batches;
        while self.out.len() < PIECE
            && let Some(batch) = queue.try_recv()
        {
            self.add(batch);
        }
        let has_added = self.batches > before;
        // What has no bytes in this dialect is written, and its tickets go back.
        self.wrote(0, queue);
        has_added
    }

    /// A run's bytes, for code that tries to write them past the queue: those that others get as well, or made in
    /// `scratch`, whatever was in it.
    pub fn encode<'a>(&mut self, run: &'a Run, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if let Some(bytes) = self.encoder.shared(run) {
            return bytes;
        }
        scratch.clear();
        run.iter().for_each(|envelope| self.encoder.encode(envelope, scratch));
        self.encoder.finish_batch(scratch);
        scratch
    }

    /// Keeps what could not be written past the queue, with the tickets of its answers.
    pub fn keep(&mut self, rest: &[u8], tickets: Vec<Ticket>) {
        self.out.extend_from_slice(rest);
        self.tickets.extend(tickets);
    }

    /// What has to be written next: empty when all is written.
    pub fn piece(&self) -> &[u8] {
        &self.out[self.written..self.out.len().min((self.written / PIECE + 1) * PIECE)]
    }

    /// The peer has taken so many bytes of the piece. When it was the last, the queue has room again and the tickets go
    /// back.
    pub fn wrote(&mut self, count: usize, queue: &QueueReceiver) {
        self.written += count;
        // Only the end of a piece begins a new wait: a peer that takes a few bytes at a time gains none.
        if count > 0 && self.written.is_multiple_of(PIECE) {
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

    /// How long to wait for the peer, which has not taken the whole piece. `let_go` is whether the router has dropped
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

#[cfg(all(test, not(shuttle)))]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::chat::outbox::Deliver;
    use crate::chat::ticket::Credits;
    use crate::model::event::{Envelope, Event};
    use crate::model::text::Text;
    use crate::net::queue::queue;
    use crate::protocol::dialect::LineEncoder;

    const SLOW: Duration = Duration::from_secs(10);

    /// Something over one piece, from a queue.
    fn full() -> (Outgoing<LineEncoder>, QueueReceiver, impl Deliver) {
        let (mut sender, receiver) = queue(1 << 20);
        let words = Text::new(&"x".repeat(1_000)).expect("a text");
        let note = Envelope::new(DateTime::UNIX_EPOCH, Event::Note { room: None, text: words });
        let batch = Batch { envelopes: vec![note; 70].into(), bytes: 70_000, tickets: Vec::new() };
        assert!(sender.deliver(batch).is_ok());
        let mut outgoing = Outgoing::new(LineEncoder::default(), SLOW);
        assert!(outgoing.add_all(&receiver));
        (outgoing, receiver, sender)
    }

    /// A dialect in which nothing is worth a word.
    struct Silent;

    impl Encoder for Silent {
        fn encode(&mut self, _: &Envelope, _: &mut Vec<u8>) {}
    }

    #[test]
    fn what_has_no_bytes_is_written_and_its_ticket_goes_back() {
        let (mut sender, receiver) = queue(1 << 20);
        let credits = Credits::new(1);
        let tickets = vec![credits.try_take().expect("a ticket")];
        let pong = Envelope::new(DateTime::UNIX_EPOCH, Event::Pong(Text::default()));
        assert!(sender.deliver(Batch { envelopes: vec![pong].into(), bytes: 100, tickets }).is_ok());
        let mut outgoing = Outgoing::new(Silent, SLOW);
        assert!(!credits.are_back(1) && outgoing.add_all(&receiver));
        assert_eq!((outgoing.piece().len(), sender.waiting(), credits.are_back(1)), (0, 0, true));
    }

    #[test]
    fn a_peer_that_takes_nothing_has_the_limit_and_a_little_more() {
        let (mut outgoing, queue, _sender) = full();
        let start = Instant::now();
        for second in 0..10 {
            outgoing.wrote(0, &queue);
            let until = Patience::Until(Some(start + SLOW));
            assert_eq!(outgoing.patience(start + Duration::from_secs(second), false), until);
        }
        assert_eq!(outgoing.patience(start + SLOW, false), Patience::TooSlow);
        assert_eq!(outgoing.patience(start + SLOW, true), Patience::Until(Some(start + SLOW + GRACE)));
        assert_eq!(outgoing.patience(start + SLOW + GRACE, true), Patience::Over);
    }

    #[test]
    fn a_peer_that_takes_a_piece_in_time_has_the_limit_again_for_the_next() {
        let (mut outgoing, queue, sender) = full();
        let start = Instant::now();
        outgoing.wrote(PIECE - 1, &queue);
        assert_eq!(outgoing.patience(start, false), Patience::Until(Some(start + SLOW)));
        outgoing.wrote(1, &queue);
        let later = start + Duration::from_secs(9);
        assert_eq!(outgoing.patience(later, false), Patience::Until(Some(later + SLOW)));
        assert_eq!(sender.waiting(), 70_000, "it counts until all is written");
        outgoing.wrote(outgoing.piece().len(), &queue);
        assert_eq!((outgoing.piece().len(), sender.waiting()), (0, 0));
    }

    #[test]
    fn whom_the_router_let_go_has_a_little_time_whatever_it_takes() {
        let (mut outgoing, queue, _sender) = full();
        let start = Instant::now();
        assert_eq!(outgoing.patience(start, true), Patience::Until(Some(start + GRACE)));
        outgoing.wrote(PIECE, &queue);
        assert_eq!(outgoing.patience(start + GRACE, true), Patience::Over);
    }
}
