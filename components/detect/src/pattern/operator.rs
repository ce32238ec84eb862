//! `pattern` as a keyed transform: splits batches into lines for the shards, and gathers what they found.
//!
//! What needs no state is done in the split, several batches at once: keys, masks, and which bucket an event counts in.

use std::sync::Arc;

use logd_sdk::keyed::{Floor, Keyed, Split, Step, Timing};
use logd_sdk::meters::Meters;
use logd_sdk::{Batch, Context, Field, Outputs, Partition, Port, Row, Time};
use vrl::path::OwnedValuePath;
use xxhash_rust::xxh3::xxh3_64;

use super::label::Label;
use super::mine::{beginning, normalize};
use super::own_masks::OwnMasks;
use super::rate::BUCKET;
use super::settings::Plan;
use super::shard::{Line, Part, Shard, Shared, Yield};
use super::tell::Teller;
use super::watch::Limits;
use crate::incident::{Anomaly, Identity};
use crate::max_keys::MaxKeys;
use crate::time::Micros;
use crate::transform::events::{derived, row_of, time, value};
use crate::transform::gauges;
use crate::transform::key::{self, GroupBy, Known};
use crate::window::Floors;

/// Where changes of incidents leave.
const ANOMALIES: Port = Port(1);

/// A sample has so many bytes at most.
const LONGEST_SAMPLE: usize = 512;

/// The transform `pattern`.
pub(crate) struct Patterns {
    shared: Arc<Shared>,
    timing: Timing,
    label: Label,
    /// The field with the line.
    field: OwnedValuePath,
    own_masks: OwnMasks,
    default_masks: bool,
    meters: Meters,
    max_keys: MaxKeys,
}

impl Patterns {
    /// Builds it.
    pub(super) fn new(plan: &Plan<'_>, context: &Context) -> anyhow::Result<Self> {
        let (pipeline, component) = (context.id.pipeline().to_owned(), context.id.id().to_owned());
        let identity = Identity { pipeline, component, field: key::name(plan.field).to_owned() };
        let learn = plan.learn.as_micros().div_ceil(BUCKET.unsigned_abs().into());
        Ok(Self {
            shared: Arc::new(Shared {
                teller: Teller { identity, id_field: plan.fields[1].to_owned() },
                group_by: GroupBy::new(plan.group_by),
                limits: Limits { templates: plan.max_templates, learn: i64::try_from(learn).unwrap_or(i64::MAX) },
                fingerprint: plan.fingerprint,
            }),
            timing: Timing {
                allowed_lateness: plan.allowed_lateness,
                idle_timeout: plan.idle_timeout,
                max_ahead: Some(plan.max_ahead),
                processing_time: false,
            },
            label: Label::new(plan.fields),
            field: plan.field.path().clone(),
            own_masks: OwnMasks::new(plan.masks)?,
            default_masks: plan.default_masks,
            meters: context.meters.clone(),
            max_keys: MaxKeys::new(&context.id, plan.max_keys),
        })
    }

    /// The bucket that the row counts in, if it is not late for it.
    fn bucket(row: &Row, floors: &mut Floors) -> Option<i64> {
        let floor = floors.judge(row)?;
        let bucket = row.time.as_micros().div_euclid(BUCKET);
        (end_of(bucket) > floor).then_some(bucket)
    }

    /// Changes of incidents as events.
    fn anomalies(told: &[(Arc<[u8]>, Anomaly)], partition: &Arc<Partition>) -> Batch {
        let row = |(_, anomaly): &(Arc<[u8]>, Anomaly)| {
            let body = logd_sdk::Body::Value(Arc::new(value(anomaly)));
            row_of(xxh3_64(anomaly.id.as_bytes()), time(anomaly.timestamp), body)
        };
        derived(told.iter().map(row).collect(), partition)
    }

    /// Counts incidents that open, by the key of `group_by`.
    fn meter(&self, told: &[(Arc<[u8]>, Anomaly)]) {
        for (name, anomaly) in told {
            gauges::count(&self.meters, &anomaly.detector, &key::label(&self.shared.group_by.key(name)), anomaly);
        }
    }
}

/// The first moment after a bucket.
fn end_of(bucket: i64) -> Time {
    Time::from_micros(bucket.saturating_add(1).saturating_mul(BUCKET))
}

impl Keyed for Patterns {
    type Part = Part;
    type Shard = Shard;

    fn timing(&self) -> Option<Timing> {
        Some(self.timing)
    }

    fn split(&self, batch: &Batch, floors: &[Floor], shards: usize) -> Split<Part> {
        let mut split = Split::empty(shards, batch.blocks().len());
        let Some(column) = batch.columns().find(&self.field) else { return split };
        let mut floors = Floors::new(batch, floors, self.timing.allowed_lateness);
        let group_by = self.shared.group_by.places(batch);
        let capacity = self.max_keys.of_shard(shards);
        let part = || Part { capacity, keys: Vec::new(), lines: Vec::new(), text: String::new() };
        let mut known = Known::default();
        for (place, row) in (0..).zip(batch.rows()) {
            let index = place as usize;
            let bucket = Self::bucket(row, &mut floors);
            let Field::Text(line) = batch.field(index, column) else { continue };
            let (shard, key) = known
                .find(&group_by, batch, index, shards, |shard| &mut split.parts[shard].get_or_insert_with(part).keys);
            let Part { lines, text, .. } = split.parts[shard].get_or_insert_with(part);
            let start = text.len();
            normalize(&self.own_masks.apply(beginning(line)), self.default_masks, text);
            let middle = text.len();
            text.push_str(&line[..line.floor_char_boundary(LONGEST_SAMPLE)]);
            let at = Micros(row.time.as_micros());
            lines.push(Line { row: place, key, bucket, at, normal: start..middle, raw: middle..text.len() });
            if let (Some(bucket), Some(least)) = (bucket, split.least_end.get_mut(row.block as usize)) {
                *least = end_of(bucket).min(*least);
            }
        }
        split
    }

    fn shard(&self) -> Shard {
        Shard::new(Arc::clone(&self.shared))
    }

    fn fingerprint(&self) -> u64 {
        self.shared.fingerprint
    }

    fn gather(&self, mut step: Step<'_, Yield>, out: &mut Outputs) {
        let sum = |count: fn(&Yield) -> u64| step.yields.iter().map(count).sum::<u64>();
        let (keys_evicted, labelled) = (sum(|made| made.keys_evicted), sum(|made| made.rows.len() as u64));
        out.error("key_evicted", keys_evicted);
        out.error("template_evicted", sum(|made| made.templates_evicted));
        out.error("late", sum(|made| made.late));
        out.error("uncounted", sum(|made| made.uncounted));
        self.max_keys.note(keys_evicted, "forgotten");
        let open = step.yields.iter().map(|made| made.open).sum::<usize>();
        // Registered each time: it is set seldom, and may have been removed since.
        self.meters.gauge("logd_incidents_open", &[]).set(open as f64);
        if let Some(batch) = step.batch {
            out.error("missing", batch.len() as u64 - labelled);
            out.send(Port::MAIN, self.label.apply(batch, &step.yields));
        }
        let mut told: Vec<_> = step.yields.iter_mut().flat_map(|made| std::mem::take(&mut made.told)).collect();
        // The sort is stable: what was told of one key at one time stays in its order.
        told.sort_by(|(key, anomaly), (other_key, other)| (anomaly.timestamp, key).cmp(&(other.timestamp, other_key)));
        if !told.is_empty() {
            self.meter(&told);
            out.make(ANOMALIES, Self::anomalies(&told, step.partition));
        }
    }
}
