//! How often an address, a name or a user may do something: guess a password, make an account, come into a room. Time
//! is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::now::Moment;
use crate::model::spam::seconds_up;
use crate::net::bucket::Bucket;

/// Counts how often each has done something: so often at once, and so often an hour after that.
#[derive(Clone, Debug)]
pub struct Allowance<K> {
    burst: u32,
    per_hour: u32,
    by: BTreeMap<K, Bucket>,
}

impl<K: Ord + Clone> Allowance<K> {
    /// `burst` at once, then `per_hour`; 0 switches it off.
    pub fn new(burst: u32, per_hour: u32) -> Allowance<K> {
        Allowance { burst, per_hour, by: BTreeMap::new() }
    }

    /// Other numbers from now on, also for keys that have used a part of theirs.
    pub fn set(&mut self, burst: u32, per_hour: u32) {
        (self.burst, self.per_hour) = (burst, per_hour);
        let rate = self.rate();
        self.by.values_mut().for_each(|bucket| bucket.set(burst, rate));
    }

    /// The seconds until it may be done once more, where `ahead` are under way. `None`: at once.
    pub fn wait(&self, key: &K, ahead: u32, now: Moment) -> Option<u64> {
        let fresh = Bucket::new(self.burst, self.rate(), now);
        let wait = self.by.get(key).unwrap_or(&fresh).wait(ahead, now);
        (!wait.is_zero()).then(|| seconds_up(wait))
    }

    /// It was done.
    pub fn take(&mut self, key: K, now: Moment) {
        let (burst, rate) = (self.burst, self.rate());
        let bucket = self.by.entry(key).or_insert_with(|| Bucket::new(burst, rate, now));
        bucket.take(now);
        // What was done costs: a longer list than this is work of days.
        if self.by.len() > MAX_GUESSERS {
            let fullest = self.by.iter().max_by(|a, b| a.1.tokens_at(now).total_cmp(&b.1.tokens_at(now)));
            if let Some(fullest) = fullest.map(|(key, _)| key.clone()) {
                self.by.remove(&fullest);
            }
        }
    }

    /// Forgets keys that have all of it again.
    pub fn tick(&mut self, now: Moment) {
        self.by.retain(|_, bucket| !bucket.is_full_at(now));
    }

    /// Whether nothing is known of any client.
    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }

    fn rate(&self) -> f64 {
        f64::from(self.per_hour) / 3_600.0
    }
}

/// A bucket for each of many, of whom only those are remembered whose bucket is not full.
#[derive(Clone, Debug)]
pub struct Paces<K> {
    burst: u32,
    by: BTreeMap<K, Bucket>,
}

/// The most that are remembered. A client beyond that is taken for one that was too fast.
const MAX_PACED: usize = 10_000;

impl<K: Ord> Paces<K> {
    /// So many at once for each, and as many more each minute. 0 switches it off.
    pub fn new(burst: u32) -> Paces<K> {
        Paces { burst, by: BTreeMap::new() }
    }

    /// Another pace from now on.
    pub fn set(&mut self, burst: u32) {
        if burst != self.burst {
            *self = Paces::new(burst);
        }
    }

    /// Takes one, if it is not too soon.
    pub fn take(&mut self, key: K, now: Moment) -> bool {
        if self.burst == 0 {
            return true;
        }
        if self.by.len() >= MAX_PACED && !self.by.contains_key(&key) {
            return false;
        }
        let burst = self.burst;
        let bucket = self.by.entry(key).or_insert_with(|| Bucket::new(burst, f64::from(burst) / 60.0, now));
        let is_soon = !bucket.take(now).is_zero();
        if is_soon {
            bucket.give_back(1);
        }
        !is_soon
    }

    /// Forgets keys that may have a whole burst again.
    pub fn tick(&mut self, now: Moment) {
        self.by.retain(|_, bucket| !bucket.is_full_at(now));
    }
}

/// Counts wrong guesses: of passwords from one address, or for one name. So many are free, and each one more doubles the wait.
/// Only what has turned out to be wrong is counted, so a right one has nothing to take back.
#[derive(Clone, Debug)]
pub struct Guesses<K> {
    free: u32,
    /// The least wait after the last free guess.
    least: Duration,
    by: BTreeMap<K, Guess>,
}

#[derive(Clone, Debug)]
struct Guess {
    count: u32,
    last: Moment,
    until: Moment,
}

/// How long a wrong guess is remembered at least.
const MINUTE: Duration = Duration::from_secs(60);
/// The longest wait after wrong guesses.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// The most that are remembered. For one more, the one that may guess again first is forgotten.
const MAX_GUESSERS: usize = 10_000;

impl<K: Ord + Clone> Guesses<K> {
    /// `free` guesses in a minute are free.
    pub fn new(free: u32) -> Guesses<K> {
        Guesses { free, least: Duration::ZERO, by: BTreeMap::new() }
    }

    /// `free` guesses are free, and after them the wait is `least` at least: there are no more than `free` in that
    /// time.
    pub fn strict(free: u32, least: Duration) -> Guesses<K> {
        Guesses { least, ..Guesses::new(free) }
    }

    /// The seconds until the next guess. `None`: at once.
    pub fn wait(&self, key: &K, now: Moment) -> Option<u64> {
        let guess = self.by.get(key).filter(|guess| guess.until > now)?;
        Some(seconds_up(guess.until - now))
    }

    /// How many may be wrong at once before there is a wait; one where there was a wait already.
    pub fn left(&self, key: &K) -> u32 {
        self.by.get(key).map_or(self.free, |guess| self.free.saturating_sub(guess.count)).max(1)
    }

    /// A guess was wrong.
    pub fn wrong(&mut self, key: K, now: Moment) {
        if self.by.len() >= MAX_GUESSERS && !self.by.contains_key(&key) {
            let first = self.by.iter().min_by_key(|(_, guess)| guess.until.max(guess.last)).map(|(key, _)| key.clone());
            if let Some(first) = first {
                self.by.remove(&first);
            }
        }
        let guess = self.by.entry(key).or_insert(Guess { count: 0, last: now, until: now });
        guess.count = guess.count.saturating_add(1);
        guess.last = now;
        if let Some(over) = guess.count.checked_sub(self.free) {
            guess.until = now + Duration::from_secs(2 << over.min(20)).clamp(self.least, LONGEST_WAIT);
        }
    }

    /// Forgets keys without a wrong guess for a minute, or for as long again as they had to wait.
    pub fn tick(&mut self, now: Moment) {
        self.by.retain(|_, guess| now < guess.until + MINUTE.max(guess.until.saturating_duration_since(guess.last)));
    }

    /// Whether nothing is known of any client.
    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_guesses_are_free_and_each_one_more_doubles_the_wait() {
        let start = Moment::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut guesses = Guesses::new(3);
        for left in [3, 2, 1] {
            assert_eq!((guesses.wait(&"here", start), guesses.left(&"here")), (None, left));
            guesses.wrong("here", start);
        }
        assert_eq!(guesses.wait(&"here", start), Some(2));
        assert_eq!(guesses.wait(&"there", start), None, "another one has guesses of its own");
        assert_eq!((guesses.wait(&"here", at(2)), guesses.left(&"here")), (None, 1));
        guesses.wrong("here", at(2));
        assert_eq!(guesses.wait(&"here", at(2)), Some(4));
        guesses.wrong("here", at(6));
        assert_eq!(guesses.wait(&"here", at(6)), Some(8));
        guesses.tick(at(6 + 8 + 59));
        assert_eq!(guesses.left(&"here"), 1);
        guesses.wrong("here", at(6 + 8 + 59));
        guesses.tick(at(1_000));
        assert!(guesses.is_empty() && guesses.left(&"here") == 3, "all is forgotten");
    }

    #[test]
    fn who_has_to_wait_longest_is_remembered_longest() {
        let start = Moment::default();
        let mut guesses = Guesses::new(3);
        (0..8).for_each(|_| guesses.wrong(0, start));
        let later = start + Duration::from_secs(1);
        (1..=2 * MAX_GUESSERS).for_each(|other| guesses.wrong(other, later));
        assert_eq!(guesses.by.len(), MAX_GUESSERS);
        assert!(guesses.wait(&0, later).is_some(), "names that no user has push no user's guard out");
    }

    #[test]
    fn where_guesses_are_counted_strictly_there_are_no_more_in_a_minute() {
        let start = Moment::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut guesses = Guesses::strict(3, Duration::from_secs(60));
        (0..3).for_each(|second| guesses.wrong("here", at(second)));
        assert_eq!(guesses.wait(&"here", at(3)), Some(59));
        assert_eq!(guesses.wait(&"here", at(61)), Some(1));
        assert_eq!(guesses.wait(&"here", at(62)), None);
        guesses.wrong("here", at(62));
        assert_eq!(guesses.wait(&"here", at(62)), Some(60));
    }

    #[test]
    fn an_allowance_is_a_burst_and_then_so_many_an_hour() {
        let start = Moment::default();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut allowance = Allowance::new(40, 20);
        for done in 0..40 {
            assert_eq!(allowance.wait(&"here", 0, start), None, "{done}");
            allowance.take("here", start);
        }
        assert_eq!(allowance.wait(&"here", 0, start), Some(180));
        assert_eq!(allowance.wait(&"there", 39, start), None);
        assert_eq!(allowance.wait(&"there", 40, start), Some(180), "those under way count");
        assert_eq!((allowance.wait(&"here", 0, at(3)), allowance.wait(&"here", 1, at(3))), (None, Some(180)));
        allowance.set(60, 60);
        assert_eq!(allowance.wait(&"here", 0, at(1)), None);
        allowance.set(0, 20);
        assert_eq!(allowance.wait(&"here", 1_000, start), None, "0 switches it off");
        allowance.set(40, 20);
        allowance.tick(at(119));
        assert!(!allowance.is_empty());
        allowance.tick(at(120));
        assert!(allowance.is_empty());
    }
}
