//! Anomalies and scores of `detect` as events: in the order of time and key, whichever shard they come from.

use std::sync::Arc;

use logd_sdk::{Batch, Body, Columns, Partition, Slot};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::super::events::{derived, row_of, slot, time, value};
use super::super::key;
use super::scores::Scored;
use super::shard::{Told, Yield};

/// Changes of incidents as events. A key has one change at a time.
pub(super) fn anomalies(mut told: Vec<Told>, partition: &Arc<Partition>) -> Batch {
    told.sort_by(|one, other| (one.anomaly.timestamp, &one.name).cmp(&(other.anomaly.timestamp, &other.name)));
    let event = |Told { anomaly, .. }: &Told| {
        row_of(xxh3_64(anomaly.id.as_bytes()), time(anomaly.timestamp), Body::Value(Arc::new(value(anomaly))))
    };
    derived(told.iter().map(event).collect(), partition)
}

/// Every bucket with what was expected of it. A score has its identity from its time, key and field.
pub(super) fn scores(yields: Vec<Yield>, columns: &Arc<Columns>, partition: &Arc<Partition>) -> Batch {
    let mut scored: Vec<Scored> = yields.into_iter().flat_map(|made| made.scored).collect();
    // Stable: the signals of a bucket stay in their order.
    scored.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
    let mut text = String::new();
    let mut rows = Vec::with_capacity(scored.len());
    let mut slots = Vec::with_capacity(scored.len() * columns.len());
    for Scored { name, at, field, score } in &scored {
        let mut hash = Xxh3::new();
        hash.update(&at.0.to_le_bytes());
        hash.update(field.as_bytes());
        hash.update(name);
        rows.push(row_of(hash.digest(), time(*at), Body::Columns));
        slots.extend([Slot::Time(time(*at)), slot(Some(field), &mut text)]);
        slots.extend(key::values(name).map(|value| slot(value, &mut text)));
        let figures = [Some(score.value), score.expected, score.lower, score.upper, score.score];
        slots.extend(figures.map(|figure| figure.map_or(Slot::Null, Slot::Float)));
    }
    let mut batch = derived(rows, partition);
    batch.set_columns(Arc::clone(columns), slots, text);
    batch
}
