//! The detectors' core, from values to anomalies, as a component would drive it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod deviance;
mod methods;
mod noise;
mod novelty;
mod reference;
mod scipy;
mod snapshot;
mod traps;

use std::time::Duration;

use logd_detect::detector::{Detector, KeyState, Observation};
use logd_detect::explain::Measure;
use logd_detect::incident::{Anomaly, Identity, Key, Reason, State};
use logd_detect::rule::{Criterion, Settings};
use logd_detect::time::{Interval, Micros};

/// A detector and one key of it, with a window every second.
struct Run {
    detector: Detector,
    key: Key,
    state: KeyState,
    second: i64,
    anomalies: Vec<Anomaly>,
}

impl Run {
    fn new(settings: Settings) -> Self {
        let (component, field) = match settings.rule.criterion {
            Criterion::Zscore { .. } => ("latency", "latency_mean"),
            Criterion::Spike { .. } | Criterion::Deviance { .. } => ("errors", "error_rate"),
        };
        assert_eq!(settings.problems(), []);
        let identity =
            Identity { pipeline: "demo".to_owned(), component: component.to_owned(), field: "value".to_owned() };
        let detector = Detector::new(settings, identity, Measure::of_field(field, component));
        Self {
            state: detector.begin(),
            detector,
            key: Key::from([("service".to_owned(), "payment-service".to_owned())]),
            second: 0,
            anomalies: Vec::new(),
        }
    }

    /// Takes in the next window's value and keeps the anomalies.
    fn see(&mut self, value: f64) -> Option<Observation> {
        let window = self.window();
        self.second += 1;
        let observation =
            self.detector.observe(&mut self.state, || self.key.clone(), window, Some(value), None).ok()?;
        self.anomalies.extend(observation.anomalies.iter().cloned());
        Some(observation)
    }

    fn see_all(&mut self, values: impl IntoIterator<Item = f64>) -> &mut Self {
        values.into_iter().for_each(|value| {
            self.see(value);
        });
        self
    }

    fn window(&self) -> Interval {
        Interval { start: second(self.second), end: second(self.second + 1) }
    }

    /// When incidents opened and ended, in seconds, and why.
    fn ends(&self) -> Vec<(i64, State, Option<Reason>)> {
        self.told().into_iter().filter(|told| told.1 != State::Update).collect()
    }

    /// When something changed, in seconds, and what.
    fn told(&self) -> Vec<(i64, State, Option<Reason>)> {
        self.anomalies.iter().map(|a| (a.timestamp.0 / 1_000_000, a.state, a.reason)).collect()
    }
}

fn second(at: i64) -> Micros {
    Micros(at * 1_000_000)
}

/// Latency about 295 ± 38 without chance: the same thirteen values over and over.
fn calm(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(|i| 295.0 + ((i * 5 % 13) as f64 - 6.0) * 10.0)
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}
