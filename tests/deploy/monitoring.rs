//! A real Prometheus asks a logd that runs with a real Kafka: every query of every dashboard and rule returns data.

use std::process::Command;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::dashboards::{self, Query};
use super::pipelines::with_kafka_alone;
use super::{file, folder, text};
use crate::faults::alone;
use crate::support::{Place, Running, Said, free_address, run};

/// What the shipped pipelines have none of: dead letters, lost events, a sink with errors, and one with a disk buffer.
const ODD: &str = r#"
[transforms.lossy]
type = "remap"
inputs = ["plain"]
source = ". = parse_json!(\"no JSON\")"
drop_on_error = true

[sinks.what_is_left]
type = "blackhole"
inputs = ["lossy"]

[sources.plain]
type = "generator"
rate = 20

[transforms.unreadable]
type = "parse"
inputs = ["plain"]
format = "syslog"

[sinks.nowhere]
type = "file"
inputs = ["plain"]
path = "odd/{{ missing }}.jsonl"
encoding.codec = "json"

[sinks.out]
type = "blackhole"
inputs = ["unreadable"]
buffer.type = "disk"
"#;

/// A service by the recipe `tests/services/services.sh`, in a folder and on ports of its own. Its data is gone when this is
/// dropped.
struct Service {
    name: &'static str,
    settings: Vec<(&'static str, String)>,
    place: Place,
}

impl Service {
    fn start(name: &'static str, place: Place, settings: Vec<(&'static str, String)>) -> Self {
        let service = Self { name, settings, place };
        let said = service.recipe("start");
        assert_eq!(said.code, Some(0), "{}", said.err);
        service
    }

    fn recipe(&self, command: &str) -> Said {
        let mut script = Command::new(file("tests/services/services.sh"));
        script.args([command, self.name]).env("SERVICES_RUN", self.place.path("services"));
        script.env("START_TIMEOUT", "200").envs(self.settings.iter().map(|(name, value)| (name, value)));
        run(&mut script)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.recipe("wipe");
    }
}

/// A Kafka without any topic, and its address.
fn kafka() -> (Service, String) {
    let (address, controller) = (free_address(), free_address());
    let settings =
        vec![("KAFKA_PORT", port(&address).to_owned()), ("KAFKA_CONTROLLER_PORT", port(&controller).to_owned())];
    (Service::start("kafka", Place::new(), settings), address)
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().expect("a port")
}

/// A Prometheus with the shipped configuration.
struct Prometheus {
    address: String,
    _service: Service,
}

impl Prometheus {
    fn start(logd: &str) -> Self {
        let (place, address) = (Place::new(), free_address());
        let config = text("deploy/prometheus/prometheus.yml").replace("logd:9598", logd).replace(": 5s", ": 1s");
        let config = place.write("prometheus.yml", config).display().to_string();
        for rules in folder("deploy/prometheus/rules") {
            let name = rules.file_name().expect("a name").to_string_lossy();
            place.write(&format!("rules/{name}"), std::fs::read(&rules).expect("readable"));
        }
        let settings = vec![("PROMETHEUS_PORT", port(&address).to_owned()), ("PROMETHEUS_CONFIG", config)];
        Self { address, _service: Service::start("prometheus", place, settings) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether the expression has any data now.
    fn answers(&self, expression: &str) -> bool {
        let said = run(Command::new("promtool").args(["query", "instant", "-o", "json", &self.url(), expression]));
        assert_eq!(said.code, Some(0), "{expression}: {}", said.err);
        serde_json::from_str::<Vec<Value>>(&said.out).is_ok_and(|samples| !samples.is_empty())
    }

    /// The rules as Prometheus has read them.
    fn rules(&self) -> Vec<Query> {
        let said = run(Command::new("curl").args(["-fsS", "-m", "10", &format!("{}/api/v1/rules", self.url())]));
        let answer: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
        let groups = answer["data"]["groups"].as_array().expect("groups");
        // An alert that rests has no data: what is asked is whether what it compares has.
        let comparison = Regex::new(r" (==|!=|>=|<=|>|<) ([0-9.e+]+)").expect("a pattern");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        let query = |rule: &Value| {
            let expression = rule["query"].as_str().expect("a query");
            Query {
                name: format!("rule {}", rule["name"].as_str().expect("a name")),
                expression: comparison.replace_all(expression, " $1 bool $2").into_owned(),
            }
        };
        rules.map(query).collect()
    }
}

#[test]
fn every_query_of_every_dashboard_and_rule_returns_data() {
    // With Kafka and Prometheus it takes the machine from tests that measure.
    let _alone = alone();
    let place = Place::new();
    place.write("pipelines/analysis.toml", with_kafka_alone());
    place.write("pipelines/logs.toml", text("deploy/pipelines/logs.toml"));
    place.write("pipelines/odd.toml", ODD);
    let (_kafka, brokers) = kafka();
    let address = free_address();
    let mut command = place.logd();
    command.env("LOG_RATE", "1000").env("KAFKA_BOOTSTRAP_SERVERS", brokers);
    let mut logd =
        Running::start(command.args(["run", "--telemetry-address", &address, "--api-address", "127.0.0.1:0"]));
    let healthy = || run(Command::new(file("deploy/healthcheck")).arg(port(&address))).code == Some(0);
    logd.wait_for("health", |_| healthy());

    let prometheus = Prometheus::start(&address);
    let mut open = dashboards::queries();
    open.extend(prometheus.rules());
    assert!(open.len() > 80, "only {} queries", open.len());
    // Incidents are in the past that is made at the start, which takes its time beside other tests.
    const ROUNDS: u32 = 180;
    for _ in 0..ROUNDS {
        open.retain(|query| !prometheus.answers(&query.expression));
        if open.is_empty() {
            break;
        }
        assert!(logd.runs(), "{}", logd.err());
        std::thread::sleep(Duration::from_secs(1));
    }
    let asked: Vec<_> = open.iter().map(|query| format!("{}: {}", query.name, query.expression)).collect();
    assert!(asked.is_empty(), "without data: {asked:#?}\n{}", logd.err());

    logd.signal("TERM");
    assert!(logd.end().0.success());
    assert!(!healthy(), "a health check succeeds without logd");
}

#[test]
fn promtool_takes_configuration_and_rules_and_their_tests_pass() {
    let promtool = |arguments: [&str; 2], paths: Vec<std::path::PathBuf>| {
        let said = run(Command::new("promtool").args(arguments).args(paths));
        assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.out, said.err);
    };
    promtool(["check", "config"], vec![file("deploy/prometheus/prometheus.yml")]);
    promtool(["check", "rules"], folder("deploy/prometheus/rules"));
    promtool(["test", "rules"], folder("deploy/prometheus/tests"));
}

#[test]
fn every_alert_has_a_test_and_an_entry_in_the_runbook() {
    let (alerts, tests, runbook) = (
        text("deploy/prometheus/rules/alerts.yml"),
        text("deploy/prometheus/tests/alerts.yml"),
        text("docs/runbook.md"),
    );
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    for name in names {
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test");
        assert!(runbook.contains(&format!("\n## {name}\n")), "{name} has no entry in docs/runbook.md");
        assert!(alerts.contains(&format!("docs/runbook.md#{}\"", name.to_lowercase())), "{name} names no entry");
    }
}
