//! A moment as a setting, as `"2025-05-20T09:00:00Z"`: TOML's own date-time, or the same as a string.
//!
//! TOML has date-times without a zone too. They are refused: which zone was meant can't be guessed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use toml::value::Datetime;

use super::Fault;
use crate::time::Time;

/// A moment within the years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(Time);

impl Moment {
    /// 10000-01-01T00:00:00Z, the first moment whose year has too many digits for a log line.
    const END: Time = Time::from_micros(253_402_300_800_000_000);

    /// The moment itself.
    #[must_use]
    pub const fn time(self) -> Time {
        self.0
    }
}

/// RFC 3339 with a time zone, within the years that a log line can show.
impl FromStr for Moment {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let help = "write \"2025-05-20T09:00:00Z\", with `Z` or `+02:00` for the time zone";
        let Some(time) = Time::parse_rfc3339(text.trim().as_bytes()) else {
            return Err(Fault::new(format!("`{text}` is not a time by RFC 3339")).help(help));
        };
        if !(Time::EPOCH..Self::END).contains(&time) {
            return Err(Fault::new(format!("`{text}` is not within the years 1970 to 9999")).help(help));
        }
        Ok(Self(time))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

/// Takes strings and date-times.
struct MomentVisitor;

impl<'de> Visitor<'de> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a time like \"2025-05-20T09:00:00Z\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        text.parse().map_err(E::custom)
    }

    /// TOML's own date-times come as maps of a private form.
    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Moment, M::Error> {
        let written = Datetime::deserialize(MapAccessDeserializer::new(map))?;
        written.to_string().parse().map_err(M::Error::custom)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    /// Inline: another family may call a definition the same.
    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time by RFC 3339, within the years 1970 to 9999.",
            "examples": ["2025-05-20T09:00:00Z", "2025-05-20T11:00:00+02:00"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        start: Moment,
    }

    #[test]
    fn reads_strings_and_date_times() {
        for text in ["'2025-05-20T09:00:00Z'", "2025-05-20T09:00:00Z", "2025-05-20 11:00:00+02:00"] {
            let settings: Settings = toml::from_str(&format!("start = {text}")).unwrap();
            assert_eq!(settings.start.time().to_string(), "2025-05-20T09:00:00.000Z", "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, message) in [
            ("2025-05-20", "`2025-05-20` is not a time by RFC 3339"),
            ("2025-05-20T09:00:00", "`2025-05-20T09:00:00` is not a time by RFC 3339"),
            ("1969-12-31T23:59:59Z", "`1969-12-31T23:59:59Z` is not within the years 1970 to 9999"),
            ("'9999-12-31T23:59:59-01:00'", "`9999-12-31T23:59:59-01:00` is not within the years 1970 to 9999"),
            ("'soon'", "`soon` is not a time by RFC 3339"),
        ] {
            let error = toml::from_str::<Settings>(&format!("start = {text}")).unwrap_err();
            assert_eq!(Fault::parse(error.message()).message, message);
        }
        let error = toml::from_str::<Settings>("start = 5").unwrap_err();
        assert!(error.message().contains("expected a time like"), "{error}");
    }
}
