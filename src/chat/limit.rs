//! Pace and spam: a token bucket for each reader, a sliding window for each talker. Time is an argument.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::model::names::ClientId;
use crate::model::now::Moment;
use crate::model::spam::{PASTE_UNIT, Spam, TooFast};

/// A token bucket: `burst` lines at once, then `per_second`. A faster client has to wait; nothing is refused.
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

    /// Another burst and rate from now on. Who has waited for a token has it still.
    pub fn set(&mut self, burst: u32, per_second: f64) {
        (self.burst, self.per_second) = (f64::from(burst), per_second);
    }

    /// Takes a token for one line and says how long to wait before that line may go on.
    pub fn take(&mut self, now: Moment) -> Duration {
        self.take_many(1, now)
    }

    /// The same for something that costs as much as so many lines.
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

    fn tokens_at(&self, now: Moment) -> f64 {
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

    /// Whether nothing of it is missing any more.
    pub(crate) fn is_full_at(&self, now: Moment) -> bool {
        self.is_off() || self.tokens_at(now) >= self.burst
    }

    /// Whether the bucket is full again, so that a new burst begins.
    pub fn is_full(&self) -> bool {
        self.tokens >= self.burst - 1.0
    }
}

/// Counts how often each has done something: so often at once, and so often an hour after that.
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

    /// Other numbers from now on, also for those who have used a part of it.
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

    /// Forgets those who have all of it again.
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

    /// Forgets those who may have a whole burst again.
    pub fn tick(&mut self, now: Moment) {
        self.by.retain(|_, bucket| !bucket.is_full_at(now));
    }
}

/// Counts wrong guesses: of passwords from one address, or for one name. So many are free, and each one more doubles the wait.
/// Only what has turned out to be wrong is counted, so a right one has nothing to take back.
pub struct Guesses<K> {
    free: u32,
    /// What has to be waited at least behind the last of them.
    least: Duration,
    by: BTreeMap<K, Guess>,
}

struct Guess {
    count: u32,
    last: Moment,
    until: Moment,
}

/// The longest wait after wrong guesses.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// The most that are remembered. Who is the first that may guess again makes way.
const MAX_GUESSERS: usize = 10_000;

impl<K: Ord + Clone> Guesses<K> {
    /// So many guesses a minute are free.
    pub fn new(free: u32) -> Guesses<K> {
        Guesses { free, least: Duration::ZERO, by: BTreeMap::new() }
    }

    /// So many guesses are free, and behind them one has to wait for this long at least: no more than `free` in that time.
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

    /// Forgets those who have not guessed for a minute, or for as long again as they had to wait.
    pub fn tick(&mut self, now: Moment) {
        self.by.retain(|_, guess| now < guess.until + WINDOW.max(guess.until.saturating_duration_since(guess.last)));
    }

    /// Whether nothing is known of any client.
    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }
}

/// Counts what one client is refused. A person errs now and then; a program that does not read its answers errs all the time,
/// and is read more slowly, which no other client notices. Nothing is lost, and no client is disconnected for it.
#[derive(Default)]
pub struct Errors {
    recent: VecDeque<Moment>,
    until: Option<Moment>,
    slowed: bool,
}

/// What each refusal costs past those that are free.
const ERROR_COSTS: Duration = Duration::from_secs(1);

impl Errors {
    /// Counts one more, where `free` in 60 seconds are free; 0 switches it off. Returns whether it is the first that is not.
    pub fn count(&mut self, free: u32, now: Moment) -> bool {
        if free == 0 {
            *self = Errors::default();
            return false;
        }
        while self.recent.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            self.recent.pop_front();
        }
        let is_free = self.recent.len() < free as usize;
        self.recent.push_back(now);
        if is_free {
            self.slowed = false;
            return false;
        }
        while self.recent.len() > free as usize {
            self.recent.pop_front();
        }
        self.until = Some(self.until.map_or(now, |until| until.max(now)) + ERROR_COSTS);
        !std::mem::replace(&mut self.slowed, true)
    }

    /// Until when nothing more is to be read, if it is not to be read at once.
    pub fn until(&self, now: Moment) -> Option<Moment> {
        self.until.filter(|until| *until > now)
    }
}

/// The window in which lines are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a mute lasts.
const MUTE: Duration = Duration::from_secs(30);
/// The window in which mutes are counted.
const STRIKES: Duration = Duration::from_secs(600);
/// The mute of this number ends the connection instead.
const LAST_STRIKE: usize = 3;

/// Watches for spam: too many lines in a minute, or the same one too often. It mutes, and at the third time it
/// gives up; it never bans.
pub struct RateLimiter {
    lines: u32,
    repeats: u32,
    talkers: HashMap<ClientId, Talker>,
}

#[derive(Default)]
struct Talker {
    recent: VecDeque<(Moment, Option<u64>)>,
    /// When pastes were said, once for each ten of their lines.
    pasted: VecDeque<Moment>,
    muted_until: Option<Moment>,
    strikes: VecDeque<Moment>,
}

impl Talker {
    /// Forgets what is a minute old. Where it is muted, nothing passes.
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
    /// It is refused, and it was the last.
    GiveUp,
}

impl RateLimiter {
    /// At most so many lines, and so many times the same line, in 60 seconds. 0 switches a limit off.
    pub fn new(lines: u32, repeats: u32) -> RateLimiter {
        RateLimiter { lines, repeats, talkers: HashMap::new() }
    }

    /// Other limits from now on. A muted client stays so for its time.
    pub fn set(&mut self, lines: u32, repeats: u32) {
        (self.lines, self.repeats) = (lines, repeats);
    }

    /// Asks for a line whose words hash to `words`; `None` is never the same line again.
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

    /// Asks for a paste of so many lines, of which [`PASTE_UNIT`] count as one. It passes whole or is refused whole, and no client is muted for it: pastes have
    /// the limit of lines for themselves, and one that costs more than that costs all of it.
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
        // It fits when so many of the oldest are a minute old.
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

/// Whole seconds, rounded up.
pub(crate) fn seconds_up(rest: Duration) -> u64 {
    rest.as_secs() + u64::from(rest.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: ClientId = ClientId(7);

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

    #[test]
    fn some_errors_are_free_and_each_one_more_costs_a_second() {
        let start = Moment::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut errors = Errors::default();
        for _ in 0..3 {
            assert!(!errors.count(3, start) && errors.until(start).is_none());
        }
        assert!(errors.count(3, start), "the first one is told of");
        assert!(!errors.count(3, start), "and no other");
        assert_eq!((errors.until(start), errors.until(at(2))), (Some(at(2)), None));
        // As long as it goes on it goes on.
        assert!(!errors.count(3, at(30)));
        assert_eq!(errors.until(at(30)), Some(at(31)));
        // A minute without makes all of them free, and the next time it is told again.
        assert!(!errors.count(3, at(90)) && errors.until(at(90)).is_none());
        assert!(!errors.count(3, at(90)) && !errors.count(3, at(90)) && errors.count(3, at(90)));
        assert!(!errors.count(0, at(90)) && errors.until(at(90)).is_none(), "0 switches it off");
    }

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
