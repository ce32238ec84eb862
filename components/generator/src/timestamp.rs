//! Time stamps as text: RFC 3339 in UTC with milliseconds, at the cost of three digits a line.

use chrono::{DateTime, SecondsFormat, Utc};

/// Microseconds in a millisecond, the finest that a time stamp shows.
const MILLISECOND: i64 = 1000;

/// The whole millisecond at or before a time, both in microseconds since the epoch.
pub(crate) fn whole_milliseconds(time: i64) -> i64 {
    time - time.rem_euclid(MILLISECOND)
}

/// A time in microseconds since the epoch as text, like `2025-05-20T09:05:00.000Z`. A time beyond the calendar's 262,000
/// years reads as the epoch.
pub(crate) fn rfc3339(time: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(time).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes time stamps, keeping the text of the last second: of a thousand lines a second one pays for the calendar.
#[derive(Debug)]
pub(crate) struct Timestamps {
    /// The second of `text`, since the epoch.
    second: i64,
    /// All of that second's text but the milliseconds: `2025-05-20T09:05:00.`
    text: String,
}

impl Timestamps {
    /// A writer that knows no second yet.
    pub(crate) const fn new() -> Self {
        Self { second: i64::MIN, text: String::new() }
    }

    /// Appends the text of a time, in microseconds since the epoch.
    pub(crate) fn write(&mut self, time: i64, out: &mut Vec<u8>) {
        let milliseconds = time.div_euclid(MILLISECOND);
        let (second, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000) as u16);
        if second != self.second {
            self.second = second;
            self.text = rfc3339(time);
            self.text.truncate(self.text.len() - "000Z".len());
        }
        out.extend_from_slice(self.text.as_bytes());
        let digit = |n: u16| b'0' + (n % 10) as u8;
        out.extend_from_slice(&[digit(rest / 100), digit(rest / 10), digit(rest), b'Z']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_writes_what_the_calendar_writes() {
        let mut timestamps = Timestamps::new();
        for time in [0, 999_999, 1_000_000, 1_747_731_900_007_500, 1_747_731_900_999_000, -1, 951_782_400_000_000] {
            let mut text = Vec::new();
            timestamps.write(time, &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), rfc3339(time));
        }
    }

    #[test]
    fn milliseconds_are_rounded_down_on_both_sides_of_the_epoch() {
        assert_eq!((whole_milliseconds(1_999), whole_milliseconds(-1)), (1_000, -1_000));
    }
}
