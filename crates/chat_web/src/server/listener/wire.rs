//! The socket of a connection, which has a deadline for what is written, and the body of an answer, which ends a call.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::full::{LINGER, LINGER_BYTES};
use super::slots::Slot;
use super::track::Track;

/// So many bytes have to be taken in `slow_secs`, as at the file door.
const STRIDE: u64 = 64 * 1024;

/// The socket of a connection.
pub(super) struct Wire {
    socket: TcpStream,
    _slot: Slot,
    track: Arc<Track>,
    /// How long [`STRIDE`] bytes may take; 0 is no limit.
    slow: Duration,
    written: u64,
    /// Since something waits to be written: until when so many bytes have to be gone.
    late: Option<(Pin<Box<Sleep>>, u64)>,
    /// Since nothing is written any more: until when is read what still comes, and how much has come.
    lingers: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Wire {
    /// A socket of which nothing is written yet. `slow` is how long [`STRIDE`] bytes may take; 0 is no limit.
    pub(super) fn new(socket: TcpStream, slot: Slot, track: Arc<Track>, slow: Duration) -> Wire {
        Wire { socket, _slot: slot, track, slow, written: 0, late: None, lingers: None }
    }

    /// What comes first, left where it is; nothing where the peer is gone.
    pub(super) async fn first_byte(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        Ok((self.socket.peek(&mut first).await? > 0).then_some(first[0]))
    }

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
pub(super) struct TrackedBody {
    body: Body,
    track: Arc<Track>,
    /// Its number where HTTP/2 has it wait for the client.
    answer: Option<u64>,
    /// Whether there is no further piece.
    is_over: bool,
}

impl TrackedBody {
    fn new(body: Body, track: Arc<Track>) -> TrackedBody {
        TrackedBody { body, answer: track.answer(), track, is_over: false }
    }
}

impl hyper::body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.answer.inspect(|answer| self.track.goes_on(*answer));
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.is_over |= matches!(polled, Poll::Ready(None));
        // The next piece is asked for when the client takes this one.
        if let (Poll::Ready(Some(Ok(_))), Some(answer)) = (&polled, self.answer) {
            self.track.waits(answer);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        let Some(answer) = self.answer else { return self.track.answered() };
        self.track.goes_on(answer);
        if self.is_over || hyper::body::Body::is_end_stream(&self.body) {
            self.track.answered()
        } else {
            self.track.took_back()
        }
    }
}

/// A call under way, which the client may take back before it is answered.
pub(super) struct Begun {
    track: Arc<Track>,
    is_answered: bool,
}

impl Begun {
    /// A call that came just now.
    pub(super) fn new(track: &Arc<Track>) -> Begun {
        track.called();
        Begun { track: track.clone(), is_answered: false }
    }

    /// There is an answer, whose body counts from now on.
    pub(super) fn answered_by(mut self, body: Body) -> TrackedBody {
        self.is_answered = true;
        TrackedBody::new(body, self.track.clone())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_answered {
            self.track.took_back();
        }
    }
}
