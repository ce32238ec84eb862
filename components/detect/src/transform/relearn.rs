//! `relearn_after`: a length of time, or `"never"`.
//!
//! A word, and not a duration of 0 or a missing key: where a key is missing, the default holds, and a 0 would read as if
//! every change were normal at once.

use std::borrow::Cow;
use std::fmt;

use logd_sdk::settings::Duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rule;

/// When a change that stays becomes the new normal; none is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relearn(pub(super) Option<std::time::Duration>);

/// The classic rule to the letter.
const NEVER: &str = "never";

/// That of the study behind the classic rules' defaults.
impl Default for Relearn {
    fn default() -> Self {
        Self(rule::Settings::zscore().relearn_after)
    }
}

/// For the schema's default; in seconds, however it was written.
impl Serialize for Relearn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(duration) => serializer.collect_str(&format_args!("{}s", duration.as_secs_f64())),
            None => serializer.serialize_str(NEVER),
        }
    }
}

impl<'de> Deserialize<'de> for Relearn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Reads the text, and has words for what is none.
struct Text;

impl Visitor<'_> for Text {
    type Value = Relearn;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a duration like \"2h\", or \"never\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Relearn, E> {
        match text {
            NEVER => Ok(Relearn(None)),
            _ => text.parse::<Duration>().map(|duration| Relearn(Some(duration.into()))).map_err(E::custom),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Relearn, E> {
        // A duration has words for a number without a unit.
        Duration::deserialize(number.into_deserializer()).map(|duration| Relearn(Some(duration.into())))
    }
}

impl JsonSchema for Relearn {
    fn schema_name() -> Cow<'static, str> {
        "Relearn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time with its unit, or `never`.",
            "examples": ["2h", NEVER],
            "pattern": r"^\s*([0-9.]+\s*(ns|us|ms|s|m|h|d|w)\s*)+$|^never$|\$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        after: Relearn,
    }

    #[test]
    fn reads_durations_and_never() {
        let read = |text: &str| toml::from_str::<Table>(text).map(|table| table.after.0.map(|after| after.as_secs()));
        assert_eq!(read("after = '90m'").unwrap(), Some(5400));
        assert_eq!(read("after = 'never'").unwrap(), None);
        for (text, words) in [
            ("after = 'nie'", "`nie` is not a duration"),
            ("after = 7200", "the duration 7200 has no unit"),
            ("after = false", "expected a duration like \"2h\", or \"never\""),
        ] {
            assert!(read(text).unwrap_err().to_string().contains(words), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for relearn in [Relearn::default(), Relearn(None)] {
            let json = serde_json::to_string(&relearn).unwrap();
            assert_eq!(serde_json::from_str::<Relearn>(&json).unwrap(), relearn);
        }
    }
}
