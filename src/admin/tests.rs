use std::sync::{Mutex, PoisonError};

use logd_sdk::component::Kind;
use logd_sdk::{Clock, ComponentId, Port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;
use crate::telemetry::Account;

/// A daemon with one account, that is ready unless told otherwise.
#[derive(Clone)]
struct Daemon {
    account: Arc<Account>,
    reasons: Arc<Mutex<Vec<Reason>>>,
}

impl Watched for Daemon {
    fn refresh(&self) {
        self.account.refresh();
    }

    fn unready(&self) -> Vec<Reason> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn broken(&self) -> Vec<Broken> {
        vec![Broken {
            pipeline: "other".to_owned(),
            since: "1970-01-01T00:00:00Z".to_owned(),
            mistakes: vec!["other.toml:1:1: no".to_owned()],
        }]
    }
}

struct Served {
    daemon: Daemon,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

fn served() -> Served {
    let metrics = Metrics::new().expect("metrics");
    let ports = [String::new(), "dead".to_owned()];
    let account = metrics::with_local_recorder(&metrics, || {
        Account::new(ComponentId::new("demo", "parsed"), Kind::Transform, "parse", &ports, Clock::system())
    });
    let daemon = Daemon { account: Arc::new(account), reasons: Arc::default() };
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("bound");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(serve(listener, metrics, daemon.clone(), shutdown));
    Served { daemon, address, stop, server }
}

/// Head and body of the answer.
async fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = format!("{request} HTTP/1.1\r\nHost: logd\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn serves_metrics_that_are_up_to_date() {
    let served = served();
    served.daemon.account.received(5, 500);
    served.daemon.account.sent(Port::MAIN, 3, 300);
    let (head, body) = ask(served.address, "GET /metrics").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    let labels = r#"pipeline="demo",component_id="parsed",component_kind="transform",component_type="parse""#;
    for line in [
        format!("logd_component_received_events_total{{{labels}}} 5\n"),
        format!("logd_component_sent_events_total{{{labels},output=\"_default\"}} 3\n"),
        format!("logd_component_in_flight_events{{{labels}}} 5\n"),
        format!("logd_unaccounted_events{{{labels}}} -3\n"),
    ] {
        assert!(body.contains(&line), "{line} is not in {body}");
    }
    assert_is_valid(&body);
}

/// Each line is as the text format of Prometheus has it, and a family stands together under its type.
fn assert_is_valid(text: &str) {
    let name = r"[a-zA-Z_:][a-zA-Z0-9_:]*";
    let label = r#"[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*""#;
    let sample = format!(r"^({name})(?:\{{{label}(?:,{label})*\}})? (?:[-+0-9.e]+|[-+]?inf|NaN)$");
    let sample = regex::Regex::new(&sample).expect("a pattern");
    let mut families = std::collections::HashSet::new();
    let mut family = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# HELP ")) {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            kind.split(' ').next().unwrap_or_default().clone_into(&mut family);
            assert!(families.insert(family.clone()), "{family} comes twice");
        } else {
            let found = sample.captures(line).unwrap_or_else(|| panic!("{line}"));
            let stem = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| found[1].strip_suffix(suffix));
            assert!(found[1] == family || stem == Some(&family), "{line} stands in {family}");
        }
    }
    assert!(text.ends_with('\n') && families.len() > 10, "{families:?}");
}

#[tokio::test]
async fn is_ready_or_says_why_not() {
    let served = served();
    let (head, body) = ask(served.address, "GET /ready").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("cache-control: no-store"), "{head}");
    assert_eq!(
        body,
        r#"{"ready":true,"reasons":[],"broken_files":[{"pipeline":"other","since":"1970-01-01T00:00:00Z","mistakes":["other.toml:1:1: no"]}]}"#
    );
    let reason = |component: Option<&str>, reason: &str| Reason {
        pipeline: "demo".to_owned(),
        component: component.map(str::to_owned),
        reason: reason.to_owned(),
    };
    *served.daemon.reasons.lock().expect("a lock") =
        vec![reason(Some("alarms"), "disk full"), reason(None, "starting")];
    let (head, body) = ask(served.address, "GET /ready").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert_eq!(
        body,
        r#"{"ready":false,"reasons":[{"pipeline":"demo","component":"alarms","reason":"disk full"},{"pipeline":"demo","component":null,"reason":"starting"}],"broken_files":[{"pipeline":"other","since":"1970-01-01T00:00:00Z","mistakes":["other.toml:1:1: no"]}]}"#
    );
    let (head, body) = ask(served.address, "GET /health").await;
    assert!(head.starts_with("HTTP/1.1 200"), "it lives: {head}");
    assert!(body.starts_with(r#"{"status":"ok","version":""#), "{body}");
}

#[tokio::test]
async fn serves_nothing_else_and_stops() {
    let served = served();
    for (request, status) in [
        ("GET /", "404 Not Found"),
        ("GET /metrics/", "404 Not Found"),
        ("POST /metrics", "405 Method Not Allowed"),
        ("DELETE /ready", "405 Method Not Allowed"),
    ] {
        let (head, body) = ask(served.address, request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {head}");
        assert!(body.starts_with(r#"{"error":"#), "{body}");
    }
    let (head, body) = ask(served.address, "HEAD /metrics").await;
    assert!(head.starts_with("HTTP/1.1 200") && body.is_empty(), "{head}");
    let _ = served.stop.send(());
    served.server.await.expect("stopped");
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn an_address_in_use_says_what_to_change() {
    let first = bind(([127, 0, 0, 1], 0).into()).expect("bound");
    let address = first.local_addr().expect("an address");
    let error = format!("{:#}", bind(address).expect_err("in use"));
    assert_eq!(
        error,
        format!(
            "metrics can't be served on {address}: Address already in use (os error 98); set another address with \
             `address` under `[telemetry]` in logd.toml, or with --telemetry-address"
        )
    );
}
