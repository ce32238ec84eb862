//! What is called, and what is made of the answers.

use std::time::Duration;

use logd_sdk::component::SinkSettings as _;
use logd_sdk::settings::FieldPath;
use logd_sdk::sink::{Attempt, Concurrency, Repeats, Sink as _};

use super::*;
use crate::testing::{Reply, problems, reads_its_example};

/// A day's worth of one webhook: its answers, and what an attempt with both events makes of them.
async fn attempt(replies: &[Reply], more: &str) -> (Attempt, Receiver) {
    let receiver = Receiver::start(replies.to_vec()).await;
    let (webhook, batch) = webhook(&receiver, more, &[OPEN, RESOLVED]).await;
    (webhook.deliver(&batch).await, receiver)
}

#[test]
fn reads_its_own_example() {
    reads_its_example::<WebhookSettings>();
}

#[test]
fn rejects_what_it_must() {
    let with = |more: &str| problems::<WebhookSettings>(&format!("uri = 'https://a.example/hook'\n{more}"));
    for (more, expected) in [
        ("", &[][..]),
        ("request = { rate_limit_num = 1, concurrency = 1 }\nbody = '{{ explanation }}'", &[]),
        (
            "secrets = ['canary', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']",
            &["!secrets[0]: a secret begins with `whsec_`"],
        ),
        (
            "headers = { Webhook-Signature = 'x' }",
            &["!headers.Webhook-Signature: `Webhook-Signature` is set by logd itself"],
        ),
        ("request.concurrency = 2", &["!request.concurrency: calls are made one after the other"]),
        ("body = 5", &["!body: a body is a text, a list or a table"]),
        ("tls.crt_file = 'a'", &["!tls: `crt_file` and `key_file` belong together: a certificate needs its key"]),
    ] {
        assert_eq!(with(more), expected, "{more}");
    }
    let message = "!uri: the host `2130706433` is understood as `127.0.0.1`";
    assert_eq!(problems::<WebhookSettings>("uri = 'http://2130706433/'"), [message]);
    let public = problems::<WebhookSettings>("uri = 'http://10.0.0.1/canary'\naddresses = 'public'");
    assert_eq!(public, ["!uri: `10.0.0.1` is no address of the internet"]);
    for wrong in ["colour = 1", "body = { a = '{{' }", "batch.max_events = 5", "secrets = 'x'"] {
        assert!(toml::from_str::<WebhookSettings>(&format!("uri = 'https://a.example'\n{wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn the_driver_makes_one_call_at_a_time_and_keeps_off_a_receiver_that_fails() {
    let delivery = parse::<WebhookSettings>("uri = 'https://a.example'").delivery();
    assert_eq!((delivery.most_events.get(), delivery.max_events, delivery.timeout), (1, 1, Duration::ZERO));
    assert_eq!((delivery.concurrency, delivery.repeats), (Concurrency::ONE, Repeats::Doubled));
    assert_eq!((delivery.first_backoff.as_secs(), delivery.longest_backoff.as_secs()), (1, 60));
}

#[tokio::test]
async fn secrets_are_never_shown() {
    let receiver = Receiver::start([]).await;
    let more = "headers = { x-key = 'canary' }\nbody = { key = 'canary' }\n\
                auth = { strategy = 'bearer', token = 'canary' }\nsecrets = ['whsec_canarycanarycanarycanarycanarycanary']";
    let text = format!("uri = '{}'\n{more}", receiver.uri("/canary"));
    let settings: WebhookSettings = parse(&text);
    assert!(!format!("{settings:?}").contains("canary"), "{settings:?}");
}

#[tokio::test]
async fn each_event_is_a_call_of_its_own_with_a_name_that_stays() {
    let (attempt, receiver) = attempt(&[], "").await;
    assert_eq!(attempt, Attempt::delivered());
    let requests = receiver.requests();
    assert_eq!(requests.iter().map(|request| request.text()).collect::<Vec<_>>(), [OPEN, RESOLVED]);
    for request in &requests {
        assert_eq!(request.line, "POST /hook HTTP/1.1");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("webhook-timestamp"), Some("1795442590"));
        assert_eq!(request.header("webhook-signature"), None, "nothing to sign with");
    }
    let ids: Vec<_> = requests.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    let (webhook, batch) = webhook(&receiver, "", &[OPEN, RESOLVED]).await;
    assert_eq!(ids, [batch.id(0).to_string(), batch.id(1).to_string()]);
    assert_ne!(ids[0], ids[1]);
    webhook.deliver(&batch.select(&[1])).await;
    assert_eq!(receiver.requests()[2].header("webhook-id"), Some(ids[1].as_str()));
}

#[tokio::test]
async fn a_body_has_the_shape_that_was_written() {
    let more = "headers = { x-service = '{{ key.service }}' }\n[body]\ntext = '*{{ state }}* {{ explanation }}'\n\
                value = '{{ value }}'\nreason = '{{ reason }}'\nnone = '{{ nothing }}'\nkey = '{{ key }}'\n";
    let (_, receiver) = attempt(&[], more).await;
    let request = &receiver.requests()[0];
    let expected = r#"{"key":{"service":"payment"},"reason":null,"text":"*open* payment latency: mean \"1,176 ms\"","value":1176.5}"#;
    assert_eq!(request.text(), expected);
    assert_eq!(request.header("x-service"), Some("payment"));
    let (_, receiver) = attempt(&[], "body = '{{ state }}: {{ explanation }}'").await;
    let request = &receiver.requests()[0];
    assert_eq!(request.text(), "open: payment latency: mean \"1,176 ms\"");
    assert_eq!(request.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn an_event_that_makes_no_header_is_rejected() {
    let receiver = Receiver::start([]).await;
    let more = "headers = { x-a = '{{ a }}' }";
    let (webhook, batch) = webhook(&receiver, more, &[r#"{"a":"1\r\nx-evil: 1"}"#, "{}", r#"{"a":1}"#]).await;
    let attempt = webhook.deliver(&batch).await;
    let reasons: Vec<_> = attempt.reject.iter().map(|(row, reason)| (*row, reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (0, "the header `x-a` would have a line end or a control character in it"),
            (1, "the event has no field `a`, which the header `x-a` needs"),
        ]
    );
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_failure_keeps_the_events_and_their_order() {
    for (reply, after, error) in [
        (Reply::saying(500, "oh"), None, "500 Internal Server Error: oh"),
        (Reply::with(429, "retry-after", "30"), Some(30), "429 Too Many Requests"),
        (Reply::with(503, "retry-after", "Mon, 23 Nov 2026 14:03:20 GMT"), Some(10), "503 Service Unavailable"),
        (Reply::Hang, None, "no answer within 200ms"),
    ] {
        let (attempt, receiver) = attempt(&[reply], "request.timeout = '200ms'").await;
        assert_eq!((attempt.retry, attempt.reject.len()), (vec![0, 1], 0), "{error}");
        assert_eq!((attempt.after.map(|after| after.as_secs()), attempt.error.as_deref()), (after, Some(error)));
        assert_eq!(receiver.requests().len(), 1, "the second waits for the first");
    }
    let (attempt, _) = attempt(&[Reply::status(200), Reply::status(502)], "").await;
    assert_eq!(attempt.retry, [1]);
}

#[tokio::test]
async fn a_refusal_is_the_end_of_one_event() {
    let (attempt, receiver) = attempt(&[Reply::saying(400, "invalid_payload")], "").await;
    assert_eq!(attempt.reject, [(0, "400 Bad Request: invalid_payload".to_owned())]);
    assert_eq!((attempt.retry.len(), receiver.requests().len()), (0, 2));
}

#[tokio::test]
async fn redirects_are_refused_and_large_answers_read_in_part() {
    let other = Receiver::start([]).await;
    let (redirected, _) = attempt(&[Reply::with(302, "location", &other.uri("/"))], "").await;
    assert_eq!((redirected.reject.len(), other.requests().len()), (1, 0));
    let (large, mut receiver) = attempt(&[Reply::Large(10 << 20)], "").await;
    let (_, all) = receiver.sent().await;
    assert_eq!((large, all), (Attempt::delivered(), false));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_called_no_more() {
    let receiver = Receiver::start([Reply::status(200), Reply::status(410)]).await;
    let settings = |path: &str| parse::<WebhookSettings>(&format!("uri = '{}'", receiver.uri(path)));
    let batch = events(&[OPEN, RESOLVED, OPEN], [] as [&FieldPath; 0]);
    let reason = "the receiver has answered 410 (gone) at 2026-11-23T14:03:10.000Z: it is called no more until `uri` is another one";

    let mine = context(&[]);
    let webhook = settings("/hook").build(&mine).await.unwrap();
    let none = webhook.sync().await.unwrap().unwrap();
    let attempt = webhook.deliver(&batch).await;
    assert_eq!(attempt.reject, [(1, reason.to_owned()), (2, reason.to_owned())]);
    assert_eq!((attempt.retry.len(), attempt.error.as_deref()), (0, Some(reason)));
    assert_eq!((receiver.requests().len(), mine.health.reason().as_deref()), (2, Some(reason)));
    let kept = webhook.sync().await.unwrap().unwrap();

    // A restart changes nothing, and another URI everything.
    let later = context(&[]);
    let webhook = settings("/hook").build(&later).await.unwrap();
    webhook.restore(&kept).await.unwrap();
    assert_eq!(later.health.reason().as_deref(), Some(reason));
    assert_eq!(webhook.deliver(&batch).await.reject.len(), 3);
    assert_eq!(receiver.requests().len(), 2);
    for (path, kept) in [("/new", &kept), ("/hook", &none)] {
        let other = context(&[]);
        let webhook = settings(path).build(&other).await.unwrap();
        webhook.restore(kept).await.unwrap();
        assert_eq!((webhook.deliver(&batch).await, other.health.reason()), (Attempt::delivered(), None), "{path}");
        assert_eq!(webhook.sync().await.unwrap().unwrap(), none);
    }
}
