//! What the dashboard shows in these tests: a daemon with generated logs, incidents among them, users, and somebody
//! whom its webhooks call.

use std::sync::{Arc, Mutex};

use crate::support::server::{Request, Server};
use crate::support::{Place, Running};

/// Who may do everything, and sees everything.
pub(super) const ADMIN: (&str, &str) = ("admin", "a quiet morning");
/// Who sees everything.
pub(super) const VIEWER: (&str, &str) = ("watcher", "rain on the roof");
/// Who sees one service.
pub(super) const BOUND: (&str, &str) = ("payments", "nine green bottles");
/// The service that is seen.
pub(super) const PAYMENT: &str = "payment-service";

const SETTINGS: &str = r#"
checkpoint.interval = "1s"

[api.webhooks]
allow = ["127.0.0.1"]

[api.users.admin]
password = "a quiet morning"
role = "admin"

[api.users.watcher]
password = "rain on the roof"

[api.users.payments]
password = "nine green bottles"
services = ["payment-service"]
"#;

/// An incident of the past, and one that begins soon and stays.
const SHOP: [&str; 2] = [
    r#"kind = "latency", service = "payment-service", at = "-2m", for = "30s", factor = 8.0"#,
    r#"kind = "error_rate", service = "auth-service", at = "12s", for = "1h", factor = 9.0"#,
];

/// A pipeline as people write it: logs, windows, detectors, the API.
fn pipeline(rate: u32, backfill: &str, incidents: &[&str]) -> String {
    let incidents: Vec<String> = incidents.iter().map(|incident| format!("{{ {incident} }}")).collect();
    let incidents = incidents.join(", ");
    format!(
        r#"
[sources.logs]
type = "generator"
rate = {rate}
backfill = "{backfill}"
incidents = [{incidents}]

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"

[transforms.per_service]
type = "window"
inputs = ["parsed"]
size = "1s"
group_by = ["service"]
allowed_lateness = "500ms"

[transforms.per_service.aggregates]
count = {{ fn = "count" }}
error_rate = {{ fn = "ratio", where = '.level == "ERROR" || .level == "CRITICAL"' }}
latency_mean = {{ fn = "mean", field = "response_time_ms" }}
latency_p50 = {{ fn = "quantile", field = "response_time_ms", q = 0.5 }}
latency_p95 = {{ fn = "quantile", field = "response_time_ms", q = 0.95 }}
latency_p99 = {{ fn = "quantile", field = "response_time_ms", q = 0.99 }}
samples = {{ fn = "samples" }}

[transforms.latency]
type = "zscore"
inputs = ["per_service"]
field = "latency_mean"
group_by = ["service"]
threshold = 3.0
min_effect = 3.0
confirm = "2 of 3"
baseline = {{ samples = 1000, min_samples = 10, exclude_anomalies = true }}

[transforms.errors]
type = "spike"
inputs = ["per_service"]
field = "error_rate"
group_by = ["service"]
factor = 4.0
min_value = 0.3
confirm = "2 of 3"
baseline = {{ samples = 100, min_samples = 5, exclude_anomalies = true }}

# As `detect` tells of services that go wrong together, which takes longer to learn what is usual.
[transforms.together]
type = "remap"
inputs = ["errors.anomalies"]
source = '.related = [{{ "incident_id": "of-payments", "key": {{ "service": "payment-service" }}, "opened": .since }}]'

[sinks.api]
type = "api"
logs = ["parsed"]
windows = ["per_service"]
anomalies = ["latency.anomalies", "together"]
scores = ["latency.scores", "errors.scores"]
"#
    )
}

/// A second pipeline, with an incident that begins as soon as it runs.
pub(super) fn second() -> String {
    pipeline(100, "1m", &[r#"kind = "latency", service = "database", at = "1s", for = "1h", factor = 20.0"#])
}

/// The daemon, and whom it calls.
pub(super) struct Shop {
    pub(super) place: Place,
    pub(super) logd: Running,
    /// Where the dashboard is: `http://127.0.0.1:40000`.
    pub(super) url: String,
    receiver: Server,
    calls: Arc<Mutex<Vec<Request>>>,
}

impl Shop {
    /// Starts it.
    pub(super) fn start() -> Self {
        Self::with("shop", &pipeline(500, "4m", &SHOP))
    }

    /// Starts it with another pipeline.
    pub(super) fn with(name: &str, pipeline: &str) -> Self {
        let place = Place::new();
        place.write("logd.toml", SETTINGS);
        place.write(&format!("pipelines/{name}.toml"), pipeline);
        let mut command = place.logd();
        command.args(["run", "--config", "logd.toml"]);
        command.args(["--api-address", "127.0.0.1:0", "--telemetry-address", "127.0.0.1:0"]);
        let mut logd = Running::start(&mut command);
        logd.wait_for("its address", |logd| served(&logd.err()).is_some());
        let url = served(&logd.err()).expect("it was there");
        let calls = Arc::<Mutex<Vec<Request>>>::default();
        let known = Arc::clone(&calls);
        let receiver = Server::start(move |request| {
            known.lock().expect("no thread panics").push(request);
            Some(200)
        });
        Self { place, logd, url, receiver, calls }
    }

    /// Where a webhook reaches the receiver.
    pub(super) fn receiver(&self) -> String {
        format!("http://{}/hooks/logd", self.receiver.address())
    }

    /// The calls that the receiver has got.
    pub(super) fn calls(&self) -> Vec<Request> {
        self.calls.lock().expect("no thread panics").clone()
    }
}

/// Where the daemon says that it serves the dashboard.
fn served(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("The API and the dashboard are served. url=\"")?;
    rest.split('"').next().map(str::to_owned)
}
