//! What becomes of events.

use std::collections::HashSet;

use serde_json::json;

use crate::support::{LARGEST_REQUEST, NOW, Service, events, log};

pub(crate) async fn documents_have_their_events_names_and_repeats_do_no_harm(service: &Service) {
    let batch = events("test/in", NOW, (0..2000).map(log));
    for (index, action, compression) in [("a-index", "index", "none"), ("a-create", "create", "gzip")] {
        let settings = format!("bulk = {{ index = '{index}', action = '{action}' }}\ncompression = '{compression}'");
        let sink = service.sink(&settings).await;
        assert!(sink.probe().await);
        for _ in 0..2 {
            assert_eq!(sink.deliver(&batch).await, (Vec::new(), 1));
        }
        assert_eq!(service.count(index).await, 2000);
        let document = service.get(&format!("{index}/_doc/{}", batch.id(1234))).await;
        let event: serde_json::Value = serde_json::from_slice(batch.raw(1234)).unwrap();
        assert_eq!(document["_source"], event);
        let versions = if action == "index" { 2 } else { 1 };
        assert_eq!(document["_version"], json!(versions));
    }
}

pub(crate) async fn what_does_not_fit_its_mapping_is_rejected_with_a_reason(service: &Service) {
    let sink = service.sink("bulk.index = 'b-logs'\ntemplate.name = 'b'").await;
    let wrong = [
        log(1).replace("10.0.0.1", "nowhere"),
        log(2),
        log(3).replace("\"response_time_ms\":3", "\"response_time_ms\":{}"),
        "{\"a\":1,\"a\":2}".to_owned(),
    ];
    let (rejected, attempts) = sink.deliver(&events("test/in", NOW, wrong)).await;
    assert_eq!((rejected.iter().map(|(row, _)| *row).collect::<Vec<_>>(), attempts), (vec![0, 2, 3], 1));
    let reasons: Vec<&str> = rejected.iter().map(|(_, reason)| reason.as_str()).collect();
    for (reason, words) in
        reasons.iter().zip(["[ip_address] of type [ip]", "[response_time_ms] of type [integer]", "Duplicate field 'a'"])
    {
        assert!(reason.starts_with("document_parsing_exception: ") && reason.contains(words), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }
    assert!(
        reasons[0].ends_with("caused by illegal_argument_exception: 'nowhere' is not an IP string literal."),
        "{}",
        reasons[0]
    );
    assert_eq!(service.count("b-logs").await, 1);
}

pub(crate) async fn a_request_that_is_too_large_is_halved(service: &Service) {
    let mut all: Vec<String> = (0..10_000).map(log).collect();
    all[7000] = format!(r#"{{"message":"{}"}}"#, "x".repeat(LARGEST_REQUEST));
    let batch = events("test/in", NOW, all);
    assert!(batch.event_bytes() > 3 * LARGEST_REQUEST);
    let (rejected, _) = service.sink("bulk.index = 'c-logs'").await.deliver(&batch).await;
    assert_eq!(rejected, [(7000, "413 Payload Too Large".to_owned())]);
    assert_eq!(service.count("c-logs").await, 9999);
}

pub(crate) async fn a_data_stream_takes_events_with_and_without_a_time(service: &Service) {
    let settings =
        "mode = 'data_stream'\ndata_stream = { dataset = '{{ service }}', namespace = 'test' }\ntemplate.name = 'd'";
    let sink = service.sink(settings).await;
    let own = log(1).replace("\"timestamp\"", "\"@timestamp\"");
    let batch = events("test/in", NOW, [own, log(2), r#"{"service":"no name"}"#.to_owned()]);
    for _ in 0..2 {
        let (rejected, attempts) = sink.deliver(&batch).await;
        assert_eq!((rejected[0].0, rejected.len(), attempts), (2, 1, 1));
    }
    let stream = "logs-auth-service-test";
    assert_eq!(service.count(stream).await, 2);
    let resolved = service.get(&format!("_resolve/index/{stream}")).await;
    assert_eq!(resolved["data_streams"][0]["name"], json!(stream));
    let found = service.get(&format!("{stream}/_search")).await;
    let times: HashSet<&str> = found["hits"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["_source"]["@timestamp"].as_str().unwrap())
        .collect();
    assert_eq!(times, HashSet::from(["2026-11-23T14:03:10.001Z", NOW.to_string().as_str()]));
}
