//! Anomalies and scores as events.
//!
//! Anomalies are rare and nested: each is a value. Scores are as many as points and flat: they are columns, and cost no
//! allocation each. Both have identities that come out the same in a replay.

use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::{Batch, Block, Body, Columns, Field, Partition, Row, Slot, Time};
use vrl::value::Value;
use vrl::{owned_value_path, path};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::key;
use super::keyed::{Scored, Told, Yield};
use super::settings;
use crate::explain::Account;
use crate::incident::{Anomaly, State};
use crate::time::Micros;

/// Changes of incidents as events, in the order of the rows that brought them, then of time and key. The sort is
/// stable: what was told of one key stays in its order.
pub(super) fn anomalies(mut told: Vec<Told>, batch: &Batch, partition: &Arc<Partition>) -> Batch {
    told.sort_by(|one, other| {
        let (Told { row, anomaly, .. }, Told { row: other_row, anomaly: other, .. }) = (one, other);
        let order = (row, anomaly.timestamp).cmp(&(other_row, other.timestamp));
        order.then_with(|| anomaly.key.iter().cmp(other.key.iter()))
    });
    let column = batch.columns().find(&settings::window_samples());
    let event = |Told { row, anomaly, .. }: &Told| {
        let mut event = value(anomaly);
        event.insert(path!("samples"), Value::Array(samples(anomaly, batch, *row as usize, column)));
        row_of(xxh3_64(anomaly.id.as_bytes()), time(anomaly.timestamp), Body::Value(Arc::new(event)))
    };
    derived(told.iter().map(event).collect(), partition)
}

/// The anomaly as a value, with times that are times; and beside it the rule as a formula, and what would have been quiet,
/// for those who have nothing that computes them from the evidence.
pub(crate) fn value(anomaly: &Anomaly) -> Value {
    // It has only text for keys, the one thing that could not be said in JSON.
    let mut value = Value::from(serde_json::to_value(anomaly).unwrap_or_default());
    let Account { rule, quiet, .. } = Account::of(anomaly);
    value.insert(path!("rule"), Value::from(rule));
    value.insert(path!("quiet"), quiet.into_iter().map(Value::from).collect::<Vec<_>>());
    for (path, moment) in [
        (owned_value_path!("timestamp"), anomaly.timestamp),
        (owned_value_path!("since"), anomaly.since),
        (owned_value_path!("window", "start"), anomaly.window.start),
        (owned_value_path!("window", "end"), anomaly.window.end),
        (owned_value_path!("peak", "timestamp"), anomaly.peak.timestamp),
    ] {
        if let Some(moment) = time(moment).to_chrono() {
            value.insert(&path, Value::Timestamp(moment));
        }
    }
    value
}

/// The events behind an anomaly: those that its window has kept in the field that `column` names, or the one event that
/// it is of. The end of an incident is shown by none.
fn samples(anomaly: &Anomaly, batch: &Batch, row: usize, column: Option<usize>) -> Vec<Value> {
    if anomaly.state == State::Resolved || row >= batch.len() {
        return Vec::new();
    }
    if anomaly.window.start == anomaly.window.end {
        return vec![batch.value(row)];
    }
    let Some(Field::Text(name)) = column.map(|column| batch.field(row, column)) else { return Vec::new() };
    // Anomalies are rare: it costs nothing to look at the whole event, in which any field can be found.
    match batch.value(row).remove(path!(name), false) {
        Some(Value::Array(samples)) => samples,
        _ => Vec::new(),
    }
}

/// Every point with what was expected of it, in the order of the rows. A row's score has its identity from the row.
pub(super) fn scores(
    yields: &[Yield],
    columns: &Arc<Columns>,
    field: &str,
    batch: &Batch,
    partition: &Arc<Partition>,
) -> Batch {
    // The field and each key stand in the text once, and all scores point there.
    let mut text = String::new();
    let field = slot(Some(field), &mut text);
    let keys: Vec<Vec<Vec<Slot>>> = yields
        .iter()
        .map(|made| {
            made.keys.iter().map(|name| key::values(name).map(|value| slot(value, &mut text)).collect()).collect()
        })
        .collect();
    let mut scored: Vec<(&Scored, &[Slot])> = Vec::with_capacity(batch.len());
    for (made, keys) in yields.iter().zip(&keys) {
        scored.extend(made.scored.iter().map(|scored| (scored, &keys[scored.key as usize][..])));
    }
    // One run for each shard: the sort does no more than merge them.
    scored.sort_by_key(|(scored, _)| scored.row);
    let mut rows = Vec::with_capacity(scored.len());
    let mut slots = Vec::with_capacity(scored.len() * columns.len());
    for (Scored { row, at, score, .. }, key) in scored {
        let parent = &batch.rows()[*row as usize];
        let origin = batch.blocks()[parent.block as usize].partition.hash();
        rows.push(row_of(xxh3_64_with_seed(&parent.position.to_le_bytes(), origin), time(*at), Body::Columns));
        slots.extend([Slot::Time(time(*at)), field.clone()]);
        slots.extend_from_slice(key);
        let figures = [Some(score.value), score.expected, score.lower, score.upper, score.score];
        slots.extend(figures.map(|figure| figure.map_or(Slot::Null, Slot::Float)));
    }
    let mut batch = derived(rows, partition);
    batch.set_columns(Arc::clone(columns), slots, text);
    batch
}

/// A value of a key, put at the end of `text`.
pub(super) fn slot(value: Option<&str>, text: &mut String) -> Slot {
    let Some(value) = value else { return Slot::Missing };
    let start = text.len();
    text.push_str(value);
    match (u32::try_from(start), u32::try_from(text.len())) {
        (Ok(start), Ok(end)) => Slot::Text { start, end },
        // Beyond four gigabytes of text in one batch, it stands beside it.
        _ => Slot::Value(Arc::new(Value::from(value))),
    }
}

/// A row without bytes: what it is stands in its body or in the columns.
pub(crate) fn row_of(position: u64, time: Time, body: Body) -> Row {
    Row { block: 0, start: 0, end: 0, position, time, seen: time, body }
}

/// A batch of this component's own events.
pub(crate) fn derived(rows: Vec<Row>, partition: &Arc<Partition>) -> Batch {
    let mut batch = Batch::new(Block::new(Bytes::new(), Arc::clone(partition)), rows);
    batch.note_times();
    batch
}

/// As the daemon has it.
pub(crate) fn time(moment: Micros) -> Time {
    Time::from_micros(moment.0)
}
