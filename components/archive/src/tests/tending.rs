//! What becomes of what is old or too much, and what is left out.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Bench, NOW, at, bring, detector, end_epoch, event, ids, log, sink};
use crate::{AnomalyFilter, Change, IncidentFilter, LogFilter, Options, PageRequest, Point, Scope, SeriesQuery};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes() {
    let mut bench = Bench::new();
    bench.options.max_age = Duration::from_secs(3 * 3600);
    let archive = bench.open().await;
    let all = Scope::all();
    let feed = archive.feed(&sink("api"));
    for hour in 0..6_i64 {
        feed.ready().await.expect("ready");
        let (id, second) = (hour.to_string(), NOW + hour * 3600);
        bring(&feed, log(&id, &format!("web-{hour}"), "INFO", "x", second));
        let (source, service) = (&sink("window"), format!("web-{hour}"));
        feed.point(&Point { source, service: &service, metric: "p95", time: at(second), value: 1.0 });
        feed.anomaly(&detector(), event(&id, &id, &service, Change::Open, second)).expect("an anomaly");
        end_epoch(&feed).await;
        bench.pass(3600);
    }
    // Six hours have passed: what came in the first three is older than three.
    archive.tend().await;
    assert_eq!(ids(&archive, &all, &LogFilter::default(), 10).await, ["5", "4", "3"]);
    let page = PageRequest::first(10);
    let anomalies = archive.anomalies(&all, &AnomalyFilter::default(), &page).await.expect("a page").items;
    assert_eq!(anomalies.iter().map(|anomaly| anomaly.id.as_str()).collect::<Vec<_>>(), ["5", "4", "3"]);
    let incidents = archive.incidents(&all, &IncidentFilter::default(), &page).await.expect("a page").items;
    assert_eq!((incidents.len(), archive.totals(&all).open_incidents), (3, 3));
    assert!(archive.anomaly(&all, "1").await.expect("an answer").is_none());
    let services: Vec<_> = archive.services(&all).into_iter().map(|service| service.name).collect();
    assert_eq!(services, ["web-3", "web-4", "web-5"]);
    assert_eq!((archive.stats().series, archive.stats().parts), (3, 3));
    let query = SeriesQuery {
        service: "web-1".to_owned(),
        metric: "p95".to_owned(),
        source: None,
        from: at(0),
        to: at(NOW * 2),
        step: Duration::from_secs(1),
    };
    assert!(archive.series(&all, &query).await.expect("a series").points.is_empty());
    drop(feed);
    drop(archive);
    let archive = bench.open().await;
    let services: Vec<_> = archive.services(&all).into_iter().map(|service| service.name).collect();
    assert_eq!(services, ["web-3", "web-4", "web-5"], "what is forgotten does not come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_goes_from_the_oldest_on() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let all = Scope::all();
    let feed = archive.feed(&sink("api"));
    for hour in 0..5_i64 {
        feed.ready().await.expect("ready");
        for number in 0..200 {
            bring(&feed, log(&format!("{hour}-{number}"), "web", "INFO", "something happened", NOW));
        }
        end_epoch(&feed).await;
        bench.pass(3600);
    }
    let stats = archive.stats();
    assert_eq!((stats.parts, stats.logs), (5, 1000));
    let on_disk: u64 = walk(bench.folder.path());
    assert!(stats.bytes.abs_diff(on_disk) <= on_disk / 20, "{} and {on_disk}", stats.bytes);
    // Room for the store and some parts.
    let most = stats.bytes - stats.log_bytes + stats.log_bytes / 5 * 3;
    archive.set_options(Options { max_bytes: most, ..bench.options });
    archive.tend().await;
    let stats = archive.stats();
    assert!(stats.bytes <= most && stats.parts >= 2, "{stats:?}");
    let left = ids(&archive, &all, &LogFilter::default(), 1000).await;
    assert_eq!(left.len() as u64, stats.logs);
    assert!(left.iter().all(|id| !id.starts_with('0')) && left[0].starts_with('4'));
    // Even the part that is written to, if need be; what comes finds a new one.
    archive.set_options(Options { max_bytes: 1, ..bench.options });
    archive.tend().await;
    assert_eq!(archive.stats().logs, 0);
    feed.ready().await.expect("ready");
    bring(&feed, log("new", "web", "INFO", "x", NOW));
    end_epoch(&feed).await;
    assert_eq!(ids(&archive, &all, &LogFilter::default(), 10).await, ["new"]);
}

/// The bytes of all files below a folder.
fn walk(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let size = |entry: std::fs::DirEntry| match entry.metadata().expect("metadata") {
        metadata if metadata.is_dir() => walk(&entry.path()),
        metadata => metadata.len(),
    };
    entries.map(size).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_is_fair_and_what_it_leaves_out_is_counted() {
    let mut bench = Bench::new();
    bench.options.max_rate = NonZeroU32::new(100).unwrap();
    let archive = bench.open().await;
    let all = Scope::all();
    let feed = archive.feed(&sink("api"));
    for second in 0..5_i64 {
        feed.ready().await.expect("ready");
        for number in 0..1000_i64 {
            let id = format!("{second}-{number}");
            bring(&feed, log(&id, "loud", if number % 50 == 0 { "ERROR" } else { "INFO" }, "x", NOW + second));
            if number % 100 == 0 {
                bring(&feed, log(&format!("quiet {id}"), "quiet", "INFO", "x", NOW + second));
            }
        }
        end_epoch(&feed).await;
        bench.pass(1);
    }
    let totals = archive.totals(&all);
    assert_eq!((totals.logs, totals.indexed + totals.left_out), (5050, 5050), "all are counted");
    assert!(totals.indexed <= 500 && totals.indexed >= 450, "{totals:?}");
    assert_eq!(totals.left_out, archive.stats().left_out.over_rate);
    // Once the first second is over, in which nobody knew.
    let filter = |service: &str, level: Option<&str>| LogFilter {
        service: Some(service.to_owned()),
        level: level.map(str::to_owned),
        from: Some(at(NOW + 1)),
        to: None,
    };
    assert_eq!(ids(&archive, &all, &filter("quiet", None), 1000).await.len(), 40, "a quiet one loses nothing");
    assert_eq!(ids(&archive, &all, &filter("loud", Some("ERROR")), 1000).await.len(), 80, "nor do errors");
    drop(feed);
    drop(archive);
    let archive = bench.open().await;
    assert_eq!(archive.totals(&all).left_out, totals.left_out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_minute_is_told() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    for _ in 0..120 {
        (0..10).for_each(|number| bring(&feed, log("x", "web", if number == 0 { "ERROR" } else { "INFO" }, "x", NOW)));
        bench.pass(1);
    }
    let totals = archive.totals(&Scope::all());
    assert_eq!((totals.recent_logs, totals.recent_errors), (590, 59));
    assert!((totals.throughput - 590.0 / 60.0).abs() < 1e-9 && (totals.recent_error_rate() - 10.0).abs() < 1e-9);
    assert_eq!((totals.last_arrival, totals.last_event), (Some(at(NOW + 119)), Some(at(NOW))));
    bench.pass(100);
    assert_eq!(archive.totals(&Scope::all()).recent_logs, 0);
}
