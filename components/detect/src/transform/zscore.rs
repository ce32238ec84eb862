//! The settings of `zscore`.

use std::slice;

use logd_sdk::component::{KeyedSettings, Makes};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::settings::{Duration, FieldPath};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keyed::Detecting;
use super::relearn::Relearn;
use super::settings::{self, Plan, Watched};
use crate::detector::Detector;
use crate::rule::{self, BaselineSettings, Confirm, Criterion, Direction, Rule};

/// Finds values that are far from the mean of the last ones, measured in standard deviations: the classic z-score.
///
/// Everything that comes in leaves unchanged. Incidents leave by the output `anomalies`, one event for each change:
/// opened, become markedly worse, resolved. Every value leaves by `scores`, with what was expected of it. Values that
/// are missing, no number, or infinite are counted as errors and not used.
///
/// It judges the results of windows or single events; those are taken at their own time, and should come in its order.
/// An anomaly shows the events behind it: the event itself, or what its window has kept by an aggregate with
/// `fn = "samples"`, of several by the first. What is open when the input ends stays open.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZscoreSettings {
    /// The field whose values are judged.
    field: FieldPath,
    /// The fields that make a key: each key has a baseline and incidents of its own. Without any, there is one key.
    /// A text of more than 1 KiB is cut to that, and ends with `…` and a hash of all of it.
    #[serde(default)]
    group_by: Vec<FieldPath>,
    /// A value is an anomaly if it is more than this many standard deviations from the mean.
    #[serde(default = "threshold")]
    threshold: f64,
    /// On which side of the mean.
    #[serde(default = "direction")]
    direction: Direction,
    /// The standard deviation is taken to be at least this, in the unit of the values. With 0, the classic rule, a
    /// jump after nothing but equal values is never seen.
    #[serde(default)]
    min_std: f64,
    /// An anomaly must also be at least this many times the mean (below the mean: at most the mean divided by it).
    /// With 1, nothing more is asked.
    #[serde(default = "settings::min_effect")]
    min_effect: f64,
    /// How many of a key's last values must be anomalies on one side before they are believed, up to 64.
    #[serde(default)]
    #[schemars(with = "String", regex(pattern = r"^\s*[0-9]+ of [0-9]+\s*$|\$"))]
    confirm: Confirm,
    /// Which values are the usual ones.
    #[serde(default)]
    baseline: ZscoreBaseline,
    /// An incident is over this long after its last confirmed anomaly, if the last values (the N of `confirm`, at
    /// least three) were within half the threshold. In event time.
    #[serde(default = "settings::resolve_after")]
    resolve_after: Duration,
    /// After an incident its key opens no other for this long; what still holds then opens it. In event time.
    #[serde(default = "settings::cooldown")]
    cooldown: Duration,
    /// A change that stays this long is the new normal: the incident is resolved, and the baseline made of the values
    /// since it opened. An incident whose key sends nothing for this long is resolved too. In event time; `"never"`
    /// is the classic rule, which alarms for ever after a lasting change.
    #[serde(default)]
    relearn_after: Relearn,
    /// How many keys are remembered. Each takes about 370 bytes at its first value and 900 from its tenth on, and 8 to 16
    /// bytes for each value of the baseline beyond that; while an incident is open, the baseline's share twice. Beyond
    /// the limit those whose last value is the oldest are forgotten, a sixteenth of them at once, and counted as errors
    /// `key_evicted`; that it has begun is logged once.
    #[serde(default = "settings::max_keys")]
    max_keys: usize,
    /// How many keys are shown at `/metrics`, each in `logd_detector_value`, `_baseline`, `_lower`, `_upper` and
    /// `_score`. Updates of others are counted in `logd_detector_series_overflow_total`.
    #[serde(default = "settings::max_series")]
    max_series: usize,
}

/// Which values are the usual ones.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ZscoreBaseline {
    /// The last so many of a key, up to a million.
    samples: usize,
    /// With fewer there is no verdict.
    min_samples: usize,
    /// Whether anomalies, confirmed or not, are kept out.
    exclude_anomalies: bool,
}

impl Default for ZscoreBaseline {
    fn default() -> Self {
        let rule::Settings { rule, baseline, .. } = rule::Settings::zscore();
        let BaselineSettings { samples, exclude_anomalies } = baseline;
        Self { samples, min_samples: rule.min_samples, exclude_anomalies }
    }
}

fn threshold() -> f64 {
    3.0
}

fn direction() -> Direction {
    Direction::Both
}

impl ZscoreSettings {
    fn plan(&self) -> Plan<'_> {
        let ZscoreBaseline { samples, min_samples, exclude_anomalies } = self.baseline;
        let criterion = Criterion::Zscore { threshold: self.threshold, min_std: self.min_std };
        Plan {
            watched: Watched {
                algorithm: Self::NAME.to_owned(),
                fields: slice::from_ref(&self.field),
                group_by: &self.group_by,
                max_keys: self.max_keys,
                max_series: self.max_series,
            },
            rules: rule::Settings {
                rule: Rule { criterion, direction: self.direction, min_effect: self.min_effect, min_samples },
                confirm: self.confirm,
                baseline: BaselineSettings { samples, exclude_anomalies },
                resolve_after: self.resolve_after.into(),
                cooldown: self.cooldown.into(),
                relearn_after: self.relearn_after.0,
            },
        }
    }
}

impl Settings for ZscoreSettings {
    const NAME: &'static str = "zscore";
    const SUMMARY: &'static str = "Finds values that are far from the usual, in standard deviations";
    const EXAMPLE: &'static str = r#"
field = "latency_mean"
group_by = ["service"]
threshold = 3.0
min_effect = 1.5
confirm = "2 of 3"
baseline = { samples = 1000, min_samples = 10, exclude_anomalies = true }
"#;

    fn check(&self, check: &mut Check<'_>) {
        self.plan().check(check.report);
    }

    fn ports(&self) -> Vec<String> {
        settings::ports()
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        self.plan().watched.reads()
    }

    fn needs(&self, _: &dyn Conditions) -> Reads {
        self.plan().watched.needs()
    }

    fn makes(&self, port: &str) -> Makes {
        self.plan().watched.makes(port)
    }
}

impl KeyedSettings for ZscoreSettings {
    type Keyed = Detecting<Detector>;

    fn build(&self, context: &Context) -> anyhow::Result<Detecting<Detector>> {
        Detecting::by_rule(&self.plan(), context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_classic_rule() {
        let settings: ZscoreSettings = toml::from_str("field = 'x'").unwrap();
        assert_eq!(settings.plan().rules, rule::Settings::zscore());
    }

    #[test]
    fn every_setting_arrives() {
        let settings: ZscoreSettings = toml::from_str(
            "field = 'x'\nthreshold = 4\ndirection = 'down'\nmin_std = 0.5\nmin_effect = 1.5\nconfirm = '2 of 3'\n\
             baseline = { min_samples = 30 }\nresolve_after = '20s'\ncooldown = '0s'\nrelearn_after = 'never'",
        )
        .unwrap();
        let classic = rule::Settings::zscore();
        let expected = rule::Settings {
            rule: Rule {
                criterion: Criterion::Zscore { threshold: 4.0, min_std: 0.5 },
                direction: Direction::Down,
                min_effect: 1.5,
                min_samples: 30,
            },
            confirm: Confirm::new(2, 3).unwrap(),
            baseline: classic.baseline,
            resolve_after: std::time::Duration::from_secs(20),
            cooldown: std::time::Duration::ZERO,
            relearn_after: None,
        };
        assert_eq!(settings.plan().rules, expected);
    }
}
