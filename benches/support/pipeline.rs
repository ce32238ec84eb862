//! The path of an event that is measured most: parsed, put into windows, judged by both detectors.

/// Takes what is read out of classic logs, which come from `logs`.
pub(crate) const PARSE: &str = r#"
[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"
"#;

/// From events to incidents, which go nowhere.
const ANALYSE: &str = r#"
[transforms.per_service]
type = "window"
inputs = ["IN"]
size = "1s"
group_by = ["service"]
allowed_lateness = "500ms"
[transforms.per_service.aggregates]
count = { fn = "count" }
error_rate = { fn = "ratio", where = '.level == "ERROR" || .level == "CRITICAL"' }
latency_mean = { fn = "mean", field = "response_time_ms" }
latency_p99 = { fn = "quantile", field = "response_time_ms", q = 0.99 }

[transforms.latency]
type = "zscore"
inputs = ["per_service"]
field = "latency_mean"
group_by = ["service"]

[transforms.errors]
type = "spike"
inputs = ["per_service"]
field = "error_rate"
group_by = ["service"]

[sinks.out]
type = "blackhole"
inputs = ["latency.anomalies", "errors.anomalies"]
"#;

/// Windows and detectors for what comes from `input`.
pub(crate) fn analyse(input: &str) -> String {
    ANALYSE.replace("IN", input)
}
