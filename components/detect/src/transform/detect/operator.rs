//! `detect` as a keyed transform: folds batches into buckets for the shards, and gathers what they found.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;
use logd_sdk::condition::{Condition, Reads};
use logd_sdk::keyed::{Floor, Keyed, Split, Step, Timing, shard_of};
use logd_sdk::{Batch, Columns, Context, Outputs, Port, Time};
use vrl::path::OwnedValuePath;

use super::super::gauges::Series;
use super::super::key::{self, GroupBy};
use super::super::keyed::{EVICTED, Errors};
use super::super::settings::score_columns;
use super::events;
use super::related::relate;
use super::samples::{Candidates, Samples};
use super::settings::DetectSettings;
use super::shard::{Shard, Shared, Yield};
use crate::explain::Measure;
use crate::incident::Identity;
use crate::max_keys::MaxKeys;
use crate::signals::{Bucket, Watch};
use crate::window::{Panes, assign};

/// Where changes of incidents leave.
const ANOMALIES: Port = Port(1);

/// Where every bucket leaves with what was expected of it.
const SCORES: Port = Port(2);

/// The `detect` transform.
pub(crate) struct Detect {
    shared: Arc<Shared>,
    timing: Timing,
    panes: Panes,
    fields: Places,
    /// Which events are errors, and which say that something was deployed.
    error: Option<Arc<dyn Condition>>,
    marker: Option<Arc<dyn Condition>>,
    /// All that is read.
    reads: Arc<Columns>,
    /// The fields of a score.
    scores: Arc<Columns>,
    max_keys: MaxKeys,
}

/// Where an event says what.
struct Places {
    latency: Option<OwnedValuePath>,
    count: Option<OwnedValuePath>,
    error_rate: Option<OwnedValuePath>,
}

/// What one batch has for one shard.
pub(crate) struct Part {
    /// What happened, by key and bucket.
    pub(super) buckets: Vec<Folded>,
    /// How many keys the shard may keep.
    pub(super) capacity: usize,
    /// The rows that are late, told by one of the parts: they do not go on.
    pub(super) late: Vec<u32>,
    /// What was wrong with values, told by one of the parts.
    pub(super) errors: Errors,
}

/// What happened in one bucket of one key.
pub(super) struct Folded {
    /// The key's bytes.
    pub(super) key: Arc<[u8]>,
    /// When the bucket ends.
    pub(super) end: Time,
    /// The latest time of its events.
    pub(super) newest: Time,
    pub(super) bucket: Bucket,
    pub(super) samples: Samples,
}

impl Detect {
    /// Builds it.
    pub(super) fn new(settings: &DetectSettings, context: &Context) -> anyhow::Result<Self> {
        let (pipeline, component) = (context.id.pipeline(), context.id.id());
        let compile = |source: &Option<String>| {
            let compiled = source.as_deref().map(|source| context.conditions.compile(source));
            compiled.transpose().map_err(|faults| {
                let messages: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
                anyhow!("a condition does not compile: {}", messages.join("; "))
            })
        };
        let path = |field: &Option<logd_sdk::settings::FieldPath>| field.as_ref().map(|field| field.path().clone());
        let latency = settings.fields.latency.as_ref().map(key::name).unwrap_or_default();
        let identity =
            Identity { pipeline: pipeline.to_owned(), component: component.to_owned(), field: latency.to_owned() };
        let measure = Measure::of_field(latency, "");
        let size = i64::try_from(settings.bucket.as_micros())?;
        let (error, marker) = (compile(&settings.fields.error)?, compile(&settings.deploy_marker)?);
        let mut reads: Vec<_> = settings.read_fields().collect();
        for condition in [&error, &marker].into_iter().flatten() {
            if let Reads::Fields(fields) = condition.reads() {
                reads.extend(fields.iter().cloned());
            }
        }
        Ok(Self {
            shared: Arc::new(Shared {
                watch: Watch::new(&settings.signals(), settings.cooldown.into(), identity, measure),
                group_by: GroupBy::new(&settings.group_by),
                series: Series::of_signals(context, settings.max_series),
                samples: settings.samples,
                fingerprint: settings.fingerprint(),
            }),
            timing: Timing {
                allowed_lateness: settings.allowed_lateness.into(),
                idle_timeout: settings.idle_timeout.into(),
                max_ahead: Some(settings.max_ahead.into()),
                processing_time: false,
            },
            panes: Panes { size, slide: size },
            fields: Places {
                latency: path(&settings.fields.latency),
                count: path(&settings.fields.count),
                error_rate: path(&settings.fields.error_rate),
            },
            error,
            marker,
            reads: Columns::new(reads),
            scores: score_columns(&settings.group_by),
            max_keys: MaxKeys::new(&context.id, settings.max_keys),
        })
    }

    /// Folds the rows into buckets with their samples; `cell_of` says which one each row belongs to.
    fn fold(&self, batch: &Batch, cell_of: &[u32], cells: usize, errors: &mut Errors) -> Vec<(Bucket, Samples)> {
        let mut folded = vec![(Bucket::default(), Candidates::default()); cells];
        let mut failures = 0;
        let mut ask = |condition: &Option<Arc<dyn Condition>>| {
            let mut answers = Vec::new();
            failures += condition.as_ref().map_or(0, |condition| condition.test(batch, &mut answers));
            answers
        };
        let (failed, marked) = (ask(&self.error), ask(&self.marker));
        let place = |path: &Option<OwnedValuePath>| path.as_ref().and_then(|path| batch.columns().find(path));
        let (latency, count, error_rate) =
            (place(&self.fields.latency), place(&self.fields.count), place(&self.fields.error_rate));
        let number = |row: usize, column: Option<usize>| column.and_then(|column| batch.field(row, column).number());
        let of_windows = self.fields.count.is_some();
        for (row, &cell) in cell_of.iter().enumerate() {
            let Some((bucket, candidates)) = folded.get_mut(cell as usize) else { continue };
            let latency = number(row, latency);
            let failed = if of_windows {
                let events = whole(number(row, count));
                let share = number(row, error_rate).filter(|share| (0.0..=1.0).contains(share)).unwrap_or(0.0);
                let errors = whole(Some((share * events as f64).round()));
                bucket.add_many(events, latency, errors);
                errors > 0
            } else {
                let failed = failed.get(row).copied().unwrap_or(false);
                bucket.add(latency, failed);
                failed
            };
            candidates.offer(batch, row, latency, failed, self.shared.samples);
            if marked.get(row).copied().unwrap_or(false) {
                bucket.mark();
            }
        }
        errors.insert("condition_failed", failures);
        errors.insert("unusable_latency", folded.iter().map(|(bucket, _)| bucket.unusable()).sum());
        folded.into_iter().map(|(bucket, candidates)| (bucket, candidates.keep(batch))).collect()
    }
}

/// A number of events; what is none, or negative, is 0.
fn whole(number: Option<f64>) -> u64 {
    // A float is cut to the integer's limits, and NaN is 0.
    number.map_or(0, |number| number as u64)
}

impl Keyed for Detect {
    type Part = Part;
    type Shard = Shard;

    fn timing(&self) -> Option<Timing> {
        Some(self.timing)
    }

    fn split(&self, batch: &Batch, floors: &[Floor], shards: usize) -> Split<Part> {
        let mut split = Split::empty(0, batch.blocks().len());
        let capacity = self.max_keys.of_shard(shards);
        let part = || Part { buckets: Vec::new(), capacity, late: Vec::new(), errors: BTreeMap::new() };
        let mut parts: Vec<Part> = std::iter::repeat_with(part).take(shards.max(1)).collect();
        // A condition that reads the whole event names no fields, and then nobody has taken ours out.
        let batch = &*batch.with_fields(&self.reads);
        let group_by = self.shared.group_by.places(batch);
        let write_key = |row: usize, key: &mut Vec<u8>| group_by.write(batch, row, key);
        let assigned = assign(batch, floors, write_key, self.panes, self.timing.allowed_lateness, None);
        let folded = self.fold(batch, &assigned.cell_of, assigned.cells.len(), &mut parts[0].errors);
        for (cell, (bucket, samples)) in assigned.cells.into_iter().zip(folded) {
            let key = &assigned.keys[cell.key];
            let folded = Folded { key: key.into(), end: cell.span.first, newest: cell.newest, bucket, samples };
            parts[shard_of(key, shards)].buckets.push(folded);
        }
        parts[0].late = assigned.late.clone();
        split.parts = parts.into_iter().map(Some).collect();
        split.late = assigned.late;
        split.least_end = assigned.least_end;
        split
    }

    fn shard(&self) -> Shard {
        Shard::new(Arc::clone(&self.shared))
    }

    fn fingerprint(&self) -> u64 {
        self.shared.fingerprint
    }

    fn gather(&self, mut step: Step<'_, Yield>, out: &mut Outputs) {
        let (mut told, mut incidents, mut open, mut evicted) = (Vec::new(), BTreeMap::new(), 0, 0);
        let mut late = Vec::new();
        for made in &mut step.yields {
            told.append(&mut made.told);
            incidents.append(&mut made.incidents);
            late.append(&mut made.late);
            open += made.open;
            evicted += made.errors.get(EVICTED).copied().unwrap_or(0);
            made.errors.iter().for_each(|(kind, &count)| out.error(kind, count));
        }
        self.max_keys.note(evicted, "forgotten");
        self.shared.series.total.set_open(open);
        if let Some(batch) = step.batch {
            send(batch, &late, out);
        }
        if !told.is_empty() {
            relate(&mut told, &incidents, &self.shared.group_by);
            out.make(ANOMALIES, events::anomalies(told, step.partition));
        }
        if step.yields.iter().any(|made| !made.scored.is_empty()) {
            out.make(SCORES, events::scores(step.yields, &self.scores, step.partition));
        }
    }
}

/// Sends the batch on, but for the rows that are late.
fn send(batch: &Arc<Batch>, late: &[u32], out: &mut Outputs) {
    if late.is_empty() {
        return out.send(Port::MAIN, Arc::clone(batch));
    }
    let mut late = late.iter().copied().peekable();
    // Both are in the order of the rows, of which a batch has no more than 32 bits can count.
    let in_time: Vec<u32> = (0..batch.len() as u32).filter(|row| late.next_if_eq(row).is_none()).collect();
    out.send(Port::MAIN, batch.select(&in_time));
}
