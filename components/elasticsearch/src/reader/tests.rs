//! What is asked of a node, and what is made of what it says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use logd_sdk::Time;
use logd_sdk::shared_stores::{Error, LogQuery, SharedLogs};
use serde_json::{Value, json};

use super::LogsSettings;
use crate::testing::{Request, Say, StandIn};

/// One that reads what a stand-in says.
async fn reader(script: impl Fn(&Request) -> Say + Send + Sync + 'static) -> (StandIn, Arc<dyn SharedLogs>) {
    let stand_in = StandIn::start(move |_, request| script(request)).await;
    let text = format!(
        "from = 'elasticsearch'\nendpoints = ['http://{}']\nindex = 'logs-*,ü%'\n\
         auth = {{ strategy = 'bearer', token = 'canary' }}",
        stand_in.address
    );
    let settings: LogsSettings = toml::from_str(&text).unwrap();
    (stand_in, settings.open().unwrap().unwrap())
}

fn is_types(request: &Request) -> bool {
    request.line.contains("/_field_caps?")
}

/// There is no document, and the service is a keyword.
fn nothing(request: &Request) -> Say {
    match is_types(request) {
        true => Say::json(200, json!({ "fields": { "service": { "keyword": {} } } })),
        false => Say::json(200, json!({ "timed_out": false, "hits": { "hits": [] } })),
    }
}

async fn error(status: u16, body: Value, text: Option<&str>) -> Error {
    let (_stand_in, reader) = reader(move |_| Say::json(status, &body)).await;
    reader.page(LogQuery { text, ..LogQuery::default() }, 10, None).await.unwrap_err()
}

#[tokio::test]
async fn a_search_names_the_index_and_who_asks() {
    let (stand_in, reader) = reader(nothing).await;
    let page = reader.page(LogQuery::default(), 10, None).await.unwrap();
    assert_eq!((page.logs.len(), page.next), (0, None));
    let requests = stand_in.requests();
    let [request] = requests.as_slice() else { panic!("one request: {requests:?}") };
    assert!(request.line.starts_with("POST /logs-*,%C3%BC%25/_search?ignore_unavailable=true&"), "{}", request.line);
    assert_eq!(request.header("authorization"), Some("Bearer canary"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["size"], 11);
}

#[tokio::test]
async fn the_field_of_a_service_is_asked_for_once() {
    let (stand_in, reader) = reader(nothing).await;
    let allowed = BTreeSet::from(["api".to_owned()]);
    for _ in 0..3 {
        reader.page(LogQuery { allowed: Some(&allowed), ..LogQuery::default() }, 10, None).await.unwrap();
        reader.page(LogQuery { service: Some("api"), ..LogQuery::default() }, 10, None).await.unwrap();
    }
    let requests = stand_in.requests();
    assert_eq!((requests.len(), requests.iter().filter(|request| is_types(request)).count()), (7, 1));
    assert!(requests[0].line.contains("?fields=service,service.keyword&"), "{}", requests[0].line);
}

#[tokio::test]
async fn who_may_see_nothing_asks_nothing() {
    let (stand_in, reader) = reader(nothing).await;
    let none = BTreeSet::new();
    let query = LogQuery { allowed: Some(&none), ..LogQuery::default() };
    assert_eq!(reader.page(query, 10, None).await.unwrap().logs, []);
    let range = (Time::EPOCH, Time::from_micros(2_000_000));
    assert_eq!(reader.counts(query, range, Duration::from_secs(1), &["ERROR"]).await.unwrap().total, [0, 0]);
    assert_eq!(stand_in.requests().len(), 0);
}

#[tokio::test]
async fn a_bad_query_is_the_fault_of_whoever_wrote_it() {
    let parsing =
        json!({ "type": "parse_exception", "reason": "Cannot parse '(a': Encountered \"<EOF>\"\nWas expecting:" });
    let shard =
        json!({ "type": "query_shard_exception", "reason": "Failed to parse query [(a]", "caused_by": parsing });
    let body = json!({ "status": 400, "error": {
        "type": "search_phase_execution_exception", "reason": "all shards failed",
        "root_cause": [shard], "failed_shards": [{ "shard": 0, "reason": shard }],
    } });
    let bad = error(400, body.clone(), Some("(a")).await;
    assert!(matches!(&bad, Error::Query(reason) if reason == "Cannot parse '(a': Encountered \"<EOF>\""), "{bad:?}");
    let ours = error(400, body, None).await;
    assert!(matches!(ours, Error::Failed(_)), "{ours:?}");
    let bare = error(400, json!({}), Some("x")).await;
    assert!(matches!(&bare, Error::Query(reason) if reason == "Elasticsearch can't read it"), "{bare:?}");
}

#[tokio::test]
async fn a_service_that_is_away_is_told_apart_and_no_secret_is_said() {
    for (status, expected) in [
        (401, "Elasticsearch: the service refuses our credentials: 401 Unauthorized"),
        (403, "Elasticsearch: the service refuses our credentials: 403 Forbidden"),
        (429, "Elasticsearch: 429 Too Many Requests: x: canary2"),
        (503, "Elasticsearch: 503 Service Unavailable: x: canary2"),
    ] {
        let body = json!({ "error": { "type": "x", "reason": "canary2" } });
        let away = error(status, body, Some("x")).await;
        assert!(matches!(&away, Error::Away { reason, .. } if reason == expected), "{away:?}");
    }
    let (stand_in, reader) = reader(|_| Say::Reset).await;
    let broken = reader.page(LogQuery::default(), 10, None).await.unwrap_err();
    assert!(matches!(&broken, Error::Away { reason, .. } if !reason.contains("canary")), "{broken:?}");
    drop(stand_in);
    let gone = reader.page(LogQuery::default(), 10, None).await.unwrap_err();
    assert!(matches!(&gone, Error::Away { reason, .. } if reason.contains("can't be reached")), "{gone:?}");
    let busy = error(429, json!({}), None).await;
    assert!(matches!(busy, Error::Away { after: None, .. }));
}

#[tokio::test]
async fn one_that_does_not_answer_is_given_up() {
    let (_stand_in, reader) = reader(|_| Say::Nothing).await;
    tokio::time::pause();
    let away = reader.page(LogQuery::default(), 10, None).await.unwrap_err();
    assert!(matches!(&away, Error::Away { reason, .. } if reason.contains("within 15s")), "{away:?}");
}

#[tokio::test]
async fn a_cursor_of_somebody_else_is_refused() {
    let (stand_in, reader) = reader(nothing).await;
    let refused = reader.page(LogQuery::default(), 10, Some("bm90IG91cnM")).await;
    assert!(matches!(refused, Err(Error::Cursor)));
    assert_eq!(stand_in.requests().len(), 0);
}
