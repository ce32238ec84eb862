//! Who is told what.

use logd_archive::{Acted, Incident, IncidentState};
use logd_sdk::ComponentId;

use super::*;

#[tokio::test]
async fn a_change_is_told_with_what_where_since_when_and_how_bad() {
    let world = World::running().await;
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i/1")]).await;
    let [call] = &world.receiver.calls(1).await[..] else { panic!("one call") };
    assert_eq!(
        (call.url.as_str(), call.secrets, call.event.as_str()),
        ("https://hooks.example/a", 1, "incident_opened")
    );
    let expected = json!({
        "type": "incident_opened",
        "timestamp": "2026-11-23T14:00:05.000Z",
        "data": {
            "title": "Warning: high_latency of payment",
            "message": "mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3). payment, `latency_mean`, seen by \
                        demo/latency. Warning, since 2026-11-23T13:59:00.000Z.",
            "service": "payment",
            "severity": "warning",
            "link": "https://logd.example/#/incidents/i%2F1",
            "incident": {
                "id": "i/1",
                "service": "payment",
                "key": { "service": "payment" },
                "type": "high_latency",
                "severity": "warning",
                "state": "open",
                "pipeline": "demo",
                "detector": "latency",
                "field": "latency_mean",
                "opened_at": "2026-11-23T13:59:00.000Z",
                "updated_at": "2026-11-23T14:00:05.000Z",
                "resolved_at": null,
                "resolved_by": null,
                "value": 1180.0,
                "expected": 295.0,
                "score": 23.0,
                "threshold": 3.0,
                "explanation": "mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3)",
                "related": [],
            },
            "error_rate": null,
            "anomaly": {
                "id": "i/1-open-warning",
                "incident_id": "i/1",
                "state": "open",
                "samples": [{ "message": "slow" }],
            },
        },
    });
    assert_eq!(call.body, expected);
    let [delivery] = &world.settled(&webhook.id, 1, DeliveryState::Delivered).await[..] else { panic!("one") };
    let expected = Delivery {
        id: call.id.clone(),
        event: "incident_opened".to_owned(),
        incident_id: Some("i/1".to_owned()),
        at: "2026-11-23T14:00:00.000Z".to_owned(),
        state: DeliveryState::Delivered,
        attempts: 1,
        status: Some(200),
        error: None,
        duration_ms: Some(7),
        next_attempt_at: None,
    };
    assert_eq!(delivery, &expected);
}

#[tokio::test]
async fn each_change_makes_one_call_and_none_when_it_is_told_again() {
    let world = World::running().await;
    world.webhook(json!({})).await;
    let changes = [open("i"), anomaly("i", "update", "critical", "payment"), resolved("i")];
    for change in &changes {
        world.tell(std::slice::from_ref(change)).await;
        world.rests().await;
    }
    let calls = world.receiver.calls(3).await;
    assert_eq!(types(&calls), ["incident_opened", "incident_updated", "incident_resolved"]);
    let message = calls[2].body["data"]["message"].as_str().unwrap();
    assert!(message.contains("from 2026-11-23T13:59:00.000Z to 2026-11-23T14:00:05.000Z (1m5s)"), "{message}");
    world.tell(&changes).await;
    world.tell(&[open("other")]).await;
    let calls = world.receiver.calls(4).await;
    assert_eq!(calls[3].body["data"]["incident"]["id"], "other");
}

#[tokio::test]
async fn a_webhook_is_told_what_it_wants_to_hear() {
    let world = World::running().await;
    let only = |path: &str, more: Value| {
        let mut more = more;
        more["url"] = format!("https://hooks.example/{path}").into();
        more
    };
    for (path, more) in [
        ("classic", json!({ "events": ["anomaly_detected"] })),
        ("both", json!({ "events": ["anomaly_detected", "incident_opened"] })),
        ("ends", json!({ "events": ["incident_resolved"] })),
        ("payment", json!({ "services": ["payment"] })),
        ("off", json!({ "enabled": false })),
    ] {
        world.webhook(only(path, more)).await;
    }
    let mut told = Vec::new();
    for (index, change) in [open("i"), resolved("i"), anomaly("j", "open", "info", "auth")].into_iter().enumerate() {
        world.tell(&[change]).await;
        let calls = world.receiver.calls([3, 5, 7][index]).await;
        told = calls.iter().map(|call| (call.url.rsplit('/').next().unwrap().to_owned(), call.event.clone())).collect();
        told[..].sort();
        world.rests().await;
    }
    let pair = |path: &str, event: &str| (path.to_owned(), event.to_owned());
    let mut expected = vec![
        pair("classic", "anomaly_detected"),
        pair("both", "incident_opened"),
        pair("payment", "incident_opened"),
        pair("ends", "incident_resolved"),
        pair("payment", "incident_resolved"),
        pair("classic", "anomaly_detected"),
        pair("both", "incident_opened"),
    ];
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(world.receiver.made().len(), 7);
}

#[tokio::test]
async fn an_incident_that_gets_bad_enough_begins_then() {
    let world = World::running().await;
    world.webhook(json!({ "events": ["incident_opened"], "min_severity": "critical" })).await;
    world.tell(&[open("i"), anomaly("i", "update", "critical", "payment")]).await;
    let calls = world.receiver.calls(1).await;
    assert_eq!((types(&calls), &calls[0].body["data"]["severity"]), (vec!["incident_opened"], &json!("critical")));
    world.tell(&[anomaly("i", "resolved", "critical", "payment"), open("j"), resolved("j")]).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 1);
}

#[tokio::test]
async fn nobody_is_told_more_than_they_may_see() {
    let mut world = World::running().await;
    world.scope = Scope { services: Some(["payment".to_owned()].into()), pipelines: Some(["demo".to_owned()].into()) };
    world.webhook(json!({ "services": ["payment", "auth"] })).await;
    let mut elsewhere = open("k");
    elsewhere.anomaly.pipeline = "other".to_owned();
    world.tell(&[anomaly("j", "open", "critical", "auth"), elsewhere, open("i")]).await;
    world.rests().await;
    let calls = world.receiver.calls(1).await;
    assert_eq!((calls.len(), &calls[0].body["data"]["incident"]["id"]), (1, &json!("i")));
}

#[tokio::test]
async fn what_a_person_has_resolved_is_not_resolved_twice() {
    let world = World::running().await;
    world.webhook(json!({})).await;
    world.tell(&[open("i")]).await;
    world.receiver.calls(1).await;
    let told = open("i").anomaly;
    let incident = Incident {
        id: told.incident_id,
        state: IncidentState::Resolved,
        service: told.service,
        key: told.key,
        r#type: told.r#type,
        severity: told.severity,
        pipeline: told.pipeline,
        detector: told.detector,
        field: told.field,
        opened_at: told.since,
        updated_at: told.time,
        resolved_at: Some(start()),
        reason: None,
        value: told.value,
        expected: told.expected,
        score: told.score,
        threshold: told.threshold,
        explanation: told.explanation,
        changes: 1,
        last_anomaly_id: told.id,
        acknowledged: None,
        resolved_by: Some(Acted { who: "eve".to_owned(), at: start(), note: None }),
    };
    world.alerts.take(vec![Change::resolved(&incident)]).await.unwrap();
    let calls = world.receiver.calls(2).await;
    assert_eq!(calls[1].event, "incident_resolved");
    assert_eq!(
        (&calls[1].body["data"]["incident"]["resolved_by"], &calls[1].body["data"]["anomaly"]),
        (&json!("eve"), &Value::Null)
    );
    world.tell(&[resolved("i")]).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 2, "it was told already");

    // It got worse all the same, and then it was over indeed.
    world.tell(&[open("k")]).await;
    world.receiver.calls(3).await;
    world.alerts.take(vec![Change::resolved(&Incident { id: "k".to_owned(), ..incident })]).await.unwrap();
    world.receiver.calls(4).await;
    world.tell(&[anomaly("k", "update", "critical", "payment")]).await;
    world.receiver.calls(5).await;
    world.tell(&[anomaly("k", "resolved", "critical", "payment")]).await;
    let calls = world.receiver.calls(6).await;
    assert_eq!(types(&calls[4..]), ["incident_updated", "incident_resolved"]);
}

/// An incident of several signals, as `detect` tells it, while other services have theirs.
fn together() -> WholeAnomaly {
    let mut whole = open("i");
    whole.anomaly.r#type = "latency".to_owned();
    whole.anomaly.detector = "health".to_owned();
    whole.anomaly.field = Some("latency".to_owned());
    whole.anomaly.explanation =
        "response time 2.3 times the usual over 1 min: 412 ms, usually 180 ms at this time (z 12, threshold 6.6); \
         with it more errors"
            .to_owned();
    let related = ["db", "auth", "cache", "web"].map(|service| {
        json!({ "incident_id": format!("{service}-1"), "key": { "service": service }, "opened": "2026-11-23T13:58:10Z" })
    });
    whole.event = Arc::new(json!({ "id": whole.anomaly.id, "related": related }));
    whole
}

#[tokio::test]
async fn what_went_wrong_together_is_told_with_it() {
    let world = World::running().await;
    world.webhook(json!({})).await;
    world.tell(&[together()]).await;
    let [call] = &world.receiver.calls(1).await[..] else { panic!("one call") };
    let data = &call.body["data"];
    assert_eq!(data["title"], "Warning: latency of payment");
    assert_eq!(
        data["message"],
        "response time 2.3 times the usual over 1 min: 412 ms, usually 180 ms at this time (z 12, threshold 6.6); with \
         it more errors. payment, `latency`, seen by demo/health. Warning, since 2026-11-23T13:59:00.000Z. Together with \
         db (since 2026-11-23T13:58:10.000Z), auth (since 2026-11-23T13:58:10.000Z), cache (since \
         2026-11-23T13:58:10.000Z) and 1 more."
    );
    assert_eq!(data["link"], "https://logd.example/#/incidents/i");
    let first = json!({
        "incident_id": "db-1", "service": "db", "key": { "service": "db" }, "opened_at": "2026-11-23T13:58:10.000Z",
    });
    assert_eq!((&data["incident"]["related"][0], data["incident"]["related"].as_array().unwrap().len()), (&first, 4));
}

#[tokio::test]
async fn whoever_may_not_see_a_service_is_not_told_that_it_is_related() {
    let world = World::running().await;
    let scope = Scope { services: Some(["payment", "db"].map(str::to_owned).into()), pipelines: None };
    let new = json!({ "url": "https://hooks.example/a", "events": ["incident_opened"] });
    let new: NewWebhook = serde_json::from_value(new).unwrap();
    world.registry.register(Asker { user: "lead", scope: &scope }, new).await.unwrap();
    world.tell(&[together()]).await;
    let [call] = &world.receiver.calls(1).await[..] else { panic!("one call") };
    let data = &call.body["data"];
    let message = data["message"].as_str().unwrap();
    assert!(message.ends_with("Together with db (since 2026-11-23T13:58:10.000Z)."), "{message}");
    assert_eq!(data["incident"]["related"].as_array().unwrap().len(), 1);
    let body = call.body.to_string();
    assert!(["auth", "cache", "web-1"].iter().all(|service| !body.contains(service)), "{body}");
}

#[tokio::test]
async fn what_is_bulky_is_left_out() {
    let world = World::running().await;
    world.webhook(json!({})).await;
    let mut samples = open("i");
    samples.event = Arc::new(json!({ "samples": ["x".repeat(100_000)], "evidence": [1], "explanation": "e" }));
    let mut all = open("j");
    all.event = Arc::new(json!({ "explanation": "x".repeat(100_000) }));
    world.tell(&[samples, all]).await;
    let calls = world.receiver.calls(2).await;
    assert_eq!(calls[0].body["data"]["anomaly"], json!({ "evidence": [1], "explanation": "e" }));
    assert_eq!(calls[1].body["data"]["anomaly"], Value::Null);
}

#[tokio::test]
async fn a_rate_of_errors_is_told_once_when_it_becomes_high() {
    let world = World::running().await;
    world.webhook(json!({ "events": ["high_error_rate"] })).await;
    let source = ComponentId::new("demo", "per_service");
    let count = async |from: u64, errors: f64| {
        let counts: Vec<Counts<'_>> = (from..from + 31)
            .map(|step| Counts {
                service: "a b",
                time: start().after(Duration::from_secs(step * 10)),
                logs: 100.0,
                errors,
            })
            .collect();
        world.alerts.count(&source, &counts).await.unwrap();
        world.rests().await;
    };
    count(0, 5.0).await;
    assert_eq!(world.receiver.made().len(), 0);
    count(31, 60.0).await;
    let calls = world.receiver.calls(1).await;
    let data = &calls[0].body["data"];
    assert_eq!(
        (calls[0].event.as_str(), &data["severity"], &data["incident"]),
        ("high_error_rate", &json!("warning"), &Value::Null)
    );
    assert_eq!(data["link"], "https://logd.example/#/services/a%20b");
    let message = data["message"].as_str().unwrap();
    assert!(
        message.starts_with("315 of 3000 logs are errors: 10.5 %, where 10.0 % is the bound. a b, seen by demo."),
        "{message}"
    );
    // A restart does not tell it again.
    let mut other = world.after_a_kill().await;
    other.run();
    let counts: Vec<Counts<'_>> = (62..100)
        .map(|step| Counts {
            service: "a b",
            time: start().after(Duration::from_secs(step * 10)),
            logs: 100.0,
            errors: 60.0,
        })
        .collect();
    other.alerts.count(&source, &counts).await.unwrap();
    other.rests().await;
    assert_eq!(other.receiver.made().len(), 0);
    count(62, 1.0).await;
    count(93, 60.0).await;
    world.receiver.calls(2).await;
}
