//! Each aggregate by itself.

use super::*;

/// The result of one aggregate over these events of one window of 10 s.
fn aggregate(settings: &str, fields: &[&str]) -> String {
    let fields: Vec<_> = fields.iter().enumerate().map(|(place, json)| (place as i64, *json)).collect();
    let toml = format!("size = '10s'\naggregates.result = {{ {settings} }}");
    run(&toml, &events(&fields)).field(0, "result").to_string()
}

const NUMBERS: [&str; 7] =
    [r#""v":4"#, r#""v":1"#, r#""v":2.5"#, r#""v":"8""#, r#""v":null"#, r#""w":1"#, r#""v":2.5"#];

#[test]
fn counts() {
    assert_eq!(aggregate("fn = 'count'", &NUMBERS), "7");
    assert_eq!(aggregate("fn = 'count', where = 'l == E'", &[r#""l":"E""#, r#""l":"I""#]), "1");
    assert_eq!(aggregate("fn = 'rate'", &NUMBERS), "0.7");
}

#[test]
fn ratio_is_the_share_that_meets_the_condition() {
    let levels = [r#""l":"E""#, r#""l":"I""#, r#""l":"E""#, r#""x":1"#];
    assert_eq!(aggregate("fn = 'ratio', where = 'l == E'", &levels), "0.5");
    let toml = "size = '10s'\naggregates.r = { fn = 'ratio', where = 'l == E' }";
    let driver = run(toml, &events(&[(0, r#""l":"E""#), (1, r#""x":1"#)]));
    assert_eq!(driver.errors, BTreeMap::from([("condition_failed", 1)]));
}

#[test]
fn numbers_only_enter_what_is_reckoned_of_numbers() {
    for (function, expected) in
        [("sum", "10.0"), ("mean", "2.5"), ("min", "1"), ("max", "4"), ("stddev", "1.0606601717798212")]
    {
        assert_eq!(aggregate(&format!("fn = '{function}', field = 'v'"), &NUMBERS), expected, "{function}");
        let nothing = if function == "sum" { "0" } else { "null" };
        assert_eq!(aggregate(&format!("fn = '{function}', field = 'x'"), &NUMBERS), nothing, "{function}");
    }
}

#[test]
fn sums_of_whole_numbers_are_whole_while_they_fit() {
    let large = format!(r#""v":{}"#, i64::MAX);
    assert_eq!(aggregate("fn = 'sum', field = 'v'", &[r#""v":9007199254740993"#]), "9007199254740993");
    assert_eq!(aggregate("fn = 'sum', field = 'v'", &[&large, &large]), "1.8446744073709552e+19");
    assert_eq!(aggregate("fn = 'max', field = 'v'", &[&large, r#""v":1.5"#]), i64::MAX.to_string());
    let huge = r#""v":1.7e308"#;
    assert_eq!(aggregate("fn = 'sum', field = 'v'", &[huge, huge]), "null", "no float can say it");
    let spread: f64 = aggregate("fn = 'stddev', field = 'v'", &[huge, r#""v":1.5e308"#]).parse().expect("a number");
    assert!((spread / 1e307 - 1.0).abs() < 1e-14, "{spread}: the squares are beyond any float, their root is not");
}

#[test]
fn a_small_spread_of_large_numbers_is_not_lost() {
    let numbers = [r#""v":1000000001"#, r#""v":999999999"#, r#""v":1000000001.0"#, r#""v":999999999.0"#];
    assert_eq!(aggregate("fn = 'stddev', field = 'v'", &numbers), "1.0");
    let tenths = [r#""v":0.1"#; 10];
    assert_eq!(aggregate("fn = 'stddev', field = 'v'", &tenths), "0.0");
    assert_eq!(aggregate("fn = 'mean', field = 'v'", &tenths), "0.1");
}

#[test]
fn quantiles_are_within_one_percent() {
    let values: Vec<String> = (1..=1000).rev().map(|value| format!(r#""v":{value}"#)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for (q, exact) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
        let found: f64 =
            aggregate(&format!("fn = 'quantile', field = 'v', q = {q}"), &values).parse().expect("a number");
        assert!((found - exact).abs() <= 0.01 * exact, "{q}: {found}");
    }
    assert_eq!(aggregate("fn = 'quantile', field = 'x', q = 0.5", &values), "null");
}

#[test]
fn distinct_values_differ_by_type_too() {
    let values = [r#""v":1"#, r#""v":"1""#, r#""v":1"#, r#""v":true"#, r#""v":null"#, r#""w":1"#, r#""v":[1]"#];
    assert_eq!(aggregate("fn = 'distinct', field = 'v'", &values), "4");
}

#[test]
fn first_and_last_go_by_time_and_skip_what_is_missing() {
    let fields =
        [(5, r#""v":"five""#), (3, r#""v":"three""#), (9, r#""v":[9]"#), (1, r#""w":1"#), (9999, r#""v":null"#)];
    let toml = "size = '10s'\nallowed_lateness = '10s'\n\
        aggregates.first = { fn = 'first', field = 'v' }\naggregates.last = { fn = 'last', field = 'v' }";
    let driver = run(toml, &events(&fields));
    assert_eq!(driver.fields("first"), [r#""three""#]);
    assert_eq!(driver.fields("last"), ["[9]"]);
}

#[test]
fn ties_are_broken_by_id() {
    let mut tied = events(&[(5, r#""v":1"#), (5, r#""v":2"#), (5, r#""v":3"#), (5, r#""v":4"#)]);
    let toml = "size = '10s'\naggregates.f = { fn = 'first', field = 'v' }\n\
        aggregates.l = { fn = 'last', field = 'v' }\naggregates.s = { fn = 'samples', n = 2 }";
    let forth = run(toml, &tied).results;
    tied.reverse();
    assert_eq!(run(toml, &tied).results, forth);
}

#[test]
fn samples_are_the_first_events() {
    let all = [r#""v":1"#, r#""l":"E","v":[{"x":2}]"#, r#""v":3"#, r#""l":"E""#];
    assert_eq!(aggregate("fn = 'samples'", &all), r#"[{"v":1},{"l":"E","v":[{"x":2}]},{"v":3}]"#);
    assert_eq!(aggregate("fn = 'samples', where = 'l == E', n = 5", &all), r#"[{"l":"E","v":[{"x":2}]},{"l":"E"}]"#);
    assert_eq!(aggregate("fn = 'samples', where = 'l == X'", &all), "[]");
}

#[test]
fn a_result_says_which_of_its_fields_has_samples() {
    let keeping = "size = '10s'\naggregates.n = { fn = 'count' }\naggregates.odd = { fn = 'samples', n = 1 }\n\
        aggregates.more = { fn = 'samples' }";
    let driver = run(keeping, &events(&[(1, r#""v":1"#)]));
    assert_eq!(driver.field(0, "window.samples"), "odd");
    assert_eq!(driver.field(0, "odd").to_string(), r#"[{"v":1}]"#);
    let driver = run("size = '10s'\naggregates.n = { fn = 'count' }", &events(&[(1, r#""v":1"#)]));
    assert_eq!(driver.field(0, "window.samples"), serde_json::Value::Null);
}

#[test]
fn what_is_kept_of_long_events_is_short() {
    let long = format!(r#""v":"{}""#, "x".repeat(1_000_000));
    for function in ["first", "last"] {
        assert_eq!(aggregate(&format!("fn = '{function}', field = 'v'"), &[&long]).len(), 1024 + 2, "{function}");
    }
    let samples = aggregate("fn = 'samples'", &[r#""v":1"#, &long]);
    assert!(samples.len() < 17 << 10 && samples.contains("xxx…\""), "{}", samples.len());
    let longer = long.replace("x\"", "xx\"");
    assert_eq!(
        aggregate("fn = 'distinct', field = 'v'", &[&long, &longer]),
        "2",
        "of which nothing is kept but a hash"
    );
}
