//! From anomalous points to incidents: opened once, updated when it gets markedly worse, resolved once.
//!
//! ```text
//!            confirmed anomaly, cool-down over
//!   closed ────────────────────────────────────▶ open ──┐ worse: update
//!      ▲                                          │ ▲───┘
//!      └──────────────────────────────────────────┘
//!        back to normal · new normal · no data · no longer watched
//! ```
//!
//! Only changes are told, one at a time. *Back to normal* asks for more than one usual value: no confirmed anomaly for
//! `resolve_after`, and the last points all within half the rule (hysteresis; where anomalies enter the baseline, by the
//! baseline from before the incident). *Worse* is a severity never told in this
//! incident, or a score of at least twice the highest told: some twenty updates at the very most.

mod anomaly;
mod identity;

use serde::{Deserialize, Serialize};

pub(crate) use self::anomaly::word;
pub use self::anomaly::{Anomaly, BaselineFigures, Evidence, Kind, Part, Related, Season, Severity, SignalEvidence};
pub use self::identity::{Identity, Key};
pub(crate) use self::identity::{event, hex};
use crate::baseline::Summary;
use crate::rule::{Settings, Side};
use crate::time::Micros;

/// So many last points must be within half the rule before an incident is over, even where `confirm` asks for fewer.
const CALM_POINTS: usize = 3;

/// The score is markedly worse from this multiple of the highest one told.
pub(crate) const MARKEDLY: f64 = 2.0;

/// What became of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has begun.
    Open,
    /// It has become markedly worse.
    Update,
    /// It is over, or is no incident any longer.
    Resolved,
}

/// Why an incident was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The values came back.
    BackToNormal,
    /// The change stayed for `relearn_after` and is the baseline now.
    NewNormal,
    /// The key has sent nothing for `relearn_after`.
    NoData,
    /// The key's state was let go, to make room or because the detector was removed.
    NoLongerWatched,
}

/// The worst point of an incident so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Its value.
    pub value: f64,
    /// Its score.
    pub score: f64,
    /// The end of its window.
    pub timestamp: Micros,
}

/// An incident that is open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// Names it: the hash of where, which key, and since when.
    pub(crate) id: u128,
    /// On which side of the mean the values are.
    pub(crate) side: Side,
    /// The start of the first point that exceeded the rule.
    pub(crate) since: Micros,
    /// What was usual when it opened.
    pub(crate) baseline: Summary,
    /// Its worst point.
    pub(crate) peak: Peak,
    /// How many changes were told, the opening included.
    pub(crate) changes: u32,
    /// The highest severity told.
    pub(crate) severity: Severity,
    /// The peak's score when last told.
    told_score: f64,
    /// When the rule was last exceeded and confirmed.
    last_anomaly: Micros,
    /// So many of the last points were within half the rule.
    calm: usize,
}

/// One key's incident, if there is one, and when the last one ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Incident {
    /// In a box, for most keys have none.
    open: Option<Box<Open>>,
    resolved: Option<Micros>,
}

/// What one point says, as far as an incident cares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The key's latest event time, this point's included.
    pub(crate) now: Micros,
    /// The point, as the peak that it may be.
    pub(crate) point: Peak,
    /// What is usual.
    pub(crate) baseline: Summary,
    /// The side on which it is a confirmed anomaly, and since when.
    pub(crate) anomaly: Option<(Side, Micros)>,
    /// The side on which it exceeds half the rule.
    pub(crate) half: Option<Side>,
    /// Whether there are values enough to learn anew from.
    pub(crate) can_relearn: bool,
}

/// A change to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) state: State,
    /// Why it was resolved.
    pub(crate) reason: Option<Reason>,
    /// When it changed.
    pub(crate) at: Micros,
    /// The incident after the change.
    pub(crate) incident: Open,
}

impl Incident {
    /// The incident that is open.
    pub(crate) fn open(&self) -> Option<&Open> {
        self.open.as_deref()
    }

    /// Takes in a point. `id` names an incident by its start.
    pub(crate) fn step(&mut self, settings: &Settings, seen: &Seen, id: impl FnOnce(Micros) -> u128) -> Option<Change> {
        let Some(open) = &mut self.open else { return self.begin(settings, seen, id) };
        open.take_in(seen);
        let lasting = settings.relearn_after.is_some_and(|limit| seen.now.since(open.since) >= limit);
        if open.is_over(settings, seen.now) {
            self.resolve(Reason::BackToNormal, seen.now)
        } else if lasting && seen.can_relearn {
            self.resolve(Reason::NewNormal, seen.now)
        } else {
            self.worsen(settings, seen.now)
        }
    }

    /// Ends the incident at `at`, if one is open.
    pub(crate) fn resolve(&mut self, reason: Reason, at: Micros) -> Option<Change> {
        let mut incident = *self.open.take()?;
        self.resolved = Some(at);
        incident.changes += 1;
        Some(Change { state: State::Resolved, reason: Some(reason), at, incident })
    }

    fn begin(&mut self, settings: &Settings, seen: &Seen, id: impl FnOnce(Micros) -> u128) -> Option<Change> {
        let (side, since) = seen.anomaly?;
        if self.resolved.is_some_and(|at| seen.now.since(at) < settings.cooldown) {
            return None;
        }
        let incident = Open {
            id: id(since),
            side,
            since,
            baseline: seen.baseline,
            peak: seen.point,
            changes: 1,
            severity: Severity::of(&settings.rule, seen.point.score),
            told_score: seen.point.score,
            last_anomaly: seen.now,
            calm: 0,
        };
        self.open = Some(Box::new(incident));
        Some(Change { state: State::Open, reason: None, at: seen.now, incident })
    }

    fn worsen(&mut self, settings: &Settings, at: Micros) -> Option<Change> {
        let open = self.open.as_mut()?;
        let severity = Severity::of(&settings.rule, open.peak.score);
        if severity <= open.severity && open.peak.score < open.told_score * MARKEDLY {
            return None;
        }
        open.severity = open.severity.max(severity);
        open.told_score = open.peak.score;
        open.changes += 1;
        Some(Change { state: State::Update, reason: None, at, incident: **open })
    }
}

impl Open {
    fn take_in(&mut self, seen: &Seen) {
        if seen.anomaly.is_some_and(|(side, _)| side == self.side) {
            self.last_anomaly = seen.now;
            if seen.point.score > self.peak.score {
                self.peak = seen.point;
            }
        }
        self.calm = if seen.half == Some(self.side) { 0 } else { self.calm + 1 };
    }

    fn is_over(&self, settings: &Settings, now: Micros) -> bool {
        let calm = self.calm >= settings.confirm.of().max(CALM_POINTS);
        let rested = now.since(self.last_anomaly) >= settings.resolve_after;
        // Later than its start, so that the next incident of the key has another start, and with it another id.
        calm && rested && now > self.since
    }
}

#[cfg(test)]
mod tests;
