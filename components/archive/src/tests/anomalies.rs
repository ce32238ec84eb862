//! Anomalies and incidents, from detectors and from people.

use super::{Bench, NOW, at, detector, end_epoch, event, sink};
use crate::{
    AnomalyFilter, Change, IncidentFilter, IncidentState, LiveKind, PageRequest, Scope, Severity, WholeIncident,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_lives_from_open_to_resolved() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let all = Scope::all();
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    for (id, change, second) in [("1", Change::Open, 0), ("2", Change::Update, 5), ("3", Change::Resolved, 60)] {
        let mut event = event(id, "i", "web", change, NOW + second);
        event["since"] = at(NOW).to_string().into();
        feed.anomaly(&detector(), event).expect("an anomaly");
        // Before and after it is durable.
        for _ in 0..2 {
            let WholeIncident { incident, anomalies } =
                archive.incident(&all, "i").await.expect("an answer").expect("it");
            assert_eq!((incident.last_anomaly_id.as_str(), incident.changes), (id, anomalies.len()));
            assert_eq!((incident.opened_at, incident.updated_at), (at(NOW), at(NOW + second)));
            assert_eq!(incident.state == IncidentState::Resolved, change == Change::Resolved);
            let open = u64::from(change != Change::Resolved);
            assert_eq!(archive.totals(&all).open_incidents, open, "{change:?}");
            assert_eq!(archive.services(&all)[0].severity, (open > 0).then_some(Severity::Warning));
            let listed =
                archive.incidents(&all, &IncidentFilter::default(), &PageRequest::first(10)).await.expect("a page");
            assert_eq!(listed.items, [incident]);
            assert_eq!(anomalies.last().expect("one").event["samples"][1], "b");
            end_epoch(&feed).await;
        }
    }
    let lives = archive.recent(0);
    let told = lives.iter().map(|live| match &live.what {
        LiveKind::Anomaly(told) => (told.0.anomaly.id.as_str(), told.1.state, told.1.changes),
        LiveKind::Log(_) => panic!("no log was brought"),
    });
    let (open, resolved) = (IncidentState::Open, IncidentState::Resolved);
    assert_eq!(told.collect::<Vec<_>>(), [("1", open, 1), ("2", open, 2), ("3", resolved, 3)]);
    drop(feed);
    drop(archive);
    let archive = bench.open().await;
    assert_eq!((archive.totals(&all).open_incidents, archive.totals(&all).anomalies), (0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_outlives_a_restart_and_an_epoch_that_comes_late() {
    let bench = Bench::new();
    let all = Scope::all();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    feed.anomaly(&detector(), event("1", "i", "web", Change::Open, NOW)).expect("an anomaly");
    // The incident is in no epoch yet.
    let taken = archive.acknowledge(&all, "i", "ann", Some("on it")).await.expect("an answer").expect("it");
    let acted = taken.acknowledged.expect("somebody");
    assert_eq!(
        (taken.state, acted.who.as_str(), acted.note.as_deref()),
        (IncidentState::Acknowledged, "ann", Some("on it"))
    );
    let kept = feed.seal().await.expect("sealed");
    drop(feed);
    archive.kill().await;

    let archive = bench.open().await;
    assert_eq!(archive.incident(&all, "i").await.expect("an answer"), None);
    let feed = archive.feed(&sink("api"));
    feed.restore(&kept).await.expect("restored");
    let found = archive.incident(&all, "i").await.expect("an answer").expect("it").incident;
    assert_eq!((found.state, archive.totals(&all).open_incidents), (IncidentState::Acknowledged, 1));
    bench.pass(10);
    let over = archive.resolve(&all, "i", "bob", None).await.expect("an answer").expect("it");
    assert_eq!((over.state, over.resolved_by.expect("somebody").who.as_str()), (IncidentState::Resolved, "bob"));
    assert_eq!(archive.totals(&all).open_incidents, 0);
    // It gets worse.
    feed.anomaly(&detector(), event("2", "i", "web", Change::Update, NOW + 20)).expect("an anomaly");
    end_epoch(&feed).await;
    drop(feed);
    drop(archive);
    let archive = bench.open().await;
    let found = archive.incident(&all, "i").await.expect("an answer").expect("it").incident;
    assert_eq!((found.state, found.resolved_by, found.acknowledged), (IncidentState::Open, None, None));
    assert_eq!(archive.totals(&all).open_incidents, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sinks_that_are_told_the_same_tell_it_once() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let all = Scope::all();
    let feeds = ["a", "b"].map(|name| archive.feed(&sink(name)));
    for feed in &feeds {
        feed.ready().await.expect("ready");
        for (id, change) in [("1", Change::Open), ("2", Change::Resolved)] {
            feed.anomaly(&detector(), event(id, "i", "web", change, NOW)).expect("an anomaly");
        }
    }
    let count = async || {
        let page = PageRequest::first(10);
        let anomalies = archive.anomalies(&all, &AnomalyFilter::default(), &page).await.expect("a page").items.len();
        let incidents = archive.incidents(&all, &IncidentFilter::default(), &page).await.expect("a page").items.len();
        (
            archive.totals(&all).anomalies,
            archive.totals(&all).open_incidents,
            anomalies,
            incidents,
            archive.recent(0).len(),
        )
    };
    assert_eq!(count().await, (1, 0, 2, 1, 2));
    let [first, second] = feeds;
    end_epoch(&first).await;
    assert_eq!(count().await, (1, 0, 2, 1, 2));
    drop(first);
    end_epoch(&second).await;
    assert_eq!(count().await, (1, 0, 2, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_paged() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let all = Scope::all();
    let feed = archive.feed(&sink("api"));
    for number in 0..50_i64 {
        feed.ready().await.expect("ready");
        let id = format!("{number:02}");
        let service = if number % 2 == 0 { "web" } else { "db" };
        let mut event = event(&id, &id, service, Change::Open, NOW + number / 3);
        event["severity"] = if number % 5 == 0 { "critical".into() } else { "info".into() };
        event["type"] = if number < 10 { "error_spike".into() } else { "high_latency".into() };
        feed.anomaly(&detector(), event).expect("an anomaly");
        // The last ones are not durable.
        if number % 7 == 0 && number < 40 {
            end_epoch(&feed).await;
        }
    }
    let expected: Vec<String> = (0..50).rev().map(|number| format!("{number:02}")).collect();
    for limit in [1, 7, 100] {
        let (mut anomalies, mut incidents) = (Vec::new(), Vec::new());
        let mut page = PageRequest::first(limit);
        loop {
            let found = archive.anomalies(&all, &AnomalyFilter::default(), &page).await.expect("a page");
            anomalies.extend(found.items.into_iter().map(|anomaly| anomaly.id));
            page.cursor = found.next;
            if page.cursor.is_none() {
                break;
            }
        }
        loop {
            let found = archive.incidents(&all, &IncidentFilter::default(), &page).await.expect("a page");
            incidents.extend(found.items.into_iter().map(|incident| incident.id));
            page.cursor = found.next;
            if page.cursor.is_none() {
                break;
            }
        }
        assert_eq!((anomalies, incidents), (expected.clone(), expected.clone()), "{limit}");
    }
    let filter = AnomalyFilter {
        service: Some("web".to_owned()),
        r#type: Some("high_latency".to_owned()),
        state: Some(Change::Open),
        severity: Some(Severity::Critical),
        from: Some(at(NOW + 5)),
        to: Some(at(NOW + 14)),
    };
    let found = archive.anomalies(&all, &filter, &PageRequest::first(100)).await.expect("a page").items;
    assert_eq!(found.iter().map(|anomaly| anomaly.id.as_str()).collect::<Vec<_>>(), ["40", "30", "20"]);
    archive.resolve(&all, "30", "ann", None).await.expect("an answer");
    let filter = IncidentFilter {
        service: Some("web".to_owned()),
        state: Some(IncidentState::Open),
        severity: Some(Severity::Critical),
        from: Some(at(NOW + 5)),
        to: Some(at(NOW + 14)),
        r#type: None,
    };
    let ids = async |filter: &IncidentFilter| -> Vec<String> {
        let page = PageRequest::first(100);
        let found = archive.incidents(&all, filter, &page).await.expect("a page").items;
        found.into_iter().map(|incident| incident.id).collect()
    };
    // Those that began before it and go on are there too; the one that was resolved is not.
    assert_eq!(ids(&filter).await, ["40", "20", "10", "00"]);
    assert_eq!(
        ids(&IncidentFilter { state: None, ..filter.clone() }).await,
        ["40", "20", "10", "00"],
        "it was over before"
    );
}
