//! The settings of `novelty`.

use std::slice;

use logd_sdk::component::{KeyedSettings, Makes};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::settings::{Duration, FieldPath};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keyed::Detecting;
use super::settings::{self, Watched};
use crate::novelty::{self, Novelty};

/// Finds what was never there before, in metrics of which nothing is known: no level, no period, no distribution.
///
/// With `method = "knn"` the last values of a field, in their order, are compared with all such stretches before them.
/// With `method = "trees"` the values of several fields at one moment are compared with those before, so that a
/// combination is found that never was, of values that each are usual. How strange that is decides its rank among the
/// last values: the score, from 0 to 1, or up to 2 beyond all of them. What is strange is learned at once, and is novel
/// no longer when it has come often enough; so a lasting change is told once.
///
/// Everything that comes in leaves unchanged. Incidents leave by the output `anomalies`, one event for each change:
/// opened, worse, resolved. Every value leaves by `scores`; nothing is expected of it, so that there is no band. Rows
/// with a value that is missing, no number, or infinite are counted as errors and not used.
///
/// It wants values in regular steps, such as the results of windows, and is quiet for the first 232 of a key (with trees,
/// 450). What is open when the input ends stays open.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoveltySettings {
    /// The field whose values are judged.
    field: Option<FieldPath>,
    /// The fields whose values are judged together, instead of `field`. More than one takes `method = "trees"`.
    #[serde(default)]
    fields: Vec<FieldPath>,
    /// The fields that make a key: each key has a history and incidents of its own. Without any, there is one key.
    /// A text of more than 1 KiB is cut to that, and ends with `…` and a hash of all of it.
    #[serde(default)]
    group_by: Vec<FieldPath>,
    /// What is compared with what.
    #[serde(default)]
    method: Method,
    /// A score of this or more opens an incident, from 0.5 to 1. With 0.975 it is one value in forty, with 1 only what is
    /// stranger than everything in the history.
    #[serde(default = "threshold")]
    threshold: f64,
    /// After an incident has opened its key opens no other for so many values.
    #[serde(default = "refractory")]
    refractory: usize,
    /// How many values are compared with, from 200 to 100,000.
    #[serde(default = "history")]
    history: usize,
    /// How many values are one stretch, with `method = "knn"`; up to 1000.
    #[serde(default = "shingle")]
    shingle: usize,
    /// How many of the stretches that are most alike count, with `method = "knn"`: what has come so often is usual. Up
    /// to 1000.
    #[serde(default = "neighbors")]
    neighbors: usize,
    /// An incident whose key sends nothing for this long is resolved. In event time.
    #[serde(default = "silent_after")]
    silent_after: Duration,
    /// How many keys are remembered. Each takes 16 bytes for each value of the history, 48 KB by default, and 1 KB more;
    /// with `method = "trees"` 8 for each, and 25 KB, and 2 KB for each field. Beyond the limit those whose last value is
    /// the oldest are forgotten, a sixteenth of them at once, and counted as errors `key_evicted`; that it has begun is
    /// logged once.
    #[serde(default = "max_keys")]
    max_keys: usize,
    /// How many keys are shown at `/metrics`, each in `logd_detector_value` and `_score`. Updates of others are counted
    /// in `logd_detector_series_overflow_total`.
    #[serde(default = "settings::max_series")]
    max_series: usize,
}

/// What is compared with what.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Method {
    /// The last values of one field with the stretches before them: nearest neighbours, ranked as in conformal
    /// prediction. It costs as many multiplications a value as `history` times `shingle`, some 20 µs by default.
    #[default]
    Knn,
    /// The values of one or several fields with those before: half-space trees.
    Trees,
}

fn threshold() -> f64 {
    novelty::Settings::knn().threshold
}

fn refractory() -> usize {
    novelty::Settings::knn().refractory
}

fn history() -> usize {
    novelty::Settings::knn().history
}

fn shingle() -> usize {
    32
}

fn neighbors() -> usize {
    20
}

fn silent_after() -> Duration {
    Duration::from_secs(86_400)
}

/// Fewer than other detectors have: a key takes more.
fn max_keys() -> usize {
    10_000
}

impl NoveltySettings {
    /// What it judges.
    fn fields(&self) -> &[FieldPath] {
        self.field.as_ref().map_or(&self.fields[..], slice::from_ref)
    }

    fn watched(&self) -> Watched<'_> {
        Watched {
            // With other shingles, what was strange by the old ones says nothing.
            algorithm: match self.method {
                Method::Knn => format!("{} knn {} {}", Self::NAME, self.shingle, self.neighbors),
                Method::Trees => format!("{} trees", Self::NAME),
            },
            fields: self.fields(),
            count_field: None,
            group_by: &self.group_by,
            max_keys: self.max_keys,
            max_series: self.max_series,
        }
    }

    fn core(&self) -> novelty::Settings {
        novelty::Settings {
            method: match self.method {
                Method::Knn => novelty::Method::Knn { shingle: self.shingle, neighbors: self.neighbors },
                Method::Trees => novelty::Method::Trees,
            },
            threshold: self.threshold,
            refractory: self.refractory,
            history: self.history,
            silent_after: self.silent_after.into(),
        }
    }
}

impl Settings for NoveltySettings {
    const NAME: &'static str = "novelty";
    const SUMMARY: &'static str = "Finds what was never there before, in metrics of which nothing is known";
    const EXAMPLE: &'static str = r#"
field = "cpu_mean"
group_by = ["host"]
threshold = 0.98
refractory = 60
"#;

    fn check(&self, check: &mut Check<'_>) {
        match (&self.field, &self.fields[..]) {
            (None, []) => {
                check.report.error("field", "there is nothing to judge").help("name one `field`, or several `fields`");
            }
            (Some(_), [_, ..]) => {
                check.report.error("fields", "there is `field`, too").help("name all of them here");
            }
            _ => {}
        }
        for (index, field) in self.fields.iter().enumerate() {
            if self.fields[..index].contains(field) {
                let key = logd_sdk::report::KeyPath::from("fields").index(index);
                check.report.error(key, format!("`{field}` stands here twice"));
            }
        }
        for problem in self.core().problems(self.fields().len().max(1)) {
            settings::tell(check.report, problem);
        }
        self.watched().check(check.report);
    }

    fn ports(&self) -> Vec<String> {
        settings::ports()
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        self.watched().reads()
    }

    fn needs(&self, _: &dyn Conditions) -> Reads {
        self.watched().needs()
    }

    fn makes(&self, port: &str) -> Makes {
        settings::makes(port, &self.group_by)
    }
}

impl KeyedSettings for NoveltySettings {
    type Keyed = Detecting<Novelty>;

    fn build(&self, context: &Context) -> anyhow::Result<Detecting<Novelty>> {
        let settings = self.core();
        if let Some(problem) = settings.problems(self.fields().len()).first() {
            anyhow::bail!("`{}` must be {}", problem.setting, problem.expected);
        }
        Ok(Detecting::new(&self.watched(), context, |identity, measures| Novelty::new(settings, identity, measures)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let settings: NoveltySettings = toml::from_str("field = 'x'").unwrap();
        assert_eq!(settings.core(), novelty::Settings::knn());
        let settings: NoveltySettings = toml::from_str("fields = ['x', 'y']\nmethod = 'trees'").unwrap();
        assert_eq!(settings.core(), novelty::Settings::trees());
    }

    #[test]
    fn every_setting_arrives() {
        let settings: NoveltySettings = toml::from_str(
            "field = 'x'\nthreshold = 0.99\nrefractory = 7\nhistory = 500\nshingle = 8\nneighbors = 3\n\
             silent_after = '2h'",
        )
        .unwrap();
        let expected = novelty::Settings {
            method: novelty::Method::Knn { shingle: 8, neighbors: 3 },
            threshold: 0.99,
            refractory: 7,
            history: 500,
            silent_after: std::time::Duration::from_secs(7200),
        };
        assert_eq!(settings.core(), expected);
    }
}
