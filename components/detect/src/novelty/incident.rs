//! From novel values to incidents: opened once, updated when the severity rises, resolved once.
//!
//! Novelty wears off by itself: what is strange enters the history, and is usual when it has been there often enough. So
//! an incident ends after some hundred values at most, whether things have become as before or stay as they are now.

use serde::{Deserialize, Serialize};

use super::{NoveltyEvidence, Settings};
use crate::incident::{Peak, Reason, Severity, State};
use crate::time::Micros;

/// An incident that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Open {
    /// Names it: the hash of where, which key, and since when.
    pub(super) id: u128,
    /// The start of the value that opened it.
    pub(super) since: Micros,
    /// Its worst value,
    pub(super) peak: Peak,
    /// and what that verdict rests on.
    pub(super) evidence: NoveltyEvidence,
    /// How many changes were told, the opening included.
    pub(super) changes: u32,
    /// The highest severity so far.
    pub(super) severity: Severity,
    /// So many of the last values were calm.
    calm: usize,
}

/// One key's incident, if there is one, and how long ago the last one opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    /// In a box, for most keys have none.
    open: Option<Box<Open>>,
    /// Values since one opened last; none if none ever did.
    since_opened: Option<usize>,
}

/// What one value says, as far as an incident cares.
pub(super) struct Seen {
    /// The key's latest event time.
    pub(super) now: Micros,
    /// The start of what the value stands for.
    pub(super) since: Micros,
    /// The value, as the peak that it may be.
    pub(super) point: Peak,
}

/// A change to tell.
pub(super) struct Change {
    pub(super) state: State,
    /// Why it was resolved.
    pub(super) reason: Option<Reason>,
    /// When it changed.
    pub(super) at: Micros,
    /// The incident after the change.
    pub(super) incident: Open,
}

/// How bad a score is: beyond anything seen it deserves a look, and so far beyond that it does now.
fn severity(score: f64) -> Severity {
    match score {
        1.5.. => Severity::Critical,
        1.0.. => Severity::Warning,
        _ => Severity::Info,
    }
}

impl Incident {
    /// The incident that is open.
    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_deref()
    }

    /// Takes in a value. `id` names an incident by its start; `evidence` is asked for what is worth keeping.
    pub(super) fn step(
        &mut self,
        settings: &Settings,
        seen: &Seen,
        id: impl FnOnce(Micros) -> u128,
        evidence: impl FnOnce() -> NoveltyEvidence,
    ) -> Option<Change> {
        let rested = self.since_opened.is_none_or(|values| values + 1 >= settings.refractory);
        self.since_opened = self.since_opened.map(|values| values.saturating_add(1));
        let Some(open) = &mut self.open else {
            return (seen.point.score >= settings.threshold && rested).then(|| self.begin(seen, id, evidence));
        };
        if seen.point.score > open.peak.score {
            open.peak = seen.point;
            open.evidence = evidence();
        }
        open.calm = if seen.point.score < settings.half() { open.calm + 1 } else { 0 };
        // Later than its start, so that the next incident of the key has another start, and with it another id.
        if open.calm >= settings.calm() && seen.now > open.since {
            return self.resolve(Reason::BackToNormal, seen.now);
        }
        let severity = severity(open.peak.score);
        if severity <= open.severity {
            return None;
        }
        open.severity = severity;
        open.changes += 1;
        Some(Change { state: State::Update, reason: None, at: seen.now, incident: (**open).clone() })
    }

    /// Ends the incident at `at`, if one is open.
    pub(super) fn resolve(&mut self, reason: Reason, at: Micros) -> Option<Change> {
        let mut incident = *self.open.take()?;
        incident.changes += 1;
        Some(Change { state: State::Resolved, reason: Some(reason), at, incident })
    }

    fn begin(
        &mut self,
        seen: &Seen,
        id: impl FnOnce(Micros) -> u128,
        evidence: impl FnOnce() -> NoveltyEvidence,
    ) -> Change {
        let incident = Open {
            id: id(seen.since),
            since: seen.since,
            peak: seen.point,
            evidence: evidence(),
            changes: 1,
            severity: severity(seen.point.score),
            calm: 0,
        };
        self.open = Some(Box::new(incident.clone()));
        self.since_opened = Some(0);
        Change { state: State::Open, reason: None, at: seen.now, incident }
    }
}
