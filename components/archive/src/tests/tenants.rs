//! Who is bound to a service or a pipeline sees nothing else, whatever they ask.

use std::collections::BTreeSet;
use std::time::Duration;

use logd_sdk::ComponentId;

use super::{Bench, NOW, at, bring, end_epoch, event, log, sink};
use crate::{
    AnomalyFilter, Archive, Change, Feed, HistogramQuery, IncidentFilter, LogFilter, LogRecord, PageRequest, Point,
    Scope, SeriesQuery,
};

const MINE: &str = "mine";
const SECRET: &str = "secret";

fn only(services: Option<&[&str]>, pipelines: Option<&[&str]>) -> Scope {
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    Scope { services: services.map(set), pipelines: pipelines.map(set) }
}

/// Brings the same of each service by each pipeline: a log, a point, an anomaly.
fn bring_all(feed: &Feed) {
    for pipeline in ["p", "q"] {
        for service in [MINE, SECRET] {
            let id = format!("{pipeline}-{service}");
            bring(feed, LogRecord { pipeline: pipeline.to_owned(), ..log(&id, service, "ERROR", "hello word", NOW) });
            let source = &ComponentId::new(pipeline, "window");
            feed.point(&Point { source, service, metric: "p95", time: at(NOW), value: 5.0 });
            let detector = ComponentId::new(pipeline, "latency");
            feed.anomaly(&detector, event(&id, &id, service, Change::Open, NOW)).expect("an anomaly");
        }
    }
}

/// Asks everything, and returns `pipeline-service` of all that is answered, by question.
async fn everything(archive: &Archive, scope: &Scope) -> Vec<(&'static str, Vec<String>)> {
    let page = PageRequest::first(100);
    let mut answers = Vec::new();
    let mut services = Vec::new();
    for service in archive.services(scope) {
        let totals = service.totals;
        let counts =
            [totals.logs, totals.errors, totals.anomalies, totals.open_incidents, totals.indexed, totals.recent_logs];
        assert_eq!(counts, [service.pipelines.len() as u64; 6], "{counts:?}");
        services.extend(service.pipelines.iter().map(|pipeline| format!("{pipeline}-{}", service.name)));
    }
    answers.push(("services", services));
    let mut one = Vec::new();
    let mut metrics = Vec::new();
    let mut series = Vec::new();
    for service in [MINE, SECRET] {
        if let Some(service) = archive.service(scope, service) {
            one.extend(service.pipelines.iter().map(|pipeline| format!("{pipeline}-{}", service.name)));
        }
        for metric in archive.metrics_of(scope, service) {
            let Some(source) = metric.source else { continue };
            metrics.push(format!("{}-{service}", source.split('/').next().expect("a pipeline")));
        }
        for pipeline in ["p", "q"] {
            let query = SeriesQuery {
                service: service.to_owned(),
                metric: "p95".to_owned(),
                source: Some(format!("{pipeline}/window")),
                from: at(NOW - 100),
                to: at(NOW + 100),
                step: Duration::from_secs(10),
            };
            let points = archive.series(scope, &query).await.expect("a series").points;
            series.extend(points.iter().map(|_| format!("{pipeline}-{service}")));
        }
        let query = SeriesQuery {
            service: service.to_owned(),
            metric: "logs".to_owned(),
            source: None,
            from: at(NOW),
            to: at(NOW + 10),
            step: Duration::from_secs(10),
        };
        let points = archive.series(scope, &query).await.expect("a series").points;
        let logs: f64 = points.iter().filter_map(|point| point.value).sum();
        assert_eq!((logs * 10.0) as usize, one.iter().filter(|seen| seen.ends_with(service)).count(), "{service}");
    }
    answers.extend([("service", one), ("metrics", metrics), ("series", series)]);
    let found = archive.anomalies(scope, &AnomalyFilter::default(), &page).await.expect("anomalies").items;
    answers.push(("anomalies", found.into_iter().map(|anomaly| anomaly.id).collect()));
    let found = archive.incidents(scope, &IncidentFilter::default(), &page).await.expect("incidents").items;
    answers.push(("incidents", found.into_iter().map(|incident| incident.id).collect()));
    let found = archive.logs(scope, &LogFilter::default(), &page).await.expect("logs").items;
    answers.push(("logs", found.into_iter().map(|hit| hit.log.id).collect()));
    for query in
        ["hello", "hello OR service:secret", "*", "service:secret OR service:mine", "-nothing hello", "pipeline:q OR *"]
    {
        let found = archive.search(scope, query, &LogFilter::default(), &page).await.expect("hits").items;
        answers.push((
            "search",
            found
                .into_iter()
                .map(|hit| hit.log.id)
                .filter(|id| !query.starts_with("pipeline") || !id.is_empty())
                .collect(),
        ));
    }
    let (mut by_id, mut whole) = (Vec::new(), Vec::new());
    for id in ["p-mine", "p-secret", "q-mine", "q-secret"] {
        by_id.extend(archive.anomaly(scope, id).await.expect("an answer").map(|found| found.anomaly.id));
        whole.extend(archive.incident(scope, id).await.expect("an answer").map(|found| found.incident.id));
    }
    answers.extend([("anomaly", by_id), ("incident", whole)]);
    let lives = archive.recent(0);
    let lives = lives.iter().filter(|live| live.is_within(scope));
    let mut told = Vec::new();
    for live in lives {
        told.push(match &live.what {
            crate::LiveKind::Log(log) => log.id.clone(),
            crate::LiveKind::Anomaly(both) => both.1.id.clone(),
        });
    }
    told.sort();
    told.dedup();
    answers.push(("live", told));
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_what_is_not_theirs() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    bring_all(&feed);
    // The stretch that they are counted in is over.
    bench.pass(20);
    // Logs are searched when they are committed; all else is answered from memory before, and from disk after.
    let kept = feed.seal().await.expect("sealed");
    for is_durable in [false, true] {
        if is_durable {
            feed.apply(&kept).await.expect("applied");
        }
        for (scope, expected) in [
            (Scope::all(), &["p-mine", "p-secret", "q-mine", "q-secret"][..]),
            (only(Some(&[MINE]), None), &["p-mine", "q-mine"]),
            (only(None, Some(&["p"])), &["p-mine", "p-secret"]),
            (only(Some(&[MINE]), Some(&["q"])), &["q-mine"]),
            (only(Some(&[]), None), &[]),
            (only(None, Some(&[])), &[]),
            (only(Some(&["other"]), None), &[]),
        ] {
            for (question, mut answer) in everything(&archive, &scope).await {
                answer.sort();
                assert_eq!(answer, expected, "{question}, {scope:?}, durable: {is_durable}");
            }
            let totals = archive.totals(&scope);
            assert_eq!(totals.logs, expected.len() as u64);
            assert_eq!((totals.open_incidents, totals.anomalies), (totals.logs, totals.logs));
            let query = HistogramQuery {
                query: Some("service:secret OR hello".to_owned()),
                service: None,
                level: None,
                from: at(NOW),
                to: at(NOW + 1),
                step: Duration::from_secs(1),
            };
            let histogram = archive.histogram(&scope, &query).await.expect("a histogram");
            assert_eq!(histogram.total, [expected.len() as u64]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_on_what_is_not_theirs() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    bring_all(&feed);
    end_epoch(&feed).await;
    let mine = only(Some(&[MINE]), Some(&["p"]));
    for id in ["p-secret", "q-mine", "none"] {
        assert_eq!(archive.acknowledge(&mine, id, "eve", None).await.expect("an answer"), None);
        assert_eq!(archive.resolve(&mine, id, "eve", None).await.expect("an answer"), None);
    }
    assert_eq!(archive.totals(&Scope::all()).open_incidents, 4);
    assert!(archive.resolve(&mine, "p-mine", "ann", None).await.expect("an answer").is_some());
    assert_eq!(archive.totals(&Scope::all()).open_incidents, 3);
}
