//! The settings of what reads figures: `[api.metrics]` in `logd.toml`.

use std::sync::Arc;

use anyhow::Context as _;
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{ClientTls, Secret, TextFile};
use logd_sdk::shared_stores::SharedFigures;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FiguresReader;
use crate::endpoint::Target;

/// Which totals the API shows: in `/metrics`, `/services` and the live stream the logs, their errors, anomalies, the mean
/// response time, and when there was something new. Throughput, charts and incidents are of this daemon, whatever stands
/// here. So is all that a user sees who is bound to pipelines: Redis knows nothing of pipelines.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FiguresSettings {
    /// Where they come from.
    from: Source,
    /// Where Redis is: `redis://HOST:PORT`, `rediss://HOST:PORT` with TLS, or `unix:///PATH` of a socket. A password does
    /// not belong here.
    endpoint: Option<String>,
    /// The ACL user; without it, Redis' default user.
    username: Option<String>,
    /// The user's password; an empty one is none.
    password: Option<Secret>,
    /// TLS of the connection, for an endpoint that begins with `rediss://`.
    tls: ClientTls,
    /// The number of the database.
    db: u32,
}

/// Where totals come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// The archive of this daemon: what its sinks of type `api` have taken.
    #[default]
    Archive,
    /// A Redis that several daemons count in by sinks of type `redis`: each shows the counts of all. These are the hash
    /// `metrics` with `total_logs`, `error_logs`, `anomalies_detected` and `last_batch_time`, and for each service a hash
    /// `service:NAME` with `total_logs`, `error_logs` and `avg_response_time`.
    Redis,
}

impl FiguresSettings {
    /// The files whose text belongs to them.
    pub fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.files("tls")
    }

    /// Whether they are the same to the letter, secrets and files too.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { from, endpoint, username, password, tls, db } = self;
        (from, endpoint, username, db) == (&other.from, &other.endpoint, &other.username, &other.db)
            && Secret::are_same(password.as_ref(), other.password.as_ref())
            && tls.is_same(&other.tls)
    }

    /// Says what is wrong with them.
    pub fn check(&self, report: &mut Report) {
        match (self.from, self.target()) {
            (Source::Archive, None) => {}
            (Source::Archive, Some(_)) => {
                let problem = report.error("endpoint", "the archive of this daemon has no `endpoint`");
                problem.help("write from = \"redis\"");
            }
            (Source::Redis, None) => {
                let problem = report.error("endpoint", "there is no endpoint");
                problem.help("write endpoint = \"redis://127.0.0.1:6379\"");
            }
            (Source::Redis, Some(target)) => target.check(report),
        }
    }

    /// What reads figures; nothing where the archive is asked. Nothing is connected yet.
    ///
    /// # Errors
    /// A file has not in it what it should, or `check` was not heeded.
    pub fn open(&self) -> anyhow::Result<Option<Arc<dyn SharedFigures>>> {
        Ok(match self.from {
            Source::Archive => None,
            Source::Redis => {
                let target = self.target().context("`endpoint` is missing")?;
                Some(Arc::new(FiguresReader::new(target.client()?)))
            }
        })
    }

    fn target(&self) -> Option<Target<'_>> {
        let Self { endpoint, username, password, tls, db, .. } = self;
        let endpoint = endpoint.as_deref()?;
        Some(Target { endpoint, username: username.as_deref(), password: password.as_ref(), tls, db: *db })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> FiguresSettings {
        toml::from_str(text).expect("settings")
    }

    fn problems(text: &str) -> Vec<String> {
        let mut report = Report::default();
        settings(text).check(&mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, expected) in [
            ("", &[][..]),
            ("from = 'redis'\nendpoint = 'redis://a'\npassword = ''", &[]),
            ("endpoint = 'redis://a'", &["endpoint: the archive of this daemon has no `endpoint`"]),
            ("from = 'redis'", &["endpoint: there is no endpoint"]),
            (
                "from = 'redis'\nendpoint = 'redis://:canary@a'\nusername = 'u'",
                &[
                    "endpoint: a user or password does not belong into the endpoint, where everybody sees it",
                    "username: `username` without `password`: Redis asks for both",
                ],
            ),
            (
                "from = 'redis'\nendpoint = 'redis://a'\ntls.ca_file = 'ca.pem'",
                &["tls: the endpoint is one without TLS, and `tls` would do nothing"],
            ),
        ] {
            assert_eq!(problems(text), expected, "{text}");
        }
        assert!(settings("").open().expect("nothing to do").is_none());
    }

    #[test]
    fn an_edit_is_noticed_also_of_a_secret_which_is_not_shown() {
        let text = "from = 'redis'\nendpoint = 'redis://a'\npassword = 'canary'";
        let one = settings(text);
        assert!(one.is_same(&one.clone()));
        for other in [text.replace("canary", "other"), text.replace("//a", "//b"), format!("{text}\ndb = 1")] {
            assert!(!one.is_same(&settings(&other)), "{other}");
        }
        assert!(!format!("{one:?}").contains("canary"));
    }
}
