//! What the settings of all detectors have in common, and those of `zscore` and `spike`: their meaning, what may be
//! wrong with it, the outputs.

use std::sync::Arc;

use logd_sdk::Columns;
use logd_sdk::component::Makes;
use logd_sdk::condition::Reads;
use logd_sdk::report::{self, KeyPath, Report};
use logd_sdk::settings::{Duration, FieldPath};
use vrl::owned_value_path;
use vrl::path::OwnedValuePath;
use xxhash_rust::xxh3::xxh3_64;

use super::key;
use crate::rule::{self, Problem};

/// The fields of an anomaly beside those of its key.
pub(crate) const ANOMALY: [&str; 23] = [
    "id",
    "incident_id",
    "state",
    "reason",
    "timestamp",
    "since",
    "window",
    "detector",
    "field",
    "type",
    "signals",
    "related",
    "severity",
    "score",
    "value",
    "threshold",
    "baseline",
    "peak",
    "explanation",
    "rule",
    "quiet",
    "evidence",
    "samples",
];

/// The fields of a score after its time and key.
pub(super) const FIGURES: [&str; 5] = ["value", "expected", "lower", "upper", "score"];

/// The settings of a detector by a rule, whichever it is.
pub(super) struct Plan<'s> {
    /// What is watched.
    pub(super) watched: Watched<'s>,
    /// How it is judged.
    pub(super) rules: rule::Settings,
}

/// What a detector watches, however it judges.
pub(super) struct Watched<'s> {
    /// The component's type, and what else its states depend on.
    pub(super) algorithm: String,
    /// What is judged: one field, or several at once.
    pub(super) fields: &'s [FieldPath],
    /// Where it says of how many events that is a share, if that is asked for.
    pub(super) count_field: Option<&'s FieldPath>,
    /// What makes a key.
    pub(super) group_by: &'s [FieldPath],
    /// How many keys are remembered.
    pub(super) max_keys: usize,
    /// How many keys are shown at `/metrics`.
    pub(super) max_series: usize,
}

/// The outputs beside the main one, in the order of their ports.
pub(super) fn ports() -> Vec<String> {
    vec!["anomalies".to_owned(), "scores".to_owned()]
}

pub(super) fn min_effect() -> f64 {
    1.0
}

pub(super) fn resolve_after() -> Duration {
    Duration::from_secs(10)
}

pub(super) fn cooldown() -> Duration {
    Duration::from_secs(60)
}

pub(super) fn max_keys() -> usize {
    100_000
}

pub(super) fn max_series() -> usize {
    1000
}

/// Where a window's result says when it began,
pub(super) fn window_start() -> OwnedValuePath {
    owned_value_path!("window", "start")
}

/// and when it ended.
pub(super) fn window_end() -> OwnedValuePath {
    owned_value_path!("window", "end")
}

/// Where it says which of its fields has the events that it has kept, if one has.
pub(super) fn window_samples() -> OwnedValuePath {
    owned_value_path!("window", "samples")
}

/// The fields of the events that leave by a detector's port.
pub(super) fn makes(port: &str, group_by: &[FieldPath]) -> Makes {
    match port {
        "anomalies" => Makes::Fields(anomaly_fields(group_by.iter().map(key::name))),
        "scores" => Makes::Fields(score_columns(group_by).paths().to_vec()),
        _ => Makes::Same,
    }
}

/// The fields of an anomaly whose key has these.
pub(crate) fn anomaly_fields<'n>(key: impl Iterator<Item = &'n str>) -> Vec<OwnedValuePath> {
    ANOMALY.into_iter().map(OwnedValuePath::single_field).chain(key.map(key_field)).collect()
}

/// The columns of scores: when, of what, whose, and the figures.
pub(super) fn score_columns(group_by: &[FieldPath]) -> Arc<Columns> {
    let first = [owned_value_path!("timestamp"), owned_value_path!("field")];
    let keys = group_by.iter().map(|field| key_field(key::name(field)));
    Columns::new(first.into_iter().chain(keys).chain(FIGURES.into_iter().map(OwnedValuePath::single_field)))
}

/// Where the value of a key's field stands.
fn key_field(name: &str) -> OwnedValuePath {
    owned_value_path!("key", name)
}

impl Plan<'_> {
    /// Reports all that is wrong.
    pub(super) fn check(&self, report: &mut Report) {
        for problem in self.rules.problems() {
            let is_min_samples = problem.setting == "baseline.min_samples";
            let problem = tell(report, problem);
            if is_min_samples {
                let (enough, of) = (self.rules.rule.min_samples, self.rules.baseline.samples);
                problem.help(format!("here it is {enough}, of {of} samples"));
            }
        }
        self.watched.check(report);
    }
}

/// Reports a setting that makes no sense.
pub(super) fn tell(report: &mut Report, Problem { setting, expected }: Problem) -> &mut report::Problem {
    let key = KeyPath(setting.split('.').map(Into::into).collect());
    report.error(key, format!("`{setting}` must be {expected}"))
}

/// The algorithm of a detector by a rule: its component's type, and what else its baselines depend on.
pub(super) fn by_rule(name: &str, baseline: &rule::BaselineSettings) -> String {
    let rule::BaselineSettings { method, season, .. } = baseline;
    format!("{name} {method:?} {season:?}")
}

impl Watched<'_> {
    /// Reports all that is wrong with it.
    pub(super) fn check(&self, report: &mut Report) {
        for (index, field) in self.group_by.iter().enumerate() {
            let key = KeyPath::from("group_by").index(index);
            if self.group_by[..index].contains(field) {
                report.error(key, format!("`{field}` stands here twice"));
            } else if self.fields.contains(field) {
                let message = format!("`{field}` is the field that is judged: each of its values is a key of its own");
                report.warning(key, message).help("name the fields that say whose values they are");
            }
        }
        if self.max_keys == 0 {
            report.error("max_keys", "`max_keys` must be at least 1");
        }
    }

    /// The fields without which there is nothing to judge.
    pub(super) fn needs(&self) -> Reads {
        let fields = self.judged().chain(self.group_by);
        Reads::Fields(fields.map(|field| field.path().clone()).collect())
    }

    /// All fields that are read: of a window's result also when it was, and where its samples are.
    pub(super) fn reads(&self) -> Reads {
        let of_windows = vec![window_start(), window_end(), window_samples()];
        self.needs().and(Reads::Fields(of_windows))
    }

    /// The fields that are judged.
    fn judged(&self) -> impl Iterator<Item = &FieldPath> {
        self.fields.iter().chain(self.count_field)
    }

    /// What an anomaly and a score name: the fields, with commas between them.
    pub(super) fn field(&self) -> String {
        self.fields.iter().map(key::name).collect::<Vec<_>>().join(", ")
    }

    /// What a baseline is of: one with another fingerprint can't be gone on with. Thresholds and the like may change.
    pub(super) fn fingerprint(&self) -> u64 {
        let fields = self.judged().chain(self.group_by);
        let paths = fields.map(|field| format!("\n{}", field.path()));
        xxh3_64(format!("{}{}", self.algorithm, paths.collect::<String>()).as_bytes())
    }
}
