//! The standard metrics, in one table: what is described to Prometheus, and what the reference is made of.
//!
//! Names follow Vector's where it measures the same thing, and Prometheus' own for the process.

use std::fmt::Write;

use metrics::Unit;

/// A standard metric.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it counts or measures with.
    pub(crate) kind: Kind,
    /// The unit of its figures.
    pub(crate) unit: Unit,
    /// Its labels.
    pub(crate) labels: &'static [&'static str],
    /// What it says, as a sentence.
    pub(crate) description: &'static str,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Grows, and starts from 0 with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts samples by their size; these are the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

impl Kind {
    /// As Prometheus has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Metric {
    /// Whether there is a series for each key that a detector sees: such a series may go before its component does.
    pub(crate) fn is_keyed(&self) -> bool {
        self.labels.contains(&"key")
    }
}

/// Buckets for all timings, in seconds: from a batch that never waits to a service that is down.
pub(crate) const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Buckets for sizes, in bytes: 1 KiB to 1 GiB.
const BYTES: &[f64] = &[
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
];

const COMPONENT: &[&str] = &["pipeline", "component_id", "component_kind", "component_type"];
const OUTPUT: &[&str] = &["pipeline", "component_id", "component_kind", "component_type", "output"];
const KEYED: &[&str] = &["pipeline", "component_id", "component_kind", "component_type", "detector", "key"];
const EDGE: &[&str] = &["pipeline", "component_id", "component_kind", "component_type", "input"];
const PIPELINE: &[&str] = &["pipeline"];

const fn counter(name: &'static str, unit: Unit, labels: &'static [&'static str], description: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit, labels, description }
}

const fn gauge(name: &'static str, unit: Unit, labels: &'static [&'static str], description: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, labels, description }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], description: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram(SECONDS), unit: Unit::Seconds, labels, description }
}

/// The standard metrics, in the order of their names.
pub(crate) static METRICS: &[Metric] = &[
    counter(
        "logd_anomalies_total",
        Unit::Count,
        &["pipeline", "component_id", "component_kind", "component_type", "detector", "type", "severity", "key"],
        "Incidents that a detector has opened, by their severity then; the key is `_other` where it is not shown.",
    ),
    histogram("logd_api_request_duration_seconds", &["route"], "From a request of the API to its answer."),
    counter(
        "logd_api_requests_total",
        Unit::Count,
        &["route", "method", "status"],
        "Requests that the API has answered.",
    ),
    gauge("logd_api_streams", Unit::Count, &[], "Live streams of the API that are open."),
    gauge("logd_archive_bytes", Unit::Bytes, &[], "What the archive of the API takes on disk."),
    counter(
        "logd_archive_left_out_total",
        Unit::Count,
        &["reason"],
        "What the archive of the API had no room for: logs beyond `max_rate` or too large, values, anomalies.",
    ),
    gauge("logd_archive_logs", Unit::Count, &[], "Logs in the archive of the API that can be searched."),
    gauge("logd_archive_series", Unit::Count, &[], "Series in the archive of the API."),
    gauge("logd_buffer_byte_size", Unit::Bytes, EDGE, "Bytes that wait between two components."),
    counter(
        "logd_buffer_discarded_events_total",
        Unit::Count,
        EDGE,
        "Events that were dropped before a sink whose buffer was full, as `when_full` has it.",
    ),
    counter(
        "logd_buffer_lost_records_total",
        Unit::Count,
        COMPONENT,
        "Batches of a disk buffer that are lost because the disk did not keep them.",
    ),
    gauge("logd_buffer_max_byte_size", Unit::Bytes, EDGE, "Bytes that may wait between two components."),
    counter("logd_buffer_received_events_total", Unit::Count, EDGE, "Events taken out at the end of an edge."),
    counter("logd_buffer_sent_events_total", Unit::Count, EDGE, "Events put in at the beginning of an edge."),
    gauge("logd_build_info", Unit::Count, &["version", "profile"], "Which logd this is; always 1."),
    Metric {
        name: "logd_checkpoint_bytes",
        kind: Kind::Histogram(BYTES),
        unit: Unit::Bytes,
        labels: PIPELINE,
        description: "Sizes of checkpoints: the positions and states that had changed.",
    },
    counter(
        "logd_checkpoint_completed_total",
        Unit::Count,
        PIPELINE,
        "Checkpoints that have become durable; pipelines that are connected have one together, and are named with `+`.",
    ),
    Metric {
        name: "logd_checkpoint_duration_seconds",
        kind: Kind::Histogram(SECONDS),
        unit: Unit::Seconds,
        labels: PIPELINE,
        description: "Times from the beginning of a checkpoint until it is durable.",
    },
    counter("logd_checkpoint_failed_total", Unit::Count, PIPELINE, "Checkpoints that could not be made durable."),
    counter(
        "logd_component_absorbed_events_total",
        Unit::Count,
        COMPONENT,
        "Events that have become part of a state: a window, a baseline, a joined line.",
    ),
    counter("logd_component_dead_events_total", Unit::Count, COMPONENT, "Events given up, with a reason."),
    counter(
        "logd_component_discarded_events_total",
        Unit::Count,
        &["pipeline", "component_id", "component_kind", "component_type", "intentional", "reason"],
        "Events that ended at a component, because the user asked for it or because they could not be kept.",
    ),
    counter(
        "logd_component_errors_total",
        Unit::Count,
        &["pipeline", "component_id", "component_kind", "component_type", "error_type", "stage"],
        "Errors of a component, whether they cost events or not.",
    ),
    gauge("logd_component_in_flight_events", Unit::Count, COMPONENT, "Events that a component works on."),
    counter("logd_component_late_events_total", Unit::Count, COMPONENT, "Events that came after their window closed."),
    Metric {
        name: "logd_component_latency_seconds",
        kind: Kind::Histogram(SECONDS),
        unit: Unit::Seconds,
        labels: COMPONENT,
        description: "Times from when a component received a batch until it has sent it.",
    },
    counter(
        "logd_component_made_events_total",
        Unit::Count,
        COMPONENT,
        "Events that a component has made itself: windows, anomalies. They are among those that it has sent.",
    ),
    counter(
        "logd_component_received_event_bytes_total",
        Unit::Bytes,
        COMPONENT,
        "Bytes of the events that a component has received.",
    ),
    counter(
        "logd_component_received_events_total",
        Unit::Count,
        COMPONENT,
        "Events that a component has received; of a source, that it has read.",
    ),
    counter(
        "logd_component_sent_event_bytes_total",
        Unit::Bytes,
        OUTPUT,
        "Bytes of the events that a component has sent.",
    ),
    counter(
        "logd_component_sent_events_total",
        Unit::Count,
        OUTPUT,
        "Events that a component has sent; of a sink, that it has delivered.",
    ),
    gauge(
        "logd_config_last_reload_successful",
        Unit::Count,
        &[],
        "Whether the last reload took all files: 1, or 0 if an old version of one runs on.",
    ),
    gauge(
        "logd_data_dir_free_bytes",
        Unit::Bytes,
        &[],
        "Bytes that logd may still write on the disk of its data folder.",
    ),
    gauge("logd_data_dir_used_bytes", Unit::Bytes, &[], "Bytes of all files in the data folder."),
    gauge("logd_detector_baseline", Unit::Count, KEYED, "What a detector expects of a key."),
    gauge("logd_detector_lower", Unit::Count, KEYED, "The value of a key below which a detector finds an anomaly."),
    gauge("logd_detector_score", Unit::Count, KEYED, "How far from its baseline the last value of a key is."),
    counter(
        "logd_detector_series_overflow_total",
        Unit::Count,
        COMPONENT,
        "Updates of keys that are not shown, for a detector shows no more than its `max_series`.",
    ),
    gauge("logd_detector_upper", Unit::Count, KEYED, "The value of a key above which a detector finds an anomaly."),
    gauge("logd_detector_value", Unit::Count, KEYED, "The last value of a key that a detector has judged."),
    counter(
        "logd_file_too_long_lines_total",
        Unit::Count,
        COMPONENT,
        "Lines that were longer than `max_line_size`, and were skipped.",
    ),
    counter(
        "logd_http_requests_total",
        Unit::Count,
        &["pipeline", "component_id", "component_kind", "component_type", "status"],
        "Requests that a source has answered, by the status of the answer.",
    ),
    gauge("logd_incidents_open", Unit::Count, COMPONENT, "Incidents of a detector that are open."),
    gauge(
        "logd_kafka_consumer_lag",
        Unit::Count,
        &["pipeline", "component_id", "component_kind", "component_type", "topic", "partition"],
        "How many messages of a partition have not been read yet.",
    ),
    counter(
        "logd_kafka_offset_resets_total",
        Unit::Count,
        COMPONENT,
        "Partitions whose offset was not there any more, so that they are read from elsewhere.",
    ),
    counter(
        "logd_kafka_rebalances_total",
        Unit::Count,
        COMPONENT,
        "Times at which a group gave a source partitions, or asked some back.",
    ),
    gauge(
        "logd_kafka_stalled_partitions",
        Unit::Count,
        COMPONENT,
        "Partitions that hold messages of which none was read for 30 seconds.",
    ),
    gauge(
        "logd_pipeline_config_ok",
        Unit::Count,
        PIPELINE,
        "Whether the file of a pipeline is in use: 1, or 0 if it is broken and its last good version runs on.",
    ),
    counter(
        "logd_prometheus_skipped_values_total",
        Unit::Count,
        &["pipeline", "component_id", "component_kind", "component_type", "reason"],
        "Values of events that a sink has not shown as gauges.",
    ),
    gauge(
        "logd_source_log_bytes",
        Unit::Bytes,
        COMPONENT,
        "Bytes that the disk log of a source takes, with what is delivered and not released yet.",
    ),
    counter(
        "logd_source_log_lost_records_total",
        Unit::Count,
        COMPONENT,
        "Requests in the disk log of a source that are lost because the disk did not keep them.",
    ),
    gauge(
        "logd_source_log_records",
        Unit::Count,
        COMPONENT,
        "Requests in the disk log of a source that are not delivered yet.",
    ),
    gauge("logd_tasks", Unit::Count, &[], "Tasks of the runtime that have not ended."),
    gauge(
        "logd_unaccounted_events",
        Unit::Count,
        COMPONENT,
        "Events of which nobody knows what became of them; anything but 0 at rest is a bug of logd.",
    ),
    gauge("logd_utilization", Unit::Count, COMPONENT, "The share of the time, 0 to 1, in which a component had work."),
    gauge(
        "logd_watermark_lag_seconds",
        Unit::Seconds,
        COMPONENT,
        "How far event time, as a component has it, is behind the clock.",
    ),
    counter(
        "logd_webhook_deliveries_total",
        Unit::Count,
        &["outcome"],
        "Calls of registered webhooks: delivered, retried, failed or gone.",
    ),
    gauge(
        "logd_webhook_disabled",
        Unit::Count,
        COMPONENT,
        "Whether a receiver has said that it is gone for good: 1, or 0.",
    ),
    counter(
        "logd_webhook_dropped_total",
        Unit::Count,
        &["reason"],
        "Calls of registered webhooks that will not be made, or not again.",
    ),
    histogram("logd_webhook_duration_seconds", &[], "How long calls of registered webhooks take."),
    gauge("logd_webhook_queue", Unit::Count, &[], "Calls of registered webhooks that are to be made."),
    gauge("logd_webhook_registered_disabled", Unit::Count, &[], "Registered webhooks that logd has disabled itself."),
    counter("process_cpu_seconds_total", Unit::Seconds, &[], "CPU time that the process has used, user and system."),
    gauge("process_max_fds", Unit::Count, &[], "File descriptors that the process may have open."),
    gauge("process_open_fds", Unit::Count, &[], "File descriptors that the process has open."),
    gauge("process_resident_memory_bytes", Unit::Bytes, &[], "Memory of the process that is in RAM."),
    gauge("process_start_time_seconds", Unit::Seconds, &[], "When the process was started, in seconds since 1970."),
    gauge("process_threads", Unit::Count, &[], "Threads of the process."),
];

/// The standard metric of this name.
pub(crate) fn find(name: &str) -> Option<&'static Metric> {
    METRICS.binary_search_by(|metric| metric.name.cmp(name)).ok().map(|place| &METRICS[place])
}

/// The table in Markdown, for the reference.
pub(crate) fn reference() -> String {
    let mut text = "| metric | type | unit | labels | what it says |\n|---|---|---|---|---|\n".to_owned();
    for Metric { name, kind, unit, labels, description } in METRICS {
        let (kind, unit, labels) = (kind.name(), unit.as_str(), labels.join(", "));
        // Writing to a string can't fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {unit} | {labels} | {description} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use regex::Regex;

    use super::*;

    /// The rules that `promtool check metrics` has for names.
    #[test]
    fn names_are_as_prometheus_wants_them() {
        for metric in METRICS {
            let Metric { name, kind, unit, description, .. } = metric;
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            for reserved in ["_count", "_sum", "_bucket"] {
                assert!(!name.ends_with(reserved), "{name}");
            }
            let stem = name.trim_end_matches("_total");
            assert!(*unit != Unit::Seconds || stem.ends_with("_seconds"), "{name}");
            assert!(description.ends_with('.') && !description.contains('\n'), "{name}");
        }
        assert!(METRICS.is_sorted_by(|one, next| one.name < next.name), "`find` needs the order");
        assert!(reference().contains("| `logd_utilization` | gauge | count | pipeline, component_id, "));
    }

    /// Whoever adds a metric to the daemon or a component has to describe it here.
    #[test]
    fn every_metric_is_in_the_table() {
        fn look(folder: &Path, literal: &Regex, seen: &mut HashSet<String>) {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    look(&path, literal, seen);
                } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with(file!()) {
                    let text = std::fs::read_to_string(&path).expect("text");
                    for found in literal.captures_iter(&text) {
                        assert!(find(&found[1]).is_some(), "{} names {}", path.display(), &found[1]);
                        seen.insert(found[1].to_owned());
                    }
                }
            }
        }
        let literal = Regex::new(r#""(logd_[a-z_]+)""#).expect("a pattern");
        let mut seen = HashSet::new();
        for folder in ["src", "components"] {
            look(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &literal, &mut seen);
        }
        assert!(seen.len() > 20, "{seen:?}");
    }
}
