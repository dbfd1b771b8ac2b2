//! One WebSocket, from the upgrade to the close (docs/protocol.md, section 2).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

mod reader;
mod writer;

use crate::error::AppError;
use crate::handlers::caller::{check_address, session_or_bot, token_of};
use crate::http::negotiation::prefers_indonesian;
use crate::http::peer::Peer;
use crate::models::client_frames::FRAME_BYTES;
use crate::session::{Language, RENEWED, Session, SocketId, next_socket};
use crate::state::AppState;
use crate::state::sockets::SocketGuard;
use crate::words::reason;
use reader::{End, read};
use writer::{Sink, write};

/// How much is read at once.
const READ_BUFFER: usize = 8 * 1024;
/// How much is gathered before it is written, and the most bytes of one of our own frames.
const WRITE_BUFFER: usize = 8 * 1024;
const LARGEST_FRAME: usize = 16 * 1024 * 1024;

/// How a socket ends that has no session.
const NO_SESSION: (u16, &str) = (4001, "no session, or it is over: POST /api/users makes one");

/// `GET /ws`.
///
/// # Errors
/// 403 where the address is banned, 405 for every method but GET, 426 where the call asks for no WebSocket.
pub(crate) async fn ws_handler(
    State(state): State<Arc<AppState>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
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
    let most = state.handle.config().max_per_address;
    // Before the first wait, so that calls that come at once do not all get the same place.
    let place = state.sockets.open(peer.address.ip(), most);
    let session = session_or_bot(&state, &headers, peer).await?;
    let (asked, accepted) = (language_of(&uri), prefers_indonesian(&headers));
    let entry = match (session, place) {
        (_, Err(full)) => Err((1013, full)),
        (Some(session), Ok(place)) => {
            check_address(&state, &session, peer).await?;
            session.update(|profile| profile.language = Language { asked, accepted, ..profile.language });
            Ok((session, place))
        }
        (None, Ok(_)) if token_of(&headers, peer).is_some_and(|token| state.sessions.was_replaced(token)) => {
            Err(RENEWED)
        }
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
    Ok(upgrade.on_upgrade(move |socket| handle_socket(socket, state, entry, asked.unwrap_or(accepted))).into_response())
}

/// The language that the page's user has chosen, where the address says so by `lang=`: whether it is Indonesian.
fn language_of(uri: &Uri) -> Option<bool> {
    uri.query()?.split('&').find_map(|pair| match pair.strip_prefix("lang=")? {
        "id" => Some(true),
        "en" => Some(false),
        _ => None,
    })
}

/// The session of a socket, with its place; or the close code and the reason where it has none.
type Entry = Result<(Arc<Session>, SocketGuard), (u16, &'static str)>;

async fn handle_socket(socket: WebSocket, state: Arc<AppState>, entry: Entry, is_indonesian: bool) {
    let closing = state.config.times.closing;
    let id: SocketId = next_socket();
    let (sink, mut stream) = socket.split();
    let (session, _place) = match entry {
        Ok(entry) => entry,
        Err((code, why)) => return close(sink, stream, closing, code, reason(why, is_indonesian)).await,
    };
    let Some(frames) = session.attach(id).await else {
        return close(sink, stream, closing, NO_SESSION.0, reason(NO_SESSION.1, is_indonesian)).await;
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
        Some(End::Close(code, why)) => {
            let _gone = ended.send((code, reason(&why, session.is_indonesian()))).await;
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

/// Ends a socket that has no session.
async fn close(mut sink: Sink, mut stream: SplitStream<WebSocket>, closing: Duration, code: u16, reason: String) {
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _gone = timeout(closing, async {
        sink.send(goodbye).await?;
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<_, axum::Error>(())
    })
    .await;
}
