//! A batch as bytes, for whatever outlives the process: disk buffers and dead letters.
//!
//! A version, then `postcard`. What an event came in as and its place stay, so that its identity does; columns that were
//! taken out do not, for they can be taken out again. Events that are columns, or that a program has made, keep their
//! fields with their types.

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use vrl::value::{KeyString, Value};

use super::batch::Batch;
use super::row::{Block, Body, Partition, Row};
use crate::snapshot;
use crate::time::Time;

/// The version of this form.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StoredBatch<'s> {
    #[serde(borrow)]
    blocks: Vec<StoredBlock<'s>>,
    #[serde(borrow)]
    rows: Vec<StoredRow<'s>>,
}

#[derive(Serialize, Deserialize)]
struct StoredBlock<'s> {
    partition: &'s str,
    greatest: i64,
    /// The events' bytes one after the other, and nothing else of the block.
    bytes: &'s [u8],
}

#[derive(Serialize, Deserialize)]
struct StoredRow<'s> {
    block: u32,
    start: u32,
    end: u32,
    position: u64,
    time: i64,
    seen: i64,
    #[serde(borrow)]
    body: StoredBody<'s>,
}

#[derive(Serialize, Deserialize)]
enum StoredBody<'s> {
    Line,
    Json,
    #[serde(borrow)]
    Value(StoredValue<'s>),
}

#[derive(Serialize, Deserialize)]
enum StoredValue<'s> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(&'s str),
    Bytes(&'s [u8]),
    /// Seconds and nanoseconds since 1970.
    Time(i64, u32),
    #[serde(borrow)]
    Array(Vec<StoredValue<'s>>),
    #[serde(borrow)]
    Object(Vec<(&'s str, StoredValue<'s>)>),
}

/// The batch as bytes.
///
/// # Errors
/// It can't be encoded, which does not happen with what fits into memory.
pub fn encode(batch: &Batch) -> anyhow::Result<Vec<u8>> {
    let mut bytes: Vec<BytesMut> = batch.blocks().iter().map(|_| BytesMut::new()).collect();
    let values: Vec<Option<Value>> = (0..batch.len())
        .map(|row| match batch.rows()[row].body {
            Body::Line | Body::Json => None,
            Body::Columns | Body::Value(_) => Some(batch.value(row)),
        })
        .collect();
    let mut rows = Vec::with_capacity(batch.len());
    for (place, row) in batch.rows().iter().enumerate() {
        let mine = &mut bytes[row.block as usize];
        let start = u32::try_from(mine.len()).context("a batch is too large to be stored")?;
        mine.extend_from_slice(batch.raw(place));
        let end = u32::try_from(mine.len()).context("a batch is too large to be stored")?;
        let body = match (&row.body, &values[place]) {
            (Body::Line, _) => StoredBody::Line,
            (Body::Json, _) => StoredBody::Json,
            (_, value) => StoredBody::Value(value.as_ref().map_or(StoredValue::Null, StoredValue::new)),
        };
        let (time, seen) = (row.time.as_micros(), row.seen.as_micros());
        rows.push(StoredRow { block: row.block, start, end, position: row.position, time, seen, body });
    }
    let blocks = batch.blocks().iter().zip(&bytes);
    let blocks = blocks.map(|(block, bytes)| StoredBlock {
        partition: block.partition.name(),
        greatest: block.greatest.as_micros(),
        bytes,
    });
    snapshot::encode(VERSION, &StoredBatch { blocks: blocks.collect(), rows })
}

/// The batch that [`encode`] made these bytes of; it shares them.
///
/// # Errors
/// They are none, or of another version.
pub fn decode(stored: &Bytes) -> anyhow::Result<Batch> {
    let StoredBatch { blocks, rows } = snapshot::borrow(VERSION, stored)?;
    let made = blocks.iter().map(|block| {
        Block::new(stored.slice_ref(block.bytes), Partition::new(block.partition, ""))
            .reaching(Time::from_micros(block.greatest))
    });
    let mut batch = Batch::default();
    batch.set_blocks(made.collect());
    for row in rows {
        let range = row.start as usize..row.end as usize;
        let known = blocks.get(row.block as usize).is_some_and(|block| block.bytes.get(range).is_some());
        anyhow::ensure!(known, "a stored event lies outside of its block");
        batch.push(Row {
            block: row.block,
            start: row.start,
            end: row.end,
            position: row.position,
            time: Time::from_micros(row.time),
            seen: Time::from_micros(row.seen),
            body: match row.body {
                StoredBody::Line => Body::Line,
                StoredBody::Json => Body::Json,
                StoredBody::Value(value) => Body::Value(value.into_value().into()),
            },
        });
    }
    Ok(batch)
}

impl<'s> StoredValue<'s> {
    fn new(value: &'s Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Float(value) => Self::Float(value.into_inner()),
            Value::String(text) => Self::Text(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            // Nothing but a program works with patterns; outside of one it is its text.
            Value::Regex(pattern) => Self::Text(pattern.as_str()),
            Value::Timestamp(time) => Self::Time(time.timestamp(), time.timestamp_subsec_nanos()),
            Value::Array(values) => Self::Array(values.iter().map(Self::new).collect()),
            Value::Object(fields) => {
                Self::Object(fields.iter().map(|(key, value)| (key.as_str(), Self::new(value))).collect())
            }
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Float(value) => Value::from_f64_or_zero(value),
            Self::Text(text) => Value::from(text),
            Self::Bytes(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes)),
            Self::Time(seconds, nanoseconds) => {
                chrono::DateTime::from_timestamp(seconds, nanoseconds).map_or(Value::Null, Value::Timestamp)
            }
            Self::Array(values) => Value::Array(values.into_iter().map(Self::into_value).collect()),
            Self::Object(fields) => {
                let field = |(key, value): (&str, Self)| (KeyString::from(key), value.into_value());
                Value::Object(fields.into_iter().map(field).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Columns, Slot, write_json};

    fn json(batch: &Batch, row: usize) -> String {
        let mut text = Vec::new();
        write_json(batch, row, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn comes_back_as_it_was() {
        let time = Time::from_micros(1_700_000_000_000_001);
        let bytes = Bytes::from_static(b"skipped plain\xff line {\"a\": 1}derived");
        let block = Block::new(bytes, Partition::new("p/s", "file")).reaching(time);
        let value = Value::Object(
            [
                ("at".into(), Value::Timestamp(time.to_chrono().unwrap())),
                ("deep".into(), Value::Array(vec![Value::from_f64_or_zero(1.5), Value::Null, Value::from(true)])),
                ("raw".into(), Value::Bytes(Bytes::from_static(b"\xfe"))),
            ]
            .into(),
        );
        let rows = vec![
            Row { position: 8, ..Row::line(8, 19, 8, time) },
            Row { body: Body::Json, ..Row::line(20, 28, 20, time) },
            Row { body: Body::Value(value.into()), ..Row::line(28, 35, 28, Time::EPOCH) },
        ];
        let batch = Batch::new(block, rows);
        let back = decode(&encode(&batch).unwrap().into()).unwrap();
        assert_eq!(back.len(), 3);
        for row in 0..3 {
            assert_eq!((back.raw(row), back.id(row)), (batch.raw(row), batch.id(row)));
            assert_eq!(back.value(row), batch.value(row));
            let (one, other) = (&back.rows()[row], &batch.rows()[row]);
            assert_eq!((one.time, one.seen, one.position), (other.time, other.seen, other.position));
        }
        assert_eq!(back.blocks()[0].partition.name(), "p/s:file");
        assert_eq!(back.blocks()[0].greatest, time);
        assert_eq!(back.blocks()[0].bytes.len(), 11 + 8 + 7, "what no event has is left out");
    }

    #[test]
    fn columns_become_fields() {
        let block = Block::new(Bytes::new(), Partition::new("p/w", ""));
        let mut batch = Batch::new(block, vec![Row { body: Body::Columns, ..Row::line(0, 0, 7, Time::EPOCH) }]);
        let columns = Columns::new(["count", "key"].map(vrl::path::OwnedValuePath::single_field));
        batch.set_columns(columns, vec![Slot::Integer(3), Slot::Text { start: 0, end: 1 }], "k".to_owned());
        let back = decode(&encode(&batch).unwrap().into()).unwrap();
        assert_eq!(json(&back, 0), r#"{"count":3,"key":"k"}"#);
        assert_eq!(back.id(0), batch.id(0));
    }

    #[test]
    fn refuses_what_it_did_not_make() {
        let batch = Batch::new(
            Block::new(Bytes::from_static(b"x"), Partition::new("p/s", "")),
            vec![Row::line(0, 1, 0, Time::EPOCH)],
        );
        let stored = encode(&batch).unwrap();
        for length in 0..stored.len() {
            assert!(decode(&Bytes::copy_from_slice(&stored[..length])).is_err(), "{length} bytes");
        }
        let mut other = stored;
        other[0] = VERSION + 1;
        assert!(decode(&other.into()).is_err());
    }
}
