//! Transforms with state, kept by key: windows and detectors.
//!
//! The work is in two parts. [`Keyed::split`] runs where the batch is, several batches at once, and does whatever
//! needs no state: it takes out keys and values, and adds up what can be added up. Only its result crosses to the
//! [`Shard`] that owns the key, where [`Shard::step`] takes the batches in order. A shard has no lock and shares
//! nothing; between two batches all shards rest, so that a snapshot or a reload finds a state that is whole.

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::event::{Batch, Partition};
use crate::outputs::Outputs;
use crate::time::Time;

/// What decides, for one block of a batch, which of its events are late: no window may be added to that ends at or
/// before `closed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The watermark of the block's partition before its first event, or the latest that was emitted if that is greater.
    pub closed: Time,
    /// Events after this time are too far ahead to be believed; [`Time::MAX`] where that is not judged.
    pub ahead: Time,
}

/// How a transform deals with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// How far behind its partition's greatest time an event may be.
    pub allowed_lateness: Duration,
    /// After this long without an event a partition no longer holds the others back.
    pub idle_timeout: Duration,
    /// How far ahead of the clock, or of its partition, an event may be; `None` judges nothing.
    pub max_ahead: Option<Duration>,
    /// Whether the watermark is the clock, not the events.
    pub processing_time: bool,
}

/// What [`Keyed::split`] makes of a batch.
#[derive(Debug)]
pub struct Split<P> {
    /// For each shard what concerns it, if anything does.
    pub parts: Vec<Option<P>>,
    /// Rows that came too late, or are too far ahead.
    pub late: Vec<u32>,
    /// For each block, the least end of a window that a row was taken into ([`Time::MAX`] without any): the split
    /// holds for as long as the block's floor is below it. Otherwise the batch is split again.
    pub least_end: Vec<Time>,
    /// How many rows were taken in.
    pub absorbed: u64,
}

impl<P> Split<P> {
    /// Nothing for any of the shards, of a batch with `blocks` blocks.
    #[must_use]
    pub fn empty(shards: usize, blocks: usize) -> Self {
        Self {
            parts: std::iter::repeat_with(|| None).take(shards).collect(),
            late: Vec::new(),
            least_end: vec![Time::MAX; blocks],
            absorbed: 0,
        }
    }
}

/// A transform with state by key: what all its shards share.
pub trait Keyed: Send + Sync + 'static {
    /// What of one batch concerns one shard.
    type Part: Send + 'static;
    /// The state of a share of the keys.
    type Shard: Shard<Part = Self::Part>;

    /// How it deals with time; `None` where events are taken as they come.
    fn timing(&self) -> Option<Timing> {
        None
    }

    /// Splits a batch among `shards` shards, by [`shard_of`]. Called for several batches at once, in any order.
    /// `floors` has one for each block. The batch has the columns that the component's settings say it
    /// [reads](crate::Settings::reads).
    fn split(&self, batch: &Batch, floors: &[Floor], shards: usize) -> Split<Self::Part>;

    /// A shard without any key.
    fn shard(&self) -> Self::Shard;

    /// What its states are of, as a hash of the settings that they depend on: it can't go on with a state of another.
    fn fingerprint(&self) -> u64 {
        0
    }

    /// Puts together what the shards made in one step, in an order that does not depend on their number. `batch` is
    /// what came in, if anything did; `made_by` the partition that derived events belong to.
    fn gather(&self, step: Step<'_, <Self::Shard as Shard>::Yield>, out: &mut Outputs);
}

/// What is known of one key, for whoever asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The key in one word, as metrics have it: its values, with commas between them.
    pub key: String,
    /// What is known, in a line.
    pub words: String,
    /// The same in figures, each under its name.
    pub figures: serde_json::Value,
}

/// What one step has made.
#[derive(Debug)]
pub struct Step<'s, Y> {
    /// The batch that came in, if one did.
    pub batch: Option<&'s Arc<Batch>>,
    /// What each shard made.
    pub yields: Vec<Y>,
    /// The watermark after the step: [`Time::MAX`] at the end of all input.
    pub watermark: Time,
    /// What derived events belong to.
    pub partition: &'s Arc<Partition>,
}

/// Takes the state of one key: `None` where the key is gone.
pub type Save<'s> = dyn FnMut(&[u8], Option<Vec<u8>>) + 's;

/// The state of a share of the keys. All calls come in order.
pub trait Shard: Send + 'static {
    /// What of one batch concerns it.
    type Part: Send + 'static;
    /// What a step makes.
    type Yield: Send + 'static;

    /// Takes a part in, if there is one, then goes on to the watermark.
    fn step(&mut self, part: Option<Self::Part>, watermark: Time) -> Self::Yield;

    /// Hands the state of each key that changed since the last call to `save`: `None` where the key is gone. The
    /// states are encoded by [`snapshot::encode`](crate::snapshot::encode), keys are those of [`shard_of`], or what
    /// [`owner`](Self::owner) makes them of.
    fn save(&mut self, save: &mut Save<'_>);

    /// The key that something was saved of. A shard that keeps several states of one key, so that what changes seldom is
    /// not written with what changes often, puts behind the key which of them it is: they are kept side by side so.
    #[must_use]
    fn owner(saved: &[u8]) -> &[u8]
    where
        Self: Sized,
    {
        saved
    }

    /// Takes back what `save` has handed out for one key.
    ///
    /// # Errors
    /// The state can't be read.
    fn load(&mut self, key: &[u8], state: &[u8]) -> anyhow::Result<()>;

    /// Says what it knows of a key, which it has; nothing where there is no more to say than its size.
    fn describe(&self, key: &[u8]) -> Option<Description> {
        let _ = key;
        None
    }
}

/// Which of `shards` shards a key belongs to: the same in every run.
#[must_use]
pub fn shard_of(key: &[u8], shards: usize) -> usize {
    if shards <= 1 {
        return 0;
    }
    // The remainder is below `shards`.
    usize::try_from(xxh3_64(key) % shards as u64).unwrap_or(0)
}
