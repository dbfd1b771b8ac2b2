//! One WebSocket: frames in, frames out, signs of life, and the reason it closes for (docs/protocol.md, section 2).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chat_server::command::Line;
use chat_server::error::ChatError;
use chat_server::event::What;
use chat_server::limit::Bucket;
use chat_server::names::{Name, RoomName};
use chat_server::text::Text;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{interval_at, sleep, timeout};

use crate::error::AppError;
use crate::handlers::session_of;
use crate::models::{ClientFrame, ServerFrame, room_name};
use crate::session::{Ask, Out, Session, SocketId, error_frame};
use crate::state::AppState;

/// The most bytes of a frame.
pub const FRAME_BYTES: usize = 64 * 1024;
/// How often the server pings.
pub const HEARTBEAT: Duration = Duration::from_secs(25);
/// What may be missing before a socket counts as dead: two pings and what they take.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a frame may take to be written, and the goodbye to be answered.
const WRITE: Duration = Duration::from_secs(15);
const CLOSING: Duration = Duration::from_secs(2);

static NEXT_SOCKET: AtomicU64 = AtomicU64::new(1);

/// `GET /ws`.
///
/// # Errors
/// 403 for a page of another site.
pub async fn ws_handler(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, AppError> {
    if !state.config.allows_origin(&headers) {
        return Err(AppError::ForeignOrigin);
    }
    let session = session_of(&state, &headers);
    let upgrade = upgrade
        .protocols(["chat.v1"])
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_write_buffer_size(1024 * 1024);
    Ok(upgrade.on_upgrade(move |socket| handle_socket(socket, state, session)).into_response())
}

/// Why a socket ends from its reader's side: a close code and its reason.
type End = (u16, String);

async fn handle_socket(socket: WebSocket, state: Arc<AppState>, session: Option<Arc<Session>>) {
    let _open = state.config.sockets.open();
    let id: SocketId = NEXT_SOCKET.fetch_add(1, Ordering::Relaxed);
    let (sink, stream) = socket.split();
    let attached = match &session {
        Some(session) => session.attach(id).await.map(|frames| (session, frames)),
        None => None,
    };
    let Some((session, frames)) = attached else {
        return close(sink, stream, 4001, "no session, or it is over: POST /api/users makes one").await;
    };
    let (ended, end) = mpsc::channel(1);
    let broadcasts = state.tx.subscribe();
    let writer = tokio::spawn(write(sink, frames, broadcasts, end));
    let reader = read(stream, &state, session, id);
    let (mut stream, why) = reader.await;
    if let Some(why) = why {
        let _gone = ended.send(why).await;
    }
    drop(ended);
    session.detach(id).await;
    // The peer's own goodbye is waited for, so that it does not see a broken connection.
    let drained = timeout(CLOSING, async { while let Some(Ok(_)) = stream.next().await {} });
    let (_drained, _written) = tokio::join!(drained, writer);
}

// ---- in ----

async fn read(
    mut stream: SplitStream<WebSocket>,
    state: &AppState,
    session: &Session,
    id: SocketId,
) -> (SplitStream<WebSocket>, Option<End>) {
    let config = state.handle.config();
    let mut bucket = Bucket::new(config.burst, config.per_second, Instant::now());
    let mut warned = false;
    let why = loop {
        let message = match timeout(SILENCE, stream.next()).await {
            Err(_) => break Some((4010, "no sign of life".into())),
            Ok(None) => break None,
            Ok(Some(Err(error))) => break fault(&error),
            Ok(Some(Ok(message))) => message,
        };
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => break Some((1003, "text frames only".into())),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => break None,
        };
        let frame = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) if value.is_object() => value,
            _ => break Some((4000, "a frame is one JSON object with a \"type\"".into())),
        };
        let reference = frame.get("ref").and_then(serde_json::Value::as_u64);
        let frame = match serde_json::from_value::<ClientFrame>(frame) {
            Ok(frame) => frame,
            Err(error) => {
                let refusal = wrong(reference, "bad-frame", format!("This frame cannot be read: {error}."));
                if session.tell(id, refusal).await { continue } else { break None }
            }
        };
        // Like the line door: whoever is too fast is read more slowly, and told once. Nothing is lost.
        if !matches!(frame, ClientFrame::Ping { .. } | ClientFrame::Read { .. }) {
            let wait = bucket.take(Instant::now());
            warned &= wait > Duration::ZERO || !bucket.is_full();
            if wait > Duration::ZERO {
                if !std::mem::replace(&mut warned, true) {
                    let text = "You are sending fast; I am slowing you down. Nothing is lost.".into();
                    session.tell(id, ServerFrame::Warning { code: "pace", text }).await;
                }
                sleep(wait).await;
            }
        }
        let goes_on = match ask_of(frame, config.line_bytes) {
            Ok(Some(ask)) => session.ask(id, ask).await,
            Ok(None) => session.tell(id, ServerFrame::Pong { reference }).await,
            Err(refusal) => session.tell(id, refusal(reference)).await,
        };
        if !goes_on {
            break None;
        }
    };
    (stream, why)
}

/// What a broken frame is called when the socket closes.
fn fault(error: &axum::Error) -> Option<End> {
    let words = error.to_string();
    // axum hands the library's errors on as text only.
    if words.contains("too big") || words.contains("too long") || words.contains("Space limit") {
        Some((1009, "a frame has at most 64 KiB".into()))
    } else if words.to_ascii_lowercase().contains("utf") {
        Some((1007, "a text frame is UTF-8".into()))
    } else {
        None
    }
}

type Refusal = Box<dyn FnOnce(Option<u64>) -> ServerFrame + Send>;

/// A frame in the core's words; `None` is a ping.
fn ask_of(frame: ClientFrame, max: usize) -> Result<Option<Ask>, Refusal> {
    let no = |error: ChatError| -> Refusal { Box::new(move |reference| error_frame(reference, &error)) };
    let said = |text: &str| -> Result<Text, Refusal> { one_line(text, max).map_err(no) };
    let room = |room: &str| -> Result<RoomName, Refusal> { room_name(room).map_err(no) };
    let cid = |cid: Option<String>| -> Result<Option<String>, Refusal> {
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
        ClientFrame::Resume { rooms, .. } => Ask::Resume(rooms),
        ClientFrame::Send { reference, room: place, cid: id, text, reply_to, act } => Ask::Say {
            reference,
            room: room(&place)?,
            cid: cid(id)?,
            text: said(&text)?,
            re: reply_to.map(Line::Id),
            act,
        },
        ClientFrame::Edit { reference, room: place, target, text } => {
            Ask::Change { reference, room: room(&place)?, line: Line::Id(target), what: What::Edited(said(&text)?) }
        }
        ClientFrame::Delete { reference, room: place, target } => {
            Ask::Change { reference, room: room(&place)?, line: Line::Id(target), what: What::Deleted }
        }
        ClientFrame::React { reference, room: place, target, emoji, on } => {
            let emoji = emoji_of(&emoji).map_err(no)?;
            let what = if on { What::Reacted(emoji) } else { What::Unreacted(emoji) };
            Ask::Change { reference, room: room(&place)?, line: Line::Id(target), what }
        }
        ClientFrame::Whisper { reference, cid: id, to, text } => {
            Ask::Whisper { reference, cid: cid(id)?, to: Name::parse(&to).map_err(no)?, text: said(&text)? }
        }
        ClientFrame::UserTyping { room: place } => Ask::Typing(room(&place)?, true),
        ClientFrame::UserStoppedTyping { room: place } => Ask::Typing(room(&place)?, false),
        ClientFrame::Read { room: place, seq } => Ask::Read(room(&place)?, seq),
        ClientFrame::Command { reference, line, room: place } => {
            Ask::Line { reference, room: place.as_deref().map(room).transpose()?, line: said(&line)? }
        }
    }))
}

/// Words for the chat: one line, not empty, not too long.
///
/// # Errors
/// What is wrong with them.
pub fn one_line(text: &str, max: usize) -> Result<Text, ChatError> {
    if text.len() > max {
        return Err(ChatError::LineTooLong { max, got: text.len() });
    }
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(['\r', '\n']) {
        let what = Text::new("a line end").unwrap_or_default();
        return Err(ChatError::BadArgument {
            what,
            right: "A message is one line; send several lines as several messages.",
        });
    }
    if line.trim().is_empty() {
        return Err(ChatError::NoText);
    }
    Text::new(line)
}

/// A reaction.
fn emoji_of(emoji: &str) -> Result<Text, ChatError> {
    let text = Text::new(emoji)?;
    if emoji.is_empty() || emoji.len() > chat_server::command::MAX_EMOJI || emoji.contains(char::is_whitespace) {
        return Err(ChatError::BadArgument { what: text, right: "A reaction is one emoji." });
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

async fn write(
    mut sink: Sink,
    mut frames: mpsc::Receiver<Out>,
    mut broadcasts: broadcast::Receiver<axum::extract::ws::Utf8Bytes>,
    mut end: mpsc::Receiver<End>,
) {
    let mut heartbeat = interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    let (code, reason) = loop {
        let message = tokio::select! {
            biased;
            why = end.recv() => match why {
                Some(why) => break why,
                // The peer closed, or is gone: its close is answered by the library.
                None => break (1000, String::new()),
            },
            out = frames.recv() => match out {
                Some(Out::Frame(frame)) => Message::Text(frame),
                Some(Out::Close(code, reason)) => break (code, reason),
                None => break (4009, "read too slowly: connect again and resume".into()),
            },
            frame = broadcasts.recv() => match frame {
                Ok(frame) => Message::Text(frame),
                // These may be missed.
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => break (1001, "the server stops".into()),
            },
            _ = heartbeat.tick() => Message::Ping(axum::body::Bytes::new()),
        };
        // What waits comes along, so that a burst is one write.
        let written = timeout(WRITE, async {
            sink.feed(message).await?;
            while let Ok(out) = frames.try_recv() {
                match out {
                    Out::Frame(frame) => sink.feed(Message::Text(frame)).await?,
                    Out::Close(code, reason) => return Ok(Some((code, reason))),
                }
            }
            sink.flush().await.map(|()| None)
        });
        match written.await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(why))) => break why,
            Ok(Err::<_, axum::Error>(error)) => {
                tracing::debug!(%error, "cannot write to a socket");
                return;
            }
            Err(_) => break (4009, "read too slowly: connect again and resume".into()),
        }
    };
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _gone = timeout(CLOSING, async {
        sink.send(goodbye).await?;
        sink.close().await
    })
    .await;
}

/// Ends a socket that never came to a session.
async fn close(mut sink: Sink, mut stream: SplitStream<WebSocket>, code: u16, reason: &'static str) {
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _gone = timeout(CLOSING, async {
        sink.send(goodbye).await?;
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<_, axum::Error>(())
    })
    .await;
}
