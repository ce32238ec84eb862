use bytes::Bytes;
use logd_sdk::component::SinkSettings;
use logd_sdk::contract::{self};
use logd_sdk::{Block, Body, Columns, ComponentId, Context, Partition, Row, Slot, Time};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::runtime::Builder;
use vrl::path::parse_value_path;

use super::*;
use crate::PrometheusSettings;

fn context() -> Context {
    Context { data_dir: "data".into(), ..contract::context("my-shop", "gauges", "sink", "prometheus") }
}

/// What a window makes: `service`, `error_rate`, `count`, `window.end`.
fn windows(rows: &[(&str, f64, i64)]) -> Batch {
    let paths = ["service", "error_rate", "count", "window.end"].map(|path| parse_value_path(path).expect("a path"));
    let block = Block::new(Bytes::new(), Partition::new("my-shop/per_service", ""));
    let body = |position| Row { body: Body::Columns, ..Row::line(0, 0, position, Time::EPOCH) };
    let mut batch = Batch::new(block, (0..rows.len() as u64).map(body).collect());
    let (mut text, mut slots) = (String::new(), Vec::new());
    for &(service, rate, count) in rows {
        let start = text.len() as u32;
        text.push_str(service);
        slots.push(Slot::Text { start, end: text.len() as u32 });
        slots.extend([Slot::Float(rate), Slot::Integer(count), Slot::Time(Time::EPOCH)]);
    }
    batch.set_columns(Columns::new(paths), slots, text);
    batch
}

fn json(lines: &str) -> Batch {
    let block = Block::new(Bytes::copy_from_slice(lines.as_bytes()), Partition::new("my-shop/in", ""));
    let row = Row { body: Body::Json, ..Row::line(0, lines.len() as u32, 0, Time::EPOCH) };
    Batch::new(block, vec![row])
}

/// The samples at `/metrics` after these batches, in order.
fn shown(settings: &str, batches: &[Batch]) -> Vec<String> {
    let settings: PrometheusSettings = toml::from_str(settings).expect("settings");
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let sink = settings.build(&context()).await.expect("built");
            for batch in batches {
                assert_eq!(sink.deliver(batch).await, Attempt::delivered());
            }
            assert_eq!(sink.sync().await.expect("synced"), None);
        });
    });
    let text = recorder.handle().render();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("# TYPE") && !line.ends_with("\"} 0"));
    let mut lines: Vec<String> = lines
        .filter(|line| !line.contains("skipped") || line.contains('{'))
        .map(|line| {
            line.replace(
                r#"pipeline="my-shop",component_id="gauges",component_kind="sink",component_type="prometheus","#,
                "",
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn shows_the_last_value_of_each_key() {
    let settings = r#"
        namespace = "web"
        [metrics.error_ratio]
        field = "error_rate"
        labels = ["service"]
        help = "Failed."
        [metrics.events]
        field = "count"
    "#;
    let batches = [windows(&[("a", 0.5, 3), ("b", 0.25, 4)]), windows(&[("a", 0.125, 5)])];
    assert_eq!(
        shown(settings, &batches),
        [
            "# HELP web_error_ratio Failed.",
            "# HELP web_events The last value of `count`.",
            "web_error_ratio{service=\"a\"} 0.125",
            "web_error_ratio{service=\"b\"} 0.25",
            "web_events 5",
        ]
    );
}

#[test]
fn shows_every_number_when_not_told_which() {
    assert_eq!(
        shown("", &[windows(&[("a\"b\n", 0.5, 3)])]),
        [
            "# HELP my_shop_count_value The last value of `count`.",
            "# HELP my_shop_error_rate The last value of `error_rate`.",
            "my_shop_count_value{service=\"a\\\"b\\n\"} 3",
            "my_shop_error_rate{service=\"a\\\"b\\n\"} 0.5",
        ]
    );
    let event = r#"{"http":{"host":"x","bytes":7,"ok":true,"tags":[1]},"http_host":"y","load":1.5,"none":null}"#;
    assert_eq!(
        shown("namespace = ''", &[json(event)]),
        [
            "# HELP http_bytes The last value of `http_bytes`.",
            "# HELP load The last value of `load`.",
            "http_bytes{http_host=\"x\"} 7",
            "load{http_host=\"x\"} 1.5",
        ]
    );
}

#[test]
fn what_can_not_be_shown_is_counted() {
    let settings = "max_series = 2\nmetrics.rate = { field = 'error_rate', labels = ['service'] }\n\
                    metrics.name.field = 'service'\nmetrics.nothing.field = 'x'";
    let rows =
        [("a", f64::NAN, 1), ("a", f64::INFINITY, 1), ("b", 1.0, 1), ("c", 2.0, 1), ("d", 3.0, 1), ("b", 4.0, 1)];
    assert_eq!(
        shown(settings, &[windows(&rows)]),
        [
            "# HELP rate The last value of `error_rate`.",
            "logd_prometheus_skipped_values_total{reason=\"max_series\"} 1",
            "logd_prometheus_skipped_values_total{reason=\"missing\"} 6",
            "logd_prometheus_skipped_values_total{reason=\"no_number\"} 6",
            "logd_prometheus_skipped_values_total{reason=\"not_finite\"} 2",
            "rate{service=\"b\"} 4",
            "rate{service=\"c\"} 2",
        ]
    );
    let not_finite = "logd_prometheus_skipped_values_total{reason=\"not_finite\"} 1".to_owned();
    assert!(shown("", &[windows(&[("a", f64::NAN, 1)])]).contains(&not_finite));
}

#[test]
fn what_is_idle_is_given_up() {
    let lines = shown("max_series = 2\nidle_timeout = '0s'", &[windows(&[("a", 1.0, 1)])]);
    assert!(lines.contains(&"my_shop_error_rate{service=\"a\"} 1".to_owned()), "the recorder has it for a while");
    let settings: PrometheusSettings = toml::from_str("max_series = 2\nidle_timeout = '0s'").expect("settings");
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let sink = settings.build(&context()).await.expect("built");
        sink.deliver(&windows(&[("a", 1.0, 1)])).await;
        sink.sync().await.expect("synced");
        let free = sink.series().set("another", &[], 1.0, String::new);
        assert_eq!(free, Ok(()), "there is room again");
    });
}

#[test]
fn a_pipeline_can_not_take_the_names_of_logd() {
    let settings: PrometheusSettings = toml::from_str("").expect("settings");
    let context = Context { id: ComponentId::new("logd", "gauges"), ..context() };
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let error = runtime.block_on(settings.build(&context)).expect_err("refused").to_string();
    assert_eq!(error, "names that begin with `logd_` are logd's own: set `namespace`");
}
