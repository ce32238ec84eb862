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
use crate::baseline::Method;
use crate::detector::Detector;
use crate::rule::{self, BaselineSettings, Confirm, Criterion, Direction, Rule};
use crate::season::Seasons;

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
    /// How the usual is made of values.
    #[serde(default)]
    method: ZscoreMethod,
    /// Whether values are judged by those of the same time of day or week. Incidents are learned from as well: what comes
    /// every day is no anomaly from the fourth day on. A day counts if the key was known when it began, in UTC.
    #[serde(default)]
    season: Seasons,
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
    /// The standard deviation is also taken to be at least this part of the mean: 0.05 is 5 %. The larger of the two holds.
    #[serde(default)]
    min_std_ratio: f64,
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
    /// How many keys are remembered. Each takes about 400 bytes at its first value and 1 KiB from its tenth on, and 8 to 16
    /// bytes for each value of the baseline beyond that, with `robust` 16 to 32, with `ewma` none, with `gaussian` 8 to 16
    /// for each of `recent` too; while an incident is open, the baseline's share twice; and what `season` says. Beyond
    /// the limit those whose last value is the oldest are forgotten, a sixteenth of them at once, and counted as errors
    /// `key_evicted`; that it has begun is logged once.
    #[serde(default = "settings::max_keys")]
    max_keys: usize,
    /// How many keys are shown at `/metrics`, each in `logd_detector_value`, `_baseline`, `_lower`, `_upper` and
    /// `_score`. Updates of others are counted in `logd_detector_series_overflow_total`.
    #[serde(default = "settings::max_series")]
    max_series: usize,
}

/// How the usual is made of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ZscoreMethod {
    /// By mean and standard deviation of the last `baseline.samples` values. A value costs O(1).
    #[default]
    Classic,
    /// By the same, of the values before the last `baseline.recent` ones, whose mean is judged, and not each alone: it takes
    /// a change that lasts, and not one odd value. Anomalies tell how improbable such a value is under a normal
    /// distribution. A value costs O(`recent`).
    Gaussian,
    /// By median and median absolute deviation (times 1.4826) of the last `baseline.samples` values: up to half of them
    /// may be odd without moving what is usual. Where more than half are equal the deviation is 0: set `min_std` or
    /// `min_std_ratio`. A value costs O(log `samples`), and a shift of 4 bytes for each of them: 0.1 µs for 1000.
    Robust,
    /// By mean and standard deviation of all values, older ones for exponentially less by `baseline.alpha`. A value costs
    /// O(1), a key 40 bytes.
    Ewma,
}

impl From<ZscoreMethod> for Method {
    fn from(method: ZscoreMethod) -> Self {
        match method {
            ZscoreMethod::Classic => Self::Classic,
            ZscoreMethod::Gaussian => Self::Gaussian,
            ZscoreMethod::Robust => Self::Robust,
            ZscoreMethod::Ewma => Self::Ewma,
        }
    }
}

/// Which values are the usual ones.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ZscoreBaseline {
    /// The last so many of a key, up to a million. Not for `ewma`, which counts all.
    samples: usize,
    /// With `gaussian`, the mean of so many last values is judged, up to 1000.
    recent: usize,
    /// With `ewma`, each value takes this part of their weight from those before it: half a weight is left after
    /// 0.69 / `alpha` values. Above 0, below 1.
    alpha: f64,
    /// With fewer there is no verdict.
    min_samples: usize,
    /// Whether anomalies, confirmed or not, are kept out.
    exclude_anomalies: bool,
}

impl Default for ZscoreBaseline {
    fn default() -> Self {
        let rule::Settings { rule, baseline, .. } = rule::Settings::zscore();
        let BaselineSettings { samples, recent, alpha, exclude_anomalies, .. } = baseline;
        Self { samples, recent, alpha, min_samples: rule.min_samples, exclude_anomalies }
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
        let ZscoreBaseline { samples, recent, alpha, min_samples, exclude_anomalies } = self.baseline;
        let Self { threshold, min_std, min_std_ratio, .. } = *self;
        let (method, season) = (self.method.into(), self.season);
        let criterion = Criterion::Zscore { threshold, min_std, min_std_ratio };
        let baseline = BaselineSettings { method, season, samples, recent, alpha, exclude_anomalies };
        Plan {
            watched: Watched {
                algorithm: settings::by_rule(Self::NAME, &baseline),
                fields: slice::from_ref(&self.field),
                count_field: None,
                group_by: &self.group_by,
                max_keys: self.max_keys,
                max_series: self.max_series,
            },
            rules: rule::Settings {
                rule: Rule { criterion, direction: self.direction, min_effect: self.min_effect, min_samples },
                confirm: self.confirm,
                baseline,
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
        settings::makes(port, &self.group_by)
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
            "field = 'x'\nthreshold = 4\ndirection = 'down'\nmin_std = 0.5\nmin_std_ratio = 0.1\nmin_effect = 1.5\n\
             confirm = '2 of 3'\nmethod = 'ewma'\nseason = 'week'\nbaseline = { min_samples = 30, recent = 5, alpha = 0.1 }\nresolve_after = '20s'\ncooldown = '0s'\nrelearn_after = 'never'",
        )
        .unwrap();
        let classic = rule::Settings::zscore();
        let expected = rule::Settings {
            rule: Rule {
                criterion: Criterion::Zscore { threshold: 4.0, min_std: 0.5, min_std_ratio: 0.1 },
                direction: Direction::Down,
                min_effect: 1.5,
                min_samples: 30,
            },
            confirm: Confirm::new(2, 3).unwrap(),
            baseline: BaselineSettings {
                method: Method::Ewma,
                season: Seasons::Week,
                recent: 5,
                alpha: 0.1,
                ..classic.baseline
            },
            resolve_after: std::time::Duration::from_secs(20),
            cooldown: std::time::Duration::ZERO,
            relearn_after: None,
        };
        assert_eq!(settings.plan().rules, expected);
    }
}
