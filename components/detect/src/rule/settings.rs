//! The settings of a detector with the classic rules as defaults, and what may be wrong with them.

use std::time::Duration;

use super::{Confirm, Criterion, Direction, Rule};
use crate::baseline::Method;
use crate::season::Seasons;

/// Seconds in a minute, to read the defaults below more easily.
const MINUTE: u64 = 60;

/// Everything a user can set about a detector's verdicts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What is out of the usual.
    pub rule: Rule,
    /// How many points must agree. Default "1 of 1".
    pub confirm: Confirm,
    /// Which values are the usual.
    pub baseline: BaselineSettings,
    /// An incident is over this long after its last confirmed anomaly, if the last points (the N of `confirm`, at
    /// least three) were within half the rule. Event time; default 10 s.
    pub resolve_after: Duration,
    /// After an incident the same key opens no other for this long; what still holds then opens it. Event time;
    /// default 1 min.
    pub cooldown: Duration,
    /// An incident this long is no incident, but a change that stays: the baseline is filled anew with the values
    /// since it opened (the last `samples` of them), and it is resolved as the new normal. Without that, a detector
    /// that keeps anomalies out of its baseline alarms for ever after a change of level. An incident whose key has
    /// sent nothing for this long is resolved as well. Event time; default 2 h, which the study behind the defaults
    /// found to cost no recall; none is the classic rule to the letter.
    pub relearn_after: Option<Duration>,
}

/// Which values make up the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineSettings {
    /// How they make it up. Default classic.
    pub method: Method,
    /// Whether the time of day or week is part of it. Default none.
    pub season: Seasons,
    /// The last so many values, 1 to [`BaselineSettings::MAX_SAMPLES`]; not asked for by [`Method::Ewma`]. Each and key
    /// takes as many bytes as [`crate::baseline::Baseline`] says, and as much again while an incident is open.
    pub samples: usize,
    /// [`Method::Gaussian`] judges the mean of so many most recent values, 1 to [`BaselineSettings::MAX_RECENT`].
    pub recent: usize,
    /// With [`Method::Ewma`] each value takes this part of their weight from those before it: above 0, below 1.
    pub alpha: f64,
    /// Whether values that exceed the rule stay out.
    pub exclude_anomalies: bool,
}

impl BaselineSettings {
    /// The most values that a baseline may hold.
    pub const MAX_SAMPLES: usize = 1_000_000;

    /// The most values whose mean is judged: they are added up for each value.
    pub const MAX_RECENT: usize = 1000;

    /// How many values a baseline remembers, if there were enough: with [`Method::Ewma`] the weight of all together.
    #[must_use]
    pub fn remembered(&self) -> usize {
        match self.method {
            // As a whole number this is at most the largest there is.
            Method::Ewma => (1.0 / self.alpha) as usize,
            _ => self.samples,
        }
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its path as the user writes it, such as `baseline.samples`.
    pub setting: &'static str,
    /// What is expected there.
    pub expected: String,
}

impl Settings {
    /// The classic z-score: |value − mean| / std > 3 on both sides, over the last 1000 values that were not anomalies,
    /// at least 10 of them.
    #[must_use]
    pub fn zscore() -> Self {
        Self::classic(
            Criterion::Zscore { threshold: 3.0, min_std: 0.0, min_std_ratio: 0.0 },
            Direction::Both,
            1000,
            10,
            true,
        )
    }

    /// The classic spike: value > 5 × the mean of the last 100 values, and > 0.1, at least 5 of them. The history is
    /// *all* of the last 100 windows, anomalous ones too (`exclude_anomalies = false`), so that a lasting spike
    /// becomes usual within some windows.
    #[must_use]
    pub fn spike() -> Self {
        Self::classic(Criterion::Spike { factor: 5.0, min_value: 0.1 }, Direction::Up, 100, 5, false)
    }

    /// A share of events that is improbable by the usual one: root deviance > 6.5, at least twice the usual and more than
    /// 1 %. The figures are those of the study behind the defaults.
    #[must_use]
    pub fn deviance() -> Self {
        let criterion = Criterion::Deviance { threshold: 6.5, min_value: 0.01 };
        let mut settings = Self::classic(criterion, Direction::Up, 100, 5, true);
        settings.rule.min_effect = 2.0;
        settings.baseline.method = Method::Deviance;
        settings
    }

    fn classic(criterion: Criterion, direction: Direction, samples: usize, min_samples: usize, exclude: bool) -> Self {
        Self {
            rule: Rule { criterion, direction, min_effect: 1.0, min_samples },
            confirm: Confirm::default(),
            baseline: BaselineSettings {
                method: Method::Classic,
                season: Seasons::None,
                samples,
                recent: 10,
                alpha: 0.003,
                exclude_anomalies: exclude,
            },
            resolve_after: Duration::from_secs(10),
            cooldown: Duration::from_secs(MINUTE),
            relearn_after: Some(Duration::from_secs(120 * MINUTE)),
        }
    }

    /// All that makes no sense in these settings; empty if they are sound.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut expect = |holds: bool, setting, expected: &str| {
            if !holds {
                problems.push(Problem { setting, expected: expected.to_owned() });
            }
        };
        let at_least = |value: f64, least: f64| value.is_finite() && value >= least;
        match self.rule.criterion {
            Criterion::Zscore { threshold, min_std, min_std_ratio } => {
                expect(at_least(threshold, f64::MIN_POSITIVE), "threshold", "a number above 0");
                expect(at_least(min_std, 0.0), "min_std", "0 or a number above it");
                expect(at_least(min_std_ratio, 0.0), "min_std_ratio", "0 or a number above it");
            }
            Criterion::Spike { factor, min_value } => {
                expect(factor.is_finite() && factor > 1.0, "factor", "a number above 1");
                expect(at_least(min_value, 0.0), "min_value", "0 or a number above it");
            }
            Criterion::Deviance { threshold, min_value } => {
                expect(at_least(threshold, f64::MIN_POSITIVE), "threshold", "a number above 0");
                expect((0.0..1.0).contains(&min_value), "min_value", "a share from 0 to below 1");
                // What was usual before an incident is of another number of events, and can't take the baseline's place.
                let excludes = self.baseline.exclude_anomalies;
                expect(excludes, "baseline.exclude_anomalies", "true where `method` is \"deviance\"");
            }
        }
        expect(at_least(self.rule.min_effect, 1.0), "min_effect", "1 or a number above it");
        let samples = self.baseline.samples;
        let most = BaselineSettings::MAX_SAMPLES;
        expect((1..=most).contains(&samples), "baseline.samples", &format!("a number from 1 to {most}"));
        let most = BaselineSettings::MAX_RECENT;
        let recent = self.baseline.recent;
        expect((1..=most).contains(&recent), "baseline.recent", &format!("a number from 1 to {most}"));
        let alpha = self.baseline.alpha;
        expect(alpha > 0.0 && alpha < 1.0, "baseline.alpha", "a number above 0 and below 1");
        let enough = (1..=samples.max(1)).contains(&self.rule.min_samples);
        expect(enough, "baseline.min_samples", "a number from 1 to `baseline.samples`");
        let relearns = self.relearn_after.is_none_or(|duration| duration > self.resolve_after);
        expect(relearns, "relearn_after", "a duration above `resolve_after`");
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_rules_are_sound() {
        assert_eq!(Settings::zscore().problems(), []);
        assert_eq!(Settings::spike().problems(), []);
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let mut settings = Settings::zscore();
        settings.rule.criterion = Criterion::Zscore { threshold: f64::NAN, min_std: -1.0, min_std_ratio: -1.0 };
        settings.rule.min_effect = 0.5;
        settings.rule.min_samples = 11;
        settings.baseline.samples = 10;
        settings.relearn_after = Some(Duration::ZERO);
        let found: Vec<_> = settings.problems().into_iter().map(|problem| problem.setting).collect();
        assert_eq!(
            found,
            ["threshold", "min_std", "min_std_ratio", "min_effect", "baseline.min_samples", "relearn_after"]
        );

        let mut settings = Settings::spike();
        settings.rule.criterion = Criterion::Spike { factor: 1.0, min_value: f64::INFINITY };
        settings.baseline.samples = 0;
        let found: Vec<_> = settings.problems().into_iter().map(|problem| problem.setting).collect();
        assert_eq!(found, ["factor", "min_value", "baseline.samples", "baseline.min_samples"]);
    }
}
