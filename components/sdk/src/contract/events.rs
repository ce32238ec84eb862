//! Events for a component: of the fields that it reads, with values of all kinds, in no order, and some that are no
//! documents at all.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use vrl::path::{OwnedSegment, OwnedValuePath};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::event::{Batch, Block, Body, Partition, Row};
use crate::time::Time;

/// Numbers that look random and are the same in every run.
pub(super) struct Dice {
    seed: u64,
    throws: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, throws: 0 }
    }

    /// A number below `sides`.
    pub(super) fn throw(&mut self, sides: u64) -> u64 {
        self.throws += 1;
        xxh3_64_with_seed(&self.throws.to_le_bytes(), self.seed) % sides.max(1)
    }
}

/// The moment around which events happen.
const AROUND: Time = Time::from_micros(1_700_000_000_000_000);

/// A batch of up to 200 events of two partitions, some of which have the fields `paths`.
pub(super) fn batch(dice: &mut Dice, paths: &[OwnedValuePath], position: u64) -> Batch {
    let mut batch = Batch::default();
    for partition in 0..=dice.throw(2) {
        let (mut text, mut rows) = (Vec::new(), Vec::new());
        for offset in 0..dice.throw(100) {
            let start = text.len();
            let is_document = dice.throw(8) > 0;
            if is_document {
                text.extend(document(dice, paths).to_string().into_bytes());
            } else {
                text.extend(b"no document\xff {".iter().take(usize::try_from(dice.throw(15)).unwrap_or(0)));
            }
            let spread = Duration::from_millis(dice.throw(120_000));
            let (start, end) = (u32::try_from(start).unwrap_or(0), u32::try_from(text.len()).unwrap_or(0));
            let mut row = Row::line(start, end, position + offset, AROUND.after(spread));
            if is_document && dice.throw(2) == 0 {
                row.body = Body::Json;
            }
            rows.push(row);
        }
        let partition = Partition::new("contract/source", &partition.to_string());
        let mut part = Batch::new(Block::new(Bytes::from(text), partition), rows);
        part.note_times();
        batch.append(part);
    }
    batch
}

fn document(dice: &mut Dice, paths: &[OwnedValuePath]) -> Value {
    let mut document = json!({ "timestamp": "2023-11-14T22:13:20Z", "message": "text" });
    for path in paths {
        if dice.throw(8) > 0 {
            put(&mut document, &path.segments, value(dice));
        }
    }
    document
}

fn put(into: &mut Value, path: &[OwnedSegment], value: Value) {
    match path.split_first() {
        None => *into = value,
        Some((OwnedSegment::Field(name), rest)) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            put(&mut into[name.as_str()], rest, value);
        }
        // Into a list nothing is put: there the field is missing.
        Some(_) => {}
    }
}

fn value(dice: &mut Dice) -> Value {
    match dice.throw(12) {
        0 => Value::Null,
        1 => json!(dice.throw(2) == 0),
        2 => json!("INFO"),
        3 => json!(["a", "list"]),
        4 => json!(-1.5e300),
        5 => json!("ERROR"),
        _ => json!(dice.throw(2000)),
    }
}
