//! The time and the source of randomness of a turn, both read once by the caller and then passed on as an argument.

use std::hash::{BuildHasher, RandomState};
use std::ops::{Add, AddAssign, Sub};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// A monotonic time, in whole microseconds since a start: that of this process, or that of a recording which gives a
/// router its messages. Unlike an [`Instant`] it can be written down and means the same in another process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Moment(u64);

impl Moment {
    /// The moment that many microseconds after the start.
    pub const fn from_micros(micros: u64) -> Moment {
        Moment(micros)
    }

    /// The microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Reads the clock of this process. The threads around the router do that; the router gets its times as arguments.
    pub fn now() -> Moment {
        Instant::now().into()
    }

    /// How long ago `earlier` was; zero if it is still to come.
    pub const fn saturating_duration_since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The time since the first conversion in this process, which is the start. An instant before that becomes 0.
impl From<Instant> for Moment {
    fn from(instant: Instant) -> Moment {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        let micros = instant.saturating_duration_since(*START).as_micros();
        Moment(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// Rounded up to the next microsecond, so that no wait is over too early. A sum that does not fit is the last moment
/// there is.
impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, wait: Duration) -> Moment {
        let micros = u64::try_from(wait.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
        Moment(self.0.saturating_add(micros))
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, wait: Duration) {
        *self = *self + wait;
    }
}

/// Zero if the other one is later.
impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Moment) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// One point in time on both clocks, and a random number.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The monotonic clock, for limits and waits.
    pub mono: Moment,
    /// The wall clock, in UTC, for what is shown and stored.
    pub wall: DateTime<Utc>,
    /// The seed of all that is random in a turn. It comes in with the time, so that the same input gives the same
    /// output.
    pub chance: u64,
}

impl Now {
    /// Reads both clocks, and a random number from the system.
    pub fn read() -> Now {
        let wall = Utc::now();
        // std takes the keys of its hash maps from the system's random source, so a hash by such a key cannot be
        // predicted.
        Now { mono: Moment::now(), wall, chance: RandomState::new().hash_one(wall) }
    }

    /// The next random number that follows from [`chance`](Self::chance): SplitMix64 (Steele, Lea, Flood 2014). For dice, not for
    /// secrets: a client that sees some of a turn's numbers in full could work out the others of that turn.
    pub fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// How long a wall clock that has jumped must go on before it is trusted for what cannot be undone, such as deleting
/// old lines.
pub const CONFIRMED_AFTER: Duration = Duration::from_secs(3 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_over_too_early_and_nothing_overflows() {
        let start = Moment::from_micros(7);
        assert_eq!(start + Duration::from_nanos(1), Moment::from_micros(8));
        assert_eq!((start + Duration::from_secs(2)) - start, Duration::from_secs(2));
        assert_eq!(start + Duration::MAX, Moment::from_micros(u64::MAX));
        assert_eq!(start - (start + Duration::from_secs(1)), Duration::ZERO);
    }

    /// The first numbers behind 0, as in the authors' own program.
    #[test]
    fn the_same_chance_draws_the_same_numbers() {
        let mut now = Now { chance: 0, ..Now::read() };
        assert_eq!(
            [now.draw(), now.draw(), now.draw()],
            [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]
        );
        assert_ne!(Now::read().chance, Now::read().chance);
    }

    #[test]
    fn moments_follow_the_clock_of_the_process() {
        let (first, began) = (Moment::now(), Instant::now());
        let later = Moment::from(began + Duration::from_secs(3));
        assert!(later - first >= Duration::from_secs(3), "{first:?} {later:?}");
    }
}
