//! A time told from another one, as a setting: `"20s"` after it or `"-10m"` before. The sdk's `Duration` has no sign.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use logd_sdk::settings::{Duration, Fault};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A duration with a sign, at most 36500 days either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset(i64);

impl Offset {
    /// Microseconds, negative for before.
    pub(crate) const fn micros(self) -> i64 {
        self.0
    }
}

/// The microseconds of a duration; its 36500 days fit 80 times over.
pub(crate) fn micros(duration: Duration) -> i64 {
    duration.as_micros() as i64
}

/// What is said of a bare number, whether it was written as one or as a string.
fn without_unit(number: &str) -> Fault {
    Fault::new(format!("the time {number} has no unit")).help(format!("write \"{number}s\" or \"{number}m\""))
}

/// A sign or none, and behind it what the sdk's `Duration` reads.
impl FromStr for Offset {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        // The sdk would say the same, without the sign.
        if text.parse::<f64>().is_ok() {
            return Err(without_unit(text));
        }
        let span = micros(text.strip_prefix(['-', '+']).unwrap_or(text).parse()?);
        Ok(Self(if text.starts_with('-') { -span } else { span }))
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OffsetVisitor)
    }
}

/// Takes strings, and refuses numbers with a hint: which unit was meant can't be guessed.
struct OffsetVisitor;

impl Visitor<'_> for OffsetVisitor {
    type Value = Offset;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a time like \"20s\" or \"-10m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Offset, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Offset, E> {
        Err(E::custom(without_unit(&number.to_string())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Offset, E> {
        Err(E::custom(without_unit(&number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Offset, E> {
        Err(E::custom(without_unit(&number.to_string())))
    }
}

impl JsonSchema for Offset {
    fn schema_name() -> Cow<'static, str> {
        "Offset".into()
    }

    /// Inline: another family may call a definition the same.
    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time with its unit: ns, us, ms, s, m, h, d or w; with a minus sign, before.",
            "examples": ["20s", "-10m"],
            "pattern": r"^\s*[-+]?\s*([0-9.]+\s*(ns|us|ms|s|m|h|d|w)\s*)+$|\$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_signs() {
        for (text, micros) in [("20s", 20_000_000), ("+1m30s", 90_000_000), (" -10m", -600_000_000), ("-0s", 0)] {
            assert_eq!(text.parse(), Ok(Offset(micros)), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let fault = |text: &str| text.parse::<Offset>().unwrap_err();
        assert_eq!(fault("-5").message, "the time -5 has no unit");
        assert_eq!(fault("-5").help.unwrap(), r#"write "-5s" or "-5m""#);
        assert_eq!(fault("-5 secs").message, "`5 secs` is not a duration: unknown unit at `5 secs`");
        assert!(fault("").message.contains("empty"));
        assert!(fault("--5s").message.contains("a number is missing"));
    }
}
