//! The settings of `spike`.

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

/// Finds values that are many times the mean of the last ones: the classic rule for bursts of errors.
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
pub(crate) struct SpikeSettings {
    /// The field whose values are judged.
    field: FieldPath,
    /// The fields that make a key: each key has a baseline and incidents of its own. Without any, there is one key.
    /// A text of more than 1 KiB is cut to that, and ends with `…` and a hash of all of it.
    #[serde(default)]
    group_by: Vec<FieldPath>,
    /// A value is an anomaly if it is more than this many times the mean; downwards, if it is less than the mean
    /// divided by it.
    #[serde(default = "factor")]
    factor: f64,
    /// An anomaly must also exceed this, in the unit of the values; downwards, the mean must.
    #[serde(default = "min_value")]
    min_value: f64,
    /// On which side of the mean; the classic rule looks upwards.
    #[serde(default = "direction")]
    direction: Direction,
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
    baseline: SpikeBaseline,
    /// An incident is over this long after its last confirmed anomaly, if the last values (the N of `confirm`, at
    /// least three) were within half the way to `factor`. In event time.
    #[serde(default = "settings::resolve_after")]
    resolve_after: Duration,
    /// After an incident its key opens no other for this long; what still holds then opens it. In event time.
    #[serde(default = "settings::cooldown")]
    cooldown: Duration,
    /// A change that stays this long is the new normal: the incident is resolved, and the baseline made of the values
    /// since it opened. An incident whose key sends nothing for this long is resolved too. In event time; `"never"`
    /// leaves that to the baseline.
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
struct SpikeBaseline {
    /// The last so many of a key, up to a million.
    samples: usize,
    /// With fewer there is no verdict.
    min_samples: usize,
    /// Whether anomalies, confirmed or not, are kept out. In the classic rule they are not, so that a lasting spike
    /// becomes usual within some windows.
    exclude_anomalies: bool,
}

impl Default for SpikeBaseline {
    fn default() -> Self {
        let rule::Settings { rule, baseline, .. } = rule::Settings::spike();
        let BaselineSettings { samples, exclude_anomalies } = baseline;
        Self { samples, min_samples: rule.min_samples, exclude_anomalies }
    }
}

fn factor() -> f64 {
    5.0
}

fn min_value() -> f64 {
    0.1
}

fn direction() -> Direction {
    Direction::Up
}

impl SpikeSettings {
    fn plan(&self) -> Plan<'_> {
        let SpikeBaseline { samples, min_samples, exclude_anomalies } = self.baseline;
        let criterion = Criterion::Spike { factor: self.factor, min_value: self.min_value };
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

impl Settings for SpikeSettings {
    const NAME: &'static str = "spike";
    const SUMMARY: &'static str = "Finds values that are many times the usual, such as bursts of errors";
    const EXAMPLE: &'static str = r#"
field = "error_rate"
group_by = ["service"]
factor = 5.0
min_value = 0.1
baseline = { samples = 100, min_samples = 5 }
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

impl KeyedSettings for SpikeSettings {
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
        let settings: SpikeSettings = toml::from_str("field = 'x'").unwrap();
        assert_eq!(settings.plan().rules, rule::Settings::spike());
    }

    #[test]
    fn every_setting_arrives() {
        let settings: SpikeSettings = toml::from_str(
            "field = 'x'\nfactor = 3\nmin_value = 7\ndirection = 'both'\nmin_effect = 4\nconfirm = '3 of 5'\n\
             baseline = { samples = 50, exclude_anomalies = true }\nresolve_after = '1m'\ncooldown = '5m'\n\
             relearn_after = '1h'",
        )
        .unwrap();
        let classic = rule::Settings::spike();
        let expected = rule::Settings {
            rule: Rule {
                criterion: Criterion::Spike { factor: 3.0, min_value: 7.0 },
                direction: Direction::Both,
                min_effect: 4.0,
                min_samples: classic.rule.min_samples,
            },
            confirm: Confirm::new(3, 5).unwrap(),
            baseline: BaselineSettings { samples: 50, exclude_anomalies: true },
            resolve_after: std::time::Duration::from_secs(60),
            cooldown: std::time::Duration::from_secs(300),
            relearn_after: Some(std::time::Duration::from_secs(3600)),
        };
        assert_eq!(settings.plan().rules, expected);
    }
}
