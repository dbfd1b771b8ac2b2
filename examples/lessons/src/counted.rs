//! std's channels, and how much waits in each. `--show` puts this module into a copy of a lesson, in the place of `std::sync::mpsc`,
//! and a call of [`begin`] into its `main`; no lesson knows of it.

pub(crate) use mpsc::begin;

/// The part of `std::sync::mpsc` that the lessons use.
pub(crate) mod mpsc {
    use std::env;
    use std::fs;
    use std::os::unix::process::parent_id;
    use std::panic::Location;
    use std::path::PathBuf;
    use std::process;
    use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
    use std::sync::mpsc as std_mpsc;
    pub(crate) use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
    use std::thread;
    use std::time::Duration;

    /// How often the counts are written down.
    const EACH: Duration = Duration::from_millis(100);

    /// What is known of one queue.
    struct Queue {
        line: u32,
        of: &'static str,
        bound: Option<usize>,
        /// A message that is taken at once may be counted out before it is counted in.
        waiting: AtomicIsize,
        most: AtomicIsize,
        taker: Mutex<String>,
        is_awaited: AtomicBool,
        /// The threads that wait for room.
        putters: Mutex<Vec<String>>,
    }

    static QUEUES: Mutex<Vec<Weak<Queue>>> = Mutex::new(Vec::new());

    fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn this_thread() -> String {
        thread::current().name().unwrap_or("?").into()
    }

    impl Queue {
        fn open<T>(line: u32, bound: Option<usize>) -> Arc<Queue> {
            let queue = Arc::new(Queue {
                line,
                of: std::any::type_name::<T>(),
                bound,
                waiting: AtomicIsize::new(0),
                most: AtomicIsize::new(0),
                taker: Mutex::new(String::new()),
                is_awaited: AtomicBool::new(false),
                putters: Mutex::new(Vec::new()),
            });
            locked(&QUEUES).push(Arc::downgrade(&queue));
            queue
        }

        fn put<E>(&self, put: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
            put()?;
            let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
            // The taker may have taken one that it has not counted yet.
            let bound = self.bound.map_or(isize::MAX, |bound| bound as isize);
            self.most.fetch_max(waiting.min(bound), Ordering::Relaxed);
            Ok(())
        }

        fn take<T, E>(&self, take: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
            let taken = take()?;
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            Ok(taken)
        }

        /// The same, by a thread that waits until there is something.
        fn await_one<T, E>(&self, take: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
            *locked(&self.taker) = this_thread();
            self.is_awaited.store(true, Ordering::Relaxed);
            let taken = self.take(take);
            self.is_awaited.store(false, Ordering::Relaxed);
            taken
        }

        /// A line for [`report`]: its fields stand between tabs.
        fn row(&self) -> String {
            format!(
                "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
                self.line,
                self.of,
                self.bound.map_or("-".into(), |bound| bound.to_string()),
                self.waiting.load(Ordering::Relaxed).max(0),
                self.most.load(Ordering::Relaxed),
                locked(&self.taker),
                self.is_awaited.load(Ordering::Relaxed),
                locked(&self.putters).join(","),
            )
        }
    }

    /// Writes down in the file `SHOW_QUEUES` how the queues are, as long as the program `SHOWN_BY` is there.
    pub(crate) fn begin() {
        let parent = env::var("SHOWN_BY").ok().and_then(|id| id.parse().ok());
        if let (Some(path), Some(parent)) = (env::var_os("SHOW_QUEUES"), parent) {
            let path = PathBuf::from(path);
            // Without it nothing is shown of the queues, and the lesson runs all the same.
            let _no_thread = thread::Builder::new().name("counted".into()).spawn(move || report(&path, parent));
        }
    }

    /// A reader gets one whole state or the other, for the file is renamed.
    fn report(path: &PathBuf, parent: u32) {
        loop {
            // Without the program that draws, this copy would run on unseen.
            if parent_id() != parent {
                let _never_written = fs::remove_file(path);
                process::exit(1);
            }
            let mut rows = String::new();
            locked(&QUEUES).retain(|queue| queue.upgrade().inspect(|queue| rows += &queue.row()).is_some());
            let new = path.with_extension("new");
            let _tried_again_soon = fs::write(&new, rows).and_then(|()| fs::rename(&new, path));
            thread::sleep(EACH);
        }
    }

    #[track_caller]
    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let queue = Queue::open::<T>(Location::caller().line(), None);
        let (sender, receiver) = std_mpsc::channel();
        (Sender(sender, queue.clone()), Receiver(receiver, queue))
    }

    #[track_caller]
    pub(crate) fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
        let queue = Queue::open::<T>(Location::caller().line(), Some(bound));
        let (sender, receiver) = std_mpsc::sync_channel(bound);
        (SyncSender(sender, queue.clone()), Receiver(receiver, queue))
    }

    pub(crate) struct Sender<T>(std_mpsc::Sender<T>, Arc<Queue>);
    pub(crate) struct SyncSender<T>(std_mpsc::SyncSender<T>, Arc<Queue>);
    pub(crate) struct Receiver<T>(std_mpsc::Receiver<T>, Arc<Queue>);

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Sender<T> {
            Sender(self.0.clone(), self.1.clone())
        }
    }

    impl<T> Clone for SyncSender<T> {
        fn clone(&self) -> SyncSender<T> {
            SyncSender(self.0.clone(), self.1.clone())
        }
    }

    impl<T> Sender<T> {
        pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
            self.1.put(|| self.0.send(message))
        }
    }

    impl<T> SyncSender<T> {
        pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
            self.1.put(|| match self.0.try_send(message) {
                Ok(()) => Ok(()),
                Err(TrySendError::Disconnected(message)) => Err(SendError(message)),
                Err(TrySendError::Full(message)) => {
                    let name = this_thread();
                    locked(&self.1.putters).push(name.clone());
                    let sent = self.0.send(message);
                    locked(&self.1.putters).retain(|other| *other != name);
                    sent
                }
            })
        }

        pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
            self.1.put(|| self.0.try_send(message))
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn recv(&self) -> Result<T, RecvError> {
            self.1.await_one(|| self.0.recv())
        }

        pub(crate) fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
            self.1.await_one(|| self.0.recv_timeout(time))
        }

        pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
            self.1.take(|| self.0.try_recv())
        }

        pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
            std::iter::from_fn(|| self.try_recv().ok())
        }
    }

    impl<T> IntoIterator for Receiver<T> {
        type Item = T;
        type IntoIter = IntoIter<T>;

        fn into_iter(self) -> IntoIter<T> {
            IntoIter(self)
        }
    }

    pub(crate) struct IntoIter<T>(Receiver<T>);

    impl<T> Iterator for IntoIter<T> {
        type Item = T;

        fn next(&mut self) -> Option<T> {
            self.0.recv().ok()
        }
    }
}
