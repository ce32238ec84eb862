//! What a call says.
//!
//! Standard Webhooks has a form for that: `{type, timestamp, data}`. In `data` stand title and message for those who only
//! pass them on to people, with what, where, since when, how bad and the figures; and the incident and the anomaly's event
//! for those who look closer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use logd_archive::{Incident, WholeAnomaly};
use logd_sdk::{Time, settings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::{Event, Severity};
use crate::audit::millis;

/// An anomaly's event that is larger, in bytes, loses what is bulky.
const LARGEST: usize = 16 << 10;
/// What may be bulky in it, in the order in which it goes.
const BULKY: [&str; 2] = ["samples", "evidence"];
/// So many changes are told one by one in a call.
const MOST_CHANGES: usize = 50;
/// So many of them are in its message.
const MOST_LINES: usize = 10;

/// Something that happened: what waits to be told, by itself or with others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// An incident changed.
    Incident {
        /// After the change.
        incident: Box<Facts>,
        /// The event that told of it; null where a person did it.
        anomaly: Value,
    },
    /// More of a service's logs than usual are errors.
    Rate(Rate),
}

/// An incident, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) key: BTreeMap<String, String>,
    pub(super) kind: String,
    pub(super) severity: Severity,
    pub(super) pipeline: String,
    pub(super) detector: String,
    pub(super) field: Option<String>,
    pub(super) opened_at: Time,
    pub(super) updated_at: Time,
    pub(super) resolved_at: Option<Time>,
    pub(super) resolved_by: Option<String>,
    pub(super) value: f64,
    pub(super) expected: Option<f64>,
    pub(super) score: f64,
    pub(super) threshold: f64,
    pub(super) explanation: String,
}

/// A rate of errors that is high.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rate {
    pub(super) pipeline: String,
    pub(super) service: String,
    pub(super) severity: Severity,
    /// What share of logs may be errors.
    pub(super) bound: f64,
    pub(super) logs: f64,
    pub(super) errors: f64,
    pub(super) from: Time,
    pub(super) to: Time,
}

impl Facts {
    /// What an anomaly says of its incident.
    pub(super) fn of_anomaly(whole: &WholeAnomaly) -> Self {
        let anomaly = &whole.anomaly;
        let is_over = anomaly.state == logd_archive::Change::Resolved;
        Self {
            id: anomaly.incident_id.clone(),
            service: anomaly.service.clone(),
            key: anomaly.key.clone(),
            kind: anomaly.r#type.clone(),
            severity: anomaly.severity.into(),
            pipeline: anomaly.pipeline.clone(),
            detector: anomaly.detector.clone(),
            field: anomaly.field.clone(),
            opened_at: anomaly.since,
            updated_at: anomaly.time,
            resolved_at: is_over.then_some(anomaly.time),
            resolved_by: None,
            value: anomaly.value,
            expected: anomaly.expected,
            score: anomaly.score,
            threshold: anomaly.threshold,
            explanation: anomaly.explanation.clone(),
        }
    }

    /// An incident as it stands.
    pub(super) fn of_incident(incident: &Incident) -> Self {
        Self {
            id: incident.id.clone(),
            service: incident.service.clone(),
            key: incident.key.clone(),
            kind: incident.r#type.clone(),
            severity: incident.severity.into(),
            pipeline: incident.pipeline.clone(),
            detector: incident.detector.clone(),
            field: incident.field.clone(),
            opened_at: incident.opened_at,
            updated_at: incident.updated_at,
            resolved_at: incident.resolved_at,
            resolved_by: incident.resolved_by.as_ref().map(|acted| acted.who.clone()),
            value: incident.value,
            expected: incident.expected,
            score: incident.score,
            threshold: incident.threshold,
            explanation: incident.explanation.clone(),
        }
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "service": self.service,
            "key": self.key,
            "type": self.kind,
            "severity": self.severity,
            "state": if self.resolved_at.is_some() { "resolved" } else { "open" },
            "pipeline": self.pipeline,
            "detector": self.detector,
            "field": self.field,
            "opened_at": millis(self.opened_at),
            "updated_at": millis(self.updated_at),
            "resolved_at": self.resolved_at.map(millis),
            "resolved_by": self.resolved_by,
            "value": self.value,
            "expected": self.expected,
            "score": self.score,
            "threshold": self.threshold,
            "explanation": self.explanation,
        })
    }

    /// With the figures, where, since when, and how bad.
    fn message(&self) -> String {
        let Self { explanation, service, pipeline, detector, .. } = self;
        let mut message = format!("{explanation}. {service}");
        if let Some(field) = &self.field {
            let _ = write!(message, ", `{field}`");
        }
        let _ = write!(message, ", seen by {pipeline}/{detector}. {}", capital(self.severity.name()));
        let _ = match self.resolved_at {
            None => write!(message, ", since {}.", millis(self.opened_at)),
            Some(end) => {
                let (from, to) = (millis(self.opened_at), millis(end));
                write!(message, " at worst, from {from} to {to} ({}).", span(end.since(self.opened_at)))
            }
        };
        if let Some(who) = &self.resolved_by {
            let _ = write!(message, " Resolved by {who}.");
        }
        message
    }
}

impl Rate {
    /// The share of logs that are errors.
    fn share(&self) -> f64 {
        self.errors / self.logs
    }

    fn shown(&self) -> Value {
        json!({
            "rate": self.share(),
            "bound": self.bound,
            "logs": self.logs,
            "errors": self.errors,
            "pipeline": self.pipeline,
            "from": millis(self.from),
            "to": millis(self.to),
        })
    }

    fn message(&self) -> String {
        format!(
            "{:.0} of {:.0} logs are errors: {:.1} %, where {:.1} % is the bound. {}, seen by {}. {}, from {} to {}.",
            self.errors,
            self.logs,
            self.share() * 100.0,
            self.bound * 100.0,
            self.service,
            self.pipeline,
            capital(self.severity.name()),
            millis(self.from),
            millis(self.to),
        )
    }
}

impl Part {
    /// A change of an incident, without what would make it too large.
    pub(super) fn incident(incident: Facts, event: Option<&Value>) -> Self {
        let mut anomaly = event.cloned().unwrap_or_default();
        for member in BULKY {
            if anomaly.to_string().len() > LARGEST {
                anomaly.as_object_mut().and_then(|members| members.remove(member));
            }
        }
        if anomaly.to_string().len() > LARGEST {
            anomaly = Value::Null;
        }
        Self::Incident { incident: Box::new(incident), anomaly }
    }

    /// The incident's.
    fn id(&self) -> Option<&str> {
        match self {
            Self::Incident { incident, .. } => Some(&incident.id),
            Self::Rate(_) => None,
        }
    }

    fn service(&self) -> &str {
        match self {
            Self::Incident { incident, .. } => &incident.service,
            Self::Rate(rate) => &rate.service,
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Incident { incident, .. } => incident.severity,
            Self::Rate(rate) => rate.severity,
        }
    }

    /// When it happened.
    fn at(&self) -> Time {
        match self {
            Self::Incident { incident, .. } => incident.resolved_at.unwrap_or(incident.updated_at),
            Self::Rate(rate) => rate.to,
        }
    }

    fn title(&self, event: Event) -> String {
        let severity = capital(self.severity().name());
        match self {
            Self::Rate(rate) => format!("{severity}: high error rate of {}", rate.service),
            Self::Incident { incident, .. } => {
                let what = format!("{} of {}", incident.kind, incident.service);
                match event {
                    Event::IncidentUpdated => format!("{severity}, worse: {what}"),
                    Event::IncidentResolved => format!("Resolved: {what}"),
                    _ => format!("{severity}: {what}"),
                }
            }
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Incident { incident, .. } => incident.message(),
            Self::Rate(rate) => rate.message(),
        }
    }

    fn link(&self, base: &str) -> String {
        match self {
            Self::Incident { incident, .. } => format!("{base}/#/incidents/{}", encoded(&incident.id)),
            Self::Rate(rate) => format!("{base}/#/services/{}", encoded(&rate.service)),
        }
    }

    /// What is told of it.
    fn data(&self, event: Event, base: &str) -> Value {
        let (incident, rate) = match self {
            Self::Incident { incident, .. } => (incident.shown(), Value::Null),
            Self::Rate(rate) => (Value::Null, rate.shown()),
        };
        json!({
            "title": self.title(event),
            "message": self.message(),
            "service": self.service(),
            "severity": self.severity(),
            "link": self.link(base),
            "incident": incident,
            "error_rate": rate,
        })
    }
}

/// A call that tells one thing.
fn one(event: Event, part: &Part, base: &str) -> Value {
    let mut data = part.data(event, base);
    if let Part::Incident { anomaly, .. } = part {
        data["anomaly"] = anomaly.clone();
    }
    json!({ "type": event.name(), "timestamp": millis(part.at()), "data": data })
}

/// A call that tells things, in the order in which they happened: it is of the type of the worst that is not over and has
/// its incident, so that those who expect one find one; `changes` has all, if they are several. `quiet` is whether quiet
/// hours held them back. `None` of nothing.
pub(super) fn of_parts(parts: &[(Event, Part)], quiet: bool, base: &str) -> Option<(Event, Value)> {
    let over: BTreeSet<&str> =
        parts.iter().filter(|(event, _)| *event == Event::IncidentResolved).filter_map(|(_, part)| part.id()).collect();
    // What is over matters less than what is not. Of those that matter the same the last is how things stand.
    let matters = |(_, part): &&(Event, Part)| (!part.id().is_some_and(|id| over.contains(id)), part.severity());
    let (event, worst) = parts.iter().max_by_key(matters)?;
    let mut call = one(*event, worst, base);
    if parts.len() == 1 {
        return Some((*event, call));
    }
    let mut services: Vec<&str> = parts.iter().map(|(_, part)| part.service()).collect();
    services.sort_unstable();
    services.dedup();
    let of = match &services[..] {
        [service] => format!("of {service}"),
        services => format!("of {} services", services.len()),
    };
    let (when, severity) = (if quiet { "Quiet hours: " } else { "" }, worst.severity().name());
    let mut message = String::new();
    for (event, part) in parts.iter().take(MOST_LINES) {
        let _ = writeln!(message, "{}. {}", part.title(*event), part.message());
    }
    if let Some(more) = parts.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        let _ = writeln!(message, "And {more} more.");
    }
    let changes = parts.iter().take(MOST_CHANGES).map(|(event, part)| {
        let mut change = part.data(*event, base);
        change["type"] = event.name().into();
        change["timestamp"] = millis(part.at()).into();
        change
    });
    let data = &mut call["data"];
    data["title"] = format!("{when}{} changes {of}, {severity}", parts.len()).into();
    data["message"] = message.trim_end().into();
    data["changes"] = changes.collect();
    Some((*event, call))
}

/// A call that somebody has asked for.
pub(super) fn test(now: Time, base: &str) -> Value {
    json!({
        "type": "test",
        "timestamp": millis(now),
        "data": {
            "title": "Info: a test of logd",
            "message": "Somebody has asked logd for this call, to see whether it arrives. Nothing is wrong.",
            "service": null,
            "severity": Severity::Info,
            "link": format!("{base}/#/webhooks"),
            "incident": null,
            "anomaly": null,
            "error_rate": null,
        },
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `5m10s`: whole seconds are enough.
fn span(span: Duration) -> String {
    settings::Duration::from_secs(span.as_secs()).to_string()
}

/// As it stands in a URL: of a name that comes with an event nothing else is known.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
