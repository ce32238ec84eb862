//! The detector `novelty`, without any wiring: values of a key in, scores and changes of its incident out.
//!
//! It is used as [`crate::detector::Detector`] is, and makes the same promise: the same values in the same order give the
//! same anomalies, byte for byte, wherever they are cut and resumed.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::conformal::{Calibration, Rank};
use super::explain::{Fields, Sentence};
use super::incident::{Change, Incident, Seen};
use super::shingle::Shingles;
use super::trees::{Forest, Masses};
use super::{Compared, NoveltyEvidence, Settings};
use crate::baseline::{Method, Summary, Window};
use crate::detector::{Observation, Score, Unusable, usable};
use crate::explain::Measure;
use crate::incident::{Anomaly, BaselineFigures, Evidence, Identity, Key, Kind, Peak, Reason, event, hex};
use crate::time::{Interval, Micros};

/// A detector of one field, or of several at once.
#[derive(Clone, Debug)]
pub struct Novelty {
    pub(super) settings: Settings,
    pub(super) identity: Identity,
    pub(super) measures: Vec<Measure>,
    /// Without trees where there is one field to compare with itself.
    forest: Option<Forest>,
}

/// What `novelty` knows of one key. With nearest neighbours 16 bytes for each value of its history, 48 KB by default; with
/// trees 8 for each, and 25 KB and 2 KB a field. While an incident is open, 1 KB more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoveltyState {
    /// The last values: of shingles,
    pub(super) shingles: Shingles,
    /// or as the trees count them.
    pub(super) masses: Masses,
    /// How strange they were.
    pub(super) calibration: Calibration,
    pub(super) incident: Incident,
    /// The last value that was judged.
    pub(super) last: Option<Last>,
}

/// The last value, of the first field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Last {
    pub(super) value: f64,
    pub(super) score: f64,
    pub(super) window: Interval,
    /// The latest event time.
    now: Micros,
}

impl NoveltyState {
    /// Whether an incident is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.incident.open().is_some()
    }

    /// The key's latest event time; none before its first usable value.
    #[must_use]
    pub fn last_seen(&self) -> Option<Micros> {
        self.last.map(|last| last.now)
    }

    /// The values that the last was compared with, in figures; trees keep none.
    fn summary(&self) -> Summary {
        Window::from(self.shingles.before().iter().copied().collect::<VecDeque<_>>()).summary()
    }
}

impl Novelty {
    /// A detector with sound `settings` (see [`Settings::problems`]), named `identity`, of one field for each of
    /// `measures`, which tell how to speak of its values.
    #[must_use]
    pub fn new(settings: Settings, identity: Identity, measures: Vec<Measure>) -> Self {
        let forest = settings.shingling().is_none().then(|| Forest::new(measures.len()));
        Self { settings, identity, measures, forest }
    }

    /// The fields that it judges, as an anomaly names them.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.identity.field
    }

    /// Judges a key's next values, one for each field, by those before, and then learns from them.
    ///
    /// Values are to come in the order of event time; what comes out of order is taken as of the latest time seen. `key`
    /// is asked only where there is something to tell, which is seldom. The score's value is that of the first field.
    ///
    /// # Errors
    /// If one of the values can't be used. The state is as before then.
    pub fn observe(
        &self,
        state: &mut NoveltyState,
        key: impl Fn() -> Key + Copy,
        window: Interval,
        values: &[f64],
    ) -> Result<Observation, Unusable> {
        values.iter().try_for_each(|&value| usable(Some(value)).map(drop))?;
        let value = *values.first().ok_or(Unusable::Missing)?;
        let mut anomalies = Vec::new();
        anomalies.extend(self.advance(state, key, window.end));

        let now = state.last_seen().map_or(window.end, |latest| latest.max(window.end));
        let NoveltyState { shingles, masses, calibration, incident, last } = state;
        let judged = self.compare(shingles, masses, values).map(|compared| {
            let rank = calibration.rank(compared.strangeness());
            (compared.score(&rank), rank, compared)
        });
        let enough = calibration.len() >= Settings::MIN_HISTORY;
        let verdict = judged.as_ref().filter(|_| enough);
        let score = verdict.map_or(0.0, |(score, ..)| *score);
        *last = Some(Last { value, score, window, now });
        let change = verdict.and_then(|(_, rank, compared)| {
            let seen = Seen { now, since: window.start, point: Peak { value, score, timestamp: window.end } };
            let evidence = || self.evidence(calibration, rank, compared);
            incident.step(&self.settings, &seen, |since| self.identity.incident(&key(), since), evidence)
        });
        if let Some((_, rank, _)) = &judged {
            calibration.push(rank.strangeness, self.settings.history);
        }
        let score = Score { value, expected: None, lower: None, upper: None, score: verdict.map(|(score, ..)| *score) };
        anomalies.extend(change.and_then(|change| self.tell(state, key, change)));
        Ok(Observation { score, anomalies })
    }

    /// Lets event time pass: nothing will come from before `watermark`. Ends the incident of a key that has sent nothing
    /// for `silent_after`, as of the moment when that had passed, however late it is called.
    pub fn advance(&self, state: &mut NoveltyState, key: impl Fn() -> Key, watermark: Micros) -> Option<Anomaly> {
        let (silent_since, limit) = (state.last_seen()?, self.settings.silent_after);
        if watermark.since(silent_since) < limit {
            return None;
        }
        let change = state.incident.resolve(Reason::NoData, silent_since.after(limit))?;
        self.tell(state, key, change)
    }

    /// Ends the key's incident, if one is open, because its state is about to be let go.
    pub fn forget(&self, state: &mut NoveltyState, key: impl Fn() -> Key) -> Option<Anomaly> {
        let change = state.incident.resolve(Reason::NoLongerWatched, state.last_seen()?)?;
        self.tell(state, key, change)
    }

    /// Compares the values with those before, and takes them in.
    fn compare(&self, shingles: &mut Shingles, masses: &mut Masses, values: &[f64]) -> Option<Compared> {
        if let Some(forest) = &self.forest {
            let place = forest.push(masses, values)?;
            return Some(Compared::Place { values: values.to_vec(), ranges: place.ranges, masses: place.masses });
        }
        shingles.push(*values.first()?, &self.settings.shingling()?)
    }

    fn evidence(&self, calibration: &Calibration, rank: &Rank, compared: &Compared) -> NoveltyEvidence {
        let threshold = self.settings.threshold;
        NoveltyEvidence { threshold, limit: calibration.limit(threshold), rank: *rank, compared: compared.clone() }
    }

    /// Makes the event of a change.
    fn tell(&self, state: &NoveltyState, key: impl Fn() -> Key, change: Change) -> Option<Anomaly> {
        // There is one: an incident opens with a value.
        let Last { value, score, window, .. } = state.last?;
        let Change { state: became, reason, at, incident } = change;
        let sentence = Sentence { fields: Fields(&self.measures), evidence: &incident.evidence, value };
        let explanation = match reason {
            None => sentence.novel(),
            Some(reason) => sentence.resolved(reason, at.since(incident.since), &incident.peak),
        };
        Some(Anomaly {
            id: hex(event(incident.id, incident.changes)),
            incident_id: hex(incident.id),
            state: became,
            reason,
            timestamp: at,
            since: incident.since,
            window,
            detector: self.identity.component.clone(),
            field: self.identity.field.clone(),
            r#type: Kind::Novelty,
            key: key(),
            signals: Vec::new(),
            related: Vec::new(),
            severity: incident.severity,
            score,
            value,
            threshold: self.settings.threshold,
            baseline: BaselineFigures::new(&state.summary(), Method::Classic, None),
            peak: incident.peak,
            explanation,
            evidence: Evidence::Novelty(incident.evidence),
            samples: Vec::new(),
        })
    }
}
