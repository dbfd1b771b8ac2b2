//! The page's listener: how many connections there are, of whom, and for how long each may do what.
//!
//! A connection costs a descriptor, and those are for all doors together. So there is a limit in all and one for each
//! neighbourhood of addresses, which also hold for WebSockets, and who is not in a call makes way where one is near.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use chat_server::machine;
use chat_server::metrics::Metrics;
use chat_server::model::address::neighbourhood;
use chat_server::net::server::{Pause, ServerHandle, is_peers_fault};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::WebConfig;

mod full;

use full::{Full, LINGER, LINGER_BYTES, see_off};

/// How long a connection of a known proxy may stay without a call: it has many people's calls to bring.
const IDLE_PROXY: Duration = Duration::from_secs(180);
/// A head that takes longer is no browser's: it is the first to make way.
const QUICK: Duration = Duration::from_secs(1);
/// The most bytes of a head.
const HEAD_BYTES: usize = 16 * 1024;
/// So many bytes have to be taken in `slow_secs`, as at the file door.
const STRIDE: u64 = 64 * 1024;
/// A browser opens six connections and a WebSocket: an address has so many at least, however few clients it may have.
const LEAST_EACH: usize = 32;
/// Descriptors that are kept back for the other doors, and for what the server itself has open.
const OTHERS: usize = 128;
/// The most connections where the system does not say how many descriptors there may be.
const NO_LIMIT: usize = 8_192;
/// The log hears so often at most that connections are turned away.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// So many that are turned away are told why at a time; those beyond are closed without a word. Their descriptors are among [`OTHERS`].
const LEAVING: usize = 32;

// ---- who may have how many ----

/// The open connections of this door.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Connection>,
    /// Of each neighbourhood, without those that were told to go.
    each: HashMap<IpAddr, usize>,
    leaving: usize,
}

struct Connection {
    /// None for a known proxy, behind which everybody is.
    near: Option<IpAddr>,
    track: Arc<Track>,
    is_leaving: bool,
}

/// How many there may be; 0 of an address: as many as there may be in all.
#[derive(Clone, Copy, Debug)]
struct Most {
    all: usize,
    each: usize,
}

impl Most {
    /// Half of the descriptors is for this door, as long as the other doors leave it so many.
    fn of(handle: &ServerHandle, descriptors: Option<u64>) -> Most {
        let each = match handle.config().max_per_address {
            0 => 0,
            most => (2 * most).max(LEAST_EACH),
        };
        let all = descriptors.map_or(NO_LIMIT, |descriptors| {
            let ours = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(OTHERS);
            (ours / 2).min(ours.saturating_sub(handle.open_sockets())).max(LEAST_EACH)
        });
        Most { all, each }
    }
}

/// A connection's place, until this is dropped: with the connection, or with the WebSocket that it became.
struct Place {
    places: Places,
    number: u64,
}

impl Places {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// A place.
    ///
    /// # Errors
    /// There is none, and no connection that is not in a call and could make way.
    fn admit(&self, near: Option<IpAddr>, track: &Arc<Track>, most: Most) -> Result<Place, Full> {
        let mut open = self.lock();
        if let Some(near) = near
            && most.each > 0
            && open.each.get(&near).is_some_and(|own| *own >= most.each)
        {
            open.send_away(|connection| connection.near == Some(near)).ok_or(Full::Address(most.each))?;
        }
        if open.all.len() - open.leaving >= most.all {
            open.send_away(|_| true).ok_or(Full::Door)?;
        }
        let number = open.next;
        open.next += 1;
        open.all.insert(number, Connection { near, track: track.clone(), is_leaving: false });
        if let Some(near) = near {
            *open.each.entry(near).or_default() += 1;
        }
        Ok(Place { places: self.clone(), number })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Maps and numbers: nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Tells the connection to go that is missed least, if there is one among these.
    fn send_away(&mut self, among: impl Fn(&Connection) -> bool) -> Option<()> {
        let now = Instant::now();
        let able = self.all.iter_mut().filter(|(_, connection)| !connection.is_leaving && among(connection));
        let ranked = able.filter_map(|(_, connection)| Some((connection.track.rank(now)?, connection)));
        let (_, connection) = ranked.min_by_key(|(rank, _)| *rank)?;
        connection.is_leaving = true;
        connection.track.leave.notify_one();
        let near = connection.near;
        self.leaving += 1;
        self.less(near);
        Some(())
    }

    fn less(&mut self, near: Option<IpAddr>) {
        if let Some(near) = near
            && let Some(own) = self.each.get_mut(&near)
        {
            *own -= 1;
            if *own == 0 {
                self.each.remove(&near);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.lock();
        match open.all.remove(&self.number) {
            Some(connection) if connection.is_leaving => open.leaving -= 1,
            Some(connection) => open.less(connection.near),
            None => {}
        }
    }
}

// ---- what a connection is doing ----

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing has come yet.
    Fresh,
    /// A part of a head has come.
    Head,
    /// A call is carried out and answered.
    Call,
    /// All of an answer is there, and not all of it written.
    Ending,
    /// Between two calls.
    Idle,
    /// It is a WebSocket, which has deadlines of its own.
    Upgraded,
}

/// What a connection is doing, and since when.
struct Track {
    phase: Mutex<(Phase, Instant)>,
    /// How long a head may take, and how long there may be no call.
    head: Duration,
    idle: Duration,
    leave: Notify,
    /// Whether the last answer was a refusal: the rest of its call may be under way still.
    refused: AtomicBool,
}

impl Track {
    fn new(head: Duration, idle: Duration) -> Arc<Track> {
        let phase = Mutex::new((Phase::Fresh, Instant::now()));
        Arc::new(Track { phase, head, idle, leave: Notify::new(), refused: AtomicBool::new(false) })
    }

    fn change(&self, to: impl FnOnce(Phase, Instant) -> (Phase, Instant)) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        *phase = to(phase.0, phase.1);
    }

    fn phase(&self) -> (Phase, Instant) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) {
        self.change(|phase, since| match phase {
            Phase::Fresh => (Phase::Head, since),
            Phase::Idle => (Phase::Head, Instant::now()),
            phase => (phase, since),
        });
    }

    fn called(&self) {
        self.change(|_, _| (Phase::Call, Instant::now()));
    }

    fn upgraded(&self) {
        self.change(|_, _| (Phase::Upgraded, Instant::now()));
    }

    fn answered(&self) {
        self.change(|phase, since| if phase == Phase::Call { (Phase::Ending, since) } else { (phase, since) });
    }

    fn flushed(&self) {
        self.change(|phase, since| if phase == Phase::Ending { (Phase::Idle, Instant::now()) } else { (phase, since) });
    }

    /// By when something has to happen.
    fn deadline(&self) -> Option<Instant> {
        match self.phase() {
            (Phase::Fresh | Phase::Head, since) => Some(since + self.head),
            (Phase::Idle, since) => Some(since + self.idle),
            (Phase::Call | Phase::Ending | Phase::Upgraded, _) => None,
        }
    }

    /// Who makes way first: heads that take too long, then who has been idle for longest, then heads. `None`: not this one.
    fn rank(&self, now: Instant) -> Option<(u8, Instant)> {
        match self.phase() {
            (Phase::Fresh | Phase::Head, since) => Some((if now - since > QUICK { 0 } else { 2 }, since)),
            (Phase::Idle, since) => Some((1, since)),
            (Phase::Call | Phase::Ending | Phase::Upgraded, _) => None,
        }
    }

    /// Whether nothing of a call is lost if the connection is just cut.
    fn is_before_a_call(&self) -> bool {
        matches!(self.phase().0, Phase::Fresh | Phase::Head)
    }
}

/// The socket, and the deadline of what is written to it.
struct Wire {
    socket: TcpStream,
    _place: Place,
    track: Arc<Track>,
    slow: Duration,
    written: u64,
    /// Since something waits to be written: until when so many bytes have to be gone.
    late: Option<(Pin<Box<Sleep>>, u64)>,
    /// Since nothing is written any more: until when is read what still comes, and how much has come.
    lingers: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Wire {
    fn wrote(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match done {
            Poll::Ready(Ok(count)) => {
                self.written += count as u64;
                if self.late.as_ref().is_some_and(|(_, mark)| self.written >= *mark) {
                    self.late = None;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Pending if !self.slow.is_zero() => {
                let (slow, mark) = (self.slow, self.written + STRIDE);
                let (late, _) = self.late.get_or_insert_with(|| (Box::pin(sleep(slow)), mark));
                ready!(late.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            other => other,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.track.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wrote(cx, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write_vectored(cx, pieces);
        self.wrote(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Called when all that there was is written.
        self.late = None;
        self.track.flushed();
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Wire { socket, lingers, track, .. } = &mut *self;
        let (until, count) = match lingers {
            Some(lingers) => lingers,
            None => {
                ready!(Pin::new(&mut *socket).poll_shutdown(cx))?;
                if !track.refused.load(Ordering::Relaxed) {
                    return Poll::Ready(Ok(()));
                }
                lingers.insert((Box::pin(sleep(LINGER)), 0))
            }
        };
        let mut rest = [0; 8 * 1024];
        while *count < LINGER_BYTES && until.as_mut().poll(cx).is_pending() {
            let mut rest = ReadBuf::new(&mut rest);
            match ready!(Pin::new(&mut *socket).poll_read(cx, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => *count += rest.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// An answer's body, whose end is the end of the call.
struct Answer {
    body: Body,
    track: Arc<Track>,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.track.answered();
    }
}

// ---- the listener ----

/// What each connection needs.
struct Door {
    app: TowerToHyperService<Router>,
    handle: ServerHandle,
    config: WebConfig,
    places: Places,
    descriptors: Option<u64>,
    told: Mutex<Option<Instant>>,
    leaving: Arc<Semaphore>,
}

/// Takes connections until it is told to stop, and returns when the last of them has ended; WebSockets are none any more.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    handle: ServerHandle,
    config: WebConfig,
    places: Places,
    mut stopped: watch::Receiver<bool>,
) {
    let descriptors = machine::open_files();
    let app = TowerToHyperService::new(app);
    let (told, leaving) = (Mutex::default(), Arc::new(Semaphore::new(LEAVING)));
    let door = Arc::new(Door { app, handle, config, places, descriptors, told, leaving });
    let (alive, ended) = watch::channel(());
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            _gone = stopped.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                pause = Pause::default();
                if let Some((wire, track)) = door.let_in(socket, peer) {
                    let (door, stopped, ended) = (door.clone(), stopped.clone(), ended.clone());
                    tokio::spawn(async move {
                        door.carry(wire, track, peer, stopped).await;
                        drop(ended);
                    });
                }
            }
            Err(error) if is_peers_fault(&error) => {
                tracing::debug!(%error, "a connection was gone before it was taken")
            }
            Err(error) => {
                let pause = pause.after_failure();
                tracing::error!(%error, ?pause, "the page's door cannot take connections, and pauses");
                tokio::select! {
                    _gone = stopped.wait_for(|stop| *stop) => break,
                    () = sleep(pause) => {}
                }
            }
        }
    }
    drop((listener, ended));
    alive.closed().await;
}

impl Door {
    fn let_in(&self, socket: TcpStream, peer: SocketAddr) -> Option<(Wire, Arc<Track>)> {
        let is_proxy = self.config.proxies.iter().any(|proxy| proxy.holds(peer.ip()));
        let near = (!is_proxy).then(|| neighbourhood(peer.ip()));
        let times = &self.config.times;
        let track = Track::new(times.head, if is_proxy { times.idle.max(IDLE_PROXY) } else { times.idle });
        let place = match self.places.admit(near, &track, Most::of(&self.handle, self.descriptors)) {
            Ok(place) => place,
            Err(full) => {
                self.turn_away(socket, peer, full);
                return None;
            }
        };
        // A frame that waits until the one before it was acknowledged comes 40 ms late (Nagle against delayed ACK).
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a socket of the page sends late");
        }
        let slow = self.handle.config().slow_secs;
        Some((Wire { socket, _place: place, track: track.clone(), slow, written: 0, late: None, lingers: None }, track))
    }

    fn turn_away(&self, socket: TcpStream, peer: SocketAddr, full: Full) {
        Metrics::count(&self.handle.metrics().turned_away);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(%peer, "turned away at the page's door: {} allows no more connections", full.setting());
        }
        let Ok(permit) = self.leaving.clone().try_acquire_owned() else { return };
        tokio::spawn(async move {
            if let Ok(Err(error)) = timeout(LINGER, see_off(socket, full)).await {
                tracing::debug!(%peer, %error, "gone before it was turned away");
            }
            drop(permit);
        });
    }

    /// One connection, until it ends or becomes a WebSocket.
    async fn carry(&self, wire: Wire, track: Arc<Track>, peer: SocketAddr, mut stopped: watch::Receiver<bool>) {
        let service = service_fn(|request| self.answer(request, peer, &track));
        let mut builder = http1::Builder::new();
        builder.max_header_size(HEAD_BYTES);
        let connection = builder.serve_connection(TokioIo::new(wire), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // Often enough that no deadline is missed by more than half of it.
        let often = self.config.times.head.min(self.config.times.idle) / 2;
        let mut look = std::pin::pin!(sleep(often));
        let mut is_ending = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "a connection broke");
                    }
                    return;
                }
                () = track.leave.notified() => {
                    if track.is_before_a_call() {
                        return;
                    }
                    // Where a call has begun meanwhile it is carried out.
                    connection.as_mut().graceful_shutdown();
                }
                _gone = stopped.wait_for(|stop| *stop), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = look.as_mut() => {
                    let now = Instant::now();
                    let next = match track.deadline() {
                        Some(deadline) if deadline <= now && track.is_before_a_call() => return,
                        Some(deadline) if deadline <= now => {
                            connection.as_mut().graceful_shutdown();
                            now + often
                        }
                        Some(deadline) => deadline.min(now + often),
                        None => now + often,
                    };
                    look.as_mut().reset(next);
                }
            }
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        track: &Arc<Track>,
    ) -> Result<hyper::Response<Answer>, Infallible> {
        track.called();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.app.call(request).await?;
        let status = response.status();
        track.refused.store(status.is_client_error() || status.is_server_error(), Ordering::Relaxed);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            track.upgraded();
        }
        Ok(response.map(|body| Answer { body, track: track.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(places: &Places, near: &str, phase: Phase, age: Duration, most: Most) -> Option<(Place, Arc<Track>)> {
        let track = Track::new(Duration::from_secs(10), Duration::from_secs(20));
        track.change(|_, now| (phase, now - age));
        let near = near.parse().ok().map(neighbourhood);
        Some((places.admit(near, &track, most).ok()?, track))
    }

    /// Which of these is told to go when one more comes.
    fn leaves(of: &[(&str, Phase, u64)], one_more: &str, most: Most) -> Result<usize, &'static str> {
        let places = Places::default();
        let there: Vec<_> = of
            .iter()
            .map(|(near, phase, age)| {
                connection(&places, near, *phase, Duration::from_secs(*age), most).expect("a place")
            })
            .collect();
        let more = connection(&places, one_more, Phase::Fresh, Duration::ZERO, most);
        let gone: Vec<u64> = {
            let open = places.lock();
            open.all.iter().filter(|(_, connection)| connection.is_leaving).map(|(number, _)| *number).collect()
        };
        let gone = there.iter().position(|(place, _)| gone.contains(&place.number));
        match (more, gone) {
            (None, None) => Err("turned away"),
            (Some(_), Some(gone)) => Ok(gone),
            (Some(_), None) => Err("let in"),
            (None, Some(_)) => panic!("one went for nothing"),
        }
    }

    #[test]
    fn who_is_missed_least_makes_way() {
        use Phase::{Call, Ending, Fresh, Head, Idle, Upgraded};
        let most = Most { all: 10, each: 3 };
        let here = "192.0.2.7";
        assert_eq!(leaves(&[(here, Idle, 1), (here, Idle, 9), (here, Idle, 5)], here, most), Ok(1), "idle for longest");
        assert_eq!(leaves(&[(here, Idle, 9), (here, Head, 5), (here, Fresh, 2)], here, most), Ok(1), "a slow head");
        assert_eq!(leaves(&[(here, Head, 0), (here, Idle, 0), (here, Call, 9)], here, most), Ok(1));
        assert_eq!(leaves(&[(here, Upgraded, 9), (here, Head, 0), (here, Call, 9)], here, most), Ok(1));
        assert_eq!(leaves(&[(here, Upgraded, 9), (here, Ending, 9), (here, Call, 9)], here, most), Err("turned away"));
        assert_eq!(leaves(&[(here, Call, 9), (here, Call, 9)], here, most), Err("let in"));
        // Nobody else makes way for an address that has its share.
        let others = [(here, Call, 1), (here, Call, 1), (here, Call, 1), ("192.0.2.8", Idle, 9)];
        assert_eq!(leaves(&others, here, most), Err("turned away"));
        assert_eq!(leaves(&others, "192.0.2.9", most), Err("let in"));
        assert_eq!(leaves(&others, "192.0.2.9", Most { all: 4, each: 3 }), Ok(3));
        assert_eq!(leaves(&others[..3], here, Most { all: 10, each: 0 }), Err("let in"), "0 is no limit");
        // Neighbours in IPv6 are one; an IPv4 address has two spellings.
        let near = [("2001:db8::1", Call, 1), ("2001:db8::2", Call, 1), ("2001:db8::3", Call, 1)];
        assert_eq!(leaves(&near, "2001:db8::4", most), Err("turned away"));
        assert_eq!(leaves(&others, "::ffff:192.0.2.7", most), Err("turned away"));
        // A known proxy has everybody behind it.
        assert_eq!(leaves(&[("proxy", Call, 1), ("proxy", Call, 1), ("proxy", Call, 1)], "proxy", most), Err("let in"));
    }

    #[test]
    fn places_are_counted_to_the_last() {
        let (places, most) = (Places::default(), Most { all: 4, each: 2 });
        let idle = |near| connection(&places, near, Phase::Idle, Duration::from_secs(1), most);
        let mut there: Vec<_> = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2"].into_iter().map(idle).collect();
        // One that was told to go counts for nobody any more, and another one is there in its place.
        there.push(idle("10.0.0.1"));
        there.push(idle("10.0.0.3"));
        assert!(there.iter().all(Option::is_some));
        let open = places.lock();
        assert_eq!((open.all.len(), open.leaving, open.each.values().sum::<usize>()), (6, 2, 4));
        drop(open);
        drop(there);
        let open = places.lock();
        assert_eq!((open.all.len(), open.leaving, open.each.len()), (0, 0, 0));
    }

    #[test]
    fn an_idle_one_is_only_idle_when_all_is_written() {
        let track = Track::new(Duration::from_secs(10), Duration::from_secs(20));
        let phase = || track.phase().0;
        assert!(track.is_before_a_call() && track.deadline().is_some());
        track.heard();
        assert_eq!(phase(), Phase::Head);
        track.called();
        track.flushed();
        assert_eq!((phase(), track.deadline()), (Phase::Call, None), "a part of an answer was written");
        track.heard();
        track.answered();
        assert_eq!(phase(), Phase::Ending);
        track.flushed();
        assert_eq!(phase(), Phase::Idle);
        track.heard();
        assert_eq!(phase(), Phase::Head);
        track.called();
        track.upgraded();
        track.answered();
        track.flushed();
        track.heard();
        assert_eq!((phase(), track.deadline(), track.rank(Instant::now())), (Phase::Upgraded, None, None));
    }
}
