//! The running sink: one attempt to deliver a batch.

use std::ops::Range;
use std::time::Duration;

use anyhow::{bail, ensure};
use elasticsearch::http::Method;
use logd_sdk::Batch;
use logd_sdk::sink::{Attempt, Sink};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::answer;
use crate::bulk::{Bulk, Form};
use crate::nodes::{Body, Nodes};
use crate::retention::Retention;
use crate::template::Template;

/// How long the service may take to say that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A running `elasticsearch` sink.
pub(crate) struct Elasticsearch {
    nodes: Nodes,
    form: Form,
    template: Option<Template>,
    retention: Option<Retention>,
    /// Whether the service has the template, as far as we know. Held while it is put.
    prepared: Mutex<bool>,
    /// How long an attempt goes on to send parts of a batch: less than it may take, so that what was delivered counts.
    patience: Duration,
}

impl Elasticsearch {
    /// Delivers to these nodes; an attempt is given up after `attempt_timeout`.
    pub(crate) fn new(
        nodes: Nodes,
        form: Form,
        template: Option<Template>,
        retention: Option<Retention>,
        attempt_timeout: Duration,
    ) -> Self {
        Self { nodes, form, template, retention, prepared: Mutex::new(false), patience: attempt_timeout / 2 }
    }

    /// Sees to it that the service has what it needs before there are events.
    async fn prepare(&self) -> anyhow::Result<()> {
        let Some(template) = &self.template else { return Ok(()) };
        let mut prepared = self.prepared.lock().await;
        if !*prepared {
            template.put(&self.nodes).await?;
            *prepared = true;
        }
        Ok(())
    }

    /// Sends all of it: at once, or where the service finds that too large, in parts.
    async fn send(&self, bulk: &Bulk, attempt: &mut Attempt) {
        let (start, mut settled) = (Instant::now(), false);
        // The part that is next stands last.
        let mut parts = vec![bulk.whole()];
        while let Some(part) = parts.pop() {
            let outcome = if settled && start.elapsed() > self.patience {
                Outcome::failed("the service takes smaller requests only, which takes longer than one attempt")
            } else {
                self.send_part(bulk, &part, attempt).await
            };
            match outcome {
                Outcome::Settled => settled = true,
                Outcome::Refused(_) if part.len() > 1 => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Outcome::Refused(reason) => {
                    attempt.reject.extend(bulk.rows(&part).iter().map(|&row| (row, reason.clone())));
                    settled = true;
                }
                Outcome::Failed { error, after } => {
                    (attempt.error, attempt.after) = (Some(error), after);
                    // The service is not well: it is spared the rest for now.
                    parts.push(part);
                    attempt.retry.extend(parts.drain(..).rev().flat_map(|part| bulk.rows(&part)));
                }
            }
        }
    }

    /// Sends a part of it. Enters into `attempt` what became of each event, if the service says so.
    async fn send_part(&self, bulk: &Bulk, part: &Range<usize>, attempt: &mut Attempt) -> Outcome {
        let (path, rows) = (format!("_bulk?{}", answer::QUERY), bulk.rows(part));
        if rows.is_empty() {
            return Outcome::Settled;
        }
        let reply = match self.nodes.send(Method::Post, &path, Some(Body::Lines(bulk.bytes(part)))).await {
            Ok(reply) => reply,
            Err(error) => {
                // It may come back as another, without the template.
                *self.prepared.lock().await = false;
                return Outcome::failed(error);
            }
        };
        match reply.status.as_u16() {
            200..300 => match answer::settle(&reply.body, self.form.action, rows, attempt) {
                Ok(()) => Outcome::Settled,
                Err(error) => Outcome::failed(error),
            },
            400 | 413 => Outcome::Refused(reply.reason()),
            _ => Outcome::Failed { error: reply.reason(), after: reply.retry_after },
        }
    }
}

/// What became of a part of a batch.
enum Outcome {
    /// Each of its events has its own fate.
    Settled,
    /// It is too large, or there is something in it that the service can't read: it is for an event alone, if at all.
    Refused(String),
    /// It was not taken this time.
    Failed {
        /// Why.
        error: String,
        /// When the service wants to be asked again, if it says so.
        after: Option<Duration>,
    },
}

impl Outcome {
    fn failed(error: impl ToString) -> Self {
        Self::Failed { error: error.to_string(), after: None }
    }
}

impl Sink for Elasticsearch {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        if let Err(error) = self.prepare().await {
            return Attempt::failed(batch, error);
        }
        let (bulk, reject) = self.form.write(batch);
        let mut attempt = Attempt { reject, ..Attempt::delivered() };
        self.send(&bulk, &mut attempt).await;
        attempt
    }

    async fn probe(&self) -> anyhow::Result<()> {
        let Ok(reply) = timeout(PROBE_TIMEOUT, self.nodes.send(Method::Get, "", None)).await else {
            bail!("no answer within {PROBE_TIMEOUT:?}");
        };
        let reply = reply?;
        ensure!(reply.status.is_success(), "{}", reply.reason());
        Ok(())
    }

    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        // Nothing is kept back: the service has made durable what it has acknowledged. But a moment to tidy up.
        if let Some(retention) = &self.retention {
            retention.tend(&self.nodes).await;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
