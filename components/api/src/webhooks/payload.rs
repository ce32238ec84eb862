//! What a call says.
//!
//! Standard Webhooks has a form for that: `{type, timestamp, data}`. In `data` stand title and message for those who only
//! pass them on to people, with what, where, since when, how bad and the figures; and the incident and the anomaly's event
//! for those who look closer.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use logd_sdk::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::facts::{Facts, Rate, capital};
use super::model::{Event, Limits, Severity};
use crate::audit::millis;

/// An anomaly's event that is larger, in bytes, loses what is bulky.
const LARGEST: usize = 16 << 10;
/// What may be bulky in it, in the order in which it goes.
const BULKY: [&str; 2] = ["samples", "evidence"];
/// So many changes are told one by one in a call.
const MOST_CHANGES: usize = 50;
/// So many of them are in its message.
const MOST_LINES: usize = 10;
/// They stand in the incident, as far as they may be told, and not in the anomaly's event.
const RELATED: &str = "related";

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

impl Part {
    /// A change of an incident, without what would make it too large.
    pub(super) fn incident(incident: Facts, event: Option<&Value>) -> Self {
        let mut anomaly = event.cloned().unwrap_or_default();
        anomaly.as_object_mut().and_then(|members| members.remove(RELATED));
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

    /// The same without what somebody with these limits may not see.
    pub(super) fn within(mut self, limits: &Limits) -> Self {
        if let Self::Incident { incident, .. } = &mut self {
            let Facts { related, pipeline, .. } = &mut **incident;
            related.retain(|one| limits.allow(pipeline, &one.service));
        }
        self
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
