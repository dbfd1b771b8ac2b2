//! Arguments that commands of several features take, and none of the kernel: a length of time, and which page of a list.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::args::{Args, wrong};
use crate::model::command::{MAX_PAGE, PAGE};
use crate::model::refusal::Refusal;

impl Args {
    /// A length of time with its unit ([`duration`]), if the next word is one. A number alone is one that lacks its unit.
    ///
    /// # Errors
    /// [`Code::BadArgument`](crate::model::code::Code::BadArgument) with `right` for one without a unit, or out of bounds.
    pub fn duration(
        &mut self,
        bounds: RangeInclusive<Duration>,
        right: &'static str,
    ) -> Result<Option<Duration>, Refusal> {
        let mut behind = self.clone();
        let word = behind.next_word();
        let Some(time) = duration(&word) else { return Ok(None) };
        if word.ends_with(|c: char| c.is_ascii_digit()) || !bounds.contains(&time) {
            return Err(wrong(&word, right));
        }
        *self = behind;
        Ok(Some(time))
    }

    /// `[n] [before=number]`: before which number, and how many at the most.
    pub(crate) fn page(mut self) -> Result<(Option<u64>, usize), Refusal> {
        let (mut before, mut limit) = (None, 50);
        while let Some(option) = self.option() {
            match option.key() {
                Some("before") => before = Some(option.number()?),
                None => limit = option.number_in(1..=MAX_PAGE, PAGE)?,
                _ => return Err(option.unfit()),
            }
        }
        Ok((before, limit))
    }
}

/// A length of time as it is typed: `30s`, `10m`, `2h`, `1d`, `2w`; a number alone is seconds. One that is too long to be counted is
/// as long as can be. `None` if the word does not look like one.
pub fn duration(word: &str) -> Option<Duration> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unit: u64 = match &word[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::Text;

    #[test]
    fn a_time_is_read_where_one_stands() {
        let right = "A time is 1s to 1h.";
        let bounds = || Duration::from_secs(1)..=Duration::from_secs(3_600);
        let read = |left: &str| {
            let mut left = Args::new(Text::new(left).unwrap(), "/do [10m] [why]");
            left.duration(bounds(), right).map(|time| (time, left.all().as_str().to_string()))
        };
        assert_eq!(read("10m spam"), Ok((Some(Duration::from_secs(600)), "spam".into())));
        assert_eq!(read("1h"), Ok((Some(Duration::from_secs(3_600)), String::new())));
        for reason in ["spam 10m", "10min", "", "-1h"] {
            assert_eq!(read(reason), Ok((None, reason.into())));
        }
        for bad in ["10", "0s", "61m", "99999999999999999999h"] {
            assert_eq!(read(bad).unwrap_err().to_string(), format!("\"{bad}\" does not fit here. {right}"));
        }
    }

    #[test]
    fn times_are_read_as_they_are_typed() {
        let read = [("30s", 30), ("10m", 600), ("2h", 7_200), ("1d", 86_400), ("2w", 1_209_600), ("10", 10), ("0m", 0)];
        for (word, seconds) in read {
            assert_eq!(duration(word), Some(Duration::from_secs(seconds)), "{word}");
        }
        for word in ["99999999999999999999h", "9999999999999999999w"] {
            assert_eq!(duration(word), Some(Duration::from_secs(u64::MAX)), "{word}");
        }
        for none in ["m", "10min", "spam", "10m!", "", "1.5h", "-1h", "5mm"] {
            assert_eq!(duration(none), None, "{none}");
        }
    }
}
