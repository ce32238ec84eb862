//! What an epoch brought is there once and whole, or not at all, whatever happens in between.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::{Bench, NOW, at, bring, end_epoch, event, ids, log, sink};
use crate::{AnomalyFilter, Archive, Change, Feed, LogFilter, PageRequest, Point, Scope, SeriesQuery};

/// After so many seconds points are still there one by one; later they are rolled up.
const SINGLE: u64 = 3600;

const SERVICES: [&str; 3] = ["web", "db", "auth"];

/// Brings the events of a source from one number to another: each a log and a point, each third an anomaly.
fn bring_all(feed: &Feed, source: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let id = format!("{source}-{number:04}");
        let service = SERVICES[number as usize % SERVICES.len()];
        let second = NOW - 600 + number as i64;
        let level = if number % 5 == 0 { "ERROR" } else { "INFO" };
        bring(feed, log(&id, service, level, &format!("event {number} of {source}"), second));
        let (source, metric) = (&sink(source), "p95");
        feed.point(&Point { source, service, metric, time: at(second), value: number as f64 });
        if number % 3 == 0 {
            feed.anomaly(&sink("latency"), event(&id, &id, service, Change::Open, second)).expect("an anomaly");
        }
    }
}

/// What there is, of all kinds.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    logs: Vec<String>,
    counted: BTreeMap<String, (u64, u64, u64, u64)>,
    anomalies: Vec<String>,
    points: BTreeMap<String, Vec<f64>>,
}

/// What there has to be after so many events of each source.
fn expected(sources: &[(&str, u64)]) -> Seen {
    let mut seen = Seen::default();
    for (source, count) in sources {
        for number in 0..*count {
            let id = format!("{source}-{number:04}");
            let service = SERVICES[number as usize % SERVICES.len()].to_owned();
            let counted = seen.counted.entry(service.clone()).or_default();
            counted.0 += 1;
            counted.1 += u64::from(number % 5 == 0);
            counted.2 += u64::from(number % 3 == 0);
            counted.3 += 1;
            if number % 3 == 0 {
                seen.anomalies.push(id.clone());
            }
            seen.points.entry(format!("{source} {service}")).or_default().push(number as f64);
            seen.logs.push(id);
        }
    }
    seen.logs.sort();
    seen.anomalies.sort();
    seen
}

async fn seen(archive: &Archive, with_logs: bool) -> Seen {
    let scope = Scope::all();
    let mut seen = Seen::default();
    for service in archive.services(&scope) {
        let totals = &service.totals;
        if totals.logs > 0 {
            let counted = (totals.logs, totals.errors, totals.anomalies, totals.indexed);
            assert_eq!(totals.open_incidents, totals.anomalies, "each anomaly has opened an incident");
            seen.counted.insert(service.name, counted);
        }
    }
    if with_logs {
        seen.logs = ids(archive, &scope, &LogFilter::default(), 7).await;
        seen.logs.sort();
    }
    let page = PageRequest::first(1000);
    let anomalies = archive.anomalies(&scope, &AnomalyFilter::default(), &page).await.expect("anomalies").items;
    seen.anomalies = anomalies.into_iter().map(|anomaly| anomaly.id).collect();
    seen.anomalies.sort();
    for source in ["a", "b"] {
        for service in SERVICES {
            let query = SeriesQuery {
                service: service.to_owned(),
                metric: "p95".to_owned(),
                source: Some(format!("p/{source}")),
                from: at(NOW - 600),
                to: at(NOW + 600),
                step: std::time::Duration::from_secs(1),
            };
            let points = archive.series(&scope, &query).await.expect("a series").points;
            let values: Vec<_> = points.iter().map(|point| point.value.expect("a value")).collect();
            if !values.is_empty() {
                seen.points.insert(format!("{source} {service}"), values);
            }
        }
    }
    seen
}

/// One sink, its source, and its checkpoints.
struct Sink {
    source: &'static str,
    feed: Feed,
    /// So many events were brought.
    brought: u64,
    /// What was sealed, and after how many events, from the last durable epoch on.
    sealed: Option<(Vec<u8>, u64)>,
    /// The last complete epoch.
    durable: Option<(Vec<u8>, u64)>,
}

impl Sink {
    fn new(archive: &Archive, source: &'static str) -> Self {
        Self { source, feed: archive.feed(&sink(source)), brought: 0, sealed: None, durable: None }
    }

    /// Begins anew at the last complete epoch, as the daemon does.
    async fn begin(&mut self, archive: &Archive) {
        self.feed = archive.feed(&sink(self.source));
        self.sealed = None;
        self.brought = match &self.durable {
            Some((kept, brought)) => {
                self.feed.restore(kept).await.expect("restored");
                *brought
            }
            None => 0,
        };
        self.feed.ready().await.expect("ready");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Bring(usize, u64),
    Seal(usize),
    Complete(usize, bool),
    Rewind(usize),
    Succeed(usize),
    Restart { killed: bool },
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2_usize, 1..20_u64).prop_map(|(sink, count)| Step::Bring(sink, count)),
        4 => (0..2_usize).prop_map(Step::Seal),
        4 => (0..2_usize, any::<bool>()).prop_map(|(sink, applied)| Step::Complete(sink, applied)),
        1 => (0..2_usize).prop_map(Step::Rewind),
        1 => (0..2_usize).prop_map(Step::Succeed),
        2 => any::<bool>().prop_map(|killed| Step::Restart { killed }),
        1 => (1..3000_u64).prop_map(Step::Pass),
    ]
}

async fn play(steps: Vec<Step>) {
    let bench = Bench::new();
    let mut archive = bench.open().await;
    let mut sinks = ["a", "b"].map(|source| Sink::new(&archive, source));
    for sink in &mut sinks {
        sink.begin(&archive).await;
    }
    let mut passed = 0;
    for step in steps {
        match step {
            Step::Bring(sink, count) => {
                let sink = &mut sinks[sink];
                sink.feed.ready().await.expect("ready");
                bring_all(&sink.feed, sink.source, sink.brought..sink.brought + count);
                sink.brought += count;
            }
            Step::Seal(sink) => {
                let sink = &mut sinks[sink];
                sink.sealed = Some((sink.feed.seal().await.expect("sealed"), sink.brought));
            }
            Step::Complete(sink, applied) => {
                let sink = &mut sinks[sink];
                if let Some(sealed) = sink.sealed.take() {
                    sink.durable = Some(sealed);
                }
                if let Some((kept, _)) = sink.durable.as_ref().filter(|_| applied) {
                    sink.feed.apply(kept).await.expect("applied");
                }
            }
            Step::Rewind(sink) => sinks[sink].begin(&archive).await,
            Step::Succeed(sink) => {
                let sink = &mut sinks[sink];
                let feed = archive.feed(&super::sink(sink.source));
                feed.succeed(&sink.feed).await;
                sink.feed = feed;
            }
            Step::Restart { killed } => {
                // All handles go, so that another process may come.
                let feeds = sinks.map(|sink| (sink.source, sink.durable));
                if killed {
                    archive.kill().await;
                } else {
                    drop(archive);
                }
                archive = bench.open().await;
                sinks = feeds.map(|(source, durable)| Sink { durable, ..Sink::new(&archive, source) });
                for sink in &mut sinks {
                    sink.begin(&archive).await;
                }
                let now = sinks.each_ref().map(|sink| (sink.source, sink.brought));
                assert_eq!(seen(&archive, true).await, expected(&now), "after a restart");
            }
            Step::Pass(seconds) => {
                let seconds = seconds.min(SINGLE - passed);
                passed += seconds;
                bench.pass(seconds);
            }
        }
        let now = sinks.each_ref().map(|sink| (sink.source, sink.brought));
        let seen = Seen { logs: expected(&now).logs, ..seen(&archive, false).await };
        assert_eq!(seen, expected(&now), "what is not durable yet is seen too");
    }
    for sink in &mut sinks {
        end_epoch(&sink.feed).await;
    }
    let now = sinks.each_ref().map(|sink| (sink.source, sink.brought));
    assert_eq!(seen(&archive, true).await, expected(&now), "at the end");
    let all = ids(&archive, &Scope::all(), &LogFilter::default(), 3).await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "pages show each log once");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn epochs_are_there_once_and_whole(steps in prop::collection::vec(step(), 1..25)) {
        Runtime::new().expect("a runtime").block_on(play(steps));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_was_not_complete_is_taken_back() {
    play(vec![
        Step::Bring(0, 10),
        Step::Seal(0),
        Step::Complete(0, true),
        Step::Bring(0, 10),
        Step::Bring(1, 5),
        Step::Seal(0),
        Step::Seal(1),
        Step::Pass(3600),
        Step::Bring(0, 5),
        Step::Seal(0),
        Step::Restart { killed: true },
        Step::Bring(0, 12),
        Step::Restart { killed: false },
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_epoch_that_was_not_applied_is_applied_once() {
    play(vec![
        Step::Bring(0, 10),
        Step::Seal(0),
        Step::Complete(0, false),
        Step::Bring(0, 3),
        Step::Seal(0),
        Step::Complete(0, false),
        Step::Restart { killed: true },
        Step::Restart { killed: true },
        Step::Complete(0, true),
        Step::Rewind(0),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_feed_of_a_sink_is_of_no_use() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let first = archive.feed(&sink("a"));
    first.ready().await.expect("ready");
    bring_all(&first, "a", 0..5);
    let second = archive.feed(&sink("a"));
    assert_eq!(archive.totals(&Scope::all()).logs, 5, "a feed that has not begun changes nothing");
    second.ready().await.expect("ready");
    assert_eq!(archive.totals(&Scope::all()).logs, 0);
    bring_all(&first, "a", 5..9);
    assert_eq!(archive.totals(&Scope::all()).logs, 0);
    assert!(first.ready().await.is_err() && first.seal().await.is_err());
    drop(first);
    bring_all(&second, "a", 0..3);
    end_epoch(&second).await;
    drop(second);
    assert_eq!(seen(&archive, true).await, expected(&[("a", 3)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_lost_logs_has_to_begin_anew() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("a"));
    feed.ready().await.expect("ready");
    bring_all(&feed, "a", 0..5);
    let kept = end_epoch(&feed).await;
    // Its folder is gone: no file can be made there.
    let logs = bench.folder.path().join("logs");
    std::fs::rename(&logs, bench.folder.path().join("elsewhere")).expect("renamed");
    bring_all(&feed, "a", 5..9);
    assert!(feed.seal().await.is_err());
    // It takes what comes, for the barrier that fails the epoch.
    feed.ready().await.expect("ready");
    bring_all(&feed, "a", 9..12);
    std::fs::rename(bench.folder.path().join("elsewhere"), &logs).expect("renamed");
    assert!(feed.seal().await.is_err());
    let again = archive.feed(&sink("a"));
    again.restore(&kept).await.expect("restored");
    again.ready().await.expect("ready");
    bring_all(&again, "a", 5..9);
    end_epoch(&again).await;
    assert_eq!(seen(&archive, true).await, expected(&[("a", 9)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_by_others_is_refused() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("a"));
    for kept in [&b""[..], b"\x02\x00", b"\x01\xff\xff", b"nonsense"] {
        assert!(feed.restore(kept).await.is_err() && feed.apply(kept).await.is_err());
    }
    feed.ready().await.expect("ready");
}
