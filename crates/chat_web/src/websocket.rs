//! One WebSocket: frames in, frames out, signs of life, and the reason it closes for (docs/protocol.md, section 2).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use chat_server::chat::limit::Bucket;
use chat_server::model::command::Line;
use chat_server::model::event::What;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::now::Moment;
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use crate::error::AppError;
use crate::frames::error_frame;
use crate::handlers::{may_come_from, session_of, token_of};
use crate::models::{ClientFrame, ServerFrame, room_name};
use crate::peer::Peer;
use crate::queue::FrameReceiver;
use crate::session::{Ask, Out, RENEWED, Session, SocketId};
use crate::sockets::SocketGuard;
use crate::state::AppState;

/// The most bytes of a frame.
pub const FRAME_BYTES: usize = 64 * 1024;
/// How much is read at once.
const READ_BUFFER: usize = 8 * 1024;
/// How much is gathered before it is written, and the most bytes of one of our own frames.
const WRITE_BUFFER: usize = 8 * 1024;
const LARGEST_FRAME: usize = 16 * 1024 * 1024;
/// The most items that are written at once, and about how many bytes. Signs of life and the end must get their turn.
const AT_ONCE: usize = 64;
const BYTES_AT_ONCE: usize = 64 * 1024;

/// How a socket ends that has no session.
const NO_SESSION: (u16, &str) = (4001, "no session, or it is over: POST /api/users makes one");

static NEXT_SOCKET: AtomicU64 = AtomicU64::new(1);

/// `GET /ws`.
///
/// # Errors
/// 403 for who may not come from there, 405 for anything but GET, 426 for what is no WebSocket.
pub async fn ws_handler(
    State(state): State<Arc<AppState>>,
    method: Method,
    peer: Peer,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, AppError> {
    if method != Method::GET {
        let mut response = AppError::MethodNotAllowed.into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        return Ok(response);
    }
    let upgrade = upgrade.map_err(|_| AppError::NoWebSocket)?;
    let session = session_of(&state, &headers, peer);
    let most = state.handle.config().max_per_address;
    // Before anything is waited for: those who come at once must not all find the same place.
    let place = state.config.sockets.open(peer.address.ip(), most);
    let entry = match (session, place) {
        (_, Err(full)) => Err((1013, full)),
        (Some(session), Ok(place)) => {
            may_come_from(&state, &session, peer).await?;
            Ok((session, place))
        }
        (None, Ok(_)) if token_of(&headers, peer).is_some_and(|token| state.renewed.has(token)) => Err(RENEWED),
        (None, Ok(_)) => Err(NO_SESSION),
    };
    let upgrade = upgrade
        .protocols(["chat.v1"])
        // The library's own is 128 KiB for each socket, also for those that say nothing.
        .read_buffer_size(READ_BUFFER)
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        // What is written is copied once more on its way; what waits is shared, and counted.
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(LARGEST_FRAME);
    Ok(upgrade.on_upgrade(move |socket| handle_socket(socket, state, entry)).into_response())
}

/// Whose socket it is, with its place; or the close code and the reason why it is nobody's.
type Entry = Result<(Arc<Session>, SocketGuard), (u16, &'static str)>;

/// Why a socket's reader ends.
enum End {
    /// It has a close code and a reason.
    Close(u16, String),
    /// The peer closed, or is gone: its close is answered by the library.
    PeerGone,
    /// The session is over; its last words are on their way to the writer.
    SessionOver,
}

async fn handle_socket(socket: WebSocket, state: Arc<AppState>, entry: Entry) {
    let closing = state.config.times.closing;
    let id: SocketId = NEXT_SOCKET.fetch_add(1, Ordering::Relaxed);
    let (sink, mut stream) = socket.split();
    let (session, _place) = match entry {
        Ok(entry) => entry,
        Err((code, reason)) => return close(sink, stream, closing, code, reason).await,
    };
    let Some(frames) = session.attach(id).await else {
        return close(sink, stream, closing, NO_SESSION.0, NO_SESSION.1).await;
    };
    let (ended, end) = mpsc::channel(1);
    let mut writer = tokio::spawn(write(sink, frames, state.clone(), session.clone(), end));
    // Whichever side ends first ends the other: nothing is done for a socket that is closed.
    let why = tokio::select! {
        why = read(&mut stream, &state, &session, id) => Some(why),
        _ = &mut writer => None,
    };
    // The writer hears the reason before the session lets go of its queue: an end without one means "too slow" to it.
    let broken = matches!(why, Some(End::Close(1002 | 1007 | 1009, _)));
    let writing = matches!(why, Some(End::Close(..) | End::PeerGone));
    match why {
        Some(End::Close(code, reason)) => {
            let _gone = ended.send((code, reason)).await;
        }
        Some(End::PeerGone) => drop(ended),
        Some(End::SessionOver) => {
            let _ended = (&mut writer).await;
        }
        None => {}
    }
    session.detach(id).await;
    // The peer's own goodbye is waited for, so that it does not see a broken connection.
    let drained = timeout(closing, async {
        while let Some(message) = stream.next().await {
            if message.is_err() {
                break;
            }
        }
    });
    if writing {
        let (_in_time, _ended) = tokio::join!(drained, writer);
    } else {
        let _in_time = drained.await;
    }
    if broken {
        // What is left of a broken frame is never read, and a socket that is closed on unread bytes loses the goodbye.
        sleep(closing).await;
    }
}

// ---- in ----

async fn read(stream: &mut SplitStream<WebSocket>, state: &AppState, session: &Session, id: SocketId) -> End {
    let mut settings = state.handle.follow();
    let mut bucket = Bucket::new(settings.config().burst, settings.config().per_second, Moment::now());
    let mut warned = false;
    let close = |code: u16, reason: &str| End::Close(code, reason.into());
    loop {
        let message = match timeout(state.config.times.silence, stream.next()).await {
            Err(_) => return close(4010, "no sign of life"),
            Ok(None) => return End::PeerGone,
            Ok(Some(Err(error))) => return fault(error),
            Ok(Some(Ok(message))) => message,
        };
        let text = match message {
            Message::Text(text) => {
                state.figures.read_frame();
                text
            }
            Message::Binary(_) => return close(1003, "text frames only"),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return End::PeerGone,
        };
        let frame = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) if value.is_object() => value,
            _ => return close(4000, "a frame is one JSON object with a \"type\""),
        };
        let reference = frame.get("ref").and_then(serde_json::Value::as_u64);
        let frame = serde_json::from_value::<ClientFrame>(frame);
        if settings.refresh() {
            bucket.set(settings.config().burst, settings.config().per_second);
        }
        // Like the line door: whoever is too fast is read more slowly, and told once. Nothing is lost.
        if !matches!(frame, Ok(ClientFrame::Ping { .. } | ClientFrame::Read { .. })) {
            let wait = bucket.take(Moment::now());
            warned &= wait > Duration::ZERO || !bucket.is_full();
            if wait > Duration::ZERO {
                if !std::mem::replace(&mut warned, true) {
                    let text = "You are sending fast; I am slowing you down. Nothing is lost.".into();
                    session.tell(id, ServerFrame::Warning { code: "pace", text }).await;
                }
                sleep(wait).await;
            }
        }
        let goes_on = match frame.map(|frame| ask_of(frame, settings.config().line_bytes)) {
            Ok(Ok(Some(ask))) => session.ask(id, reference, ask).await,
            Ok(Ok(None)) => session.tell(id, ServerFrame::Pong { reference }).await,
            Ok(Err(refusal)) => session.tell(id, refusal(reference)).await,
            Err(error) => {
                let refusal = wrong(reference, "bad-frame", format!("This frame cannot be read: {error}."));
                session.tell(id, refusal).await
            }
        };
        if !goes_on {
            return End::SessionOver;
        }
    }
}

/// What a broken frame is called when the socket closes (RFC 6455, section 7.4.1).
fn fault(error: axum::Error) -> End {
    let close = |code: u16, reason: String| End::Close(code, reason);
    match error.into_inner().downcast::<tungstenite::Error>().map(|error| *error) {
        Ok(tungstenite::Error::Capacity(_)) => close(1009, "a frame has at most 64 KiB".into()),
        Ok(tungstenite::Error::Utf8(_)) => close(1007, "a text frame is UTF-8".into()),
        Ok(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => End::PeerGone,
        Ok(tungstenite::Error::Protocol(what)) => close(1002, format!("no WebSocket frame: {what}")),
        _ => End::PeerGone,
    }
}

/// The frame that refuses another one, by the reference of that.
type ErrorFor = Box<dyn FnOnce(Option<u64>) -> ServerFrame + Send>;

/// A frame in the core's words; `None` is a ping.
fn ask_of(frame: ClientFrame, max: usize) -> Result<Option<Ask>, ErrorFor> {
    let no = |error: Refusal| -> ErrorFor { Box::new(move |reference| error_frame(reference, &error)) };
    let said = |text: &str| -> Result<Text, ErrorFor> { one_line(text, max).map_err(no) };
    let room = |room: &str| -> Result<RoomName, ErrorFor> { room_name(room).map_err(no) };
    let cid = |cid: Option<String>| -> Result<Option<String>, ErrorFor> {
        match cid {
            Some(cid) if !is_cid(&cid) => Err(Box::new(|reference| {
                wrong(reference, "bad-cid", "A cid has 16 to 64 letters, digits, \"-\" and \"_\".".into())
            })),
            cid => Ok(cid),
        }
    };
    Ok(Some(match frame {
        ClientFrame::Ping { .. } => return Ok(None),
        ClientFrame::Unknown => {
            return Err(Box::new(|reference| {
                wrong(reference, "unknown-type", "No frame has this type; docs/protocol.md lists them.".into())
            }));
        }
        ClientFrame::Resume { rooms, whispers, .. } => Ask::Resume(rooms, whispers),
        ClientFrame::Send { room: place, cid: id, text, reply_to, act, .. } => {
            Ask::Say { room: room(&place)?, cid: cid(id)?, text: said(&text)?, re: reply_to.map(Line::Id), act }
        }
        ClientFrame::Edit { room: place, target, text, .. } => {
            Ask::Change { room: room(&place)?, line: Line::Id(target), what: What::Edited(said(&text)?) }
        }
        ClientFrame::Delete { room: place, target, .. } => {
            Ask::Change { room: room(&place)?, line: Line::Id(target), what: What::Deleted }
        }
        ClientFrame::React { room: place, target, emoji, on, .. } => {
            let emoji = emoji_of(&emoji).map_err(no)?;
            let what = if on { What::Reacted(emoji) } else { What::Unreacted(emoji) };
            Ask::Change { room: room(&place)?, line: Line::Id(target), what }
        }
        ClientFrame::Whisper { cid: id, to, text, .. } => {
            Ask::Whisper { cid: cid(id)?, to: Name::parse(&to).map_err(no)?, text: said(&text)? }
        }
        ClientFrame::UserTyping { room: place } => Ask::Typing(room(&place)?, true),
        ClientFrame::UserStoppedTyping { room: place } => Ask::Typing(room(&place)?, false),
        ClientFrame::Read { room: place, seq } => Ask::Read(room(&place)?, seq),
        ClientFrame::Command { line, room: place, .. } => {
            Ask::Line { room: place.as_deref().map(room).transpose()?, line: said(&line)? }
        }
    }))
}

/// Words for the chat: one line, not empty, not too long.
///
/// # Errors
/// What is wrong with them.
pub fn one_line(text: &str, max: usize) -> Result<Text, Refusal> {
    if text.len() > max {
        return Err(Refusal::line_too_long(max, text.len()));
    }
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(['\r', '\n']) {
        return Err(Refusal::bad_argument(
            "a line end",
            "A message is one line; send several lines as several messages.",
        ));
    }
    if line.trim().is_empty() {
        return Err(Refusal::NO_TEXT);
    }
    Text::new(line)
}

/// A reaction.
fn emoji_of(emoji: &str) -> Result<Text, Refusal> {
    let text = Text::new(emoji)?;
    if emoji.is_empty() || emoji.len() > chat_server::model::command::MAX_EMOJI || emoji.contains(char::is_whitespace) {
        return Err(Refusal::bad_argument(&text, "A reaction is one emoji."));
    }
    Ok(text)
}

/// Whether a client's own word for a message has the form it needs.
pub fn is_cid(cid: &str) -> bool {
    (16..=64).contains(&cid.len()) && cid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn wrong(reference: Option<u64>, code: &str, title: String) -> ServerFrame {
    ServerFrame::Error { reference, code: code.into(), status: 400, title, retry_after_ms: None }
}

// ---- out ----

type Sink = SplitSink<WebSocket, Message>;

const TOO_SLOW: (u16, &str) = (4009, "read too slowly: connect again and resume");

async fn write(
    mut sink: Sink,
    mut frames: FrameReceiver,
    state: Arc<AppState>,
    session: Arc<Session>,
    mut end: mpsc::Receiver<(u16, String)>,
) {
    let times = &state.config.times;
    let mut broadcasts = state.tx.subscribe();
    let mut closing = state.closing.subscribe();
    let mut heartbeat = interval_at(tokio::time::Instant::now() + times.heartbeat, times.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let owned = |(code, reason): (u16, &str)| (code, reason.to_string());
    let (code, reason) = loop {
        let mut ping = None;
        let out = tokio::select! {
            biased;
            // None: the peer closed, or is gone.
            why = end.recv() => break why.unwrap_or((1000, String::new())),
            _ = heartbeat.tick() => {
                ping = Some(Message::Ping(axum::body::Bytes::new()));
                None
            }
            out = frames.recv() => match out {
                Some(out) => Some((out, true)),
                // The session let this socket go.
                None => break owned(TOO_SLOW),
            },
            frame = broadcasts.recv() => match frame {
                Ok(frame) => Some((Out::Frame(frame), false)),
                // These may be missed.
                Err(_) => continue,
            },
            _ = closing.wait_for(|closing| *closing) => break owned((1001, "the server goes away")),
        };
        let (mut last, mut pages, mut count) = (None, Vec::new(), 0);
        let (mut items, mut bytes) = (0, 0);
        let written = timeout(times.write, async {
            if let Some(ping) = ping {
                sink.feed(ping).await?;
            }
            // What waits comes along, so that a burst is one write.
            let mut next = out;
            while let Some((out, is_queued)) = next.take().or_else(|| Some((frames.try_recv()?, true))) {
                if is_queued {
                    items += 1;
                    bytes += out.bytes();
                }
                match out {
                    Out::Frame(frame) => {
                        count += 1;
                        sink.feed(Message::Text(frame)).await?;
                    }
                    Out::Page { frames, resume } => {
                        count += frames.len() as u64;
                        for frame in frames {
                            sink.feed(Message::Text(frame)).await?;
                        }
                        pages.push(resume);
                    }
                    Out::End { goodbye, code, reason } => {
                        if let Some(goodbye) = goodbye {
                            count += 1;
                            sink.feed(Message::Text(goodbye)).await?;
                        }
                        last = Some((code, reason));
                        break;
                    }
                }
                if items >= AT_ONCE || bytes >= BYTES_AT_ONCE {
                    break;
                }
            }
            sink.flush().await
        });
        match written.await {
            Ok(Ok(())) => {
                frames.written(items, bytes);
                state.figures.wrote_frames(count);
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot write to a socket");
                return;
            }
            Err(_) => break owned(TOO_SLOW),
        }
        for resume in pages {
            session.written(resume).await;
        }
        if let Some(last) = last {
            break last;
        }
    };
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _gone = timeout(times.closing, async {
        sink.send(goodbye).await?;
        sink.close().await
    })
    .await;
}

/// Ends a socket that never came to a session.
async fn close(mut sink: Sink, mut stream: SplitStream<WebSocket>, closing: Duration, code: u16, reason: &'static str) {
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _gone = timeout(closing, async {
        sink.send(goodbye).await?;
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<_, axum::Error>(())
    })
    .await;
}
