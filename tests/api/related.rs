//! Incidents of services that went wrong together: each is shown with those before it, but for what a user may not see.

use std::fmt::Write as _;

use serde_json::Value;

use super::shop::{ADMIN, BOUND, SERVICE, Shop};

/// The first to go wrong.
const FIRST: &str = "database";

const PIPELINE: &str = r#"
[sources.requests]
type = "file"
include = ["requests.csv"]

[transforms.parsed]
type = "parse"
inputs = ["requests"]
format = "csv"
columns = ["timestamp", "service", "latency"]
timestamp.field = "timestamp"

[transforms.health]
type = "detect"
inputs = ["parsed"]
group_by = ["service"]
fields.latency = "latency"

[sinks.api]
type = "api"
logs = ["parsed"]
anomalies = ["health.anomalies"]
"#;

/// An hour as usual and a little more, a slow database, and half a minute later slow payments.
fn requests() -> String {
    let mut text = String::new();
    for second in 0..4200 {
        let time = logd_sdk::Time::from_micros((1_795_392_000 + second) * 1_000_000);
        let usual = 100 + second % 7;
        for (service, wrong) in [(FIRST, 3900), (SERVICE, 3930)] {
            let latency = if second < wrong { usual } else { 4 * usual };
            writeln!(text, "{time},{service},{latency}").expect("a string takes everything");
        }
    }
    text
}

#[test]
fn what_went_wrong_together_is_shown_to_who_may_see_it() {
    let mut shop = Shop::open(PIPELINE, "");
    let (root, bound) = (shop.client().login(ADMIN), shop.client().login(BOUND));
    shop.place.write("requests.csv", requests());
    let mut ids = Vec::new();
    shop.wait_for("both incidents", || {
        let of = |service| root.get(&format!("/api/v1/incidents?service={service}&from=2026-11-01T00:00:00Z")).items();
        ids = [FIRST, SERVICE].into_iter().flat_map(of).map(|incident| incident["id"].clone()).collect();
        ids.len() == 2
    });
    let [first, second] = [&ids[0], &ids[1]].map(|id| format!("/api/v1/incidents/{}", id.as_str().expect("an id")));
    let (first, whole) = (root.read(&first), root.read(&second));
    assert_eq!(first["anomalies"][0]["related"], Value::Array(Vec::new()), "nobody knows what is to come");
    let related = &whole["related"][0];
    assert_eq!((&related["incident_id"], &related["service"]), (&ids[0], &FIRST.into()), "{whole}");
    assert!(related["opened_at"].as_str() < whole["opened_at"].as_str(), "{whole}");
    let anomaly = &whole["anomalies"][0];
    assert_eq!(anomaly["related"][0]["incident_id"], ids[0]);
    let path = format!("/api/v1/anomalies/{}", anomaly["id"].as_str().expect("an id"));
    assert_eq!(root.read(&path)["related"], anomaly["related"]);

    for path in [&second, &path] {
        let seen = bound.read(path);
        assert_eq!(seen["related"], Value::Array(Vec::new()), "{path}");
        assert!(!seen.to_string().contains(FIRST), "{path}: {seen}");
    }
}
