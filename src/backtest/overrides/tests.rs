//! A value is written where it stands, or where it would.

use std::path::PathBuf;

use super::*;
use crate::config::compile::{Job, compile};

const PIPELINE: &str = r#"
[sources.logs]
type = "stdin"

[transforms.latency]
type = "zscore"
inputs = ["logs"]
field = "latency"
threshold = 3.0 # as it always was
baseline = { samples = 1000 }

[transforms.errors]
type = "spike"
inputs = ["logs"]
field = "errors"

[sinks.out]
type = "blackhole"
inputs = ["latency", "errors"]
"#;

fn compiled(folder: &std::path::Path) -> Compiled {
    let path = folder.join("p.toml");
    std::fs::write(&path, PIPELINE).unwrap();
    let paths: [PathBuf; 1] = [path];
    let conditions = logd_parse::conditions();
    let (conditions, instead) = (conditions.as_ref(), &Texts::new());
    compile(Job { paths: &paths, environment: &|_| None, conditions, once: false, taken: &[], instead, tests: false })
}

/// The lines that change when a setting is given a value.
fn changed(setting: &str, number: f64) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let compiled = compiled(folder.path());
    let detectors = ["errors", "latency"].map(|name| ComponentId::new("p", name));
    let texts = Target::find(setting, &compiled, &detectors)?.texts(&compiled, number)?;
    assert!(texts.keys().all(|path| path.is_absolute()));
    let lines = texts.values().flat_map(|text| text.lines());
    Ok(lines.filter(|line| !PIPELINE.lines().any(|old| old == *line)).map(str::to_owned).collect())
}

#[test]
fn a_value_takes_the_place_of_another() {
    assert_eq!(changed("threshold", 4.5).unwrap(), ["threshold = 4.5 # as it always was"]);
    let path = "transforms.latency.baseline.samples";
    assert_eq!(changed(path, 99.6).unwrap(), ["baseline = { samples = 100 }"]);
}

#[test]
fn a_name_means_all_detectors_that_have_it() {
    assert_eq!(changed("min_std", 1.5).unwrap(), ["min_std = 1.5"], "a spike has none");
    assert_eq!(changed("min_effect", 2.5).unwrap().len(), 2, "written for none");
    assert_eq!(changed("baseline.min_samples", 7.0).unwrap().len(), 2);
}

#[test]
fn what_is_no_number_is_refused() {
    assert_eq!(
        changed("sensitivty", 1.0).unwrap_err(),
        "no detector has a setting `sensitivty`: write transforms.NAME.SETTING for another's"
    );
    assert!(changed("transforms.none.threshold", 1.0).is_err());
    for setting in ["transforms.latency.field", "transforms.latency.baseline"] {
        let error = changed(setting, 1.0).unwrap_err();
        assert!(error.starts_with(&format!("`{setting}` in /")) && error.ends_with("is no number"), "{error}");
    }
    let error = changed("transforms.latency.field.x", 1.0).unwrap_err();
    assert!(error.ends_with("is no setting"), "{error}");
}
