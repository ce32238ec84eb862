//! Anomalies: the events by which detectors tell what becomes of an incident.
//!
//! They come as JSON, from any detector. What is asked for in lists is taken out here, once; the whole event is kept as
//! it came.

use std::collections::BTreeMap;
use std::sync::Arc;

use logd_sdk::{ComponentId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::board::name_of;

/// So many anomalies and so many incidents are kept; of more, the oldest go.
pub const MAX_ANOMALIES: u64 = 100_000;
/// An event that is larger, in bytes, loses its samples; if that does not help, it is refused.
const MAX_EVENT: usize = 256 << 10;

/// An event that is no anomaly.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("it is no anomaly event: {0}")]
pub struct Malformed(String);

/// What an anomaly says of its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// It has begun.
    Open,
    /// It has become markedly worse.
    Update,
    /// It is over.
    Resolved,
}

impl Change {
    const ALL: [(Self, &str); 3] = [(Self::Open, "open"), (Self::Update, "update"), (Self::Resolved, "resolved")];

    /// As it stands in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        name(&Self::ALL, self)
    }

    /// From [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        from_name(&Self::ALL, name)
    }
}

/// How bad it is. A greater one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Out of the usual, no more.
    Info,
    /// Worth a look soon.
    Warning,
    /// Worth a look now.
    Critical,
}

impl Severity {
    const ALL: [(Self, &str); 3] = [(Self::Info, "info"), (Self::Warning, "warning"), (Self::Critical, "critical")];

    /// As it stands in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        name(&Self::ALL, self)
    }

    /// From [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        from_name(&Self::ALL, name)
    }
}

fn name<T: PartialEq>(all: &[(T, &'static str)], one: T) -> &'static str {
    all.iter().find(|(value, _)| *value == one).map_or("", |(_, name)| name)
}

fn from_name<T: Copy>(all: &[(T, &str)], name: &str) -> Option<T> {
    all.iter().find(|(_, known)| *known == name).map(|(value, _)| *value)
}

/// An anomaly, as it stands in lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Names it.
    pub id: String,
    /// Names its incident.
    pub incident_id: String,
    /// When: as a rule the end of the window.
    pub time: Time,
    /// When the incident began.
    pub since: Time,
    /// What became of the incident.
    pub state: Change,
    /// Why it was resolved, in the detector's words.
    pub reason: Option<String>,
    /// Whose it is: field → value.
    pub key: BTreeMap<String, String>,
    /// `service` of the key; without one the key's values, joined by `/`.
    pub service: String,
    /// What sort it is, in the detector's words.
    pub r#type: String,
    /// How bad the incident was so far.
    pub severity: Severity,
    /// The detector's pipeline.
    pub pipeline: String,
    /// The detector's name in it.
    pub detector: String,
    /// The metric that it judges, where the event says so.
    pub field: Option<String>,
    /// The last value.
    pub value: f64,
    /// What was usual.
    pub expected: Option<f64>,
    /// How far out the value is, in the unit of `threshold`.
    pub score: f64,
    /// What a score has to exceed.
    pub threshold: f64,
    /// A sentence with the figures.
    pub explanation: String,
}

/// An anomaly with all that its detector said.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeAnomaly {
    /// What stands in lists.
    pub anomaly: Anomaly,
    /// The event: explanation, baseline, peak, evidence, samples.
    pub event: Arc<Value>,
}

impl WholeAnomaly {
    /// Reads an anomaly event of a detector.
    pub(crate) fn read(detector: &ComponentId, mut event: Value) -> Result<Self, Malformed> {
        if event.to_string().len() > MAX_EVENT {
            event.as_object_mut().and_then(|members| members.remove("samples"));
            if event.to_string().len() > MAX_EVENT {
                return Err(Malformed(format!("it has more than {MAX_EVENT} bytes")));
            }
        }
        let anomaly = Anomaly::read(detector, &event)?;
        Ok(Self { anomaly, event: Arc::new(event) })
    }
}

impl Anomaly {
    /// Whether an incident begins with it. What others say of that incident is no anomaly more.
    pub(crate) fn opens(&self) -> bool {
        self.state == Change::Open
    }

    fn read(detector: &ComponentId, event: &Value) -> Result<Self, Malformed> {
        let key = read_key(event)?;
        let change = text(event, "state")?;
        let severity = text(event, "severity")?;
        Ok(Self {
            id: id(event, "id")?,
            incident_id: id(event, "incident_id")?,
            time: time(event, "timestamp")?,
            since: time(event, "since")?,
            state: Change::from_name(change).ok_or_else(|| Malformed(format!("its state is {change:?}")))?,
            reason: event["reason"].as_str().map(str::to_owned),
            service: service_of(&key),
            key,
            r#type: text(event, "type")?.to_owned(),
            severity: Severity::from_name(severity)
                .ok_or_else(|| Malformed(format!("its severity is {severity:?}")))?,
            pipeline: detector.pipeline().to_owned(),
            detector: detector.id().to_owned(),
            field: event["field"].as_str().map(str::to_owned),
            value: number(event, "value")?,
            expected: event["baseline"]["mean"].as_f64(),
            score: number(event, "score")?,
            threshold: number(event, "threshold")?,
            explanation: text(event, "explanation")?.to_owned(),
        })
    }
}

fn text<'e>(event: &'e Value, member: &str) -> Result<&'e str, Malformed> {
    event[member].as_str().ok_or_else(|| Malformed(format!("its `{member}` is missing or no text")))
}

/// An id becomes a key in the store, and a part of an address in the API.
fn id(event: &Value, member: &str) -> Result<String, Malformed> {
    let id = text(event, member)?;
    match id.len() {
        1..=128 => Ok(id.to_owned()),
        length => Err(Malformed(format!("its `{member}` has {length} bytes"))),
    }
}

fn number(event: &Value, member: &str) -> Result<f64, Malformed> {
    // JSON has no NaN and no infinity; a number beyond f64 is refused by the parser.
    event[member].as_f64().ok_or_else(|| Malformed(format!("its `{member}` is missing or no number")))
}

fn time(event: &Value, member: &str) -> Result<Time, Malformed> {
    let text = text(event, member)?;
    Time::parse_rfc3339(text.as_bytes()).ok_or_else(|| Malformed(format!("its `{member}` is {text:?}")))
}

/// `service` of the key; without one the key's values, joined by `/`.
pub(crate) fn service_of(key: &BTreeMap<String, String>) -> String {
    let service = match key.get("service") {
        Some(service) => service.clone(),
        None => key.values().map(String::as_str).collect::<Vec<_>>().join("/"),
    };
    name_of(&service).to_owned()
}

pub(crate) fn read_key(event: &Value) -> Result<BTreeMap<String, String>, Malformed> {
    let members = match &event["key"] {
        Value::Object(members) => members,
        Value::Null => return Ok(BTreeMap::new()),
        _ => return Err(Malformed("its `key` is no object".to_owned())),
    };
    let pairs = members.iter().map(|(field, value)| match value {
        Value::String(value) => (field.clone(), value.clone()),
        other => (field.clone(), other.to_string()),
    });
    Ok(pairs.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detector() -> ComponentId {
        ComponentId::new("p", "latency")
    }

    fn event() -> Value {
        json!({
            "id": "a1", "incident_id": "i1", "state": "open", "reason": null, "timestamp": "2026-11-23T10:00:05Z",
            "since": "2026-11-23T10:00:00Z", "type": "high_latency", "key": {"service": "web"}, "severity": "warning",
            "score": 4.5, "value": 120.0, "threshold": 3.0, "baseline": {"mean": 50.0}, "explanation": "Slow.",
            "field": "p95", "samples": [],
        })
    }

    #[test]
    fn an_event_is_read() {
        let whole = WholeAnomaly::read(&detector(), event()).unwrap();
        let anomaly = &whole.anomaly;
        assert_eq!((anomaly.service.as_str(), anomaly.pipeline.as_str()), ("web", "p"));
        assert_eq!((anomaly.severity, anomaly.state), (Severity::Warning, Change::Open));
        assert_eq!((anomaly.expected, anomaly.field.as_deref()), (Some(50.0), Some("p95")));
        assert_eq!(whole.event["explanation"], "Slow.");
    }

    #[test]
    fn the_service_is_the_keys() {
        let of = |key: Value| {
            let mut event = event();
            event["key"] = key;
            WholeAnomaly::read(&detector(), event).unwrap().anomaly.service
        };
        assert_eq!(of(json!({"region": "eu", "service": "web"})), "web");
        assert_eq!(of(json!({"host": "h1", "path": "/a"})), "h1//a");
        assert_eq!(of(json!({"status": 500})), "500");
        assert_eq!(of(json!({})), "");
        assert_eq!(of(Value::Null), "");
    }

    #[test]
    fn what_is_no_anomaly_is_refused() {
        for (member, value) in [
            ("id", json!("")),
            ("id", json!("x".repeat(129))),
            ("incident_id", json!(7)),
            ("state", json!("closed")),
            ("severity", json!("awful")),
            ("timestamp", json!("yesterday")),
            ("since", Value::Null),
            ("value", Value::Null),
            ("score", json!("4")),
            ("key", json!([])),
            ("explanation", json!("x".repeat(MAX_EVENT))),
        ] {
            let mut event = event();
            event[member] = value;
            assert!(WholeAnomaly::read(&detector(), event).is_err(), "{member}");
        }
        assert!(WholeAnomaly::read(&detector(), json!("text")).is_err());
    }

    #[test]
    fn samples_give_way_to_size() {
        let mut event = event();
        event["samples"] = json!(["x".repeat(MAX_EVENT)]);
        let whole = WholeAnomaly::read(&detector(), event).unwrap();
        assert!(whole.event.get("samples").is_none());
    }
}
