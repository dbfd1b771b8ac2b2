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

    /// `utc`, `+07:00` or `-0330`: as far as any clock on earth is from UTC.
    pub fn offset_of(value: &str) -> Option<Zone> {
        // The library looks at no more than the beginning.
        let is_whole = matches!((value.len(), value.contains(':')), (6, true) | (5, false));
        let is_on_earth = |offset: &FixedOffset| offset.local_minus_utc().abs() <= 14 * 3_600;
        let offset = value.parse().ok().filter(is_on_earth).filter(|_| is_whole);
        if value == "utc" { Some(Zone::UTC) } else { offset.map(Zone::Fixed) }
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
            ("+00:00", "utc", "UTC"),
            ("+07:00", "+07:00", "UTC+07:00"),
            ("+0700", "+07:00", "UTC+07:00"),
            ("-03:30", "-03:30", "UTC-03:30"),
            ("+14:00", "+14:00", "UTC+14:00"),
        ] {
            let zone = Zone::offset_of(typed).unwrap();
            assert_eq!((zone.to_string().as_str(), zone.name(DateTime::UNIX_EPOCH).as_str()), (shown, name), "{typed}");
            assert_eq!(Zone::offset_of(&zone.to_string()), Some(zone));
        }
        let words = ["", "UTC", "local", "Asia/Jakarta", "é", "éé:é"];
        let numbers =
            ["+", "7", "+7", "+15:00", "+14:01", "+07:60", "+7:00", "+07:5", "+070", "+07:00:00", "+07:00x", "++7:00"];
        for typed in words.into_iter().chain(numbers) {
            assert_eq!(Zone::offset_of(typed), None, "{typed}");
        }
    }

    #[test]
    fn the_day_there_may_be_another() {
        let at = Utc.with_ymd_and_hms(2026, 8, 21, 18, 30, 0).unwrap();
        let shown = |zone: &str| Zone::offset_of(zone).unwrap().shows(at).to_string();
        assert_eq!(shown("+07:00"), "2026-08-22 01:30:00");
        assert_eq!(shown("-03:30"), "2026-08-21 15:00:00");
        // The last moment there is has no later one.
        assert_eq!(
            Zone::offset_of("+14:00").unwrap().shows(DateTime::<Utc>::MAX_UTC),
            DateTime::<Utc>::MAX_UTC.naive_utc()
        );
    }
}
