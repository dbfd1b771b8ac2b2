//! The pace of a reader: a token bucket. Time is an argument.

use std::time::Duration;

use crate::model::now::Moment;

/// A token bucket: `burst` lines at once, then `per_second`. A faster client has to wait; nothing is refused.
#[derive(Clone, Debug)]
pub struct Bucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    at: Moment,
}

impl Bucket {
    /// A full bucket. A burst or a rate of 0 switches it off.
    pub fn new(burst: u32, per_second: f64, now: Moment) -> Bucket {
        Bucket { burst: f64::from(burst), per_second, tokens: f64::from(burst), at: now }
    }

    /// Another burst and rate from now on. Tokens that are there stay.
    pub fn set(&mut self, burst: u32, per_second: f64) {
        (self.burst, self.per_second) = (f64::from(burst), per_second);
    }

    /// Takes a token for one line and says how long to wait before that line may go on.
    pub fn take(&mut self, now: Moment) -> Duration {
        self.take_many(1, now)
    }

    /// The same for what costs as much as `tokens` lines.
    pub fn take_many(&mut self, tokens: u32, now: Moment) -> Duration {
        if self.is_off() {
            return Duration::ZERO;
        }
        self.tokens = self.tokens_at(now) - f64::from(tokens);
        self.at = self.at.max(now);
        Duration::from_secs_f64((-self.tokens).max(0.0) / self.per_second)
    }

    /// How long it is until there is a token more than `ahead` others will take.
    pub fn wait(&self, ahead: u32, now: Moment) -> Duration {
        if self.is_off() {
            return Duration::ZERO;
        }
        let missing = f64::from(ahead) + 1.0 - self.tokens_at(now);
        Duration::from_secs_f64(missing.max(0.0) / self.per_second)
    }

    pub(crate) fn tokens_at(&self, now: Moment) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        (self.tokens + gained).min(self.burst)
    }

    fn is_off(&self) -> bool {
        self.burst <= 0.0 || self.per_second <= 0.0
    }

    /// Puts the last tokens back, for what was turned away instead of waited for.
    pub fn give_back(&mut self, tokens: u32) {
        self.tokens += f64::from(tokens);
    }

    /// Whether it is full.
    pub(crate) fn is_full_at(&self, now: Moment) -> bool {
        self.is_off() || self.tokens_at(now) >= self.burst
    }

    /// Whether the bucket is full again, so that a new burst begins.
    pub fn is_full(&self) -> bool {
        self.tokens >= self.burst - 1.0
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_passes_and_then_the_pace_holds() {
        let start = Moment::default();
        let mut bucket = Bucket::new(20, 4.0, start);
        for _ in 0..20 {
            assert_eq!(bucket.take(start), Duration::ZERO);
        }
        assert_eq!(bucket.take(start), Duration::from_millis(250));
        assert_eq!(bucket.take(start), Duration::from_millis(500));
        assert_eq!(bucket.take(start + Duration::from_secs(60)), Duration::ZERO);
        assert!(bucket.is_full());
        assert_eq!(Bucket::new(0, 4.0, start).take(start), Duration::ZERO);
    }

    proptest! {
        /// In every window, whatever the gaps between the lines: at most the burst and what the rate adds.
        #[test]
        fn the_bucket_admits_no_more_than_it_says(gaps in proptest::collection::vec(0u64..400, 1..200)) {
            let start = Moment::default();
            let mut bucket = Bucket::new(5, 10.0, start);
            let mut now = start;
            let mut passed = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                now += bucket.take(now);
                passed.push(now);
            }
            for (i, from) in passed.iter().enumerate() {
                for (j, to) in passed.iter().enumerate().skip(i) {
                    let allowed = 5.0 + 10.0 * (*to - *from).as_secs_f64() + 1e-3;
                    prop_assert!((j - i + 1) as f64 <= allowed + 1.0, "{} lines, {allowed} allowed", j - i + 1);
                }
            }
        }
    }
}
