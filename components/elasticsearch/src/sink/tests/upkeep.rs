//! What the sink does beside delivering: the template, old indices, and whether anybody is there.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// The lines of the requests.
fn lines(service: &StandIn) -> Vec<String> {
    let line = |request: &Request| request.line.split('?').next().unwrap_or_default().to_owned();
    service.requests().iter().map(line).collect()
}

#[tokio::test]
async fn the_template_is_there_before_events_and_again_after_the_service_was_away() {
    let service = StandIn::start(|number, request| match number {
        0 => Say::json(400, r#"{"error":{"type":"invalid_index_template_exception","reason":"odd"}}"#),
        3 => Say::Reset,
        _ if request.is_bulk() => Say::taken(request),
        _ => Say::json(200, r#"{"acknowledged":true}"#),
    })
    .await;
    let sink = sink(&[&service.address], "template.name = 'logs'").await;
    assert_eq!(service.requests().len(), 0, "building it touches nothing");
    let attempt = sink.deliver(&numbered(2)).await;
    assert_eq!(attempt.retry, [0, 1], "nothing is delivered without it");
    let error = "the index template was refused: 400 Bad Request invalid_index_template_exception: odd";
    assert_eq!(attempt.error.as_deref(), Some(error));
    assert_eq!(sink.deliver(&numbered(2)).await, Attempt::delivered());
    assert_eq!(deliver(&sink, numbered(2)).await.1.len(), 1);
    assert_eq!(sink.deliver(&numbered(2)).await, Attempt::delivered());
    let (put, bulk) = ("PUT /_index_template/logs", "POST /_bulk");
    assert_eq!(lines(&service), [put, put, bulk, bulk, put, bulk, bulk]);
}

/// Lets so much time pass at once; it runs on as usual then, for the service is not of this world.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn old_indices_are_deleted_once_an_hour() {
    let down = std::sync::Arc::new(AtomicBool::new(true));
    let script = std::sync::Arc::clone(&down);
    let service = StandIn::start(move |_, request| {
        let names = [
            "logs-2026.11.15",
            "logs-2026.11.16",
            "logs-2020.01.01",
            "logs-keep",
            "logs-2020.01.01-x",
            "logs-a%2020.01.01",
        ];
        let names = names.map(|name| format!(r#"{{"name":"{name}"}}"#)).join(",");
        match request.line.starts_with("GET ") {
            _ if script.load(Ordering::Relaxed) => Say::status(503),
            true => Say::json(200, format!(r#"{{"indices":[{names}]}}"#)),
            false if request.line.ends_with("2020.01.01") => Say::status(404),
            false => Say::json(200, r#"{"acknowledged":true}"#),
        }
    })
    .await;
    // It is 2026-11-23 14:03: seven days ago the 16th was not over.
    let sink = sink(&[&service.address], "bulk.index = 'logs-%Y.%m.%d'\nretention = '7d'").await;
    let list = "GET /_resolve/index/logs-*";
    assert_eq!(sink.sync().await.unwrap(), None, "an epoch does not wait for it to succeed");
    assert_eq!(lines(&service), [list]);
    down.store(false, Ordering::Relaxed);
    sink.sync().await.unwrap();
    assert_eq!(lines(&service).len(), 1, "not at once");
    pass(61).await;
    sink.sync().await.unwrap();
    sink.sync().await.unwrap();
    assert_eq!(lines(&service)[1..], [list, "DELETE /logs-2026.11.15", "DELETE /logs-2020.01.01"]);
    pass(3601).await;
    sink.sync().await.unwrap();
    assert_eq!(lines(&service).len(), 7);
}

#[tokio::test]
async fn a_probe_tells_whether_the_service_would_take_events() {
    let service = StandIn::start(|number, _| match number {
        0 => Say::json(200, "{}"),
        1 => Say::status(401),
        _ => Say::Reset,
    })
    .await;
    let sink = sink(&[&service.address], "").await;
    sink.probe().await.unwrap();
    assert_eq!(service.requests()[0].line, "GET /");
    let refused = sink.probe().await.unwrap_err().to_string();
    assert_eq!(refused, "the service refuses our credentials: 401 Unauthorized");
    assert!(sink.probe().await.is_err());
}
