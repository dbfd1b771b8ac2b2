//! What goes out by a WebSocket: frames of the session, broadcasts, pings, and the close.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::session::Session;
use crate::session::queue::{FrameReceiver, Out};
use crate::state::AppState;
use crate::words::reason;

/// The most items that are written at once, and about how many bytes. Pings and the close must get their turn.
const AT_ONCE: usize = 64;
const BYTES_AT_ONCE: usize = 64 * 1024;

/// How a socket ends that does not read fast enough.
const TOO_SLOW: (u16, &str) = (4009, "read too slowly: connect again and resume");

/// The writing half of a socket.
pub(super) type Sink = SplitSink<WebSocket, Message>;

/// A close code and its reason.
type Close = (u16, String);

/// What is written next.
enum Next {
    Ping,
    /// An item of the session's queue.
    Queued(Out),
    /// A frame for every socket, which does not count towards the queue.
    Broadcast(Utf8Bytes),
    Close(Close),
    /// A broadcast was missed; there is nothing to write.
    Nothing,
}

/// What was written at once.
#[derive(Default)]
struct Written {
    /// Items of the queue, and their bytes.
    items: usize,
    bytes: usize,
    frames: u64,
    /// The resumes whose parts are among them.
    resumes: Vec<u64>,
    /// The close that the session has asked for.
    close: Option<Close>,
}

/// Writes until the socket or the session ends, then closes. `end` brings the close that the reader asks for; without one the peer
/// has closed, or is gone.
pub(super) async fn write(
    mut sink: Sink,
    mut frames: FrameReceiver,
    state: Arc<AppState>,
    session: Arc<Session>,
    mut end: mpsc::Receiver<Close>,
) {
    let times = &state.config.times;
    let told = |(code, why): (u16, &str)| (code, reason(why, session.is_indonesian()));
    let mut broadcasts = state.broadcasts.subscribe();
    let mut closing = state.closing.subscribe();
    let mut heartbeat = interval_at(Instant::now() + times.heartbeat, times.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (code, reason) = loop {
        let next = tokio::select! {
            biased;
            close = end.recv() => Next::Close(close.unwrap_or((1000, String::new()))),
            _ = heartbeat.tick() => Next::Ping,
            // None: the session dropped this socket.
            out = frames.recv() => out.map_or_else(|| Next::Close(told(TOO_SLOW)), Next::Queued),
            frame = broadcasts.recv() => frame.map_or(Next::Nothing, Next::Broadcast),
            _ = closing.wait_for(|closing| *closing) => Next::Close(told((1001, "the server goes away"))),
        };
        let written = match next {
            Next::Close(close) => break close,
            Next::Nothing => continue,
            next => timeout(times.write, write_at_once(&mut sink, &mut frames, next)).await,
        };
        match written {
            Ok(Ok(Written { items, bytes, frames: count, resumes, close })) => {
                frames.written(items, bytes);
                state.figures.wrote_frames(count);
                for resume in resumes {
                    session.written(resume).await;
                }
                if let Some(close) = close {
                    break close;
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot write to a socket");
                return;
            }
            Err(_) => break told(TOO_SLOW),
        }
    };
    let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _gone = timeout(times.closing, async {
        sink.send(close).await?;
        sink.close().await
    })
    .await;
}

/// Writes an item and what waits behind it, so that a burst is one write.
async fn write_at_once(sink: &mut Sink, frames: &mut FrameReceiver, first: Next) -> Result<Written, axum::Error> {
    let mut written = Written::default();
    let mut next = match first {
        Next::Ping => {
            sink.feed(Message::Ping(Bytes::new())).await?;
            frames.try_recv()
        }
        Next::Broadcast(frame) => {
            written.frames += 1;
            sink.feed(Message::Text(frame)).await?;
            frames.try_recv()
        }
        Next::Queued(out) => Some(out),
        Next::Close(_) | Next::Nothing => None,
    };
    while let Some(out) = next {
        written.items += 1;
        written.bytes += out.bytes();
        feed(sink, out, &mut written).await?;
        let is_enough = written.items >= AT_ONCE || written.bytes >= BYTES_AT_ONCE || written.close.is_some();
        next = if is_enough { None } else { frames.try_recv() };
    }
    sink.flush().await?;
    Ok(written)
}

async fn feed(sink: &mut Sink, out: Out, written: &mut Written) -> Result<(), axum::Error> {
    match out {
        Out::Frame(frame) => {
            written.frames += 1;
            sink.feed(Message::Text(frame)).await?;
        }
        // The client answers the ping behind the frame (RFC 6455, section 5.5.3), and with it has the frame.
        Out::Private { frame, number } => {
            written.frames += 1;
            sink.feed(Message::Text(frame)).await?;
            sink.feed(Message::Ping(Bytes::copy_from_slice(&number.to_be_bytes()))).await?;
        }
        Out::Page { frames, resume } => {
            written.frames += frames.len() as u64;
            for frame in frames {
                sink.feed(Message::Text(frame)).await?;
            }
            written.resumes.push(resume);
        }
        Out::End { goodbye, code, reason } => {
            if let Some(goodbye) = goodbye {
                written.frames += 1;
                sink.feed(Message::Text(goodbye)).await?;
            }
            written.close = Some((code, reason));
        }
    }
    Ok(())
}
