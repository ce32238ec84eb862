//! The settings of the `elasticsearch` sink, and what is built from them.

use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{
    BatchSettings, ClientTls, Duration, Fault, FieldPath, NameTemplate, RequestSettings, Template, TextFile,
};
use logd_sdk::sink::{Delivery, Repeats};
use logd_sdk::{Check, Context, Time};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::auth::AuthSettings;
use crate::bulk::{self, Action, Form};
use crate::client;
use crate::index::{self, Indices};
use crate::retention::{Days, Retention};
use crate::sink::Elasticsearch;
use crate::template::TemplateSettings;

/// Writes events to Elasticsearch (8 or 9) as documents.
///
/// A document's `_id` is its event's identity, so what is sent again after a crash or a lost answer is there once. A
/// document that Elasticsearch has no room for is tried again alone; one that does not fit its mapping leaves by `.dead`
/// with Elasticsearch's own reason, as does an event whose fields make no name for an index.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ElasticsearchSettings {
    /// The nodes, as `http://HOST:PORT` or `https://HOST:PORT`. Requests go around those that answer; one that does not is
    /// left out for a while.
    endpoints: Vec<String>,
    /// Whether events go to indices (`bulk`) or to data streams (`data_stream`).
    #[serde(default)]
    mode: Mode,
    /// For `mode = "bulk"`: which index, and how.
    #[serde(default)]
    bulk: Option<BulkSettings>,
    /// For `mode = "data_stream"`: which data stream.
    #[serde(default)]
    data_stream: Option<DataStreamSettings>,
    /// An index template that is put before the first event is sent.
    #[serde(default)]
    template: Option<TemplateSettings>,
    /// Deletes an index when its day is over for so long. Only for indices with `%Y`, `%m` and `%d` in their names; only
    /// those are deleted that `bulk.index` could have named. By default all stay.
    #[serde(default)]
    retention: Option<Duration>,
    /// How requests are compressed.
    #[serde(default)]
    compression: Compression,
    /// How the sink says who it is.
    #[serde(default)]
    auth: Option<AuthSettings>,
    /// How it makes sure whom it talks to, for `https://`.
    #[serde(default)]
    tls: ClientTls,
    /// When a request is made: by default with 5000 events, 4 MiB, or after a second.
    #[serde(default)]
    batch: BatchSettings,
    /// How requests are made: by default up to 8 at once, each with 30 seconds.
    #[serde(default)]
    request: RequestSettings,
}

/// What events go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Indices.
    #[default]
    Bulk,
    /// Data streams.
    DataStream,
}

/// Which index events go to, and how.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BulkSettings {
    /// The index: a literal, then `{{ service }}` for a field of the event and `%Y.%m.%d` for its time. `logs` by default.
    #[serde(default)]
    index: Option<NameTemplate>,
    /// Whether an event that comes again is written again (`index`) or left as it is (`create`).
    #[serde(default)]
    action: BulkAction,
}

/// What becomes of an event that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BulkAction {
    /// It is written again.
    #[default]
    Index,
    /// It stays as it is.
    Create,
}

/// Which data stream events go to: `TYPE-DATASET-NAMESPACE`, `logs-generic-default` by default.
///
/// An event without an `@timestamp` gets its time as one. Ids are unique within a backing index: an event that is sent
/// again after a rollover is there twice.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DataStreamSettings {
    /// What kind of data, a literal.
    #[serde(default)]
    r#type: Option<String>,
    /// What they are of; may have `{{ service }}` in it, a field of the event.
    #[serde(default)]
    dataset: Option<Template>,
    /// Whose they are, or where from; may have `{{ host }}` in it as well.
    #[serde(default)]
    namespace: Option<Template>,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Compression {
    /// Not at all.
    #[default]
    None,
    /// By gzip.
    Gzip,
}

impl Settings for ElasticsearchSettings {
    const NAME: &'static str = "elasticsearch";
    const SUMMARY: &'static str = "Writes to Elasticsearch, as documents of indices or data streams";
    const EXAMPLE: &'static str = r#"
endpoints = ["https://localhost:9200"]
bulk = { index = "logs-%Y.%m.%d", action = "create" }
template.name = "logs"
retention = "30d"
compression = "gzip"
auth = { strategy = "basic", user = "logd", password = "${ELASTICSEARCH_PASSWORD:-}" }
"#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        let template = self.template.iter_mut().filter_map(|template| template.file.as_mut());
        template.map(|file| (["template", "file"].into(), file)).chain(self.tls.files("tls")).collect()
    }

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        client::check(&self.endpoints, self.auth.as_ref(), &self.tls, report);
        self.check_names(report);
        self.check_retention(report);
        if let Some(template) = &self.template {
            template.check("template", report);
        }
        self.batch.check("batch", report);
        self.request.check("request", report);
    }

    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        match (self.needs(conditions), self.mode) {
            (Reads::Fields(fields), Mode::DataStream) => {
                Reads::Fields(fields.into_iter().chain([bulk::timestamp()]).collect())
            }
            (reads, _) => reads,
        }
    }

    fn needs(&self, _: &dyn Conditions) -> Reads {
        let fields = |names: NameTemplate| names.fields().map(FieldPath::path).cloned().collect();
        Reads::Fields(self.names().map(fields).unwrap_or_default())
    }
}

impl ElasticsearchSettings {
    /// Says what is wrong with the names of indices or data streams.
    fn check_names(&self, report: &mut Report) {
        let key = match self.mode {
            Mode::Bulk => KeyPath::from(["bulk", "index"]),
            Mode::DataStream => "data_stream".into(),
        };
        for (unused, given, mode) in
            [("bulk", self.bulk.is_some(), Mode::DataStream), ("data_stream", self.data_stream.is_some(), Mode::Bulk)]
        {
            if given && mode == self.mode {
                report.error(unused, format!("`{unused}` is for another `mode`"));
            }
        }
        match self.names().as_deref().map(|names| names.render(Time::EPOCH, |_| Some("x".to_owned()))) {
            // Whatever an event's fields and time are: they can do no better than these.
            Ok(Ok(name)) => {
                if let Some(fault) = index::fault(&name) {
                    report.error(key, format!("no index can have such a name: {fault}"));
                }
            }
            Ok(Err(_)) => {}
            Err(fault) => _ = report.fault(key, fault.clone()),
        }
    }

    /// Says why no index would ever be old, or be taken for one that is.
    fn check_retention(&self, report: &mut Report) {
        match self.retention {
            Some(keep) if keep.is_zero() => _ = report.error("retention", "`retention` must be longer than nothing"),
            Some(_) if self.mode == Mode::DataStream => {
                report
                    .error("retention", "`retention` is for indices: a data stream has a lifecycle of its own")
                    .help("set one in the data stream's index template");
            }
            Some(_) if self.names().is_ok_and(|names| Days::of(names.as_str()).is_none()) => {
                report
                    .error("retention", "`retention` needs an index for each day, with `%Y`, `%m` and `%d` in its name")
                    .help("write bulk.index = \"logs-%Y.%m.%d\"");
            }
            _ => {}
        }
    }

    /// The names of the indices or data streams.
    fn names(&self) -> Result<NameTemplate, Fault> {
        match self.mode {
            Mode::Bulk => match self.bulk.as_ref().and_then(|bulk| bulk.index.clone()) {
                Some(names) => Ok(names),
                None => "logs".parse(),
            },
            Mode::DataStream => {
                let DataStreamSettings { r#type, dataset, namespace } = self.data_stream.clone().unwrap_or_default();
                let dataset = dataset.as_ref().map_or("generic", Template::as_str);
                let namespace = namespace.as_ref().map_or("default", Template::as_str);
                format!("{}-{dataset}-{namespace}", r#type.as_deref().unwrap_or("logs")).parse()
            }
        }
    }
}

impl SinkSettings for ElasticsearchSettings {
    type Sink = Elasticsearch;

    fn delivery(&self) -> Delivery {
        self.request.over(self.batch.over(Delivery { repeats: Repeats::Harmless, ..Delivery::remote() }))
    }

    async fn build(&self, context: &Context) -> anyhow::Result<Elasticsearch> {
        let gzip = self.compression == Compression::Gzip;
        let nodes = client::nodes(&self.endpoints, gzip, self.auth.as_ref(), &self.tls)?;
        let (names, data_stream) = (self.names()?, self.mode == Mode::DataStream);
        let action = match self.bulk.as_ref().map(|bulk| bulk.action).unwrap_or_default() {
            // A data stream takes nothing else.
            _ if data_stream => Action::Create,
            BulkAction::Create => Action::Create,
            BulkAction::Index => Action::Index,
        };
        let days = self.retention.zip(Days::of(names.as_str()));
        let indices = Indices::new(names);
        let pattern = indices.pattern();
        let retention = days.map(|(keep, days)| Retention::new(days, pattern.clone(), *keep, context.clock.clone()));
        let template = self.template.as_ref().map(|template| template.load(pattern, data_stream)).transpose()?;
        let form = Form { indices, action, timestamp: data_stream };
        Ok(Elasticsearch::new(nodes, form, template, retention, self.delivery().attempt_timeout))
    }
}

#[cfg(test)]
mod tests;
