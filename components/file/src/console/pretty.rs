//! Events as a person reads them: an incident's change in a sentence, a log with what matters first.
//!
//! ```text
//! 14:03:10Z OPEN payment-service latency: mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3) since 14:03:05Z
//! 14:03:10.250Z ERROR payment-service card declined user_id=17 endpoint="/api/v1/orders"
//! ```
//!
//! What an event says may come from anybody, so control characters are never passed on to the terminal.

use std::borrow::Cow;
use std::io::Write as _;

use logd_sdk::Time;
use logd_sdk::event::MESSAGE;
use vrl::value::{ObjectMap, Value};

/// A style, as the terminal's escape sequence for it.
type Style = &'static str;

const PLAIN: Style = "\x1b[0m";
const DIM: Style = "\x1b[2m";
const BOLD: Style = "\x1b[1m";
const RED: Style = "\x1b[1;31m";
const GREEN: Style = "\x1b[32m";
const YELLOW: Style = "\x1b[33m";

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// Writes events for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pretty {
    /// When it is read.
    now: Time,
    colours: bool,
}

impl Pretty {
    /// For somebody who reads at `now`: times of another day (UTC) are written with their date.
    pub(crate) fn new(now: Time, colours: bool) -> Self {
        Self { now, colours }
    }

    /// Appends the event, that happened at `time`, and a newline.
    pub(crate) fn write(self, event: &Value, time: Time, out: &mut Vec<u8>) {
        match event.as_object() {
            Some(fields) => match Change::of(fields) {
                Some(change) => self.change(&change, time, out),
                None => self.log(fields, time, out),
            },
            None => push_clean(&display(event), out),
        }
        out.push(b'\n');
    }

    /// An incident's change: when, what, whose, found by whom, why, and since when.
    fn change(self, change: &Change<'_>, time: Time, out: &mut Vec<u8>) {
        let style = match &*change.state {
            "open" => RED,
            "resolved" => GREEN,
            _ => YELLOW,
        };
        self.styled(DIM, &self.time(change.timestamp.unwrap_or(time), "%H:%M:%SZ"), out);
        out.push(b' ');
        self.styled(style, &change.state.to_uppercase(), out);
        if !change.key.is_empty() {
            out.push(b' ');
            self.styled(BOLD, &change.key, out);
        }
        out.push(b' ');
        push_clean(&change.detector, out);
        out.extend_from_slice(b": ");
        push_clean(&change.explanation, out);
        if let Some(since) = change.since {
            push_clean(&format!(" since {}", self.time(since, "%H:%M:%SZ")), out);
        }
    }

    /// Anything else: when, how bad, where, what, and the other fields by name.
    fn log(self, fields: &ObjectMap, time: Time, out: &mut Vec<u8>) {
        self.styled(DIM, &self.time(time, "%H:%M:%S%.3fZ"), out);
        for (name, style) in [("level", None), ("service", Some(BOLD)), (MESSAGE, Some(""))] {
            let Some(value) = fields.get(name) else { continue };
            let text = display(value);
            out.push(b' ');
            self.styled(style.unwrap_or_else(|| level(&text)), &text, out);
        }
        for (name, value) in fields {
            let said = matches!(name.as_str(), "level" | "service" | MESSAGE)
                || name.as_str() == "timestamp" && moment(value) == Some(time);
            if !said {
                out.push(b' ');
                self.styled(DIM, &format!("{name}="), out);
                push_clean(&quoted(value), out);
            }
        }
    }

    /// A time of day, behind its date if that is not today's.
    fn time(self, time: Time, format: &str) -> String {
        let day = |time: Time| time.as_micros().div_euclid(DAY);
        match time.to_chrono() {
            Some(moment) if day(time) == day(self.now) => moment.format(format).to_string(),
            Some(moment) => moment.format(&format!("%Y-%m-%dT{format}")).to_string(),
            None => time.to_string(),
        }
    }

    /// Appends text, between the escape sequences of a style where there are colours.
    fn styled(self, style: Style, text: &str, out: &mut Vec<u8>) {
        let coloured = self.colours && !style.is_empty();
        if coloured {
            out.extend_from_slice(style.as_bytes());
        }
        push_clean(text, out);
        if coloured {
            out.extend_from_slice(PLAIN.as_bytes());
        }
    }
}

/// A change of an incident.
struct Change<'e> {
    /// `open`, `update` or `resolved`.
    state: Cow<'e, str>,
    /// When it changed.
    timestamp: Option<Time>,
    /// Whose incident: the values of the key's fields.
    key: String,
    /// The component that found it, or the type of the anomaly.
    detector: String,
    /// The sentence with the figures.
    explanation: String,
    /// The start of the first point that was out of the usual.
    since: Option<Time>,
}

impl<'e> Change<'e> {
    /// What an anomaly event says; none if it is another event.
    fn of(fields: &'e ObjectMap) -> Option<Self> {
        fields.get("incident_id")?;
        let state = fields.get("state")?.to_str_lossy()?;
        let explanation = display(fields.get("explanation")?);
        let detector = display(fields.get("detector").or_else(|| fields.get("type"))?);
        let key = match fields.get("key") {
            Some(Value::Object(parts)) => parts.values().map(display).collect::<Vec<_>>().join("/"),
            Some(key) => display(key),
            None => String::new(),
        };
        let start = || fields.get("window")?.as_object()?.get("start");
        let since = fields.get("since").or_else(start).and_then(moment);
        Some(Self { state, timestamp: fields.get("timestamp").and_then(moment), key, detector, explanation, since })
    }
}

/// The moment that a value names.
fn moment(value: &Value) -> Option<Time> {
    match value {
        Value::Timestamp(time) => Some(Time::from_chrono(*time)),
        value => Time::parse_rfc3339(value.as_bytes()?),
    }
}

/// The style of a log's level, whatever its case.
fn level(level: &str) -> Style {
    match level.to_ascii_lowercase().as_str() {
        "error" | "critical" | "fatal" | "alert" | "emergency" | "panic" => RED,
        "warn" | "warning" => YELLOW,
        "info" | "notice" => GREEN,
        "debug" | "trace" => DIM,
        _ => "",
    }
}

/// A value without quotes.
fn display(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Timestamp(time) => Time::from_chrono(*time).to_string(),
        value => value.to_str_lossy().map_or_else(|| json(value), Cow::into_owned),
    }
}

/// A value behind `name=`: in quotes where it would not be seen as one.
fn quoted(value: &Value) -> String {
    let unclear = |text: &[u8]| text.is_empty() || text.iter().any(|byte| b" \"=".contains(byte));
    match value {
        text if text.as_bytes().is_some_and(|text| unclear(text)) => json(text),
        Value::Null | Value::Object(_) | Value::Array(_) => json(value),
        value => display(value),
    }
}

/// A value as JSON, on one line.
fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Appends text, with control characters as escapes.
fn push_clean(text: &str, out: &mut Vec<u8>) {
    if !text.contains(char::is_control) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        // Writing to a vector can't fail.
        let _ = if character.is_control() {
            write!(out, "{}", character.escape_default())
        } else {
            write!(out, "{character}")
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    fn pretty(json: &str, time: Time, colours: bool) -> String {
        let mut out = Vec::new();
        let event: Value = serde_json::from_str(json).unwrap();
        Pretty::new(NOW, colours).write(&event, time, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn anomaly(state: &str, key: &str, since: &str) -> String {
        format!(
            r#"{{"incident_id": "1", "state": "{state}", "timestamp": "2026-11-23T14:03:10Z", "key": {key},
            "detector": "latency", "type": "high_latency", "since": "{since}",
            "explanation": "mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3)"}}"#
        )
    }

    #[test]
    fn a_change_of_an_incident_is_a_sentence() {
        let said = "latency: mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3)";
        for (event, expected) in [
            (
                anomaly("open", r#"{"service": "payment-service"}"#, "2026-11-23T14:03:05Z"),
                format!("14:03:10Z OPEN payment-service {said} since 14:03:05Z\n"),
            ),
            (
                anomaly("resolved", r#"{"host": "a", "service": "b"}"#, "2026-11-22T23:59:59.9Z"),
                format!("14:03:10Z RESOLVED a/b {said} since 2026-11-22T23:59:59Z\n"),
            ),
            (anomaly("update", "{}", "never"), format!("14:03:10Z UPDATE {said}\n")),
        ] {
            assert_eq!(pretty(&event, NOW, false), expected);
        }
    }

    #[test]
    fn a_log_begins_with_what_matters() {
        let event = r#"{"a": 1.5, "level": "ERROR", "message": "card declined", "note": "x y", "path": "/a",
            "none": null, "service": "payment", "tags": ["a"], "timestamp": "2026-11-23T14:03:10Z", "empty": ""}"#;
        let expected = "14:03:10.000Z ERROR payment card declined a=1.5 empty=\"\" none=null note=\"x y\" path=/a \
                        tags=[\"a\"]\n";
        assert_eq!(pretty(event, NOW, false), expected);
        let early = Time::parse_rfc3339(b"2015-05-20T09:05:00.25Z").unwrap();
        assert_eq!(pretty(r#"{"message": "m"}"#, early, false), "2015-05-20T09:05:00.250Z m\n");
        assert_eq!(pretty("{}", Time::MAX, false), format!("{}us\n", i64::MAX));
        assert_eq!(pretty("[1]", NOW, false), "[1]\n");
    }

    #[test]
    fn colours_are_for_terminals() {
        let event = anomaly("open", r#""web""#, "never");
        assert!(
            pretty(&event, NOW, true).starts_with("\x1b[2m14:03:10Z\x1b[0m \x1b[1;31mOPEN\x1b[0m \x1b[1mweb\x1b[0m l")
        );
        assert!(pretty(r#"{"level": "warn"}"#, NOW, true).ends_with("\x1b[33mwarn\x1b[0m\n"));
    }

    #[test]
    fn an_event_can_not_write_to_the_terminal() {
        let event = r#"{"message": "a\nb\u001b[2Jc", "key\u0007": "\r\u009b1m"}"#;
        assert_eq!(pretty(event, NOW, false), "14:03:10.000Z a\\nb\\u{1b}[2Jc key\\u{7}=\\r\\u{9b}1m\n");
    }
}
