use logd_sdk::ComponentId;
use logd_sdk::meters::Meters;

use super::*;

/// Metrics that forget whatever has not changed between two sweeps.
fn hasty() -> Metrics {
    Metrics::with_idle(Duration::ZERO).expect("metrics")
}

/// The second sweep finds what has not changed since the first.
fn swept(metrics: &Metrics) -> String {
    metrics.render();
    metrics.render()
}

fn meters(pipeline: &str, id: &str) -> Meters {
    Meters::new(&ComponentId::new(pipeline, id), "transform", "test")
}

#[test]
fn what_is_held_lives_and_counts_on() {
    let metrics = hasty();
    let (counter, gauge) = metrics::with_local_recorder(&metrics, || {
        (metrics::counter!("a_total", "key" => "x"), metrics::gauge!("b", "key" => "x"))
    });
    counter.increment(2);
    gauge.set(-0.5);
    let text = swept(&metrics);
    assert!(text.contains("a_total{key=\"x\"} 2\n") && text.contains("b{key=\"x\"} -0.5\n"), "{text}");
    counter.increment(1);
    assert!(swept(&metrics).contains("a_total{key=\"x\"} 3\n"));
    drop((counter, gauge));
    let text = swept(&metrics);
    assert!(!text.contains("a_total") && !text.contains("b{"), "{text}");
}

#[test]
fn all_holders_of_a_series_share_it() {
    let metrics = hasty();
    let counter = || metrics::with_local_recorder(&metrics, || metrics::counter!("a_total"));
    let (one, other) = (counter(), counter());
    one.increment(1);
    drop(one);
    other.increment(1);
    assert!(swept(&metrics).contains("a_total 2\n"));
}

#[test]
fn standard_metrics_live_as_long_as_their_component() {
    const ERRORS: &str = "logd_component_errors_total{pipeline=\"p\"";
    const CHECKPOINTS: &str = "logd_checkpoint_completed_total{pipeline=\"p\"}";
    const SCORE: &str = "logd_detector_score{";
    let metrics = hasty();
    let other_meter = metrics::with_local_recorder(&metrics, || {
        // Nobody keeps these handles.
        metrics::counter!("logd_checkpoint_completed_total", "pipeline" => "p").increment(1);
        meters("p", "c").counter("logd_component_errors_total", &[("stage", "processing")]).increment(7);
        meters("p", "c").gauge("logd_detector_score", &[("key", "x")]).set(1.0);
        meters("p", "c").counter("logd_component_received_events_total", &[])
    });
    let text = swept(&metrics);
    assert!(text.contains(ERRORS) && text.contains(CHECKPOINTS), "{text}");
    assert!(!text.contains(SCORE), "a key may go before its component: {text}");
    drop(other_meter);
    let text = swept(&metrics);
    assert!(!text.contains(ERRORS) && !text.contains(CHECKPOINTS), "{text}");
    assert!(text.contains("logd_build_info{version="), "it has no owner that could go: {text}");
}

#[test]
fn a_held_histogram_goes_on_after_it_was_idle() {
    let metrics = hasty();
    let latency =
        metrics::with_local_recorder(&metrics, || meters("p", "c").histogram("logd_component_latency_seconds", &[]));
    latency.record(0.02);
    assert!(metrics.render().contains("le=\"0.025\"} 1\n"));
    assert!(!metrics.render().contains("le=\"0.025\"} 1\n"), "it was idle");
    latency.record(0.3);
    let text = metrics.render();
    assert!(text.contains("le=\"0.25\"} 0\n") && text.contains("le=\"0.5\"} 1\n"), "{text}");
    drop(latency);
    assert!(!swept(&metrics).contains("logd_component_latency_seconds"), "removed");
}

#[test]
fn sizes_have_buckets_of_their_own() {
    let metrics = Metrics::new().expect("metrics");
    metrics::with_local_recorder(&metrics, || metrics::histogram!("logd_checkpoint_bytes").record(5000.0));
    let text = metrics.render();
    assert!(text.contains("# TYPE logd_checkpoint_bytes histogram\n"), "{text}");
    assert!(text.contains("le=\"4096\"} 0\n") && text.contains("le=\"16384\"} 1\n"), "{text}");
}

#[test]
fn everything_standard_has_its_help() {
    let metrics = Metrics::new().expect("metrics");
    metrics::with_local_recorder(&metrics, || {
        for metric in METRICS {
            match metric.kind {
                Kind::Counter => metrics::counter!(metric.name).increment(1),
                Kind::Gauge => metrics::gauge!(metric.name).set(1.0),
                Kind::Histogram(_) => metrics::histogram!(metric.name).record(1.0),
            }
        }
    });
    let text = metrics.render();
    for metric in METRICS {
        let (name, kind, help) = (metric.name, metric.kind.name(), metric.description);
        assert!(text.contains(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")), "{name}");
    }
}
