//! The settings: what is read, and what is refused.

use logd_sdk::Settings;
use logd_sdk::component::{Check, Makes};
use logd_sdk::report::{Report, Severity};

use super::*;
use crate::transform::{SpikeSettings, ZscoreSettings};

/// What is wrong with a text: the message of the type that refused it, or all that `check` finds, each with its key.
pub(super) fn problems(name: &str, toml: &str) -> Vec<String> {
    let plan = match (component(name).parse)(DeTable::parse(toml).unwrap()) {
        Ok(plan) => plan,
        Err(error) => return vec![Fault::parse(error.message()).message],
    };
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
    let word = |severity| if severity == Severity::Warning { "warning: " } else { "" };
    let problems = report.problems().iter();
    problems.map(|problem| format!("{}{}: {}", word(problem.severity), problem.key, problem.message)).collect()
}

#[test]
fn reads_its_example() {
    assert!(problems("zscore", ZscoreSettings::EXAMPLE).is_empty());
    assert!(problems("spike", SpikeSettings::EXAMPLE).is_empty());
}

#[test]
fn reads_the_shipped_pipeline() {
    let latency = r#"
        field = "latency_mean"
        group_by = ["service"]
        threshold = 3.0
        min_effect = 1.5        # and at least 1.5 times the mean
        confirm = "2 of 3"
        baseline = { samples = 1000, min_samples = 10, exclude_anomalies = true }
    "#;
    let errors = r#"
        field = "error_rate"
        group_by = ["service"]
        factor = 5.0
        min_value = 0.1
        baseline = { samples = 100, min_samples = 5 }
    "#;
    assert_eq!(problems("zscore", latency), [""; 0]);
    assert_eq!(problems("spike", errors), [""; 0]);
}

#[test]
fn rejects_what_it_must() {
    for (name, toml, expected) in [
        ("zscore", "threshold = 3", "missing field `field`"),
        ("zscore", "field = 'x'\nthreshold = 0", "threshold: `threshold` must be a number above 0"),
        ("zscore", "field = 'x'\nthreshold = '3'", "invalid type: string \"3\", expected f64"),
        ("zscore", "field = 'x'\nmin_std = -1", "min_std: `min_std` must be 0 or a number above it"),
        ("zscore", "field = 'x'\nmin_effect = 0.5", "min_effect: `min_effect` must be 1 or a number above it"),
        ("zscore", "field = 'x'\ndirection = 'left'", "unknown variant `left`, expected one of `both`, `up`, `down`"),
        ("zscore", "field = 'x'\nresolve_after = 10", "the duration 10 has no unit"),
        (
            "zscore",
            "field = 'x'\nrelearn_after = '5s'",
            "relearn_after: `relearn_after` must be a duration above `resolve_after`",
        ),
        (
            "zscore",
            "field = 'x'\nbaseline.samples = 5",
            "baseline.min_samples: `baseline.min_samples` must be a number from 1 to `baseline.samples`",
        ),
        ("zscore", "field = 'x'\nmax_keys = 0", "max_keys: `max_keys` must be at least 1"),
        ("zscore", "field = '.'", "`.` is the whole event; a field is expected here"),
        ("spike", "field = 'x'\nfactor = 1", "factor: `factor` must be a number above 1"),
        ("zscore", "field = 'x'\nmin_std_ratio = -1", "min_std_ratio: `min_std_ratio` must be 0 or a number above it"),
        (
            "zscore",
            "field = 'x'\nbaseline.recent = 0",
            "baseline.recent: `baseline.recent` must be a number from 1 to 1000",
        ),
        (
            "zscore",
            "field = 'x'\nbaseline.alpha = 1",
            "baseline.alpha: `baseline.alpha` must be a number above 0 and below 1",
        ),
        (
            "zscore",
            "field = 'x'\nmethod = 'deviance'",
            "unknown variant `deviance`, expected one of `classic`, `gaussian`, `robust`, `ewma`",
        ),
        (
            "zscore",
            "field = 'x'\nseason = 'year'",
            "unknown variant `year`, expected one of `none`, `day`, `week`, `auto`",
        ),
        ("spike", "field = 'x'\nthreshold = 3", "threshold: `threshold` is for `method = \"deviance\"`"),
        ("spike", "field = 'x'\ncount_field = 'n'", "count_field: `count_field` is for `method = \"deviance\"`"),
        (
            "spike",
            "field = 'x'\ncount_field = 'n'\nmethod = 'deviance'\nfactor = 5",
            "factor: `factor` is for `method = \"classic\"`",
        ),
        (
            "spike",
            "field = 'x'\nmethod = 'deviance'",
            "count_field: `count_field` is missing, which `method = \"deviance\"` needs",
        ),
        (
            "spike",
            "field = 'x'\ncount_field = 'n'\nmethod = 'deviance'\nmin_value = 1",
            "min_value: `min_value` must be a share from 0 to below 1",
        ),
        (
            "spike",
            "field = 'x'\ncount_field = 'n'\nmethod = 'deviance'\nbaseline.exclude_anomalies = false",
            "baseline.exclude_anomalies: `baseline.exclude_anomalies` must be true where `method` is \"deviance\"",
        ),
        ("spike", "field = 'x'\nmin_value = nan", "min_value: `min_value` must be 0 or a number above it"),
        ("spike", "field = 'x'\ngroup_by = ['a', '.a']", "group_by[1]: `.a` stands here twice"),
    ] {
        assert_eq!(problems(name, toml), [expected], "{toml}");
    }
    assert!(problems("zscore", "field = 'x'\nconfirm = '4 of 3'")[0].starts_with("expected \"M of N\""));
    assert!(problems("zscore", "field = 'x'\nfactor = 3")[0].starts_with("unknown field `factor`"));
    assert!(problems("spike", "field = 'x'\nbaseline.size = 3")[0].starts_with("unknown field `size`"));
    let all = "field = 'x'\nthreshold = -1\nmin_std = -1\nmin_effect = 0\nbaseline.samples = 0\nmax_keys = 0";
    assert_eq!(problems("zscore", all).len(), 6, "all that is wrong is said at once");
}

#[test]
fn warns_of_what_is_hardly_meant() {
    let warning = "warning: group_by[0]: `x` is the field that is judged: each of its values is a key of its own";
    assert_eq!(problems("zscore", "field = '.x'\ngroup_by = ['x']"), [warning]);
}

#[test]
fn says_what_it_reads_and_makes() {
    let plan = plan("spike", "field = '.a.b'\ngroup_by = ['.http.status']");
    let plan = plan.describe();
    let fields = |texts: &[&str]| Reads::Fields(paths(texts));
    assert_eq!(plan.needs(&NoConditions), fields(&["a.b", "http.status"]));
    let reads = ["a.b", "http.status", "window.start", "window.end", "window.samples"];
    assert_eq!(plan.reads(&NoConditions), fields(&reads));
    let of_shares = super::plan("spike", "field = '.a.b'\nmethod = 'deviance'\ncount_field = 'n'");
    assert_eq!(of_shares.describe().needs(&NoConditions), fields(&["a.b", "n"]));
    assert_eq!(plan.ports(), ["anomalies", "scores"]);
    assert_eq!(plan.makes(""), Makes::Same);
    let scores = ["timestamp", "field", "key.\"http.status\"", "value", "expected", "lower", "upper", "score"];
    assert_eq!(plan.makes("scores"), Makes::Fields(paths(&scores)));
}

#[test]
fn the_schema_tells_defaults_and_meaning() {
    let mut generator = schemars::SchemaGenerator::default();
    (component("zscore").schema)(&mut generator);
    let schema = serde_json::to_value(generator.take_definitions(true)).unwrap();
    let settings = &schema["ZscoreSettings"]["properties"];
    let default = |name: &str| settings[name]["default"].to_string();
    assert_eq!(
        ["threshold", "confirm", "cooldown", "direction"].map(default),
        ["3.0", r#""1 of 1""#, r#""1m""#, r#""both""#]
    );
    assert_eq!(schema["ZscoreSettings"]["required"], serde_json::json!(["field"]));
    for (name, setting) in settings.as_object().unwrap() {
        assert!(setting["description"].is_string(), "{name}");
    }
}
