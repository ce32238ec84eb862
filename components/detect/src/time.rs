//! Event time: microseconds since the epoch, and the stretch that a point stands for.
//!
//! Detectors never read a clock. All they know of time is what the points carry and what the watermark says, so that a
//! replay of old logs finds the same incidents as the live run did.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in event time: microseconds since 1970-01-01T00:00:00Z.
///
/// Written as RFC 3339 text where people read it (JSON), as a plain integer in snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// The time that has passed since `earlier`; zero if `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment `duration` after this one, or the last that can be told.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond chrono's quarter of a million years the text stays at the last year that it knows.
        let beyond = if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        let moment = DateTime::from_timestamp_micros(self.0).unwrap_or(beyond);
        formatter.write_str(&moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|moment| Self(moment.timestamp_micros())).map_err(de::Error::custom)
    }
}

/// What a point stands for: a window's stretch of event time, or a single event's moment (start = end).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The first moment.
    pub start: Micros,
    /// The first moment after it.
    pub end: Micros,
}

impl Interval {
    /// The stretch of a single event.
    #[must_use]
    pub fn moment(at: Micros) -> Self {
        Self { start: at, end: at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_text_and_snapshots_hold_integers() {
        let time = Micros(1_700_000_000_123_000);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.123Z");
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2023-11-14T22:13:20.123Z\"");
        assert_eq!(serde_json::from_str::<Micros>(&json).unwrap(), time);
        assert_eq!(postcard::from_bytes::<Micros>(&postcard::to_stdvec(&time).unwrap()).unwrap(), time);
    }

    #[test]
    fn time_never_runs_over() {
        assert_eq!(Micros(i64::MAX).since(Micros(i64::MIN)), Duration::from_micros(i64::MAX as u64));
        assert_eq!(Micros(1).since(Micros(2)), Duration::ZERO);
        assert_eq!(Micros(5).after(Duration::MAX), Micros(i64::MAX));
        assert!(Micros(i64::MAX).to_string().starts_with("+262"));
    }
}
