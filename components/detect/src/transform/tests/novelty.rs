//! `novelty` in a pipeline: one field or several, and the same whatever the batches, the shards and the restarts.

use logd_sdk::Settings;
use proptest::prelude::*;

use super::settings::problems;
use super::*;
use crate::transform::NoveltySettings;

/// Settings with a history that is filled soon.
fn novelty(more: &str) -> String {
    format!("field = 'value'\ngroup_by = ['service']\nhistory = 200\nshingle = 8\n{more}")
}

/// Some hundred windows of three services, each with a value that jumps now and then, or is none.
fn stream() -> impl Strategy<Value = Vec<Window>> {
    let stretch = (
        prop::array::uniform3(prop_oneof![3 => Just(Some(10.0)), 1 => Just(Some(90.0)), 1 => Just(None)]),
        40..150_i64,
    );
    prop::collection::vec(stretch, 3..8).prop_map(|stretches| {
        let (mut all, mut at) = (Vec::new(), 0);
        for (levels, length) in stretches {
            for i in 0..length {
                for (level, service) in levels.into_iter().zip(["web", "db", "auth"]) {
                    let value = level.map_or(Slot::Null, |level| Slot::Float(level + (i * i % 7) as f64));
                    all.push(Window { start: at, service, value });
                }
                at += 1;
            }
        }
        all
    })
}

fn run(stream: &[Window], shards: usize, size: usize, restart: impl Fn(usize) -> Option<usize>) -> Driver {
    let mut driver = Driver::new("novelty", &novelty("refractory = 30"), shards);
    for (number, windows) in stream.chunks(size).enumerate() {
        if let Some(shards) = restart(number) {
            driver.restart(shards);
        }
        driver.feed(batch(windows));
    }
    driver
}

/// Anomalies and scores leave batch by batch: their identities are the same, but not in the same order.
fn sorted(ids: &[String]) -> Vec<&String> {
    let mut ids: Vec<_> = ids.iter().collect();
    ids.sort();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn batches_shards_and_restarts_change_nothing(stream in stream(), size in 20..400_usize, every in 1..4_usize) {
        let one = run(&stream, 1, stream.len(), |_| None);
        let cut = run(&stream, 8, size, |number| (number % every == 0).then_some(1 + number % 8));
        prop_assert_eq!(&one.anomalies, &cut.anomalies);
        prop_assert_eq!(&one.scores, &cut.scores);
        prop_assert_eq!((sorted(&one.ids), &one.errors), (sorted(&cut.ids), &cut.errors));
    }
}

#[test]
fn an_anomaly_has_the_schema_of_all_and_can_be_read_back() {
    let mut driver = Driver::new("novelty", &novelty(""), 2);
    let values = (0..300).map(|i| f64::from(i % 6)).chain([50.0]);
    driver.feed(batch(&windows(0, "web", values)));
    let [anomaly] = &driver.anomalies[..] else { panic!("one anomaly, not {:?}", driver.told()) };
    let expected = serde_json::json!({
        "state": "open", "timestamp": "1970-01-01T00:05:01Z", "since": "1970-01-01T00:05:00Z", "detector": "errors",
        "field": "value", "type": "novelty", "key": {"service": "web"}, "severity": "critical", "score": 2.0,
        "value": 50.0, "threshold": 0.975, "samples": [{"service": "web", "second": 300}, {"service": "web"}],
        "explanation": "value 50, beyond all values before it, 0 to 5.0 (novelty 2.00, threshold 0.975)",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&anomaly[field], value, "{field}");
    }
    assert_eq!(
        (&anomaly["baseline"]["n"], anomaly["baseline"]["mean"].as_f64().map(f64::round)),
        (&207.into(), Some(3.0))
    );
    assert_eq!(anomaly["evidence"]["method"], "novelty");
    let read: crate::incident::Anomaly = serde_json::from_value(anomaly.clone()).unwrap();
    assert!(read.evidence.novelty().unwrap().is_novel() && read.evidence.rule().is_none());
}

#[test]
fn several_fields_are_one_point() {
    let toml = "fields = ['a', 'b']\nmethod = 'trees'\nthreshold = 0.99";
    let mut driver = Driver::new("novelty", toml, 2);
    let line = |i: i64| (i, format!(r#"{{"a":{},"b":{}}}"#, i * 37 % 101, i * 37 % 101 * 10));
    let broken = [(900, r#"{"a":1}"#.to_owned()), (901, r#"{"a":1,"b":"x"}"#.to_owned())];
    driver.feed(lines(&(0..900).map(line).chain(broken).collect::<Vec<_>>()));
    assert_eq!((driver.scores.len(), driver.errors["missing"]), (900, 2));
    driver.anomalies.clear();
    driver.feed(lines(&[(902, r#"{"a":95,"b":5}"#.to_owned())]));
    let [anomaly] = &driver.anomalies[..] else { panic!("one anomaly, not {:?}", driver.told()) };
    assert_eq!((&anomaly["field"], &anomaly["value"]), (&"a, b".into(), &95.0.into()));
    assert!(anomaly["explanation"].as_str().unwrap().starts_with("a 95, b 5.0, together stranger than "));
}

#[test]
fn reads_its_example_and_rejects_what_it_must() {
    assert_eq!(problems("novelty", NoveltySettings::EXAMPLE), [""; 0]);
    assert_eq!(problems("novelty", "fields = ['x', 'y']\nmethod = 'trees'"), [""; 0]);
    for (toml, expected) in [
        ("threshold = 0.9", "field: there is nothing to judge"),
        ("field = 'x'\nfields = ['y']", "fields: there is `field`, too"),
        ("fields = ['x', 'y']", "fields: `fields` must be one field, or `method` be \"trees\""),
        ("fields = ['x', '.x']\nmethod = 'trees'", "fields[1]: `.x` stands here twice"),
        ("field = 'x'\nthreshold = 97.5", "threshold: `threshold` must be a number from 0.5 to 1"),
        ("field = 'x'\nhistory = 10", "history: `history` must be a number from 200 to 100000"),
        ("field = 'x'\nshingle = 0", "shingle: `shingle` must be a number from 1 to 1000"),
        ("field = 'x'\nneighbors = 0", "neighbors: `neighbors` must be a number from 1 to 1000"),
        ("field = 'x'\nmax_keys = 0", "max_keys: `max_keys` must be at least 1"),
        ("field = 'x'\nmethod = 'forest'", "unknown variant `forest`, expected `knn` or `trees`"),
        ("field = 'x'\nsilent_after = 10", "the duration 10 has no unit"),
    ] {
        assert_eq!(problems("novelty", toml), [expected], "{toml}");
    }
    let all = "method = 'trees'\nthreshold = 2\nhistory = 1\nmax_keys = 0\ngroup_by = ['a', 'a']";
    assert_eq!(problems("novelty", all).len(), 5, "all that is wrong is said at once");
}
