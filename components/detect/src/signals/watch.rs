//! All of it for one key: buckets in, changes of its incident and scores out.

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::explain::sentence;
use super::incident::{Incident, Part, Told};
use super::monitor::Monitor;
use super::outcome::{Figures, Outcome};
use super::recent::recent;
use super::settings::Settings;
use super::state::KeyState;
use crate::explain::Measure;
use crate::incident::{
    self, Anomaly, BaselineFigures, Evidence, Identity, Key, Peak, Reason, Season, SignalEvidence, event, hex,
};
use crate::time::{Interval, Micros};

/// Watches the keys of one component.
#[derive(Clone, Debug)]
pub struct Watch {
    monitor: Monitor,
    cooldown: std::time::Duration,
    identity: Identity,
    pub(super) measure: Measure,
}

/// What is known of one key, and its incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// What is usual.
    pub(crate) state: KeyState,
    pub(super) incident: Incident,
}

/// When an incident opened, and when it was resolved, if it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) opened: Micros,
    pub(crate) resolved: Option<Micros>,
    pub(crate) id: u128,
}

impl Watch {
    /// Watches by `settings`. Incidents are named by `identity`; after one, a key has no other for `cooldown`.
    #[must_use]
    pub fn new(settings: &Settings, cooldown: std::time::Duration, identity: Identity, measure: Measure) -> Self {
        Self { monitor: Monitor::new(settings), cooldown, identity, measure }
    }

    /// How a key is judged.
    #[must_use]
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Closes a bucket, as [`Monitor::close`] does. `key` is asked only where there is something to tell.
    pub fn close(
        &self,
        watched: &mut Watched,
        key: impl Fn() -> Key + Copy,
        start: Micros,
        bucket: Option<&Bucket>,
    ) -> (Outcome, Option<Anomaly>) {
        let outcome = self.monitor.close(&mut watched.state, start, bucket);
        let at = self.monitor.next(start);
        let id = |opened| self.identity.incident(&key(), opened);
        let told = watched.incident.step(&outcome, at, self.cooldown, id);
        (outcome, told.map(|told| self.tell(&told, key(), &watched.state)))
    }

    /// Ends the key's incident, if one is open, because its state is about to be let go.
    pub fn forget(&self, watched: &mut Watched, key: impl Fn() -> Key) -> Option<Anomaly> {
        let at = self.monitor.next(watched.state.last_closed()?);
        let told = watched.incident.resolve(Reason::NoLongerWatched, at)?;
        Some(self.tell(&told, key(), &watched.state))
    }

    /// Makes the event of a change, but for its samples: buckets do not have the events.
    fn tell(&self, told: &Told, key: Key, of: &KeyState) -> Anomaly {
        let Told { state, reason, at, incident, parts } = told;
        let (worst, worst_at) = incident.worst;
        // The latest figures of those that are out of the usual; at the end the worst, for nothing is any more.
        let latest = parts.iter().filter(|part| reason.is_none() && part.at == *at).map(|part| part.figures);
        let figures = Figures::worst(latest).unwrap_or(worst);
        let bounds = figures.bounds();
        let first = parts.first().map_or(worst, |part| part.joined);
        Anomaly {
            id: hex(event(incident.id, incident.changes)),
            incident_id: hex(incident.id),
            state: *state,
            reason: *reason,
            timestamp: *at,
            since: parts.iter().map(since).min().unwrap_or(incident.opened),
            window: window(&figures, *at),
            detector: self.identity.component.clone(),
            field: field(&first).to_owned(),
            r#type: first.kind(),
            key,
            signals: parts.iter().map(part).collect(),
            related: Vec::new(),
            severity: incident.severity,
            score: figures.score(),
            value: bounds.value,
            threshold: figures.threshold(),
            baseline: BaselineFigures {
                n: bounds.n as usize,
                mean: bounds.expected,
                std: bounds.std,
                method: None,
                season: Season::Day,
            },
            peak: Peak { value: worst.bounds().value, score: worst.score(), timestamp: worst_at },
            explanation: sentence(told, &self.measure),
            evidence: Evidence::Signals(SignalEvidence {
                figures: parts.iter().map(|part| part.figures).collect(),
                recent: recent(of, &self.monitor),
            }),
            samples: Vec::new(),
        }
    }
}

impl Watched {
    /// Whether an incident is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.incident.open.is_some()
    }

    /// Whether nothing has come for so long that nothing is expected any more: see [`KeyState::is_asleep`].
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.state.is_asleep()
    }

    /// The incident that is open, or else the last one.
    pub(crate) fn latest(&self) -> Option<Span> {
        let open = self.incident.open.as_ref().map(|open| Span { opened: open.opened, resolved: None, id: open.id });
        let past =
            || self.incident.last.map(|past| Span { opened: past.opened, resolved: Some(past.resolved), id: past.id });
        open.or_else(past)
    }
}

/// The name of what figures are of, as scores and anomalies have it.
pub(crate) fn field(figures: &Figures) -> &'static str {
    match figures {
        Figures::Latency(_) => "latency",
        Figures::TailLatency(_) => "tail_latency",
        Figures::ErrorRate(_) => "error_rate",
        Figures::Traffic(_) | Figures::Silence(_) => "traffic",
    }
}

pub(super) fn part(part: &Part) -> incident::Part {
    incident::Part {
        r#type: part.joined.kind(),
        seconds: part.joined.seconds(),
        since: since(part),
        open: part.is_open,
    }
}

fn since(part: &Part) -> Micros {
    window(&part.joined, part.joined_at).start
}

/// The window of figures of a bucket that ended `at`.
fn window(figures: &Figures, at: Micros) -> Interval {
    Interval { start: Micros(at.0.saturating_sub(i64::from(figures.seconds()) * 1_000_000)), end: at }
}
