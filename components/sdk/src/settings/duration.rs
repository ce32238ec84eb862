//! A length of time with its unit in the value: `"5s"`, `"1m30s"`, `"14d"`.
//!
//! Read exactly, in whole nanoseconds and without floating point: what is printed reads back as the same.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use super::Fault;
use super::quantity;
use super::text::text_setting;

/// A length of time, as `"500ms"`, `"5s"`, `"1m30s"`, `"2h"` or `"14d"`; at most 36500 days, so that adding one to a
/// clock never overflows.
///
/// Units are `ns`, `us`, `ms`, `s`, `m`, `h`, `d` (24 hours) and `w`, the larger ones first. It dereferences to
/// [`std::time::Duration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// Units with their nanoseconds, largest first.
const UNITS: [(&str, u128); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
const LONGEST: u128 = 36_500 * 86_400_000_000_000;
const UNITS_HELP: &str = r#"the units are ns, us, ms, s, m, h, d and w, the larger first, as in "1m30s""#;

text_setting!(
    Duration,
    expected: "a duration like \"5s\"",
    bare_number: Some(bare_number),
    schema: {
        "type": "string",
        "description": "A length of time with its unit: ns, us, ms, s, m, h, d or w.",
        "examples": ["500ms", "5s", "1m30s", "2h", "14d"],
        "pattern": r"^\s*([0-9.]+\s*(ns|us|ms|s|m|h|d|w)\s*)+$|\$"
    }
);

impl Duration {
    /// So many milliseconds, for defaults.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(std::time::Duration::from_millis(milliseconds))
    }

    /// So many seconds, for defaults.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }
}

/// The hint for a number without unit. Which unit was meant can't be known.
fn bare_number(number: &str) -> Fault {
    Fault::new(format!("the duration {number} has no unit")).help(format!("write \"{number}s\" or \"{number}ms\""))
}

/// `NUMBER UNIT`, once or more, the larger units first; blanks between are allowed, and a number may have a fraction.
impl FromStr for Duration {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong = |why: &str| Fault::new(format!("`{text}` is not a duration: {why}")).help(UNITS_HELP);
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong("it is empty"));
        }
        let mut nanoseconds = 0_u128;
        let mut larger = 0;
        while !rest.is_empty() {
            let (number, unit, after) = quantity::take(rest);
            if unit.is_empty() && nanoseconds == 0 && after.is_empty() {
                return Err(bare_number(number));
            }
            let place = UNITS.iter().position(|(name, _)| *name == unit);
            let Some(place) = place.filter(|_| !number.is_empty()) else {
                let why = if number.is_empty() { "a number is missing" } else { "unknown unit" };
                return Err(wrong(&format!("{why} at `{}`", rest.trim_end_matches(after).trim_end())));
            };
            if place < larger {
                return Err(wrong(&format!("`{unit}` comes twice or after a smaller unit")));
            }
            larger = place + 1;
            nanoseconds = quantity::scaled(number, UNITS[place].1)
                .and_then(|more| nanoseconds.checked_add(more))
                .filter(|sum| *sum <= LONGEST)
                .ok_or_else(|| wrong(&format!("`{number}` is no number or too large (at most 36500d)")))?;
            rest = after;
        }
        let seconds = (nanoseconds / 1_000_000_000) as u64;
        Ok(Self(std::time::Duration::new(seconds, (nanoseconds % 1_000_000_000) as u32)))
    }
}

/// In the fewest words that are exact: `1m30s`, `14d`, `1s500ms`.
impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.as_nanos();
        if rest == 0 {
            return formatter.write_str("0s");
        }
        // Weeks read worse than days: 14d, not 2w.
        for (unit, scale) in &UNITS[1..] {
            if rest >= *scale {
                write!(formatter, "{}{unit}", rest / scale)?;
                rest %= scale;
            }
        }
        Ok(())
    }
}

impl Deref for Duration {
    type Target = std::time::Duration;

    fn deref(&self) -> &std::time::Duration {
        &self.0
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, milliseconds, printed) in [
            ("5s", 5_000, "5s"),
            ("500ms", 500, "500ms"),
            ("1m30s", 90_000, "1m30s"),
            (" 1m 30s ", 90_000, "1m30s"),
            ("90 s", 90_000, "1m30s"),
            ("2h", 7_200_000, "2h"),
            ("2w", 1_209_600_000, "14d"),
            ("1.5s", 1_500, "1s500ms"),
            ("0s", 0, "0s"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.as_millis(), milliseconds, "{text}");
            assert_eq!(duration.to_string(), printed);
            assert_eq!(printed.parse(), Ok(duration));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, message) in [
            ("5", "the duration 5 has no unit"),
            ("", "`` is not a duration: it is empty"),
            ("5 secs", "`5 secs` is not a duration: unknown unit at `5 secs`"),
            ("-5s", "`-5s` is not a duration: a number is missing at `-`"),
            ("30s1m", "`30s1m` is not a duration: `m` comes twice or after a smaller unit"),
            ("1.2.3s", "`1.2.3s` is not a duration: `1.2.3` is no number or too large (at most 36500d)"),
            ("36501d", "`36501d` is not a duration: `36501` is no number or too large (at most 36500d)"),
            ("1m30", "`1m30` is not a duration: unknown unit at `30`"),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap_err().message, message);
        }
    }

    #[test]
    fn refuses_a_bare_number_with_a_hint() {
        #[derive(Debug, serde::Deserialize)]
        struct Settings {
            #[expect(dead_code, reason = "never read: it fails")]
            timeout: Duration,
        }
        let error = toml::from_str::<Settings>("timeout = 5").unwrap_err();
        assert_eq!(Fault::parse(error.message()).help.unwrap(), r#"write "5s" or "5ms""#);
    }
}
