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

/// Finds values that are many times the mean of the last ones, the classic rule for bursts of errors; or shares of events
/// that are improbable by the usual share.
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
    /// How it is judged.
    #[serde(default)]
    method: SpikeMethod,
    /// With `classic`, a value is an anomaly if it is more than this many times the mean; downwards, if it is less than the
    /// mean divided by it. By default 5.
    factor: Option<f64>,
    /// With `deviance`, a value is an anomaly if it is improbable by more than so many standard deviations. By default 6.5.
    threshold: Option<f64>,
    /// With `deviance`, the field that says of how many events the value is a share, such as a window's `count`.
    count_field: Option<FieldPath>,
    /// An anomaly must also exceed this, in the unit of the values; downwards, the mean must. By default 0.1, with
    /// `deviance` 0.01.
    min_value: Option<f64>,
    /// On which side of the mean; the classic rule looks upwards.
    #[serde(default = "direction")]
    direction: Direction,
    /// An anomaly must also be at least this many times the mean (below the mean: at most the mean divided by it).
    /// With 1, nothing more is asked. By default 1, with `deviance` 2.
    min_effect: Option<f64>,
    /// How many of a key's last values must be anomalies on one side before they are believed, up to 64.
    #[serde(default)]
    #[schemars(with = "String", regex(pattern = r"^\s*[0-9]+ of [0-9]+\s*$|\$"))]
    confirm: Confirm,
    /// Which values are the usual ones.
    #[serde(default)]
    baseline: SpikeBaseline,
    /// An incident is over this long after its last confirmed anomaly, if the last values (the N of `confirm`, at
    /// least three) were within half the way to `factor`, or half of `threshold`. In event time.
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
    /// How many keys are remembered. Each takes about 400 bytes at its first value and 1 KiB from its tenth on, and 8 to 16
    /// bytes for each value of the baseline beyond that (with `deviance` none); while an incident is open, the baseline's
    /// share twice. Beyond
    /// the limit those whose last value is the oldest are forgotten, a sixteenth of them at once, and counted as errors
    /// `key_evicted`; that it has begun is logged once.
    #[serde(default = "settings::max_keys")]
    max_keys: usize,
    /// How many keys are shown at `/metrics`, each in `logd_detector_value`, `_baseline`, `_lower`, `_upper` and
    /// `_score`. Updates of others are counted in `logd_detector_series_overflow_total`.
    #[serde(default = "settings::max_series")]
    max_series: usize,
}

/// How a value is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SpikeMethod {
    /// By how many times the mean of the last `baseline.samples` values it is.
    #[default]
    Classic,
    /// It is a share of events, from 0 to 1, and `count_field` says of how many: 3 of 10 tell less than 300 of 1000. The
    /// usual share is that of all events, half as important after 24 h; where it strays more than chance has it, more is
    /// asked. The score is the signed root of the deviance, which is as a z-score is. At least four of the events must be
    /// hits. A key takes 56 bytes.
    Deviance,
}

/// Which values are the usual ones.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SpikeBaseline {
    /// The last so many of a key, up to a million. Not for `deviance`, which counts all.
    samples: usize,
    /// With fewer there is no verdict.
    min_samples: usize,
    /// Whether anomalies, confirmed or not, are kept out. In the classic rule they are not, so that a lasting spike
    /// becomes usual within some windows; with `deviance` they always are. That is the default.
    exclude_anomalies: Option<bool>,
}

impl Default for SpikeBaseline {
    fn default() -> Self {
        let rule::Settings { rule, baseline, .. } = rule::Settings::spike();
        Self { samples: baseline.samples, min_samples: rule.min_samples, exclude_anomalies: None }
    }
}

fn direction() -> Direction {
    Direction::Up
}

impl SpikeSettings {
    fn plan(&self) -> Plan<'_> {
        let SpikeBaseline { samples, min_samples, exclude_anomalies } = self.baseline;
        let default = match self.method {
            SpikeMethod::Classic => rule::Settings::spike(),
            SpikeMethod::Deviance => rule::Settings::deviance(),
        };
        let criterion = match default.rule.criterion {
            Criterion::Spike { factor, min_value } => Criterion::Spike {
                factor: self.factor.unwrap_or(factor),
                min_value: self.min_value.unwrap_or(min_value),
            },
            Criterion::Deviance { threshold, min_value } => Criterion::Deviance {
                threshold: self.threshold.unwrap_or(threshold),
                min_value: self.min_value.unwrap_or(min_value),
            },
            other @ Criterion::Zscore { .. } => other,
        };
        let min_effect = self.min_effect.unwrap_or(default.rule.min_effect);
        let exclude_anomalies = exclude_anomalies.unwrap_or(default.baseline.exclude_anomalies);
        let baseline = BaselineSettings { samples, exclude_anomalies, ..default.baseline };
        Plan {
            watched: Watched {
                algorithm: settings::by_rule(Self::NAME, &baseline),
                fields: slice::from_ref(&self.field),
                count_field: self.count_field.as_ref(),
                group_by: &self.group_by,
                max_keys: self.max_keys,
                max_series: self.max_series,
            },
            rules: rule::Settings {
                rule: Rule { criterion, direction: self.direction, min_effect, min_samples },
                confirm: self.confirm,
                baseline,
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
        let classic = [("factor", self.factor.is_some())];
        let deviance = [("threshold", self.threshold.is_some()), ("count_field", self.count_field.is_some())];
        let (others, other): (&[_], _) = match self.method {
            SpikeMethod::Classic => (&deviance, "deviance"),
            SpikeMethod::Deviance => (&classic, "classic"),
        };
        for (setting, _) in others.iter().filter(|(_, is_set)| *is_set) {
            check.report.error(*setting, format!("`{setting}` is for `method = \"{other}\"`"));
        }
        if self.method == SpikeMethod::Deviance && self.count_field.is_none() {
            let problem =
                check.report.error("count_field", "`count_field` is missing, which `method = \"deviance\"` needs");
            problem.help("name the field that says of how many events the value is a share");
        }
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
        settings::makes(port, &self.group_by)
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
    fn deviance_has_defaults_of_its_own() {
        let text = "field = 'x'\nmethod = 'deviance'\ncount_field = 'n'";
        let settings: SpikeSettings = toml::from_str(text).unwrap();
        assert_eq!(settings.plan().rules, rule::Settings::deviance());
        let text = format!("{text}\nthreshold = 4\nmin_value = 0.2\nmin_effect = 1.5\nbaseline.min_samples = 9");
        let settings: SpikeSettings = toml::from_str(&text).unwrap();
        let mut expected = rule::Settings::deviance();
        expected.rule = Rule {
            criterion: Criterion::Deviance { threshold: 4.0, min_value: 0.2 },
            min_effect: 1.5,
            min_samples: 9,
            ..expected.rule
        };
        assert_eq!(settings.plan().rules, expected);
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
            baseline: BaselineSettings { samples: 50, exclude_anomalies: true, ..classic.baseline },
            resolve_after: std::time::Duration::from_secs(60),
            cooldown: std::time::Duration::from_secs(300),
            relearn_after: Some(std::time::Duration::from_secs(3600)),
        };
        assert_eq!(settings.plan().rules, expected);
    }
}
