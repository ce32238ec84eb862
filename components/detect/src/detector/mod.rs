//! One detector, without any wiring: values of a key in, scores and changes of its incident out.
//!
//! [`Detector`] is what all keys share and never changes while it runs; [`KeyState`] is what one key has come to, and
//! all that a snapshot needs. Nothing here reads a clock or knows of batches: the same points in the same order give
//! the same anomalies, byte for byte, wherever they are cut and resumed.

mod describe;
mod value;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use self::value::Unusable;
use self::value::share;
pub(crate) use self::value::usable;
use crate::baseline::{Baseline, Method};
use crate::explain::{Ending, Measure, Sentence};
use crate::incident::{
    Anomaly, BaselineFigures, Change, Evidence, Identity, Incident, Key, Kind, Peak, Reason, Seen, event, hex,
};
use crate::rule::{Point, Rule, RuleEvidence, Settings};
use crate::season::{Period, Season};
use crate::time::{Interval, Micros};

/// An anomaly shows at least so many last points.
const POINTS_SHOWN: usize = 10;

/// A detector of one field: its rule, its name, and how to speak of its values.
#[derive(Clone, Debug)]
pub struct Detector {
    settings: Settings,
    /// Half as strict: an incident is over within it.
    half: Rule,
    identity: Identity,
    measure: Measure,
}

/// What a detector knows of one key: its baseline (see [`Baseline`]; vectors have up to twice the room), twice that while
/// an incident is open, 56 bytes for each of the last points, and 200 more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyState {
    baseline: Baseline,
    /// If one is looked for: what the time adds to the baseline.
    season: Option<Box<Season>>,
    /// The last points, oldest first.
    recent: VecDeque<Point>,
    incident: Incident,
    /// Of the values since the incident opened: the baseline to be, should they stay.
    since_open: Option<Box<Baseline>>,
    /// The latest event time.
    now: Option<Micros>,
}

/// What came of one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The point for charts.
    pub score: Score,
    /// Changes of the incident; nearly always none. Two only where an incident without data ends and another begins.
    pub anomalies: Vec<Anomaly>,
}

/// A point with what was expected of it, as it leaves on `NAME.scores`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// What was judged: the value, or with [`crate::baseline::Method::Gaussian`] the mean of the most recent ones.
    pub value: f64,
    /// The baseline's mean; none while it is too short.
    pub expected: Option<f64>,
    /// Values below are out of the usual; none if no value can be.
    pub lower: Option<f64>,
    /// Values above are out of the usual; none if no value can be.
    pub upper: Option<f64>,
    /// How far out the value is; none without a verdict. See [`crate::rule::Verdict`].
    pub score: Option<f64>,
}

impl KeyState {
    /// Whether an incident is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.incident.open().is_some()
    }

    /// The key's latest event time; none before its first usable value.
    #[must_use]
    pub fn last_seen(&self) -> Option<Micros> {
        self.now
    }

    /// What is usual now, without what the time adds.
    #[must_use]
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The season that holds now.
    fn period(&self) -> Option<Period> {
        self.season.as_ref()?.period()
    }

    /// Cleans up after an incident.
    fn settle(&mut self, reason: Reason) {
        let since_open = self.since_open.take();
        if let (Reason::NewNormal, Some(baseline)) = (reason, since_open) {
            self.baseline = *baseline;
        }
        // The points before a break confirm nothing after it.
        if reason != Reason::BackToNormal {
            self.recent.clear();
        }
    }
}

impl Detector {
    /// A detector with sound `settings` (see [`Settings::problems`]), named `identity`, of values as `measure` tells.
    #[must_use]
    pub fn new(settings: Settings, identity: Identity, measure: Measure) -> Self {
        Self { settings, half: settings.rule.relaxed(), identity, measure }
    }

    /// A key of which nothing is known yet.
    #[must_use]
    pub fn begin(&self) -> KeyState {
        KeyState {
            baseline: Baseline::new(self.settings.baseline.method),
            season: Season::new(self.settings.baseline.season),
            recent: VecDeque::new(),
            incident: Incident::default(),
            since_open: None,
            now: None,
        }
    }

    /// The field that it judges.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.identity.field
    }

    /// Judges a key's next value by those before it, and then learns from it.
    ///
    /// Values are to come in the order of event time; one that comes out of order is taken as of the latest time seen.
    /// `events` is of how many the value is a share; only [`Method::Deviance`] asks for it. `key` is asked only where there
    /// is something to tell, which is seldom.
    ///
    /// # Errors
    /// If the value can't be used. The state is as before then.
    pub fn observe(
        &self,
        state: &mut KeyState,
        key: impl Fn() -> Key + Copy,
        window: Interval,
        value: Option<f64>,
        events: Option<f64>,
    ) -> Result<Observation, Unusable> {
        let settings = &self.settings.baseline;
        let value = usable(value)?;
        let events = if settings.method == Method::Deviance { share(value, events)? } else { 1.0 };
        let mut anomalies = Vec::new();
        anomalies.extend(self.advance(state, key, window.end));

        let now = state.now.map_or(window.end, |latest| latest.max(window.end));
        let seasonal = match &mut state.season {
            Some(season) => season.offset(window.start, settings.remembered()),
            None => 0.0,
        };
        let judged = state.baseline.see(value, seasonal, settings);
        let point = Point { window, value: judged, baseline: state.baseline.summary(events).at(seasonal) };
        let verdict = self.settings.rule.judge(judged, &point.baseline);
        state.now = Some(now);
        push_bounded(&mut state.recent, point, self.settings.confirm.of().max(POINTS_SHOWN));

        // Where anomalies enter the baseline, a long incident would become its own excuse: it is over when values are
        // back at what was usual before it.
        let before =
            state.incident.open().filter(|_| !settings.exclude_anomalies).map(|open| open.baseline.at(seasonal));
        let least = self.settings.rule.min_samples;
        let seen = Seen {
            now,
            point: Peak { value: judged, score: verdict.score.unwrap_or(0.0), timestamp: window.end },
            baseline: point.baseline,
            anomaly: self.settings.rule.confirmed(self.settings.confirm, state.recent.iter().rev()),
            half: self.half.judge(judged, &before.unwrap_or(point.baseline)).exceeds,
            can_relearn: state.since_open.as_ref().is_some_and(|baseline| baseline.summary(events).n >= least),
        };
        let change = state.incident.step(&self.settings, &seen, |since| self.identity.incident(&key(), since));
        if verdict.exceeds.is_none() || !settings.exclude_anomalies {
            state.baseline.learn(value - seasonal, events, now, settings);
        }
        if state.is_open() {
            let begin = || Box::new(Baseline::new(settings.method));
            let since_open = state.since_open.get_or_insert_with(begin);
            since_open.see(value, seasonal, settings);
            since_open.learn(value - seasonal, events, now, settings);
        }
        // Anomalies, too: what comes every day is no anomaly.
        if let Some(season) = &mut state.season {
            season.learn(window.start, value);
        }
        anomalies.extend(change.and_then(|change| self.tell(state, key, change)));

        let score = Score {
            value: judged,
            expected: verdict.expected,
            lower: verdict.lower,
            upper: verdict.upper,
            score: verdict.score,
        };
        Ok(Observation { score, anomalies })
    }

    /// Lets event time pass: nothing will come from before `watermark`. Ends the incident of a key that has sent
    /// nothing for `relearn_after`, as of the moment when that had passed, however late it is called.
    pub fn advance(&self, state: &mut KeyState, key: impl Fn() -> Key, watermark: Micros) -> Option<Anomaly> {
        let silent_since = state.now?;
        let limit = self.settings.relearn_after?;
        if watermark.since(silent_since) < limit {
            return None;
        }
        let change = state.incident.resolve(Reason::NoData, silent_since.after(limit))?;
        self.tell(state, key, change)
    }

    /// Ends the key's incident, if one is open, because its state is about to be let go.
    pub fn forget(&self, state: &mut KeyState, key: impl Fn() -> Key) -> Option<Anomaly> {
        let change = state.incident.resolve(Reason::NoLongerWatched, state.now?)?;
        self.tell(state, key, change)
    }

    /// Makes the event of a change, and does to the baseline what the change asks for.
    fn tell(&self, state: &mut KeyState, key: impl Fn() -> Key, change: Change) -> Option<Anomaly> {
        // There is one: an incident opens with a point, and the points go only when it ends.
        let point = *state.recent.back()?;
        let points = state.recent.iter().copied().collect();
        if let Some(reason) = change.reason {
            state.settle(reason);
        }

        let Settings { rule, confirm, .. } = self.settings;
        let open = &change.incident;
        let score = rule.judge(point.value, &point.baseline).score.unwrap_or(0.0);
        let explanation = self.explain(&change, &point, score, state);
        Some(Anomaly {
            id: hex(event(open.id, open.changes)),
            incident_id: hex(open.id),
            state: change.state,
            reason: change.reason,
            timestamp: change.at,
            since: open.since,
            window: point.window,
            detector: self.identity.component.clone(),
            field: self.identity.field.clone(),
            r#type: Kind::of(&rule, open.side),
            key: key(),
            signals: Vec::new(),
            related: Vec::new(),
            severity: open.severity,
            score,
            value: point.value,
            threshold: rule.threshold(),
            baseline: BaselineFigures::new(&point.baseline, self.settings.baseline.method, state.period()),
            peak: open.peak,
            explanation,
            evidence: Evidence::Rule(RuleEvidence { rule, confirm, points }),
            samples: Vec::new(),
        })
    }

    fn explain(&self, change: &Change, point: &Point, score: f64, state: &KeyState) -> String {
        let Change { incident: open, at, reason, .. } = change;
        let sentence = |baseline| Sentence {
            measure: &self.measure,
            rule: &self.settings.rule,
            usual: &self.settings.baseline,
            period: state.period(),
            side: open.side,
            value: point.value,
            score,
            baseline,
        };
        let Some(reason) = *reason else { return sentence(&point.baseline).anomalous() };
        // What was usual before the incident, and is from now on, both at this time.
        let seasonal = point.baseline.seasonal;
        let (before, baseline) = (open.baseline.at(seasonal), &state.baseline.summary(1.0).at(seasonal));
        sentence(&before).resolved(&Ending { reason, lasted: at.since(open.since), peak: &open.peak, baseline })
    }
}

/// Puts an item among the first ones by `order`, in which they stand, so that at most `most` remain. Returns whether it is
/// one of them.
pub(crate) fn insert_bounded<T>(
    first: &mut Vec<T>,
    item: T,
    most: usize,
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> bool {
    if first.len() >= most && first.last().is_none_or(|last| order(last, &item).is_le()) {
        return false;
    }
    let place = first.partition_point(|old| order(old, &item).is_lt());
    first.insert(place, item);
    first.truncate(most);
    true
}

/// Adds an item and lets go of the oldest ones, so that at most `capacity` remain.
pub(crate) fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, capacity: usize) {
    while queue.len() >= capacity.max(1) {
        queue.pop_front();
    }
    // Most keys of many are seen a few times only: room is made as it is needed, and never more than for all.
    if queue.len() == queue.capacity() {
        queue.reserve_exact(queue.len().clamp(1, (capacity - queue.len()).max(1)));
    }
    queue.push_back(item);
}
