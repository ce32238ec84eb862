//! Alarms: from the anomaly events of detectors to what is scored.
//!
//! An alarm is what would wake somebody: an incident that opens, or one that brings a signal which it had not brought
//! before. That it gets worse, or is over, is none.

use std::collections::{BTreeMap, BTreeSet};

use logd_sdk::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kinds::signal;
use crate::labels::rfc3339;

/// Something that would wake somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// When: of a window its end.
    #[serde(serialize_with = "rfc3339")]
    pub at: Time,
    /// With whom: the key's `service`, or its only value, or all its values by the names of their fields, with slashes between.
    pub service: String,
    /// The detector, as `pipeline/component.port`.
    pub detector: String,
    /// What is out of the usual, that was not told of this incident before; sorted. See [`signal`].
    pub signals: Vec<String>,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// The sentence with the figures.
    pub explanation: String,
    /// The event's own name, by which it can be explained.
    pub id: String,
    /// The incident that it belongs to.
    pub incident_id: String,
}

/// An event that is no anomaly.
#[derive(Debug, thiserror::Error)]
#[error("an event of `{detector}` is no anomaly: {reason}")]
pub struct NoAnomaly {
    /// Where it came from.
    pub detector: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What is needed of an anomaly event.
#[derive(Deserialize)]
struct Event {
    id: String,
    incident_id: String,
    state: State,
    timestamp: String,
    r#type: String,
    #[serde(default)]
    signals: Vec<Signal>,
    #[serde(default)]
    key: Map<String, Value>,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    explanation: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Update,
    Resolved,
}

/// A signal of an incident: its name, or an object that has it as its `type`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Signal {
    Name(String),
    Object { r#type: String },
}

/// Reads the events of one detector, in the order in which they came.
#[derive(Debug)]
pub struct Reader {
    detector: String,
    /// What each open incident has brought.
    told: BTreeMap<String, BTreeSet<String>>,
}

impl Reader {
    /// For the events of this output.
    #[must_use]
    pub fn new(detector: &str) -> Self {
        Self { detector: detector.to_owned(), told: BTreeMap::new() }
    }

    /// The alarm that an event is, if it is one.
    ///
    /// # Errors
    /// The event is no anomaly.
    pub fn read(&mut self, event: Value) -> Result<Option<Alarm>, NoAnomaly> {
        let fault = |reason: String| NoAnomaly { detector: self.detector.clone(), reason };
        let event: Event = serde_json::from_value(event).map_err(|error| fault(error.to_string()))?;
        if event.state == State::Resolved {
            self.told.remove(&event.incident_id);
            return Ok(None);
        }
        let at = Time::parse_rfc3339(event.timestamp.as_bytes())
            .ok_or_else(|| fault(format!("`{}` is no time", event.timestamp)))?;
        let opens = event.state == State::Open;
        // Without a list the type is the only signal there is, and an update of it brings nothing new.
        let mut signals: BTreeSet<String> = event.signals.into_iter().map(Signal::name).collect();
        if signals.is_empty() && opens {
            signals.insert(signal(&event.r#type).to_owned());
        }
        let told = self.told.entry(event.incident_id.clone()).or_default();
        signals.retain(|name| !told.contains(name));
        told.extend(signals.iter().cloned());
        if signals.is_empty() && !opens {
            return Ok(None);
        }
        Ok(Some(Alarm {
            at,
            service: service(&event.key),
            detector: self.detector.clone(),
            signals: signals.into_iter().collect(),
            severity: event.severity,
            explanation: event.explanation,
            id: event.id,
            incident_id: event.incident_id,
        }))
    }
}

impl Signal {
    fn name(self) -> String {
        let (Self::Name(name) | Self::Object { r#type: name }) = self;
        signal(&name).to_owned()
    }
}

/// Whose an anomaly is, in the words of labels.
#[must_use]
pub fn service(key: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match key.get("service") {
        Some(service) => text(service),
        None => {
            let sorted: BTreeMap<&String, &Value> = key.iter().collect();
            sorted.into_values().map(text).collect::<Vec<_>>().join("/")
        }
    }
}

/// Puts alarms in the order of their times; those of one moment by service, detector and name.
pub fn sort(alarms: &mut [Alarm]) {
    let order = |alarm: &Alarm| (alarm.at, alarm.service.clone(), alarm.detector.clone(), alarm.id.clone());
    alarms.sort_by_cached_key(order);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(incident: &str, state: &str, more: Value) -> Value {
        let mut event = json!({
            "id": format!("{incident}-{state}"), "incident_id": incident, "state": state, "type": "high_latency",
            "timestamp": "2026-01-01T00:00:10Z", "key": {"service": "a"}, "value": 5.0,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    #[test]
    fn an_incident_is_one_alarm_for_each_signal_that_it_brings() {
        let mut reader = Reader::new("p/d.anomalies");
        let mut signals = |event| reader.read(event).unwrap().map(|alarm| alarm.signals.join(" "));
        assert_eq!(signals(event("1", "open", json!({}))), Some("latency".to_owned()));
        assert_eq!(signals(event("1", "update", json!({}))), None, "it is worse");
        assert_eq!(signals(event("1", "resolved", json!({}))), None);
        assert_eq!(signals(event("2", "open", json!({"signals": ["latency"]}))), Some("latency".to_owned()));
        let two = json!({"signals": [{"type": "latency"}, {"type": "error_rate"}]});
        assert_eq!(signals(event("2", "update", two.clone())), Some("error_rate".to_owned()));
        assert_eq!(signals(event("2", "update", two)), None, "told already");
    }

    #[test]
    fn a_key_names_a_service() {
        let named = |key: Value| service(key.as_object().unwrap());
        assert_eq!(named(json!({"service": "a", "host": "h"})), "a");
        assert_eq!(named(json!({"endpoint": "/x"})), "/x");
        assert_eq!(named(json!({"host": "h", "zone": 3})), "h/3");
        assert_eq!(named(json!({})), "");
    }

    #[test]
    fn what_is_no_anomaly_is_named_with_its_detector() {
        let mut reader = Reader::new("p/d.anomalies");
        let error = reader.read(json!({"state": "open"})).unwrap_err().to_string();
        assert_eq!(error, "an event of `p/d.anomalies` is no anomaly: missing field `id`");
        let error = reader.read(event("1", "open", json!({"timestamp": "noon"}))).unwrap_err().to_string();
        assert!(error.ends_with("`noon` is no time"), "{error}");
    }
}
