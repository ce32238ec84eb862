//! The driver of a sink: gathers batches, makes attempts, tries again, and gives up what will never be taken.
//!
//! What it has received and not delivered keeps its room on the edge, retries included, so that a slow or dead service is
//! back-pressure and not memory. It says that an epoch is delivered only when every event before the barrier has been
//! delivered or given up.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::erased::AnySink;
use logd_sdk::sink::{Attempt, Delivery};
use logd_sdk::{Batch, Port};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use crate::checkpoint::Snapshot;
use crate::topology::{Activity, Arrival, Inlet, Links, Room};

/// A sink that is ready to run.
pub(crate) struct Driver {
    /// What it delivers to.
    pub(crate) sink: Arc<dyn AnySink>,
    /// How.
    pub(crate) delivery: Delivery,
    /// What it receives.
    pub(crate) inlet: Inlet,
    /// Where it reports, and where dead letters go.
    pub(crate) links: Arc<Links>,
}

/// Batches that wait to be sent as one.
struct Gathering {
    batch: Arc<Batch>,
    rooms: Vec<Room>,
    since: Instant,
}

impl Gathering {
    fn new(batch: Arc<Batch>, room: Room) -> Self {
        Self { batch, rooms: vec![room], since: Instant::now() }
    }

    fn and(mut self, batch: Arc<Batch>, room: Room) -> Self {
        Arc::make_mut(&mut self.batch).append(Arc::unwrap_or_clone(batch));
        self.rooms.push(room);
        self
    }
}

/// What one delivery settles.
struct Settled {
    events: u64,
    since: Instant,
    took: Duration,
}

impl Driver {
    /// Runs until the input ends.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let mut deliveries: JoinSet<anyhow::Result<Settled>> = JoinSet::new();
        let mut gathering: Option<Gathering> = None;
        let mut activity = Activity::new();
        loop {
            let due = gathering.as_ref().map_or_else(Instant::now, |gathering| gathering.since + self.delivery.timeout);
            let room = deliveries.len() < self.delivery.concurrency;
            tokio::select! {
                biased;
                Some(settled) = deliveries.join_next() => self.settle(settled, &mut activity)?,
                () = sleep_until(due), if gathering.is_some() && room => self.begin(&mut gathering, &mut deliveries),
                arrival = self.inlet.next(), if room => match arrival? {
                    Arrival::Batch(parcel) => {
                        self.links.account.received(parcel.batch.len() as u64, parcel.event_bytes);
                        let batch = Links::with_fields(&self.links.reads, parcel.batch);
                        if batch.is_empty() {
                            continue;
                        }
                        let gathered = match gathering.take() {
                            Some(gathered) => gathering.insert(gathered.and(batch, parcel.room)),
                            None => gathering.insert(Gathering::new(batch, parcel.room)),
                        };
                        let full = gathered.batch.len() >= self.delivery.max_events
                            || gathered.batch.size() >= self.delivery.max_bytes;
                        if full {
                            self.begin(&mut gathering, &mut deliveries);
                        }
                    }
                    Arrival::Barrier(epoch) => {
                        self.flush(&mut gathering, &mut deliveries, &mut activity).await?;
                        let kept = self.sync().await?;
                        self.links.reporter.snapshot(epoch, kept);
                        self.links.outlets.barrier(epoch)?;
                    }
                    last @ (Arrival::End | Arrival::Close) => {
                        self.flush(&mut gathering, &mut deliveries, &mut activity).await?;
                        let kept = self.sync().await?;
                        self.links.reporter.ended(kept);
                        self.links.outlets.finish(matches!(last, Arrival::End))?;
                        return Ok(());
                    }
                },
            }
        }
    }

    /// Begins to deliver what was gathered.
    fn begin(&self, gathering: &mut Option<Gathering>, deliveries: &mut JoinSet<anyhow::Result<Settled>>) {
        if let Some(gathered) = gathering.take() {
            let (sink, links) = (Arc::clone(&self.sink), Arc::clone(&self.links));
            deliveries.spawn(deliver(sink, links, self.delivery.attempt_timeout, gathered));
        }
    }

    /// Waits until all that was received has been settled.
    async fn flush(
        &self,
        gathering: &mut Option<Gathering>,
        deliveries: &mut JoinSet<anyhow::Result<Settled>>,
        activity: &mut Activity,
    ) -> anyhow::Result<()> {
        self.begin(gathering, deliveries);
        while let Some(settled) = deliveries.join_next().await {
            self.settle(settled, activity)?;
        }
        Ok(())
    }

    fn settle(
        &self,
        settled: Result<anyhow::Result<Settled>, tokio::task::JoinError>,
        activity: &mut Activity,
    ) -> anyhow::Result<()> {
        let Settled { events, since, took } = settled.context("the sink panicked")??;
        self.links.account.handled(events, since.elapsed());
        activity.busy(took, &self.links.account);
        Ok(())
    }

    /// Makes what was delivered durable, and returns what is to be kept of it.
    async fn sync(&self) -> anyhow::Result<Snapshot> {
        Ok(Snapshot::position(self.sink.sync().await.context("what was delivered can't be made durable")?))
    }
}

/// Delivers one batch, however many attempts it takes.
async fn deliver(
    sink: Arc<dyn AnySink>,
    links: Arc<Links>,
    timeout: Duration,
    gathered: Gathering,
) -> anyhow::Result<Settled> {
    let Gathering { mut batch, rooms, since } = gathered;
    let events = batch.len() as u64;
    let mut took = Duration::ZERO;
    let mut backoff = Backoff::default();
    while !batch.is_empty() {
        let start = Instant::now();
        let attempt = match tokio::time::timeout(timeout, sink.deliver(&batch)).await {
            Ok(attempt) => attempt,
            Err(_) => Attempt::failed(&batch, format!("no answer within {timeout:?}")),
        };
        took += start.elapsed();
        let Attempt { retry, after, reject, error } = attempt;
        let (delivered, bytes) = delivered(&batch, &retry, &reject);
        links.account.sent(Port::MAIN, delivered, bytes);
        if !reject.is_empty() {
            let (rows, reasons): (Vec<u32>, Vec<String>) = reject.into_iter().unzip();
            links.account.errors("rejected", "sending", rows.len() as u64);
            tracing::warn!(component = %links.account.component(), events = rows.len(),
                reason = reasons.first().map_or("", String::as_str), "Events were rejected.");
            links.outlets.bury(&batch.select(&rows), &reasons, backoff.failures() + 1, &links.account).await?;
        }
        if retry.is_empty() {
            break;
        }
        let error = error.unwrap_or_else(|| "the service asked to try again".to_owned());
        let wait = backoff.next(after);
        links.account.errors("delivery_failed", "sending", 1);
        if backoff.failures().is_power_of_two() {
            // The first, second, fourth … failure in a row: enough to know, and no flood.
            tracing::warn!(component = %links.account.component(), error, attempts = backoff.failures(),
                events = retry.len(), "Events could not be delivered; trying again.");
        }
        if retry.len() < batch.len() {
            batch = Arc::new(batch.select(&retry));
        }
        tokio::time::sleep(wait).await;
    }
    drop(rooms);
    Ok(Settled { events, since, took })
}

/// How many events, and bytes of events, are neither to be tried again nor rejected.
fn delivered(batch: &Batch, retry: &[u32], reject: &[(u32, String)]) -> (u64, u64) {
    if retry.is_empty() && reject.is_empty() {
        return (batch.len() as u64, batch.event_bytes() as u64);
    }
    let left: std::collections::BTreeSet<u32> =
        retry.iter().copied().chain(reject.iter().map(|(row, _)| *row)).collect();
    let rows = batch.rows().iter().zip(0_u32..).filter(|(_, row)| !left.contains(row));
    rows.fold((0, 0), |(events, bytes), (row, _)| (events + 1, bytes + row.range().len() as u64))
}
