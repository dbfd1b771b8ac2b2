//! The time, and a number that is left to chance, both read once for a turn and then handed on as an argument.

use std::hash::{BuildHasher, RandomState};
use std::ops::{Add, AddAssign, Sub};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// A time that never jumps, in whole microseconds since some start: of this process, or of whatever gives the router its messages.
/// Unlike an [`Instant`] it can be written down and means the same in another process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Moment(u64);

impl Moment {
    /// So many microseconds after the start.
    pub const fn from_micros(micros: u64) -> Moment {
        Moment(micros)
    }

    /// The microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Asks the clock of this process. Doors do; the router is told.
    pub fn now() -> Moment {
        Instant::now().into()
    }

    /// How long ago `earlier` was; zero if it is still to come.
    pub const fn saturating_duration_since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// As the clock of this process has it. An instant before the process asked for the first time is taken for that one.
impl From<Instant> for Moment {
    fn from(instant: Instant) -> Moment {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        let micros = instant.saturating_duration_since(*START).as_micros();
        Moment(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// Rounded up to the next microsecond, so that no wait is over too early. What is too far away for the number is never.
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

/// One moment on both clocks, with the chance of that moment.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For limits and waits: never jumps.
    pub mono: Moment,
    /// For people: the time on the wall, in UTC.
    pub wall: DateTime<Utc>,
    /// What all that is random in a turn follows from. It comes in with the time, so that the same input gives the same output.
    pub chance: u64,
}

impl Now {
    /// Asks both clocks, and the system for a random number. The only place of the core that does.
    pub fn read() -> Now {
        let wall = Utc::now();
        // std's keys of hash maps come from the system, and no two are the same. What is hashed with them cannot be foreseen.
        Now { mono: Moment::now(), wall, chance: RandomState::new().hash_one(wall) }
    }

    /// The next random number that follows from [`chance`](Self::chance): SplitMix64 (Steele, Lea, Flood 2014). For dice, not for
    /// secrets: a client that sees some of a turn's numbers whole could work out the others of that turn.
    pub fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// How long a clock that has leapt goes on before it is believed, where what is done by it cannot be undone.
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
