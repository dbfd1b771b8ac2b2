//! The page's listener: how many connections there are, of which addresses, and for how long each may do what.
//!
//! A connection costs a descriptor, and those are for all doors together. So there is a limit in all and one for each
//! neighbourhood of addresses, which also hold for WebSockets, and a connection that is not in a call makes way where one is needed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use chat_server::machine;
use chat_server::metrics::Metrics;
use chat_server::model::address::neighbourhood;
use chat_server::net::server::{Pause, ServerHandle, is_peers_fault};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

mod full;
mod secure;
mod track;
pub(super) mod slots;
mod wire;

use crate::config::WebConfig;
use crate::http::peer::Peer;
use crate::lock::lock;
use full::{Full, LINGER, answer_and_close};
use secure::{Opened, opened};
use slots::{Most, Slots};
use track::Track;
use wire::{Begun, TrackedBody, Wire};

/// How long a connection of a known proxy may stay without a call: it has the calls of many users to bring.
const IDLE_PROXY: Duration = Duration::from_secs(180);
/// The most bytes of a head.
const HEAD_BYTES: usize = 16 * 1024;
/// The most calls at a time of one connection over HTTP/2, and what of an answer waits for a client of it.
const STREAMS: u32 = 64;
const SEND_BYTES: usize = 64 * 1024;
/// The log is warned so often at most that connections are turned away.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// The most connections that are told at a time why there is no slot; more are closed without an answer. Their descriptors are among
/// those that [`slots`] keeps back.
const REFUSALS: usize = 32;

/// What each connection needs.
struct Door {
    app: TowerToHyperService<Router>,
    handle: ServerHandle,
    config: WebConfig,
    slots: Slots,
    descriptors: Option<u64>,
    /// When the log was warned last.
    warned: Mutex<Option<Instant>>,
    /// Connections that are told why there is no slot.
    refusals: Arc<Semaphore>,
}

/// Takes connections until it is told to stop, and returns when the last of them has ended; WebSockets are none any more.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    handle: ServerHandle,
    config: WebConfig,
    slots: Slots,
    mut stopped: watch::Receiver<bool>,
) {
    let descriptors = machine::open_files();
    let app = TowerToHyperService::new(app);
    let (warned, refusals) = (Mutex::default(), Arc::new(Semaphore::new(REFUSALS)));
    let door = Arc::new(Door { app, handle, config, slots, descriptors, warned, refusals });
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
                if let Some((wire, track)) = door.accept(socket, peer) {
                    let (door, stopped, ended) = (door.clone(), stopped.clone(), ended.clone());
                    tokio::spawn(async move {
                        door.serve(wire, track, peer, stopped).await;
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
    fn accept(&self, socket: TcpStream, peer: SocketAddr) -> Option<(Wire, Arc<Track>)> {
        let is_proxy = self.config.proxies.iter().any(|proxy| proxy.holds(peer.ip()));
        let near = (!is_proxy).then(|| neighbourhood(peer.ip()));
        let times = &self.config.times;
        let track = Track::new(times.head, if is_proxy { times.idle.max(IDLE_PROXY) } else { times.idle });
        let slot = match self.slots.take(near, &track, Most::of(&self.handle, self.descriptors)) {
            Ok(slot) => slot,
            Err(full) => {
                self.refuse(socket, peer, full);
                return None;
            }
        };
        // A frame that waits until the one before it was acknowledged comes 40 ms late (Nagle against delayed ACK).
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a socket of the page sends late");
        }
        let wire = Wire::new(socket, slot, track.clone(), self.handle.config().slow_secs);
        Some((wire, track))
    }

    fn refuse(&self, socket: TcpStream, peer: SocketAddr, full: Full) {
        Metrics::count(&self.handle.metrics().turned_away);
        let mut warned = lock(&self.warned);
        if warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(%peer, "turned away at the page's door: {} allows no more connections", full.setting());
        }
        let Ok(permit) = self.refusals.clone().try_acquire_owned() else { return };
        tokio::spawn(async move {
            if let Ok(Err(error)) = timeout(LINGER, answer_and_close(socket, full)).await {
                tracing::debug!(%peer, %error, "gone before it was turned away");
            }
            drop(permit);
        });
    }

    /// One connection, until it ends or becomes a WebSocket: over TLS where its client begins with that.
    async fn serve(self: Arc<Self>, wire: Wire, track: Arc<Track>, peer: SocketAddr, stopped: watch::Receiver<bool>) {
        let Some(tls) = self.config.tls.clone() else {
            return self.calls(wire, track, Peer { address: peer, is_tls: false }, stopped).await;
        };
        let mut also = stopped.clone();
        let opened = tokio::select! {
            opened = timeout(self.config.times.head, opened(wire, &tls)) => opened,
            () = track.leave.notified() => return,
            _gone = also.wait_for(|stop| *stop) => return,
        };
        match opened {
            Ok(Ok(Opened::Plain(wire))) => {
                self.calls(wire, track, Peer { address: peer, is_tls: false }, stopped).await;
            }
            Ok(Ok(Opened::Tls(stream))) => {
                let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                track.is_h2.store(is_h2, Ordering::Relaxed);
                self.calls(stream, track, Peer { address: peer, is_tls: true }, stopped).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no handshake"),
            Err(_late) => tracing::debug!(%peer, "no handshake in time"),
        }
    }

    /// The calls of a connection.
    async fn calls<S>(self: Arc<Self>, stream: S, track: Arc<Track>, peer: Peer, stopped: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (door, of_call) = (self.clone(), track.clone());
        let service = service_fn(move |request| {
            let (door, track) = (door.clone(), of_call.clone());
            async move { door.answer(request, peer, &track).await }
        });
        let stream = TokioIo::new(stream);
        if track.is_h2.load(Ordering::Relaxed) {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .max_header_list_size(HEAD_BYTES as u32)
                .max_concurrent_streams(STREAMS)
                .max_send_buf_size(SEND_BYTES);
            let connection = builder.serve_connection(stream, service);
            self.watch(connection, |connection| connection.graceful_shutdown(), track, peer.address, stopped).await;
        } else {
            let mut builder = http1::Builder::new();
            builder.max_header_size(HEAD_BYTES);
            let connection = builder.serve_connection(stream, service).with_upgrades();
            self.watch(connection, |connection| connection.graceful_shutdown(), track, peer.address, stopped).await;
        }
    }

    /// Sees to it that a connection keeps its deadlines, and ends when this server does. `leave` has it end after its calls.
    async fn watch<C: Future<Output = hyper::Result<()>>>(
        &self,
        connection: C,
        leave: impl Fn(Pin<&mut C>),
        track: Arc<Track>,
        peer: SocketAddr,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut connection = std::pin::pin!(connection);
        // Often enough that no deadline is missed by more than half of it.
        let often = self.config.times.head.min(self.config.times.idle) / 2;
        let mut look = std::pin::pin!(sleep(often));
        let (mut is_ending, mut was_late) = (false, false);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "a connection broke");
                    }
                    return;
                }
                () = track.leave.notified() => {
                    if track.is_before_a_call() || track.is_abused() {
                        return;
                    }
                    // Where a call has begun meanwhile it is carried out.
                    leave(connection.as_mut());
                }
                _gone = stopped.wait_for(|stop| *stop), if !is_ending => {
                    is_ending = true;
                    leave(connection.as_mut());
                }
                () = look.as_mut() => {
                    let now = Instant::now();
                    let deadline = track.deadline();
                    let is_late = deadline.is_some_and(|deadline| deadline <= now);
                    // One of HTTP/2 that was told to go does so when its client takes what waits for it: it is not waited for twice.
                    let is_over = track.is_before_a_call() || was_late && track.is_h2.load(Ordering::Relaxed);
                    if is_late && is_over || track.is_stuck(now, self.handle.config().slow_secs) {
                        return;
                    }
                    if is_late {
                        leave(connection.as_mut());
                    }
                    was_late = is_late;
                    track.looked_at();
                    let next = deadline.filter(|_| !is_late).unwrap_or(now + often).min(now + often);
                    look.as_mut().reset(next);
                }
            }
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: Peer,
        track: &Arc<Track>,
    ) -> Result<hyper::Response<TrackedBody>, Infallible> {
        let begun = Begun::new(track);
        request.extensions_mut().insert(ConnectInfo(peer));
        // HTTP/2 says it in the address; cookies have its port in their names.
        let authority = request.uri().authority().and_then(|name| HeaderValue::from_str(name.as_str()).ok());
        if let (Some(name), Version::HTTP_2) = (authority, request.version()) {
            request.headers_mut().entry(header::HOST).or_insert(name);
        }
        let response = self.app.call(request).await?;
        let status = response.status();
        track.refused.store(status.is_client_error() || status.is_server_error(), Ordering::Relaxed);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            track.upgraded();
        }
        Ok(response.map(|body| begun.answered_by(body)))
    }
}
