//! What is told of an incident, or of a rate of errors: as JSON, and as a message with what, where, since when, how bad,
//! and the figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use logd_archive::{Incident, Related, WholeAnomaly};
use logd_sdk::{Time, settings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::Severity;
use crate::audit::millis;

/// So many incidents that went wrong together are named in a message.
const MOST_RELATED: usize = 3;

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
    /// Incidents of other keys that it is told together with, the earliest first.
    #[serde(default)]
    pub(super) related: Vec<Related>,
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
            related: whole.related(),
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
            related: Vec::new(),
        }
    }

    pub(super) fn shown(&self) -> Value {
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
            "related": self.related.iter().map(related).collect::<Value>(),
        })
    }

    /// With the figures, where, since when, and how bad.
    pub(super) fn message(&self) -> String {
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
        let others = self.related.iter().take(MOST_RELATED);
        for (place, Related { service, opened_at, .. }) in others.enumerate() {
            let before = if place == 0 { " Together with " } else { ", " };
            let _ = write!(message, "{before}{service} (since {})", millis(*opened_at));
        }
        match self.related.len() {
            0 => {}
            number if number > MOST_RELATED => {
                let _ = write!(message, " and {} more.", number - MOST_RELATED);
            }
            _ => message.push('.'),
        }
        message
    }
}

impl Rate {
    /// The share of logs that are errors.
    fn share(&self) -> f64 {
        self.errors / self.logs
    }

    pub(super) fn shown(&self) -> Value {
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

    pub(super) fn message(&self) -> String {
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

fn related(Related { incident_id, service, key, opened_at }: &Related) -> Value {
    json!({ "incident_id": incident_id, "service": service, "key": key, "opened_at": millis(*opened_at) })
}

/// A word at the begin of a sentence.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `5m10s`: whole seconds are enough.
fn span(span: Duration) -> String {
    settings::Duration::from_secs(span.as_secs()).to_string()
}
