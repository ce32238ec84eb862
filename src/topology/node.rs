//! What the tasks of all components have in common.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::{Batch, Columns, Epochs};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::edge::Parcel;
use super::outlets::Outlets;
use super::suspects::{Suspects, message, spans};
use super::workers::Workers;
use crate::checkpoint::{Epoch, Reporter};
use crate::telemetry::Account;

/// How a component's task is connected to the rest.
pub(crate) struct Links {
    /// Where its batches go.
    pub(crate) outlets: Arc<Outlets>,
    /// Where it reports its snapshots.
    pub(crate) reporter: Reporter,
    /// Where its events are entered.
    pub(crate) account: Arc<Account>,
    /// The fields that it reads: taken out of each batch before it sees it.
    pub(crate) reads: Arc<Columns>,
    /// What it could not survive before.
    pub(crate) suspects: Suspects,
    /// Where it asks for epochs.
    pub(crate) epochs: Epochs,
}

impl Links {
    /// Joins a component to other edges and another coordinator.
    pub(crate) fn join(&mut self, outlets: Arc<Outlets>, reporter: Reporter) {
        (self.outlets, self.reporter) = (outlets, reporter);
    }

    /// The batch with the fields that the component reads. It is copied only if they are not there yet and somebody
    /// else holds it too.
    pub(crate) fn with_fields(reads: &Arc<Columns>, mut batch: Arc<Batch>) -> Arc<Batch> {
        if !batch.columns().contains(reads) {
            Arc::make_mut(&mut batch).require(reads);
        }
        batch
    }
}

/// Work in the order in which it was begun, with barriers between: on the workers where it is worth that.
pub(crate) struct Pipeline<T> {
    workers: Workers,
    entries: VecDeque<Entry<T>>,
    most: usize,
    /// Seconds that an event took lately; unknown before the first.
    cost: Option<f64>,
}

enum Entry<T> {
    Job { job: Job<T>, receipt: Receipt },
    Barrier(Epoch),
}

enum Job<T> {
    /// With how long it took.
    UnderWay(JoinHandle<(Result<T, String>, Duration)>),
    /// What it has come to, or the message of its panic.
    Done(Result<T, String>),
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

/// Work that takes longer than this is worth another thread: to hand it over and back takes some microseconds.
const WORTH_HANDING_OVER: Duration = Duration::from_micros(100);

impl<T: Send + 'static> Pipeline<T> {
    /// At most `most` jobs are under way at once.
    pub(crate) fn new(most: usize, workers: Workers) -> Self {
        Self { workers, entries: VecDeque::new(), most, cost: None }
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
        let work = move || {
            let start = Instant::now();
            // What a panic leaves half done goes with the part, which is built again from its last epoch.
            let done = catch_unwind(AssertUnwindSafe(|| work(parcel))).map_err(|panic| {
                let message = message(panic.as_ref());
                suspects.note(&spans, &message);
                message
            });
            (done, start.elapsed())
        };
        let expected = self.cost.map(|cost| Duration::from_secs_f64(cost * events as f64));
        let job = if expected.is_some_and(|expected| expected <= WORTH_HANDING_OVER) {
            let (done, took) = work();
            self.note(took, events);
            Job::Done(done)
        } else {
            Job::UnderWay(self.workers.spawn(expected, work))
        };
        self.entries.push_back(Entry::Job { job, receipt });
    }

    /// Takes a batch in on which nothing is left to do.
    pub(crate) fn pass(&mut self, events: u64, done: T) {
        let receipt = Receipt { events, at: Instant::now() };
        self.entries.push_back(Entry::Job { job: Job::Done(Ok(done)), receipt });
    }

    /// Puts a barrier behind the jobs.
    pub(crate) fn barrier(&mut self, epoch: Epoch) {
        self.entries.push_back(Entry::Barrier(epoch));
    }

    /// What finishes next; waits for ever where nothing is under way. Safe to cancel.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Finished<T>> {
        if let Some(Entry::Job { job, receipt }) = self.entries.front_mut()
            && let Job::UnderWay(handle) = job
        {
            let (done, took) = handle.await.context("the work was cut off")?;
            *job = Job::Done(done);
            let events = receipt.events;
            self.note(took, events);
        }
        match self.entries.pop_front() {
            None => std::future::pending().await,
            Some(Entry::Barrier(epoch)) => Ok(Finished::Barrier(epoch)),
            Some(Entry::Job { job: Job::Done(done), receipt }) => {
                Ok(Finished::Job(done.map_err(anyhow::Error::msg)?, receipt))
            }
            Some(Entry::Job { job: Job::UnderWay(_), .. }) => anyhow::bail!("the order of work was lost"),
        }
    }

    /// A moving average over some eight batches.
    fn note(&mut self, took: Duration, events: u64) {
        if events > 0 {
            let cost = took.as_secs_f64() / events as f64;
            self.cost = Some(self.cost.map_or(cost, |before| before + (cost - before) / 8.0));
        }
    }
}

impl<T> Drop for Pipeline<T> {
    fn drop(&mut self) {
        for entry in &self.entries {
            if let Entry::Job { job: Job::UnderWay(job), .. } = entry {
                job.abort();
            }
        }
    }
}
