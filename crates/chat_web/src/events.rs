//! Server-sent events: what a WebSocket gets, for programs that have none (WHATWG HTML, section 9.2; docs/protocol.md, section 3.1).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::ws::Utf8Bytes;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

mod places;

use crate::error::{AppError, Problem};
use crate::handlers::caller::{Shared, SignedOn};
use crate::http::negotiation::prefers_indonesian;
use crate::http::peer::Peer;
use crate::session::ask::Ask;
use crate::session::queue::{FrameReceiver, Out};
use crate::session::{Language, Session, SocketId, next_socket};
use crate::state::AppState;
use crate::state::sockets::SocketGuard;
use crate::words::reason;
use places::{Id, Places, RIGHT, Take};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// nginx passes on at once what has this.
const NO_BUFFER: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
/// A comment, which no client shows, and after how many milliseconds a client that was cut off comes again.
const BEGINNING: &str = ": the same frames as by /ws\nretry: 2000\n\n";
const ALIVE: &str = ": still here\n\n";

/// What happens, as it happens
///
/// A stream of server-sent events. The `data` of each is a frame as the WebSocket has it, `Hello` first; docs/protocol.md lists them. An
/// `id` is a place: with it as `Last-Event-ID` a stream goes on behind it, and what is not kept any more is a `Gap`. The last event is
/// `Close`, with the code and the reason of a WebSocket's close.
#[utoipa::path(get, path = "/events", tag = "messages", security(("session" = []), ("cookie" = [])),
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that came", max_length = 12288,
        pattern = "^[0-9a-f]{32}(;@?[A-Za-z0-9_.:-]+=[0-9]{1,9})*$", example = "01890a5d00007000800000000000000a;lobby=12")), responses(
    (status = 200, description = "Events, until one side ends it", body = String, content_type = "text/event-stream",
        example = "id: 01890a5d00007000800000000000000a;lobby=12\ndata: {\"type\":\"Message\",\"room\":\"lobby\",\"seq\":12}\n\n"),
    (status = 400, description = "Last-Event-ID is none", body = Problem),
    (status = 401, description = "No session", body = Problem),
    (status = 403, description = "Your address is banned", body = Problem),
    (status = 503, description = "No place, or the server is stopping", body = Problem)))]
pub(crate) async fn events(
    State(state): Shared,
    SignedOn(session): SignedOn,
    peer: Peer,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let last = match headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) {
        Some(id) => {
            let id = id.to_str().ok().and_then(Id::parse);
            Some(id.ok_or_else(|| AppError::InvalidRequest(RIGHT.into()))?)
        }
        None => None,
    };
    let accepted = prefers_indonesian(&headers);
    session.update(|profile| profile.language = Language { asked: None, accepted, ..profile.language });
    let most = state.handle.config().max_per_address;
    let place =
        state.sockets.open(peer.address.ip(), most).map_err(|full| AppError::Full(format!("There are {full}.")))?;
    let socket = next_socket();
    let since = last.as_ref().and_then(|last| last.whispers_since(state.ids));
    let frames = session.attach_behind(socket, since).await.ok_or(AppError::NotSignedOn)?;
    // A server that keeps something has the lines, and their numbers, after a restart.
    let places = Places::new(state.ids, last, state.config.place.is_some());
    // One chunk at a time: what waits, waits in the session's queue, which is bounded.
    let (out, chunks) = mpsc::channel(1);
    let stream = Stream { state, session, socket, frames, places, out, _place: place };
    tokio::spawn(stream.run());
    let body = stream::unfold(chunks, |mut chunks: mpsc::Receiver<Bytes>| async move {
        let chunk = chunks.recv().await?;
        Some((Ok::<_, Infallible>(chunk), chunks))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store"), NO_BUFFER];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// What is written next.
enum Next {
    Alive,
    /// An item of the session's queue; none when the session has let go.
    Queued(Option<Out>),
    /// A frame for every socket, which does not count towards the queue.
    Broadcast(Utf8Bytes),
    /// A broadcast was missed; there is nothing to write.
    Nothing,
    Stopping,
}

/// One stream.
struct Stream {
    state: Arc<AppState>,
    session: Arc<Session>,
    socket: SocketId,
    frames: FrameReceiver,
    places: Places,
    out: mpsc::Sender<Bytes>,
    _place: SocketGuard,
}

impl Stream {
    async fn run(mut self) {
        if let Some((code, reason)) = self.write().await {
            let close = json!({ "type": "Close", "code": code, "reason": reason });
            let last = Bytes::from(format!("data: {close}\n\n"));
            let _gone = timeout(self.state.config.times.closing, self.out.send(last)).await;
        }
        self.session.detach(self.socket).await;
    }

    /// Writes until the client is gone (`None`), or there is a reason to end.
    async fn write(&mut self) -> Option<(u16, String)> {
        let state = self.state.clone();
        let times = &state.config.times;
        let mut broadcasts = state.broadcasts.subscribe();
        let mut closing = state.closing.subscribe();
        let mut heartbeat = interval_at(Instant::now() + times.heartbeat, times.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let session = self.session.clone();
        let told = |code: u16, why: &str| Some((code, reason(why, session.is_indonesian())));
        let too_slow = || told(4009, "read too slowly: connect again with Last-Event-ID");
        self.send(BEGINNING.into()).await?;
        loop {
            let next = tokio::select! {
                biased;
                () = self.out.closed() => return None,
                _ = heartbeat.tick() => Next::Alive,
                out = self.frames.recv() => Next::Queued(out),
                frame = broadcasts.recv() => frame.map_or(Next::Nothing, Next::Broadcast),
                _ = closing.wait_for(|closing| *closing) => Next::Stopping,
            };
            let is_sent = match next {
                Next::Alive => self.send(ALIVE.into()).await,
                Next::Broadcast(frame) => self.send(event(&frame, None)).await,
                Next::Nothing => Some(()),
                Next::Stopping => return told(1001, "the server goes away"),
                // The session dropped this socket.
                Next::Queued(None) => return too_slow(),
                Next::Queued(Some(out)) => {
                    let is_sent = self.pass_on(&out).await;
                    if let Out::End { code, reason, .. } = out {
                        return Some((code, reason));
                    }
                    is_sent
                }
            };
            if is_sent.is_none() {
                return too_slow();
            }
            if let Some((room, after)) = self.places.next() {
                let ask = Ask::Resume(BTreeMap::from([(room, after)]), None);
                // Where the session is over its last words are in the queue.
                let _over = self.session.ask(self.socket, None, ask).await;
            }
        }
    }

    /// Sends an item of the queue. `None` if the client does not take it in time.
    async fn pass_on(&mut self, out: &Out) -> Option<()> {
        let text = self.text(out);
        let is_sent = if text.is_empty() { Some(()) } else { self.send(text).await };
        self.frames.written(1, out.bytes());
        match out {
            Out::Page { resume, .. } => self.session.written(*resume).await,
            // A stream of events has no answer: what it was sent counts as received.
            Out::Private { number, .. } if is_sent.is_some() => self.session.received(self.socket, *number).await,
            _ => {}
        }
        is_sent
    }

    /// The frames of an item as events, without those that the client has.
    fn text(&mut self, out: &Out) -> String {
        let mut text = String::new();
        let (frames, is_page) = match out {
            Out::Frame(frame) | Out::Private { frame, .. } => (std::slice::from_ref(frame), false),
            Out::Page { frames, .. } => (frames.as_slice(), true),
            Out::End { goodbye, .. } => (goodbye.as_slice(), false),
        };
        self.state.figures.wrote_frames(frames.len() as u64);
        for frame in frames {
            match self.places.take(frame, is_page) {
                Take::Marked(id) => text.push_str(&event(frame, Some(&id))),
                Take::Plain => text.push_str(&event(frame, None)),
                Take::Skip => {}
            }
        }
        text
    }

    /// Hands a chunk on. `None` if the client does not take it in time.
    async fn send(&self, chunk: String) -> Option<()> {
        timeout(self.state.config.times.write, self.out.send(chunk.into())).await.ok()?.ok()
    }
}

/// A frame as an event. JSON has no line breaks of its own.
fn event(frame: &str, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("id: {id}\ndata: {frame}\n\n"),
        None => format!("data: {frame}\n\n"),
    }
}
