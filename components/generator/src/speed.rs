//! How fast event time goes, as a setting: `60.0` for that many times the clock, `"max"` for as fast as can be.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// How fast event time goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// So many times as fast as the clock.
    Times(f64),
    /// As fast as lines can be made.
    Max,
}

impl Speed {
    /// As fast as the clock.
    pub(crate) const REAL: Self = Self::Times(1.0);

    /// The least and the greatest factor.
    const BOUNDS: (f64, f64) = (0.001, 1e6);

    /// How many microseconds of event time pass in one of the clock's; the greatest as fast as can be.
    pub(crate) const fn factor(self) -> f64 {
        match self {
            Self::Times(factor) => factor,
            Self::Max => Self::BOUNDS.1,
        }
    }

    fn times<E: Error>(factor: f64) -> Result<Self, E> {
        let (least, greatest) = Self::BOUNDS;
        if !(least..=greatest).contains(&factor) {
            return Err(E::custom(format!("a speed lies between {least} and {greatest}, or is \"max\"")));
        }
        Ok(Self::Times(factor))
    }
}

impl<'de> Deserialize<'de> for Speed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpeedVisitor)
    }
}

/// Takes numbers and one word.
struct SpeedVisitor;

impl Visitor<'_> for SpeedVisitor {
    type Value = Speed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number like 60.0, or \"max\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Speed, E> {
        if text == "max" {
            Ok(Speed::Max)
        } else {
            Err(E::custom(format!("`{text}` is no speed but \"max\" or a number")))
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Speed, E> {
        Speed::times(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Speed, E> {
        Speed::times(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Speed, E> {
        Speed::times(number)
    }
}

impl JsonSchema for Speed {
    fn schema_name() -> Cow<'static, str> {
        "Speed".into()
    }

    /// Inline: another family may call a definition the same.
    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number from 0.001 to 1000000, or \"max\".",
            "anyOf": [{ "type": "number", "minimum": 0.001, "maximum": 1e6 }, { "const": "max" }],
            "examples": [60.0, "max"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        speed: Speed,
    }

    #[test]
    fn reads_numbers_and_max() {
        for (text, speed) in [("1", Speed::REAL), ("60.5", Speed::Times(60.5)), ("'max'", Speed::Max)] {
            assert_eq!(toml::from_str::<Settings>(&format!("speed = {text}")).unwrap().speed, speed);
        }
        for text in ["0", "-1", "2e6", "nan", "'60'", "'fast'", "true"] {
            assert!(toml::from_str::<Settings>(&format!("speed = {text}")).is_err(), "{text}");
        }
    }
}
