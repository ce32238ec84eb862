//! Series, as charts ask for them.

use std::time::Duration;

use super::{Bench, NOW, at, bring, end_epoch, log, sink};
use crate::{Archive, Metric, Point, Scope, Score, Series, SeriesQuery};

async fn ask(archive: &Archive, metric: &str, from: i64, to: i64, step: u64) -> Series {
    let query = SeriesQuery {
        service: "web".to_owned(),
        metric: metric.to_owned(),
        source: None,
        from: at(from),
        to: at(to),
        step: Duration::from_secs(step),
    };
    archive.series(&Scope::all(), &query).await.expect("a series")
}

fn values(series: &Series) -> Vec<(i64, f64)> {
    let second = |point: &crate::SeriesPoint| point.time.as_micros() / 1_000_000 - NOW;
    series.points.iter().filter_map(|point| Some((second(point), point.value?))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_same_before_and_after_it_is_rolled_up() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    let (window, detector) = (&sink("window"), &sink("latency"));
    feed.ready().await.expect("ready");
    for number in 0..120_i64 {
        let time = at(NOW + number * 5);
        feed.point(&Point { source: window, service: "web", metric: "p95", time, value: number as f64 });
        let (expected, lower, upper) = (Some(10.0), Some(f64::NAN), Some(20.0));
        let score = Score {
            detector,
            service: "web",
            metric: "p95",
            time,
            value: 1.0,
            expected,
            lower,
            upper,
            score: Some(2.0),
        };
        feed.score(&score);
    }
    let staged = ask(&archive, "p95", NOW, NOW + 600, 60).await;
    assert_eq!((staged.source.as_deref(), staged.detector.as_deref()), (Some("p/window"), Some("p/latency")));
    assert_eq!(values(&staged)[..2], [(0, 5.5), (60, 17.5)]);
    let second = &staged.points[1];
    assert_eq!((second.min, second.max, second.expected), (Some(12.0), Some(23.0), Some(10.0)));
    assert_eq!((second.lower, second.upper, second.score), (None, Some(20.0), Some(2.0)));
    end_epoch(&feed).await;
    assert_eq!(ask(&archive, "p95", NOW, NOW + 600, 60).await, staged);
    assert_eq!(values(&ask(&archive, "p95", NOW, NOW + 600, 5).await).len(), 120);
    bench.pass(6 * 3600);
    archive.tend().await;
    assert_eq!(ask(&archive, "p95", NOW, NOW + 600, 60).await, staged);
    assert_eq!(values(&ask(&archive, "p95", NOW, NOW + 600, 5).await).len(), 10);
    // A point that comes after its hour was rolled up finds its place.
    feed.point(&Point { source: window, service: "web", metric: "p95", time: at(NOW), value: 1000.0 });
    end_epoch(&feed).await;
    archive.tend().await;
    assert_eq!(ask(&archive, "p95", NOW, NOW + 60, 60).await.points[0].max, Some(1000.0));
    drop(feed);
    drop(archive);
    let archive = bench.open().await;
    assert_eq!(values(&ask(&archive, "p95", NOW, NOW + 600, 60).await).len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_a_series_too() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    for number in 0..60_i64 {
        feed.ready().await.expect("ready");
        let level = if number % 4 == 0 { "ERROR" } else { "INFO" };
        bring(&feed, log(&number.to_string(), "web", level, "x", NOW + number));
        // Out of order, in a stretch that has gone by.
        bring(&feed, log(&format!("late {number}"), "web", "INFO", "x", NOW - 100));
        if number % 13 == 0 {
            end_epoch(&feed).await;
        }
    }
    // What is not over is not told.
    bench.clock.set(at(NOW + 60));
    assert_eq!(values(&ask(&archive, "logs", NOW, NOW + 100, 40).await), [(0, 1.0)]);
    bench.clock.set(at(NOW + 200));
    for _ in 0..2 {
        let expected = [(0, 1.0), (10, 1.0), (20, 1.0), (30, 1.0), (40, 1.0), (50, 1.0)];
        assert_eq!(values(&ask(&archive, "logs", NOW, NOW + 100, 10).await), expected);
        assert_eq!(values(&ask(&archive, "logs", NOW - 100, NOW + 100, 100).await), [(-100, 0.6), (0, 0.6)]);
        let rates = values(&ask(&archive, "error_rate", NOW, NOW + 60, 20).await);
        assert_eq!(rates, [(0, 25.0), (20, 25.0), (40, 25.0)]);
        assert_eq!(values(&ask(&archive, "avg_response_time", NOW, NOW + 60, 60).await), [(0, 2.0)]);
        end_epoch(&feed).await;
    }
    let names: Vec<_> = archive.metrics_of(&Scope::all(), "web").into_iter().map(|metric| metric.name).collect();
    assert_eq!(names, ["logs", "error_rate", "avg_response_time"]);
    assert!(archive.metrics_of(&Scope::all(), "db").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_has_a_source_and_a_detector() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    let point = |source: &str, metric: &str, second: i64, value: f64| {
        let source = &sink(source);
        feed.point(&Point { source, service: "web", metric, time: at(NOW + second), value });
    };
    point("minutes", "p95", 0, 1.0);
    point("seconds", "p95", 30, 2.0);
    let score = |metric: &str| {
        let (detector, time) = (&sink("latency"), at(NOW));
        let (expected, lower, upper, score) = (None, None, None, None);
        feed.score(&Score { detector, service: "web", metric, time, value: 7.0, expected, lower, upper, score });
    };
    score("p95");
    score("raw");
    let metric = |name: &str, source: &str| Metric {
        name: name.to_owned(),
        source: Some(source.to_owned()),
        detector: Some("p/latency".to_owned()),
    };
    let metrics = archive.metrics_of(&Scope::all(), "web");
    assert_eq!(metrics, [metric("p95", "p/minutes"), metric("p95", "p/seconds"), metric("raw", "p/latency")]);
    assert_eq!(values(&ask(&archive, "p95", NOW, NOW + 60, 60).await), [(0, 2.0)], "the one that spoke last");
    assert_eq!(values(&ask(&archive, "raw", NOW, NOW + 60, 60).await), [(0, 7.0)]);
    assert!(archive.service(&Scope::all(), "web").is_some(), "a service that only a window knows");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_place_is_counted() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    let source = &sink("window");
    let bad = [
        (NOW, f64::NAN),
        (NOW, f64::INFINITY),
        (NOW - 8 * 24 * 3600, 1.0),
        (NOW + 2 * 24 * 3600, 1.0),
        (i64::MAX / 1_000_000, 1.0),
    ];
    for (second, value) in bad {
        feed.point(&Point { source, service: "web", metric: "p95", time: at(second), value });
    }
    assert_eq!(archive.stats().left_out.values, bad.len() as u64);
    end_epoch(&feed).await;
    assert!(ask(&archive, "p95", 0, NOW * 2, 1).await.points.is_empty());
}
