//! Files by the browser: one comes in as the body of a call, and goes out so that nothing in it can run (docs/protocol.md, section 3).

use std::convert::Infallible;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_server::features::calls::{Access, Placed};
use chat_server::features::files::door::shared::{Clock, TICK, finish};
use chat_server::features::files::{Fetched, FileError, Files, Place, Reader, Recipient, Upload, file_name};
use chat_server::metrics::Metrics;
use chat_server::model::names::Name;
use chat_server::model::now::Moment;
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use chat_server::net::server::ServerHandle;
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use super::caller::{Shared, SignedOn, Viewer};
use super::extract::{PathParam, QueryParams};
use crate::error::{AppError, Problem};
use crate::http::peer::Peer;
use crate::models::names::{bare, room_name};
use crate::session::ask::{Ask, Outcome};

/// The pieces of a body that wait for the disk. A browser that is faster waits.
const PIECES: usize = 8;
/// The bytes of one read.
const PIECE: usize = 64 * 1024;
/// What a browser may do with a file: show it as a picture, or keep it. No script, no form, no frame, no plug-in.
pub(super) const POLICY: &str = "sandbox; default-src 'none'";
/// How long a browser may keep it: a file that is deleted must not stay for long.
const KEPT: &str = "private, max-age=300";

/// Where a file goes, and how it is called.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NewFile {
    /// The room, with or without its `#`; `lobby` if neither this nor `to` is said.
    room: Option<String>,
    /// The one person who is to have it, in place of a room.
    to: Option<String>,
    /// Its name, for people. A folder in front of it is left out; what has no name is called `file`.
    #[param(example = "report.pdf")]
    name: String,
}

/// A file that is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Uploaded {
    /// Where it is fetched.
    #[schema(example = "/files/9f2c41d0000000000000000000000007")]
    url: String,
    /// What it is fetched by.
    token: String,
    /// How many bytes it has.
    bytes: u64,
    /// The room, without its `#`.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    /// The number of its message in that room.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    /// The one person who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

/// Send a file
///
/// The body is the file, as it is. Its message comes when all of it is there.
#[utoipa::path(post, path = "/files", tag = "files", params(NewFile), security(("session" = []), ("cookie" = [])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 201, description = "It is there, and whom it is for was told", body = Uploaded),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "One may not speak there", body = Problem),
    (status = 404, description = "There is no such room or person, or no files are passed on", body = Problem),
    (status = 409, description = "One has too many files here", body = Problem),
    (status = 411, description = "There is no Content-Length", body = Problem),
    (status = 413, description = "It is too big", body = Problem),
    (status = 422, description = "Another size came, or a name cannot be", body = Problem),
    (status = 429, description = "Too fast", body = Problem),
    (status = 503, description = "Too many files are on their way", body = Problem),
    (status = 507, description = "There is no place for it", body = Problem)))]
pub(crate) async fn upload(
    State(state): Shared,
    SignedOn(session): SignedOn,
    peer: Peer,
    QueryParams(new): QueryParams<NewFile>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AppError> {
    let files = state.handle.find::<Files>().ok_or(Refusal::NO_FILES)?;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let bytes = length.ok_or(AppError::NoLength)?;
    if bytes == 0 {
        return Err(AppError::WrongFields("The file is empty.".into()));
    }
    let to = match new.to {
        Some(name) => Recipient::Person(Name::parse(&name)?),
        None => Recipient::Room(room_name(new.room.as_deref().unwrap_or("lobby"))?),
    };
    let name = file_name(&Text::new(&new.name)?);
    session.take_pace().map_err(AppError::TooMany)?;
    let place = files.place(peer.address.ip()).map_err(AppError::File)?;
    let told = session.carry_out(Ask::Offer { to, bytes, name }).await.ok_or(AppError::NotSignedOn)?;
    let Outcome::Offered(token) = told? else { return Err(AppError::Internal) };
    let (send, pieces) = mpsc::channel(PIECES);
    let (handle, address) = (state.handle.clone(), peer.address.ip());
    let stored = spawn_blocking(move || {
        let upload = files.begin(&token.to_string(), address, Moment::now())?;
        store(upload, pieces, &handle, place)
    });
    let ended = receive(&state.handle, body, bytes, send).await;
    let placed = stored.await.map_err(|_| AppError::Internal)?;
    ended?;
    let (room, seq, to) = match placed.map_err(AppError::from)? {
        Placed::Room(room, seq) => (Some(bare(&room)), Some(seq), None),
        Placed::Person(name) => (None, None, Some(name.to_string())),
    };
    let url = format!("/files/{token}");
    let uploaded = Uploaded { url: url.clone(), token: token.to_string(), bytes, room, seq, to };
    Ok((StatusCode::CREATED, [(header::LOCATION, url)], Json(uploaded)).into_response())
}

/// Reads the body, and hands it on piece by piece. Where it is cut the pieces just end, and are too few.
async fn receive(handle: &ServerHandle, body: Body, mut left: u64, send: mpsc::Sender<Bytes>) -> Result<(), AppError> {
    let mut clock = Clock::new(&handle.config(), Instant::now(), left);
    let mut pieces = body.into_data_stream();
    loop {
        match timeout(TICK, pieces.next()).await {
            Ok(Some(Ok(piece))) => {
                left = left.saturating_sub(piece.len() as u64);
                // The writer has stopped, and says why.
                if send.send(piece).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None | Some(Err(_))) => return Ok(()),
            Err(_) => {}
        }
        clock.look(left, Instant::now())?;
    }
}

/// Writes a file, on a thread that may wait for the disk, and has it said.
fn store(
    mut upload: Upload,
    mut pieces: mpsc::Receiver<Bytes>,
    handle: &ServerHandle,
    _place: Place,
) -> Result<Placed, FileError> {
    let metrics = handle.metrics();
    let mut came = Ok(());
    while let Some(piece) = pieces.blocking_recv() {
        let stopped = if handle.is_stopping() { Err(FileError::Stopping) } else { Ok(()) };
        came = stopped.and_then(|()| upload.write(&piece)).and_then(|()| upload.check());
        if came.is_err() {
            break;
        }
        metrics.upload_bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
    // The reader of the body has not to go on.
    drop(pieces);
    let placed = finish(upload, came, metrics, &|message| handle.send(message));
    if placed.is_err() {
        Metrics::count(&metrics.files_refused);
    }
    placed
}

/// A file. A picture is shown, everything else is kept.
pub(crate) async fn download(
    State(state): Shared,
    viewer: Viewer,
    peer: Peer,
    PathParam(token): PathParam<String>,
) -> Result<Response, AppError> {
    let files = state.handle.find::<Files>().ok_or(Refusal::NO_FILES)?;
    let place = files.place(peer.address.ip()).map_err(AppError::File)?;
    let reader = viewer.person().map_or(Reader::Nobody, Reader::Person);
    let address = peer.address.ip();
    let opened = spawn_blocking(move || {
        let mut fetched = files.fetch(&token, address, reader, Moment::now())?;
        let mut first = vec![0; PIECE];
        let count = fetched.file.read(&mut first).map_err(|_| FileError::Disk)?;
        first.truncate(count);
        Ok((fetched, first))
    });
    let opened: Result<(Fetched, Vec<u8>), FileError> = opened.await.map_err(|_| AppError::Internal)?;
    let (fetched, first) = opened.map_err(AppError::from)?;
    state.may_read(viewer.caller(), Access::File(fetched.room.clone())).await?;
    let picture = picture(&first);
    let how = if picture.is_some() { "inline" } else { "attachment" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(picture.unwrap_or("application/octet-stream"))),
        (header::CONTENT_LENGTH, HeaderValue::from(fetched.bytes)),
        (header::CONTENT_DISPOSITION, disposition(how, &fetched.name)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static(KEPT)),
    ];
    let (send, pieces) = mpsc::channel(PIECES);
    tokio::spawn(send_out(state.handle.clone(), fetched, first, send, place));
    // Where fewer bytes come than were said, the browser sees that it is broken.
    let body = stream::unfold(pieces, |mut pieces| async {
        pieces.recv().await.map(|piece| (Ok::<_, Infallible>(piece), pieces))
    });
    let body = Body::from_stream(body);
    Ok((headers, body).into_response())
}

/// Hands a file to a body, piece by piece. A browser that takes too little loses the rest, and the place is free for another.
async fn send_out(handle: ServerHandle, fetched: Fetched, first: Vec<u8>, send: mpsc::Sender<Bytes>, _place: Place) {
    let (mut file, mut left) = (fetched.file, fetched.bytes);
    let mut clock = Clock::new(&handle.config(), Instant::now(), left);
    let mut piece = first;
    while !piece.is_empty() {
        let bytes = piece.len() as u64;
        let taken = loop {
            match timeout(TICK, send.reserve()).await {
                Ok(Ok(taken)) => break taken,
                Ok(Err(_gone)) => return,
                Err(_) if clock.look(left, Instant::now()).is_err() => return,
                Err(_) => {}
            }
        };
        taken.send(Bytes::from(piece));
        left = left.saturating_sub(bytes);
        if clock.look(left, Instant::now()).is_err() {
            return;
        }
        handle.metrics().download_bytes.fetch_add(bytes, Ordering::Relaxed);
        let read = spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let count = file.read(&mut piece)?;
            piece.truncate(count);
            Ok::<_, std::io::Error>((file, piece))
        });
        let Ok(Ok((again, next))) = read.await else { return };
        (file, piece) = (again, next);
    }
    Metrics::count(&handle.metrics().downloads);
}

/// The type of a picture that can hold no script, by its first bytes; what its sender calls it counts for nothing. SVG is none.
fn picture(first: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| first.starts_with(with);
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if begins(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("image/gif")
    } else if begins(b"RIFF") && first.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

/// RFC 6266: a name that every header can hold, and the whole one in percent signs.
fn disposition(how: &str, name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' })
        .collect();
    let whole: String = name
        .bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    let value = format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{whole}");
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_that_cannot_run_are_shown() {
        assert_eq!(picture(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(picture(b"RIFF....WEBPVP8 "), Some("image/webp"));
        for other in [&b"<svg xmlns"[..], b"<html>", b"GIF8", b"RIFF....WAVE", b"%PDF-1.7", b""] {
            assert_eq!(picture(other), None);
        }
    }

    #[test]
    fn no_name_gets_out_of_its_header() {
        let value = disposition("attachment", "a\"; x=\r\nb é.png");
        assert_eq!(
            value.to_str().unwrap(),
            "attachment; filename=\"a__ x___b _.png\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0Ab%20%C3%A9.png"
        );
    }
}
