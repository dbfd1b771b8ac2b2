//! What every door does with a transfer: its deadlines, and the end of an upload.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::chat::message::Message;
use crate::config::Config;
use crate::features::calls::{Call, Placed};
use crate::features::files::{FileError, Upload};
use crate::metrics::Metrics;

/// A blocked read or write comes back this often to look at the time.
pub const TICK: Duration = Duration::from_millis(500);
/// So many bytes have to move in `slow_secs`.
const STRIDE: u64 = 64 * 1024;
/// How long the router has to say a line, which with a store has to be kept.
pub(super) const ROUTER: Duration = Duration::from_secs(15);

/// The end of an upload, by whatever door: `came` says whether all bytes have come. If so it is said in the chat, which may take
/// some seconds, and if not, the user who offered it is told why.
///
/// # Errors
/// Why there is no file. Nothing is left of it then.
pub fn finish(
    mut upload: Upload,
    came: Result<(), FileError>,
    metrics: &Metrics,
    send: &dyn Fn(Message),
) -> Result<Placed, FileError> {
    let (by, to, name) = (upload.offer().by, upload.offer().to.clone(), upload.offer().name.clone());
    let placed = match came.and_then(|()| upload.complete()) {
        Ok(pixels) => settle(upload, pixels, send),
        Err(FileError::Stopping) => {
            upload.leave_to_the_router();
            Err(FileError::Stopping)
        }
        Err(error) => {
            drop(upload);
            Err(error)
        }
    };
    match &placed {
        Ok(_) => Metrics::count(&metrics.uploads),
        // Where the chat itself ended it, its people were told by then.
        Err(FileError::Withdrawn | FileError::Refused(_) | FileError::Stopping) => {}
        Err(why) => send(Call::UploadFailed { by, to, name, why: why.clone() }.into()),
    }
    placed
}

/// Has a whole upload said in the chat, and waits for that.
fn settle(upload: Upload, pixels: Option<(u16, u16)>, send: &dyn Fn(Message)) -> Result<Placed, FileError> {
    let (reply, answer) = mpsc::sync_channel(1);
    let (token, reply) = (upload.token(), Box::new(move |said| drop(reply.try_send(said))));
    send(Call::Uploaded { token, pixels, reply }.into());
    match answer.recv_timeout(ROUTER) {
        Ok(said) => {
            // An upload that was withdrawn was never the router's to remove.
            if said != Err(FileError::Withdrawn) {
                upload.settled();
            }
            said
        }
        Err(_) if upload.give_up() => Err(FileError::Stopping),
        // It was said, only later than we waited.
        Err(_) => answer.recv_timeout(ROUTER).unwrap_or(Err(FileError::Stopping)),
    }
}

/// The deadlines of a transfer, by whatever door: 64 KiB in `slow_secs`, and all of it in `file_secs`.
pub struct Clock {
    slow: Duration,
    end: Option<Instant>,
    stride: Instant,
    /// How many bytes may be left before the next stride.
    mark: u64,
}

impl Clock {
    /// For a transfer that began then, of which so many bytes are left.
    pub fn new(config: &Config, began: Instant, left: u64) -> Clock {
        let (slow, whole) = (config.slow_secs, config.file_secs);
        let end = (!whole.is_zero()).then(|| began + whole);
        Clock { slow, end, stride: Instant::now() + slow, mark: left.saturating_sub(STRIDE) }
    }

    /// Whether it goes on fast enough.
    ///
    /// # Errors
    /// [`FileError::TooSlow`].
    pub fn look(&mut self, left: u64, now: Instant) -> Result<(), FileError> {
        if left <= self.mark {
            (self.stride, self.mark) = (now + self.slow, left.saturating_sub(STRIDE));
        }
        let is_slow = !self.slow.is_zero() && now >= self.stride && left > 0;
        if is_slow || self.end.is_some_and(|end| now >= end) { Err(FileError::TooSlow) } else { Ok(()) }
    }
}
