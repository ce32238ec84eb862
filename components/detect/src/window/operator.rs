//! The window as a keyed transform: splits batches into parts for the shards, and gathers what they emit.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use logd_sdk::keyed::{Floor, Keyed, Split, Step, Timing, shard_of};
use logd_sdk::{Batch, Context, Outputs, Port, Time};

use super::aggregate::{Rows, State};
use super::assign::assign;
use super::panes::Span;
use super::recipe::Recipe;
use super::settings::{self, WindowSettings};
use super::shard::{Closed, Shard};
use super::tuple;
use crate::max_keys::MaxKeys;

/// No watermark that can have been told: something is told at the first step, so that those downstream know of the
/// partition before its first event.
const UNTOLD: i64 = i64::MIN + 1;

/// The `window` transform.
pub struct Window {
    pub(super) recipe: Arc<Recipe>,
    timing: Timing,
    clock: logd_sdk::Clock,
    /// The watermark that was told downstream, in microseconds.
    told: AtomicI64,
    max_keys: MaxKeys,
}

/// What one batch has for one shard.
#[derive(Debug)]
pub struct Part {
    /// How many keys the shard may keep.
    pub(super) capacity: usize,
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
            told: AtomicI64::new(UNTOLD),
            max_keys: MaxKeys::new(&context.id, settings.max_keys),
        })
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
        // A condition that reads the whole event names no fields, and then nobody has taken ours out.
        let batch = &*batch.with_fields(&self.recipe.reads);
        let group_by = self.recipe.group_columns(batch);
        let now = self.timing.processing_time.then(|| self.clock.now());
        let write_key = |row: usize, key: &mut Vec<u8>| {
            for column in &group_by {
                tuple::write_short(batch.field_if(row, *column), key);
            }
        };
        let assigned = assign(batch, floors, write_key, self.recipe.panes, self.timing.allowed_lateness, now);

        let rows = Rows { batch, cell_of: &assigned.cell_of, cells: assigned.cells.len() };
        let mut failures = 0;
        let aggregates = self.recipe.aggregates.iter();
        let mut states: Vec<_> = aggregates.map(|aggregate| aggregate.fold(&rows, &mut failures).into_iter()).collect();
        let capacity = self.max_keys.of_shard(shards);
        let part = || Part { capacity, failures: 0, cells: Vec::new() };
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

    fn gather(&self, step: Step<'_, Yield>, out: &mut Outputs) {
        let mut closed = Vec::new();
        self.max_keys.note(step.yields.iter().map(|shard| shard.evicted).sum(), "given up");
        for shard in step.yields {
            out.error("key_evicted", shard.evicted);
            out.error("condition_failed", shard.failures);
            closed.extend(shard.closed);
        }
        closed.sort_unstable_by(|one, other| (one.end, &one.key).cmp(&(other.end, &other.key)));
        let watermark = step.watermark.as_micros();
        let moved = self.told.swap(watermark, Ordering::Relaxed) != watermark;
        if moved || !closed.is_empty() {
            out.make(Port::MAIN, self.recipe.results(&closed, step.partition, step.watermark));
        }
    }
}
