//! Incidents: what anomalies and people together make of them.
//!
//! ```text
//!        open            acknowledge               detector: resolved
//!  ─────────────▶ open ─────────────▶ acknowledged ─────────────────▶ resolved
//!                  ▲ │                   │                               ▲ │
//!                  │ └───────────────────┴──── a person: resolve ────────┘ │
//!                  └──────────── update after a person's resolve ──────────┘
//! ```
//!
//! What a detector tells ([`Record`]) and what people did ([`Actions`]) are kept apart, so that neither undoes the other
//! when an epoch is applied late or again; the state follows from both:
//!
//! - A detector's `resolved` is final: its next incident has another id.
//! - A person's *resolve* holds until the detector tells an `update`, which it does when things get markedly worse: then
//!   the incident is open again, and neither resolved nor acknowledged by anybody.
//! - An acknowledgement outlives updates: somebody is on it.

use std::collections::BTreeMap;

use logd_sdk::Time;
use serde::{Deserialize, Serialize};

use crate::events::{Anomaly, Change, Severity, WholeAnomaly};

/// No incident has more anomalies, but for the one that resolves it; a detector tells some twenty.
const MAX_CHANGES: usize = 100;

/// How an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentState {
    /// Nobody is on it.
    Open,
    /// Somebody is on it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl IncidentState {
    const ALL: [(Self, &str); 3] =
        [(Self::Open, "open"), (Self::Acknowledged, "acknowledged"), (Self::Resolved, "resolved")];

    /// As it stands in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// From [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(state, _)| *state)
    }
}

/// What a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// Who.
    pub who: String,
    /// When, by this machine's clock.
    pub at: Time,
    /// Why.
    pub note: Option<String>,
}

/// An incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Names it.
    pub id: String,
    /// How it stands.
    pub state: IncidentState,
    /// The service of its anomalies.
    pub service: String,
    /// Whose it is: field → value.
    pub key: BTreeMap<String, String>,
    /// What sort it is.
    pub r#type: String,
    /// How bad it was so far.
    pub severity: Severity,
    /// The detector's pipeline.
    pub pipeline: String,
    /// The detector's name in it.
    pub detector: String,
    /// The metric that it judges.
    pub field: Option<String>,
    /// The start of the first point that exceeded the rule. Incidents are ordered by it.
    pub opened_at: Time,
    /// The time of the last anomaly.
    pub updated_at: Time,
    /// When it was resolved: by the detector in event time, by a person by the clock.
    pub resolved_at: Option<Time>,
    /// Why the detector resolved it, in its words.
    pub reason: Option<String>,
    /// The last anomaly's value.
    pub value: f64,
    /// What was usual.
    pub expected: Option<f64>,
    /// The last anomaly's score.
    pub score: f64,
    /// What a score has to exceed.
    pub threshold: f64,
    /// The last anomaly's sentence.
    pub explanation: String,
    /// How many anomalies told of it.
    pub changes: usize,
    /// The last anomaly.
    pub last_anomaly_id: String,
    /// Who is on it, and since when.
    pub acknowledged: Option<Acted>,
    /// Who resolved it, if it was a person.
    pub resolved_by: Option<Acted>,
}

/// An incident with its anomalies.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeIncident {
    /// The incident.
    pub incident: Incident,
    /// Its anomalies, the oldest first.
    pub anomalies: Vec<WholeAnomaly>,
}

/// What a detector told of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The last anomaly.
    pub(crate) last: Anomaly,
    /// When the detector resolved it, and why.
    pub(crate) resolved: Option<(Time, Option<String>)>,
    /// The ids of its anomalies, in the order in which they came.
    pub(crate) anomalies: Vec<String>,
}

impl Record {
    /// Takes in an anomaly; `before` is what was known. `None` if that is all there is to know: it is known already, as
    /// when two sinks are told, or there were too many.
    pub(crate) fn after(before: Option<Self>, anomaly: &Anomaly) -> Option<Self> {
        let Some(mut record) = before else {
            let anomalies = vec![anomaly.id.clone()];
            return Some(Self { last: anomaly.clone(), resolved: resolution(anomaly), anomalies });
        };
        let ends = anomaly.state == Change::Resolved && record.resolved.is_none();
        if record.anomalies.contains(&anomaly.id) || (record.anomalies.len() >= MAX_CHANGES && !ends) {
            return None;
        }
        record.anomalies.push(anomaly.id.clone());
        // The start orders the incidents, so that it never moves; what is over stays over.
        let (since, severity) = (record.last.since, record.last.severity.max(anomaly.severity));
        if record.resolved.is_none() {
            record.resolved = resolution(anomaly);
            record.last = anomaly.clone();
        }
        record.last.since = since;
        record.last.severity = severity;
        Some(record)
    }

    /// When it began.
    pub(crate) fn opened_at(&self) -> Time {
        self.last.since
    }

    /// Names the incident.
    pub(crate) fn incident_id(&self) -> &str {
        &self.last.incident_id
    }

    /// How it stands, with what people did.
    pub(crate) fn state(&self, actions: &Actions) -> IncidentState {
        match (&self.resolved, actions.resolving(self), actions.acknowledging(self)) {
            (Some(_), ..) | (None, Some(_), _) => IncidentState::Resolved,
            (None, None, Some(_)) => IncidentState::Acknowledged,
            (None, None, None) => IncidentState::Open,
        }
    }

    /// The incident, with what people did.
    pub(crate) fn with(&self, actions: &Actions) -> Incident {
        let last = self.last.clone();
        let (resolved_by, acknowledged) = (actions.resolving(self).cloned(), actions.acknowledging(self).cloned());
        let state = self.state(actions);
        let (resolved_at, reason) = match (&self.resolved, &resolved_by) {
            (Some((at, reason)), _) => (Some(*at), reason.clone()),
            (None, Some(acted)) => (Some(acted.at), None),
            (None, None) => (None, None),
        };
        Incident {
            id: last.incident_id,
            state,
            service: last.service,
            key: last.key,
            r#type: last.r#type,
            severity: last.severity,
            pipeline: last.pipeline,
            detector: last.detector,
            field: last.field,
            opened_at: last.since,
            updated_at: last.time,
            resolved_at,
            reason,
            value: last.value,
            expected: last.expected,
            score: last.score,
            threshold: last.threshold,
            explanation: last.explanation,
            changes: self.anomalies.len(),
            last_anomaly_id: last.id,
            acknowledged,
            resolved_by,
        }
    }
}

fn resolution(anomaly: &Anomaly) -> Option<(Time, Option<String>)> {
    (anomaly.state == Change::Resolved).then(|| (anomaly.time, anomaly.reason.clone()))
}

/// What people did about an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Actions {
    /// Who is on it.
    pub(crate) acknowledged: Option<Acted>,
    /// Who resolved it, and how many anomalies there were then.
    pub(crate) resolved: Option<(Acted, usize)>,
}

/// What a person does about an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// To be on it.
    Acknowledge,
    /// To say that it is over.
    Resolve,
}

impl Actions {
    /// Who resolved it, if that still holds.
    fn resolving(&self, record: &Record) -> Option<&Acted> {
        self.resolved.as_ref().filter(|(_, changes)| record.anomalies.len() <= *changes).map(|(acted, _)| acted)
    }

    /// Who is on it. Not who was before a resolve that an update has undone: for them it was over.
    fn acknowledging(&self, record: &Record) -> Option<&Acted> {
        let undone = self.resolved.as_ref().filter(|_| self.resolving(record).is_none());
        self.acknowledged.as_ref().filter(|acted| undone.is_none_or(|(resolved, _)| acted.at > resolved.at))
    }

    /// Takes in what a person does. What is resolved stays so, and by whom it was.
    pub(crate) fn take(&mut self, action: Action, acted: Acted, record: &Record) {
        if record.state(self) == IncidentState::Resolved {
            return;
        }
        match action {
            Action::Acknowledge => self.acknowledged = Some(acted),
            Action::Resolve => self.resolved = Some((acted, record.anomalies.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::anomaly;

    fn told(changes: &[(&str, Change)]) -> Record {
        let told = changes.iter().zip(0..).fold(None, |before, ((id, change), second)| {
            let next = anomaly(id, "i", "web", *change, second).anomaly;
            Record::after(before.clone(), &next).or(before)
        });
        told.unwrap()
    }

    fn acted(second: i64) -> Acted {
        Acted { who: "ann".to_owned(), at: Time::from_micros(second * 1_000_000), note: None }
    }

    #[test]
    fn a_detector_opens_and_resolves() {
        let record = told(&[("a", Change::Open), ("b", Change::Update)]);
        let open = record.with(&Actions::default());
        assert_eq!((open.state, open.changes, open.last_anomaly_id.as_str()), (IncidentState::Open, 2, "b"));
        let record = told(&[("a", Change::Open), ("c", Change::Resolved), ("b", Change::Update)]);
        let over = record.with(&Actions::default());
        assert_eq!((over.state, over.last_anomaly_id.as_str()), (IncidentState::Resolved, "c"));
        assert_eq!(over.resolved_at, Some(Time::from_micros(1_000_000)));
    }

    #[test]
    fn what_is_told_twice_counts_once() {
        let record = told(&[("a", Change::Open), ("b", Change::Update), ("a", Change::Open), ("b", Change::Update)]);
        assert_eq!(record.anomalies, ["a", "b"]);
        assert!(Record::after(Some(record.clone()), &record.last).is_none());
    }

    #[test]
    fn an_update_undoes_a_persons_resolve() {
        let open = told(&[("a", Change::Open)]);
        let mut actions = Actions::default();
        actions.take(Action::Acknowledge, acted(1), &open);
        assert_eq!(open.with(&actions).state, IncidentState::Acknowledged);
        let worse = told(&[("a", Change::Open), ("b", Change::Update)]);
        assert_eq!(worse.with(&actions).state, IncidentState::Acknowledged, "an acknowledgement outlives updates");
        actions.take(Action::Resolve, acted(2), &worse);
        let resolved = worse.with(&actions);
        assert_eq!((resolved.state, resolved.resolved_at), (IncidentState::Resolved, Some(acted(2).at)));
        let again = told(&[("a", Change::Open), ("b", Change::Update), ("c", Change::Update)]);
        let reopened = again.with(&actions);
        assert_eq!(reopened.state, IncidentState::Open);
        assert_eq!((reopened.acknowledged, reopened.resolved_by, reopened.resolved_at), (None, None, None));
        actions.take(Action::Acknowledge, acted(3), &again);
        assert_eq!(again.with(&actions).state, IncidentState::Acknowledged);
    }

    #[test]
    fn nobody_acts_on_what_is_over() {
        let over = told(&[("a", Change::Open), ("b", Change::Resolved)]);
        let mut actions = Actions::default();
        actions.take(Action::Acknowledge, acted(5), &over);
        actions.take(Action::Resolve, acted(5), &over);
        assert_eq!(actions, Actions::default());
    }

    #[test]
    fn severity_never_falls_and_the_start_never_moves() {
        let mut first = anomaly("a", "i", "web", Change::Open, 0).anomaly;
        first.severity = Severity::Critical;
        let second = anomaly("b", "i", "web", Change::Update, 9).anomaly;
        let record = Record::after(Record::after(None, &first), &second).unwrap();
        let incident = record.with(&Actions::default());
        assert_eq!((incident.severity, incident.opened_at), (Severity::Critical, first.since));
    }
}
