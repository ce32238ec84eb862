//! Calls that somebody asks for: a test, and one that is made again.

use bytes::Bytes;
use logd_sdk::Time;
use logd_sdk::sender::{Answer, Outcome};
use tokio::time::timeout;

use super::courier::{Job, WITHIN, note_pace};
use super::error::Error;
use super::meters;
use super::model::{Record, Severity, Stage, Subject};
use super::payload;
use super::registry::{Asker, PER_MINUTE, Registry};
use super::secrets;
use super::settle::{hurry, judge};
use super::state::QUEUE;
use super::views::Delivery;
use super::webhook::find;

impl Registry {
    /// Calls a webhook to see whether that works, also one that is disabled. It is not tried again. If it works, what
    /// waits for the receiver need not wait any longer.
    ///
    /// # Errors
    /// It is not there, was called too often, or there is no room for a call.
    pub(crate) async fn test(&self, asker: Asker<'_>, id: &str) -> Result<Delivery, Error> {
        self.webhook(asker, id)?;
        let Ok(permit) = timeout(WITHIN, self.calls().clone().acquire_owned()).await else {
            return Err(Error::Busy { reason: "too many calls are under way".into(), after: WITHIN });
        };
        let now = self.now();
        {
            let mut paces = self.paces();
            let pace = paces.entry(id.to_owned()).or_default();
            let free = pace.limit(now, PER_MINUTE);
            if free > now {
                let reason = format!("a webhook is called {PER_MINUTE} times a minute at most");
                return Err(Error::Busy { reason: reason.into(), after: free.since(now) });
            }
            pace.call(now, PER_MINUTE);
        }
        let (registry, id) = (self.clone(), id.to_owned());
        // Whoever asked may be gone before there is an answer: the call is noted all the same.
        let made = tokio::spawn(async move {
            let made = registry.make_test(id, now).await;
            drop(permit);
            registry.wake().notify_one();
            made
        });
        made.await.map_err(anyhow::Error::from)?
    }

    async fn make_test(&self, webhook: String, now: Time) -> Result<Delivery, Error> {
        let found = self.state().webhooks.get(&webhook).map(|entry| entry.webhook.clone());
        let found = found.ok_or(Error::NotFound("webhook"))?;
        let id = secrets::name("msg")?;
        let body = Bytes::from(payload::test(now, &self.setup().base).to_string());
        let secrets = secrets::current(&found.secrets, now);
        let job = Job { url: found.url, secrets, id: id.clone(), event: None, body: body.clone() };
        let outcome = job.make(self).await;
        // That a test fails says nothing of the calls that count.
        let delivered = matches!(outcome.answer, Answer::Delivered { .. });
        let revived = delivered && note_pace(self, &webhook, &outcome);
        self.edit(move |draft| {
            let record = tested(id, outcome.clone(), draft.now);
            let shown = Delivery::of(&record, Time::MIN);
            meters::called(if delivered { "delivered" } else { "failed" }, outcome.took);
            draft.add(&webhook, record, body);
            if matches!(outcome.answer, Answer::Delivered { .. } | Answer::Gone) {
                judge(draft, &webhook, &outcome.answer);
            }
            if revived {
                hurry(draft, &webhook);
            }
            Ok(shown)
        })
        .await
    }

    /// Makes a call again, or sooner.
    ///
    /// # Errors
    /// It is not there, or does not go with how things stand.
    pub(crate) async fn redeliver(&self, asker: Asker<'_>, id: &str, delivery: &str) -> Result<Delivery, Error> {
        let (webhook, delivery, scope) = (id.to_owned(), delivery.to_owned(), asker.scope.clone());
        let ready = self.ready(id);
        self.edit(move |draft| {
            let now = draft.now;
            let entry = find(draft, &webhook, |limits| limits.are_within(&scope))?;
            let (number, record) = entry.find(&delivery).ok_or(Error::NotFound("delivery"))?;
            if !entry.webhook.enabled {
                return Err(Error::Conflict("the webhook is disabled".into()));
            }
            if record.stage == Stage::Gathering {
                return Err(Error::Conflict("it was not made yet, for it is held back".into()));
            }
            if record.stage.is_settled() && entry.queue.len() >= QUEUE {
                return Err(Error::TooMany("the webhook's queue is full".into()));
            }
            draft.change(&webhook, number, |record| {
                if record.stage.is_settled() {
                    (record.attempts, record.since) = (0, now);
                    (record.status, record.error, record.took) = (None, None, None);
                }
                (record.stage, record.due) = (Stage::Waiting, now);
            });
            let entry = find(draft, &webhook, |_| true)?;
            let record = entry.call(number).ok_or(Error::NotFound("delivery"))?;
            Ok(Delivery::of(record, ready))
        })
        .await
    }
}

/// A test, after it was made.
fn tested(id: String, outcome: Outcome, now: Time) -> Record {
    let Outcome { answer, took } = outcome;
    let (stage, status, error) = match answer {
        Answer::Delivered { status } => (Stage::Delivered, Some(status), None),
        Answer::Again { status, reason, .. } | Answer::Refused { status, reason } => {
            (Stage::Failed, status, Some(reason))
        }
        Answer::Gone => (Stage::Failed, Some(410), Some("the receiver asks not to be called any more".to_owned())),
    };
    let nothing = String::new;
    Record {
        id,
        event: None,
        changes: Vec::new(),
        incidents: Vec::new(),
        subject: Subject { service: nothing(), pipeline: nothing(), kind: "test".to_owned(), severity: Severity::Info },
        at: now,
        since: now,
        stage,
        due: now,
        held: None,
        attempts: 1,
        status,
        error,
        took: Some(took),
    }
}
