//! The figures of each key at `/metrics`, for a bounded number of keys.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use logd_sdk::meters::Meters;
use logd_sdk::{Clock, Time};
use metrics::Gauge;

use super::key;
use crate::detector::Score;
use crate::explain::figures::word;
use crate::incident::{Anomaly, State};

/// A gauge that was not set for this long may have been removed from `/metrics`, and is registered anew.
const FRESH: Duration = Duration::from_secs(10);

/// A key that was silent for this long makes room for another, where there is none. So long do gauges stay at `/metrics`
/// that nobody sets.
const IDLE: Duration = Duration::from_secs(300);

/// The key of the anomalies of all keys for which there was no room.
const OTHERS: &str = "_other";

/// What the shards of a detector have in common.
#[derive(Debug)]
pub(super) struct Series {
    meters: Meters,
    clock: Clock,
    detector: String,
    /// What its figures are called, where it has several of each key.
    figures: String,
    /// How many keys may be shown,
    max: usize,
    /// and how many are, in all shards.
    shown: AtomicUsize,
}

/// The gauges of a shard's keys.
#[derive(Debug)]
pub(super) struct Gauges {
    series: Arc<Series>,
    /// By the bytes that name a key.
    keys: HashMap<Arc<[u8]>, Figures, RandomState>,
    /// When keys were removed. `/metrics` shows them until they have been idle, and so long they keep their room: keys
    /// that come and go would otherwise pile up there.
    leaving: VecDeque<Time>,
    /// The time of this step.
    now: Time,
    /// When it was last looked for idle keys.
    looked: Time,
    /// Updates of this step for which there was no room.
    left_out: u64,
}

#[derive(Debug)]
struct Figures {
    value: Gauge,
    baseline: Gauge,
    lower: Gauge,
    upper: Gauge,
    score: Gauge,
    set: Time,
}

impl Series {
    /// For the detector of this name; at most `max` keys are shown.
    pub(super) fn new(meters: Meters, clock: Clock, detector: &str, max: usize) -> Arc<Self> {
        Self::of(meters, clock, detector, detector.to_owned(), max)
    }

    /// For one of the signals of the detector of this name; at most `max` keys are shown.
    pub(super) fn of_signal(meters: Meters, clock: Clock, detector: &str, signal: &str, max: usize) -> Arc<Self> {
        Self::of(meters, clock, detector, format!("{detector}/{signal}"), max)
    }

    fn of(meters: Meters, clock: Clock, detector: &str, figures: String, max: usize) -> Arc<Self> {
        Arc::new(Self { meters, clock, detector: detector.to_owned(), figures, max, shown: AtomicUsize::new(0) })
    }

    /// How many incidents are open in all shards.
    pub(super) fn set_open(&self, incidents: usize) {
        // Registered each time: it is set seldom, and may have been removed since.
        self.meters.gauge("logd_incidents_open", &[]).set(incidents as f64);
    }

    fn figures(&self, label: &str, now: Time) -> Figures {
        let gauge = |name| self.meters.gauge(name, &[("detector", &self.figures), ("key", label)]);
        Figures {
            value: gauge("logd_detector_value"),
            baseline: gauge("logd_detector_baseline"),
            lower: gauge("logd_detector_lower"),
            upper: gauge("logd_detector_upper"),
            score: gauge("logd_detector_score"),
            set: now,
        }
    }

    /// Takes room for one key, if there is any.
    fn admit(&self) -> bool {
        let more = |shown| (shown < self.max).then_some(shown + 1);
        self.shown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

impl Gauges {
    /// Of no key yet.
    pub(super) fn new(series: Arc<Series>) -> Self {
        let (keys, leaving) = (HashMap::default(), VecDeque::new());
        Self { series, keys, leaving, now: Time::MIN, looked: Time::MIN, left_out: 0 }
    }

    /// Begins a step.
    pub(super) fn begin(&mut self) {
        self.now = self.series.clock.now();
    }

    /// Shows the last score of the key of this name, which `label` calls as people do.
    pub(super) fn set(&mut self, name: &Arc<[u8]>, score: &Score, label: impl Fn() -> String) {
        let now = self.now;
        if let Some(figures) = self.keys.get_mut(name) {
            if now.since(figures.set) > FRESH {
                *figures = self.series.figures(&label(), now);
            }
            return figures.set(score, now);
        }
        if self.series.admit() || (self.remove_idle() && self.series.admit()) {
            let mut figures = self.series.figures(&label(), now);
            figures.set(score, now);
            self.keys.insert(Arc::clone(name), figures);
        } else {
            self.left_out += 1;
        }
    }

    /// Whether the key of this name is shown.
    pub(super) fn shows(&self, name: &[u8]) -> bool {
        self.keys.contains_key(name)
    }

    /// Counts an anomaly of a key when it opens an incident: what becomes of that is the same incident. By its name if the
    /// key is shown.
    pub(super) fn count(&self, is_shown: bool, anomaly: &Anomaly) {
        if anomaly.state != State::Open {
            return;
        }
        let label = key::label(&anomaly.key);
        let (kind, severity) = (word(anomaly.r#type), word(anomaly.severity));
        let labels = [
            ("detector", self.series.detector.as_str()),
            ("type", kind.as_str()),
            ("severity", severity.as_str()),
            ("key", if is_shown { &label } else { OTHERS }),
        ];
        self.series.meters.counter("logd_anomalies_total", &labels).increment(1);
    }

    /// Sets a key's figures no more.
    pub(super) fn remove(&mut self, name: &[u8]) {
        if self.keys.remove(name).is_some() {
            self.leaving.push_back(self.now);
        }
    }

    /// Ends a step.
    pub(super) fn end(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            self.series.meters.counter("logd_detector_series_overflow_total", &[]).increment(left_out);
        }
    }

    /// Makes room where there is none; returns whether it is worth trying again. Looks through all keys, so not often.
    fn remove_idle(&mut self) -> bool {
        let (now, before) = (self.now, self.room());
        if now.since(self.looked) < FRESH {
            return false;
        }
        self.looked = now;
        self.keys.retain(|_, figures| now.since(figures.set) < IDLE);
        self.leaving.retain(|&since| now.since(since) < IDLE);
        let removed = before - self.room();
        self.series.shown.fetch_sub(removed, Ordering::Relaxed);
        removed > 0
    }

    /// How much room is taken.
    fn room(&self) -> usize {
        self.keys.len() + self.leaving.len()
    }
}

impl Drop for Gauges {
    fn drop(&mut self) {
        self.series.shown.fetch_sub(self.room(), Ordering::Relaxed);
    }
}

impl Figures {
    fn set(&mut self, score: &Score, now: Time) {
        self.set = now;
        self.value.set(score.value);
        // NaN is how Prometheus writes that there is none.
        self.baseline.set(score.expected.unwrap_or(f64::NAN));
        self.lower.set(score.lower.unwrap_or(f64::NAN));
        self.upper.set(score.upper.unwrap_or(f64::NAN));
        self.score.set(score.score.unwrap_or(f64::NAN));
    }
}
