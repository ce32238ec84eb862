//! A daemon with something to show: generated logs of five services, an incident in their past, users.

use crate::api::client::Client;
use crate::support::{Place, Running, run};

/// Who may do everything.
pub(super) const ADMIN: (&str, &str) = ("root", "correct horse battery");
/// Who may look at everything.
pub(super) const VIEWER: (&str, &str) = ("viewer", "another horse battery");
/// Who may look at one service.
pub(super) const BOUND: (&str, &str) = ("bound", "a third horse battery");
/// Who may do everything with that service.
pub(super) const LEAD: (&str, &str) = ("lead", "a fourth horse battery");
/// That service.
pub(super) const SERVICE: &str = "payment-service";

/// What `logd.toml` says of the API in all of these tests.
const API: &str = r#"
[api.users.root]
role = "admin"
password = "correct horse battery"

[api.users.viewer]
password = "another horse battery"

[api.users.bound]
password = "a third horse battery"
services = ["payment-service"]

[api.users.lead]
role = "admin"
password = "a fourth horse battery"
services = ["payment-service"]
"#;

/// Logs, windows, detectors, the API.
pub(super) const WHOLE: &str = r#"
[sources.logs]
type = "generator"
rate = 300
backfill = "5m"
incidents = [
    { kind = "latency", service = "payment-service", at = "-2m", for = "30s", factor = 6.0 },
    { kind = "latency", service = "database", at = "-1m", for = "30s", factor = 9.0 },
]

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
latency_mean = { fn = "mean", field = "response_time_ms" }
samples = { fn = "samples" }

[transforms.latency]
type = "zscore"
inputs = ["per_service"]
field = "latency_mean"
group_by = ["service"]
min_std = 1.0
min_effect = 3.0
confirm = "2 of 3"
baseline = { samples = 1000, min_samples = 10, exclude_anomalies = true }

[sinks.api]
type = "api"
logs = ["parsed"]
windows = ["per_service"]
anomalies = ["latency.anomalies"]
scores = ["latency.scores"]
"#;

/// Logs and the API, no more: quick to start.
pub(super) const LOGS: &str = r#"
[sources.logs]
type = "generator"
rate = 100
backfill = "10s"

[transforms.parsed]
type = "parse"
inputs = ["logs"]
format = "json"
timestamp.field = "timestamp"

[sinks.api]
type = "api"
logs = ["parsed"]
"#;

/// A daemon.
pub(super) struct Shop {
    pub(super) place: Place,
    pub(super) logd: Running,
    /// Where the API is.
    pub(super) address: String,
}

impl Shop {
    /// Starts it with a pipeline, and with this at the begin of `[api]`.
    pub(super) fn open(pipeline: &str, settings: &str) -> Self {
        Self::with(pipeline, settings, &[])
    }

    /// The same with arguments.
    pub(super) fn with(pipeline: &str, settings: &str, arguments: &[&str]) -> Self {
        let place = Place::new();
        place.write("pipelines/shop.toml", pipeline);
        place.write("logd.toml", toml(settings));
        let mut command = place.logd();
        let mut logd = Running::start(command.args(["run", "--telemetry-address", "127.0.0.1:0"]).args(arguments));
        logd.wait_for("the API", |logd| !served(&logd.err()).is_empty());
        // When the first query is answered, what the past brings may still be on its way.
        let address = served(&logd.err()).remove(0);
        Self { place, logd, address }
    }

    /// Somebody who asks.
    pub(super) fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// Writes `logd.toml` anew, with this at the begin of `[api]`.
    pub(super) fn edit(&self, settings: &str) {
        self.place.write("logd.toml", toml(settings));
    }

    /// Runs a command of `logd` beside it; what it prints.
    pub(super) fn command(&self, arguments: &[&str]) -> String {
        let said = run(self.place.logd().args(arguments));
        assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// Waits for an answer.
    pub(super) fn wait_for(&mut self, what: &str, mut condition: impl FnMut() -> bool) {
        self.logd.wait_for(what, |_| condition());
    }

    /// Waits for logs, charts, and the end of both incidents. Returns who may see them all.
    pub(super) fn wait_for_all(&mut self) -> Client {
        let root = self.client().login(ADMIN);
        let resolved = |client: &Client| client.get("/api/v1/incidents?state=resolved").items().len();
        self.wait_for("two incidents", || resolved(&root) >= 2);
        self.wait_for("logs", || !root.get("/api/v1/logs?from=-1m").items().is_empty());
        root
    }
}

fn toml(settings: &str) -> String {
    let address = if settings.contains("address = ") { "" } else { "address = \"127.0.0.1:0\"\n" };
    format!("checkpoint.interval = \"1s\"\n\n[api]\n{address}{settings}\n{API}")
}

/// All addresses at which the API has been served, the last at the end.
pub(super) fn served(log: &str) -> Vec<String> {
    let after = log.split("The API and the dashboard are served. url=\"http").skip(1);
    let hosts = after.filter_map(|rest| rest.split_once("://")?.1.split('"').next());
    hosts.map(str::to_owned).collect()
}
