//! What a connection is doing, and since when.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lock::lock;

/// A head that takes longer is no browser's: it is the first to make way.
const QUICK: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Nothing has come yet.
    Fresh,
    /// A part of a head has come.
    Head,
    /// A call is carried out and answered.
    Call,
    /// All of an answer is there, and not all of it written.
    Ending,
    /// Between two calls.
    Idle,
    /// It is a WebSocket, which has deadlines of its own.
    Upgraded,
}

/// One connection: what it is doing, and since when.
pub(crate) struct Track {
    phase: Mutex<(Phase, Instant)>,
    /// How long a head may take, and how long there may be no call.
    head: Duration,
    idle: Duration,
    /// Notified when the connection is to go.
    pub leave: Notify,
    /// Whether the last answer was a refusal: the rest of its call may be under way still.
    pub refused: AtomicBool,
}

impl Track {
    pub(crate) fn new(head: Duration, idle: Duration) -> Arc<Track> {
        let phase = Mutex::new((Phase::Fresh, Instant::now()));
        Arc::new(Track { phase, head, idle, leave: Notify::new(), refused: AtomicBool::new(false) })
    }

    pub(super) fn change(&self, to: impl FnOnce(Phase, Instant) -> (Phase, Instant)) {
        let mut phase = lock(&self.phase);
        *phase = to(phase.0, phase.1);
    }

    fn phase(&self) -> (Phase, Instant) {
        *lock(&self.phase)
    }

    pub(crate) fn heard(&self) {
        self.change(|phase, since| match phase {
            Phase::Fresh => (Phase::Head, since),
            Phase::Idle => (Phase::Head, Instant::now()),
            phase => (phase, since),
        });
    }

    pub(crate) fn called(&self) {
        self.change(|_, _| (Phase::Call, Instant::now()));
    }

    pub(crate) fn upgraded(&self) {
        self.change(|_, _| (Phase::Upgraded, Instant::now()));
    }

    pub(crate) fn answered(&self) {
        self.change(|phase, since| if phase == Phase::Call { (Phase::Ending, since) } else { (phase, since) });
    }

    pub(crate) fn flushed(&self) {
        self.change(|phase, since| if phase == Phase::Ending { (Phase::Idle, Instant::now()) } else { (phase, since) });
    }

    /// By when something has to happen.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase() {
            (Phase::Fresh | Phase::Head, since) => Some(since + self.head),
            (Phase::Idle, since) => Some(since + self.idle),
            (Phase::Call | Phase::Ending | Phase::Upgraded, _) => None,
        }
    }

    /// The order in which connections make way: heads that take too long, then the one idle for longest, then heads. `None`: this one
    /// does not.
    pub(crate) fn rank(&self, now: Instant) -> Option<(u8, Instant)> {
        match self.phase() {
            (Phase::Fresh | Phase::Head, since) => Some((if now - since > QUICK { 0 } else { 2 }, since)),
            (Phase::Idle, since) => Some((1, since)),
            (Phase::Call | Phase::Ending | Phase::Upgraded, _) => None,
        }
    }

    /// Whether nothing of a call is lost if the connection is just cut.
    pub(crate) fn is_before_a_call(&self) -> bool {
        matches!(self.phase().0, Phase::Fresh | Phase::Head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_one_is_only_idle_when_all_is_written() {
        let track = Track::new(Duration::from_secs(10), Duration::from_secs(20));
        let phase = || track.phase().0;
        assert!(track.is_before_a_call() && track.deadline().is_some());
        track.heard();
        assert_eq!(phase(), Phase::Head);
        track.called();
        track.flushed();
        assert_eq!((phase(), track.deadline()), (Phase::Call, None), "a part of an answer was written");
        track.heard();
        track.answered();
        assert_eq!(phase(), Phase::Ending);
        track.flushed();
        assert_eq!(phase(), Phase::Idle);
        track.heard();
        assert_eq!(phase(), Phase::Head);
        track.called();
        track.upgraded();
        track.answered();
        track.flushed();
        track.heard();
        assert_eq!((phase(), track.deadline(), track.rank(Instant::now())), (Phase::Upgraded, None, None));
    }
}
