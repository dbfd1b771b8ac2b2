//! The outbox of one client: what the router has for it, and the trait by which a transport takes that over.
//!
//! # The contract
//! 1. It never blocks, whatever the client does. Nothing goes out before the end of a turn ([`Outbox::give`],
//!    [`Outbox::flush`], [`Outbox::close`]): a store may have to keep what is pushed before any client sees it.
//! 2. It never reorders: what was pushed first is written first.
//! 3. It is bounded, in items and in bytes, whenever it was flushed. Past the bound, coming and going is dropped first, then room speech,
//!    oldest first; a `GAP` stands in the place of what was dropped. Answers, whispers and what has no number to be asked for again
//!    (topics, notes, events of features) are never dropped: a client that is past the bound with only those is
//!    disconnected.
//! 4. The last words are never dropped: the transport has room for them even when it is full.
//!
//! A client cannot fill its own outbox with answers: the tickets of its requests travel with them, and its reader goes
//! on only when they are written ([`Outbox::hold`]). A long answer, a block, is asked for when all before it is written
//! ([`Verb::long`](crate::model::verb::Verb::long)), so there is one at a time. The longest block that waits does not
//! count towards the bound, since a client that asks for a page and reads it is not slow; other blocks do.

use std::sync::Arc;

use crate::chat::ticket::Ticket;
use crate::model::event::{Change, Envelope, Event, Speech};
use crate::model::run::Run;

/// What one client gets of one turn of the router.
#[derive(Default)]
pub struct Batch {
    /// The events, in order.
    pub envelopes: Run,
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
    /// The writer has stopped because of a bug in the server.
    Broken,
}

/// The transport's end of an outbox. Dropping it ends the connection, after what was delivered is written.
pub trait Deliver: Send {
    /// Hands a batch over. Must not block.
    ///
    /// # Errors
    /// [`Undelivered::Full`] gives the batch back; after the other errors nothing will ever be written again.
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

/// The result of a flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// All is handed over.
    All,
    /// The client is slow; try again.
    Waits,
    /// Only what must not be dropped is left, and it is too much.
    Overfull,
    /// There is no such client any more.
    Gone,
    /// There is no such client any more, because of a bug in the server.
    Broken,
}

/// The router's side of one client's queue.
pub struct Outbox {
    pending: Vec<Arc<Envelope>>,
    /// What the pending envelopes cost, in bytes.
    bytes: usize,
    tickets: Vec<Ticket>,
    /// How many of the bytes are those of the longest block.
    block: usize,
    max_bytes: usize,
    /// How many lines were dropped since the last `take_lost`.
    lost: u64,
    /// What a flush says from now on; nothing is taken any more.
    pub(crate) ended: Option<Flushed>,
    deliver: Box<dyn Deliver>,
}

impl Outbox {
    /// An outbox that hands over to `deliver` and holds at most `max_bytes` and [`MAX_PENDING`] events itself.
    pub fn new(deliver: Box<dyn Deliver>, max_bytes: usize) -> Outbox {
        Outbox {
            pending: Vec::new(),
            bytes: 0,
            tickets: Vec::new(),
            block: 0,
            max_bytes,
            lost: 0,
            ended: None,
            deliver,
        }
    }

    /// Puts an event behind the others. Returns whether it is the first, so that this outbox has to be flushed.
    pub fn push(&mut self, envelope: &Arc<Envelope>) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let first = self.pending.is_empty();
        if matches!(envelope.event, Event::Block(_)) {
            self.block = self.block.max(envelope.cost());
        }
        self.bytes += envelope.cost();
        self.pending.push(envelope.clone());
        // The bound is checked when it is handed over and not here: nothing may go out while the turn goes on, and the
        // transport may have room for all of it.
        first
    }

    /// Hands over a run that other clients get as well, if nothing waits here. Otherwise, or if the transport has no
    /// room, the run waits behind the rest. Returns whether this outbox has to be flushed because of it.
    pub fn give(&mut self, run: &Run) -> bool {
        if self.ended.is_some() || run.is_empty() {
            return false;
        }
        if self.pending.is_empty() {
            let batch = Batch { envelopes: run.clone(), bytes: run.cost(), tickets: Vec::new() };
            if self.hand_over(batch) == Flushed::All {
                return false;
            }
            if self.is_overfull() {
                self.shed();
            }
            return true;
        }
        for envelope in run.iter() {
            self.push(envelope);
        }
        false
    }

    /// Keeps the ticket of a request until its answer is written. Where there is no answer it goes back at once.
    pub fn hold(&mut self, ticket: Ticket) {
        if !self.pending.is_empty() {
            self.tickets.push(ticket);
        }
    }

    /// Hands over what waits.
    pub fn flush(&mut self) -> Flushed {
        if let Some(end) = self.ended {
            return end;
        }
        if self.pending.is_empty() {
            return Flushed::All;
        }
        let block = std::mem::take(&mut self.block);
        let batch = self.take_all();
        let flushed = self.hand_over(batch);
        if matches!(flushed, Flushed::Waits | Flushed::Overfull) {
            self.block = block;
            if self.is_overfull() {
                self.shed();
            }
            return if self.is_overfull() { Flushed::Overfull } else { Flushed::Waits };
        }
        flushed
    }

    fn take_all(&mut self) -> Batch {
        Batch {
            envelopes: std::mem::take(&mut self.pending).into(),
            bytes: std::mem::take(&mut self.bytes),
            tickets: std::mem::take(&mut self.tickets),
        }
    }

    /// Hands a batch to the transport, and keeps it where there is no room for it.
    fn hand_over(&mut self, batch: Batch) -> Flushed {
        match self.deliver.deliver(batch) {
            Ok(()) => Flushed::All,
            Err(Undelivered::Gone) => *self.ended.insert(Flushed::Gone),
            Err(Undelivered::Broken) => *self.ended.insert(Flushed::Broken),
            Err(Undelivered::Full(batch)) => {
                self.pending = batch.envelopes.to_vec();
                self.bytes = batch.bytes;
                self.tickets = batch.tickets;
                Flushed::Waits
            }
        }
    }

    /// Ends the outbox: what waits, and the last line behind it, go to the transport as its last batch.
    pub fn close(mut self, last: Arc<Envelope>) {
        if self.is_overfull() {
            self.flush();
        }
        self.push(&last);
        let batch = self.take_all();
        self.deliver.last_words(batch);
    }

    /// How many lines were dropped for this client since the last call.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// How many bytes wait, here and in the transport.
    pub fn waiting(&self) -> usize {
        self.bytes + self.deliver.waiting()
    }

    /// What waits: events here, their bytes, and bytes in the transport.
    pub fn depths(&self) -> (usize, usize, usize) {
        (self.pending.len(), self.bytes, self.deliver.waiting())
    }

    fn is_overfull(&self) -> bool {
        // A single event always fits: a long answer of the server must not be able to end a connection.
        self.pending.len() > 1 && (self.pending.len() > MAX_PENDING || self.bytes - self.block > self.max_bytes)
    }

    /// Makes room: drops joins, leaves and new names, and, if that is not enough, the oldest speech down to half of the
    /// bound, so that the next events do not make it necessary again.
    fn shed(&mut self) {
        let bytes = &mut self.bytes;
        self.pending.retain(|envelope| {
            let keep = match &envelope.event {
                Event::Joined { .. } | Event::Left { .. } | Event::Renamed { .. } => false,
                Event::Feature(event) => !event.is_passing(),
                _ => true,
            };
            *bytes -= if keep { 0 } else { envelope.cost() };
            keep
        });
        if self.is_overfull() {
            self.shed_speech();
        }
    }

    /// Drops the oldest lines until at most half of what is allowed is left; each run of dropped lines becomes one gap for each room,
    /// in its place. From `#a 1, #b 7, #a 2, OK, #a 3, #a 4`, where all but two lines have to go: `GAP #a 1 to 2, GAP #b 7, OK, #a 3, #a 4`.
    fn shed_speech(&mut self) {
        let envelopes = std::mem::take(&mut self.pending);
        let (mut count, mut bytes) = (envelopes.len(), self.bytes - self.block);
        // What was dropped since the last envelope that stays: one gap for each room.
        let mut gaps: Vec<Arc<Envelope>> = Vec::new();
        for envelope in envelopes {
            let enough = count <= MAX_PENDING / 2 && bytes <= self.max_bytes / 2;
            let Some(missed) = gap(&envelope).filter(|gap| !enough || Arc::ptr_eq(gap, &envelope)) else {
                self.pending.append(&mut gaps);
                self.pending.push(envelope);
                continue;
            };
            self.lost += u64::from(!Arc::ptr_eq(&missed, &envelope));
            count -= 1;
            bytes -= envelope.cost();
            match gaps.iter_mut().find_map(|known| joined(known, &missed).map(|joined| (known, joined))) {
                Some((known, joined)) => *known = joined,
                None => {
                    count += 1;
                    bytes += missed.cost();
                    gaps.push(missed);
                }
            }
        }
        self.pending.append(&mut gaps);
        self.bytes = bytes + self.block;
    }
}

/// The gap that takes the place of this envelope, if it may be dropped: it is speech, or a gap already.
fn gap(envelope: &Arc<Envelope>) -> Option<Arc<Envelope>> {
    match &envelope.event {
        Event::Said(Speech { room, id, .. }) | Event::Changed(Change { room, id, .. }) => {
            let gap = Event::Gap { room: room.clone(), first: *id, last: *id, count: 1 };
            Some(Envelope::new(envelope.at, gap))
        }
        Event::Gap { .. } => Some(envelope.clone()),
        _ => None,
    }
}

/// Two gaps of one room as one; `None` if they are not both gaps of one room.
fn joined(a: &Envelope, b: &Envelope) -> Option<Arc<Envelope>> {
    match (&a.event, &b.event) {
        (Event::Gap { room, first, count, .. }, Event::Gap { room: other, last, count: more, .. }) if room == other => {
            let gap = Event::Gap { room: room.clone(), first: *first, last: *last, count: count + more };
            Some(Envelope::new(b.at, gap))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::typing::Typing;
    use crate::model::event::Version;
    use crate::model::names::{ClientId, Name, RoomName};
    use crate::model::text::Text;
    use chrono::DateTime;
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
            let render = |e: &Arc<Envelope>| {
                String::from_utf8(crate::protocol::render::render(e, crate::model::event::Wire::Plain)).unwrap()
            };
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
        envelope(Event::Said(Speech {
            room: RoomName::lobby(),
            id,
            by: ClientId(1),
            from: Name::parse("ani").unwrap(),
            act: false,
            re: None,
            version: Version::First,
            signed: false,
            cid: None,
            file: None,
            text: Text::own(id.to_string()).into(),
        }))
    }

    fn joined() -> Event {
        Event::Joined { room: RoomName::lobby(), by: ClientId(2), name: Name::parse("budi").unwrap(), signed: false }
    }

    fn whisper() -> Arc<Envelope> {
        let ani = Name::parse("ani").unwrap();
        envelope(Event::Whispered {
            by: ClientId(1),
            from: ani.clone(),
            to: ani,
            id: None,
            file: None,
            text: Text::own("psst").into(),
        })
    }

    #[test]
    fn what_waits_goes_out_in_order() {
        let (mut outbox, room, taken) = outbox(1 << 20);
        assert!(outbox.push(&said(1)));
        assert!(!outbox.push(&said(2)));
        assert_eq!(outbox.flush(), Flushed::Waits);
        outbox.push(&said(3));
        *room.lock().unwrap() = 1;
        assert_eq!(outbox.flush(), Flushed::All);
        assert_eq!(*taken.lock().unwrap(), ["ani: 1", "ani: 2", "ani: 3"]);
    }

    #[test]
    fn speech_falls_out_oldest_first_and_is_told_but_whispers_stay() {
        let (mut outbox, room, taken) = outbox(1 << 20);
        outbox.push(&whisper());
        for id in 1..=MAX_PENDING as u64 {
            outbox.push(&said(id));
        }
        assert_eq!((outbox.flush(), outbox.take_lost()), (Flushed::Waits, 514));
        *room.lock().unwrap() = 1;
        assert_eq!(outbox.flush(), Flushed::All);
        let taken = taken.lock().unwrap();
        assert!(taken[1].contains("514 lines of #lobby not shown"), "{}", taken[1]);
        assert_eq!((taken[0].as_str(), taken[2].as_str()), ("ani whispers: psst", "ani: 515"));
        assert_eq!(taken.last().unwrap(), "ani: 1024");
    }

    #[test]
    fn a_gap_that_did_not_get_through_grows() {
        let (mut outbox, room, taken) = outbox(700);
        for id in 1..=20 {
            outbox.push(&said(id));
            assert_eq!(outbox.flush(), Flushed::Waits);
        }
        *room.lock().unwrap() = 1;
        assert_eq!(outbox.flush(), Flushed::All);
        let taken = taken.lock().unwrap();
        let lost = outbox.take_lost() as usize;
        assert!(taken[0].starts_with(&format!("Attention! {lost} lines")), "{}", taken[0]);
        assert_eq!(taken.len() - 1 + lost, 20);
    }

    #[test]
    fn a_ticket_travels_with_its_answer_and_without_one_goes_back_at_once() {
        let shelf = crate::testing::Shelf::default();
        let mut outbox = Outbox::new(Box::new(shelf.clone()), 1_000);
        outbox.push(&whisper());
        outbox.hold(Ticket::free());
        assert_eq!(outbox.flush(), Flushed::All);
        assert_eq!(shelf.take()[0].tickets.len(), 1);
        outbox.hold(Ticket::free());
        outbox.push(&whisper());
        assert_eq!(outbox.flush(), Flushed::All);
        assert_eq!(shelf.take()[0].tickets.len(), 0);
    }

    #[test]
    fn one_long_answer_does_not_make_a_client_slow_and_costs_it_no_lines_but_several_count() {
        use crate::model::event::Block;
        use crate::model::rows::Stat;
        let (mut outbox, room, taken) = outbox(1_000);
        let rows = || vec![Stat { key: "clients", value: 1, text: "open connections" }; 20];
        let block = || envelope(Event::Block(Block::new("STATS", rows())));
        for id in 1..=3 {
            outbox.push(&said(id));
        }
        outbox.push(&block());
        assert!(outbox.waiting() > 2_000);
        assert_eq!((outbox.flush(), outbox.take_lost()), (Flushed::Waits, 0));
        *room.lock().unwrap() = 1;
        assert_eq!(outbox.flush(), Flushed::All);
        assert_eq!(taken.lock().unwrap().len(), 4);
        // What comes after is counted from the start.
        for id in 4..=20 {
            outbox.push(&said(id));
        }
        assert_eq!(outbox.flush(), Flushed::Waits);
        assert!(outbox.take_lost() > 5);
        outbox.push(&block());
        assert_eq!(outbox.flush(), Flushed::Waits, "the first is within the bound");
        outbox.push(&block());
        assert_eq!(outbox.flush(), Flushed::Overfull, "the second is not");
    }

    #[test]
    fn a_client_that_is_gone_costs_nothing_more() {
        struct Gone;
        impl Deliver for Gone {
            fn deliver(&mut self, _: Batch) -> Result<(), Undelivered> {
                Err(Undelivered::Gone)
            }
        }
        let mut outbox = Outbox::new(Box::new(Gone), 1_000);
        assert!(outbox.push(&said(1)));
        assert_eq!(outbox.flush(), Flushed::Gone);
        for id in 2..5_000 {
            assert!(!outbox.push(&said(id)));
        }
        assert_eq!((outbox.waiting(), outbox.flush()), (0, Flushed::Gone));
    }

    #[test]
    fn coming_and_going_is_dropped_first() {
        let (mut outbox, room, taken) = outbox(1_000);
        outbox.push(&said(1));
        let (room_name, name) = (RoomName::lobby(), Name::parse("budi").unwrap());
        let typing = Typing { room: room_name, by: ClientId(2), name, on: true };
        let typing = envelope(Event::feature(typing));
        for _ in 0..20 {
            outbox.push(&envelope(joined()));
            outbox.push(&typing);
        }
        *room.lock().unwrap() = 1;
        outbox.flush();
        assert_eq!((taken.lock().unwrap()[0].as_str(), outbox.take_lost()), ("ani: 1", 0));
    }

    #[test]
    fn only_whispers_left_and_too_many_is_overfull() {
        let (mut outbox, _, taken) = outbox(1_000);
        for _ in 0..20 {
            outbox.push(&whisper());
        }
        assert_eq!(outbox.flush(), Flushed::Overfull);
        outbox.close(envelope(Event::Bye { why: crate::model::event::Leave::TooSlow, name: None }));
        assert_eq!(taken.lock().unwrap().len(), 21);
    }
}
