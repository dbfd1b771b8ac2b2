//! What a connection is doing, and since when.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lock::lock;

/// A head that takes longer is no browser's: it is the first to make way.
const QUICK: Duration = Duration::from_secs(1);

/// The most calls that a client of HTTP/2 takes back between two looks at its connection. A browser that leaves a page takes back a few;
/// a client that begins calls only to take them back (CVE-2023-44487) makes work without a reader.
const MOST_TAKEN_BACK: usize = 100;

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
    /// Calls under way: over HTTP/2 there may be several.
    open: AtomicUsize,
    /// HTTP/2 speaks between calls as well, so what comes then need not be a head.
    pub is_h2: AtomicBool,
    /// Of HTTP/2: the answers of which the client does not take the next piece, and since when.
    waiting: Mutex<BTreeMap<u64, Instant>>,
    answers: AtomicU64,
    /// Calls that were taken back before all of the answer was asked for, since the last look.
    taken_back: AtomicUsize,
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
        Arc::new(Track {
            phase,
            open: AtomicUsize::new(0),
            is_h2: AtomicBool::new(false),
            waiting: Mutex::default(),
            answers: AtomicU64::new(0),
            taken_back: AtomicUsize::new(0),
            head,
            idle,
            leave: Notify::new(),
            refused: AtomicBool::new(false),
        })
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
            Phase::Idle if !self.is_h2.load(Ordering::Relaxed) => (Phase::Head, Instant::now()),
            phase => (phase, since),
        });
    }

    pub(crate) fn called(&self) {
        self.change(|_, _| {
            self.open.fetch_add(1, Ordering::Relaxed);
            (Phase::Call, Instant::now())
        });
    }

    pub(crate) fn upgraded(&self) {
        self.change(|_, _| (Phase::Upgraded, Instant::now()));
    }

    pub(crate) fn answered(&self) {
        self.change(|phase, since| {
            let was_last = self.open.fetch_sub(1, Ordering::Relaxed) == 1;
            if phase == Phase::Call && was_last { (Phase::Ending, since) } else { (phase, since) }
        });
    }

    pub(crate) fn flushed(&self) {
        self.change(|phase, since| if phase == Phase::Ending { (Phase::Idle, Instant::now()) } else { (phase, since) });
    }

    /// A number for an answer whose pieces are waited for; only HTTP/2 needs one, since a socket of HTTP/1 has its own deadline.
    pub(super) fn answer(&self) -> Option<u64> {
        let is_h2 = self.is_h2.load(Ordering::Relaxed);
        is_h2.then(|| self.answers.fetch_add(1, Ordering::Relaxed)).inspect(|answer| self.waits(*answer))
    }

    /// From now on this answer waits for the client.
    pub(super) fn waits(&self, answer: u64) {
        lock(&self.waiting).insert(answer, Instant::now());
    }

    pub(super) fn goes_on(&self, answer: u64) {
        lock(&self.waiting).remove(&answer);
    }

    /// Whether the client has not taken the next piece of an answer for so long; 0 is no limit.
    pub(super) fn is_stuck(&self, now: Instant, slow: Duration) -> bool {
        !slow.is_zero() && lock(&self.waiting).values().any(|since| now >= *since + slow)
    }

    /// A call was taken back. The connection is looked at when there are too many.
    pub(super) fn took_back(&self) {
        self.answered();
        if self.taken_back.fetch_add(1, Ordering::Relaxed) == MOST_TAKEN_BACK {
            self.leave.notify_one();
        }
    }

    /// Whether too many were taken back.
    pub(super) fn is_abused(&self) -> bool {
        self.taken_back.load(Ordering::Relaxed) > MOST_TAKEN_BACK
    }

    /// Counts anew the calls that are taken back.
    pub(super) fn looked_at(&self) {
        self.taken_back.store(0, Ordering::Relaxed);
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
    fn with_several_calls_the_last_answer_makes_it_idle() {
        let track = Track::new(Duration::from_secs(10), Duration::from_secs(20));
        track.is_h2.store(true, Ordering::Relaxed);
        let phase = || track.phase().0;
        for act in [Track::heard, Track::called, Track::called, Track::answered, Track::flushed] {
            act(&track);
        }
        assert_eq!(phase(), Phase::Call);
        track.answered();
        track.flushed();
        assert_eq!(phase(), Phase::Idle);
        track.heard();
        assert_eq!(phase(), Phase::Idle, "a ping is no head");
    }

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
