//! A minute of logs with three incidents, their labels, and a pipeline with the classic rules that watches them.

use std::sync::LazyLock;

use crate::support::{Place, run};

const MAKE: &str = r#"
[sources.services]
type = "generator"
rate = 0
count = 60_000
seed = 7
start = "2026-01-01T00:00:00Z"
labels = "labels.jsonl"
incidents = [
    { kind = "latency", service = "payment-service", at = "25s", for = "8s", factor = 4.0 },
    { kind = "error_rate", service = "auth-service", at = "40s", for = "8s", factor = 8.0 },
    { kind = "silence", service = "database", at = "50s", for = "3s" },
]

[sinks.logs]
type = "file"
inputs = ["services"]
path = "logs.jsonl"
encoding.codec = "text"
"#;

/// The pipeline, as it would run: it follows a file, and has sinks.
pub(crate) const WATCH: &str = r#"
[sources.services]
type = "file"
include = ["logs.jsonl"]

[transforms.parsed]
type = "parse"
inputs = ["services"]
format = "json"
timestamp.field = "timestamp"

[transforms.per_service]
type = "window"
inputs = ["parsed"]
size = "1s"
group_by = ["service"]

[transforms.per_service.aggregates]
error_rate = { fn = "ratio", where = '.level == "ERROR" || .level == "CRITICAL"' }
latency_mean = { fn = "mean", field = "response_time_ms" }
samples = { fn = "samples" }

[transforms.latency]
type = "zscore"
inputs = ["per_service"]
field = "latency_mean"
group_by = ["service"]
min_effect = 2.0
confirm = "2 of 3"

[transforms.errors]
type = "spike"
inputs = ["per_service"]
field = "error_rate"
group_by = ["service"]
factor = 5.0
min_value = 0.1
confirm = "2 of 3"

[sinks.events]
type = "file"
inputs = ["latency.anomalies", "errors.anomalies"]
path = "live.jsonl"
encoding.codec = "json"
"#;

/// What the generator made: logs and labels.
static MADE: LazyLock<[String; 2]> = LazyLock::new(|| {
    let place = Place::new();
    place.write("make.toml", MAKE);
    let said = run(place.logd().args(["run", "--once", "-c", "make.toml"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    ["logs.jsonl", "labels.jsonl"].map(|name| std::fs::read_to_string(place.path(name)).expect("there"))
});

/// A place with logs, labels and the pipeline.
pub(crate) fn labelled() -> Place {
    let place = Place::new();
    let [logs, labels] = &*MADE;
    place.write("logs.jsonl", logs);
    place.write("labels.jsonl", labels);
    place.write("watch.toml", WATCH);
    place
}
