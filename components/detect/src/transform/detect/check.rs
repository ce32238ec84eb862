//! What may be wrong with the settings of `detect`.

use logd_sdk::Check;
use logd_sdk::report::KeyPath;

use super::settings::{DetectSettings, Fields};

/// More samples would be no evidence but a copy of the log.
const MOST_SAMPLES: usize = 20;

/// Reports all that is wrong.
pub(super) fn check(settings: &DetectSettings, check: &mut Check<'_>) {
    check_fields(&settings.fields, check);
    if let Some(source) = &settings.deploy_marker {
        drop(check.condition("deploy_marker", source));
    }
    for (index, field) in settings.group_by.iter().enumerate() {
        if settings.group_by[..index].contains(field) {
            check.report.error(KeyPath::from("group_by").index(index), format!("`{field}` stands here twice"));
        }
    }
    check_factor(KeyPath::from("sensitivity"), "sensitivity", settings.sensitivity, check);
    for (name, signal) in [
        ("latency", &settings.latency),
        ("degradation", &settings.degradation),
        ("tail_latency", &settings.tail_latency),
        ("traffic_drop", &settings.traffic_drop),
        ("traffic_surge", &settings.traffic_surge),
        ("silence", &settings.silence),
    ] {
        check_factor(KeyPath::from([name, "sensitivity"]), "sensitivity", signal.sensitivity, check);
        if let Some(effect) = signal.min_effect {
            check_effect(name, effect, check);
        }
    }
    check_factor(KeyPath::from(["error_rate", "sensitivity"]), "sensitivity", settings.error_rate.sensitivity, check);
    check_effect("error_rate", settings.error_rate.min_effect, check);
    if !(0.0..1.0).contains(&settings.error_rate.min_increase) {
        check
            .report
            .error(["error_rate", "min_increase"], "`min_increase` must be a share, from 0 to less than 1")
            .help("one event in a hundred is 0.01");
    }
    let bucket = settings.bucket.as_nanos();
    let second = 1_000_000_000;
    if !(10 * second..=60 * second).contains(&bucket)
        || !(60 * second).is_multiple_of(bucket)
        || !bucket.is_multiple_of(second)
    {
        check
            .report
            .error("bucket", "`bucket` must be from 10 to 60 whole seconds, of which a minute has a whole number")
            .help("write 10s, 15s, 20s, 30s or 60s");
    }
    if settings.rebase_after.as_secs() < 1800 {
        check.report.error("rebase_after", "`rebase_after` must be at least 30m, of which the new normal is made");
    }
    if settings.samples > MOST_SAMPLES {
        check
            .report
            .error("samples", format!("`samples` must be {MOST_SAMPLES} at most"))
            .help("each key keeps so many, and so does each anomaly");
    }
    if settings.max_keys == 0 {
        check.report.error("max_keys", "`max_keys` must be at least 1");
    }
}

fn check_fields(fields: &Fields, check: &mut Check<'_>) {
    if let Some(source) = &fields.error {
        drop(check.condition(KeyPath::from(["fields", "error"]), source));
    }
    if fields.error_rate.is_some() && fields.count.is_none() {
        check
            .report
            .error(
                ["fields", "error_rate"],
                "`error_rate` is a window's, of which `count` must say how many events it has",
            )
            .help("over single events write a condition: fields.error = '.level == \"ERROR\"'");
    }
    if fields.error.is_some() && fields.count.is_some() {
        check
            .report
            .error(["fields", "error"], "`error` is of single events, and `count` says that they are windows")
            .help("name the field with the share of errors: fields.error_rate = \"error_rate\"");
    }
}

fn check_factor(key: KeyPath, name: &str, factor: f64, check: &mut Check<'_>) {
    if !(factor > 0.0 && factor.is_finite()) {
        check.report.error(key, format!("`{name}` must be a number above 0")).help("thresholds are divided by it");
    }
}

fn check_effect(signal: &str, effect: f64, check: &mut Check<'_>) {
    if !(effect >= 1.0 && effect.is_finite()) {
        check
            .report
            .error([signal, "min_effect"], "`min_effect` must be a multiple of the usual, 1 or more")
            .help("a quarter more is 1.25");
    }
}
