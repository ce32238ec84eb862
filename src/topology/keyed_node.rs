//! The task of a transform with state: batches are split, several at once, and then taken in order by the
//! shards that own the keys.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use logd_sdk::erased::{AnyKeyed, AnyPart, AnyShard, AnyYield};
use logd_sdk::keyed::{Floor, Split, Step, shard_of};
use logd_sdk::{Batch, Clock, Outputs, Partition, Time};
use tokio::time::{Instant, MissedTickBehavior};

use super::congestion::Activity;
use super::edge::{Parcel, Room};
use super::inlet::{Arrival, Inlet};
use super::kept::Kept;
use super::node::{Finished, Links, Pipeline};
use super::outlets::Splits;
use super::splitter::Splitter;
use super::suspects::{ENOUGH, message, others, spans};
use super::watermarks::Watermarks;
use super::workers::Workers;
use crate::checkpoint::{Changes, Snapshot};

/// A transform with state that is ready to run.
pub(crate) struct KeyedNode {
    /// What all shards share.
    pub(crate) keyed: Arc<dyn AnyKeyed>,
    /// The state.
    pub(crate) shards: Shards,
    /// How far event time has come, if the component waits for it.
    pub(crate) watermarks: Option<Watermarks>,
    /// What derived events belong to.
    pub(crate) partition: Arc<Partition>,
    /// What it receives.
    pub(crate) inlet: Inlet,
    /// Where its batches go.
    pub(crate) links: Links,
    /// How many batches may be split at once.
    pub(crate) parallelism: usize,
    /// For how long it could have heard something.
    pub(crate) activity: Activity,
    /// Do the work.
    pub(crate) workers: Workers,
    /// The batches that it has taken last, if they are to be kept.
    pub(crate) kept: Option<Kept>,
}

/// A batch that was split for these floors.
struct Prepared {
    batch: Arc<Batch>,
    floors: Vec<Floor>,
    split: Split<AnyPart>,
    /// Events that are spared the component, and why.
    condemned: Option<(Batch, Vec<String>)>,
    /// Held until all that was made of the batch has been sent.
    room: Room,
}

/// How often a component that waits for time looks whether it has come.
const TICK: Duration = Duration::from_millis(100);

impl KeyedNode {
    /// Runs until the input ends; if it shall pause, returns itself.
    pub(crate) async fn run(mut self) -> anyhow::Result<Option<Self>> {
        let mut pipeline: Pipeline<Prepared> = Pipeline::new(self.parallelism, self.workers);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let splitter = self.splitter();
        self.inlet.offer(&splitter);
        let (mut ended, mut pausing) = (None, false);
        while (ended.is_none() && !pausing) || !pipeline.is_empty() {
            tokio::select! {
                biased;
                () = self.links.outlets.pausing(), if !pausing => pausing = true,
                finished = pipeline.next() => match finished? {
                    Finished::Job(prepared, receipt) => {
                        self.take(prepared, &splitter).await?;
                        self.links.account.handled(receipt.events, receipt.at.elapsed());
                    }
                    Finished::Barrier(epoch) => {
                        let changes = self.save()?;
                        self.links.reporter.snapshot(epoch, Snapshot::changes(changes));
                        self.links.outlets.barrier(epoch)?;
                    }
                },
                arrival = self.inlet.next(), if ended.is_none() && !pausing && pipeline.has_room() => match arrival? {
                    Arrival::Batch(parcel) => self.begin(parcel, &mut pipeline),
                    Arrival::Barrier(epoch) => pipeline.barrier(epoch),
                    Arrival::End => ended = Some(true),
                    Arrival::Close => ended = Some(false),
                },
                _ = tick.tick(), if self.watermarks.is_some() && pipeline.is_empty() => {
                    self.activity.look();
                    self.step(None).await?;
                }
            }
        }
        let Some(input_ended) = ended else { return Ok(Some(self)) };
        if input_ended {
            self.end().await?;
        }
        let changes = self.save()?;
        self.links.reporter.ended(Snapshot::changes(changes));
        self.links.outlets.finish(input_ended)?;
        Ok(None)
    }

    /// What it does first with each batch.
    fn splitter(&self) -> Splitter {
        Splitter {
            keyed: Arc::clone(&self.keyed),
            shards: self.shards.len(),
            reads: Arc::clone(&self.links.reads),
            suspects: self.links.suspects.clone(),
            account: Arc::clone(&self.links.account),
            rest: Arc::default(),
        }
    }

    /// Splits a batch, for the floors as they are now: if they rise before its turn, it may be split again.
    fn begin(&self, parcel: Parcel, pipeline: &mut Pipeline<Prepared>) {
        if let Parcel { batch, event_bytes, split: Some(split), room, .. } = parcel {
            let events = batch.len() as u64;
            self.links.account.received(events, event_bytes);
            let floors = Splitter::open_floors(&batch);
            return pipeline.pass(events, Prepared { batch, floors, split, condemned: None, room });
        }
        let account = Arc::clone(&self.links.account);
        let keyed = Arc::clone(&self.keyed);
        let reads = Arc::clone(&self.links.reads);
        let floors = self.floors(&parcel.batch);
        let shards = self.shards.len();
        let suspects = self.links.suspects.clone();
        pipeline.begin(parcel, &self.links, move |parcel| {
            let start = Instant::now();
            let mut batch = Links::with_fields(&reads, parcel.batch);
            let (rows, reasons): (Vec<u32>, Vec<String>) = suspects.condemned(&batch).into_iter().unzip();
            let condemned = (!rows.is_empty()).then(|| (batch.select(&rows), reasons));
            if condemned.is_some() {
                batch = Arc::new(batch.select(&others(&batch, &rows)));
            }
            let split = keyed.split(&batch, &floors, shards);
            account.busy(start.elapsed());
            Prepared { batch, floors, split, condemned, room: parcel.room }
        });
    }

    fn floors(&self, batch: &Batch) -> Vec<Floor> {
        match &self.watermarks {
            Some(watermarks) => watermarks.floors(batch),
            None => Splitter::open_floors(batch),
        }
    }

    /// Takes a batch in, in its turn.
    async fn take(&mut self, prepared: Prepared, splitter: &Splitter) -> anyhow::Result<()> {
        let Prepared { batch, floors: assumed, mut split, condemned, room, .. } = prepared;
        self.activity.hear();
        if let Some((events, reasons)) = condemned {
            self.links.outlets.bury(&events, &reasons, ENOUGH, &self.links.account).await?;
            self.activity.skip();
        }
        let floors = self.floors(&batch);
        if !holds(&batch, &split, &assumed, &floors) {
            splitter.rest();
            split = self.keyed.split(&batch, &floors, self.shards.len());
        }
        if let Some(watermarks) = &mut self.watermarks {
            watermarks.note(&batch, &floors, self.activity.active());
        }
        let (spans, taken) = (spans(&batch), self.kept.is_some().then(|| Arc::clone(&batch)));
        match AssertUnwindSafe(self.step(Some((batch, split)))).catch_unwind().await {
            Ok(stepped) => stepped?,
            Err(panic) => {
                let message = message(panic.as_ref());
                self.links.suspects.note(&spans, &message);
                anyhow::bail!(message);
            }
        }
        if let (Some(kept), Some(taken)) = (&mut self.kept, taken) {
            kept.push(taken);
        }
        drop(room);
        Ok(())
    }

    /// One step of all shards: takes in what a batch has for them, if there is one, and goes on to the watermark.
    async fn step(&mut self, taken: Option<(Arc<Batch>, Split<AnyPart>)>) -> anyhow::Result<()> {
        let active = self.activity.active();
        let before = self.watermarks.as_ref().map_or(Time::MIN, Watermarks::emitted);
        let watermark = self.watermarks.as_mut().map_or(Time::MIN, |watermarks| watermarks.advance(active));
        self.links.account.watermark(watermark);
        if taken.is_none() && watermark == before {
            return Ok(());
        }
        self.run_shards(taken, watermark).await
    }

    /// The input has ended: whatever is open leaves.
    async fn end(&mut self) -> anyhow::Result<()> {
        if let Some(watermarks) = &mut self.watermarks {
            watermarks.end();
        }
        self.run_shards(None, Time::MAX).await
    }

    async fn run_shards(&mut self, taken: Option<(Arc<Batch>, Split<AnyPart>)>, watermark: Time) -> anyhow::Result<()> {
        let start = Instant::now();
        let (batch, split) = taken.unzip();
        let mut outputs = Outputs::default();
        let parts = match split {
            Some(split) => {
                outputs.absorb(split.absorbed);
                if let Some(batch) = batch.as_deref().filter(|_| !split.late.is_empty()) {
                    outputs.late.push(batch.select(&split.late));
                }
                split.parts
            }
            None => self.shards.no_parts(),
        };
        let yields = self.shards.step(parts, watermark, self.workers).await?;
        let step = Step { batch: batch.as_ref(), yields, watermark, partition: &self.partition };
        self.keyed.gather(step, &mut outputs)?;
        self.links.account.busy(start.elapsed());
        drop(batch);
        self.activity.work();
        self.links.outlets.settle(outputs, Splits::default(), &self.links.account).await?;
        // While it waited for room it could hear nothing.
        self.activity.skip();
        Ok(())
    }

    /// What has changed in its state since this was asked for last.
    pub(crate) fn save(&mut self) -> anyhow::Result<Changes> {
        let mut changes = self.shards.save();
        if let Some(watermarks) = &self.watermarks {
            changes.push((vec![WATERMARKS], Some(watermarks.save()?)));
        }
        Ok(changes)
    }

    /// Drops all state but how far event time has come: what has left does not leave again.
    pub(crate) fn start_anew(&mut self) {
        self.shards = Shards::new(self.keyed.as_ref(), self.shards.len());
    }

    /// Makes a state of batches that another has taken, if that can be done.
    pub(crate) async fn begin_with(&mut self, kept: &Kept) {
        // When they have come by that clock is not known any more.
        if self.watermarks.as_ref().is_some_and(Watermarks::follow_the_clock) {
            return;
        }
        let error = match AssertUnwindSafe(self.warm_up(kept)).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => message(panic.as_ref()),
        };
        let component = self.links.account.component();
        tracing::warn!(%component, error, "No state can be made of the events that were kept; starting anew.");
        self.start_anew();
    }

    /// Makes a state of batches that another has taken. What they bring about has left already, and so nothing leaves.
    async fn warm_up(&mut self, kept: &Kept) -> anyhow::Result<()> {
        let mut watermarks = self.watermarks.as_ref().map(Watermarks::anew);
        for batch in kept.batches() {
            let batch = Links::with_fields(&self.links.reads, Arc::clone(batch));
            let (mut floors, mut watermark) = (Splitter::open_floors(&batch), Time::MIN);
            if let Some(watermarks) = &mut watermarks {
                floors = watermarks.floors(&batch);
                watermarks.note(&batch, &floors, Duration::ZERO);
                watermark = watermarks.advance(Duration::ZERO);
            }
            let split = self.keyed.split(&batch, &floors, self.shards.len());
            self.shards.step(split.parts, watermark, self.workers).await?;
        }
        let reached = self.watermarks.as_ref().map_or(Time::MIN, Watermarks::emitted);
        self.shards.step(self.shards.no_parts(), reached, self.workers).await?;
        Ok(())
    }

    /// Brings back the state that [`save`](Self::save) has handed out.
    pub(crate) fn load(&mut self, state: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> anyhow::Result<()> {
        load(state, &mut self.shards, self.watermarks.as_mut())
    }
}

fn load(
    state: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    shards: &mut Shards,
    mut watermarks: Option<&mut Watermarks>,
) -> anyhow::Result<()> {
    for (key, value) in state {
        match (key.split_first(), &mut watermarks) {
            (Some((&STATE, key)), _) => shards.load(key, &value)?,
            (Some((&WATERMARKS, _)), Some(watermarks)) => watermarks.load(&value)?,
            // A detector that has become one without time, or the other way round: the rest of its state holds.
            _ => {}
        }
    }
    Ok(())
}

/// Whether a component can go on with this state.
///
/// # Errors
/// It can't, and this is why.
pub(crate) fn fits(
    keyed: &dyn AnyKeyed,
    state: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    clock: &Clock,
) -> anyhow::Result<()> {
    let mut watermarks = keyed.timing().map(|timing| Watermarks::new(timing, clock.clone()));
    load(state, &mut Shards::new(keyed, 1), watermarks.as_mut())
}

/// The first byte of the keys under which a component's state is kept: of the watermarks,
const WATERMARKS: u8 = 0;
/// and of what the shards keep.
const STATE: u8 = 1;

/// The key that a component's state is kept for under this one; none of how far time has come.
pub(crate) fn key_of(kept_under: &[u8]) -> Option<&[u8]> {
    kept_under.strip_prefix(&[STATE])
}

/// Of an entry that a component has kept, what another run can go on with.
///
/// # Errors
/// It can't be read.
pub(crate) fn carried((kept_under, state): (Vec<u8>, Vec<u8>)) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let state = if key_of(&kept_under).is_some() { state } else { super::watermarks::carried(&state)? };
    Ok((kept_under, state))
}

/// Whether a split that was made for the floors `assumed` is right for the floors `floors` too.
fn holds(batch: &Batch, split: &Split<AnyPart>, assumed: &[Floor], floors: &[Floor]) -> bool {
    let blocks = batch.blocks().iter().zip(&split.least_end);
    blocks.zip(assumed.iter().zip(floors)).all(|((block, &least_end), (assumed, floor))| {
        let nothing_ahead = block.greatest <= assumed.ahead.min(floor.ahead) || assumed.ahead == floor.ahead;
        let nothing_closed = floor.closed < least_end || assumed.closed == floor.closed;
        nothing_ahead && nothing_closed
    })
}

/// The state of a component, divided by key.
pub(crate) struct Shards {
    /// A shard is away only while it makes a step.
    shards: Vec<Box<dyn AnyShard>>,
    /// How long a step took lately.
    cost: Duration,
}

impl Shards {
    /// A step is shared out among the cores when it takes longer than this: handing it over costs some microseconds.
    const WORTH_SHARING: Duration = Duration::from_micros(100);

    /// `count` shards without any key.
    pub(crate) fn new(keyed: &dyn AnyKeyed, count: usize) -> Self {
        Self { shards: (0..count.max(1)).map(|_| keyed.shard()).collect(), cost: Duration::ZERO }
    }

    fn len(&self) -> usize {
        self.shards.len()
    }

    /// For a step in which no batch comes.
    fn no_parts(&self) -> Vec<Option<AnyPart>> {
        std::iter::repeat_with(|| None).take(self.len()).collect()
    }

    /// One step of each shard.
    async fn step(
        &mut self,
        parts: Vec<Option<AnyPart>>,
        watermark: Time,
        workers: Workers,
    ) -> anyhow::Result<Vec<AnyYield>> {
        let start = Instant::now();
        let result = if self.cost > Self::WORTH_SHARING && self.shards.len() > 1 {
            let mut jobs = Vec::with_capacity(self.shards.len());
            for (mut shard, part) in self.shards.drain(..).zip(parts) {
                jobs.push(workers.spawn(Some(self.cost), move || {
                    let yielded = shard.step(part, watermark);
                    (shard, yielded)
                }));
            }
            let mut yields = Vec::with_capacity(jobs.len());
            for job in jobs {
                let (shard, yielded) = match job.await {
                    Ok(done) => done,
                    // As if it had been made here.
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Err(error) => return Err(error.into()),
                };
                self.shards.push(shard);
                yields.push(yielded?);
            }
            Ok(yields)
        } else {
            self.shards.iter_mut().zip(parts).map(|(shard, part)| shard.step(part, watermark)).collect()
        };
        // A moving average over some eight steps.
        self.cost = (self.cost * 7 + start.elapsed()) / 8;
        result
    }

    fn save(&mut self) -> Changes {
        let mut changes = Changes::new();
        for shard in &mut self.shards {
            shard.save(&mut |key, value| changes.push(([&[STATE], key].concat(), value)));
        }
        changes
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        // There is one at least, and all are of one kind.
        let place = shard_of(self.shards[0].owner(key), self.shards.len());
        self.shards[place].load(key, value)
    }
}
