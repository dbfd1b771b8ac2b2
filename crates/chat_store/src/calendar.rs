//! The time by which old data is deleted. The machine's clock may be years off when it boots, and what is
//! deleted does not come back; so one reading of it is never enough.

use chat_server::model::now::CONFIRMED_AFTER;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

/// How far the clock may be from what is expected, in each [`STRIDE`].
const LEAP: TimeDelta = TimeDelta::minutes(10);
/// How long the time is counted from one reading of the clock.
const STRIDE: Duration = Duration::from_secs(3_600);

/// The time that was lived through: what was trusted last, and the running time since. A clock that shows something else is not
/// believed before it has gone on so for [`CONFIRMED_AFTER`] of running time, over any number of starts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Calendar {
    trusted: DateTime<Utc>,
    at: Instant,
    doubt: Option<Doubt>,
}

/// What the clock shows instead.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Doubt {
    /// The earliest time that agrees with all that it has shown.
    shown: DateTime<Utc>,
    at: Instant,
    lived: Duration,
}

impl Calendar {
    fn new(trusted: DateTime<Utc>, at: Instant) -> Calendar {
        Calendar { trusted, at, doubt: None }
    }

    /// The calendar of a database: what was trusted when it was last written, or, in one that never had a calendar, the time of
    /// the newest line or act.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn load(db: &Connection, shown: DateTime<Utc>, now: Instant) -> rusqlite::Result<Calendar> {
        let row = db.query_row("SELECT clock, doubt, doubted FROM state", [], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, u64>(2)?))
        })?;
        let newest = "SELECT max(at) FROM (
            SELECT max(at) AS at FROM (SELECT at FROM log ORDER BY seq DESC LIMIT 1000)
            UNION ALL SELECT at FROM (SELECT at FROM audit ORDER BY act DESC LIMIT 1))";
        let trusted = match row.0 {
            Some(clock) => Some(clock),
            None => db.query_row(newest, [], |row| row.get(0)).optional()?.flatten(),
        };
        let mut calendar = Calendar::new(trusted.and_then(DateTime::from_timestamp_millis).unwrap_or(shown), now);
        let doubt = row.1.and_then(DateTime::from_timestamp_millis);
        calendar.doubt = doubt.map(|shown| Doubt { shown, at: now, lived: Duration::from_millis(row.2) });
        Ok(calendar)
    }

    /// Writes it down, for the next start.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(crate) fn save(&mut self, db: &Connection, shown: DateTime<Utc>, now: Instant) -> rusqlite::Result<()> {
        self.time(shown, now);
        let doubt = self.doubt.map(|doubt| doubt.shown.timestamp_millis());
        let lived = self.doubt.map_or(0, |doubt| doubt.lived.as_millis() as u64);
        let clock = since(self.trusted, self.at, now).timestamp_millis();
        let mut save = db.prepare_cached("UPDATE state SET clock = ?1, doubt = ?2, doubted = ?3")?;
        save.execute(params![clock, doubt, lived]).map(|_| ())
    }

    /// The time that was lived through, where the clock is behind it.
    pub(crate) fn behind(&self, shown: DateTime<Utc>, now: Instant) -> Option<DateTime<Utc>> {
        let expected = since(self.trusted, self.at, now);
        (expected - shown > LEAP).then_some(expected)
    }

    /// The time by which something is old, where the clock shows `shown`: never later than that, and never later than what was
    /// lived through.
    pub(crate) fn time(&mut self, shown: DateTime<Utc>, now: Instant) -> DateTime<Utc> {
        let expected = since(self.trusted, self.at, now);
        if (shown - expected).abs() <= LEAP {
            if self.doubt.take().is_some() {
                log::info!("the clock is right again; what is too old is thrown away as ever");
            }
            if now.saturating_duration_since(self.at) >= STRIDE {
                (self.trusted, self.at) = (shown, now);
            }
            return shown;
        }
        let doubt = self.doubt.get_or_insert_with(|| {
            let say = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
            log::warn!(
                "the clock shows {}, and by what this server has lived through it should be {}: nothing is thrown away by it \
                 before it has shown so for {} hours of running time. After a long pause of the server that is as it should be",
                say(shown),
                say(expected),
                CONFIRMED_AFTER.as_secs() / 3_600
            );
            Doubt { shown, at: now, lived: Duration::ZERO }
        });
        doubt.lived += now.saturating_duration_since(doubt.at);
        doubt.shown = since(doubt.shown, doubt.at, now).min(shown);
        doubt.at = now;
        if doubt.lived < CONFIRMED_AFTER {
            return shown.min(expected);
        }
        let confirmed = doubt.shown;
        log::warn!(
            "the clock has shown {} for hours; it is believed",
            confirmed.to_rfc3339_opts(SecondsFormat::Secs, true)
        );
        *self = Calendar::new(confirmed, now);
        shown.min(confirmed)
    }
}

/// A time that was shown at `at`, carried on to `now`.
fn since(shown: DateTime<Utc>, at: Instant, now: Instant) -> DateTime<Utc> {
    let passed = TimeDelta::from_std(now.saturating_duration_since(at)).unwrap_or(TimeDelta::MAX);
    shown.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hours: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn lived(start: Instant, hours: u32) -> Instant {
        start + Duration::from_secs(3_600) * hours
    }

    #[test]
    fn a_clock_that_goes_as_time_does_is_followed() {
        let start = Instant::now();
        let mut calendar = Calendar::new(hour(0), start);
        assert_eq!(calendar.time(hour(1) + LEAP, lived(start, 1)), hour(1) + LEAP, "a little fast");
        assert_eq!(calendar.time(hour(2) + LEAP, lived(start, 2)), hour(2) + LEAP);
        assert_eq!(calendar.time(hour(3), lived(start, 3)), hour(3), "and set right");
    }

    #[test]
    fn a_clock_that_creeps_ahead_between_two_looks_is_held_to_ten_minutes_an_hour() {
        let start = Instant::now();
        let mut calendar = Calendar::new(hour(0), start);
        let mut believed = hour(0);
        // Nine minutes in each minute.
        for minute in 1..60 {
            let now = start + Duration::from_secs(60 * minute);
            believed = calendar.time(hour(0) + TimeDelta::minutes(9 * minute as i64), now);
        }
        assert!(believed <= hour(1) + LEAP, "{believed}");
    }

    #[test]
    fn a_leap_is_believed_after_hours_and_what_comes_back_in_time_has_done_no_harm() {
        let start = Instant::now();
        let mut calendar = Calendar::new(hour(0), start);
        assert_eq!(calendar.time(hour(90_001), lived(start, 1)), hour(1));
        assert_eq!(calendar.time(hour(90_002), lived(start, 2)), hour(2));
        assert_eq!(calendar.time(hour(3), lived(start, 3)), hour(3), "set right in time");
        for later in 4..7 {
            assert_eq!(calendar.time(hour(90_000 + i64::from(later)), lived(start, later)), hour(i64::from(later)));
        }
        assert_eq!(calendar.time(hour(90_007), lived(start, 7)), hour(90_007), "three hours");
        assert_eq!(calendar.time(hour(90_008), lived(start, 8)), hour(90_008));
    }

    #[test]
    fn what_is_confirmed_is_the_least_that_was_shown() {
        let start = Instant::now();
        let mut calendar = Calendar::new(hour(0), start);
        calendar.time(hour(101), lived(start, 1));
        calendar.time(hour(102), lived(start, 2));
        // A second leap in the last hour is none that was confirmed.
        calendar.time(hour(90_003), lived(start, 3));
        assert_eq!(calendar.time(hour(90_004), lived(start, 4)), hour(104));
        assert_eq!(calendar.time(hour(90_005), lived(start, 5)), hour(105));
    }

    #[test]
    fn a_clock_that_is_behind_makes_nothing_older_and_right_again_it_is_believed_at_once() {
        let start = Instant::now();
        let mut calendar = Calendar::new(hour(1_000), start);
        assert_eq!(calendar.behind(hour(1), lived(start, 1)), Some(hour(1_001)));
        assert_eq!(calendar.behind(hour(1_001) - LEAP, lived(start, 1)), None);
        assert_eq!(calendar.time(hour(1), lived(start, 1)), hour(1));
        assert_eq!(calendar.time(hour(1_002), lived(start, 2)), hour(1_002));
    }

    #[test]
    fn doubt_goes_on_over_starts() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE state (clock INTEGER, doubt INTEGER, doubted INTEGER NOT NULL); INSERT INTO state VALUES (0, NULL, 0);
             CREATE TABLE log (seq INTEGER PRIMARY KEY, at INTEGER); CREATE TABLE audit (act INTEGER PRIMARY KEY, at INTEGER);",
        )
        .unwrap();
        // Each day the machine is on for two hours.
        let day = |day: i64| {
            let start = Instant::now();
            let shown = hour(1_000 + 24 * day);
            let mut calendar = Calendar::load(&db, shown, start).unwrap();
            let first = calendar.time(shown, start);
            calendar.save(&db, shown + TimeDelta::hours(2), lived(start, 2)).unwrap();
            first
        };
        assert_eq!(day(0), hour(0));
        assert_eq!(day(1), hour(2));
        assert_eq!(day(2), hour(1_004), "four hours have been lived through, and are counted from the first day");
    }

    #[test]
    fn a_database_without_a_calendar_goes_by_what_is_newest_in_it() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE state (clock INTEGER, doubt INTEGER, doubted INTEGER NOT NULL); INSERT INTO state VALUES (NULL, NULL, 0);
             CREATE TABLE log (seq INTEGER PRIMARY KEY, at INTEGER); CREATE TABLE audit (act INTEGER PRIMARY KEY, at INTEGER);",
        )
        .unwrap();
        let start = Instant::now();
        let ahead = hour(90_000);
        let time = || Calendar::load(&db, ahead, start).unwrap().time(ahead, start);
        assert_eq!(time(), ahead, "there is nothing to be thrown away");
        db.execute_batch("INSERT INTO audit VALUES (1, 3600000)").unwrap();
        assert_eq!(time(), hour(1));
        db.execute_batch("INSERT INTO log VALUES (1, 7200000)").unwrap();
        assert_eq!(time(), hour(2));
    }
}
