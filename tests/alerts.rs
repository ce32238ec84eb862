//! The ready pipelines of `examples/alerts`: what they send of real incidents, to receivers that write it down and to a
//! real Alertmanager.

mod alertmanager;
mod receiver;
mod restarts;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use self::receiver::Receiver;
use crate::support::{Place, run};

/// A shop's latencies, and a detector that finds an incident in them.
const SHOP: &str = r#"
[sources.latencies]
type = "file"
include = ["latencies.csv"]

[transforms.parsed]
type = "parse"
inputs = ["latencies"]
format = "csv"
columns = ["timestamp", "service", "latency"]
timestamp.field = "timestamp"

[transforms.latency]
type = "zscore"
inputs = ["parsed"]
field = "latency"
group_by = ["service"]
confirm = "2 of 3"
resolve_after = "3s"
"#;

/// Two services that go wrong together, and `detect`, which tells of several signals and of one another's incidents.
const HEALTH: &str = r#"
[sources.requests]
type = "file"
include = ["latencies.csv"]

[transforms.parsed]
type = "parse"
inputs = ["requests"]
format = "csv"
columns = ["timestamp", "service", "latency", "level"]
timestamp.field = "timestamp"

[transforms.health]
type = "detect"
inputs = ["parsed"]
group_by = ["service"]
fields.latency = "latency"
fields.error = '.level == "ERROR"'
"#;

/// So many lines are usual before anything happens.
const USUAL: i64 = 30;

/// A line a second from `start` (in seconds since 1970) on, each with its latency.
fn lines(start: i64, latencies: impl IntoIterator<Item = i64>) -> String {
    let mut text = String::new();
    for (second, latency) in (start..).zip(latencies) {
        let time = logd_sdk::Time::from_micros(second * 1_000_000);
        writeln!(text, "{time},payment <service>,{latency}").expect("a string takes everything");
    }
    text
}

/// Latencies as they are every day.
fn usual(seconds: i64) -> impl Iterator<Item = i64> {
    (0..seconds).map(|second| 100 + second % 3)
}

/// A quiet while, an incident of five seconds, and quiet again.
fn incident(start: i64) -> String {
    lines(start, usual(USUAL).chain([900; 5]).chain(usual(10)))
}

/// What `detect` needs until it judges, a database that answers slowly, a shop that does so half a minute later and fails,
/// and quiet again.
fn trouble(start: i64) -> String {
    const HOUR: i64 = 3600;
    let mut text = String::new();
    for second in 0..HOUR + 1500 {
        let time = logd_sdk::Time::from_micros((start + second) * 1_000_000);
        let (database, shop) = ((HOUR + 300..HOUR + 540).contains(&second), (HOUR + 330..HOUR + 540).contains(&second));
        let usual = 100 + second % 7;
        let latency = if database { 4 * usual } else { usual };
        writeln!(text, "{time},db <main>,{latency},INFO").expect("a string takes everything");
        let latency = if shop { 3 * usual } else { usual };
        let level = if shop && second % 2 == 0 { "ERROR" } else { "INFO" };
        writeln!(text, "{time},shop,{latency},{level}").expect("a string takes everything");
    }
    text
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/alerts").join(name)
}

/// logd with the shop's pipeline and one of the examples, that calls `uri`.
fn logd(place: &Place, name: &str, uri: &str) -> Command {
    logd_with(SHOP, place, name, uri)
}

/// logd with a pipeline and one of the examples, that calls `uri`.
fn logd_with(pipeline: &str, place: &Place, name: &str, uri: &str) -> Command {
    let shop = place.write("shop.toml", pipeline);
    let mut command = place.logd();
    command.arg("run").arg("-c").arg(shop).arg("-c").arg(example(&format!("{name}.toml")));
    for (variable, value) in [
        ("SLACK_WEBHOOK_URL", format!("{uri}/services/T0/B0/canary")),
        ("TEAMS_WEBHOOK_URL", format!("{uri}/workflows/canary?sp=%2Ftriggers%2Fmanual%2Frun&sig=canary")),
        ("PAGERDUTY_URL", uri.to_owned()),
        ("PAGERDUTY_ROUTING_KEY", "canary".to_owned()),
        ("ALERTMANAGER_URL", uri.to_owned()),
        ("EMAIL_GATEWAY_URL", format!("{uri}/messages")),
        ("EMAIL_GATEWAY_TOKEN", "canary".to_owned()),
        ("EMAIL_TO", "oncall@example.com".to_owned()),
        ("SMS_GATEWAY_URL", format!("{uri}/sms")),
        ("SMS_GATEWAY_TOKEN", "canary".to_owned()),
        ("SMS_TO", "+10000000000".to_owned()),
    ] {
        command.env(variable, value);
    }
    command
}

/// Runs an example over incidents of both detectors, and compares what it has sent with what is expected.
fn check(name: &str, line: &str, header: Option<(&str, &str)>) {
    // 2026-11-23T14:00:00Z.
    const START: i64 = 1_795_442_400;
    compare(name, line, header, name, SHOP, incident(START), None);
    let dashboard = Some("https://logd.example");
    compare(name, line, header, &format!("{name}-detect"), HEALTH, trouble(START), dashboard);
}

/// Runs an example behind a pipeline with an input, and compares what it has sent with what is expected.
fn compare(
    name: &str,
    line: &str,
    header: Option<(&str, &str)>,
    expected: &str,
    pipeline: &str,
    input: String,
    dashboard: Option<&str>,
) {
    let (place, receiver) = (Place::new(), Receiver::start([]));
    place.write("latencies.csv", input);
    let mut command = logd_with(pipeline, &place, name, &receiver.uri());
    command.envs(dashboard.map(|uri| ("DASHBOARD_URL", uri)));
    let said = run(command.args(["--once", "--log-level", "trace"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.err.contains("canary"), "a secret is in the log:\n{}", said.err);
    let mut sent = String::new();
    for request in receiver.requests() {
        assert_eq!(request.line, format!("POST {line} HTTP/1.1"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        if let Some((name, value)) = header {
            assert_eq!(request.header(name), Some(value));
        }
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        writeln!(sent, "{body:#}").expect("a string takes everything");
    }
    let path = example(&format!("expected/{expected}.json"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &sent).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(!expected.is_empty() && sent == expected, "{name} sends:\n{sent}");
}

#[test]
fn slack() {
    check("slack", "/services/T0/B0/canary", None);
}

#[test]
fn teams() {
    check("teams", "/workflows/canary?sp=%2Ftriggers%2Fmanual%2Frun&sig=canary", None);
}

#[test]
fn pagerduty() {
    check("pagerduty", "/v2/enqueue", None);
}

#[test]
fn alertmanager() {
    check("alertmanager", "/api/v2/alerts", None);
}

#[test]
fn email() {
    check("email", "/messages", Some(("authorization", "Bearer canary")));
}

#[test]
fn sms() {
    check("sms", "/sms", Some(("authorization", "Bearer canary")));
}
