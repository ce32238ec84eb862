//! The driver of a sink: gathers batches, makes attempts, tries again, and gives up what will never be taken.
//!
//! What it has received and not delivered keeps its room on the edge, retries included, so that a slow or dead service is
//! back-pressure and not memory. It says that an epoch is delivered only when every event before the barrier has been
//! delivered or given up.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::Batch;
use logd_sdk::erased::AnySink;
use logd_sdk::sink::Delivery;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{RwLock, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::attempts::{Shared, parts};
use super::concurrency::Limit;
use super::gathering::Gathering;
use super::handoff::Turn;
use super::journal::Journal;
use super::rate::RateLimit;
use super::unfinished::Unfinished;
use crate::checkpoint::{Command, Epoch, Reporter, Snapshot};
use crate::topology::{Arrival, Inlet, Links, Outlets, Retirement, Room};

/// A sink that is ready to run.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    /// What it receives.
    pub(crate) inlet: Inlet,
    /// What it is told: that an epoch has become durable.
    pub(crate) commands: UnboundedReceiver<Command>,
    deliveries: JoinSet<anyhow::Result<Settled>>,
    /// What they are to deliver.
    under_way: HashMap<Id, Gathering>,
    gathering: Option<Gathering>,
    /// What is enough to be sent, and waits for its turn.
    ready: VecDeque<Gathering>,
    /// What an earlier process had in flight.
    unfinished: Unfinished,
    pub(crate) links: Links,
    stage: Stage,
    /// What has become durable and could not be applied yet.
    to_commit: Option<Vec<u8>>,
    /// When it gives up what it could not deliver, if it is retired.
    deadline: Option<Instant>,
    /// Whether the deadline is over.
    gives_up: bool,
    /// Until when it is of use then.
    retirement: Option<Retirement>,
}

/// How far the driver is with what it receives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// It receives.
    Open,
    /// A barrier has come, and waits until all before it is settled.
    Barrier(Epoch),
    /// The last has come, and waits likewise; whether the input has ended.
    Last(bool),
    /// Nothing more comes, but what was delivered still becomes durable.
    Ended,
}

/// What a driver leaves to the one that replaces it.
pub(crate) struct HandedOver {
    /// What it delivered to.
    pub(crate) sink: Arc<dyn AnySink>,
    /// What it has received and not delivered.
    pub(crate) undelivered: Vec<Gathering>,
    /// What has become durable and could not be applied.
    to_commit: Option<Vec<u8>>,
}

/// What one delivery settles.
struct Settled {
    events: u64,
    since: Instant,
    took: Duration,
}

impl Driver {
    /// Delivers what comes in by `inlet` to `sink`, until its `turn` to be replaced.
    pub(crate) fn new(
        sink: Arc<dyn AnySink>,
        delivery: Delivery,
        journal: Option<Journal>,
        turn: Turn,
        inlet: Inlet,
        commands: UnboundedReceiver<Command>,
        links: Links,
    ) -> Self {
        let limit = Mutex::new(Limit::new(delivery.concurrency));
        let unfinished = Unfinished::new(journal.as_ref().map(Journal::in_flight).unwrap_or_default());
        let rate = delivery.rate_limit.map(|(number, span)| RateLimit::new(number, span));
        Self {
            shared: Arc::new(Shared {
                sink,
                account: Arc::clone(&links.account),
                outlets: RwLock::new(Arc::clone(&links.outlets)),
                delivery,
                limit,
                rate,
                journal,
                waiting: watch::Sender::new(0),
                turn,
            }),
            inlet,
            commands,
            deliveries: JoinSet::new(),
            under_way: HashMap::new(),
            gathering: None,
            ready: VecDeque::new(),
            unfinished,
            links,
            stage: Stage::Open,
            to_commit: None,
            deadline: None,
            gives_up: false,
            retirement: None,
        }
    }

    /// Joins it to other edges and another coordinator.
    pub(crate) async fn join(
        &mut self,
        inlet: Inlet,
        outlets: Arc<Outlets>,
        reporter: Reporter,
        commands: UnboundedReceiver<Command>,
    ) {
        *self.shared.outlets.write().await = Arc::clone(&outlets);
        self.links.join(outlets, reporter);
        (self.inlet, self.commands) = (inlet, commands);
        // Nobody waits for an epoch of the part before any more, and an end comes again.
        self.stage = Stage::Open;
    }

    /// Nothing more comes than what waits; what is not delivered at the deadline becomes dead letters.
    pub(crate) fn retire(&mut self, deadline: Instant) {
        if self.retirement.is_none() {
            (self.deadline, self.retirement) = (Some(deadline), Some(Retirement::default()));
        }
    }

    /// Gives up what it has received and not delivered; what is still under way is cut off, and counts as that.
    pub(crate) async fn hand_over(mut self) -> anyhow::Result<HandedOver> {
        let undelivered = self.undelivered().await?;
        Ok(HandedOver { sink: Arc::clone(&self.shared.sink), undelivered, to_commit: self.to_commit })
    }

    /// Takes over what another has left.
    pub(crate) fn take_over(&mut self, left: HandedOver) {
        self.to_commit = left.to_commit;
        for Gathering { batch, rooms, .. } in left.undelivered {
            let batch = self.shared.new_events(batch);
            let Some(room) = rooms.into_iter().next().filter(|_| !batch.is_empty()) else { continue };
            self.gather(batch, room);
        }
    }

    /// Whether nothing more comes, and all that has come is settled.
    pub(crate) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Runs until the input ends; if it shall pause, returns itself, and what is under way goes on.
    pub(crate) async fn run(mut self) -> anyhow::Result<Option<Self>> {
        let timeout = self.shared.delivery.timeout;
        // So that it shows before the first event whether there is a way out; from then on attempts show it.
        let shared = Arc::clone(&self.shared);
        let mut probe = std::pin::pin!(shared.probe());
        let mut probing = true;
        let mut waiting = shared.waiting.subscribe();
        self.commit().await;
        while self.stage != Stage::Ended {
            self.begin();
            let (is_near, under_way) = (shared.turn.is_near(), self.deliveries.len());
            let is_at_rest = *waiting.borrow() >= under_way;
            if is_near && is_at_rest {
                shared.turn.rest();
            }
            let due = self.gathering.as_ref().map_or_else(Instant::now, |gathering| gathering.since + timeout);
            probing &= self.deliveries.is_empty();
            let (room, is_open) = (self.has_room(), self.stage == Stage::Open);
            let is_settled = !is_open && self.deliveries.is_empty() && self.ready.is_empty();
            tokio::select! {
                biased;
                () = self.links.outlets.pausing() => return Ok(Some(self)),
                () = sleep_until(self.deadline.unwrap_or(due)), if self.deadline.is_some() => self.give_up().await?,
                () = std::future::ready(()), if self.gives_up && !self.ready.is_empty() => self.bury().await?,
                Some(settled) = self.deliveries.join_next_with_id() => self.settle(settled)?,
                () = shared.turn.until(!is_near) => {}
                () = comes_to(&mut waiting, under_way), if is_near && !is_at_rest => {}
                Some(command) = self.commands.recv() => self.apply(command).await,
                () = &mut probe, if probing => probing = false,
                () = std::future::ready(()), if is_settled => self.close().await?,
                arrival = self.inlet.next(), if room && is_open => match arrival? {
                    Arrival::Batch(parcel) => {
                        self.links.account.received(parcel.batch.len() as u64, parcel.event_bytes);
                        let mut batch = self.shared.new_events(Links::with_fields(&self.links.reads, parcel.batch));
                        if parcel.input > 0 {
                            Arc::make_mut(&mut batch).set_input(parcel.input);
                        }
                        if !batch.is_empty() {
                            self.gather(batch, Arc::new(parcel.room));
                        }
                    }
                    Arrival::Barrier(epoch) => self.wait(Stage::Barrier(epoch)),
                    Arrival::End => self.wait(Stage::Last(true)),
                    Arrival::Close => self.wait(Stage::Last(false)),
                },
                // Behind what has come already: with a timeout of zero, all that waits is sent as one.
                () = sleep_until(due), if self.gathering.is_some() && room => self.ready.extend(self.gathering.take()),
            }
        }
        self.linger().await
    }

    /// The deadline is there: what is not delivered goes where dead letters go.
    async fn give_up(&mut self) -> anyhow::Result<()> {
        (self.deadline, self.gives_up) = (None, true);
        self.ready = self.undelivered().await?.into();
        Ok(())
    }

    /// Gives up some of what waits longest: not all at once, for the part may have to pause meanwhile.
    async fn bury(&mut self) -> anyhow::Result<()> {
        const REASON: &str = "the sink was removed, and could not deliver before that";
        const AT_ONCE: NonZeroUsize = NonZeroUsize::new(500).unwrap();
        let Some(Gathering { batch, rooms, since }) = self.ready.pop_front() else { return Ok(()) };
        let mut parts = parts(&batch, AT_ONCE);
        if let Some(part) = parts.next() {
            // Entered first: whoever is cut off behind this has entered all or nothing.
            self.links.account.handled(part.len() as u64, since.elapsed());
            let reasons = vec![REASON.to_owned(); part.len()];
            self.links.outlets.bury(&part, &reasons, 1, &self.links.account).await?;
        }
        for part in parts.rev() {
            self.ready.push_front(Gathering { batch: part, rooms: rooms.clone(), since });
        }
        Ok(())
    }

    /// Takes out all that was received and is not delivered; what is under way is cut off.
    async fn undelivered(&mut self) -> anyhow::Result<Vec<Gathering>> {
        self.deliveries.abort_all();
        while let Some(ended) = self.deliveries.join_next_with_id().await {
            if ended.is_ok() {
                self.settle(ended)?;
            }
        }
        self.ready.extend(self.unfinished.give_up());
        self.ready.extend(self.gathering.take());
        Ok(self.under_way.drain().map(|(_, gathering)| gathering).chain(self.ready.drain(..)).collect())
    }

    /// Nothing more comes, but what was delivered still becomes durable.
    async fn linger(mut self) -> anyhow::Result<Option<Self>> {
        loop {
            tokio::select! {
                biased;
                () = self.links.outlets.pausing() => return Ok(Some(self)),
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.apply(command).await;
                        let mut is_over = || self.retirement.as_mut().is_some_and(Retirement::is_over);
                        if command == Command::Durable && self.to_commit.is_none() && is_over() {
                            return Ok(None);
                        }
                    }
                    None => return Ok(None),
                },
            }
        }
    }

    /// Nothing more is received until all that was is settled.
    fn wait(&mut self, stage: Stage) {
        self.ready.extend(self.unfinished.give_up());
        self.ready.extend(self.gathering.take());
        self.stage = stage;
    }

    /// Whether one more delivery may be under way.
    fn has_room(&self) -> bool {
        self.deliveries.len() < self.shared.limit().allowed() && !self.shared.turn.is_near()
    }

    /// Adds a batch to those that wait.
    fn gather(&mut self, batch: Arc<Batch>, room: Arc<Room>) {
        let (batch, again) = self.unfinished.take(batch, &room);
        self.ready.extend(again);
        if batch.is_empty() {
            return;
        }
        let delivery = &self.shared.delivery;
        // What came by different inputs is delivered apart, and what would be too large together.
        let is_apart = |waiting: &mut Gathering| {
            let size = waiting.batch.size() + batch.size();
            waiting.batch.input() != batch.input() || size > delivery.max_bytes
        };
        self.ready.extend(self.gathering.take_if(is_apart));
        let gathered = Gathering::of(self.gathering.take(), batch, room);
        if gathered.batch.len() >= delivery.max_events || gathered.batch.size() >= delivery.max_bytes {
            self.ready.push_back(gathered);
        } else {
            self.gathering = Some(gathered);
        }
    }

    /// Begins to deliver what is ready, as much as may be under way.
    fn begin(&mut self) {
        while self.has_room() && !self.gives_up {
            let Some(next) = self.ready.pop_front() else { return };
            self.deliver(next);
        }
    }

    fn deliver(&mut self, gathering: Gathering) {
        let (shared, under_way) = (Arc::clone(&self.shared), self.deliveries.len() + 1);
        let (batch, since) = (Arc::clone(&gathering.batch), gathering.since);
        let task = self.deliveries.spawn(async move {
            let events = batch.len() as u64;
            let took = shared.deliver(batch, under_way).await?;
            Ok(Settled { events, since, took })
        });
        self.under_way.insert(task.id(), gathering);
    }

    fn settle(&mut self, settled: Result<(Id, anyhow::Result<Settled>), JoinError>) -> anyhow::Result<()> {
        let (id, settled) = settled.context("the sink panicked")?;
        let Settled { events, since, took } = settled?;
        // The batches have held their places on the edge until here.
        self.under_way.remove(&id);
        self.links.account.handled(events, since.elapsed());
        self.links.account.busy(took);
        Ok(())
    }

    /// All that was received before a barrier, or the end, is settled: makes it durable, and says so.
    async fn close(&mut self) -> anyhow::Result<()> {
        // What the epoch before has made durable is applied before there is more.
        while let Ok(command) = self.commands.try_recv() {
            self.apply(command).await;
        }
        if self.to_commit.is_some() {
            // The part pauses.
            return Ok(());
        }
        if let Some(journal) = &self.shared.journal {
            journal.cut()?;
        }
        let kept = self.shared.sink.sync().await.context("what was delivered can't be made durable")?;
        let (kept, links) = (Snapshot::position(kept), &self.links);
        self.stage = match self.stage {
            Stage::Barrier(epoch) => {
                links.reporter.snapshot(epoch, kept);
                links.outlets.barrier(epoch)?;
                Stage::Open
            }
            Stage::Last(input_ended) => {
                links.reporter.ended(kept);
                links.outlets.finish(input_ended)?;
                Stage::Ended
            }
            stage => stage,
        };
        Ok(())
    }

    /// An epoch has become durable.
    async fn apply(&mut self, command: Command) {
        let Command::Durable = command else { return };
        if let Some(journal) = &self.shared.journal {
            journal.durable();
        }
        if let Some(kept) = self.links.reporter.durable() {
            self.to_commit = Some(kept);
            self.commit().await;
        }
    }

    /// The sink may do what it has kept back until it was durable, however often that takes; until the part pauses.
    async fn commit(&mut self) {
        let Some(kept) = &self.to_commit else { return };
        let account = &self.shared.account;
        let failed = |error: &str, attempts: u32| {
            account.errors("commit_failed", "sending", 1);
            if attempts.is_power_of_two() {
                tracing::warn!(component = %account.component(), error, attempts,
                    "What has become durable could not be applied; trying again.");
            }
        };
        tokio::select! {
            biased;
            () = self.links.outlets.pausing() => {}
            () = self.shared.until_done(|| self.shared.sink.commit(kept), failed) => self.to_commit = None,
        }
    }
}

/// Waits until so many deliveries wait to be tried again.
async fn comes_to(waiting: &mut watch::Receiver<usize>, deliveries: usize) {
    // The driver has the sender.
    let _ = waiting.wait_for(|waiting| *waiting >= deliveries).await;
}

#[cfg(test)]
mod tests;
