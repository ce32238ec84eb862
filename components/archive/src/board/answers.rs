//! What the board is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use logd_sdk::Time;

use super::services::Entry;
use super::{Board, second};
use crate::events::{Severity, WholeAnomaly};
use crate::incident::IncidentState;
use crate::scope::Scope;
use crate::series::{Cell, Kind, Metric, SeriesName};

/// What was left out, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Logs that were not indexed, since more came than [`Options::max_rate`](crate::Options::max_rate).
    pub over_rate: u64,
    /// Logs that were not indexed, since their record has more than 256 KiB.
    pub too_large: u64,
    /// Since the archive was opened: values that have no place in a series, for they were too old, too far in the
    /// future, not finite, or too many.
    pub values: u64,
    /// Since the archive was opened: anomalies that found no room.
    pub anomalies: u64,
}

/// Sums over all services that a user may see.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// How many logs were counted.
    pub logs: u64,
    /// How many of them were errors.
    pub errors: u64,
    /// How many anomalies were told.
    pub anomalies: u64,
    /// How many incidents are not resolved.
    pub open_incidents: u64,
    /// How many logs came in the last minute.
    pub recent_logs: u64,
    /// How many of them were errors.
    pub recent_errors: u64,
    /// Logs a second over the last minute, or since the archive was opened.
    pub throughput: f64,
    /// How many logs were indexed.
    pub indexed: u64,
    /// How many were not.
    pub left_out: u64,
    /// When the last log came, by this machine's clock.
    pub last_arrival: Option<Time>,
    /// The time of that log.
    pub last_event: Option<Time>,
}

/// A service, over all pipelines that a user may see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The pipelines that know it.
    pub pipelines: Vec<String>,
    /// Its sums.
    pub totals: Totals,
    /// The mean of the response times, in milliseconds; `None` where no log had one.
    pub avg_response_time: Option<f64>,
    /// The highest severity of its incidents that are not resolved.
    pub severity: Option<Severity>,
    timed: u64,
    time: u64,
}

impl Totals {
    /// The errors among the logs, in percent; 0 where there are none.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        percent(self.errors, self.logs)
    }

    /// The errors among the logs of the last minute, in percent; 0 where there are none.
    #[must_use]
    pub fn recent_error_rate(&self) -> f64 {
        percent(self.recent_errors, self.recent_logs)
    }

    fn add(&mut self, entry: &Entry, now: i64) {
        let counts = &entry.counts;
        let (recent_logs, recent_errors) = entry.minute.sums(now);
        self.logs += counts.logs;
        self.errors += counts.errors;
        self.anomalies += entry.anomalies;
        self.recent_logs += recent_logs;
        self.recent_errors += recent_errors;
        self.indexed += counts.indexed;
        self.left_out += counts.over_rate + counts.too_large;
        if entry.spoke.arrived > self.last_arrival {
            (self.last_arrival, self.last_event) = (entry.spoke.arrived, entry.spoke.event);
        }
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

impl Board {
    /// Seconds that the last minute has, since the archive was opened.
    fn recent(&self, now: i64) -> f64 {
        (now - self.opened + 1).clamp(1, 60) as f64
    }

    pub(crate) fn totals(&self, scope: &Scope, now: Time) -> Totals {
        let now = second(now);
        let mut totals = Totals::default();
        let entries = self.services.table.iter().map(|(_, entry)| entry);
        for entry in entries.filter(|entry| scope.allows(&entry.pipeline, &entry.service)) {
            totals.add(entry, now);
        }
        totals.throughput = totals.recent_logs as f64 / self.recent(now);
        totals.open_incidents = self.open(scope).count() as u64;
        totals
    }

    /// The services by name: all, or one.
    pub(crate) fn services(&self, scope: &Scope, name: Option<&str>, now: Time) -> Vec<Service> {
        let now = second(now);
        let mut services: BTreeMap<&str, Service> = BTreeMap::new();
        let entries = self.services.table.iter().map(|(_, entry)| entry);
        let wanted = |service: &str| name.is_none_or(|name| name == service);
        for entry in entries.filter(|entry| wanted(&entry.service) && scope.allows(&entry.pipeline, &entry.service)) {
            let service = services.entry(&entry.service).or_default();
            service.pipelines.push(entry.pipeline.to_string());
            service.totals.add(entry, now);
            service.timed += entry.counts.timed;
            service.time = service.time.saturating_add(entry.counts.time);
        }
        for (of, severity) in self.open(scope) {
            let Some(service) = services.get_mut(of) else { continue };
            service.totals.open_incidents += 1;
            service.severity = service.severity.max(Some(severity));
        }
        let recent = self.recent(now);
        for (name, service) in &mut services {
            service.name = (*name).to_owned();
            service.pipelines.sort_unstable();
            service.totals.throughput = service.totals.recent_logs as f64 / recent;
            service.avg_response_time =
                (service.timed > 0).then(|| service.time as f64 / 1000.0 / service.timed as f64);
        }
        services.into_values().collect()
    }

    /// Service and severity of the incidents that are not resolved.
    fn open<'b>(&'b self, scope: &'b Scope) -> impl Iterator<Item = (&'b str, Severity)> {
        self.watched
            .values()
            .filter(|(record, _)| scope.allows(&record.last.pipeline, &record.last.service))
            .filter_map(|(record, actions)| {
                let open = record.state(actions) != IncidentState::Resolved;
                open.then_some((record.last.service.as_str(), record.last.severity))
            })
    }

    /// The metrics of a service that are points or scores, by name and source.
    pub(crate) fn metrics_of(&self, scope: &Scope, service: &str) -> Vec<Metric> {
        let known = || self.series.of(scope, service).map(|(_, known)| &*known.name);
        let detector_of = |metric: &str| {
            let judges = known().filter(|name| name.kind == Kind::Score && name.metric == metric);
            judges.min().and_then(SeriesName::source)
        };
        let points = |metric: &str| known().any(|name| name.kind == Kind::Point && name.metric == metric);
        let mut metrics: Vec<_> = known()
            .filter(|name| name.kind == Kind::Point || (name.kind == Kind::Score && !points(&name.metric)))
            .map(|name| Metric {
                name: name.metric.clone(),
                source: name.source(),
                detector: detector_of(&name.metric),
            })
            .collect();
        metrics.sort_unstable();
        metrics
    }

    /// What the feeds have of a series that is not durable, in no order.
    pub(crate) fn staged_cells(&self, number: u32, mut each: impl FnMut(i64, &Cell)) {
        let Some(known) = self.series.table.get(number) else { return };
        let service = match known.name.kind {
            Kind::Count => self.services.find(&known.name.pipeline, &known.name.service),
            _ => None,
        };
        for stage in &self.stages {
            stage.cells(number, &known.name, &mut each);
            if let Some((start, count)) = service.and_then(|service| stage.open.stretch(service)) {
                each(start, &Cell::Count(count));
            }
        }
    }

    /// The anomalies that are not durable, each once, in the order in which each feed told them.
    pub(crate) fn staged_anomalies(&self) -> Vec<Arc<WholeAnomaly>> {
        self.stages.iter().flat_map(super::Stage::anomalies).cloned().collect()
    }

    pub(crate) fn left_out(&self) -> LeftOut {
        let mut left_out =
            LeftOut { values: self.points_left_out, anomalies: self.anomalies_left_out, ..LeftOut::default() };
        for (_, entry) in self.services.table.iter() {
            left_out.over_rate += entry.counts.over_rate;
            left_out.too_large += entry.counts.too_large;
        }
        left_out
    }
}
