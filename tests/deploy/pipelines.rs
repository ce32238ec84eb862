//! The shipped pipelines: that they are valid, and what is left of them without their services.

use toml::{Table, Value};

use super::{file, text};
use crate::support::{Place, run};

/// Types of sinks that reach services: in a test without these, sinks that forget stand in their place.
const SERVICES: [&str; 3] = ["elasticsearch", "redis", "webhook"];

/// `deploy/pipelines/analysis.toml`, with nothing in the place of services other than Kafka.
pub(super) fn with_kafka_alone() -> String {
    let mut analysis: Table = text("deploy/pipelines/analysis.toml").parse().expect("TOML");
    for (_, sink) in analysis["sinks"].as_table_mut().expect("a table") {
        if SERVICES.iter().any(|service| sink["type"].as_str() == Some(service)) {
            let settings: [(&str, Value); 2] = [("type", "blackhole".into()), ("inputs", sink["inputs"].clone())];
            *sink = Table::from_iter(settings.map(|(key, value)| (key.to_owned(), value))).into();
        }
    }
    toml::to_string(&analysis).expect("a table can be written")
}

#[test]
fn the_shipped_pipelines_and_settings_are_valid() {
    let said = run(Place::new()
        .logd()
        .env("LOGD_PASSWORD", "0123456789abcdef")
        .env("WEBHOOK_URL", "http://127.0.0.1:8686/")
        .args(["validate", "--no-environment", "--deny-warnings", "--format", "json", "--config"])
        .arg(file("deploy/logd.toml"))
        .arg("-c")
        .arg(file("deploy/pipelines")));
    let found: Vec<serde_json::Value> =
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    assert!(found.is_empty(), "{found:#?}");
}
