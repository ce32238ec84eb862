//! Rates of errors, over five minutes of each service: when they become too high, and when they are so no longer.
//!
//! Counts come as windows have them, with the times of windows. They may overlap, for only their share matters. A rate that
//! has become high is told once, and is high until it is well below its bound.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use logd_sdk::Time;

use super::facts::Rate;
use super::model::Severity;

/// What a rate is of.
const SPAN: Duration = Duration::from_secs(5 * 60);
/// Counts of so long are kept as one.
const STEP: i64 = 10_000_000;
/// A rate is of so many logs at least: two errors of ten are chance.
const FEWEST: f64 = 20.0;
/// And of so much time: not of the first second after a start.
const SHORTEST: Duration = Duration::from_secs(60);
/// A rate is high until it is below this part of its bound.
const WELL: f64 = 0.8;
/// From this multiple of its bound a rate is critical.
const CRITICAL: f64 = 5.0;
/// There are rates of so many services; of more, those not heard of for longest are forgotten.
const MOST: usize = 10_000;

/// How many logs there were, and how many of them were errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts<'c> {
    /// Whose.
    pub(crate) service: &'c str,
    /// The window's end.
    pub(crate) time: Time,
    /// All of them.
    pub(crate) logs: f64,
    /// The errors among them.
    pub(crate) errors: f64,
}

/// The rates of all services, by pipeline and service.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<(String, String), Counted>);

/// What was counted of a service.
#[derive(Debug, Default)]
struct Counted {
    steps: VecDeque<Step>,
}

/// Sums over a short time.
#[derive(Clone, Copy, Debug)]
struct Step {
    number: i64,
    from: Time,
    to: Time,
    logs: f64,
    errors: f64,
}

/// A rate has crossed its bound.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Crossing {
    /// It is high.
    Up(Rate),
    /// It is not any longer.
    Down { pipeline: String, service: String },
}

impl Crossing {
    pub(super) fn pipeline(&self) -> &str {
        match self {
            Self::Up(rate) => &rate.pipeline,
            Self::Down { pipeline, .. } => pipeline,
        }
    }

    pub(super) fn service(&self) -> &str {
        match self {
            Self::Up(rate) => &rate.service,
            Self::Down { service, .. } => service,
        }
    }
}

impl Rates {
    /// Takes counts, and says whether they take the rate over its bound. `is_high` is what was told.
    pub(super) fn take(
        &mut self,
        pipeline: &str,
        counts: &Counts<'_>,
        bound: f64,
        is_high: impl Fn(&str, &str) -> bool,
    ) -> Option<Crossing> {
        if !(counts.logs > 0.0 && counts.errors >= 0.0 && counts.errors <= counts.logs && counts.logs.is_finite()) {
            return None;
        }
        let key = (pipeline.to_owned(), counts.service.to_owned());
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            let latest = |counted: &Counted| counted.steps.back().map(|step| step.to);
            if let Some(oldest) = self.0.iter().min_by_key(|(_, counted)| latest(counted)).map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        let counted = self.0.entry(key).or_default();
        counted.add(counts);
        let (from, to, logs, errors) = counted.sums()?;
        let (high, share) = (is_high(pipeline, counts.service), errors / logs);
        let (pipeline, service) = (pipeline.to_owned(), counts.service.to_owned());
        if high && share < bound * WELL {
            return Some(Crossing::Down { pipeline, service });
        }
        if high || share <= bound || logs < FEWEST || to.since(from) < SHORTEST {
            return None;
        }
        let severity = if share >= bound * CRITICAL { Severity::Critical } else { Severity::Warning };
        Some(Crossing::Up(Rate { pipeline, service, severity, bound, logs, errors, from, to }))
    }
}

impl Counted {
    fn add(&mut self, counts: &Counts<'_>) {
        let Counts { time, logs, errors, .. } = *counts;
        let number = time.as_micros().div_euclid(STEP);
        match self.steps.iter_mut().find(|step| step.number == number) {
            Some(step) => {
                (step.from, step.to) = (step.from.min(time), step.to.max(time));
                (step.logs, step.errors) = (step.logs + logs, step.errors + errors);
            }
            None => {
                let place = self.steps.partition_point(|step| step.number < number);
                self.steps.insert(place, Step { number, from: time, to: time, logs, errors });
            }
        }
        let latest = self.steps.back().map_or(time, |step| step.to);
        while self.steps.front().is_some_and(|step| latest.since(step.to) >= SPAN) {
            self.steps.pop_front();
        }
    }

    /// From when to when, and what was counted then.
    fn sums(&self) -> Option<(Time, Time, f64, f64)> {
        let (from, to) = (self.steps.front()?.from, self.steps.back()?.to);
        let sum = |of: fn(&Step) -> f64| self.steps.iter().map(of).sum();
        Some((from, to, sum(|step| step.logs), sum(|step| step.errors)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a rate of which something is counted every ten seconds.
    struct Service {
        rates: Rates,
        high: bool,
        seconds: u64,
    }

    impl Service {
        fn count(&mut self, logs: f64, errors: f64) -> Option<Crossing> {
            self.seconds += 10;
            let time = Time::EPOCH.after(Duration::from_secs(self.seconds));
            let counts = Counts { service: "a", time, logs, errors };
            let crossing = self.rates.take("p", &counts, 0.1, |_, _| self.high);
            match &crossing {
                Some(Crossing::Up(_)) => self.high = true,
                Some(Crossing::Down { .. }) => self.high = false,
                None => {}
            }
            crossing
        }
    }

    fn service() -> Service {
        Service { rates: Rates::default(), high: false, seconds: 0 }
    }

    #[test]
    fn a_crossing_is_told_once_until_the_rate_is_well_below() {
        let mut service = service();
        assert!((0..30).all(|_| service.count(100.0, 10.0).is_none()), "the bound itself is not above it");
        let Some(Crossing::Up(rate)) = service.count(100.0, 100.0) else { panic!("it is above") };
        assert_eq!((rate.logs, rate.errors, rate.severity), (3000.0, 390.0, Severity::Warning));
        assert_eq!(rate.to.since(rate.from), SPAN - Duration::from_secs(10));
        assert!((0..29).all(|_| service.count(100.0, 9.0).is_none()), "it was high, and is not well yet");
        assert!((0..29).all(|_| service.count(100.0, 8.5).is_none()));
        assert!((0..30).any(|_| matches!(service.count(100.0, 1.0), Some(Crossing::Down { .. }))));
        assert!(service.count(100.0, 1.0).is_none());
        assert!((0..30).any(|_| matches!(service.count(100.0, 60.0), Some(Crossing::Up(_)))), "it is told again");
    }

    #[test]
    fn chance_is_no_crossing() {
        let mut few = service();
        assert!((0..20).all(|_| few.count(0.5, 0.5).is_none()), "ten logs");
        let mut short = service();
        assert!((0..6).all(|_| short.count(1000.0, 1000.0).is_none()), "fifty seconds");
        let Some(Crossing::Up(rate)) = short.count(1000.0, 1000.0) else { panic!("a minute") };
        assert_eq!(rate.severity, Severity::Critical);
        let mut odd = service();
        for (logs, errors) in [(0.0, 0.0), (f64::NAN, 1.0), (f64::INFINITY, 1.0), (1.0, 2.0), (10.0, -1.0)] {
            assert!(odd.count(logs, errors).is_none());
        }
        assert!(odd.rates.0.is_empty());
    }

    #[test]
    fn counts_may_come_in_any_order() {
        let mut rates = Rates::default();
        let mut take = |seconds, errors| {
            let time = Time::EPOCH.after(Duration::from_secs(seconds));
            rates.take("p", &Counts { service: "a", time, logs: 100.0, errors }, 0.1, |_, _| false)
        };
        assert!(take(1000, 5.0).is_none() && take(940, 5.0).is_none() && take(980, 5.0).is_none());
        assert!(take(100, 100.0).is_none(), "that is long past");
        assert!(matches!(take(990, 60.0), Some(Crossing::Up(_))));
    }
}
