use std::io::Read as _;

use flate2::read::GzDecoder;
use logd_sdk::component::{Settings as _, SinkSettings as _};
use logd_sdk::condition::Reads;
use logd_sdk::sink::{Concurrency, Repeats};

use super::*;
use crate::testing::{NoConditions, Receiver, Reply, Request, context, events, parse, problems, reads_its_example};

/// A sink that calls the receiver, and a batch with the columns that it reads.
async fn sink(receiver: &Receiver, path: &str, more: &str, lines: &[&str]) -> (HttpSink, Batch) {
    let settings: HttpSinkSettings = parse(&format!("uri = '{}'\n{more}", receiver.uri(path)));
    let Reads::Fields(fields) = settings.reads(&NoConditions) else { panic!("no templates") };
    let fields: Vec<_> = fields.iter().map(|field| field.to_string().parse().unwrap()).collect();
    (settings.build(&context(&[])).await.unwrap(), events(lines, &fields))
}

/// What one attempt with these events makes of them, and what the receiver was sent.
async fn deliver(replies: &[Reply], more: &str, lines: &[&str]) -> (Attempt, Vec<Request>) {
    let receiver = Receiver::start(replies.to_vec()).await;
    let (sink, batch) = sink(&receiver, "/", more, lines).await;
    let attempt = sink.deliver(&batch).await;
    (attempt, receiver.requests())
}

fn bodies(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::text).collect()
}

const THREE: [&str; 3] = [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#];

#[test]
fn reads_its_own_example() {
    reads_its_example::<HttpSinkSettings>();
}

#[test]
fn rejects_what_it_must() {
    let with = |more: &str| problems::<HttpSinkSettings>(&format!("uri = 'https://a.example/x'\n{more}"));
    for (more, expected) in [
        ("", &[][..]),
        ("auth = { strategy = 'basic', user = 'u', password = 'p' }", &[]),
        (
            "encoding.codec = 'text'\nframing.method = 'json_array'",
            &["!framing.method: a JSON array has no text lines in it"],
        ),
        (
            "headers = { authorization = 'x' }\nauth = { strategy = 'bearer', token = 't' }",
            &["!headers.authorization: `authorization` is set by logd itself"],
        ),
        ("auth = { strategy = 'bearer' }", &["!auth: this strategy needs a `token`"]),
        ("batch.max_size = '0 B'", &["!batch.max_size: `max_size` must be larger than nothing"]),
        ("request.timeout = '0s'", &["!request.timeout: `timeout` must be longer than nothing"]),
        ("headers = { 'a b' = 'x' }", &["!headers.a b: `a b` can't be the name of a header"]),
    ] {
        assert_eq!(with(more), expected, "{more}");
    }
    for (uri, message) in [
        ("a.example", "a URI begins with `https://` or `http://` here"),
        ("https://u:canary@a.example", "a URI has no user and no password in it here"),
        ("http://127.1/", "the host `127.1` is understood as `127.0.0.1`"),
        ("https://{{ host }}/x", "no event chooses the host, so a field can't stand in front of the path"),
    ] {
        assert_eq!(problems::<HttpSinkSettings>(&format!("uri = '{uri}'")), [format!("!uri: {message}")]);
    }
    let public = problems::<HttpSinkSettings>("uri = 'http://169.254.169.254/'\naddresses = 'public'");
    assert_eq!(public, ["!uri: `169.254.169.254` is no address of the internet"]);
    for wrong in ["colour = 1", "framing.method = 'words'", "encoding = {}", "compression = 'lz4'", "method = 'get'"] {
        assert!(toml::from_str::<HttpSinkSettings>(&format!("uri = 'https://a.example'\n{wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let settings: HttpSinkSettings = parse(
        "uri = 'https://a.example/canary'\nheaders = { x-key = 'canary' }\nproxy = 'http://u:canary@proxy:1'\n\
         auth = { strategy = 'basic', username = 'u', password = 'canary' }",
    );
    assert!(!format!("{settings:?}").contains("canary"), "{settings:?}");
}

#[test]
fn the_driver_knows_what_a_receiver_takes() {
    let delivery = |more: &str| parse::<HttpSinkSettings>(&format!("uri = 'https://a.example'\n{more}")).delivery();
    let usual = delivery("batch.max_events = 7\nrequest = { concurrency = 2, timeout = '10s' }");
    assert_eq!((usual.max_events, usual.most_events.get(), usual.repeats), (7, 7, Repeats::Doubled));
    assert_eq!((usual.concurrency.most(), usual.attempt_timeout.as_secs()), (2, 25));
    let single = delivery("framing.method = 'bytes'");
    assert_eq!((single.max_events, single.most_events.get()), (1, 1));
    assert!(matches!(single.concurrency, Concurrency::Adaptive(_)));
}

#[tokio::test]
async fn a_batch_is_a_body() {
    for (more, kind, body) in [
        ("", "application/json", r#"[{"a":1},{"a":2},{"a":3}]"#),
        ("framing.method = 'newline_delimited'", "application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"),
        ("encoding.codec = 'text'", "text/plain; charset=utf-8", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"),
    ] {
        let (attempt, requests) = deliver(&[Reply::status(204)], more, &THREE).await;
        assert_eq!((attempt, bodies(&requests)), (Attempt::delivered(), vec![body.to_owned()]));
        assert_eq!(requests[0].header("content-type"), Some(kind));
        assert_eq!(requests[0].line, "POST / HTTP/1.1");
    }
    let (_, requests) = deliver(&[], "framing.method = 'bytes'\nmethod = 'put'", &THREE[..1]).await;
    assert_eq!((requests[0].line.as_str(), requests[0].text().as_str()), ("PUT / HTTP/1.1", THREE[0]));
}

#[tokio::test]
async fn bodies_are_packed() {
    for coding in ["gzip", "zstd"] {
        let (_, requests) = deliver(&[], &format!("compression = '{coding}'"), &THREE).await;
        assert_eq!(requests[0].header("content-encoding"), Some(coding));
        let mut text = String::new();
        match coding {
            "gzip" => _ = GzDecoder::new(&requests[0].body[..]).read_to_string(&mut text).unwrap(),
            _ => text = String::from_utf8(zstd::decode_all(&requests[0].body[..]).unwrap()).unwrap(),
        }
        assert_eq!(text, format!("[{}]", THREE.join(",")));
    }
}

#[tokio::test]
async fn credentials_and_headers_are_sent() {
    let basic = "auth = { strategy = 'basic', username = 'u', password = 'p' }";
    let (_, requests) = deliver(&[], basic, &THREE).await;
    assert_eq!(requests[0].header("authorization"), Some("Basic dTpw"));
    let bearer = "auth = { strategy = 'bearer', token = 't' }\nheaders = { X-A = 'a {{ a }}', content-type = 'b/c' }";
    let (_, requests) = deliver(&[], bearer, &THREE[..1]).await;
    let header = |name| requests[0].header(name);
    assert_eq!(
        (header("authorization"), header("x-a"), header("content-type")),
        (Some("Bearer t"), Some("a 1"), Some("b/c"))
    );
}

#[tokio::test]
async fn events_go_where_their_fields_say() {
    let receiver = Receiver::start([]).await;
    let lines = [
        r#"{"s":"a","t":1}"#,
        r#"{"s":"b/..","t":1}"#,
        r#"{"s":"a","t":1}"#,
        r#"{"s":".."}"#,
        r#"{"s":"a","t":"1\n2"}"#,
    ];
    let (sink, batch) = sink(&receiver, "/in/{{ s }}", "headers = { x-t = '{{ t }}' }", &lines).await;
    let attempt = sink.deliver(&batch).await;
    let reasons: Vec<_> = attempt.reject.iter().map(|(row, reason)| (*row, reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (3, "the event's fields would change what the URI means"),
            (4, "the header `x-t` would have a line end or a control character in it"),
        ]
    );
    let mut sent: Vec<_> = receiver.requests().iter().map(|request| (request.line.clone(), request.text())).collect();
    sent.sort();
    assert_eq!(sent[0], ("POST /in/a HTTP/1.1".to_owned(), format!("[{},{}]", lines[0], lines[2])));
    assert_eq!(sent[1], ("POST /in/b%2F.. HTTP/1.1".to_owned(), format!("[{}]", lines[1])));
}

#[tokio::test]
async fn a_repeat_can_be_told_by_its_key() {
    let receiver = Receiver::start([Reply::status(503)]).await;
    let (sink, batch) = sink(&receiver, "/", "", &THREE).await;
    assert_eq!(sink.deliver(&batch).await.retry, [0, 1, 2]);
    assert_eq!(sink.deliver(&batch).await, Attempt::delivered());
    assert_eq!(sink.deliver(&batch.select(&[0])).await, Attempt::delivered());
    let keys: Vec<_> =
        receiver.requests().iter().map(|request| request.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!((keys[0].len(), &keys[0]), (32, &keys[1]));
    assert_ne!(keys[1], keys[2]);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_when_the_receiver_wishes() {
    let reply = Reply::with(429, "retry-after", "7");
    let (attempt, _) = deliver(&[reply], "", &THREE).await;
    assert_eq!((attempt.retry, attempt.after.map(|after| after.as_secs())), (vec![0, 1, 2], Some(7)));
    assert_eq!(attempt.error.as_deref(), Some("429 Too Many Requests"));
    for status in [408, 425, 500, 502, 503, 504] {
        let (attempt, _) = deliver(&[Reply::saying(status, "busy\n")], "", &THREE).await;
        assert_eq!((attempt.retry.len(), attempt.after, attempt.reject.len()), (3, None, 0), "{status}");
        assert!(attempt.error.unwrap().ends_with(": busy"), "{status}");
    }
    let (attempt, _) = deliver(&[Reply::Hang], "request.timeout = '100ms'", &THREE).await;
    assert_eq!((attempt.retry.len(), attempt.error.as_deref()), (3, Some("no answer within 100ms")));
}

#[tokio::test]
async fn what_will_never_pass_is_rejected_with_the_reason() {
    let (attempt, _) = deliver(&[Reply::saying(422, "no such field")], "", &THREE).await;
    let reason = "422 Unprocessable Entity: no such field".to_owned();
    assert_eq!(attempt.reject, [(0, reason.clone()), (1, reason.clone()), (2, reason)]);
    assert_eq!((attempt.retry.len(), attempt.error), (0, None));
    let (attempt, requests) = deliver(&[Reply::with(307, "location", "/there")], "", &THREE[..1]).await;
    assert_eq!(attempt.reject[0].1, "307 Temporary Redirect: redirects are not followed; set the new URI");
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn what_is_too_large_is_halved_down_to_one() {
    let lines: Vec<String> = (0..5).map(|at| format!(r#"{{"a":{at}}}"#)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    // 5 → 2 (→ 1, 1) + 3; only the first one is too large by itself.
    let large = || Reply::saying(413, "too large");
    let (attempt, requests) = deliver(&[large(), large(), large()], "", &lines).await;
    assert_eq!(attempt.reject, [(0, "413 Payload Too Large: too large".to_owned())]);
    assert!(attempt.retry.is_empty());
    let sizes: Vec<usize> = requests.iter().map(|request| request.text().matches("\"a\"").count()).collect();
    assert_eq!(sizes, [5, 2, 1, 1, 3]);
}

#[tokio::test]
async fn what_was_delivered_before_a_failure_is_not_sent_again() {
    let (attempt, requests) = deliver(&[Reply::status(413), Reply::status(200), Reply::status(503)], "", &THREE).await;
    assert_eq!((attempt.retry, attempt.reject.len(), requests.len()), (vec![1, 2], 0, 3));
}
