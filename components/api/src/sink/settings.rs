//! The settings of the `api` sink.

use std::num::NonZeroUsize;

use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::settings::FieldPath;
use logd_sdk::sink::Delivery;
use logd_sdk::{Check, Context};
use schemars::JsonSchema;
use serde::Deserialize;
use vrl::path::OwnedValuePath;

use super::ApiSink;
use crate::host::Host;

/// The names of its inputs, in the order of their numbers.
pub(super) const INPUTS: &[&str] = &["logs", "windows", "anomalies", "scores"];

/// Shows logs, windows and anomalies in the API and the dashboard of this daemon, and keeps them for that.
///
/// All sinks of this type share one archive and one server: see `[api]` in `logd.toml`. In a run with `--once` there is
/// nobody to show anything to, and events are counted and let go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiSinkSettings {
    /// Outputs whose events are logs: counted by service, and kept for search as far as `[api] max_rate` allows.
    #[serde(default)]
    logs: Vec<String>,
    /// Outputs of windows: their numbers become the charts of a service.
    #[serde(default)]
    windows: Vec<String>,
    /// Outputs with anomalies, such as `latency.anomalies`: they become incidents.
    #[serde(default)]
    anomalies: Vec<String>,
    /// Outputs with scores, such as `latency.scores`: they become the bands in charts.
    #[serde(default)]
    scores: Vec<String>,
    /// Which fields of an event say what.
    #[serde(default)]
    fields: Fields,
}

/// Which fields of an event say what.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fields {
    /// The service.
    pub(super) service: FieldPath,
    /// How bad it is. `ERROR`, `CRITICAL`, `FATAL` and the like count as errors, in any case.
    pub(super) level: FieldPath,
    /// What is shown of a log.
    pub(super) message: FieldPath,
    /// How long the service took, in milliseconds.
    pub(super) response_time: FieldPath,
}

impl Default for Fields {
    fn default() -> Self {
        let [service, level, message, response_time] =
            ["service", "level", "message", "response_time_ms"].map(FieldPath::top);
        Self { service, level, message, response_time }
    }
}

impl Fields {
    /// Those that every log is counted by: service, level and response time.
    pub(super) fn counted(&self) -> [OwnedValuePath; 3] {
        [&self.service, &self.level, &self.response_time].map(|field| field.path().clone())
    }

    /// Those that a log is found by: service, level and message.
    pub(super) fn searched(&self) -> [OwnedValuePath; 3] {
        [&self.service, &self.level, &self.message].map(|field| field.path().clone())
    }
}

impl Settings for ApiSinkSettings {
    const NAME: &'static str = "api";
    const SUMMARY: &'static str = "Shows logs, windows and anomalies in the daemon's own API and dashboard";
    const INPUTS: &'static [&'static str] = INPUTS;
    const EXAMPLE: &'static str = r#"
logs = ["parsed"]
windows = ["per_service"]
anomalies = ["latency.anomalies", "errors.anomalies"]
scores = ["latency.scores", "errors.scores"]
"#;

    fn check(&self, check: &mut Check<'_>) {
        for (name, inputs) in INPUTS.iter().zip([&self.logs, &self.windows, &self.anomalies, &self.scores]) {
            if inputs.iter().any(String::is_empty) {
                check.report.error(*name, "an input has a name").help(format!("write {name} = [\"NAME\"]"));
            }
        }
    }

    /// What every log is counted by. The message is taken out of those that are kept; of windows, anomalies and scores,
    /// which are few, it takes the whole event.
    fn reads(&self, _: &dyn Conditions) -> Reads {
        Reads::Fields(self.fields.counted().into())
    }

    /// It shows what there is.
    fn needs(&self, _: &dyn Conditions) -> Reads {
        Reads::nothing()
    }
}

impl SinkSettings for ApiSinkSettings {
    type Sink = ApiSink;

    /// What waits is on its way to the archive's memory, which is quick: small batches make the page lively.
    fn delivery(&self) -> Delivery {
        Delivery { most_events: NonZeroUsize::MIN.saturating_add(9_999), ..Delivery::default() }
    }

    async fn build(&self, context: &Context) -> anyhow::Result<ApiSink> {
        if context.once || context.dry_run {
            return Ok(ApiSink::of_nobody());
        }
        let host = context.shared.get::<Host>().ok_or_else(|| anyhow::anyhow!("this daemon has no API"))?;
        let archive = host.archive().await?;
        Ok(ApiSink::new(archive.feed(&context.id), &self.fields, &context.id, host.alerts().await?, host.clone()))
    }
}
