//! Queues that are bounded in bytes: of batches from the router into a task, and of frames for a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ws::Utf8Bytes;
use chat_server::chat::outbox::{Batch, Deliver, Undelivered};
use tokio::sync::{Notify, mpsc};

/// What an item costs besides its bytes: its place in the queue.
const PLACE: usize = 64;

/// How many bytes wait between two ends.
#[derive(Clone, Debug, Default)]
struct Load(Arc<AtomicUsize>);

impl Load {
    fn bytes(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }

    fn sub(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::AcqRel);
    }
}

// ---- batches ----

/// A queue of at most so many batches that together cost at most so many bytes. One batch alone always fits, and one place is
/// kept for the last words.
pub(crate) fn batches(places: usize, max_bytes: usize) -> (TaskQueue, Batches) {
    let (sender, receiver) = mpsc::channel(places + 1);
    let load = Load::default();
    (TaskQueue { sender, load: load.clone(), max_bytes }, Batches { receiver, load, under_way: 0 })
}

/// The router's end.
pub(crate) struct TaskQueue {
    sender: mpsc::Sender<Batch>,
    load: Load,
    max_bytes: usize,
}

/// The task's end.
pub(crate) struct Batches {
    receiver: mpsc::Receiver<Batch>,
    load: Load,
    /// What the batch costs that was taken last: it counts until the next one is asked for.
    under_way: usize,
}

impl Deliver for TaskQueue {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        let bytes = self.load.bytes();
        let is_full = self.sender.capacity() <= 1 || (bytes > 0 && bytes + batch.bytes > self.max_bytes);
        if is_full && !self.sender.is_closed() {
            return Err(Undelivered::Full(batch));
        }
        self.put(batch)
    }

    fn last_words(&mut self, batch: Batch) {
        let _gone = self.put(batch);
    }

    fn waiting(&self) -> usize {
        self.load.bytes()
    }
}

impl TaskQueue {
    fn put(&self, batch: Batch) -> Result<(), Undelivered> {
        let bytes = batch.bytes;
        self.load.add(bytes);
        self.sender.try_send(batch).map_err(|error| {
            self.load.sub(bytes);
            match error {
                mpsc::error::TrySendError::Full(batch) => Undelivered::Full(batch),
                mpsc::error::TrySendError::Closed(_) => Undelivered::Gone,
            }
        })
    }
}

impl Batches {
    /// The next batch; `None` when the router has let go and all is taken. The one before is done with.
    pub(crate) async fn recv(&mut self) -> Option<Batch> {
        self.load.sub(std::mem::take(&mut self.under_way));
        let batch = self.receiver.recv().await?;
        self.under_way = batch.bytes;
        Some(batch)
    }

    /// Whether no other batch waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// Takes nothing more.
    pub(crate) fn close(&mut self) {
        self.receiver.close();
    }
}

// ---- frames ----

/// What goes to a socket.
#[derive(Debug)]
pub enum Out {
    /// A frame.
    Frame(Utf8Bytes),
    /// A frame for the user alone. Its number goes back when the client has it for sure (`Session::received`).
    Private {
        /// The frame.
        frame: Utf8Bytes,
        /// Rises from one to the next.
        number: u64,
    },
    /// A part of a resume. The session goes on with it when this is written (`Session::written`).
    Page {
        /// Its frames.
        frames: Vec<Utf8Bytes>,
        /// Of which resume.
        resume: u64,
    },
    /// The end.
    End {
        /// The last frame. It is one with the close, so that nothing comes between.
        goodbye: Option<Utf8Bytes>,
        /// The close code.
        code: u16,
        /// The close reason.
        reason: String,
    },
}

impl Out {
    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        match self {
            Out::Frame(frame) | Out::Private { frame, .. } => frame.len(),
            Out::Page { frames, .. } => frames.iter().map(|frame| frame.len()).sum(),
            Out::End { goodbye, reason, .. } => goodbye.as_ref().map_or(0, |frame| frame.len()) + reason.len(),
        }
    }
}

/// A queue for one socket. It is not bounded itself: the session looks at how much waits before it adds an item. `space` is notified
/// when some of it is written.
pub(crate) fn frames(space: Arc<Notify>) -> (FrameSender, FrameReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let load = Load::default();
    (FrameSender { sender, load: load.clone() }, FrameReceiver { receiver, load, space })
}

/// The session's end.
#[derive(Debug)]
pub(crate) struct FrameSender {
    sender: mpsc::UnboundedSender<Out>,
    load: Load,
}

/// The socket's end.
#[derive(Debug)]
pub struct FrameReceiver {
    receiver: mpsc::UnboundedReceiver<Out>,
    load: Load,
    space: Arc<Notify>,
}

impl FrameSender {
    /// Adds an item at the end. False if the socket is gone.
    pub(crate) fn push(&self, out: Out) -> bool {
        let bytes = out.bytes() + PLACE;
        self.load.add(bytes);
        let taken = self.sender.send(out).is_ok();
        if !taken {
            self.load.sub(bytes);
        }
        taken
    }

    /// How many bytes are not written yet.
    pub(crate) fn waiting(&self) -> usize {
        self.load.bytes()
    }

    /// Whether the socket is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl FrameReceiver {
    /// What comes next; `None` when the session has let go.
    pub async fn recv(&mut self) -> Option<Out> {
        self.receiver.recv().await
    }

    /// What comes next, if it is there.
    pub fn try_recv(&mut self) -> Option<Out> {
        self.receiver.try_recv().ok()
    }

    /// Says that so many items with so many bytes are written.
    pub fn written(&self, items: usize, bytes: usize) {
        self.load.sub(bytes + items * PLACE);
        self.space.notify_one();
    }
}

impl Drop for FrameReceiver {
    fn drop(&mut self) {
        self.receiver.close();
        // The session has not to wait for this socket any more.
        self.space.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> Batch {
        Batch { bytes, ..Batch::default() }
    }

    fn is_full(result: &Result<(), Undelivered>) -> bool {
        matches!(result, Err(Undelivered::Full(_)))
    }

    #[tokio::test]
    async fn batches_are_bounded_in_bytes_and_one_always_fits() {
        let (mut sender, mut batches) = batches(10, 1_000);
        assert!(sender.deliver(batch(5_000)).is_ok());
        assert!(is_full(&sender.deliver(batch(1))));
        assert_eq!(sender.waiting(), 5_000);
        assert!(batches.recv().await.is_some());
        assert!(is_full(&sender.deliver(batch(1))), "it is under way");
        assert!(tokio::time::timeout(std::time::Duration::ZERO, batches.recv()).await.is_err());
        assert!(sender.deliver(batch(600)).is_ok());
        assert!(is_full(&sender.deliver(batch(401))));
        assert!(sender.deliver(batch(400)).is_ok());
        drop(batches);
        assert!(matches!(sender.deliver(batch(1)), Err(Undelivered::Gone)));
    }

    #[tokio::test]
    async fn batches_are_bounded_in_places_and_one_is_kept_for_the_last_words() {
        let (mut sender, mut batches) = batches(2, 1_000);
        assert!(sender.deliver(batch(1)).is_ok() && sender.deliver(batch(1)).is_ok());
        assert!(is_full(&sender.deliver(batch(1))));
        sender.last_words(batch(7));
        drop(sender);
        let mut sizes = Vec::new();
        while let Some(batch) = batches.recv().await {
            sizes.push(batch.bytes);
        }
        assert_eq!(sizes, [1, 1, 7]);
    }

    #[tokio::test]
    async fn frames_count_until_they_are_written_and_a_session_that_waits_is_notified() {
        let space = Arc::new(Notify::new());
        let (sender, mut receiver) = frames(space.clone());
        assert!(sender.push(Out::Frame("12345".into())));
        assert!(sender.push(Out::Page { frames: vec!["123".into(), "45".into()], resume: 1 }));
        assert_eq!(sender.waiting(), 2 * (5 + PLACE));
        assert!(receiver.recv().await.is_some());
        assert_eq!(sender.waiting(), 2 * (5 + PLACE), "it is under way");
        receiver.written(1, 5);
        space.notified().await;
        assert_eq!(sender.waiting(), 5 + PLACE);
        drop(receiver);
        space.notified().await;
        assert!(sender.is_closed() && !sender.push(Out::Frame("1".into())));
    }
}
