//! Whose clock people read: the system's time zone, or an offset from UTC that is set.

use std::fmt;

use chrono::{DateTime, FixedOffset, Local, NaiveDateTime, Offset, TimeZone, Utc};

/// A time zone. What it shows depends on the time it is given, and on no clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// The system's: the variable `TZ`, or what the machine is set to.
    Local,
    /// So far from UTC, all year round.
    Fixed(FixedOffset),
}

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone::Fixed(FixedOffset::east_opt(0).expect("no offset is in range"));
    /// The farthest from UTC that any clock on earth is, in seconds.
    const FARTHEST: i32 = 14 * 3_600;

    /// `local`, or an offset.
    ///
    /// # Errors
    /// What it should be instead.
    pub fn parse(value: &str) -> Result<Zone, String> {
        match value {
            "local" => Ok(Zone::Local),
            value => Zone::offset_of(value)
                .ok_or_else(|| "should be local, utc, or an offset from UTC up to 14 hours, such as +07:00".into()),
        }
    }

    /// `utc`, `+07:00`, `-0330` or `+7`.
    pub fn offset_of(value: &str) -> Option<Zone> {
        if value.eq_ignore_ascii_case("utc") {
            return Some(Zone::UTC);
        }
        let (sign, digits) = match value.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        let (hours, minutes) = match digits.split_once(':') {
            Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
            Some(_) => return None,
            None if digits.len() == 4 => digits.split_at_checked(2)?,
            None => (digits, "0"),
        };
        let is_number = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(hours) || !is_number(minutes) {
            return None;
        }
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let seconds = hours * 3_600 + minutes * 60;
        let zone = FixedOffset::east_opt(sign * seconds).map(Zone::Fixed);
        zone.filter(|_| minutes < 60 && seconds <= Zone::FARTHEST)
    }

    /// What clocks there show.
    pub fn shows(self, at: DateTime<Utc>) -> NaiveDateTime {
        let utc = at.naive_utc();
        utc.checked_add_offset(self.offset(at)).unwrap_or(utc)
    }

    /// How far they are from UTC at that time: `UTC+07:00`.
    pub fn name(self, at: DateTime<Utc>) -> String {
        match self.offset(at) {
            offset if offset.local_minus_utc() == 0 => "UTC".into(),
            offset => format!("UTC{offset}"),
        }
    }

    fn offset(self, at: DateTime<Utc>) -> FixedOffset {
        match self {
            Zone::Local => Local.offset_from_utc_datetime(&at.naive_utc()).fix(),
            Zone::Fixed(offset) => offset,
        }
    }
}

impl Default for Zone {
    fn default() -> Zone {
        Zone::UTC
    }
}

/// As it is set.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Zone::Local => f.write_str("local"),
            &Zone::UTC => f.write_str("utc"),
            Zone::Fixed(offset) => write!(f, "{offset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_written_as_people_write_it() {
        for (typed, shown, name) in [
            ("utc", "utc", "UTC"),
            ("UTC", "utc", "UTC"),
            ("+0", "utc", "UTC"),
            ("+07:00", "+07:00", "UTC+07:00"),
            ("+0700", "+07:00", "UTC+07:00"),
            ("+7", "+07:00", "UTC+07:00"),
            ("-03:30", "-03:30", "UTC-03:30"),
            ("+14", "+14:00", "UTC+14:00"),
        ] {
            let zone = Zone::parse(typed).unwrap();
            assert_eq!((zone.to_string().as_str(), zone.name(DateTime::UNIX_EPOCH).as_str()), (shown, name), "{typed}");
            assert_eq!(Zone::parse(&zone.to_string()), Ok(zone));
        }
        for typed in
            ["", "+", "7", "+15", "+14:01", "+07:60", "+7:5", "+070", "+07:00:00", "++7", "+-7", "Asia/Jakarta", "é"]
        {
            assert!(Zone::parse(typed).is_err(), "{typed}");
        }
        assert_eq!(Zone::parse("local"), Ok(Zone::Local));
        assert_eq!(Zone::offset_of("local"), None);
    }

    #[test]
    fn the_day_there_may_be_another() {
        let at = Utc.with_ymd_and_hms(2026, 8, 21, 18, 30, 0).unwrap();
        let shown = |zone: &str| Zone::parse(zone).unwrap().shows(at).to_string();
        assert_eq!(shown("+07:00"), "2026-08-22 01:30:00");
        assert_eq!(shown("-03:30"), "2026-08-21 15:00:00");
        // The last moment there is has no later one.
        assert_eq!(Zone::parse("+14").unwrap().shows(DateTime::<Utc>::MAX_UTC), DateTime::<Utc>::MAX_UTC.naive_utc());
    }
}
