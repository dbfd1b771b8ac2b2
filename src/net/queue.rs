//! The way from the router to one writer thread: an mpsc channel of batches, bounded in batches and in bytes.

use crate::chat::outbox::{Batch, Deliver, Undelivered};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

/// How many batches wait for a writer at most. One more place is kept for the last words.
pub const MAX_BATCHES: usize = 15;

/// Makes a queue for batches that together cost at most `max_bytes`; one batch alone always fits.
pub fn queue(max_bytes: usize) -> (QueueSender, QueueReceiver) {
    let (sender, receiver) = mpsc::sync_channel(MAX_BATCHES + 1);
    let load = Arc::new(Load::default());
    (QueueSender { sender, load: load.clone(), max_bytes }, QueueReceiver { receiver, load })
}

/// What both ends know of the queue.
#[derive(Default)]
struct Load {
    batches: AtomicUsize,
    bytes: AtomicUsize,
    /// The router has dropped its end.
    closed: AtomicBool,
    /// The writer has dropped its end. What it had not written stays counted, so the counts alone would say "full" for
    /// ever.
    abandoned: AtomicBool,
}

/// The router's end.
pub struct QueueSender {
    sender: SyncSender<Batch>,
    load: Arc<Load>,
    max_bytes: usize,
}

/// The writer's end.
pub struct QueueReceiver {
    receiver: Receiver<Batch>,
    load: Arc<Load>,
}

/// Tells the reader of the same client whether the router has dropped its end.
#[derive(Clone)]
pub struct Hangup(Arc<Load>);

impl QueueSender {
    fn send(&mut self, batch: Batch) -> Result<(), Undelivered> {
        self.load.batches.fetch_add(1, Ordering::Relaxed);
        self.load.bytes.fetch_add(batch.bytes, Ordering::Relaxed);
        match self.sender.try_send(batch) {
            Ok(()) => Ok(()),
            // Cannot be full: the counts were checked before. If they are wrong all the same, the connection ends.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Undelivered::Gone),
        }
    }
}

impl Deliver for QueueSender {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        if self.load.abandoned.load(Ordering::Acquire) {
            return Err(Undelivered::Gone);
        }
        let batches = self.load.batches.load(Ordering::Acquire);
        let bytes = self.load.bytes.load(Ordering::Acquire);
        if batches >= MAX_BATCHES || (batches > 0 && bytes + batch.bytes > self.max_bytes) {
            return Err(Undelivered::Full(batch));
        }
        self.send(batch)
    }

    fn last_words(&mut self, batch: Batch) {
        // The place behind MAX_BATCHES is kept for this one. If the writer is gone, there is no client to tell.
        let _gone = self.send(batch);
    }

    fn waiting(&self) -> usize {
        self.load.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for QueueSender {
    fn drop(&mut self) {
        self.load.closed.store(true, Ordering::Release);
    }
}

impl Drop for QueueReceiver {
    fn drop(&mut self) {
        self.load.abandoned.store(true, Ordering::Release);
    }
}

impl QueueReceiver {
    /// Waits for the next batch; `None` when the router has dropped its end and all batches are taken.
    pub fn recv(&self) -> Option<Batch> {
        self.receiver.recv().ok()
    }

    /// The next batch if it is there already. After [`Hangup::is_over`] was seen, `None` is the end.
    pub fn try_recv(&self) -> Option<Batch> {
        self.receiver.try_recv().ok()
    }

    /// Says that so many batches and bytes are written, so that their places are free.
    pub fn written(&self, batches: usize, bytes: usize) {
        self.load.bytes.fetch_sub(bytes, Ordering::Release);
        self.load.batches.fetch_sub(batches, Ordering::Release);
    }

    /// For the reader, and for the writer's deadline.
    pub fn hangup(&self) -> Hangup {
        Hangup(self.load.clone())
    }
}

impl Hangup {
    /// Whether the router has dropped this client: what it still sends is of no use.
    pub fn is_over(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> Batch {
        Batch { bytes, ..Batch::default() }
    }

    #[test]
    fn it_is_bounded_in_batches_and_keeps_a_place_for_the_last_words() {
        let (mut sender, receiver) = queue(1_000);
        for _ in 0..MAX_BATCHES {
            assert!(sender.deliver(batch(1)).is_ok());
        }
        assert!(matches!(sender.deliver(batch(1)), Err(Undelivered::Full(Batch { bytes: 1, .. }))));
        sender.last_words(batch(7));
        drop(sender);
        let sizes: Vec<usize> = std::iter::from_fn(|| receiver.recv()).map(|b| b.bytes).collect();
        assert_eq!((sizes.len(), sizes[MAX_BATCHES]), (MAX_BATCHES + 1, 7));
    }

    #[test]
    fn it_is_bounded_in_bytes_but_one_batch_always_fits() {
        let (mut sender, receiver) = queue(1_000);
        assert!(sender.deliver(batch(5_000)).is_ok());
        assert!(matches!(sender.deliver(batch(1)), Err(Undelivered::Full(_))));
        assert_eq!(sender.waiting(), 5_000);
        receiver.recv().unwrap();
        receiver.written(1, 5_000);
        assert!(sender.deliver(batch(999)).is_ok());
    }

    #[test]
    fn a_full_queue_whose_writer_has_ended_is_gone_and_not_full() {
        let (mut sender, receiver) = queue(1_000);
        assert!(sender.deliver(batch(1_000)).is_ok());
        receiver.recv().unwrap();
        drop(receiver);
        assert!(matches!(sender.deliver(batch(1)), Err(Undelivered::Gone)));
    }

    #[test]
    fn each_end_learns_that_the_other_is_gone() {
        let (mut sender, receiver) = queue(1_000);
        let hangup = receiver.hangup();
        drop(receiver);
        assert!(matches!(sender.deliver(batch(1)), Err(Undelivered::Gone)));
        assert!(!hangup.is_over());
        drop(sender);
        assert!(hangup.is_over());
    }
}
