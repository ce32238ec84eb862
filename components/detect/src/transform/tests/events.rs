//! What leaves: the batch as it came, anomalies, and scores.

use logd_sdk::component::Makes;

use super::*;

/// Two hundred usual windows of a service, and then a slow one.
fn slow() -> Vec<Window> {
    windows(0, "payment", calm(200).chain([1180.0]))
}

#[test]
fn an_anomaly_reads_as_its_schema_says() {
    let mut driver = Driver::new("zscore", &zscore(""), 1);
    driver.feed(batch(&slow()));
    let [anomaly] = &driver.anomalies[..] else { panic!("one anomaly") };
    let expected = serde_json::json!({
        "state": "open", "reason": null, "timestamp": "1970-01-01T00:03:21Z", "since": "1970-01-01T00:03:20Z",
        "window": {"start": "1970-01-01T00:03:20Z", "end": "1970-01-01T00:03:21Z"},
        "detector": "latency", "field": "value", "type": "high_latency", "key": {"service": "payment"}, "severity": "critical",
        "value": 1180.0, "threshold": 3.0, "samples": [{"service": "payment", "second": 200}, {"service": "payment"}],
        "explanation": "value 1,180, usually 295 ± 37 (z 24, threshold 3)",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&anomaly[field], value, "{field}");
    }
    assert_eq!((&anomaly["baseline"]["n"], &anomaly["baseline"]["season"]), (&200.into(), &"none".into()));
    assert_eq!(anomaly["evidence"]["points"].as_array().unwrap().len(), 10);

    let Makes::Fields(made) = plan("zscore", &zscore("")).describe().makes("anomalies") else { panic!("known") };
    let mut made: Vec<_> = made.iter().map(ToString::to_string).collect();
    let mut fields: Vec<_> = anomaly.as_object().unwrap().keys().map(|key| key.replace("key", "key.service")).collect();
    made.sort();
    fields.sort();
    assert_eq!(made, fields, "validate knows these fields and no others");
}

#[test]
fn the_anomaly_can_be_read_back() {
    let mut driver = Driver::new("zscore", &zscore(""), 1);
    driver.feed(batch(&slow()));
    let anomaly: crate::incident::Anomaly = serde_json::from_value(driver.anomalies[0].clone()).unwrap();
    assert_eq!(anomaly.evidence.rule().unwrap().confirmed().map(|(_, since)| since), Some(anomaly.since));
}

#[test]
fn single_events_are_judged_at_their_own_time_and_are_the_evidence() {
    let mut driver = Driver::new("zscore", "field = 'ms'\ngroup_by = ['host']", 2);
    let line = |(at, ms): (i64, f64)| (at, format!(r#"{{"ms":{ms},"host":"a","samples":[1]}}"#));
    driver.feed(lines(&(0..).zip(calm(50).chain([900.0])).map(line).collect::<Vec<_>>()));
    let [anomaly] = &driver.anomalies[..] else { panic!("one anomaly") };
    let moment = "1970-01-01T00:00:50Z";
    assert_eq!(anomaly["window"], serde_json::json!({"start": moment, "end": moment}));
    assert_eq!(anomaly["samples"], serde_json::json!([{"ms": 900, "host": "a", "samples": [1]}]));
}

#[test]
fn the_end_of_an_incident_has_no_samples() {
    let mut driver = Driver::new("zscore", &zscore(""), 1);
    driver.feed(batch(&slow())).feed(batch(&windows(201, "payment", calm(100))));
    let states: Vec<_> = driver.anomalies.iter().map(|anomaly| anomaly["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "resolved"]);
    assert_eq!(driver.anomalies[1]["samples"], serde_json::json!([]));
    assert_eq!(driver.anomalies[0]["incident_id"], driver.anomalies[1]["incident_id"]);
}

#[test]
fn every_point_has_a_score() {
    let mut driver = Driver::new("zscore", &zscore("direction = 'up'"), 4);
    let mut all = slow();
    all.insert(199, window(198, "web", 7.0));
    driver.feed(batch(&all));
    assert_eq!(driver.scores.len(), 202);
    let first = serde_json::json!({
        "timestamp": "1970-01-01T00:00:01Z", "field": "value", "key": {"service": "payment"}, "value": 235.0,
        "expected": null, "lower": null, "upper": null, "score": null,
    });
    assert_eq!(driver.scores[0], first);
    assert_eq!((&driver.scores[199]["key"]["service"], &driver.scores[199]["value"]), (&"web".into(), &7.0.into()));
    let last = &driver.scores[201];
    assert_eq!((&last["value"], &last["lower"]), (&1180.0.into(), &Json::Null));
    let figure = |name: &str| last[name].as_f64().unwrap();
    assert!((figure("expected") - 295.0).abs() < 1.0);
    let std = (figure("upper") - figure("expected")) / 3.0;
    assert!(((1180.0 - figure("expected")) / std - figure("score")).abs() < 1e-9);

    let mut ids = driver.ids.clone();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 203, "each has an identity of its own");
}

#[test]
fn what_can_not_be_used_is_counted_and_passed_on() {
    let mut driver = Driver::new("zscore", &zscore(""), 3);
    let slots = [
        Slot::Null,
        Slot::Missing,
        Slot::Boolean(true),
        Slot::Float(f64::NAN),
        Slot::Float(f64::INFINITY),
        Slot::Float(-1e200),
        Slot::Integer(5),
    ];
    let unusable: Vec<_> = (0..).zip(slots).map(|(start, value)| Window { start, service: "web", value }).collect();
    driver.feed(batch(&unusable));
    assert_eq!(driver.errors, BTreeMap::from([("missing", 3), ("not_a_number", 1), ("infinite", 2)]));
    assert_eq!(driver.scores.len(), 1);
    assert_eq!(driver.save(), 1);
}

#[test]
fn a_share_is_judged_with_its_number_of_events() {
    let toml = "field = 'share'\ngroup_by = ['service']\nmethod = 'deviance'\ncount_field = 'n'\ncooldown = '0s'";
    let mut driver = Driver::new("spike", toml, 2);
    let line = |share: f64, n: &str| format!(r#"{{"service": "web", "share": {share}, "n": {n}}}"#);
    let usual = (0..100).map(|second| (second, line(0.01, "1000")));
    let after = [line(0.3, "10"), line(0.3, "null"), line(0.3, "0"), line(3.0, "10"), line(0.3, "1000")];
    driver.feed(lines(&usual.chain((100..).zip(after)).collect::<Vec<_>>()));
    assert_eq!(driver.told(), [(104, "open web".to_owned())]);
    assert_eq!(driver.errors, BTreeMap::from([("missing", 1), ("not_a_share", 2)]));
    assert_eq!(driver.anomalies[0]["type"], "error_rate");
}

#[test]
fn nothing_changes_the_baseline_that_can_not_be_used() {
    let (mut plain, mut mixed) = (Driver::new("zscore", &zscore(""), 1), Driver::new("zscore", &zscore(""), 1));
    plain.feed(batch(&slow()));
    let broken = |window: &Window| Window { value: Slot::Float(f64::NAN), ..window.clone() };
    mixed.feed(batch(&slow().iter().flat_map(|window| [broken(window), window.clone()]).collect::<Vec<_>>()));
    assert_eq!((&plain.anomalies, &plain.scores), (&mixed.anomalies, &mixed.scores));
}

#[test]
fn batches_without_events_go_through() {
    let mut driver = Driver::new("zscore", &zscore(""), 2);
    driver.feed(batch(&[]));
    let mut ended = batch(&[]);
    ended.blocks_mut()[0].greatest = Time::MAX;
    driver.feed(ended);
    assert_eq!((driver.anomalies.len(), driver.scores.len(), driver.save()), (0, 0, 0));
}
