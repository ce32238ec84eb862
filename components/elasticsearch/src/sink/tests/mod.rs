//! What the sink makes of everything that a service can say.

mod connection;
mod upkeep;

use logd_sdk::Columns;
use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::Reads;

use super::*;
use crate::testing::{NoConditions, Request, Say, StandIn, context, json, settings};

/// A sink for these endpoints.
async fn sink(endpoints: &[&str], more: &str) -> Elasticsearch {
    let endpoints: Vec<String> = endpoints.iter().map(|address| format!("'http://{address}'")).collect();
    settings(&format!("endpoints = [{}]\n{more}", endpoints.join(","))).build(&context()).await.unwrap()
}

/// Events that are numbered from 0.
fn numbered(events: usize) -> Batch {
    let events: Vec<String> = (0..events).map(|number| format!(r#"{{"n":{number}}}"#)).collect();
    json(events.iter().map(String::as_str))
}

/// Delivers as the driver does, without its pauses. Returns what was rejected, and why attempts failed.
async fn deliver(sink: &Elasticsearch, mut batch: Batch) -> (Vec<String>, Vec<String>) {
    let (mut rejected, mut errors) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let Attempt { retry, reject, error, .. } = sink.deliver(&batch).await;
        rejected.extend(
            reject
                .iter()
                .map(|(row, reason)| format!("{} {reason}", String::from_utf8_lossy(batch.raw(*row as usize)))),
        );
        errors.extend(error);
        if retry.is_empty() {
            return (rejected, errors);
        }
        batch = batch.select(&retry);
    }
    panic!("not delivered after 50 attempts: {errors:?}");
}

#[tokio::test]
async fn a_service_that_has_no_room_is_tried_again_when_it_says() {
    let full = r#"{"error":{"type":"es_rejected_execution_exception","reason":"no room"},"status":429}"#;
    let service = StandIn::start(move |number, request| match number {
        0 => Say::Answer(429, "retry-after: 7\r\n", full.to_owned()),
        1 => Say::Answer(503, "content-type: text/html\r\n", "<html>down</html>".to_owned()),
        2 => Say::status(502),
        _ => Say::taken(request),
    })
    .await;
    let sink = sink(&[&service.address], "").await;
    let attempt = sink.deliver(&numbered(3)).await;
    assert_eq!((attempt.retry, attempt.after), (vec![0, 1, 2], Some(Duration::from_secs(7))));
    assert_eq!(attempt.error.as_deref(), Some("429 Too Many Requests: es_rejected_execution_exception: no room"));
    let (rejected, errors) = deliver(&sink, numbered(3)).await;
    assert_eq!((rejected.len(), errors), (0, vec!["503 Service Unavailable".to_owned(), "502 Bad Gateway".to_owned()]));
    assert_eq!(service.requests().last().unwrap().documents().len(), 3);
}

#[tokio::test]
async fn each_event_is_retried_or_rejected_for_itself() {
    let service = StandIn::start(|number, request| {
        Say::results(request, |document| match (number, document) {
            (0, r#"{"n":1}"#) => (429, r#"{"type":"es_rejected_execution_exception","reason":"full"}"#.to_owned()),
            (0 | 1, r#"{"n":3}"#) => (503, r#"{"type":"unavailable_shards_exception","reason":"gone"}"#.to_owned()),
            (_, r#"{"n":4}"#) => (400, r#"{"type":"document_parsing_exception","reason":"odd"}"#.to_owned()),
            _ => (201, String::new()),
        })
    })
    .await;
    let (rejected, errors) = deliver(&sink(&[&service.address], "").await, numbered(6)).await;
    assert_eq!(rejected, [r#"{"n":4} document_parsing_exception: odd"#]);
    assert_eq!(errors, ["es_rejected_execution_exception: full", "unavailable_shards_exception: gone"]);
    let sent: Vec<_> = service.requests().iter().map(Request::documents).collect();
    assert_eq!(sent[1..], [vec![r#"{"n":1}"#, r#"{"n":3}"#], vec![r#"{"n":3}"#]]);
}

/// Those of the requests that were answered with success have each event once.
fn assert_once(requests: &[Request], taken: impl Fn(&Request) -> bool, events: usize) {
    let mut documents: Vec<String> =
        requests.iter().filter(|request| taken(request)).flat_map(Request::documents).collect();
    documents.sort_unstable();
    documents.dedup();
    assert_eq!(documents.len(), events);
    let all: usize = requests.iter().filter(|request| taken(request)).map(|request| request.documents().len()).sum();
    assert_eq!(all, events);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_down_to_the_event() {
    const LARGEST: usize = 1000;
    let service = StandIn::start(|_, request| match request.body.len() {
        ..=LARGEST => Say::taken(request),
        _ => Say::status(413),
    })
    .await;
    let mut events: Vec<String> = (0..64).map(|number| format!(r#"{{"n":{number}}}"#)).collect();
    events[20] = format!(r#"{{"n":20,"huge":"{}"}}"#, "x".repeat(LARGEST));
    let sink = sink(&[&service.address], "").await;
    let attempt = sink.deliver(&json(events.iter().map(String::as_str))).await;
    assert_eq!(attempt.retry, [0; 0], "all within one attempt");
    assert_eq!(attempt.reject, [(20, "413 Payload Too Large".to_owned())]);
    assert_once(&service.requests(), |request| request.body.len() <= LARGEST, 63);
}

#[tokio::test]
async fn a_service_that_takes_small_requests_only_gets_on_attempt_by_attempt() {
    let wait = Duration::from_millis(5);
    let service = StandIn::start(move |_, request| match request.documents().len() {
        1 => Say::taken(request),
        _ => Say::Late(wait, 413),
    })
    .await;
    // Shorter than one refusal takes: an attempt ends with the first part that was taken.
    let sink = sink(&[&service.address], "request.timeout = '2ms'").await;
    let (rejected, errors) = deliver(&sink, numbered(32)).await;
    assert_eq!((rejected.len(), errors.len()), (0, 31));
    assert!(errors[0].starts_with("the service takes smaller requests only"), "{errors:?}");
    assert_once(&service.requests(), |request| request.documents().len() == 1, 32);
}

#[tokio::test]
async fn the_event_that_makes_a_request_unreadable_is_found() {
    let service =
        StandIn::start(|_, request| match request.documents().iter().any(|document| document.contains("13")) {
            true => Say::json(400, r#"{"error":{"type":"x_content_parse_exception","reason":"odd"},"status":400}"#),
            false => Say::taken(request),
        })
        .await;
    let attempt = sink(&[&service.address], "").await.deliver(&numbered(20)).await;
    assert_eq!(attempt.reject, [(13, "400 Bad Request: x_content_parse_exception: odd".to_owned())]);
    assert_eq!(attempt.retry, [0; 0]);
}

#[tokio::test]
async fn what_is_no_whole_answer_delivers_nothing() {
    let service = StandIn::start(|number, request| match number {
        0 => Say::Reset,
        1 => Say::Answer(200, "content-type: text/html\r\n", "<html><body>Sign in</body></html>".to_owned()),
        2 => Say::json(200, r#"{"errors":false,"items":[{"index":{"status":201}}]}"#),
        3 => Say::status(404),
        4 => Say::Answer(302, "location: /elsewhere\r\n", String::new()),
        5 if request.line != "GET /elsewhere" => panic!("{}", request.line),
        5 => Say::status(200),
        _ => Say::taken(request),
    })
    .await;
    let sink = sink(&[&service.address], "").await;
    let (rejected, errors) = deliver(&sink, numbered(2)).await;
    assert_eq!((rejected.len(), errors.len()), (0, 5), "{errors:?}");
    assert!(errors[0].starts_with(&format!("http://{}: ", service.address)), "{errors:?}");
    assert!(errors[1].starts_with("the answer is none to a bulk request: "), "{errors:?}");
    assert_eq!(errors[2], "the answer has 1 results for 2 events");
    assert_eq!(errors[3], "404 Not Found");
    assert!(errors[4].starts_with("the answer is none to a bulk request: "), "{errors:?}");
}

#[tokio::test]
async fn an_event_that_makes_no_name_costs_no_request() {
    let service = StandIn::start(|_, request| Say::taken(request)).await;
    let text = format!("endpoints = ['http://{}']\nbulk.index = 'logs-{{{{ n }}}}'", service.address);
    let settings = settings(&text);
    let sink = settings.build(&context()).await.unwrap();
    let Reads::Fields(fields) = settings.reads(&NoConditions) else { panic!("all") };
    let mut batch = json([r#"{"n":"A"}"#, r#"{"n":"b"}"#, r#"{"m":1}"#]);
    batch.require(&Columns::new(fields));
    let attempt = sink.deliver(&batch).await;
    assert_eq!(attempt.reject.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(service.requests()[0].documents(), [r#"{"n":"b"}"#]);
    sink.deliver(&batch.select(&[0, 2])).await;
    assert_eq!(service.requests().len(), 1);
}
