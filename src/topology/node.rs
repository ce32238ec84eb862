//! What the tasks of all components have in common.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::{Batch, Columns};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::edge::Parcel;
use super::outlets::Outlets;
use super::suspects::{Suspects, message, spans};
use crate::checkpoint::{Epoch, Reporter};
use crate::telemetry::Account;

/// How a component's task is connected to the rest.
pub(crate) struct Links {
    /// Where its batches go.
    pub(crate) outlets: Outlets,
    /// Where it reports its snapshots.
    pub(crate) reporter: Reporter,
    /// Where its events are entered.
    pub(crate) account: Arc<Account>,
    /// The fields that it reads: taken out of each batch before it sees it.
    pub(crate) reads: Arc<Columns>,
    /// What it could not survive before.
    pub(crate) suspects: Suspects,
}

impl Links {
    /// The batch with the fields that the component reads. It is copied only if they are not there yet and somebody
    /// else holds it too.
    pub(crate) fn with_fields(reads: &Arc<Columns>, mut batch: Arc<Batch>) -> Arc<Batch> {
        if !batch.columns().contains(reads) {
            Arc::make_mut(&mut batch).require(reads);
        }
        batch
    }
}

/// Work on the thread pool, in the order in which it was begun, with barriers between.
pub(crate) struct Pipeline<T> {
    entries: VecDeque<Entry<T>>,
    most: usize,
}

enum Entry<T> {
    Job { job: JoinHandle<Result<T, String>>, receipt: Receipt },
    Barrier(Epoch),
}

/// What was received and not yet settled.
pub(crate) struct Receipt {
    /// How many events.
    pub(crate) events: u64,
    /// When.
    pub(crate) at: Instant,
}

/// What leaves a [`Pipeline`].
pub(crate) enum Finished<T> {
    /// A job is done.
    Job(T, Receipt),
    /// All jobs before this barrier are done and settled.
    Barrier(Epoch),
}

impl<T: Send + 'static> Pipeline<T> {
    /// At most `most` jobs are under way at once.
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: VecDeque::new(), most }
    }

    /// Whether another job may begin.
    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() < self.most
    }

    /// Whether nothing is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Begins to work on a batch. The parcel, and with it its share of the edge, is held by the work.
    pub(crate) fn begin(&mut self, parcel: Parcel, links: &Links, work: impl FnOnce(Parcel) -> T + Send + 'static) {
        let events = parcel.batch.len() as u64;
        links.account.received(events, parcel.event_bytes);
        let (suspects, spans) = (links.suspects.clone(), spans(&parcel.batch));
        let receipt = Receipt { events, at: Instant::now() };
        // Not `tokio::spawn`: what a task spawns waits in a place of its worker's that no other worker may take from, so
        // that a whole pipeline would stay on one core.
        let job = tokio::task::spawn_blocking(move || {
            // What a panic leaves half done goes with the part, which is built again from its last epoch.
            catch_unwind(AssertUnwindSafe(|| work(parcel))).map_err(|panic| {
                let message = message(panic.as_ref());
                suspects.note(&spans, &message);
                message
            })
        });
        self.entries.push_back(Entry::Job { job, receipt });
    }

    /// Puts a barrier behind the jobs.
    pub(crate) fn barrier(&mut self, epoch: Epoch) {
        self.entries.push_back(Entry::Barrier(epoch));
    }

    /// What finishes next; waits for ever where nothing is under way. Safe to cancel.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Finished<T>> {
        let done = poll_fn(|context| match self.entries.front_mut() {
            None => Poll::Pending,
            Some(Entry::Barrier(_)) => Poll::Ready(None),
            Some(Entry::Job { job, .. }) => std::pin::Pin::new(job).poll(context).map(Some),
        })
        .await;
        match (done, self.entries.pop_front()) {
            (None, Some(Entry::Barrier(epoch))) => Ok(Finished::Barrier(epoch)),
            (Some(result), Some(Entry::Job { receipt, .. })) => {
                let done = result.context("the work was cut off")?.map_err(anyhow::Error::msg)?;
                Ok(Finished::Job(done, receipt))
            }
            _ => anyhow::bail!("the order of work was lost"),
        }
    }
}

impl<T> Drop for Pipeline<T> {
    fn drop(&mut self) {
        for entry in &self.entries {
            if let Entry::Job { job, .. } = entry {
                job.abort();
            }
        }
    }
}

/// Measures for how long a task has been able to receive.
pub(crate) struct Activity {
    /// Time spent waiting for those downstream.
    blocked: Duration,
    started: Instant,
}

impl Activity {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self { blocked: Duration::ZERO, started: Instant::now() }
    }

    /// Sending took this long, while nothing could be received.
    pub(crate) fn blocked(&mut self, took: Duration) {
        self.blocked += took;
    }

    /// How long the task has been able to receive: what a partition's silence is measured by.
    pub(crate) fn active(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.blocked)
    }
}
