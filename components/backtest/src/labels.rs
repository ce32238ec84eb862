//! Labels: what really went wrong, when, and with whom; and what only looked like it.
//!
//! A file of labels has a JSON object on each line. Fields that are not listed in [`Label`] are left out, so that a label
//! may carry more than a score needs.

use logd_sdk::Time;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// With whom: compared with the `service` of an alarm. Empty where all events are of one.
    pub service: String,
    /// What: see [`crate::kinds`].
    pub kind: String,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub start: Time,
    /// The first moment at which it was over; later than `start`.
    #[serde(serialize_with = "rfc3339")]
    pub end: Time,
    /// Whether it is part of ordinary life, so that nobody wants an alarm.
    pub benign: bool,
    /// What it was made with, if it was made.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub params: Value,
    /// How clearly its events tell of it, in nats, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<f64>,
}

/// A line that is no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Unreadable {
    /// Which line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// A label as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    service: String,
    kind: String,
    start: Value,
    end: Value,
    #[serde(default)]
    benign: bool,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    evidence: Option<f64>,
}

/// Reads labels, one a line; empty lines are skipped. They come in the order of their starts, then of services, kinds
/// and ends.
///
/// # Errors
/// The first line that is no label.
pub fn read(text: &str) -> Result<Vec<Label>, Unreadable> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let label = |(line, text)| Label::read(text).map_err(|reason| Unreadable { line, reason });
    let mut labels = lines.map(label).collect::<Result<Vec<_>, _>>()?;
    labels.sort_by(|one, other| one.order().cmp(&other.order()));
    Ok(labels)
}

impl Label {
    fn read(line: &str) -> Result<Self, String> {
        let Written { service, kind, start, end, benign, params, evidence } =
            serde_json::from_str(line).map_err(|error| error.to_string())?;
        let (start, end) = (moment("start", &start)?, moment("end", &end)?);
        if end <= start {
            return Err(format!("it ends at {end}, not after its start, {start}"));
        }
        Ok(Self { service, kind, start, end, benign, params, evidence })
    }

    fn order(&self) -> (Time, &str, &str, Time) {
        (self.start, &self.service, &self.kind, self.end)
    }
}

/// A time as RFC 3339, or as a number of seconds since the epoch.
fn moment(name: &str, written: &Value) -> Result<Time, String> {
    let read = match written {
        Value::String(text) => Time::parse_rfc3339(text.as_bytes()),
        Value::Number(seconds) => seconds.as_f64().and_then(from_seconds),
        _ => None,
    };
    read.ok_or_else(|| format!("`{name}` is no time: {written}; write RFC 3339, or seconds since 1970"))
}

/// To the nearest microsecond, within the years 1970 to 9999.
fn from_seconds(seconds: f64) -> Option<Time> {
    const YEAR_10000: f64 = 253_402_300_800.0;
    (0.0..YEAR_10000).contains(&seconds).then(|| Time::from_micros((seconds * 1e6).round() as i64))
}

/// For times that people and other programs read.
pub(crate) fn rfc3339<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_of_both_sorts_and_leaves_out_what_it_does_not_know() {
        let text = r#"
{"service":"b","kind":"outage","start":1767225600.5,"end":1767225660,"benign":false,"params":{"p":0.5},"evidence":31.5,"seed":7}
{"service":"a","kind":"cron","start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:15:00Z","benign":true}
{"kind":"silence","start":0,"end":1}
"#;
        let labels = read(text).unwrap();
        assert_eq!(labels.iter().map(|label| label.kind.as_str()).collect::<Vec<_>>(), ["silence", "cron", "outage"]);
        assert_eq!(
            serde_json::to_string(&labels[2]).unwrap(),
            r#"{"service":"b","kind":"outage","start":"2026-01-01T00:00:00.500Z","end":"2026-01-01T00:01:00.000Z","benign":false,"params":{"p":0.5},"evidence":31.5}"#
        );
        assert!(labels[1].benign && labels[0].service.is_empty());
    }

    #[test]
    fn names_the_line_that_is_none() {
        let good = r#"{"service":"a","kind":"x","start":1,"end":2}"#;
        for (bad, expected) in [
            ("{", "line 3: EOF while parsing an object"),
            (r#"{"service":"a","start":1,"end":2}"#, "line 3: missing field `kind`"),
            (r#"{"kind":"x","start":2,"end":2}"#, "line 3: it ends at"),
            (r#"{"kind":"x","start":"noon","end":2}"#, "line 3: `start` is no time: \"noon\"; write RFC 3339"),
            (r#"{"kind":"x","start":1,"end":-2}"#, "line 3: `end` is no time: -2"),
            (r#"{"kind":"x","start":1,"end":1e300}"#, "line 3: `end` is no time: 1e+300"),
        ] {
            let error = read(&format!("{good}\n\n{bad}\n")).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
