//! A moment in event time: microseconds since the Unix epoch, UTC.
//!
//! Microseconds in 64 bits reach 292,000 years either way, so that a log line from the year 9999 is an odd time
//! and not an overflow.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A moment in time, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// Before all times: the greatest time of a partition that has had no event.
    pub const MIN: Self = Self(i64::MIN);
    /// After all times: the greatest time of a partition that has ended.
    pub const MAX: Self = Self(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This time and `span` more; [`Time::MIN`] and [`Time::MAX`] stay what they are.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        match self {
            Self::MIN => Self::MIN,
            _ => Self(self.0.saturating_add(micros(span))),
        }
    }

    /// This time less `span`; [`Time::MIN`] and [`Time::MAX`] stay what they are.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        match self {
            Self::MAX => Self::MAX,
            _ => Self(self.0.saturating_sub(micros(span))),
        }
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The same moment as `chrono` has it; `None` beyond the years that `chrono` knows.
    #[must_use]
    pub fn to_chrono(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }

    /// From `chrono`, cut to microseconds.
    #[must_use]
    pub fn from_chrono(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }

    /// Reads an RFC 3339 time such as `2026-11-23T10:15:04.250Z` or `…+02:00`.
    ///
    /// Every log line has one, so this reads the common fixed layout by its digits in some ten nanoseconds; the
    /// calendar is Howard Hinnant's `days_from_civil`. A leap second counts as the first of the next minute.
    #[must_use]
    pub fn parse_rfc3339(text: &[u8]) -> Option<Self> {
        let (year, month, day) = (number(text, 0, 4)?, number(text, 5, 2)?, number(text, 8, 2)?);
        let (hour, minute, second) = (number(text, 11, 2)?, number(text, 14, 2)?, number(text, 17, 2)?);
        let layout = text[4] == b'-'
            && text[7] == b'-'
            && matches!(text[10], b'T' | b't' | b' ')
            && text[13] == b':'
            && text[16] == b':';
        let in_range = (1..=12).contains(&month)
            && day >= 1
            && day <= days_in(year, month)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !layout || !in_range {
            return None;
        }
        let (fraction, rest) = fraction(&text[19..])?;
        let offset = offset(rest)?;
        let seconds = hour * 3600 + minute * 60 + second - offset;
        Some(Self(days_from_civil(year, month, day) * DAY + seconds * SECOND + fraction))
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// The number that `length` digits at `start` make.
fn number(text: &[u8], start: usize, length: usize) -> Option<i64> {
    let digits = text.get(start..start + length)?;
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// The microseconds of `.250…`, and what stands behind; digits beyond the sixth are cut.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = text.strip_prefix(b".") else { return Some((0, text)) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let taken = number(rest, 0, digits.min(6)).filter(|_| digits > 0)?;
    let scale = 10_i64.pow(6 - u32::try_from(digits.min(6)).ok()?);
    Some((taken * scale, &rest[digits..]))
}

/// The seconds east of UTC of `Z` or `±hh:mm`.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (number(text, 1, 2)?, number(text, 4, 2)?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 (howardhinnant.github.io/date_algorithms.html#days_from_civil), for years from 0 on.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with the digits that the fraction needs, at least three: `2026-11-23T10:15:04.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_chrono() {
            Some(time) if self.0 % 1000 == 0 => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true)),
            None => write!(f, "{}us", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_chrono_reads() {
        for text in [
            "2026-11-23T10:15:04.250Z",
            "1969-12-31T23:59:59.999999Z",
            "2000-02-29T00:00:00Z",
            "2015-05-20T09:05:00+02:00",
            "2015-05-20 09:05:00.1-11:30",
            "9999-12-31T23:59:59.123456789Z",
            "0001-01-01T00:00:00Z",
        ] {
            let expected = DateTime::parse_from_rfc3339(text).expect("a time").with_timezone(&Utc);
            assert_eq!(Time::parse_rfc3339(text.as_bytes()), Some(Time::from_chrono(expected)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2026-11-23",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T10:15:04",
            "2026-11-23T10:15:04.Z",
            "2026-11-23T10:15:04Zx",
            "2026-11-23T10:15:04+25:00",
            "2026/11/23T10:15:04Z",
        ] {
            assert_eq!(Time::parse_rfc3339(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn ends_of_time_do_not_move() {
        let span = Duration::from_secs(5);
        assert_eq!(Time::MIN.before(span), Time::MIN);
        assert_eq!(Time::MIN.after(span), Time::MIN);
        assert_eq!(Time::MAX.before(span), Time::MAX);
        assert_eq!(Time::EPOCH.after(span).since(Time::EPOCH), span);
        assert_eq!(Time::EPOCH.since(Time::EPOCH.after(span)), Duration::ZERO);
    }

    #[test]
    fn writes_rfc3339() {
        assert_eq!(Time::from_micros(1_500_000).to_string(), "1970-01-01T00:00:01.500Z");
        assert_eq!(Time::from_micros(1_500_001).to_string(), "1970-01-01T00:00:01.500001Z");
    }
}
