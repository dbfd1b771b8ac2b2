//! The limits on spam: a sliding window for each client that speaks. Time is an argument.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::model::names::ClientId;
use crate::model::now::Moment;
use crate::model::spam::{PASTE_UNIT, Spam, TooFast, seconds_up};

/// The window in which lines are counted, and refusals as well (`errors`).
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// How long a mute lasts.
const MUTE: Duration = Duration::from_secs(30);
/// The window in which mutes are counted.
const STRIKES: Duration = Duration::from_secs(600);
/// In place of this mute the client is disconnected.
const LAST_STRIKE: usize = 3;

/// Watches for spam: too many lines in a minute, or the same one too often. It mutes a client, and the third time it
/// says that the client has to go; it never bans.
pub struct RateLimiter {
    pub(crate) lines: u32,
    pub(crate) repeats: u32,
    pub(crate) talkers: HashMap<ClientId, Talker>,
}

#[derive(Clone, Default, Debug)]
pub(crate) struct Talker {
    /// When lines were said, each with the hash of its words.
    recent: VecDeque<(Moment, Option<u64>)>,
    /// When pastes were said, once for each ten of their lines.
    pasted: VecDeque<Moment>,
    muted_until: Option<Moment>,
    strikes: VecDeque<Moment>,
}

impl Talker {
    /// Forgets what is a minute old. Returns the refusal of a client that is muted.
    fn look(&mut self, now: Moment) -> Option<Verdict> {
        if let Some(until) = self.muted_until.filter(|until| *until > now) {
            return Some(Verdict::Refuse(TooFast { retry: seconds_up(until - now), why: Spam::Muted }));
        }
        self.muted_until = None;
        let is_old = |at: &Moment| now.saturating_duration_since(*at) >= WINDOW;
        while self.recent.front().is_some_and(|(at, _)| is_old(at)) {
            self.recent.pop_front();
        }
        while self.pasted.front().is_some_and(is_old) {
            self.pasted.pop_front();
        }
        None
    }
}

/// What the limiter says to a line.
#[derive(PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may pass.
    Pass,
    /// It is refused.
    Refuse(TooFast),
    /// It is refused, and the client is to be disconnected.
    GiveUp,
}

impl RateLimiter {
    /// At most `lines` lines, and `repeats` times the same line, in 60 seconds. 0 switches a limit off.
    pub fn new(lines: u32, repeats: u32) -> RateLimiter {
        RateLimiter { lines, repeats, talkers: HashMap::new() }
    }

    /// Other limits from now on. A muted client stays so for its time.
    pub fn set(&mut self, lines: u32, repeats: u32) {
        (self.lines, self.repeats) = (lines, repeats);
    }

    /// Counts a line, if it may pass. `words` is the hash of its words; with `None` it is never the same line again.
    pub fn take(&mut self, id: ClientId, words: Option<u64>, now: Moment) -> Verdict {
        if self.lines == 0 && self.repeats == 0 {
            return Verdict::Pass;
        }
        let talker = self.talkers.entry(id).or_default();
        if let Some(refused) = talker.look(now) {
            return refused;
        }
        let same = talker.recent.iter().filter(|(_, other)| words.is_some() && *other == words).count();
        let why = if self.lines > 0 && talker.recent.len() >= self.lines as usize {
            Spam::Lines { max: self.lines }
        } else if self.repeats > 0 && same >= self.repeats as usize {
            Spam::Repeats { max: self.repeats }
        } else {
            talker.recent.push_back((now, words));
            return Verdict::Pass;
        };
        while talker.strikes.front().is_some_and(|at| now.saturating_duration_since(*at) >= STRIKES) {
            talker.strikes.pop_front();
        }
        talker.strikes.push_back(now);
        if talker.strikes.len() >= LAST_STRIKE {
            return Verdict::GiveUp;
        }
        // After the mute a client starts afresh; otherwise the next line would be one too many again.
        talker.recent.clear();
        talker.muted_until = Some(now + MUTE);
        Verdict::Refuse(TooFast { retry: MUTE.as_secs(), why })
    }

    /// Counts a paste, if it may pass: [`PASTE_UNIT`] of its lines count as one. It passes whole or is refused whole,
    /// and no client is muted for it. Pastes are counted apart from lines, up to the same limit; one that is longer
    /// than the limit uses all of it.
    pub fn take_paste(&mut self, id: ClientId, lines: usize, now: Moment) -> Verdict {
        if self.lines == 0 && self.repeats == 0 {
            return Verdict::Pass;
        }
        let talker = self.talkers.entry(id).or_default();
        if let Some(refused) = talker.look(now) {
            return refused;
        }
        let max = self.lines as usize;
        if max == 0 {
            return Verdict::Pass;
        }
        let units = lines.div_ceil(PASTE_UNIT).min(max);
        // It fits when the `surplus` oldest units are a minute old.
        let surplus = (talker.pasted.len() + units).saturating_sub(max);
        if let Some(at) = surplus.checked_sub(1).and_then(|last| talker.pasted.get(last)) {
            let retry = seconds_up(WINDOW.saturating_sub(now.saturating_duration_since(*at)));
            return Verdict::Refuse(TooFast { retry, why: Spam::Paste { max: self.lines } });
        }
        talker.pasted.extend(std::iter::repeat_n(now, units));
        Verdict::Pass
    }

    /// Whether anything is remembered of a client.
    #[cfg(test)]
    pub(crate) fn knows(&self, id: ClientId) -> bool {
        self.talkers.contains_key(&id)
    }

    /// Forgets a client that is gone.
    pub fn forget(&mut self, id: ClientId) {
        self.talkers.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ClientId = ClientId(7);

    #[test]
    fn spam_is_muted_twice_and_then_given_up() {
        let mut limiter = RateLimiter::new(3, 0);
        let mut now = Moment::default();
        for strike in 1..=3 {
            for line in 0..3 {
                assert_eq!(limiter.take(ID, Some(line), now), Verdict::Pass, "strike {strike}");
            }
            let verdict = limiter.take(ID, Some(9), now);
            if strike == 3 {
                assert_eq!(verdict, Verdict::GiveUp);
                break;
            }
            assert_eq!(verdict, Verdict::Refuse(TooFast { retry: 30, why: Spam::Lines { max: 3 } }));
            now += Duration::from_millis(9_500);
            assert_eq!(limiter.take(ID, Some(9), now), Verdict::Refuse(TooFast { retry: 21, why: Spam::Muted }));
            now += Duration::from_millis(20_500);
        }
    }

    #[test]
    fn the_same_line_again_and_again_is_spam() {
        let mut limiter = RateLimiter::new(0, 5);
        let now = Moment::default();
        for _ in 0..5 {
            assert_eq!(limiter.take(ID, Some(42), now), Verdict::Pass);
        }
        assert_eq!(limiter.take(ClientId(8), Some(42), now), Verdict::Pass);
        assert!(matches!(
            limiter.take(ID, Some(42), now),
            Verdict::Refuse(TooFast { why: Spam::Repeats { max: 5 }, .. })
        ));
    }

    #[test]
    fn a_paste_waits_for_its_minute_and_mutes_nobody() {
        let (mut limiter, start) = (RateLimiter::new(30, 2), Moment::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        let waits = |retry| Verdict::Refuse(TooFast { retry, why: Spam::Paste { max: 30 } });
        assert_eq!(limiter.take_paste(ID, 197, at(0)), Verdict::Pass);
        assert_eq!(limiter.take_paste(ID, 47, at(10)), Verdict::Pass);
        (0..9).for_each(|_| assert_eq!(limiter.take_paste(ID, 197, at(20)), waits(40)));
        assert_eq!(limiter.take_paste(ID, 47, at(20)), Verdict::Pass, "what fits is said");
        assert_eq!(limiter.take_paste(ID, 197, at(60)), Verdict::Pass);
        // What is typed beside it has its own limits, and who is muted for that is muted for pastes as well.
        (0..2).for_each(|_| assert_eq!(limiter.take(ID, Some(1), at(60)), Verdict::Pass));
        assert!(matches!(limiter.take(ID, Some(1), at(60)), Verdict::Refuse(_)));
        let muted = Verdict::Refuse(TooFast { retry: 25, why: Spam::Muted });
        assert_eq!(limiter.take_paste(ID, 7, at(65)), muted);
        // However small the limit is, one paste fits.
        let mut strict = RateLimiter::new(3, 0);
        assert_eq!(strict.take_paste(ID, 197, at(0)), Verdict::Pass);
        assert!(matches!(strict.take_paste(ID, 7, at(59)), Verdict::Refuse(TooFast { retry: 1, .. })));
        assert_eq!(strict.take_paste(ID, 197, at(60)), Verdict::Pass);
    }

    #[test]
    fn whoever_is_gone_is_forgotten() {
        let mut limiter = RateLimiter::new(1, 0);
        assert_eq!(limiter.take(ID, None, Moment::default()), Verdict::Pass);
        limiter.forget(ID);
        assert!(limiter.talkers.is_empty());
    }
}
