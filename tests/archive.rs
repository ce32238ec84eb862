//! What the API remembers, through kills: every log once, every incident once, and what windows say to the letter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::support::moments::Moments;
use crate::support::{Place, Running, ask, free_address};

/// Logs that the generator makes.
const LOGS: u64 = 60_000;

/// How often it is killed meanwhile.
const KILLS: u32 = 6;

const PIPELINE: &str = r#"
[sources.logs]
type = "generator"
rate = 6000
start = 2026-01-05T10:00:00Z
seed = 7
count = 60000

[[sources.logs.incidents]]
kind = "error_rate"
service = "auth-service"
at = "4s"
for = "3s"
factor = 8.0

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"

[transforms.windows]
type = "window"
inputs = ["parsed"]
size = "100ms"
group_by = ["service"]
allowed_lateness = "0s"
idle_timeout = "1s"
[transforms.windows.aggregates]
count = { fn = "count" }
error_rate = { fn = "ratio", where = '.level == "ERROR" || .level == "CRITICAL"' }

[transforms.errors]
type = "spike"
inputs = ["windows"]
field = "error_rate"
group_by = ["service"]
confirm = "2 of 3"

[sinks.api]
type = "api"
logs = ["parsed"]
windows = ["windows"]
anomalies = ["errors.anomalies"]
scores = ["errors.scores"]
"#;

/// Everything is kept, however long ago it was, and asked for by one who may.
const SETTINGS: &str = "checkpoint.interval = \"100ms\"\n[api]\nmax_rate = 1000000\nrate_limit = 100000\n\
                        retention.max_age = \"10000d\"\n[api.users.reader]\npassword = \"a password for a test\"\n";

fn start(place: &Place, address: &str) -> Running {
    let arguments = ["run", "--telemetry-address", "127.0.0.1:0", "--api-address", address];
    Running::start(place.logd().args(arguments))
}

/// What the API answers to one who has signed in.
struct Reader<'a> {
    address: &'a str,
    token: String,
}

impl<'a> Reader<'a> {
    fn new(address: &'a str) -> Self {
        let body = r#"{"username":"reader","password":"a password for a test"}"#;
        let more = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let answer = ask(address, "POST /api/v1/auth/token", &more);
        let token = json(&answer)["access_token"].as_str().expect("a token").to_owned();
        Self { address, token }
    }

    fn get(&self, path: &str) -> Value {
        let more = format!("authorization: Bearer {}\r\n\r\n", self.token);
        json(&ask(self.address, &format!("GET /api/v1{path}"), &more))
    }

    /// All items of a list, page by page.
    fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{cursor}"));
            items.extend(page["items"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

fn json(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// What it remembers in the end.
#[derive(Debug, PartialEq)]
struct Remembered {
    totals: (u64, u64),
    services: BTreeMap<String, (u64, u64)>,
    logs: BTreeSet<String>,
    anomalies: BTreeSet<String>,
    incidents: BTreeSet<String>,
    windows: Value,
}

fn remembered(reader: &Reader<'_>) -> Remembered {
    let number = |value: &Value, name: &str| value[name].as_u64().unwrap_or_else(|| panic!("{name} of {value}"));
    let ids = |items: &[Value]| {
        let ids: BTreeSet<String> = items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(ids.len(), items.len(), "something is there twice");
        ids
    };
    let metrics = reader.get("/metrics");
    let services = reader.get("/services");
    let services = services["items"].as_array().expect("services").iter().map(|service| {
        let name = service["service_name"].as_str().expect("a name").to_owned();
        (name, (number(service, "total_logs"), number(service, "error_logs")))
    });
    let range = "from=2026-01-05T10:00:00Z&to=2026-01-05T10:10:00Z&step=1m";
    let mut windows = reader.get(&format!("/services/web-api/series?metric=count&{range}"));
    windows["anomalies"].take();
    Remembered {
        totals: (number(&metrics, "total_logs"), number(&metrics, "error_logs")),
        services: services.collect(),
        logs: ids(&reader.all("/logs?limit=1000")),
        anomalies: ids(&reader.all("/anomalies?limit=1000")),
        incidents: ids(&reader.all("/incidents?limit=1000")),
        windows,
    }
}

/// Waits until all logs are found and `holds`, and returns what is remembered then.
fn finish(place: &Place, address: &str, holds: impl Fn(&Reader<'_>) -> bool) -> Remembered {
    let mut logd = start(place, address);
    logd.wait_for("the API", |logd| logd.err().contains("Started."));
    let reader = Reader::new(address);
    // They are found some seconds after they have come.
    logd.wait_for("all logs", |_| found(&reader) == LOGS);
    // If that never comes, the difference is told by whoever compares.
    let mut patience = 200;
    logd.wait_for("all windows", |_| {
        patience -= 1;
        patience == 0 || holds(&reader)
    });
    let remembered = remembered(&reader);
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
    remembered
}

/// How many logs a search finds.
fn found(reader: &Reader<'_>) -> u64 {
    let counted = reader.get("/logs/histogram?from=2026-01-05T10:00:00Z&to=2026-01-05T10:10:00Z&step=1m");
    counted["total"].as_array().expect("counts").iter().filter_map(Value::as_u64).sum()
}

/// Whether all windows have closed and been taken: five services have a hundred each.
fn has_all_windows(reader: &Reader<'_>) -> bool {
    let pipelines = reader.get("/pipelines");
    let components = pipelines["pipelines"][0]["components"].as_array().expect("components");
    let figure =
        |name: &str, figure: &str| components.iter().find(|one| one["name"] == name).expect(name)[figure].as_i64();
    figure("windows", "sent") == Some(500)
        && figure("errors", "in_flight") == Some(0)
        && figure("api", "in_flight") == Some(0)
}

#[test]
fn what_is_remembered_is_there_once_after_kills() {
    let place = || {
        let place = Place::new();
        place.write("pipelines/p.toml", PIPELINE);
        place.write("logd.toml", SETTINGS);
        place
    };
    let (calm, killed, address) = (place(), place(), free_address());
    let expected = finish(&calm, &address, has_all_windows);
    assert_eq!(expected.totals.0, LOGS);
    assert_eq!(expected.logs.len() as u64, LOGS);
    assert!(!expected.incidents.is_empty(), "the injected one is found");

    let mut moments = Moments::new();
    for _ in 0..KILLS {
        let mut logd = start(&killed, &address);
        logd.wait_for("the start", |logd| logd.err().contains("Started."));
        std::thread::sleep(moments.within(Duration::from_millis(1500)));
        logd.signal("KILL");
        logd.end();
    }
    let found = finish(&killed, &address, |reader| remembered(reader) == expected);
    assert_eq!((found.totals, &found.services), (expected.totals, &expected.services));
    assert!(found.logs == expected.logs, "{} logs instead of {}", found.logs.len(), expected.logs.len());
    assert_eq!(found, expected);
}
