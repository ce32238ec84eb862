//! What is asked for.

use std::time::Duration;

use logd_sdk::Time;

use crate::events::{Anomaly, Change, Severity};
use crate::incident::{Incident, IncidentState};

/// Which anomalies. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnomalyFilter {
    /// Of this service.
    pub service: Option<String>,
    /// Of this type, such as `high_latency`.
    pub r#type: Option<String>,
    /// With this change of its incident.
    pub state: Option<Change>,
    /// With this severity.
    pub severity: Option<Severity>,
    /// At this time or later.
    pub from: Option<Time>,
    /// Before this time.
    pub to: Option<Time>,
}

/// Which incidents. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IncidentFilter {
    /// Of this service.
    pub service: Option<String>,
    /// Of this type.
    pub r#type: Option<String>,
    /// In this state.
    pub state: Option<IncidentState>,
    /// With this severity.
    pub severity: Option<Severity>,
    /// Not over before this time.
    pub from: Option<Time>,
    /// Opened before this time.
    pub to: Option<Time>,
}

/// Which logs. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Of this service.
    pub service: Option<String>,
    /// At this level, in any case.
    pub level: Option<String>,
    /// At this time or later.
    pub from: Option<Time>,
    /// Before this time.
    pub to: Option<Time>,
}

/// Which series, and how finely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesQuery {
    /// Of this service.
    pub service: String,
    /// A metric of [`Archive::metrics_of`](crate::Archive::metrics_of), or what is counted of every service: `logs` (a
    /// second), `error_rate` (percent), `avg_response_time` (ms).
    pub metric: String,
    /// Of this component, as [`Metric::source`](crate::Metric::source) has it; `None` for the one that spoke last.
    pub source: Option<String>,
    /// From this time on.
    pub from: Time,
    /// Before this time.
    pub to: Time,
    /// One value for each stretch of this length: whole seconds, at least one. Longer where there would be more than
    /// some thousand values: [`Series::step`](crate::Series::step) says.
    pub step: Duration,
}

/// Which logs to count, and how finely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramQuery {
    /// Those that a search with this query finds; `None` for all.
    pub query: Option<String>,
    /// Those with these properties; `from` and `to` are those below.
    pub service: Option<String>,
    /// At this level, in any case.
    pub level: Option<String>,
    /// From this time on.
    pub from: Time,
    /// Before this time.
    pub to: Time,
    /// One count for each stretch of this length: whole seconds, at least one; longer where there would be more than a
    /// thousand: [`Histogram::step`](crate::Histogram::step) says.
    pub step: Duration,
}

fn is<T: PartialEq<U>, U>(wanted: Option<&T>, found: U) -> bool {
    wanted.is_none_or(|wanted| *wanted == found)
}

fn is_within(from: Option<Time>, to: Option<Time>, time: Time) -> bool {
    from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to)
}

impl AnomalyFilter {
    /// Whether an anomaly is one of those.
    pub(crate) fn wants(&self, anomaly: &Anomaly) -> bool {
        is(self.service.as_ref(), anomaly.service.as_str())
            && is(self.r#type.as_ref(), anomaly.r#type.as_str())
            && is(self.state.as_ref(), anomaly.state)
            && is(self.severity.as_ref(), anomaly.severity)
            && is_within(self.from, self.to, anomaly.time)
    }
}

impl IncidentFilter {
    /// Whether an incident is one of those.
    pub(crate) fn wants(&self, incident: &Incident) -> bool {
        is(self.service.as_ref(), incident.service.as_str())
            && is(self.r#type.as_ref(), incident.r#type.as_str())
            && is(self.state.as_ref(), incident.state)
            && is(self.severity.as_ref(), incident.severity)
            && self.from.is_none_or(|from| incident.resolved_at.is_none_or(|resolved| resolved >= from))
            && self.to.is_none_or(|to| incident.opened_at < to)
    }
}
