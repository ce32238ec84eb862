//! The window as a keyed transform: splits batches into parts for the shards, and gathers what they emit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bytes::Bytes;
use logd_sdk::keyed::{Description, Floor, Keyed, Split, Step, Timing, shard_of};
use logd_sdk::{Batch, Block, Body, Columns, ComponentId, Context, Field, Outputs, Partition, Port, Row, Slot, Time};
use xxhash_rust::xxh3::Xxh3;

use super::aggregate::{Rows, State};
use super::assign::assign;
use super::panes::Span;
use super::recipe::Recipe;
use super::settings::{self, WindowSettings};
use super::shard::{Closed, Shard};
use super::tuple;

/// No watermark that can have been told: something is told at the first step, so that those downstream know of the
/// partition before its first event.
const UNTOLD: i64 = i64::MIN + 1;

/// The `window` transform.
pub struct Window {
    pub(super) recipe: Arc<Recipe>,
    timing: Timing,
    clock: logd_sdk::Clock,
    /// The fields of a result.
    columns: Arc<Columns>,
    /// The watermark that was told downstream, in microseconds.
    told: AtomicI64,
    /// Its name.
    id: ComponentId,
    /// Whether it has been said that there are too many keys: it goes on for as long as there are, and is counted.
    has_evicted: AtomicBool,
}

/// What one batch has for one shard.
#[derive(Debug)]
pub struct Part {
    /// How many shards there are, to share `max_keys` among them.
    pub(super) shards: usize,
    /// How many events a condition failed on.
    pub(super) failures: u64,
    /// What was folded, by key and windows.
    pub(super) cells: Vec<Folded>,
}

/// Events of one key that belong to the same windows, folded.
#[derive(Debug)]
pub(super) struct Folded {
    /// The key's bytes.
    pub(super) key: Arc<[u8]>,
    /// Their windows.
    pub(super) span: Span,
    /// The latest time of the events.
    pub(super) newest: Time,
    /// What is kept of them, for each aggregate.
    pub(super) states: Box<[State]>,
}

/// What one shard has made in one step.
#[derive(Debug, Default)]
pub struct Yield {
    /// The windows that have closed.
    pub(super) closed: Vec<Closed>,
    /// How many keys were given up, for there were too many.
    pub(super) evicted: u64,
    /// How many events a condition failed on.
    pub(super) failures: u64,
}

impl Window {
    /// Builds it.
    pub(super) fn new(settings: &WindowSettings, context: &Context) -> anyhow::Result<Self> {
        Ok(Self {
            recipe: Arc::new(Recipe::new(settings, context)?),
            timing: Timing {
                allowed_lateness: settings.allowed_lateness.into(),
                idle_timeout: settings.idle_timeout.into(),
                max_ahead: Some(settings.max_ahead.into()),
                processing_time: settings.clock == settings::Clock::Processing,
            },
            clock: context.clock.clone(),
            columns: Columns::new(Recipe::fields(settings)),
            told: AtomicI64::new(UNTOLD),
            id: context.id.clone(),
            has_evicted: AtomicBool::new(false),
        })
    }

    /// The results as events, sorted by (window end, key).
    pub(super) fn results(&self, closed: &[Closed], partition: &Arc<Partition>, watermark: Time) -> Batch {
        let mut block = Block::new(Bytes::new(), Arc::clone(partition));
        block.greatest = watermark;
        let mut rows = Vec::with_capacity(closed.len());
        let mut slots = Vec::with_capacity(closed.len() * self.columns.len());
        // The name stands in the text once, and all results point there. No setting has four gigabytes.
        let mut text = self.recipe.samples.clone().unwrap_or_default();
        let samples = Slot::Text { start: 0, end: u32::try_from(text.len()).unwrap_or(0) };
        let samples = self.recipe.samples.as_ref().map(|_| samples);
        for Closed { end, key, results } in closed {
            let start = self.recipe.panes.window_start(*end);
            let mut hash = Xxh3::new();
            hash.update(&start.as_micros().to_le_bytes());
            hash.update(&end.as_micros().to_le_bytes());
            hash.update(key);
            // The last moment of the window: a window over windows puts it where its events were.
            let time = Time::from_micros(end.as_micros().saturating_sub(1));
            let position = hash.digest();
            rows.push(Row { block: 0, start: 0, end: 0, position, time, seen: time, body: Body::Columns });
            let (mut key, mut results) = (&key[..], &results[..]);
            slots.extend(self.recipe.group_by.iter().map(|_| tuple::read(&mut key, &mut text)));
            slots.extend([Slot::Time(start), Slot::Time(*end)]);
            slots.extend(samples.clone());
            slots.extend(self.recipe.aggregates.iter().map(|_| tuple::read(&mut results, &mut text)));
        }
        let mut batch = Batch::new(block, rows);
        batch.set_columns(Arc::clone(&self.columns), slots, text);
        batch
    }
}

impl Keyed for Window {
    type Part = Part;
    type Shard = Shard;

    fn timing(&self) -> Option<Timing> {
        Some(self.timing)
    }

    fn split(&self, batch: &Batch, floors: &[Floor], shards: usize) -> Split<Part> {
        let mut split = Split::empty(shards, batch.blocks().len());
        if batch.is_empty() {
            return split;
        }
        let widened;
        let batch = if batch.columns().contains(&self.recipe.reads) {
            batch
        } else {
            // A condition that reads the whole event names no fields, and then nobody has taken ours out.
            widened = {
                let mut batch = batch.clone();
                batch.require(&self.recipe.reads);
                batch
            };
            &widened
        };
        let group_by = self.recipe.group_columns(batch);
        let lateness = i64::try_from(self.timing.allowed_lateness.as_micros()).unwrap_or(i64::MAX);
        let now = self.timing.processing_time.then(|| self.clock.now());
        let write_key = |row: usize, key: &mut Vec<u8>| {
            for column in &group_by {
                tuple::write_short(column.map_or(Field::Missing, |column| batch.field(row, column)), key);
            }
        };
        let assigned = assign(batch, floors, write_key, self.recipe.panes, lateness, now);

        let rows = Rows { batch, cell_of: &assigned.cell_of, cells: assigned.cells.len() };
        let mut failures = 0;
        let aggregates = self.recipe.aggregates.iter();
        let mut states: Vec<_> = aggregates.map(|aggregate| aggregate.fold(&rows, &mut failures).into_iter()).collect();
        let part = || Part { shards, failures: 0, cells: Vec::new() };
        for cell in assigned.cells {
            let key = &assigned.keys[cell.key];
            let states = states.iter_mut().filter_map(Iterator::next).collect();
            let folded = Folded { key: key.into(), span: cell.span, newest: cell.newest, states };
            split.parts[shard_of(key, shards)].get_or_insert_with(part).cells.push(folded);
        }
        if let (1.., Some(first)) = (failures, split.parts.first_mut()) {
            first.get_or_insert_with(part).failures = failures;
        }
        split.absorbed = (batch.len() - assigned.late.len()) as u64;
        split.late = assigned.late;
        split.least_end = assigned.least_end;
        split
    }

    fn shard(&self) -> Shard {
        Shard::new(Arc::clone(&self.recipe))
    }

    fn fingerprint(&self) -> u64 {
        self.recipe.fingerprint
    }

    fn describe(&self, key: &[u8], state: &[u8]) -> anyhow::Result<Option<Description>> {
        self.described(key, state).map(Some)
    }

    fn gather(&self, step: Step<'_, Yield>, out: &mut Outputs) {
        let mut closed = Vec::new();
        if step.yields.iter().any(|shard| shard.evicted > 0) && !self.has_evicted.swap(true, Ordering::Relaxed) {
            let (component, limit) = (&self.id, self.recipe.max_keys);
            tracing::warn!(%component, limit, "There are more keys than `max_keys`; the oldest are given up and counted.");
        }
        for shard in step.yields {
            out.error("key_evicted", shard.evicted);
            out.error("condition_failed", shard.failures);
            closed.extend(shard.closed);
        }
        closed.sort_unstable_by(|one, other| (one.end, &one.key).cmp(&(other.end, &other.key)));
        let watermark = step.watermark.as_micros();
        let moved = self.told.swap(watermark, Ordering::Relaxed) != watermark;
        if moved || !closed.is_empty() {
            out.make(Port::MAIN, self.results(&closed, step.partition, step.watermark));
        }
    }
}
