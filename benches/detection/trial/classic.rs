//! The classic rules to the letter: the mean response time of each window by `zscore`, the share of failures by `spike`;
//! every window that exceeds its rule is an alarm. They have no incidents, and never take a change for the new normal.

use std::time::Duration;

use logd_backtest::alarms::Alarm;
use logd_detect::baseline::Baseline;
use logd_detect::rule::{Settings, Side};
use logd_detect::time::{Interval, Micros};

use super::contender::{Judge, alarm};
use super::watched::Window;

/// Both rules on one service.
pub(super) struct Classic {
    service: String,
    apart: Duration,
    latency: Rule,
    errors: Rule,
    alarms: Vec<Alarm>,
}

/// A rule, and what is usual.
struct Rule {
    settings: Settings,
    baseline: Baseline,
    /// For values above and below: the name of the alarm, and the last one that was told.
    sides: [(&'static str, Option<Micros>); 2],
}

impl Classic {
    /// For a service.
    pub(super) fn new(service: &str, apart: Duration) -> Self {
        Self {
            service: service.to_owned(),
            apart,
            latency: Rule::new(Settings::zscore(), ["latency", "low_latency"]),
            errors: Rule::new(Settings::spike(), ["error_rate", "low_error_rate"]),
            alarms: Vec::new(),
        }
    }
}

impl Judge for Classic {
    fn close(&mut self, interval: Interval, window: Option<&Window>) {
        let Some(Window { bucket, latencies }) = window else { return };
        let events = bucket.events() as f64;
        let judged = [(&mut self.latency, latencies / events), (&mut self.errors, bucket.errors() as f64 / events)];
        for (rule, value) in judged {
            let told = rule.judge(value, interval.end, self.apart);
            self.alarms.extend(told.map(|name| alarm(&self.service, interval, &[name])));
        }
    }

    fn alarms(self: Box<Self>) -> Vec<Alarm> {
        self.alarms
    }
}

impl Rule {
    fn new(settings: Settings, [above, below]: [&'static str; 2]) -> Self {
        let baseline = Baseline::new(settings.baseline.method);
        Self { settings, baseline, sides: [(above, None), (below, None)] }
    }

    /// Judges a value, learns from it, and returns the name of the alarm that it is, if it is one.
    fn judge(&mut self, value: f64, at: Micros, apart: Duration) -> Option<&'static str> {
        let Self { settings, baseline, sides } = self;
        let exceeds = settings.rule.judge(value, &baseline.summary(1.0)).exceeds;
        if exceeds.is_none() || !settings.baseline.exclude_anomalies {
            baseline.learn(value, 1.0, at, &settings.baseline);
        }
        let (name, last) = &mut sides[usize::from(exceeds? == Side::Down)];
        if last.is_some_and(|last| at.since(last) < apart) {
            return None;
        }
        *last = Some(at);
        Some(name)
    }
}
