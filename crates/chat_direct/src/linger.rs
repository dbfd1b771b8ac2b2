//! Wakes sleeping readers when a connection ends: one thread, which gives each peer a moment to close its own side
//! first.

use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use chat_server::net::parting::LINGER;

/// What a reader keeps until it is awake for the last time: from then on it sees to the end by itself.
pub(crate) struct Asleep(pub(crate) Arc<TcpStream>);

/// The thread. It ends when this and all of its handles are dropped, and is joined by that.
pub(crate) struct Linger {
    handle: Option<LingerHandle>,
    thread: Option<JoinHandle<()>>,
}

/// A way to it. All wait equally long, so the first to come is the first to be due, and a channel is all the timer that is
/// needed. It holds at most what is open, so it needs no bound of its own.
#[derive(Clone)]
pub(crate) struct LingerHandle(Sender<(Instant, Weak<Asleep>)>);

impl Default for Linger {
    /// # Panics
    /// If the system has no thread for it.
    fn default() -> Linger {
        let (handle, readers) = mpsc::channel::<(Instant, Weak<Asleep>)>();
        let wake = move || {
            for (due, reader) in readers {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if let Some(reader) = reader.upgrade() {
                    reader.wake();
                }
            }
        };
        let thread = thread::Builder::new().name("linger".into()).spawn(wake).expect("a thread, at the start");
        Linger { handle: Some(LingerHandle(handle)), thread: Some(thread) }
    }
}

impl Linger {
    pub(crate) fn handle(&self) -> LingerHandle {
        self.handle.clone().expect("there until it is dropped")
    }
}

impl Asleep {
    /// Nothing has come since our side was closed. What comes in this moment is read all the same.
    fn wake(&self) {
        let _closed_already = self.0.shutdown(Shutdown::Read);
    }
}

impl LingerHandle {
    /// Our side of this one is closed: the reader, which waits for the peer's end, is not to wait longer than a moment.
    pub(crate) fn wake_soon(&self, reader: &Weak<Asleep>) {
        if self.0.send((Instant::now() + LINGER, reader.clone())).is_err()
            && let Some(reader) = reader.upgrade()
        {
            reader.wake();
        }
    }
}

impl Drop for Linger {
    fn drop(&mut self) {
        drop(self.handle.take());
        if let Some(thread) = self.thread.take() {
            let _did_not_panic = thread.join();
        }
    }
}
