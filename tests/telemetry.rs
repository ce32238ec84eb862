//! What the daemon tells of itself over HTTP, judged by Prometheus' own tool.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::support::{Place, Running, free_address};

const PIPELINE: &str = r#"
[sources.logs]
type = "generator"
rate = 500
backfill = "1m"

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"

[transforms.some]
type = "filter"
inputs = ["parsed"]
condition = '.level != "DEBUG"'

[transforms.windows]
type = "window"
inputs = ["some"]
size = "1s"
group_by = ["service"]
aggregates.mean = { fn = "mean", field = "response_time_ms" }

[transforms.latency]
type = "zscore"
inputs = ["windows"]
field = "mean"
group_by = ["service"]

[sinks.gauges]
type = "prometheus"
inputs = ["windows"]

[sinks.out]
type = "blackhole"
inputs = ["latency.anomalies", "latency.scores"]
"#;

/// The body of the answer to `GET path`, or nothing while nobody answers.
fn get(address: &str, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())
}

/// The values of a metric, by line.
fn values(metrics: &str, name: &str) -> Vec<f64> {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.map(|line| line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")).collect()
}

#[test]
fn metrics_are_valid_and_every_event_is_accounted_for() {
    let place = Place::new();
    place.write("pipelines/p.toml", PIPELINE);
    let address = free_address();
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", &address]));
    logd.wait_for("metrics of the backfill", |_| {
        values(&get(&address, "/metrics"), "logd_component_received_events_total")
            .iter()
            .any(|&events| events > 30_000.0)
    });
    logd.wait_for("readiness", |_| get(&address, "/ready").contains("\"ready\":true"));
    assert!(get(&address, "/health").contains("\"status\":\"ok\""));

    let metrics = get(&address, "/metrics");
    for name in [
        "logd_build_info",
        "logd_buffer_byte_size",
        "logd_checkpoint_completed_total",
        "logd_component_discarded_events_total",
        "logd_component_latency_seconds_bucket",
        "logd_component_sent_event_bytes_total",
        "logd_detector_baseline",
        "logd_pipeline_config_ok",
        "logd_watermark_lag_seconds",
        "process_resident_memory_bytes",
        "p_mean{",
    ] {
        assert!(!values(&metrics, name).is_empty(), "no {name} in:\n{metrics}");
    }
    let unaccounted = values(&metrics, "logd_unaccounted_events");
    assert!(unaccounted.len() >= 7, "one for each component");

    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    promtool.stdin.take().expect("piped").write_all(metrics.as_bytes()).expect("read");
    assert!(promtool.wait().expect("it ends").success(), "promtool refuses:\n{metrics}");

    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success() && !err.contains("unaccounted"), "{err}");
}
