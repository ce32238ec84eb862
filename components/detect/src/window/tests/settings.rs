//! The settings: what is read, and what is refused.

use logd_sdk::Settings;
use logd_sdk::component::{Check, Component, Makes};
use logd_sdk::report::{Report, Severity};

use super::*;

const COMPONENT: Component = Component::keyed::<WindowSettings>();

/// The problems of these settings, each with its place.
fn problems(toml: &str) -> Vec<(Severity, String, String)> {
    let mut report = Report::default();
    settings(toml).check(&mut Check { report: &mut report, conditions: &Toy });
    let problems = report.problems().iter();
    problems.map(|problem| (problem.severity, problem.key.to_string(), problem.message.clone())).collect()
}

#[test]
fn reads_its_example() {
    let table = toml::de::DeTable::parse(WindowSettings::EXAMPLE).expect("TOML");
    (COMPONENT.parse)(table).expect("settings");
    assert!((COMPONENT.schema)(&mut schemars::SchemaGenerator::default()).as_value().get("$ref").is_some());
    let settings = settings(WindowSettings::EXAMPLE);
    assert_eq!(settings.aggregates.keys().collect::<Vec<_>>(), ["requests", "error_rate", "latency_p99", "slowest"]);
    assert_eq!(settings.idle_timeout.as_secs(), 30);
    assert_eq!(settings.max_ahead.as_secs(), 600);
    assert_eq!(settings.ports(), ["late"]);
}

#[test]
fn the_shipped_window_has_nothing_wrong() {
    let toml = "size = '1s'\ngroup_by = ['service']\nallowed_lateness = '500ms'\n[aggregates]\ncount = { fn = 'count' }\n\
        error_rate = { fn = 'ratio', where = 'level == ERROR' }\n\
        latency_mean = { fn = 'mean', field = 'response_time_ms' }\n\
        latency_p99 = { fn = 'quantile', field = 'response_time_ms', q = 0.99 }";
    assert_eq!(problems(toml), []);
}

#[test]
fn says_what_it_reads_and_makes() {
    let settings = settings(
        "size = '1s'\ngroup_by = ['.a.b']\naggregates.r = { fn = 'ratio', where = 'level == E' }\n\
         aggregates.m = { fn = 'max', field = 'ms' }",
    );
    let paths = |texts: &[&str]| texts.iter().map(|text| parse_value_path(text).expect("a path")).collect::<Vec<_>>();
    assert_eq!(settings.reads(&Toy), Reads::Fields(paths(&["a.b", "ms", "level"])));
    assert_eq!(settings.makes(""), Makes::Fields(paths(&["a.b", "window.start", "window.end", "r", "m"])));
    assert_eq!(settings.makes("late"), Makes::Same);
}

#[test]
fn refuses_what_makes_no_sense() {
    let count = "aggregates.n = { fn = 'count' }";
    for (toml, key, words) in [
        (format!("size = '0s'\n{count}"), "size", "at least 1"),
        (format!("size = '1s'\nslide = '100ns'\n{count}"), "slide", "microseconds"),
        (format!("size = '1s'\nslide = '2s'\n{count}"), "slide", "longer than `size`"),
        (format!("size = '1m'\nslide = '25s'\n{count}"), "slide", "a multiple of `slide`"),
        (format!("size = '1d'\nslide = '1s'\n{count}"), "slide", "10000 slides"),
        (format!("size = '1s'\nmax_keys = 0\n{count}"), "max_keys", "at least 1"),
        (format!("size = '1s'\ngroup_by = ['a', '.a']\n{count}"), "group_by[1]", "twice"),
        (format!("size = '1s'\ngroup_by = ['window.end']\n{count}"), "group_by[0]", "of its own"),
        ("size = '1s'\naggregates = {}".into(), "aggregates", "at least one"),
        ("size = '1s'\naggregates.window = { fn = 'count' }".into(), "aggregates.window", "of its own"),
        ("size = '1s'\ngroup_by = ['n.m']\naggregates.n = { fn = 'count' }".into(), "aggregates.n", "from `group_by`"),
        ("size = '1s'\naggregates.n = { fn = 'mean' }".into(), "aggregates.n", "needs a `field`"),
        ("size = '1s'\naggregates.n = { fn = 'count', field = 'a' }".into(), "aggregates.n.field", "takes no `field`"),
        ("size = '1s'\naggregates.n = { fn = 'ratio' }".into(), "aggregates.n", "needs `where`"),
        ("size = '1s'\naggregates.n = { fn = 'ratio', where = 'x' }".into(), "aggregates.n.where", "no `==`"),
        ("size = '1s'\naggregates.n = { fn = 'quantile', field = 'a' }".into(), "aggregates.n", "needs `q`"),
        ("size = '1s'\naggregates.n = { fn = 'quantile', field = 'a', q = 99 }".into(), "aggregates.n.q", "0 and 1"),
        ("size = '1s'\naggregates.n = { fn = 'quantile', field = 'a', q = nan }".into(), "aggregates.n.q", "0 and 1"),
        ("size = '1s'\naggregates.n = { fn = 'mean', field = 'a', q = 0.5 }".into(), "aggregates.n.q", "takes no `q`"),
        ("size = '1s'\naggregates.n = { fn = 'count', n = 3 }".into(), "aggregates.n.n", "takes no `n`"),
        ("size = '1s'\naggregates.n = { fn = 'samples', n = 0 }".into(), "aggregates.n.n", "1 and 1000"),
    ] {
        let problems = problems(&toml);
        assert_eq!(problems.len(), 1, "{toml}: {problems:?}");
        assert_eq!((problems[0].0, problems[0].1.as_str()), (Severity::Error, key), "{toml}");
        assert!(problems[0].2.contains(words), "{toml}: {problems:?}");
    }
}

#[test]
fn warns_of_windows_that_mostly_wait() {
    let toml =
        |size, lateness| format!("size = '{size}'\nallowed_lateness = '{lateness}'\naggregates.n = {{ fn = 'count' }}");
    let found = problems(&toml("5s", "51s"));
    assert_eq!((found[0].0, found[0].1.as_str()), (Severity::Warning, "allowed_lateness"));
    assert_eq!(problems(&toml("5s", "50s")), []);
    assert_eq!(problems(&toml("100ms", "5s")), [], "the default is nobody's mistake");
}

#[test]
fn unknown_settings_are_refused() {
    for toml in [
        "size = '1s'\naggregates.n = { fn = 'median', field = 'a' }",
        "size = '1s'\naggregates.n = { fn = 'count', by = 'a' }",
        "size = '1s'\nhop = '1s'\naggregates.n = { fn = 'count' }",
        "size = 5\naggregates.n = { fn = 'count' }",
        "aggregates.n = { fn = 'count' }",
    ] {
        assert!(toml::from_str::<WindowSettings>(toml).is_err(), "{toml}");
    }
}
