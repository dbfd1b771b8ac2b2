//! The way out to one client: what the router has for it, and the trait that a transport implements.
//!
//! # The contract
//! 1. It never blocks: not in [`Outbox::push`], not in [`Outbox::flush`], whatever the client does.
//! 2. It never reorders: what was pushed first is written first.
//! 3. It is bounded, in items and in bytes. Past the bound, coming and going is dropped first, then room speech,
//!    oldest first; that is counted and told by a `GAP` ahead of the next thing that gets through. Answers and
//!    whispers are never dropped: a client for whom only those are left is let go.
//! 4. The last words are kept: the transport has room for them even when it is full.
//!
//! A client cannot fill its own outbox with answers: the tickets of its requests travel with them, and its reader goes
//! on only when they are written ([`Outbox::hold`]).

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::event::{Envelope, Event};
use crate::message::Ticket;
use crate::names::RoomName;

/// What one client gets of one turn of the router.
#[derive(Default)]
pub struct Batch {
    /// The events, in order.
    pub envelopes: Vec<Arc<Envelope>>,
    /// What they cost, in bytes ([`Envelope::cost`]).
    pub bytes: usize,
    /// The tickets of the requests that are answered in here. They go back when the batch is dropped.
    pub tickets: Vec<Ticket>,
}

/// Why a batch could not be handed over.
pub enum Undelivered {
    /// The client is slow; here is the batch back.
    Full(Batch),
    /// There is no such client any more.
    Gone,
}

/// The one trait that a transport implements. Dropping it ends the connection, after what was delivered is written.
pub trait Deliver: Send {
    /// Hands a batch over. Must not block.
    ///
    /// # Errors
    /// [`Undelivered::Full`] gives the batch back; [`Undelivered::Gone`] means that nothing will ever be written again.
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered>;

    /// Hands over the last batch of this connection, for which there is always room.
    fn last_words(&mut self, batch: Batch) {
        // A transport without a reserve does what it can; the connection ends in any case.
        let _lost_if_full = self.deliver(batch);
    }

    /// How many bytes wait in the transport, for the figures.
    fn waiting(&self) -> usize {
        0
    }
}

/// The most events that wait at the router for one client.
pub const MAX_PENDING: usize = 1_024;

/// What came of a flush.
#[derive(PartialEq, Eq, Debug)]
pub enum Flushed {
    /// All is handed over.
    All,
    /// The client is slow; try again.
    Waits,
    /// Only what must not be dropped is left, and it is too much.
    Overfull,
    /// There is no such client any more.
    Gone,
}

/// The router's side of one client's queue.
pub struct Outbox {
    pending: Batch,
    max_bytes: usize,
    missed: Vec<Missed>,
    /// How many lines were missed since somebody asked.
    lost: u64,
    gone: bool,
    deliver: Box<dyn Deliver>,
}

struct Missed {
    room: RoomName,
    first: u64,
    last: u64,
    count: u64,
}

impl Outbox {
    /// An outbox that hands over to `deliver` and holds at most `max_bytes` and [`MAX_PENDING`] events itself.
    pub fn new(deliver: Box<dyn Deliver>, max_bytes: usize) -> Outbox {
        Outbox { pending: Batch::default(), max_bytes, missed: Vec::new(), lost: 0, gone: false, deliver }
    }

    /// Puts an event behind the others. Returns true if there was none before, so that a flush is due.
    pub fn push(&mut self, envelope: &Arc<Envelope>) -> bool {
        let first = self.pending.envelopes.is_empty() && self.missed.is_empty();
        self.pending.bytes += envelope.cost();
        self.pending.envelopes.push(envelope.clone());
        // One turn can be more than the bound. That alone is no reason to lose anything: the transport may have room.
        if self.is_overfull() && self.flush(envelope.at) == Flushed::Overfull {
            self.shed();
        }
        first
    }

    /// Keeps the ticket of a request until its answer is written. Where there is no answer it goes back at once.
    pub fn hold(&mut self, ticket: Ticket) {
        if !self.pending.envelopes.is_empty() {
            self.pending.tickets.push(ticket);
        }
    }

    /// Hands over what waits. `at` is the time for a `GAP`, if one is due.
    pub fn flush(&mut self, at: DateTime<Utc>) -> Flushed {
        if self.gone {
            return Flushed::Gone;
        }
        if self.pending.envelopes.is_empty() && self.missed.is_empty() {
            return Flushed::All;
        }
        let gaps = self.missed.len();
        let mut batch = std::mem::take(&mut self.pending);
        if gaps > 0 {
            let told: Vec<_> = self.missed.iter().map(|missed| missed.told(at)).collect();
            batch.envelopes.splice(0..0, told);
        }
        match self.deliver.deliver(batch) {
            Ok(()) => {
                self.missed.clear();
                Flushed::All
            }
            Err(Undelivered::Gone) => {
                self.gone = true;
                Flushed::Gone
            }
            Err(Undelivered::Full(mut batch)) => {
                batch.envelopes.drain(..gaps);
                self.pending = batch;
                if self.is_overfull() { Flushed::Overfull } else { Flushed::Waits }
            }
        }
    }

    /// Ends it: what waits and the last words go to the transport's reserve.
    pub fn close(mut self, last: Arc<Envelope>) {
        let at = last.at;
        self.push(&last);
        let told: Vec<_> = self.missed.iter().map(|missed| missed.told(at)).collect();
        self.pending.envelopes.splice(0..0, told);
        self.deliver.last_words(self.pending);
    }

    /// How many lines this client missed since this was asked last.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// How many bytes wait, here and in the transport.
    pub fn waiting(&self) -> usize {
        self.pending.bytes + self.deliver.waiting()
    }

    fn is_overfull(&self) -> bool {
        // One thing alone always fits: a long answer of ours must not be able to end a connection.
        self.pending.envelopes.len() > 1
            && (self.pending.envelopes.len() > MAX_PENDING || self.pending.bytes > self.max_bytes)
    }

    /// Makes room by half, so that the work of it is spread over many pushes.
    fn shed(&mut self) {
        let Batch { envelopes, bytes, .. } = &mut self.pending;
        envelopes.retain(|envelope| {
            let keep = !matches!(
                envelope.event,
                Event::Joined { .. } | Event::Left { .. } | Event::Renamed { .. } | Event::Typing { .. }
            );
            *bytes -= if keep { 0 } else { envelope.cost() };
            keep
        });
        let mut count = envelopes.len();
        let (missed, lost, max_bytes) = (&mut self.missed, &mut self.lost, self.max_bytes);
        envelopes.retain(|envelope| {
            if count <= MAX_PENDING / 2 && *bytes <= max_bytes / 2 {
                return true;
            }
            let Event::Said { room, id, .. } = &envelope.event else { return true };
            *bytes -= envelope.cost();
            count -= 1;
            *lost += 1;
            match missed.iter_mut().find(|missed| missed.room == *room) {
                Some(missed) => {
                    missed.last = *id;
                    missed.count += 1;
                }
                None => missed.push(Missed { room: room.clone(), first: *id, last: *id, count: 1 }),
            }
            false
        });
    }
}

impl Missed {
    fn told(&self, at: DateTime<Utc>) -> Arc<Envelope> {
        let Missed { room, first, last, count } = self;
        Envelope::new(at, Event::Gap { room: room.clone(), first: *first, last: *last, count: *count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Name;
    use crate::text::Text;
    use std::sync::Mutex;

    /// A transport with room for so many batches, whose last words always fit.
    struct Shelf {
        room: Arc<Mutex<usize>>,
        taken: Arc<Mutex<Vec<String>>>,
    }

    impl Deliver for Shelf {
        fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
            let mut room = self.room.lock().unwrap();
            if *room == 0 {
                return Err(Undelivered::Full(batch));
            }
            *room -= 1;
            drop(room);
            self.last_words(batch);
            Ok(())
        }

        fn last_words(&mut self, batch: Batch) {
            let render =
                |e: &Arc<Envelope>| String::from_utf8(crate::render::render(e, crate::event::Wire::Plain)).unwrap();
            self.taken.lock().unwrap().extend(batch.envelopes.iter().map(|e| render(e).trim_end().to_string()));
        }
    }

    type Room = Arc<Mutex<usize>>;
    type Taken = Arc<Mutex<Vec<String>>>;

    fn outbox(max_bytes: usize) -> (Outbox, Room, Taken) {
        let (room, taken) = (Arc::new(Mutex::new(0)), Arc::default());
        (Outbox::new(Box::new(Shelf { room: room.clone(), taken: Arc::clone(&taken) }), max_bytes), room, taken)
    }

    fn envelope(event: Event) -> Arc<Envelope> {
        Envelope::new(DateTime::UNIX_EPOCH, event)
    }

    fn said(id: u64) -> Arc<Envelope> {
        let (room, from) = (RoomName::lobby(), Name::parse("ani").unwrap());
        envelope(Event::Said { room, id, from, act: false, text: Text::own(id.to_string()) })
    }

    fn whisper() -> Arc<Envelope> {
        let ani = Name::parse("ani").unwrap();
        envelope(Event::Whispered { from: ani.clone(), to: ani, text: Text::own("psst") })
    }

    #[test]
    fn what_waits_goes_out_in_order() {
        let (mut outbox, room, taken) = outbox(1 << 20);
        assert!(outbox.push(&said(1)));
        assert!(!outbox.push(&said(2)));
        assert_eq!(outbox.flush(DateTime::UNIX_EPOCH), Flushed::Waits);
        outbox.push(&said(3));
        *room.lock().unwrap() = 1;
        assert_eq!(outbox.flush(DateTime::UNIX_EPOCH), Flushed::All);
        assert_eq!(*taken.lock().unwrap(), ["ani: 1", "ani: 2", "ani: 3"]);
    }

    #[test]
    fn speech_falls_out_oldest_first_and_is_told_but_whispers_stay() {
        let (mut outbox, room, taken) = outbox(1 << 20);
        outbox.push(&whisper());
        for id in 1..=MAX_PENDING as u64 {
            outbox.push(&said(id));
        }
        assert_eq!(outbox.take_lost(), 513);
        *room.lock().unwrap() = 1;
        assert_eq!(outbox.flush(DateTime::UNIX_EPOCH), Flushed::All);
        let taken = taken.lock().unwrap();
        assert!(taken[0].contains("513 lines of #lobby were not shown"), "{}", taken[0]);
        assert_eq!(taken[1..3], ["ani whispers: psst", "ani: 514"]);
        assert_eq!(taken.last().unwrap(), "ani: 1024");
    }

    #[test]
    fn a_gap_that_did_not_get_through_grows() {
        let (mut outbox, room, taken) = outbox(700);
        for id in 1..=20 {
            outbox.push(&said(id));
            assert_eq!(outbox.flush(DateTime::UNIX_EPOCH), Flushed::Waits);
        }
        *room.lock().unwrap() = 1;
        assert_eq!(outbox.flush(DateTime::UNIX_EPOCH), Flushed::All);
        let taken = taken.lock().unwrap();
        let lost = outbox.take_lost() as usize;
        assert!(taken[0].starts_with(&format!("Attention: {lost} lines")), "{}", taken[0]);
        assert_eq!(taken.len() - 1 + lost, 20);
    }

    #[test]
    fn coming_and_going_is_dropped_first() {
        let (mut outbox, room, taken) = outbox(1_000);
        outbox.push(&said(1));
        for _ in 0..20 {
            outbox.push(&envelope(Event::Joined { room: RoomName::lobby(), name: Name::parse("budi").unwrap() }));
        }
        *room.lock().unwrap() = 1;
        outbox.flush(DateTime::UNIX_EPOCH);
        assert_eq!((taken.lock().unwrap()[0].as_str(), outbox.take_lost()), ("ani: 1", 0));
    }

    #[test]
    fn only_whispers_left_and_too_many_is_overfull() {
        let (mut outbox, _, taken) = outbox(1_000);
        for _ in 0..20 {
            outbox.push(&whisper());
        }
        assert_eq!(outbox.flush(DateTime::UNIX_EPOCH), Flushed::Overfull);
        outbox.close(envelope(Event::Bye { why: crate::event::Leave::TooSlow, name: None }));
        assert_eq!(taken.lock().unwrap().len(), 21);
    }
}
