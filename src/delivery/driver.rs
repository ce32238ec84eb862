//! The driver of a sink: gathers batches, makes attempts, tries again, and gives up what will never be taken.
//!
//! What it has received and not delivered keeps its room on the edge, retries included, so that a slow or dead service is
//! back-pressure and not memory. It says that an epoch is delivered only when every event before the barrier has been
//! delivered or given up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::Batch;
use logd_sdk::erased::AnySink;
use logd_sdk::sink::Delivery;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::attempts::Shared;
use super::concurrency::Limit;
use super::gathering::Gathering;
use super::journal::Journal;
use super::rate::RateLimit;
use super::unfinished::Unfinished;
use crate::checkpoint::{Command, Snapshot};
use crate::topology::{Arrival, Inlet, Links, Room};

/// A sink that is ready to run.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    /// What it receives.
    inlet: Inlet,
    /// What it is told: that an epoch has become durable.
    commands: UnboundedReceiver<Command>,
    deliveries: JoinSet<anyhow::Result<Settled>>,
    gathering: Option<Gathering>,
    /// What is enough to be sent, and waits for its turn.
    ready: VecDeque<Gathering>,
    /// What an earlier process had in flight.
    unfinished: Unfinished,
}

/// What one delivery settles.
struct Settled {
    events: u64,
    since: Instant,
    took: Duration,
}

impl Driver {
    /// Delivers what comes in by `inlet` to `sink`.
    pub(crate) fn new(
        sink: Arc<dyn AnySink>,
        delivery: Delivery,
        journal: Option<Journal>,
        inlet: Inlet,
        commands: UnboundedReceiver<Command>,
        links: Links,
    ) -> Self {
        let limit = Mutex::new(Limit::new(delivery.concurrency));
        let unfinished = Unfinished::new(journal.as_ref().map(Journal::in_flight).unwrap_or_default());
        let rate = delivery.rate_limit.map(|(number, span)| RateLimit::new(number, span));
        Self {
            shared: Arc::new(Shared { sink, links, delivery, limit, rate, journal }),
            inlet,
            commands,
            deliveries: JoinSet::new(),
            gathering: None,
            ready: VecDeque::new(),
            unfinished,
        }
    }

    /// Runs until the input ends.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let timeout = self.shared.delivery.timeout;
        // So that it shows before the first event whether there is a way out; from then on attempts show it.
        let shared = Arc::clone(&self.shared);
        let mut probe = std::pin::pin!(shared.probe());
        let mut probing = true;
        loop {
            self.begin();
            let due = self.gathering.as_ref().map_or_else(Instant::now, |gathering| gathering.since + timeout);
            probing &= self.deliveries.is_empty();
            let room = self.has_room();
            tokio::select! {
                biased;
                Some(settled) = self.deliveries.join_next() => self.settle(settled)?,
                Some(command) = self.commands.recv() => self.apply(command).await,
                () = &mut probe, if probing => probing = false,
                () = sleep_until(due), if self.gathering.is_some() && room => self.ready.extend(self.gathering.take()),
                arrival = self.inlet.next(), if room => match arrival? {
                    Arrival::Batch(parcel) => {
                        self.links().account.received(parcel.batch.len() as u64, parcel.event_bytes);
                        let batch = self.shared.new_events(Links::with_fields(&self.links().reads, parcel.batch));
                        if !batch.is_empty() {
                            self.gather(batch, Arc::new(parcel.room));
                        }
                    }
                    Arrival::Barrier(epoch) => {
                        let kept = self.sync().await?;
                        self.links().reporter.snapshot(epoch, kept);
                        self.links().outlets.barrier(epoch)?;
                    }
                    last @ (Arrival::End | Arrival::Close) => {
                        let kept = self.sync().await?;
                        self.links().reporter.ended(kept);
                        self.links().outlets.finish(matches!(last, Arrival::End))?;
                        // Nothing more comes, but what was delivered still becomes durable.
                        while let Some(command) = self.commands.recv().await {
                            self.apply(command).await;
                        }
                        return Ok(());
                    }
                },
            }
        }
    }

    fn links(&self) -> &Links {
        &self.shared.links
    }

    /// Whether one more delivery may be under way.
    fn has_room(&self) -> bool {
        self.deliveries.len() < self.shared.limit().allowed()
    }

    /// Adds a batch to those that wait.
    fn gather(&mut self, batch: Arc<Batch>, room: Arc<Room>) {
        let (batch, again) = self.unfinished.take(batch, &room);
        self.ready.extend(again);
        if batch.is_empty() {
            return;
        }
        let gathered = Gathering::of(self.gathering.take(), batch, room);
        let delivery = &self.shared.delivery;
        if gathered.batch.len() >= delivery.max_events || gathered.batch.size() >= delivery.max_bytes {
            self.ready.push_back(gathered);
        } else {
            self.gathering = Some(gathered);
        }
    }

    /// Begins to deliver what is ready, as much as may be under way.
    fn begin(&mut self) {
        while self.has_room() {
            let Some(next) = self.ready.pop_front() else { return };
            self.deliver(next);
        }
    }

    fn deliver(&mut self, Gathering { batch, rooms, since }: Gathering) {
        let (shared, under_way) = (Arc::clone(&self.shared), self.deliveries.len() + 1);
        self.deliveries.spawn(async move {
            let events = batch.len() as u64;
            let took = shared.deliver(batch, under_way).await?;
            // The batches hold their places on the edge until here.
            drop(rooms);
            Ok(Settled { events, since, took })
        });
    }

    fn settle(&mut self, settled: Result<anyhow::Result<Settled>, JoinError>) -> anyhow::Result<()> {
        let Settled { events, since, took } = settled.context("the sink panicked")??;
        self.links().account.handled(events, since.elapsed());
        self.links().account.busy(took);
        Ok(())
    }

    /// Waits until all that was received has been settled, makes it durable, and returns what is to be kept of it.
    async fn sync(&mut self) -> anyhow::Result<Snapshot> {
        self.ready.extend(self.unfinished.give_up());
        self.ready.extend(self.gathering.take());
        loop {
            self.begin();
            let Some(settled) = self.deliveries.join_next().await else { break };
            self.settle(settled)?;
        }
        // What the epoch before has made durable is applied before there is more.
        while let Ok(command) = self.commands.try_recv() {
            self.apply(command).await;
        }
        if let Some(journal) = &self.shared.journal {
            journal.cut()?;
        }
        Ok(Snapshot::position(self.shared.sink.sync().await.context("what was delivered can't be made durable")?))
    }

    /// An epoch has become durable: the sink may do what it has kept back until then, however often that takes.
    async fn apply(&mut self, command: Command) {
        let Command::Durable = command else { return };
        if let Some(journal) = &self.shared.journal {
            journal.durable();
        }
        let Some(kept) = self.links().reporter.durable() else { return };
        let account = &self.links().account;
        let failed = |error: &str, attempts: u32| {
            account.errors("commit_failed", "sending", 1);
            if attempts.is_power_of_two() {
                tracing::warn!(component = %account.component(), error, attempts,
                    "What has become durable could not be applied; trying again.");
            }
        };
        self.shared.until_done(|| self.shared.sink.commit(&kept), failed).await;
    }
}

#[cfg(test)]
mod tests;
