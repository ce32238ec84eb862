//! From the alarms of a key to its incidents: what goes wrong together is one.
//!
//! ```text
//!            an alarm is open, cool-down over
//!   closed ────────────────────────────────────▶ open ──┐ another alarm joins, or it is
//!      ▲                                          │ ▲───┘ markedly worse: update
//!      └──────────────────────────────────────────┘
//!                no alarm is open any more
//! ```
//!
//! An alarm stays open until nothing has held it for five minutes, so that signals within five minutes of one another
//! are of one incident.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outcome::{Figures, Outcome, Signal};
use crate::incident::{MARKEDLY, Reason, Severity, State};
use crate::time::Micros;

/// An incident that is open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Open {
    /// Names it: the hash of where, which key, and when it opened.
    pub(super) id: u128,
    /// When it opened.
    pub(super) opened: Micros,
    /// How many changes were told, the opening included.
    pub(super) changes: u32,
    /// The highest severity told.
    pub(super) severity: Severity,
    /// The worst of all figures, and when that was.
    pub(super) worst: (Figures, Micros),
    /// The worst score when last told, in multiples of its threshold.
    told: f64,
}

/// A signal that takes part in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) signal: Signal,
    /// What sort of anomaly it was when it joined, by its figures then.
    pub(super) joined: Figures,
    /// When it joined.
    pub(super) joined_at: Micros,
    /// The figures of its last verdict that was an alarm, and when that was.
    pub(super) figures: Figures,
    pub(super) at: Micros,
    /// Whether its alarm is still open.
    pub(super) is_open: bool,
}

/// One key's incident, if there is one, and when the last one opened and ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    /// In a box, for most keys have none.
    pub(super) open: Option<Box<Open>>,
    /// The signals that take part, in the order in which they came. Without an incident, those that wait for the end of
    /// the cool-down.
    pub(super) parts: Vec<Part>,
    /// The last one that is over.
    pub(super) last: Option<Past>,
}

/// An incident that is over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) id: u128,
    pub(super) opened: Micros,
    pub(super) resolved: Micros,
}

/// A change to tell.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) state: State,
    pub(super) reason: Option<Reason>,
    pub(super) at: Micros,
    /// The incident after the change,
    pub(super) incident: Open,
    /// and the signals that take part.
    pub(super) parts: Vec<Part>,
}

impl Incident {
    /// Takes in what the bucket that ended `at` has brought. `id` names an incident by when it opened; after one, its
    /// key opens no other for `cooldown`.
    pub(super) fn step(
        &mut self,
        outcome: &Outcome,
        at: Micros,
        cooldown: Duration,
        id: impl FnOnce(Micros) -> u128,
    ) -> Option<Told> {
        if outcome.changes.is_empty() && self.parts.is_empty() {
            return None;
        }
        let joined = self.take_in(outcome, at);
        let is_over = !self.parts.iter().any(|part| part.is_open);
        let worst = Figures::worst(self.parts.iter().filter(|part| part.at == at).map(|part| part.figures));
        let Some(open) = &mut self.open else {
            if is_over {
                self.parts.clear();
                return None;
            }
            return self.begin(at, cooldown, id);
        };
        if let Some(worst) = worst.filter(|worst| worst.times() > open.worst.0.times()) {
            open.worst = (worst, at);
        }
        if is_over {
            let reason = outcome.changes.iter().find_map(|change| change.closed).unwrap_or(Reason::BackToNormal);
            return self.resolve(reason, at);
        }
        let times = open.worst.0.times();
        let severity = severity(times, &self.parts).max(open.severity);
        if !joined && severity == open.severity && times < open.told * MARKEDLY {
            return None;
        }
        (open.severity, open.told) = (severity, times);
        open.changes += 1;
        Some(Told { state: State::Update, reason: None, at, incident: **open, parts: self.parts.clone() })
    }

    /// Ends the incident at `at`, if one is open.
    pub(super) fn resolve(&mut self, reason: Reason, at: Micros) -> Option<Told> {
        let parts = std::mem::take(&mut self.parts);
        let mut incident = *self.open.take()?;
        self.last = Some(Past { id: incident.id, opened: incident.opened, resolved: at });
        incident.changes += 1;
        Some(Told { state: State::Resolved, reason: Some(reason), at, incident, parts })
    }

    /// Brings the parts up to date. Returns whether a signal has joined.
    fn take_in(&mut self, outcome: &Outcome, at: Micros) -> bool {
        let mut joined = false;
        for change in &outcome.changes {
            let place = self.parts.iter().position(|part| part.signal == change.signal);
            match (place, outcome.figures[change.signal as usize]) {
                (Some(place), _) => self.parts[place].is_open = change.closed.is_none(),
                (None, Some(figures)) if change.closed.is_none() => {
                    let signal = change.signal;
                    self.parts.push(Part { signal, joined: figures, joined_at: at, figures, at, is_open: true });
                    joined = true;
                }
                _ => {}
            }
        }
        for part in &mut self.parts {
            let place = part.signal as usize;
            if let Some(figures) = outcome.figures[place].filter(|_| outcome.fires[place]) {
                (part.figures, part.at) = (figures, at);
            }
        }
        joined
    }

    fn begin(&mut self, at: Micros, cooldown: Duration, id: impl FnOnce(Micros) -> u128) -> Option<Told> {
        if self.last.is_some_and(|past| at.since(past.resolved) < cooldown) {
            return None;
        }
        // What closed again during the cool-down takes no part.
        self.parts.retain(|part| part.is_open);
        let figures = Figures::worst(self.parts.iter().map(|part| part.figures))?;
        let times = figures.times();
        let severity = severity(times, &self.parts);
        let incident = Open { id: id(at), opened: at, changes: 1, severity, worst: (figures, at), told: times };
        self.open = Some(Box::new(incident));
        Some(Told { state: State::Open, reason: None, at, incident, parts: self.parts.clone() })
    }
}

/// How bad it is, by the score of the worst signal in multiples of its threshold, and by how many take part. See
/// [`Severity`].
fn severity(times: f64, parts: &[Part]) -> Severity {
    let is_grave = parts.len() > 1 || parts.iter().any(|part| part.signal == Signal::Silence);
    match times {
        3.0.. => Severity::Critical,
        1.5.. => Severity::Warning,
        _ if is_grave => Severity::Warning,
        _ => Severity::Info,
    }
}
