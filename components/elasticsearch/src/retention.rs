//! Old daily indices are deleted.
//!
//! An index is old by the day in its name, not by when it was made: events that came late make no index young. Deleted is
//! only what the sink's own template could have named, each by its full name, so that no pattern ever reaches further than
//! was meant.

use std::time::Duration;

use anyhow::Context as _;
use elasticsearch::http::Method;
use logd_sdk::{Clock, Time};
use regex::Regex;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::nodes::{Nodes, Reply};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often is looked for old indices, and when again after it could not be done.
const PAUSES: (Duration, Duration) = (Duration::from_secs(60 * 60), Duration::from_secs(60));
/// How long looking and deleting may take; the rest is for the next time.
const DEADLINE: Duration = Duration::from_secs(20);

/// The names of daily indices.
pub(crate) struct Days(Regex);

/// Deletes indices whose day is longer ago than is kept.
pub(crate) struct Retention {
    days: Days,
    keep: Duration,
    clock: Clock,
    /// What all names match, as Elasticsearch writes patterns.
    pattern: String,
    /// When it is time again.
    due: Mutex<Instant>,
}

/// What Elasticsearch says of the indices that match a pattern.
#[derive(Deserialize)]
struct Resolved {
    #[serde(default)]
    indices: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Days {
    /// The days that a template of names has; none where it has not `%Y`, `%m` and `%d`, each once, and no other time.
    pub(crate) fn of(template: &str) -> Option<Self> {
        let (mut pattern, mut rest) = ("^".to_owned(), template);
        while let Some(start) = rest.find(['{', '%']) {
            pattern += &regex::escape(&rest[..start]);
            rest = &rest[start..];
            let (part, length) = match rest.as_bytes() {
                [b'{', b'{', ..] => (".+", rest.find("}}")? + 2),
                [b'{', ..] => (r"\{", 1),
                [_, b'Y', ..] => ("(?<year>[0-9]{4})", 2),
                [_, b'm', ..] => ("(?<month>[0-9]{2})", 2),
                [_, b'd', ..] => ("(?<day>[0-9]{2})", 2),
                [_, b'%', ..] => ("%", 2),
                _ => return None,
            };
            pattern += part;
            rest = &rest[length..];
        }
        pattern += &regex::escape(rest);
        pattern += "$";
        // One that stands twice is refused here: a group has a name of its own.
        let names = Regex::new(&pattern).ok()?;
        let named = |name| names.capture_names().flatten().any(|found| found == name);
        ["year", "month", "day"].into_iter().all(named).then_some(Self(names))
    }

    /// When the day of an index is over, if it is one of these.
    fn end(&self, name: &str) -> Option<Time> {
        let found = self.0.captures(name)?;
        let start = format!("{}-{}-{}T00:00:00Z", &found["year"], &found["month"], &found["day"]);
        Some(Time::parse_rfc3339(start.as_bytes())?.after(DAY))
    }
}

impl Retention {
    /// Keeps the indices of these `days`, all of which match `pattern`, for so long.
    pub(crate) fn new(days: Days, pattern: String, keep: Duration, clock: Clock) -> Self {
        Self { days, keep, clock, pattern, due: Mutex::new(Instant::now()) }
    }

    /// Deletes what is old, if it is time to look for that. What can't be done now is done later.
    pub(crate) async fn tend(&self, nodes: &Nodes) {
        let Ok(mut due) = self.due.try_lock() else { return };
        if Instant::now() < *due {
            return;
        }
        let done = timeout(DEADLINE, self.delete(nodes)).await.context("no answer in time").and_then(|done| done);
        let (usual, soon) = PAUSES;
        *due = Instant::now() + if done.is_ok() { usual } else { soon };
        if let Err(error) = done {
            tracing::warn!(error = format!("{error:#}"), "Old indices could not be deleted; trying again in a minute.");
        }
    }

    async fn delete(&self, nodes: &Nodes) -> anyhow::Result<()> {
        let path =
            format!("_resolve/index/{}?expand_wildcards=open,closed&filter_path=indices.name", escaped(&self.pattern));
        let Reply { status, body, .. } = nodes.send(Method::Get, &path, None).await?;
        anyhow::ensure!(status.is_success(), "the indices can't be listed: {status}");
        let Resolved { indices } = serde_json::from_slice(&body).context("the list of indices can't be read")?;
        let kept_from = self.clock.now().before(self.keep);
        for Named { name: index } in indices {
            if self.days.end(&index).is_some_and(|end| end <= kept_from) {
                let status = nodes.send(Method::Delete, &escaped(&index), None).await?.status;
                // Another may have been faster.
                anyhow::ensure!(status.is_success() || status.as_u16() == 404, "`{index}` can't be deleted: {status}");
                tracing::info!(index, "An old index was deleted.");
            }
        }
        Ok(())
    }
}

/// A name as it stands in a path: a percent sign begins an escape there, the other characters of names don't.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('%', "%25")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(template: &str, name: &str) -> Option<String> {
        Days::of(template).unwrap().end(name).map(|end| end.to_string())
    }

    #[test]
    fn a_name_has_a_day() {
        let next = Some("2026-03-01T00:00:00.000Z".to_owned());
        for (template, name) in [
            ("logs-%Y.%m.%d", "logs-2026.02.28"),
            ("logs-{{ service }}-%Y%m%d", "logs-a-b-20260228"),
            ("logs-%d-%m-%Y-{{ service }}", "logs-28-02-2026-ä"),
            ("a{b%%-%Y.%m.%d", "a{b%-2026.02.28"),
        ] {
            assert_eq!(end(template, name), next, "{template} {name}");
        }
    }

    #[test]
    fn what_the_template_could_not_have_named_has_none() {
        for name in [
            "logs-2026.13.01",
            "logs-2026.02.30",
            "logs-2026.02.28-old",
            "my-logs-2026.02.28",
            "logs-20260228",
            "logs-2026x02x28",
            "logs-2026.02",
            "logs",
            ".ds-logs-2026.02.28-000001",
        ] {
            assert_eq!(end("logs-%Y.%m.%d", name), None, "{name}");
        }
    }

    #[test]
    fn an_index_that_is_not_for_a_day_has_no_days() {
        for template in ["logs", "logs-%Y.%m", "logs-%Y.%m.%d.%H", "logs-%F", "logs-%Y.%m.%d-%Y", "logs-%Y.%m.%"] {
            assert!(Days::of(template).is_none(), "{template}");
        }
    }
}
