//! The router's end of a queue for engines whose writers have no thread of their own: it calls a function to wake them.

use crate::chat::outbox::{Batch, Deliver, Undelivered};
use crate::net::queue::QueueSender;

/// A [`QueueSender`] for a transport whose writer has no thread to wait with: it is woken when something was put in,
/// and when the router drops its end.
pub struct WakingSender<W: Fn() + Send> {
    /// `None` only while this is dropped: the writer must find the queue closed when it is woken.
    queue: Option<QueueSender>,
    wake: W,
}

impl<W: Fn() + Send> WakingSender<W> {
    /// Calls `wake` on the router's thread: it must be quick.
    pub fn new(queue: QueueSender, wake: W) -> WakingSender<W> {
        WakingSender { queue: Some(queue), wake }
    }
}

impl<W: Fn() + Send> Deliver for WakingSender<W> {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        let delivered = self.queue.as_mut().map_or(Err(Undelivered::Gone), |queue| queue.deliver(batch));
        if delivered.is_ok() {
            (self.wake)();
        }
        delivered
    }

    fn last_words(&mut self, batch: Batch) {
        // Dropped right after this, which wakes.
        if let Some(queue) = &mut self.queue {
            queue.last_words(batch);
        }
    }

    fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, QueueSender::waiting)
    }
}

impl<W: Fn() + Send> Drop for WakingSender<W> {
    fn drop(&mut self) {
        drop(self.queue.take());
        (self.wake)();
    }
}
