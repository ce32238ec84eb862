//! One batch, however many attempts it takes.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;
use logd_sdk::erased::AnySink;
use logd_sdk::outputs::Discard;
use logd_sdk::sink::{Attempt, Delivery};
use logd_sdk::{Batch, Port};
use tokio::sync::{RwLock, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::concurrency::Limit;
use super::handoff::Turn;
use super::journal::Journal;
use super::rate::RateLimit;
use crate::telemetry::Account;
use crate::topology::{Outlets, message};

/// What all deliveries of a driver share.
pub(crate) struct Shared {
    pub(crate) sink: Arc<dyn AnySink>,
    pub(crate) account: Arc<Account>,
    /// Where rejected events go. Whoever sends there holds this, so that nothing is sent by what is being replaced.
    pub(crate) outlets: RwLock<Arc<Outlets>>,
    pub(crate) delivery: Delivery,
    pub(crate) limit: Mutex<Limit>,
    pub(crate) rate: Option<RateLimit>,
    /// Where the sink can't tell a repeat.
    pub(crate) journal: Option<Journal>,
    /// How many deliveries have failed and wait to be tried again.
    pub(crate) waiting: watch::Sender<usize>,
    /// When the sink is to be replaced.
    pub(crate) turn: Turn,
}

impl Shared {
    /// How many deliveries may be under way, and how.
    pub(crate) fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves out what an earlier process has delivered.
    pub(crate) fn new_events(&self, batch: Arc<Batch>) -> Arc<Batch> {
        let Some(rows) = self.journal.as_ref().and_then(|journal| journal.new_rows(&batch)) else { return batch };
        let known = (batch.len() - rows.len()) as u64;
        self.account.discarded(Discard::Intended, "delivered_before", known);
        self.account.handled(known, Duration::ZERO);
        Arc::new(batch.select(&rows))
    }

    /// Asks the sink's service whether it answers, until it does.
    pub(crate) async fn probe(&self) {
        let component = self.account.component();
        let failed = |error: &str, attempts: u32| {
            if attempts.is_power_of_two() {
                tracing::warn!(%component, error, attempts, "A sink can't deliver yet; asking again.");
            }
        };
        self.until_done(|| self.sink.probe(), failed).await;
    }

    /// Does something until it succeeds, with back-off; `/ready` says why it does not. `failed` hears of each failure,
    /// and how many there were in a row.
    pub(crate) async fn until_done<F>(&self, attempt: impl Fn() -> F, failed: impl Fn(&str, u32))
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let (timeout, health) = (self.delivery.attempt_timeout, self.account.health());
        let mut backoff = Backoff::new(self.delivery.first_backoff, self.delivery.longest_backoff);
        loop {
            let error = match tokio::time::timeout(timeout, attempt()).await {
                Ok(Ok(())) if backoff.failures() == 0 => return,
                Ok(Ok(())) => {
                    health.well();
                    tracing::info!(component = %self.account.component(), attempts = backoff.failures() + 1,
                        "The service answers again.");
                    return;
                }
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => format!("no answer within {timeout:?}"),
            };
            let wait = backoff.next(None);
            failed(&error, backoff.failures());
            health.ill(error);
            tokio::time::sleep(wait).await;
        }
    }

    /// Delivers a batch, in parts of as many events as the sink takes, one after the other. Returns how long the attempts
    /// took.
    pub(crate) async fn deliver(&self, batch: Arc<Batch>, under_way: usize) -> anyhow::Result<Duration> {
        let mut took = Duration::ZERO;
        for part in parts(&batch, self.delivery.most_events) {
            took += self.deliver_part(part, under_way).await?;
        }
        Ok(took)
    }

    async fn deliver_part(&self, mut batch: Arc<Batch>, under_way: usize) -> anyhow::Result<Duration> {
        let (mut took, mut panics) = (Duration::ZERO, 0);
        let mut backoff = Backoff::new(self.delivery.first_backoff, self.delivery.longest_backoff);
        self.begin(&batch)?;
        while !batch.is_empty() {
            if let Some(rate) = &self.rate {
                rate.turn().await;
            }
            let start = Instant::now();
            let timeout = self.delivery.attempt_timeout;
            let deliver = AssertUnwindSafe(self.sink.deliver(&batch)).catch_unwind();
            let attempt = match tokio::time::timeout(timeout, deliver).await {
                Ok(Ok(attempt)) => attempt,
                Ok(Err(panic)) => {
                    panics += 1;
                    let error = message(panic.as_ref());
                    // Once may be chance; a batch at which the sink panics again is one that it can't take.
                    if panics > 1 { Attempt::refused(&batch, &error) } else { Attempt::failed(&batch, error) }
                }
                Err(_) => Attempt::failed(&batch, format!("no answer within {timeout:?}")),
            };
            took += start.elapsed();
            self.limit().note(start.elapsed(), !attempt.retry.is_empty(), under_way);
            let (retry, wait) = self.settle(&batch, attempt, &mut backoff).await?;
            if retry.is_empty() {
                break;
            }
            if retry.len() < batch.len() {
                batch = Arc::new(batch.select(&retry));
                self.begin(&batch)?;
            }
            self.waiting.send_modify(|waiting| *waiting += 1);
            tokio::time::sleep(wait).await;
            self.turn.until(false).await;
            self.waiting.send_modify(|waiting| *waiting -= 1);
        }
        Ok(took)
    }

    /// Takes note of what is about to be sent, so that after a crash it is sent again as it was.
    fn begin(&self, batch: &Batch) -> anyhow::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.begun(batch).context("what is to be delivered can't be noted")
    }

    /// Enters what became of an attempt. Returns what is to be tried again, and after how long.
    async fn settle(
        &self,
        batch: &Batch,
        attempt: Attempt,
        backoff: &mut Backoff,
    ) -> anyhow::Result<(Vec<u32>, Duration)> {
        let Attempt { retry, after, reject, drop, error } = attempt;
        let account = &self.account;
        let rejected = reject.iter().map(|(row, _)| row);
        let rows = Delivered::new(batch.len(), retry.iter().chain(rejected).chain(drop.iter().map(|(row, _)| row)));
        for (_, reason) in drop {
            account.discarded(Discard::Intended, reason, 1);
        }
        if let Some(journal) = &self.journal {
            journal.delivered(batch, rows.iter()).context("what was delivered can't be noted")?;
        }
        let (events, bytes) = match rows.0.contains(&false) {
            false => (batch.len(), batch.event_bytes()),
            true => (rows.iter().count(), rows.iter().map(|row| batch.raw(row).len()).sum()),
        };
        account.sent(Port::MAIN, events as u64, bytes as u64);
        if !reject.is_empty() {
            let (rows, reasons): (Vec<u32>, Vec<String>) = reject.into_iter().unzip();
            account.errors("rejected", "sending", rows.len() as u64);
            tracing::warn!(component = %account.component(), events = rows.len(),
                reason = reasons.first().map_or("", String::as_str), "Events were rejected.");
            let outlets = self.outlets.read().await;
            outlets.bury(&batch.select(&rows), &reasons, backoff.failures() + 1, account).await?;
        }
        if retry.is_empty() {
            match error {
                Some(error) => account.health().ill(error),
                None if account.health().well() => {
                    tracing::info!(component = %account.component(), attempts = backoff.failures() + 1,
                        "Events are delivered again.");
                }
                None => {}
            }
            return Ok((retry, Duration::ZERO));
        }
        let error = error.unwrap_or_else(|| "the service asked to try again".to_owned());
        let wait = backoff.next(after);
        account.errors("delivery_failed", "sending", 1);
        account.health().ill(error.clone());
        if backoff.failures().is_power_of_two() {
            // The first, second, fourth … failure in a row: enough to know, and no flood.
            tracing::warn!(component = %account.component(), error, attempts = backoff.failures(),
                events = retry.len(), "Events could not be delivered; trying again.");
        }
        Ok((retry, wait))
    }
}

/// The batch, divided so that no part has more than `most` events.
pub(super) fn parts(batch: &Arc<Batch>, most: NonZeroUsize) -> impl DoubleEndedIterator<Item = Arc<Batch>> {
    (0..batch.len()).step_by(most.get()).map(move |start| {
        let end = start.saturating_add(most.get()).min(batch.len());
        if end - start == batch.len() {
            return Arc::clone(batch);
        }
        let rows: Vec<u32> = (0_u32..).take(end).skip(start).collect();
        Arc::new(batch.select(&rows))
    })
}

/// The rows of which nothing else is to be said.
struct Delivered(Vec<bool>);

impl Delivered {
    fn new<'r>(events: usize, others: impl Iterator<Item = &'r u32>) -> Self {
        let mut delivered = vec![true; events];
        for row in others {
            if let Some(place) = delivered.get_mut(*row as usize) {
                *place = false;
            }
        }
        Self(delivered)
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(|(_, delivered)| **delivered).map(|(row, _)| row)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row, Time};

    use super::*;

    #[test]
    fn no_part_has_more_events_than_the_sink_takes() {
        let block = Block::new(Bytes::from_static(b"abcde"), Partition::new("p/s", ""));
        let rows = (0..5).map(|at| Row::line(at, at + 1, at.into(), Time::EPOCH)).collect();
        let batch = Arc::new(Batch::new(block, rows));
        let divided = |most: usize| -> Vec<String> {
            let text = |part: Arc<Batch>| {
                (0..part.len()).map(|row| String::from_utf8_lossy(part.raw(row)).into_owned()).collect::<String>()
            };
            parts(&batch, NonZeroUsize::new(most).expect("not 0")).map(text).collect()
        };
        assert_eq!(divided(1), ["a", "b", "c", "d", "e"]);
        assert_eq!(divided(2), ["ab", "cd", "e"]);
        assert_eq!(divided(5), ["abcde"]);
        assert_eq!(divided(usize::MAX), ["abcde"]);
    }
}
