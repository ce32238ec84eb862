//! The settings of what reads logs: `[api.logs]` in `logd.toml`.

use std::sync::Arc;

use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{ClientTls, TextFile};
use logd_sdk::shared_stores::SharedLogs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LogsReader;
use crate::auth::AuthSettings;
use crate::{client, index};

/// Which logs the API shows: in `/logs`, `/logs/search` and `/logs/histogram`. The live tail, charts and incidents are of
/// this daemon, whatever stands here. A user who is bound to pipelines sees this daemon's own logs as well:
/// Elasticsearch knows nothing of pipelines.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogsSettings {
    /// Where they come from.
    from: Source,
    /// Of Elasticsearch (8 or 9): the nodes, as `http://HOST:PORT` or `https://HOST:PORT`. Requests go around those that
    /// answer; one that does not is left out for a while.
    endpoints: Vec<String>,
    /// The index, data stream or alias with the logs. `*` stands for any text, and several have commas between them.
    index: String,
    /// How logd says who it is.
    auth: Option<AuthSettings>,
    /// How it makes sure whom it talks to, for `https://`.
    tls: ClientTls,
    /// Which fields of a document say what.
    fields: Fields,
}

/// Where logs come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// The archive of this daemon: what its sinks of type `api` have taken.
    #[default]
    Archive,
    /// An Elasticsearch that several daemons write to by sinks of type `elasticsearch`: each shows the logs of all.
    Elasticsearch,
}

/// Which fields of a document say what; a dot goes into an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fields {
    /// When it happened, of type `date`; a document without it is not shown. `@timestamp` in data streams.
    pub(super) timestamp: String,
    /// The service. Of type `keyword`, or `text` with a field `keyword` below it, as Elasticsearch makes it by itself.
    pub(super) service: String,
    /// How bad it is.
    pub(super) level: String,
    /// What is shown of a log, and searched where a search names no field.
    pub(super) message: String,
}

impl Default for LogsSettings {
    fn default() -> Self {
        Self {
            from: Source::default(),
            endpoints: Vec::new(),
            index: "logs".to_owned(),
            auth: None,
            tls: ClientTls::default(),
            fields: Fields::default(),
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        let [timestamp, service, level, message] = ["timestamp", "service", "level", "message"].map(str::to_owned);
        Self { timestamp, service, level, message }
    }
}

impl LogsSettings {
    /// The files whose text belongs to them.
    pub fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.files("tls")
    }

    /// Whether they are the same to the letter, secrets and files too.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { from, endpoints, index, auth, tls, fields } = self;
        let auth = match (auth, &other.auth) {
            (Some(one), Some(other)) => one.is_same(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        (from, endpoints, index, fields) == (&other.from, &other.endpoints, &other.index, &other.fields)
            && auth
            && tls.is_same(&other.tls)
    }

    /// Says what is wrong with them.
    pub fn check(&self, report: &mut Report) {
        if self.from == Source::Archive {
            if !self.endpoints.is_empty() {
                let problem = report.error("endpoints", "the archive of this daemon has no `endpoints`");
                problem.help("write from = \"elasticsearch\"");
            }
            return;
        }
        client::check(&self.endpoints, self.auth.as_ref(), &self.tls, report);
        for name in self.index.split(',') {
            // Any text may stand for a `*`: it can do no better than this.
            if let Some(fault) = index::fault(&name.replace('*', "x")) {
                report.error("index", format!("`{name}` is no index: {fault}")).help("write index = \"logs-*\"");
            }
        }
        let Fields { timestamp, service, level, message } = &self.fields;
        for (key, name) in [("timestamp", timestamp), ("service", service), ("level", level), ("message", message)] {
            let odd = |character: char| {
                character.is_control() || character.is_whitespace() || "*?,&#%+\\\"".contains(character)
            };
            if name.is_empty() || name.starts_with('_') || name.contains(odd) {
                let message =
                    "a field of documents has no `_` in front, and no blank, *, ?, comma, &, #, %, +, \\ or \"";
                report.error(["fields", key], message).help(format!("write {key} = \"{key}\""));
            }
        }
    }

    /// What reads logs; nothing where the archive is asked. Nothing is connected yet.
    ///
    /// # Errors
    /// A file has not in it what it should, or `check` was not heeded.
    pub fn open(&self) -> anyhow::Result<Option<Arc<dyn SharedLogs>>> {
        Ok(match self.from {
            Source::Archive => None,
            Source::Elasticsearch => {
                let nodes = client::nodes(&self.endpoints, false, self.auth.as_ref(), &self.tls)?;
                Some(Arc::new(LogsReader::new(nodes, &self.index, self.fields.clone())))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> LogsSettings {
        toml::from_str(text).unwrap()
    }

    fn problems(text: &str) -> Vec<String> {
        let mut report = Report::default();
        settings(text).check(&mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn the_archive_is_the_default_and_needs_nothing() {
        assert_eq!(problems(""), Vec::<String>::new());
        assert!(settings("").open().unwrap().is_none());
        assert_eq!(problems("endpoints = ['http://a']"), ["endpoints: the archive of this daemon has no `endpoints`"]);
    }

    #[test]
    fn says_all_that_is_wrong() {
        let found = problems(
            "from = 'elasticsearch'
            endpoints = ['http://elastic:canary@a:9200']
            index = 'logs-*,Logs,*,.kibana'
            auth = { strategy = 'basic', user = 'a' }
            fields = { service = 'a,b', level = '_id', message = 'log.text' }",
        );
        let field = "a field of documents has no `_` in front, and no blank, *, ?, comma, &, #, %, +, \\ or \"";
        let expected = [
            "endpoints[0]: an endpoint has no user or password in it: they belong into `auth`".to_owned(),
            "auth: this `strategy` needs `password`".to_owned(),
            "index: `Logs` is no index: it is not in lower case".to_owned(),
            "index: `.kibana` is no index: it begins with `-`, `_`, `+` or `.`".to_owned(),
            format!("fields.service: {field}"),
            format!("fields.level: {field}"),
        ];
        assert_eq!(found, expected);
        assert_eq!(problems("from = 'elasticsearch'"), ["endpoints: there is no endpoint"]);
    }

    #[test]
    fn an_edit_is_noticed_also_of_a_secret_which_is_not_shown() {
        let text = "from = 'elasticsearch'\nendpoints = ['http://a']\nauth = { strategy = 'bearer', token = 'canary' }";
        let one = settings(text);
        assert!(one.is_same(&one.clone()));
        for other in [text.replace("canary", "other"), text.replace("//a", "//b"), format!("{text}\nindex = 'x'")] {
            assert!(!one.is_same(&settings(&other)), "{other}");
        }
        assert!(!one.is_same(&settings("from = 'elasticsearch'\nendpoints = ['http://a']")));
        assert!(!format!("{one:?}").contains("canary"));
        assert!(!serde_json::to_string(&one).unwrap().contains("canary"));
    }
}
