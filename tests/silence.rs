//! `detect` on a live input that falls wholly silent: no event is left that time could go on with, so a timer has to.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Place, Running};

/// Two services, and a console that prints what is wrong with them. A bucket can't be shorter.
const PIPELINE: &str = r#"
[sources.requests]
type = "file"
include = ["requests.jsonl"]

[transforms.parsed]
type = "parse"
inputs = ["requests"]
format = "json"
timestamp.field = "timestamp"

[transforms.health]
type = "detect"
inputs = ["parsed"]
group_by = ["service"]
bucket = "10s"
allowed_lateness = "0s"
idle_timeout = "1s"

[sinks.alarms]
type = "console"
inputs = ["health.anomalies"]
encoding.codec = "json"
"#;

const SERVICES: [&str; 2] = ["api", "web"];

/// So long it takes until `detect` judges traffic, and a little more.
const SECONDS: i64 = 25 * 3600;

/// A request of each service in each second.
fn requests() -> String {
    let mut text = String::new();
    for second in 0..SECONDS {
        // From 2026-11-23T00:00:00Z on.
        let time = logd_sdk::Time::from_micros((1_795_392_000 + second) * 1_000_000);
        for service in SERVICES {
            writeln!(text, r#"{{"timestamp":"{time}","service":"{service}"}}"#).expect("a string takes everything");
        }
    }
    text
}

#[test]
fn it_is_told_when_nothing_comes_from_anybody() {
    let place = Place::new();
    place.write("requests.jsonl", requests());
    place.write("pipelines/requests.toml", PIPELINE);
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    // The file stays as it is, and is watched: what is told comes of the clock alone.
    logd.wait_for("silence of both", |logd| logd.out().lines().count() >= SERVICES.len());
    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(status.success(), "{err}");
    let told: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let silent: BTreeSet<_> = told.iter().filter_map(|anomaly| anomaly["key"]["service"].as_str()).collect();
    assert_eq!((silent, told.len()), (BTreeSet::from(SERVICES), SERVICES.len()), "{out}");
    for anomaly in &told {
        assert_eq!((&anomaly["type"], &anomaly["state"]), (&"silence".into(), &"open".into()), "{anomaly}");
        // Two buckets, of ten requests each, are too many to be missing by chance.
        assert_eq!(anomaly["timestamp"], "2026-11-24T01:00:20Z", "{anomaly}");
        let explanation = anomaly["explanation"].as_str().expect("a text");
        assert!(explanation.starts_with("no request for 20 s, where 20 are usual"), "{explanation}");
    }
}
