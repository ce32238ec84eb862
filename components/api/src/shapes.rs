//! What goes out: the shapes of answers, as the OpenAPI document has them.

use std::collections::BTreeMap;

use logd_archive::{self as archive, Acted};
use logd_sdk::Time;
use logd_sdk::shared_stores::{self, LogPage};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::audit::millis;
use crate::units::unit_of;
use crate::words::{AnomalyState, IncidentState, Severity};

/// A page of a longer list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items, the newest first.
    pub(crate) items: Vec<T>,
    /// What to ask with for the items behind these; null at the end.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is given whole.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// A page of the archive's.
    pub(crate) fn of<A>(page: archive::Page<A>, shape: impl Fn(A) -> T) -> Self {
        Self { items: page.items.into_iter().map(shape).collect(), next_cursor: page.next }
    }

    /// A page of what several daemons share.
    pub(crate) fn elsewhere(page: LogPage, shape: impl Fn(shared_stores::Log) -> T) -> Self {
        Self { items: page.logs.into_iter().map(shape).collect(), next_cursor: page.next }
    }
}

/// An anomaly: a change of an incident, as a detector told it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Anomaly {
    /// Names it.
    id: String,
    /// Names the incident that it is a change of.
    incident_id: String,
    /// When: as a rule the end of the window.
    #[schema(format = "date-time")]
    timestamp: String,
    /// Whose it is.
    service: String,
    /// What sort it is, such as `high_latency`.
    r#type: String,
    /// How bad it is.
    severity: Severity,
    /// What became of the incident.
    state: AnomalyState,
    /// The detector.
    detector: String,
    /// Its pipeline.
    pipeline: String,
    /// The metric that it judges.
    #[schema(required = true)]
    field: Option<String>,
    /// The value that was judged.
    value: f64,
    /// How far out it is, in the unit of `threshold`.
    z_score: f64,
    /// What a score has to exceed.
    threshold: f64,
    /// What was usual.
    #[schema(required = true)]
    expected: Option<f64>,
    /// `ms`, `s`, `ratio`, `percent`, `per_second` or `bytes`; null for a bare number.
    #[schema(required = true)]
    unit: Option<&'static str>,
    /// A sentence with the figures.
    description: String,
}

impl From<archive::Anomaly> for Anomaly {
    fn from(anomaly: archive::Anomaly) -> Self {
        Self {
            timestamp: millis(anomaly.time),
            severity: anomaly.severity.into(),
            state: anomaly.state.into(),
            unit: anomaly.field.as_deref().and_then(|field| unit_of(field, Some(&anomaly.detector))),
            id: anomaly.id,
            incident_id: anomaly.incident_id,
            service: anomaly.service,
            r#type: anomaly.r#type,
            detector: anomaly.detector,
            pipeline: anomaly.pipeline,
            field: anomaly.field,
            value: anomaly.value,
            z_score: anomaly.score,
            threshold: anomaly.threshold,
            expected: anomaly.expected,
            description: anomaly.explanation,
        }
    }
}

/// An anomaly with all that its detector said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeAnomaly {
    /// What stands in lists.
    #[serde(flatten)]
    anomaly: Anomaly,
    /// Incidents of other keys that it is told together with, the earliest first.
    related: Vec<Related>,
    /// The event as it came: explanation, baseline, peak, evidence, samples.
    #[schema(value_type = Object)]
    event: Value,
}

impl From<archive::WholeAnomaly> for WholeAnomaly {
    fn from(whole: archive::WholeAnomaly) -> Self {
        let related = whole.related().into_iter().map(Related::from).collect();
        Self { anomaly: whole.anomaly.into(), related, event: Value::clone(&whole.event) }
    }
}

/// An incident of another key that was open at the time, or had opened in the five minutes before. The earliest of them is
/// where to look for the cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Related {
    /// Names it.
    incident_id: String,
    /// Whose it is.
    service: String,
    /// Whose it is, field by field.
    key: BTreeMap<String, String>,
    /// When it began.
    #[schema(format = "date-time")]
    opened_at: String,
}

impl From<archive::Related> for Related {
    fn from(archive::Related { incident_id, service, key, opened_at }: archive::Related) -> Self {
        Self { incident_id, service, key, opened_at: millis(opened_at) }
    }
}

/// What a person did to an incident.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Action {
    /// Who.
    who: String,
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// Why.
    #[schema(required = true)]
    note: Option<String>,
}

impl From<Acted> for Action {
    fn from(Acted { who, at, note }: Acted) -> Self {
        Self { who, at: millis(at), note }
    }
}

/// An incident: what one detector says of one key, from its begin to its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Incident {
    /// Names it.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) service: String,
    /// Whose it is, field by field.
    key: BTreeMap<String, String>,
    /// What sort it is.
    pub(crate) r#type: String,
    /// How bad it was so far.
    severity: Severity,
    /// How it stands.
    state: IncidentState,
    /// The detector's pipeline.
    pub(crate) pipeline: String,
    /// The detector.
    detector: String,
    /// The metric that it judges.
    #[schema(required = true)]
    field: Option<String>,
    /// When it began.
    #[schema(format = "date-time")]
    opened_at: String,
    /// When it changed last.
    #[schema(format = "date-time")]
    updated_at: String,
    /// When it ended.
    #[schema(format = "date-time", required = true)]
    resolved_at: Option<String>,
    /// The last value.
    value: f64,
    /// What was usual.
    #[schema(required = true)]
    expected: Option<f64>,
    /// How far out the last value is.
    score: f64,
    /// What a score has to exceed.
    threshold: f64,
    /// `ms`, `s`, `ratio`, `percent`, `per_second` or `bytes`; null for a bare number.
    #[schema(required = true)]
    unit: Option<&'static str>,
    /// The last word on it.
    explanation: String,
    /// Who is on it.
    #[schema(required = true)]
    acknowledged_by: Option<String>,
    /// What was noted last.
    #[schema(required = true)]
    note: Option<String>,
    /// Who resolved it, if it was a person.
    #[schema(required = true)]
    resolved_by: Option<Action>,
    /// The last anomaly of it.
    last_anomaly_id: String,
    /// Whether nobody is told of it, because somebody wants it so.
    pub(crate) silenced: bool,
}

impl Incident {
    /// As it is shown.
    pub(crate) fn new(incident: archive::Incident, silenced: bool) -> Self {
        let noted = [&incident.resolved_by, &incident.acknowledged].into_iter().flatten();
        let note = noted.filter_map(|acted| acted.note.clone()).next();
        Self {
            severity: incident.severity.into(),
            state: incident.state.into(),
            opened_at: millis(incident.opened_at),
            updated_at: millis(incident.updated_at),
            resolved_at: incident.resolved_at.map(millis),
            note,
            unit: incident.field.as_deref().and_then(|field| unit_of(field, Some(&incident.detector))),
            acknowledged_by: incident.acknowledged.map(|acted| acted.who),
            resolved_by: incident.resolved_by.map(Action::from),
            id: incident.id,
            service: incident.service,
            key: incident.key,
            r#type: incident.r#type,
            pipeline: incident.pipeline,
            detector: incident.detector,
            field: incident.field,
            value: incident.value,
            expected: incident.expected,
            score: incident.score,
            threshold: incident.threshold,
            explanation: incident.explanation,
            last_anomaly_id: incident.last_anomaly_id,
            silenced,
        }
    }
}

/// An incident with its anomalies.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeIncident {
    /// What stands in lists.
    #[serde(flatten)]
    pub(crate) incident: Incident,
    /// Incidents of other keys that went wrong with it, the earliest first.
    pub(crate) related: Vec<Related>,
    /// Its anomalies, the oldest first.
    pub(crate) anomalies: Vec<WholeAnomaly>,
}

/// A piece of a text that a search has found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fragment {
    /// The piece.
    text: String,
    /// Whether it is what was searched for.
    marked: bool,
}

/// A log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Log {
    /// Names it.
    id: String,
    /// When it happened.
    #[schema(format = "date-time")]
    timestamp: String,
    /// Who says it.
    service: String,
    /// How bad it is.
    level: String,
    /// What it says.
    message: String,
    /// The pipeline that it came by; empty of logs that several daemons share.
    pipeline: String,
    /// All of it.
    #[schema(value_type = Object)]
    event: Value,
    /// The message in pieces, where it was searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    highlights: Option<Vec<Fragment>>,
}

impl From<archive::LogRecord> for Log {
    fn from(log: archive::LogRecord) -> Self {
        Self {
            timestamp: millis(log.time),
            // What came in as something else than JSON was kept as a text.
            event: serde_json::from_str(&log.event).unwrap_or_else(|_| Value::String(log.event.clone())),
            id: log.id,
            service: log.service,
            level: log.level,
            message: log.message,
            pipeline: log.pipeline,
            highlights: None,
        }
    }
}

impl Log {
    /// A log that a search has found.
    pub(crate) fn found(hit: archive::Hit) -> Self {
        let fragment = |one: archive::Fragment| Fragment { text: one.text, marked: one.marked };
        let highlights = hit.highlights.into_iter().map(fragment).collect();
        Self { highlights: Some(highlights), ..hit.log.into() }
    }
}

impl From<shared_stores::Log> for Log {
    fn from(log: shared_stores::Log) -> Self {
        Self {
            timestamp: millis(log.time),
            id: log.id,
            service: log.service,
            level: log.level,
            message: log.message,
            pipeline: String::new(),
            event: log.event,
            highlights: None,
        }
    }
}

impl Log {
    /// A log that a search has found in what several daemons share.
    pub(crate) fn found_elsewhere(mut log: shared_stores::Log) -> Self {
        let fragment = |one: shared_stores::Fragment| Fragment { text: one.text, marked: one.marked };
        let highlights = std::mem::take(&mut log.highlights).into_iter().map(fragment).collect();
        Self { highlights: Some(highlights), ..log.into() }
    }
}

/// A time as charts have it: milliseconds since 1970.
pub(crate) fn epoch_millis(time: Time) -> i64 {
    time.as_micros().div_euclid(1000)
}
