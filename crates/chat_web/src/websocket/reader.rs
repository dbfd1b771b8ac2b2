//! What comes in by a WebSocket: frames become asks of the session, not faster than the settings say.

use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use chat_server::features::preferences::state::Key;
use chat_server::model::body::Body;
use chat_server::model::command::Line;
use chat_server::model::event::What;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::now::Moment;
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use chat_server::net::bucket::Bucket;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use crate::models::client_frames::ClientFrame;
use crate::models::frames::ServerFrame;
use crate::models::input::{emoji_of, is_cid, message_text, one_line};
use crate::models::names::room_name;
use crate::models::render::error_frame;
use crate::session::ask::Ask;
use crate::session::{Session, SocketId};
use crate::state::AppState;

/// Why a socket's reader ends.
pub(super) enum End {
    /// It has a close code and a reason.
    Close(u16, String),
    /// The peer closed, or is gone: its close is answered by the library.
    PeerGone,
    /// The session is over; its last words are on their way to the writer.
    SessionOver,
}

/// Reads frames until the socket or the session ends.
pub(super) async fn read(
    stream: &mut SplitStream<WebSocket>,
    state: &AppState,
    session: &Session,
    id: SocketId,
) -> End {
    let mut settings = state.handle.follow();
    let mut bucket = Bucket::new(settings.config().burst, settings.config().per_second, Moment::now());
    // Read marks come by themselves, so they are paced apart, and in silence.
    let mut marks = Bucket::new(settings.config().burst, settings.config().per_second, Moment::now());
    let mut received = 0;
    let mut warned = false;
    let close = |code: u16, reason: &str| End::Close(code, reason.into());
    loop {
        let text = match next_text(stream, state, session, id, &mut received).await {
            Ok(text) => text,
            Err(end) => return end,
        };
        let frame = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) if value.is_object() => value,
            _ => return close(4000, "a frame is one JSON object with a \"type\""),
        };
        let reference = frame.get("ref").and_then(serde_json::Value::as_u64);
        let frame = serde_json::from_value::<ClientFrame>(frame);
        if settings.refresh() {
            bucket.set(settings.config().burst, settings.config().per_second);
            marks.set(settings.config().burst, settings.config().per_second);
        }
        if matches!(frame, Ok(ClientFrame::Read { .. })) {
            let wait = marks.take(Moment::now());
            if wait > Duration::ZERO {
                sleep(wait).await;
            }
        }
        // Like the line door: a client that is too fast is read more slowly, and told once. Nothing is lost.
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

/// The next frame with text. `received` is the number of the last ping that was answered (docs/protocol.md, 2.3): they rise, so
/// that a pong of an older one says nothing new.
async fn next_text(
    stream: &mut SplitStream<WebSocket>,
    state: &AppState,
    session: &Session,
    id: SocketId,
    received: &mut u64,
) -> Result<Utf8Bytes, End> {
    let close = |code: u16, reason: &str| End::Close(code, reason.into());
    loop {
        let message = match timeout(state.config.times.silence, stream.next()).await {
            Err(_) => return Err(close(4010, "no sign of life")),
            Ok(None) => return Err(End::PeerGone),
            Ok(Some(Err(error))) => return Err(fault(error)),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Text(text) => {
                state.figures.read_frame();
                return Ok(text);
            }
            Message::Binary(_) => return Err(close(1003, "text frames only")),
            Message::Pong(number) => {
                let number = number.as_ref().try_into().map_or(0, u64::from_be_bytes);
                if number > *received {
                    *received = number;
                    session.received(id, number).await;
                }
            }
            Message::Ping(_) => {}
            Message::Close(_) => return Err(End::PeerGone),
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
    let message = |text: &str| -> Result<Body, ErrorFor> { message_text(text, max).map_err(no) };
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
            Ask::Say { room: room(&place)?, cid: cid(id)?, text: message(&text)?, re: reply_to.map(Line::Id), act }
        }
        ClientFrame::Edit { room: place, target, text, .. } => {
            Ask::Change { room: room(&place)?, line: Line::Id(target), what: What::Edited(message(&text)?) }
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
            Ask::Whisper { cid: cid(id)?, to: Name::parse(&to).map_err(no)?, text: message(&text)? }
        }
        ClientFrame::UserTyping { room: place } => Ask::Typing(room(&place)?, true),
        ClientFrame::UserStoppedTyping { room: place } => Ask::Typing(room(&place)?, false),
        ClientFrame::Read { room: place, seq } => Ask::Read(room(&place)?, seq),
        ClientFrame::Sight { visible } => Ask::Sight(visible),
        ClientFrame::SetPreference { key, value, .. } => {
            let value = value.as_deref().map(Body::new).transpose().map_err(no)?;
            Ask::Prefer(Key::parse(&key).map_err(no)?, value)
        }
        ClientFrame::SetLanguage { lang, .. } => match lang.as_str() {
            "id" => Ask::Language(true),
            "en" => Ask::Language(false),
            _ => return Err(no(Refusal::bad_argument("lang", "It is en or id."))),
        },
        ClientFrame::Command { line, room: place, .. } => {
            Ask::Line { room: place.as_deref().map(room).transpose()?, line: said(&line)? }
        }
    }))
}

fn wrong(reference: Option<u64>, code: &str, title: String) -> ServerFrame {
    ServerFrame::Error { reference, code: code.into(), status: 400, title, retry_after_ms: None }
}
