//! One client, from hello to goodbye, as a task.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_server::chat::message::{Client, Message};
use chat_server::chat::outbox::Outbox;
use chat_server::chat::ticket::Credits;
use chat_server::model::event::Leave;
use chat_server::model::names::ClientId;
use chat_server::net::intake::{Intake, MESSAGES, Next};
use chat_server::net::outgoing::{Outgoing, Patience};
use chat_server::net::parting::Parting;
use chat_server::net::queue::{QueueReceiver, queue};
use chat_server::net::server::ServerHandle;
use chat_server::net::waking::WakingSender;
use chat_server::protocol::dialect::{Decoder, Encoder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until};

/// The most bytes of one read: of a client that says a line now and then, and of one that sends much.
const QUIET: usize = 512;
const BUSY: usize = 16 * 1024;
/// So many reads are one share of the work; then others have their turn, however much more has come.
const SHARE: usize = 4;
/// So many bytes of answers to telnet wait at most; a client that takes none is not read from.
const ANSWERS: usize = 1_024;
/// How long a task waits while the router's inbox is full.
const RETRY: Duration = Duration::from_millis(1);
/// A wait without a deadline of its own.
const LONG: Duration = Duration::from_secs(3_600);

/// A connection that was taken, and is to be served.
pub struct Taken<P> {
    /// The number of the client that it is from.
    pub id: ClientId,
    /// When it was taken.
    pub at: Instant,
    /// The peer's address, for the log.
    pub origin: String,
    /// Dropped when the client is gone.
    pub place: P,
}

/// Serves one client on a stream until it is gone.
///
/// It is no `async fn`: such a function keeps room for its arguments beside what it makes of them, for each client.
pub fn serve<S, D, E, P>(
    stream: S,
    taken: Taken<P>,
    decoder: D,
    encoder: E,
    handle: ServerHandle,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite,
    D: Decoder,
    E: Encoder,
{
    let Taken { id, at, origin, place } = taken;
    let config = handle.config();
    let woken = Arc::new(Notify::new());
    let (sender, receiver) = queue(config.outbox_bytes);
    let hangup = receiver.hangup();
    let wake = woken.clone();
    let sender = WakingSender::new(sender, move || wake.notify_one());
    let wake = woken.clone();
    let credits = Credits::waking(MESSAGES, move || wake.notify_one());
    let outbox = Outbox::new(Box::new(sender), config.outbox_bytes);
    let joined = Box::new(Client::new(id, outbox, origin, decoder.door()));
    let (read, write) = split(stream);
    let mut task = Task {
        id,
        woken,
        read,
        write,
        queue: receiver,
        intake: Intake::new(id, at, decoder, credits, hangup, &handle),
        handle,
        outgoing: Outgoing::new(encoder, config.slow_secs),
        buffer: Vec::new(),
        from: 0,
        to: 0,
        busy: false,
        answers: Vec::new(),
        broken: false,
    };
    async move {
        tell(&task.handle, Message::ClientJoined(*joined)).await;
        let why = task.talk().await;
        tell(&task.handle, Message::ClientLeft(id, why)).await;
        if let Err(error) = task.take_leave().await {
            log::debug!("{id}: {error}");
        }
        drop(place);
    }
}

struct Task<S, D, E> {
    id: ClientId,
    handle: ServerHandle,
    /// Something came from the router, or a ticket came back.
    woken: Arc<Notify>,
    read: ReadHalf<S>,
    write: WriteHalf<S>,
    queue: QueueReceiver,
    intake: Intake<D>,
    outgoing: Outgoing<E>,
    /// What was read; between `from` and `to` is what was not looked at.
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    busy: bool,
    /// For its telnet, past the queue.
    answers: Vec<u8>,
    /// Its encoder has panicked: whatever it would make now is not to be trusted.
    broken: bool,
}

/// What a task waits for besides news from the router.
enum Wait {
    /// More bytes, at most until then.
    Bytes(Option<Instant>),
    /// A time.
    Until(Instant),
    /// A ticket that comes back (that wakes), or that what was answered is taken.
    Ticket,
}

impl<S: AsyncRead + AsyncWrite, D: Decoder, E: Encoder> Task<S, D, E> {
    /// Reads and writes until there is a reason to stop reading, which is returned.
    async fn talk(&mut self) -> Leave {
        // Reads since others had their turn.
        let mut share = 0;
        loop {
            if share == SHARE {
                share = 0;
                yield_now().await;
            }
            let wait = match self.look().await {
                Ok(wait) => wait,
                Err(why) => return why,
            };
            if let Err(why) = self.fill() {
                return why;
            }
            let late = match self.late(Instant::now()).await {
                Ok(late) => late,
                Err(_) => return Leave::Lost,
            };
            let (reads, until) = match wait {
                Wait::Bytes(until) => (true, until),
                Wait::Until(time) => (false, Some(time)),
                Wait::Ticket => (false, None),
            };
            if reads && self.from == self.to {
                (self.from, self.to) = (0, 0);
                let wanted = if self.busy { BUSY } else { QUIET };
                self.buffer.resize(wanted, 0);
                self.buffer.shrink_to(wanted);
            }
            let until = [until, late].into_iter().flatten().min().unwrap_or_else(|| Instant::now() + LONG);
            let pending: &[u8] = if self.answers.is_empty() { self.outgoing.piece() } else { &self.answers };
            tokio::select! {
                () = self.woken.notified() => {}
                read = self.read.read(&mut self.buffer), if reads => match read {
                    Ok(0) => self.intake.end(),
                    Ok(count) => {
                        // A client that sends much is read in large pieces, as long as it lasts.
                        self.busy = count == self.buffer.len() || self.busy && count > QUIET;
                        self.to = count;
                        share += 1;
                    }
                    Err(error) => {
                        log::debug!("{}: cannot read it: {error}", self.id);
                        return Leave::Lost;
                    }
                },
                written = self.write.write(pending), if !pending.is_empty() => {
                    if let Err(error) = self.wrote(written) {
                        log::debug!("{}: cannot write to it: {error}", self.id);
                        return Leave::Lost;
                    }
                }
                () = sleep_until(until.into()) => {}
            }
        }
    }

    /// Does what the intake wants done, as far as nothing has to be waited for.
    async fn look(&mut self) -> Result<Wait, Leave> {
        loop {
            // They come past the queue, so tickets do not hold them back. A disconnected client leaves all the same.
            if self.answers.len() >= ANSWERS && !self.queue.hangup().is_over() {
                return Ok(Wait::Ticket);
            }
            let mut bytes = &self.buffer[self.from..self.to];
            let next = catch_unwind(AssertUnwindSafe(|| self.intake.next(&mut bytes, Instant::now())));
            self.from = self.to - bytes.len();
            let Ok(next) = next else {
                self.handle.caught_panic(self.id, "reading it");
                return Err(Leave::Crashed);
            };
            match next {
                Next::Send(message) => tell(&self.handle, message).await,
                Next::Answer(answer) => self.answers.extend_from_slice(&answer),
                Next::Pause(until) => return Ok(Wait::Until(until)),
                Next::Tickets(count) if self.intake.credits().are_back(count) => {}
                Next::Tickets(_) => return Ok(Wait::Ticket),
                Next::Leave(why) => return Err(why),
                Next::Read(until) => return Ok(Wait::Bytes(until)),
            }
        }
    }

    /// Takes what the router has for the client.
    fn fill(&mut self) -> Result<(), Leave> {
        let (outgoing, queue) = (&mut self.outgoing, &self.queue);
        catch_unwind(AssertUnwindSafe(|| outgoing.add_all(queue))).map(|_| ()).map_err(|_| {
            self.handle.caught_panic(self.id, "writing to it");
            self.broken = true;
            Leave::Crashed
        })
    }

    fn wrote(&mut self, written: io::Result<usize>) -> io::Result<()> {
        let count = written?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        if self.answers.is_empty() {
            self.outgoing.wrote(count, &self.queue);
        } else {
            self.answers.drain(..count);
            if self.outgoing.piece().is_empty() {
                // The patience with it begins anew.
                self.outgoing.wrote(0, &self.queue);
            }
        }
        Ok(())
    }

    /// Looks whether the peer takes what is written, and tells the router if it is too slow. Returns when to look again.
    async fn late(&mut self, now: Instant) -> io::Result<Option<Instant>> {
        if self.outgoing.piece().is_empty() && self.answers.is_empty() {
            return Ok(None);
        }
        loop {
            match self.outgoing.patience(now, self.queue.hangup().is_over()) {
                Patience::Until(until) => return Ok(until),
                Patience::TooSlow => tell(&self.handle, Message::ClientLeft(self.id, Leave::TooSlow)).await,
                Patience::Over => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    /// Writes what the router still has for the client, closes our side, and gives the peer a moment to close its own.
    async fn take_leave(&mut self) -> io::Result<()> {
        let mut parting = Parting::default();
        let mut waste = vec![0; BUSY];
        self.answers.clear();
        loop {
            // In this order: what was put in before the router let go is there to be taken.
            let over = self.queue.hangup().is_over();
            let late = match self.broken || self.fill().is_err() {
                true => None,
                false => self.late(Instant::now()).await?,
            };
            if !parting.is_closed() && (self.broken || over && self.outgoing.piece().is_empty()) {
                self.write.shutdown().await?;
                parting.closed(Instant::now());
            }
            let until = [parting.until(), late].into_iter().flatten().min().unwrap_or_else(|| Instant::now() + LONG);
            let pending = if self.broken { &[] } else { self.outgoing.piece() };
            tokio::select! {
                // What has come counts, also where the time is over.
                biased;
                written = self.write.write(pending), if !pending.is_empty() => self.wrote(written)?,
                read = self.read.read(&mut waste), if parting.reads() => match read {
                    Ok(0) | Err(_) => parting.ended(),
                    Ok(count) => parting.heard(count, Instant::now()),
                },
                () = self.woken.notified() => {}
                () = sleep_until(until.into()) => {}
            }
            if parting.is_over(Instant::now()) {
                return Ok(());
            }
        }
    }
}

/// Tells the router. While its inbox is full the message waits without a thread, and beside the task, which is smaller so.
fn tell(handle: &ServerHandle, message: Message) -> impl Future<Output = ()> {
    let waits = handle.try_send(message).err().map(|back| Box::pin(tell_again(handle, back)));
    async move {
        if let Some(waits) = waits {
            waits.await;
        }
    }
}

async fn tell_again(handle: &ServerHandle, mut message: Message) {
    loop {
        sleep(RETRY).await;
        match handle.try_send(message) {
            Ok(()) => return,
            Err(back) => message = back,
        }
    }
}
