//! What `detect` says of its settings.

use logd_sdk::Settings;
use logd_sdk::component::Check;
use logd_sdk::report::Report;

use super::{DetectSettings, Flags};

fn mistakes(toml: &str) -> Vec<String> {
    let settings: DetectSettings = toml::from_str(toml).expect("it can be read");
    let mut report = Report::default();
    settings.check(&mut Check { report: &mut report, conditions: &Flags });
    report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}

#[test]
fn nothing_is_wrong_with_the_defaults() {
    assert_eq!(mistakes(""), Vec::<String>::new());
    assert_eq!(mistakes("fields.count = 'n'\nfields.error_rate = 'errors'\nbucket = '60s'"), Vec::<String>::new());
}

#[test]
fn every_mistake_is_told_at_its_key() {
    let told = mistakes(
        "group_by = ['a', 'a']\nfields.error = 'what?'\nfields.error_rate = 'x'\nsensitivity = 0.0\n\
         silence.sensitivity = -1.0\nlatency.min_effect = 0.5\nerror_rate.min_increase = 1.5\nbucket = '7s'\n\
         rebase_after = '1m'\nmax_keys = 0\ndeploy_marker = 'deployed'",
    );
    let keys: Vec<_> = told.iter().filter_map(|told| told.split_once(": ")).map(|(key, _)| key).collect();
    let expected = [
        "fields.error",
        "fields.error_rate",
        "group_by[1]",
        "sensitivity",
        "latency.min_effect",
        "silence.sensitivity",
        "error_rate.min_increase",
        "bucket",
        "rebase_after",
        "max_keys",
    ];
    assert_eq!(keys, expected, "{told:#?}");
}

#[test]
fn what_nobody_knows_is_refused() {
    for toml in ["latncy = {}", "latency.min_efect = 2.0", "fields.user = 'x'", "error_rate.enable = true"] {
        assert!(toml::from_str::<DetectSettings>(toml).is_err(), "{toml}");
    }
}
